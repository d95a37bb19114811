//! What else may happen while a region is lost: a primary that hangs and wakes, a
//! fence that never answers, much that was received and is not replayed, packets
//! that are dropped, an old primary that somebody starts.

use std::{path::Path, process::Command, time::Duration};

use lifeboat_core::run::{Gate, GuardKey, RunState, StepStatus, Verb};
use serde_json::{Value, json};

use super::{
    failover::{DELAY, loss_holds, lost, serves_from},
    killed::{Effects, How, Killed, Lines},
    led::{Led, status},
    world::{CENTRAL, WEST, World},
};
use crate::{pty::Pty, world::PROGRAM};

const CONFIRMED: [&str; 4] = ["run", "postgres-failover", "--yes-to", "promote=eu-central-1"];

fn fail_over(world: &World) -> Value {
    let (code, told) = world.lifeboat(&["declare", WEST]);
    assert_eq!(code, 0, "{told}");
    let (code, told) = world.lifeboat(&CONFIRMED);
    assert_eq!(code, 0, "{told}");
    world.report(&world.run_of("postgres-failover"))
}

/// Whoever drives is killed at every line, and in the middle of every effect.
fn fail_over_killed(world: &World, how: How, given_up: &[&str], set: &[&str]) -> Value {
    let mut killed = Killed::new(world, how).giving_up(given_up);
    let begin = [set, &CONFIRMED[2..]].concat();
    let code = killed.leads(CONFIRMED[1], Some(&begin), &CONFIRMED[2..]);
    assert_eq!(code, 0, "{}", killed.said());
    killed.met_everything(&[CONFIRMED[1]]);
    let timeline = "checkpoint; select timeline_id from pg_control_checkpoint()";
    assert_eq!(world.sql(CENTRAL, timeline).as_deref(), Ok("2"), "it was promoted once");
    let run = world.run_of(CONFIRMED[1]);
    assert_eq!(world.lifeboat(&["verify", &run]).0, 0);
    world.report(&run)
}

/// Phases turn from another one on in each, and effects are met at other points.
const HUNG: How = How { lines: Lines::Turning(1), effects: Effects::Alone, point: "1" };
const CUT: How = How { lines: Lines::Turning(2), effects: Effects::Alone, point: "promote=pg_promote,2" };
const BEHIND: How = How { lines: Lines::Turning(3), effects: Effects::All, point: "promote=pg_promote,2" };
const SILENT: How = How { lines: Lines::Turning(2), effects: Effects::Alone, point: "2" };

fn two_writers(world: &World) -> bool {
    world.workload("orders")["reasons"]
        .to_string()
        .contains("it takes writes in eu-central-1 and in eu-west-1 at once")
}

#[test]
fn a_primary_that_hung_is_fenced_and_is_caught_when_it_wakes() {
    let Some(world) = World::up(DELAY) else { return };
    let writer = world.writer();
    world.fault(WEST, "stop");
    assert_eq!(world.lifeboat(&["declare", WEST]).0, 0);
    let report = fail_over_killed(&world, HUNG, &[], &[]);
    assert!(loss_holds(&world, &report, &writer) > 0);
    serves_from(&world, &writer, CENTRAL);
    let woke = chrono::Utc::now();
    world.fault(WEST, "cont");
    world.until("two writers to be seen", || two_writers(&world));
    // It would take writes, and nobody who comes by the switch reaches it.
    assert_eq!(world.sql(WEST, "select pg_is_in_recovery()").as_deref(), Ok("f"));
    world.until("receipts since it woke", || writer.since(woke).len() > 50);
    let since = writer.since(woke);
    assert!(lost(&world, CENTRAL, &writer).iter().all(|(n, _)| !since.contains(n)));
}

