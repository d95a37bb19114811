//! A repository by hand after the tool's sources, and what breaking it makes of it.

use lifeboat_core::model::*;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{mysql, postgres};
use crate::catalog::{
    testing::{Hand, at, missing, point, standing, windows},
    wal::SegmentSize,
};

const NOW: &str = "2026-11-22T12:00:00Z";
const FULL: &str = "base_000000010000000000000010";
const DELTA: &str = "base_000000010000000000000018_D_000000010000000000000010";
const NEW: &str = "base_000000010000000000000020";
const ATTEMPT: &str = "base_000000010000000000000024";

/// Segments are stored three hours apart, the first where the truth says.
fn pg() -> Hand {
    let hand = Hand::of_fixture("walg/repo/pg", "2026-11-20T15:00:00Z");
    for n in (0x0E..=0x28).filter(|n| *n != 0x1C) {
        hand.store(&wal(n), at("2026-11-18T00:00:00Z") + Dur::secs((n - 0x0E) * 3 * 3_600));
    }
    // what marks timeline 2 is no history here; see below
    hand.remove("wal_005/00000002.history.lz4");
    hand.remove("wal_005/000000020000000000000028.lz4");
    hand.remove("wal_005/000000020000000000000029.lz4");
    hand
}

fn wal(n: i64) -> String {
    format!("wal_005/00000001000000000000{n:04X}.lz4")
}

fn sentinel(name: &str) -> String {
    format!("basebackups_005/{name}_backup_stop_sentinel.json")
}

async fn look(hand: &Hand) -> CopyReport {
    hand.look("wal-g", json!({}), NOW).await
}

fn truth() -> Value {
    serde_json::from_str(include_str!("../../../tests/fixtures/walg/truth.json")).unwrap()
}

#[tokio::test]
async fn postgres_is_read_as_its_truth_says() {
    let report = look(&pg()).await;
    let truth = &truth()["postgres"];
    for told in truth["backups"].as_array().unwrap() {
        let point = point(&report, told["name"].as_str().unwrap());
        assert_eq!((point.state, &*point.reason), (PointState::Usable, ""));
        assert_eq!(point.completed_at, Some(at(told["finish"].as_str().unwrap())));
        let kind = if told["full"] == true { PointKind::Full } else { PointKind::Incremental };
        assert_eq!(point.kind, kind);
        let parents: Vec<_> = told["delta_from"].as_str().into_iter().collect();
        assert_eq!(point.depends_on, parents);
    }
    assert_eq!(point(&report, NEW).size_bytes, Some(24_200_000_000));
    assert_eq!(point(&report, NEW).packed, Packed::of(Some(24_200_000_000), Some(8_100_000_000)));
    let given_up = (PointState::Incomplete, "it has no sentinel, and nothing was written for 1d 21h");
    assert_eq!(standing(&report, ATTEMPT), given_up);
    assert_eq!(report.points.len(), 4);
    let gap = truth["wal_gaps"][0].as_str().unwrap();
    assert_eq!(missing(&report), [(gap, gap)]);
    let until_1b = at("2026-11-18T00:00:00Z") + Dur::secs(13 * 3 * 3_600);
    let until_28 = at("2026-11-18T00:00:00Z") + Dur::secs(26 * 3 * 3_600);
    let expected = [(at("2026-11-18T02:05:00.5Z"), until_1b), (at("2026-11-20T02:05:10.5Z"), until_28)];
    assert_eq!(windows(&report), expected);
    let good = report.summary().last_good.unwrap();
    assert_eq!((&*good.id, good.at), (NEW, until_28));
    assert_eq!(report.notes, []);
}

#[tokio::test]
async fn a_promotion_is_followed_where_its_history_can_be_read() {
    let hand = pg();
    for (n, hour) in [("28", "07"), ("29", "08")] {
        hand.put(
            &format!("wal_005/0000000200000000000000{n}.lz4"),
            "x",
            &format!("2026-11-21T{hour}:00:00Z"),
        );
    }
    hand.put("wal_005/00000002.history.lz4", [0; 20], NOW);
    let report = look(&hand).await;
    let [note] = &report.notes[..] else { panic!("{:?}", report.notes) };
    assert!(note.why.contains("00000002.history.lz4 cannot be understood"), "{note}");
    assert_eq!(report.windows[1].to, at("2026-11-21T06:00:00Z"));
    let mut lz4 = lz4_flex::frame::FrameEncoder::new(Vec::new());
    std::io::Write::write_all(&mut lz4, b"1\t0/28000028\tno recovery target specified\n").unwrap();
    hand.put("wal_005/00000002.history.lz4", lz4.finish().unwrap(), NOW);
    let report = look(&hand).await;
    assert_eq!((report.windows[1].to, report.notes.len()), (at("2026-11-21T08:00:00Z"), 0));
}

