//! Who must agree before a step begins, and who may do what.
//!
//! An estate without `[[operator]]` has one person, who may do everything.
//! With them: `observer` only looks and notes; `approver` also agrees and
//! declines; any other role acts; what decides over the run as a whole is for
//! the person in command. Who lacks a role may override that, with a reason.

use super::*;
use crate::{model::*, record::Event};

/// What a verb takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Anybody,
    Approver,
    Operator,
    Commander,
}

fn level(verb: &Verb) -> Level {
    match verb {
        Verb::Note { .. } | Verb::Override { gate: Gate::Role, .. } => Level::Anybody,
        Verb::Approve { .. } | Verb::Decline { .. } => Level::Approver,
        Verb::Cancel { .. }
        | Verb::Override { .. }
        | Verb::Adopt { .. }
        | Verb::RollBack { .. }
        | Verb::Commit { .. }
        | Verb::Ungraceful { .. }
        | Verb::HandOver { .. }
        | Verb::Edit { .. } => Level::Commander,
        Verb::Pause
        | Verb::Resume
        | Verb::Retry { .. }
        | Verb::Skip { .. }
        | Verb::Confirm { .. }
        | Verb::Submit { .. }
        | Verb::Settle { .. }
        | Verb::Choose { .. }
        | Verb::DoneOutside { .. }
        | Verb::Undo { .. }
        | Verb::Recheck
        | Verb::TakeOver { .. } => Level::Operator,
    }
}

/// By role alone.
fn level_among(people: &[Operator], by: &OperatorId) -> Level {
    let Some(person) = people.iter().find(|p| p.id == *by) else { return Level::Anybody };
    let acts = |role: &String| !matches!(role.as_str(), "observer" | "approver");
    match &person.roles {
        roles if roles.is_empty() || roles.iter().any(acts) => Level::Operator,
        roles if roles.iter().any(|r| r == "approver") => Level::Approver,
        _ => Level::Anybody,
    }
}

/// Whether a person's role lets them act outside of any run: where nobody is
/// named, whoever is there may.
pub fn may_act(people: &[Operator], by: &OperatorId) -> bool {
    people.is_empty() || level_among(people, by) >= Level::Operator
}

impl Machine {
    /// Whether this person may ask for this, whatever state the run is in.
    pub(super) fn may(&self, by: &OperatorId, verb: &Verb) -> Result<(), String> {
        if self.people.is_empty() {
            return Ok(());
        }
        let wanted = level(verb);
        let has = self.level_of(by);
        if has >= wanted.min(Level::Operator) && (wanted < Level::Commander || self.run.commander == *by) {
            return Ok(());
        }
        Err(match wanted {
            Level::Commander if has >= Level::Operator => {
                format!(
                    "only {}, who is in command, may {}: take over first",
                    self.run.commander,
                    verb.name()
                )
            }
            _ => format!("{by} has no role that may {}", verb.name()),
        })
    }

    fn level_of(&self, by: &OperatorId) -> Level {
        if self.emergency.contains(by) || self.run.by == *by {
            return Level::Operator;
        }
        level_among(&self.people, by)
    }

    pub(super) fn is_known(&self, who: &OperatorId) -> bool {
        self.people.is_empty() || self.people.iter().any(|p| p.id == *who)
    }

    /// Digest of what a step does: its plan, and the action with everything
    /// filled in.
    pub(super) fn digest(&self, i: usize) -> String {
        let plan = serde_json::to_string(self.plan(i)).unwrap_or_default();
        blake3::hash(format!("{plan}\n{}", self.action_shown(i)).as_bytes()).to_hex()[..16].to_owned()
    }

    /// Whose word counts for what the step does now.
    pub(super) fn approved(&self, i: usize) -> impl Iterator<Item = &Approval> {
        let of = self.digest(i);
        self.run.steps[i].approvals.iter().filter(move |a| a.of == of)
    }

    pub(super) fn has_approvals(&self, i: usize) -> bool {
        let Some(wanted) = plan::approvals(self.plan(i)) else { return true };
        self.inner[i].unapproved || self.approved(i).count() >= wanted.need as usize
    }

    /// Who agreed so long ago that it no longer counts.
    pub(super) fn lapsed(&self, i: usize, now: Time) -> Vec<OperatorId> {
        let Some(within) = plan::approvals(self.plan(i)).and_then(|a| a.within) else { return Vec::new() };
        let old = |a: &&Approval| Dur::between(a.at, now) > within;
        match self.inner[i].unapproved {
            true => Vec::new(),
            false => self.run.steps[i].approvals.iter().filter(old).map(|a| a.by.clone()).collect(),
        }
    }

    pub(super) fn lapse(&self, i: usize, now: Time) -> Option<Event> {
        let of = self.lapsed(i, now);
        (!of.is_empty()).then(|| Event::ApprovalsLapsed { step: self.plan(i).id.clone(), of })
    }

    /// Whether this person's word would count.
    pub(super) fn may_approve(&self, i: usize, by: &OperatorId, of: &str) -> Result<(), String> {
        let wanted = plan::approvals(self.plan(i)).ok_or("it needs nobody's word")?;
        if self.run.by == *by {
            return Err("who started the run cannot approve what it does".to_owned());
        }
        if self.editors.contains(by) {
            return Err("who changed the plan cannot approve it".to_owned());
        }
        if self.approved(i).any(|a| a.by == *by) {
            return Err("this person has agreed already: others are needed".to_owned());
        }
        let person = self.people.iter().find(|p| p.id == *by);
        let counts = |role: &String| person.is_some_and(|p| p.roles.contains(role));
        if !wanted.roles.is_empty() && !wanted.roles.iter().any(counts) {
            return Err(format!("it needs the word of: {}", wanted.roles.join(", ")));
        }
        match of == self.digest(i) {
            true => Ok(()),
            false => Err("what it does is no longer what was shown".to_owned()),
        }
    }
}
