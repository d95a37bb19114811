//! The state of a region, from its own probes, else from what serves there.

use super::domains::Lost;
use super::{Cx, Reason, RegionView, State};
use crate::model::*;

/// Failures in a row after which a thing counts as down.
pub(crate) const DOWN_AFTER: u32 = 2;

pub(crate) fn view(cx: &Cx, region: &Region, lost: &Lost) -> RegionView {
    let own: Vec<_> = (0..region.health.len()).map(|index| cx.seen.region(&region.id, index)).collect();
    let mut view = RegionView {
        id: region.id.clone(),
        state: State::Unknown,
        lost: lost.region(&region.id),
        observed_at: None,
        reasons: Vec::new(),
    };
    // One workload down is not a region down: borrowed probes speak for the
    // region only in its favour, or all together against it.
    let (seen, borrowed) = if own.is_empty() { (served_there(cx, region), true) } else { (own, false) };
    let judged: Vec<_> = seen.into_iter().map(|seen| health(cx, seen, Some(&region.id))).collect();
    let states = judged.iter().map(|(state, ..)| *state);
    let Some(state) = (if borrowed { states.min() } else { states.max() }) else {
        view.reasons.push(Reason::RegionNotWatched { region: region.id.clone() });
        return view;
    };
    view.state = state;
    view.observed_at = judged.iter().map(|(_, _, at)| *at).min().flatten();
    let reasons = judged.into_iter().filter(|(s, ..)| *s == state).filter_map(|(_, reason, _)| reason);
    view.reasons = reasons.map(|r| as_region(r, &region.id)).collect();
    view
}

/// Health probes of workloads that name this region.
fn served_there<'a>(cx: &Cx<'a>, region: &Region) -> Vec<Option<&'a Observed<ProbeReading>>> {
    let mut all = Vec::new();
    for w in &cx.estate.workloads {
        let here = w.health.iter().enumerate().filter(|(_, h)| h.region.as_ref() == Some(&region.id));
        all.extend(here.map(|(index, _)| of_workload(cx, w, index)));
    }
    all
}

/// One health probe of a workload, by its place.
pub(crate) fn of_workload<'a>(cx: &Cx<'a>, w: &Workload, index: usize) -> Option<&'a Observed<ProbeReading>> {
    let wanted = |key: &ProbeKey| matches!(key, ProbeKey::WorkloadHealth { index: n, .. } if *n == index);
    cx.seen.workload(&w.id).probe(wanted)
}

fn as_region(reason: Reason, region: &RegionId) -> Reason {
    match reason {
        Reason::HealthFailing { detail, .. } => Reason::RegionDown { region: region.clone(), detail },
        Reason::HealthUnseen { .. } => Reason::RegionUnseen { region: region.clone() },
        other => other,
    }
}

/// One health probe judged: its state, why, and when it was last seen well.
pub(crate) fn health<'a>(
    cx: &Cx<'a>,
    observed: Option<&'a Observed<ProbeReading>>,
    region: Option<&RegionId>,
) -> (State, Option<Reason>, Option<Time>) {
    let region = region.cloned();
    let Some(observed) = cx.ages(observed) else {
        return (State::Unknown, Some(Reason::HealthUnseen { region }), None);
    };
    let (seen, freshness) = observed.get(cx.now);
    let at = seen.map(|s| s.at);
    if observed.failures() >= DOWN_AFTER {
        let detail = observed.problem().map(said).unwrap_or_default();
        let failures = observed.failures();
        return (State::Critical, Some(Reason::HealthFailing { region, failures, detail }), at);
    }
    match freshness.is_current() {
        true => (State::Ok, None, at),
        false => (State::Unknown, Some(Reason::HealthUnseen { region }), at),
    }
}

/// A problem in the few words that fit into a sentence.
pub(crate) fn said(problem: &Problem) -> String {
    match problem.why.is_empty() {
        true => problem.what.clone(),
        false => format!("{} ({})", problem.what, problem.why),
    }
}
