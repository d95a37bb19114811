//! One asset: when it was last written, and up to which instant each of its
//! copies and replicas is known to have received.

use std::ops::Deref;
use std::sync::Arc;

use super::ground::{AssetGround, CopyGround, Watch};
use super::index::SeenOf;
use super::region::said;
use super::{CopyOn, Cx, Loss, Reason, State};
use crate::model::*;

/// Facts about one asset that hold under every scenario.
pub(crate) struct AssetFacts<'a> {
    pub asset: &'a Asset,
    /// The workload that declares it: another one's where `uses` says so.
    pub owner: &'a Workload,
    pub on: &'a AssetGround,
    /// The instant of the last write seen acknowledged.
    pub last_write: Option<Time>,
    pub replicas: Vec<ReplicaFacts<'a>>,
    seen: Option<&'a Arc<SeenAsset>>,
    copies: Vec<CopyFacts>,
    /// What is wrong with copies, with their places, in rising order.
    reasons: Vec<(usize, Reason)>,
    pub tally: CopyTally,
}

impl<'a> AssetFacts<'a> {
    /// In the order in which they are declared.
    pub fn copies<'j>(&'j self) -> impl ExactSizeIterator<Item = CopyAt<'j, 'a>> + Clone {
        self.copies.iter().enumerate().map(|(index, facts)| CopyAt { of: self, facts, index })
    }
    pub fn copy<'j>(&'j self, index: usize) -> Option<CopyAt<'j, 'a>> {
        Some(CopyAt { of: self, facts: self.copies.get(index)?, index })
    }
    /// What was seen of its copies.
    pub fn seen(&self) -> Option<&'a Arc<SeenAsset>> {
        self.seen
    }
    /// What is wrong with copies, with their places.
    pub fn reasons(&self) -> &[(usize, Reason)] {
        &self.reasons
    }
}

pub(crate) struct ReplicaFacts<'a> {
    pub replica: &'a Replica,
    /// Its place in the asset.
    pub index: usize,
    pub state: State,
    pub reason: Option<Reason>,
    pub freshness: Freshness,
    pub lag: Option<Dur>,
    pub received: Option<Received>,
    /// Declared synchronous, and seen to be so now.
    pub in_step: bool,
    pub observed_at: Option<Time>,
}

/// Kept small: ten thousand of them are gone through several times.
pub(crate) struct CopyFacts {
    /// Of the last successful look, and of the last good point that it saw; of
    /// no meaning where there is none.
    at: Millis,
    through: Millis,
    /// The place of its store among all that may be lost.
    pub store: Option<u32>,
    pub state: State,
    pub freshness: Freshness,
    pub is_seen: bool,
    pub is_usable: bool,
    /// It needs nothing else: no key, no secret.
    pub alone: bool,
    /// It keeps points that are not simply usable.
    pub others: bool,
}

impl CopyFacts {
    pub fn received(&self) -> Option<Received> {
        self.is_usable.then_some(Received { through: self.through, as_of: Some(self.at) })
    }
}

/// One copy of an asset, with all that is known of it.
#[derive(Clone, Copy)]
pub(crate) struct CopyAt<'j, 'a> {
    of: &'j AssetFacts<'a>,
    facts: &'j CopyFacts,
    pub index: usize,
}

impl Deref for CopyAt<'_, '_> {
    type Target = CopyFacts;
    fn deref(&self) -> &CopyFacts {
        self.facts
    }
}

impl<'a> CopyAt<'_, 'a> {
    pub fn ground(self) -> &'a CopyGround {
        &self.of.on.copies[self.index]
    }
    pub fn on(self) -> &'a CopyOn {
        &self.of.on.on[self.index]
    }
    pub fn store_id(self) -> &'a StoreId {
        &self.on().store
    }
    /// The last successful look at it.
    pub fn seen(self) -> Option<&'a Seen<Arc<CopySummary>>> {
        self.of.seen?.get(self.index)?.last()
    }
    pub fn observed_at(self) -> Option<Time> {
        self.seen().map(|s| s.at)
    }
    pub fn last_good(self) -> Option<&'a PointRef> {
        self.seen().and_then(|s| s.value.last_good.as_ref())
    }
    /// The most that passes between two instants, making the backup included.
    pub fn interval(self) -> Option<Dur> {
        let on = self.ground();
        // Log is on its way all the time; a backup has to be made first.
        let took = || self.seen().and_then(|s| s.value.took).unwrap_or(Dur::ZERO);
        on.interval.map(|every| if on.ships_log { every } else { every + took() })
    }
}

