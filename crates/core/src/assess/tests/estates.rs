//! Random estates with random observations, each made of one number.

use std::cell::Cell;
use std::sync::Arc;

use serde_json::{Value, json};

use super::super::*;
use super::small::{at, probe};

pub(super) struct Dice(Cell<u64>);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(Cell::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d))
    }
    /// xorshift64* (Marsaglia 2003, Vigna 2016).
    fn next(&self) -> u64 {
        let mut x = self.0.get();
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        self.0.set(x);
        x.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }
    pub fn below(&self, n: u64) -> usize {
        (self.next() % n) as usize
    }
    /// So many times in a hundred.
    pub fn often(&self, percent: u64) -> bool {
        self.next() % 100 < percent
    }
    pub fn one<'a>(&self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len() as u64)]
    }
    fn span(&self, low: i64, high: i64) -> i64 {
        low + (self.next() % (high - low) as u64) as i64
    }
}

pub(super) const REGIONS: [&str; 4] = ["ie", "fr", "us", "jp"];
const ACCOUNTS: [&str; 3] = ["prod", "spare", "backup"];
const STORES: [&str; 4] = ["s0", "s1", "s2", "s3"];
pub(super) const WORKLOADS: [&str; 3] = ["base", "shop", "front"];

#[derive(Debug, Clone)]
pub(super) struct World {
    pub estate: Estate,
    pub seen: Observations,
}

/// What could be lost, and where it could be kept.
const SELECTORS: [&str; 19] = [
    "ie",
    "fr",
    "us",
    "jp",
    "provider:aws",
    "provider:gcp",
    "account:prod",
    "account:spare",
    "account:backup",
    "organisation:acme",
    "domain:campus",
    "domain:outer",
    "store:s0",
    "store:s1",
    "store:s2",
    "store:s3",
    "asset:base/db",
    "asset:shop/db",
    "asset:shop/files",
];

pub(super) fn selector(dice: &Dice) -> Selector {
    dice.one(&SELECTORS).parse().expect("a selector")
}

pub(super) fn scenario(dice: &Dice, modes: &[LossMode]) -> Scenario {
    let mut scenario = Scenario::default();
    for _ in 0..=dice.below(2) {
        let mode = modes[dice.below(modes.len() as u64)];
        scenario.lost.insert(selector(dice), mode);
    }
    if dice.often(75) {
        scenario.clean_before = Some(at(-dice.span(1, 600)));
    }
    scenario
}

pub(super) fn world(seed: u64) -> World {
    let dice = &Dice::new(seed);
    let estate = estate(dice);
    let seen = observations(dice, &estate);
    World { estate, seen }
}

fn maybe(dice: &Dice, percent: u64, value: Value) -> Value {
    if dice.often(percent) { value } else { Value::Null }
}

