//! Sources that an asset could be recovered from, and the choice among them.

use std::cmp::Ordering;

use super::asset::{CopyAt, Received, ReplicaFacts, WritesEnd};
use super::{Loss, Reason, Using};
use crate::model::*;

pub(crate) enum Source<'j, 'a> {
    Known(Offer<'j, 'a>),
    /// Known to have received, but not seen now.
    NotSeenNow(Offer<'j, 'a>),
    /// Something is declared that was never seen, or that nobody vouches for.
    Unknown(Option<Reason>),
    None(Option<Reason>),
}

/// A source that an asset could be recovered from, not yet spelled out: there
/// are many, and one is taken.
#[derive(Clone, Copy)]
pub(crate) struct Offer<'j, 'a> {
    pub loss: Loss,
    /// What it has received, as of when.
    pub received: Received,
    /// Outside the objective or the residency: it would make a breach.
    pub bad: bool,
    /// It takes a write before that counts.
    pub in_step: bool,
    pub replica: Option<&'j ReplicaFacts<'a>>,
    pub copy: Option<CopyAt<'j, 'a>>,
    /// What was seen of the part in question, where the copy is seen in parts.
    pub part: Option<&'j CopySummary>,
    pub begins: Begins<'j>,
    /// It has to be retrieved first; the inner `None` is unknown.
    pub retrieval: Option<Option<Dur>>,
    /// The least loss of any source, were all as they were last seen.
    pub least: Option<Dur>,
}

/// The point that a recovery begins with.
#[derive(Clone, Copy)]
pub(crate) enum Begins<'j> {
    /// The last good one: looked up only where the offer is taken, for what was
    /// seen lies far away in memory.
    LastGood,
    At(Option<&'j str>),
}

impl<'j> Offer<'j, '_> {
    /// What was seen of what it is taken from.
    pub fn summary(&self) -> Option<&'j CopySummary> {
        self.part.or_else(|| self.copy.and_then(|c| c.seen()).map(|s| &*s.value))
    }
    pub fn using(&self, asset: &AssetId, part: Option<&str>) -> Using {
        Using {
            asset: asset.clone(),
            part: part.map(str::to_owned),
            copy: self.copy.map(|c| c.store_id().clone()),
            replica: self.replica.map(|r| r.replica.region.clone()),
            point: match self.begins {
                Begins::LastGood => self.copy.and_then(CopyAt::last_good).map(|p| p.id.clone()),
                Begins::At(point) => point.map(str::to_owned),
            },
            loss: self.loss,
        }
    }
    /// Where it lies.
    pub fn region(&self) -> Option<&'j RegionId> {
        match (self.replica, self.copy) {
            (Some(r), _) => Some(&r.replica.region),
            (None, copy) => copy.and_then(|c| c.on().region.as_ref()),
        }
    }
    fn name(&self) -> &str {
        self.copy.map_or("", |c| c.store_id().as_str())
    }
}

/// Instants that a source can bring an asset back to, both ends included.
pub(crate) struct Span<'j, 'a> {
    pub from: Millis,
    pub to: Millis,
    pub offer: Offer<'j, 'a>,
}

/// The best source of those seen now and of the others.
#[derive(Default)]
pub(crate) struct Best<'j, 'a> {
    pub now: Option<Offer<'j, 'a>>,
    pub before: Option<Offer<'j, 'a>>,
    least: Option<Dur>,
    unknown: Option<Option<Reason>>,
    /// Why the last one that does not count does not.
    pub out: Option<Reason>,
}

impl<'j, 'a> Best<'j, 'a> {
    pub fn offer(&mut self, freshness: Freshness, offer: Offer<'j, 'a>) {
        self.least = self.least.into_iter().chain(offer.loss.upper).min();
        // Nothing in the order of preference depends on the input's order.
        let slot = if freshness.is_current() { &mut self.now } else { &mut self.before };
        // Most are decided by what stands in them; names lie elsewhere.
        let quick = |o: &Offer| (o.bad, o.loss.upper, o.loss.lower, o.replica.is_none());
        let better = |b: &Offer<'j, 'a>| match quick(&offer).cmp(&quick(b)) {
            Ordering::Less => true,
            Ordering::Equal => offer.name() < b.name(),
            Ordering::Greater => false,
        };
        if slot.as_ref().is_none_or(better) {
            *slot = Some(offer);
        }
    }
    pub fn offers(&mut self, freshness: Freshness, offer: Option<Offer<'j, 'a>>) {
        if let Some(offer) = offer {
            self.offer(freshness, offer);
        }
    }
    pub fn unknown(&mut self, reason: Option<Reason>) {
        let known = self.unknown.take().flatten();
        self.unknown = Some(known.or(reason));
    }
    pub fn is_empty(&self) -> bool {
        self.now.is_none() && self.before.is_none() && self.unknown.is_none()
    }
    pub fn source(self) -> Source<'j, 'a> {
        match self {
            Best { now: Some(known), least, .. } => Source::Known(Offer { least, ..known }),
            Best { before: Some(old), least, .. } => Source::NotSeenNow(Offer { least, ..old }),
            Best { unknown: Some(why), .. } => Source::Unknown(why),
            Best { out, .. } => Source::None(out),
        }
    }
}

/// A target of zero is met by what is seen to take every write, or by what was
/// looked at after writing had ended.
pub(crate) fn meets_zero(offer: &Offer, writes: WritesEnd, rpo: Option<Dur>) -> bool {
    rpo != Some(Dur::ZERO) || offer.in_step || offer.received.after(writes)
}
