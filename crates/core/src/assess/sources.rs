//! What one asset could be recovered from, and how much that would lose.

use super::asset::{AssetFacts, CopyAt, CopyFacts, Received, ReplicaFacts, WritesEnd};
use super::clean::{self, Clean, Standing};
use super::domains::{Lost, Modes};
use super::offers::{Begins, Best, Offer, Source, Span, meets_zero};
use super::workload::Facts;
use super::{Assumption, Cx, Loss, Reason, Verdict};
use crate::model::*;

/// One recovery that is being judged.
pub(crate) struct Ask<'j, 'a> {
    pub cx: &'j Cx<'a>,
    pub facts: &'j Facts<'a>,
    pub lost: &'j Lost,
    /// `None`: anywhere.
    pub region: Option<&'j RegionId>,
    pub rpo: Option<Dur>,
    /// How much longer recovery may take than it would without retrieval;
    /// `None` where any time will do.
    pub room: Option<Dur>,
    /// The runbook that would be followed.
    pub plan: Option<usize>,
    /// What is lost on the way, whether or not it decides.
    pub hidden: Vec<Reason>,
    pub assumptions: Vec<Assumption>,
}

/// Whether what serves the workload is so hit that its data is bad.
pub(crate) fn damaged(facts: &Facts, asset: &AssetFacts, owner: &Facts, lost: &Lost) -> bool {
    home(facts, lost).damages()
        || home(owner, lost).damages()
        || lost.asset(&asset.owner.id, &asset.asset.id).damages()
}

/// How the regions that serve a workload, and its account, are hit.
pub(crate) fn home(facts: &Facts, lost: &Lost) -> Modes {
    let regions: Modes = facts.serving_at.iter().map(|r| lost.at(*r)).sum();
    regions.and(lost.at(facts.account_at))
}

impl<'j, 'a> Ask<'j, 'a> {
    /// What survives, to be had anywhere, with nothing to hold it against.
    pub fn new(cx: &'j Cx<'a>, facts: &'j Facts<'a>, lost: &'j Lost) -> Self {
        Self {
            cx,
            facts,
            lost,
            region: None,
            rpo: None,
            room: None,
            plan: None,
            hidden: Vec::new(),
            assumptions: Vec::new(),
        }
    }

    /// The best source of `asset`; for a part of it, from what was seen of that
    /// part.
    pub fn best(
        &mut self,
        asset: &'j AssetFacts<'a>,
        owner: &Facts<'a>,
        part: Option<&str>,
        writes: WritesEnd,
    ) -> (Source<'j, 'a>, Verdict) {
        let damaged = damaged(self.facts, asset, owner, self.lost);
        let rpo = asset.asset.rpo.or(self.rpo);
        let (best, stood) = self.replicas(asset, damaged, writes, rpo);
        let promoted = self.is_promoted(asset);
        // What will be promoted is what counts, seen or not.
        if promoted && !best.is_empty() {
            return (best.source(), Verdict::Unaffected);
        }
        // Losing it as well is no improvement on what it would have given.
        let floor = if promoted { stood.unwrap_or(Verdict::Unaffected) } else { Verdict::Unaffected };
        let source = self.copies(best, asset, damaged, part, writes, rpo).source();
        (source, floor)
    }

    /// Offers of replicas; and what those that are hit would have given.
    fn replicas(
        &mut self,
        asset: &'j AssetFacts<'a>,
        damaged: bool,
        writes: WritesEnd,
        rpo: Option<Dur>,
    ) -> (Best<'j, 'a>, Option<Verdict>) {
        let mut best = Best::default();
        let mut stood = None;
        for facts in asset.replicas.iter().filter(|r| self.here(asset, r)) {
            let hit = self.replica_hit(asset, facts);
            let offer = facts.received.map(|received| self.replica(facts, received, writes, rpo));
            if !damaged && !hit.stops() {
                match offer {
                    None => best.unknown(None),
                    Some(offer) => best.offer(facts.freshness, offer),
                }
                continue;
            }
            let would = match offer.filter(|_| facts.freshness.is_current()) {
                Some(offer) if offer.bad => Verdict::Breach,
                Some(_) => Verdict::Recoverable,
                None => Verdict::Unknown,
            };
            stood = Some(stood.map_or(would, |before: Verdict| before.min(would)));
            if !hit.has(Modes::GONE) {
                let (asset, region) = (asset.asset.id.clone(), facts.replica.region.clone());
                best.out = Some(Reason::ReplicaInherits { asset, region });
            }
        }
        (best, stood)
    }

