//! `lifeboat demo`: brings the world to life, trusts the estate that it wrote
//! itself, and opens the dashboard on it.

use std::path::{Path, PathBuf};

use lifeboat_core::model::{Clock, Code, Problem};

use super::opened::{load, trusted};
use super::{Asked, dashboard, print, runtime};
use crate::app::{Extra, Key, KeyCode};
use crate::config::trust;
use crate::demo::{FAULTS, Options, World, fault};
use crate::engine::SystemClock;
use crate::keep::Places;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where its estate lies; kept, with its ports, for the next time
    #[arg(long, global = true, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Only the world, without the dashboard
    #[arg(long)]
    headless: bool,
    #[command(subcommand)]
    command: Option<Sub>,
}

#[derive(Debug, clap::Subcommand)]
enum Sub {
    /// Break something in the demo that runs
    Fault {
        /// NAME or NAME:REGION; without one, all faults are listed
        name: Option<String>,
        /// Take it back
        #[arg(long)]
        off: bool,
    },
}

pub fn demo(args: Args, asked: &Asked) -> Result<i32, Problem> {
    let places = Places::from_env()?;
    let dir = args.dir.or_else(|| asked.estate.clone()).unwrap_or_else(|| places.state.join("demo"));
    match args.command {
        Some(Sub::Fault { name: Some(name), off }) => {
            print(&format!("{}\n", fault(&dir, &name, off)?));
            Ok(0)
        }
        Some(Sub::Fault { name: None, .. }) => {
            for fault in FAULTS {
                print(&format!("{:<16} {}\n", fault.name, fault.doc));
            }
            Ok(0)
        }
        None => live(&dir, args.headless, &places, asked),
    }
}

fn live(dir: &Path, headless: bool, places: &Places, asked: &Asked) -> Result<i32, Problem> {
    eprintln!("Starting three regions on this machine; the estate lies in {}", dir.display());
    let fresh = std::fs::read_dir(dir).map_or(true, |mut entries| entries.next().is_none());
    let world = World::start(dir, Options::default())?;
    let loaded = load(dir).map_err(|all| {
        eprint!("{all}");
        all.to_problem()
    })?;
    if fresh {
        // This command wrote every file there; only that makes trusting it fair.
        trust::allow(&places.state, &loaded, None, SystemClock.now())?;
    } else {
        trusted(places, &loaded)?;
    }
    let asked = Asked { estate: Some(dir.to_owned()), json: false, read_only: asked.read_only };
    let code = if headless { wait(dir) } else { dashboard::with(&asked, extras(), break_something(dir)) };
    world.stop();
    code
}

/// One key for each fault; the dashboard knows them as somebody's actions.
fn extras() -> Vec<Extra> {
    let key = |n: usize| Key::plain(KeyCode::F(u8::try_from(n + 1).unwrap_or(u8::MAX)));
    let of = |(n, fault): (usize, &crate::demo::FaultDef)| Extra { key: key(n), title: fault.title.into() };
    FAULTS.iter().enumerate().map(of).collect()
}

/// Injects the nth fault, and takes it back when asked again.
fn break_something(dir: &Path) -> impl FnMut(usize) -> Result<String, Problem> + Send + use<> {
    let dir = dir.to_owned();
    let mut on = [false; FAULTS.len()];
    move |n| {
        let fault_n = FAULTS.get(n).ok_or_else(|| Problem::new(Code::RUN_REFUSED, "no such fault"))?;
        let said = fault(&dir, fault_n.name, on[n])?;
        on[n] = !on[n];
        Ok(said)
    }
}

fn wait(dir: &Path) -> Result<i32, Problem> {
    use tokio::signal::unix::{SignalKind, signal};
    print(&format!("ready: lifeboat --estate {} status\n", dir.display()));
    runtime()?.block_on(async {
        let (Ok(mut term), Ok(mut hup)) = (signal(SignalKind::terminate()), signal(SignalKind::hangup()))
        else {
            return;
        };
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = term.recv() => {}
            _ = hup.recv() => {}
        }
    });
    Ok(0)
}
