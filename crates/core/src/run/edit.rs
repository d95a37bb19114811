//! A plan that changes while it is carried out: a diff that the person in
//! command confirms. What has begun stays as it was; what was approved and is
//! changed is not approved any more.

use std::collections::BTreeSet;

use super::{
    begin,
    inner::{Inner, Stage},
    *,
};
use crate::model::*;

/// The runbook with the changes made, or what is wrong with them.
pub fn edited(runbook: &Runbook, edits: &[PlanEdit]) -> Result<Runbook, String> {
    let mut book = runbook.clone();
    let place = |book: &Runbook, id: &StepId| {
        book.steps.iter().position(|s| s.id == *id).ok_or_else(|| format!("there is no step {id}"))
    };
    for edit in edits {
        match edit {
            PlanEdit::Add { after: None, step } => book.steps.insert(0, (**step).clone()),
            PlanEdit::Add { after: Some(after), step } => {
                let at = place(&book, after)? + 1;
                book.steps.insert(at, (**step).clone());
            }
            PlanEdit::Replace { step } => {
                let at = place(&book, &step.id)?;
                book.steps[at] = (**step).clone();
            }
            PlanEdit::Remove { id } => {
                let at = place(&book, id)?;
                book.steps.remove(at);
            }
        }
    }
    match book.steps.is_empty() {
        true => Err("nothing would be left of the plan".to_owned()),
        false => Ok(book),
    }
}

/// Steps that differ between two plans: in themselves, or in what they need.
fn changed(old: &Runbook, new: &Runbook) -> BTreeSet<StepId> {
    let full = |book: &Runbook| {
        let one = |n: usize| (book.steps[n].id.clone(), (book.steps[n].clone(), branch::needs(book, n)));
        (0..book.steps.len()).map(one).collect::<std::collections::BTreeMap<_, _>>()
    };
    let (old, new) = (full(old), full(new));
    let ids = old.keys().chain(new.keys());
    ids.filter(|id| old.get(*id) != new.get(*id)).cloned().collect()
}

impl Machine {
    /// The plan as it would be, where the change is possible now.
    pub(super) fn edit(&self, edits: &[PlanEdit]) -> Result<Runbook, String> {
        if edits.is_empty() {
            return Err("nothing is changed".to_owned());
        }
        if self.closing() {
            return Err("the run is being given up".to_owned());
        }
        let book = edited(&self.run.runbook, edits)?;
        for id in changed(&self.run.runbook, &book) {
            let Ok(i) = self.place(&id) else { continue };
            if self.run.steps[i].of.is_some() {
                return Err(format!("{id} is one of several instances: change the step itself"));
            }
            let there = book.steps.iter().find(|s| s.id == id);
            // What it needs may change around a step that has begun; itself not.
            let same = there == Some(self.plan(i));
            let status = self.run.steps[i].status;
            let open = match self.inner[i].stage {
                Stage::Waiting => true,
                Stage::Reached => there.is_some(),
                Stage::Over => {
                    there.is_some()
                        && !self.inner[i].undoing
                        && matches!(status, StepStatus::Failed | StepStatus::TimedOut)
                }
                _ => false,
            };
            if !open && !same {
                return Err(format!("{id} is {}: it cannot be changed any more", status.as_str()));
            }
        }
        begin::fits_together(&book, &self.run.params, self.run.mode, &self.names_known())?;
        Ok(book)
    }

    /// A region or workload is one of those that parameters name: the estate
    /// is not there any more.
    fn names_known(&self) -> Vec<String> {
        self.run.params.values().filter_map(|v| v.as_str().map(str::to_owned)).collect()
    }

    pub(super) fn was_edited(
        &mut self,
        edits: &[PlanEdit],
        by: &OperatorId,
        reason: &str,
        at: Time,
    ) -> Result<(), String> {
        let book = self.edit(edits)?;
        let changed = changed(&self.run.runbook, &book);
        self.run.runbook = book;
        self.editors.insert(by.clone());
        self.lay_out(at);
        for id in &changed {
            let Ok(i) = self.place(id) else { continue };
            self.void(i);
        }
        self.reopen_approvals(&changed);
        self.except(at, format!("{by} changed the plan: {reason}"));
        Ok(())
    }

    /// Nobody has agreed to what the step is now.
    fn void(&mut self, i: usize) {
        if matches!(self.inner[i].stage, Stage::Waiting | Stage::Reached | Stage::Over)
            && self.inner[i].done.is_none()
        {
            self.run.steps[i].approvals.clear();
            self.inner[i].ask_anew();
        }
        if self.inner[i].stage == Stage::Reached {
            self.inner[i].stage = Stage::Waiting;
        }
    }

    /// An `approve` step is about what comes after it: where that changed and
    /// has not begun, it is asked for again.
    fn reopen_approvals(&mut self, changed: &BTreeSet<StepId>) {
        let book = self.run.runbook.clone();
        let open = |id: &&StepId| {
            self.place(id).map_or(true, |i| matches!(self.inner[i].stage, Stage::Waiting | Stage::Reached))
                || self
                    .run
                    .step(id.as_str())
                    .is_some_and(|s| matches!(s.status, StepStatus::Failed | StepStatus::TimedOut))
        };
        let about: BTreeSet<StepId> =
            changed.iter().filter(open).flat_map(|id| branch::before(&book, id)).collect();
        for i in 0..self.inner.len() {
            let approve = plan::moves(&self.plan(i).kind) == plan::Moves::Approval;
            let given =
                matches!(self.run.steps[i].status, StepStatus::Succeeded | StepStatus::AwaitingApproval);
            if approve && given && about.contains(&self.plan(i).id) {
                let inner = Inner {
                    reached: self.inner[i].reached,
                    needs: self.inner[i].needs.clone(),
                    ..Inner::new(self.plan(i), self.inner[i].reached)
                };
                self.inner[i] = inner;
                self.run.steps[i].approvals.clear();
                self.run.steps[i].ended_at = None;
                self.run.steps[i].reason = Some("the plan changed: it is asked for again".to_owned());
            }
        }
    }
}
