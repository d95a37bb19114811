//! A world that is well and what happens to it; cases, laws and a second judge
//! stand beside.

mod brute;
mod cases;
mod cover;
mod estates;
mod laws;
mod small;

use proptest::prelude::*;
use serde_json::json;
use std::sync::Arc;

use super::*;

/// One workload, home `ie`, standby `fr`, a replica there and a copy in `us`.
#[derive(Debug, Clone)]
struct World {
    estate: Estate,
    seen: Observations,
    now: Time,
}

fn t(seconds: i64) -> Time {
    Time::UNIX_EPOCH + Dur::secs(1_000_000 + seconds)
}

const EVERY: Dur = Dur::secs(10);

fn estate() -> Estate {
    let probe = |to: &str| json!({"kind": "http", "target": to});
    let asset = json!({
        "id": "db", "layer": "database", "write_probe": probe("w"),
        "replica": [{"region": "fr", "lag": probe("lag")}],
        "copy": [{"store": "vault", "format": "dump", "schedule": "1h"}],
    });
    let steps = json!([
        {"id": "fence", "kind": "http", "takes": "10s"},
        {"id": "promote", "kind": "http", "takes": "20s"},
        {"id": "tell", "kind": "http", "takes": "25s", "needs": ["fence"]},
    ]);
    serde_json::from_value(json!({
        "name": "Test",
        "defaults": {"poll": 10, "refresh": 60, "timeout": 1, "detect": 20, "decide": 60},
        "regions": [
            {"id": "ie", "jurisdiction": ["EU"], "health": [probe("ie")]},
            {"id": "fr", "jurisdiction": ["EU"], "health": [probe("fr")]},
            {"id": "us", "jurisdiction": ["US"], "health": [probe("us")]},
        ],
        "stores": [{"id": "vault", "url": "file:///x", "region": "us"}],
        "workloads": [{
            "id": "w", "rpo": "60s", "rto": "5m", "home": "ie", "standby": [{"region": "fr"}],
            "health": [{"region": "ie", "probe": probe("w-ie")}],
            "runbooks": {"failover": "go"}, "asset": [asset],
        }],
        "runbooks": [{"id": "go", "title": "Go", "kind": "failover", "step": steps}],
    }))
    .expect("the sample estate")
}

fn reading() -> ProbeReading {
    ProbeReading {
        holds: true,
        value: None,
        text: None,
        as_of: None,
        latency_ms: 0,
        detail: "200 OK".to_owned(),
    }
}

fn lag_key() -> ProbeKey {
    ProbeKey::Lag(LinkKey { workload: "w".into(), asset: "db".into(), index: 0 })
}
fn copy_key() -> CopyKey {
    CopyKey { workload: "w".into(), asset: "db".into(), index: 0 }
}
fn region_key(id: &str) -> ProbeKey {
    ProbeKey::RegionHealth { region: id.into(), index: 0 }
}
fn health_key() -> ProbeKey {
    ProbeKey::WorkloadHealth { workload: "w".into(), index: 0 }
}

impl World {
    /// All is well: last write 1 s ago, the replica 5 s behind, a dump 10 min old.
    fn well() -> Self {
        let mut world = Self { estate: estate(), seen: Observations::default(), now: t(0) };
        for id in ["ie", "fr", "us"] {
            world.put(region_key(id), reading(), 0);
        }
        world.put(health_key(), reading(), 0);
        world.lag(5.0, Some(0), 0);
        world.wrote(-1, 0);
        world.copied(-600, 0);
        world
    }
    fn put(&mut self, key: ProbeKey, reading: ProbeReading, at: i64) {
        self.seen.probes.insert(key, Arc::new(Observed::of(reading, t(at), EVERY)));
    }
    fn lag(&mut self, lag: f64, as_of: Option<i64>, at: i64) {
        self.put(lag_key(), ProbeReading { value: Some(lag), as_of: as_of.map(t), ..reading() }, at);
    }
    fn wrote(&mut self, when: i64, at: i64) {
        let value = Some(t(when).timestamp() as f64);
        let key = ProbeKey::WriteProbe { workload: "w".into(), asset: "db".into() };
        self.put(key, ProbeReading { value, ..reading() }, at);
    }
    fn copied(&mut self, when: i64, at: i64) {
        let point = Some(PointRef { id: "p".to_owned(), at: t(when), size_bytes: Some(1) });
        let summary =
            CopySummary { points: 1, last_good: point.clone(), newest: point, ..CopySummary::default() };
        self.seen.copies.insert(copy_key(), Arc::new(Observed::of(summary.into(), t(at), Dur::secs(60))));
    }
    fn fail(&mut self, key: &ProbeKey, times: u32, from: i64) {
        let observed = Arc::make_mut(self.seen.probes.get_mut(key).expect("the probe"));
        for n in 0..times {
            observed.fail(Problem::new(Code::PROBE_REFUSED, "x"), t(from) + EVERY.times(i64::from(n)));
        }
    }
    fn assess(&self, scenario: &Scenario) -> (Assessment, WorkloadView) {
        let assessment = assess(&self.estate, &self.seen, self.now, scenario);
        let view = (*assessment.workloads[0]).clone();
        (assessment, view)
    }
    fn at_home(&self) -> Arc<Judged> {
        self.assess(&Scenario::default()).1.if_home_lost
    }
    fn without(&self, regions: &[&str]) -> Arc<Judged> {
        self.assess(&Scenario::gone(regions)).1.verdict.expect("a scenario was given")
    }
}

