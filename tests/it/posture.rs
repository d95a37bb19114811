//! What moto's S3 is set to, set and not set; what the comparison with an
//! estate makes of it; and `lifeboat stores` over all of it.

use std::path::Path;

use lifeboat::probe::posture;
use lifeboat_core::{
    assess::{State, differences},
    model::*,
};
use serde_json::{Value, json};

use crate::servers::{Running, repo, start, tool, work};

const KEYS: &str = r#"{"access_key_id":"AK","secret_access_key":"SK"}"#;

fn moto() -> Option<Running> {
    let tool = tool("venv/bin/moto_server")?;
    Some(start(&tool, |command, port| {
        command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
    }))
}

const SIGNED: &str =
    "AWS4-HMAC-SHA256 Credential=AK/20261122/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0";

/// Any credentials will do there.
async fn put(server: &Running, path: &str, headers: &[(&str, &str)], body: &str) {
    let mut request = reqwest::Client::new().put(format!("{}/{path}", server.url())).body(body.to_owned());
    // which is left out for no body, and asked for
    request = request.header("authorization", SIGNED).header("content-length", body.len());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let sent = request.send().await.unwrap();
    let status = sent.status();
    assert!(status.is_success(), "{path}: {status} {}", sent.text().await.unwrap());
}

async fn look(server: &Running, bucket: &str) -> Posture {
    let store = json!({"id": bucket, "url": format!("s3://{bucket}"), "endpoint": server.url(), "credentials": {"env": "KEYS"}});
    let open = repo(Path::new("/nonexistent"), store, KEYS).await.unwrap();
    posture::read(&open, &["pg".to_owned()], &work()).await.unwrap()
}

/// All is set: versions, a lock with a default, encryption, replication,
/// lifecycle, a block of public access, a log.
async fn hardened(server: &Running) {
    put(server, "logs", &[], "").await;
    put(server, "other", &[], "").await;
    put(server, "other?versioning", &[], ENABLED).await;
    put(server, "hard", &[("x-amz-bucket-object-lock-enabled", "true")], "").await;
    put(server, "hard?versioning", &[], ENABLED).await;
    let lock = "<ObjectLockConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention><Mode>COMPLIANCE</Mode><Days>30</Days></DefaultRetention></Rule></ObjectLockConfiguration>";
    put(server, "hard?object-lock", &[], lock).await;
    let encryption = "<ServerSideEncryptionConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>";
    put(server, "hard?encryption", &[], encryption).await;
    let replication = "<ReplicationConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Role>arn:aws:iam::1:role/r</Role><Rule><ID>a</ID><Priority>1</Priority><Status>Enabled</Status><Filter><Prefix></Prefix></Filter><DeleteMarkerReplication><Status>Disabled</Status></DeleteMarkerReplication><Destination><Bucket>arn:aws:s3:::other</Bucket></Destination></Rule></ReplicationConfiguration>";
    put(server, "hard?replication", &[], replication).await;
    let lifecycle = "<LifecycleConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Rule><ID>a</ID><Filter><Prefix>pg/</Prefix></Filter><Status>Enabled</Status><Expiration><Days>400</Days></Expiration></Rule></LifecycleConfiguration>";
    put(server, "hard?lifecycle", &[], lifecycle).await;
    let block = "<PublicAccessBlockConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><BlockPublicAcls>true</BlockPublicAcls><IgnorePublicAcls>true</IgnorePublicAcls><BlockPublicPolicy>true</BlockPublicPolicy><RestrictPublicBuckets>true</RestrictPublicBuckets></PublicAccessBlockConfiguration>";
    put(server, "hard?publicAccessBlock", &[], block).await;
    let until = "2099-01-01T00:00:00Z";
    let locked = [
        ("x-amz-object-lock-mode", "GOVERNANCE"),
        ("x-amz-object-lock-retain-until-date", until),
        ("x-amz-object-lock-legal-hold", "ON"),
        // of "x": no lock without a checksum
        ("content-md5", "ndTkYSaMgDT1yFZOFVxnpg=="),
    ];
    put(server, "hard/pg/backup/1/manifest", &locked, "x").await;
}

const ENABLED: &str = "<VersioningConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Status>Enabled</Status></VersioningConfiguration>";

