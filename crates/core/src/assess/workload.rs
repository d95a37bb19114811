//! One workload: where it is, how it is, and what its loss would be now.

use std::sync::Arc;

use super::asset::{self, AssetFacts, CopyFacts, Received, ReplicaFacts, WritesEnd};
use super::domains::Lost;
use super::index::SeenOf;
use super::region::{HealthSeen, health, of_workload, said};
use super::{
    AssetView, CopyView, Cx, Finding, HealthView, Judged, Loss, Reason, ReplicaView, RpoView, RtoBasis,
    RtoView, State, WorkloadView,
};
use crate::model::*;

/// What holds under every scenario.
pub(crate) struct Facts<'a> {
    pub workload: &'a Workload,
    /// Its place were the workloads sorted by their ids.
    pub rank: usize,
    /// Seen to serve, else declared.
    pub home: Option<RegionId>,
    /// Where observation and declaration disagree: (seen, declared).
    pub moved: Option<(RegionId, RegionId)>,
    /// Why where it serves is a guess, if it is one.
    pub home_unseen: Option<String>,
    /// The home, or all active regions.
    pub serving: Vec<RegionId>,
    pub health: Vec<(HealthView, Option<Reason>)>,
    /// When the home was last seen to serve.
    pub last_served: Option<Time>,
    /// When it began to be seen not to: it may have written until then.
    pub failing_since: Option<Time>,
    pub assets: Vec<AssetFacts<'a>>,
    pub rpo: Option<Dur>,
    pub rto: Option<Dur>,
    pub rto_estimate: (Option<Dur>, RtoBasis),
}

/// `place`: of the workload in the estate.
pub(crate) fn facts<'a>(cx: &Cx<'a>, place: usize) -> Facts<'a> {
    let workload = &cx.estate.workloads[place];
    let of = cx.seen.workload(place);
    let (seen, home_unseen) = seen_home(cx, workload, of);
    let declared = workload.home.clone();
    let moved = seen.clone().zip(declared.clone()).filter(|(s, d)| s != d);
    let home = seen.or(declared);
    let mut serving: Vec<_> = workload.active.iter().map(|a| a.region.clone()).collect();
    if serving.is_empty() {
        serving.extend(home.clone());
    }
    let on = cx.ground.at(place);
    let (rpo, rto) = on.objective;
    let mut facts = Facts {
        workload,
        home,
        moved,
        serving,
        health: Vec::with_capacity(workload.health.len()),
        home_unseen,
        last_served: None,
        failing_since: None,
        assets: on.assets.iter().map(|on| asset::facts(cx, on)).collect(),
        rpo,
        rto,
        rto_estimate: on.rto_estimate,
        rank: on.rank,
    };
    for (index, declared) in workload.health.iter().enumerate() {
        let observed = of_workload(of, index);
        let seen = health(cx, observed, declared.region.as_ref());
        if serves(&facts, declared.region.as_ref()) {
            facts.last_served = facts.last_served.max(seen.at);
            facts.failing_since = facts.failing_since.max(observed.and_then(|o| o.failing_since()));
        }
        facts.health.push((health_view(observed, declared, &seen), seen.reason));
    }
    facts
}

/// A probe without a region speaks for wherever the workload serves.
fn serves(facts: &Facts, region: Option<&RegionId>) -> bool {
    region.is_none_or(|r| facts.serving.contains(r))
}

/// Where `active_when` says it serves, remembered while it cannot be seen, and
/// why that is a guess, if it is one.
fn seen_home<'a>(
    cx: &Cx<'a>,
    workload: &Workload,
    seen: SeenOf<'_, 'a>,
) -> (Option<RegionId>, Option<String>) {
    let Some(probe) = &workload.active_when else { return (None, None) };
    let observed = seen.probe(|key| matches!(key, ProbeKey::ActiveWhen { .. }));
    let Some(observed) = observed else { return (None, Some("not asked yet".to_owned())) };
    let Sighting { seen: last, freshness, .. } = cx.look(observed);
    let text = last.and_then(|s| s.value.text.as_deref()).map(str::trim);
    let id = text.map(|text| probe.map.get(text).map_or(text, String::as_str));
    let home = id.and_then(|id| cx.region(id)).map(|r| r.id.clone());
    let guess = match (&home, freshness.is_current()) {
        (_, false) => Some(observed.problem().map(said).unwrap_or_else(|| freshness.as_str().to_owned())),
        (None, true) => Some(format!("{:?} is no region", text.unwrap_or_default())),
        (Some(_), true) => None,
    };
    (home, guess)
}

fn health_view(
    observed: Option<&Observed<ProbeReading>>,
    declared: &Health,
    seen: &HealthSeen,
) -> HealthView {
    let detail = match observed.map(|o| (o.problem(), o.last())) {
        Some((Some(problem), _)) => said(problem),
        Some((None, Some(last))) => last.value.detail.clone(),
        _ => "not asked yet".to_owned(),
    };
    HealthView {
        region: declared.region.clone(),
        state: seen.state,
        freshness: seen.freshness,
        observed_at: seen.at,
        detail,
    }
}

