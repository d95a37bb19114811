//! Interlocks as the estate writes them: conditions over facts, other
//! interlocks and probes. What they come to is decided in `run::interlock`.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Dur, Options, Probe};

/// `[[interlock]]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Interlock {
    pub id: String,
    #[serde(default)]
    pub all: Vec<Condition>,
    #[serde(default)]
    pub any: Vec<Condition>,
    /// How many of `any`; 1.
    pub at_least: Option<u32>,
    #[serde(default)]
    pub invert: bool,
    /// How long it must have held without a break.
    pub wait: Option<Dur>,
}

impl Interlock {
    /// From one table of `Estate::interlocks`.
    pub fn of(table: &Options) -> Result<Self, String> {
        let value = Value::Object(table.iter().map(|(k, v)| (k.clone(), v.clone())).collect());
        serde_json::from_value(value).map_err(|e| e.to_string())
    }
    /// Every condition that it names itself.
    pub fn conditions(&self) -> impl Iterator<Item = &Condition> {
        self.all.iter().chain(&self.any)
    }
}

/// One thing that holds, does not hold, or is not known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Condition {
    Fact(LockFact),
    /// Another interlock, by its id.
    Interlock(String),
    Probe(Box<Probe>),
}

/// What is known of the world, in one word and about one thing:
/// `in-service:eu-west-1`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct LockFact {
    pub kind: FactKind,
    /// A region, a store, a workload or `WORKLOAD/ASSET`.
    pub of: String,
}

macro_rules! facts {
    ($($name:ident = $word:literal, $about:literal, $doc:literal;)+) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum FactKind { $(#[doc = $doc] $name),+ }
        impl FactKind {
            /// Every kind: its word, what it is about, and what it says.
            pub const ALL: &[(FactKind, &str, &str, &str)] = &[$((FactKind::$name, $word, $about, $doc)),+];
        }
    };
}

facts! {
    InService = "in-service", "region", "The region serves, as its own probes say.";
    Healthy = "healthy", "workload", "The workload answers its users.";
    Reachable = "reachable", "store", "The store answers with the credentials of the estate.";
    OneWriter = "one-writer", "asset", "Exactly one instance takes writes.";
    Fenced = "fenced", "asset", "The old primary was proven unable to write.";
}

impl FactKind {
    pub fn as_str(self) -> &'static str {
        self.row().1
    }
    /// `region`, `store`, `workload` or `asset`.
    pub fn about(self) -> &'static str {
        self.row().2
    }
    fn row(self) -> &'static (FactKind, &'static str, &'static str, &'static str) {
        // Every variant is a row of the table that made it.
        Self::ALL.iter().find(|row| row.0 == self).unwrap_or(&Self::ALL[0])
    }
}

impl FromStr for LockFact {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let words = || FactKind::ALL.iter().map(|row| row.1).collect::<Vec<_>>().join(", ");
        let (kind, of) = text.split_once(':').ok_or_else(|| format!("{text:?} is no fact"))?;
        let row = FactKind::ALL.iter().find(|row| row.1 == kind);
        let row = row.ok_or_else(|| format!("{kind:?} is no kind of fact; there are: {}", words()))?;
        match of.is_empty() {
            true => Err(format!("{text:?} does not say of which {}", row.2)),
            false => Ok(Self { kind: row.0, of: of.to_owned() }),
        }
    }
}
impl TryFrom<String> for LockFact {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}
impl From<LockFact> for String {
    fn from(fact: LockFact) -> Self {
        fact.to_string()
    }
}
impl fmt::Display for LockFact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind.as_str(), self.of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn conditions_are_told_apart_by_their_form() {
        let table = json!({ "id": "home", "all": ["in-service:eu", "other", { "kind": "tcp", "target": "x:1" }], "at_least": 1 });
        let table: Options = serde_json::from_value(table).unwrap();
        let read = Interlock::of(&table).unwrap();
        let fact = LockFact { kind: FactKind::InService, of: "eu".into() };
        assert_eq!(read.all[..2], [Condition::Fact(fact), Condition::Interlock("other".into())]);
        assert!(matches!(&read.all[2], Condition::Probe(p) if p.kind == "tcp"));
    }

    #[test]
    fn a_fact_says_what_it_is_about() {
        assert_eq!("one-writer:shop/db".parse::<LockFact>().unwrap().kind.about(), "asset");
        assert!("two-writers:shop/db".parse::<LockFact>().unwrap_err().contains("one-writer"));
        assert!("reachable:".parse::<LockFact>().unwrap_err().contains("store"));
        for (kind, word, ..) in FactKind::ALL {
            assert_eq!(kind.as_str(), *word);
        }
    }
}
