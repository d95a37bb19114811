//! A condition beside the names that there are: unknown names and values that
//! can never be are told before a run begins, with their place.

use std::collections::{BTreeMap, BTreeSet};

use super::{Atom, Expr, ExprError, Op, Term, parse};
use crate::{
    model::*,
    run::{Mode, StepStatus, branch, plan},
};

/// What a name can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Type {
    Bool,
    Number,
    Text,
    Instant,
    /// One of certain words, which need no quotes.
    OneOf(&'static str, Vec<String>),
    /// An output whose type is not declared: compared by what it turns out to be.
    Any,
}

/// Names with their types, and of which step each is.
#[derive(Debug, Clone, Default)]
pub struct Names {
    of: BTreeMap<String, (Type, Option<StepId>)>,
}

impl Names {
    pub fn add(&mut self, name: impl Into<String>, ty: Type) {
        self.of.insert(name.into(), (ty, None));
    }
    fn of_step(&mut self, step: &StepId, name: &str, ty: Type) {
        self.of.insert(format!("{step}.{name}"), (ty, Some(step.clone())));
    }
    pub fn get(&self, name: &str) -> Option<&Type> {
        self.of.get(name).map(|(ty, _)| ty)
    }
    pub fn all(&self) -> impl Iterator<Item = &str> {
        self.of.keys().map(String::as_str)
    }
    /// The step that a name is about; none for a parameter.
    fn step(&self, name: &str) -> Option<&StepId> {
        self.of.get(name).and_then(|(_, step)| step.as_ref())
    }
}

const STATES: [StepStatus; 13] = {
    use StepStatus::*;
    [
        Pending,
        Ready,
        Running,
        AwaitingInput,
        AwaitingApproval,
        Succeeded,
        Failed,
        FailedIgnored,
        TimedOut,
        Skipped,
        Indeterminate,
        Undone,
        Cancelled,
    ]
};

/// Every name that a condition of this runbook may use. `regions` and
/// `workloads` are those of the estate.
pub fn names(runbook: &Runbook, regions: &[&str], workloads: &[&str]) -> Names {
    let words = |all: &[&str]| all.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
    let mut names = Names::default();
    let modes = [Mode::Live, Mode::Rehearsal, Mode::DryRun].map(|m| m.as_str());
    for step in &runbook.steps {
        names.of_step(&step.id, "state", Type::OneOf("state", words(&STATES.map(StepStatus::as_str))));
        outputs(&mut names, step);
    }
    for (name, def) in &runbook.params {
        names.add(
            name,
            match def.ty {
                ParamType::Region => Type::OneOf("region", words(regions)),
                ParamType::Workload => Type::OneOf("workload", words(workloads)),
                ParamType::Choice => Type::OneOf("choice", def.choices.clone()),
                ParamType::Integer => Type::Number,
                ParamType::Bool => Type::Bool,
                ParamType::Instant => Type::Instant,
                ParamType::String | ParamType::RecoveryPoint | ParamType::Secret => Type::Text,
            },
        );
    }
    names.add("mode", Type::OneOf("mode", words(&modes)));
    names.add("graceful", Type::Bool);
    names
}

fn outputs(names: &mut Names, step: &StepPlan) {
    for (name, def) in &step.outputs {
        names.of_step(
            &step.id,
            name,
            match def.ty {
                Some(OutputType::Integer | OutputType::Number) => Type::Number,
                Some(OutputType::Bool) => Type::Bool,
                Some(OutputType::Instant) => Type::Instant,
                Some(OutputType::String) => Type::Text,
                Some(OutputType::List) | None => Type::Any,
            },
        );
    }
    if plan::moves(&step.kind) == plan::Moves::Probe {
        names.of_step(&step.id, "value", Type::Number);
        names.of_step(&step.id, "text", Type::Text);
    }
    for field in plan::fields(step) {
        names.of_step(
            &step.id,
            &field.id,
            match field.ty {
                ParamType::Integer => Type::Number,
                ParamType::Bool => Type::Bool,
                ParamType::Instant => Type::Instant,
                ParamType::Choice => Type::OneOf("choice", field.choices.clone()),
                _ => Type::Text,
            },
        );
    }
    let choices = plan::choices(step);
    if !choices.is_empty() {
        let ids = choices.iter().map(|c| c.id.to_string()).collect();
        names.of_step(&step.id, "choice", Type::OneOf("choice", ids));
    }
}

