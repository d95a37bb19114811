//! States beside those they are copied from. Pure.

use lifeboat_core::model::{CopyReport, Gap, Point, PointKind, PointState, Time, Window};

use super::{
    Seen, States,
    history::Older,
    state::{Held, State},
};
use crate::{catalog::Cx, net::store::show};

/// The report, and what is worth a remark.
pub(super) fn judge(own: &States, original: Option<&States>, cx: &Cx) -> (CopyReport, Vec<String>) {
    let mut remarks = Vec::new();
    let mut report = CopyReport::default();
    for (key, seen) in own {
        let (mut state, mut reason) = alone(seen, cx);
        let theirs = original.and_then(|states| states.get(key));
        if let (Some(theirs), Some(ours)) = (theirs, seen.held.state())
            && let Some(their_state) = theirs.held.state()
        {
            match compare(ours, their_state) {
                Likeness::Same => {}
                Likeness::Behind(by) => report.gaps.push(behind(key, seen, theirs, ours, their_state, by)),
                Likeness::Ahead => remarks.push(format!(
                    "{}: the original went back from serial {} to {}",
                    name(key),
                    ours.serial,
                    their_state.serial
                )),
                Likeness::Other(why) if state == PointState::Usable => {
                    (state, reason) = (PointState::Suspect, why.to_owned());
                }
                Likeness::Other(_) => {}
            }
        } else if let Some(original) = original {
            remarks.push(match original.contains_key(key) {
                true => format!("{} cannot be compared: one of the two is not readable", name(key)),
                false => format!("{} is here and no longer in the original", name(key)),
            });
        }
        report.points.push(point(key, seen, state, reason));
    }
    if let Some(original) = original {
        let missing = original.iter().filter(|(key, _)| !own.contains_key(*key));
        report.gaps.extend(missing.map(|(key, theirs)| not_copied(key, theirs)));
        report.windows.extend(unchanged_since(&report, own, original, cx));
    }
    (report, remarks)
}

/// Each older version is a point of its own: a state to go back to.
pub(super) fn add_older(
    report: &mut CopyReport,
    remarks: &mut Vec<String>,
    own: &States,
    older: &[Older],
    cx: &Cx,
) {
    for version in older {
        let (state, reason) = alone(&version.seen, cx);
        let mut point = point(&version.key, &version.seen, state, reason);
        point.id = format!("{} @ {}", point.id, show(version.version.as_bytes()));
        report.points.push(point);
    }
    for (key, seen) in own {
        // newest first
        let before = older.iter().find(|version| version.key == *key).and_then(|v| v.seen.held.state());
        let (Some(now), Some(before)) = (seen.held.state(), before) else { continue };
        if now.lineage != before.lineage {
            remarks.push(format!("{} was made anew: the version before it has another lineage", name(key)));
        } else if now.serial < before.serial {
            let (from, to) = (before.serial, now.serial);
            remarks.push(format!("{} went back from serial {from} to {to}", name(key)));
        }
    }
}

enum Likeness {
    Same,
    Behind(u64),
    Ahead,
    Other(&'static str),
}

fn compare(own: &State, original: &State) -> Likeness {
    if own.lineage != original.lineage {
        return Likeness::Other("its lineage is not the original's: one of them was made anew");
    }
    match original.serial.checked_sub(own.serial) {
        Some(0) if own.hash != original.hash => {
            Likeness::Other("it has the original's serial and other contents")
        }
        Some(0) => Likeness::Same,
        Some(by) => Likeness::Behind(by),
        None => Likeness::Ahead,
    }
}

fn alone(seen: &Seen, cx: &Cx) -> (PointState, String) {
    let (state, reason) = match (&seen.held, seen.stored) {
        _ if seen.size == 0 => (PointState::Failed, "it has zero bytes"),
        (Held::Cut, _) => (PointState::Incomplete, "it is cut off in the middle of its JSON"),
        (Held::NoState, _) => (PointState::Suspect, "it is no state: serial or lineage are missing"),
        (Held::OtherVersion(version), _) => {
            return (PointState::Unverified, format!("its format is version {version}; only 4 is read"));
        }
        (Held::Sealed(_), _) => (PointState::Unverified, "it is encrypted, and what it holds was not read"),
        (Held::Unread(why), _) => (PointState::Unverified, &**why),
        (Held::State(_), None) => (PointState::Unverified, "nothing says when it was stored"),
        (Held::State(_), Some(at)) if cx.is_future(at) => {
            (PointState::Suspect, "it was stored in the future, by the store's clock")
        }
        (Held::State(_), Some(_)) => (PointState::Usable, ""),
    };
    (state, reason.to_owned())
}

fn point(key: &[u8], seen: &Seen, state: PointState, reason: String) -> Point {
    Point {
        id: name(key),
        kind: PointKind::Snapshot,
        started_at: None,
        completed_at: seen.stored,
        size_bytes: Some(seen.size),
        packed: None,
        state,
        reason,
        depends_on: Vec::new(),
    }
}

fn name(key: &[u8]) -> String {
    if key.is_empty() { "the state".to_owned() } else { show(key) }
}

fn behind(key: &[u8], seen: &Seen, theirs: &Seen, own: &State, original: &State, by: u64) -> Gap {
    let noun = if by == 1 { "serial" } else { "serials" };
    Gap {
        from: seen.stored,
        to: theirs.stored,
        first_missing: format!("serial {}", own.serial.saturating_add(1)),
        last_missing: format!("serial {}", original.serial),
        detail: format!("{} is {by} {noun} behind the original", name(key)),
    }
}

fn not_copied(key: &[u8], theirs: &Seen) -> Gap {
    let serial = theirs.held.state().map_or(String::new(), |s| format!(", at serial {}", s.serial));
    Gap {
        from: None,
        to: theirs.stored,
        first_missing: name(key),
        last_missing: name(key),
        detail: format!("{} is not copied{serial}", name(key)),
    }
}

/// A state that is the original's is as good as one stored now: from when the
/// newest was stored to the present, where none is behind, missing or in doubt.
fn unchanged_since(report: &CopyReport, own: &States, original: &States, cx: &Cx) -> Option<Window> {
    let all_good = report.points.iter().all(|p| p.state == PointState::Usable);
    let same = own.iter().all(|(key, seen)| {
        let theirs = original.get(key).and_then(|theirs| theirs.held.state());
        matches!((seen.held.state(), theirs), (Some(a), Some(b)) if a == b)
    });
    let newest: Option<Time> = own.values().filter_map(|seen| seen.stored).max();
    let from = newest.filter(|_| all_good && same && report.gaps.is_empty())?;
    Some(Window { from, to: cx.now.max(from) })
}
