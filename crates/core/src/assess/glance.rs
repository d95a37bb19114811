//! The overview's rows: all that the first frame needs, ready to draw.

use rustc_hash::FxHashMap as HashMap;
use serde::{Deserialize, Serialize};

use super::{Assessment, Reason, State, Verdict, WorkloadView};
use crate::model::*;

/// The overview as data; drawn live, or dimmed from the last-known file.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Glance {
    pub estate: String,
    pub at: Time,
    /// When the source answered longest ago last answered.
    pub oldest: Option<Time>,
    /// Whether there is anything to ask at all.
    pub asks: bool,
    pub regions: Vec<GlanceRegion>,
    /// Pairs of indices into `regions`, with what flows between them.
    pub links: Vec<GlanceLink>,
    /// Worst first.
    pub rows: Vec<GlanceRow>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GlanceRegion {
    pub id: RegionId,
    pub label: String,
    /// Latitude and longitude in degrees.
    pub at: Option<(f64, f64)>,
    pub state: State,
    pub lost: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GlanceLink {
    pub from: usize,
    pub to: usize,
    /// As declared: `backups`, `orders and traffic`.
    pub carries: Option<String>,
    /// Whether a replica is fed over it: only then is there a lag to know.
    pub replicates: bool,
    /// The greatest replication lag seen on it.
    pub lag: Option<Dur>,
    pub state: State,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GlanceRow {
    pub id: WorkloadId,
    pub label: String,
    pub tier: Option<u8>,
    pub state: State,
    pub home: Option<RegionId>,
    pub rpo_target: Option<Dur>,
    pub rpo_actual: Option<Dur>,
    pub rto_target: Option<Dur>,
    pub rto_estimate: Option<Dur>,
    /// As a number: a thousand dates in words are a tenth of a first frame.
    #[serde(with = "chrono::serde::ts_microseconds_option")]
    pub last_good: Option<Time>,
    /// Under the scenario, else should the home be lost.
    pub verdict: Verdict,
    pub to: Option<RegionId>,
    /// Under a scenario what decides the verdict, else what decides its state, in
    /// words; empty where all is well.
    pub reason: String,
}

/// One reason of many: that of what is asked.
fn reason(view: &WorkloadView) -> Option<&Reason> {
    view.verdict.as_ref().and_then(|judged| judged.decided()).or(view.reasons.first())
}

impl Glance {
    pub fn of(estate: &Estate, seen: &Observations, assessment: &Assessment) -> Self {
        let place = |id: &RegionId| estate.regions.iter().position(|r| r.id == *id);
        let mut links: Vec<GlanceLink> = Vec::new();
        for link in &estate.links {
            if let (Some(from), Some(to)) = (place(&link.from), place(&link.to)) {
                links.push(GlanceLink {
                    from,
                    to,
                    carries: link.carries.clone(),
                    replicates: false,
                    lag: None,
                    state: State::Ok,
                });
            }
        }
        let mut rows = Vec::with_capacity(assessment.workloads.len());
        let declared: HashMap<&str, &Workload> =
            estate.workloads.iter().map(|w| (w.id.as_str(), w)).collect();
        for view in &assessment.workloads {
            for replica in view.assets.iter().flat_map(|a| &a.replicas) {
                let Some((from, to)) = view.home.as_ref().and_then(place).zip(place(&replica.region)) else {
                    continue;
                };
                if from == to {
                    continue;
                }
                let same = |l: &&mut GlanceLink| (l.from, l.to) == (from, to) || (l.from, l.to) == (to, from);
                match links.iter_mut().find(same) {
                    Some(link) => {
                        (link.from, link.to, link.replicates) = (from, to, true);
                        link.lag = link.lag.max(replica.lag);
                        link.state = link.state.max(replica.state);
                    }
                    None => {
                        let (lag, state) = (replica.lag, replica.state);
                        links.push(GlanceLink { from, to, carries: None, replicates: true, lag, state });
                    }
                }
            }
            let judged = view.verdict.as_ref().unwrap_or(&view.if_home_lost);
            let workload = declared.get(view.id.as_str());
            rows.push(GlanceRow {
                id: view.id.clone(),
                label: workload.map_or_else(|| view.id.to_string(), |w| w.label().to_owned()),
                tier: view.tier,
                state: view.state,
                home: view.home.clone(),
                rpo_target: view.rpo.target,
                rpo_actual: view.rpo.actual.upper,
                rto_target: view.rto.target,
                rto_estimate: view.rto.estimate,
                last_good: view.assets.iter().filter_map(|a| a.last_good().map(|p| p.at)).min(),
                verdict: judged.verdict,
                to: judged.to.clone(),
                reason: reason(view).map(ToString::to_string).unwrap_or_default(),
            });
        }
        let regions = assessment.regions.iter().filter_map(|view| {
            let region = estate.region(view.id.as_str())?;
            Some(GlanceRegion {
                id: view.id.clone(),
                label: region.label().to_owned(),
                at: region.at,
                state: view.state,
                lost: view.lost,
            })
        });
        Self {
            estate: estate.name.clone(),
            at: assessment.at,
            oldest: seen.oldest(),
            asks: seen.asks(),
            regions: regions.collect(),
            links,
            rows,
        }
    }
}
