//! What a person may ask of a run, as it stands in the journal.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::GuardKey;
use crate::model::*;

/// What an operator may ask of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "verb")]
pub enum Verb {
    Pause,
    Resume,
    Retry {
        step: StepId,
    },
    Skip {
        step: StepId,
        reason: String,
    },
    Cancel {
        reason: String,
    },
    Note {
        text: String,
    },
    /// The target's name, typed, for a destructive step.
    Confirm {
        step: StepId,
        typed: String,
    },
    /// A manual step is done; its fields as filled in.
    Submit {
        step: StepId,
        fields: BTreeMap<String, Value>,
    },
    /// A person's word on an indeterminate step: it happened, or it did not.
    Settle {
        step: StepId,
        done: bool,
        reason: String,
    },
    /// One way of a `decide`, with what spoke for it.
    Choose {
        step: StepId,
        choice: StepId,
        evidence: String,
    },
    /// `of` is the digest that was shown: what it does now must still be that.
    Approve {
        step: StepId,
        of: String,
    },
    Decline {
        step: StepId,
        reason: String,
    },
    /// Goes on in spite of something that stops the run.
    Override {
        gate: Gate,
        reason: String,
        /// Of the risk of two writers: the asset's name, typed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        typed: Option<String>,
    },
    /// It was done without Lifeboat.
    DoneOutside {
        step: StepId,
        evidence: String,
    },
    /// A failover that was made elsewhere is taken over: steps whose `verify`
    /// holds are not done again.
    Adopt {
        reason: String,
    },
    /// Takes one completed step back.
    Undo {
        step: StepId,
        reason: String,
    },
    /// Takes everything back that can be, newest first.
    RollBack {
        reason: String,
    },
    /// The run is good as it is: after this there is no rolling back.
    Commit {
        reason: String,
    },
    /// The graceful way takes too long or does not work.
    Ungraceful {
        reason: String,
    },
    /// Looks again at everything that was looked at before the run.
    Recheck,
    HandOver {
        to: OperatorId,
        text: String,
    },
    TakeOver {
        reason: String,
    },
    Edit {
        edits: Vec<PlanEdit>,
        reason: String,
    },
}

/// Something that stops a run until a person takes it upon themselves.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "gate")]
pub enum Gate {
    /// A red item of the precheck; `*` is all that may be overridden.
    Precheck { item: String },
    /// What is checked at the moment of acting.
    Guard { step: StepId, guard: GuardKey },
    /// Approvals that nobody is there to give.
    Approvals { step: StepId },
    /// `stop_after_failures` was reached.
    Waves,
    /// A role that the person does not have.
    Role,
}

/// A change of the plan of a run that is under way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "edit")]
pub enum PlanEdit {
    /// `after`: the step above it; absent: at the beginning.
    Add {
        after: Option<StepId>,
        step: Box<StepPlan>,
    },
    Replace {
        step: Box<StepPlan>,
    },
    Remove {
        id: StepId,
    },
}

impl Verb {
    /// The step that it is about.
    pub fn step(&self) -> Option<&StepId> {
        match self {
            Self::Retry { step }
            | Self::Skip { step, .. }
            | Self::Confirm { step, .. }
            | Self::Submit { step, .. }
            | Self::Settle { step, .. }
            | Self::Choose { step, .. }
            | Self::Approve { step, .. }
            | Self::Decline { step, .. }
            | Self::DoneOutside { step, .. }
            | Self::Undo { step, .. }
            | Self::Override { gate: Gate::Guard { step, .. } | Gate::Approvals { step }, .. } => Some(step),
            _ => None,
        }
    }

    /// A few words for a list: `retry`, `take over`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Retry { .. } => "retry",
            Self::Skip { .. } => "skip",
            Self::Cancel { .. } => "cancel",
            Self::Note { .. } => "note",
            Self::Confirm { .. } => "confirm",
            Self::Submit { .. } => "submit",
            Self::Settle { .. } => "settle",
            Self::Choose { .. } => "choose",
            Self::Approve { .. } => "approve",
            Self::Decline { .. } => "decline",
            Self::Override { .. } => "override",
            Self::DoneOutside { .. } => "mark as done outside",
            Self::Adopt { .. } => "adopt",
            Self::Undo { .. } => "undo",
            Self::RollBack { .. } => "roll back",
            Self::Commit { .. } => "commit",
            Self::Ungraceful { .. } => "go on ungracefully",
            Self::Recheck => "check again",
            Self::HandOver { .. } => "hand over",
            Self::TakeOver { .. } => "take over",
            Self::Edit { .. } => "edit the plan",
        }
    }
}
