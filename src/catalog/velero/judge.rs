//! From phases, tarballs and volumes to points. Pure.

use lifeboat_core::model::{Code, CopyReport, Dur, Point, PointKind, PointState, Problem, Time, clean_line};

use super::{
    look::{Found, Seen},
    resource::{Backup, Place, Volume},
};
use crate::{catalog::Cx, net::store::Repo};

/// A folder without its resource that grew this recently is being uploaded.
const RUNNING: Dur = Dur::secs(3_600);
/// How long Velero waits for data to be moved where the backup says nothing.
const OPERATIONS: Dur = Dur::secs(4 * 3_600);
/// Velero's garbage collection runs every hour.
const COLLECTED: Dur = Dur::secs(86_400);

type Standing = (PointState, String);

pub(super) fn judge(seen: &Seen, repo: &Repo, cx: &Cx) -> CopyReport {
    let mut report = CopyReport::default();
    report.points.extend(seen.backups.iter().map(|found| point(found, seen, cx)));
    let late = |found: &&Found| {
        let expires = found.understood().and_then(|b| b.status.expiration);
        expires.is_some_and(|at| cx.age(at) > COLLECTED)
    };
    let stuck = seen.backups.iter().filter(late).count();
    if stuck > 0 {
        let why = format!("{stuck} of the backups here expired more than a day ago and were not deleted");
        let note = Problem::new(Code::COPY_FORMAT, repo.id()).because(why);
        report.notes.push(note.next("see why Velero's garbage collection does not delete them"));
    }
    report
}

impl Found {
    fn understood(&self) -> Option<&Backup> {
        self.resource.as_ref()?.as_ref().ok()
    }
}

fn point(found: &Found, seen: &Seen, cx: &Cx) -> Point {
    let (state, reason) = match &found.resource {
        None => unfinished(found.newest, cx),
        Some(Err(why)) => (PointState::Unverified, format!("its velero-backup.json {why}")),
        Some(Ok(backup)) => standing(found, backup, seen, cx),
    };
    let status = found.understood().map(|b| &b.status);
    Point {
        id: clean_line(&found.name),
        kind: PointKind::Snapshot,
        started_at: status.map_or(found.oldest, |s| s.start_timestamp),
        completed_at: status.and_then(|s| s.completion_timestamp),
        size_bytes: (found.stored > 0).then_some(found.stored),
        packed: None,
        state,
        reason: clean_line(&reason),
        depends_on: Vec::new(),
    }
}

/// The resource is uploaded after the log and before the rest.
fn unfinished(newest: Option<Time>, cx: &Cx) -> Standing {
    match newest {
        Some(at) if cx.age(at) < RUNNING => (PointState::Running, "it is being written".to_owned()),
        Some(at) => {
            let since = cx.age(at);
            let why = format!("it has no velero-backup.json, and nothing was written for {since}");
            (PointState::Incomplete, why)
        }
        None => (PointState::Incomplete, "it has no velero-backup.json".to_owned()),
    }
}

fn standing(found: &Found, backup: &Backup, seen: &Seen, cx: &Cx) -> Standing {
    use PointState::*;
    let status = &backup.status;
    match status.phase.as_str() {
        "Completed" | "PartiallyFailed" => finished(found, backup, seen, cx),
        "Failed" => (Failed, because("Velero says that it failed", &status.failure_reason)),
        "FailedValidation" => (Failed, because("Velero refused it", &status.validation_errors.join("; "))),
        "Deleting" => (Expired, "it is being deleted".to_owned()),
        "" | "New" | "Queued" | "ReadyToStart" | "InProgress" => {
            going_on("it is being made", found, backup, cx)
        }
        phase if phase.starts_with("WaitingForPluginOperations") => {
            going_on("the data of its volumes are still being moved", found, backup, cx)
        }
        phase if phase.starts_with("Finalizing") => going_on("it is being finished", found, backup, cx),
        other => (Unverified, format!("its phase {other:?} is not known")),
    }
}

fn because(what: &str, why: &str) -> String {
    if why.is_empty() { what.to_owned() } else { format!("{what}: {why}") }
}

