//! Steps that are people's: approving, choosing, working by hand; and who may
//! do what.

use super::*;

fn estate() -> Estate {
    Estate {
        operators: serde_json::from_value(json!([
            { "id": "ada", "roles": ["commander"] }, { "id": "bo", "roles": ["dba"] },
            { "id": "cy", "roles": ["dba", "approver"] }, { "id": "ob", "roles": ["observer"] },
            { "id": "ap", "roles": ["approver"] },
        ]))
        .unwrap(),
        ..Estate::default()
    }
}

fn peopled(steps: Value) -> Live {
    let mut run = Live::new(&begin(of(&estate(), &runbook(steps))).unwrap());
    run.settle();
    run
}

fn digest(run: &Live) -> String {
    match &run.machine.asks()[0].kind {
        AskKind::Approve { of, .. } => of.clone(),
        other => panic!("{other:?}"),
    }
}

fn approve(run: &mut Live, by: &str, step: &str) -> Result<(), Problem> {
    let of = digest(run);
    run.verb_by(by, Verb::Approve { step: step.into(), of })?;
    run.settle();
    Ok(())
}

#[test]
fn two_people_with_the_role_agree_and_neither_started_it() {
    let gate = json!({ "id": "ok", "kind": "approve", "options": { "need": 2, "roles": ["dba"] } });
    let mut run = peopled(json!([gate, command("act", json!({}))]));
    assert_eq!((run.status("ok"), run.machine.run().state), (S::AwaitingApproval, RunState::Waiting));
    let refused = [("ada", "started"), ("ap", "dba"), ("ob", "no role"), ("nobody", "no role")];
    for (by, why) in refused {
        let problem = approve(&mut run, by, "ok").unwrap_err();
        assert_eq!(problem.code, Code::RUN_ROLE, "{by}");
        assert!(problem.why.contains(why), "{by}: {problem}");
    }
    approve(&mut run, "bo", "ok").unwrap();
    assert!(approve(&mut run, "bo", "ok").unwrap_err().why.contains("already"), "one person is one word");
    assert_eq!(run.status("ok"), S::AwaitingApproval);
    approve(&mut run, "cy", "ok").unwrap();
    assert_eq!((run.status("ok"), run.status("act")), (S::Succeeded, S::Running));
}

#[test]
fn an_approve_that_nobody_gives_in_time_or_that_is_declined_stops_the_run() {
    let gate = json!({ "id": "ok", "kind": "approve", "options": { "within": "10m" } });
    let mut run = peopled(json!([gate]));
    assert_eq!(run.machine.next(run.now), [Todo::Wake(run.now + Dur::secs(600))]);
    run.pass(Dur::secs(600));
    assert_eq!(run.status("ok"), S::TimedOut);
    run.verb(Verb::Retry { step: "ok".into() }).unwrap();
    run.settle();
    run.verb_by("ap", Verb::Decline { step: "ok".into(), reason: "not tonight".into() }).unwrap();
    assert_eq!(run.status("ok"), S::Failed);
    assert!(run.reason("ok").contains("ap declined: not tonight"));
}

#[test]
fn approvals_of_a_step_lapse_before_it_begins_and_a_retry_asks_again() {
    let wanted = json!({ "need": 2, "roles": ["dba"], "within": "5m" });
    let mut run = peopled(json!([command("act", json!({ "approvals": wanted }))]));
    approve(&mut run, "bo", "act").unwrap();
    run.now = run.now + Dur::secs(301);
    approve(&mut run, "cy", "act").unwrap();
    assert_eq!(run.status("act"), S::AwaitingApproval, "the first word is too old by now");
    approve(&mut run, "bo", "act").unwrap();
    assert_eq!(run.status("act"), S::Running);
    run.ended("act", Failed);
    run.verb(Verb::Retry { step: "act".into() }).unwrap();
    run.settle();
    assert_eq!((run.status("act"), run.attempts("act")), (S::AwaitingApproval, 1));
}

