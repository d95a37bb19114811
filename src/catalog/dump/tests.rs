use std::{io::Write, path::Path, time::Duration};

use lifeboat_core::model::*;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::{
    catalog::{Cx, read},
    net::{
        store::Repo,
        testing::{Server, s3_repo},
    },
};

const NOW: &str = "2026-11-22T14:00:00Z";

fn at(text: &str) -> Time {
    text.parse().unwrap()
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn put(root: &Path, key: &str, bytes: &[u8]) {
    let path = root.join(key);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, bytes).unwrap();
    let stored = std::time::SystemTime::UNIX_EPOCH
        + Duration::from_secs(at("2026-11-22T13:45:00Z").timestamp() as u64);
    std::fs::File::options().write(true).open(path).unwrap().set_modified(stored).unwrap();
}

fn copy(options: serde_json::Value) -> CopyDef {
    serde_json::from_value(json!({"store": "fra", "path": "pg", "format": "dump", "options": options}))
        .unwrap()
}

async fn look(repo: &Repo, options: serde_json::Value) -> Result<CopyReport, Problem> {
    read(&copy(options), repo, &Cx::new(at(NOW), CancellationToken::new())).await
}

fn standing(report: &CopyReport) -> Vec<(&str, PointState, &str)> {
    report.points.iter().map(|p| (&*p.id, p.state, &*p.reason)).collect()
}

#[tokio::test]
async fn dumps_are_told_good_from_bad_in_folders_and_buckets() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("backups");
    let dump = gzip(&"insert into orders;\n".repeat(50));
    for day in 14..=19 {
        put(&root, &format!("pg/shop-2026-11-{day}T0130Z.sql.gz"), &dump);
    }
    put(&root, "pg/shop-2026-11-20T0130Z.sql.gz", &dump[..dump.len() - 20]);
    put(&root, "pg/shop-2026-11-21T0130Z.sql.gz", &gzip("-- nothing"));
    put(&root, "pg/shop-2026-11-22T0130Z.sql.gz", b"");
    put(&root, "pg/shop-2026-11-23T0130Z.sql.gz", &dump);
    put(&root, "pg/notes.txt", b"read me");
    put(&root, "mysql/crm.sql.gz", &dump);
    let server = Server::s3(dir.path()).await;
    for repo in [s3_repo(server.url()).await, Repo::folder("fra", &root)] {
        let options = json!({"match": "*.sql.gz", "time": "%Y-%m-%dT%H%MZ"});
        let report = look(&repo, options).await.unwrap();
        let of = |day: u32| format!("shop-2026-11-{day}T0130Z.sql.gz");
        let small = format!(
            "it has {} bytes, where the 7 before it had about {}",
            gzip("-- nothing").len(),
            dump.len()
        );
        let expected = [
            (&*of(23), PointState::Suspect, "it is dated in the future: is `timezone` right?"),
            (&*of(22), PointState::Failed, "it has zero bytes"),
            (&*of(21), PointState::Suspect, &*small),
            (&*of(20), PointState::Incomplete, "it ends in the middle of its gzip stream"),
            (&*of(19), PointState::Usable, ""),
        ];
        assert_eq!(standing(&report)[..5], expected, "{repo:?}");
        assert_eq!(report.points.len(), 10);
        assert_eq!(report.notes, []);
        assert_eq!(report.points[4].completed_at, Some(at("2026-11-19T01:30:00Z")));
        assert_eq!(report.points[4].size_bytes, Some(dump.len() as u64));
        let summary = report.summary();
        assert_eq!(summary.last_good.map(|p| p.at), Some(at("2026-11-19T01:30:00Z")));
        assert!(report.cost.requests > 2 && report.cost.bytes > 1_000, "{:?}", report.cost);
    }
}

#[tokio::test]
async fn a_sidecar_completes_a_dump() {
    use sha2::{Digest, Sha256};
    let dir = tempfile::tempdir().unwrap();
    let dump = gzip("x");
    let sum = |of: &[u8]| format!("{}  a.gz\n", hex::encode(Sha256::digest(of)));
    for (name, hash) in
        [("a", Some(sum(&dump))), ("b", None), ("c", Some(sum(b"other"))), ("d", Some("?".into()))]
    {
        put(dir.path(), &format!("pg/{name}.gz"), &dump);
        if let Some(hash) = hash {
            put(dir.path(), &format!("pg/{name}.gz.sha256"), hash.as_bytes());
        }
    }
    let report = look(&Repo::folder("fra", dir.path()), json!({"sidecar": ".sha256"})).await.unwrap();
    let expected = [
        ("d.gz", PointState::Suspect, "its sidecar pg/d.gz.sha256 holds no SHA-256"),
        ("c.gz", PointState::Suspect, "its hash is not the one in its sidecar"),
        ("b.gz", PointState::Running, "its sidecar pg/b.gz.sha256 is missing"),
        ("a.gz", PointState::Usable, ""),
    ];
    assert_eq!(standing(&report), expected);
    let stored = Some(at("2026-11-22T13:45:00Z"));
    assert!(report.points.iter().all(|p| p.completed_at == stored), "no pattern: when it was stored");
}

