//! What of the original is not in the copy. Pure.

use std::{cmp::Ordering, collections::BinaryHeap};

use lifeboat_core::model::{Behind, Gap, PointState, Time};

use super::walk::Object;
use crate::{
    catalog::Cx,
    net::store::{Replication, show},
};

/// Which walk goes on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    Over,
    Own,
    Original,
    Both,
}

/// Objects of one kind: how many, and the first in time and the last.
#[derive(Debug, Default)]
struct Lack {
    count: u64,
    oldest: Option<(i64, Vec<u8>)>,
    newest: Option<(i64, Vec<u8>)>,
    undated: u64,
    /// How far the store itself says that they are on their way.
    on_the_way: OnTheWay,
}

/// What the original says of the replication of objects that the copy lacks.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct OnTheWay {
    pub failed: u64,
    pub pending: u64,
    /// It says nothing, or that they are copied, and here they are not.
    pub silent: u64,
    pub first_failed: Option<Vec<u8>>,
}

impl OnTheWay {
    pub fn add(&mut self, key: &[u8], replication: Option<Replication>) {
        match replication {
            Some(Replication::Failed) => {
                self.failed += 1;
                self.first_failed.get_or_insert_with(|| key.to_vec());
            }
            Some(Replication::Pending) => self.pending += 1,
            _ => self.silent += 1,
        }
    }

    /// What a person should know of it; `None` where the store does not
    /// replicate by itself.
    pub fn told(&self, of: &str) -> Option<String> {
        if self.failed + self.pending == 0 {
            return None;
        }
        let part = |count: u64, what: &str| (count > 0).then(|| format!("{count} {what}"));
        let such = self.first_failed.as_ref().map_or(String::new(), |key| format!(", such as {}", show(key)));
        let parts = [
            part(self.failed, &format!("failed to replicate and are not tried again{such}")),
            part(self.pending, "are pending"),
            part(self.silent, "are covered by no rule, or are called copied and are not here"),
        ];
        Some(format!("of {of}, {}", parts.into_iter().flatten().collect::<Vec<_>>().join("; ")))
    }
}

#[derive(Debug, Default)]
pub(super) struct Tally {
    /// When the original was listed.
    seen: Time,
    pub own: u64,
    pub bytes: u64,
    original: u64,
    /// In the original only.
    missing: Lack,
    /// In both, and written again in the original since.
    older: Lack,
    /// In both, no older, and yet not the same.
    different: Lack,
    /// In the copy only.
    extra: u64,
    /// The oldest that are missing, to be asked after one by one.
    ask: BinaryHeap<(i64, Vec<u8>)>,
}

/// Objects of the original that are asked how far their replication is.
const ASKED: usize = 16;

impl Lack {
    fn add(&mut self, object: &Object) {
        self.count += 1;
        self.on_the_way.add(&object.key, object.replication);
        let Some(at) = object.stored else {
            self.undated += 1;
            return;
        };
        if self.oldest.as_ref().is_none_or(|(oldest, _)| at < *oldest) {
            self.oldest = Some((at, object.key.clone()));
        }
        if self.newest.as_ref().is_none_or(|(newest, _)| at > *newest) {
            self.newest = Some((at, object.key.clone()));
        }
    }
}

impl Tally {
    pub fn new(seen: Time) -> Self {
        Self { seen, ..Self::default() }
    }
    fn miss(&mut self, object: &Object) {
        self.missing.add(object);
        if let Some(at) = object.stored {
            self.ask.push((at, object.key.clone()));
            if self.ask.len() > ASKED {
                self.ask.pop();
            }
        }
    }
    /// The oldest objects that are missing, oldest first.
    pub fn oldest_missing(&self) -> Vec<Vec<u8>> {
        let mut oldest: Vec<_> = self.ask.iter().collect();
        oldest.sort();
        oldest.into_iter().map(|(_, key)| key.clone()).collect()
    }
    /// What an inventory told of those that are missing.
    pub fn on_the_way(&self) -> &OnTheWay {
        &self.missing.on_the_way
    }

