//! The restore to a point in time.

use std::time::Duration;

use lifeboat_core::model::Time;

use super::{
    super::{
        library::{as_of, backed_up, landed},
        world::World,
    },
    Effects, How, Killed, Lines, ways,
};

#[test]
fn a_restore_killed_at_every_line_and_in_every_effect_lands_on_the_asked_second() {
    let Some(world) = World::up(Duration::ZERO) else { return };
    let at = backed_up(&world);
    let all = [
        How { lines: Lines::Turning(1), effects: Effects::Alone, point: "2" },
        // Before the tool has written what it would go on with.
        How { lines: Lines::Turning(3), effects: Effects::All, point: "restore=backup.manifest,2" },
    ];
    for (n, how) in all.into_iter().flat_map(ways).enumerate() {
        restore(&world, at, how, n);
    }
}

fn restore(world: &World, at: Time, how: How, n: usize) {
    let into = world.path(&format!("restored-{n}"));
    let mut killed = Killed::new(world, how).writing(&into);
    let begin = as_of(at, &into);
    let begin: Vec<&str> = begin.iter().map(String::as_str).collect();
    let code = killed.leads("postgres-point-in-time", Some(&begin), &[]);
    assert_eq!(code, 0, "{}", killed.said());
    let run = world.run_of("postgres-point-in-time");
    landed(&world.report(&run));
    assert_eq!(world.lifeboat(&["verify", &run]).0, 0);
    killed.met_everything(&["postgres-point-in-time"]);
}
