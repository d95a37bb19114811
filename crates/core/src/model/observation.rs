//! All that was seen, keyed by what was asked.

use std::{collections::BTreeMap, fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{AssetId, Dur, Learned, Observed, Posture, RegionId, SeenCopies, StoreId, Time, WorkloadId};

/// One copy of an asset, by its place in the estate file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CopyKey {
    pub workload: WorkloadId,
    pub asset: AssetId,
    pub index: usize,
}

/// One replica of an asset, by its place in the estate file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LinkKey {
    pub workload: WorkloadId,
    pub asset: AssetId,
    pub index: usize,
}

/// What a probe is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ProbeKey {
    RegionHealth { region: RegionId, index: usize },
    WorkloadHealth { workload: WorkloadId, index: usize },
    Lag(LinkKey),
    WriteProbe { workload: WorkloadId, asset: AssetId },
    ActiveWhen { workload: WorkloadId },
    Capacity { workload: WorkloadId, index: usize },
}

/// One answer of one probe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProbeReading {
    /// Whether what was expected holds; an answer that does not hold is an
    /// answer, not a failure to look.
    pub holds: bool,
    /// The figure asked for, in its base unit: seconds, bytes, count, or for
    /// instants seconds since 1970.
    pub value: Option<f64>,
    /// The value as text, for `active_when`.
    pub text: Option<String>,
    /// The instant the figure is about, where the answer carries one.
    pub as_of: Option<Time>,
    pub latency_ms: u32,
    /// What was answered, in a few cleaned words: `200 OK in 12 ms`.
    pub detail: String,
}

impl fmt::Display for CopyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}#{}", self.workload, self.asset, self.index)
    }
}

/// Everything seen so far. Cheap to clone: values sit behind `Arc`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Observations {
    pub probes: BTreeMap<ProbeKey, Arc<Observed<ProbeReading>>>,
    pub copies: SeenCopies,
    pub postures: BTreeMap<StoreId, Arc<Observed<Posture>>>,
    /// Not seen but remembered: what runs and drills have shown.
    pub learned: Arc<Learned>,
}

/// Anything with an age, for those that ask only how old the oldest is.
pub trait Watched {
    fn last_attempt(&self) -> Option<Time>;
    fn last_seen(&self) -> Option<Time>;
    fn every(&self) -> Dur;
}

impl<T> Watched for Observed<T> {
    fn last_attempt(&self) -> Option<Time> {
        Observed::last_attempt(self)
    }
    fn last_seen(&self) -> Option<Time> {
        self.get(Time::UNIX_EPOCH).0.map(|s| s.at)
    }
    fn every(&self) -> Dur {
        Observed::every(self)
    }
}

impl Observations {
    fn all(&self) -> impl Iterator<Item = &dyn Watched> {
        let probes = self.probes.values().map(|o| &**o as &dyn Watched);
        probes.chain(self.copies.values().map(|o| o as &dyn Watched))
    }
    /// When the source that was answered longest ago last answered; `None`
    /// while any source was never answered.
    pub fn oldest(&self) -> Option<Time> {
        self.all().map(Watched::last_seen).min().flatten()
    }
    /// Whether there is any source to ask.
    pub fn asks(&self) -> bool {
        self.all().next().is_some()
    }
    /// Whether any source was last answered so long ago that it is stale: five
    /// times as long as it is asked.
    pub fn any_stale(&self, now: Time) -> bool {
        let old =
            |o: &dyn Watched| o.last_seen().is_some_and(|at| Dur::between(at, now) > o.every().times(5));
        self.all().any(old)
    }
    /// How many sources have never been tried.
    pub fn untried(&self) -> usize {
        self.all().filter(|o| o.last_attempt().is_none()).count()
    }
}
