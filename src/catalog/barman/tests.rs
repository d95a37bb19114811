//! A repository that barman-cloud 3.19.1 wrote, and what is made of it by
//! breaking it; the server's layouts by hand from its file.

use lifeboat_core::model::*;
use serde_json::{Value, json};

use super::look::{Kept, classify, is_id};
use crate::catalog::{
    testing::{Hand, at, missing, point, standing, windows},
    wal::SegmentSize,
};

const NOW: &str = "2026-11-20T12:00:00Z";
const SERVER: &str = "barman/pg-main";

/// Each segment is stored an hour after the one before it, from the first backup on.
fn cloud() -> Hand {
    let hand = Hand::of_fixture("barman-cloud/repo", "2026-11-17T02:00:03Z");
    for (n, segment) in [0x2D, 0x2E, 0x2F, 0x31, 0x32, 0x33, 0x35, 0x36, 0x37].iter().enumerate() {
        let hours = [3, 4, 5, 27, 28, 29, 51, 52, 53][n];
        hand.store(&wal(*segment, ".gz"), at("2026-11-17T00:00:00Z") + Dur::secs(hours * 3_600));
    }
    hand
}

fn wal(segment: u32, suffix: &str) -> String {
    format!("{SERVER}/wals/0000000100000000/00000001000000000000{segment:04X}{suffix}")
}

fn info(id: &str) -> String {
    format!("{SERVER}/base/{id}/backup.info")
}

async fn look(hand: &Hand) -> CopyReport {
    hand.look("barman", json!({"server": SERVER}), NOW).await
}

#[tokio::test]
async fn a_real_cloud_repository_is_read_as_the_tool_reads_it_and_closer() {
    let report = look(&cloud()).await;
    let truth: Value =
        serde_json::from_str(include_str!("../../../tests/fixtures/barman-cloud/cloud-truth.json")).unwrap();
    let told = truth["backups_list"].as_array().unwrap();
    assert_eq!(report.points.len(), told.len());
    for told in told {
        let time = |name: &str| Some(at(told[name].as_str().unwrap()));
        let point = point(&report, told["backup_id"].as_str().unwrap());
        assert_eq!((point.started_at, point.completed_at), (time("begin_time_iso"), time("end_time_iso")));
        assert_eq!(point.size_bytes, told["cluster_size"].as_u64());
        assert_eq!((point.state, &*point.reason), (PointState::Usable, ""));
        assert_eq!(point.kind, PointKind::Full);
    }
    let [first, second] = ["000000010000000000000030", "000000010000000000000034"];
    assert_eq!(missing(&report), [(first, first), (second, second)], "the tool mentions neither");
    assert_eq!(report.gaps[0].detail, "1 WAL segment is missing");
    assert_eq!(
        (report.gaps[0].from, report.gaps[0].to),
        (Some(at("2026-11-17T05:00:00Z")), Some(at("2026-11-18T03:00:00Z")))
    );
    let ends = ["2026-11-17T05:00:00Z", "2026-11-18T05:00:00Z", "2026-11-19T05:00:00Z"].map(at);
    let from: Vec<_> = report.points.iter().rev().map(|p| p.completed_at.unwrap()).collect();
    assert_eq!(windows(&report), from.into_iter().zip(ends).collect::<Vec<_>>());
    assert_eq!(report.notes, []);
}

