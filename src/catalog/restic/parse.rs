//! The JSON inside a repository, as restic's design document has it, and
//! rustic's additions to it.

use serde::{Deserialize, Deserializer};

use lifeboat_core::model::Time;

/// The SHA-256 of what is stored; for blobs, of what they hold.
pub(super) type Id = [u8; 32];

pub(super) fn id(text: &[u8]) -> Option<Id> {
    let mut id = [0; 32];
    hex::decode_to_slice(text, &mut id).ok()?;
    Some(id)
}

/// As much of an id as `restic snapshots` shows.
pub(super) fn short(id: &Id) -> String {
    hex::encode(&id[..4])
}

fn hex_id<'de, D: Deserializer<'de>>(from: D) -> Result<Id, D::Error> {
    let text = String::deserialize(from)?;
    id(text.as_bytes()).ok_or_else(|| serde::de::Error::custom("no id"))
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Snapshot {
    #[serde(deserialize_with = "instant")]
    pub time: Time,
    #[serde(deserialize_with = "hex_id")]
    pub tree: Id,
    #[serde(default, deserialize_with = "nullable")]
    pub paths: Vec<String>,
    #[serde(default)]
    pub hostname: String,
    #[serde(default, deserialize_with = "nullable")]
    pub tags: Vec<String>,
    pub summary: Option<Summary>,
}

/// Since restic 0.17, and in rustic.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Summary {
    #[serde(default, deserialize_with = "maybe_instant")]
    pub backup_start: Option<Time>,
    pub total_bytes_processed: Option<u64>,
    /// What was new in it, and what that became in the repository.
    pub data_added: Option<u64>,
    pub data_added_packed: Option<u64>,
}

fn nullable<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// RFC 3339 with an offset and nanoseconds.
fn instant<'de, D: Deserializer<'de>>(from: D) -> Result<Time, D::Error> {
    let text = String::deserialize(from)?;
    let at = chrono::DateTime::parse_from_rfc3339(&text).map_err(serde::de::Error::custom)?;
    Ok(at.to_utc())
}

fn maybe_instant<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Time>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    Ok(text.and_then(|t| chrono::DateTime::parse_from_rfc3339(&t).ok()).map(|at| at.to_utc()))
}

#[derive(Debug, Deserialize)]
pub(super) struct Config {
    pub version: u32,
}

#[derive(Debug, Deserialize)]
pub(super) struct Lock {
    #[serde(deserialize_with = "instant")]
    pub time: Time,
    #[serde(default)]
    pub exclusive: bool,
    #[serde(default)]
    pub hostname: String,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Index {
    #[serde(default)]
    pub packs: Vec<Pack>,
    /// rustic's: no longer needed, removed later.
    #[serde(default)]
    pub packs_to_delete: Vec<Pack>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Pack {
    #[serde(deserialize_with = "hex_id")]
    pub id: Id,
    pub blobs: Vec<Blob>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Blob {
    #[serde(deserialize_with = "hex_id")]
    pub id: Id,
    #[serde(rename = "type")]
    pub kind: BlobKind,
    pub offset: u32,
    pub length: u32,
    /// Of what it holds; where there is none, it is not compressed.
    pub uncompressed_length: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum BlobKind {
    Data,
    Tree,
}

impl Pack {
    /// Blobs, an entry for each in the header (type, length, id; length again
    /// where compressed), the header's seal and its length.
    pub fn size(&self) -> u64 {
        let entry = |b: &Blob| u64::from(b.length) + if b.uncompressed_length.is_some() { 41 } else { 37 };
        self.blobs.iter().map(entry).sum::<u64>() + 36
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Tree {
    #[serde(default)]
    pub nodes: Vec<Node>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Node {
    #[serde(default, deserialize_with = "maybe_id")]
    pub subtree: Option<Id>,
    #[serde(default, deserialize_with = "ids")]
    pub content: Vec<Id>,
}

fn maybe_id<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Id>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    text.map(|t| id(t.as_bytes()).ok_or_else(|| serde::de::Error::custom("no id"))).transpose()
}

fn ids<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Id>, D::Error> {
    let texts = Option::<Vec<String>>::deserialize(from)?.unwrap_or_default();
    texts.iter().map(|t| id(t.as_bytes()).ok_or_else(|| serde::de::Error::custom("no id"))).collect()
}
