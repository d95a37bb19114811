//! What was seen before, as the history keeps it: figures over time, every
//! point once, what runs taught, what a person said is as it should be.

use serde::{Deserialize, Serialize};

use super::{
    AssetId, CopyKey, Dur, LinkKey, Packed, PointKind, PointState, RegionId, RunId, RunbookId, RunbookKind,
    Severity, StepId, StoreId, Time, WorkloadId,
};

/// A figure that is kept over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Figure {
    /// Of a replica, in seconds.
    Lag,
    /// Usable points of a copy.
    Count,
    /// Sizes of all points of a copy together, in bytes. What a tool keeps
    /// only once counts each time: more than what is stored.
    Stored,
    /// How old the oldest usable point is, in seconds.
    Oldest,
    /// How old the newest instant is that a copy gives back, in seconds.
    Good,
    /// Objects of the original that a copy lacks.
    Behind,
    /// 1 where a look was answered, else 0.
    Answered,
    /// What a look cost.
    Requests,
    Bytes,
    /// Of an asset: the instant of its last acknowledged write, in seconds
    /// since 1970.
    Written,
}

impl Figure {
    pub const ALL: [Figure; 10] = [
        Self::Lag,
        Self::Count,
        Self::Stored,
        Self::Oldest,
        Self::Good,
        Self::Behind,
        Self::Answered,
        Self::Requests,
        Self::Bytes,
        Self::Written,
    ];
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lag => "lag",
            Self::Count => "count",
            Self::Stored => "stored",
            Self::Oldest => "oldest",
            Self::Good => "good",
            Self::Behind => "behind",
            Self::Answered => "answered",
            Self::Requests => "requests",
            Self::Bytes => "bytes",
            Self::Written => "written",
        }
    }
}

/// All values of one figure within one minute, hour or day.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bucket {
    /// Where it begins.
    pub at: Time,
    pub n: u32,
    pub mean: f64,
    pub min: f64,
    pub max: f64,
    /// The newest of them.
    pub last: f64,
}

/// One figure, coarser the longer ago; oldest first.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Series {
    pub minutes: Vec<Bucket>,
    pub hours: Vec<Bucket>,
    pub days: Vec<Bucket>,
}

impl Series {
    /// The newest value.
    pub fn last(&self) -> Option<f64> {
        [&self.minutes, &self.hours, &self.days].iter().find_map(|b| b.last()).map(|b| b.last)
    }
    pub fn is_empty(&self) -> bool {
        self.minutes.is_empty() && self.hours.is_empty() && self.days.is_empty()
    }
    /// Of the levels that reach back over `span`, the finest; else the one that
    /// reaches back longest.
    pub fn over(&self, span: Dur, now: Time) -> &[Bucket] {
        let from = now - span;
        let reaches = |b: &&Vec<Bucket>| b.first().is_some_and(|first| first.at <= from) && b.len() > 1;
        let levels = [&self.minutes, &self.hours, &self.days];
        // A bucket's own beginning may lie long before anything was seen in it.
        let end = |b: &[Bucket], width: i64| b.first().map(|b| b.at + Dur::secs(width));
        let (by_hour, by_day) = (end(&self.hours, 3_600), end(&self.days, 86_400));
        let has_all = |b: &[Bucket], coarser: &[Option<Time>]| {
            b.first().is_some_and(|first| coarser.iter().flatten().all(|end| first.at < *end))
        };
        let level = levels.into_iter().find(reaches).unwrap_or_else(|| {
            match has_all(&self.minutes, &[by_hour, by_day]) {
                true => &self.minutes,
                false if has_all(&self.hours, &[by_day]) => &self.hours,
                false => &self.days,
            }
        });
        let first = level.partition_point(|b| b.at < from);
        &level[first..]
    }
}

/// A recovery point as it was seen, there or gone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PastPoint {
    pub id: String,
    pub kind: PointKind,
    pub started_at: Option<Time>,
    pub completed_at: Option<Time>,
    pub size_bytes: Option<u64>,
    #[serde(default)]
    pub packed: Option<Packed>,
    pub state: PointState,
    pub first_seen: Time,
    /// When a look first no longer found it.
    pub gone_at: Option<Time>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CopyPast {
    /// When it was first looked at.
    pub began: Option<Time>,
    /// Newest first; those that are gone among them.
    pub points: Vec<PastPoint>,
    pub count: Series,
    pub stored: Series,
    pub oldest: Series,
    pub good: Series,
    pub behind: Series,
    pub answered: Series,
    pub requests: Series,
    pub bytes: Series,
}

impl CopyPast {
    pub fn series(&mut self, figure: Figure) -> Option<&mut Series> {
        Some(match figure {
            Figure::Lag | Figure::Written => return None,
            Figure::Count => &mut self.count,
            Figure::Stored => &mut self.stored,
            Figure::Oldest => &mut self.oldest,
            Figure::Good => &mut self.good,
            Figure::Behind => &mut self.behind,
            Figure::Answered => &mut self.answered,
            Figure::Requests => &mut self.requests,
            Figure::Bytes => &mut self.bytes,
        })
    }
}

