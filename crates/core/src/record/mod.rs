//! The record of a run: lines, their chain, replay and verification.
//! Bytes to values and back; `keep` writes the files. A new event is one more
//! variant of `Event` and one more arm in `run::Machine::apply`.

mod action;
mod event;
mod line;

pub use action::{Action, DnsRecord, DnsRequire, Given};
pub use event::{Event, Instance, Question, Start};
pub use line::{Damage, Entry, GENESIS, Journal, Record, Torn, encode, parse, parse_after};

#[cfg(test)]
mod tests;
