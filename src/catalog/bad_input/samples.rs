//! A small good repository for each reader: real ones from the fixtures where
//! there are, else made by hand.

use std::{collections::BTreeMap, io::Write, path::Path};

use lifeboat_core::model::*;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use crate::{
    catalog::{
        Cx,
        pgbackrest::seal,
        testing::{at, files_below},
    },
    net::Secret,
};

pub const NOW: &str = "2026-11-22T20:30:00Z";
/// When all files were stored.
pub const STORED: &str = "2026-11-21T12:00:00Z";

/// One row of the table of readers.
pub struct Sample {
    pub format: &'static str,
    pub options: Value,
    pub password: Option<&'static str>,
    /// By key.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Its points are established without opening anything.
    pub by_listing: bool,
    pub way: Way,
    /// Formats that judge nothing without their original: the same files, whole.
    pub original: Option<tempfile::TempDir>,
}

/// How a reader comes to the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// As objects of a store.
    Objects,
    /// Over the protocol of registries.
    Registry,
    /// A program of the estate, which is this folder, reads them.
    Program,
}

impl Sample {
    fn new(format: &'static str, options: Value, files: BTreeMap<String, Vec<u8>>) -> Self {
        let (password, by_listing, way, original) = (None, false, Way::Objects, None);
        Self { format, options, password, files, by_listing, way, original }
    }
    /// Beside the same files, as they were.
    fn beside(format: &'static str, files: BTreeMap<String, Vec<u8>>, way: Way) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (key, bytes) in &files {
            let path = dir.path().join(key);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        let options = json!({"replica_of": {"store": "lon", "path": if way == Way::Registry { "shop/api" } else { "" }}});
        Self { way, original: Some(dir), ..Self::new(format, options, files) }
    }
    pub fn copy(&self) -> CopyDef {
        let path = if self.way == Way::Registry { "shop/api" } else { "" };
        let copy = json!({"store": "fra", "path": path, "format": self.format, "options": self.options});
        serde_json::from_value(copy).unwrap()
    }
    pub fn cx(&self) -> Cx {
        let mut cx = Cx::new(at(NOW), CancellationToken::new());
        cx.timezone = Some(chrono_tz::UTC);
        cx.password = self.password.map(Secret::new);
        cx
    }
}

/// Every reader, in the order of `FORMATS`.
pub fn all() -> Vec<Sample> {
    let plain = |format, path: &str| Sample::new(format, json!({}), fixture(path));
    vec![
        Sample::new("pgbackrest", json!({}), pgbackrest()),
        Sample { password: Some("fixture"), ..plain("restic", "restic/repo") },
        plain("wal-g", "walg/repo/pg"),
        Sample::new("wal-g", json!({"database": "mysql"}), fixture("walg/repo/mysql")),
        Sample::new("barman", json!({"server": "barman/pg-main"}), fixture("barman-cloud/repo")),
        plain("velero", "velero/repo"),
        Sample::new("dump", json!({"sidecar": ".sha256"}), dumps()),
        Sample { by_listing: true, ..Sample::new("bucket", json!({}), objects()) },
        plain("terraform", "terraform/repo"),
        Sample::beside("oci", registry(), Way::Registry),
        Sample::beside("git", git(), Way::Objects),
        plain("litestream", "litestream/v05/app"),
        Sample::new("pbm", json!({}), pbm()),
        plain("xtrabackup", "mysql-xtrabackup/repo"),
        Sample::new("etcd", json!({}), only(fixture("etcd"), ".db")),
        Sample::new("vault", json!({}), BTreeMap::from([("raft.snap".to_owned(), vault())])),
        Sample {
            way: Way::Program,
            ..Sample::new("command", json!({"run": ["cat", "points.json"]}), printed())
        },
    ]
}

pub fn fixture(path: &str) -> BTreeMap<String, Vec<u8>> {
    files_below(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(path))
}

/// With the oplog that belongs to a logical backup, which the fixture leaves out.
fn pbm() -> BTreeMap<String, Vec<u8>> {
    let mut files = fixture("pbm/repo");
    for name in ["2026-11-20T02:00:00Z", "2026-11-22T02:00:00Z"] {
        let oplog = format!("{name}/rs0/oplog/20261122020003-1.20261122020205-1.s2");
        files.insert(oplog, b"x".to_vec());
    }
    files
}

