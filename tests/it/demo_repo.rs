//! The real pgBackRest reads what the demo's backup job wrote.

use std::{
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use lifeboat::demo::{Options, Ports, World};
use serde_json::Value;

/// The tool with a repository of its own; `None` says that it is not
/// installed, which the lab does not let pass.
fn pgbackrest(dir: &Path, words: &[&str]) -> Option<(bool, String)> {
    let repo = dir.join(".lifeboat/stores/us-east-1/northwind-virginia/pgbackrest");
    let scratch = dir.join(".lifeboat/tool");
    std::fs::create_dir_all(&scratch).unwrap();
    let config = scratch.join("pgbackrest.conf");
    let (repo, at) = (repo.display(), scratch.display());
    let text = format!(
        "[global]\nrepo1-path={repo}\nlog-path={at}\nlock-path={at}\nspool-path={at}\nlog-level-file=off\n\
         [orders]\npg1-path=/var/lib/postgresql/15/orders\n"
    );
    std::fs::write(&config, text).unwrap();
    let ran = Command::new("pgbackrest")
        .arg(format!("--config={}", config.display()))
        .arg("--stanza=orders")
        .args(words)
        .output();
    match ran {
        Ok(out) => {
            let text = [out.stdout, out.stderr].concat();
            Some((out.status.success(), String::from_utf8_lossy(&text).into_owned()))
        }
        Err(error) if std::env::var_os("LIFEBOAT_LAB").is_some() => panic!("pgbackrest: {error}"),
        Err(error) => {
            eprintln!("skipped: pgbackrest: {error}");
            None
        }
    }
}

fn labels(info: &Value) -> Vec<String> {
    let backups = info[0]["backup"].as_array().into_iter().flatten();
    backups.filter_map(|b| b["label"].as_str().map(str::to_owned)).collect()
}

#[track_caller]
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(120);
    while !holds() {
        assert!(Instant::now() < deadline, "never came: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn post(dir: &Path, path: &str) {
    let ports: Value =
        serde_json::from_slice(&std::fs::read(dir.join(".lifeboat/ports.json")).unwrap()).unwrap();
    let address = format!("127.0.0.1:{}", ports["regions"][2]["services"]);
    let mut stream = TcpStream::connect(&address).unwrap();
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
}

#[test]
fn the_real_tool_accepts_the_demos_repository_even_after_a_promotion() {
    let dir = tempfile::TempDir::new().unwrap();
    let dir = dir.path();
    let options = Options {
        wal_every: Duration::from_millis(400),
        backup_every: Duration::from_millis(900),
        ports: Ports::Any,
        ..Options::default()
    };
    let world = World::start(dir, options).unwrap();
    let backup_root = dir.join(".lifeboat/stores/us-east-1/northwind-virginia/pgbackrest/backup/orders");
    let manifests = || {
        let entries = std::fs::read_dir(&backup_root).into_iter().flatten().flatten();
        entries.filter(|e| e.path().join("backup.manifest").exists()).count()
    };
    let before = manifests();
    until("backups before the promotion", || manifests() >= before + 2);
    post(dir, "/switch/fences/eu-west-1");
    post(dir, "/switch/writers/eu-central-1");
    let history = dir.join(
        ".lifeboat/stores/us-east-1/northwind-virginia/pgbackrest/archive/orders/15-1/00000002.history",
    );
    until("the new timeline", || history.exists());
    let promoted = manifests();
    until("backups on it", || manifests() >= promoted + 3);
    world.stop();

    let Some((done, said)) = pgbackrest(dir, &["info", "--output=json"]) else { return };
    assert!(done, "{said}");
    let info: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(info[0]["status"]["code"], 0, "{said}");
    assert_eq!(labels(&info).len(), manifests(), "{said}");
    assert!(info[0]["archive"][0]["max"].as_str().unwrap().starts_with("00000002"), "{said}");
    let newest = info[0]["backup"].as_array().unwrap().last().unwrap();
    assert_eq!(newest["error"], false);

    let (done, said) = pgbackrest(dir, &["verify", "--output=text", "--verbose"]).unwrap();
    assert!(done, "{said}");
    assert!(said.contains("status: ok"), "{said}");
    for bad in ["checksum invalid: 1", "size invalid: 1", "missing: 1"] {
        assert!(!said.contains(bad), "{said}");
    }
}