#[tokio::test]
async fn what_is_broken_is_named() {
    let [old, mid, new] = ["20261117T020001", "20261118T020001", "20261119T020001"];
    type Break<'a> = (&'a str, &'a dyn Fn(&Hand), PointState, &'a str);
    let data = |id: &str| format!("{SERVER}/base/{id}/data.tar.gz");
    let failed = |h: &Hand| {
        h.edit(&info(new), "status=DONE", "status=FAILED");
        h.edit(&info(new), "error=None", "error=failure uploading\u{1b}[2J data");
    };
    let cut = |h: &Hand| {
        let bytes = h.get(&info(new));
        h.put(&info(new), &bytes[..bytes.len() - 3], NOW);
    };
    let parts = |h: &Hand| h.put(&format!("{SERVER}/base/{new}/data_0002.tar.gz"), "x", NOW);
    let young = |h: &Hand| {
        h.remove(&info(new));
        h.put(&data(new), "x", "2026-11-20T11:00:00Z");
    };
    let table: [Break<'_>; 18] = [
        (
            new,
            &|h| h.remove(&wal(0x35, ".gz")),
            PointState::BrokenChain,
            "WAL segment 000000010000000000000035 is missing, without which it cannot start",
        ),
        (
            mid,
            &|h| h.remove(&wal(0x31, ".gz")),
            PointState::BrokenChain,
            "WAL segment 000000010000000000000031 is missing, without which it cannot start",
        ),
        (
            mid,
            &|h| h.put(&wal(0x31, ".gz"), "", NOW),
            PointState::BrokenChain,
            "WAL segment 000000010000000000000031 is missing, without which it cannot start",
        ),
        (new, &|h| h.remove(&data(new)), PointState::BrokenChain, "its data are gone"),
        (new, &|h| h.put(&data(new), "", NOW), PointState::BrokenChain, "data.tar.gz is empty"),
        (new, &parts, PointState::BrokenChain, "data_0001.tar is gone"),
        (
            new,
            &|h| h.edit(&info(new), "tablespaces=None", "tablespaces=[('ts', 16387, '/ts')]"),
            PointState::BrokenChain,
            "16387.tar is gone",
        ),
        (
            new,
            &|h| h.edit(&info(new), "parent_backup_id=None", "parent_backup_id=20261101T020001"),
            PointState::BrokenChain,
            "it needs 20261101T020001, which is gone",
        ),
        (
            new,
            &|h| h.edit(&info(new), "parent_backup_id=None", "parent_backup_id=20261119T020001"),
            PointState::BrokenChain,
            "its chain of parents has no beginning",
        ),
        (new, &failed, PointState::Failed, "Barman says that it failed: failure uploading^[[2J data"),
        (new, &cut, PointState::Unverified, "its backup.info does not tell which WAL it needs: cut off?"),
        (
            new,
            &|h| h.put(&info(new), "", NOW),
            PointState::Unverified,
            "its backup.info has no status: cut off?",
        ),
        (new, &|h| h.put(&info(new), b"\xff\xfe", NOW), PointState::Unverified, "its backup.info is no text"),
        (
            new,
            &|h| h.edit(&info(new), "status=DONE", "status=WAITING_FOR_WALS"),
            PointState::Incomplete,
            "Barman has not confirmed yet that its WAL is whole",
        ),
        (
            new,
            &|h| h.edit(&info(new), "snapshots_info=None", "snapshots_info={'provider': 'aws'}"),
            PointState::Unverified,
            "its data are snapshots of disks, kept by the cloud's provider and not seen here",
        ),
        (new, &young, PointState::Running, "it is being written"),
        (
            old,
            &|h| h.remove(&info(old)),
            PointState::Incomplete,
            "it was begun, and nothing was written for 3d 09h",
        ),
        (
            old,
            &|h| h.edit(&info(old), "systemid=7704498742194914183", "systemid=7704498742194914184"),
            PointState::Suspect,
            "it is of another cluster (7704498742194914184), with whose log this one is mixed",
        ),
    ];
    for (id, break_it, state, reason) in table {
        let hand = cloud();
        let whole = String::from_utf8(hand.get(&info(new))).unwrap();
        if !whole.contains("snapshots_info") {
            hand.put(&info(new), whole.replace("status=DONE", "snapshots_info=None\nstatus=DONE"), NOW);
        }
        break_it(&hand);
        let report = look(&hand).await;
        assert_eq!(standing(&report, id), (state, reason));
        let others = report.points.iter().filter(|p| p.id != id);
        assert!(others.clone().all(|p| p.state == PointState::Usable), "{report:#?}");
        assert_eq!(others.count(), 2);
    }
}

