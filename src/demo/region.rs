//! The three regions, and the small services that stand beside the orders.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A region of the demo. Orders live in Ireland and stand by in Frankfurt;
/// Virginia, outside both, holds backups, the switch and the customers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Region {
    #[serde(rename = "eu-west-1")]
    Ireland,
    #[serde(rename = "eu-central-1")]
    Frankfurt,
    #[serde(rename = "us-east-1")]
    Virginia,
}

impl Region {
    pub const ALL: [Region; 3] = [Self::Ireland, Self::Frankfurt, Self::Virginia];
    /// Those that run a node of the orders service.
    pub const NODES: [Region; 2] = [Self::Ireland, Self::Frankfurt];

    pub fn id(self) -> &'static str {
        match self {
            Self::Ireland => "eu-west-1",
            Self::Frankfurt => "eu-central-1",
            Self::Virginia => "us-east-1",
        }
    }
    pub fn name(self) -> &'static str {
        match self {
            Self::Ireland => "Ireland",
            Self::Frankfurt => "Frankfurt",
            Self::Virginia => "Virginia",
        }
    }
    /// The name of its bucket.
    pub fn bucket(self) -> &'static str {
        match self {
            Self::Ireland => "northwind-ireland",
            Self::Frankfurt => "northwind-frankfurt",
            Self::Virginia => "northwind-virginia",
        }
    }
    /// The file below `secrets/` with its store's keys.
    pub fn secret(self) -> &'static str {
        match self {
            Self::Ireland => "dub.json",
            Self::Frankfurt => "fra.json",
            Self::Virginia => "iad.json",
        }
    }
    pub(super) fn index(self) -> usize {
        self as usize
    }
}

impl FromStr for Region {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let ids = || Self::ALL.map(Self::id).join(", ");
        Self::ALL.into_iter().find(|r| r.id() == text).ok_or_else(|| format!("the regions are {}", ids()))
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.id())
    }
}

/// Services that only answer for their health: name, where they run.
pub(super) const SIDE_SERVICES: &[(&str, &[Region])] = &[
    ("checkout", &[Region::Ireland, Region::Frankfurt]),
    ("catalogue", &[Region::Ireland, Region::Frankfurt]),
    ("media", &[Region::Ireland]),
    ("search", &[Region::Ireland, Region::Frankfurt]),
    ("reports", &[Region::Virginia, Region::Frankfurt]),
    ("wiki", &[Region::Ireland]),
];
