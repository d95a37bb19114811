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
    regions: HashMap<RegionId, usize>,
    workloads: HashMap<WorkloadId, usize>,
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
    /// Where region and account of each replica stand among all that may be lost.
    pub replicas: Vec<(Option<usize>, Option<usize>)>,
    /// Places of groups that it is in.
    pub groups: Vec<usize>,
    /// The names of its parts, where it has any.
    pub parts: Vec<String>,
}

pub(crate) struct CopyGround {
    /// The place of its store; `None` where none of that name is declared.
    pub place: Option<usize>,
    /// That among all that may be lost.
    pub lies: Option<u32>,
    pub at: CopyOn,
    /// How often its newest instant is meant to move on, and how long past
    /// that before it is overdue.
    pub due: Option<(Dur, Dur)>,
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
            regions: estate.regions.iter().enumerate().map(|(n, r)| (r.id.clone(), n)).collect(),
            workloads: estate.workloads.iter().enumerate().map(|(n, w)| (w.id.clone(), n)).collect(),
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
        by_id.into_iter().enumerate().for_each(|(rank, n)| ground.of[n].rank = rank);
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
                (places.region(r.region.as_str()), account.and_then(|a| places.account(a.as_str())))
            };
            let groups = self.groups.iter().enumerate().filter(|(_, g)| g.members.contains(&owner));
            AssetGround {
                owner,
                promoted_by: promoting(estate, owner),
                copies: declared
                    .copies
                    .iter()
                    .map(|copy| copies.ground(estate, &self.places, &declared.id, copy))
                    .collect(),
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

    pub fn region(&self, id: &str) -> Option<usize> {
        self.regions.get(id).copied()
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
    formats: HashMap<&'a str, FormatId>,
    crons: HashMap<&'a str, Option<Dur>>,
}

impl<'a> Copies<'a> {
    fn of(estate: &'a Estate) -> Self {
        let stores = estate.stores.iter().enumerate().map(|(n, s)| (s.id.as_str(), n)).collect();
        Self { stores, formats: HashMap::default(), crons: HashMap::default() }
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
    fn ground(&mut self, estate: &Estate, places: &Places, asset: &AssetId, copy: &'a CopyDef) -> CopyGround {
        let place = self.stores.get(copy.store.as_str()).copied();
        let store = place.map(|n| &estate.stores[n]);
        let at = CopyOn {
            store: store.map_or_else(|| copy.store.clone(), |s| s.id.clone()),
            region: store.and_then(|s| s.region.clone()),
            format: self.formats.entry(copy.format.as_str()).or_insert_with(|| copy.format.clone()).clone(),
        };
        CopyGround {
            place,
            lies: place.and_then(|n| places.store_at(n)).and_then(|n| u32::try_from(n).ok()),
            at,
            due: asset::due_every(copy).map(|every| (every, grace(copy, every))),
            interval: self.interval(copy),
            ships_log: copy.log_every.is_some(),
            mirror: copy.format == "bucket" || copy.options.contains_key("replica_of"),
            needs: Needs::of(estate, asset, copy, store),
            retrieval: copy.retrieval,
            keeps: copy.retention.as_ref().and_then(|r| r.min),
        }
    }
}

pub(crate) fn grace(copy: &CopyDef, every: Dur) -> Dur {
    copy.grace.unwrap_or(Dur::millis(every.as_millis() / 4).max(Dur::secs(2)))
}