/// Up to when a survivor is known to have received, and when that was so; in
/// milliseconds since 1970, for every source of every asset is measured
/// several times in an assessment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Received {
    through: Millis,
    /// The instant the statement is about; `None` where it does not say.
    as_of: Option<Millis>,
}

/// The span in which writing ended, or would end: `w_lo` and `w_hi`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WritesEnd {
    pub lo: Option<Millis>,
    pub hi: Millis,
    /// Whether the home is known to write no more.
    pub ended: bool,
}

impl Received {
    /// Up to another instant, as seen by the same look.
    pub fn moved(self, through: Millis) -> Self {
        Self { through, ..self }
    }
    pub fn at(through: Millis, as_of: Millis) -> Self {
        Self { through, as_of: Some(as_of) }
    }
    pub fn through_ms(self) -> Millis {
        self.through
    }
    pub fn through(self) -> Time {
        Time::from_timestamp_millis(self.through).unwrap_or(Time::UNIX_EPOCH)
    }
    fn is_dated(self) -> bool {
        self.as_of.is_some()
    }
    /// The loss if writing ended within `writes` (judgement, section 3). What
    /// came to be at `clean` or later does not count.
    pub fn loss(self, writes: WritesEnd, clean: Option<Millis>) -> Loss {
        let stops = clean.map_or(writes.hi, |clean| clean.min(writes.hi));
        let stopped = self.as_of.is_some_and(|at| at >= stops);
        let r_hi = if stopped { self.through } else { stops.max(self.through) };
        let lower = writes.lo.map_or(0, |lo| (lo - r_hi).max(0));
        let upper = (writes.hi - self.through).max(0);
        Loss { lower: Dur::millis(lower.min(upper)), upper: Some(Dur::millis(upper)) }
    }
    /// Whether it was seen after writing had ended for certain.
    pub fn after(self, writes: WritesEnd) -> bool {
        writes.ended && self.as_of.is_some_and(|at| at >= writes.hi)
    }
}

pub(crate) fn facts<'a>(cx: &Cx<'a>, on: &'a AssetGround) -> AssetFacts<'a> {
    let owner = &cx.estate.workloads[on.owner.0];
    let asset = &owner.assets[on.owner.1];
    let seen = cx.seen.workload(on.owner.0);
    let wanted = |key: &ProbeKey| matches!(key, ProbeKey::WriteProbe { asset: a, .. } if *a == asset.id);
    let write = asset.write_probe.as_ref().and_then(|_| seen.probe(wanted)).and_then(|o| cx.look(o).seen);
    let copies = seen.copies(&asset.id);
    let mut about = About { asset, on, seen: copies, reasons: Vec::new() };
    AssetFacts {
        asset,
        owner,
        on,
        last_write: write.and_then(|s| s.value.value).and_then(instant),
        replicas: asset.replicas.iter().enumerate().map(|(n, r)| replica(cx, seen, asset, n, r)).collect(),
        seen: copies,
        copies: self::copies(cx, &mut about),
        reasons: about.reasons,
        tally: copies.map_or_else(CopyTally::default, |copies| copies.tally(on.watches.len())),
    }
}

fn copies(cx: &Cx, about: &mut About) -> Vec<CopyFacts> {
    let never = Brief::default();
    let seen = about.seen.map_or(&[][..], |copies| copies.briefs());
    let seen = seen.iter().chain(std::iter::repeat(&never));
    let mut until = Millis::MAX;
    let mut all = Vec::with_capacity(about.on.watches.len());
    for (index, (watch, brief)) in about.on.watches.iter().zip(seen).enumerate() {
        all.push(copy(cx.now_ms, about, (index, watch), brief, &mut until));
    }
    cx.changes_after(until);
    all
}

