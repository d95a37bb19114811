//! `losses` and `coverage`: the estate as a whole, from the program's own JSON.

use std::fs;

use serde_json::{Value, json};

use super::history::World;

const REGIONS: &str = r#"schema = 1
[[region]]
id = "here"
provider = "ours"
[[region]]
id = "there"
provider = "theirs"
"#;
/// Comes back from a copy elsewhere.
const CHECKOUT: &str = r#"schema = 1
id = "checkout"
rpo = "2h"
rto = "30m"
home = "here"
standby = ["there"]
runbooks = { failover = "move" }
[[asset]]
id = "db"
layer = "database"
[[asset.copy]]
store = "backups"
path = "db"
format = "dump"
match = "*.dump"
time = "%Y%m%dT%H%M%SZ"
schedule = "1h"
[[asset]]
id = "pictures"
layer = "media"
required = false
"#;
/// All that it has lies where it runs; and half of it lies nowhere.
const LEDGER: &str = r#"schema = 1
id = "ledger"
home = "here"
[[asset]]
id = "books"
layer = "database"
[[asset.copy]]
store = "at-home"
path = "db"
format = "dump"
match = "*.dump"
time = "%Y%m%dT%H%M%SZ"
[[asset]]
id = "scans"
layer = "media"
"#;
const EMPTY: &str = "schema = 1\nid = \"empty\"\nhome = \"there\"\n";
const RUNBOOK: &str = r#"schema = 1
id = "move"
title = "Move to {{ to }}"
kind = "failover"
workload = "checkout"
[params]
to = { type = "region", default = "there" }
[[step]]
id = "restore"
kind = "command"
run = ["./bin/work"]
takes = "5m"
"#;

fn world() -> World {
    let world = World::new();
    let store = |id: &str, region: &str| {
        let url = world.path(if id == "spare" { "spare" } else { "store" });
        format!("[[store]]\nid = \"{id}\"\nurl = \"file://{}\"\nregion = \"{region}\"\n", url.display())
    };
    let stores = ["schema = 1\n".to_owned(), store("backups", "there"), store("at-home", "here")];
    let stores = stores.concat() + &store("spare", "there");
    let files = [
        ("regions.toml", REGIONS),
        ("stores.toml", stores.as_str()),
        ("workloads/checkout.toml", CHECKOUT),
        ("workloads/ledger.toml", LEDGER),
        ("workloads/empty.toml", EMPTY),
        ("runbooks/move.toml", RUNBOOK),
    ];
    for (name, text) in files {
        world.write(&format!("estate/{name}"), text.as_bytes());
    }
    fs::create_dir_all(world.path("spare")).unwrap();
    world.dumps();
    world.trust();
    world
}

fn of<'a>(all: &'a Value, key: &str, id: &str) -> &'a Value {
    let found = all.as_array().unwrap().iter().find(|one| one[key] == id);
    found.unwrap_or_else(|| panic!("no {id} in {all:#}"))
}

#[test]
fn every_single_loss_is_told_worst_first() {
    let world = world();
    let (code, out, err) = world.run(&["losses", "--json"]);
    assert_eq!(code, 2, "something would be lost: {err}");
    let all: Value = serde_json::from_str(&out).unwrap();
    let all = &all["losses"];
    // The books' only copy lies where they run.
    let here = of(all, "selector", "here");
    assert_eq!((&here["worst"], &here["mode"]), (&json!("lost"), &json!("gone")));
    // What runs elsewhere and only there runs on, on one leg.
    let counts =
        json!({"unaffected": 0, "exposed": 1, "recoverable": 1, "breach": 0, "unknown": 0, "lost": 1});
    assert_eq!(here["counts"], counts);
    let checkout = of(&here["workloads"], "id", "checkout");
    assert_eq!((&checkout["verdict"], &checkout["to"]), (&json!("recoverable"), &json!("there")));
    // The newest dump was made an hour and a minute ago; what was written since is lost.
    let upper = checkout["data_loss"]["upper_s"].as_f64().unwrap();
    assert!((3_660.0..3_760.0).contains(&upper), "{upper}");
    // Detection, decision and the one step: 30 s, 60 s, 5 min.
    assert_eq!(checkout["rto_s"], 390);
    let ledger = of(&here["workloads"], "id", "ledger");
    assert_eq!((&ledger["verdict"], &ledger["to"]), (&json!("lost"), &Value::Null));

    let there = of(all, "selector", "there");
    let verdicts: Vec<_> = there["workloads"]
        .as_array()
        .unwrap()
        .iter()
        .map(|w| (w["id"].clone(), w["verdict"].clone()))
        .collect();
    assert!(
        verdicts.contains(&(json!("checkout"), json!("exposed"))),
        "it runs on, on one leg: {verdicts:?}"
    );
    // Worst first; a region and its provider are the same loss here.
    let rank = |verdict: &Value| {
        let order = ["lost", "unknown", "breach", "recoverable", "exposed", "unaffected"];
        order.iter().position(|v| verdict == v).unwrap()
    };
    let ranks: Vec<_> = all.as_array().unwrap().iter().map(|row| rank(&row["worst"])).collect();
    assert!(ranks.is_sorted(), "{ranks:?}");
    assert_eq!(of(all, "selector", "provider:ours")["counts"], here["counts"]);
    let (_, text, _) = world.run(&["losses"]);
    assert!(text.contains("IF THIS IS GONE") && text.contains("1 lost, 1 recoverable"), "{text}");
}

