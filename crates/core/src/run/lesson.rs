//! What an ended run has shown: how long its steps took, what was restored,
//! where its workloads were left.

use serde_json::Value;

use super::{Mode, Run, RunState, StepRun, StepStatus};
use crate::model::*;

impl Run {
    /// `None` where it is not over, or nothing of it was real.
    pub fn lesson(&self) -> Option<Lesson> {
        let at = self.ended_at.filter(|_| self.state.is_over() && self.mode != Mode::DryRun)?;
        let text = |name: &str| self.params.get(name).and_then(Value::as_str);
        let region = |name: &str| {
            let is = self.runbook.params.get(name).is_some_and(|p| p.ty == ParamType::Region);
            text(name).filter(|_| is).map(RegionId::new)
        };
        let checks = self.steps.iter().filter(|s| s.status == StepStatus::Succeeded && checks(s) && done(s));
        let checks: Vec<_> = checks.collect();
        Some(Lesson {
            run: self.id.clone(),
            runbook: self.runbook.id.clone(),
            version: self.runbook.version(),
            kind: self.runbook.kind,
            live: self.mode == Mode::Live,
            workloads: self.runbook.workloads.clone(),
            to: region("to"),
            passed: self.passed(),
            ended: self.state.as_str().to_owned(),
            began_at: self.started_at,
            at,
            took: self.rta(at),
            steps: self.steps.iter().filter_map(|s| Some((s.plan.id.clone(), took(s)?))).collect(),
            restores: self.steps.iter().filter_map(|s| restored(s, &checks)).collect(),
        })
    }

    /// It came to its goal, and every step of its main part that the plan wanted
    /// was done.
    fn passed(&self) -> bool {
        let done = |s: &StepRun| matches!(s.status, StepStatus::Succeeded | StepStatus::Skipped);
        let main = || self.steps.iter().filter(|s| s.plan.phase != Phase::Cleanup);
        match self.state {
            RunState::Completed => true,
            // An exception may be a person's leaving a step out.
            RunState::CompletedWithExceptions => main().all(done) && !main().any(left_out),
            _ => false,
        }
    }
}

/// Skipped by a person, after it was reached; what the plan leaves out for this
/// mode or branch begins and ends in one instant.
fn left_out(step: &StepRun) -> bool {
    step.status == StepStatus::Skipped && done(step)
}

/// Whether it was done, not only shown or passed over: only then did time pass
/// over it.
fn done(step: &StepRun) -> bool {
    step.started_at.zip(step.ended_at).is_some_and(|(from, to)| from < to)
}

fn took(step: &StepRun) -> Option<Dur> {
    let main = step.plan.phase == Phase::Main && step.status == StepStatus::Succeeded && step.of.is_none();
    (main && done(step))
        .then(|| step.started_at.zip(step.ended_at).map(|(from, to)| Dur::between(from, to)))?
}

fn checks(step: &StepRun) -> bool {
    matches!(step.plan.kind.as_str(), "check" | "wait") || step.plan.verify.is_some()
}

/// What a `restore` step says it restored, in its outputs, with the checks
/// that held after it.
fn restored(step: &StepRun, checks: &[&StepRun]) -> Option<Restored> {
    let asset = step.plan.options.get("asset").and_then(Value::as_str)?;
    if step.plan.kind != "restore" {
        return None;
    }
    let (took, at) = (took(step)?, step.ended_at?);
    let text = |name: &str| step.outputs.get(name).and_then(Value::as_str);
    let after = checks.iter().filter(|s| s.ended_at >= step.ended_at);
    Some(Restored {
        asset: asset.to_owned(),
        store: text("store").map(StoreId::new),
        point: text("point").map(str::to_owned),
        instant: text("instant").and_then(|t| t.parse().ok()),
        bytes: step.outputs.get("bytes").and_then(Value::as_u64),
        took,
        checks: after.map(|s| clean_line(s.plan.label())).collect(),
        at,
    })
}
