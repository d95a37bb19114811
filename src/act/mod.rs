//! Effectful step kinds, one file each, and the attempt process.
//! A new kind is one new file with its `StepDef` and one line in `STEPS`.

pub mod attempt;
mod command;
mod http;
mod later;
mod manual;
mod watching;

use lifeboat_core::model::StepDef;

/// All step kinds an estate may hold. Which of them this build can run is
/// said in one place, `lifeboat_core::run::RUNNABLE`.
pub const STEPS: &[StepDef] = &[
    manual::DEF,
    later::APPROVE,
    later::DECIDE,
    watching::CHECK,
    watching::WAIT,
    command::DEF,
    http::DEF,
    later::DNS,
    later::RESTORE,
    later::COPY,
    later::NOTIFY,
    later::RUNBOOK,
];
