//! The report of a run, from its journal alone: what was declared, done and
//! lost, beside what had been predicted.

use std::collections::BTreeMap;

use lifeboat_core::assess::Verdict;
use lifeboat_core::model::*;
use lifeboat_core::record::{Entry, Event, Record};
use lifeboat_core::run::{
    Gate, GuardAnswer, Incident, Mode, Prediction, Run, RunState, StepRun, Verb, interlock,
};
use serde::Serialize;
use serde_json::Value;

use super::audit::{AuditPart, audit};
use super::posture::time;

/// Names of outputs that hold the loss as counted from outside.
const COUNTED_S: &str = "counted_loss_s";
const COUNTED_OBJECTS: &str = "counted_loss_objects";

/// All that a report says; its JSON is `report --format json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunReport {
    pub schema: u32,
    pub run: RunId,
    pub runbook: RunbookId,
    pub title: String,
    pub mode: &'static str,
    pub state: &'static str,
    pub by: OperatorId,
    pub params: BTreeMap<String, Value>,
    pub started_at: String,
    pub ended_at: Option<String>,
    pub incident: Option<IncidentPart>,
    pub rta_s: Option<Dur>,
    pub rto_target_s: Option<Dur>,
    pub rto_estimate_s: Option<Dur>,
    pub loss: LossPart,
    pub steps: Vec<StepPart>,
    pub audit: AuditPart,
    pub timeline: Vec<Line>,
    pub journal: JournalPart,
}

