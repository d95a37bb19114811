//! One line, and the chain of lines.
//!
//! A line is one JSON object and a line end:
//!
//! ```json
//! {"seq":2,"at":"2026-11-22T14:05:01Z","by":"ada","prev":"…","event":{"type":"…"},"sum":"…"}
//! ```
//!
//! `seq` counts from 1. `sum` is the last key: 64 lower-case hex digits of the
//! BLAKE3 hash of the line's bytes from `{` up to, and without, the comma
//! before `"sum"`. `prev` is the `sum` of the line above, 64 zeros in the
//! first. So a second tool checks line N with
//!
//! ```sh
//! sed -n Np journal.jsonl | sed 's/,"sum":"[0-9a-f]*"}$//' | tr -d '\n' | b3sum --no-names
//! sed -n Np journal.jsonl | jq -r .sum
//! ```
//!
//! An unfinished last line was never acknowledged: it is reported as torn and
//! cut. Anything else that does not fit is damage.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Event;
use crate::model::{OperatorId, Time, clean_line};

/// `prev` of the first line.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

const SUM_KEY: &[u8] = b",\"sum\":\"";
const SUM_END: &[u8] = b"\"}";
const SUM_HEX: usize = 64;
/// `,"sum":"` + hex + `"}`
const TAIL: usize = SUM_KEY.len() + SUM_HEX + SUM_END.len();

/// One line, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    pub seq: u64,
    pub at: Time,
    pub by: OperatorId,
    pub prev: String,
    pub event: Entry,
    pub sum: String,
}

impl Record {
    /// `None` for an event of a newer program.
    pub fn event(&self) -> Option<&Event> {
        match &self.event {
            Entry::Known(event) => Some(event),
            Entry::Unknown { .. } => None,
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum Entry {
    Known(Event),
    /// Written by a newer program: may be shown, but what follows from it is
    /// not known, so a run that holds one is not resumed.
    Unknown {
        name: String,
        value: Value,
    },
}

/// A journal's lines, each checked against the one above.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Journal {
    pub records: Vec<Record>,
    /// How many bytes the records take: where the next line belongs.
    pub length: u64,
    pub torn: Option<Torn>,
}

impl Journal {
    /// `prev` of the next line.
    pub fn head(&self) -> &str {
        self.records.last().map_or(GENESIS, |r| &r.sum)
    }
}

/// An unfinished last line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Torn {
    pub line: u64,
    pub bytes: u64,
}

/// Where a journal stops being what was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// From 1.
    pub line: u64,
    /// Of the line's first byte.
    pub offset: u64,
    pub why: String,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} (byte {}): {}", self.line, self.offset, self.why)
    }
}
impl std::error::Error for Damage {}

#[derive(Serialize)]
struct Out<'a> {
    seq: u64,
    at: Time,
    by: &'a OperatorId,
    prev: &'a str,
    event: &'a Event,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct In {
    seq: u64,
    at: Time,
    by: OperatorId,
    prev: String,
    event: Value,
    sum: String,
}

/// The bytes of one line, its line end included, and the record that they
/// read back as: the live run applies that one, so that it can never differ
/// from the replayed.
pub fn encode(
    seq: u64,
    at: Time,
    by: &OperatorId,
    prev: &str,
    event: &Event,
) -> Result<(Vec<u8>, Record), Damage> {
    let fail = |why: String| Damage { line: seq, offset: 0, why };
    let mut line = serde_json::to_vec(&Out { seq, at, by, prev, event }).map_err(|e| fail(e.to_string()))?;
    line.pop();
    let sum = blake3::hash(&line).to_hex();
    line.extend_from_slice(SUM_KEY);
    line.extend_from_slice(sum.as_bytes());
    line.extend_from_slice(SUM_END);
    let record = read_line(&line, seq, prev).map_err(fail)?;
    line.push(b'\n');
    Ok((line, record))
}

