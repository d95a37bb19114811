//! A second judge, written from docs/judgement.md and not from the code: slow,
//! plain, with nothing kept and nothing shared. It knows the model and nothing
//! of `assess` but the words in which a verdict is given.

use super::super::{Loss, Verdict};
use super::small::at;
use crate::model::*;

type Seconds = f64;

/// What is lost: the scenario, and whatever is supposed besides.
#[derive(Clone)]
pub(super) struct Losses {
    pub selected: Vec<(Selector, LossMode)>,
    pub clean_before: Option<Time>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Answer2 {
    pub verdict: Verdict,
    pub loss: Loss,
    pub rto: Option<Dur>,
}

pub(super) struct Brute<'a> {
    pub estate: &'a Estate,
    pub seen: &'a Observations,
}

use LossMode::*;
const STOPPING: [LossMode; 3] = [Gone, Corrupted, Compromised];

struct Recovery<'a> {
    w: &'a Workload,
    losses: &'a Losses,
    /// `None`: anywhere.
    target: Option<&'a RegionId>,
    runbook: Option<&'a Runbook>,
    rpo: Option<Dur>,
    /// How much longer than planned it may take; `None`: as long as it likes.
    room: Option<Dur>,
}

#[derive(Clone)]
struct Candidate {
    verdict: Verdict,
    loss: Loss,
    rto: Option<Dur>,
    region: RegionId,
}

/// One thing an asset could be recovered from.
#[derive(Clone)]
struct Thing {
    current: bool,
    loss: Loss,
    /// It would breach RPO or residency.
    breach: bool,
    is_copy: bool,
    name: String,
    retrieval: Option<Option<Dur>>,
}

/// What is known of the sources of one asset.
#[derive(Default)]
struct Sources {
    known: Vec<Thing>,
    archived: Vec<Thing>,
    /// Something is there of which nobody can say what it holds.
    unsure: bool,
    /// It holds only what nobody vouches for.
    doubtful: bool,
}

impl<'a> Brute<'a> {
    fn now(&self) -> Time {
        at(0)
    }

    // --- section 1: what is hit ---

    fn hit(&self, losses: &Losses, thing: &Selector, mode: LossMode) -> bool {
        self.hit_within(losses, thing, mode, 12)
    }

    fn hit_within(&self, losses: &Losses, thing: &Selector, mode: LossMode, deep: usize) -> bool {
        if deep == 0 {
            return false;
        }
        if losses.selected.iter().any(|(s, m)| s == thing && *m == mode) {
            return true;
        }
        let also = |kind: DomainKind, id: &str| {
            self.hit_within(losses, &Selector { kind, id: id.to_owned() }, mode, deep - 1)
        };
        let id = &thing.id;
        match thing.kind {
            DomainKind::Region => {
                let Some(r) = self.estate.region(id) else { return false };
                r.provider.iter().any(|p| also(DomainKind::Provider, p))
                    || r.domains.iter().any(|d| also(DomainKind::Domain, d.as_str()))
            }
            DomainKind::Account => {
                let Some(a) = self.estate.accounts.iter().find(|a| a.id == **id) else { return false };
                a.provider.iter().any(|p| also(DomainKind::Provider, p))
                    || a.organisation.iter().any(|o| also(DomainKind::Organisation, o))
            }
            DomainKind::Store => {
                let Some(s) = self.estate.store(id) else { return false };
                s.region.iter().any(|r| also(DomainKind::Region, r.as_str()))
                    || s.account.iter().any(|a| also(DomainKind::Account, a.as_str()))
                    || s.domains.iter().any(|d| also(DomainKind::Domain, d.as_str()))
            }
            DomainKind::Domain => {
                let Some(d) = self.estate.domains.iter().find(|d| d.id == **id) else { return false };
                d.within.iter().any(|s| self.hit_within(losses, s, mode, deep - 1))
            }
            DomainKind::Provider | DomainKind::Organisation | DomainKind::Asset => false,
        }
    }