/// When an asset was written last, as far as that can be known.
pub(crate) fn writes_end(cx: &Cx, facts: &Facts, asset: &AssetFacts) -> WritesEnd {
    // A declared loss of the home is knowledge that it writes no more; what
    // only looks dead may still write.
    let declared = || facts.serving.iter().any(|r| cx.lost.region(r));
    let known_dead = cx.scenario.impact_began.filter(|_| declared());
    let hi = match known_dead {
        Some(began) => {
            let seen = [facts.last_served, facts.failing_since, asset.last_write];
            seen.into_iter().flatten().fold(began, Time::max).timestamp_millis()
        }
        None => cx.now_ms,
    };
    WritesEnd { lo: asset.last_write.map(|at| at.timestamp_millis()), hi }
}

pub(crate) fn view(
    cx: &Cx,
    facts: Facts,
    if_home_lost: Judged,
    verdict: Option<Judged>,
    lost: &Lost,
    findings: &mut Vec<Finding>,
) -> WorkloadView {
    let rpo = rpo(cx, &facts, &if_home_lost);
    let mut state = State::Ok;
    let mut reasons = Vec::new();
    states(&facts, &rpo, &mut state, &mut reasons);
    design(&facts, &rpo, findings, &mut state, &mut reasons);
    moved(&facts, findings, &mut state);
    reasons.sort_by_key(|(s, _)| std::cmp::Reverse(*s));
    let seen = facts.assets.iter().flat_map(|a| {
        let replicas = a.replicas.iter().map(|r| r.observed_at);
        replicas.chain(a.copies.iter().map(CopyFacts::observed_at))
    });
    let oldest = seen.chain(facts.health.iter().map(|(h, _)| h.observed_at)).min().flatten();
    WorkloadView {
        id: facts.workload.id.clone(),
        tier: facts.workload.tier,
        state,
        reasons: reasons.into_iter().map(|(_, r)| r).collect(),
        home: facts.home.clone(),
        rpo,
        rto: RtoView {
            target: facts.rto,
            estimate: facts.rto_estimate.0,
            p90: None,
            basis: facts.rto_estimate.1,
        },
        assets: facts.assets.iter().map(|a| asset_view(a, &if_home_lost, lost)).collect(),
        health: facts.health.into_iter().map(|(view, _)| view).collect(),
        if_home_lost,
        verdict,
        oldest,
    }
}

fn rpo(cx: &Cx, facts: &Facts, if_home_lost: &Judged) -> RpoView {
    let actual = if_home_lost.loss;
    let target = facts.rpo.filter(|t| *t > Dur::ZERO);
    let ratio = actual.upper.zip(target).map(|(a, t)| a.as_secs_f64() / t.as_secs_f64());
    if let (Some(upper), Some(target)) = (actual.upper, target) {
        // The bound grows with the clock while the home may write.
        for part in [0.8, 1.0] {
            let bound = Dur::millis((target.as_millis() as f64 * part) as i64 + 1);
            cx.changes_in(bound - upper);
        }
    }
    let required = facts.assets.iter().filter(|a| a.asset.required && a.asset.rebuild.is_none());
    // Unknown as soon as it is unknown for one.
    let design = required.map(|a| design_rpo(facts, a)).reduce(|a, b| a.zip(b).map(|(a, b)| a.max(b)));
    RpoView { target: facts.rpo, actual, ratio, design: design.flatten() }
}

/// The least that schedules and replicas outside the home allow.
fn design_rpo(facts: &Facts, asset: &AssetFacts) -> Option<Dur> {
    let away = |region: &RegionId| !facts.serving.contains(region);
    let replicas = asset.replicas.iter().filter(|r| away(&r.replica.region)).map(|_| Dur::ZERO);
    replicas.chain(asset.copies.iter().filter_map(|c| c.on.due.map(|(every, _)| every))).min()
}

fn states(facts: &Facts, rpo: &RpoView, state: &mut State, reasons: &mut Vec<(State, Reason)>) {
    let mut add = |s: State, reason: Reason| {
        *state = (*state).max(s);
        reasons.push((s, reason));
    };
    if facts.workload.home.is_none() && facts.serving.is_empty() {
        add(State::Unknown, Reason::NoHome);
    }
    if let Some(detail) = &facts.home_unseen {
        add(State::Unknown, Reason::HomeUnseen { detail: detail.clone() });
    }
    if facts.workload.health.is_empty() {
        add(State::Unknown, Reason::NoHealthProbe);
    }
    for (view, reason) in &facts.health {
        if let Some(reason) = reason.as_ref().filter(|_| serves(facts, view.region.as_ref())) {
            add(view.state, reason.clone());
        }
    }
    match (rpo.ratio, rpo.actual.upper, rpo.target) {
        (Some(ratio), Some(actual), Some(target)) if ratio > 1.0 => {
            add(State::Critical, Reason::RpoExceeded { actual, target });
        }
        (Some(ratio), Some(actual), Some(target)) if ratio > 0.8 => {
            add(State::Warning, Reason::RpoNear { actual, target });
        }
        // A target of zero is met only by what is seen to lose nothing.
        (None, Some(actual), Some(target)) if actual > target => {
            add(State::Critical, Reason::RpoExceeded { actual, target });
        }
        _ => {}
    }
    for asset in facts.assets.iter().filter(|a| a.asset.required && a.asset.rebuild.is_none()) {
        assets(asset, rpo, &mut add);
    }
}

