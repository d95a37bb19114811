//! Repositories that the real pgBackRest wrote, read as files and over S3, and
//! set beside what the tool itself says of them.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use hyper_util::rt::{TokioExecutor, TokioIo};
use lifeboat::{
    catalog::{Cx, read},
    net::{
        Http, Secret, Secrets,
        store::{Repo, open},
    },
};
use lifeboat_core::model::*;
use s3s::{auth::SimpleAuth, service::S3ServiceBuilder};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::world::Home;

pub const PG: &str = "/usr/lib/postgresql/15/bin";
/// Of the cluster that is backed up. Only a name for its socket: nothing listens
/// on an address.
pub const PORT: u64 = 15_999;

/// A small cluster of its own with a repository in clear and an encrypted one.
/// Run as `nobody` where the test is root, since initdb refuses that.
pub struct Lab {
    dir: tempfile::TempDir,
}

impl Lab {
    /// `None` where the tools are not installed; LIFEBOAT_LAB=1 insists.
    pub fn new() -> Option<Self> {
        let there = |path: &str| Path::new(path).exists();
        if !there("/usr/bin/pgbackrest") || !there(&format!("{PG}/initdb")) || !there("/usr/bin/setpriv") {
            assert_ne!(
                std::env::var("LIFEBOAT_LAB").as_deref(),
                Ok("1"),
                "pgbackrest or PostgreSQL 15 is missing"
            );
            println!("skipped: pgbackrest and PostgreSQL 15 are not installed");
            return None;
        }
        let lab = Self { dir: tempfile::tempdir().unwrap() };
        for name in ["home", "repo", "sealed", "log", "lock", "sock"] {
            fs::create_dir(lab.path(name)).unwrap();
        }
        let config = format!(
            "[global]\nrepo1-path={0}/repo\nrepo2-path={0}/sealed\nrepo2-cipher-type=aes-256-cbc\n\
             repo2-cipher-pass=fixture\nrepo2-bundle=y\nlog-path={0}/log\nlock-path={0}/lock\nlog-level-console=error\n\
             log-level-file=off\nstart-fast=y\ncompress-type=gz\n[orders]\npg1-path={0}/data\n\
             pg1-socket-path={0}/sock\npg1-port=15999\npg1-user=postgres\n\
             [payments]\npg1-path={0}/data\npg1-socket-path={0}/sock\npg1-port=15999\npg1-user=postgres\n",
            lab.dir.path().display()
        );
        fs::write(lab.path("pgb.conf"), config).unwrap();
        lab.own();
        lab.run(&format!(
            "{PG}/initdb -D data -U postgres -A trust --no-sync --data-checksums --wal-segsize=1"
        ));
        let dir = lab.dir.path().display();
        let settings = format!(
            "listen_addresses=''\nunix_socket_directories='{dir}/sock'\nport=15999\nfsync=off\narchive_mode=on\n\
             archive_command='pgbackrest --config={dir}/pgb.conf --stanza=orders archive-push %p'\n\
             shared_buffers=16MB\n"
        );
        let path = lab.path("data/postgresql.conf");
        let all = fs::read_to_string(&path).unwrap() + &settings;
        fs::write(path, all).unwrap();
        lab.start();
        lab.pgbackrest("stanza-create");
        Some(lab)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn is_root() -> bool {
        rustix::process::geteuid().is_root()
    }

    fn own(&self) {
        use std::os::unix::fs::{PermissionsExt, chown};
        fs::set_permissions(self.dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        if Self::is_root() {
            for entry in fs::read_dir(self.dir.path()).unwrap() {
                chown(entry.unwrap().path(), Some(65534), Some(65534)).unwrap();
            }
            chown(self.dir.path(), Some(65534), Some(65534)).unwrap();
        }
    }

    /// An argument list written as a line; no argument holds a space.
    pub fn run(&self, line: &str) -> Output {
        self.run_args(&line.split(' ').collect::<Vec<_>>())
    }

    fn run_args(&self, args: &[&str]) -> Output {
        let output = self.command(args).output().unwrap();
        let told = || {
            let log = fs::read_to_string(self.path("pg.log")).unwrap_or_default();
            format!("{args:?}: {}\n{log}", String::from_utf8_lossy(&output.stderr))
        };
        assert!(output.status.success(), "{}", told());
        output
    }

    /// As the user that the cluster belongs to.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = match Self::is_root() {
            true => {
                let mut command = Command::new("/usr/bin/setpriv");
                command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
                command
            }
            false => Command::new("/usr/bin/env"),
        };
        command.args(args).current_dir(self.dir.path()).env_clear();
        command.env("HOME", self.path("home")).env("PATH", format!("{PG}:/usr/bin:/bin")).env("LC_ALL", "C");
        command
    }

