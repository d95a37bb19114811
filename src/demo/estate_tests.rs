//! The demo's estate as any other command meets it: loaded, probed, and its
//! runbooks followed step by step.

use std::{path::Path, process::Command, time::Duration};

use lifeboat_core::model::{
    Code, CopyDef, CopyReport, Dur, Estate, PointState, Probe, ProbeReading, Problem, Runbook, RunbookKind,
    StepPlan, Vocabulary,
};
use serde_json::Value;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::{
    Options, World, fault,
    state::now,
    tests::{ask, options, start, until},
};
use crate::{
    act::STEPS,
    catalog::{self, FORMATS},
    config::{self, Loaded},
    net::{Http, Secrets, store},
    probe::{PROBES, Prober, Probing},
};

fn load(dir: &Path) -> Loaded {
    let vocabulary = Vocabulary { formats: FORMATS, probes: PROBES, steps: STEPS };
    config::load(dir, &vocabulary).unwrap_or_else(|wrong| panic!("{wrong}"))
}

fn wait<T>(on: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(on)
}

fn look(dir: &Path, probe: &Probe) -> Result<ProbeReading, String> {
    let prober = Prober::new(Http::new(), Secrets::new(dir, []));
    wait(prober.ask(probe, Dur::secs(2))).map_err(|problem| problem.to_string())
}

/// A copy as the real reader sees it, over the network, with the keys that
/// the estate names.
fn read(loaded: &Loaded, copy: &CopyDef, deadline: Dur) -> Result<CopyReport, Problem> {
    let store = loaded.estate.store(copy.store.as_str()).unwrap();
    let mut cx = catalog::Cx::new(now(), CancellationToken::new());
    cx.work.deadline = deadline;
    wait(async {
        let repo = store::open(store, &Http::new(), &Secrets::new(&loaded.dir, [])).await?;
        catalog::read(copy, &repo, &cx).await
    })
}

fn copies<'a>(loaded: &'a Loaded, workload: &str) -> Vec<&'a CopyDef> {
    let workload = loaded.estate.workload(workload).unwrap();
    workload.assets.iter().flat_map(|a| &a.copies).collect()
}

fn probes(estate: &Estate) -> Vec<&Probe> {
    let regions = estate.regions.iter().flat_map(|r| &r.health);
    let health = estate.workloads.iter().flat_map(|w| w.health.iter().map(|h| &h.probe));
    regions.chain(health).collect()
}

#[test]
fn the_written_estate_is_valid_and_nothing_in_it_is_doubtful() {
    let (_dir, world) = start();
    let loaded = load(world.dir());
    // The wiki's attachments are what an asset that nobody protects looks like.
    let doubts: Vec<_> = loaded.warnings.iter().map(|w| w.place()).collect();
    assert_eq!(doubts.len(), 1, "{:?}", loaded.warnings);
    assert!(doubts[0].starts_with("workloads/wiki.toml"), "{doubts:?}");
    let estate = &loaded.estate;
    assert_eq!((estate.regions.len(), estate.stores.len(), estate.workloads.len()), (3, 4, 7));
    assert!(estate.id.starts_with("northwind-demo-"), "{}", estate.id);
}

#[test]
fn two_demos_are_two_estates() {
    let (_one, a) = start();
    let (_two, b) = start();
    assert_ne!(load(a.dir()).estate.id, load(b.dir()).estate.id);
}

#[test]
fn every_question_of_the_estate_has_an_answer() {
    let (_dir, world) = start();
    let loaded = load(world.dir());
    for probe in probes(&loaded.estate) {
        let reading = look(world.dir(), probe).unwrap();
        assert!(reading.holds, "{}: {}", probe.target, reading.detail);
    }
    let orders = loaded.estate.workload("orders").unwrap();
    let home = look(world.dir(), orders.active_when.as_ref().unwrap()).unwrap();
    assert_eq!(home.text.as_deref(), Some("eu-west-1"));
    let asset = orders.asset("orders-db").unwrap();
    let written = look(world.dir(), asset.write_probe.as_ref().unwrap()).unwrap();
    assert!(written.value.is_some(), "{}", written.detail);
    let lag = look(world.dir(), asset.replicas[0].lag.as_ref().unwrap()).unwrap();
    assert!(lag.value.is_some_and(|s| s < 10.0) && lag.as_of.is_some(), "{}", lag.detail);
}

