//! The only spawner: polling, driving runs, watching. Takes `Request`, emits
//! `Event`, knows no screen. A new kind of work is a file here and a `Request`.

mod acknowledge;
pub mod drive;
mod live;
mod poll;
mod session;
mod sources;

#[cfg(test)]
mod tests;

use futures::future::BoxFuture;
use lifeboat_core::model::{CopyKey, CopyReport, Posture, Problem, StoreId, Time, Vocabulary};

pub use acknowledge::Acknowledging;
pub use live::Live;
pub use poll::{Looking, Poller, once};
pub use session::{Declared, Event, Request, Session, Setting, Wanted};
pub use sources::{Asked, Source, has_posture, sources};

/// Every kind this build knows.
pub const VOCABULARY: Vocabulary =
    Vocabulary { formats: crate::catalog::FORMATS, probes: crate::probe::PROBES, steps: crate::act::STEPS };

/// Whoever can read a backup repository: the real catalogue, or a test's.
pub trait Reading: Send + Sync {
    /// Reads one copy as it is now; bounded by the caller's deadline as well.
    fn read<'a>(&'a self, copy: &'a CopyKey, now: Time) -> BoxFuture<'a, Result<CopyReport, Problem>>;
    /// What a store is set to; nothing is known where nobody can ask.
    fn posture<'a>(&'a self, _store: &'a StoreId) -> BoxFuture<'a, Result<Posture, Problem>> {
        Box::pin(async { Ok(Posture::default()) })
    }
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl lifeboat_core::model::Clock for SystemClock {
    fn now(&self) -> Time {
        chrono::Utc::now()
    }
}
