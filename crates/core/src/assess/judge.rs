//! Verdicts: every candidate region is judged with the best source of each
//! asset, and the best candidate speaks for the workload.

use std::sync::Arc;

use rustc_hash::FxHashMap as HashMap;
use smallvec::SmallVec;

use super::bench::Bench;
use super::candidate::{self, Objectives, Target, hold_rto};
use super::domains::Lost;
use super::memo::Memo;
use super::recovered::{self, Into};
use super::workload::Facts;
use super::{Assumption, Cx, Judged, Loss, Reason, RegionView, Side, Verdict, rto};
use crate::model::*;

/// Judges workloads under one loss, each at most once.
pub(crate) struct Judge<'j, 'a> {
    bench: &'j Bench<'j, 'a>,
    lost: Arc<Lost>,
    memo: &'j mut Memo,
    /// By the place of the workload.
    found: Vec<Option<Arc<Judged>>>,
    /// Which of these are there.
    settled: Vec<usize>,
    /// By the addresses of the regions that are gone as well.
    as_well: HashMap<SmallVec<[usize; 2]>, Arc<Lost>>,
    /// When each place of a wave is free again, by the place of the runbook;
    /// `None` where that is not known.
    waves: HashMap<usize, Vec<Option<Dur>>>,
    /// The last one that nothing touches.
    well: Option<Arc<Judged>>,
}

impl<'j, 'a> Judge<'j, 'a> {
    fn new(bench: &'j Bench<'j, 'a>, lost: Arc<Lost>, memo: &'j mut Memo) -> Self {
        let mut found = std::mem::take(&mut memo.verdicts);
        found.resize(bench.facts.len(), None);
        let (as_well, waves) = (HashMap::default(), HashMap::default());
        Self { bench, lost, memo, found, settled: Vec::new(), as_well, waves, well: None }
    }

    /// Gives back what the next one may use.
    fn end(mut self) {
        for n in self.settled {
            self.found[n] = None;
        }
        self.memo.verdicts = self.found;
    }

    /// Finds the verdict of one workload, its hard dependencies included.
    fn settle(&mut self, n: usize) {
        if self.found[n].is_some() {
            return;
        }
        self.settled.push(n);
        let facts = &self.bench.facts[n];
        let mut judged = self.alone(facts);
        let mut hard = facts.workload.depends_on.iter().filter(|d| d.kind == DependencyKind::Hard).peekable();
        if hard.peek().is_some() {
            // A cycle is refused when the estate loads; this keeps one from hanging us.
            self.found[n] = Some(judged.clone());
        }
        let mut before = Some(Dur::ZERO);
        for dependency in hard {
            let Some(on) = self.bench.cx.ground.workload(dependency.id.as_str()) else { continue };
            self.settle(on);
            let Some(other) = &self.found[on] else { continue };
            if other.verdict > judged.verdict {
                let judged = Arc::make_mut(&mut judged);
                judged.verdict = other.verdict;
                let on = dependency.id.clone();
                judged.reasons.push(Reason::DependencyLost { on, verdict: other.verdict });
            }
            if other.verdict >= Verdict::Recoverable {
                // Detection and decision are made once for all.
                let overhead = rto::overhead(self.bench.cx.estate).unwrap_or(Dur::ZERO);
                let after = other.rto.map(|rto| (rto - overhead).at_least_zero());
                before = before.zip(after).map(|(a, b)| a.max(b));
            }
        }
        if judged.runbook.is_some() || judged.verdict >= Verdict::Recoverable {
            before = self.wave(facts, before);
        }
        if before != judged.waits {
            self.wait(facts, before, Arc::make_mut(&mut judged));
        }
        self.found[n] = Some(judged);
    }

    /// Adds what passes before its own recovery begins.
    fn wait(&self, facts: &Facts, before: Option<Dur>, judged: &mut Judged) {
        judged.waits = before;
        let overhead = rto::overhead(self.bench.cx.estate).unwrap_or(Dur::ZERO);
        let add = |own: Dur, before: Dur| if own == Dur::ZERO { overhead + before } else { own + before };
        judged.rto = judged.rto.zip(before).map(|(own, before)| add(own, before));
        judged.p90 = judged.p90.zip(before).map(|(own, before)| add(own, before));
        if judged.rto.is_none() {
            judged.rto_basis = super::RtoBasis::Unknown;
        }
        let known = |r: &Reason| matches!(r, Reason::RtoExceeded { .. } | Reason::RtoUnknown);
        judged.reasons.retain(|r| !known(r));
        hold_rto(self.bench.objectives(facts, &self.lost).rto, judged);
    }

