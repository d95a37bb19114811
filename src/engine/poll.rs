//! Asking every source on its own schedule, and publishing what was seen.
//!
//! Each source is a task of its own: a store that hangs or a region that is
//! dead costs its own row and nothing else. What is seen goes into one shared
//! picture; a snapshot of it is published at most four times a second, so
//! that observations never queue.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::stream::{self, StreamExt};
use lifeboat_core::model::*;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::{Asked, Reading, Source, sources};
use crate::keep::history::Recorder;
use crate::probe::Probing;

/// The shortest time between two published snapshots.
const PUBLISH_EVERY: Duration = Duration::from_millis(250);
/// The same where all that was answered is what was answered before, and only
/// ages have changed.
const PUBLISH_AGES: Duration = Duration::from_secs(1);
/// How long after a first answer others are waited for.
const GATHER: Duration = Duration::from_millis(40);
/// How many repositories are read at once: each may hold 64 MiB.
const READS_AT_ONCE: usize = 4;
/// How many probes may be on their way at once: each holds a socket.
const PROBES_AT_ONCE: usize = 4_096;

/// With what is asked, and where what was seen is kept.
#[derive(Clone)]
pub struct Looking {
    pub probing: Arc<dyn Probing>,
    pub reading: Arc<dyn Reading>,
    pub clock: Arc<dyn Clock>,
    pub recorder: Option<Recorder>,
}

impl Looking {
    pub fn new(probing: Arc<dyn Probing>, reading: Arc<dyn Reading>, clock: Arc<dyn Clock>) -> Self {
        Self { probing, reading, clock, recorder: None }
    }
    #[must_use]
    pub fn recording(self, recorder: Recorder) -> Self {
        Self { recorder: Some(recorder), ..self }
    }
}

struct Means {
    by: Looking,
    reads: Semaphore,
    probes: Semaphore,
}

impl Means {
    fn new(by: Looking) -> Arc<Self> {
        let (reads, probes) = (Semaphore::new(READS_AT_ONCE), Semaphore::new(PROBES_AT_ONCE));
        Arc::new(Self { by, reads, probes })
    }
}

/// What one try brought.
enum Found {
    Probe(ProbeKey, Result<ProbeReading, Problem>),
    Copy(CopyKey, Result<Box<CopySummary>, Problem>),
    Posture(StoreId, Result<Box<Posture>, Problem>),
}

impl Found {
    fn failed(&self) -> Option<&Problem> {
        match self {
            Self::Probe(_, result) => result.as_ref().err(),
            Self::Copy(_, result) => result.as_ref().err(),
            Self::Posture(_, result) => result.as_ref().err(),
        }
    }
}

/// Asks once, within the source's deadline whatever the other side does.
async fn ask(means: &Means, source: &Source) -> Found {
    // The client has its own bounds; this one holds if they fail to.
    let bound = source.deadline.to_std() + Duration::from_secs(1);
    match &source.asked {
        Asked::Probe(key, probe) => {
            let _permit = means.probes.acquire().await;
            let answer = timeout(bound, means.by.probing.ask(probe, source.deadline)).await;
            let result = answer.unwrap_or_else(|_| Err(Problem::new(Code::PROBE_TIMEOUT, subject(probe))));
            let result = result.and_then(|reading| match reading.holds {
                true => Ok(reading),
                false => Err(Problem::new(Code::PROBE_ANSWER, subject(probe)).because(reading.detail)),
            });
            if let Some(recorder) = &means.by.recorder {
                recorder.probe(key, result.as_ref(), means.by.clock.now());
            }
            Found::Probe(key.clone(), result)
        }
        Asked::Copy(key) => {
            let _permit = means.reads.acquire().await;
            let now = means.by.clock.now();
            let answer = timeout(bound, means.by.reading.read(key, now)).await;
            let result = answer.unwrap_or_else(|_| Err(Problem::new(Code::STORE_TIMEOUT, key)));
            if let Some(recorder) = &means.by.recorder {
                recorder.copy(key, result.as_ref(), means.by.clock.now());
            }
            Found::Copy(key.clone(), result.map(|report| Box::new(report.summary())))
        }
        Asked::Posture(store) => {
            let _permit = means.reads.acquire().await;
            let answer = timeout(bound, means.by.reading.posture(store)).await;
            let result = answer.unwrap_or_else(|_| Err(Problem::new(Code::STORE_TIMEOUT, store)));
            Found::Posture(store.clone(), result.map(Box::new))
        }
    }
}

