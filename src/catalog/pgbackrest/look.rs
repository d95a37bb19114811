//! What is fetched: the info files, the folders of backups, the names of WAL.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use lifeboat_core::model::{Code, CopyDef, Problem, Time};

use super::{
    info::{ArchiveInfo, BackupInfo, Cluster, InfoError, parse_archive_info, parse_backup_info},
    manifest::{self, Manifests},
};
use crate::{
    catalog::{
        Cx,
        list::folders,
        option, root,
        wal::{
            Archive, SegmentName, SegmentSize, hex8, history,
            listed::{self, Listed},
            parse_lsn,
        },
    },
    net::{
        Secret,
        store::{ListOptions, Repo, show},
    },
};

/// `backup.info` of ten thousand backups is about 10 MB.
const MAX_INFO: u64 = 64 << 20;
/// Folders that `backup.info` does not know and that are looked into.
const MAX_UNLISTED: usize = 20;

pub(super) use crate::catalog::wal::listed::Kept;

/// Where a stanza lies.
pub(super) struct Place {
    pub stanza: String,
    backup: String,
    archive: String,
}

/// All that was seen of a stanza.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub info: Option<BackupInfo>,
    /// Why `info` could not be read, where it is encrypted.
    pub closed: Option<Closed>,
    /// Labels that have a folder.
    pub folders: BTreeSet<String>,
    /// Folders that the info file does not list, or all where it is encrypted.
    pub unlisted: Vec<Folder>,
    /// By cluster.
    pub archives: BTreeMap<u64, Archive>,
    pub sizes: BTreeMap<u64, SegmentSize>,
    /// The oldest backup's first segment as its `.backup` file tells, by cluster.
    pub oldest_start: BTreeMap<u64, u64>,
    /// Of the backups that `info` lists.
    pub manifests: Manifests,
    /// Neither archive.info nor its copy can be used: the tool fetches no log.
    pub no_archive_info: bool,
    pub notes: Vec<Problem>,
}

#[derive(Debug, Default, Clone)]
pub(super) struct Folder {
    pub label: String,
    /// When `backup.manifest` was written, which is near the end.
    pub manifest: Option<Time>,
    pub manifest_copy: bool,
    pub oldest: Option<Time>,
    pub newest: Option<Time>,
}

/// What keeps an encrypted repository from being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Closed {
    NoPassword,
    WrongPassword,
}

enum InfoFile<T> {
    Read(T),
    Closed(Closed),
    Missing,
}

impl Place {
    pub async fn find(copy: &CopyDef, repo: &Repo, cx: &Cx) -> Result<Self, Problem> {
        let root = root(copy);
        let stanza = match option(copy, "stanza") {
            Some(stanza) => stanza.to_owned(),
            None => {
                let mut found = folders(repo, &format!("{root}backup/"), cx).await?;
                match (found.pop(), found.pop()) {
                    (Some(only), None) => only,
                    (None, _) => return Err(not_there(repo, &format!("{root}backup/"), &[])),
                    (Some(last), Some(other)) => {
                        return Err(Problem::new(Code::COPY_FORMAT, repo.id())
                            .because(format!("several stanzas lie here, {other} and {last} among them"))
                            .next("name one with `stanza`"));
                    }
                }
            }
        };
        let (backup, archive) = (format!("{root}backup/{stanza}/"), format!("{root}archive/{stanza}/"));
        Ok(Self { stanza, backup, archive })
    }

    pub async fn look(&self, repo: &Repo, cx: &Cx) -> Result<Seen, Problem> {
        let mut seen = Seen::default();
        let name = format!("{}backup.info", self.backup);
        let info = fetch(repo, &name, parse_backup_info, &mut seen.notes, cx).await?;
        let mut clusters = Vec::new();
        match info {
            InfoFile::Read(info) => {
                clusters.clone_from(&info.clusters);
                seen.sizes = segment_sizes(&info);
                seen.info = Some(info);
            }
            InfoFile::Closed(closed) => seen.closed = Some(closed),
            InfoFile::Missing => {
                let parent = self.backup.trim_end_matches('/').rsplit_once('/').map_or("", |(p, _)| p);
                let others = folders(repo, &format!("{parent}/"), cx).await?;
                return Err(not_there(repo, &name, &others));
            }
        }
        seen.folders = folders(repo, &self.backup, cx).await?.into_iter().filter(|l| is_label(l)).collect();
        seen.notes.extend(seen.closed.map(|closed| self.closed_note(closed, seen.folders.len(), repo)));
        let listed = seen.info.iter().flat_map(|info| &info.backups).map(|(label, _)| label);
        let listed = listed.filter(|label| seen.folders.contains(*label)).cloned();
        seen.manifests = manifest::look(listed, &self.backup, repo, cx).await?;
        self.look_at_unlisted(&mut seen, repo, cx).await?;
        self.look_at_archive(&mut seen, clusters, repo, cx).await?;
        Ok(seen)
    }

