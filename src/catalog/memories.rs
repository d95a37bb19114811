//! What a look would have the next one know. It is kept only once the report is
//! made and nothing is wrong in it: see `wal::listed` for what must hold.

use std::sync::{Mutex, PoisonError};

use lifeboat_core::model::{CopyReport, PointState, Time};

use crate::net::store::Repo;

#[derive(Debug, Default)]
pub(super) struct Memories(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// When all was listed that this look only went on from.
    since: Option<Time>,
    /// Kind, place and bytes.
    pending: Vec<(&'static str, String, Vec<u8>)>,
}

impl Memories {
    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
    pub fn keep(&self, what: &'static str, of: &str, bytes: Vec<u8>) {
        let mut inner = self.inner();
        // a reader may look twice: the last look counts
        inner.pending.retain(|(w, o, _)| (*w, o.as_str()) != (what, of));
        inner.pending.push((what, of.to_owned(), bytes));
    }
    pub fn went_on(&self, since: Time) {
        let mut inner = self.inner();
        inner.since = inner.since.into_iter().chain([since]).min();
    }
    /// `None`: everything was listed.
    pub fn since(&self) -> Option<Time> {
        self.inner().since
    }
    /// Forgets what this look would have had known.
    pub fn drop_all(&self) {
        *self.inner() = Inner::default();
    }
    pub async fn save(&self, repo: &Repo) {
        let pending = std::mem::take(&mut self.inner().pending);
        for (what, of, bytes) in pending {
            repo.remember(what, of.as_bytes(), bytes).await;
        }
    }
}

/// Whether everything in a report is as it should be.
pub(super) fn is_whole(report: &CopyReport) -> bool {
    report.gaps.is_empty()
        && !report.points.is_empty()
        && report.points.iter().all(|p| p.state == PointState::Usable)
}
