//! Backup formats, one place each: its keys, `read`, pure parsers.
//! A format is one row of `FORMATS`, one module, and one arm of `read`.

#[cfg(test)]
mod bad_input;
mod barman;
mod beside;
mod bucket;
mod cache;
mod clock;
mod command;
mod dump;
mod etcd;
#[cfg(test)]
mod fixtures;
mod git;
mod list;
mod litestream;
mod memories;
mod oci;
mod pbm;
mod pgbackrest;
mod replica;
mod restic;
mod salted;
mod snapshots;
mod terraform;
#[cfg(test)]
mod testing;
mod thaw;
mod unpack;
mod vault;
mod velero;
mod wal;
mod walg;
mod xtrabackup;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use chrono_tz::Tz;
use lifeboat_core::model::{
    Code, CopyDef, CopyReport, Dur, FormatDef, KeyDef, KeyType, Options, Problem, StoreId, Time,
};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

pub use crate::net::store::Parser;
use crate::net::{Secret, Secrets, Work, store::Repo};
pub use command::SCHEMA as POINTS_SCHEMA;
use memories::{Memories, is_whole};

const fn row(id: &'static str, keys: &'static [KeyDef], doc: &'static str) -> FormatDef {
    FormatDef { id, keys, doc }
}

const TEXT: KeyType = KeyType::Text;
const TEXTS: KeyType = KeyType::List(&TEXT);

/// Every format that an estate may name, those not read yet included, so that
/// an estate written today stays valid.
pub const FORMATS: &[FormatDef] = &[
    row("pgbackrest", pgbackrest::KEYS, "A pgBackRest repository: backups and WAL of PostgreSQL."),
    row("restic", restic::KEYS, "A restic or rustic repository."),
    row("wal-g", walg::KEYS, "Backups and logs that WAL-G wrote."),
    row("barman", barman::KEYS, "Barman, on disk or in the cloud."),
    row("velero", velero::KEYS, "Backups of Kubernetes."),
    row("dump", dump::KEYS, "Files that each hold everything: SQL dumps, archives."),
    row("bucket", bucket::KEYS, "Objects as they are; each stands for itself."),
    row("terraform", terraform::KEYS, "Terraform state."),
    row("oci", oci::KEYS, "Images in a registry."),
    row("git", git::KEYS, "A Git repository."),
    row("litestream", litestream::KEYS, "A SQLite database that Litestream replicates."),
    row("pbm", pbm::KEYS, "Percona Backup for MongoDB."),
    row("xtrabackup", xtrabackup::KEYS, "XtraBackup, streamed to a store."),
    row("etcd", etcd::KEYS, "Snapshots of etcd."),
    row("vault", vault::KEYS, "Snapshots of Vault, OpenBao or Consul."),
    row("command", command::KEYS, "A program of yours that lists the recovery points."),
];

/// Every pure parser of a format; see `crate::parsers`.
pub(crate) fn parsers() -> impl Iterator<Item = Parser> {
    let shared: [Parser; 2] = [
        ("time", |b| {
            let _ = std::str::from_utf8(b).ok().and_then(clock::told);
        }),
        ("packed", |b| {
            let _ = unpack::unpack(b, 1 << 20);
        }),
    ];
    let tables = [
        barman::PARSERS,
        bucket::PARSERS,
        command::PARSERS,
        dump::PARSERS,
        etcd::PARSERS,
        git::PARSERS,
        litestream::PARSERS,
        oci::PARSERS,
        pbm::PARSERS,
        pgbackrest::PARSERS,
        restic::PARSERS,
        terraform::PARSERS,
        vault::PARSERS,
        velero::PARSERS,
        wal::PARSERS,
        walg::PARSERS,
        xtrabackup::PARSERS,
    ];
    tables.into_iter().flatten().copied().chain(shared)
}

/// What reading one copy may use, and the present.
#[derive(Debug)]
pub struct Cx {
    pub now: Time,
    pub work: Work,
    /// For times that name no zone and whose copy names none.
    pub timezone: Option<Tz>,
    pub password: Option<Secret>,
    /// Those of `other_stores` that could be opened.
    pub others: BTreeMap<StoreId, Arc<Repo>>,
    /// Whether nothing may be taken over from earlier looks.
    in_full: AtomicBool,
    memories: Memories,
    /// With which programs are run and references resolved; `None` where
    /// nothing may be run.
    pub secrets: Option<Secrets>,
}

impl Cx {
    pub fn new(now: Time, cancel: CancellationToken) -> Self {
        Self {
            now,
            work: Work::new(cancel),
            timezone: None,
            password: None,
            others: BTreeMap::new(),
            in_full: AtomicBool::new(false),
            memories: Memories::default(),
            secrets: None,
        }
    }
    fn age(&self, of: Time) -> Dur {
        Dur::between(of, self.now)
    }
    /// Beyond what clocks differ by.
    fn is_future(&self, time: Time) -> bool {
        time > self.now + Dur::secs(5 * 60)
    }
}