/// Every line of a journal, or where the first one lies that is not as written.
pub fn parse(bytes: &[u8]) -> Result<Journal, Damage> {
    parse_after(None, bytes)
}

/// The lines that follow `above`, for a reader that keeps up with a journal;
/// places are counted from the first of them.
pub fn parse_after(above: Option<&Record>, bytes: &[u8]) -> Result<Journal, Damage> {
    let mut journal = Journal::default();
    let mut rest = bytes;
    let before = above.map_or(0, |r| r.seq);
    let line = |journal: &Journal| before + journal.records.len() as u64 + 1;
    let damage = |journal: &Journal, why: String| Damage { line: line(journal), offset: journal.length, why };
    while let Some(end) = rest.iter().position(|b| *b == b'\n') {
        let prev = journal.records.last().or(above).map_or(GENESIS, |r| &r.sum);
        let record = read_line(&rest[..end], line(&journal), prev).map_err(|why| damage(&journal, why))?;
        journal.records.push(record);
        journal.length += end as u64 + 1;
        rest = &rest[end + 1..];
    }
    if !rest.is_empty() {
        let line = line(&journal);
        check_torn(rest, line).map_err(|why| damage(&journal, why))?;
        journal.torn = Some(Torn { line, bytes: rest.len() as u64 });
    }
    Ok(journal)
}

fn read_line(line: &[u8], seq: u64, prev: &str) -> Result<Record, String> {
    let body = line.len().checked_sub(TAIL).ok_or("too short for a line")?;
    let (signed, tail) = line.split_at(body);
    let hex = tail.strip_prefix(SUM_KEY).and_then(|t| t.strip_suffix(SUM_END));
    let hex = hex.ok_or("it does not end in its sum")?;
    if hex != blake3::hash(signed).to_hex().as_bytes() {
        return Err("its sum does not match its bytes".to_owned());
    }
    let read: In = serde_json::from_slice(line).map_err(|e| e.to_string())?;
    if read.seq != seq {
        return Err(format!("it says it is line {}", read.seq));
    }
    if read.prev != prev {
        return Err("it does not follow the line above".to_owned());
    }
    let event = match Event::deserialize(&read.event) {
        Ok(event) => Entry::Known(event),
        Err(_) => {
            let name = read.event.get("type").and_then(Value::as_str).unwrap_or("without a type");
            Entry::Unknown { name: clean_line(name), value: read.event }
        }
    };
    Ok(Record { seq, at: read.at, by: read.by, prev: read.prev, event, sum: read.sum })
}

/// Whether the bytes after the last line end can be a line that was not
/// written to its end. File systems may leave zeros where bytes never arrived.
fn check_torn(rest: &[u8], line: u64) -> Result<(), String> {
    let written = rest.iter().rposition(|b| *b != 0).map_or(0, |n| n + 1);
    let (written, zeros) = rest.split_at(written);
    let head = format!("{{\"seq\":{line},");
    let common = written.len().min(head.len());
    if written[..common] != head.as_bytes()[..common] {
        return Err("what follows the last whole line is no beginning of a line".to_owned());
    }
    if let Some(strange) = written.iter().find(|b| **b < 0x20) {
        return Err(format!("the last line holds the byte {strange:#04x}"));
    }
    // A whole line whose line end is something else was acknowledged, then changed.
    let whole = written.iter().enumerate().filter(|(_, b)| **b == b'}').any(|(n, _)| {
        let more = n + 1 < written.len() || !zeros.is_empty();
        more && n + 1 >= TAIL && is_whole(&written[..=n])
    });
    match whole {
        true => Err("the last line is whole, but its line end was changed".to_owned()),
        false => Ok(()),
    }
}

fn is_whole(line: &[u8]) -> bool {
    let (signed, tail) = line.split_at(line.len() - TAIL);
    let hex = tail.strip_prefix(SUM_KEY).and_then(|t| t.strip_suffix(SUM_END));
    hex.is_some_and(|hex| hex == blake3::hash(signed).to_hex().as_bytes())
}
