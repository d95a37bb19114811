//! What assessment asks of an estate over and over, resolved once: places
//! instead of names, and one shared string for each id.

use std::sync::Arc;

use rustc_hash::FxHashMap as HashMap;

use super::needs::Needs;
use super::places::Places;
use super::plan::{self, Plan};
use super::{CopyOn, asset, cron};
use crate::model::*;

/// Made of one estate, and of use with that one alone.
pub(crate) struct Ground {
    pub places: Arc<Places>,
    workloads: HashMap<WorkloadId, usize>,
    /// Workloads with their places, by id.
    by_id: Vec<(WorkloadId, usize)>,
    of: Vec<WorkloadGround>,
    /// By the place of the runbook in the estate.
    pub plans: Vec<Plan>,
    pub groups: Vec<GroupGround>,
    /// The places of workloads by tier, then id.
    pub order: Vec<usize>,
}

pub(crate) struct WorkloadGround {
    /// Its place were the workloads sorted by their ids.
    pub rank: usize,
    /// RPO and RTO for the loss of its region.
    pub objective: (Option<Dur>, Option<Dur>),
    /// Places of runbooks that bring it into another region.
    pub failovers: Vec<usize>,
    /// Places of runbooks that bring it back where it is.
    pub restores: Vec<usize>,
    /// The longest of what is made anew; the inner `None` is unknown.
    pub rebuild: Option<Option<Dur>>,
    pub traffic: Dur,
    /// In the order in which they are declared.
    pub assets: Vec<AssetGround>,
}

pub(crate) struct AssetGround {
    /// The places of the workload and of the asset that `uses` leads to, else
    /// its own.
    pub owner: (usize, usize),
    /// Places of runbooks that promote its replica: then that is what the
    /// service goes on from, however new a copy elsewhere may be.
    pub promoted_by: Vec<usize>,
    pub copies: Vec<CopyGround>,
    /// Of each copy, what is asked of all of them.
    pub watches: Vec<Watch>,
    /// Of each copy, where it lies: shared with all that show it.
    pub on: Arc<[CopyOn]>,
    /// Where region and account of each replica stand among all that may be lost.
    pub replicas: Vec<(Option<usize>, Option<usize>)>,
    /// Places of groups that it is in.
    pub groups: Vec<usize>,
    /// The names of its parts, where it has any.
    pub parts: Vec<String>,
}

/// Kept small: there are thousands, and an assessment goes through all.
#[derive(Clone, Copy)]
pub(crate) struct Watch {
    /// How old its newest good instant may become; the most that a number holds
    /// where nothing is due.
    pub late_after: Millis,
    /// The place of its store among all that may be lost.
    pub lies: Option<u32>,
    /// It needs nothing else: no key, no secret.
    pub alone: bool,
}

pub(crate) struct CopyGround {
    /// The place of its store; `None` where none of that name is declared.
    pub place: Option<usize>,
    /// How often its newest instant is meant to move on.
    pub due: Option<Dur>,
    /// The most that its schedule lets pass between two instants.
    pub interval: Option<Dur>,
    /// That is the interval of its log.
    pub ships_log: bool,
    /// It follows its original, damage included.
    pub mirror: bool,
    pub needs: Option<Box<Needs>>,
    pub retrieval: Option<Dur>,
    /// How long nothing of it may be gone.
    pub keeps: Option<Dur>,
}

pub(crate) struct GroupGround {
    pub id: GroupId,
    pub tolerance: Dur,
    /// Places of workload and asset.
    pub members: Vec<(usize, usize)>,
}

impl Ground {
    pub fn of(estate: &Estate) -> Self {
        let mut ground = Self {
            places: Arc::new(Places::of(estate)),
            workloads: estate.workloads.iter().enumerate().map(|(n, w)| (w.id.clone(), n)).collect(),
            by_id: Vec::new(),
            of: Vec::new(),
            plans: plan::all(estate),
            groups: Vec::new(),
            order: (0..estate.workloads.len()).collect(),
        };
        ground.groups = estate.groups.iter().map(|g| ground.group(estate, g)).collect();
        let mut copies = Copies::of(estate);
        let of: Vec<_> = (0..estate.workloads.len()).map(|n| ground.ground(estate, &mut copies, n)).collect();
        ground.of = of;
        let mut by_id = ground.order.clone();
        by_id.sort_by_key(|n| &estate.workloads[*n].id);
        for (rank, n) in by_id.into_iter().enumerate() {
            ground.of[n].rank = rank;
            ground.by_id.push((estate.workloads[n].id.clone(), n));
        }
        ground
            .order
            .sort_by_key(|n| (estate.workloads[*n].tier.unwrap_or(u8::MAX), &estate.workloads[*n].id));
        ground
    }

