//! What a dashboard asks of the world: polling, runs, incidents. Takes
//! `Request`, emits `Event`; knows no screen.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use lifeboat_core::assess::{Glance, assess};
use lifeboat_core::model::*;
use lifeboat_core::run::{Incident, Mode, Prediction, RunRow, RunView, Verb};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::drive::{self, Driver, Starting, view_of};
use super::{Acknowledging, Live, Looking, Poller, Reading};
use crate::act::attempt::own_program;
use crate::config::TrustedEstate;
use crate::keep::history::{self, Recorder, Told};
use crate::keep::runs::{self, RunFolder, runs_dir};
use crate::keep::{Places, incidents, last_known};

/// How seldom the last known state is written while things change.
const KEEP_EVERY: Duration = Duration::from_secs(5);
/// How long a run that was asked to leave may take to journal what it knows.
const LEAVE_WITHIN: Duration = Duration::from_secs(5);
/// How long the history may take to write what was seen last.
const WRITE_WITHIN: Duration = Duration::from_secs(1);

/// What may be asked of the engine.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    Refresh(Option<WorkloadId>),
    ReadPoints(CopyKey),
    /// What is kept of a workload over time.
    ReadPast(WorkloadId),
    StartRun(Wanted),
    /// Take a run up where it stands, or show it where it is over.
    OpenRun(RunId),
    Verb {
        run: RunId,
        verb: Verb,
    },
    Declare(Declared),
    /// That an anomaly is as it should be.
    Acknowledge(Acknowledging),
    StandDown {
        reason: String,
    },
}

/// A run that is wanted.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    pub runbook: RunbookId,
    pub mode: Mode,
    pub params: BTreeMap<String, Value>,
    /// The incident it belongs to; none of that name standing is refused.
    pub incident: Option<IncidentId>,
}

/// An incident that is wanted.
#[derive(Debug, Clone, PartialEq)]
pub struct Declared {
    pub scenario: Scenario,
    pub impact_began: Time,
    pub detected_at: Option<Time>,
    pub evidence: Vec<String>,
    pub predictions: Vec<Prediction>,
}

/// What came of it, and what happened by itself.
#[derive(Debug, Clone)]
pub enum Event {
    Observed(Arc<Observations>),
    Points(CopyKey, Result<Arc<CopyReport>, Problem>),
    Past(WorkloadId, Result<Arc<Past>, Problem>),
    Run(Arc<RunView>),
    Runs(Vec<RunRow>),
    Incident(Option<Arc<Incident>>),
    Problem(Problem),
    Done(String),
}

/// Everything a session works with.
#[derive(Clone)]
pub struct Setting {
    pub trusted: TrustedEstate,
    pub places: Places,
    pub operator: OperatorId,
    pub clock: Arc<dyn Clock>,
    /// Watches and shows, and changes nothing.
    pub read_only: bool,
}

impl Setting {
    pub fn estate(&self) -> &Arc<Estate> {
        self.trusted.estate()
    }
    pub fn runs(&self) -> PathBuf {
        runs_dir(&self.places.state, &self.estate().id)
    }
    /// What looks at the estate, with what earlier looks have kept.
    pub fn live(&self, stop: CancellationToken) -> Live {
        let cache = self.places.estate(&self.estate().id).join("cache");
        Live::new(&self.trusted, stop).caching(cache)
    }
    /// Keeps what is seen; `tell` hears, on its thread, what follows from all
    /// of it and what goes wrong.
    pub fn recorder(&self, tell: impl Fn(Told) + Send + 'static) -> Recorder {
        Recorder::start(history::Means {
            path: self.places.estate(&self.estate().id).join("history.sqlite"),
            bounds: history::Bounds::default(),
            estate: self.estate().clone(),
            runs: self.runs(),
            clock: self.clock.clone(),
            tell: Box::new(tell),
        })
    }
    pub fn incidents(&self) -> PathBuf {
        incidents::incidents_dir(&self.places.state, &self.estate().id)
    }
    pub fn incident(&self) -> Result<Option<Incident>, Problem> {
        incidents::current(&self.incidents())
    }

