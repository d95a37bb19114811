//! Taking a run up. What is trusted for it is its own copy of the estate: one
//! that was edited since, or broken, keeps no run from its end.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use lifeboat_core::model::*;

use super::acting::{follow, pairs};
use super::settings::Settings;
use super::{Asked, opened};
use crate::engine::{Setting, SystemClock, drive};
use crate::keep::Places;
use crate::keep::runs::{RunFolder, runs_dir};

pub fn resume(asked: &Asked, run: &str, yes_to: &[String]) -> Result<i32, Problem> {
    let yes_to = pairs(yes_to, "--yes-to")?;
    let places = Places::from_env()?;
    let settings = Settings::load(&places)?;
    let folder = taken_up(&runs_of(asked, &places)?, &run.into())?;
    let setting = Setting {
        trusted: drive::own_copy(&folder)?,
        places,
        operator: settings.operator(),
        clock: Arc::new(SystemClock),
        read_only: asked.read_only,
    };
    follow(&setting, folder, &yes_to, asked.json)
}

/// Where the runs of the estate lie, also where it cannot be read as it is now.
/// What only reads journals needs no trust: nothing is connected to or started.
pub fn runs_of(asked: &Asked, places: &Places) -> Result<PathBuf, Problem> {
    let dir = opened::find(asked, places)?;
    let id = match opened::load(&dir) {
        Ok(loaded) => loaded.estate.id.clone(),
        Err(all) => {
            let named = std::fs::read_to_string(places.by_path(&dir)).map_err(|_| all.to_problem())?;
            eprintln!("lifeboat: {}: going on with what its runs were begun with", all.to_problem());
            named.trim().to_owned()
        }
    };
    Ok(runs_dir(&places.state, &id))
}

/// A driver that was killed while it started an attempt leaves its lock to a
/// process that is about to become that attempt, and lets go of it then.
fn taken_up(runs: &Path, run: &RunId) -> Result<RunFolder, Problem> {
    let until = Instant::now() + Duration::from_millis(500);
    loop {
        match RunFolder::open(runs, run) {
            Err(problem) if problem.code == Code::RUN_BUSY && Instant::now() < until => {
                std::thread::sleep(Duration::from_millis(10));
            }
            opened => return opened,
        }
    }
}
