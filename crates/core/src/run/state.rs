//! What a run is at one instant, as screens and scripts read it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Ask;
use crate::model::*;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    Live,
    Rehearsal,
    DryRun,
}

impl Mode {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Rehearsal => "rehearsal",
            Self::DryRun => "dry-run",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    Prechecking,
    Running,
    /// For a person.
    Waiting,
    Paused,
    RollingBack,
    Completed,
    CompletedWithExceptions,
    Failed,
    Cancelled,
}

impl RunState {
    pub fn is_over(self) -> bool {
        matches!(self, Self::Completed | Self::CompletedWithExceptions | Self::Failed | Self::Cancelled)
    }
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prechecking => "prechecking",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Paused => "paused",
            Self::RollingBack => "rolling_back",
            Self::Completed => "completed",
            Self::CompletedWithExceptions => "completed_with_exceptions",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepStatus {
    Pending,
    Ready,
    Running,
    AwaitingInput,
    AwaitingApproval,
    Succeeded,
    Failed,
    FailedIgnored,
    TimedOut,
    Skipped,
    Indeterminate,
    Undone,
    Cancelled,
}

impl StepStatus {
    /// Whether steps that need this one may begin.
    pub fn lets_pass(self) -> bool {
        matches!(self, Self::Succeeded | Self::FailedIgnored | Self::Skipped)
    }
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Ready => "ready",
            Self::Running => "running",
            Self::AwaitingInput => "awaiting_input",
            Self::AwaitingApproval => "awaiting_approval",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::FailedIgnored => "failed_ignored",
            Self::TimedOut => "timed_out",
            Self::Skipped => "skipped",
            Self::Indeterminate => "indeterminate",
            Self::Undone => "undone",
            Self::Cancelled => "cancelled",
        }
    }
}

/// One try of a step's action.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// From 1 within its step.
    pub number: u32,
    pub intended_at: Time,
    pub ended_at: Option<Time>,
    pub outcome: Option<Outcome>,
}

/// How an attempt ended, as its own process recorded it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    pub result: AttemptResult,
    /// Exit code of a command, HTTP status of a request.
    pub code: Option<i32>,
    /// In a few words for a person, cleaned: `exit 3`, `503 Service Unavailable`.
    pub detail: String,
    pub started_at: Time,
    pub ended_at: Time,
    #[serde(default)]
    pub outputs: BTreeMap<String, Value>,
    /// Of what it printed: bytes kept, bytes in all, hash of those kept.
    #[serde(default)]
    pub output_kept: u64,
    #[serde(default)]
    pub output_bytes: u64,
    #[serde(default)]
    pub output_hash: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptResult {
    Succeeded,
    Failed,
    TimedOut,
    Cancelled,
    /// It could not even be started: nothing happened.
    NotStarted,
    /// It was started and no outcome was left behind.
    Unknown,
}

/// The answer of a step's `verify`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict3 {
    Done,
    NotDone,
    CannotTell,
}

/// One step of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepRun {
    /// As planned, with parameters filled in.
    pub plan: StepPlan,
    pub status: StepStatus,
    pub attempts: Vec<Attempt>,
    pub started_at: Option<Time>,
    pub ended_at: Option<Time>,
    /// Why it stands as it does, in one sentence: a failure, a skip's reason,
    /// what `verify` answered.
    pub reason: Option<String>,
    pub outputs: BTreeMap<String, Value>,
    /// The step that this is one instance of, by `for_each`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<StepId>,
    /// Who agreed, and to what.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approvals: Vec<Approval>,
    /// By when it has to be done, whatever else happens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Time>,
}

/// One person's word that a step may begin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    pub by: OperatorId,
    pub at: Time,
    /// Digest of exactly what was agreed to: a plan that changes afterwards
    /// is not what was approved.
    pub of: String,
}

/// What was predicted for one workload when the incident was declared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    pub workload: WorkloadId,
    pub at: Time,
    pub verdict: crate::assess::Verdict,
    pub to: Option<RegionId>,
    pub loss_lower: Dur,
    /// `None`: unknown.
    pub loss_upper: Option<Dur>,
    pub rto: Option<Dur>,
}

