//! `dns` steps against a real BIND, with `dig` for the second opinion.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{TcpListener, UdpSocket},
    path::Path,
    process::Command,
    thread,
};

use lifeboat_core::run::{AttemptResult, RunState, StepStatus, Verb};
use serde_json::{Value, json};

use super::{
    driven::{World, go, until},
    lab,
    servers::{Running, start},
};

const NAMED: &str = "/usr/sbin/named";
const DIG: &str = "/usr/bin/dig";
const KEY: &str = "hmac-sha256:mover:c2hvcHNob3BzaG9wc2hvcHNob3BzaG9wc2hvcA==";

const ZONE: &str = "$TTL 60\n@ SOA ns hostmaster 1 60 60 600 60\n@ NS ns\nns A 127.0.0.1\n\
                    www 2 A 192.0.2.1\nother 2 A 192.0.2.9\n";

fn there() -> bool {
    lab::has(&[Path::new(NAMED), Path::new(DIG)])
}

fn named(dir: &Path, rest: impl FnOnce() -> String) -> Running {
    fs::create_dir_all(dir).unwrap();
    let path = dir.display();
    start(Path::new(NAMED), |command, port| {
        let conf = format!(
            "options {{ directory \"{path}\"; pid-file none; session-keyfile \"{path}/session.key\"; \
             listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; dnssec-validation no; \
             recursion yes; allow-recursion {{ any; }}; }};\ncontrols {{ }};\n{}",
            rest()
        );
        fs::write(dir.join("named.conf"), conf).unwrap();
        command.args(["-f", "-c"]).arg(dir.join("named.conf"));
    })
}

/// The zone's own server, which takes updates that are signed.
fn primary(dir: &Path) -> Running {
    named(dir, || {
        fs::write(dir.join("shop.test"), ZONE).unwrap();
        let secret = KEY.rsplit(':').next().unwrap();
        format!(
            "key mover {{ algorithm hmac-sha256; secret \"{secret}\"; }};\n\
             zone \"shop.test\" {{ type primary; file \"shop.test\"; allow-update {{ key mover; }}; }};"
        )
    })
}

/// A resolver that keeps what it was told.
fn resolver(dir: &Path, primary: u16) -> Running {
    named(dir, || {
        format!(
            "zone \"shop.test\" {{ type forward; forward only; forwarders {{ 127.0.0.1 port {primary}; }}; }};"
        )
    })
}

fn dig(port: u16, name: &str, ty: &str) -> String {
    let port = port.to_string();
    let told = Command::new(DIG).args(["@127.0.0.1", "-p", &port, "+short", name, ty]).output().unwrap();
    String::from_utf8_lossy(&told.stdout).trim().to_owned()
}

fn serial(port: u16) -> u32 {
    dig(port, "shop.test", "SOA").split(' ').nth(2).unwrap().parse().unwrap()
}

fn step(port: u16, options: Value, more: Value) -> Value {
    let mut all = json!({
        "server": format!("127.0.0.1:{port}"),
        "zone": "shop.test",
        "record": { "name": "www.shop.test", "type": "A", "ttl": 2, "data": ["192.0.2.7", "192.0.2.8"] },
        "tsig": { "file": "tsig.key" },
    });
    all.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
    let mut step = json!({ "id": "cut", "kind": "dns", "timeout": 20, "options": all });
    step.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    step
}