    pub fn declare(&self, wanted: Declared) -> Result<Incident, Problem> {
        let now = self.clock.now();
        incidents::declare(
            &self.incidents(),
            &Incident {
                id: incidents::new_id(now, &wanted.scenario),
                scenario: wanted.scenario,
                impact_began: wanted.impact_began,
                detected_at: wanted.detected_at,
                declared_at: now,
                by: self.operator.clone(),
                evidence: wanted.evidence,
                predictions: wanted.predictions,
                stood_down_at: None,
            },
        )
    }

    /// Makes the folder of a new run; nothing acts yet.
    pub fn start(&self, wanted: &Wanted) -> Result<RunFolder, Problem> {
        let incident = self.incident()?;
        if let Some(id) = wanted.incident.as_ref().filter(|id| incident.as_ref().map(|i| &i.id) != Some(id)) {
            return Err(Problem::new(Code::RUN_REFUSED, id).because("that incident does not stand any more"));
        }
        // A rehearsal is no part of an incident that happens to stand.
        let incident = incident.filter(|_| wanted.mode == Mode::Live);
        let estate = self.estate();
        let runbook = estate.runbook(wanted.runbook.as_str());
        let workload = runbook.and_then(|r| estate.workload(r.workloads.first()?.as_str()));
        let now = self.clock.now();
        let view = workload.and_then(|w| {
            let none = Observations::default();
            let all = assess(estate, &none, now, &Scenario::default()).workloads;
            all.into_iter().find(|view| view.id == w.id)
        });
        drive::start(
            Starting {
                state: &self.places.state,
                estate,
                trust: self.trusted.hash().to_owned(),
                runbook: &wanted.runbook,
                params: &wanted.params,
                mode: wanted.mode,
                incident,
                rto_target: view.as_ref().and_then(|v| v.rto.target),
                rto_estimate: view.as_ref().and_then(|v| v.rto.estimate),
                // A dry run shows its steps and begins none.
                precheck: wanted.mode != Mode::DryRun,
                by: &self.operator,
                now,
            },
            |into| self.trusted.freeze(into),
        )
    }

    pub fn driver(&self, live: &Live) -> Driver {
        Driver {
            by: self.operator.clone(),
            program: own_program(),
            probing: Arc::new(live.prober()),
            clock: self.clock.clone(),
            live: live.clone(),
            inside: None,
        }
    }
}

type Verbs = mpsc::Sender<drive::Asked>;

/// Serves one dashboard until it is dropped or `leave` is called.
pub struct Session {
    requests: mpsc::UnboundedSender<Request>,
    stop: CancellationToken,
    actor: tokio::task::JoinHandle<()>,
}

impl Session {
    /// Must be called on a runtime. Events end when the session does.
    pub fn start(setting: Setting, events: mpsc::Sender<Event>) -> Self {
        let stop = CancellationToken::new();
        let live = setting.live(stop.clone());
        let (requests, inbox) = mpsc::unbounded_channel();
        let (tell, told) = mpsc::unbounded_channel();
        // Who no longer listens has left.
        let recorder = setting.recorder(move |one| drop(tell.send(one)));
        let (inside, begun) = mpsc::unbounded_channel();
        let actor = Actor {
            inside,
            setting,
            recorder,
            live,
            events,
            stop: stop.clone(),
            driven: HashMap::new(),
            tasks: JoinSet::new(),
            drives: JoinSet::new(),
        };
        Self { requests, stop, actor: tokio::spawn(actor.serve(inbox, told, begun)) }
    }

    pub fn request(&self, request: Request) {
        // A session that has ended answers nothing; its screen is leaving too.
        let _ = self.requests.send(request);
    }

    /// Begins nothing more and waits, for a bounded time, until what happened
    /// is in the journals. An attempt that acts goes on by itself.
    pub async fn leave(self) {
        self.stop.cancel();
        let _ = tokio::time::timeout(LEAVE_WITHIN, self.actor).await;
    }
}

