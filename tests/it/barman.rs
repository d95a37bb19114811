//! A repository that the real barman-cloud wrote, broken at random; what the
//! reader says of each backup is set beside what a restore makes of it.
//! Runs where PostgreSQL 15 and barman-cloud are; LIFEBOAT_BARMAN names another
//! folder of Barman's programs.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::{Duration, Instant},
};

use hyper_util::rt::{TokioExecutor, TokioIo};
use lifeboat::{
    catalog::{Cx, read},
    net::store::Repo,
};
use lifeboat_core::model::*;
use s3s::{auth::SimpleAuth, service::S3ServiceBuilder};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::lab::{self, Harm};

const PG: &str = "/usr/lib/postgresql/15/bin";
/// Of the cluster that is backed up; a restored one has the seed added. Only a
/// name for its socket: nothing listens on an address.
const PORT: u64 = 15_998;
const SERVER: &str = "barman/pg-main";

/// A small cluster, and a bucket into which Barman writes.
struct Lab {
    dir: tempfile::TempDir,
    barman: PathBuf,
    s3: SocketAddr,
}

/// One row and when it was committed.
type Row = (i64, Time);

impl Lab {
    fn new(s3: impl FnOnce(&Path) -> SocketAddr) -> Option<Self> {
        let named = std::env::var_os("LIFEBOAT_BARMAN").map(PathBuf::from);
        let barman = named.unwrap_or_else(|| PathBuf::from("/usr/bin"));
        let initdb = Path::new(PG).join("initdb");
        if !lab::has(&[&barman.join("barman-cloud-backup"), &initdb, Path::new("/usr/bin/setpriv")]) {
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        for name in ["buckets/backups", "spool", "sock"] {
            fs::create_dir_all(dir.path().join(name)).unwrap();
        }
        let s3 = s3(&dir.path().join("buckets"));
        let lab = Self { dir, barman, s3 };
        lab.own(&["spool", "sock"]);
        lab.pg(&format!("{PG}/initdb -D data -U postgres -A trust --no-sync --wal-segsize=1"));
        let settings = format!(
            "listen_addresses=''\nunix_socket_directories='{0}/sock'\nport=15998\nfsync=off\narchive_mode=on\n\
             archive_command='cp %p {0}/spool/.%f && mv {0}/spool/.%f {0}/spool/%f'\nshared_buffers=16MB\n",
            lab.dir.path().display()
        );
        append(&lab.path("data/postgresql.conf"), &settings);
        lab.start("data").unwrap();
        Some(lab)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// PostgreSQL refuses to run as root.
    fn own(&self, names: &[&str]) {
        use std::os::unix::fs::{PermissionsExt, chown};
        if rustix::process::geteuid().is_root() {
            fs::set_permissions(self.dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
            let all = names.iter().map(|name| self.path(name)).chain([self.dir.path().to_owned()]);
            all.for_each(|path| chown(path, Some(65534), Some(65534)).unwrap());
        }
    }

    /// An argument list written as a line; no argument holds a space.
    fn try_pg(&self, line: &str) -> Output {
        let user = match rustix::process::geteuid().is_root() {
            true => "/usr/bin/setpriv --reuid 65534 --regid 65534 --clear-groups ",
            false => "/usr/bin/env ",
        };
        let line = format!("{user}{line}");
        let mut words = line.split(' ');
        let mut command = Command::new(words.next().unwrap());
        command.args(words).current_dir(self.dir.path()).env_clear();
        command.env("PATH", format!("{PG}:/usr/bin:/bin")).env("LC_ALL", "C").output().unwrap()
    }
    fn pg(&self, line: &str) -> Output {
        let output = self.try_pg(line);
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        output
    }
    fn start(&self, data: &str) -> Result<(), String> {
        // its output goes to a file, or the server would hold the pipe open
        let log = format!("{data}.log");
        let _ = fs::remove_file(self.path(&log));
        let output = self.try_pg(&format!("{PG}/pg_ctl -D {data} -w -t 60 -s -l {log} start"));
        match output.status.success() {
            true => Ok(()),
            false => Err(fs::read_to_string(self.path(&log)).unwrap_or_default()),
        }
    }
    fn stop(&self, data: &str) {
        self.try_pg(&format!("{PG}/pg_ctl -D {data} -w -s -m immediate stop"));
    }
    fn sql(&self, text: &str) -> String {
        self.sql_at(PORT, text)
    }
    fn sql_at(&self, port: u64, text: &str) -> String {
        self.try_sql(port, text).unwrap_or_else(|why| panic!("{text}: {why}"))
    }
    fn try_sql(&self, port: u64, text: &str) -> Result<String, String> {
        let (sock, port) = (self.path("sock"), port.to_string());
        let mut command = Command::new(format!("{PG}/psql"));
        command.args(["-h", sock.to_str().unwrap(), "-p", &port, "-U", "postgres", "-qXAtc", text]);
        let output = command.env_clear().env("LC_ALL", "C").output().unwrap();
        match output.status.success() {
            true => Ok(String::from_utf8(output.stdout).unwrap().trim().to_owned()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }

    fn barman(&self, program: &str, rest: &[&str]) {
        let mut command = Command::new(self.barman.join(program));
        command.args(["--endpoint-url", &format!("http://{}", self.s3), "-z"]).args(rest);
        command.env_clear().env("PATH", format!("{PG}:/usr/bin:/bin")).env("LC_ALL", "C.UTF-8");
        command.env("HOME", self.dir.path()).env("AWS_EC2_METADATA_DISABLED", "true");
        command.env("AWS_ACCESS_KEY_ID", "AK").env("AWS_SECRET_ACCESS_KEY", "SK");
        // what checksums S3 servers understand differs
        command.env("AWS_REQUEST_CHECKSUM_CALCULATION", "when_required");
        let output = command.env("AWS_DEFAULT_REGION", "us-east-1").output().unwrap();
        assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    }
    /// Brings what PostgreSQL has archived into the bucket, in order.
    fn push(&self) {
        let spooled = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().path();
        let mut all: Vec<_> = fs::read_dir(self.path("spool")).unwrap().map(spooled).collect();
        all.sort();
        for path in all.iter().filter(|p| !p.file_name().unwrap().to_str().unwrap().starts_with('.')) {
            self.barman(
                "barman-cloud-wal-archive",
                &["s3://backups/barman", "pg-main", path.to_str().unwrap()],
            );
            fs::remove_file(path).unwrap();
        }
    }
    /// Until the segment that is being written, and so all before it, is in the bucket.
    fn switch_and_push(&self) {
        let segment = self.sql("select pg_walfile_name(pg_switch_wal())");
        let patience = Instant::now() + Duration::from_secs(30);
        while !self.path("spool").join(&segment).exists() {
            assert!(Instant::now() < patience, "{segment} was not archived");
            std::thread::yield_now();
        }
        self.push();
    }
    /// A row of its own segment, which is stored before this returns.
    fn row(&self, n: i64) -> Row {
        self.sql(&format!("insert into orders values ({n})"));
        let committed = chrono::Utc::now();
        self.switch_and_push();
        (n, committed)
    }
    fn backup(&self) {
        let sock = self.path("sock");
        let target = ["s3://backups/barman", "pg-main"];
        let from = ["-h", sock.to_str().unwrap(), "-p", "15998", "-U", "postgres", "--immediate-checkpoint"];
        self.barman("barman-cloud-backup", &[&from[..], &target[..]].concat());
        self.switch_and_push();
    }

    /// Restores a backup out of a folder and replays all that can be, or as far
    /// as `target` says; the last row that is there then, or why it does not start.
    fn restore(&self, repo: &Path, id: &str, target: &str, seed: u64) -> Result<i64, String> {
        let (name, port) = (format!("restored-{seed}"), PORT + 1 + seed);
        let data = self.path(&name);
        fs::create_dir(&data).unwrap();
        let tar = repo.join(format!("{SERVER}/base/{id}/data.tar.gz"));
        let unpacked = Command::new("tar").arg("xzf").arg(tar).arg("-C").arg(&data).output().unwrap();
        if !unpacked.status.success() {
            return Err(String::from_utf8_lossy(&unpacked.stderr).into_owned());
        }
        let wals = repo.join(SERVER).join("wals");
        let settings = format!(
            "restore_command='gunzip -c {}/$(echo %f | cut -c1-16)/%f.gz > %p'\narchive_mode=off\nport={port}\n\
             {target}\n",
            wals.display()
        );
        append(&data.join("postgresql.conf"), &settings);
        fs::write(data.join("recovery.signal"), "").unwrap();
        let mode = Command::new("chmod").args(["-R", "u=rwX,go="]).arg(&data).status().unwrap();
        assert!(mode.success());
        if rustix::process::geteuid().is_root() {
            let owned = Command::new("chown").args(["-R", "65534:65534"]).arg(&data).status().unwrap();
            assert!(owned.success());
        }
        // recovery answers queries before it ends: what counts is its end
        let started = self.start(&name).and_then(|()| self.recovered(&name, port));
        let last =
            started.map(|()| self.sql_at(port, "select coalesce(max(n), 0) from orders").parse().unwrap());
        self.stop(&name);
        fs::remove_dir_all(&data).unwrap();
        last
    }
    fn recovered(&self, name: &str, port: u64) -> Result<(), String> {
        let patience = Instant::now() + Duration::from_secs(60);
        while self.try_sql(port, "select pg_is_in_recovery()").as_deref() != Ok("f") {
            // a target that is not reached ends the server
            if !self.path(name).join("postmaster.pid").exists() {
                return Err(fs::read_to_string(self.path(&format!("{name}.log"))).unwrap_or_default());
            }
            if Instant::now() > patience {
                return Err("recovery does not end".to_owned());
            }
        }
        Ok(())
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let all = fs::read_dir(self.dir.path()).unwrap().map(|entry| entry.unwrap().file_name());
        let running = all.filter_map(|name| name.into_string().ok());
        running
            .filter(|name| self.path(name).join("postmaster.pid").exists())
            .for_each(|name| self.stop(&name));
    }
}

fn append(path: &Path, text: &str) {
    let all = fs::read_to_string(path).unwrap() + text;
    fs::write(path, all).unwrap();
}

/// Harms some files that hold WAL, and now and then one of a backup.
fn damage(repo: &Path, seed: u64) -> Vec<(String, Harm)> {
    let mut dice = fastrand::Rng::with_seed(seed);
    let wal = lab::files(&repo.join(SERVER).join("wals"));
    let base = lab::files(&repo.join(SERVER).join("base"));
    let mut done = Vec::new();
    for n in 0..dice.usize(2..=4) {
        let all = if n == 2 && dice.bool() { &base } else { &wal };
        let path = &all[dice.usize(..all.len())];
        if path.exists() && !path.to_str().unwrap().contains(".backup") {
            let shown = path.strip_prefix(repo).unwrap().display().to_string();
            done.push((shown, lab::harm(path, &mut dice)));
        }
    }
    done
}

/// Bytes of log or data that changed while name and presence stayed: a store
/// tells nothing by which to know, and a refresh does not read data.
fn only_reading_shows(done: &[(String, Harm)]) -> bool {
    let unread = |name: &str| name.contains("/wals/") || name.ends_with(".tar.gz");
    done.iter().any(|(name, harm)| unread(name) && matches!(harm, Harm::Cut | Harm::Flipped))
}

async fn look(repo: &Path) -> CopyReport {
    let copy: CopyDef = serde_json::from_value(
        json!({"store": "fra", "path": "barman", "format": "barman", "options": {"server": "pg-main"}}),
    )
    .unwrap();
    // later than all of it: nothing is still on its way
    let now = chrono::Utc::now() + Dur::secs(86_400);
    read(&copy, &Repo::folder("fra", repo), &Cx::new(now, CancellationToken::new())).await.unwrap()
}

/// S3 over a folder, for as long as the runtime lives.
async fn serve(root: PathBuf) -> SocketAddr {
    let mut builder = S3ServiceBuilder::new(s3s_fs::FileSystem::new(root).unwrap());
    builder.set_auth(SimpleAuth::from_single("AK", "SK"));
    let service = builder.build();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(server.serve_connection(TokioIo::new(socket), service.clone()).into_owned());
        }
    });
    addr
}

/// Three backups with rows between them, each row in a segment of its own.
fn write(lab: &Lab) -> Vec<Row> {
    lab.sql("create table orders (n bigint)");
    let mut rows = Vec::new();
    for from in [1, 4, 7] {
        lab.backup();
        rows.extend((from..from + 3).map(|n| lab.row(n)));
    }
    lab.stop("data");
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_called_usable_restores_and_nothing_else_does() {
    let handle = tokio::runtime::Handle::current();
    let lab = tokio::task::block_in_place(|| Lab::new(|root| handle.block_on(serve(root.to_owned()))));
    let Some(lab) = lab else { return };
    let rows = tokio::task::block_in_place(|| write(&lab));
    let whole = lab.path("buckets/backups");
    let report = look(&whole).await;
    assert_eq!((report.points.len(), report.windows.len(), report.gaps.len()), (3, 1, 0), "{report:#?}");
    tokio::task::block_in_place(|| {
        instants_in_a_gap_do_not_restore(&lab, &rows);
        let met = lab::Met::default();
        lab::each_seed(|seed| compare(&lab, &rows, seed, &met));
        met.settle(&["usable", "broken_chain"]);
    });
}

/// Sets one harmed copy beside a restore out of it.
fn compare(lab: &Lab, rows: &[Row], seed: u64, met: &lab::Met) {
    let repo = lab.path(&format!("broken-{seed}"));
    lab::link_tree(&lab.path("buckets/backups"), &repo);
    let done = if seed == 0 { Vec::new() } else { damage(&repo, seed) };
    let report = lab::wait(look(&repo));
    let mut points = report.points.iter();
    // every other time one that is said not to restore, if there is one
    let doubted = points.find(|p| seed % 2 == 1 && p.state != PointState::Usable);
    let any = fastrand::Rng::with_seed(seed).usize(..report.points.len());
    let point = doubted.unwrap_or(&report.points[any]).clone();
    let restored = lab.restore(&repo, &point.id, "", seed);
    let exact = |last: &i64| {
        let at = point.completed_at.unwrap();
        let window = report.windows.iter().find(|w| w.from <= at && at <= w.to);
        // rows that the backup itself holds were committed before it
        window.is_some_and(|w| rows.iter().all(|(n, committed)| (*committed <= w.to) == (n <= last)))
    };
    let agree = match (point.state, &restored) {
        (PointState::Usable, Ok(last)) if exact(last) => true,
        (PointState::Usable, _) if only_reading_shows(&done) => {
            met.count("harmed where nobody looked");
            true
        }
        // its label is gone or its status unknown: nothing is claimed of it
        (PointState::Incomplete | PointState::Unverified, _) => true,
        (PointState::BrokenChain, Err(_)) => true,
        _ => false,
    };
    met.count(point.state.as_str());
    if !agree {
        met.wrong(format!("seed {seed}, {done:?}: {point:?}, {:?}, {restored:?}", report.windows));
    }
    fs::remove_dir_all(&repo).unwrap();
}

/// An instant inside a window gives exactly the rows before it; behind a hole
/// recovery ends before it gets there.
fn instants_in_a_gap_do_not_restore(lab: &Lab, rows: &[Row]) {
    let repo = lab.path("holed");
    lab::link_tree(&lab.path("buckets/backups"), &repo);
    let whole = lab::wait(look(&repo));
    // row 3 was committed in the first segment that was stored after it was
    let stored = |path: &Path| Time::from(fs::metadata(path).unwrap().modified().unwrap());
    let wals = lab::files(&repo.join(SERVER).join("wals"));
    let lost = wals.iter().find(|path| stored(path) >= rows[2].1).unwrap();
    fs::remove_file(lost).unwrap();
    let report = lab::wait(look(&repo));
    assert_eq!(report.gaps.len(), 1, "{report:#?}");
    let oldest = &whole.points.last().unwrap().id;
    let between = rows[0].1 + (rows[1].1 - rows[0].1) / 2;
    for (at, seed) in [(between, 9_000), (rows[2].1, 9_001)] {
        let inside = report.windows.iter().any(|w| w.from <= at && at <= w.to);
        let target = format!("recovery_target_time='{}'\nrecovery_target_action=promote", at.to_rfc3339());
        let restored = lab.restore(&repo, oldest, &target, seed);
        let expected = if seed == 9_000 { (true, true) } else { (false, false) };
        assert_eq!((inside, restored == Ok(1)), expected, "{at}: {restored:?}, {report:#?}");
        assert!(expected.1 || restored.is_err(), "{restored:?}");
    }
}
