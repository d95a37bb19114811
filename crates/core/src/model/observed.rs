//! A value with its age: nothing that was seen can be read without saying when.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Dur, Millis, Problem, Time};

/// One successful look.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Seen<T> {
    pub value: T,
    /// When the answer arrived.
    pub at: Time,
}

/// What freshness follows from: asked of thousands in each assessment.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Age {
    /// When the last successful look was, until when it is fresh, and until when
    /// it is ageing; of no meaning where there was none.
    at: Millis,
    fresh: Millis,
    ageing: Millis,
    seen: bool,
    /// The last attempt failed.
    failed: bool,
}

impl Age {
    pub fn at(&self) -> Millis {
        self.at
    }
    /// Whether there was a successful look.
    pub fn is_seen(&self) -> bool {
        self.seen
    }
    /// At an instant, and the last one at which it is still so by time alone: the
    /// most that a number holds where time changes nothing.
    #[inline]
    pub fn freshness(&self, now: Millis) -> (Freshness, Millis) {
        match now {
            _ if self.failed => (Freshness::Unreachable, Millis::MAX),
            _ if !self.seen => (Freshness::Unseen, Millis::MAX),
            now if now <= self.fresh => (Freshness::Fresh, self.fresh),
            now if now <= self.ageing => (Freshness::Ageing, self.ageing),
            _ => (Freshness::Stale, Millis::MAX),
        }
    }
}

/// The last successful look and what has happened since.
#[derive(Debug, Clone, PartialEq)]
pub struct Observed<T> {
    age: Age,
    last: Option<Seen<T>>,
    /// The newest failure, where the last attempt failed.
    failure: Option<(Time, Arc<Problem>)>,
    /// When the present run of failures began.
    failing_since: Option<Time>,
    failures: u32,
    /// How often the source is asked: freshness is counted in these.
    every: Dur,
}

/// How much a value may still be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Freshness {
    /// Up to two polls old.
    Fresh,
    /// Up to five.
    Ageing,
    Stale,
    /// The last attempt failed.
    Unreachable,
    /// Never seen, never tried.
    Unseen,
}

impl Freshness {
    /// Whether the value may count as what is so now.
    pub fn is_current(self) -> bool {
        matches!(self, Self::Fresh | Self::Ageing)
    }
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Ageing => "ageing",
            Self::Stale => "stale",
            Self::Unreachable => "unreachable",
            Self::Unseen => "not seen yet",
        }
    }
}

/// An observation as it stands at one instant.
#[derive(Debug)]
pub struct Sighting<'a, T> {
    /// The last value seen, however old.
    pub seen: Option<&'a Seen<T>>,
    /// When that was; of no meaning where nothing was seen.
    pub at: Millis,
    pub freshness: Freshness,
    /// In how long freshness next changes by time alone.
    pub left: Option<Dur>,
}

impl<T> Observed<T> {
    pub fn never(every: Dur) -> Self {
        Self { age: Age::default(), last: None, failure: None, failing_since: None, failures: 0, every }
    }
    pub fn of(value: T, at: Time, every: Dur) -> Self {
        let mut new = Self::never(every);
        new.succeed(value, at);
        new
    }
    pub fn succeed(&mut self, value: T, at: Time) {
        let ms = at.timestamp_millis();
        self.age = Age {
            at: ms,
            fresh: ms.saturating_add(self.every.times(2).as_millis()),
            ageing: ms.saturating_add(self.every.times(5).as_millis()),
            seen: true,
            failed: false,
        };
        self.last = Some(Seen { value, at });
        self.failure = None;
        self.failing_since = None;
        self.failures = 0;
    }
    pub fn fail(&mut self, problem: Problem, at: Time) {
        self.failure = Some((at, Arc::new(problem)));
        self.age.failed = true;
        self.failing_since.get_or_insert(at);
        self.failures = self.failures.saturating_add(1);
    }
    /// The last successful look, however old.
    pub fn last(&self) -> Option<&Seen<T>> {
        self.last.as_ref()
    }
    /// The last value seen, however old, and how much to believe it.
    pub fn get(&self, now: Time) -> (Option<&Seen<T>>, Freshness) {
        (self.last.as_ref(), self.freshness(now))
    }
    /// The value only while it may count as what is so now.
    pub fn current(&self, now: Time) -> Option<&Seen<T>> {
        self.last.as_ref().filter(|_| self.freshness(now).is_current())
    }
    pub fn freshness(&self, now: Time) -> Freshness {
        self.look(now.timestamp_millis()).freshness
    }
    /// All that assessment asks of an observation.
    #[inline]
    pub fn look(&self, now: Millis) -> Sighting<'_, T> {
        let (freshness, until) = self.age.freshness(now);
        let left = (until < Millis::MAX).then(|| Dur::millis(until - now + 1));
        Sighting { seen: self.last.as_ref(), at: self.age.at, freshness, left }
    }
    pub fn age(&self) -> Age {
        self.age
    }
    pub fn problem(&self) -> Option<&Problem> {
        self.failure.as_ref().map(|(_, p)| &**p)
    }
    pub fn failing_since(&self) -> Option<Time> {
        self.failing_since
    }
    /// Failures in a row.
    pub fn failures(&self) -> u32 {
        self.failures
    }
    /// When the last attempt ended, whatever came of it.
    pub fn last_attempt(&self) -> Option<Time> {
        self.failure.as_ref().map(|(at, _)| *at).max(self.last.as_ref().map(|s| s.at))
    }
    pub fn every(&self) -> Dur {
        self.every
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn freshness_is_counted_in_polls() {
        let t0 = Time::UNIX_EPOCH;
        let mut seen = Observed::of(7, t0, Dur::secs(10));
        let table = [
            (20, Freshness::Fresh),
            (21, Freshness::Ageing),
            (50, Freshness::Ageing),
            (51, Freshness::Stale),
        ];
        for (age, expected) in table {
            assert_eq!(seen.freshness(t0 + Dur::secs(age)), expected, "{age}");
        }
        let left = |age: i64| seen.look(Dur::secs(age).as_millis()).left;
        assert_eq!(left(0), Some(Dur::millis(20_001)));
        assert_eq!(left(20), Some(Dur::millis(1)), "it is fresh up to and with the last instant");
        assert_eq!(left(21), Some(Dur::millis(29_001)));
        assert_eq!(left(51), None, "what is stale stays so");
        assert!(seen.current(t0 + Dur::secs(51)).is_none());
        seen.fail(Problem::new(crate::model::Code::PROBE_REFUSED, "x"), t0 + Dur::secs(1));
        seen.fail(Problem::new(crate::model::Code::PROBE_REFUSED, "x"), t0 + Dur::secs(2));
        assert_eq!(seen.freshness(t0 + Dur::secs(2)), Freshness::Unreachable);
        assert_eq!((seen.failures(), seen.failing_since()), (2, Some(t0 + Dur::secs(1))));
        assert_eq!(seen.get(t0).0.map(|s| s.value), Some(7), "the last value stays to be shown, dimmed");
    }
}
