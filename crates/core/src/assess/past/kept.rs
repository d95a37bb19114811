//! What is kept of a copy: points that are missing, fall in number, or go
//! before their time.

use super::fit::{FAR, Usual};
use super::{named, span};
use crate::assess::{cron::longest_wait, ground::grace};
use crate::model::*;

const DAY: Dur = Dur::secs(86_400);
/// A deletion is told for so long.
const RECENT: Dur = Dur::secs(30 * 86_400);

fn of_use(p: &PastPoint) -> bool {
    use PointState::{Archived, Suspect, Unverified, Usable};
    matches!(p.state, Usable | Archived | Suspect | Unverified)
}

fn anomaly(rule: &str, subject: &str, message: String, observed: String, expected: String) -> Anomaly {
    Anomaly {
        rule: rule.to_owned(),
        severity: Severity::Warning,
        subject: subject.to_owned(),
        object: None,
        message,
        observed,
        expected,
        value: None,
    }
}

/// How many intervals back a miss is told.
const TOLD: i64 = 14;

/// Intervals without a usable point, since the copy was first looked at: what
/// was thinned out before nobody saw, and it would look like a miss.
pub fn missed(subject: &str, def: &CopyDef, past: &CopyPast, now: Time, found: &mut Vec<Anomaly>) {
    let every = match &def.schedule {
        Some(Schedule::Every(every)) => Some(*every),
        Some(Schedule::Cron { cron, .. }) => longest_wait(cron),
        None => None,
    };
    let (Some(every), Some(began)) = (every.filter(|e| *e > Dur::ZERO), past.began) else { return };
    let most = every + grace(def, every);
    let from = began.max(now - every.times(TOLD));
    let usable = past.points.iter().filter(|p| p.state == PointState::Usable);
    let mut points: Vec<_> = usable.filter_map(|p| p.completed_at.map(|at| (at, p))).collect();
    points.sort_by_key(|(at, _)| *at);
    // Two points of which the later was due, and nothing between.
    let mut gaps = points.windows(2).filter(|w| w[0].0 >= from && Dur::between(w[0].0, w[1].0) > most);
    let Some([(before, first), (after, next)]) = gaps.next_back().and_then(|w| <&[_; 2]>::try_from(w).ok())
    else {
        return;
    };
    let wait = Dur::between(*before, *after);
    let message = format!("nothing was made between {} and {}", first.id, next.id);
    let mut one = anomaly(
        "missed-schedule",
        subject,
        message,
        wait.to_string(),
        format!("one every {every}, within {most}"),
    );
    (one.object, one.value) = (Some(next.id.clone()), Some(wait.as_secs_f64()));
    found.push(one);
}

/// Days enough to say what is usual, else hours.
fn before_now(series: &Series) -> Option<Vec<f64>> {
    let before = |b: &[Bucket], least: usize| {
        let before = &b[..b.len().saturating_sub(1)];
        let last: Vec<f64> = before.iter().rev().take(30).map(|b| b.max).collect();
        (last.len() >= least).then_some(last)
    };
    before(&series.days, 5).or_else(|| before(&series.hours, 8))
}

/// Fewer usable points than there used to be.
pub fn count(subject: &str, past: &CopyPast, found: &mut Vec<Anomaly>) {
    let (Some(now), Some(before)) = (past.count.last(), before_now(&past.count)) else { return };
    let Some(usual) = Usual::of(&before, 0.0) else { return };
    let least = usual.middle - (FAR * usual.spread).max(0.2 * usual.middle).max(1.5);
    if now >= least {
        return;
    }
    let mut gone: Vec<_> = past.points.iter().filter(|p| p.gone_at.is_some() && of_use(p)).collect();
    gone.sort_by_key(|p| std::cmp::Reverse(p.gone_at));
    let missing = (usual.middle - now).round().max(1.0) as usize;
    gone.truncate(missing);
    let which = match gone.is_empty() {
        true => String::new(),
        false => format!("; gone are {}", named(gone.iter().map(|p| p.id.as_str()))),
    };
    let message = format!("it holds fewer points than it used to{which}");
    let expected = format!("about {}, at least {}", usual.middle.round(), least.ceil());
    let mut one = anomaly("falling-count", subject, message, now.to_string(), expected);
    one.object = gone.first().map(|p| p.id.clone());
    one.value = Some(now);
    found.push(one);
}

/// Points of use that went before what was declared, else long before any
/// other did.
pub fn deletions(subject: &str, def: &CopyDef, past: &CopyPast, now: Time, found: &mut Vec<Anomaly>) {
    let age = |p: &PastPoint| Some(Dur::between(p.completed_at?, p.gone_at?));
    let mut gone: Vec<_> =
        past.points.iter().filter(|p| of_use(p)).filter_map(|p| Some((age(p)?, p.gone_at?, p))).collect();
    gone.sort_by_key(|(_, at, p)| (std::cmp::Reverse(*at), p.id.clone()));
    let declared = def.retention.as_ref().and_then(|r| r.min);
    let learned = || {
        let older: Vec<Dur> =
            gone.iter().filter(|(_, at, _)| *at < now - DAY).map(|(age, ..)| *age).collect();
        let youngest = older.iter().min()?;
        (older.len() >= 10).then(|| Dur::millis(youngest.as_millis() / 2))
    };
    let Some(least) = declared.or_else(learned) else { return };
    let early: Vec<_> = gone.iter().filter(|(age, at, _)| *age < least && *at >= now - RECENT).collect();
    let Some((youngest, _, newest)) = early.first() else { return };
    let message = format!(
        "{} deleted before {} time: {}",
        if early.len() == 1 { "a point was".to_owned() } else { format!("{} points were", early.len()) },
        if early.len() == 1 { "its" } else { "their" },
        named(early.iter().map(|(.., p)| p.id.as_str())),
    );
    let expected = match declared {
        Some(least) => format!("kept for at least {least}"),
        None => format!("kept for at least {least}, by half of the youngest that was ever deleted before"),
    };
    let mut one = anomaly("early-deletion", subject, message, format!("deleted at {youngest}"), expected);
    if declared.is_some() {
        one.severity = Severity::Critical;
    }
    (one.object, one.value) = (Some(newest.id.clone()), Some(youngest.as_secs_f64()));
    found.push(one);
}

/// The oldest point is much younger than the oldest used to be.
pub fn retention(subject: &str, past: &CopyPast, found: &mut Vec<Anomaly>) {
    let (Some(now), Some(before)) = (past.oldest.last(), before_now(&past.oldest)) else { return };
    let Some(usual) = Usual::of(&before, 0.0) else { return };
    if now >= 0.7 * usual.middle || usual.middle - now < DAY.as_secs_f64() {
        return;
    }
    let message = "how far one can go back was shortened".to_owned();
    let expected = format!("about {}", span(usual.middle));
    let mut one = anomaly("shortened-retention", subject, message, span(now).to_string(), expected);
    one.value = Some(now);
    found.push(one);
}
