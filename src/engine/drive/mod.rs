//! Driving one run: the machine says what comes next, the journal hears of it
//! first, attempts act. `start` makes a run, `drive` moves it: `todo` does what
//! the machine says, `write` keeps the journal, `ask` puts questions, `attend`
//! follows one attempt, `child` a run inside the run, `precheck` looks before
//! anything acts, `guard` at the moment of acting, with the `facts` that
//! interlocks rest on.

mod ask;
mod attend;
mod child;
mod facts;
mod guard;
mod precheck;
mod start;
mod todo;
mod write;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use lifeboat_core::{
    model::*,
    record::{Action, Event, Question, Record},
    run::{AttemptResult, GuardAnswer, Machine, Outcome, RunState, RunView, Todo, Verb},
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
    engine::Live,
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
    /// What is trusted for this run, and what it is looked at with.
    pub live: Live,
    /// Whoever can answer for runs inside this one; `None`: they stop where a
    /// person is needed.
    pub inside: Option<mpsc::UnboundedSender<Inside>>,
}

/// A run inside a run that is driven now: its verbs and its view.
pub type Inside = (RunId, mpsc::Sender<Asked>, watch::Receiver<Arc<RunView>>);

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
        /// What interlocks rest on.
        looks: Vec<facts::Look>,
    },
    Prechecked(precheck::Looked),
    /// A run inside this one came to rest, or to its end.
    Child {
        step: StepId,
        number: u32,
        run: RunId,
        moved: Result<RunState, Problem>,
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
    /// Since when each fact of an interlock is as it is.
    facts: facts::Known,
    prechecking: bool,
    children: child::Children,
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
        let children = child::Children::of(&folder.records);
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
            facts: facts::Known::default(),
            prechecking: false,
            children,
            ages: BTreeMap::new(),
            progress: mpsc::channel(16),
            tail: Vec::new(),
            tail_step: None,
            doing: None,
            trouble: None,
            clocks,
        }
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
            let waits = state == RunState::Waiting || self.children.rest();
            let alone = self.attending.is_empty() && !self.children.moves() && !self.facts.ripening;
            // What a run inside this one waits for cannot be answered from here.
            let stuck = self.driver.inside.is_none() && self.children.rest() && self.tasks.is_empty();
            if (!listening && waits && alone) || stuck {
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

    async fn show_tail(&mut self, step: &StepId, number: u32) {
        let dir = self.folder.attempt(step, number);
        if let Ok(Ok(lines)) = spawn_blocking(move || attend::newest(&dir)).await {
            (self.tail, self.tail_step) = (lines, Some(step.clone()));
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
