//! Replicas that Litestream keeps of a SQLite database: snapshots and the log
//! behind them, as `ltx/` since 0.5 and as `generations/` before. `ltx` and
//! `wal` know names and bytes, `chain` judges, here is what is fetched.
//!
//! What a look does not see: bytes that changed inside pages, and harm to log
//! older than the newest files. Once Litestream has removed the log of single
//! transactions, an instant inside a compacted file restores as what was before
//! that file. Asked for an instant behind a hole, Litestream gives the state
//! before the hole and says nothing.

mod chain;
mod ltx;
#[cfg(test)]
mod tests;
mod wal;

use std::collections::BTreeMap;

use bytes::Bytes;
use lifeboat_core::model::{Code, CopyDef, CopyReport, Dur, KeyDef, PointState, Problem, Time};

use super::{Cx, Parser, root, thaw};
use crate::net::store::{ListOptions, Repo, show};
use chain::{Line, Piece};

pub(super) const KEYS: &[KeyDef] = &[];

/// See `crate::parsers`.
pub(super) const PARSERS: &[Parser] = &[
    ("litestream_ltx", |b| {
        let _ = ltx::look(b, b, &Piece::bare(b.len() as u64));
    }),
    ("litestream_ltx_name", |b| {
        let _ = ltx::parse_name(b);
    }),
    ("litestream_wal", |b| {
        let _ = wal::look(b, b);
    }),
    ("litestream_wal_name", |b| {
        let _ = wal::parse_name(b);
    }),
];

/// Snapshots, and pieces of log, that are opened at each look: the newest.
const OPEN: usize = 4;
/// Names kept in memory; Litestream itself keeps far fewer.
const MAX_PIECES: usize = 500_000;
/// What is read of either end of an object.
const END: u64 = 64 << 10;
/// Stored so long after it was written, it was copied.
const COPIED: Dur = Dur::secs(3_600);

/// What the ends of an object say.
#[derive(Debug, PartialEq)]
enum Ends {
    /// When its last transaction was, where that is inside.
    Good(Option<Time>),
    Bad(PointState, String),
}

/// What one key stands for.
#[derive(Debug, PartialEq, Eq)]
struct Name {
    /// A generation of 0.3; empty since 0.5.
    line: String,
    is_snapshot: bool,
    min: u64,
    max: u64,
}

pub(super) async fn read(copy: &CopyDef, repo: &Repo, cx: &Cx) -> Result<CopyReport, Problem> {
    let root = root(copy);
    let mut lines = list(&root, repo, cx).await?;
    if lines.is_empty() {
        let why = format!("neither ltx/ nor generations/ of a database lies below {root:?}");
        return Err(Problem::new(Code::COPY_NOT_THERE, repo.id()).because(why));
    }
    let mut report = CopyReport::default();
    for line in lines.values_mut() {
        open_newest(line, repo, cx).await?;
        line.judge(&mut report, cx);
    }
    Ok(report)
}

