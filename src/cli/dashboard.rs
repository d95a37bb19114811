//! The dashboard: one thread draws, the engine's threads look and act.
//! `Effect` becomes `Request`, `Event` becomes `Msg`; nothing else is decided here.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use lifeboat_core::model::{Clock, Problem};
use tokio::sync::mpsc;

use super::opened::{find, load, trusted};
use super::settings::Settings;
use super::{Asked, exit, log, runtime};
use crate::app::{App, AppOptions, Effect, Extra, Msg, Trust, update};
use crate::engine::{Acknowledging, Declared, Event, Request, Session, Setting, SystemClock, Wanted};
use crate::keep::{Places, last_known};
use crate::term::{self, Caps, Exit, Guard, Terminal};
use crate::ui::theme;

pub fn open(asked: &Asked) -> Result<i32, Problem> {
    with(asked, Vec::new(), |_| Ok(String::new()))
}

/// The dashboard with actions of an embedding command: `extra` is called off
/// the drawing thread with the place of the one that was chosen.
pub fn with(
    asked: &Asked,
    extras: Vec<Extra>,
    extra: impl FnMut(usize) -> Result<String, Problem> + Send + 'static,
) -> Result<i32, Problem> {
    let places = Places::from_env()?;
    let settings = Settings::load(&places)?;
    let dir = find(asked, &places)?;
    let clock = SystemClock;
    let options = AppOptions {
        read_only: asked.read_only,
        extras,
        theme: settings.theme.clone().unwrap_or_else(|| "dark".into()),
        themes: theme::names(),
        what_if: BTreeSet::new(),
        mouse: settings.mouse,
        keys: settings.keys.clone(),
    };
    let (mut app, wrong) = App::new(options, clock.now());
    // What was last known is on screen before anything else is done.
    if let Some(glance) = last_known::load(&places, &dir) {
        update(&mut app, Msg::LastKnown(glance));
    }
    let mut guard = Guard::enter(settings.mouse)?;
    if let Some((width, height)) = term::size() {
        update(&mut app, Msg::Resize(width, height));
    }
    let mut terminal = Terminal::new(Caps::here());
    let drawn = term::paint(&mut app, &mut terminal, &clock);
    let _log = log::begin(&places.state);
    for why in wrong {
        let problem = Problem::new(lifeboat_core::model::Code::ESTATE_UNREADABLE, "config.toml").because(why);
        update(&mut app, Msg::Problem(problem));
    }
    let left = match drawn {
        Ok(()) => serve(&mut app, &mut terminal, &mut guard, &places, &settings, asked, &dir, extra),
        Err(_) => Ok(Exit::HungUp),
    };
    drop(guard);
    left.map(|how| match how {
        Exit::Asked | Exit::HungUp => 0,
        Exit::Terminated => exit::INTERRUPTED,
    })
}

#[allow(clippy::too_many_arguments, reason = "one call, of one function cut in two")]
fn serve(
    app: &mut App,
    terminal: &mut Terminal,
    guard: &mut Guard,
    places: &Places,
    settings: &Settings,
    asked: &Asked,
    dir: &Path,
    mut extra: impl FnMut(usize) -> Result<String, Problem> + Send + 'static,
) -> Result<Exit, Problem> {
    let runtime = runtime()?;
    let screen = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let screen =
        screen.map_err(|e| Problem::new(lifeboat_core::model::Code::TERMINAL, "threads").because(e))?;
    let (to_app, msgs) = mpsc::channel(1_024);
    let session = runtime.block_on(begin(places, settings, asked, dir, &to_app));
    let (extras, chosen) = std::sync::mpsc::channel::<usize>();
    let told = to_app.clone();
    std::thread::spawn(move || {
        while let Ok(n) = chosen.recv() {
            let msg = match extra(n) {
                Ok(said) => Msg::Done(said),
                Err(problem) => Msg::Problem(problem),
            };
            if told.blocking_send(msg).is_err() {
                return;
            }
        }
    });
    let effects = |effect: Effect| match effect {
        Effect::Extra(n) => drop(extras.send(n)),
        effect => {
            if let (Some(session), Some(request)) = (&session, request(effect)) {
                session.request(request);
            }
        }
    };
    let how = screen.block_on(term::run(app, terminal, Some(guard), msgs, &SystemClock, effects));
    if let Some(session) = session {
        runtime.block_on(session.leave());
    }
    runtime.shutdown_timeout(std::time::Duration::from_millis(200));
    Ok(how.unwrap_or(Exit::HungUp))
}

