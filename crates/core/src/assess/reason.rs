//! Why something stands as it does: values that become sentences when they
//! are shown.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Verdict;
use crate::model::*;

/// What a secret is needed for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Need {
    Credentials { store: StoreId },
    StoreKey { store: StoreId },
    CopyKey { asset: AssetId, store: StoreId },
    Password { asset: AssetId, store: StoreId },
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Credentials { store } => write!(f, "the credentials of {store}"),
            Self::StoreKey { store } => write!(f, "the key of {store}"),
            Self::CopyKey { asset, store } => write!(f, "the key of {asset} in {store}"),
            Self::Password { asset, store } => write!(f, "the password of {asset} in {store}"),
        }
    }
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
    /// More than one region takes writes, and none is meant to beside the other.
    TwoWriters {
        regions: Vec<RegionId>,
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
    /// An RPO of zero, and no replica that is seen to be synchronous.
    NotSynchronous {
        asset: AssetId,
    },
    /// Declared synchronous, and seen to be behind.
    ReplicaBehind {
        asset: AssetId,
        region: RegionId,
        lag: Dur,
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
    /// Hit in another way than being gone, by itself or in its account.
    TargetHit {
        region: RegionId,
        account: Option<AccountId>,
        mode: LossMode,
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
    NoCapacity {
        region: RegionId,
    },
    CapacityShort {
        region: RegionId,
        have: f64,
        need: f64,
    },
    CapacityUnseen {
        region: RegionId,
    },
    /// What is left of an active-active workload, as a part of the whole.
    SharesShort {
        have: f64,
    },
    RtoExceeded {
        estimate: Dur,
        target: Dur,
    },
    RtoUnknown,
    RetrievalUnknown {
        asset: AssetId,
        store: StoreId,
    },
    OutsideResidency {
        region: RegionId,
    },
    SourceOutsideResidency {
        asset: AssetId,
        region: RegionId,
    },
    DependencyLost {
        on: WorkloadId,
        verdict: Verdict,
    },
    /// Rules of policy packs; the findings name them.
    RulesBroken {
        rules: usize,
    },
    /// By what the history shows.
    Unusual {
        things: usize,
    },
    DesignRpo {
        design: Dur,
        target: Dur,
    },
    /// Points before some instant count, and nobody said which.
    CleanUnknown,
    NoCleanPoint {
        asset: AssetId,
        store: StoreId,
    },
    ReplicaInherits {
        asset: AssetId,
        region: RegionId,
    },
    MirrorInherits {
        asset: AssetId,
        store: StoreId,
    },
    CopyDeletable {
        asset: AssetId,
        store: StoreId,
    },
    LockUnknown {
        asset: AssetId,
        store: StoreId,
    },
    OnlyDoubtful {
        asset: AssetId,
        store: StoreId,
        state: PointState,
    },
    SecretLost {
        need: Need,
        secret: KeyId,
        kept_in: Vec<Selector>,
    },
    PartLost {
        asset: AssetId,
        store: StoreId,
        within: Selector,
    },
    RunbookRelies {
        runbook: RunbookId,
        step: Option<StepId>,
        on: Selector,
    },
    VaultMajority,
    GroupSkew {
        group: GroupId,
        skew: Dur,
        tolerance: Dur,
    },
}

impl Reason {
    /// The verdict that this by itself gives: what is no better for it than that.
    /// What only explains another reason, or stands beside the verdict, gives
    /// `unaffected`.
    pub fn gives(&self) -> Verdict {
        match self {
            Self::DependencyLost { verdict, .. } => *verdict,
            Self::NothingSurvives { .. } => Verdict::Lost,
            bars if bars.bars() => Verdict::Lost,
            Self::RpoUnknown { .. }
            | Self::RegionUnseen { .. }
            | Self::HealthUnseen { .. }
            | Self::CapacityUnseen { .. }
            | Self::NoTarget
            | Self::RtoUnknown => Verdict::Unknown,
            Self::RpoExceeded { .. }
            | Self::NotSynchronous { .. }
            | Self::SourceOutsideResidency { .. }
            | Self::OutsideResidency { .. }
            | Self::SharesShort { .. }
            | Self::CapacityShort { .. }
            | Self::RtoExceeded { .. }
            | Self::GroupSkew { .. } => Verdict::Breach,
            _ => Verdict::Unaffected,
        }
    }
}

impl Reason {
    /// Whether it is why one region is no target, rather than about the workload.
    pub fn bars(&self) -> bool {
        matches!(
            self,
            Self::TargetLost { .. }
                | Self::TargetHit { .. }
                | Self::RegionDown { .. }
                | Self::NoCapacity { .. }
                | Self::RunbookRelies { .. }
        )
    }
    /// The asset that it is about, if it is about one.
    pub fn asset(&self) -> Option<&AssetId> {
        match self {
            Self::RpoUnknown { asset }
            | Self::NotSynchronous { asset }
            | Self::ReplicaBehind { asset, .. }
            | Self::NoUsablePoint { asset }
            | Self::CopyUnreachable { asset, .. }
            | Self::CopyOverdue { asset, .. }
            | Self::NewestUnusable { asset, .. }
            | Self::WindowGap { asset, .. }
            | Self::CopyNote { asset, .. }
            | Self::LagUnseen { asset, .. }
            | Self::LagFrozen { asset, .. }
            | Self::LagUndated { asset, .. }
            | Self::NothingSurvives { asset }
            | Self::RetrievalUnknown { asset, .. }
            | Self::SourceOutsideResidency { asset, .. }
            | Self::NoCleanPoint { asset, .. }
            | Self::ReplicaInherits { asset, .. }
            | Self::MirrorInherits { asset, .. }
            | Self::CopyDeletable { asset, .. }
            | Self::LockUnknown { asset, .. }
            | Self::OnlyDoubtful { asset, .. }
            | Self::PartLost { asset, .. } => Some(asset),
            Self::SecretLost { need: Need::CopyKey { asset, .. } | Need::Password { asset, .. }, .. } => {
                Some(asset)
            }
            _ => None,
        }
    }
}

fn places(selectors: &[Selector]) -> String {
    selectors.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ")
}

fn part(whole: f64) -> String {
    format!("{:.0} %", whole * 100.0)
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
            Self::TwoWriters { regions } => {
                let regions: Vec<_> = regions.iter().map(RegionId::as_str).collect();
                write!(f, "it takes writes in {} at once", regions.join(" and in "))
            }
            Self::NoObjective => f.write_str("no RPO is declared"),
            Self::RpoExceeded { actual, target } => {
                write!(f, "up to {actual} of writes would be lost now, over its RPO of {target}")
            }
            Self::RpoNear { actual, target } => {
                write!(f, "up to {actual} of writes would be lost now, near its RPO of {target}")
            }
            Self::RpoUnknown { asset } => write!(f, "nobody can say what would be lost of {asset}"),
            Self::NotSynchronous { asset } => {
                write!(f, "an RPO of zero needs a replica of {asset} that is seen to be synchronous")
            }
            Self::ReplicaBehind { asset, region, lag } => {
                write!(f, "the synchronous replica of {asset} in {region} is {lag} behind")
            }
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
            Self::TargetHit { region, account: None, mode } => write!(f, "{region} is {mode} as well"),
            Self::TargetHit { region, account: Some(account), mode } => {
                write!(f, "the account {account} that it would run in, in {region}, is {mode} as well")
            }
            Self::RegionDown { region, detail } => write!(f, "{region} does not serve: {detail}"),
            Self::RegionUnseen { region } => write!(f, "{region} is not seen"),
            Self::RegionNotWatched { region } => {
                write!(f, "nothing is declared that would show whether {region} works")
            }
            Self::NoCapacity { region } => write!(f, "{region} has no capacity for it"),
            Self::CapacityShort { region, have, need } => {
                write!(f, "{region} has a capacity of {have}, and {need} are needed")
            }
            Self::CapacityUnseen { region } => write!(f, "the capacity of {region} is not seen"),
            Self::SharesShort { have } => write!(f, "{} of its capacity would be left", part(*have)),
            Self::RtoExceeded { estimate, target } => {
                write!(f, "recovery would take about {estimate}, over its RTO of {target}")
            }
            Self::RtoUnknown => f.write_str("how long recovery takes is not known"),
            Self::RetrievalUnknown { asset, store } => {
                write!(f, "{asset} in {store} is archived, and how long its retrieval takes is not known")
            }
            Self::OutsideResidency { region } => write!(f, "{region} lies outside its residency"),
            Self::SourceOutsideResidency { asset, region } => {
                write!(f, "what {asset} would be recovered from lies in {region}, outside its residency")
            }
            Self::DependencyLost { on, verdict } => write!(f, "it depends on {on}, which is {verdict}"),
            Self::RulesBroken { rules: 1 } => {
                f.write_str("one rule of the estate's policies does not hold: see the findings")
            }
            Self::RulesBroken { rules } => {
                write!(f, "{rules} rules of the estate's policies do not hold: see the findings")
            }
            Self::Unusual { things: 1 } => f.write_str("one thing is not as it used to be: see the findings"),
            Self::Unusual { things } => {
                write!(f, "{things} things are not as they used to be: see the findings")
            }
            Self::DesignRpo { design, target } => {
                write!(f, "its schedules allow {design} of loss at best, over its RPO of {target}")
            }
            Self::CleanUnknown => {
                f.write_str("since when the data is bad is not known, so no point is known to be clean")
            }
            Self::NoCleanPoint { asset, store } => {
                write!(f, "nothing that {store} still holds of {asset} is from before the damage")
            }
            Self::ReplicaInherits { asset, region } => {
                write!(f, "the replica of {asset} in {region} has the damage too")
            }
            Self::MirrorInherits { asset, store } => {
                write!(f, "{store} mirrors {asset} without keeping versions, and has the damage too")
            }
            Self::CopyDeletable { asset, store } => {
                write!(
                    f,
                    "the copy of {asset} in {store} can be deleted by whoever holds what is compromised"
                )
            }
            Self::LockUnknown { asset, store } => {
                write!(
                    f,
                    "whether a lock keeps the copy of {asset} in {store} from being deleted is not known"
                )
            }
            Self::OnlyDoubtful { asset, store, state } => {
                write!(f, "all that {store} holds of {asset} is {}", state.as_str())
            }
            Self::SecretLost { need, secret, kept_in } => {
                write!(f, "{need}, {secret}, is kept only in {}", places(kept_in))
            }
            Self::PartLost { asset, store, within } => {
                write!(f, "a part of the copy of {asset} in {store} lies in {within}")
            }
            Self::RunbookRelies { runbook, step: None, on } => {
                write!(f, "the runbook {runbook} relies on {on}")
            }
            Self::RunbookRelies { runbook, step: Some(step), on } => {
                write!(f, "the step {step} of the runbook {runbook} relies on {on}")
            }
            Self::VaultMajority => f.write_str("the journal's vault has its majority there"),
            Self::GroupSkew { group, skew, tolerance } => {
                write!(f, "the assets of {group} come back {skew} apart, and {tolerance} is tolerated")
            }
        }
    }
}
