//! Which things a scenario takes, and how: the closure over domains that share
//! fate.

use std::cell::OnceCell;

use rustc_hash::FxHashMap as HashMap;

use crate::model::*;

/// In which modes something is hit: several domains may hit it at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Modes(u8);

impl Modes {
    pub const NONE: Modes = Modes(0);
    pub const IMPAIRED: Modes = Modes(1);
    pub const GONE: Modes = Modes(2);
    pub const CORRUPTED: Modes = Modes(4);
    pub const COMPROMISED: Modes = Modes(8);
    /// Of a store: an account that may delete from it is compromised.
    pub const DELETABLE: Modes = Modes(16);

    pub fn of(mode: LossMode) -> Self {
        match mode {
            LossMode::Impaired => Self::IMPAIRED,
            LossMode::Gone => Self::GONE,
            LossMode::Corrupted => Self::CORRUPTED,
            LossMode::Compromised => Self::COMPROMISED,
        }
    }
    pub fn and(self, other: Modes) -> Self {
        Modes(self.0 | other.0)
    }
    pub fn is_none(self) -> bool {
        self.0 == 0
    }
    pub fn has(self, any_of: Modes) -> bool {
        self.0 & any_of.0 != 0
    }
    /// Whether what runs in it stops or is not to be believed.
    pub fn stops(self) -> bool {
        self.has(Modes(2 | 4 | 8))
    }
    /// Whether its data is bad, and with it whatever follows that data.
    pub fn damages(self) -> bool {
        self.has(Modes(4 | 8))
    }
    /// The one that says most, in words.
    pub fn worst(self) -> Option<LossMode> {
        let rank = [LossMode::Gone, LossMode::Compromised, LossMode::Corrupted, LossMode::Impaired];
        rank.into_iter().find(|m| self.has(Self::of(*m)))
    }
}

impl std::iter::Sum for Modes {
    fn sum<I: Iterator<Item = Modes>>(all: I) -> Modes {
        all.fold(Modes::NONE, Modes::and)
    }
}

/// What is lost, as sets to ask. What is not in them is not hit.
#[derive(Debug, Default)]
pub(crate) struct Lost {
    /// As selected; a domain may be named twice, in different modes.
    selected: Vec<(Selector, Modes)>,
    clean_before: Option<Millis>,
    regions: HashMap<RegionId, Modes>,
    accounts: HashMap<AccountId, Modes>,
    domains: HashMap<DomainId, Modes>,
    /// By their place in the estate: asked of every copy several times.
    stores: Vec<Modes>,
    /// By place: keys, then secrets.
    secrets: Vec<bool>,
    assets: HashMap<String, Modes>,
    singles: OnceCell<Vec<(DomainKind, LossMode, Lost)>>,
}

impl Lost {
    pub fn of(estate: &Estate, scenario: &Scenario) -> Self {
        let selected = scenario.lost.iter().map(|(s, mode)| (s.clone(), Modes::of(*mode))).collect();
        Self::closure(estate, selected, scenario.clean_before.map(|at| at.timestamp_millis()))
    }

    /// This loss, and these regions gone as well.
    pub fn and(&self, estate: &Estate, regions: &[RegionId]) -> Self {
        let mut selected = self.selected.clone();
        selected.extend(regions.iter().map(|r| (Selector::region(r), Modes::GONE)));
        Self::closure(estate, selected, self.clean_before)
    }

    fn closure(estate: &Estate, selected: Vec<(Selector, Modes)>, clean_before: Option<Millis>) -> Self {
        let mut lost = Self {
            selected,
            clean_before,
            stores: vec![Modes::NONE; estate.stores.len()],
            ..Self::default()
        };
        for account in &estate.accounts {
            let organisation = account.organisation.as_deref();
            let modes = lost.selected(DomainKind::Account, account.id.as_str());
            let modes = modes.and(lost.selected_if(DomainKind::Organisation, organisation));
            let modes = modes.and(lost.selected_if(DomainKind::Provider, account.provider.as_deref()));
            put(&mut lost.accounts, &account.id, modes);
        }
        for (selector, modes) in lost.selected.iter().filter(|(s, _)| s.kind == DomainKind::Asset) {
            lost.assets.insert(selector.id.clone(), *modes);
        }
        // A fixpoint, since domains may lie in domains, regions and stores.
        while lost.spread(estate) {}
        lost.secrets =
            estate.keys.iter().chain(&estate.secrets).map(|s| lost.secret_lost(estate, s)).collect();
        lost
    }

    /// One round; whether it found more.
    fn spread(&mut self, estate: &Estate) -> bool {
        let mut more = false;
        for d in &estate.domains {
            let within: Modes = d.within.iter().map(|s| self.hit(estate, s)).sum();
            let modes = self.selected(DomainKind::Domain, d.id.as_str()).and(within);
            more |= put(&mut self.domains, &d.id, modes);
        }
        for r in &estate.regions {
            let modes = self.selected(DomainKind::Region, r.id.as_str()).and(self.of_domains(&r.domains));
            let modes = modes.and(self.selected_if(DomainKind::Provider, r.provider.as_deref()));
            more |= put(&mut self.regions, &r.id, modes);
        }
        for (n, s) in estate.stores.iter().enumerate() {
            let region = s.region.as_ref().map_or(Modes::NONE, |r| self.region(r));
            let modes = self.selected(DomainKind::Store, s.id.as_str()).and(region);
            let modes = modes.and(self.account(s.account.as_ref())).and(self.of_domains(&s.domains));
            let modes = if self.may_delete(s) { modes.and(Modes::DELETABLE) } else { modes };
            more |= self.stores[n] != modes;
            self.stores[n] = modes;
        }
        more
    }

