//! The region of the primary dies, and an operator is led over to the other:
//! by commands, and by keys. What clients had a receipt for and is lost is
//! counted from outside, and lies in what was predicted when it was declared.

use std::{path::Path, process::Command, time::Duration};

use lifeboat_core::model::Time;
use serde_json::Value;

use super::{
    world::{CENTRAL, WEST, World},
    writer::Writer,
};
use crate::{
    failover::{asked_for, declare, line, start},
    pty::Pty,
    world::PROGRAM,
};

/// How far the standby is behind.
pub const DELAY: Duration = Duration::from_millis(1_200);

/// Where the zone's own server says that the name leads.
pub fn name_leads_to(world: &World, name: &str) -> String {
    let port = world.of_third("dns").to_string();
    let mut dig: Command = world.inside(&["dig", "@127.0.0.1", "-p", &port, "+short", name, "CNAME"]);
    String::from_utf8(dig.output().unwrap().stdout).unwrap().trim().to_owned()
}

/// What the new primary does not have of what clients hold a receipt for.
pub fn lost(world: &World, region: &str, writer: &Writer) -> Vec<(i64, Time)> {
    // Receipts first: one that is given meanwhile is in what is asked then.
    let receipts = writer.receipts();
    let kept = world.sql(region, "select string_agg(n::text, ' ') from orders").unwrap();
    let kept: std::collections::HashSet<i64> = kept.split(' ').filter_map(|n| n.parse().ok()).collect();
    receipts.into_iter().filter(|(n, _)| !kept.contains(n)).collect()
}

/// Counted here and by the run alike, and inside of what was predicted.
pub fn loss_holds(world: &World, report: &Value, writer: &Writer) -> usize {
    let lost = lost(world, CENTRAL, writer);
    let loss = &report["loss"];
    assert_eq!(loss["counted_objects"].as_f64(), Some(lost.len() as f64), "{loss:#}");
    assert_eq!(loss["held"], true, "{loss:#}");
    let predicted = &loss["predicted"][0];
    println!(
        "predicted {} to {} s, counted {} s, {} receipts lost",
        predicted["lower_s"],
        predicted["upper_s"],
        loss["counted_s"],
        lost.len()
    );
    lost.len()
}

/// From here on clients write to the other region, and all say so.
pub fn serves_from(world: &World, writer: &Writer, region: &str) {
    let now = chrono::Utc::now();
    world.until("new receipts", || writer.since(now).len() > 20);
    let newest = *writer.since(now).last().unwrap();
    let there = world.sql(region, &format!("select count(*) from orders where n = {newest}"));
    assert_eq!(there.as_deref(), Ok("1"));
    assert_eq!(name_leads_to(world, "db.northwind.test"), format!("{region}.db.northwind.test."));
    assert_eq!(world.workload("orders")["home"], region);
}

#[test]
fn a_region_dies_and_commands_lead_over_to_the_other() {
    let Some(world) = World::up(DELAY) else { return };
    let writer = world.writer();
    let before = world.workload("orders");
    assert_eq!(
        (before["home"].as_str(), before["rpo"]["actual_s"].is_number()),
        (Some(WEST), true),
        "{before:#}"
    );
    world.fault(WEST, "kill");
    let declared = world.json(&["declare", WEST, "--json"]);
    let evidence = declared["incident"]["evidence"].to_string();
    assert!(evidence.contains("eu-west-1: refused the connection"), "{evidence}");

    // Nobody answers: it stops in front of what cannot be taken back.
    let (code, told) = world.lifeboat(&["run", "postgres-failover"]);
    assert_eq!(code, 3, "{told}");
    assert!(told.contains("Type eu-central-1"), "{told}");
    assert_eq!(world.sql(CENTRAL, "select pg_is_in_recovery()").as_deref(), Ok("t"), "nothing was promoted");
    let run = world.run_of("postgres-failover");
    let (code, told) = world.lifeboat(&["resume", &run, "--yes-to", "promote=eu-west-1"]);
    assert_eq!(code, 3, "the wrong name does nothing: {told}");
    let (code, told) = world.lifeboat(&["resume", &run, "--yes-to", "promote=eu-central-1"]);
    assert_eq!(code, 0, "{told}");

    let report = world.report(&run);
    assert_eq!(report["state"], "completed", "{report:#}");
    let fenced = report["timeline"].to_string();
    assert!(fenced.contains("orders/orders-db is fenced holds"), "{fenced}");
    assert!(loss_holds(&world, &report, &writer) > 10, "with {DELAY:?} between them something is lost");
    serves_from(&world, &writer, CENTRAL);
    assert_eq!(world.lifeboat(&["verify", &run]).0, 0);
}

#[test]
fn a_region_dies_and_keys_lead_over_to_the_other() {
    let Some(world) = World::up(DELAY) else { return };
    let writer = world.writer();
    let (estate, env) = (world.estate(), world.env());
    let env: Vec<(&str, &Path)> = env.iter().map(|(name, path)| (*name, path.as_path())).collect();
    let mut app = Pty::start(Path::new(PROGRAM), &["--estate", estate.to_str().unwrap()], &env);
    app.wait("orders to be seen", |s| line(s, &["Orders", "recoverable"]).is_some());
    world.fault(WEST, "kill");
    app.wait_for("eu-west-1 does not answer: D declares");

    declare(&mut app, WEST);
    start(&mut app, "postgres-failover", "redis-promotion");
    asked_for(&mut app, CENTRAL);
    app.keys("eu-central-1\r");
    app.wait("the run to complete", |s| s.contains("The run is over") && s.contains("ompleted"));

    let report = world.report(&world.run_of("postgres-failover"));
    assert_eq!(report["state"], "completed", "{report:#}");
    assert!(loss_holds(&world, &report, &writer) > 10);
    serves_from(&world, &writer, CENTRAL);
    app.keys("\x03");
    app.exit();
}
