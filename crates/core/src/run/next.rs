//! What is to be done next, from what is so and the present instant.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    inner::{Stage, Want},
    machine::Cancelling,
    *,
};
use crate::{
    model::*,
    record::{Action, Event, Question},
};

/// One thing to do. The driver does it, journals what came of it, applies
/// that, and asks again.
#[derive(Debug, Clone, PartialEq)]
pub enum Todo {
    /// It follows from what is known: journal it.
    Record(Event),
    /// Journal the intent; `Attend` follows. Not while an older attempt of the
    /// step still holds its lock.
    Begin { step: StepId, number: u32, event: Event },
    /// An attempt is open: find out where it stands, start it where it never
    /// began and `may_start`, end it where `cancel`.
    Attend { step: StepId, number: u32, action: Box<Action>, timeout: Dur, may_start: bool, cancel: bool },
    /// Put this question and hand the answer to `Machine::answered`.
    Ask { step: StepId, question: Question, probe: Probe, timeout: Dur, every: Dur },
    /// Look at what can be looked at before anything acts: `Event::Prechecked`.
    Precheck,
    /// Look at these at this moment and hand the answers to `Machine::guarded`;
    /// not again within `every` while nothing changes.
    Guard { step: StepId, items: Vec<GuardItem>, every: Dur },
    /// Make an id for the run of this step and journal `ChildIntended`.
    BeginChild { step: StepId, number: u32, runbook: RunbookId, params: BTreeMap<String, Value> },
    /// The run of a step: make it where it is not there and `may_start`, drive
    /// it, end it where `cancel`; `ChildEnded` when it is over.
    AttendChild { step: StepId, number: u32, run: RunId, may_start: bool, cancel: bool },
    /// Nothing before this instant.
    Wake(Time),
}

impl Machine {
    /// Everything that may be done now. Empty: the run is over, or waits for
    /// what was already begun, or for a person.
    pub fn next(&self, now: Time) -> Vec<Todo> {
        if self.run.state.is_over() || self.halted.is_some() {
            return Vec::new();
        }
        if self.precheck.is_none() && self.cancelling == Cancelling::No {
            return if self.paused { Vec::new() } else { vec![Todo::Precheck] };
        }
        let mut todo: Vec<Todo> = (0..self.inner.len()).flat_map(|i| self.next_of(i, now)).collect();
        todo.extend(self.undo_next());
        todo.extend(self.overdue(now));
        todo.extend(self.ended().map(|state| Todo::Record(Event::RunEnded { state })));
        todo
    }

    fn next_of(&self, i: usize, now: Time) -> Vec<Todo> {
        let step = self.plan(i).id.clone();
        let cancel = self.told_to_end(i);
        let free = !self.paused && !self.giving_up(i);
        if let Some(todo) = self.left_behind(i) {
            return vec![todo];
        }
        match &self.inner[i].stage {
            Stage::Waiting if free && self.run.steps[i].status == StepStatus::Ready => {
                vec![Todo::Record(self.entry(i))]
            }
            Stage::Waiting | Stage::Over | Stage::Group => Vec::new(),
            Stage::Reached => self.reached_next(i, free, now),
            Stage::Polling { due } => self.polling_next(i, *due, now),
            Stage::Acting { number, action, timeout } => vec![Todo::Attend {
                step,
                number: *number,
                action: action.clone(),
                timeout: *timeout,
                may_start: !self.paused && !cancel,
                cancel,
            }],
            Stage::Child { number, run } => vec![Todo::AttendChild {
                step,
                number: *number,
                run: run.clone(),
                may_start: !self.paused && !cancel,
                cancel,
            }],
            Stage::Asking { due, .. } if *due > now => vec![Todo::Wake(*due)],
            Stage::Asking { question, .. } => vec![self.question(i, *question, decide::RE_ASK)],
            Stage::Backoff { until } if *until > now => vec![Todo::Wake(*until)],
            Stage::Backoff { .. } if free => self.act(i, now),
            Stage::Backoff { .. } => Vec::new(),
            Stage::Unwinding if !self.paused => vec![self.undo_event(i)],
            Stage::Unwinding => Vec::new(),
        }
    }

