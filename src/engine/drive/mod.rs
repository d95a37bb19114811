//! Driving one run: the machine says what comes next, the journal hears of it
//! first, attempts act. `start` makes a run, `drive` moves it; `attend`
//! follows one attempt.

mod attend;
mod guard;
mod start;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use lifeboat_core::{
    model::*,
    record::{Action, Event, Question, Record},
    run::{AttemptResult, GuardAnswer, Machine, Outcome, RunState, RunView, StepStatus, Todo, Verb},
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::{JoinSet, spawn_blocking},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

pub use start::{Starting, own_copy, start};

use crate::{
    act::attempt::{AttemptDir, Spec, outcome_of},
    keep::{journal::Journal, runs::RunFolder},
    probe::Probing,
};

/// A person's verb, and where to say what became of it: `Ok` when it is in
/// the journal.
pub type Asked = (OperatorId, Verb, oneshot::Sender<Result<(), Problem>>);

/// What a run is driven with.
#[derive(Clone)]
pub struct Driver {
    /// Who is named for what the program does by itself.
    pub by: OperatorId,
    /// Started as `PROGRAM __attempt DIR`; see `act::attempt::own_program`.
    pub program: PathBuf,
    pub probing: Arc<dyn Probing>,
    pub clock: Arc<dyn Clock>,
}

/// Moves a run until it is over, until `leave` is cancelled, or until it waits
/// for a person and nobody can ask any more (`verbs` is closed). Leaving lets
/// the attempt that acts finish by itself and begins none.
///
/// `Err`: the journal cannot be written or does not fit; nothing more was begun.
pub async fn drive(
    folder: RunFolder,
    driver: Driver,
    verbs: mpsc::Receiver<Asked>,
    view: watch::Sender<Arc<RunView>>,
    leave: CancellationToken,
) -> Result<RunState, Problem> {
    let machine = folder.machine()?;
    if let Some(event) = machine.newer() {
        return Err(Problem::new(Code::JOURNAL_NEWER, &machine.run().id).because(event));
    }
    let mut drive = Drive::new(folder, machine, driver, view, leave);
    drive.publish();
    if drive.machine.run().state.is_over() {
        return Ok(drive.machine.run().state);
    }
    let moved = match drive.take_up().await {
        Ok(()) => drive.go(verbs).await,
        Err(problem) => Err(problem),
    };
    if let Err(problem) = &moved {
        drive.trouble = Some(problem.clone());
    }
    drive.publish();
    moved
}

/// A view of a run that nobody drives here, or not yet.
pub fn view_of(machine: &Machine) -> RunView {
    RunView {
        run: Arc::new(machine.run().clone()),
        asks: machine.asks(),
        tail: Vec::new(),
        tail_step: None,
        doing: None,
        trouble: None,
    }
}

/// What a task of the drive came back with.
enum Happened {
    Ended {
        step: StepId,
        number: u32,
        outcome: Box<Outcome>,
        still_held: bool,
    },
    /// The attempt's process went away before it began to act.
    NeverBegan {
        step: StepId,
        number: u32,
    },
    Guarded {
        step: StepId,
        age: u64,
        every: Dur,
        answers: Vec<GuardAnswer>,
    },
    Answered {
        step: StepId,
        question: Question,
        age: u64,
        every: Dur,
        answer: Result<ProbeReading, Problem>,
    },
}

/// The newest lines of a step's attempt.
type Printed = (StepId, Vec<String>);

type Asking = (StepId, Question, u64);

struct Drive {
    folder: RunFolder,
    /// `None` only while a line is being written, or after that went wrong.
    journal: Option<Journal>,
    machine: Machine,
    driver: Driver,
    view: watch::Sender<Arc<RunView>>,
    leave: CancellationToken,
    tasks: JoinSet<Happened>,
    /// Open attempts that are followed, and whether they were told to end.
    attending: BTreeMap<(StepId, u32), bool>,
    /// How often an attempt's process was started here.
    launched: BTreeMap<(StepId, u32), u32>,
    asking: BTreeSet<Asking>,
    /// When a question that brought nothing new may be put again.
    rest: BTreeMap<Asking, Instant>,
    /// As `asking` and `rest`, of what is checked at the moment of acting.
    guarding: BTreeSet<(StepId, u64)>,
    guard_rest: BTreeMap<(StepId, u64), Instant>,
    /// How many events each step has seen: an answer counts only while its
    /// step is as it was when it was asked.
    ages: BTreeMap<StepId, u64>,
    progress: (mpsc::Sender<Printed>, mpsc::Receiver<Printed>),
    tail: Vec<String>,
    tail_step: Option<StepId>,
    doing: Option<String>,
    trouble: Option<Problem>,
    clocks: (Time, Instant),
}

/// A difference between the two clocks that is more than their drift.
const JUMP: Dur = Dur::secs(2);

/// How often an attempt's process may fail to come up.
const LAUNCHES: u32 = 3;

impl Drive {
    fn new(
        mut folder: RunFolder,
        machine: Machine,
        driver: Driver,
        view: watch::Sender<Arc<RunView>>,
        leave: CancellationToken,
    ) -> Self {
        let clocks = (driver.clock.now(), Instant::now());
        Self {
            journal: folder.journal.take(),
            folder,
            machine,
            driver,
            view,
            leave,
            tasks: JoinSet::new(),
            attending: BTreeMap::new(),
            launched: BTreeMap::new(),
            asking: BTreeSet::new(),
            rest: BTreeMap::new(),
            guarding: BTreeSet::new(),
            guard_rest: BTreeMap::new(),
            ages: BTreeMap::new(),
            progress: mpsc::channel(16),
            tail: Vec::new(),
            tail_step: None,
            doing: None,
            trouble: None,
            clocks,
        }
    }

