//! What holds of every estate, whatever is in it (judgement, section 6).

use std::sync::Arc;

use super::super::*;
use super::brute::{Answer2, Brute, Losses};
use super::estates::{self, Dice, World};
use super::small::at;

const MODES: [LossMode; 4] = LossMode::ALL;

fn judged(world: &World, scenario: &Scenario, now: Time) -> Vec<(WorkloadId, Arc<Judged>)> {
    let assessor = Assessor::new(Arc::new(world.estate.clone()));
    let all = assessor.judge_all(&world.seen, now, std::slice::from_ref(scenario)).pop().unwrap_or_default();
    world.estate.workloads.iter().map(|w| w.id.clone()).zip(all).collect()
}

#[test]
fn a_second_judge_agrees_on_ten_thousand_estates() {
    let mut verdicts = [0usize; 6];
    for seed in 0..10_000 {
        let world = estates::world(seed);
        let scenario = estates::scenario(&Dice::new(seed ^ 0xabcd), &MODES);
        let brute = Brute { estate: &world.estate, seen: &world.seen };
        let selected = scenario.lost.iter().map(|(s, m)| (s.clone(), *m)).collect();
        let losses = Losses { selected, clean_before: scenario.clean_before };
        for ((id, judged), w) in judged(&world, &scenario, at(0)).into_iter().zip(&world.estate.workloads) {
            let said = Answer2 { verdict: judged.verdict, loss: judged.loss, rto: judged.rto };
            let expected = brute.judge(&losses, w);
            assert_eq!(said, expected, "estate {seed}, {id}, {scenario}\n{judged:#?}");
            verdicts[judged.verdict as usize] += 1;
        }
    }
    // A generator that makes only one kind of estate would prove little.
    assert!(verdicts.iter().all(|n| *n > 250), "{verdicts:?}");
}

/// One reason out of many is shown: it is the one that decides.
#[test]
fn what_is_told_first_is_what_decides_the_verdict() {
    let mut decided = [0usize; 6];
    for seed in 0..3_000 {
        let world = estates::world(seed);
        let scenario = estates::scenario(&Dice::new(seed ^ 0xdec1), &MODES);
        for (id, j) in judged(&world, &scenario, at(0)) {
            let case = || format!("estate {seed}, {id}, {scenario}\n{j:#?}");
            let told = j.told();
            assert!(j.reasons.iter().all(|r| told.contains(&r)), "{}", case());
            match j.decided().map(Reason::gives) {
                Some(given) if j.verdict == Verdict::Exposed => {
                    // What one more loss would come to, or something that it needs.
                    assert!(given == Verdict::Exposed || given >= Verdict::Unknown, "{}", case())
                }
                Some(given) => assert_eq!(given, j.verdict, "{}", case()),
                None if j.verdict == Verdict::Lost => assert!(j.rejected.is_empty(), "{}", case()),
                None => assert!(j.verdict <= Verdict::Recoverable, "{}", case()),
            }
            decided[j.verdict as usize] += usize::from(j.decided().is_some());
        }
    }
    assert!(decided[1] > 100 && decided[3..].iter().all(|n| *n > 100), "{decided:?}");
}

/// What is remembered of one loss is used for another only where it holds.
#[test]
fn many_scenarios_at_once_say_what_each_says_alone() {
    for seed in 0..1_500 {
        let world = estates::world(seed);
        let dice = Dice::new(seed ^ 0x5151);
        let mut each: Vec<_> = (0..8).map(|_| estates::scenario(&dice, &MODES)).collect();
        for scenario in &mut each {
            // What was declared fixes when writing ended; what is asked after it does not.
            scenario.impact_began = dice.often(30).then(|| at(-(dice.below(90) as i64)));
        }
        each.insert(0, Scenario::default());
        let assessor = Assessor::new(Arc::new(world.estate.clone()));
        let all = assessor.judge_all(&world.seen, at(0), &each);
        for (scenario, together) in each.iter().zip(all) {
            let alone = judged(&world, scenario, at(0));
            for ((id, alone), together) in alone.into_iter().zip(together) {
                assert_eq!(alone, together, "estate {seed}, {id}, {scenario}");
            }
            let whole = assessor.assess(&world.seen, at(0), scenario);
            for view in whole.workloads.iter().filter(|_| !scenario.is_empty()) {
                let alone = judged(&world, scenario, at(0)).into_iter().find(|(id, _)| *id == view.id);
                assert_eq!(alone.map(|(_, j)| j), view.verdict, "estate {seed}, {}, {scenario}", view.id);
            }
        }
    }
}

