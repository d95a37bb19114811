//! What the answer of a probe means for the run, as the event to journal.

use super::{inner::Stage, *};
use crate::{
    model::*,
    record::{Event, Question},
};

impl Machine {
    /// What an answer means for the run; `None`: nothing that was not known.
    /// An answer that comes too late, for a step that moved on, is nothing.
    pub fn answered(
        &self,
        step: &StepId,
        question: Question,
        answer: &Result<ProbeReading, Problem>,
        now: Time,
    ) -> Option<Event> {
        let i = self.place(step).ok()?;
        let detail = match answer {
            Ok(reading) => reading.detail.clone(),
            Err(problem) if problem.why.is_empty() => problem.what.clone(),
            Err(problem) => format!("{}: {}", problem.what, problem.why),
        };
        let holds = answer.as_ref().ok().map(|r| r.holds);
        let verdict = match (question, holds) {
            (Question::Absent, Some(true)) => Verdict3::NotDone,
            (Question::Absent, _) | (_, None) => Verdict3::CannotTell,
            (_, Some(true)) => Verdict3::Done,
            (_, Some(false)) => Verdict3::NotDone,
        };
        let number = self.run.steps[i].attempts.len() as u32;
        let said =
            Event::Answered { step: step.clone(), number, question, answer: verdict, detail: detail.clone() };
        match (question, &self.inner[i].stage) {
            (Question::Before, Stage::Reached) if self.inner[i].before.is_none() => Some(said),
            (Question::Verify, Stage::Asking { question: Question::Verify, .. }) => {
                let known = self.run.steps[i].status == StepStatus::Indeterminate;
                (!known || verdict != Verdict3::CannotTell).then_some(said)
            }
            (Question::Absent, Stage::Asking { question: Question::Absent, .. }) => Some(said),
            (Question::Poll, Stage::Polling { .. }) => self.polled(i, answer, detail, now),
            _ => None,
        }
    }

    fn polled(
        &self,
        i: usize,
        answer: &Result<ProbeReading, Problem>,
        detail: String,
        now: Time,
    ) -> Option<Event> {
        let plan = self.plan(i);
        let step = plan.id.clone();
        let holds = answer.as_ref().is_ok_and(|r| r.holds);
        let turned = self.inner[i].turned;
        let ended = |status, reason| {
            let outputs = answer.as_ref().map(outputs).unwrap_or_default();
            Some(Event::StepEnded { step: plan.id.clone(), status, reason, outputs })
        };
        let since = turned.filter(|(held, _)| *held).map(|(_, since)| since);
        match holds {
            true if Dur::between(since.unwrap_or(now), now) >= plan::stable(plan) => {
                ended(StepStatus::Succeeded, detail)
            }
            true if since.is_none() => Some(Event::ProbeTurned { step, holds, detail }),
            true => None,
            false if plan.kind == "check" && self.inner[i].tries + 1 >= plan::tries(plan) => {
                ended(StepStatus::Failed, detail)
            }
            false if plan.kind == "check" || turned.is_none_or(|(held, _)| held) => {
                Some(Event::ProbeTurned { step, holds, detail })
            }
            false => None,
        }
    }
}

/// What later steps may use of an answer.
fn outputs(reading: &ProbeReading) -> std::collections::BTreeMap<String, serde_json::Value> {
    let value = reading.value.map(|v| ("value".to_owned(), v.into()));
    let text = reading.text.clone().map(|t| ("text".to_owned(), t.into()));
    value.into_iter().chain(text).collect()
}
