//! From what was seen of a stanza to points, windows and gaps. Pure.

use std::collections::{BTreeMap, BTreeSet};

use lifeboat_core::model::{CopyReport, Dur, Gap, Point, PointKind, PointState, Time, Window, clean_line};

use super::{
    info::{Backup, BackupInfo},
    look::{Folder, Seen},
};
use crate::catalog::{
    Cx,
    wal::{Archive, Hole, SegmentName, SegmentSize, instant},
};

/// A folder that grew this recently is being written.
const RUNNING: Dur = Dur::secs(3_600);
/// Segments are pushed side by side: for so long a hole may still be filled.
const UPLOADING: Dur = Dur::secs(10 * 60);
const MAX_GAPS: usize = 200;

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
        None => report.points.extend(seen.unlisted.iter().map(encrypted)),
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
    let needs = backup.backup_reference.iter().chain(&backup.backup_prior);
    for needed in needs.clone() {
        if !listed.contains_key(needed.as_str()) || !seen.folders.contains(needed) {
            return (BrokenChain, format!("it needs {}, which is gone", clean_line(needed)));
        }
    }
    match missing_wal(backup, seen) {
        Ok(None) => {}
        Ok(Some((name, newer))) => {
            let stopped = Time::from_timestamp(backup.backup_timestamp_stop, 0);
            let recent = stopped.is_some_and(|at| cx.age(at) < UPLOADING);
            return match recent && !newer {
                true => (Incomplete, format!("WAL segment {name} has not arrived yet")),
                false => {
                    (BrokenChain, format!("WAL segment {name} is missing, without which it cannot start"))
                }
            };
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

/// Timeline, first and last segment; `None` for a backup of a stopped cluster.
fn wal_range(backup: &Backup, size: SegmentSize) -> Result<Option<(u32, u64, u64)>, String> {
    let (Some(start), Some(stop)) = (&backup.backup_archive_start, &backup.backup_archive_stop) else {
        return Ok(None);
    };
    let number = |text: &str| {
        let name = SegmentName::parse(text.as_bytes())?;
        Some((name.timeline, size.number(name)?))
    };
    match number(start).zip(number(stop)) {
        Some(((line, first), (end, last))) if line == end && first <= last => Ok(Some((line, first, last))),
        _ => Err("its range of WAL cannot be understood".to_owned()),
    }
}

/// The first missing segment of those a backup needs, and whether newer log is there.
fn missing_wal(backup: &Backup, seen: &Seen) -> Result<Option<(SegmentName, bool)>, String> {
    let size = size_of(seen, backup.db_id);
    let Some((line, first, last)) = wal_range(backup, size)? else { return Ok(None) };
    let timeline = seen.archives.get(&backup.db_id).and_then(|a| a.timelines.get(&line));
    let Some(timeline) = timeline else { return Ok(Some((size.name(line, first), false))) };
    let missing = timeline.first_missing(first, last);
    Ok(missing.map(|n| (size.name(line, n), timeline.newest().is_some_and(|newest| newest > n))))
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

fn encrypted(folder: &Folder) -> Point {
    let written = folder.manifest.is_some();
    let (state, reason) = match written {
        true => (PointState::Unverified, "it is encrypted and no password was given"),
        false => (PointState::Incomplete, "it has no manifest: running, given up, or being expired"),
    };
    let started_at = folder.oldest.filter(|_| !written);
    let reason = reason.to_owned();
    Point { started_at, completed_at: folder.manifest, state, reason, ..not_understood(&folder.label, "") }
}

/// From the end of each usable backup as far as the log goes without a hole.
fn windows(info: &BackupInfo, points: &[Point], seen: &Seen) -> Vec<Window> {
    let mut windows: Vec<(u64, Window)> = Vec::new();
    let mut begun: BTreeMap<u64, Begun> = BTreeMap::new();
    for ((_, backup), point) in info.backups.iter().zip(points) {
        let (Ok(backup), PointState::Usable, Some(from)) = (backup, point.state, point.completed_at) else {
            continue;
        };
        let Ok(Some((line, _, last))) = wal_range(backup, size_of(seen, backup.db_id)) else { continue };
        let reach = seen.archives.get(&backup.db_id).and_then(|a| a.reach(line, last));
        let begun = begun.entry(backup.db_id).or_insert_with(|| Begun::of(info, backup.db_id, seen));
        let to = reach.and_then(|(ms, number)| instant(Some(begun.behind(number).unwrap_or(ms).min(ms))));
        let to = to.unwrap_or(from).max(from);
        windows.push((backup.db_id, Window { from, to }));
    }
    windows.sort_by_key(|(cluster, w)| (*cluster, w.from));
    let mut merged: Vec<(u64, Window)> = Vec::new();
    for (cluster, window) in windows {
        match merged.last_mut() {
            Some((same, last)) if *same == cluster && window.from <= last.to => {
                last.to = last.to.max(window.to)
            }
            _ => merged.push((cluster, window)),
        }
    }
    merged.into_iter().map(|(_, window)| window).collect()
}

/// Where backups begin in the log and when (milliseconds since 1970).
struct Begun(Vec<(u64, i64)>);

impl Begun {
    fn of(info: &BackupInfo, cluster: u64, seen: &Seen) -> Self {
        let own = info.backups.iter().filter_map(|(_, b)| b.as_ref().ok()).filter(|b| b.db_id == cluster);
        let mut all: Vec<(u64, i64)> = own
            .filter_map(|b| {
                let (_, first, _) = wal_range(b, size_of(seen, cluster)).ok()??;
                Some((first, b.backup_timestamp_start.saturating_mul(1_000)))
            })
            .collect();
        all.sort_unstable();
        // each instant becomes the earliest of itself and those behind it
        let mut earliest = i64::MAX;
        for (_, at) in all.iter_mut().rev() {
            earliest = earliest.min(*at);
            *at = earliest;
        }
        Self(all)
    }
    /// When the first backup began that starts behind this segment: what the
    /// segment holds is older, however late it was stored. A copy of a
    /// repository stores everything late.
    fn behind(&self, number: u64) -> Option<i64> {
        self.0.get(self.0.partition_point(|(first, _)| *first <= number)).map(|(_, at)| *at)
    }
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
        all.extend(holes(archive, since, &ranges).into_iter().map(|hole| gap(&hole, size, cx)));
    }
    all.sort_by_key(|gap: &Gap| std::cmp::Reverse(gap.to));
    all.truncate(MAX_GAPS);
    all
}

fn ranges_of(seen: &Seen, cluster: u64, size: SegmentSize) -> Vec<(u64, u64)> {
    let backups = seen.info.iter().flat_map(|i| &i.backups).filter_map(|(_, b)| b.as_ref().ok());
    let own = backups.filter(|b| b.db_id == cluster);
    own.filter_map(|b| wal_range(b, size).ok().flatten()).map(|(_, first, last)| (first, last)).collect()
}

/// Without those that expiry leaves on purpose: where only the log that each
/// old backup itself needs is kept, a hole reaches exactly from one to the next.
fn holes(archive: &Archive, since: u64, ranges: &[(u64, u64)]) -> Vec<Hole> {
    let mut holes = archive.holes(since);
    holes.retain(|hole| {
        let expired = ranges.iter().any(|(_, last)| *last + 1 == hole.first)
            && ranges.iter().any(|(first, _)| *first == hole.last + 1);
        !expired
    });
    holes
}

fn gap(hole: &Hole, size: SegmentSize, cx: &Cx) -> Gap {
    let count = hole.last - hole.first + 1;
    let (from, to) = (instant(hole.before_ms), instant(hole.after_ms));
    let fresh = to.is_some_and(|at| cx.age(at) < UPLOADING);
    let noun = if count == 1 { "WAL segment is" } else { "WAL segments are" };
    let perhaps = if fresh { "; it may still be on its way" } else { "" };
    Gap {
        from,
        to,
        first_missing: size.name(hole.timeline, hole.first).to_string(),
        last_missing: size.name(hole.timeline, hole.last).to_string(),
        detail: format!("{count} {noun} missing{perhaps}"),
    }
}