/// Both halves of a scenario, the second with more or worse.
fn growing(dice: &Dice) -> (Scenario, Scenario) {
    let small = estates::scenario(dice, &MODES);
    let mut large = small.clone();
    if dice.often(70) {
        large.lost.entry(estates::selector(dice)).or_insert(MODES[dice.below(4)]);
    }
    if dice.often(50) {
        for mode in large.lost.values_mut() {
            match mode {
                LossMode::Impaired => *mode = LossMode::Gone,
                LossMode::Corrupted => *mode = LossMode::Compromised,
                LossMode::Gone | LossMode::Compromised => {}
            }
        }
    }
    (small, large)
}

#[test]
fn losing_more_or_worse_never_improves_a_verdict() {
    for seed in 0..4_000 {
        let world = estates::world(seed);
        let (small, large) = growing(&Dice::new(seed ^ 0x1234));
        let before = judged(&world, &small, at(0));
        for ((id, a), (_, b)) in before.into_iter().zip(judged(&world, &large, at(0))) {
            assert!(
                a.verdict <= b.verdict,
                "estate {seed}, {id}: {} under {small}, {} under {large}",
                a.verdict,
                b.verdict
            );
        }
    }
}

/// Another copy of every asset, lying where nothing touches it, newer than all.
fn with_a_copy(world: &World) -> World {
    let mut world = world.clone();
    let store = serde_json::json!({"id": "extra", "url": "s3://x"});
    world.estate.stores.push(serde_json::from_value(store).expect("a store"));
    for w in &mut world.estate.workloads {
        for a in w.assets.iter_mut() {
            let copy = serde_json::json!({"store": "extra", "format": "dump"});
            let key = CopyKey { workload: w.id.clone(), asset: a.id.clone(), index: a.copies.len() };
            a.copies.push(serde_json::from_value(copy).expect("a copy"));
            let points = [0, 50, 100, 300, 601, 900].map(|age| (age, PointState::Usable));
            let summary = super::small::summary(&points);
            world.seen.copies.insert(key, Arc::new(Observed::of(summary.into(), at(0), Dur::secs(60))));
        }
    }
    world
}

#[test]
fn another_usable_copy_never_makes_it_worse() {
    for seed in 0..3_000 {
        let world = estates::world(seed);
        let scenario = estates::scenario(&Dice::new(seed ^ 0x77), &MODES);
        let before = judged(&world, &scenario, at(0));
        for ((id, a), (_, b)) in before.into_iter().zip(judged(&with_a_copy(&world), &scenario, at(0))) {
            assert!(
                b.verdict <= a.verdict,
                "estate {seed}, {id}, {scenario}: {} became {}",
                a.verdict,
                b.verdict
            );
        }
    }
}

/// The same figures, seen earlier.
fn aged(world: &World, dice: &Dice) -> World {
    fn earlier<T: Clone>(observed: &Observed<T>, by: Dur) -> Observed<T> {
        let Some(last) = observed.last().filter(|_| observed.failures() == 0) else {
            return observed.clone();
        };
        Observed::of(last.value.clone(), last.at - by, observed.every())
    }
    let mut world = world.clone();
    let by = || Dur::secs(if dice.often(50) { 0 } else { 1 + dice.below(200) as i64 });
    for (key, observed) in &mut world.seen.probes {
        // An undated figure is about the instant at which it was seen, and where
        // it serves is held against runs by that: older, these say another thing.
        if !matches!(key, ProbeKey::ActiveWhen { .. }) {
            *observed = Arc::new(earlier(observed, by()));
        }
    }
    let keys: Vec<_> = world.seen.copies.iter().map(|(key, _)| key).collect();
    keys.iter().for_each(|key| world.seen.copies.update(key, |seen| *seen = earlier(seen, by())));
    world.seen.postures.values_mut().for_each(|seen| *seen = Arc::new(earlier(seen, by())));
    world
}

