//! What is looked at before a run and at the moment of acting: shown, red until
//! it is put right or overridden, and changing nothing.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use lifeboat_core::{
    model::*,
    run::{AskKind, CheckState, Gate, RunState, Verb},
};
use serde_json::{Value, json};

use super::driven::{World, go, until};

/// A service that is well or not, as it is told.
fn service(well: bool) -> (String, Arc<AtomicBool>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/health", listener.local_addr().unwrap());
    let state = Arc::new(AtomicBool::new(well));
    let now = state.clone();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let status = if now.load(Ordering::SeqCst) { "200 OK" } else { "503 Service Unavailable" };
            let _ = write!(stream, "HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        }
    });
    (url, state)
}

fn region(id: &str, health: &str) -> Value {
    json!({ "id": id, "health": [{ "kind": "http", "target": health }] })
}

fn acting(more: Value) -> Value {
    let mut step = json!({ "id": "act", "kind": "command", "options": { "run": ["sh", "-c", "echo acted >> ../../../../../count"] } });
    step.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    step
}

fn acted(world: &World) -> bool {
    world.count().exists()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_run_will_touch_is_shown_and_red_waits_for_a_person() {
    let dir = tempfile::tempdir().unwrap();
    for n in 0..3 {
        fs::write(dir.path().join(format!("object-{n}")), "12345").unwrap();
    }
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let estate = Estate {
        stores: serde_json::from_value(json!([
            { "id": "from", "url": format!("file://{}", dir.path().display()), "region": "eu" },
            { "id": "to", "url": "s3://bucket", "endpoint": format!("http://{nobody}"), "region": "us" },
        ]))
        .unwrap(),
        ..Estate::default()
    };
    let steps = json!([
        acting(json!({})),
        { "id": "gone", "kind": "command", "options": { "run": ["./bin/nothing-there"] } },
        { "id": "copy", "kind": "copy", "options": { "from": "from", "to": "to/x" } },
    ]);
    let (world, folder) = World::watched(estate, steps);
    let mut live = go(&world, folder);
    let view = live.until("the precheck", |v| !v.run.precheck.is_empty()).await;
    assert_eq!(view.run.state, RunState::Prechecking);
    let found =
        |id: &str| view.run.precheck.iter().find(|i| i.id == id).unwrap_or_else(|| panic!("{id}")).clone();
    assert_eq!((found("copy:copy").state, &*found("copy:copy").detail), (CheckState::Ok, "3 objects, 15 B"));
    assert_eq!(found("program:act").state, CheckState::Ok);
    assert_eq!(found("program:gone").state, CheckState::Red);
    assert_eq!(found("credentials:from").state, CheckState::Ok);
    let there = found("credentials:to");
    assert_eq!((there.state, there.what.contains("in us")), (CheckState::Red, true), "{there:?}");
    assert!(!acted(&world), "a precheck changes nothing");

    // Put right, and looked at again; the rest is taken upon oneself.
    let bin = world.run.join("estate/bin");
    fs::create_dir_all(&bin).unwrap();
    fs::copy("/bin/true", bin.join("nothing-there")).unwrap();
    live.verb(Verb::Recheck).await.unwrap();
    let ok = |v: &lifeboat_core::run::RunView| {
        v.run.precheck.iter().any(|i| i.id == "program:gone" && i.state == CheckState::Ok)
    };
    let view = live.until("the second look", ok).await;
    let AskKind::Override { gate, .. } = &view.asks[0].kind else { panic!("{:?}", view.asks) };
    assert_eq!(*gate, Gate::Precheck { item: "credentials:to".into() });
    let verb = Verb::Override { gate: gate.clone(), reason: "its region is down".into(), typed: None };
    live.verb(verb).await.unwrap();
    until("the first step", || acted(&world)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interlock_rests_on_what_is_seen_at_the_moment_of_acting() {
    let (one, one_is) = service(true);
    let (two, _) = service(false);
    let interlock = |v: Value| serde_json::from_value::<Options>(v).unwrap();
    let estate = || Estate {
        regions: serde_json::from_value(json!([region("eu", &one), region("us", &two)])).unwrap(),
        interlocks: vec![
            interlock(json!({ "id": "one-serves", "any": ["in-service:eu", "in-service:us"], "wait": 1.2 })),
            interlock(json!({ "id": "not-us", "all": ["in-service:us"], "invert": true })),
        ],
        ..Estate::default()
    };
    let step = || json!([acting(json!({ "point_of_no_return": true }))]);
    let (world, folder) = World::watched(estate(), step());
    let began = std::time::Instant::now();
    assert_eq!(go(&world, folder).end().await.map(RunState::is_over), Ok(true));
    let run = world.machine().run().clone();
    let states: Vec<_> =
        run.precheck.iter().filter(|i| i.id.starts_with("interlock")).map(|i| i.state).collect();
    assert_eq!(states, [CheckState::Warning, CheckState::Ok], "{:?}", run.precheck);
    assert!(acted(&world) && began.elapsed().as_millis() >= 1_200, "it must have held for so long");

    one_is.store(false, Ordering::SeqCst);
    let (world, folder) = World::watched(estate(), step());
    let mut live = go(&world, folder);
    let view = live.until("the precheck", |v| !v.asks.is_empty()).await;
    assert!(view.asks[0].sentence.contains("one-serves"), "{}", view.asks[0].sentence);
    let gate = Gate::Precheck { item: "interlock:one-serves".into() };
    live.verb(Verb::Override { gate, reason: "seen by telephone".into(), typed: None }).await.unwrap();
    // It is looked at again before the step acts, and bars it once more.
    let barred = |v: &lifeboat_core::run::RunView| {
        v.asks.iter().any(|a| matches!(&a.kind, AskKind::Override { gate: Gate::Guard { .. }, .. }))
    };
    live.until("the guard", barred).await;
    assert!(!acted(&world));
    one_is.store(true, Ordering::SeqCst);
    live.until("the end", |v| v.run.state.is_over()).await;
    assert!(acted(&world));
}
