//! Objects as they are, beside those they are copied from. Both listings are
//! walked at once, in byte order, so that millions cost no memory; objects
//! themselves are not read. `walk` lists, `inventory` reads what S3 listed,
//! `compare` judges.

mod compare;
mod inventory;
#[cfg(test)]
mod tests;
mod walk;

use std::sync::Arc;

use lifeboat_core::model::{
    Code, CopyDef, CopyReport, KeyDef, KeyType, Point, PointKind, PointState, Problem, Time,
};

use super::{
    Cx, Parser, replica,
    replica::{Original, Place},
    root,
};
use crate::net::store::{Kind, Repo};
use compare::{OnTheWay, Step, Tally};
use inventory::Inventory;
use walk::Walk;

pub(super) const KEYS: &[KeyDef] = &[
    replica::KEYS[0],
    KeyDef::new(
        "inventory",
        KeyType::Table(&[
            KeyDef::required("store", KeyType::Ref("store"), "The store that S3 writes it to."),
            KeyDef::required("path", KeyType::Text, "Its folder, `PREFIX/BUCKET/CONFIGURATION`."),
        ]),
        "An S3 Inventory (CSV) of what this is a copy of: read instead of listing that bucket.",
    ),
];

/// See `crate::parsers`.
pub(super) const PARSERS: &[Parser] = inventory::PARSERS;

/// What the copy is compared with.
enum Beside {
    Listing(Place),
    /// And below which prefix of its bucket the original lies.
    Inventory(Place, String),
}

impl Beside {
    /// `Err`: why there is none, where there should be one.
    fn of(copy: &CopyDef, cx: &Cx) -> Result<Option<Self>, &'static str> {
        let named = |table: &str, key: &str| {
            let value = copy.options.get(table).and_then(|table| table.get(key));
            value.and_then(|value| value.as_str()).unwrap_or_default().to_owned()
        };
        if copy.options.contains_key("inventory") {
            let repo = cx.others.get(named("inventory", "store").as_str());
            let repo = repo.ok_or("its inventory's store could not be opened: compared with nothing")?;
            let place = Place { repo: Arc::clone(repo), path: named("inventory", "path") };
            return Ok(Some(Self::Inventory(place, super::as_root(&named("replica_of", "path")))));
        }
        match Original::of(copy, cx) {
            Original::There(place) => Ok(Some(Self::Listing(place))),
            Original::Closed => Err("what it is a copy of could not be opened: compared with nothing"),
            Original::Undeclared => Ok(None),
        }
    }
}

/// There is one point: the bucket as it stands. It completes at the instant up
/// to which all of the original is there, which is just before the oldest
/// object that is not yet copied was written, and no later than the original
/// was listed.
pub(super) async fn read(copy: &CopyDef, repo: &Repo, cx: &Cx) -> Result<CopyReport, Problem> {
    let beside = match Beside::of(copy, cx) {
        Ok(Some(beside)) => beside,
        Ok(None) => return alone(copy, repo, None, cx).await,
        Err(why) => return alone(copy, repo, Some(why), cx).await,
    };
    match compared(copy, repo, &beside, cx).await? {
        Ok(report) => Ok(report),
        Err(problem) => {
            cx.work.note(problem);
            let why = "what it is a copy of could not be listed: compared with nothing";
            alone(copy, repo, Some(why), cx).await
        }
    }
}

/// The inner error is the original's.
async fn compared(
    copy: &CopyDef,
    repo: &Repo,
    beside: &Beside,
    cx: &Cx,
) -> Result<Result<CopyReport, Problem>, Problem> {
    let before = cx.work.take_notes();
    let (original, seen) = match beside {
        Beside::Listing(place) => (Walk::new(&place.repo, &place.root()), cx.now),
        Beside::Inventory(place, prefix) => match inventory::load(place, prefix, cx).await {
            Ok(Inventory { made, objects }) => (Walk::over(objects), made),
            Err(problem) => return Ok(Err(problem)),
        },
    };
    let walked = walk_both(Walk::new(repo, &root(copy)), original, Tally::new(seen), cx).await;
    // what was met while listing: a folder that may not be read holds what nobody compared
    let met = cx.work.take_notes();
    let partial = !met.is_empty();
    before.into_iter().chain(met).for_each(|note| cx.work.note(note));
    let tally = match walked? {
        Ok(tally) => tally,
        Err(problem) => return Ok(Err(problem)),
    };
    if tally.own == 0 {
        return Err(nothing(copy, repo));
    }
    for why in tally.remarks().into_iter().chain(on_the_way(&tally, beside, cx).await) {
        cx.work.note(Problem::new(Code::COPY_FORMAT, repo.id()).because(why).next("compare the two stores"));
    }
    let (state, reason) = tally.state(partial);
    let points = vec![point(copy, tally.as_of(), tally.bytes, state, reason)];
    let (gaps, behind) = (tally.gap().into_iter().collect(), Some(tally.behind()));
    Ok(Ok(CopyReport { points, gaps, behind, ..CopyReport::default() }))
}

