//! restic's repositories, versions 1 and 2, also those that rustic writes.
//! `look` lists and fetches, `crypt` opens, `parse` understands, `packs` sets
//! the index beside the listing, `walk` follows trees, `judge` decides.
//!
//! What is established without reading data: that every pack which a snapshot
//! may need is there in its size. A bit that flipped inside a pack shows only
//! to `restic check --read-data`.

mod crypt;
mod judge;
mod look;
mod packs;
mod parse;
#[cfg(test)]
mod tests;
mod walk;

use futures::StreamExt;
use lifeboat_core::model::{Code, CopyDef, CopyReport, KeyDef, KeyType, PointState, Problem};

use super::{Cx, Parser, TEXT, TEXTS, option};
use crate::net::store::Repo;
use judge::{Filter, Inside};
use look::{Opened, Place, Seen, Trouble};
use packs::Gather;
use parse::short;

pub(super) const KEYS: &[KeyDef] = &[
    KeyDef::new("host", TEXT, "Only snapshots of this host."),
    KeyDef::new("tags", TEXTS, "Only snapshots with all of these tags."),
    KeyDef::new("paths", TEXTS, "Only snapshots of these paths."),
    KeyDef::new("hot", KeyType::Ref("store"), "Where rustic keeps its hot part."),
];

/// See `crate::parsers`.
pub(super) const PARSERS: &[Parser] = &[
    ("restic_key", |b| {
        let _ = crypt::KeyFile::parse(b);
    }),
    ("restic_packed", |b| {
        let _ = crypt::unpack(b.to_vec(), 1 << 20);
    }),
    ("restic_snapshot", |b| {
        let _ = serde_json::from_slice::<parse::Snapshot>(b);
    }),
    ("restic_index", |b| {
        let _ =
            serde_json::from_slice::<parse::Index>(b).map(|i| i.packs.iter().map(parse::Pack::size).max());
    }),
    ("restic_lock", |b| {
        let _ = serde_json::from_slice::<parse::Lock>(b);
    }),
    ("restic_config", |b| {
        let _ = serde_json::from_slice::<parse::Config>(b);
    }),
    ("restic_tree", |b| {
        let _ = serde_json::from_slice::<parse::Tree>(b);
    }),
];

/// The store of the hot part, if one is named and could be opened.
fn hot<'a>(copy: &CopyDef, cx: &'a Cx) -> Option<&'a Repo> {
    cx.others.get(option(copy, "hot")?).map(|repo| &**repo)
}

pub(super) async fn read(copy: &CopyDef, repo: &Repo, cx: &Cx) -> Result<CopyReport, Problem> {
    if option(copy, "hot").is_some() && hot(copy, cx).is_none() {
        let why = "its hot part is not open, and files of the cold one may lie in an archive";
        return Err(Problem::new(Code::COPY_FORMAT, repo.id()).because(why));
    }
    let place = Place::new(copy, repo, cx);
    let seen = look(&place, repo).await?;
    let report = report(&place, &seen, copy, repo, cx).await?;
    if report.points.iter().all(|p| p.state != PointState::BrokenChain) {
        return Ok(report);
    }
    // prune writes its index first and takes packs out then: what was listed
    // between may look broken
    let again = look(&place, repo).await?;
    let moved = !again.indexes.keys().eq(seen.indexes.keys()) || again.packs != seen.packs;
    match moved {
        true => self::report(&place, &again, copy, repo, cx).await,
        false => Ok(report),
    }
}

async fn look(place: &Place<'_>, repo: &Repo) -> Result<Seen, Problem> {
    let seen = place.look().await?;
    match seen.keys.is_empty() && seen.snapshots.is_empty() && seen.indexes.is_empty() {
        true => Err(Problem::new(Code::COPY_NOT_THERE, repo.id())
            .because(format!("there is no restic repository at {:?}", place.root))),
        false => Ok(seen),
    }
}

