//! What a step does, read from its plan: the action with everything filled in,
//! its probe, and the defaults of what the plan leaves open.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{effects, render::Scope};
use crate::{
    model::*,
    record::{Action, Given},
};

/// Step kinds that a run may hold. Which of them a driver can act on is its
/// own to say, in `Begin::kinds`.
pub const RUNNABLE: &[&str] = &[
    "manual", "approve", "decide", "check", "wait", "command", "http", "dns", "restore", "copy", "notify",
    "runbook",
];

/// What moves a step of this kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moves {
    /// A person does it.
    Person,
    /// A person chooses.
    Choice,
    /// People agree.
    Approval,
    Attempt,
    Probe,
    /// A run of its own.
    Child,
}

pub fn moves(kind: &str) -> Moves {
    match kind {
        "manual" => Moves::Person,
        "decide" => Moves::Choice,
        "approve" => Moves::Approval,
        "wait" | "check" => Moves::Probe,
        "runbook" => Moves::Child,
        _ => Moves::Attempt,
    }
}

/// How long a step may take where its plan does not say.
pub fn timeout(plan: &StepPlan) -> Dur {
    plan.timeout.unwrap_or(match plan.kind.as_str() {
        "command" | "copy" => Dur::secs(3_600),
        "restore" => Dur::secs(24 * 3_600),
        "http" => Dur::secs(60),
        "check" => Dur::secs(30),
        _ => Dur::secs(900),
    })
}

/// All tries together.
pub fn tries(plan: &StepPlan) -> u32 {
    plan.retry.as_ref().map_or(1, |r| r.attempts.max(1))
}

/// How long to wait after the `tried`-th try: doubled each time, ten minutes
/// at most, unless the plan itself asks for more.
pub fn backoff(plan: &StepPlan, tried: u32) -> Dur {
    let base = plan.retry.as_ref().and_then(|r| r.backoff).unwrap_or(Dur::secs(5));
    let doubled = base.times(1 << tried.saturating_sub(1).min(16));
    doubled.min(Dur::secs(600).max(base))
}

/// The name a person types before a destructive step.
pub fn target(plan: &StepPlan, scope: &Scope<'_>) -> Result<String, String> {
    scope.text(plan.target.as_deref().unwrap_or(plan.id.as_str()))
}

/// The probe of a `wait` or `check`. A verdict of Lifeboat's own is asked for
/// as a probe of the kind `assess`.
pub fn probe(plan: &StepPlan) -> Result<Probe, String> {
    if let Some(assess) = option::<AssessDef>(&plan.options, "assess")? {
        let target = serde_json::json!({ "workload": assess.workload, "verdict": assess.verdict });
        let asked = serde_json::json!({ "kind": "assess", "target": target });
        return serde_json::from_value(asked).map_err(|e| e.to_string());
    }
    option(&plan.options, "probe")?.ok_or_else(|| "it has no `probe`".to_owned())
}

pub fn stable(plan: &StepPlan) -> Dur {
    let value = plan.options.get("stable").cloned().unwrap_or(Value::Null);
    serde_json::from_value(value).unwrap_or(Dur::ZERO)
}

/// What a manual step asks to be filled in.
pub fn fields(plan: &StepPlan) -> Vec<FieldDef> {
    let mut fields: Vec<FieldDef> = option(&plan.options, "fields").ok().flatten().unwrap_or_default();
    if moves(&plan.kind) != Moves::Person {
        return Vec::new();
    }
    if let Some(evidence) = plan.options.get("evidence").filter(|e| !e.is_null()) {
        let title = evidence.as_str().map(str::to_owned);
        fields.push(FieldDef { title, ..FieldDef::from("evidence") });
    }
    fields
}

/// The ways that a `decide` offers.
pub fn choices(plan: &StepPlan) -> Vec<Choice> {
    match moves(&plan.kind) {
        Moves::Choice => option(&plan.options, "choices").ok().flatten().unwrap_or_default(),
        _ => Vec::new(),
    }
}

/// Whose word a step needs before it begins; of an `approve`, the step itself.
pub fn approvals(plan: &StepPlan) -> Option<Approvals> {
    if moves(&plan.kind) != Moves::Approval {
        return plan.approvals.clone();
    }
    let need = option(&plan.options, "need").ok().flatten().unwrap_or(1);
    let roles = option(&plan.options, "roles").ok().flatten().unwrap_or_default();
    // Its `within` is how long it waits, so that no word can be older.
    Some(Approvals { need, roles, within: None })
}

/// How long an `approve` waits for all whose word it needs.
pub fn patience(plan: &StepPlan) -> Option<Dur> {
    option(&plan.options, "within").ok().flatten().filter(|_| moves(&plan.kind) == Moves::Approval)
}

/// The runbook that a step starts, and its parameters with everything filled in.
pub fn child(plan: &StepPlan, scope: &Scope<'_>) -> Result<(RunbookId, BTreeMap<String, Value>), String> {
    let name = plan.options.get("runbook").and_then(Value::as_str).ok_or("it has no `runbook`")?;
    let with = plan.options.get("with").and_then(Value::as_object).into_iter().flatten();
    let with = with.map(|(k, v)| Ok((k.clone(), scope.typed(v)?))).collect::<Result<_, String>>()?;
    Ok((RunbookId::new(scope.text(name)?), with))
}

