//! One asset: when it was last written, and up to which instant each of its
//! copies and replicas is known to have received.

use std::sync::Arc;

use super::index::SeenOf;
use super::region::said;
use super::{Cx, Loss, Reason, State};
use crate::model::*;

/// Facts about one asset that hold under every scenario.
pub(crate) struct AssetFacts<'a> {
    pub asset: &'a Asset,
    /// The workload that declares it: another one's where `uses` says so.
    pub owner: &'a Workload,
    /// The instant of the last write seen acknowledged.
    pub last_write: Option<Time>,
    pub replicas: Vec<ReplicaFacts<'a>>,
    pub copies: Vec<CopyFacts<'a>>,
}

pub(crate) struct ReplicaFacts<'a> {
    pub replica: &'a Replica,
    pub state: State,
    pub reason: Option<Reason>,
    pub freshness: Freshness,
    pub lag: Option<Dur>,
    pub received: Option<Received>,
    pub observed_at: Option<Time>,
}

pub(crate) struct CopyFacts<'a> {
    pub copy: &'a CopyDef,
    pub state: State,
    pub reasons: Vec<Reason>,
    pub freshness: Freshness,
    pub summary: Option<&'a Arc<CopySummary>>,
    pub received: Option<Received>,
    pub observed_at: Option<Time>,
}

/// Up to when a survivor is known to have received, and when that was so; in
/// milliseconds since 1970, for every source of every asset is measured
/// several times in an assessment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Received {
    through: i64,
    /// The instant the statement is about; `None` where it does not say.
    as_of: Option<i64>,
}

/// The span in which writing ended, or would end: `w_lo` and `w_hi`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WritesEnd {
    lo: Option<i64>,
    hi: i64,
}

impl WritesEnd {
    pub fn new(lo: Option<Time>, hi: Time) -> Self {
        Self { lo: lo.map(|t| t.timestamp_millis()), hi: hi.timestamp_millis() }
    }
}

impl Received {
    fn new(through: Time, as_of: Option<Time>) -> Self {
        Self { through: through.timestamp_millis(), as_of: as_of.map(|t| t.timestamp_millis()) }
    }
    pub fn through(self) -> Time {
        Time::UNIX_EPOCH + Dur::millis(self.through)
    }
    fn is_dated(self) -> bool {
        self.as_of.is_some()
    }
    /// The loss if writing ended within `writes` (judgement, section 3).
    pub fn loss(self, writes: WritesEnd) -> Loss {
        let ended = self.as_of.is_some_and(|at| at >= writes.hi);
        let r_hi = if ended { self.through } else { writes.hi.max(self.through) };
        let lower = writes.lo.map_or(0, |lo| (lo - r_hi).max(0));
        let upper = (writes.hi - self.through).max(0);
        Loss { lower: Dur::millis(lower.min(upper)), upper: Some(Dur::millis(upper)) }
    }
}

pub(crate) fn facts<'a>(cx: &Cx<'a>, workload: &'a Workload, asset: &'a Asset) -> AssetFacts<'a> {
    let (owner, asset) = owned_by(cx, workload, asset);
    let seen = cx.seen.workload(&owner.id);
    let wanted = |key: &ProbeKey| matches!(key, ProbeKey::WriteProbe { asset: a, .. } if *a == asset.id);
    let write = asset.write_probe.as_ref().and_then(|_| cx.ages(seen.probe(wanted)));
    let last_write = write.and_then(|o| o.get(cx.now).0).and_then(|s| s.value.value).and_then(instant);
    AssetFacts {
        asset,
        owner,
        last_write,
        replicas: asset.replicas.iter().enumerate().map(|(n, r)| replica(cx, seen, asset, n, r)).collect(),
        copies: asset.copies.iter().enumerate().map(|(n, c)| copy(cx, seen, asset, n, c)).collect(),
    }
}

/// Follows `uses` one step; a chain of uses is refused when the estate loads.
fn owned_by<'a>(cx: &Cx<'a>, workload: &'a Workload, asset: &'a Asset) -> (&'a Workload, &'a Asset) {
    let named = asset.uses.as_deref().and_then(|u| u.split_once('/'));
    let owner = named.and_then(|(w, a)| cx.workload(w).and_then(|w| w.asset(a).map(|a| (w, a))));
    owner.unwrap_or((workload, asset))
}

/// Seconds since 1970 as an instant.
fn instant(seconds: f64) -> Option<Time> {
    Dur::from_secs_f64(seconds).map(|d| Time::UNIX_EPOCH + d)
}

