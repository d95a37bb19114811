//! What a person may ask of a run: whether it is possible now, and what it
//! does. Live and in replay the same is asked: a line that no program of ours
//! would have written does not move the run.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    inner::{Stage, Want},
    machine::Cancelling,
    *,
};
use crate::{model::*, record::Event};

impl Machine {
    /// The event of a verb, where it is possible now; else `RUN_REFUSED`,
    /// `RUN_ROLE` where it is for others, or `RUN_CONFIRM` for a wrong name.
    /// Nothing changes before it is applied.
    pub fn command(&self, verb: &Verb, by: &OperatorId) -> Result<Event, Problem> {
        if let Some(why) = &self.halted {
            return Err(Problem::new(Code::JOURNAL_WRITE, &self.run.id).because(why));
        }
        self.may(by, verb).map_err(|why| Problem::new(Code::RUN_ROLE, &self.run.id).because(why))?;
        let action = self.check(verb, by)?;
        Ok(Event::Operator { verb: verb.clone(), action })
    }

    /// What exactly is confirmed, where something is.
    pub(super) fn check(&self, verb: &Verb, by: &OperatorId) -> Result<Option<String>, Problem> {
        let run = &self.run.id;
        if let Verb::Note { text } = verb {
            return said(text, "a note", run).map(|()| None);
        }
        if self.run.state.is_over() {
            return Err(refused(run, format!("the run is {}", self.run.state.as_str())));
        }
        if self.closing() && !self.allowed_while_closing(verb) {
            let what = if self.rolling_back() { "rolled back" } else { "cancelled" };
            return Err(refused(run, format!("the run is being {what}")));
        }
        match verb {
            Verb::Note { .. } => {}
            Verb::Pause if self.paused => return Err(refused(run, "it is paused already")),
            Verb::Resume if !self.paused => return Err(refused(run, "it is not paused")),
            Verb::Pause | Verb::Resume => {}
            Verb::Cancel { reason } => said(reason, "a reason", run)?,
            Verb::Retry { step } => {
                self.at(step, |s, i| can_retry(&s.run.steps[i], &s.inner[i].stage), "retry")?
            }
            Verb::Skip { step, reason } => {
                said(reason, "a reason", step)?;
                self.at(step, |s, i| can_skip(&s.run.steps[i], &s.inner[i].stage), "skip")?;
            }
            Verb::Settle { step, reason, .. } => {
                said(reason, "a reason", step)?;
                self.at(step, |s, i| s.run.steps[i].status == StepStatus::Indeterminate, "settle")?;
            }
            Verb::Confirm { step, typed } => return self.confirm(step, typed).map(Some),
            Verb::Submit { step, fields } => self.submit(step, fields)?,
            Verb::Choose { step, choice, .. } => self.choose(step, choice)?,
            Verb::Approve { step, of } => self.approve(step, by, of)?,
            Verb::Decline { step, reason } => {
                said(reason, "a reason", step)?;
                self.at(step, |s, i| s.waits_for(i, Want::Approval), "decline")?;
            }
            Verb::Override { gate, reason, typed } => {
                said(reason, "a reason", run)?;
                self.can_override(gate, by, typed.as_deref())?;
            }
            Verb::DoneOutside { step, evidence } => {
                said(evidence, "evidence", step)?;
                // Nothing of a run that may not begin counts as done: what is
                // done has an undo and a cleanup, and those act.
                if !self.prechecked() {
                    return Err(refused(step, "the run may not begin yet: see what blocks it first"));
                }
                self.at(step, Self::can_be_outside, "marking it as done")?;
            }
            Verb::Adopt { reason } => {
                said(reason, "a reason", run)?;
                if self.adopting {
                    return Err(refused(run, "it is adopted already"));
                }
            }
            Verb::Undo { step, reason } => {
                said(reason, "a reason", step)?;
                self.undoing(step)?;
            }
            Verb::RollBack { reason } => {
                said(reason, "a reason", run)?;
                self.can_roll_back()?;
            }
            Verb::Commit { .. } if !self.wants_commit() => {
                return Err(refused(run, "there is nothing to commit yet"));
            }
            Verb::Commit { .. } => {}
            Verb::Ungraceful { reason } => {
                said(reason, "a reason", run)?;
                if !self.run.graceful {
                    return Err(refused(run, "it is not graceful any more"));
                }
            }
            Verb::Recheck if self.prechecked() || self.precheck.is_none() => {
                return Err(refused(run, "nothing waits for another look"));
            }
            Verb::Recheck => {}
            Verb::HandOver { to, .. } if !self.is_known(to) => {
                return Err(refused(run, format!("the estate knows no operator {to}")));
            }
            Verb::HandOver { to, .. } if *to == self.run.commander => {
                return Err(refused(run, format!("{to} is in command already")));
            }
            Verb::HandOver { .. } => {}
            Verb::TakeOver { .. } if self.run.commander == *by => {
                return Err(refused(run, "you are in command already"));
            }
            Verb::TakeOver { .. } if self.run.offered.as_ref() == Some(by) => {}
            Verb::TakeOver { reason } => said(reason, "a reason", run)?,
            Verb::Edit { edits, reason } => {
                said(reason, "a reason", run)?;
                self.edit(edits).map_err(|why| refused(run, why))?;
            }
        }
        Ok(None)
    }