    fn closed_note(&self, closed: Closed, backups: usize, repo: &Repo) -> Problem {
        let stanza = &self.stanza;
        let problem = Problem::new(code_of(closed), repo.id());
        match closed {
            Closed::NoPassword => problem.because(format!(
                "stanza {stanza} is encrypted: {backups} folders of backups are counted and holes in its log \
                 are seen; a password adds which backups are whole, their times, sizes and chains"
            )),
            Closed::WrongPassword => {
                problem.because(format!("stanza {stanza}: neither backup.info nor its copy opens with it"))
            }
        }
    }

    /// Whether `backup.info` says something else by now.
    pub async fn has_changed(&self, seen: &Seen, repo: &Repo, cx: &Cx) -> Result<bool, Problem> {
        let name = format!("{}backup.info", self.backup);
        // a note about damage was made the first time
        let info = fetch(repo, &name, parse_backup_info, &mut Vec::new(), cx).await?;
        Ok(matches!(info, InfoFile::Read(info) if Some(&info) != seen.info.as_ref()))
    }

    async fn look_at_unlisted(&self, seen: &mut Seen, repo: &Repo, cx: &Cx) -> Result<(), Problem> {
        let known = |label: &String| {
            seen.info.as_ref().is_some_and(|i| i.backups.iter().any(|(listed, _)| listed == label))
        };
        // labels begin with their date: the last are the newest
        let unknown = seen.folders.iter().rev().filter(|label| !known(label));
        let limit = if seen.info.is_some() { MAX_UNLISTED } else { usize::MAX };
        let unknown: Vec<_> = unknown.take(limit).cloned().collect();
        for label in unknown {
            seen.unlisted.push(self.look_into(&label, seen.info.is_some(), repo, cx).await?);
        }
        Ok(())
    }

    async fn look_into(&self, label: &str, closely: bool, repo: &Repo, cx: &Cx) -> Result<Folder, Problem> {
        let prefix = format!("{}{label}/", self.backup);
        let mut folder = Folder { label: label.to_owned(), ..Folder::default() };
        let options = if closely { ListOptions::flat() } else { ListOptions::delimited() };
        let mut listing = repo.list(prefix.clone(), options);
        // an unfinished backup can hold a million files; their times hardly differ
        for _ in 0..10 {
            let Some(page) = listing.page(&cx.work).await? else { break };
            for entry in page.entries() {
                let at = entry.modified();
                folder.newest = folder.newest.max(at);
                folder.oldest = folder.oldest.into_iter().chain(at).min();
                match entry.key.strip_prefix(prefix.as_bytes()) {
                    Some(b"backup.manifest") => folder.manifest = at,
                    Some(b"backup.manifest.copy") => folder.manifest_copy = true,
                    _ => {}
                }
            }
        }
        Ok(folder)
    }

    async fn look_at_archive(
        &self,
        seen: &mut Seen,
        clusters: Vec<Cluster>,
        repo: &Repo,
        cx: &Cx,
    ) -> Result<(), Problem> {
        let name = format!("{}archive.info", self.archive);
        let unkeyed = |clusters| ArchiveInfo { clusters, key: None };
        let ArchiveInfo { clusters, key } =
            match fetch(repo, &name, parse_archive_info, &mut seen.notes, cx).await {
                Ok(InfoFile::Read(info)) => info,
                Ok(InfoFile::Closed(closed)) => {
                    if seen.closed.is_none() {
                        let why = format!("{name} does not open, and backup.info did");
                        seen.notes.push(Problem::new(code_of(closed), repo.id()).because(why));
                    }
                    unkeyed(archive_folders(repo, &self.archive, cx).await?)
                }
                Ok(InfoFile::Missing) => {
                    let problem =
                        Problem::new(Code::COPY_FORMAT, repo.id()).because(format!("{name} is missing"));
                    seen.notes.push(problem.next("run `pgbackrest check`, then see where its WAL goes"));
                    seen.no_archive_info = true;
                    unkeyed(clusters)
                }
                // damaged, and so is its copy: the folders are named after the clusters anyway
                Err(problem) if problem.code == Code::COPY_FORMAT => {
                    seen.notes.push(problem);
                    seen.no_archive_info = true;
                    unkeyed(clusters)
                }
                Err(problem) => return Err(problem),
            };
        for cluster in clusters {
            let prefix = format!("{}{}-{}/", self.archive, cluster.version, cluster.id);
            let size = seen.sizes.get(&cluster.id).copied().unwrap_or(SegmentSize::DEFAULT);
            let last = |name: &[u8]| name.rsplit(|b| *b == b'/').next().and_then(|name| classify(name, size));
            let Listed { mut archive, histories, oldest_label, .. } =
                listed::list(&prefix, size, repo, cx, last).await?;
            let histories = history::Files { there: &histories, folder: &prefix, key: key.as_ref() };
            seen.notes.extend(history::follow(&mut archive, &histories, size, repo, cx).await?);
            if let Some(oldest) = oldest_label {
                seen.oldest_start.insert(cluster.id, oldest);
            }
            seen.archives.insert(cluster.id, archive);
        }
        Ok(())
    }
}

