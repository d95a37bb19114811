//! Policy packs: what rules, laws and good practice ask, held against what is
//! declared and what was seen.
//!
//! A pack is data: rules with a clause, a threshold, a severity. What a rule
//! can ask is a `Check`, one variant and one function here; a new pack is one
//! file of rules and no code. What is not known breaks a rule as `unknown`,
//! never passes it.

mod assets;
mod copies;
mod estate;
mod overrides;
mod stores;
#[cfg(test)]
mod tests;
mod workloads;

use std::cmp::Reverse;

use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};

use super::{Assessment, AssetView, CopyView, Finding, Reason, State, WorkloadView};
use crate::model::*;
pub use overrides::Accepted;
use overrides::settle;

/// All that a check may look at; what many of them ask is found once.
pub(crate) struct Look<'a> {
    pub estate: &'a Estate,
    pub seen: &'a Observations,
    pub now: Time,
    workloads: Vec<OfWorkload<'a>>,
    /// Stores that hold a copy of anything.
    used: Vec<&'a Store>,
    /// Workloads that a failover runbook is about.
    failed_over: HashSet<&'a str>,
}

impl<'a> Look<'a> {
    fn new(estate: &'a Estate, seen: &'a Observations, now: Time, views: &'a [Box<WorkloadView>]) -> Self {
        let declared: HashMap<&str, &Workload> =
            estate.workloads.iter().map(|w| (w.id.as_str(), w)).collect();
        let of = |view: &'a WorkloadView| Some(OfWorkload { def: declared.get(view.id.as_str())?, view });
        let copies = estate.workloads.iter().flat_map(|w| &w.assets).flat_map(|a| &a.copies);
        let held: HashSet<&str> = copies.map(|c| c.store.as_str()).collect();
        let failovers = estate.runbooks.iter().filter(|r| r.kind == RunbookKind::Failover);
        Self {
            estate,
            seen,
            now,
            workloads: views.iter().map(|v| &**v).filter_map(of).collect(),
            used: estate.stores.iter().filter(|s| held.contains(s.id.as_str())).collect(),
            failed_over: failovers.flat_map(|r| &r.workloads).map(WorkloadId::as_str).collect(),
        }
    }
    fn store(&self, id: &StoreId) -> Option<&'a Store> {
        self.estate.store(id.as_str())
    }
    /// What a store was last seen to be set to, while that may be believed.
    fn posture(&self, id: &StoreId) -> Option<&'a Posture> {
        self.seen.postures.get(id).and_then(|p| p.current(self.now)).map(|seen| &seen.value)
    }
    fn provider(&self, region: &RegionId) -> Option<&'a str> {
        self.estate.region(region.as_str())?.provider.as_deref()
    }

    fn workloads<'l>(&'l self, rule: &'l Rule) -> impl Iterator<Item = OfWorkload<'a>> + 'l {
        let binds =
            |w: &OfWorkload| rule.tier.is_none_or(|least| w.def.tier.is_some_and(|tier| tier <= least));
        self.workloads.iter().copied().filter(binds)
    }
    /// Assets of their own workload that a recovery cannot do without.
    fn assets<'l>(&'l self, rule: &'l Rule) -> impl Iterator<Item = OfAsset<'a>> + 'l {
        self.workloads(rule).flat_map(move |workload| {
            let all = workload.view.assets.iter().filter_map(move |view| {
                let def = workload.def.asset(view.id.as_str())?;
                Some(OfAsset { workload, def, view })
            });
            all.filter(|a| a.def.required && a.def.uses.is_none())
                .filter(|a| rule.layers.is_empty() || rule.layers.contains(&a.def.layer))
        })
    }
    fn copies<'l>(&'l self, rule: &'l Rule) -> impl Iterator<Item = OfCopy<'a>> + 'l {
        self.assets(rule).flat_map(|asset| {
            asset.view.copies().filter_map(move |view| {
                let def = asset.def.copies.get(view.index)?;
                Some(OfCopy { asset, def, view })
            })
        })
    }
}

/// One workload with its declaration.
#[derive(Clone, Copy)]
pub(crate) struct OfWorkload<'a> {
    pub def: &'a Workload,
    pub view: &'a WorkloadView,
}

