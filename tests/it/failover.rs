//! The main job by keys alone: see what a loss would cost, lose the region,
//! declare it, be led through the failover, read the report.

use std::path::Path;

use crate::pty::Pty;
use crate::world::{Home, PROGRAM};

/// The line of the screen that holds all of `words`.
pub fn line<'a>(screen: &'a str, words: &[&str]) -> Option<&'a str> {
    screen.lines().find(|line| words.iter().all(|word| line.contains(word)))
}

/// That a region is lost, on what is seen of it, by typing its name.
pub fn declare(app: &mut Pty, region: &str) {
    app.keys("D");
    app.wait_for("Declare an incident");
    app.wait_for(&format!("{region}: refused the connection"));
    app.keys("\r");
    app.wait_for(&format!("Type {region} to go on"));
    app.keys(&format!("{region}\r"));
    app.wait_for("Loss this second");
    app.wait("the prediction", |s| line(s, &["predicted:", "lost, back in"]).is_some());
}

/// A runbook in earnest, found by its name; `other` is one that it leaves.
pub fn start(app: &mut Pty, runbook: &str, other: &str) {
    app.keys("r");
    app.wait_for(runbook);
    app.keys(&format!("/{runbook}\r"));
    app.wait("one runbook", |s| !s.contains(other));
    app.keys("\r");
    app.wait_for(&format!("Start {runbook}"));
    app.wait_for("type live");
    app.keys("live\r");
}

/// The question for a target's name, up to where it is typed.
pub fn asked_for(app: &mut Pty, target: &str) {
    app.wait("the question", |s| s.contains("This needs you") && s.contains(&format!("Type {target}")));
    app.keys("\r");
    app.wait_for(&format!("›type {target}"));
}

#[test]
fn an_operator_is_led_through_the_loss_of_a_region_by_keys_alone() {
    let home = Home::new();
    let (dir, state, config) = (home.path("demo"), home.path("state"), home.path("config"));
    let folder = dir.to_str().expect("a plain path");
    let env = [("LIFEBOAT_STATE_DIR", state.as_path()), ("LIFEBOAT_CONFIG_DIR", config.as_path())];
    let mut app = Pty::start(Path::new(PROGRAM), &["demo", "--dir", folder], &env);

    // The living estate, and another process that asks about it.
    app.wait("orders to be well", |s| line(s, &["ok", "Orders", "recoverable"]).is_some());
    let status = home.json(&dir, &["status", "--json"]);
    let orders = status["workloads"].as_array().and_then(|all| all.iter().find(|w| w["id"] == "orders"));
    assert_eq!(orders.map(|w| w["state"].as_str()), Some(Some("ok")), "{status:#}");

    // What if its home were gone?
    app.keys("w");
    app.wait_for("What if these were gone?");
    app.keys(" \r");
    let screen =
        app.wait("the what-if", |s| s.contains("WHAT IF") && line(s, &["Orders", "recoverable"]).is_some());
    assert!(line(&screen, &["WHAT IF", "eu-west-1 gone"]).is_some(), "{screen}");
    assert!(line(&screen, &["Orders"]).is_some_and(|l| l.contains("eu-central-1")), "{screen}");
    app.keys("w");
    app.wait_for("What if these were gone?");
    app.keys(" \r");
    app.wait("the what-if to end", |s| !s.contains("WHAT IF"));

    // It is lost in earnest. Two failures in a row make it critical.
    app.keys("\x1bOP");
    app.wait("orders to be critical", |s| line(s, &["critical", "Orders"]).is_some());
    let status = home.json(&dir, &["status", "orders", "--json"]);
    let reasons = status["workloads"][0]["reasons"].to_string();
    assert!(reasons.contains("health in eu-west-1 failed 2 times in a row"), "{reasons}");

    // Declared, by typing the region's name.
    declare(&mut app, "eu-west-1");
    // The failover is found by its name and started in earnest.
    start(&mut app, "orders-failover", "checkout-failover");
    asked_for(&mut app, "eu-central-1");
    // The wrong name does nothing.
    app.keys("eu-west-1\r");
    app.wait_for("Type eu-central-1 to go on");
    app.keys("\x15eu-central-1\r");
    app.wait("the run to complete", |s| s.contains("The run is over") && s.contains("ompleted"));

    // What was predicted, and what customers count.
    let runs = home.json(&dir, &["runs", "--json"]);
    let run = runs["runs"][0]["id"].as_str().expect("a run").to_owned();
    let report = home.json(&dir, &["report", &run, "--format", "json"]);
    assert_eq!(report["state"], "completed", "{report:#}");
    assert!(report["rta_s"].as_f64().is_some_and(|s| s > 0.0), "{report:#}");
    assert_eq!(report["loss"]["predicted"][0]["workload"], "orders");
    assert!(report["loss"]["counted_s"].is_number(), "{report:#}");
    assert_eq!(report["loss"]["held"], true, "{:#}", report["loss"]);
    let (code, text) = home.ask(&dir, &["verify", &run]);
    assert_eq!(code, 0, "{text}");
    let (_, text) = home.ask(&dir, &["report", &run]);
    assert!(text.contains("inside** the prediction"), "{text}");

    // The service really moved: it is seen to serve from the other region.
    let status = home.json(&dir, &["status", "orders", "--json"]);
    assert_eq!(status["workloads"][0]["home"], "eu-central-1", "{status:#}");

    // The terminal is given back whole.
    app.keys("\x03");
    app.exit();
    let raw = String::from_utf8_lossy(&app.raw()).into_owned();
    let left = raw.rfind("\x1b[?1049l").expect("the alternate screen is left");
    assert!(raw[left..].len() < 200, "nothing is drawn after it");
}
