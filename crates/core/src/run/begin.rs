//! What must hold before a run begins, so that it never stops half-way at
//! something that could have been known at its start.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    Incident, Mode, Parent, expr,
    inner::blank,
    params,
    plan::{self, RUNNABLE},
    render::{Part, Scope, parts},
};
use crate::{
    model::*,
    record::{Action, Event, Given, Start},
};

/// What a run is made of.
pub struct Begin<'a> {
    pub run: RunId,
    pub epoch: u64,
    /// Hash of everything that is trusted.
    pub trust: String,
    pub estate: &'a Estate,
    pub runbook: &'a Runbook,
    pub params: &'a BTreeMap<String, Value>,
    pub mode: Mode,
    pub incident: Option<Incident>,
    /// The objective and the estimate of the workload now.
    pub rto_target: Option<Dur>,
    pub rto_estimate: Option<Dur>,
    /// Probe kinds that can be asked; `None`: whoever asks will find out.
    pub probes: Option<&'a [&'a str]>,
    /// Step kinds that can be acted on; `None`: all of `RUNNABLE`.
    pub kinds: Option<&'a [&'a str]>,
    /// Whether the driver answers `Todo::Precheck`.
    pub precheck: bool,
    /// `None`: by the kind of the runbook and whether there is an incident.
    pub graceful: Option<bool>,
    pub parent: Option<Parent>,
}

/// The first event of a run, or why it may not begin: `RUN_PARAMETER` for
/// what was given, `RUN_UNSUPPORTED` for what this build does not do yet.
pub fn begin(from: Begin<'_>) -> Result<Event, Problem> {
    let params = params::resolve(from.runbook, from.estate, from.params)?;
    let runbook = from.runbook;
    let mut references = BTreeMap::new();
    let scope = Scope::lenient(&params);
    let blanks: Vec<_> = runbook.steps.iter().map(blank).collect();
    let scope = Scope { steps: &blanks, mode: from.mode, ..scope };
    for step in &runbook.steps {
        let subject = format!("step {} of {}", step.id, runbook.id);
        supported(step, from.kinds, from.probes).map_err(|why| unsupported(&subject, why))?;
        let wrong = |why: String| Problem::new(Code::RUN_PARAMETER, &subject).because(why);
        if let Some(action) = fits(step, runbook, &scope).map_err(wrong)? {
            gather(&action, from.estate, &mut references).map_err(wrong)?;
        }
    }
    let wrong = |why: String| Problem::new(Code::RUN_PARAMETER, &runbook.id).because(why);
    conditions(runbook, from.estate).map_err(wrong)?;
    acyclic(runbook).map_err(wrong)?;
    let interlocks = super::interlock::all(from.estate).map_err(wrong)?;
    Ok(Event::RunStarted(Box::new(Start {
        run: from.run,
        epoch: from.epoch,
        trust: from.trust,
        estate: from.estate.id.clone(),
        runbook: runbook.clone(),
        params,
        mode: from.mode,
        graceful: from.graceful.unwrap_or_else(|| graceful(runbook.kind, from.incident.is_some())),
        incident: from.incident,
        rto_target: from.rto_target,
        rto_estimate: from.rto_estimate,
        references,
        people: from.estate.operators.clone(),
        interlocks,
        precheck: from.precheck,
        parent: from.parent,
    })))
}

/// A planned move takes its time; what an incident forces does not.
fn graceful(kind: RunbookKind, incident: bool) -> bool {
    match kind {
        RunbookKind::Failover | RunbookKind::Restore => false,
        RunbookKind::Switchover | RunbookKind::Evacuation => !incident,
        RunbookKind::Failback | RunbookKind::Drill | RunbookKind::Cleanup => true,
    }
}

/// Every `when`: its names known, its values possible.
fn conditions(runbook: &Runbook, estate: &Estate) -> Result<(), String> {
    let regions: Vec<&str> = estate.regions.iter().map(|r| r.id.as_str()).collect();
    let workloads: Vec<&str> = estate.workloads.iter().map(|w| w.id.as_str()).collect();
    let names = expr::names(runbook, &regions, &workloads);
    for step in &runbook.steps {
        expr::check_when(runbook, step, &names).map_err(|e| format!("`when` of {}: {e}", step.id))?;
    }
    Ok(())
}

