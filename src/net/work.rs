//! The bounds of one piece of work, such as reading one copy.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use lifeboat_core::model::{Code, Cost, Dur, Problem, Size};
use tokio_util::sync::CancellationToken;

use super::{Meter, NetError, thaws::Thaws};

/// Handed along with every call to a store: how long one request may take,
/// how much may be listed in all, what it cost, and what was met on the way.
#[derive(Debug)]
pub struct Work {
    pub cancel: CancellationToken,
    pub meter: Arc<Meter>,
    /// For one call, its retry included.
    pub deadline: Dur,
    /// Over all listings of this work.
    pub max_keys: u64,
    keys: AtomicU64,
    held: AtomicU64,
    /// Bytes that a reader may keep of what it saw.
    pub max_held: u64,
    notes: Mutex<Vec<Problem>>,
    /// What was listed and cannot be read at once.
    pub thaws: Thaws,
}

impl Work {
    pub const DEADLINE: Dur = Dur::secs(5);
    /// Twenty thousand pages.
    pub const MAX_KEYS: u64 = 20_000_000;
    /// As many requests as those pages take and a few thousand small objects.
    pub const MAX_COST: Cost = Cost { requests: 25_000, bytes: 2 << 30 };
    pub const MAX_HELD: u64 = 64 << 20;

    pub fn new(cancel: CancellationToken) -> Self {
        Self::bounded(cancel, Self::MAX_COST)
    }
    /// Beyond `ceiling`, every request fails (LB-STORE-010).
    pub fn bounded(cancel: CancellationToken, ceiling: Cost) -> Self {
        Self {
            cancel,
            meter: Arc::new(Meter::bounded(ceiling)),
            deadline: Self::DEADLINE,
            max_keys: Self::MAX_KEYS,
            keys: AtomicU64::new(0),
            held: AtomicU64::new(0),
            max_held: Self::MAX_HELD,
            notes: Mutex::default(),
            thaws: Thaws::default(),
        }
    }

    /// Something that does not stop the rest; said once however often it is met.
    pub fn note(&self, problem: Problem) {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        // a repository of a thousand unreadable folders needs no thousand lines
        if notes.len() < 100 && !notes.contains(&problem) {
            notes.push(problem);
        }
    }
    pub fn take_notes(&self) -> Vec<Problem> {
        std::mem::take(&mut *self.notes.lock().unwrap_or_else(PoisonError::into_inner))
    }
    pub fn cost(&self) -> Cost {
        self.meter.cost()
    }

    /// Counts listed keys against the ceiling.
    pub(super) fn count_keys(&self, more: usize, store: &str) -> Result<(), Problem> {
        let all = self.keys.fetch_add(more as u64, Relaxed) + more as u64;
        match all > self.max_keys {
            true => Err(Problem::new(Code::STORE_CEILING, store)
                .because(format!("more than {} keys here", self.max_keys))),
            false => Ok(()),
        }
    }

    /// Counts what a reader keeps of a listing against its memory. Errors:
    /// LB-STORE-010 where it would be more than it may keep.
    pub fn hold(&self, more: usize, store: &str) -> Result<(), Problem> {
        let all = self.held.fetch_add(more as u64, Relaxed) + more as u64;
        match all > self.max_held {
            true => Err(Problem::new(Code::STORE_CEILING, store)
                .because(format!("what is to be kept of it needs more than {}", Size(self.max_held)))),
            false => Ok(()),
        }
    }
    /// What was held is let go.
    pub fn let_go(&self, less: usize) {
        self.held.fetch_sub(less as u64, Relaxed);
    }

    /// Runs `call` within the deadline and until cancelled.
    pub(super) async fn bound<T>(
        &self,
        call: impl Future<Output = Result<T, NetError>>,
    ) -> Result<T, NetError> {
        self.meter.allows()?;
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(NetError::Cancelled),
            done = tokio::time::timeout(self.deadline.to_std(), call) => {
                done.unwrap_or(Err(NetError::TimedOut(self.deadline)))
            }
        }
    }
}
