//! A run driven inside this process, with the real attempt program: a person's
//! verbs, leaving, http steps, and a journal whose disk fails.

use std::{
    fs,
    io::{self, Read as _, Write as _},
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use lifeboat::keep::{
    journal::{Journal, Sink},
    runs::attempt_dir,
};
use lifeboat_core::{
    model::*,
    run::{RunState, StepStatus, Verb},
};
use serde_json::{Value, json};

use super::driven::{PATIENCE, World, go};

fn command(id: &str, script: &str, more: Value) -> Value {
    let mut step = json!({ "id": id, "kind": "command", "options": { "run": ["sh", "-c", script] } });
    step.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    step
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destructive_step_acts_only_after_its_name_was_typed() {
    let more = json!({ "destructive": true, "target": "eu-central-1" });
    let (world, folder) = World::new(json!([command("promote", "echo promoted", more)]));
    let mut live = go(&world, folder);
    let view = live.until("the question", |v| !v.asks.is_empty()).await;
    assert_eq!(view.run.state, RunState::Waiting);
    let confirm = |typed: &str| Verb::Confirm { step: "promote".into(), typed: typed.into() };
    assert_eq!(live.verb(confirm("yes")).await.unwrap_err().code, Code::RUN_CONFIRM);
    assert_eq!(world.attempts("promote"), 0);
    live.verb(confirm("eu-central-1")).await.unwrap();
    let view = live.until("the end", |v| v.run.state.is_over()).await;
    assert_eq!((view.run.state, view.tail.clone()), (RunState::Completed, vec!["promoted".to_owned()]));
    assert_eq!(live.end().await, Ok(RunState::Completed));
    let shown = lifeboat::keep::runs::list(world.run.parent().unwrap());
    assert_eq!(shown[0].row.as_ref().unwrap().state, RunState::Completed);
}

#[tokio::test(flavor = "multi_thread")]
async fn output_is_seen_while_it_is_printed_and_a_cancel_ends_the_group() {
    let script = "trap 'echo told; exit 3' TERM; echo hello; sleep 600 & wait";
    let (world, folder) =
        World::new(json!([command("long", script, json!({})), command("next", "true", json!({}))]));
    let mut live = go(&world, folder);
    live.until("its output", |v| v.tail == ["hello"]).await;
    assert!(live.verb(Verb::Cancel { reason: String::new() }).await.is_err());
    live.verb(Verb::Cancel { reason: "wrong region".into() }).await.unwrap();
    let view = live.until("the end", |v| v.run.state.is_over()).await;
    let status = ["long", "next"].map(|s| view.run.step(s).unwrap().status);
    assert_eq!((view.run.state, status), (RunState::Cancelled, [StepStatus::Cancelled; 2]));
    assert_eq!(view.tail, ["hello", "told"]);
    assert_eq!(world.attempts("next"), 0);
    let lock = attempt_dir(&world.run, &"long".into(), 1).join("lock");
    assert!(!lifeboat::keep::lock::is_held(&lock).unwrap(), "nothing of the group is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn leaving_lets_the_attempt_finish_and_begins_none() {
    let (world, folder) = World::new(json!([
        command("a", "echo begun; while [ ! -e ../go ]; do sleep 0.05; done; echo finished", json!({})),
        command("b", "echo b", json!({})),
    ]));
    let mut live = go(&world, folder);
    live.until("its output", |v| v.tail == ["begun"]).await;
    live.leave.cancel();
    assert_eq!(live.end().await, Ok(RunState::Running));
    fs::write(world.run.join("go"), "").unwrap();
    let outcome = attempt_dir(&world.run, &"a".into(), 1).join("outcome");
    let waited = async {
        while !outcome.exists() {
            tokio::time::sleep(Duration::from_millis(10)).await
        }
    };
    tokio::time::timeout(PATIENCE, waited).await.expect("the attempt to finish by itself");
    assert_eq!(world.attempts("b"), 0);
    assert_eq!(go(&world, world.open()).end().await, Ok(RunState::Completed));
    assert_eq!((world.attempts("a"), world.attempts("b")), (1, 1));
}

/// Answers each request with the next of `answers`, the last one for ever;
/// an empty answer closes the connection. Counts what arrived.
fn serve(answers: Vec<&'static str>) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    let arrived = count.clone();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut buffer = [0; 4096];
            if stream.read(&mut buffer).unwrap_or(0) == 0 {
                continue;
            }
            let n = arrived.fetch_add(1, Ordering::SeqCst);
            let answer = answers.get(n).or(answers.last()).unwrap();
            let (status, body) = answer.split_once('|').unwrap_or(("", ""));
            if !status.is_empty() {
                let head = format!(
                    "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                    body.len()
                );
                let _ = stream.write_all(format!("{head}{body}").as_bytes());
            }
        }
    });
    (address, count)
}

