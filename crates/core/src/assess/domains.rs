//! Which things a scenario takes, and how: the closure over domains that share
//! fate.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use rustc_hash::FxHashMap as HashMap;

use super::places::{Besides, Places};
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
    /// Of a store: somebody may have changed or deleted what lies in it. One that
    /// is gone, or cannot be asked for anything new, is not turned.
    fn turned(self) -> Modes {
        Modes(self.0 & (4 | 8 | 16))
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

/// What is lost, as one answer for each thing of the estate, and a note of what
/// was asked: a judgement holds under every loss that answers the same.
#[derive(Debug)]
pub(crate) struct Lost {
    places: Arc<Places>,
    /// As selected; a domain may be named twice, in different modes.
    selected: Vec<(Selector, Modes)>,
    clean_before: Option<Millis>,
    /// By place.
    hits: Vec<Modes>,
    assets: HashMap<String, Modes>,
    singles: OnceLock<Vec<(DomainKind, LossMode, Lost)>>,
    /// What was asked since `forget`. Atomic so that it may be shared; noted
    /// whole only where one thread asks.
    asked: Vec<AtomicU64>,
}

impl Lost {
    pub fn of(estate: &Estate, places: &Arc<Places>, scenario: &Scenario) -> Self {
        let selected = scenario.lost.iter().map(|(s, mode)| (s.clone(), Modes::of(*mode))).collect();
        let clean_before = scenario.clean_before.map(|at| at.timestamp_millis());
        Self::closure(estate, places, selected, clean_before)
    }

    /// This loss, and these regions gone as well.
    pub fn and(&self, estate: &Estate, regions: &[RegionId]) -> Self {
        let mut selected = self.selected.clone();
        selected.extend(regions.iter().map(|r| (Selector::region(r), Modes::GONE)));
        Self::closure(estate, &self.places, selected, self.clean_before)
    }

    fn closure(
        estate: &Estate,
        places: &Arc<Places>,
        selected: Vec<(Selector, Modes)>,
        clean_before: Option<Millis>,
    ) -> Self {
        let assets = selected.iter().filter(|(s, _)| s.kind == DomainKind::Asset);
        let mut lost = Self {
            assets: assets.map(|(s, modes)| (s.id.clone(), *modes)).collect(),
            places: places.clone(),
            selected,
            clean_before,
            hits: vec![Modes::NONE; places.things()],
            singles: OnceLock::new(),
            asked: (0..places.words()).map(|_| AtomicU64::new(0)).collect(),
        };
        for account in &estate.accounts {
            let organisation = account.organisation.as_deref();
            let modes = lost.selected(DomainKind::Account, account.id.as_str());
            let modes = modes.and(lost.selected_if(DomainKind::Organisation, organisation));
            let modes = modes.and(lost.selected_if(DomainKind::Provider, account.provider.as_deref()));
            lost.put(places.account(account.id.as_str()), modes);
        }
        // A fixpoint, since domains may lie in domains, regions and stores.
        while lost.spread(estate) {}
        for (n, secret) in estate.keys.iter().chain(&estate.secrets).enumerate() {
            let modes = if lost.secret_lost(secret) { Modes::GONE } else { Modes::NONE };
            lost.put(places.secret_at(n), modes);
        }
        lost
    }

    /// One round; whether it found more.
    fn spread(&mut self, estate: &Estate) -> bool {
        let mut more = false;
        let places = self.places.clone();
        for d in &estate.domains {
            let within: Modes = d.within.iter().map(|s| self.hit(s)).sum();
            let modes = self.selected(DomainKind::Domain, d.id.as_str()).and(within);
            more |= self.put(places.domain(d.id.as_str()), modes);
        }
        for (n, r) in estate.regions.iter().enumerate() {
            let modes = self.selected(DomainKind::Region, r.id.as_str()).and(self.of_domains(&r.domains));
            let modes = modes.and(self.selected_if(DomainKind::Provider, r.provider.as_deref()));
            more |= self.put(Some(n), modes);
        }
        for (n, s) in estate.stores.iter().enumerate() {
            let region = s.region.as_ref().map_or(Modes::NONE, |r| self.region(r));
            let modes = self.selected(DomainKind::Store, s.id.as_str()).and(region);
            let modes = modes.and(self.account(s.account.as_ref())).and(self.of_domains(&s.domains));
            let modes = if self.may_delete(s) { modes.and(Modes::DELETABLE) } else { modes };
            more |= self.put(places.store_at(n), modes);
        }
        more
    }

    /// Whether that changed anything.
    fn put(&mut self, place: Option<usize>, modes: Modes) -> bool {
        let Some(at) = place.and_then(|n| self.hits.get_mut(n)) else { return false };
        std::mem::replace(at, modes) != modes
    }

    fn selected(&self, kind: DomainKind, id: &str) -> Modes {
        let named = self.selected.iter().filter(|(s, _)| s.kind == kind && s.id == id);
        named.map(|(_, modes)| *modes).sum()
    }
    fn selected_if(&self, kind: DomainKind, id: Option<&str>) -> Modes {
        id.map_or(Modes::NONE, |id| self.selected(kind, id))
    }
    fn of_domains(&self, domains: &[DomainId]) -> Modes {
        domains.iter().map(|d| self.at(self.places.domain(d.as_str()))).sum()
    }
    /// Whether an account that may delete from the store, or a role of it
    /// (`ACCOUNT/ROLE`), is compromised.
    fn may_delete(&self, store: &Store) -> bool {
        let account = |who: &String| {
            let who = who.strip_prefix("account:").unwrap_or(who);
            who.split('/').next().map_or(Modes::NONE, |id| self.at(self.places.account(id)))
        };
        store.deletable_by.iter().map(account).sum::<Modes>().has(Modes::COMPROMISED)
    }
    /// Lost when all that hold it are; what is kept nowhere is not known to be.
    fn secret_lost(&self, secret: &KeptSecret) -> bool {
        !secret.kept_in.is_empty() && secret.kept_in.iter().all(|s| self.hit(s).stops())
    }

    fn ask(&self, place: usize) {
        let word = &self.asked[place / 64];
        word.store(word.load(Ordering::Relaxed) | 1 << (place % 64), Ordering::Relaxed);
    }
    /// By its place among all things; what is not declared is not hit.
    pub fn at(&self, place: Option<usize>) -> Modes {
        let Some(place) = place else { return Modes::NONE };
        self.ask(place);
        self.hits[place]
    }

    pub fn hit(&self, selector: &Selector) -> Modes {
        let id = selector.id.as_str();
        match selector.kind {
            DomainKind::Region => self.at(self.places.region_named(id)),
            DomainKind::Account => self.at(self.places.account(id)),
            DomainKind::Domain => self.at(self.places.domain(id)),
            DomainKind::Store => self.at(self.places.store(id)),
            DomainKind::Asset => self.of_assets(|| id),
            DomainKind::Provider | DomainKind::Organisation => {
                self.ask(self.places.besides(Besides::Selected));
                self.selected(selector.kind, id)
            }
        }
    }
    pub fn region(&self, id: &RegionId) -> Modes {
        self.at(self.places.region(id))
    }
    /// By its place among all things.
    pub fn store(&self, place: Option<u32>) -> Modes {
        self.at(place.map(|place| place as usize))
    }
    /// Whether what is in this place stops, without a note that it was asked.
    pub fn takes(&self, place: Option<u32>) -> bool {
        place.is_some_and(|place| self.hits[place as usize].stops())
    }
    /// Whether what lies in the store may not be what was put there.
    pub fn turns(&self, store: Option<u32>) -> bool {
        let Some(place) = store.map(|place| place as usize) else { return false };
        self.ask(self.places.turned(place));
        !self.hits[place].turned().is_none()
    }
    pub fn account(&self, id: Option<&AccountId>) -> Modes {
        self.at(id.and_then(|id| self.places.account(id.as_str())))
    }
    pub fn secret(&self, place: usize) -> bool {
        !self.at(self.places.secret_at(place)).is_none()
    }
    pub fn asset(&self, workload: &WorkloadId, asset: &AssetId) -> Modes {
        self.of_assets(|| format!("{workload}/{asset}"))
    }
    fn of_assets<S: AsRef<str>>(&self, id: impl FnOnce() -> S) -> Modes {
        self.ask(self.places.besides(Besides::Assets));
        if self.assets.is_empty() {
            return Modes::NONE;
        }
        self.assets.get(id().as_ref()).copied().unwrap_or_default()
    }
    /// Each selected domain as if it alone were lost, with its kind and mode.
    pub fn singles(&self, estate: &Estate) -> &[(DomainKind, LossMode, Lost)] {
        self.ask(self.places.besides(Besides::Selected));
        self.singles.get_or_init(|| {
            let single = |(selector, modes): &(Selector, Modes)| {
                let mode = modes.worst()?;
                let alone = vec![(selector.clone(), *modes)];
                Some((selector.kind, mode, Self::closure(estate, &self.places, alone, self.clean_before)))
            };
            self.selected.iter().filter_map(single).collect()
        })
    }
    pub fn clean_before(&self) -> Option<Millis> {
        self.ask(self.places.besides(Besides::CleanBefore));
        self.clean_before
    }
    /// Whether the loss is of this kind of domain.
    pub fn of_kind(&self, kinds: &[DomainKind]) -> bool {
        self.ask(self.places.besides(Besides::Kinds));
        self.selected.iter().any(|(s, _)| kinds.contains(&s.kind))
    }
    /// Notes that what was found rests on how much else is restored.
    pub fn by_load(&self) {
        self.ask(self.places.besides(Besides::Loads));
    }
    /// Whether most of the vault's stores go with it.
    pub fn vault(&self, estate: &Estate) -> bool {
        let Some(vault) = estate.vault.as_ref().filter(|v| !v.stores.is_empty()) else { return false };
        let hit = |id: &&StoreId| self.at(self.places.store(id.as_str())).stops();
        let lost = vault.stores.iter().filter(hit).count();
        // What is left of it can no longer outvote what is gone.
        lost * 2 >= vault.stores.len()
    }

    /// Begins a new note of what is asked.
    pub fn forget(&self) {
        self.asked.iter().for_each(|word| word.store(0, Ordering::Relaxed));
    }
    /// What was asked since.
    pub fn asked(&self) -> impl Iterator<Item = u64> {
        self.asked.iter().map(|word| word.load(Ordering::Relaxed))
    }

    /// What two losses answer differently, as a set of places; of how much is
    /// restored at once, only the caller knows.
    pub fn differs(&self, other: &Lost) -> Vec<u64> {
        let places = &self.places;
        let mut set = vec![0; places.words()];
        let mut differs = |place: usize| set[place / 64] |= 1 << (place % 64);
        for (n, (a, b)) in self.hits.iter().zip(&other.hits).enumerate().filter(|(_, (a, b))| a != b) {
            differs(n);
            if places.stores().contains(&n) && a.turned() != b.turned() {
                differs(places.turned(n));
            }
        }
        let kinds = |lost: &Lost| lost.selected.iter().fold(0u32, |all, (s, _)| all | 1 << s.kind as u32);
        let besides = [
            (Besides::Selected, self.selected != other.selected),
            (Besides::Kinds, kinds(self) != kinds(other)),
            (Besides::Assets, self.assets != other.assets),
            (Besides::CleanBefore, self.clean_before != other.clean_before),
        ];
        besides.into_iter().filter(|(_, unlike)| *unlike).for_each(|(what, _)| differs(places.besides(what)));
        set
    }
}
