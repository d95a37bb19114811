//! The way over and the way home in one world.

use chrono::Utc;

use super::{
    super::{
        failover::{DELAY, loss_holds, lost, serves_from},
        world::{CENTRAL, WEST, World},
    },
    Effects, How, Killed, Lines, ways,
};

const TO_CENTRAL: [&str; 2] = ["--yes-to", "promote=eu-central-1"];

/// The run is completed, with its own counts and a journal that holds.
fn completed(world: &World, runbook: &str, how: How) {
    let run = world.run_of(runbook);
    let report = world.report(&run);
    // What a person had to say is an exception.
    let states = match how.effects {
        Effects::Alone => &["completed"][..],
        Effects::All => &["completed", "completed_with_exceptions"],
    };
    assert!(states.iter().any(|state| report["state"] == *state), "{runbook}: {report:#}");
    assert_eq!(world.lifeboat(&["verify", &run]).0, 0, "{runbook}");
}

fn over_and_home(how: How) {
    let Some(world) = World::up(DELAY) else { return };
    let mut killed = Killed::new(&world, how);
    let mut writer = world.writer();
    world.fault(WEST, "kill");
    assert_eq!(world.lifeboat(&["declare", WEST]).0, 0);
    let code = killed.leads("postgres-failover", Some(&TO_CENTRAL), &TO_CENTRAL);
    assert_eq!(code, 0, "{}", killed.said());
    serves_from(&world, &writer, CENTRAL);
    completed(&world, "postgres-failover", how);
    let report = world.report(&world.run_of("postgres-failover"));
    let lost_then = loss_holds(&world, &report, &writer);
    let timeline = "checkpoint; select timeline_id from pg_control_checkpoint()";
    assert_eq!(world.sql(CENTRAL, timeline).as_deref(), Ok("2"), "it was promoted once");

    world.fault(WEST, "back");
    assert_eq!(world.lifeboat(&["stand-down"]).0, 0);
    let since = format!("since={}", Utc::now().to_rfc3339());
    let begin = Some(&["--set", &since][..]);
    assert_eq!(killed.leads("postgres-failback", begin, &[]), 3, "it asks before it destroys");
    let rewind = ["--yes-to", "rewind=eu-west-1"];
    assert_eq!(killed.leads("postgres-rejoin", None, &rewind), 0, "{}", killed.said());
    assert_eq!(killed.leads("postgres-failback", None, &[]), 3, "{}", killed.said());
    let pause = ["--yes-to", "pause=eu-central-1"];
    assert_eq!(killed.leads("postgres-switchover", None, &pause), 0, "{}", killed.said());
    assert_eq!(killed.leads("postgres-failback", None, &[]), 0, "{}", killed.said());
    serves_from(&world, &writer, WEST);
    assert_eq!(world.sql(WEST, timeline).as_deref(), Ok("3"), "it was promoted once more");
    writer.end();
    assert_eq!(lost(&world, WEST, &writer).len(), lost_then, "nothing but what the failover lost");
    let report = world.report(&world.run_of("postgres-failback"));
    assert_eq!(report["loss"]["counted_objects"].as_f64(), Some(0.0), "{report:#}");
    let home = ["postgres-failback", "postgres-rejoin", "postgres-switchover"];
    home.iter().for_each(|runbook| completed(&world, runbook, how));
    killed.met_everything(&[&["postgres-failover"], &home[..]].concat());
}

#[test]
fn whoever_drives_is_killed_at_every_line_and_in_every_effect_and_it_comes_over_and_home() {
    let gate = How { lines: Lines::Turning(0), effects: Effects::Alone, point: "2" };
    ways(gate).into_iter().for_each(over_and_home);
}

#[test]
fn every_effect_is_killed_with_whoever_drives_and_it_comes_over_and_home() {
    // With the promotion under way, and the question what was lost.
    let gate = How { lines: Lines::Spared, effects: Effects::All, point: "promote=pg_promote,count=copy,2" };
    ways(gate).into_iter().for_each(over_and_home);
}