#[test]
fn an_approval_is_of_exactly_what_was_shown() {
    let mut run = peopled(json!([command("act", json!({ "approvals": 1 }))]));
    let stale = Verb::Approve { step: "act".into(), of: "0123456789abcdef".into() };
    assert!(run.verb_by("bo", stale).unwrap_err().why.contains("no longer what was shown"));
    let of = digest(&run);
    let mut plan = run.machine.run().runbook.steps[0].clone();
    plan.options.insert("run".into(), json!(["./bin/other"]));
    run.verb(Verb::Edit { edits: vec![PlanEdit::Replace { step: Box::new(plan) }], reason: "typo".into() })
        .unwrap();
    run.settle();
    assert_ne!(digest(&run), of);
    assert!(run.verb_by("bo", Verb::Approve { step: "act".into(), of }).is_err(), "it was for the old plan");
    approve(&mut run, "bo", "act").unwrap();
    assert_eq!(run.status("act"), S::Running);
}

#[test]
fn nobody_is_there_to_approve_and_the_commander_goes_on_by_name() {
    let mut run = peopled(json!([command("act", json!({ "approvals": 2 }))]));
    let gate = || Gate::Approvals { step: "act".into() };
    let verb = |reason: &str| Verb::Override { gate: gate(), reason: reason.into(), typed: None };
    assert!(run.verb(verb("")).is_err());
    assert_eq!(run.verb_by("bo", verb("hurry")).unwrap_err().code, Code::RUN_ROLE);
    run.verb(verb("both are asleep")).unwrap();
    run.settle();
    run.ended("act", Succeeded);
    assert_eq!(run.machine.run().state, RunState::CompletedWithExceptions);
    assert!(run.machine.run().exceptions[0].1.contains("both are asleep"));
}

