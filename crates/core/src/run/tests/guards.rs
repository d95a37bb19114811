//! What is checked in the moment before a dangerous step acts.

use super::*;

fn lock() -> Value {
    json!([{ "id": "home", "all": ["in-service:eu"] }])
}

fn guarded(steps: Value, interlocks: Value, incident: Option<Incident>) -> Live {
    let estate = Estate { interlocks: serde_json::from_value(interlocks).unwrap(), ..Estate::default() };
    let mut run = Live::new(&begin(Begin { incident, ..of(&estate, &runbook(steps)) }).unwrap());
    run.settle();
    run
}

fn asked(run: &Live) -> Vec<GuardItem> {
    run.machine
        .next(run.now)
        .into_iter()
        .find_map(|t| match t {
            Todo::Guard { items, .. } => Some(items),
            _ => None,
        })
        .unwrap_or_default()
}

fn answer(run: &mut Live, step: &str, holds: Option<bool>) {
    let one = |i: GuardItem| GuardAnswer { key: i.key, holds, detail: "seen".into(), done_by: None };
    let answers: Vec<_> = asked(run).into_iter().map(one).collect();
    assert!(!answers.is_empty(), "nothing is asked");
    let event = run.machine.guarded(&step.into(), &answers, run.now).expect("it is news");
    run.record(&event);
    run.settle();
}

fn fence(more: Value) -> Value {
    let mut step = command("fence", json!({ "fences": "shop/db" }));
    step.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    step
}

fn promote() -> Value {
    command("promote", json!({ "promotes": "shop/db" }))
}

fn risk(typed: Option<&str>) -> Verb {
    Verb::Override {
        gate: Gate::Guard { step: "promote".into(), guard: GuardKey::Fenced { asset: "shop/db".into() } },
        reason: "the region is under water".into(),
        typed: typed.map(str::to_owned),
    }
}

/// What happened to the fence → whether promoting asks for the risk by name.
#[test]
fn silence_and_a_persons_word_do_not_prove_a_fence() {
    let skip = || Verb::Skip { step: "fence".into(), reason: "unreachable".into() };
    let outside = || Verb::DoneOutside { step: "fence".into(), evidence: "I pulled the plug".into() };
    let settle = || Verb::Settle { step: "fence".into(), done: true, reason: "surely".into() };
    type Do = Box<dyn Fn(&mut Live)>;
    let table: [(&str, Do, bool); 6] = [
        ("it succeeded", Box::new(|r| r.ended("fence", Succeeded)), true),
        (
            "it was skipped",
            Box::new(move |r| {
                r.ended("fence", Failed);
                r.verb(skip()).unwrap();
                r.settle()
            }),
            false,
        ),
        (
            "done outside",
            Box::new(move |r| {
                r.ended("fence", Failed);
                r.verb(outside()).unwrap();
                r.settle()
            }),
            false,
        ),
        (
            "settled as done",
            Box::new(move |r| {
                r.ended("fence", Unknown);
                r.verb(settle()).unwrap();
                r.settle()
            }),
            false,
        ),
        (
            "never began",
            Box::new(move |r| {
                r.ended("fence", NotStarted);
                r.verb(Verb::Skip { step: "fence".into(), reason: "x".into() }).unwrap();
                r.settle()
            }),
            false,
        ),
        (
            "timed out",
            Box::new(move |r| {
                r.ended("fence", TimedOut);
                r.verb(Verb::Skip { step: "fence".into(), reason: "x".into() }).unwrap();
                r.settle()
            }),
            false,
        ),
    ];
    for (name, act, proven) in table {
        let mut run = guarded(json!([fence(json!({})), promote()]), json!([]), None);
        act(&mut run);
        assert_eq!(run.attempts("promote") == 1, proven, "{name}");
        if proven {
            continue;
        }
        answer(&mut run, "promote", None);
        assert_eq!((run.status("promote"), run.attempts("promote")), (S::AwaitingInput, 0), "{name}");
        let AskKind::Override { typed, .. } = &run.machine.asks()[0].kind else { panic!("{name}") };
        assert_eq!(typed.as_deref(), Some("shop/db"));
        for wrong in [None, Some(""), Some("yes"), Some("shop")] {
            assert_eq!(run.verb(risk(wrong)).unwrap_err().code, Code::RUN_CONFIRM, "{name}");
        }
        run.verb(risk(Some("shop/db"))).unwrap();
        run.settle();
        run.ended("promote", Succeeded);
        assert_eq!(run.machine.run().state, RunState::CompletedWithExceptions, "{name}");
        assert!(run.machine.run().exceptions.iter().any(|(_, e)| e.contains("two writers of shop/db")));
    }
}