fn loss(lower: i64, upper: i64) -> Loss {
    Loss { lower: Dur::secs(lower), upper: Some(Dur::secs(upper)) }
}

#[test]
fn a_healthy_workload_recovers_into_its_standby_from_the_replica() {
    let judged = World::well().at_home();
    assert_eq!((judged.verdict, judged.to.clone()), (Verdict::Recoverable, Some("fr".into())));
    // Received through -5 s as of now; the last write seen is of -1 s.
    assert_eq!(judged.loss, loss(4, 5));
    // 20 to detect, 60 to decide, 10 + 25 on the longest way.
    assert_eq!((judged.rto, judged.rto_basis), (Some(Dur::secs(115)), RtoBasis::Declared));
    assert_eq!(judged.using[0].replica, Some("fr".into()));
    let (assessment, view) = World::well().assess(&Scenario::default());
    assert_eq!((assessment.worst, view.reasons), (State::Ok, vec![]));
    assert_eq!(view.rpo.ratio, Some(5.0 / 60.0));
}

#[test]
fn each_loss_gets_its_verdict() {
    let well = World::well();
    let table: [(&[&str], Verdict); 5] = [
        (&["us"], Verdict::Unaffected),
        (&["fr"], Verdict::Exposed),
        (&["ie"], Verdict::Recoverable),
        (&["ie", "fr"], Verdict::Lost),
        (&["ie", "us"], Verdict::Recoverable),
    ];
    for (regions, verdict) in table {
        assert_eq!(well.without(regions).verdict, verdict, "{regions:?}");
    }
}

#[test]
fn many_scenarios_at_once_say_what_each_says_alone() {
    let well = World::well();
    let each: Vec<_> = [&["ie"][..], &["fr"], &["us"], &["ie", "fr"]].map(Scenario::gone).into();
    for (scenario, all) in
        each.iter().zip(Assessor::new(Arc::new(well.estate.clone())).judge_all(&well.seen, well.now, &each))
    {
        assert_eq!(all.first(), well.assess(scenario).1.verdict.as_ref(), "{scenario}");
    }
}

#[test]
fn without_the_replica_the_dump_breaches_the_rpo() {
    let mut world = World::well();
    world.estate.workloads[0].assets[0].replicas.clear();
    let judged = world.at_home();
    assert_eq!((judged.verdict, judged.loss.upper), (Verdict::Breach, Some(Dur::secs(600))));
    let (_, view) = world.assess(&Scenario::default());
    assert_eq!(view.state, State::Critical);
    assert_eq!(view.reasons[0].to_string(), "up to 10m of writes would be lost now, over its RPO of 1m");
    world.seen.copies.clear();
    assert_eq!(world.at_home().verdict, Verdict::Unknown, "a copy never seen is unknown, not lost");
    world.estate.workloads[0].assets[0].copies.clear();
    assert_eq!(world.at_home().verdict, Verdict::Lost);
}

#[test]
fn a_frozen_lag_figure_is_caught_and_the_interval_widens() {
    let mut world = World::well();
    world.now = t(40);
    world.lag(5.0, Some(0), 40);
    world.wrote(39, 40);
    for id in ["ie", "fr", "us"] {
        world.put(region_key(id), reading(), 40);
    }
    world.put(health_key(), reading(), 40);
    world.copied(-600, 40);
    let (_, view) = world.assess(&Scenario::default());
    assert_eq!(view.if_home_lost.loss, loss(0, 45), "nothing is promised below, all is possible above");
    assert_eq!(view.state, State::Warning);
    assert!(view.reasons.iter().any(|r| matches!(r, Reason::LagFrozen { .. })), "{:?}", view.reasons);
}

