//! The library of runbooks: all of it is valid, and what the lab can run is run.

use std::{fs, path::Path, time::Duration};

use lifeboat_core::model::Time;
use serde_json::Value;

use super::{
    failover::{name_leads_to, serves_from},
    world::{CENTRAL, WEST, World},
};
use crate::world::Home;

#[test]
fn the_library_is_valid_and_says_of_each_runbook_whether_it_was_run() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks/library");
    let (code, told) = Home::new().ask(&dir, &["validate"]);
    assert_eq!(code, 0, "{told}");
    let books = fs::read_dir(dir.join("runbooks")).unwrap().map(|e| e.unwrap().path());
    let texts: Vec<String> = books.map(|path| fs::read_to_string(path).unwrap()).collect();
    assert!(texts.len() >= 9);
    for text in &texts {
        let head: String = text.lines().take_while(|l| l.starts_with('#')).collect();
        assert!(head.contains("Run in the lab") != head.contains("Not run in the lab"), "{head}");
        assert!(!text.contains("127.0.0.1"), "a place of one machine: {head}");
    }
}

/// Processes that were started with something below this folder.
pub fn started_below(root: &str) -> Vec<String> {
    let lines =
        fs::read_dir("/proc").unwrap().flatten().filter_map(|e| fs::read(e.path().join("cmdline")).ok());
    let lines = lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " "));
    lines.filter(|line| line.contains(root)).collect()
}

#[test]
fn a_lab_that_is_killed_leaves_nothing_behind() {
    let Some(world) = World::up(Duration::ZERO) else { return };
    let root = world.path("").display().to_string();
    let all = started_below(&root).join("\n");
    assert!(["postgres -D", "haproxy", "named"].iter().all(|name| all.contains(name)), "{all}");
    let pid = rustix::process::Pid::from_raw(world.pid() as i32).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    world.until("all of it to be gone", || started_below(&root).is_empty());
}

/// A backup with its log, and an instant after the second of three rows.
pub fn backed_up(world: &World) -> Time {
    let config = format!("--config={}", world.path("us-east-1/pgbackrest-eu-west-1.conf").display());
    let pgbackrest = |what: &str| world.on(WEST, &["pgbackrest", &config, "--stanza=orders", what]);
    world.sql(WEST, "insert into orders (n) values (1)").unwrap();
    pgbackrest("backup");
    // Times of backups are whole seconds.
    std::thread::sleep(Duration::from_millis(1_100));
    world.sql(WEST, "insert into orders (n) values (2)").unwrap();
    let at = chrono::Utc::now();
    std::thread::sleep(Duration::from_millis(50));
    world.sql(WEST, "insert into orders (n) values (3)").unwrap();
    world.sql(WEST, "select pg_switch_wal()").unwrap();
    pgbackrest("check");
    at
}

/// How a run of `postgres-point-in-time` is asked for.
pub fn as_of(at: Time, into: &Path) -> [String; 4] {
    let set = "--set".to_owned();
    [set.clone(), format!("at={}", at.to_rfc3339()), set, format!("into={}", into.display())]
}

pub fn landed(report: &Value) {
    let proof = report["steps"].as_array().unwrap().iter().find(|s| s["id"] == "prove").unwrap();
    assert_eq!(proof["outputs"]["rows"], 2, "the third came after the instant: {proof:#}");
}

#[test]
fn a_point_in_time_is_restored_to_the_asked_second_and_proven_by_query() {
    let Some(world) = World::up(Duration::ZERO) else { return };
    let into = world.path("restored");
    let asked = as_of(backed_up(&world), &into);
    let line: Vec<&str> =
        ["run", "postgres-point-in-time"].into_iter().chain(asked.iter().map(String::as_str)).collect();
    let (code, told) = world.lifeboat(&line);
    assert_eq!(code, 0, "{told}");
    landed(&world.report(&world.run_of("postgres-point-in-time")));
    // It halts there. Killed while it left its recovery, it would go on from here
    // with all the log there is when it is started again, and show the third row.
    assert!(into.join("recovery.signal").exists(), "it was let beyond the instant");
    // The point shows where it is looked for.
    let points = world.json(&["points", "orders", "--json"]);
    assert!(points["copies"][0]["points"].as_array().is_some_and(|p| p.len() == 1), "{points:#}");
}