    pub fn start(&self) {
        // its output goes to a file, or the server would hold the pipe open
        self.run(&format!("{PG}/pg_ctl -D data -w -s -l pg.log start"));
    }
    pub fn pgbackrest(&self, rest: &str) -> Output {
        self.run(&format!("pgbackrest --config={} --stanza=orders {rest}", self.path("pgb.conf").display()))
    }
    pub fn sql(&self, text: &str) -> String {
        self.ask(PORT, text).unwrap_or_else(|why| panic!("{text}: {why}"))
    }
    /// Of the cluster that this port names.
    pub fn ask(&self, port: u64, text: &str) -> Result<String, String> {
        let (sock, port) = (self.path("sock"), port.to_string());
        let args = ["psql", "-h", sock.to_str().unwrap(), "-p", &port, "-U", "postgres", "-qXAtc", text];
        let output = self.command(&args).output().unwrap();
        match output.status.success() {
            true => Ok(String::from_utf8(output.stdout).unwrap().trim().to_owned()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }
    /// So many segments, each with a row in it, all of them archived.
    fn write_wal(&self, segments: usize) {
        for _ in 0..segments {
            self.sql("insert into orders values (now())");
            self.sql("select pg_switch_wal()");
        }
        self.pgbackrest("check");
    }
    fn info(&self) -> Value {
        self.info_of(1)
    }
    fn info_of(&self, repo: u8) -> Value {
        let output = self.pgbackrest(&format!("--repo={repo} info --output=json"));
        serde_json::from_slice::<Value>(&output.stdout).unwrap()[0].clone()
    }

    /// A folder as a stanza's copy with a password, and whatever stanzas lie beside.
    async fn look_with(&self, repo: &str, password: &str) -> CopyReport {
        let mut cx = Cx::new(chrono::Utc::now(), CancellationToken::new());
        cx.password = Some(Secret::new(password));
        read(&copy_at("", Some("orders")), &Repo::folder("fra", self.path(repo)), &cx).await.unwrap()
    }

    pub fn wal(&self, repo: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![self.path(repo).join("archive/orders")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if name(&path).len() > 60 && name(&path).as_bytes()[24] == b'-' {
                    found.push(path);
                }
            }
        }
        found.sort();
        found
    }
    /// Takes one segment away; gives back its name.
    fn lose(&self, segment: &str) -> PathBuf {
        let path = self.wal("repo").into_iter().find(|p| name(p).starts_with(segment)).unwrap();
        fs::remove_file(&path).unwrap();
        path
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let pid = fs::read_to_string(self.path("data/postmaster.pid")).unwrap_or_default();
        let pid = pid.lines().next().and_then(|l| l.parse().ok()).and_then(rustix::process::Pid::from_raw);
        if let Some(pid) = pid {
            // immediate: nothing of this cluster is wanted any more
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::QUIT);
            // where nobody reaps orphans it stays for ever, dead
            let patience = std::time::Instant::now() + std::time::Duration::from_secs(10);
            while rustix::process::test_kill_process(pid).is_ok() && std::time::Instant::now() < patience {
                std::thread::yield_now();
            }
        }
    }
}

pub fn name(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

/// Files with their times; links stay behind, as in any bucket.
fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (kind, target) = (entry.file_type().unwrap(), to.join(entry.file_name()));
        if kind.is_dir() {
            copy_tree(&entry.path(), &target);
        } else if kind.is_file() {
            fs::copy(entry.path(), &target).unwrap();
            let times = entry.metadata().unwrap().modified().unwrap();
            fs::File::options().write(true).open(target).unwrap().set_modified(times).unwrap();
        }
    }
}

