//! What a loss would cost: verdicts with their reasons.
//!
//! `assess` is a function from what is declared and what was seen to one
//! answer; it recomputes in full each time. Definitions are in
//! docs/judgement.md; a new kind of reason is a variant of `Reason`.

mod asset;
mod assumption;
mod bench;
mod candidate;
mod clean;
mod compare;
mod cron;
mod declaring;
mod domains;
mod findings;
mod glance;
mod ground;
mod groups;
mod home;
mod index;
mod judge;
mod needs;
mod offers;
mod order;
pub mod past;
mod plan;
mod policy;
mod posture;
mod reason;
mod recovered;
mod region;
mod rto;
mod simulate;
mod sources;
mod view;
mod workload;

#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::cmp::Reverse;
use std::rc::Rc;
use std::sync::Arc;

pub use assumption::Assumption;
pub use compare::{Comparison, LossOf, LossRow, compare, single_losses};
pub use declaring::{evidence, impact, predictions};
pub use glance::{Glance, GlanceLink, GlanceRegion, GlanceRow};
pub use order::{Ordered, Recovery};
pub use policy::Accepted;
pub use posture::differences;
pub use reason::{Need, Reason};
pub use view::*;

use crate::model::*;
use domains::Lost;
use ground::Ground;
use index::Index;

/// Everything an assessment reads, and the instants at which it will change.
pub(crate) struct Cx<'a> {
    pub estate: &'a Estate,
    pub ground: &'a Ground,
    pub observations: &'a Observations,
    pub seen: Index<'a>,
    pub now: Time,
    pub now_ms: Millis,
    pub scenario: &'a Scenario,
    /// What the scenario takes.
    pub lost: Rc<Lost>,
    /// In how long the answer next changes by itself.
    next: Cell<Option<Dur>>,
}

impl<'a> Cx<'a> {
    fn new(
        estate: &'a Estate,
        ground: &'a Ground,
        observations: &'a Observations,
        now: Time,
        scenario: &'a Scenario,
    ) -> Self {
        let lost = Rc::new(Lost::of(estate, scenario));
        let seen = Index::of(observations, estate, ground);
        let now_ms = now.timestamp_millis();
        Self { estate, ground, observations, seen, now, now_ms, scenario, lost, next: Cell::new(None) }
    }

    pub fn region(&self, id: &str) -> Option<&'a Region> {
        self.ground.region(id).map(|n| &self.estate.regions[n])
    }

    /// Notes that the answer changes by itself after so long; what is past has.
    pub fn changes_in(&self, left: Dur) {
        if left > Dur::ZERO && self.next.get().is_none_or(|next| left < next) {
            self.next.set(Some(left));
        }
    }

    /// An observation as it stands now; notes when its freshness next changes.
    pub fn look<T>(&self, observed: &'a Observed<T>) -> Sighting<'a, T> {
        let look = observed.look(self.now_ms);
        if let Some(left) = look.left {
            self.changes_in(left);
        }
        look
    }

    /// What a store was last seen to be set to, and whether that may count as
    /// what is so now.
    pub fn posture(&self, store: &StoreId) -> (Option<&'a Posture>, bool) {
        let Some(observed) = self.observations.postures.get(store) else { return (None, false) };
        let look = self.look(observed);
        (look.seen.map(|s| &s.value), look.freshness.is_current())
    }

    fn facts(&self) -> Vec<workload::Facts<'a>> {
        (0..self.estate.workloads.len()).map(|n| workload::facts(self, n)).collect()
    }
    fn regions(&self, lost: &Lost) -> Vec<RegionView> {
        (0..self.estate.regions.len()).map(|n| region::view(self, n, lost)).collect()
    }
}

/// Judges one estate again and again; what depends on the estate alone is
/// resolved once.
pub struct Assessor {
    estate: Arc<Estate>,
    ground: Ground,
}

impl Assessor {
    pub fn new(estate: Arc<Estate>) -> Self {
        Self { ground: Ground::of(&estate), estate }
    }
    pub fn estate(&self) -> &Arc<Estate> {
        &self.estate
    }