    fn region_hit(&self, losses: &Losses, id: &RegionId, modes: &[LossMode]) -> bool {
        modes.iter().any(|m| self.hit(losses, &Selector::region(id), *m))
    }
    fn account_hit(&self, losses: &Losses, id: Option<&AccountId>, modes: &[LossMode]) -> bool {
        let Some(id) = id else { return false };
        let selector = Selector { kind: DomainKind::Account, id: id.to_string() };
        modes.iter().any(|m| self.hit(losses, &selector, *m))
    }
    fn selector_hit(&self, losses: &Losses, selector: &Selector, modes: &[LossMode]) -> bool {
        modes.iter().any(|m| self.hit(losses, selector, *m))
    }
    /// An account that may delete from it, or a role of one, is compromised.
    fn deletable(&self, losses: &Losses, store: &Store) -> bool {
        let own = Selector { kind: DomainKind::Store, id: store.id.to_string() };
        let account = |who: &String| AccountId::from(who.split('/').next().unwrap_or_default());
        self.selector_hit(losses, &own, &[Compromised])
            || store
                .deletable_by
                .iter()
                .any(|who| self.account_hit(losses, Some(&account(who)), &[Compromised]))
    }
    fn home_hit(&self, losses: &Losses, w: &Workload, modes: &[LossMode]) -> bool {
        self.serving(w).iter().any(|r| self.region_hit(losses, r, modes))
            || self.account_hit(losses, w.account.as_ref(), modes)
    }
    fn owner(&self, w: &'a Workload, a: &'a Asset) -> (&'a Workload, &'a Asset) {
        let named = a.uses.as_ref().and_then(|u| u.split_once('/'));
        let found = named.and_then(|(w, a)| {
            let w = self.estate.workload(w)?;
            Some((w, w.asset(a)?))
        });
        found.unwrap_or((w, a))
    }
    fn asset_hit(&self, losses: &Losses, owner: &Workload, a: &Asset, modes: &[LossMode]) -> bool {
        let selector = Selector { kind: DomainKind::Asset, id: format!("{}/{}", owner.id, a.id) };
        self.selector_hit(losses, &selector, modes)
    }
    fn asset_stops(&self, losses: &Losses, w: &'a Workload, a: &'a Asset) -> bool {
        let (owner, a) = self.owner(w, a);
        self.asset_hit(losses, owner, a, &STOPPING)
            || (owner.id != w.id && self.home_hit(losses, owner, &STOPPING))
    }
    fn stops(&self, losses: &Losses, w: &'a Workload) -> bool {
        self.serving(w).is_empty()
            || self.home_hit(losses, w, &STOPPING)
            || self.required(w).iter().any(|a| self.asset_stops(losses, w, a))
    }
    /// Whether each is required is said by who owns it.
    fn required(&self, w: &'a Workload) -> Vec<&'a Asset> {
        w.assets.iter().filter(|a| self.owner(w, a).1.required).collect()
    }
    fn secret_lost(&self, losses: &Losses, id: &str) -> bool {
        let all = self.estate.keys.iter().chain(&self.estate.secrets);
        let Some(secret) = all.into_iter().find(|s| s.id == *id) else { return false };
        !secret.kept_in.is_empty() && secret.kept_in.iter().all(|s| self.selector_hit(losses, s, &STOPPING))
    }

    // --- section 2: where it is ---

    fn serving(&self, w: &Workload) -> Vec<RegionId> {
        let mut all: Vec<RegionId> = w.active.iter().map(|a| a.region.clone()).collect();
        if all.is_empty() {
            all = self.home(w);
        }
        all.sort();
        all.dedup();
        all
    }

    fn home(&self, w: &Workload) -> Vec<RegionId> {
        let observed = self.seen.probes.get(&ProbeKey::ActiveWhen { workload: w.id.clone() });
        let last = observed.filter(|_| w.active_when.is_some()).and_then(|o| o.last());
        let named = last.and_then(|l| l.value.text.clone()).unwrap_or_default();
        let words = named.split(',').map(|word| RegionId::from(word.trim()));
        let seen: Vec<_> = words.filter(|r| self.estate.region(r.as_str()).is_some()).collect();
        let run = self.seen.learned.committed.get(&w.id);
        let run = run.filter(|run| seen.is_empty() || last.is_some_and(|l| run.at > l.at));
        match (run, seen.is_empty()) {
            (Some(run), _) => vec![run.to.clone()],
            (None, false) => seen,
            (None, true) => w.home.iter().cloned().collect(),
        }
    }

    // --- section 3: loss ---

    /// The newest instant received, since when that is known, if it is known, and
    /// whether it takes every write.
    fn replica_received(
        &self,
        owner: &Workload,
        a: &Asset,
        n: usize,
    ) -> (Option<(Time, Option<Time>)>, bool, bool) {
        let key = LinkKey { workload: owner.id.clone(), asset: a.id.clone(), index: n };
        let Some(observed) = self.seen.probes.get(&ProbeKey::Lag(key)) else { return (None, false, false) };
        let current = observed.freshness(self.now()).is_current();
        let Some(last) = observed.last() else { return (None, current, false) };
        let Some(lag) = last.value.value else { return (None, current, false) };
        let about = last.value.as_of.unwrap_or(last.at);
        let received = about - Dur::millis((lag * 1_000.0) as i64);
        let dated = last.value.as_of;
        // Three polls is as long as an instant may stand still.
        let moves = dated.is_some_and(|at| Dur::between(at, self.now()) <= Dur::secs(30));
        let in_step = a.replicas[n].synchronous && current && lag == 0.0 && moves;
        (Some((received, dated)), current, in_step)
    }

    fn last_write(&self, owner: &Workload, a: &Asset) -> Option<Time> {
        a.write_probe.as_ref()?;
        let key = ProbeKey::WriteProbe { workload: owner.id.clone(), asset: a.id.clone() };
        let seconds: Seconds = self.seen.probes.get(&key)?.last()?.value.value?;
        Some(Time::UNIX_EPOCH + Dur::secs(seconds as i64))
    }

    /// `seen`: the instant the statement about `r_lo` is about.
    fn loss(&self, w_lo: Option<Time>, r_lo: Time, seen: Option<Time>, clean: Option<Time>) -> Loss {
        let w_hi = self.now();
        // What comes to be after the damage does not count.
        let stop = clean.map_or(w_hi, |clean| clean.min(w_hi));
        let r_hi = if seen.is_some_and(|seen| seen >= stop) { r_lo } else { stop.max(r_lo) };
        let upper = Dur::between(r_lo, w_hi).at_least_zero();
        let lower = w_lo.map_or(Dur::ZERO, |w_lo| Dur::between(r_hi, w_lo).at_least_zero());
        Loss { lower: lower.min(upper), upper: Some(upper) }
    }

    fn outside(&self, w: &Workload, region: Option<&RegionId>) -> bool {
        let Some(region) = region else { return false };
        let lies_in =
            |j: &String| self.estate.region(region.as_str()).is_some_and(|r| r.jurisdiction.contains(j));
        !w.residency.is_empty() && !w.residency.iter().any(lies_in)
    }

    // --- sections 1, 3 and 5: sources ---

    fn posture(&self, store: &Store) -> Option<(&Posture, bool)> {
        let observed = self.seen.postures.get(&store.id)?;
        observed.last().map(|l| (&l.value, observed.freshness(self.now()).is_current()))
    }

    /// From when on what was stored is still locked, and whether that is known;
    /// `None`: it is not locked at all.
    fn locked_from(&self, store: &Store, c: &CopyDef) -> Option<(Time, bool)> {
        let (answer, current) = match self.posture(store) {
            Some((p, current)) => (p.object_lock.answer.clone(), current),
            None => (Answer::Unknown, false),
        };
        let within = |retention: Dur| self.now() - retention + Dur::millis(1);
        match answer {
            Answer::Set(lock) if lock.mode == LockMode::Compliance => {
                let from = lock.retention.map_or(Time::MIN_UTC, within);
                Some((from, current && lock.retention.is_some()))
            }
            Answer::Unknown if store.expect.get("object_lock") == Some(&"compliance".into()) => {
                let kept = c.retention.as_ref().and_then(|r| r.min);
                Some((kept.map_or(Time::MIN_UTC, within), true))
            }
            _ => None,
        }
    }

    /// Whether versions are kept: `None` where they were, when last seen.
    fn versions(&self, store: &Store) -> Option<bool> {
        let declared = store.expect.get("versioning") == Some(&true.into());
        match self.posture(store) {
            Some((p, current)) => match p.versioning.answer {
                Answer::Set(()) => current.then_some(true),
                Answer::NotSet | Answer::NotSupported => Some(false),
                Answer::Unknown => Some(declared),
            },
            None => Some(declared),
        }
    }

    fn copy_needs_lost(&self, losses: &Losses, store: &Store, c: &CopyDef) -> bool {
        let mut secrets: Vec<String> = Vec::new();
        secrets.extend(store.key.iter().chain(&c.key).map(ToString::to_string));
        if let Some(Credentials::Reference(SecretRef::Secret(id))) = &store.credentials {
            secrets.push(id.to_string());
        }
        if let Some(SecretRef::Secret(id)) = &c.password {
            secrets.push(id.to_string());
        }
        let part_lost = |part: &Selector| {
            let deletable = part.kind == DomainKind::Store
                && self.estate.store(&part.id).is_some_and(|s| self.deletable(losses, s));
            self.selector_hit(losses, part, &[Gone, Compromised]) || deletable
        };
        secrets.iter().any(|id| self.secret_lost(losses, id)) || parts(c).iter().any(part_lost)
    }

    fn copy(&self, r: &Recovery<'a>, owner: &Workload, a: &Asset, n: usize, sources: &mut Sources) {
        let c = &a.copies[n];
        let Some(store) = self.estate.store(c.store.as_str()) else { return };
        let losses = r.losses;
        let own = Selector { kind: DomainKind::Store, id: store.id.to_string() };
        if self.copy_needs_lost(losses, store, c) || self.selector_hit(losses, &own, &[Gone]) {
            return;
        }
        let deletable = self.deletable(losses, store);
        let damaged = self.damaged(losses, r.w, owner, a);
        let partly = parts(c).iter().any(|p| self.selector_hit(losses, p, &[Corrupted]));
        let limited = damaged || deletable || partly || self.selector_hit(losses, &own, &[Corrupted]);
        let mirror = c.format == "bucket";
        let mut locked_from = Time::MIN_UTC;
        let mut sure = true;
        if deletable {
            let Some((from, known)) = self.locked_from(store, c) else { return };
            (locked_from, sure) = (from, known && !(mirror && from > Time::MIN_UTC));
        }
        if limited && mirror {
            match self.versions(store) {
                Some(false) => return,
                None => sure = false,
                Some(true) => {}
            }
        }
        sure = sure && !(limited && losses.clean_before.is_none());
        let key = CopyKey { workload: owner.id.clone(), asset: a.id.clone(), index: n };
        let observed = self.seen.copies.get(&key);
        let Some((observed, last)) = observed.and_then(|o| Some((o, o.last()?))) else {
            return sources.unsure = true;
        };
        let clean = losses.clean_before.filter(|_| limited);
        let counts = |k: &&Kept| clean.is_none_or(|clean| k.at < clean) && k.base >= locked_from;
        let summary = &last.value;
        let (current, write) = (observed.freshness(self.now()).is_current(), self.last_write(owner, a));
        let rpo = a.rpo.or(r.rpo);
        let thing = |r_lo: Time| {
            let loss = self.loss(write, r_lo, Some(last.at), clean);
            let breach = self.breaches(r.w, rpo, loss, store.region.as_ref(), false);
            Thing { current, loss, breach, is_copy: true, name: store.id.to_string(), retrieval: None }
        };
        if !sure {
            // Whether it counts is not known; what is not in it does not.
            use PointState::{Archived, Suspect, Unverified, Usable};
            let any = |k: &Kept| [Usable, Archived, Suspect, Unverified].contains(&k.state) && counts(&k);
            let mirrored = mirror && summary.last_good.is_some();
            let kept = |k: &&Kept| !(mirror && k.state == Usable) && any(k);
            return sources.unsure |= mirrored || summary.kept.iter().any(|k| kept(&k));
        }
        let newest = match clean {
            None => summary.last_good.as_ref().map(|p| p.at),
            Some(clean) if mirror => summary.last_good.as_ref().map(|p| p.at.min(clean - Dur::millis(1))),
            Some(clean) => {
                let usable = summary.kept.iter().filter(|k| k.state == PointState::Usable).filter(counts);
                let reach = |at: Time| {
                    let open = summary.windows.iter().find(|w| w.from <= at && at <= w.to);
                    open.map_or(at, |w| w.to.min(clean - Dur::millis(1)))
                };
                usable.map(|k| reach(k.at)).max()
            }
        };
        sources.known.extend(newest.map(thing));
        let newest_in = |states: &[PointState]| {
            summary.kept.iter().filter(|k| states.contains(&k.state)).filter(counts).map(|k| k.at).max()
        };
        if let Some(at) = newest_in(&[PointState::Archived]) {
            let mut thing = thing(at);
            thing.retrieval = Some(c.retrieval);
            sources.archived.push(thing);
        }
        sources.doubtful |= newest_in(&[PointState::Suspect, PointState::Unverified]).is_some();
    }

    fn damaged(&self, losses: &Losses, w: &Workload, owner: &Workload, a: &Asset) -> bool {
        let bad = [Corrupted, Compromised];
        self.home_hit(losses, w, &bad)
            || self.home_hit(losses, owner, &bad)
            || self.asset_hit(losses, owner, a, &bad)
    }

    fn breaches(
        &self,
        w: &Workload,
        rpo: Option<Dur>,
        loss: Loss,
        region: Option<&RegionId>,
        in_step: bool,
    ) -> bool {
        let late = rpo.is_some_and(|rpo| loss.upper.is_some_and(|loss| loss > rpo));
        let zero = rpo == Some(Dur::ZERO) && !in_step;
        late || zero || self.outside(w, region)
    }

    /// A replica counts in the target; where the asset belongs to another
    /// workload, or is brought back where it is, one anywhere does.
    fn here(&self, r: &Recovery<'a>, owner: &Workload, region: &RegionId) -> bool {
        let serving = self.serving(r.w);
        let own = owner.id == r.w.id;
        if own && serving == [region.clone()] {
            return false;
        }
        match r.target {
            None => true,
            Some(target) => target == region || !own || serving == [target.clone()],
        }
    }

    /// The verdict of one asset by itself, with what is lost and how long its
    /// retrieval takes.
    fn asset(&self, r: &Recovery<'a>, a: &'a Asset) -> (Verdict, Loss, Option<Option<Dur>>) {
        let (owner, a) = self.owner(r.w, a);
        let losses = r.losses;
        let damaged = self.damaged(losses, r.w, owner, a);
        let rpo = a.rpo.or(r.rpo);
        let named = format!("{}/{}", owner.id, a.id);
        let promoted = r.runbook.is_some_and(|b| b.steps.iter().any(|s| s.promotes.as_ref() == Some(&named)));
        let mut sources = Sources::default();
        // What hit replicas would have given.
        let mut stood: Vec<Verdict> = Vec::new();
        for (n, replica) in a.replicas.iter().enumerate().filter(|(_, x)| self.here(r, owner, &x.region)) {
            let account = replica.account.as_ref().or(owner.account.as_ref());
            let hit = damaged
                || self.region_hit(losses, &replica.region, &STOPPING)
                || self.account_hit(losses, account, &STOPPING);
            let (received, current, in_step) = self.replica_received(owner, a, n);
            let thing = received.map(|(r_lo, dated)| {
                let loss = match in_step {
                    true => Loss { lower: Dur::ZERO, upper: Some(Dur::ZERO) },
                    false => self.loss(self.last_write(owner, a), r_lo, dated, None),
                };
                let breach = self.breaches(r.w, rpo, loss, Some(&replica.region), in_step);
                Thing { current, loss, breach, is_copy: false, name: String::new(), retrieval: None }
            });
            match thing {
                Some(thing) if !hit => sources.known.push(thing),
                None if !hit => sources.unsure = true,
                Some(thing) if thing.current && thing.breach => stood.push(Verdict::Breach),
                Some(thing) if thing.current => stood.push(Verdict::Recoverable),
                _ => stood.push(Verdict::Unknown),
            }
        }
        let any = !sources.known.is_empty() || sources.unsure;
        let mut floor = Verdict::Unaffected;
        if !(promoted && any) {
            if promoted {
                floor = stood.into_iter().min().unwrap_or(Verdict::Unaffected);
            }
            for n in 0..a.copies.len() {
                self.copy(r, owner, a, n, &mut sources);
            }
        }
        let (verdict, loss, retrieval) = self.chosen(r, sources);
        let floor = if floor > Verdict::Recoverable { floor } else { Verdict::Unaffected };
        (verdict.max(floor), loss, retrieval)
    }

    fn chosen(&self, r: &Recovery<'a>, sources: Sources) -> (Verdict, Loss, Option<Option<Dur>>) {
        let order = |t: &Thing| (t.breach, t.loss.upper, t.loss.lower, t.is_copy, t.name.clone());
        let now = sources.known.iter().filter(|t| t.current).min_by_key(|t| order(t));
        let before = sources.known.iter().filter(|t| !t.current).min_by_key(|t| order(t));
        let fits =
            |t: &Thing| r.room.is_none_or(|room| t.retrieval.flatten().is_some_and(|takes| takes <= room));
        let archived = |current: bool| {
            let all = sources.archived.iter().filter(move |t| t.current == current);
            all.filter(|t| now.is_none() || fits(t)).min_by_key(|t| (t.breach || !fits(t), order(t)))
        };
        let mut chosen = now;
        if now.is_none_or(|now| now.breach) {
            let better = archived(true).filter(|t| now.is_none() || !t.breach);
            chosen = better.or(now);
        }
        if let Some(t) = chosen {
            let verdict = if t.breach { Verdict::Breach } else { Verdict::Recoverable };
            return (verdict, t.loss, t.retrieval);
        }
        if let Some(t) = before.or(archived(false)) {
            return (Verdict::Unknown, t.loss, t.retrieval);
        }
        let nothing = Loss { lower: Dur::ZERO, upper: None };
        let verdict = if sources.unsure || sources.doubtful { Verdict::Unknown } else { Verdict::Lost };
        (verdict, nothing, None)
    }

    fn all_assets(&self, r: &Recovery<'a>, live: bool) -> (Verdict, Loss, Option<Option<Dur>>) {
        let mut verdict = Verdict::Recoverable;
        let mut loss = Loss { lower: Dur::ZERO, upper: Some(Dur::ZERO) };
        let mut retrieval: Option<Option<Dur>> = None;
        for a in self.required(r.w) {
            let own = self.owner(r.w, a).1;
            if own.rebuild.is_some() || (live && !self.asset_stops(r.losses, r.w, a)) {
                continue;
            }
            let (v, l, takes) = self.asset(r, a);
            verdict = verdict.max(v);
            loss.lower = loss.lower.max(l.lower);
            loss.upper = loss.upper.zip(l.upper).map(|(a, b)| a.max(b));
            if let Some(takes) = takes {
                retrieval = Some(match retrieval {
                    None => takes,
                    Some(before) => before.zip(takes).map(|(a, b)| a.max(b)),
                });
            }
        }
        (verdict, loss, retrieval)
    }

    // --- section 4: time ---

    fn overhead(&self) -> Option<Dur> {
        let d = &self.estate.defaults;
        Some(d.detect.unwrap_or(d.poll.times(2)) + d.decide?)
    }

    fn path(&self, b: &Runbook) -> Option<Dur> {
        // Two steps: the second follows the first, or begins with it.
        let (first, second) = (b.steps[0].takes?, b.steps[1].takes?);
        Some(if b.steps[1].needs.is_some() { first.max(second) } else { first + second })
    }

    fn time(
        &self,
        w: &Workload,
        b: Option<&Runbook>,
        serves: bool,
        retrieval: Option<Option<Dur>>,
    ) -> Option<Dur> {
        let steps = match b {
            Some(b) => self.path(b)?,
            None if serves => Dur::ZERO,
            None => return None,
        };
        let mut beside = Dur::ZERO;
        for a in w.assets.iter().filter(|a| a.required) {
            if let Some(rebuild) = &a.rebuild {
                beside = beside.max(rebuild.takes?);
            }
        }
        let traffic = w.routes.iter().filter_map(|r| r.ttl).max().unwrap_or(Dur::ZERO);
        Some(self.overhead()? + retrieval.unwrap_or(Some(Dur::ZERO))? + steps.max(beside) + traffic)
    }

    // --- section 6: candidates and verdicts ---

    fn objectives(&self, losses: &Losses, w: &'a Workload) -> (Option<Dur>, Option<Dur>) {
        let mut rpo: Vec<Option<Dur>> = Vec::new();
        let mut rto: Vec<Option<Dur>> = Vec::new();
        for (selector, mode) in &losses.selected {
            let alone = Losses { selected: vec![(selector.clone(), *mode)], ..losses.clone() };
            if self.stops(&alone, w) {
                let (a, b) = self.estate.objective(w, selector.kind, *mode);
                rpo.push(a);
                rto.push(b);
            }
        }
        if rpo.is_empty() || w.objectives.is_empty() {
            return self.estate.objective(w, DomainKind::Region, Gone);
        }
        (rpo.into_iter().flatten().min(), rto.into_iter().flatten().min())
    }

    fn region_state(&self, region: &RegionId) -> Result<Option<bool>, ()> {
        let Some(r) = self.estate.region(region.as_str()) else { return Ok(Some(false)) };
        if r.health.is_empty() {
            return Ok(None);
        }
        let key = ProbeKey::RegionHealth { region: region.clone(), index: 0 };
        let Some(observed) = self.seen.probes.get(&key) else { return Ok(Some(false)) };
        match observed.failures() >= 2 {
            true => Err(()),
            false => Ok(Some(observed.freshness(self.now()).is_current())),
        }
    }

    fn runbook(&self, w: &Workload, kind: RunbookKind) -> Option<&'a Runbook> {
        w.runbooks.get(&kind).and_then(|id| self.estate.runbook(id.as_str()))
    }

