//! What was seen, by workload: keyed look-ups of ten thousand copies would
//! cost more than judging them, one walk over both maps does not.

use std::sync::Arc;

use rustc_hash::FxHashMap as HashMap;

use crate::model::*;

type Probed<'a> = (&'a ProbeKey, &'a Observed<ProbeReading>);
type Copied<'a> = (&'a CopyKey, &'a Observed<Arc<CopySummary>>);

/// All that was seen of one workload.
#[derive(Default)]
pub(crate) struct SeenOf<'a> {
    probes: Vec<Probed<'a>>,
    copies: Vec<Copied<'a>>,
}

impl<'a> SeenOf<'a> {
    pub fn probe(&self, wanted: impl Fn(&ProbeKey) -> bool) -> Option<&'a Observed<ProbeReading>> {
        self.probes.iter().find(|(key, _)| wanted(key)).map(|(_, observed)| *observed)
    }
    pub fn copy(&self, asset: &AssetId, index: usize) -> Option<&'a Observed<Arc<CopySummary>>> {
        let wanted = |key: &CopyKey| key.index == index && key.asset == *asset;
        self.copies.iter().find(|(key, _)| wanted(key)).map(|(_, observed)| *observed)
    }
}

pub(crate) struct Index<'a> {
    workloads: HashMap<&'a str, SeenOf<'a>>,
    regions: HashMap<&'a str, Vec<Probed<'a>>>,
    none: SeenOf<'a>,
}

impl<'a> Index<'a> {
    pub fn of(seen: &'a Observations) -> Self {
        let mut index =
            Self { workloads: HashMap::default(), regions: HashMap::default(), none: SeenOf::default() };
        for (key, observed) in &seen.probes {
            match subject(key) {
                Subject::Region(id) => {
                    index.regions.entry(id.as_str()).or_default().push((key, observed));
                }
                Subject::Workload(id) => {
                    index.workloads.entry(id.as_str()).or_default().probes.push((key, observed));
                }
            }
        }
        // Keys are sorted, so that those of one workload follow each other.
        let mut copies = seen.copies.iter().map(|(k, o)| (k, &**o)).peekable();
        while let Some((key, observed)) = copies.next() {
            let of = index.workloads.entry(key.workload.as_str()).or_default();
            of.copies.push((key, observed));
            while let Some(next) = copies.next_if(|(next, _)| next.workload == key.workload) {
                of.copies.push(next);
            }
        }
        index
    }

    pub fn workload(&self, id: &WorkloadId) -> &SeenOf<'a> {
        self.workloads.get(id.as_str()).unwrap_or(&self.none)
    }

    pub fn region(&self, id: &RegionId, index: usize) -> Option<&'a Observed<ProbeReading>> {
        let wanted = |key: &ProbeKey| matches!(key, ProbeKey::RegionHealth { index: n, .. } if *n == index);
        self.regions.get(id.as_str())?.iter().find(|(key, _)| wanted(key)).map(|(_, observed)| *observed)
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
