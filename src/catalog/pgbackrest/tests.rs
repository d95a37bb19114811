//! Repositories made by hand, for what a test cannot make the tool write.

use std::path::Path;

use lifeboat_core::model::*;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{
    info::seal,
    look::{Kept, classify, is_label},
};
use crate::{
    catalog::{Cx, read, wal::SegmentSize},
    net::store::Repo,
};

/// Long after all that is written here: nothing is still on its way.
fn cx() -> Cx {
    Cx::new(Time::from_timestamp(4_000_000_000, 0).unwrap(), CancellationToken::new())
}

struct Hand {
    dir: tempfile::TempDir,
    backups: Vec<(String, Value)>,
}

impl Hand {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), backups: Vec::new() }
    }
    fn put(&self, path: &str, text: &str) {
        let path = self.dir.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    /// A backup of which all WAL lies in `first..=last` of 16 MiB segments.
    fn backup(&mut self, day: u64, first: u64, last: u64, more: Value) -> String {
        let label = format!("202611{day:02}-020000F");
        let mut entry = json!({
            "backup-type": "full", "backup-timestamp-start": 1_795_000_000 + day * 86_400,
            "backup-timestamp-stop": 1_795_000_600 + day * 86_400, "backup-info-size": 1_000, "db-id": 1,
            "backup-archive-start": SegmentSize::DEFAULT.name(1, first).to_string(),
            "backup-archive-stop": SegmentSize::DEFAULT.name(1, last).to_string(),
            "backup-lsn-start": format!("0/{:X}", (first << 24) + 40),
        });
        entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.put(&format!("backup/orders/{label}/backup.manifest"), "x");
        self.backups.push((label.clone(), entry));
        label
    }
    fn wal(&self, line: u32, numbers: impl IntoIterator<Item = u64>) {
        for n in numbers {
            let name = SegmentSize::DEFAULT.name(line, n).to_string();
            self.put(&format!("archive/orders/15-1/{}/{name}-{}.gz", &name[..16], "a".repeat(40)), "x");
        }
    }
    fn write(&self, extra: &str) {
        let history = "[db:history]\n1={\"db-version\":\"15\"}\n";
        let rows: String = self.backups.iter().map(|(label, entry)| format!("{label}={entry}\n")).collect();
        self.put("backup/orders/backup.info", &seal(&format!("[backup:current]\n{rows}{extra}\n{history}")));
        self.put("archive/orders/archive.info", &seal(history));
    }
    async fn look(&self) -> CopyReport {
        let copy = json!({"store": "fra", "format": "pgbackrest"});
        let copy: CopyDef = serde_json::from_value(copy).unwrap();
        read(&copy, &Repo::folder("fra", self.dir.path()), &cx()).await.unwrap()
    }
}

fn standing<'r>(report: &'r CopyReport, id: &str) -> (PointState, &'r str) {
    let point = report.points.iter().find(|p| p.id == id).unwrap();
    (point.state, &point.reason)
}

#[tokio::test]
async fn doubts_are_said_and_are_never_last_good() {
    let mut hand = Hand::new();
    let good = hand.backup(1, 2, 3, json!({}));
    let bad_pages = hand.backup(2, 5, 6, json!({"backup-error": true}));
    let on_bad = hand.backup(3, 8, 8, json!({"backup-type": "incr", "backup-prior": bad_pages}));
    let future = hand.backup(4, 9, 9, json!({"backup-timestamp-stop": 5_000_000_000_u64}));
    let no_range = hand.backup(5, 9, 9, json!({"backup-archive-stop": "../../etc"}));
    let stopped = hand.backup(6, 9, 9, json!({"backup-archive-start": null, "backup-archive-stop": null}));
    hand.wal(1, 2..=9);
    hand.write("20261107-020000F={\"backup-type\":7}\n");
    let report = hand.look().await;
    let table = [
        (&good, PointState::Usable, ""),
        (&bad_pages, PointState::Suspect, "page checksums failed while it was made"),
        (&on_bad, PointState::Suspect, "it needs 20261102-020000F, in which page checksums failed"),
        (&future, PointState::Suspect, "it says that it ended in the future"),
        (&no_range, PointState::Unverified, "its range of WAL cannot be understood"),
        (&stopped, PointState::Usable, ""),
    ];
    for (id, state, reason) in table {
        assert_eq!(standing(&report, id), (state, reason), "{id}");
    }
    assert_eq!(standing(&report, "20261107-020000F").0, PointState::Unverified);
    assert_eq!(report.points.len(), 7);
    assert_eq!(report.gaps, []);
}