/// What takes the step back.
pub fn undo(plan: &StepPlan, scope: &Scope<'_>) -> Result<Action, String> {
    let undo = plan.undo.as_ref().ok_or("it has no `undo`")?;
    let env = if plan.kind == "command" { given(plan, "env", scope)? } else { BTreeMap::new() };
    let cwd = plan.options.get("cwd").and_then(Value::as_str).filter(|_| plan.kind == "command");
    arguments(undo.iter().map(String::as_str), scope)
        .and_then(|run| Ok(Action::Command { run, env, cwd: cwd.map(|c| scope.text(c)).transpose()? }))
}

/// Exactly what an attempt of this step does.
pub fn action(plan: &StepPlan, scope: &Scope<'_>) -> Result<Action, String> {
    match plan.kind.as_str() {
        "command" => command(plan, scope),
        "http" => http(plan, scope),
        "dns" => effects::dns(plan, scope),
        "restore" => effects::restore(plan, scope),
        "copy" => effects::copy(plan, scope),
        "notify" => effects::notify(plan, scope),
        other => Err(format!("a step of the kind {other:?} makes no attempt")),
    }
}

fn command(plan: &StepPlan, scope: &Scope<'_>) -> Result<Action, String> {
    let run = plan.options.get("run").and_then(Value::as_array).ok_or("it has no `run`")?;
    let texts: Option<Vec<&str>> = run.iter().map(Value::as_str).collect();
    let run = arguments(texts.ok_or("`run` is not a list of texts")?.into_iter(), scope)?;
    let cwd = plan.options.get("cwd").and_then(Value::as_str).map(|c| scope.text(c)).transpose()?;
    Ok(Action::Command { run, env: given(plan, "env", scope)?, cwd })
}

/// An argument list; nothing is ever filled into the program's name.
fn arguments<'a>(list: impl Iterator<Item = &'a str>, scope: &Scope<'_>) -> Result<Vec<String>, String> {
    let texts: Vec<&str> = list.collect();
    let program = texts.first().ok_or("its argument list is empty")?;
    if super::render::is_template(program) {
        return Err("nothing may be filled into the name of the program".to_owned());
    }
    texts.iter().map(|arg| scope.argument(arg)).collect()
}

fn http(plan: &StepPlan, scope: &Scope<'_>) -> Result<Action, String> {
    let text = |key: &str| plan.options.get(key).and_then(Value::as_str);
    let url = scope.text(text("url").ok_or("it has no `url`")?)?;
    if url.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(format!("the address {url:?} holds a space or a control character"));
    }
    let mut headers = given(plan, "headers", scope)?;
    let body = match plan.options.get("body") {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(scope.text(text)?),
        Some(table) => {
            if !headers.keys().any(|k| k.eq_ignore_ascii_case("content-type")) {
                headers.insert("content-type".to_owned(), Given::Text("application/json".to_owned()));
            }
            Some(scope.value(table)?.to_string())
        }
    };
    let expect = match plan.options.get("expect") {
        None => Expect::default(),
        Some(value) => serde_json::from_value(scope.value(value)?).map_err(|e| format!("`expect`: {e}"))?,
    };
    let method = text("method").unwrap_or("POST").to_owned();
    Ok(Action::Http { method, url, headers, body, expect, ca: text("ca").map(str::to_owned) })
}

/// A map of texts and references.
fn given(plan: &StepPlan, key: &str, scope: &Scope<'_>) -> Result<BTreeMap<String, Given>, String> {
    let Some(value) = plan.options.get(key) else { return Ok(BTreeMap::new()) };
    let map = value.as_object().ok_or_else(|| format!("`{key}` is no table"))?;
    let one = |(name, value): (&String, &Value)| {
        let given = match value {
            Value::String(text) => Given::Text(scope.text(text)?),
            reference => Given::Secret(
                serde_json::from_value(reference.clone()).map_err(|e| format!("`{key}.{name}`: {e}"))?,
            ),
        };
        Ok((name.clone(), given))
    };
    map.iter().map(one).collect()
}

/// The plan as people read it: parameters filled in, outputs that are not
/// there yet standing for themselves.
pub fn shown(plan: &StepPlan, scope: &Scope<'_>) -> StepPlan {
    let text = |t: &Option<String>| t.as_ref().map(|t| scope.text(t).unwrap_or_else(|_| t.clone()));
    let mut shown = plan.clone();
    shown.title = text(&plan.title);
    shown.text = text(&plan.text);
    shown.target = text(&plan.target);
    for value in shown.options.values_mut() {
        if let Ok(filled) = scope.value(value) {
            *value = filled;
        }
    }
    for probe in [&mut shown.verify, &mut shown.absent] {
        *probe = probe.as_ref().map(|p| scope.probe(p).unwrap_or_else(|_| p.clone()));
    }
    shown
}

/// How often the probe of a `wait` or `check` is asked.
pub fn every(plan: &StepPlan) -> Dur {
    let every = plan.options.get("probe").and_then(|p| p.get("every")).cloned().unwrap_or(Value::Null);
    serde_json::from_value(every).unwrap_or(Dur::secs(2)).max(Dur::millis(100))
}
