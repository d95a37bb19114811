//! PostgreSQL: sentinels with positions in the log, `wal_005/`.

use std::collections::BTreeMap;

use lifeboat_core::model::{
    Code, CopyReport, Gap, Packed, Point, PointKind, PointState, Problem, Time, clean_line,
};
use serde::Deserialize;

use super::{
    backups::{Backup, Backups, attempt, bare, metadata},
    is_extension,
};
use crate::{
    catalog::{
        Cx,
        wal::{
            Archive, SegmentName, SegmentSize,
            cover::{self, Naming, Span, Waits},
            hex8, history,
            listed::{self, Listed},
        },
    },
    net::store::Repo,
};

pub(super) use crate::catalog::wal::listed::Kept;

/// A sentinel, version 1 or 2; positions and the cluster's identity are 64-bit
/// numbers. Sizes are bytes.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Sentinel {
    #[serde(rename = "LSN")]
    lsn: Option<u64>,
    #[serde(rename = "FinishLSN")]
    finish_lsn: Option<u64>,
    delta_from: Option<String>,
    system_identifier: Option<u64>,
    uncompressed_size: Option<i64>,
    compressed_size: Option<i64>,
    data_catalog_size: Option<i64>,
    start_time: Option<Time>,
    finish_time: Option<Time>,
    is_permanent: Option<bool>,
    version: i64,
    files_metadata_disabled: bool,
}

/// What `metadata.json` adds to a sentinel that does not tell it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Metadata {
    start_time: Option<Time>,
    finish_time: Option<Time>,
    is_permanent: Option<bool>,
}

/// All that the judge looks at.
struct Seen<'a> {
    backups: &'a Backups,
    sentinels: BTreeMap<&'a str, Result<Sentinel, String>>,
    size: SegmentSize,
    archive: Archive,
    notes: Vec<Problem>,
}

pub(super) async fn read(backups: &Backups, root: &str, repo: &Repo, cx: &Cx) -> Result<CopyReport, Problem> {
    let mut sentinels = BTreeMap::new();
    for (name, backup) in &backups.0 {
        let Some(mut sentinel) = parsed(backup) else { continue };
        if let Ok(sentinel) = &mut sentinel
            && sentinel.finish_time.is_none()
        {
            complete(sentinel, root, name, backup, repo, cx).await?;
        }
        sentinels.insert(name.as_str(), sentinel);
    }
    let size = SegmentSize::infer(positions(&sentinels).into_iter());
    let mut seen = Seen { backups, sentinels, size, archive: Archive::default(), notes: Vec::new() };
    look_at_wal(&mut seen, root, repo, cx).await?;
    Ok(judge(&seen, cx))
}

pub(super) fn parse(bytes: &[u8]) -> Result<Sentinel, String> {
    serde_json::from_slice(bytes).map_err(|e| format!("cannot be understood: {e}"))
}

fn parsed(backup: &Backup) -> Option<Result<Sentinel, String>> {
    let text = backup.sentinel.as_ref()?;
    Some(text.as_ref().map_err(Clone::clone).and_then(|bytes| parse(bytes)))
}

/// Old sentinels have no times: `metadata.json` may, else it is when the
/// sentinel was stored, which is what WAL-G itself goes by.
async fn complete(
    sentinel: &mut Sentinel,
    root: &str,
    name: &str,
    backup: &Backup,
    repo: &Repo,
    cx: &Cx,
) -> Result<(), Problem> {
    let bytes = metadata(root, name, repo, cx).await?;
    let metadata: Metadata = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
    sentinel.start_time = sentinel.start_time.or(metadata.start_time);
    sentinel.finish_time = metadata.finish_time;
    sentinel.is_permanent = sentinel.is_permanent.or(metadata.is_permanent);
    if sentinel.finish_time.is_none() {
        sentinel.finish_time = backup.stored;
        let note = "some backups do not tell when they ended: when they were stored counts instead";
        cx.work.note(
            Problem::new(Code::COPY_FORMAT, repo.id())
                .because(note)
                .next("mind that a copied repository is as young as its copy"),
        );
    }
    Ok(())
}

