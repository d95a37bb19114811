//! The way over and the way home, with whoever drives killed at every line of
//! the journals, the middle of every effect among them.

use std::{
    fs,
    process::{Child, ExitStatus},
    time::{Duration, Instant},
};

use super::{
    failover::{DELAY, lost, serves_from},
    world::{CENTRAL, WEST, World},
};
use crate::lab;

/// Lines of all journals, but for those that say only that somebody took a run up,
/// and answers while something is waited for: what must hold for two seconds is
/// watched for as long, and who is killed at every answer never does.
fn lines(world: &World) -> usize {
    let journals = lab::files(&world.path("state")).into_iter().filter(|p| p.ends_with("journal.jsonl"));
    let texts = journals.map(|path| fs::read_to_string(path).unwrap_or_default());
    texts.map(|text| text.split_inclusive('\n').filter(|line| counts(line)).count()).sum()
}

fn counts(line: &str) -> bool {
    line.ends_with('\n') && !line.contains("\"taken_up\"") && !line.contains("\"probe_turned\"")
}

/// Until it ends by itself, or a line was written beyond `seen`.
fn line_or_end(world: &World, seen: usize, driver: &mut Child) -> Option<ExitStatus> {
    let end = Instant::now() + Duration::from_secs(120);
    loop {
        if let Some(status) = driver.try_wait().unwrap() {
            return Some(status);
        }
        if lines(world) > seen {
            return None;
        }
        assert!(Instant::now() < end, "neither a line nor an end");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Drives the run of `runbook` on, killed at each line; the exit code of the one
/// that was not, and how often it was.
fn killed(world: &World, runbook: &str, begin: Option<&[&str]>, answers: &[&str]) -> (i32, usize) {
    // One that was killed while its run was made has left none.
    let next = || match (world.any_run_of(runbook), begin) {
        (Some(run), _) => world.spawn(&[&["resume", &*run], answers].concat()),
        (None, Some(begin)) => world.spawn(&[&["run", runbook], begin].concat()),
        (None, None) => panic!("no run of {runbook}"),
    };
    let (mut kills, mut seen) = (0, lines(world));
    let mut driver = next();
    loop {
        if let Some(status) = line_or_end(world, seen, &mut driver) {
            return (status.code().unwrap_or(-1), kills);
        }
        driver.kill().unwrap();
        driver.wait().unwrap();
        kills += 1;
        seen = lines(world);
        driver = next();
    }
}

#[test]
fn whoever_drives_is_killed_at_every_line_and_it_comes_over_and_home() {
    let Some(world) = World::up(DELAY) else { return };
    let mut writer = world.writer();
    world.fault(WEST, "kill");
    assert_eq!(world.lifeboat(&["declare", WEST]).0, 0);
    let promote = ["--yes-to", "promote=eu-central-1"];
    let (code, over) = killed(&world, "postgres-failover", Some(&promote), &promote);
    let told = || world.lifeboat(&["report", &world.run_of("postgres-failover"), "--format", "md"]).1;
    assert_eq!(code, 0, "killed {over} times: {}", told());
    serves_from(&world, &writer, CENTRAL);
    let run = world.run_of("postgres-failover");
    let report = world.report(&run);
    assert_eq!((report["state"].as_str(), report["loss"]["held"].as_bool()), (Some("completed"), Some(true)));
    let lost_then = lost(&world, CENTRAL, &writer).len();
    assert_eq!(report["loss"]["counted_objects"].as_f64(), Some(lost_then as f64));
    assert_eq!(world.lifeboat(&["verify", &run]).0, 0);
    let timeline = "checkpoint; select timeline_id from pg_control_checkpoint()";
    assert_eq!(world.sql(CENTRAL, timeline).as_deref(), Ok("2"), "it was promoted once");

    world.fault(WEST, "back");
    assert_eq!(world.lifeboat(&["stand-down"]).0, 0);
    let since = format!("since={}", chrono::Utc::now().to_rfc3339());
    let mut home = 0;
    let mut on = |runbook: &str, begin: Option<&[&str]>, answers: &[&str]| {
        let (code, kills) = killed(&world, runbook, begin, answers);
        home += kills;
        code
    };
    assert_eq!(on("postgres-failback", Some(&["--set", &since]), &[]), 3, "it asks before it destroys");
    assert_eq!(on("postgres-rejoin", None, &["--yes-to", "rewind=eu-west-1"]), 0);
    assert_eq!(on("postgres-failback", None, &[]), 3);
    assert_eq!(on("postgres-switchover", None, &["--yes-to", "pause=eu-central-1"]), 0);
    assert_eq!(on("postgres-failback", None, &[]), 0);
    println!("killed {over} times on the way over, {home} times on the way home");
    assert!(over > 20 && home > 40, "{over}, {home}");
    serves_from(&world, &writer, WEST);
    writer.end();
    assert_eq!(lost(&world, WEST, &writer).len(), lost_then, "nothing but what the failover lost");
    for runbook in ["postgres-failback", "postgres-rejoin", "postgres-switchover"] {
        let run = world.run_of(runbook);
        assert_eq!(world.report(&run)["state"], "completed", "{runbook}");
        assert_eq!(world.lifeboat(&["verify", &run]).0, 0, "{runbook}");
    }
}
