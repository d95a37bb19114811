//! What several readers ask of a listing.

use std::collections::BTreeSet;

use futures::{StreamExt, TryStreamExt, stream};
use lifeboat_core::model::Problem;

use super::Cx;
use crate::net::store::{ListOptions, Repo};

/// Names of the folders right below a prefix, sorted; those that are no text are left out.
pub async fn folders(repo: &Repo, prefix: &str, cx: &Cx) -> Result<Vec<String>, Problem> {
    let mut listing = repo.list(prefix, ListOptions::delimited());
    let mut names = BTreeSet::new();
    while let Some(page) = listing.page(&cx.work).await? {
        let below = page.prefixes().filter_map(|p| p.strip_prefix(prefix.as_bytes())?.strip_suffix(b"/"));
        names.extend(below.filter_map(|name| std::str::from_utf8(name).ok()).map(str::to_owned));
    }
    Ok(names.into_iter().collect())
}

/// Backups that are looked into at once: each costs round trips of its own.
const AT_ONCE: usize = 8;

/// All of these, in their order; the first error ends it.
pub async fn each<T>(
    looks: impl IntoIterator<Item = impl Future<Output = Result<T, Problem>>>,
) -> Result<Vec<T>, Problem> {
    let looks: Vec<_> = looks.into_iter().collect();
    stream::iter(looks).buffered(AT_ONCE).try_collect().await
}
