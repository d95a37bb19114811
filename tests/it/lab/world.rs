//! The lab as the tests hold it: `tests/lab/up` in a process of its own, which
//! ends everything when its standard input closes, however this one ends.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    time::{Duration, Instant},
};

use lifeboat::keep::runs::runs_dir;
use serde_json::{Value, json};

use crate::{
    lab::{self, writer::Writer},
    pgbackrest::PG,
    world::PROGRAM,
};

pub const WEST: &str = "eu-west-1";
pub const CENTRAL: &str = "eu-central-1";
const PATIENCE: Duration = Duration::from_secs(60);

pub struct World {
    root: tempfile::TempDir,
    /// Closed first, and then waited for.
    held: Option<ChildStdin>,
    child: Child,
    facts: Value,
    /// The network namespace that it runs in, where it is one of its own.
    namespace: bool,
}

impl Drop for World {
    fn drop(&mut self) {
        drop(self.held.take());
        let _ = self.child.wait();
    }
}

impl World {
    /// `None` without LIFEBOAT_LAB=1, which insists on its servers: a dozen of them
    /// for each test are too many for everyday.
    pub fn up(delay: Duration) -> Option<Self> {
        Self::within(delay, &[])
    }

    /// By way of another program that ends as what it starts ends.
    pub fn within(delay: Duration, around: &[&str]) -> Option<Self> {
        if !lab::whole() {
            println!("skipped: the lab of real servers comes up with LIFEBOAT_LAB=1");
            return None;
        }
        let postgres = format!("{PG}/postgres");
        let tools = [
            &*postgres,
            "/usr/bin/pgbackrest",
            "/usr/sbin/haproxy",
            "/usr/sbin/named",
            "/usr/bin/dig",
            "/usr/bin/redis-server",
            "/usr/bin/redis-cli",
            "/usr/bin/psql",
            "/usr/bin/env",
        ];
        if !lab::has(&tools.map(Path::new)) {
            return None;
        }
        let root = tempfile::tempdir().unwrap();
        let up = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lab/up");
        let line: Vec<&str> = [around, &["/usr/bin/env", "python3", up]].concat();
        let mut start = Command::new(line[0]);
        start
            .args(&line[1..])
            .arg(root.path())
            .arg("--piped")
            .arg("--delay")
            .arg(delay.as_millis().to_string());
        let log = fs::File::create(root.path().join("up.log")).unwrap();
        start.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
        let mut child = start.spawn().unwrap();
        let mut told = String::new();
        let _ = BufReader::new(child.stdout.take().unwrap()).read_line(&mut told);
        let why = || fs::read_to_string(root.path().join("up.log")).unwrap_or_default();
        let facts = serde_json::from_str(&told)
            .unwrap_or_else(|e| panic!("the lab does not come up: {e}\n{}", why()));
        let namespace = !around.is_empty();
        let world = Self { held: child.stdin.take(), root, child, facts, namespace };
        let made = world.sql(
            WEST,
            "create table orders (n bigint primary key, at timestamptz not null default clock_timestamp())",
        );
        made.unwrap();
        let (code, told) = world.lifeboat(&["trust", "--yes"]);
        assert_eq!(code, 0, "{told}");
        Some(world)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }
    pub fn estate(&self) -> PathBuf {
        self.path("estate")
    }
    pub fn receipts(&self) -> PathBuf {
        self.path("receipts")
    }
    fn port(&self, pointer: &str) -> u16 {
        self.facts.pointer(pointer).and_then(Value::as_u64).and_then(|n| n.try_into().ok()).expect(pointer)
    }
    /// `dns`, `stats`, or a service by way of the switch.
    pub fn of_third(&self, service: &str) -> u16 {
        self.port(&format!("/third/{service}"))
    }
    pub fn of(&self, region: &str, service: &str) -> u16 {
        self.port(&format!("/regions/{region}/ports/{service}"))
    }
    /// Of the lab's own process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Clients that count what they are told, from now on.
    pub fn writer(&self) -> Writer {
        let writer = Writer::start(self.path("us-east-1/front"), self.receipts());
        let arrived = || self.sql(CENTRAL, "select count(*) > 20 from orders").as_deref() == Ok("t");
        self.until("the first receipts to arrive", || writer.count() > 20 && arrived());
        writer
    }

