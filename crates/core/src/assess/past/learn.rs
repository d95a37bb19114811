//! All of the past at once: what judging and its findings take from it.

use std::collections::BTreeMap;

use super::{copy_subject, kept, lag, point, room};
use crate::assess::{Finding, State};
use crate::model::*;

/// Success and answers are counted over so long.
const COUNTED: Dur = Dur::secs(30 * 86_400);

/// Takes one workload's past after the other, and keeps only what follows.
pub struct Learner<'a> {
    estate: &'a Estate,
    acknowledged: &'a [Acknowledged],
    now: Time,
    learned: Learned,
    stored: BTreeMap<StoreId, Vec<Series>>,
}

impl<'a> Learner<'a> {
    pub fn new(estate: &'a Estate, acknowledged: &'a [Acknowledged], now: Time) -> Self {
        Self { estate, acknowledged, now, learned: Learned::default(), stored: BTreeMap::new() }
    }

    pub fn workload(&mut self, past: &Past) {
        let mut found = Vec::new();
        for (key, copy) in &past.copies {
            self.copy(key, copy, &mut found);
        }
        for (key, series) in &past.links {
            let writes = past.writes.iter().find(|(asset, _)| *asset == key.asset).map(|(_, s)| s);
            self.link(key, series, writes, &mut found);
        }
        self.learned.anomalies.append(&mut found);
    }

    fn copy(&mut self, key: &CopyKey, past: &CopyPast, found: &mut Vec<Anomaly>) {
        let Some(def) = self.estate.copy(key) else { return };
        let (subject, now) = (copy_subject(self.estate, key), self.now);
        point::sizes(&subject, past, found);
        point::ratios(&subject, past, found);
        point::durations(&subject, past, found);
        kept::missed(&subject, def, past, now, found);
        kept::count(&subject, past, found);
        kept::deletions(&subject, def, past, now, found);
        kept::retention(&subject, past, found);
        lag::lacks(&subject, past, now, found);
        self.learned.copies.insert(key.clone(), trend(past, now));
        if !past.stored.is_empty() {
            self.stored.entry(def.store.clone()).or_default().push(past.stored.clone());
        }
    }

    fn link(&mut self, key: &LinkKey, past: &Series, writes: Option<&Series>, found: &mut Vec<Anomaly>) {
        let replica = self.estate.workload(key.workload.as_str()).and_then(|w| w.asset(key.asset.as_str()));
        let Some(replica) = replica.and_then(|a| a.replicas.get(key.index)) else { return };
        // The region that a finding names stays the same when lines of the estate move.
        let subject = format!("{}/{}@{}", key.workload, key.asset, replica.region);
        lag::follows(&subject, past, writes, self.now, found);
        if let Some(trend) = lag::trend(past, self.now) {
            self.learned.lags.insert(key.clone(), trend);
        }
    }

    /// What runs and rehearsals taught, in any order.
    pub fn lessons(&mut self, lessons: &[Lesson]) {
        let mut oldest_first: Vec<_> = lessons.iter().collect();
        oldest_first.sort_by(|a, b| (a.at, &a.run).cmp(&(b.at, &b.run)));
        for lesson in oldest_first {
            self.lesson(lesson);
        }
    }

    fn lesson(&mut self, lesson: &Lesson) {
        let learned = &mut self.learned;
        // A step that was done took what it took, whatever came of the rest.
        if let Some(into) = lesson.to.clone().or_else(|| only_standby(self.estate, lesson)) {
            let timing = |(step, took): &(StepId, Dur)| StepTiming {
                step: step.clone(),
                version: lesson.version.clone(),
                into: into.clone(),
                took: *took,
            };
            let steps = learned.timings.steps.entry(lesson.runbook.clone()).or_default();
            steps.extend(lesson.steps.iter().map(timing));
        }
        for restored in &lesson.restores {
            proven(self.estate, learned, lesson, restored);
        }
        if !lesson.passed {
            return;
        }
        for workload in &lesson.workloads {
            if !lesson.live {
                learned.drilled.insert(workload.clone(), lesson.at);
            } else if let Some(to) = lesson.to.clone().filter(|_| moves(lesson.kind)) {
                let committed = Committed { to, at: lesson.at, run: Some(lesson.run.clone()) };
                learned.committed.insert(workload.clone(), committed);
            }
        }
    }

    pub fn finish(mut self) -> Learned {
        for (id, copies) in &self.stored {
            let store = self.estate.store(id.as_str());
            if let Some(trend) = store.and_then(|s| room::of_store(s, copies)) {
                self.learned.stores.insert(id.clone(), trend);
            }
        }
        room::quotas(self.estate, &self.learned.stores, &mut self.learned.anomalies);
        let (said, now) = (self.acknowledged, self.now);
        let (mut open, mut quiet) = (Vec::new(), Vec::new());
        for anomaly in std::mem::take(&mut self.learned.anomalies) {
            // The newest word counts: it may hold longer.
            match said.iter().filter(|a| a.covers(&anomaly, now)).max_by_key(|a| a.at) {
                Some(said) => quiet.push(Quiet { anomaly, said: said.clone() }),
                None => open.push(anomaly),
            }
        }
        (self.learned.anomalies, self.learned.acknowledged) = (open, quiet);
        self.learned
    }
}