/// `<24hex>-<sha1>[.gz]`, `<24hex>.partial-<sha1>`, `<24hex>.<8hex>.backup`, `<8hex>.history`.
pub(super) fn classify(name: &[u8], size: SegmentSize) -> Option<Kept> {
    if let Some(line) = name.strip_suffix(b".history") {
        return hex8(line).map(Kept::History);
    }
    let segment = SegmentName::parse(name.get(..24)?)?;
    let number = size.number(segment)?;
    let rest = &name[24..];
    match () {
        () if rest.starts_with(b".partial") => Some(Kept::Partial(segment.timeline, number)),
        () if rest.ends_with(b".backup") => Some(Kept::Label(number)),
        () => {
            let hash = rest.strip_prefix(b"-")?.get(..40)?;
            hash.iter().all(u8::is_ascii_hexdigit).then_some(Kept::Segment(segment.timeline, number))
        }
    }
}

fn segment_sizes(info: &BackupInfo) -> BTreeMap<u64, SegmentSize> {
    let sizes = info.clusters.iter().map(|cluster| {
        let backups = info.backups.iter().filter_map(|(_, b)| b.as_ref().ok());
        let pairs: Vec<_> = backups
            .filter(|b| b.db_id == cluster.id)
            .filter_map(|b| {
                let lsn = parse_lsn(b.backup_lsn_start.as_deref()?)?;
                Some((lsn, SegmentName::parse(b.backup_archive_start.as_deref()?.as_bytes())?))
            })
            .collect();
        (cluster.id, SegmentSize::infer(pairs.iter().copied()))
    });
    sizes.collect()
}

/// Reads an info file, or its copy where it is damaged or gone; a damaged pair
/// is an error (LB-COPY-002).
async fn fetch<T>(
    repo: &Repo,
    name: &str,
    parse: fn(&[u8], Option<&Secret>) -> Result<T, InfoError>,
    notes: &mut Vec<Problem>,
    cx: &Cx,
) -> Result<InfoFile<T>, Problem> {
    let mut damage = Vec::new();
    let (mut missing, mut unopened) = (0, 0);
    for name in [name.to_owned(), format!("{name}.copy")] {
        let bytes: Option<Bytes> =
            repo.get_if_there(name.as_bytes(), MAX_INFO, &cx.work).await?.map(|o| o.bytes);
        let Some(bytes) = bytes else {
            missing += 1;
            damage.push(format!("{name} is missing"));
            continue;
        };
        match parse(&bytes, cx.password.as_ref()) {
            Ok(read) => {
                for why in damage {
                    let note = Problem::new(Code::COPY_FORMAT, repo.id())
                        .because(format!("{why}; its copy was read"));
                    notes.push(note.next("find out what damaged it; the next backup writes it anew"));
                }
                return Ok(InfoFile::Read(read));
            }
            Err(InfoError::Encrypted) => return Ok(InfoFile::Closed(Closed::NoPassword)),
            Err(error @ InfoError::WrongPassword) => {
                unopened += 1;
                damage.push(format!("{name}: {error}"));
            }
            Err(error) => damage.push(format!("{name}: {error}")),
        }
    }
    match (missing, unopened) {
        (2, _) => Ok(InfoFile::Missing),
        // a password that opened what is left would have shown by now
        (_, 1..) if missing + unopened == 2 => Ok(InfoFile::Closed(Closed::WrongPassword)),
        _ => Err(Problem::new(Code::COPY_FORMAT, repo.id()).because(damage.join("; "))),
    }
}

fn code_of(closed: Closed) -> Code {
    match closed {
        Closed::NoPassword => Code::COPY_PASSWORD,
        Closed::WrongPassword => Code::COPY_WRONG_PASSWORD,
    }
}

/// Clusters by the names of their folders, for want of a readable info file.
async fn archive_folders(repo: &Repo, archive: &str, cx: &Cx) -> Result<Vec<Cluster>, Problem> {
    let named = folders(repo, archive, cx).await?;
    let clusters = named.iter().filter_map(|name| {
        let (version, id) = name.rsplit_once('-')?;
        Some(Cluster { id: id.parse().ok()?, version: version.to_owned() })
    });
    Ok(clusters.collect())
}

/// `YYYYMMDD-HHMMSSF`, with `_YYYYMMDD-HHMMSS` and `D` or `I` for those that need another.
pub(super) fn is_label(text: &str) -> bool {
    let stamp = |t: &[u8]| {
        t.len() == 15
            && t.iter().enumerate().all(|(n, b)| if n == 8 { *b == b'-' } else { b.is_ascii_digit() })
    };
    match text.as_bytes() {
        full @ [.., b'F'] => stamp(&full[..full.len() - 1]),
        [full @ .., b'D' | b'I'] if full.len() == 32 => {
            stamp(&full[..15]) && full[15..17] == *b"F_" && stamp(&full[17..])
        }
        _ => false,
    }
}

fn not_there(repo: &Repo, name: &str, others: &[String]) -> Problem {
    let others: Vec<_> = others.iter().take(5).map(|o| show(o.as_bytes())).collect();
    let problem = Problem::new(Code::COPY_NOT_THERE, repo.id()).because(format!("there is no {name}"));
    match others.is_empty() {
        true => problem,
        false => problem.next(format!("check `stanza`: here lie {}", others.join(", "))),
    }
}
