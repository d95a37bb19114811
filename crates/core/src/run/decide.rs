//! What follows from an attempt's outcome and from a probe's answer. This is
//! where a step is judged; see the table in ARCHITECTURE.md.

use super::{inner::Stage, *};
use crate::{model::*, record::Question};

impl Machine {
    /// A step's end, whatever comes of it.
    pub(super) fn end(&mut self, i: usize, status: StepStatus, at: Time, reason: &str) {
        self.inner[i].stage = Stage::Over;
        self.inner[i].undoing &=
            matches!(status, StepStatus::Failed | StepStatus::TimedOut | StepStatus::Indeterminate);
        if status == StepStatus::Succeeded && self.inner[i].done.is_none() {
            self.completed += 1;
            self.inner[i].done = Some(self.completed);
        }
        let step = &mut self.run.steps[i];
        step.status = status;
        step.started_at.get_or_insert(at);
        step.ended_at = Some(at);
        step.reason = (!reason.is_empty()).then(|| reason.to_owned());
    }

    /// It failed for good: now the plan or a person decides.
    pub(super) fn fail(&mut self, i: usize, status: StepStatus, at: Time, reason: &str) {
        if self.inner[i].undoing {
            return self.end(i, status, at, reason);
        }
        match self.plan(i).on_failure {
            OnFailure::Continue => {
                self.except(at, format!("{} failed, and the plan goes on", self.plan(i).id));
                self.end(i, StepStatus::FailedIgnored, at, reason);
            }
            OnFailure::RollBack if !self.closing() && self.has_way_back() => {
                self.end(i, status, at, reason);
                self.roll_back(true, at);
            }
            OnFailure::RollBack if !self.closing() => {
                let reason = format!("{reason}; a point of no return was passed, so nothing is rolled back");
                self.end(i, status, at, &reason);
            }
            OnFailure::Pause | OnFailure::RollBack => self.end(i, status, at, reason),
        }
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
        self.came_to(i, outcome, still_held, at)
    }

    /// What follows from an outcome; see the table in ARCHITECTURE.md.
    pub(super) fn came_to(
        &mut self,
        i: usize,
        outcome: &Outcome,
        still_held: bool,
        at: Time,
    ) -> Result<(), String> {
        let step = &mut self.run.steps[i];
        let attempt = step.attempts.last_mut().ok_or("it has no attempt")?;
        attempt.ended_at = Some(at);
        attempt.outcome = Some(outcome.clone());
        let mut reason = outcome.detail.clone();
        if still_held {
            reason.push_str("; something it started still runs");
        }
        step.reason = Some(reason);
        self.keep_outputs(i, &outcome.outputs, outcome.result == AttemptResult::Succeeded, at);
        let settled = at + self.plan(i).settle.unwrap_or(Dur::ZERO);
        match outcome.result {
            AttemptResult::NotStarted => self.after_failure(i, at),
            _ if self.plan(i).verify.is_some() => self.ask(i, Question::Verify, settled),
            AttemptResult::Succeeded => {
                let reason = self.run.steps[i].reason.clone().unwrap_or_default();
                self.succeed(i, at, &reason);
            }
            AttemptResult::Unknown if self.plan(i).absent.is_some() && !self.inner[i].undoing => {
                self.ask(i, Question::Absent, settled)
            }
            AttemptResult::Unknown => self.indeterminate(i, at, &outcome.detail),
            AttemptResult::Cancelled if self.told_to_end(i) => {
                self.end(i, StepStatus::Cancelled, at, "ended while it ran: find out how far it got");
            }
            AttemptResult::Cancelled => {
                self.indeterminate(i, at, "something outside the run ended it while it ran");
            }
            AttemptResult::Failed | AttemptResult::TimedOut => self.after_failure(i, at),
        }
        Ok(())
    }

    /// Done: the step, or what takes it back. A step that fences and whose own
    /// attempt or `verify` says so is proven; a person's word is not.
    fn succeed(&mut self, i: usize, at: Time, reason: &str) {
        if self.inner[i].undoing {
            return self.undone(i, at, reason);
        }
        if !self.inner[i].by_word {
            self.inner[i].proven = true;
        }
        self.end(i, StepStatus::Succeeded, at, reason);
    }

