//! Ids: short names that users write and cross-reference. Each text is kept
//! once for as long as the program runs, so that an id is one pointer, two of
//! them are compared by it, and a thousand views that name a region share
//! nothing that threads would have to count.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::collections::HashSet;
use std::hash::{Hash, Hasher};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::{fmt, ptr};

use serde::{Deserialize, Deserializer, Serialize};

/// A text that is kept once.
#[derive(Clone, Copy)]
struct Kept(&'static &'static str);

/// Keeps what users and their estates name, never the names that a repository
/// holds: those have no end.
fn kept(text: &str) -> Kept {
    static ALL: OnceLock<Mutex<HashSet<Known>>> = OnceLock::new();
    let mut all = ALL.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = all.get(text) {
        return Kept(known.0);
    }
    let text: &'static str = Box::leak(text.into());
    let known: &'static &'static str = Box::leak(Box::new(text));
    all.insert(Known(known));
    Kept(known)
}

/// In the table: by its text.
#[derive(PartialEq, Eq, Hash)]
struct Known(&'static &'static str);

impl Borrow<str> for Known {
    fn borrow(&self) -> &str {
        self.0
    }
}

impl PartialEq for Kept {
    fn eq(&self, other: &Self) -> bool {
        ptr::eq(self.0, other.0)
    }
}
impl Eq for Kept {}
impl Hash for Kept {
    // As the text does, for maps are asked by text too.
    fn hash<H: Hasher>(&self, state: &mut H) {
        (*self.0).hash(state);
    }
}
impl Ord for Kept {
    fn cmp(&self, other: &Self) -> Ordering {
        if self == other { Ordering::Equal } else { self.0.cmp(other.0) }
    }
}
impl PartialOrd for Kept {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Whether `text` may be an id: 1 to 64 of `a-z A-Z 0-9 . _ -`, beginning with
/// a letter or a digit, so that an id is safe as a file name, in a selector
/// and on a command line.
pub fn is_id(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    (1..=64).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(plain)
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Kept);

        impl $name {
            pub fn new(text: impl AsRef<str>) -> Self {
                Self(kept(text.as_ref()))
            }
            pub fn as_str(&self) -> &'static str {
                self.0.0
            }
            /// A number that no other id has for as long as the program runs, to be
            /// found by where its text would take longer.
            pub fn address(&self) -> usize {
                ptr::from_ref(self.0.0).addr()
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", self.as_str())
            }
        }
        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                self.as_str()
            }
        }
        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }
        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(self.as_str())
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                std::borrow::Cow::<str>::deserialize(from).map(Self::new)
            }
        }
        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self::new(text)
            }
        }
        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                self.as_str() == other
            }
        }
        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                self.as_str() == *other
            }
        }
    )+};
}

ids! {
    FormatId, RegionId, AccountId, DomainId, StoreId, KeyId, OperatorId,
    WorkloadId,
    /// Unique within its workload; written `WORKLOAD/ASSET` from outside.
    AssetId,
    GroupId,
    RunbookId,
    /// Unique within its runbook.
    StepId,
    /// Sorts by time of creation: `20261122T140501Z-checkout-failover-1a2b`.
    RunId,
    IncidentId,
}
