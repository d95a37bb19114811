//! What of the estate is protected against which kind of loss: each asset by
//! itself, whatever becomes of its workload.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::recovered::loss_of;
use super::{Assessment, Assessor, AssetView, Judged, Loss, Reason, Verdict};
use crate::model::*;

/// How long bad data is taken to go unnoticed: only what is older counts as
/// clean. A day is the usual weekday night; whoever needs another asks `what-if`.
pub const NOTICED_AFTER: Dur = Dur::secs(86_400);

/// The kinds of loss that each asset is held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Threat {
    /// The region it serves from is gone.
    Region,
    /// All regions of that provider are.
    Provider,
    /// Whoever holds the workload's account writes and deletes.
    Account,
    /// Its data went bad and was noticed a day later.
    Data,
}

impl Threat {
    pub const ALL: [Threat; 4] = [Self::Region, Self::Provider, Self::Account, Self::Data];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Region => "region",
            Self::Provider => "provider",
            Self::Account => "account",
            Self::Data => "data",
        }
    }
    /// What happens, in words; `what` is the domain's own name.
    pub fn words(self, what: &str) -> String {
        match self {
            Self::Region => format!("{what} gone"),
            Self::Provider => format!("all of {what} gone"),
            Self::Account => format!("the account {what} taken over, noticed after {NOTICED_AFTER}"),
            Self::Data => format!("its data bad, noticed after {NOTICED_AFTER}"),
        }
    }
}

/// What becomes of one asset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "fate")]
pub enum Fate {
    /// Nothing that it needs is touched.
    Untouched,
    /// It is made anew and loses nothing.
    Rebuilt,
    Back {
        loss: Loss,
        from: Vec<String>,
    },
    /// Something may be there, and nobody can say whether or what.
    Unknown {
        why: Vec<Reason>,
    },
    Nothing {
        why: Vec<Reason>,
    },
    /// The estate does not say what it lies in: nothing can be asked.
    Undeclared,
}

impl Fate {
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Untouched => "untouched",
            Self::Rebuilt => "rebuilt",
            Self::Back { .. } => "back",
            Self::Unknown { .. } => "unknown",
            Self::Nothing { .. } => "lost",
            Self::Undeclared => "undeclared",
        }
    }
    /// From well to ill; what nobody can say is not well.
    pub fn rank(&self) -> u8 {
        match self {
            Self::Untouched | Self::Rebuilt | Self::Back { .. } => 0,
            Self::Undeclared => 1,
            Self::Unknown { .. } => 2,
            Self::Nothing { .. } => 3,
        }
    }
}

/// One asset under one kind of loss.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Held {
    pub threat: Threat,
    /// The domain that is lost, by its own name; empty where none is declared.
    pub lost: String,
    pub fate: Fate,
}

/// One asset with what protects it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Covered {
    pub workload: WorkloadId,
    pub asset: AssetId,
    pub layer: Layer,
    pub required: bool,
    /// By what it could be had back at all, in words.
    pub by: Vec<String>,
    pub last_good: Option<PointRef>,
    pub last_proven: Option<PointRef>,
    /// In the order of `Threat::ALL`.
    pub against: Vec<Held>,
}