impl RunReport {
    /// Whether the RTO was met; `None` where nothing says, for there is none, or what
    /// ran recovered nothing and is not over it yet.
    pub fn met(&self) -> Option<bool> {
        let (rta, rto) = self.rta_s.zip(self.rto_target_s).filter(|_| self.mode == Mode::Live.as_str())?;
        let states = [RunState::Completed, RunState::CompletedWithExceptions];
        let recovered = states.iter().any(|state| state.as_str() == self.state);
        (rta > rto || recovered).then_some(rta <= rto)
    }
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct IncidentPart {
    pub id: IncidentId,
    pub scenario: String,
    pub impact_began: String,
    pub detected_at: Option<String>,
    pub declared_at: String,
    pub by: OperatorId,
    pub evidence: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct LossPart {
    /// Of the run's own workloads, as journaled when the incident was declared.
    pub predicted: Vec<PredictedPart>,
    pub counted_s: Option<f64>,
    pub counted_objects: Option<f64>,
    /// Whether what was counted lies in what was predicted; `null` where
    /// either is missing.
    pub held: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PredictedPart {
    pub workload: WorkloadId,
    pub at: String,
    pub verdict: Verdict,
    pub to: Option<RegionId>,
    pub lower_s: Dur,
    pub upper_s: Option<Dur>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepPart {
    pub id: StepId,
    pub title: String,
    pub kind: String,
    pub status: &'static str,
    pub reason: Option<String>,
    pub attempts: usize,
    pub started_at: Option<String>,
    pub took_s: Option<Dur>,
    pub declared_s: Option<Dur>,
    pub outputs: BTreeMap<String, Value>,
    /// BLAKE3 of what the last attempt printed, as far as it was kept.
    pub output_hash: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line {
    pub at: String,
    pub by: OperatorId,
    pub what: String,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JournalPart {
    pub lines: usize,
    /// The `sum` of the last line: whoever has it can prove the rest unchanged.
    pub head: String,
}

pub fn run(run: &Run, records: &[Record]) -> RunReport {
    let ended = run.ended_at;
    RunReport {
        schema: 1,
        run: run.id.clone(),
        runbook: run.runbook.id.clone(),
        title: clean_line(&run.title),
        mode: run.mode.as_str(),
        state: run.state.as_str(),
        by: run.by.clone(),
        params: run.params.clone(),
        started_at: time(run.started_at),
        ended_at: ended.map(time),
        incident: run.incident.as_ref().map(incident),
        rta_s: ended.map(|at| run.rta(at)),
        rto_target_s: run.rto_target,
        rto_estimate_s: run.rto_estimate,
        loss: loss(run),
        steps: run.steps.iter().map(step).collect(),
        audit: audit(run, records, line),
        timeline: records.iter().map(line).collect(),
        journal: JournalPart {
            lines: records.len(),
            head: records.last().map(|r| r.sum.clone()).unwrap_or_default(),
        },
    }
}

fn incident(incident: &Incident) -> IncidentPart {
    IncidentPart {
        id: incident.id.clone(),
        scenario: incident.scenario.to_string(),
        impact_began: time(incident.impact_began),
        detected_at: incident.detected_at.map(time),
        declared_at: time(incident.declared_at),
        by: incident.by.clone(),
        evidence: incident.evidence.iter().map(|e| clean_line(e)).collect(),
    }
}

fn loss(run: &Run) -> LossPart {
    let own = |p: &&Prediction| run.runbook.workloads.contains(&p.workload);
    let predictions: Vec<_> = run.incident.iter().flat_map(|i| &i.predictions).filter(own).collect();
    let counted =
        |name: &str| run.steps.iter().rev().find_map(|s| s.outputs.get(name)).and_then(Value::as_f64);
    let counted_s = counted(COUNTED_S);
    let held = counted_s.zip(predictions.first()).and_then(|(counted, p)| {
        let upper = p.loss_upper?.as_secs_f64();
        // Bounds are kept in whole milliseconds.
        Some(p.loss_lower.as_secs_f64() <= counted + 0.001 && counted <= upper + 0.001)
    });
    LossPart {
        predicted: predictions.into_iter().map(predicted).collect(),
        counted_s,
        counted_objects: counted(COUNTED_OBJECTS),
        held,
    }
}

fn predicted(p: &Prediction) -> PredictedPart {
    PredictedPart {
        workload: p.workload.clone(),
        at: time(p.at),
        verdict: p.verdict,
        to: p.to.clone(),
        lower_s: p.loss_lower,
        upper_s: p.loss_upper,
    }
}

fn step(step: &StepRun) -> StepPart {
    let outcome = step.attempts.last().and_then(|a| a.outcome.as_ref());
    StepPart {
        id: step.plan.id.clone(),
        title: clean_line(step.plan.label()),
        kind: step.plan.kind.clone(),
        status: step.status.as_str(),
        reason: step.reason.as_deref().map(clean_line),
        attempts: step.attempts.len(),
        started_at: step.started_at.map(time),
        took_s: step.started_at.zip(step.ended_at).map(|(from, to)| Dur::between(from, to)),
        declared_s: step.plan.takes,
        outputs: step.outputs.clone(),
        output_hash: outcome.map(|o| o.output_hash.clone()).filter(|h| !h.is_empty()),
    }
}

fn line(record: &Record) -> Line {
    let what = match &record.event {
        Entry::Known(event) => sentence(event),
        Entry::Unknown { name, .. } => format!("{name} (written by a newer Lifeboat)"),
    };
    Line { at: time(record.at), by: record.by.clone(), what: clean_line(&what) }
}

/// An event as a sentence of the timeline.
fn sentence(event: &Event) -> String {
    match event {
        Event::RunStarted(start) => format!("the run begins, {}", start.mode.as_str()),
        Event::TakenUp { epoch, host, pid, .. } => {
            format!("driven by process {pid} on {host}, epoch {epoch}")
        }
        Event::StepReached { step } => format!("{step} is reached"),
        Event::StepSkipped { step, why } => format!("{step} is left out by the plan: {why}"),
        Event::StepLeftOut { step, why } => format!("{step} is not on the way taken: {why}"),
        Event::StepExpanded { step, instances } => {
            let ids: Vec<&str> = instances.iter().map(|i| i.id.as_str()).collect();
            format!("{step} is done for each of {}: {}", ids.len(), ids.join(", "))
        }
        Event::UndoIntended { step, number, action, .. } => {
            format!("{step}, attempt {number}, takes it back: {}", action.summary())
        }
        Event::ChildIntended { step, run, runbook, .. } => format!("{step}: {runbook} as run {run}"),
        Event::ChildEnded { step, state, detail, .. } => {
            let state = state.map_or("did not begin", |s| s.as_str());
            format!("{step}: its run {state}: {detail}")
        }
        Event::Guarded { step, answers } => {
            let one = |a: &GuardAnswer| {
                let holds = a.holds.map_or("unknown", |h| if h { "holds" } else { "does not hold" });
                format!("{} {holds} ({})", interlock::said(&a.key), a.detail)
            };
            format!("before {step} acts: {}", answers.iter().map(one).collect::<Vec<_>>().join("; "))
        }
        Event::ApprovalsLapsed { step, of } => {
            let who: Vec<&str> = of.iter().map(OperatorId::as_str).collect();
            format!("{step}: too long since {} agreed", who.join(", "))
        }
        Event::DueMissed { step, due } => format!("{step} was due at {} and is not done", time(*due)),
        Event::Prechecked { items } => {
            let bad: Vec<&str> = items.iter().filter(|i| i.blocks()).map(|i| i.what.as_str()).collect();
            match bad.is_empty() {
                true => format!("looked at {} things before the run", items.len()),
                false => format!("before the run, these stand against it: {}", bad.join(", ")),
            }
        }
        Event::WentReadOnly { why } => format!("the journal can no longer be written here: {why}"),
        Event::StepSimulated { step, action } => format!("{step} is only simulated: {action}"),
        Event::AttemptIntended { step, number, action, .. } => {
            format!("{step}, attempt {number}: {}", action.summary())
        }
        Event::AttemptEnded { step, number, outcome, .. } => {
            format!("{step}, attempt {number} ended: {}", outcome.detail)
        }
        Event::Answered { step, question, answer, detail, .. } => {
            let (question, answer) = (word(question), word(answer));
            format!("{step}: asked {question}, answered {answer} ({detail})")
        }
        Event::ProbeTurned { step, holds, detail } => {
            format!("{step}: what it waits for {} ({detail})", if *holds { "holds" } else { "does not hold" })
        }
        Event::StepEnded { step, status, reason, .. } => format!("{step} {}: {reason}", status.as_str()),
        Event::Operator { verb, .. } => said(verb),
        Event::ClockJumped { by } => format!("the clock jumped by {by}"),
        Event::RunEnded { state } => format!("the run ends: {}", state.as_str()),
        Event::IncidentDeclared { incident } => format!("incident declared: {}", incident.scenario),
        Event::IncidentStoodDown { reason } => format!("stood down: {reason}"),
    }
}

/// A value that serialises to one word, as that word.
fn word(value: &impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|v| v.as_str().map(|s| s.replace('_', " "))).unwrap_or_default()
}

fn overridden(gate: &Gate) -> String {
    match gate {
        Gate::Precheck { item } => format!("the precheck {item}"),
        Gate::Guard { step, guard } => format!("{} at {step}", interlock::said(guard)),
        Gate::Approvals { step } => format!("the approvals of {step}"),
        Gate::Waves => "the stop after failures".to_owned(),
        Gate::Role => "the lack of a role".to_owned(),
    }
}

fn said(verb: &Verb) -> String {
    match verb {
        Verb::Pause => "paused".to_owned(),
        Verb::Resume => "resumed".to_owned(),
        Verb::Retry { step } => format!("{step}: try again"),
        Verb::Skip { step, reason } => format!("{step} skipped: {reason}"),
        Verb::Cancel { reason } => format!("the run is cancelled: {reason}"),
        Verb::Note { text } => format!("note: {text}"),
        Verb::Choose { step, choice, evidence } => format!("{step}: {choice} chosen: {evidence}"),
        Verb::Approve { step, .. } => format!("{step} approved"),
        Verb::Decline { step, reason } => format!("{step} declined: {reason}"),
        Verb::Override { gate, reason, .. } => format!("{} overridden: {reason}", overridden(gate)),
        Verb::DoneOutside { step, evidence } => format!("{step} was done outside: {evidence}"),
        Verb::Adopt { reason } => format!("what was done elsewhere is taken over: {reason}"),
        Verb::Undo { step, reason } => format!("{step} is taken back: {reason}"),
        Verb::RollBack { reason } => format!("the run is rolled back: {reason}"),
        Verb::Commit { reason } => format!("committed: {reason}"),
        Verb::Ungraceful { reason } => format!("goes on ungracefully: {reason}"),
        Verb::Recheck => "everything is looked at again before the run".to_owned(),
        Verb::HandOver { to, text } => format!("the command is offered to {to}: {text}"),
        Verb::TakeOver { reason } => format!("takes over the command: {reason}"),
        Verb::Edit { edits, reason } => format!("the plan is changed in {} places: {reason}", edits.len()),
        Verb::Confirm { step, typed } => format!("{step} confirmed by typing {typed}"),
        Verb::Submit { step, .. } => format!("{step} done by hand"),
        Verb::Settle { step, done, reason } => {
            format!("{step} settled: it {}: {reason}", if *done { "happened" } else { "did not happen" })
        }
    }
}

/// The report for people. Text from outside cannot leave its line or its cell.
pub fn markdown(report: &RunReport) -> String {
    let mut out = format!("# {}\n\n", plain(&report.title));
    out += &format!(
        "Run `{}` of `{}`, mode **{}**: **{}**.\n\n",
        report.run, report.runbook, report.mode, report.state
    );
    let or_open = |at: &Option<String>| at.clone().unwrap_or_else(|| "still open".to_owned());
    out +=
        &format!("- Started {} by {}, ended {}\n", report.started_at, report.by, or_open(&report.ended_at));
    let met = match report.met() {
        Some(true) => " (met)",
        Some(false) => " (**MISSED**)",
        None => "",
    };
    let dur = |d: Option<Dur>| d.map_or_else(|| "unknown".to_owned(), |d| d.to_string());
    out += &format!(
        "- RTA **{}**; RTO {}{met}; estimated {}\n",
        dur(report.rta_s),
        dur(report.rto_target_s),
        dur(report.rto_estimate_s)
    );
    for (name, value) in &report.params {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        out += &format!("- {} = `{}`\n", plain(name), code(&text));
    }
    for part in &report.audit.parts {
        out += &format!("- {}: {}\n", part.what, part.took_s);
    }
    out += &format!("- of that waiting for people: {}\n", report.audit.waited_s);
    if let Some(incident) = &report.incident {
        out += &incident_markdown(incident);
    }
    out += &loss_markdown(&report.loss);
    out += "\n## Steps\n\n| step | kind | status | tries | took | declared | why |\n|---|---|---|---|---|---|---|\n";
    for s in &report.steps {
        let why = s.reason.as_deref().unwrap_or_default();
        let cells = [
            plain(&s.title),
            s.kind.clone(),
            s.status.to_owned(),
            s.attempts.to_string(),
            s.took_s.map_or("-".to_owned(), |d| d.to_string()),
            s.declared_s.map_or("-".to_owned(), |d| d.to_string()),
            plain(why),
        ];
        out += &format!("| {} |\n", cells.join(" | "));
    }
    out += &audit_markdown(&report.audit);
    out += "\n## Timeline\n\n";
    for line in &report.timeline {
        out += &format!("- `{}` {}: {}\n", line.at, line.by, plain(&line.what));
    }
    out + &format!(
        "\nFrom a journal of {} lines, the last with sum `{}`; the plan is that of the estate trusted as `{}`, driven by Lifeboat {}.\n",
        report.journal.lines,
        report.journal.head,
        code(&report.audit.trusted),
        report.audit.versions.join(" and ")
    )
}

fn audit_markdown(audit: &AuditPart) -> String {
    let mut out = "\n## What people decided\n\n".to_owned();
    if audit.decisions.is_empty() {
        out += "- Nothing: no person was asked\n";
    }
    for line in &audit.decisions {
        out += &format!("- `{}` {}: {}\n", line.at, line.by, plain(&line.what));
    }
    out += "\n## What did not go as planned\n\n";
    if audit.exceptions.is_empty() {
        out += "- Nothing\n";
    }
    for one in &audit.exceptions {
        out += &format!("- `{}` {}\n", one.at, plain(&one.what));
    }
    out
}

fn incident_markdown(incident: &IncidentPart) -> String {
    let mut out = format!("\n## Incident `{}`\n\n{}.\n\n", incident.id, plain(&incident.scenario));
    out += &format!("- Impact began {}\n", incident.impact_began);
    if let Some(at) = &incident.detected_at {
        out += &format!("- Detected {at}\n");
    }
    out += &format!("- Declared {} by {}\n", incident.declared_at, incident.by);
    out.extend(incident.evidence.iter().map(|e| format!("- Evidence: {}\n", plain(e))));
    out
}

fn loss_markdown(loss: &LossPart) -> String {
    let mut out = "\n## Loss, predicted and counted\n\n".to_owned();
    for p in &loss.predicted {
        let upper = p.upper_s.map_or_else(|| "unknown".to_owned(), |d| d.to_string());
        out += &format!(
            "- Predicted for {} at {}: {} to {upper} ({})\n",
            p.workload, p.at, p.lower_s, p.verdict
        );
    }
    if loss.predicted.is_empty() {
        out += "- Nothing was predicted: the run belongs to no incident\n";
    }
    match (loss.counted_s, loss.counted_objects) {
        (None, None) => out += "- Nothing was counted\n",
        (seconds, objects) => {
            let seconds = seconds.map_or_else(|| "unknown".to_owned(), |s| format!("{s:.3} s"));
            let objects = objects.map_or_else(|| "an unknown number".to_owned(), |n| format!("{n}"));
            out += &format!(
                "- Counted: {objects} lost, {seconds} between the last that survived and the last lost\n"
            );
        }
    }
    match loss.held {
        Some(true) => out + "- The count lies **inside** the prediction\n",
        Some(false) => out + "- The count lies **OUTSIDE** the prediction: find out why\n",
        None => out,
    }
}

/// Text that Markdown and HTML leave as it is.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '!' => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out
}

/// Text inside backticks.
fn code(text: &str) -> String {
    clean_line(text).replace('`', "'").replace('|', "¦")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_stays_in_its_cell() {
        let hostile = "a | b\\ <script>`x` [l](javascript:1) **bold**";
        let shown = plain(hostile);
        for piece in [" | ", "<script", "[l](", "**bold**"] {
            assert!(!shown.contains(piece), "{piece} in {shown}");
        }
    }

    #[test]
    fn words_come_from_the_values_themselves() {
        assert_eq!(word(&lifeboat_core::run::Verdict3::CannotTell), "cannot tell");
    }
}
