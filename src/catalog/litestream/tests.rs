use std::{fs, path::Path, time::SystemTime};

use lifeboat_core::model::*;
use proptest::prelude::*;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::catalog::read;

const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/litestream/v05/app/ltx");

fn ms(ms: i64) -> Time {
    Time::from_timestamp_millis(ms).unwrap()
}

/// As the headers in the fixture say, in hex.
const FIRST_SNAPSHOT: i64 = 0x1a2_04d0_7332;
const LAST_SNAPSHOT: i64 = 0x1a2_04d0_9431;
const LAST: i64 = 0x1a2_04d0_a210;

fn put(root: &Path, key: &str, bytes: &[u8], stored: Time) {
    let path = root.join("app").join(key);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, bytes).unwrap();
    fs::File::options().write(true).open(path).unwrap().set_modified(SystemTime::from(stored)).unwrap();
}

/// The replica that Litestream 0.5.17 made, stored as it was written.
fn replica() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for level in ["0", "1", "9"] {
        for entry in fs::read_dir(format!("{FIXTURE}/{level}")).unwrap() {
            let entry = entry.unwrap();
            let bytes = fs::read(entry.path()).unwrap();
            let at = i64::from_be_bytes(bytes[32..40].try_into().unwrap());
            let name = entry.file_name().into_string().unwrap();
            put(dir.path(), &format!("ltx/{level}/{name}"), &bytes, ms(at + 300));
        }
    }
    dir
}

fn remove(dir: &Path, level: u8, min: u64, max: u64) {
    fs::remove_file(dir.join(format!("app/ltx/{level}/{min:016x}-{max:016x}.ltx"))).unwrap();
}

async fn look(dir: &Path) -> Result<CopyReport, Problem> {
    let copy: CopyDef =
        serde_json::from_value(json!({"store": "fra", "path": "app", "format": "litestream"})).unwrap();
    let cx = Cx::new(ms(LAST) + Dur::secs(7_200), CancellationToken::new());
    read(&copy, &Repo::folder("fra", dir), &cx).await
}

/// The tool would choose it by its name and fail, whatever an older one holds.
#[tokio::test]
async fn a_window_ends_before_a_snapshot_that_is_no_good() {
    let dir = replica();
    let mut snapshots: Vec<_> =
        fs::read_dir(dir.path().join("app/ltx/9")).unwrap().map(|e| e.unwrap().file_name()).collect();
    snapshots.sort();
    let last = snapshots.last().unwrap().to_str().unwrap();
    put(dir.path(), &format!("ltx/9/{last}"), b"", ms(LAST_SNAPSHOT));
    let report = look(dir.path()).await.unwrap();
    let spans: Vec<_> = report.windows.iter().map(|w| (w.from, w.to)).collect();
    assert_eq!(spans, [(ms(FIRST_SNAPSHOT), ms(LAST_SNAPSHOT - 1))]);
}

#[tokio::test]
async fn a_whole_replica_is_one_window_to_its_last_transaction() {
    let dir = replica();
    let report = look(dir.path()).await.unwrap();
    let ids: Vec<_> = report.points.iter().map(|p| (&*p.id, p.state)).collect();
    let id = |max: &str| format!("app/ltx/9/0000000000000001-000000000000000{max}.ltx");
    let usable = PointState::Usable;
    assert_eq!(ids, [(&*id("a"), usable), (&*id("4"), usable), (&*id("2"), usable)]);
    assert_eq!(report.points[0].completed_at, Some(ms(LAST_SNAPSHOT)));
    assert_eq!(report.windows, [Window { from: ms(FIRST_SNAPSHOT), to: ms(LAST) }]);
    assert_eq!((&*report.gaps, &*report.notes), (&[][..], &[][..]));
}

#[tokio::test]
async fn a_missing_transaction_ends_the_window_and_is_named() {
    let dir = replica();
    remove(dir.path(), 1, 0xb, 0xd);
    remove(dir.path(), 0, 0xd, 0xd);
    let report = look(dir.path()).await.unwrap();
    let [gap] = &*report.gaps else { panic!("{:?}", report.gaps) };
    assert_eq!((&*gap.first_missing, &*gap.last_missing), ("000000000000000d", "000000000000000d"));
    assert_eq!((gap.from, gap.to), (Some(ms(0x1a2_04d0_9a3e)), Some(ms(LAST))));
    assert_eq!(report.windows.last().unwrap().to, ms(0x1a2_04d0_9a3e));
    // what level 1 still holds is missed at no level
    let dir = replica();
    (0xb..=0xd).for_each(|n| remove(dir.path(), 0, n, n));
    assert_eq!(look(dir.path()).await.unwrap().gaps, []);
    // before a snapshot: its state is there, the way to it is not
    let dir = replica();
    remove(dir.path(), 1, 5, 7);
    remove(dir.path(), 0, 6, 6);
    let report = look(dir.path()).await.unwrap();
    assert_eq!(report.windows.len(), 2, "{:?}", report.windows);
    assert_eq!(report.gaps[0].last_missing, "0000000000000006");
    assert!(report.points.iter().all(|p| p.state == PointState::Usable));
}