struct Actor {
    setting: Setting,
    recorder: Recorder,
    live: Live,
    events: mpsc::Sender<Event>,
    stop: CancellationToken,
    driven: HashMap<RunId, (Verbs, watch::Receiver<Arc<RunView>>)>,
    /// Where runs inside runs come from, to be answered for like the others.
    inside: mpsc::UnboundedSender<drive::Inside>,
    tasks: JoinSet<()>,
    drives: JoinSet<RunId>,
}

impl Actor {
    async fn serve(
        mut self,
        mut inbox: mpsc::UnboundedReceiver<Request>,
        mut told: mpsc::UnboundedReceiver<Told>,
        mut begun: mpsc::UnboundedReceiver<drive::Inside>,
    ) {
        let (prober, clock) = (Arc::new(self.live.prober()), self.setting.clock.clone());
        let looking = Looking::new(prober, Arc::new(self.live.clone()), clock);
        let looking = looking.recording(self.recorder.clone());
        let poller = Poller::start(self.setting.estate(), looking, &self.stop);
        self.tasks.spawn(publish(
            self.setting.clone(),
            self.recorder.clone(),
            poller.seen(),
            self.events.clone(),
            self.stop.clone(),
        ));
        self.tell_incident().await;
        self.tell_runs().await;
        loop {
            tokio::select! {
                () = self.stop.cancelled() => break,
                Some(ended) = self.drives.join_next() => {
                    if let Ok(run) = ended {
                        self.driven.remove(&run);
                    }
                    self.recorder.runs_changed();
                    self.tell_runs().await;
                }
                Some(one) = told.recv() => match one {
                    Told::Learned(learned) => poller.remember(learned),
                    Told::Problem(problem) => self.tell(Event::Problem(problem)).await,
                },
                Some((run, verbs, view)) = begun.recv() => {
                    self.tasks.spawn(follow(view.clone(), self.events.clone()));
                    let first = view.borrow().clone();
                    self.tell(Event::Run(first)).await;
                    self.driven.insert(run, (verbs, view));
                    self.tell_runs().await;
                }
                request = inbox.recv() => match request {
                    Some(request) => self.take(request, &poller).await,
                    None => break,
                },
            }
        }
        self.stop.cancel();
        // Each drive journals the end of what it was in the middle of saying.
        while self.drives.join_next().await.is_some() {}
        while self.tasks.join_next().await.is_some() {}
        drop(poller);
        let recorder = self.recorder.clone();
        // What was seen last is written; a disk that hangs is not waited for.
        let _ = tokio::task::spawn_blocking(move || recorder.flush(WRITE_WITHIN)).await;
    }

    async fn take(&mut self, request: Request, poller: &Poller) {
        let acts = !matches!(
            request,
            Request::Refresh(_) | Request::ReadPoints(_) | Request::ReadPast(_) | Request::OpenRun(_)
        );
        if acts && self.setting.read_only {
            let refused =
                Problem::new(Code::RUN_REFUSED, "this dashboard").because("it was started read-only");
            return self.tell(Event::Problem(refused)).await;
        }
        tracing::debug!(?request, "asked");
        match request {
            Request::Refresh(workload) => poller.refresh(workload),
            Request::ReadPoints(key) => self.read_points(key),
            Request::ReadPast(workload) => self.read_past(workload),
            Request::StartRun(wanted) => match self.setting.start(&wanted) {
                Ok(folder) => {
                    self.drive(folder, self.live.clone()).await;
                    self.tell_runs().await;
                }
                Err(problem) => self.refused(problem).await,
            },
            Request::OpenRun(id) => self.open(id).await,
            Request::Verb { run, verb } => self.verb(run, verb).await,
            Request::Declare(wanted) => match self.setting.declare(wanted) {
                Ok(_) => self.tell_incident().await,
                Err(problem) => self.refused(problem).await,
            },
            Request::Acknowledge(wanted) => self.acknowledge(&wanted).await,
            Request::StandDown { reason } => {
                let (dir, by, now) =
                    (self.setting.incidents(), &self.setting.operator, self.setting.clock.now());
                let reason = self.live.secrets().redactor().text(&reason);
                match incidents::stand_down(&dir, by, &reason, now) {
                    Ok(_) => self.tell_incident().await,
                    Err(problem) => self.refused(problem).await,
                }
            }
        }
    }

