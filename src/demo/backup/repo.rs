//! Writes a pgBackRest repository, as the tool lays it out on a store.

use std::{io, path::PathBuf, sync::Arc};

use lifeboat_core::model::{Dur, Time};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    cluster,
    info::Info,
    label::{Backup, Kind, db_keys},
    manifest::{self, Filed},
    wal::Segment,
};
use crate::demo::{
    place::{read_json, write_json},
    store::{Bucket, Writer},
};

const ROOT: &str = "pgbackrest";
const STANZA: &str = "orders";
const ARCHIVE: &str = "15-1";

/// What the repository's host remembers; the readers never see it.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Host {
    system_id: u64,
    /// The segment that is being written.
    current: Segment,
    /// Archived and not expired, with the key of each.
    archived: Vec<(Segment, String)>,
    backups: Vec<Backup>,
}

pub struct Repo {
    bucket: Arc<Bucket>,
    kept: PathBuf,
    host: Host,
    is_new: bool,
}

fn in_archive(key: &str) -> String {
    format!("{ROOT}/archive/{STANZA}/{key}")
}
fn in_backup(key: &str) -> String {
    format!("{ROOT}/backup/{STANZA}/{key}")
}

/// A file and its copy, from which the tool reads when the first is damaged.
fn put_twice(to: &Writer<'_>, key: &str, bytes: &[u8], at: Time) -> io::Result<()> {
    to.put(key, bytes, at)?;
    to.put(&format!("{key}.copy"), bytes, at)
}

impl Repo {
    pub fn open(bucket: Arc<Bucket>, kept: PathBuf) -> io::Result<Self> {
        let found = read_json(&kept);
        let is_new = found.is_none();
        let host = found.unwrap_or_else(|| Host {
            system_id: 7_300_000_000_000_000_000 + fastrand::u64(..400_000_000_000_000_000),
            current: Segment { timeline: 1, number: 0x2A },
            archived: Vec::new(),
            backups: Vec::new(),
        });
        Ok(Self { bucket, kept, host, is_new })
    }
    pub fn is_new(&self) -> bool {
        self.is_new
    }
    /// As `pgbackrest stanza-create` does.
    pub fn create(&mut self, at: Time) -> io::Result<()> {
        let id = self.host.system_id;
        let info = Info::new()
            .section("db", [("db-id", json!(1)), ("db-system-id", json!(id)), ("db-version", json!("15"))])
            .section("db:history", [("1", json!({ "db-id": id, "db-version": "15" }))])
            .render();
        self.is_new = false;
        self.bucket.change(|to| put_twice(to, &in_archive("archive.info"), &info, at))?;
        self.index(at)
    }

    /// Incremental backups since the last full one; `None` without one.
    pub fn since_full(&self) -> Option<usize> {
        self.host.backups.iter().rev().position(|b| b.kind == Kind::Full)
    }

    /// Archives the current segment and begins the next.
    pub fn push_wal(&mut self, at: Time) -> io::Result<()> {
        let segment = self.host.current;
        let (sha, packed) = segment.pack(self.host.system_id)?;
        let name = segment.name();
        let key = in_archive(&format!("{ARCHIVE}/{}/{name}-{sha}.gz", &name[..16]));
        self.bucket.change(|to| to.put(&key, &packed, at))?;
        self.host.archived.push((segment, key));
        self.host.current.number += 1;
        self.keep()
    }

    /// Goes over to the timeline of a promoted primary, with the history
    /// file that says where it left the old one. Says whether it did.
    pub fn follow(&mut self, timeline: u32, at: Time) -> io::Result<bool> {
        let old = self.host.current;
        if timeline <= old.timeline {
            return Ok(false);
        }
        for parent in old.timeline..timeline {
            let line = format!("{parent}\t{}\tno recovery target specified\n", old.lsn(0));
            let key = in_archive(&format!("{ARCHIVE}/{:08X}.history", parent + 1));
            let before = in_archive(&format!("{ARCHIVE}/{parent:08X}.history"));
            self.bucket.change(|to| {
                let mut lines = to.read(&before).unwrap_or_default();
                lines.extend(line.as_bytes());
                to.put(&key, &lines, at)
            })?;
        }
        self.host.current.timeline = timeline;
        self.keep()?;
        Ok(true)
    }

