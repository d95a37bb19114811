//! Plans as users write them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::*;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunbookKind {
    Failover,
    Switchover,
    Failback,
    Restore,
    Drill,
    Cleanup,
    Evacuation,
}

impl RunbookKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failover => "failover",
            Self::Switchover => "switchover",
            Self::Failback => "failback",
            Self::Restore => "restore",
            Self::Drill => "drill",
            Self::Cleanup => "cleanup",
            Self::Evacuation => "evacuation",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Runbook {
    pub id: RunbookId,
    /// May hold `{{ param }}`.
    pub title: String,
    pub kind: RunbookKind,
    /// `workload` and `workloads` in one list.
    #[serde(default)]
    pub workloads: Vec<WorkloadId>,
    #[serde(default, rename = "for")]
    pub against: Vec<String>,
    #[serde(default)]
    pub params: BTreeMap<String, ParamDef>,
    #[serde(default)]
    pub relies_on: Vec<Selector>,
    pub waves: Option<Waves>,
    /// Who ends the run once its goals hold. Until then it can be rolled back.
    #[serde(default)]
    pub commit: CommitBy,
    #[serde(default, rename = "step")]
    pub steps: Vec<StepPlan>,
}

impl Runbook {
    /// A hash of all that it says: a drill speaks for the version it ran.
    pub fn version(&self) -> String {
        let bytes = serde_json::to_vec(self).unwrap_or_default();
        blake3::hash(&bytes).to_hex()[..16].to_owned()
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Waves {
    pub max_parallel: Option<u32>,
    pub stop_after_failures: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommitBy {
    /// As soon as everything passed and the goals hold.
    #[default]
    Auto,
    /// A person says it; until then there is a way back.
    Person,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ParamDef {
    #[serde(rename = "type")]
    pub ty: ParamType,
    pub default: Option<Value>,
    #[serde(default)]
    pub choices: Vec<String>,
    pub text: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ParamType {
    Region,
    Workload,
    RecoveryPoint,
    Instant,
    Choice,
    String,
    Integer,
    Bool,
    Secret,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    #[default]
    Main,
    /// A `check` or `wait` that must hold for the run to be completed; after
    /// everything of `main`. Its `stable` is the stability window.
    Goal,
    /// After everything else, and also when the run is cancelled or rolled back.
    Cleanup,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    #[default]
    Pause,
    Continue,
    RollBack,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InRehearsal {
    #[default]
    Run,
    Simulate,
    Skip,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Retry {
    /// All tries together, the first included.
    pub attempts: u32,
    pub backoff: Option<Dur>,
}

/// One `[[step]]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepPlan {
    pub id: StepId,
    pub title: Option<String>,
    /// Markdown.
    pub text: Option<String>,
    pub kind: String,
    /// Absent: the step above; empty: at once.
    pub needs: Option<Vec<StepId>>,
    pub when: Option<String>,
    #[serde(default)]
    pub phase: Phase,
    pub takes: Option<Dur>,
    pub timeout: Option<Dur>,
    pub retry: Option<Retry>,
    #[serde(default)]
    pub idempotent: bool,
    pub verify: Option<Probe>,
    pub absent: Option<Probe>,
    pub settle: Option<Dur>,
    pub undo: Option<Vec<String>>,
    pub target: Option<String>,
    #[serde(default)]
    pub on_failure: OnFailure,
    #[serde(default)]
    pub rehearsal: InRehearsal,
    #[serde(default)]
    pub destructive: bool,
    #[serde(default)]
    pub point_of_no_return: bool,
    #[serde(default)]
    pub relies_on: Vec<Selector>,
    /// From a name to a JSON pointer into the step's answer. The names
    /// `counted_loss_s` and `counted_loss_objects` are what a report sets
    /// beside the loss predicted.
    #[serde(default)]
    pub outputs: BTreeMap<String, OutputDef>,
    pub for_each: Option<Each>,
    pub max_parallel: Option<u32>,
    pub approvals: Option<Approvals>,
    /// `WORKLOAD/ASSET`.
    pub fences: Option<String>,
    pub promotes: Option<String>,
    /// The kind's own keys.
    #[serde(default)]
    pub options: Options,
}

impl StepPlan {
    pub fn label(&self) -> &str {
        self.title.as_deref().unwrap_or(self.id.as_str())
    }
}
