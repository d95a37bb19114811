//! Verdicts: every candidate region is judged with the best source of each
//! asset, and the best candidate speaks for the workload.

use std::num::NonZeroU32;
use std::rc::Rc;

use rustc_hash::FxHashMap as HashMap;

use super::asset::{AssetFacts, CopyFacts, WritesEnd};
use super::domains::Lost;
use super::workload::{Facts, writes_end};
use super::{Cx, Judged, Loss, Reason, RegionView, RtoBasis, State, Using, Verdict};
use crate::model::*;

/// Judges workloads under one loss, each at most once.
pub(crate) struct Judge<'a, 'f> {
    cx: &'f Cx<'a>,
    facts: &'f [Facts<'a>],
    regions: &'f [RegionView],
    lost: Rc<Lost>,
    /// By the place of the workload: the place of its verdict in `found`.
    place: Vec<Option<NonZeroU32>>,
    found: Vec<Judged>,
    as_well: HashMap<&'f [RegionId], Rc<Lost>>,
}

impl<'a, 'f> Judge<'a, 'f> {
    pub fn new(cx: &'f Cx<'a>, facts: &'f [Facts<'a>], regions: &'f [RegionView], lost: Rc<Lost>) -> Self {
        let place = vec![None; facts.len()];
        Self { cx, facts, regions, lost, place, found: Vec::new(), as_well: HashMap::default() }
    }

    fn done(&mut self, n: usize) -> Option<&mut Judged> {
        self.found.get_mut(self.place[n]?.get() as usize - 1)
    }
    fn put(&mut self, n: usize, judged: Judged) {
        match self.done(n) {
            Some(before) => *before = judged,
            None => {
                self.found.push(judged);
                self.place[n] = u32::try_from(self.found.len()).ok().and_then(NonZeroU32::new);
            }
        }
    }

    /// Finds the verdict of one workload, its hard dependencies included.
    fn settle(&mut self, n: usize) {
        if self.place[n].is_some() {
            return;
        }
        let facts = &self.facts[n];
        let mut judged = self.alone(facts);
        let mut hard = facts.workload.depends_on.iter().filter(|d| d.kind == DependencyKind::Hard).peekable();
        if hard.peek().is_some() {
            // A cycle is refused when the estate loads; this keeps one from hanging us.
            self.put(n, judged.clone());
        }
        let mut before = Some(Dur::ZERO);
        for dependency in hard {
            let Some(on) = self.cx.ground.workload(dependency.id.as_str()) else { continue };
            self.settle(on);
            let Some(other) = self.done(on) else { continue };
            if other.verdict > judged.verdict {
                judged.verdict = other.verdict;
                let on = dependency.id.clone();
                judged.reasons.push(Reason::DependencyLost { on, verdict: other.verdict });
            }
            if other.verdict >= Verdict::Recoverable {
                before = before.zip(other.rto).map(|(a, b)| a.max(b));
            }
        }
        // Detection and decision are made once for all.
        judged.rto = judged.rto.zip(before).map(|(own, before)| match (before, own) {
            (Dur::ZERO, own) => own,
            (before, Dur::ZERO) => before,
            (before, own) => own + (before - overhead(self.cx)).at_least_zero(),
        });
        if before != Some(Dur::ZERO) {
            hold_rto(facts.rto, &mut judged);
        }
        self.put(n, judged);
    }

    /// Without its dependencies.
    fn alone(&mut self, facts: &'f Facts<'a>) -> Judged {
        let (cx, regions) = (self.cx, self.regions);
        let mode = self.lost.other_mode();
        if affected(facts, &self.lost) || mode.is_some() {
            let mut judged = recovered(cx, facts, regions, &self.lost);
            if let Some(mode) = mode {
                judged.verdict = judged.verdict.max(Verdict::Unknown);
                judged.reasons.push(Reason::ModeNotJudged { mode });
            }
            return judged;
        }
        let lost = &self.lost;
        let as_well = self.as_well.entry(&facts.serving);
        let as_well = as_well.or_insert_with(|| Rc::new(lost.and(cx.estate, &facts.serving))).clone();
        let as_well = recovered(cx, facts, regions, &as_well);
        let exposed = as_well.verdict >= Verdict::Unknown;
        Judged {
            verdict: if exposed { Verdict::Exposed } else { Verdict::Unaffected },
            to: None,
            loss: Loss { lower: Dur::ZERO, upper: Some(Dur::ZERO) },
            rto: Some(Dur::ZERO),
            rto_basis: facts.rto_estimate.1,
            using: Vec::new(),
            rejected: Vec::new(),
            reasons: if exposed { as_well.reasons } else { Vec::new() },
            assumptions: Vec::new(),
        }
    }
}

