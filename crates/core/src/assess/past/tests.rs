use serde_json::json;

use super::*;

fn t(s: i64) -> Time {
    Time::UNIX_EPOCH + Dur::secs(1_795_305_600 + s)
}
const HOUR: i64 = 3_600;

fn estate() -> Estate {
    serde_json::from_value(json!({
        "id": "e", "name": "E",
        "regions": [{"id": "here"}, {"id": "there"}],
        "stores": [{"id": "s", "url": "s3://s", "region": "there", "quota": 100_000_000_000_u64}],
        "workloads": [{
            "id": "w", "home": "here", "standby": [{"region": "there"}], "runbooks": {"failover": "f"},
            "asset": [{
                "id": "db", "layer": "database", "replica": [{"region": "there"}],
                "copy": [{"store": "s", "format": "dump", "schedule": 3_600, "grace": 600,
                          "retention": {"min": 86_400, "max": null}}],
            }],
        }],
        "runbooks": [{"id": "f", "title": "F", "kind": "failover", "workloads": ["w"], "step": [
            {"id": "a", "kind": "manual", "takes": 600}, {"id": "b", "kind": "manual", "takes": 600}]}],
    }))
    .unwrap()
}
fn key() -> CopyKey {
    CopyKey { workload: "w".into(), asset: "db".into(), index: 0 }
}
fn link() -> LinkKey {
    LinkKey { workload: "w".into(), asset: "db".into(), index: 0 }
}
fn point(n: i64, size: u64) -> PastPoint {
    PastPoint {
        id: format!("p{n}"),
        kind: PointKind::Dump,
        started_at: Some(t(n * HOUR - 120 - n % 5)),
        completed_at: Some(t(n * HOUR)),
        size_bytes: Some(size),
        packed: None,
        state: PointState::Usable,
        first_seen: t(n * HOUR + 60),
        gone_at: None,
    }
}
/// An hour apart each, newest first.
fn points(count: i64, size: impl Fn(i64) -> u64) -> CopyPast {
    let points = (0..count).rev().map(|n| point(n, size(n))).collect();
    CopyPast { began: Some(t(-HOUR)), points, ..CopyPast::default() }
}
fn steady(n: i64) -> u64 {
    1_000_000 + (n as u64 * 7_919) % 10_000
}
fn bucket(at: Time, value: f64) -> Bucket {
    Bucket { at, n: 1, mean: value, min: value, max: value, last: value }
}
fn hours(count: i64, value: impl Fn(i64) -> f64) -> Series {
    let all = (0..count).map(|n| bucket(t(n * HOUR), value(n))).collect();
    Series { hours: all, ..Series::default() }
}
fn days(count: i64, value: impl Fn(i64) -> f64) -> Series {
    let all = (0..count).map(|n| bucket(t(n * 24 * HOUR), value(n))).collect();
    Series { days: all, ..Series::default() }
}
fn minutes(count: i64, value: impl Fn(i64) -> f64) -> Series {
    let all = (0..count).map(|n| bucket(t(n * 60), value(n))).collect();
    Series { minutes: all, ..Series::default() }
}
fn learned(past: CopyPast, now: Time, said: &[Acknowledged]) -> Learned {
    let estate = estate();
    let mut learner = Learner::new(&estate, said, now);
    learner.workload(&Past { copies: vec![(key(), past)], ..Past::default() });
    learner.finish()
}
fn found(past: CopyPast, now: Time) -> Vec<(String, Option<String>)> {
    learned(past, now, &[]).anomalies.into_iter().map(|a| (a.rule, a.object)).collect()
}
fn one(rule: &str, object: &str) -> Vec<(String, Option<String>)> {
    vec![(rule.to_owned(), Some(object.to_owned()))]
}

