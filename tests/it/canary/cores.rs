//! No process that may hold a secret leaves a core.

use std::{
    os::unix::process::ExitStatusExt as _,
    path::Path,
    process::{Child, Command},
};

use lifeboat::keep::runs::attempt_dir;
use rustix::process::{Pid, Resource, Rlimit, Signal, geteuid, kill_process, prlimit};
use serde_json::json;

use crate::{
    driven::pids_of,
    lab,
    world::{World, until},
};

/// Whether an abort of `pid`, a child of ours with its limit raised from
/// outside, leaves a core.
fn leaves_core(child: &mut Child) -> bool {
    let pid = Pid::from_child(child);
    let unlimited = Rlimit { current: None, maximum: None };
    prlimit(Some(pid), Resource::Core, unlimited).unwrap();
    kill_process(pid, Signal::ABORT).unwrap();
    let status = child.wait().unwrap();
    assert!(status.signal().is_some(), "{status}");
    status.core_dumped()
}

#[test]
fn an_abort_leaves_no_core_even_where_the_limit_was_raised() {
    if !geteuid().is_root() {
        println!("skipped: only root raises the limit of another process");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let plain = || Command::new("sleep").arg("60").current_dir(dir.path()).spawn().unwrap();
    if !leaves_core(&mut plain()) {
        println!("this machine leaves no cores at all: nothing is shown");
    }
    let world = World::bare();
    let wait = json!([{ "id": "a", "kind": "command", "run": ["sleep", "10"] }]);
    world.book("move", json!({}), wait);
    world.trust();
    let mut command = world.lifeboat(&["run", "move"]);
    let mut driver = command.current_dir(dir.path()).spawn().unwrap();
    let attempt = until("the attempt", || {
        let folder = attempt_dir(&world.runs().join(world.run()?.as_str()), &"a".into(), 1);
        folder.join("started").exists().then_some(folder)
    });
    assert!(!leaves_core(&mut driver), "the driver left a core");
    // Not a child of ours: what it would leave lies in its folder.
    for pid in pids_of(&attempt) {
        let pid = Pid::from_raw(pid).unwrap();
        let unlimited = Rlimit { current: None, maximum: None };
        prlimit(Some(pid), Resource::Core, unlimited).unwrap();
        kill_process(pid, Signal::ABORT).unwrap();
    }
    until("the attempt to end", || pids_of(&attempt).is_empty().then_some(()));
    let core = |folder: &Path| {
        lab::files(folder).into_iter().find(|f| f.file_name().unwrap().to_string_lossy().starts_with("core"))
    };
    assert_eq!(core(&attempt), None);
}
