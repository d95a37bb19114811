//! What a listing showed in a class that has to be retrieved before it can be
//! read: gathered where pages pass, since every reader lists and few look at it.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use super::store::Class;

/// More are counted, not named.
const KEEP: usize = 100_000;

#[derive(Debug, Default)]
pub struct Thaws(Mutex<BTreeMap<String, Archived>>);

/// Of one store.
#[derive(Debug, Default, Clone)]
pub struct Archived {
    pub keys: BTreeMap<Vec<u8>, Class>,
    /// Whether there are more than `keys`.
    pub more: bool,
}

impl Thaws {
    pub fn add(&self, store: &str, key: &[u8], class: Class) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = all.entry(store.to_owned()).or_default();
        if own.keys.len() < KEEP {
            own.keys.insert(key.to_vec(), class);
        } else {
            own.more |= !own.keys.contains_key(key);
        }
    }
    /// Whether this object was listed so.
    pub fn has(&self, store: &str, key: &[u8]) -> bool {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(store).is_some_and(|own| own.keys.contains_key(key))
    }
    pub fn of(&self, store: &str) -> Archived {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(store).cloned().unwrap_or_default()
    }
}
