//! Work over many workloads, in as many parts as there are threads to do it.

/// Below so many, a thread costs more than it does.
const WORTH: usize = 200;

/// Hands `items` out in parts, each with the place of its first, and gives what
/// came of them in their order.
pub(crate) fn each<T: Send, R: Send>(
    threads: usize,
    mut items: Vec<T>,
    work: impl Fn(usize, Vec<T>) -> R + Sync,
) -> Vec<R> {
    let parts = threads.min(items.len() / WORTH).max(1);
    let size = items.len().div_ceil(parts);
    std::thread::scope(|scope| {
        let mut running = Vec::with_capacity(parts);
        for part in (1..parts).rev() {
            let first = (part * size).min(items.len());
            let (rest, work) = (items.split_off(first), &work);
            running.push(scope.spawn(move || work(first, rest)));
        }
        let mut done = vec![work(0, items)];
        // A panic in a part is a panic of the whole.
        let others = running.into_iter().rev().map(|r| r.join());
        done.extend(others.map(|r| r.unwrap_or_else(|panic| std::panic::resume_unwind(panic))));
        done
    })
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
    #[test]
    fn parts_come_back_in_order_however_many() {
        for threads in [0, 1, 2, 3, 7] {
            for n in [0usize, 1, 199, 400, 1_001, 1_400] {
                let all = super::each(threads, (0..n).collect(), |first, part| {
                    assert_eq!(part.first().copied().unwrap_or(first), first);
                    part
                });
                assert_eq!(super::joined(all), (0..n).collect::<Vec<_>>(), "{n} over {threads}");
            }
        }
    }
}
