//! What each workload stands on, where that lies, and what a loss takes of it:
//! what is declared as a dependency, and what is easily forgotten (secrets,
//! control planes, names in DNS, parts of copies that lie elsewhere).

mod find;
#[cfg(test)]
mod tests;
mod thing;

use rustc_hash::FxHashMap as HashMap;

use super::domains::Lost;
use super::order::depths;
use super::{Assessment, Assessor, Judged, Verdict, WorkloadView};
use crate::model::*;
pub use thing::{Needed, Taken, Thing};

/// Of the whole estate, in the order of recovery.
#[derive(Debug, Clone, PartialEq)]
pub struct Dependencies {
    /// What is assumed lost; empty: each workload's own home, one by one.
    pub scenario: Scenario,
    /// Those that have to be recovered come first, in their order.
    pub rows: Vec<DependsOn>,
    /// Until the last of them is back.
    pub critical_path: Option<Dur>,
    /// The longest way: each waits for the one before.
    pub chain: Vec<WorkloadId>,
    /// The stores of the journal's vault, where there is one, and whether most
    /// of them are taken.
    pub vault: Option<(Vec<StoreId>, bool)>,
}

/// One workload with all that it, or its recovery, needs.
#[derive(Debug, Clone, PartialEq)]
pub struct DependsOn {
    pub workload: WorkloadId,
    pub verdict: Verdict,
    /// After what it waits for; `None` where the scenario leaves it running.
    pub wave: Option<u32>,
    /// When its own recovery begins and ends, counted from when impact began.
    pub begins: Option<Dur>,
    pub ends: Option<Dur>,
    /// What is taken comes first.
    pub needs: Vec<Needed>,
    /// Workloads that cannot do without it.
    pub needed_by: Vec<WorkloadId>,
}

impl DependsOn {
    /// How many of its needs the loss takes.
    pub fn taken(&self) -> usize {
        self.needs.iter().filter(|n| n.taken.counts()).count()
    }
    /// Workloads that it waits for.
    pub fn waits_for(&self) -> impl Iterator<Item = &WorkloadId> {
        self.needs.iter().filter_map(|n| match &n.what {
            Thing::Workload { workload, kind: DependencyKind::Hard } => Some(workload),
            _ => None,
        })
    }
}

impl Dependencies {
    /// The workload that decides how long the whole takes.
    pub fn dominates(&self) -> Option<&WorkloadId> {
        self.chain.last()
    }
    pub fn is_critical(&self, workload: &WorkloadId) -> bool {
        self.chain.contains(workload)
    }
}

/// `assessment`: of the assessor's own estate.
pub fn dependencies(assessor: &Assessor, assessment: &Assessment) -> Dependencies {
    let estate = &**assessor.estate();
    let loss = |scenario: &Scenario| Lost::of(estate, assessor.places(), scenario);
    let scenario = &assessment.scenario;
    let whole = loss(scenario);
    let mut homes: HashMap<&RegionId, Lost> = HashMap::default();
    if scenario.is_empty() {
        for home in assessment.workloads.iter().filter_map(|w| w.home.as_ref()) {
            homes.entry(home).or_insert_with(|| loss(&Scenario::gone([home])));
        }
    }
    let views: HashMap<&str, &WorkloadView> =
        assessment.workloads.iter().map(|v| (v.id.as_str(), &**v)).collect();
    let all: Vec<usize> = (0..estate.workloads.len()).collect();
    let depth = depths(estate, &all);
    let mut rows: Vec<(usize, DependsOn)> = Vec::with_capacity(all.len());
    for (n, w) in estate.workloads.iter().enumerate() {
        let Some(view) = views.get(w.id.as_str()) else { continue };
        let lost = view.home.as_ref().and_then(|h| homes.get(h)).unwrap_or(&whole);
        let of = |id: &WorkloadId| {
            let other = views.get(id.as_str())?;
            // Alone, only those at home in the same region fall with it.
            let falls = !scenario.is_empty() || other.home == view.home;
            Some(if falls { judged(other).verdict } else { Verdict::Unaffected })
        };
        let mut needs = find::needs(estate, w, view, lost, &of);
        needs.sort_by_key(|need| std::cmp::Reverse(need.taken.rank()));
        rows.push((n, row(estate, w, view, needs)));
    }
    place(assessment, &depth, &mut rows);
    let recovery = assessment.recovery.as_ref();
    let vault = estate.vault.as_ref().filter(|v| !v.stores.is_empty());
    Dependencies {
        scenario: scenario.clone(),
        rows: rows.into_iter().map(|(_, row)| row).collect(),
        critical_path: recovery.and_then(|r| r.critical_path),
        chain: recovery.map(|r| r.chain.clone()).unwrap_or_default(),
        vault: vault.map(|v| (v.stores.clone(), whole.vault(estate))),
    }
}

fn judged(view: &WorkloadView) -> &Judged {
    view.verdict.as_ref().unwrap_or(&view.if_home_lost)
}

fn row(estate: &Estate, w: &Workload, view: &WorkloadView, needs: Vec<Needed>) -> DependsOn {
    let stands_on =
        |other: &&Workload| other.depends_on.iter().any(|d| d.id == w.id && d.kind == DependencyKind::Hard);
    let (judged, overhead) = (judged(view), super::rto::overhead(estate).unwrap_or(Dur::ZERO));
    let recovers = judged.verdict >= Verdict::Recoverable;
    DependsOn {
        workload: w.id.clone(),
        verdict: judged.verdict,
        wave: None,
        begins: judged.waits.map(|waits| waits + overhead).filter(|_| recovers),
        ends: judged.rto.filter(|_| recovers),
        needs,
        needed_by: estate.workloads.iter().filter(stands_on).map(|w| w.id.clone()).collect(),
    }
}

/// Waves and order: those of the recovery, else each after what it stands on.
fn place(assessment: &Assessment, depth: &[u32], rows: &mut [(usize, DependsOn)]) {
    match &assessment.recovery {
        Some(recovery) => {
            let turns: HashMap<&str, (usize, u32)> =
                recovery.order.iter().enumerate().map(|(n, o)| (o.workload.as_str(), (n, o.wave))).collect();
            for (_, row) in rows.iter_mut() {
                row.wave = turns.get(row.workload.as_str()).map(|(_, wave)| *wave);
            }
            rows.sort_by_cached_key(|(_, row)| {
                let turn = turns.get(row.workload.as_str()).map_or(usize::MAX, |(n, _)| *n);
                (turn, row.workload.clone())
            });
        }
        None => {
            for (n, row) in rows.iter_mut() {
                row.wave = Some(depth[*n] + 1);
            }
            rows.sort_by_cached_key(|(_, row)| (row.wave, row.workload.clone()));
        }
    }
}
