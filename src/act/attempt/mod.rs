//! The attempt process: one try of one step, alive on its own.
//!
//! `lifeboat __attempt DIR` is started by whoever drives the run and outlives
//! it. DIR holds
//!
//! | file | is |
//! |---|---|
//! | `lock` | held by the attempt and all that it starts, from before it is spawned |
//! | `spec.json` | what to do, secrets only as references |
//! | `started` | durable before anything acts |
//! | `output`, `stdout` | what it printed, capped; `stdout` apart where outputs are read from it |
//! | `progress` | how far it is, one line that is written over |
//! | `cancel` | asks it to end |
//! | `outcome` | how it ended, durable |
//!
//! `folder` is the driver's side, `process` the attempt's own, `job` what an
//! effect works with that this program carries out by itself.

mod command;
mod folder;
mod job;
mod outcome;
mod output;
mod process;
mod request;
mod washed;

pub(super) use command::{Ended, program};
pub use folder::{AttemptDir, Standing};
pub(super) use job::{Done, Job, ended};
pub(super) use output::end_of;
pub use output::tail;
pub use process::main;
pub(super) use request::never_left;

use std::{collections::BTreeMap, path::PathBuf};

use lifeboat_core::{
    model::*,
    record::Action,
    run::{AttemptResult, Mode, Outcome},
};
use serde::{Deserialize, Serialize};

use super::around::Around;

/// What one attempt does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Spec {
    pub run: RunId,
    pub step: StepId,
    pub number: u32,
    pub epoch: u64,
    pub mode: Mode,
    pub action: Action,
    pub timeout: Dur,
    /// The run's own copy of the estate.
    pub estate: PathBuf,
    /// From a name to a JSON pointer into the answer.
    pub outputs: BTreeMap<String, String>,
    pub references: BTreeMap<KeyId, SecretRef>,
    /// What the estate says of what it works on.
    #[serde(default)]
    pub around: Around,
}

/// The program that attempts are started from: this one, even where its file
/// was replaced meanwhile.
pub fn own_program() -> PathBuf {
    match cfg!(target_os = "linux") {
        true => PathBuf::from("/proc/self/exe"),
        false => std::env::current_exe().unwrap_or_else(|_| PathBuf::from("lifeboat")),
    }
}

/// An outcome that no attempt left behind.
pub fn outcome_of(result: AttemptResult, detail: &str, started_at: Time, ended_at: Time) -> Outcome {
    Outcome {
        result,
        code: None,
        detail: clean_line(detail),
        started_at,
        ended_at,
        outputs: BTreeMap::new(),
        output_kept: 0,
        output_bytes: 0,
        output_hash: String::new(),
    }
}
