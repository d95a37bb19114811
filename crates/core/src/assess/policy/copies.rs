//! Checks of one copy: made often enough, kept long enough, readable and locked.

use super::{Look, OfCopy, Rule, Wrong};
use crate::assess::Reason;
use crate::model::*;

const DAY: i64 = 86_400;

pub fn scheduled(_: &Look, _: &Rule, c: OfCopy) -> Option<Wrong> {
    let none = c.def.schedule.is_none() && c.def.log_every.is_none();
    none.then(|| Wrong::new(c.subject(), "nobody declared how often it is made, so nobody misses it"))
}

pub fn schedule_met(_: &Look, _: &Rule, c: OfCopy) -> Option<Wrong> {
    let overdue = c.asset.workload.view.reasons.iter().find_map(|reason| match reason {
        Reason::CopyOverdue { asset, store, age, expected }
            if *asset == c.asset.def.id && *store == c.def.store =>
        {
            Some((*age, *expected))
        }
        _ => None,
    });
    overdue.map(|(age, expected)| {
        let message = format!("its newest good point is {age} old");
        Wrong::new(c.subject(), message).but(age, format!("one every {expected}"))
    })
}

/// What the reader found: nothing broken, nothing missing.
pub fn no_errors(_: &Look, _: &Rule, c: OfCopy) -> Option<Wrong> {
    let Some(summary) = c.view.summary() else {
        return Some(Wrong::new(c.subject(), "it has not been read yet").unseen());
    };
    let message = match (&summary.newest_trouble, summary.gaps.first()) {
        (Some((state, why)), _) => format!("its newest point is {}: {why}", state.as_str().replace('_', " ")),
        (None, Some(gap)) => format!("its log has a gap: {}", gap.detail),
        (None, None) if summary.last_good.is_none() => "it holds no usable point".to_owned(),
        (None, None) => return None,
    };
    Some(Wrong::new(c.subject(), message))
}

/// How often at best, log included.
pub fn frequency(_: &Look, rule: &Rule, c: OfCopy) -> Option<Wrong> {
    let most = rule.within.unwrap_or(Dur::secs(DAY));
    let every = c.def.log_every.or(match &c.def.schedule {
        Some(Schedule::Every(every)) => Some(*every),
        // A calendar is held against what was seen of it, by `schedule-met`.
        Some(Schedule::Cron { .. }) | None => None,
    })?;
    let message = format!("it is made every {every}");
    (every > most).then(|| Wrong::new(c.subject(), message).but(every, format!("at least every {most}")))
}

/// Fewer in a month are no measure.
const BACKUPS: u32 = 5;

/// How many of the backups that ended within thirty days can be used. Where
/// none ended there is no rate: `schedule-met` misses them.
pub fn success_rate(look: &Look, rule: &Rule, c: OfCopy) -> Option<Wrong> {
    let key = CopyKey {
        workload: c.asset.workload.def.id.clone(),
        asset: c.asset.def.id.clone(),
        index: c.view.index,
    };
    let rate = look.seen.learned.copies.get(&key)?.success;
    let least = rule.count.unwrap_or(95);
    let good = rate.share().filter(|_| rate.all >= BACKUPS)? * 100.0;
    let message = format!("of its last {} backups {} cannot be used", rate.all, rate.all - rate.good);
    (good < f64::from(least)).then(|| {
        Wrong::new(c.subject(), message).but(format!("{good:.0} %"), format!("at least {least} % of 30 days"))
    })
}

pub fn retention_min(_: &Look, rule: &Rule, c: OfCopy) -> Option<Wrong> {
    let least = rule.within.unwrap_or(Dur::secs(35 * DAY));
    let Some(kept) = c.def.retention.as_ref().and_then(|r| r.min) else {
        let wrong = Wrong::new(c.subject(), "nobody declared how long it is kept at least");
        return Some(wrong.but("not declared", format!("at least {least}")).unseen());
    };
    let message = format!("it is kept for {kept}");
    (kept < least).then(|| Wrong::new(c.subject(), message).but(kept, format!("at least {least}")))
}

