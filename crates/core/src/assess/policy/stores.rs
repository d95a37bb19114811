//! Checks of a store that holds copies.

use std::collections::BTreeSet;

use super::{Look, Rule, Wrong};
use crate::model::*;

fn subject(store: &Store) -> String {
    format!("store:{}", store.id)
}

/// Stores that are folders have settings of another kind, or none.
fn is_folder(store: &Store) -> bool {
    store.url.starts_with("file://")
}

/// `unset` where the setting is known not to be there; unseen where it is not known.
fn must_be_set<T>(store: &Store, fact: Option<&Fact<T>>, unset: &str) -> Option<Wrong> {
    let wrong = || Wrong::new(subject(store), unset);
    match fact.map(|f| (&f.answer, f.how.as_str())) {
        Some((Answer::Set(_), _)) => None,
        Some((Answer::NotSet, how)) => Some(wrong().but(format!("not set ({how})"), "set")),
        Some((Answer::NotSupported, how)) => Some(wrong().but(format!("not supported ({how})"), "set")),
        Some((Answer::Unknown, how)) => {
            Some(Wrong::new(subject(store), format!("not known whether {unset}")).but(how, "set").unseen())
        }
        None => {
            Some(Wrong::new(subject(store), format!("not known whether {unset}: it was not seen")).unseen())
        }
    }
}

/// By the store, or by the format before it gets there.
pub fn encrypted_at_rest(look: &Look, _: &Rule, store: &Store) -> Option<Wrong> {
    let mut copies = look
        .estate
        .workloads
        .iter()
        .flat_map(|w| &w.assets)
        .flat_map(|a| &a.copies)
        .filter(|c| c.store == store.id)
        .peekable();
    if copies.all(|c| c.password.is_some() || c.key.is_some()) {
        return None;
    }
    must_be_set(
        store,
        look.posture(&store.id).map(|p| &p.encryption),
        "what it holds is not encrypted at rest",
    )
}

pub fn encrypted_in_transit(_: &Look, _: &Rule, store: &Store) -> Option<Wrong> {
    let address = store.endpoint.as_deref().unwrap_or(&store.url);
    let host = address.strip_prefix("http://")?;
    let host = host.split('/').next().unwrap_or_default();
    let loopback = host.starts_with("127.") || host.starts_with("localhost") || host.starts_with("[::1]");
    (!loopback).then(|| Wrong::new(subject(store), "what is read from it crosses the network in clear"))
}

pub fn versioned_or_immutable(look: &Look, _: &Rule, store: &Store) -> Option<Wrong> {
    let posture = look.posture(&store.id);
    if posture.is_some_and(|p| p.object_lock.set().is_some()) {
        return None;
    }
    must_be_set(store, posture.map(|p| &p.versioning), "what is overwritten or deleted in it is gone")
}

pub fn immutable(look: &Look, _: &Rule, store: &Store) -> Option<Wrong> {
    let lock = look.posture(&store.id).map(|p| &p.object_lock);
    if let Some(ObjectLock { mode: LockMode::Governance, .. }) = lock.and_then(Fact::set) {
        let wrong = Wrong::new(subject(store), "its lock can be lifted by whoever has the right to");
        return Some(wrong.but("governance", "compliance"));
    }
    must_be_set(store, lock, "nothing in it is locked against deletion")
}

/// Whoever holds production must not be able to delete its copies.
pub fn deletable_by_others(look: &Look, _: &Rule, store: &Store) -> Option<Wrong> {
    if store.deletable_by.is_empty() {
        let wrong = Wrong::new(subject(store), "nobody declared who may delete in it");
        return Some(wrong.but("not declared", "no account that runs a workload kept here").unseen());
    }
    let keeps = |w: &&Workload| w.assets.iter().flat_map(|a| &a.copies).any(|c| c.store == store.id);
    let running: BTreeSet<_> =
        look.estate.workloads.iter().filter(keeps).filter_map(|w| w.account.as_ref()).collect();
    let both = store.deletable_by.iter().find(|who| running.iter().any(|a| a.as_str() == who.as_str()))?;
    let message = format!("{both} may delete in it, and runs what is kept in it");
    Some(Wrong::new(subject(store), message))
}

pub fn not_public(look: &Look, _: &Rule, store: &Store) -> Option<Wrong> {
    if is_folder(store) {
        return None;
    }
    match look.posture(&store.id).map(|p| &p.public) {
        Some(Fact { answer: Answer::Set(how), .. }) => {
            Some(Wrong::new(subject(store), format!("anyone may read it: {how}")).but("public", "not public"))
        }
        Some(Fact { answer: Answer::NotSet | Answer::NotSupported, .. }) => None,
        Some(Fact { how, .. }) => {
            let wrong = Wrong::new(subject(store), "not known whether anyone may read it");
            Some(wrong.but(how, "not public").unseen())
        }
        None => {
            Some(Wrong::new(subject(store), "not known whether anyone may read it: it was not seen").unseen())
        }
    }
}

pub fn access_logged(look: &Look, _: &Rule, store: &Store) -> Option<Wrong> {
    if is_folder(store) {
        return None;
    }
    must_be_set(store, look.posture(&store.id).map(|p| &p.access_log), "nobody logs who reads it")
}

pub fn location_as_declared(look: &Look, _: &Rule, store: &Store) -> Option<Wrong> {
    let declared = store.signing_region.as_deref().or(store.region.as_ref().map(RegionId::as_str));
    let Some(declared) = declared else {
        return Some(Wrong::new(subject(store), "nobody declared in which region it lies").unseen());
    };
    let seen = look.posture(&store.id)?.location.set()?;
    (!seen.eq_ignore_ascii_case(declared))
        .then(|| Wrong::new(subject(store), format!("it says that it lies in {seen}")).but(seen, declared))
}

pub fn managed(_: &Look, _: &Rule, store: &Store) -> Option<Wrong> {
    store.managed_by.is_none().then(|| {
        Wrong::new(subject(store), "nobody declared which code makes it, so that it can be made again")
    })
}