#[test]
fn a_loss_by_compromise_asks_until_when_data_was_clean() {
    let world = world();
    let dirty = world.json(&["losses", "--mode", "compromised"]);
    let here = of(&dirty["losses"], "selector", "here");
    assert_eq!(of(&here["workloads"], "id", "checkout")["verdict"], "unknown");
    let before = chrono::Utc::now() - chrono::TimeDelta::hours(10);
    let clean = world.json(&["losses", "--mode", "compromised", "--clean-before", &before.to_rfc3339()]);
    let here = of(&clean["losses"], "selector", "here");
    let checkout = of(&here["workloads"], "id", "checkout");
    // Over its RPO of two hours, but there is a point from before.
    assert_eq!(checkout["verdict"], "breach", "{checkout:#}");
    let upper = checkout["data_loss"]["upper_s"].as_f64().unwrap();
    assert!((36_000.0..40_000.0).contains(&upper), "{upper}");
    assert_eq!(world.run(&["losses", "--mode", "burnt"]).0, 64);
    assert_eq!(world.run(&["losses", "--clean-before", "yesterday"]).0, 64);
}

#[test]
fn what_nothing_protects_is_told_and_what_nobody_uses() {
    let world = world();
    let (code, out, _) = world.run(&["coverage", "--json"]);
    assert_eq!(code, 2, "scans are needed and have nothing");
    let all: Value = serde_json::from_str(&out).unwrap();
    let first = &all["assets"][0];
    assert_eq!(
        (&first["asset"], &first["protected"], &first["required"]),
        (&json!("scans"), &json!(false), &json!(true))
    );
    assert_eq!(all["assets"].as_array().unwrap().len(), 4);
    let pictures = of(&all["assets"], "asset", "pictures");
    assert_eq!((&pictures["protected"], &pictures["required"]), (&json!(false), &json!(false)));
    let db = of(&all["assets"], "asset", "db");
    assert_eq!((&db["by"], &db["layer"]), (&json!(["dump in backups"]), &json!("database")));
    let age = db["last_good"]["age_s"].as_f64().unwrap();
    assert!((3_660.0..3_760.0).contains(&age), "{age}");
    assert_eq!((&db["last_proven"], &db["last_good"]["size_bytes"]), (&Value::Null, &json!(40_037)));
    assert_eq!(
        (&all["workloads_without_assets"], &all["stores_unused"]),
        (&json!(["empty"]), &json!(["spare"]))
    );
    let (_, text, _) = world.run(&["coverage"]);
    assert!(text.contains("ledger/scans") && text.contains("NOTHING"), "{text}");
    assert!(text.contains("spare: no workload keeps a copy in it"), "{text}");

    // What is not required may go without, and then all is well.
    world.write(
        "estate/workloads/ledger.toml",
        LEDGER.replace("id = \"scans\"", "id = \"scans\"\nrequired = false").as_bytes(),
    );
    fs::remove_file(world.path("estate/workloads/empty.toml")).unwrap();
    world.trust();
    assert_eq!(world.run(&["coverage"]).0, 0);
}
