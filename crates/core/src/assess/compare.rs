//! All single losses beside each other, worst first: what to fear most.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::domains::Lost;
use super::order::Recovery;
use super::{Assessor, Judged, Loss, Reason, Verdict, rto};
use crate::model::*;

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Comparison {
    pub at: Time,
    /// Worst first.
    pub rows: Vec<LossRow>,
}

/// What losing one domain would cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LossRow {
    pub lost: Selector,
    pub mode: LossMode,
    /// Of any workload; `unaffected` where it touches none.
    pub worst: Verdict,
    /// How many workloads get each verdict, from best to worst.
    pub counts: Vec<(Verdict, usize)>,
    /// Those that it touches, worst first.
    pub workloads: Vec<LossOf>,
    pub critical_path: Option<Dur>,
    /// The workload that decides how long the whole takes.
    pub dominates: Option<WorkloadId>,
    /// Most of the vault's stores go with it.
    pub vault_lost: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LossOf {
    pub workload: WorkloadId,
    pub verdict: Verdict,
    pub to: Option<RegionId>,
    pub loss: Loss,
    pub rto: Option<Dur>,
    /// What decides the verdict first.
    pub reasons: Vec<Reason>,
    /// What it needs and would lose.
    pub hidden: Vec<Reason>,
}

/// Each region, provider, account and declared domain, in this order.
pub fn single_losses(estate: &Estate) -> Vec<Selector> {
    let of = |kind: DomainKind, id: &str| Selector { kind, id: id.to_owned() };
    let mut all: Vec<_> = estate.regions.iter().map(|r| of(DomainKind::Region, r.id.as_str())).collect();
    let providers = estate.regions.iter().filter_map(|r| r.provider.as_deref());
    let providers = providers.chain(estate.accounts.iter().filter_map(|a| a.provider.as_deref()));
    all.extend(providers.map(|id| of(DomainKind::Provider, id)));
    all.extend(estate.accounts.iter().map(|a| of(DomainKind::Account, a.id.as_str())));
    all.extend(estate.domains.iter().map(|d| of(DomainKind::Domain, d.id.as_str())));
    all.sort();
    all.dedup();
    all
}

/// What each single loss would cost, worst first.
pub fn compare(
    assessor: &Assessor,
    seen: &Observations,
    now: Time,
    mode: LossMode,
    clean_before: Option<Time>,
) -> Comparison {
    let estate = assessor.estate();
    let losses = single_losses(estate);
    let scenario =
        |s: &Selector| Scenario { lost: [(s.clone(), mode)].into(), clean_before, ..Scenario::default() };
    let scenarios: Vec<_> = losses.iter().map(scenario).collect();
    let judged = assessor.judge_all(seen, now, &scenarios);
    let each = losses.into_iter().zip(&scenarios).zip(judged);
    let mut rows: Vec<_> =
        each.map(|((lost, scenario), judged)| row(assessor, lost, mode, scenario, judged)).collect();
    rows.sort_by_cached_key(|row| {
        let counts: Vec<_> = row.counts.iter().rev().map(|(_, n)| std::cmp::Reverse(*n)).collect();
        (std::cmp::Reverse(row.worst), counts, row.lost.clone())
    });
    Comparison { at: now, rows }
}

fn row(
    assessor: &Assessor,
    lost: Selector,
    mode: LossMode,
    scenario: &Scenario,
    judged: Vec<Arc<Judged>>,
) -> LossRow {
    let estate = assessor.estate();
    let overhead = rto::overhead(estate).unwrap_or(Dur::ZERO);
    let recovery = Recovery::of(estate, &judged.iter().map(|j| &**j).collect::<Vec<_>>(), overhead);
    let count = |verdict: Verdict| (verdict, judged.iter().filter(|j| j.verdict == verdict).count());
    let counts: Vec<_> = Verdict::ALL.into_iter().map(count).collect();
    let worst = judged.iter().map(|j| j.verdict).max().unwrap_or(Verdict::Unaffected);
    let touched = estate.workloads.iter().zip(judged).filter(|(_, j)| j.verdict > Verdict::Unaffected);
    let mut workloads: Vec<_> = touched
        .map(|(w, j)| LossOf {
            workload: w.id.clone(),
            verdict: j.verdict,
            to: j.to.clone(),
            loss: j.loss,
            rto: j.rto,
            reasons: j.told().into_iter().cloned().collect(),
            hidden: j.hidden.clone(),
        })
        .collect();
    workloads.sort_by(|a, b| (b.verdict, &a.workload).cmp(&(a.verdict, &b.workload)));
    LossRow {
        lost,
        mode,
        worst,
        counts,
        workloads,
        critical_path: recovery.critical_path,
        dominates: recovery.dominates().cloned(),
        vault_lost: Lost::of(estate, assessor.places(), scenario).vault(estate),
    }
}
