//! The state of a region, from its own probes, else from what serves there.

use super::domains::Lost;
use super::index::SeenOf;
use super::{Cx, Reason, RegionView, State};
use crate::model::*;

/// Failures in a row after which a thing counts as down.
pub(crate) const DOWN_AFTER: u32 = 2;

/// `place`: of the region in the estate.
pub(crate) fn view(cx: &Cx, place: usize, lost: &Lost) -> RegionView {
    let region = &cx.estate.regions[place];
    let own: Vec<_> = (0..region.health.len()).map(|index| cx.seen.region(place, index)).collect();
    let mut view = RegionView {
        id: region.id.clone(),
        state: State::Unknown,
        lost: lost.region(&region.id).stops(),
        observed_at: None,
        reasons: Vec::new(),
    };
    // One workload down is not a region down: borrowed probes speak for the
    // region only in its favour, or all together against it.
    let (seen, borrowed) = if own.is_empty() { (served_there(cx, region), true) } else { (own, false) };
    let judged: Vec<_> = seen.into_iter().map(|seen| health(cx, seen, Some(&region.id))).collect();
    let states = judged.iter().map(|h| h.state);
    let Some(state) = (if borrowed { states.min() } else { states.max() }) else {
        view.reasons.push(Reason::RegionNotWatched { region: region.id.clone() });
        return view;
    };
    view.state = state;
    view.observed_at = judged.iter().map(|h| h.at).min().flatten();
    let reasons = judged.into_iter().filter(|h| h.state == state).filter_map(|h| h.reason);
    view.reasons = reasons.map(|r| as_region(r, &region.id)).collect();
    view
}

/// Health probes of workloads that name this region.
fn served_there<'a>(cx: &Cx<'a>, region: &Region) -> Vec<Option<&'a Observed<ProbeReading>>> {
    let mut all = Vec::new();
    for (place, w) in cx.estate.workloads.iter().enumerate() {
        let here = w.health.iter().enumerate().filter(|(_, h)| h.region.as_ref() == Some(&region.id));
        all.extend(here.map(|(index, _)| of_workload(cx.seen.workload(place), index)));
    }
    all
}

/// One health probe of a workload, by its place.
pub(crate) fn of_workload<'a>(seen: SeenOf<'_, 'a>, index: usize) -> Option<&'a Observed<ProbeReading>> {
    seen.probe(|key| matches!(key, ProbeKey::WorkloadHealth { index: n, .. } if *n == index))
}

fn as_region(reason: Reason, region: &RegionId) -> Reason {
    match reason {
        Reason::HealthFailing { detail, .. } => Reason::RegionDown { region: region.clone(), detail },
        Reason::HealthUnseen { .. } => Reason::RegionUnseen { region: region.clone() },
        other => other,
    }
}

/// One health probe judged.
pub(crate) struct HealthSeen {
    pub state: State,
    pub reason: Option<Reason>,
    /// When it was last seen well.
    pub at: Option<Time>,
    pub freshness: Freshness,
}

pub(crate) fn health<'a>(
    cx: &Cx<'a>,
    observed: Option<&'a Observed<ProbeReading>>,
    region: Option<&RegionId>,
) -> HealthSeen {
    let unseen = || Some(Reason::HealthUnseen { region: region.cloned() });
    let Some(observed) = observed else {
        return HealthSeen {
            state: State::Unknown,
            reason: unseen(),
            at: None,
            freshness: Freshness::Unseen,
        };
    };
    let Sighting { seen, freshness, .. } = cx.look(observed);
    let at = seen.map(|s| s.at);
    if observed.failures() >= DOWN_AFTER {
        let detail = observed.problem().map(said).unwrap_or_default();
        let failures = observed.failures();
        let reason = Some(Reason::HealthFailing { region: region.cloned(), failures, detail });
        return HealthSeen { state: State::Critical, reason, at, freshness };
    }
    match freshness.is_current() {
        true => HealthSeen { state: State::Ok, reason: None, at, freshness },
        false => HealthSeen { state: State::Unknown, reason: unseen(), at, freshness },
    }
}

/// A problem in the few words that fit into a sentence.
pub(crate) fn said(problem: &Problem) -> String {
    // `refused the connection (Connection refused)` says it twice.
    let why = problem.why.to_lowercase();
    let twice = why.split(' ').all(|word| problem.what.split(' ').any(|said| said == word));
    match problem.why.is_empty() || twice {
        true => problem.what.clone(),
        false => format!("{} ({})", problem.what, problem.why),
    }
}