    fn undo_next(&self) -> Option<Todo> {
        let free = self.rolling_back() && self.cancelling == Cancelling::No && !self.paused;
        free.then(|| self.next_undo()).flatten().map(|i| self.undo_event(i))
    }

    /// Steps that have to be done by an instant, and whose instant comes or went.
    fn overdue(&self, now: Time) -> Vec<Todo> {
        let mut todo = Vec::new();
        for (step, inner) in self.run.steps.iter().zip(&self.inner) {
            let Some(due) = step.due.filter(|_| !inner.overdue && inner.stage != Stage::Over) else {
                continue;
            };
            todo.push(match due > now {
                true => Todo::Wake(due),
                false => Todo::Record(Event::DueMissed { step: step.plan.id.clone(), due }),
            });
        }
        todo
    }

    /// A step that was reached, and that a graceless run has no time for.
    fn left_behind(&self, i: usize) -> Option<Todo> {
        let when = self.plan(i).when.as_deref()?;
        if self.closing()
            || self.run.graceful
            || self.inner[i].stage == Stage::Waiting
            || !self.may_be_left(i)
        {
            return None;
        }
        let asks = expr::parse(when).is_ok_and(|e| e.names().contains(&"graceful"));
        let against = asks && render::when(when, &self.scope_of(i)) == Ok(false);
        let why = "the run goes on ungracefully".to_owned();
        against.then(|| Todo::Record(Event::StepLeftOut { step: self.plan(i).id.clone(), why }))
    }

    /// How a ready step is entered: left out, only shown, or begun.
    fn entry(&self, i: usize) -> Event {
        let plan = self.plan(i);
        let step = plan.id.clone();
        let failed = |reason: String| Event::StepEnded {
            step: plan.id.clone(),
            status: StepStatus::Failed,
            reason,
            outputs: Default::default(),
        };
        if let Some(why) = self.off_branch(i).filter(|_| !self.closing()) {
            return Event::StepLeftOut { step, why };
        }
        let condition =
            plan.when.as_deref().filter(|_| !each::each_decides(plan) || self.run.steps[i].of.is_some());
        match condition.map(|c| render::when(c, &self.scope_of(i))) {
            // Nothing was done that it could ask about: it is shown.
            Some(Err(_)) if self.run.mode == Mode::DryRun => {}
            Some(Err(why)) => return failed(why),
            Some(Ok(false)) => {
                let why = format!("not when {}", condition.unwrap_or_default());
                return Event::StepLeftOut { step, why };
            }
            Some(Ok(true)) | None => {}
        }
        match (self.run.mode, plan.rehearsal) {
            (Mode::DryRun, _) | (Mode::Rehearsal, InRehearsal::Simulate) => {
                Event::StepSimulated { step, action: self.action_shown(i) }
            }
            (Mode::Rehearsal, InRehearsal::Skip) => {
                Event::StepSkipped { step, why: "left out in a rehearsal".to_owned() }
            }
            _ if plan.for_each.is_some() => match self.instances(i) {
                Ok(instances) => Event::StepExpanded { step, instances },
                Err(why) => failed(why),
            },
            _ => match self.complete(i) {
                Ok(()) => Event::StepReached { step },
                Err(why) => failed(why),
            },
        }
    }

