//! Whether a listed backup still has its manifest: without it the tool restores
//! nothing of it. Either of the two that are kept will do; that of a backup it
//! refers to is not needed.

use std::collections::BTreeSet;

use futures::{StreamExt, TryStreamExt, stream};
use lifeboat_core::model::Problem;

use crate::{catalog::Cx, net::store::Repo};

const AT_ONCE: usize = 16;

#[derive(Debug, Default)]
pub(super) struct Manifests {
    pub gone: BTreeSet<String>,
    /// Whether it is there may not be asked.
    pub unread: BTreeSet<String>,
}

enum Found {
    There,
    Gone,
    Unread(Problem),
}

/// `folder` is where the backups lie. Errors: a store that fails.
pub(super) async fn look(
    labels: impl Iterator<Item = String>,
    folder: &str,
    repo: &Repo,
    cx: &Cx,
) -> Result<Manifests, Problem> {
    let each: Vec<_> = labels.map(|label| find(label, folder, repo, cx)).collect();
    let found: Vec<(String, Found)> = stream::iter(each).buffer_unordered(AT_ONCE).try_collect().await?;
    let mut manifests = Manifests::default();
    for (label, found) in found {
        match found {
            Found::There => {}
            Found::Gone => {
                manifests.gone.insert(label);
            }
            Found::Unread(problem) => {
                cx.work.note(problem);
                manifests.unread.insert(label);
            }
        }
    }
    Ok(manifests)
}

async fn find(label: String, folder: &str, repo: &Repo, cx: &Cx) -> Result<(String, Found), Problem> {
    for name in ["backup.manifest", "backup.manifest.copy"] {
        let key = format!("{folder}{label}/{name}");
        match repo.head(key.as_bytes(), &cx.work).await {
            Ok(Some(meta)) if meta.size != Some(0) => return Ok((label, Found::There)),
            Ok(_) => {}
            Err(problem) if problem.retryable => return Err(problem),
            Err(problem) => return Ok((label, Found::Unread(problem))),
        }
    }
    Ok((label, Found::Gone))
}
