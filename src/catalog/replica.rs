//! `replica_of`: what a copy should be like.

use std::sync::Arc;

use lifeboat_core::model::{CopyDef, KeyDef, KeyType};

use super::{Cx, as_root};
use crate::net::store::Repo;

pub(super) const KEYS: &[KeyDef] = &[KeyDef::new(
    "replica_of",
    KeyType::Table(&[
        KeyDef::required("store", KeyType::Ref("store"), "The store it should be like."),
        KeyDef::new("path", KeyType::Text, "Where in that store; its root by default."),
    ]),
    "What this is a copy of: compared with it.",
)];

/// What `replica_of` names.
pub(super) enum Original {
    Undeclared,
    /// Its store could not be opened, which is in the notes.
    Closed,
    There(Place),
}

/// The original's store and where in it.
pub(super) struct Place {
    pub repo: Arc<Repo>,
    /// As it was written.
    pub path: String,
}

impl Original {
    pub fn of(copy: &CopyDef, cx: &Cx) -> Self {
        let Some(named) = copy.options.get("replica_of") else { return Self::Undeclared };
        let text = |name: &str| named.get(name).and_then(|value| value.as_str());
        let repo = text("store").and_then(|id| cx.others.get(id));
        match repo {
            Some(repo) => Self::There(Place {
                repo: Arc::clone(repo),
                path: text("path").unwrap_or_default().to_owned(),
            }),
            None => Self::Closed,
        }
    }
}

impl Place {
    /// As of a copy: empty, or ending in `/`.
    pub fn root(&self) -> String {
        as_root(&self.path)
    }
}
