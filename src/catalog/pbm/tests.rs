//! A store by hand after the tool's sources, and what breaking it makes of it.

use lifeboat_core::model::*;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    meta::{Stamp, parse},
    oplog::{Oplog, Slice, parse_name},
};
use crate::catalog::testing::{Hand, at, missing, point, standing, windows};

const NOW: &str = "2026-11-22T14:30:00Z";
const OLD: &str = "2026-11-20T02:00:00Z";
const FAILED: &str = "2026-11-21T02:00:00Z";
const NEW: &str = "2026-11-22T02:00:00Z";
const LIVE: &str = "2026-11-22T14:00:00Z";

/// With the oplog that belongs to a logical backup, which the fixture leaves out.
fn hand() -> Hand {
    let hand = Hand::of_fixture("pbm/repo", "2026-11-22T12:02:30Z");
    for name in [OLD, NEW] {
        hand.put(&format!("{name}/rs0/oplog/20261122020003-1.20261122020205-1.s2"), "x", NEW);
    }
    hand
}

async fn look(hand: &Hand) -> CopyReport {
    hand.look("pbm", json!({}), NOW).await
}

fn meta(name: &str) -> String {
    format!("{name}.pbm.json")
}

#[tokio::test]
async fn a_store_is_read_as_its_truth_says() {
    let report = look(&hand()).await;
    let truth: Value = serde_json::from_str(include_str!("../../../tests/fixtures/pbm/truth.json")).unwrap();
    let table = [
        (OLD, PointState::Usable, ""),
        (FAILED, PointState::Failed, "PBM says that it failed: upload: AccessDenied"),
        (NEW, PointState::Usable, ""),
        (LIVE, PointState::Running, "it is being made"),
    ];
    for (name, state, reason) in table {
        assert_eq!(standing(&report, name), (state, reason), "{name}");
    }
    assert_eq!(report.points.len(), 4);
    let newest = point(&report, truth["newest_good"].as_str().unwrap());
    assert_eq!(newest.completed_at, Time::from_timestamp(truth["restore_to"].as_i64().unwrap(), 0));
    assert_eq!(newest.size_bytes, Some(3_703_701));
    let [from, to] = [0, 1].map(|n| at(truth["oplog_gap"][n].as_str().unwrap()));
    assert_eq!((report.gaps[0].from, report.gaps[0].to, report.gaps.len()), (Some(from), Some(to), 1));
    assert_eq!(report.gaps[0].detail, "1h of the oplog of replica set rs0 is missing");
    assert_eq!(missing(&report), [("rs0 2026-11-20T21:02:00Z", "rs0 2026-11-20T22:02:00Z")]);
    let end = at(truth["pitr_end"].as_str().unwrap());
    assert_eq!(windows(&report), [(at("2026-11-20T02:02:00Z"), from), (at("2026-11-22T02:02:05Z"), end)]);
    assert_eq!(report.summary().last_good.unwrap().at, end);
}

#[tokio::test]
async fn the_window_is_what_all_replica_sets_reach() {
    let hand = hand();
    let set = |name: &str| {
        format!(
            "{{\"name\": \"{name}\", \"status\": \"done\", \"backup_name\": \"{NEW}/{name}/metadata.json\"}}"
        )
    };
    hand.edit(&meta(NEW), "\"replsets\": [", &format!("\"replsets\": [{},", set("cfg")));
    hand.put(&format!("{NEW}/cfg/metadata.json"), "x", NOW);
    let report = look(&hand).await;
    assert_eq!(
        report.windows[1],
        Window { from: at("2026-11-22T02:02:05Z"), to: at("2026-11-22T02:02:05Z") }
    );
    let slice = "pbmPitr/cfg/20261122/20261122020000-1.20261122080000-3.oplog.gz";
    hand.put(slice, "x", NOW);
    assert_eq!(look(&hand).await.windows[1].to, at("2026-11-22T08:00:00Z"));
}

