//! Undo, roll back, commit, goals, cleanup: how a run ends, and what is taken
//! back.

use super::*;

fn undoable(id: &str, more: Value) -> Value {
    let mut step = command(id, json!({ "undo": ["./bin/undo", id] }));
    step.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    step
}

fn undos(run: &Live) -> Vec<String> {
    let of = |r: &Record| match r.event() {
        Some(Event::UndoIntended { step, .. }) => Some(step.to_string()),
        _ => None,
    };
    run.records.iter().filter_map(of).collect()
}

fn back(reason: &str) -> Verb {
    Verb::RollBack { reason: reason.into() }
}

#[test]
fn rolling_back_undoes_what_was_done_newest_first() {
    let steps = json!([
        undoable("a", json!({})),
        command("b", json!({})),
        undoable("c", json!({})),
        undoable("d", json!({}))
    ]);
    let mut run = Live::start(steps);
    run.settle();
    for step in ["a", "b", "c"] {
        run.ended(step, Succeeded);
    }
    run.verb(back("wrong region")).unwrap();
    run.settle();
    assert_eq!(run.machine.run().state, RunState::RollingBack);
    assert!(undos(&run).is_empty(), "d still acts");
    run.ended("d", Failed);
    assert_eq!(undos(&run), ["c"], "d failed: there is nothing of it to take back");
    run.ended("c", Succeeded);
    run.ended("a", Succeeded);
    assert_eq!(undos(&run), ["c", "a"]);
    assert_eq!(["a", "b", "c", "d"].map(|s| run.status(s)), [S::Undone, S::Succeeded, S::Undone, S::Failed]);
    assert_eq!(run.machine.run().state, RunState::Cancelled);
}

#[test]
fn a_failure_rolls_back_by_itself_where_the_plan_says_so() {
    let steps = json!([undoable("a", json!({})), command("b", json!({ "on_failure": "roll_back" }))]);
    let mut run = Live::start(steps);
    run.settle();
    run.ended("a", Succeeded);
    run.ended("b", Failed);
    assert_eq!(undos(&run), ["a"]);
    run.ended("a", Succeeded);
    assert_eq!(run.machine.run().state, RunState::Failed);
}

#[test]
fn nothing_is_taken_back_from_before_a_point_of_no_return() {
    let point = command("b", json!({ "point_of_no_return": true }));
    let mut run = Live::start(json!([
        undoable("a", json!({})),
        point.clone(),
        undoable("c", json!({})),
        command("d", json!({}))
    ]));
    run.settle();
    for step in ["a", "b", "c"] {
        run.ended(step, Succeeded);
    }
    let problem = run.verb(Verb::Undo { step: "a".into(), reason: "x".into() }).unwrap_err();
    assert!(problem.why.contains("point of no return"), "{problem}");
    run.verb(back("as far as it goes")).unwrap();
    run.settle();
    run.ended("d", Cancelled);
    run.verb(Verb::Settle { step: "d".into(), done: false, reason: "looked".into() }).unwrap();
    run.settle();
    run.ended("c", Succeeded);
    assert_eq!((undos(&run), run.machine.run().state), (vec!["c".to_owned()], RunState::Failed));

    let mut run = Live::start(json!([
        undoable("a", json!({})),
        point,
        command("e", json!({ "on_failure": "roll_back" }))
    ]));
    run.settle();
    run.ended("a", Succeeded);
    run.ended("b", Unknown);
    assert!(run.verb(back("x")).unwrap_err().why.contains("no return"), "it may have been passed");
    run.verb(Verb::Settle { step: "b".into(), done: true, reason: "it did".into() }).unwrap();
    run.settle();
    run.ended("e", Failed);
    assert_eq!(
        (run.status("e"), run.machine.run().state),
        (S::Failed, RunState::Waiting),
        "{}",
        run.reason("e")
    );
}

