//! What a store was seen to be set to: what keeps a copy from being deleted,
//! and who may read it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Dur, Time};

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
    /// What becomes of objects by themselves, in words.
    pub lifecycle: Fact<String>,
    /// What protects the newest object that was met, whatever the defaults say.
    pub newest: Fact<Seal>,
}

/// The protection of one object.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Seal {
    /// Cleaned.
    pub key: String,
    pub mode: Option<LockMode>,
    /// Until when it cannot be deleted.
    pub until: Option<Time>,
    pub legal_hold: bool,
    /// The provider's word, such as `COMPLETED`.
    pub replicated: Option<String>,
}

impl Posture {
    /// By the names that `expect` uses, each with its answer in words and how
    /// it was tested.
    pub fn rows(&self) -> [(&'static str, Answer<String>, &str); 9] {
        fn row<'a, T>(
            name: &'static str,
            fact: &'a Fact<T>,
            words: impl Fn(&T) -> String,
        ) -> (&'static str, Answer<String>, &'a str) {
            (name, fact.answer.map(words), &fact.how)
        }
        let text = String::clone;
        [
            row("versioning", &self.versioning, |()| "kept".to_owned()),
            row("object_lock", &self.object_lock, ToString::to_string),
            row("encryption", &self.encryption, text),
            row("replication", &self.replication, text),
            row("public", &self.public, text),
            row("location", &self.location, text),
            row("access_log", &self.access_log, text),
            row("lifecycle", &self.lifecycle, text),
            row("newest object", &self.newest, ToString::to_string),
        ]
    }

    /// All settings answered alike, for stores that have none.
    pub fn nowhere(how: &str) -> Self {
        fn none<T>(how: &str) -> Fact<T> {
            Fact::new(Answer::NotSupported, how)
        }
        Self {
            versioning: none(how),
            object_lock: none(how),
            encryption: none(how),
            replication: none(how),
            public: none(how),
            location: none(how),
            access_log: none(how),
            lifecycle: none(how),
            newest: none(how),
        }
    }
}

impl<T> Answer<T> {
    pub fn map<U>(&self, words: impl Fn(&T) -> U) -> Answer<U> {
        match self {
            Self::Set(value) => Answer::Set(words(value)),
            Self::NotSet => Answer::NotSet,
            Self::NotSupported => Answer::NotSupported,
            Self::Unknown => Answer::Unknown,
        }
    }
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Set(_) => "set",
            Self::NotSet => "not set",
            Self::NotSupported => "not supported",
            Self::Unknown => "unknown",
        }
    }
}

impl LockMode {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Governance => "governance",
            Self::Compliance => "compliance",
        }
    }
}

/// `compliance for 30d`.
impl fmt::Display for ObjectLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.retention {
            Some(retention) => write!(f, "{} for {retention}", self.mode.as_str()),
            None => f.write_str("on, with no default: each object as its writer wants"),
        }
    }
}

/// `compliance until 2026-12-22 01:30 UTC, legal hold: pg/backup.info`.
impl fmt::Display for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mode = self.mode.map(|mode| match self.until {
            Some(until) => format!("{} until {}", mode.as_str(), until.format("%Y-%m-%d %H:%M UTC")),
            None => mode.as_str().to_owned(),
        });
        let hold = self.legal_hold.then(|| "legal hold".to_owned());
        let replicated = self.replicated.as_ref().map(|word| format!("replication {word}"));
        let words: Vec<_> = [mode, hold, replicated].into_iter().flatten().collect();
        let words = if words.is_empty() { "no lock".to_owned() } else { words.join(", ") };
        write!(f, "{words}: {}", self.key)
    }
}
