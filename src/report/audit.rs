//! What an auditor asks of a run besides what was done: how long each part of it
//! took, how much of that was waiting for people, who decided what, what did not
//! go as planned, and by which plan.

use lifeboat_core::model::*;
use lifeboat_core::record::{Entry, Event, Record};
use lifeboat_core::run::{Run, Verb};
use serde::Serialize;

use super::posture::time;
use super::run::Line;

#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct AuditPart {
    /// From impact to detection, declaration, the run's beginning and its goal.
    pub parts: Vec<Part>,
    /// Until a person answered what the run could not go on without.
    pub waited_s: Dur,
    /// Every order and answer of a person, as journaled.
    pub decisions: Vec<Line>,
    /// What did not go as planned, and what a person took upon themselves.
    pub exceptions: Vec<Exception>,
    /// Hash of everything that was trusted when the run began.
    pub trusted: String,
    /// Versions of Lifeboat that drove it.
    pub versions: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Part {
    pub what: &'static str,
    pub took_s: Dur,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Exception {
    pub at: String,
    pub what: String,
}

/// `line`: how a record is told.
pub fn audit(run: &Run, records: &[Record], line: impl Fn(&Record) -> Line) -> AuditPart {
    let mut part = AuditPart {
        parts: parts(run),
        exceptions: run
            .exceptions
            .iter()
            .map(|(at, what)| Exception { at: time(*at), what: clean_line(what) })
            .collect(),
        ..AuditPart::default()
    };
    let mut before: Option<Time> = None;
    for record in records {
        match &record.event {
            Entry::Known(Event::RunStarted(start)) => part.trusted.clone_from(&start.trust),
            Entry::Known(Event::TakenUp { version, .. }) => {
                let version = clean_line(version);
                if !part.versions.contains(&version) {
                    part.versions.push(version);
                }
            }
            Entry::Known(Event::Operator { verb, .. }) => {
                part.decisions.push(line(record));
                // What answers nothing ends no waiting.
                if !answers(verb) {
                    continue;
                }
                if let Some(before) = before {
                    part.waited_s = part.waited_s + Dur::between(before, record.at).at_least_zero();
                }
            }
            _ => {}
        }
        before = Some(record.at);
    }
    part
}

/// Whether the run could not go on without it: what passed since the line before
/// was waiting, but for what went on beside it.
fn answers(verb: &Verb) -> bool {
    match verb {
        Verb::Retry { .. }
        | Verb::Skip { .. }
        | Verb::Confirm { .. }
        | Verb::Submit { .. }
        | Verb::Settle { .. }
        | Verb::Choose { .. }
        | Verb::Approve { .. }
        | Verb::Decline { .. }
        | Verb::Override { .. }
        | Verb::Commit { .. }
        | Verb::Resume => true,
        Verb::Pause
        | Verb::Cancel { .. }
        | Verb::Note { .. }
        | Verb::DoneOutside { .. }
        | Verb::Adopt { .. }
        | Verb::Undo { .. }
        | Verb::RollBack { .. }
        | Verb::Ungraceful { .. }
        | Verb::Recheck
        | Verb::HandOver { .. }
        | Verb::TakeOver { .. }
        | Verb::Edit { .. } => false,
    }
}

/// Each from where the one before ends.
fn parts(run: &Run) -> Vec<Part> {
    let incident = run.incident.as_ref();
    let ends = [
        ("until it was detected", incident.and_then(|i| i.detected_at)),
        ("until it was declared", incident.map(|i| i.declared_at)),
        ("until the run began", Some(run.started_at)),
        match run.stable_at {
            Some(at) => ("until its goal held", Some(at)),
            None => ("until it ended", run.ended_at),
        },
    ];
    let mut from = incident.map_or(run.started_at, |i| i.impact_began);
    let mut all = Vec::new();
    for (what, end) in ends {
        let Some(end) = end else { continue };
        if incident.is_some() || end > run.started_at {
            all.push(Part { what, took_s: Dur::between(from, end).at_least_zero() });
        }
        from = from.max(end);
    }
    all
}
