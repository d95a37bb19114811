//! What was seen, by workload: keyed look-ups would cost more than judging, one
//! walk over what is sorted by the same names does not.

use std::ops::Range;
use std::sync::Arc;

use super::ground::Ground;
use crate::model::*;

type Probed<'a> = (&'a ProbeKey, &'a Observed<ProbeReading>);
type Copied<'a> = (&'a AssetId, &'a Arc<SeenAsset>);

/// All that was seen of one workload.
#[derive(Clone, Copy)]
pub(crate) struct SeenOf<'i, 'a> {
    probes: &'i [Probed<'a>],
    assets: &'i [Copied<'a>],
}

impl<'i, 'a> SeenOf<'i, 'a> {
    pub fn probe(&self, wanted: impl Fn(&ProbeKey) -> bool) -> Option<&'a Observed<ProbeReading>> {
        self.probes.iter().find(|(key, _)| wanted(key)).map(|(_, observed)| *observed)
    }
    /// What was seen of the copies of one asset.
    pub fn copies(&self, asset: &AssetId) -> Option<&'a Arc<SeenAsset>> {
        self.assets.iter().find(|(id, _)| *id == asset).map(|(_, seen)| *seen)
    }
}

/// By the places of workloads and regions in the estate.
pub(crate) struct Index<'a> {
    probes: Vec<Probed<'a>>,
    assets: Vec<Copied<'a>>,
    /// Of each workload, into the two above.
    workloads: Vec<(Range<usize>, Range<usize>)>,
    regions: Vec<Vec<Probed<'a>>>,
}

impl<'a> Index<'a> {
    /// What the estate does not declare, any more, is passed over.
    pub fn of(seen: &'a Observations, estate: &Estate, ground: &Ground) -> Self {
        let mut regions = vec![Vec::new(); estate.regions.len()];
        let mut workloads = vec![(0..0, 0..0); estate.workloads.len()];
        let mut find = ground.finder();
        let mut of_workloads = Vec::with_capacity(seen.probes.len());
        for (key, observed) in &seen.probes {
            let probed: Probed = (key, &**observed);
            match subject(key) {
                Subject::Region(id) => {
                    if let Some(n) = ground.region(id) {
                        regions[n].push(probed);
                    }
                }
                Subject::Workload(id) => {
                    if let Some(n) = find.place(id) {
                        workloads[n].0.end += 1;
                        of_workloads.push((n, probed));
                    }
                }
            }
        }
        // Keys are sorted by kind first: each goes behind those of its workload.
        let mut probes =
            of_workloads.first().map_or_else(Vec::new, |(_, one)| vec![*one; of_workloads.len()]);
        let mut begin = 0;
        for (of, _) in &mut workloads {
            let many = of.end;
            *of = begin..begin;
            begin += many;
        }
        for (n, probed) in of_workloads {
            let of = &mut workloads[n].0;
            probes[of.end] = probed;
            of.end += 1;
        }
        let mut assets = Vec::with_capacity(seen.copies.assets().len());
        for ((workload, asset), copies) in seen.copies.assets() {
            if let Some(n) = find.place(workload) {
                // Those of one workload follow each other.
                let of = &mut workloads[n].1;
                let begin = if of.start == of.end { assets.len() } else { of.start };
                *of = begin..assets.len() + 1;
                assets.push((asset, copies));
            }
        }
        Self { probes, assets, workloads, regions }
    }

    pub fn workload(&self, place: usize) -> SeenOf<'_, 'a> {
        let (probes, assets) = self.workloads[place].clone();
        SeenOf { probes: &self.probes[probes], assets: &self.assets[assets] }
    }

    pub fn region(&self, place: usize, index: usize) -> Option<&'a Observed<ProbeReading>> {
        let wanted = |key: &ProbeKey| matches!(key, ProbeKey::RegionHealth { index: n, .. } if *n == index);
        self.regions[place].iter().find(|(key, _)| wanted(key)).map(|(_, observed)| *observed)
    }
}

enum Subject<'a> {
    Region(&'a RegionId),
    Workload(&'a WorkloadId),
}

fn subject(key: &ProbeKey) -> Subject<'_> {
    match key {
        ProbeKey::RegionHealth { region, .. } => Subject::Region(region),
        ProbeKey::Lag(link) => Subject::Workload(&link.workload),
        ProbeKey::WorkloadHealth { workload, .. }
        | ProbeKey::WriteProbe { workload, .. }
        | ProbeKey::ActiveWhen { workload }
        | ProbeKey::Capacity { workload, .. } => Subject::Workload(workload),
    }
}