async fn report(
    place: &Place<'_>,
    seen: &Seen,
    copy: &CopyDef,
    repo: &Repo,
    cx: &Cx,
) -> Result<CopyReport, Problem> {
    let closed = |state, reason: &str| CopyReport {
        points: judge::closed_points(seen, state, reason),
        ..CopyReport::default()
    };
    let told = |code, why: String| cx.work.note(Problem::new(code, repo.id()).because(why));
    let (key, altered) = match place.open(seen).await? {
        Opened::With { key, altered } => (key, altered),
        Opened::NoPassword => {
            let (count, keys, mib) = (seen.snapshots.len(), seen.keys.len(), seen.stored_bytes >> 20);
            told(
                Code::COPY_PASSWORD,
                format!("{count} snapshots, {keys} keys, {mib} MiB stored; times are when each was stored"),
            );
            for file in seen.locks.values() {
                let lock = Err(&Trouble::Gone);
                judge::lock_note(file, lock, repo.id(), cx).into_iter().for_each(|n| cx.work.note(n));
            }
            return Ok(closed(PointState::Unverified, "it is encrypted and no password was given"));
        }
        Opened::WrongPassword => {
            told(Code::COPY_WRONG_PASSWORD, format!("it opens none of {} keys", seen.keys.len()));
            return Ok(closed(PointState::Unverified, "the password that was given does not open it"));
        }
        Opened::Never(why) => {
            cx.work.note(place.problem(&why).next("bring `keys/` back from another copy"));
            return Ok(closed(PointState::BrokenChain, &format!("nothing opens the repository: {why}")));
        }
    };
    let mut inside = Inside { partly: seen.partly, ..Inside::default() };
    inside.doubt = altered.map(|id| {
        format!("key {} was altered after it was written; newer versions of restic refuse it", short(&id))
    });
    inside.dead = place.config_trouble(seen, &key)?;
    inside.snapshots = place.snapshots(seen, &key).await;
    read_index(&mut inside, place, seen, &key).await;
    for (file, lock) in place.locks(seen, &key).await {
        let note = judge::lock_note(&file, lock.as_ref(), repo.id(), cx);
        note.into_iter().for_each(|note| cx.work.note(note));
    }
    if inside.dead.is_none() && inside.unread.is_none() && is_doubtful(&inside) {
        inside.trees = walk::read(&inside.packs, place, &key).await;
    }
    let mut report = judge::judge(&inside, &Filter::of(copy), cx);
    report.notes.extend(judge::pack_notes(&inside, repo.id()));
    Ok(report)
}

/// restic reads all of the index before it does anything else.
async fn read_index(inside: &mut Inside, place: &Place<'_>, seen: &Seen, key: &crypt::Key) {
    let indexes = match place.indexes(seen, key) {
        Ok(indexes) => indexes,
        Err(problem) => {
            inside.unread = Some(problem.to_string());
            return;
        }
    };
    let mut indexes = std::pin::pin!(indexes);
    let mut packs = Gather::default();
    while let Some((file, index)) = indexes.next().await {
        let name = short(&file.id);
        match index {
            Ok(index) => packs.add(&index, seen),
            Err(Trouble::Damaged(why)) => {
                inside.dead.get_or_insert_with(|| format!("index {name} is damaged: {why}"));
            }
            Err(Trouble::Unread(problem)) => {
                inside.unread.get_or_insert_with(|| format!("index {name} could not be read: {problem}"));
            }
            Err(Trouble::Gone) => {}
        }
    }
    if seen.indexes.is_empty() {
        inside.dead.get_or_insert_with(|| "its index is gone".to_owned());
    }
    inside.packs = packs.finish(seen);
}

/// Whether names and sizes leave open what a snapshot needs.
fn is_doubtful(inside: &Inside) -> bool {
    let roots = inside.snapshots.iter().filter_map(|(_, s)| s.as_ref().ok());
    inside.packs.unnamed > 0
        || inside.packs.bad().next().is_some()
        || roots.into_iter().any(|s| inside.packs.blob(&s.tree) != packs::Verdict::Good)
}
