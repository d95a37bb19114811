//! What is left of a run beside its RTO.

use super::*;

fn book(target: Option<Dur>) -> Live {
    let steps = json!([
        command("fence", json!({ "takes": 60 })),
        command("promote", json!({ "takes": 120 })),
        command("warm", json!({ "needs": [], "takes": 30 })),
        command("dns", json!({ "needs": ["promote", "warm"], "takes": 90 })),
        command("tidy", json!({ "phase": "cleanup", "takes": 9_000 })),
    ]);
    let (estate, book) = (Estate::default(), runbook(steps));
    let mut run = Live::new(&begin(Begin { rto_target: target, ..of(&estate, &book) }).unwrap());
    run.settle();
    run
}

fn path(run: &Live) -> (Option<i64>, Vec<String>) {
    let left = run.machine.remaining(&Durations::new(), run.now);
    (left.left.map(|d| d.as_millis() / 1_000), left.path.iter().map(ToString::to_string).collect())
}

#[test]
fn the_longest_way_shrinks_as_steps_pass() {
    let mut run = book(None);
    let all = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
    assert_eq!(path(&run), (Some(270), all(&["fence", "promote", "dns"])));
    run.pass(Dur::secs(40));
    assert_eq!(path(&run).0, Some(230));
    run.pass(Dur::secs(100));
    assert_eq!(path(&run).0, Some(210), "a step that takes longer than it should has nothing left, not less");
    run.ended("fence", Succeeded);
    assert_eq!(path(&run), (Some(210), all(&["promote", "dns"])));
    run.ended("promote", Failed);
    assert_eq!(path(&run).0, Some(210), "it has to be done again");
}

#[test]
fn what_is_known_from_drills_is_better_than_what_was_declared() {
    let run = book(None);
    let drilled = Durations::from([("promote".into(), Dur::secs(300))]);
    assert_eq!(run.machine.remaining(&drilled, run.now).left, Some(Dur::secs(450)));
}

/// Target, passed → late?
#[test]
fn the_target_is_missed_kept_or_nobody_can_say() {
    for (target, passed, late) in [(300, 0, Some(false)), (269, 0, Some(true)), (300, 100, Some(true))] {
        let mut run = book(Some(Dur::secs(target)));
        run.pass(Dur::secs(passed));
        assert_eq!(run.machine.remaining(&Durations::new(), run.now).is_late(), late, "{target} {passed}");
    }
    let steps = json!([command("a", json!({ "takes": 60 })), command("b", json!({}))]);
    let book = runbook(steps);
    for (target, late) in [(600, None), (30, Some(true))] {
        let estate = Estate::default();
        let run =
            Live::new(&begin(Begin { rto_target: Some(Dur::secs(target)), ..of(&estate, &book) }).unwrap());
        let left = run.machine.remaining(&Durations::new(), run.now);
        assert_eq!((left.left, left.at_least, left.is_late()), (None, Dur::secs(60), late));
        assert_eq!(left.unknown, ["b"]);
    }
    assert_eq!(
        Live::new(&begin(of(&Estate::default(), &book)).unwrap())
            .machine
            .remaining(&Durations::new(), Time::UNIX_EPOCH)
            .is_late(),
        None
    );
}
