//! What a trusted estate reads and runs after trust was established: only the
//! bytes that a person allowed. Somebody may edit the folder at any moment.

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, Read},
    path::{Component, Path, PathBuf},
};

use lifeboat_core::model::{Code, Problem};

use super::{Changes, Closure, Entry, TrustedEstate, closure};
use crate::config::source::open_regular;

/// Why a file that the estate names was not read.
#[derive(Debug)]
pub enum Unread {
    Io(io::Error),
    /// It is not what was trusted, and nothing of it is used.
    Changed(Box<Problem>),
}

/// As the system follows at most; more is a circle.
const MAX_LINKS: usize = 40;

impl TrustedEstate {
    /// The content of a file that the estate names, at most `max` bytes. A file
    /// below the estate is compared with what was trusted in the very bytes
    /// that are given back; one outside is not part of trust and read as it is.
    pub fn read(&self, path: &str, max: u64) -> Result<Vec<u8>, Unread> {
        let Some(inside) = self.inside(path) else {
            // By the letters: a link of the estate may lead elsewhere by now.
            let whole = if Path::new(path).is_absolute() { path.into() } else { flat(&self.dir.join(path)) };
            return bytes(File::open(whole).map_err(Unread::Io)?, max);
        };
        let Some((name, trusted)) = self.closure.file(&inside) else {
            return Err(self.changed(format!("{path} is no file that was trusted")));
        };
        let found = bytes(open_regular(&self.dir.join(&name)).map_err(Unread::Io)?, max)?;
        match blake3::hash(&found).to_hex().as_str() == trusted {
            true => Ok(found),
            false => Err(self.changed(Changes { changed: vec![name], ..Changes::default() })),
        }
    }

    /// The program that a name meant when it was allowed, whatever lies earlier
    /// in PATH by now.
    pub fn program(&self, name: &str) -> Option<&Path> {
        self.programs.get(name)?.as_deref()
    }

    /// That every file is still what was trusted: before a program is run that
    /// may lie in the estate, or read any file of it.
    ///
    /// # Errors
    /// LB-TRUST-002 naming what changed; those of `closure`.
    pub fn unchanged(&self) -> Result<(), Problem> {
        let now = closure(&self.dir)?;
        match now.hash == self.closure.hash {
            true => Ok(()),
            false => Err(self.problem(Changes::between(&self.closure.entries, &now.entries))),
        }
    }

    /// The path relative to the estate, where it leads below it: as written,
    /// else through a link somewhere above.
    fn inside(&self, path: &str) -> Option<PathBuf> {
        let whole = self.dir.join(path);
        let written = flat(&whole).strip_prefix(&self.dir).ok().map(Path::to_owned);
        written.or_else(|| whole.canonicalize().ok()?.strip_prefix(&self.dir).ok().map(Path::to_owned))
    }

    fn changed(&self, why: impl std::fmt::Display) -> Unread {
        Unread::Changed(Box::new(self.problem(why)))
    }

    fn problem(&self, why: impl std::fmt::Display) -> Problem {
        Problem::new(Code::TRUST_CHANGED, self.dir.display())
            .because(why)
            .next("see what changed, then `lifeboat trust`, and start this again; until then it is not used")
    }
}

fn bytes(file: File, max: u64) -> Result<Vec<u8>, Unread> {
    let mut bytes = Vec::new();
    file.take(max + 1).read_to_end(&mut bytes).map_err(Unread::Io)?;
    match bytes.len() as u64 > max {
        true => Err(Unread::Io(io::Error::other("it is larger than it may be"))),
        false => Ok(bytes),
    }
}

/// Without `.` and `..`, by the letters alone.
fn flat(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(out.pop()),
            part => out.push(part),
        }
    }
    out
}

impl Closure {
    /// The file that a path leads to over the links that were trusted, never
    /// over those that lie there now, with its hash.
    fn file(&self, path: &Path) -> Option<(String, &str)> {
        let mut left: VecDeque<PathBuf> = path.components().map(|c| PathBuf::from(c.as_os_str())).collect();
        let mut at = PathBuf::new();
        let mut links = 0;
        while let Some(part) = left.pop_front() {
            at = flat(&at.join(part));
            let Some(Entry::Link { to }) = self.entries.get(at.to_str()?) else { continue };
            links += 1;
            if links > MAX_LINKS {
                return None;
            }
            at.pop();
            for part in Path::new(to).components().rev() {
                left.push_front(PathBuf::from(part.as_os_str()));
            }
        }
        let name = at.to_str()?.to_owned();
        match self.entries.get(&name) {
            Some(Entry::File { hash, .. }) => Some((name, hash)),
            _ => None,
        }
    }
}
