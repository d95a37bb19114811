//! What a journal line can say. Fields may be added; a field that changes what
//! an event means is a new event, so that an older program sees that it does
//! not know it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    model::*,
    run::{Incident, Mode, Outcome, RunState, StepStatus, Verb, Verdict3},
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
            | Self::AttemptIntended { step, .. }
            | Self::AttemptEnded { step, .. }
            | Self::Answered { step, .. }
            | Self::ProbeTurned { step, .. }
            | Self::StepEnded { step, .. } => Some(step),
            Self::Operator { verb, .. } => match verb {
                Verb::Retry { step }
                | Verb::Skip { step, .. }
                | Verb::Confirm { step, .. }
                | Verb::Submit { step, .. }
                | Verb::Settle { step, .. } => Some(step),
                Verb::Pause | Verb::Resume | Verb::Cancel { .. } | Verb::Note { .. } => None,
            },
            Self::RunStarted(_)
            | Self::TakenUp { .. }
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

/// What exactly an attempt does, with everything filled in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Action {
    Command {
        /// Program and arguments; a relative program lies in the run's own
        /// copy of the estate.
        run: Vec<String>,
        #[serde(default)]
        env: BTreeMap<String, Given>,
        /// Relative to the copy of the estate.
        #[serde(default)]
        cwd: Option<String>,
    },
    Http {
        method: String,
        url: String,
        #[serde(default)]
        headers: BTreeMap<String, Given>,
        #[serde(default)]
        body: Option<String>,
        #[serde(default)]
        expect: Expect,
        #[serde(default)]
        ca: Option<String>,
    },
}

/// A value written out, or where to have it at use.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Given {
    Text(String),
    Secret(SecretRef),
}

impl Action {
    /// In one line, as a person would type it; not meant for a shell.
    pub fn summary(&self) -> String {
        let plain = |s: &str| {
            !s.is_empty() && s.chars().all(|c| c.is_ascii_alphanumeric() || "._-/:=@+,%".contains(c))
        };
        let line = match self {
            Self::Command { run, .. } => run
                .iter()
                .map(|arg| if plain(arg) { arg.clone() } else { format!("{arg:?}") })
                .collect::<Vec<_>>()
                .join(" "),
            Self::Http { method, url, .. } => format!("{method} {url}"),
        };
        clean_line(&line)
    }
}