#[test]
fn a_roll_back_waits_for_what_nobody_knows() {
    let steps = json!([undoable("a", json!({})), undoable("b", json!({}))]);
    let mut run = Live::start(steps);
    run.settle();
    run.ended("a", Succeeded);
    run.ended("b", Unknown);
    run.verb(back("x")).unwrap();
    run.settle();
    assert!(undos(&run).is_empty());
    assert_eq!(run.machine.asks()[0].kind, AskKind::Settle);
    run.verb(Verb::Settle { step: "b".into(), done: true, reason: "looked".into() }).unwrap();
    run.settle();
    assert_eq!(undos(&run), ["b"]);
    run.ended("b", Unknown);
    assert_eq!(run.status("b"), S::Indeterminate, "an undo that left nothing behind is as unknown as any");
    run.verb(Verb::Settle { step: "b".into(), done: false, reason: "looked".into() }).unwrap();
    run.settle();
    assert_eq!(run.machine.asks()[0].kind, AskKind::UndoFailed);
    run.verb(Verb::Undo { step: "b".into(), reason: "again".into() }).unwrap();
    run.settle();
    run.ended("b", Failed);
    run.verb(Verb::Skip { step: "b".into(), reason: "it stays".into() }).unwrap();
    run.settle();
    run.ended("a", Succeeded);
    assert_eq!((undos(&run).len(), run.machine.run().state), (3, RunState::Cancelled));
}

/// The probe's answer after an undo → the step.
#[test]
fn an_undo_is_proven_by_a_verify_that_no_longer_holds() {
    for (after, status) in [(Some(false), S::Undone), (Some(true), S::Failed), (None, S::Indeterminate)] {
        let mut run = Live::start(json!([
            undoable("a", json!({ "verify": http_probe() })),
            command("b", json!({ "needs": [] }))
        ]));
        run.settle();
        run.answer("a", Question::Before, Some(false));
        run.ended("a", Succeeded);
        run.answer("a", Question::Verify, Some(true));
        run.verb(Verb::Undo { step: "a".into(), reason: "x".into() }).unwrap();
        run.settle();
        run.ended("a", Succeeded);
        run.answer("a", Question::Verify, after);
        assert_eq!(run.status("a"), status, "{after:?}");
    }
}

#[test]
fn one_step_is_undone_unless_something_rests_on_it() {
    let mut run = Live::start(json!([
        undoable("a", json!({})),
        undoable("b", json!({})),
        json!({ "id": "m", "kind": "manual" })
    ]));
    run.settle();
    run.ended("a", Succeeded);
    run.ended("b", Succeeded);
    let undo = |s: &str| Verb::Undo { step: s.into(), reason: "x".into() };
    assert!(run.verb(undo("a")).unwrap_err().why.contains("b rests on it"));
    run.verb(undo("b")).unwrap();
    run.settle();
    run.ended("b", Succeeded);
    assert_eq!(run.status("b"), S::Undone);
    run.verb(Verb::Retry { step: "b".into() }).unwrap();
    run.settle();
    run.ended("b", Succeeded);
    assert_eq!((run.attempts("b"), run.status("b")), (3, S::Succeeded));
}

fn goal(more: Value) -> Value {
    let mut step = json!({ "id": "serves", "kind": "wait", "phase": "goal", "timeout": 60,
        "options": { "probe": http_probe(), "stable": 10 } });
    step.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    step
}

/// What the goal does, what a person then does → how the run ends.
#[test]
fn a_run_is_completed_only_when_its_goals_hold() {
    let miss = |run: &mut Live| {
        run.pass(Dur::secs(60));
        assert_eq!(run.status("serves"), S::TimedOut);
    };
    let mut run = Live::start(json!([command("a", json!({})), goal(json!({}))]));
    run.settle();
    run.ended("a", Succeeded);
    run.answer("serves", Question::Poll, Some(true));
    run.pass(Dur::secs(9));
    run.answer("serves", Question::Poll, Some(true));
    assert_eq!(run.machine.run().state, RunState::Running, "it has to hold for its window");
    run.pass(Dur::secs(1));
    run.answer("serves", Question::Poll, Some(true));
    assert_eq!(run.machine.run().state, RunState::Completed);

    for (end, state) in [
        (
            Verb::Skip { step: "serves".into(), reason: "good enough".into() },
            RunState::CompletedWithExceptions,
        ),
        (Verb::Cancel { reason: "it does not serve".into() }, RunState::Failed),
    ] {
        let mut run = Live::start(json!([command("a", json!({})), goal(json!({}))]));
        run.settle();
        run.ended("a", Succeeded);
        miss(&mut run);
        run.verb(end).unwrap();
        run.settle();
        assert_eq!(run.machine.run().state, state);
    }
    let acting = command("a", json!({ "phase": "goal" }));
    assert!(try_begin(json!([acting]), Mode::Live).is_err(), "a goal only looks");
}

