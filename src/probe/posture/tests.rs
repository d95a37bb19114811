use std::path::Path;

use lifeboat_core::model::{Answer::*, *};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use super::{newest::Newest, *};
use crate::net::testing::{Server, s3_repo, work};

/// The answers in words, as rows show them.
fn words(posture: &Posture, name: &str) -> String {
    let (_, answer, how) = posture.rows().into_iter().find(|(row, ..)| *row == name).unwrap();
    let answer = match answer {
        Set(words) => words,
        other => other.as_str().to_owned(),
    };
    format!("{answer} ({how})")
}

fn all(posture: &Posture) -> Vec<String> {
    posture.rows().map(|(name, ..)| format!("{name}: {}", words(posture, name))).into()
}

/// s3s-fs knows none of it, and says so.
#[tokio::test]
async fn an_honest_server_without_settings_is_said_to_support_none() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("backups/pg")).unwrap();
    std::fs::write(dir.path().join("backups/pg/backup.info"), "x").unwrap();
    let server = Server::s3(dir.path()).await;
    let repo = s3_repo(server.url()).await;
    let posture = read(&repo, &["pg".to_owned()], &work()).await.unwrap();
    for name in ["object_lock", "replication", "lifecycle", "encryption"] {
        let said = words(&posture, name);
        assert!(said.starts_with("not supported") && said.contains("501"), "{name}: {said}");
    }
    assert_eq!(posture.versioning.set(), None);
    assert!(
        posture.versioning.answer != Unknown || posture.versioning.how.contains("501"),
        "{:?}",
        all(&posture)
    );
    assert!(words(&posture, "newest object").contains("pg/backup.info"), "{:?}", all(&posture));
}

fn http(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
}

const LISTING: &str = "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>a</Key><Size>1</Size>\
    <LastModified>2026-11-22T01:30:00Z</LastModified></Contents></ListBucketResult>";

/// Answers as rclone's and garage's servers do: settings they do not know with
/// a listing or with nothing, and any version with the newest bytes.
async fn liar(says_enabled: bool) -> Server {
    Server::raw(move |mut stream, request| async move {
        let target = request.split(' ').nth(1).unwrap_or_default().to_owned();
        let query = target.split_once('?').map_or("", |(_, q)| q);
        let enabled = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
        let answer = match query.trim_end_matches('=') {
            "versioning" if says_enabled => http("200 OK", "", enabled),
            "versioning" => http("200 OK", "", "<VersioningConfiguration/>"),
            "encryption" | "replication" | "object-lock" => http("200 OK", "", "{}"),
            "location" => http("200 OK", "", "<LocationConstraint>garage</LocationConstraint>"),
            _ if request.starts_with("HEAD") => {
                "HTTP/1.1 200 OK\r\nx-amz-version-id: 5f0c\r\nConnection: close\r\n\r\n".to_owned()
            }
            _ => http("200 OK", "", LISTING),
        };
        let _ = stream.write_all(answer.as_bytes()).await;
    })
    .await
}

#[tokio::test]
async fn servers_that_lie_are_not_believed() {
    let server = liar(false).await;
    let posture = read(&s3_repo(server.url()).await, &[String::new()], &work()).await.unwrap();
    for name in ["object_lock", "encryption", "replication", "lifecycle", "access_log"] {
        assert!(words(&posture, name).starts_with("not supported"), "{:?}", all(&posture));
    }
    let said = words(&posture, "versioning");
    assert!(
        said.starts_with("not set") && said.contains("never was"),
        "it hands out ids and keeps nothing: {said}"
    );
    assert!(words(&posture, "public").starts_with("unknown"), "a listing is no policy: {:?}", all(&posture));
    assert_eq!(posture.location.set().map(String::as_str), Some("garage"));

    let server = liar(true).await;
    let posture = read(&s3_repo(server.url()).await, &[String::new()], &work()).await.unwrap();
    let said = words(&posture, "versioning");
    assert!(said.starts_with("not set") && said.contains("keeps no versions"), "{said}");
}

#[tokio::test]
async fn a_store_that_denies_leaves_all_unknown_and_one_that_is_away_is_a_problem() {
    let denied = "<Error><Code>AccessDenied</Code><Message>no</Message></Error>";
    let server = Server::answering("403 Forbidden", "application/xml", denied).await;
    let posture = read(&s3_repo(server.url()).await, &[String::new()], &work()).await.unwrap();
    for (name, answer, how) in posture.rows() {
        assert_eq!(answer, Unknown, "{name}");
        assert!(how.contains("may not") || how.contains("denied") || how.contains("403"), "{name}: {how}");
    }
    let away = s3_repo(format!("http://{}", crate::net::testing::nobody().await)).await;
    let problem = read(&away, &[String::new()], &work()).await.unwrap_err();
    assert_eq!(problem.code, Code::STORE_REFUSED, "{problem}");
    let folder = crate::net::store::Repo::folder("f", Path::new("/nonexistent"));
    let posture = read(&folder, &[], &work()).await.unwrap();
    assert!(posture.rows().iter().all(|(_, answer, _)| *answer == NotSupported));
}

