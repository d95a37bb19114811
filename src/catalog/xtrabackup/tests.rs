//! A store by hand after the tool's documents, and what breaking it makes of it.

use lifeboat_core::model::*;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    look::piece,
    stream::{file, parse_checkpoints, parse_info},
};
use crate::catalog::testing::{Hand, at, point, standing};

const NOW: &str = "2026-11-22T14:00:00Z";
const FULL: &str = "full-20261118";
const INC: &str = "inc-20261119";
const LOST: &str = "inc-20261121";
const CUT: &str = "full-20261122";
const FIRST: &str = "00000000000000000000";

fn hand() -> Hand {
    Hand::of_fixture("mysql-xtrabackup/repo", "2026-11-22T02:30:00Z")
}

async fn look(hand: &Hand) -> CopyReport {
    hand.look_in_zone("xtrabackup", json!({}), NOW, Some("Europe/Paris")).await.unwrap()
}

/// As xbstream writes a small file: its text, then its end.
fn framed(path: &str, text: &[u8]) -> Vec<u8> {
    let head = |kind: u8| {
        let length = (path.len() as u32).to_le_bytes();
        [b"XBSTCK01\0", &[kind][..], &length, path.as_bytes()].concat()
    };
    let mut crc = flate2::Crc::new();
    crc.update(text);
    let length = (text.len() as u64).to_le_bytes();
    [head(b'P'), length.to_vec(), vec![0; 8], crc.sum().to_le_bytes().to_vec(), text.to_vec(), head(b'E')]
        .concat()
}

/// Writes the two files that describe a backup, each as one piece.
fn describe(hand: &Hand, name: &str, from: u64, to: u64, ended: &str) {
    let kind = if from == 0 { "full-backuped" } else { "incremental" };
    let checkpoints = format!("backup_type = {kind}\nfrom_lsn = {from}\nto_lsn = {to}\nlast_lsn = {to}\n");
    let info = format!("start_time = {ended}\nend_time = {ended}\npartial = N\n");
    for (path, text) in [("xtrabackup_checkpoints", checkpoints), ("xtrabackup_info", info)] {
        hand.put(&format!("{name}/{path}.{FIRST}"), framed(path, text.as_bytes()), NOW);
    }
}

#[tokio::test]
async fn a_store_is_read_as_its_truth_says() {
    let report = look(&hand()).await;
    let truth: Value =
        serde_json::from_str(include_str!("../../../tests/fixtures/mysql-xtrabackup/truth.json")).unwrap();
    let table = [
        (FULL, PointState::Usable, ""),
        (INC, PointState::Usable, ""),
        (LOST, PointState::BrokenChain, "it needs a backup that ends at LSN 15189999999, and there is none"),
        (
            CUT,
            PointState::Incomplete,
            "it has no xtrabackup_checkpoints, and nothing was written for 11h 30m",
        ),
    ];
    for (name, state, reason) in table {
        assert_eq!(standing(&report, name), (state, reason));
    }
    assert_eq!((report.points.len(), report.notes.len()), (4, 0));
    assert_eq!(report.summary().last_good.unwrap().id, truth["newest_good"].as_str().unwrap());
    let inc = point(&report, INC);
    assert_eq!((inc.kind, &inc.depends_on[..]), (PointKind::Incremental, &[FULL.to_owned()][..]));
    assert_eq!(inc.started_at, Some(at("2026-11-19T02:00:00Z")), "three o'clock in Paris");
    assert_eq!(inc.completed_at, Some(at("2026-11-19T02:04:01Z")));
    assert_eq!(inc.size_bytes, Some(141 + 207 + 36 + 632 + 29));
}

#[tokio::test]
async fn times_without_a_zone_are_flagged_and_never_younger_than_stored() {
    let hand = hand();
    let report = hand.look("xtrabackup", json!({}), NOW).await;
    assert_eq!(report.notes.len(), 1);
    assert_eq!(point(&report, INC).completed_at, Some(at("2026-11-19T03:04:01Z")), "as UTC");
    for n in 0..2 {
        hand.store(&format!("{INC}/xtrabackup_checkpoints.{n:020}"), at("2026-11-19T02:04:03Z"));
    }
    let report = hand.look("xtrabackup", json!({}), NOW).await;
    assert_eq!(point(&report, INC).completed_at, Some(at("2026-11-19T02:04:03Z")), "it was there by then");
}

