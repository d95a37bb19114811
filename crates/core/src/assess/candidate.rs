//! One target region for one workload: whether it can be reached and can serve,
//! and what a recovery into it would cost.

use std::sync::Arc;

use smallvec::SmallVec;

use super::bench::Bench;
use super::domains::{Lost, Modes};
use super::plan::Plan;
use super::rto::{self, Estimate, Recovery};
use super::sources::home;
use super::workload::Facts;
use super::{Assumption, Judged, Reason, State, Verdict, recovered};
use crate::model::*;

/// Where a workload could be recovered into.
#[derive(Clone, Copy)]
pub(crate) struct Target<'j> {
    pub region: &'j RegionId,
    pub account: Option<&'j AccountId>,
    /// Its place among the standbys, and what it has to have room for.
    pub capacity: Option<(usize, &'j Capacity)>,
}

/// What the scenario asks of a workload.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Objectives {
    pub rpo: Option<Dur>,
    pub rto: Option<Dur>,
}

impl<'j> Target<'j> {
    /// Standbys first; then regions that serve it or did.
    pub fn all(facts: &'j Facts, lost: &Lost) -> SmallVec<[Target<'j>; 4]> {
        let w = facts.workload;
        let own = w.account.as_ref();
        let standby = |(n, s): (usize, &'j Standby)| Target {
            region: &s.region,
            account: s.account.as_ref().or(own),
            capacity: s.capacity.as_ref().map(|c| (n, c)),
        };
        let mut all = SmallVec::new();
        w.standbys.iter().enumerate().map(standby).for_each(|target| all.push(target));
        let others = w.active.iter().map(|a| &a.region).chain(&facts.serving).chain(&w.home);
        // What serves it now and goes with the loss is no target that failed.
        let stays = |r: &&RegionId| {
            if !facts.serving.contains(r) {
                return true;
            }
            let hit = lost.region(r).and(lost.account(own));
            let out = Modes::GONE.and(Modes::COMPROMISED);
            // What serves beside others runs on in a region that is impaired.
            !hit.has(if facts.serving.len() > 1 { out } else { out.and(Modes::IMPAIRED) })
        };
        for region in others.filter(stays) {
            all.push(Target { region, account: own, capacity: None });
        }
        all
    }

    /// Why the scenario rules it out, if it does. `serves`: what runs there
    /// already runs on in a region where nothing new can be started.
    fn hit(&self, lost: &Lost, serves: bool) -> Option<Reason> {
        let region = self.region.clone();
        let bars = |modes: Modes| {
            let out = Modes::GONE.and(Modes::COMPROMISED);
            modes.has(if serves { out } else { out.and(Modes::IMPAIRED) })
        };
        let (own, account) = (lost.region(self.region), lost.account(self.account));
        if own.has(Modes::GONE) {
            return Some(Reason::TargetLost { region });
        }
        if bars(own) {
            return own.worst().map(|mode| Reason::TargetHit { region, account: None, mode });
        }
        let mode = account.worst().filter(|_| bars(account))?;
        Some(Reason::TargetHit { region, account: self.account.cloned(), mode })
    }
}

/// Whether it is brought back where it is.
fn in_place(facts: &Facts, region: &RegionId) -> bool {
    facts.serving_only(region)
}

/// The runbook that would be followed, if one is declared.
pub(crate) fn plan<'j>(
    bench: &Bench<'j, '_>,
    facts: &Facts,
    lost: &Lost,
    region: Option<&RegionId>,
) -> Option<&'j Plan> {
    let ground = bench.cx.ground.at(facts.place);
    let of_kind = match region {
        Some(region) if in_place(facts, region) => &ground.restores,
        _ => &ground.failovers,
    };
    let runbook = |n: &usize| &bench.cx.estate.runbooks[*n];
    let only = of_kind.first().filter(|n| of_kind.len() == 1 && runbook(n).against.is_empty());
    if let Some(only) = only {
        return Some(&bench.cx.ground.plans[*only]);
    }
    let against = bench.against(facts, lost);
    let fit = |n: &&usize| fits(runbook(n), &against);
    // Of equals the first, which is the one that the workload names.
    let best = of_kind.iter().rev().filter(|n| fit(n).is_some()).max_by_key(fit);
    best.map(|n| &bench.cx.ground.plans[*n])
}

