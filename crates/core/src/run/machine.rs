//! The machine: a run that changes only by applying records.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    inner::{Inner, blank},
    plan,
    render::Scope,
    *,
};
use crate::{
    model::*,
    record::{Entry, Event, Record, Start},
};

/// A run with what it needs to go on.
#[derive(Debug, Clone, PartialEq)]
pub struct Machine {
    pub(super) run: Run,
    /// Beside `run.steps`, in the same order.
    pub(super) inner: Vec<Inner>,
    pub(super) paused: bool,
    pub(super) cancelling: Cancelling,
    pub(super) rolling: Option<Rolling>,
    /// `None`: not looked yet; empty also where nothing is to be looked at.
    pub(super) precheck: Option<Vec<PrecheckItem>>,
    pub(super) interlocks: Vec<Interlock>,
    pub(super) people: Vec<Operator>,
    /// Who acts without the role, for a reason that stands in the journal.
    pub(super) emergency: BTreeSet<OperatorId>,
    /// Who changed the plan: they approve nothing.
    pub(super) editors: BTreeSet<OperatorId>,
    pub(super) adopting: bool,
    pub(super) committed: bool,
    /// Failures that a person has overridden `stop_after_failures` for.
    pub(super) forgiven: u32,
    /// Steps completed so far: what is taken back goes by this order.
    pub(super) completed: u64,
    /// Why nothing goes on: the journal cannot be believed any more.
    pub(super) halted: Option<String>,
    epoch: u64,
    trust: String,
    estate: String,
    references: BTreeMap<KeyId, SecretRef>,
    /// The newest event that this program does not know.
    pub(super) newer: Option<String>,
    taken_up: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cancelling {
    No,
    /// Everything but the cleanup.
    Main,
    All,
}

/// How a roll-back came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rolling {
    pub by_failure: bool,
}

impl Machine {
    /// From the first record of a run.
    pub fn new(first: &Record) -> Result<Self, Problem> {
        match &first.event {
            Entry::Known(Event::RunStarted(start)) => Ok(Self::of(start, first)),
            _ => Err(Problem::new(Code::JOURNAL_DAMAGED, "the run's journal")
                .because("its first line does not start a run")),
        }
    }

    /// From all records of a run, as they came live. An event of a newer
    /// program is passed over and named by `newer`.
    pub fn replay(records: &[Record]) -> Result<Self, Problem> {
        let (first, rest) = records.split_first().ok_or_else(|| {
            Problem::new(Code::JOURNAL_DAMAGED, "the run's journal").because("it holds no whole line")
        })?;
        let mut machine = Self::new(first)?;
        for record in rest {
            match &record.event {
                Entry::Known(_) => machine.apply(record)?,
                Entry::Unknown { name, .. } => machine.newer = Some(name.clone()),
            }
        }
        Ok(machine)
    }

    fn of(start: &Start, first: &Record) -> Self {
        let run = Run {
            id: start.run.clone(),
            title: start.runbook.title.clone(),
            steps: Vec::new(),
            runbook: start.runbook.clone(),
            mode: start.mode,
            state: RunState::Running,
            params: start.params.clone(),
            by: first.by.clone(),
            started_at: first.at,
            ended_at: None,
            incident: start.incident.clone(),
            notes: Vec::new(),
            rto_target: start.rto_target,
            rto_estimate: start.rto_estimate,
            commander: first.by.clone(),
            offered: None,
            graceful: start.graceful,
            precheck: Vec::new(),
            exceptions: Vec::new(),
            stable_at: None,
            parent: start.parent.clone(),
        };
        let mut machine = Self {
            run,
            inner: Vec::new(),
            paused: false,
            cancelling: Cancelling::No,
            rolling: None,
            precheck: (!start.precheck).then(Vec::new),
            interlocks: start.interlocks.clone(),
            people: start.people.clone(),
            emergency: BTreeSet::new(),
            editors: BTreeSet::new(),
            adopting: false,
            committed: false,
            forgiven: 0,
            completed: 0,
            halted: None,
            epoch: start.epoch,
            trust: start.trust.clone(),
            estate: start.estate.clone(),
            references: start.references.clone(),
            newer: None,
            taken_up: false,
        };
        machine.lay_out(first.at);
        machine.recompute(first.at);
        machine
    }

