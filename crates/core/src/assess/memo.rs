//! Recoveries that were judged before. A judgement is a function of what it
//! asked of the loss: it holds under every other loss that answers the same, so
//! that a loss which touches nothing of a workload costs a comparison of bits.
//! Only within one look at what was seen, and while `writes_end` is the same.

use std::sync::Arc;

use rustc_hash::FxHashMap as HashMap;
use smallvec::SmallVec;

use super::Judged;
use super::domains::Lost;

/// By the place of the workload: the newest.
#[derive(Default)]
pub(crate) struct Memo {
    found: Vec<Option<Found>>,
    /// What two losses answer differently, by their addresses: both are kept
    /// alive here or by who asks.
    differs: HashMap<(usize, usize), Vec<u64>>,
    kept: Vec<Arc<Lost>>,
    /// Verdicts under the loss that is judged, by the place of the workload: all
    /// `None` in between, so that nobody has to make it anew.
    pub verdicts: Vec<Option<Arc<Judged>>>,
}

struct Found {
    under: Arc<Lost>,
    asked: SmallVec<[u64; 2]>,
    /// Whether how much is restored from each store was known.
    loads: bool,
    judged: Arc<Judged>,
}

impl Memo {
    /// What another one remembers as well: of other workloads.
    pub fn absorb(&mut self, other: Memo) {
        let longer = self.found.len().max(other.found.len());
        self.found.resize_with(longer, || None);
        for (place, found) in other.found.into_iter().enumerate().filter(|(_, found)| found.is_some()) {
            self.found[place] = found;
        }
        self.differs.extend(other.differs);
        self.kept.extend(other.kept);
    }

    /// What was judged of the workload at `place`, where it holds under `lost`.
    pub fn get(&mut self, place: usize, lost: &Arc<Lost>, loads: bool) -> Option<Arc<Judged>> {
        let found = self.found.get(place)?.as_ref()?;
        if loads || found.loads {
            return None;
        }
        let pair = (Arc::as_ptr(&found.under).addr(), Arc::as_ptr(lost).addr());
        let differs = self.differs.entry(pair).or_insert_with(|| {
            self.kept.push(lost.clone());
            found.under.differs(lost)
        });
        let holds = differs.iter().zip(&found.asked).all(|(differs, asked)| differs & asked == 0);
        holds.then(|| found.judged.clone())
    }

    /// `judged` was found under `lost`, by what it was asked since `forget`.
    pub fn put(&mut self, place: usize, lost: &Arc<Lost>, loads: bool, judged: &Arc<Judged>) {
        if self.found.len() <= place {
            self.found.resize_with(place + 1, || None);
        }
        let asked = lost.asked().collect();
        // It is compared by its address, so it must not be given to another.
        if self.kept.last().is_none_or(|last| !Arc::ptr_eq(last, lost)) {
            self.kept.push(lost.clone());
        }
        self.found[place] = Some(Found { under: lost.clone(), asked, loads, judged: judged.clone() });
    }
}
