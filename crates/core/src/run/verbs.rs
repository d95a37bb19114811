//! What a person may ask of a run, and what the run asks of a person.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{machine::Stage, *};
use crate::{
    model::*,
    record::{Event, Question},
};

impl Machine {
    /// The event of a verb, where it is possible now; else `RUN_REFUSED`, or
    /// `RUN_CONFIRM` for a wrong name. Nothing changes before it is applied.
    pub fn command(&self, verb: &Verb) -> Result<Event, Problem> {
        let event = |action| Ok(Event::Operator { verb: verb.clone(), action });
        if let Verb::Note { text } = verb {
            said(text, "a note", &self.run.id)?;
            return event(None);
        }
        if self.run.state.is_over() {
            return Err(refused(&self.run.id, format!("the run is {}", self.run.state.as_str())));
        }
        if self.cancelling && !matches!(verb, Verb::Settle { .. }) {
            return Err(refused(&self.run.id, "the run is being cancelled"));
        }
        match verb {
            Verb::Note { .. } => event(None),
            Verb::Pause if self.paused => Err(refused(&self.run.id, "it is paused already")),
            Verb::Resume if !self.paused => Err(refused(&self.run.id, "it is not paused")),
            Verb::Pause | Verb::Resume => event(None),
            Verb::Cancel { reason } => {
                said(reason, "a reason", &self.run.id)?;
                event(None)
            }
            Verb::Retry { step } => self.may(step, can_retry, "retry").and_then(|_| event(None)),
            Verb::Skip { step, reason } => {
                said(reason, "a reason", step)?;
                self.may(step, can_skip, "skip").and_then(|_| event(None))
            }
            Verb::Settle { step, reason, .. } => {
                said(reason, "a reason", step)?;
                let settle = |s: &StepRun, _: &Stage| s.status == StepStatus::Indeterminate;
                self.may(step, settle, "settle").and_then(|_| event(None))
            }
            Verb::Confirm { step, typed } => self.confirm(step, typed).and_then(|a| event(Some(a))),
            Verb::Submit { step, fields } => self.submit(step, fields).and_then(|_| event(None)),
        }
    }

    fn may(&self, step: &StepId, can: fn(&StepRun, &Stage) -> bool, verb: &str) -> Result<usize, Problem> {
        let i = self.place(step)?;
        match can(&self.run.steps[i], &self.inner[i].stage) {
            true => Ok(i),
            false => {
                let status = self.run.steps[i].status.as_str();
                Err(refused(step, format!("it is {status}: {verb} is not possible")))
            }
        }
    }

    /// What exactly is confirmed.
    fn confirm(&self, step: &StepId, typed: &str) -> Result<String, Problem> {
        let i = self.place(step)?;
        if !matches!(self.inner[i].stage, Stage::Reached) || !self.wants_person(i) || self.is_confirmed(i) {
            return Err(refused(step, "it does not wait for a name"));
        }
        let target = plan::target(self.plan(i), &self.scope()).map_err(|why| refused(step, why))?;
        match typed == target {
            true => Ok(self.action_shown(i)),
            false => {
                Err(Problem::new(Code::RUN_CONFIRM, step).because(format!("{typed:?} is not {target:?}")))
            }
        }
    }

    fn submit(&self, step: &StepId, fields: &BTreeMap<String, Value>) -> Result<(), Problem> {
        let i = self.place(step)?;
        let person = plan::moves(&self.plan(i).kind) == plan::Moves::Person;
        if !matches!(self.inner[i].stage, Stage::Reached) || !self.wants_person(i) || !person {
            return Err(refused(step, "it does not wait for a person's work"));
        }
        if !self.is_confirmed(i) {
            return Err(refused(step, "its target's name is to be typed first"));
        }
        let empty = |name: &String| match fields.get(name) {
            None | Some(Value::Null) => true,
            Some(Value::String(text)) => text.trim().is_empty(),
            Some(_) => false,
        };
        match plan::fields(self.plan(i)).into_iter().find(empty) {
            Some(name) => Err(refused(step, format!("{name:?} is not filled in"))),
            None => Ok(()),
        }
    }

    /// Applies a verb that was journaled.
    pub(super) fn asked(
        &mut self,
        verb: &Verb,
        action: Option<&str>,
        at: Time,
        by: &OperatorId,
    ) -> Result<(), String> {
        let place = |step: &StepId| self.place(step).map_err(|_| format!("the run has no step {step}"));
        match verb {
            Verb::Pause => self.paused = true,
            Verb::Resume => self.paused = false,
            Verb::Note { text } => self.run.notes.push((at, by.clone(), text.clone())),
            Verb::Cancel { reason } => self.cancel(at, by, reason),
            Verb::Retry { step } => {
                let i = place(step)?;
                self.inner[i].stage = Stage::Waiting;
                self.inner[i].tries = 0;
                self.inner[i].confirmed = None;
                self.run.steps[i].ended_at = None;
                self.run.steps[i].reason = None;
            }
            Verb::Skip { step, reason } => {
                let i = place(step)?;
                let unknown = self.run.steps[i].status == StepStatus::Indeterminate;
                let told = if unknown { "whether it happened is not known; " } else { "" };
                self.inner[i].exception = true;
                self.end(i, StepStatus::Skipped, at, &format!("{told}{by} skipped it: {reason}"));
            }
            Verb::Confirm { step, .. } => {
                let i = place(step)?;
                self.inner[i].confirmed = action.map(str::to_owned);
            }
            Verb::Submit { step, fields } => {
                let i = place(step)?;
                self.run.steps[i].outputs.extend(fields.clone());
                self.submitted(i, at, by);
            }
            Verb::Settle { step, done, reason } => {
                let i = place(step)?;
                match done {
                    true => {
                        self.end(i, StepStatus::Succeeded, at, &format!("{by} says it happened: {reason}"));
                    }
                    false => {
                        let told = format!("{by} says it did not happen: {reason}");
                        self.end(i, StepStatus::Failed, at, &told);
                    }
                }
            }
        }
        Ok(())
    }

