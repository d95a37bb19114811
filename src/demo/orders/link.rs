//! Replication from the writer to its standby: asynchronous, some seconds
//! behind, and at times worse.

use lifeboat_core::model::{Dur, Time};

/// What is wrong with replication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkFault {
    /// It carries a tenth of what comes in.
    Grow,
    /// It carries nothing, and its figure is not measured any more.
    Frozen,
}

/// The replication's own figures.
#[derive(Debug, Clone)]
pub struct Link {
    lag: Dur,
    growing_since: Option<Time>,
    frozen: bool,
}

impl Link {
    pub fn new(lag: Dur) -> Self {
        Self { lag, growing_since: None, frozen: false }
    }
    pub fn set_lag(&mut self, lag: Dur) {
        self.lag = lag.at_least_zero();
    }
    pub fn set_fault(&mut self, fault: LinkFault, on: bool, now: Time) {
        match (fault, on) {
            (LinkFault::Grow, true) => _ = self.growing_since.get_or_insert(now),
            (LinkFault::Grow, false) => self.growing_since = None,
            (LinkFault::Frozen, on) => self.frozen = on,
        }
    }
    /// Up to which acknowledgement the standby has received by `now`;
    /// `None` while nothing is carried.
    pub fn cut(&self, now: Time) -> Option<Time> {
        let grown = self.growing_since.map_or(Dur::ZERO, |t| Dur::between(t, now).at_least_zero());
        let behind = self.lag + self.wobble(now) + Dur::millis(grown.as_millis() / 10 * 9);
        (!self.frozen).then(|| now - behind.at_least_zero())
    }
    /// Up to a sixth of the lag more or less, in a slow wave: real lag is
    /// never a constant.
    fn wobble(&self, now: Time) -> Dur {
        let phase = (now.timestamp_millis() % 47_000) as f64 / 47_000.0 * std::f64::consts::TAU;
        Dur::millis((self.lag.as_millis() as f64 / 6.0 * phase.sin()) as i64)
    }
}
