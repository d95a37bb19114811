//! What was allowed, when, kept in the user's state: never in the estate,
//! which must not be able to trust itself.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fmt, fs, io,
    io::Write,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use lifeboat_core::model::{Code, Problem, Time, clean_line};
use serde::{Deserialize, Serialize};

use super::{Closure, Entry, TrustedEstate, closure, closure::unreadable, program::outside};
use crate::config::Loaded;

/// `STATE/trust/<blake3 of the canonical path>.json`
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    schema: u32,
    path: PathBuf,
    hash: String,
    at: Time,
    entries: BTreeMap<String, Entry>,
    programs: BTreeMap<String, Option<PathBuf>>,
}

/// Whether an estate may act.
#[derive(Debug)]
pub enum Trust {
    Trusted(TrustedEstate),
    /// Nobody has allowed it on this machine.
    Missing,
    /// It was allowed, and is not the same any more.
    Changed(Changes),
}

impl Trust {
    /// The estate, or why it may not act.
    pub fn granted(self, dir: &Path) -> Result<TrustedEstate, Problem> {
        match self {
            Trust::Trusted(estate) => Ok(estate),
            Trust::Missing => Err(Problem::new(Code::TRUST_MISSING, dir.display())),
            Trust::Changed(changes) => Err(Problem::new(Code::TRUST_CHANGED, dir.display()).because(changes)),
        }
    }
}

/// Paths relative to the estate, and programs outside that a name now means.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Changes {
    pub added: Vec<String>,
    pub removed: Vec<String>,
    pub changed: Vec<String>,
    pub programs: Vec<String>,
}

impl Changes {
    /// What became of the files.
    pub(super) fn between(old: &BTreeMap<String, Entry>, new: &BTreeMap<String, Entry>) -> Self {
        let missing_from = |a: &BTreeMap<String, Entry>, b: &BTreeMap<String, Entry>| {
            a.keys().filter(|path| !b.contains_key(*path)).cloned().collect()
        };
        let differs = |(path, entry): (&String, &Entry)| {
            (old.get(path).is_some_and(|before| before != entry)).then(|| path.clone())
        };
        Self {
            added: missing_from(new, old),
            removed: missing_from(old, new),
            changed: new.iter().filter_map(differs).collect(),
            programs: Vec::new(),
        }
    }
}

/// `changed: a, b; added: c`, at most a handful of each, cleaned.
impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = [
            ("changed", &self.changed),
            ("added", &self.added),
            ("removed", &self.removed),
            ("programs", &self.programs),
        ];
        let shown = kinds.iter().filter(|(_, names)| !names.is_empty()).map(|(word, names)| {
            let first: Vec<_> = names.iter().take(5).map(|name| clean_line(name)).collect();
            let more = names.len() - first.len();
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            format!("{word}: {}{more}", first.join(", "))
        });
        f.write_str(&shown.collect::<Vec<_>>().join("; "))
    }
}

/// Compares the estate with what was allowed. A record that is damaged or
/// about another folder is none.
///
/// # Errors
/// Those of `closure`; LB-TRUST-002 when a file changed since it was loaded.
pub fn check(state_dir: &Path, loaded: &Loaded) -> Result<Trust, Problem> {
    check_with(state_dir, loaded, std::env::var_os("PATH").as_deref())
}

pub(super) fn check_with(
    state_dir: &Path,
    loaded: &Loaded,
    search: Option<&OsStr>,
) -> Result<Trust, Problem> {
    let now = closure(&loaded.dir)?;
    as_read(loaded, &now)?;
    let Some(record) = read(state_dir, &loaded.dir)? else { return Ok(Trust::Missing) };
    let programs = outside(&loaded.programs, search);
    if record.hash == now.hash && record.programs == programs {
        return Ok(Trust::Trusted(TrustedEstate::new(loaded, now, programs)));
    }
    Ok(Trust::Changed(changes(&record, &now, &programs)))
}

