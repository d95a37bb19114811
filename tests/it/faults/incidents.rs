//! Under an incident: one that was acknowledged stands, one that was not may
//! stand, and none is ever damaged.

use std::{fs::File, process::Command};

use lifeboat::keep::incidents::{current, incidents_dir};
use serde_json::json;

use super::shim::{self, Fault, Shim};
use crate::world::World;

fn estate() -> World {
    let world = World::bare();
    let regions = json!({ "schema": 1, "region": [{ "id": "here" }, { "id": "there" }] });
    world.home.write("estate/regions.toml", toml::to_string(&regions).unwrap());
    world.trust();
    world
}

/// Exit code, and what it said.
fn under(world: &World, mut command: Command, fault: Fault) -> (i32, String, Shim) {
    let shim = Shim::over(
        &mut command,
        fault,
        &world.home.path("state/estates/northwind/incidents"),
        world.home.path("control"),
    );
    command.stderr(File::create(world.home.path("err")).unwrap());
    let code = command.status().unwrap().code().unwrap();
    (code, world.home.read("err"), shim)
}

fn stands(world: &World) -> bool {
    current(&incidents_dir(&world.home.path("state"), "northwind")).expect("never damaged").is_some()
}

#[test]
fn whatever_fails_under_an_incident_it_stands_if_that_was_told() {
    if !shim::there() {
        return;
    }
    let cases = shim::every_n(1, |fault| {
        let world = estate();
        let (code, said, shim) = under(&world, world.lifeboat(&["declare", "here"]), fault);
        let Some(hit) = shim.hit() else {
            assert_eq!((code, stands(&world)), (0, true), "{said}");
            return false;
        };
        match code {
            0 => assert!(stands(&world), "{hit:?}: {said}"),
            _ => assert!(said.contains("LB-") && said.contains("os error"), "{hit:?}: {said}"),
        }
        let declared = world.told(&["declare", "here"]);
        assert!(declared.0 == 0 || declared.2.contains("stands already"), "{hit:?}: {declared:?}");
        assert!(stands(&world));
        true
    });
    let ended = shim::every_n(1, |fault| {
        let world = estate();
        assert_eq!(world.told(&["declare", "here"]).0, 0);
        let over = world.lifeboat(&["stand-down", "--reason", "it is back"]);
        let (code, said, shim) = under(&world, over, fault);
        let Some(hit) = shim.hit() else {
            assert_eq!((code, stands(&world)), (0, false), "{said}");
            return false;
        };
        match code {
            0 => assert!(!stands(&world), "{hit:?}: {said}"),
            _ => assert!(said.contains("LB-") && said.contains("os error"), "{hit:?}: {said}"),
        }
        if stands(&world) {
            assert_eq!(world.told(&["stand-down", "--reason", "it is back"]).0, 0, "{hit:?}");
        }
        assert!(!stands(&world));
        true
    });
    println!("{cases} faults in declaring, {ended} in standing down");
    assert!(cases > 12 && ended > 8, "{cases} {ended}");
}
