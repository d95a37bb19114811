//! Branches, `for_each`, waves, runs inside runs, notices that are due.

use super::*;
use crate::record::Instance;

fn each(more: Value) -> Value {
    let mut step = command(
        "move",
        json!({ "for_each": { "shard": "00..03" }, "max_parallel": 4, "options": { "run": ["x", "{{ shard }}"] } }),
    );
    step.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    step
}

fn begun(steps: Value) -> Live {
    let mut run = Live::start(steps);
    run.settle();
    run
}

fn statuses(run: &Live) -> Vec<StepStatus> {
    run.machine.run().steps.iter().filter(|s| s.of.is_some()).map(|s| s.status).collect()
}

#[test]
fn a_step_is_done_once_for_each_and_ends_with_the_last() {
    let mut run = begun(json!([each(json!({})), command("next", json!({}))]));
    let actions: Vec<String> = run
        .machine
        .next(run.now)
        .into_iter()
        .filter_map(|t| match t {
            Todo::Attend { action, .. } => Some(action.summary()),
            _ => None,
        })
        .collect();
    assert_eq!(actions, ["x 00", "x 01", "x 02", "x 03"]);
    for shard in ["00", "01", "02", "03"] {
        assert_eq!(run.status("next"), S::Pending);
        run.ended(&format!("move.{shard}"), Succeeded);
    }
    assert_eq!((run.status("move"), run.status("next")), (S::Succeeded, S::Running));
    assert_eq!(run.reason("move"), "4 of 4 were done");
}

#[test]
fn only_so_many_at_once_and_none_after_a_failure() {
    let mut run = begun(json!([each(json!({ "max_parallel": 2 }))]));
    assert_eq!(statuses(&run), [S::Running, S::Running, S::Pending, S::Pending]);
    run.ended("move.00", Succeeded);
    assert_eq!(statuses(&run)[2], S::Running);
    run.ended("move.01", Failed);
    run.ended("move.02", Succeeded);
    assert_eq!(statuses(&run), [S::Succeeded, S::Failed, S::Succeeded, S::Pending], "somebody looks first");
    run.verb(Verb::Retry { step: "move.01".into() }).unwrap();
    run.settle();
    assert_eq!(statuses(&run)[3], S::Running);
    run.ended("move.01", Succeeded);
    run.ended("move.03", Succeeded);
    assert_eq!(run.machine.run().state, RunState::Completed);
}

#[test]
fn waves_stop_after_so_many_failures_even_if_failures_are_ignored() {
    let mut book = runbook(json!([each(json!({ "on_failure": "continue" })), command("next", json!({}))]));
    book.waves = Some(Waves { max_parallel: Some(1), stop_after_failures: Some(2) });
    let mut run = Live::new(&begin(of(&Estate::default(), &book)).unwrap());
    run.settle();
    run.ended("move.00", Failed);
    run.ended("move.01", Failed);
    assert_eq!(statuses(&run), [S::FailedIgnored, S::FailedIgnored, S::Pending, S::Pending]);
    let ask = &run.machine.asks()[0];
    assert!(matches!(&ask.kind, AskKind::Override { gate: Gate::Waves, .. }), "{ask:?}");
    let go_on = Verb::Override { gate: Gate::Waves, reason: "both are test shards".into(), typed: None };
    run.verb(go_on).unwrap();
    run.settle();
    run.ended("move.02", Succeeded);
    run.ended("move.03", Succeeded);
    assert_eq!((run.status("move"), run.status("next")), (S::FailedIgnored, S::Running));
}

/// Found by the laws: a run that was rolled back waited for ever.
#[test]
fn what_failed_in_waves_does_not_stop_the_cleanup() {
    let tidy = json!({ "id": "tidy", "kind": "command", "phase": "cleanup", "for_each": ["x", "y"],
        "options": { "run": ["./bin/tidy"] } });
    let mut book = runbook(json!([each(json!({ "on_failure": "continue" })), tidy]));
    book.waves = Some(Waves { max_parallel: Some(1), stop_after_failures: Some(1) });
    let mut run = Live::new(&begin(of(&Estate::default(), &book)).unwrap());
    run.settle();
    run.ended("move.00", Failed);
    run.verb(Verb::RollBack { reason: "not today".into() }).unwrap();
    run.settle();
    run.ended("tidy.x", Succeeded);
    run.ended("tidy.y", Succeeded);
    assert_eq!((run.status("tidy"), run.machine.run().state), (S::Succeeded, RunState::Cancelled));
}

