//! What a copy still holds when somebody may delete from it, or when what was
//! copied since some instant is bad.

use super::asset::{AssetFacts, CopyAt};
use super::domains::Modes;
use super::ground::CopyGround;
use super::sources::Ask;
use super::{Assumption, Reason};
use crate::model::*;

/// Whether a copy counts in a scenario, and how much of it.
pub(crate) enum Standing {
    Whole,
    Clean(Clean),
    /// With what it would hold at best.
    Unknown(Reason, Clean),
    /// Without a reason: it is lost with what it lies in.
    Out(Option<Reason>),
}

/// Only what is older than `before` counts, and of that what rests on nothing
/// stored before `locked_from`: the lock on older objects has run out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clean {
    pub before: Millis,
    pub locked_from: Millis,
    /// It follows its original, and keeps the versions of what it overwrites.
    versions: bool,
}

enum Lock {
    From(Millis),
    /// At best from then on.
    Unknown(Millis),
    None,
}

pub(crate) fn standing(ask: &mut Ask, asset: &AssetFacts, copy: CopyAt, damaged: bool) -> Standing {
    let (lost, estate) = (ask.lost, ask.cx.estate);
    let hit = lost.store(copy.store);
    let mut partly = false;
    if !copy.alone
        && let Some(needs) = &copy.ground().needs
    {
        let reasons = needs.lost(estate, &asset.asset.id, copy.store_id(), lost);
        partly = needs.damaged(lost);
        let first = reasons.first().cloned();
        ask.hidden.extend(reasons);
        if first.is_some() {
            return Standing::Out(first);
        }
    }
    if hit.has(Modes::GONE) {
        return Standing::Out(None);
    }
    let deletable = hit.has(Modes::COMPROMISED.and(Modes::DELETABLE));
    if !damaged && !deletable && !partly && !hit.damages() {
        return Standing::Whole;
    }
    limited(ask, asset, copy, deletable)
}

fn limited(ask: &mut Ask, asset: &AssetFacts, copy: CopyAt, deletable: bool) -> Standing {
    let (id, store) = (asset.asset.id.clone(), copy.store_id().clone());
    let lock = if deletable { lock(ask, copy) } else { Lock::From(Millis::MIN) };
    let clean = |locked_from| Clean {
        before: ask.lost.clean_before().unwrap_or(Millis::MAX),
        locked_from,
        versions: copy.ground().mirror,
    };
    let (clean, sure) = match lock {
        Lock::From(at) => (clean(at), true),
        Lock::Unknown(at) => (clean(at), false),
        Lock::None => {
            let reason = Reason::CopyDeletable { asset: id, store };
            ask.hidden.push(reason.clone());
            return Standing::Out(Some(reason));
        }
    };
    let versions = if copy.ground().mirror { versions(ask, copy) } else { Some(true) };
    // Of a mirror's objects, which are of any age, some locks have run out.
    let sure = sure && !(copy.ground().mirror && clean.locked_from > Millis::MIN);
    match versions {
        Some(false) => return Standing::Out(Some(Reason::MirrorInherits { asset: id, store })),
        None => return Standing::Unknown(Reason::MirrorInherits { asset: id, store }, clean),
        Some(true) if !sure => return Standing::Unknown(Reason::LockUnknown { asset: id, store }, clean),
        Some(true) if copy.ground().mirror => ask.assumptions.push(Assumption::VersionsKept { store }),
        Some(true) => {}
    }
    match ask.lost.clean_before() {
        None => Standing::Unknown(Reason::CleanUnknown, clean),
        Some(_) => Standing::Clean(clean),
    }
}

/// What keeps the holder of an account from deleting: a lock that is seen
/// counts as far as it reaches; one that is only declared counts as declared.
fn lock(ask: &mut Ask, copy: CopyAt) -> Lock {
    let place = copy.ground().place;
    let declared = place.is_some_and(|n| {
        let expected = ask.cx.estate.stores[n].expect.get("object_lock");
        expected.and_then(|v| v.as_str()) == Some("compliance")
    });
    let (posture, current) = ask.cx.posture(copy.store_id());
    let answer = posture.map_or(&Answer::Unknown, |p| &p.object_lock.answer);
    let now = ask.cx.now_ms;
    let within = |retention: Dur| now.saturating_sub(retention.as_millis()).saturating_add(1);
    match answer {
        Answer::Set(lock) if lock.mode == LockMode::Compliance => match lock.retention {
            Some(retention) if current => Lock::From(within(retention)),
            retention => Lock::Unknown(retention.map_or(Millis::MIN, within)),
        },
        Answer::Set(_) | Answer::NotSet | Answer::NotSupported => Lock::None,
        Answer::Unknown if declared => {
            ask.assumptions.push(Assumption::LockAsDeclared { store: copy.store_id().clone() });
            Lock::From(copy.ground().keeps.map_or(Millis::MIN, within))
        }
        Answer::Unknown => Lock::None,
    }
}