#[test]
fn every_copy_has_a_past_and_is_read_without_a_complaint() {
    let dir = TempDir::new().unwrap();
    let world = World::start(dir.path(), Options { history: true, ..options() }).unwrap();
    let loaded = load(world.dir());
    for workload in &loaded.estate.workloads {
        for copy in copies(&loaded, workload.id.as_str()) {
            let report = read(&loaded, copy, Dur::secs(20)).unwrap();
            let subject = format!("{} {} in {}", workload.id, copy.format, copy.store);
            assert_eq!((&report.notes[..], &report.gaps[..]), (&[][..], &[][..]), "{subject}");
            let odd: Vec<_> = report.points.iter().filter(|p| p.state != PointState::Usable).collect();
            assert!(odd.is_empty(), "{subject}: {odd:?}");
            let oldest = report.points.iter().filter_map(|p| p.completed_at).min().unwrap();
            assert!(now() - Dur::secs(20 * 3_600) > oldest, "{subject}: since {oldest}");
        }
    }
}

#[test]
fn log_goes_on_without_a_gap_over_a_promotion() {
    let (_dir, world) = start();
    let loaded = load(world.dir());
    let orders = loaded.estate.workload("orders").unwrap();
    let copy = copies(&loaded, "orders")[0];
    assert_eq!(copy.format, "pgbackrest");
    let window = || read(&loaded, copy, Dur::secs(20)).ok()?.windows.iter().map(|w| (w.from, w.to)).max();
    until("a window", || window().is_some());
    let failover = loaded.estate.runbook(orders.runbooks[&RunbookKind::Failover].as_str()).unwrap();
    Follow { dir: world.dir(), runbook: failover, outputs: Vec::new() }.all();
    let promoted = now();
    until("a window that reaches beyond the promotion", || {
        let report = read(&loaded, copy, Dur::secs(20)).unwrap();
        assert_eq!(report.gaps, [], "{:?}", report.windows);
        assert_eq!(report.notes, []);
        report.windows.iter().any(|w| w.from < promoted && w.to > promoted)
    });
}

#[test]
fn what_the_faults_break_is_seen() {
    let (_dir, world) = start();
    let loaded = load(world.dir());
    let orders = copies(&loaded, "orders");
    let dump = orders.iter().find(|c| c.format == "dump").unwrap();
    let newest = || {
        // Until the first is there, that none is there is a problem.
        let report = read(&loaded, dump, Dur::secs(20)).ok()?;
        report.points.first().map(|p| (p.state, p.reason.clone()))
    };
    until("a dump", || newest().is_some());
    fault(world.dir(), "dump-truncated", false).unwrap();
    until("the newest dump is not usable", || newest().is_some_and(|(s, _)| s != PointState::Usable));

    fault(world.dir(), "store-hang", false).unwrap();
    let hung = read(&loaded, orders[0], Dur::millis(500)).unwrap_err();
    assert_eq!(hung.code, Code::STORE_TIMEOUT, "{hung}");
    fault(world.dir(), "region-gone:us-east-1", false).unwrap();
    let gone = read(&loaded, orders[0], Dur::secs(20)).unwrap_err();
    assert_eq!(gone.code, Code::STORE_REFUSED, "{gone}");
}

/// A runbook followed by hand: what it asks is asked, what it sends is sent.
struct Follow<'a> {
    dir: &'a Path,
    runbook: &'a Runbook,
    outputs: Vec<(String, Value)>,
}