#[tokio::test]
async fn the_newest_hole_may_still_be_filled() {
    let hand = cloud();
    hand.remove(&wal(0x36, ".gz"));
    hand.store(&wal(0x37, ".gz"), at("2026-11-20T11:58:00Z"));
    let report = look(&hand).await;
    assert_eq!(report.gaps.len(), 3);
    assert_eq!(report.gaps[2].detail, "1 WAL segment is missing; it may still be on its way");
    assert!(report.gaps[..2].iter().all(|g| g.detail == "1 WAL segment is missing"), "those are lost");
    // a backup that ended just now, whose last segment is not there yet
    let hand = cloud();
    let id = "20261120T115500";
    let new = String::from_utf8(hand.get(&info("20261119T020001"))).unwrap();
    let new = new.replace("2026-11-19 02:00:02", "2026-11-20 11:56:00").replace("000035", "000038");
    hand.put(&info(id), new, NOW);
    hand.put(&format!("{SERVER}/base/{id}/data.tar"), "x", NOW);
    let report = look(&hand).await;
    let reason = "WAL segment 000000010000000000000038 has not arrived yet";
    assert_eq!(standing(&report, id), (PointState::Incomplete, reason));
}

#[tokio::test]
async fn a_backup_that_is_kept_by_itself_has_holes_behind_it_on_purpose() {
    let hand = cloud();
    hand.put(&format!("{SERVER}/base/20261117T020001/annotations/keep"), "standalone", NOW);
    let report = look(&hand).await;
    let second = "000000010000000000000034";
    assert_eq!(missing(&report), [(second, second)], "30 lies before the next backup");
    assert!(report.points.iter().all(|p| p.state == PointState::Usable));
}

/// The server's layout of the same backups, before or after 3.13.2.
fn server(with_meta: bool) -> Hand {
    let (cloud, hand) = (cloud(), Hand::new());
    for id in ["20261117T020001", "20261118T020001", "20261119T020001"] {
        let text = cloud.get(&info(id));
        match with_meta {
            true => hand.put(&format!("pg/meta/{id}-backup.info"), text, NOW),
            false => hand.put(&format!("pg/base/{id}/backup.info"), text, NOW),
        }
        hand.put(&format!("pg/base/{id}/data/global/pg_control"), "x", NOW);
    }
    for n in 0x2D..=0x37 {
        let name = format!("pg/wals/0000000100000000/00000001000000000000{n:04X}");
        hand.put(&name, "compressed, with no suffix", &format!("2026-11-19T{:02}:00:00Z", n - 0x2D));
    }
    hand.put("pg/wals/pg-xlog.db", "000000010000000000000038\t16\t1.5\tNone\tNone\n", NOW);
    hand
}

#[tokio::test]
async fn both_layouts_of_the_server_are_read() {
    for with_meta in [true, false] {
        let hand = server(with_meta);
        // the only server need not be named
        let report = hand.look("barman", json!({}), NOW).await;
        assert_eq!(report.points.len(), 3);
        assert!(report.points.iter().all(|p| p.state == PointState::Usable), "{report:#?}");
        assert_eq!((report.gaps.len(), report.windows.len()), (0, 1), "{report:#?}");
        hand.remove("pg/base/20261118T020001/data");
        let report = hand.look("barman", json!({"server": "pg"}), NOW).await;
        assert_eq!(standing(&report, "20261118T020001"), (PointState::BrokenChain, "its data are gone"));
    }
    // meta/ is believed first
    let hand = server(true);
    hand.put("pg/base/20261119T020001/backup.info", "status=FAILED\n", NOW);
    hand.put("pg/meta/20261117T020001-keep", "standalone", NOW);
    assert_eq!(standing(&hand.look("barman", json!({}), NOW).await, "20261119T020001").0, PointState::Usable);
    let started = "status=STARTED\nbegin_time=2026-11-20 11:00:00+00:00\n";
    hand.put("pg/meta/20261120T110000-backup.info", started, "2026-11-20T11:00:00Z");
    let report = hand.look("barman", json!({}), NOW).await;
    assert_eq!(standing(&report, "20261120T110000"), (PointState::Running, "it is being written"));
    let report = hand.look("barman", json!({}), "2026-11-20T20:00:00Z").await;
    let given_up = (PointState::Incomplete, "it was begun, and nothing was written for 9h");
    assert_eq!(standing(&report, "20261120T110000"), given_up);
}

