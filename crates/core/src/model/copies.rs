//! What was seen of copies. There are thousands, and an assessment asks the
//! same few figures of each: those of one asset lie side by side, and the rest
//! of what was seen behind them.

use std::collections::{BTreeMap, btree_map};
use std::sync::Arc;

use super::{AssetId, CopyKey, CopySummary, Millis, Observed, PointState, WorkloadId, observed::Age};

/// The last look at one copy, and what has happened since.
pub type SeenCopy = Observed<Arc<CopySummary>>;

/// The little that decides about most copies.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Brief {
    pub age: Age,
    /// The instant of the last good point; of no meaning where none is usable.
    pub good: Millis,
    pub usable: bool,
    /// There is nothing to say of it: no trouble, gap or note.
    pub plain: bool,
    /// It keeps points that are not simply usable.
    pub others: bool,
}

impl Brief {
    fn of(seen: &SeenCopy) -> Self {
        let Some(last) = seen.last() else { return Self { age: seen.age(), ..Self::default() } };
        let summary = &last.value;
        let good = summary.last_good.as_ref().map(|p| p.at.timestamp_millis());
        Self {
            age: seen.age(),
            good: good.unwrap_or_default(),
            usable: good.is_some(),
            plain: summary.newest_trouble.is_none() && summary.gaps.is_empty() && summary.notes.is_empty(),
            others: summary.kept.iter().any(|k| k.state != PointState::Usable),
        }
    }
}

/// What is asked of all copies of an asset together.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct CopyTally {
    /// How many were seen, and how many of these have a usable point.
    pub seen: usize,
    pub usable: usize,
    /// The place of the one that was seen longest ago.
    pub oldest: Option<usize>,
    /// The place of the one whose good point is the newest; of equals the last.
    pub newest: Option<usize>,
}

impl CopyTally {
    fn of(briefs: &[Brief]) -> Self {
        let seen = || briefs.iter().enumerate().filter(|(_, b)| b.age.is_seen());
        let usable = || seen().filter(|(_, b)| b.usable);
        Self {
            seen: seen().count(),
            usable: usable().count(),
            oldest: seen().min_by_key(|(_, b)| b.age.at()).map(|(index, _)| index),
            newest: usable().max_by_key(|(_, b)| b.good).map(|(index, _)| index),
        }
    }
}

/// What was seen of the copies of one asset, each at its place in the estate
/// file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SeenAsset {
    briefs: Vec<Brief>,
    tally: CopyTally,
    whole: Vec<Option<Arc<SeenCopy>>>,
}

impl SeenAsset {
    /// By place; what lies beyond its end was never asked for.
    pub fn briefs(&self) -> &[Brief] {
        &self.briefs
    }
    /// Of its first copies, as many as are declared.
    pub fn tally(&self, declared: usize) -> CopyTally {
        match self.briefs.get(..declared) {
            Some(first) if declared < self.briefs.len() => CopyTally::of(first),
            _ => self.tally,
        }
    }
    pub fn get(&self, index: usize) -> Option<&SeenCopy> {
        self.whole.get(index)?.as_deref()
    }
    fn put(&mut self, index: usize, seen: Arc<SeenCopy>) {
        if self.whole.len() <= index {
            self.whole.resize(index + 1, None);
            self.briefs.resize(index + 1, Brief::default());
        }
        self.set(index, Some(seen));
    }
    fn set(&mut self, index: usize, seen: Option<Arc<SeenCopy>>) {
        self.briefs[index] = seen.as_deref().map(Brief::of).unwrap_or_default();
        self.whole[index] = seen;
        self.tally = CopyTally::of(&self.briefs);
    }
    fn is_empty(&self) -> bool {
        self.whole.iter().all(Option::is_none)
    }
}

/// Of all copies. Cheap to clone; a change copies what was seen of one asset.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SeenCopies {
    of: BTreeMap<(WorkloadId, AssetId), Arc<SeenAsset>>,
}

