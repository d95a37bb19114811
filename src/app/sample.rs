//! A made-up estate, alive and in trouble: for tests, benches and pictures.

use std::sync::Arc;

use lifeboat_core::{model::*, run::*};
use serde_json::{Value, json};

use super::{App, AppOptions, Key, KeyCode, Msg, update};

/// The instant at which the sample is looked at.
pub fn now() -> Time {
    Time::from_timestamp(1_795_356_200, 0).unwrap_or(Time::UNIX_EPOCH)
}

/// Analytics has none, so how long it would take is not known.
fn failover(id: &str) -> Value {
    if id == "analytics" { json!({}) } else { json!({"failover": format!("{id}-failover")}) }
}

fn capital(id: &str) -> String {
    id[..1].to_uppercase() + &id[1..]
}

/// `rpo` and `rto` in seconds.
fn workload(
    id: &str,
    tier: u8,
    (rpo, rto): (u64, u64),
    (home, standby): (&str, &str),
    assets: Value,
) -> Value {
    let probe = |r: &str| json!({"region": r, "probe": {"kind": "http", "target": format!("https://{id}.{r}.example/health")}});
    json!({
        "id": id, "name": capital(id), "tier": tier, "rpo": rpo, "rto": rto, "home": home,
        "standby": [{"region": standby}], "health": [probe(home)], "asset": assets,
        "impact": {"per_hour": 42_000.0},
        "runbooks": failover(id),
    })
}

fn database(id: &str, replica: &str, store: &str, every: u64) -> Value {
    let lag = json!({"kind": "http", "target": "http://replica.example/lag", "value": "/lag_s", "unit": "s", "as_of": "/at"});
    json!({
        "id": id, "layer": "database",
        "replica": [{"region": replica, "lag": lag}],
        "copy": [{"store": store, "path": id, "format": "pgbackrest", "schedule": 86_400, "log_every": every, "options": {"stanza": id}}],
    })
}

fn files(id: &str, store: &str, every: u64) -> Value {
    json!({"id": id, "layer": "media", "copy": [{"store": store, "path": id, "format": "dump", "schedule": every}]})
}

fn runbook(workload: &str, from: &str, to: &str) -> Value {
    json!({
        "id": format!("{workload}-failover"), "title": format!("Fail {workload} over to {{{{ to }}}}"),
        "kind": "failover", "workloads": [workload],
        "params": {"from": {"type": "region", "default": from}, "to": {"type": "region", "default": to}},
        "step": [
            {"id": "announce", "title": "Tell the people on call", "kind": "manual", "text": "Open the bridge and say who leads.", "takes": 60},
            {"id": "fence", "title": "Stop the old primary from taking writes", "kind": "command", "takes": 20,
             "options": {"run": ["./bin/fence", "{{ from }}"]}, "idempotent": true},
            {"id": "promote", "title": "Promote the standby database", "kind": "http", "takes": 40, "destructive": true,
             "target": "{{ to }}", "point_of_no_return": true,
             "options": {"method": "POST", "url": "https://control.example/promote/{{ to }}"}},
            {"id": "switch", "title": "Send users to the new home", "kind": "command", "takes": 30,
             "options": {"run": ["./bin/switch", "{{ to }}"]}},
            {"id": "serving", "title": "Wait until it serves and stays", "kind": "wait", "takes": 60},
        ],
    })
}

