//! What is kept over time, and what follows from it.

use lifeboat_core::assess::past::{Measure, Plot, plots, when};
use lifeboat_core::model::*;
use serde_json::{Value, json};

use super::posture::time;
use super::text::{row, table};

/// One workload with its past.
pub struct Remembered<'a> {
    pub workload: &'a Workload,
    pub past: &'a Past,
}

fn rate(rate: Rate) -> Value {
    json!({"good": rate.good, "all": rate.all, "share": rate.share()})
}

fn growth(growth: &Growth) -> Value {
    json!({
        "per_day": growth.per_day, "low": growth.low, "high": growth.high, "n": growth.n, "over_s": growth.over,
    })
}

pub(super) fn copy_trend(trend: &CopyTrend) -> Value {
    json!({
        "success": rate(trend.success), "answered": rate(trend.answered), "size_bytes": trend.size,
        "growth": trend.growth.as_ref().map(growth), "requests_a_look": trend.requests,
        "bytes_a_look": trend.bytes,
    })
}

pub(super) fn lag_trend(trend: &LagTrend) -> Value {
    json!({
        "p50_s": trend.p50, "p95_s": trend.p95, "p99_s": trend.p99, "worst_s": trend.worst, "n": trend.n,
        "over_s": trend.over,
    })
}

pub(super) fn stores(learned: &Learned) -> Vec<Value> {
    let one = |(id, trend): (&StoreId, &StoreTrend)| {
        let full =
            trend.full.map(|f| json!({"days": f.days, "soonest_days": f.soonest, "latest_days": f.latest}));
        json!({
            "id": id, "bytes": trend.bytes, "growth": trend.growth.as_ref().map(growth),
            "quota_bytes": trend.quota, "full": full,
        })
    };
    learned.stores.iter().map(one).collect()
}

fn plot(plot: &Plot) -> Value {
    let fit = plot.fit.map(|f| {
        json!({"per_day": f.slope * 86_400.0, "low": f.low * 86_400.0, "high": f.high * 86_400.0, "n": f.n})
    });
    json!({
        "id": plot.id, "of": plot.of, "what": plot.what, "limit": plot.limit, "trend": fit, "words": plot.words(),
        "values": plot.values.iter().map(|(at, v)| json!([time(*at), v])).collect::<Vec<_>>(),
    })
}

fn lesson(lesson: &Lesson) -> Value {
    json!({
        "run": lesson.run, "runbook": lesson.runbook, "mode": if lesson.live { "live" } else { "rehearsal" },
        "to": lesson.to, "passed": lesson.passed, "state": lesson.ended, "started_at": time(lesson.began_at),
        "ended_at": time(lesson.at), "took_s": lesson.took,
        "steps": lesson.steps.iter().map(|(step, took)| json!({"step": step, "took_s": took})).collect::<Vec<_>>(),
    })
}

pub fn trends(estate: &Estate, learned: &Learned, all: &[Remembered], now: Time) -> Value {
    let workload = |one: &Remembered| {
        json!({
            "id": one.workload.id,
            "figures": plots(estate, one.workload, one.past, now).iter().map(plot).collect::<Vec<_>>(),
            "runs": one.past.lessons.iter().map(lesson).collect::<Vec<_>>(),
        })
    };
    json!({
        "schema": 1, "at": time(now), "workloads": all.iter().map(workload).collect::<Vec<_>>(),
        "stores": stores(learned), "anomalies": learned.anomalies,
    })
}

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const WIDE: usize = 16;

/// The values as bars, from the lowest to the highest; of several in one bar
/// the worst, which of a share is the least.
pub fn bars(plot: &Plot) -> String {
    let step = plot.values.len().div_ceil(WIDE).max(1);
    let share = plot.measure == Measure::Share;
    let worst = |all: &[(Time, f64)]| {
        let each = all.iter().map(|(_, v)| *v);
        if share { each.fold(f64::MAX, f64::min) } else { each.fold(f64::MIN, f64::max) }
    };
    let shown: Vec<f64> = plot.values.chunks(step).map(worst).collect();
    let ends = shown.iter().fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(*v), h.max(*v)));
    let (low, high) = if share { (0.0, 1.0) } else { ends };
    let bar = |v: &f64| match high > low {
        true => BARS[((((v - low) / (high - low)) * 7.0).round() as usize).min(7)],
        false => BARS[0],
    };
    shown.iter().map(bar).collect()
}

pub fn trends_text(estate: &Estate, learned: &Learned, all: &[Remembered], now: Time) -> String {
    let mut rows = vec![row(["WORKLOAD", "OF", "WHAT", "NOW", "SO FAR", "TREND"])];
    for one in all {
        for p in plots(estate, one.workload, one.past, now) {
            let last = p.last().map_or_else(|| "?".to_owned(), |(_, v)| p.measure.text(v));
            rows.push(row([one.workload.id.as_str(), &p.of, p.what, &last, &bars(&p), &p.words()]));
        }
    }
    let mut out = table(&rows);
    for (id, store) in &learned.stores {
        let quota = store.quota.map_or_else(String::new, |q| format!(" of {}", Size(q)));
        let full = store.full.map_or_else(String::new, |f| format!(", full {}", when(&f)));
        out += &format!("{id}: points of {}{quota}{full}\n", Size(store.bytes));
    }
    for one in &learned.anomalies {
        out += &clean_line(&format!(
            "{} {}: {}; {}, expected {}",
            one.rule, one.subject, one.message, one.observed, one.expected
        ));
        out.push('\n');
    }
    out
}