    /// Makes the steps of the plan as it is now; what is known of a step that
    /// stays is kept.
    pub(super) fn lay_out(&mut self, at: Time) {
        let book = self.run.runbook.clone();
        let blanks: Vec<_> = book.steps.iter().map(blank).collect();
        let scope = Scope { steps: &blanks, ..Scope::lenient(&self.run.params) };
        self.run.title = scope.text(&book.title).unwrap_or_else(|_| book.title.clone());
        let mut old: Vec<(StepRun, Inner)> =
            std::mem::take(&mut self.run.steps).into_iter().zip(std::mem::take(&mut self.inner)).collect();
        for (n, plan) in book.steps.iter().enumerate() {
            let known = old.iter().position(|(s, _)| s.plan.id == plan.id && s.of.is_none());
            let (mut step, mut inner) = match known {
                Some(place) => old.remove(place),
                None => (blank(plan), Inner::new(plan, at)),
            };
            step.plan = plan::shown(plan, &scope);
            step.due = self.due(plan);
            (inner.plan, inner.needs) = (plan.clone(), branch::needs(&book, n));
            self.run.steps.push(step);
            self.inner.push(inner);
            while let Some(place) = old.iter().position(|(s, _)| s.of.as_ref() == Some(&plan.id)) {
                let (step, inner) = old.remove(place);
                self.run.steps.push(step);
                self.inner.push(inner);
            }
        }
    }

    fn due(&self, plan: &StepPlan) -> Option<Time> {
        let due = option::<Dur>(&plan.options, "due").ok().flatten()?;
        let from = self.run.incident.as_ref().map_or(self.run.started_at, |i| i.impact_began);
        Some(from + due)
    }

    pub fn run(&self) -> &Run {
        &self.run
    }
    /// Handed to every attempt; targets fence by it.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }
    /// The epoch of the next process that takes the run up.
    pub fn next_epoch(&self) -> u64 {
        if self.taken_up { self.epoch + 1 } else { self.epoch }
    }
    pub(super) fn took_up(&mut self, epoch: u64) {
        self.epoch = epoch;
        self.taken_up = true;
    }
    /// Hash of what was trusted when the run began.
    pub fn trust(&self) -> &str {
        &self.trust
    }
    /// The estate's id.
    pub fn estate(&self) -> &str {
        &self.estate
    }
    pub fn references(&self) -> &BTreeMap<KeyId, SecretRef> {
        &self.references
    }
    /// An event that only a newer program knows: then this run is not resumed.
    pub fn newer(&self) -> Option<&str> {
        self.newer.as_deref()
    }
    /// Why nothing goes on, where the journal can no longer be written.
    pub fn halted(&self) -> Option<&str> {
        self.halted.as_deref()
    }
    /// The interlocks that stood in the estate when the run began.
    pub fn interlocks(&self) -> &[Interlock] {
        &self.interlocks
    }
    /// The step's plan as written.
    pub(super) fn plan(&self, i: usize) -> &StepPlan {
        &self.inner[i].plan
    }
    pub(super) fn scope(&self) -> Scope<'_> {
        Scope {
            params: &self.run.params,
            each: None,
            steps: &self.run.steps,
            lenient: self.run.mode == Mode::DryRun,
            mode: self.run.mode,
            graceful: self.run.graceful,
        }
    }
    /// With what `for_each` inserts into this one.
    pub(super) fn scope_of(&self, i: usize) -> Scope<'_> {
        Scope { each: Some(&self.inner[i].each), ..self.scope() }
    }
    pub(super) fn place(&self, step: &StepId) -> Result<usize, Problem> {
        let place = self.run.steps.iter().position(|s| s.plan.id == *step);
        place.ok_or_else(|| Problem::new(Code::RUN_REFUSED, step).because("the run has no such step"))
    }
    /// Something that did not go as planned: the run is not simply completed.
    pub(super) fn except(&mut self, at: Time, what: String) {
        self.run.exceptions.push((at, what));
    }
    /// Whether only what takes back and tidies up is still done.
    pub(super) fn closing(&self) -> bool {
        self.cancelling != Cancelling::No || self.rolling.is_some()
    }
    pub(super) fn rolling_back(&self) -> bool {
        self.rolling.is_some()
    }
    /// Whether everything that is looked at before a run was, and holds or was
    /// overridden.
    pub(super) fn prechecked(&self) -> bool {
        self.precheck.as_ref().is_some_and(|items| !items.iter().any(PrecheckItem::blocks))
    }
}
