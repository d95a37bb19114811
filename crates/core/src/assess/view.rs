//! The answer of an assessment.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Assumption, Reason, order::Recovery};
use crate::model::*;

/// States of regions, workloads, copies, replicas; the worst wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    #[default]
    Ok,
    Warning,
    Unknown,
    Critical,
}

impl State {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Unknown => "unknown",
            Self::Critical => "critical",
        }
    }
}

/// From best to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Unaffected,
    Exposed,
    Recoverable,
    Breach,
    #[default]
    Unknown,
    Lost,
}

impl Verdict {
    /// From best to worst.
    pub const ALL: [Verdict; 6] =
        [Self::Unaffected, Self::Exposed, Self::Recoverable, Self::Breach, Self::Unknown, Self::Lost];
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unaffected => "unaffected",
            Self::Exposed => "exposed",
            Self::Recoverable => "recoverable",
            Self::Breach => "breach",
            Self::Unknown => "unknown",
            Self::Lost => "lost",
        }
    }
}
impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Loss is an interval; an upper bound of `None` is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Loss {
    pub lower: Dur,
    pub upper: Option<Dur>,
}

/// A policy check that does not hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    pub rule: String,
    pub severity: State,
    /// `checkout/orders-db`, `store:backups-fra`.
    pub subject: String,
    pub message: String,
    pub observed: Option<String>,
    pub expected: Option<String>,
    pub clause: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Assessment {
    pub at: Time,
    /// Empty: nothing is assumed lost.
    pub scenario: Scenario,
    pub worst: State,
    pub regions: Vec<RegionView>,
    /// Worst state first, then by tier, then worst verdict, then by id.
    pub workloads: Vec<Box<WorkloadView>>,
    pub findings: Vec<Finding>,
    /// Findings that somebody accepted for a while.
    pub accepted: Vec<super::Accepted>,
    /// In which order and how long; `None` where nothing is assumed lost.
    pub recovery: Option<Recovery>,
    /// Whether most of the vault's stores go with the scenario.
    pub vault_lost: bool,
    /// When the answer next changes by time alone.
    pub next_change: Option<Time>,
}

