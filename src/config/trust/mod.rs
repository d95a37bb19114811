//! What a person allowed to act: a hash over every file of the estate, and
//! the programs outside that it names. `closure` gathers and hashes, `record`
//! keeps and compares, `freeze` copies for a run, `at_use` holds what is read
//! and run later against it.

mod at_use;
mod closure;
mod freeze;
mod program;
mod record;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use lifeboat_core::model::{Code, Estate, Problem};

pub use at_use::Unread;
pub use closure::{Closure, Entry, closure};
pub use freeze::freeze;
pub use record::{Changes, Trust, allow, check};

use super::Loaded;

/// An estate that a person allowed, as it was read. Nothing else may connect,
/// start a process or read a secret; only `check` and `of_run` make one.
#[derive(Debug, Clone)]
pub struct TrustedEstate {
    estate: Arc<Estate>,
    dir: std::path::PathBuf,
    closure: Arc<Closure>,
    /// What the names of programs outside meant when it was allowed.
    programs: Arc<BTreeMap<String, Option<PathBuf>>>,
}

impl TrustedEstate {
    pub fn estate(&self) -> &Arc<Estate> {
        &self.estate
    }
    /// The folder that relative paths of files and programs start from.
    pub fn dir(&self) -> &Path {
        &self.dir
    }
    /// Of the closure, in hex; what a run's journal is bound to.
    pub fn hash(&self) -> &str {
        &self.closure.hash
    }

    /// Copies the estate into `into`, which must not exist or be empty.
    ///
    /// # Errors
    /// LB-TRUST-002 when the files are no longer those that were trusted.
    pub fn freeze(&self, into: &Path) -> Result<(), Problem> {
        let hash = freeze(&self.dir, into)?;
        match hash == self.closure.hash {
            true => Ok(()),
            false => Err(Problem::new(Code::TRUST_CHANGED, self.dir.display())
                .because("a file changed between reading and copying")),
        }
    }

    /// The estate in a run's own folder, which `freeze` made and the run's
    /// journal names by `hash`: it was trusted when the run began.
    ///
    /// # Errors
    /// LB-TRUST-002 when the copy is not what the journal says.
    pub fn of_run(frozen: &Loaded, hash: &str) -> Result<Self, Problem> {
        let closure = closure(&frozen.dir)?;
        record::as_read(frozen, &closure)?;
        if closure.hash != hash {
            let why = format!("the journal names {hash}, the files give {}", closure.hash);
            return Err(Problem::new(Code::TRUST_CHANGED, frozen.dir.display())
                .because(why)
                .next("do not resume: somebody changed the run's own copy of the plan"));
        }
        Ok(Self::new(frozen, closure, BTreeMap::new()))
    }

    fn new(loaded: &Loaded, closure: Closure, programs: BTreeMap<String, Option<PathBuf>>) -> Self {
        Self {
            programs: Arc::new(programs),
            estate: loaded.estate.clone(),
            dir: loaded.dir.clone(),
            closure: Arc::new(closure),
        }
    }
}