/// All that is kept of one workload.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Past {
    pub copies: Vec<(CopyKey, CopyPast)>,
    /// Of replicas, their lag.
    pub links: Vec<(LinkKey, Series)>,
    /// Of assets with a write probe, the last write.
    pub writes: Vec<(AssetId, Series)>,
    /// Newest first.
    pub lessons: Vec<Lesson>,
}

/// Something that is not as it used to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Anomaly {
    /// `anomaly-size`, `early-deletion` …
    pub rule: String,
    pub severity: Severity,
    /// `checkout/orders-db@backups-fra`
    pub subject: String,
    /// The point or object that it is about; where it is about none, an
    /// acknowledgement holds for a week.
    pub object: Option<String>,
    pub message: String,
    pub observed: String,
    pub expected: String,
    /// The figure that stands out, for acknowledgements to learn from.
    pub value: Option<f64>,
}

/// A person's word that an anomaly is as it should be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Acknowledged {
    pub rule: String,
    pub subject: String,
    pub object: Option<String>,
    pub value: Option<f64>,
    pub by: String,
    pub why: String,
    pub at: Time,
}

/// How near a figure must lie to an acknowledged one to be like it.
const LIKE: f64 = 0.2;
/// How long an acknowledgement holds that names no object.
const QUIET: Dur = Dur::secs(7 * 86_400);

impl Acknowledged {
    /// Until when it holds; `None` for as long as its object is as it was.
    pub fn until(&self) -> Option<Time> {
        self.object.is_none().then(|| self.at + QUIET)
    }
    /// Whether it covers this one: the same object, or a figure like the one
    /// that was acknowledged.
    pub fn covers(&self, found: &Anomaly, now: Time) -> bool {
        if self.rule != found.rule || self.subject != found.subject {
            return false;
        }
        match (&self.object, &found.object) {
            (Some(own), Some(other)) if own == other => true,
            (Some(_), Some(_)) => self
                .value
                .zip(found.value)
                .is_some_and(|(own, other)| (other - own).abs() <= LIKE * own.abs().max(1.0)),
            _ => now <= self.at + QUIET,
        }
    }
}

/// What one run, live or rehearsed, has shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lesson {
    pub run: RunId,
    pub runbook: RunbookId,
    /// `Runbook::version` of what was run.
    pub version: String,
    pub kind: RunbookKind,
    /// Otherwise it was a rehearsal.
    pub live: bool,
    pub workloads: Vec<WorkloadId>,
    pub to: Option<RegionId>,
    /// It came to its goal, and no step of its main part was left undone by a
    /// person or let fail.
    pub passed: bool,
    /// In which state it ended, in its own word.
    pub ended: String,
    pub began_at: Time,
    pub at: Time,
    /// How long it took, from when impact began or the run did.
    pub took: Dur,
    pub steps: Vec<(StepId, Dur)>,
    pub restores: Vec<Restored>,
}

/// One restore within a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Restored {
    /// `WORKLOAD/ASSET`
    pub asset: String,
    pub store: Option<StoreId>,
    pub point: Option<String>,
    /// The instant it was restored to.
    pub instant: Option<Time>,
    pub bytes: Option<u64>,
    pub took: Dur,
    /// Titles of the checks that held afterwards.
    pub checks: Vec<String>,
    pub at: Time,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(from: i64, until: i64, width: i64) -> Vec<Bucket> {
        let at = |n: i64| Time::UNIX_EPOCH + Dur::secs(n * width);
        let bucket = |n| Bucket { at: at(n), n: 1, mean: 1.0, min: 1.0, max: 1.0, last: 1.0 };
        (from / width..=until / width).map(bucket).collect()
    }

    #[test]
    fn of_a_young_history_the_finest_level_that_has_all_of_it_is_told() {
        let month = Dur::secs(30 * 86_400);
        // Seen for so long until now, kept for six hours by the minute and for
        // two weeks by the hour; told in buckets of so long.
        for (seen, width) in [(30, 60), (3_000, 60), (10 * 3_600, 3_600), (20 * 86_400, 86_400)] {
            let now = 400 * 86_400 + 85_000;
            let since = |kept: i64| now - seen.min(kept);
            let series = Series {
                minutes: level(since(6 * 3_600), now, 60),
                hours: level(since(14 * 86_400), now, 3_600),
                days: level(since(400 * 86_400), now, 86_400),
            };
            let at = Time::UNIX_EPOCH + Dur::secs(now);
            let told = series.over(month, at);
            let last = told.last().expect("a bucket").at;
            assert!(
                Dur::between(last, at) < Dur::secs(width),
                "{seen} s seen, but its newest is from {last}"
            );
            assert!(told.len() as i64 >= (seen / width).max(1), "{seen}: {}", told.len());
        }
        assert!(Series::default().over(month, Time::UNIX_EPOCH).is_empty());
    }
}
