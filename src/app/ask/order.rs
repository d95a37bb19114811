//! What a person orders of a run by a key of its own: each is a form with a
//! reason, and its last field is typed.

use std::collections::BTreeSet;

use lifeboat_core::{
    model::*,
    run::{PlanEdit, RunView, StepStatus, Verb, edited},
};
use serde_json::{Value, json};

use super::{Answer, Field, Form, Purpose, open};
use crate::app::{App, Effect};

#[derive(Debug, Clone, PartialEq)]
pub enum Order {
    RollBack,
    HandOver,
    TakeOver,
    /// A failover that was made elsewhere.
    Adopt,
    Ungraceful,
    /// A step that was done without Lifeboat.
    Outside(StepId),
    /// One completed step is taken back.
    Undo(StepId),
    Edit(StepId),
}

impl Order {
    /// Title, what is asked, what the text is for, and the word that is typed.
    fn words(&self) -> (&'static str, &'static str, &'static str, &'static str) {
        match self {
            Self::RollBack => (
                "Roll back",
                "Take back everything that can be taken back, the newest first?",
                "why",
                "roll back",
            ),
            Self::HandOver => {
                ("Hand over", "Offer the command to somebody else?", "what they must know", "hand over")
            }
            Self::TakeOver => ("Take over", "Take the command of this run?", "why", "take over"),
            Self::Adopt => (
                "Adopt",
                "Was this done elsewhere already? Steps whose check says so are not done again.",
                "who did it, and where",
                "adopt",
            ),
            Self::Ungraceful => (
                "Go on ungracefully",
                "Leave out what only a graceful move needs? Writes that only the old home has may be lost.",
                "why",
                "ungraceful",
            ),
            Self::Outside(_) => (
                "Done outside",
                "Was this step done without Lifeboat? It will not be done again.",
                "what proves it",
                "done outside",
            ),
            Self::Undo(_) => ("Undo", "Take this one step back?", "why", "undo"),
            Self::Edit(_) => (
                "Edit the plan",
                "Change this step for this run? Approvals of what is changed are void.",
                "why",
                "edit",
            ),
        }
    }
}

const REMOVE: &str = "remove it";
const TIMEOUT: &str = "its timeout";
const ARGUMENTS: &str = "its arguments";
const BY_HAND: &str = "a step by hand after it";

/// Opens the form of an order about the run on screen.
pub fn order(app: &mut App, order: Order) {
    let Some(view) = app.run().cloned() else { return };
    let (title, sentence, about, word) = order.words();
    let mut fields = Vec::new();
    match &order {
        Order::HandOver => fields.push(to_whom(app, &view)),
        Order::Edit(_) => {
            let kinds = [REMOVE, TIMEOUT, ARGUMENTS, BY_HAND].map(str::to_owned).to_vec();
            fields.push(Field::choice("kind", "change", kinds, TIMEOUT));
            fields.push(Field::text("value", "to", "", ""));
        }
        _ => {}
    }
    fields.push(Field::text("reason", about, "", "kept in the journal"));
    fields.push(Field::word(&format!("type {word}"), word));
    let mut form = Form::new(Purpose::Order(view.run.id.clone(), order.clone()), title, sentence, fields);
    form.details = details(&view, &order);
    form.plan.clone_from(&form.details);
    follow(&mut form);
    open(app, form);
}

/// The step of the selected line.
pub fn selected(app: &App) -> Option<StepId> {
    let view = app.run()?;
    let row = app.selected()?;
    view.run.step(&row.id).map(|s| s.plan.id.clone())
}

/// Whoever else the estate names; with nobody named, whoever is typed.
fn to_whom(app: &App, view: &RunView) -> Field {
    let people = app.estate.iter().flat_map(|e| &e.operators).map(|o| o.id.to_string());
    let others: BTreeSet<String> = people.filter(|p| view.run.commander != *p.as_str()).collect();
    match others.is_empty() {
        true => Field::text("to", "to whom", "", "their name"),
        false => Field::choice("to", "to whom", others.into_iter().collect(), ""),
    }
}

