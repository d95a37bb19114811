//! Snapshots of Vault, OpenBao and Consul: a gzipped tar of `meta.json`,
//! `state.bin` and `SHA256SUMS` of both, with `SHA256SUMS.sealed` where Vault
//! seals it (hashicorp/raft-snapshot, `archive.go`). No time is inside: when a
//! file was stored counts. What the state holds stays sealed with the unseal
//! keys of the cluster that wrote it; a snapshot alone opens nothing.

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    io::{self, ErrorKind, Read},
};

use flate2::read::GzDecoder;
use lifeboat_core::model::{CopyDef, CopyReport, KeyDef, PointState, Problem, clean_line};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::{
    Cx, Parser,
    snapshots::{self, Feed, File, Found, Kind},
};
use crate::net::store::Repo;

pub(super) const KEYS: &[KeyDef] = &[];

/// See `crate::parsers`.
pub(super) const PARSERS: &[Parser] = &[("vault_snapshot", |b| {
    let _ = unpack(b, 1 << 20).map(|held| judge(&held));
})];

/// Stops a gzip bomb.
const MAX_INFLATED: u64 = 1 << 30;
/// Of `meta.json` and `SHA256SUMS`.
const MAX_SMALL: u64 = 1 << 20;
/// There are four.
const MAX_ENTRIES: usize = 16;

pub(super) async fn read(copy: &CopyDef, repo: &Repo, cx: &Cx) -> Result<CopyReport, Problem> {
    snapshots::read(copy, &Kind { outside, inside }, repo, cx).await
}

/// Whatever it is called, and however large: only its bytes tell.
fn outside(_: &File) -> Found {
    Ok(())
}

/// The least that `meta.json` says.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Meta {
    index: u64,
    #[serde(rename = "Term")]
    _term: u64,
}

/// What was found in the archive.
#[derive(Debug, Default)]
struct Held {
    /// SHA-256 by name.
    hashes: BTreeMap<&'static str, Vec<u8>>,
    meta: Vec<u8>,
    sums: Option<Vec<u8>>,
    strange: Option<String>,
}

fn inside(feed: Feed, _: u64) -> Found {
    let held = unpack(feed, MAX_INFLATED).map_err(|e| match e.kind() {
        ErrorKind::UnexpectedEof => {
            (PointState::Incomplete, "it ends in the middle of its archive".to_owned())
        }
        ErrorKind::QuotaExceeded => (
            PointState::Unverified,
            format!("it unpacks to more than {MAX_INFLATED} bytes: not checked further"),
        ),
        _ => (PointState::Suspect, "it is damaged, or no gzipped tar archive at all".to_owned()),
    })?;
    judge(&held)
}

fn unpack(feed: impl Read, max: u64) -> io::Result<Held> {
    let mut archive = tar::Archive::new(Capped { inner: GzDecoder::new(feed), left: max });
    let mut held = Held::default();
    // raw: the crate would read a long name of any length into memory
    for (count, entry) in archive.entries()?.raw(true).enumerate() {
        let mut entry = entry?;
        let name = entry.path_bytes().into_owned();
        match &*name {
            b"meta.json" => {
                held.meta = small(&mut entry)?;
                held.hashes.insert("meta.json", Sha256::digest(&held.meta).to_vec());
            }
            b"state.bin" => {
                let hash = hash(&mut entry)?;
                held.hashes.insert("state.bin", hash);
            }
            b"SHA256SUMS" => held.sums = Some(small(&mut entry)?),
            b"SHA256SUMS.sealed" => {}
            _ => {
                held.strange.get_or_insert_with(|| clean_line(&String::from_utf8_lossy(&name)));
            }
        }
        if count >= MAX_ENTRIES {
            break;
        }
    }
    // the end of gzip has a checksum of its own
    io::copy(&mut archive.into_inner(), &mut io::sink())?;
    Ok(held)
}

fn small(entry: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    entry.take(MAX_SMALL + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > MAX_SMALL {
        true => Err(ErrorKind::QuotaExceeded.into()),
        false => Ok(bytes),
    }
}

/// In pieces: a state is as large as the cluster's memory.
fn hash(entry: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        match entry.read(&mut buffer)? {
            0 => return Ok(hasher.finalize().to_vec()),
            read => hasher.update(buffer.get(..read).unwrap_or_default()),
        }
    }
}

fn judge(held: &Held) -> Found {
    let missing = |name: &str| Err((PointState::Incomplete, format!("{name} is missing in it")));
    let suspect = |why: String| Err((PointState::Suspect, why));
    if let Some(name) = &held.strange {
        return suspect(format!("it holds {name}, which no snapshot does"));
    }
    let Some(sums) = &held.sums else { return missing("SHA256SUMS") };
    let sums = String::from_utf8_lossy(sums);
    let listed: BTreeMap<&str, &str> =
        sums.lines().filter_map(|line| line.split_once("  ")).map(|(h, n)| (n, h)).collect();
    for name in ["meta.json", "state.bin"] {
        let Some(own) = held.hashes.get(name) else { return missing(name) };
        match listed.get(name) {
            None => return suspect(format!("its SHA256SUMS says nothing of {name}")),
            Some(hash) if hex::decode(hash.trim()).ok().as_ref() != Some(own) => {
                return suspect(format!(
                    "it is damaged: the hash of {name} is not the one in its SHA256SUMS"
                ));
            }
            Some(_) => {}
        }
    }
    match serde_json::from_slice::<Meta>(&held.meta) {
        Ok(meta) if meta.index > 0 => Ok(()),
        Ok(_) => suspect("it was made of a cluster that had recorded nothing".to_owned()),
        Err(_) => suspect("its meta.json is not that of a snapshot".to_owned()),
    }
}

/// Fails where more than allowed comes out.
struct Capped<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Capped<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.left = self.left.checked_sub(read as u64).ok_or(ErrorKind::QuotaExceeded)?;
        Ok(read)
    }
}
