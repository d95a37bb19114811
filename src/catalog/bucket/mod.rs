//! Objects as they are, beside those they are copied from. Both listings are
//! walked at once, in byte order, so that millions cost no memory; objects
//! themselves are not read. `walk` lists, `compare` judges.

mod compare;
#[cfg(test)]
mod tests;
mod walk;

use lifeboat_core::model::{Code, CopyDef, CopyReport, KeyDef, Point, PointKind, PointState, Problem, Time};

use super::{
    Cx, replica,
    replica::{Original, Place},
    root,
};
use crate::net::store::Repo;
use compare::{Step, Tally};
use walk::Walk;

pub(super) const KEYS: &[KeyDef] = replica::KEYS;

/// There is one point: the bucket as it stands. It completes at the instant up
/// to which all of the original is there, which is just before the oldest
/// object that is not yet copied was written.
pub(super) async fn read(copy: &CopyDef, repo: &Repo, cx: &Cx) -> Result<CopyReport, Problem> {
    let place = match Original::of(copy, cx) {
        Original::There(place) => Some(place),
        Original::Closed => {
            return alone(
                copy,
                repo,
                Some("what it is a copy of could not be opened: compared with nothing"),
                cx,
            )
            .await;
        }
        Original::Undeclared => None,
    };
    let Some(place) = place else { return alone(copy, repo, None, cx).await };
    match compared(copy, repo, &place, cx).await? {
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
    place: &Place,
    cx: &Cx,
) -> Result<Result<CopyReport, Problem>, Problem> {
    let before = cx.work.take_notes();
    let walked = walk_both(Walk::new(repo, &root(copy)), Walk::new(&place.repo, &place.root()), cx).await;
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
    for why in tally.remarks() {
        cx.work.note(Problem::new(Code::COPY_FORMAT, repo.id()).because(why).next("compare the two stores"));
    }
    let (state, reason) = tally.state(partial);
    let points = vec![point(copy, tally.as_of(cx.now), tally.bytes, state, reason)];
    let (gaps, behind) = (tally.gap().into_iter().collect(), Some(tally.behind()));
    Ok(Ok(CopyReport { points, gaps, behind, ..CopyReport::default() }))
}

/// The inner error is the original's.
async fn walk_both(
    mut own: Walk<'_>,
    mut original: Walk<'_>,
    cx: &Cx,
) -> Result<Result<Tally, Problem>, Problem> {
    let mut tally = Tally::default();
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
        state,
        reason,
        depends_on: Vec::new(),
    }
}