    /// Says in the journal that this process drives the run from here on.
    async fn take_up(&mut self) -> Result<(), Problem> {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let event = Event::TakenUp {
            epoch: self.machine.next_epoch(),
            host: clean_line(host.trim()),
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            cut: self.folder.torn.as_ref().map_or(0, |t| t.bytes),
        };
        self.record(&event, None).await
    }

    async fn go(&mut self, mut verbs: mpsc::Receiver<Asked>) -> Result<RunState, Problem> {
        let mut listening = true;
        loop {
            let wake = self.catch_up().await?;
            self.publish();
            let state = self.machine.run().state;
            let idle = self.tasks.is_empty() && wake.is_none();
            if state.is_over() || self.leave.is_cancelled() || (idle && !listening) {
                return Ok(state);
            }
            // A run that only waits for a person need not be watched for ever.
            if !listening && state == RunState::Waiting && self.attending.is_empty() {
                return Ok(state);
            }
            tokio::select! {
                biased;
                () = self.leave.cancelled() => return Ok(state),
                asked = verbs.recv(), if listening => match asked {
                    Some((by, verb, answer)) => self.verb(by, verb, answer).await?,
                    None => listening = false,
                },
                Some(done) = self.tasks.join_next() => match done {
                    Ok(happened) => self.happened(happened).await?,
                    Err(e) => tracing::error!("a task of the run was lost: {e}"),
                },
                Some((step, lines)) = self.progress.1.recv() => (self.tail, self.tail_step) = (lines, Some(step)),
                () = sleep(wake) => {}
            }
        }
    }