impl Covered {
    /// How many kinds of loss it comes out of as badly as this, worst counted first.
    fn badness(&self) -> [usize; 2] {
        let of = |rank: u8| self.against.iter().filter(|h| h.fate.rank() == rank).count();
        [of(3), of(2)]
    }
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Coverage {
    pub at: Time,
    /// What is protected by nothing first, then what most losses would take.
    pub rows: Vec<Covered>,
    /// Workloads of which no asset is declared.
    pub bare: Vec<WorkloadId>,
    /// Stores in which nothing is kept.
    pub unused: Vec<StoreId>,
}

impl Coverage {
    /// Whether anything that a recovery needs is protected by nothing.
    pub fn is_open(&self) -> bool {
        self.rows.iter().any(|c| c.by.is_empty() && c.required) || !self.bare.is_empty()
    }
}

/// `assessment`: of the same observations, now.
pub fn coverage(estate: &Estate, seen: &Observations, assessment: &Assessment) -> Coverage {
    let judged = Losses::of(estate, seen, assessment);
    let mut rows = Vec::new();
    for (n, workload) in estate.workloads.iter().enumerate() {
        let view = assessment.workloads.iter().find(|v| v.id == workload.id);
        let home = view.and_then(|v| v.home.as_ref());
        for asset in &workload.assets {
            let view = view.and_then(|v| v.assets.iter().find(|a| a.id == asset.id));
            let against = Threat::ALL.map(|threat| judged.held(estate, threat, (n, workload), asset, home));
            rows.push(covered(workload, asset, view, against.into()));
        }
    }
    rows.sort_by_cached_key(|c| {
        let worst = c.badness().map(std::cmp::Reverse);
        (!c.by.is_empty(), !c.required, worst, c.workload.clone(), c.asset.clone())
    });
    Coverage {
        at: assessment.at,
        rows,
        bare: estate.workloads.iter().filter(|w| w.assets.is_empty()).map(|w| w.id.clone()).collect(),
        unused: unused(estate),
    }
}

fn covered(workload: &Workload, asset: &Asset, view: Option<&AssetView>, against: Vec<Held>) -> Covered {
    Covered {
        workload: workload.id.clone(),
        asset: asset.id.clone(),
        layer: asset.layer,
        required: asset.required,
        by: by(asset),
        last_good: view.and_then(|v| v.last_good().cloned()),
        last_proven: view.and_then(|v| v.last_proven.clone()),
        against,
    }
}

/// By what an asset could be had back, in words; nothing where it could not.
fn by(asset: &Asset) -> Vec<String> {
    let copies = asset.copies.iter().map(|c| format!("{} in {}", c.format, c.store));
    let replicas = asset.replicas.iter().map(|r| format!("replica in {}", r.region));
    let rebuilt = asset.rebuild.as_ref().map(|_| "rebuilt".to_owned());
    let uses = asset.uses.as_ref().map(|other| format!("{other} of another workload"));
    copies.chain(replicas).chain(rebuilt).chain(uses).collect()
}

fn unused(estate: &Estate) -> Vec<StoreId> {
    let copies = estate.workloads.iter().flat_map(|w| &w.assets).flat_map(|a| &a.copies);
    let mut used: BTreeSet<&StoreId> = copies.map(|c| &c.store).collect();
    used.extend(estate.vault.iter().flat_map(|v| &v.stores));
    estate.stores.iter().map(|s| &s.id).filter(|id| !used.contains(id)).cloned().collect()
}

/// The verdicts under each loss, by the domain's name.
struct Losses(BTreeMap<(Threat, String), Vec<Arc<Judged>>>);

impl Losses {
    fn of(estate: &Estate, seen: &Observations, assessment: &Assessment) -> Self {
        let alone = Assessor::new(Arc::new(each_by_itself(estate)));
        let clean_before = Some(assessment.at - NOTICED_AFTER);
        let mut wanted: BTreeMap<(Threat, String), Scenario> = BTreeMap::new();
        let mut want = |threat: Threat, kind: DomainKind, id: &str, mode: LossMode| {
            let clean_before = clean_before.filter(|_| mode != LossMode::Gone);
            let lost = [(Selector { kind, id: id.to_owned() }, mode)].into();
            let scenario = Scenario { lost, clean_before, ..Scenario::default() };
            wanted.insert((threat, id.to_owned()), scenario);
        };
        for home in assessment.workloads.iter().filter_map(|w| w.home.as_ref()) {
            want(Threat::Region, DomainKind::Region, home.as_str(), LossMode::Gone);
            if let Some(provider) = provider(estate, home) {
                want(Threat::Provider, DomainKind::Provider, provider, LossMode::Gone);
            }
        }
        for account in estate.workloads.iter().filter_map(|w| w.account.as_ref()) {
            want(Threat::Account, DomainKind::Account, account.as_str(), LossMode::Compromised);
        }
        // All at once: that one asset is bad makes no copy of another worse.
        let assets = estate.workloads.iter().flat_map(|w| w.assets.iter().map(move |a| (&w.id, &a.id)));
        let bad = assets.map(|(w, a)| Selector { kind: DomainKind::Asset, id: format!("{w}/{a}") });
        let lost = bad.map(|selector| (selector, LossMode::Corrupted)).collect();
        wanted.insert((Threat::Data, String::new()), Scenario { lost, clean_before, ..Scenario::default() });
        let scenarios: Vec<Scenario> = wanted.values().cloned().collect();
        let all = alone.judge_all(seen, assessment.at, &scenarios);
        Self(wanted.into_keys().zip(all).collect())
    }

    /// What becomes of one asset; `n` is its workload's place in the estate.
    fn held(
        &self,
        estate: &Estate,
        threat: Threat,
        (n, workload): (usize, &Workload),
        asset: &Asset,
        home: Option<&RegionId>,
    ) -> Held {
        let lost = match threat {
            Threat::Region => home.map(RegionId::to_string),
            Threat::Provider => home.and_then(|r| provider(estate, r)).map(str::to_owned),
            Threat::Account => workload.account.as_ref().map(AccountId::to_string),
            Threat::Data => Some(String::new()),
        };
        let judged = lost.as_ref().and_then(|id| self.0.get(&(threat, id.clone()))?.get(n));
        let fate = match judged {
            _ if asset.rebuild.is_some() => Fate::Rebuilt,
            Some(judged) => fate(judged, asset),
            None => Fate::Undeclared,
        };
        Held { threat, lost: lost.unwrap_or_default(), fate }
    }
}

fn provider<'a>(estate: &'a Estate, region: &RegionId) -> Option<&'a str> {
    estate.region(region.as_str())?.provider.as_deref()
}

/// The estate with every asset asked for and no workload judged by another.
fn each_by_itself(estate: &Estate) -> Estate {
    let mut estate = estate.clone();
    for workload in &mut estate.workloads {
        workload.depends_on.clear();
        // What an objective asks changes no fate.
        workload.objectives.clear();
        workload.assets.iter_mut().for_each(|asset| asset.required = true);
    }
    estate
}

fn fate(judged: &Judged, asset: &Asset) -> Fate {
    // What runs on is not recovered; its reasons are about one more loss.
    if judged.verdict < Verdict::Recoverable {
        return Fate::Untouched;
    }
    let of = |r: &&Reason| r.asset() == Some(&asset.id);
    let why = || judged.reasons.iter().filter(of).cloned().collect::<Vec<_>>();
    let says = |wanted: fn(&Reason) -> bool| judged.reasons.iter().filter(of).any(wanted);
    if says(|r| matches!(r, Reason::NothingSurvives { .. })) {
        return Fate::Nothing { why: why() };
    }
    if says(|r| matches!(r, Reason::RpoUnknown { .. })) {
        return Fate::Unknown { why: why() };
    }
    let using = judged.using.iter().filter(|u| u.asset == asset.id);
    let from: BTreeSet<String> = using
        .filter_map(|u| match (&u.replica, &u.copy) {
            (Some(region), _) => Some(format!("the replica in {region}")),
            (None, Some(store)) => Some(format!("the copy in {store}")),
            (None, None) => None,
        })
        .collect();
    match loss_of(judged, &asset.id) {
        Some(loss) => Fate::Back { loss, from: from.into_iter().collect() },
        None => Fate::Untouched,
    }
}