    /// What still makes sense of a run that is given up.
    fn allowed_while_closing(&self, verb: &Verb) -> bool {
        let tidies = |step: &StepId| self.place(step).is_ok_and(|i| self.plan(i).phase == Phase::Cleanup);
        match verb {
            Verb::Settle { .. } | Verb::HandOver { .. } | Verb::TakeOver { .. } => true,
            Verb::Pause | Verb::Resume => self.cancelling != Cancelling::All,
            Verb::Override { gate: Gate::Role, .. } => true,
            Verb::Cancel { .. } => self.cancelling != Cancelling::All,
            Verb::Undo { step, .. } | Verb::Skip { step, .. } => {
                tidies(step) || self.place(step).is_ok_and(|i| self.inner[i].undoing)
            }
            verb => verb.step().is_some_and(tidies),
        }
    }

    fn at(&self, step: &StepId, can: impl Fn(&Self, usize) -> bool, verb: &str) -> Result<(), Problem> {
        let i = self.place(step)?;
        match can(self, i) {
            true => Ok(()),
            false => {
                let status = self.run.steps[i].status.as_str();
                Err(refused(step, format!("it is {status}: {verb} is not possible")))
            }
        }
    }

    pub(super) fn waits_for(&self, i: usize, want: Want) -> bool {
        matches!(self.inner[i].stage, Stage::Reached | Stage::Backoff { .. }) && self.want(i) == want
    }

    fn confirm(&self, step: &StepId, typed: &str) -> Result<String, Problem> {
        let i = self.place(step)?;
        if !self.waits_for(i, Want::Name) {
            return Err(refused(step, "it does not wait for a name"));
        }
        let target = plan::target(self.plan(i), &self.scope_of(i)).map_err(|why| refused(step, why))?;
        match typed == target && !target.trim().is_empty() {
            true => Ok(self.action_shown(i)),
            false => {
                Err(Problem::new(Code::RUN_CONFIRM, step).because(format!("{typed:?} is not {target:?}")))
            }
        }
    }

    fn submit(&self, step: &StepId, fields: &BTreeMap<String, Value>) -> Result<(), Problem> {
        let i = self.place(step)?;
        if self.waits_for(i, Want::Name) {
            return Err(refused(step, "its target's name is to be typed first"));
        }
        if !self.waits_for(i, Want::Work) {
            return Err(refused(step, "it does not wait for a person's work"));
        }
        fields::read(self.plan(i), fields).map(|_| ()).map_err(|why| refused(step, why))
    }

    fn choose(&self, step: &StepId, choice: &StepId) -> Result<(), Problem> {
        let i = self.place(step)?;
        if !self.waits_for(i, Want::Choice) {
            return Err(refused(step, "it does not wait for a choice"));
        }
        let all = plan::choices(self.plan(i));
        match all.iter().any(|c| c.id == *choice) {
            true => Ok(()),
            false => {
                let ids: Vec<&str> = all.iter().map(|c| c.id.as_str()).collect();
                Err(refused(step, format!("{choice} is none of the choices: {}", ids.join(", "))))
            }
        }
    }

    fn approve(&self, step: &StepId, by: &OperatorId, of: &str) -> Result<(), Problem> {
        let i = self.place(step)?;
        if !self.waits_for(i, Want::Approval) {
            return Err(refused(step, "it does not wait for anybody's word"));
        }
        self.may_approve(i, by, of).map_err(|why| Problem::new(Code::RUN_ROLE, step).because(why))
    }