/// S3 over a folder, for as long as the runtime lives.
async fn serve(root: &Path) -> SocketAddr {
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

async fn s3(root: &Path, addr: SocketAddr) -> Repo {
    let store = json!({
        "id": "fra", "url": "s3://backups", "endpoint": format!("http://{addr}"),
        "credentials": {"env_prefix": "FRA_"},
    });
    let secrets = Secrets::new(root, []).with_env(|name| match name {
        "FRA_ACCESS_KEY_ID" => Some("AK".to_owned()),
        "FRA_SECRET_ACCESS_KEY" => Some("SK".to_owned()),
        _ => None,
    });
    open(&serde_json::from_value(store).unwrap(), &Http::new(), &secrets).await.unwrap()
}

fn copy_at(path: &str, stanza: Option<&str>) -> CopyDef {
    let mut copy: CopyDef =
        serde_json::from_value(json!({"store": "fra", "path": path, "format": "pgbackrest"})).unwrap();
    copy.options.extend(stanza.map(|s| ("stanza".to_owned(), s.into())));
    copy
}

async fn look(repo: &Repo, copy: &CopyDef) -> Result<CopyReport, Problem> {
    read(copy, repo, &Cx::new(chrono::Utc::now(), CancellationToken::new())).await
}

async fn look_at(folder: &Path) -> CopyReport {
    look(&Repo::folder("fra", folder), &copy_at("", Some("orders"))).await.unwrap()
}

/// What the tool says of its backups, as points say it.
fn told(info: &Value) -> Vec<(String, i64, i64, u64)> {
    let backups = info["backup"].as_array().unwrap().iter().rev();
    let row = |b: &Value| {
        (
            b["label"].as_str().unwrap().to_owned(),
            b["timestamp"]["start"].as_i64().unwrap(),
            b["timestamp"]["stop"].as_i64().unwrap(),
            b["info"]["size"].as_u64().unwrap(),
        )
    };
    backups.map(row).collect()
}

fn seen(report: &CopyReport) -> Vec<(String, i64, i64, u64)> {
    let epoch = |t: Option<Time>| t.unwrap().timestamp();
    let row = |p: &Point| (p.id.clone(), epoch(p.started_at), epoch(p.completed_at), p.size_bytes.unwrap());
    report.points.iter().map(row).collect()
}

fn point<'r>(report: &'r CopyReport, id: &str) -> &'r Point {
    report.points.iter().find(|p| p.id == id).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn real_repositories_are_read_as_the_tool_reads_them_and_closer() {
    let Some(lab) = Lab::new() else { return };
    lab.sql("create table orders (at timestamptz)");
    lab.pgbackrest("--repo=1 --type=full backup");
    lab.write_wal(4);
    lab.pgbackrest("--repo=1 --type=incr backup");
    lab.write_wal(3);
    lab.pgbackrest("--repo=2 --type=full backup");
    let repo = lab.path("repo");

    // whole, as files and over S3
    let info = lab.info();
    let report = look_at(&repo).await;
    assert_eq!(seen(&report), told(&info));
    assert!(report.points.iter().all(|p| p.state == PointState::Usable), "{report:#?}");
    assert_eq!((report.gaps.len(), report.notes.len()), (0, 0), "{report:#?}");
    let [incr, full] = [0, 1].map(|n| report.points[n].clone());
    assert_eq!((full.kind, incr.kind), (PointKind::Full, PointKind::Incremental));
    assert_eq!(incr.depends_on, std::slice::from_ref(&full.id));
    let [window] = &report.windows[..] else { panic!("{:?}", report.windows) };
    assert_eq!(window.from, full.completed_at.unwrap());
    let stored = |path: &Path| Time::from(fs::metadata(path).unwrap().modified().unwrap()).timestamp_millis();
    let newest = lab.wal("repo").pop().unwrap();
    assert_eq!(window.to.timestamp_millis(), stored(&newest));

    let buckets = tempfile::tempdir().unwrap();
    copy_tree(&repo, &buckets.path().join("backups/pgb"));
    let addr = serve(buckets.path()).await;
    let over_s3 = look(&s3(buckets.path(), addr).await, &copy_at("pgb", None)).await.unwrap();
    assert_eq!((&over_s3.points, over_s3.windows.len(), &over_s3.gaps), (&report.points, 1, &report.gaps));
    assert!(over_s3.cost.requests >= 4);
    tokio::task::block_in_place(|| the_commands_say_the_same(&repo, addr, &told(&info)));

    holes_are_found_that_the_tool_does_not_mention(&lab, &full, &incr).await;
    damage_is_named(&lab, &full, &incr).await;
    an_encrypted_repository_is_counted_and_with_its_password_read(&lab).await;
    a_promotion_is_followed(&lab).await;
}