/// Whether old versions are kept; `None`: they were, when last seen.
fn versions(ask: &Ask, copy: CopyAt) -> Option<bool> {
    let declared = copy.ground().place.is_some_and(|n| {
        let expected = ask.cx.estate.stores[n].expect.get("versioning");
        expected.and_then(|v| v.as_bool()) == Some(true)
    });
    let (posture, current) = ask.cx.posture(copy.store_id());
    match posture.map_or(&Answer::Unknown, |p| &p.versioning.answer) {
        Answer::Set(()) => current.then_some(true),
        Answer::NotSet | Answer::NotSupported => Some(false),
        Answer::Unknown => Some(declared),
    }
}

/// The newest instant that can be gone back to, and the point that it begins at.
pub(crate) fn reach<'j>(
    on: &CopyGround,
    summary: &'j CopySummary,
    clean: Option<Clean>,
) -> Option<(Millis, Option<&'j str>)> {
    let good = summary.last_good.as_ref().map(|p| (p.at.timestamp_millis(), Some(p.id.as_str())));
    let Some(clean) = clean else { return good };
    if clean.versions && on.mirror {
        // As it was just before the damage, if it had come so far by then.
        return good.map(|(at, point)| (at.min(clean.before - 1), point));
    }
    spans(summary, clean).max_by_key(|(_, to, _)| *to).map(|(_, to, point)| (to, point))
}

/// Whether it holds anything that could count at best.
pub(crate) fn holds(on: &CopyGround, summary: &CopySummary, clean: Clean) -> bool {
    let other = [PointState::Archived, PointState::Suspect, PointState::Unverified];
    reach(on, summary, Some(clean)).is_some() || newest(summary, Some(clean), &other).is_some()
}

/// All that can be gone back to, with or without a limit.
pub(crate) fn all_spans<'j>(
    on: &CopyGround,
    summary: &'j CopySummary,
    clean: Option<Clean>,
) -> Vec<(Millis, Millis, Option<&'j str>)> {
    let newest = reach(on, summary, clean).map(|(at, point)| (at, at, point));
    match clean {
        Some(clean) if clean.versions => newest.into_iter().collect(),
        Some(clean) => spans(summary, clean).collect(),
        None => {
            let all = Clean { before: Millis::MAX, locked_from: Millis::MIN, versions: false };
            spans(summary, all).chain(newest).collect()
        }
    }
}

/// Spans that can be gone back to under `clean`, with the point each begins at.
pub(crate) fn spans(
    summary: &CopySummary,
    clean: Clean,
) -> impl Iterator<Item = (Millis, Millis, Option<&str>)> {
    let counts = move |base: Millis, at: Millis| base >= clean.locked_from && at < clean.before;
    let point = move |at: Time, base: Time, id| {
        let (at, base) = (at.timestamp_millis(), base.timestamp_millis());
        let window =
            summary.windows.iter().find(|w| w.from.timestamp_millis() <= at && at <= w.to.timestamp_millis());
        let to = window.map_or(at, |w| w.to.timestamp_millis().min(clean.before - 1));
        counts(base, at).then_some((at, to, Some(id)))
    };
    let usable = summary.kept.iter().filter(|k| k.state == PointState::Usable);
    let kept = usable.filter_map(move |k| point(k.at, k.base, k.id.as_str()));
    // A window begins with a point of its own.
    let windows = summary.windows.iter().filter_map(move |w| {
        let (from, to) = (w.from.timestamp_millis(), w.to.timestamp_millis());
        counts(from, from).then_some((from, to.min(clean.before - 1), None))
    });
    let good = summary.last_good.iter().filter_map(move |p| {
        let at = p.at.timestamp_millis();
        // Its base is not known where no point is kept.
        let base = summary.kept.is_empty() && summary.windows.is_empty();
        (base && counts(at, at)).then_some((at, at, Some(p.id.as_str())))
    });
    kept.chain(windows).chain(good)
}

/// The newest point in one of `states` that counts.
pub(crate) fn newest<'j>(
    summary: &'j CopySummary,
    clean: Option<Clean>,
    states: &[PointState],
) -> Option<&'j Kept> {
    let counts = |k: &&Kept| {
        let (at, base) = (k.at.timestamp_millis(), k.base.timestamp_millis());
        clean.is_none_or(|c| at < c.before && base >= c.locked_from)
    };
    summary.kept.iter().filter(|k| states.contains(&k.state)).find(counts)
}