/// Three regions and six workloads, well and unwell.
pub fn estate() -> Estate {
    let region = |id: &str, name: &str, at: [f64; 2], place: &str| {
        json!({"id": id, "name": name, "provider": "aws", "jurisdiction": [place], "at": at,
               "health": [{"kind": "http", "target": format!("https://{id}.example/health")}]})
    };
    let store = |id: &str, region: &str| json!({"id": id, "url": format!("s3://{id}"), "region": region});
    let value = json!({
        "id": "northwind", "name": "Northwind",
        "defaults": {"poll": 10, "refresh": 300, "timeout": 2, "detect": 30, "decide": 300},
        "regions": [
            region("eu-west-1", "Ireland", [53.35, -6.26], "EU"),
            region("eu-central-1", "Frankfurt", [50.11, 8.68], "EU"),
            region("us-east-1", "Virginia", [38.95, -77.45], "US"),
        ],
        "stores": [store("backups-fra", "eu-central-1"), store("backups-dub", "eu-west-1"), store("vault-iad", "us-east-1")],
        "workloads": [
            workload("checkout", 1, (300, 1_800), ("eu-west-1", "eu-central-1"),
                json!([database("orders-db", "eu-central-1", "backups-fra", 60)])),
            workload("identity", 1, (60, 900), ("eu-central-1", "eu-west-1"),
                json!([database("users-db", "eu-west-1", "backups-dub", 60)])),
            workload("catalogue", 2, (3_600, 14_400), ("eu-west-1", "us-east-1"),
                json!([database("products-db", "us-east-1", "vault-iad", 300), files("pictures", "vault-iad", 86_400)])),
            workload("analytics", 3, (86_400, 172_800), ("us-east-1", "eu-west-1"),
                json!([files("warehouse", "backups-dub", 86_400)])),
            workload("ledger", 1, (300, 3_600), ("eu-central-1", "us-east-1"),
                json!([database("ledger-db", "us-east-1", "vault-iad", 60)])),
            workload("mail", 3, (86_400, 86_400), ("eu-west-1", "us-east-1"),
                json!([files("mailboxes", "backups-fra", 86_400)])),
        ],
        "runbooks": [
            runbook("checkout", "eu-west-1", "eu-central-1"), runbook("identity", "eu-central-1", "eu-west-1"),
            runbook("catalogue", "eu-west-1", "us-east-1"), runbook("mail", "eu-west-1", "us-east-1"), runbook("ledger", "eu-central-1", "us-east-1"),
        ],
    });
    serde_json::from_value(value).unwrap_or_default()
}

fn reading(now: Time, holds: bool, value: Option<f64>, age: i64, every: Dur) -> Arc<Observed<ProbeReading>> {
    let detail = if holds { "200 OK in 12 ms" } else { "503 Service Unavailable" };
    let at = now - Dur::secs(age);
    let reading = ProbeReading {
        holds,
        value,
        text: None,
        as_of: value.map(|_| at),
        latency_ms: 12,
        detail: detail.into(),
    };
    Arc::new(Observed::of(reading, at, every))
}

fn copy(now: Time, age: i64, points: usize) -> SeenCopy {
    let good = PointRef {
        id: format!("20261121-0200{points:02}F"),
        at: now - Dur::secs(age),
        size_bytes: Some(48 << 30),
    };
    let summary = CopySummary {
        points,
        newest: Some(good.clone()),
        last_good: Some(good),
        windows: vec![Window { from: now - Dur::secs(6 * 86_400), to: now - Dur::secs(age) }],
        ..CopySummary::default()
    };
    Observed::of(summary.into(), now - Dur::secs(40), Dur::secs(300))
}

