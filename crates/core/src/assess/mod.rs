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
mod cover;
mod cron;
mod declaring;
mod depends;
mod domains;
mod findings;
mod glance;
mod ground;
mod groups;
mod home;
mod index;
mod judge;
mod memo;
mod needs;
mod offers;
mod order;
pub mod past;
mod places;
mod plan;
mod policy;
mod posture;
mod reason;
mod recovered;
mod region;
mod rto;
mod simulate;
mod sources;
mod threads;
mod view;
mod workload;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

pub use assumption::Assumption;
pub use compare::{Comparison, LossOf, LossRow, compare, single_losses};
pub use cover::{Coverage, Covered, Fate, Held, NOTICED_AFTER, Threat, coverage};
pub use declaring::{evidence, impact, predictions};
pub use depends::{Dependencies, DependsOn, Needed, Taken, Thing, dependencies};
pub use glance::{Glance, GlanceLink, GlanceRegion, GlanceRow};
pub use order::{Ordered, Recovery};
pub use policy::Accepted;
pub use posture::differences;
pub use reason::{Need, Reason};
pub use view::*;
use view::{CopyState, CopyViews};

use crate::model::*;
use domains::Lost;
use ground::Ground;
use index::Index;
use memo::Memo;
use places::Places;
use threads::Threads;

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
    pub lost: Arc<Lost>,
    /// In how many milliseconds the answer next changes by itself.
    next: AtomicI64,
    threads: &'a Threads,
}

impl<'a> Cx<'a> {
    fn new(
        estate: &'a Estate,
        ground: &'a Ground,
        observations: &'a Observations,
        now: Time,
        scenario: &'a Scenario,
        threads: &'a Threads,
    ) -> Self {
        let lost = Arc::new(Lost::of(estate, &ground.places, scenario));
        let seen = Index::of(observations, estate, ground);
        let now_ms = now.timestamp_millis();
        Self {
            estate,
            ground,
            observations,
            seen,
            now,
            now_ms,
            scenario,
            lost,
            next: AtomicI64::new(i64::MAX),
            threads,
        }
    }

    pub fn region(&self, id: &RegionId) -> Option<&'a Region> {
        self.ground.region(id).map(|n| &self.estate.regions[n])
    }

    /// Notes that the answer changes by itself after so long; what is past has.
    pub fn changes_in(&self, left: Dur) {
        let left = left.as_millis();
        if left > 0 && left < self.next.load(Ordering::Relaxed) {
            self.next.fetch_min(left, Ordering::Relaxed);
        }
    }

    /// Notes that the answer changes by itself once an instant is past; it does not
    /// where that is the most that a number holds.
    pub fn changes_after(&self, until: Millis) {
        if until < Millis::MAX {
            self.changes_in(Dur::millis(until.saturating_sub(self.now_ms).saturating_add(1)));
        }
    }

    fn next_change(&self) -> Option<Time> {
        let left = self.next.load(Ordering::Relaxed);
        (left < i64::MAX).then(|| self.now + Dur::millis(left))
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
        let all = (0..self.estate.workloads.len()).collect();
        let facts =
            |_, part: Vec<usize>| part.into_iter().map(|n| workload::facts(self, n)).collect::<Vec<_>>();
        threads::joined(self.threads.each(all, facts))
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
    threads: Threads,
}