#[tokio::test]
async fn what_is_broken_is_named() {
    type Break<'a> = (&'a str, &'a dyn Fn(&Hand), PointState, &'a str);
    let key = |file: &str, n: u64| format!("{FULL}/{file}.{n:020}");
    let flip = |h: &Hand| {
        let mut bytes = h.get(&key("xtrabackup_checkpoints", 0));
        let middle = bytes.len() - 20;
        bytes[middle] ^= 1;
        h.put(&key("xtrabackup_checkpoints", 0), bytes, NOW);
    };
    let cut = |h: &Hand| {
        let bytes = h.get(&key("xtrabackup_checkpoints", 0));
        h.put(&key("xtrabackup_checkpoints", 0), &bytes[..100], NOW);
        h.remove(&key("xtrabackup_checkpoints", 1));
    };
    let partial = |h: &Hand| {
        h.remove(&key("xtrabackup_info", 1));
        let text = b"start_time = 2026-11-18 03:00:00\nend_time = 2026-11-18 03:20:11\npartial = Y\n";
        h.put(&key("xtrabackup_info", 0), framed("xtrabackup_info", text), NOW);
    };
    let encrypted = |h: &Hand| {
        for n in 0..2 {
            let bytes = h.get(&key("xtrabackup_checkpoints", n));
            h.remove(&key("xtrabackup_checkpoints", n));
            h.put(&key("xtrabackup_checkpoints.xbcrypt", n), bytes, NOW);
        }
    };
    let table: [Break<'_>; 12] = [
        (FULL, &flip, PointState::Suspect, "its xtrabackup_checkpoints is damaged"),
        (FULL, &cut, PointState::Incomplete, "its xtrabackup_checkpoints ends early"),
        (
            FULL,
            &|h| h.put(&key("xtrabackup_checkpoints", 0), "no stream", NOW),
            PointState::Unverified,
            "its xtrabackup_checkpoints is no xbstream",
        ),
        (
            FULL,
            &|h| h.put(&key("ibdata1", 2), "x", NOW),
            PointState::BrokenChain,
            "its piece ibdata1.00000000000000000001 is missing or empty",
        ),
        (
            FULL,
            &|h| h.put(&key("ibdata1", 0), "", NOW),
            PointState::BrokenChain,
            "its piece ibdata1.00000000000000000000 is missing or empty",
        ),
        (
            FULL,
            &|h| h.put(&key("shop/a.ibd", 1), "x", NOW),
            PointState::BrokenChain,
            "its piece shop/a.ibd.00000000000000000000 is missing or empty",
        ),
        (FULL, &partial, PointState::Suspect, "it is partial: only some databases or tables are in it"),
        (
            FULL,
            &encrypted,
            PointState::Unverified,
            "its xtrabackup_checkpoints is encrypted, or packed with qpress",
        ),
        (
            FULL,
            &|h| describe(h, FULL, 0, 15188961605, "2027-11-18 03:00:00"),
            PointState::Suspect,
            "it says that it ended in the future: is `timezone` right?",
        ),
        (
            FULL,
            &|h| describe(h, FULL, 0, 15188961605, "yesterday"),
            PointState::Unverified,
            "its xtrabackup_info cannot be understood",
        ),
        (
            INC,
            &|h| h.remove(FULL),
            PointState::BrokenChain,
            "it needs a backup that ends at LSN 15188961605, and there is none",
        ),
        (
            INC,
            &|h| describe(h, INC, 9, 7, "2026-11-19 03:00:00"),
            PointState::Unverified,
            "its xtrabackup_checkpoints cannot be understood",
        ),
    ];
    for (name, break_it, state, reason) in table {
        let hand = hand();
        break_it(&hand);
        assert_eq!(standing(&look(&hand).await, name), (state, reason));
    }
}

