//! What assessment asks of an estate over and over, resolved once: places
//! instead of names, and one shared string for each id.

use rustc_hash::FxHashMap as HashMap;

use super::{asset, rto};
use crate::model::*;

/// Made of one estate, and of use with that one alone.
pub(crate) struct Ground {
    regions: HashMap<RegionId, usize>,
    workloads: HashMap<WorkloadId, usize>,
    runbooks: HashMap<RunbookId, (usize, Option<Dur>)>,
    /// By workload, then in the order in which it declares its assets.
    assets: Vec<Vec<AssetGround>>,
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
        let planned =
            |(n, r): (usize, &Runbook)| (r.id.clone(), (n, rto::critical_path(&r.steps)));
        let mut ground = Self {
            regions: estate.regions.iter().enumerate().map(|(n, r)| (r.id.clone(), n)).collect(),
            workloads: estate.workloads.iter().enumerate().map(|(n, w)| (w.id.clone(), n)).collect(),
            runbooks: estate.runbooks.iter().enumerate().map(planned).collect(),
            assets: Vec::new(),
        };
        let stores: HashMap<_, _> = estate.stores.iter().enumerate().map(|(n, s)| (s.id.as_str(), n)).collect();
        let mut formats = HashMap::default();
        let mut copy = |copy: &CopyDef| {
            let place = stores.get(copy.store.as_str()).copied();
            let store = place.map(|n| &estate.stores[n]);
            CopyGround {
                place,
                store: store.map_or_else(|| copy.store.clone(), |s| s.id.clone()),
                region: store.and_then(|s| s.region.clone()),
                format: formats.entry(copy.format.clone()).or_insert_with(|| copy.format.clone()).clone(),
                due: asset::due_every(copy).map(|every| (every, grace(copy, every))),
            }
        };
        let asset = |(n, m): (usize, usize)| {
            let owner = ground.owner(estate, n, m);
            let promoted = ground.promotes(estate, n, owner);
            let copies = estate.workloads[owner.0].assets[owner.1].copies.iter().map(&mut copy).collect();
            AssetGround { owner, promoted, copies }
        };
        let places = estate.workloads.iter().enumerate().map(|(n, w)| (0..w.assets.len()).map(move |m| (n, m)));
        let mut asset = asset;
        ground.assets = places.map(|of| of.map(&mut asset).collect()).collect();
        ground
    }

    pub fn region(&self, id: &str) -> Option<usize> {
        self.regions.get(id).copied()
    }
    pub fn workload(&self, id: &str) -> Option<usize> {
        self.workloads.get(id).copied()
    }
    pub fn assets(&self, workload: usize) -> &[AssetGround] {
        &self.assets[workload]
    }

    /// How long the workload's failover takes where every step says.
    pub fn failover_takes(&self, workload: &Workload) -> Option<Dur> {
        self.failover(workload)?.1
    }

    fn failover(&self, workload: &Workload) -> Option<(usize, Option<Dur>)> {
        self.runbooks.get(workload.runbooks.get(&RunbookKind::Failover)?).copied()
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

    fn promotes(&self, estate: &Estate, n: usize, owner: (usize, usize)) -> bool {
        let Some((runbook, _)) = self.failover(&estate.workloads[n]) else { return false };
        let workload = &estate.workloads[owner.0];
        let asset = &workload.assets[owner.1].id;
        let steps = estate.runbooks[runbook].steps.iter();
        let mut named = steps.filter_map(|s| s.promotes.as_deref()?.split_once('/'));
        named.any(|(w, a)| workload.id == *w && *asset == *a)
    }
}

fn grace(copy: &CopyDef, every: Dur) -> Dur {
    copy.grace.unwrap_or(Dur::millis(every.as_millis() / 4).max(Dur::secs(2)))
}