#[test]
fn an_old_primary_that_somebody_starts_is_caught_as_a_second_writer() {
    let Some(world) = World::up(Duration::ZERO) else { return };
    let _writer = world.writer();
    world.fault(WEST, "kill");
    fail_over(&world);
    assert!(!two_writers(&world));
    let (estate, env) = (world.estate(), world.env());
    let env: Vec<(&str, &Path)> = env.iter().map(|(name, path)| (*name, path.as_path())).collect();
    let mut app = Pty::start(Path::new(PROGRAM), &["--estate", estate.to_str().unwrap()], &env);
    app.wait("orders to be seen", |s| s.contains("Orders"));
    world.fault(WEST, "back");
    world.service(WEST, "start");
    app.wait("the second writer", |s| s.contains("takes writes in eu-central-1 and"));
    assert!(two_writers(&world));
    assert_eq!(world.workload("orders")["state"], "critical");
    app.keys("\x03");
    app.exit();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fence_that_never_answers_is_replaced_by_another_proof_or_by_a_name() {
    let Some(world) = World::up(Duration::ZERO) else { return };
    let _writer = world.writer();
    world.fault(WEST, "kill");
    world.ask(json!({"what": "power-hangs", "verb": "on"}));
    assert_eq!(world.lifeboat(&["declare", WEST]).0, 0);
    let led = Led::of(&world);
    let skip =
        |step: &str| Verb::Skip { step: step.into(), reason: "its controller went with the region".into() };
    let unknown = |v: &lifeboat_core::run::RunView| status(v, "fence-power") == StepStatus::Indeterminate;
    let not_done =
        || Verb::Settle { step: "fence-power".into(), done: false, reason: "nobody saw it go off".into() };

    // The controller hangs, and so does whoever asks it whether it is off.
    let mut first = led.start("postgres-failover", &[("power", json!(true))]);
    first.until("nobody to know", unknown).await;
    first.verb(not_done()).await.unwrap();
    first.until("the failure", |v| status(v, "fence-power") == StepStatus::Failed).await;
    first.verb(skip("fence-power")).await.unwrap();
    first.until("the other fence", |v| status(v, "fence") == StepStatus::Succeeded).await;
    // Nothing is to be overridden: the switch has proven it.
    let view = first.until("the question", |v| !v.asks.is_empty()).await;
    assert_eq!(view.asks[0].step, "promote");
    first.verb(Verb::Cancel { reason: "tried without the switch".into() }).await.unwrap();
    assert_eq!(first.end().await, Ok(RunState::Cancelled));

    // Without either it is the operator's own risk, by the asset's name. In the same
    // incident the switch would not be asked again.
    assert_eq!(world.lifeboat(&["stand-down"]).0, 0);
    assert_eq!(world.lifeboat(&["declare", WEST]).0, 0);
    let mut second = led.start("postgres-failover", &[("power", json!(true))]);
    second.until("nobody to know", unknown).await;
    second.verb(not_done()).await.unwrap();
    second.until("the failure", |v| status(v, "fence-power") == StepStatus::Failed).await;
    second.verb(skip("fence-power")).await.unwrap();
    let port = world.of_third("postgres");
    second.until("the switch to be asked", |v| status(v, "fence") == StepStatus::Succeeded).await;
    // Somebody lets clients through again, before the promotion.
    let switch = |verb: &str| {
        let told = world.inside(&["bin/switch", "postgres", verb, WEST]).current_dir(world.estate()).output();
        told.unwrap().status.code()
    };
    switch("use");
    let confirm = || Verb::Confirm { step: "promote".into(), typed: CENTRAL.into() };
    second.until("the question", |v| v.asks.iter().any(|a| a.step == "promote")).await;
    second.verb(confirm()).await.unwrap();
    let guard = GuardKey::Fenced { asset: "orders/orders-db".into() };
    let gate = Gate::Guard { step: "promote".into(), guard };
    let over = |typed: Option<&str>| Verb::Override {
        gate: gate.clone(),
        reason: "the whole region is dark".into(),
        typed: typed.map(str::to_owned),
    };
    second.until("the guard", |v| v.asks.iter().any(|a| a.sentence.contains("may not begin"))).await;
    assert!(second.verb(over(None)).await.is_err(), "the asset's name is not typed");
    assert_eq!(world.sql(CENTRAL, "select pg_is_in_recovery()").as_deref(), Ok("t"));
    second.verb(over(Some("orders/orders-db"))).await.unwrap();
    second.until("the promotion", |v| status(v, "promote") == StepStatus::Succeeded).await;
    assert_eq!(switch("off"), Some(0));
    let state = second.end().await.unwrap();
    assert_eq!(state, RunState::CompletedWithExceptions);
    assert!(world.sql_at(port, "select txid_current()").is_ok());
}

#[test]
fn whoever_drives_is_killed_while_a_fence_never_answers_and_it_comes_over() {
    let Some(world) = World::up(DELAY) else { return };
    let writer = world.writer();
    world.fault(WEST, "kill");
    world.ask(json!({"what": "power-hangs", "verb": "on"}));
    assert_eq!(world.lifeboat(&["declare", WEST]).0, 0);
    let report = fail_over_killed(&world, SILENT, &["fence-power"], &["--set", "power=true"]);
    assert_eq!(report["state"], "completed_with_exceptions", "{report:#}");
    loss_holds(&world, &report, &writer);
    serves_from(&world, &writer, CENTRAL);
}

/// So much that was received is not replayed when the primary dies.
async fn backlog(megabytes: u32) {
    let Some(world) = World::up(Duration::ZERO) else { return };
    let writer = world.writer();
    let led = Led::of(&world);
    let mut watched = led.watch();
    world.sql(WEST, "create table ballast (b text)").unwrap();
    world.until("the table", || world.sql(CENTRAL, "select count(*) from ballast").is_ok());
    world.sql(CENTRAL, "select pg_wal_replay_pause()").unwrap();
    let fill = format!(
        "insert into ballast select repeat(md5(random()::text), 32) from generate_series(1, {megabytes} * 1000)"
    );
    world.sql(WEST, &fill).unwrap();
    let behind = "select pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())::bigint >> 20";
    world.until("all of it to be received", || {
        let waiting: u32 = world.sql(CENTRAL, behind).unwrap().parse().unwrap();
        waiting >= megabytes
    });
    // What was seen last is of after that.
    let now = chrono::Utc::now();
    let received = |a: &lifeboat_core::assess::Assessment| {
        let orders = a.workloads.iter().find(|w| w.id == "orders").unwrap();
        orders.assets[0].replicas[0].received.is_some_and(|at| at > now)
    };
    watched.until("the standby to be seen", received).await;
    world.fault(WEST, "kill");
    let incident = watched.declare(WEST).await;
    let predicted = incident.predictions.iter().find(|p| p.workload == "orders").unwrap();
    let upper = predicted.loss_upper.expect("what was received is known").as_secs_f64();
    assert!(upper < 10.0, "what waits to be replayed is not lost: {predicted:?}");
    let report = fail_over_killed(&world, BEHIND, &[], &[]);
    let rows = world.sql(CENTRAL, "select count(*) from ballast");
    assert_eq!(rows, Ok((megabytes * 1000).to_string()));
    loss_holds(&world, &report, &writer);
    let promoted = report["steps"].as_array().unwrap().iter().find(|s| s["id"] == "promote").unwrap();
    println!("{megabytes} MB replayed before the promotion, which took {} s", promoted["took_s"]);
    serves_from(&world, &writer, CENTRAL);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_received_and_is_not_replayed_is_waited_for_and_not_lost() {
    backlog(500).await;
}

#[test]
fn a_region_whose_packets_are_dropped_is_failed_over_and_stays_outside() {
    let nft = Path::new("/usr/sbin/nft");
    let tools = [nft, Path::new("/usr/bin/nsenter"), Path::new("/usr/bin/unshare")];
    if !super::has(&tools) {
        return;
    }
    let may = Command::new("/usr/bin/unshare").args(["-n", "true"]).status().is_ok_and(|s| s.success());
    if !may {
        println!("skipped: this user may make no network namespace");
        return;
    }
    let around = ["/usr/bin/unshare", "-n", "sh", "-c", "ip link set lo up && exec \"$@\"", "sh"];
    let Some(world) = World::within(DELAY, &around) else { return };
    let writer = world.writer();
    let rule = |line: &str| {
        let told =
            world.inside(&[&["nft"], &*line.split(' ').collect::<Vec<_>>()].concat()).output().unwrap();
        assert!(told.status.success(), "{line}: {}", String::from_utf8_lossy(&told.stderr));
    };
    rule("add table inet cut");
    rule("add chain inet cut both { type filter hook output priority 0 ; }");
    let ports = ["postgres", "redis", "link"].map(|service| world.of(WEST, service).to_string()).join(",");
    rule(&format!("add rule inet cut both tcp dport {{ {ports} }} drop"));
    rule(&format!("add rule inet cut both tcp sport {{ {ports} }} drop"));
    assert_eq!(world.lifeboat(&["declare", WEST]).0, 0);
    let report = fail_over_killed(&world, CUT, &[], &[]);
    loss_holds(&world, &report, &writer);
    serves_from(&world, &writer, CENTRAL);
    // Nobody hears the old primary: it is not seen, which is not the same as gone.
    assert!(!two_writers(&world));
    rule("delete table inet cut");
    world.until("two writers to be seen", || two_writers(&world));
}
