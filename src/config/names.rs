//! Ids that files declare, and what refers to them.

use std::{
    collections::{HashMap, HashSet},
    ops::Range,
};

/// A place in a file: its index among the sources, and bytes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Place {
    pub file: usize,
    pub span: Range<usize>,
}

/// What one file's cursor met: an id that is declared, or referred to.
#[derive(Debug, Clone)]
pub(super) struct Mention {
    pub kind: &'static str,
    pub id: String,
    pub span: Range<usize>,
}

/// All declared ids by kind; of two with one id, the first.
#[derive(Default)]
pub(super) struct Names {
    known: HashMap<&'static str, HashMap<String, Place>>,
    /// Kinds of which some may be missing, since a file that declares them
    /// cannot be read in full.
    partial: HashSet<&'static str>,
}

impl Names {
    /// The place where `id` was declared before, where it was.
    pub fn declare(&mut self, kind: &'static str, id: &str, place: Place) -> Option<&Place> {
        let of_kind = self.known.entry(kind).or_default();
        if of_kind.contains_key(id) {
            return of_kind.get(id);
        }
        of_kind.insert(id.to_owned(), place);
        None
    }
    pub fn mark_partial(&mut self, kinds: &[&'static str]) {
        self.partial.extend(kinds);
    }
    pub fn is_partial(&self, kind: &str) -> bool {
        self.partial.contains(kind)
    }
    pub fn has(&self, kind: &str, id: &str) -> bool {
        alike(kind).iter().any(|k| self.known.get(k).is_some_and(|ids| ids.contains_key(id)))
    }
    pub fn of_kind(&self, kind: &str) -> impl Iterator<Item = &str> + use<'_> {
        alike(kind).iter().filter_map(|k| self.known.get(k)).flat_map(|ids| ids.keys().map(String::as_str))
    }
}

/// `{ secret = … }` may name a key too: both are kept secrets.
fn alike(kind: &str) -> &'static [&'static str] {
    match kind {
        "secret" => &["secret", "key"],
        _ => KINDS.iter().find(|k| **k == kind).map_or(&[], std::slice::from_ref),
    }
}

const KINDS: &[&str] = &[
    "region",
    "provider",
    "account",
    "organisation",
    "domain",
    "key",
    "store",
    "workload",
    "asset",
    "group",
    "runbook",
    "step",
    "operator",
    "interlock",
    "notify",
    "approval",
];
