//! What a store was seen to be set to: what keeps a copy from being deleted,
//! and who may read it.

use serde::{Deserialize, Serialize};

use super::Dur;

/// What the store said of one setting.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer<T> {
    Set(T),
    NotSet,
    /// The store knows no such setting.
    NotSupported,
    /// Not asked, not allowed to ask, or no answer that can be read.
    #[default]
    Unknown,
}

/// One setting, with how it was tested, in a few cleaned words:
/// `GetObjectLockConfiguration`, `a marker was deleted and came back`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact<T> {
    pub answer: Answer<T>,
    pub how: String,
}

impl<T> Default for Fact<T> {
    fn default() -> Self {
        Self { answer: Answer::Unknown, how: "not asked".to_owned() }
    }
}

impl<T> Fact<T> {
    pub fn new(answer: Answer<T>, how: impl Into<String>) -> Self {
        Self { answer, how: how.into() }
    }
    /// The setting, where it is known to be set.
    pub fn set(&self) -> Option<&T> {
        match &self.answer {
            Answer::Set(value) => Some(value),
            Answer::NotSet | Answer::NotSupported | Answer::Unknown => None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LockMode {
    /// Whoever has the right to may still delete early.
    Governance,
    /// Nobody may, the owner of the account included.
    Compliance,
}

/// What new objects are locked with when the writer asks for nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectLock {
    pub mode: LockMode,
    /// From when an object was stored; `None` where no default is set, so that
    /// each object's lock depends on its writer.
    pub retention: Option<Dur>,
}

/// The settings of one store; what was not asked stays unknown.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Posture {
    /// Old versions of overwritten and deleted objects are kept.
    pub versioning: Fact<()>,
    pub object_lock: Fact<ObjectLock>,
    /// How it is encrypted at rest.
    pub encryption: Fact<String>,
    /// Where it is copied to.
    pub replication: Fact<String>,
    /// Set: anyone may read it; how, in words.
    pub public: Fact<String>,
    /// The provider's own name of the place.
    pub location: Fact<String>,
    /// Where reads are logged.
    pub access_log: Fact<String>,
}