impl Assessment {
    pub fn workload(&self, id: &WorkloadId) -> Option<&WorkloadView> {
        self.workloads.iter().find(|w| w.id == *id).map(|w| &**w)
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RegionView {
    pub id: RegionId,
    pub state: State,
    /// Whether the scenario takes it.
    pub lost: bool,
    pub observed_at: Option<Time>,
    pub reasons: Vec<Reason>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct WorkloadView {
    pub id: WorkloadId,
    pub tier: Option<u8>,
    pub state: State,
    pub reasons: Vec<Reason>,
    /// Where it is seen to serve, else where it is declared to.
    pub home: Option<RegionId>,
    pub health: Vec<HealthView>,
    pub rpo: RpoView,
    pub rto: RtoView,
    pub assets: Vec<AssetView>,
    /// Should its home be gone this second.
    pub if_home_lost: Arc<Judged>,
    /// Under the scenario; the same as `if_home_lost` in meaning only where
    /// that is what the scenario takes.
    pub verdict: Option<Arc<Judged>>,
    /// Where several regions take writes: what is lost should each of them be.
    pub sides: Vec<Side>,
    /// When the oldest figure used here was seen; `None` where one never was.
    pub oldest: Option<Time>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HealthView {
    pub region: Option<RegionId>,
    pub state: State,
    pub freshness: Freshness,
    pub observed_at: Option<Time>,
    pub detail: String,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct RpoView {
    pub target: Option<Dur>,
    /// If the current home were gone this second.
    pub actual: Loss,
    pub ratio: Option<f64>,
    pub design: Option<Dur>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct RtoView {
    pub target: Option<Dur>,
    pub estimate: Option<Dur>,
    pub p90: Option<Dur>,
    pub basis: RtoBasis,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RtoBasis {
    Drilled,
    Measured,
    Declared,
    #[default]
    Unknown,
}

impl RtoBasis {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Drilled => "drilled",
            Self::Measured => "measured",
            Self::Declared => "declared",
            Self::Unknown => "unknown",
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct AssetView {
    pub id: AssetId,
    pub layer: Layer,
    pub required: bool,
    pub last_proven: Option<PointRef>,
    /// Loss of this asset, were the home gone.
    pub loss: Loss,
    pub(super) copies: CopyViews,
    pub replicas: Vec<ReplicaView>,
}

impl AssetView {
    /// Its copies, in the order in which they are declared.
    pub fn copies(&self) -> impl ExactSizeIterator<Item = CopyView<'_>> {
        let all = &self.copies;
        let mut reasons = all.reasons.iter().peekable();
        all.states.iter().enumerate().map(move |(index, state)| CopyView {
            index,
            on: &all.on[index],
            state: state.state,
            reason: reasons.next_if(|(of, _)| *of == index).map(|(_, reason)| &**reason),
            freshness: state.freshness,
            observed: all.observed(index),
            survives: state.survives,
        })
    }
    /// The newest good point of any copy.
    pub fn last_good(&self) -> Option<&PointRef> {
        let newest = self.copies.newest.and_then(|index| self.copies.observed(index))?;
        newest.last()?.value.last_good.as_ref()
    }
}

/// The copies of one asset. Made anew for thousands in each assessment: what is
/// declared and what was seen of them is shared, and the rest is small.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct CopyViews {
    pub on: Arc<[CopyOn]>,
    pub seen: Option<Arc<SeenAsset>>,
    pub states: Box<[CopyState]>,
    /// What is wrong with those with which something is, by rising index.
    pub reasons: Vec<(usize, Box<str>)>,
    /// Which of them has the newest good point.
    pub newest: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct CopyState {
    pub state: State,
    pub freshness: Freshness,
    pub survives: bool,
}

impl CopyViews {
    fn observed(&self, index: usize) -> Option<&SeenCopy> {
        self.seen.as_ref()?.get(index)
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CopyView<'v> {
    pub index: usize,
    pub on: &'v CopyOn,
    pub state: State,
    pub reason: Option<&'v str>,
    pub freshness: Freshness,
    /// What was seen of it.
    pub observed: Option<&'v SeenCopy>,
    /// Whether it survives the scenario.
    pub survives: bool,
}

/// Where a copy lies, and in what format.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyOn {
    pub store: StoreId,
    pub region: Option<RegionId>,
    pub format: FormatId,
}

impl<'v> CopyView<'v> {
    fn last(&self) -> Option<&'v Seen<Arc<CopySummary>>> {
        self.observed?.last()
    }
    /// What the last successful look saw.
    pub fn summary(&self) -> Option<&'v CopySummary> {
        self.last().map(|seen| &*seen.value)
    }
    pub fn observed_at(&self) -> Option<Time> {
        self.last().map(|seen| seen.at)
    }
    pub fn last_good(&self) -> Option<&'v PointRef> {
        self.summary()?.last_good.as_ref()
    }
    pub fn points(&self) -> usize {
        self.summary().map_or(0, |s| s.points)
    }
    pub fn windows(&self) -> &'v [Window] {
        self.summary().map_or(&[], |s| &s.windows)
    }
    pub fn gaps(&self) -> &'v [Gap] {
        self.summary().map_or(&[], |s| &s.gaps)
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReplicaView {
    pub index: usize,
    pub region: RegionId,
    pub state: State,
    pub reason: Option<String>,
    pub freshness: Freshness,
    pub lag: Option<Dur>,
    /// The instant up to which everything was received.
    pub received: Option<Time>,
    pub observed_at: Option<Time>,
    pub survives: bool,
}

/// What would be lost with one of several regions that take writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Side {
    pub region: RegionId,
    pub loss: Loss,
}

/// A verdict with what it rests on; by default that nothing is known.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Judged {
    pub verdict: Verdict,
    /// The region it would recover into.
    pub to: Option<RegionId>,
    pub loss: Loss,
    /// Objects that a copy used here lacks, where it is a set of objects.
    pub objects: Option<u64>,
    /// The upper bound, were what is not seen now as it was when last seen.
    pub at_best: Option<Dur>,
    pub rto: Option<Dur>,
    /// Of that, what passes before its own recovery begins.
    pub waits: Option<Dur>,
    /// In nine of ten cases no longer; `None` where nothing was measured often.
    pub p90: Option<Dur>,
    pub rto_basis: RtoBasis,
    pub runbook: Option<RunbookId>,
    pub using: Vec<Using>,
    pub rejected: Vec<(RegionId, Reason)>,
    pub reasons: Vec<Reason>,
    /// What it needs and loses here, whether or not that decides the verdict.
    pub hidden: Vec<Reason>,
    pub assumptions: Vec<Assumption>,
}

impl Judged {
    /// Its reasons, what decides the verdict first; where it is lost for want of
    /// a region to recover into, why each is none.
    pub fn told(&self) -> Vec<&Reason> {
        let mut all: Vec<&Reason> = self.reasons.iter().collect();
        if self.verdict == Verdict::Lost && !all.iter().any(|r| r.gives() == Verdict::Lost) {
            all.extend(self.rejected.iter().map(|(_, why)| why));
        }
        // Of one that would run on but depends on what does not, some tell what
        // would be with one more loss: worse, and not what decides.
        all.sort_by_key(|r| (r.gives() != self.verdict, std::cmp::Reverse(r.gives())));
        all
    }
    /// The reason that gives the verdict; `None` where nothing speaks against it.
    pub fn decided(&self) -> Option<&Reason> {
        let decides = |r: &&Reason| match self.verdict {
            // What one more loss would come to.
            Verdict::Exposed => r.gives() == Verdict::Exposed || r.gives() >= Verdict::Unknown,
            verdict => verdict > Verdict::Recoverable && r.gives() == verdict,
        };
        self.told().first().copied().filter(decides)
    }
}

/// What one asset would be recovered from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Using {
    pub asset: AssetId,
    /// The part, of an asset in parts.
    pub part: Option<String>,
    /// The store of the copy, where a copy is used.
    pub copy: Option<StoreId>,
    /// The region of the replica, where a replica is used.
    pub replica: Option<RegionId>,
    pub point: Option<String>,
    /// Of this asset, from this source.
    pub loss: Loss,
}