fn assets(asset: &AssetFacts, rpo: &RpoView, add: &mut impl FnMut(State, Reason)) {
    let id = &asset.asset.id;
    let usable = asset.copies.iter().any(|c| c.received.is_some());
    let unseen = asset.copies.iter().any(|c| c.seen.is_none());
    let only_replicas = asset.copies.is_empty() && !asset.replicas.is_empty();
    if !usable && !unseen && !only_replicas {
        add(State::Critical, Reason::NoUsablePoint { asset: id.clone() });
    }
    if rpo.actual.upper.is_none() {
        add(State::Unknown, Reason::RpoUnknown { asset: id.clone() });
    }
    for replica in &asset.replicas {
        if let Some(reason) = &replica.reason {
            add(replica.state, reason.clone());
        }
    }
    for copy in &asset.copies {
        for reason in copy.reasons.iter().filter(|r| !matches!(r, Reason::NoUsablePoint { .. })) {
            let state = match reason {
                Reason::CopyUnreachable { .. } => State::Unknown,
                _ => State::Warning,
            };
            add(state, reason.clone());
        }
        if copy.seen.is_some() && copy.received.is_none() && usable {
            add(
                State::Warning,
                Reason::CopyNote {
                    asset: id.clone(),
                    store: copy.on.store.clone(),
                    detail: "this copy has no usable point".to_owned(),
                },
            );
        }
    }
}

fn design(
    facts: &Facts,
    rpo: &RpoView,
    findings: &mut Vec<Finding>,
    state: &mut State,
    reasons: &mut Vec<(State, Reason)>,
) {
    let Some((design, target)) = rpo.design.zip(rpo.target).filter(|(d, t)| d > t) else { return };
    let reason = Reason::DesignRpo { design, target };
    *state = (*state).max(State::Warning);
    findings.push(Finding {
        rule: "design-rpo".to_owned(),
        severity: State::Warning,
        subject: facts.workload.id.to_string(),
        message: reason.to_string(),
        observed: Some(design.to_string()),
        expected: Some(format!("at most {target}")),
        clause: None,
    });
    reasons.push((State::Warning, reason));
}

fn moved(facts: &Facts, findings: &mut Vec<Finding>, state: &mut State) {
    let Some((seen, declared)) = &facts.moved else { return };
    *state = (*state).max(State::Warning);
    findings.push(Finding {
        rule: "home-differs".to_owned(),
        severity: State::Critical,
        subject: facts.workload.id.to_string(),
        message: format!("it is seen to serve from {seen}, while {declared} is declared as its home"),
        observed: Some(seen.to_string()),
        expected: Some(declared.to_string()),
        clause: None,
    });
}

fn asset_view(asset: &AssetFacts, judged: &Judged, lost: &Lost) -> AssetView {
    let usable = asset.copies.iter().filter_map(CopyFacts::last_good);
    AssetView {
        id: asset.asset.id.clone(),
        layer: asset.asset.layer,
        required: asset.asset.required,
        last_good: usable.max_by_key(|p| p.at).cloned(),
        last_proven: None,
        loss: super::judge::loss_of(judged, &asset.asset.id)
            .unwrap_or(Loss { lower: Dur::ZERO, upper: None }),
        copies: asset.copies.iter().enumerate().map(|(n, c)| copy_view(n, c, lost)).collect(),
        replicas: asset.replicas.iter().enumerate().map(|(n, r)| replica_view(n, r, lost)).collect(),
    }
}

fn copy_view(index: usize, copy: &CopyFacts, lost: &Lost) -> CopyView {
    CopyView {
        index,
        store: copy.on.store.clone(),
        region: copy.on.region.clone(),
        format: copy.on.format.clone(),
        state: copy.state,
        reason: copy.reasons.first().map(ToString::to_string),
        freshness: copy.freshness,
        observed_at: copy.observed_at(),
        summary: copy.seen.map(|s| Arc::clone(&s.value)),
        survives: !lost.store(copy.on.place),
    }
}

fn replica_view(index: usize, replica: &ReplicaFacts, lost: &Lost) -> ReplicaView {
    ReplicaView {
        index,
        region: replica.replica.region.clone(),
        state: replica.state,
        reason: replica.reason.as_ref().map(ToString::to_string),
        freshness: replica.freshness,
        lag: replica.lag,
        received: replica.received.map(Received::through),
        observed_at: replica.observed_at,
        survives: !lost.region(&replica.replica.region),
    }
}
