//! `runbook`: another runbook as one step: a run of its own, with a journal of
//! its own, that belongs to this one.

use lifeboat_core::model::{KeyDef, KeyType, StepDef};

pub const DEF: StepDef = StepDef {
    id: "runbook",
    keys: &[
        KeyDef::required("runbook", KeyType::Ref("runbook"), "Runbook to run as this step."),
        KeyDef::new("with", KeyType::Map(&KeyType::Any), "Its parameters."),
    ],
    doc: "Runs another runbook.",
    effect: false,
};
