//! Effectful step kinds, one file each, and the attempt process.
//! A new kind is one new file with its `StepDef` and one line in `STEPS`.

mod approve;
mod around;
pub mod attempt;
mod command;
mod copy;
mod decide;
mod dns;
mod http;
mod manual;
mod notify;
pub mod restore;
mod runbook;
mod tool;
mod watching;

pub use around::{Around, Spot, references};

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
    dns::DEF,
    restore::DEF,
    copy::DEF,
    notify::DEF,
    runbook::DEF,
];
