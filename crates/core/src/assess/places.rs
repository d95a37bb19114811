//! Where each thing that a loss may take stands in one row: a loss is an answer
//! for each place, and what was asked of it is a set of places.

use rustc_hash::FxHashMap as HashMap;

use crate::model::*;

/// Made of one estate, and of use with that one alone.
#[derive(Debug, Default)]
pub(crate) struct Places {
    regions: HashMap<RegionId, usize>,
    /// The same, by the address of the id.
    regions_at: HashMap<usize, usize>,
    accounts: HashMap<AccountId, usize>,
    domains: HashMap<DomainId, usize>,
    stores: HashMap<StoreId, usize>,
    /// How many things have a place: regions, accounts, domains, stores, then
    /// keys and secrets.
    things: usize,
    stores_from: usize,
    secrets_from: usize,
    secrets: usize,
}

/// What is asked of a loss besides how one thing is hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Besides {
    /// What was selected, thing by thing.
    Selected,
    /// Only of which kinds it is.
    Kinds,
    Assets,
    CleanBefore,
    /// How much is restored from a store at once: it follows from the loss.
    Loads,
}

impl Places {
    pub fn of(estate: &Estate) -> Self {
        let mut next = 0;
        let mut place = || {
            next += 1;
            next - 1
        };
        let regions: HashMap<RegionId, usize> =
            estate.regions.iter().map(|r| (r.id.clone(), place())).collect();
        let regions_at = regions.iter().map(|(id, place)| (id.address(), *place)).collect();
        let accounts = estate.accounts.iter().map(|a| (a.id.clone(), place())).collect();
        let domains = estate.domains.iter().map(|d| (d.id.clone(), place())).collect();
        let stores_from = place();
        let stores = estate.stores.iter().enumerate().map(|(n, s)| (s.id.clone(), n)).collect();
        let secrets_from = stores_from + estate.stores.len();
        let secrets = estate.keys.len() + estate.secrets.len();
        Self {
            regions,
            regions_at,
            accounts,
            domains,
            stores,
            things: secrets_from + secrets,
            stores_from,
            secrets_from,
            secrets,
        }
    }

    /// The same as its place in the estate.
    pub fn region(&self, id: &RegionId) -> Option<usize> {
        self.regions_at.get(&id.address()).copied()
    }
    pub fn region_named(&self, id: &str) -> Option<usize> {
        self.regions.get(id).copied()
    }
    pub fn account(&self, id: &str) -> Option<usize> {
        self.accounts.get(id).copied()
    }
    pub fn domain(&self, id: &str) -> Option<usize> {
        self.domains.get(id).copied()
    }
    pub fn store(&self, id: &str) -> Option<usize> {
        self.stores.get(id).and_then(|n| self.store_at(*n))
    }
    /// Of a store, by its place in the estate.
    pub fn store_at(&self, n: usize) -> Option<usize> {
        Some(self.stores_from + n).filter(|place| *place < self.secrets_from)
    }
    /// Keys, then secrets.
    pub fn secret_at(&self, n: usize) -> Option<usize> {
        (n < self.secrets).then_some(self.secrets_from + n)
    }
    pub fn things(&self) -> usize {
        self.things
    }
    /// All places of stores.
    pub fn stores(&self) -> std::ops::Range<usize> {
        self.stores_from..self.secrets_from
    }
    /// Whether a store is turned against us is asked apart from whether it is
    /// there: a set of what was asked has a place for each.
    pub fn turned(&self, store: usize) -> usize {
        self.things + store - self.stores_from
    }
    pub fn besides(&self, what: Besides) -> usize {
        self.things + self.stores().len() + what as usize
    }
    /// How long a set of places is, in words of 64.
    pub fn words(&self) -> usize {
        self.besides(Besides::Loads) / 64 + 1
    }
}
