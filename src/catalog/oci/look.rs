//! What of a repository is there: tags, what they name, and all that a pull
//! of those would need.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, TryStreamExt, stream};
use lifeboat_core::model::Problem;

use super::{
    manifest::{Child, Digest, children},
    registry::Registry,
};

/// Requests under way at once.
const ABREAST: usize = 8;
/// Manifests and blobs that are asked for at each look; images share most layers.
const MAX_PARTS: usize = 5_000;
/// Indexes may hold indexes; nobody nests them deeper.
const MAX_DEPTH: usize = 4;

/// What a tag names, or why that is not known.
pub(super) type Named = Result<Digest, Trouble>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    Gone,
    /// It is there and is not what it should be.
    Damaged(String),
    /// Nothing is known of it, for or against.
    Unread(String),
}

#[derive(Debug, Default)]
pub(super) struct Seen {
    pub tags: BTreeMap<String, Named>,
    /// Whether `tags` are all.
    pub all: bool,
    pub manifests: BTreeMap<Digest, Result<Vec<Child>, Trouble>>,
    pub blobs: BTreeMap<Digest, Result<(), Trouble>>,
}

/// The tags and what they name. Errors: what will keep failing, such as a
/// registry that is down; what concerns one tag is said of that tag.
pub(super) async fn tags(registry: &Registry<'_>) -> Result<Seen, Problem> {
    let listed = registry.tags().await?;
    let asked = listed.names.into_iter().map(async |tag| {
        let named = match registry.resolve(&tag).await {
            Ok(named) => named.ok_or(Trouble::Gone),
            Err(problem) => Err(unread(problem)?),
        };
        Ok::<_, Problem>((tag, named))
    });
    let tags = stream::iter(asked).buffer_unordered(ABREAST).try_collect().await?;
    Ok(Seen { tags, all: listed.all, ..Seen::default() })
}

/// Follows every tag down to its layers.
pub(super) async fn parts(seen: &mut Seen, registry: &Registry<'_>) -> Result<(), Problem> {
    let mut wanted: BTreeSet<Digest> = seen.tags.values().filter_map(|n| n.as_ref().ok()).cloned().collect();
    let mut blobs = BTreeSet::new();
    for depth in 0..MAX_DEPTH {
        wanted.retain(|digest| !seen.manifests.contains_key(digest));
        let fits = MAX_PARTS.saturating_sub(seen.manifests.len());
        let asked = std::mem::take(&mut wanted).into_iter().take(fits).map(async |digest| {
            let found = manifest(&digest, registry).await?;
            Ok::<_, Problem>((digest, found))
        });
        let found: Vec<_> = stream::iter(asked).buffer_unordered(ABREAST).try_collect().await?;
        for (digest, found) in found {
            for child in found.iter().flatten() {
                let into = if child.is_manifest { &mut wanted } else { &mut blobs };
                into.insert(child.digest.clone());
            }
            seen.manifests.insert(digest, found);
        }
        if wanted.is_empty() || depth + 1 == MAX_DEPTH {
            break;
        }
    }
    let fits = MAX_PARTS.saturating_sub(seen.manifests.len());
    let asked = blobs.into_iter().take(fits).map(async |digest| {
        let found = match registry.has_blob(&digest).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Trouble::Gone),
            Err(problem) => Err(unread(problem)?),
        };
        Ok::<_, Problem>((digest, found))
    });
    seen.blobs = stream::iter(asked).buffer_unordered(ABREAST).try_collect().await?;
    Ok(())
}

/// Errors of the outer kind will keep failing.
async fn manifest(digest: &Digest, registry: &Registry<'_>) -> Result<Result<Vec<Child>, Trouble>, Problem> {
    Ok(match registry.manifest(digest.as_str()).await {
        Ok(None) => Err(Trouble::Gone),
        Ok(Some(bytes)) if !digest.fits(&bytes) => {
            Err(Trouble::Damaged("its bytes are not those of its digest".to_owned()))
        }
        Ok(Some(bytes)) => children(&bytes).map_err(Trouble::Unread),
        Err(problem) => Err(unread(problem)?),
    })
}

/// A registry that does not answer will not do so for the next part either.
fn unread(problem: Problem) -> Result<Trouble, Problem> {
    match problem.retryable {
        true => Err(problem),
        false => Ok(Trouble::Unread(format!("it could not be read: {}", problem.what))),
    }
}
