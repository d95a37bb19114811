//! What earlier runs and drills have shown. History fills it in; judging
//! needs none of it, and says less without.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{CopyKey, Dur, RegionId, RunId, RunbookId, StepId, StoreId, Time, WorkloadId};

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Learned {
    pub committed: BTreeMap<WorkloadId, Committed>,
    pub proofs: BTreeMap<CopyKey, Vec<Proof>>,
    /// When each workload was last drilled with success.
    pub drilled: BTreeMap<WorkloadId, Time>,
    pub timings: Timings,
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