fn subject(probe: &Probe) -> String {
    match &probe.target {
        serde_json::Value::String(target) => target.clone(),
        _ => probe.kind.clone(),
    }
}

/// The picture that all sources paint.
struct Picture {
    seen: Mutex<Observations>,
    changed: Notify,
    /// Something was answered as it was before.
    aged: Notify,
}

impl From<Observations> for Picture {
    fn from(seen: Observations) -> Self {
        Self { seen: Mutex::new(seen), changed: Notify::new(), aged: Notify::new() }
    }
}

impl Picture {
    fn of(sources: &[Source]) -> Observations {
        let mut seen = Observations::default();
        for source in sources {
            match &source.asked {
                Asked::Probe(key, _) => {
                    seen.probes.insert(key.clone(), Arc::new(Observed::never(source.every)));
                }
                Asked::Copy(key) => {
                    seen.copies.insert(key.clone(), Observed::never(source.every));
                }
                Asked::Posture(store) => {
                    seen.postures.insert(store.clone(), Arc::new(Observed::never(source.every)));
                }
            }
        }
        seen
    }

    fn record(&self, found: Found, at: Time) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let news = record(&mut seen, found, at);
        drop(seen);
        if news { &self.changed } else { &self.aged }.notify_one();
    }
}

/// Whether it says something new.
fn record(seen: &mut Observations, found: Found, at: Time) -> bool {
    fn put<T: Clone>(slot: Option<&mut Arc<Observed<T>>>, result: Result<T, Problem>, at: Time) {
        if let Some(slot) = slot {
            take(Arc::make_mut(slot), result, at);
        }
    }
    fn is_news(before: &Observed<ProbeReading>, now: &Result<ProbeReading, Problem>) -> bool {
        let said = |r: &ProbeReading| (r.holds, r.value, r.text.clone(), r.as_of);
        // Of what is asked more often than ages are published, each age counts.
        let slow = before.failures() == 0 && before.every().to_std() >= PUBLISH_AGES;
        match (before.last().filter(|_| slow), now) {
            (Some(before), Ok(now)) => said(&before.value) != said(now),
            _ => true,
        }
    }
    fn take<T>(observed: &mut Observed<T>, result: Result<T, Problem>, at: Time) {
        match result {
            Ok(value) => observed.succeed(value, at),
            Err(problem) => observed.fail(problem, at),
        }
    }
    match found {
        Found::Probe(key, result) => {
            let slot = seen.probes.get_mut(&key);
            let news = slot.as_ref().is_some_and(|before| is_news(before, &result));
            put(slot, result, at);
            return news;
        }
        Found::Copy(key, result) => {
            let result = result.map(|summary| Arc::new(*summary));
            seen.copies.update(&key, |copy| take(copy, result, at));
        }
        Found::Posture(store, result) => {
            put(seen.postures.get_mut(&store), result.map(|posture| *posture), at)
        }
    }
    true
}

/// Polls an estate until it is dropped.
pub struct Poller {
    seen: watch::Receiver<Arc<Observations>>,
    refresh: watch::Sender<Option<WorkloadId>>,
    picture: Arc<Picture>,
    _tasks: JoinSet<()>,
}

impl Poller {
    /// Must be called on a tokio runtime. `Poller` owns all its tasks.
    pub fn start(estate: &Estate, by: Looking, stop: &CancellationToken) -> Self {
        let all = sources(estate);
        let first = Picture::of(&all);
        let (publish, seen) = watch::channel(Arc::new(first.clone()));
        let picture = Arc::new(Picture::from(first));
        let (refresh, _) = watch::channel(None);
        let means = Means::new(by);
        let mut tasks = JoinSet::new();
        for source in all {
            let work = watch_one(means.clone(), source, picture.clone(), refresh.subscribe());
            tasks.spawn(stop.clone().run_until_cancelled_owned(work).map_drop());
        }
        let publishing = publisher(picture.clone(), publish);
        tasks.spawn(stop.clone().run_until_cancelled_owned(publishing).map_drop());
        Self { seen, refresh, picture, _tasks: tasks }
    }

    /// What was seen from now on goes with what the history has taught.
    pub fn remember(&self, learned: Arc<Learned>) {
        self.picture.seen.lock().unwrap_or_else(PoisonError::into_inner).learned = learned;
        self.picture.changed.notify_one();
    }

