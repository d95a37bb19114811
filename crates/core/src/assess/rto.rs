//! How long recovery would take: detection, decision, the steps' critical
//! path, and waiting for traffic to move.

use rustc_hash::FxHashMap as HashMap;

use super::RtoBasis;
use crate::model::*;

/// `path`: how long the steps of its failover take. `None` where any part is
/// not known: an estimate that leaves one out would be small, not careful.
pub(crate) fn estimate(
    defaults: &Defaults,
    workload: &Workload,
    path: Option<Dur>,
) -> (Option<Dur>, RtoBasis) {
    let detect = defaults.detect.unwrap_or(defaults.poll.times(2));
    let traffic = workload.routes.iter().filter_map(|r| r.ttl).max().unwrap_or(Dur::ZERO);
    let whole = path.zip(defaults.decide).map(|(path, decide)| detect + decide + path + traffic);
    match whole {
        Some(whole) => (Some(whole), RtoBasis::Declared),
        None => (None, RtoBasis::Unknown),
    }
}

/// The longest way through the main steps, each taking what it declares;
/// `None` where a step declares nothing.
pub(crate) fn critical_path(steps: &[StepPlan]) -> Option<Dur> {
    let main: Vec<_> = steps.iter().filter(|s| s.phase == Phase::Main).collect();
    let mut ends: HashMap<&str, Dur> = HashMap::default();
    // Steps may need later ones; each round settles at least one more, and a
    // cycle, which is refused when the estate loads, cannot keep this going.
    for _ in 0..=main.len() {
        let before = ends.clone();
        for (n, step) in main.iter().enumerate() {
            let begins = match &step.needs {
                Some(needs) => needs.iter().filter_map(|id| ends.get(id.as_str())).max().copied(),
                None => n.checked_sub(1).and_then(|above| ends.get(main[above].id.as_str())).copied(),
            };
            ends.insert(step.id.as_str(), begins.unwrap_or(Dur::ZERO) + step.takes?);
        }
        if ends == before {
            break;
        }
    }
    Some(ends.into_values().max().unwrap_or(Dur::ZERO))
}
