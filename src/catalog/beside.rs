//! What formats share that compare names: tags, refs. Nothing there carries a
//! time, so that a copy is the original's equal or of no known age. Pure.

use lifeboat_core::model::{Gap, Point, PointKind, PointState, Time};

/// Names that are spelled out; the rest is counted.
const NAMED: usize = 5;

/// A point of something that says neither when it began nor how large it is.
pub(super) fn point(
    id: String,
    kind: PointKind,
    completed_at: Option<Time>,
    (state, reason): (PointState, String),
) -> Point {
    let (started_at, size_bytes, depends_on) = (None, None, Vec::new());
    Point { id, kind, started_at, completed_at, size_bytes, packed: None, state, reason, depends_on }
}

pub(super) fn named(names: &[String]) -> String {
    let first = names.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().checked_sub(NAMED) {
        Some(more @ 1..) => format!("{first} and {more} more"),
        _ => first,
    }
}

/// What of the original is missing, and what is something else here; each with
/// both in brackets behind its name. `how`: what such a one is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lacks<'a> {
    pub missing: &'a [String],
    pub elsewhere: &'a [String],
    pub how: &'static str,
}

impl Lacks<'_> {
    pub fn told(&self) -> String {
        let part = |names: &[String], what: &str| {
            (!names.is_empty()).then(|| format!("{} {what}: {}", names.len(), named(names)))
        };
        let parts = [part(self.missing, "not copied"), part(self.elsewhere, self.how)];
        parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
    }

    pub fn gap(&self) -> Option<Gap> {
        let bare = |told: &String| told.split(" (").next().unwrap_or_default().to_owned();
        let mut names: Vec<_> = self.missing.iter().chain(self.elsewhere).map(bare).collect();
        names.sort();
        Some(Gap {
            from: None,
            to: None,
            first_missing: names.first()?.clone(),
            last_missing: names.last()?.clone(),
            detail: self.told(),
        })
    }
}