/// Holds the time with all that must come before against the objective.
fn hold_rto(target: Option<Dur>, judged: &mut Judged) {
    match (judged.rto, target) {
        (Some(estimate), Some(target)) if estimate > target => {
            judged.verdict = judged.verdict.max(Verdict::Breach);
            judged.reasons.push(Reason::RtoExceeded { estimate, target });
        }
        (None, Some(_)) => {
            judged.verdict = judged.verdict.max(Verdict::Unknown);
            judged.reasons.push(Reason::RtoUnknown);
        }
        _ => {}
    }
}

fn overhead(cx: &Cx) -> Dur {
    let defaults = &cx.estate.defaults;
    defaults.detect.unwrap_or(defaults.poll.times(2)) + defaults.decide.unwrap_or(Dur::ZERO)
}

/// Each workload as if the regions that serve it were gone this second.
pub(crate) fn all_at_home<'a>(cx: &Cx<'a>, facts: &[Facts<'a>], regions: &[RegionView]) -> Vec<Judged> {
    let mut homes: HashMap<&[RegionId], Vec<usize>> = HashMap::default();
    for (n, f) in facts.iter().enumerate() {
        homes.entry(&f.serving).or_default().push(n);
    }
    let mut all: Vec<_> = facts.iter().map(|_| Judged::default()).collect();
    for (serving, workloads) in homes {
        let lost = Rc::new(Lost::of(cx.estate, &Scenario::gone(serving)));
        let mut judge = Judge::new(cx, facts, regions, lost);
        workloads.iter().for_each(|n| judge.settle(*n));
        for n in workloads {
            all[n] = judge.done(n).map(std::mem::take).unwrap_or_default();
        }
    }
    all
}

pub(crate) fn all_under<'a>(
    cx: &Cx<'a>,
    facts: &[Facts<'a>],
    regions: &[RegionView],
    lost: Rc<Lost>,
) -> Vec<Judged> {
    let mut judge = Judge::new(cx, facts, regions, lost);
    (0..facts.len()).for_each(|n| judge.settle(n));
    (0..facts.len()).map(|n| judge.done(n).map(std::mem::take).unwrap_or_default()).collect()
}

fn affected(facts: &Facts, lost: &Lost) -> bool {
    facts.serving.is_empty()
        || facts.serving.iter().any(|r| lost.region(r))
        || lost.account(facts.workload.account.as_ref())
        || facts.assets.iter().any(|a| a.asset.required && lost.asset(&a.owner.id, &a.asset.id))
        || facts.assets.iter().any(|a| a.asset.required && used_and_lost(facts, a, lost))
}

/// Whether an asset that another workload owns goes down with that one's home.
fn used_and_lost(facts: &Facts, asset: &AssetFacts, lost: &Lost) -> bool {
    let owner = asset.owner;
    owner.id != facts.workload.id
        && (owner.home.as_ref().is_some_and(|r| lost.region(r)) || lost.account(owner.account.as_ref()))
}

/// The best candidate for a workload whose serving regions are lost.
fn recovered(cx: &Cx, facts: &Facts, regions: &[RegionView], lost: &Lost) -> Judged {
    let mut rejected = Vec::new();
    let mut best: Option<Judged> = None;
    let standbys = facts.workload.standbys.iter().map(|s| (&s.region, s.account.as_ref()));
    // The region that is declared home is a target once service has moved away.
    let others = facts.workload.active.iter().map(|a| &a.region).chain(&facts.workload.home);
    let others = others.filter(|r| !(facts.serving.contains(r) && lost.region(r)));
    for (region, account) in standbys.chain(others.map(|r| (r, None))) {
        let known = rejected.iter().any(|(r, _): &(RegionId, Reason)| r == region);
        if known || best.as_ref().is_some_and(|b| b.to.as_ref() == Some(region)) {
            continue;
        }
        if lost.account(account) || lost.region(region) {
            rejected.push((region.clone(), Reason::TargetLost { region: region.clone() }));
            continue;
        }
        match candidate(cx, facts, regions, lost, region) {
            Err(reason) => rejected.push((region.clone(), reason)),
            Ok(judged) => {
                let rank = |j: &Judged| (j.verdict, j.loss.upper.map_or((1, Dur::ZERO), |u| (0, u)));
                if best.as_ref().is_none_or(|b| rank(&judged) < rank(b)) {
                    best = Some(judged);
                }
            }
        }
    }
    let mut judged = best.unwrap_or_else(|| nowhere(cx, facts, lost, rejected.is_empty()));
    if judged.verdict == Verdict::Lost {
        // There is nothing to take anywhere.
        judged.to = None;
    }
    judged.rejected = rejected;
    judged
}