#[test]
fn what_was_seen_earlier_never_looks_better() {
    for seed in 0..3_000 {
        let world = estates::world(seed);
        let scenario = estates::scenario(&Dice::new(seed ^ 0x99), &MODES);
        let aged = aged(&world, &Dice::new(seed ^ 0x55));
        let before = judged(&world, &scenario, at(0));
        for ((id, a), (_, b)) in before.into_iter().zip(judged(&aged, &scenario, at(0))) {
            assert!(
                a.verdict <= b.verdict,
                "estate {seed}, {id}, {scenario}: {} became {}",
                a.verdict,
                b.verdict
            );
        }
        let views = |w: &World| {
            let mut all = assess(&w.estate, &w.seen, at(0), &Scenario::default()).workloads;
            all.sort_by(|a, b| a.id.cmp(&b.id));
            all
        };
        for (a, b) in views(&world).into_iter().zip(views(&aged)) {
            let said = |w: &WorkloadView| {
                let reasons: Vec<_> = w.reasons.iter().map(ToString::to_string).collect();
                format!("{:?} {:?} {reasons:?} {:?}", w.state, w.rpo, w.if_home_lost)
            };
            assert!(a.state <= b.state, "estate {seed}, {}: {}\nbecame {}", a.id, said(&a), said(&b));
        }
    }
}

#[test]
fn ageing_never_narrows_an_interval() {
    for seed in 0..3_000 {
        let world = estates::world(seed);
        let scenario = estates::scenario(&Dice::new(seed ^ 0x31), &MODES);
        let aged = aged(&world, &Dice::new(seed ^ 0x13));
        let before = judged(&world, &scenario, at(0));
        for ((id, a), (_, b)) in before.into_iter().zip(judged(&aged, &scenario, at(0))) {
            // Only of the same recovery from the same sources.
            let same = |j: &Judged| {
                j.using
                    .iter()
                    .map(|u| (u.asset.clone(), u.copy.clone(), u.replica.clone(), u.point.clone()))
                    .collect::<Vec<_>>()
            };
            if a.to != b.to || same(&a) != same(&b) || a.loss.upper.is_none() {
                continue;
            }
            let inside =
                b.loss.lower >= a.loss.lower && b.loss.upper <= a.loss.upper && b.loss.upper.is_some();
            assert!(
                !inside || a.loss == b.loss,
                "estate {seed}, {id}, {scenario}: {:?} became {:?}",
                a.loss,
                b.loss
            );
        }
    }
}

#[test]
fn the_order_of_the_input_changes_nothing() {
    for seed in 0..2_000 {
        let world = estates::world(seed);
        let scenario = estates::scenario(&Dice::new(seed ^ 0x42), &MODES);
        let mut turned = world.clone();
        let estate = &mut turned.estate;
        estate.regions.reverse();
        estate.accounts.reverse();
        estate.domains.reverse();
        estate.stores.reverse();
        estate.workloads.reverse();
        estate.runbooks.reverse();
        for w in &mut estate.workloads {
            w.assets.reverse();
            w.active.reverse();
            w.depends_on.reverse();
        }
        let mut after = judged(&turned, &scenario, at(0));
        after.reverse();
        for ((id, a), (_, b)) in judged(&world, &scenario, at(0)).into_iter().zip(after) {
            let figures = |j: &Judged| (j.verdict, j.to.clone(), j.loss, j.rto, j.waits, j.objects);
            assert_eq!(figures(&a), figures(&b), "estate {seed}, {id}, {scenario}");
        }
    }
}