#[tokio::test]
async fn chains_are_followed_by_position_even_in_circles() {
    let hand = Hand::new();
    describe(&hand, "a", 0, 100, "2026-11-18 03:00:00");
    describe(&hand, "b", 100, 100, "2026-11-18 04:00:00");
    describe(&hand, "c", 100, 100, "2026-11-18 05:00:00");
    describe(&hand, "d", 100, 200, "2026-11-18 06:00:00");
    describe(&hand, "e", 200, 300, "2026-11-18 07:00:00");
    let report = look(&hand).await;
    assert!(report.points.iter().all(|p| p.state == PointState::Usable), "{report:#?}");
    hand.remove("a");
    let report = look(&hand).await;
    let circle = (PointState::BrokenChain, "its chain of increments has no beginning");
    assert!(["b", "c", "d", "e"].iter().all(|name| standing(&report, name) == circle), "{report:#?}");
    hand.remove("b");
    hand.remove("c");
    let report = look(&hand).await;
    let reason = "it needs d, which needs a backup that ends at LSN 100, and there is none";
    assert_eq!(standing(&report, "e"), (PointState::BrokenChain, reason));
}

#[tokio::test]
async fn mariadbs_names_and_packed_texts_are_read() {
    let hand = Hand::new();
    let checkpoints = b"backup_type = full-backuped\nfrom_lsn = 0\nto_lsn = 5\nlast_lsn = 5\n";
    let info =
        zstd::encode_all(&b"start_time = 2026-11-18 03:00:00\nend_time = 2026-11-18 03:20:11\n"[..], 3)
            .unwrap();
    let put = |path: &str, text: &[u8]| hand.put(&format!("m/{path}.{FIRST}"), framed(path, text), NOW);
    put("mariadb_backup_checkpoints", checkpoints);
    put("mariadb_backup_info.zst", &info);
    let report = look(&hand).await;
    assert_eq!(standing(&report, "m"), (PointState::Usable, ""));
    assert_eq!(point(&report, "m").completed_at, Some(at("2026-11-18T02:20:11Z")));
}

#[tokio::test]
async fn what_is_being_written_and_what_is_none_are_told() {
    let hand = hand();
    hand.store(&format!("{CUT}/ibdata1.{FIRST}"), at("2026-11-22T13:30:00Z"));
    hand.put("notes/readme.txt", "x", NOW);
    let report = look(&hand).await;
    assert_eq!(standing(&report, CUT), (PointState::Running, "it is being written"));
    assert_eq!(report.points.len(), 4, "another folder is no backup");
    let problem = Hand::new().try_look("xtrabackup", json!({}), NOW).await.unwrap_err();
    assert_eq!(problem.code, Code::COPY_NOT_THERE, "{problem}");
}

#[test]
fn a_stream_that_was_cut_or_lies_is_not_believed() {
    let text = b"backup_type = full-backuped\nfrom_lsn = 0\nto_lsn = 5\nlast_lsn = 5\n";
    let whole = framed("xtrabackup_checkpoints", text);
    assert_eq!(file(&whole).as_deref(), Ok(&text[..]));
    for cut in 0..whole.len() {
        assert!(file(&whole[..cut]).is_err(), "cut at {cut}");
    }
    let mut absurd = whole.clone();
    absurd[36..44].copy_from_slice(&u64::MAX.to_le_bytes());
    assert_eq!(file(&absurd), Err("ends early"));
    let bomb = framed("x", &zstd::encode_all(&vec![0; 64 << 20][..], 3).unwrap());
    assert_eq!(file(&bomb), Err("cannot be unpacked"));
    assert_eq!(piece(b"a/b.ibd.00000000000000000012"), Some((&b"a/b.ibd"[..], 12)));
    for bad in [
        "",
        ".00000000000000000000",
        "a.0000000000000000000x",
        "a.99999999999999999999",
        "a00000000000000000000",
    ] {
        assert_eq!(piece(bad.as_bytes()), None, "{bad}");
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes: Vec<u8>, kind in 0u8..=255) {
        let framed = [b"XBSTCK01\0", &[kind][..], &bytes].concat();
        for bytes in [&bytes, &framed] {
            let _ = file(bytes);
            let _ = parse_checkpoints(bytes);
            let _ = parse_info(bytes);
            let _ = piece(bytes);
        }
    }
}
