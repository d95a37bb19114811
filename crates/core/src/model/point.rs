//! What a backup repository holds: points, windows, gaps.

use serde::{Deserialize, Serialize};

use super::{Problem, Time};

/// The state of one recovery point (judgement, section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PointState {
    Usable,
    Running,
    Incomplete,
    Failed,
    BrokenChain,
    Suspect,
    Unverified,
    Archived,
    Expired,
}

impl PointState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Usable => "usable",
            Self::Running => "running",
            Self::Incomplete => "incomplete",
            Self::Failed => "failed",
            Self::BrokenChain => "broken_chain",
            Self::Suspect => "suspect",
            Self::Unverified => "unverified",
            Self::Archived => "archived",
            Self::Expired => "expired",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PointKind {
    Full,
    Incremental,
    Differential,
    Snapshot,
    Dump,
    Object,
}

impl PointKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Incremental => "incremental",
            Self::Differential => "differential",
            Self::Snapshot => "snapshot",
            Self::Dump => "dump",
            Self::Object => "object",
        }
    }
}

/// A state that can be restored, or that was meant to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// The tool's own name for it: a label, a key, a snapshot id. Cleaned.
    pub id: String,
    pub kind: PointKind,
    pub started_at: Option<Time>,
    /// The instant a restore of this point alone lands on.
    pub completed_at: Option<Time>,
    /// What the source held, in bytes, where the tool says so, else what is stored.
    pub size_bytes: Option<u64>,
    /// Where the tool tells both figures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packed: Option<Packed>,
    pub state: PointState,
    /// Why it is in that state; empty where `usable`.
    pub reason: String,
    pub depends_on: Vec<String>,
}

/// What this one point took from its source, and what that became in the
/// store, both in bytes: data that was encrypted at the source packs no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Packed {
    pub source: u64,
    pub stored: u64,
}

impl Packed {
    /// `None` where one is not told or nothing was taken.
    pub fn of(source: Option<u64>, stored: Option<u64>) -> Option<Self> {
        let (source, stored) = source.zip(stored).filter(|(source, stored)| *source > 0 && *stored > 0)?;
        Some(Self { source, stored })
    }
    /// The part of its source's size that it takes.
    pub fn ratio(self) -> f64 {
        self.stored as f64 / self.source as f64
    }
}

/// A span any instant of which can be restored; both ends included.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Window {
    pub from: Time,
    pub to: Time,
}

/// What is missing between two instants that surround it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gap {
    pub from: Option<Time>,
    pub to: Option<Time>,
    pub first_missing: String,
    pub last_missing: String,
    pub detail: String,
}

/// What one look at a repository cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Cost {
    pub requests: u64,
    pub bytes: u64,
}

/// All that a reader found in one copy, newest point first.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct CopyReport {
    pub points: Vec<Point>,
    pub windows: Vec<Window>,
    pub gaps: Vec<Gap>,
    /// What was met on the way and does not stop the rest.
    pub notes: Vec<Problem>,
    /// For a copy that is a set of objects: what of the original it lacks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behind: Option<Behind>,
    /// When all of it was last listed, where this look only went on from what
    /// an earlier one had found whole; `None` where it listed everything.
    #[serde(default)]
    pub listed_at: Option<Time>,
    pub cost: Cost,
}

impl CopyReport {
    /// Newest first; points without an instant last, then by id.
    pub fn sort(&mut self) {
        self.points.sort_by(|a, b| (b.completed_at, &b.id).cmp(&(a.completed_at, &a.id)));
        self.windows.sort_by_key(|w| (w.from, w.to));
        self.gaps.sort_by_key(|g| (g.from, g.to));
    }
}

/// Objects of the original that the copy lacks: a set, not a suffix in time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Behind {
    pub objects: u64,
    /// When the oldest of them was written.
    pub oldest: Option<Time>,
}

/// The newest point of some standing: `{id, at, age_s, size_bytes}` in JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PointRef {
    pub id: String,
    /// The newest instant that can be reached from it: its completion, or the
    /// end of the window that begins there.
    pub at: Time,
    pub size_bytes: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Dur;

    #[test]
    fn of_points_in_one_window_the_newest_is_last_good() {
        let t = |s| Time::UNIX_EPOCH + Dur::secs(s);
        let point = |id: &str, at: i64, state| Point {
            id: id.to_owned(),
            kind: PointKind::Full,
            started_at: None,
            completed_at: Some(t(at)),
            size_bytes: None,
            packed: None,
            state,
            reason: "why".to_owned(),
            depends_on: Vec::new(),
        };
        let report = CopyReport {
            points: vec![
                point("failed", 40, PointState::Failed),
                point("incr", 30, PointState::Usable),
                point("full", 10, PointState::Usable),
            ],
            windows: vec![Window { from: t(10), to: t(50) }],
            ..CopyReport::default()
        };
        let summary = report.summary();
        let good = summary.last_good.map(|p| (p.id, p.at));
        assert_eq!(good, Some(("incr".to_owned(), t(50))));
        assert_eq!(summary.newest_trouble, Some((PointState::Failed, "why".to_owned())));
    }
}
