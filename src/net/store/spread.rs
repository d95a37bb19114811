//! One listing in several lanes at once, each a range of the key space, so that
//! whatever lies there lies in one of them: `(from, to]`, the first without a
//! beginning, the last without an end. How the space is cut changes what a
//! listing costs, never what it finds.
//!
//! Pages come as they arrive; within a lane they ascend. So readers fold them
//! (ranges, sums, maps) and do not rely on an order over all. In memory are at
//! most as many pages as there are lanes at work.

use std::collections::VecDeque;

use futures::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use lifeboat_core::model::Problem;

use super::{ListOptions, Listing, Page, Repo, Work};

/// Lanes at work. More gain little and weigh on a store that others need too.
const LANES: usize = 16;
/// Pages of folders read in search of where to cut.
const LOOK: usize = 4;

type Step<'r> = BoxFuture<'r, (Listing<'r>, Result<Option<Page>, Problem>)>;

pub struct Spread<'r> {
    repo: &'r Repo,
    work: &'r Work,
    prefix: Vec<u8>,
    /// What was listed before there were lanes.
    first: Option<Page>,
    waiting: VecDeque<ListOptions>,
    running: FuturesUnordered<Step<'r>>,
}

impl Repo {
    /// All keys below `prefix`, cut by the hex digit that follows it: for names
    /// that are hashes, spread evenly.
    pub fn list_hex<'r>(&'r self, prefix: impl Into<Vec<u8>>, work: &'r Work) -> Spread<'r> {
        let prefix = prefix.into();
        let cut = |digit: &u8| [&prefix[..], &[*digit]].concat();
        let cuts = if self.is_seekable() { b"123456789abcdef".iter().map(cut).collect() } else { Vec::new() };
        Spread::cut(self, work, prefix, None, &cuts)
    }

    /// All keys below `prefix` in one lane.
    pub fn list_whole<'r>(&'r self, prefix: impl Into<Vec<u8>>, work: &'r Work) -> Spread<'r> {
        Spread::cut(self, work, prefix.into(), None, &[])
    }

    /// All keys below `prefix`, cut at some of the folders there; in one lane
    /// where there are none, where one page holds everything, or where the
    /// store cannot begin in the middle. Errors: as a listing.
    pub async fn list_wide<'r>(
        &'r self,
        prefix: impl Into<Vec<u8>>,
        after: Option<Vec<u8>>,
        work: &'r Work,
    ) -> Result<Spread<'r>, Problem> {
        let prefix = prefix.into();
        let options = ListOptions { start_after: after.clone(), ..ListOptions::flat() };
        if !self.is_seekable() {
            let mut spread = Spread::cut(self, work, prefix, after, &[]);
            spread.waiting = [options].into();
            return Ok(spread);
        }
        let mut listing = self.list(prefix.clone(), options);
        let Some(first) = listing.page(work).await? else {
            return Ok(Spread::over(self, work, prefix, None));
        };
        if listing.is_over() {
            return Ok(Spread::over(self, work, prefix, Some(first)));
        }
        let reached = first.last_key().to_vec();
        let cuts = self.folders_after(&prefix, &reached, work).await?;
        let mut spread = Spread::cut(self, work, prefix, Some(reached), &cuts);
        spread.first = Some(first);
        Ok(spread)
    }

    /// Some of the folders behind a key, evenly picked.
    async fn folders_after(&self, prefix: &[u8], after: &[u8], work: &Work) -> Result<Vec<Vec<u8>>, Problem> {
        let options = ListOptions { start_after: Some(after.to_vec()), ..ListOptions::delimited() };
        let mut listing = self.list(prefix, options);
        let mut folders: Vec<Vec<u8>> = Vec::new();
        for _ in 0..LOOK {
            let Some(page) = listing.page(work).await? else { break };
            folders.extend(page.prefixes().filter(|folder| *folder > after).map(<[u8]>::to_vec));
            // flat names between folders: looking on would be listing
            if page.entries().next().is_some() {
                break;
            }
        }
        let step = folders.len().div_ceil(LANES).max(1);
        Ok(folders.into_iter().step_by(step).collect())
    }
}

impl<'r> Spread<'r> {
    /// Ascending cuts; each ends one lane and begins the next.
    fn cut(
        repo: &'r Repo,
        work: &'r Work,
        prefix: Vec<u8>,
        after: Option<Vec<u8>>,
        cuts: &[Vec<u8>],
    ) -> Self {
        let starts = std::iter::once(after).chain(cuts.iter().cloned().map(Some));
        let ends = cuts.iter().cloned().map(Some).chain([None]);
        let lane = |(start_after, until)| ListOptions { delimited: false, start_after, until };
        let waiting = starts.zip(ends).map(lane).collect();
        Self { repo, work, prefix, first: None, waiting, running: FuturesUnordered::new() }
    }
    fn over(repo: &'r Repo, work: &'r Work, prefix: Vec<u8>, first: Option<Page>) -> Self {
        Self { repo, work, prefix, first, waiting: VecDeque::new(), running: FuturesUnordered::new() }
    }

