//! What was seen, by workload: keyed look-ups of ten thousand copies would
//! cost more than judging them, one walk over both maps does not.

use std::ops::Range;
use std::sync::Arc;

use super::ground::Ground;
use crate::model::*;

type Probed<'a> = (&'a ProbeKey, &'a Observed<ProbeReading>);
type Copied<'a> = (&'a CopyKey, &'a Arc<Observed<Summarised>>);

#[derive(Clone, Default)]
struct Of<'a> {
    probes: Vec<Probed<'a>>,
    /// Into `Index::copies`.
    copies: Range<usize>,
}

/// All that was seen of one workload.
#[derive(Clone, Copy)]
pub(crate) struct SeenOf<'i, 'a> {
    probes: &'i [Probed<'a>],
    copies: &'i [Copied<'a>],
}

impl<'i, 'a> SeenOf<'i, 'a> {
    pub fn probe(&self, wanted: impl Fn(&ProbeKey) -> bool) -> Option<&'a Observed<ProbeReading>> {
        self.probes.iter().find(|(key, _)| wanted(key)).map(|(_, observed)| *observed)
    }
    /// What was seen of the copies of one asset.
    pub fn copies(&self, asset: &AssetId) -> CopiesOf<'i, 'a> {
        // Most workloads have one asset, and names lie far apart in memory.
        let ends = [self.copies.first(), self.copies.last()].map(|c| c.map(|(key, _)| &key.asset));
        if ends == [Some(asset); 2] {
            return CopiesOf { rest: self.copies };
        }
        let begin = self.copies.iter().position(|(key, _)| key.asset == *asset);
        let all = begin.map_or(&[][..], |begin| &self.copies[begin..]);
        let end = all.iter().position(|(key, _)| key.asset != *asset);
        CopiesOf { rest: &all[..end.unwrap_or(all.len())] }
    }
}

/// The copies of one asset, asked for by rising place.
pub(crate) struct CopiesOf<'i, 'a> {
    rest: &'i [Copied<'a>],
}

impl<'a> CopiesOf<'_, 'a> {
    pub fn next(&mut self, index: usize) -> Option<&'a Arc<Observed<Summarised>>> {
        while let [(key, observed), rest @ ..] = self.rest {
            if key.index > index {
                return None;
            }
            self.rest = rest;
            if key.index == index {
                return Some(observed);
            }
        }
        None
    }
}

/// By the places of workloads and regions in the estate.
pub(crate) struct Index<'a> {
    workloads: Vec<Of<'a>>,
    regions: Vec<Vec<Probed<'a>>>,
    copies: Vec<Copied<'a>>,
}

impl<'a> Index<'a> {
    /// What the estate does not declare, any more, is passed over.
    pub fn of(seen: &'a Observations, estate: &Estate, ground: &Ground) -> Self {
        let mut workloads = vec![Of::default(); estate.workloads.len()];
        let mut regions = vec![Vec::new(); estate.regions.len()];
        for (key, observed) in &seen.probes {
            let of = match subject(key) {
                Subject::Region(id) => ground.region(id.as_str()).map(|n| &mut regions[n]),
                Subject::Workload(id) => ground.workload(id.as_str()).map(|n| &mut workloads[n].probes),
            };
            if let Some(of) = of {
                of.push((key, &**observed));
            }
        }
        let copies: Vec<Copied> = seen.copies.iter().collect();
        // Keys are sorted, so that those of one workload follow each other.
        let mut begin = 0;
        for of in copies.chunk_by(|(a, _), (b, _)| a.workload == b.workload) {
            if let Some(n) = ground.workload(of[0].0.workload.as_str()) {
                workloads[n].copies = begin..begin + of.len();
            }
            begin += of.len();
        }
        Self { workloads, regions, copies }
    }

    pub fn workload(&self, place: usize) -> SeenOf<'_, 'a> {
        let of = &self.workloads[place];
        SeenOf { probes: &of.probes, copies: &self.copies[of.copies.clone()] }
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
