//! The estate's own prober and readers, over the one client.

use std::path::PathBuf;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use lifeboat_core::model::*;
use tokio_util::sync::CancellationToken;

use super::Reading;
use crate::catalog;
use crate::config::TrustedEstate;
use crate::net::{
    Http, Secrets, Work,
    store::{self, Cache},
};
use crate::probe::{self, Prober};

/// What a trusted estate is looked at with. Nothing else connects.
#[derive(Clone)]
pub struct Live {
    estate: Arc<Estate>,
    http: Arc<Http>,
    secrets: Secrets,
    stop: CancellationToken,
    cache: Option<Arc<Cache>>,
}

impl Live {
    pub fn new(trusted: &TrustedEstate, stop: CancellationToken) -> Self {
        Self::over(trusted.estate().clone(), Secrets::of(trusted), stop)
    }
    /// Of an estate that was checked otherwise, such as a run's own copy.
    pub fn over(estate: Arc<Estate>, secrets: Secrets, stop: CancellationToken) -> Self {
        Self { estate, http: Http::new(), secrets, stop, cache: None }
    }
    /// Keeps what does not change on disk, below this folder.
    pub fn caching(mut self, dir: PathBuf) -> Self {
        self.cache = Some(Cache::at(dir));
        self
    }

    /// What is looked at.
    pub fn estate(&self) -> &Arc<Estate> {
        &self.estate
    }

    pub fn prober(&self) -> Prober {
        Prober::new(self.http.clone(), self.secrets.clone()).with_stores(&self.estate.stores)
    }

    /// Opens the copy's store and reads it as it is now.
    pub async fn copy(&self, key: &CopyKey, now: Time) -> Result<CopyReport, Problem> {
        let copy = self.estate.copy(key).ok_or_else(|| Problem::new(Code::COPY_NOT_THERE, key))?;
        let repo = match catalog::asks_itself(copy) {
            true => store::Repo::folder(copy.store.to_string(), self.secrets.estate_dir()),
            false => self.open(&copy.store).await?,
        };
        let mut cx = catalog::Cx::new(now, self.stop.child_token());
        cx.timezone = self.estate.defaults.timezone.as_deref().and_then(|name| name.parse().ok());
        cx.secrets = Some(self.secrets.clone());
        if let Some(password) = &copy.password {
            cx.password = Some(self.secrets.resolve(password).await?);
        }
        for id in catalog::other_stores(copy) {
            match self.open(&id).await {
                Ok(other) => {
                    cx.others.insert(id, Arc::new(other));
                }
                // the reader judges what it can without it
                Err(problem) => cx.work.note(problem),
            }
        }
        catalog::read(copy, &repo, &cx).await
    }

    /// Opens the store and asks what it is set to.
    pub async fn posture_of(&self, id: &StoreId) -> Result<Posture, Problem> {
        let assets = self.estate.workloads.iter().flat_map(|w| &w.assets);
        let copies = assets.flat_map(|a| &a.copies).filter(|c| c.store == *id);
        let mut paths: Vec<_> = copies.map(|c| c.path.trim_matches('/').to_owned()).collect();
        paths.sort_unstable();
        paths.dedup();
        if paths.is_empty() {
            paths.push(String::new());
        }
        let repo = self.open(id).await?;
        probe::posture::read(&repo, &paths, &Work::new(self.stop.child_token())).await
    }

    /// Whether a store answers with the credentials of the estate.
    pub async fn lists(&self, id: &StoreId) -> Result<(), Problem> {
        let repo = self.open(id).await?;
        let work = Work::new(self.stop.child_token());
        let mut listing = repo.list("", store::ListOptions::delimited());
        listing.page(&work).await.map(|_| ())
    }

    /// What the estate's references lead to.
    pub fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    pub(super) async fn open(&self, id: &StoreId) -> Result<store::Repo, Problem> {
        let declared = self.estate.store(id.as_str());
        let declared = declared.ok_or_else(|| Problem::new(Code::STORE_MISSING, id))?;
        Ok(store::open(declared, &self.http, &self.secrets).await?.caching(self.cache.clone()))
    }
}

impl Reading for Live {
    fn read<'a>(&'a self, copy: &'a CopyKey, now: Time) -> BoxFuture<'a, Result<CopyReport, Problem>> {
        async move {
            let read = self.copy(copy, now).await;
            let redactor = self.secrets.redactor();
            match read {
                Ok(mut report) => {
                    report.notes = report.notes.into_iter().map(|note| redactor.problem(note)).collect();
                    Ok(report)
                }
                Err(problem) => Err(redactor.problem(problem)),
            }
        }
        .boxed()
    }
    fn posture<'a>(&'a self, store: &'a StoreId) -> BoxFuture<'a, Result<Posture, Problem>> {
        async move {
            self.posture_of(store).await.map_err(|problem| self.secrets.redactor().problem(problem))
        }
        .boxed()
    }
}
