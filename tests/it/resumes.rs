//! What the systems that do this job today cannot take up again, each by name,
//! taken up here. Rundeck's job resume wants a sequential workflow, unedited,
//! at the top level, and neither a kill by hand nor a crash of the server
//! (docs.rundeck.com, "Job Resume"); Ansible's `--start-at-task` does not find
//! what dynamic includes bring in (docs.ansible.com, "Start and step"). That
//! the server is killed at each journal line is in `kills`, that it is killed
//! inside a job of a job in `nested`, both at random in `random_kills`.

use std::fs;

use serde_json::{Value, json};

use super::world::{World, ended, kill, until};

const EFFECT: &str = "#!/bin/sh\necho \"began $1\" >> \"$2\"\nsleep 0.3\necho \"ended $1\" >> \"$2\"\n";

fn world(steps: impl FnOnce(&dyn Fn(&str) -> Value) -> Value) -> World {
    let world = World::bare();
    world.home.script("estate/bin/effect", EFFECT);
    let count = world.count().display().to_string();
    let act = |id: &str| json!({ "id": id, "kind": "command", "run": ["./bin/effect", id, count] });
    world.book("move", json!({}), steps(&act));
    world.trust();
    world
}

/// Killed as soon as the effect `first` has begun.
fn killed_in(first: &str, world: &World) {
    let mut driver = world.begin();
    until("the effect", || world.counted().contains(&format!("began {first}\n")).then_some(()));
    kill(&mut driver);
}

/// Each of these acted once, and nothing else did.
fn assert_once(world: &World, names: &[&str]) {
    let counted = world.counted();
    let mut lines: Vec<&str> = counted.lines().collect();
    lines.sort_unstable();
    let each = |verb: &str| names.iter().map(|n| format!("{verb} {n}")).collect::<Vec<_>>();
    let mut expected = [each("began"), each("ended")].concat();
    expected.sort_unstable();
    assert_eq!(lines, expected);
}

#[test]
fn rundeck_resumes_no_parallel_workflow_after_a_crash() {
    let world = world(|act| {
        let parallel = |id: &str| {
            let mut step = act(id);
            step["needs"] = json!([]);
            step
        };
        let mut last = act("last");
        last["needs"] = json!(["a", "b", "c"]);
        json!([parallel("a"), parallel("b"), parallel("c"), last])
    });
    killed_in("b", &world);
    assert_eq!(world.resume(), 0);
    assert_once(&world, &["a", "b", "c", "last"]);
}

/// What happens to the estate while the run is down.
type Edit<'a> = (&'a str, &'a dyn Fn(&World));

#[test]
fn rundeck_resumes_no_job_that_was_edited_meanwhile() {
    let plan = |act: &dyn Fn(&str) -> Value| json!([act("first"), act("second"), act("third")]);
    // Edited and not trusted, edited and trusted, and broken altogether.
    let edits: [Edit<'_>; 3] = [
        ("edited", &|_| ()),
        ("trusted", &|world| world.trust()),
        ("broken", &|world| world.home.write("estate/runbooks/move.toml", "schema = 1\nid = \"mo")),
    ];
    for (what, then) in edits {
        let world = world(plan);
        killed_in("first", &world);
        world.home.script("estate/bin/effect", "#!/bin/sh\necho \"another program\" >> \"$2\"\n");
        let other =
            json!([{ "id": "other", "kind": "command", "run": ["./bin/effect", "other", world.count()] }]);
        world.book("move", json!({}), other);
        then(&world);
        let run = world.run().unwrap();
        let (code, _, said) = world.told(&["resume", run.as_str()]);
        assert_eq!(code, 0, "{what}: {said}");
        assert_once(&world, &["first", "second", "third"]);
        assert_eq!(world.told(&["verify", run.as_str()]).0, 0, "{what}");
    }
}

#[test]
fn ansible_starts_at_no_task_that_was_brought_in_dynamically() {
    let world = world(|act| {
        let list = json!({ "id": "list", "kind": "command", "run": ["cat", "/nowhere"], "outputs": { "shards": "/shards" } });
        let mut each = act("shard-{{ shard }}");
        each["id"] = json!("shard");
        each["for_each"] = json!({ "shard": "{{ list.shards }}" });
        each["max_parallel"] = json!(1);
        json!([list, each, act("last")])
    });
    let list = world.home.path("list");
    let plan = world.home.read("estate/runbooks/move.toml").replace("/nowhere", list.to_str().unwrap());
    world.home.write("estate/runbooks/move.toml", plan);
    world.home.write("list", "{\"shards\": [\"a\", \"b\", \"c\"]}\n");
    world.trust();
    killed_in("shard-b", &world);
    // Another answer by now: what was brought in stays what it was.
    world.home.write("list", "{\"shards\": [\"c\", \"d\"]}\n");
    assert_eq!(world.resume(), 0);
    assert_once(&world, &["shard-a", "shard-b", "shard-c", "last"]);
}

#[test]
fn rundeck_resumes_no_job_twice() {
    let world = world(|act| json!([act("a"), act("b"), act("c")]));
    killed_in("a", &world);
    for step in ["b", "c"] {
        let mut driver = world.taken_up();
        until("the effect", || world.counted().contains(&format!("began {step}\n")).then_some(()));
        kill(&mut driver);
    }
    assert_eq!(world.resume(), 0);
    assert_once(&world, &["a", "b", "c"]);
    assert_eq!(ended(world.taken_up()), 0, "one that is over is over");
    assert_once(&world, &["a", "b", "c"]);
}

#[test]
fn a_damaged_journal_is_named_and_nothing_acts_on_it() {
    let world = world(|act| json!([act("a"), act("b")]));
    killed_in("a", &world);
    until("the end of the attempt", || world.counted().contains("ended a").then_some(()));
    let path = world.folder().join("journal.jsonl");
    let whole = fs::read(&path).unwrap();
    let run = world.run().unwrap();
    for n in 0..12 {
        let mut changed = whole.clone();
        changed[whole.len() * n / 12 + n] ^= 1 << (n % 8);
        fs::write(&path, &changed).unwrap();
        for command in ["resume", "verify", "report"] {
            let (code, _, said) = world.told(&[command, run.as_str()]);
            assert_eq!(code, 2, "{command}: {said}");
            assert!(said.contains("LB-JOURNAL-001") && said.contains("line "), "{command}: {said}");
        }
        assert_eq!(fs::read(&path).unwrap(), changed, "evidence is left alone");
    }
    fs::write(&path, &whole).unwrap();
    assert_eq!(world.resume(), 0);
    assert_once(&world, &["a", "b"]);
}
