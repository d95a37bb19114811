//! Questions: whatever changes the world is a form that is filled in and whose
//! last word is typed. A new one is a `Purpose`, a function that lays it out
//! and an arm in `submit`.

mod acknowledge;
mod answer;
mod declare;
mod order;
mod start;

use lifeboat_core::{
    model::*,
    run::{AskKind, RunView},
};

pub use acknowledge::{acknowledge, odd};
pub use declare::evidence;

use super::{App, Effect, Input, Key, KeyCode, Layer};

#[derive(Debug, Clone, PartialEq)]
pub enum Purpose {
    Leave,
    Declare,
    StandDown,
    /// An anomaly is as it should be.
    Acknowledge {
        rule: String,
        subject: String,
        object: Option<String>,
    },
    Start(RunbookId),
    /// What a step of a run asks.
    Answer {
        run: RunId,
        step: StepId,
        kind: AskKind,
    },
    Cancel(RunId),
    Note(RunId),
    Order(RunId, Order),
}

#[derive(Debug, Clone, PartialEq)]
pub enum FieldKind {
    Text,
    /// One of these; arrows go through them, a letter finds the next.
    Choice(Vec<String>),
    /// Must be typed exactly: what danger costs.
    Word(String),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    pub id: String,
    pub label: String,
    /// What may be typed, where the label does not say.
    pub help: String,
    pub kind: FieldKind,
    pub input: Input,
}

