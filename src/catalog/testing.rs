//! Repositories in temporary folders, for tests of readers.

use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

use lifeboat_core::model::*;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::sync::CancellationToken;

use super::{Cx, read};
use crate::net::{
    Http, Secrets,
    store::{Repo, open},
    testing::{Server, s3_repo},
};

pub fn at(text: &str) -> Time {
    text.parse().unwrap()
}

/// All files of a folder, by key.
pub fn files_below(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => {
                    let key = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                    found.insert(key, fs::read(path).unwrap());
                }
            }
        }
    }
    found
}

/// A folder that a test may break.
pub struct Hand(tempfile::TempDir);

impl Hand {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }
    /// A copy of `tests/fixtures/NAME`; all its files were stored at `stored`,
    /// since a checkout keeps no times.
    pub fn of_fixture(name: &str, stored: &str) -> Self {
        let hand = Self::new();
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
        hand.copy(&from, "", stored);
        hand
    }
    pub fn root(&self) -> &Path {
        self.0.path()
    }
    fn copy(&self, from: &Path, to: &str, stored: &str) {
        for entry in fs::read_dir(from).unwrap() {
            let path = entry.unwrap().path();
            let key = format!("{to}{}", path.file_name().unwrap().to_str().unwrap());
            match path.is_dir() {
                true => self.copy(&path, &format!("{key}/"), stored),
                false => self.put(&key, fs::read(path).unwrap(), stored),
            }
        }
    }
    /// As a store.
    pub fn folder(&self, id: &str) -> Repo {
        Repo::folder(id, self.0.path())
    }
    pub fn put(&self, key: &str, bytes: impl AsRef<[u8]>, stored: &str) {
        let path = self.0.path().join(key);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        self.store(key, at(stored));
    }
    /// Sets when it was stored.
    pub fn store(&self, key: &str, stored: Time) {
        let file = fs::File::options().write(true).open(self.0.path().join(key)).unwrap();
        file.set_modified(stored.into()).unwrap();
    }
    pub fn get(&self, key: &str) -> Vec<u8> {
        fs::read(self.0.path().join(key)).unwrap()
    }
    /// Replaces text in a file, which must be there; its time stays.
    pub fn edit(&self, key: &str, from: &str, to: &str) {
        let stored = fs::metadata(self.0.path().join(key)).unwrap().modified().unwrap();
        let text = String::from_utf8(self.get(key)).unwrap();
        assert!(text.contains(from), "{key} has no {from:?}: {text}");
        fs::write(self.0.path().join(key), text.replace(from, to)).unwrap();
        self.store(key, stored.into());
    }
    /// A file or a folder.
    pub fn remove(&self, key: &str) {
        let path = self.0.path().join(key);
        match path.is_dir() {
            true => fs::remove_dir_all(path).unwrap(),
            false => fs::remove_file(path).unwrap(),
        }
    }
    pub async fn try_look(&self, format: &str, options: Value, now: &str) -> Result<CopyReport, Problem> {
        self.look_in_zone(format, options, now, None).await
    }
    pub async fn look(&self, format: &str, options: Value, now: &str) -> CopyReport {
        self.try_look(format, options, now).await.unwrap()
    }
    pub async fn look_in_zone(
        &self,
        format: &str,
        options: Value,
        now: &str,
        zone: Option<&str>,
    ) -> Result<CopyReport, Problem> {
        let copy = json!({"store": "fra", "format": format, "options": options});
        let copy: CopyDef = serde_json::from_value(copy).unwrap();
        let mut cx = Cx::new(at(now), CancellationToken::new());
        cx.timezone = zone.map(|name| name.parse().unwrap());
        read(&copy, &Repo::folder("fra", self.0.path()), &cx).await
    }
}

