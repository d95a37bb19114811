//! Actions without a screen: incidents and runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use lifeboat_core::assess::{assess, evidence, impact, predictions};
use lifeboat_core::model::*;
use lifeboat_core::run::{Ask, AskKind, Mode, Run, RunState, RunView, StepRun, StepStatus, Verb};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::asking::{instant, look};
use super::named::{self, scenario};
use super::opened::setting;
use super::resuming::runs_of;
use super::{Asked, ReportFormat, block_on, exit, print, print_json};
use crate::app::{filled, of_run};
use crate::engine::drive::{self, drive, view_of};
use crate::engine::{Declared, Setting, Wanted};
use crate::keep::runs::{self as kept, RunFolder};
use crate::keep::{Places, incidents, last_known};
use crate::report as reports;

pub fn declare(asked: &Asked, lost: &[String], began: Option<&str>) -> Result<i32, Problem> {
    let setting = setting(asked)?;
    let estate = setting.estate();
    let scenario = scenario(estate, lost)?;
    let began = began.map(instant).transpose()?;
    let seen = look(&setting)?;
    let now = setting.clock.now();
    let supposed = assess(estate, &seen, now, &scenario);
    let detected_at = impact(&seen, &supposed);
    let impact_began = began.or(detected_at).unwrap_or(now);
    if impact_began > now {
        return Err(
            named::wrong("--impact-began", "it lies in the future").next("give an instant that has passed")
        );
    }
    let judged = Scenario { impact_began: Some(impact_began), ..scenario.clone() };
    let judged = assess(estate, &seen, now, &judged);
    let incident = setting.declare(Declared {
        evidence: evidence(&seen, &supposed),
        predictions: predictions(&judged),
        scenario,
        impact_began,
        detected_at,
    })?;
    match asked.json {
        true => print_json(&json!({"schema": 1, "incident": incident})),
        false => print(&format!("{}\n", incident.id)),
    }
    Ok(0)
}

pub fn stand_down(asked: &Asked, reason: &str) -> Result<i32, Problem> {
    let setting = setting(asked)?;
    let ended = incidents::stand_down(&setting.incidents(), &setting.operator, reason, setting.clock.now())?;
    print(&format!("{}\n", ended.id));
    Ok(0)
}

/// `NAME=VALUE`, each once.
pub(super) fn pairs(words: &[String], option: &str) -> Result<BTreeMap<String, String>, Problem> {
    let mut pairs = BTreeMap::new();
    for word in words {
        let wrong = |why: &str| {
            named::wrong(format!("{option} {}", clean_line(word)), why)
                .next(format!("write {option} NAME=VALUE"))
        };
        let (name, value) = word.split_once('=').ok_or_else(|| wrong("there is no = in it"))?;
        if pairs.insert(name.to_owned(), value.to_owned()).is_some() {
            return Err(wrong("it is given twice"));
        }
    }
    Ok(pairs)
}

pub fn run(
    asked: &Asked,
    runbook: &str,
    mode: Mode,
    set: &[String],
    yes_to: &[String],
) -> Result<i32, Problem> {
    let yes_to = pairs(yes_to, "--yes-to")?;
    let params = pairs(set, "--set")?.into_iter().map(|(name, value)| (name, Value::String(value)));
    let setting = setting(asked)?;
    let runbook = named::runbook(setting.estate(), runbook)?.id.clone();
    let wanted = Wanted { runbook, mode, params: params.collect(), incident: None };
    let folder = setting.start(&wanted)?;
    // Should the estate be broken by then, its runs are found all the same.
    if let Err(problem) = last_known::name(&setting.places, setting.trusted.dir(), &setting.estate().id) {
        tracing::warn!(%problem, "the folder of the estate is not remembered");
    }
    follow(&setting, folder, &yes_to, asked.json)
}

/// Drives a run, telling each change on standard error, until it is over or
/// a person is needed.
pub(super) fn follow(
    setting: &Setting,
    folder: RunFolder,
    yes_to: &BTreeMap<String, String>,
    json: bool,
) -> Result<i32, Problem> {
    if let Some(torn) = &folder.torn {
        eprintln!("{}", Problem::new(Code::JOURNAL_TORN, format!("line {}", torn.line)));
    }
    let first = view_of(&folder.machine()?);
    let id = first.run.id.clone();
    eprintln!("run {id}");
    let stop = CancellationToken::new();
    let live = setting.live(stop.clone());
    let driver = setting.driver(&live);
    let (verbs, inbox) = mpsc::channel(16);
    let (publish, view) = watch::channel(Arc::new(first));
    let leave = stop.clone();
    let (state, left) = block_on(async {
        let interrupted = tokio::spawn(async move {
            let _ = tokio::signal::ctrl_c().await;
            leave.cancel();
        });
        let answering = tokio::spawn(answer(view.clone(), verbs, setting.operator.clone(), yes_to.clone()));
        let state = drive(folder, driver, inbox, publish, stop.clone()).await;
        interrupted.abort();
        answering.abort();
        (state, stop.is_cancelled())
    })?;
    let state = match state {
        Ok(state) => state,
        Err(problem) => {
            // Steps may have acted: this is no refusal that changed nothing.
            eprintln!("lifeboat: {problem}\ngo on with: lifeboat resume {id}");
            return Ok(exit::PERSON);
        }
    };
    if json {
        print_json(&json!({"schema": 1, "run": id, "state": state}));
    } else {
        print(&format!("{id} {}\n", state.as_str()));
    }
    let view = view.borrow().clone();
    for ask in &view.asks {
        eprintln!("{}: {}", ask.step, clean_line(&ask.sentence));
    }
    // "exit 2" is no reason to anybody: what it printed is.
    last_words(&view).iter().for_each(|line| eprintln!("    {}", clean_line(line)));
    if !state.is_over() {
        view.doing.iter().for_each(|doing| eprintln!("{}", clean_line(doing)));
        eprintln!("go on with: lifeboat resume {id}");
    }
    Ok(match state {
        RunState::Completed | RunState::CompletedWithExceptions => 0,
        RunState::Failed | RunState::Cancelled => 1,
        _ if left => exit::INTERRUPTED,
        _ => exit::PERSON,
    })
}