/// `points` and `status` of the program itself, over files and over S3.
fn the_commands_say_the_same(repo: &Path, s3: SocketAddr, told: &[(String, i64, i64, u64)]) {
    let home = Home::new();
    let dir = home.path("estate");
    fs::create_dir_all(dir.join("workloads")).unwrap();
    let write = |name: &str, text: String| fs::write(dir.join(name), text).unwrap();
    write("lifeboat.toml", "schema = 1\nname = \"Tool\"\n".into());
    write("regions.toml", "schema = 1\n[[region]]\nid = \"a\"\n".into());
    write("keys.json", json!({"access_key_id": "AK", "secret_access_key": "SK"}).to_string());
    write(
        "stores.toml",
        format!(
            "schema = 1\n[[store]]\nid = \"files\"\nurl = \"file://{}\"\n[[store]]\nid = \"bucket\"\n\
             url = \"s3://backups\"\nendpoint = \"http://{s3}\"\ncredentials = {{ file = \"keys.json\" }}\n",
            repo.display()
        ),
    );
    let copy = |store: &str, path: &str| {
        format!(
            "[[asset.copy]]\nstore = \"{store}\"\npath = \"{path}\"\nformat = \"pgbackrest\"\nstanza = \"orders\"\n"
        )
    };
    write(
        "workloads/orders.toml",
        format!(
            "schema = 1\nid = \"orders\"\nhome = \"a\"\n[[asset]]\nid = \"db\"\nlayer = \"database\"\n{}{}",
            copy("files", ""),
            copy("bucket", "pgb")
        ),
    );
    assert_eq!(home.ask(&dir, &["trust", "--yes"]).0, 0);
    let points = home.json(&dir, &["points", "orders", "--json"]);
    let epoch = |v: &Value| v.as_str().unwrap().parse::<Time>().unwrap().timestamp();
    let copies = points["copies"].as_array().unwrap();
    assert_eq!(copies.len(), 2, "{points:#}");
    for copy in copies {
        let row = |p: &Value| {
            let (id, size) = (p["id"].as_str().unwrap().to_owned(), p["size_bytes"].as_u64().unwrap());
            (id, epoch(&p["started_at"]), epoch(&p["completed_at"]), size)
        };
        let rows: Vec<_> = copy["points"].as_array().unwrap().iter().map(row).collect();
        assert_eq!(rows, told, "{}", copy["store"]);
    }
    let status = home.json(&dir, &["status", "--json"]);
    for copy in status["workloads"][0]["assets"][0]["copies"].as_array().unwrap() {
        assert_eq!(copy["last_good"]["id"], told[0].0.as_str(), "{copy:#}");
        assert_eq!(copy["last_good"]["size_bytes"], told[0].3, "{copy:#}");
        assert_eq!(copy["points"], told.len(), "{copy:#}");
    }
}

async fn holes_are_found_that_the_tool_does_not_mention(lab: &Lab, full: &Point, incr: &Point) {
    let repo = lab.path("repo");
    let info = lab.info();
    let segment = |n: usize, end: &str| info["backup"][n]["archive"][end].as_str().unwrap().to_owned();
    let all: Vec<String> = lab.wal("repo").iter().map(|p| name(p)[..24].to_owned()).collect();
    let between: Vec<_> =
        all.iter().filter(|s| **s > segment(0, "stop") && **s < segment(1, "start")).collect();
    let (last, lost) = (between[0], between[1]);

    let path = lab.wal("repo").into_iter().find(|p| name(p).starts_with(&**lost)).unwrap();
    let kept = fs::read(&path).unwrap();
    lab.lose(lost);
    assert_eq!(lab.info()["status"]["code"], 0, "the tool still says ok");
    let report = look_at(&repo).await;
    let [gap] = &report.gaps[..] else { panic!("{:?}", report.gaps) };
    assert_eq!((&gap.first_missing, &gap.last_missing), (lost, lost));
    assert!(gap.from < gap.to && gap.detail.starts_with("1 WAL segment is missing"), "{gap:?}");
    assert_eq!(report.windows.len(), 2, "{:?}", report.windows);
    assert_eq!(report.windows[0].from, full.completed_at.unwrap());
    let before = lab.wal("repo").into_iter().find(|p| name(p).starts_with(&**last)).unwrap();
    let before = Time::from(fs::metadata(before).unwrap().modified().unwrap()).timestamp_millis();
    assert_eq!(report.windows[0].to.timestamp_millis(), before, "it ends before the hole");
    assert_eq!(report.windows[1].from, incr.completed_at.unwrap());
    assert!(report.points.iter().all(|p| p.state == PointState::Usable), "each has the log it needs itself");
    fs::write(&path, kept).unwrap();

    // the segment that makes the newest backup consistent
    let stop = segment(1, "stop");
    let path = lab.wal("repo").into_iter().find(|p| name(p).starts_with(&stop)).unwrap();
    let kept = fs::read(&path).unwrap();
    fs::write(&path, "").unwrap();
    let emptied = look_at(&repo).await;
    lab.lose(&stop);
    let report = look_at(&repo).await;
    assert_eq!(lab.info()["status"]["code"], 0, "the tool still says ok");
    for report in [emptied, report] {
        let broken = point(&report, &incr.id);
        assert_eq!(broken.state, PointState::BrokenChain, "{broken:?}");
        assert!(broken.reason.contains(&stop), "{broken:?}");
        assert_eq!(point(&report, &full.id).state, PointState::Usable);
        assert_eq!(report.windows.len(), 1);
        assert_eq!(report.summary().last_good.unwrap().id, full.id, "last good is not the newest");
    }
    fs::write(&path, kept).unwrap();
}

