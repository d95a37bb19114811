//! From descriptions and slices to points, windows and gaps. Pure.

use std::collections::BTreeSet;

use lifeboat_core::model::{CopyReport, Dur, Packed, Point, PointKind, PointState, Time, Window, clean_line};

use super::{
    look::{Backup, Seen},
    meta::{Meta, Stamp},
    oplog::instant,
};
use crate::{
    catalog::{Cx, wal::cover},
    net::store::show,
};

/// A description is not renewed while a backup runs, so its length counts.
const RUNNING: Dur = Dur::secs(6 * 3_600);
/// Deeper than any chain of increments that can be restored in time.
const MAX_CHAIN: usize = 1_000;

type Standing = (PointState, String);

pub(super) fn judge(seen: &Seen, cx: &Cx) -> CopyReport {
    let mut report = CopyReport::default();
    let mut windows = Vec::new();
    for (name, backup) in &seen.backups {
        let point = point(name, backup, seen, cx);
        if let (Some(meta), PointState::Usable) = (backup.understood(), point.state) {
            windows.extend(window(meta, seen));
        }
        report.points.push(point);
    }
    windows.sort_by_key(|window| window.from);
    report.windows = cover::merge(windows);
    let done = seen.backups.values().filter_map(Backup::understood).filter(|m| m.status == "done");
    if let Some(since) = done.map(|meta| meta.last_write_ts).filter(|s| *s > Stamp::default()).min() {
        report.gaps = seen.oplog.gaps(since, cx.now);
    }
    report
}

impl Backup {
    fn understood(&self) -> Option<&Meta> {
        self.meta.as_ref()?.as_ref().ok()
    }
}

/// From what a backup lands on as far as every one of its replica sets goes.
fn window(meta: &Meta, seen: &Seen) -> Option<Window> {
    let sets = meta.replsets.iter().map(|set| set.name.as_str());
    let reach = seen.oplog.reach(sets, meta.last_write_ts);
    Some(Window { from: instant(meta.last_write_ts)?, to: instant(reach)? })
}

fn point(name: &str, backup: &Backup, seen: &Seen, cx: &Cx) -> Point {
    let meta = backup.understood();
    let (state, reason) = match &backup.meta {
        None => unfinished(name.parse().ok(), cx),
        Some(Err(why)) => (PointState::Unverified, format!("its description {why}")),
        Some(Ok(meta)) => standing(name, meta, backup, seen, cx),
    };
    let bytes = |size: i64| u64::try_from(size).ok().filter(|size| *size > 0);
    Point {
        id: show(name.as_bytes()),
        kind: match meta.is_some_and(|m| !m.src_backup.is_empty()) {
            true => PointKind::Incremental,
            false => PointKind::Full,
        },
        started_at: meta.and_then(|m| seconds(m.start_ts)).or(name.parse().ok()),
        completed_at: meta.filter(|m| m.status == "done").and_then(|m| instant(m.last_write_ts)),
        size_bytes: meta.and_then(|m| bytes(m.size_uncompressed).or(bytes(m.size))),
        packed: meta.and_then(|m| Packed::of(bytes(m.size_uncompressed), bytes(m.size))),
        state,
        reason: clean_line(&reason),
        depends_on: meta.map(|m| clean_line(&m.src_backup)).into_iter().filter(|s| !s.is_empty()).collect(),
    }
}

fn seconds(since_1970: i64) -> Option<Time> {
    Time::from_timestamp(since_1970, 0).filter(|_| since_1970 > 0)
}

fn unfinished(sign: Option<Time>, cx: &Cx) -> Standing {
    match sign {
        Some(at) if cx.age(at) < RUNNING => (PointState::Running, "it is being made".to_owned()),
        Some(at) => {
            (PointState::Incomplete, format!("it was begun, and there was no sign of it for {}", cx.age(at)))
        }
        None => (PointState::Incomplete, "it was begun and never ended".to_owned()),
    }
}

fn standing(name: &str, meta: &Meta, backup: &Backup, seen: &Seen, cx: &Cx) -> Standing {
    use PointState::*;
    match meta.status.as_str() {
        "done" => {}
        "error" => return (Failed, because("PBM says that it failed", &error_of(meta))),
        "canceled" => return (Failed, "it was cancelled".to_owned()),
        "partlyDone" => return (Incomplete, "only some of its replica sets are done".to_owned()),
        "init" | "ready" | "starting" | "running" | "dumpDone" | "copyReady" | "copyDone" | "down"
        | "cleanupCluster" => {
            let sign = instant(meta.hb).max(seconds(meta.last_transition_ts)).max(seconds(meta.start_ts));
            return unfinished(sign, cx);
        }
        other => return (Unverified, format!("its status {other:?} is not known")),
    }
    if let Some(lack) = &backup.lack {
        return (BrokenChain, lack.clone());
    }
    if let Some(why) = missing_parent(name, meta, seen) {
        return (BrokenChain, why);
    }
    if let Some(set) = meta.replsets.iter().find(|set| set.status != "done") {
        return (Incomplete, format!("its replica set {} is not done", set.name));
    }
    match meta.kind.as_str() {
        "logical" | "physical" | "incremental" => {}
        "external" => {
            return (Unverified, "its data are kept outside this store and not seen here".to_owned());
        }
        other => return (Unverified, format!("its type {other:?} is not known")),
    }
    doubts(meta, cx).unwrap_or((Usable, String::new()))
}

fn doubts(meta: &Meta, cx: &Cx) -> Option<Standing> {
    use PointState::*;
    if meta.replsets.is_empty() {
        return Some((Unverified, "it names no replica set".to_owned()));
    }
    if let Some(first) = meta.namespaces.first() {
        let more = match meta.namespaces.len() - 1 {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        return Some((Suspect, format!("it is selective: it holds only {first}{more}")));
    }
    match instant(meta.last_write_ts) {
        None => Some((Unverified, "it does not tell the instant that it lands on".to_owned())),
        Some(at) if cx.is_future(at) => Some((Suspect, "it says that it ended in the future".to_owned())),
        Some(_) => None,
    }
}

fn error_of(meta: &Meta) -> String {
    let of_set = meta.replsets.iter().find(|set| !set.error.is_empty());
    match (meta.error.as_str(), of_set) {
        ("", Some(set)) => format!("{} on replica set {}", set.error, set.name),
        (error, _) => error.to_owned(),
    }
}

fn because(what: &str, why: &str) -> String {
    if why.is_empty() { what.to_owned() } else { format!("{what}: {why}") }
}

/// Follows increments to the base that all of it rests on.
fn missing_parent(name: &str, meta: &Meta, seen: &Seen) -> Option<String> {
    let mut next = meta.src_backup.as_str();
    let mut passed = BTreeSet::from([name]);
    for _ in 0..MAX_CHAIN {
        if next.is_empty() {
            return None;
        }
        let Some(parent) = seen.backups.get(next) else {
            return Some(format!("it needs {next}, which is gone"));
        };
        if !passed.insert(next) {
            break;
        }
        match (parent.understood(), &parent.lack) {
            (Some(of), None) if of.status == "done" && of.kind == "incremental" => next = &of.src_backup,
            (Some(_), Some(lack)) => return Some(format!("it needs {next}, of which {lack}")),
            _ => return Some(format!("it needs {next}, which is not whole")),
        }
    }
    Some("its chain of increments has no beginning".to_owned())
}