#[test]
fn a_line_through_values_is_moved_by_no_wild_one() {
    let values: Vec<_> = (0..40).map(|n| (f64::from(n), f64::from(3 * n + 5))).collect();
    let fit = theil_sen(&values).unwrap();
    assert_eq!((fit.slope, fit.base, fit.low, fit.high), (3.0, 5.0, 3.0, 3.0));
    let mut wild = values.clone();
    for n in [3, 11, 25, 38] {
        wild[n].1 = 1e9;
    }
    let fit = theil_sen(&wild).unwrap();
    assert!((fit.slope - 3.0).abs() < 0.2 && fit.low <= 3.0 && 3.0 <= fit.high, "{fit:?}");
    // Noise around nothing: it cannot be told whether it rises.
    let noise: Vec<_> = (0..40).map(|n| (f64::from(n), f64::from(n * 7_919 % 101))).collect();
    assert!(!theil_sen(&noise).unwrap().moves());
    assert!(theil_sen(&values[..4]).is_none(), "four values say nothing");
    assert!(theil_sen(&[(1.0, 1.0); 9]).is_none(), "all at one instant");
    assert!(theil_sen(&[(f64::NAN, 1.0); 9]).is_none());
}

/// Of a hundred thousand lines with noise, about nine in ten intervals hold the
/// true slope; here with few and a fixed seed.
#[test]
fn the_interval_holds_the_true_slope_in_about_nine_of_ten_cases() {
    let mut seed = 42u64;
    let mut random = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as f64 / f64::from(1u32 << 31)
    };
    let mut held = 0;
    for _ in 0..400 {
        let noise: Vec<_> = (0..30).map(|n| (f64::from(n), 2.0 * f64::from(n) + 20.0 * random())).collect();
        let fit = theil_sen(&noise).unwrap();
        held += i32::from(fit.low <= 2.0 && 2.0 <= fit.high);
    }
    assert!((340..=390).contains(&held), "{held} of 400");
}

#[test]
fn a_point_far_from_its_kind_is_named_with_what_was_expected() {
    let now = t(40 * HOUR);
    assert_eq!(found(points(40, steady), now), []);
    let tiny = points(40, |n| if n == 39 { 12 } else { steady(n) });
    assert_eq!(found(tiny.clone(), now), one("anomaly-size", "p39"));
    let odd = &learned(tiny, now, &[]).anomalies[0];
    assert_eq!((odd.subject.as_str(), odd.observed.as_str()), ("w/db@s", "12 B"));
    assert!(odd.message.contains("p39 is far smaller than the 30 before"), "{}", odd.message);
    assert!(odd.expected.starts_with("about 98"), "{}", odd.expected);
    // It stays told while newer ones are well, for it can be restored by mistake.
    let older = points(40, |n| if n == 37 { 12 } else { steady(n) });
    assert_eq!(found(older, now), one("anomaly-size", "p37"));
    // What grows steadily is expected to grow on; standing still is not that odd.
    let grows = |n: i64| 1_000_000 + n as u64 * 100_000 + steady(n) % 3_000;
    assert_eq!(found(points(40, grows), now), []);
    let double = points(40, |n| if n == 39 { 2 * grows(n) } else { grows(n) });
    assert_eq!(found(double, now), one("anomaly-size", "p39"));
    // Of another kind there are too few to say.
    let mut other = points(40, |n| if n == 39 { 12 } else { steady(n) });
    other.points[0].kind = PointKind::Incremental;
    assert_eq!(found(other, now), []);
    assert_eq!(found(points(8, |n| if n == 7 { 12 } else { steady(n) }), t(8 * HOUR)), [], "too few");
    let few = points(9, |n| if n == 8 { 12 } else { steady(n) });
    assert_eq!(found(few, t(9 * HOUR)), one("anomaly-size", "p8"));
}

#[test]
fn a_backup_that_took_far_longer_is_named() {
    let mut past = points(40, steady);
    past.points[0].started_at = Some(t(39 * HOUR - 1_500));
    assert_eq!(found(past, t(40 * HOUR)), one("anomaly-duration", "p39"));
}

