//! Answers to what a run asks, and words for its journal.

use std::collections::BTreeMap;

use lifeboat_core::{
    model::*,
    run::{Ask, AskKind, Verb},
};
use serde_json::Value;

use super::{Answer, Field, FieldKind, Form, Purpose, open};
use crate::app::{App, Effect};

/// Opens what the run on screen asks first.
pub fn ask_for(app: &mut App) {
    let Some(view) = app.run().cloned() else { return };
    let selected = app.selected().map(|r| r.id.clone());
    let of_selected = view.asks.iter().find(|a| selected.as_deref() == Some(a.step.as_str()));
    let Some(ask) = of_selected.or(view.asks.first()) else {
        app.say("The run asks nothing now.", false);
        return;
    };
    open(app, form(&view.run.id, ask));
}

fn form(run: &RunId, ask: &Ask) -> Form {
    let mut details = Vec::new();
    let (title, fields) = match &ask.kind {
        AskKind::Confirm { target, action } => {
            details.extend(clean(action).lines().map(str::to_owned));
            ("Confirm".to_owned(), vec![Field::word(&format!("type {}", clean_line(target)), target)])
        }
        AskKind::Manual { fields } => {
            let mut all: Vec<_> = fields.iter().map(|f| Field::text(&f.id, &f.id, "", "")).collect();
            all.push(Field::word("type done", "done"));
            ("By hand".to_owned(), all)
        }
        AskKind::Settle => (
            "Did it happen?".to_owned(),
            vec![
                Field::text("answer", "type done or not done", "", ""),
                Field::text("reason", "how you know", "", "kept in the journal"),
            ],
        ),
        AskKind::Failed => (
            "It failed".to_owned(),
            vec![
                Field::text("answer", "type retry, skip or cancel", "", ""),
                Field::text("reason", "why", "", "needed for skip and cancel"),
            ],
        ),
        AskKind::Decide { choices, evidence } => {
            details.extend(evidence.iter().map(|e| clean_line(e)));
            let one = |c: &Choice| format!("{}: {}", c.id, clean_line(c.title.as_deref().unwrap_or("")));
            details.extend(choices.iter().map(one));
            words("Which way?", "type the choice", "what spoke for it")
        }
        AskKind::Approve { action, given, .. } => {
            details.extend(clean(action).lines().map(str::to_owned));
            details.extend(given.iter().map(|by| format!("agreed: {}", clean_line(by.as_str()))));
            words("Do you agree?", "type approve or decline", "needed for decline")
        }
        AskKind::Override { why, typed, .. } => {
            details.push(clean_line(why));
            let word = typed.as_deref().unwrap_or("override");
            let typed = Field::word(&format!("type {}", clean_line(word)), word);
            (
                "Go on in spite of it?".to_owned(),
                vec![typed, Field::text("reason", "why", "", "kept in the journal")],
            )
        }
        AskKind::Commit => words("Commit?", "type commit or roll back", "needed for roll back"),
        AskKind::UndoFailed => words("The undo failed", "type undo or leave", "kept in the journal"),
    };
    let purpose = Purpose::Answer { run: run.clone(), step: ask.step.clone(), kind: ask.kind.clone() };
    let mut form = Form::new(purpose, &title, &ask.sentence, fields);
    form.details = details;
    form
}

fn words(title: &str, answer: &str, help: &str) -> (String, Vec<Field>) {
    let fields = vec![Field::text("answer", answer, "", ""), Field::text("reason", "why", "", help)];
    (title.to_owned(), fields)
}

/// A retry needs no reason, so none is asked for.
pub fn follow(form: &mut Form) {
    let retry = form.field("answer") == "retry";
    if let Some(reason) = form.fields.iter_mut().find(|f| f.id == "reason" && f.kind == FieldKind::Text) {
        reason.help = if retry { "not needed" } else { "kept in the journal" }.into();
    }
}