/// Reads the estate and starts the engine on it, if it may act.
async fn begin(
    places: &Places,
    settings: &Settings,
    asked: &Asked,
    dir: &Path,
    to_app: &mpsc::Sender<Msg>,
) -> Option<Session> {
    let tell = async |msg: Msg| drop(to_app.send(msg).await);
    let loaded = match load(dir) {
        Ok(loaded) => loaded,
        Err(all) => {
            let problem = all.to_problem();
            tell(Msg::Trust(Trust::Refused(problem.clone()))).await;
            // `validate` shows them all; here they must fit the way to the screen.
            for error in all.errors().take(200) {
                let one = Problem::new(error.code, error.place()).because(&error.what);
                tell(Msg::Problem(one)).await;
            }
            return None;
        }
    };
    tell(Msg::Estate(loaded.estate.clone())).await;
    let trusted = match trusted(places, &loaded) {
        Ok(trusted) => trusted,
        Err(problem) => {
            tell(Msg::Trust(Trust::Refused(problem))).await;
            return None;
        }
    };
    tell(Msg::Trust(Trust::Trusted)).await;
    let setting = Setting {
        trusted,
        places: places.clone(),
        operator: settings.operator(),
        clock: Arc::new(SystemClock),
        read_only: asked.read_only,
    };
    let (events, mut happened) = mpsc::channel(256);
    let to_app = to_app.clone();
    tokio::spawn(async move {
        while let Some(event) = happened.recv().await {
            if to_app.send(msg(event)).await.is_err() {
                return;
            }
        }
    });
    Some(Session::start(setting, events))
}

/// What the world is asked; `None` for what is the screen's own.
fn request(effect: Effect) -> Option<Request> {
    Some(match effect {
        Effect::Refresh(workload) => Request::Refresh(workload),
        Effect::ReadPoints(key) => Request::ReadPoints(key),
        Effect::ReadPast(workload) => Request::ReadPast(workload),
        Effect::StartRun { runbook, mode, params, incident } => {
            Request::StartRun(Wanted { runbook, mode, params, incident })
        }
        Effect::OpenRun(run) => Request::OpenRun(run),
        Effect::Verb { run, verb } => Request::Verb { run, verb },
        Effect::Declare(d) => Request::Declare(Declared {
            scenario: d.scenario,
            impact_began: d.impact_began,
            detected_at: d.detected_at,
            evidence: d.evidence,
            predictions: d.predictions,
        }),
        Effect::Acknowledge { rule, subject, object, why } => {
            Request::Acknowledge(Acknowledging { rule, subject, object, why })
        }
        Effect::StandDown => Request::StandDown { reason: "stood down from the dashboard".into() },
        Effect::Quit
        | Effect::Extra(_)
        | Effect::Suspend
        | Effect::Redraw
        | Effect::Mouse(_)
        | Effect::Yank(_) => {
            return None;
        }
    })
}

fn msg(event: Event) -> Msg {
    match event {
        Event::Observed(seen) => Msg::Observed(seen),
        Event::Points(key, Ok(report)) => Msg::Points(key, report),
        Event::Points(key, Err(problem)) => Msg::PointsFailed(key, problem),
        Event::Past(workload, past) => Msg::Past(workload, past),
        Event::Run(view) => Msg::Run(view),
        Event::Runs(rows) => Msg::Runs(rows),
        Event::Incident(incident) => Msg::Incident(incident),
        Event::Problem(problem) => Msg::Problem(problem),
        Event::Done(said) => Msg::Done(said),
    }
}
