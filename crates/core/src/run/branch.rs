//! The order of steps: what each needs, which branch is taken, and what is
//! left out with a branch that is not.
//!
//! - A step needs what `needs` names; without it the step above in its phase.
//!   Goals also need everything of `main`, cleanup everything else.
//! - A step that a choice names needs that `decide`, and is left out where
//!   another choice is taken.
//! - What is left out counts as passed, so that a plan in one line goes on
//!   past it. But a step that names its `needs`, all of which were left out,
//!   lies on the same branch: it is left out too, unless its `when` asks for
//!   the state of one of them.
//! - A step that a person skips, or that a rehearsal does, only counts as passed.

use std::collections::BTreeSet;

use super::{expr, inner::Stage, *};
use crate::model::*;

/// What the `n`-th step needs.
pub fn needs(runbook: &Runbook, n: usize) -> Vec<StepId> {
    let step = &runbook.steps[n];
    let above = || runbook.steps[..n].iter().rfind(|s| s.phase == step.phase).map(|s| s.id.clone());
    let mut needs = step.needs.clone().unwrap_or_else(|| above().into_iter().collect());
    let earlier = |phase: Phase| match step.phase {
        Phase::Main => false,
        Phase::Goal => phase == Phase::Main,
        Phase::Cleanup => phase != Phase::Cleanup,
    };
    needs.extend(runbook.steps.iter().filter(|s| earlier(s.phase)).map(|s| s.id.clone()));
    let deciding =
        runbook.steps.iter().filter(|d| plan::choices(d).iter().any(|c| c.steps.contains(&step.id)));
    needs.extend(deciding.map(|d| d.id.clone()));
    let mut seen = BTreeSet::new();
    needs.retain(|id| seen.insert(id.clone()));
    needs
}

/// Every step that has passed before this one begins.
pub fn before(runbook: &Runbook, step: &StepId) -> BTreeSet<StepId> {
    let (mut out, mut left) = (BTreeSet::new(), vec![step.clone()]);
    while let Some(id) = left.pop() {
        let Some(n) = runbook.steps.iter().position(|s| s.id == id) else { continue };
        for need in needs(runbook, n) {
            if out.insert(need.clone()) {
                left.push(need);
            }
        }
    }
    out
}

impl Machine {
    /// Whether everything that the step needs has passed.
    pub(super) fn may_begin(&self, i: usize) -> bool {
        if self.closing() {
            return self.may_tidy(i);
        }
        if !self.prechecked() || (self.plan(i).phase == Phase::Cleanup && self.wants_commit()) {
            return false;
        }
        match self.run.steps[i].of.is_some() {
            true => self.has_room(i),
            false => self.inner[i].needs.iter().all(|id| self.passed(id)) && self.wave_has_room(i),
        }
    }

    fn passed(&self, id: &StepId) -> bool {
        self.run.step(id.as_str()).is_some_and(|s| s.status.lets_pass())
    }

    /// Cleanup after a run that is given up: once all else is at rest.
    fn may_tidy(&self, i: usize) -> bool {
        let at_rest = |n: usize| self.plan(n).phase == Phase::Cleanup || self.is_at_rest(n);
        let own = |id: &StepId| {
            let step = self.run.step(id.as_str());
            step.is_none_or(|s| s.plan.phase != Phase::Cleanup || s.status.lets_pass())
        };
        let instance = self.run.steps[i].of.is_some();
        self.tidies(i)
            && (!instance || self.has_room(i))
            && (0..self.inner.len()).all(at_rest)
            && self.went_back()
            && self.inner[i].needs.iter().all(own)
    }

    /// Nothing more happens to it by itself.
    pub(super) fn is_at_rest(&self, i: usize) -> bool {
        match self.inner[i].stage {
            Stage::Over => true,
            Stage::Asking { .. } => self.run.steps[i].status == StepStatus::Indeterminate,
            _ => false,
        }
    }

    /// Why the step lies on a branch that is not taken.
    pub(super) fn off_branch(&self, i: usize) -> Option<String> {
        let id = &self.plan(i).id;
        if let Some(why) = self.not_chosen(id) {
            return Some(why);
        }
        let named = self.plan(i).needs.as_deref().unwrap_or_default();
        let left = |id: &StepId| self.place(id).is_ok_and(|n| self.inner[n].left);
        if named.is_empty() || !named.iter().all(left) {
            return None;
        }
        let known: BTreeSet<StepId> = named.iter().cloned().collect();
        let asked = self.plan(i).when.as_deref().map(|c| expr::steps_named(c, &known)).unwrap_or_default();
        let all: Vec<&str> = named.iter().map(StepId::as_str).collect();
        asked.is_empty().then(|| format!("it follows only {}, which was left out", all.join(", ")))
    }

    /// Where a decision names the step and went another way.
    fn not_chosen(&self, id: &StepId) -> Option<String> {
        let mut why = None;
        for (n, inner) in self.inner.iter().enumerate() {
            let choices = plan::choices(&inner.plan);
            if !choices.iter().any(|c| c.steps.contains(id)) {
                continue;
            }
            match &inner.chosen {
                Some(chosen) if choices.iter().any(|c| c.id == *chosen && c.steps.contains(id)) => {
                    return None;
                }
                Some(chosen) => why = Some(format!("{chosen} was chosen at {}", inner.plan.id)),
                // Nobody decides in a dry run: every way is shown.
                None if self.run.steps[n].status == StepStatus::Succeeded => return None,
                None => why = Some(format!("nothing was chosen at {}", inner.plan.id)),
            }
        }
        why
    }

    /// Whether a condition that the run no longer meets can still take it out.
    pub(super) fn may_be_left(&self, i: usize) -> bool {
        match self.inner[i].stage {
            Stage::Waiting | Stage::Reached | Stage::Polling { .. } => true,
            Stage::Over => matches!(self.run.steps[i].status, StepStatus::Failed | StepStatus::TimedOut),
            _ => false,
        }
    }

    /// Whether everything came to its end, and nothing was given up.
    pub(super) fn all_passed(&self) -> bool {
        let counts = |i: &usize| self.plan(*i).phase != Phase::Cleanup;
        let mut all = (0..self.inner.len()).filter(counts);
        !self.closing() && all.all(|i| self.run.steps[i].status.lets_pass())
    }

    /// Everything passed, and the plan wants a person's word for it.
    pub(super) fn wants_commit(&self) -> bool {
        self.run.runbook.commit == CommitBy::Person
            && self.run.mode != Mode::DryRun
            && !self.committed
            && self.all_passed()
    }
}
