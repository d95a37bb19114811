//! The estate as values: what `config` makes of the TOML, checked and with
//! every reference known to lead somewhere. Shapes follow the files; see
//! docs/estate.md for what each key means.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::*;

/// Values of keys that only a format, probe or step kind knows.
pub type Options = BTreeMap<String, Value>;

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Estate {
    /// Under which state is kept: `id` of lifeboat.toml, else made from `name`.
    pub id: String,
    pub name: String,
    pub defaults: Defaults,
    pub tiers: Vec<Tier>,
    pub groups: Vec<Group>,
    pub policy: Options,
    /// The packs that `policy` names, with their rules.
    pub packs: Vec<Pack>,
    pub overrides: Vec<PolicyOverride>,
    pub operators: Vec<Operator>,
    pub approvals: Vec<Options>,
    pub interlocks: Vec<Options>,
    pub notify: Vec<Options>,
    pub rehearsal: Options,
    pub vault: Option<Vault>,
    pub regions: Vec<Region>,
    pub accounts: Vec<Account>,
    pub domains: Vec<Domain>,
    pub links: Vec<Link>,
    pub keys: Vec<KeptSecret>,
    pub secrets: Vec<KeptSecret>,
    pub stores: Vec<Store>,
    pub workloads: Vec<Workload>,
    pub runbooks: Vec<Runbook>,
}

