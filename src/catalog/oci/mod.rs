//! Images in a registry beside the one they are copied from. A tag is good
//! where all that a pull needs is there: its manifest, those that an index
//! names, their configs and layers. Images that are only deployed by digest,
//! without a tag, cannot be listed. `registry` asks, `manifest` parses, `look`
//! follows, `judge` decides.

mod judge;
mod look;
mod manifest;
mod registry;
#[cfg(test)]
mod tests;

use lifeboat_core::model::{Code, CopyDef, CopyReport, KeyDef, Problem};

use super::{Cx, Parser, replica, replica::Original};
use crate::net::store::Repo;
use judge::Beside;
use registry::Registry;

pub(super) const KEYS: &[KeyDef] = replica::KEYS;

/// See `crate::parsers`.
pub(super) const PARSERS: &[Parser] = &[
    ("oci_manifest", |b| {
        let _ = manifest::children(b);
    }),
    ("oci_tags", |b| {
        let _ = registry::parse_tags(b);
    }),
];

/// The original is read first, so that what reaches both meanwhile looks like
/// nothing worse than an extra tag.
pub(super) async fn read(copy: &CopyDef, repo: &Repo, cx: &Cx) -> Result<CopyReport, Problem> {
    let original = match Original::of(copy, cx) {
        Original::There(place) => match original(&place.path, &place.repo, cx).await {
            Ok(seen) => Ok(seen),
            Err(problem) => {
                cx.work.note(problem);
                Err("what it is a copy of could not be read: compared with nothing")
            }
        },
        Original::Closed => Err("what it is a copy of could not be opened: compared with nothing"),
        Original::Undeclared => {
            Err("tags carry no time: only beside its original (`replica_of`) can it be judged")
        }
    };
    let registry = Registry::of(repo, &copy.path, cx)?;
    let mut own = look::tags(&registry).await?;
    if own.tags.is_empty() {
        let why = format!("{} has no tags", registry.name());
        return Err(Problem::new(Code::COPY_NOT_THERE, repo.id()).because(why));
    }
    look::parts(&mut own, &registry).await?;
    let beside = original.as_ref().map(|seen| Beside { tags: &seen.tags, all: seen.all }).map_err(|why| *why);
    let (report, remarks) = judge::judge(&own, beside.as_ref().map_err(|why| *why), cx.now);
    for why in remarks {
        let note = Problem::new(Code::COPY_FORMAT, repo.id()).because(why);
        cx.work.note(note.next("see whether they were deleted there on purpose"));
    }
    Ok(report)
}

async fn original(path: &str, repo: &Repo, cx: &Cx) -> Result<look::Seen, Problem> {
    look::tags(&Registry::of(repo, path, cx)?).await
}
