//! One workload: where it is, how it is, and what its loss would be now.

use std::sync::Arc;

use smallvec::SmallVec;

use super::asset::{self, AssetFacts, CopyAt, Received, ReplicaFacts, WritesEnd};
use super::domains::{Lost, Modes};
use super::home::{self, Moved};
use super::region::{HealthSeen, health, of_workload, said};
use super::{
    AssetView, CopyState, CopyViews, Cx, Finding, HealthView, Judged, Loss, Reason, ReplicaView, RpoView,
    RtoBasis, RtoView, Side, State, WorkloadView, findings, rto,
};
use crate::model::*;

/// What holds under every scenario.
pub(crate) struct Facts<'a> {
    pub workload: &'a Workload,
    /// In the estate.
    pub place: usize,
    /// Its place were the workloads sorted by their ids.
    pub rank: usize,
    /// Seen to serve, else where a run left it, else declared.
    pub home: Option<RegionId>,
    /// Where that and the declaration disagree.
    pub moved: Option<Moved>,
    /// Why where it serves is a guess, if it is one.
    pub home_unseen: Option<String>,
    /// The home, or all regions that take writes.
    pub serving: Vec<RegionId>,
    /// Where those regions stand among all that may be lost, and its account.
    pub serving_at: SmallVec<[Option<usize>; 2]>,
    pub account_at: Option<usize>,
    /// It serves from more than one region, and is not meant to.
    pub two_writers: bool,
    pub health: Vec<HealthView>,
    /// What is wrong with those of these with which something is, by place.
    pub ailing: Vec<(usize, Reason)>,
    /// When the home was last seen to serve.
    pub last_served: Option<Time>,
    /// When it began to be seen not to: it may have written until then.
    pub failing_since: Option<Time>,
    pub assets: Vec<AssetFacts<'a>>,
    pub rpo: Option<Dur>,
    pub rto: Option<Dur>,
    pub rto_estimate: (Option<Dur>, RtoBasis),
}

impl Facts<'_> {
    /// Whether it serves from this region and no other.
    pub fn serving_only(&self, region: &RegionId) -> bool {
        matches!(&self.serving[..], [only] if only == region)
    }
}

/// `place`: of the workload in the estate.
pub(crate) fn facts<'a>(cx: &Cx<'a>, place: usize) -> Facts<'a> {
    let workload = &cx.estate.workloads[place];
    let of = cx.seen.workload(place);
    let home = home::of(cx, workload, of);
    let on = cx.ground.at(place);
    let (rpo, rto) = on.objective;
    let plan = on.failovers.first().map(|n| &cx.ground.plans[*n]);
    let without = rto::Recovery { rebuild: on.rebuild, traffic: on.traffic, ..rto::Recovery::default() };
    let estimate = rto::estimate(cx, plan, &without);
    let mut facts = Facts {
        workload,
        place,
        home: home.region,
        moved: home.moved,
        serving_at: home.serving.iter().map(|r| cx.ground.region(r)).collect(),
        account_at: workload.account.as_ref().and_then(|a| cx.ground.places.account(a.as_str())),
        serving: home.serving,
        two_writers: home.two_writers,
        health: Vec::with_capacity(workload.health.len()),
        ailing: Vec::new(),
        home_unseen: home.unseen,
        last_served: None,
        failing_since: None,
        assets: on.assets.iter().map(|on| asset::facts(cx, on)).collect(),
        rpo,
        rto,
        rto_estimate: (estimate.whole, estimate.basis),
        rank: on.rank,
    };
    for (index, declared) in workload.health.iter().enumerate() {
        let observed = of_workload(of, index);
        let seen = health(cx, observed, declared.region.as_ref());
        if serves(&facts, declared.region.as_ref()) {
            facts.last_served = facts.last_served.max(seen.at);
            facts.failing_since = facts.failing_since.max(observed.and_then(|o| o.failing_since()));
        }
        facts.health.push(health_view(observed, declared, &seen));
        facts.ailing.extend(seen.reason.map(|reason| (index, reason)));
    }
    facts
}

/// A probe without a region speaks for wherever the workload serves.
fn serves(facts: &Facts, region: Option<&RegionId>) -> bool {
    region.is_none_or(|r| facts.serving.contains(r))
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
    let declared = || facts.serving.iter().any(|r| cx.lost.region(r).has(Modes::GONE));
    let known_dead = cx.scenario.impact_began.filter(|_| declared());
    let hi = match known_dead {
        Some(began) => {
            let seen = [facts.last_served, facts.failing_since, asset.last_write];
            seen.into_iter().flatten().fold(began, Time::max).timestamp_millis()
        }
        None => cx.now_ms,
    };
    let lo = asset.last_write.map(|at| at.timestamp_millis());
    WritesEnd { lo, hi, ended: known_dead.is_some() }
}

