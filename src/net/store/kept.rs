//! Reading with the disk cache between.

use std::sync::Arc;

use bytes::Bytes;
use lifeboat_core::model::Problem;

use super::{Cache, Repo, Version, Work, cache::Name};

impl Repo {
    /// Reads an object whole, as it was listed; from the cache where that is
    /// known to be the same. `None` where there is none any more. Errors: as
    /// `get`.
    pub async fn get_listed(
        &self,
        key: &[u8],
        version: &Version,
        max_bytes: u64,
        work: &Work,
    ) -> Result<Option<Bytes>, Problem> {
        // without a tag nothing proves that it is still the same; a folder has none
        let cache = self.cache.as_ref().filter(|_| !version.etag.is_empty());
        let name = self.name_of(key, version);
        if let Some(cache) = cache {
            let kept = aside(cache, move |cache| cache.get(&name)).await.flatten();
            if let Some(bytes) = kept.filter(|bytes| bytes.len() as u64 <= max_bytes) {
                return Ok(Some(bytes));
            }
        }
        let Some(object) = self.get_if_there(key, max_bytes, work).await? else { return Ok(None) };
        // it may have been replaced since it was listed
        let same = object.meta.etag.as_deref().map(str::as_bytes) == Some(&version.etag)
            && object.bytes.len() as u64 == version.size;
        if let Some(cache) = cache.filter(|_| same) {
            let bytes = object.bytes.clone();
            aside(cache, move |cache| cache.put(&name, &bytes)).await;
        }
        Ok(Some(object.bytes))
    }

    fn name_of(&self, key: &[u8], version: &Version) -> Name {
        let (size, modified) = (version.size.to_le_bytes(), version.modified_ms.unwrap_or(i64::MIN));
        let place = self.place();
        let parts = [
            b"object",
            self.id.as_bytes(),
            place.as_bytes(),
            key,
            &version.etag,
            &size,
            &modified.to_le_bytes(),
        ];
        Name::of(&parts)
    }

    /// What was last remembered here under this name.
    pub async fn recall(&self, what: &str, of: &[u8]) -> Option<Bytes> {
        let name = self.note_name(what, of);
        aside(self.cache.as_ref()?, move |cache| cache.get(&name)).await.flatten()
    }

    /// For the next look at this store, on this machine; may be forgotten at any time.
    pub async fn remember(&self, what: &str, of: &[u8], bytes: Vec<u8>) {
        let name = self.note_name(what, of);
        if let Some(cache) = &self.cache {
            aside(cache, move |cache| cache.put(&name, &bytes)).await;
        }
    }

    fn note_name(&self, what: &str, of: &[u8]) -> Name {
        Name::of(&[b"note", self.id.as_bytes(), self.place().as_bytes(), what.as_bytes(), of])
    }
}

/// Off the executor. `None` where that came to nothing.
async fn aside<T: Send + 'static>(
    cache: &Arc<Cache>,
    call: impl FnOnce(&Cache) -> T + Send + 'static,
) -> Option<T> {
    let cache = Arc::clone(cache);
    tokio::task::spawn_blocking(move || call(&cache)).await.ok()
}

#[cfg(test)]
mod tests {
    use lifeboat_core::model::{Code, Cost};

    use super::*;
    use crate::net::{
        store::ListOptions,
        testing::{Space, s3_repo, work},
    };

    async fn version(repo: &Repo, key: &str) -> Version {
        let page = repo.list(key, ListOptions::flat()).page(&work()).await.unwrap().unwrap();
        page.entries().next().unwrap().version()
    }

    #[tokio::test]
    async fn an_object_is_fetched_once_for_each_version_of_it() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::at(dir.path());
        let space = Space::of([("a".to_owned(), b"sealed".to_vec())]).await;
        let repo = s3_repo(space.url()).await.caching(Some(cache.clone()));
        let first = version(&repo, "a").await;
        for requests in [1, 0] {
            let work = work();
            let bytes = repo.get_listed(b"a", &first, 100, &work).await.unwrap().unwrap();
            assert_eq!((&bytes[..], work.cost().requests), (&b"sealed"[..], requests));
        }
        space.put("a", *b"newer!");
        // replaced since it was listed: given, and not kept as what it is not
        let other = Version { modified_ms: None, ..first.clone() };
        assert_eq!(repo.get_listed(b"a", &other, 100, &work()).await.unwrap().unwrap(), "newer!");
        let second = version(&repo, "a").await;
        let work = work();
        assert_eq!(repo.get_listed(b"a", &second, 100, &work).await.unwrap().unwrap(), "newer!");
        assert_eq!(work.cost().requests, 1);
        space.remove("a");
        assert_eq!(repo.get_listed(b"a", &second, 100, &work).await.unwrap().unwrap(), "newer!");
        assert!(repo.get_listed(b"a", &other, 100, &work).await.unwrap().is_none());
        // elsewhere the same key is another object
        let space = Space::of([("a".to_owned(), b"theirs".to_vec())]).await;
        let elsewhere = s3_repo(space.url()).await.caching(Some(cache));
        assert_eq!(elsewhere.get_listed(b"a", &second, 100, &work).await.unwrap().unwrap(), "theirs");
    }

    #[tokio::test]
    async fn a_look_that_costs_too_much_is_ended_and_says_so() {
        let space = Space::of((0..3_000).map(|n| (format!("{n:05}"), vec![7; 100]))).await;
        let repo = s3_repo(space.url()).await;
        for ceiling in [Cost { requests: 2, bytes: u64::MAX }, Cost { requests: 9, bytes: 100_000 }] {
            let work = Work::bounded(Default::default(), ceiling);
            let mut listing = repo.list("", ListOptions::flat());
            let problem = loop {
                match listing.page(&work).await {
                    Ok(page) => assert!(page.is_some(), "it ended"),
                    Err(problem) => break problem,
                }
            };
            assert_eq!(problem.code, Code::STORE_CEILING, "{problem}");
            assert!(!problem.retryable && problem.why.contains("this look has"), "{problem}");
            assert!(work.cost().requests <= 2);
        }
    }
}
