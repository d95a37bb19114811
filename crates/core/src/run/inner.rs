//! What the machine knows of one step beside what is shown of it.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::{
    model::*,
    record::{Action, Question},
};

/// What the machine knows of a step beside what is shown.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Inner {
    /// As written, templates and all.
    pub plan: StepPlan,
    pub needs: Vec<StepId>,
    /// What `for_each` inserts.
    pub each: BTreeMap<String, serde_json::Value>,
    pub stage: Stage,
    /// What `verify` answered before the first attempt.
    pub before: Option<Verdict3>,
    /// The action as it was confirmed.
    pub confirmed: Option<String>,
    /// Tries since a person last said retry.
    pub tries: u32,
    /// The newest answer of a polled probe, and since when.
    pub turned: Option<(bool, Time)>,
    pub reached: Time,
    /// A person had to go around it.
    pub exception: bool,
    /// On a branch that is not taken.
    pub left: bool,
    /// It really did something, by an attempt or by a person.
    pub acted: bool,
    /// A person's word is its outcome, not an attempt.
    pub by_word: bool,
    pub guard: Option<guard::Guarded>,
    /// Guards that a person has overridden.
    pub waived: BTreeSet<GuardKey>,
    /// Approvals that a person has gone without.
    pub unapproved: bool,
    /// As what it was completed, counted from 1.
    pub done: Option<u64>,
    /// Its undo was begun.
    pub undoing: bool,
    /// Its undo failed and it is left as it is.
    pub kept: bool,
    pub chosen: Option<StepId>,
    /// For a step that fences: something positive says so.
    pub proven: bool,
    /// Its `due` has passed and was told.
    pub overdue: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Stage {
    /// For what it needs.
    Waiting,
    /// Next: what `want` says, in that order.
    Reached,
    /// Its instances are what is done.
    Group,
    Polling {
        due: Time,
    },
    Acting {
        number: u32,
        action: Box<Action>,
        timeout: Dur,
    },
    /// A run of its own.
    Child {
        number: u32,
        run: RunId,
    },
    Asking {
        question: Question,
        due: Time,
    },
    Backoff {
        until: Time,
    },
    /// A person asked for its undo.
    Unwinding,
    Over,
}

/// What a reached step waits for, in the order in which it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Want {
    /// `verify`, before anything is done.
    Before,
    Approval,
    /// The target's name.
    Name,
    Guard,
    /// A guard does not hold.
    Waive,
    Work,
    Choice,
    /// It may act.
    Nothing,
}

impl Inner {
    pub fn new(plan: &StepPlan, at: Time) -> Self {
        Self {
            plan: plan.clone(),
            needs: Vec::new(),
            each: BTreeMap::new(),
            stage: Stage::Waiting,
            before: None,
            confirmed: None,
            tries: 0,
            turned: None,
            reached: at,
            exception: false,
            left: false,
            acted: false,
            by_word: false,
            guard: None,
            waived: BTreeSet::new(),
            unapproved: false,
            done: None,
            undoing: false,
            kept: false,
            chosen: None,
            proven: false,
            overdue: false,
        }
    }

    /// As before anybody agreed to it, confirmed it or looked.
    pub fn ask_anew(&mut self) {
        self.before = None;
        self.confirmed = None;
        self.guard = None;
        self.waived.clear();
        self.unapproved = false;
    }
}

/// A step before anything happened to it.
pub(super) fn blank(plan: &StepPlan) -> StepRun {
    StepRun {
        plan: plan.clone(),
        status: StepStatus::Pending,
        attempts: Vec::new(),
        started_at: None,
        ended_at: None,
        reason: None,
        outputs: BTreeMap::new(),
        of: None,
        approvals: Vec::new(),
        due: None,
    }
}