#[test]
fn a_list_that_a_step_finds_is_asked_for_once() {
    let find = command("find", json!({ "outputs": { "shards": { "pointer": "/shards", "type": "list" } } }));
    let steps = json!([find, each(json!({ "for_each": { "shard": "{{ find.shards }}" } }))]);
    let mut run = begun(steps);
    let mut found = outcome(Succeeded, run.now);
    found.outputs.insert("shards".into(), json!(["blue", "green"]));
    run.record(&Event::AttemptEnded { step: "find".into(), number: 1, outcome: found, still_held: false });
    run.settle();
    let expanded = run.records.iter().find_map(|r| match r.event() {
        Some(Event::StepExpanded { instances, .. }) => Some(instances.clone()),
        _ => None,
    });
    let one = |name: &str| Instance {
        id: StepId::new(format!("move.{name}")),
        each: [("shard".to_owned(), json!(name))].into(),
    };
    assert_eq!(expanded.unwrap(), [one("blue"), one("green")]);
}

#[test]
fn what_a_list_cannot_be_fails_the_step_before_anything_acts() {
    for value in [json!([["nested"]]), json!("-rf"), json!({ "a": 1 })] {
        let find = command("find", json!({ "outputs": { "shards": "/shards" } }));
        let mut run = begun(json!([find, each(json!({ "for_each": { "shard": "{{ find.shards }}" } }))]));
        let mut found = outcome(Succeeded, run.now);
        found.outputs.insert("shards".into(), value.clone());
        run.record(&Event::AttemptEnded {
            step: "find".into(),
            number: 1,
            outcome: found,
            still_held: false,
        });
        run.settle();
        let acted: usize = run.machine.run().steps.iter().skip(1).map(|s| s.attempts.len()).sum();
        assert_eq!(acted, 0, "{value}");
        assert!(run.machine.run().steps.iter().any(|s| s.status == S::Failed), "{value}");
    }
}

#[test]
fn a_condition_about_each_leaves_out_only_those() {
    let mut run = begun(json!([each(json!({ "when": "shard != \"02\"" }))]));
    assert_eq!(statuses(&run), [S::Running, S::Running, S::Skipped, S::Running]);
    for shard in ["00", "01", "03"] {
        run.ended(&format!("move.{shard}"), Succeeded);
    }
    assert_eq!(run.machine.run().state, RunState::Completed);
}

/// `when` of a and b, `needs` of c → how b and c fare when a is left out.
#[test]
fn what_is_left_out_takes_its_branch_along_and_nothing_else() {
    let table = [
        ("in one line", json!(null), json!(null), S::Running, S::Pending),
        ("named", json!(["a"]), json!(null), S::Skipped, S::Running),
        ("named, and a third that names it", json!(["a"]), json!(["b"]), S::Skipped, S::Skipped),
        ("a third that needs one that runs too", json!(["a"]), json!(["b", "z"]), S::Skipped, S::Running),
    ];
    for (name, b, c, b_is, c_is) in table {
        let mut run = begun(json!([
            { "id": "z", "kind": "check", "options": { "probe": http_probe() } },
            command("a", json!({ "when": "deep" })),
            command("b", json!({ "needs": b })),
            command("c", json!({ "needs": c })),
        ]));
        run.answer("z", Question::Poll, Some(true));
        assert_eq!((run.status("a"), run.status("b"), run.status("c")), (S::Skipped, b_is, c_is), "{name}");
    }
    let asks = command("b", json!({ "needs": ["a"], "when": "a.state == skipped" }));
    let run = begun(json!([command("a", json!({ "when": "deep" })), asks]));
    assert_eq!(run.status("b"), S::Running, "it asks for just that");
}

#[test]
fn a_person_who_skips_takes_nothing_along() {
    let mut run = begun(json!([command("a", json!({})), command("b", json!({ "needs": ["a"] }))]));
    run.ended("a", Failed);
    run.verb(Verb::Skip { step: "a".into(), reason: "by hand".into() }).unwrap();
    run.settle();
    assert_eq!(run.status("b"), S::Running);
}

