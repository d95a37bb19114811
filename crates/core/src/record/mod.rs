//! The record of a run: lines, their chain, replay and verification.
//! Bytes to values and back; `keep` writes the files. A new event is one more
//! variant of `Event` and one more arm in `run::Machine::apply`.

mod event;
mod line;

pub use event::{Action, Event, Given, Question, Start};
pub use line::{Damage, Entry, GENESIS, Journal, Record, Torn, encode, parse};

#[cfg(test)]
mod tests;
