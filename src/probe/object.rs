//! `object = { store, path, match }`: whether an object is there, how old and how
//! large it is; of several that fit a glob, the newest counts.

use globset::GlobBuilder;
use lifeboat_core::model::{Code, Dur, Probe, ProbeReading, Problem, StoreId, Time};
use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    Prober,
    dial::within,
    figure::{Body, judge},
    millis,
};
use crate::net::{
    Work,
    store::{Repo, as_path, open, show},
};

/// A folder with more is searched at each look: too dear for a probe.
const MAX_KEYS: u64 = 200_000;

#[derive(Deserialize)]
struct Target {
    store: StoreId,
    #[serde(default)]
    path: String,
    #[serde(rename = "match")]
    glob: Option<String>,
}

struct Found {
    key: Vec<u8>,
    size: Option<u64>,
    stored: Option<Time>,
}

pub(super) async fn ask(prober: &Prober, probe: &Probe, timeout: Dur) -> Result<ProbeReading, Problem> {
    let target: Target = super::table(probe)?;
    let subject = format!("{} {}", target.store, show(target.path.as_bytes()));
    let begun = Instant::now();
    let mut work = Work::new(CancellationToken::new());
    work.meter = prober.meter.clone();
    (work.deadline, work.max_keys) = (timeout, MAX_KEYS);
    let looked = async {
        let store = prober.stores.iter().find(|store| store.id == target.store);
        let store = store.ok_or_else(|| Problem::new(Code::STORE_MISSING, &target.store))?;
        let repo = open(store, &prober.http, &prober.secrets).await?;
        match &target.glob {
            Some(glob) => newest(&repo, &target.path, glob, &work).await,
            None => one(&repo, &target.path, &work).await,
        }
    };
    let found = within(timeout, &subject, looked).await?;
    let (row, standing) = told(found.as_ref(), chrono::Utc::now());
    judge(probe, &Body::row(row, "age_s"), standing, None, millis(begun), &subject)
}

async fn one(repo: &Repo, path: &str, work: &Work) -> Result<Option<Found>, Problem> {
    let key = path.trim_matches('/').as_bytes();
    let meta = repo.head(key, work).await?;
    Ok(meta.map(|meta| Found { key: key.to_vec(), size: meta.size, stored: meta.modified }))
}

async fn newest(repo: &Repo, path: &str, glob: &str, work: &Work) -> Result<Option<Found>, Problem> {
    let bad =
        |e| Problem::new(Code::PROBE_VALUE, repo.id()).because(format!("`match`: {e}")).next("mend `match`");
    let glob = GlobBuilder::new(glob).literal_separator(true).build().map_err(bad)?.compile_matcher();
    let path = path.trim_matches('/');
    let root = if path.is_empty() { String::new() } else { format!("{path}/") };
    let mut best: Option<Found> = None;
    let mut listing = repo.list_wide(root.as_bytes(), None, work).await?;
    while let Some(page) = listing.page().await? {
        for entry in page.entries() {
            let Some(below) = entry.key.strip_prefix(root.as_bytes()) else { continue };
            let newer = best.as_ref().is_none_or(|best| best.stored < entry.modified());
            if newer && !below.ends_with(b"/") && glob.is_match(as_path(below)) {
                let (size, stored) = (Some(entry.size), entry.modified());
                best = Some(Found { key: entry.key.to_vec(), size, stored });
            }
        }
    }
    Ok(best)
}

/// Pure.
fn told(found: Option<&Found>, now: Time) -> (serde_json::Value, Result<String, String>) {
    let Some(found) = found else {
        return (json!({ "present": false }), Err("there is no such object".to_owned()));
    };
    let age = found.stored.map(|at| Dur::between(at, now));
    let row = json!({
        "present": true,
        "key": show(&found.key),
        "size_bytes": found.size,
        "stored_at": found.stored.map(|at| at.to_rfc3339()),
        "age_s": age.map(|age| age.as_millis() as f64 / 1_000.0),
    });
    let age = age.map_or("of unknown age".to_owned(), |age| format!("{age} old"));
    (row, Ok(format!("{}, {age}", show(&found.key))))
}
