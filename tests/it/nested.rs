//! A runbook inside a runbook, driven by the program as a person starts it:
//! killed anywhere, each step still acts once.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use lifeboat::keep::runs::{self, runs_dir};
use lifeboat_core::run::{Run, RunState, StepStatus};
use serde_json::{Value, json};

const EFFECT: &str = "#!/bin/sh\necho \"$LIFEBOAT_STEP $2\" >> \"$1\"\nsleep 0.3\necho '{\"lost\": 7}'\n";

struct World {
    dir: tempfile::TempDir,
}

impl World {
    fn new(inner: impl FnOnce(&str) -> Value) -> Self {
        let world = Self { dir: tempfile::tempdir().unwrap() };
        let estate = world.dir.path().join("estate");
        for folder in ["bin", "runbooks"] {
            fs::create_dir_all(estate.join(folder)).unwrap();
        }
        let count = world.count().display().to_string();
        let head = "schema = 1\nid = \"northwind\"\nname = \"Northwind\"\n";
        fs::write(estate.join("lifeboat.toml"), head).unwrap();
        let book = |id: &str, params: Value, steps: Value| {
            let book = json!({ "schema": 1, "id": id, "title": id, "kind": "failover", "params": params, "step": steps });
            fs::write(estate.join(format!("runbooks/{id}.toml")), toml::to_string(&book).unwrap()).unwrap();
        };
        let act =
            |id: &str, arg: &str| json!({ "id": id, "kind": "command", "run": ["./bin/effect", count, arg] });
        book(
            "outer",
            json!({}),
            json!([
                act("before", ""),
                { "id": "nested", "kind": "runbook", "runbook": "inner", "with": { "n": "four" }, "outputs": { "lost": "/second/lost" } },
                act("after", "{{ nested.lost }}"),
            ]),
        );
        book("inner", json!({ "n": { "type": "string" } }), inner(&count));
        fs::write(estate.join("bin/effect"), EFFECT).unwrap();
        fs::set_permissions(estate.join("bin/effect"), fs::Permissions::from_mode(0o755)).unwrap();
        let trusted = world.lifeboat(&["trust", "--yes"]).output().unwrap();
        assert!(trusted.status.success(), "{}", String::from_utf8_lossy(&trusted.stderr));
        world
    }
    fn plain() -> Self {
        Self::new(|count| {
            json!([
                { "id": "first", "kind": "command", "run": ["./bin/effect", count, "{{ n }}"] },
                { "id": "second", "kind": "command", "run": ["./bin/effect", count, "x"], "outputs": { "lost": "/lost" } },
            ])
        })
    }
    fn count(&self) -> PathBuf {
        self.dir.path().join("count")
    }
    fn lifeboat(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lifeboat"));
        command.arg("--estate").arg(self.dir.path().join("estate")).args(args);
        command.env("LIFEBOAT_STATE_DIR", self.dir.path().join("state"));
        command.env("LIFEBOAT_CONFIG_DIR", self.dir.path().join("config"));
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command
    }
    fn runs(&self) -> PathBuf {
        runs_dir(&self.dir.path().join("state"), "northwind")
    }
    fn of(&self, runbook: &str) -> Option<Run> {
        let all = runs::list(&self.runs());
        let mut own = all.into_iter().filter(|l| l.row.as_ref().is_ok_and(|r| r.runbook == *runbook));
        own.next().map(|l| runs::read(&self.runs(), &l.id).unwrap().0.run().clone())
    }
    fn lines(&self) -> usize {
        let all = fs::read_dir(self.runs()).into_iter().flatten().flatten();
        all.filter_map(|e| fs::read(e.path().join("journal.jsonl")).ok())
            .map(|bytes| bytes.iter().filter(|b| **b == b'\n').count())
            .sum()
    }
    fn counted(&self) -> String {
        fs::read_to_string(self.count()).unwrap_or_default()
    }
    fn spawn(&self, args: &[&str]) -> Child {
        self.lifeboat(args).stderr(Stdio::null()).spawn().unwrap()
    }
}

fn code(mut child: Child) -> i32 {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code().unwrap_or(-1);
        }
        assert!(Instant::now() < deadline, "the run does not end");
        std::thread::sleep(Duration::from_millis(5));
    }
}

const ONCE: &str = "before \nfirst four\nsecond x\nafter 7\n";

#[test]
fn a_run_inside_a_run_is_its_own_and_hands_its_figures_up() {
    let world = World::plain();
    assert_eq!(code(world.spawn(&["run", "outer"])), 0);
    assert_eq!(world.counted(), ONCE);
    let (outer, inner) = (world.of("outer").unwrap(), world.of("inner").unwrap());
    assert_eq!((outer.state, inner.state), (RunState::Completed, RunState::Completed));
    let parent = inner.parent.unwrap();
    assert_eq!((parent.run, parent.step.as_str()), (outer.id, "nested"));
}

#[test]
fn a_kill_at_every_line_of_both_journals_resumes_and_each_step_acts_once() {
    let whole = World::plain();
    code(whole.spawn(&["run", "outer"]));
    let lines = whole.lines();
    for at in (1..lines).step_by(3) {
        let world = World::plain();
        let mut child = world.spawn(&["run", "outer"]);
        let deadline = Instant::now() + Duration::from_secs(30);
        while world.lines() < at && child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < deadline, "line {at} is never written");
            std::thread::sleep(Duration::from_millis(1));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let Some(outer) = world.of("outer") else { continue };
        if !outer.state.is_over() {
            assert_eq!(code(world.spawn(&["resume", outer.id.as_str()])), 0, "killed at line {at}");
        }
        assert_eq!(world.counted(), ONCE, "killed at line {at}");
    }
}

#[test]
fn one_that_waits_for_a_person_stops_the_whole_and_is_gone_on_with_by_itself() {
    let world = World::new(|count| {
        json!([
            { "id": "first", "kind": "command", "run": ["./bin/effect", count, "{{ n }}"] },
            { "id": "second", "kind": "command", "run": ["./bin/effect", count, "x"], "outputs": { "lost": "/lost" },
              "destructive": true, "target": "eu" },
        ])
    });
    assert_eq!(code(world.spawn(&["run", "outer"])), 3);
    let (outer, inner) = (world.of("outer").unwrap(), world.of("inner").unwrap());
    assert_eq!((outer.step("nested").unwrap().status, inner.state), (StepStatus::Running, RunState::Waiting));
    assert_eq!(code(world.spawn(&["resume", outer.id.as_str()])), 3, "nobody has answered yet");
    assert_eq!(code(world.spawn(&["resume", inner.id.as_str(), "--yes-to", "second=eu"])), 0);
    assert_eq!(code(world.spawn(&["resume", outer.id.as_str()])), 0);
    assert_eq!(world.counted(), ONCE);
}
