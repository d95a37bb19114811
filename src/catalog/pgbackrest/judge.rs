//! From what was seen of a stanza to points, windows and gaps. Pure.

use std::collections::{BTreeMap, BTreeSet};

use lifeboat_core::model::{
    CopyReport, Dur, Gap, Packed, Point, PointKind, PointState, Time, Window, clean_line,
};

use super::{
    info::{Backup, BackupInfo},
    look::{Closed, Folder, Seen},
};
use crate::catalog::{
    Cx,
    wal::{
        SegmentName, SegmentSize,
        cover::{self, Naming, Span, Waits},
    },
};

/// A folder that grew this recently is being written.
const RUNNING: Dur = Dur::secs(3_600);

/// All that `backup.info` lists; `None` where an entry cannot be understood.
type Listed<'a> = BTreeMap<&'a str, Option<&'a Backup>>;

pub(super) fn judge(seen: &Seen, cx: &Cx) -> CopyReport {
    let mut report = CopyReport { notes: seen.notes.clone(), ..CopyReport::default() };
    match &seen.info {
        Some(info) => {
            let listed: Listed<'_> =
                info.backups.iter().map(|(l, b)| (l.as_str(), b.as_ref().ok())).collect();
            for (label, backup) in &info.backups {
                report.points.push(match backup {
                    Ok(backup) => point(label, backup, &listed, seen, cx),
                    Err(why) => not_understood(label, why),
                });
            }
            report.points.extend(seen.unlisted.iter().filter_map(|folder| unlisted(folder, cx)));
            report.windows = windows(info, &report.points, seen);
        }
        None => report.points.extend(seen.unlisted.iter().map(|folder| encrypted(folder, seen.closed))),
    }
    report.gaps = gaps(seen, cx);
    report
}

fn point(label: &str, backup: &Backup, listed: &Listed<'_>, seen: &Seen, cx: &Cx) -> Point {
    let (state, reason) = standing(label, backup, listed, seen, cx);
    let mut depends_on: BTreeSet<String> = backup.backup_reference.iter().map(|l| clean_line(l)).collect();
    depends_on.extend(backup.backup_prior.as_deref().map(clean_line));
    Point {
        id: clean_line(label),
        kind: kind(&backup.backup_type, label),
        started_at: Time::from_timestamp(backup.backup_timestamp_start, 0),
        completed_at: Time::from_timestamp(backup.backup_timestamp_stop, 0),
        size_bytes: backup.backup_info_size,
        packed: Packed::of(backup.backup_info_size_delta, backup.backup_info_repo_size_delta),
        state,
        reason,
        depends_on: depends_on.into_iter().collect(),
    }
}

fn kind(told: &str, label: &str) -> PointKind {
    match (told, label.as_bytes().last()) {
        ("incr", _) | ("", Some(b'I')) => PointKind::Incremental,
        ("diff", _) | ("", Some(b'D')) => PointKind::Differential,
        _ => PointKind::Full,
    }
}

/// From what cannot be mended to what merely raises doubt.
fn standing(label: &str, backup: &Backup, listed: &Listed<'_>, seen: &Seen, cx: &Cx) -> (PointState, String) {
    use PointState::*;
    if !seen.folders.contains(label) {
        return (BrokenChain, "its folder is gone".to_owned());
    }
    if seen.manifests.gone.contains(label) {
        return (BrokenChain, "its manifest is gone, and so is the copy of it".to_owned());
    }
    if seen.manifests.unread.contains(label) {
        return (Unverified, "whether its manifest is there could not be asked".to_owned());
    }
    let needs = backup.backup_reference.iter().chain(&backup.backup_prior);
    for needed in needs.clone() {
        if !listed.contains_key(needed.as_str()) || !seen.folders.contains(needed) {
            return (BrokenChain, format!("it needs {}, which is gone", clean_line(needed)));
        }
    }
    let size = size_of(seen, backup.db_id);
    match span(backup, size) {
        Ok(None) => {}
        Ok(Some(_)) if seen.no_archive_info => {
            let why = "neither archive.info nor its copy can be read, without which the tool fetches no log";
            return (BrokenChain, why.to_owned());
        }
        Ok(Some(span)) => {
            let lacking = cover::lacking(seen.archives.get(&backup.db_id), &span, size, Waits::Yes, cx.now);
            if let Some(standing) = lacking {
                return standing;
            }
        }
        Err(why) => return (Unverified, why),
    }
    if backup.backup_error {
        return (Suspect, "page checksums failed while it was made".to_owned());
    }
    let damaged = |l: &&String| listed.get(l.as_str()).copied().flatten().is_some_and(|b| b.backup_error);
    if let Some(needed) = needs.clone().find(damaged) {
        return (Suspect, format!("it needs {}, in which page checksums failed", clean_line(needed)));
    }
    match Time::from_timestamp(backup.backup_timestamp_stop, 0) {
        Some(at) if !cx.is_future(at) => (Usable, String::new()),
        _ => (Suspect, "it says that it ended in the future".to_owned()),
    }
}

