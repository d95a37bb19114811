//! Every table and key of an estate, as data: one file here for each kind of
//! TOML file. A new key is one line in its table and one field in the model.

mod estate;
mod places;
mod probe;
mod runbook;
mod workload;

use lifeboat_core::model::{KeyDef, KeyType};

pub(super) use probe::{COMPANIONS, SECRET};

/// The kinds of TOML file that an estate is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum FileKind {
    Main,
    Regions,
    Stores,
    Workload,
    Runbook,
}

impl FileKind {
    pub const ALL: [FileKind; 5] = [Self::Main, Self::Regions, Self::Stores, Self::Workload, Self::Runbook];

    /// What an `id` at the top of such a file declares.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Main => "estate",
            Self::Regions => "regions",
            Self::Stores => "stores",
            Self::Workload => "workload",
            Self::Runbook => "runbook",
        }
    }
    /// Where such files lie, for people.
    pub fn place(self) -> &'static str {
        match self {
            Self::Main => "lifeboat.toml",
            Self::Regions => "regions.toml",
            Self::Stores => "stores.toml",
            Self::Workload => "workloads/*.toml",
            Self::Runbook => "runbooks/*.toml",
        }
    }
    pub fn about(self) -> &'static str {
        match self {
            Self::Main => "Name, defaults, policies, people, vault.",
            Self::Regions => "The region map: regions, accounts, other domains, and who keeps which secret.",
            Self::Stores => "Where copies lie.",
            Self::Workload => "One service that recovers as a unit; one file each.",
            Self::Runbook => "One plan; one file each. Text may hold `{{ param }}` and `{{ step.output }}`.",
        }
    }
    /// Its keys, without `schema`, which heads every file.
    pub fn keys(self) -> &'static [KeyDef] {
        match self {
            Self::Main => estate::KEYS,
            Self::Regions => places::REGIONS,
            Self::Stores => places::STORES,
            Self::Workload => workload::KEYS,
            Self::Runbook => runbook::KEYS,
        }
    }
    /// Kinds of id that such a file declares: while one cannot be read, what
    /// refers to them is not called unknown.
    pub fn declares(self) -> &'static [&'static str] {
        match self {
            Self::Main => &["group", "operator", "interlock", "notify", "approval"],
            Self::Regions => &["region", "account", "domain", "key", "secret", "provider", "organisation"],
            Self::Stores => &["store"],
            Self::Workload => &["workload", "asset"],
            Self::Runbook => &["runbook"],
        }
    }
}

/// The newest file format that this build reads.
pub(super) const SCHEMA: i64 = 1;

pub(super) const SCHEMA_KEY: KeyDef =
    KeyDef::required("schema", KeyType::Int(SCHEMA, SCHEMA), "The file format; heads every file.");

const TEXTS: KeyType = KeyType::List(&KeyType::Text);
const SELECTORS: KeyType = KeyType::List(&KeyType::Selector);
const REGIONS: KeyType = KeyType::List(&KeyType::Ref("region"));