/// By generation.
async fn list(root: &str, repo: &Repo, cx: &Cx) -> Result<BTreeMap<String, Line>, Problem> {
    let mut lines: BTreeMap<String, Line> = BTreeMap::new();
    let (mut short, mut kept) = (0, 0);
    for (folder, parse, least) in [
        ("ltx/", ltx::parse_name as fn(&[u8]) -> Option<Name>, ltx::LEAST),
        ("generations/", wal::parse_name, wal::LEAST),
    ] {
        let prefix = format!("{root}{folder}");
        let mut listing = repo.list(prefix.as_bytes(), ListOptions::flat());
        loop {
            let page = match listing.page(&cx.work).await {
                Ok(Some(page)) => page,
                Ok(None) => break,
                // of the two layouts one is there
                Err(problem) if problem.code == Code::STORE_MISSING => break,
                Err(problem) => return Err(problem),
            };
            if kept > MAX_PIECES {
                let why = format!("more than {MAX_PIECES} files of log");
                return Err(Problem::new(Code::STORE_CEILING, repo.id()).because(why));
            }
            for entry in page.entries() {
                let name = entry.key.strip_prefix(prefix.as_bytes()).and_then(parse);
                let Some(Name { line, is_snapshot, min, max }) = name else { continue };
                kept += 1;
                let line = lines.entry(line.clone()).or_insert_with(|| Line::new(line));
                let (size, at) = (entry.size, entry.modified());
                let too_short = size < least;
                let piece = Piece { key: entry.key.to_vec(), min, max, size, stored: at, at, trouble: None };
                match is_snapshot {
                    true if too_short => line.bases.push(Piece {
                        trouble: Some((
                            PointState::Incomplete,
                            "it is cut off: too short for a snapshot".to_owned(),
                        )),
                        ..piece
                    }),
                    true if !entry.is_online() => line.bases.push(Piece {
                        trouble: Some((PointState::Archived, thaw::reason(entry.class))),
                        ..piece
                    }),
                    true => line.bases.push(piece),
                    // the note on what is archived says that it counts as missing
                    false if !entry.is_online() => {}
                    false if too_short => short += 1,
                    false => line.log.push(piece),
                }
            }
        }
    }
    if short > 0 {
        let why = format!("{short} files of log are too short to hold any: counted as missing");
        cx.work.note(Problem::new(Code::COPY_FORMAT, repo.id()).because(why));
    }
    for line in lines.values_mut() {
        line.settle();
    }
    Ok(lines)
}

/// Looks at both ends of the newest snapshots and of the newest log.
async fn open_newest(line: &mut Line, repo: &Repo, cx: &Cx) -> Result<(), Problem> {
    let is_ltx = line.id.is_empty();
    for base in line.bases.iter_mut().rev().filter(|b| b.trouble.is_none()).take(OPEN) {
        look(base, is_ltx, repo, cx).await;
    }
    let newest = line.log.len().saturating_sub(OPEN);
    for piece in line.log.iter_mut().skip(newest) {
        look(piece, is_ltx, repo, cx).await;
        if let Some((state, why)) = &piece.trouble
            && *state != PointState::Unverified
        {
            let why = format!("{}: {why}: counted as missing", show(&piece.key));
            cx.work.note(Problem::new(Code::COPY_FORMAT, repo.id()).because(why));
        }
    }
    line.log.retain(|piece| piece.trouble.is_none());
    Ok(())
}

async fn look(piece: &mut Piece, is_ltx: bool, repo: &Repo, cx: &Cx) {
    let (head, tail) = match ends(piece, repo, cx).await {
        Ok(ends) => ends,
        Err(problem) => {
            piece.trouble = Some((PointState::Unverified, format!("it could not be read: {}", problem.what)));
            return cx.work.note(problem);
        }
    };
    let told = match is_ltx {
        true => ltx::look(&head, &tail, piece),
        false => wal::look(&head, &tail),
    };
    match told {
        Ends::Bad(state, why) => piece.trouble = Some((state, why)),
        Ends::Good(None) => {}
        Ends::Good(Some(at)) if cx.is_future(at) => {
            piece.trouble = Some((PointState::Suspect, "it is dated in the future".to_owned()));
        }
        Ends::Good(Some(at)) => {
            if piece.stored.is_some_and(|stored| stored > at + COPIED) {
                let why = "it was stored long after it was written, as by a copy: where only the time of storing \
                           is known, windows may end too late";
                cx.work.note(Problem::new(Code::COPY_FORMAT, repo.id()).because(why));
            }
            piece.at = Some(at);
        }
    }
}

async fn ends(piece: &Piece, repo: &Repo, cx: &Cx) -> Result<(Bytes, Bytes), Problem> {
    let size = piece.size;
    if size <= END {
        let all = repo.get(&piece.key, None, END, &cx.work).await?.bytes;
        return Ok((all.clone(), all));
    }
    let head = repo.get(&piece.key, Some(0..ltx::HEADER), END, &cx.work).await?.bytes;
    let tail = repo.get(&piece.key, Some(size - END..size), END, &cx.work).await?.bytes;
    Ok((head, tail))
}
