//! A run that is killed goes on where it was. The driver is the program as a
//! person starts it, killed from outside as its journal grows or as its steps
//! act; each step counts itself in a file of its own making.

use std::{fs, path::Path, thread, time::Duration};

use lifeboat::keep::runs::attempt_dir;
use lifeboat_core::run::{AttemptResult, RunState, StepStatus};
use serde_json::{Value, json};

use super::world::{World, ended, kill, kill_pid, until};

/// Writes down that it began, works, writes down that it ended.
const EFFECT: &str = r#"#!/bin/sh
echo "began $LIFEBOAT_STEP" >> "$1"
echo "$$ $PPID" > "$1.pid.$LIFEBOAT_STEP"
n=0
while [ $n -lt "$2" ]; do
    n=$((n + 1))
    echo "line $n of $LIFEBOAT_STEP"
    sleep 0.1
done
echo "ended $LIFEBOAT_STEP" >> "$1"
"#;

fn effect(id: &str, count: &Path, tenths: u32) -> Value {
    let run = ["./bin/effect".to_owned(), count.display().to_string(), tenths.to_string()];
    json!({ "id": id, "kind": "command", "run": run })
}

/// A trusted estate with the runbook `move`.
fn world(steps: impl FnOnce(&Path) -> Value) -> World {
    let world = World::bare();
    world.home.script("estate/bin/effect", EFFECT);
    world.book("move", json!({}), steps(&world.count()));
    world.trust();
    world
}

fn three() -> World {
    world(|count| json!(["a", "b", "c"].map(|id| effect(id, count, 2))))
}

/// The pid of a step's command and of its attempt.
fn pids(world: &World, step: &str) -> Option<Vec<String>> {
    let text = world.home.read(&format!("count.pid.{step}"));
    let pids: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    (pids.len() == 2).then_some(pids)
}

fn assert_each_once(world: &World) {
    let expected = "began a\nended a\nbegan b\nended b\nbegan c\nended c\n";
    assert_eq!(world.counted(), expected, "none twice, none left out, in order");
    let run = world.machine().run().clone();
    assert_eq!(run.state, RunState::Completed);
    for step in &run.steps {
        assert_eq!(step.attempts.len(), 1, "{}", step.plan.id);
        assert_eq!(world.printed(step.plan.id.as_str()).lines().count(), 2);
    }
}

#[test]
fn killed_after_any_journal_line_it_goes_on_where_it_was() {
    let whole = three();
    assert_eq!(whole.whole(), 0);
    assert_each_once(&whole);
    let lines = whole.lines();
    assert!(lines >= 12, "{lines}");
    thread::scope(|scope| {
        for n in 1..=lines {
            scope.spawn(move || {
                let world = three();
                let mut driver = world.begin();
                until("a line", || (world.lines() >= n).then_some(()));
                kill(&mut driver);
                assert_eq!(world.resume(), 0, "killed after line {n}");
                assert_each_once(&world);
            });
        }
    });
}

#[test]
fn killed_in_the_middle_of_any_effect_it_goes_on_where_it_was() {
    thread::scope(|scope| {
        for step in ["a", "b", "c"] {
            scope.spawn(move || {
                let world = three();
                let mut driver = world.begin();
                until("the effect", || pids(&world, step));
                kill(&mut driver);
                assert!(!world.counted().contains(&format!("ended {step}")), "it was in the middle");
                assert_eq!(world.resume(), 0);
                assert_each_once(&world);
            });
        }
    });
}

#[test]
fn killed_again_and_again_it_still_comes_to_its_end() {
    let world = three();
    kill(&mut world.begin());
    for round in 0..200u64 {
        let mut driver = world.taken_up();
        thread::sleep(Duration::from_millis(5 + round * 7 % 40));
        if driver.try_wait().unwrap().is_some() {
            break;
        }
        kill(&mut driver);
    }
    world.resume();
    assert_each_once(&world);
    assert!(world.machine().epoch() > 3, "each that took it up has an epoch of its own");
}

#[test]
fn a_long_command_that_outlived_the_kill_is_adopted_with_its_whole_output() {
    let world = world(|count| json!([effect("slow", count, 50)]));
    let mut driver = world.begin();
    until("the effect", || pids(&world, "slow"));
    kill(&mut driver);
    assert_eq!(world.resume(), 0);
    let expected: String = (1..=50).map(|n| format!("line {n} of slow\n")).collect();
    assert_eq!(world.printed("slow"), expected);
    assert_eq!(world.counted(), "began slow\nended slow\n");
    let attempts = world.machine().run().steps[0].attempts.clone();
    let outcome = attempts[0].outcome.clone().unwrap();
    assert_eq!((attempts.len(), outcome.result), (1, AttemptResult::Succeeded));
    assert_eq!(outcome.output_bytes, expected.len() as u64);
    assert_eq!(outcome.output_hash, blake3::hash(expected.as_bytes()).to_hex().as_str());
}

