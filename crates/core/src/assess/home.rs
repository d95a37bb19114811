//! Where a workload is now: as seen, else where the last committed run left it,
//! else as declared.

use super::Cx;
use super::index::SeenOf;
use super::region::said;
use crate::model::*;

pub(crate) struct Home {
    pub region: Option<RegionId>,
    pub moved: Option<Moved>,
    /// Why where it serves is a guess, if it is one.
    pub unseen: Option<String>,
    /// The home, or all regions that take writes.
    pub serving: Vec<RegionId>,
    pub two_writers: bool,
}

/// Where it is and where it is declared to be are not the same.
pub(crate) struct Moved {
    pub to: RegionId,
    pub declared: RegionId,
    /// It was not seen: a run left it there.
    pub by_run: bool,
}

pub(crate) fn of<'a>(cx: &Cx<'a>, workload: &Workload, seen: SeenOf<'_, 'a>) -> Home {
    let Seen { regions, at, guess } = seen_home(cx, workload, seen);
    let committed = cx.observations.learned.committed.get(&workload.id);
    // What a run did after the last look is newer than what that look saw.
    let committed = committed.filter(|c| at.is_none_or(|at| c.at > at));
    let by_run = committed.map(|c| c.to.clone());
    let unseen = guess.filter(|_| by_run.is_none());
    let observed = by_run.clone().or_else(|| regions.first().cloned());
    let declared = workload.home.clone();
    let moved = observed.clone().zip(declared.clone()).filter(|(seen, declared)| seen != declared);
    let moved = moved.map(|(to, declared)| Moved { to, declared, by_run: by_run.is_some() });
    let region = observed.or(declared);
    let two_writers = by_run.is_none() && workload.active.is_empty() && regions.len() > 1;
    let mut serving: Vec<_> = workload.active.iter().map(|a| a.region.clone()).collect();
    if two_writers {
        serving = regions;
    } else if serving.is_empty() {
        serving.extend(region.clone());
    }
    serving.sort();
    serving.dedup();
    Home { region, moved, unseen, serving, two_writers }
}

#[derive(Default)]
struct Seen {
    /// Where it serves; more than one where several answer for it.
    regions: Vec<RegionId>,
    at: Option<Time>,
    guess: Option<String>,
}

/// Where `active_when` says it serves, remembered while it cannot be seen.
fn seen_home<'a>(cx: &Cx<'a>, workload: &Workload, seen: SeenOf<'_, 'a>) -> Seen {
    let Some(probe) = &workload.active_when else { return Seen::default() };
    let observed = seen.probe(|key| matches!(key, ProbeKey::ActiveWhen { .. }));
    let guess = |why: &str| Seen { guess: Some(why.to_owned()), ..Seen::default() };
    let Some(observed) = observed else { return guess("not asked yet") };
    let Sighting { seen: last, freshness, .. } = cx.look(observed);
    let text = last.and_then(|s| s.value.text.as_deref()).map(str::trim).unwrap_or_default();
    let regions = regions(cx, probe, text);
    let guess = match (regions.is_empty(), freshness.is_current()) {
        (_, false) => Some(observed.problem().map(said).unwrap_or_else(|| freshness.as_str().to_owned())),
        (true, true) => Some(format!("{text:?} is no region")),
        (false, true) => None,
    };
    let at = last.filter(|_| !regions.is_empty()).map(|s| s.at);
    Seen { regions, at, guess }
}

/// A region, or several between commas or blanks: a name that leads to two
/// addresses, two servers that each call themselves the primary.
fn regions(cx: &Cx, probe: &Probe, text: &str) -> Vec<RegionId> {
    let one = |text: &str| {
        let id = probe.map.get(text).map_or(text, String::as_str);
        cx.ground.region_named(id).map(|n| cx.estate.regions[n].id.clone())
    };
    if let Some(region) = one(text) {
        return vec![region];
    }
    let mut all: Vec<_> = text.split([',', ' ', ';', '\n']).filter_map(|word| one(word.trim())).collect();
    all.sort();
    all.dedup();
    all
}
