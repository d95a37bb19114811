//! What follows from an attempt's outcome and from a probe's answer. This is
//! where a step is judged; see the table in ARCHITECTURE.md.

use super::{machine::Stage, *};
use crate::{model::*, record::Question};

impl Machine {
    /// A step's end, whatever comes of it.
    pub(super) fn end(&mut self, i: usize, status: StepStatus, at: Time, reason: &str) {
        self.inner[i].stage = Stage::Over;
        let step = &mut self.run.steps[i];
        step.status = status;
        step.started_at.get_or_insert(at);
        step.ended_at = Some(at);
        step.reason = (!reason.is_empty()).then(|| reason.to_owned());
    }

    /// It failed for good: now the plan or a person decides.
    pub(super) fn fail(&mut self, i: usize, status: StepStatus, at: Time, reason: &str) {
        let status = match self.plan(i).on_failure {
            OnFailure::Continue => StepStatus::FailedIgnored,
            OnFailure::Pause | OnFailure::RollBack => status,
        };
        self.end(i, status, at, reason);
    }

    /// Nobody can say whether it happened: never passed over, not even where
    /// failures are.
    fn indeterminate(&mut self, i: usize, at: Time, reason: &str) {
        self.end(i, StepStatus::Indeterminate, at, reason);
    }

    fn ask(&mut self, i: usize, question: Question, due: Time) {
        self.inner[i].stage = Stage::Asking { question, due };
    }

    pub(super) fn attempt_ended(
        &mut self,
        i: usize,
        number: u32,
        outcome: &Outcome,
        still_held: bool,
        at: Time,
    ) -> Result<(), String> {
        match self.inner[i].stage {
            Stage::Acting { number: open, .. } if open == number => {}
            _ => return Err(format!("attempt {number} ends but is not open")),
        }
        let step = &mut self.run.steps[i];
        let attempt = step.attempts.last_mut().ok_or("it has no attempt")?;
        attempt.ended_at = Some(at);
        attempt.outcome = Some(outcome.clone());
        step.outputs.extend(outcome.outputs.clone());
        let mut reason = outcome.detail.clone();
        if still_held {
            reason.push_str("; something it started still runs");
        }
        step.reason = Some(reason);
        let settled = at + self.plan(i).settle.unwrap_or(Dur::ZERO);
        match outcome.result {
            AttemptResult::NotStarted => self.after_failure(i, at),
            _ if self.plan(i).verify.is_some() => self.ask(i, Question::Verify, settled),
            AttemptResult::Succeeded => {
                let reason = self.run.steps[i].reason.clone().unwrap_or_default();
                self.end(i, StepStatus::Succeeded, at, &reason);
            }
            AttemptResult::Unknown if self.plan(i).absent.is_some() => self.ask(i, Question::Absent, settled),
            AttemptResult::Unknown => self.indeterminate(i, at, "it was started and left no outcome behind"),
            AttemptResult::Cancelled if self.cancelling => {
                self.end(i, StepStatus::Cancelled, at, "ended while it ran: find out how far it got");
            }
            AttemptResult::Cancelled => {
                self.indeterminate(i, at, "something outside the run ended it while it ran");
            }
            AttemptResult::Failed | AttemptResult::TimedOut => self.after_failure(i, at),
        }
        Ok(())
    }

    pub(super) fn was_answered(
        &mut self,
        i: usize,
        question: Question,
        answer: Verdict3,
        detail: &str,
        at: Time,
    ) -> Result<(), String> {
        match (question, &self.inner[i].stage) {
            (Question::Before, Stage::Reached) => {
                self.inner[i].before = Some(answer);
                if answer == Verdict3::Done {
                    let told =
                        format!("its verify held already before it began ({detail}): it will prove nothing");
                    self.run.steps[i].reason = Some(told);
                }
                Ok(())
            }
            (Question::Verify, Stage::Asking { question: Question::Verify, .. }) => {
                self.verified(i, answer, detail, at);
                Ok(())
            }
            (Question::Absent, Stage::Asking { question: Question::Absent, .. }) => {
                self.absence(i, answer, detail, at);
                Ok(())
            }
            _ => Err("it answers what was not asked".to_owned()),
        }
    }

    fn result(&self, i: usize) -> AttemptResult {
        let last = self.run.steps[i].attempts.last().and_then(|a| a.outcome.as_ref());
        // A manual step has no attempt: the person's word is its outcome.
        last.map_or(AttemptResult::Succeeded, |o| o.result)
    }

