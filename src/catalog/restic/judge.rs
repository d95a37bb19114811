//! From what was read to points and notes. Pure.

use std::collections::{BTreeMap, BTreeSet};

use lifeboat_core::model::{
    Code, CopyDef, CopyReport, Dur, Packed, Point, PointKind, PointState, Problem, Time, clean_line,
};

use super::{
    look::{File, Seen, Trouble},
    packs::{Packs, Verdict},
    parse::{Id, Lock, Snapshot, short},
    walk::Trees,
};
use crate::catalog::{Cx, option};

/// restic writes a lock anew every five minutes.
const STALE: Dur = Dur::secs(30 * 60);

/// The repository, opened.
#[derive(Debug, Default)]
pub(super) struct Inside {
    pub snapshots: Vec<(File, Result<Snapshot, Trouble>)>,
    pub packs: Packs,
    pub trees: Option<Trees>,
    /// Why nothing can be restored.
    pub dead: Option<String>,
    /// Why nothing can be said.
    pub unread: Option<String>,
    /// Why there is doubt about everything.
    pub doubt: Option<String>,
    /// Part of `data/` could not be listed.
    pub partly: bool,
}

/// Which snapshots are meant.
#[derive(Debug, Default)]
pub(super) struct Filter {
    host: Option<String>,
    tags: Vec<String>,
    paths: Vec<String>,
}

impl Filter {
    pub fn of(copy: &CopyDef) -> Self {
        let texts = |name: &str| {
            let list = copy.options.get(name).and_then(|v| v.as_array());
            list.into_iter().flatten().filter_map(|v| v.as_str()).map(str::to_owned).collect()
        };
        let host = option(copy, "host").map(str::to_owned);
        Self { host, tags: texts("tags"), paths: texts("paths") }
    }
    fn admits(&self, snapshot: &Snapshot) -> bool {
        self.host.as_ref().is_none_or(|host| *host == snapshot.hostname)
            && self.tags.iter().all(|tag| snapshot.tags.contains(tag))
            && self.paths.iter().all(|path| snapshot.paths.contains(path))
    }
}

pub(super) fn judge(inside: &Inside, filter: &Filter, cx: &Cx) -> CopyReport {
    let names = names(inside.snapshots.iter().map(|(file, _)| &file.id));
    let mut report = CopyReport::default();
    for (file, snapshot) in &inside.snapshots {
        let name = names.get(&file.id).cloned().unwrap_or_else(|| hex::encode(file.id));
        match snapshot {
            Ok(snapshot) if filter.admits(snapshot) => {
                report.points.push(point(name, snapshot, inside, cx));
            }
            Ok(_) | Err(Trouble::Gone) => {}
            Err(Trouble::Damaged(why)) => {
                let reason = format!("its snapshot file is damaged: {why}");
                report.points.push(closed(name, file, PointState::BrokenChain, reason));
            }
            Err(Trouble::Unread(problem)) => {
                let reason = clean_line(&format!("its snapshot file could not be read: {problem}"));
                report.points.push(closed(name, file, PointState::Unverified, reason));
            }
        }
    }
    report
}

/// Points of a repository that stays closed, by its listing.
pub(super) fn closed_points(seen: &Seen, state: PointState, reason: &str) -> Vec<Point> {
    let names = names(seen.snapshots.keys());
    let name = |id: &Id| names.get(id).cloned().unwrap_or_else(|| hex::encode(id));
    seen.snapshots.values().map(|file| closed(name(&file.id), file, state, reason.to_owned())).collect()
}

/// Short as `restic snapshots` shows them; whole where two begin alike.
fn names<'a>(ids: impl Iterator<Item = &'a Id>) -> BTreeMap<Id, String> {
    let ids: BTreeSet<_> = ids.collect();
    let mut count = BTreeMap::new();
    ids.iter().for_each(|id| *count.entry(short(id)).or_insert(0) += 1);
    let name = |id: &Id| Some(short(id)).filter(|s| count.get(s) == Some(&1));
    ids.into_iter().map(|id| (*id, name(id).unwrap_or_else(|| hex::encode(id)))).collect()
}

/// A snapshot whose own file says nothing: its time is when it was stored.
fn closed(name: String, file: &File, state: PointState, reason: String) -> Point {
    Point {
        id: name,
        kind: PointKind::Snapshot,
        started_at: None,
        completed_at: file.modified,
        size_bytes: None,
        packed: None,
        state,
        reason,
        depends_on: Vec::new(),
    }
}

/// Its instant is the snapshot's `time`, when reading the source began: what
/// changed after that may not be in it.
fn point(name: String, snapshot: &Snapshot, inside: &Inside, cx: &Cx) -> Point {
    let (state, reason) = standing(snapshot, inside, cx);
    let summary = snapshot.summary.as_ref();
    Point {
        id: name,
        kind: PointKind::Snapshot,
        started_at: Some(summary.and_then(|s| s.backup_start).unwrap_or(snapshot.time)),
        completed_at: Some(snapshot.time),
        size_bytes: summary.and_then(|s| s.total_bytes_processed),
        packed: summary.and_then(|s| Packed::of(s.data_added, s.data_added_packed)),
        state,
        reason,
        // every snapshot stands for itself; `parent` only made it faster
        depends_on: Vec::new(),
    }
}

