//! What must hold before a run begins, so that it never stops half-way at
//! something that could have been known at its start.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    Incident, Mode,
    machine::blank,
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
}

/// The first event of a run, or why it may not begin: `RUN_PARAMETER` for
/// what was given, `RUN_UNSUPPORTED` for what this build does not do yet.
pub fn begin(from: Begin<'_>) -> Result<Event, Problem> {
    let params = params::resolve(from.runbook, from.estate, from.params)?;
    let runbook = from.runbook;
    if runbook.waves.is_some() {
        return Err(unsupported(&runbook.id, "waves are not run yet"));
    }
    let mut references = BTreeMap::new();
    let blanks: Vec<_> = runbook.steps.iter().map(blank).collect();
    let scope = Scope { params: &params, steps: &blanks, lenient: true };
    for step in &runbook.steps {
        let subject = format!("step {} of {}", step.id, runbook.id);
        supported(step, from.probes).map_err(|why| unsupported(&subject, why))?;
        let wrong = |why: String| Problem::new(Code::RUN_PARAMETER, &subject).because(why);
        needs_exist(step, runbook).map_err(wrong)?;
        outputs_exist(step, runbook).map_err(wrong)?;
        let action = fits(step, &scope, from.mode).map_err(wrong)?;
        if let Some(action) = action {
            gather(&action, from.estate, &mut references).map_err(wrong)?;
        }
    }
    acyclic(runbook).map_err(|why| Problem::new(Code::RUN_PARAMETER, &runbook.id).because(why))?;
    Ok(Event::RunStarted(Box::new(Start {
        run: from.run,
        epoch: from.epoch,
        trust: from.trust,
        estate: from.estate.id.clone(),
        runbook: runbook.clone(),
        params,
        mode: from.mode,
        incident: from.incident,
        rto_target: from.rto_target,
        rto_estimate: from.rto_estimate,
        references,
    })))
}

fn unsupported(subject: impl std::fmt::Display, why: impl std::fmt::Display) -> Problem {
    Problem::new(Code::RUN_UNSUPPORTED, subject).because(why)
}

/// A key whose meaning is not built yet is refused, never passed over.
fn supported(step: &StepPlan, probes: Option<&[&str]>) -> Result<(), String> {
    if !RUNNABLE.contains(&step.kind.as_str()) {
        return Err(format!("steps of the kind {:?} are not run yet", step.kind));
    }
    let absent_yet = [
        ("approvals", step.approvals.is_some()),
        ("for_each", step.for_each.is_some()),
        ("max_parallel", step.max_parallel.is_some()),
        ("on_failure = \"roll_back\"", step.on_failure == OnFailure::RollBack),
        ("assess", step.options.contains_key("assess")),
    ];
    if let Some((key, _)) = absent_yet.iter().find(|(_, used)| *used) {
        return Err(format!("`{key}` is not built in yet"));
    }
    let own = (plan::moves(&step.kind) == plan::Moves::Probe).then(|| plan::probe(step)).transpose()?;
    let asked = [own.as_ref(), step.verify.as_ref(), step.absent.as_ref()];
    for probe in asked.into_iter().flatten() {
        if probes.is_some_and(|known| !known.contains(&probe.kind.as_str())) {
            return Err(format!("probes of the kind {:?} are not asked yet", probe.kind));
        }
    }
    Ok(())
}

/// Everything that can be filled in already fills in.
fn fits(step: &StepPlan, scope: &Scope<'_>, mode: Mode) -> Result<Option<Action>, String> {
    if let Some(condition) = &step.when {
        super::render::when(condition, scope, mode)?;
    }
    for probe in [&step.verify, &step.absent].into_iter().flatten() {
        scope.probe(probe)?;
    }
    if plan::target(step, scope)?.trim().is_empty() {
        return Err("its target is empty".to_owned());
    }
    match plan::moves(&step.kind) {
        plan::Moves::Person => Ok(None),
        plan::Moves::Probe => scope.probe(&plan::probe(step)?).map(|_| None),
        plan::Moves::Attempt => {
            let action = plan::action(step, scope)?;
            within_estate(&action)?;
            Ok(Some(action))
        }
    }
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
                let probed = plan::moves(&s.kind) == plan::Moves::Probe && matches!(output, "value" | "text");
                probed || s.outputs.contains_key(output) || plan::fields(s).iter().any(|f| f == output)
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
    let (Action::Command { env: given, .. } | Action::Http { headers: given, .. }) = action;
    for value in given.values() {
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
            if super::machine::needs(runbook, n).iter().all(|id| passed.contains(id)) {
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