    /// Does everything that can be done now; returns when there is more.
    async fn catch_up(&mut self) -> Result<Option<Instant>, Problem> {
        loop {
            self.compare_clocks().await?;
            let (now, mut wake, mut moved) = (self.driver.clock.now(), None, false);
            self.doing = None;
            for todo in self.machine.next(now) {
                match todo {
                    Todo::Record(event) => {
                        self.record(&event, None).await?;
                        moved = true;
                    }
                    Todo::Begin { step, number, event } => match self.may_begin(&step, number) {
                        true => {
                            self.record(&event, None).await?;
                            moved = true;
                        }
                        false => sooner(&mut wake, Instant::now() + Duration::from_secs(1)),
                    },
                    Todo::Attend { step, number, action, timeout, may_start, cancel } => {
                        self.doing = Some(action.summary());
                        self.attend(step, number, *action, timeout, may_start, cancel).await?;
                    }
                    Todo::Ask { step, question, probe, timeout, every } => {
                        self.ask(step, question, probe, timeout, every, &mut wake);
                    }
                    Todo::Precheck => {
                        // Asked for only where `start` says that it is answered.
                        self.record(&Event::Prechecked { items: Vec::new() }, None).await?;
                        moved = true;
                    }
                    Todo::Guard { step, items, every } => self.guard(step, items, every, &mut wake),
                    Todo::BeginChild { step, number, .. } => {
                        // `start` refuses runbooks inside runbooks; an edit of the plan may bring one in.
                        let event = Event::StepEnded {
                            step,
                            status: StepStatus::Failed,
                            reason: format!(
                                "run {number} of a runbook inside a runbook cannot be begun by this build"
                            ),
                            outputs: BTreeMap::new(),
                        };
                        self.record(&event, None).await?;
                        moved = true;
                    }
                    Todo::AttendChild { step, number, .. } => {
                        let detail = "this build cannot drive a run inside a run".to_owned();
                        let event =
                            Event::ChildEnded { step, number, state: None, detail, outputs: BTreeMap::new() };
                        self.record(&event, None).await?;
                        moved = true;
                    }
                    Todo::Wake(at) => sooner(&mut wake, Instant::now() + Dur::between(now, at).to_std()),
                }
                if moved {
                    break;
                }
            }
            if !moved {
                return Ok(wake);
            }
        }
    }

    /// Not while leaving, and not while an older attempt of the step, or
    /// something it started, still runs.
    fn may_begin(&mut self, step: &StepId, number: u32) -> bool {
        let held = (1..number).find(|n| {
            let dir = AttemptDir(self.folder.attempt(step, *n));
            dir.is_held().unwrap_or(true)
        });
        if let Some(older) = held {
            self.doing =
                Some(format!("attempt {older} of {step} still runs: no other begins before it has ended"));
        }
        held.is_none() && !self.leave.is_cancelled()
    }

    /// Journals an event and moves the machine by what was written.
    async fn record(&mut self, event: &Event, by: Option<&OperatorId>) -> Result<(), Problem> {
        let by = by.unwrap_or(&self.driver.by).clone();
        let record = self.append(event.clone(), by).await?;
        if let Some(step) = event.step() {
            *self.ages.entry(step.clone()).or_default() += 1;
        }
        self.machine.apply(&record)
    }

    async fn append(&mut self, event: Event, by: OperatorId) -> Result<Record, Problem> {
        let lost =
            || Problem::new(Code::JOURNAL_WRITE, self.folder.dir.display()).because("its writer is gone");
        let mut journal = self.journal.take().ok_or_else(lost)?;
        let at = self.driver.clock.now();
        let written = spawn_blocking(move || {
            let record = journal.append(at, &by, &event);
            (journal, record)
        });
        let (journal, record) = written.await.map_err(|_| lost())?;
        self.journal = Some(journal);
        record
    }

    async fn verb(
        &mut self,
        by: OperatorId,
        verb: Verb,
        answer: oneshot::Sender<Result<(), Problem>>,
    ) -> Result<(), Problem> {
        let told = match self.machine.command(&verb, &by) {
            Ok(event) => self.record(&event, Some(&by)).await,
            Err(problem) => {
                // Whoever asked may be gone; the refusal changes nothing.
                let _ = answer.send(Err(problem));
                return Ok(());
            }
        };
        let _ = answer.send(told.clone());
        told
    }

