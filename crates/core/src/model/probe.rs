//! One question to one service, as the user wrote it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Dur;

/// What `config` makes of a probe table: `http = "url", expect = …` becomes
/// `kind = "http", target = "url", expect = …`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Probe {
    /// A kind of `Vocabulary::probes`: `http`, `tcp`, `command` …
    pub kind: String,
    /// The value beside the kind: an address, a table or an argument list.
    pub target: Value,
    #[serde(default)]
    pub expect: Expect,
    #[serde(default)]
    pub timeout: Option<Dur>,
    #[serde(default)]
    pub every: Option<Dur>,
    #[serde(default)]
    pub ca: Option<String>,
    /// JSON pointer, column or metric of the figure that is asked for.
    #[serde(default)]
    pub value: Option<String>,
    #[serde(default)]
    pub unit: Option<Unit>,
    /// Where the instant stands that the figure is about.
    #[serde(default)]
    pub as_of: Option<String>,
    /// For `active_when`: from the value to a region's id.
    #[serde(default)]
    pub map: std::collections::BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Expect {
    pub status: Option<u16>,
    pub pointer: Option<String>,
    pub equals: Option<Value>,
    pub min: Option<f64>,
    pub max: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    Ms,
    S,
    Bytes,
    Count,
    Rfc3339,
    UnixS,
    UnixMs,
}
