//! What an estate asks to be watched, as a flat list.

use lifeboat_core::model::*;

/// One thing that is asked again and again, on its own schedule.
#[derive(Debug, Clone)]
pub struct Source {
    pub asked: Asked,
    pub every: Dur,
    /// How long one try may take.
    pub deadline: Dur,
}

#[derive(Debug, Clone)]
pub enum Asked {
    Probe(ProbeKey, Box<Probe>),
    Copy(CopyKey),
    /// What a store is set to.
    Posture(StoreId),
}

/// Settings change by hand, and a look at them is a dozen requests.
const POSTURE_EVERY: Dur = Dur::secs(3_600);

impl Asked {
    /// The workload it is about; `None` for a region's own health.
    pub fn workload(&self) -> Option<&WorkloadId> {
        match self {
            Self::Copy(key) => Some(&key.workload),
            Self::Probe(ProbeKey::Lag(key), _) => Some(&key.workload),
            Self::Probe(ProbeKey::WorkloadHealth { workload, .. }, _)
            | Self::Probe(ProbeKey::WriteProbe { workload, .. }, _)
            | Self::Probe(ProbeKey::ActiveWhen { workload }, _)
            | Self::Probe(ProbeKey::Capacity { workload, .. }, _) => Some(workload),
            Self::Probe(ProbeKey::RegionHealth { .. }, _) | Self::Posture(_) => None,
        }
    }
}

pub fn sources(estate: &Estate) -> Vec<Source> {
    let mut all = Vec::new();
    for region in &estate.regions {
        for (index, probe) in region.health.iter().enumerate() {
            all.push(of_probe(estate, ProbeKey::RegionHealth { region: region.id.clone(), index }, probe));
        }
    }
    for workload in &estate.workloads {
        of_workload(estate, workload, &mut all);
    }
    all.extend(estate.stores.iter().filter(|store| has_posture(store)).map(|store| Source {
        asked: Asked::Posture(store.id.clone()),
        every: POSTURE_EVERY,
        deadline: Dur::secs(60),
    }));
    all
}

/// Registries and repositories of other kinds have settings of other kinds;
/// what is away by design is not asked.
pub fn has_posture(store: &Store) -> bool {
    let scheme = store.url.split_once("://").map_or("", |(scheme, _)| scheme);
    matches!(scheme, "s3" | "gs" | "az" | "http" | "https" | "file") && store.online != Some(false)
}

fn of_workload(estate: &Estate, w: &Workload, all: &mut Vec<Source>) {
    let workload = || w.id.clone();
    for (index, health) in w.health.iter().enumerate() {
        let key = ProbeKey::WorkloadHealth { workload: workload(), index };
        all.push(of_probe(estate, key, &health.probe));
    }
    if let Some(probe) = &w.active_when {
        all.push(of_probe(estate, ProbeKey::ActiveWhen { workload: workload() }, probe));
    }
    for (index, standby) in w.standbys.iter().enumerate() {
        if let Some(capacity) = &standby.capacity {
            let key = ProbeKey::Capacity { workload: workload(), index };
            all.push(of_probe(estate, key, &capacity.probe));
        }
    }
    for asset in &w.assets {
        if let Some(probe) = &asset.write_probe {
            let key = ProbeKey::WriteProbe { workload: workload(), asset: asset.id.clone() };
            all.push(of_probe(estate, key, probe));
        }
        for (index, replica) in asset.replicas.iter().enumerate() {
            if let Some(probe) = &replica.lag {
                let key = LinkKey { workload: workload(), asset: asset.id.clone(), index };
                all.push(of_probe(estate, ProbeKey::Lag(key), probe));
            }
        }
        for (index, copy) in asset.copies.iter().enumerate() {
            let key = CopyKey { workload: workload(), asset: asset.id.clone(), index };
            let every = copy.refresh.unwrap_or(estate.defaults.refresh);
            all.push(Source { asked: Asked::Copy(key), every, deadline: every.max(Dur::secs(60)) });
        }
    }
}

fn of_probe(estate: &Estate, key: ProbeKey, probe: &Probe) -> Source {
    Source {
        asked: Asked::Probe(key, Box::new(probe.clone())),
        every: probe.every.unwrap_or(estate.defaults.poll).max(Dur::millis(100)),
        deadline: probe.timeout.unwrap_or(estate.defaults.timeout),
    }
}