#[tokio::test]
async fn what_is_broken_is_named() {
    type Break<'a> = (&'a str, &'a dyn Fn(&Hand), PointState, &'a str);
    let tars = |name: &str| format!("basebackups_005/{name}/tar_partitions");
    let cut = |h: &Hand| {
        let bytes = h.get(&sentinel(NEW));
        h.put(&sentinel(NEW), &bytes[..bytes.len() / 2], NOW);
    };
    let itself = format!("\"IsPermanent\": false, \"DeltaFrom\": \"{NEW}\"");
    let files = |h: &Hand| h.remove(&format!("basebackups_005/{NEW}/files_metadata.json"));
    let table: [Break<'_>; 15] = [
        (NEW, &files, PointState::BrokenChain, "its files_metadata.json is gone"),
        (
            NEW,
            &|h| h.remove(&wal(0x20)),
            PointState::BrokenChain,
            "WAL segment 000000010000000000000020 is missing, without which it cannot start",
        ),
        (
            DELTA,
            &|h| h.remove(&sentinel(FULL)),
            PointState::BrokenChain,
            "it needs base_000000010000000000000010, of which the sentinel is gone",
        ),
        (
            DELTA,
            &|h| h.remove(&tars(FULL)),
            PointState::BrokenChain,
            "it needs base_000000010000000000000010, of which its data are gone",
        ),
        (
            DELTA,
            &|h| h.put(&sentinel(FULL), "{", NOW),
            PointState::BrokenChain,
            "it needs base_000000010000000000000010, whose sentinel cannot be understood",
        ),
        (
            NEW,
            &|h| h.remove(&format!("basebackups_005/{NEW}")),
            PointState::BrokenChain,
            "its folder is gone",
        ),
        (NEW, &|h| h.remove(&tars(NEW)), PointState::BrokenChain, "its data are gone"),
        (
            NEW,
            &|h| h.remove(&format!("{}/pg_control.tar.lz4", tars(NEW))),
            PointState::BrokenChain,
            "its pg_control.tar is gone",
        ),
        (
            NEW,
            &|h| h.edit(&sentinel(NEW), "\"IsPermanent\": false", &itself),
            PointState::BrokenChain,
            "its chain of deltas has no beginning",
        ),
        (NEW, &cut, PointState::Unverified, "its sentinel cannot be understood: EOF while parsing"),
        (
            NEW,
            &|h| h.put(&sentinel(NEW), "", NOW),
            PointState::Unverified,
            "its sentinel cannot be understood",
        ),
        (
            NEW,
            &|h| h.edit(&sentinel(NEW), "536871224", "null"),
            PointState::Unverified,
            "its sentinel does not tell which WAL it needs",
        ),
        (
            NEW,
            &|h| h.edit(&sentinel(NEW), "536871224", "18446744073709551615"),
            PointState::BrokenChain,
            "WAL segment 000000010000000000000029 is missing, without which it cannot start",
        ),
        (
            NEW,
            &|h| h.edit(&sentinel(NEW), "2026-11-20T02:05", "2027-11-20T02:05"),
            PointState::Suspect,
            "it says that it ended in the future",
        ),
        (
            FULL,
            &|h| h.edit(&sentinel(FULL), "7300000000000000001", "7300000000000000002"),
            PointState::Suspect,
            "it is of another cluster (7300000000000000002), with whose log this one is mixed",
        ),
    ];
    for (name, break_it, state, reason) in table {
        let hand = pg();
        break_it(&hand);
        let report = look(&hand).await;
        let (is, why) = standing(&report, name);
        assert_eq!(is, state, "{reason}: {why}");
        assert!(why.starts_with(reason), "{why} / {reason}");
    }
}

#[tokio::test]
async fn a_permanent_backup_outlives_its_log() {
    let hand = pg();
    for n in 0x11..=0x17 {
        hand.remove(&wal(n));
    }
    hand.remove(&sentinel(DELTA));
    hand.remove(&format!("basebackups_005/{DELTA}"));
    let report = look(&hand).await;
    assert_eq!(missing(&report), [], "what lies before the oldest that retention counts is no alarm");
    assert_eq!(standing(&report, FULL).0, PointState::Usable);
    assert_eq!(report.windows.len(), 2);
}

