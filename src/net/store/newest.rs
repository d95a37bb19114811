//! The last key below a prefix, found by asking what lies beyond a guess, for
//! stores that can begin in the middle. Under names that begin with a time or a
//! position, that is the newest.
//!
//! `low` is a key that is there. An answer brings a page: one that is not full
//! ends the search, one that is moves `low` up by a thousand keys at least.
//! Guesses go by what names are made of: how much of `low` all later keys share
//! (in steps that double, then halve), and at the first place where they may
//! differ, the middle of the digits or letters that can stand there. Only keys
//! that came move `low`, and the end is always a listing from `low` on: a wrong
//! guess costs a request and never a key.

use lifeboat_core::model::Problem;

use super::{ListOptions, Page, Repo, Work};

/// More guesses than any names need; then the rest is listed as it comes.
const MAX_GUESSES: usize = 200;
/// Behind nearly all that names are made of, and no trouble to any server.
const BEYOND: u8 = b'~';

impl Repo {
    /// The last page of keys below `prefix`: up to about a thousand of the
    /// greatest, ascending. Empty where there are none. On a store that cannot
    /// begin in the middle, all is listed for it.
    pub async fn newest(&self, prefix: &[u8], work: &Work) -> Result<Page, Problem> {
        let mut listing = self.list(prefix, ListOptions::flat());
        let mut last = listing.page(work).await?.unwrap_or_default();
        if self.is_seekable() && !listing.is_over() {
            let mut search = Search::new(prefix, last.last_key());
            for _ in 0..MAX_GUESSES {
                let Some(guess) = search.guess() else { break };
                listing = self.list(prefix, ListOptions::after(guess.clone()));
                let page = listing.page(work).await?.unwrap_or_default();
                if page.is_empty() && listing.is_over() {
                    search.nothing_after(&guess);
                    continue;
                }
                search.found(page.last_key());
                last = page;
                if listing.is_over() {
                    return Ok(last);
                }
            }
            // between the bounds there is nothing left to guess: on from what is there
            listing = self.list(prefix, ListOptions::after(search.low));
        }
        while let Some(page) = listing.page(work).await? {
            if !page.is_empty() {
                last = page;
            }
        }
        Ok(last)
    }
}

#[derive(Debug)]
struct Search {
    low: Vec<u8>,
    /// How much of `low` all later keys begin with.
    shared: usize,
    /// At `shared`, no later key has this byte or a greater one.
    bound: u16,
    phase: Phase,
}

/// What is looked for.
#[derive(Debug, Clone, Copy)]
enum Phase {
    /// Where later keys differ: so much further on?
    Step(usize),
    /// Where they differ, before this place.
    Before(usize),
    /// Which byte is the greatest at `shared`.
    Byte,
}

impl Search {
    fn new(prefix: &[u8], low: &[u8]) -> Self {
        Self { low: low.to_vec(), shared: prefix.len(), bound: 256, phase: Phase::Step(1) }
    }

    /// After which key to ask; `None` when there is nothing left to guess.
    fn guess(&mut self) -> Option<Vec<u8>> {
        loop {
            let here = *self.low.get(self.shared)?;
            match self.phase {
                Phase::Step(step) => return Some(self.beyond(self.shared + step)),
                Phase::Before(end) if end > self.shared + 1 => {
                    return Some(self.beyond(self.shared + (end - self.shared) / 2));
                }
                Phase::Before(_) => self.phase = Phase::Byte,
                Phase::Byte => match middle(here, self.bound) {
                    Some(byte) => return Some([&self.low[..self.shared], &[byte]].concat()),
                    // something of another kind may stand there
                    None if self.bound > u16::from(here) + 1 => return Some(self.beyond(self.shared + 1)),
                    None => self.share(self.shared + 1),
                },
            }
        }
    }

    fn beyond(&self, shared: usize) -> Vec<u8> {
        [&self.low[..shared.min(self.low.len())], &[BEYOND]].concat()
    }

    fn share(&mut self, shared: usize) {
        (self.shared, self.bound) = (shared, 256);
        self.phase = match self.phase {
            Phase::Step(step) => Phase::Step(step * 2),
            Phase::Before(end) => Phase::Before(end),
            Phase::Byte => Phase::Step(1),
        };
    }

    fn found(&mut self, last: &[u8]) {
        let common = self.low.iter().zip(last).take_while(|(a, b)| a == b).count();
        self.low = last.to_vec();
        match self.phase {
            Phase::Step(_) | Phase::Before(_) => self.phase = Phase::Before(common + 1),
            Phase::Byte => {}
        }
        // keys came in meanwhile that share less
        if common < self.shared {
            (self.shared, self.bound, self.phase) = (common, 256, Phase::Step(1));
        }
    }