/// What survives when there is no region to recover into.
fn nowhere(cx: &Cx, facts: &Facts, lost: &Lost, none_declared: bool) -> Judged {
    let mut judged = assets(cx, facts, lost, None);
    judged.rto = None;
    judged.rto_basis = RtoBasis::Unknown;
    if facts.serving.is_empty() {
        judged.reasons.insert(0, Reason::NoHome);
    }
    if none_declared {
        // The data may live on; whether the service can, nobody declared.
        judged.verdict = judged.verdict.max(Verdict::Unknown);
        judged.reasons.push(Reason::NoTarget);
    } else {
        judged.verdict = Verdict::Lost;
    }
    judged
}

fn candidate(
    cx: &Cx,
    facts: &Facts,
    regions: &[RegionView],
    lost: &Lost,
    region: &RegionId,
) -> Result<Judged, Reason> {
    let view = cx.ground.region(region.as_str()).map(|n| &regions[n]);
    let own = facts.health.iter().filter(|(h, _)| h.region.as_ref() == Some(region)).map(|(h, _)| h);
    if let Some(down) = own.clone().find(|h| h.state == State::Critical) {
        return Err(Reason::RegionDown { region: region.clone(), detail: down.detail.clone() });
    }
    if let Some(view) = view.filter(|v| v.state == State::Critical) {
        let down = |r: &&Reason| matches!(r, Reason::RegionDown { .. });
        let reason = view.reasons.iter().find(down).cloned();
        return Err(reason.unwrap_or(Reason::TargetLost { region: region.clone() }));
    }
    let mut judged = assets(cx, facts, lost, Some(region));
    judged.to = Some(region.clone());
    match view {
        Some(view) if view.reasons.iter().any(|r| matches!(r, Reason::RegionNotWatched { .. })) => {
            judged.assumptions.push(format!("{region} works: nothing is declared that would show it"));
        }
        Some(view) if view.state == State::Ok => {}
        _ => {
            judged.verdict = judged.verdict.max(Verdict::Unknown);
            judged.reasons.push(Reason::RegionUnseen { region: region.clone() });
        }
    }
    if own.clone().any(|h| h.state == State::Unknown) {
        judged.verdict = judged.verdict.max(Verdict::Unknown);
        judged.reasons.push(Reason::HealthUnseen { region: Some(region.clone()) });
    }
    objectives(cx, facts, region, &mut judged);
    Ok(judged)
}

/// Holds a candidate against RTO and residency; RPO is held per asset.
fn objectives(cx: &Cx, facts: &Facts, region: &RegionId, judged: &mut Judged) {
    let mut worsen = |verdict: Verdict, reason: Reason| {
        judged.verdict = judged.verdict.max(verdict);
        judged.reasons.push(reason);
    };
    let residency = &facts.workload.residency;
    let inside =
        cx.region(region.as_str()).is_some_and(|r| r.jurisdiction.iter().any(|j| residency.contains(j)));
    if !residency.is_empty() && !inside {
        worsen(Verdict::Breach, Reason::OutsideResidency { region: region.clone() });
    }
    let (estimate, basis) = facts.rto_estimate;
    match (estimate, facts.rto) {
        (Some(estimate), Some(target)) if estimate > target => {
            worsen(Verdict::Breach, Reason::RtoExceeded { estimate, target });
        }
        (None, Some(_)) => worsen(Verdict::Unknown, Reason::RtoUnknown),
        _ => {}
    }
    judged.rto = estimate;
    judged.rto_basis = basis;
    if facts.rpo.is_none() {
        judged.assumptions.push("any loss is tolerated: no RPO is declared".to_owned());
    }
}