    /// Whether everything can be filled in now that earlier outputs are there.
    fn complete(&self, i: usize) -> Result<(), String> {
        let (plan, scope) = (self.plan(i), self.scope_of(i));
        for probe in [&plan.verify, &plan.absent].into_iter().flatten() {
            scope.probe(probe)?;
        }
        plan::target(plan, &scope)?;
        match plan::moves(&plan.kind) {
            plan::Moves::Attempt => plan::action(plan, &scope).map(|_| ()),
            plan::Moves::Probe => scope.probe(&plan::probe(plan)?).map(|_| ()),
            plan::Moves::Child => plan::child(plan, &scope).map(|_| ()),
            plan::Moves::Person | plan::Moves::Choice | plan::Moves::Approval => Ok(()),
        }
    }

    fn reached_next(&self, i: usize, free: bool, now: Time) -> Vec<Todo> {
        if self.giving_up(i) {
            return Vec::new();
        }
        match self.want(i) {
            Want::Before => vec![self.question(i, Question::Before, Dur::ZERO)],
            Want::Approval => self.patience(i, now),
            Want::Guard | Want::Waive | Want::Nothing if free => self.act(i, now),
            _ => Vec::new(),
        }
    }

    /// How long an `approve` still waits.
    fn patience(&self, i: usize, now: Time) -> Vec<Todo> {
        let Some(within) = plan::patience(self.plan(i)) else { return Vec::new() };
        let until = self.inner[i].reached + within;
        vec![match until > now {
            true => Todo::Wake(until),
            false => Todo::Record(Event::StepEnded {
                step: self.plan(i).id.clone(),
                status: StepStatus::TimedOut,
                reason: format!("not everybody whose word it needs agreed within {within}"),
                outputs: BTreeMap::new(),
            }),
        }]
    }

    /// The attempt, once everything that must hold at this moment does.
    fn act(&self, i: usize, now: Time) -> Vec<Todo> {
        if let Some(lapse) = self.lapse(i, now) {
            return vec![Todo::Record(lapse)];
        }
        if !self.has_approvals(i) {
            return Vec::new();
        }
        let items = self.guards(i);
        let barred = self.inner[i].guard.is_some() && !self.barred(i).is_empty();
        if !items.is_empty() && (self.guard_is_due(i, now) || barred) {
            let every = if barred { decide::RE_ASK } else { Dur::ZERO };
            return vec![Todo::Guard { step: self.plan(i).id.clone(), items, every }];
        }
        match plan::moves(&self.plan(i).kind) {
            plan::Moves::Child => vec![self.begin_child(i)],
            _ => vec![self.attempt(i)],
        }
    }

    fn begin_child(&self, i: usize) -> Todo {
        let step = self.plan(i).id.clone();
        let number = self.run.steps[i].attempts.len() as u32 + 1;
        match plan::child(self.plan(i), &self.scope_of(i)) {
            Ok((runbook, params)) => Todo::BeginChild { step, number, runbook, params },
            Err(reason) => Todo::Record(Event::StepEnded {
                step,
                status: StepStatus::Failed,
                reason,
                outputs: BTreeMap::new(),
            }),
        }
    }

    fn attempt(&self, i: usize) -> Todo {
        let action = plan::action(self.plan(i), &self.scope_of(i));
        self.begins(i, action, |step, number, action, timeout| Event::AttemptIntended {
            step,
            number,
            action,
            timeout,
        })
    }

    /// The next try of a step, whatever it does; or its end, where what it
    /// does cannot be put together.
    pub(super) fn begins(
        &self,
        i: usize,
        action: Result<Action, String>,
        intent: impl FnOnce(StepId, u32, Action, Dur) -> Event,
    ) -> Todo {
        let step = self.plan(i).id.clone();
        let number = self.run.steps[i].attempts.len() as u32 + 1;
        match action {
            Ok(action) => {
                let event = intent(step.clone(), number, action, plan::timeout(self.plan(i)));
                Todo::Begin { step, number, event }
            }
            Err(reason) => Todo::Record(Event::StepEnded {
                step,
                status: StepStatus::Failed,
                reason,
                outputs: Default::default(),
            }),
        }
    }

