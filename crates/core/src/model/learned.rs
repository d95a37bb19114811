//! What earlier runs and drills have shown. History fills it in; judging
//! needs none of it, and says less without.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    Acknowledged, Anomaly, CopyKey, Dur, LinkKey, RegionId, RunId, RunbookId, StepId, StoreId, Time,
    WorkloadId,
};

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Learned {
    pub committed: BTreeMap<WorkloadId, Committed>,
    pub proofs: BTreeMap<CopyKey, Vec<Proof>>,
    /// When each workload was last drilled with success.
    pub drilled: BTreeMap<WorkloadId, Time>,
    pub timings: Timings,
    /// What is not as it used to be and nobody has acknowledged.
    pub anomalies: Vec<Anomaly>,
    /// Those that somebody has acknowledged.
    pub acknowledged: Vec<Quiet>,
    /// Since when each finding stands without a break, by `found`.
    pub since: BTreeMap<String, Time>,
    pub copies: BTreeMap<CopyKey, CopyTrend>,
    pub lags: BTreeMap<LinkKey, LagTrend>,
    pub stores: BTreeMap<StoreId, StoreTrend>,
}

/// An anomaly with the word that it is as it should be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Quiet {
    pub anomaly: Anomaly,
    pub said: Acknowledged,
}

/// What a finding is known by over time: its message holds figures that move.
pub fn found(rule: &str, subject: &str) -> String {
    format!("{rule} {subject}")
}

/// How often something went well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Rate {
    pub good: u32,
    pub all: u32,
}

impl Rate {
    pub fn share(self) -> Option<f64> {
        (self.all > 0).then(|| f64::from(self.good) / f64::from(self.all))
    }
}

/// How something grows, in units a day: the middle of all slopes between two
/// values, and between what it lies in nine of ten cases.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Growth {
    pub per_day: f64,
    pub low: f64,
    pub high: f64,
    /// Of how many values, over how long.
    pub n: usize,
    pub over: Dur,
}

/// What the history says of one copy.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CopyTrend {
    /// Of its backups within thirty days, how many can be used.
    pub success: Rate,
    /// Of looks at it within thirty days, how many were answered.
    pub answered: Rate,
    /// Of the newest usable point.
    pub size: Option<u64>,
    /// How the size of a point grows, in bytes a day.
    pub growth: Option<Growth>,
    /// Sizes of all its points together.
    pub stored: Option<u64>,
    /// What one look costs on average.
    pub requests: Option<f64>,
    pub bytes: Option<f64>,
}

/// How far a replica lags: percentiles of the worst of each minute.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LagTrend {
    pub p50: Dur,
    pub p95: Dur,
    pub p99: Dur,
    pub worst: Dur,
    /// Of so many minutes, within so long.
    pub n: usize,
    pub over: Dur,
    /// How much the lag grows, in seconds a second; 1 is standing still.
    pub slope: Option<(f64, f64, f64)>,
}

/// How full a store becomes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct StoreTrend {
    /// Sizes of all points in it together.
    pub bytes: u64,
    pub growth: Option<Growth>,
    pub quota: Option<u64>,
    /// When the quota is reached: by the middle slope, at the soonest and at
    /// the latest; `None` is never, as far as was seen.
    pub full: Option<Full>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Full {
    pub days: Option<f64>,
    pub soonest: Option<f64>,
    pub latest: Option<f64>,
}

/// Where the last committed run left a workload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Committed {
    pub to: RegionId,
    pub at: Time,
    pub run: Option<RunId>,
}

/// That a point was restored and found good.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Proof {
    /// The tool's own name of the point.
    pub point: String,
    /// The instant that was restored to: base and log are proven up to it, and
    /// no further.
    pub instant: Time,
    /// What was asked of the restored data.
    pub checks: Vec<String>,
    pub region: Option<RegionId>,
    pub identity: Option<String>,
    pub at: Time,
    pub expires: Option<Time>,
}

impl Proof {
    pub fn holds(&self, now: Time) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }
}

/// How long things took when they were done.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Timings {
    pub steps: BTreeMap<RunbookId, Vec<StepTiming>>,
    /// How fast a store was read in restores, in bytes a second.
    pub rates: BTreeMap<StoreId, f64>,
}

impl Timings {
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.rates.is_empty()
    }
}

/// One step, done once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepTiming {
    pub step: StepId,
    /// `Runbook::version` of what was run: another version proves nothing.
    pub version: String,
    pub into: RegionId,
    pub took: Dur,
}