#[tokio::test]
async fn attempts_are_told_by_their_age() {
    let hand = pg();
    hand.put(
        &format!("basebackups_005/{ATTEMPT}/tar_partitions/part_2.tar.lz4"),
        "x",
        "2026-11-22T11:30:00Z",
    );
    assert_eq!(standing(&look(&hand).await, ATTEMPT), (PointState::Running, "it is being written"));
}

#[tokio::test]
async fn old_sentinels_take_their_times_from_elsewhere() {
    let hand = pg();
    let old = r#"{"LSN": 536870952, "FinishLSN": 536871224, "PgVersion": 90600, "Files": {"a": {}}}"#;
    hand.put(&sentinel(NEW), old, "2026-11-20T02:06:00Z");
    let report = look(&hand).await;
    assert_eq!(point(&report, NEW).completed_at, Some(at("2026-11-20T02:05:10.5Z")), "metadata.json");
    hand.remove(&format!("basebackups_005/{NEW}/metadata.json"));
    let report = look(&hand).await;
    assert_eq!(point(&report, NEW).completed_at, Some(at("2026-11-20T02:06:00Z")), "when it was stored");
    assert_eq!(report.notes.len(), 1);
}

/// Binlogs are stored three hours apart.
fn mysql_hand() -> Hand {
    let hand = Hand::of_fixture("walg/repo/mysql", "2026-11-20T00:09:00Z");
    for n in (117..=127).filter(|n| *n != 123) {
        hand.store(&binlog(n), at("2026-11-18T18:00:00Z") + Dur::secs((n - 117) * 3 * 3_600));
    }
    hand
}

fn binlog(n: i64) -> String {
    format!("binlog_005/mysql-bin.{n:06}.lz4")
}

async fn look_mysql(hand: &Hand) -> CopyReport {
    hand.look("wal-g", json!({"database": "mysql"}), NOW).await
}

#[tokio::test]
async fn mysql_is_read_as_its_truth_says() {
    let report = look_mysql(&mysql_hand()).await;
    let truth = &truth()["mysql"];
    let gap = truth["binlog_gap"][0].as_str().unwrap();
    assert_eq!(missing(&report), [(gap, gap)]);
    assert_eq!(report.gaps[0].detail, "1 binlog is missing");
    assert!(report.points.iter().all(|p| p.state == PointState::Usable), "{report:#?}");
    let [old, new] = ["stream_20261119T020000Z", "stream_20261120T020000Z"];
    assert_eq!(point(&report, new).completed_at, Some(at("2026-11-20T00:08:59.5Z")), "its offset counts");
    assert_eq!(point(&report, old).completed_at, Some(at("2026-11-19T00:08:59.5Z")));
    let until_122 = at("2026-11-18T18:00:00Z") + Dur::secs(5 * 3 * 3_600);
    // both reach into the hole, and the newer began after 122 was stored
    assert_eq!(
        windows(&report),
        [
            (at("2026-11-19T00:08:59.5Z"), until_122),
            (at("2026-11-20T00:08:59.5Z"), at("2026-11-20T00:08:59.5Z")),
        ]
    );
    assert_eq!(report.summary().last_good.unwrap().id, truth["newest_good"].as_str().unwrap());
}

#[tokio::test]
async fn binlogs_that_were_numbered_anew_are_not_run_together() {
    let hand = mysql_hand();
    hand.put(&binlog(123), "x", "2026-11-19T12:00:00Z");
    let whole = look_mysql(&hand).await;
    assert_eq!((whole.gaps.len(), whole.windows.len()), (0, 2));
    // a reset: 1 and 2 are new, 117 to 127 are what was left
    let text = String::from_utf8(hand.get(&sentinel("stream_20261120T020000Z"))).unwrap();
    hand.put(
        &sentinel("stream_20261121T020000Z"),
        text.replace("000120", "000001").replace("2026-11-20", "2026-11-21"),
        NOW,
    );
    hand.put("basebackups_005/stream_20261121T020000Z/stream.lz4", "x", NOW);
    hand.put(&binlog(1), "x", "2026-11-21T04:00:00Z");
    hand.put(&binlog(2), "x", "2026-11-21T05:00:00Z");
    let report = look_mysql(&hand).await;
    assert_eq!((report.gaps.len(), report.notes.len()), (0, 1), "{report:#?}");
    let newest = report.windows.last().unwrap();
    assert_eq!((newest.from, newest.to), (at("2026-11-21T00:08:59.5Z"), at("2026-11-21T05:00:00Z")));
    assert!(report.windows.iter().rev().skip(1).all(|w| w.from == w.to), "the others stand alone");
}

