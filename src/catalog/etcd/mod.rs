//! Snapshots of etcd, as `etcdctl snapshot save` writes them: the database in
//! pages of at least 512 bytes, then the SHA-256 of it (etcd's
//! `etcdutl/snapshot/v3_snapshot.go`). No time is inside: when a file was
//! stored counts.

#[cfg(test)]
mod tests;

use std::io::{self, Read};

use lifeboat_core::model::{CopyDef, CopyReport, KeyDef, PointState, Problem};
use sha2::{Digest, Sha256};

use super::{
    Cx, Parser,
    snapshots::{self, Feed, File, Found, Kind},
};
use crate::net::store::Repo;

pub(super) const KEYS: &[KeyDef] = &[];

/// See `crate::parsers`.
pub(super) const PARSERS: &[Parser] = &[("etcd_snapshot", |b| {
    let _ = inside(Feed::of(b), b.len() as u64);
})];

const HASH: u64 = 32;
/// What every page size is a multiple of.
const SECTOR: u64 = 512;
/// Bolt's magic number, behind the header of the first page.
const MAGIC: [u8; 4] = [0xed, 0xda, 0x0c, 0xed];
const MAGIC_AT: usize = 16;

pub(super) async fn read(copy: &CopyDef, repo: &Repo, cx: &Cx) -> Result<CopyReport, Problem> {
    snapshots::read(copy, &Kind { outside, inside }, repo, cx).await
}

/// A cut almost never leaves a length that passes.
fn outside(file: &File) -> Found {
    let ends = |suffixes: &[&str]| suffixes.iter().any(|s| file.key.ends_with(s.as_bytes()));
    match file.size % SECTOR {
        // where `snapshot save` writes before it renames
        _ if ends(&[".part"]) => {
            Err((PointState::Incomplete, "it was not finished: a whole snapshot is renamed".to_owned()))
        }
        _ if ends(&[".gz", ".zst", ".xz", ".zip", ".tgz"]) => Err((
            PointState::Unverified,
            "it is packed, so its hash cannot be checked; `dump` reads it".to_owned(),
        )),
        HASH if file.size > SECTOR => Ok(()),
        0 => Err((
            PointState::Suspect,
            "it ends without a hash: cut off, or the database of a member copied as it was".to_owned(),
        )),
        _ => Err((
            PointState::Incomplete,
            "it is cut off: a snapshot ends in whole pages and a hash".to_owned(),
        )),
    }
}

fn inside(mut feed: Feed, size: u64) -> Found {
    let unreadable = |e: io::Error| (PointState::Unverified, format!("it could not be read: {e}"));
    let mut hasher = Sha256::new();
    let mut head = [0; MAGIC_AT + MAGIC.len()];
    feed.read_exact(&mut head).map_err(unreadable)?;
    if !head.ends_with(&MAGIC) {
        return Err((PointState::Suspect, "it is no database of etcd".to_owned()));
    }
    hasher.update(head);
    let body = size.saturating_sub(HASH + head.len() as u64);
    let mut buffer = vec![0; 64 << 10];
    let mut pages = (&mut feed).take(body);
    loop {
        match pages.read(&mut buffer).map_err(unreadable)? {
            0 => break,
            read => hasher.update(buffer.get(..read).unwrap_or_default()),
        }
    }
    let mut hash = Vec::new();
    feed.take(HASH + 1).read_to_end(&mut hash).map_err(unreadable)?;
    match hash == hasher.finalize().to_vec() {
        true => Ok(()),
        false => Err((PointState::Suspect, "it is damaged: its hash is not the one at its end".to_owned())),
    }
}
