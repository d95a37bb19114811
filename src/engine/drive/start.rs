//! Making a run: checks first, then the frozen copy, then the first line.

use std::{collections::BTreeMap, path::Path};

use lifeboat_core::{
    model::*,
    run::{Begin, Incident, Mode, begin},
};
use serde_json::Value;

use crate::config::{self, TrustedEstate};
use crate::engine::VOCABULARY;
use crate::keep::runs::{RunFolder, new_id, runs_dir};

/// Probe kinds that the prober asks; a run whose steps need others is refused.
const ASKABLE: &[&str] =
    &["http", "tcp", "tls", "dns", "postgres", "redis", "prometheus", "object", "command"];

/// Step kinds that this driver acts on; a run with another does not begin.
const DRIVABLE: &[&str] = &["manual", "approve", "decide", "check", "wait", "command", "http"];

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
    let runbook = from.estate.runbook(from.runbook.as_str()).ok_or_else(|| {
        let all: Vec<_> = from.estate.runbooks.iter().map(|r| r.id.as_str()).collect();
        let there = format!("there are: {}", all.join(", "));
        Problem::new(Code::RUN_UNKNOWN, from.runbook).because(format!("no such runbook; {there}"))
    })?;
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
        precheck: false,
        graceful: None,
        parent: None,
    })?;
    RunFolder::create(&runs_dir(from.state, &from.estate.id), &id, freeze, &first, from.by, from.now)
}

/// The estate as it was when the run began: what its steps are run from, and
/// nothing else. `LB-TRUST-002` where somebody changed the copy since.
pub fn own_copy(folder: &RunFolder) -> Result<TrustedEstate, Problem> {
    let loaded = config::load(&folder.estate(), &VOCABULARY).map_err(|all| all.to_problem())?;
    TrustedEstate::of_run(&loaded, folder.machine()?.trust())
}
