//! What an attempt leaves behind: typed outputs, and the outcome of a run
//! inside a run.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{inner::Stage, *};
use crate::model::*;

impl Machine {
    /// Outputs of the types that were declared. One that is not is as good as
    /// none: what needs it does not begin.
    pub(super) fn keep_outputs(
        &mut self,
        i: usize,
        found: &BTreeMap<String, Value>,
        succeeded: bool,
        at: Time,
    ) {
        if self.inner[i].undoing {
            return;
        }
        let declared = self.plan(i).outputs.clone();
        let mut bad = Vec::new();
        for (name, value) in found {
            match declared.get(name).and_then(|def| def.ty) {
                Some(ty) if !ty.fits(value) => bad.push(name.clone()),
                _ => {
                    self.run.steps[i].outputs.insert(name.clone(), value.clone());
                }
            }
        }
        let lacks = declared.iter().filter(|(name, def)| def.ty.is_some() && !found.contains_key(*name));
        bad.extend(lacks.map(|(name, _)| name.clone()));
        if succeeded && !bad.is_empty() {
            let told = format!("its answer holds no {} of the type declared", bad.join(", "));
            let so_far = self.run.steps[i].reason.clone().unwrap_or_default();
            self.except(at, format!("{}: {told}", self.plan(i).id));
            self.run.steps[i].reason = Some(format!("{so_far}; {told}"));
        }
    }

    /// The run of a `runbook` step is over: its outcome is the step's.
    pub(super) fn child_ended(
        &mut self,
        i: usize,
        number: u32,
        state: Option<RunState>,
        detail: &str,
        outputs: &BTreeMap<String, Value>,
        at: Time,
    ) -> Result<(), String> {
        match &self.inner[i].stage {
            Stage::Child { number: open, .. } if *open == number => {}
            _ => return Err(format!("run {number} of it ends but is not open")),
        }
        let result = match state {
            None => AttemptResult::NotStarted,
            Some(RunState::Completed | RunState::CompletedWithExceptions) => AttemptResult::Succeeded,
            Some(RunState::Cancelled) if self.told_to_end(i) => AttemptResult::Cancelled,
            Some(RunState::Failed | RunState::Cancelled) => AttemptResult::Failed,
            Some(open) => return Err(format!("it is said to be over while it is {}", open.as_str())),
        };
        if state == Some(RunState::CompletedWithExceptions) {
            self.except(at, format!("the run of {} had exceptions", self.plan(i).id));
        }
        let begun = self.run.steps[i].attempts.last().map_or(at, |a| a.intended_at);
        let outcome = Outcome {
            result,
            code: None,
            detail: detail.to_owned(),
            started_at: begun,
            ended_at: at,
            outputs: outputs.clone(),
            output_kept: 0,
            output_bytes: 0,
            output_hash: String::new(),
        };
        self.came_to(i, &outcome, false, at)
    }
}