/// How closely a runbook is meant for this: by kind and mode, by kind, by mode,
/// for anything; `None` where it is meant for something else.
fn fits(runbook: &Runbook, against: &[(DomainKind, LossMode)]) -> Option<u8> {
    if runbook.against.is_empty() {
        return Some(0);
    }
    let of = |(kind, mode): &(DomainKind, LossMode)| {
        let (kind, mode) = (kind.as_str(), mode.as_str());
        let names = [mode.to_owned(), kind.to_owned(), format!("{kind}={mode}")];
        let named = names.iter().zip(1u8..).filter(|(name, _)| runbook.against.contains(name));
        named.map(|(_, rank)| rank).max()
    };
    against.iter().filter_map(of).max()
}

/// The first thing that a runbook relies on and that the scenario takes.
fn relies(bench: &Bench, plan: &Plan, lost: &Lost) -> Option<Reason> {
    let runbook = &bench.cx.estate.runbooks[plan.place];
    let (step, on) = plan.relies.iter().find(|(_, on)| bench.taken(on, lost))?;
    let step = step.and_then(|n| runbook.steps.get(n)).map(|s| s.id.clone());
    Some(Reason::RunbookRelies { runbook: runbook.id.clone(), step, on: on.clone() })
}

pub(crate) fn judge<'a>(
    bench: &Bench<'_, 'a>,
    facts: &Facts<'a>,
    lost: &Lost,
    target: Target,
    objectives: Objectives,
) -> Result<Arc<Judged>, Reason> {
    let region = target.region;
    let serves = facts.serving.len() > 1 && facts.serving.contains(region);
    if let Some(reason) = target.hit(lost, serves) {
        return Err(reason);
    }
    // Large, and handed on many times.
    let mut shared =
        Arc::new(Judged { verdict: Verdict::Recoverable, to: Some(region.clone()), ..Judged::default() });
    let judged = Arc::make_mut(&mut shared);
    reachable(bench, facts, region, judged)?;
    capacity(bench, facts, lost, target, judged)?;
    let plan = plan(bench, facts, lost, Some(region));
    if let Some(plan) = plan {
        if let Some(reason) = relies(bench, plan, lost) {
            return Err(reason);
        }
        let runbook = bench.cx.estate.runbooks[plan.place].id.clone();
        if plan.relies.is_empty() {
            judged.assumptions.push(Assumption::ReliesOnNothing { runbook: runbook.clone() });
        }
        judged.runbook = Some(runbook);
    }
    let live = in_place(facts, region) && home(facts, lost).is_none();
    let ground = bench.cx.ground.at(facts.place);
    let mut recovery = Recovery {
        region: Some(region),
        serves,
        rebuild: ground.rebuild,
        traffic: ground.traffic,
        ..Recovery::default()
    };
    // How much longer it may take, before it is known what must be retrieved.
    let room = objectives.rto.map(|rto| {
        let without = rto::estimate(bench.cx, plan, &recovery).whole;
        without.map_or(Dur::millis(-1), |takes| rto - takes)
    });
    let found = recovered::assets(
        bench,
        facts,
        lost,
        recovered::Into {
            region: Some(region),
            live,
            rpo: objectives.rpo,
            room,
            plan: plan.map(|p| p.place),
        },
        judged,
    );
    recovery.retrieval = found.retrieval;
    recovery.restores = found.restores;
    held(bench, facts, region, objectives, rto::estimate(bench.cx, plan, &recovery), judged);
    Ok(shared)
}

/// Whether the region serves, as far as can be seen.
fn reachable(bench: &Bench, facts: &Facts, region: &RegionId, judged: &mut Judged) -> Result<(), Reason> {
    let view = bench.region(region);
    // Brought back where it is, that it does not serve is why.
    let own = facts.health.iter().filter(|h| h.region.as_ref() == Some(region));
    let own = own.filter(|_| !in_place(facts, region));
    if let Some(down) = own.clone().find(|h| h.state == State::Critical) {
        return Err(Reason::RegionDown { region: region.clone(), detail: down.detail.clone() });
    }
    if let Some(view) = view.filter(|v| v.state == State::Critical) {
        let down = |r: &&Reason| matches!(r, Reason::RegionDown { .. });
        let reason = view.reasons.iter().find(down).cloned();
        return Err(reason.unwrap_or(Reason::TargetLost { region: region.clone() }));
    }
    match view {
        Some(view) if view.reasons.iter().any(|r| matches!(r, Reason::RegionNotWatched { .. })) => {
            judged.assumptions.push(Assumption::RegionWorks { region: region.clone() });
        }
        Some(view) if view.state == State::Ok => {}
        _ => worsen(judged, Verdict::Unknown, Reason::RegionUnseen { region: region.clone() }),
    }
    if own.clone().any(|h| h.state == State::Unknown) {
        worsen(judged, Verdict::Unknown, Reason::HealthUnseen { region: Some(region.clone()) });
    }
    Ok(())
}

