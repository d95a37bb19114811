//! What an attempt does, as it stands in the journal before it is done.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::*;

/// What exactly an attempt does, with everything filled in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Action {
    Command {
        /// Program and arguments; a relative program lies in the run's own
        /// copy of the estate.
        run: Vec<String>,
        #[serde(default)]
        env: BTreeMap<String, Given>,
        /// Relative to the copy of the estate.
        #[serde(default)]
        cwd: Option<String>,
    },
    Http {
        method: String,
        url: String,
        #[serde(default)]
        headers: BTreeMap<String, Given>,
        #[serde(default)]
        body: Option<String>,
        #[serde(default)]
        expect: Expect,
        #[serde(default)]
        ca: Option<String>,
    },
    Dns {
        server: String,
        zone: String,
        record: DnsRecord,
        /// What must be so, else nothing is changed.
        #[serde(default)]
        require: Vec<DnsRequire>,
        #[serde(default)]
        tsig: Option<Given>,
        #[serde(default)]
        resolvers: Vec<String>,
    },
    Restore {
        #[serde(default)]
        asset: Option<String>,
        #[serde(default)]
        group: Option<String>,
        #[serde(default)]
        point: Option<String>,
        #[serde(default)]
        at: Option<String>,
        #[serde(default)]
        into: Option<Value>,
    },
    Copy {
        from: Value,
        to: Value,
        #[serde(default)]
        rate: Option<Size>,
    },
    Notify {
        to: Vec<String>,
        message: String,
    },
}

/// A set of records of one name and type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DnsRecord {
    pub name: String,
    #[serde(rename = "type")]
    pub ty: String,
    #[serde(default)]
    pub ttl: Option<Dur>,
    pub data: Vec<String>,
}

/// What must be so before an update: these data, any (`data` absent), or none
/// (`data = []`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DnsRequire {
    pub name: String,
    #[serde(rename = "type")]
    pub ty: String,
    #[serde(default)]
    pub data: Option<Vec<String>>,
}

/// A value written out, or where to have it at use.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Given {
    Text(String),
    Secret(SecretRef),
}

impl Action {
    /// In one line, as a person would type it; not meant for a shell.
    pub fn summary(&self) -> String {
        let plain = |s: &str| {
            !s.is_empty() && s.chars().all(|c| c.is_ascii_alphanumeric() || "._-/:=@+,%".contains(c))
        };
        let line = match self {
            Self::Command { run, .. } => run
                .iter()
                .map(|arg| if plain(arg) { arg.clone() } else { format!("{arg:?}") })
                .collect::<Vec<_>>()
                .join(" "),
            Self::Http { method, url, .. } => format!("{method} {url}"),
            Self::Dns { server, record, .. } => {
                format!("{} {} becomes {} at {server}", record.name, record.ty, record.data.join(" "))
            }
            Self::Restore { asset, group, point, at, into } => {
                let what = asset.as_deref().or(group.as_deref()).unwrap_or_default();
                let from = point.as_deref().or(at.as_deref()).unwrap_or("the newest good point");
                let into = into.as_ref().map_or_else(|| "its place".to_owned(), text_of);
                format!("restore {what} from {from} into {into}")
            }
            Self::Copy { from, to, .. } => format!("copy {} to {}", text_of(from), text_of(to)),
            Self::Notify { to, message } => format!("tell {}: {message}", to.join(", ")),
        };
        clean_line(&line)
    }
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
