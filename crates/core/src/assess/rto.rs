//! How long recovery would take: detection, decision, the steps' critical
//! path, and waiting for traffic to move.

use super::plan::{self, Plan, PlanStep};
use super::{Cx, RtoBasis, simulate};
use crate::model::*;

/// By default that nothing is known.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Estimate {
    pub whole: Option<Dur>,
    pub p90: Option<Dur>,
    pub basis: RtoBasis,
}

/// What a recovery takes besides its steps, and how fast it reads.
#[derive(Default)]
pub(crate) struct Recovery<'x> {
    pub region: Option<&'x RegionId>,
    /// It serves there already: without a runbook, only traffic has to move.
    pub serves: bool,
    /// What is made anew, alongside the steps; the inner `None` is unknown.
    pub rebuild: Option<Option<Dur>>,
    /// What must be had back before the first step; the same.
    pub retrieval: Option<Option<Dur>>,
    pub traffic: Dur,
    /// `WORKLOAD/ASSET` with how long its restore takes at the measured rate.
    pub restores: Vec<(String, Dur)>,
}

/// Detection and decision: made once for all.
pub(crate) fn overhead(estate: &Estate) -> Option<Dur> {
    let defaults = &estate.defaults;
    defaults.decide.map(|decide| defaults.detect.unwrap_or(defaults.poll.times(2)) + decide)
}

/// `None` where any part is not known: an estimate that leaves one out would be
/// small, not careful.
pub(crate) fn estimate(cx: &Cx, plan: Option<&Plan>, recovery: &Recovery) -> Estimate {
    let steps = match plan {
        Some(plan) => steps(cx, plan, recovery),
        None if recovery.serves => Estimate { whole: Some(Dur::ZERO), p90: None, basis: RtoBasis::Declared },
        None => return Estimate::default(),
    };
    let add = |steps: Option<Dur>| {
        let beside = recovery.rebuild.unwrap_or(Some(Dur::ZERO))?;
        let before = recovery.retrieval.unwrap_or(Some(Dur::ZERO))?;
        Some(overhead(cx.estate)? + before + steps?.max(beside) + recovery.traffic)
    };
    let whole = add(steps.whole);
    // What is declared and long enough to count makes all of it declared.
    let longer = recovery.rebuild.flatten() > steps.whole || recovery.retrieval.is_some();
    let basis = match whole {
        None => RtoBasis::Unknown,
        Some(_) if longer => RtoBasis::Declared,
        Some(_) => steps.basis,
    };
    Estimate { whole, p90: add(steps.p90).filter(|_| steps.p90.is_some()), basis }
}

/// Of the runbook's steps alone.
fn steps(cx: &Cx, plan: &Plan, recovery: &Recovery) -> Estimate {
    let timings = &cx.observations.learned.timings;
    if timings.steps.is_empty() && recovery.restores.is_empty() {
        let basis = plan.path.map_or(RtoBasis::Unknown, |_| RtoBasis::Declared);
        return Estimate { whole: plan.path, p90: None, basis };
    }
    // Steps that go in a circle are refused at loading, and take no known time.
    if plan.steps.is_empty() && plan.path.is_none() {
        return Estimate::default();
    }
    let drilled = drilled(cx, plan, recovery.region);
    let times: Vec<_> = plan.steps.iter().map(|step| time(step, &drilled, recovery)).collect();
    let Some(times) = times.into_iter().collect::<Option<Vec<_>>>() else { return Estimate::default() };
    let (whole, basis) = longest(&plan.steps, &times);
    let p90 = drilled.iter().any(|(_, all)| all.len() > 1).then(|| {
        let seed = cx.estate.runbooks[plan.place].id.as_str();
        simulate::p90(seed, |draw| {
            plan::path(&plan.steps, |step| {
                let samples = samples(&drilled, &step.id);
                let place = plan.steps.iter().position(|s| s.id == step.id)?;
                Some(if samples.is_empty() { times[place].0 } else { samples[draw(samples.len())] })
            })
        })
    });
    Estimate { whole: Some(whole), p90: p90.flatten(), basis }
}

type Drilled<'x> = Vec<(&'x StepId, Vec<Dur>)>;

/// How long each step took when this version of the runbook was run into this
/// region, in rising order.
fn drilled<'x>(cx: &Cx<'x>, plan: &Plan, region: Option<&RegionId>) -> Drilled<'x> {
    let runbook = &cx.estate.runbooks[plan.place];
    let timings = cx.observations.learned.timings.steps.get(&runbook.id);
    let (Some(timings), Some(region)) = (timings, region) else { return Vec::new() };
    let version = plan.version(runbook);
    let mut all: Drilled = Vec::new();
    for t in timings.iter().filter(|t| t.version == version && t.into == *region) {
        match all.iter_mut().find(|(id, _)| **id == t.step) {
            Some((_, took)) => took.push(t.took),
            None => all.push((&t.step, vec![t.took])),
        }
    }
    all.iter_mut().for_each(|(_, took)| took.sort_unstable());
    all
}

fn samples<'d>(drilled: &'d Drilled, step: &StepId) -> &'d [Dur] {
    drilled.iter().find(|(id, _)| *id == step).map_or(&[], |(_, took)| took)
}

/// As drilled: the middle one, and of two the longer; else as measured, else as
/// declared.
fn time(step: &PlanStep, drilled: &Drilled, recovery: &Recovery) -> Option<(Dur, RtoBasis)> {
    let took = samples(drilled, &step.id);
    if let Some(middle) = took.get(took.len() / 2) {
        return Some((*middle, RtoBasis::Drilled));
    }
    let restored = recovery.restores.iter().find(|(asset, _)| step.restores.as_deref() == Some(asset));
    let (takes, basis) = match restored {
        Some((_, measured)) => (Some(*measured), RtoBasis::Measured),
        None => (step.takes, RtoBasis::Declared),
    };
    takes.zip(step.waits).map(|(takes, waits)| (takes + waits, basis))
}

/// The longest way, and the weakest basis on it.
fn longest(steps: &[PlanStep], times: &[(Dur, RtoBasis)]) -> (Dur, RtoBasis) {
    let mut ends: Vec<(Dur, RtoBasis)> = Vec::with_capacity(steps.len());
    for (step, (takes, basis)) in steps.iter().zip(times) {
        let before = step.needs.iter().map(|n| ends[*n]).max().unwrap_or((Dur::ZERO, RtoBasis::Drilled));
        ends.push((before.0 + *takes, before.1.max(*basis)));
    }
    ends.into_iter().max().unwrap_or((Dur::ZERO, RtoBasis::Declared))
}
