//! Making a run: checks first, then the frozen copy, then the first line.

use std::{collections::BTreeMap, path::Path};

use lifeboat_core::{
    model::*,
    run::{Begin, Incident, Mode, Parent, Run, begin},
};
use serde_json::Value;

use crate::config::{self, TrustedEstate};
use crate::engine::VOCABULARY;
use crate::keep::runs::{RunFolder, new_id, runs_dir};

/// Probe kinds that the prober asks; a run whose steps need others is refused.
const ASKABLE: &[&str] =
    &["http", "tcp", "tls", "dns", "postgres", "redis", "prometheus", "object", "command"];

/// Step kinds that this driver acts on; a run with another does not begin.
const DRIVABLE: &[&str] = &[
    "manual", "approve", "decide", "check", "wait", "command", "http", "dns", "restore", "copy", "notify",
    "runbook",
];

/// What a run is made from. The estate must be trusted: `trust` is the hash
/// of what `freeze` copies.
pub struct Starting<'a> {
    pub state: &'a Path,
    pub estate: &'a Estate,
    pub trust: String,
    pub runbook: &'a RunbookId,
    pub params: &'a BTreeMap<String, Value>,
    pub mode: Mode,
    pub incident: Option<Incident>,
    pub rto_target: Option<Dur>,
    /// Whether everything is looked at before anything acts.
    pub precheck: bool,
    pub rto_estimate: Option<Dur>,
    pub by: &'a OperatorId,
    pub now: Time,
}

/// The folder of the new run, locked, with its first line written. `freeze`
/// copies everything that is trusted into the folder that it is given.
pub fn start(
    from: Starting<'_>,
    freeze: impl FnOnce(&Path) -> Result<(), Problem>,
) -> Result<RunFolder, Problem> {
    let runbook = find(from.estate, from.runbook)?;
    let id = new_id(from.now, &runbook.id, fastrand::u16(..));
    let first = begin(Begin {
        run: id.clone(),
        epoch: 1,
        trust: from.trust,
        estate: from.estate,
        runbook,
        params: from.params,
        mode: from.mode,
        incident: from.incident,
        rto_target: from.rto_target,
        rto_estimate: from.rto_estimate,
        probes: Some(ASKABLE),
        kinds: Some(DRIVABLE),
        precheck: from.precheck,
        graceful: None,
        parent: None,
    })?;
    RunFolder::create(&runs_dir(from.state, &from.estate.id), &id, freeze, &first, from.by, from.now)
}

/// What a run inside a run is made from.
pub(super) struct Inside<'a> {
    pub runs: &'a Path,
    pub id: &'a RunId,
    pub trusted: &'a TrustedEstate,
    pub runbook: &'a RunbookId,
    pub params: &'a BTreeMap<String, Value>,
    /// The run that it is a step of.
    pub of: &'a Run,
    pub parent: Parent,
    pub by: &'a OperatorId,
    pub now: Time,
}

pub(super) fn inside(from: Inside<'_>) -> Result<RunFolder, Problem> {
    let estate = from.trusted.estate();
    let runbook = find(estate, from.runbook)?;
    let first = begin(Begin {
        run: from.id.clone(),
        epoch: 1,
        trust: from.trusted.hash().to_owned(),
        estate,
        runbook,
        params: from.params,
        mode: from.of.mode,
        incident: from.of.incident.clone(),
        rto_target: None,
        rto_estimate: None,
        probes: Some(ASKABLE),
        kinds: Some(DRIVABLE),
        precheck: from.of.mode != Mode::DryRun,
        graceful: Some(from.of.graceful),
        parent: Some(from.parent),
    })?;
    let freeze = |to: &Path| from.trusted.freeze(to);
    RunFolder::create(from.runs, from.id, freeze, &first, from.by, from.now)
}

fn find<'a>(estate: &'a Estate, id: &RunbookId) -> Result<&'a Runbook, Problem> {
    estate.runbook(id.as_str()).ok_or_else(|| {
        let all: Vec<_> = estate.runbooks.iter().map(|r| r.id.as_str()).collect();
        let there = format!("there are: {}", all.join(", "));
        Problem::new(Code::RUN_UNKNOWN, id).because(format!("no such runbook; {there}"))
    })
}

/// The estate as it was when the run began: what its steps are run from, and
/// nothing else. `LB-TRUST-002` where somebody changed the copy since.
pub fn own_copy(folder: &RunFolder) -> Result<TrustedEstate, Problem> {
    let loaded = config::load(&folder.estate(), &VOCABULARY).map_err(|all| all.to_problem())?;
    TrustedEstate::of_run(&loaded, folder.machine()?.trust())
}
