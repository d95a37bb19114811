//! The run of a runbook: states, verbs, and the machine that moves them.
//!
//! A run changes only by applying a journal's record, live and in replay
//! alike; the machine then says what is to be done next. Nothing here acts.
//!
//! `begin` checks a run and makes its first event; `Machine::apply` moves it;
//! `next` says what to do; `answered` and `command` turn what was seen and
//! what a person asks into the next event. A new step kind is one more name
//! in `RUNNABLE` and one arm in `plan::action`.

mod answer;
mod apply;
mod approval;
mod ask;
mod asked;
mod begin;
mod branch;
mod decide;
mod each;
mod edit;
mod effects;
pub mod expr;
mod fields;
mod forecast;
mod guard;
mod inner;
pub mod interlock;
mod lesson;
mod machine;
mod next;
mod outcome;
mod params;
mod plan;
mod render;
mod rollback;
mod state;
mod verb;
mod verbs;

pub use approval::may_act;
pub use ask::{Ask, AskKind};
pub use begin::{Begin, begin};
pub use edit::edited;
pub use forecast::{Durations, Remaining};
pub use guard::{Act, Claimed, DoneBy, GuardAnswer, GuardItem, GuardKey, claim};
pub use machine::Machine;
pub use next::Todo;
pub use params::moves;
pub use plan::RUNNABLE;
pub use state::*;
pub use verb::{Gate, PlanEdit, Verb};

#[cfg(test)]
mod tests;
