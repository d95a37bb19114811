use std::{fs, path::Path, sync::Arc, time::SystemTime};

use lifeboat_core::model::*;
use proptest::prelude::*;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::catalog::read;

const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/terraform");
const STORED: &str = "2026-11-21T14:05:00Z";

fn at(text: &str) -> Time {
    text.parse().unwrap()
}

fn put(root: &Path, key: &str, bytes: &[u8], stored: &str) {
    let path = root.join(key);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, bytes).unwrap();
    let stored = SystemTime::from(at(stored));
    fs::File::options().write(true).open(path).unwrap().set_modified(stored).unwrap();
}

/// The fixture, stored when it was made.
fn fixture(part: &str) -> tempfile::TempDir {
    fn walk(from: &Path, below: &str, to: &Path) {
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            let key = format!("{below}{}", entry.file_name().into_string().unwrap());
            match entry.file_type().unwrap().is_dir() {
                true => walk(&entry.path(), &format!("{key}/"), to),
                false => put(to, &key, &fs::read(entry.path()).unwrap(), STORED),
            }
        }
    }
    let dir = tempfile::tempdir().unwrap();
    walk(Path::new(&format!("{FIXTURE}/{part}")), "", dir.path());
    dir
}

async fn look(dir: &Path, path: &str, original: Option<(&Path, &str)>) -> Result<CopyReport, Problem> {
    let options = match original {
        Some((_, path)) => json!({"replica_of": {"store": "ams", "path": path}}),
        None => json!({}),
    };
    let copy = json!({"store": "fra", "path": path, "format": "terraform", "options": options});
    let copy: CopyDef = serde_json::from_value(copy).unwrap();
    let mut cx = Cx::new(at("2026-11-22T15:00:00Z"), CancellationToken::new());
    cx.others.extend(original.map(|(dir, _)| (StoreId::from("ams"), Arc::new(Repo::folder("ams", dir)))));
    read(&copy, &Repo::folder("fra", dir), &cx).await
}

fn standing(report: &CopyReport) -> Vec<(&str, PointState)> {
    report.points.iter().map(|p| (&*p.id, p.state)).collect()
}

fn state(serial: u64, lineage: &str) -> Vec<u8> {
    let outputs = json!({"password": {"value": "hunter2-not-real"}});
    json!({"version": 4, "serial": serial, "lineage": lineage, "outputs": outputs, "resources": [{}, {}]})
        .to_string()
        .into_bytes()
}

/// Nothing of what a state holds may be told.
fn assert_nothing_leaks(report: &CopyReport) {
    assert!(!format!("{report:?}").contains("hunter2"), "{report:?}");
}

#[tokio::test]
async fn states_are_read_as_the_truth_beside_them_says() {
    let truth: serde_json::Value =
        serde_json::from_slice(&fs::read(format!("{FIXTURE}/truth.json")).unwrap()).unwrap();
    let repo = fixture("repo");
    let report = look(repo.path(), "", None).await.unwrap();
    assert_eq!(report.points.len(), truth.as_object().unwrap().len());
    for point in &report.points {
        let state = if truth[&point.id] == "corrupt" { PointState::Incomplete } else { PointState::Usable };
        assert_eq!(point.state, state, "{}: {}", point.id, point.reason);
        let held = state::parse(&fs::read(repo.path().join(&point.id)).unwrap());
        if let Some(held) = held.state() {
            let told = &truth[&point.id];
            assert_eq!(
                (Some(held.serial), Some(held.resources as u64)),
                (told["serial"].as_u64(), told["resources"].as_u64())
            );
        }
    }
    let note = report.notes[0].to_string();
    assert!(note.contains("prod/app.tfstate is locked by ci@runner-7 since 2026-11-20T11:30:00Z"), "{note}");
    assert_nothing_leaks(&report);
}

#[tokio::test]
async fn a_replica_behind_is_told_by_its_serial() {
    let (repo, replica) = (fixture("repo"), fixture("repo-replica"));
    let report = look(replica.path(), "prod", Some((repo.path(), "prod"))).await.unwrap();
    assert_eq!(standing(&report), [("network.tfstate", PointState::Usable)]);
    let behind = report.gaps.iter().find(|g| g.detail.contains("behind")).unwrap();
    assert_eq!((&*behind.first_missing, &*behind.last_missing), ("serial 40", "serial 41"));
    assert_eq!(behind.detail, "network.tfstate is 2 serials behind the original");
    let missing = report.gaps.iter().find(|g| g.first_missing == "app.tfstate").unwrap();
    assert_eq!(missing.detail, "app.tfstate is not copied, at serial 7");
    assert!(report.windows.is_empty());
    assert_nothing_leaks(&report);
}

