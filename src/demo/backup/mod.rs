//! The backup jobs: `repo` writes a pgBackRest repository (`wal`, `cluster`,
//! `label`, `manifest` and `info` are its parts), `dump` writes compressed dumps, `history` makes
//! the days before the demo began. They share no code with the readers.

mod cluster;
mod dump;
mod history;
mod info;
mod label;
mod manifest;
mod repo;
mod wal;

use std::{
    io,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use lifeboat_core::model::Time;
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

use super::{
    region::Region,
    state::{Inner, now},
    world::Options,
};
use dump::Dump;
use label::Kind;
use repo::Repo;

pub use dump::cut_newest as cut_newest_dumps;

/// A full backup after so many others.
const FULL_EVERY: usize = 10;
/// Full backups kept, with all that needs them.
const FULLS_KEPT: usize = 5;

/// All jobs, ready to run.
pub struct Jobs {
    repo: Arc<Mutex<Repo>>,
    wal_every: Duration,
    backup_every: Duration,
    dumps: Vec<Dump>,
}

impl Jobs {
    /// Opens the repository, or makes it, with a past where that is wanted.
    pub fn new(inner: &Inner, state: &Path, options: &Options) -> io::Result<Self> {
        let bucket = inner.bucket(Region::Virginia).clone();
        let mut repo = Repo::open(bucket, state.join("pgbackrest.json"))?;
        let dumps = dump::jobs(options.dump_every);
        if repo.is_new() {
            repo.create(now())?;
            if options.history {
                history::backups(&mut repo, now())?;
                history::dumps(inner, &dumps, options.seed, now())?;
            }
        }
        Ok(Self {
            repo: Arc::new(Mutex::new(repo)),
            wal_every: options.wal_every,
            backup_every: options.backup_every,
            dumps,
        })
    }

    /// Starts every job on its own schedule, at once.
    pub fn spawn(self, inner: &Arc<Inner>, tasks: &mut JoinSet<()>) {
        let repo = self.repo.clone();
        every(tasks, inner, "wal", self.wal_every, move |inner, at| {
            if !orders_are_backed_up(inner) {
                return Ok(());
            }
            let mut repo = repo.lock().unwrap_or_else(PoisonError::into_inner);
            repo.follow(timeline(inner), at)?;
            repo.push_wal(at)
        });
        let repo = self.repo;
        every(tasks, inner, "backup", self.backup_every, move |inner, at| {
            if !orders_are_backed_up(inner) {
                return Ok(());
            }
            let rows = dump::orders(inner);
            let mut repo = repo.lock().unwrap_or_else(PoisonError::into_inner);
            let promoted = repo.follow(timeline(inner), at)?;
            let full = promoted || repo.since_full().is_none_or(|n| n >= FULL_EVERY);
            repo.backup(if full { Kind::Full } else { Kind::Incr }, &rows, at, now())?;
            repo.expire(FULLS_KEPT)
        });
        for dump in self.dumps {
            every(tasks, inner, dump.name, dump.every, move |inner, at| dump.run(inner, at));
        }
    }
}

/// Whether the jobs of orders can work: a writer to read, a store to write
/// to, and nobody who stopped them.
fn orders_are_backed_up(inner: &Inner) -> bool {
    dump::is_serving(inner) && inner.store(Region::Virginia).is_open() && !inner.has_fault("backup-stopped")
}

fn timeline(inner: &Inner) -> u32 {
    inner.orders(|cluster, _| u32::try_from(cluster.epoch()).unwrap_or(u32::MAX))
}

/// Runs `job` now and again each `period`; a failure is logged and the next
/// turn tries again, as cron would have it.
fn every(
    tasks: &mut JoinSet<()>,
    inner: &Arc<Inner>,
    name: &'static str,
    period: Duration,
    job: impl Fn(&Inner, Time) -> io::Result<()> + Send + Sync + 'static,
) {
    let (inner, job) = (inner.clone(), Arc::new(job));
    tasks.spawn(async move {
        let mut turns = interval(period.max(Duration::from_millis(50)));
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            turns.tick().await;
            let (inner, job) = (inner.clone(), job.clone());
            match tokio::task::spawn_blocking(move || job(&inner, now())).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(%error, name, "a job of the demo failed"),
                Err(error) => tracing::error!(%error, name, "a job of the demo broke"),
            }
        }
    });
}