/// `when` of one step: read, every name known, every value possible, and
/// every step that it names passed before it is asked.
pub fn check_when(runbook: &Runbook, step: &StepPlan, names: &Names) -> Result<(), ExprError> {
    let Some(condition) = &step.when else { return Ok(()) };
    let mut names = names.clone();
    for name in step.for_each.iter().flat_map(Each::names) {
        names.add(name, Type::Text);
    }
    let expr = parse(condition)?;
    check(&expr, &names)?;
    let before = branch::before(runbook, &step.id);
    each_name(&expr, &mut |name, at| match names.step(name) {
        Some(of) if !before.contains(of) => Err(ExprError::new(
            at,
            format!("{name} is not known when it is asked: the step does not come after {of}"),
        )
        .hint(format!("add {of:?} to its `needs`"))),
        _ => Ok(()),
    })
}

fn each_name(
    expr: &Expr,
    f: &mut impl FnMut(&str, super::At) -> Result<(), ExprError>,
) -> Result<(), ExprError> {
    let mut term = |t: &Term| match &t.value {
        Atom::Name(name) => f(name, t.at.clone()),
        _ => Ok(()),
    };
    match expr {
        Expr::Is(t) => term(t),
        Expr::Compare(l, _, r) => term(l).and_then(|()| term(r)),
        Expr::In(t, list) => std::iter::once(t).chain(list).try_for_each(term),
        Expr::Not(inner) => each_name(inner, f),
        Expr::Or(l, r) | Expr::And(l, r) => each_name(l, f).and_then(|()| each_name(r, f)),
    }
}

/// Whether every name is known and every comparison can be.
pub fn check(expr: &Expr, names: &Names) -> Result<(), ExprError> {
    match expr {
        Expr::Or(l, r) | Expr::And(l, r) => check(l, names).and_then(|()| check(r, names)),
        Expr::Not(inner) => check(inner, names),
        Expr::Is(term) => match type_of(term, names)? {
            Type::Bool | Type::Any => Ok(()),
            _ => Err(ExprError::new(term.at.clone(), "this is neither true nor false by itself")
                .hint("write NAME == VALUE or NAME != VALUE")),
        },
        Expr::Compare(left, op, right) => compared(left, Some(*op), right, names),
        Expr::In(left, list) => list.iter().try_for_each(|right| compared(left, None, right, names)),
    }
}

fn compared(left: &Term, op: Option<Op>, right: &Term, names: &Names) -> Result<(), ExprError> {
    let (l, r) = match (type_of(left, names), type_of(right, names)) {
        (Ok(l), Ok(r)) => (l, r),
        // One side is no name: then it is one of the words the other can be.
        (Ok(Type::OneOf(what, words)), Err(e)) => return word(right, what, &words, e),
        (Err(e), Ok(Type::OneOf(what, words))) => return word(left, what, &words, e),
        (Ok(Type::Text | Type::Any), Err(e)) if e.hint.is_none() => return Err(quotes(right, e)),
        (Err(e), _) | (_, Err(e)) => return Err(e),
    };
    let at = left.at.start..right.at.end;
    let same = match (&l, &r) {
        (Type::Any, _) | (_, Type::Any) => true,
        (Type::OneOf(what, words), Type::Text) => return text(right, what, words),
        (Type::Text, Type::OneOf(what, words)) => return text(left, what, words),
        (Type::Instant, Type::Text) => return instant(right),
        (Type::Text, Type::Instant) => return instant(left),
        (Type::OneOf(..), Type::OneOf(..)) => true,
        (l, r) => l == r,
    };
    let ordered = |ty: &Type| matches!(ty, Type::Number | Type::Instant | Type::Any);
    match op {
        _ if !same => Err(ExprError::new(at, format!("{} is never {}", said(&l), said(&r)))),
        Some(op) if op.orders() && !(ordered(&l) && ordered(&r)) => {
            Err(ExprError::new(at, format!("{} has no order", said(&l))).hint("compare with == or !="))
        }
        _ => Ok(()),
    }
}