/// A plan that was changed while it is carried out, by the same rules; the
/// estate is not there any more, so `words` stand for what it names.
pub(super) fn fits_together(
    runbook: &Runbook,
    params: &BTreeMap<String, Value>,
    mode: Mode,
    words: &[String],
) -> Result<(), String> {
    let blanks: Vec<_> = runbook.steps.iter().map(blank).collect();
    let scope = Scope { steps: &blanks, mode, ..Scope::lenient(params) };
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let names = expr::names(runbook, &words, &words);
    for step in &runbook.steps {
        let told = |why: String| format!("step {}: {why}", step.id);
        supported(step, None, None).map_err(told)?;
        fits(step, runbook, &scope).map_err(told)?;
        expr::check_when(runbook, step, &names).map_err(|e| told(e.to_string()))?;
    }
    acyclic(runbook)
}

fn unsupported(subject: impl std::fmt::Display, why: impl std::fmt::Display) -> Problem {
    Problem::new(Code::RUN_UNSUPPORTED, subject).because(why)
}

/// A key whose meaning is not built yet is refused, never passed over.
fn supported(step: &StepPlan, kinds: Option<&[&str]>, probes: Option<&[&str]>) -> Result<(), String> {
    let kind = step.kind.as_str();
    if !RUNNABLE.contains(&kind) || kinds.is_some_and(|known| !known.contains(&kind)) {
        return Err(format!("steps of the kind {kind:?} are not run yet"));
    }
    let own = (plan::moves(kind) == plan::Moves::Probe).then(|| plan::probe(step)).transpose()?;
    let asked = [own.as_ref(), step.verify.as_ref(), step.absent.as_ref()];
    for probe in asked.into_iter().flatten() {
        if probes.is_some_and(|known| !known.contains(&probe.kind.as_str())) {
            return Err(format!("probes of the kind {:?} are not asked yet", probe.kind));
        }
    }
    Ok(())
}

/// Everything that can be filled in already fills in.
fn fits(step: &StepPlan, runbook: &Runbook, scope: &Scope<'_>) -> Result<Option<Action>, String> {
    needs_exist(step, runbook)?;
    outputs_exist(step, runbook)?;
    shape(step, runbook)?;
    // What `for_each` inserts is not there yet: it stands for itself.
    let each: BTreeMap<String, Value> = step
        .for_each
        .iter()
        .flat_map(Each::names)
        .map(|name| (name.to_owned(), Value::String(format!("{{{{ {name} }}}}"))))
        .collect();
    let scope = &Scope { each: Some(&each), ..*scope };
    for probe in [&step.verify, &step.absent].into_iter().flatten() {
        scope.probe(probe)?;
    }
    if plan::target(step, scope)?.trim().is_empty() {
        return Err("its target is empty".to_owned());
    }
    if step.undo.is_some() {
        within_estate(&plan::undo(step, scope)?)?;
    }
    match plan::moves(&step.kind) {
        plan::Moves::Person | plan::Moves::Choice | plan::Moves::Approval => Ok(None),
        plan::Moves::Child => plan::child(step, scope).map(|_| None),
        plan::Moves::Probe => scope.probe(&plan::probe(step)?).map(|_| None),
        plan::Moves::Attempt => {
            let action = plan::action(step, scope)?;
            within_estate(&action)?;
            Ok(Some(action))
        }
    }
}

/// Keys that must fit each other.
fn shape(step: &StepPlan, runbook: &Runbook) -> Result<(), String> {
    let moves = plan::moves(&step.kind);
    if step.phase == Phase::Goal && moves != plan::Moves::Probe {
        return Err("only a `check` or `wait` can be a goal".to_owned());
    }
    if moves == plan::Moves::Probe && step.approvals.is_some() {
        return Err("a step that only looks needs nobody's approval".to_owned());
    }
    match moves {
        plan::Moves::Person => {
            option::<Vec<FieldDef>>(&step.options, "fields")?;
        }
        plan::Moves::Approval => {
            option::<u32>(&step.options, "need")?;
            option::<Vec<String>>(&step.options, "roles")?;
            option::<Dur>(&step.options, "within")?;
        }
        plan::Moves::Choice => {
            let choices: Option<Vec<Choice>> = option(&step.options, "choices")?;
            let choices = choices.filter(|c| !c.is_empty()).ok_or("it offers no choice")?;
            let all = choices.iter().flat_map(|c| &c.steps);
            if let Some(id) = all.clone().find(|id| !runbook.steps.iter().any(|s| s.id == **id)) {
                return Err(format!("a choice names {id}, which is no step"));
            }
            if step.for_each.is_some() {
                return Err("a choice is made once, not for each".to_owned());
            }
        }
        _ => {}
    }
    if let Some(Each::Names(names)) = &step.for_each {
        let none = |of: &EachOf| matches!(of, EachOf::Items(items) if items.is_empty());
        if let Some((name, _)) = names.iter().find(|(_, of)| none(of)) {
            return Err(format!("`for_each` has nothing for {name}"));
        }
    }
    option::<Dur>(&step.options, "due").map(|_| ())
}