impl Follow<'_> {
    /// The text with the runbook's own defaults filled in.
    fn fill(&self, text: &str) -> String {
        self.runbook.params.iter().fold(text.to_owned(), |text, (name, param)| {
            let value = param.default.as_ref().and_then(Value::as_str).unwrap();
            text.replace(&format!("{{{{ {name} }}}}"), value)
        })
    }
    fn probe(&self, of: &Value) -> Probe {
        let mut probe: Probe = serde_json::from_value(of.clone()).unwrap();
        probe.target = Value::String(self.fill(probe.target.as_str().unwrap()));
        probe
    }
    fn holds(&self, probe: &Probe) -> bool {
        look(self.dir, probe).is_ok_and(|reading| reading.holds)
    }
    fn step(&mut self, step: &StepPlan) {
        match step.kind.as_str() {
            "manual" => {}
            "check" | "wait" => {
                let probe = self.probe(&step.options["probe"]);
                until(step.label(), || self.holds(&probe));
            }
            "command" => {
                let words: Vec<String> = serde_json::from_value(step.options["run"].clone()).unwrap();
                let words: Vec<_> = words.iter().map(|w| self.fill(w)).collect();
                let ran = Command::new(self.dir.join(&words[0])).args(&words[1..]).output().unwrap();
                assert!(ran.status.success(), "{}: {ran:?}", step.id);
            }
            "http" => self.send(step),
            other => panic!("{}: a step of kind {other}", step.id),
        }
    }
    fn send(&mut self, step: &StepPlan) {
        let verify = step.verify.as_ref().map(|p| self.probe(&serde_json::to_value(p).unwrap()));
        if let Some(verify) = &verify {
            assert!(!self.holds(verify), "{}: its proof holds before it acts", step.id);
        }
        let url = self.fill(step.options["url"].as_str().unwrap());
        let (address, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
        let port = address.rsplit(':').next().unwrap().parse().unwrap();
        let method = step.options["method"].as_str().unwrap();
        for turn in 0..if step.idempotent { 2 } else { 1 } {
            let (status, body) = ask(method, port, &format!("/{path}")).unwrap();
            assert_eq!(status, 200, "{} turn {turn}: {body}", step.id);
            for (name, def) in &step.outputs {
                self.outputs.push((name.clone(), body.pointer(&def.pointer).unwrap().clone()));
            }
        }
        if let Some(verify) = &verify {
            assert!(self.holds(verify), "{}: its proof does not hold after it", step.id);
        }
    }
    fn all(&mut self) {
        for step in &self.runbook.steps {
            self.step(step);
        }
    }
    fn output(&self, name: &str) -> f64 {
        self.outputs.iter().find(|(n, _)| n == name).and_then(|(_, v)| v.as_f64()).unwrap()
    }
}

#[test]
fn the_runbooks_move_orders_to_frankfurt_and_home_again() {
    let dir = TempDir::new().unwrap();
    let slow = Options { lag: Duration::from_secs(2), ..options() };
    let world = World::start(dir.path(), slow).unwrap();
    let control = world.control().unwrap();
    let loaded = load(world.dir());
    let orders = loaded.estate.workload("orders").unwrap();
    let follow = |kind| Follow {
        dir: world.dir(),
        runbook: loaded.estate.runbook(orders.runbooks[&kind].as_str()).unwrap(),
        outputs: Vec::new(),
    };
    let before = control.counts().unwrap().acknowledged;
    until("orders are taken", || control.counts().unwrap().acknowledged > before + 150);

    fault(world.dir(), "region-gone", false).unwrap();
    let mut failover = follow(RunbookKind::Failover);
    failover.all();
    assert!(failover.output("counted_loss_objects") >= 20.0, "{:?}", failover.outputs);
    assert!((1.0..4.0).contains(&failover.output("counted_loss_s")), "{:?}", failover.outputs);
    assert_eq!(control.counts().unwrap().target, "eu-central-1");

    fault(world.dir(), "region-gone", true).unwrap();
    let mut failback = follow(RunbookKind::Failback);
    failback.all();
    assert_eq!(failback.output("counted_loss_objects"), 0.0, "{:?}", failback.outputs);
    assert_eq!(control.counts().unwrap().target, "eu-west-1");
    assert_eq!(control.counts().unwrap().writers, ["eu-west-1"]);
}