    fn ground<'e>(&self, estate: &'e Estate, copies: &mut Copies<'e>, n: usize) -> WorkloadGround {
        let w = &estate.workloads[n];
        let mut asset = |m: usize| {
            let owner = self.owner(estate, n, m);
            let declared = &estate.workloads[owner.0].assets[owner.1];
            let account = estate.workloads[owner.0].account.as_ref();
            let replica = |r: &Replica| {
                let account = r.account.as_ref().or(account);
                let places = &self.places;
                (places.region(&r.region), account.and_then(|a| places.account(a.as_str())))
            };
            let groups = self.groups.iter().enumerate().filter(|(_, g)| g.members.contains(&owner));
            let all = declared.copies.iter();
            let grounds: Vec<_> = all.map(|c| copies.ground(estate, &declared.id, c)).collect();
            let watch = |(on, declared): (&CopyGround, &CopyDef)| Watch::of(&self.places, on, declared);
            AssetGround {
                owner,
                promoted_by: promoting(estate, owner),
                watches: grounds.iter().zip(&declared.copies).map(watch).collect(),
                on: declared.copies.iter().map(|c| copies.on(estate, c)).collect(),
                copies: grounds,
                replicas: declared.replicas.iter().map(replica).collect(),
                groups: groups.map(|(n, _)| n).collect(),
                parts: parts(&declared.for_each),
            }
        };
        let rebuilt = w.assets.iter().filter(|a| a.required).filter_map(|a| a.rebuild.as_ref());
        WorkloadGround {
            rank: 0,
            objective: estate.objective(w, DomainKind::Region, LossMode::Gone),
            failovers: runbooks(estate, w, RunbookKind::Failover),
            restores: runbooks(estate, w, RunbookKind::Restore),
            rebuild: rebuilt.map(|r| r.takes).reduce(|a, b| a.zip(b).map(|(a, b)| a.max(b))),
            traffic: w.routes.iter().filter_map(|r| r.ttl).max().unwrap_or(Dur::ZERO),
            assets: (0..w.assets.len()).map(&mut asset).collect(),
        }
    }

    /// Its place in the estate, and among all that may be lost.
    pub fn region(&self, id: &RegionId) -> Option<usize> {
        self.places.region(id)
    }
    pub fn region_named(&self, id: &str) -> Option<usize> {
        self.places.region_named(id)
    }
    /// Finds places of workloads whose ids come in rising order.
    pub fn finder(&self) -> Finder<'_> {
        Finder { ground: self, next: 0 }
    }
    pub fn workload(&self, id: &str) -> Option<usize> {
        self.workloads.get(id).copied()
    }
    /// Of the workload at a place in the estate.
    pub fn at(&self, workload: usize) -> &WorkloadGround {
        &self.of[workload]
    }

    fn group(&self, estate: &Estate, group: &Group) -> GroupGround {
        let member = |named: &String| self.place(estate, named);
        let mut members: Vec<_> = group.assets.iter().filter_map(member).collect();
        members.sort_unstable();
        members.dedup();
        GroupGround { id: group.id.clone(), tolerance: group.tolerance.unwrap_or(Dur::ZERO), members }
    }

    /// Of `WORKLOAD/ASSET`.
    pub fn place(&self, estate: &Estate, named: &str) -> Option<(usize, usize)> {
        let (w, a) = named.split_once('/')?;
        let w = self.workload(w)?;
        Some((w, estate.workloads[w].assets.iter().position(|other| other.id == *a)?))
    }

    /// Follows `uses` one step; a chain of uses is refused when the estate loads.
    fn owner(&self, estate: &Estate, n: usize, m: usize) -> (usize, usize) {
        let named = estate.workloads[n].assets[m].uses.as_deref();
        named.and_then(|named| self.place(estate, named)).unwrap_or((n, m))
    }
}

pub(crate) struct Finder<'g> {
    ground: &'g Ground,
    /// In `by_id`.
    next: usize,
}

impl Finder<'_> {
    /// Most are the same as the last one, or follow it; the rest is looked up.
    pub fn place(&mut self, id: &WorkloadId) -> Option<usize> {
        let all = &self.ground.by_id;
        for near in [self.next, self.next + 1] {
            if let Some((_, place)) = all.get(near).filter(|(other, _)| other == id) {
                self.next = near;
                return Some(*place);
            }
        }
        let place = self.ground.workload(id.as_str())?;
        self.next = self.ground.of[place].rank;
        Some(place)
    }
}