impl SeenCopies {
    pub fn get(&self, key: &CopyKey) -> Option<&SeenCopy> {
        self.of.get(&(key.workload.clone(), key.asset.clone()))?.get(key.index)
    }
    pub fn insert(&mut self, key: CopyKey, seen: impl Into<Arc<SeenCopy>>) {
        let asset = self.of.entry((key.workload, key.asset)).or_default();
        Arc::make_mut(asset).put(key.index, seen.into());
    }
    /// Changes what was seen of a copy that is known.
    pub fn update(&mut self, key: &CopyKey, change: impl FnOnce(&mut SeenCopy)) {
        let Some(asset) = self.of.get_mut(&(key.workload.clone(), key.asset.clone())) else { return };
        let asset = Arc::make_mut(asset);
        if let Some(mut seen) = asset.whole.get_mut(key.index).and_then(Option::take) {
            change(Arc::make_mut(&mut seen));
            asset.set(key.index, Some(seen));
        }
    }
    /// By workload and asset.
    pub fn assets(&self) -> btree_map::Iter<'_, (WorkloadId, AssetId), Arc<SeenAsset>> {
        self.of.iter()
    }
    pub fn iter(&self) -> impl Iterator<Item = (CopyKey, &SeenCopy)> {
        self.of.iter().flat_map(|((workload, asset), seen)| {
            let key = |index| CopyKey { workload: workload.clone(), asset: asset.clone(), index };
            let all = seen.whole.iter().enumerate();
            all.filter_map(move |(index, seen)| Some((key(index), seen.as_deref()?)))
        })
    }
    pub fn values(&self) -> impl Iterator<Item = &SeenCopy> {
        self.of.values().flat_map(|asset| asset.whole.iter().flatten().map(|seen| &**seen))
    }
    pub fn retain(&mut self, keeps: impl Fn(&CopyKey) -> bool) {
        for ((workload, asset), seen) in &mut self.of {
            let seen = Arc::make_mut(seen);
            for index in 0..seen.whole.len() {
                if !keeps(&CopyKey { workload: workload.clone(), asset: asset.clone(), index }) {
                    seen.set(index, None);
                }
            }
        }
        self.of.retain(|_, seen| !seen.is_empty());
    }
    pub fn clear(&mut self) {
        self.of.clear();
    }
    pub fn is_empty(&self) -> bool {
        self.of.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Code, Dur, Problem, Time};

    fn key(asset: &str, index: usize) -> CopyKey {
        CopyKey { workload: "w".into(), asset: asset.into(), index }
    }

    #[test]
    fn figures_and_what_lies_behind_them_change_together() {
        let every = Dur::secs(10);
        let mut seen = SeenCopies::default();
        seen.insert(key("b", 2), Observed::never(every));
        seen.insert(key("a", 0), Observed::never(every));
        let before = seen.clone();
        seen.update(&key("b", 2), |copy| copy.succeed(CopySummary::default().into(), Time::UNIX_EPOCH));
        seen.update(&key("b", 1), |_| panic!("nobody asked for it"));
        let of_b = |seen: &SeenCopies| seen.assets().last().unwrap().1.briefs().to_vec();
        assert_eq!(of_b(&before), [Brief::default(); 3]);
        assert_eq!(of_b(&seen)[2], Brief::of(seen.get(&key("b", 2)).unwrap()));
        assert!(of_b(&seen)[2].plain && !of_b(&seen)[2].usable);
        let problem = Problem::new(Code::STORE_TIMEOUT, "s");
        seen.update(&key("b", 2), |copy| copy.fail(problem, Time::UNIX_EPOCH));
        assert_ne!(of_b(&seen)[2].age, of_b(&before)[2].age);
        let tally = |of: &SeenCopies, declared| of.assets().last().unwrap().1.tally(declared);
        assert_eq!(tally(&before, 3), CopyTally::default());
        assert_eq!((tally(&seen, 3).seen, tally(&seen, 3).oldest), (1, Some(2)));
        assert_eq!(tally(&seen, 2), CopyTally::default(), "what is not declared does not count");
        assert_eq!(seen.iter().map(|(key, _)| key).collect::<Vec<_>>(), [key("a", 0), key("b", 2)]);
        seen.retain(|key| key.index == 0);
        assert_eq!((seen.values().count(), seen.assets().count()), (1, 1));
    }
}
