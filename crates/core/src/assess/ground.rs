//! What assessment asks of an estate over and over, resolved once: places
//! instead of names, and one shared string for each id.

use rustc_hash::FxHashMap as HashMap;

use super::{RtoBasis, asset, rto};
use crate::model::*;

/// Made of one estate, and of use with that one alone.
pub(crate) struct Ground {
    regions: HashMap<RegionId, usize>,
    workloads: HashMap<WorkloadId, usize>,
    of: Vec<WorkloadGround>,
}

pub(crate) struct WorkloadGround {
    /// Its place were the workloads sorted by their ids.
    pub rank: usize,
    /// RPO and RTO for the loss of its region.
    pub objective: (Option<Dur>, Option<Dur>),
    pub rto_estimate: (Option<Dur>, RtoBasis),
    /// In the order in which they are declared.
    pub assets: Vec<AssetGround>,
}

pub(crate) struct AssetGround {
    /// The places of the workload and of the asset that `uses` leads to, else
    /// its own.
    pub owner: (usize, usize),
    /// Whether the workload's failover promotes its replica: then that is what
    /// the service goes on from, however new a copy elsewhere may be.
    pub promoted: bool,
    pub copies: Vec<CopyGround>,
}

pub(crate) struct CopyGround {
    /// The place of its store; `None` where none of that name is declared.
    pub place: Option<usize>,
    pub store: StoreId,
    pub region: Option<RegionId>,
    pub format: FormatId,
    /// How often its newest instant is meant to move on, and how long past
    /// that before it is overdue.
    pub due: Option<(Dur, Dur)>,
}

impl Ground {
    pub fn of(estate: &Estate) -> Self {
        let mut ground = Self {
            regions: estate.regions.iter().enumerate().map(|(n, r)| (r.id.clone(), n)).collect(),
            workloads: estate.workloads.iter().enumerate().map(|(n, w)| (w.id.clone(), n)).collect(),
            of: Vec::new(),
        };
        let mut copies = Copies::of(estate);
        let runbooks: HashMap<_, _> =
            estate.runbooks.iter().map(|r| (r.id.as_str(), (r, rto::critical_path(&r.steps)))).collect();
        let mut of = Vec::with_capacity(estate.workloads.len());
        for (n, w) in estate.workloads.iter().enumerate() {
            let failover = w.runbooks.get(&RunbookKind::Failover).and_then(|id| runbooks.get(id.as_str()));
            let asset = |m| {
                let owner = ground.owner(estate, n, m);
                let declared = &estate.workloads[owner.0].assets[owner.1].copies;
                AssetGround {
                    owner,
                    promoted: failover.is_some_and(|(runbook, _)| promotes(runbook, estate, owner)),
                    copies: declared.iter().map(|copy| copies.ground(estate, copy)).collect(),
                }
            };
            of.push(WorkloadGround {
                rank: 0,
                objective: estate.objective(w, DomainKind::Region, LossMode::Gone),
                rto_estimate: rto::estimate(&estate.defaults, w, failover.and_then(|(_, takes)| *takes)),
                assets: (0..w.assets.len()).map(asset).collect(),
            });
        }
        let mut order: Vec<_> = (0..of.len()).collect();
        order.sort_by_key(|n| &estate.workloads[*n].id);
        order.into_iter().enumerate().for_each(|(rank, n)| of[n].rank = rank);
        ground.of = of;
        ground
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

    /// Follows `uses` one step; a chain of uses is refused when the estate loads.
    fn owner(&self, estate: &Estate, n: usize, m: usize) -> (usize, usize) {
        let named = estate.workloads[n].assets[m].uses.as_deref().and_then(|u| u.split_once('/'));
        let found = named.and_then(|(w, a)| {
            let w = self.workload(w)?;
            Some((w, estate.workloads[w].assets.iter().position(|other| other.id == *a)?))
        });
        found.unwrap_or((n, m))
    }
}

fn promotes(runbook: &Runbook, estate: &Estate, owner: (usize, usize)) -> bool {
    let workload = &estate.workloads[owner.0];
    let asset = &workload.assets[owner.1].id;
    let mut named = runbook.steps.iter().filter_map(|s| s.promotes.as_deref()?.split_once('/'));
    named.any(|(w, a)| workload.id == *w && *asset == *a)
}

/// Resolves the names in copies.
struct Copies<'a> {
    stores: HashMap<&'a str, usize>,
    formats: HashMap<&'a str, FormatId>,
}

impl<'a> Copies<'a> {
    fn of(estate: &'a Estate) -> Self {
        let stores = estate.stores.iter().enumerate().map(|(n, s)| (s.id.as_str(), n)).collect();
        Self { stores, formats: HashMap::default() }
    }
    fn ground(&mut self, estate: &Estate, copy: &'a CopyDef) -> CopyGround {
        let place = self.stores.get(copy.store.as_str()).copied();
        let store = place.map(|n| &estate.stores[n]);
        CopyGround {
            place,
            store: store.map_or_else(|| copy.store.clone(), |s| s.id.clone()),
            region: store.and_then(|s| s.region.clone()),
            format: self.formats.entry(copy.format.as_str()).or_insert_with(|| copy.format.clone()).clone(),
            due: asset::due_every(copy).map(|every| (every, grace(copy, every))),
        }
    }
}

fn grace(copy: &CopyDef, every: Dur) -> Dur {
    copy.grace.unwrap_or(Dur::millis(every.as_millis() / 4).max(Dur::secs(2)))
}
