//! Checks of the estate as a whole.

use std::collections::BTreeSet;

use super::{Look, Wrong};
use crate::model::*;

/// Stores that nobody keeps anything in: paid for, or forgotten.
pub fn no_orphans(look: &Look) -> Vec<Wrong> {
    let used: BTreeSet<_> = look.used.iter().map(|s| &s.id).collect();
    let vault: BTreeSet<_> = look.estate.vault.iter().flat_map(|v| &v.stores).collect();
    let orphans = look.estate.stores.iter().filter(|s| !used.contains(&s.id) && !vault.contains(&s.id));
    orphans.map(|s| Wrong::new(format!("store:{}", s.id), "no workload keeps a copy in it")).collect()
}

/// A secret that a recovery needs is tried before it is needed.
pub fn secrets_watched(look: &Look) -> Vec<Wrong> {
    let all = look.estate.keys.iter().chain(&look.estate.secrets);
    let unwatched = all.filter(|kept| kept.probe.is_none());
    let wrong = |kept: &KeptSecret| {
        let message = "nothing tries whether it can be read from a standby with the recovery identity";
        Wrong::new(format!("secret:{}", kept.id), message).unseen()
    };
    unwatched.map(wrong).collect()
}

/// The journal of a recovery survives what it recovers from.
pub fn vault_spread(look: &Look) -> Vec<Wrong> {
    let Some(vault) = &look.estate.vault else {
        return vec![Wrong::new("vault", "there is no vault: the journal of a run lies on one machine")];
    };
    match vault.stores.len() {
        0..=2 => vec![
            Wrong::new("vault", "its journal lies in too few stores for a majority to survive")
                .but(vault.stores.len(), "at least 3"),
        ],
        _ => Vec::new(),
    }
}
