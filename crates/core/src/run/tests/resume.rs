//! Taking up a run where others cannot. Rundeck resumes a job only while its
//! workflow is unedited and not after a manual kill or a crash of its server;
//! Ansible's `--start-at-task` goes by a task's name and fails where tasks are
//! included while it runs. Each of these is a test here.

use super::{laws::checked, *};
use crate::record::parse;

/// What a killed process leaves: the bytes of its journal, and nothing else.
fn killed(run: &Live) -> Live {
    let mut bytes = Vec::new();
    let mut prev = GENESIS.to_owned();
    for record in &run.records {
        let (line, again) =
            encode(record.seq, record.at, &record.by, &prev, record.event().unwrap()).unwrap();
        prev.clone_from(&again.sum);
        bytes.extend(line);
    }
    let records = parse(&bytes).unwrap().records;
    let mut next = Live { machine: Machine::replay(&records).unwrap(), records, now: run.now };
    assert_eq!(next.machine, run.machine);
    let epoch = next.machine.next_epoch();
    next.record(&Event::TakenUp { epoch, host: "other".into(), pid: 2, version: "0".into(), cut: 0 });
    next
}

#[test]
fn after_its_server_was_killed_a_run_goes_on_at_the_same_step() {
    let mut run =
        Live::start(json!([command("a", json!({})), command("b", json!({})), command("c", json!({}))]));
    run.settle();
    run.ended("a", Succeeded);
    let mut run = killed(&run);
    run.settle();
    assert_eq!(["a", "b", "c"].map(|s| run.attempts(s)), [1, 1, 0], "a is not done again, b is followed");
    assert!(matches!(&run.machine.next(run.now)[0], Todo::Attend { number: 1, may_start: true, .. }));
    run.ended("b", Unknown);
    let mut run = killed(&run);
    run.settle();
    assert_eq!((run.status("b"), run.attempts("b")), (S::Indeterminate, 1), "and never again unasked");
    run.verb(Verb::Settle { step: "b".into(), done: true, reason: "I looked".into() }).unwrap();
    run.settle();
    run.ended("c", Succeeded);
    assert_eq!(run.machine.run().state, RunState::CompletedWithExceptions);
}

#[test]
fn a_plan_that_was_edited_goes_on_after_a_kill() {
    let steps = json!([command("a", json!({})), command("b", json!({})), command("c", json!({}))]);
    let mut run = Live::start(steps);
    run.settle();
    run.ended("a", Succeeded);
    run.ended("b", Failed);
    let plan = |id: &str, arg: &str| {
        let value = command(id, json!({ "options": { "run": ["./bin/act", arg] } }));
        Box::new(serde_json::from_value::<StepPlan>(value).unwrap())
    };
    let edits = vec![
        PlanEdit::Replace { step: plan("b", "better") },
        PlanEdit::Add { after: Some("b".into()), step: plan("b2", "more") },
        PlanEdit::Remove { id: "c".into() },
    ];
    run.verb(Verb::Edit { edits, reason: "the path has moved".into() }).unwrap();
    let mut run = killed(&run);
    run.verb(Verb::Retry { step: "b".into() }).unwrap();
    run.settle();
    let Todo::Attend { action, number, .. } = &run.machine.next(run.now)[0] else { panic!() };
    assert_eq!((action.summary().as_str(), *number), ("./bin/act better", 2));
    run.ended("b", Succeeded);
    let mut run = killed(&run);
    run.settle();
    run.ended("b2", Succeeded);
    let ids: Vec<&str> = run.machine.run().steps.iter().map(|s| s.plan.id.as_str()).collect();
    assert_eq!((ids, run.machine.run().state), (vec!["a", "b", "b2"], RunState::CompletedWithExceptions));
}

