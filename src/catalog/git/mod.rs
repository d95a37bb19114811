//! A Git repository beside the one it mirrors, by their refs: an object id is
//! the hash of all that it leads to, so equal refs are equal histories. Whether
//! the mirror still holds every object shows only when it is cloned. `refs`
//! parses, `look` fetches, `compare` judges.

mod compare;
mod look;
mod refs;
#[cfg(test)]
mod tests;

use lifeboat_core::model::{Code, CopyDef, CopyReport, KeyDef, Problem};

use super::{Cx, Parser, replica, replica::Original};
use crate::net::store::Repo;

pub(super) const KEYS: &[KeyDef] = replica::KEYS;

/// See `crate::parsers`.
pub(super) const PARSERS: &[Parser] = &[
    ("git_advertisement", |b| {
        let _ = refs::parse_advertisement(b);
    }),
    ("git_packed_refs", |b| {
        let _ = refs::parse_packed(b, &mut refs::Refs::default());
    }),
];

/// The original is read first, so that what reaches it and the mirror while
/// both are read looks like nothing worse than an extra ref.
pub(super) async fn read(copy: &CopyDef, repo: &Repo, cx: &Cx) -> Result<CopyReport, Problem> {
    let original = match Original::of(copy, cx) {
        Original::There(place) => match look::look(&place.path, &place.repo, cx).await {
            Ok(refs) => Ok(refs),
            Err(problem) => {
                cx.work.note(problem);
                Err("what it mirrors could not be read: compared with nothing")
            }
        },
        Original::Closed => Err("what it mirrors could not be opened: compared with nothing"),
        Original::Undeclared => {
            Err("refs carry no time: only beside its original (`replica_of`) can it be judged")
        }
    };
    let own = look::look(&copy.path, repo, cx).await?;
    if own.by_name.is_empty() {
        let why = "the repository has no branches and no tags";
        return Err(Problem::new(Code::COPY_NOT_THERE, repo.id()).because(why));
    }
    let original = match original {
        Ok(refs) => refs,
        Err(why) => return Ok(compare::alone(&own, why)),
    };
    let (report, remarks) = compare::compare(&own, &original, cx.now);
    for why in remarks {
        let note = Problem::new(Code::COPY_FORMAT, repo.id()).because(why);
        cx.work.note(note.next("compare both with `git log`, then see whether the mirror job still runs"));
    }
    Ok(report)
}
