//! What is fetched: one flat listing of `backups/`, each Backup resource, the
//! volumes of the newest, and which namespaces have data.

use std::collections::{BTreeMap, BTreeSet};

use lifeboat_core::model::{Code, Problem, Time};

use super::resource::{Backup, Volume, parse, parse_volumes};
use crate::{
    catalog::{
        Cx,
        list::{each, folders},
    },
    net::store::{ListOptions, Repo, Version},
};

const MAX_RESOURCE: u64 = 4 << 20;
const MAX_VOLUMES: u64 = 8 << 20;
/// So many of the newest are looked at, and of so many the volumes.
const MAX_BACKUPS: usize = 1_000;
const OPEN: usize = 20;
const SCHEDULE: &str = "velero.io/schedule-name";

#[derive(Debug, Default)]
pub(super) struct Seen {
    pub backups: Vec<Found>,
    /// Uploader and namespace of each repository of volumes' data.
    pub data: BTreeSet<(String, String)>,
}

/// One backup: what its folder holds.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub name: String,
    /// `None` where there is no `velero-backup.json`.
    pub resource: Option<Result<Backup, String>>,
    /// `None` where they were not asked for, or the version wrote no list.
    pub volumes: Option<Result<Vec<Volume>, String>>,
    /// Size of the tarball, if there is one.
    pub tarball: Option<u64>,
    has_resource: Option<Version>,
    has_volumes: Option<Version>,
    pub stored: u64,
    pub oldest: Option<Time>,
    pub newest: Option<Time>,
}

pub(super) async fn look(root: &str, schedule: Option<&str>, repo: &Repo, cx: &Cx) -> Result<Seen, Problem> {
    let prefix = format!("{root}backups/");
    let mut found: Vec<Found> = list(&prefix, repo, cx).await?.into_values().collect();
    found.sort_by(|a, b| (b.newest, &b.name).cmp(&(a.newest, &a.name)));
    if found.len() > MAX_BACKUPS {
        let note = format!("only the newest {MAX_BACKUPS} of {} backups are shown", found.len());
        cx.work.note(Problem::new(Code::STORE_CEILING, repo.id()).because(note));
        found.truncate(MAX_BACKUPS);
    }
    let mut seen = Seen::default();
    let mut opened = 0;
    let looks = found.into_iter().map(|backup| async {
        let mut backup = backup;
        if let Some(version) = &backup.has_resource {
            let key = format!("{prefix}{}/velero-backup.json", backup.name);
            backup.resource = part(&key, version, MAX_RESOURCE, parse, repo, cx).await?;
        }
        Ok(backup)
    });
    for mut backup in each(looks).await? {
        if schedule.is_some_and(|schedule| !is_of(schedule, &backup)) {
            continue;
        }
        let phase = backup.resource.as_ref().and_then(|r| r.as_ref().ok()).map(|r| r.status.phase.as_str());
        let worth = matches!(phase, Some("Completed" | "PartiallyFailed"));
        if let Some(version) = backup.has_volumes.clone().filter(|_| worth && opened < OPEN) {
            opened += 1;
            let key = format!("{prefix}{0}/{0}-volumeinfo.json.gz", backup.name);
            backup.volumes = part(&key, &version, MAX_VOLUMES, parse_volumes, repo, cx).await?;
        }
        seen.backups.push(backup);
    }
    for uploader in ["kopia", "restic"] {
        let namespaces = folders(repo, &format!("{root}{uploader}/"), cx).await?;
        seen.data.extend(namespaces.into_iter().map(|namespace| (uploader.to_owned(), namespace)));
    }
    Ok(seen)
}

/// About ten objects a backup, so that this costs less than a request each.
async fn list(prefix: &str, repo: &Repo, cx: &Cx) -> Result<BTreeMap<String, Found>, Problem> {
    let mut found: BTreeMap<String, Found> = BTreeMap::new();
    let mut listing = repo.list(prefix, ListOptions::flat());
    while let Some(page) = listing.page(&cx.work).await? {
        for entry in page.entries() {
            let below = entry.key.strip_prefix(prefix.as_bytes()).and_then(|k| std::str::from_utf8(k).ok());
            let Some((name, file)) = below.and_then(|below| below.split_once('/')) else { continue };
            let backup = found
                .entry(name.to_owned())
                .or_insert_with(|| Found { name: name.to_owned(), ..Found::default() });
            backup.stored = backup.stored.saturating_add(entry.size);
            backup.newest = backup.newest.max(entry.modified());
            backup.oldest = backup.oldest.into_iter().chain(entry.modified()).min();
            match file.strip_prefix(name) {
                _ if file == "velero-backup.json" => backup.has_resource = Some(entry.version()),
                Some(".tar.gz") => backup.tarball = Some(entry.size),
                Some("-volumeinfo.json.gz") => backup.has_volumes = Some(entry.version()),
                _ => {}
            }
        }
    }
    Ok(found)
}

/// One object of a backup; what is denied or damaged is said of this one alone.
async fn part<T>(
    key: &str,
    version: &Version,
    max: u64,
    parse: fn(&[u8]) -> Result<T, String>,
    repo: &Repo,
    cx: &Cx,
) -> Result<Option<Result<T, String>>, Problem> {
    match repo.get_listed(key.as_bytes(), version, max, &cx.work).await {
        Ok(found) => Ok(found.map(|bytes| parse(&bytes))),
        Err(problem) if problem.retryable => Err(problem),
        Err(problem) => Ok(Some(Err(format!("cannot be read: {problem}")))),
    }
}

/// By label, which is cut and hashed for long names, or by name:
/// `<schedule>-YYYYMMDDhhmmss`.
fn is_of(schedule: &str, backup: &Found) -> bool {
    let labels = backup.resource.as_ref().and_then(|r| r.as_ref().ok()).map(|r| &r.metadata.labels);
    let labelled = labels.and_then(|labels| labels.get(SCHEDULE)).is_some_and(|label| label == schedule);
    let stamp = backup.name.strip_prefix(schedule).and_then(|rest| rest.strip_prefix('-'));
    labelled || stamp.is_some_and(|stamp| stamp.len() == 14 && stamp.bytes().all(|b| b.is_ascii_digit()))
}