#[tokio::test]
async fn one_state_named_by_its_key_and_the_same_is_good_up_to_now() {
    let dir = tempfile::tempdir().unwrap();
    let (lon, fra) = (dir.path().join("lon"), dir.path().join("fra"));
    put(&lon, "prod/a.tfstate", &state(9_007_199_254_740_993, "x"), STORED);
    put(&fra, "copy/a.tfstate", &state(9_007_199_254_740_993, "x"), STORED);
    put(&fra, "copy/a.tfstate.backup", &state(1, "x"), STORED);
    let original = Some((&*lon, "prod/a.tfstate"));
    let report = look(&fra, "copy/a.tfstate", original).await.unwrap();
    assert_eq!(standing(&report), [("the state", PointState::Usable)]);
    assert_eq!(report.summary().last_good.unwrap().at, at("2026-11-22T15:00:00Z"));
    put(&fra, "copy/a.tfstate", &state(9_007_199_254_740_992, "x"), STORED);
    let report = look(&fra, "copy/a.tfstate", original).await.unwrap();
    assert_eq!(report.gaps[0].detail, "the state is 1 serial behind the original");
    assert_eq!(report.summary().last_good.unwrap().at, at(STORED));
}

#[tokio::test]
async fn doubts_are_said_and_never_quote_a_state() {
    let dir = tempfile::tempdir().unwrap();
    let (lon, fra) = (dir.path().join("lon"), dir.path().join("fra"));
    let whole = state(5, "x");
    let deep = format!("{{\"serial\":1,\"lineage\":\"l\",\"outputs\":{}", "[".repeat(100_000));
    let table: [(&str, &[u8], PointState, &str); 9] = [
        ("anew", &state(1, "y"), PointState::Suspect, "its lineage is not the original's"),
        ("cut", &whole[..60], PointState::Incomplete, "cut off"),
        ("deep", deep.as_bytes(), PointState::Incomplete, "cut off"),
        ("edited", &[&whole[..], b" "].concat(), PointState::Suspect, "serial and other contents"),
        ("empty", b"", PointState::Failed, "zero bytes"),
        ("list", b"[\"hunter2\"]", PointState::Suspect, "it is no state"),
        ("old", br#"{"version":3,"serial":2,"lineage":"l"}"#, PointState::Unverified, "version 3"),
        (
            "sealed",
            br#"{"serial":2,"lineage":"l","encrypted_data":"AA"}"#,
            PointState::Unverified,
            "encrypted",
        ),
        ("typed", br#"{"serial":"hunter2"}"#, PointState::Suspect, "it is no state"),
    ];
    for (name, bytes, ..) in table {
        put(&fra, &format!("{name}.tfstate"), bytes, STORED);
        put(&lon, &format!("{name}.tfstate"), &whole, STORED);
    }
    put(&fra, "rolled.tfstate", &state(8, "x"), STORED);
    put(&lon, "rolled.tfstate", &whole, STORED);
    let report = look(&fra, "", Some((&lon, ""))).await.unwrap();
    for (name, _, state, reason) in table {
        let point = report.points.iter().find(|p| p.id == format!("{name}.tfstate")).unwrap();
        assert!(point.state == state && point.reason.contains(reason), "{name}: {point:?}");
    }
    assert!(report.notes.iter().any(|n| n.to_string().contains("went back from serial 8 to 5")));
    assert_nothing_leaks(&report);
    let gone = dir.path().join("gone");
    let report = look(&fra, "", Some((&gone, ""))).await.unwrap();
    assert_eq!(report.points.len(), 10, "it is judged by itself");
    let problem = look(dir.path(), "lon/nothing", None).await.unwrap_err();
    assert!(matches!(problem.code, Code::COPY_NOT_THERE | Code::STORE_MISSING), "{problem}");
}

/// A bucket that keeps the versions of the sample: their states are given.
async fn versioned(bodies: &'static [(&'static str, u64)], lies: bool) -> crate::net::testing::Server {
    let listed: serde_json::Value =
        serde_json::from_slice(&fs::read(format!("{FIXTURE}/list-object-versions.json")).unwrap()).unwrap();
    crate::catalog::testing::web(move |line, _| {
        let target = line.split(' ').nth(1).unwrap_or_default();
        let versions = listed["Versions"].as_array().unwrap();
        let text =
            |row: &serde_json::Value, name: &str| row[name].to_string().trim_matches('"').replace("\\\"", "");
        let row = |row: &serde_json::Value, tag: &str| {
            let fields = ["Key", "VersionId", "IsLatest", "LastModified", "ETag", "Size", "StorageClass"];
            let fields = fields.map(|name| format!("<{name}>{}</{name}>", text(row, name)));
            format!("<{tag}>{}</{tag}>", fields.concat())
        };
        let state_of = |id: &str| {
            let serial = bodies.iter().find(|(own, _)| *own == id).map(|(_, serial)| *serial).unwrap();
            let tag = versions.iter().find(|v| v["VersionId"] == id).map(|v| text(v, "ETag")).unwrap();
            (200, vec![("ETag", format!("\"{tag}\""))], state(serial, "x"))
        };
        if target.contains("versions") {
            let rows: String = versions.iter().map(|v| row(v, "Version")).collect();
            let body =
                format!("<ListVersionsResult><IsTruncated>false</IsTruncated>{rows}</ListVersionsResult>");
            return (200, Vec::new(), body.into_bytes());
        }
        if target.contains("list-type") {
            let rows = row(&versions[0], "Contents");
            let body = format!("<ListBucketResult><IsTruncated>false</IsTruncated>{rows}</ListBucketResult>");
            return (200, Vec::new(), body.into_bytes());
        }
        assert!(target.starts_with("/backups/prod/network.tfstate"), "{target}");
        match target.split_once("versionId=") {
            Some((_, id)) if !lies => state_of(id),
            _ => state_of("v41"),
        }
    })
    .await
}