    fn selected(&self, kind: DomainKind, id: &str) -> Modes {
        let named = self.selected.iter().filter(|(s, _)| s.kind == kind && s.id == id);
        named.map(|(_, modes)| *modes).sum()
    }
    fn selected_if(&self, kind: DomainKind, id: Option<&str>) -> Modes {
        id.map_or(Modes::NONE, |id| self.selected(kind, id))
    }
    fn of_domains(&self, domains: &[DomainId]) -> Modes {
        domains.iter().filter_map(|d| self.domains.get(d)).copied().sum()
    }
    /// Whether an account that may delete from the store, or a role of it
    /// (`ACCOUNT/ROLE`), is compromised.
    fn may_delete(&self, store: &Store) -> bool {
        let account = |who: &String| {
            let who = who.strip_prefix("account:").unwrap_or(who);
            who.split('/').next().and_then(|id| self.accounts.get(id)).copied().unwrap_or_default()
        };
        store.deletable_by.iter().map(account).sum::<Modes>().has(Modes::COMPROMISED)
    }
    /// Lost when all that hold it are; what is kept nowhere is not known to be.
    fn secret_lost(&self, estate: &Estate, secret: &KeptSecret) -> bool {
        !secret.kept_in.is_empty() && secret.kept_in.iter().all(|s| self.hit(estate, s).stops())
    }

    pub fn hit(&self, estate: &Estate, selector: &Selector) -> Modes {
        let id = selector.id.as_str();
        match selector.kind {
            DomainKind::Region => self.regions.get(id).copied().unwrap_or_default(),
            DomainKind::Account => self.accounts.get(id).copied().unwrap_or_default(),
            DomainKind::Domain => self.domains.get(id).copied().unwrap_or_default(),
            DomainKind::Asset => self.assets.get(id).copied().unwrap_or_default(),
            DomainKind::Store => self.store(estate.stores.iter().position(|s| s.id == *id)),
            DomainKind::Provider | DomainKind::Organisation => self.selected(selector.kind, id),
        }
    }
    pub fn region(&self, id: &RegionId) -> Modes {
        self.regions.get(id).copied().unwrap_or_default()
    }
    /// By its place in the estate; what is not declared is not hit.
    pub fn store(&self, place: Option<usize>) -> Modes {
        place.and_then(|n| self.stores.get(n)).copied().unwrap_or_default()
    }
    pub fn account(&self, id: Option<&AccountId>) -> Modes {
        id.and_then(|id| self.accounts.get(id)).copied().unwrap_or_default()
    }
    pub fn secret(&self, place: usize) -> bool {
        self.secrets.get(place).is_some_and(|lost| *lost)
    }
    pub fn asset(&self, workload: &WorkloadId, asset: &AssetId) -> Modes {
        if self.assets.is_empty() {
            return Modes::NONE;
        }
        self.assets.get(&format!("{workload}/{asset}")).copied().unwrap_or_default()
    }
    /// Each selected domain as if it alone were lost, with its kind and mode.
    pub fn singles(&self, estate: &Estate) -> &[(DomainKind, LossMode, Lost)] {
        self.singles.get_or_init(|| {
            let single = |(selector, modes): &(Selector, Modes)| {
                let mode = modes.worst()?;
                let alone = vec![(selector.clone(), *modes)];
                Some((selector.kind, mode, Self::closure(estate, alone, self.clean_before)))
            };
            self.selected.iter().filter_map(single).collect()
        })
    }
    pub fn clean_before(&self) -> Option<Millis> {
        self.clean_before
    }
    /// Whether the loss is of this kind of domain.
    pub fn of_kind(&self, kinds: &[DomainKind]) -> bool {
        self.selected.iter().any(|(s, _)| kinds.contains(&s.kind))
    }
    /// Whether most of the vault's stores go with it.
    pub fn vault(&self, estate: &Estate) -> bool {
        let Some(vault) = estate.vault.as_ref().filter(|v| !v.stores.is_empty()) else { return false };
        let place = |id: &StoreId| estate.stores.iter().position(|s| s.id == *id);
        let lost = vault.stores.iter().filter(|id| self.store(place(id)).stops()).count();
        // What is left of it can no longer outvote what is gone.
        lost * 2 >= vault.stores.len()
    }
}

/// Whether that changed anything.
fn put<K: Clone + Eq + std::hash::Hash>(of: &mut HashMap<K, Modes>, id: &K, modes: Modes) -> bool {
    !modes.is_none() && of.insert(id.clone(), modes) != Some(modes)
}
