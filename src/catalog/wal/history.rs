//! Where timelines branch off, from their history files in an archive.

use std::collections::BTreeMap;

use lifeboat_core::model::{Code, Problem};

use super::{Archive, SegmentSize, parse_history};
use crate::{
    catalog::{Cx, unpack::unpack},
    net::store::{Repo, show},
};

const MAX_HISTORY: u64 = 64 << 10;
/// Timelines whose history is read, newest first.
const MAX_TIMELINES: usize = 100;
/// What OpenSSL's salted format begins with.
const SALTED: &[u8] = b"Salted__";

/// Sets the parents of an archive's timelines. `there` holds the keys of the
/// history files by timeline, `folder` is where they should lie. Gives back
/// what keeps recovery from following a timeline.
pub async fn follow(
    archive: &mut Archive,
    there: &BTreeMap<u32, Vec<u8>>,
    folder: &str,
    size: SegmentSize,
    repo: &Repo,
    cx: &Cx,
) -> Result<Vec<Problem>, Problem> {
    let mut notes = Vec::new();
    let lines: Vec<u32> =
        archive.timelines.keys().rev().copied().filter(|id| *id > 1).take(MAX_TIMELINES).collect();
    let first = archive.timelines.values().filter_map(|l| l.runs().first()).map(|r| r.first).min();
    for id in lines {
        let mut unusable = |why: String| {
            let problem = Problem::new(Code::COPY_FORMAT, repo.id()).because(why);
            notes.push(problem.next("bring the history file back from the server or another copy"));
        };
        let Some(key) = there.get(&id) else {
            // an archive can begin on a later timeline, which then needs no way back
            if archive.timelines.range(..id).next().is_some() {
                unusable(format!(
                    "{folder}{id:08X}.history is missing: recovery cannot follow timeline {id}"
                ));
            }
            continue;
        };
        let object = match repo.get(key, None, MAX_HISTORY, &cx.work).await {
            Ok(object) => object,
            Err(problem) if problem.retryable => return Err(problem),
            Err(problem) => {
                unusable(format!("recovery cannot follow timeline {id}: {}", problem.why));
                continue;
            }
        };
        let text = unpack(&object.bytes, MAX_HISTORY).unwrap_or_default();
        match parse_history(&text) {
            Some((parent, lsn)) if parent < id => {
                let at = size.number_of(lsn);
                if first.is_some_and(|first| at >= first) {
                    archive.timeline(id).parent = Some((parent, at));
                }
            }
            _ if object.bytes.starts_with(SALTED) => {}
            _ => {
                unusable(format!("{} cannot be understood: recovery cannot follow timeline {id}", show(key)))
            }
        }
    }
    Ok(notes)
}