/// Whether there is room for it.
fn capacity(
    bench: &Bench,
    facts: &Facts,
    lost: &Lost,
    target: Target,
    judged: &mut Judged,
) -> Result<(), Reason> {
    let region = || target.region.clone();
    if facts.workload.active.iter().any(|a| a.region == *target.region) && !in_place(facts, target.region) {
        shares(bench, facts, lost, judged);
    }
    let Some((index, declared)) = target.capacity else { return Ok(()) };
    let wanted = |key: &ProbeKey| matches!(key, ProbeKey::Capacity { index: n, .. } if *n == index);
    let observed = bench.cx.seen.workload(facts.place).probe(wanted).map(|o| bench.cx.look(o));
    let seen = observed.as_ref().and_then(|o| o.seen).map(|s| &s.value);
    let current = observed.as_ref().is_some_and(|o| o.freshness.is_current());
    let have = seen.and_then(|r| r.value);
    match (have, declared.need) {
        (Some(have), Some(need)) if need > 0.0 && have <= 0.0 => {
            return Err(Reason::NoCapacity { region: region() });
        }
        (Some(have), Some(need)) if have < need => {
            worsen(judged, Verdict::Breach, Reason::CapacityShort { region: region(), have, need });
        }
        (None, Some(_)) => worsen(judged, Verdict::Unknown, Reason::CapacityUnseen { region: region() }),
        // Without a need the answer itself has to hold.
        (_, None) if seen.is_some_and(|r| !r.holds) => {
            return Err(Reason::NoCapacity { region: region() });
        }
        _ => {}
    }
    if !current {
        worsen(judged, Verdict::Unknown, Reason::CapacityUnseen { region: region() });
    }
    Ok(())
}

/// A share is the part of the whole that a region can carry.
fn shares(bench: &Bench, facts: &Facts, lost: &Lost, judged: &mut Judged) {
    let own = lost.account(facts.workload.account.as_ref());
    let stands = |a: &&Active| {
        let up = bench.region(&a.region).is_none_or(|v| v.state != State::Critical);
        up && !lost.region(&a.region).and(own).stops()
    };
    let left: Option<f64> = facts.workload.active.iter().filter(stands).map(|a| a.share).sum();
    match left {
        None => judged.assumptions.push(Assumption::Shares),
        // Parts that are written with two digits add up to nearly one.
        Some(have) if have < 0.995 => worsen(judged, Verdict::Breach, Reason::SharesShort { have }),
        Some(_) => {}
    }
}

pub(crate) fn worsen(judged: &mut Judged, verdict: Verdict, reason: Reason) {
    judged.verdict = judged.verdict.max(verdict);
    judged.reasons.push(reason);
}

/// Holds a candidate against RTO and residency; RPO is held per asset.
fn held(
    bench: &Bench,
    facts: &Facts,
    region: &RegionId,
    objectives: Objectives,
    estimate: Estimate,
    judged: &mut Judged,
) {
    let residency = &facts.workload.residency;
    let inside = |r: &Region| r.jurisdiction.iter().any(|j| residency.contains(j));
    if !residency.is_empty() && !bench.cx.region(region).is_some_and(inside) {
        worsen(judged, Verdict::Breach, Reason::OutsideResidency { region: region.clone() });
    }
    judged.rto = estimate.whole;
    judged.rto_basis = estimate.basis;
    judged.p90 = estimate.p90;
    hold_rto(objectives.rto, judged);
    if objectives.rpo.is_none() {
        judged.assumptions.push(Assumption::AnyLoss);
    }
}

/// Holds the time against the objective.
pub(crate) fn hold_rto(target: Option<Dur>, judged: &mut Judged) {
    match (judged.rto, target) {
        (Some(estimate), Some(target)) if estimate > target => {
            worsen(judged, Verdict::Breach, Reason::RtoExceeded { estimate, target });
        }
        (None, Some(_)) => worsen(judged, Verdict::Unknown, Reason::RtoUnknown),
        _ => {}
    }
}
