//! What a journal line can say. Fields may be added; a field that changes what
//! an event means is a new event, so that an older program sees that it does
//! not know it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Action;
use crate::{
    model::*,
    run::{GuardAnswer, Incident, Mode, Outcome, Parent, PrecheckItem, RunState, StepStatus, Verb, Verdict3},
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// The first line of a run: all that it is.
    RunStarted(Box<Start>),
    /// A process began to drive the run: its first driver, or one that took it
    /// up after a kill or a pause. Targets fence by the epoch.
    TakenUp {
        epoch: u64,
        host: String,
        pid: u32,
        version: String,
        /// Bytes of an unfinished last line that were cut.
        #[serde(default)]
        cut: u64,
    },
    /// What it needs has passed; from here on its time counts.
    StepReached {
        step: StepId,
    },
    /// Left out by the plan (`when`, `rehearsal`), not by a person.
    StepSkipped {
        step: StepId,
        why: String,
    },
    /// It lies on a branch that is not taken: its `when` does not hold, another
    /// choice was made, or all that it needs was left out.
    StepLeftOut {
        step: StepId,
        why: String,
    },
    /// What `for_each` came to, as it was when the step was reached: a resumed
    /// run never asks again.
    StepExpanded {
        step: StepId,
        instances: Vec<Instance>,
    },
    /// Not done, only written down: what would have been.
    StepSimulated {
        step: StepId,
        action: String,
    },
    /// Durable before the attempt acts.
    AttemptIntended {
        step: StepId,
        number: u32,
        action: Action,
        timeout: Dur,
    },
    AttemptEnded {
        step: StepId,
        number: u32,
        outcome: Outcome,
        /// Something the attempt started still runs and holds its lock.
        #[serde(default)]
        still_held: bool,
    },
    /// As `attempt_intended`, of what takes the step back.
    UndoIntended {
        step: StepId,
        number: u32,
        action: Action,
        timeout: Dur,
    },
    /// Durable before the run of a `runbook` step is made: with its id it is
    /// found again, and never made twice.
    ChildIntended {
        step: StepId,
        number: u32,
        run: RunId,
        runbook: RunbookId,
        params: BTreeMap<String, Value>,
    },
    ChildEnded {
        step: StepId,
        number: u32,
        /// Absent: it could not even begin.
        state: Option<RunState>,
        detail: String,
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        outputs: BTreeMap<String, Value>,
    },
    /// What was found at the moment before a dangerous step acts.
    Guarded {
        step: StepId,
        answers: Vec<GuardAnswer>,
    },
    /// Approvals became too old before the step began.
    ApprovalsLapsed {
        step: StepId,
        of: Vec<OperatorId>,
    },
    /// A step's `due` passed and it is not done.
    DueMissed {
        step: StepId,
        due: Time,
    },
    /// What was looked at before anything acts.
    Prechecked {
        items: Vec<PrecheckItem>,
    },
    /// The journal can no longer be written where it lies: nothing goes on
    /// before a process takes the run up again.
    WentReadOnly {
        why: String,
    },
    /// What a step's probe said about an attempt.
    Answered {
        step: StepId,
        number: u32,
        question: Question,
        answer: Verdict3,
        detail: String,
    },
    /// The probe of a `wait` or `check` changed its answer.
    ProbeTurned {
        step: StepId,
        holds: bool,
        detail: String,
    },
    /// A step that makes no attempt came to its end, or one that could not
    /// even be put together.
    StepEnded {
        step: StepId,
        status: StepStatus,
        reason: String,
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        outputs: BTreeMap<String, Value>,
    },
    /// A person's verb; for a confirmation also what exactly was confirmed.
    Operator {
        #[serde(flatten)]
        verb: Verb,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        action: Option<String>,
    },
    /// The wall clock moved against the monotonic one by this much; deadlines
    /// move with it.
    ClockJumped {
        by: Dur,
    },
    RunEnded {
        state: RunState,
    },
    /// The first line of an incident.
    IncidentDeclared {
        incident: Box<Incident>,
    },
    IncidentStoodDown {
        reason: String,
    },
}