/// A relative program or folder must lie in the trusted estate.
fn within_estate(action: &Action) -> Result<(), String> {
    let Action::Command { run, cwd, .. } = action else { return Ok(()) };
    let program = run.first().filter(|p| p.contains('/') && !p.starts_with('/'));
    for path in program.into_iter().chain(cwd) {
        let outside =
            path.starts_with('/') || path.split('/').any(|part| matches!(part, ".." | ".git" | ".lifeboat"));
        if outside {
            return Err(format!("{path:?} lies outside what is trusted"));
        }
    }
    Ok(())
}

fn needs_exist(step: &StepPlan, runbook: &Runbook) -> Result<(), String> {
    let missing = step.needs.iter().flatten().find(|id| !runbook.steps.iter().any(|s| s.id == **id));
    missing.map_or(Ok(()), |id| Err(format!("it needs {id}, which is no step")))
}

/// Every `{{ step.output }}` is one that the step declares.
fn outputs_exist(step: &StepPlan, runbook: &Runbook) -> Result<(), String> {
    let value = serde_json::to_value(step).map_err(|e| e.to_string())?;
    let mut texts = Vec::new();
    gather_texts(&value, &mut texts);
    for text in texts {
        for part in parts(text)? {
            let Part::Name(name) = part else { continue };
            let Some((of, output)) = name.rsplit_once('.').filter(|_| !runbook.params.contains_key(name))
            else {
                continue;
            };
            let declared = runbook.steps.iter().find(|s| s.id == *of).is_some_and(|s| {
                let chosen = plan::moves(&s.kind) == plan::Moves::Choice && output == "choice";
                let probed = plan::moves(&s.kind) == plan::Moves::Probe && matches!(output, "value" | "text");
                probed
                    || chosen
                    || s.outputs.contains_key(output)
                    || plan::fields(s).iter().any(|f| f.id == output)
            });
            if !declared {
                return Err(format!("{{{{ {name} }}}} is no output of any step"));
            }
        }
    }
    Ok(())
}

fn gather_texts<'a>(value: &'a Value, into: &mut Vec<&'a str>) {
    match value {
        Value::String(text) if text.contains("{{") => into.push(text),
        Value::Array(items) => items.iter().for_each(|v| gather_texts(v, into)),
        Value::Object(map) => map.values().for_each(|v| gather_texts(v, into)),
        _ => {}
    }
}

fn gather(action: &Action, estate: &Estate, into: &mut BTreeMap<KeyId, SecretRef>) -> Result<(), String> {
    let given: Vec<&Given> = match action {
        Action::Command { env: given, .. } | Action::Http { headers: given, .. } => given.values().collect(),
        Action::Dns { tsig, .. } => tsig.iter().collect(),
        Action::Restore { .. } | Action::Copy { .. } | Action::Notify { .. } => Vec::new(),
    };
    for value in given {
        let Given::Secret(SecretRef::Secret(id)) = value else { continue };
        let kept = estate.secrets.iter().chain(&estate.keys).find(|s| s.id == *id);
        let from =
            kept.and_then(|s| s.from.clone()).ok_or_else(|| format!("nothing says where secret {id} is"))?;
        into.insert(id.clone(), from);
    }
    Ok(())
}

/// Steps that need each other would wait for ever.
fn acyclic(runbook: &Runbook) -> Result<(), String> {
    let mut passed: BTreeSet<&StepId> = BTreeSet::new();
    loop {
        let before = passed.len();
        for (n, step) in runbook.steps.iter().enumerate() {
            if super::branch::needs(runbook, n).iter().all(|id| passed.contains(id)) {
                passed.insert(&step.id);
            }
        }
        if passed.len() == runbook.steps.len() {
            return Ok(());
        }
        if passed.len() == before {
            let stuck = runbook.steps.iter().find(|s| !passed.contains(&s.id));
            return Err(format!(
                "step {} needs itself or is there twice",
                stuck.map_or("", |s| s.id.as_str())
            ));
        }
    }
}