/// Whose copies are looked at, and what is found wrong with them.
struct About<'a> {
    asset: &'a Asset,
    on: &'a AssetGround,
    seen: Option<&'a Arc<SeenAsset>>,
    reasons: Vec<(usize, Reason)>,
}

/// Seconds since 1970 as an instant.
fn instant(seconds: f64) -> Option<Time> {
    Dur::from_secs_f64(seconds).map(|d| Time::UNIX_EPOCH + d)
}

/// A figure about what is further ahead than this says that clocks differ.
const AHEAD: Millis = 2_000;

fn replica<'a>(
    cx: &Cx<'a>,
    seen: SeenOf<'_, 'a>,
    asset: &'a Asset,
    index: usize,
    replica: &'a Replica,
) -> ReplicaFacts<'a> {
    let mut facts = ReplicaFacts {
        replica,
        index,
        state: State::Unknown,
        reason: None,
        freshness: Freshness::Unseen,
        lag: None,
        received: None,
        in_step: false,
        observed_at: None,
    };
    let unseen = |detail: String| {
        Some(Reason::LagUnseen { asset: asset.id.clone(), region: replica.region.clone(), detail })
    };
    let wanted = |k: &ProbeKey| matches!(k, ProbeKey::Lag(l) if l.index == index && l.asset == asset.id);
    let Some(observed) = seen.probe(wanted) else {
        let why = if replica.lag.is_some() { "not asked yet" } else { "no lag probe is declared" };
        facts.reason = unseen(why.to_owned());
        return facts;
    };
    let Sighting { seen, at, freshness, .. } = cx.look(observed);
    facts.freshness = freshness;
    facts.observed_at = seen.map(|s| s.at);
    if let Some(seen) = seen
        && let Some(lag) = seen.value.value.and_then(Dur::from_secs_f64)
    {
        facts.lag = Some(lag);
        let latency = i64::from(seen.value.latency_ms);
        // An undated figure may be as old as the whole exchange took.
        // A figure about the future says that clocks differ, and dates nothing.
        let dated = seen.value.as_of.map(|as_of| as_of.timestamp_millis());
        let dated = dated.filter(|as_of| *as_of <= at.saturating_add(AHEAD));
        let about = dated.unwrap_or(at - latency).min(at);
        facts.received = Some(Received { through: about - lag.at_least_zero().as_millis(), as_of: dated });
    }
    if !freshness.is_current() {
        facts.reason = unseen(observed.problem().map(said).unwrap_or_else(|| freshness.as_str().to_owned()));
        return facts;
    }
    facts.state = State::Ok;
    let about = facts.received.and_then(|received| received.as_of);
    let region = || replica.region.clone();
    match (facts.received, about) {
        (None, _) => {
            facts.state = State::Unknown;
            facts.reason = unseen("the answer holds no figure".to_owned());
        }
        (Some(received), None) if !received.is_dated() => {
            facts.state = State::Warning;
            facts.reason = Some(Reason::LagUndated { asset: asset.id.clone(), region: region() });
        }
        (Some(_), about) => {
            let patience = observed.every().times(3).max(Dur::secs(2));
            let age = about.map_or(Dur::ZERO, |at| Dur::millis(cx.now_ms.saturating_sub(at)));
            cx.changes_in(patience + Dur::millis(1) - age);
            if age > patience {
                facts.state = State::Warning;
                facts.reason = Some(Reason::LagFrozen { asset: asset.id.clone(), region: region(), age });
            }
        }
    }
    let holds = seen.is_some_and(|s| s.value.holds);
    match facts.lag.filter(|_| replica.synchronous) {
        Some(lag) if lag > Dur::ZERO && facts.reason.is_none() => {
            facts.state = State::Warning;
            facts.reason = Some(Reason::ReplicaBehind { asset: asset.id.clone(), region: region(), lag });
        }
        // A figure that stands still or has no date proves nothing now.
        Some(_) => facts.in_step = holds && facts.reason.is_none(),
        None => {}
    }
    facts
}

