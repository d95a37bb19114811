//! Archives made by hand, after `archive.go`: no real one is at hand.

use std::{fs, io::Write, time::SystemTime};

use lifeboat_core::model::*;
use proptest::prelude::*;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::catalog::read;

const META: &[u8] = br#"{"Version":1,"ID":"bolt-snapshot","Index":9007199254740993,"Term":3,"Size":900}"#;

fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    for (name, bytes) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o600);
        tar.append_data(&mut header, name, *bytes).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

fn sums(meta: &[u8], state: &[u8]) -> Vec<u8> {
    let line = |bytes: &[u8], name: &str| format!("{}  {name}\n", hex::encode(Sha256::digest(bytes)));
    (line(meta, "meta.json") + &line(state, "state.bin")).into_bytes()
}

fn good() -> Vec<u8> {
    let state = [7; 900];
    archive(&[
        ("meta.json", META),
        ("state.bin", &state),
        ("SHA256SUMS", &sums(META, &state)),
        ("SHA256SUMS.sealed", b"\x01\x02"),
    ])
}

fn judged(bytes: &[u8]) -> Found {
    inside(Feed::of(bytes), bytes.len() as u64)
}

#[test]
fn archives_are_told_apart_by_what_they_hold() {
    let state = [7; 900];
    let sum = sums(META, &state);
    let nothing = br#"{"Index":0,"Term":0}"#;
    type Files<'a> = &'a [(&'a str, &'a [u8])];
    let table: [(Files<'_>, PointState, &str); 8] = [
        (&[("meta.json", META), ("state.bin", &state)], PointState::Incomplete, "SHA256SUMS is missing"),
        (&[("meta.json", META), ("SHA256SUMS", &sum)], PointState::Incomplete, "state.bin is missing"),
        (
            &[("meta.json", META), ("state.bin", b"other"), ("SHA256SUMS", &sum)],
            PointState::Suspect,
            "the hash of state.bin",
        ),
        (
            &[("meta.json", b"{}"), ("state.bin", &state), ("SHA256SUMS", &sums(b"{}", &state))],
            PointState::Suspect,
            "its meta.json is not",
        ),
        (
            &[("meta.json", nothing), ("state.bin", &state), ("SHA256SUMS", &sums(nothing, &state))],
            PointState::Suspect,
            "recorded nothing",
        ),
        (
            &[("meta.json", META), ("state.bin", &state), ("SHA256SUMS", b"\xff\xfe")],
            PointState::Suspect,
            "says nothing of meta.json",
        ),
        (&[("index.php", b"<?php")], PointState::Suspect, "it holds index.php"),
        (&[], PointState::Incomplete, "SHA256SUMS is missing"),
    ];
    assert_eq!(judged(&good()), Ok(()));
    for (files, state, reason) in table {
        let (found, why) = judged(&archive(files)).unwrap_err();
        assert!(found == state && why.contains(reason), "{reason}: {found:?} {why}");
    }
    assert_eq!(judged(b"not gzip at all").unwrap_err().0, PointState::Suspect);
}

#[test]
fn a_bomb_is_left_unread_and_said_so() {
    let zeros = vec![0; 4 << 20];
    let bomb = archive(&[("meta.json", META), ("state.bin", &zeros)]);
    assert!(bomb.len() < 100_000);
    let stopped = unpack(&*bomb, 1 << 20).unwrap_err();
    assert_eq!(stopped.kind(), ErrorKind::QuotaExceeded);
    let long = archive(&[("meta.json", &zeros)]);
    assert_eq!(judged(&long).unwrap_err().0, PointState::Unverified);
}

#[tokio::test]
async fn snapshots_are_read_where_they_lie() {
    let dir = tempfile::tempdir().unwrap();
    let now: Time = "2026-11-22T15:00:00Z".parse().unwrap();
    let files: [(&str, &[u8], i64); 3] =
        [("a.snap", &good(), 9), ("b.snap", &good()[..150], 5), ("c.snap", b"", 1)];
    for (name, bytes, hours) in files {
        let path = dir.path().join(name);
        fs::File::create(&path).unwrap().write_all(bytes).unwrap();
        let stored = SystemTime::from(now - Dur::secs(hours * 3_600));
        fs::File::options().write(true).open(path).unwrap().set_modified(stored).unwrap();
    }
    let copy: CopyDef = serde_json::from_value(json!({"store": "fra", "format": "vault"})).unwrap();
    let cx = Cx::new(now, CancellationToken::new());
    let report = read(&copy, &Repo::folder("fra", dir.path()), &cx).await.unwrap();
    let states: Vec<_> = report.points.iter().map(|p| (&*p.id, p.state)).collect();
    let expected =
        [("c.snap", PointState::Failed), ("b.snap", PointState::Incomplete), ("a.snap", PointState::Usable)];
    assert_eq!(states, expected);
    assert_eq!(report.summary().last_good.unwrap().at, now - Dur::secs(9 * 3_600));
}

proptest! {
    #[test]
    fn no_bytes_panic_and_no_cut_is_usable(bytes: Vec<u8>, cut in 0usize..1_000, at in 10usize..1_000) {
        let _ = judged(&bytes);
        let good = good();
        prop_assert!(judged(&good[..cut % good.len()]).is_err());
        // a flip is found by gzip's own checksum at the latest, or hits one of the few bits that mean nothing
        let mut flipped = good.clone();
        flipped[10 + at % (good.len() - 10)] ^= 0x10;
        if let Ok(held) = unpack(&*flipped, 1 << 20) {
            prop_assert_eq!(held.hashes, unpack(&*good, 1 << 20).unwrap().hashes);
        }
    }
}
