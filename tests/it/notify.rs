//! `notify` steps: a webhook and a program, each told once.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    os::unix::fs::PermissionsExt as _,
    sync::{Arc, Mutex},
    thread,
};

use lifeboat_core::{
    model::*,
    run::{RunState, StepStatus, Verb},
};
use serde_json::{Value, json};

use super::driven::{World, go};

/// What arrived, and what is answered next; `None` closes without a word.
type Hook = (String, Arc<Mutex<Vec<String>>>);

fn hook(answers: Vec<Option<&'static str>>) -> Hook {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let arrived = Arc::new(Mutex::new(Vec::new()));
    let heard = arrived.clone();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, mut buffer) = (stream.unwrap(), vec![0; 8192]);
            let mut text = String::new();
            while !text.contains("\"text\"") {
                let n = stream.read(&mut buffer).unwrap_or(0);
                if n == 0 {
                    break;
                }
                text.push_str(&String::from_utf8_lossy(&buffer[..n]));
            }
            let mut heard = heard.lock().unwrap();
            let answer = *answers.get(heard.len()).or(answers.last()).unwrap();
            heard.push(text);
            if let Some(status) = answer {
                let _ = write!(stream, "HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            }
        }
    });
    (url, arrived)
}

fn world(channels: Value, to: Value) -> (World, lifeboat::keep::runs::RunFolder) {
    let estate = Estate { notify: serde_json::from_value(channels).unwrap(), ..Estate::default() };
    let steps = json!([{ "id": "tell", "kind": "notify", "timeout": 30, "options": { "to": to, "message": "we move" } }]);
    let (world, folder) = World::of(estate, steps);
    fs::create_dir_all(folder.estate().join("bin")).unwrap();
    let program = folder.estate().join("bin/page");
    fs::write(&program, "#!/bin/sh\ncat >> \"$1\"\necho \" by $LIFEBOAT_STEP\" >> \"$1\"\n").unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(folder.estate().join("token"), "hook-token-4711").unwrap();
    (world, folder)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_was_told_is_not_told_again_by_a_retry() {
    let (good, heard) = hook(vec![Some("200 OK")]);
    let (bad, tried) = hook(vec![Some("503 Service Unavailable"), Some("200 OK")]);
    let dir = tempfile::tempdir().unwrap();
    let paged = dir.path().join("paged");
    let channels = json!([
        { "id": "chat", "url": good, "token": { "file": "token" } },
        { "id": "pager", "command": ["./bin/page", paged] },
        { "id": "status", "url": bad },
    ]);
    let (world, folder) = world(channels, json!(["chat", "pager", "status"]));
    let mut live = go(&world, folder);
    let view = live.until("the failure", |v| v.run.steps[0].status == StepStatus::Failed).await;
    assert!(
        view.run.steps[0].reason.as_deref().unwrap().contains("status: 503"),
        "{:?}",
        view.run.steps[0].reason
    );
    live.verb(Verb::Retry { step: "tell".into() }).await.unwrap();
    assert_eq!(live.end().await, Ok(RunState::Completed), "{}", world.output("tell"));
    let heard = heard.lock().unwrap().clone();
    assert_eq!((heard.len(), tried.lock().unwrap().len()), (1, 2));
    assert!(heard[0].contains("authorization: Bearer hook-token-4711"), "{}", heard[0]);
    assert!(heard[0].contains("\"text\":\"we move\""), "{}", heard[0]);
    assert_eq!(fs::read_to_string(paged).unwrap(), "we move by tell\n");
    assert!(world.output("tell").contains("chat was told by an earlier try"), "{}", world.output("tell"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_told_or_is_not_known_to_be_is_said() {
    let (cut, _) = hook(vec![None]);
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let channels = json!([
        { "id": "cut", "url": cut },
        { "id": "nobody", "url": format!("http://{nobody}") },
        { "id": "odd" },
        { "id": "fails", "command": ["false"] },
    ]);
    for (to, status, said) in [
        (json!("cut"), StepStatus::Indeterminate, "not known to be told"),
        (json!("nobody"), StepStatus::Failed, "not told"),
        (json!("fails"), StepStatus::Failed, "exit 1"),
        (json!("odd"), StepStatus::Failed, "either `url` or `command`"),
        (json!("absent"), StepStatus::Failed, "no [[notify]] of this name"),
    ] {
        let (world, folder) = world(channels.clone(), to);
        go(&world, folder).end().await.unwrap();
        let step = world.machine().run().steps[0].clone();
        let why = step.reason.unwrap_or_default();
        assert_eq!((step.status, why.contains(said)), (status, true), "{why}");
    }
}
