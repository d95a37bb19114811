//! Where timelines branch off, from their history files in an archive.

use std::collections::BTreeMap;

use lifeboat_core::model::{Code, Problem};

use super::{Archive, SegmentSize, parse_history};
use crate::{
    catalog::{Cx, salted, unpack::unpack},
    net::{
        Secret,
        store::{Repo, show},
    },
};

const MAX_HISTORY: u64 = 64 << 10;
/// Timelines whose history is read, newest first.
const MAX_TIMELINES: usize = 100;

/// The history files of one archive.
#[derive(Clone, Copy)]
pub struct Files<'a> {
    /// Their keys, by timeline.
    pub there: &'a BTreeMap<u32, Vec<u8>>,
    /// Where they should lie.
    pub folder: &'a str,
    /// What they are encrypted under, as pgBackRest does.
    pub key: Option<&'a Secret>,
}

/// Sets the parents of an archive's timelines. Gives back what keeps recovery
/// from following a timeline.
pub async fn follow(
    archive: &mut Archive,
    files: &Files<'_>,
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
        let Some(key) = files.there.get(&id) else {
            // an archive can begin on a later timeline, which then needs no way back
            if archive.timelines.range(..id).next().is_some() {
                unusable(format!(
                    "{}{id:08X}.history is missing: recovery cannot follow timeline {id}",
                    files.folder
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
        let bytes = &object.bytes;
        let opened = files.key.and_then(|key| salted::open(bytes, key));
        let text = unpack(opened.as_ref().map_or(bytes, |o| &o.plain), MAX_HISTORY).unwrap_or_default();
        match parse_history(&text) {
            Some((parent, lsn)) if parent < id => {
                let at = size.number_of(lsn);
                if first.is_some_and(|first| at >= first) {
                    archive.timeline(id).parent = Some((parent, at));
                }
            }
            // without its key nothing is known of it, for or against
            _ if opened.is_none() && salted::is_salted(bytes) => {}
            _ => {
                unusable(format!("{} cannot be understood: recovery cannot follow timeline {id}", show(key)))
            }
        }
    }
    Ok(notes)
}
