//! Work over many workloads, in as many parts as there are threads to do it.
//! The threads stay: to make one for each part, and the memory that it then
//! takes for itself, would cost as much as it saves.

use std::sync::OnceLock;

use rayon_core::{ThreadPool, ThreadPoolBuilder};

/// Below so many, a thread costs more than it does.
const WORTH: usize = 200;

pub(crate) struct Threads {
    many: usize,
    /// All but the one that asks; made when there is first much to do, and
    /// `None` where the system gives none.
    others: OnceLock<Option<ThreadPool>>,
}

impl Threads {
    pub fn new(many: usize) -> Self {
        Self { many, others: OnceLock::new() }
    }

    fn others(&self) -> Option<&ThreadPool> {
        let make = || ThreadPoolBuilder::new().num_threads(self.many - 1).build().ok();
        self.others.get_or_init(make).as_ref()
    }

    /// Hands `items` out in parts, each with the place of its first, and gives
    /// what came of them in their order. A panic in a part is one of the whole.
    pub fn each<T: Send, R: Send>(&self, items: Vec<T>, work: impl Fn(usize, Vec<T>) -> R + Sync) -> Vec<R> {
        self.weighed(items, |_| 1, work)
    }

    /// The same, of items that are more work than others.
    pub fn weighed<T: Send, R: Send>(
        &self,
        mut items: Vec<T>,
        weigh: impl Fn(&T) -> usize,
        work: impl Fn(usize, Vec<T>) -> R + Sync,
    ) -> Vec<R> {
        let whole: usize = items.iter().map(&weigh).sum();
        let parts = self.many.min(whole / WORTH).max(1);
        let Some(others) = (parts > 1).then(|| self.others()).flatten() else {
            return vec![work(0, items)];
        };
        let size = whole.div_ceil(parts);
        // Where each part begins: with the item that is past what the ones before take.
        let mut begins = Vec::with_capacity(parts);
        let mut before = 0;
        for (n, item) in items.iter().enumerate() {
            if begins.len() < parts && before >= begins.len() * size {
                begins.push(n);
            }
            before += weigh(item);
        }
        let mut done: Vec<Option<R>> = begins.iter().map(|_| None).collect();
        others.in_place_scope(|scope| {
            let mut slots = done.iter_mut().zip(begins);
            let own = slots.next();
            for (slot, first) in slots.rev() {
                let (rest, work) = (items.split_off(first), &work);
                scope.spawn(move |_| *slot = Some(work(first, rest)));
            }
            if let Some((slot, _)) = own {
                *slot = Some(work(0, items));
            }
        });
        done.into_iter().flatten().collect()
    }
}

/// The parts as one.
pub(crate) fn joined<T>(parts: Vec<Vec<T>>) -> Vec<T> {
    let mut parts = parts.into_iter();
    let mut all = parts.next().unwrap_or_default();
    parts.for_each(|mut part| all.append(&mut part));
    all
}

#[cfg(test)]
mod tests {
    use super::Threads;

    #[test]
    fn parts_come_back_in_order_however_many() {
        for threads in [0, 1, 2, 3, 7].map(Threads::new) {
            for n in [0usize, 1, 199, 400, 1_001, 1_400] {
                let all = threads.each((0..n).collect(), |first, part| {
                    assert_eq!(part.first().copied().unwrap_or(first), first);
                    part
                });
                assert_eq!(super::joined(all), (0..n).collect::<Vec<_>>());
                let heavy = threads.weighed((0..n).collect(), |n| n % 7 * 50, |_, part| part);
                assert!(heavy.len() <= threads.many.max(1));
                assert_eq!(super::joined(heavy), (0..n).collect::<Vec<_>>());
            }
        }
    }
}
