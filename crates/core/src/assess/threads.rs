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
    pub fn each<T: Send, R: Send>(
        &self,
        mut items: Vec<T>,
        work: impl Fn(usize, Vec<T>) -> R + Sync,
    ) -> Vec<R> {
        let parts = self.many.min(items.len() / WORTH).max(1);
        let Some(others) = (parts > 1).then(|| self.others()).flatten() else {
            return vec![work(0, items)];
        };
        let size = items.len().div_ceil(parts);
        let mut done: Vec<Option<R>> = (0..parts).map(|_| None).collect();
        others.in_place_scope(|scope| {
            let mut slots = done.iter_mut().enumerate();
            let own = slots.next();
            for (part, slot) in slots.rev() {
                let first = (part * size).min(items.len());
                let (rest, work) = (items.split_off(first), &work);
                scope.spawn(move |_| *slot = Some(work(first, rest)));
            }
            if let Some((_, slot)) = own {
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
            }
        }
    }
}
