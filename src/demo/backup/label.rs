//! A backup as the repository's index names it.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::wal::Segment;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    Full,
    Incr,
}

impl Kind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Incr => "incr",
        }
    }
}

/// One backup that exists.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Backup {
    pub label: String,
    pub kind: Kind,
    pub prior: Option<String>,
    /// Earlier backups that it needs, oldest first.
    pub references: Vec<String>,
    /// Seconds since 1970.
    pub started: i64,
    pub stopped: i64,
    pub start: Segment,
    pub stop: Segment,
    /// In bytes: of the cluster, of what this backup holds itself, and both
    /// as stored.
    pub size: u64,
    pub size_delta: u64,
    pub repo_size: u64,
    pub repo_size_delta: u64,
}

/// The keys of a cluster, as they stand in several files.
pub fn db_keys(system_id: u64) -> [(&'static str, Value); 5] {
    [
        ("db-catalog-version", json!(202_209_061)),
        ("db-control-version", json!(1300)),
        ("db-id", json!(1)),
        ("db-system-id", json!(system_id)),
        ("db-version", json!("15")),
    ]
}

impl Backup {
    /// Its value in `[backup:current]`.
    pub fn line(&self) -> Value {
        let b = self;
        // Keys in alphabetical order, as the tool writes them.
        let mut line = json!({
            "backrest-format": 5,
            "backrest-version": "2.45",
            "backup-archive-start": b.start.name(),
            "backup-archive-stop": b.stop.name(),
            "backup-error": false,
            "backup-info-repo-size": b.repo_size,
            "backup-info-repo-size-delta": b.repo_size_delta,
            "backup-info-size": b.size,
            "backup-info-size-delta": b.size_delta,
            "backup-lsn-start": b.start.lsn(0x28),
            "backup-lsn-stop": b.stop.lsn(0x100),
            "backup-timestamp-start": b.started,
            "backup-timestamp-stop": b.stopped,
            "backup-type": b.kind.as_str(),
            "db-id": 1,
            "option-archive-check": true,
            "option-archive-copy": false,
            "option-backup-standby": false,
            "option-checksum-page": false,
            "option-compress": true,
            "option-hardlink": false,
            "option-online": true,
        });
        if let (Some(prior), Some(line)) = (&b.prior, line.as_object_mut()) {
            line.insert("backup-prior".into(), json!(prior));
            line.insert("backup-reference".into(), json!(b.references));
        }
        line
    }
}