/// Each point takes ten MiB of its source, which become so many percent.
fn packing(count: i64, percent: impl Fn(i64) -> u64) -> CopyPast {
    let mut past = points(count, steady);
    for (n, p) in past.points.iter_mut().rev().enumerate() {
        p.packed = Packed::of(Some(10_000_000), Some(100_000 * percent(n as i64)));
    }
    past
}

#[test]
fn what_packs_otherwise_than_it_used_to_is_told_with_what_was_expected() {
    let now = t(40 * HOUR);
    let usual = |n: i64| 38 + (n as u64 * 7) % 5;
    assert_eq!(found(packing(40, usual), now), [], "as ever");
    // Encrypted at its source: it packs no more.
    let turned = packing(40, |n| if n == 39 { 100 } else { usual(n) });
    assert_eq!(found(turned.clone(), now), one("anomaly-compression", "p39"));
    let told = &learned(turned.clone(), now, &[]).anomalies[0];
    assert_eq!(told.observed, "100 % of what it took from its source");
    assert!(told.expected.starts_with("about 40 % ("), "{}", told.expected);
    assert!(told.message.contains("packs far worse than the 30 before it"), "{}", told.message);
    let empty = packing(40, |n| if n == 39 { 1 } else { usual(n) });
    assert!(learned(empty, now, &[]).anomalies[0].message.contains("far better"));
    // Where it is not recorded, where there are few, or where there is little, nothing is said.
    assert_eq!(found(points(40, steady), now), []);
    assert_eq!(found(packing(8, |n| if n == 7 { 100 } else { usual(n) }), now), []);
    let mut little = turned.clone();
    little.points.iter_mut().for_each(|p| {
        p.packed = p.packed.map(|p| Packed { source: p.source / 1_000, stored: p.stored / 1_000 })
    });
    assert_eq!(found(little, now), []);
    // Acknowledged, it learns: what is like it is known, what is not is told.
    let said = |value: f64| Acknowledged {
        rule: "anomaly-compression".into(),
        subject: "w/db@s".into(),
        object: Some("p12".into()),
        value: Some(value),
        by: "ada".into(),
        why: "pictures are encrypted by the shop now".into(),
        at: now,
    };
    assert_eq!(learned(turned.clone(), now, &[said(95.0)]).anomalies, []);
    let quiet = learned(turned.clone(), now, &[said(95.0)]).acknowledged;
    assert_eq!(quiet.iter().map(|q| &*q.said.by).collect::<Vec<_>>(), ["ada"]);
    assert_eq!(learned(turned, now, &[said(60.0)]).anomalies.len(), 1, "sixty is not a hundred");
}

#[test]
fn an_acknowledged_anomaly_is_told_no_more_nor_are_its_like() {
    let now = t(40 * HOUR);
    let said = |object: Option<&str>, at: Time| Acknowledged {
        rule: "anomaly-size".into(),
        subject: "w/db@s".into(),
        object: object.map(str::to_owned),
        value: Some(500_000.0),
        by: "ada".into(),
        why: "old orders were archived".into(),
        at,
    };
    let rules = |size: u64, said: &[Acknowledged]| -> usize {
        learned(points(40, |n| if n == 39 { size } else { steady(n) }), now, said).anomalies.len()
    };
    assert_eq!(rules(500_000, &[]), 1);
    assert_eq!(rules(500_000, &[said(Some("p39"), now)]), 0);
    assert_eq!(rules(12, &[said(Some("p39"), now)]), 0, "the object itself, whatever its size");
    assert_eq!(rules(520_000, &[said(Some("p31"), now)]), 0, "its size is like the one acknowledged");
    assert_eq!(rules(12, &[said(Some("p31"), now)]), 1, "it is another matter");
    let mut other = said(Some("p39"), now);
    other.subject = "w/db@elsewhere".into();
    assert_eq!(rules(500_000, &[other]), 1);
    assert_eq!(rules(12, &[said(None, now - Dur::secs(6 * 86_400))]), 0);
    assert_eq!(
        rules(12, &[said(None, now - Dur::secs(8 * 86_400))]),
        1,
        "a word on no object holds for a week"
    );
}