    fn relies_on_lost(&self, losses: &Losses, b: &Runbook) -> bool {
        let any = [Impaired, Gone, Corrupted, Compromised];
        b.relies_on.iter().any(|on| {
            let owner = on.id.split_once('/').filter(|_| on.kind == DomainKind::Asset);
            let owner = owner.filter(|(w, a)| self.estate.workload(w).is_some_and(|w| w.asset(a).is_some()));
            let owner = owner.and_then(|(w, _)| self.estate.workload(w));
            self.selector_hit(losses, on, &any) || owner.is_some_and(|w| self.home_hit(losses, w, &any))
        })
    }

    fn candidate(
        &self,
        losses: &Losses,
        w: &'a Workload,
        region: &'a RegionId,
        account: Option<&AccountId>,
        standby: Option<usize>,
    ) -> Option<Candidate> {
        let serving = self.serving(w);
        let in_place = serving == [region.clone()];
        let serves = serving.len() > 1 && serving.contains(region);
        let out: &[LossMode] = if serves { &[Gone, Compromised] } else { &[Gone, Compromised, Impaired] };
        if self.region_hit(losses, region, out) || self.account_hit(losses, account, out) {
            return None;
        }
        let mut verdict = Verdict::Recoverable;
        match self.region_state(region) {
            Err(()) => return None,
            Ok(Some(false)) => verdict = Verdict::Unknown,
            Ok(Some(true) | None) => {}
        }
        if !in_place && w.active.iter().any(|a| a.region == *region) {
            let stands = |a: &&Active| {
                !self.region_hit(losses, &a.region, &STOPPING)
                    && !self.account_hit(losses, w.account.as_ref(), &STOPPING)
                    && self.region_state(&a.region).is_ok()
            };
            let shares: Vec<_> = w.active.iter().filter(stands).map(|a| a.share).collect();
            let whole = shares.iter().copied().collect::<Option<Vec<f64>>>().map(|s| s.iter().sum::<f64>());
            if whole.is_some_and(|whole| whole < 0.995) {
                verdict = verdict.max(Verdict::Breach);
            }
        }
        if let Some((n, capacity)) = standby.and_then(|n| Some((n, w.standbys[n].capacity.as_ref()?))) {
            let key = ProbeKey::Capacity { workload: w.id.clone(), index: n };
            let observed = self.seen.probes.get(&key);
            let have = observed.and_then(|o| o.last()).and_then(|l| l.value.value);
            let need = capacity.need.unwrap_or(0.0);
            match have {
                Some(have) if have <= 0.0 => return None,
                Some(have) if have < need => verdict = verdict.max(Verdict::Breach),
                Some(_) => {}
                None => verdict = Verdict::Unknown,
            }
            if !observed.is_some_and(|o| o.freshness(self.now()).is_current()) {
                verdict = Verdict::Unknown;
            }
        }
        let runbook = self.runbook(w, if in_place { RunbookKind::Restore } else { RunbookKind::Failover });
        if runbook.is_some_and(|b| self.relies_on_lost(losses, b)) {
            return None;
        }
        let (rpo, rto) = self.objectives(losses, w);
        let any = [Impaired, Gone, Corrupted, Compromised];
        let live = in_place && !self.home_hit(losses, w, &any);
        let room = rto.map(|rto| match self.time(w, runbook, serves, None) {
            Some(takes) => rto - takes,
            None => Dur::millis(-1),
        });
        let recovery = Recovery { w, losses, target: Some(region), runbook, rpo, room };
        let (sources, loss, retrieval) = self.all_assets(&recovery, live);
        verdict = verdict.max(sources);
        if self.outside(w, Some(region)) {
            verdict = verdict.max(Verdict::Breach);
        }
        let time = self.time(w, runbook, serves, retrieval);
        verdict = verdict.max(in_time(time, rto));
        Some(Candidate { verdict, loss, rto: time, region: region.clone() })
    }

