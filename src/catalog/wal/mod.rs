//! PostgreSQL's write-ahead log as an archive holds it: names, runs, timelines.
//! Pure. A segment's name is timeline, log and segment, eight hex digits each;
//! a log holds 4 GiB, so how many segments it has depends on their size.

//! `cover` says what backups and log make together, `history` reads where
//! timelines branch off. Shared by pgBackRest, Barman and WAL-G.

pub mod cover;
pub mod history;
pub mod listed;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use lifeboat_core::model::Time;
use serde::{Deserialize, Serialize};

use super::Parser;

/// See `crate::parsers`.
pub(super) const PARSERS: &[Parser] = &[
    ("wal_history", |b| {
        let _ = parse_history(b);
    }),
    ("wal_name", |b| {
        let _ = SegmentName::parse(b);
    }),
];

/// One segment by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentName {
    pub timeline: u32,
    pub log: u32,
    pub segment: u32,
}

impl SegmentName {
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text = text.get(..24).filter(|_| text.len() == 24)?;
        Some(Self { timeline: hex8(&text[..8])?, log: hex8(&text[8..16])?, segment: hex8(&text[16..])? })
    }
}

impl std::fmt::Display for SegmentName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:08X}{:08X}{:08X}", self.timeline, self.log, self.segment)
    }
}

/// Upper case, as PostgreSQL writes it.
pub fn hex8(text: &[u8]) -> Option<u32> {
    let plain = |b: &u8| b.is_ascii_digit() || (b'A'..=b'F').contains(b);
    let text = Some(text).filter(|t| t.len() == 8 && t.iter().all(plain))?;
    u32::from_str_radix(std::str::from_utf8(text).ok()?, 16).ok()
}

/// `16/B374D848` to a position in bytes.
pub fn parse_lsn(text: &str) -> Option<u64> {
    let (high, low) = text.split_once('/')?;
    let hex =
        |t: &str| u64::from(u32::from_str_radix(t, 16).ok().filter(|_| t.len() <= 8).unwrap_or(u32::MAX));
    let plain = |t: &str| !t.is_empty() && t.len() <= 8 && t.bytes().all(|b| b.is_ascii_hexdigit());
    (plain(high) && plain(low)).then(|| hex(high) << 32 | hex(low))
}

/// The size of a cluster's segments: a power of two from 1 MiB to 1 GiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentSize(u64);

impl Default for SegmentSize {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl SegmentSize {
    pub const DEFAULT: SegmentSize = SegmentSize(16 << 20);

    /// In bytes, as a tool tells it; `None` for what no cluster can have.
    pub fn of(bytes: u64) -> Option<Self> {
        (bytes.is_power_of_two() && (1 << 20..=1 << 30).contains(&bytes)).then_some(Self(bytes))
    }
    /// The one size for which every position lies in its segment; the default
    /// where several or none fit (segment 0 says little).
    pub fn infer(pairs: impl Iterator<Item = (u64, SegmentName)> + Clone) -> Self {
        let fits = |size: &Self| pairs.clone().all(|(lsn, name)| size.name_of(lsn, name.timeline) == name);
        let mut fitting = (20..=30).map(|bits| SegmentSize(1 << bits)).filter(fits);
        match (fitting.next(), fitting.next()) {
            (Some(only), None) => only,
            _ => Self::DEFAULT,
        }
    }
    pub fn bytes(self) -> u64 {
        self.0
    }
    fn per_log(self) -> u64 {
        (1 << 32) / self.0
    }
    /// Position in the whole log, counted in segments; `None` for a number
    /// that this size cannot have.
    pub fn number(self, name: SegmentName) -> Option<u64> {
        let segment = u64::from(name.segment);
        (segment < self.per_log()).then(|| u64::from(name.log) * self.per_log() + segment)
    }
    pub fn name(self, timeline: u32, number: u64) -> SegmentName {
        let log = u32::try_from(number / self.per_log()).unwrap_or(u32::MAX);
        SegmentName { timeline, log, segment: (number % self.per_log()) as u32 }
    }
    fn name_of(self, lsn: u64, timeline: u32) -> SegmentName {
        self.name(timeline, lsn / self.0)
    }
    pub fn number_of(self, lsn: u64) -> u64 {
        lsn / self.0
    }
}

/// Segments without a hole between them, with when the outer ones were stored
/// (milliseconds since 1970).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    pub first: u64,
    pub last: u64,
    pub first_ms: Option<i64>,
    pub last_ms: Option<i64>,
}

/// What of one timeline is archived. Millions of segments fold into few runs.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub struct Timeline {
    runs: Vec<Run>,
    /// Where it left its parent, from its history file.
    pub parent: Option<(u32, u64)>,
    /// The segment that was being written when it ended, kept as `.partial`.
    pub partials: Vec<u64>,
}

