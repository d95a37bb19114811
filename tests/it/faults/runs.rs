//! Under a run: whatever fails is told, what was told as done stays done, a
//! journal that failed has nothing begin any more, and when the disk is well
//! again the run comes to its end with each effect once.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::PathBuf,
    process::Child,
    sync::Mutex,
    time::{Duration, Instant, SystemTime},
};

use lifeboat::keep::runs as kept;
use lifeboat_core::run::{RunState, StepStatus};
use serde_json::json;

use super::shim::{self, Calls, Fault, Hit, Shim};
use crate::world::{Home, World, ended, until};

/// Says when it acts, outside of everything that fails.
const EFFECT: &str =
    "#!/bin/sh\necho \"$LIFEBOAT_STEP $(date +%s%N)\" >> \"$HOME/count\"\necho '{\"n\": 7}'\n";

/// Three kinds of keeping: a plain attempt, one whose outputs are read, and a
/// run inside the run with a journal of its own.
fn estate() -> World {
    let world = World::bare();
    world.home.script("estate/bin/effect", EFFECT);
    let retry = json!({ "attempts": 5, "backoff": "1ms" });
    let act = |id: &str, arg: &str| json!({ "id": id, "kind": "command", "run": ["./bin/effect", arg], "retry": retry });
    let mut second = act("second", "x");
    second["outputs"] = json!({ "n": "/n" });
    world.book("inner", json!({}), json!([act("nested", "x")]));
    let steps = json!([
        act("first", "x"),
        second,
        { "id": "inside", "kind": "runbook", "runbook": "inner" },
        act("last", "{{ second.n }}"),
    ]);
    world.book("move", json!({}), steps);
    world.trust();
    world
}

/// One life of the estate, with a state of its own.
struct Case<'a> {
    estate: &'a World,
    home: Home,
}

impl<'a> Case<'a> {
    fn new(estate: &'a World) -> Self {
        let home = Home::new();
        for entry in fs::read_dir(estate.home.path("state/trust")).unwrap().flatten() {
            home.write(
                &format!("state/trust/{}", entry.file_name().display()),
                fs::read(entry.path()).unwrap(),
            );
        }
        Self { estate, home }
    }
    fn start(&self, args: &[&str], fault: Option<Fault>) -> (Child, Option<Shim>) {
        let mut command = self.home.command(&self.estate.home.path("estate"), args);
        command.env("HOME", self.home.path(""));
        command.stdout(File::create(self.home.path("out")).unwrap());
        command.stderr(File::create(self.home.path("err")).unwrap());
        let below = self.home.path("state/estates");
        let shim = fault.map(|fault| Shim::over(&mut command, fault, &below, self.home.path("control")));
        (command.spawn().unwrap(), shim)
    }
    fn runs(&self) -> PathBuf {
        kept::runs_dir(&self.home.path("state"), "northwind")
    }
    fn run(&self) -> Option<lifeboat_core::model::RunId> {
        let all = kept::list(&self.runs());
        all.into_iter().map(|l| l.id).find(|id| id.as_str().contains("-move-"))
    }
    fn acts(&self) -> BTreeMap<String, Vec<SystemTime>> {
        let mut acts: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for line in self.home.read("count").lines() {
            let (step, ns) = line.split_once(' ').unwrap();
            let at = SystemTime::UNIX_EPOCH + Duration::from_nanos(ns.parse().unwrap());
            acts.entry(step.to_owned()).or_default().push(at);
        }
        acts
    }
    /// All that is kept of what went wrong, on screen and in journals.
    fn said(&self) -> String {
        let mut said = self.home.read("err");
        for entry in fs::read_dir(self.runs()).into_iter().flatten().flatten() {
            said += &fs::read_to_string(entry.path().join("journal.jsonl")).unwrap_or_default();
        }
        said
    }
}

/// Waits for its end; a disk that stays full is given room when the program
/// has had time to find that out.
fn wait(child: Child, shim: &Shim) -> i32 {
    let mut child = child;
    let began = Instant::now();
    until("the program to end", || {
        if shim.hit().is_some_and(|h| h.at.elapsed().unwrap_or_default() > Duration::from_millis(1_500)) {
            shim.lift();
        }
        assert!(began.elapsed() < Duration::from_secs(50), "{:?} hangs it", shim.hit());
        child.try_wait().unwrap()
    });
    ended(child)
}