    async fn acknowledge(&self, wanted: &Acknowledging) {
        let why = self.live.secrets().redactor().text(&wanted.why);
        let wanted = &Acknowledging { why, ..wanted.clone() };
        let said = match self.setting.acknowledged(&self.recorder.learned(), wanted) {
            Ok(said) => said,
            Err(problem) => return self.tell(Event::Problem(problem)).await,
        };
        for (said, told) in said {
            let events = self.events.clone();
            // On the history's own thread, which may wait for a slow screen.
            self.recorder.acknowledge(said, move |done| {
                let event = match done {
                    Ok(()) => Event::Done(told),
                    Err(problem) => Event::Problem(problem),
                };
                let _ = events.blocking_send(event);
            });
        }
    }

    async fn tell(&self, event: Event) {
        if let Event::Problem(problem) = &event {
            tracing::warn!(%problem, "told");
        }
        // The screen may have gone; what matters is in the journals.
        let _ = self.events.send(event).await;
    }

    /// Another process may have changed what stands: what is shown is read anew.
    async fn refused(&self, problem: Problem) {
        self.tell(Event::Problem(problem)).await;
        self.tell_incident().await;
        self.tell_runs().await;
    }

    async fn tell_incident(&self) {
        match self.setting.incident() {
            Ok(incident) => self.tell(Event::Incident(incident.map(Arc::new))).await,
            Err(problem) => self.tell(Event::Problem(problem)).await,
        }
    }

    async fn tell_runs(&self) {
        let listed = runs::list(&self.setting.runs());
        let mut rows = Vec::with_capacity(listed.len());
        for one in listed {
            match one.row {
                Ok(row) => rows.push(row),
                Err(problem) => self.tell(Event::Problem(problem)).await,
            }
        }
        self.tell(Event::Runs(rows)).await;
    }

    fn read_points(&mut self, key: CopyKey) {
        let (live, events, clock) = (self.live.clone(), self.events.clone(), self.setting.clock.clone());
        let (stop, recorder) = (self.stop.clone(), self.recorder.clone());
        self.tasks.spawn(async move {
            let Some(read) = stop.run_until_cancelled(live.read(&key, clock.now())).await else { return };
            recorder.copy(&key, read.as_ref(), clock.now());
            let _ = events.send(Event::Points(key, read.map(Arc::new))).await;
        });
    }

    fn read_past(&self, workload: WorkloadId) {
        let (events, of) = (self.events.clone(), workload.clone());
        self.recorder.past(&workload, move |past| {
            // On the history's own thread, which may wait for a slow screen.
            let _ = events.blocking_send(Event::Past(of, past.map(Arc::new)));
        });
    }

    async fn open(&mut self, id: RunId) {
        if let Some((_, view)) = self.driven.get(&id) {
            let view = view.borrow().clone();
            return self.tell(Event::Run(view)).await;
        }
        let runs = self.setting.runs();
        let (machine, _) = match runs::read(&runs, &id) {
            Ok(read) => read,
            Err(problem) => return self.tell(Event::Problem(problem)).await,
        };
        if machine.run().state.is_over() || self.setting.read_only {
            return self.tell(Event::Run(Arc::new(view_of(&machine)))).await;
        }
        let own =
            RunFolder::open(&runs, &id).and_then(|folder| drive::own_copy(&folder).map(|own| (folder, own)));
        match own {
            Ok((folder, trusted)) => self.drive(folder, Live::new(&trusted, self.stop.clone())).await,
            Err(problem) => {
                self.tell(Event::Problem(problem.clone())).await;
                let mut view = view_of(&machine);
                view.trouble = Some(problem);
                self.tell(Event::Run(Arc::new(view))).await;
            }
        }
    }