    /// The next page of any lane; `None` when all have ended. After an error
    /// the rest is not listed.
    pub async fn page(&mut self) -> Result<Option<Page>, Problem> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        loop {
            while self.running.len() < LANES
                && let Some(options) = self.waiting.pop_front()
            {
                self.running.push(step(self.repo.list(self.prefix.clone(), options), self.work));
            }
            match self.running.next().await {
                None => return Ok(None),
                Some((listing, Ok(Some(page)))) => {
                    if !listing.is_over() {
                        self.running.push(step(listing, self.work));
                    }
                    return Ok(Some(page));
                }
                Some((_, Ok(None))) => {}
                Some((_, Err(problem))) => {
                    self.running.clear();
                    self.waiting.clear();
                    return Err(problem);
                }
            }
        }
    }
}

fn step<'r>(mut listing: Listing<'r>, work: &'r Work) -> Step<'r> {
    async move {
        let page = listing.page(work).await;
        (listing, page)
    }
    .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{
        store::show,
        testing::{Space, s3_repo, work},
    };

    async fn all(mut spread: Spread<'_>) -> Vec<String> {
        let mut keys = Vec::new();
        while let Some(page) = spread.page().await.unwrap() {
            keys.extend(page.entries().map(|e| show(e.key)));
        }
        keys.sort();
        keys
    }

    #[tokio::test]
    async fn lanes_together_find_what_one_listing_finds() {
        let mut rng = fastrand::Rng::with_seed(7);
        let sets: [Vec<String>; 5] = [
            (0..6_000).map(|_| format!("data/{:032x}", rng.u128(..))).collect(),
            // names that are no hashes, those that are cuts themselves among them
            ["data/", "data/1", "data/f", "data/zz", "data/~", "data/1/x"].map(str::to_owned).into(),
            (0..5_000).map(|n| format!("data/{:04}/{}", n / 50, n)).collect(),
            (0..5_000).map(|n| format!("data/{:04}{}", n, if n % 700 == 0 { "/x" } else { "" })).collect(),
            Vec::new(),
        ];
        for keys in sets {
            let around = ["a".to_owned(), "data".to_owned(), "data0".to_owned()];
            let space = Space::of(keys.iter().cloned().chain(around).map(|key| (key, Vec::new()))).await;
            let (repo, work) = (s3_repo(space.url()).await, work());
            let mut expected: Vec<String> = keys.iter().map(|key| show(key.as_bytes())).collect();
            expected.sort();
            assert_eq!(all(repo.list_hex("data/", &work)).await, expected);
            assert_eq!(all(repo.list_wide("data/", None, &work).await.unwrap()).await, expected);
            let after = expected.get(expected.len() / 2).cloned().unwrap_or_default();
            expected.retain(|key| *key > after);
            assert_eq!(
                all(repo.list_wide("data/", Some(after.into()), &work).await.unwrap()).await,
                expected
            );
        }
    }

    #[tokio::test]
    async fn a_small_listing_costs_one_request_and_a_large_one_little_more_than_its_pages() {
        let keys = |n: usize| (0..n).map(|n| (format!("data/{:05}/{n:07}", n / 100), Vec::new()));
        for (count, most) in [(900, 1), (50_000, 50 + 17 + 2)] {
            let space = Space::of(keys(count)).await;
            let (repo, work) = (s3_repo(space.url()).await, work());
            assert_eq!(all(repo.list_wide("data/", None, &work).await.unwrap()).await.len(), count);
            let requests = work.cost().requests;
            assert!(requests <= most, "{count} keys: {requests} requests");
        }
    }

    #[tokio::test]
    async fn a_failing_lane_fails_the_listing() {
        let keys = (0..3_000).map(|n| (format!("data/{n:x}"), Vec::new()));
        let space = Space::of(keys).await;
        let (repo, mut work) = (s3_repo(space.url()).await, work());
        work.max_keys = 1_500;
        let mut spread = repo.list_hex("data/", &work);
        let problem = loop {
            match spread.page().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("it ended"),
                Err(problem) => break problem,
            }
        };
        assert_eq!(problem.code, lifeboat_core::model::Code::STORE_CEILING, "{problem}");
        assert!(spread.page().await.unwrap().is_none());
    }
}
