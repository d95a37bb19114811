//! The world that `lifeboat demo` runs: a whole estate of three regions on
//! loopback, alive. Nothing else in the program asks whether it is the demo.
//!
//! `place` writes the estate (embedded from `runbooks/demo/`) into a folder,
//! `region` and `gate` are where things run and how they break, `store` the S3
//! servers, `orders` the service that takes orders, `backup` its backup jobs,
//! `faults` what can be broken, `control` how another process breaks it.
//! One more fault is a row in `faults::FAULTS` and an arm in `state::Inner::apply`;
//! one more workload is a file in `runbooks/demo/workloads` and a row in
//! `region::SIDE_SERVICES`.

mod backup;
mod control;
mod edge;
mod faults;
mod gate;
mod life;
mod orders;
mod place;
mod region;
mod state;
mod store;
mod world;

#[cfg(test)]
mod estate_tests;
#[cfg(test)]
mod tests;

pub use control::{Control, Counts};
pub use faults::{FAULTS, FaultDef};
pub use region::Region;
pub use world::{Options, Ports, World};

use std::path::Path;

use lifeboat_core::model::Problem;

/// Injects a fault into the demo that runs from `dir`, or takes it back.
/// `name` is one of [`FAULTS`], some followed by `:REGION`. Blocks for at
/// most a few seconds; the answer is one sentence for a person.
pub fn fault(dir: &Path, name: &str, off: bool) -> Result<String, Problem> {
    Control::of(dir)?.fault(name, off)
}
