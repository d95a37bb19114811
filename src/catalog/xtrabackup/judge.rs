//! From positions and times to points. Pure.

use std::collections::BTreeSet;

use lifeboat_core::model::{Code, CopyReport, Dur, Point, PointKind, PointState, Problem, Time};

use super::{
    look::Backup,
    stream::{Checkpoints, Info},
};
use crate::{
    catalog::{
        Cx,
        clock::{Told, in_zone},
    },
    net::store::{Repo, show},
};

/// A folder that grew this recently is being written.
const RUNNING: Dur = Dur::secs(3_600);

pub(super) fn judge(backups: &[Backup], repo: &Repo, cx: &Cx) -> CopyReport {
    let mut report = CopyReport::default();
    report.points.extend(backups.iter().map(|backup| point(backup, backups, cx)));
    let is_local = |b: &Backup| b.info().is_some_and(|i| matches!(i.end, Some(Told::Local(_))));
    if cx.timezone.is_none() && backups.iter().any(is_local) {
        let why = "its times name no zone: each is read as UTC, or as when it was stored if that was earlier";
        let note = Problem::new(Code::COPY_FORMAT, repo.id()).because(why);
        report.notes.push(note.next("name the zone of the database's host with `timezone` in `[defaults]`"));
    }
    report
}

impl Backup {
    fn checkpoints(&self) -> Option<&Checkpoints> {
        self.checkpoints.as_ref()?.as_ref().ok()
    }
    fn info(&self) -> Option<&Info> {
        self.info.as_ref()?.as_ref().ok()
    }
    /// Without a zone, the earlier of two readings: neither makes it younger
    /// than it is, unless the clock runs behind UTC and the store is a copy.
    fn instant(&self, told: Option<Told>, cx: &Cx) -> Option<Time> {
        match (told?, cx.timezone) {
            (Told::At(at), _) => Some(at),
            (Told::Local(local), Some(zone)) => Some(in_zone(local, zone)),
            (Told::Local(local), None) => {
                let utc = in_zone(local, chrono_tz::UTC);
                Some(self.described.map_or(utc, |stored| stored.min(utc)))
            }
        }
    }
}

fn point(backup: &Backup, all: &[Backup], cx: &Cx) -> Point {
    let (state, reason) = standing(backup, all, cx);
    let own = backup.checkpoints();
    let parent = own.filter(|c| c.is_incremental).and_then(|_| parents(backup, all).next());
    Point {
        id: backup.name.clone(),
        kind: match own.is_some_and(|c| c.is_incremental) {
            true => PointKind::Incremental,
            false => PointKind::Full,
        },
        started_at: match backup.info() {
            Some(info) => backup.instant(info.start, cx),
            None => backup.oldest,
        },
        completed_at: backup.info().and_then(|info| backup.instant(info.end, cx)),
        size_bytes: backup.stored,
        packed: None,
        state,
        reason: show(reason.as_bytes()),
        depends_on: parent.map(|p| p.name.clone()).into_iter().collect(),
    }
}

/// From what cannot be mended to what merely raises doubt.
fn standing(backup: &Backup, all: &[Backup], cx: &Cx) -> (PointState, String) {
    use PointState::*;
    match &backup.checkpoints {
        None => return unfinished(backup, cx),
        Some(Err(why)) if why.ends_with("ends early") => return (Incomplete, why.clone()),
        Some(Err(why)) if why.ends_with("is damaged") => return (Suspect, why.clone()),
        Some(Err(why)) => return (Unverified, why.clone()),
        Some(Ok(_)) => {}
    }
    if let Some(piece) = &backup.missing {
        return (BrokenChain, format!("its piece {piece} is missing or empty"));
    }
    if let Some(why) = missing_parent(backup, all) {
        return (BrokenChain, why);
    }
    let info = match &backup.info {
        None => return (Unverified, "it has no xtrabackup_info, so nothing says when it ended".to_owned()),
        Some(Err(why)) => return (Unverified, why.clone()),
        Some(Ok(info)) => info,
    };
    if info.is_partial {
        return (Suspect, "it is partial: only some databases or tables are in it".to_owned());
    }
    match backup.instant(info.end, cx) {
        None => (Unverified, "nothing says when it ended".to_owned()),
        Some(at) if cx.is_future(at) => {
            (Suspect, "it says that it ended in the future: is `timezone` right?".to_owned())
        }
        Some(_) => (Usable, String::new()),
    }
}

fn unfinished(backup: &Backup, cx: &Cx) -> (PointState, String) {
    match backup.newest {
        Some(at) if cx.age(at) < RUNNING => (PointState::Running, "it is being written".to_owned()),
        Some(at) => {
            let since = cx.age(at);
            let why = format!("it has no xtrabackup_checkpoints, and nothing was written for {since}");
            (PointState::Incomplete, why)
        }
        None => (PointState::Incomplete, "it has no xtrabackup_checkpoints".to_owned()),
    }
}

/// Whole backups that end where this one begins.
fn parents<'a>(backup: &'a Backup, all: &'a [Backup]) -> impl Iterator<Item = &'a Backup> {
    let from = backup.checkpoints().map(|c| c.from_lsn);
    all.iter().filter(move |other| {
        let ends = other.checkpoints().map(|c| c.to_lsn);
        other.name != backup.name && ends.is_some() && ends == from && other.missing.is_none()
    })
}

/// Looks for any way down to a full backup. On an idle server several backups
/// may begin and end at one position, so a way may lead round in a circle.
fn missing_parent(backup: &Backup, all: &[Backup]) -> Option<String> {
    let mut passed = BTreeSet::new();
    let mut open = vec![backup];
    let mut dead_end = None;
    while let Some(next) = open.pop() {
        let Some(own) = next.checkpoints() else { continue };
        if !own.is_incremental {
            return None;
        }
        if !passed.insert(next.name.as_str()) {
            continue;
        }
        let before = open.len();
        open.extend(parents(next, all));
        if open.len() == before {
            dead_end = Some(match next.name == backup.name {
                true => format!("it needs a backup that ends at LSN {}, and there is none", own.from_lsn),
                false => format!(
                    "it needs {}, which needs a backup that ends at LSN {}, and there is none",
                    next.name, own.from_lsn
                ),
            });
        }
    }
    Some(dead_end.unwrap_or_else(|| "its chain of increments has no beginning".to_owned()))
}