/// How far what is missing is on its way, as the original's store tells: an
/// inventory of all, a bucket of the few that are asked after. Folders, and
/// stores that replicate nothing by themselves, tell nothing.
async fn on_the_way(tally: &Tally, beside: &Beside, cx: &Cx) -> Option<String> {
    let place = match beside {
        Beside::Inventory(..) => return tally.on_the_way().told("what is not copied"),
        Beside::Listing(place) if place.repo.kind() == Kind::S3 => place,
        Beside::Listing(_) => return None,
    };
    let (root, oldest) = (place.root(), tally.oldest_missing());
    let heads = oldest.iter().map(async |key| {
        let full = [root.as_bytes(), key].concat();
        // one that cannot be asked, or is gone, stays counted as missing and says no more
        (key, place.repo.head(&full, &cx.work).await.ok().flatten())
    });
    let mut asked = OnTheWay::default();
    for (key, meta) in futures::future::join_all(heads).await {
        meta.into_iter().for_each(|meta| asked.add(key, meta.replication));
    }
    asked.told(&format!("the {} oldest that are not copied", oldest.len()))
}

/// The inner error is the original's.
async fn walk_both(
    mut own: Walk<'_>,
    mut original: Walk<'_>,
    mut tally: Tally,
    cx: &Cx,
) -> Result<Result<Tally, Problem>, Problem> {
    loop {
        // both pages at once, where both have come to an end
        let (theirs, ours) = tokio::join!(original.peek(&cx.work), own.peek(&cx.work));
        let theirs = match theirs {
            Ok(theirs) => theirs,
            Err(problem) => return Ok(Err(problem)),
        };
        let ours = ours?;
        match tally.meet(ours, theirs, cx) {
            Step::Over => return Ok(Ok(tally)),
            Step::Own => own.next(),
            Step::Original => original.next(),
            Step::Both => {
                own.next();
                original.next();
            }
        }
    }
}

/// Without an original; `unlike`: why, where there should be one.
async fn alone(copy: &CopyDef, repo: &Repo, unlike: Option<&str>, cx: &Cx) -> Result<CopyReport, Problem> {
    let mut walk = Walk::new(repo, &root(copy));
    let (mut count, mut bytes, mut newest) = (0u64, 0u64, None);
    while let Some(object) = walk.peek(&cx.work).await? {
        count += 1;
        bytes = bytes.saturating_add(object.size);
        newest = newest.max(object.at());
        walk.next();
    }
    if count == 0 {
        return Err(nothing(copy, repo));
    }
    let (state, reason) = match unlike {
        Some(why) => (PointState::Unverified, why),
        None if newest.is_some_and(|at| cx.is_future(at)) => {
            (PointState::Suspect, "its newest object was stored in the future, by the store's clock")
        }
        None => (PointState::Usable, ""),
    };
    let points = vec![point(copy, newest, bytes, state, reason.to_owned())];
    Ok(CopyReport { points, ..CopyReport::default() })
}

fn nothing(copy: &CopyDef, repo: &Repo) -> Problem {
    let why = format!("no objects below {:?}", root(copy));
    Problem::new(Code::COPY_NOT_THERE, repo.id()).because(why)
}

fn point(copy: &CopyDef, at: Option<Time>, bytes: u64, state: PointState, reason: String) -> Point {
    let path = root(copy);
    Point {
        id: if path.is_empty() { "all objects".to_owned() } else { crate::net::store::show(path.as_bytes()) },
        kind: PointKind::Object,
        started_at: None,
        completed_at: at,
        size_bytes: Some(bytes),
        packed: None,
        state,
        reason,
        depends_on: Vec::new(),
    }
}
