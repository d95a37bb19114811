//! The way back: `undo` of completed steps, newest first, up to a point of no
//! return.

use super::{inner::Stage, machine::Cancelling, machine::Rolling, *};
use crate::{model::*, record::Event};

impl Machine {
    /// What was completed up to this number stays: a point of no return was
    /// passed, or may have been.
    pub(super) fn barrier(&self) -> u64 {
        let mut barrier = 0;
        for (i, inner) in self.inner.iter().enumerate() {
            if !inner.plan.point_of_no_return || !inner.acted {
                continue;
            }
            let nothing_happened =
                |a: &Attempt| a.outcome.as_ref().is_some_and(|o| o.result == AttemptResult::NotStarted);
            let step = &self.run.steps[i];
            let never = !inner.by_word && step.attempts.iter().all(nothing_happened);
            match inner.done {
                Some(n) => barrier = barrier.max(n),
                None if never => {}
                // It acts, it failed half-way, or nobody knows.
                None => return u64::MAX,
            }
        }
        barrier
    }

    /// Whether the step has an undo that would take something back.
    pub(super) fn can_undo(&self, i: usize) -> bool {
        let inner = &self.inner[i];
        let stands = matches!(inner.stage, Stage::Over) && self.run.steps[i].status == StepStatus::Succeeded;
        let failed =
            inner.undoing && matches!(self.run.steps[i].status, StepStatus::Failed | StepStatus::TimedOut);
        inner.plan.undo.is_some()
            && inner.acted
            && !inner.kept
            && (stands || failed)
            && inner.done.is_some_and(|n| n > self.barrier())
    }

    /// Which step is taken back next; `None` where something has to be waited
    /// for, or nothing is left.
    pub(super) fn next_undo(&self) -> Option<usize> {
        let busy = (0..self.inner.len()).any(|i| self.plan(i).phase != Phase::Cleanup && !self.is_at_rest(i));
        let unclear = self.run.steps.iter().any(|s| s.status == StepStatus::Indeterminate);
        let failed = (0..self.inner.len()).any(|i| self.undo_failed(i));
        if busy || unclear || failed {
            return None;
        }
        self.to_undo().max_by_key(|i| self.inner[*i].done)
    }

    fn to_undo(&self) -> impl Iterator<Item = usize> {
        (0..self.inner.len()).filter(|i| self.can_undo(*i))
    }

    fn undo_failed(&self, i: usize) -> bool {
        let status = self.run.steps[i].status;
        self.inner[i].undoing && matches!(status, StepStatus::Failed | StepStatus::TimedOut)
    }

    /// Whether nothing is left to take back.
    pub(super) fn rolled_back(&self) -> bool {
        let unclear = self.run.steps.iter().any(|s| s.status == StepStatus::Indeterminate);
        !unclear && self.to_undo().next().is_none() && !(0..self.inner.len()).any(|i| self.undo_failed(i))
    }

    /// Whether the way back is over: nothing is left of it, or a person who
    /// cancelled gave up the rest.
    pub(super) fn went_back(&self) -> bool {
        !self.rolling_back() || self.rolled_back() || self.cancelling != Cancelling::No
    }

    /// Whether an undo of this step may begin at all.
    pub(super) fn may_undo(&self, i: usize) -> bool {
        match self.inner[i].stage {
            Stage::Unwinding => true,
            Stage::Over => self.rolling_back() && self.next_undo() == Some(i),
            _ => false,
        }
    }

    pub(super) fn undo_event(&self, i: usize) -> Todo {
        let action = plan::undo(self.plan(i), &self.scope_of(i));
        self.begins(i, action, |step, number, action, timeout| Event::UndoIntended {
            step,
            number,
            action,
            timeout,
        })
    }

    /// Nothing new begins; what acts comes to its end, then all is taken back.
    pub(super) fn roll_back(&mut self, by_failure: bool, at: Time) {
        self.rolling = Some(Rolling { by_failure });
        self.paused = false;
        self.give_up_rest(at, "the run is rolled back");
    }

    /// Whether there is a way back at all: else a failure waits for a person.
    pub(super) fn has_way_back(&self) -> bool {
        self.barrier() == 0
    }

    /// What has not begun will not.
    pub(super) fn give_up_rest(&mut self, at: Time, why: &str) {
        for i in 0..self.inner.len() {
            if self.tidies(i) {
                continue;
            }
            match self.inner[i].stage {
                Stage::Waiting | Stage::Reached | Stage::Polling { .. } => {
                    self.end(i, StepStatus::Cancelled, at, why);
                }
                Stage::Unwinding => self.end(i, StepStatus::Succeeded, at, "its undo was not begun"),
                Stage::Backoff { .. } | Stage::Asking { question: crate::record::Question::Absent, .. } => {
                    let reason = self.run.steps[i].reason.clone().unwrap_or_default();
                    self.end(i, StepStatus::Failed, at, &reason);
                }
                Stage::Group
                | Stage::Acting { .. }
                | Stage::Child { .. }
                | Stage::Asking { .. }
                | Stage::Over => {}
            }
        }
    }

    /// An undo came to its end; `reason` says how.
    pub(super) fn undone(&mut self, i: usize, at: Time, reason: &str) {
        self.inner[i].undoing = false;
        self.inner[i].done = None;
        self.inner[i].proven = false;
        self.end(i, StepStatus::Undone, at, reason);
        let told = format!("{} was undone", self.plan(i).id);
        self.except(at, told);
    }
}