/// Not usable yet; beyond the time that Velero allows, it will not become so.
fn going_on(what: &str, found: &Found, backup: &Backup, cx: &Cx) -> Standing {
    let allowed = backup.spec.item_operation_timeout.as_deref().and_then(|t| t.parse::<Dur>().ok());
    let allowed = allowed.filter(|d| *d > Dur::ZERO).unwrap_or(OPERATIONS) + RUNNING;
    match backup.status.start_timestamp.max(found.newest) {
        Some(at) if cx.age(at) < allowed => (PointState::Running, what.to_owned()),
        Some(at) => {
            let since = cx.age(at);
            (PointState::Incomplete, format!("{what}, and nothing changed for {since}"))
        }
        None => (PointState::Incomplete, what.to_owned()),
    }
}

/// From what cannot be mended to what merely raises doubt.
fn finished(found: &Found, backup: &Backup, seen: &Seen, cx: &Cx) -> Standing {
    use PointState::*;
    let status = &backup.status;
    match found.tarball {
        None => return (BrokenChain, "its tarball is gone".to_owned()),
        Some(0) => return (BrokenChain, "its tarball is empty".to_owned()),
        Some(_) => {}
    }
    if let Some(why) = lost_data(found, backup, seen) {
        return (BrokenChain, why);
    }
    if let Some(at) = status.expiration.filter(|at| *at <= cx.now) {
        return (Expired, format!("it expired {} ago, and Velero may delete it at any moment", cx.age(at)));
    }
    if status.phase == "PartiallyFailed" {
        let failed = first(found, |v| v.result == "failed");
        let of = failed.map_or(String::new(), |name| format!(": volume {name} is not in it"));
        let noun = if status.errors == 1 { "error" } else { "errors" };
        return (Suspect, format!("Velero says that it failed in part, with {} {noun}{of}", status.errors));
    }
    if let Some(why) = doubts(found, backup) {
        return (Suspect, why);
    }
    match status.completion_timestamp {
        None => (Unverified, "nothing says when it ended".to_owned()),
        Some(at) if cx.is_future(at) => (Suspect, "it says that it ended in the future".to_owned()),
        Some(_) => (Usable, String::new()),
    }
}

fn volumes(found: &Found) -> impl Iterator<Item = &Volume> {
    found.volumes.iter().flatten().flatten().filter(|v| !v.skipped)
}

fn first(found: &Found, which: impl Fn(&Volume) -> bool) -> Option<String> {
    volumes(found).find(|v| which(v)).map(Volume::name)
}

/// Volumes whose data should be here and have no repository.
fn lost_data(found: &Found, backup: &Backup, seen: &Seen) -> Option<String> {
    for volume in volumes(found).filter(|v| v.result != "failed") {
        if let Place::Here { uploader, namespace } = volume.place()
            && !seen.data.contains(&(uploader.to_owned(), namespace.to_owned()))
        {
            let name = volume.name();
            return Some(format!("the data of volume {name} are gone: there is no {uploader}/{namespace}/"));
        }
    }
    let moved = backup.spec.snapshot_move_data == Some(true)
        && backup.status.backup_item_operations_completed > 0
        && found.volumes.is_none();
    (moved && seen.data.is_empty()).then(|| "the data of its volumes are gone".to_owned())
}

/// Snapshots lie with the cluster or its provider: they are lost with it.
fn doubts(found: &Found, backup: &Backup) -> Option<String> {
    let status = &backup.status;
    match &found.volumes {
        Some(Err(why)) => return Some(format!("its list of volumes {why}")),
        Some(Ok(_)) => {
            if let Some(name) = first(found, |v| v.result == "failed") {
                return Some(format!("volume {name} is not in it"));
            }
            for volume in volumes(found) {
                match volume.place() {
                    Place::Here { .. } => {}
                    Place::Snapshot => {
                        return Some(format!("volume {} is a snapshot outside this store", volume.name()));
                    }
                    Place::Elsewhere(mover) => {
                        let name = volume.name();
                        return Some(format!("volume {name} was moved by {mover:?}, outside this store"));
                    }
                }
            }
        }
        None => {
            let csi =
                if backup.spec.snapshot_move_data == Some(true) { 0 } else { status.csi_snapshots_completed };
            let outside = status.volume_snapshots_completed.saturating_add(csi);
            if outside > 0 {
                let noun = if outside == 1 { "volume snapshot lies" } else { "volume snapshots lie" };
                return Some(format!("{outside} {noun} outside this store"));
            }
        }
    }
    None
}
