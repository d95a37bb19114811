//! A well-kept estate breaks no rule; then one thing at a time is not as it
//! should be, and the rule about it says so, and where.

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::assess::assess;

const EVERY: Dur = Dur::secs(60);
const DAY: i64 = 86_400;

fn now() -> Time {
    Time::UNIX_EPOCH + Dur::secs(20_000 * DAY)
}
fn ago(seconds: i64) -> Time {
    now() - Dur::secs(seconds)
}

fn well_kept() -> Value {
    let probe = |to: &str| json!({"kind": "http", "target": to});
    let retention = json!({"min": "7d", "max": "60d", "legal_hold": false});
    let copy = |store: &str| json!({"store": store, "format": "dump", "schedule": "1h", "key": "k", "retention": retention});
    let store = |id: &str, url: &str, region: &str, account: &str| {
        json!({
            "id": id, "url": url, "region": region, "account": account, "key": "k",
            "deletable_by": ["keeper"], "managed_by": "terraform:b",
        })
    };
    let region = |id: &str, provider: &str| json!({"id": id, "provider": provider, "jurisdiction": ["EU"], "health": [probe(id)]});
    json!({
        "name": "Test",
        "defaults": {"poll": 60, "refresh": 3600, "timeout": 1, "detect": 20, "decide": 60},
        "regions": [region("ie", "aws"), region("fr", "aws"), region("de", "google")],
        "accounts": [{"id": "prod"}, {"id": "keeper"}],
        "keys": [{"id": "k", "from": {"env": "K"}, "kept_in": ["region:ie", "region:fr"], "probe": probe("k")}],
        "stores": [
            store("paris", "s3://b", "fr", "keeper"), store("berlin", "gs://b", "de", "keeper"),
            store("one", "s3://1", "ie", "keeper"), store("two", "s3://2", "fr", "keeper"),
            store("three", "s3://3", "de", "keeper"),
        ],
        "vault": {"stores": ["one", "two", "three"]},
        "workloads": [{
            "id": "w", "tier": 1, "account": "prod", "owner": "Ann", "contacts": ["ann@example.org"],
            "reviewed": ago(30 * DAY).date_naive().to_string(), "residency": ["EU"],
            "rpo": "60s", "rto": "5m", "home": "ie", "standby": [{"region": "fr", "account": "prod"}],
            "health": [{"region": "ie", "probe": probe("w-ie")}], "runbooks": {"failover": "go"},
            "asset": [{
                "id": "db", "layer": "database", "write_probe": probe("w"),
                "replica": [{"region": "fr", "account": "prod", "lag": probe("lag")}],
                "copy": [copy("paris"), copy("berlin")],
            }],
        }],
        "runbooks": [{"id": "go", "title": "Go", "kind": "failover", "workloads": ["w"], "relies_on": ["region:fr"],
            "step": [{"id": "fence", "kind": "http", "takes": "10s"}]}],
    })
}

/// All that a test may turn.
struct World {
    estate: Value,
    seen: Observations,
}

fn key(index: usize) -> CopyKey {
    CopyKey { workload: "w".into(), asset: "db".into(), index }
}

fn posture() -> Posture {
    fn set<T>(value: T) -> Fact<T> {
        Fact::new(Answer::Set(value), "asked")
    }
    let lock = ObjectLock { mode: LockMode::Compliance, retention: Some(Dur::secs(30 * DAY)) };
    let seal = Seal {
        key: "k".to_owned(),
        mode: Some(LockMode::Compliance),
        until: Some(now() + Dur::secs(30 * DAY)),
        ..Seal::default()
    };
    Posture {
        versioning: set(()),
        object_lock: set(lock),
        encryption: set("AES256".to_owned()),
        public: Fact::new(Answer::NotSet, "asked"),
        access_log: set("elsewhere".to_owned()),
        newest: set(seal),
        ..Posture::default()
    }
}

