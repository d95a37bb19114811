//! The answer of an assessment.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

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

/// Why something stands as it does; `Display` is the sentence on screen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "why")]
pub enum Reason {
    /// Serving health failed this often in a row.
    HealthFailing {
        region: Option<RegionId>,
        failures: u32,
        detail: String,
    },
    HealthUnseen {
        region: Option<RegionId>,
    },
    NoHealthProbe,
    NoHome,
    /// Where it serves is not seen: the last known or declared home is a guess.
    HomeUnseen {
        detail: String,
    },
    NoObjective,
    RpoExceeded {
        actual: Dur,
        target: Dur,
    },
    RpoNear {
        actual: Dur,
        target: Dur,
    },
    RpoUnknown {
        asset: AssetId,
    },
    NoUsablePoint {
        asset: AssetId,
    },
    CopyUnreachable {
        asset: AssetId,
        store: StoreId,
        detail: String,
    },
    CopyOverdue {
        asset: AssetId,
        store: StoreId,
        age: Dur,
        expected: Dur,
    },
    NewestUnusable {
        asset: AssetId,
        store: StoreId,
        point: String,
        state: PointState,
        detail: String,
    },
    WindowGap {
        asset: AssetId,
        store: StoreId,
        detail: String,
    },
    CopyNote {
        asset: AssetId,
        store: StoreId,
        detail: String,
    },
    LagUnseen {
        asset: AssetId,
        region: RegionId,
        detail: String,
    },
    /// The instant the lag figure is about stands still while the answer looks green.
    LagFrozen {
        asset: AssetId,
        region: RegionId,
        age: Dur,
    },
    LagUndated {
        asset: AssetId,
        region: RegionId,
    },
    NothingSurvives {
        asset: AssetId,
    },
    NoTarget,
    TargetLost {
        region: RegionId,
    },
    RegionDown {
        region: RegionId,
        detail: String,
    },
    RegionUnseen {
        region: RegionId,
    },
    /// Nothing is declared that would show whether the region works.
    RegionNotWatched {
        region: RegionId,
    },
    RtoExceeded {
        estimate: Dur,
        target: Dur,
    },
    RtoUnknown,
    OutsideResidency {
        region: RegionId,
    },
    DependencyLost {
        on: WorkloadId,
        verdict: Verdict,
    },
    ModeNotJudged {
        mode: LossMode,
    },
    DesignRpo {
        design: Dur,
        target: Dur,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = |r: &Option<RegionId>| r.as_ref().map_or(String::new(), |r| format!(" in {r}"));
        match self {
            Self::HealthFailing { region, failures, detail } => {
                write!(f, "health{} failed {failures} times in a row: {detail}", place(region))
            }
            Self::HealthUnseen { region } => write!(f, "health{} is not seen", place(region)),
            Self::NoHealthProbe => f.write_str("no health probe is declared"),
            Self::HomeUnseen { detail } => write!(f, "where it serves from is not seen: {detail}"),
            Self::NoHome => f.write_str("no home region is declared"),
            Self::NoObjective => f.write_str("no RPO is declared"),
            Self::RpoExceeded { actual, target } => {
                write!(f, "up to {actual} of writes would be lost now, over its RPO of {target}")
            }
            Self::RpoNear { actual, target } => {
                write!(f, "up to {actual} of writes would be lost now, near its RPO of {target}")
            }
            Self::RpoUnknown { asset } => write!(f, "nobody can say what would be lost of {asset}"),
            Self::NoUsablePoint { asset } => write!(f, "{asset} has no usable recovery point"),
            Self::CopyUnreachable { asset, store, detail } => {
                write!(f, "the copy of {asset} in {store} is not seen: {detail}")
            }
            Self::CopyOverdue { asset, store, age, expected } => {
                write!(f, "the copy of {asset} in {store} is {age} old; one is due every {expected}")
            }
            Self::NewestUnusable { asset, store, point, state, detail } => {
                write!(f, "the newest point of {asset} in {store}, {point}, is {}", state.as_str())?;
                if detail.is_empty() { Ok(()) } else { write!(f, ": {detail}") }
            }
            Self::WindowGap { asset, store, detail } => {
                write!(f, "the log of {asset} in {store} has a gap: {detail}")
            }
            Self::CopyNote { asset, store, detail } => write!(f, "{asset} in {store}: {detail}"),
            Self::LagUnseen { asset, region, detail } => {
                write!(f, "the lag of {asset} in {region} is not seen: {detail}")
            }
            Self::LagFrozen { asset, region, age } => {
                write!(f, "the lag figure of {asset} in {region} is frozen: it is about an instant {age} ago")
            }
            Self::LagUndated { asset, region } => {
                write!(f, "the lag figure of {asset} in {region} does not say what instant it is about")
            }
            Self::NothingSurvives { asset } => write!(f, "no copy and no replica of {asset} survives"),
            Self::NoTarget => f.write_str("no region is declared to recover into"),
            Self::TargetLost { region } => write!(f, "{region} is lost as well"),
            Self::RegionDown { region, detail } => write!(f, "{region} does not serve: {detail}"),
            Self::RegionUnseen { region } => write!(f, "{region} is not seen"),
            Self::RegionNotWatched { region } => {
                write!(f, "nothing is declared that would show whether {region} works")
            }
            Self::RtoExceeded { estimate, target } => {
                write!(f, "recovery would take about {estimate}, over its RTO of {target}")
            }
            Self::RtoUnknown => f.write_str("how long recovery takes is not known"),
            Self::OutsideResidency { region } => write!(f, "{region} lies outside its residency"),
            Self::DependencyLost { on, verdict } => write!(f, "it depends on {on}, which is {verdict}"),
            Self::ModeNotJudged { mode } => write!(f, "loss by being {mode} is not judged yet"),
            Self::DesignRpo { design, target } => {
                write!(f, "its schedules allow {design} of loss at best, over its RPO of {target}")
            }
        }
    }
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

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Assessment {
    pub at: Time,
    /// Empty: nothing is assumed lost.
    pub scenario: Scenario,
    pub worst: State,
    pub regions: Vec<RegionView>,
    /// Worst state first, then by tier, then worst verdict, then by id.
    pub workloads: Vec<WorkloadView>,
    pub findings: Vec<Finding>,
    /// When the answer next changes by time alone.
    pub next_change: Option<Time>,
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

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    pub if_home_lost: Judged,
    /// Under the scenario; the same as `if_home_lost` in meaning only where
    /// that is what the scenario takes.
    pub verdict: Option<Judged>,
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

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AssetView {
    pub id: AssetId,
    pub layer: Layer,
    pub required: bool,
    /// Of any copy.
    pub last_good: Option<PointRef>,
    pub last_proven: Option<PointRef>,
    /// Loss of this asset, were the home gone.
    pub loss: Loss,
    pub copies: Vec<CopyView>,
    pub replicas: Vec<ReplicaView>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CopyView {
    pub index: usize,
    pub store: StoreId,
    pub region: Option<RegionId>,
    pub format: FormatId,
    pub state: State,
    pub reason: Option<String>,
    pub freshness: Freshness,
    pub observed_at: Option<Time>,
    /// What was last seen of it; shared, for there are thousands.
    pub summary: Option<Arc<CopySummary>>,
    /// Whether it survives the scenario.
    pub survives: bool,
}

impl CopyView {
    pub fn last_good(&self) -> Option<&PointRef> {
        self.summary.as_ref()?.last_good.as_ref()
    }
    pub fn points(&self) -> usize {
        self.summary.as_ref().map_or(0, |s| s.points)
    }
    pub fn windows(&self) -> &[Window] {
        self.summary.as_ref().map_or(&[], |s| &s.windows)
    }
    pub fn gaps(&self) -> &[Gap] {
        self.summary.as_ref().map_or(&[], |s| &s.gaps)
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

/// A verdict with what it rests on; by default that nothing is known.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Judged {
    pub verdict: Verdict,
    /// The region it would recover into.
    pub to: Option<RegionId>,
    pub loss: Loss,
    pub rto: Option<Dur>,
    pub rto_basis: RtoBasis,
    pub using: Vec<Using>,
    pub rejected: Vec<(RegionId, Reason)>,
    pub reasons: Vec<Reason>,
    pub assumptions: Vec<String>,
}

/// What one asset would be recovered from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Using {
    pub asset: AssetId,
    /// The store of the copy, where a copy is used.
    pub copy: Option<StoreId>,
    /// The region of the replica, where a replica is used.
    pub replica: Option<RegionId>,
    pub point: Option<String>,
    /// Of this asset, from this source.
    pub loss: Loss,
}