    /// When a place in its runbook's wave is free. Occupied for as long as the
    /// runbook takes as declared, whatever becomes of the workload.
    fn wave(&mut self, facts: &Facts, before: Option<Dur>) -> Option<Dur> {
        if !self.bench.stops(facts, &self.lost) {
            return before;
        }
        let ground = self.bench.cx.ground.at(facts.place);
        let waves = |n: &usize| self.bench.cx.ground.plans[*n].waves.is_some();
        if !ground.failovers.iter().any(waves) {
            return before;
        }
        let Some(plan) = candidate::plan(self.bench, facts, &self.lost, None) else { return before };
        let Some(width) = plan.waves else { return before };
        let free = self.waves.entry(plan.place).or_insert_with(|| vec![Some(Dur::ZERO); width as usize]);
        let first = free.iter_mut().min_by_key(|f| (f.is_none(), **f))?;
        let begins = first.zip(before).map(|(a, b)| a.max(b));
        *first = begins.zip(plan.path).map(|(begins, takes)| begins + takes);
        begins
    }

    /// Without its dependencies.
    fn alone(&mut self, facts: &'j Facts<'a>) -> Arc<Judged> {
        let lost = self.lost.clone();
        if self.bench.stops(facts, &lost) {
            return self.recovered(facts, &lost);
        }
        let estate = self.bench.cx.estate;
        let key = facts.serving.iter().map(RegionId::address).collect();
        let as_well = self.as_well.entry(key);
        let as_well = as_well.or_insert_with(|| Arc::new(lost.and(estate, &facts.serving))).clone();
        let as_well = self.recovered(facts, &as_well);
        let exposed = as_well.verdict >= Verdict::Unknown;
        let basis = facts.rto_estimate.1;
        // Most are as well as the one before.
        let same = self.well.as_ref().filter(|well| well.rto_basis == basis);
        if let Some(well) = same.filter(|_| !exposed && as_well.hidden.is_empty()) {
            return well.clone();
        }
        let mut judged = Judged {
            verdict: Verdict::Unaffected,
            loss: Loss { lower: Dur::ZERO, upper: Some(Dur::ZERO) },
            rto: Some(Dur::ZERO),
            waits: Some(Dur::ZERO),
            rto_basis: basis,
            hidden: as_well.hidden.clone(),
            ..Judged::default()
        };
        if exposed {
            judged.verdict = Verdict::Exposed;
            let rejected = as_well.rejected.iter().map(|(_, why)| why);
            judged.reasons = as_well.reasons.iter().chain(rejected).cloned().collect();
        }
        let plain = !exposed && judged.hidden.is_empty();
        let judged = Arc::new(judged);
        if plain {
            self.well = Some(judged.clone());
        }
        judged
    }

    /// As it was found before, where that holds.
    fn recovered(&mut self, facts: &'j Facts<'a>, lost: &Arc<Lost>) -> Arc<Judged> {
        let loads = !self.bench.loads.is_empty();
        if let Some(judged) = self.memo.get(facts.place, lost, loads) {
            return judged;
        }
        lost.forget();
        let judged = self.best(facts, lost);
        self.memo.put(facts.place, lost, loads, &judged);
        judged
    }