    /// Judges the estate at `now` under `scenario`; an empty scenario assumes
    /// nothing lost. The order of anything in the input changes nothing but the
    /// order of equals.
    pub fn assess(&self, seen: &Observations, now: Time, scenario: &Scenario) -> Assessment {
        whole(&Cx::new(&self.estate, &self.ground, seen, now, scenario))
    }

    /// Verdicts under each of many scenarios, workloads in the estate's order;
    /// what holds under all of them is found out once.
    pub fn judge_all(&self, seen: &Observations, now: Time, scenarios: &[Scenario]) -> Vec<Vec<Judged>> {
        let none = Scenario::default();
        let mut cx = Cx::new(&self.estate, &self.ground, seen, now, &none);
        let facts = cx.facts();
        let regions = cx.regions(&Lost::default());
        let mut all = Vec::with_capacity(scenarios.len());
        for scenario in scenarios {
            cx.scenario = scenario;
            cx.lost = Rc::new(Lost::of(&self.estate, scenario));
            let lost = cx.lost.clone();
            all.push(judge::all_under(&cx, &facts, &regions, lost));
        }
        all
    }
}

impl std::fmt::Debug for Assessor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Assessor").field("estate", &self.estate.name).finish_non_exhaustive()
    }
}

/// As `Assessor::assess`, for an estate that is judged once.
pub fn assess(estate: &Estate, seen: &Observations, now: Time, scenario: &Scenario) -> Assessment {
    whole(&Cx::new(estate, &Ground::of(estate), seen, now, scenario))
}

fn whole(cx: &Cx) -> Assessment {
    let lost = cx.lost.clone();
    let regions = cx.regions(&lost);
    let facts = cx.facts();
    let at_home = judge::all_at_home(cx, &facts, &regions);
    let mut under = (!cx.scenario.is_empty()).then(|| judge::all_under(cx, &facts, &regions, lost.clone()));
    let recovery = under.as_ref().map(|under| {
        let overhead = rto::overhead(cx.estate).unwrap_or(Dur::ZERO);
        Recovery::of(cx.estate, &under.iter().collect::<Vec<_>>(), overhead)
    });

    let mut findings = posture::findings(cx);
    let mut workloads = Vec::with_capacity(facts.len());
    let mut order = Vec::with_capacity(facts.len());
    for (n, (fact, home)) in facts.into_iter().zip(at_home).enumerate() {
        let verdict = under.as_mut().map(|all| std::mem::take(&mut all[n]));
        let by_id = fact.rank;
        let view = workload::view(cx, fact, home, verdict, &lost, &mut findings);
        let verdict = view.verdict.as_ref().unwrap_or(&view.if_home_lost).verdict;
        // Worst state first, then by tier, then worst verdict, then by id.
        order.push((Reverse(view.state), view.tier.unwrap_or(u8::MAX), Reverse(verdict), by_id, n));
        workloads.push(Some(view));
    }
    // Views are large: their places are sorted, and each is moved once.
    order.sort_unstable();
    let mut worst_first = Vec::with_capacity(order.len());
    worst_first.extend(order.into_iter().filter_map(|(.., n)| workloads[n].take()));
    let workloads = worst_first;
    findings::of_estate(cx, &mut findings);
    past::apply(&cx.observations.learned, &mut findings);
    findings.sort_by(|a, b| (b.severity, &a.subject, &a.rule).cmp(&(a.severity, &b.subject, &b.rule)));
    let mut assessment = Assessment {
        at: cx.now,
        scenario: cx.scenario.clone(),
        worst: State::Ok,
        vault_lost: lost.vault(cx.estate),
        regions,
        workloads,
        findings,
        accepted: Vec::new(),
        recovery,
        next_change: cx.next.get().map(|left| cx.now + left),
    };
    policy::apply(cx.estate, cx.observations, cx.now, &mut assessment);
    let (workloads, regions) = (assessment.workloads.iter(), assessment.regions.iter());
    let states = workloads.map(|w| w.state).chain(regions.map(|r| r.state));
    assessment.worst = states.max().unwrap_or_default();
    assessment
}
