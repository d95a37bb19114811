//! The thread that writes: nobody who looks or draws waits for the disk.

use std::collections::{BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use lifeboat_core::model::*;

use super::note::Note;
use super::{Bounds, History};

/// What is seen within so long is written at once.
const GATHER: Duration = Duration::from_secs(2);
/// So many are written before that.
const MANY: usize = 512;
/// More than this is not kept in memory while the disk takes nothing: then the
/// oldest goes.
const WAITING: usize = 8_192;
/// A disk that took nothing is tried again after so long.
const AGAIN: Duration = Duration::from_secs(5);
/// What follows from the history is found out anew no sooner than so, and
/// never for more than a fiftieth of the time.
const LEARN_EVERY: Duration = Duration::from_secs(10);

/// What the thread has to say.
#[derive(Debug, Clone)]
pub enum Told {
    Learned(Arc<Learned>),
    Problem(Problem),
}

type Reply<T> = Box<dyn FnOnce(T) + Send>;

enum Asked {
    /// The first note since the last were taken, or many of them.
    Notes,
    /// A run may have ended.
    Runs,
    Past(WorkloadId, Reply<Result<Past, Problem>>),
    Acknowledge(Box<Acknowledged>, Reply<Result<(), Problem>>),
    /// What is found now.
    Found(BTreeSet<String>, Time),
    /// Everything before it is written.
    Flush(Reply<()>),
    /// And what follows is known.
    Settle(Reply<Arc<Learned>>),
}

/// Hands on what is seen; cheap to clone and never waits. The thread ends with
/// the last of them, when all is written.
#[derive(Clone)]
pub struct Recorder {
    to: mpsc::Sender<Asked>,
    notes: Arc<Mutex<Vec<Note>>>,
    last: Arc<Mutex<Arc<Learned>>>,
}

/// What the thread works with.
pub struct Means {
    pub path: PathBuf,
    pub bounds: Bounds,
    pub estate: Arc<Estate>,
    /// Where the runs lie.
    pub runs: PathBuf,
    pub clock: Arc<dyn Clock>,
    pub tell: Box<dyn Fn(Told) + Send>,
}

impl Recorder {
    /// Opens the history on its thread; a thread that cannot be started is a
    /// history that cannot be written, and is told.
    pub fn start(means: Means) -> Self {
        let (to, asked) = mpsc::channel();
        let notes = Arc::new(Mutex::new(Vec::new()));
        let last = Arc::new(Mutex::new(Arc::new(Learned::default())));
        let thread = Thread {
            history: None,
            means,
            pending: VecDeque::new(),
            trouble: None,
            again: None,
            learned_at: None,
            dirty: true,
            found: BTreeSet::new(),
            notes: notes.clone(),
            last: last.clone(),
        };
        let spawned =
            std::thread::Builder::new().name("history".to_owned()).spawn(move || thread.serve(&asked));
        if let Err(e) = spawned {
            tracing::warn!(%e, "no thread for the history");
        }
        Self { to, notes, last }
    }

    fn note(&self, note: Note) {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        // The thread bounds what it keeps; this bounds what it has not taken yet.
        if notes.len() < WAITING {
            notes.push(note);
        }
        // Between, it sleeps: twenty answers a second would wake it as often.
        if matches!(notes.len(), 1 | MANY) {
            let _ = self.to.send(Asked::Notes);
        }
    }
    pub fn probe(&self, key: &ProbeKey, result: Result<&ProbeReading, &Problem>, at: Time) {
        let result = result.map(|reading| reading.value).map_err(|problem| problem.code);
        self.note(Note::Probe { key: key.clone(), at, result });
    }
    pub fn copy(&self, key: &CopyKey, result: Result<&CopyReport, &Problem>, at: Time) {
        let result = result.map(|report| Box::new(report.clone())).map_err(|problem| problem.code);
        self.note(Note::Copy { key: key.clone(), at, result });
    }
    pub fn runs_changed(&self) {
        let _ = self.to.send(Asked::Runs);
    }
    /// What was learned last.
    pub fn learned(&self) -> Arc<Learned> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
    /// Calls back, on its thread, with what is kept of a workload.
    pub fn past(&self, workload: &WorkloadId, reply: impl FnOnce(Result<Past, Problem>) + Send + 'static) {
        let _ = self.to.send(Asked::Past(workload.clone(), Box::new(reply)));
    }
    pub fn acknowledge(&self, said: Acknowledged, reply: impl FnOnce(Result<(), Problem>) + Send + 'static) {
        let _ = self.to.send(Asked::Acknowledge(Box::new(said), Box::new(reply)));
    }
    /// Keeps since when each of these findings stands.
    pub fn found(&self, findings: BTreeSet<String>, now: Time) {
        let _ = self.to.send(Asked::Found(findings, now));
    }
    /// Writes what was seen so far; blocks, for at most `within`.
    pub fn flush(&self, within: Duration) {
        let (reply, answer) = mpsc::channel();
        let _ = self.to.send(Asked::Flush(Box::new(move |()| {
            let _ = reply.send(());
        })));
        let _ = answer.recv_timeout(within);
    }
    /// Writes what was seen so far and gives what follows from all of it;
    /// blocks, for at most `within`, after which the last is given.
    pub fn settle(&self, within: Duration) -> Arc<Learned> {
        let (reply, answer) = mpsc::channel();
        let _ = self.to.send(Asked::Settle(Box::new(move |learned| drop(reply.send(learned)))));
        answer.recv_timeout(within).unwrap_or_else(|_| self.learned())
    }
}

struct Thread {
    means: Means,
    history: Option<History>,
    /// Seen and not yet written.
    pending: VecDeque<Note>,
    /// What was told last, so that it is told once.
    trouble: Option<Problem>,
    again: Option<Instant>,
    /// When it may be learned again.
    learned_at: Option<Instant>,
    dirty: bool,
    /// What was found last and is written.
    found: BTreeSet<String>,
    notes: Arc<Mutex<Vec<Note>>>,
    last: Arc<Mutex<Arc<Learned>>>,
}

impl Thread {
    fn serve(mut self, asked: &mpsc::Receiver<Asked>) {
        self.open();
        self.runs();
        self.learn();
        let mut first = None;
        loop {
            match self.next(asked, first) {
                Ok(Asked::Notes) => {
                    first.get_or_insert_with(Instant::now);
                    if self.notes().len() < MANY {
                        continue;
                    }
                    self.write();
                }
                Ok(other) => self.answer(other),
                Err(RecvTimeoutError::Timeout) => self.write(),
                Err(RecvTimeoutError::Disconnected) => return self.write(),
            }
            // An answer to something else writes nothing of what was gathered.
            let waits = !self.pending.is_empty() || !self.notes().is_empty();
            first = waits.then(Instant::now);
            if self.dirty && self.learned_at.is_none_or(|at| at <= Instant::now()) {
                self.runs();
                self.learn();
            }
        }
    }

    /// Waits for what is asked, until what was gathered is to be written or it
    /// is time to learn; without either, for ever.
    fn next(&self, asked: &mpsc::Receiver<Asked>, first: Option<Instant>) -> Result<Asked, RecvTimeoutError> {
        let write = first.map(|first| self.again.map_or(first + GATHER, |again| again.max(first + GATHER)));
        let learn = self.learned_at.filter(|_| self.dirty);
        match write.into_iter().chain(learn).min() {
            Some(until) => asked.recv_timeout(until.saturating_duration_since(Instant::now())),
            None => asked.recv().map_err(|_| RecvTimeoutError::Disconnected),
        }
    }

    fn answer(&mut self, asked: Asked) {
        match asked {
            Asked::Notes => self.write(),
            Asked::Runs => self.dirty = true,
            Asked::Past(workload, reply) => {
                self.write();
                reply(self.past(&workload));
            }
            Asked::Acknowledge(said, reply) => {
                let done = self.history.as_mut().map(|history| history.acknowledge(&said));
                reply(done.unwrap_or_else(|| Err(self.none())));
                self.learn();
            }
            Asked::Found(names, now) => self.found(names, now),
            Asked::Flush(reply) => {
                self.write();
                reply(());
            }
            Asked::Settle(reply) => {
                self.write();
                self.runs();
                self.learn();
                reply(self.last.lock().unwrap_or_else(PoisonError::into_inner).clone());
            }
        }
    }

    /// The disk is asked only where something came or went.
    fn found(&mut self, names: BTreeSet<String>, now: Time) {
        if names == self.found {
            return;
        }
        match self.history.as_mut().map(|history| history.found(&names, now)) {
            Some(Ok(())) => (self.found, self.dirty) = (names, true),
            Some(Err(problem)) => self.tell(problem),
            None => {}
        }
    }

    fn none(&self) -> Problem {
        let none = || Problem::new(Code::HISTORY_WRITE, self.means.path.display());
        self.trouble.clone().unwrap_or_else(none)
    }

    fn past(&self, workload: &WorkloadId) -> Result<Past, Problem> {
        let estate = &self.means.estate;
        let (Some(history), Some(workload)) = (&self.history, estate.workload(workload.as_str())) else {
            return Err(self.none());
        };
        history.past(estate, workload)
    }

    fn tell(&mut self, problem: Problem) {
        if self.trouble.as_ref() != Some(&problem) {
            tracing::warn!(%problem, "history");
            (self.means.tell)(Told::Problem(problem.clone()));
        }
        self.trouble = Some(problem);
    }

    fn open(&mut self) {
        let (opened, told) = History::open(&self.means.path, self.means.bounds, self.means.clock.now());
        told.into_iter().for_each(|problem| self.tell(problem));
        self.history = opened.ok();
        let writes = self.history.as_ref().is_some_and(|h| h.trouble().is_none());
        self.again = (!writes).then(|| Instant::now() + AGAIN);
    }

    fn notes(&self) -> MutexGuard<'_, Vec<Note>> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&mut self) {
        let taken = std::mem::take(&mut *self.notes());
        self.pending.extend(taken);
        if self.pending.is_empty() || self.again.is_some_and(|again| Instant::now() < again) {
            return self.bound();
        }
        if self.again.take().is_some() {
            self.open();
        }
        if let Err(problem) = self.try_write() {
            let damaged = problem.code == Code::HISTORY_DAMAGED;
            if damaged {
                // Opening sets it aside and says so.
                self.history = None;
                self.open();
            }
            if !damaged || self.try_write().is_err() {
                self.tell(problem);
                self.again = Some(Instant::now() + AGAIN);
            }
        }
        self.bound();
    }

    fn try_write(&mut self) -> Result<(), Problem> {
        let Some(history) = &mut self.history else { return Err(self.none()) };
        history.write(&self.means.estate, self.pending.make_contiguous())?;
        self.pending.clear();
        (self.dirty, self.trouble) = (true, None);
        Ok(())
    }

    fn bound(&mut self) {
        let over = self.pending.len().saturating_sub(WAITING);
        self.pending.drain(..over);
    }

    fn runs(&mut self) {
        let noted = self.history.as_mut().map(|history| history.note_runs(&self.means.runs));
        if let Some(Err(problem)) = noted {
            self.tell(problem);
        }
    }

    fn learn(&mut self) {
        let began = Instant::now();
        let Some(history) = &self.history else { return };
        let learned = history.learn(&self.means.estate, self.means.clock.now());
        self.dirty = false;
        self.learned_at = Some(began + LEARN_EVERY.max(began.elapsed() * 50));
        match learned {
            Ok(learned) => {
                let learned = Arc::new(learned);
                let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
                let same = **last == *learned;
                if !same {
                    last.clone_from(&learned);
                }
                drop(last);
                if !same {
                    (self.means.tell)(Told::Learned(learned));
                }
            }
            Err(problem) => self.tell(problem),
        }
    }
}