impl Event {
    /// As it stands in the line's `type`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::RunStarted(_) => "run_started",
            Self::TakenUp { .. } => "taken_up",
            Self::StepReached { .. } => "step_reached",
            Self::StepSkipped { .. } => "step_skipped",
            Self::StepLeftOut { .. } => "step_left_out",
            Self::StepExpanded { .. } => "step_expanded",
            Self::UndoIntended { .. } => "undo_intended",
            Self::ChildIntended { .. } => "child_intended",
            Self::ChildEnded { .. } => "child_ended",
            Self::Guarded { .. } => "guarded",
            Self::ApprovalsLapsed { .. } => "approvals_lapsed",
            Self::DueMissed { .. } => "due_missed",
            Self::Prechecked { .. } => "prechecked",
            Self::WentReadOnly { .. } => "went_read_only",
            Self::StepSimulated { .. } => "step_simulated",
            Self::AttemptIntended { .. } => "attempt_intended",
            Self::AttemptEnded { .. } => "attempt_ended",
            Self::Answered { .. } => "answered",
            Self::ProbeTurned { .. } => "probe_turned",
            Self::StepEnded { .. } => "step_ended",
            Self::Operator { .. } => "operator",
            Self::ClockJumped { .. } => "clock_jumped",
            Self::RunEnded { .. } => "run_ended",
            Self::IncidentDeclared { .. } => "incident_declared",
            Self::IncidentStoodDown { .. } => "incident_stood_down",
        }
    }
}

impl Event {
    /// The step that the event is about.
    pub fn step(&self) -> Option<&StepId> {
        match self {
            Self::StepReached { step }
            | Self::StepSkipped { step, .. }
            | Self::StepSimulated { step, .. }
            | Self::StepLeftOut { step, .. }
            | Self::StepExpanded { step, .. }
            | Self::UndoIntended { step, .. }
            | Self::ChildIntended { step, .. }
            | Self::ChildEnded { step, .. }
            | Self::Guarded { step, .. }
            | Self::ApprovalsLapsed { step, .. }
            | Self::DueMissed { step, .. }
            | Self::AttemptIntended { step, .. }
            | Self::AttemptEnded { step, .. }
            | Self::Answered { step, .. }
            | Self::ProbeTurned { step, .. }
            | Self::StepEnded { step, .. } => Some(step),
            Self::Operator { verb, .. } => verb.step(),
            Self::RunStarted(_)
            | Self::TakenUp { .. }
            | Self::Prechecked { .. }
            | Self::WentReadOnly { .. }
            | Self::ClockJumped { .. }
            | Self::RunEnded { .. }
            | Self::IncidentDeclared { .. }
            | Self::IncidentStoodDown { .. } => None,
        }
    }
}

/// All that a run is, resolved when it starts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Start {
    pub run: RunId,
    pub epoch: u64,
    /// Hash of everything that is trusted, as `config` computes it.
    pub trust: String,
    pub estate: String,
    /// As written, templates and all: what is rendered at each step's start.
    pub runbook: Runbook,
    pub params: BTreeMap<String, Value>,
    pub mode: Mode,
    pub incident: Option<Incident>,
    pub rto_target: Option<Dur>,
    pub rto_estimate: Option<Dur>,
    /// Where the secrets named by `{ secret = "id" }` are to be had.
    #[serde(default)]
    pub references: BTreeMap<KeyId, SecretRef>,
    /// Who may do what, as the estate said then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub people: Vec<Operator>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub interlocks: Vec<Interlock>,
    /// Whether something is looked at before anything acts.
    #[serde(default)]
    pub precheck: bool,
    #[serde(default)]
    pub graceful: bool,
    /// The run of which this one is a step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Parent>,
}

/// One of the things that a step is done for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Instance {
    pub id: StepId,
    /// What is inserted, by name.
    pub each: BTreeMap<String, Value>,
}

/// What is asked about a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Question {
    /// `verify`, before the first attempt: if it holds already, it proves nothing.
    Before,
    /// `verify`, after an attempt.
    Verify,
    /// `absent`: does it prove that the attempt did not happen?
    Absent,
    /// The probe of a `wait` or `check`.
    Poll,
}