/// `facts` gives its health away.
pub(crate) fn view(
    cx: &Cx,
    facts: &mut Facts,
    (if_home_lost, sides): (Arc<Judged>, Vec<Side>),
    verdict: Option<Arc<Judged>>,
    lost: &Lost,
    findings: &mut Vec<Finding>,
) -> WorkloadView {
    let health = std::mem::take(&mut facts.health);
    let facts = &*facts;
    let rpo = rpo(cx, facts, &if_home_lost);
    let mut state = State::Ok;
    let mut reasons = Vec::new();
    // Something that is not seen now may still meet it.
    let met = if_home_lost.at_best.zip(rpo.target).is_some_and(|(loss, target)| loss <= target);
    let exceeded = if met && rpo.target > Some(Dur::ZERO) { State::Unknown } else { State::Critical };
    states(facts, &health, &rpo, exceeded, &mut state, &mut reasons);
    findings::of_workload(facts, &rpo, &if_home_lost, findings, &mut |s, reason| {
        state = state.max(s);
        reasons.extend(reason.map(|r| (s, r)));
    });
    reasons.sort_by_key(|(s, _)| std::cmp::Reverse(*s));
    let oldest = oldest(facts, &health);
    let (estimate, basis) = match if_home_lost.rto {
        Some(rto) => (Some(rto), if_home_lost.rto_basis),
        None => facts.rto_estimate,
    };
    WorkloadView {
        id: facts.workload.id.clone(),
        tier: facts.workload.tier,
        state,
        reasons: reasons.into_iter().map(|(_, r)| r).collect(),
        home: facts.home.clone(),
        rpo,
        rto: RtoView { target: facts.rto, estimate, p90: if_home_lost.p90, basis },
        assets: facts.assets.iter().map(|a| asset_view(cx, a, &if_home_lost, lost)).collect(),
        health,
        if_home_lost,
        verdict,
        sides,
        oldest,
    }
}

/// When the oldest figure used was seen; `None` where one never was.
fn oldest(facts: &Facts, health: &[HealthView]) -> Option<Time> {
    let mut oldest: Option<Time> = None;
    let mut seen = |at: Time| oldest = Some(oldest.map_or(at, |before| before.min(at)));
    for asset in &facts.assets {
        if asset.tally.seen < asset.copies().len() {
            return None;
        }
        let first = asset.tally.oldest.and_then(|index| asset.copy(index));
        first.and_then(CopyAt::observed_at).into_iter().for_each(&mut seen);
        for replica in &asset.replicas {
            seen(replica.observed_at?);
        }
    }
    for probe in health {
        seen(probe.observed_at?);
    }
    oldest
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
    let away = |region: &RegionId| !facts.serving.contains(region) || facts.serving.len() > 1;
    let replicas = asset.replicas.iter().filter(|r| away(&r.replica.region)).map(|_| Dur::ZERO);
    if let Some(none) = replicas.min() {
        return Some(none);
    }
    let copies = asset.copies().filter(|c| c.on().region.as_ref().is_none_or(away));
    copies.filter_map(CopyAt::interval).min()
}

/// `exceeded`: what an RPO that is exceeded comes to.
fn states(
    facts: &Facts,
    health: &[HealthView],
    rpo: &RpoView,
    exceeded: State,
    state: &mut State,
    reasons: &mut Vec<(State, Reason)>,
) {
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
    if facts.two_writers {
        add(State::Critical, Reason::TwoWriters { regions: facts.serving.clone() });
    }
    if facts.workload.health.is_empty() {
        add(State::Unknown, Reason::NoHealthProbe);
    }
    for (index, reason) in &facts.ailing {
        let view = &health[*index];
        if serves(facts, view.region.as_ref()) {
            add(view.state, reason.clone());
        }
    }
    match (rpo.ratio, rpo.actual.upper, rpo.target) {
        (Some(ratio), Some(actual), Some(target)) if ratio > 1.0 => {
            add(exceeded, Reason::RpoExceeded { actual, target });
        }
        (Some(ratio), Some(actual), Some(target)) if ratio > 0.8 => {
            add(State::Warning, Reason::RpoNear { actual, target });
        }
        // A target of zero is met only by what is seen to lose nothing.
        (None, Some(actual), Some(target)) if actual > target => {
            add(exceeded, Reason::RpoExceeded { actual, target });
        }
        _ => {}
    }
    for asset in facts.assets.iter().filter(|a| a.asset.required && a.asset.rebuild.is_none()) {
        assets(facts, asset, rpo, &mut add);
    }
}

