//! What is odd is acknowledged by keys, with a reason and by who may; what a
//! workload needs is told by a page and by its command.

use std::path::Path;

use serde_json::Value;

use crate::history::World;
use crate::pty::Pty;
use crate::world::Home;

fn dashboard(home: &Home) -> Pty {
    let (state, config, estate) = (home.path("state"), home.path("config"), home.path("estate"));
    let env = [("LIFEBOAT_STATE_DIR", state.as_path()), ("LIFEBOAT_CONFIG_DIR", config.as_path())];
    let args = ["--estate", estate.to_str().expect("a plain path")];
    Pty::start(Path::new(env!("CARGO_BIN_EXE_lifeboat")), &args, &env)
}

/// A world in which one backup is of a few bytes, seen once before.
fn odd(operators: &str) -> World {
    let world = World::new();
    world.write("config/config.toml", b"operator = \"ada\"\n");
    let estate = format!(
        "schema = 1\nid = \"northwind\"\nname = \"Northwind\"\n[defaults]\ndetect = \"30s\"\ndecide = \"60s\"\n{operators}"
    );
    world.write("estate/lifeboat.toml", estate.as_bytes());
    world.dumps();
    world.dump(0, 12);
    world.trust();
    world.json(&["status"]);
    world
}

fn accepted(status: &Value) -> Vec<&Value> {
    status["accepted"].as_array().expect("a list").iter().collect()
}

#[test]
fn an_estate_with_nothing_in_it_says_so_and_waits_for_nothing() {
    let world = crate::world::World::bare();
    world.trust();
    let mut app = dashboard(&world.home);
    app.wait("both sentences", |s| s.contains("has no workloads yet") && s.contains("nothing to ask"));
    app.keys("\x03");
    app.exit();
}

#[test]
fn an_anomaly_is_acknowledged_by_keys_with_a_reason_and_shown_with_who_and_when() {
    let world = odd("");
    let status = world.json(&["status"]);
    assert!(status["findings"].to_string().contains("anomaly-size"), "{status:#}");
    let mut app = dashboard(&world.home);
    app.wait_for("finding: 5 opens");
    app.keys("5");
    app.wait_for("anomaly-size");
    app.keys("/anomaly-size\r");
    let screen = app.wait("the finding in full", |s| s.contains("acknowledges it") && s.contains("since"));
    for words in ["observed  12 B", "expected  about 39", "from what the history remembers"] {
        assert!(screen.contains(words), "{words}:\n{screen}");
    }
    app.keys("a");
    app.wait_for("Is this as it should be?");
    // No reason, no acknowledgement; nor without the word.
    app.keys("\r");
    app.wait_for("type acknowledge");
    app.keys("acknowledge\r");
    app.wait_for("Write a few words");
    // The word stands there already.
    app.keys("the table was emptied\r\r");
    app.wait("who said so", |s| s.contains("acknowledged by ada on") && s.contains("the table was emptied"));
    app.keys("\x03");
    app.exit();

    let status = world.json(&["status"]);
    assert!(!status["findings"].to_string().contains("anomaly-size"), "{:#}", status["findings"]);
    let accepted = accepted(&status);
    let [one] = accepted[..] else { panic!("{accepted:#?}") };
    assert_eq!((&one["by"], &one["reason"]), (&"ada".into(), &"the table was emptied".into()));
    assert!(one["at"].is_string() && one["finding"]["rule"] == "anomaly-size", "{one:#}");
}

#[test]
fn who_only_observes_acknowledges_nothing() {
    let world = odd("[[operator]]\nid = \"ada\"\nroles = [\"observer\"]\n");
    let why = ["acknowledge", "anomaly-size", "checkout/db@backups", "--why", "it is"];
    let (code, _, err) = world.run(&why);
    assert!(code == 2 && err.contains("LB-RUN-007") && err.contains("ada has no role"), "{err}");
    let mut app = dashboard(&world.home);
    app.wait_for("finding: 5 opens");
    app.keys("5");
    app.wait_for("anomaly-size");
    app.keys("/anomaly-size\r");
    app.wait_for("acknowledges it");
    app.keys("a");
    app.wait_for("Is this as it should be?");
    app.keys("it is\racknowledge\r");
    app.wait_for("this is for somebody else to do");
    app.keys("\x03");
    app.exit();
    assert!(world.json(&["status"])["findings"].to_string().contains("anomaly-size"));
}

#[test]
fn a_finding_stands_since_it_was_first_found() {
    let world = odd("");
    let first = world.json(&["status"]);
    assert!(first["findings"].to_string().contains("anomaly-size"));
    let mut app = dashboard(&world.home);
    app.wait_for("finding: 5 opens");
    app.keys("5");
    app.wait_for("anomaly-size");
    app.keys("/anomaly-size\r");
    let screen = app.wait_for("as far as is remembered");
    let year = screen.lines().find(|l| l.trim_start().starts_with("since")).expect("its line");
    assert!(year.contains("UTC, ") && year.contains(':'), "{year}");
    app.keys("\x03");
    app.exit();
}

#[test]
fn what_a_workload_needs_is_a_page_and_a_command() {
    let world = World::new();
    world.dumps();
    world.trust();
    let told = world.json(&["dependencies", "--if", "there"]);
    let needs = told["workloads"][0]["needs"].as_array().expect("a list");
    let copy = needs.iter().find(|n| n["kind"] == "copy").expect("the copy");
    assert_eq!((&copy["what"], &copy["fate"]), (&"backups".into(), &"gone".into()), "{copy:#}");
    assert_eq!(copy["lies_in"], serde_json::json!(["there"]));
    let home = needs.iter().find(|n| n["kind"] == "home").expect("its home");
    assert_eq!(home["fate"], "survives");
    let (_, text, _) = world.run(&["dependencies", "checkout"]);
    assert!(text.contains("each is held against the loss of its own home"), "{text}");
    assert!(text.contains("dump copies of db"), "{text}");
    let (code, _, err) = world.run(&["dependencies", "--if", "nowhere"]);
    assert!(code == 64 && err.contains("nowhere"), "{code} {err}");

    let mut app = dashboard(&world.home);
    app.wait_for("checkout");
    app.keys("d");
    app.wait_for("Dependencies, each held against the loss of its own home");
    app.wait("its copy", |s| s.contains("checkout needs") && s.contains("dump copies of db"));
    app.keys("wj \r");
    app.wait_for("with this lost: there gone");
    app.wait("what the loss takes", |s| s.lines().any(|l| l.contains("✕ gone") && l.contains("backups")));
    app.keys("\r");
    app.wait_for("› checkout");
    app.keys("\x03");
    app.exit();
}