/// One asset that a recovery needs, with its declaration.
#[derive(Clone, Copy)]
pub(crate) struct OfAsset<'a> {
    pub workload: OfWorkload<'a>,
    pub def: &'a Asset,
    pub view: &'a AssetView,
}

#[derive(Clone, Copy)]
pub(crate) struct OfCopy<'a> {
    pub asset: OfAsset<'a>,
    pub def: &'a CopyDef,
    pub view: CopyView<'a>,
}

impl OfAsset<'_> {
    fn subject(&self) -> String {
        format!("{}/{}", self.workload.def.id, self.def.id)
    }
}
impl OfCopy<'_> {
    fn subject(&self) -> String {
        format!("{}@{}", self.asset.subject(), self.def.store)
    }
}

/// What a check found wrong with one subject.
pub(crate) struct Wrong {
    pub subject: String,
    pub message: String,
    pub observed: Option<String>,
    pub expected: Option<String>,
    /// It could not be seen whether the rule holds.
    pub unknown: bool,
}

impl Wrong {
    fn new(subject: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            message: message.into(),
            observed: None,
            expected: None,
            unknown: false,
        }
    }
    fn but(mut self, observed: impl ToString, expected: impl ToString) -> Self {
        (self.observed, self.expected) = (Some(observed.to_string()), Some(expected.to_string()));
        self
    }
    fn unseen(mut self) -> Self {
        self.unknown = true;
        self
    }
}

/// Every rule of every pack in force, held against everything it is about.
fn check(look: &Look, packs: &[Pack]) -> Vec<Finding> {
    let rules = packs.iter().flat_map(|pack| pack.rules.iter().map(move |rule| (pack, rule)));
    let broken = rules
        .flat_map(|(pack, rule)| broken(look, rule).into_iter().map(move |wrong| finding(pack, rule, wrong)));
    broken.collect()
}

/// Adds what the estate's packs find, takes out what its overrides accept, and
/// lets a workload be no better than a warning while something about it stands.
pub(crate) fn apply(estate: &Estate, seen: &Observations, now: Time, assessment: &mut Assessment) {
    let (anomalies, quiet) = (&seen.learned.anomalies, &seen.learned.acknowledged);
    if estate.packs.is_empty() && estate.overrides.is_empty() && anomalies.is_empty() && quiet.is_empty() {
        return;
    }
    let found = check(&Look::new(estate, seen, now, &assessment.workloads), &estate.packs);
    let about = |f: &Finding| f.subject.split(['/', '@']).next().unwrap_or_default().to_owned();
    let mut findings = std::mem::take(&mut assessment.findings);
    findings.extend(found);
    let (open, mut accepted) = settle(&estate.overrides, findings, now);
    accepted.extend(quiet.iter().map(Accepted::acknowledged));
    // What judging itself found has moved the state already.
    let odd: HashSet<&str> = anomalies.iter().map(|a| a.rule.as_str()).collect();
    let counts = |f: &&Finding| f.rule.contains('/') || odd.contains(f.rule.as_str());
    let blamed: HashSet<String> = open.iter().filter(counts).map(about).collect();
    let mut raised = false;
    for view in assessment.workloads.iter_mut().filter(|w| w.state < State::Warning) {
        if blamed.contains(view.id.as_str()) {
            (view.state, raised) = (State::Warning, true);
            let own = || open.iter().filter(counts).filter(|f| about(f) == view.id.as_str());
            let rules = own().filter(|f| f.rule.contains('/')).count();
            let things = own().count() - rules;
            view.reasons.extend((rules > 0).then_some(Reason::RulesBroken { rules }));
            view.reasons.extend((things > 0).then_some(Reason::Unusual { things }));
        }
    }
    if raised {
        assessment.workloads.sort_by_key(|w| Reverse(w.state));
    }
    (assessment.findings, assessment.accepted) = (open, accepted);
    let order =
        |a: &Finding, b: &Finding| (b.severity, &a.subject, &a.rule).cmp(&(a.severity, &b.subject, &b.rule));
    assessment.findings.sort_by(order);
}