    fn ask(
        &mut self,
        step: StepId,
        question: Question,
        probe: Probe,
        timeout: Dur,
        every: Dur,
        wake: &mut Option<Instant>,
    ) {
        let age = self.ages.get(&step).copied().unwrap_or(0);
        let key = (step.clone(), question, age);
        self.doing = Some(format!("asking {} about {step}", where_to(&probe)));
        match self.rest.get(&key) {
            Some(until) if *until > Instant::now() => return sooner(wake, *until),
            _ if !self.asking.insert(key.clone()) => return,
            _ => {}
        }
        self.rest.remove(&key);
        let probing = self.driver.probing.clone();
        self.tasks.spawn(async move {
            // The prober keeps to its timeout; this is for one that does not.
            let late = timeout.to_std() + Duration::from_secs(1);
            let answer = tokio::time::timeout(late, probing.ask(&probe, timeout)).await;
            let answer = answer.unwrap_or_else(|_| Err(Problem::new(Code::PROBE_TIMEOUT, where_to(&probe))));
            Happened::Answered { step, question, age, every, answer }
        });
    }

    async fn happened(&mut self, happened: Happened) -> Result<(), Problem> {
        match happened {
            Happened::Ended { step, number, outcome, still_held } => {
                self.attending.remove(&(step.clone(), number));
                self.show_tail(&step, number).await;
                self.record(&Event::AttemptEnded { step, number, outcome: *outcome, still_held }, None).await
            }
            Happened::NeverBegan { step, number } => {
                self.attending.remove(&(step, number));
                Ok(())
            }
            Happened::Guarded { step, age, every, answers } => {
                self.guarding.remove(&(step.clone(), age));
                if self.ages.get(&step).copied().unwrap_or(0) != age {
                    return Ok(());
                }
                match self.machine.guarded(&step, &answers, self.driver.clock.now()) {
                    Some(event) => self.record(&event, None).await,
                    None => {
                        self.guard_rest.insert((step, age), Instant::now() + every.to_std());
                        Ok(())
                    }
                }
            }
            Happened::Answered { step, question, age, every, answer } => {
                let key = (step, question, age);
                self.asking.remove(&key);
                if self.ages.get(&key.0).copied().unwrap_or(0) != age {
                    return Ok(());
                }
                match self.machine.answered(&key.0, question, &answer, self.driver.clock.now()) {
                    Some(event) => self.record(&event, None).await,
                    None => {
                        self.rest.insert(key, Instant::now() + every.to_std());
                        Ok(())
                    }
                }
            }
        }
    }

    async fn show_tail(&mut self, step: &StepId, number: u32) {
        let dir = self.folder.attempt(step, number);
        if let Ok(Ok(lines)) = spawn_blocking(move || attend::newest(&dir)).await {
            (self.tail, self.tail_step) = (lines, Some(step.clone()));
        }
    }

    /// Deadlines are meant in time that passes: a clock that was set, or a
    /// machine that slept, moves them along, and the journal says so.
    async fn compare_clocks(&mut self) -> Result<(), Problem> {
        let (wall, mono) = (self.driver.clock.now(), Instant::now());
        let by = Dur::between(self.clocks.0, wall) - Dur::from(mono - self.clocks.1);
        self.clocks = (wall, mono);
        match by > JUMP || by < Dur::ZERO - JUMP {
            true => self.record(&Event::ClockJumped { by }, None).await,
            false => Ok(()),
        }
    }

    fn publish(&self) {
        let view = RunView {
            tail: self.tail.clone(),
            tail_step: self.tail_step.clone(),
            doing: self.doing.clone(),
            trouble: self.trouble.clone(),
            ..view_of(&self.machine)
        };
        self.view.send_if_modified(|shown| {
            let changed = **shown != view;
            if changed {
                *shown = Arc::new(view);
            }
            changed
        });
    }
}

fn sooner(wake: &mut Option<Instant>, at: Instant) {
    *wake = Some(wake.map_or(at, |w| w.min(at)));
}

async fn sleep(until: Option<Instant>) {
    match until {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

fn where_to(probe: &Probe) -> String {
    match probe.target.as_str() {
        Some(target) => clean_line(target),
        None => probe.kind.clone(),
    }
}
