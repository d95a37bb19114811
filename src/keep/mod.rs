//! Files of state: journals, run folders, locks, the last known state, the history.
//! A new kind of file is one new module here; `durable` says how to write one
//! that must survive a power cut.

pub mod durable;
pub mod history;
pub mod incidents;
pub mod journal;
pub mod last_known;
pub mod lock;
mod place;
pub mod runs;

pub use place::Places;
