//! Figures over time as pictures and scripts show them: values, the line
//! through them, and where that leads.

use super::fit::{Fit, theil_sen};
use super::{DAY, bytes, seconds, span};
use crate::model::*;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    Seconds,
    Bytes,
    Count,
    /// A part of one.
    Share,
}

impl Measure {
    pub fn text(self, value: f64) -> String {
        match self {
            Self::Seconds => span(value.max(0.0)).to_string(),
            Self::Bytes => bytes(value).to_string(),
            Self::Count if value.abs() >= 10.0 || value.fract() == 0.0 => format!("{}", value.round()),
            Self::Count => format!("{value:.1}"),
            Self::Share => format!("{} %", (value * 100.0).round()),
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Plot {
    /// `orders-db/copy/0/size`
    pub id: String,
    /// `orders-db in backups-fra`
    pub of: String,
    pub what: &'static str,
    pub measure: Measure,
    /// Oldest first.
    pub values: Vec<(Time, f64)>,
    /// Over seconds since 1970; `None` where there are too few values.
    pub fit: Option<Fit>,
    /// What it should stay below.
    pub limit: Option<f64>,
}

/// Beyond what was seen, a quarter of that is looked ahead.
const AHEAD: f64 = 0.25;
const MONTH: Dur = Dur::secs(30 * 86_400);

impl Plot {
    fn new(id: String, of: String, what: &'static str, measure: Measure, values: Vec<(Time, f64)>) -> Self {
        let values: Vec<_> = values.into_iter().filter(|(_, v)| v.is_finite()).collect();
        let points: Vec<_> = values.iter().map(|(at, v)| (seconds(*at), *v)).collect();
        Self { id, of, what, measure, values, fit: theil_sen(&points), limit: None }
    }
    pub fn last(&self) -> Option<(Time, f64)> {
        self.values.last().copied()
    }
    /// From when to when it is drawn: what was seen, and a while beyond.
    pub fn span(&self) -> Option<(f64, f64)> {
        let (from, to) = (seconds(self.values.first()?.0), seconds(self.values.last()?.0));
        let ahead = if self.forecasts() { AHEAD * (to - from) } else { 0.0 };
        Some((from, to + ahead))
    }
    /// A line that surely rises or falls says where it leads.
    pub fn forecasts(&self) -> bool {
        self.fit.is_some_and(|f| f.moves()) && self.measure != Measure::Share
    }
    /// Where it leads at an instant beyond the last value: the middle, and
    /// between what it lies in nine of ten cases; never below nothing.
    pub fn ahead(&self, at: f64) -> Option<(f64, f64, f64)> {
        let fit = self.fit.filter(|_| self.forecasts())?;
        let from = seconds(self.values.last()?.0);
        let at_last = fit.at(from);
        let along = |slope: f64| (at_last + slope * (at - from)).max(0.0);
        (at >= from).then(|| (along(fit.slope), along(fit.low), along(fit.high)))
    }
    /// How it moves, in words with its uncertainty.
    pub fn words(&self) -> String {
        let n = self.values.len();
        let Some(fit) = self.fit else {
            return match n {
                0 => "nothing is remembered yet".to_owned(),
                n => format!("too few values to say: {n}"),
            };
        };
        if !fit.moves() {
            return "neither surely rises nor falls".to_owned();
        }
        let a_day = |slope: f64| self.measure.text((slope * DAY).abs());
        let (near, far) = if fit.slope > 0.0 { (fit.low, fit.high) } else { (fit.high, fit.low) };
        let verb = if fit.slope > 0.0 { "rises" } else { "falls" };
        let rate = format!("{verb} by {} a day ({} to {})", a_day(fit.slope), a_day(near), a_day(far));
        match self.reaches() {
            Some(when) => format!("{rate}; {when}"),
            None => rate,
        }
    }
    /// When the limit is reached, if it surely comes.
    fn reaches(&self) -> Option<String> {
        let (limit, fit) = self.limit.zip(self.fit.filter(|f| f.low > 0.0))?;
        let (_, last) = self.last()?;
        if last >= limit {
            return None;
        }
        let days = |slope: f64| ((limit - last) / slope / DAY).ceil();
        let (soonest, middle, latest) = (days(fit.high), days(fit.slope), days(fit.low));
        let limit = self.measure.text(limit);
        (middle < 1_000.0).then(|| format!("at {limit} in about {middle} days ({soonest} to {latest})"))
    }
}

fn daily(series: &Series, over: Dur, now: Time, value: fn(&Bucket) -> f64) -> Vec<(Time, f64)> {
    series.over(over, now).iter().map(|b| (b.at, value(b))).collect()
}

/// All that there is of a workload, replicas first.
pub fn plots(estate: &Estate, workload: &Workload, past: &Past, now: Time) -> Vec<Plot> {
    let rpo = estate.objective(workload, DomainKind::Region, LossMode::Gone).0.map(Dur::as_secs_f64);
    let mut all = Vec::new();
    for (key, lag) in &past.links {
        let replica = workload.asset(key.asset.as_str()).and_then(|a| a.replicas.get(key.index));
        let region = replica.map_or("?", |r| r.region.as_str());
        let (id, of) =
            (format!("{}/replica/{}/lag", key.asset, key.index), format!("{} in {region}", key.asset));
        let values = daily(lag, Dur::secs(86_400), now, |b| b.max);
        all.push(Plot { limit: rpo, ..Plot::new(id, of, "lag", Measure::Seconds, values) });
    }
    for (key, copy) in &past.copies {
        let store = estate.copy(key).map_or("?", |c| c.store.as_str());
        let of = format!("{} in {store}", key.asset);
        let id = |what: &str| format!("{}/copy/{}/{what}", key.asset, key.index);
        let plot =
            |what: &'static str, measure, values| Plot::new(id(what), of.clone(), what, measure, values);
        let good = daily(&copy.good, MONTH, now, |b| b.max);
        all.push(Plot { limit: rpo, ..plot("age of last good", Measure::Seconds, good) });
        all.push(plot("size of a point", Measure::Bytes, sizes(copy)));
        all.push(plot("points", Measure::Count, daily(&copy.count, MONTH, now, |b| b.last)));
        if !copy.behind.is_empty() {
            all.push(plot("objects missing", Measure::Count, daily(&copy.behind, MONTH, now, |b| b.max)));
        }
        all.push(plot("looks answered", Measure::Share, daily(&copy.answered, MONTH, now, |b| b.mean)));
        all.push(plot("requests a look", Measure::Count, daily(&copy.requests, MONTH, now, |b| b.mean)));
    }
    all
}

/// Of the newest point's kind.
fn sizes(copy: &CopyPast) -> Vec<(Time, f64)> {
    let usable = || copy.points.iter().filter(|p| p.state == PointState::Usable);
    let Some(kind) = usable().max_by_key(|p| p.completed_at).map(|p| p.kind) else { return Vec::new() };
    let mut all: Vec<_> = usable()
        .filter(|p| p.kind == kind)
        .filter_map(|p| Some((p.completed_at?, p.size_bytes? as f64)))
        .collect();
    all.sort_by_key(|(at, _)| *at);
    all
}
