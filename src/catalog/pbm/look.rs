//! What is fetched: descriptions of backups, whether their data are there, names
//! of oplog slices.

use std::collections::{BTreeMap, BTreeSet};

use lifeboat_core::model::{Code, Problem};

use super::{
    meta::{Meta, parse},
    oplog::{Oplog, Slice, parse_name},
};
use crate::{
    catalog::{Cx, list::each},
    net::store::{ListOptions, Repo, Version, show},
};

/// Old versions list every file of a physical backup.
const MAX_META: u64 = 32 << 20;
/// So many of the newest are looked at.
const MAX_BACKUPS: usize = 500;

#[derive(Debug, Default)]
pub(super) struct Seen {
    pub backups: BTreeMap<String, Backup>,
    pub oplog: Oplog,
    /// PBM has written its mark.
    pub is_set_up: bool,
}

#[derive(Debug, Default)]
pub(super) struct Backup {
    /// `None` for data without a description.
    pub meta: Option<Result<Meta, String>>,
    /// What of its data is not there, where it says that it is done.
    pub lack: Option<String>,
}

pub(super) async fn look(root: &str, repo: &Repo, cx: &Cx) -> Result<Seen, Problem> {
    let mut seen = Seen::default();
    let (described, folders) = names(root, &mut seen, repo, cx).await?;
    if described.len() > MAX_BACKUPS {
        let note = format!("only the newest {MAX_BACKUPS} of {} backups are shown", described.len());
        cx.work.note(Problem::new(Code::STORE_CEILING, repo.id()).because(note));
    }
    // names are times: the last are the newest
    let newest = described.iter().rev().take(MAX_BACKUPS);
    let looks = newest.map(|(name, version)| look_into(root, name, version, repo, cx));
    seen.backups.extend(each(looks).await?);
    if seen.backups.is_empty() {
        return Ok(seen);
    }
    // what is named like a backup and has only data: going on, or given up
    for name in folders.into_iter().filter(|name| !described.contains_key(name) && is_time(name)) {
        seen.backups.insert(name, Backup::default());
    }
    seen.oplog = oplog(root, repo, cx).await?;
    Ok(seen)
}

async fn look_into(
    root: &str,
    name: &str,
    version: &Version,
    repo: &Repo,
    cx: &Cx,
) -> Result<(String, Backup), Problem> {
    let key = format!("{root}{name}.pbm.json");
    let read = match repo.get_listed(key.as_bytes(), version, MAX_META, &cx.work).await {
        Ok(found) => found.map(|bytes| parse(&bytes)),
        Err(problem) if problem.retryable => return Err(problem),
        Err(problem) => Some(Err(format!("cannot be read: {problem}"))),
    };
    let mut backup = Backup { meta: read, lack: None };
    if let Some(Ok(meta)) = &backup.meta
        && meta.status == "done"
    {
        backup.lack = lack(root, name, meta, repo, cx).await?;
    }
    Ok((name.to_owned(), backup))
}

/// `2026-11-22T14:00:00Z`
fn is_time(name: &str) -> bool {
    chrono::DateTime::parse_from_rfc3339(name).is_ok()
}

async fn names(
    root: &str,
    seen: &mut Seen,
    repo: &Repo,
    cx: &Cx,
) -> Result<(BTreeMap<String, Version>, BTreeSet<String>), Problem> {
    let (mut described, mut folders) = (BTreeMap::new(), BTreeSet::new());
    let text = |key: &[u8]| Some(std::str::from_utf8(key.strip_prefix(root.as_bytes())?).ok()?.to_owned());
    let mut listing = repo.list(root, ListOptions::delimited());
    while let Some(page) = listing.page(&cx.work).await? {
        for (name, entry) in page.entries().filter_map(|entry| Some((text(entry.key)?, entry))) {
            seen.is_set_up |= name == ".pbm.init";
            let backup = name.strip_suffix(".pbm.json").filter(|n| !n.is_empty());
            described.extend(backup.map(|name| (name.to_owned(), entry.version())));
        }
        folders.extend(page.prefixes().filter_map(|p| text(p.strip_suffix(b"/")?)));
    }
    Ok((described, folders))
}

/// What PBM itself would miss first: a replica set's dump, or its oplog, without
/// which a logical backup is not of one instant.
async fn lack(root: &str, name: &str, meta: &Meta, repo: &Repo, cx: &Cx) -> Result<Option<String>, Problem> {
    if meta.kind == "external" {
        return Ok(None);
    }
    for set in &meta.replsets {
        let shown = show(set.name.as_bytes());
        let logical = meta.kind == "logical";
        let data = match logical && !set.backup_name.is_empty() {
            true => format!("{root}{}", set.backup_name),
            false => format!("{root}{name}/{}/", set.name),
        };
        if !holds(&data, repo, cx).await? {
            return Ok(Some(format!("the data of replica set {shown} are gone")));
        }
        if logical
            && !set.oplog_name.is_empty()
            && !holds(&format!("{root}{}", set.oplog_name), repo, cx).await?
        {
            return Ok(Some(format!("the oplog of replica set {shown} that belongs to it is gone")));
        }
    }
    Ok(None)
}

/// Whether anything lies there, none of it empty as far as one page tells.
async fn holds(prefix: &str, repo: &Repo, cx: &Cx) -> Result<bool, Problem> {
    let page = repo.list(prefix, ListOptions::flat()).page(&cx.work).await?;
    Ok(page.is_some_and(|page| page.entries().next().is_some() && page.entries().all(|entry| entry.size > 0)))
}

async fn oplog(root: &str, repo: &Repo, cx: &Cx) -> Result<Oplog, Problem> {
    let prefix = format!("{root}pbmPitr/");
    let mut oplog = Oplog::default();
    let mut listing = repo.list(prefix.clone(), ListOptions::flat());
    while let Some(page) = listing.page(&cx.work).await? {
        for entry in page.entries().filter(|entry| entry.size > 0 && entry.is_online()) {
            let below = entry.key.strip_prefix(prefix.as_bytes()).and_then(|k| std::str::from_utf8(k).ok());
            let Some((set, rest)) = below.and_then(|below| below.split_once('/')) else { continue };
            let name = rest.rsplit('/').next().unwrap_or_default();
            if let Some((from, to)) = parse_name(name) {
                oplog.add(set, Slice { from, to, stored_ms: entry.modified_ms() });
            }
        }
    }
    oplog.settle();
    Ok(oplog)
}