#[test]
fn a_switchover_loses_nothing_and_leaves_a_standby() {
    let Some(world) = World::up(Duration::ZERO) else { return };
    let mut writer = world.writer();
    let (code, told) = world.lifeboat(&["run", "postgres-switchover", "--yes-to", "pause=eu-west-1"]);
    assert_eq!(code, 0, "{told}");
    serves_from(&world, &writer, CENTRAL);
    writer.end();
    assert!(super::failover::lost(&world, CENTRAL, &writer).is_empty());
    assert_eq!(world.sql(WEST, "select status from pg_stat_wal_receiver").as_deref(), Ok("streaming"));
}

#[test]
fn a_whole_region_is_evacuated_in_waves_and_media_goes_home() {
    let Some(world) = World::up(Duration::ZERO) else { return };
    let writer = world.writer();
    let redis = |region: &str, words: &[&str]| {
        let port = world.of(region, "redis").to_string();
        let told = world.inside(&[&["redis-cli", "-p", &port], words].concat()).output().unwrap();
        String::from_utf8(told.stdout).unwrap().trim().to_owned()
    };
    world.until("the replica", || redis(CENTRAL, &["info", "replication"]).contains("master_link_status:up"));
    redis(WEST, &["set", "basket", "full"]);
    world.until("the basket to arrive", || redis(CENTRAL, &["get", "basket"]) == "full");
    world.fault(WEST, "kill");
    assert_eq!(world.lifeboat(&["declare", WEST]).0, 0);

    // Each part asks for its own word; nothing of the next wave begins before.
    let (code, told) = world.lifeboat(&["run", "region-evacuation"]);
    assert_eq!(code, 3, "{told}");
    assert!(redis(CENTRAL, &["info", "replication"]).contains("role:slave"));
    let outer = world.run_of("region-evacuation");
    for inner in ["postgres-failover", "redis-promotion"] {
        let run = world.run_of(inner);
        let (code, told) = world.lifeboat(&["resume", &run, "--yes-to", "promote=eu-central-1"]);
        assert_eq!(code, 0, "{inner}: {told}");
        let (code, told) = world.lifeboat(&["resume", &outer]);
        assert_eq!(code, if inner == "redis-promotion" { 0 } else { 3 }, "{told}");
    }
    serves_from(&world, &writer, CENTRAL);
    assert_eq!(redis(CENTRAL, &["get", "basket"]), "full");
    assert!(redis(CENTRAL, &["info", "replication"]).contains("role:master"));
    assert_eq!(name_leads_to(&world, "media.northwind.test"), "eu-central-1.media.northwind.test.");

    // What was put there since goes home before the name does.
    fs::write(world.path("eu-central-1/media/picture-2"), "a second picture\n").unwrap();
    assert_eq!(world.lifeboat(&["stand-down"]).0, 0);
    let (code, told) = world.lifeboat(&["run", "bucket-failback"]);
    assert_eq!(code, 0, "{told}");
    assert_eq!(fs::read_to_string(world.path("eu-west-1/media/picture-2")).unwrap(), "a second picture\n");
    assert_eq!(name_leads_to(&world, "media.northwind.test"), "eu-west-1.media.northwind.test.");
    // The plan of before finds that it leads home already, and changes nothing.
    let stale = ["run", "dns-cutover", "--set", "was=eu-central-1.media.northwind.test"];
    let (code, told) = world.lifeboat(&stale);
    assert_ne!(code, 0, "{told}");
    assert_eq!(name_leads_to(&world, "media.northwind.test"), "eu-west-1.media.northwind.test.");
}