impl Timeline {
    /// In any order; ascending is cheap.
    pub fn add(&mut self, number: u64, ms: Option<i64>) {
        match self.runs.last_mut() {
            Some(run) if run.last.checked_add(1) == Some(number) => (run.last, run.last_ms) = (number, ms),
            Some(run) if run.last == number => {}
            _ => self.runs.push(Run { first: number, last: number, first_ms: ms, last_ms: ms }),
        }
    }
    /// After the last `add`: ascending and as few as there can be.
    pub fn settle(&mut self) {
        self.runs.sort_by_key(|run| (run.first, run.last));
        let mut merged: Vec<Run> = Vec::with_capacity(self.runs.len());
        for run in self.runs.drain(..) {
            match merged.last_mut() {
                Some(last) if run.first <= last.last.saturating_add(1) => {
                    if run.last > last.last {
                        (last.last, last.last_ms) = (run.last, run.last_ms);
                    }
                }
                _ => merged.push(run),
            }
        }
        self.runs = merged;
    }
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }
    /// The run that holds a segment.
    pub fn run_at(&self, number: u64) -> Option<&Run> {
        let at = self.runs.partition_point(|run| run.last < number);
        self.runs.get(at).filter(|run| run.first <= number)
    }
    /// The first of these that is not there.
    pub fn first_missing(&self, from: u64, to: u64) -> Option<u64> {
        let mut next = from;
        while next <= to {
            match self.run_at(next) {
                Some(run) => next = run.last.checked_add(1)?,
                None => return Some(next),
            }
        }
        None
    }
}

/// All timelines of one cluster's archive.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub struct Archive {
    pub timelines: BTreeMap<u32, Timeline>,
}

/// Segments that are not there though log before and after them is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hole {
    pub timeline: u32,
    pub first: u64,
    pub last: u64,
    /// When the segments around it were stored.
    pub before_ms: Option<i64>,
    pub after_ms: Option<i64>,
}

impl Archive {
    pub fn timeline(&mut self, id: u32) -> &mut Timeline {
        self.timelines.entry(id).or_default()
    }
    pub fn settle(&mut self) {
        self.timelines.values_mut().for_each(Timeline::settle);
    }

    /// The newest segment that can be replayed from this one on, over every
    /// timeline that branches off on the way: when it was stored, its number.
    pub fn reach(&self, timeline: u32, from: u64) -> Option<(i64, u64)> {
        self.reach_deep(timeline, from, 0)
    }

    fn reach_deep(&self, id: u32, from: u64, depth: usize) -> Option<(i64, u64)> {
        let timeline = self.timelines.get(&id)?;
        let run = timeline.run_at(from)?;
        // each branch has a greater number, so this ends; a hostile chain ends sooner
        let branches = self.timelines.range(id + 1..).filter(|_| depth < 64);
        let onward = branches.filter_map(|(child, line)| {
            let (parent, at) = line.parent?;
            // the segment it left in may be there only as the child's copy of it
            let led = parent == id && at >= from && at <= run.last.saturating_add(1);
            if led { self.reach_deep(*child, at, depth + 1) } else { None }
        });
        onward.max().max(run.last_ms.map(|ms| (ms, run.last)))
    }

    /// Holes within timelines and where one left another, from `since` on
    /// (a number of segments: older log may have expired).
    pub fn holes(&self, since: u64) -> Vec<Hole> {
        let mut holes = Vec::new();
        for (&id, line) in &self.timelines {
            let within = line.runs.windows(2).map(|pair| Hole {
                timeline: id,
                first: pair[0].last + 1,
                last: pair[1].first - 1,
                before_ms: pair[0].last_ms,
                after_ms: pair[1].first_ms,
            });
            holes.extend(within);
            holes.extend(self.hole_at_switch(id, line));
        }
        holes.retain(|hole| hole.first >= since);
        holes
    }

    fn hole_at_switch(&self, id: u32, line: &Timeline) -> Vec<Hole> {
        let Some((parent, at)) = line.parent else { return Vec::new() };
        let parents = self.timelines.get(&parent);
        let before = parents.and_then(|p| p.runs.iter().rev().find(|r| r.first <= at));
        let after = line.runs.first();
        let (Some(before), Some(after)) = (before, after) else { return Vec::new() };
        let mut holes = Vec::new();
        let (before_ms, after_ms) = (before.last_ms, after.first_ms);
        if before.last.saturating_add(1) < at {
            let (first, last) = (before.last + 1, at - 1);
            holes.push(Hole { timeline: parent, first, last, before_ms, after_ms });
        }
        if after.first > at {
            holes.push(Hole { timeline: id, first: at, last: after.first - 1, before_ms, after_ms });
        }
        holes
    }
}

/// The last line of a timeline's history: its parent and where it left it.
/// Format: `parent<TAB>LSN<TAB>reason`, one line an ancestor, oldest first.
pub fn parse_history(text: &[u8]) -> Option<(u32, u64)> {
    let text = String::from_utf8_lossy(text);
    let mut lines = text.lines().rev().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#'));
    let mut words = lines.next()?.split_whitespace();
    Some((words.next()?.parse().ok()?, parse_lsn(words.next()?)?))
}

/// Milliseconds as the model's instants.
pub fn instant(ms: Option<i64>) -> Option<Time> {
    Time::from_timestamp_millis(ms?)
}
