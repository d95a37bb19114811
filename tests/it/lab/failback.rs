//! The way home. What only the old primary has is exported and counted before it
//! is gone; of what was written since the failover nothing is lost.

use super::{
    failover::{DELAY, lost, serves_from},
    world::{CENTRAL, WEST, World},
};

/// A run within another waits for its own word: gives it, and goes on with both.
fn answered(world: &World, outer: &str, inner: &str, yes_to: &str) -> i32 {
    let run = world.run_of(inner);
    let (code, told) = world.lifeboat(&["resume", &run, "--yes-to", yes_to]);
    assert_eq!(code, 0, "{told}");
    let (code, told) = world.lifeboat(&["resume", &world.run_of(outer)]);
    println!("{told}");
    code
}

#[test]
fn failback_counts_what_diverged_and_loses_nothing_written_since() {
    let Some(world) = World::up(DELAY) else { return };
    let mut writer = world.writer();
    world.fault(WEST, "kill");
    assert_eq!(world.lifeboat(&["declare", WEST]).0, 0);
    let (code, told) = world.lifeboat(&["run", "postgres-failover", "--yes-to", "promote=eu-central-1"]);
    assert_eq!(code, 0, "{told}");
    let lost_then = lost(&world, CENTRAL, &writer).len();
    assert!(lost_then > 10);
    serves_from(&world, &writer, CENTRAL);

    // Its machine is there again, and its server still down.
    world.fault(WEST, "back");
    assert_eq!(world.lifeboat(&["stand-down"]).0, 0);
    let since = chrono::Utc::now();
    let set = format!("since={}", since.to_rfc3339());
    let (code, told) = world.lifeboat(&["run", "postgres-failback", "--set", &set]);
    assert_eq!(code, 3, "what diverged is not destroyed without a word: {told}");
    assert!(world.run_of("postgres-rejoin").contains("rejoin"));
    assert_eq!(answered(&world, "postgres-failback", "postgres-rejoin", "rewind=eu-west-1"), 3);
    let rejoin = world.report(&world.run_of("postgres-rejoin"));
    let diverged = rejoin["steps"].as_array().unwrap().iter().find(|s| s["id"] == "divergent").unwrap();
    let outputs = &diverged["outputs"];
    let rows = outputs["rows"].as_u64().unwrap() as usize;
    // A commit whose answer died with the region is no receipt, and is there.
    assert!(
        (lost_then..=lost_then + 1).contains(&rows),
        "{lost_then} receipts were lost, exported: {outputs}"
    );
    // The server's own, of statistics, are counted with them.
    assert!(outputs["transactions"].as_u64().is_some_and(|n| n >= rows as u64), "{outputs}");
    let exported = world.on(WEST, &["cat", outputs["file"].as_str().unwrap()]);
    assert_eq!(exported.lines().count(), rows + 1, "with its head line: {exported}");
    let missing = lost(&world, CENTRAL, &writer);
    assert!(
        missing.iter().all(|(n, _)| exported.lines().any(|l| l.starts_with(&format!("{n},")))),
        "{exported}"
    );

    assert_eq!(answered(&world, "postgres-failback", "postgres-switchover", "pause=eu-central-1"), 0);
    serves_from(&world, &writer, WEST);
    writer.end();
    let lost_now = lost(&world, WEST, &writer);
    assert_eq!(lost_now.len(), lost_then, "nothing but what the failover lost");
    assert!(lost_now.iter().all(|(_, at)| *at < since));
    let report = world.report(&world.run_of("postgres-failback"));
    assert_eq!(report["loss"]["counted_objects"].as_f64(), Some(0.0), "{report:#}");
    let follows = world.sql(CENTRAL, "select status from pg_stat_wal_receiver");
    assert_eq!(follows.as_deref(), Ok("streaming"), "and it is protected again");
    let all = [WEST, CENTRAL].map(|r| world.sql(r, "select count(*) from orders").unwrap());
    world.until("the standby to have everything", || {
        world.sql(CENTRAL, "select count(*) from orders") == Ok(all[0].clone())
    });
}
