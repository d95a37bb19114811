//! The run of a runbook: states, verbs, and the machine that moves them.
//!
//! A run changes only by applying a journal's record, live and in replay
//! alike; the machine then says what is to be done next. Nothing here acts.
//!
//! `begin` checks a run and makes its first event; `Machine::apply` moves it;
//! `next` says what to do; `answered` and `command` turn what was seen and
//! what a person asks into the next event. A new step kind is one more name
//! in `RUNNABLE` and one arm in `plan::action`.

mod begin;
mod decide;
mod machine;
mod next;
mod params;
mod plan;
mod render;
mod state;
mod verbs;

pub use begin::{Begin, begin};
pub use machine::Machine;
pub use next::Todo;
pub use params::moves;
pub use plan::RUNNABLE;
pub use state::*;

#[cfg(test)]
mod tests;
