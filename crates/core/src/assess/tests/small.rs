//! Small estates in few words: a shop in `ie`, a standby in `fr`, `us` besides,
//! and whatever a case adds.

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::*;

/// Seconds beside the present of every case.
pub(super) fn at(seconds: i64) -> Time {
    Time::UNIX_EPOCH + Dur::secs(1_000_000 + seconds)
}

const POLL: Dur = Dur::secs(10);

pub(super) struct Small {
    pub estate: Value,
    pub seen: Observations,
}

pub(super) fn probe() -> Value {
    json!({"kind": "http", "target": "x"})
}

fn reading(value: Option<f64>, as_of: Option<i64>) -> ProbeReading {
    let as_of = as_of.map(at);
    ProbeReading { holds: true, value, text: None, as_of, latency_ms: 0, detail: "200 OK".into() }
}

/// The shop: RPO 1m, RTO 10m; 20 s to detect, 60 to decide, 60 for the one step.
pub(super) fn shop() -> Small {
    let region = |id: &str, provider: &str, law: &str| json!({"id": id, "provider": provider, "jurisdiction": [law], "health": [probe()]});
    let estate = json!({
        "name": "Test", "id": "test",
        "defaults": {"poll": 10, "refresh": 60, "timeout": 1, "detect": 20, "decide": 60},
        "regions": [region("ie", "aws", "EU"), region("fr", "aws", "EU"), region("us", "gcp", "US")],
        "accounts": [
            {"id": "prod", "provider": "aws", "organisation": "acme"},
            {"id": "spare", "provider": "aws", "organisation": "acme"},
            {"id": "backup", "provider": "gcp", "organisation": "elsewhere"},
        ],
        "domains": [], "keys": [], "secrets": [], "groups": [], "stores": [],
        "workloads": [{
            "id": "shop", "rpo": "1m", "rto": "10m", "home": "ie", "account": "prod",
            "standby": [{"region": "fr", "account": "spare"}], "runbooks": {"failover": "go"},
            "asset": [{"id": "db", "layer": "database", "replica": [], "copy": []}],
        }],
        "runbooks": [{"id": "go", "title": "Go", "kind": "failover", "relies_on": [],
            "step": [{"id": "act", "kind": "command", "takes": 60}]}],
    });
    let mut small = Small { estate, seen: Observations::default() };
    for region in ["ie", "fr", "us"] {
        let key = ProbeKey::RegionHealth { region: region.into(), index: 0 };
        small.put(key, reading(None, None), 0);
    }
    small
}

