//! Checks of an asset: how many copies, and what they do not share.

use std::collections::BTreeSet;

use super::{Look, OfAsset, Rule, Wrong};
use crate::model::*;

/// Its copies' stores.
fn stores<'a>(look: &Look<'a>, a: OfAsset<'a>) -> impl Iterator<Item = &'a Store> {
    let estate = look.estate;
    a.def.copies.iter().filter_map(move |c| estate.store(c.store.as_str()))
}

/// What is rebuilt needs no copy.
fn needs_copies(a: OfAsset) -> bool {
    a.def.rebuild.is_none()
}

pub fn protected(_: &Look, _: &Rule, a: OfAsset) -> Option<Wrong> {
    let has = !a.def.copies.is_empty() || !a.def.replicas.is_empty() || !needs_copies(a);
    (!has).then(|| Wrong::new(a.subject(), "it has no copy, no replica, and nothing rebuilds it"))
}

pub fn second_region(look: &Look, _: &Rule, a: OfAsset) -> Option<Wrong> {
    if !needs_copies(a) {
        return None;
    }
    let home = a.workload.view.home.as_ref()?;
    let copies: BTreeSet<&RegionId> = stores(look, a).filter_map(|s| s.region.as_ref()).collect();
    let outside = copies.iter().any(|region| *region != home);
    let undeclared = stores(look, a).any(|s| s.region.is_none());
    if outside {
        return None;
    }
    let wrong = Wrong::new(a.subject(), format!("no copy of it is known to lie outside {home}"));
    Some(if undeclared { wrong.unseen() } else { wrong })
}

pub fn second_account(look: &Look, _: &Rule, a: OfAsset) -> Option<Wrong> {
    if !needs_copies(a) {
        return None;
    }
    let own = a.workload.def.account.as_ref();
    let other = stores(look, a).any(|s| s.account.is_some() && own.is_some() && s.account.as_ref() != own);
    if other {
        return None;
    }
    let undeclared = own.is_none() || stores(look, a).any(|s| s.account.is_none());
    let wrong = Wrong::new(a.subject(), "whoever takes over its account reaches every copy of it");
    let wrong =
        wrong.but(own.map_or("not declared".to_owned(), ToString::to_string), "a copy in another account");
    Some(if undeclared { wrong.unseen() } else { wrong })
}

pub fn second_provider(look: &Look, _: &Rule, a: OfAsset) -> Option<Wrong> {
    if !needs_copies(a) {
        return None;
    }
    let own = look.provider(a.workload.view.home.as_ref()?);
    let of = |s: &Store| s.region.as_ref().and_then(|r| look.provider(r));
    let other = stores(look, a).any(|s| of(s).is_some() && own.is_some() && of(s) != own);
    (!other).then(|| {
        let wrong = Wrong::new(a.subject(), "no copy of it is known to lie with another provider");
        if own.is_none() { wrong.unseen() } else { wrong }
    })
}

/// The original, its replicas and its copies, each once a place.
fn places(a: OfAsset) -> usize {
    let copies: BTreeSet<_> = a.def.copies.iter().map(|c| &c.store).collect();
    let replicas: BTreeSet<_> = a.def.replicas.iter().map(|r| &r.region).collect();
    1 + copies.len() + replicas.len()
}

pub fn copies(_: &Look, rule: &Rule, a: OfAsset) -> Option<Wrong> {
    let least = rule.count.unwrap_or(3) as usize;
    let have = places(a);
    let message = match have {
        1 => "there is only the original of it".to_owned(),
        n => format!("with the original there are {n} of it"),
    };
    (needs_copies(a) && have < least)
        .then(|| Wrong::new(a.subject(), message).but(have, format!("at least {least}")))
}

/// Kinds of storage: the running system, and each kind of store by its address.
pub fn media(look: &Look, rule: &Rule, a: OfAsset) -> Option<Wrong> {
    let least = rule.count.unwrap_or(2) as usize;
    let scheme = |s: &Store| s.url.split_once("://").map_or("", |(scheme, _)| scheme).to_owned();
    let kinds: BTreeSet<String> = stores(look, a).map(scheme).collect();
    let have = kinds.len() + 1;
    (needs_copies(a) && have < least).then(|| {
        Wrong::new(a.subject(), "all of it lies on one kind of storage")
            .but(have, format!("at least {least}"))
    })
}

pub fn offline_or_immutable(look: &Look, _: &Rule, a: OfAsset) -> Option<Wrong> {
    if !needs_copies(a) {
        return None;
    }
    let mut unknown = false;
    for store in stores(look, a) {
        let locked = look.posture(&store.id).map(|p| &p.object_lock.answer);
        match locked {
            _ if store.online == Some(false) => return None,
            Some(Answer::Set(lock)) if lock.mode == LockMode::Compliance => return None,
            Some(Answer::Unknown) | None => unknown = true,
            _ => {}
        }
    }
    let wrong = Wrong::new(a.subject(), "no copy of it is known to be offline or locked against everyone");
    Some(if unknown { wrong.unseen() } else { wrong })
}

pub fn restore_verified(look: &Look, rule: &Rule, a: OfAsset) -> Option<Wrong> {
    if !needs_copies(a) || a.def.copies.is_empty() {
        return None;
    }
    let within = rule.within.unwrap_or(Dur::secs(30 * 86_400));
    let key = |index| CopyKey { workload: a.workload.def.id.clone(), asset: a.def.id.clone(), index };
    let proofs = (0..a.def.copies.len()).filter_map(|n| look.seen.learned.proofs.get(&key(n)));
    let newest = proofs.flatten().map(|proof| proof.at).max();
    let expected = format!("within {within}");
    match newest.map(|at| Dur::between(at, look.now)) {
        None => Some(Wrong::new(a.subject(), "no restore of it is on record").but("never", expected)),
        Some(age) if age > within => {
            let message = format!("it was last restored and checked {age} ago");
            Some(Wrong::new(a.subject(), message).but(age, expected))
        }
        Some(_) => None,
    }
}