    /// Whether a replica could be what the service goes on from.
    fn here(&self, asset: &AssetFacts, replica: &ReplicaFacts) -> bool {
        let region = &replica.replica.region;
        let own = asset.owner.id == self.facts.workload.id;
        // Where it serves alone, what is declared as a replica is the original.
        if own && self.facts.serving_only(region) {
            return false;
        }
        // Brought back where it is, it is fed from anywhere; another workload's
        // asset is reached where that one recovers.
        let anywhere = |target: &RegionId| !own || self.facts.serving_only(target);
        self.region.is_none_or(|target| region == target || anywhere(target))
    }

    fn replica(
        &self,
        facts: &'j ReplicaFacts<'a>,
        received: Received,
        writes: WritesEnd,
        rpo: Option<Dur>,
    ) -> Offer<'j, 'a> {
        let (received, loss) = match facts.in_step {
            true => (received.moved(writes.hi), Loss { lower: Dur::ZERO, upper: Some(Dur::ZERO) }),
            false => (received, received.loss(writes, None)),
        };
        let mut offer = Offer {
            loss,
            received,
            bad: false,
            in_step: facts.in_step,
            replica: Some(facts),
            copy: None,
            part: None,
            begins: Begins::At(None),
            retrieval: None,
            least: None,
        };
        offer.bad = self.is_bad(&offer, writes, rpo);
        offer
    }

    pub fn is_bad(&self, offer: &Offer, writes: WritesEnd, rpo: Option<Dur>) -> bool {
        let over = offer.loss.upper.zip(rpo).is_some_and(|(loss, rpo)| loss > rpo);
        let bound = !self.facts.workload.residency.is_empty();
        over || !meets_zero(offer, writes, rpo)
            || (bound && offer.region().is_some_and(|r| self.is_outside(r)))
    }

    pub fn is_outside(&self, region: &RegionId) -> bool {
        let residency = &self.facts.workload.residency;
        if residency.is_empty() {
            return false;
        }
        let inside = |r: &Region| r.jurisdiction.iter().any(|j| residency.contains(j));
        !self.cx.region(region).is_some_and(inside)
    }

    fn copies(
        &mut self,
        mut best: Best<'j, 'a>,
        asset: &'j AssetFacts<'a>,
        damaged: bool,
        part: Option<&str>,
        writes: WritesEnd,
        rpo: Option<Dur>,
    ) -> Best<'j, 'a> {
        for facts in asset.copies() {
            if self.is_behind(&facts, &best) {
                continue;
            }
            match clean::standing(self, asset, facts, damaged) {
                Standing::Out(why) => {
                    if why.is_some() {
                        best.out = why;
                    }
                }
                Standing::Unknown(why, at_best) => {
                    let summary = facts.seen().and_then(|s| of_part(&s.value, part));
                    // What was seen to hold nothing holds nothing, known or not.
                    let holds = summary.is_some_and(|s| clean::holds(facts.ground(), s, at_best));
                    match facts.is_seen && !holds {
                        true => best.out = Some(why),
                        false => best.unknown(Some(why)),
                    }
                }
                _ if !facts.is_seen => best.unknown(None),
                Standing::Whole if part.is_none() => {
                    if let Some(received) = facts.received() {
                        best.offer(facts.freshness, self.offer(facts, received, None, writes, rpo));
                    }
                }
                Standing::Whole => best.offers(facts.freshness, self.limited(facts, part, None, writes, rpo)),
                Standing::Clean(clean) => {
                    let offer = self.limited(facts, part, Some(clean), writes, rpo);
                    if offer.is_none() {
                        let (asset, store) = (asset.asset.id.clone(), facts.store_id().clone());
                        best.out = Some(Reason::NoCleanPoint { asset, store });
                    }
                    best.offers(facts.freshness, offer);
                }
            }
        }
        if best.now.as_ref().is_none_or(|b| b.bad) {
            let others = self.counting(asset, damaged, part);
            self.archived(&mut best, &others, writes, rpo);
            doubtful(&mut best, asset, &others);
        }
        best
    }