async fn damage_is_named(lab: &Lab, full: &Point, incr: &Point) {
    let dir = tempfile::tempdir().unwrap();
    let repo = dir.path().join("repo");
    copy_tree(&lab.path("repo"), &repo);
    let backup = repo.join("backup/orders");
    let info = fs::read_to_string(backup.join("backup.info")).unwrap();
    fs::write(backup.join("backup.info"), info.replace("\"full\"", "\"fool\"")).unwrap();
    let report = look_at(&repo).await;
    assert_eq!(report.points.len(), 2);
    let [note] = &report.notes[..] else { panic!("{:?}", report.notes) };
    assert!(note.why.contains("its copy was read"), "{note}");

    fs::remove_file(backup.join("backup.info.copy")).unwrap();
    let problem = look(&Repo::folder("fra", &repo), &copy_at("", None)).await.unwrap_err();
    assert_eq!(problem.code, Code::COPY_FORMAT, "{problem}");
    fs::write(backup.join("backup.info"), info).unwrap();

    // begun and not ended
    let begun = backup.join("20990101-000000F");
    fs::create_dir(&begun).unwrap();
    fs::write(begun.join("backup.manifest.copy"), "x").unwrap();
    assert_eq!(point(&look_at(&repo).await, "20990101-000000F").state, PointState::Running);
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(7_300);
    fs::File::options()
        .write(true)
        .open(begun.join("backup.manifest.copy"))
        .unwrap()
        .set_modified(long_ago)
        .unwrap();
    let given_up = look_at(&repo).await;
    assert_eq!(point(&given_up, "20990101-000000F").state, PointState::Incomplete);
    assert_eq!(
        point(&given_up, "20990101-000000F").reason,
        "it was begun, and nothing was written for 2h 01m"
    );

    fs::remove_dir_all(backup.join(&full.id)).unwrap();
    let report = look_at(&repo).await;
    for (id, reason) in [
        (&full.id, "its folder is gone".to_owned()),
        (&incr.id, format!("it needs {}, which is gone", full.id)),
    ] {
        assert_eq!(
            (point(&report, id).state, &point(&report, id).reason),
            (PointState::BrokenChain, &reason)
        );
    }
    assert!(report.windows.is_empty() && report.summary().last_good.is_none());

    let problem = look(&Repo::folder("fra", &repo), &copy_at("", Some("payments"))).await.unwrap_err();
    assert_eq!(problem.code, Code::COPY_NOT_THERE);
    assert!(problem.next.contains("orders"), "{problem}");
}

