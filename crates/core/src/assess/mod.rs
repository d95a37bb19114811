//! What a loss would cost: verdicts with their reasons.
//!
//! `assess` is a function from what is declared and what was seen to one
//! answer; it recomputes in full each time. Definitions are in
//! docs/judgement.md; a new kind of reason is a variant of `Reason`.

mod asset;
mod declaring;
mod domains;
mod glance;
mod index;
mod judge;
mod region;
mod rto;
mod view;
mod workload;

#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::rc::Rc;

pub use declaring::{evidence, impact, predictions};
pub use glance::{Glance, GlanceLink, GlanceRegion, GlanceRow};
pub use view::*;

use rustc_hash::FxHashMap as HashMap;

use crate::model::*;
use domains::Lost;
use index::Index;

/// Everything an assessment reads, and the instants at which it will change.
pub(crate) struct Cx<'a> {
    pub estate: &'a Estate,
    pub seen: Index<'a>,
    pub now: Time,
    pub scenario: &'a Scenario,
    /// What the scenario takes.
    pub lost: Rc<Lost>,
    pub regions: HashMap<&'a str, &'a Region>,
    pub workloads: HashMap<&'a str, usize>,
    pub runbooks: HashMap<&'a str, &'a Runbook>,
    pub stores: HashMap<&'a str, &'a Store>,
    /// In how long the answer next changes by itself.
    next: Cell<Option<Dur>>,
}

impl<'a> Cx<'a> {
    fn new(estate: &'a Estate, seen: &'a Observations, now: Time, scenario: &'a Scenario) -> Self {
        let numbered = estate.workloads.iter().enumerate();
        Self {
            estate,
            seen: Index::of(seen),
            now,
            scenario,
            lost: Rc::new(Lost::of(estate, scenario)),
            regions: estate.regions.iter().map(|r| (r.id.as_str(), r)).collect(),
            workloads: numbered.map(|(n, w)| (w.id.as_str(), n)).collect(),
            runbooks: estate.runbooks.iter().map(|r| (r.id.as_str(), r)).collect(),
            stores: estate.stores.iter().map(|s| (s.id.as_str(), s)).collect(),
            next: Cell::new(None),
        }
    }

    pub fn workload(&self, id: &str) -> Option<&'a Workload> {
        self.workloads.get(id).map(|n| &self.estate.workloads[*n])
    }

    /// Notes that the answer changes by itself after so long; what is past has.
    pub fn changes_in(&self, left: Dur) {
        if left > Dur::ZERO && self.next.get().is_none_or(|next| left < next) {
            self.next.set(Some(left));
        }
    }

    /// Notes when the freshness of an observation next changes.
    pub fn ages<T>(&self, observed: Option<&'a Observed<T>>) -> Option<&'a Observed<T>> {
        if let Some(left) = observed.and_then(|o| o.next_change(self.now)) {
            self.changes_in(left);
        }
        observed
    }
}

/// Verdicts under each of many scenarios, workloads in the estate's order;
/// what holds under all of them is found out once.
pub fn judge_all(
    estate: &Estate,
    seen: &Observations,
    now: Time,
    scenarios: &[Scenario],
) -> Vec<Vec<Judged>> {
    let none = Scenario::default();
    let mut cx = Cx::new(estate, seen, now, &none);
    let facts: Vec<_> = estate.workloads.iter().map(|w| workload::facts(&cx, w)).collect();
    let nothing = Lost::default();
    let regions: Vec<_> = estate.regions.iter().map(|r| region::view(&cx, r, &nothing)).collect();
    let mut all = Vec::with_capacity(scenarios.len());
    for scenario in scenarios {
        cx.scenario = scenario;
        cx.lost = Rc::new(Lost::of(estate, scenario));
        let lost = cx.lost.clone();
        all.push(judge::all_under(&cx, &facts, &regions, lost));
    }
    all
}

/// Judges the estate at `now` under `scenario`; an empty scenario assumes
/// nothing lost. The order of anything in the input changes nothing but the
/// order of equals.
pub fn assess(estate: &Estate, seen: &Observations, now: Time, scenario: &Scenario) -> Assessment {
    let cx = Cx::new(estate, seen, now, scenario);
    let lost = cx.lost.clone();
    let regions: Vec<_> = estate.regions.iter().map(|r| region::view(&cx, r, &lost)).collect();
    let facts: Vec<_> = estate.workloads.iter().map(|w| workload::facts(&cx, w)).collect();
    let at_home = judge::all_at_home(&cx, &facts, &regions);
    let under = (!scenario.is_empty()).then(|| judge::all_under(&cx, &facts, &regions, lost.clone()));

    let mut findings = Vec::new();
    let mut workloads = Vec::with_capacity(facts.len());
    for (n, (fact, home)) in facts.into_iter().zip(at_home).enumerate() {
        let verdict = under.as_ref().map(|all| all[n].clone());
        workloads.push(workload::view(&cx, fact, home, verdict, &lost, &mut findings));
    }
    workloads.sort_by(|a, b| {
        let verdict = |w: &WorkloadView| w.verdict.as_ref().unwrap_or(&w.if_home_lost).verdict;
        let tier = |w: &WorkloadView| w.tier.unwrap_or(u8::MAX);
        let rank = |w: &WorkloadView| (w.state, std::cmp::Reverse(tier(w)), verdict(w));
        rank(b).cmp(&rank(a)).then_with(|| a.id.cmp(&b.id))
    });
    findings.sort_by(|a, b| (b.severity, &a.subject, &a.rule).cmp(&(a.severity, &b.subject, &b.rule)));
    let states = workloads.iter().map(|w| w.state).chain(regions.iter().map(|r| r.state));
    Assessment {
        at: now,
        scenario: scenario.clone(),
        worst: states.max().unwrap_or_default(),
        regions,
        workloads,
        findings,
        next_change: cx.next.get().map(|left| now + left),
    }
}
