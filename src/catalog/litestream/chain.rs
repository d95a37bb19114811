//! Snapshots and the log that reaches on from them, by number. Pure.

use lifeboat_core::model::{CopyReport, Dur, Gap, Point, PointKind, PointState, Time, Window};

use crate::{catalog::Cx, net::store::show};

/// Log so young may have an older piece still on its way.
const UPLOADING: Dur = Dur::secs(15 * 60);
const MAX_GAPS: usize = 1_000;

/// One object: `min..=max` of the numbers in its name.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Piece {
    pub key: Vec<u8>,
    pub min: u64,
    pub max: u64,
    pub size: u64,
    pub stored: Option<Time>,
    /// When its last transaction was, else when it was stored.
    pub at: Option<Time>,
    pub trouble: Option<(PointState, String)>,
}

impl Piece {
    /// The first transaction alone, in so many bytes.
    pub fn bare(size: u64) -> Self {
        Self { key: Vec::new(), min: 1, max: 1, size, stored: None, at: None, trouble: None }
    }
}

/// A generation, or all there is.
#[derive(Debug, Default)]
pub(super) struct Line {
    pub id: String,
    pub bases: Vec<Piece>,
    pub log: Vec<Piece>,
}

/// Log without a hole.
#[derive(Debug, PartialEq)]
struct Run {
    first: u64,
    last: u64,
    begins: Option<Time>,
    ends: Option<Time>,
}

impl Line {
    pub fn new(id: String) -> Self {
        Self { id, ..Self::default() }
    }

    /// Oldest first. Before the first snapshot is made, a file from the first
    /// transaction on stands for it: it holds the whole database.
    pub fn settle(&mut self) {
        if self.id.is_empty() && self.bases.is_empty() {
            self.bases = self.log.extract_if(.., |piece| piece.min == 1).collect();
        }
        self.bases.sort_by_key(|base| (base.max, base.at));
        self.log.sort_by_key(|file| (file.max, file.min));
    }

    pub fn judge(&self, report: &mut CopyReport, cx: &Cx) {
        let points: Vec<Point> = self.bases.iter().map(|base| point(base, cx)).collect();
        let good: Vec<&Piece> = self
            .bases
            .iter()
            .zip(&points)
            .filter(|(_, p)| p.state == PointState::Usable)
            .map(|(base, _)| base)
            .collect();
        let bad = self.bases.iter().zip(&points).filter(|(_, p)| p.state != PointState::Usable);
        let bad: Vec<&Piece> = bad.map(|(base, _)| base).collect();
        report.points.extend(points);
        let runs = runs(&good, &self.log);
        windows(&good, &bad, &runs, &mut report.windows, cx);
        report.gaps.extend(self.gaps(&good, &runs, cx));
    }

    /// Holes behind the oldest snapshot that is any good.
    fn gaps(&self, good: &[&Piece], runs: &[Run], cx: &Cx) -> Vec<Gap> {
        let Some(oldest) = good.first() else { return Vec::new() };
        let used = runs.iter().filter(|run| run.last >= oldest.max);
        let pairs = used.clone().zip(used.skip(1));
        let holes = pairs.map(|(before, after)| {
            let (first, last) = (before.last.saturating_add(1), after.first.saturating_sub(1));
            let fresh = after.begins.is_some_and(|at| cx.age(at) < UPLOADING);
            let perhaps = if fresh { "; it may still be on its way" } else { "" };
            let count = last.saturating_sub(first).saturating_add(1);
            let what = if self.id.is_empty() { "transactions" } else { "indexes of log" };
            Gap {
                from: before.ends,
                to: after.begins,
                first_missing: self.number(first),
                last_missing: self.number(last),
                detail: format!("{count} {what} missing{perhaps}"),
            }
        });
        let mut holes: Vec<Gap> = holes.collect();
        holes.drain(..holes.len().saturating_sub(MAX_GAPS));
        holes
    }

    fn number(&self, number: u64) -> String {
        match &*self.id {
            "" => format!("{number:016x}"),
            generation => format!("{generation}/{:08x}", number.saturating_sub(1)),
        }
    }
}

fn point(base: &Piece, cx: &Cx) -> Point {
    let (state, reason) = match (&base.trouble, base.at) {
        (Some(trouble), _) => trouble.clone(),
        (None, None) => (PointState::Unverified, "nothing says when it was made".to_owned()),
        (None, Some(at)) if cx.is_future(at) => {
            (PointState::Suspect, "it was stored in the future, by the store's clock".to_owned())
        }
        (None, Some(_)) => (PointState::Usable, String::new()),
    };
    Point {
        id: show(&base.key),
        kind: PointKind::Snapshot,
        started_at: None,
        completed_at: base.at,
        size_bytes: Some(base.size),
        packed: None,
        state,
        reason,
        depends_on: Vec::new(),
    }
}

/// A snapshot begins a run of its own where the log has not come as far: its
/// state is there, the way to it is not.
fn runs(bases: &[&Piece], log: &[Piece]) -> Vec<Run> {
    let mut all: Vec<(u64, u64, Option<Time>, bool)> =
        log.iter().map(|piece| (piece.min, piece.max, piece.at, false)).collect();
    // behind all log that ends before it
    all.extend(bases.iter().map(|base| (base.max.saturating_add(1), base.max, base.at, true)));
    all.sort();
    let mut runs: Vec<Run> = Vec::new();
    for (min, max, at, is_base) in all {
        match runs.last_mut() {
            Some(run) if max <= run.last => {}
            Some(run) if !is_base && min <= run.last.saturating_add(1) => {
                run.last = max;
                run.ends = at.or(run.ends);
            }
            _ => runs.push(Run { first: min, last: max, begins: at, ends: at }),
        }
    }
    runs
}

/// From each good snapshot as far as the log goes, but not into the next
/// snapshot that it does not reach: a copy of a replica is stored late. Nor
/// past a bad one: the tool takes the newest before an instant by its name and
/// time, and fails on it, though an older one and its log would do.
fn windows(bases: &[&Piece], bad: &[&Piece], runs: &[Run], windows: &mut Vec<Window>, cx: &Cx) {
    let mut own: Vec<Window> = Vec::new();
    for base in bases {
        let Some(from) = base.at else { continue };
        let next = base.max.saturating_add(1);
        let run = runs.iter().rev().find(|run| run.first <= next && run.last >= base.max);
        let end = run.filter(|run| run.last > base.max).and_then(|run| run.ends);
        let reach = run.map_or(base.max, |run| run.last);
        let behind = bases.iter().filter(|other| other.max > reach).filter_map(|other| other.at).min();
        let to = end.into_iter().chain(behind.filter(|_| end.is_some())).min().unwrap_or(from);
        let chosen = bad.iter().filter(|other| other.max > base.max).filter_map(|other| other.at).min();
        let to = chosen.map_or(to, |at| to.min(at - Dur::millis(1)));
        let to = if cx.is_future(to) { from } else { to.max(from) };
        match own.last_mut() {
            Some(last) if from <= last.to => last.to = last.to.max(to),
            _ => own.push(Window { from, to }),
        }
    }
    windows.extend(own);
}
