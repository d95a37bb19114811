//! Policy packs as data: rules with a clause, a threshold, a severity.

use serde::{Deserialize, Serialize};

use super::{Dur, Layer};

/// Rules that belong together, such as those of one law.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pack {
    pub id: String,
    pub title: String,
    /// Where the rules come from, for a reader who wants to check.
    pub source: String,
    #[serde(rename = "rule")]
    pub rules: Vec<Rule>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    pub id: String,
    pub check: Check,
    #[serde(default)]
    pub severity: Severity,
    /// The paragraph that asks for it.
    pub clause: Option<String>,
    /// A span that the check is about: how old, how long kept.
    pub within: Option<Dur>,
    /// A number that the check is about: how many copies.
    pub count: Option<u32>,
    /// Only workloads of this tier or a higher one (1 is highest).
    pub tier: Option<u8>,
    /// Only assets of these layers; all where empty.
    #[serde(default)]
    pub layers: Vec<Layer>,
}

/// How bad it is where a rule does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    #[default]
    Warning,
    Critical,
}

/// What a rule can ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    // of a workload
    ObjectivesDeclared,
    RpoMet,
    DesignRpo,
    RtoMet,
    HomeLossSurvived,
    Owned,
    Reviewed,
    DependenciesDeclared,
    FailoverRunbook,
    Drilled,
    Residency,
    // of an asset
    Protected,
    SecondRegion,
    SecondAccount,
    SecondProvider,
    Copies,
    Media,
    OfflineOrImmutable,
    RestoreVerified,
    // of a copy
    Scheduled,
    ScheduleMet,
    NoErrors,
    Frequency,
    SuccessRate,
    RetentionMin,
    RetentionMax,
    LegalHold,
    KeyOutsideHome,
    NewestLocked,
    // of a store
    EncryptedAtRest,
    EncryptedInTransit,
    VersionedOrImmutable,
    Immutable,
    DeletableByOthers,
    NotPublic,
    AccessLogged,
    LocationAsDeclared,
    Managed,
    // of the estate
    NoOrphans,
    SecretsWatched,
    VaultSpread,
}
