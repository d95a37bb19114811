//! What looking costs: requests made and bytes read, and how much it may.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use lifeboat_core::model::{Cost, Size};

use super::NetError;

/// Counts one use of the network: a copy's refresh, a probe's life. Shared
/// behind an `Arc`; a request counts when it is sent, whatever comes of it.
#[derive(Debug)]
pub struct Meter {
    requests: AtomicU64,
    bytes: AtomicU64,
    ceiling: Cost,
}

impl Default for Meter {
    fn default() -> Self {
        Self::bounded(Cost { requests: u64::MAX, bytes: u64::MAX })
    }
}

impl Meter {
    pub fn bounded(ceiling: Cost) -> Self {
        Self { requests: AtomicU64::new(0), bytes: AtomicU64::new(0), ceiling }
    }
    pub fn request(&self) {
        self.requests.fetch_add(1, Relaxed);
    }
    pub fn read(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Relaxed);
    }
    pub fn cost(&self) -> Cost {
        Cost { requests: self.requests.load(Relaxed), bytes: self.bytes.load(Relaxed) }
    }
    /// Before a request: whether there may be one more. What is under way may
    /// exceed the ceiling by what it reads at once.
    pub(super) fn allows(&self) -> Result<(), NetError> {
        let (cost, most) = (self.cost(), self.ceiling);
        match () {
            () if cost.requests >= most.requests => {
                Err(NetError::Ceiling(format!("this look has made the {} requests it may", most.requests)))
            }
            () if cost.bytes >= most.bytes => {
                Err(NetError::Ceiling(format!("this look has read the {} it may", Size(most.bytes))))
            }
            () => Ok(()),
        }
    }
}