    fn can_override(&self, gate: &Gate, by: &OperatorId, typed: Option<&str>) -> Result<(), Problem> {
        let run = &self.run.id;
        match gate {
            Gate::Precheck { item } => {
                let named = |p: &&PrecheckItem| p.blocks() && (item == "*" || p.id == *item);
                let items: Vec<&PrecheckItem> = self.run.precheck.iter().filter(named).collect();
                match items.iter().any(|p| p.overridable) {
                    _ if items.is_empty() => {
                        Err(refused(run, format!("nothing called {item:?} stands against it")))
                    }
                    true => Ok(()),
                    false => Err(refused(run, format!("{item:?} cannot be overridden: put it right"))),
                }
            }
            Gate::Guard { step, guard } => {
                let i = self.place(step)?;
                let barred =
                    self.inner[i].guard.is_some() && self.barred(i).iter().any(|(key, _)| key == guard);
                match (barred, guard) {
                    (false, _) => Err(refused(step, "that does not stand against it")),
                    // Two writers: the one risk that is taken by name.
                    (true, GuardKey::Fenced { asset }) if typed != Some(asset) => {
                        let why = format!("{:?} is not {asset:?}", typed.unwrap_or_default());
                        Err(Problem::new(Code::RUN_CONFIRM, step).because(why))
                    }
                    _ => Ok(()),
                }
            }
            Gate::Approvals { step } => self.at(step, |s, i| s.waits_for(i, Want::Approval), "overriding"),
            Gate::Waves => match self.waves_stopped() {
                Some(_) => Ok(()),
                None => Err(refused(run, "no wave was stopped")),
            },
            Gate::Role => match self.may(by, &Verb::Pause) {
                Err(_) => Ok(()),
                Ok(()) => Err(refused(run, "you need no other role")),
            },
        }
    }

    fn can_be_outside(&self, i: usize) -> bool {
        let kind = plan::moves(&self.plan(i).kind);
        let group = self.plan(i).for_each.is_some();
        let person = matches!(kind, plan::Moves::Choice | plan::Moves::Approval);
        !person
            && !group
            && match self.inner[i].stage {
                Stage::Waiting | Stage::Reached | Stage::Polling { .. } | Stage::Backoff { .. } => true,
                Stage::Asking { .. } => self.run.steps[i].status == StepStatus::Indeterminate,
                Stage::Over => {
                    let open = matches!(
                        self.run.steps[i].status,
                        StepStatus::Failed | StepStatus::TimedOut | StepStatus::Indeterminate
                    );
                    open && !self.inner[i].undoing
                }
                _ => false,
            }
    }

    fn undoing(&self, step: &StepId) -> Result<(), Problem> {
        let i = self.place(step)?;
        if !self.can_undo(i) {
            let why = match self.plan(i).undo {
                None => "it has no undo".to_owned(),
                Some(_) if self.inner[i].done.is_some_and(|n| n <= self.barrier()) => {
                    "a point of no return was passed since".to_owned()
                }
                Some(_) => {
                    format!("it is {}: there is nothing to take back", self.run.steps[i].status.as_str())
                }
            };
            return Err(refused(step, why));
        }
        let book = &self.run.runbook;
        let rests_on = |n: usize| {
            let other = &self.inner[n];
            let follows = branch::before(book, &other.plan.id).contains(step);
            follows
                && other.acted
                && !matches!(self.run.steps[n].status, StepStatus::Undone | StepStatus::Cancelled)
        };
        match (0..self.inner.len()).find(|n| *n != i && rests_on(*n)) {
            Some(n) => {
                Err(refused(step, format!("{} rests on it: undo that first, or roll back", self.plan(n).id)))
            }
            None => Ok(()),
        }
    }

    fn can_roll_back(&self) -> Result<(), Problem> {
        if self.committed {
            return Err(refused(&self.run.id, "it was committed"));
        }
        let some = (0..self.inner.len()).any(|i| self.can_undo(i));
        match self.barrier() {
            0 => Ok(()),
            _ if some => Ok(()),
            _ => Err(refused(
                &self.run.id,
                "a point of no return was passed, and nothing after it has an undo",
            )),
        }
    }
}

pub(super) fn refused(subject: impl std::fmt::Display, why: impl std::fmt::Display) -> Problem {
    Problem::new(Code::RUN_REFUSED, subject).because(why)
}

fn said(text: &str, what: &str, subject: impl std::fmt::Display) -> Result<(), Problem> {
    match text.trim().is_empty() {
        true => Err(refused(subject, format!("{what} is needed"))),
        false => Ok(()),
    }
}

/// What is known to have failed, or to have been ended or undone. An
/// indeterminate step is settled first: a retry of what may have happened
/// needs a person's word.
fn can_retry(step: &StepRun, stage: &Stage) -> bool {
    use StepStatus::*;
    matches!(stage, Stage::Over) && matches!(step.status, Failed | TimedOut | Undone)
}

/// Anything that does not act at this moment and is not behind already.
fn can_skip(step: &StepRun, stage: &Stage) -> bool {
    use StepStatus::*;
    match stage {
        Stage::Waiting | Stage::Reached | Stage::Polling { .. } | Stage::Backoff { .. } => true,
        Stage::Asking { .. } => step.status == Indeterminate,
        Stage::Over => matches!(step.status, Failed | TimedOut | Indeterminate | Undone),
        Stage::Acting { .. } | Stage::Child { .. } | Stage::Group | Stage::Unwinding => false,
    }
}