impl Estate {
    pub fn region(&self, id: &str) -> Option<&Region> {
        self.regions.iter().find(|r| r.id == *id)
    }
    pub fn store(&self, id: &str) -> Option<&Store> {
        self.stores.iter().find(|s| s.id == *id)
    }
    pub fn workload(&self, id: &str) -> Option<&Workload> {
        self.workloads.iter().find(|w| w.id == *id)
    }
    pub fn runbook(&self, id: &str) -> Option<&Runbook> {
        self.runbooks.iter().find(|r| r.id == *id)
    }
    pub fn copy(&self, key: &CopyKey) -> Option<&CopyDef> {
        let workload = self.workload(key.workload.as_str())?;
        workload.asset(key.asset.as_str())?.copies.get(key.index)
    }
    /// The objective of a workload for losing a domain of `kind` in `mode`;
    /// the most specific `against` wins, then the workload's own, then the tier's.
    pub fn objective(&self, w: &Workload, kind: DomainKind, mode: LossMode) -> (Option<Dur>, Option<Dur>) {
        let both = format!("{}={mode}", kind.as_str());
        let names = [&*both, kind.as_str(), mode.as_str()];
        let specific = names.iter().filter_map(|n| w.objectives.iter().find(|o| o.against == *n));
        let tier = self.tiers.iter().find(|t| Some(t.level) == w.tier);
        let pick = |own: Option<Dur>, of: fn(&Objective) -> Option<Dur>, tier: Option<Dur>| {
            specific.clone().find_map(of).or(own).or(tier)
        };
        (pick(w.rpo, |o| o.rpo, tier.and_then(|t| t.rpo)), pick(w.rto, |o| o.rto, tier.and_then(|t| t.rto)))
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Defaults {
    /// How often health and lag are asked.
    pub poll: Dur,
    /// How often repositories are read.
    pub refresh: Dur,
    /// How long one probe may take.
    pub timeout: Dur,
    pub detect: Option<Dur>,
    pub decide: Option<Dur>,
    pub timezone: Option<String>,
}

impl Default for Defaults {
    fn default() -> Self {
        Self {
            poll: Dur::secs(30),
            refresh: Dur::secs(15 * 60),
            timeout: Dur::secs(5),
            detect: None,
            decide: None,
            timezone: None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tier {
    pub level: u8,
    pub rpo: Option<Dur>,
    pub rto: Option<Dur>,
    pub drill_every: Option<Dur>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Group {
    pub id: GroupId,
    /// `WORKLOAD/ASSET`.
    pub assets: Vec<String>,
    pub tolerance: Option<Dur>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PolicyOverride {
    pub rule: String,
    pub subject: String,
    pub reason: String,
    pub until: Option<Time>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Operator {
    pub id: OperatorId,
    #[serde(default)]
    pub roles: Vec<String>,
    pub key: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Vault {
    #[serde(default)]
    pub stores: Vec<StoreId>,
    pub lease: Option<Value>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Region {
    pub id: RegionId,
    pub name: Option<String>,
    pub provider: Option<String>,
    #[serde(default)]
    pub jurisdiction: Vec<String>,
    /// Latitude and longitude in degrees.
    pub at: Option<(f64, f64)>,
    #[serde(default)]
    pub domains: Vec<DomainId>,
    #[serde(default)]
    pub health: Vec<Probe>,
}

impl Region {
    pub fn label(&self) -> &str {
        self.name.as_deref().unwrap_or(self.id.as_str())
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Account {
    pub id: AccountId,
    pub provider: Option<String>,
    pub organisation: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Domain {
    pub id: DomainId,
    pub kind: Option<String>,
    #[serde(default, rename = "in")]
    pub within: Vec<Selector>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Link {
    pub from: RegionId,
    pub to: RegionId,
    pub carries: Option<String>,
}

/// A `[[key]]` or `[[secret]]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeptSecret {
    pub id: KeyId,
    pub from: Option<SecretRef>,
    #[serde(default)]
    pub kept_in: Vec<Selector>,
    pub probe: Option<Probe>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Store {
    pub id: StoreId,
    pub url: String,
    pub endpoint: Option<String>,
    pub signing_region: Option<String>,
    pub region: Option<RegionId>,
    pub account: Option<AccountId>,
    #[serde(default)]
    pub domains: Vec<DomainId>,
    pub credentials: Option<Credentials>,
    pub ca: Option<String>,
    pub key: Option<KeyId>,
    #[serde(default)]
    pub deletable_by: Vec<String>,
    #[serde(default)]
    pub expect: Options,
    pub managed_by: Option<String>,
    pub quota: Option<Size>,
    pub online: Option<bool>,
    pub price: Option<Price>,
}

/// What a store charges, in whatever currency; only alike ones are added up.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Price {
    pub currency: Option<String>,
    pub gib_month: Option<f64>,
    pub thousand_requests: Option<f64>,
    /// For reading it from elsewhere, as a restore does.
    pub gib_out: Option<f64>,
}

/// `"ambient"`, `{ env_prefix }`, `{ profile }` or a reference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Credentials {
    Ambient,
    EnvPrefix(String),
    Profile(String),
    #[serde(untagged)]
    Reference(SecretRef),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Workload {
    pub id: WorkloadId,
    pub name: Option<String>,
    /// 1 is highest.
    pub tier: Option<u8>,
    pub account: Option<AccountId>,
    pub owner: Option<String>,
    #[serde(default)]
    pub contacts: Vec<String>,
    pub impact: Option<Impact>,
    pub reviewed: Option<NaiveDate>,
    pub rpo: Option<Dur>,
    pub rto: Option<Dur>,
    #[serde(default)]
    pub objectives: Vec<Objective>,
    pub home: Option<RegionId>,
    #[serde(default, rename = "standby")]
    pub standbys: Vec<Standby>,
    #[serde(default)]
    pub active: Vec<Active>,
    pub strategy: Option<Strategy>,
    pub active_when: Option<Probe>,
    #[serde(default)]
    pub residency: Vec<String>,
    #[serde(default)]
    pub depends_on: Vec<Dependency>,
    #[serde(default)]
    pub runbooks: BTreeMap<RunbookKind, RunbookId>,
    #[serde(default)]
    pub health: Vec<Health>,
    #[serde(default, rename = "route")]
    pub routes: Vec<Route>,
    #[serde(default, rename = "asset")]
    pub assets: Vec<Asset>,
}

impl Workload {
    pub fn label(&self) -> &str {
        self.name.as_deref().unwrap_or(self.id.as_str())
    }
    pub fn asset(&self, id: &str) -> Option<&Asset> {
        self.assets.iter().find(|a| a.id == *id)
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Impact {
    pub per_hour: Option<f64>,
    pub mtd: Option<Dur>,
    #[serde(default)]
    pub obligations: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Objective {
    /// A kind of domain, a mode, or `KIND=MODE`.
    pub against: String,
    pub rpo: Option<Dur>,
    pub rto: Option<Dur>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Standby {
    pub region: RegionId,
    pub account: Option<AccountId>,
    pub capacity: Option<Capacity>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Capacity {
    pub probe: Probe,
    pub need: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Active {
    pub region: RegionId,
    pub share: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    BackupRestore,
    PilotLight,
    WarmStandby,
    ActiveActive,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dependency {
    pub id: WorkloadId,
    #[serde(default)]
    pub kind: DependencyKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DependencyKind {
    #[default]
    Hard,
    Soft,
}

/// Health as users meet it, in one region.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Health {
    pub region: Option<RegionId>,
    pub probe: Probe,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Route {
    pub dns: String,
    pub ttl: Option<Dur>,
    #[serde(default)]
    pub resolvers: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    Application,
    Image,
    Infrastructure,
    Database,
    Analytics,
    Media,
    Secrets,
    Config,
}

impl Layer {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Application => "application",
            Self::Image => "image",
            Self::Infrastructure => "infrastructure",
            Self::Database => "database",
            Self::Analytics => "analytics",
            Self::Media => "media",
            Self::Secrets => "secrets",
            Self::Config => "config",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Asset {
    pub id: AssetId,
    pub layer: Layer,
    #[serde(default = "yes")]
    pub required: bool,
    pub rpo: Option<Dur>,
    pub rto: Option<Dur>,
    /// `WORKLOAD/ASSET` owned elsewhere.
    pub uses: Option<String>,
    #[serde(default)]
    pub for_each: BTreeMap<String, String>,
    pub rebuild: Option<Rebuild>,
    /// Answers with the instant of the last acknowledged write.
    pub write_probe: Option<Probe>,
    #[serde(default, rename = "replica")]
    pub replicas: Vec<Replica>,
    #[serde(default, rename = "copy")]
    pub copies: Vec<CopyDef>,
}

fn yes() -> bool {
    true
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rebuild {
    pub takes: Option<Dur>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Replica {
    pub region: RegionId,
    pub account: Option<AccountId>,
    pub lag: Option<Probe>,
    #[serde(default)]
    pub synchronous: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CopyDef {
    pub store: StoreId,
    /// Below the root of the store; empty is the root itself.
    #[serde(default)]
    pub path: String,
    pub format: FormatId,
    /// The format's own keys.
    #[serde(default)]
    pub options: Options,
    pub schedule: Option<Schedule>,
    pub refresh: Option<Dur>,
    pub grace: Option<Dur>,
    pub log_every: Option<Dur>,
    /// How long it takes to have an archived point back.
    #[serde(default)]
    pub retrieval: Option<Dur>,
    pub retention: Option<Retention>,
    pub password: Option<SecretRef>,
    pub key: Option<KeyId>,
    #[serde(default)]
    pub parts: Vec<Value>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Schedule {
    Every(Dur),
    Cron { cron: String, timezone: Option<String> },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Retention {
    pub min: Option<Dur>,
    pub max: Option<Dur>,
    #[serde(default)]
    pub legal_hold: bool,
}