/// What was seen of it at `now`: mail is overdue, the lag of ledger stands
/// still, one store is silent; with `down`, a region fails as well.
pub fn observations(estate: &Estate, now: Time, down: Option<&str>) -> Observations {
    let poll = Dur::secs(10);
    let mut seen = Observations::default();
    let failing = |code: Code, subject: &str| {
        let mut silent = Observed::of(
            ProbeReading {
                holds: true,
                value: None,
                text: None,
                as_of: None,
                latency_ms: 9,
                detail: "200 OK".into(),
            },
            now - Dur::secs(95),
            poll,
        );
        for n in 0..9 {
            silent.fail(
                Problem::new(code, subject).because("connection refused"),
                now - Dur::secs(85 - n * 10),
            );
        }
        Arc::new(silent)
    };
    for region in &estate.regions {
        let key = ProbeKey::RegionHealth { region: region.id.clone(), index: 0 };
        let fails = down == Some(region.id.as_str());
        let value = match fails {
            true => failing(Code::PROBE_REFUSED, region.id.as_str()),
            false => reading(now, true, None, 3, poll),
        };
        seen.probes.insert(key, value);
    }
    for (n, w) in estate.workloads.iter().enumerate() {
        let key = ProbeKey::WorkloadHealth { workload: w.id.clone(), index: 0 };
        let fails = w.home.as_ref().is_some_and(|h| down == Some(h.as_str()));
        let value = match fails {
            true => failing(Code::PROBE_REFUSED, w.id.as_str()),
            false => reading(now, true, None, 4, poll),
        };
        seen.probes.insert(key, value);
        for asset in &w.assets {
            for index in 0..asset.replicas.len() {
                let link = LinkKey { workload: w.id.clone(), asset: asset.id.clone(), index };
                let lag = if w.id == "ledger" { 262.0 } else { 1.5 + n as f64 };
                seen.probes.insert(ProbeKey::Lag(link), reading(now, true, Some(lag), 5, poll));
            }
            for index in 0..asset.copies.len() {
                let key = CopyKey { workload: w.id.clone(), asset: asset.id.clone(), index };
                let value = match w.id.as_str() {
                    "mail" => copy(now, 3 * 86_400, 4),
                    "analytics" => {
                        let mut hung = copy(now, 30_000, 12);
                        hung.fail(
                            Problem::new(Code::STORE_TIMEOUT, "backups-dub").because("5s"),
                            now - Dur::secs(70),
                        );
                        hung
                    }
                    _ => copy(now, 45, 21 + n),
                };
                seen.copies.insert(key, value);
            }
        }
    }
    seen
}

pub fn incident(estate: &Estate) -> Incident {
    let began = now() - Dur::secs(92);
    Incident {
        id: "20261122T140501Z-eu-west-1".into(),
        scenario: Scenario::gone(["eu-west-1"]),
        impact_began: began,
        detected_at: Some(began + Dur::secs(7)),
        declared_at: began + Dur::secs(41),
        by: "ada".into(),
        evidence: vec![
            "eu-west-1: refused the connection since 14:03:15 UTC, 9 times in a row".into(),
            "checkout: health in eu-west-1 failed 9 times in a row: refused the connection".into(),
        ],
        predictions: estate
            .workloads
            .iter()
            .filter(|w| w.home.as_ref().is_some_and(|h| *h == "eu-west-1"))
            .map(|w| Prediction {
                workload: w.id.clone(),
                at: began + Dur::secs(41),
                verdict: lifeboat_core::assess::Verdict::Recoverable,
                to: Some("eu-central-1".into()),
                loss_lower: Dur::millis(400),
                loss_upper: Some(Dur::millis(6_500)),
                rto: Some(Dur::secs(540)),
            })
            .collect(),
        stood_down_at: None,
    }
}

/// A failover that has come to its destructive step, and asks.
pub fn run(estate: &Estate) -> RunView {
    let book = estate.runbook("checkout-failover").cloned();
    let book = book.unwrap_or_else(|| estate.runbooks[0].clone());
    let began = now() - Dur::secs(38);
    let status = [StepStatus::Succeeded, StepStatus::Succeeded, StepStatus::AwaitingInput];
    let steps = book.steps.iter().enumerate().map(|(n, plan)| {
        let status = status.get(n).copied().unwrap_or(StepStatus::Pending);
        let over = status == StepStatus::Succeeded;
        let at = began + Dur::secs(n as i64 * 14);
        StepRun {
            plan: plan.clone(),
            status,
            attempts: vec![],
            started_at: (status != StepStatus::Pending).then_some(at),
            ended_at: over.then_some(at + Dur::secs(12)),
            reason: (n == 1).then(|| "the fence answers: closed".into()),
            outputs: Default::default(),
            of: None,
            approvals: vec![],
            due: None,
        }
    });
    let run = Run {
        id: "20261122T140521Z-checkout-failover-1a2b".into(),
        title: "Fail checkout over to eu-central-1".into(),
        mode: Mode::Live,
        state: RunState::Waiting,
        params: [("from".to_owned(), json!("eu-west-1")), ("to".to_owned(), json!("eu-central-1"))].into(),
        by: "ada".into(),
        started_at: began,
        ended_at: None,
        incident: Some(incident(estate)),
        steps: steps.collect(),
        notes: vec![],
        commander: "ada".into(),
        offered: None,
        graceful: false,
        precheck: vec![],
        exceptions: vec![],
        stable_at: None,
        parent: None,
        rto_target: Some(Dur::secs(1_800)),
        rto_estimate: Some(Dur::secs(540)),
        runbook: book,
    };
    RunView {
        run: Arc::new(run),
        asks: vec![Ask {
            step: "promote".into(),
            kind: AskKind::Confirm {
                target: "eu-central-1".into(),
                action: "POST https://control.example/promote/eu-central-1".into(),
            },
            sentence: "Promote the standby database in eu-central-1? There is no way back after this.".into(),
        }],
        tail: (1..=14).map(|n| format!("fence: session {n} of 14 closed on orders-db")).collect(),
        tail_step: Some("fence".into()),
        doing: None,
        trouble: None,
    }
}

