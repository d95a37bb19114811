//! From what was seen of a server to points, windows and gaps. Pure.

use lifeboat_core::model::{
    Code, CopyReport, Dur, Gap, Point, PointKind, PointState, Problem, Time, clean_line,
};

use super::{
    info::{Info, Status},
    look::{Backup, Seen},
};
use crate::{
    catalog::{
        Cx,
        clock::{Told, in_zone},
        wal::cover::{self, Naming, Span, Waits},
    },
    net::store::Repo,
};

/// A tar appears when its upload ends, which takes hours for a large one.
const RUNNING: Dur = Dur::secs(6 * 3_600);
/// Deeper than any chain of differences that can be restored in time.
const MAX_CHAIN: usize = 1_000;

type Standing = (PointState, String);

pub(super) fn judge(seen: &Seen, repo: &Repo, cx: &Cx) -> CopyReport {
    let mut report = CopyReport { notes: seen.notes.clone(), ..CopyReport::default() };
    let mut spans = Vec::new();
    for backup in &seen.backups {
        let Some(point) = point(backup, seen, cx) else { continue };
        if let Some(mut span) = backup.understood().and_then(|info| span(info, seen, cx)) {
            span.usable = point.state == PointState::Usable;
            spans.push((span, backup.is_standalone));
        }
        report.points.push(point);
    }
    let local = |b: &Backup| b.understood().is_some_and(|i| matches!(i.end_time, Some(Told::Local(_))));
    if cx.timezone.is_none() && seen.backups.iter().any(local) {
        let note = Problem::new(Code::COPY_FORMAT, repo.id())
            .because("its times name no zone and were read as UTC")
            .next("name the zone of its host with `timezone` in `[defaults]`");
        report.notes.push(note);
    }
    report.gaps = gaps(seen, &spans, cx);
    let spans: Vec<Span> = spans.into_iter().map(|(span, _)| span).collect();
    report.windows = cover::windows(Some(&seen.archive), &spans);
    report
}

impl Backup {
    fn understood(&self) -> Option<&Info> {
        self.info.as_ref()?.as_ref().ok()
    }
}

fn instant(told: Option<Told>, cx: &Cx) -> Option<Time> {
    match told? {
        Told::At(at) => Some(at),
        Told::Local(local) => Some(in_zone(local, cx.timezone.unwrap_or(chrono_tz::UTC))),
    }
}

/// `None` for a folder that holds nothing: one that is being deleted.
fn point(backup: &Backup, seen: &Seen, cx: &Cx) -> Option<Point> {
    let info = backup.understood();
    let (state, reason) = match &backup.info {
        None if backup.files.is_empty() && backup.folders.is_empty() => return None,
        None => unfinished(backup.newest, cx),
        Some(Err(why)) => (PointState::Unverified, clean_line(&format!("its backup.info {why}"))),
        Some(Ok(info)) => standing(backup, info, seen, cx),
    };
    let stored = backup.tars().map(|(_, size)| *size).fold(0, u64::saturating_add);
    Some(Point {
        id: clean_line(&backup.id),
        kind: match info.is_some_and(|i| i.parent.is_some()) {
            true => PointKind::Incremental,
            false => PointKind::Full,
        },
        started_at: info.and_then(|i| instant(i.begin_time, cx)).or(backup.oldest.filter(|_| info.is_none())),
        completed_at: info
            .filter(|i| matches!(i.status, Status::Done | Status::WaitingForWals))
            .and_then(|i| instant(i.end_time, cx)),
        size_bytes: info.and_then(|i| i.size).or((stored > 0).then_some(stored)),
        packed: None,
        state,
        reason,
        depends_on: info.and_then(|i| i.parent.as_deref()).map(clean_line).into_iter().collect(),
    })
}

/// Nothing tells a killed attempt from one that goes on, but its age.
fn unfinished(newest: Option<Time>, cx: &Cx) -> Standing {
    match newest {
        Some(at) if cx.age(at) < RUNNING => (PointState::Running, "it is being written".to_owned()),
        Some(at) => (
            PointState::Incomplete,
            format!("it was begun, and nothing was written for {}", cx.age(at).at_least_zero()),
        ),
        None => (PointState::Incomplete, "it was begun and has no backup.info".to_owned()),
    }
}

fn standing(backup: &Backup, info: &Info, seen: &Seen, cx: &Cx) -> Standing {
    use PointState::*;
    match &info.status {
        Status::Done | Status::WaitingForWals => {}
        Status::Failed => {
            let why = info.error.as_deref().map_or(String::new(), |e| format!(": {}", clean_line(e)));
            return (Failed, format!("Barman says that it failed{why}"));
        }
        Status::Empty | Status::Started | Status::Syncing => {
            return unfinished(backup.newest.max(instant(info.begin_time, cx)), cx);
        }
        Status::Other(other) => {
            return (Unverified, format!("its status {:?} is not known", clean_line(other)));
        }
    }
    if let Some(why) = missing_data(backup, info) {
        return (BrokenChain, why);
    }
    if let Some(why) = missing_parent(info, seen) {
        return (BrokenChain, why);
    }
    let Some(span) = span(info, seen, cx) else {
        return (Unverified, "its backup.info does not tell which WAL it needs: cut off?".to_owned());
    };
    if let Some(standing) = cover::lacking(Some(&seen.archive), &span, seen.size, Waits::No, cx.now) {
        return standing;
    }
    if info.status == Status::WaitingForWals {
        return (Incomplete, "Barman has not confirmed yet that its WAL is whole".to_owned());
    }
    if info.is_snapshot {
        let why = "its data are snapshots of disks, kept by the cloud's provider and not seen here";
        return (Unverified, why.to_owned());
    }
    doubts(info, seen, cx).unwrap_or((Usable, String::new()))
}

