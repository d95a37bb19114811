//! What is kept of a state and of a lock (Terraform's `statefile/version4.go`
//! and `statemgr.LockInfo`). The parser's own messages quote values, so that
//! none of them is passed on.

use lifeboat_core::model::{Time, clean_line};
use serde::{Deserialize, de::IgnoredAny};
use sha2::{Digest, Sha256};

/// What a state's bytes came to.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Held {
    State(State),
    /// OpenTofu's own encryption: lineage and serial stay in clear.
    Sealed(State),
    Cut,
    NoState,
    OtherVersion(u64),
    Unread(String),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct State {
    pub lineage: String,
    pub serial: u64,
    pub resources: usize,
    /// Of all bytes: whether two states are the same.
    pub hash: [u8; 32],
}

#[derive(Deserialize)]
struct Raw {
    version: Option<u64>,
    serial: Option<u64>,
    lineage: Option<String>,
    #[serde(default)]
    resources: Vec<IgnoredAny>,
    encrypted_data: Option<IgnoredAny>,
}

pub(super) fn parse(bytes: &[u8]) -> Held {
    let raw: Raw = match serde_json::from_slice(bytes) {
        Ok(raw) => raw,
        Err(e) if e.is_eof() => return Held::Cut,
        Err(_) => return Held::NoState,
    };
    let (Some(serial), Some(lineage)) = (raw.serial, raw.lineage.filter(|l| !l.is_empty())) else {
        return Held::NoState;
    };
    let state = State {
        lineage: clean_line(&lineage),
        serial,
        resources: raw.resources.len(),
        hash: Sha256::digest(bytes).into(),
    };
    match (raw.encrypted_data, raw.version) {
        (Some(_), _) => Held::Sealed(state),
        (None, Some(4)) => Held::State(state),
        (None, Some(other)) => Held::OtherVersion(other),
        (None, None) => Held::NoState,
    }
}

impl Held {
    pub fn state(&self) -> Option<&State> {
        match self {
            Self::State(state) | Self::Sealed(state) => Some(state),
            _ => None,
        }
    }
}

/// A `.tflock` object.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Lock {
    who: Option<String>,
    operation: Option<String>,
    created: Option<Time>,
}

impl Lock {
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    /// ` by ci@runner since … (OperationTypeApply)`
    pub fn told(&self) -> String {
        let who = self.who.as_deref().filter(|w| !w.is_empty()).unwrap_or("someone");
        let since = self.created.map_or(String::new(), |at| format!(" since {}", at.format("%FT%TZ")));
        let doing = self.operation.as_deref().map_or(String::new(), |what| format!(" ({what})"));
        clean_line(&format!(" by {who}{since}{doing}"))
    }
}
