//! What is fetched: names of pieces, and the two files that describe a backup.

use std::collections::BTreeMap;

use lifeboat_core::model::{Code, Problem, Time};

use super::stream::{Checkpoints, Info, MAX_TEXT, file, parse_checkpoints, parse_info};
use crate::{
    catalog::{Cx, list::folders},
    net::store::{ListOptions, Repo, show},
};

/// So many folders are looked into.
const MAX_BACKUPS: usize = 500;
/// Of a thousand pieces each: two hundred gigabytes.
const MAX_PAGES: usize = 20;
/// Pieces of a file that describes.
const MAX_PIECES: usize = 8;

/// One backup.
#[derive(Debug, Default)]
pub(super) struct Backup {
    pub name: String,
    /// `None` where it was not written; it is at the end.
    pub checkpoints: Option<Result<Checkpoints, String>>,
    pub info: Option<Result<Info, String>>,
    /// When the checkpoints were stored.
    pub described: Option<Time>,
    pub oldest: Option<Time>,
    pub newest: Option<Time>,
    /// Bytes stored; `None` where there was more than is listed.
    pub stored: Option<u64>,
    /// A piece that is not there though one behind it is.
    pub missing: Option<String>,
}

pub(super) async fn look(root: &str, repo: &Repo, cx: &Cx) -> Result<Vec<Backup>, Problem> {
    let names = folders(repo, root, cx).await?;
    if names.len() > MAX_BACKUPS {
        let note = format!("only the last {MAX_BACKUPS} by name of {} folders are looked into", names.len());
        cx.work.note(Problem::new(Code::STORE_CEILING, repo.id()).because(note));
    }
    let mut backups = Vec::new();
    for name in names.into_iter().rev().take(MAX_BACKUPS) {
        let prefix = format!("{root}{name}/");
        let mut pieces = Pieces::default();
        pieces.list(&prefix, MAX_PAGES, repo, cx).await?;
        if pieces.count == 0 {
            continue;
        }
        if pieces.is_cut {
            // what describes a backup may lie behind what was listed
            for first in ["xtrabackup_", "mariadb_backup_"] {
                pieces.of(&prefix, first, repo, cx).await?;
            }
        }
        backups.push(pieces.describe(name, &prefix, repo, cx).await?);
    }
    Ok(backups)
}

/// What the names below one backup tell.
#[derive(Debug, Default)]
struct Pieces {
    count: u64,
    stored: u64,
    is_cut: bool,
    oldest: Option<Time>,
    newest: Option<Time>,
    missing: Option<String>,
    /// Of the files that describe it: numbers, with when each was stored.
    texts: BTreeMap<String, BTreeMap<u64, Option<Time>>>,
    last: Option<(Vec<u8>, u64)>,
}

impl Pieces {
    async fn list(&mut self, prefix: &str, pages: usize, repo: &Repo, cx: &Cx) -> Result<(), Problem> {
        let mut listing = repo.list(prefix, ListOptions::flat());
        for _ in 0..pages {
            let Some(page) = listing.page(&cx.work).await? else { return Ok(()) };
            for entry in page.entries() {
                let Some(below) = entry.key.strip_prefix(prefix.as_bytes()) else { continue };
                self.add(below, entry.size, entry.modified());
            }
        }
        self.is_cut = listing.page(&cx.work).await?.is_some();
        Ok(())
    }

    async fn of(&mut self, prefix: &str, first: &str, repo: &Repo, cx: &Cx) -> Result<(), Problem> {
        let mut listing = repo.list(format!("{prefix}{first}"), ListOptions::flat());
        let Some(page) = listing.page(&cx.work).await? else { return Ok(()) };
        for entry in page.entries() {
            let below = entry.key.strip_prefix(prefix.as_bytes()).and_then(piece);
            if let Some((path, number)) = below {
                self.keep_text(path, number, entry.modified());
            }
        }
        Ok(())
    }

