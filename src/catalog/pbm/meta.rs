//! `<name>.pbm.json`. Pure. Written by PBM 1.x and 2.x; times are seconds since
//! 1970, sizes bytes.

use serde::Deserialize;

#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub(super) struct Meta {
    /// `logical`, `physical`, `incremental` or `external`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What an increment rests on; empty for the base of a chain.
    pub src_backup: String,
    /// Collections, where not all of them are in it.
    #[serde(rename = "nss")]
    pub namespaces: Vec<String>,
    pub replsets: Vec<ReplicaSet>,
    pub size: i64,
    pub size_uncompressed: i64,
    pub start_ts: i64,
    pub last_transition_ts: i64,
    /// The instant that a restore lands on.
    pub last_write_ts: Stamp,
    pub hb: Stamp,
    pub status: String,
    pub error: String,
}

#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub(super) struct ReplicaSet {
    pub name: String,
    /// Key of its dump, below the root.
    pub backup_name: String,
    /// Key of its oplog: one file before PBM 2, later a folder.
    pub oplog_name: String,
    pub status: String,
    pub error: String,
}

/// MongoDB's timestamp: a second and an ordinal within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Deserialize)]
#[serde(default)]
pub(super) struct Stamp {
    #[serde(rename = "T")]
    pub second: u32,
    #[serde(rename = "I")]
    pub ordinal: u32,
}

/// Errors: in words that follow the file's name.
pub(super) fn parse(bytes: &[u8]) -> Result<Meta, String> {
    let meta: Meta = serde_json::from_slice(bytes).map_err(|e| format!("cannot be understood: {e}"))?;
    match meta.status.is_empty() || meta.kind.is_empty() {
        true => Err("tells neither type nor status".to_owned()),
        false => Ok(meta),
    }
}