/// What need not be told, since nothing rests on it.
fn silent(hit: &Hit) -> bool {
    let (folder, name) = hit.path.rsplit_once('/').unwrap_or_default();
    // Nor that an attempt's outcome was renamed: it is written again.
    if hit.call == "fsync" && folder.ends_with("/attempts") {
        return true;
    }
    // A second file for a failed outcome is tried until it is there; how far an
    // attempt is, is drawn again; the history has its own test.
    ["outcome", "outcome.tmp", "progress", "lock"].contains(&name) || name.starts_with("history.sqlite")
}

#[derive(Default)]
struct Met {
    slowest: Mutex<Duration>,
    where_: Mutex<BTreeMap<String, u64>>,
}

/// Whether the fault was met at all.
fn case(estate: &World, fault: Fault, met: &Met) -> bool {
    let case = Case::new(estate);
    let (child, shim) = case.start(&["run", "move"], Some(fault));
    let shim = shim.unwrap();
    let code = wait(child, &shim);
    let over = SystemTime::now();
    let Some(hit) = shim.hit() else {
        assert_eq!(code, 0, "{fault:?}: {}", case.home.read("err"));
        return false;
    };
    let told = format!("{fault:?} {hit:?} gave {code}:\n{}", case.home.read("err"));
    let name = hit.path.rsplit('/').next().unwrap_or_default();
    *met.where_.lock().unwrap().entry(format!("{} {name}", hit.call)).or_default() += 1;

    // It is told, and what was told as done is done.
    assert!(silent(&hit) || case.said().contains("os error"), "nothing is said: {told}");
    acknowledged(&case, &told);
    if hit.path.ends_with("journal.jsonl") && fault.calls != Calls::Room {
        read_only(&case, &hit, over, &told);
        let mut slowest = met.slowest.lock().unwrap();
        *slowest = (*slowest).max(over.duration_since(hit.at).unwrap_or_default());
    }

    // The disk is well again.
    shim.lift();
    let run = case.run();
    let again = match &run {
        Some(run) => case.start(&["resume", run.as_str()], None).0,
        None => case.start(&["run", "move"], None).0,
    };
    let code = ended(again);
    assert_eq!(code, 0, "{told}\nand then {}", case.home.read("err"));
    let machine = kept::read(&case.runs(), &case.run().unwrap()).unwrap().0;
    assert_eq!(machine.run().state, RunState::Completed, "{told}");
    let acts: Vec<(String, usize)> = case.acts().into_iter().map(|(step, at)| (step, at.len())).collect();
    let once = ["first", "last", "nested", "second"].map(|step| (step.to_owned(), 1));
    assert_eq!(acts, once, "{told}");
    true
}

/// Each step that was shown as succeeded is so in the journal.
fn acknowledged(case: &Case<'_>, told: &str) {
    let shown = case.home.read("err");
    let shown: Vec<&str> = shown.lines().filter_map(|l| l.strip_prefix("  succeeded ")).collect();
    if shown.is_empty() {
        return;
    }
    let run = case.run().unwrap_or_else(|| panic!("a run that was shown is gone: {told}"));
    let machine = kept::read(&case.runs(), &run).unwrap_or_else(|p| panic!("{p}: {told}")).0;
    for step in shown {
        let step = step.split(':').next().unwrap_or_default();
        let status = machine.run().step(step).map(|s| s.status);
        assert_eq!(status, Some(StepStatus::Succeeded), "{step}: {told}");
    }
}

/// After a journal failed nothing begins, and the program has let go of the
/// run within a second.
fn read_only(case: &Case<'_>, hit: &Hit, over: SystemTime, told: &str) {
    let took = over.duration_since(hit.at).unwrap_or_default();
    assert!(took < Duration::from_secs(1), "{took:?} later it still held the run: {told}");
    let later = case.acts().into_values().flatten().filter(|at| *at > hit.at).count();
    assert_eq!(later, 0, "a step began when the journal had failed: {told}");
}

#[test]
fn whatever_fails_under_a_run_is_told_and_costs_nothing_that_was_done() {
    if !shim::there() {
        return;
    }
    let (estate, met, began) = (estate(), Met::default(), Instant::now());
    let cases = shim::every_n(shim::stride(7), |fault| case(&estate, fault, &met));
    println!("{cases} faults in {:?}: {:#?}", began.elapsed(), met.where_.lock().unwrap());
    println!("read-only after at most {:?}", met.slowest.lock().unwrap());
    assert!(cases > 40, "{cases}");
    let places = met.where_.lock().unwrap();
    for often in ["fdatasync journal.jsonl", "write journal.jsonl", "fsync started.tmp"] {
        assert!(places.contains_key(often), "{often}: {places:#?}");
    }
}
