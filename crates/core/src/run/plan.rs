//! What a step does, read from its plan: the action with everything filled in,
//! its probe, and the defaults of what the plan leaves open.

use std::collections::BTreeMap;

use serde_json::Value;

use super::render::Scope;
use crate::{
    model::*,
    record::{Action, Given},
};

/// Step kinds that a run may hold.
pub const RUNNABLE: &[&str] = &["manual", "command", "http", "wait", "check"];

/// What moves a step of this kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moves {
    Person,
    Attempt,
    Probe,
}

pub fn moves(kind: &str) -> Moves {
    match kind {
        "manual" => Moves::Person,
        "wait" | "check" => Moves::Probe,
        _ => Moves::Attempt,
    }
}

/// How long a step may take where its plan does not say.
pub fn timeout(plan: &StepPlan) -> Dur {
    plan.timeout.unwrap_or(match plan.kind.as_str() {
        "command" => Dur::secs(3_600),
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

/// The probe of a `wait` or `check`.
pub fn probe(plan: &StepPlan) -> Result<Probe, String> {
    let value = plan.options.get("probe").ok_or("it has no `probe`")?;
    serde_json::from_value(value.clone()).map_err(|e| format!("its probe cannot be read: {e}"))
}

pub fn stable(plan: &StepPlan) -> Dur {
    let value = plan.options.get("stable").cloned().unwrap_or(Value::Null);
    serde_json::from_value(value).unwrap_or(Dur::ZERO)
}

/// What a manual step asks to be filled in.
pub fn fields(plan: &StepPlan) -> Vec<String> {
    let fields = plan.options.get("fields").and_then(Value::as_array);
    let mut names: Vec<String> =
        fields.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
    if plan.options.contains_key("evidence") {
        names.push("evidence".to_owned());
    }
    names
}

/// Exactly what an attempt of this step does.
pub fn action(plan: &StepPlan, scope: &Scope<'_>) -> Result<Action, String> {
    match plan.kind.as_str() {
        "command" => command(plan, scope),
        "http" => http(plan, scope),
        other => Err(format!("a step of the kind {other:?} makes no attempt")),
    }
}

fn command(plan: &StepPlan, scope: &Scope<'_>) -> Result<Action, String> {
    let run = plan.options.get("run").and_then(Value::as_array).ok_or("it has no `run`")?;
    let texts: Option<Vec<&str>> = run.iter().map(Value::as_str).collect();
    let texts = texts.ok_or("`run` is not a list of texts")?;
    let program = texts.first().ok_or("`run` is empty")?;
    if super::render::is_template(program) {
        return Err("nothing may be filled into the name of the program".to_owned());
    }
    let run = texts.iter().map(|arg| scope.argument(arg)).collect::<Result<_, _>>()?;
    let cwd = plan.options.get("cwd").and_then(Value::as_str).map(|c| scope.text(c)).transpose()?;
    Ok(Action::Command { run, env: given(plan, "env", scope)?, cwd })
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