#[tokio::test]
async fn the_newest_hole_may_still_be_filled() {
    let hand = hand();
    hand.put("pbmPitr/rs0/20261122/20261122142000-1.20261122142900-1.oplog.s2", "x", "2026-11-22T14:29:10Z");
    let report = look(&hand).await;
    assert_eq!(
        report.gaps[1].detail,
        "2h 18m of the oplog of replica set rs0 is missing; it may still be on its way"
    );
    assert_eq!(report.windows[1].to, at("2026-11-22T12:02:00Z"));
}

#[tokio::test]
async fn what_is_broken_is_named() {
    type Break<'a> = (&'a dyn Fn(&Hand), PointState, &'a str);
    let edit = |h: &Hand, from: &str, to: &str| h.edit(&meta(NEW), from, to);
    let incremental = |h: &Hand, on: &str| {
        h.edit(
            &meta(NEW),
            "\"type\": \"logical\"",
            &format!("\"type\": \"incremental\", \"src_backup\": \"{on}\""),
        );
    };
    let cut = |h: &Hand| {
        let bytes = h.get(&meta(NEW));
        h.put(&meta(NEW), &bytes[..bytes.len() - 3], NOW);
    };
    let table: [Break<'_>; 16] = [
        (
            &|h| h.remove(&format!("{NEW}/rs0")),
            PointState::BrokenChain,
            "the data of replica set rs0 are gone",
        ),
        (
            &|h| h.put(&format!("{NEW}/rs0/metadata.json.s2"), "", NOW),
            PointState::BrokenChain,
            "the data of replica set rs0 are gone",
        ),
        (
            &|h| h.remove(&format!("{NEW}/rs0/oplog")),
            PointState::BrokenChain,
            "the oplog of replica set rs0 that belongs to it is gone",
        ),
        (
            &|h| incremental(h, "2026-11-01T02:00:00Z"),
            PointState::BrokenChain,
            "it needs 2026-11-01T02:00:00Z, which is gone",
        ),
        (
            &|h| incremental(h, FAILED),
            PointState::BrokenChain,
            "it needs 2026-11-21T02:00:00Z, which is not whole",
        ),
        (&|h| incremental(h, NEW), PointState::BrokenChain, "its chain of increments has no beginning"),
        (
            &|h| incremental(h, OLD),
            PointState::BrokenChain,
            "it needs 2026-11-20T02:00:00Z, which is not whole",
        ),
        (
            &|h| edit(h, "\"type\": \"logical\"", "\"type\": \"external\""),
            PointState::Unverified,
            "its data are kept outside this store and not seen here",
        ),
        (
            &|h| {
                edit(
                    h,
                    "\"type\": \"logical\"",
                    "\"type\": \"logical\", \"nss\": [\"shop.orders\", \"shop.users\"]",
                )
            },
            PointState::Suspect,
            "it is selective: it holds only shop.orders and 1 more",
        ),
        (
            &|h| edit(h, "\"T\": 1795312925", "\"T\": 1995312925"),
            PointState::Suspect,
            "it says that it ended in the future",
        ),
        (
            &|h| edit(h, "\"T\": 1795312925", "\"T\": 0"),
            PointState::Unverified,
            "it does not tell the instant that it lands on",
        ),
        (
            &|h| edit(h, "\"T\": 1795312925", "\"T\": -5"),
            PointState::Unverified,
            "its description cannot be understood",
        ),
        (
            &|h| edit(h, "\"status\": \"done\"", "\"status\": \"canceled\""),
            PointState::Failed,
            "it was cancelled",
        ),
        (
            &|h| edit(h, "\"status\": \"done\"", "\"status\": \"partlyDone\""),
            PointState::Incomplete,
            "only some of its replica sets are done",
        ),
        (&cut, PointState::Unverified, "its description cannot be understood: EOF"),
        (
            &|h| h.put(&meta(NEW), "{}", NOW),
            PointState::Unverified,
            "its description tells neither type nor status",
        ),
    ];
    for (break_it, state, reason) in table {
        let hand = hand();
        break_it(&hand);
        let report = look(&hand).await;
        let (is, why) = standing(&report, NEW);
        assert_eq!(is, state, "{reason}: {why}");
        assert!(why.starts_with(reason), "{why} / {reason}");
        assert_eq!(standing(&report, OLD).0, PointState::Usable);
    }
}