#[test]
fn what_the_failover_promotes_is_what_is_lost_from() {
    let mut world = World::well();
    // A dump newer than what the replica has received.
    world.copied(-1, 0);
    assert_eq!(world.at_home().using[0].copy, Some("vault".into()));
    world.estate.runbooks[0].steps[1].promotes = Some("w/db".to_owned());
    let judged = world.at_home();
    assert_eq!((judged.using[0].replica.clone(), judged.loss.upper), (Some("fr".into()), Some(Dur::secs(5))));
    world.seen.probes.remove(&lag_key());
    assert_eq!(world.at_home().verdict, Verdict::Unknown, "it will be promoted, however far behind it is");
}

#[test]
fn an_undated_lag_promises_no_lower_bound() {
    let mut world = World::well();
    world.lag(5.0, None, 0);
    assert_eq!(world.at_home().loss, loss(0, 5));
    let (_, view) = world.assess(&Scenario::default());
    assert!(view.reasons.iter().any(|r| matches!(r, Reason::LagUndated { .. })));
}

#[test]
fn loss_stops_growing_when_the_dead_home_is_declared() {
    let mut world = World::well();
    world.fail(&health_key(), 3, 2);
    world.fail(&region_key("ie"), 3, 2);
    world.now = t(60);
    world.lag(55.0, Some(59), 60);
    world.put(region_key("fr"), reading(), 60);
    let declared = Scenario { impact_began: Some(t(2)), ..Scenario::gone(["ie"]) };
    let (_, view) = world.assess(&declared);
    let judged = view.verdict.expect("a scenario was given");
    // Last write seen at -1 s, impact began at 2 s; received through 4 s as of 59 s.
    assert_eq!(judged.loss, loss(0, 0));
    assert_eq!(judged.verdict, Verdict::Recoverable);
    assert_eq!(view.state, State::Critical);
    assert!(view.reasons[0].to_string().starts_with("health in ie failed 3 times in a row"));
    let undeclared = world.without(&["ie"]);
    assert_eq!(undeclared.loss.upper, Some(Dur::secs(56)), "what only looks dead may still write");
}

#[test]
fn one_failure_is_unknown_and_two_are_critical() {
    let mut world = World::well();
    world.fail(&health_key(), 1, 1);
    assert_eq!(world.assess(&Scenario::default()).1.state, State::Unknown);
    world.fail(&health_key(), 1, 2);
    assert_eq!(world.assess(&Scenario::default()).1.state, State::Critical);
}

#[test]
fn a_standby_that_does_not_serve_is_rejected_with_the_reason() {
    let mut world = World::well();
    world.fail(&region_key("fr"), 2, 0);
    let judged = world.at_home();
    assert_eq!(judged.verdict, Verdict::Lost);
    assert!(matches!(&judged.rejected[..], [(r, Reason::RegionDown { .. })] if *r == "fr"));
    world.seen.probes.remove(&region_key("fr"));
    assert_eq!(world.at_home().verdict, Verdict::Unknown);
}

#[test]
fn objectives_residency_and_runbooks_bind() {
    let mut world = World::well();
    world.estate.workloads[0].residency = vec!["CH".to_owned()];
    assert_eq!(world.at_home().verdict, Verdict::Breach);
    let mut world = World::well();
    world.estate.workloads[0].rto = Some(Dur::secs(100));
    assert_eq!(world.at_home().verdict, Verdict::Breach);
    let mut world = World::well();
    world.estate.runbooks[0].steps[1].takes = None;
    let judged = world.at_home();
    assert_eq!((judged.verdict, judged.rto), (Verdict::Unknown, None), "an unknown step makes it unknown");
}

#[test]
fn a_workload_takes_the_worst_of_its_hard_dependencies() {
    let mut world = World::well();
    let mut other = world.estate.workloads[0].clone();
    other.id = "front".into();
    other.assets.clear();
    other.depends_on = vec![Dependency { id: "w".into(), kind: DependencyKind::Hard }];
    world.estate.workloads.push(other);
    world.estate.workloads[0].standbys.clear();
    let assessment = assess(&world.estate, &world.seen, world.now, &Scenario::gone(["ie"]));
    let front = assessment.workloads.iter().find(|w| w.id == "front").expect("front");
    let judged = front.verdict.as_ref().expect("a scenario was given");
    assert_eq!(judged.verdict, Verdict::Unknown);
    assert!(judged.reasons.iter().any(|r| matches!(r, Reason::DependencyLost { .. })));
}

#[test]
fn domains_that_share_fate_fall_together() {
    let mut world = World::well();
    let domain = json!({"id": "campus", "in": ["us"]});
    world.estate.domains = vec![serde_json::from_value(domain).expect("a domain")];
    world.estate.regions[1].domains = vec!["campus".into()];
    assert_eq!(world.without(&["ie", "us"]).verdict, Verdict::Lost, "fr lies in a campus in us");
}