fn only(mut files: BTreeMap<String, Vec<u8>>, suffix: &str) -> BTreeMap<String, Vec<u8>> {
    files.retain(|key, _| key.ends_with(suffix));
    files
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// One image of one layer, and an index that names it.
fn registry() -> BTreeMap<String, Vec<u8>> {
    let digest = |bytes: &[u8]| format!("sha256:{}", hex::encode(Sha256::digest(bytes)));
    let (config, layer) = (b"{}".to_vec(), gzip(b"layer"));
    let image = json!({"schemaVersion": 2, "config": {"digest": digest(&config), "size": config.len()},
        "layers": [{"digest": digest(&layer), "size": layer.len()}]});
    let image = image.to_string().into_bytes();
    let index = json!({"schemaVersion": 2, "manifests": [{"digest": digest(&image), "size": image.len(),
        "platform": {"os": "linux", "architecture": "amd64"}}]});
    let index = index.to_string().into_bytes();
    let root = "v2/shop/api";
    BTreeMap::from([
        (
            format!("{root}/tags/list"),
            json!({"name": "shop/api", "tags": ["1.4.0", "latest"]}).to_string().into_bytes(),
        ),
        (format!("{root}/manifests/1.4.0"), image.clone()),
        (format!("{root}/manifests/latest"), index.clone()),
        (format!("{root}/manifests/{}", digest(&image)), image),
        (format!("{root}/manifests/{}", digest(&index)), index),
        (format!("{root}/blobs/{}", digest(&config)), config),
        (format!("{root}/blobs/{}", digest(&layer)), layer),
    ])
}

/// A bare repository.
fn git() -> BTreeMap<String, Vec<u8>> {
    let line = |digit: &str, name: &str| format!("{}{name}\n", digit.repeat(40)).into_bytes();
    BTreeMap::from([
        ("HEAD".to_owned(), b"ref: refs/heads/main\n".to_vec()),
        ("refs/heads/main".to_owned(), line("a", "")),
        (
            "packed-refs".to_owned(),
            [b"# pack-refs with: peeled\n".to_vec(), line("b", " refs/tags/v1")].concat(),
        ),
    ])
}

/// What a program prints.
fn printed() -> BTreeMap<String, Vec<u8>> {
    let point = |id: &str, at: &str, of: &[&str]| json!({"id": id, "completed_at": at, "size_bytes": 7, "state": "usable", "depends_on": of});
    let said = json!({"version": 1, "points": [
        point("full-1", "2026-11-20T02:00:00Z", &[]), point("incr-2", "2026-11-21T02:00:00Z", &["full-1"]),
    ]});
    BTreeMap::from([("points.json".to_owned(), said.to_string().into_bytes())])
}

fn dumps() -> BTreeMap<String, Vec<u8>> {
    let dump = gzip(b"CREATE TABLE orders (n bigint);\n");
    let hash = format!("{}  orders.sql.gz\n", hex::encode(Sha256::digest(&dump)));
    BTreeMap::from([("orders.sql.gz".to_owned(), dump), ("orders.sql.gz.sha256".to_owned(), hash.into())])
}

fn objects() -> BTreeMap<String, Vec<u8>> {
    ["a.jpg", "b/c.jpg"].map(|key| (key.to_owned(), b"pixels".to_vec())).into()
}

fn pgbackrest() -> BTreeMap<String, Vec<u8>> {
    let (label, next) = ("20261120-020000F", "20261120-020000F_20261121-020000I");
    let entry = |kind: &str, stop: i64, segment: &str, more: Value| {
        let mut entry = json!({
            "backup-type": kind, "backup-timestamp-start": stop - 60, "backup-timestamp-stop": stop,
            "backup-info-size": 1_000, "db-id": 1, "backup-archive-start": segment,
            "backup-archive-stop": segment, "backup-lsn-start": "0/2000028",
        });
        entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        entry
    };
    let segments = [2, 3, 4].map(|n| format!("00000001000000000000000{n}"));
    let full = entry("full", 1_795_140_000, &segments[0], json!({}));
    let more = json!({"backup-prior": label, "backup-reference": [label], "backup-lsn-start": "0/4000028"});
    let incr = entry("incr", 1_795_226_400, &segments[2], more);
    let history = "[db:history]\n1={\"db-system-id\":7704498742194914183,\"db-version\":\"15\"}\n";
    let info = seal(&format!("[backup:current]\n{label}={full}\n{next}={incr}\n\n{history}")).into_bytes();
    let archive = seal(history).into_bytes();
    let mut files = BTreeMap::new();
    for (name, bytes) in [("backup/orders/backup.info", &info), ("archive/orders/archive.info", &archive)] {
        files.insert(name.to_owned(), bytes.clone());
        files.insert(format!("{name}.copy"), bytes.clone());
    }
    for label in [label, next] {
        for name in ["backup.manifest", "backup.manifest.copy"] {
            files.insert(format!("backup/orders/{label}/{name}"), b"[backup]\n".to_vec());
        }
    }
    for name in segments {
        files.insert(
            format!("archive/orders/15-1/{}/{name}-{}.gz", &name[..16], "a".repeat(40)),
            gzip(b"log"),
        );
    }
    files
}

fn vault() -> Vec<u8> {
    let (meta, state) =
        (&br#"{"Version":1,"Index":9007199254740993,"Term":3,"Size":900}"#[..], &[7; 900][..]);
    let line = |bytes: &[u8], name: &str| format!("{}  {name}\n", hex::encode(Sha256::digest(bytes)));
    let sums = line(meta, "meta.json") + &line(state, "state.bin");
    let mut tar = tar::Builder::new(Vec::new());
    for (name, bytes) in [("meta.json", meta), ("state.bin", state), ("SHA256SUMS", sums.as_bytes())] {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o600);
        tar.append_data(&mut header, name, bytes).unwrap();
    }
    gzip(&tar.into_inner().unwrap())
}