    fn recovered(&self, losses: &Losses, w: &'a Workload) -> Answer2 {
        let serving = self.serving(w);
        let own = w.account.as_ref();
        let mut targets: Vec<(&RegionId, Option<&AccountId>, Option<usize>)> = Vec::new();
        for (n, s) in w.standbys.iter().enumerate() {
            targets.push((&s.region, s.account.as_ref().or(own), Some(n)));
        }
        let out: &[LossMode] =
            if serving.len() > 1 { &[Gone, Compromised] } else { &[Gone, Compromised, Impaired] };
        let serving_now = self.estate.regions.iter().map(|r| &r.id).filter(|r| serving.contains(r));
        for region in w.active.iter().map(|a| &a.region).chain(serving_now).chain(&w.home) {
            let falls = self.region_hit(losses, region, out) || self.account_hit(losses, own, out);
            if !(serving.contains(region) && falls) {
                targets.push((region, own, None));
            }
        }
        let mut done: Vec<&RegionId> = Vec::new();
        let mut best: Option<Candidate> = None;
        for (region, account, standby) in targets {
            if done.contains(&region) {
                continue;
            }
            done.push(region);
            let Some(c) = self.candidate(losses, w, region, account, standby) else { continue };
            let last = |d: Option<Dur>| (d.is_none(), d);
            let rank =
                |c: &Candidate| (c.verdict, last(c.loss.upper), c.loss.lower, last(c.rto), c.region.clone());
            if best.as_ref().is_none_or(|b| rank(&c) < rank(b)) {
                best = Some(c);
            }
        }
        if let Some(best) = best {
            return Answer2 { verdict: best.verdict, loss: best.loss, rto: best.rto };
        }
        let (rpo, _) = self.objectives(losses, w);
        let nowhere = Recovery { w, losses, target: None, runbook: None, rpo, room: None };
        let (verdict, loss, _) = self.all_assets(&nowhere, false);
        let elsewhere = |r: &RegionId| !serving.is_empty() && serving != [r.clone()];
        let declared = !w.standbys.is_empty()
            || serving.len() > 1
            || w.active.iter().any(|a| serving != [a.region.clone()])
            || w.home.iter().any(elsewhere);
        let verdict = if declared { Verdict::Lost } else { verdict.max(Verdict::Unknown) };
        Answer2 { verdict, loss, rto: None }
    }

