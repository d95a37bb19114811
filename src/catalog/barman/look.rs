//! What is fetched: names of backups, their `backup.info`, names of WAL.

use std::collections::{BTreeMap, BTreeSet};

use lifeboat_core::model::{Code, CopyDef, Problem, Time};

use super::info::{Info, parse};
use crate::{
    catalog::{
        Cx,
        list::folders,
        option, root,
        wal::{Archive, SegmentName, SegmentSize, hex8, history},
    },
    net::store::{ListOptions, Repo, show},
};

const MAX_INFO: u64 = 4 << 20;
/// So many of the newest backups are looked into.
const MAX_BACKUPS: usize = 1_000;
/// Folders in which a server is looked for where none is named.
const MAX_SERVERS: usize = 20;

/// Where one server's backups lie: empty, or ending in `/`.
pub(super) struct Place(String);

/// All that was seen of a server.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub ids: BTreeSet<String>,
    /// Newest first.
    pub backups: Vec<Backup>,
    pub size: SegmentSize,
    pub archive: Archive,
    pub notes: Vec<Problem>,
}

/// One backup: its folder and what `backup.info` says.
#[derive(Debug, Default)]
pub(super) struct Backup {
    pub id: String,
    /// `None` where there is no `backup.info`.
    pub info: Option<Result<Info, String>>,
    /// Files of its folder with their sizes; the server's lie deeper.
    pub files: BTreeMap<String, u64>,
    pub folders: BTreeSet<String>,
    pub oldest: Option<Time>,
    pub newest: Option<Time>,
    /// Kept without the log behind it, beyond what retention says.
    pub is_standalone: bool,
}

impl Place {
    pub async fn find(copy: &CopyDef, repo: &Repo, cx: &Cx) -> Result<Self, Problem> {
        let root = root(copy);
        if let Some(server) = option(copy, "server") {
            let prefix = format!("{root}{server}/");
            return match is_server(&folders(repo, &prefix, cx).await?) {
                true => Ok(Self(prefix)),
                false => Err(not_there(repo, &prefix, &folders(repo, &root, cx).await?)),
            };
        }
        let here = folders(repo, &root, cx).await?;
        if is_server(&here) {
            return Ok(Self(root));
        }
        let mut servers = Vec::new();
        for name in here.iter().filter(|name| !name.starts_with('.')).take(MAX_SERVERS) {
            if is_server(&folders(repo, &format!("{root}{name}/"), cx).await?) {
                servers.push(name);
            }
        }
        match servers[..] {
            [only] => Ok(Self(format!("{root}{only}/"))),
            [] => Err(not_there(repo, &root, &[])),
            [one, other, ..] => {
                let (one, other) = (show(one.as_bytes()), show(other.as_bytes()));
                Err(Problem::new(Code::COPY_FORMAT, repo.id())
                    .because(format!("several servers lie here, {one} and {other} among them"))
                    .next("name one with `server`"))
            }
        }
    }

    /// Ids of all backups, by folder or by metadata.
    pub async fn ids(&self, repo: &Repo, cx: &Cx) -> Result<BTreeSet<String>, Problem> {
        let mut ids: BTreeSet<_> = self.described(repo, cx).await?.0;
        ids.extend(folders(repo, &format!("{}base/", self.0), cx).await?.into_iter().filter(|id| is_id(id)));
        Ok(ids)
    }

    /// Ids that `meta/` describes, and those that it says are kept.
    async fn described(&self, repo: &Repo, cx: &Cx) -> Result<(BTreeSet<String>, BTreeSet<String>), Problem> {
        let prefix = format!("{}meta/", self.0);
        let (mut described, mut kept) = (BTreeSet::new(), BTreeSet::new());
        let mut listing = repo.list(prefix.clone(), ListOptions::delimited());
        while let Some(page) = listing.page(&cx.work).await? {
            for entry in page.entries() {
                let name = entry.key.strip_prefix(prefix.as_bytes());
                let Some(name) = name.and_then(|name| std::str::from_utf8(name).ok()) else { continue };
                if let Some(id) = name.strip_suffix("-backup.info").filter(|id| is_id(id)) {
                    described.insert(id.to_owned());
                } else if let Some(id) = name.strip_suffix("-keep") {
                    kept.insert(id.to_owned());
                }
            }
        }
        Ok((described, kept))
    }

    pub async fn look(&self, repo: &Repo, cx: &Cx) -> Result<Seen, Problem> {
        let mut seen = Seen::default();
        let (described, kept) = self.described(repo, cx).await?;
        let in_base = folders(repo, &format!("{}base/", self.0), cx).await?;
        seen.ids = described.iter().cloned().chain(in_base.into_iter().filter(|id| is_id(id))).collect();
        if seen.ids.len() > MAX_BACKUPS {
            let note = format!("only the newest {MAX_BACKUPS} of {} backups are shown", seen.ids.len());
            seen.notes.push(Problem::new(Code::STORE_CEILING, repo.id()).because(note));
        }
        // ids begin with their date: the last are the newest
        let newest: Vec<_> = seen.ids.iter().rev().take(MAX_BACKUPS).cloned().collect();
        for id in newest {
            let meta = described.contains(&id).then(|| format!("{}meta/{id}-backup.info", self.0));
            let keep = kept.contains(&id).then(|| format!("{}meta/{id}-keep", self.0));
            seen.backups.push(self.look_into(id, meta, keep, repo, cx).await?);
        }
        let mut told = seen.backups.iter().filter_map(|b| b.info.as_ref()?.as_ref().ok()?.segment);
        seen.size = told.next().unwrap_or_default();
        self.look_at_wal(&mut seen, repo, cx).await?;
        Ok(seen)
    }

