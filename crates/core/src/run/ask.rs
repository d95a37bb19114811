//! What a run wants of a person, in one question each.

use serde::{Deserialize, Serialize};

use super::{inner::Want, machine::Cancelling, *};
use crate::model::*;

/// What the run wants of a person now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ask {
    pub step: StepId,
    pub kind: AskKind,
    /// The question, in one sentence.
    pub sentence: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AskKind {
    /// Type the target's name; what exactly will be done stands beside it.
    Confirm { target: String, action: String },
    /// Do it by hand, fill in the fields, say done.
    Manual { fields: Vec<FieldDef> },
    /// Did it happen or not?
    Settle,
    /// It failed, timed out or was undone: retry, skip with a reason, or
    /// cancel the run.
    Failed,
    /// Choose one way to go on; what speaks for and against stands beside it.
    Decide { choices: Vec<Choice>, evidence: Vec<String> },
    /// Agree to exactly this, or decline.
    Approve {
        action: String,
        /// Digest that an approval names.
        of: String,
        need: u32,
        given: Vec<OperatorId>,
        roles: Vec<String>,
    },
    /// Something stands against going on: put it right, or override it with a
    /// reason, and where `typed` says so by typing that name.
    Override { gate: Gate, why: String, typed: Option<String> },
    /// Everything passed: commit, or roll back.
    Commit,
    /// Its undo did not work: undo again, or leave it as it is with a reason.
    UndoFailed,
}

impl Machine {
    /// What a person is asked now, in the order of the plan.
    pub fn asks(&self) -> Vec<Ask> {
        if self.run.state.is_over() || self.halted.is_some() {
            return Vec::new();
        }
        let first = || self.run.steps.first().map_or(StepId::new("run"), |s| s.plan.id.clone());
        if let Some(items) = self.precheck.as_deref()
            && !self.closing()
        {
            let blocked: Vec<Ask> =
                items.iter().filter(|i| i.blocks()).map(|i| prechecked(first(), i)).collect();
            if !blocked.is_empty() {
                return blocked;
            }
        }
        let mut asks: Vec<Ask> =
            (0..self.inner.len()).filter(|i| self.may_ask(*i)).filter_map(|i| self.ask_of(i)).collect();
        asks.extend(self.waves_ask());
        if self.wants_commit() {
            let sentence = "Everything passed and the goals hold. Commit, or roll back?".to_owned();
            let step = self.run.steps.last().map_or_else(first, |s| s.plan.id.clone());
            asks.push(Ask { step, kind: AskKind::Commit, sentence });
        }
        asks
    }

    /// Once the run is being cancelled, only its cleanup asks; an undo asks
    /// while it is rolled back.
    fn may_ask(&self, i: usize) -> bool {
        match self.cancelling {
            Cancelling::No => true,
            Cancelling::Main => self.plan(i).phase == Phase::Cleanup,
            Cancelling::All => false,
        }
    }

    fn waves_ask(&self) -> Option<Ask> {
        let (failures, step) = self.waves_stopped()?;
        let why = format!("{failures} failed, and the plan stops there");
        Some(Ask {
            step,
            kind: AskKind::Override { gate: Gate::Waves, why: why.clone(), typed: None },
            sentence: format!(
                "No further one begins: {why}. Retry or skip what failed, or override with a reason."
            ),
        })
    }

    fn ask_of(&self, i: usize) -> Option<Ask> {
        let (plan, step) = (self.plan(i), &self.run.steps[i]);
        let label = clean_line(step.plan.label());
        let why = step.reason.as_deref().map(|r| format!(": {}", clean_line(r))).unwrap_or_default();
        let ask = |kind, sentence| Some(Ask { step: plan.id.clone(), kind, sentence });
        match step.status {
            StepStatus::AwaitingInput | StepStatus::AwaitingApproval => self.wanted(i, &label),
            StepStatus::Indeterminate => {
                ask(AskKind::Settle, format!("Did “{label}” happen? Nobody knows{why}."))
            }
            StepStatus::Failed | StepStatus::TimedOut if self.inner[i].undoing => ask(
                AskKind::UndoFailed,
                format!("Undoing “{label}” failed{why}. Undo it again, or leave it with a reason?"),
            ),
            StepStatus::Failed | StepStatus::TimedOut | StepStatus::Undone
                if !self.rolling_back() || plan.phase == Phase::Cleanup =>
            {
                let what = match step.status {
                    StepStatus::Failed => "failed",
                    StepStatus::TimedOut => "timed out",
                    _ => "was undone",
                };
                ask(
                    AskKind::Failed,
                    format!("“{label}” {what}{why}. Retry, skip with a reason, or cancel the run?"),
                )
            }
            _ => None,
        }
    }