    /// The newest snapshot and its successors.
    pub fn seen(&self) -> watch::Receiver<Arc<Observations>> {
        self.seen.clone()
    }

    /// Asks all sources (of one workload) again at once.
    pub fn refresh(&self, workload: Option<WorkloadId>) {
        self.refresh.send_replace(workload);
    }
}

trait MapDrop: Future + Sized {
    async fn map_drop(self) {
        self.await;
    }
}
impl<F: Future> MapDrop for F {}

async fn publisher(picture: Arc<Picture>, publish: watch::Sender<Arc<Observations>>) {
    let mut published = Instant::now();
    loop {
        let only_ages = async {
            picture.aged.notified().await;
            sleep_until(published + PUBLISH_AGES).await;
        };
        tokio::select! {
            () = picture.changed.notified() => {}
            () = only_ages => {}
        }
        // Answers come in flocks, and each picture is judged and drawn.
        tokio::time::sleep(GATHER).await;
        published = Instant::now();
        let snapshot = picture.seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if publish.send(Arc::new(snapshot)).is_err() {
            return;
        }
        tokio::time::sleep(PUBLISH_EVERY).await;
    }
}

async fn watch_one(
    means: Arc<Means>,
    source: Source,
    picture: Arc<Picture>,
    mut refresh: watch::Receiver<Option<WorkloadId>>,
) {
    let every = source.every.to_std();
    // Spread the first round a little, so that a thousand sources do not
    // begin in the same millisecond.
    let spread = (every / 10).min(Duration::from_millis(500));
    let mut due = Instant::now() + spread.mul_f64(fastrand::f64());
    let mut failures = 0;
    loop {
        wait(&source, due, &mut refresh).await;
        let began = Instant::now();
        let found = ask(&means, &source).await;
        failures = match found.failed() {
            Some(problem) => {
                tracing::debug!(code = problem.code.id, subject = problem.subject, "not seen");
                failures + 1
            }
            None => 0,
        };
        picture.record(found, means.by.clock.now());
        due = next_due(&source, began, failures);
    }
}

async fn wait(source: &Source, due: Instant, refresh: &mut watch::Receiver<Option<WorkloadId>>) {
    loop {
        tokio::select! {
            () = sleep_until(due) => return,
            changed = refresh.changed() => {
                if changed.is_err() {
                    return sleep_until(due).await;
                }
                let wanted = refresh.borrow_and_update().clone();
                if wanted.is_none() || wanted.as_ref() == source.asked.workload() {
                    return;
                }
            }
        }
    }
}

/// When to ask next. Probes keep their pace for three failures, so that a loss
/// is seen within two polls, then ask up to four times more seldom. A
/// repository or a store that failed is tried again soon, then ever later, never more
/// seldom than its refresh.
fn next_due(source: &Source, last: Instant, failures: u32) -> Instant {
    let every = source.every.to_std();
    let pause = match &source.asked {
        Asked::Probe(..) => every * 2_u32.pow(failures.saturating_sub(3).min(2)),
        Asked::Copy(_) | Asked::Posture(_) if failures > 0 => {
            (Duration::from_secs(2) * 2_u32.pow(failures.min(12) - 1)).min(every)
        }
        Asked::Copy(_) | Asked::Posture(_) => every,
    };
    // What was missed while a try took longer than its interval is not made up for.
    (last + pause).max(Instant::now())
}

/// Asks everything once, for commands that answer and end. A probe that fails
/// is asked a second time after `again`, since one failure proves little.
pub async fn once(estate: &Estate, by: Looking, again: Duration) -> Observations {
    let all = sources(estate);
    let mut seen = Picture::of(&all);
    let means = Means::new(by);
    let asked = all.iter().map(|source| async {
        let first = ask(&means, source).await;
        let at = means.by.clock.now();
        let second = match (&source.asked, first.failed()) {
            (Asked::Probe(..), Some(_)) => {
                tokio::time::sleep(again).await;
                Some((ask(&means, source).await, means.by.clock.now()))
            }
            _ => None,
        };
        ((first, at), second)
    });
    let mut answers = stream::iter(asked).buffer_unordered(PROBES_AT_ONCE);
    while let Some(((first, at), second)) = answers.next().await {
        record(&mut seen, first, at);
        if let Some((second, at)) = second {
            record(&mut seen, second, at);
        }
    }
    drop(answers);
    seen
}