/// Who may ask for what. `x` is refused for lack of a role.
#[test]
fn roles_decide_who_may_do_what() {
    type Asked = (&'static str, fn() -> Verb, [bool; 5]);
    let table: [Asked; 7] = [
        ("pause", || Verb::Pause, [true, true, true, false, false]),
        ("note", || Verb::Note { text: "x".into() }, [true; 5]),
        ("cancel", || Verb::Cancel { reason: "x".into() }, [true, false, false, false, false]),
        ("roll back", || Verb::RollBack { reason: "x".into() }, [true, false, false, false, false]),
        ("skip", || Verb::Skip { step: "a".into(), reason: "x".into() }, [true, true, true, false, false]),
        (
            "hand over",
            || Verb::HandOver { to: "bo".into(), text: String::new() },
            [true, false, false, false, false],
        ),
        ("take over", || Verb::TakeOver { reason: "x".into() }, [false, true, true, false, false]),
    ];
    for (name, verb, allowed) in table {
        for (by, allowed) in ["ada", "bo", "cy", "ap", "ob"].iter().zip(allowed) {
            let run = peopled(json!([{ "id": "a", "kind": "manual" }]));
            let told = run.machine.command(&verb(), &(*by).into());
            assert_eq!(told.is_ok(), allowed, "{by} {name}: {told:?}");
        }
    }
}

#[test]
fn an_outsider_acts_in_an_emergency_and_it_is_written_down() {
    let mut run = peopled(json!([{ "id": "a", "kind": "manual" }]));
    let skip = || Verb::Skip { step: "a".into(), reason: "done".into() };
    assert_eq!(run.verb_by("zoe", skip()).unwrap_err().code, Code::RUN_ROLE);
    let role = Verb::Override { gate: Gate::Role, reason: "nobody else is awake".into(), typed: None };
    run.verb_by("zoe", role).unwrap();
    run.verb_by("zoe", skip()).unwrap();
    run.settle();
    assert_eq!(run.machine.run().state, RunState::CompletedWithExceptions);
    assert!(run.machine.run().exceptions[0].1.contains("zoe overrode their role: nobody else is awake"));
}

#[test]
fn command_is_handed_over_and_taken_over() {
    let mut run = peopled(json!([{ "id": "a", "kind": "manual" }]));
    run.verb(Verb::HandOver { to: "bo".into(), text: "fence done, promote next".into() }).unwrap();
    assert_eq!(run.machine.run().commander, *"ada", "not before the other has it");
    run.verb_by("bo", Verb::TakeOver { reason: String::new() }).unwrap();
    assert_eq!(run.machine.run().commander, *"bo");
    assert!(run.verb(Verb::Cancel { reason: "x".into() }).unwrap_err().why.contains("take over first"));
    assert!(run.verb(Verb::TakeOver { reason: String::new() }).is_err(), "unasked, it takes a reason");
    run.verb(Verb::TakeOver { reason: "bo went off line".into() }).unwrap();
    assert_eq!(run.machine.run().commander, *"ada");
}

#[test]
fn a_choice_begins_its_steps_and_leaves_the_others_out() {
    let choices =
        json!([{ "id": "fast", "steps": ["promote", "check"] }, { "id": "safe", "steps": ["restore"] }]);
    let steps = json!([
        command("look", json!({ "outputs": { "lag": "/lag" } })),
        { "id": "which", "kind": "decide", "options": { "choices": choices } },
        command("promote", json!({})),
        command("check", json!({ "needs": ["promote"] })),
        command("after", json!({ "needs": ["check"] })),
        command("restore", json!({})),
        command("point", json!({ "needs": ["check", "restore"] })),
        command("last", json!({})),
    ]);
    let mut run = Live::start(steps);
    run.settle();
    let mut looked = outcome(Succeeded, run.now);
    looked.outputs.insert("lag".into(), json!(41));
    run.record(&Event::AttemptEnded { step: "look".into(), number: 1, outcome: looked, still_held: false });
    run.settle();
    let AskKind::Decide { evidence, .. } = &run.machine.asks()[0].kind else { panic!() };
    assert_eq!(evidence, &["look.lag = 41"]);
    let choose =
        |c: &str| Verb::Choose { step: "which".into(), choice: c.into(), evidence: "lag is 41 s".into() };
    assert!(run.verb(choose("slow")).is_err());
    run.verb(choose("safe")).unwrap();
    run.settle();
    let status = ["promote", "check", "after", "restore"].map(|s| run.status(s));
    assert_eq!(status, [S::Skipped, S::Skipped, S::Skipped, S::Running], "{}", run.reason("after"));
    run.ended("restore", Succeeded);
    assert_eq!(run.status("point"), S::Running, "one of its two ways was taken");
    run.ended("point", Succeeded);
    run.ended("last", Succeeded);
    assert_eq!(run.machine.run().state, RunState::Completed);
}

#[test]
fn what_is_filled_in_has_a_type() {
    let fields = json!(["ticket", { "id": "rows", "type": "integer" }, { "id": "seen", "type": "bool", "required": false }]);
    let mut run = Live::start(json!([
        { "id": "m", "kind": "manual", "options": { "fields": fields, "evidence": "a screenshot" } },
        command("many", json!({ "when": "m.rows > 10" })),
        command("few", json!({ "needs": ["m"], "when": "m.rows <= 10" })),
    ]));
    run.settle();
    let submit = |fields: Value| {
        let fields = serde_json::from_value(fields).unwrap();
        Verb::Submit { step: "m".into(), fields }
    };
    for bad in [
        json!({ "ticket": "T", "rows": "many", "evidence": "x" }),
        json!({ "ticket": "T", "rows": 3 }),
        json!({ "ticket": "T", "rows": 3, "evidence": "x", "more": 1 }),
        json!({ "ticket": " ", "rows": 3, "evidence": "x" }),
    ] {
        assert!(run.verb(submit(bad.clone())).is_err(), "{bad}");
    }
    run.verb(submit(json!({ "ticket": "T", "rows": "12", "evidence": "x" }))).unwrap();
    run.settle();
    assert_eq!(run.machine.run().step("m").unwrap().outputs["rows"], json!(12));
    assert_eq!((run.status("many"), run.status("few")), (S::Running, S::Skipped));
}