    /// Backs up a cluster whose orders are `rows`: archives what is before
    /// the backup's start and up to its stop, then files, manifest, info.
    pub fn backup(&mut self, kind: Kind, rows: &[u8], started: Time, stopped: Time) -> io::Result<()> {
        let before = self.host.backups.last();
        let full = self.host.backups.iter().rev().find(|b| b.kind == Kind::Full).cloned();
        let full = full.filter(|_| kind == Kind::Incr);
        let kind = if full.is_some() { Kind::Incr } else { Kind::Full };
        // A label is the second at which the backup began, used once.
        let began = started.timestamp().max(before.map_or(0, |b| b.stopped + 1));
        let ended = stopped.timestamp().max(began);
        let prior = full.as_ref().and(before).map(|b| b.label.clone());
        self.push_wal(started)?;
        let start = self.host.current;
        let label = self.label(kind, began, full.as_ref());
        let held = full.as_ref().map(|f| f.label.as_str());
        let files = cluster::files(rows, held, self.host.system_id, (start, &label), stopped)?;
        self.push_wal(stopped)?;
        let sum = |of: fn(&Filed) -> u64, new: bool| -> u64 {
            files.iter().filter(|f| !new || f.reference.is_none()).map(of).sum()
        };
        let backup = Backup {
            label,
            kind,
            prior,
            references: full.iter().map(|f| f.label.clone()).collect(),
            started: began,
            stopped: ended,
            start,
            stop: start,
            size: sum(|f| f.size, false),
            size_delta: sum(|f| f.size, true),
            repo_size: sum(|f| f.packed.len() as u64, false),
            repo_size_delta: sum(|f| f.packed.len() as u64, true),
        };
        self.write(&backup, &files, stopped)?;
        self.host.backups.push(backup);
        self.index(stopped)
    }

    fn label(&self, kind: Kind, began: i64, full: Option<&Backup>) -> String {
        let second = Time::from_timestamp(began, 0).unwrap_or_default().format("%Y%m%d-%H%M%S");
        match (kind, full) {
            (Kind::Incr, Some(full)) => format!("{}_{second}I", full.label),
            _ => format!("{second}F"),
        }
    }

    fn write(&self, backup: &Backup, files: &[Filed], at: Time) -> io::Result<()> {
        let manifest = manifest::render(backup, files, self.host.system_id);
        let marker = format!("{}/{}.00000028.backup", &backup.start.name()[..16], backup.start.name());
        let marked = format!(
            "START WAL LOCATION: {} (file {})\nSTOP WAL LOCATION: {} (file {})\n",
            backup.start.lsn(0x28),
            backup.start.name(),
            backup.stop.lsn(0x100),
            backup.stop.name()
        );
        self.bucket.change(|to| {
            for file in files.iter().filter(|f| f.reference.is_none()) {
                to.put(&in_backup(&format!("{}/pg_data/{}.gz", backup.label, file.name)), &file.packed, at)?;
            }
            to.put(&in_archive(&format!("{ARCHIVE}/{marker}")), marked.as_bytes(), at)?;
            put_twice(to, &in_backup(&format!("{}/backup.manifest", backup.label)), &manifest, at)
        })
    }

    /// Writes `backup.info` and what the host remembers.
    fn index(&self, at: Time) -> io::Result<()> {
        let id = self.host.system_id;
        let mut info = Info::new();
        if !self.host.backups.is_empty() {
            let mut sorted: Vec<_> = self.host.backups.iter().map(|b| (b.label.clone(), b.line())).collect();
            sorted.sort_by(|a, b| a.0.cmp(&b.0));
            info = info.section("backup:current", sorted);
        }
        let one = json!({ "db-catalog-version": 202_209_061, "db-control-version": 1300, "db-system-id": id, "db-version": "15" });
        let info = info.section("db", db_keys(id)).section("db:history", [("1", one)]).render();
        self.bucket.change(|to| put_twice(to, &in_backup("backup.info"), &info, at))?;
        self.keep()
    }
    fn keep(&self) -> io::Result<()> {
        write_json(&self.kept, &self.host, 0o644)
    }

    /// Removes what the newest `fulls` full backups do not need.
    pub fn expire(&mut self, fulls: usize) -> io::Result<()> {
        let kept = self.host.backups.iter().rev().filter(|b| b.kind == Kind::Full).take(fulls).last();
        let Some(oldest) = kept.map(|b| (b.started, b.start)) else { return Ok(()) };
        let (gone, kept) = self.host.backups.drain(..).partition(|b| b.started < oldest.0);
        self.host.backups = kept;
        let gone: Vec<Backup> = gone;
        if gone.is_empty() {
            return Ok(());
        }
        // The index first: a backup that it names is there whole.
        self.index(Time::from(std::time::SystemTime::now()))?;
        let old = |s: &Segment| s.number < oldest.1.number;
        let (segments, needed) = self.host.archived.drain(..).partition(|(s, _)| old(s));
        self.host.archived = needed;
        let segments: Vec<(Segment, String)> = segments;
        self.bucket.change(|to| {
            for backup in &gone {
                to.remove_below(&in_backup(&backup.label))?;
                let name = backup.start.name();
                to.remove(&in_archive(&format!("{ARCHIVE}/{}/{name}.00000028.backup", &name[..16])))?;
            }
            segments.iter().try_for_each(|(_, key)| to.remove(key))
        })?;
        self.keep()
    }

    /// For the past: a segment each `step` from `from` until `to`.
    pub fn push_wal_each(&mut self, step: Dur, from: Time, to: Time) -> io::Result<()> {
        let mut at = from + step;
        while at < to {
            self.push_wal(at)?;
            at = at + step;
        }
        Ok(())
    }
}
