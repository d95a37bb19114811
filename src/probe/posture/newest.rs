//! The newest object, found with few requests: in each folder the last one is
//! gone into, since most tools name theirs by time.

use lifeboat_core::model::Problem;

use crate::net::{
    Work,
    store::{ListOptions, Repo, show},
};

/// No repository is read for this, only looked into.
const PATHS: usize = 4;
const DEPTH: usize = 6;

pub(super) struct Newest {
    /// `None` where there is no object, or none that may be listed.
    pub key: Option<Vec<u8>>,
    /// How it was found, or why not.
    pub how: String,
}

/// Errors: those of a store that does not answer at all.
pub(super) async fn find(repo: &Repo, paths: &[String], work: &Work) -> Result<Newest, Problem> {
    let mut best: Option<(i64, Vec<u8>)> = None;
    let mut why = "there is no object yet".to_owned();
    for path in paths.iter().take(PATHS) {
        let path = path.trim_matches('/');
        let from = if path.is_empty() { Vec::new() } else { format!("{path}/").into_bytes() };
        match below(repo, from, work).await {
            Ok(found) => best = best.max(found),
            // whoever may not list may still ask for settings
            Err(problem) if is_answer(&problem) => why = format!("it cannot be looked for: {}", problem.why),
            Err(problem) => return Err(problem),
        }
    }
    Ok(match best {
        Some((_, key)) => Newest { how: format!("{}, the newest that was met", show(&key)), key: Some(key) },
        None => Newest { key: None, how: why },
    })
}

/// Whether the store said something, as opposed to being out of reach.
pub(super) fn is_answer(problem: &Problem) -> bool {
    use lifeboat_core::model::Code;
    [Code::STORE_DENIED, Code::STORE_MISSING, Code::STORE_SERVER, Code::STORE_GARBLED, Code::STORE_CEILING]
        .contains(&problem.code)
}

async fn below(repo: &Repo, from: Vec<u8>, work: &Work) -> Result<Option<(i64, Vec<u8>)>, Problem> {
    let mut best = None;
    let mut folder = from;
    for _ in 0..DEPTH {
        let page = repo.list(folder.clone(), ListOptions::delimited()).page(work).await?;
        let Some(page) = page else { break };
        let here = page.entries().filter(|e| !e.key.ends_with(b"/"));
        let newest = here.map(|e| (e.modified_ms().unwrap_or(i64::MIN), e.key)).max();
        best = best.max(newest.map(|(at, key)| (at, key.to_vec())));
        match page.prefixes().max() {
            Some(last) => folder = last.to_vec(),
            None => break,
        }
    }
    Ok(best)
}
