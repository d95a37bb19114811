//! Finding, reading and trusting the estate that a command is about.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use lifeboat_core::model::Problem;

use super::{Asked, settings::Settings};
use crate::config::{self, Diagnostics, Loaded, TrustedEstate, trust};
use crate::engine::{Setting, SystemClock, VOCABULARY};
use crate::keep::Places;

pub fn find(asked: &Asked, places: &Places) -> Result<PathBuf, Problem> {
    let cwd = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
    config::find(asked.estate.as_deref(), std::env::var_os("LIFEBOAT_ESTATE"), &cwd, &places.config)
}

/// Reads the estate; its errors are printed whole, for they are what to mend.
pub fn load(dir: &Path) -> Result<Loaded, Diagnostics> {
    config::load(dir, &VOCABULARY)
}

/// An estate that may act, with all that acting needs.
pub fn setting(asked: &Asked) -> Result<Setting, Problem> {
    let places = Places::from_env()?;
    let settings = Settings::load(&places)?;
    let dir = find(asked, &places)?;
    let loaded = load(&dir).map_err(|all| {
        eprint!("{all}");
        all.to_problem()
    })?;
    let trusted = trusted(&places, &loaded)?;
    Ok(Setting {
        trusted,
        places,
        operator: settings.operator(),
        clock: Arc::new(SystemClock),
        read_only: asked.read_only,
    })
}

pub fn trusted(places: &Places, loaded: &Loaded) -> Result<TrustedEstate, Problem> {
    trust::check(&places.state, loaded)?.granted(&loaded.dir)
}