#[tokio::test]
async fn a_promotion_is_followed() {
    let hand = server(true);
    for n in 0x38..=0x3A {
        let name = format!("pg/wals/0000000200000000/00000002000000000000{n:04X}");
        hand.put(&name, "x", &format!("2026-11-20T{:02}:00:00Z", n - 0x30));
    }
    let report = hand.look("barman", json!({}), NOW).await;
    let [note] = &report.notes[..] else { panic!("{:?}", report.notes) };
    assert!(note.why.contains("pg/wals/00000002.history is missing"), "{note}");
    let until_the_promotion = at("2026-11-19T10:00:00Z");
    assert_eq!(report.windows[0].to, until_the_promotion);
    let history = zstd::encode_all(&b"1\t0/3800000\tno recovery target specified\n"[..], 3).unwrap();
    hand.put("pg/wals/00000002.history", history, NOW);
    let report = hand.look("barman", json!({}), NOW).await;
    assert_eq!((report.windows[0].to, report.notes.len()), (at("2026-11-20T10:00:00Z"), 0), "{report:#?}");
}

#[tokio::test]
async fn times_without_a_zone_use_the_estates_or_are_flagged() {
    let hand = server(true);
    let key = "pg/meta/20261119T020001-backup.info";
    hand.edit(key, "end_time=2026-11-19 02:00:02.837484+00:00", "end_time=Thu Nov 19 02:00:02 2026");
    let of = |report: &CopyReport| point(report, "20261119T020001").completed_at.unwrap();
    let flagged = hand.look("barman", json!({}), NOW).await;
    assert_eq!((of(&flagged), flagged.notes.len()), (at("2026-11-19T02:00:02Z"), 1));
    let paris = hand.look_in_zone("barman", json!({}), NOW, Some("Europe/Paris")).await.unwrap();
    assert_eq!((of(&paris), paris.notes.len()), (at("2026-11-19T01:00:02Z"), 0));
    let early = hand.look("barman", json!({}), "2026-11-18T12:00:00Z").await;
    let future = (PointState::Suspect, "it says that it ended in the future");
    assert_eq!(standing(&early, "20261119T020001"), future);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_from_several() {
    let hand = server(true);
    let problem = hand.try_look("barman", json!({"server": "other"}), NOW).await.unwrap_err();
    assert_eq!(problem.code, Code::COPY_NOT_THERE);
    assert_eq!(problem.next, "check `server`: here lie pg");
    hand.put("crm/base/20261117T020001/backup.info", "", NOW);
    let problem = hand.try_look("barman", json!({}), NOW).await.unwrap_err();
    assert_eq!(problem.code, Code::COPY_FORMAT, "{problem}");
    let problem = Hand::new().try_look("barman", json!({}), NOW).await.unwrap_err();
    assert_eq!(problem.code, Code::COPY_NOT_THERE, "{problem}");
}

#[test]
fn names_below_wals_are_told_apart() {
    let segment = "000000020000000100000003";
    let table = [
        (segment.to_owned(), Some(Kept::Segment(2, 259))),
        (format!("{segment}.gz"), Some(Kept::Segment(2, 259))),
        (format!("{segment}.partial"), Some(Kept::Partial(2, 259))),
        (format!("{segment}.00000028.backup.gz"), None),
        (format!("{segment}.gz.tmp"), None),
        ("00000002.history".to_owned(), Some(Kept::History(2))),
        ("00000002.history.gz".to_owned(), Some(Kept::History(2))),
        ("xlog.db".to_owned(), None),
        ("pg-main-with-a-long-name-xlog.db".to_owned(), None),
        (".000000020000000100000003.tmp".to_owned(), None),
    ];
    for (name, expected) in table {
        assert_eq!(classify(name.as_bytes(), SegmentSize::DEFAULT), expected, "{name}");
    }
    assert!(is_id("20261117T020001"));
    for bad in ["", "20261117020001", "20261117T02000é", "20261117T0200011"] {
        assert!(!is_id(bad), "{bad}");
    }
}