#[tokio::test]
async fn log_that_expired_between_old_backups_is_no_gap() {
    let mut hand = Hand::new();
    hand.backup(1, 2, 3, json!({}));
    hand.backup(2, 10, 11, json!({}));
    hand.backup(3, 20, 21, json!({}));
    // 0 is older than any backup; 4..=9 expired; 15 is lost
    hand.wal(1, [0, 2, 3].into_iter().chain(10..=14).chain(16..=25));
    hand.write("");
    let report = hand.look().await;
    let missing: Vec<_> = report.gaps.iter().map(|g| (&*g.first_missing, &*g.last_missing)).collect();
    assert_eq!(missing, [("00000001000000000000000F", "00000001000000000000000F")]);
    assert_eq!(report.windows.len(), 3, "none of them reaches into the next, though all was stored just now");
}

#[tokio::test]
async fn a_timeline_without_its_history_is_not_followed() {
    let mut hand = Hand::new();
    hand.backup(1, 2, 3, json!({}));
    hand.wal(1, 2..=5);
    hand.wal(2, 6..=9);
    hand.write("");
    let report = hand.look().await;
    let [note] = &report.notes[..] else { panic!("{:?}", report.notes) };
    assert!(note.why.contains("00000002.history is missing"), "{note}");

    let stored = |line: u32, n| {
        let name = SegmentSize::DEFAULT.name(line, n).to_string();
        let path = format!("archive/orders/15-1/{}/{name}-{}.gz", &name[..16], "a".repeat(40));
        let file = std::fs::File::options().write(true).open(hand.dir.path().join(path)).unwrap();
        let at = Time::from_timestamp(1_795_100_000 + n as i64, 0).unwrap();
        file.set_modified(at.into()).unwrap();
        at
    };
    let (ends, goes_on) = (stored(1, 5), stored(2, 9));
    assert_eq!(hand.look().await.windows[0].to, ends);
    hand.put("archive/orders/15-1/00000002.history", "1\t0/6000000\tno recovery target specified\n");
    let report = hand.look().await;
    assert_eq!((report.windows[0].to, report.notes.len()), (goes_on, 0));
}

#[tokio::test]
async fn several_stanzas_need_a_name() {
    let hand = Hand::new();
    hand.put("backup/a/x", "");
    hand.put("backup/b/x", "");
    let copy: CopyDef = serde_json::from_value(json!({"store": "fra", "format": "pgbackrest"})).unwrap();
    let problem = read(&copy, &Repo::folder("fra", hand.dir.path()), &cx()).await.unwrap_err();
    assert_eq!(problem.code, Code::COPY_FORMAT, "{problem}");
    let empty = read(&copy, &Repo::folder("fra", Path::new("/usr/lib")), &cx()).await.unwrap_err();
    assert_eq!(empty.code, Code::COPY_NOT_THERE, "{empty}");
}

#[test]
fn names_in_the_archive_are_told_apart() {
    let hash = "0123456789abcdef0123456789abcdef01234567";
    let segment = "000000020000000100000003";
    let n = 256 + 3;
    let table = [
        (format!("{segment}-{hash}.gz"), Some(Kept::Segment(2, n))),
        (format!("{segment}-{hash}"), Some(Kept::Segment(2, n))),
        (format!("{segment}.partial-{hash}.gz"), Some(Kept::Partial(2, n))),
        (format!("{segment}.00000028.backup"), Some(Kept::Label(n))),
        ("00000002.history".to_owned(), Some(Kept::History(2))),
        (format!("{segment}-{}.gz", &hash[1..]), None),
        (segment.to_owned(), None),
        ("archive.info".to_owned(), None),
        (format!("0000000200000001000001FF-{hash}"), None),
    ];
    for (name, expected) in table {
        assert_eq!(classify(name.as_bytes(), SegmentSize::DEFAULT), expected, "{name}");
    }
    for good in ["20261122-232203F", "20261122-232203F_20261122-232209I", "20261122-232203F_20261122-232209D"]
    {
        assert!(is_label(good), "{good}");
    }
    for bad in ["latest", "backup.history", "20261122-232203", "20261122-232203F_20261122-232209F", "F", "éI"]
    {
        assert!(!is_label(bad), "{bad}");
    }
}

#[tokio::test]
async fn what_a_backup_took_and_what_that_became_are_told_where_both_are_recorded() {
    let mut hand = Hand::new();
    let sizes = json!({"backup-info-size-delta": 900_000, "backup-info-repo-size-delta": 300_000});
    let both = hand.backup(20, 1, 2, sizes);
    let one = hand.backup(21, 3, 4, json!({"backup-info-size-delta": 900_000}));
    let none = hand.backup(22, 5, 6, json!({"backup-info-size-delta": 0, "backup-info-repo-size-delta": 0}));
    hand.wal(1, 1..=6);
    hand.write("");
    let report = hand.look().await;
    let packed = |id: &str| report.points.iter().find(|p| p.id == id).expect("its point").packed;
    assert_eq!(packed(&both), Some(Packed { source: 900_000, stored: 300_000 }));
    assert_eq!((packed(&one), packed(&none)), (None, None));
}
