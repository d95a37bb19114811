use std::collections::BTreeMap;

use super::*;
use crate::{
    model::*,
    run::{AttemptResult, Outcome, RunState, Verb},
};

fn at(s: i64) -> Time {
    Time::UNIX_EPOCH + Dur::secs(1_800_000_000 + s)
}

fn events() -> Vec<Event> {
    let outcome = Outcome {
        result: AttemptResult::Succeeded,
        code: Some(0),
        detail: "exit 0".into(),
        started_at: at(2),
        ended_at: at(3) + Dur::millis(250),
        outputs: BTreeMap::from([("share".to_owned(), serde_json::json!(0.1))]),
        output_kept: 3,
        output_bytes: 3,
        output_hash: "00".into(),
    };
    let action = Action::Command { run: vec!["./bin/fence".into()], env: BTreeMap::new(), cwd: None };
    vec![
        Event::TakenUp { epoch: 1, host: "ops".into(), pid: 7, version: "0.1.0".into(), cut: 0 },
        Event::StepReached { step: "fence".into() },
        Event::AttemptIntended { step: "fence".into(), number: 1, action, timeout: Dur::secs(60) },
        Event::AttemptEnded { step: "fence".into(), number: 1, outcome, still_held: false },
        Event::Operator {
            verb: Verb::Skip { step: "x".into(), reason: "J\u{7f}\u{1b}[2J\n\"}".into() },
            action: None,
        },
        Event::RunEnded { state: RunState::Completed },
    ]
}

fn journal(events: &[Event]) -> (Vec<u8>, Vec<Record>) {
    let (mut bytes, mut records, mut prev) = (Vec::new(), Vec::new(), GENESIS.to_owned());
    for (n, event) in events.iter().enumerate() {
        let (line, record) = encode(n as u64 + 1, at(n as i64), &"ada".into(), &prev, event).unwrap();
        prev.clone_from(&record.sum);
        bytes.extend(line);
        records.push(record);
    }
    (bytes, records)
}

#[test]
fn what_is_written_is_what_is_read() {
    let (bytes, records) = journal(&events());
    let read = parse(&bytes).unwrap();
    assert_eq!(read.records, records);
    assert_eq!((read.length, read.torn), (bytes.len() as u64, None));
    let back: Vec<_> = records.iter().filter_map(Record::event).cloned().collect();
    assert_eq!(back, events());
}

/// The sum can be made by hand, as the module's text says.
#[test]
fn the_sum_covers_the_bytes_before_its_comma() {
    let (bytes, records) = journal(&events()[..1]);
    let line = std::str::from_utf8(&bytes).unwrap().trim_end();
    let (signed, tail) = line.split_once(",\"sum\":\"").unwrap();
    assert_eq!(tail.trim_end_matches("\"}"), records[0].sum);
    assert_eq!(blake3::hash(signed.as_bytes()).to_hex().as_str(), records[0].sum);
    let value: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!(value["event"]["type"], "taken_up");
}

#[test]
fn every_truncation_is_a_shorter_journal_with_the_rest_named_torn() {
    let (bytes, records) = journal(&events());
    let ends: Vec<usize> =
        bytes.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(n, _)| n + 1).collect();
    for cut in 0..bytes.len() {
        let whole = ends.iter().filter(|e| **e <= cut).count();
        let start = if whole == 0 { 0 } else { ends[whole - 1] };
        for zeros in [0, 17] {
            let mut torn = bytes[..cut].to_vec();
            torn.resize(cut + zeros, 0);
            // A whole line followed by zeros instead of its line end is not torn but changed.
            if zeros > 0 && ends.contains(&(cut + 1)) {
                assert!(parse(&torn).is_err(), "{cut}");
                continue;
            }
            let read = parse(&torn).unwrap_or_else(|d| panic!("{cut}+{zeros}: {d}"));
            assert_eq!(read.records, records[..whole], "{cut}");
            assert_eq!(read.length, start as u64);
            let expected = torn.len() - start;
            assert_eq!(read.torn.map_or(0, |t| t.bytes), expected as u64, "{cut}");
        }
    }
}

#[test]
fn every_flipped_bit_is_found_where_it_lies() {
    let (bytes, records) = journal(&events());
    for bit in 0..bytes.len() * 8 {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let damage = match parse(&changed) {
            Err(damage) => damage,
            Ok(read) => panic!("bit {bit} went unnoticed: {} of {}", read.records.len(), records.len()),
        };
        let line = bytes[..bit / 8].iter().filter(|b| **b == b'\n').count() as u64 + 1;
        assert_eq!(damage.line, line, "bit {bit}");
    }
}

#[test]
fn lines_that_were_dropped_swapped_or_doubled_are_found() {
    let (bytes, _) = journal(&events());
    let lines: Vec<&[u8]> = bytes.split_inclusive(|b| *b == b'\n').collect();
    for order in [vec![1, 2], vec![0, 2], vec![0, 2, 1], vec![0, 0], vec![0, 1, 1]] {
        let mixed: Vec<u8> = order.iter().flat_map(|n| lines[*n].to_vec()).collect();
        assert!(parse(&mixed).is_err(), "{order:?}");
    }
}

#[test]
fn an_event_of_a_newer_program_is_readable() {
    let body = br#"{"seq":1,"at":"2026-11-22T14:05:01Z","by":"ada","prev":""#;
    let mut line = body.to_vec();
    line.extend(GENESIS.bytes());
    line.extend(br#"","event":{"type":"lease_moved","to":"b"}"#);
    let sum = blake3::hash(&line).to_hex();
    line.extend(format!(",\"sum\":\"{sum}\"}}\n").bytes());
    let read = parse(&line).unwrap();
    assert!(matches!(&read.records[0].event, Entry::Unknown { name, .. } if name == "lease_moved"));
    assert_eq!(read.records[0].event(), None);
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(0u8..=255, 0..400)) {
        let _ = parse(&bytes);
    }
}