#[test]
fn a_fence_with_a_verify_is_asked_again_when_it_matters() {
    for (holds, attempts) in [(Some(true), 1), (Some(false), 0), (None, 0)] {
        let mut run = guarded(json!([fence(json!({ "verify": http_probe() })), promote()]), json!([]), None);
        run.answer("fence", Question::Before, Some(false));
        run.ended("fence", Succeeded);
        run.answer("fence", Question::Verify, Some(true));
        let items = asked(&run);
        assert_eq!(items[0].probe.as_ref().unwrap().target, json!("http://x.example/eu-central-1"));
        answer(&mut run, "promote", holds);
        assert_eq!(run.attempts("promote"), attempts, "{holds:?}");
    }
}

#[test]
fn without_a_fence_in_the_plan_the_risk_is_taken_by_name() {
    let mut run = guarded(json!([promote()]), json!([]), None);
    answer(&mut run, "promote", None);
    assert_eq!(run.attempts("promote"), 0);
    run.verb(risk(Some("shop/db"))).unwrap();
    run.settle();
    assert_eq!(run.attempts("promote"), 1);
}

#[test]
fn an_interlock_holds_or_a_person_says_why_not() {
    for kind in [json!({ "destructive": true }), json!({ "point_of_no_return": true })] {
        let mut run = guarded(json!([command("act", kind)]), lock(), None);
        if run.status("act") == S::AwaitingInput {
            run.verb(Verb::Confirm { step: "act".into(), typed: "act".into() }).unwrap();
        }
        answer(&mut run, "act", None);
        assert_eq!((run.status("act"), run.attempts("act")), (S::AwaitingInput, 0), "unknown never passes");
        let gate = Gate::Guard { step: "act".into(), guard: GuardKey::Interlock { id: "home".into() } };
        let verb = |reason: &str| Verb::Override { gate: gate.clone(), reason: reason.into(), typed: None };
        assert!(run.verb(verb(" ")).is_err());
        run.verb(verb("the region will not come back")).unwrap();
        run.settle();
        assert_eq!(run.attempts("act"), 1);
    }
}

#[test]
fn an_answer_that_changes_for_the_better_lets_it_act_and_an_old_one_does_not() {
    let step = command("act", json!({ "point_of_no_return": true }));
    let mut run = guarded(json!([step.clone()]), lock(), None);
    answer(&mut run, "act", Some(false));
    assert!(run.machine.guarded(&"act".into(), &answers(&run, Some(false)), run.now).is_none(), "no news");
    answer(&mut run, "act", Some(true));
    assert_eq!(run.attempts("act"), 1);

    let mut run = guarded(json!([step]), lock(), None);
    let event = run.machine.guarded(&"act".into(), &answers(&run, Some(true)), run.now).unwrap();
    run.record(&event);
    run.pass(Dur::secs(31));
    assert_eq!(run.attempts("act"), 0, "what was so half a minute ago may not be");
    answer(&mut run, "act", Some(true));
    assert_eq!(run.attempts("act"), 1);
}

fn answers(run: &Live, holds: Option<bool>) -> Vec<GuardAnswer> {
    let one = |i: GuardItem| GuardAnswer { key: i.key, holds, detail: "seen".into(), done_by: None };
    asked(run).into_iter().map(one).collect()
}