#[tokio::test]
async fn damage_at_the_ends_is_seen() {
    let dir = replica();
    let name = |level: u8, min: u64, max: u64| format!("ltx/{level}/{min:016x}-{max:016x}.ltx");
    let path = dir.path().join("app").join(name(9, 1, 10));
    let bytes = fs::read(&path).unwrap();
    put(dir.path(), &name(9, 1, 10), &bytes[..500], ms(LAST));
    put(dir.path(), &name(9, 1, 11), &bytes, ms(LAST));
    put(dir.path(), &name(9, 1, 12), b"LTX1", ms(LAST));
    put(dir.path(), &name(0, 14, 14), &[0; 400], ms(LAST));
    put(dir.path(), "ltx/0/zzzz-\u{202e}.ltx", b"", ms(LAST));
    let report = look(dir.path()).await.unwrap();
    let why: Vec<_> = report.points.iter().map(|p| (p.state, &*p.reason)).collect();
    for (state, reason) in [
        (PointState::Incomplete, "it is cut off: its index of pages does not fit"),
        (PointState::Incomplete, "it is cut off: too short for a snapshot"),
        (PointState::Suspect, "its header is about other transactions than its name"),
    ] {
        assert!(why.contains(&(state, reason)), "{reason}: {why:?}");
    }
    assert_eq!(report.summary().last_good.unwrap().at, ms(0x1a2_04d0_9e26), "the last is no log any more");
    assert!(report.notes.iter().any(|n| n.to_string().contains("counted as missing")), "{:?}", report.notes);
}

#[tokio::test]
async fn before_its_first_snapshot_the_first_file_stands_for_it() {
    let dir = replica();
    fs::remove_dir_all(dir.path().join("app/ltx/9")).unwrap();
    let report = look(dir.path()).await.unwrap();
    assert_eq!(report.windows, [Window { from: ms(0x1a2_04d0_6f50), to: ms(LAST) }]);
    fs::remove_dir_all(dir.path().join("app/ltx")).unwrap();
    assert_eq!(look(dir.path()).await.unwrap_err().code, Code::COPY_NOT_THERE);
}

#[tokio::test]
async fn generations_of_the_older_layout_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let t = |minutes: i64| ms(LAST) - Dur::secs(60 * (600 - minutes));
    let lz4 = {
        let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
        std::io::Write::write_all(&mut encoder, b"pages").unwrap();
        encoder.finish().unwrap()
    };
    let generation = "generations/00000000000000ff";
    put(dir.path(), &format!("{generation}/snapshots/00000002.snapshot.lz4"), &lz4, t(0));
    put(dir.path(), &format!("{generation}/snapshots/00000009.snapshot.lz4"), &lz4[..12], t(90));
    for (index, offset, minutes) in
        [(1, 0, -5), (2, 0, 5), (2, 4120, 7), (3, 0, 10), (5, 0, 50), (6, 4120, 60), (7, 0, 70)]
    {
        put(dir.path(), &format!("{generation}/wal/{index:08x}_{offset:08x}.wal.lz4"), &lz4, t(minutes));
    }
    let report = look(dir.path()).await.unwrap();
    assert_eq!(report.windows, [Window { from: t(0), to: t(10) }]);
    let gaps: Vec<_> = report.gaps.iter().map(|g| (&*g.first_missing, g.from, g.to)).collect();
    let (four, six) = ("00000000000000ff/00000004", "00000000000000ff/00000006");
    assert_eq!(gaps, [(four, Some(t(10)), Some(t(50))), (six, Some(t(50)), Some(t(70)))]);
    assert_eq!(report.points[0].state, PointState::Incomplete);
}

fn piece(size: u64, max: u64) -> Piece {
    Piece { key: Vec::new(), min: 1, max, size, stored: None, at: None, trouble: None }
}

proptest! {
    #[test]
    fn no_bytes_panic_and_no_cut_is_whole(bytes: Vec<u8>, key in "[0-9a-f/_.+-]{0,60}", cut in 0usize..672) {
        let _ = (ltx::parse_name(&bytes), ltx::parse_name(key.as_bytes()), wal::parse_name(key.as_bytes()));
        let _ = (ltx::look(&bytes, &bytes, &piece(bytes.len() as u64, 1)), wal::look(&bytes, &bytes));
        let file = fs::read(format!("{FIXTURE}/9/0000000000000001-000000000000000a.ltx")).unwrap();
        let headed = [&file[..100], &bytes].concat();
        let _ = ltx::look(&headed, &headed, &piece(headed.len() as u64, 10));
        prop_assert!(matches!(ltx::look(&file, &file, &piece(file.len() as u64, 10)), Ends::Good(Some(_))));
        let cut = &file[..cut];
        prop_assert!(matches!(ltx::look(cut, cut, &piece(cut.len() as u64, 10)), Ends::Bad(..)));
    }

    #[test]
    fn no_numbers_panic(pieces: Vec<(u64, u64, bool)>) {
        let mut line = Line::default();
        for (a, b, is_base) in pieces {
            let piece = Piece { min: a.min(b), at: Some(ms(5)), ..piece(200, a.max(b)) };
            if is_base { line.bases.push(piece) } else { line.log.push(piece) }
        }
        line.settle();
        let cx = Cx::new(ms(10), CancellationToken::new());
        line.judge(&mut CopyReport::default(), &cx);
    }
}
