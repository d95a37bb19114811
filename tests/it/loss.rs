//! Twenty regions lost at random moments: what was predicted and journaled
//! when the loss was declared holds what customers count afterwards.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lifeboat::cli::VOCABULARY;
use lifeboat::config::{self, trust};
use lifeboat::demo::{Options, Ports, World};
use lifeboat::engine::{Declared, Live, Looking, Poller, Setting, SystemClock};
use lifeboat::keep::Places;
use lifeboat_core::assess::{Assessment, Reason, State, assess, evidence, impact, predictions};
use lifeboat_core::model::*;
use serde_json::Value;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::world::Home;

const LAGS: [f64; 3] = [1.5, 3.0, 5.0];
const RUNS: u64 = 20;
/// How many worlds live at once; each polls, writes and serves.
const AT_ONCE: u64 = 4;
const PATIENCE: Duration = Duration::from_secs(60);

/// One world, watched by an engine as the dashboard would.
struct Watched {
    setting: Setting,
    seen: watch::Receiver<Arc<Observations>>,
    poller: Poller,
}

impl Watched {
    fn of(home: &Home, dir: &Path, name: &str, stop: &CancellationToken) -> Self {
        let places = Places { config: home.path("config"), state: home.path(name) };
        let loaded = config::load(dir, &VOCABULARY).unwrap_or_else(|all| panic!("{all}"));
        trust::allow(&places.state, &loaded, None, SystemClock.now()).expect("trusted");
        let trusted = trust::check(&places.state, &loaded).and_then(|t| t.granted(dir)).expect("trusted");
        let setting = Setting {
            trusted,
            places,
            operator: "tester".into(),
            clock: Arc::new(SystemClock),
            read_only: false,
        };
        let live = Live::new(&setting.trusted, stop.clone());
        let (prober, clock) = (Arc::new(live.prober()), setting.clock.clone());
        let poller = Poller::start(setting.estate(), Looking::new(prober, Arc::new(live), clock), stop);
        Self { seen: poller.seen(), setting, poller }
    }

    fn assess(&self, scenario: &Scenario) -> (Arc<Observations>, Assessment) {
        let seen = self.seen.borrow().clone();
        let assessment = assess(self.setting.estate(), &seen, SystemClock.now(), scenario);
        (seen, assessment)
    }

    async fn wait(
        &mut self,
        what: &str,
        wanted: impl Fn(&Assessment) -> bool,
    ) -> (Arc<Observations>, Assessment) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let (seen, now) = self.assess(&Scenario::default());
            if wanted(&now) {
                return (seen, now);
            }
            assert!(Instant::now() < deadline, "waited for {what}: {:#?}", orders(&now).reasons);
            // Time alone changes verdicts too.
            let _ = tokio::time::timeout(Duration::from_millis(200), self.seen.changed()).await;
        }
    }
}

fn orders(assessment: &Assessment) -> &lifeboat_core::assess::WorkloadView {
    assessment.workloads.iter().find(|w| w.id == "orders").expect("orders is declared")
}

fn frozen(assessment: &Assessment) -> bool {
    orders(assessment).reasons.iter().any(|r| matches!(r, Reason::LagFrozen { .. }))
}

struct Outcome {
    seed: u64,
    lag: f64,
    frozen: bool,
    lower: f64,
    upper: f64,
    seconds: f64,
    lost: u64,
}