#[test]
fn a_schedule_that_was_missed_is_told_by_the_points_around_it() {
    let mut past = points(40, steady);
    past.points.retain(|p| !["p30", "p31", "p32"].contains(&p.id.as_str()));
    let said = learned(past.clone(), t(40 * HOUR), &[]).anomalies;
    assert_eq!(said.len(), 1);
    assert_eq!((said[0].rule.as_str(), said[0].object.as_deref()), ("missed-schedule", Some("p33")));
    assert_eq!(
        (said[0].message.as_str(), said[0].observed.as_str()),
        ("nothing was made between p29 and p33", "4h")
    );
    // What nobody looked at may have been thinned out before.
    past.began = Some(t(35 * HOUR));
    assert_eq!(found(past, t(40 * HOUR)), []);
    let mut failed = points(40, steady);
    failed.points[5].state = PointState::Failed;
    assert_eq!(found(failed, t(40 * HOUR)), one("missed-schedule", "p35"), "a failed one is none");
}

#[test]
fn a_falling_count_names_what_is_gone() {
    let now = t(40 * HOUR);
    let mut past = points(40, steady);
    past.count = hours(40, |n| if n == 39 { 20.0 } else { 30.0 });
    // Old enough to go; a count that falls is another matter than each of them.
    for p in past.points.iter_mut().filter(|p| ["p2", "p3", "p4"].contains(&p.id.as_str())) {
        p.gone_at = Some(now);
    }
    assert_eq!(found(past.clone(), now), one("falling-count", "p4"));
    let odd = &learned(past.clone(), now, &[]).anomalies[0];
    assert!(odd.message.ends_with("gone are p4, p3, p2"), "{}", odd.message);
    assert_eq!((odd.observed.as_str(), odd.expected.as_str()), ("20", "about 30, at least 24"));
    past.count = hours(40, |n| if n == 39 { 27.0 } else { 30.0 });
    assert_eq!(found(past, now), [], "thinning out takes a few");
}

#[test]
fn a_deletion_before_its_time_is_critical_and_named() {
    let now = t(41 * HOUR);
    let mut past = points(40, steady);
    for p in past.points.iter_mut().filter(|p| ["p3", "p20", "p38"].contains(&p.id.as_str())) {
        p.gone_at = Some(t(40 * HOUR));
    }
    let said = learned(past.clone(), now, &[]).anomalies;
    assert_eq!(said.len(), 1, "{said:?}");
    assert_eq!((said[0].rule.as_str(), said[0].severity), ("early-deletion", Severity::Critical));
    assert!(said[0].message.contains("2 points were deleted before their time: p"), "{}", said[0].message);
    assert!(!said[0].message.contains("p3,") && said[0].expected == "kept for at least 1d", "{said:?}");
    // Where nothing is declared, by what was ever done.
    let mut undeclared = estate();
    undeclared.workloads[0].assets[0].copies[0].retention = None;
    let of = |past: CopyPast, now: Time| {
        let mut learner = Learner::new(&undeclared, &[], now);
        learner.workload(&Past { copies: vec![(key(), past)], ..Past::default() });
        learner.finish().anomalies
    };
    let mut used = points(90, steady);
    for p in used.points.iter_mut().filter(|p| p.completed_at < Some(t(40 * HOUR))) {
        p.gone_at = p.completed_at.map(|at| at + Dur::secs(40 * HOUR));
    }
    let now = t(90 * HOUR);
    assert_eq!(of(used.clone(), now), []);
    used.points[3].gone_at = Some(now);
    let said = of(used, now);
    assert_eq!(
        said.iter().map(|a| (a.rule.as_str(), a.severity)).collect::<Vec<_>>(),
        [("early-deletion", Severity::Warning)]
    );
}

