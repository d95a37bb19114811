//! What assessment keeps of a report: small enough for thousands of copies,
//! and enough to say which point came before an instant.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Behind, CopyReport, Cost, Dur, Gap, Point, PointRef, PointState, Problem, Time, Window};

/// How many points a summary keeps; the newest half of these, and of the older
/// ones an even choice with the oldest among them.
pub const KEPT: usize = 64;

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct CopySummary {
    pub points: usize,
    pub last_good: Option<PointRef>,
    /// The newest point whatever its state, and why it is not usable, if so.
    pub newest: Option<PointRef>,
    pub newest_trouble: Option<(PointState, String)>,
    pub windows: Vec<Window>,
    pub gaps: Vec<Gap>,
    pub notes: Vec<Problem>,
    pub behind: Option<Behind>,
    /// Points that could be gone back to, newest first.
    pub kept: Vec<Kept>,
    /// How long the last backups took to make: the middle one of ten.
    pub took: Option<Dur>,
    /// Of an asset in parts, each part's own; the rest then says nothing.
    pub parts: BTreeMap<String, CopySummary>,
    pub cost: Cost,
}

/// A point that is usable, archived, or in doubt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    pub id: String,
    pub at: Time,
    /// When the oldest point that it needs was stored: what is locked from
    /// then on keeps the whole of it.
    pub base: Time,
    pub state: PointState,
    pub size_bytes: Option<u64>,
}

impl CopyReport {
    pub fn summary(&self) -> CopySummary {
        let instant = |p: &Point| p.completed_at.or(p.started_at);
        let reach = |p: &Point, at: Time| {
            let open = self.windows.iter().filter(|w| w.from <= at && at <= w.to);
            let at = open.map(|w| w.to).max().unwrap_or(at);
            PointRef { id: p.id.clone(), at, size_bytes: p.size_bytes }
        };
        let usable = self.points.iter().filter(|p| p.state == PointState::Usable);
        // Of several points in one window, the newest has least to replay.
        let good = usable.filter_map(|p| p.completed_at.map(|at| (at, reach(p, at))));
        let newest = self.points.iter().filter(|p| instant(p).is_some()).max_by_key(|p| instant(p));
        CopySummary {
            points: self.points.len(),
            last_good: good.max_by_key(|(completed, reach)| (reach.at, *completed)).map(|(_, reach)| reach),
            newest: newest.and_then(|p| {
                instant(p).map(|at| PointRef { id: p.id.clone(), at, size_bytes: p.size_bytes })
            }),
            newest_trouble: newest
                .filter(|p| p.state != PointState::Usable)
                .map(|p| (p.state, p.reason.clone())),
            windows: self.windows.clone(),
            gaps: self.gaps.clone(),
            notes: self.notes.clone(),
            behind: self.behind.clone(),
            kept: thinned(self.kept()),
            took: self.took(),
            parts: BTreeMap::new(),
            cost: self.cost,
        }
    }

    /// Newest first.
    fn kept(&self) -> Vec<Kept> {
        let worth = |p: &Point| {
            use PointState::{Archived, Suspect, Unverified, Usable};
            matches!(p.state, Usable | Archived | Suspect | Unverified)
        };
        let mut oldest_first: Vec<_> =
            self.points.iter().filter_map(|p| p.completed_at.map(|at| (at, p))).collect();
        oldest_first.sort_by_key(|(at, p)| (*at, &p.id));
        let mut bases: BTreeMap<&str, Time> = BTreeMap::new();
        let mut kept = Vec::new();
        for (at, p) in oldest_first {
            let base = p.depends_on.iter().filter_map(|id| bases.get(id.as_str())).fold(at, |a, b| a.min(*b));
            bases.insert(&p.id, base);
            if worth(p) {
                kept.push(Kept { id: p.id.clone(), at, base, state: p.state, size_bytes: p.size_bytes });
            }
        }
        kept.sort_by(|a, b| (b.at, &b.id).cmp(&(a.at, &a.id)));
        kept
    }

    fn took(&self) -> Option<Dur> {
        let usable = self.points.iter().filter(|p| p.state == PointState::Usable);
        let mut last: Vec<_> = usable
            .filter_map(|p| Some((p.completed_at?, p.started_at?)))
            .filter(|(to, from)| from <= to)
            .collect();
        last.sort_unstable_by(|a, b| b.cmp(a));
        let mut took: Vec<_> = last.iter().take(10).map(|(to, from)| Dur::between(*from, *to)).collect();
        took.sort_unstable();
        took.get(took.len() / 2).copied()
    }
}

/// At most `KEPT` of them. Leaving some out can only make a loss look larger.
fn thinned(kept: Vec<Kept>) -> Vec<Kept> {
    let (half, len) = (KEPT / 2, kept.len());
    if len <= KEPT {
        return kept;
    }
    let older = len - half;
    let chosen = |n: usize| half + (n + 1) * older / half - 1;
    let places: Vec<_> = (0..half).chain((0..half).map(chosen)).collect();
    let mut next = places.into_iter().peekable();
    let chosen = kept.into_iter().enumerate().filter(|(n, _)| next.next_if_eq(n).is_some());
    chosen.map(|(_, kept)| kept).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::PointKind;

    fn t(s: i64) -> Time {
        Time::UNIX_EPOCH + Dur::secs(s)
    }

    #[test]
    fn a_long_history_keeps_its_newest_points_and_its_oldest() {
        let point = |n: i64| Point {
            id: n.to_string(),
            kind: PointKind::Snapshot,
            started_at: Some(t(n * 10 - 3)),
            completed_at: Some(t(n * 10)),
            size_bytes: None,
            packed: None,
            state: PointState::Usable,
            reason: String::new(),
            depends_on: if n > 1 { vec![(n - 1).to_string()] } else { vec![] },
        };
        let report = CopyReport { points: (1..=1_000).map(point).collect(), ..CopyReport::default() };
        let summary = report.summary();
        assert_eq!(summary.kept.len(), KEPT);
        assert_eq!((summary.kept[0].at, summary.kept[0].base), (t(10_000), t(10)));
        assert_eq!(summary.kept[KEPT - 1].at, t(10), "the oldest is kept");
        assert!(summary.kept.windows(2).all(|w| w[0].at > w[1].at));
        assert_eq!(summary.took, Some(Dur::secs(3)));
    }
}