pub fn report() -> CopyReport {
    let point = |n: i64, state: PointState, reason: &str| Point {
        id: format!("2026112{}-020003F", 2 - n % 3),
        kind: if n % 3 == 0 { PointKind::Full } else { PointKind::Incremental },
        started_at: Some(now() - Dur::secs(n * 86_400 + 900)),
        completed_at: Some(now() - Dur::secs(n * 86_400 + 200)),
        size_bytes: Some((48 << 30) - (n as u64) * 1_000_000_000),
        packed: None,
        state,
        reason: reason.into(),
        depends_on: vec![],
    };
    CopyReport {
        points: vec![
            point(0, PointState::Running, "no end is recorded yet"),
            point(1, PointState::Usable, ""),
            point(2, PointState::BrokenChain, "its full backup is not there"),
            point(3, PointState::Usable, ""),
        ],
        windows: vec![
            Window { from: now() - Dur::secs(3 * 86_400), to: now() - Dur::secs(2 * 86_400) },
            Window { from: now() - Dur::secs(86_400), to: now() - Dur::secs(30) },
        ],
        gaps: vec![Gap {
            from: Some(now() - Dur::secs(2 * 86_400)),
            to: Some(now() - Dur::secs(86_400)),
            first_missing: "0000000100000000000000A4".into(),
            last_missing: "0000000100000000000000A9".into(),
            detail: "6 WAL files".into(),
        }],
        notes: vec![],
        behind: None,
        cost: Cost { requests: 9, bytes: 48_213 },
        listed_at: None,
    }
}

/// A month of a database that grows and of a replica that follows.
pub fn past() -> Past {
    let bucket = |at: Time, v: f64| Bucket { at, n: 4, mean: v, min: v * 0.9, max: v * 1.1, last: v };
    let days = |value: fn(i64) -> f64| Series {
        days: (0..30).map(|n| bucket(now() - Dur::secs((29 - n) * 86_400), value(n))).collect(),
        ..Series::default()
    };
    let lag = Series {
        hours: (0..24)
            .map(|n| bucket(now() - Dur::secs((23 - n) * 3_600), 1.5 + ((n * 7) % 5) as f64))
            .collect(),
        ..Series::default()
    };
    let point = |n: i64| PastPoint {
        id: format!("202611{n:02}-020003F"),
        kind: PointKind::Full,
        started_at: Some(now() - Dur::secs(n * 86_400 + 900)),
        completed_at: Some(now() - Dur::secs(n * 86_400 + 200)),
        size_bytes: Some((48 << 30) - n as u64 * 900_000_000 + (n as u64 * 7_919 % 13) * 400_000_000),
        packed: None,
        state: PointState::Usable,
        first_seen: now() - Dur::secs(n * 86_400),
        gone_at: None,
    };
    let copy = CopyPast {
        began: Some(now() - Dur::secs(30 * 86_400)),
        points: (0..30).map(point).collect(),
        count: days(|n| 20.0 + (n % 4) as f64),
        good: days(|n| 40.0 + ((n * 11) % 17) as f64),
        answered: days(|n| if n == 12 { 0.6 } else { 1.0 }),
        requests: days(|n| 9.0 + (n % 3) as f64),
        ..CopyPast::default()
    };
    let (workload, asset): (WorkloadId, AssetId) = ("checkout".into(), "orders-db".into());
    let link = LinkKey { workload: workload.clone(), asset: asset.clone(), index: 0 };
    let copies = vec![(CopyKey { workload, asset, index: 0 }, copy)];
    Past { copies, links: vec![(link, lag)], ..Past::default() }
}

