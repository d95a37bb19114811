//! One thing that is needed: what it is, what for, where it lies, what becomes
//! of it.

use std::fmt;

use crate::assess::{Need, Verdict};
use crate::model::*;

#[derive(Debug, Clone, PartialEq)]
pub struct Needed {
    pub what: Thing,
    /// The domains that it lies in; `None` where nobody declared any.
    pub within: Option<Vec<Selector>>,
    pub taken: Taken,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Thing {
    Workload {
        workload: WorkloadId,
        kind: DependencyKind,
    },
    /// `WORKLOAD/ASSET` that another workload owns.
    Asset {
        asset: String,
    },
    /// Where it runs.
    Home {
        region: RegionId,
    },
    /// Where it could run.
    Target {
        region: RegionId,
    },
    Replica {
        asset: AssetId,
        region: RegionId,
    },
    Copy {
        asset: AssetId,
        store: StoreId,
        format: FormatId,
    },
    Part {
        asset: AssetId,
        store: StoreId,
        on: Selector,
    },
    Secret {
        need: Need,
        secret: KeyId,
    },
    /// Something opens the store that is not declared as a secret.
    AtHand {
        store: StoreId,
    },
    Relies {
        runbook: RunbookId,
        step: Option<StepId>,
        on: Selector,
    },
    /// A runbook that declares nothing that it relies on.
    ReliesOn {
        runbook: RunbookId,
    },
    Route {
        dns: String,
    },
}

impl Thing {
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Workload { .. } => "workload",
            Self::Asset { .. } => "asset",
            Self::Home { .. } => "home",
            Self::Target { .. } => "target",
            Self::Replica { .. } => "replica",
            Self::Copy { .. } => "copy",
            Self::Part { .. } => "part",
            Self::Secret { .. } => "secret",
            Self::AtHand { .. } => "at_hand",
            Self::Relies { .. } | Self::ReliesOn { .. } => "runbook",
            Self::Route { .. } => "dns",
        }
    }
    /// What it is called.
    pub fn name(&self) -> String {
        match self {
            Self::Workload { workload, .. } => workload.to_string(),
            Self::Asset { asset } => asset.clone(),
            Self::Home { region } | Self::Target { region } | Self::Replica { region, .. } => {
                region.to_string()
            }
            Self::Copy { store, .. } | Self::AtHand { store } => store.to_string(),
            Self::Part { on, .. } | Self::Relies { on, .. } => on.to_string(),
            Self::Secret { secret, .. } => secret.to_string(),
            Self::ReliesOn { runbook } => runbook.to_string(),
            Self::Route { dns } => dns.clone(),
        }
    }
    /// Whether it is easily forgotten: no dependency, place or copy that the
    /// workload's own file names as such.
    pub fn hidden(&self) -> bool {
        use Thing::{AtHand, Part, Relies, ReliesOn, Route, Secret};
        matches!(
            self,
            AtHand { .. } | Part { .. } | Relies { .. } | ReliesOn { .. } | Route { .. } | Secret { .. }
        )
    }
}

/// What it is needed for.
impl fmt::Display for Thing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Workload { kind: DependencyKind::Hard, .. } => f.write_str("does not work without it"),
            Self::Workload { kind: DependencyKind::Soft, .. } => {
                f.write_str("works without it, though not fully")
            }
            Self::Asset { .. } => f.write_str("uses it, another workload owns it"),
            Self::Home { .. } => f.write_str("runs there"),
            Self::Target { .. } => f.write_str("could run there"),
            Self::Replica { asset, .. } => write!(f, "a replica of {asset}"),
            Self::Copy { asset, format, .. } => write!(f, "{format} copies of {asset}"),
            Self::Part { asset, store, .. } => write!(f, "a part of the copy of {asset} in {store}"),
            Self::Secret { need, .. } => need.fmt(f),
            Self::AtHand { store } => write!(f, "what opens {store}, held by whoever recovers"),
            Self::Relies { runbook, step: Some(step), .. } => {
                write!(f, "the step {step} of {runbook} relies on it")
            }
            Self::Relies { runbook, step: None, .. } => write!(f, "the runbook {runbook} relies on it"),
            Self::ReliesOn { .. } => f.write_str("what this runbook relies on"),
            Self::Route { .. } => f.write_str("the name that users ask for, and who may change it"),
        }
    }
}

/// What becomes of a thing in a loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    No,
    /// Nobody declared where it lies.
    Assumed,
    /// Whoever holds what is compromised may delete it.
    Deletable,
    Hit(LossMode),
    /// Of a workload.
    Falls(Verdict),
}

impl Taken {
    /// Whether the loss takes it, or may.
    pub fn counts(self) -> bool {
        match self {
            Self::No | Self::Assumed => false,
            Self::Deletable | Self::Hit(_) => true,
            Self::Falls(verdict) => verdict > Verdict::Exposed,
        }
    }
    pub(super) fn rank(self) -> u8 {
        match self {
            Self::No => 0,
            Self::Falls(verdict) if verdict <= Verdict::Exposed => 1,
            Self::Assumed => 2,
            Self::Hit(LossMode::Impaired) => 3,
            Self::Deletable => 4,
            Self::Falls(_) => 5,
            Self::Hit(_) => 6,
        }
    }
}

impl fmt::Display for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::No => f.write_str("survives"),
            Self::Assumed => f.write_str("assumed safe"),
            Self::Deletable => f.write_str("can be deleted"),
            Self::Hit(mode) => mode.fmt(f),
            Self::Falls(verdict) => verdict.fmt(f),
        }
    }
}