    /// `live` looks with what is trusted for this run.
    async fn drive(&mut self, folder: RunFolder, live: Live) {
        let machine = match folder.machine() {
            Ok(machine) => machine,
            Err(problem) => return self.tell(Event::Problem(problem)).await,
        };
        let first = Arc::new(view_of(&machine));
        let id = first.run.id.clone();
        tracing::info!(run = %id, state = first.run.state.as_str(), "driving");
        let (verbs, inbox) = mpsc::channel(16);
        let (publish, view) = watch::channel(first.clone());
        self.driven.insert(id.clone(), (verbs, view.clone()));
        self.tell(Event::Run(first)).await;
        self.tasks.spawn(follow(view, self.events.clone()));
        let (mut driver, leave, events) =
            (self.setting.driver(&live), self.stop.clone(), self.events.clone());
        driver.inside = Some(self.inside.clone());
        self.drives.spawn(async move {
            if let Err(problem) = drive::drive(folder, driver, inbox, publish, leave).await {
                let _ = events.send(Event::Problem(problem)).await;
            }
            id
        });
    }

    async fn verb(&mut self, run: RunId, verb: Verb) {
        let Some((verbs, _)) = self.driven.get(&run) else {
            let refused = Problem::new(Code::RUN_REFUSED, &run).because("it is not driven from here");
            return self.tell(Event::Problem(refused)).await;
        };
        let (answer, answered) = oneshot::channel();
        let asked = (self.setting.operator.clone(), verb, answer);
        if verbs.send(asked).await.is_err() {
            let refused = Problem::new(Code::RUN_REFUSED, &run).because("it is over");
            return self.tell(Event::Problem(refused)).await;
        }
        let events = self.events.clone();
        self.tasks.spawn(async move {
            if let Ok(Err(problem)) = answered.await {
                let _ = events.send(Event::Problem(problem)).await;
            }
        });
    }
}

/// Passes a run's newest view on; what a slow screen missed it need not see.
async fn follow(mut view: watch::Receiver<Arc<RunView>>, events: mpsc::Sender<Event>) {
    while view.changed().await.is_ok() {
        let now = view.borrow_and_update().clone();
        if events.send(Event::Run(now)).await.is_err() {
            return;
        }
    }
}

/// Passes observations on, and keeps the last known state for the next start.
async fn publish(
    setting: Setting,
    recorder: Recorder,
    mut seen: watch::Receiver<Arc<Observations>>,
    events: mpsc::Sender<Event>,
    stop: CancellationToken,
) {
    let mut kept: Option<tokio::time::Instant> = None;
    let mut failed = false;
    // Where there is nothing to ask, this is all that will ever be seen.
    let first = seen.borrow_and_update().clone();
    if first.untried() == 0 && events.send(Event::Observed(first)).await.is_err() {
        return;
    }
    while let Some(Ok(())) = stop.run_until_cancelled(seen.changed()).await {
        let now = seen.borrow_and_update().clone();
        if kept.is_none_or(|at| at.elapsed() >= KEEP_EVERY) && now.untried() == 0 {
            let problem = keep(&setting, &recorder, &now).await;
            kept = Some(tokio::time::Instant::now());
            // Once: it is tried again every few seconds.
            if let Some(problem) = problem.filter(|_| !std::mem::replace(&mut failed, true)) {
                let _ = events.send(Event::Problem(problem)).await;
            }
        }
        if events.send(Event::Observed(now)).await.is_err() {
            return;
        }
    }
    let last = seen.borrow().clone();
    if last.untried() == 0 {
        keep(&setting, &recorder, &last).await;
    }
}

/// Why it could not be kept.
async fn keep(setting: &Setting, recorder: &Recorder, seen: &Arc<Observations>) -> Option<Problem> {
    let (setting, recorder, seen) = (setting.clone(), recorder.clone(), seen.clone());
    let job = move || {
        let (estate, now) = (setting.estate(), setting.clock.now());
        let assessment = assess(estate, &seen, now, &Scenario::default());
        recorder.found(assessment.found(), now);
        let glance = Glance::of(estate, &seen, &assessment);
        last_known::save(&setting.places, setting.trusted.dir(), &estate.id, &glance)
    };
    let problem = tokio::task::spawn_blocking(job).await.ok()?.err()?;
    tracing::warn!(%problem, "the last known state is not kept");
    Some(problem)
}
