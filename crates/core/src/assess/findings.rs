//! Findings that follow from judging itself; rules of policy packs are another
//! matter.

use super::workload::Facts;
use super::{Cx, Finding, Judged, Reason, RpoView, State};
use crate::model::*;

fn finding(rule: &str, severity: State, subject: &str, message: String) -> Finding {
    Finding {
        rule: rule.to_owned(),
        severity,
        subject: subject.to_owned(),
        message,
        observed: None,
        expected: None,
        clause: None,
    }
}

impl super::Assessment {
    /// What all findings are known by over time, those that somebody accepted
    /// among them.
    pub fn found(&self) -> std::collections::BTreeSet<String> {
        let accepted = self.accepted.iter().map(|a| &a.finding);
        self.findings.iter().chain(accepted).map(|f| crate::model::found(&f.rule, &f.subject)).collect()
    }
}

/// `add`: the state that the workload takes from it, and the reason where it is
/// not said elsewhere.
pub(crate) fn of_workload(
    facts: &Facts,
    rpo: &RpoView,
    if_home_lost: &Judged,
    findings: &mut Vec<Finding>,
    add: &mut dyn FnMut(State, Option<Reason>),
) {
    let id = facts.workload.id.as_str();
    if let Some((design, target)) = rpo.design.zip(rpo.target).filter(|(d, t)| d > t) {
        let reason = Reason::DesignRpo { design, target };
        let mut found = finding("design-rpo", State::Warning, id, reason.to_string());
        found.observed = Some(design.to_string());
        found.expected = Some(format!("at most {target}"));
        findings.push(found);
        add(State::Warning, Some(reason));
    }
    if let Some(moved) = &facts.moved {
        let how = if moved.by_run { "was brought to" } else { "is seen to serve from" };
        let message = format!("it {how} {}, while {} is declared as its home", moved.to, moved.declared);
        let mut found = finding("home-differs", State::Critical, id, message);
        found.observed = Some(moved.to.to_string());
        found.expected = Some(moved.declared.to_string());
        findings.push(found);
        add(State::Warning, None);
    }
    if facts.two_writers {
        let reason = Reason::TwoWriters { regions: facts.serving.clone() };
        findings.push(finding("two-writers", State::Critical, id, reason.to_string()));
    }
    strategy(facts, if_home_lost, findings, add);
    lags(facts, findings);
    dependencies(facts, if_home_lost, findings, add);
}

/// A strategy that cannot meet its RTO, by its own estimate.
fn strategy(
    facts: &Facts,
    if_home_lost: &Judged,
    findings: &mut Vec<Finding>,
    add: &mut dyn FnMut(State, Option<Reason>),
) {
    let estimate = if_home_lost.rto.or(facts.rto_estimate.0);
    let Some((estimate, target)) = estimate.zip(facts.rto).filter(|(e, t)| e > t) else { return };
    let by = match facts.workload.strategy {
        Some(Strategy::BackupRestore) => "backup and restore",
        Some(Strategy::PilotLight) => "its pilot light",
        Some(Strategy::WarmStandby) => "its warm standby",
        Some(Strategy::ActiveActive) => "its other regions",
        None => "its runbook",
    };
    let message = format!("recovery by {by} takes about {estimate}, over its RTO of {target}");
    let mut found = finding("strategy-rto", State::Warning, facts.workload.id.as_str(), message);
    found.observed = Some(estimate.to_string());
    found.expected = Some(format!("at most {target}"));
    findings.push(found);
    add(State::Warning, Some(Reason::RtoExceeded { estimate, target }));
}

fn lags(facts: &Facts, findings: &mut Vec<Finding>) {
    for asset in facts.assets.iter().filter(|a| a.owner.id == facts.workload.id) {
        for reason in asset.replicas.iter().filter_map(|r| r.reason.as_ref()) {
            let rule = match reason {
                Reason::LagUndated { .. } => "lag-undated",
                Reason::LagFrozen { .. } => "lag-frozen",
                _ => continue,
            };
            let subject = format!("{}/{}", facts.workload.id, asset.asset.id);
            findings.push(finding(rule, State::Warning, &subject, reason.to_string()));
        }
    }
}

/// What a recovery from the loss of the home needs and would lose with it.
fn dependencies(
    facts: &Facts,
    if_home_lost: &Judged,
    findings: &mut Vec<Finding>,
    add: &mut dyn FnMut(State, Option<Reason>),
) {
    for reason in &if_home_lost.hidden {
        let message = format!("should its home be lost: {reason}");
        findings.push(finding("hidden-dependency", State::Warning, facts.workload.id.as_str(), message));
        add(State::Warning, Some(reason.clone()));
    }
}

/// What is nobody's in particular: most of the vault in one region or account.
pub(crate) fn of_estate(cx: &Cx, findings: &mut Vec<Finding>) {
    if cx.estate.vault.is_none() {
        return;
    }
    let regions = cx.estate.regions.iter().map(|r| Selector::region(&r.id));
    let accounts = cx.estate.accounts.iter();
    let accounts = accounts.map(|a| Selector { kind: DomainKind::Account, id: a.id.to_string() });
    for selector in regions.chain(accounts) {
        let scenario = Scenario { lost: [(selector.clone(), LossMode::Gone)].into(), ..Scenario::default() };
        if super::domains::Lost::of(cx.estate, &cx.ground.places, &scenario).vault(cx.estate) {
            let message = format!("{selector}: {}", Reason::VaultMajority);
            findings.push(finding("vault-majority", State::Warning, "vault", message));
        }
    }
}