    /// Compares the heads of both walks, whose keys ascend.
    pub fn meet(&mut self, own: Option<&Object>, original: Option<&Object>, cx: &Cx) -> Step {
        let order = match (own, original) {
            (None, None) => return Step::Over,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(own), Some(original)) => own.key.cmp(&original.key),
        };
        if let Some(own) = own.filter(|_| order.is_le()) {
            self.own += 1;
            self.bytes = self.bytes.saturating_add(own.size);
        }
        if let Some(original) = original.filter(|_| order.is_ge()) {
            self.original += 1;
            let at = original.at();
            match own.filter(|_| order.is_eq()) {
                // beyond what clocks differ by, its time says nothing
                None if at.is_some_and(|at| cx.is_future(at)) => {
                    self.missing.add(&Object { stored: None, ..original.clone() });
                }
                // written since the look began: no part of what is looked at
                _ if at.is_some_and(|at| at > cx.now) => {}
                None => self.miss(original),
                Some(own) => self.compare(own, original),
            }
        }
        match order {
            Ordering::Less => {
                // what was stored since may be in the original as well
                let known = own.and_then(Object::at).is_none_or(|at| at <= self.seen);
                self.extra += u64::from(known);
                Step::Own
            }
            Ordering::Equal => Step::Both,
            Ordering::Greater => Step::Original,
        }
    }

    /// Entity tags of uploads in parts, or under keys of a region, differ for
    /// the same bytes: they prove that objects are the same, never that they differ.
    fn compare(&mut self, own: &Object, original: &Object) {
        let same_tag = !own.etag.is_empty() && own.etag == original.etag;
        let written_since = match (own.stored, original.stored) {
            (Some(own), Some(original)) => own < original,
            _ => false,
        };
        match own.size == original.size {
            true if same_tag || !written_since => {}
            _ if written_since => self.older.add(original),
            _ => self.different.add(original),
        }
    }

    /// Up to when all of the original is there.
    pub fn as_of(&self) -> Option<Time> {
        let oldest = [&self.missing, &self.older, &self.different];
        let oldest = oldest.iter().filter_map(|lack| lack.oldest.as_ref()).map(|(at, _)| *at).min();
        match oldest {
            None => Some(self.seen),
            Some(at) => Time::from_timestamp_millis(at.checked_sub(1)?).map(|at| at.min(self.seen)),
        }
    }

    pub fn state(&self, partial: bool) -> (PointState, String) {
        let undated = self.missing.undated + self.older.undated + self.different.undated;
        match () {
            () if self.original == 0 => (
                PointState::Suspect,
                "what it is a copy of is empty: was it emptied, or is `path` wrong?".to_owned(),
            ),
            () if self.different.count > 0 => (
                PointState::Suspect,
                format!(
                    "{} objects are no older than the original's and of another size",
                    self.different.count
                ),
            ),
            () if partial => (
                PointState::Unverified,
                "a part could not be listed, so not all of it was compared".to_owned(),
            ),
            () if undated > 0 => (
                PointState::Unverified,
                format!("{undated} objects are not copied and nothing says since when"),
            ),
            () => (PointState::Usable, String::new()),
        }
    }

    pub fn gap(&self) -> Option<Gap> {
        let lacks = [&self.missing, &self.older];
        let oldest = lacks.iter().filter_map(|lack| lack.oldest.as_ref()).min()?;
        let newest = lacks.iter().filter_map(|lack| lack.newest.as_ref()).max()?;
        let count = |lack: &Lack, what: &str| (lack.count > 0).then(|| format!("{} {what}", lack.count));
        let parts = [
            count(&self.missing, "objects not copied"),
            count(&self.older, "copied before they last changed"),
        ];
        Some(Gap {
            from: Time::from_timestamp_millis(oldest.0),
            to: Time::from_timestamp_millis(newest.0),
            first_missing: show(&oldest.1),
            last_missing: show(&newest.1),
            detail: parts.into_iter().flatten().collect::<Vec<_>>().join(", "),
        })
    }

    /// How many objects of the original are not here as they are there.
    pub fn behind(&self) -> Behind {
        let lacks = [&self.missing, &self.older, &self.different];
        let oldest = lacks.iter().filter_map(|lack| lack.oldest.as_ref()).map(|(at, _)| *at).min();
        Behind {
            objects: lacks.iter().map(|lack| lack.count).sum(),
            oldest: oldest.and_then(Time::from_timestamp_millis),
        }
    }

    pub fn remarks(&self) -> Vec<String> {
        let mut all = Vec::new();
        if self.extra > 0 && self.original > 0 {
            all.push(format!("{} objects are here and no longer in the original", self.extra));
        }
        if let Some((_, key)) = &self.different.oldest {
            all.push(format!("{} has another size than in the original, and is no older", show(key)));
        }
        all
    }
}