#[test]
fn a_way_back_that_was_shortened_is_told() {
    let day = 86_400.0;
    let mut past = points(40, steady);
    past.oldest = days(30, |n| if n < 29 { 35.0 * day } else { 7.0 * day });
    let said = learned(past.clone(), t(40 * HOUR), &[]).anomalies;
    assert_eq!(said.iter().map(|a| a.rule.as_str()).collect::<Vec<_>>(), ["shortened-retention"]);
    assert_eq!((said[0].observed.as_str(), said[0].expected.as_str()), ("7d", "about 35d"));
    past.oldest = days(30, |n| n as f64 * day);
    assert_eq!(found(past, t(40 * HOUR)), [], "it grows as the first points grow old");
}

fn follows(lag: Series, writes: Option<Series>, now: Time) -> Vec<(String, String)> {
    let estate = estate();
    let mut learner = Learner::new(&estate, &[], now);
    let writes = writes.into_iter().map(|s| ("db".into(), s)).collect();
    learner.workload(&Past { links: vec![(link(), lag)], writes, ..Past::default() });
    learner.finish().anomalies.into_iter().map(|a| (a.rule, a.message)).collect()
}

#[test]
fn a_replica_that_stands_still_is_told_while_its_source_is_written_to() {
    let now = t(30 * 60);
    let still = minutes(30, |n| 60.0 * n as f64);
    let written = minutes(30, |n| 1e9 + 60.0 * n as f64);
    let idle = minutes(30, |_| 1e9);
    let said = follows(still.clone(), Some(written.clone()), now);
    assert_eq!(said.len(), 1);
    assert_eq!(
        (said[0].0.as_str(), said[0].1.as_str()),
        ("replication-stands-still", "replication stands still while its source grows")
    );
    assert_eq!(follows(still.clone(), Some(idle), now), [], "nobody writes");
    assert!(follows(still, None, now)[0].1.contains("or nothing is written"), "no probe tells");
    let slow = minutes(30, |n| 10.0 + 24.0 * n as f64);
    let said = follows(slow, Some(written.clone()), now);
    assert_eq!(said[0].0, "replication-falls-behind");
    assert!(said[0].1.contains("about 60 %"), "{said:?}");
    let well = minutes(30, |n| 2.0 + (n % 3) as f64);
    assert_eq!(follows(well, Some(written), now), []);
}

#[test]
fn the_lag_is_told_by_its_percentiles() {
    let estate = estate();
    let mut learner = Learner::new(&estate, &[], t(100 * 60));
    let lag = minutes(100, |n| if n == 50 { 300.0 } else { 1.0 + n as f64 / 100.0 });
    learner.workload(&Past { links: vec![(link(), lag)], ..Past::default() });
    let lag = learner.finish().lags[&link()];
    assert_eq!((lag.n, lag.worst), (100, Dur::secs(300)));
    assert!(lag.p50 < Dur::millis(1_600) && lag.p95 < Dur::secs(2) && lag.p99 < Dur::secs(2), "{lag:?}");
}

#[test]
fn a_set_of_objects_that_lacks_ever_more_falls_behind() {
    let mut past = points(40, steady);
    past.behind = hours(7, |n| 20.0 + 15.0 * n as f64);
    let said = learned(past.clone(), t(6 * HOUR), &[]).anomalies;
    let said: Vec<_> = said.iter().filter(|a| a.rule == "replication-falls-behind").collect();
    assert_eq!(said.len(), 1);
    assert_eq!(said[0].observed, "110 objects are missing, +15 an hour (+15 to +15)");
    past.behind = hours(7, |n| 20.0 + (n % 2) as f64);
    assert!(!learned(past, t(6 * HOUR), &[]).anomalies.iter().any(|a| a.rule == "replication-falls-behind"));
}

