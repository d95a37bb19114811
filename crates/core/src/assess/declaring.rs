//! What an incident begins with: since when, on what evidence, and what was
//! predicted. The same for a person at the dashboard and for a command.

use std::collections::BTreeSet;

use super::{Assessment, Reason, Verdict, WorkloadView};
use crate::model::*;
use crate::run::Prediction;

type Probed<'a> = (&'a ProbeKey, &'a Observed<ProbeReading>);

/// Whether the scenario of this assessment takes the region, by itself or
/// with something it lies in.
fn takes(supposed: &Assessment, region: &RegionId) -> bool {
    supposed.regions.iter().any(|r| r.id == *region && r.lost)
}

/// Whether the workload has to be recovered in this scenario.
fn concerns(view: &WorkloadView) -> bool {
    view.verdict.as_ref().is_some_and(|j| j.verdict >= Verdict::Recoverable)
}

/// Probes that look at a lost region, or at a workload that serves from one.
fn probes<'a>(seen: &'a Observations, supposed: &Assessment) -> impl Iterator<Item = Probed<'a>> + use<'a> {
    let lost: BTreeSet<RegionId> = supposed.regions.iter().filter(|r| r.lost).map(|r| r.id.clone()).collect();
    let served = supposed.workloads.iter().filter(|w| concerns(w)).map(|w| w.id.clone());
    let served: BTreeSet<WorkloadId> = served.collect();
    let about = move |key: &ProbeKey| match key {
        ProbeKey::RegionHealth { region, .. } => lost.contains(region),
        ProbeKey::WorkloadHealth { workload, .. } => served.contains(workload),
        _ => false,
    };
    seen.probes.iter().filter(move |(key, _)| about(key)).map(|(key, seen)| (key, &**seen))
}

/// When the first of the probes concerned began to fail. `supposed` is the
/// assessment under what is to be declared.
pub fn impact(seen: &Observations, supposed: &Assessment) -> Option<Time> {
    probes(seen, supposed).filter_map(|(_, seen)| seen.failing_since()).min()
}

/// What is seen that speaks for declaring what `supposed` assumes lost, in
/// cleaned sentences: what fails now and since when, then what assessment
/// says of the rest.
pub fn evidence(seen: &Observations, supposed: &Assessment) -> Vec<String> {
    let mut failing = BTreeSet::new();
    let mut answers: Vec<Failing> = Vec::new();
    for (key, seen) in probes(seen, supposed) {
        let (Some(since), Some(problem), Some(subject)) =
            (seen.failing_since(), seen.problem(), subject(key))
        else {
            continue;
        };
        let of_region = matches!(key, ProbeKey::RegionHealth { .. });
        let how = super::region::said(problem);
        let same = answers.iter_mut().find(|a| a.of_region == of_region && a.how == how);
        match same {
            Some(all) => all.add(&subject, since, seen.failures()),
            None => answers.push(Failing {
                of_region,
                subjects: vec![subject.clone()],
                how,
                since,
                times: (seen.failures(), seen.failures()),
            }),
        }
        failing.insert(subject);
    }
    let mut said: Vec<String> = answers.iter().map(ToString::to_string).collect();
    let silent = |id: &str| !failing.contains(id);
    for region in supposed.regions.iter().filter(|r| takes(supposed, &r.id) && silent(r.id.as_str())) {
        said.extend(region.reasons.iter().map(|why| format!("{}: {why}", region.id)));
    }
    for w in supposed.workloads.iter().filter(|w| concerns(w) && silent(w.id.as_str())) {
        let health = |r: &&Reason| matches!(r, Reason::HealthFailing { .. } | Reason::HealthUnseen { .. });
        said.extend(w.reasons.iter().filter(health).map(|why| format!("{}: {why}", w.id)));
    }
    said.iter().map(|line| clean_line(line)).collect()
}

/// Those that fail in the same way, told together: at night nobody reads the
/// same line six times.
struct Failing {
    of_region: bool,
    subjects: Vec<String>,
    how: String,
    /// Of the first.
    since: Time,
    /// In a row: the fewest and the most.
    times: (u32, u32),
}

impl Failing {
    fn add(&mut self, subject: &str, since: Time, times: u32) {
        if !self.subjects.iter().any(|s| s == subject) {
            self.subjects.push(subject.to_owned());
        }
        self.since = self.since.min(since);
        self.times = (self.times.0.min(times), self.times.1.max(times));
    }
}

impl std::fmt::Display for Failing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let who = match self.subjects.split_last() {
            Some((last, before)) if !before.is_empty() => format!("{} and {last}", before.join(", ")),
            _ => self.subjects.concat(),
        };
        let times = match self.times {
            (1, 1) => "once".to_owned(),
            (least, most) if least == most => format!("{most} times in a row"),
            (least, most) => format!("{least} to {most} times in a row"),
        };
        write!(f, "{who}: {}, {times} since {} UTC", self.how, self.since.format("%H:%M:%S"))
    }
}

fn subject(key: &ProbeKey) -> Option<String> {
    match key {
        ProbeKey::RegionHealth { region, .. } => Some(region.to_string()),
        ProbeKey::WorkloadHealth { workload, .. } => Some(workload.to_string()),
        _ => None,
    }
}

/// What is predicted for each workload that has to be recovered; `judged` is the
/// assessment under the scenario that is declared, its impact included.
pub fn predictions(judged: &Assessment) -> Vec<Prediction> {
    let concerned = judged.workloads.iter().map(|w| &**w).filter(|w| concerns(w));
    let prediction = |w: &WorkloadView| {
        let verdict = w.verdict.as_ref().unwrap_or(&w.if_home_lost);
        Prediction {
            workload: w.id.clone(),
            at: judged.at,
            verdict: verdict.verdict,
            to: verdict.to.clone(),
            loss_lower: verdict.loss.lower,
            loss_upper: verdict.loss.upper,
            rto: verdict.rto,
        }
    };
    concerned.map(prediction).collect()
}
