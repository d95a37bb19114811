//! A location by hand after the tool's sources, and what breaking it makes of it.

use std::io::Write;

use lifeboat_core::model::*;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::resource::{parse, parse_volumes};
use crate::catalog::testing::{Hand, at, point, standing};

const NOW: &str = "2026-11-22T14:00:00Z";
const GOOD: &str = "daily-20261118010003";

fn hand() -> Hand {
    Hand::of_fixture("velero/repo", "2026-11-22T01:10:00Z")
}

async fn look(hand: &Hand) -> CopyReport {
    hand.look("velero", json!({}), NOW).await
}

fn resource(name: &str) -> String {
    format!("backups/{name}/velero-backup.json")
}

fn volumes(name: &str) -> String {
    format!("backups/{name}/{name}-volumeinfo.json.gz")
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn phases_are_judged_as_the_truth_says() {
    let report = look(&hand()).await;
    let truth: Vec<Value> =
        serde_json::from_str(include_str!("../../../tests/fixtures/velero/truth.json")).unwrap();
    assert_eq!(report.points.len(), truth.len());
    for told in &truth {
        let point = point(&report, told["name"].as_str().unwrap());
        let time = |name: &str| told[name].as_str().map(at);
        assert_eq!(point.completed_at, time("completion"), "{}", point.id);
        if told["phase"] != Value::Null {
            assert_eq!(point.started_at, time("start"), "{}", point.id);
        }
    }
    let table = [
        (GOOD, PointState::Usable, ""),
        (
            "daily-20261119010003",
            PointState::Suspect,
            "Velero says that it failed in part, with 2 errors: volume shop-db/data-pg-0 is not in it",
        ),
        (
            "daily-20261120010003",
            PointState::Failed,
            "Velero says that it failed: error putting object: AccessDenied",
        ),
        (
            "daily-20261121010003",
            PointState::Incomplete,
            "the data of its volumes are still being moved, and nothing changed for 12h 50m",
        ),
        (
            "daily-20261122010003",
            PointState::Incomplete,
            "it has no velero-backup.json, and nothing was written for 12h 50m",
        ),
        (
            "pre-upgrade-old",
            PointState::Expired,
            "it expired 22d 02h ago, and Velero may delete it at any moment",
        ),
    ];
    for (name, state, reason) in table {
        assert_eq!(standing(&report, name), (state, reason));
    }
    assert_eq!(report.summary().last_good.unwrap().id, GOOD);
    let [note] = &report.notes[..] else { panic!("{:?}", report.notes) };
    assert_eq!(note.why, "1 of the backups here expired more than a day ago and were not deleted");
}

#[tokio::test]
async fn what_is_broken_is_named() {
    type Break<'a> = (&'a dyn Fn(&Hand), PointState, &'a str);
    let tarball = format!("backups/{GOOD}/{GOOD}.tar.gz");
    let edit_volumes = |h: &Hand, from: &str, to: &str| {
        let mut text = String::new();
        std::io::Read::read_to_string(
            &mut flate2::read::GzDecoder::new(&h.get(&volumes(GOOD))[..]),
            &mut text,
        )
        .unwrap();
        assert!(text.contains(from));
        h.put(&volumes(GOOD), gzip(&text.replace(from, to)), NOW);
    };
    let cut = |h: &Hand, key: &str| {
        let bytes = h.get(key);
        h.put(key, &bytes[..bytes.len() - 9], NOW);
    };
    let old_version = |h: &Hand| {
        h.remove(&volumes(GOOD));
        h.edit(&resource(GOOD), "\"snapshotMoveData\": true", "\"snapshotMoveData\": false");
    };
    let old_and_lost = |h: &Hand| {
        h.remove(&volumes(GOOD));
        h.remove("kopia");
    };
    let phase =
        |to: &'static str| move |h: &Hand| h.edit(&resource(GOOD), "\"Completed\"", &format!("\"{to}\""));
    let table: [Break<'_>; 17] = [
        (&|h| h.remove(&tarball), PointState::BrokenChain, "its tarball is gone"),
        (&|h| h.put(&tarball, "", NOW), PointState::BrokenChain, "its tarball is empty"),
        (
            &|h| h.remove("kopia/shop-db"),
            PointState::BrokenChain,
            "the data of volume shop-db/data-pg-0 are gone: there is no kopia/shop-db/",
        ),
        (&old_and_lost, PointState::BrokenChain, "the data of its volumes are gone"),
        (&old_version, PointState::Suspect, "2 volume snapshots lie outside this store"),
        (
            &|h| edit_volumes(h, "\"snapshotDataMoved\": true", "\"snapshotDataMoved\": false"),
            PointState::Suspect,
            "volume shop-db/data-pg-0 is a snapshot outside this store",
        ),
        (
            &|h| edit_volumes(h, "\"dataMover\": \"velero\"", "\"dataMover\": \"acme\""),
            PointState::Suspect,
            "volume shop-db/data-pg-0 was moved by \"acme\", outside this store",
        ),
        (
            &|h| edit_volumes(h, "succeeded", "failed"),
            PointState::Suspect,
            "volume shop-db/data-pg-0 is not in it",
        ),
        (&|h| cut(h, &volumes(GOOD)), PointState::Suspect, "its list of volumes cannot be unpacked"),
        (&|h| cut(h, &resource(GOOD)), PointState::Unverified, "its velero-backup.json cannot be understood"),
        (
            &|h| h.put(&resource(GOOD), "{}", NOW),
            PointState::Unverified,
            "its velero-backup.json is no Backup",
        ),
        (
            &|h| h.edit(&resource(GOOD), "2026-11-18T01:06:40Z", "2026-11-28T01:06:40Z"),
            PointState::Suspect,
            "it says that it ended in the future",
        ),
        (&phase("Deleting"), PointState::Expired, "it is being deleted"),
        (&phase("FailedValidation"), PointState::Failed, "Velero refused it"),
        (
            &phase("Finalizing"),
            PointState::Incomplete,
            "it is being finished, and nothing changed for 12h 50m",
        ),
        (&phase("InProgress"), PointState::Incomplete, "it is being made, and nothing changed for 12h 50m"),
        (
            &phase("Brand\\u001b[2JNew"),
            PointState::Unverified,
            "its phase \"Brand\\u{1b}[2JNew\" is not known",
        ),
    ];
    for (break_it, state, reason) in table {
        let hand = hand();
        break_it(&hand);
        let report = look(&hand).await;
        let (is, why) = standing(&report, GOOD);
        assert_eq!(is, state, "{reason}: {why}");
        assert!(why.starts_with(reason), "{why} / {reason}");
    }
}

#[tokio::test]
async fn what_goes_on_is_running() {
    let report = hand().look("velero", json!({}), "2026-11-22T01:30:00Z").await;
    assert_eq!(standing(&report, "daily-20261122010003"), (PointState::Running, "it is being written"));
    let moving = (PointState::Running, "the data of its volumes are still being moved");
    assert_eq!(standing(&report, "daily-20261121010003"), moving);
}

#[tokio::test]
async fn one_schedule_is_told_from_others() {
    let hand = hand();
    let report = hand.look("velero", json!({"backup_schedule": "daily"}), NOW).await;
    assert_eq!(report.points.len(), 5, "the one without a resource by its name");
    assert_eq!(report.notes, []);
    let problem = hand.try_look("velero", json!({"backup_schedule": "weekly"}), NOW).await.unwrap_err();
    assert_eq!(problem.code, Code::COPY_NOT_THERE, "{problem}");
    let problem = Hand::new().try_look("velero", json!({}), NOW).await.unwrap_err();
    assert_eq!(problem.code, Code::COPY_NOT_THERE, "{problem}");
}

#[test]
fn a_bomb_is_stopped() {
    let bomb = gzip(&" ".repeat(64 << 20));
    assert!(parse_volumes(&bomb).unwrap_err().contains("holds more than"));
    assert_eq!(parse_volumes(&gzip("null")), Ok(Vec::new()));
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        let _ = parse(&bytes);
        let _ = parse_volumes(&bytes);
    }
    #[test]
    fn a_resource_that_was_cut_is_never_believed(cut in 0usize..1279) {
        let real = include_bytes!("../../../tests/fixtures/velero/repo/backups/daily-20261118010003/velero-backup.json");
        prop_assert!(parse(&real[..cut]).is_err());
    }
}