async fn one(seed: u64) -> Outcome {
    let mut random = fastrand::Rng::with_seed(seed);
    let lag = LAGS[seed as usize % LAGS.len()];
    let freeze = seed % 10 == 7;
    let rate = 25.0 + random.f64() * 35.0;
    let home = Home::new();
    let dir = home.path("demo");
    let options = Options {
        seed,
        order_rate: rate,
        lag: Duration::from_secs_f64(lag),
        history: false,
        ports: Ports::Any,
        ..Options::default()
    };
    let at = dir.clone();
    let world = tokio::task::spawn_blocking(move || World::start(&at, options)).await.expect("no panic");
    let world = world.expect("a living world");
    let alive = SystemClock.now();
    let control = Arc::new(world.control().expect("its control"));
    let stop = CancellationToken::new();
    let mut watched = Watched::of(&home, &dir, "state", &stop);

    // Until what the standby has received was placed in this world, and not
    // before it began, its lag is not the one that was asked for.
    let follows = |a: &Assessment| orders(a).assets[0].replicas[0].received.is_some_and(|at| at > alive);
    watched.wait("orders to be well", |a| orders(a).state == State::Ok && follows(a)).await;
    let healthy = orders(&watched.assess(&Scenario::default()).1).rpo.actual;
    if freeze {
        break_it(&control, "lag-frozen").await;
        watched.wait("the frozen figure to be caught", frozen).await;
    }
    // Somewhere within a few polls.
    tokio::time::sleep(Duration::from_millis(random.u64(0..1_500))).await;
    break_it(&control, "region-gone").await;
    let (seen, real) = watched
        .wait("orders to be critical", |a| {
            let failing = |r: &Reason| matches!(r, Reason::HealthFailing { .. });
            orders(a).state == State::Critical && orders(a).reasons.iter().any(failing)
        })
        .await;

    // Declared with what is seen now; the interval is in the journal from here on.
    let scenario = Scenario::gone(["eu-west-1"]);
    let supposed = assess(watched.setting.estate(), &seen, real.at, &scenario);
    let impact_began = impact(&seen, &supposed).expect("probes fail");
    let judged = Scenario { impact_began: Some(impact_began), ..scenario.clone() };
    let judged = assess(watched.setting.estate(), &seen, SystemClock.now(), &judged);
    let declared = watched.setting.declare(Declared {
        evidence: evidence(&seen, &supposed),
        predictions: predictions(&judged),
        scenario,
        impact_began,
        detected_at: Some(impact_began),
    });
    let id = declared.expect("declared").id;
    stop.cancel();

    // The failover by the program itself, as a script would start it; what it
    // counts comes from the customers' ledger.
    let (estate, state) = (dir.clone(), home.path("state"));
    let run = tokio::task::spawn_blocking(move || {
        let program = std::process::Command::new(crate::world::PROGRAM)
            .args(["--estate".as_ref(), estate.as_os_str()])
            .args(["run", "orders-failover", "--yes-to", "promote=eu-central-1", "--json"])
            .env("LIFEBOAT_STATE_DIR", state)
            .env("LIFEBOAT_CONFIG_DIR", "/nonexistent")
            .output();
        program.expect("the program runs")
    })
    .await
    .expect("no panic");
    let said: Value = serde_json::from_slice(&run.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&run.stderr)));
    assert_eq!(said["state"], "completed", "{}", String::from_utf8_lossy(&run.stderr));
    let (_, loss) =
        lifeboat::keep::runs::read(&watched.setting.runs(), &said["run"].as_str().unwrap_or("").into())
            .map(|(machine, records)| {
                let report = lifeboat::report::run(machine.run(), &records);
                assert_eq!(report.incident.map(|i| i.id), Some(id));
                ((), report.loss)
            })
            .expect("its journal");

    // Counted once more, by asking the ledger ourselves.
    let counts =
        tokio::task::spawn_blocking(move || control.counts()).await.expect("no panic").expect("counts");
    drop(watched.poller);
    tokio::task::spawn_blocking(move || world.stop()).await.expect("no panic");
    let predicted = &loss.predicted[0];
    let outcome = Outcome {
        seed,
        lag,
        frozen: freeze,
        lower: predicted.lower_s.as_secs_f64(),
        upper: predicted.upper_s.expect("a known bound").as_secs_f64(),
        seconds: loss.counted_s.expect("counted"),
        lost: loss.counted_objects.expect("counted") as u64,
    };
    assert!(counts.acknowledged >= outcome.lost, "{counts:?}");
    if freeze {
        let width = |upper: f64, lower: f64| upper - lower;
        let before = healthy.upper.map_or(0.0, |u| width(u.as_secs_f64(), healthy.lower.as_secs_f64()));
        let after = width(outcome.upper, outcome.lower);
        assert!(after > before, "the interval widened: {before} then {after}");
    }
    outcome
}

async fn break_it(control: &Arc<lifeboat::demo::Control>, fault: &'static str) {
    let control = control.clone();
    let done = tokio::task::spawn_blocking(move || control.fault(fault, false)).await.expect("no panic");
    done.expect("the fault is injected");
}

#[test]
fn the_loss_predicted_holds_the_loss_counted() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build();
    let outcomes: Vec<Outcome> = runtime.expect("threads").block_on(async {
        use futures::StreamExt;
        futures::stream::iter((0..RUNS).map(|seed| tokio::spawn(one(seed))))
            .buffer_unordered(AT_ONCE as usize)
            .map(|done| done.expect("no panic"))
            .collect()
            .await
    });
    let mut wrong = Vec::new();
    for o in &outcomes {
        let held = o.lower <= o.seconds + 0.001 && o.seconds <= o.upper + 0.001;
        println!(
            "seed {:2} lag {:.1}s{}: predicted {:.3} to {:.3} s, counted {:.3} s, {} orders{}",
            o.seed,
            o.lag,
            if o.frozen { " frozen" } else { "" },
            o.lower,
            o.upper,
            o.seconds,
            o.lost,
            if held { "" } else { "  OUTSIDE" }
        );
        if !held || o.lost < 20 {
            wrong.push(o.seed);
        }
    }
    assert_eq!(outcomes.len() as u64, RUNS);
    assert_eq!(outcomes.iter().filter(|o| o.frozen).count(), 2);
    assert!(wrong.is_empty(), "seeds {wrong:?}");
}