#[tokio::test]
async fn odd_keys_are_read_and_shown_harmlessly() {
    let object = |key: &str| {
        format!(
            "<Contents><Key>{key}</Key><LastModified>2026-11-22T13:45:00Z</LastModified><Size>0</Size></Contents>"
        )
    };
    let keys = ["pg/a%2F%2Fb.gz", "pg/x%1B%5B2J.gz", "pg/%FF%FE.gz", "pg/folder/"].map(object).concat();
    let body = format!("<ListBucketResult><EncodingType>url</EncodingType>{keys}</ListBucketResult>");
    let server = Server::answering("200 OK", "application/xml", body).await;
    let report = look(&s3_repo(server.url()).await, json!({})).await.unwrap();
    let mut ids: Vec<_> = report.points.iter().map(|p| &*p.id).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["\\xFF\\xFE.gz", "a//b.gz", "x^[[2J.gz"]);
}

#[tokio::test]
async fn what_cannot_be_read_says_why() {
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), "pg/x.txt", b"x");
    let repo = Repo::folder("fra", dir.path());
    let table = [
        (json!({"match": "*.gz"}), Code::COPY_NOT_THERE),
        (json!({"match": "{a"}), Code::COPY_FORMAT),
        (json!({"time": "%Q"}), Code::COPY_FORMAT),
        (json!({"timezone": "Mars/Olympus"}), Code::COPY_FORMAT),
    ];
    for (options, code) in table {
        let problem = look(&repo, options.clone()).await.unwrap_err();
        assert_eq!(problem.code, code, "{options}: {problem}");
    }
    let undated = look(&repo, json!({"time": "%Y-%m-%d"})).await.unwrap();
    assert_eq!(undated.notes.len(), 1, "a pattern that fits nothing is said");
    assert_eq!(undated.points[0].state, PointState::Usable);
}

/// The sample of several kinds of dumps, each as its truth says.
#[tokio::test]
async fn the_sample_reads_as_its_truth_says() {
    use crate::catalog::testing::{Hand, standing};
    let hand = Hand::of_fixture("dumps/repo", "2026-11-22T12:00:00Z");
    let options = json!({"match": "pg/**/*.sql.gz", "time": "%Y-%m-%dT%H%MZ", "sidecar": ".sha256"});
    let report = hand.look("dump", options, NOW).await;
    let truth = include_str!("../../../tests/fixtures/dumps/truth.json");
    let truth: Vec<serde_json::Value> = serde_json::from_str(truth).unwrap();
    assert_eq!(report.points.len(), truth.len());
    for told in truth {
        let key = told["key"].as_str().unwrap();
        let point = crate::catalog::testing::point(&report, key);
        let (state, why) = match told["ok"].as_str() {
            None => (PointState::Usable, ""),
            Some("zero bytes") => (PointState::Failed, "zero bytes"),
            Some("sha256 mismatch") => (PointState::Suspect, "not the one in its sidecar"),
            Some("no sidecar") => (PointState::Incomplete, "is missing"),
            // its hash is that of the bytes that were cut off
            Some(_) => (PointState::Incomplete, "in the middle of its gzip stream"),
        };
        let (found, reason) = standing(&report, key);
        assert_eq!(found, state, "{key}: {reason}");
        assert!(reason.contains(why), "{key}: {reason}");
        if let Some(time) = told["time"].as_str() {
            assert_eq!(
                (point.completed_at, point.size_bytes),
                (Some(at(time)), told["size"].as_u64()),
                "{key}"
            );
        }
    }
    let good = report.summary().last_good.unwrap();
    assert_eq!(good.at, at("2026-11-22T01:30:00Z"), "the newest is empty");

    // a local time in the key, in its own zone
    let options = json!({"match": "mysql/*", "time": "%Y%m%d_%H%M%S", "timezone": "Europe/Paris"});
    let report = hand.look("dump", options, NOW).await;
    let times: Vec<_> = report.points.iter().map(|p| p.completed_at.unwrap()).collect();
    assert_eq!(times, [at("2026-11-21T01:30:00Z"), at("2026-11-20T01:30:00Z")]);
    assert!(report.summary().last_good.is_none(), "zstd's first bytes alone make no dump: {report:#?}");
}
