//! What is remembered of a workload, made ready to be drawn when it arrives:
//! lines through values are too dear for every frame.

use std::sync::Arc;

use lifeboat_core::assess::past::{Plot, plots};
use lifeboat_core::model::*;

use super::{App, Effect, Screen};

/// What was read longer ago lacks what was seen since.
pub const STALE_AFTER: Dur = Dur::secs(300);
/// While it is looked at, it is read anew so often.
const READ_EVERY: Dur = Dur::secs(60);

#[derive(Debug, Clone, PartialEq)]
pub struct Remembered {
    pub plots: Arc<Vec<Plot>>,
    /// When it was read.
    pub at: Time,
}

pub fn of(app: &App, workload: &WorkloadId, past: &Past) -> Remembered {
    let estate = app.estate.as_ref();
    let declared = estate.and_then(|e| e.workload(workload.as_str()).map(|w| (e, w)));
    let plots = declared.map(|(estate, workload)| plots(estate, workload, past, app.now));
    Remembered { plots: Arc::new(plots.unwrap_or_default()), at: app.now }
}

/// Something was seen: what is on screen may lack it.
pub fn again(app: &App) -> Vec<Effect> {
    let Screen::Trends(id) = app.screen() else { return vec![] };
    let old = app.pasts.get(id).is_none_or(|past| match past {
        Ok(past) => app.now >= past.at + READ_EVERY,
        Err(_) => false,
    });
    if old { vec![Effect::ReadPast(id.clone())] } else { vec![] }
}