/// Reads one copy. Errors: whatever keeps all of it from being seen; what
/// concerns a part of it is in the report's points and notes.
pub async fn read(copy: &CopyDef, repo: &Repo, cx: &Cx) -> Result<CopyReport, Problem> {
    let mut report = read_once(copy, repo, cx).await?;
    report.listed_at = cx.memories.since();
    // going on from an earlier look may only confirm; whatever else is to be
    // said is said after everything was listed
    if report.listed_at.is_some() && !is_whole(&report) {
        cx.memories.drop_all();
        cx.work.take_notes();
        cx.in_full.store(true, Relaxed);
        report = read_once(copy, repo, cx).await?;
    }
    if is_whole(&report) {
        cx.memories.save(repo).await;
    }
    thaw::mark(&mut report, copy, repo, cx);
    let mut seen = BTreeSet::new();
    report.notes.extend(cx.work.take_notes());
    report.notes.retain(|note| seen.insert(note.to_string()));
    report.cost = cx.work.cost();
    report.sort();
    Ok(report)
}

async fn read_once(copy: &CopyDef, repo: &Repo, cx: &Cx) -> Result<CopyReport, Problem> {
    match copy.format.as_str() {
        "pgbackrest" => pgbackrest::read(copy, repo, cx).await,
        "barman" => barman::read(copy, repo, cx).await,
        "bucket" => bucket::read(copy, repo, cx).await,
        "restic" => restic::read(copy, repo, cx).await,
        "command" => command::read(copy, cx).await,
        "dump" => dump::read(copy, repo, cx).await,
        "etcd" => etcd::read(copy, repo, cx).await,
        "git" => git::read(copy, repo, cx).await,
        "litestream" => litestream::read(copy, repo, cx).await,
        "oci" => oci::read(copy, repo, cx).await,
        "pbm" => pbm::read(copy, repo, cx).await,
        "terraform" => terraform::read(copy, repo, cx).await,
        "vault" => vault::read(copy, repo, cx).await,
        "velero" => velero::read(copy, repo, cx).await,
        "wal-g" => walg::read(copy, repo, cx).await,
        "xtrabackup" => xtrabackup::read(copy, repo, cx).await,
        format => Err(Problem::new(Code::COPY_UNSUPPORTED, format!("{} ({format})", repo.id()))),
    }
}

/// Whether a program asks where the copy lies: then its store is not opened,
/// and may be one that nothing here could open.
pub fn asks_itself(copy: &CopyDef) -> bool {
    copy.format == "command"
}

/// The stores that a copy's own keys name besides its own, which are to be
/// opened and handed over in `Cx::others`.
pub fn other_stores(copy: &CopyDef) -> BTreeSet<StoreId> {
    let mut found = BTreeSet::new();
    if let Some(format) = FORMATS.iter().find(|f| copy.format == f.id) {
        stores_among(format.keys, &copy.options, &mut found);
    }
    found
}

fn stores_among(keys: &[KeyDef], options: &Options, found: &mut BTreeSet<StoreId>) {
    for key in keys {
        match (&key.ty, options.get(key.name)) {
            (KeyType::Ref("store"), Some(Value::String(id))) => {
                found.insert(StoreId::from(id.as_str()));
            }
            (KeyType::Table(keys), Some(Value::Object(table))) => {
                let table = table.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
                stores_among(keys, &table, found);
            }
            _ => {}
        }
    }
}

/// The key prefix of a copy: empty, or ending in `/`.
fn root(copy: &CopyDef) -> String {
    as_root(&copy.path)
}

fn as_root(path: &str) -> String {
    match path.trim_matches('/') {
        "" => String::new(),
        path => format!("{path}/"),
    }
}

/// A key of the format's own that is text.
fn option<'a>(copy: &'a CopyDef, name: &str) -> Option<&'a str> {
    copy.options.get(name)?.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_formats_of_the_reference_are_known() {
        let ids: Vec<_> = FORMATS.iter().map(|f| f.id).collect();
        let all = "pgbackrest restic wal-g barman velero dump bucket terraform oci git litestream pbm xtrabackup \
                   etcd vault command";
        assert_eq!(ids, all.split_whitespace().collect::<Vec<_>>());
    }

    #[test]
    fn the_stores_that_a_copy_names_are_found_whatever_the_format() {
        let of = |copy| {
            let copy: CopyDef = serde_json::from_value(copy).unwrap();
            other_stores(&copy).into_iter().map(|id| id.to_string()).collect::<Vec<_>>()
        };
        let table = serde_json::json!({"replica_of": {"store": "ams", "path": "lon"}});
        assert_eq!(of(serde_json::json!({"store": "fra", "format": "bucket", "options": table})), ["ams"]);
        let hot = serde_json::json!({"hot": "par", "host": "ams"});
        assert_eq!(of(serde_json::json!({"store": "fra", "format": "restic", "options": hot})), ["par"]);
        let odd = serde_json::json!({"replica_of": ["ams"]});
        assert!(of(serde_json::json!({"store": "fra", "format": "git", "options": odd})).is_empty());
    }

    #[tokio::test]
    async fn a_format_that_is_not_known_says_so() {
        let cx = Cx::new(Time::UNIX_EPOCH, CancellationToken::new());
        let copy: CopyDef =
            serde_json::from_value(serde_json::json!({"store": "fra", "format": "tape"})).unwrap();
        let problem = read(&copy, &Repo::folder("fra", "/nonexistent"), &cx).await.unwrap_err();
        assert_eq!(problem.code, Code::COPY_UNSUPPORTED, "{problem}");
    }
}