async fn an_encrypted_repository_is_counted_and_with_its_password_read(lab: &Lab) {
    let counted = look_at(&lab.path("sealed")).await;
    let wrong = lab.look_with("sealed", "Fixture").await;
    for (report, code) in [(counted, Code::COPY_PASSWORD), (wrong, Code::COPY_WRONG_PASSWORD)] {
        let [point] = &report.points[..] else { panic!("{:?}", report.points) };
        assert_eq!(point.state, PointState::Unverified);
        assert!(point.completed_at.is_some() && report.summary().last_good.is_none());
        assert!(report.notes.iter().any(|n| n.code == code), "{:?}", report.notes);
    }
    let report = lab.look_with("sealed", "fixture").await;
    assert_eq!(seen(&report), told(&lab.info_of(2)));
    assert_eq!((report.gaps.len(), report.notes.len(), report.windows.len()), (0, 0, 1), "{report:#?}");
    let full = report.points[0].clone();
    assert_eq!((full.state, report.summary().last_good.unwrap().id), (PointState::Usable, full.id.clone()));

    // bundled, chained, and beside another stanza
    lab.pgbackrest("--repo=2 --type=diff backup");
    lab.write_wal(2);
    lab.run(&format!(
        "pgbackrest --config={} --stanza=payments --no-online stanza-create",
        lab.path("pgb.conf").display()
    ));
    let report = lab.look_with("sealed", "fixture").await;
    assert_eq!(seen(&report), told(&lab.info_of(2)));
    assert_eq!(
        (report.points[0].kind, &report.points[0].depends_on),
        (PointKind::Differential, &vec![full.id.clone()])
    );
    assert!(fs::read_dir(lab.path("sealed/backup/orders").join(&full.id).join("bundle")).is_ok());
    let problem = look(&Repo::folder("fra", lab.path("sealed")), &copy_at("", None)).await.unwrap_err();
    assert_eq!((problem.code, problem.why.contains("payments")), (Code::COPY_FORMAT, true), "{problem}");

    // the same hole with and without the password
    let stop = lab.info_of(2)["backup"][1]["archive"]["stop"].as_str().unwrap().to_owned();
    let path = lab.wal("sealed").into_iter().find(|p| name(p).starts_with(&stop)).unwrap();
    let kept = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let report = lab.look_with("sealed", "fixture").await;
    assert_eq!(point(&report, &full.id).state, PointState::Usable);
    assert!(report.points[0].state == PointState::BrokenChain && report.points[0].reason.contains(&stop));
    for gaps in [report.gaps, look_at(&lab.path("sealed")).await.gaps] {
        assert!(gaps.iter().any(|g| g.first_missing == stop), "{gaps:?}");
    }
    fs::write(&path, kept).unwrap();

    sealed_info_files_fall_back_to_their_copy(lab).await;
}

/// Damage is told from a wrong password, and a damaged file has its copy.
async fn sealed_info_files_fall_back_to_their_copy(lab: &Lab) {
    let dir = tempfile::tempdir().unwrap();
    copy_tree(&lab.path("sealed"), dir.path());
    let look = async |password: &str| {
        let mut cx = Cx::new(chrono::Utc::now(), CancellationToken::new());
        cx.password = Some(Secret::new(password));
        read(&copy_at("", Some("orders")), &Repo::folder("fra", dir.path()), &cx).await
    };
    let info = dir.path().join("backup/orders/backup.info");
    let whole = fs::read(&info).unwrap();
    for damaged in [&whole[..whole.len() - 7], &whole[..20], b"Salted__", b""] {
        fs::write(&info, damaged).unwrap();
        let report = look("fixture").await.unwrap();
        assert_eq!(report.points.len(), 2, "{report:#?}");
        assert!(report.notes.iter().any(|n| n.why.contains("its copy was read")), "{:?}", report.notes);
    }
    fs::write(&info, &whole[..whole.len() - 7]).unwrap();
    fs::write(info.with_extension("info.copy"), &whole[..whole.len() - 32]).unwrap();
    assert_eq!(look("fixture").await.unwrap_err().code, Code::COPY_FORMAT);
    let wrong = look("wrong").await.unwrap();
    assert!(wrong.notes.iter().any(|n| n.code == Code::COPY_WRONG_PASSWORD), "{:?}", wrong.notes);
}

async fn a_promotion_is_followed(lab: &Lab) {
    lab.run(&format!("{PG}/pg_ctl -D data -w -s -m fast stop"));
    lab.run("touch data/standby.signal");
    lab.start();
    lab.run(&format!("{PG}/pg_ctl -D data -w -s promote"));
    lab.write_wal(2);
    assert_eq!(&name(lab.wal("repo").last().unwrap())[..8], "00000002");
    let report = look_at(&lab.path("repo")).await;
    assert_eq!((report.gaps.len(), report.notes.len(), report.windows.len()), (0, 0, 1), "{report:#?}");
    let newest = lab.wal("repo").pop().unwrap();
    let stored = Time::from(fs::metadata(newest).unwrap().modified().unwrap()).timestamp_millis();
    assert_eq!(report.windows[0].to.timestamp_millis(), stored, "over the switch of timeline");

    // the history file is encrypted under the archive's own key
    let report = lab.look_with("sealed", "fixture").await;
    assert_eq!((report.gaps.len(), report.notes.len(), report.windows.len()), (0, 0, 1), "{report:#?}");
    let newest = lab.wal("sealed").pop().unwrap();
    let stored = Time::from(fs::metadata(newest).unwrap().modified().unwrap()).timestamp_millis();
    assert_eq!(report.windows[0].to.timestamp_millis(), stored, "over the switch, encrypted");
}
