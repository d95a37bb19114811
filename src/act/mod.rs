//! Effectful step kinds, one file each, and the attempt process.
//! A new kind is one new file with its `StepDef` and one line in `STEPS`.

mod approve;
pub mod attempt;
mod command;
mod decide;
mod http;
mod later;
mod manual;
mod watching;

use lifeboat_core::model::StepDef;

/// All step kinds an estate may hold. Which of them this build acts on is said
/// in one place, `DRIVABLE` of `engine/drive/start.rs`.
pub const STEPS: &[StepDef] = &[
    manual::DEF,
    approve::DEF,
    decide::DEF,
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
