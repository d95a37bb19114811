//! What is to be done next, from what is so and the present instant.

use super::{machine::Stage, *};
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
    /// Nothing before this instant.
    Wake(Time),
}

impl Machine {
    /// Everything that may be done now. Empty: the run is over, or waits for
    /// what was already begun, or for a person.
    pub fn next(&self, now: Time) -> Vec<Todo> {
        if self.run.state.is_over() {
            return Vec::new();
        }
        let mut todo: Vec<Todo> = (0..self.inner.len()).flat_map(|i| self.next_of(i, now)).collect();
        todo.extend(self.ended().map(|state| Todo::Record(Event::RunEnded { state })));
        todo
    }

    fn next_of(&self, i: usize, now: Time) -> Vec<Todo> {
        let step = self.plan(i).id.clone();
        let free = !self.paused && !self.cancelling;
        match &self.inner[i].stage {
            Stage::Waiting if free && self.run.steps[i].status == StepStatus::Ready => {
                vec![Todo::Record(self.entry(i))]
            }
            Stage::Waiting | Stage::Over => Vec::new(),
            Stage::Reached => self.reached_next(i, free),
            Stage::Polling { due } => self.polling_next(i, *due, now),
            Stage::Acting { number, action, timeout } => vec![Todo::Attend {
                step,
                number: *number,
                action: action.clone(),
                timeout: *timeout,
                may_start: free,
                cancel: self.cancelling,
            }],
            Stage::Asking { due, .. } if *due > now => vec![Todo::Wake(*due)],
            Stage::Asking { question, .. } => vec![self.question(i, *question, decide::RE_ASK)],
            Stage::Backoff { until } if *until > now => vec![Todo::Wake(*until)],
            Stage::Backoff { .. } if free => vec![self.attempt(i)],
            Stage::Backoff { .. } => Vec::new(),
        }
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
        match plan.when.as_ref().map(|c| render::when(c, &self.scope(), self.run.mode)) {
            Some(Err(why)) => return failed(why),
            Some(Ok(false)) => {
                let condition = plan.when.as_deref().unwrap_or_default();
                return Event::StepSkipped { step, why: format!("not when {condition}") };
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
            _ => match self.complete(i) {
                Ok(()) => Event::StepReached { step },
                Err(why) => failed(why),
            },
        }
    }

    /// Whether everything can be filled in now that earlier outputs are there.
    fn complete(&self, i: usize) -> Result<(), String> {
        let (plan, scope) = (self.plan(i), self.scope());
        for probe in [&plan.verify, &plan.absent].into_iter().flatten() {
            scope.probe(probe)?;
        }
        plan::target(plan, &scope)?;
        match plan::moves(&plan.kind) {
            plan::Moves::Attempt => plan::action(plan, &scope).map(|_| ()),
            plan::Moves::Probe => scope.probe(&plan::probe(plan)?).map(|_| ()),
            plan::Moves::Person => Ok(()),
        }
    }

    fn reached_next(&self, i: usize, free: bool) -> Vec<Todo> {
        if self.cancelling {
            return Vec::new();
        }
        if self.plan(i).verify.is_some() && self.inner[i].before.is_none() {
            return vec![self.question(i, Question::Before, Dur::ZERO)];
        }
        match self.wants_person(i) || !free {
            true => Vec::new(),
            false => vec![self.attempt(i)],
        }
    }

    fn attempt(&self, i: usize) -> Todo {
        let (plan, step) = (self.plan(i), self.plan(i).id.clone());
        let number = self.run.steps[i].attempts.len() as u32 + 1;
        match plan::action(plan, &self.scope()) {
            Ok(action) => {
                let timeout = plan::timeout(plan);
                let event = Event::AttemptIntended { step: step.clone(), number, action, timeout };
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
        match probe.and_then(|p| self.scope().probe(&p)) {
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
        let all = |these: &[StepStatus]| self.run.steps.iter().all(|s| these.contains(&s.status));
        if self.cancelling {
            let busy = |s: &StepRun| matches!(s.status, Running);
            return (!self.run.steps.iter().any(busy)).then_some(RunState::Cancelled);
        }
        if !all(&[Succeeded, FailedIgnored, Skipped, Undone]) {
            return None;
        }
        let exceptions = self.inner.iter().any(|s| s.exception)
            || self.run.steps.iter().any(|s| matches!(s.status, FailedIgnored | Undone));
        Some(if exceptions { RunState::CompletedWithExceptions } else { RunState::Completed })
    }

    /// What an answer means for the run; `None`: nothing that was not known.
    /// An answer that comes too late, for a step that moved on, is nothing.
    pub fn answered(
        &self,
        step: &StepId,
        question: Question,
        answer: &Result<ProbeReading, Problem>,
        now: Time,
    ) -> Option<Event> {
        let i = self.place(step).ok()?;
        let detail = match answer {
            Ok(reading) => reading.detail.clone(),
            Err(problem) if problem.why.is_empty() => problem.what.clone(),
            Err(problem) => format!("{}: {}", problem.what, problem.why),
        };
        let holds = answer.as_ref().ok().map(|r| r.holds);
        let verdict = match (question, holds) {
            (Question::Absent, Some(true)) => Verdict3::NotDone,
            (Question::Absent, _) | (_, None) => Verdict3::CannotTell,
            (_, Some(true)) => Verdict3::Done,
            (_, Some(false)) => Verdict3::NotDone,
        };
        let number = self.run.steps[i].attempts.len() as u32;
        let said =
            Event::Answered { step: step.clone(), number, question, answer: verdict, detail: detail.clone() };
        match (question, &self.inner[i].stage) {
            (Question::Before, Stage::Reached) if self.inner[i].before.is_none() => Some(said),
            (Question::Verify, Stage::Asking { question: Question::Verify, .. }) => {
                let known = self.run.steps[i].status == StepStatus::Indeterminate;
                (!known || verdict != Verdict3::CannotTell).then_some(said)
            }
            (Question::Absent, Stage::Asking { question: Question::Absent, .. }) => Some(said),
            (Question::Poll, Stage::Polling { .. }) => self.polled(i, answer, detail, now),
            _ => None,
        }
    }

    fn polled(
        &self,
        i: usize,
        answer: &Result<ProbeReading, Problem>,
        detail: String,
        now: Time,
    ) -> Option<Event> {
        let plan = self.plan(i);
        let step = plan.id.clone();
        let holds = answer.as_ref().is_ok_and(|r| r.holds);
        let turned = self.inner[i].turned;
        let ended = |status, reason| {
            let outputs = answer.as_ref().map(outputs).unwrap_or_default();
            Some(Event::StepEnded { step: plan.id.clone(), status, reason, outputs })
        };
        let since = turned.filter(|(held, _)| *held).map(|(_, since)| since);
        match holds {
            true if Dur::between(since.unwrap_or(now), now) >= plan::stable(plan) => {
                ended(StepStatus::Succeeded, detail)
            }
            true if since.is_none() => Some(Event::ProbeTurned { step, holds, detail }),
            true => None,
            false if plan.kind == "check" && self.inner[i].tries + 1 >= plan::tries(plan) => {
                ended(StepStatus::Failed, detail)
            }
            false if plan.kind == "check" || turned.is_none_or(|(held, _)| held) => {
                Some(Event::ProbeTurned { step, holds, detail })
            }
            false => None,
        }
    }
}

/// What later steps may use of an answer.
fn outputs(reading: &ProbeReading) -> std::collections::BTreeMap<String, serde_json::Value> {
    let value = reading.value.map(|v| ("value".to_owned(), v.into()));
    let text = reading.text.clone().map(|t| ("text".to_owned(), t.into()));
    value.into_iter().chain(text).collect()
}