fn standing(snapshot: &Snapshot, inside: &Inside, cx: &Cx) -> (PointState, String) {
    use PointState::*;
    if let Some(why) = &inside.dead {
        return (BrokenChain, why.clone());
    }
    if let Some(why) = &inside.unread {
        return (Unverified, why.clone());
    }
    let verdict = match &inside.trees {
        Some(trees) => trees.verdict(&snapshot.tree),
        // not walked: the root alone, and whatever is wrong anywhere raises doubt
        None => inside.packs.blob(&snapshot.tree),
    };
    match verdict {
        Verdict::Good => {}
        Verdict::Doubtful(pack) => return (Suspect, format!("{}, which it needs", inside.packs.tell(pack))),
        Verdict::Lost(_) if inside.partly => {
            return (Unverified, "not all of data/ could be listed".to_owned());
        }
        Verdict::Damaged(pack) | Verdict::Lost(pack) => {
            return (BrokenChain, format!("{}, which it needs", damaged(verdict, pack, inside)));
        }
        Verdict::NoIndex => {
            let why = "part of it is in no index: an index file is lost or has not arrived";
            return (BrokenChain, why.to_owned());
        }
    }
    if inside.trees.is_none()
        && let Some(pack) = inside.packs.bad().next()
    {
        let told = inside.packs.tell(pack);
        return match inside.partly {
            true => (Unverified, "not all of data/ could be listed".to_owned()),
            false => (Suspect, format!("{told}; whether this snapshot needs it was not established")),
        };
    }
    if let Some(why) = &inside.doubt {
        return (Suspect, why.clone());
    }
    match cx.is_future(snapshot.time) {
        true => (Suspect, "it is dated in the future".to_owned()),
        false => (Usable, String::new()),
    }
}

fn damaged(verdict: Verdict, pack: u32, inside: &Inside) -> String {
    match verdict {
        Verdict::Damaged(_) => {
            let id = inside.packs.packs.get(pack as usize).map(|p| short(&p.id)).unwrap_or_default();
            format!("pack {id} is damaged")
        }
        _ => inside.packs.tell(pack),
    }
}

/// What stands about the packs as a whole.
pub(super) fn pack_notes(inside: &Inside, store: &str) -> Vec<Problem> {
    let problem = |why: String, next: &str| Problem::new(Code::COPY_FORMAT, store).because(why).next(next);
    let bad = inside.packs.bad().count();
    let mut notes = Vec::new();
    if let Some(first) = inside.packs.bad().next().filter(|_| !inside.partly) {
        let more = if bad > 1 { format!(", and {} more like it", bad - 1) } else { String::new() };
        let next = "run `restic check`; bring the pack back from another copy, or see `restic repair`";
        notes.push(problem(format!("{}{more}", inside.packs.tell(first)), next));
    }
    if inside.packs.unnamed > 0 {
        let why = match inside.trees {
            Some(_) => "they are of a backup that runs or was interrupted, and no snapshot needs them",
            None => "of a backup that runs or was interrupted, or of one whose index is lost",
        };
        let next = "run `restic check`; `restic prune` removes what nothing needs";
        notes.push(problem(format!("{} packs are in no index: {why}", inside.packs.unnamed), next));
    }
    notes
}

pub(super) fn lock_note(file: &File, lock: Result<&Lock, &Trouble>, store: &str, cx: &Cx) -> Option<Problem> {
    let problem = |why: String, next: &str| Problem::new(Code::COPY_FORMAT, store).because(why).next(next);
    let told = lock.ok().map(|l| l.time);
    let at: Time = told.into_iter().chain(file.modified).max()?;
    let age = cx.age(at);
    let by = match lock {
        Ok(lock) if !lock.hostname.is_empty() => format!(" of {}", clean_line(&lock.hostname)),
        _ => String::new(),
    };
    let exclusive = matches!(lock, Ok(lock) if lock.exclusive);
    let name = short(&file.id);
    if matches!(lock, Err(Trouble::Damaged(_))) {
        return Some(problem(format!("lock {name} is damaged"), "run `restic unlock --remove-all`"));
    }
    match (age > STALE, exclusive) {
        (true, true) => Some(problem(
            format!("a stale exclusive lock{by} ({name}) keeps everybody out, restores too"),
            "see that nothing runs there, then run `restic unlock`",
        )),
        (true, false) => Some(problem(
            format!("a stale lock{by} ({name}) keeps prune and forget out"),
            "see that nothing runs there, then run `restic unlock`",
        )),
        (false, true) => Some(problem(
            format!("an exclusive lock{by} ({name}) is held: prune or the like is at work"),
            "wait until it ends, or restore with `--no-lock`",
        )),
        (false, false) => None,
    }
}