/// What the step printed last that did not do what it should.
fn last_words(view: &RunView) -> &[String] {
    use StepStatus::{Failed, Indeterminate, TimedOut};
    let step = view.tail_step.as_ref().and_then(|id| view.run.step(id.as_str()));
    match step.map(|s| s.status) {
        Some(Failed | TimedOut | Indeterminate) => &view.tail,
        _ => &[],
    }
}

/// Answers what was answered on the command line. When something else is
/// asked, it hangs up, and the drive ends where a person is needed.
async fn answer(
    mut view: watch::Receiver<Arc<RunView>>,
    verbs: mpsc::Sender<drive::Asked>,
    operator: OperatorId,
    yes_to: BTreeMap<String, String>,
) {
    let mut told = BTreeMap::new();
    let mut answered = Vec::new();
    if view.borrow().run.state == RunState::Paused {
        let (reply, _) = oneshot::channel();
        if verbs.send((operator.clone(), Verb::Resume, reply)).await.is_err() {
            return;
        }
    }
    loop {
        let now = view.borrow_and_update().clone();
        for step in &now.run.steps {
            let status = step.status;
            if told.insert(step.plan.id.clone(), status) != Some(status) {
                let why = step.reason.as_deref().map_or(String::new(), |r| format!(": {}", clean_line(r)));
                eprintln!("  {} {}{why}", status.as_str(), label(&now.run, step));
            }
        }
        for ask in &now.asks {
            let Some(verb) = given(ask, &yes_to).filter(|_| !answered.contains(&ask.step)) else {
                if answered.contains(&ask.step) && matches!(ask.kind, AskKind::Confirm { .. }) {
                    continue;
                }
                return;
            };
            answered.push(ask.step.clone());
            let (reply, told) = oneshot::channel();
            if verbs.send((operator.clone(), verb, reply)).await.is_err() {
                return;
            }
            if let Ok(Err(problem)) = told.await {
                eprintln!("lifeboat: {problem}");
                return;
            }
        }
        if view.changed().await.is_err() {
            return;
        }
    }
}

fn label(run: &Run, step: &StepRun) -> String {
    clean_line(&filled(step.plan.label(), |name| of_run(run, name)))
}

fn given(ask: &Ask, yes_to: &BTreeMap<String, String>) -> Option<Verb> {
    let typed = yes_to.get(ask.step.as_str())?;
    let confirm = matches!(ask.kind, AskKind::Confirm { .. });
    confirm.then(|| Verb::Confirm { step: ask.step.clone(), typed: typed.clone() })
}

pub fn runs(asked: &Asked) -> Result<i32, Problem> {
    let setting = setting(asked)?;
    let mut rows = Vec::new();
    let mut code = 0;
    for listed in kept::list(&setting.runs()) {
        match listed.row {
            Ok(row) => rows.push(row),
            Err(problem) => {
                eprintln!("lifeboat: {}: {problem}", clean_line(listed.id.as_str()));
                code = exit::REFUSED;
            }
        }
    }
    if asked.json {
        print_json(&json!({"schema": 1, "runs": rows}));
        return Ok(code);
    }
    for row in &rows {
        let started = row.started_at.format("%Y-%m-%d %H:%M:%SZ");
        print(&format!("{started}  {:<24}  {:<9}  {}\n", row.state.as_str(), row.mode.as_str(), row.id));
    }
    Ok(code)
}

pub fn report(asked: &Asked, run: &str, format: ReportFormat) -> Result<i32, Problem> {
    let (machine, records) = kept::read(&runs_of(asked, &Places::from_env()?)?, &run.into())?;
    let report = reports::run(machine.run(), &records);
    match format {
        _ if asked.json => print_json(&report),
        ReportFormat::Json => print_json(&report),
        ReportFormat::Html => print(&reports::html(&report)),
        ReportFormat::Md => print(&reports::markdown(&report)),
    }
    Ok(0)
}

pub fn verify(asked: &Asked, run: &str) -> Result<i32, Problem> {
    let (machine, records) = kept::read(&runs_of(asked, &Places::from_env()?)?, &run.into())?;
    let head = records.last().map(|r| r.sum.as_str()).unwrap_or_default();
    let state = machine.run().state;
    if asked.json {
        print_json(&json!({"schema": 1, "run": run, "lines": records.len(), "head": head, "state": state}));
    } else {
        print(&format!(
            "{run}: {} lines, chain whole, ends {}\nhead {head}\n",
            records.len(),
            state.as_str()
        ));
    }
    Ok(0)
}