/// Deletion that is due is done, unless a legal hold forbids it.
pub fn retention_max(look: &Look, _: &Rule, c: OfCopy) -> Option<Wrong> {
    let retention = c.def.retention.as_ref()?;
    let most = retention.max?;
    if retention.legal_hold {
        return None;
    }
    let Some(summary) = c.view.summary() else {
        return Some(Wrong::new(c.subject(), "it has not been read yet").unseen());
    };
    let oldest = summary.kept.iter().map(|kept| kept.at).min()?;
    let age = Dur::between(oldest, look.now);
    // A day for whatever deletes to come round.
    (age > most + Dur::secs(DAY)).then(|| {
        let message = format!("its oldest point is {age} old and should have been deleted");
        Wrong::new(c.subject(), message).but(age, format!("at most {most}"))
    })
}

pub fn legal_hold(look: &Look, _: &Rule, c: OfCopy) -> Option<Wrong> {
    c.def.retention.as_ref().filter(|r| r.legal_hold)?;
    let Some(posture) = look.posture(&c.def.store) else {
        return Some(
            Wrong::new(c.subject(), "it is under legal hold, and its locks have not been seen").unseen(),
        );
    };
    let held = match (&posture.newest.answer, &posture.object_lock.answer) {
        (Answer::Set(seal), _) if seal.legal_hold => true,
        (_, Answer::Set(lock)) => lock.mode == LockMode::Compliance,
        _ => false,
    };
    (!held).then(|| Wrong::new(c.subject(), "it is under legal hold, and nothing in its store keeps it"))
}

/// Every key and secret that a restore needs is kept somewhere besides the home.
pub fn keys_outside_home<'a>(look: &Look<'a>, c: OfCopy<'a>) -> Vec<Wrong> {
    let Some(home) = &c.asset.workload.view.home else { return Vec::new() };
    let store = look.store(&c.def.store);
    let keys = c.def.key.iter().chain(store.and_then(|s| s.key.as_ref()));
    let named = keys.filter_map(|id| look.estate.keys.iter().find(|k| k.id == *id).map(|k| ("key", k)));
    let only_there = |kept: &KeptSecret| {
        let there = |s: &Selector| s.kind == DomainKind::Region && s.id == home.as_str();
        !kept.kept_in.is_empty() && kept.kept_in.iter().all(there)
    };
    let wrong = |(what, kept): (&str, &KeptSecret)| {
        if kept.kept_in.is_empty() {
            let message = format!("nobody declared where the {what} {} is kept", kept.id);
            return Some(Wrong::new(c.subject(), message).unseen());
        }
        let message = format!("the {what} {} that it needs is kept only in {home}", kept.id);
        only_there(kept).then(|| Wrong::new(c.subject(), message))
    };
    named.filter_map(wrong).collect()
}

/// The newest point's own objects, whatever the store's defaults say.
pub fn newest_locked(look: &Look, rule: &Rule, c: OfCopy) -> Option<Wrong> {
    let declared = c.def.retention.as_ref().and_then(|r| r.min);
    let least = declared.or(rule.within).unwrap_or(Dur::secs(DAY));
    let subject = c.subject();
    let Some(posture) = look.posture(&c.def.store) else {
        return Some(Wrong::new(subject, "the lock of its newest object has not been seen").unseen());
    };
    let expected = format!("locked for {least} from when it was stored");
    match &posture.newest.answer {
        Answer::Unknown => Some(
            Wrong::new(subject, "the lock of its newest object has not been seen")
                .but("unknown", expected)
                .unseen(),
        ),
        Answer::Set(seal) if seal.legal_hold => None,
        Answer::Set(seal) => match seal.until {
            // How long ago it was stored is at most the time between two points.
            Some(until) if until + Dur::secs(7 * DAY) >= look.now + least => None,
            Some(until) => {
                let left = Dur::between(look.now, until);
                let message = format!("its newest object is locked for only {left} more");
                Some(Wrong::new(subject, message).but(left, expected))
            }
            None => Some(Wrong::new(subject, "its newest object is not locked").but("no lock", expected)),
        },
        Answer::NotSet | Answer::NotSupported => {
            Some(Wrong::new(subject, "its newest object is not locked").but("no lock", expected))
        }
    }
}
