//! What copies cost where prices are given: to keep, to look at, to restore.

use super::room::as_stored;
use crate::model::*;

/// In one currency. What is not known is not in the sum, and said.
#[derive(Debug, Clone, PartialEq)]
pub struct Costs {
    pub currency: Option<String>,
    /// A month: for what is stored, and for looking at it as often as declared.
    pub keeping: f64,
    pub looking: f64,
    /// To read the newest point once from elsewhere.
    pub restoring: f64,
    /// The tool stores what points share only once: less is stored, and paid.
    pub at_most: bool,
    /// A figure or a price is missing.
    pub partly: bool,
}

impl Costs {
    pub fn a_month(&self) -> f64 {
        self.keeping + self.looking
    }
    /// `at most 12.40 USD a month`
    pub fn words(&self) -> String {
        let most = if self.at_most { "at most " } else { "" };
        let currency = self.currency.as_deref().map_or(String::new(), |c| format!(" {c}"));
        let partly = if self.partly { ", of what is known" } else { "" };
        let restore = match self.restoring > 0.0 {
            true => format!(", {most}{:.2}{currency} to restore once", self.restoring),
            false => String::new(),
        };
        clean_line(&format!("{most}{:.2}{currency} a month{restore}{partly}", self.a_month()))
    }
}

const GIB: f64 = (1u64 << 30) as f64;
const MONTH: f64 = 30.0 * super::DAY;

/// `None` where its store names no price.
pub fn copy_costs(estate: &Estate, key: &CopyKey, learned: &Learned) -> Option<Costs> {
    let copy = estate.copy(key)?;
    let price = estate.store(copy.store.as_str())?.price.as_ref()?;
    let trend = learned.copies.get(key);
    let mut partly = false;
    // A price that is not named costs nothing; a figure that is not known is missing.
    let mut times = |price: Option<f64>, amount: Option<f64>| match (price, amount) {
        (None, _) => 0.0,
        (Some(price), Some(amount)) => price * amount,
        (Some(_), None) => {
            partly = true;
            0.0
        }
    };
    let gib = |size: Option<u64>| size.map(|s| s as f64 / GIB);
    let every = copy.refresh.unwrap_or(estate.defaults.refresh).as_secs_f64().max(1.0);
    let requests = trend.and_then(|t| t.requests).map(|r| r * MONTH / every / 1_000.0);
    Some(Costs {
        keeping: times(price.gib_month, gib(trend.and_then(|t| t.stored))),
        looking: times(price.thousand_requests, requests),
        restoring: times(price.gib_out, gib(trend.and_then(|t| t.size))),
        currency: price.currency.clone(),
        at_most: !as_stored(&copy.format),
        partly,
    })
}

/// Of a workload's copies, each currency by itself.
pub fn together(all: impl Iterator<Item = Costs>) -> Vec<Costs> {
    let mut sums: Vec<Costs> = Vec::new();
    for one in all {
        match sums.iter_mut().find(|s| s.currency == one.currency) {
            Some(sum) => {
                sum.keeping += one.keeping;
                sum.looking += one.looking;
                // One copy of an asset is restored, not all; the dearest is counted.
                sum.restoring = sum.restoring.max(one.restoring);
                sum.at_most |= one.at_most;
                sum.partly |= one.partly;
            }
            None => sums.push(one),
        }
    }
    sums
}
