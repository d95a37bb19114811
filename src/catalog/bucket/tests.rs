use std::{collections::BTreeMap, fs, path::Path, sync::Arc, time::SystemTime};

use lifeboat_core::model::*;
use proptest::prelude::*;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::{
    catalog::read,
    net::testing::{Server, s3_repo},
};

fn now() -> Time {
    "2026-11-22T15:00:00Z".parse().unwrap()
}

fn ago(minutes: i64) -> Time {
    now() - Dur::secs(minutes * 60)
}

fn put(root: &Path, key: &str, bytes: &[u8], stored: Time) {
    let path = root.join(key);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, bytes).unwrap();
    fs::File::options().write(true).open(path).unwrap().set_modified(SystemTime::from(stored)).unwrap();
}

fn copy() -> CopyDef {
    let options = json!({"replica_of": {"store": "ams", "path": "media"}});
    serde_json::from_value(json!({"store": "fra", "path": "copy", "format": "bucket", "options": options}))
        .unwrap()
}

async fn look(dir: &Path, original: Option<Repo>) -> Result<CopyReport, Problem> {
    let mut cx = Cx::new(now(), CancellationToken::new());
    cx.others.extend(original.map(|repo| (StoreId::from("ams"), Arc::new(repo))));
    read(&copy(), &Repo::folder("fra", dir), &cx).await
}

fn standing(report: &CopyReport) -> (PointState, Option<Time>) {
    (report.points[0].state, report.points[0].completed_at)
}

#[tokio::test]
async fn the_copy_is_as_old_as_the_oldest_object_that_it_lacks() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("backups");
    for (n, name) in ["a", "b/1", "b/2", "c"].iter().enumerate() {
        put(&root, &format!("media/{name}"), b"same", ago(100 + n as i64));
        put(&root, &format!("copy/{name}"), b"same", ago(90));
    }
    let server = Server::s3(dir.path()).await;
    let report = look(&root, Some(Repo::folder("ams", &root))).await.unwrap();
    assert_eq!(standing(&report), (PointState::Usable, Some(now())), "{report:?}");
    assert_eq!((report.gaps.len(), report.notes.len(), report.points[0].size_bytes), (0, 0, Some(16)));
    put(&root, "media/b/10", b"new", ago(20));
    put(&root, "media/d", b"new", ago(5));
    put(&root, "media/b/2", b"changed", ago(10));
    put(&root, "media/z", b"written while we look", now() + Dur::secs(2));
    put(&root, "copy/aa", b"deleted there", ago(50));
    for original in [Repo::folder("ams", &root), s3_repo(server.url()).await] {
        let report = look(&root, Some(original)).await.unwrap();
        let (state, at) = standing(&report);
        assert_eq!((state, at), (PointState::Usable, Some(ago(20) - Dur::millis(1))));
        let gap = &report.gaps[0];
        assert_eq!((&*gap.first_missing, &*gap.last_missing), ("b/10", "d"));
        assert_eq!(gap.detail, "2 objects not copied, 1 copied before they last changed");
        assert_eq!(report.summary().behind, Some(Behind { objects: 3, oldest: Some(ago(20)) }));
        assert!(
            report.notes[0].to_string().contains("1 objects are here and no longer"),
            "{:?}",
            report.notes
        );
    }
}

#[tokio::test]
async fn doubts_are_never_usable() {
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), "copy/a", b"short", ago(5));
    put(dir.path(), "media/a", b"longer than that", ago(50));
    let report = look(dir.path(), Some(Repo::folder("ams", dir.path()))).await.unwrap();
    assert_eq!(report.points[0].state, PointState::Suspect, "{report:?}");
    fs::remove_file(dir.path().join("media/a")).unwrap();
    let report = look(dir.path(), Some(Repo::folder("ams", dir.path()))).await.unwrap();
    assert_eq!(report.points[0].state, PointState::Suspect, "the original was emptied");
    let report = look(dir.path(), None).await.unwrap();
    assert_eq!(standing(&report), (PointState::Unverified, Some(ago(5))));
    put(dir.path(), "media/a", b"short", ago(50));
    put(dir.path(), "media/b", b"of a broken clock", now() + Dur::secs(86_400));
    let report = look(dir.path(), Some(Repo::folder("ams", dir.path()))).await.unwrap();
    assert_eq!(report.points[0].state, PointState::Unverified, "{report:?}");
    let gone = Repo::folder("ams", dir.path().join("nowhere"));
    let report = look(dir.path(), Some(gone)).await.unwrap();
    assert_ne!(report.points[0].state, PointState::Usable);
    fs::remove_file(dir.path().join("copy/a")).unwrap();
    let problem = look(dir.path(), None).await.unwrap_err();
    assert!(matches!(problem.code, Code::COPY_NOT_THERE | Code::STORE_MISSING), "{problem}");
}

#[tokio::test]
async fn without_an_original_objects_stand_for_themselves() {
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), "a", b"1", ago(9));
    put(dir.path(), "b", b"22", ago(7));
    let copy: CopyDef = serde_json::from_value(json!({"store": "fra", "format": "bucket"})).unwrap();
    let cx = Cx::new(now(), CancellationToken::new());
    let report = read(&copy, &Repo::folder("fra", dir.path()), &cx).await.unwrap();
    assert_eq!(standing(&report), (PointState::Usable, Some(ago(7))));
    assert_eq!(report.points[0].size_bytes, Some(3));
}

fn object(key: u8, (size, stored): (u8, i8)) -> walk::Object {
    let stored = Some(i64::from(stored));
    walk::Object { key: vec![key], etag: Vec::new(), size: size.into(), stored, replication: None }
}

proptest! {
    #[test]
    fn the_merge_walk_agrees_with_maps(
        own: BTreeMap<u8, (u8, i8)>, original: BTreeMap<u8, (u8, i8)>
    ) {
        let now = Time::from_timestamp_millis(1_000).unwrap();
        let cx = Cx::new(now, CancellationToken::new());
        let list = |map: &BTreeMap<u8, (u8, i8)>| map.iter().map(|(k, v)| object(*k, *v)).collect::<Vec<_>>();
        let (ours, theirs) = (list(&own), list(&original));
        let (mut a, mut b) = (ours.iter().peekable(), theirs.iter().peekable());
        let mut tally = Tally::new(now);
        loop {
            match tally.meet(a.peek().copied(), b.peek().copied(), &cx) {
                compare::Step::Over => break,
                compare::Step::Own => drop(a.next()),
                compare::Step::Original => drop(b.next()),
                compare::Step::Both => drop((a.next(), b.next())),
            }
        }
        let lacking = original.iter().filter(|(key, (size, at))| {
            own.get(key).is_none_or(|(s, t)| s != size || t < at)
        });
        let oldest = lacking.map(|(_, (_, at))| i64::from(*at) - 1).min();
        let expected = oldest.map_or(Some(now), Time::from_timestamp_millis);
        prop_assert_eq!(tally.as_of(), expected);
        prop_assert_eq!(tally.own, own.len() as u64);
    }
}