fn assets(facts: &Facts, asset: &AssetFacts, rpo: &RpoView, add: &mut impl FnMut(State, Reason)) {
    let id = &asset.asset.id;
    let tally = &asset.tally;
    let (usable, unseen) = (tally.usable > 0, tally.seen < asset.copies().len());
    let only_replicas = asset.copies().len() == 0 && !asset.replicas.is_empty();
    if !usable && !unseen && !only_replicas {
        add(State::Critical, Reason::NoUsablePoint { asset: id.clone() });
    }
    if rpo.actual.upper.is_none() {
        add(State::Unknown, Reason::RpoUnknown { asset: id.clone() });
    }
    // Where it serves alone, what is declared as a replica is the original.
    for replica in asset.replicas.iter().filter(|r| !facts.serving_only(&r.replica.region)) {
        if let Some(reason) = &replica.reason {
            add(replica.state, reason.clone());
        }
    }
    for (_, reason) in asset.reasons().iter().filter(|(_, r)| !matches!(r, Reason::NoUsablePoint { .. })) {
        let state = match reason {
            Reason::CopyUnreachable { .. } => State::Unknown,
            _ => State::Warning,
        };
        add(state, reason.clone());
    }
    let some_not = usable && tally.usable < tally.seen;
    for copy in asset.copies().filter(|c| some_not && c.is_seen && !c.is_usable) {
        add(
            State::Warning,
            Reason::CopyNote {
                asset: id.clone(),
                store: copy.store_id().clone(),
                detail: "this copy has no usable point".to_owned(),
            },
        );
    }
}

fn asset_view(cx: &Cx, asset: &AssetFacts, judged: &Judged, lost: &Lost) -> AssetView {
    AssetView {
        id: asset.asset.id.clone(),
        layer: asset.asset.layer,
        required: asset.asset.required,
        last_proven: last_proven(cx, asset),
        loss: super::recovered::loss_of(judged, &asset.asset.id)
            .unwrap_or(Loss { lower: Dur::ZERO, upper: None }),
        copies: copy_views(asset, lost),
        replicas: asset.replicas.iter().enumerate().map(|(n, r)| replica_view(n, r, lost)).collect(),
    }
}

/// The newest point with a proof that holds, up to the instant it was restored
/// to: no more of its window is proven.
fn last_proven(cx: &Cx, asset: &AssetFacts) -> Option<PointRef> {
    let proofs = &cx.observations.learned.proofs;
    if proofs.is_empty() {
        return None;
    }
    let of_copy = |copy: CopyAt| {
        let (workload, asset, index) = (asset.owner.id.clone(), asset.asset.id.clone(), copy.index);
        let proofs = proofs.get(&CopyKey { workload, asset, index })?.iter().filter(|p| p.holds(cx.now));
        let summary = copy.seen().map(|s| &s.value);
        // Of a long history not every point is kept in mind.
        let there = |p: &&Proof| {
            summary.is_none_or(|s| s.kept.len() < s.points || s.kept.iter().any(|k| k.id == p.point))
        };
        let newest = proofs.filter(there).max_by_key(|p| (p.instant, p.at))?;
        let size = summary.and_then(|s| s.kept.iter().find(|k| k.id == newest.point)?.size_bytes);
        Some(PointRef { id: newest.point.clone(), at: newest.instant, size_bytes: size })
    };
    asset.copies().filter_map(of_copy).max_by_key(|p| p.at)
}

fn copy_views(asset: &AssetFacts, lost: &Lost) -> CopyViews {
    let state = |copy: CopyAt| CopyState {
        state: copy.state,
        freshness: copy.freshness,
        survives: !lost.takes(copy.store),
    };
    let mut reasons: Vec<(usize, Box<str>)> = Vec::new();
    for (index, reason) in asset.reasons() {
        if reasons.last().is_none_or(|(last, _)| last != index) {
            reasons.push((*index, reason.to_string().into()));
        }
    }
    CopyViews {
        on: asset.on.on.clone(),
        seen: asset.seen().cloned(),
        states: asset.copies().map(state).collect(),
        reasons,
        newest: asset.tally.newest,
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
        survives: !lost.region(&replica.replica.region).stops(),
    }
}