    /// What a reached step waits for.
    fn wanted(&self, i: usize, label: &str) -> Option<Ask> {
        let plan = self.plan(i);
        let (kind, sentence) = match self.want(i) {
            Want::Name => {
                let target = plan::target(plan, &self.scope_of(i)).unwrap_or_else(|_| plan.id.to_string());
                let sentence = format!("Type {} to let “{label}” begin.", clean_line(&target));
                (AskKind::Confirm { target, action: self.action_shown(i) }, sentence)
            }
            Want::Work => (
                AskKind::Manual { fields: plan::fields(plan) },
                format!("Do “{label}”, then say that it is done."),
            ),
            Want::Choice => {
                let kind = AskKind::Decide { choices: plan::choices(plan), evidence: self.evidence(i) };
                (kind, format!("{label}: which way?"))
            }
            Want::Approval => {
                let wanted = plan::approvals(plan).unwrap_or_else(|| Approvals {
                    need: 1,
                    roles: Vec::new(),
                    within: None,
                });
                let given: Vec<OperatorId> = self.approved(i).map(|a| a.by.clone()).collect();
                let sentence = format!(
                    "“{label}” needs the word of {} people; {} have agreed.",
                    wanted.need,
                    given.len()
                );
                let (action, of) = (self.action_shown(i), self.digest(i));
                (AskKind::Approve { action, of, need: wanted.need, given, roles: wanted.roles }, sentence)
            }
            Want::Waive => {
                let (guard, why) = self.barred(i).into_iter().next()?;
                let typed = match &guard {
                    GuardKey::Fenced { asset } => Some(asset.clone()),
                    _ => None,
                };
                let sentence = format!(
                    "“{label}” may not begin: {}. Put it right, or override it with a reason.",
                    clean_line(&why)
                );
                let gate = Gate::Guard { step: plan.id.clone(), guard };
                (AskKind::Override { gate, why, typed }, sentence)
            }
            Want::Before | Want::Guard | Want::Nothing => return None,
        };
        Some(Ask { step: plan.id.clone(), kind, sentence })
    }

    /// What is known that a choice can rest on: why the incident was declared,
    /// what was predicted, and what the steps before found.
    fn evidence(&self, i: usize) -> Vec<String> {
        let incident = self.run.incident.iter();
        let mut out: Vec<String> = incident.clone().flat_map(|x| x.evidence.clone()).collect();
        for p in incident.flat_map(|x| &x.predictions) {
            let loss = p.loss_upper.map_or("unknown".to_owned(), |l| l.to_string());
            out.push(format!("{}: loss up to {loss} predicted", p.workload));
        }
        for need in &self.inner[i].needs {
            let Some(step) = self.run.step(need.as_str()) else { continue };
            let seen = step.outputs.iter().map(|(name, value)| format!("{need}.{name} = {value}"));
            out.extend(seen.map(|line| clean_line(&line)));
        }
        out
    }
}

fn prechecked(step: StepId, item: &PrecheckItem) -> Ask {
    let why = format!("{}: {}", item.what, item.detail);
    let how = match item.overridable {
        true => "Put it right and check again, or override it with a reason.",
        false => "Put it right and check again, or cancel the run.",
    };
    Ask {
        step,
        sentence: format!("Before the run: {}. {how}", clean_line(&why)),
        kind: AskKind::Override { gate: Gate::Precheck { item: item.id.clone() }, why, typed: None },
    }
}