    /// A request to the lab itself.
    pub fn ask(&self, asked: Value) -> (i64, String) {
        let mut stream = UnixStream::connect(self.path("control")).unwrap();
        stream.write_all(format!("{asked}\n").as_bytes()).unwrap();
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).unwrap();
        let told: Value = serde_json::from_str(&line).unwrap();
        let text = [&told["out"], &told["err"]].map(|t| t.as_str().unwrap_or_default().to_owned()).concat();
        (told["code"].as_i64().unwrap(), text)
    }
    fn must(&self, asked: Value) -> String {
        let (code, told) = self.ask(asked.clone());
        assert_eq!(code, 0, "{asked}: {told}");
        told
    }
    /// `kill`, `stop`, `cont` or `back`, of all that runs in the region.
    pub fn fault(&self, region: &str, verb: &str) {
        self.must(json!({"what": "fault", "region": region, "verb": verb}));
    }
    pub fn service(&self, region: &str, verb: &str) -> String {
        self.must(json!({"what": "service", "region": region, "verb": verb}))
    }
    pub fn on(&self, region: &str, argv: &[&str]) -> String {
        self.must(json!({"what": "on", "region": region, "argv": argv}))
    }

    pub fn sql(&self, region: &str, text: &str) -> Result<String, String> {
        self.sql_at(self.of(region, "postgres"), text)
    }
    pub fn sql_at(&self, port: u16, text: &str) -> Result<String, String> {
        let port = port.to_string();
        let args = ["psql", "-h", "127.0.0.1", "-p", &port, "-U", "postgres", "-qXAt", "-c", text];
        let output = self.inside(&args).env("PGCONNECT_TIMEOUT", "3").output().unwrap();
        match output.status.success() {
            true => Ok(String::from_utf8(output.stdout).unwrap().trim().to_owned()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }
    /// A program, in the lab's own network where it has one.
    pub fn inside(&self, line: &[&str]) -> Command {
        let mut command = Command::new("/usr/bin/env");
        if self.namespace {
            command = Command::new("/usr/bin/nsenter");
            command.arg(format!("--net=/proc/{}/ns/net", self.pid())).arg("/usr/bin/env");
        }
        command.args(line);
        command
    }

    /// Its exit code, and all that it said.
    pub fn lifeboat(&self, args: &[&str]) -> (i32, String) {
        let (code, out, mut err) = self.told(args);
        if err.contains("  failed ") {
            for output in lab::files(&self.path("state"))
                .into_iter()
                .filter(|p| p.ends_with("stdout") || p.ends_with("output"))
            {
                let said = fs::read_to_string(&output).unwrap_or_default();
                err += &format!("{}: {said}\n", output.display());
            }
        }
        (code, out + &err)
    }
    pub fn json(&self, args: &[&str]) -> Value {
        let (code, out, err) = self.told(args);
        serde_json::from_str(&out).unwrap_or_else(|e| panic!("{args:?} gave {code}: {e}\n{out}{err}"))
    }
    pub fn command(&self, args: &[&str]) -> Command {
        let estate = self.estate();
        let line = [&[PROGRAM, "--estate", estate.to_str().unwrap()], args].concat();
        let mut command = self.inside(&line);
        for (name, path) in self.env() {
            command.env(name, path);
        }
        command.stdin(Stdio::null());
        command
    }
    /// Where runs of the estate are kept.
    pub fn runs(&self) -> PathBuf {
        runs_dir(&self.path("state"), "northwind-library")
    }
    fn told(&self, args: &[&str]) -> (i32, String, String) {
        let output = self.command(args).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let err = text(output.stderr);
        assert!(!err.contains("panicked"), "{err}");
        (output.status.code().unwrap_or(-1), text(output.stdout), err)
    }
    pub fn env(&self) -> [(&'static str, PathBuf); 2] {
        [("LIFEBOAT_STATE_DIR", self.path("state")), ("LIFEBOAT_CONFIG_DIR", self.path("config"))]
    }
    /// The newest run of this runbook, as `runs` tells it.
    #[track_caller]
    pub fn run_of(&self, runbook: &str) -> String {
        self.any_run_of(runbook).unwrap_or_else(|| panic!("no run of {runbook}"))
    }
    pub fn any_run_of(&self, runbook: &str) -> Option<String> {
        let runs = self.json(&["runs", "--json"]);
        let found = runs["runs"].as_array().unwrap().iter().find(|r| r["runbook"] == runbook);
        found.map(|run| run["id"].as_str().unwrap().to_owned())
    }
    pub fn report(&self, run: &str) -> Value {
        self.json(&["report", run, "--format", "json"])
    }
    pub fn workload(&self, id: &str) -> Value {
        self.json(&["status", id, "--json"])["workloads"][0].clone()
    }

    #[track_caller]
    pub fn until(&self, what: &str, mut so: impl FnMut() -> bool) {
        let end = Instant::now() + PATIENCE;
        while !so() {
            assert!(Instant::now() < end, "waited in vain for {what}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}
