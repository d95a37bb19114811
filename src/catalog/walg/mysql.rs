//! MySQL and MariaDB: streams that are consistent by themselves, `binlog_005/`.

use std::collections::BTreeMap;

use lifeboat_core::model::{
    Code, CopyReport, Gap, Packed, Point, PointKind, PointState, Problem, Time, clean_line,
};
use serde::Deserialize;

use super::{
    backups::{Backup, Backups, attempt, bare},
    is_extension,
};
use crate::{
    catalog::{
        Cx,
        clock::{Told, told},
        wal::{
            Archive,
            cover::{self, Naming, Span},
        },
    },
    net::store::{ListOptions, Repo, show},
};

/// Binlogs are pushed in order: one that is older than the one before it by
/// more than this was left from an earlier numbering.
const BACKWARDS_MS: i64 = 10 * 60 * 1_000;

/// A sentinel. Times carry their offset, sizes are bytes.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Sentinel {
    bin_log_start: Option<String>,
    start_local_time: Option<String>,
    stop_local_time: Option<String>,
    uncompressed_size: Option<i64>,
    compressed_size: Option<i64>,
    #[serde(rename = "ServerUUID")]
    server_uuid: Option<String>,
    is_permanent: Option<bool>,
    is_incremental: Option<bool>,
    delta_from: Option<String>,
}

type Sentinels<'a> = BTreeMap<&'a str, Result<Sentinel, String>>;

pub(super) async fn read(backups: &Backups, root: &str, repo: &Repo, cx: &Cx) -> Result<CopyReport, Problem> {
    let sentinels: Sentinels<'_> = backups
        .0
        .iter()
        .filter_map(|(name, backup)| {
            let text = backup.sentinel.as_ref()?;
            Some((name.as_str(), text.as_ref().map_err(Clone::clone).and_then(|bytes| parse(bytes))))
        })
        .collect();
    let binlogs = Binlogs::look(root, repo, cx).await?;
    let mut report = judge(backups, &sentinels, &binlogs, cx);
    if followed(&sentinels).1 {
        let note = "binlogs were numbered anew between two backups (a reset, or another server): only those \
                    behind the newer are followed";
        report.notes.push(
            Problem::new(Code::COPY_FORMAT, repo.id())
                .because(note)
                .next("take a full backup after each failover"),
        );
    }
    Ok(report)
}

pub(super) fn parse(bytes: &[u8]) -> Result<Sentinel, String> {
    serde_json::from_slice(bytes).map_err(|e| format!("cannot be understood: {e}"))
}

/// A binlog's name: what precedes the number, and the number.
pub(super) fn parse_name(name: &str) -> Option<(&str, u64)> {
    let (base, digits) = name.rsplit_once('.')?;
    let plain = !base.is_empty() && digits.len() >= 6 && digits.bytes().all(|b| b.is_ascii_digit());
    Some((base, digits.parse().ok().filter(|_| plain)?))
}

/// What is archived: by base name, the numbers in order with when each was stored.
#[derive(Debug, Default)]
pub(super) struct Binlogs(BTreeMap<String, BTreeMap<u64, Option<i64>>>);