    /// The best candidate for a workload that cannot go on as it is.
    fn best(&self, facts: &'j Facts<'a>, lost: &Lost) -> Arc<Judged> {
        let objectives = self.bench.objectives(facts, lost);
        let mut rejected: Vec<(RegionId, Reason)> = Vec::new();
        let mut best: Option<Arc<Judged>> = None;
        let mut at_best: Option<Dur> = None;
        let targets = Target::all(facts, lost);
        for (n, target) in targets.iter().enumerate() {
            if targets[..n].iter().any(|before| before.region == target.region) {
                continue;
            }
            match candidate::judge(self.bench, facts, lost, *target, objectives) {
                Err(reason) => rejected.push((target.region.clone(), reason)),
                Ok(judged) => {
                    at_best = at_best.into_iter().chain(judged.at_best).min();
                    if best.as_ref().is_none_or(|b| rank(&judged) < rank(b)) {
                        best = Some(judged);
                    }
                }
            }
        }
        let mut shared = best.unwrap_or_else(|| Arc::new(self.nowhere(facts, lost, objectives)));
        let judged = Arc::make_mut(&mut shared);
        judged.waits = Some(Dur::ZERO);
        if judged.verdict == Verdict::Lost {
            // There is nothing to take anywhere.
            judged.to = None;
        }
        judged.at_best = at_best.or(judged.at_best);
        let relies = rejected.iter().map(|(_, why)| why);
        judged.hidden.extend(relies.filter(|r| matches!(r, Reason::RunbookRelies { .. })).cloned());
        distinct(&mut judged.hidden);
        if let Some(region) = facts.home.as_ref().filter(|_| facts.home_unseen.is_some()) {
            judged.assumptions.push(Assumption::StillServes { region: region.clone() });
        }
        distinct(&mut judged.assumptions);
        judged.rejected = rejected;
        shared
    }

    /// What survives when there is no region to recover into.
    fn nowhere(&self, facts: &'j Facts<'a>, lost: &Lost, objectives: Objectives) -> Judged {
        let mut judged = Judged { verdict: Verdict::Recoverable, ..Judged::default() };
        let into = Into { region: None, live: false, rpo: objectives.rpo, room: None, plan: None };
        recovered::assets(self.bench, facts, lost, into, &mut judged);
        if facts.serving.is_empty() {
            judged.reasons.insert(0, Reason::NoHome);
        }
        if self.declares_no_target(facts) {
            // The data may live on; whether the service can, nobody declared.
            candidate::worsen(&mut judged, Verdict::Unknown, Reason::NoTarget);
        } else {
            judged.verdict = Verdict::Lost;
        }
        judged
    }

    fn declares_no_target(&self, facts: &Facts) -> bool {
        let w = facts.workload;
        let elsewhere = |r: &RegionId| !facts.serving_only(r);
        w.standbys.is_empty()
            && !w.active.iter().any(|a| elsewhere(&a.region))
            && facts.serving.len() <= 1
            && !w.home.iter().any(|r| !facts.serving.is_empty() && elsewhere(r))
    }
}

/// From best to worst, and of equals by name, so that no order of the input shows.
fn rank(j: &Judged) -> impl PartialOrd + use<'_> {
    let unknown_last = |d: Option<Dur>| (d.is_none(), d);
    (j.verdict, unknown_last(j.loss.upper), j.loss.lower, unknown_last(j.rto), j.to.as_ref())
}

fn distinct<T: PartialEq>(all: &mut Vec<T>) {
    if all.len() < 2 {
        return;
    }
    let mut kept: Vec<T> = Vec::with_capacity(all.len());
    for one in all.drain(..) {
        if !kept.contains(&one) {
            kept.push(one);
        }
    }
    *all = kept;
}