#[test]
fn a_quota_is_told_with_its_uncertainty() {
    let gigabyte = 1e9;
    let mut past = points(40, steady);
    past.stored = days(20, |n| (60.0 + n as f64 + ((n * 7) % 5) as f64 / 10.0) * gigabyte);
    let all = learned(past.clone(), t(20 * 24 * HOUR), &[]);
    let store = all.stores[&StoreId::new("s")];
    let full = store.full.unwrap();
    let (soonest, days_, latest) = (full.soonest.unwrap(), full.days.unwrap(), full.latest.unwrap());
    assert!(soonest <= days_ && days_ <= latest && (19.0..22.0).contains(&days_), "{full:?}");
    let told = all.anomalies.iter().find(|a| a.rule == "quota-forecast").unwrap();
    assert_eq!(told.subject, "store:s");
    assert!(told.message.starts_with("its quota is reached in about 21 days ("), "{}", told.message);
    past.stored = days(20, |n| (60.0 + ((n * 7) % 5) as f64) * gigabyte);
    let all = learned(past.clone(), t(20 * 24 * HOUR), &[]);
    assert!(!all.anomalies.iter().any(|a| a.rule == "quota-forecast"), "it does not surely grow");
    past.stored = days(20, |_| 95.0 * gigabyte);
    let all = learned(past, t(20 * 24 * HOUR), &[]);
    assert!(all.anomalies.iter().any(|a| a.message == "its quota is nearly reached"));
}

#[test]
fn success_counts_what_was_thinned_out_and_what_failed() {
    let mut past = points(40, steady);
    past.points[3].state = PointState::Failed;
    past.points[9].state = PointState::BrokenChain;
    past.points[0].state = PointState::Running;
    past.points[20].gone_at = Some(t(40 * HOUR));
    let trend = learned(past, t(40 * HOUR), &[]).copies[&key()].clone();
    assert_eq!(trend.success, Rate { good: 37, all: 39 });
}

fn lesson(live: bool, passed: bool, at: i64, took: i64) -> Lesson {
    let step = |id: &str| (StepId::new(id), Dur::secs(took));
    Lesson {
        run: format!("run-{at}").as_str().into(),
        runbook: "f".into(),
        version: estate().runbooks[0].version(),
        kind: RunbookKind::Failover,
        live,
        workloads: vec!["w".into()],
        to: Some("there".into()),
        passed,
        ended: "completed".into(),
        began_at: t(at - 100),
        at: t(at),
        took: Dur::secs(100),
        steps: vec![step("a"), step("b")],
        restores: Vec::new(),
    }
}

#[test]
fn a_rehearsal_makes_the_estimate_drilled_and_only_a_live_run_moves_the_home() {
    let estate = estate();
    let learn = |lessons: &[Lesson]| {
        let mut learner = Learner::new(&estate, &[], t(0));
        learner.lessons(lessons);
        learner.finish()
    };
    let after =
        learn(&[lesson(false, true, 50, 20), lesson(false, true, 90, 30), lesson(false, false, 99, 40)]);
    assert_eq!(after.drilled.get("w"), Some(&t(90)), "one that failed is no drill");
    assert!(after.committed.is_empty());
    assert_eq!(after.timings.steps[&RunbookId::new("f")].len(), 6);
    let live = learn(&[lesson(true, true, 80, 20), lesson(true, false, 95, 20)]);
    assert_eq!(live.committed[&WorkloadId::new("w")].at, t(80));
    assert!(live.drilled.is_empty());

    let seen = Observations { learned: std::sync::Arc::new(after), ..Observations::default() };
    let mut estate = estate.clone();
    estate.defaults.decide = Some(Dur::secs(60));
    let assessment = crate::assess::assess(&estate, &seen, t(100), &Scenario::gone(["here"]));
    let rto = &assessment.workloads[0].rto;
    assert_eq!((rto.basis, rto.p90.is_some()), (crate::assess::RtoBasis::Drilled, true), "{rto:?}");
}

#[test]
fn only_a_restore_that_was_checked_proves_its_point() {
    let estate = estate();
    let restored = |checks: &[&str]| Restored {
        asset: "w/db".into(),
        store: Some("s".into()),
        point: Some("p7".into()),
        instant: Some(t(7 * HOUR)),
        bytes: Some(1_000),
        took: Dur::secs(10),
        checks: checks.iter().map(|c| (*c).to_owned()).collect(),
        at: t(9 * HOUR),
    };
    let of = |checks: &[&str]| {
        let mut learner = Learner::new(&estate, &[], t(0));
        learner.lessons(&[Lesson { restores: vec![restored(checks)], ..lesson(false, true, 1, 1) }]);
        learner.finish()
    };
    let learned = of(&["it answers"]);
    assert_eq!(learned.proofs[&key()][0].instant, t(7 * HOUR));
    assert_eq!(learned.timings.rates[&StoreId::new("s")], 100.0);
    assert!(of(&[]).proofs.is_empty());
}

