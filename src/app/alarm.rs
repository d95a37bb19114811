//! What is seen that calls for a person: a region that is down, a workload
//! that fails at home, a lost region that is back. Said, never acted upon.

use std::collections::BTreeMap;

use lifeboat_core::{
    assess::{Assessment, Reason, RegionView, State, WorkloadView},
    model::*,
    run::Incident,
};

use super::App;

/// Regions that were declared lost and answer: since when, as seen here.
pub type Back = BTreeMap<RegionId, Time>;

/// What may have to be declared, in a few words; `None` where nothing calls for
/// it. Once an incident is declared, only a further region does.
pub fn alarm(app: &App) -> Option<String> {
    let real = app.real.as_ref().filter(|_| app.live)?;
    let incident = app.incident.as_deref();
    let declared = |r: &RegionView| {
        r.lost || incident.is_some_and(|i| i.scenario.lost.contains_key(&Selector::region(&r.id)))
    };
    let down = real.regions.iter().filter(|r| r.state == State::Critical && !declared(r));
    let down: Vec<_> = down.collect();
    if let Some(first) = down.first() {
        let names: Vec<_> = down.iter().map(|r| r.id.as_str()).collect();
        let (does, do_) = match first.reasons.iter().any(answers) {
            true => ("fails its health checks", "fail their health checks"),
            false => ("does not answer", "do not answer"),
        };
        let said = format!("{} {}", listed(&names), if names.len() == 1 { does } else { do_ });
        return Some(match incident {
            Some(_) => format!("{said} either"),
            None => said,
        });
    }
    if incident.is_some() {
        return None;
    }
    let hit: Vec<_> = real.workloads.iter().filter(|w| fails_at_home(w)).collect();
    let first = hit.first()?;
    let home = first.home.as_ref().map_or("its home", RegionId::as_str);
    let names: Vec<_> = hit.iter().filter(|w| w.home == first.home).map(|w| w.id.as_str()).collect();
    let verb = if names.len() == 1 { "fails its" } else { "fail their" };
    Some(format!("{} {verb} health checks in {home}", listed(&names)))
}

/// Whether something does answer there, though not as it should.
fn answers(reason: &Reason) -> bool {
    matches!(reason, Reason::RegionDown { detail, .. } if detail.starts_with(Code::PROBE_ANSWER.what))
}

/// Whether what it serves from does not answer as it should.
pub fn fails_at_home(w: &WorkloadView) -> bool {
    let at_home = |region: &Option<RegionId>| region.is_none() || *region == w.home;
    let failing = |r: &Reason| matches!(r, Reason::HealthFailing { region, .. } if at_home(region));
    w.state == State::Critical && w.reasons.iter().any(failing)
}

/// `a`, `a and b`, `a, b and 3 more`.
fn listed(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [one, two] => format!("{one} and {two}"),
        [one, two, rest @ ..] => format!("{one}, {two} and {} more", rest.len()),
    }
}

/// Takes note of lost regions that answer. `since` stays while they go on to.
pub fn note(back: &mut Back, incident: Option<&Incident>, real: &Assessment) {
    let lost = |r: &RegionId| incident.is_some_and(|i| i.scenario.lost.contains_key(&Selector::region(r)));
    for region in &real.regions {
        match region.state {
            State::Ok if lost(&region.id) => {
                back.entry(region.id.clone()).or_insert(region.observed_at.unwrap_or(real.at));
            }
            // Not seen for a moment is no proof of the contrary.
            State::Unknown if lost(&region.id) => {}
            _ => drop(back.remove(&region.id)),
        }
    }
}
