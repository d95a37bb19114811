//! The estate's own prober and readers, over the one client.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use lifeboat_core::model::*;
use tokio_util::sync::CancellationToken;

use super::Reading;
use crate::catalog;
use crate::config::TrustedEstate;
use crate::net::{Http, Secrets, store};
use crate::probe::Prober;

/// What a trusted estate is looked at with. Nothing else connects.
#[derive(Clone)]
pub struct Live {
    estate: Arc<Estate>,
    http: Arc<Http>,
    secrets: Secrets,
    stop: CancellationToken,
}

impl Live {
    pub fn new(trusted: &TrustedEstate, stop: CancellationToken) -> Self {
        let estate = trusted.estate().clone();
        let kept = estate.secrets.iter().chain(&estate.keys).cloned();
        let secrets = Secrets::new(trusted.dir(), kept.collect::<Vec<_>>());
        Self { estate, http: Http::new(), secrets, stop }
    }

    pub fn prober(&self) -> Prober {
        Prober::new(self.http.clone(), self.secrets.clone())
    }

    /// Opens the copy's store and reads it as it is now.
    pub async fn copy(&self, key: &CopyKey, now: Time) -> Result<CopyReport, Problem> {
        let copy = self.estate.copy(key).ok_or_else(|| Problem::new(Code::COPY_NOT_THERE, key))?;
        let declared = self.estate.store(copy.store.as_str());
        let declared = declared.ok_or_else(|| Problem::new(Code::STORE_MISSING, &copy.store))?;
        let repo = store::open(declared, &self.http, &self.secrets).await?;
        let mut cx = catalog::Cx::new(now, self.stop.child_token());
        cx.timezone = self.estate.defaults.timezone.as_deref().and_then(|name| name.parse().ok());
        if let Some(password) = &copy.password {
            cx.password = Some(self.secrets.resolve(password).await?);
        }
        if let Some(hot) = copy.options.get("hot").and_then(|hot| hot.as_str()) {
            let declared = self.estate.store(hot).ok_or_else(|| Problem::new(Code::STORE_MISSING, hot))?;
            cx.hot = Some(Arc::new(store::open(declared, &self.http, &self.secrets).await?));
        }
        catalog::read(copy, &repo, &cx).await
    }
}

impl Reading for Live {
    fn read<'a>(&'a self, copy: &'a CopyKey, now: Time) -> BoxFuture<'a, Result<CopyReport, Problem>> {
        self.copy(copy, now).boxed()
    }
}
