//! The refs of a mirror beside those of its original. Pure.

use lifeboat_core::model::{Behind, CopyReport, Point, PointKind, PointState, Time};

use super::refs::Refs;
use crate::{
    catalog::beside::{self, Lacks, named},
    net::store::show,
};

#[derive(Debug, Default)]
struct Unlike {
    missing: Vec<String>,
    /// Branches and the like that stand elsewhere.
    elsewhere: Vec<String>,
    /// Tags that name another object, which they should never.
    moved: Vec<String>,
    extra: Vec<String>,
}

impl Unlike {
    fn of(own: &Refs, original: &Refs) -> Self {
        let mut unlike = Self::default();
        for (name, theirs) in &original.by_name {
            let Some(ours) = own.by_name.get(name) else {
                unlike.missing.push(show(name));
                continue;
            };
            if ours == theirs {
                continue;
            }
            let told = format!("{} ({} here, {} there)", show(name), ours.short(), theirs.short());
            match name.starts_with(b"refs/tags/") {
                true => unlike.moved.push(told),
                false => unlike.elsewhere.push(told),
            }
        }
        let extra = own.by_name.keys().filter(|name| !original.by_name.contains_key(*name));
        unlike.extra.extend(extra.map(|name| show(name)));
        unlike
    }

    fn is_behind(&self) -> bool {
        !self.missing.is_empty() || !self.elsewhere.is_empty()
    }

    fn lacks(&self) -> Lacks<'_> {
        Lacks { missing: &self.missing, elsewhere: &self.elsewhere, how: "elsewhere than in the original" }
    }
}

/// Refs carry no time. Where all of them are the original's, the mirror is as
/// good as the original was at `now`; where one is not, nothing says since when.
pub(super) fn compare(own: &Refs, original: &Refs, now: Time) -> (CopyReport, Vec<String>) {
    let unlike = Unlike::of(own, original);
    let standing = state(&unlike, original);
    let point = point(own, (standing.0 == PointState::Usable).then_some(now), standing);
    let lacking = unlike.missing.len() + unlike.elsewhere.len() + unlike.moved.len();
    let report = CopyReport {
        points: vec![point],
        gaps: unlike.lacks().gap().into_iter().collect(),
        behind: Some(Behind { objects: lacking as u64, oldest: None }),
        ..CopyReport::default()
    };
    (report, remarks(&unlike, own, original))
}

/// `why`: what keeps it from being compared.
pub(super) fn alone(own: &Refs, why: &str) -> CopyReport {
    let points = vec![point(own, None, (PointState::Unverified, why.to_owned()))];
    CopyReport { points, ..CopyReport::default() }
}

fn point(own: &Refs, at: Option<Time>, standing: (PointState, String)) -> Point {
    beside::point(format!("all refs ({})", own.by_name.len()), PointKind::Object, at, standing)
}

fn state(unlike: &Unlike, original: &Refs) -> (PointState, String) {
    if original.by_name.is_empty() {
        let why = "the original has no refs: was it emptied, or is `path` wrong?";
        return (PointState::Suspect, why.to_owned());
    }
    if !unlike.moved.is_empty() {
        let why = format!("tags name other objects than in the original: {}", named(&unlike.moved));
        return (PointState::Suspect, why);
    }
    match unlike.is_behind() {
        true => (
            PointState::Unverified,
            format!("{}; refs carry no time, so nothing says since when", unlike.lacks().told()),
        ),
        false => (PointState::Usable, String::new()),
    }
}

fn remarks(unlike: &Unlike, own: &Refs, original: &Refs) -> Vec<String> {
    let mut all = Vec::new();
    if !unlike.elsewhere.is_empty() {
        let names = named(&unlike.elsewhere);
        all.push(format!("{names}: refs alone do not say whether it is behind or one of both was rewritten"));
    }
    if !unlike.extra.is_empty() && !original.by_name.is_empty() {
        all.push(format!(
            "{} refs are here and not in the original: {}",
            unlike.extra.len(),
            named(&unlike.extra)
        ));
    }
    if let (Some(ours), Some(theirs)) = (&own.head, &original.head)
        && ours != theirs
    {
        all.push(format!("a clone begins on {} here and on {} in the original", show(ours), show(theirs)));
    }
    all
}
