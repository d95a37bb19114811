//! What looking costs: requests made and bytes read.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use lifeboat_core::model::Cost;

/// Counts one use of the network: a copy's refresh, a probe's life. Shared
/// behind an `Arc`; a request counts when it is sent, whatever comes of it.
#[derive(Debug, Default)]
pub struct Meter {
    requests: AtomicU64,
    bytes: AtomicU64,
}

impl Meter {
    pub fn request(&self) {
        self.requests.fetch_add(1, Relaxed);
    }
    pub fn read(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Relaxed);
    }
    pub fn cost(&self) -> Cost {
        Cost { requests: self.requests.load(Relaxed), bytes: self.bytes.load(Relaxed) }
    }
}
