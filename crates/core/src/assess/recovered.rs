//! The sources of all that a workload needs back, for one recovery.

use smallvec::SmallVec;

use super::asset::{AssetFacts, WritesEnd};
use super::bench::Bench;
use super::candidate::worsen;
use super::domains::Lost;
use super::groups;
use super::offers::{Offer, Source, meets_zero};
use super::sources::Ask;
use super::workload::{Facts, writes_end};
use super::{Judged, Loss, Reason, Verdict};
use crate::model::*;

/// Into where, and within what.
pub(crate) struct Into<'j> {
    /// `None`: nowhere yet; it is asked what survives at all.
    pub region: Option<&'j RegionId>,
    /// It stays where it is, and what is not hit itself is still there.
    pub live: bool,
    pub rpo: Option<Dur>,
    pub room: Option<Dur>,
    /// The place of the runbook that would be followed.
    pub plan: Option<usize>,
}

/// What the sources add to the time that it takes.
#[derive(Default)]
pub(crate) struct Found {
    pub retrieval: Option<Option<Dur>>,
    /// `WORKLOAD/ASSET` with how long its restore takes at the measured rate.
    pub restores: Vec<(String, Dur)>,
}

/// The source that was taken for an asset, or for one part of it.
pub(crate) struct Picked<'j, 'a> {
    pub asset: &'j AssetFacts<'a>,
    pub part: Option<&'j str>,
    pub writes: WritesEnd,
    pub source: Source<'j, 'a>,
    /// The verdict is no better than this, whatever the source.
    pub floor: Verdict,
}

pub(crate) fn assets<'a>(
    bench: &Bench<'_, 'a>,
    facts: &Facts<'a>,
    lost: &Lost,
    into: Into,
    judged: &mut Judged,
) -> Found {
    let mut ask = Ask {
        cx: bench.cx,
        facts,
        lost,
        region: into.region,
        rpo: into.rpo,
        room: into.room,
        plan: into.plan,
        hidden: Vec::new(),
        assumptions: Vec::new(),
    };
    judged.loss = Loss { lower: Dur::ZERO, upper: Some(Dur::ZERO) };
    let mut picked: SmallVec<[Picked; 2]> = SmallVec::new();
    for asset in facts.assets.iter().filter(|a| a.asset.required && a.asset.rebuild.is_none()) {
        let owner = &bench.facts[asset.on.owner.0];
        if into.live && !bench.asset_stops(facts, asset, lost) {
            continue;
        }
        let writes = writes_end(bench.cx, facts, asset);
        for part in parts(asset) {
            let (source, floor) = ask.best(asset, owner, part, writes);
            picked.push(Picked { asset, part, writes, source, floor });
        }
    }
    let skews = groups::align(bench, &mut ask, &mut picked);
    judged.using.reserve_exact(picked.len());
    let mut found = Found::default();
    for picked in picked {
        take(bench, &mut ask, picked, judged, &mut found);
    }
    for skew in skews {
        worsen(judged, Verdict::Breach, skew);
    }
    judged.hidden.append(&mut ask.hidden);
    judged.assumptions.append(&mut ask.assumptions);
    found
}

/// Its parts, where any copy of it was seen in parts; else the whole.
fn parts<'j>(asset: &'j AssetFacts) -> impl Iterator<Item = Option<&'j str>> + use<'j> {
    let seen = || asset.copies().any(|c| c.seen().is_some_and(|s| !s.value.parts.is_empty()));
    let names: &[String] = if !asset.on.parts.is_empty() && seen() { &asset.on.parts } else { &[] };
    let whole = names.is_empty().then_some(None);
    names.iter().map(|name| Some(name.as_str())).chain(whole)
}

fn take(bench: &Bench, ask: &mut Ask, picked: Picked, judged: &mut Judged, found: &mut Found) {
    let asset = picked.asset;
    let id = &asset.asset.id;
    let unknown = || Reason::RpoUnknown { asset: id.clone() };
    if picked.floor > Verdict::Recoverable && picked.floor > judged.verdict {
        worsen(judged, picked.floor, unknown());
    }
    match &picked.source {
        Source::Known(offer) => {
            exceeds(ask, asset, offer, picked.writes, judged);
            used(bench, ask, &picked, offer, judged, found);
        }
        Source::NotSeenNow(offer) => {
            worsen(judged, Verdict::Unknown, unknown());
            used(bench, ask, &picked, offer, judged, found);
        }
        Source::Unknown(why) => {
            worsen(judged, Verdict::Unknown, unknown());
            judged.reasons.extend(why.clone());
            judged.loss.upper = None;
        }
        Source::None(why) => {
            worsen(judged, Verdict::Lost, Reason::NothingSurvives { asset: id.clone() });
            judged.reasons.extend(why.clone());
            judged.loss.upper = None;
        }
    }
}

/// What makes a known source a breach.
fn exceeds(ask: &Ask, asset: &AssetFacts, offer: &Offer, writes: WritesEnd, judged: &mut Judged) {
    let rpo = asset.asset.rpo.or(ask.rpo);
    if let Some((actual, target)) = offer.loss.upper.zip(rpo).filter(|(a, t)| a > t) {
        worsen(judged, Verdict::Breach, Reason::RpoExceeded { actual, target });
    } else if !meets_zero(offer, writes, rpo) {
        worsen(judged, Verdict::Breach, Reason::NotSynchronous { asset: asset.asset.id.clone() });
    }
    if let Some(region) = offer.region().filter(|r| ask.is_outside(r)) {
        let (asset, region) = (asset.asset.id.clone(), region.clone());
        worsen(judged, Verdict::Breach, Reason::SourceOutsideResidency { asset, region });
    }
}

fn used(
    bench: &Bench,
    ask: &mut Ask,
    picked: &Picked,
    offer: &Offer,
    judged: &mut Judged,
    found: &mut Found,
) {
    ask.assume(offer);
    let least = offer.least.into_iter().chain(offer.loss.upper).min();
    judged.at_best = judged.at_best.max(least);
    add_loss(&mut judged.loss, offer.loss);
    judged.using.push(offer.using(&picked.asset.asset.id, picked.part));
    if let Some(retrieval) = offer.retrieval {
        let both = |a: Option<Dur>, b: Option<Dur>| a.zip(b).map(|(a, b)| a.max(b));
        found.retrieval = Some(found.retrieval.map_or(retrieval, |before| both(before, retrieval)));
        if retrieval.is_none() {
            let store = offer.copy.map_or_else(|| StoreId::new(""), |c| c.store_id().clone());
            judged.reasons.push(Reason::RetrievalUnknown { asset: picked.asset.asset.id.clone(), store });
        }
    }
    let Some((copy, summary)) = offer.copy.zip(offer.summary()) else { return };
    if let Some(behind) = &summary.behind {
        judged.objects = Some(judged.objects.unwrap_or(0).saturating_add(behind.objects));
    }
    if let Some(restore) = bench.restore(ask.lost, picked.asset, copy.store_id(), summary) {
        found.restores.push(restore);
    }
}

fn add_loss(whole: &mut Loss, part: Loss) {
    whole.lower = whole.lower.max(part.lower);
    whole.upper = whole.upper.zip(part.upper).map(|(a, b)| a.max(b));
}

/// What a verdict says of one asset: of one in parts, of the worst of them.
pub(crate) fn loss_of(judged: &Judged, asset: &AssetId) -> Option<Loss> {
    let of = judged.using.iter().filter(|u| u.asset == *asset).map(|u| u.loss);
    of.reduce(|mut a, b| {
        add_loss(&mut a, b);
        a
    })
}