fn moves(kind: RunbookKind) -> bool {
    use RunbookKind::{Evacuation, Failback, Failover, Switchover};
    matches!(kind, Failover | Switchover | Failback | Evacuation)
}

/// Where a runbook goes that says nothing: there is no other place.
fn only_standby(estate: &Estate, lesson: &Lesson) -> Option<RegionId> {
    let [workload] = &lesson.workloads[..] else { return None };
    match &estate.workload(workload.as_str())?.standbys[..] {
        [only] => Some(only.region.clone()),
        _ => None,
    }
}

/// A restore that checks followed proves its point; and shows how fast its
/// store was read.
fn proven(estate: &Estate, learned: &mut Learned, lesson: &Lesson, restored: &Restored) {
    if let (Some(store), Some(bytes)) = (&restored.store, restored.bytes)
        && restored.took > Dur::ZERO
    {
        learned.timings.rates.insert(store.clone(), bytes as f64 / restored.took.as_secs_f64());
    }
    let (Some(point), Some(instant)) = (&restored.point, restored.instant) else { return };
    let Some((workload, asset)) = restored.asset.split_once('/') else { return };
    let Some(def) = estate.workload(workload).and_then(|w| w.asset(asset)) else { return };
    if restored.checks.is_empty() {
        return;
    }
    let from = |c: &&CopyDef| restored.store.as_ref().is_none_or(|store| c.store == *store);
    let Some(index) = def.copies.iter().position(|c| from(&c)) else { return };
    let key = CopyKey { workload: workload.into(), asset: asset.into(), index };
    learned.proofs.entry(key).or_default().push(Proof {
        point: point.clone(),
        instant,
        checks: restored.checks.clone(),
        region: lesson.to.clone(),
        identity: None,
        at: restored.at,
        // Nobody says how long it holds: rules ask for its age.
        expires: None,
    });
}

fn trend(past: &CopyPast, now: Time) -> CopyTrend {
    let newest = past.points.iter().find(|p| p.state == PointState::Usable && p.gone_at.is_none());
    let from = now - COUNTED;
    let days =
        |series: &Series| -> Vec<Bucket> { series.days.iter().filter(|b| b.at >= from).copied().collect() };
    let mean = |series: &Series| {
        let (sum, n) = days(series)
            .iter()
            .fold((0.0, 0.0), |(s, n), b| (s + b.mean * f64::from(b.n), n + f64::from(b.n)));
        (n > 0.0).then(|| sum / n)
    };
    let answered = days(&past.answered).iter().fold(Rate::default(), |rate, b| Rate {
        good: rate.good + (b.mean * f64::from(b.n)).round() as u32,
        all: rate.all + b.n,
    });
    CopyTrend {
        success: success(past, from),
        answered,
        size: newest.and_then(|p| p.size_bytes),
        growth: room::of_points(past),
        stored: past.stored.last().filter(|v| *v >= 0.0).map(|v| v as u64),
        requests: mean(&past.requests),
        bytes: mean(&past.bytes),
    }
}

/// Backups that came to an end, and those of them that are of use; what was
/// thinned out since counts as it was.
fn success(past: &CopyPast, from: Time) -> Rate {
    let when = |p: &PastPoint| p.completed_at.or(p.started_at).unwrap_or(p.first_seen);
    let ended = |p: &&PastPoint| p.state != PointState::Running && when(p) >= from;
    let bad = |p: &&PastPoint| {
        use PointState::{BrokenChain, Failed, Incomplete, Suspect};
        matches!(p.state, Failed | Incomplete | BrokenChain | Suspect)
    };
    let all = past.points.iter().filter(ended).count();
    let bad = past.points.iter().filter(ended).filter(bad).count();
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Rate { good: count(all - bad), all: count(all) }
}

/// Adds what is not as it used to be to an assessment's findings.
pub(crate) fn apply(learned: &Learned, findings: &mut Vec<Finding>) {
    findings.extend(learned.anomalies.iter().map(finding));
}

/// An anomaly as it stands among the findings.
pub fn finding(a: &Anomaly) -> Finding {
    Finding {
        rule: a.rule.clone(),
        severity: match a.severity {
            Severity::Warning => State::Warning,
            Severity::Critical => State::Critical,
        },
        subject: a.subject.clone(),
        message: match &a.object {
            Some(object) if !a.message.contains(object.as_str()) => format!("{} ({object})", a.message),
            _ => a.message.clone(),
        },
        observed: Some(a.observed.clone()),
        expected: Some(a.expected.clone()),
        clause: None,
    }
}