/// The dashboard looking at the sample; `down` is a region that fails.
pub fn app(options: AppOptions, size: (u16, u16), down: Option<&str>) -> App {
    let estate = estate();
    let seen = observations(&estate, now(), down);
    let (mut app, _) = App::new(options, now());
    for msg in [
        Msg::Resize(size.0, size.1),
        Msg::Trust(super::Trust::Trusted),
        Msg::Estate(Arc::new(estate)),
        Msg::Observed(Arc::new(seen)),
    ] {
        update(&mut app, msg);
    }
    app.settle();
    app
}

/// Types keys one by one, each after a frame was seen.
pub fn press(app: &mut App, keys: &[Key]) -> Vec<super::Effect> {
    let mut effects = Vec::new();
    for key in keys {
        app.settle();
        let at = app.now + Dur::millis(1);
        update(app, Msg::Painted { at: app.now, until: None, hits: vec![] });
        effects.extend(update(app, Msg::Key { key: *key, at }));
    }
    app.settle();
    effects
}

/// Types text.
pub fn type_text(app: &mut App, text: &str) -> Vec<super::Effect> {
    let keys: Vec<Key> = text.chars().map(Key::char).collect();
    press(app, &keys)
}

pub const ENTER: Key = Key::plain(KeyCode::Enter);
pub const ESC: Key = Key::plain(KeyCode::Esc);

/// How a picture comes about from the sample.
type Scene = fn(&mut App);

fn keys(app: &mut App, text: &str) {
    type_text(app, text);
}
fn happened(app: &mut App, incident_only: bool) {
    let estate = estate();
    update(app, Msg::Incident(Some(Arc::new(incident(&estate)))));
    if !incident_only {
        update(app, Msg::Run(Arc::new(run(&estate))));
    }
    app.settle();
}

fn trends(app: &mut App) {
    keys(app, "t");
    app.jump(super::Screen::Trends("checkout".into()));
}