#[tokio::test(flavor = "multi_thread")]
async fn what_is_set_and_what_is_not_is_told_and_held_against_what_is_expected() {
    let Some(server) = moto() else { return };
    hardened(&server).await;
    let hard = look(&server, "hard").await;
    assert!(hard.versioning.set().is_some() && hard.versioning.how.contains("it has none"), "{hard:?}");
    let lock = hard.object_lock.set().unwrap();
    assert_eq!((lock.mode, lock.retention), (LockMode::Compliance, Some(Dur::secs(30 * 86_400))));
    assert_eq!(hard.encryption.set().map(String::as_str), Some("AES256"), "{hard:?}");
    assert_eq!(hard.replication.set().map(String::as_str), Some("other"), "{hard:?}");
    assert!(hard.lifecycle.set().is_some_and(|t| t.contains("400 d below pg/")), "{hard:?}");
    assert_eq!(hard.public.answer, Answer::NotSet, "{hard:?}");
    assert_eq!(hard.location.set().map(String::as_str), Some("us-east-1"), "{hard:?}");
    let seal = hard.newest.set().unwrap();
    assert_eq!((seal.mode, seal.legal_hold), (Some(LockMode::Governance), true), "{hard:?}");
    assert!(seal.until.is_some() && seal.key == "pg/backup/1/manifest", "{hard:?}");
    assert_eq!(seal.replicated, None, "it stores the rule and replicates nothing");

    put(&server, "soft", &[], "").await;
    put(&server, "soft/pg/x", &[], "x").await;
    let soft = look(&server, "soft").await;
    for (name, answer, how) in soft.rows() {
        let expected = match name {
            "location" => continue,
            _ => Answer::NotSet,
        };
        assert_eq!(answer, expected, "{name}: {how}");
    }

    put(&server, "open?", &[], "").await;
    put(&server, "open?acl", &[("x-amz-acl", "public-read")], "").await;
    put(&server, "open/pg/x", &[], "x").await;
    let open = look(&server, "open").await;
    assert!(open.public.set().is_some_and(|t| t.contains("AllUsers")), "{open:?}");

    let wants = json!({"versioning": true, "object_lock": "compliance", "encryption": true, "public": false, "replication": "other"});
    let expecting = |wants: Value| -> Store {
        serde_json::from_value(json!({"id": "s", "url": "s3://s", "expect": wants})).unwrap()
    };
    assert_eq!(differences(&expecting(wants.clone()), Some(&hard), true), vec![]);
    let found = differences(&expecting(wants.clone()), Some(&soft), true);
    let rules: Vec<_> = found.iter().map(|f| (&*f.rule, f.severity)).collect();
    let expected = [
        ("store-encryption", State::Warning),
        ("store-object-lock", State::Critical),
        ("store-replication", State::Warning),
        ("store-versioning", State::Warning),
    ];
    assert_eq!(rules, expected, "{found:?}");
    let found = differences(&expecting(json!({"public": false})), Some(&open), true);
    assert_eq!(found[0].severity, State::Critical, "{found:?}");
}

/// rclone's S3 answers nearly every question with a listing.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_answers_any_question_with_a_listing_is_seen_through() {
    let Some(tool) = tool("venv/bin/rclone") else { return };
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("backups/pg")).unwrap();
    std::fs::write(dir.path().join("backups/pg/a"), "x").unwrap();
    let server = start(&tool, |command, port| {
        command.args(["serve", "s3", "--addr", &format!("127.0.0.1:{port}"), "--auth-key", "test,testtest"]);
        command.arg(dir.path()).env("RCLONE_CONFIG", "/dev/null");
    });
    let store =
        json!({"id": "r", "url": "s3://backups", "endpoint": server.url(), "credentials": {"env": "KEYS"}});
    let keys = r#"{"access_key_id":"test","secret_access_key":"testtest"}"#;
    let open = repo(Path::new("/nonexistent"), store, keys).await.unwrap();
    let posture = posture::read(&open, &["pg".to_owned()], &work()).await.unwrap();
    for name in ["object_lock", "encryption", "replication", "access_log", "lifecycle"] {
        let (_, answer, how) = posture.rows().into_iter().find(|(row, ..)| *row == name).unwrap();
        assert_eq!(answer, Answer::NotSupported, "{name}: {how}");
        assert!(how.contains("a listing") || how.contains("nothing"), "{name}: {how}");
    }
    assert_eq!(posture.versioning.answer, Answer::NotSet, "{posture:?}");
    assert_eq!(posture.public.answer, Answer::Unknown, "no answer at all is no all-clear: {posture:?}");
}