    async fn look_into(
        &self,
        id: String,
        meta: Option<String>,
        keep: Option<String>,
        repo: &Repo,
        cx: &Cx,
    ) -> Result<Backup, Problem> {
        let prefix = format!("{}base/{id}/", self.0);
        let mut backup = Backup { id, ..Backup::default() };
        let mut listing = repo.list(prefix.clone(), ListOptions::delimited());
        while let Some(page) = listing.page(&cx.work).await? {
            let name = |key: &[u8]| key.strip_prefix(prefix.as_bytes()).map(show);
            for entry in page.entries() {
                let at = entry.modified();
                backup.newest = backup.newest.max(at);
                backup.oldest = backup.oldest.into_iter().chain(at).min();
                backup.files.extend(name(entry.key).map(|name| (name, entry.size)));
            }
            let inner = page.prefixes().filter_map(|p| name(p.strip_suffix(b"/")?));
            backup.folders.extend(inner);
        }
        let own = || backup.files.contains_key("backup.info").then(|| format!("{prefix}backup.info"));
        if let Some(key) = meta.or_else(own) {
            backup.info = match repo.get_if_there(key.as_bytes(), MAX_INFO, &cx.work).await {
                Ok(found) => found.map(|object| parse(&object.bytes)),
                // a store that fails says so for all; what is denied is of this one alone
                Err(problem) if problem.retryable => return Err(problem),
                Err(problem) => Some(Err(format!("cannot be read: {problem}"))),
            };
        }
        let own = || backup.folders.contains("annotations").then(|| format!("{prefix}annotations/keep"));
        if let Some(key) = keep.or_else(own) {
            match repo.get_if_there(key.as_bytes(), 1 << 10, &cx.work).await {
                Ok(told) => {
                    backup.is_standalone = told.is_some_and(|o| o.bytes.trim_ascii() == b"standalone")
                }
                Err(problem) if problem.retryable => return Err(problem),
                Err(problem) => cx.work.note(problem),
            }
        }
        Ok(backup)
    }

    async fn look_at_wal(&self, seen: &mut Seen, repo: &Repo, cx: &Cx) -> Result<(), Problem> {
        let prefix = format!("{}wals/", self.0);
        let mut histories = BTreeMap::new();
        let mut listing = repo.list(prefix.clone(), ListOptions::flat());
        while let Some(page) = listing.page(&cx.work).await? {
            for entry in page.entries() {
                let name = entry.key.rsplit(|b| *b == b'/').next().unwrap_or_default();
                match classify(name, seen.size) {
                    // an empty file is no segment
                    Some(Kept::Segment(line, number)) if entry.size > 0 => {
                        seen.archive.timeline(line).add(number, entry.modified_ms());
                    }
                    Some(Kept::Partial(line, number)) => seen.archive.timeline(line).partials.push(number),
                    Some(Kept::History(line)) => {
                        histories.insert(line, entry.key.to_vec());
                    }
                    _ => {}
                }
            }
        }
        seen.archive.settle();
        let histories = history::Files { there: &histories, folder: &prefix, key: None };
        let notes = history::follow(&mut seen.archive, &histories, seen.size, repo, cx).await?;
        seen.notes.extend(notes);
        Ok(())
    }
}

/// What a name below `wals/` stands for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kept {
    Segment(u32, u64),
    Partial(u32, u64),
    History(u32),
}

/// `<24 hex>`, which may be compressed all the same, `<24 hex>.gz`,
/// `<24 hex>.partial`, `<8 hex>.history`; labels of backups and Barman's own
/// list are passed over.
pub(super) fn classify(name: &[u8], size: SegmentSize) -> Option<Kept> {
    if let (Some(line), b".history") = (name.get(..8), name.get(8..16)?) {
        return hex8(line).map(Kept::History);
    }
    let segment = SegmentName::parse(name.get(..24)?)?;
    let number = size.number(segment)?;
    match name.get(24..)? {
        b"" => Some(Kept::Segment(segment.timeline, number)),
        rest if rest.starts_with(b".partial") => Some(Kept::Partial(segment.timeline, number)),
        b".gz" | b".bz2" | b".xz" | b".snappy" | b".zst" | b".zstd" | b".lz4" | b".gpg" => {
            Some(Kept::Segment(segment.timeline, number))
        }
        _ => None,
    }
}

fn is_server(folders: &[String]) -> bool {
    folders.iter().any(|name| matches!(name.as_str(), "base" | "wals" | "meta"))
}

/// `YYYYMMDDTHHMMSS`, on the clock of Barman's host.
pub(super) fn is_id(text: &str) -> bool {
    let digit = |(n, b): (usize, u8)| if n == 8 { b == b'T' } else { b.is_ascii_digit() };
    text.len() == 15 && text.bytes().enumerate().all(digit)
}

fn not_there(repo: &Repo, prefix: &str, others: &[String]) -> Problem {
    let others: Vec<_> = others.iter().take(5).map(|o| show(o.as_bytes())).collect();
    let problem = Problem::new(Code::COPY_NOT_THERE, repo.id())
        .because(format!("there is neither base/ nor wals/ below {:?}", show(prefix.as_bytes())));
    match others.is_empty() {
        true => problem,
        false => problem.next(format!("check `server`: here lie {}", others.join(", "))),
    }
}