#[tokio::test]
async fn mysql_deltas_need_what_they_rest_on() {
    let [old, new] = ["stream_20261119T020000Z", "stream_20261120T020000Z"];
    let hand = mysql_hand();
    let delta = format!("\"IsIncremental\": true, \"DeltaFrom\": \"{old}\"");
    hand.edit(&sentinel(new), "\"IsIncremental\": false", &delta);
    let report = look_mysql(&hand).await;
    assert_eq!(
        (point(&report, new).kind, standing(&report, new)),
        (PointKind::Incremental, (PointState::Usable, ""))
    );
    hand.remove(&format!("basebackups_005/{old}/stream.lz4"));
    let report = look_mysql(&hand).await;
    let reason = format!("it needs {old}, of which its data are gone");
    assert_eq!(standing(&report, new), (PointState::BrokenChain, &*reason));
    hand.edit(&sentinel(new), &delta, "\"IsIncremental\": true");
    assert_eq!(standing(&look_mysql(&hand).await, new).0, PointState::Unverified);
}

#[tokio::test]
async fn nothing_there_and_an_odd_database_are_said() {
    let problem = Hand::new().try_look("wal-g", json!({}), NOW).await.unwrap_err();
    assert_eq!(problem.code, Code::COPY_NOT_THERE, "{problem}");
    let problem = pg().try_look("wal-g", json!({"database": "redis"}), NOW).await.unwrap_err();
    assert_eq!(problem.code, Code::COPY_FORMAT, "{problem}");
    let hand = pg();
    hand.put(&sentinel("base_\u{1b}[2J"), "{}", NOW);
    let report = look(&hand).await;
    assert_eq!(standing(&report, "base_^[[2J").0, PointState::BrokenChain);
}

#[test]
fn names_of_logs_are_told_apart() {
    use postgres::{Kept, classify};
    let segment = "000000020000000100000003";
    let table = [
        (format!("{segment}.lz4"), Some(Kept::Segment(2, 259))),
        (format!("{segment}.br"), Some(Kept::Segment(2, 259))),
        (segment.to_owned(), Some(Kept::Segment(2, 259))),
        (format!("{segment}.partial.lz4"), Some(Kept::Partial(2, 259))),
        (format!("{segment}.json"), None),
        (format!("{segment}_delta.lz4"), None),
        (format!("{segment}.00000028.backup.lz4"), None),
        ("00000002.history.lz4".to_owned(), Some(Kept::History(2))),
        ("00000002.history.txt".to_owned(), None),
    ];
    for (name, expected) in table {
        assert_eq!(classify(name.as_bytes(), SegmentSize::DEFAULT), expected, "{name}");
    }
    assert_eq!(mysql::parse_name("mysql-bin.000117"), Some(("mysql-bin", 117)));
    assert_eq!(mysql::parse_name("a.b.1000000"), Some(("a.b", 1_000_000)));
    for bad in ["", ".000117", "mysql-bin.117", "mysql-bin.00011x", "mysql-bin.99999999999999999999"] {
        assert_eq!(mysql::parse_name(bad), None, "{bad}");
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes: Vec<u8>, text: String, times in proptest::collection::vec((0u64..9, any::<Option<i64>>()), 0..9)) {
        let _ = postgres::parse(&bytes);
        let _ = mysql::parse(&bytes);
        let _ = mysql::parse_name(&text);
        let _ = postgres::classify(&bytes, SegmentSize::DEFAULT);
        let mut binlogs = mysql::Binlogs::default();
        times.into_iter().for_each(|(n, ms)| binlogs.add("b", n, ms));
        let _ = binlogs.current("b");
    }
    #[test]
    fn a_sentinel_that_was_cut_is_never_believed(cut in 0usize..385) {
        let real = include_bytes!("../../../tests/fixtures/walg/repo/pg/basebackups_005/base_000000010000000000000020_backup_stop_sentinel.json");
        prop_assert!(postgres::parse(&real[..cut]).is_err());
        prop_assert!(mysql::parse(&real[..cut]).is_err());
    }
}
