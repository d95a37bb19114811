//! What is remembered: a rehearsal makes the next estimate a drilled one, a
//! backup of a few bytes is found by what the ones before were, and what was
//! acknowledged is told no more. The program as a person starts it, on files.

use std::{
    fs,
    path::PathBuf,
    time::{Duration, SystemTime},
};

use serde_json::Value;

use super::world::Home;

pub struct World {
    home: Home,
}

const ESTATE: &str = r#"schema = 1
id = "northwind"
name = "Northwind"
[defaults]
detect = "30s"
decide = "60s"
"#;
const REGIONS: &str = r#"schema = 1
[[region]]
id = "here"
[[region]]
id = "there"
"#;
const WORKLOAD: &str = r#"schema = 1
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
"#;
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
[[step]]
id = "switch"
kind = "command"
run = ["./bin/work"]
"#;

impl World {
    pub fn new() -> Self {
        let world = Self { home: Home::new() };
        let stores = format!(
            "schema = 1\n[[store]]\nid = \"backups\"\nurl = \"file://{}\"\nregion = \"there\"\nquota = \"1GiB\"\nprice = {{ currency = \"EUR\", gib_month = 1024 }}\n",
            world.path("store").display()
        );
        let files = [
            ("estate/lifeboat.toml", ESTATE),
            ("estate/regions.toml", REGIONS),
            ("estate/stores.toml", stores.as_str()),
            ("estate/workloads/checkout.toml", WORKLOAD),
            ("estate/runbooks/move.toml", RUNBOOK),
        ];
        for (name, text) in files {
            world.write(name, text.as_bytes());
        }
        world.home.script("estate/bin/work", "#!/bin/sh\nsleep 0.05\n");
        world
    }
    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path(name)
    }
    pub fn write(&self, name: &str, bytes: &[u8]) {
        self.home.write(name, bytes);
    }
    /// A dump that was made so many hours ago.
    pub fn dump(&self, hours: u64, size: usize) -> String {
        let at = SystemTime::now() - Duration::from_secs(hours * 3_600 + 60);
        let name = lifeboat_core::model::Time::from(at).format("%Y%m%dT%H%M%SZ.dump").to_string();
        let path = self.path("store/db").join(&name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, vec![b'-'; size]).unwrap();
        fs::File::options().write(true).open(&path).unwrap().set_modified(at).unwrap();
        name
    }
    pub fn dumps(&self) {
        for hours in 1..30 {
            self.dump(hours, 40_000 + (hours as usize * 37) % 500);
        }
    }
    /// Exit code, standard output, standard error.
    pub fn run(&self, args: &[&str]) -> (i32, String, String) {
        let out = self.home.output(&self.path("estate"), args);
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (out.status.code().unwrap(), text(out.stdout), text(out.stderr))
    }
    pub fn json(&self, args: &[&str]) -> Value {
        let (code, out, err) = self.run(&[args, &["--json"]].concat());
        serde_json::from_str(&out).unwrap_or_else(|e| panic!("{args:?} {code}: {e}\n{out}\n{err}"))
    }
    pub fn trust(&self) {
        let (code, _, err) = self.run(&["trust", "--yes"]);
        assert_eq!(code, 0, "{err}");
    }
}