/// The best source of each required asset for a recovery into `region`.
fn assets(cx: &Cx, facts: &Facts, lost: &Lost, region: Option<&RegionId>) -> Judged {
    let mut judged = Judged {
        verdict: Verdict::Recoverable,
        to: None,
        loss: Loss { lower: Dur::ZERO, upper: Some(Dur::ZERO) },
        rto: None,
        rto_basis: RtoBasis::Unknown,
        using: Vec::with_capacity(facts.assets.len()),
        rejected: Vec::new(),
        reasons: Vec::new(),
        assumptions: Vec::new(),
    };
    for asset in facts.assets.iter().filter(|a| a.asset.required && a.asset.rebuild.is_none()) {
        let writes = writes_end(cx, facts, asset);
        let source = best_source(asset, lost, region, writes);
        let target = asset.asset.rpo.or(facts.rpo);
        let id = asset.asset.id.clone();
        match source {
            Source::Known(using) => {
                if let Some((actual, target)) = using.loss.upper.zip(target).filter(|(a, t)| a > t) {
                    judged.verdict = judged.verdict.max(Verdict::Breach);
                    judged.reasons.push(Reason::RpoExceeded { actual, target });
                }
                add_loss(&mut judged.loss, using.loss);
                judged.using.push(using);
            }
            Source::NotSeenNow(using) => {
                judged.verdict = judged.verdict.max(Verdict::Unknown);
                judged.reasons.push(Reason::RpoUnknown { asset: id });
                add_loss(&mut judged.loss, using.loss);
                judged.using.push(using);
            }
            Source::Unknown => {
                judged.verdict = judged.verdict.max(Verdict::Unknown);
                judged.reasons.push(Reason::RpoUnknown { asset: id });
                judged.loss.upper = None;
            }
            Source::None => {
                judged.verdict = Verdict::Lost;
                judged.reasons.push(Reason::NothingSurvives { asset: id });
                judged.loss.upper = None;
            }
        }
    }
    judged
}

fn add_loss(whole: &mut Loss, part: Loss) {
    whole.lower = whole.lower.max(part.lower);
    whole.upper = whole.upper.zip(part.upper).map(|(a, b)| a.max(b));
}

enum Source {
    Known(Using),
    /// Known to have received, but not seen now.
    NotSeenNow(Using),
    /// Something is declared that was never seen.
    Unknown,
    None,
}

/// A source that an asset could be recovered from, not yet spelled out: there
/// are many, and one is taken.
#[derive(Clone, Copy)]
struct Offer<'a> {
    loss: Loss,
    replica: Option<&'a RegionId>,
    copy: Option<&'a CopyFacts<'a>>,
}

impl Offer<'_> {
    fn using(self, asset: &AssetFacts) -> Using {
        Using {
            asset: asset.asset.id.clone(),
            copy: self.copy.map(|c| c.on.store.clone()),
            replica: self.replica.cloned(),
            point: self.copy.and_then(CopyFacts::last_good).map(|p| p.id.clone()),
            loss: self.loss,
        }
    }
}

/// The source that loses least, of those seen now and of the others.
#[derive(Default)]
struct Best<'a> {
    now: Option<Offer<'a>>,
    before: Option<Offer<'a>>,
}

impl<'a> Best<'a> {
    fn offer(&mut self, freshness: Freshness, offer: Offer<'a>) {
        let slot = if freshness.is_current() { &mut self.now } else { &mut self.before };
        if slot.as_ref().is_none_or(|b| offer.loss.upper < b.loss.upper) {
            *slot = Some(offer);
        }
    }
}

fn best_source(asset: &AssetFacts, lost: &Lost, region: Option<&RegionId>, writes: WritesEnd) -> Source {
    let mut unseen = false;
    let mut best = Best::default();
    for facts in &asset.replicas {
        let replica = facts.replica;
        let here = region.is_none_or(|r| replica.region == *r);
        if !here || lost.region(&replica.region) || lost.account(replica.account.as_ref()) {
            continue;
        }
        match facts.received {
            None => unseen = true,
            Some(received) => {
                let loss = received.loss(writes);
                best.offer(facts.freshness, Offer { loss, replica: Some(&replica.region), copy: None });
            }
        }
    }
    // What will be promoted is what counts, seen or not.
    match (&best, unseen) {
        _ if !asset.promoted => {}
        (Best { now: Some(replica), .. }, _) => return Source::Known(replica.using(asset)),
        (Best { before: Some(replica), .. }, _) => return Source::NotSeenNow(replica.using(asset)),
        (_, true) => return Source::Unknown,
        _ => {}
    }
    for facts in asset.copies.iter().filter(|c| !lost.store(c.on.place)) {
        match (facts.received, facts.seen) {
            (Some(received), Some(_)) => {
                let loss = received.loss(writes);
                best.offer(facts.freshness, Offer { loss, replica: None, copy: Some(facts) });
            }
            (_, None) => unseen = true,
            // Seen, and holding nothing usable.
            (None, Some(_)) => unseen |= !facts.freshness.is_current(),
        }
    }
    match best {
        Best { now: Some(known), .. } => Source::Known(known.using(asset)),
        Best { now: None, before: Some(old) } => Source::NotSeenNow(old.using(asset)),
        _ if unseen => Source::Unknown,
        _ => Source::None,
    }
}

/// What a verdict says of one asset.
pub(crate) fn loss_of(judged: &Judged, asset: &AssetId) -> Option<Loss> {
    judged.using.iter().find(|u| u.asset == *asset).map(|u| u.loss)
}
