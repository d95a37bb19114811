//! The folder of a run: `STATE/estates/<estate>/runs/<run>/` with
//! `journal.jsonl`, `estate/` (the copy it is executed from), `attempts/` and
//! `lock` (held by the one process that drives it).

use std::{
    fs::{self, DirBuilder, File},
    io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use lifeboat_core::{
    model::*,
    record::{Event, Record, Torn},
    run::{Machine, RunRow},
};

use super::{durable, journal, journal::Journal, lock};

const JOURNAL: &str = "journal.jsonl";

/// Where the runs of an estate lie.
pub fn runs_dir(state: &Path, estate: &str) -> PathBuf {
    state.join("estates").join(estate).join("runs")
}

/// A new id that sorts by time: `20261122T140501Z-checkout-failover-1a2b`.
pub fn new_id(now: Time, runbook: &RunbookId, random: u16) -> RunId {
    RunId::new(format!("{}-{runbook}-{random:04x}", now.format("%Y%m%dT%H%M%SZ")))
}

/// A run that this process alone may move, for as long as this value lives.
pub struct RunFolder {
    pub dir: PathBuf,
    /// Taken by whoever drives the run.
    pub journal: Option<Journal>,
    /// Every line so far.
    pub records: Vec<Record>,
    /// An unfinished last line that was cut on opening.
    pub torn: Option<Torn>,
    _lock: File,
}

impl RunFolder {
    /// Makes the folder of a new run, whole or not at all: it is put together
    /// under another name and gets its own when the first line is durable.
    /// `freeze` copies the estate into the folder that it is given.
    pub fn create(
        runs: &Path,
        id: &RunId,
        freeze: impl FnOnce(&Path) -> Result<(), Problem>,
        first: &Event,
        by: &OperatorId,
        at: Time,
    ) -> Result<Self, Problem> {
        let failed = |e: io::Error| Problem::new(Code::JOURNAL_WRITE, runs.display()).because(e);
        let (dir, new) = (runs.join(id.as_str()), runs.join(format!(".new-{id}")));
        if dir.exists() {
            return Err(failed(io::ErrorKind::AlreadyExists.into()));
        }
        abandoned(&new, id)?;
        // What commands print may be nobody else's business.
        let mut private = DirBuilder::new();
        private.recursive(true).mode(0o700);
        private.create(new.join("attempts")).map_err(failed)?;
        durable::sync_parent(runs).map_err(failed)?;
        let made = (|| {
            let lock = lock::try_take(&new.join("lock")).map_err(failed)?.ok_or_else(|| busy(id.as_str()))?;
            freeze(&new.join("estate"))?;
            let (journal, record) = Journal::create(&new.join(JOURNAL), at, by, first)?;
            durable::sync_dir(&new).map_err(failed)?;
            fs::rename(&new, &dir).map_err(failed)?;
            durable::sync_dir(runs).map_err(failed)?;
            Ok(Self {
                dir: dir.clone(),
                journal: Some(journal),
                records: vec![record],
                torn: None,
                _lock: lock,
            })
        })();
        if made.is_err() {
            // Nothing was begun; what is left behind would only puzzle.
            let _ = fs::remove_dir_all(&new);
        }
        made
    }

    /// Takes a run up. `RUN_UNKNOWN`, `RUN_BUSY`, or what is wrong with its journal.
    pub fn open(runs: &Path, id: &RunId) -> Result<Self, Problem> {
        Self::open_dir(&find(runs, id)?)
    }

    pub fn open_dir(dir: &Path) -> Result<Self, Problem> {
        let name = dir.file_name().unwrap_or_default().to_string_lossy();
        if !dir.join(JOURNAL).is_file() {
            return Err(Problem::new(Code::RUN_UNKNOWN, name));
        }
        let failed = |e: io::Error| Problem::new(Code::JOURNAL_WRITE, dir.display()).because(e);
        let lock = lock::try_take(&dir.join("lock")).map_err(failed)?.ok_or_else(|| busy(&name))?;
        let (journal, records, torn) = Journal::open(&dir.join(JOURNAL))?;
        let folder = Self { dir: dir.to_owned(), journal: Some(journal), records, torn, _lock: lock };
        folder.machine()?;
        Ok(folder)
    }

    /// The run as its journal tells it.
    pub fn machine(&self) -> Result<Machine, Problem> {
        belongs(&self.dir, Machine::replay(&self.records)?)
    }

    /// The copy of the estate that steps run in.
    pub fn estate(&self) -> PathBuf {
        self.dir.join("estate")
    }

    /// Where the `number`-th attempt of a step keeps what it leaves.
    pub fn attempt(&self, step: &StepId, number: u32) -> PathBuf {
        attempt_dir(&self.dir, step, number)
    }
}

/// Clears away what a maker that was killed half-way left: a run inside a run
/// has its id before it is made, and is made under the same one again.
fn abandoned(new: &Path, id: &RunId) -> Result<(), Problem> {
    let failed = |e: io::Error| Problem::new(Code::JOURNAL_WRITE, new.display()).because(e);
    if !new.exists() {
        return Ok(());
    }
    let _lock = lock::try_take(&new.join("lock")).map_err(failed)?.ok_or_else(|| busy(id.as_str()))?;
    fs::remove_dir_all(new).map_err(failed)
}

pub fn attempt_dir(run: &Path, step: &StepId, number: u32) -> PathBuf {
    run.join("attempts").join(format!("{step}-{number}"))
}

fn busy(run: &str) -> Problem {
    Problem::new(Code::RUN_BUSY, run)
}

/// The folder of a run, where there is one of that name.
pub fn find(runs: &Path, id: &RunId) -> Result<PathBuf, Problem> {
    let name = id.as_str();
    let plain = !name.starts_with('.') && !name.contains(['/', '\0']) && !name.is_empty();
    let dir = runs.join(name);
    match plain && dir.join(JOURNAL).is_file() {
        true => Ok(dir),
        false => Err(Problem::new(Code::RUN_UNKNOWN, name)),
    }
}

/// The run as its journal tells it, without driving it: for screens, reports
/// and `verify`. Another process may be driving it.
pub fn read(runs: &Path, id: &RunId) -> Result<(Machine, Vec<Record>), Problem> {
    let dir = find(runs, id)?;
    let journal = journal::read(&dir.join(JOURNAL))?;
    let machine = belongs(&dir, Machine::replay(&journal.records)?)?;
    Ok((machine, journal.records))
}

/// A journal that was copied from another run is not this one's.
fn belongs(dir: &Path, machine: Machine) -> Result<Machine, Problem> {
    let id = machine.run().id.as_str();
    match dir.file_name().is_some_and(|name| name == id) {
        true => Ok(machine),
        false => {
            Err(Problem::new(Code::JOURNAL_DAMAGED, dir.display())
                .because(format!("it is the journal of {id}")))
        }
    }
}

/// One run of a list: a row, or what keeps it from being read.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    pub id: RunId,
    pub row: Result<RunRow, Problem>,
}

/// All runs of an estate, newest first; damaged ones with their problem.
pub fn list(runs: &Path) -> Vec<Listed> {
    let names = fs::read_dir(runs).into_iter().flatten().flatten().map(|e| e.file_name());
    let mut ids: Vec<RunId> =
        names.filter_map(|n| n.to_str().filter(|n| !n.starts_with('.')).map(RunId::new)).collect();
    ids.sort_by(|a, b| b.cmp(a));
    ids.into_iter().map(|id| Listed { row: read(runs, &id).map(|(m, _)| row(&m)), id }).collect()
}

fn row(machine: &Machine) -> RunRow {
    let run = machine.run();
    RunRow {
        id: run.id.clone(),
        runbook: run.runbook.id.clone(),
        mode: run.mode,
        state: run.state,
        started_at: run.started_at,
        ended_at: run.ended_at,
        incident: run.incident.as_ref().map(|i| i.id.clone()),
    }
}

#[cfg(test)]
mod tests;
