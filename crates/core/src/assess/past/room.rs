//! How full stores become, and when they are.

use std::collections::BTreeMap;

use super::fit::{Fit, theil_sen};
use super::{DAY, bytes, seconds};
use crate::model::*;

pub fn growth(fit: &Fit, over: f64) -> Growth {
    Growth {
        per_day: fit.slope * DAY,
        low: fit.low * DAY,
        high: fit.high * DAY,
        n: fit.n,
        over: super::span(over),
    }
}

/// Of points of the copy's fullest kind: what its size grows by.
pub fn of_points(past: &CopyPast) -> Option<Growth> {
    let sized = past.points.iter().filter(|p| p.state == PointState::Usable);
    let mut values: Vec<_> =
        sized.filter_map(|p| Some((p.kind, seconds(p.completed_at?), p.size_bytes? as f64))).collect();
    let newest = values.iter().max_by(|a, b| a.1.total_cmp(&b.1))?.0;
    values.retain(|(kind, ..)| *kind == newest);
    values.sort_by(|a, b| a.1.total_cmp(&b.1));
    let values: Vec<_> = values.into_iter().map(|(_, at, size)| (at, size)).collect();
    let over = values.last()?.0 - values.first()?.0;
    theil_sen(&values).map(|fit| growth(&fit, over))
}

/// Formats of which the sizes of all points together are what is stored; the
/// others keep only once what points have in common, or pack it.
const AS_STORED: [&str; 5] = ["dump", "bucket", "etcd", "vault", "terraform"];

pub fn as_stored(format: &FormatId) -> bool {
    AS_STORED.contains(&format.as_str())
}

/// Of a store's copies together, day by day (or hour by hour, while there are
/// few days); before a copy's first look it counts as it did then.
fn together(copies: &[Series]) -> Vec<(f64, f64)> {
    let days = copies.iter().map(|s| s.days.len()).max().unwrap_or(0);
    let level = |s: &Series| if days >= 5 { s.days.clone() } else { s.hours.clone() };
    let all: Vec<Vec<Bucket>> = copies.iter().map(level).filter(|b| !b.is_empty()).collect();
    let mut times: Vec<Time> = all.iter().flatten().map(|b| b.at).collect();
    times.sort_unstable();
    times.dedup();
    let at = |series: &Vec<Bucket>, at: Time| {
        let upto = series.partition_point(|b| b.at <= at);
        series[upto.saturating_sub(1)].last
    };
    times.into_iter().map(|t| (seconds(t), all.iter().map(|s| at(s, t)).sum())).collect()
}

pub fn of_store(store: &Store, copies: &[Series]) -> Option<StoreTrend> {
    let values = together(copies);
    let (from, to) = (values.first()?.0, values.last()?.0);
    let fit = theil_sen(&values);
    let now: f64 = copies.iter().filter_map(Series::last).sum();
    let quota = store.quota.map(|q| q.0);
    let full = quota.zip(fit).map(|(quota, fit)| {
        let left = (quota as f64 - now).max(0.0);
        let days = |slope: f64| (slope > 0.0).then(|| left / (slope * DAY));
        Full { days: days(fit.slope), soonest: days(fit.high), latest: days(fit.low) }
    });
    Some(StoreTrend { bytes: bytes(now).0, growth: fit.map(|f| growth(&f, to - from)), quota, full })
}

/// In words, with its uncertainty: `in about 40 days (31 to 60)`.
pub fn when(full: &Full) -> String {
    let days = |d: f64| format!("{}", d.ceil());
    match (full.soonest, full.days, full.latest) {
        (None, ..) => "not as it grows now".to_owned(),
        (Some(soonest), Some(days_), Some(latest)) => {
            format!("in about {} days ({} to {})", days(days_), days(soonest), days(latest))
        }
        (Some(soonest), Some(days_), None) => {
            format!("in about {} days, at the soonest {}, perhaps never", days(days_), days(soonest))
        }
        (Some(soonest), None, _) => format!("in {} days at the soonest, more likely never", days(soonest)),
    }
}

/// Less than this until the quota is told.
const SOON: f64 = 30.0;

pub fn quotas(estate: &Estate, stores: &BTreeMap<StoreId, StoreTrend>, found: &mut Vec<Anomaly>) {
    for (id, trend) in stores {
        let Some(quota) = trend.quota else { continue };
        // Sizes that count more than what is stored would cry wolf.
        let copies = estate.workloads.iter().flat_map(|w| &w.assets).flat_map(|a| &a.copies);
        if !copies.filter(|c| c.store == *id).all(|c| as_stored(&c.format)) {
            continue;
        }
        let sure = trend.full.filter(|f| f.latest.is_some() && f.days.is_some_and(|d| d < SOON));
        let nearly = trend.bytes as f64 > 0.9 * quota as f64;
        let message = match (sure, nearly) {
            (Some(full), _) => format!("its quota is reached {}", when(&full)),
            (None, true) => "its quota is nearly reached".to_owned(),
            (None, false) => continue,
        };
        let grows = trend.growth.map_or_else(String::new, |g| format!(", {} more a day", bytes(g.per_day)));
        found.push(Anomaly {
            rule: "quota-forecast".to_owned(),
            severity: Severity::Warning,
            subject: format!("store:{id}"),
            object: None,
            message,
            observed: format!("{}{grows}", Size(trend.bytes)),
            expected: format!("at most {}, with room for {SOON} days", Size(quota)),
            value: Some(trend.bytes as f64),
        });
    }
}
