//! Under the last known state: the next start shows the old one or the new,
//! whole, and the dashboard goes on.

use std::path::{Path, PathBuf};

use lifeboat::keep::{Places, last_known};
use serde_json::json;

use super::shim::{self, Calls, Fault, Shim};
use crate::{
    pty::Pty,
    world::{PROGRAM, World, until},
};

/// Opens the dashboard until it has kept what is known, or failed to; whether
/// the fault was met.
fn opened(world: &World, fault: Option<Fault>) -> bool {
    let (state, config) = (world.home.path("state"), world.home.path("config"));
    let mut env = vec![("LIFEBOAT_STATE_DIR", state), ("LIFEBOAT_CONFIG_DIR", config)];
    // Where it is put together before it gets its name.
    let below = world.home.path("state/estates/northwind/.tmp");
    let shim = fault.map(|fault| {
        let (shim, more) = Shim::env(fault, &below, world.home.path("control"));
        env.extend(more);
        shim
    });
    let env: Vec<(&str, &Path)> = env.iter().map(|(name, value)| (*name, value.as_path())).collect();
    let estate = world.home.path("estate");
    let file = world.home.path("state/estates/northwind/last-known");
    let kept = || std::fs::metadata(&file).and_then(|m| m.modified()).ok();
    let before = kept();
    let mut app = Pty::start(Path::new(PROGRAM), &["--estate", estate.to_str().unwrap()], &env);
    app.wait_for("shop");
    // What the screen shows at first is what was known before.
    let hit = || shim.as_ref().is_some_and(|shim| shim.hit().is_some());
    until("the state to be kept", || (kept() != before || hit()).then_some(()));
    if hit() {
        app.wait_for("the last known state cannot be kept");
    }
    app.keys("\u{3}");
    assert_eq!(app.exit(), 0);
    shim.is_some_and(|shim| shim.hit().is_some())
}

#[test]
fn whatever_fails_under_the_last_known_state_the_next_start_shows_a_whole_one() {
    if !shim::there() {
        return;
    }
    let world = World::bare();
    let write = |name: &str, table: serde_json::Value| {
        world.home.write(&format!("estate/{name}"), toml::to_string(&table).unwrap());
    };
    write("regions.toml", json!({ "schema": 1, "region": [{ "id": "eu" }] }));
    let health = json!([{ "region": "eu", "tcp": "127.0.0.1:9" }]);
    write("workloads/shop.toml", json!({ "schema": 1, "id": "shop", "home": "eu", "health": health }));
    world.trust();
    opened(&world, None);
    let places = Places { config: PathBuf::new(), state: world.home.path("state") };
    let known = || last_known::load(&places, &world.home.path("estate")).expect("it is whole");
    let rows = known().rows.len();
    let mut met = 0;
    for calls in Calls::ALL {
        met += (1..)
            .take_while(|at| {
                let hit = opened(&world, Some(Fault { calls, at: *at }));
                assert_eq!(known().rows.len(), rows, "{calls:?} {at}");
                hit
            })
            .count();
    }
    println!("{met} faults");
    assert!(met >= 3, "{met}");
    let left = std::fs::read_dir(world.home.path("state/estates/northwind")).unwrap().flatten();
    let left = left.filter(|e| e.file_name().to_string_lossy().starts_with(".tmp")).count();
    assert_eq!(left, 0, "nothing half-written is left behind");
}
