//! In which order a scenario's workloads come back, and which of them decides
//! how long the whole takes.

use serde::{Deserialize, Serialize};

use super::{Judged, Verdict};
use crate::model::*;

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Recovery {
    /// Those that have to be recovered, each after what it depends on.
    pub order: Vec<Ordered>,
    /// Until the last of them is back; `None` where that is not known.
    pub critical_path: Option<Dur>,
    /// The longest way: each waits for the one before; the last dominates.
    pub chain: Vec<WorkloadId>,
}

/// One workload's turn, counted from when impact began.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ordered {
    pub workload: WorkloadId,
    /// 1 stands on nothing else that has to be recovered, 2 on one of wave 1 …
    pub wave: u32,
    pub begins: Option<Dur>,
    pub ends: Option<Dur>,
}

impl Recovery {
    /// The workload that decides how long the whole takes.
    pub fn dominates(&self) -> Option<&WorkloadId> {
        self.chain.last()
    }

    /// `judged`: by the place of the workload in the estate.
    pub(crate) fn of(estate: &Estate, judged: &[&Judged], overhead: Dur) -> Self {
        let concerned = |n: &usize| judged[*n].verdict >= Verdict::Recoverable;
        let places: Vec<usize> = (0..judged.len()).filter(concerned).collect();
        let depth = depths(estate, &places);
        let mut order: Vec<(usize, u32)> = places.iter().copied().zip(depth).collect();
        order.sort_by_key(|(n, depth)| {
            let (w, j) = (&estate.workloads[*n], judged[*n]);
            (j.rto.is_none(), j.rto, *depth, w.tier.unwrap_or(u8::MAX), &w.id)
        });
        let ends = order.iter().map(|(n, _)| judged[*n].rto);
        let critical_path = ends.collect::<Option<Vec<_>>>().map(|all| all.into_iter().max());
        let turn = |(n, depth): &(usize, u32)| Ordered {
            workload: estate.workloads[*n].id.clone(),
            wave: depth + 1,
            begins: judged[*n].waits.map(|waits| waits + overhead),
            ends: judged[*n].rto,
        };
        Self {
            critical_path: critical_path.flatten(),
            chain: chain(estate, judged, &order),
            order: order.iter().map(turn).collect(),
        }
    }
}

fn hard<'e>(estate: &'e Estate, n: usize) -> impl Iterator<Item = usize> + 'e {
    let hard = estate.workloads[n].depends_on.iter().filter(|d| d.kind == DependencyKind::Hard);
    hard.filter_map(|d| estate.workloads.iter().position(|w| w.id == d.id))
}

/// How long a chain of hard dependencies each stands on, among `places`.
pub(super) fn depths(estate: &Estate, places: &[usize]) -> Vec<u32> {
    let mut depth = vec![0u32; places.len()];
    if places.iter().all(|n| estate.workloads[*n].depends_on.is_empty()) {
        return depth;
    }
    let on: Vec<Vec<usize>> = places
        .iter()
        .map(|n| hard(estate, *n).filter_map(|d| places.binary_search(&d).ok()).collect())
        .collect();
    // Each round settles at least one more; a cycle cannot keep this going.
    for _ in 0..places.len() {
        let deeper: Vec<u32> =
            on.iter().map(|on| on.iter().map(|d| depth[*d].saturating_add(1)).max().unwrap_or(0)).collect();
        if deeper == depth {
            break;
        }
        depth = deeper;
    }
    depth
}

/// From the last to be back, what each waited for; first things first.
fn chain(estate: &Estate, judged: &[&Judged], order: &[(usize, u32)]) -> Vec<WorkloadId> {
    let Some((last, _)) = order.iter().rfind(|(n, _)| judged[*n].rto.is_some()) else { return Vec::new() };
    let mut chain = vec![*last];
    while let Some(at) = chain.last().copied().filter(|n| judged[*n].waits.is_some_and(|w| w > Dur::ZERO)) {
        let concerned = |n: &usize| judged[*n].verdict >= Verdict::Recoverable && !chain.contains(n);
        let before =
            hard(estate, at).filter(concerned).max_by_key(|n| (judged[*n].rto, &estate.workloads[*n].id));
        match before {
            Some(before) => chain.push(before),
            None => break,
        }
    }
    chain.reverse();
    chain.into_iter().map(|n| estate.workloads[n].id.clone()).collect()
}