impl Binlogs {
    async fn look(root: &str, repo: &Repo, cx: &Cx) -> Result<Self, Problem> {
        let prefix = format!("{root}binlog_005/");
        let mut found = Self::default();
        let mut listing = repo.list(prefix.clone(), ListOptions::flat());
        while let Some(page) = listing.page(&cx.work).await? {
            for entry in page.entries().filter(|entry| entry.size > 0 && entry.is_online()) {
                let name = entry.key.strip_prefix(prefix.as_bytes()).map(without_extension);
                let Some(name) = name.and_then(|name| std::str::from_utf8(name).ok()) else { continue };
                if let Some((base, number)) = parse_name(name) {
                    found.add(base, number, entry.modified_ms());
                }
            }
        }
        Ok(found)
    }
    pub fn add(&mut self, base: &str, number: u64, ms: Option<i64>) {
        match self.0.get_mut(base) {
            Some(numbers) => drop(numbers.insert(number, ms)),
            None => drop(self.0.insert(base.to_owned(), BTreeMap::from([(number, ms)]))),
        }
    }
    /// The numbering that is in use, without what an earlier one left behind.
    pub fn current(&self, base: &str) -> Archive {
        let mut archive = Archive::default();
        let Some(numbers) = self.0.get(base) else { return archive };
        let all: Vec<(u64, Option<i64>)> = numbers.iter().map(|(n, ms)| (*n, *ms)).collect();
        let goes_back = |pair: &[(u64, Option<i64>)]| match pair {
            [(_, Some(before)), (_, Some(after))] => after.saturating_add(BACKWARDS_MS) < *before,
            _ => false,
        };
        let mut pieces: Vec<&[(u64, Option<i64>)]> = Vec::new();
        let mut from = 0;
        for (n, pair) in all.windows(2).enumerate() {
            if goes_back(pair) {
                pieces.extend(all.get(from..=n));
                from = n + 1;
            }
        }
        pieces.extend(all.get(from..));
        let newest = pieces.iter().max_by_key(|piece| piece.iter().filter_map(|(_, ms)| *ms).max());
        let line = archive.timeline(1);
        newest.into_iter().flat_map(|piece| piece.iter()).for_each(|(number, ms)| line.add(*number, *ms));
        archive.settle();
        archive
    }
}

fn without_extension(name: &[u8]) -> &[u8] {
    let dot = name.iter().rposition(|b| *b == b'.').unwrap_or(name.len());
    match (name.get(..dot), name.get(dot..)) {
        (Some(stem), Some(rest)) if is_extension(rest) => stem,
        _ => name,
    }
}

/// Names of the backups whose log is followed, newest first: those since binlogs
/// were last numbered anew, and whether there are others.
fn followed<'a>(sentinels: &'a Sentinels<'_>) -> (Vec<(&'a str, &'a Sentinel)>, bool) {
    // names end in a time: the last is the newest
    let told = sentinels.iter().rev().filter_map(|(name, s)| Some((*name, s.as_ref().ok()?)));
    let mut kept: Vec<(&str, &Sentinel)> = Vec::new();
    for (name, sentinel) in told.filter(|(_, s)| s.start().is_some()) {
        let goes_on = kept.last().is_none_or(|(_, newer)| {
            let (own, next) = (sentinel.start(), newer.start());
            own.map(|(base, _)| base) == next.map(|(base, _)| base)
                && own <= next
                && sentinel.server_uuid == newer.server_uuid
        });
        if !goes_on {
            return (kept, true);
        }
        kept.push((name, sentinel));
    }
    (kept, false)
}

impl Sentinel {
    /// The binlog from which replay begins.
    fn start(&self) -> Option<(&str, u64)> {
        parse_name(self.bin_log_start.as_deref()?)
    }
    fn time(text: Option<&String>) -> Option<Time> {
        match told(text?)? {
            // what Go writes for a time that was never set
            Told::At(at) if at > Time::UNIX_EPOCH => Some(at),
            _ => None,
        }
    }
    fn started(&self) -> Option<Time> {
        Self::time(self.start_local_time.as_ref())
    }
    fn completed(&self, backup: &Backup) -> Option<Time> {
        Self::time(self.stop_local_time.as_ref()).or(backup.stored)
    }
}