#[test]
fn the_part_that_was_found_while_it_ran_is_still_the_same_after_a_kill() {
    let find = command("find", json!({ "outputs": { "hosts": "/hosts" } }));
    let act = command(
        "act",
        json!({ "for_each": { "host": "{{ find.hosts }}" }, "max_parallel": 1, "options": { "run": ["x", "{{ host }}"] } }),
    );
    let mut run = Live::start(json!([find, act, command("last", json!({}))]));
    run.settle();
    let mut found = outcome(Succeeded, run.now);
    found.outputs.insert("hosts".into(), json!(["db1", "db2", "db3"]));
    run.record(&Event::AttemptEnded { step: "find".into(), number: 1, outcome: found, still_held: false });
    run.settle();
    run.ended("act.db1", Succeeded);
    let mut run = killed(&run);
    run.settle();
    assert_eq!(["act.db1", "act.db2", "act.db3"].map(|s| run.attempts(s)), [1, 1, 0]);
    run.ended("act.db2", Succeeded);
    run.ended("act.db3", Succeeded);
    assert_eq!(run.status("last"), S::Running);
}

/// An edit that is refused, and why.
#[test]
fn what_has_begun_stays_as_it_was() {
    let step =
        |id: &str, more: Value| Box::new(serde_json::from_value::<StepPlan>(command(id, more)).unwrap());
    let begun = || {
        let mut run =
            Live::start(json!([command("a", json!({})), command("b", json!({})), command("c", json!({}))]));
        run.settle();
        run.ended("a", Succeeded);
        run
    };
    let table = [
        (vec![], "nothing is changed"),
        (vec![PlanEdit::Replace { step: step("a", json!({ "idempotent": true })) }], "cannot be changed"),
        (vec![PlanEdit::Remove { id: "b".into() }], "cannot be changed"),
        (vec![PlanEdit::Remove { id: "x".into() }], "no step x"),
        (vec![PlanEdit::Replace { step: step("c", json!({ "needs": ["c"] })) }], "needs itself"),
        (vec![PlanEdit::Replace { step: step("c", json!({ "needs": ["x"] })) }], "no step"),
        (vec![PlanEdit::Replace { step: step("c", json!({ "when": "nobody" })) }], "no parameter"),
        (vec![PlanEdit::Replace { step: step("c", json!({ "options": { "run": ["../x"] } })) }], "outside"),
        (vec![PlanEdit::Add { after: None, step: step("b", json!({})) }], "twice"),
    ];
    for (edits, why) in table {
        let run = begun();
        let verb = Verb::Edit { edits: edits.clone(), reason: "x".into() };
        let problem = run.machine.command(&verb, &"ada".into()).unwrap_err();
        assert!(problem.why.contains(why), "{edits:?}: {problem}");
    }
}

#[test]
fn an_approval_given_for_a_plan_is_not_one_for_another() {
    let gate = json!({ "id": "ok", "kind": "approve" });
    let mut run = Live::start(json!([gate, { "id": "m", "kind": "manual" }, command("act", json!({}))]));
    run.settle();
    let approve = |run: &mut Live, by: &str| {
        let AskKind::Approve { of, .. } = run.machine.asks()[0].kind.clone() else { panic!() };
        run.verb_by(by, Verb::Approve { step: "ok".into(), of }).unwrap();
        run.settle();
    };
    approve(&mut run, "bo");
    assert_eq!(run.status("m"), S::AwaitingInput);
    let plan = command("act", json!({ "options": { "run": ["./bin/other"] } }));
    let edits = vec![PlanEdit::Replace { step: Box::new(serde_json::from_value(plan).unwrap()) }];
    run.verb_by("cy", Verb::Edit { edits, reason: "x".into() }).unwrap();
    run.settle();
    assert_eq!(run.status("ok"), S::AwaitingApproval, "what was approved is not what will be done");
    let AskKind::Approve { of, .. } = run.machine.asks()[0].kind.clone() else { panic!() };
    let editor = run.verb_by("cy", Verb::Approve { step: "ok".into(), of }).unwrap_err();
    assert!(editor.why.contains("changed the plan"), "{editor}");
    approve(&mut run, "bo");
    assert_eq!(run.status("ok"), S::Succeeded);
}

