//! The person at a run that is in doubt: a process of its own, so that it can be
//! killed like any other driver. They look whether anything still works on the
//! machines, say of what nobody knows that it did not happen, and have it done
//! again, as the library's runbooks allow.

use std::{fs, path::PathBuf, process::Command, time::Duration};

use lifeboat::keep::runs::{self, RunFolder};
use lifeboat_core::{
    model::*,
    run::{AskKind, RunView, Verb},
};
use serde::{Deserialize, Serialize};

use super::super::{led::Led, library::started_below, world::World};
use crate::lab;

const TOLD: &str = "LIFEBOAT_TEST_PERSON";

#[derive(Debug, Serialize, Deserialize)]
struct Told {
    estate: PathBuf,
    state: PathBuf,
    config: PathBuf,
    run: RunId,
    /// Where the lab lies.
    root: String,
    /// What is left out once it failed.
    given_up: Vec<String>,
}

/// They answer what the run asks now, and leave.
pub fn life(world: &World, run: &RunId, given_up: &[&str]) -> Command {
    let [state, config] = world.env().map(|(_, path)| path);
    let told = Told {
        estate: world.estate(),
        state,
        config,
        run: run.clone(),
        root: world.path("").display().to_string(),
        given_up: given_up.iter().map(|step| (*step).to_owned()).collect(),
    };
    let own = std::env::current_exe().unwrap();
    let name = concat!(module_path!(), "::a_person_has_their_say");
    let name = name.split_once("::").unwrap().1;
    let mut command =
        world.inside(&[own.to_str().unwrap(), "--exact", name, "--nocapture", "--test-threads=1"]);
    command.env(TOLD, serde_json::to_string(&told).unwrap());
    command
}

/// Not a test of its own.
#[test]
fn a_person_has_their_say() {
    let Some(told) = std::env::var_os(TOLD) else { return };
    lab::wait(has_their_say(serde_json::from_str(told.to_str().unwrap()).unwrap()));
}

async fn has_their_say(told: Told) {
    let led = Led::at(&told.estate, told.state.clone(), told.config);
    let dir = runs::runs_dir(&told.state, &led.setting.estate().id);
    let mut live = led.drive(taken_up(&dir, &told.run).await);
    loop {
        let view = live.view.borrow_and_update().clone();
        let Some(verb) = word(&view, &told.given_up) else { break };
        if matches!(verb, Verb::Settle { .. }) {
            quiet(&told.root).await;
        }
        // A view may be older than the word before: then this one is refused.
        let _ = live.verb(verb).await;
        let _ = tokio::time::timeout(Duration::from_millis(100), live.view.changed()).await;
    }
    live.leave.cancel();
    live.end().await.unwrap();
}

fn word(view: &RunView, given_up: &[String]) -> Option<Verb> {
    view.asks.iter().find_map(|ask| {
        let step = ask.step.clone();
        Some(match ask.kind {
            AskKind::Settle => {
                Verb::Settle { step, done: false, reason: "nothing of it works any more".into() }
            }
            AskKind::Failed if given_up.iter().any(|one| *one == step.as_str()) => {
                Verb::Skip { step, reason: "it went with the region".into() }
            }
            AskKind::Failed => Verb::Retry { step },
            _ => return None,
        })
    })
}

/// What was started on a machine goes on there when who asked for it is gone.
async fn quiet(root: &str) {
    let works =
        || started_below(root).iter().any(|line| line.contains("pg-host") || line.contains("pg_rewind"));
    while works() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The lock of a driver that was killed while it started an attempt is let go of
/// when that attempt has come up.
async fn taken_up(dir: &std::path::Path, run: &RunId) -> RunFolder {
    loop {
        match RunFolder::open(dir, run) {
            Err(problem) if problem.code == Code::RUN_BUSY => {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            opened => return opened.unwrap_or_else(|p| panic!("{p}: {:?}", fs::read_dir(dir))),
        }
    }
}