fn finding(pack: &Pack, rule: &Rule, wrong: Wrong) -> Finding {
    // What is not known is no proof of a breach, and no all-clear either.
    let severity = match rule.severity {
        Severity::Critical if wrong.unknown => State::Unknown,
        Severity::Critical => State::Critical,
        Severity::Warning => State::Warning,
    };
    Finding {
        rule: format!("{}/{}", pack.id, rule.id),
        severity,
        subject: wrong.subject,
        message: wrong.message,
        observed: wrong.observed,
        expected: wrong.expected,
        clause: rule.clause.clone(),
    }
}

fn broken(look: &Look, rule: &Rule) -> Vec<Wrong> {
    let of_workloads = |check: fn(&Look, &Rule, OfWorkload) -> Option<Wrong>| -> Vec<Wrong> {
        look.workloads(rule).filter_map(|w| check(look, rule, w)).collect()
    };
    let of_assets = |check: fn(&Look, &Rule, OfAsset) -> Option<Wrong>| -> Vec<Wrong> {
        look.assets(rule).filter_map(|a| check(look, rule, a)).collect()
    };
    let of_copies = |check: fn(&Look, &Rule, OfCopy) -> Option<Wrong>| -> Vec<Wrong> {
        look.copies(rule).filter_map(|c| check(look, rule, c)).collect()
    };
    let of_stores = |check: fn(&Look, &Rule, &Store) -> Option<Wrong>| -> Vec<Wrong> {
        look.used.iter().filter_map(|s| check(look, rule, s)).collect()
    };
    match rule.check {
        Check::ObjectivesDeclared => of_workloads(workloads::objectives_declared),
        Check::RpoMet => of_workloads(workloads::rpo_met),
        Check::DesignRpo => of_workloads(workloads::design_rpo),
        Check::RtoMet => of_workloads(workloads::rto_met),
        Check::HomeLossSurvived => of_workloads(workloads::home_loss_survived),
        Check::Owned => of_workloads(workloads::owned),
        Check::Reviewed => of_workloads(workloads::reviewed),
        Check::DependenciesDeclared => of_workloads(workloads::dependencies_declared),
        Check::FailoverRunbook => of_workloads(workloads::failover_runbook),
        Check::Drilled => of_workloads(workloads::drilled),
        Check::Residency => look.workloads(rule).flat_map(|w| workloads::residency(look, w)).collect(),
        Check::Protected => of_assets(assets::protected),
        Check::SecondRegion => of_assets(assets::second_region),
        Check::SecondAccount => of_assets(assets::second_account),
        Check::SecondProvider => of_assets(assets::second_provider),
        Check::Copies => of_assets(assets::copies),
        Check::Media => of_assets(assets::media),
        Check::OfflineOrImmutable => of_assets(assets::offline_or_immutable),
        Check::RestoreVerified => of_assets(assets::restore_verified),
        Check::Scheduled => of_copies(copies::scheduled),
        Check::ScheduleMet => of_copies(copies::schedule_met),
        Check::NoErrors => of_copies(copies::no_errors),
        Check::Frequency => of_copies(copies::frequency),
        Check::SuccessRate => of_copies(copies::success_rate),
        Check::RetentionMin => of_copies(copies::retention_min),
        Check::RetentionMax => of_copies(copies::retention_max),
        Check::LegalHold => of_copies(copies::legal_hold),
        Check::KeyOutsideHome => look.copies(rule).flat_map(|c| copies::keys_outside_home(look, c)).collect(),
        Check::NewestLocked => of_copies(copies::newest_locked),
        Check::EncryptedAtRest => of_stores(stores::encrypted_at_rest),
        Check::EncryptedInTransit => of_stores(stores::encrypted_in_transit),
        Check::VersionedOrImmutable => of_stores(stores::versioned_or_immutable),
        Check::Immutable => of_stores(stores::immutable),
        Check::DeletableByOthers => of_stores(stores::deletable_by_others),
        Check::NotPublic => of_stores(stores::not_public),
        Check::AccessLogged => of_stores(stores::access_logged),
        Check::LocationAsDeclared => of_stores(stores::location_as_declared),
        Check::Managed => of_stores(stores::managed),
        Check::NoOrphans => estate::no_orphans(look),
        Check::SecretsWatched => estate::secrets_watched(look),
        Check::VaultSpread => estate::vault_spread(look),
    }
}