#[test]
fn it_says_when_it_next_changes_by_itself() {
    let world = World::well();
    let next = world.assess(&Scenario::default()).0.next_change.expect("ageing");
    let before = assess(&world.estate, &world.seen, next - Dur::millis(1), &Scenario::default());
    let then = assess(&world.estate, &world.seen, next, &Scenario::default());
    let shape = |a: &Assessment| {
        let w = &a.workloads[0];
        (
            w.state,
            w.reasons.len(),
            w.assets[0].replicas[0].freshness,
            w.assets[0].copies().next().unwrap().freshness,
        )
    };
    assert_eq!(shape(&before), shape(&world.assess(&Scenario::default()).0));
    assert_ne!(
        (shape(&then), then.regions[0].state, then.workloads[0].health[0].freshness),
        (shape(&before), before.regions[0].state, before.workloads[0].health[0].freshness)
    );
}

prop_compose! {
    fn worlds()(
        lag in prop::option::of((0.0..200.0_f64, prop::option::of(-60..0_i64), -60..0_i64)),
        wrote in prop::option::of(-80..0_i64),
        copied in prop::option::of((-2_000..0_i64, -200..0_i64)),
        failures in prop::collection::vec(0..3_u32, 4),
        residency in any::<bool>(),
    ) -> World {
        let mut world = World::well();
        match lag {
            Some((lag, as_of, at)) => world.lag(lag, as_of.map(|a| a.min(at)), at),
            None => { world.seen.probes.remove(&lag_key()); }
        }
        match wrote {
            Some(when) => world.wrote(when, when),
            None => { world.seen.probes.remove(&ProbeKey::WriteProbe { workload: "w".into(), asset: "db".into() }); }
        }
        match copied {
            Some((when, at)) => world.copied(when.min(at), at),
            None => { world.seen.copies.clear(); }
        }
        let keys = [region_key("ie"), region_key("fr"), region_key("us"), health_key()];
        for (key, times) in keys.iter().zip(failures) {
            world.fail(key, times, 0);
        }
        if residency {
            world.estate.workloads[0].residency = vec!["EU".to_owned()];
        }
        world
    }
}

proptest! {
    #[test]
    fn a_larger_loss_never_improves_a_verdict(world in worlds(), small in 0..8_u8, more in 0..8_u8) {
        let regions = |bits: u8| -> Vec<&str> {
            ["ie", "fr", "us"].into_iter().enumerate().filter(|(n, _)| bits & (1 << n) != 0).map(|(_, r)| r).collect()
        };
        let large = small | more;
        prop_assume!(small != 0);
        let (a, b) = (world.without(&regions(small)).verdict, world.without(&regions(large)).verdict);
        prop_assert!(a <= b, "{a} without {:?}, {b} without {:?}", regions(small), regions(large));
    }

    #[test]
    fn the_interval_holds_the_truth(
        lag in 0..60_i64, since_ack in 0..20_i64, unseen_writes in 0..5_i64, polled in 0..30_i64, frozen in 0..100_i64,
        arrived in 0.0..=1.0_f64,
    ) {
        let mut world = World::well();
        let last_ack = -since_ack;
        let as_of = -(polled + frozen);
        let claimed = as_of - lag;
        world.lag(lag as f64, Some(as_of), -polled);
        world.wrote(last_ack - unseen_writes, -polled);
        // After the figure was true more may have arrived, never less.
        let more = if as_of == 0 { 0.0 } else { (last_ack - claimed).max(0) as f64 * arrived };
        let received = claimed + more as i64;
        let truth = Dur::secs((last_ack - received).max(0));
        let loss = world.at_home().loss;
        let upper = loss.upper.expect("a replica was seen");
        prop_assert!(loss.lower <= truth && truth <= upper, "{truth} outside {} to {upper}", loss.lower);
    }

    #[test]
    fn older_observations_never_look_better(world in worlds(), later in 0..600_i64) {
        let now = world.assess(&Scenario::default()).1;
        let mut aged = world;
        aged.now = t(later);
        let then = aged.assess(&Scenario::default()).1;
        prop_assert!(then.if_home_lost.verdict >= now.if_home_lost.verdict);
        prop_assert!(then.state >= now.state);
    }

    #[test]
    fn order_changes_nothing(mut world in worlds()) {
        let before = world.without(&["ie"]);
        world.estate.regions.reverse();
        world.estate.stores.reverse();
        world.estate.workloads[0].assets.reverse();
        prop_assert_eq!(world.without(&["ie"]), before);
    }
}
