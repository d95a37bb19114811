//! Verbs that were journaled, applied.

use super::{inner::Stage, machine::Cancelling, *};
use crate::{model::*, record::Question};

impl Machine {
    pub(super) fn asked(
        &mut self,
        verb: &Verb,
        action: Option<&str>,
        at: Time,
        by: &OperatorId,
    ) -> Result<(), String> {
        self.may(by, verb)?;
        self.check(verb, by).map_err(|problem| problem.why)?;
        if let Some(step) = verb.step() {
            let i = self.place(step).map_err(|_| format!("the run has no step {step}"))?;
            return self.asked_step(i, verb, action, at, by);
        }
        match verb {
            Verb::Pause => {
                self.paused = true;
                // What was looked at before a pause is looked at again.
                self.inner.iter_mut().for_each(|s| s.guard = None);
            }
            Verb::Resume => self.paused = false,
            Verb::Note { text } => self.run.notes.push((at, by.clone(), text.clone())),
            Verb::Cancel { reason } => self.cancel(at, by, reason),
            Verb::Override { gate, reason, .. } => self.overridden(gate, at, by, reason),
            Verb::Adopt { reason } => {
                self.adopting = true;
                self.except(at, format!("{by} takes over what was done elsewhere: {reason}"));
            }
            Verb::RollBack { reason } => {
                self.run.notes.push((at, by.clone(), format!("rolled back: {reason}")));
                self.roll_back(false, at);
            }
            Verb::Commit { .. } => self.committed = true,
            Verb::Ungraceful { reason } => {
                self.run.graceful = false;
                self.except(at, format!("{by} goes on ungracefully: {reason}"));
            }
            Verb::Recheck => {
                self.precheck = None;
                self.run.precheck.clear();
            }
            Verb::HandOver { to, text } => {
                self.run.offered = Some(to.clone());
                if !text.trim().is_empty() {
                    self.run.notes.push((at, by.clone(), format!("to {to}: {text}")));
                }
            }
            Verb::TakeOver { reason } => {
                if self.run.offered.as_ref() != Some(by) {
                    self.run.notes.push((at, by.clone(), format!("took over: {reason}")));
                }
                self.run.commander = by.clone();
                self.run.offered = None;
            }
            Verb::Edit { edits, reason } => self.was_edited(edits, by, reason, at)?,
            _ => return Err("it is about no step".to_owned()),
        }
        Ok(())
    }

    fn asked_step(
        &mut self,
        i: usize,
        verb: &Verb,
        action: Option<&str>,
        at: Time,
        by: &OperatorId,
    ) -> Result<(), String> {
        match verb {
            Verb::Retry { .. } => self.retried(i),
            Verb::Skip { reason, .. } => self.skipped(i, at, by, reason),
            Verb::Confirm { .. } => {
                if action != Some(&*self.action_shown(i)) {
                    return Err("what was confirmed is not what it does".to_owned());
                }
                let inner = &mut self.inner[i];
                inner.confirmed = action.map(str::to_owned);
                // A name may be typed an hour after the question appeared:
                // what it rests on is asked again at this moment.
                (inner.before, inner.guard) = (None, None);
            }
            Verb::Submit { fields, .. } => {
                let read = fields::read(self.plan(i), fields)?;
                self.run.steps[i].outputs.extend(read);
                self.said_done(i, at, &format!("{by} did it"));
            }
            Verb::Settle { done, reason, .. } => self.settled(i, *done, at, by, reason),
            Verb::Choose { choice, evidence, .. } => {
                self.inner[i].chosen = Some(choice.clone());
                self.inner[i].acted = true;
                self.run.steps[i].outputs.insert("choice".to_owned(), choice.as_str().into());
                let why = if evidence.trim().is_empty() { String::new() } else { format!(": {evidence}") };
                self.end(i, StepStatus::Succeeded, at, &format!("{by} chose {choice}{why}"));
            }
            Verb::Approve { of, .. } => self.agreed(i, at, by, of),
            Verb::Decline { reason, .. } => {
                self.fail(i, StepStatus::Failed, at, &format!("{by} declined: {reason}"));
            }
            Verb::Override { gate, reason, .. } => self.overridden(gate, at, by, reason),
            Verb::DoneOutside { evidence, .. } => {
                self.inner[i].exception = true;
                self.inner[i].turned = None;
                self.except(at, format!("{} was done outside, says {by}: {evidence}", self.plan(i).id));
                self.said_done(i, at, &format!("done outside, says {by}: {evidence}"));
            }
            Verb::Undo { reason, .. } => {
                self.run.notes.push((at, by.clone(), format!("undo of {}: {reason}", self.plan(i).id)));
                self.inner[i].stage = Stage::Unwinding;
            }
            _ => return Err("it is about no step".to_owned()),
        }
        Ok(())
    }