fn estate(dice: &Dice) -> Estate {
    let region = |dice: &Dice, id: &str| {
        let health = if dice.often(85) { vec![probe()] } else { vec![] };
        let domains = if dice.often(15) { vec![dice.one(&["campus", "outer"])] } else { vec![] };
        json!({"id": id, "provider": dice.one(&["aws", "gcp", "own"]), "jurisdiction": [dice.one(&["EU", "US"])],
            "health": health, "domains": domains})
    };
    let regions: Vec<_> = REGIONS.iter().map(|id| region(dice, id)).collect();
    let organisation = |dice: &Dice| maybe(dice, 50, json!("acme"));
    let accounts: Vec<_> = ACCOUNTS
        .iter()
        .map(
            |id| json!({"id": id, "provider": dice.one(&["aws", "gcp"]), "organisation": organisation(dice)}),
        )
        .collect();
    let outer = if dice.often(30) { vec![dice.one(&["fr", "account:spare", "store:s3"])] } else { vec![] };
    let domains = json!([{"id": "campus", "in": if dice.often(50) { vec!["domain:outer"] } else { vec![] }},
        {"id": "outer", "in": outer}]);
    let kept = |dice: &Dice| (0..dice.below(3)).map(|_| dice.one(&SELECTORS[..16])).collect::<Vec<_>>();
    let stores: Vec<_> = STORES.iter().map(|id| store(dice, id)).collect();
    let runbook = |dice: &Dice, id: &str, kind: &str| {
        let relies: Vec<_> = (0..dice.below(5) / 3).map(|_| dice.one(&SELECTORS)).collect();
        let takes = maybe(dice, 92, json!(dice.span(1, 200)));
        let second = maybe(dice, 92, json!(dice.span(1, 200)));
        let needs = if dice.often(50) { json!([]) } else { Value::Null };
        let promotes = maybe(dice, 25, json!(dice.one(&["base/db", "shop/db"])));
        json!({"id": id, "title": id, "kind": kind, "relies_on": relies, "step": [
            {"id": "a", "kind": "command", "takes": takes},
            {"id": "b", "kind": "command", "takes": second, "needs": needs, "promotes": promotes},
        ]})
    };
    let runbooks = json!([runbook(dice, "go", "failover"), runbook(dice, "back", "restore")]);
    let workloads: Vec<_> = (0..=dice.below(3)).map(|n| workload(dice, n)).collect();
    serde_json::from_value(json!({
        "name": "Random",
        "defaults": {"poll": 10, "refresh": 60, "timeout": 1, "detect": 20, "decide": maybe(dice, 95, json!(60))},
        "regions": regions, "accounts": accounts, "domains": domains,
        "keys": [{"id": "kms", "kept_in": kept(dice)}], "secrets": [{"id": "pass", "kept_in": kept(dice)}],
        "stores": stores, "workloads": workloads, "runbooks": runbooks,
    }))
    .expect("a random estate")
}

fn store(dice: &Dice, id: &str) -> Value {
    let domains = if dice.often(10) { vec!["campus"] } else { vec![] };
    let deletable = if dice.often(20) { vec![dice.one(&["prod", "spare/admin"])] } else { vec![] };
    let mut expect = json!({});
    if dice.often(15) {
        expect["object_lock"] = json!("compliance");
    }
    if dice.often(30) {
        expect["versioning"] = json!(true);
    }
    let region = dice.one(&REGIONS);
    let account = dice.one(&ACCOUNTS);
    json!({"id": id, "url": "s3://x", "region": maybe(dice, 90, json!(region)), "domains": domains,
        "account": maybe(dice, 85, json!(account)), "deletable_by": deletable, "expect": expect,
        "key": maybe(dice, 10, json!("kms")), "credentials": maybe(dice, 10, json!({"reference": {"secret": "pass"}}))
            .get("reference").cloned().unwrap_or(Value::Null)})
}

fn workload(dice: &Dice, n: usize) -> Value {
    let standby = |dice: &Dice| {
        let (region, account) = (dice.one(&REGIONS), dice.one(&ACCOUNTS));
        let capacity = maybe(dice, 15, json!({"probe": probe(), "need": 10}));
        json!({"region": region, "account": maybe(dice, 50, json!(account)), "capacity": capacity})
    };
    let mut standbys: Vec<Value> = (0..dice.below(3)).map(|_| standby(dice)).collect();
    standbys.dedup_by_key(|s| s["region"].clone());
    let active: Vec<_> = match dice.often(15) {
        true => REGIONS[..2]
            .iter()
            .map(|r| json!({"region": r, "share": maybe(dice, 80, json!(dice.below(2) as f64 * 0.5 + 0.5))}))
            .collect(),
        false => vec![],
    };
    let depends: Vec<_> = (0..n).filter(|_| dice.often(30)).collect();
    let depends: Vec<_> = depends
        .into_iter()
        .map(|m| json!({"id": WORKLOADS[m], "kind": if dice.often(80) { "hard" } else { "soft" }}))
        .collect();
    let mut runbooks = json!({});
    if dice.often(90) {
        runbooks["failover"] = json!("go");
    }
    if dice.often(70) {
        runbooks["restore"] = json!("back");
    }
    let assets: Vec<_> = ["db", "files"][..=dice.below(2)].iter().map(|id| asset(dice, n, id)).collect();
    let objectives: Vec<_> = match dice.often(20) {
        true => vec![json!({"against": dice.one(&["region", "account", "store"]), "rpo": dice.span(5, 60)})],
        false => vec![],
    };
    json!({
        "id": WORKLOADS[n], "home": maybe(dice, 95, json!(dice.one(&REGIONS))), "standby": standbys, "active": active,
        "account": maybe(dice, 70, json!(dice.one(&ACCOUNTS))), "runbooks": runbooks, "depends_on": depends,
        "rpo": maybe(dice, 85, json!(if dice.often(10) { 0 } else { dice.span(10, 900) })),
        "rto": maybe(dice, 85, json!(dice.span(100, 600))), "objectives": objectives,
        "residency": if dice.often(20) { vec![dice.one(&["EU", "US"])] } else { vec![] },
        "active_when": maybe(dice, 25, probe()), "asset": assets,
        "route": if dice.often(30) { vec![json!({"dns": "x", "ttl": dice.span(1, 90)})] } else { vec![] },
    })
}

