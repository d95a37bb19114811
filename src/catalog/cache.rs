//! What objects that never change held when they were last read and opened, so
//! that a refresh costs neither requests nor decryption. In memory, bounded,
//! one for the process. On disk, `Repo::get_listed` keeps what was fetched, as
//! it was fetched: what is opened here never leaves memory.

use std::{
    collections::{HashMap, VecDeque},
    sync::{LazyLock, Mutex, PoisonError},
};

use bytes::Bytes;

use crate::net::store::Version;

const MAX_BYTES: usize = 32 << 20;
/// Larger ones are opened anew: they are few, and would push out the many.
const MAX_ONE: usize = 1 << 20;

/// Which object: its version is part of it, so that one that was damaged or
/// replaced after it was read is read again.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub store: String,
    pub key: Vec<u8>,
    pub version: Version,
    /// Under which secret it was opened: another one must not see it.
    pub opened_with: [u8; 32],
}

#[derive(Default)]
struct Cache {
    kept: HashMap<Key, Bytes>,
    order: VecDeque<Key>,
    bytes: usize,
}

static CACHE: LazyLock<Mutex<Cache>> = LazyLock::new(Mutex::default);

pub(super) fn get(key: &Key) -> Option<Bytes> {
    CACHE.lock().unwrap_or_else(PoisonError::into_inner).kept.get(key).cloned()
}

pub(super) fn put(key: Key, bytes: Bytes) {
    CACHE.lock().unwrap_or_else(PoisonError::into_inner).put(key, bytes, MAX_BYTES);
}

impl Cache {
    /// The oldest leave first.
    fn put(&mut self, key: Key, bytes: Bytes, max: usize) {
        let weight = |key: &Key, bytes: &Bytes| {
            bytes.len() + 2 * (key.key.len() + key.store.len() + key.version.etag.len()) + 250
        };
        let more = weight(&key, &bytes);
        if more > MAX_ONE.min(max / 2) || self.kept.contains_key(&key) {
            return;
        }
        self.bytes += more;
        self.order.push_back(key.clone());
        self.kept.insert(key, bytes);
        while self.bytes > max {
            let Some(oldest) = self.order.pop_front() else { break };
            if let Some(gone) = self.kept.remove(&oldest) {
                self.bytes -= weight(&oldest, &gone);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_leave_and_the_bound_holds() {
        let mut cache = Cache::default();
        let key = |n: u8| Key {
            store: "fra".to_owned(),
            key: vec![n],
            version: Version { etag: Vec::new(), size: 1, modified_ms: None },
            opened_with: [0; 32],
        };
        for n in 0..10 {
            cache.put(key(n), Bytes::from(vec![n; 1_000]), 5_000);
            assert!(cache.bytes <= 5_000);
        }
        assert!(!cache.kept.contains_key(&key(0)) && cache.kept.contains_key(&key(9)));
        cache.put(key(20), Bytes::from(vec![0; 4_000]), 5_000);
        assert!(!cache.kept.contains_key(&key(20)), "one alone does not push out all others");
        assert_eq!(cache.kept.len(), cache.order.len());
    }
}