    fn polling_next(&self, i: usize, due: Time, now: Time) -> Vec<Todo> {
        let plan = self.plan(i);
        let deadline = self.inner[i].reached + plan::timeout(plan);
        if now >= deadline {
            let last = self.run.steps[i].reason.as_deref().unwrap_or("it was never answered");
            return vec![Todo::Record(Event::StepEnded {
                step: plan.id.clone(),
                status: StepStatus::TimedOut,
                reason: format!("it did not hold within {}: {last}", plan::timeout(plan)),
                outputs: Default::default(),
            })];
        }
        match due > now {
            true => vec![Todo::Wake(due.min(deadline))],
            false => vec![self.question(i, Question::Poll, plan::every(plan)), Todo::Wake(deadline)],
        }
    }

    fn question(&self, i: usize, question: Question, every: Dur) -> Todo {
        let plan = self.plan(i);
        let probe = match question {
            Question::Before | Question::Verify => plan.verify.clone().ok_or("no verify".to_owned()),
            Question::Absent => plan.absent.clone().ok_or("no absent".to_owned()),
            Question::Poll => plan::probe(plan),
        };
        match probe.and_then(|p| self.scope_of(i).probe(&p)) {
            Ok(probe) => {
                let timeout = probe.timeout.unwrap_or(Dur::secs(5));
                Todo::Ask { step: plan.id.clone(), question, probe, timeout, every }
            }
            Err(reason) => Todo::Record(Event::StepEnded {
                step: plan.id.clone(),
                status: StepStatus::Indeterminate,
                reason,
                outputs: Default::default(),
            }),
        }
    }

    fn ended(&self) -> Option<RunState> {
        use StepStatus::*;
        let busy = |i: &usize| !self.is_at_rest(*i);
        if self.closing() {
            let waits = |i: usize| {
                matches!(self.run.steps[i].status, Pending | Ready | Failed | TimedOut | Indeterminate)
            };
            let acts = |i: usize| busy(&i) && self.inner[i].stage != Stage::Waiting;
            let open = (0..self.inner.len()).any(|i| acts(i) || (self.tidies(i) && waits(i)));
            return (!open && self.went_back()).then(|| self.given_up_as());
        }
        let all = |these: &[StepStatus]| self.run.steps.iter().all(|s| these.contains(&s.status));
        if !self.prechecked() || self.wants_commit() || !all(&[Succeeded, FailedIgnored, Skipped]) {
            return None;
        }
        let exceptions = !self.run.exceptions.is_empty()
            || self.inner.iter().any(|s| s.exception)
            || self.run.steps.iter().any(|s| s.status == FailedIgnored);
        Some(if exceptions { RunState::CompletedWithExceptions } else { RunState::Completed })
    }

    /// Whether a step of a run that is given up is still to be done: cleanup,
    /// where anything was done that it could clean up.
    pub(super) fn tidies(&self, i: usize) -> bool {
        let acted = |n: usize| self.inner[n].acted && self.plan(n).phase != Phase::Cleanup;
        self.plan(i).phase == Phase::Cleanup
            && self.cancelling != Cancelling::All
            && (0..self.inner.len()).any(acted)
    }

    /// A run is cancelled by a person; it has failed where it was rolled back
    /// for a failure, could not be rolled back in full, or did everything and
    /// missed its goals.
    fn given_up_as(&self) -> RunState {
        use StepStatus::*;
        let rolled_by_failure = self.rolling.is_some_and(|r| r.by_failure);
        let stays = self.rolling.is_some() && self.barrier() > 0;
        let of = |phase: Phase| (0..self.inner.len()).filter(move |i| self.plan(*i).phase == phase);
        let did_all = of(Phase::Main).all(|i| self.run.steps[i].status.lets_pass());
        let missed = of(Phase::Goal).any(|i| matches!(self.run.steps[i].status, Failed | TimedOut));
        match rolled_by_failure || stays || (did_all && missed) {
            true => RunState::Failed,
            false => RunState::Cancelled,
        }
    }
}