fn asset(dice: &Dice, n: usize, id: &str) -> Value {
    let replica = |dice: &Dice| {
        let (region, account) = (dice.one(&REGIONS), dice.one(&ACCOUNTS));
        json!({"region": region, "account": maybe(dice, 30, json!(account)), "lag": probe(), "synchronous": dice.often(20)})
    };
    let copy = |dice: &Dice| {
        let format = if dice.often(15) { "bucket" } else { "dump" };
        let parts = if dice.often(10) { vec![json!(dice.one(&SELECTORS[..16]))] } else { vec![] };
        let password = maybe(dice, 10, json!({"secret": "pass"}));
        let retention = maybe(dice, 20, json!({"min": dice.span(50, 900)}));
        json!({"store": dice.one(&STORES), "format": format, "parts": parts, "password": password,
            "retention": retention, "retrieval": maybe(dice, 60, json!(dice.span(10, 300)))})
    };
    let replicas: Vec<_> = (0..dice.below(3)).map(|_| replica(dice)).collect();
    let copies: Vec<_> = (0..dice.below(4)).map(|_| copy(dice)).collect();
    let uses = maybe(dice, if n > 0 && id == "db" { 15 } else { 0 }, json!("base/db"));
    json!({
        "id": id, "layer": "database", "required": dice.often(90), "replica": replicas, "copy": copies, "uses": uses,
        "rebuild": maybe(dice, 8, json!({"takes": maybe(dice, 80, json!(dice.span(10, 300)))})),
        "rpo": maybe(dice, 15, json!(dice.span(10, 900))), "write_probe": maybe(dice, 60, probe()),
    })
}

/// When something was last seen: mostly now, at times long ago.
fn looked(dice: &Dice) -> i64 {
    if dice.often(85) { -dice.span(0, 15) } else { -dice.span(60, 400) }
}

