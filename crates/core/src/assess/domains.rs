//! Which things a scenario takes: the closure over domains that share fate.

use rustc_hash::FxHashSet as HashSet;

use crate::model::*;

/// What is lost, as sets to ask. Modes other than `gone` are kept apart:
/// nothing is claimed about them yet.
#[derive(Debug, Default)]
pub(crate) struct Lost {
    scenario: Scenario,
    regions: HashSet<RegionId>,
    /// By their place in the estate: asked of every copy several times.
    stores: Vec<bool>,
    assets: HashSet<String>,
    accounts: HashSet<AccountId>,
    /// Things touched by a mode that is not judged yet.
    other_modes: Vec<LossMode>,
}

impl Lost {
    pub fn of(estate: &Estate, scenario: &Scenario) -> Self {
        let selected = |kind, id: &str| {
            let selector = Selector { kind, id: id.to_owned() };
            scenario.lost.contains_key(&selector)
        };
        let account = |id: &AccountId| {
            let of = estate.accounts.iter().find(|a| a.id == *id);
            selected(DomainKind::Account, id.as_str())
                || of.is_some_and(|a| {
                    let in_organisation =
                        a.organisation.as_ref().is_some_and(|o| selected(DomainKind::Organisation, o));
                    in_organisation || a.provider.as_ref().is_some_and(|p| selected(DomainKind::Provider, p))
                })
        };
        let region_itself = |r: &Region| {
            selected(DomainKind::Region, r.id.as_str())
                || r.provider.as_ref().is_some_and(|p| selected(DomainKind::Provider, p))
        };
        let domains = lost_domains(estate, scenario, &region_itself);
        let regions: HashSet<_> = estate
            .regions
            .iter()
            .filter(|r| region_itself(r) || r.domains.iter().any(|d| domains.contains(d)))
            .map(|r| r.id.clone())
            .collect();
        let stores = estate.stores.iter().map(|s| {
            selected(DomainKind::Store, s.id.as_str())
                || s.region.as_ref().is_some_and(|r| regions.contains(r))
                || s.account.as_ref().is_some_and(account)
                || s.domains.iter().any(|d| domains.contains(d))
        });
        Self {
            scenario: scenario.clone(),
            stores: stores.collect(),
            accounts: estate.accounts.iter().map(|a| a.id.clone()).filter(account).collect(),
            regions,
            assets: scenario
                .lost
                .keys()
                .filter(|s| s.kind == DomainKind::Asset)
                .map(|s| s.id.clone())
                .collect(),
            other_modes: scenario.lost.values().copied().filter(|m| *m != LossMode::Gone).collect(),
        }
    }

    /// This loss, and these regions as well.
    pub fn and(&self, estate: &Estate, regions: &[RegionId]) -> Self {
        let mut scenario = self.scenario.clone();
        for region in regions {
            scenario.lost.insert(Selector::region(region), LossMode::Gone);
        }
        Self::of(estate, &scenario)
    }

    pub fn region(&self, id: &RegionId) -> bool {
        self.regions.contains(id)
    }
    /// By its place in the estate; what is not declared is not lost.
    pub fn store(&self, place: Option<usize>) -> bool {
        place.and_then(|n| self.stores.get(n)).is_some_and(|lost| *lost)
    }
    pub fn account(&self, id: Option<&AccountId>) -> bool {
        id.is_some_and(|id| self.accounts.contains(id))
    }
    pub fn asset(&self, workload: &WorkloadId, asset: &AssetId) -> bool {
        !self.assets.is_empty() && self.assets.contains(&format!("{workload}/{asset}"))
    }
    pub fn other_mode(&self) -> Option<LossMode> {
        self.other_modes.first().copied()
    }
}

/// Declared domains that are selected, or that lie in something lost; a
/// fixpoint, since domains may lie in domains.
fn lost_domains(
    estate: &Estate,
    scenario: &Scenario,
    region_itself: &impl Fn(&Region) -> bool,
) -> HashSet<DomainId> {
    let mut lost: HashSet<DomainId> = HashSet::default();
    loop {
        let falls = |s: &Selector| match s.kind {
            DomainKind::Domain => lost.iter().any(|d| d == s.id.as_str()),
            DomainKind::Region => estate
                .region(&s.id)
                .is_some_and(|r| region_itself(r) || r.domains.iter().any(|d| lost.contains(d))),
            _ => scenario.lost.contains_key(s),
        };
        let selected = |d: &Domain| {
            let own = Selector { kind: DomainKind::Domain, id: d.id.to_string() };
            scenario.lost.contains_key(&own) || d.within.iter().any(falls)
        };
        let more: Vec<_> = estate
            .domains
            .iter()
            .filter(|d| !lost.contains(&d.id) && selected(d))
            .map(|d| d.id.clone())
            .collect();
        if more.is_empty() {
            return lost;
        }
        lost.extend(more);
    }
}
