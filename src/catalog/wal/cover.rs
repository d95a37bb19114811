//! What backups and the log behind them make together: what a backup lacks,
//! windows, gaps. Pure. Numbers count segments; a log of another database, such
//! as binlogs, fits as well when its files are numbered.

use lifeboat_core::model::{Dur, Gap, PointState, Time, Window};

use super::{Archive, Hole, SegmentSize, instant};

/// Segments are pushed side by side: for so long a hole may still be filled.
pub const UPLOADING: Dur = Dur::secs(10 * 60);
pub const MAX_GAPS: usize = 200;

/// One backup and the log it began and ended in.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    pub timeline: u32,
    pub first: u64,
    pub last: u64,
    pub started: Option<Time>,
    pub completed: Option<Time>,
    pub usable: bool,
}

/// Whether a tool calls a backup done only once its log is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waits {
    Yes,
    No,
}

/// Why a backup cannot be made consistent from the log that is there, if so.
/// What is missing of a backup that ended just now may be on its way; not so
/// where newer log is there, since for a while at least where nothing waited.
pub fn lacking(
    archive: Option<&Archive>,
    span: &Span,
    size: SegmentSize,
    waits: Waits,
    now: Time,
) -> Option<(PointState, String)> {
    let timeline = archive.and_then(|a| a.timelines.get(&span.timeline));
    let (missing, behind) = match timeline {
        None => (span.first, None),
        Some(line) => {
            let missing = line.first_missing(span.first, span.last)?;
            (missing, line.runs().iter().find(|run| run.first > missing))
        }
    };
    let name = size.name(span.timeline, missing);
    let recent = |at: Option<Time>| at.is_some_and(|at| Dur::between(at, now) < UPLOADING);
    let passed = behind.is_some_and(|run| waits == Waits::Yes || !recent(instant(run.first_ms)));
    Some(match recent(span.completed) && !passed {
        true => (PointState::Incomplete, format!("WAL segment {name} has not arrived yet")),
        false => {
            (PointState::BrokenChain, format!("WAL segment {name} is missing, without which it cannot start"))
        }
    })
}

/// From the end of each usable backup as far as the log goes without a hole.
/// A window ends when its last segment was stored, or where the next backup
/// behind it began if that was sooner.
pub fn windows(archive: Option<&Archive>, spans: &[Span]) -> Vec<Window> {
    let begun = Begun::of(spans);
    let usable = spans.iter().filter(|s| s.usable);
    let mut windows: Vec<Window> = usable
        .filter_map(|span| {
            let from = span.completed?;
            let reach = archive.and_then(|a| a.reach(span.timeline, span.last));
            let to = reach.and_then(|(ms, number)| instant(Some(begun.behind(number).unwrap_or(ms).min(ms))));
            Some(Window { from, to: to.unwrap_or(from).max(from) })
        })
        .collect();
    windows.sort_by_key(|w| w.from);
    merge(windows)
}

/// Those that touch become one; ascending on both sides.
pub fn merge(windows: Vec<Window>) -> Vec<Window> {
    let mut merged: Vec<Window> = Vec::new();
    for window in windows {
        match merged.last_mut() {
            Some(last) if window.from <= last.to => last.to = last.to.max(window.to),
            _ => merged.push(window),
        }
    }
    merged
}

/// Where backups begin in the log and when (milliseconds since 1970).
struct Begun(Vec<(u64, i64)>);

impl Begun {
    fn of(spans: &[Span]) -> Self {
        let told = spans.iter().filter_map(|s| Some((s.first, s.started?.timestamp_millis())));
        let mut all: Vec<(u64, i64)> = told.collect();
        all.sort_unstable();
        // each instant becomes the earliest of itself and those behind it
        let mut earliest = i64::MAX;
        for (_, at) in all.iter_mut().rev() {
            earliest = earliest.min(*at);
            *at = earliest;
        }
        Self(all)
    }
    /// When the first backup began that starts behind this segment: what the
    /// segment holds is older, however late it was stored. A copy of a
    /// repository stores everything late.
    fn behind(&self, number: u64) -> Option<i64> {
        self.0.get(self.0.partition_point(|(first, _)| *first <= number)).map(|(_, at)| *at)
    }
}

/// How a log's files are called.
pub struct Naming<'a> {
    /// By timeline and number.
    pub name: &'a dyn Fn(u32, u64) -> String,
    /// One of them.
    pub noun: &'a str,
}

/// What is missing from `since` on. `ranges` are the first and last segments of
/// backups: where only the log that each old backup itself needs is kept, a hole
/// reaches exactly from one to the next, and is no gap.
pub fn gaps(
    archive: &Archive,
    since: u64,
    ranges: &[(u64, u64)],
    naming: &Naming<'_>,
    now: Time,
) -> Vec<Gap> {
    let mut holes = archive.holes(since);
    holes.retain(|hole| {
        let expired = ranges.iter().any(|(_, last)| last.checked_add(1) == Some(hole.first))
            && ranges.iter().any(|(first, _)| hole.last.checked_add(1) == Some(*first));
        !expired
    });
    // a repository with a hole at every second segment fills no memory
    holes.sort_by_key(|hole| std::cmp::Reverse(hole.after_ms));
    holes.truncate(MAX_GAPS);
    holes.iter().map(|hole| gap(hole, naming, now)).collect()
}

/// So many are shown.
pub fn keep_newest(gaps: &mut Vec<Gap>) {
    gaps.sort_by_key(|gap| std::cmp::Reverse(gap.to));
    gaps.truncate(MAX_GAPS);
}

fn gap(hole: &Hole, naming: &Naming<'_>, now: Time) -> Gap {
    let count = hole.last - hole.first + 1;
    let (from, to) = (instant(hole.before_ms), instant(hole.after_ms));
    let fresh = to.is_some_and(|at| Dur::between(at, now) < UPLOADING);
    let noun = naming.noun;
    let what = if count == 1 { format!("{noun} is") } else { format!("{noun}s are") };
    let perhaps = if fresh { "; it may still be on its way" } else { "" };
    Gap {
        from,
        to,
        first_missing: (naming.name)(hole.timeline, hole.first),
        last_missing: (naming.name)(hole.timeline, hole.last),
        detail: format!("{count} {what} missing{perhaps}"),
    }
}