    fn verified(&mut self, i: usize, answer: Verdict3, detail: &str, at: Time) {
        let result = self.result(i);
        let earlier = self.run.steps[i].reason.clone().filter(|_| !self.run.steps[i].attempts.is_empty());
        let so_far = earlier.map_or(String::new(), |r| format!("{r}; "));
        let proves = self.inner[i].before != Some(Verdict3::Done);
        match answer {
            Verdict3::Done if proves => {
                self.end(i, StepStatus::Succeeded, at, &format!("{so_far}verify says done: {detail}"));
            }
            Verdict3::Done if result == AttemptResult::Succeeded => {
                let reason = format!("{so_far}verify held already before, so it proves nothing: {detail}");
                self.end(i, StepStatus::Succeeded, at, &reason);
            }
            Verdict3::Done if result == AttemptResult::Failed => {
                self.run.steps[i].reason =
                    Some(format!("{so_far}verify held already before and proves nothing"));
                self.after_failure(i, at);
            }
            Verdict3::Done => {
                self.indeterminate(i, at, &format!("{so_far}verify held already before and proves nothing"));
            }
            Verdict3::NotDone => {
                self.run.steps[i].reason = Some(format!("{so_far}verify says not done: {detail}"));
                self.after_failure(i, at);
            }
            Verdict3::CannotTell => {
                self.indeterminate(i, at, &format!("{so_far}verify cannot tell: {detail}"));
                // Evidence may still come: it goes on being asked while a person decides.
                self.ask(i, Question::Verify, at + RE_ASK);
            }
        }
    }

    /// `NotDone`: the probe proves that it did not happen.
    fn absence(&mut self, i: usize, answer: Verdict3, detail: &str, at: Time) {
        let so_far = self.run.steps[i].reason.clone().unwrap_or_default();
        let unknown = self.result(i) == AttemptResult::Unknown;
        match answer {
            Verdict3::NotDone => {
                self.run.steps[i].reason = Some(format!("{so_far}; it did not happen: {detail}"));
                match self.tries_left(i) {
                    true => self.back_off(i, at),
                    false => self.give_up(i, at),
                }
            }
            _ if unknown && self.plan(i).verify.is_none() => {
                self.indeterminate(i, at, &format!("{so_far}; it may have happened: {detail}"));
            }
            _ => {
                self.run.steps[i].reason = Some(format!("{so_far}; it may still land: {detail}"));
                self.give_up(i, at);
            }
        }
    }

    /// It did not do what it should. Without a person it is tried again only
    /// where nothing happened, where doing it twice is declared harmless, or
    /// where a probe proves that it did not happen.
    fn after_failure(&mut self, i: usize, at: Time) {
        let nothing_happened = self.result(i) == AttemptResult::NotStarted;
        let has_attempt = !self.run.steps[i].attempts.is_empty();
        match self.tries_left(i) && has_attempt {
            true if nothing_happened || self.plan(i).idempotent => self.back_off(i, at),
            true if self.plan(i).absent.is_some() => self.ask(i, Question::Absent, at),
            _ => self.give_up(i, at),
        }
    }

    fn tries_left(&self, i: usize) -> bool {
        !self.cancelling && self.inner[i].tries < plan::tries(self.plan(i))
    }

    fn back_off(&mut self, i: usize, at: Time) {
        let until = at + plan::backoff(self.plan(i), self.inner[i].tries);
        self.inner[i].stage = Stage::Backoff { until };
    }

    fn give_up(&mut self, i: usize, at: Time) {
        let reason = self.run.steps[i].reason.clone().unwrap_or_default();
        let status = match self.result(i) {
            AttemptResult::TimedOut => StepStatus::TimedOut,
            AttemptResult::Cancelled | AttemptResult::NotStarted if self.cancelling => StepStatus::Cancelled,
            _ => StepStatus::Failed,
        };
        match status {
            StepStatus::Cancelled => self.end(i, status, at, &reason),
            status => self.fail(i, status, at, &reason),
        }
    }

    /// A polled probe changed its answer.
    pub(super) fn turned(&mut self, i: usize, holds: bool, detail: &str, at: Time) {
        self.inner[i].turned = Some((holds, at));
        self.run.steps[i].reason = Some(detail.to_owned());
        let mut due = at + plan::every(self.plan(i));
        if self.plan(i).kind == "check" && !holds {
            self.inner[i].tries += 1;
            due = at + plan::backoff(self.plan(i), self.inner[i].tries);
        }
        self.inner[i].stage = Stage::Polling { due };
    }
}

/// How long until `verify` is asked again while it cannot tell.
pub(super) const RE_ASK: Dur = Dur::secs(5);