/// Each workload as if its home were gone this second; of several regions that
/// take writes, the worst of losing each.
pub(crate) fn all_at_home<'a>(
    cx: &Cx<'a>,
    facts: &[Facts<'a>],
    regions: &[RegionView],
    memo: &mut Memo,
) -> Vec<(Arc<Judged>, Vec<Side>)> {
    // By the address of the region.
    let mut homes: HashMap<Option<usize>, (Option<&RegionId>, Vec<usize>)> = HashMap::default();
    for n in &cx.ground.order {
        let serving = &facts[*n].serving;
        let nowhere = serving.is_empty().then_some(None);
        for region in serving.iter().map(Some).chain(nowhere) {
            let of = homes.entry(region.map(RegionId::address)).or_insert((region, Vec::new()));
            of.1.push(*n);
        }
    }
    // Those that are lost together stay together: they share waves and what their
    // stores can read.
    let mut homes: Vec<_> = homes.into_values().collect();
    homes.sort_by_key(|(region, _)| *region);
    let parts = cx.threads.weighed(
        homes,
        |(_, of)| of.len(),
        |_, part| {
            let (mut memo, mut found) = (Memo::default(), Vec::new());
            for (region, of) in part {
                let lost = Arc::new(Lost::of(cx.estate, &cx.ground.places, &Scenario::gone(region)));
                let with = (lost, &mut memo);
                under(cx, facts, regions, with, &of, |n, judged| found.push((region, n, judged)));
            }
            (memo, found)
        },
    );
    let mut all: Vec<Option<(Arc<Judged>, Vec<Side>)>> = facts.iter().map(|_| None).collect();
    for (part, found) in parts {
        memo.absorb(part);
        for (region, n, judged) in found {
            let side = region.map(|r| Side { region: r.clone(), loss: judged.loss });
            match &mut all[n] {
                // Of one home the loss stands in the verdict.
                None if facts[n].serving.len() < 2 => all[n] = Some((judged, Vec::new())),
                None => all[n] = Some((judged, side.into_iter().collect())),
                Some((worst, sides)) => {
                    sides.extend(side);
                    let key = |j: &Judged| (j.verdict, j.loss.upper.is_none(), j.loss.upper);
                    let names = |j: &Judged| j.to.clone();
                    if (key(&judged), names(&judged)) > (key(worst), names(worst)) {
                        *worst = judged;
                    }
                }
            }
        }
    }
    let one = |of: Option<(Arc<Judged>, Vec<Side>)>| {
        let (judged, mut sides) = of.unwrap_or_default();
        sides.sort_by(|a, b| a.region.cmp(&b.region));
        (judged, sides)
    };
    all.into_iter().map(one).collect()
}

/// All of them under the scenario.
pub(crate) fn all_under<'a>(
    cx: &Cx<'a>,
    facts: &[Facts<'a>],
    regions: &[RegionView],
    memo: &mut Memo,
) -> Vec<Arc<Judged>> {
    let mut all = vec![Arc::default(); facts.len()];
    under(cx, facts, regions, (cx.lost.clone(), memo), &cx.ground.order, |n, judged| all[n] = judged);
    all
}

/// Judges `workloads`, given by tier and id, under one loss.
fn under<'a>(
    cx: &Cx<'a>,
    facts: &[Facts<'a>],
    regions: &[RegionView],
    (lost, memo): (Arc<Lost>, &mut Memo),
    workloads: &[usize],
    mut each: impl FnMut(usize, Arc<Judged>),
) {
    let mut loads = HashMap::default();
    if !cx.observations.learned.timings.rates.is_empty() {
        // Once to see what is restored from where, once to see how long it takes.
        let bench = Bench { cx, facts, regions, loads: &HashMap::default() };
        let mut judge = Judge::new(&bench, lost.clone(), memo);
        workloads.iter().for_each(|n| judge.settle(*n));
        loads = self::loads(&bench, &judge);
        judge.end();
    }
    let bench = Bench { cx, facts, regions, loads: &loads };
    let mut judge = Judge::new(&bench, lost, memo);
    workloads.iter().for_each(|n| judge.settle(*n));
    workloads.iter().for_each(|n| each(*n, judge.found[*n].take().unwrap_or_default()));
    judge.end();
}

/// Bytes that would be restored from each store.
fn loads(bench: &Bench, judge: &Judge) -> HashMap<StoreId, u64> {
    let mut loads: HashMap<StoreId, u64> = HashMap::default();
    for (n, facts) in bench.facts.iter().enumerate() {
        let Some(judged) = &judge.found[n] else { continue };
        for using in &judged.using {
            let asset = facts.assets.iter().find(|a| a.asset.id == using.asset);
            let copy = asset.and_then(|a| a.copies().find(|c| Some(c.store_id()) == using.copy.as_ref()));
            let Some((copy, store)) = copy.zip(using.copy.as_ref()) else { continue };
            let size = copy.last_good().and_then(|p| p.size_bytes).unwrap_or(0);
            let load = loads.entry(store.clone()).or_default();
            *load = load.saturating_add(size);
        }
    }
    loads
}
