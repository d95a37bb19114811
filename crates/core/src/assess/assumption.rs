//! What is taken for granted: values that become sentences when they are shown.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::*;

/// What a verdict takes for granted because nobody declared or showed it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "that")]
pub enum Assumption {
    RegionWorks {
        region: RegionId,
    },
    AnyLoss,
    /// `active_when` was not seen of late.
    StillServes {
        region: RegionId,
    },
    StoreRegion {
        store: StoreId,
    },
    StoreAccount {
        store: StoreId,
    },
    SecretPlace {
        secret: KeyId,
    },
    /// The operator has it at hand: a file, the environment, a command.
    AtHand {
        store: StoreId,
    },
    LockAsDeclared {
        store: StoreId,
    },
    VersionsKept {
        store: StoreId,
    },
    PartPlace {
        store: StoreId,
    },
    ReliesOnNothing {
        runbook: RunbookId,
    },
    Shares,
}

impl fmt::Display for Assumption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RegionWorks { region } => {
                write!(f, "{region} works: nothing is declared that would show it")
            }
            Self::AnyLoss => f.write_str("any loss is tolerated: no RPO is declared"),
            Self::StillServes { region } => {
                write!(f, "it still serves from {region}: that was not seen of late")
            }
            Self::StoreRegion { store } => {
                write!(f, "{store} lies elsewhere: no region is declared for it")
            }
            Self::StoreAccount { store } => {
                write!(f, "{store} belongs to another account: none is declared for it")
            }
            Self::SecretPlace { secret } => {
                write!(f, "{secret} can be had: where it is kept is not declared")
            }
            Self::AtHand { store } => {
                write!(f, "what opens {store} is at hand: it is not declared where that is kept")
            }
            Self::LockAsDeclared { store } => {
                write!(f, "{store} is locked as declared: that was not observed")
            }
            Self::VersionsKept { store } => write!(f, "{store} keeps versions from before the damage"),
            Self::PartPlace { store } => {
                write!(f, "all parts of the copy in {store} survive: where some lie is not declared")
            }
            Self::ReliesOnNothing { runbook } => {
                write!(f, "the runbook {runbook} relies on nothing that is lost: it declares nothing")
            }
            Self::Shares => f.write_str("what is left carries the whole: no shares are declared"),
        }
    }
}
