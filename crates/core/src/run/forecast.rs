//! What is left of a run, and whether it still keeps to its time.

use std::collections::BTreeMap;

use super::{inner::Stage, *};
use crate::model::*;

/// How long a step takes, where it is known: from drills, from a measured
/// rate, or as declared.
pub type Durations = BTreeMap<StepId, Dur>;

/// The longest way through what is still to be done.
#[derive(Debug, Clone, PartialEq)]
pub struct Remaining {
    /// `None`: a step whose time is not known lies ahead; what is not known
    /// makes the whole unknown, not small.
    pub left: Option<Dur>,
    /// At least so long, by the steps whose time is known.
    pub at_least: Dur,
    /// The steps of the longest way, in order.
    pub path: Vec<StepId>,
    /// Steps ahead whose time is not known.
    pub unknown: Vec<StepId>,
    /// What is left of the RTO, below zero when it is over; `None`: no target.
    pub rto_left: Option<Dur>,
}

impl Remaining {
    /// Whether the target will be missed; `None` where nobody can say.
    pub fn is_late(&self) -> Option<bool> {
        let rto_left = self.rto_left?;
        match self.left {
            _ if self.at_least > rto_left => Some(true),
            Some(left) => Some(left > rto_left),
            None => None,
        }
    }
}

impl Machine {
    /// The remaining critical path. Steps that may still be left out by their
    /// `when` count: a forecast that is too long is the safer one. Cleanup is
    /// not part of the recovery time.
    pub fn remaining(&self, known: &Durations, now: Time) -> Remaining {
        let mut ends: BTreeMap<StepId, Way> = BTreeMap::new();
        let mut unknown = Vec::new();
        let ahead = |i: &usize| {
            self.plan(*i).phase != Phase::Cleanup && self.run.steps[*i].of.is_none() && !self.is_behind(*i)
        };
        let mut open: Vec<usize> = (0..self.inner.len()).filter(ahead).collect();
        for i in &open {
            if self.left_of(*i, known, now).is_none() {
                unknown.push(self.plan(*i).id.clone());
            }
        }
        while !open.is_empty() {
            let waits = |i: &usize, open: &[usize]| {
                self.inner[*i].needs.iter().any(|n| open.iter().any(|o| self.plan(*o).id == *n))
            };
            let (later, now_known): (Vec<usize>, Vec<usize>) = open.iter().partition(|i| waits(i, &open));
            if now_known.is_empty() {
                // A circle; a run with one does not begin.
                break;
            }
            for i in now_known {
                let longest = self.inner[i].needs.iter().filter_map(|n| ends.get(n)).max_by_key(|w| w.0);
                let (before, mut path) = longest.cloned().unwrap_or_default();
                path.push(self.plan(i).id.clone());
                let own = self.left_of(i, known, now).unwrap_or(Dur::ZERO);
                ends.insert(self.plan(i).id.clone(), (before + own, path));
            }
            open = later;
        }
        let (at_least, path) =
            ends.into_values().max_by(|a, b| (a.0, a.1.len()).cmp(&(b.0, b.1.len()))).unwrap_or_default();
        let left = unknown.is_empty().then_some(at_least);
        let rto_left = self.run.rto_target.map(|target| target - self.run.rta(now));
        Remaining { left, at_least, path, unknown, rto_left }
    }

    fn is_behind(&self, i: usize) -> bool {
        let status = self.run.steps[i].status;
        status.lets_pass() || matches!(status, StepStatus::Cancelled | StepStatus::Undone)
    }

    /// What is left of one step: never less than its stability window still
    /// asks for, and zero for one that takes longer than it should.
    fn left_of(&self, i: usize, known: &Durations, now: Time) -> Option<Dur> {
        let plan = self.plan(i);
        let whole = known.get(&plan.id).copied().or(plan.takes)?.max(plan::stable(plan));
        let begun = match self.inner[i].stage {
            Stage::Acting { .. } | Stage::Child { .. } => {
                self.run.steps[i].attempts.last().map(|a| a.intended_at)
            }
            Stage::Polling { .. } | Stage::Group | Stage::Reached => Some(self.inner[i].reached),
            // It has acted already, and only its proof is waited for.
            Stage::Asking { .. } => return Some(Dur::ZERO),
            _ => None,
        };
        let gone = begun.map_or(Dur::ZERO, |at| Dur::between(at, now).at_least_zero());
        let held = self.inner[i]
            .turned
            .filter(|(holds, _)| *holds)
            .map_or(Dur::ZERO, |(_, since)| Dur::between(since, now));
        let stable = (plan::stable(plan) - held).at_least_zero();
        let floor = if plan::stable(plan) > Dur::ZERO { stable } else { Dur::ZERO };
        Some((whole - gone).at_least_zero().max(floor))
    }
}

/// How long until a step has ended, and by which steps.
type Way = (Dur, Vec<StepId>);