fn said(ty: &Type) -> &'static str {
    match ty {
        Type::Bool => "yes or no",
        Type::Number => "a number",
        Type::Text => "text",
        Type::Instant => "an instant",
        Type::OneOf(what, _) => what,
        Type::Any => "an output",
    }
}

fn quotes(term: &Term, error: ExprError) -> ExprError {
    match &term.value {
        Atom::Name(name) => error.hint(format!("if it is a text, write \"{name}\"")),
        _ => error,
    }
}

fn word(term: &Term, what: &str, words: &[String], unknown: ExprError) -> Result<(), ExprError> {
    match &term.value {
        Atom::Name(name) if words.iter().any(|w| w == name) => Ok(()),
        Atom::Name(name) => {
            let all = format!("there are: {}", words.join(", "));
            Err(ExprError::new(term.at.clone(), format!("{name:?} is no {what}")).hint(all))
        }
        _ => Err(unknown),
    }
}

fn text(term: &Term, what: &str, words: &[String]) -> Result<(), ExprError> {
    match &term.value {
        Atom::Text(text) if !words.iter().any(|w| w == text) => {
            let all = format!("there are: {}", words.join(", "));
            Err(ExprError::new(term.at.clone(), format!("{text:?} is no {what}")).hint(all))
        }
        _ => Ok(()),
    }
}

fn instant(term: &Term) -> Result<(), ExprError> {
    match &term.value {
        Atom::Text(text) if chrono::DateTime::parse_from_rfc3339(text).is_err() => {
            let hint = "write an instant such as \"2026-11-22T14:05:00Z\"";
            Err(ExprError::new(term.at.clone(), format!("{text:?} is no instant")).hint(hint))
        }
        _ => Ok(()),
    }
}

fn type_of(term: &Term, names: &Names) -> Result<Type, ExprError> {
    match &term.value {
        Atom::Text(_) => Ok(Type::Text),
        Atom::Number(_) => Ok(Type::Number),
        Atom::Bool(_) => Ok(Type::Bool),
        Atom::Name(name) => names.get(name).cloned().ok_or_else(|| {
            let unknown = ExprError::new(term.at.clone(), format!("{name:?} is no parameter and no output"));
            let close =
                names.all().filter(|known| near(known, name)).min_by_key(|k| k.len().abs_diff(name.len()));
            match close {
                Some(known) => unknown.hint(format!("did you mean `{known}`?")),
                None => unknown,
            }
        }),
    }
}

/// Whether one slip of the finger lies between two names.
fn near(a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let head = a.iter().zip(&b).take_while(|(x, y)| x == y).count();
    let tail =
        |a: &[char], b: &[char]| a.iter().rev().zip(b.iter().rev()).take_while(|(x, y)| x == y).count();
    let end = tail(&a[head..], &b[head..]);
    let (left_a, left_b) = (a.len() - head - end, b.len() - head - end);
    let swapped = left_a == 2 && left_b == 2 && a[head] == b[head + 1] && a[head + 1] == b[head];
    a.len().min(b.len()) > 1 && (left_a.max(left_b) <= 1 || swapped)
}

/// The steps that a condition names.
pub(in crate::run) fn steps_named(condition: &str, known: &BTreeSet<StepId>) -> BTreeSet<StepId> {
    let Ok(expr) = parse(condition) else { return BTreeSet::new() };
    let of = |name: &str| name.rsplit_once('.').and_then(|(step, _)| known.get(step).cloned());
    expr.names().into_iter().filter_map(of).collect()
}