/// Keeps that a person allowed what lies there now, and gives its hash.
/// `expected` is the hash that the person has seen, for scripts.
///
/// # Errors
/// Those of `closure`; LB-TRUST-002 when it is not the expected one or changed
/// since it was loaded; LB-TRUST-005 when it cannot be kept.
pub fn allow(
    state_dir: &Path,
    loaded: &Loaded,
    expected: Option<&str>,
    now: Time,
) -> Result<Closure, Problem> {
    allow_with(state_dir, loaded, expected, now, std::env::var_os("PATH").as_deref())
}

pub(super) fn allow_with(
    state_dir: &Path,
    loaded: &Loaded,
    expected: Option<&str>,
    at: Time,
    search: Option<&OsStr>,
) -> Result<Closure, Problem> {
    let closure = closure(&loaded.dir)?;
    as_read(loaded, &closure)?;
    if let Some(expected) = expected.filter(|hash| !hash.eq_ignore_ascii_case(&closure.hash)) {
        let why = format!("its hash is {}, not {expected}", closure.hash);
        return Err(Problem::new(Code::TRUST_CHANGED, loaded.dir.display()).because(why));
    }
    let record = Record {
        schema: 1,
        path: loaded.dir.clone(),
        hash: closure.hash.clone(),
        at,
        entries: closure.entries.clone(),
        programs: outside(&loaded.programs, search),
    };
    let file = file_of(state_dir, &loaded.dir);
    write(&file, &record).map_err(|e| Problem::new(Code::TRUST_WRITE, file.display()).because(e))?;
    Ok(closure)
}

/// That the bytes that were parsed are the bytes in the closure: the files
/// may have changed between the two readings.
pub(super) fn as_read(loaded: &Loaded, closure: &Closure) -> Result<(), Problem> {
    for read in &loaded.files {
        let same = match closure.entries.get(&*read.path.to_string_lossy()) {
            Some(Entry::File { hash, .. }) => *hash == read.hash,
            // A link within the estate: the file it leads to is an entry too.
            Some(Entry::Link { .. }) => {
                closure.entries.values().any(|e| matches!(e, Entry::File { hash, .. } if *hash == read.hash))
            }
            None => false,
        };
        if !same {
            let why = format!("{} changed while it was read", read.path.display());
            return Err(Problem::new(Code::TRUST_CHANGED, loaded.dir.display()).because(why));
        }
    }
    Ok(())
}

fn changes(record: &Record, now: &Closure, programs: &BTreeMap<String, Option<PathBuf>>) -> Changes {
    let shown = |path: Option<&Option<PathBuf>>| match path {
        Some(Some(path)) => path.display().to_string(),
        _ => "nothing".to_owned(),
    };
    let moved = programs.iter().filter(|(name, path)| record.programs.get(*name) != Some(path));
    Changes {
        programs: moved
            .map(|(name, path)| {
                format!("{name} was {}, is {}", shown(record.programs.get(name)), shown(Some(path)))
            })
            .collect(),
        ..Changes::between(&record.entries, &now.entries)
    }
}

fn file_of(state_dir: &Path, dir: &Path) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    let name = blake3::hash(dir.as_os_str().as_bytes()).to_hex();
    state_dir.join("trust").join(format!("{name}.json"))
}

fn read(state_dir: &Path, dir: &Path) -> Result<Option<Record>, Problem> {
    let file = file_of(state_dir, dir);
    let bytes = match fs::read(&file) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(unreadable(&file, &e)),
    };
    let record: Option<Record> = serde_json::from_slice(&bytes).ok();
    Ok(record.filter(|record| record.schema == 1 && record.path == dir))
}

/// Whole or not at all, and only for the user's eyes.
fn write(file: &Path, record: &Record) -> io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mut new = tempfile::NamedTempFile::new_in(folder)?;
    serde_json::to_writer_pretty(&mut new, record)?;
    new.write_all(b"\n")?;
    new.as_file().sync_all()?;
    new.persist(file)?;
    fs::File::open(folder)?.sync_all()
}
