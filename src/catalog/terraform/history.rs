//! Older versions of states, where a bucket keeps them: what there is to go back
//! to after a bad apply. Each is read, as far as there are not too many, and
//! believed only where the store hands out the version that was asked for.

use std::collections::BTreeMap;

use lifeboat_core::model::{Code, Problem, Time};

use super::{Held, MAX_STATE, Seen, below, prefix, state};
use crate::{
    catalog::Cx,
    net::store::{Class, Kept, Repo, show},
};

/// Versions of states that are listed.
const LISTED: usize = 20_000;
/// Of each state, the newest.
const SHOWN: usize = 50;
/// Over all states, the newest; each costs a request.
const READ: usize = 50;

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Older {
    /// Below the path.
    pub key: Vec<u8>,
    pub version: String,
    pub seen: Seen,
}

/// Newest first. What keeps them from being listed is a note: the states as
/// they stand are judged all the same.
pub(super) async fn look(path: &str, repo: &Repo, cx: &Cx) -> Vec<Older> {
    let path = path.trim_matches('/');
    let listed = match repo.versions(&prefix(path), LISTED, &cx.work).await {
        Ok(listed) => listed.unwrap_or_default(),
        Err(problem) => {
            cx.work.note(problem);
            return Vec::new();
        }
    };
    let is_state =
        |kept: &Kept| below(path, &kept.key).is_some_and(|k| k.is_empty() || k.ends_with(b".tfstate"));
    let states: Vec<Kept> = listed.into_iter().filter(is_state).collect();
    remark_deletions(&states, repo, cx);
    let mut shown: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
    let mut older: Vec<Kept> = states.into_iter().filter(|kept| !kept.current && !kept.deletion).collect();
    older.retain(|kept| {
        let count = shown.entry(kept.key.clone()).or_default();
        *count += 1;
        *count <= SHOWN
    });
    older.sort_by(|a, b| (b.stored, &b.key).cmp(&(a.stored, &a.key)));
    let mut all = Vec::with_capacity(older.len());
    for (n, kept) in older.into_iter().enumerate() {
        let held = match () {
            () if n >= READ => Held::Unread("it was not read, since newer versions were".to_owned()),
            () if kept.class != Class::Online => Held::Unread(crate::catalog::thaw::reason(kept.class)),
            () => read(&kept, repo, cx).await,
        };
        let key = below(path, &kept.key).unwrap_or_default().to_vec();
        all.push(Older { key, version: kept.id, seen: Seen { size: kept.size, stored: kept.stored, held } });
    }
    all
}

async fn read(kept: &Kept, repo: &Repo, cx: &Cx) -> Held {
    match repo.get_version(kept, MAX_STATE, &cx.work).await {
        Ok(object) => state::parse(&object.bytes),
        Err(problem) => {
            let held = Held::Unread(format!("it could not be read: {}", problem.what));
            cx.work.note(problem);
            held
        }
    }
}

/// A state that is gone and could be had back.
fn remark_deletions(states: &[Kept], repo: &Repo, cx: &Cx) {
    for gone in states.iter().filter(|kept| kept.deletion && kept.current) {
        let kept = states.iter().filter(|kept| kept.key == gone.key && !kept.deletion).count();
        let at = gone.stored.map_or(String::new(), |at: Time| format!(" at {}", at.format("%FT%TZ")));
        let why = format!("{} was deleted{at}; {kept} versions of it are kept", show(&gone.key));
        let problem = Problem::new(Code::COPY_FORMAT, repo.id()).because(why);
        cx.work.note(problem.next("see whether it was meant to be; else restore its newest version"));
    }
}
