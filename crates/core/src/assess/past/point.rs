//! A point that is far from its kind.

use super::fit::{FAR, Usual, theil_sen};
use super::{bytes, seconds, span};
use crate::model::*;

/// Against how many points before it one is held.
const BEFORE: usize = 30;
/// With fewer, nothing is usual yet.
const LEAST: usize = 8;
/// How many of the newest points of a kind are looked at.
const NEWEST: usize = 5;
/// What is no larger a part of what is expected is no anomaly, however steady
/// the points before were.
const PART: f64 = 0.25;

/// Of less, in bytes, how well it packs says nothing: headers weigh too much.
const LEAST_PACKED: u64 = 64 << 10;

/// One point's place in time and its figure.
type Value<'a> = (&'a PastPoint, f64, f64);

struct Held {
    /// What was expected of it.
    usual: Usual,
    z: f64,
    n: usize,
}

/// `before`: newest first. A figure that grows steadily is expected to grow on.
fn held((_, at, value): Value, before: &[Value]) -> Option<Held> {
    let before = &before[..before.len().min(BEFORE)];
    if before.len() < LEAST {
        return None;
    }
    let line: Vec<(f64, f64)> = before.iter().rev().map(|(_, at, v)| (*at, *v)).collect();
    let line = theil_sen(&line).filter(super::Fit::moves);
    let left: Vec<f64> =
        before.iter().map(|(_, at, v)| v - line.as_ref().map_or(0.0, |l| l.at(*at))).collect();
    let expected = line.as_ref().map_or(0.0, |l| l.at(at));
    let middle = super::fit::median(&left) + expected;
    let around = Usual::of(&left, 0.02 * middle.abs())?;
    let usual = Usual { middle, spread: around.spread.max(f64::MIN_POSITIVE) };
    let far = (value - middle).abs() > PART * middle.abs().max(value.abs());
    let z = usual.z(value);
    (far && z.abs() >= FAR).then_some(Held { usual, z, n: before.len() })
}

fn worth(p: &PastPoint) -> bool {
    matches!(p.state, PointState::Usable | PointState::Suspect | PointState::Unverified)
}

/// Each kind by itself: a full backup is no measure of an incremental one.
fn by_kind<'a>(points: &'a [PastPoint], value: impl Fn(&PastPoint) -> Option<f64>) -> Vec<Vec<Value<'a>>> {
    let mut kinds: Vec<(PointKind, Vec<Value>)> = Vec::new();
    for p in points.iter().filter(|p| worth(p)) {
        let Some((at, value)) = p.completed_at.zip(value(p)) else { continue };
        let one = (p, seconds(at), value);
        match kinds.iter_mut().find(|(kind, _)| *kind == p.kind) {
            Some((_, all)) => all.push(one),
            None => kinds.push((p.kind, vec![one])),
        }
    }
    kinds.into_iter().map(|(_, all)| all).collect()
}

/// One figure of a point, against that of the points of its kind before it.
struct Figure {
    rule: &'static str,
    /// How it is said to be far: below and above what is usual.
    words: [&'static str; 2],
    /// What that means, after the count of those before it.
    means: &'static str,
    /// How a figure is written, and one that was observed.
    unit: fn(f64) -> String,
    observed: fn(f64) -> String,
}

const SIZE: Figure = Figure {
    rule: "anomaly-size",
    words: ["is far smaller", "is far larger"],
    means: "",
    unit: |v| bytes(v).to_string(),
    observed: |v| bytes(v).to_string(),
};

const RATIO: Figure = Figure {
    rule: "anomaly-compression",
    words: ["packs far better", "packs far worse"],
    means: ": its data is of another kind than it was",
    unit: percent,
    observed: |v| format!("{} of what it took from its source", percent(v)),
};

fn percent(v: f64) -> String {
    format!("{:.0} %", v.max(0.0))
}

pub fn sizes(subject: &str, past: &CopyPast, found: &mut Vec<Anomaly>) {
    far(&SIZE, subject, by_kind(&past.points, |p| p.size_bytes.map(|s| s as f64)), found);
}

/// What packs otherwise than it used to: data that was encrypted at its source,
/// or is no longer what it was, packs badly; empty data packs well.
pub fn ratios(subject: &str, past: &CopyPast, found: &mut Vec<Anomaly>) {
    let packs = |p: &PastPoint| p.packed.filter(|p| p.source >= LEAST_PACKED).map(|p| 100.0 * p.ratio());
    far(&RATIO, subject, by_kind(&past.points, packs), found);
}

/// The newest points that are far from those of their kind before them.
fn far(figure: &Figure, subject: &str, kinds: Vec<Vec<Value>>, found: &mut Vec<Anomaly>) {
    for kind in kinds {
        for n in 0..kind.len().min(NEWEST) {
            let (point, _, value) = kind[n];
            // What is gone can no longer be restored by mistake.
            if point.gone_at.is_some() {
                continue;
            }
            let Some(held) = held(kind[n], &kind[n + 1..]) else { continue };
            let (low, high) = held.usual.range();
            let how = figure.words[usize::from(held.z >= 0.0)];
            let [middle, low, high] = [held.usual.middle, low, high].map(figure.unit);
            found.push(Anomaly {
                rule: figure.rule.to_owned(),
                severity: Severity::Warning,
                subject: subject.to_owned(),
                object: Some(point.id.clone()),
                message: format!("point {} {how} than the {} before it{}", point.id, held.n, figure.means),
                observed: (figure.observed)(value),
                expected: format!("about {middle} ({low} to {high})"),
                value: Some(value),
            });
        }
    }
}

/// Only what takes longer: an end that came early shows in the size.
pub fn durations(subject: &str, past: &CopyPast, found: &mut Vec<Anomaly>) {
    let took = |p: &PastPoint| {
        let (from, to) = (p.started_at?, p.completed_at?);
        (from < to).then(|| Dur::between(from, to).as_secs_f64())
    };
    for kind in by_kind(&past.points, took) {
        let Some((&newest, before)) = kind.split_first() else { continue };
        let (point, _, value) = newest;
        let Some(held) = held(newest, before).filter(|h| h.z > 0.0) else { continue };
        if value < 2.0 * held.usual.middle || value < held.usual.middle + 60.0 {
            continue;
        }
        found.push(Anomaly {
            rule: "anomaly-duration".to_owned(),
            severity: Severity::Warning,
            subject: subject.to_owned(),
            object: Some(point.id.clone()),
            message: format!("point {} took far longer than the {} before it", point.id, held.n),
            observed: span(value).to_string(),
            expected: format!("about {}, at most {}", span(held.usual.middle), span(held.usual.range().1)),
            value: Some(value),
        });
    }
}