#[test]
fn a_condition_that_cannot_be_decided_fails_the_step_before_it_acts() {
    let look = command("look", json!({ "outputs": { "lag": "/lag" } }));
    let mut run = begun(json!([look, command("act", json!({ "when": "look.lag < 30s" }))]));
    run.ended("look", Succeeded);
    assert_eq!((run.status("act"), run.attempts("act")), (S::Failed, 0));
    assert!(run.reason("act").contains("left no output"), "{}", run.reason("act"));
}

#[test]
fn the_graceful_way_is_left_when_there_is_no_time_for_it() {
    let wait = json!({ "id": "drain", "kind": "wait", "timeout": 3600, "when": "graceful", "options": { "probe": http_probe() } });
    let rough = command("cut", json!({ "when": "not graceful" }));
    let mut book = runbook(json!([wait, rough, command("last", json!({}))]));
    book.kind = RunbookKind::Switchover;
    let mut run = Live::new(&begin(of(&Estate::default(), &book)).unwrap());
    run.settle();
    assert_eq!((run.machine.run().graceful, run.status("drain")), (true, S::Running));
    run.verb(Verb::Ungraceful { reason: "it does not drain".into() }).unwrap();
    run.settle();
    assert_eq!((run.status("drain"), run.status("cut")), (S::Skipped, S::Running));
    run.ended("cut", Succeeded);
    run.ended("last", Succeeded);
    assert_eq!(run.machine.run().state, RunState::CompletedWithExceptions);
}

fn child(more: Value) -> Value {
    let mut step = json!({ "id": "inner", "kind": "runbook", "options": { "runbook": "other", "with": { "to": "{{ to }}", "n": 3 } } });
    step.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    step
}

fn child_begins(run: &mut Live) {
    let Some(Todo::BeginChild { step, number, runbook, params }) =
        run.machine.next(run.now).into_iter().next()
    else {
        panic!("no run is begun: {:?}", run.machine.next(run.now))
    };
    assert_eq!((&params["to"], &params["n"]), (&json!("eu-central-1"), &json!(3)));
    let id = RunId::new(format!("run-{number}"));
    run.record(&Event::ChildIntended { step, number, run: id, runbook, params });
}

fn child_ends(run: &mut Live, number: u32, state: Option<RunState>) {
    let (step, detail) = ("inner".into(), "over".to_owned());
    run.record(&Event::ChildEnded { step, number, state, detail, outputs: BTreeMap::new() });
    run.settle();
}

#[test]
fn the_outcome_of_a_run_inside_a_run_is_the_steps() {
    use RunState::*;
    let table = [
        (Some(Completed), S::Succeeded, false),
        (Some(CompletedWithExceptions), S::Succeeded, true),
        (Some(Failed), S::Failed, false),
        (Some(Cancelled), S::Failed, false),
        (None, S::Failed, false),
    ];
    for (state, status, exception) in table {
        let mut run = begun(json!([child(json!({}))]));
        child_begins(&mut run);
        assert!(matches!(
            &run.machine.next(run.now)[0],
            Todo::AttendChild { may_start: true, cancel: false, .. }
        ));
        child_ends(&mut run, 1, state);
        assert_eq!(run.status("inner"), status, "{state:?}");
        assert_eq!(!run.machine.run().exceptions.is_empty(), exception, "{state:?}");
    }
}

#[test]
fn a_cancel_reaches_the_run_inside_and_a_retry_makes_a_new_one() {
    let mut run = begun(json!([child(json!({}))]));
    child_begins(&mut run);
    child_ends(&mut run, 1, Some(RunState::Failed));
    run.verb(Verb::Retry { step: "inner".into() }).unwrap();
    run.settle();
    child_begins(&mut run);
    run.verb(Verb::Cancel { reason: "x".into() }).unwrap();
    let Todo::AttendChild { run: id, cancel, may_start, .. } = &run.machine.next(run.now)[0] else {
        panic!()
    };
    assert_eq!((id.as_str(), *cancel, *may_start), ("run-2", true, false));
    child_ends(&mut run, 2, Some(RunState::Cancelled));
    assert_eq!((run.status("inner"), run.machine.run().state), (S::Cancelled, RunState::Cancelled));
}

