//! Everything that can happen to the dashboard, and everything it can ask for.

use std::{collections::BTreeMap, sync::Arc};

use lifeboat_core::{
    assess::Glance,
    model::*,
    run::{Incident, Mode, Prediction, RunRow, RunView, Verb},
};
use serde_json::Value;

use super::Key;

/// What happened. Data only, so that a session can be recorded and replayed.
#[derive(Debug, Clone)]
pub enum Msg {
    /// `at`: when the key was read, to tell keys typed before a question
    /// appeared from answers to it.
    Key {
        key: Key,
        at: Time,
    },
    Paste(String),
    Mouse(Mouse),
    Resize(u16, u16),
    /// The clock, sent whenever the loop wakes up.
    Now(Time),
    /// A frame reached the terminal. `until`: when it next changes by time
    /// alone. `hits`: what a click on it means.
    Painted {
        at: Time,
        until: Option<Time>,
        hits: Vec<Hit>,
    },
    LastKnown(Glance),
    Estate(Arc<Estate>),
    Trust(Trust),
    Observed(Arc<Observations>),
    Points(CopyKey, Arc<CopyReport>),
    PointsFailed(CopyKey, Problem),
    Past(WorkloadId, Result<Arc<Past>, Problem>),
    Runs(Vec<RunRow>),
    Run(Arc<RunView>),
    Incident(Option<Arc<Incident>>),
    Problem(Problem),
    /// Something that was asked for is done, in one sentence.
    Done(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mouse {
    /// Lines; positive is towards the end.
    Wheel(i32),
    Click {
        x: u16,
        y: u16,
    },
}

/// A line of the screen that stands for a row of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hit {
    pub x: u16,
    pub y: u16,
    pub width: u16,
    pub row: usize,
}

/// Whether the estate may act and connect.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Trust {
    /// Not looked at yet.
    #[default]
    Unknown,
    Trusted,
    /// Nothing is asked, run or read; why, and what to do.
    Refused(Problem),
}

/// What an incident begins with: what was on screen when it was declared.
#[derive(Debug, Clone, PartialEq)]
pub struct Declaration {
    pub scenario: Scenario,
    pub impact_began: Time,
    pub detected_at: Option<Time>,
    pub evidence: Vec<String>,
    pub predictions: Vec<Prediction>,
}

/// What is to be done in the world.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    Quit,
    /// Ask sources now: of one workload, or all.
    Refresh(Option<WorkloadId>),
    ReadPoints(CopyKey),
    /// What is kept of a workload over time.
    ReadPast(WorkloadId),
    StartRun {
        runbook: RunbookId,
        mode: Mode,
        params: BTreeMap<String, Value>,
        incident: Option<IncidentId>,
    },
    /// Follow a run: its `Msg::Run` are wanted from now on.
    OpenRun(RunId),
    Verb {
        run: RunId,
        verb: Verb,
    },
    Declare(Declaration),
    /// That what the history finds odd is as it should be.
    Acknowledge {
        rule: String,
        subject: String,
        object: Option<String>,
        why: String,
    },
    StandDown,
    /// An action of the embedding command, by its place in `AppOptions::extras`.
    Extra(usize),
    // These four are the terminal's own; `term::run` does them.
    Suspend,
    Redraw,
    Mouse(bool),
    Yank(String),
}
