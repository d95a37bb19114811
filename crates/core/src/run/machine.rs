//! The machine: a run that changes only by applying records.

use std::collections::BTreeMap;

use super::{plan, render::Scope, *};
use crate::{
    model::*,
    record::{Action, Entry, Event, Question, Record, Start},
};

/// A run with what it needs to go on.
#[derive(Debug, Clone, PartialEq)]
pub struct Machine {
    pub(super) run: Run,
    /// Beside `run.steps`, in the same order.
    pub(super) inner: Vec<Inner>,
    pub(super) paused: bool,
    pub(super) cancelling: bool,
    epoch: u64,
    trust: String,
    estate: String,
    references: BTreeMap<KeyId, SecretRef>,
    /// The newest event that this program does not know.
    newer: Option<String>,
    taken_up: bool,
}

/// What the machine knows of a step beside what is shown.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Inner {
    pub stage: Stage,
    /// What `verify` answered before the first attempt.
    pub before: Option<Verdict3>,
    /// The action as it was confirmed.
    pub confirmed: Option<String>,
    /// Tries since a person last said retry.
    pub tries: u32,
    /// The newest answer of a polled probe, and since when.
    pub turned: Option<(bool, Time)>,
    pub reached: Time,
    /// A person had to go around it.
    pub exception: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Stage {
    /// For what it needs.
    Waiting,
    /// Next: `verify` beforehand, the confirmation, the attempt or the person.
    Reached,
    Polling {
        due: Time,
    },
    Acting {
        number: u32,
        action: Box<Action>,
        timeout: Dur,
    },
    Asking {
        question: Question,
        due: Time,
    },
    Backoff {
        until: Time,
    },
    Over,
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
        let scope = Scope { params: &start.params, steps: &[], lenient: true };
        let blanks: Vec<_> = start.runbook.steps.iter().map(blank).collect();
        let with_steps = Scope { steps: &blanks, ..scope };
        let shown = start.runbook.steps.iter().map(|s| blank(&plan::shown(s, &with_steps)));
        let inner = Inner {
            stage: Stage::Waiting,
            before: None,
            confirmed: None,
            tries: 0,
            turned: None,
            reached: first.at,
            exception: false,
        };
        let mut machine = Self {
            run: Run {
                id: start.run.clone(),
                title: with_steps.text(&start.runbook.title).unwrap_or_else(|_| start.runbook.title.clone()),
                steps: shown.collect(),
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
            },
            inner: vec![inner; start.runbook.steps.len()],
            paused: false,
            cancelling: false,
            epoch: start.epoch,
            trust: start.trust.clone(),
            estate: start.estate.clone(),
            references: start.references.clone(),
            newer: None,
            taken_up: false,
        };
        machine.recompute();
        machine
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
    /// Hash of what was trusted when the run began.
    pub fn trust(&self) -> &str {
        &self.trust
    }
    pub fn estate(&self) -> &str {
        &self.estate
    }
    /// Where the secrets that steps name are to be had.
    pub fn references(&self) -> &BTreeMap<KeyId, SecretRef> {
        &self.references
    }
    /// An event that only a newer program knows: then this run is not resumed.
    pub fn newer(&self) -> Option<&str> {
        self.newer.as_deref()
    }
    /// The step's plan as written.
    pub(super) fn plan(&self, i: usize) -> &StepPlan {
        &self.run.runbook.steps[i]
    }
    pub(super) fn scope(&self) -> Scope<'_> {
        let lenient = self.run.mode == Mode::DryRun;
        Scope { params: &self.run.params, steps: &self.run.steps, lenient }
    }
    pub(super) fn place(&self, step: &StepId) -> Result<usize, Problem> {
        let place = self.run.steps.iter().position(|s| s.plan.id == *step);
        place.ok_or_else(|| Problem::new(Code::RUN_REFUSED, step).because("the run has no such step"))
    }

    /// The only way a run changes. Fails where the record cannot follow from
    /// what is so: then the journal is not this run's.
    pub fn apply(&mut self, record: &Record) -> Result<(), Problem> {
        let Some(event) = record.event() else {
            let name = match &record.event {
                Entry::Unknown { name, .. } => name.as_str(),
                Entry::Known(event) => event.name(),
            };
            return Err(Problem::new(Code::JOURNAL_NEWER, format!("line {}", record.seq)).because(name));
        };
        self.moved(event, record.at, &record.by).map_err(|why| {
            Problem::new(Code::JOURNAL_DAMAGED, format!("line {} ({})", record.seq, event.name()))
                .because(why)
        })?;
        self.recompute();
        Ok(())
    }

    fn moved(&mut self, event: &Event, at: Time, by: &OperatorId) -> Result<(), String> {
        if self.run.state.is_over() && !matches!(event, Event::Operator { verb: Verb::Note { .. }, .. }) {
            return Err("the run is over".to_owned());
        }
        let place = |step: &StepId| self.place(step).map_err(|_| format!("the run has no step {step}"));
        match event {
            Event::RunStarted(_) | Event::IncidentDeclared { .. } | Event::IncidentStoodDown { .. } => {
                return Err("it does not belong inside a run".to_owned());
            }
            Event::TakenUp { epoch, .. } => {
                self.epoch = *epoch;
                self.taken_up = true;
                // Nobody was looking meanwhile: what must hold without a break starts anew.
                self.inner.iter_mut().for_each(|s| s.turned = None);
            }
            Event::StepReached { step } => {
                let i = place(step)?;
                self.reached(i, at);
            }
            Event::StepSkipped { step, why } => {
                let i = place(step)?;
                self.end(i, StepStatus::Skipped, at, why);
            }
            Event::StepSimulated { step, action } => {
                let i = place(step)?;
                self.end(i, StepStatus::Succeeded, at, &format!("not done, only shown: {action}"));
            }
            Event::AttemptIntended { step, number, action, timeout } => {
                let i = place(step)?;
                self.intended(i, *number, action, *timeout, at)?;
            }
            Event::AttemptEnded { step, number, outcome, still_held } => {
                let i = place(step)?;
                self.attempt_ended(i, *number, outcome, *still_held, at)?;
            }
            Event::Answered { step, question, answer, detail, .. } => {
                let i = place(step)?;
                self.was_answered(i, *question, *answer, detail, at)?;
            }
            Event::ProbeTurned { step, holds, detail } => {
                let i = place(step)?;
                self.turned(i, *holds, detail, at);
            }
            Event::StepEnded { step, status, reason, outputs } => {
                let i = place(step)?;
                self.run.steps[i].outputs.extend(outputs.clone());
                match status {
                    StepStatus::Failed | StepStatus::TimedOut => self.fail(i, *status, at, reason),
                    status => self.end(i, *status, at, reason),
                }
            }
            Event::Operator { verb, action } => self.asked(verb, action.as_deref(), at, by)?,
            Event::ClockJumped { by } => self.jumped(*by),
            Event::RunEnded { state } => {
                self.run.state = *state;
                self.run.ended_at = Some(at);
            }
        }
        Ok(())
    }

    fn reached(&mut self, i: usize, at: Time) {
        self.inner[i].reached = at;
        self.inner[i].turned = None;
        self.inner[i].stage = match plan::moves(&self.plan(i).kind) {
            plan::Moves::Probe => Stage::Polling { due: at },
            _ => Stage::Reached,
        };
        let step = &mut self.run.steps[i];
        step.started_at.get_or_insert(at);
        step.ended_at = None;
    }

    fn intended(&mut self, i: usize, n: u32, action: &Action, timeout: Dur, at: Time) -> Result<(), String> {
        if !matches!(self.inner[i].stage, Stage::Reached | Stage::Backoff { .. }) {
            return Err("an attempt begins where none may".to_owned());
        }
        if n as usize != self.run.steps[i].attempts.len() + 1 {
            return Err(format!("attempt {n} does not follow the one before"));
        }
        self.inner[i].stage = Stage::Acting { number: n, action: Box::new(action.clone()), timeout };
        self.inner[i].tries += 1;
        let attempt = Attempt { number: n, intended_at: at, ended_at: None, outcome: None };
        self.run.steps[i].attempts.push(attempt);
        Ok(())
    }

    /// Deadlines are meant in time that passes, not in what a clock is set to.
    fn jumped(&mut self, by: Dur) {
        for step in &mut self.inner {
            step.reached = step.reached + by;
            if let Some((_, since)) = &mut step.turned {
                *since = *since + by;
            }
            if let Stage::Polling { due } | Stage::Asking { due, .. } | Stage::Backoff { until: due } =
                &mut step.stage
            {
                *due = *due + by;
            }
        }
    }

    /// States that follow from the others.
    pub(super) fn recompute(&mut self) {
        for i in 0..self.inner.len() {
            let status = match self.inner[i].stage {
                Stage::Waiting if self.cancelling => continue,
                Stage::Waiting if self.may_begin(i) => StepStatus::Ready,
                Stage::Waiting => StepStatus::Pending,
                Stage::Reached if self.wants_person(i) => StepStatus::AwaitingInput,
                Stage::Asking { .. } if self.run.steps[i].status == StepStatus::Indeterminate => continue,
                Stage::Over => continue,
                _ => StepStatus::Running,
            };
            self.run.steps[i].status = status;
        }
        if self.run.state.is_over() {
            return;
        }
        let busy = self.run.steps.iter().any(|s| s.status == StepStatus::Running);
        self.run.state = match self.asks().is_empty() {
            _ if self.paused => RunState::Paused,
            false if !busy => RunState::Waiting,
            _ => RunState::Running,
        };
    }

    /// Whether everything that the step needs has passed.
    fn may_begin(&self, i: usize) -> bool {
        let passed = |id: &StepId| self.run.step(id.as_str()).is_some_and(|s| s.status.lets_pass());
        needs(&self.run.runbook, i).iter().all(passed)
    }

    /// Whether a reached step waits for a name or for a person's work.
    pub(super) fn wants_person(&self, i: usize) -> bool {
        let plan = self.plan(i);
        if plan.verify.is_some() && self.inner[i].before.is_none() {
            return false;
        }
        !self.is_confirmed(i) || plan::moves(&plan.kind) == plan::Moves::Person
    }

    /// A destructive step is confirmed only for the very action that was shown.
    pub(super) fn is_confirmed(&self, i: usize) -> bool {
        !self.plan(i).destructive || self.inner[i].confirmed.as_deref() == Some(&*self.action_shown(i))
    }

    /// What a step would do, in one line.
    pub(super) fn action_shown(&self, i: usize) -> String {
        match plan::moves(&self.plan(i).kind) {
            plan::Moves::Attempt => plan::action(self.plan(i), &self.scope())
                .map_or_else(|why| format!("it cannot begin: {why}"), |a| a.summary()),
            plan::Moves::Person => clean_line(self.run.steps[i].plan.label()),
            plan::Moves::Probe => "it only looks".to_owned(),
        }
    }
}

/// A step before anything happened to it.
pub(super) fn blank(plan: &StepPlan) -> StepRun {
    StepRun {
        plan: plan.clone(),
        status: StepStatus::Pending,
        attempts: Vec::new(),
        started_at: None,
        ended_at: None,
        reason: None,
        outputs: BTreeMap::new(),
    }
}

/// What the `n`-th step needs: what it says, else the step above it in its
/// phase. Cleanup comes after everything else.
pub(super) fn needs(runbook: &Runbook, n: usize) -> Vec<StepId> {
    let phase = runbook.steps[n].phase;
    let above = || runbook.steps[..n].iter().rfind(|s| s.phase == phase).map(|s| s.id.clone());
    let mut needs = runbook.steps[n].needs.clone().unwrap_or_else(|| above().into_iter().collect());
    if phase == Phase::Cleanup {
        needs.extend(runbook.steps.iter().filter(|s| s.phase == Phase::Main).map(|s| s.id.clone()));
    }
    needs
}