fn prechecked(items: &[PrecheckItem]) -> Live {
    let (estate, book) = (Estate::default(), runbook(json!([command("a", json!({}))])));
    let mut run = Live::new(&begin(Begin { precheck: true, ..of(&estate, &book) }).unwrap());
    assert_eq!(
        (run.machine.next(run.now), run.machine.run().state),
        (vec![Todo::Precheck], RunState::Prechecking)
    );
    run.record(&Event::Prechecked { items: items.to_vec() });
    run.settle();
    run
}

/// States of the items → whether the run begins by itself.
#[test]
fn red_and_unknown_stop_a_run_before_it_begins() {
    use CheckState::*;
    for (states, begins) in
        [(vec![Ok, Warning], true), (vec![], true), (vec![Ok, Red], false), (vec![Unknown], false)]
    {
        let items: Vec<_> =
            states.iter().enumerate().map(|(n, s)| checked(&format!("i{n}"), *s, true)).collect();
        let run = prechecked(&items);
        assert_eq!(run.attempts("a") == 1, begins, "{states:?}");
        assert_eq!(run.machine.asks().is_empty(), begins, "{states:?}");
    }
}

#[test]
fn a_red_check_never_blocks_an_emergency_but_it_has_a_reason() {
    let over = |item: &str, reason: &str| Verb::Override {
        gate: Gate::Precheck { item: item.into() },
        reason: reason.into(),
        typed: None,
    };
    let items = [checked("a", CheckState::Red, true), checked("b", CheckState::Unknown, true)];
    let mut run = prechecked(&items);
    assert!(run.verb(over("a", "")).is_err());
    assert!(run.verb(over("c", "x")).is_err());
    run.verb(over("a", "the standby is all we have")).unwrap();
    run.settle();
    assert_eq!(run.attempts("a"), 0, "one is not the other");
    run.verb(over("*", "go")).unwrap();
    run.settle();
    assert_eq!(run.attempts("a"), 1);

    let mut run = prechecked(&[checked("identity", CheckState::Red, false)]);
    assert!(run.verb(over("*", "go")).unwrap_err().why.contains("cannot be overridden"));
    run.verb(Verb::Recheck).unwrap();
    assert_eq!(run.machine.next(run.now), [Todo::Precheck]);
    run.record(&Event::Prechecked { items: vec![checked("identity", CheckState::Ok, false)] });
    run.settle();
    assert_eq!(run.attempts("a"), 1);
}

/// Found by the laws: what was done outside a blocked run was tidied up, though
/// nothing of that run may act.
#[test]
fn a_run_that_may_not_begin_counts_nothing_as_done() {
    let mut run = prechecked(&[checked("identity", CheckState::Red, true)]);
    let outside = || Verb::DoneOutside { step: "a".into(), evidence: "a screenshot".into() };
    let problem = run.verb(outside()).unwrap_err();
    assert!(problem.why.contains("may not begin yet"), "{problem}");
    run.verb(Verb::Override {
        gate: Gate::Precheck { item: "*".into() },
        reason: "it is all we have".into(),
        typed: None,
    })
    .unwrap();
    run.verb(outside()).unwrap();
    assert_eq!(run.status("a"), S::Succeeded);
}

#[test]
fn nothing_goes_on_when_the_journal_cannot_be_written() {
    let mut run = Live::start(json!([command("a", json!({ "needs": [] })), command("b", json!({}))]));
    run.settle();
    run.record(&Event::WentReadOnly { why: "fsync: input/output error".into() });
    assert!(run.machine.next(run.now).is_empty() && run.machine.asks().is_empty());
    let problem = run.machine.command(&Verb::Pause, &"ada".into()).unwrap_err();
    assert_eq!(problem.code, Code::JOURNAL_WRITE);
    let mut run = killed(&run);
    run.settle();
    run.ended("a", Succeeded);
    assert_eq!(run.status("b"), S::Running);
}