/// Where it lies in the log; `None` for a backup of a stopped cluster.
fn span(backup: &Backup, size: SegmentSize) -> Result<Option<Span>, String> {
    let (Some(start), Some(stop)) = (&backup.backup_archive_start, &backup.backup_archive_stop) else {
        return Ok(None);
    };
    let number = |text: &str| {
        let name = SegmentName::parse(text.as_bytes())?;
        Some((name.timeline, size.number(name)?))
    };
    match number(start).zip(number(stop)) {
        Some(((timeline, first), (end, last))) if timeline == end && first <= last => Ok(Some(Span {
            timeline,
            first,
            last,
            started: Time::from_timestamp(backup.backup_timestamp_start, 0),
            completed: Time::from_timestamp(backup.backup_timestamp_stop, 0),
            usable: false,
        })),
        _ => Err("its range of WAL cannot be understood".to_owned()),
    }
}

fn size_of(seen: &Seen, cluster: u64) -> SegmentSize {
    seen.sizes.get(&cluster).copied().unwrap_or(SegmentSize::DEFAULT)
}

fn not_understood(label: &str, why: &str) -> Point {
    Point {
        id: clean_line(label),
        kind: kind("", label),
        started_at: None,
        completed_at: None,
        size_bytes: None,
        packed: None,
        state: PointState::Unverified,
        reason: format!("its entry in backup.info cannot be understood: {}", clean_line(why)),
        depends_on: Vec::new(),
    }
}

/// A folder that `backup.info` does not list; `None` where it is being expired.
fn unlisted(folder: &Folder, cx: &Cx) -> Option<Point> {
    if folder.manifest.is_none() && !folder.manifest_copy {
        return None;
    }
    let running = folder.newest.is_some_and(|at| cx.age(at) < RUNNING);
    let (state, reason) = match (running, folder.manifest) {
        (true, _) => (PointState::Running, "it is being written".to_owned()),
        (false, Some(_)) => (PointState::Incomplete, "backup.info does not list it".to_owned()),
        (false, None) => {
            let since = folder.newest.map_or(String::new(), |at| format!(" for {}", cx.age(at)));
            (PointState::Incomplete, format!("it was begun, and nothing was written{since}"))
        }
    };
    Some(Point { started_at: folder.oldest, state, reason, ..not_understood(&folder.label, "") })
}

fn encrypted(folder: &Folder, closed: Option<Closed>) -> Point {
    let written = folder.manifest.is_some();
    let (state, reason) = match (written, closed) {
        (true, Some(Closed::WrongPassword)) => {
            (PointState::Unverified, "it is encrypted, and the password that was given does not open it")
        }
        (true, _) => (PointState::Unverified, "it is encrypted and no password was given"),
        (false, _) => (PointState::Incomplete, "it has no manifest: running, given up, or being expired"),
    };
    let started_at = folder.oldest.filter(|_| !written);
    let reason = reason.to_owned();
    Point { started_at, completed_at: folder.manifest, state, reason, ..not_understood(&folder.label, "") }
}

/// By cluster, since each has a log of its own.
fn windows(info: &BackupInfo, points: &[Point], seen: &Seen) -> Vec<Window> {
    let mut spans: BTreeMap<u64, Vec<Span>> = BTreeMap::new();
    for ((_, backup), point) in info.backups.iter().zip(points) {
        let Ok(backup) = backup else { continue };
        if let Ok(Some(mut span)) = span(backup, size_of(seen, backup.db_id)) {
            span.usable = point.state == PointState::Usable;
            spans.entry(backup.db_id).or_default().push(span);
        }
    }
    spans.iter().flat_map(|(cluster, spans)| cover::windows(seen.archives.get(cluster), spans)).collect()
}

fn gaps(seen: &Seen, cx: &Cx) -> Vec<Gap> {
    let mut all = Vec::new();
    for (cluster, archive) in &seen.archives {
        let size = size_of(seen, *cluster);
        let ranges = ranges_of(seen, *cluster, size);
        let oldest = ranges.iter().map(|(first, _)| *first).min();
        let since = if seen.info.is_some() { oldest } else { seen.oldest_start.get(cluster).copied() };
        // without a backup no log can be used, whole or not
        let Some(since) = since else { continue };
        let name = |line, number| size.name(line, number).to_string();
        let naming = Naming { name: &name, noun: "WAL segment" };
        all.extend(cover::gaps(archive, since, &ranges, &naming, cx.now));
    }
    cover::keep_newest(&mut all);
    all
}

fn ranges_of(seen: &Seen, cluster: u64, size: SegmentSize) -> Vec<(u64, u64)> {
    let backups = seen.info.iter().flat_map(|i| &i.backups).filter_map(|(_, b)| b.as_ref().ok());
    let own = backups.filter(|b| b.db_id == cluster);
    own.filter_map(|b| span(b, size).ok().flatten()).map(|span| (span.first, span.last)).collect()
}