#[test]
fn a_pause_or_another_process_has_everything_looked_at_again() {
    let step = command("act", json!({ "point_of_no_return": true }));
    for event in [
        Event::Operator { verb: Verb::Pause, action: None },
        Event::TakenUp { epoch: 1, host: "b".into(), pid: 2, version: "0".into(), cut: 0 },
        Event::ClockJumped { by: Dur::secs(60) },
    ] {
        let mut run = guarded(json!([step.clone()]), lock(), None);
        let seen = run.machine.guarded(&"act".into(), &answers(&run, Some(true)), run.now).unwrap();
        run.record(&seen);
        run.record(&event);
        let _ = run.verb(Verb::Resume);
        run.settle();
        assert_eq!(run.attempts("act"), 0, "{}", event.name());
        assert!(!asked(&run).is_empty());
    }
}

fn in_incident() -> Option<Incident> {
    let value = json!({ "id": "i", "scenario": Scenario::default(), "impact_began": "2027-01-15T07:59:00Z", "detected_at": null,
        "declared_at": "2027-01-15T08:00:00Z", "by": "ada", "evidence": [], "predictions": [], "stood_down_at": null });
    Some(serde_json::from_value(value).unwrap())
}

#[test]
fn an_incident_fences_and_promotes_once() {
    let steps = json!([fence(json!({})), promote()]);
    let mut first = guarded(steps.clone(), json!([]), in_incident());
    answer(&mut first, "fence", Some(true));
    let others = |run: &Live| vec![(RunId::new("first"), run.machine.claimed())];
    let busy = claim("shop/db", Act::Fence, &others(&first));
    assert_eq!((busy.holds, busy.done_by.is_none()), (Some(false), true), "it is under way there");
    first.ended("fence", Succeeded);
    answer(&mut first, "promote", Some(true));
    first.ended("promote", Succeeded);

    let mut second = guarded(steps, json!([]), in_incident());
    let all = others(&first);
    let event = second.machine.guarded(&"fence".into(), &[claim("shop/db", Act::Fence, &all)], second.now);
    second.record(&event.unwrap());
    second.settle();
    assert_eq!((second.status("fence"), second.attempts("fence")), (S::Succeeded, 0));
    assert!(second.reason("fence").contains("fence of first"), "{}", second.reason("fence"));
    let event =
        second.machine.guarded(&"promote".into(), &[claim("shop/db", Act::Promote, &all)], second.now);
    second.record(&event.unwrap());
    second.settle();
    assert_eq!((second.status("promote"), second.attempts("promote")), (S::Succeeded, 0));
    assert!(claim("shop/other", Act::Fence, &all).holds == Some(true));
}

#[test]
fn what_a_name_was_typed_for_is_looked_at_again_at_that_moment() {
    let more = json!({ "destructive": true, "target": "eu", "verify": http_probe() });
    let mut run = Live::start(json!([command("act", more)]));
    run.settle();
    run.answer("act", Question::Before, Some(false));
    let confirm = || Verb::Confirm { step: "act".into(), typed: "eu".into() };
    run.verb(confirm()).unwrap();
    run.settle();
    assert_eq!(run.attempts("act"), 0, "an hour may lie between the question and the name");
    run.answer("act", Question::Before, Some(true));
    assert_eq!((run.status("act"), run.attempts("act")), (S::AwaitingInput, 0), "meanwhile it is done");
    run.verb(confirm()).unwrap();
    run.answer("act", Question::Before, Some(false));
    assert_eq!(run.attempts("act"), 1);
}

#[test]
fn a_failover_that_was_made_elsewhere_is_taken_over() {
    let verified = |id: &str| command(id, json!({ "verify": http_probe() }));
    let mut run = Live::start(json!([verified("a"), verified("b"), verified("c")]));
    run.verb(Verb::Adopt { reason: "the provider failed over by itself".into() }).unwrap();
    run.settle();
    run.answer("a", Question::Before, Some(true));
    run.answer("b", Question::Before, Some(true));
    run.answer("c", Question::Before, Some(false));
    let all = ["a", "b", "c"].map(|s| (run.status(s), run.attempts(s)));
    assert_eq!(all, [(S::Succeeded, 0), (S::Succeeded, 0), (S::Running, 1)]);
}