#[test]
fn a_run_that_is_committed_by_a_person_can_be_rolled_back_until_then() {
    let begun = || {
        let mut book =
            runbook(json!([undoable("a", json!({})), command("tidy", json!({ "phase": "cleanup" }))]));
        book.commit = CommitBy::Person;
        let mut run = Live::new(&begin(of(&Estate::default(), &book)).unwrap());
        run.settle();
        run.ended("a", Succeeded);
        assert_eq!((run.machine.asks()[0].kind.clone(), run.status("tidy")), (AskKind::Commit, S::Pending));
        assert_eq!(run.machine.run().stable_at, Some(run.now));
        run
    };
    let mut run = begun();
    run.pass(Dur::secs(3_600));
    assert_eq!(run.machine.run().rta(run.now), Dur::ZERO, "the clock of the recovery has stopped");
    run.verb(Verb::Commit { reason: "customers are served".into() }).unwrap();
    run.settle();
    assert!(run.verb(back("too late")).unwrap_err().why.contains("committed"));
    run.ended("tidy", Succeeded);
    assert_eq!(run.machine.run().state, RunState::Completed);

    let mut run = begun();
    run.verb(back("the new primary is slow")).unwrap();
    run.settle();
    run.ended("a", Succeeded);
    run.ended("tidy", Succeeded);
    assert_eq!((run.status("a"), run.machine.run().state), (S::Undone, RunState::Cancelled));
}

#[test]
fn cleanup_is_done_after_a_cancel_too_and_a_second_cancel_ends_it() {
    let steps = json!([
        command("a", json!({})),
        command("b", json!({})),
        command("tidy", json!({ "phase": "cleanup" }))
    ]);
    let cancel = || Verb::Cancel { reason: "enough".into() };
    let mut run = Live::start(steps.clone());
    run.settle();
    run.verb(cancel()).unwrap();
    run.settle();
    assert_eq!(run.status("tidy"), S::Pending, "a still acts");
    run.ended("a", Cancelled);
    assert_eq!(["a", "b", "tidy"].map(|s| run.status(s)), [S::Cancelled, S::Cancelled, S::Running]);
    run.ended("tidy", Failed);
    assert_eq!(run.machine.asks()[0].kind, AskKind::Failed);
    run.verb(cancel()).unwrap();
    run.settle();
    assert_eq!(run.machine.run().state, RunState::Cancelled);

    let mut run = Live::new(&try_begin(steps, Mode::Live).unwrap());
    run.verb(cancel()).unwrap();
    run.settle();
    assert_eq!(run.machine.run().state, RunState::Cancelled, "nothing was done that it could clean up");
}

/// Found by the laws: such a run waited for ever and asked nothing.
#[test]
fn who_cancels_a_way_back_that_nobody_knows_the_end_of_still_gets_the_cleanup() {
    let mut run = Live::start(json!([
        undoable("a", json!({})),
        command("b", json!({})),
        command("tidy", json!({ "phase": "cleanup" }))
    ]));
    run.settle();
    run.ended("a", Succeeded);
    run.ended("b", Failed);
    run.verb(back("wrong region")).unwrap();
    run.settle();
    run.ended("a", Unknown);
    assert_eq!(run.status("a"), S::Indeterminate);
    assert_eq!(run.attempts("tidy"), 0, "what nobody knows is settled first");
    run.verb(Verb::Cancel { reason: "I do it by hand".into() }).unwrap();
    run.settle();
    run.ended("tidy", Succeeded);
    assert_eq!(run.machine.run().state, RunState::Cancelled);
}