/// A scenario in reality.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    pub id: IncidentId,
    pub scenario: Scenario,
    pub impact_began: Time,
    pub detected_at: Option<Time>,
    pub declared_at: Time,
    pub by: OperatorId,
    /// What was seen that spoke for declaring, in sentences.
    pub evidence: Vec<String>,
    pub predictions: Vec<Prediction>,
    pub stood_down_at: Option<Time>,
}

/// One execution of a runbook.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    pub id: RunId,
    pub runbook: Runbook,
    /// The runbook's title with parameters filled in.
    pub title: String,
    pub mode: Mode,
    pub state: RunState,
    pub params: BTreeMap<String, Value>,
    pub by: OperatorId,
    pub started_at: Time,
    pub ended_at: Option<Time>,
    pub incident: Option<Incident>,
    pub steps: Vec<StepRun>,
    pub notes: Vec<(Time, OperatorId, String)>,
    /// Who is in command; at first who started it.
    pub commander: OperatorId,
    /// To whom the command is offered.
    #[serde(default)]
    pub offered: Option<OperatorId>,
    /// Whether steps that only a graceful move needs are still done.
    #[serde(default)]
    pub graceful: bool,
    #[serde(default)]
    pub precheck: Vec<PrecheckItem>,
    /// What did not go as planned, and what a person took upon themselves.
    #[serde(default)]
    pub exceptions: Vec<(Time, String)>,
    /// When everything had passed and the goals held: the end of the recovery
    /// time, whenever the run is committed.
    #[serde(default)]
    pub stable_at: Option<Time>,
    #[serde(default)]
    pub parent: Option<Parent>,
    /// The objective and the estimate of the workload when the run began.
    pub rto_target: Option<Dur>,
    pub rto_estimate: Option<Dur>,
}

impl Run {
    pub fn step(&self, id: &str) -> Option<&StepRun> {
        self.steps.iter().find(|s| s.plan.id == *id)
    }
    /// The step a person looks at: what asks, else what runs, else what comes next.
    pub fn current(&self) -> Option<&StepRun> {
        use StepStatus::*;
        let first = |wanted: &[StepStatus]| self.steps.iter().find(|s| wanted.contains(&s.status));
        first(&[Indeterminate, AwaitingInput, AwaitingApproval, Failed, TimedOut])
            .or_else(|| first(&[Running]))
            .or_else(|| first(&[Ready]))
            .or_else(|| first(&[Pending]))
    }
    /// Recovery time achieved so far: from when impact began (else the start of
    /// the run) to when its goals held, its end or `now`.
    pub fn rta(&self, now: Time) -> Dur {
        let from = self.incident.as_ref().map_or(self.started_at, |i| i.impact_began);
        Dur::between(from, self.stable_at.or(self.ended_at).unwrap_or(now))
    }
}

/// The run that this one is a step of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parent {
    pub run: RunId,
    pub step: StepId,
    pub number: u32,
}

/// One thing that was looked at before anything acted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrecheckItem {
    /// By which it is overridden: `credentials:backups-fra`.
    pub id: String,
    /// What was looked at, in a few words.
    pub what: String,
    pub state: CheckState,
    pub detail: String,
    /// Whether a person may go on in spite of it, with a reason.
    pub overridable: bool,
    /// Who did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overridden: Option<OperatorId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckState {
    Ok,
    Warning,
    /// Not seen: never green.
    Unknown,
    Red,
}

impl PrecheckItem {
    /// Whether the run may not begin before a person says so.
    pub fn blocks(&self) -> bool {
        matches!(self.state, CheckState::Red | CheckState::Unknown) && self.overridden.is_none()
    }
}

/// A run as a screen follows it.
#[derive(Debug, Clone, PartialEq)]
pub struct RunView {
    pub run: std::sync::Arc<Run>,
    pub asks: Vec<Ask>,
    /// The newest output of the attempt that runs or ran last, cleaned lines.
    pub tail: Vec<String>,
    pub tail_step: Option<StepId>,
    /// What is done this moment, in words: `waiting for http://… to answer`.
    pub doing: Option<String>,
    /// What keeps the run from going on, where that is not a question.
    pub trouble: Option<Problem>,
}

/// One line of the list of runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRow {
    pub id: RunId,
    pub runbook: RunbookId,
    pub mode: Mode,
    pub state: RunState,
    pub started_at: Time,
    pub ended_at: Option<Time>,
    pub incident: Option<IncidentId>,
}