    /// Whether the attempt was ended because the run is being given up.
    pub(super) fn told_to_end(&self, i: usize) -> bool {
        match self.cancelling {
            machine::Cancelling::No => false,
            machine::Cancelling::Main => self.plan(i).phase != Phase::Cleanup,
            machine::Cancelling::All => true,
        }
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
                if answer == Verdict3::Done && self.adopting {
                    self.inner[i].proven = true;
                    self.except(at, format!("{} was done elsewhere", self.plan(i).id));
                    self.end(i, StepStatus::Succeeded, at, &format!("it was done elsewhere: {detail}"));
                    return Ok(());
                }
                if answer == Verdict3::Done && self.inner[i].confirmed.take().is_some() {
                    // It was not so when the name was typed: the person decides anew.
                    let told = format!("meanwhile its verify holds ({detail}): it will prove nothing");
                    self.run.steps[i].reason = Some(told);
                    return Ok(());
                }
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
        if self.inner[i].by_word {
            return AttemptResult::Succeeded;
        }
        let last = self.run.steps[i].attempts.last().and_then(|a| a.outcome.as_ref());
        // A manual step has no attempt: the person's word is its outcome.
        last.map_or(AttemptResult::Succeeded, |o| o.result)
    }

    fn verified(&mut self, i: usize, answer: Verdict3, detail: &str, at: Time) {
        let result = self.result(i);
        if self.inner[i].undoing {
            return self.undo_verified(i, answer, detail, at);
        }
        let earlier = self.run.steps[i].reason.clone().filter(|_| !self.run.steps[i].attempts.is_empty());
        let so_far = earlier.map_or(String::new(), |r| format!("{r}; "));
        let proves = self.inner[i].before != Some(Verdict3::Done);
        match answer {
            Verdict3::Done if proves => {
                self.inner[i].proven = true;
                self.end(i, StepStatus::Succeeded, at, &format!("{so_far}verify says done: {detail}"));
            }
            Verdict3::Done if result == AttemptResult::Succeeded => {
                let reason = format!("{so_far}verify held already before, so it proves nothing: {detail}");
                self.inner[i].proven = true;
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

    /// What is taken back is no longer so: that proves the undo.
    fn undo_verified(&mut self, i: usize, answer: Verdict3, detail: &str, at: Time) {
        match (answer, self.result(i)) {
            (Verdict3::NotDone, _) => self.undone(i, at, &format!("verify says not done any more: {detail}")),
            (Verdict3::Done, _) => {
                self.end(i, StepStatus::Failed, at, &format!("verify still says done: {detail}"));
            }
            (Verdict3::CannotTell, _) => {
                self.indeterminate(i, at, &format!("verify cannot tell whether it was undone: {detail}"));
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
        let has_attempt = !self.run.steps[i].attempts.is_empty() && !self.inner[i].by_word;
        if self.inner[i].undoing {
            return self.give_up(i, at);
        }
        match self.tries_left(i) && has_attempt {
            true if nothing_happened || self.plan(i).idempotent => self.back_off(i, at),
            true if self.plan(i).absent.is_some() => self.ask(i, Question::Absent, at),
            _ => self.give_up(i, at),
        }
    }

    fn tries_left(&self, i: usize) -> bool {
        !self.giving_up(i) && self.inner[i].tries < plan::tries(self.plan(i))
    }

    /// Whether nothing more of this step is begun.
    pub(super) fn giving_up(&self, i: usize) -> bool {
        self.told_to_end(i) || (self.rolling_back() && self.plan(i).phase != Phase::Cleanup)
    }

    fn back_off(&mut self, i: usize, at: Time) {
        let until = at + plan::backoff(self.plan(i), self.inner[i].tries);
        self.inner[i].stage = Stage::Backoff { until };
    }

    fn give_up(&mut self, i: usize, at: Time) {
        let reason = self.run.steps[i].reason.clone().unwrap_or_default();
        let undoing = self.inner[i].undoing;
        let status = match self.result(i) {
            AttemptResult::TimedOut => StepStatus::TimedOut,
            AttemptResult::Cancelled | AttemptResult::NotStarted if self.giving_up(i) && !undoing => {
                StepStatus::Cancelled
            }
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