    /// Whether a copy is older than what is there already and will do, so that
    /// nothing would come of it: most are, and this is asked of ten thousand.
    /// What is gone offers nothing either; what is turned may have to be said.
    fn is_behind(&self, copy: &CopyFacts, best: &Best) -> bool {
        let Some((now, received)) = best.now.as_ref().zip(copy.received()) else { return false };
        !now.bad
            && received.through_ms() < now.received.through_ms()
            && copy.alone
            && !self.lost.turns(copy.store)
    }

    /// From what was seen of a part, or within a limit.
    fn limited(
        &self,
        facts: CopyAt<'j, 'a>,
        part: Option<&str>,
        clean: Option<Clean>,
        writes: WritesEnd,
        rpo: Option<Dur>,
    ) -> Option<Offer<'j, 'a>> {
        let seen = facts.seen()?;
        let summary = of_part(&seen.value, part)?;
        let (through, point) = clean::reach(facts.ground(), summary, clean)?;
        let received = Received::at(through, seen.at.timestamp_millis());
        let offer = self.offer(facts, received, clean, writes, rpo);
        Some(Offer { begins: Begins::At(point), part: part.map(|_| summary), ..offer })
    }

    fn offer(
        &self,
        facts: CopyAt<'j, 'a>,
        received: Received,
        clean: Option<Clean>,
        writes: WritesEnd,
        rpo: Option<Dur>,
    ) -> Offer<'j, 'a> {
        let mut offer = Offer {
            loss: received.loss(writes, clean.map(|c| c.before)),
            received,
            bad: false,
            in_step: false,
            replica: None,
            copy: Some(facts),
            part: None,
            begins: Begins::LastGood,
            retrieval: None,
            least: None,
        };
        offer.bad = self.is_bad(&offer, writes, rpo);
        offer
    }

    /// Copies that count and were seen, with what was seen of them.
    fn counting(
        &mut self,
        asset: &'j AssetFacts<'a>,
        damaged: bool,
        part: Option<&str>,
    ) -> Vec<Counting<'j, 'a>> {
        // What standing says on the way was said before.
        let (hidden, assumptions) = (self.hidden.len(), self.assumptions.len());
        let mut all = Vec::with_capacity(asset.copies().len());
        for facts in asset.copies() {
            let clean = match clean::standing(self, asset, facts, damaged) {
                Standing::Out(_) | Standing::Unknown(..) => continue,
                Standing::Whole => None,
                Standing::Clean(clean) => Some(clean),
            };
            let Some(seen) = facts.seen() else { continue };
            if let Some(summary) = of_part(&seen.value, part) {
                let (as_of, is_whole) = (seen.at.timestamp_millis(), part.is_none());
                all.push(Counting { facts, summary, clean, as_of, is_whole });
            }
        }
        self.hidden.truncate(hidden);
        self.assumptions.truncate(assumptions);
        all
    }

    /// All that the sources seen now could bring it back to.
    pub fn spans(
        &mut self,
        asset: &'j AssetFacts<'a>,
        owner: &Facts<'a>,
        part: Option<&str>,
        writes: WritesEnd,
    ) -> Vec<Span<'j, 'a>> {
        let rpo = asset.asset.rpo.or(self.rpo);
        let damaged = damaged(self.facts, asset, owner, self.lost);
        let mut spans = Vec::new();
        for facts in asset.replicas.iter().filter(|r| self.here(asset, r) && r.freshness.is_current()) {
            let hit = self.replica_hit(asset, facts);
            if let Some(received) = facts.received.filter(|_| !damaged && !hit.stops()) {
                let offer = self.replica(facts, received, writes, rpo);
                let at = offer.received.through_ms();
                spans.push(Span { from: at, to: at, offer });
            }
        }
        if self.is_promoted(asset) && !spans.is_empty() {
            return spans;
        }
        for c in self.counting(asset, damaged, part) {
            if !c.facts.freshness.is_current() {
                continue;
            }
            for (from, to, point) in clean::all_spans(c.facts.ground(), c.summary, c.clean) {
                let offer = self.offer(c.facts, Received::at(to, c.as_of), c.clean, writes, rpo);
                let part = part.map(|_| c.summary);
                spans.push(Span { from, to, offer: Offer { begins: Begins::At(point), part, ..offer } });
            }
        }
        spans
    }