impl World {
    fn new() -> Self {
        let mut world = Self { estate: well_kept(), seen: Observations::default() };
        let reading = |value: Option<f64>, as_of: Option<Time>| ProbeReading {
            holds: true,
            value,
            text: None,
            as_of,
            latency_ms: 0,
            detail: "200 OK".to_owned(),
        };
        for id in ["ie", "fr", "de"] {
            world.put(ProbeKey::RegionHealth { region: id.into(), index: 0 }, reading(None, None));
        }
        world.put(ProbeKey::WorkloadHealth { workload: "w".into(), index: 0 }, reading(None, None));
        let lag = LinkKey { workload: "w".into(), asset: "db".into(), index: 0 };
        world.put(ProbeKey::Lag(lag), reading(Some(1.0), Some(now())));
        let wrote = ProbeKey::WriteProbe { workload: "w".into(), asset: "db".into() };
        world.put(wrote, reading(Some(now().timestamp() as f64), None));
        for index in 0..2 {
            world.copied(index, 600, |_| {});
            let proof = Proof {
                point: "p".to_owned(),
                instant: ago(DAY),
                checks: vec!["counted".to_owned()],
                region: None,
                identity: None,
                at: ago(DAY),
                expires: None,
            };
            Arc::make_mut(&mut world.seen.learned).proofs.insert(key(index), vec![proof]);
        }
        Arc::make_mut(&mut world.seen.learned).drilled.insert("w".into(), ago(30 * DAY));
        for store in ["paris", "berlin"] {
            world.set(store, |_| {});
        }
        world
    }
    fn put(&mut self, key: ProbeKey, reading: ProbeReading) {
        self.seen.probes.insert(key, Arc::new(Observed::of(reading, now(), EVERY)));
    }
    fn copied(&mut self, index: usize, age: i64, change: impl FnOnce(&mut CopySummary)) {
        let point = Some(PointRef { id: "p".to_owned(), at: ago(age), size_bytes: Some(1) });
        let kept = Kept {
            id: "p".to_owned(),
            at: ago(age),
            base: ago(age),
            state: PointState::Usable,
            size_bytes: Some(1),
        };
        let mut summary = CopySummary {
            points: 1,
            last_good: point.clone(),
            newest: point,
            kept: vec![kept],
            ..CopySummary::default()
        };
        change(&mut summary);
        self.seen.copies.insert(key(index), Arc::new(Observed::of(summary.into(), now(), EVERY)));
    }
    fn set(&mut self, store: &str, change: impl FnOnce(&mut Posture)) {
        let mut posture = posture();
        change(&mut posture);
        self.seen.postures.insert(store.into(), Arc::new(Observed::of(posture, now(), EVERY)));
    }
    fn findings(&self, rules: Value) -> Vec<Finding> {
        let estate: Estate = serde_json::from_value(self.estate.clone()).expect("an estate");
        let pack = json!({"id": "t", "title": "T", "source": "S", "rule": rules});
        let pack: Pack = serde_json::from_value(pack).expect("a pack");
        let assessment = assess(&estate, &self.seen, now(), &Scenario::default());
        check(&Look::new(&estate, &self.seen, now(), &assessment.workloads), &[pack])
    }
}

/// Every check as a rule of its own name.
fn all_rules() -> Value {
    let checks = "objectives-declared rpo-met design-rpo rto-met home-loss-survived owned reviewed \
        dependencies-declared failover-runbook drilled residency protected second-region second-account \
        second-provider copies media offline-or-immutable restore-verified scheduled schedule-met no-errors success-rate \
        frequency retention-max legal-hold key-outside-home newest-locked encrypted-at-rest \
        encrypted-in-transit versioned-or-immutable immutable deletable-by-others not-public access-logged \
        location-as-declared managed no-orphans secrets-watched vault-spread";
    let rule = |name: &str| json!({"id": name, "check": name});
    let mut rules: Vec<_> = checks.split_whitespace().map(rule).collect();
    rules.push(json!({"id": "retention-min", "check": "retention-min", "within": "7d"}));
    // An hour of dumps is more than a minute of loss, at best.
    rules.retain(|r| r["id"] != "design-rpo");
    Value::Array(rules)
}