fn positions(sentinels: &BTreeMap<&str, Result<Sentinel, String>>) -> Vec<(u64, SegmentName)> {
    let told = sentinels.iter().filter_map(|(name, s)| Some((s.as_ref().ok()?.lsn?, first_segment(name)?)));
    told.collect()
}

/// `base_<24 hex>`, and more behind it for a delta.
fn first_segment(name: &str) -> Option<SegmentName> {
    SegmentName::parse(name.strip_prefix("base_")?.as_bytes().get(..24)?)
}

async fn look_at_wal(seen: &mut Seen<'_>, root: &str, repo: &Repo, cx: &Cx) -> Result<(), Problem> {
    let prefix = format!("{root}wal_005/");
    let size = seen.size;
    let Listed { archive, histories, .. } =
        listed::list(&prefix, size, repo, cx, |name| classify(name, size)).await?;
    seen.archive = archive;
    let histories = history::Files { there: &histories, folder: &prefix, key: None };
    seen.notes = history::follow(&mut seen.archive, &histories, seen.size, repo, cx).await?;
    Ok(())
}

/// `<24 hex>.lz4`, `<24 hex>.partial.lz4`, `<8 hex>.history.lz4`; what describes
/// segments (`.json`, `_delta`) and labels of backups are passed over.
pub(super) fn classify(name: &[u8], size: SegmentSize) -> Option<Kept> {
    if let Some(rest) = name.get(8..).and_then(|rest| rest.strip_prefix(b".history")) {
        return hex8(name.get(..8)?).filter(|_| is_extension(rest)).map(Kept::History);
    }
    let segment = SegmentName::parse(name.get(..24)?)?;
    let number = size.number(segment)?;
    match name.get(24..)? {
        rest if rest.starts_with(b".partial") => Some(Kept::Partial(segment.timeline, number)),
        rest => is_extension(rest).then_some(Kept::Segment(segment.timeline, number)),
    }
}

fn judge(seen: &Seen<'_>, cx: &Cx) -> CopyReport {
    let mut report = CopyReport { notes: seen.notes.clone(), ..CopyReport::default() };
    let mut spans = Vec::new();
    for (name, backup) in &seen.backups.0 {
        let point = match seen.sentinels.get(name.as_str()) {
            None => attempt(name, &backup.folder, cx),
            Some(Err(why)) => bare(name, PointState::Unverified, format!("its sentinel {why}")),
            Some(Ok(sentinel)) => {
                let point = point(name, sentinel, backup, seen, cx);
                if let Some(mut span) = span(name, sentinel, seen.size) {
                    span.usable = point.state == PointState::Usable;
                    spans.push((span, sentinel.is_permanent == Some(true)));
                }
                point
            }
        };
        report.points.push(point);
    }
    report.gaps = gaps(seen, &spans, cx);
    let spans: Vec<Span> = spans.into_iter().map(|(span, _)| span).collect();
    report.windows = cover::windows(Some(&seen.archive), &spans);
    report
}

fn point(name: &str, sentinel: &Sentinel, backup: &Backup, seen: &Seen<'_>, cx: &Cx) -> Point {
    let (state, reason) = standing(name, sentinel, backup, seen, cx);
    let bytes = |size: Option<i64>| size.and_then(|s| u64::try_from(s).ok()).filter(|s| *s > 0);
    Point {
        kind: match sentinel.delta_from {
            Some(_) => PointKind::Incremental,
            None => PointKind::Full,
        },
        started_at: sentinel.start_time,
        completed_at: sentinel.finish_time,
        size_bytes: bytes(sentinel.data_catalog_size).or(bytes(sentinel.uncompressed_size)),
        packed: Packed::of(bytes(sentinel.uncompressed_size), bytes(sentinel.compressed_size)),
        depends_on: sentinel.delta_from.as_deref().map(clean_line).into_iter().collect(),
        ..bare(name, state, reason)
    }
}

