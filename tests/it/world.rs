//! A folder with everything that Lifeboat keeps, and the program as a person
//! starts it: `Home` for any estate, `World` for one of our own making whose
//! runs are driven, killed and taken up from outside.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use lifeboat::keep::runs::{self, attempt_dir, runs_dir};
use lifeboat_core::{
    model::RunId,
    run::{Machine, Run, StepStatus},
};
use serde_json::{Value, json};

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_lifeboat");

/// How long anything may take that a test waits for.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A folder with everything that Lifeboat keeps, for one test.
pub struct Home {
    root: tempfile::TempDir,
}

impl Home {
    pub fn new() -> Self {
        Self { root: tempfile::tempdir().expect("a folder") }
    }
    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("it lies in a folder")).expect("a folder");
        fs::write(path, bytes).expect("a file");
    }
    /// A file that may be run.
    pub fn script(&self, name: &str, text: &str) {
        self.write(name, text);
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o755)).expect("its mode");
    }
    /// What is there; nothing where there is no such file yet.
    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }
    /// The program on the estate in `dir`, with nothing to read.
    pub fn command(&self, dir: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.arg("--estate").arg(dir).args(args).stdin(Stdio::null());
        command.env("LIFEBOAT_STATE_DIR", self.path("state"));
        command.env("LIFEBOAT_CONFIG_DIR", self.path("config"));
        command
    }
    pub fn output(&self, dir: &Path, args: &[&str]) -> Output {
        let output = self.command(dir, args).output().expect("the program runs");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(!errors.contains("panicked"), "{errors}");
        output
    }
    /// Runs a command on the estate in `dir`; its exit code and what it printed.
    pub fn ask(&self, dir: &Path, args: &[&str]) -> (i32, String) {
        let output = self.output(dir, args);
        (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&output.stdout).into_owned())
    }
    pub fn json(&self, dir: &Path, args: &[&str]) -> Value {
        let (code, text) = self.ask(dir, args);
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{args:?} gave {code}: {e}\n{text}"))
    }
}

/// The estate `northwind` with runbooks of a test's own.
pub struct World {
    pub home: Home,
}

impl World {
    /// An estate without runbooks, not trusted yet.
    pub fn bare() -> Self {
        let home = Home::new();
        home.write("estate/lifeboat.toml", "schema = 1\nid = \"northwind\"\nname = \"Northwind\"\n");
        Self { home }
    }
    /// `more` holds what the runbook says beside its steps.
    pub fn book(&self, id: &str, more: Value, steps: Value) {
        let mut book = json!({ "schema": 1, "id": id, "title": id, "kind": "failover" });
        let table = book.as_object_mut().unwrap();
        table.extend(more.as_object().unwrap().clone());
        table.insert("step".into(), steps);
        self.home.write(&format!("estate/runbooks/{id}.toml"), toml::to_string(&book).unwrap());
    }
    pub fn trust(&self) {
        let trusted = self.lifeboat(&["trust", "--yes"]).stderr(Stdio::piped()).output().unwrap();
        assert!(trusted.status.success(), "{}", String::from_utf8_lossy(&trusted.stderr));
    }
    /// The program, silent.
    pub fn lifeboat(&self, args: &[&str]) -> Command {
        let mut command = self.home.command(&self.home.path("estate"), args);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    }
    /// Exit code, standard output, standard error.
    pub fn told(&self, args: &[&str]) -> (i32, String, String) {
        let out = self.home.output(&self.home.path("estate"), args);
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (out.status.code().unwrap_or(-1), text(out.stdout), text(out.stderr))
    }
    pub fn spawn(&self, args: &[&str]) -> Child {
        self.lifeboat(args).spawn().unwrap()
    }
    pub fn runs(&self) -> PathBuf {
        runs_dir(&self.home.path("state"), "northwind")
    }
    /// The run of a runbook, once it is there; the oldest of several.
    pub fn run_of(&self, runbook: &str) -> Option<RunId> {
        let all = fs::read_dir(self.runs()).into_iter().flatten().flatten();
        let name = |e: fs::DirEntry| e.file_name().into_string().ok();
        let of = |n: &String| {
            !n.starts_with('.') && n.split_once('-').is_some_and(|(_, rest)| rest.starts_with(runbook))
        };
        all.filter_map(name).filter(of).min().map(RunId::new)
    }
    /// The run of `move`.
    pub fn run(&self) -> Option<RunId> {
        self.run_of("move")
    }
    pub fn folder(&self) -> PathBuf {
        self.runs().join(self.run().unwrap().as_str())
    }
    /// The first driver of `move`; its run is there.
    pub fn begin(&self) -> Child {
        let child = self.spawn(&["run", "move"]);
        until("the run", || self.run());
        child
    }
    pub fn taken_up(&self) -> Child {
        self.spawn(&["resume", self.run().unwrap().as_str()])
    }
    /// Takes it up until it ends by itself; its exit code.
    pub fn resume(&self) -> i32 {
        ended(self.taken_up())
    }
    /// Runs it without any kill; its exit code.
    pub fn whole(&self) -> i32 {
        ended(self.begin())
    }
    pub fn machine(&self) -> Machine {
        runs::read(&self.runs(), &self.run().unwrap()).unwrap().0
    }
    pub fn of(&self, runbook: &str) -> Option<Run> {
        self.run_of(runbook).map(|id| runs::read(&self.runs(), &id).unwrap().0.run().clone())
    }
    pub fn status(&self, step: &str) -> StepStatus {
        self.machine().run().step(step).unwrap().status
    }
    /// Whole lines in the journals of all runs.
    pub fn lines(&self) -> usize {
        let all = fs::read_dir(self.runs()).into_iter().flatten().flatten();
        all.filter_map(|e| fs::read(e.path().join("journal.jsonl")).ok())
            .map(|bytes| bytes.iter().filter(|b| **b == b'\n').count())
            .sum()
    }
    /// Where effects write themselves down.
    pub fn count(&self) -> PathBuf {
        self.home.path("count")
    }
    pub fn counted(&self) -> String {
        self.home.read("count")
    }
    /// What the first attempt of a step of `move` has printed.
    pub fn printed(&self, step: &str) -> String {
        fs::read_to_string(attempt_dir(&self.folder(), &step.into(), 1).join("output")).unwrap()
    }
}

/// Waits for its end; the exit code.
pub fn ended(mut child: Child) -> i32 {
    until("the program to end", || child.try_wait().unwrap()).code().unwrap_or(-1)
}

pub fn until<T>(what: &str, mut seen: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(seen) = seen() {
            return seen;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

pub fn kill(child: &mut Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

pub fn kill_pid(pid: &str) {
    Command::new("kill").args(["-9", pid]).stderr(Stdio::null()).status().unwrap();
}