fn observations(dice: &Dice, estate: &Estate) -> Observations {
    let mut seen = Observations::default();
    let poll = Dur::secs(10);
    let mut put =
        |key: ProbeKey, value: Option<f64>, as_of: Option<Time>, text: Option<String>, when: i64| {
            let reading =
                ProbeReading { holds: true, value, text, as_of, latency_ms: 0, detail: String::new() };
            seen.probes.insert(key, Arc::new(Observed::of(reading, at(when), poll)));
        };
    for r in estate.regions.iter().filter(|r| !r.health.is_empty()) {
        if dice.often(95) {
            put(ProbeKey::RegionHealth { region: r.id.clone(), index: 0 }, None, None, None, looked(dice));
        }
    }
    for w in &estate.workloads {
        if w.active_when.is_some() && dice.often(90) {
            let (one, two) = (dice.one(&REGIONS), dice.one(&REGIONS));
            let text = if dice.often(15) { format!("{one}, {two}") } else { one.to_owned() };
            put(ProbeKey::ActiveWhen { workload: w.id.clone() }, None, None, Some(text), looked(dice));
        }
        for index in 0..w.standbys.len() {
            if dice.often(90) {
                let room = dice.below(4) as f64 * 5.0;
                put(
                    ProbeKey::Capacity { workload: w.id.clone(), index },
                    Some(room),
                    None,
                    None,
                    looked(dice),
                );
            }
        }
        for a in &w.assets {
            let key = |index| LinkKey { workload: w.id.clone(), asset: a.id.clone(), index };
            for index in 0..a.replicas.len() {
                if dice.often(90) {
                    let when = looked(dice);
                    let as_of =
                        dice.often(80).then(|| at(when - if dice.often(85) { 0 } else { dice.span(1, 100) }));
                    let lag = if dice.often(30) { 0.0 } else { dice.span(0, 300) as f64 };
                    put(ProbeKey::Lag(key(index)), dice.often(95).then_some(lag), as_of, None, when);
                }
            }
            if a.write_probe.is_some() && dice.often(90) {
                let when = looked(dice);
                let wrote = at(when - dice.span(0, 60)).timestamp() as f64;
                let key = ProbeKey::WriteProbe { workload: w.id.clone(), asset: a.id.clone() };
                put(key, Some(wrote), None, None, when);
            }
        }
    }
    for w in &estate.workloads {
        for a in &w.assets {
            for index in 0..a.copies.len() {
                if dice.often(90) {
                    let when = looked(dice);
                    let key = CopyKey { workload: w.id.clone(), asset: a.id.clone(), index };
                    let seen_copy = Observed::of(summary(dice, when).into(), at(when), Dur::secs(30));
                    seen.copies.insert(key, Arc::new(seen_copy));
                }
            }
        }
        if dice.often(15) {
            let to = RegionId::from(dice.one(&REGIONS));
            let committed = Committed { to, at: at(-dice.span(0, 100)), run: None };
            Arc::make_mut(&mut seen.learned).committed.insert(w.id.clone(), committed);
        }
    }
    for s in estate.stores.iter().filter(|_| dice.often(50)) {
        let posture = posture(dice);
        seen.postures.insert(s.id.clone(), Arc::new(Observed::of(posture, at(looked(dice)), poll)));
    }
    seen
}

fn posture(dice: &Dice) -> Posture {
    let mode = if dice.often(70) { LockMode::Compliance } else { LockMode::Governance };
    let lock = ObjectLock { mode, retention: dice.often(85).then(|| Dur::secs(dice.span(100, 3_000))) };
    let lock = [Answer::Set(lock), Answer::NotSet, Answer::Unknown][dice.below(3)].clone();
    let versions = [Answer::Set(()), Answer::NotSet, Answer::Unknown][dice.below(3)].clone();
    Posture { versioning: Fact::new(versions, "x"), object_lock: Fact::new(lock, "x"), ..Posture::default() }
}

fn summary(dice: &Dice, when: i64) -> CopySummary {
    use PointState::*;
    let mut points: Vec<Point> = Vec::new();
    let mut age = dice.span(0, 200);
    for n in 0..dice.below(5) {
        let state = match dice.below(12) {
            0 => Failed,
            1 => Suspect,
            2 => Unverified,
            3 | 4 => Archived,
            _ => Usable,
        };
        points.push(Point {
            id: format!("p{n}"),
            kind: PointKind::Full,
            started_at: None,
            completed_at: Some(at(when - age)),
            size_bytes: Some(100),
            packed: None,
            state,
            reason: String::new(),
            // Each may rest on the next older one.
            depends_on: if dice.often(20) { vec![format!("p{}", n + 1)] } else { vec![] },
        });
        age += dice.span(1, 300);
    }
    let mut windows = Vec::new();
    if let Some(base) = points.last().filter(|p| p.state == Usable).and_then(|p| p.completed_at)
        && dice.often(30)
    {
        windows.push(Window { from: base, to: base.max(at(when - dice.span(0, 100))) });
    }
    CopyReport { points, windows, ..CopyReport::default() }.summary()
}
