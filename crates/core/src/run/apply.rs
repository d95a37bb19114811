//! Applying records: the only way a run changes.

use super::{
    inner::{Stage, Want},
    machine::Cancelling,
    *,
};
use crate::{
    model::*,
    record::{Action, Entry, Event, Record},
};

impl Machine {
    /// Fails where the record cannot follow from what is so: then the journal
    /// is not this run's.
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
        self.recompute(record.at);
        Ok(())
    }

    fn moved(&mut self, event: &Event, at: Time, by: &OperatorId) -> Result<(), String> {
        if self.run.state.is_over() && !matches!(event, Event::Operator { verb: Verb::Note { .. }, .. }) {
            return Err("the run is over".to_owned());
        }
        if self.halted.is_some() && !matches!(event, Event::TakenUp { .. }) {
            return Err("its journal was read-only".to_owned());
        }
        match event {
            Event::RunStarted(_) | Event::IncidentDeclared { .. } | Event::IncidentStoodDown { .. } => {
                Err("it does not belong inside a run".to_owned())
            }
            Event::TakenUp { epoch, .. } => {
                self.took_up(*epoch);
                self.halted = None;
                // Nobody was looking meanwhile: what must hold without a break starts anew.
                self.inner.iter_mut().for_each(|s| (s.turned, s.guard) = (None, None));
                Ok(())
            }
            Event::WentReadOnly { why } => {
                self.halted = Some(why.clone());
                Ok(())
            }
            Event::Prechecked { items } => self.looked(items),
            Event::Operator { verb, action } => self.asked(verb, action.as_deref(), at, by),
            Event::ClockJumped { by } => {
                self.jumped(*by);
                Ok(())
            }
            Event::RunEnded { state } => {
                self.run.state = *state;
                self.run.ended_at = Some(at);
                Ok(())
            }
            event => {
                let step = event.step().ok_or("it is about no step")?;
                let i = self.place(step).map_err(|_| format!("the run has no step {step}"))?;
                self.moved_step(i, event, at)
            }
        }
    }

    fn moved_step(&mut self, i: usize, event: &Event, at: Time) -> Result<(), String> {
        match event {
            Event::StepReached { .. } => self.reached(i, at),
            Event::StepSkipped { why, .. } => {
                self.waiting(i)?;
                self.end(i, StepStatus::Skipped, at, why);
            }
            Event::StepLeftOut { why, .. } => {
                if !self.may_be_left(i) {
                    return Err("it cannot be left out any more".to_owned());
                }
                self.inner[i].left = true;
                self.end(i, StepStatus::Skipped, at, why);
            }
            Event::StepSimulated { action, .. } => {
                self.waiting(i)?;
                self.end(i, StepStatus::Succeeded, at, &format!("not done, only shown: {action}"));
            }
            Event::StepExpanded { instances, .. } => self.expanded(i, instances, at)?,
            Event::AttemptIntended { number, action, timeout, .. } => {
                self.may_act(i, at)?;
                self.intended(i, *number, action, *timeout, at)?;
            }
            Event::UndoIntended { number, action, timeout, .. } => {
                if !self.may_undo(i) {
                    return Err("an undo begins where none may".to_owned());
                }
                self.inner[i].undoing = true;
                self.intended(i, *number, action, *timeout, at)?;
            }
            Event::ChildIntended { number, run, .. } => {
                self.may_act(i, at)?;
                self.child_intended(i, *number, run, at)?;
            }
            Event::ChildEnded { number, state, detail, outputs, .. } => {
                self.child_ended(i, *number, *state, detail, outputs, at)?;
            }
            Event::AttemptEnded { number, outcome, still_held, .. } => {
                self.attempt_ended(i, *number, outcome, *still_held, at)?;
            }
            Event::Answered { question, answer, detail, .. } => {
                self.was_answered(i, *question, *answer, detail, at)?;
            }
            Event::Guarded { answers, .. } => self.was_guarded(i, answers, at)?,
            Event::ApprovalsLapsed { of, .. } => {
                self.run.steps[i].approvals.retain(|a| !of.contains(&a.by));
            }
            Event::DueMissed { due, .. } => {
                self.inner[i].overdue = true;
                let told = format!("{} was due at {due} and was not done", self.plan(i).id);
                self.except(at, told);
            }
            Event::ProbeTurned { holds, detail, .. } => {
                if !matches!(self.inner[i].stage, Stage::Polling { .. }) {
                    return Err("it is not watched".to_owned());
                }
                self.turned(i, *holds, detail, at);
            }
            Event::StepEnded { status, reason, outputs, .. } => {
                if matches!(
                    self.inner[i].stage,
                    Stage::Acting { .. } | Stage::Child { .. } | Stage::Over | Stage::Group
                ) {
                    return Err("it does not end by itself".to_owned());
                }
                self.run.steps[i].outputs.extend(outputs.clone());
                match status {
                    StepStatus::Failed | StepStatus::TimedOut => self.fail(i, *status, at, reason),
                    status => self.end(i, *status, at, reason),
                }
            }
            _ => return Err("it is no event of a step".to_owned()),
        }
        Ok(())
    }

    fn waiting(&self, i: usize) -> Result<(), String> {
        match self.inner[i].stage {
            Stage::Waiting => Ok(()),
            _ => Err("it was begun already".to_owned()),
        }
    }

    /// The last gate, live and in replay: nothing acts unnamed, unapproved or
    /// unguarded, whoever wrote the line.
    fn may_act(&self, i: usize, at: Time) -> Result<(), String> {
        if !matches!(self.inner[i].stage, Stage::Reached | Stage::Backoff { .. }) {
            return Err("an attempt begins where none may".to_owned());
        }
        let stands = self.want(i) == Want::Nothing && self.barred(i).is_empty() && self.is_confirmed(i);
        match stands && self.lapsed(i, at).is_empty() {
            true => Ok(()),
            false => Err("it begins before what it waits for".to_owned()),
        }
    }

    fn reached(&mut self, i: usize, at: Time) {
        let inner = &mut self.inner[i];
        inner.reached = at;
        inner.turned = None;
        inner.by_word = false;
        inner.stage = match plan::moves(&inner.plan.kind) {
            plan::Moves::Probe => Stage::Polling { due: at },
            _ => Stage::Reached,
        };
        let step = &mut self.run.steps[i];
        step.started_at.get_or_insert(at);
        step.ended_at = None;
    }

    pub(super) fn intended(
        &mut self,
        i: usize,
        n: u32,
        action: &Action,
        timeout: Dur,
        at: Time,
    ) -> Result<(), String> {
        self.try_begins(i, n, at)?;
        self.inner[i].stage = Stage::Acting { number: n, action: Box::new(action.clone()), timeout };
        Ok(())
    }

    fn try_begins(&mut self, i: usize, n: u32, at: Time) -> Result<(), String> {
        if n as usize != self.run.steps[i].attempts.len() + 1 {
            return Err(format!("attempt {n} does not follow the one before"));
        }
        self.inner[i].tries += 1;
        self.inner[i].acted = true;
        self.inner[i].by_word = false;
        self.inner[i].guard = None;
        let attempt = Attempt { number: n, intended_at: at, ended_at: None, outcome: None };
        self.run.steps[i].attempts.push(attempt);
        Ok(())
    }

    fn child_intended(&mut self, i: usize, n: u32, run: &RunId, at: Time) -> Result<(), String> {
        if plan::moves(&self.plan(i).kind) != plan::Moves::Child {
            return Err("it starts no run of its own".to_owned());
        }
        self.try_begins(i, n, at)?;
        self.inner[i].stage = Stage::Child { number: n, run: run.clone() };
        Ok(())
    }

    fn looked(&mut self, items: &[PrecheckItem]) -> Result<(), String> {
        if self.precheck.is_some() {
            return Err("nothing was to be looked at".to_owned());
        }
        self.run.precheck = items.to_vec();
        self.precheck = Some(items.to_vec());
        Ok(())
    }

    /// Deadlines are meant in time that passes, not in what a clock is set to.
    fn jumped(&mut self, by: Dur) {
        for step in &mut self.inner {
            step.reached = step.reached + by;
            if let Some((_, since)) = &mut step.turned {
                *since = *since + by;
            }
            // What was looked at before a jump is looked at again.
            step.guard = None;
            if let Stage::Polling { due } | Stage::Asking { due, .. } | Stage::Backoff { until: due } =
                &mut step.stage
            {
                *due = *due + by;
            }
        }
        for approval in self.run.steps.iter_mut().flat_map(|s| &mut s.approvals) {
            approval.at = approval.at + by;
        }
    }

    /// States that follow from the others.
    pub(super) fn recompute(&mut self, at: Time) {
        self.settle_groups(at);
        for i in 0..self.inner.len() {
            if let Some(status) = self.status(i) {
                self.run.steps[i].status = status;
            }
        }
        if self.run.state.is_over() {
            return;
        }
        if self.all_passed() {
            self.run.stable_at.get_or_insert(at);
        } else if !self.closing() {
            // Something was added or is done again: it has not recovered yet.
            self.run.stable_at = None;
        }
        let busy = self.run.steps.iter().any(|s| s.status == StepStatus::Running);
        self.run.state = match self.asks().is_empty() {
            _ if self.paused => RunState::Paused,
            _ if self.rolling.is_some() => RunState::RollingBack,
            _ if self.cancelling == Cancelling::No && !self.prechecked() => RunState::Prechecking,
            false if !busy => RunState::Waiting,
            _ => RunState::Running,
        };
    }

    /// `None`: what it is stays.
    fn status(&self, i: usize) -> Option<StepStatus> {
        Some(match self.inner[i].stage {
            Stage::Waiting if self.may_begin(i) => StepStatus::Ready,
            Stage::Waiting => StepStatus::Pending,
            Stage::Reached | Stage::Backoff { .. } => match self.want(i) {
                Want::Before | Want::Guard | Want::Nothing => StepStatus::Running,
                Want::Approval => StepStatus::AwaitingApproval,
                Want::Name | Want::Work | Want::Choice | Want::Waive => StepStatus::AwaitingInput,
            },
            Stage::Asking { .. } if self.run.steps[i].status == StepStatus::Indeterminate => return None,
            Stage::Over => return None,
            _ => StepStatus::Running,
        })
    }

    /// What a reached step waits for.
    pub(super) fn want(&self, i: usize) -> Want {
        let (inner, moves) = (&self.inner[i], plan::moves(&self.plan(i).kind));
        if let Stage::Backoff { .. } = inner.stage {
            // It began once: what was agreed to then may have lapsed since.
            return match inner.guard.is_some() && !self.barred(i).is_empty() {
                _ if !self.has_approvals(i) => Want::Approval,
                true => Want::Waive,
                false => Want::Nothing,
            };
        }
        if inner.plan.verify.is_some() && inner.before.is_none() {
            return Want::Before;
        }
        if moves == plan::Moves::Approval || !self.has_approvals(i) {
            return Want::Approval;
        }
        if !self.is_confirmed(i) {
            return Want::Name;
        }
        let unanswered = |item: &GuardItem| !inner.waived.contains(&item.key);
        if inner.guard.is_none() && self.guards(i).iter().any(unanswered) {
            return Want::Guard;
        }
        if !self.barred(i).is_empty() {
            return Want::Waive;
        }
        match moves {
            plan::Moves::Person => Want::Work,
            plan::Moves::Choice => Want::Choice,
            _ => Want::Nothing,
        }
    }

    /// A destructive step is confirmed only for the very action that was shown.
    pub(super) fn is_confirmed(&self, i: usize) -> bool {
        !self.plan(i).destructive || self.inner[i].confirmed.as_deref() == Some(&*self.action_shown(i))
    }

    /// What a step would do, in one line.
    pub(super) fn action_shown(&self, i: usize) -> String {
        let label = || clean_line(self.run.steps[i].plan.label());
        match plan::moves(&self.plan(i).kind) {
            plan::Moves::Attempt => plan::action(self.plan(i), &self.scope_of(i))
                .map_or_else(|why| format!("it cannot begin: {why}"), |a| a.summary()),
            plan::Moves::Child => plan::child(self.plan(i), &self.scope_of(i)).map_or_else(
                |why| format!("it cannot begin: {why}"),
                |(book, with)| {
                    clean_line(&format!(
                        "the runbook {book} with {}",
                        serde_json::Value::Object(with.into_iter().collect())
                    ))
                },
            ),
            plan::Moves::Person | plan::Moves::Choice | plan::Moves::Approval => label(),
            plan::Moves::Probe => "it only looks".to_owned(),
        }
    }
}