impl Small {
    fn put(&mut self, key: ProbeKey, reading: ProbeReading, seen: i64) {
        self.seen.probes.insert(key, Arc::new(Observed::of(reading, at(seen), POLL)));
    }
    /// Sets what stands at a JSON pointer; `-` adds to a list.
    pub fn set(mut self, pointer: &str, value: Value) -> Self {
        let (parent, last) = pointer.rsplit_once('/').expect("a pointer");
        let parent = self.estate.pointer_mut(parent).unwrap_or_else(|| panic!("nothing at {pointer}"));
        match parent {
            Value::Array(list) if last == "-" => list.push(value),
            Value::Array(list) => list[last.parse::<usize>().expect("a place")] = value,
            parent => parent[last] = value,
        }
        self
    }
    /// Of the shop.
    pub fn shop(self, key: &str, value: Value) -> Self {
        self.set(&format!("/workloads/0/{key}"), value)
    }
    /// Of its database.
    pub fn db(self, key: &str, value: Value) -> Self {
        self.set(&format!("/workloads/0/asset/0/{key}"), value)
    }
    pub fn store(self, id: &str, region: &str, account: &str) -> Self {
        self.set("/stores/-", json!({"id": id, "url": "s3://x", "region": region, "account": account}))
    }
    /// Of the store that was added last.
    pub fn with(self, key: &str, value: Value) -> Self {
        let last = self.estate["stores"].as_array().map_or(0, |s| s.len() - 1);
        self.set(&format!("/stores/{last}/{key}"), value)
    }
    /// Another asset of the shop, without copies.
    pub fn asset(self, id: &str) -> Self {
        self.set("/workloads/0/asset/-", json!({"id": id, "layer": "database", "replica": [], "copy": []}))
    }
    /// A replica of the database, so many seconds behind as of now.
    pub fn replica(self, region: &str, lag: f64) -> Self {
        self.replica_of(0, json!({"region": region, "lag": probe()}), Some((lag, Some(0), 0)))
    }
    /// `seen`: the lag, what instant it is about, when it was seen.
    pub fn replica_of(mut self, asset: usize, replica: Value, seen: Option<(f64, Option<i64>, i64)>) -> Self {
        let list = format!("/workloads/0/asset/{asset}/replica");
        let index = self.estate.pointer(&list).and_then(Value::as_array).map_or(0, Vec::len);
        let id = self.asset_id(asset);
        self = self.set(&format!("{list}/-"), replica);
        if let Some((lag, as_of, when)) = seen {
            let key = ProbeKey::Lag(LinkKey { workload: "shop".into(), asset: id, index });
            self.put(key, reading(Some(lag), as_of), when);
        }
        self
    }
    fn asset_id(&self, asset: usize) -> AssetId {
        self.estate["workloads"][0]["asset"][asset]["id"].as_str().expect("an id").into()
    }
    /// A copy of the database with usable points so many seconds old.
    pub fn copy(self, store: &str, ages: &[i64]) -> Self {
        let points: Vec<_> = ages.iter().map(|age| (*age, PointState::Usable)).collect();
        self.copy_of(0, json!({"store": store, "format": "dump"}), summary(&points))
    }
    pub fn copy_of(mut self, asset: usize, copy: Value, summary: CopySummary) -> Self {
        let list = format!("/workloads/0/asset/{asset}/copy");
        let index = self.estate.pointer(&list).and_then(Value::as_array).map_or(0, Vec::len);
        let key = CopyKey { workload: "shop".into(), asset: self.asset_id(asset), index };
        self = self.set(&format!("{list}/-"), copy);
        let seen = Observed::of(summary.into(), at(0), Dur::secs(60));
        self.seen.copies.insert(key, Arc::new(seen));
        self
    }
    /// Declared, and never looked at.
    pub fn unseen_copy(self, store: &str) -> Self {
        self.db("copy/-", json!({"store": store, "format": "dump"}))
    }
    pub fn wrote(mut self, ago: i64) -> Self {
        self = self.db("write_probe", probe());
        let key = ProbeKey::WriteProbe { workload: "shop".into(), asset: "db".into() };
        self.put(key, reading(Some(at(-ago).timestamp() as f64), None), 0);
        self
    }
    pub fn serves_from(mut self, text: &str) -> Self {
        self = self.shop("active_when", probe());
        let mut reading = reading(None, None);
        reading.text = Some(text.into());
        self.put(ProbeKey::ActiveWhen { workload: "shop".into() }, reading, 0);
        self
    }
    pub fn room(mut self, have: Option<f64>, need: Value) -> Self {
        self = self.set("/workloads/0/standby/0/capacity", json!({"probe": probe(), "need": need}));
        if let Some(have) = have {
            self.put(ProbeKey::Capacity { workload: "shop".into(), index: 0 }, reading(Some(have), None), 0);
        }
        self
    }
    pub fn down(mut self, region: &str) -> Self {
        let key = ProbeKey::RegionHealth { region: region.into(), index: 0 };
        let observed = Arc::make_mut(self.seen.probes.get_mut(&key).expect("the region"));
        for _ in 0..2 {
            observed.fail(Problem::new(Code::PROBE_REFUSED, "x"), at(0));
        }
        self
    }
    pub fn unseen(mut self, region: &str) -> Self {
        self.seen.probes.remove(&ProbeKey::RegionHealth { region: region.into(), index: 0 });
        self
    }
    pub fn locked(mut self, store: &str, mode: LockMode, retention: i64, seen: i64) -> Self {
        let lock = ObjectLock { mode, retention: Some(Dur::secs(retention)) };
        let object_lock = Fact::new(Answer::Set(lock), "asked");
        let posture = Posture { object_lock, ..Posture::default() };
        self.seen.postures.insert(store.into(), Arc::new(Observed::of(posture, at(seen), POLL)));
        self
    }
    pub fn posture(mut self, store: &str, posture: Posture) -> Self {
        self.seen.postures.insert(store.into(), Arc::new(Observed::of(posture, at(0), POLL)));
        self
    }
    pub fn learn(mut self, learn: impl FnOnce(&mut Learned)) -> Self {
        learn(Arc::make_mut(&mut self.seen.learned));
        self
    }
    /// Another workload, like the shop without assets.
    pub fn workload(self, id: &str, more: Value) -> Self {
        let mut w = json!({
            "id": id, "home": "ie", "standby": [{"region": "fr", "account": "spare"}],
            "runbooks": {"failover": "go"}, "account": "prod", "rto": "10m",
        });
        for (key, value) in more.as_object().expect("a table") {
            w[key] = value.clone();
        }
        self.set("/workloads/-", w)
    }

    pub fn estate(&self) -> Estate {
        serde_json::from_value(self.estate.clone()).expect("the estate of a case")
    }
    pub fn assess(&self, scenario: &Scenario) -> Assessment {
        super::super::assess(&self.estate(), &self.seen, at(0), scenario)
    }
    pub fn view(&self, workload: &str, scenario: &Scenario) -> WorkloadView {
        let assessment = self.assess(scenario);
        *assessment.workloads.into_iter().find(|w| w.id == *workload).expect("the workload")
    }
}

/// As a reader would have summed it up; ages in seconds.
pub(super) fn summary(points: &[(i64, PointState)]) -> CopySummary {
    let point = |(n, (age, state)): (usize, &(i64, PointState))| Point {
        id: format!("p{n}"),
        kind: PointKind::Full,
        started_at: None,
        completed_at: Some(at(-age)),
        size_bytes: Some(1_000),
        packed: None,
        state: *state,
        reason: String::new(),
        depends_on: Vec::new(),
    };
    let points = points.iter().enumerate().map(point).collect();
    CopyReport { points, ..CopyReport::default() }.summary()
}

/// A window from and to so many seconds ago, beginning with a point.
pub(super) fn window(from: i64, to: i64) -> CopySummary {
    let base = Point {
        id: "base".into(),
        kind: PointKind::Full,
        started_at: Some(at(-from - 50)),
        completed_at: Some(at(-from)),
        size_bytes: Some(1_000),
        packed: None,
        state: PointState::Usable,
        reason: String::new(),
        depends_on: Vec::new(),
    };
    let windows = vec![Window { from: at(-from), to: at(-to) }];
    CopyReport { points: vec![base], windows, ..CopyReport::default() }.summary()
}

/// `SELECTOR[=MODE] …`, and from how many seconds ago the data is bad.
pub(super) fn scenario(text: &str, clean_before: Option<i64>) -> Scenario {
    let scenario: Scenario = text.parse().expect("a scenario");
    Scenario { clean_before: clean_before.map(|ago| at(-ago)), ..scenario }
}
