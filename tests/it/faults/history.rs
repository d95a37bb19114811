//! Under the history: every answer is given all the same, that it is not
//! remembered is told, and what was remembered before is still there.

use std::{fs, path::Path, process::Command};

use serde_json::Value;

use super::shim::{self, Shim};
use crate::history::World;

fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
    assert!(copied.success());
}

#[test]
fn whatever_fails_under_the_history_no_answer_is_missing_and_nothing_remembered_is_lost() {
    if !shim::there() {
        return;
    }
    let world = World::new();
    world.dumps();
    world.trust();
    world.dump(0, 12);
    world.json(&["status"]);
    let why = "the table was emptied on purpose";
    let (code, _, said) = world.run(&["acknowledge", "anomaly-size", "checkout/db@backups", "--why", why]);
    assert_eq!(code, 0, "{said}");
    let (expected, ..) = world.run(&["status", "--json"]);
    let cases = shim::every_n(shim::stride(9), |fault| {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("state");
        copy(&world.path("state"), &state);
        let status = || {
            let mut command = world.home.command(&world.path("estate"), &["status", "--json"]);
            command.env("LIFEBOAT_STATE_DIR", &state);
            command
        };
        let mut failing = status();
        let shim = Shim::over(&mut failing, fault, &state.join("estates"), dir.path().join("control"));
        let out = failing.output().unwrap();
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        let told: Value = serde_json::from_slice(&out.stdout).unwrap_or_else(|e| panic!("{e}: {said}"));
        let points = |told: &Value| told["workloads"][0]["assets"][0]["copies"][0]["points"].clone();
        assert_eq!((out.status.code(), points(&told)), (Some(expected), 30.into()), "{fault:?}: {said}");
        let Some(hit) = shim.hit() else { return false };
        // SQLite passes over the folder's sync: a deleted journal may be back after a power cut.
        let folder = !hit.path.contains("history.sqlite");
        assert!(said.contains("LB-HISTORY-001") || folder, "{fault:?} {hit:?}: {said:?}");
        let after = status().output().unwrap();
        let said = String::from_utf8_lossy(&after.stderr);
        assert_eq!(said, "", "{fault:?} {hit:?}");
        let told: Value = serde_json::from_slice(&after.stdout).unwrap();
        assert!(!told["findings"].to_string().contains("anomaly-size"), "{fault:?} {hit:?}: {told:#}");
        let damaged = fs::read_dir(state.join("estates/northwind")).unwrap().flatten();
        let damaged = damaged.filter(|e| e.file_name().to_string_lossy().contains("damaged")).count();
        assert_eq!(damaged, 0, "{fault:?} {hit:?}");
        true
    });
    println!("{cases} faults");
    assert!(cases > 5, "{cases}");
}
