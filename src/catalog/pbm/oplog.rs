//! Slices of the oplog by name, and how far they can be replayed. Pure.

use std::collections::BTreeMap;

use chrono::NaiveDateTime;
use lifeboat_core::model::{Dur, Gap, Time};

use super::meta::Stamp;
use crate::catalog::wal::cover::{MAX_GAPS, UPLOADING};

/// One slice: what it covers, and when it was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Slice {
    pub from: Stamp,
    pub to: Stamp,
    pub stored_ms: Option<i64>,
}

/// `20261120020200-1.20261120030200-1.oplog.s2`, UTC.
pub(super) fn parse_name(name: &str) -> Option<(Stamp, Stamp)> {
    let mut parts = name.split('.');
    let (from, to) = (stamp(parts.next()?)?, stamp(parts.next()?)?);
    (parts.next() == Some("oplog") && from <= to).then_some((from, to))
}

fn stamp(text: &str) -> Option<Stamp> {
    let (time, ordinal) = text.split_once('-').unwrap_or((text, "0"));
    let plain = time.len() == 14 && time.bytes().all(|b| b.is_ascii_digit());
    let time = NaiveDateTime::parse_from_str(time, "%Y%m%d%H%M%S").ok().filter(|_| plain)?;
    Some(Stamp { second: u32::try_from(time.and_utc().timestamp()).ok()?, ordinal: ordinal.parse().ok()? })
}

/// By replica set.
#[derive(Debug, Default)]
pub(super) struct Oplog(BTreeMap<String, Vec<Slice>>);

impl Oplog {
    pub fn add(&mut self, set: &str, slice: Slice) {
        match self.0.get_mut(set) {
            Some(slices) => slices.push(slice),
            None => drop(self.0.insert(set.to_owned(), vec![slice])),
        }
    }
    /// After the last `add`: in order.
    pub fn settle(&mut self) {
        self.0.values_mut().for_each(|slices| slices.sort_unstable());
    }

    /// The newest instant to which all of these replica sets can be replayed
    /// from this one on: the least of what each reaches.
    pub fn reach<'a>(&self, sets: impl Iterator<Item = &'a str>, from: Stamp) -> Stamp {
        sets.map(|set| self.reach_of(set, from)).min().unwrap_or(from)
    }

    fn reach_of(&self, set: &str, from: Stamp) -> Stamp {
        let slices = self.0.get(set).map(Vec::as_slice).unwrap_or_default();
        let mut reach = from;
        for slice in slices {
            if slice.from > reach {
                break;
            }
            reach = reach.max(slice.to);
        }
        reach
    }

    /// What is missing between slices, behind this instant; the newest of it.
    pub fn gaps(&self, since: Stamp, now: Time) -> Vec<Gap> {
        let mut holes: Vec<(&str, Stamp, &Slice)> = Vec::new();
        for (set, slices) in &self.0 {
            let mut covered: Option<Stamp> = None;
            for slice in slices {
                if let Some(to) = covered.filter(|to| *to < slice.from && slice.from > since) {
                    holes.push((set, to, slice));
                }
                covered = covered.max(Some(slice.to));
            }
        }
        holes.sort_by_key(|(_, _, next)| std::cmp::Reverse(next.from));
        holes.iter().take(MAX_GAPS).map(|(set, from, next)| gap(set, *from, next, now)).collect()
    }
}

pub(super) fn instant(stamp: Stamp) -> Option<Time> {
    Time::from_timestamp(stamp.second.into(), 0).filter(|_| stamp.second > 0)
}

fn gap(set: &str, from: Stamp, next: &Slice, now: Time) -> Gap {
    let set = crate::net::store::show(set.as_bytes());
    let name = |stamp| instant(stamp).map_or(set.clone(), |at| format!("{set} {}", at.format("%FT%TZ")));
    let span = Dur::secs(i64::from(next.from.second) - i64::from(from.second));
    let stored = next.stored_ms.and_then(Time::from_timestamp_millis);
    let fresh = stored.is_some_and(|at| Dur::between(at, now) < UPLOADING);
    let perhaps = if fresh { "; it may still be on its way" } else { "" };
    Gap {
        from: instant(from),
        to: instant(next.from),
        first_missing: name(from),
        last_missing: name(next.from),
        detail: format!("{span} of the oplog of replica set {set} is missing{perhaps}"),
    }
}
