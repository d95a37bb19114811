//! What judging one workload looks at, and what it asks of all of them.

use rustc_hash::FxHashMap as HashMap;

use super::asset::AssetFacts;
use super::candidate::Objectives;
use super::domains::{Lost, Modes};
use super::sources::home;
use super::workload::Facts;
use super::{Cx, RegionView};
use crate::model::*;

pub(crate) struct Bench<'j, 'a> {
    pub cx: &'j Cx<'a>,
    pub facts: &'j [Facts<'a>],
    pub regions: &'j [RegionView],
    /// Bytes that are restored from each store at once, where that was counted.
    pub loads: &'j HashMap<StoreId, u64>,
}

impl<'j, 'a> Bench<'j, 'a> {
    pub fn region(&self, id: &RegionId) -> Option<&'j RegionView> {
        self.cx.ground.region(id).map(|n| &self.regions[n])
    }

    /// Whether what it serves from, or an asset that it requires, is hit so that
    /// it cannot go on.
    pub fn stops(&self, facts: &Facts, lost: &Lost) -> bool {
        facts.serving.is_empty()
            || home(facts, lost).stops()
            || facts.assets.iter().any(|a| a.asset.required && self.asset_stops(facts, a, lost))
    }

    /// Of an asset that another workload owns: it goes with that one's home.
    pub fn asset_stops(&self, facts: &Facts, asset: &AssetFacts, lost: &Lost) -> bool {
        let owner = &self.facts[asset.on.owner.0];
        let used = owner.place != facts.place && home(owner, lost).stops();
        used || lost.asset(&asset.owner.id, &asset.asset.id).stops()
    }

    /// Whether something that a step relies on cannot be relied on.
    pub fn taken(&self, on: &Selector, lost: &Lost) -> bool {
        let hit = lost.hit(on);
        let owner = || {
            let (w, _) = self.cx.ground.place(self.cx.estate, &on.id)?;
            Some(home(&self.facts[w], lost))
        };
        let owner = if on.kind == DomainKind::Asset { owner() } else { None };
        let hit = hit.and(owner.unwrap_or_default());
        hit.stops() || hit.has(Modes::IMPAIRED)
    }

    /// The kinds and modes of the domains whose loss alone would stop it.
    pub fn against(&self, facts: &Facts, lost: &Lost) -> Vec<(DomainKind, LossMode)> {
        let singles = lost.singles(self.cx.estate).iter();
        let stop = singles.filter(|(_, _, alone)| self.stops(facts, alone));
        stop.map(|(kind, mode, _)| (*kind, *mode)).collect()
    }

    /// The strictest of the objectives for what stops it.
    pub fn objectives(&self, facts: &Facts, lost: &Lost) -> Objectives {
        if facts.workload.objectives.is_empty() {
            return Objectives { rpo: facts.rpo, rto: facts.rto };
        }
        let each = self.against(facts, lost).into_iter();
        let each = each.map(|(kind, mode)| self.cx.estate.objective(facts.workload, kind, mode));
        let strict =
            |a: Option<Dur>, b: Option<Dur>| if a.is_none() { b } else { b.map_or(a, |b| a.min(Some(b))) };
        let all = each.reduce(|a, b| (strict(a.0, b.0), strict(a.1, b.1)));
        let (rpo, rto) = all.unwrap_or((facts.rpo, facts.rto));
        Objectives { rpo, rto }
    }

    /// How long a restore of this asset takes where the store's rate was
    /// measured: all that is restored from it at once shares the rate.
    pub fn restore(
        &self,
        lost: &Lost,
        asset: &AssetFacts,
        store: &StoreId,
        summary: &CopySummary,
    ) -> Option<(String, Dur)> {
        let rates = &self.cx.observations.learned.timings.rates;
        lost.by_load();
        let rate = rates.get(store).copied().filter(|r| r.is_finite() && *r > 0.0)?;
        let size = summary.last_good.as_ref().and_then(|p| p.size_bytes)?;
        let bytes = self.loads.get(store).copied().unwrap_or(0).max(size);
        let takes = Dur::from_secs_f64(bytes as f64 / rate)?;
        Some((format!("{}/{}", asset.owner.id, asset.asset.id), takes))
    }
}