pub(super) fn judge(backups: &Backups, sentinels: &Sentinels<'_>, binlogs: &Binlogs, cx: &Cx) -> CopyReport {
    let mut report = CopyReport::default();
    let (followed, _) = followed(sentinels);
    let base = followed.first().and_then(|(_, s)| s.start()).map(|(base, _)| base).unwrap_or_default();
    let archive = binlogs.current(base);
    let (mut behind, mut alone) = (Vec::new(), Vec::new());
    for (name, backup) in &backups.0 {
        let sentinel = match sentinels.get(name.as_str()) {
            None => {
                report.points.push(attempt(name, &backup.folder, cx));
                continue;
            }
            Some(Err(why)) => {
                report.points.push(bare(name, PointState::Unverified, format!("its sentinel {why}")));
                continue;
            }
            Some(Ok(sentinel)) => sentinel,
        };
        let point = point(name, sentinel, backup, backups, sentinels, cx);
        let first = sentinel.start().map(|(_, number)| number);
        let span = Span {
            timeline: 1,
            first: first.unwrap_or_default(),
            last: first.unwrap_or_default(),
            started: sentinel.started(),
            completed: point.completed_at,
            usable: point.state == PointState::Usable,
        };
        match followed.iter().any(|(followed, _)| followed == name) {
            true => behind.push((span, sentinel.is_permanent == Some(true))),
            false => alone.push(span),
        }
        report.points.push(point);
    }
    report.gaps = gaps(&archive, base, &behind, cx);
    let behind: Vec<Span> = behind.into_iter().map(|(span, _)| span).collect();
    report.windows = cover::windows(Some(&archive), &behind);
    report.windows.extend(cover::windows(None, &alone));
    report
}

fn point(
    name: &str,
    sentinel: &Sentinel,
    backup: &Backup,
    backups: &Backups,
    sentinels: &Sentinels<'_>,
    cx: &Cx,
) -> Point {
    let (state, reason) = standing(name, sentinel, backup, backups, sentinels, cx);
    let bytes = |size: Option<i64>| size.and_then(|s| u64::try_from(s).ok()).filter(|s| *s > 0);
    Point {
        kind: match sentinel.delta_from.is_some() || sentinel.is_incremental == Some(true) {
            true => PointKind::Incremental,
            false => PointKind::Full,
        },
        started_at: sentinel.started(),
        completed_at: sentinel.completed(backup),
        size_bytes: bytes(sentinel.uncompressed_size).or(bytes(sentinel.compressed_size)),
        packed: Packed::of(bytes(sentinel.uncompressed_size), bytes(sentinel.compressed_size)),
        depends_on: sentinel.delta_from.as_deref().map(clean_line).into_iter().collect(),
        ..bare(name, state, reason)
    }
}

fn standing(
    name: &str,
    sentinel: &Sentinel,
    backup: &Backup,
    backups: &Backups,
    sentinels: &Sentinels<'_>,
    cx: &Cx,
) -> (PointState, String) {
    use PointState::*;
    if let Some(lack) = lacks(backup) {
        return (BrokenChain, lack.to_owned());
    }
    let delta_from = |name: &str| match sentinels.get(name) {
        Some(Ok(sentinel)) => Ok(sentinel.delta_from.clone()),
        _ => Err(()),
    };
    if let Some(why) = backups.missing_parent(name, delta_from, |_, backup| lacks(backup)) {
        return (BrokenChain, why);
    }
    if sentinel.is_incremental == Some(true) && sentinel.delta_from.is_none() {
        return (Unverified, "it is incremental and does not tell on what it rests".to_owned());
    }
    match sentinel.completed(backup) {
        None => (Unverified, "nothing says when it ended".to_owned()),
        Some(at) if cx.is_future(at) => (Suspect, "it says that it ended in the future".to_owned()),
        Some(_) => (Usable, String::new()),
    }
}

fn lacks(backup: &Backup) -> Option<&'static str> {
    match &backup.folder {
        _ if backup.sentinel.is_none() => Some("the sentinel is gone"),
        folder if !folder.is_there => Some("its folder is gone"),
        folder if folder.data == 0 => Some("its data are gone"),
        _ => None,
    }
}

/// As of WAL, from the oldest backup that retention counts.
fn gaps(archive: &Archive, base: &str, spans: &[(Span, bool)], cx: &Cx) -> Vec<Gap> {
    let firsts = |permanent: bool| spans.iter().filter(move |(_, p)| *p == permanent).map(|(s, _)| s.first);
    let Some(since) = firsts(false).min().or(firsts(true).max()) else { return Vec::new() };
    let name = |_, number| show(format!("{base}.{number:06}").as_bytes());
    cover::gaps(archive, since, &[], &Naming { name: &name, noun: "binlog" }, cx.now)
}