// ---- Google, from records as its documentation gives them ---------------------

fn newest() -> Newest {
    Newest { key: Some(b"pg/backup.info".to_vec()), how: "pg/backup.info, the newest that was met".into() }
}

#[test]
fn a_bucket_of_google_tells_its_settings() {
    let bucket = json!({
        "kind": "storage#bucket", "location": "EU", "locationType": "multi-region",
        "versioning": {"enabled": true},
        "retentionPolicy": {"retentionPeriod": "2592000", "isLocked": true},
        "encryption": {"defaultKmsKeyName": "projects/p/k"},
        "logging": {"logBucket": "logs"},
        "lifecycle": {"rule": [{"action": {"type": "Delete"}, "condition": {"age": 400}}]},
        "iamConfiguration": {"publicAccessPrevention": "inherited", "uniformBucketLevelAccess": {"enabled": true}},
    });
    let policy = json!({"kind": "storage#policy", "bindings": [{"role": "roles/storage.objectViewer", "members": ["allUsers"]}]});
    let object = json!({"kind": "storage#object", "retentionExpirationTime": "2026-12-22T01:30:00Z", "temporaryHold": true});
    let posture = gcs::posture(Ok(bucket), Ok(policy), Ok(object), &newest());
    assert!(posture.versioning.set().is_some());
    let lock = posture.object_lock.set().unwrap();
    assert_eq!((lock.mode, lock.retention), (LockMode::Compliance, Some(Dur::secs(2_592_000))));
    let seal = posture.newest.set().unwrap();
    assert_eq!(seal.until.map(|t| t.to_rfc3339()).as_deref(), Some("2026-12-22T01:30:00+00:00"));
    assert!(seal.legal_hold);
    for (name, says) in [
        ("public", "roles/storage.objectViewer"),
        ("encryption", "projects/p/k"),
        ("location", "EU"),
        ("replication", "within EU"),
        ("access_log", "logs"),
        ("lifecycle", "deletes after 400 d"),
    ] {
        assert!(words(&posture, name).contains(says), "{:?}", all(&posture));
    }

    let plain = json!({"kind": "storage#bucket", "location": "EUROPE-WEST3", "locationType": "region"});
    let none = json!({"kind": "storage#policy", "bindings": []});
    let object = json!({"kind": "storage#object"});
    let posture = gcs::posture(Ok(plain), Ok(none), Ok(object), &newest());
    for name in
        ["versioning", "object_lock", "replication", "public", "access_log", "lifecycle", "newest object"]
    {
        assert!(words(&posture, name).starts_with("not set"), "{:?}", all(&posture));
    }
    let denied = || Err::<Value, _>("403: the credentials may not ask for it".to_owned());
    let posture = gcs::posture(denied(), denied(), denied(), &newest());
    assert!(posture.rows().iter().all(|(_, answer, _)| *answer == Unknown), "{:?}", all(&posture));
}

// ---- Azure, from headers as its documentation gives them ------------------------

fn headers(all: &[(&'static str, &'static str)]) -> http::HeaderMap {
    let pair = |(name, value): &(&'static str, &'static str)| {
        (http::HeaderName::from_static(name), http::HeaderValue::from_static(value))
    };
    all.iter().map(pair).collect()
}

#[test]
fn azure_tells_what_its_data_plane_knows_and_the_rest_is_unknown() {
    let container = headers(&[("x-ms-has-immutability-policy", "true"), ("x-ms-blob-public-access", "blob")]);
    let account = headers(&[("x-ms-sku-name", "Standard_RAGRS")]);
    let blob = headers(&[
        ("x-ms-server-encrypted", "true"),
        ("x-ms-version-id", "2026-11-22T01:30:00.0000000Z"),
        ("x-ms-immutability-policy-mode", "locked"),
        ("x-ms-immutability-policy-until-date", "Tue, 22 Dec 2026 01:30:00 GMT"),
    ]);
    let posture =
        azure::posture(&Ok(container), &Ok(account), &Err("not asked".into()), &Ok(blob), &newest());
    assert!(posture.versioning.set().is_some());
    assert_eq!(
        posture.object_lock.set().map(|l| l.mode),
        Some(LockMode::Governance),
        "a lock that is not seen is not assumed"
    );
    assert_eq!(posture.newest.set().and_then(|s| s.mode), Some(LockMode::Compliance));
    assert!(words(&posture, "replication").contains("RAGRS"));
    assert!(words(&posture, "public").contains("anyone"));
    for name in ["location", "lifecycle", "access_log"] {
        assert!(words(&posture, name).starts_with("unknown"), "{:?}", all(&posture));
    }
    let zrs = headers(&[("x-ms-sku-name", "Standard_ZRS")]);
    let posture =
        azure::posture(&Ok(headers(&[])), &Ok(zrs), &Err("no".into()), &Ok(headers(&[])), &newest());
    for name in ["versioning", "object_lock", "replication", "public", "newest object"] {
        assert!(words(&posture, name).starts_with("not set"), "{:?}", all(&posture));
    }
}