pub fn submit(run: &RunId, step: &StepId, kind: &AskKind, form: &Form) -> Answer {
    let reason = form.field("reason").to_owned();
    let reasoned = |verb: Verb| match reason.is_empty() {
        true => Err((1, "Say why; it is kept in the journal.".to_owned())),
        false => Ok(verb),
    };
    let step = step.clone();
    let verb = match (kind, form.field("answer")) {
        (AskKind::Confirm { target, .. }, _) => Verb::Confirm { step, typed: target.clone() },
        (AskKind::Manual { fields }, _) => {
            let empty = fields.iter().position(|f| f.required && form.field(&f.id).is_empty());
            if let Some(at) = empty {
                return Err((at, "This needs a value.".into()));
            }
            let filled: BTreeMap<_, _> =
                fields.iter().map(|f| (f.id.clone(), Value::from(form.field(&f.id)))).collect();
            Verb::Submit { step, fields: filled }
        }
        (AskKind::Settle, "done") => reasoned(Verb::Settle { step, done: true, reason: reason.clone() })?,
        (AskKind::Settle, "not done") => {
            reasoned(Verb::Settle { step, done: false, reason: reason.clone() })?
        }
        (AskKind::Settle, _) => return Err((0, "Type done or not done.".into())),
        (AskKind::Failed, "retry") => Verb::Retry { step },
        (AskKind::Failed, "skip") => reasoned(Verb::Skip { step, reason: reason.clone() })?,
        (AskKind::Failed, "cancel") => reasoned(Verb::Cancel { reason: reason.clone() })?,
        (AskKind::Failed, _) => return Err((0, "Type retry, skip or cancel.".into())),
        (AskKind::Decide { choices, .. }, typed) => match choices.iter().find(|c| c.id == *typed) {
            Some(choice) => Verb::Choose { step, choice: choice.id.clone(), evidence: reason },
            None => return Err((0, "Type one of the choices.".into())),
        },
        (AskKind::Approve { of, .. }, "approve") => Verb::Approve { step, of: of.clone() },
        (AskKind::Approve { .. }, "decline") => reasoned(Verb::Decline { step, reason: reason.clone() })?,
        (AskKind::Approve { .. }, _) => return Err((0, "Type approve or decline.".into())),
        (AskKind::Override { gate, typed, .. }, _) => {
            reasoned(Verb::Override { gate: gate.clone(), reason: reason.clone(), typed: typed.clone() })?
        }
        (AskKind::Commit, "commit") => Verb::Commit { reason },
        (AskKind::Commit, "roll back") => reasoned(Verb::RollBack { reason: reason.clone() })?,
        (AskKind::Commit, _) => return Err((0, "Type commit or roll back.".into())),
        (AskKind::UndoFailed, "undo") => reasoned(Verb::Undo { step, reason: reason.clone() })?,
        (AskKind::UndoFailed, "leave") => reasoned(Verb::Skip { step, reason: reason.clone() })?,
        (AskKind::UndoFailed, _) => return Err((0, "Type undo or leave.".into())),
    };
    Ok(vec![Effect::Verb { run: run.clone(), verb }])
}

pub fn cancel(app: &mut App) {
    let Some(view) = app.run() else { return };
    let fields =
        vec![Field::text("reason", "why", "", "kept in the journal"), Field::word("type cancel", "cancel")];
    let sentence = "Cancel this run? What has been done stays done.";
    let mut form = Form::new(Purpose::Cancel(view.run.id.clone()), "Cancel the run", sentence, fields);
    form.details.extend(view.doing.iter().map(|d| clean_line(d)));
    open(app, form);
}

pub fn note(app: &mut App) {
    let Some(view) = app.run() else { return };
    let fields = vec![Field::text("note", "note", "", "")];
    let purpose = Purpose::Note(view.run.id.clone());
    let mut form = Form::new(purpose, "Note", "A line for the run's journal.", fields);
    form.danger = false;
    open(app, form);
}

/// A reason or a note, as a verb.
pub fn say(run: &RunId, form: &Form) -> Answer {
    let text = |id: &str| match form.field(id) {
        "" => Err((0, "Write a few words.".to_owned())),
        text => Ok(text.to_owned()),
    };
    let verb = match form.purpose {
        Purpose::Cancel(_) => Verb::Cancel { reason: text("reason")? },
        _ => Verb::Note { text: text("note")? },
    };
    Ok(vec![Effect::Verb { run: run.clone(), verb }])
}
