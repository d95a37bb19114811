//! Starting a run: parameters, mode, and for what acts the mode typed out.

use std::collections::BTreeMap;

use lifeboat_core::{
    model::*,
    run::{Mode, moves},
};
use serde_json::Value;

use super::{Answer, Field, FieldKind, Form, Purpose, open};
use crate::app::{
    App, Effect,
    template::{filled, likely},
};

const MODES: [Mode; 3] = [Mode::DryRun, Mode::Rehearsal, Mode::Live];

pub fn start(app: &mut App, id: &RunbookId) {
    let Some(book) = app.estate.as_ref().and_then(|e| e.runbook(id.as_str())).cloned() else {
        app.say(format!("There is no runbook {id}."), true);
        return;
    };
    let mut fields: Vec<Field> = book.params.iter().map(|(name, def)| param(app, &book, name, def)).collect();
    let modes = MODES.iter().map(|m| m.as_str().to_owned()).collect();
    // In an incident the same plan recovers; else looking costs nothing.
    let mode = if app.incident.is_some() { Mode::Live } else { Mode::DryRun };
    fields.push(Field::choice("mode", "mode", modes, mode.as_str()));
    fields.push(Field::word("mode", "start"));
    let mut form = Form::new(Purpose::Start(id.clone()), &format!("Start {id}"), &book.title, fields);
    form.plan.push(book.title.clone());
    let risky: Vec<_> = book.steps.iter().filter(|s| s.destructive).map(StepPlan::label).collect();
    form.plan.push(format!("{} steps, {}", book.steps.len(), book.kind.as_str()));
    if !risky.is_empty() {
        form.plan.push(format!("Each asks again before it acts: {}", risky.join("; ")));
    }
    follow(&mut form);
    // With defaults for all, only the last word is left to type.
    let open_at = form.fields.iter().position(|f| f.value().is_empty());
    form.focus = open_at.unwrap_or(form.fields.len() - 1);
    open(app, form);
}

fn param(app: &App, book: &Runbook, name: &str, def: &ParamDef) -> Field {
    let value = likely(app, book, name).unwrap_or_default();
    let label = name.replace('_', " ");
    let estate = app.estate.as_ref();
    let names = |all: Vec<String>| Field::choice(name, &label, all, &value);
    match def.ty {
        ParamType::Region => {
            names(estate.iter().flat_map(|e| &e.regions).map(|r| r.id.to_string()).collect())
        }
        ParamType::Workload => {
            names(estate.iter().flat_map(|e| &e.workloads).map(|w| w.id.to_string()).collect())
        }
        ParamType::Choice => names(def.choices.clone()),
        ParamType::Bool => names(vec!["false".into(), "true".into()]),
        ParamType::Instant => Field::text(name, &label, &value, "14:03 or 2026-11-22T14:03:00Z, UTC"),
        ParamType::Integer => Field::text(name, &label, &value, "a whole number"),
        ParamType::Secret => Field::text(name, &label, &value, "the name of a secret, never its value"),
        ParamType::RecoveryPoint | ParamType::String => {
            Field::text(name, &label, &value, def.text.as_deref().unwrap_or(""))
        }
    }
}

/// What acts on the world costs typing its mode; a dry run costs Enter.
pub fn follow(form: &mut Form) {
    let mode = form.field("mode").to_owned();
    form.danger = mode == Mode::Live.as_str();
    let value = |name: &str| Some(form.field(name).to_owned());
    let mut all = form.plan.iter().map(|text| clean_line(&filled(text, value)));
    (form.sentence, form.details) = (all.next().unwrap_or_default(), all.collect());
    let Some(last) = form.fields.last_mut() else { return };
    if mode == Mode::DryRun.as_str() {
        last.kind = FieldKind::Text;
        last.label = "Enter starts it".into();
        last.help = "a dry run changes nothing".into();
    } else {
        last.label = format!("type {mode}");
        last.help.clear();
        last.kind = FieldKind::Word(mode);
    }
}

pub fn submit(app: &mut App, runbook: &RunbookId, form: &Form) -> Answer {
    let book = app.estate.as_ref().and_then(|e| e.runbook(runbook.as_str())).cloned();
    let Some(book) = book else { return Err((0, format!("There is no runbook {runbook} any more."))) };
    let mut params = BTreeMap::new();
    for (at, field) in form.fields.iter().enumerate() {
        let Some(def) = book.params.get(&field.id) else { continue };
        params.insert(field.id.clone(), read(app, def, field.value()).map_err(|why| (at, why))?);
    }
    if let Err(why) = moves(&book, &params) {
        let at = form.fields.iter().position(|f| f.id == "to").unwrap_or(0);
        return Err((at, why));
    }
    let chosen = form.field("mode");
    let mode = MODES.into_iter().find(|m| m.as_str() == chosen).unwrap_or(Mode::DryRun);
    let incident = app.incident.as_ref().filter(|_| mode == Mode::Live).map(|i| i.id.clone());
    app.awaited_run = Some(runbook.clone());
    Ok(vec![Effect::StartRun { runbook: runbook.clone(), mode, params, incident }])
}

fn read(app: &App, def: &ParamDef, text: &str) -> Result<Value, String> {
    if text.is_empty() {
        return Err("This needs a value.".into());
    }
    match def.ty {
        ParamType::Integer => {
            text.parse::<i64>().map(Value::from).map_err(|_| format!("{text:?} is no whole number."))
        }
        ParamType::Bool => Ok(Value::Bool(text == "true")),
        ParamType::Instant => {
            let at = crate::app::instant(text, app.now)?;
            Ok(Value::from(at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)))
        }
        _ => Ok(Value::from(text)),
    }
}