impl Field {
    pub fn text(id: &str, label: &str, value: &str, help: &str) -> Self {
        Self {
            id: id.into(),
            label: clean_line(label),
            help: clean_line(help),
            kind: FieldKind::Text,
            input: Input::of(value),
        }
    }
    pub fn choice(id: &str, label: &str, choices: Vec<String>, chosen: &str) -> Self {
        let chosen = choices.iter().find(|c| *c == chosen).or(choices.first()).cloned().unwrap_or_default();
        Self { kind: FieldKind::Choice(choices), ..Self::text(id, label, &chosen, "left and right choose") }
    }
    pub fn word(label: &str, word: &str) -> Self {
        Self { kind: FieldKind::Word(word.into()), ..Self::text("word", label, "", "") }
    }
    pub fn value(&self) -> &str {
        self.input.text().trim()
    }
    fn edit(&mut self, key: Key) {
        let FieldKind::Choice(choices) = &self.kind else {
            self.input.edit(key);
            return;
        };
        let at = choices.iter().position(|c| c == self.input.text()).unwrap_or(0);
        let count = choices.len().max(1);
        let to = match key.code {
            KeyCode::Right | KeyCode::Char(' ') => (at + 1) % count,
            KeyCode::Left => (at + count - 1) % count,
            _ => {
                let begins = |c: &&String| key.typed().is_some_and(|k| c.starts_with(k));
                let after = choices.iter().skip(at + 1).chain(choices.iter().take(at + 1)).find(begins);
                after.and_then(|c| choices.iter().position(|o| o == c)).unwrap_or(at)
            }
        };
        if let Some(choice) = choices.get(to) {
            self.input = Input::of(choice.clone());
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Form {
    pub purpose: Purpose,
    pub title: String,
    /// What is asked, in one sentence.
    pub sentence: String,
    /// What speaks for it, or exactly what will be done.
    pub details: Vec<String>,
    pub fields: Vec<Field>,
    pub focus: usize,
    pub error: Option<String>,
    /// When it reached the terminal; what was typed before is no answer to it.
    pub shown: Option<Time>,
    pub danger: bool,
    /// For a start: the runbook's title and the details as written, filled in
    /// anew as fields change.
    pub plan: Vec<String>,
}

impl Form {
    pub fn new(purpose: Purpose, title: &str, sentence: &str, fields: Vec<Field>) -> Self {
        Self {
            purpose,
            title: clean_line(title),
            sentence: clean_line(sentence),
            details: Vec::new(),
            fields,
            focus: 0,
            error: None,
            shown: None,
            danger: true,
            plan: Vec::new(),
        }
    }
    pub fn field(&self, id: &str) -> &str {
        self.fields.iter().find(|f| f.id == id).map_or("", Field::value)
    }
    pub fn focused(&mut self) -> Option<&mut Field> {
        self.fields.get_mut(self.focus)
    }
    /// Whether a key that was read at `at` was typed before the question was there.
    pub fn too_early(&self, at: Time) -> bool {
        self.shown.is_none_or(|shown| at <= shown)
    }
    pub fn step(&mut self, by: isize) {
        let count = self.fields.len().max(1);
        self.focus = self.focus.saturating_add_signed(by).min(count - 1);
    }
    pub fn edit(&mut self, key: Key) {
        self.error = None;
        // The word that is meant for the last field chooses nothing on its way.
        let typed = key.typed().is_some_and(|c| c != ' ');
        let chooses = self.fields.get(self.focus).is_some_and(|f| matches!(f.kind, FieldKind::Choice(_)));
        if typed && chooses && self.has_word() {
            self.error =
                Some("Left and right choose here; what is to be typed goes into the last line.".into());
            return;
        }
        if let Some(field) = self.focused() {
            field.edit(key);
        }
        follow(self);
    }
    fn has_word(&self) -> bool {
        self.fields.iter().any(|f| matches!(&f.kind, FieldKind::Word(word) if !word.is_empty()))
    }
}

/// The word to type follows what is chosen above it.
fn follow(form: &mut Form) {
    match form.purpose {
        Purpose::Declare => declare::follow(form),
        Purpose::Start(_) => start::follow(form),
        Purpose::Answer { .. } => answer::follow(form),
        Purpose::Order(..) => order::follow(form),
        _ => {}
    }
}

pub fn open(app: &mut App, form: Form) {
    app.layers.push(Layer::Form(Box::new(form)));
}

pub fn leave(app: &mut App) {
    let word = Field::word("type leave", "leave");
    let mut form = Form::new(
        Purpose::Leave,
        "Leave Lifeboat",
        "A run is open. Leave it to be resumed later?",
        vec![word],
    );
    form.details.push("A step that runs now is let finish; no further one is started.".into());
    open(app, form);
}

pub use answer::{ask_for, cancel, note};
pub use declare::{declare, stand_down};
pub use order::{Order, order, selected};
pub use start::start;

/// Enter: on to the next field, and on the last one done, if all is right.
pub fn accept(app: &mut App) -> Vec<Effect> {
    let Some(Layer::Form(form)) = app.layers.last_mut() else { return vec![] };
    if form.focus + 1 < form.fields.len() {
        form.step(1);
        return vec![];
    }
    let mut form = form.clone();
    let wrong =
        form.fields.iter().position(|f| matches!(&f.kind, FieldKind::Word(word) if f.value() != word));
    let answer = match wrong {
        Some(at) => Err((at, format!("Type {} to go on, or Esc to leave.", word(&form.fields[at])))),
        None => submit(app, &form),
    };
    match answer {
        Ok(effects) => {
            app.layers.pop();
            effects
        }
        Err((at, why)) => {
            form.focus = at;
            form.error = Some(why);
            app.layers.pop();
            app.layers.push(Layer::Form(form));
            vec![]
        }
    }
}

fn word(field: &Field) -> &str {
    match &field.kind {
        FieldKind::Word(word) => word,
        _ => "",
    }
}

/// What a filled-in form asks of the world; else the field that is wrong, and why.
type Answer = Result<Vec<Effect>, (usize, String)>;

fn submit(app: &mut App, form: &Form) -> Answer {
    match &form.purpose {
        Purpose::Leave => Ok(vec![Effect::Quit]),
        Purpose::Declare => declare::submit(app, form),
        Purpose::StandDown => Ok(vec![Effect::StandDown]),
        Purpose::Acknowledge { rule, subject, object } => {
            acknowledge::submit(rule, subject, object.as_deref(), form)
        }
        Purpose::Start(runbook) => start::submit(app, runbook, form),
        Purpose::Answer { run, step, kind } => answer::submit(run, step, kind, form),
        Purpose::Cancel(run) | Purpose::Note(run) => answer::say(run, form),
        Purpose::Order(run, order) => order::submit(app, run, order, form),
    }
}

/// Whether a layer asks something that this run no longer asks.
pub fn answered(layer: &Layer, view: &RunView) -> bool {
    let Layer::Form(form) = layer else { return false };
    let Purpose::Answer { run, step, kind } = &form.purpose else { return false };
    *run == view.run.id && !view.asks.iter().any(|a| a.step == *step && a.kind == *kind)
}