fn details(view: &RunView, order: &Order) -> Vec<String> {
    let run = &view.run;
    let step = |id: &StepId| {
        run.step(id.as_str()).map(|s| {
            format!("{}: {} ({})", s.plan.id, clean_line(s.plan.label()), s.status.as_str().replace('_', " "))
        })
    };
    match order {
        Order::RollBack => {
            // What only looked has nothing to take back.
            let looks = |kind: &str| matches!(kind, "wait" | "check" | "decide" | "approve");
            let acted = |s: &&lifeboat_core::run::StepRun| !looks(&s.plan.kind) || s.plan.undo.is_some();
            let back = run.steps.iter().rev().filter(|s| s.status == StepStatus::Succeeded).filter(acted);
            let line = |s: &lifeboat_core::run::StepRun| match &s.plan.undo {
                Some(undo) => format!("{}: {}", s.plan.id, clean_line(&undo.join(" "))),
                None => format!("{}: it has no undo and stays", s.plan.id),
            };
            let lines: Vec<_> = back.map(line).collect();
            match lines.is_empty() {
                true => vec!["nothing has been done that could be taken back".to_owned()],
                false => lines,
            }
        }
        Order::HandOver | Order::TakeOver => {
            let offered = run.offered.as_ref().map(|to| format!("offered to {to}"));
            [Some(format!("{} is in command", run.commander)), offered].into_iter().flatten().collect()
        }
        Order::Adopt | Order::Ungraceful => Vec::new(),
        Order::Outside(id) | Order::Undo(id) | Order::Edit(id) => step(id).into_iter().collect(),
    }
}

/// What is changed is told before it is, as it is typed.
pub fn follow(form: &mut Form) {
    let Purpose::Order(_, Order::Edit(id)) = &form.purpose else { return };
    let (kind, value) = (form.field("kind").to_owned(), form.field("value").to_owned());
    let (help, line) = match kind.as_str() {
        REMOVE => ("nothing to type", format!("- {id} is removed")),
        TIMEOUT => ("for example 5m", format!("~ {id}: its timeout becomes {value}")),
        ARGUMENTS => ("[\"./bin/x\", \"argument\"]", format!("~ {id}: it runs {value}")),
        _ => ("what is to be done", format!("+ after {id}, by hand: {value}")),
    };
    form.details = form.plan.iter().cloned().chain([clean_line(&line)]).collect();
    if let Some(field) = form.fields.iter_mut().find(|f| f.id == "value") {
        field.help = help.to_owned();
    }
}

pub fn submit(app: &App, run: &RunId, order: &Order, form: &Form) -> Answer {
    let place = |id: &str| form.fields.iter().position(|f| f.id == id).unwrap_or(0);
    let text = |id: &str, what: &str| match form.field(id) {
        "" => Err((place(id), what.to_owned())),
        text => Ok(text.to_owned()),
    };
    let reason = text("reason", "Write a few words; they are kept in the journal.")?;
    let verb = match order {
        Order::RollBack => Verb::RollBack { reason },
        Order::HandOver => {
            Verb::HandOver { to: OperatorId::new(text("to", "Name who takes over.")?), text: reason }
        }
        Order::TakeOver => Verb::TakeOver { reason },
        Order::Adopt => Verb::Adopt { reason },
        Order::Ungraceful => Verb::Ungraceful { reason },
        Order::Outside(step) => Verb::DoneOutside { step: step.clone(), evidence: reason },
        Order::Undo(step) => Verb::Undo { step: step.clone(), reason },
        Order::Edit(step) => {
            let edit = change(app, run, step, form).map_err(|why| (place("value"), why))?;
            Verb::Edit { edits: vec![edit], reason }
        }
    };
    Ok(vec![Effect::Verb { run: run.clone(), verb }])
}

fn change(app: &App, run: &RunId, id: &StepId, form: &Form) -> Result<PlanEdit, String> {
    let view = app.views.get(run).ok_or("The run is not shown any more.")?;
    let book = &view.run.runbook;
    let there = book.steps.iter().find(|s| s.id == *id);
    let mut step = there.cloned().ok_or("This line is one of several: change the step itself.")?;
    let value = form.field("value");
    let edit = match form.field("kind") {
        REMOVE => PlanEdit::Remove { id: id.clone() },
        TIMEOUT => {
            let timeout = value.parse::<Dur>().map_err(|e| e.to_string())?;
            PlanEdit::Replace { step: Box::new(StepPlan { timeout: Some(timeout), ..step }) }
        }
        ARGUMENTS => {
            let list: Vec<String> =
                serde_json::from_str(value).map_err(|_| "Write a list: [\"program\", \"argument\"].")?;
            let had = step.options.insert("run".to_owned(), json!(list));
            if !had.is_some_and(|v| v.is_array()) {
                return Err("This step runs no program.".to_owned());
            }
            PlanEdit::Replace { step: Box::new(step) }
        }
        _ => {
            if value.is_empty() {
                return Err("Say what is to be done.".to_owned());
            }
            let own = by_hand(book, id, value)?;
            PlanEdit::Add { after: Some(id.clone()), step: Box::new(own) }
        }
    };
    edited(book, std::slice::from_ref(&edit)).map_err(|why| format!("{why}."))?;
    Ok(edit)
}