    /// In byte order, so that the pieces of a file follow each other.
    fn add(&mut self, name: &[u8], size: u64, at: Option<Time>) {
        let Some((path, number)) = piece(name) else { return };
        let expected = match &self.last {
            Some((last, n)) if last == path => n.saturating_add(1),
            _ => 0,
        };
        if self.missing.is_none() && (number != expected || size == 0) {
            let lacking = if size == 0 { number } else { expected };
            self.missing = Some(format!("{}.{lacking:020}", show(path)));
        }
        self.count += 1;
        self.stored = self.stored.saturating_add(size);
        self.newest = self.newest.max(at);
        self.oldest = self.oldest.into_iter().chain(at).min();
        self.keep_text(path, number, at);
        match &mut self.last {
            Some((last, n)) if last == path => *n = number,
            last => *last = Some((path.to_vec(), number)),
        }
    }

    fn keep_text(&mut self, path: &[u8], number: u64, at: Option<Time>) {
        let Ok(path) = std::str::from_utf8(path) else { return };
        if stems().any(|(_, stem)| path.starts_with(stem)) {
            self.texts.entry(path.to_owned()).or_default().insert(number, at);
        }
    }

    async fn describe(self, name: String, prefix: &str, repo: &Repo, cx: &Cx) -> Result<Backup, Problem> {
        let mut backup = Backup {
            name: show(name.as_bytes()),
            oldest: self.oldest,
            newest: self.newest,
            stored: (!self.is_cut).then_some(self.stored),
            missing: self.missing.clone(),
            ..Backup::default()
        };
        if let Some((stem, text)) = self.text(Text::Checkpoints, prefix, repo, cx).await? {
            let parsed = text.and_then(|t| parse_checkpoints(&t).ok_or("cannot be understood".to_owned()));
            backup.checkpoints = Some(parsed.map_err(|why| format!("its {stem} {why}")));
            let times = self.texts.iter().filter(|(path, _)| path.starts_with(&stem));
            backup.described = times.flat_map(|(_, pieces)| pieces.values().copied()).max().flatten();
        }
        if let Some((stem, text)) = self.text(Text::Info, prefix, repo, cx).await? {
            let parsed = text.and_then(|t| parse_info(&t).ok_or("cannot be understood".to_owned()));
            backup.info = Some(parsed.map_err(|why| format!("its {stem} {why}")));
        }
        Ok(backup)
    }

    /// One of the two files, by either tool's name, with what may follow it for
    /// compression or encryption.
    async fn text(
        &self,
        which: Text,
        prefix: &str,
        repo: &Repo,
        cx: &Cx,
    ) -> Result<Option<(String, Result<Vec<u8>, String>)>, Problem> {
        for (_, stem) in stems().filter(|(of, _)| *of == which) {
            let mut named = self.texts.iter().filter(|(path, _)| {
                path.strip_prefix(stem).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            });
            let Some((path, pieces)) = named.next() else { continue };
            if path.contains(".xbcrypt") || path.ends_with(".qp") {
                return Ok(Some((stem.to_owned(), Err("is encrypted, or packed with qpress".to_owned()))));
            }
            let mut bytes = Vec::new();
            for number in pieces.keys().take(MAX_PIECES) {
                let key = format!("{prefix}{path}.{number:020}");
                match repo.get(key.as_bytes(), None, MAX_TEXT, &cx.work).await {
                    Ok(object) => bytes.extend_from_slice(&object.bytes),
                    Err(problem) if problem.retryable => return Err(problem),
                    Err(problem) => {
                        return Ok(Some((stem.to_owned(), Err(format!("cannot be read: {problem}")))));
                    }
                }
            }
            return Ok(Some((stem.to_owned(), file(&bytes).map_err(str::to_owned))));
        }
        Ok(None)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Text {
    Checkpoints,
    Info,
}

/// XtraBackup's names, and MariaDB's since 11.1.
fn stems() -> impl Iterator<Item = (Text, &'static str)> {
    let checkpoints = ["xtrabackup_checkpoints", "mariadb_backup_checkpoints"];
    let info = ["xtrabackup_info", "mariadb_backup_info"];
    checkpoints.map(|stem| (Text::Checkpoints, stem)).into_iter().chain(info.map(|stem| (Text::Info, stem)))
}

/// `<path>.<20 digits>`
pub(super) fn piece(name: &[u8]) -> Option<(&[u8], u64)> {
    let (path, digits) = name.split_at_checked(name.len().checked_sub(20)?)?;
    let path = path.strip_suffix(b".").filter(|path| !path.is_empty())?;
    let plain = digits.iter().all(u8::is_ascii_digit);
    let number = std::str::from_utf8(digits).ok()?.parse().ok()?;
    plain.then_some((path, number))
}