impl Hand {
    /// Over S3, where objects whose key holds `denied` may be listed and not read.
    async fn look_denied(&self, format: &str, options: Value, denied: &'static str) -> CopyReport {
        let buckets = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(self.0.path(), buckets.path().join("backups")).unwrap();
        let inner = Server::s3(buckets.path()).await;
        let addr = inner.addr;
        let gate = Server::raw(move |mut stream, request| async move {
            let target = request.split(' ').nth(1).unwrap_or_default();
            let answer = match target.contains(denied) && !target.contains("list-type") {
                true => {
                    let body = "<Error><Code>AccessDenied</Code><Message>no</Message></Error>";
                    let head = "HTTP/1.1 403 Forbidden\r\nContent-Type: application/xml\r\nConnection: close";
                    format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
                }
                // closed after each answer, so that every request comes by here
                false => {
                    let mut behind = tokio::net::TcpStream::connect(addr).await.unwrap();
                    let request = request.replacen("\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1);
                    behind.write_all(request.as_bytes()).await.unwrap();
                    let mut answer = Vec::new();
                    behind.read_to_end(&mut answer).await.unwrap();
                    answer
                }
            };
            let _ = stream.write_all(&answer).await;
            let _ = stream.shutdown().await;
        })
        .await;
        let copy = json!({"store": "fra", "format": format, "options": options});
        let copy: CopyDef = serde_json::from_value(copy).unwrap();
        let cx = Cx::new(at("2026-11-22T14:00:00Z"), CancellationToken::new());
        read(&copy, &s3_repo(gate.url()).await, &cx).await.unwrap()
    }
}

#[tokio::test]
async fn what_may_not_be_read_is_said_of_that_backup_alone() {
    let server = json!({"server": "barman/pg-main"});
    let table = [
        ("barman", "barman-cloud/repo", server, "20261119T020001/backup.info", "20261119T020001"),
        ("wal-g", "walg/repo/pg", json!({}), "20_backup_stop_sentinel.json", "base_000000010000000000000020"),
        ("velero", "velero/repo", json!({}), "20261118010003/velero-backup.json", "daily-20261118010003"),
        ("pbm", "pbm/repo", json!({}), "2026-11-22T02%3A00%3A00Z.pbm.json", "2026-11-22T02:00:00Z"),
        (
            "xtrabackup",
            "mysql-xtrabackup/repo",
            json!({}),
            "full-20261118/xtrabackup_checkpoints",
            "full-20261118",
        ),
    ];
    for (format, fixture, options, denied, id) in table {
        let hand = Hand::of_fixture(fixture, "2026-11-20T12:00:00Z");
        let whole = hand.look_denied(format, options.clone(), "nothing-is-called-so").await;
        let report = hand.look_denied(format, options, denied).await;
        let (state, reason) = standing(&report, id);
        assert_eq!(state, PointState::Unverified, "{format}: {reason}");
        assert!(reason.contains("cannot be read") && reason.contains("denied"), "{format}: {reason}");
        assert_eq!(report.points.len(), whole.points.len(), "{format}");
        let usable =
            |report: &CopyReport| report.points.iter().filter(|p| p.state == PointState::Usable).count();
        assert!(usable(&report) <= usable(&whole), "{format}");
    }
}

/// What a server of a test answers: status, headers, body.
pub type Told = (u16, Vec<(&'static str, String)>, Vec<u8>);

/// A server of a test's own: `answer` is given the request's first line and its
/// head, in lower case.
pub async fn web(answer: impl Fn(&str, &str) -> Told + Send + Sync + 'static) -> Server {
    Server::raw(move |mut stream, request| {
        let line = request.lines().next().unwrap_or_default().trim_end_matches(" HTTP/1.1").to_owned();
        let (status, headers, body) = answer(&line, &request.to_lowercase());
        let mut head =
            format!("HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
        headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
        let body = if line.starts_with("HEAD ") { Vec::new() } else { body };
        let whole = [head.as_bytes(), b"\r\n", &body].concat();
        async move {
            let _ = stream.write_all(&whole).await;
            let _ = stream.shutdown().await;
        }
    })
    .await
}

/// A store opened as of an estate; its `credentials` are in $KEYS.
pub async fn store(id: &str, url: &str, credentials: Option<&'static str>) -> Result<Repo, Problem> {
    let reference = credentials.map(|_| json!({"env": "KEYS"}));
    let store = json!({"id": id, "url": url, "credentials": reference});
    let secrets = Secrets::new("/nonexistent", []).with_env(move |_| credentials.map(str::to_owned));
    open(&serde_json::from_value(store).unwrap(), &Http::new(), &secrets).await
}

/// Reads a copy of what lies in the store `lon`.
pub async fn look_beside(
    format: &str,
    path: &str,
    own: &Repo,
    original: Option<Repo>,
    now: &str,
) -> Result<CopyReport, Problem> {
    let options = json!({"replica_of": {"store": "lon", "path": path}});
    let copy = json!({"store": "fra", "format": format, "path": path, "options": options});
    let copy: CopyDef = serde_json::from_value(copy).unwrap();
    let mut cx = Cx::new(at(now), CancellationToken::new());
    cx.others.extend(original.map(|repo| (StoreId::from("lon"), Arc::new(repo))));
    read(&copy, own, &cx).await
}

pub fn point<'r>(report: &'r CopyReport, id: &str) -> &'r Point {
    report.points.iter().find(|p| p.id == id).unwrap_or_else(|| panic!("no {id}: {report:#?}"))
}

pub fn standing<'r>(report: &'r CopyReport, id: &str) -> (PointState, &'r str) {
    let point = point(report, id);
    (point.state, &point.reason)
}

/// First and last missing of each gap.
pub fn missing(report: &CopyReport) -> Vec<(&str, &str)> {
    report.gaps.iter().map(|g| (&*g.first_missing, &*g.last_missing)).collect()
}

/// Both ends of each window.
pub fn windows(report: &CopyReport) -> Vec<(Time, Time)> {
    report.windows.iter().map(|w| (w.from, w.to)).collect()
}