/// Named after the step before it, with a number that is free.
fn by_hand(book: &Runbook, after: &StepId, title: &str) -> Result<StepPlan, String> {
    let free = |n: &usize| !book.steps.iter().any(|s| s.id == *format!("{after}-by-hand-{n}").as_str());
    let n = (1..100).find(free).ok_or("There are too many of these already.")?;
    let plan: Value = json!({ "id": format!("{after}-by-hand-{n}"), "kind": "manual", "title": title });
    serde_json::from_value(plan).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::app::{AppOptions, Key, KeyCode, Layer, Msg, sample, sample::*, update};

    const ENTER: Key = Key::plain(KeyCode::Enter);

    fn with_run() -> App {
        let mut app = sample::app(AppOptions::default(), (120, 40), Some("eu-west-1"));
        let estate = sample::estate();
        update(&mut app, Msg::Run(Arc::new(run(&estate))));
        press(&mut app, &[Key::char('0')]);
        app
    }

    /// The verb of a key and what is typed field by field; `None`: it was not enough.
    fn ordered(key: char, fields: &[&str]) -> Option<Verb> {
        let mut app = with_run();
        press(&mut app, &[Key::char(key)]);
        assert!(matches!(app.layer(), Some(Layer::Form(_))), "{key}");
        let mut effects = Vec::new();
        for field in fields {
            press(&mut app, &[Key::ctrl('u')]);
            type_text(&mut app, field);
            effects.extend(press(&mut app, &[ENTER]));
        }
        effects.into_iter().find_map(|e| match e {
            Effect::Verb { verb, .. } => Some(verb),
            _ => None,
        })
    }

    #[test]
    fn each_order_is_a_form_whose_last_field_is_typed() {
        let reason = || "the region came back".to_owned();
        let step = || StepId::new("promote");
        let table = [
            ('B', "roll back", Verb::RollBack { reason: reason() }),
            ('C', "take over", Verb::TakeOver { reason: reason() }),
            ('A', "adopt", Verb::Adopt { reason: reason() }),
            ('U', "ungraceful", Verb::Ungraceful { reason: reason() }),
            ('O', "done outside", Verb::DoneOutside { step: step(), evidence: reason() }),
            ('Z', "undo", Verb::Undo { step: step(), reason: reason() }),
        ];
        for (key, word, verb) in table {
            assert_eq!(ordered(key, &[&reason(), word]), Some(verb), "{key}");
            assert_eq!(ordered(key, &[&reason(), "yes"]), None, "{key}: Enter and yes are no answer");
            assert_eq!(ordered(key, &["", word]), None, "{key}: a reason is kept");
        }
        let handed = ordered('H', &["grace", "shift ends", "hand over"]);
        let to = OperatorId::new("grace");
        assert_eq!(handed, Some(Verb::HandOver { to, text: "shift ends".into() }));
    }

    #[test]
    fn a_change_of_the_plan_is_told_before_it_is_made() {
        let mut app = with_run();
        press(&mut app, &[Key::char('E'), ENTER]);
        type_text(&mut app, "5m");
        let Some(Layer::Form(form)) = app.layer() else { panic!("no form") };
        assert!(form.details.iter().any(|d| d == "~ promote: its timeout becomes 5m"), "{:?}", form.details);
        press(&mut app, &[ENTER]);
        type_text(&mut app, "it is slow today");
        press(&mut app, &[ENTER]);
        type_text(&mut app, "edit");
        let effects = press(&mut app, &[ENTER]);
        let [Effect::Verb { verb: Verb::Edit { edits, .. }, .. }] = &effects[..] else {
            panic!("{effects:?}")
        };
        let [PlanEdit::Replace { step }] = &edits[..] else { panic!("{edits:?}") };
        assert_eq!((step.id.as_str(), step.timeout), ("promote", Some(Dur::secs(300))));

        let mut app = with_run();
        press(&mut app, &[Key::char('E'), ENTER]);
        type_text(&mut app, "soon");
        press(&mut app, &[ENTER]);
        type_text(&mut app, "why not");
        press(&mut app, &[ENTER]);
        type_text(&mut app, "edit");
        assert_eq!(press(&mut app, &[ENTER]), [], "what cannot be read is not sent");
    }

    #[test]
    fn nothing_is_ordered_of_a_run_that_is_over() {
        let mut app = with_run();
        let mut view = run(&sample::estate());
        Arc::make_mut(&mut view.run).state = lifeboat_core::run::RunState::Completed;
        update(&mut app, Msg::Run(Arc::new(view)));
        for key in "BHCAUOZEc".chars() {
            assert_eq!(press(&mut app, &[Key::char(key)]), [], "{key}");
            assert!(app.layer().is_none(), "{key}");
        }
    }
}