    pub fn judge(&self, losses: &Losses, w: &'a Workload) -> Answer2 {
        let stops = self.stops(losses, w);
        let mut answer = if stops {
            self.recovered(losses, w)
        } else {
            let mut as_well = losses.clone();
            as_well.selected.extend(self.serving(w).iter().map(|r| (Selector::region(r), Gone)));
            let ends = self.recovered(&as_well, w).verdict >= Verdict::Unknown;
            let verdict = if ends { Verdict::Exposed } else { Verdict::Unaffected };
            Answer2 { verdict, loss: Loss { lower: Dur::ZERO, upper: Some(Dur::ZERO) }, rto: Some(Dur::ZERO) }
        };
        let overhead = self.overhead().unwrap_or(Dur::ZERO);
        let mut before = Some(Dur::ZERO);
        for d in w.depends_on.iter().filter(|d| d.kind == DependencyKind::Hard) {
            let Some(on) = self.estate.workload(d.id.as_str()) else { continue };
            let other = self.judge(losses, on);
            answer.verdict = answer.verdict.max(other.verdict);
            if other.verdict >= Verdict::Recoverable {
                let after = other.rto.map(|rto| (rto - overhead).at_least_zero());
                before = before.zip(after).map(|(a, b)| a.max(b));
            }
        }
        if before != Some(Dur::ZERO) {
            let own = answer.rto.map(|own| own.max(overhead));
            answer.rto = own.zip(before).map(|(own, before)| own + before);
            answer.verdict = answer.verdict.max(in_time(answer.rto, self.objectives(losses, w).1));
        }
        answer
    }
}

/// What the time makes of a verdict.
fn in_time(time: Option<Dur>, target: Option<Dur>) -> Verdict {
    match (time, target) {
        (_, None) => Verdict::Unaffected,
        (None, Some(_)) => Verdict::Unknown,
        (Some(time), Some(target)) if time > target => Verdict::Breach,
        _ => Verdict::Unaffected,
    }
}

fn parts(c: &CopyDef) -> Vec<Selector> {
    c.parts.iter().filter_map(|p| p.as_str()?.parse().ok()).collect()
}