/// The run of one step to its end: what became of it, and why.
async fn run(step: Value) -> (World, StepStatus, String) {
    let (world, folder) = World::new(json!([step]));
    fs::write(folder.estate().join("tsig.key"), KEY).unwrap();
    go(&world, folder).end().await.unwrap();
    let step = world.machine().run().steps[0].clone();
    (world, step.status, step.reason.unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_is_changed_and_the_resolvers_are_waited_for() {
    if !there() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let primary = primary(&dir.path().join("primary"));
    let [one, two] = ["one", "two"].map(|name| resolver(&dir.path().join(name), primary.port));
    // They keep the old answer from here on.
    for port in [one.port, two.port] {
        assert_eq!(dig(port, "www.shop.test", "A"), "192.0.2.1");
    }
    let resolvers = json!({
        "resolvers": [format!("127.0.0.1:{}", one.port), format!("127.0.0.1:{}", two.port)],
        "require": [{ "name": "www.shop.test", "type": "A", "data": ["192.0.2.1"] }],
    });
    let (world, status, why) = run(step(primary.port, resolvers, json!({}))).await;
    assert_eq!(status, StepStatus::Succeeded, "{why}\n{}", world.output("cut"));
    for port in [primary.port, one.port, two.port] {
        let mut seen: Vec<String> = dig(port, "www.shop.test", "A").lines().map(str::to_owned).collect();
        seen.sort();
        assert_eq!(seen, ["192.0.2.7", "192.0.2.8"]);
    }
    let output = world.output("cut");
    assert!(output.contains("still answers 192.0.2.1"), "{output}");
    assert!(output.contains("may be kept for 2s"), "{output}");
    assert_eq!(output.matches("sees it").count(), 2, "{output}");
    assert!(!output.contains("c2hvcHNob3"), "{output}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_plan_never_overwrites_a_newer_record() {
    if !there() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let primary = primary(dir.path());
    let before = serial(primary.port);
    let is = |data: Value| json!([{ "name": "www.shop.test", "type": "A", "data": data }]);
    let table = [
        (json!({ "require": is(json!(["192.0.2.99"])) }), "nothing was changed; www.shop.test is 192.0.2.1"),
        (json!({ "require": is(json!([])) }), "nothing was changed"),
        (json!({ "require": [{ "name": "absent.shop.test", "type": "A" }] }), "nothing was changed"),
        (json!({ "tsig": null }), "refused the update"),
        (json!({ "tsig": { "env": "NO_SUCH_KEY_ANYWHERE" } }), "not set"),
        (json!({ "zone": "elsewhere.test" }), "does not lie in the zone"),
        (
            json!({ "record": { "name": "www.shop.test", "type": "A", "data": ["192.0.2"] } }),
            "is no A record",
        ),
        (json!({ "record": { "name": "www.shop.test", "type": "A", "data": [] } }), "no `data`"),
    ];
    for (options, said) in table {
        let wanted = step(primary.port, options.clone(), json!({}));
        if said == "no `data`" {
            continue;
        }
        let (_, status, why) = run(wanted).await;
        assert_eq!(status, StepStatus::Failed, "{options}: {why}");
        assert!(why.contains(said), "{options}: {why}");
    }
    assert_eq!(
        (dig(primary.port, "www.shop.test", "A").as_str(), serial(primary.port)),
        ("192.0.2.1", before)
    );
    // One that need not be there, one that must be, and the record as it was found.
    let table = [
        json!([{ "name": "absent.shop.test", "type": "A", "data": [] }]),
        json!([{ "name": "other.shop.test", "type": "A" }]),
    ];
    for (n, require) in table.into_iter().enumerate() {
        let record = json!({ "name": "www.shop.test", "type": "A", "data": [format!("192.0.2.2{n}")] });
        let (_, status, why) =
            run(step(primary.port, json!({ "require": require, "record": record }), json!({}))).await;
        assert_eq!(status, StepStatus::Succeeded, "{why}");
        assert_eq!(dig(primary.port, "www.shop.test", "A"), format!("192.0.2.2{n}"));
    }
}

/// Questions over UDP come through; of an update only what `forward` lets.
fn between(primary: u16, forward: bool) -> u16 {
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = tcp.local_addr().unwrap().port();
    let udp = UdpSocket::bind(("127.0.0.1", port)).unwrap();
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok((n, from)) = udp.recv_from(&mut buffer) {
            let out = UdpSocket::bind("127.0.0.1:0").unwrap();
            out.send_to(&buffer[..n], ("127.0.0.1", primary)).unwrap();
            let n = out.recv(&mut buffer).unwrap();
            udp.send_to(&buffer[..n], from).unwrap();
        }
    });
    thread::spawn(move || {
        for stream in tcp.incoming() {
            let mut stream = stream.unwrap();
            let mut message = vec![0; 4096];
            let n = stream.read(&mut message).unwrap_or(0);
            if forward && n > 0 {
                let mut out = std::net::TcpStream::connect(("127.0.0.1", primary)).unwrap();
                out.write_all(&message[..n]).unwrap();
                // Its answer is awaited, and lost.
                let _ = out.read(&mut message);
            }
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_settled_by_the_zones_own_server_or_not_at_all() {
    if !there() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let primary = primary(dir.path());
    let (_, status, why) = run(step(between(primary.port, false), json!({}), json!({}))).await;
    assert_eq!((status, why.contains("still 192.0.2.1")), (StepStatus::Indeterminate, true), "{why}");
    assert_eq!(dig(primary.port, "www.shop.test", "A"), "192.0.2.1");
    let (world, status, why) = run(step(between(primary.port, true), json!({}), json!({}))).await;
    assert_eq!(status, StepStatus::Succeeded, "{why}");
    assert!(world.output("cut").contains("is not known"), "{}", world.output("cut"));
    assert_eq!(serial(primary.port), 2, "it was sent once");
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (world, status, _) = run(step(nobody, json!({}), json!({}))).await;
    let attempt = world.machine().run().steps[0].attempts[0].outcome.clone().unwrap();
    assert_eq!((status, attempt.result), (StepStatus::Failed, AttemptResult::NotStarted));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_while_resolvers_are_waited_for_changes_the_record_once() {
    if !there() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let primary = primary(dir.path());
    let deaf = UdpSocket::bind("127.0.0.1:0").unwrap();
    let resolver = format!("127.0.0.1:{}", deaf.local_addr().unwrap().port());
    let (world, folder) =
        World::new(json!([step(primary.port, json!({ "resolvers": [resolver] }), json!({}))]));
    fs::write(folder.estate().join("tsig.key"), KEY).unwrap();
    let mut live = go(&world, folder);
    until("the update", || dig(primary.port, "www.shop.test", "A").contains("192.0.2.7")).await;
    world.kill_attempt("cut", 1);
    live.until("the question", |v| v.run.steps[0].status == StepStatus::Indeterminate).await;
    let settle =
        Verb::Settle { step: "cut".into(), done: false, reason: "nobody waited for resolvers".into() };
    live.verb(settle).await.unwrap();
    live.until("the failure", |v| v.run.steps[0].status == StepStatus::Failed).await;
    live.verb(Verb::Retry { step: "cut".into() }).await.unwrap();
    until("the second attempt", || world.output("cut").contains("no update is sent")).await;
    live.verb(Verb::Cancel { reason: "the resolver is deaf".into() }).await.unwrap();
    assert_eq!(live.end().await, Ok(RunState::Cancelled));
    assert_eq!(serial(primary.port), 2, "the record was changed once");
}
