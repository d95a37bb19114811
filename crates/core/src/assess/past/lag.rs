//! How far replicas lag, and whether they still follow.

use super::fit::{Fit, theil_sen};
use super::{seconds, span};
use crate::model::*;

/// What is said of the present rests on the last hour.
const HOUR: Dur = Dur::secs(3_600);

fn percentile(sorted: &[f64], p: f64) -> Dur {
    let place = ((sorted.len() as f64 * p).ceil() as usize).clamp(1, sorted.len());
    span(sorted[place - 1])
}

fn slope(minutes: &[Bucket], now: Time) -> Option<(Fit, f64)> {
    let last: Vec<_> = minutes.iter().filter(|b| b.at >= now - HOUR).collect();
    let points: Vec<_> = last.iter().map(|b| (seconds(b.at), b.mean)).collect();
    let whole = points.last()?.0 - points.first()?.0;
    Some((theil_sen(&points)?, whole))
}

pub fn trend(lag: &Series, now: Time) -> Option<LagTrend> {
    let seen = lag.over(Dur::secs(86_400), now);
    let mut worst: Vec<f64> = seen.iter().map(|b| b.max).filter(|v| v.is_finite()).collect();
    worst.sort_by(f64::total_cmp);
    let (first, newest) = (seen.first()?, worst.last()?);
    Some(LagTrend {
        p50: percentile(&worst, 0.5),
        p95: percentile(&worst, 0.95),
        p99: percentile(&worst, 0.99),
        worst: span(*newest),
        n: worst.len(),
        over: Dur::between(first.at, now),
        slope: slope(&lag.minutes, now).map(|(fit, _)| (fit.slope, fit.low, fit.high)),
    })
}

/// Whether writes were seen to go on while it was looked at; `None` where no
/// probe tells.
fn written(writes: Option<&Series>, now: Time) -> Option<bool> {
    let last: Vec<_> = writes?.minutes.iter().filter(|b| b.at >= now - HOUR).collect();
    let (first, newest) = (last.first()?, last.last()?);
    Some(newest.max > first.min)
}

/// A replica that stands still while its source is written to, or takes in
/// less than what is written.
pub fn follows(subject: &str, lag: &Series, writes: Option<&Series>, now: Time, found: &mut Vec<Anomaly>) {
    let Some((fit, whole)) = slope(&lag.minutes, now) else { return };
    let Some(last) = lag.last().filter(|last| *last > 60.0) else { return };
    let written = written(writes, now);
    // Nobody writes: there is nothing to follow.
    if written == Some(false) {
        return;
    }
    let idle = match written {
        Some(_) => "",
        None => ", or nothing is written; a `write_probe` would tell",
    };
    let one = |rule: &str, message: String, expected: &str| Anomaly {
        rule: rule.to_owned(),
        severity: Severity::Warning,
        subject: subject.to_owned(),
        object: None,
        message,
        observed: format!("a lag of {}, {:+.2} s each second", span(last), fit.slope),
        expected: expected.to_owned(),
        value: Some(last),
    };
    if fit.low >= 0.8 && whole >= 240.0 {
        let message = format!("replication stands still while its source grows{idle}");
        found.push(one("replication-stands-still", message, "a lag that does not grow as fast as time"));
    } else if fit.low > 0.02
        && whole >= 1_200.0
        && fit.slope * whole > (0.5 * (last - fit.slope * whole)).max(30.0)
    {
        let keeps = (100.0 * (1.0 - fit.slope)).round();
        let message = format!("replication takes in only about {keeps} % of what is written{idle}");
        found.push(one("replication-falls-behind", message, "a lag that stays within bounds"));
    }
}

/// A copy that is a set of objects and lacks ever more of them.
pub fn lacks(subject: &str, past: &CopyPast, now: Time, found: &mut Vec<Anomaly>) {
    let seen = past.behind.over(Dur::secs(6 * 3_600), now);
    let points: Vec<_> = seen.iter().map(|b| (seconds(b.at), b.last)).collect();
    let (Some(fit), Some(last)) = (theil_sen(&points), past.behind.last()) else { return };
    if fit.low <= 0.0 || last < 10.0 || points.len() < 6 {
        return;
    }
    let an_hour = |per_second: f64| (per_second * 3_600.0).round();
    found.push(Anomaly {
        rule: "replication-falls-behind".to_owned(),
        severity: Severity::Warning,
        subject: subject.to_owned(),
        object: None,
        message: "more objects are written than are copied".to_owned(),
        observed: format!(
            "{last} objects are missing, {:+} an hour ({:+} to {:+})",
            an_hour(fit.slope),
            an_hour(fit.low),
            an_hour(fit.high)
        ),
        expected: "no more missing from one look to the next".to_owned(),
        value: Some(last),
    });
}
