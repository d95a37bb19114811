//! A run driven inside this process, with the real attempt program: what the
//! tests of steps share.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use lifeboat::{
    engine::{
        self, SystemClock,
        drive::{Asked, Driver, Starting, drive, start, view_of},
    },
    keep::runs::{RunFolder, attempt_dir},
    net::Secrets,
};
use lifeboat_core::{
    model::*,
    run::{Mode, RunState, RunView, Verb},
};
use serde_json::{Value, json};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

pub const PATIENCE: Duration = Duration::from_secs(30);

pub struct World {
    pub dir: tempfile::TempDir,
    pub run: PathBuf,
    estate: Arc<Estate>,
}

pub struct Live {
    verbs: mpsc::Sender<Asked>,
    pub view: watch::Receiver<Arc<RunView>>,
    pub leave: CancellationToken,
    done: JoinHandle<Result<RunState, Problem>>,
}

impl World {
    pub fn new(steps: Value) -> (Self, RunFolder) {
        Self::of(Estate::default(), steps)
    }
    /// With what the estate says beside the runbook `move`.
    pub fn of(estate: Estate, steps: Value) -> (Self, RunFolder) {
        Self::made(estate, steps, false)
    }
    /// With everything looked at before anything acts, as a person's runs are.
    pub fn watched(estate: Estate, steps: Value) -> (Self, RunFolder) {
        Self::made(estate, steps, true)
    }
    fn made(estate: Estate, steps: Value, precheck: bool) -> (Self, RunFolder) {
        let dir = tempfile::tempdir().unwrap();
        let runbook = json!({ "id": "move", "title": "Move", "kind": "failover", "step": steps });
        let mut estate = Estate { id: "northwind".into(), ..estate };
        estate.runbooks.push(serde_json::from_value(runbook).unwrap());
        let from = Starting {
            state: dir.path(),
            estate: &estate,
            trust: "00".into(),
            runbook: &"move".into(),
            params: &BTreeMap::new(),
            mode: Mode::Live,
            incident: None,
            rto_target: None,
            precheck,
            rto_estimate: None,
            by: &"ada".into(),
            now: chrono::Utc::now(),
        };
        let folder = start(from, |to: &Path| {
            fs::create_dir(to).map_err(|e| Problem::new(Code::STATE_WRITE, to.display()).because(e))
        });
        let folder = folder.unwrap();
        (Self { run: folder.dir.clone(), dir, estate: Arc::new(estate) }, folder)
    }
    /// Another test's child holds every lock of this process between its fork
    /// and its exec: busy may mean that.
    pub fn open(&self) -> RunFolder {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match RunFolder::open_dir(&self.run) {
                Err(problem) if problem.code == Code::RUN_BUSY && Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                opened => return opened.unwrap(),
            }
        }
    }
    pub fn count(&self) -> PathBuf {
        self.dir.path().join("count")
    }
    pub fn attempts(&self, step: &str) -> usize {
        (1..).take_while(|n| attempt_dir(&self.run, &step.into(), *n).join("started").exists()).count()
    }
}

pub fn go(world: &World, folder: RunFolder) -> Live {
    let leave = CancellationToken::new();
    let live = engine::Live::over(world.estate.clone(), Secrets::new(folder.estate(), []), leave.clone());
    let driver = Driver {
        by: "ada".into(),
        program: env!("CARGO_BIN_EXE_lifeboat").into(),
        probing: Arc::new(live.prober()),
        clock: Arc::new(SystemClock),
        live,
        inside: None,
    };
    driven(folder, driver, leave)
}

pub fn driven(folder: RunFolder, driver: Driver, leave: CancellationToken) -> Live {
    let (verbs, asked) = mpsc::channel(8);
    let (shown, view) = watch::channel(Arc::new(view_of(&folder.machine().unwrap())));
    let done = tokio::spawn(drive(folder, driver, asked, shown, leave.clone()));
    Live { verbs, view, leave, done }
}

impl Live {
    pub async fn verb(&self, verb: Verb) -> Result<(), Problem> {
        let (answer, told) = oneshot::channel();
        self.verbs.send(("ada".into(), verb, answer)).await.unwrap();
        told.await.unwrap()
    }
    pub async fn until(&mut self, what: &str, seen: impl Fn(&RunView) -> bool) -> Arc<RunView> {
        let mut last = self.view.clone();
        let shown = tokio::time::timeout(PATIENCE, self.view.wait_for(|v| seen(v))).await;
        let view = shown.unwrap_or_else(|_| {
            let now = last.borrow_and_update();
            let steps: Vec<_> = now.run.steps.iter().map(|s| (&s.plan.id, s.status, &s.reason)).collect();
            panic!(
                "waited in vain for {what}: {:?} {steps:#?} {:#?} {:?}",
                now.run.state, now.asks, now.doing
            )
        });
        view.unwrap_or_else(|_| panic!("the run ended before {what}")).clone()
    }
    /// Nobody can ask any more: it ends where a person would be needed.
    pub async fn end(self) -> Result<RunState, Problem> {
        drop(self.verbs);
        tokio::time::timeout(PATIENCE, self.done).await.expect("the run to end").unwrap()
    }
}

impl World {
    pub fn machine(&self) -> lifeboat_core::run::Machine {
        self.open().machine().unwrap()
    }
    /// What the newest attempt of a step has printed.
    pub fn output(&self, step: &str) -> String {
        let dir = attempt_dir(&self.run, &step.into(), self.attempts(step).max(1) as u32);
        fs::read_to_string(dir.join("output")).unwrap_or_default()
    }
    /// Ends an attempt as the end of its machine would.
    pub fn kill_attempt(&self, step: &str, number: u32) {
        let dir = attempt_dir(&self.run, &step.into(), number);
        kill_all(&dir);
    }
}

/// Kills every process that was started with this path among its arguments.
pub fn kill_all(path: &Path) {
    for pid in pids_of(path) {
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        // It may have ended by itself meanwhile.
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
}

/// Processes that were started with this path among their arguments.
pub fn pids_of(path: &Path) -> Vec<i32> {
    let wanted = path.display().to_string();
    let all = fs::read_dir("/proc").unwrap().flatten();
    let pids = all.filter_map(|e| e.file_name().to_str()?.parse().ok());
    pids.filter(|pid: &i32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).split('\0').any(|arg| arg == wanted)
    })
    .collect()
}

pub async fn until(what: &str, mut seen: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !seen() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