    /// From the start: whoever agreed to it, named it or looked does so again.
    fn retried(&mut self, i: usize) {
        self.inner[i].tries = 0;
        self.inner[i].undoing = false;
        self.inner[i].turned = None;
        self.inner[i].ask_anew();
        self.inner[i].by_word = false;
        self.inner[i].stage = Stage::Waiting;
        self.run.steps[i].approvals.clear();
        self.run.steps[i].ended_at = None;
    }

    fn skipped(&mut self, i: usize, at: Time, by: &OperatorId, reason: &str) {
        self.inner[i].exception = true;
        if self.inner[i].undoing {
            self.inner[i].kept = true;
            self.except(at, format!("{} is left as it is, says {by}: {reason}", self.plan(i).id));
            return self.end(i, StepStatus::Succeeded, at, &format!("not undone, says {by}: {reason}"));
        }
        let known = self.run.steps[i].status == StepStatus::Indeterminate;
        let told = if known { "nobody knows whether it happened; " } else { "" };
        self.except(at, format!("{by} skipped {}: {reason}", self.plan(i).id));
        self.end(i, StepStatus::Skipped, at, &format!("{told}{by} skipped it: {reason}"));
    }

    /// A person says that it is done; where there is a `verify`, that is asked.
    fn said_done(&mut self, i: usize, at: Time, told: &str) {
        self.inner[i].acted = true;
        self.inner[i].by_word = true;
        self.run.steps[i].started_at.get_or_insert(at);
        self.run.steps[i].reason = Some(told.to_owned());
        match self.plan(i).verify.is_some() {
            true => {
                let due = at + self.plan(i).settle.unwrap_or(Dur::ZERO);
                self.run.steps[i].status = StepStatus::Running;
                self.inner[i].stage = Stage::Asking { question: Question::Verify, due };
            }
            false => self.end(i, StepStatus::Succeeded, at, told),
        }
    }

    fn settled(&mut self, i: usize, done: bool, at: Time, by: &OperatorId, reason: &str) {
        let did = if done { "happened" } else { "did not happen" };
        self.except(at, format!("{} {did}, says {by}: {reason}", self.plan(i).id));
        let told = format!("{by} says it {did}: {reason}");
        match (done, self.inner[i].undoing) {
            (true, true) => self.undone(i, at, &told),
            (true, false) => self.end(i, StepStatus::Succeeded, at, &told),
            (false, _) => self.end(i, StepStatus::Failed, at, &told),
        }
    }

    fn agreed(&mut self, i: usize, at: Time, by: &OperatorId, of: &str) {
        self.run.steps[i].approvals.push(Approval { by: by.clone(), at, of: of.to_owned() });
        let approve = plan::moves(&self.plan(i).kind) == plan::Moves::Approval;
        if approve && self.has_approvals(i) {
            let all: Vec<String> = self.approved(i).map(|a| a.by.to_string()).collect();
            self.end(i, StepStatus::Succeeded, at, &format!("{} agreed", all.join(", ")));
        }
    }

    fn overridden(&mut self, gate: &Gate, at: Time, by: &OperatorId, reason: &str) {
        let what = match gate {
            Gate::Precheck { item } => {
                for items in [Some(&mut self.run.precheck), self.precheck.as_mut()].into_iter().flatten() {
                    let named =
                        |p: &&mut PrecheckItem| p.blocks() && p.overridable && (item == "*" || p.id == *item);
                    items.iter_mut().filter(named).for_each(|p| p.overridden = Some(by.clone()));
                }
                format!("the precheck {item}")
            }
            Gate::Guard { step, guard } => {
                if let Ok(i) = self.place(step) {
                    self.inner[i].waived.insert(guard.clone());
                }
                match guard {
                    GuardKey::Interlock { id } => format!("the interlock {id} at {step}"),
                    GuardKey::Fenced { asset } => format!("the risk of two writers of {asset} at {step}"),
                    GuardKey::Claim { asset, .. } => format!("the claim of another run on {asset} at {step}"),
                }
            }
            Gate::Approvals { step } => {
                if let Ok(i) = self.place(step) {
                    self.inner[i].unapproved = true;
                    if plan::moves(&self.plan(i).kind) == plan::Moves::Approval {
                        self.end(
                            i,
                            StepStatus::Succeeded,
                            at,
                            &format!("without approval, says {by}: {reason}"),
                        );
                    }
                }
                format!("the approval of {step}")
            }
            Gate::Waves => {
                self.forgive();
                "the stop after failures".to_owned()
            }
            Gate::Role => {
                self.emergency.insert(by.clone());
                "their role".to_owned()
            }
        };
        self.except(at, format!("{by} overrode {what}: {reason}"));
    }

    /// Nothing new begins but the cleanup; what acts is ended, what was asked
    /// is still answered. A second cancel ends the cleanup too.
    fn cancel(&mut self, at: Time, by: &OperatorId, reason: &str) {
        self.cancelling = if self.cancelling == Cancelling::No { Cancelling::Main } else { Cancelling::All };
        self.paused = false;
        self.run.notes.push((at, by.clone(), format!("cancelled: {reason}")));
        self.give_up_rest(at, "the run was cancelled");
    }
}
