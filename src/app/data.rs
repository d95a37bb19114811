//! What arrives from the engine.

use std::sync::Arc;

use lifeboat_core::{assess::Assessor, model::*, run::RunView};

use super::{App, Effect, LogLine, Msg, Paint, Screen, Trust, trend};

/// Lines of the log that are kept.
const LOG: usize = 500;
/// The most that share the work of an assessment.
const THREADS: usize = 4;

pub fn take(app: &mut App, msg: Msg) -> Vec<Effect> {
    match msg {
        // What is live is never replaced by what was.
        Msg::LastKnown(glance) if !app.live => {
            app.glance = Arc::new(glance);
            app.wants(Paint::Now);
        }
        Msg::Estate(estate) => {
            let known = |r: &RegionId| estate.region(r.as_str()).is_some();
            app.what_if.retain(known);
            let threads = std::thread::available_parallelism().map_or(1, |n| n.get().min(THREADS));
            app.assessor = Some(Assessor::new(estate.clone()).with_threads(threads));
            app.estate = Some(estate);
            changed(app, Paint::Now);
        }
        Msg::Trust(trust) => {
            if let Trust::Refused(problem) = &trust {
                log(app, problem.clone());
            }
            app.trust = trust;
            app.wants(Paint::Now);
        }
        Msg::Observed(seen) if app.frozen => app.held = Some(seen),
        Msg::Observed(seen) => {
            app.seen = Some(seen);
            changed(app, Paint::Soon);
            return trend::again(app);
        }
        Msg::Points(key, report) => points(app, key, Ok(report)),
        Msg::PointsFailed(key, problem) => points(app, key, Err(problem)),
        Msg::Past(workload, past) => {
            if let Err(problem) = &past {
                log(app, problem.clone());
            }
            let remembered = past.map(|past| trend::of(app, &workload, &past));
            app.pasts.insert(workload, remembered);
            app.wants(Paint::Now);
        }
        Msg::Runs(mut runs) => {
            runs.sort_by(|a, b| (b.started_at, &b.id).cmp(&(a.started_at, &a.id)));
            app.runs = runs;
            app.wants(Paint::Now);
        }
        Msg::Run(view) => run(app, view),
        Msg::Incident(incident) => {
            app.incident = incident.filter(|i| i.stood_down_at.is_none());
            changed(app, Paint::Now);
        }
        Msg::Problem(problem) => {
            app.say(format!("{}: {}", problem.subject, problem.what), true);
            log(app, problem);
        }
        Msg::Done(text) => {
            let text = clean_line(&text);
            push(app, LogLine::done(app.now, text.clone()));
            app.say(text, false);
        }
        // Keys, the clock and the screen are taken in `update`.
        _ => {}
    }
    vec![]
}

fn changed(app: &mut App, paint: Paint) {
    app.outdated = true;
    app.wants(paint);
}

fn points(app: &mut App, key: CopyKey, answer: Result<Arc<CopyReport>, Problem>) {
    if let Err(problem) = &answer {
        log(app, problem.clone());
    }
    app.points.insert(key, answer);
    app.wants(Paint::Now);
}

/// A run that begins takes the screen of whoever started it here; an open
/// question about it is closed once it is no longer asked.
fn run(app: &mut App, view: Arc<RunView>) {
    let id = view.run.id.clone();
    if app.awaited_run.as_ref().is_some_and(|book| view.run.runbook.id == *book) && !view.run.state.is_over()
    {
        app.awaited_run = None;
        app.layers.clear();
        app.go(Screen::Run(id.clone()));
    }
    if let Some(trouble) = &view.trouble
        && app.views.get(&id).is_none_or(|old| old.trouble.as_ref() != Some(trouble))
    {
        log(app, trouble.clone());
    }
    app.layers.retain(|layer| !super::ask::answered(layer, &view));
    app.views.insert(id, view);
    app.wants(Paint::Now);
}

fn log(app: &mut App, problem: Problem) {
    push(app, LogLine::problem(app.now, problem));
}

/// The same problem again counts up instead of filling the log.
fn push(app: &mut App, line: LogLine) {
    match app.log.front_mut().filter(|last| last.same(&line)) {
        Some(last) => {
            last.times += 1;
            last.at = line.at;
        }
        None => app.log.push_front(line),
    }
    app.log.truncate(LOG);
}
