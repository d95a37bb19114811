//! What lies in `basebackups_005/`, whatever the database.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use lifeboat_core::model::{Code, Dur, Point, PointKind, PointState, Problem, Time};

use crate::{
    catalog::{Cx, list::each},
    net::store::{ListOptions, Repo, Version, show},
};

const SENTINEL: &[u8] = b"_backup_stop_sentinel.json";
/// Sentinels of old versions list every file.
const MAX_SENTINEL: u64 = 16 << 20;
const MAX_METADATA: u64 = 1 << 20;
/// So many of the newest backups are looked into, and attempts without a sentinel.
const MAX_BACKUPS: usize = 1_000;
const MAX_ATTEMPTS: usize = 20;
/// A folder that grew this recently is being written.
const RUNNING: Dur = Dur::secs(3_600);
/// Deeper than any chain of deltas that can be restored in time.
const MAX_CHAIN: usize = 1_000;

/// By name.
#[derive(Debug, Default)]
pub(super) struct Backups(pub BTreeMap<String, Backup>);

#[derive(Debug, Default)]
pub(super) struct Backup {
    /// Its text, or why it is not here; `None` for an attempt.
    pub sentinel: Option<Result<Bytes, String>>,
    /// When the sentinel was stored.
    pub stored: Option<Time>,
    pub folder: Folder,
}

/// What lies below `<name>/`.
#[derive(Debug, Default)]
pub(super) struct Folder {
    pub is_there: bool,
    /// Bytes that are not metadata.
    pub data: u64,
    /// PostgreSQL's control file, without which nothing is restored.
    pub has_control: bool,
    /// `files_metadata.json`, without which WAL-G restores no newer backup.
    pub has_files: bool,
    oldest: Option<Time>,
    newest: Option<Time>,
}

impl Backups {
    /// How many there are by now.
    pub async fn count(root: &str, repo: &Repo, cx: &Cx) -> Result<usize, Problem> {
        Ok(Self::names(root, repo, cx).await?.len().min(MAX_BACKUPS))
    }

    async fn names(root: &str, repo: &Repo, cx: &Cx) -> Result<BTreeMap<String, Listed>, Problem> {
        let prefix = format!("{root}basebackups_005/");
        let mut names: BTreeMap<String, Listed> = BTreeMap::new();
        let mut listing = repo.list(prefix.clone(), ListOptions::delimited());
        while let Some(page) = listing.page(&cx.work).await? {
            for entry in page.entries() {
                let name = entry.key.strip_prefix(prefix.as_bytes()).and_then(|n| n.strip_suffix(SENTINEL));
                let Some(name) = name.and_then(|name| std::str::from_utf8(name).ok()) else { continue };
                names.entry(name.to_owned()).or_default().sentinel =
                    Some((entry.version(), entry.modified()));
            }
            for folder in page.prefixes() {
                let name = folder.strip_prefix(prefix.as_bytes()).and_then(|n| n.strip_suffix(b"/"));
                let Some(name) = name.and_then(|name| std::str::from_utf8(name).ok()) else { continue };
                names.entry(name.to_owned()).or_default().has_folder = true;
            }
        }
        Ok(names)
    }

    pub async fn look(root: &str, repo: &Repo, cx: &Cx) -> Result<Self, Problem> {
        let names = Self::names(root, repo, cx).await?;
        if names.is_empty() {
            let place =
                format!("nothing lies below {:?}", show(format!("{root}basebackups_005/").as_bytes()));
            return Err(Problem::new(Code::COPY_NOT_THERE, repo.id()).because(place));
        }
        if names.len() > MAX_BACKUPS {
            let note = format!("only the newest {MAX_BACKUPS} of {} backups are shown", names.len());
            cx.work.note(Problem::new(Code::STORE_CEILING, repo.id()).because(note));
        }
        let mut attempts = 0;
        // names end in a position or a time: the last are the newest
        let newest = names.into_iter().rev().take(MAX_BACKUPS);
        let looks = newest.map(|(name, listed)| {
            attempts += usize::from(listed.sentinel.is_none());
            let looks = listed.has_folder && (listed.sentinel.is_some() || attempts <= MAX_ATTEMPTS);
            look_at(root, name, listed, looks, repo, cx)
        });
        Ok(Self(each(looks).await?.into_iter().collect()))
    }

    /// What a backup cannot be restored without and that is not there, followed
    /// from delta to delta. `delta_from` tells of a sentinel on what it rests.
    pub fn missing_parent(
        &self,
        name: &str,
        delta_from: impl Fn(&str) -> Result<Option<String>, ()>,
        lacks: impl Fn(&str, &Backup) -> Option<&'static str>,
    ) -> Option<String> {
        let mut next = delta_from(name).ok()?;
        let mut passed = BTreeSet::from([name.to_owned()]);
        for _ in 0..MAX_CHAIN {
            let parent = next?;
            let shown = show(parent.as_bytes());
            let Some(backup) = self.0.get(&parent) else {
                return Some(format!("it needs {shown}, which is gone"));
            };
            if !passed.insert(parent.clone()) {
                break;
            }
            if let Some(lack) = lacks(&parent, backup) {
                return Some(format!("it needs {shown}, of which {lack}"));
            }
            match delta_from(&parent) {
                Ok(further) => next = further,
                Err(()) => return Some(format!("it needs {shown}, whose sentinel cannot be understood")),
            }
        }
        Some("its chain of deltas has no beginning".to_owned())
    }
}