/// `of`: whose reasons grow; `until`: up to when nothing changes.
#[inline]
fn copy(
    now: Millis,
    of: &mut About,
    (index, watch): (usize, &Watch),
    brief: &Brief,
    until: &mut Millis,
) -> CopyFacts {
    let (freshness, so_until) = brief.age.freshness(now);
    *until = so_until.min(*until);
    let is_seen = brief.age.is_seen();
    let mut state = State::Ok;
    if !freshness.is_current() {
        unreachable(of, index, freshness);
        state = State::Unknown;
    }
    if is_seen {
        state = state.max(troubles(now, of, (index, watch), brief, until));
    }
    CopyFacts {
        at: brief.age.at(),
        through: brief.good,
        store: watch.lies,
        state,
        freshness,
        is_seen,
        is_usable: brief.usable,
        alone: watch.alone,
        others: brief.others,
    }
}

#[cold]
fn unreachable(of: &mut About, index: usize, freshness: Freshness) {
    let detail = of.seen.and_then(|seen| seen.get(index)?.problem()).map(said);
    let detail = detail.unwrap_or_else(|| freshness.as_str().to_owned());
    let (asset, store) = (of.asset.id.clone(), of.on.on[index].store.clone());
    of.reasons.push((index, Reason::CopyUnreachable { asset, store, detail }));
}

/// What is wrong with a copy that was seen.
#[inline]
fn troubles(
    now: Millis,
    of: &mut About,
    (index, watch): (usize, &Watch),
    brief: &Brief,
    until: &mut Millis,
) -> State {
    if !brief.usable {
        of.reasons.push((index, Reason::NoUsablePoint { asset: of.asset.id.clone() }));
        return State::Critical;
    }
    let before = of.reasons.len();
    if !brief.plain {
        told(of, index);
    }
    let age = now.saturating_sub(brief.good);
    if age > watch.late_after {
        overdue(of, index, Dur::millis(age));
    } else if watch.late_after < Millis::MAX {
        *until = brief.good.saturating_add(watch.late_after).min(*until);
    }
    if of.reasons.len() == before { State::Ok } else { State::Warning }
}

#[cold]
fn overdue(of: &mut About, index: usize, age: Dur) {
    let (asset, store) = (of.asset.id.clone(), of.on.on[index].store.clone());
    let expected = of.on.copies[index].due.unwrap_or_default();
    of.reasons.push((index, Reason::CopyOverdue { asset, store, age, expected }));
}

/// What was told of it when it was looked at.
#[cold]
fn told(of: &mut About, index: usize) {
    let (asset, on, seen) = (of.asset, of.on, of.seen);
    let Some(seen) = seen.and_then(|seen| seen.get(index)?.last()) else { return };
    let (id, store, summary) = (&asset.id, &on.on[index].store, &seen.value);
    let mut told = |reason: Reason| of.reasons.push((index, reason));
    let running = |s: &PointState| matches!(s, PointState::Running);
    if let Some((state, detail)) = summary.newest_trouble.as_ref().filter(|(s, _)| !running(s)) {
        let point = summary.newest.as_ref().map(|p| p.id.clone()).unwrap_or_default();
        let (asset, store, detail) = (id.clone(), store.clone(), detail.clone());
        told(Reason::NewestUnusable { asset, store, point, state: *state, detail });
    }
    for gap in &summary.gaps {
        let (asset, store, detail) = (id.clone(), store.clone(), gap.detail.clone());
        told(Reason::WindowGap { asset, store, detail });
    }
    for note in &summary.notes {
        let (asset, store, detail) = (id.clone(), store.clone(), said(note));
        told(Reason::CopyNote { asset, store, detail });
    }
}

/// How often this copy's newest instant is meant to move on.
pub(crate) fn due_every(copy: &CopyDef) -> Option<Dur> {
    copy.log_every.or(match &copy.schedule {
        Some(Schedule::Every(every)) => Some(*every),
        // When a calendar is next due needs its zone's rules; judged with drills and policies.
        Some(Schedule::Cron { .. }) | None => None,
    })
}
