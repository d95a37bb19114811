//! A runbook inside a runbook, driven by the program as a person starts it:
//! killed anywhere, each step still acts once.

use std::time::{Duration, Instant};

use lifeboat_core::run::{RunState, StepStatus};
use serde_json::{Value, json};

use super::world::{World, ended, kill};

const EFFECT: &str = "#!/bin/sh\necho \"$LIFEBOAT_STEP $2\" >> \"$1\"\nsleep 0.3\necho '{\"lost\": 7}'\n";

fn world(inner: impl FnOnce(&str) -> Value) -> World {
    let world = World::bare();
    world.home.script("estate/bin/effect", EFFECT);
    let count = world.count().display().to_string();
    let act =
        |id: &str, arg: &str| json!({ "id": id, "kind": "command", "run": ["./bin/effect", count, arg] });
    let outer = json!([
        act("before", ""),
        { "id": "nested", "kind": "runbook", "runbook": "inner", "with": { "n": "four" }, "outputs": { "lost": "/second/lost" } },
        act("after", "{{ nested.lost }}"),
    ]);
    world.book("outer", json!({}), outer);
    world.book("inner", json!({ "params": { "n": { "type": "string" } } }), inner(&count));
    world.trust();
    world
}

fn plain() -> World {
    world(|count| {
        json!([
            { "id": "first", "kind": "command", "run": ["./bin/effect", count, "{{ n }}"] },
            { "id": "second", "kind": "command", "run": ["./bin/effect", count, "x"], "outputs": { "lost": "/lost" } },
        ])
    })
}

const ONCE: &str = "before \nfirst four\nsecond x\nafter 7\n";

#[test]
fn a_run_inside_a_run_is_its_own_and_hands_its_figures_up() {
    let world = plain();
    assert_eq!(ended(world.spawn(&["run", "outer"])), 0);
    assert_eq!(world.counted(), ONCE);
    let (outer, inner) = (world.of("outer").unwrap(), world.of("inner").unwrap());
    assert_eq!((outer.state, inner.state), (RunState::Completed, RunState::Completed));
    let parent = inner.parent.unwrap();
    assert_eq!((parent.run, parent.step.as_str()), (outer.id, "nested"));
}

#[test]
fn a_kill_at_every_line_of_both_journals_resumes_and_each_step_acts_once() {
    let whole = plain();
    ended(whole.spawn(&["run", "outer"]));
    let lines = whole.lines();
    for at in (1..lines).step_by(3) {
        let world = plain();
        let mut child = world.spawn(&["run", "outer"]);
        let deadline = Instant::now() + Duration::from_secs(30);
        while world.lines() < at && child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < deadline, "line {at} is never written");
            std::thread::sleep(Duration::from_millis(1));
        }
        kill(&mut child);
        let Some(outer) = world.of("outer") else { continue };
        if !outer.state.is_over() {
            assert_eq!(ended(world.spawn(&["resume", outer.id.as_str()])), 0, "killed at line {at}");
        }
        assert_eq!(world.counted(), ONCE, "killed at line {at}");
    }
}

#[test]
fn one_that_waits_for_a_person_stops_the_whole_and_is_gone_on_with_by_itself() {
    let world = world(|count| {
        json!([
            { "id": "first", "kind": "command", "run": ["./bin/effect", count, "{{ n }}"] },
            { "id": "second", "kind": "command", "run": ["./bin/effect", count, "x"], "outputs": { "lost": "/lost" },
              "destructive": true, "target": "eu" },
        ])
    });
    assert_eq!(ended(world.spawn(&["run", "outer"])), 3);
    let (outer, inner) = (world.of("outer").unwrap(), world.of("inner").unwrap());
    assert_eq!((outer.step("nested").unwrap().status, inner.state), (StepStatus::Running, RunState::Waiting));
    assert_eq!(ended(world.spawn(&["resume", outer.id.as_str()])), 3, "nobody has answered yet");
    assert_eq!(ended(world.spawn(&["resume", inner.id.as_str(), "--yes-to", "second=eu"])), 0);
    assert_eq!(ended(world.spawn(&["resume", outer.id.as_str()])), 0);
    assert_eq!(world.counted(), ONCE);
}
