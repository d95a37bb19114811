//! What the past says of the present: how often backups succeed, how far
//! replicas lag, what grows and until when, and what is not as it used to be.
//! Functions of what the history keeps; a new kind of anomaly is a function in
//! the file of what it is about, and a call in `Learner::copy` or `link`.

mod cost;
mod fit;
mod kept;
mod lag;
mod learn;
mod plot;
mod point;
mod room;
#[cfg(test)]
mod tests;

pub use cost::{Costs, copy_costs, together};
pub use fit::{Fit, Usual, theil_sen};
pub(crate) use learn::apply;
pub use learn::{Learner, finding};
pub use plot::{Measure, Plot, plots};
pub use room::when;

use crate::model::*;

pub(super) const DAY: f64 = 86_400.0;

/// `checkout/orders-db@backups-fra`, as policy checks name a copy.
pub fn copy_subject(estate: &Estate, key: &CopyKey) -> String {
    let store = estate.copy(key).map_or("?", |c| c.store.as_str());
    format!("{}/{}@{store}", key.workload, key.asset)
}

pub(super) fn seconds(at: Time) -> f64 {
    at.timestamp_millis() as f64 / 1_000.0
}

/// At most three names, and how many more.
pub(super) fn named<'a>(ids: impl ExactSizeIterator<Item = &'a str>) -> String {
    let all = ids.len();
    let first: Vec<&str> = ids.take(3).collect();
    match all.saturating_sub(first.len()) {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

/// Of a figure that is a number of bytes.
pub(super) fn bytes(value: f64) -> Size {
    Size(if value > 0.0 { value as u64 } else { 0 })
}

/// Of a figure that is a number of seconds.
pub(super) fn span(seconds: f64) -> Dur {
    Dur::from_secs_f64(seconds).unwrap_or(Dur::ZERO)
}
