//! A backup's manifest: which files it holds, with size and hash.

use std::{io, io::Write};

use flate2::{Compression, write::GzEncoder};
use lifeboat_core::model::Time;
use serde_json::{Map, Value, json};
use sha1::{Digest, Sha1};

use super::{
    info::Info,
    label::{Backup, db_keys},
};

/// One file of the cluster, as backed up.
#[derive(Debug, Clone)]
pub struct Filed {
    /// Below the data folder.
    pub name: &'static str,
    pub size: u64,
    pub packed: Vec<u8>,
    checksum: String,
    /// Seconds since 1970.
    modified: i64,
    /// The earlier backup that holds it.
    pub reference: Option<String>,
}

impl Filed {
    pub fn new(name: &'static str, bytes: &[u8], modified: Time) -> io::Result<Self> {
        let mut gz = GzEncoder::new(Vec::new(), Compression::default());
        gz.write_all(bytes)?;
        Ok(Self {
            name,
            size: bytes.len() as u64,
            packed: gz.finish()?,
            checksum: hex::encode(Sha1::digest(bytes)),
            modified: modified.timestamp(),
            reference: None,
        })
    }
    #[must_use]
    pub fn held_by(mut self, backup: Option<&str>) -> Self {
        self.reference = backup.map(str::to_owned);
        self
    }
    fn line(&self) -> (String, Value) {
        let mut line = Map::new();
        line.insert("checksum".into(), json!(self.checksum));
        line.insert("rck".into(), json!(hex::encode(Sha1::digest(&self.packed))));
        if let Some(reference) = &self.reference {
            line.insert("reference".into(), json!(reference));
        }
        line.insert("repo-size".into(), json!(self.packed.len()));
        line.insert("size".into(), json!(self.size));
        line.insert("timestamp".into(), json!(self.modified));
        (format!("pg_data/{}", self.name), Value::Object(line))
    }
}

/// `backup.manifest` of a backup of `files`, which are sorted by name.
pub fn render(backup: &Backup, files: &[Filed], system_id: u64) -> Vec<u8> {
    let mut references = backup.references.clone();
    references.push(backup.label.clone());
    let mut head = vec![
        ("backup-archive-start", json!(backup.start.name())),
        ("backup-archive-stop", json!(backup.stop.name())),
        ("backup-label", json!(backup.label)),
        ("backup-lsn-start", json!(backup.start.lsn(0x28))),
        ("backup-lsn-stop", json!(backup.stop.lsn(0x100))),
    ];
    head.extend(backup.prior.as_ref().map(|prior| ("backup-prior", json!(prior))));
    head.extend([
        ("backup-reference", json!(references.join(","))),
        ("backup-timestamp-copy-start", json!(backup.started)),
        ("backup-timestamp-start", json!(backup.started)),
        ("backup-timestamp-stop", json!(backup.stopped)),
        ("backup-type", json!(backup.kind.as_str())),
    ]);
    let database = |id: u32| json!({ "db-id": id, "db-last-system-id": 4 });
    let owner =
        |mode: &str| [("group", json!("postgres")), ("mode", json!(mode)), ("user", json!("postgres"))];
    Info::new()
        .section("backup", head)
        .section("backup:db", db_keys(system_id))
        .section("backup:option", options())
        .section(
            "backup:target",
            [("pg_data", json!({ "path": "/var/lib/postgresql/15/orders", "type": "path" }))],
        )
        .section("db", [("orders", database(5)), ("template0", database(4)), ("template1", database(1))])
        .section("target:file", files.iter().map(Filed::line))
        .section("target:file:default", owner("0600"))
        .section("target:path", PATHS.map(|path| (path, json!({}))))
        .section("target:path:default", owner("0700"))
        .render()
}

const PATHS: [&str; 4] = ["pg_data", "pg_data/base", "pg_data/base/5", "pg_data/global"];

fn options() -> [(&'static str, Value); 13] {
    [
        ("option-archive-check", json!(true)),
        ("option-archive-copy", json!(false)),
        ("option-backup-standby", json!(false)),
        ("option-buffer-size", json!(1 << 20)),
        ("option-checksum-page", json!(false)),
        ("option-compress", json!(true)),
        ("option-compress-level", json!(6)),
        ("option-compress-level-network", json!(3)),
        ("option-compress-type", json!("gz")),
        ("option-delta", json!(false)),
        ("option-hardlink", json!(false)),
        ("option-online", json!(true)),
        ("option-process-max", json!(1)),
    ]
}
