//! The acknowledged orders of one node, newest last.

use std::collections::VecDeque;

use lifeboat_core::model::Time;
use serde::{Deserialize, Serialize};

/// An order and the instant at which it was acknowledged, to the millisecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ack {
    pub number: u64,
    pub at: Time,
}

/// How many orders are kept; older ones are only counted.
const KEPT: usize = 50_000;

/// Orders in the order of their acknowledgement.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Log {
    /// Orders no longer kept.
    dropped: u64,
    acks: VecDeque<Ack>,
}

impl Log {
    pub fn push(&mut self, ack: Ack) {
        self.acks.push_back(ack);
        self.keep(KEPT);
    }
    pub fn keep(&mut self, newest: usize) {
        let extra = self.acks.len().saturating_sub(newest);
        self.dropped += extra as u64;
        self.acks.drain(..extra);
    }
    /// How many orders it ever took.
    pub fn count(&self) -> u64 {
        self.dropped + self.acks.len() as u64
    }
    pub fn last(&self) -> Option<Ack> {
        self.acks.back().copied()
    }
    /// Before this instant orders are only counted; `None` while all are kept.
    pub fn counted_until(&self) -> Option<Time> {
        self.acks.front().map(|a| a.at).filter(|_| self.dropped > 0)
    }
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Ack> {
        self.acks.iter().copied()
    }
    /// The kept orders after the first `count`.
    pub fn after(&self, count: u64) -> impl Iterator<Item = Ack> {
        let skip = usize::try_from(count.saturating_sub(self.dropped)).unwrap_or(usize::MAX);
        self.acks.iter().skip(skip).copied()
    }
    /// A copy that ends with the last order acknowledged at or before `cut`.
    pub fn until(&self, cut: Time) -> Log {
        let acks = self.acks.iter().take_while(|a| a.at <= cut).copied().collect();
        Log { dropped: self.dropped, acks }
    }
}