    fn is_promoted(&self, asset: &AssetFacts) -> bool {
        self.plan.is_some_and(|plan| asset.on.promoted_by.contains(&plan))
    }

    fn replica_hit(&self, asset: &AssetFacts, facts: &ReplicaFacts) -> Modes {
        let (region, account) = asset.on.replicas[facts.index];
        self.lost.at(region).and(self.lost.at(account))
    }

    /// A point that has to be retrieved first counts where nothing usable
    /// would do, and it would.
    fn archived(
        &self,
        best: &mut Best<'j, 'a>,
        copies: &[Counting<'j, 'a>],
        writes: WritesEnd,
        rpo: Option<Dur>,
    ) {
        let mut retrieved = Best::default();
        for c in copies {
            let newest = || clean::newest(c.summary, c.clean, &[PointState::Archived]);
            let Some(kept) = c.others().then(newest).flatten() else { continue };
            let received = Received::at(kept.at.timestamp_millis(), c.as_of);
            let mut offer = self.offer(c.facts, received, c.clean, writes, rpo);
            offer.begins = Begins::At(Some(&kept.id));
            let retrieval = c.facts.ground().retrieval;
            offer.retrieval = Some(retrieval);
            let fits = match self.room {
                Some(room) => retrieval.is_some_and(|takes| takes <= room),
                None => true,
            };
            // Of two, the one that does is not to be hidden by the newer.
            if fits || best.now.is_none() {
                offer.bad |= !fits;
                retrieved.offer(c.facts.freshness, offer);
            }
        }
        if let Some(offer) = retrieved.now.filter(|o| best.now.is_none() || !o.bad) {
            best.now = Some(offer);
        }
        if best.before.is_none() {
            best.before = retrieved.before;
        }
    }

    /// What is taken for granted in using `offer`.
    pub fn assume(&mut self, offer: &Offer) {
        let Some(copy) = offer.copy else { return };
        let store = copy.ground().place.map(|n| &self.cx.estate.stores[n]);
        let by_place = [DomainKind::Region, DomainKind::Provider];
        if store.is_some_and(|s| s.region.is_none()) && self.lost.of_kind(&by_place) {
            self.assumptions.push(Assumption::StoreRegion { store: copy.store_id().clone() });
        }
        let by_owner = [DomainKind::Account, DomainKind::Organisation, DomainKind::Provider];
        if store.is_some_and(|s| s.account.is_none()) && self.lost.of_kind(&by_owner) {
            self.assumptions.push(Assumption::StoreAccount { store: copy.store_id().clone() });
        }
        if let Some(needs) = &copy.ground().needs {
            needs.assumes(self.cx.estate, copy.store_id(), &mut self.assumptions);
        }
    }
}

/// A copy that counts and was seen.
struct Counting<'j, 'a> {
    facts: CopyAt<'j, 'a>,
    summary: &'j CopySummary,
    clean: Option<Clean>,
    as_of: Millis,
    /// It is of the copy, not of a part.
    is_whole: bool,
}

impl Counting<'_, '_> {
    /// Whether it may keep points that are not simply usable; of a part only
    /// what was seen of the part says.
    fn others(&self) -> bool {
        self.facts.others || !self.is_whole
    }
}

/// Where there is nothing else, what nobody vouches for makes it unknown.
fn doubtful(best: &mut Best, asset: &AssetFacts, copies: &[Counting]) {
    if !best.is_empty() {
        return;
    }
    for c in copies {
        let doubtful = [PointState::Suspect, PointState::Unverified];
        let newest = || clean::newest(c.summary, c.clean, &doubtful);
        if let Some(kept) = c.others().then(newest).flatten() {
            let (asset, store) = (asset.asset.id.clone(), c.facts.store_id().clone());
            best.unknown(Some(Reason::OnlyDoubtful { asset, store, state: kept.state }));
        }
    }
}

/// What was seen of one part; a copy that is not seen in parts is whole.
fn of_part<'j>(summary: &'j CopySummary, part: Option<&str>) -> Option<&'j CopySummary> {
    match part {
        Some(part) if !summary.parts.is_empty() => summary.parts.get(part),
        _ => Some(summary),
    }
}
