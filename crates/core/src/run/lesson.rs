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

/// What a `restore` step says it restored, in the outputs that it declares
/// (`point`, `lands`, `bytes`, `store`), with the checks that held after it.
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
        instant: text("lands").or(text("instant")).and_then(|t| t.parse().ok()),
        bytes: step.outputs.get("bytes").and_then(Value::as_u64),
        took,
        checks: after.map(|s| clean_line(s.plan.label())).collect(),
        at,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn run(mode: &str, state: &str, skipped: bool) -> Run {
        let at = |s: i64| Time::UNIX_EPOCH + Dur::secs(s);
        let step = |id: &str, kind: &str, status: &str, from: i64, to: i64, outputs: Value| {
            json!({
                "plan": {"id": id, "kind": kind, "options": {"asset": "w/db"}}, "status": status, "attempts": [],
                "started_at": at(from), "ended_at": at(to), "reason": null, "outputs": outputs,
            })
        };
        let restored = json!({"point": "p7", "lands": at(50), "bytes": 4_000, "store": "s"});
        let last = if skipped { "skipped" } else { "succeeded" };
        let steps = [
            step("restore", "restore", "succeeded", 100, 140, restored),
            step("ask", "check", "succeeded", 140, 150, json!({})),
            step("shown", "command", "succeeded", 150, 150, json!({})),
            step("last", "manual", last, 150, 190, json!({})),
        ];
        let runbook = json!({"id": "r", "title": "R", "kind": "restore", "workloads": ["w"],
            "params": {"to": {"type": "region"}, "from": {"type": "string"}}, "step": []});
        serde_json::from_value(json!({
            "id": "one", "runbook": runbook, "title": "R", "mode": mode, "state": state,
            "params": {"to": "there", "from": "here"}, "by": "ada", "started_at": at(100), "ended_at": at(200),
            "incident": null, "steps": steps, "notes": [], "commander": "ada", "rto_target": null,
            "rto_estimate": null,
        }))
        .unwrap()
    }

    #[test]
    fn a_run_teaches_how_long_its_steps_took_and_what_was_restored() {
        let lesson = run("rehearsal", "completed", false).lesson().unwrap();
        let took: Vec<_> = lesson.steps.iter().map(|(id, took)| (id.as_str(), took.as_millis())).collect();
        // What was only shown took no time, and would teach that it takes none.
        assert_eq!(took, [("restore", 40_000), ("ask", 10_000), ("last", 40_000)]);
        assert_eq!(
            (lesson.passed, lesson.live, lesson.to.as_ref().map(RegionId::as_str)),
            (true, false, Some("there"))
        );
        let one = &lesson.restores[0];
        assert_eq!((one.point.as_deref(), one.bytes, one.took), (Some("p7"), Some(4_000), Dur::secs(40)));
        assert_eq!(
            (one.instant, &one.checks),
            (Some(Time::UNIX_EPOCH + Dur::secs(50)), &vec!["ask".to_owned()])
        );
    }

    #[test]
    fn what_a_person_left_out_is_no_drill_and_what_was_not_real_teaches_nothing() {
        assert!(run("live", "completed_with_exceptions", false).lesson().unwrap().passed);
        assert!(!run("live", "completed_with_exceptions", true).lesson().unwrap().passed);
        assert!(!run("live", "failed", false).lesson().unwrap().passed);
        assert_eq!(run("dry-run", "completed", false).lesson(), None);
        assert_eq!(run("live", "running", false).lesson(), None);
    }
}
