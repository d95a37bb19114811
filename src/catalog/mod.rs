//! Backup formats, one place each: its keys, `read`, pure parsers.
//! A format is one row of `FORMATS`, one module, and one arm of `read`.

mod cache;
mod dump;
mod pgbackrest;
mod restic;
mod wal;

use std::{collections::BTreeSet, sync::Arc};

use chrono_tz::Tz;
use lifeboat_core::model::{Code, CopyDef, CopyReport, Dur, FormatDef, KeyDef, KeyType, Problem, Time};
use tokio_util::sync::CancellationToken;

use crate::net::{Secret, Work, store::Repo};

const fn row(id: &'static str, keys: &'static [KeyDef], doc: &'static str) -> FormatDef {
    FormatDef { id, keys, doc }
}

const TEXT: KeyType = KeyType::Text;
const TEXTS: KeyType = KeyType::List(&TEXT);
const REPLICA_OF: &[KeyDef] = &[KeyDef::new(
    "replica_of",
    KeyType::Table(&[
        KeyDef::required("store", KeyType::Ref("store"), "The store it should be like."),
        KeyDef::new("path", TEXT, "Where in that store; its root by default."),
    ]),
    "What this is a copy of: compared with it.",
)];

/// Every format that an estate may name, those not read yet included, so that
/// an estate written today stays valid.
pub const FORMATS: &[FormatDef] = &[
    row("pgbackrest", pgbackrest::KEYS, "A pgBackRest repository: backups and WAL of PostgreSQL."),
    row("restic", restic::KEYS, "A restic or rustic repository."),
    row(
        "wal-g",
        &[KeyDef::new(
            "database",
            KeyType::OneOf(&["postgres", "mysql"]),
            "What is backed up; postgres by default.",
        )],
        "Backups and logs that WAL-G wrote.",
    ),
    row(
        "barman",
        &[KeyDef::new("server", TEXT, "The server's name in Barman.")],
        "Barman, on disk or in the cloud.",
    ),
    row(
        "velero",
        &[KeyDef::new("backup_schedule", TEXT, "Only backups of this schedule.")],
        "Backups of Kubernetes.",
    ),
    row("dump", dump::KEYS, "Files that each hold everything: SQL dumps, archives."),
    row("bucket", REPLICA_OF, "Objects as they are; each stands for itself."),
    row("terraform", REPLICA_OF, "Terraform state."),
    row("oci", REPLICA_OF, "Images in a registry."),
    row("git", REPLICA_OF, "A Git repository."),
    row("litestream", &[], "A SQLite database that Litestream replicates."),
    row("pbm", &[], "Percona Backup for MongoDB."),
    row("xtrabackup", &[], "XtraBackup, streamed to a store."),
    row("etcd", &[], "Snapshots of etcd."),
    row("vault", &[], "Snapshots of Vault, OpenBao or Consul."),
    row(
        "command",
        &[
            KeyDef::required(
                "run",
                KeyType::Command,
                "The program and its arguments; it prints the recovery points as JSON.",
            ),
            KeyDef::new("timeout", KeyType::Dur, "How long it may take."),
        ],
        "A program of yours that lists the recovery points.",
    ),
];

/// What reading one copy may use, and the present.
#[derive(Debug)]
pub struct Cx {
    pub now: Time,
    pub work: Work,
    /// For times that name no zone and whose copy names none.
    pub timezone: Option<Tz>,
    pub password: Option<Secret>,
    /// The second store of a copy in two parts, such as rustic's hot one.
    pub hot: Option<Arc<Repo>>,
}

impl Cx {
    pub fn new(now: Time, cancel: CancellationToken) -> Self {
        Self { now, work: Work::new(cancel), timezone: None, password: None, hot: None }
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
    let read = match copy.format.as_str() {
        "pgbackrest" => pgbackrest::read(copy, repo, cx).await,
        "restic" => restic::read(copy, repo, cx).await,
        "dump" => dump::read(copy, repo, cx).await,
        format => Err(Problem::new(Code::COPY_UNSUPPORTED, format!("{} ({format})", repo.id()))),
    };
    let mut report = read?;
    let mut seen = BTreeSet::new();
    report.notes.extend(cx.work.take_notes());
    report.notes.retain(|note| seen.insert(note.to_string()));
    report.cost = cx.work.cost();
    report.sort();
    Ok(report)
}

/// The key prefix of a copy: empty, or ending in `/`.
fn root(copy: &CopyDef) -> String {
    match copy.path.trim_matches('/') {
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

    #[tokio::test]
    async fn a_format_that_is_not_read_yet_says_so() {
        let cx = Cx::new(Time::UNIX_EPOCH, CancellationToken::new());
        let copy: CopyDef =
            serde_json::from_value(serde_json::json!({"store": "fra", "format": "velero"})).unwrap();
        let problem = read(&copy, &Repo::folder("fra", "/nonexistent"), &cx).await.unwrap_err();
        assert_eq!(problem.code, Code::COPY_UNSUPPORTED, "{problem}");
    }
}