/// Every screen and layer, by name.
pub const PICTURES: &[(&str, Scene)] = &[
    ("overview", |_| {}),
    ("overview-down", |app| {
        let seen = observations(&estate(), now(), Some("eu-west-1"));
        update(app, Msg::Observed(Arc::new(seen)));
    }),
    ("what-if", |app| {
        keys(app, "w ");
        press(app, &[ENTER]);
    }),
    ("what-if-picker", |app| keys(app, "w ")),
    ("workload", |app| {
        press(app, &[ENTER]);
    }),
    ("workload-down", |app| {
        let seen = observations(&estate(), now(), Some("eu-west-1"));
        update(app, Msg::Observed(Arc::new(seen)));
        app.settle();
        press(app, &[ENTER]);
    }),
    ("points", |app| {
        press(app, &[ENTER, Key::char('3')]);
        if let super::Screen::Points(key) = app.screen().clone() {
            update(app, Msg::Points(key, Arc::new(report())));
        }
    }),
    ("stores", |app| keys(app, "4")),
    ("findings", |app| keys(app, "5")),
    ("losses", |app| {
        keys(app, "L");
        app.settle();
    }),
    ("coverage", |app| {
        keys(app, "v");
        app.settle();
    }),
    ("dependencies", |app| {
        keys(app, "w ");
        press(app, &[ENTER]);
        keys(app, "d");
        app.settle();
    }),
    ("dependencies-calm", |app| {
        keys(app, "d");
        app.settle();
    }),
    ("trends", |app| {
        trends(app);
        update(app, Msg::Past("checkout".into(), Ok(Arc::new(past()))));
        app.settle();
        keys(app, "jj");
    }),
    ("trends-empty", |app| {
        trends(app);
        update(app, Msg::Past("checkout".into(), Ok(Arc::new(Past::default()))));
    }),
    ("trends-loading", trends),
    ("trends-failed", |app| {
        trends(app);
        let problem = Problem::new(Code::HISTORY_WRITE, "history.sqlite").because("database is locked");
        update(app, Msg::Past("checkout".into(), Err(problem)));
    }),
    ("wait-or-declare", |app| {
        let seen = observations(&estate(), now(), Some("eu-west-1"));
        update(app, Msg::Observed(Arc::new(seen)));
        app.settle();
        keys(app, "6");
    }),
    ("declare", |app| {
        let seen = observations(&estate(), now(), Some("eu-west-1"));
        update(app, Msg::Observed(Arc::new(seen)));
        app.settle();
        keys(app, "Deu-we");
    }),
    ("incident", |app| {
        let seen = observations(&estate(), now(), Some("eu-west-1"));
        update(app, Msg::Observed(Arc::new(seen)));
        happened(app, true);
        keys(app, "6");
    }),
    ("runbooks", |app| keys(app, "7")),
    ("start", |app| {
        keys(app, "7");
        press(app, &[ENTER]);
    }),
    ("run", |app| {
        happened(app, false);
        keys(app, "0");
    }),
    ("answer", |app| {
        happened(app, false);
        keys(app, "0");
        press(app, &[ENTER]);
        keys(app, "eu-ce");
    }),
    ("run-over", |app| {
        let mut view = run(&estate());
        let mut over = (*view.run).clone();
        over.state = RunState::Completed;
        over.ended_at = Some(now());
        for step in &mut over.steps {
            step.status = StepStatus::Succeeded;
        }
        over.steps[4].outputs.insert("counted_loss_s".into(), json!(3.9));
        over.steps[4].outputs.insert("counted_loss_objects".into(), json!(78));
        view.run = Arc::new(over);
        view.asks.clear();
        let row = RunRow {
            id: view.run.id.clone(),
            runbook: view.run.runbook.id.clone(),
            mode: Mode::Live,
            state: RunState::Completed,
            started_at: view.run.started_at,
            ended_at: view.run.ended_at,
            incident: None,
        };
        update(app, Msg::Runs(vec![row]));
        update(app, Msg::Run(Arc::new(view)));
        keys(app, "0");
    }),
    ("runs", |app| {
        let view = run(&estate());
        let row = |n: i64, state, mode| RunRow {
            id: RunId::new(format!("20261122T1405{n:02}Z-checkout-failover-1a2b")),
            runbook: view.run.runbook.id.clone(),
            mode,
            state,
            started_at: now() - Dur::secs(n * 90_000),
            ended_at: (n > 0).then(|| now() - Dur::secs(n * 90_000 - 480)),
            incident: None,
        };
        let rows = vec![
            row(0, RunState::Waiting, Mode::Live),
            row(1, RunState::Completed, Mode::Rehearsal),
            row(2, RunState::Failed, Mode::DryRun),
        ];
        update(app, Msg::Runs(rows));
        keys(app, "8");
    }),
    ("log", |app| {
        update(app, Msg::Problem(Problem::new(Code::STORE_DENIED, "vault-iad").because("403 Forbidden")));
        update(app, Msg::Done("The incident is stood down.".into()));
        keys(app, "9");
    }),
    ("help", |app| keys(app, "?")),
    ("palette", |app| keys(app, ":dec")),
    ("filter", |app| keys(app, "/check")),
    ("refused", |app| {
        update(app, Msg::Trust(super::Trust::Refused(Problem::new(Code::TRUST_CHANGED, "northwind"))));
    }),
];

/// The sample in the state that a name stands for. `last-known` and `starting`
/// are what stands on screen before the first answer.
pub fn picture(name: &str, options: AppOptions, size: (u16, u16)) -> Option<App> {
    if name == "last-known" || name == "starting" {
        let full = app(AppOptions::default(), size, None);
        let (mut app, _) = App::new(options, now() + Dur::secs(740));
        update(&mut app, Msg::Resize(size.0, size.1));
        if name == "last-known" {
            update(&mut app, Msg::LastKnown((*full.glance).clone()));
        }
        app.settle();
        return Some(app);
    }
    let (_, scene) = PICTURES.iter().find(|(n, _)| *n == name)?;
    let mut app = app(options, size, None);
    scene(&mut app);
    app.settle();
    update(&mut app, Msg::Painted { at: now(), until: None, hits: vec![] });
    Some(app)
}
