//! An attempt's folder, seen from the process that drives the run.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use lifeboat_core::{model::Time, run::Outcome};

use super::{Spec, outcome, output};
use crate::keep::{durable, lock};

/// The folder of one attempt.
#[derive(Debug, Clone)]
pub struct AttemptDir(pub PathBuf);

/// How an attempt stands, from what it left on disk.
#[derive(Debug, Clone, PartialEq)]
pub enum Standing {
    /// Nothing happened: it may be started.
    NeverBegan,
    /// It, or something it started, holds its lock.
    Running,
    /// It began and is gone without a word.
    Lost { started_at: Option<Time> },
    /// `held`: something it started still runs.
    Ended { outcome: Box<Outcome>, held: bool },
}

impl AttemptDir {
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The lock is looked at before the outcome is missed: an attempt leaves
    /// its outcome first and its lock last.
    pub fn standing(&self) -> io::Result<Standing> {
        let held = lock::is_held(&self.file("lock"))?;
        if let Some(outcome) = self.outcome()? {
            return Ok(Standing::Ended { outcome: Box::new(outcome), held });
        }
        if held {
            return Ok(Standing::Running);
        }
        match fs::read_to_string(self.file("started")) {
            Ok(at) => Ok(Standing::Lost { started_at: at.trim().parse().ok() }),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Standing::NeverBegan),
            Err(e) => Err(e),
        }
    }

    /// An outcome is renamed into place whole, so one that cannot be read is
    /// none that an attempt wrote: then nobody knows how it ended.
    fn outcome(&self) -> io::Result<Option<Outcome>> {
        match fs::read(self.file("outcome")) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }

    pub fn is_held(&self) -> io::Result<bool> {
        lock::is_held(&self.file("lock"))
    }

    /// Asks the attempt to end what it started.
    pub fn cancel(&self) -> io::Result<()> {
        File::create(self.file("cancel")).map(|_| ())
    }

    /// Starts it, where it never began. `None`: it began already, and the one
    /// who began it holds the lock or left its traces.
    pub fn launch(&self, spec: &Spec, program: &Path) -> io::Result<Option<Child>> {
        fs::create_dir_all(&self.0)?;
        durable::sync_parent(&self.0)?;
        let Some(lock) = lock::try_take(&self.file("lock"))? else { return Ok(None) };
        if self.file("started").exists() || self.file("outcome").exists() {
            return Ok(None);
        }
        outcome::reserve(&self.0)?;
        output::reserve(&self.file("output"))?;
        if !spec.outputs.is_empty() {
            output::reserve(&self.file("stdout"))?;
        }
        durable::replace(&self.file("spec.json"), &serde_json::to_vec_pretty(spec)?)?;
        // The lock travels as standard input: the one descriptor that can be
        // handed down without unsafe code. Ours closes when this returns.
        Command::new(program)
            .arg("__attempt")
            .arg(&self.0)
            .current_dir(&self.0)
            .stdin(Stdio::from(lock))
            .stdout(Stdio::null())
            .stderr(File::create(self.file("attempt.err"))?)
            .spawn()
            .map(Some)
    }
}
