//! A running demo from start to stop, as the rest of the program holds it.

use std::{
    path::{Path, PathBuf},
    sync::mpsc,
    thread::JoinHandle,
    time::Duration,
};

use lifeboat_core::model::{Code, Problem};
use tokio::sync::oneshot;

use super::{control::Control, life::live, place};

/// Which ports a new demo takes; a folder keeps its own from then on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ports {
    /// Those of the estate in the repository, where they are free.
    Preferred,
    /// Any: for tests, which run side by side.
    Any,
}

/// How the world lives. `default()` is what `lifeboat demo` shows.
#[derive(Debug, Clone)]
pub struct Options {
    /// Of everything that is random.
    pub seed: u64,
    /// Orders a second.
    pub order_rate: f64,
    /// How far behind the standby is.
    pub lag: Duration,
    pub wal_every: Duration,
    pub backup_every: Duration,
    pub dump_every: Duration,
    /// Whether a new world begins with backups of the days before.
    pub history: bool,
    pub ports: Ports,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seed: 7,
            order_rate: 5.0,
            lag: Duration::from_secs(2),
            wal_every: Duration::from_secs(5),
            backup_every: Duration::from_secs(60),
            dump_every: Duration::from_secs(60),
            history: true,
            ports: Ports::Preferred,
        }
    }
}

/// A running demo. Dropping it stops it.
pub struct World {
    dir: PathBuf,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl World {
    /// Writes the estate into `dir` where it is missing and brings its world
    /// to life, in threads of its own. Blocks until everything answers.
    pub fn start(dir: &Path, options: Options) -> Result<World, Problem> {
        std::fs::create_dir_all(dir)
            .map_err(|e| Problem::new(Code::DEMO_FOLDER, dir.display()).because(e))?;
        let place = place::occupy(dir, options.ports)?;
        let dir = place.dir.clone();
        let (ready, started) = mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let failed = |e: &dyn std::fmt::Display| Problem::new(Code::DEMO_WORLD, dir.display()).because(e);
        let thread = std::thread::Builder::new()
            .name("demo".into())
            .spawn(move || live(place, &options, &ready, stopped))
            .map_err(|e| failed(&e))?;
        match started.recv() {
            Ok(Ok(())) => Ok(World { dir, stop: Some(stop), thread: Some(thread) }),
            Ok(Err(error)) => Err(failed(&error)),
            Err(_) => Err(failed(&"it ended before it began")),
        }
    }
    /// The folder with the estate.
    pub fn dir(&self) -> &Path {
        &self.dir
    }
    pub fn control(&self) -> Result<Control, Problem> {
        Control::of(&self.dir)
    }
    /// Ends everything and keeps the service's state for the next start.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop.take().map(|stop| stop.send(()));
        self.thread.take().map(JoinHandle::join);
    }
}