#[test]
fn a_well_kept_estate_breaks_no_rule() {
    let found = World::new().findings(all_rules());
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn a_rate_of_success_is_held_against_the_rule_once_there_are_enough_backups() {
    for (good, all, broken) in [(29, 30, false), (28, 30, true), (0, 4, false), (4, 5, true), (0, 0, false)] {
        let mut world = World::new();
        success(&mut world, good, all);
        let found = world.findings(json!([{"id": "r", "check": "success-rate", "count": 95}]));
        assert_eq!(found.len(), usize::from(broken), "{good} of {all}: {found:#?}");
        if let Some(one) = found.first() {
            assert_eq!(one.expected.as_deref(), Some("at least 95 % of 30 days"));
        }
    }
}

type Turn = fn(&mut World);
/// The check, what is turned, who is blamed, what is said, how bad.
type Row = (&'static str, Turn, &'static str, &'static str, State);

const W: &str = "w";
const DB: &str = "w/db";
const COPY: &str = "w/db@paris";
const STORE: &str = "store:paris";
use State::{Unknown, Warning};

fn workload(world: &mut World) -> &mut Value {
    &mut world.estate["workloads"][0]
}
fn first_copy(world: &mut World) -> &mut Value {
    &mut world.estate["workloads"][0]["asset"][0]["copy"][0]
}
fn only_one_copy(world: &mut World) {
    world.estate["workloads"][0]["asset"][0]["copy"].as_array_mut().expect("copies").truncate(1);
}
fn success(world: &mut World, good: u32, all: u32) {
    let trend = CopyTrend { success: Rate { good, all }, ..CopyTrend::default() };
    Arc::make_mut(&mut world.seen.learned).copies.insert(key(0), trend);
}
fn paris(world: &mut World) -> &mut Value {
    &mut world.estate["stores"][0]
}

#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("objectives-declared", |w| workload(w)["rto"] = Value::Null, W, "no RTO is declared", Warning),
    ("rpo-met", |w| workload(w)["rpo"] = json!("100ms"), W, "would be lost now", Warning),
    ("rto-met", |w| w.estate["runbooks"][0]["step"][0]["takes"] = Value::Null, W,
        "the step fence of go does not say how long it takes", Warning),
    ("rto-met", |w| { workload(w)["runbooks"] = json!({}); w.estate["runbooks"] = json!([]); },
        W, "no runbook says how it is brought back", Warning),
    ("rpo-met", |w| { let db = &mut workload(w)["asset"][0]; db["copy"] = json!([]); db["replica"] = json!([]); },
        W, "lost of db now: no copy and no replica of db survives the loss of its home", Warning),
    ("rto-met", |w| workload(w)["rto"] = json!("30s"), W, "its recovery takes about", Warning),
    ("success-rate", |w| success(w, 28, 30), COPY, "of its last 30 backups 2 cannot be used", Warning),
    ("home-loss-survived", |w| workload(w)["rto"] = json!("30s"), W, "comes back only in breach of what was asked: recovery would take", Warning),
    ("owned", |w| workload(w)["contacts"] = json!([]), W, "nobody is named who can be reached", Warning),
    ("reviewed", |w| workload(w)["reviewed"] = json!("2020-01-01"), W, "last reviewed on 2020-01-01", Warning),
    ("reviewed", |w| workload(w)["reviewed"] = Value::Null, W, "never reviewed", Warning),
    ("dependencies-declared", |w| w.estate["runbooks"][0]["relies_on"] = json!([]), W, "it is assumed that the runbook go", Warning),
    ("failover-runbook", |w| { workload(w)["runbooks"] = json!({}); w.estate["runbooks"] = json!([]); },
        W, "no runbook says how it is failed over", Warning),
    ("drilled", |w| Arc::make_mut(&mut w.seen.learned).drilled.clear(), W, "no drill of it is on record", Warning),
    ("residency", |w| w.estate["regions"][1]["jurisdiction"] = json!(["US"]), COPY, "outside its residency", Warning),
    ("residency", |w| w.estate["regions"][1]["jurisdiction"] = json!([]), COPY, "outside its residency", Warning),
    ("second-region", |w| { only_one_copy(w); paris(w)["region"] = json!("ie"); }, DB, "outside ie", Warning),
    ("second-account", |w| { only_one_copy(w); paris(w)["account"] = json!("prod"); }, DB, "takes over its account", Warning),
    ("second-provider", only_one_copy, DB, "another provider", Warning),
    ("copies", |w| { only_one_copy(w); workload(w)["asset"][0]["replica"] = json!([]); }, DB, "there are 2 of it", Warning),
    ("restore-verified", |w| Arc::make_mut(&mut w.seen.learned).proofs.clear(), DB, "no restore of it is on record", Warning),
    ("protected", |w| { let db = &mut workload(w)["asset"][0]; db["copy"] = json!([]); db["replica"] = json!([]); },
        DB, "no copy, no replica", Warning),
    ("media", |w| w.estate["workloads"][0]["asset"][0]["copy"] = json!([]), DB, "one kind of storage", Warning),
    ("offline-or-immutable", |w| { only_one_copy(w); w.set("paris", |p| p.object_lock = Fact::new(Answer::NotSet, "asked")); },
        DB, "offline or locked", Warning),
    ("scheduled", |w| first_copy(w)["schedule"] = Value::Null, COPY, "how often it is made", Warning),
    ("schedule-met", |w| w.copied(0, 20 * 3_600, |_| {}), COPY, "its newest good point is", Warning),
    ("no-errors", |w| w.copied(0, 600, |s| s.newest_trouble = Some((PointState::Failed, "cut".to_owned()))),
        COPY, "its newest point is failed: cut", Warning),
    ("frequency", |w| first_copy(w)["schedule"] = json!("3d"), COPY, "made every 3d", Warning),
    ("retention-min", |w| first_copy(w)["retention"]["min"] = json!("1d"), COPY, "kept for 1d", Warning),
    ("retention-min", |w| first_copy(w)["retention"] = Value::Null, COPY, "how long it is kept at least", Warning),
    ("retention-max", |w| w.copied(0, 62 * DAY, |_| {}), COPY, "should have been deleted", Warning),
    ("legal-hold", |w| { first_copy(w)["retention"]["legal_hold"] = json!(true);
        w.set("paris", |p| { p.object_lock = Fact::new(Answer::NotSet, "asked"); p.newest = Fact::default(); }); },
        COPY, "nothing in its store keeps it", Warning),
    ("key-outside-home", |w| w.estate["keys"][0]["kept_in"] = json!(["region:ie"]), COPY, "kept only in ie", Warning),
    ("newest-locked", |w| w.set("paris", |p| p.newest = Fact::new(Answer::NotSet, "asked")), COPY, "is not locked", Warning),
    ("encrypted-at-rest", |w| { first_copy(w)["key"] = Value::Null;
        w.set("paris", |p| p.encryption = Fact::new(Answer::NotSet, "asked")); }, STORE, "not encrypted at rest", Warning),
    ("encrypted-in-transit", |w| paris(w)["endpoint"] = json!("http://store.example"), STORE, "in clear", Warning),
    ("versioned-or-immutable", |w| w.set("paris", |p| { p.object_lock = Fact::new(Answer::NotSet, "asked");
        p.versioning = Fact::new(Answer::NotSet, "asked"); }), STORE, "overwritten or deleted", Warning),
    ("immutable", |w| w.set("paris", |p| p.object_lock =
        Fact::new(Answer::Set(ObjectLock { mode: LockMode::Governance, retention: None }), "asked")),
        STORE, "can be lifted", Warning),
    ("deletable-by-others", |w| paris(w)["deletable_by"] = json!(["prod"]), STORE, "prod may delete in it", Warning),
    ("not-public", |w| w.set("paris", |p| p.public = Fact::new(Answer::Set("a policy".to_owned()), "asked")),
        STORE, "anyone may read it: a policy", Warning),
    ("access-logged", |w| w.set("paris", |p| p.access_log = Fact::new(Answer::NotSet, "asked")), STORE, "nobody logs", Warning),
    ("location-as-declared", |w| w.set("paris", |p| p.location = Fact::new(Answer::Set("us-east-1".to_owned()), "asked")),
        STORE, "lies in us-east-1", Warning),
    ("managed", |w| paris(w)["managed_by"] = Value::Null, STORE, "which code makes it", Warning),
    ("no-orphans", |w| w.estate["vault"] = Value::Null, "store:one", "no workload keeps a copy in it", Warning),
    ("secrets-watched", |w| w.estate["keys"][0]["probe"] = Value::Null, "secret:k", "nothing tries", Warning),
    ("vault-spread", |w| w.estate["vault"]["stores"] = json!(["one"]), "vault", "too few stores", Warning),
];

#[test]
fn each_rule_names_what_breaks_it() {
    for (check, turn, subject, said, severity) in ROWS {
        let mut world = World::new();
        turn(&mut world);
        let found = world.findings(json!([{"id": check, "check": check}]));
        let first = found.iter().find(|f| f.subject == *subject);
        let first = first.unwrap_or_else(|| panic!("{check} blames no {subject}: {found:#?}"));
        assert!(first.message.contains(said), "{check}: {}", first.message);
        assert_eq!(
            (first.severity, first.rule.as_str()),
            (*severity, format!("t/{check}").as_str()),
            "{check}"
        );
    }
}

#[test]
fn every_check_has_a_row() {
    let tested: std::collections::BTreeSet<_> = ROWS.iter().map(|r| r.0).collect();
    let rules = all_rules();
    let names = rules.as_array().expect("rules").iter().filter_map(|r| r["id"].as_str());
    let untested: Vec<_> = names.filter(|name| !tested.contains(name)).collect();
    assert!(untested.is_empty(), "{untested:?}");
}

#[test]
fn what_cannot_be_seen_is_unknown_and_never_passes() {
    for check in ["not-public", "access-logged", "versioned-or-immutable", "immutable", "newest-locked"] {
        let mut world = World::new();
        world.seen.postures.clear();
        let found = world.findings(json!([{"id": check, "check": check, "severity": "critical"}]));
        assert!(!found.is_empty() && found.iter().all(|f| f.severity == Unknown), "{check}: {found:#?}");
    }
}

#[test]
fn rules_bind_only_the_tiers_and_layers_that_they_name() {
    let mut world = World::new();
    Arc::make_mut(&mut world.seen.learned).proofs.clear();
    let rule = |more: Value| {
        let mut rule = json!({"id": "r", "check": "restore-verified"});
        rule.as_object_mut().expect("a rule").extend(more.as_object().expect("keys").clone());
        json!([rule])
    };
    let count = |more| world.findings(rule(more)).len();
    assert_eq!(count(json!({})), 1);
    assert_eq!(count(json!({"tier": 1})), 1);
    assert_eq!(count(json!({"tier": 0})), 0);
    assert_eq!(count(json!({"layers": ["database"]})), 1);
    assert_eq!(count(json!({"layers": ["media"]})), 0);
}

#[test]
fn an_override_holds_until_its_end_and_says_when_it_is_no_longer_needed() {
    let mut world = World::new();
    workload(&mut world)["contacts"] = json!([]);
    let over = |rule: &str, subject: &str, until: Option<Time>| PolicyOverride {
        rule: rule.to_owned(),
        subject: subject.to_owned(),
        reason: "agreed with the auditor".to_owned(),
        until,
    };
    let settled = |over: PolicyOverride| {
        let found = world.findings(json!([{"id": "owned", "check": "owned"}]));
        let (open, accepted) = settle(&[over], found, now());
        let rules: Vec<_> = open.into_iter().map(|f| f.rule).collect();
        (rules, accepted.len())
    };
    let owned = || "t/owned".to_owned();
    assert_eq!(settled(over("t/owned", "w", None)), (vec![], 1));
    assert_eq!(settled(over("owned", "w", Some(now() + Dur::secs(1)))), (vec![], 1));
    assert_eq!(settled(over("owned", "*", None)), (vec![], 1));
    assert_eq!(settled(over("owned", "w", Some(now()))), (vec![owned(), "override-expired".to_owned()], 0));
    assert_eq!(settled(over("owned", "x", None)), (vec![owned(), "override-unused".to_owned()], 0));
    assert_eq!(settled(over("other/owned", "w", None)), (vec![owned(), "override-unused".to_owned()], 0));
}