    fn nothing_after(&mut self, guess: &[u8]) {
        match guess.split_last() {
            Some((&BEYOND, shared)) => self.share(shared.len()),
            Some((&byte, _)) => self.bound = u16::from(byte),
            None => {}
        }
    }
}

/// Half-way from a byte that is there to a bound, among its kind.
fn middle(here: u8, bound: u16) -> Option<u8> {
    let end = match here {
        b'0'..=b'9' => b'9',
        b'a'..=b'f' => b'f',
        b'A'..=b'F' => b'F',
        b'g'..=b'z' => b'z',
        b'G'..=b'Z' => b'Z',
        _ => here,
    };
    let end = u16::from(end).min(bound.saturating_sub(1));
    let more = end.checked_sub(u16::from(here)).filter(|more| *more > 0)?;
    u8::try_from(u16::from(here) + more.div_ceil(2)).ok()
}

#[cfg(test)]
mod tests {
    use crate::net::{
        store::show,
        testing::{Space, s3_repo, work},
    };

    /// From a number and an instant to a key.
    type Naming = fn(i64, chrono::DateTime<chrono::Utc>) -> String;

    /// Key and requests.
    async fn newest(keys: impl IntoIterator<Item = String>, prefix: &str) -> (String, u64) {
        let space = Space::of(keys.into_iter().map(|key| (key, Vec::new()))).await;
        let (repo, work) = (s3_repo(space.url()).await, work());
        let page = repo.newest(prefix.as_bytes(), &work).await.unwrap();
        (show(page.last_key()), work.cost().requests)
    }

    #[tokio::test]
    async fn the_newest_of_a_million_is_found_in_forty_requests() {
        let minute = |n: i64| chrono::DateTime::from_timestamp(1_700_000_000 + n * 60, 0).unwrap();
        let names: [(&str, i64, Naming); 5] = [
            ("dumps", 1_000_000, |_, at| at.format("d/%Y-%m-%dT%H%MZ.sql.gz").to_string()),
            ("folders of days", 100_000, |_, at| at.format("d/%Y/%m/%d/%H-%M-00.dump").to_string()),
            ("segments", 100_000, |n, _| {
                format!("d/{:024X}.lz4", (1_u128 << 64) + ((n as u128 / 256) << 32) + n as u128 % 256)
            }),
            ("segments in folders", 1_000_000, |n, _| {
                format!(
                    "d/{:016X}/{:024X}-5b{:038x}",
                    (1_u64 << 32) + n as u64 / 256,
                    (1_u128 << 64) + ((n as u128 / 256) << 32) + n as u128 % 256,
                    n
                )
            }),
            ("epochs", 100_000, |_, at| format!("d/snap-{}", at.timestamp())),
        ];
        for (what, count, name) in names {
            let keys: Vec<String> = (0..count).map(|n| name(n, minute(n))).collect();
            let expected = keys.last().unwrap().clone();
            let (found, requests) = newest(keys, "d/").await;
            assert_eq!(found, expected, "{what}");
            assert!(requests <= 40, "{what}: {requests}");
            println!("{what}: {requests} requests");
        }
    }

    #[tokio::test]
    async fn whatever_names_are_made_of_the_last_is_found() {
        let odd = |seed: u64| {
            let mut rng = fastrand::Rng::with_seed(seed);
            let letters: Vec<char> =
                ["aé~", "0189:;AFGfgz-_.~", "01", "\u{1}~\u{7f}/"][seed as usize % 4].chars().collect();
            let length = 1 + rng.usize(..12);
            let mut keys: Vec<String> = (0..rng.usize(1..4_000))
                .map(|_| {
                    "d/".to_owned()
                        + &(0..rng.usize(1..=length))
                            .map(|_| letters[rng.usize(..letters.len())])
                            .collect::<String>()
                })
                .collect();
            keys.sort();
            keys.dedup();
            keys
        };
        for seed in 0..40 {
            let keys = odd(seed);
            let expected = show(keys.last().unwrap().as_bytes());
            let all = keys.iter().cloned().chain(["a".to_owned(), "e/x".to_owned()]);
            assert_eq!(newest(all, "d/").await.0, expected, "seed {seed}");
        }
        assert_eq!(newest(["a".to_owned()], "d/").await.0, "");
    }
}
