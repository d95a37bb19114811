//! Opening, whatever lies there: new, whole, damaged, not to be written.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use lifeboat_core::model::*;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::{Bounds, History, schema, trouble};
use crate::keep::lock;

/// How long a process waits for another one's transaction, which takes
/// milliseconds.
const BUSY: Duration = Duration::from_secs(5);
/// A file up to this size is looked through when it is opened.
const LOOKED_THROUGH: u64 = 8 << 20;

impl History {
    /// Opens it, makes it where there is none, sets it aside where it is
    /// damaged, and only reads it where it cannot be written. What had to be
    /// done about it is told; `Err` where there is nothing to be read either.
    pub fn open(path: &Path, bounds: Bounds, now: Time) -> (Result<Self, Problem>, Vec<Problem>) {
        let mut told = Vec::new();
        let opened = Self::writing(path, bounds).or_else(|problem| {
            if problem.code != Code::HISTORY_DAMAGED {
                return Err(problem);
            }
            let aside = set_aside(path, now)?;
            told.extend(aside.map(|to| damaged(path, &to, &problem)));
            Self::writing(path, bounds)
        });
        let opened = opened.or_else(|problem| {
            told.push(problem.clone());
            Self::reading(path, bounds, problem)
        });
        (opened, told)
    }

    fn writing(path: &Path, bounds: Bounds) -> Result<Self, Problem> {
        let failed = |e: rusqlite::Error| trouble(path, &e);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)
                .map_err(|e| Problem::new(Code::HISTORY_WRITE, path.display()).because(e))?;
        }
        let mut db = Connection::open_with_flags(
            path,
            OpenFlags::SQLITE_OPEN_READ_WRITE
                | OpenFlags::SQLITE_OPEN_CREATE
                | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )
        .map_err(failed)?;
        db.busy_timeout(BUSY).map_err(failed)?;
        // Before the first table, else it has no effect: what is thinned out is given back.
        if schema::version(&db).map_err(failed)? == 0 {
            db.pragma_update(None, "auto_vacuum", "INCREMENTAL").map_err(failed)?;
        }
        patiently(|| db.pragma_update(None, "journal_mode", "WAL")).map_err(failed)?;
        db.pragma_update(None, "synchronous", "NORMAL").map_err(failed)?;
        db.pragma_update(None, "journal_size_limit", 4 << 20).map_err(failed)?;
        db.pragma_update(None, "cache_size", -2_048).map_err(failed)?;
        newer(path, &db)?;
        schema::migrate(&mut db).map_err(failed)?;
        whole(path, &db)?;
        Ok(Self { path: path.to_owned(), db, read_only: None, bounds, thinned: None })
    }

    /// As it lies there, though nothing can be written: not even the files
    /// beside it that a reader of a WAL shares with writers. Then it is read as
    /// of its last checkpoint.
    fn reading(path: &Path, bounds: Bounds, why: Problem) -> Result<Self, Problem> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let asked = |db: Connection| -> rusqlite::Result<Connection> {
            db.busy_timeout(BUSY)?;
            db.query_row("SELECT count(*) FROM series", [], |_| Ok(()))?;
            Ok(db)
        };
        let plain = Connection::open_with_flags(path, flags).and_then(asked);
        let db = plain.or_else(|_| {
            let uri = format!("file:{}?immutable=1", escaped(path));
            Connection::open_with_flags(uri, flags | OpenFlags::SQLITE_OPEN_URI).and_then(asked)
        });
        let db = db.map_err(|_| why.clone())?;
        newer(path, &db)?;
        Ok(Self { path: path.to_owned(), db, read_only: Some(why), bounds, thinned: None })
    }
}

/// SQLite does not wait for who makes the same file a WAL, but says at once that
/// it is busy.
fn patiently<T>(mut ask: impl FnMut() -> rusqlite::Result<T>) -> rusqlite::Result<T> {
    let end = Instant::now() + BUSY;
    loop {
        match ask() {
            Err(e) if e.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && Instant::now() < end => {
                std::thread::sleep(Duration::from_millis(5));
            }
            told => return told,
        }
    }
}

/// A newer program's file is left to it.
fn newer(path: &Path, db: &Connection) -> Result<(), Problem> {
    let version = schema::version(db).map_err(|e| trouble(path, &e))?;
    match version > schema::VERSION {
        true => Err(Problem::new(Code::HISTORY_NEWER, path.display())
            .because(format!("it is of version {version}, and this program knows {}", schema::VERSION))),
        false => Ok(()),
    }
}

fn whole(path: &Path, db: &Connection) -> Result<(), Problem> {
    let size = fs::metadata(path).map_or(0, |m| m.len());
    if size > LOOKED_THROUGH {
        return Ok(());
    }
    let said: String =
        db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(|e| trouble(path, &e))?;
    match said == "ok" {
        true => Ok(()),
        false => Err(Problem::new(Code::HISTORY_DAMAGED, path.display()).because(said)),
    }
}

fn damaged(path: &Path, to: &Path, why: &Problem) -> Problem {
    let name = to.file_name().unwrap_or_default().to_string_lossy();
    Problem::new(Code::HISTORY_DAMAGED, path.display())
        .because(&why.why)
        .next(format!("nothing: it lies beside as {name}, and a new one was begun"))
}

/// Renames a damaged file, with what belongs to it; `None` where another
/// process has just done so.
pub(super) fn set_aside(path: &Path, now: Time) -> Result<Option<PathBuf>, Problem> {
    let failed = |e: std::io::Error| Problem::new(Code::HISTORY_WRITE, path.display()).because(e);
    let beside = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    // One at a time: the second would set aside what the first has just begun.
    let lock = lock::try_take(&beside(".lock")).map_err(failed)?;
    if lock.is_none() || History::writing(path, Bounds::default()).is_ok() {
        return Ok(None);
    }
    let to = beside(&format!(".damaged-{}", now.format("%Y%m%dT%H%M%S%3fZ")));
    for suffix in ["-wal", "-shm"] {
        let mut name = to.as_os_str().to_owned();
        name.push(suffix);
        // What is not there need not be moved.
        let _ = fs::rename(beside(suffix), name);
    }
    fs::rename(path, &to).map_err(failed)?;
    Ok(Some(to))
}

/// As SQLite's addresses want it.
fn escaped(path: &Path) -> String {
    let mut out = String::new();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'_' | b'-' => out.push(*byte as char),
            _ => out += &format!("%{byte:02X}"),
        }
    }
    out
}
