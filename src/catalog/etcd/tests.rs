use std::{fs, path::Path, time::SystemTime};

use lifeboat_core::model::*;
use proptest::prelude::*;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::{
    catalog::read,
    net::testing::{Server, s3_repo},
};

const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/etcd");
const NAMES: [&str; 3] = ["etcd-2026-11-21T0200Z.db", "etcd-2026-11-22T0200Z.db", "etcd-2026-11-22T1400Z.db"];

fn at(text: &str) -> Time {
    text.parse().unwrap()
}

fn put(root: &Path, name: &str, bytes: &[u8], stored: &str) {
    let path = root.join("etcd").join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, bytes).unwrap();
    let stored = SystemTime::from(at(stored));
    fs::File::options().write(true).open(path).unwrap().set_modified(stored).unwrap();
}

fn whole(name: &str) -> Vec<u8> {
    fs::read(format!("{FIXTURE}/{name}")).unwrap()
}

async fn look(repo: &Repo) -> Result<CopyReport, Problem> {
    let copy: CopyDef =
        serde_json::from_value(json!({"store": "fra", "path": "etcd", "format": "etcd"})).unwrap();
    read(&copy, repo, &Cx::new(at("2026-11-22T15:00:00Z"), CancellationToken::new())).await
}

fn standing(report: &CopyReport) -> Vec<(&str, PointState)> {
    report.points.iter().map(|p| (&*p.id, p.state)).collect()
}

#[tokio::test]
async fn what_etcd_wrote_is_read_as_etcd_reads_it() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("backups");
    let times = ["2026-11-21T02:00:01Z", "2026-11-22T02:00:01Z", "2026-11-22T14:00:01Z"];
    for (name, stored) in NAMES.iter().zip(times) {
        put(&root, name, &whole(name), stored);
    }
    put(&root, "truth.txt", b"a note beside them", "2026-11-22T14:00:01Z");
    let server = Server::s3(dir.path()).await;
    for repo in [Repo::folder("fra", &root), s3_repo(server.url()).await] {
        let report = look(&repo).await.unwrap();
        let expected = [
            (NAMES[2], PointState::Incomplete),
            (NAMES[1], PointState::Usable),
            (NAMES[0], PointState::Usable),
        ];
        assert_eq!(standing(&report), expected);
        assert_eq!(report.points[1].completed_at, Some(at("2026-11-22T02:00:01Z")));
        assert_eq!(report.points[1].size_bytes, Some(24_608));
        assert_eq!(report.notes, []);
    }
}

#[tokio::test]
async fn each_other_file_is_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let good = whole(NAMES[0]);
    let mut flipped = good.clone();
    flipped[9_000] ^= 1;
    let table: [(&str, &[u8], &str, PointState, &str); 9] = [
        ("8.db", &good[..9_000], "2026-11-22T14:55:00Z", PointState::Running, "may still be in writing"),
        ("7.db", b"", "2026-11-22T08:00:00Z", PointState::Failed, "zero bytes"),
        ("6.db", &flipped, "2026-11-22T07:00:00Z", PointState::Suspect, "its hash is not the one"),
        ("5.db.part", &good, "2026-11-22T06:00:00Z", PointState::Incomplete, "not finished"),
        ("4.db", &good[..20_480], "2026-11-22T05:00:00Z", PointState::Suspect, "without a hash"),
        ("3.db.gz", b"\x1f\x8b", "2026-11-22T04:00:00Z", PointState::Unverified, "packed"),
        ("2.db", &good, "2026-11-22T03:00:00Z", PointState::Usable, ""),
        ("1.db", &good, "2026-11-22T02:00:00Z", PointState::Usable, ""),
        ("0.db", &flipped, "2026-11-22T01:00:00Z", PointState::Unverified, "its hash was not checked"),
    ];
    for (name, bytes, stored, ..) in table {
        put(dir.path(), name, bytes, stored);
    }
    let report = look(&Repo::folder("fra", dir.path())).await.unwrap();
    assert_eq!(report.points.len(), table.len());
    for (point, (name, _, _, state, reason)) in report.points.iter().zip(table) {
        assert_eq!((&*point.id, point.state), (name, state), "{}", point.reason);
        assert!(point.reason.contains(reason), "{name}: {}", point.reason);
    }
}

#[tokio::test]
async fn times_that_a_copy_rewrote_and_odd_names_are_said() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["a.db", "b\u{1b}[31m.db", "c/d.db"] {
        put(dir.path(), name, &whole(NAMES[0]), "2026-11-22T02:00:00Z");
    }
    put(dir.path(), "z.db", &whole(NAMES[0]), "2026-11-22T02:00:30Z");
    let report = look(&Repo::folder("fra", dir.path())).await.unwrap();
    assert!(report.notes[0].to_string().contains("stored within a minute"), "{:?}", report.notes);
    assert!(report.points.iter().all(|p| !p.id.contains('\u{1b}')));
    put(dir.path(), "future.db", &whole(NAMES[0]), "2027-01-01T00:00:00Z");
    let report = look(&Repo::folder("fra", dir.path())).await.unwrap();
    assert_eq!(report.points[0].state, PointState::Suspect);
    let nothing = tempfile::tempdir().unwrap();
    fs::create_dir(nothing.path().join("etcd")).unwrap();
    let problem = look(&Repo::folder("fra", nothing.path())).await.unwrap_err();
    assert!(matches!(problem.code, Code::COPY_NOT_THERE | Code::STORE_MISSING), "{problem}");
}

fn judge(bytes: &[u8]) -> Found {
    outside(&File { key: b"x.db".to_vec(), size: bytes.len() as u64, stored: None })?;
    inside(Feed::of(bytes), bytes.len() as u64)
}

proptest! {
    #[test]
    fn no_bytes_panic_and_none_but_the_whole_file_is_usable(bytes: Vec<u8>, cut in 0usize..20_512, bit in 0u8..8) {
        let _ = judge(&bytes);
        let _ = inside(Feed::of(&bytes), bytes.len() as u64);
        let good = whole(NAMES[0]);
        prop_assert!(judge(&good).is_ok());
        prop_assert!(judge(&good[..cut]).is_err());
        let mut flipped = good;
        flipped[cut] ^= 1 << bit;
        prop_assert!(judge(&flipped).is_err());
    }
}