async fn look_versioned(server: &crate::net::testing::Server) -> CopyReport {
    let copy: CopyDef = serde_json::from_value(json!({"store": "fra", "format": "terraform"})).unwrap();
    let cx = Cx::new(at("2026-11-22T15:00:00Z"), CancellationToken::new());
    read(&copy, &crate::net::testing::s3_repo(server.url()).await, &cx).await.unwrap()
}

#[tokio::test]
async fn each_version_that_the_store_keeps_is_a_point() {
    let server = versioned(&[("v41", 41), ("v40", 40)], false).await;
    let report = look_versioned(&server).await;
    let rows: Vec<_> = report.points.iter().map(|p| (&*p.id, p.completed_at.unwrap(), p.state)).collect();
    let usable = PointState::Usable;
    let expected = [
        ("prod/network.tfstate", at("2026-11-21T14:05:00Z"), usable),
        ("prod/network.tfstate @ v40", at("2026-11-20T09:00:00Z"), usable),
    ];
    assert_eq!(rows, expected, "{report:#?}");
    assert_eq!(report.points[1].size_bytes, Some(2_100));
    assert!(report.notes.is_empty(), "{:?}", report.notes);
    assert_nothing_leaks(&report);

    let server = versioned(&[("v41", 39), ("v40", 40)], false).await;
    let report = look_versioned(&server).await;
    assert!(report.notes[0].why.contains("went back from serial 40 to 39"), "{:?}", report.notes);
}

/// A server was met that says it keeps versions and hands out the newest.
#[tokio::test]
async fn a_version_that_is_another_one_proves_nothing() {
    let server = versioned(&[("v41", 41), ("v40", 40)], true).await;
    let report = look_versioned(&server).await;
    assert_eq!(report.points[1].state, PointState::Unverified, "{report:#?}");
    assert!(report.notes[0].why.contains("another version than v40"), "{:?}", report.notes);
}

proptest! {
    #[test]
    fn no_bytes_panic_and_no_cut_is_a_state(bytes: Vec<u8>, cut in 0usize..150) {
        let _ = (state::parse(&bytes), Lock::parse(&bytes).map(|l| l.told()));
        let whole = state(5, "x");
        prop_assert!(state::parse(&whole[..cut % whole.len()]).state().is_none());
    }
}
