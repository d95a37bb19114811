use std::collections::BTreeMap;

use lifeboat_core::run::{Begin, Mode, RunState, begin};
use serde_json::json;

use super::*;

fn first(id: &RunId) -> Event {
    let runbook = json!({ "id": "r", "title": "R", "kind": "failover",
        "step": [{ "id": "a", "kind": "manual" }] });
    begin(Begin {
        run: id.clone(),
        epoch: 1,
        trust: "00".into(),
        estate: &Estate::default(),
        runbook: &serde_json::from_value(runbook).unwrap(),
        params: &BTreeMap::new(),
        mode: Mode::Live,
        incident: None,
        rto_target: None,
        rto_estimate: None,
        probes: None,
        kinds: None,
        precheck: false,
        graceful: None,
        parent: None,
    })
    .unwrap()
}

fn make(runs: &Path, name: &str) -> Result<RunFolder, Problem> {
    let id = RunId::new(name);
    let freeze = |to: &Path| fs::create_dir(to).map_err(|e| Problem::new(Code::STATE_WRITE, e));
    RunFolder::create(runs, &id, freeze, &first(&id), &"ada".into(), Time::UNIX_EPOCH)
}

#[test]
fn one_process_drives_a_run_and_others_read_it() {
    let dir = tempfile::tempdir().unwrap();
    let folder = make(dir.path(), "one").unwrap();
    assert!(folder.estate().is_dir());
    assert_eq!(RunFolder::open(dir.path(), &"one".into()).err().unwrap().code, Code::RUN_BUSY);
    assert_eq!(read(dir.path(), &"one".into()).unwrap().0.run().state, RunState::Running);
    drop(folder);
    assert_eq!(RunFolder::open(dir.path(), &"one".into()).unwrap().records.len(), 1);
}

#[test]
fn no_name_leads_out_of_the_folder() {
    let dir = tempfile::tempdir().unwrap();
    let runs = dir.path().join("runs");
    fs::create_dir(&runs).unwrap();
    make(dir.path(), "outside").unwrap();
    for name in ["../outside", "", ".", "..", ".new-x", "nobody"] {
        assert_eq!(find(&runs, &name.into()).unwrap_err().code, Code::RUN_UNKNOWN, "{name}");
    }
}

#[test]
fn a_run_that_could_not_be_made_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let id = RunId::new("one");
    let freeze = |_: &Path| Err(Problem::new(Code::TRUST_CHANGED, "estate"));
    let made = RunFolder::create(dir.path(), &id, freeze, &first(&id), &"ada".into(), Time::UNIX_EPOCH);
    assert_eq!(made.err().unwrap().code, Code::TRUST_CHANGED);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_maker_that_was_killed_half_way_is_no_obstacle_to_the_next() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join(".new-one/estate/bin")).unwrap();
    let held = lock::try_take(&dir.path().join(".new-one/lock")).unwrap().unwrap();
    assert_eq!(make(dir.path(), "one").err().unwrap().code, Code::RUN_BUSY, "it is made just now");
    drop(held);
    assert_eq!(make(dir.path(), "one").unwrap().records.len(), 1);
    assert!(!dir.path().join(".new-one").exists());
}

#[test]
fn runs_are_listed_newest_first_and_damaged_ones_with_their_problem() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["20260101T000000Z-r-0001", "20260103T000000Z-r-0001", "20260102T000000Z-r-0001"] {
        make(dir.path(), name).unwrap();
    }
    let bad = dir.path().join("20260102T000000Z-r-0001").join(JOURNAL);
    let mut bytes = fs::read(&bad).unwrap();
    bytes[100] ^= 4;
    fs::write(&bad, bytes).unwrap();
    let copied = dir.path().join("20260104T000000Z-r-0001");
    fs::create_dir(&copied).unwrap();
    fs::copy(dir.path().join("20260101T000000Z-r-0001").join(JOURNAL), copied.join(JOURNAL)).unwrap();
    let listed = list(dir.path());
    let short: Vec<_> = listed.iter().map(|l| (&l.id.as_str()[..8], l.row.is_ok())).collect();
    assert_eq!(short, [("20260104", false), ("20260103", true), ("20260102", false), ("20260101", true)]);
}

/// On a disk that is really full: nothing recorded is lost, and the run is
/// taken up again when there is room. Needs the right to mount.
#[test]
fn a_full_disk_under_the_journal_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mounted = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"])
        .arg(dir.path())
        .output()
        .is_ok_and(|o| o.status.success());
    if !mounted {
        eprintln!("skipped: this user may not mount a small disk");
        return;
    }
    let mut folder = make(dir.path(), "one").unwrap();
    let text = "x".repeat(900);
    let note = Event::Operator { verb: lifeboat_core::run::Verb::Note { text }, action: None };
    let problem = loop {
        match folder.journal.as_mut().unwrap().append(Time::UNIX_EPOCH, &"ada".into(), &note) {
            Ok(record) => folder.records.push(record),
            Err(problem) => break problem,
        }
    };
    let kept = folder.records.clone();
    drop(folder);
    let still_full = RunFolder::open(dir.path(), &"one".into()).err();
    let read_now = journal::read(&dir.path().join("one").join(JOURNAL));
    let grown = std::process::Command::new("mount")
        .args(["-o", "remount,size=1m"])
        .arg(dir.path())
        .output()
        .is_ok_and(|o| o.status.success());
    let reopened = RunFolder::open(dir.path(), &"one".into()).map(|f| (f.records.clone(), f.torn.is_some()));
    let unmounted = std::process::Command::new("umount").arg("-l").arg(dir.path()).status();
    assert_eq!((problem.code, problem.retryable), (Code::JOURNAL_WRITE, false));
    assert!(kept.len() > 10 && grown && unmounted.is_ok());
    assert_eq!(still_full.map(|p| p.code), Some(Code::JOURNAL_WRITE));
    assert_eq!(read_now.unwrap().records, kept);
    assert_eq!(reopened.unwrap().0, kept);
}
