//! State of Terraform and OpenTofu, one object a workspace. States hold
//! secrets: of each only its lineage, serial and counts are kept, its bytes
//! are dropped at once, and no message quotes them. `state` parses, `judge`
//! compares, `history` reads what a bucket keeps of older ones, here is what is
//! fetched.

mod history;
mod judge;
mod state;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use lifeboat_core::model::{Code, CopyDef, CopyReport, KeyDef, Problem, Time};

use super::{Cx, Parser, replica, replica::Original};
use crate::net::store::{ListOptions, Repo, show};
use state::{Held, Lock};

pub(super) const KEYS: &[KeyDef] = replica::KEYS;

/// See `crate::parsers`.
pub(super) const PARSERS: &[Parser] = &[
    ("terraform_state", |b| {
        let _ = state::parse(b);
    }),
    ("terraform_lock", |b| {
        let _ = Lock::parse(b).map(|lock| lock.told());
    }),
];

/// A state of a thousand resources is about 5 MB.
const MAX_STATE: u64 = 64 << 20;
const MAX_LOCK: u64 = 64 << 10;
/// States that are read at each look, the newest; the rest is listed.
const READ: usize = 200;
const KEEP: usize = 10_000;

/// One state as it lies in a store.
#[derive(Debug, Clone, PartialEq)]
struct Seen {
    size: u64,
    stored: Option<Time>,
    held: Held,
}

/// By key below the path.
type States = BTreeMap<Vec<u8>, Seen>;

pub(super) async fn read(copy: &CopyDef, repo: &Repo, cx: &Cx) -> Result<CopyReport, Problem> {
    let own = look(&copy.path, repo, cx).await?;
    if own.is_empty() {
        let why = format!("no *.tfstate below {:?}", copy.path);
        return Err(Problem::new(Code::COPY_NOT_THERE, repo.id()).because(why));
    }
    let original = match Original::of(copy, cx) {
        Original::Undeclared | Original::Closed => None,
        Original::There(place) => match look(&place.path, &place.repo, cx).await {
            Ok(states) => Some(states),
            Err(problem) => {
                cx.work.note(problem);
                None
            }
        },
    };
    let older = history::look(&copy.path, repo, cx).await;
    let (mut report, mut remarks) = judge::judge(&own, original.as_ref(), cx);
    judge::add_older(&mut report, &mut remarks, &own, &older, cx);
    for why in remarks {
        cx.work.note(Problem::new(Code::COPY_FORMAT, repo.id()).because(why).next("look at both states"));
    }
    Ok(report)
}

async fn look(path: &str, repo: &Repo, cx: &Cx) -> Result<States, Problem> {
    let mut states = list(path, repo, cx).await?;
    let mut newest: Vec<(Option<Time>, Vec<u8>)> =
        states.iter().map(|(k, s)| (s.stored, k.clone())).collect();
    newest.sort();
    for (_, key) in newest.into_iter().rev().take(READ) {
        let Some(seen) = states.get_mut(&key).filter(|seen| seen.size > 0) else { continue };
        let full = full_key(path, &key);
        if cx.work.thaws.has(repo.id(), &full) {
            seen.held = Held::Unread("it lies in an archive class and has to be retrieved first".to_owned());
            continue;
        }
        seen.held = match repo.get(&full, None, MAX_STATE, &cx.work).await {
            Ok(object) => state::parse(&object.bytes),
            Err(problem) => {
                let held = Held::Unread(format!("it could not be read: {}", problem.what));
                cx.work.note(problem);
                held
            }
        };
    }
    Ok(states)
}

/// A path may be a folder of states or one state.
async fn list(path: &str, repo: &Repo, cx: &Cx) -> Result<States, Problem> {
    let path = path.trim_matches('/');
    let mut states = States::new();
    let mut listing = repo.list(prefix(path), ListOptions::flat());
    while let Some(page) = listing.page(&cx.work).await? {
        for entry in page.entries() {
            let Some(key) = below(path, entry.key) else { continue };
            if let Some(of) = entry.key.strip_suffix(b".tflock") {
                remark_lock(of, entry.key, repo, cx).await;
            } else if key.is_empty() || key.ends_with(b".tfstate") {
                let held = Held::Unread("it was not read, since newer ones were".to_owned());
                states.insert(key.to_vec(), Seen { size: entry.size, stored: entry.modified(), held });
            }
        }
        if states.len() > KEEP {
            let why = format!("more than {KEEP} states");
            return Err(Problem::new(Code::STORE_CEILING, repo.id()).because(why));
        }
    }
    Ok(states)
}

/// A file cannot be listed by its own name as a prefix with a slash.
fn prefix(path: &str) -> Vec<u8> {
    match path {
        "" => Vec::new(),
        path if path.ends_with(".tfstate") => path.as_bytes().to_vec(),
        path => format!("{path}/").into_bytes(),
    }
}

/// What follows the path; empty for the path itself, as of one state.
fn below<'k>(path: &str, key: &'k [u8]) -> Option<&'k [u8]> {
    let rest = key.strip_prefix(path.as_bytes())?;
    match path.is_empty() || rest.is_empty() {
        true => Some(rest),
        false => rest.strip_prefix(b"/").or_else(|| rest.eq(b".tflock").then_some(rest)),
    }
}

fn full_key(path: &str, key: &[u8]) -> Vec<u8> {
    let path = path.trim_matches('/').as_bytes();
    match (path.is_empty(), key.is_empty()) {
        (true, _) => key.to_vec(),
        (_, true) => path.to_vec(),
        _ => [path, b"/", key].concat(),
    }
}

/// Whoever holds a lock may be writing, or died doing so.
async fn remark_lock(of: &[u8], key: &[u8], repo: &Repo, cx: &Cx) {
    let lock = match repo.get_if_there(key, MAX_LOCK, &cx.work).await {
        Ok(Some(object)) => Lock::parse(&object.bytes),
        // released meanwhile
        Ok(None) => return,
        Err(problem) => return cx.work.note(problem),
    };
    let told = lock.map_or(" by someone".to_owned(), |lock| lock.told());
    let why = format!("{} is locked{told}", show(of));
    let problem = Problem::new(Code::COPY_FORMAT, repo.id()).because(why);
    cx.work.note(problem.next("see whether that run is still going on, else `terraform force-unlock`"));
}