    fn submitted(&mut self, i: usize, at: Time, by: &OperatorId) {
        let plan = self.plan(i);
        match plan.verify.is_some() {
            true => {
                let due = at + plan.settle.unwrap_or(Dur::ZERO);
                self.inner[i].stage = Stage::Asking { question: Question::Verify, due };
            }
            false => self.end(i, StepStatus::Succeeded, at, &format!("{by} did it")),
        }
    }

    /// Nothing new begins; what acts is ended, what was asked is still answered.
    fn cancel(&mut self, at: Time, by: &OperatorId, reason: &str) {
        self.cancelling = true;
        self.paused = false;
        self.run.notes.push((at, by.clone(), format!("cancelled: {reason}")));
        for i in 0..self.inner.len() {
            match self.inner[i].stage {
                Stage::Waiting | Stage::Reached | Stage::Polling { .. } => {
                    self.end(i, StepStatus::Cancelled, at, "the run was cancelled");
                }
                Stage::Backoff { .. } | Stage::Asking { question: Question::Absent, .. } => {
                    let reason = self.run.steps[i].reason.clone().unwrap_or_default();
                    self.end(i, StepStatus::Failed, at, &reason);
                }
                Stage::Acting { .. } | Stage::Asking { .. } | Stage::Over => {}
            }
        }
    }

    /// What a person is asked now, in the order of the plan.
    pub fn asks(&self) -> Vec<Ask> {
        if self.run.state.is_over() || self.cancelling {
            return Vec::new();
        }
        (0..self.inner.len()).filter_map(|i| self.ask_of(i)).collect()
    }

    fn ask_of(&self, i: usize) -> Option<Ask> {
        let (plan, step) = (self.plan(i), &self.run.steps[i]);
        let label = clean_line(step.plan.label());
        let why = step.reason.as_deref().map(|r| format!(": {}", clean_line(r))).unwrap_or_default();
        let (kind, sentence) = match step.status {
            StepStatus::AwaitingInput if !self.is_confirmed(i) => {
                let target = plan::target(plan, &self.scope()).unwrap_or_else(|_| plan.id.to_string());
                let sentence = format!("Type {} to let “{label}” begin.", clean_line(&target));
                (AskKind::Confirm { target, action: self.action_shown(i) }, sentence)
            }
            StepStatus::AwaitingInput => (
                AskKind::Manual { fields: plan::fields(plan) },
                format!("Do “{label}”, then say that it is done."),
            ),
            StepStatus::Indeterminate => {
                (AskKind::Settle, format!("Did “{label}” happen? Nobody knows{why}."))
            }
            StepStatus::Failed | StepStatus::TimedOut => {
                let what = if step.status == StepStatus::Failed { "failed" } else { "timed out" };
                (
                    AskKind::Failed,
                    format!("“{label}” {what}{why}. Retry, skip with a reason, or cancel the run?"),
                )
            }
            _ => return None,
        };
        Some(Ask { step: plan.id.clone(), kind, sentence })
    }
}

fn refused(subject: impl std::fmt::Display, why: impl std::fmt::Display) -> Problem {
    Problem::new(Code::RUN_REFUSED, subject).because(why)
}

fn said(text: &str, what: &str, subject: impl std::fmt::Display) -> Result<(), Problem> {
    match text.trim().is_empty() {
        true => Err(refused(subject, format!("{what} is needed"))),
        false => Ok(()),
    }
}

/// What is known to have failed, or to have been ended. An indeterminate step
/// is settled first: a retry of what may have happened needs a person's word.
fn can_retry(step: &StepRun, stage: &Stage) -> bool {
    matches!(stage, Stage::Over) && matches!(step.status, StepStatus::Failed | StepStatus::TimedOut)
}

/// Anything that does not act at this moment and is not behind already.
fn can_skip(step: &StepRun, stage: &Stage) -> bool {
    match stage {
        Stage::Waiting | Stage::Reached | Stage::Polling { .. } | Stage::Backoff { .. } => true,
        Stage::Asking { .. } => step.status == StepStatus::Indeterminate,
        Stage::Over => {
            matches!(step.status, StepStatus::Failed | StepStatus::TimedOut | StepStatus::Indeterminate)
        }
        Stage::Acting { .. } => false,
    }
}