#[derive(Debug, Default)]
struct Listed {
    sentinel: Option<(Version, Option<Time>)>,
    has_folder: bool,
}

/// `looks`: whether its folder is looked into.
async fn look_at(
    root: &str,
    name: String,
    listed: Listed,
    looks: bool,
    repo: &Repo,
    cx: &Cx,
) -> Result<(String, Backup), Problem> {
    let mut backup = Backup::default();
    if let Some((version, stored)) = listed.sentinel {
        backup.stored = stored;
        backup.sentinel = Some(sentinel(root, &name, &version, repo, cx).await?);
    }
    if looks {
        backup.folder = look_into(&format!("{root}basebackups_005/{name}/"), repo, cx).await?;
    }
    backup.folder.is_there = listed.has_folder;
    Ok((name, backup))
}

/// Its bytes; the inner error is about this one alone.
async fn sentinel(
    root: &str,
    name: &str,
    version: &Version,
    repo: &Repo,
    cx: &Cx,
) -> Result<Result<Bytes, String>, Problem> {
    if version.size > MAX_SENTINEL {
        return Ok(Err(format!("has {} bytes, more than are read", version.size)));
    }
    let key = [format!("{root}basebackups_005/{name}").as_bytes(), SENTINEL].concat();
    Ok(match repo.get_listed(&key, version, MAX_SENTINEL, &cx.work).await {
        Ok(Some(bytes)) => match cx.work.hold(bytes.len(), repo.id()) {
            Ok(()) => Ok(bytes),
            Err(problem) => Err(format!("cannot be kept: {problem}")),
        },
        Ok(None) => Err("cannot be read: it is gone".to_owned()),
        // a store that fails says so for all of them; what is denied or gone is this one's
        Err(problem) if problem.retryable => return Err(problem),
        Err(problem) => Err(format!("cannot be read: {problem}")),
    })
}

/// `metadata.json` beside the data, where old sentinels lack the times.
pub(super) async fn metadata(root: &str, name: &str, repo: &Repo, cx: &Cx) -> Result<Option<Bytes>, Problem> {
    let key = format!("{root}basebackups_005/{name}/metadata.json");
    match repo.get_if_there(key.as_bytes(), MAX_METADATA, &cx.work).await {
        Ok(object) => Ok(object.map(|object| object.bytes)),
        Err(problem) if problem.retryable => Err(problem),
        Err(problem) => {
            cx.work.note(problem);
            Ok(None)
        }
    }
}

async fn look_into(prefix: &str, repo: &Repo, cx: &Cx) -> Result<Folder, Problem> {
    let mut folder = Folder::default();
    let mut listing = repo.list(prefix, ListOptions::flat());
    let mut is_cut = true;
    // tars hold a gigabyte each by default: ten thousand are enough to know
    for _ in 0..10 {
        let Some(page) = listing.page(&cx.work).await? else {
            is_cut = false;
            break;
        };
        for entry in page.entries() {
            let at = entry.modified();
            folder.newest = folder.newest.max(at);
            folder.oldest = folder.oldest.into_iter().chain(at).min();
            let name = entry.key.rsplit(|b| *b == b'/').next().unwrap_or_default();
            match is_control(name) {
                true => folder.has_control |= entry.size > 0,
                false if name == b"files_metadata.json" => folder.has_files |= entry.size > 0,
                false if name.ends_with(b"metadata.json") => {}
                false => folder.data = folder.data.saturating_add(entry.size),
            }
        }
    }
    if is_cut && !folder.has_control {
        let mut listing = repo.list(format!("{prefix}tar_partitions/pg_control.tar"), ListOptions::flat());
        let page = listing.page(&cx.work).await?;
        folder.has_control = page.is_some_and(|p| p.entries().any(|entry| entry.size > 0));
    }
    Ok(folder)
}

/// `pg_control.tar`, compressed or not, with what a name may begin with.
fn is_control(name: &[u8]) -> bool {
    let whole = b"pg_control.tar";
    name.windows(whole.len())
        .position(|part| part == whole)
        .and_then(|at| name.get(at + whole.len()..))
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(b"."))
}

/// A folder without a sentinel.
pub(super) fn attempt(name: &str, folder: &Folder, cx: &Cx) -> Point {
    let (state, reason) = match folder.newest {
        Some(at) if cx.age(at) < RUNNING => (PointState::Running, "it is being written".to_owned()),
        Some(at) => {
            let since = cx.age(at);
            (PointState::Incomplete, format!("it has no sentinel, and nothing was written for {since}"))
        }
        None => (PointState::Incomplete, "it has no sentinel".to_owned()),
    };
    Point { started_at: folder.oldest, ..bare(name, state, reason) }
}

/// A point of which nothing but its name and standing is known.
pub(super) fn bare(name: &str, state: PointState, reason: String) -> Point {
    Point {
        id: show(name.as_bytes()),
        kind: PointKind::Full,
        started_at: None,
        completed_at: None,
        size_bytes: None,
        packed: None,
        state,
        reason: show(reason.as_bytes()),
        depends_on: Vec::new(),
    }
}