#[test]
fn a_notice_is_due_whatever_the_run_is_doing() {
    let tell = json!({ "id": "tell", "kind": "notify", "options": { "to": "regulator", "message": "we moved to {{ to }}", "due": "4h" } });
    let mut run = begun(json!([{ "id": "m", "kind": "manual" }, tell]));
    let due = run.machine.run().step("tell").unwrap().due.unwrap();
    assert_eq!(due, run.machine.run().started_at + Dur::secs(4 * 3_600));
    assert_eq!(run.machine.next(run.now), [Todo::Wake(due)]);
    run.now = due;
    run.settle();
    assert!(run.machine.run().exceptions[0].1.contains("was due"));
    run.verb(Verb::Submit { step: "m".into(), fields: BTreeMap::new() }).unwrap();
    run.settle();
    let Todo::Attend { action, .. } = &run.machine.next(run.now)[0] else { panic!() };
    assert_eq!(action.summary(), "tell regulator: we moved to eu-central-1");
    run.ended("tell", Succeeded);
    assert_eq!(run.machine.run().state, RunState::CompletedWithExceptions);
}

#[test]
fn outputs_are_of_their_type_or_not_there() {
    let look = command("look", json!({ "outputs": { "rows": { "pointer": "/rows", "type": "integer" } } }));
    let steps = json!([look, command("act", json!({ "options": { "run": ["x", "{{ look.rows }}"] } }))]);
    for (value, status) in [(json!(41), S::Running), (json!("41"), S::Failed), (json!(null), S::Failed)] {
        let mut run = begun(steps.clone());
        let mut looked = outcome(Succeeded, run.now);
        looked.outputs.insert("rows".into(), value.clone());
        run.record(&Event::AttemptEnded {
            step: "look".into(),
            number: 1,
            outcome: looked,
            still_held: false,
        });
        run.settle();
        assert_eq!((run.status("look"), run.status("act")), (S::Succeeded, status), "{value}");
        assert_eq!(run.machine.run().exceptions.is_empty(), status == S::Running, "{value}");
    }
}

#[test]
fn every_effect_is_read_with_everything_filled_in() {
    let record = json!({ "name": "shop.example.", "type": "A", "ttl": "60s", "data": ["10.0.0.2"] });
    let table = [
        (
            "dns",
            json!({ "server": "10.0.0.53:53", "zone": "example.", "record": record, "require": [{ "name": "shop.example.", "type": "A", "data": ["10.0.0.1"] }] }),
            "shop.example. A becomes 10.0.0.2 at 10.0.0.53:53",
        ),
        (
            "restore",
            json!({ "asset": "shop/db", "at": "2026-11-22T14:05:00Z", "into": "{{ to }}" }),
            "restore shop/db from 2026-11-22T14:05:00Z into eu-central-1",
        ),
        (
            "copy",
            json!({ "from": "a", "to": { "store": "b", "path": "{{ to }}" }, "rate": "10MiB" }),
            "copy a to {\"path\":\"eu-central-1\",\"store\":\"b\"}",
        ),
        (
            "notify",
            json!({ "to": ["ops", "shop"], "message": "moving to {{ to }}" }),
            "tell ops, shop: moving to eu-central-1",
        ),
    ];
    for (kind, options, summary) in table {
        let run = begun(json!([{ "id": "s", "kind": kind, "options": options }]));
        let Todo::Attend { action, .. } = &run.machine.next(run.now)[0] else { panic!("{kind}") };
        assert_eq!(action.summary(), summary);
    }
    let bad = [
        (
            "dns",
            json!({ "server": "x", "zone": "y", "record": { "name": "a", "type": "A", "data": [] } }),
            "empty",
        ),
        ("restore", json!({ "asset": "a/b", "group": "g" }), "both"),
        ("restore", json!({ "asset": "a/b", "point": "p", "at": "2026-11-22T14:05:00Z" }), "keep one"),
        ("restore", json!({ "asset": "a/b", "at": "yesterday" }), "no instant"),
        ("copy", json!({ "from": "a" }), "`to`"),
    ];
    for (kind, options, why) in bad {
        let problem =
            try_begin(json!([{ "id": "s", "kind": kind, "options": options }]), Mode::Live).unwrap_err();
        assert!(problem.why.contains(why), "{problem}");
    }
}