fn standing(
    name: &str,
    sentinel: &Sentinel,
    backup: &Backup,
    seen: &Seen<'_>,
    cx: &Cx,
) -> (PointState, String) {
    use PointState::*;
    let lacks = |name: &str, backup: &Backup| {
        let sentinel = seen.sentinels.get(name).and_then(|s| s.as_ref().ok());
        lacks(sentinel, backup)
    };
    if let Some(lack) = lacks(name, backup) {
        return (BrokenChain, lack.to_owned());
    }
    let delta_from = |name: &str| match seen.sentinels.get(name) {
        Some(Ok(sentinel)) => Ok(sentinel.delta_from.clone()),
        _ => Err(()),
    };
    if let Some(why) = seen.backups.missing_parent(name, delta_from, lacks) {
        return (BrokenChain, why);
    }
    let Some(span) = span(name, sentinel, seen.size) else {
        return (Unverified, "its sentinel does not tell which WAL it needs".to_owned());
    };
    if let Some(standing) = cover::lacking(Some(&seen.archive), &span, seen.size, Waits::No, cx.now) {
        return standing;
    }
    // names end in a position: the last is the newest
    let newest = seen.sentinels.values().rev().find_map(|s| s.as_ref().ok()?.system_identifier);
    if let (Some(own), Some(newest)) = (sentinel.system_identifier, newest)
        && own != newest
    {
        return (Suspect, format!("it is of another cluster ({own}), with whose log this one is mixed"));
    }
    match sentinel.finish_time {
        None => (Unverified, "nothing says when it ended".to_owned()),
        Some(at) if cx.is_future(at) => (Suspect, "it says that it ended in the future".to_owned()),
        Some(_) => (Usable, String::new()),
    }
}

/// Sentinels from version 2 on insist on the list of files.
fn lacks(sentinel: Option<&Sentinel>, backup: &Backup) -> Option<&'static str> {
    let lists_files = sentinel.is_some_and(|s| s.version >= 2 && !s.files_metadata_disabled);
    match &backup.folder {
        _ if backup.sentinel.is_none() => Some("the sentinel is gone"),
        folder if !folder.is_there => Some("its folder is gone"),
        folder if folder.data == 0 => Some("its data are gone"),
        folder if !folder.has_control => Some("its pg_control.tar is gone"),
        folder if lists_files && !folder.has_files => Some("its files_metadata.json is gone"),
        _ => None,
    }
}

/// Where it lies in the log. The position at which it finished is behind the
/// last record that it needs.
fn span(name: &str, sentinel: &Sentinel, size: SegmentSize) -> Option<Span> {
    let begin = first_segment(name)?;
    let first = size.number(begin)?;
    let last = size.number_of(sentinel.finish_lsn?.checked_sub(1)?);
    let (started, completed) = (sentinel.start_time, sentinel.finish_time);
    let span = Span { timeline: begin.timeline, first, last, started, completed, usable: false };
    // a start in another segment than the name's means that the size is not known
    let fits = sentinel.lsn.is_none_or(|lsn| size.number_of(lsn) == first);
    (first <= last && fits).then_some(span)
}

/// From the oldest backup that retention counts; a permanent one outlives the
/// log behind it.
fn gaps(seen: &Seen<'_>, spans: &[(Span, bool)], cx: &Cx) -> Vec<Gap> {
    let firsts = |permanent: bool| spans.iter().filter(move |(_, p)| *p == permanent).map(|(s, _)| s.first);
    let Some(since) = firsts(false).min().or(firsts(true).max()) else { return Vec::new() };
    let name = |line, number| seen.size.name(line, number).to_string();
    cover::gaps(&seen.archive, since, &[], &Naming { name: &name, noun: "WAL segment" }, cx.now)
}