#[test]
fn a_step_without_verify_that_was_killed_in_the_middle_asks() {
    let world = world(|count| json!([effect("a", count, 100)]));
    let mut driver = world.begin();
    let pids = until("the effect", || pids(&world, "a"));
    kill(&mut driver);
    pids.iter().rev().for_each(|pid| kill_pid(pid));
    assert_eq!(world.resume(), 3, "a person has to go on");
    assert_eq!(world.status("a"), StepStatus::Indeterminate);
    assert_eq!(world.machine().asks().len(), 1);
    assert_eq!(world.resume(), 3, "and asking again changes nothing");
    assert_eq!(world.counted(), "began a\n");
}

#[test]
fn a_command_whose_attempt_was_killed_is_waited_for_and_then_asked_about() {
    let world = world(|count| json!([effect("a", count, 8)]));
    let driver = world.begin();
    let pids = until("the effect", || pids(&world, "a"));
    kill_pid(&pids[1]);
    let code = ended(driver);
    assert_eq!((code, world.status("a")), (3, StepStatus::Indeterminate));
    assert_eq!(world.counted(), "began a\nended a\n", "nothing of ours has to live for it to go on");
    assert_eq!(world.printed("a").lines().count(), 8);
}

#[test]
fn two_drivers_never_drive_one_run() {
    let world = three();
    let driver = world.begin();
    until("the effect", || pids(&world, "a"));
    assert_eq!(world.resume(), 2);
    assert_eq!(ended(driver), 0);
    assert_each_once(&world);
}

#[test]
fn a_timeout_ends_the_whole_group_and_is_told_apart() {
    let shell =
        json!(["sh", "-c", "trap '' TERM; sh -c 'sleep 0.3; echo child still here' & echo up; sleep 60"]);
    let step = json!([{ "id": "a", "kind": "command", "timeout": "1s", "run": shell }]);
    let world = world(|_| step);
    assert_eq!(world.whole(), 3);
    assert_eq!(world.status("a"), StepStatus::TimedOut);
    let outcome = world.machine().run().steps[0].attempts[0].outcome.clone().unwrap();
    assert_eq!(outcome.result, AttemptResult::TimedOut);
}

#[test]
fn a_daemon_that_a_command_leaves_behind_is_said_and_blocks_nothing() {
    let shell = json!(["sh", "-c", "setsid sleep 20 & echo $! ; echo up"]);
    let steps = json!([
        { "id": "a", "kind": "command", "run": shell },
        { "id": "b", "kind": "command", "run": ["true"] },
    ]);
    let world = world(|_| steps);
    assert_eq!(world.whole(), 0);
    let reason = world.machine().run().steps[0].reason.clone().unwrap();
    assert!(reason.contains("still runs"), "{reason}");
    kill_pid(world.printed("a").lines().next().unwrap());
}

#[test]
fn a_program_that_is_not_there_never_started_and_says_so() {
    let away = |count: &Path| json!([{ "id": "a", "kind": "command", "run": ["sh", "-c", "rm bin/effect"] }, effect("b", count, 1)]);
    let world = world(away);
    assert_eq!(world.whole(), 3);
    let step = world.machine().run().steps[1].clone();
    let outcome = step.attempts[0].outcome.clone().unwrap();
    assert_eq!((step.status, outcome.result), (StepStatus::Failed, AttemptResult::NotStarted));
    assert!(step.reason.unwrap().contains("No such file"), "{}", outcome.detail);
}

#[test]
fn a_program_that_is_not_there_is_missed_before_anything_acts() {
    let steps = |count: &Path| json!([effect("a", count, 1), { "id": "b", "kind": "command", "run": ["./bin/nowhere"] }]);
    let world = world(steps);
    assert_eq!(world.whole(), 3);
    assert_eq!((world.machine().run().state, world.counted().as_str()), (RunState::Prechecking, ""));
}

#[test]
fn outputs_go_on_to_later_steps_and_the_environment_is_what_is_said() {
    let print = "echo noise >&2; echo '{\"n\": {\"lost\": 41}}'";
    let env = "env | sort | grep -v -e ^PATH= -e ^HOME= -e ^LANG= -e ^PWD= -e ^_= -e ^SHLVL= -e ^OLDPWD=; echo got $0";
    let steps = json!([
        { "id": "a", "kind": "command", "outputs": { "lost": "/n/lost" }, "run": ["sh", "-c", print] },
        { "id": "b", "kind": "command", "run": ["sh", "-c", env, "{{ a.lost }}"], "env": { "TOKEN": { "file": "bin/effect" }, "PLAIN": "x" } },
    ]);
    let world = world(|_| steps);
    assert_eq!(world.whole(), 0);
    let output = world.printed("b");
    assert!(output.ends_with("got 41\n"), "{output}");
    let names: Vec<&str> = output.lines().filter_map(|l| l.split_once('=').map(|(n, _)| n)).collect();
    for name in [
        "LIFEBOAT_ATTEMPT",
        "LIFEBOAT_EPOCH",
        "LIFEBOAT_MODE",
        "LIFEBOAT_RUN",
        "LIFEBOAT_STEP",
        "PLAIN",
        "TOKEN",
    ] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    assert!(!names.iter().any(|n| n.starts_with("CARGO")), "{names:?}");
    let spec = fs::read_to_string(attempt_dir(&world.folder(), &"b".into(), 1).join("spec.json")).unwrap();
    assert!(!spec.contains("#!/bin/sh"), "a secret's value is nowhere on disk");
}