impl Watch {
    fn of(places: &Places, on: &CopyGround, declared: &CopyDef) -> Self {
        let late = |every: Dur| (every + grace(declared, every)).as_millis();
        Self {
            late_after: on.due.map_or(Millis::MAX, late),
            lies: on.place.and_then(|n| places.store_at(n)).and_then(|n| u32::try_from(n).ok()),
            alone: on.needs.is_none(),
        }
    }
}

/// The one that the workload names first, then those that name the workload and
/// say what they are for, by id.
fn runbooks(estate: &Estate, w: &Workload, kind: RunbookKind) -> Vec<usize> {
    let place = |id: &RunbookId| estate.runbooks.iter().position(|r| r.id == *id);
    let named = w.runbooks.get(&kind).and_then(place);
    let others = estate.runbooks.iter().enumerate().filter(|(n, r)| {
        Some(*n) != named && r.kind == kind && !r.against.is_empty() && r.workloads.contains(&w.id)
    });
    let mut others: Vec<_> = others.map(|(n, _)| n).collect();
    others.sort_by_key(|n| &estate.runbooks[*n].id);
    named.into_iter().chain(others).collect()
}

fn promoting(estate: &Estate, owner: (usize, usize)) -> Vec<usize> {
    let workload = &estate.workloads[owner.0];
    let asset = &workload.assets[owner.1].id;
    let promotes = |runbook: &Runbook| {
        let mut named = runbook.steps.iter().filter_map(|s| s.promotes.as_deref()?.split_once('/'));
        named.any(|(w, a)| workload.id == *w && *asset == *a)
    };
    estate.runbooks.iter().enumerate().filter(|(_, r)| promotes(r)).map(|(n, _)| n).collect()
}

/// The names of the parts of an asset: `{ shard = "00..15" }` is sixteen, and of
/// two names every pair is one, joined by a stroke.
pub(crate) fn parts(for_each: &std::collections::BTreeMap<String, String>) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for range in for_each.values() {
        let names = names(range);
        all = match all.is_empty() {
            true => names,
            false => all.iter().flat_map(|a| names.iter().map(move |b| format!("{a}/{b}"))).collect(),
        };
    }
    all
}

/// At most a thousand: an estate with more has made a mistake.
fn names(range: &str) -> Vec<String> {
    let ends = range
        .split_once("..")
        .and_then(|(from, to)| Some((from.parse::<u32>().ok()?, to.parse::<u32>().ok()?, from.len())));
    match ends {
        Some((from, to, width)) if from <= to => {
            (from..=to.min(from.saturating_add(999))).map(|n| format!("{n:0width$}")).collect()
        }
        _ => range.split(',').map(str::trim).filter(|n| !n.is_empty()).map(str::to_owned).collect(),
    }
}

/// Resolves the names in copies.
struct Copies<'a> {
    stores: HashMap<&'a str, usize>,
    crons: HashMap<&'a str, Option<Dur>>,
}

impl<'a> Copies<'a> {
    fn of(estate: &'a Estate) -> Self {
        let stores = estate.stores.iter().enumerate().map(|(n, s)| (s.id.as_str(), n)).collect();
        Self { stores, crons: HashMap::default() }
    }
    fn interval(&mut self, copy: &'a CopyDef) -> Option<Dur> {
        copy.log_every.or_else(|| match &copy.schedule {
            Some(Schedule::Every(every)) => Some(*every),
            Some(Schedule::Cron { cron, .. }) => {
                *self.crons.entry(cron).or_insert_with(|| cron::longest_wait(cron))
            }
            None => None,
        })
    }
    fn on(&mut self, estate: &Estate, copy: &CopyDef) -> CopyOn {
        let store = self.stores.get(copy.store.as_str()).map(|n| &estate.stores[*n]);
        CopyOn {
            store: copy.store.clone(),
            region: store.and_then(|s| s.region.clone()),
            format: copy.format.clone(),
        }
    }
    fn ground(&mut self, estate: &Estate, asset: &AssetId, copy: &'a CopyDef) -> CopyGround {
        let place = self.stores.get(copy.store.as_str()).copied();
        CopyGround {
            place,
            due: asset::due_every(copy),
            interval: self.interval(copy),
            ships_log: copy.log_every.is_some(),
            mirror: copy.format == "bucket" || copy.options.contains_key("replica_of"),
            needs: Needs::of(estate, asset, copy, place.map(|n| &estate.stores[n])),
            retrieval: copy.retrieval,
            keeps: copy.retention.as_ref().and_then(|r| r.min),
        }
    }
}

pub(crate) fn grace(copy: &CopyDef, every: Dur) -> Dur {
    copy.grace.unwrap_or(Dur::millis(every.as_millis() / 4).max(Dur::secs(2)))
}