fn rules(status: &Value) -> Vec<String> {
    let all = status["findings"].as_array().unwrap().iter();
    all.map(|f| f["rule"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_rehearsal_makes_the_next_estimate_a_drilled_one() {
    let world = World::new();
    world.dumps();
    world.trust();
    let before = world.json(&["status"]);
    assert_eq!(before["workloads"][0]["rto"]["basis"], "unknown", "no step says how long it takes");
    assert_eq!(before["workloads"][0]["drilled_at"], Value::Null);
    for _ in 0..2 {
        let (code, _, err) = world.run(&["run", "move", "--mode", "rehearsal"]);
        assert_eq!(code, 0, "{err}");
    }
    let after = world.json(&["status"]);
    let workload = &after["workloads"][0];
    assert_eq!(workload["rto"]["basis"], "drilled", "{workload:#}");
    let estimate = workload["rto"]["estimate_s"].as_f64().unwrap();
    assert!((90.05..95.0).contains(&estimate), "{estimate}");
    assert!(workload["rto"]["p90_s"].as_f64().unwrap() >= estimate - 1.0);
    // A thousand and twenty-four a GiB is one a MiB, and 1.1 MiB are there.
    let costs = &workload["costs"][0];
    assert!((1.05..1.2).contains(&costs["a_month"].as_f64().unwrap()), "{costs}");
    assert_eq!((&costs["currency"], &costs["at_most"]), (&"EUR".into(), &false.into()));
    assert_eq!(&workload["assets"][0]["copies"][0]["costs"], costs);
    assert!(workload["drilled_at"].is_string() && workload["home"] == "here", "{workload:#}");
    // A plan that says something else has not been drilled.
    let other = RUNBOOK.replace("id = \"switch\"", "id = \"turn\"");
    world.write("estate/runbooks/move.toml", other.as_bytes());
    world.trust();
    assert_eq!(world.json(&["status"])["workloads"][0]["rto"]["basis"], "unknown");
    // A live run left the workload elsewhere.
    world.write("estate/runbooks/move.toml", RUNBOOK.as_bytes());
    world.trust();
    assert_eq!(world.run(&["run", "move"]).0, 0);
    let moved = world.json(&["status"]);
    assert_eq!(moved["workloads"][0]["home"], "there");
    assert!(rules(&moved).contains(&"home-differs".to_owned()), "{:?}", rules(&moved));
    let told = world.json(&["trends", "checkout"]);
    let modes: Vec<_> =
        told["workloads"][0]["runs"].as_array().unwrap().iter().map(|r| r["mode"].clone()).collect();
    assert_eq!(modes, ["live", "rehearsal", "rehearsal"], "newest first");
}

#[test]
fn a_backup_of_a_few_bytes_is_found_named_and_can_be_acknowledged() {
    let world = World::new();
    world.dumps();
    world.trust();
    assert!(!rules(&world.json(&["status"])).contains(&"anomaly-size".to_owned()));
    let name = world.dump(0, 12);
    let (code, out, _) = world.run(&["check"]);
    assert_ne!(code, 0);
    assert!(out.contains(&format!("checkout/db@backups: point {name} is far smaller")), "{out}");
    let status = world.json(&["status"]);
    let finding = status["findings"].as_array().unwrap().iter().find(|f| f["rule"] == "anomaly-size");
    let finding = finding.unwrap_or_else(|| panic!("{status:#}"));
    assert_eq!((&finding["severity"], &finding["observed"]), (&"warning".into(), &"12 B".into()));
    assert_eq!(finding["clause"], Value::Null);
    assert!(finding["expected"].as_str().unwrap().starts_with("about 39"), "{finding}");
    let trend = &status["workloads"][0]["assets"][0]["copies"][0]["trend"];
    assert_eq!((&trend["success"]["good"], &trend["success"]["all"]), (&29.into(), &30.into()), "{trend}");

    let (code, _, err) = world.run(&["acknowledge", "anomaly-size", "checkout/elsewhere", "--why", "x"]);
    assert!(code == 2 && err.contains("LB-HISTORY-004") && err.contains("checkout/db@backups"), "{err}");
    let why = "the table was emptied on purpose";
    let (code, out, err) = world.run(&["acknowledge", "anomaly-size", "checkout/db@backups", "--why", why]);
    assert!(code == 0 && out.contains("acknowledged"), "{out}{err}");
    assert!(!rules(&world.json(&["status"])).contains(&"anomaly-size".to_owned()));
}

#[test]
fn trends_tell_what_was_seen_without_asking_anything() {
    let world = World::new();
    world.dumps();
    world.trust();
    let empty = world.json(&["trends"]);
    let words = empty["workloads"][0]["figures"][0]["words"].as_str().unwrap();
    assert_eq!(words, "nothing is remembered yet");
    world.json(&["status"]);
    world.json(&["points", "checkout"]);
    // The store is away: what was seen is still told.
    fs::rename(world.path("store"), world.path("gone")).unwrap();
    let told = world.json(&["trends"]);
    let figure = |what: &str| -> Value {
        let all = told["workloads"][0]["figures"].as_array().unwrap();
        all.iter().find(|f| f["what"] == what).cloned().unwrap_or_else(|| panic!("{told:#}"))
    };
    assert_eq!(figure("size of a point")["values"].as_array().unwrap().len(), 29);
    assert_eq!(figure("points")["values"][0][1], 29.0);
    assert_eq!(figure("looks answered")["values"][0][1], 1.0);
    assert_eq!(told["stores"][0]["quota_bytes"], 1u64 << 30);
    let stored = told["stores"][0]["bytes"].as_u64().unwrap();
    assert!((29 * 40_000..29 * 40_500).contains(&stored), "{stored}");
    let (code, out, _) = world.run(&["trends", "checkout"]);
    assert!(code == 0 && out.contains("size of a point") && out.contains("db in backups"), "{out}");
    assert!(out.contains("backups: points of 1.1 MiB of 1.0 GiB"), "{out}");
}

#[test]
fn a_damaged_history_stops_no_answer_and_is_told() {
    let world = World::new();
    world.dumps();
    world.trust();
    world.write("state/estates/northwind/history.sqlite", &[7; 20_000]);
    let (_, out, err) = world.run(&["status", "--json"]);
    assert!(err.contains("LB-HISTORY-002") && err.contains("history.sqlite.damaged-"), "{err}");
    let status: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(status["workloads"][0]["assets"][0]["copies"][0]["points"], 29);
    let (_, _, err) = world.run(&["status", "--json"]);
    assert_eq!(err, "", "once");
    // A folder that cannot be written to stops none either.
    let world = World::new();
    world.dumps();
    world.trust();
    fs::create_dir_all(world.path("state/estates/northwind/history.sqlite")).unwrap();
    let (_, out, err) = world.run(&["status", "--json"]);
    assert!(err.contains("LB-HISTORY-001"), "{err}");
    assert!(serde_json::from_str::<Value>(&out).is_ok(), "{out}");
}