/// The command itself, over an estate that is trusted.
#[test]
fn the_command_tells_settings_and_findings_to_scripts() {
    let dir = tempfile::tempdir().unwrap();
    let (estate, state) = (dir.path().join("estate"), dir.path().join("state"));
    std::fs::create_dir_all(&estate).unwrap();
    std::fs::create_dir_all(dir.path().join("kept")).unwrap();
    std::fs::write(estate.join("lifeboat.toml"), "schema = 1\nname = \"Small\"\n").unwrap();
    let stores = format!(
        "schema = 1\n[[store]]\nid = \"kept\"\nurl = \"file://{}\"\nexpect = {{ object_lock = true }}\n\
         [[store]]\nid = \"away\"\nurl = \"s3://b\"\nendpoint = \"http://127.0.0.1:9\"\n",
        dir.path().join("kept").display()
    );
    std::fs::write(estate.join("stores.toml"), stores).unwrap();
    let run = |args: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_lifeboat"));
        command.arg("--estate").arg(&estate).args(args);
        command.env("LIFEBOAT_STATE_DIR", &state).env("LIFEBOAT_CONFIG_DIR", dir.path().join("config"));
        command.output().unwrap()
    };
    assert!(run(&["trust", "--yes"]).status.success());
    let told = run(&["stores", "--json"]);
    assert_eq!(told.status.code(), Some(2), "a lock is missing: {told:?}");
    let json: Value = serde_json::from_slice(&told.stdout).unwrap();
    assert_eq!(json["schema"], 1);
    let of = |id: &str| json["stores"].as_array().unwrap().iter().find(|s| s["id"] == id).unwrap();
    assert_eq!(of("kept")["settings"]["object_lock"]["answer"], "not supported");
    assert_eq!(of("kept")["findings"][0]["rule"], "store-object-lock");
    assert_eq!(of("away")["problem"]["code"], "LB-STORE-001");
    assert_eq!(of("away")["observed_at"], Value::Null);
    let away = run(&["stores", "away"]);
    assert_eq!(away.status.code(), Some(3), "what does not answer is unknown: {away:?}");
    assert!(String::from_utf8_lossy(&away.stdout).contains("LB-STORE-001"));
    assert_eq!(run(&["stores", "nowhere"]).status.code(), Some(64));
}

/// Each put and the deletion are versions, as the server itself keeps them.
#[tokio::test(flavor = "multi_thread")]
async fn versions_of_a_state_are_points_where_the_server_keeps_them() {
    let Some(server) = moto() else { return };
    put(&server, "states", &[], "").await;
    put(&server, "states?versioning", &[], ENABLED).await;
    let state =
        |serial: u64| json!({"version": 4, "serial": serial, "lineage": "x", "resources": []}).to_string();
    for serial in 1..=3 {
        put(&server, "states/prod/a.tfstate", &[], &state(serial)).await;
    }
    put(&server, "states/prod/gone.tfstate", &[], &state(1)).await;
    let url = format!("{}/states/prod/gone.tfstate", server.url());
    let deleted = reqwest::Client::new().delete(url).header("authorization", SIGNED).send().await.unwrap();
    assert!(deleted.status().is_success(), "{}", deleted.status());

    let store =
        json!({"id": "fra", "url": "s3://states", "endpoint": server.url(), "credentials": {"env": "KEYS"}});
    let repo = repo(Path::new("/nonexistent"), store, KEYS).await.unwrap();
    let copy = json!({"store": "fra", "path": "prod", "format": "terraform"});
    let cx = lifeboat::catalog::Cx::new(chrono::Utc::now(), Default::default());
    let report = lifeboat::catalog::read(&serde_json::from_value(copy).unwrap(), &repo, &cx).await.unwrap();
    let of = |name: &str| report.points.iter().filter(|p| p.id.starts_with(name)).collect::<Vec<_>>();
    assert_eq!(of("a.tfstate").len(), 3, "{report:#?}");
    assert_eq!(of("gone.tfstate @ ").len(), 1, "{report:#?}");
    assert!(report.points.iter().all(|p| p.state == PointState::Usable), "{report:#?}");
    let told = report.notes.iter().find(|n| n.why.contains("prod/gone.tfstate was deleted"));
    assert!(told.is_some_and(|n| n.why.contains("1 versions of it are kept")), "{:?}", report.notes);
}
