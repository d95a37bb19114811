//! Percentiles of a path: drawn, never added, since the slow tenth of one step
//! rarely meets the slow tenth of the next. The same question draws the same.

use crate::model::Dur;

const ROUNDS: usize = 1_000;

/// In nine of ten rounds it took no longer. `round` is handed what draws a
/// place among so many; `None` from it makes the whole unknown.
pub(crate) fn p90(seed: &str, round: impl Fn(&mut dyn FnMut(usize) -> usize) -> Option<Dur>) -> Option<Dur> {
    let mut state = seed.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let mut draw = |of: usize| (next(&mut state) % of.max(1) as u64) as usize;
    let mut all = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        all.push(round(&mut draw)?);
    }
    all.sort_unstable();
    all.get(ROUNDS * 9 / 10 - 1).copied()
}

/// splitmix64 (Steele, Lea and Flood 2014), with its published constants.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slow_tenth_of_a_sum_is_less_than_the_sum_of_slow_tenths() {
        // Ten steps, each 1 s in eight of ten cases and 11 s in two: each p90
        // is 11 s and the sum of those 110 s; the sum's own is near 41 s.
        let took = [1, 1, 1, 1, 1, 1, 1, 1, 11, 11].map(Dur::secs);
        let sum = |draw: &mut dyn FnMut(usize) -> usize| {
            Some((0..10).map(|_| took[draw(10)]).fold(Dur::ZERO, |a, b| a + b))
        };
        let p90 = super::p90("go", sum).expect("known");
        assert!((Dur::secs(40)..=Dur::secs(51)).contains(&p90), "{p90}");
        assert_eq!(super::p90("go", sum), Some(p90), "the same question draws the same");
        assert_eq!(super::p90("go", |_| None), None);
    }
}
