use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use lifeboat_core::model::*;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{Looking, Poller, Reading, SystemClock, once};
use crate::probe::Probing;

/// A hung region never answers; others answer at once and are counted.
#[derive(Default)]
struct World {
    asked: AtomicU32,
    reads: AtomicU32,
}

fn reading() -> ProbeReading {
    ProbeReading {
        holds: true,
        value: None,
        text: None,
        as_of: None,
        latency_ms: 1,
        detail: "200 OK in 1 ms".to_owned(),
    }
}

impl Probing for World {
    fn ask<'a>(&'a self, probe: &'a Probe, _: Dur) -> BoxFuture<'a, Result<ProbeReading, Problem>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        match probe.target.as_str() {
            Some("hung") => futures::future::pending().boxed(),
            Some("down") => async { Err(Problem::new(Code::PROBE_REFUSED, "down")) }.boxed(),
            Some("counts") => {
                let value = Some(f64::from(self.asked.load(Ordering::SeqCst)));
                async move { Ok(ProbeReading { value, ..reading() }) }.boxed()
            }
            Some("unready") => async { Ok(ProbeReading { holds: false, ..reading() }) }.boxed(),
            _ => async { Ok(reading()) }.boxed(),
        }
    }
}

impl Reading for World {
    fn read<'a>(&'a self, _: &'a CopyKey, _: Time) -> BoxFuture<'a, Result<CopyReport, Problem>> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        async { Ok(CopyReport::default()) }.boxed()
    }
}

fn estate(targets: &[&str]) -> Estate {
    polled(targets, "10s")
}

fn polled(targets: &[&str], every: &str) -> Estate {
    // Paces that differ, so that no chance keeps all answers together.
    let pace = |n: usize| if every == "1s" { json!(1.0 + n as f64 / 10.0) } else { json!(every) };
    let probe = |(n, t): (usize, &&str)| json!({"kind": "http", "target": t, "every": pace(n)});
    let health: Vec<_> =
        targets.iter().enumerate().map(|probed| json!({"region": "a", "probe": probe(probed)})).collect();
    let asset = json!({"id": "db", "layer": "database", "copy": [{"store": "s", "format": "dump"}]});
    serde_json::from_value(json!({
        "defaults": {"poll": every, "refresh": "60s", "timeout": "2s"},
        "workloads": [{"id": "w", "health": health, "asset": [asset]}],
    }))
    .expect("the sample estate")
}

fn looking(world: &Arc<World>) -> Looking {
    Looking::new(world.clone(), world.clone(), Arc::new(SystemClock))
}

fn key(index: usize) -> ProbeKey {
    ProbeKey::WorkloadHealth { workload: "w".into(), index }
}

#[tokio::test(start_paused = true)]
async fn one_look_asks_a_failing_probe_twice_and_waits_for_no_hung_one() {
    let world = Arc::new(World::default());
    let estate = estate(&["up", "down", "hung", "unready"]);
    let seen = once(&estate, looking(&world), Duration::ZERO).await;
    let failures = |n| seen.probes[&key(n)].failures();
    assert_eq!([failures(0), failures(1), failures(2), failures(3)], [0, 2, 2, 2]);
    assert_eq!(seen.probes[&key(2)].problem().map(|p| p.code), Some(Code::PROBE_TIMEOUT));
    assert_eq!(seen.probes[&key(3)].problem().map(|p| p.code), Some(Code::PROBE_ANSWER));
    assert_eq!(world.asked.load(Ordering::SeqCst), 7);
    assert_eq!(world.reads.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn each_source_keeps_its_own_pace_whatever_the_others_do() {
    let world = Arc::new(World::default());
    let stop = CancellationToken::new();
    let poller = Poller::start(&estate(&["up", "hung"]), looking(&world), &stop);
    tokio::time::sleep(Duration::from_secs(105)).await;
    // "up" is asked each 10 s: at about 0, 10 … 100.
    let asked = world.asked.load(Ordering::SeqCst);
    assert!((11..=11 + 11).contains(&asked), "{asked}");
    assert_eq!(world.reads.load(Ordering::SeqCst), 2, "at 0 and 60 s");
    let seen = poller.seen().borrow().clone();
    assert_eq!(seen.probes[&key(0)].failures(), 0);
    assert!(seen.probes[&key(1)].failures() >= 2);
    poller.refresh(Some("w".into()));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(world.reads.load(Ordering::SeqCst), 3, "a refresh asks at once");
    stop.cancel();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let then = world.asked.load(Ordering::SeqCst);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(world.asked.load(Ordering::SeqCst), then, "nothing asks after the stop");
}

/// How many pictures are published in a minute of asking each second.
async fn published(targets: &[&str]) -> usize {
    let world = Arc::new(World::default());
    let poller = Poller::start(&polled(targets, "1s"), looking(&world), &CancellationToken::new());
    let mut seen = poller.seen();
    let minute = tokio::time::Instant::now() + Duration::from_secs(60);
    let mut count = 0;
    while tokio::time::timeout_at(minute, seen.changed()).await.is_ok_and(|alive| alive.is_ok()) {
        count += 1;
    }
    count
}

#[tokio::test(start_paused = true)]
async fn what_is_answered_as_before_is_published_each_second_and_news_at_once() {
    let same = published(&["up"; 8]).await;
    assert!((50..=62).contains(&same), "{same}");
    let news = published(&["counts"; 8]).await;
    assert!(news > 90, "{news}");
}