fn request(url: &str, more: Value) -> Value {
    let mut step = json!({ "id": "switch", "kind": "http", "timeout": 10, "options": { "url": url } });
    step.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    step
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_sent_once_and_its_answer_decides() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let table = [
        (serve(vec!["200 OK|{\"lost\": 41}"]), StepStatus::Succeeded, 1),
        (serve(vec!["503 Service Unavailable|no"]), StepStatus::Failed, 1),
        (serve(vec![""]), StepStatus::Indeterminate, 1),
        ((format!("http://{nobody}"), Arc::default()), StepStatus::Failed, 0),
    ];
    for ((url, arrived), status, requests) in table {
        let outputs = json!({ "outputs": { "lost": "/lost" }, "retry": { "attempts": 1 } });
        let (world, folder) = World::new(json!([request(&url, outputs)]));
        let state = go(&world, folder).end().await.unwrap();
        let run = world.open().machine().unwrap().run().clone();
        let step = run.step("switch").unwrap();
        assert_eq!(step.status, status, "{:?}", step.reason);
        assert_eq!(arrived.load(Ordering::SeqCst), requests, "{status:?}");
        assert_eq!(state == RunState::Completed, status == StepStatus::Succeeded);
        if status == StepStatus::Succeeded {
            assert_eq!(step.outputs["lost"], json!(41));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_is_asked_before_and_after_and_turns_a_failure_into_success() {
    let (url, _) = serve(vec!["404 Not Found|", "200 OK|"]);
    let verify = json!({ "verify": { "kind": "http", "target": url, "expect": { "status": 200 } } });
    let (world, folder) = World::new(json!([command("a", "exit 3", verify)]));
    assert_eq!(go(&world, folder).end().await, Ok(RunState::Completed));
    let reason = world.open().machine().unwrap().run().steps[0].reason.clone().unwrap();
    assert!(reason.contains("exit 3") && reason.contains("verify says done"), "{reason}");
}

/// A disk that takes so many lines and then a part of one more.
struct Disk {
    file: fs::File,
    lines: usize,
}
impl Sink for Disk {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.lines.checked_sub(1) {
            Some(left) => {
                self.lines = left;
                self.file.append(bytes)
            }
            None => {
                let _ = self.file.append(&bytes[..bytes.len() / 2]);
                Err(io::ErrorKind::StorageFull.into())
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_fails_stops_the_run_and_nothing_acts_unrecorded() {
    for lines in 0..9 {
        let (world, mut folder) = World::new(json!(
            ["a", "b"].map(|id| { command(id, "echo $LIFEBOAT_STEP >> ../../../../../count", json!({})) })
        ));
        let path = folder.dir.join("journal.jsonl");
        let file = fs::OpenOptions::new().append(true).open(&path).unwrap();
        let head = folder.records[0].sum.clone();
        folder.journal = Some(Journal::over(&path, Box::new(Disk { file, lines }), 1, head));
        let mut live = go(&world, folder);
        let shown = live.until("trouble or the end", |v| v.trouble.is_some() || v.run.state.is_over()).await;
        let ended = live.end().await;
        if lines < 8 {
            let problem = ended.unwrap_err();
            assert_eq!(problem.code, Code::JOURNAL_WRITE, "{lines}");
            assert_eq!(shown.trouble, Some(problem));
        } else {
            assert_eq!(ended, Ok(RunState::Completed));
        }
        // One line taken up, one reached, one intended: before that nothing may have acted.
        let acted = fs::read_to_string(world.count()).unwrap_or_default();
        assert!(lines >= 3 || acted.is_empty(), "after {lines} lines: {acted:?}");
        assert!(lines >= 6 || !acted.contains('b'), "after {lines} lines: {acted:?}");
        assert_eq!(go(&world, world.open()).end().await, Ok(RunState::Completed));
        assert_eq!(fs::read_to_string(world.count()).unwrap(), "a\nb\n", "after {lines} lines");
    }
}
