//! `copy` steps between folders and an S3 that is asked to count.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::{Arc, Mutex},
};

use hyper_util::rt::{TokioExecutor, TokioIo};
use lifeboat_core::{
    model::*,
    run::{RunState, StepStatus, Verb},
};
use s3s::{auth::SimpleAuth, service::S3ServiceBuilder};
use serde_json::{Value, json};

use super::{
    driven::{World, go, until},
    lab,
};

/// How often each address was written to, `path?partNumber=N` of parts.
type Counts = Arc<Mutex<BTreeMap<String, usize>>>;

/// S3 over a folder, for as long as the runtime lives; keys `AK` and `SK`.
async fn s3(root: &Path) -> (String, Counts) {
    let mut builder = S3ServiceBuilder::new(s3s_fs::FileSystem::new(root).unwrap());
    builder.set_auth(SimpleAuth::from_single("AK", "SK"));
    let service = builder.build();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let counts = Counts::default();
    let counted = counts.clone();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let (service, counted) = (service.clone(), counted.clone());
            let counting =
                hyper::service::service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
                    if request.method() == "PUT" {
                        let query = request.uri().query().unwrap_or_default();
                        let part = query.split('&').find(|q| q.starts_with("partNumber")).unwrap_or_default();
                        let key = format!("{}{part}", request.uri().path());
                        *counted.lock().unwrap().entry(key).or_default() += 1;
                    }
                    hyper::service::Service::call(&service, request)
                });
            tokio::spawn(async move {
                let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                let _ = server.serve_connection(TokioIo::new(socket), counting).await;
            });
        }
    });
    (url, counts)
}

fn estate(stores: Value) -> Estate {
    Estate { stores: serde_json::from_value(stores).unwrap(), ..Estate::default() }
}

fn step(options: Value) -> Value {
    json!([{ "id": "move", "kind": "copy", "timeout": 120, "options": options,
             "outputs": { "copied": "/copied", "kept": "/there_already" } }])
}

async fn run(estate: Estate, options: Value) -> (World, StepStatus, String) {
    let (world, folder) = World::of(estate, step(options));
    fs::write(folder.estate().join("keys"), KEYS).unwrap();
    go(&world, folder).end().await.unwrap();
    let step = world.machine().run().steps[0].clone();
    (world, step.status, step.reason.unwrap_or_default())
}

const KEYS: &str = r#"{"access_key_id": "AK", "secret_access_key": "SK"}"#;

fn folder(id: &str, path: &Path) -> Value {
    json!({ "id": id, "url": format!("file://{}", path.display()) })
}
fn bucket(id: &str, endpoint: &str) -> Value {
    json!({ "id": id, "url": "s3://bucket", "endpoint": endpoint, "credentials": { "file": "keys" } })
}

fn tree(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let named = |p: &Path| p.strip_prefix(root).unwrap().display().to_string();
    let files =
        lab::files(root).into_iter().filter(|p| !named(p).contains(".s3s") && !named(p).starts_with('.'));
    files.map(|p| (named(&p), fs::read(&p).unwrap())).collect()
}

fn made(root: &Path, files: &[(&str, usize)]) {
    let mut random = fastrand::Rng::with_seed(3);
    for (name, size) in files {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let noise: Vec<u8> = (0..*size).map(|_| random.u8(..)).collect();
        fs::write(path, noise).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_are_copied_once_what_differs_is_replaced_and_nothing_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (dir.path().join("from"), dir.path().join("to"));
    made(&from, &[("in/a", 10), ("in/deep/b c", 20_000), ("in/empty", 0), ("in/big", 20 << 20), ("out", 5)]);
    made(&to, &[("there/a", 9), ("there/other", 7)]);
    let estate = || estate(json!([folder("from", &from), folder("to", &to)]));
    let options = json!({ "from": "from/in", "to": { "store": "to", "path": "there" } });
    let (world, status, why) = run(estate(), options.clone()).await;
    assert_eq!(status, StepStatus::Succeeded, "{why}\n{}", world.output("move"));
    assert_eq!(world.machine().run().steps[0].outputs["copied"], json!(4));
    let (mut expected, found) = (tree(&from.join("in")), tree(&to.join("there")));
    expected.insert("other".into(), found["other"].clone());
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    assert!(found == expected, "bytes differ");

    for (options, said) in [
        (json!({ "from": "from/in", "to": "nowhere/x" }), "no store nowhere"),
        (json!({ "from": "from/in", "to": "from/in/deeper" }), "lies in the other"),
        (json!({ "from": "from/../x", "to": "to" }), "no place in a store"),
    ] {
        let (_, status, why) = run(estate(), options).await;
        assert_eq!((status, why.contains(said)), (StepStatus::Failed, true), "{why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_was_killed_goes_on_and_sends_next_to_nothing_twice() {
    let dir = tempfile::tempdir().unwrap();
    let from = dir.path().join("from");
    let names: Vec<String> = (0..100).map(|n| format!("small/{n:03}")).collect();
    let mut files: Vec<(&str, usize)> = names.iter().map(|n| (n.as_str(), 20_000)).collect();
    files.push(("big", 34 << 20));
    made(&from, &files);
    let root = dir.path().join("s3");
    fs::create_dir_all(root.join("bucket")).unwrap();
    let (url, counts) = s3(&root).await;
    let estate = estate(json!([folder("from", &from), bucket("to", &url)]));
    let options = json!({ "from": "from", "to": "to/into", "rate": "12MiB" });
    let (world, folder) = World::of(estate, step(options));
    fs::write(folder.estate().join("keys"), KEYS).unwrap();
    let mut live = go(&world, folder);
    let enough = || {
        let counts = counts.lock().unwrap();
        counts.keys().any(|k| k.contains("partNumber=2"))
            && counts.keys().filter(|k| k.contains("small")).count() > 20
    };
    until("a part and some objects", enough).await;
    world.kill_attempt("move", 1);
    live.until("the question", |v| v.run.steps[0].status == StepStatus::Indeterminate).await;
    let before = counts.lock().unwrap().clone();
    assert!(before.len() < 105, "it was killed too late: {}", before.len());
    live.verb(Verb::Settle { step: "move".into(), done: false, reason: "killed".into() }).await.unwrap();
    live.until("the failure", |v| v.run.steps[0].status == StepStatus::Failed).await;
    live.verb(Verb::Retry { step: "move".into() }).await.unwrap();
    // A person had to say what became of the first attempt.
    assert_eq!(live.end().await, Ok(RunState::CompletedWithExceptions), "{}", world.output("move"));
    assert!(tree(&root.join("bucket/into")) == tree(&from), "bytes differ");
    let counts = counts.lock().unwrap().clone();
    let twice: Vec<_> = counts.iter().filter(|(_, n)| **n > 1).collect();
    // Those that were on their way when it was killed.
    assert!(twice.len() <= 8 && twice.iter().all(|(_, n)| **n == 2), "{twice:?}");
    assert_eq!(counts.keys().filter(|k| k.contains("partNumber")).count(), 5);
    let kept = world.machine().run().steps[0].outputs["kept"].as_u64().unwrap();
    assert!(kept as usize + 8 >= before.keys().filter(|k| k.contains("small")).count(), "{kept} were kept");
}
