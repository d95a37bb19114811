//! The lab's estate in this process: polled as the dashboard polls it, and a run
//! that a test answers for as a person would.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use lifeboat::{
    cli::VOCABULARY,
    config::{self, trust},
    engine::{Declared, Live, Looking, Poller, Setting, SystemClock, Wanted, drive::Driver},
    keep::{Places, runs::RunFolder},
};
use lifeboat_core::{
    assess::{Assessment, Reason, State, assess, evidence, impact, predictions},
    model::*,
    run::{Incident, Mode, StepStatus},
};
use serde_json::Value;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::world::World;
use crate::{driven, world::PROGRAM};

pub struct Led {
    pub setting: Setting,
    stop: CancellationToken,
}

/// An engine that watches.
pub struct Watched<'a> {
    led: &'a Led,
    seen: watch::Receiver<Arc<Observations>>,
    _poller: Poller,
}

impl Led {
    pub fn of(world: &World) -> Self {
        let [state, config] = world.env().map(|(_, path)| path);
        Self::at(&world.estate(), state, config)
    }
    pub fn at(dir: &Path, state: PathBuf, config: PathBuf) -> Self {
        let loaded = config::load(dir, &VOCABULARY).unwrap_or_else(|all| panic!("{all}"));
        let trusted = trust::check(&state, &loaded).and_then(|t| t.granted(dir)).expect("trusted");
        let setting = Setting {
            trusted,
            places: Places { config, state },
            operator: "ada".into(),
            clock: Arc::new(SystemClock),
            read_only: false,
        };
        Self { setting, stop: CancellationToken::new() }
    }

    pub fn start(&self, runbook: &str, params: &[(&str, Value)]) -> driven::Live {
        let params: BTreeMap<_, _> = params.iter().map(|(n, v)| ((*n).to_owned(), v.clone())).collect();
        let wanted = Wanted { runbook: runbook.into(), mode: Mode::Live, params, incident: None };
        self.drive(self.setting.start(&wanted).unwrap())
    }
    pub fn drive(&self, folder: RunFolder) -> driven::Live {
        let live = self.setting.live(self.stop.clone());
        let driver = Driver { program: PROGRAM.into(), ..self.setting.driver(&live) };
        driven::driven(folder, driver, self.stop.child_token())
    }

    pub fn watch(&self) -> Watched<'_> {
        let live = Live::new(&self.setting.trusted, self.stop.clone());
        let (prober, clock) = (Arc::new(live.prober()), self.setting.clock.clone());
        let looking = Looking::new(prober, Arc::new(live), clock);
        let poller = Poller::start(self.setting.estate(), looking, &self.stop);
        Watched { led: self, seen: poller.seen(), _poller: poller }
    }
}

impl Watched<'_> {
    fn assess(&self, scenario: &Scenario) -> (Arc<Observations>, Assessment) {
        let seen = self.seen.borrow().clone();
        let assessment = assess(self.led.setting.estate(), &seen, SystemClock.now(), scenario);
        (seen, assessment)
    }

    pub async fn until(&mut self, what: &str, so: impl Fn(&Assessment) -> bool) -> Assessment {
        let end = tokio::time::Instant::now() + Duration::from_secs(60);
        loop {
            let now = self.assess(&Scenario::default()).1;
            if so(&now) {
                return now;
            }
            let orders = now.workloads.iter().find(|w| w.id == "orders").unwrap();
            assert!(tokio::time::Instant::now() < end, "waited in vain for {what}: {:#?}", orders.reasons);
            // Time alone changes verdicts too.
            let _ = tokio::time::timeout(Duration::from_millis(200), self.seen.changed()).await;
        }
    }

    /// As a person at the dashboard declares what is seen.
    pub async fn declare(&mut self, region: &str) -> Incident {
        self.until("orders to fail", |a| {
            let orders = a.workloads.iter().find(|w| w.id == "orders").unwrap();
            let failing = |r: &Reason| matches!(r, Reason::HealthFailing { .. });
            orders.state == State::Critical && orders.reasons.iter().any(failing)
        })
        .await;
        let scenario = Scenario::gone([region]);
        let (seen, supposed) = self.assess(&scenario);
        let impact_began = impact(&seen, &supposed).expect("probes fail");
        let judged = Scenario { impact_began: Some(impact_began), ..scenario.clone() };
        let judged = assess(self.led.setting.estate(), &seen, SystemClock.now(), &judged);
        let declared = Declared {
            evidence: evidence(&seen, &supposed),
            predictions: predictions(&judged),
            scenario,
            impact_began,
            detected_at: Some(impact_began),
        };
        self.led.setting.declare(declared).unwrap()
    }
}

impl Drop for Led {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

pub fn status(view: &lifeboat_core::run::RunView, step: &str) -> StepStatus {
    view.run.step(step).unwrap().status
}