impl Assessor {
    pub fn new(estate: Arc<Estate>) -> Self {
        Self { ground: Ground::of(&estate), estate, threads: Threads::new(1) }
    }
    /// Lets as many threads share the work, where there is much: a person waits
    /// for the answer.
    pub fn with_threads(self, threads: usize) -> Self {
        Self { threads: Threads::new(threads), ..self }
    }
    pub fn estate(&self) -> &Arc<Estate> {
        &self.estate
    }
    fn cx<'a>(&'a self, seen: &'a Observations, now: Time, scenario: &'a Scenario) -> Cx<'a> {
        Cx::new(&self.estate, &self.ground, seen, now, scenario, &self.threads)
    }
    fn places(&self) -> &Arc<Places> {
        &self.ground.places
    }

    /// Judges the estate at `now` under `scenario`; an empty scenario assumes
    /// nothing lost. The order of anything in the input changes nothing but the
    /// order of equals.
    pub fn assess(&self, seen: &Observations, now: Time, scenario: &Scenario) -> Assessment {
        whole(&self.cx(seen, now, scenario))
    }

    /// Verdicts under each of many scenarios, workloads in the estate's order;
    /// what holds under all of them is found out once.
    pub fn judge_all(&self, seen: &Observations, now: Time, scenarios: &[Scenario]) -> Vec<Vec<Arc<Judged>>> {
        let none = Scenario::default();
        let mut cx = self.cx(seen, now, &none);
        let facts = cx.facts();
        let regions = cx.regions(&cx.lost);
        let mut memo = Memo::default();
        let mut all = Vec::with_capacity(scenarios.len());
        for scenario in scenarios {
            if scenario.impact_began != cx.scenario.impact_began {
                // When writing ended is another matter than before.
                memo = Memo::default();
            }
            cx.scenario = scenario;
            cx.lost = Arc::new(Lost::of(&self.estate, self.places(), scenario));
            all.push(judge::all_under(&cx, &facts, &regions, &mut memo));
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
    whole(&Cx::new(estate, &Ground::of(estate), seen, now, scenario, &Threads::new(1)))
}

fn whole(cx: &Cx) -> Assessment {
    let lost = cx.lost.clone();
    let regions = cx.regions(&lost);
    let facts = cx.facts();
    let mut memo = Memo::default();
    let at_home = judge::all_at_home(cx, &facts, &regions, &mut memo);
    let under = (!cx.scenario.is_empty()).then(|| judge::all_under(cx, &facts, &regions, &mut memo));
    let recovery = under.as_ref().map(|under| {
        let overhead = rto::overhead(cx.estate).unwrap_or(Dur::ZERO);
        Recovery::of(cx.estate, &under.iter().map(|j| &**j).collect::<Vec<_>>(), overhead)
    });

    let mut findings = posture::findings(cx);
    let mut facts = facts;
    let mut under = under.map(Vec::into_iter);
    let under = std::iter::from_fn(|| Some(under.as_mut().and_then(Iterator::next)));
    let each: Vec<_> = facts.iter_mut().zip(at_home).zip(under).collect();
    let parts = cx.threads.each(each, |_, part| {
        let mut findings = Vec::new();
        let mut views = Vec::with_capacity(part.len());
        for ((fact, home), verdict) in part {
            // Views are large: each is written once, and its place is sorted.
            let view = Box::new(workload::view(cx, fact, home, verdict, &lost, &mut findings));
            views.push((fact.rank, view));
        }
        (views, findings)
    });
    let mut workloads = Vec::with_capacity(cx.estate.workloads.len());
    let mut order = Vec::with_capacity(cx.estate.workloads.len());
    for (views, found) in parts {
        findings.extend(found);
        for (by_id, view) in views {
            let verdict = view.verdict.as_ref().unwrap_or(&view.if_home_lost).verdict;
            // Worst state first, then by tier, then worst verdict, then by id: in
            // one number, for a thousand are sorted in each assessment.
            let tier = u64::from(view.tier.unwrap_or(u8::MAX));
            let bad = [u8::MAX - view.state as u8, u8::MAX - verdict as u8].map(u64::from);
            order.push((bad[0] << 56 | tier << 48 | bad[1] << 40 | by_id as u64, workloads.len()));
            workloads.push(Some(view));
        }
    }
    order.sort_unstable();
    let mut worst_first = Vec::with_capacity(order.len());
    worst_first.extend(order.into_iter().filter_map(|(_, n)| workloads[n].take()));
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
        next_change: cx.next_change(),
    };
    policy::apply(cx.estate, cx.observations, cx.now, &mut assessment);
    let (workloads, regions) = (assessment.workloads.iter(), assessment.regions.iter());
    let states = workloads.map(|w| w.state).chain(regions.map(|r| r.state));
    assessment.worst = states.max().unwrap_or_default();
    assessment
}