#[test]
fn what_is_odd_is_a_finding_and_its_workload_is_no_better_than_a_warning() {
    let estate = estate();
    let tiny = points(40, |n| if n == 39 { 12 } else { steady(n) });
    let learned = learned(tiny, t(40 * HOUR), &[]);
    let seen = Observations { learned: std::sync::Arc::new(learned), ..Observations::default() };
    let assessment = crate::assess::assess(&estate, &seen, t(40 * HOUR), &Scenario::default());
    let finding = assessment.findings.iter().find(|f| f.rule == "anomaly-size").unwrap();
    assert_eq!((finding.subject.as_str(), finding.clause.as_deref()), ("w/db@s", None));
    assert_eq!(finding.observed.as_deref(), Some("12 B"));
}

/// No estate, however odd its past, ends in a panic.
#[test]
fn wild_values_do_no_harm() {
    let wild = [f64::MAX, f64::MIN, 0.0, -1.0, f64::INFINITY, f64::NAN, 1e300];
    let series = |n: i64| hours(n, |n| wild[n as usize % wild.len()]);
    let mut past = points(60, |n| if n % 3 == 0 { u64::MAX } else { 0 });
    past.count = series(50);
    past.oldest = series(50);
    past.stored = series(50);
    past.behind = series(50);
    past.points.iter_mut().step_by(2).for_each(|p| p.completed_at = Some(Time::MAX_UTC));
    past.points.iter_mut().step_by(5).for_each(|p| p.started_at = Some(Time::MIN_UTC));
    learned(past, t(60 * HOUR), &[]);
    follows(minutes(40, |n| wild[n as usize % wild.len()]), None, t(40 * 60));
}

#[test]
fn a_copy_costs_what_it_stores_and_what_looking_at_it_asks() {
    let mut estate = estate();
    let learned = |requests: Option<f64>, stored: Option<u64>| {
        let trend = CopyTrend { requests, stored, size: Some(1 << 30), ..CopyTrend::default() };
        Learned { copies: [(key(), trend)].into(), ..Learned::default() }
    };
    let known = learned(Some(20.0), Some(100 << 30));
    assert_eq!(copy_costs(&estate, &key(), &known), None, "no price is given");
    let price = Price {
        currency: Some("USD".into()),
        gib_month: Some(0.02),
        thousand_requests: Some(0.005),
        gib_out: Some(0.09),
    };
    estate.stores[0].price = Some(price);
    let costs = copy_costs(&estate, &key(), &known).unwrap();
    // 100 GiB at 0.02; 2,880 looks of 20 requests a month, at 0.005 a thousand.
    assert_eq!((costs.keeping, costs.restoring), (2.0, 0.09));
    assert!((costs.looking - 0.288).abs() < 1e-9, "{}", costs.looking);
    assert_eq!(costs.words(), "2.29 USD a month, 0.09 USD to restore once");
    let partly = copy_costs(&estate, &key(), &learned(None, Some(100 << 30))).unwrap();
    assert_eq!(partly.words(), "2.00 USD a month, 0.09 USD to restore once, of what is known");
    estate.workloads[0].assets[0].copies[0].format = "restic".into();
    let shared = copy_costs(&estate, &key(), &known).unwrap();
    assert!(shared.words().starts_with("at most 2.29 USD"), "{}", shared.words());
    let other = Costs { currency: Some("EUR".into()), ..costs.clone() };
    let sums = together([costs.clone(), other, costs].into_iter());
    assert_eq!((sums.len(), sums[0].keeping, sums[0].restoring), (2, 4.0, 0.09));
}