#[tokio::test]
async fn increments_rest_on_a_whole_chain() {
    let hand = hand();
    hand.edit(&meta(OLD), "\"type\": \"logical\"", "\"type\": \"incremental\"");
    let on_old = format!("\"type\": \"incremental\", \"src_backup\": \"{OLD}\"");
    hand.edit(&meta(NEW), "\"type\": \"logical\"", &on_old);
    let report = look(&hand).await;
    assert_eq!(standing(&report, NEW), (PointState::Usable, ""));
    assert_eq!(
        (point(&report, NEW).kind, point(&report, OLD).kind),
        (PointKind::Incremental, PointKind::Full)
    );
    hand.remove(&format!("{OLD}/rs0"));
    let report = look(&hand).await;
    let reason = format!("it needs {OLD}, of which the data of replica set rs0 are gone");
    assert_eq!(standing(&report, NEW), (PointState::BrokenChain, &*reason));
}

#[tokio::test]
async fn attempts_age_and_an_empty_store_is_said() {
    let late = hand().look("pbm", json!({}), "2026-11-23T02:01:00Z").await;
    let given_up = (PointState::Incomplete, "it was begun, and there was no sign of it for 12h");
    assert_eq!(standing(&late, LIVE), given_up);
    let bare = hand();
    bare.remove(&meta(OLD));
    assert_eq!(standing(&look(&bare).await, OLD).0, PointState::Incomplete, "data without a description");
    let hand = Hand::new();
    hand.put(".pbm.init", "2.10.0", NOW);
    let problem = hand.try_look("pbm", json!({}), NOW).await.unwrap_err();
    assert_eq!((problem.code, problem.why.contains("set it up")), (Code::COPY_NOT_THERE, true), "{problem}");
}

#[test]
fn slices_are_known_by_name() {
    let (from, to) = parse_name("20261120020200-1.20261120030200-12.oplog.s2").unwrap();
    assert_eq!((from.second, from.ordinal, to.second, to.ordinal), (1_795_140_120, 1, 1_795_143_720, 12));
    assert!(parse_name("20261120020200-1.20261120030200-1.oplog").is_some());
    let bad = [
        "",
        "x.y.oplog",
        "20261120030200-1.20261120020200-1.oplog",
        "20261120020200-1.20261120030200-1.gz",
        "19600101000000-1.20261120030200-1.oplog",
        "2026112002020é-1.20261120030200-1.oplog",
    ];
    for bad in bad {
        assert_eq!(parse_name(bad), None, "{bad}");
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes: Vec<u8>, text in "[0-9]{14}(-[0-9]{0,12})?\\.[0-9]{14}-[0-9]{1,3}\\.oplog", any: String) {
        let _ = parse(&bytes);
        let _ = parse_name(&text);
        let _ = parse_name(&any);
    }
    #[test]
    fn replay_reaches_what_slices_cover_without_a_hole(spans in proptest::collection::vec((0u32..50, 0u32..9), 0..30), from in 0u32..50) {
        let stamp = |second| Stamp { second, ordinal: 0 };
        let mut oplog = Oplog::default();
        for (at, length) in &spans {
            oplog.add("rs0", Slice { from: stamp(*at), to: stamp(at + length), stored_ms: None });
        }
        oplog.settle();
        let mut reach = from;
        while let Some((at, length)) = spans.iter().find(|(at, length)| *at <= reach && at + length > reach) {
            reach = at + length;
        }
        prop_assert_eq!(oplog.reach(["rs0"].into_iter(), stamp(from)), stamp(reach));
    }
    #[test]
    fn a_description_that_was_cut_is_never_believed(cut in 0usize..1620) {
        let real = include_bytes!("../../../tests/fixtures/pbm/repo/2026-11-22T02:00:00Z.pbm.json");
        prop_assert!(parse(&real[..cut]).is_err());
    }
}