fn replica<'a>(
    cx: &Cx<'a>,
    seen: &SeenOf<'a>,
    asset: &'a Asset,
    index: usize,
    replica: &'a Replica,
) -> ReplicaFacts<'a> {
    let mut facts = ReplicaFacts {
        replica,
        state: State::Unknown,
        reason: None,
        freshness: Freshness::Unseen,
        lag: None,
        received: None,
        observed_at: None,
    };
    let unseen = |detail: String| {
        Some(Reason::LagUnseen { asset: asset.id.clone(), region: replica.region.clone(), detail })
    };
    let wanted = |k: &ProbeKey| matches!(k, ProbeKey::Lag(l) if l.index == index && l.asset == asset.id);
    let Some(observed) = cx.ages(seen.probe(wanted)) else {
        let why = if replica.lag.is_some() { "not asked yet" } else { "no lag probe is declared" };
        facts.reason = unseen(why.to_owned());
        return facts;
    };
    let (seen, freshness) = observed.get(cx.now);
    facts.freshness = freshness;
    facts.observed_at = seen.map(|s| s.at);
    if let Some(seen) = seen
        && let Some(lag) = seen.value.value.and_then(Dur::from_secs_f64)
    {
        facts.lag = Some(lag);
        let latency = Dur::millis(i64::from(seen.value.latency_ms));
        // An undated figure may be as old as the whole exchange took.
        // A figure about the future says that clocks differ, and dates nothing.
        let dated = seen.value.as_of.filter(|at| *at <= seen.at + Dur::secs(2));
        let about = dated.unwrap_or(seen.at - latency).min(seen.at);
        facts.received = Some(Received::new(about - lag.at_least_zero(), dated));
    }
    if !freshness.is_current() {
        facts.reason = unseen(observed.problem().map(said).unwrap_or_else(|| freshness.as_str().to_owned()));
        return facts;
    }
    facts.state = State::Ok;
    let about = seen.and_then(|s| s.value.as_of.filter(|at| *at <= s.at + Dur::secs(2)));
    match (facts.received, about) {
        (None, _) => {
            facts.state = State::Unknown;
            facts.reason = unseen("the answer holds no figure".to_owned());
        }
        (Some(received), None) if !received.is_dated() => {
            facts.state = State::Warning;
            facts.reason =
                Some(Reason::LagUndated { asset: asset.id.clone(), region: replica.region.clone() });
        }
        (Some(_), about) => {
            let patience = observed.every().times(3).max(Dur::secs(2));
            let age = about.map_or(Dur::ZERO, |at| Dur::between(at, cx.now));
            cx.changes_in(patience + Dur::millis(1) - age);
            if age > patience {
                facts.state = State::Warning;
                let region = replica.region.clone();
                facts.reason = Some(Reason::LagFrozen { asset: asset.id.clone(), region, age });
            }
        }
    }
    facts
}

fn copy<'a>(
    cx: &Cx<'a>,
    seen: &SeenOf<'a>,
    asset: &'a Asset,
    index: usize,
    copy: &'a CopyDef,
) -> CopyFacts<'a> {
    let observed = cx.ages(seen.copy(&asset.id, index));
    let freshness = observed.map_or(Freshness::Unseen, |o| o.freshness(cx.now));
    let seen = observed.and_then(|o| o.get(cx.now).0);
    let summary = seen.map(|s| &s.value);
    let mut facts = CopyFacts {
        copy,
        state: State::Ok,
        reasons: Vec::new(),
        freshness,
        summary,
        received: None,
        observed_at: seen.map(|s| s.at),
    };
    if let (Some(seen), Some(good)) = (seen, summary.and_then(|s| s.last_good.as_ref())) {
        facts.received = Some(Received::new(good.at, Some(seen.at)));
    }
    if let Some(summary) = summary {
        troubles(cx, asset, copy, summary, &mut facts);
    }
    if !freshness.is_current() {
        let detail = observed.and_then(|o| o.problem()).map(said);
        let detail = detail.unwrap_or_else(|| freshness.as_str().to_owned());
        let (asset, store) = (asset.id.clone(), copy.store.clone());
        facts.reasons.insert(0, Reason::CopyUnreachable { asset, store, detail });
        facts.state = facts.state.max(State::Unknown);
    }
    facts
}

/// What is wrong with a copy that was seen.
fn troubles(cx: &Cx, asset: &Asset, copy: &CopyDef, summary: &CopySummary, facts: &mut CopyFacts) {
    let (id, store) = (&asset.id, &copy.store);
    let mut add = |state: State, reason: Reason| {
        facts.state = facts.state.max(state);
        facts.reasons.push(reason);
    };
    let Some(good) = &summary.last_good else {
        add(State::Critical, Reason::NoUsablePoint { asset: id.clone() });
        return;
    };
    let running = |s: &PointState| matches!(s, PointState::Running);
    if let Some((state, detail)) = summary.newest_trouble.as_ref().filter(|(s, _)| !running(s)) {
        let point = summary.newest.as_ref().map(|p| p.id.clone()).unwrap_or_default();
        let (asset, store, detail) = (id.clone(), store.clone(), detail.clone());
        add(State::Warning, Reason::NewestUnusable { asset, store, point, state: *state, detail });
    }
    for gap in &summary.gaps {
        let (asset, store, detail) = (id.clone(), store.clone(), gap.detail.clone());
        add(State::Warning, Reason::WindowGap { asset, store, detail });
    }
    for note in &summary.notes {
        let (asset, store, detail) = (id.clone(), store.clone(), said(note));
        add(State::Warning, Reason::CopyNote { asset, store, detail });
    }
    if let Some(expected) = due_every(copy) {
        let age = Dur::between(good.at, cx.now);
        let grace = copy.grace.unwrap_or(Dur::millis(expected.as_millis() / 4).max(Dur::secs(2)));
        cx.changes_in(expected + grace + Dur::millis(1) - age);
        if age > expected + grace {
            let (asset, store) = (id.clone(), store.clone());
            add(State::Warning, Reason::CopyOverdue { asset, store, age, expected });
        }
    }
}

/// How often this copy's newest instant is meant to move on.
pub(crate) fn due_every(copy: &CopyDef) -> Option<Dur> {
    copy.log_every.or(match &copy.schedule {
        Some(Schedule::Every(every)) => Some(*every),
        // When a calendar is next due needs its zone's rules; judged with drills and policies.
        Some(Schedule::Cron { .. }) | None => None,
    })
}