/// What raises doubt though all is there.
fn doubts(info: &Info, seen: &Seen, cx: &Cx) -> Option<Standing> {
    let newest = seen.backups.iter().find_map(|b| b.understood()?.system.as_ref());
    if let (Some(own), Some(newest)) = (&info.system, newest)
        && own != newest
    {
        let why = format!("it is of another cluster ({}), with whose log this one is mixed", clean_line(own));
        return Some((PointState::Suspect, why));
    }
    match instant(info.end_time, cx) {
        None => Some((PointState::Unverified, "nothing says when it ended".to_owned())),
        Some(at) if cx.is_future(at) => {
            Some((PointState::Suspect, "it says that it ended in the future".to_owned()))
        }
        Some(_) => None,
    }
}

impl Backup {
    fn tars(&self) -> impl Iterator<Item = (&str, &u64)> {
        self.files.iter().map(|(name, size)| (name.as_str(), size)).filter(|(name, _)| name.contains(".tar"))
    }
    /// Whether `data.tar`, `data_0001.tar.gz`, … of this name are there from the
    /// first to the last; with the first that is not, or is empty.
    fn tar_parts(&self, stem: &str) -> Result<(), String> {
        let mut parts: Vec<u32> = Vec::new();
        for (name, size) in self.tars() {
            let part = name.split(".tar").next().and_then(|n| n.strip_prefix(stem));
            let part =
                part.and_then(|p| if p.is_empty() { Some(0) } else { p.strip_prefix('_')?.parse().ok() });
            match part {
                Some(_) if *size == 0 => return Err(format!("{name} is empty")),
                Some(part) => parts.push(part),
                None => {}
            }
        }
        parts.sort_unstable();
        let hole = parts.iter().zip(0u32..).find(|(part, expected)| *part != expected);
        match (parts.is_empty(), hole) {
            (true, _) => Err(format!("{stem}.tar is gone")),
            (_, Some((_, 0))) => Err(format!("{stem}.tar is gone")),
            (_, Some((_, missing))) => Err(format!("{stem}_{missing:04}.tar is gone")),
            _ => Ok(()),
        }
    }
}

/// Which of its files is not there, as far as a listing tells.
fn missing_data(backup: &Backup, info: &Info) -> Option<String> {
    if info.is_snapshot {
        return None;
    }
    let spaces = info.tablespaces.iter().map(u32::to_string);
    if backup.tars().next().is_none() && backup.folders.contains("data") {
        // compressed, the tablespaces lie in the same folder as the rest
        let mut gone = spaces.filter(|oid| !info.is_compressed && !backup.folders.contains(oid));
        return gone.next().map(|oid| format!("its tablespace {oid} is gone"));
    }
    if backup.tars().next().is_none() {
        return Some("its data are gone".to_owned());
    }
    let stems = std::iter::once("data".to_owned()).chain(spaces);
    stems.filter_map(|stem| backup.tar_parts(&stem).err()).map(|why| clean_line(&why)).next()
}

/// Follows parents to the full backup that all of it rests on.
fn missing_parent(info: &Info, seen: &Seen) -> Option<String> {
    let mut next = info.parent.as_deref();
    for _ in 0..MAX_CHAIN {
        let id = next?;
        let shown = clean_line(id);
        let Some(parent) = seen.backups.iter().find(|b| b.id == id) else {
            return Some(format!("it needs {shown}, which is gone"));
        };
        match parent.understood() {
            Some(of) if matches!(of.status, Status::Done | Status::WaitingForWals) => {
                if let Some(why) = missing_data(parent, of) {
                    return Some(format!("it needs {shown}, of which {why}"));
                }
                next = of.parent.as_deref();
            }
            _ => return Some(format!("it needs {shown}, which is not whole")),
        }
    }
    Some("its chain of parents has no beginning".to_owned())
}

/// Where it lies in the log; `None` where that is not told in a way that can be
/// believed.
fn span(info: &Info, seen: &Seen, cx: &Cx) -> Option<Span> {
    let (begin, end) = info.wal.filter(|_| info.segment == Some(seen.size))?;
    let (first, last) = (seen.size.number(begin)?, seen.size.number(end)?);
    let span = Span {
        timeline: begin.timeline,
        first,
        last,
        started: instant(info.begin_time, cx),
        completed: instant(info.end_time, cx),
        usable: false,
    };
    (begin.timeline == end.timeline && first <= last).then_some(span)
}

/// From the oldest backup on whose log is kept; one that is kept by itself has
/// holes behind it on purpose.
fn gaps(seen: &Seen, spans: &[(Span, bool)], cx: &Cx) -> Vec<Gap> {
    let firsts = |standalone: bool| spans.iter().filter(move |(_, s)| *s == standalone).map(|(s, _)| s.first);
    let Some(since) = firsts(false).min().or(firsts(true).max()) else { return Vec::new() };
    let name = |line, number| seen.size.name(line, number).to_string();
    cover::gaps(&seen.archive, since, &[], &Naming { name: &name, noun: "WAL segment" }, cx.now)
}
