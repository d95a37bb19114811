//! Everything below an estate's folder, as one hash.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read},
    os::unix::fs::PermissionsExt,
    path::{Component, Path, PathBuf},
};

use lifeboat_core::model::{Code, Problem};
use serde::{Deserialize, Serialize};

use crate::config::source::{MAX_ESTATE, open_regular};

/// A hash that changes with any byte, mode, name or link of the estate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closure {
    /// blake3 in hex.
    pub hash: String,
    /// By path relative to the folder, with `/`.
    pub entries: BTreeMap<String, Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// Permission bits, and blake3 of the content in hex.
    File { mode: u32, hash: String },
    /// A link to another place of the estate, as written.
    Link { to: String },
}

/// Left out, at the top of the estate only; nothing may be run from them.
pub(super) const OUTSIDE: [&str; 2] = [".git", ".lifeboat"];

/// So that a folder such as `/` is refused before it is read.
const MAX_ENTRIES: usize = 20_000;

/// Reads everything below `dir`.
///
/// # Errors
/// LB-TRUST-003 for a link that leaves the estate or names no file of it,
/// LB-TRUST-004 for pipes, devices, sockets and names that are not UTF-8,
/// LB-ESTATE-003 for what cannot be read, LB-ESTATE-004 beyond 64 MiB.
pub fn closure(dir: &Path) -> Result<Closure, Problem> {
    let root = dir.canonicalize().map_err(|e| unreadable(dir, &e))?;
    let mut walk = Walk { root: &root, left: MAX_ESTATE, entries: BTreeMap::new() };
    walk.folder(&root)?;
    Ok(Closure { hash: hash_of(&walk.entries), entries: walk.entries })
}

/// Every part is preceded by its length, so that no two estates can be
/// written as the same bytes.
fn hash_of(entries: &BTreeMap<String, Entry>) -> String {
    let mut hasher = blake3::Hasher::new();
    let mut part = |bytes: &[u8]| {
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    part(b"lifeboat estate 1");
    for (path, entry) in entries {
        part(path.as_bytes());
        match entry {
            Entry::File { mode, hash } => {
                part(b"file");
                part(&mode.to_le_bytes());
                part(hash.as_bytes());
            }
            Entry::Link { to } => {
                part(b"link");
                part(to.as_bytes());
            }
        }
    }
    hasher.finalize().to_hex().to_string()
}

struct Walk<'a> {
    root: &'a Path,
    left: u64,
    entries: BTreeMap<String, Entry>,
}

impl Walk<'_> {
    /// Depth is bounded by the system's longest path.
    fn folder(&mut self, folder: &Path) -> Result<(), Problem> {
        for entry in fs::read_dir(folder).map_err(|e| unreadable(folder, &e))? {
            let entry = entry.map_err(|e| unreadable(folder, &e))?;
            let path = entry.path();
            let inside = path.strip_prefix(self.root).unwrap_or(&path);
            if OUTSIDE.iter().any(|name| inside == Path::new(name)) {
                continue;
            }
            let Some(name) = inside.to_str().map(str::to_owned) else {
                return Err(Problem::new(Code::TRUST_FILE, path.display()).because("its name is not UTF-8"));
            };
            let kind = entry.file_type().map_err(|e| unreadable(&path, &e))?;
            if kind.is_dir() {
                self.folder(&path)?;
                continue;
            }
            let found = if kind.is_symlink() { self.link(&path)? } else { self.file(&path)? };
            self.entries.insert(name, found);
            if self.entries.len() > MAX_ENTRIES {
                let why = format!("more than {MAX_ENTRIES} files");
                return Err(Problem::new(Code::ESTATE_TOO_LARGE, self.root.display()).because(why));
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path) -> Result<Entry, Problem> {
        let kind = fs::symlink_metadata(path).map_err(|e| unreadable(path, &e))?.file_type();
        if !kind.is_file() {
            let why = "neither a file, a folder nor a link";
            return Err(Problem::new(Code::TRUST_FILE, path.display()).because(why));
        }
        let file = open_regular(path).map_err(|e| unreadable(path, &e))?;
        let mode = file.metadata().map_err(|e| unreadable(path, &e))?.permissions().mode() & 0o7777;
        let mut hasher = blake3::Hasher::new();
        let mut content = file.take(self.left + 1);
        let size = io::copy(&mut content, &mut hasher).map_err(|e| unreadable(path, &e))?;
        self.left = self.left.checked_sub(size).ok_or_else(|| {
            Problem::new(Code::ESTATE_TOO_LARGE, self.root.display()).because("more than 64 MiB")
        })?;
        Ok(Entry::File { mode, hash: hasher.finalize().to_hex().to_string() })
    }

    /// A link may lead to another place of the estate, written so that a copy
    /// of the estate leads to its own: relative, up only at the beginning.
    /// Links on the way are entries too and obey the same rule, so no chain
    /// of them can pass through the outside.
    fn link(&self, path: &Path) -> Result<Entry, Problem> {
        let refused = |why: &str| Problem::new(Code::TRUST_LINK, path.display()).because(why);
        let to = fs::read_link(path).map_err(|e| unreadable(path, &e))?;
        let Some(text) = to.to_str() else { return Err(refused("its target is not UTF-8")) };
        let mut at: PathBuf = path.parent().unwrap_or(self.root).to_owned();
        let mut down = false;
        for part in to.components() {
            match part {
                Component::CurDir => {}
                Component::ParentDir if !down && at.starts_with(self.root) && at != self.root => {
                    at.pop();
                }
                Component::Normal(name) => {
                    down = true;
                    at.push(name);
                }
                _ => return Err(refused(&format!("it leads to {text}"))),
            }
        }
        let inside = at.strip_prefix(self.root).unwrap_or(&at);
        if OUTSIDE.iter().any(|name| inside.starts_with(name)) {
            return Err(refused(&format!("it leads to {text}, which is not covered")));
        }
        match path.canonicalize() {
            Ok(real) if real.starts_with(self.root) => Ok(Entry::Link { to: text.to_owned() }),
            Ok(real) => Err(refused(&format!("it leads to {}", real.display()))),
            Err(e) => Err(refused(&format!("it leads nowhere: {e}"))),
        }
    }
}

pub(super) fn unreadable(path: &Path, error: &io::Error) -> Problem {
    Problem::new(Code::ESTATE_UNREADABLE, path.display()).because(error)
}
