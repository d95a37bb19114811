//! Laws that hold over random plans, people, outcomes, answers and verbs.

use proptest::prelude::*;

use super::*;
use crate::record::Entry;

mod checks;

/// One `[[step]]` from bits, so that every combination of flags is met.
fn step(n: usize, bits: u64) -> Value {
    let bit = |b: u32| bits & (1 << b) != 0;
    let kind =
        ["manual", "wait", "check", "command", "command", "http", "approve", "decide", "runbook", "command"]
            [(bits % 10) as usize];
    let mut step = json!({ "id": format!("s{n}"), "kind": kind, "options": {
        "run": ["x", "{{ to }}"], "url": "http://x.example", "probe": http_probe(), "stable": if bit(3) { 2 } else { 0 },
        "runbook": "other", "choices": [{ "id": "left", "steps": [format!("s{}", n + 1)] }, { "id": "right" }],
        "need": 1 + u32::from(bit(4)), "roles": if bit(5) { json!(["dba"]) } else { json!([]) }, "due": if bit(33) { json!(3) } else { json!(null) } } });
    let looks = matches!(kind, "wait" | "check");
    let map = step.as_object_mut().unwrap();
    let mut set = |on: bool, key: &str, value: Value| on.then(|| map.insert(key.into(), value));
    set(bit(6), "needs", json!([]));
    set(bit(7), "idempotent", json!(true));
    set(bit(8), "verify", http_probe());
    set(bit(9), "absent", http_probe());
    set(bit(10), "destructive", json!(true));
    set(bit(11), "on_failure", json!(if bit(12) { "continue" } else { "roll_back" }));
    set(bit(13), "retry", json!({ "attempts": 3, "backoff": 1 }));
    set(bit(14), "target", json!("{{ to }}"));
    set(bit(15) && bit(16), "phase", json!("cleanup"));
    set(bit(15) && !bit(16) && looks, "phase", json!("goal"));
    set(bit(17), "settle", json!(1));
    set(
        bit(18) && !looks,
        "approvals",
        json!({ "need": 1 + u32::from(bit(19)), "roles": ["dba"], "within": 5 }),
    );
    set(bit(20), "undo", json!(["./bin/undo"]));
    set(bit(21) && bit(22), "point_of_no_return", json!(true));
    set(bit(23), "fences", json!("shop/db"));
    set(bit(24) && bit(25), "promotes", json!("shop/db"));
    set(bit(26) && bit(27) && kind == "command", "for_each", json!(["a", "b", "c"]));
    set(bit(28), "max_parallel", json!(1));
    set(bit(29) && bit(30), "when", json!(if bit(31) { "graceful" } else { "deep or mode == live" }));
    set(bit(32) && n > 0, "when", json!(format!("s{}.state == succeeded", n.saturating_sub(1))));
    if map.get("when").is_some_and(|w| w.as_str().unwrap().contains("state")) {
        // A condition may only ask about what comes before.
        map.remove("needs");
        map.remove("phase");
    }
    step
}

/// A book whose every step can be read; those that cannot begin are no plan.
fn begun(bits: &[u64], people: bool) -> Option<Live> {
    let mut steps: Vec<Value> = bits.iter().enumerate().map(|(n, b)| step(n, *b)).collect();
    if let Some(last) = steps.last_mut() {
        last["options"]["choices"] = json!([{ "id": "left" }, { "id": "right" }]);
    }
    let mut book = runbook(json!(steps));
    if bits[0] & (1 << 34) != 0 {
        book.waves = Some(Waves { max_parallel: Some(2), stop_after_failures: Some(1) });
    }
    if bits[0] & (1 << 35) != 0 {
        book.commit = CommitBy::Person;
    }
    let mut estate = Estate::default();
    if people {
        estate.operators = serde_json::from_value(json!([
            { "id": "ada", "roles": ["commander"] }, { "id": "bo", "roles": ["dba"] }, { "id": "cy", "roles": ["dba", "approver"] },
            { "id": "ob", "roles": ["observer"] }, { "id": "ap", "roles": ["approver"] },
        ]))
        .unwrap();
    }
    let lock = json!([{ "id": "home", "all": ["in-service:eu"] }]);
    estate.interlocks = serde_json::from_value(lock).unwrap();
    let graceful = Some(bits[0] & (1 << 36) != 0);
    let precheck = bits[0] & (1 << 37) != 0;
    let incident = (bits[0] & (1 << 38) != 0).then(incident);
    Some(Live::new(&begin(Begin { graceful, precheck, incident, ..of(&estate, &book) }).ok()?))
}

fn incident() -> Incident {
    Incident {
        id: "i".into(),
        scenario: Scenario::default(),
        impact_began: Time::UNIX_EPOCH + Dur::secs(1_799_999_900),
        detected_at: None,
        declared_at: Time::UNIX_EPOCH + Dur::secs(1_799_999_950),
        by: "ada".into(),
        evidence: vec!["it is gone".into()],
        predictions: Vec::new(),
        stood_down_at: None,
    }
}

/// One turn of the world, chosen by a number.
fn turn(run: &mut Live, choice: u32) {
    let pick = (choice >> 4) as usize;
    let todo = run.machine.next(run.now);
    match choice % 16 {
        0..=8 if !todo.is_empty() => act(run, &todo[pick % todo.len()], choice >> 8),
        9 => run.now = run.now + Dur::secs(i64::from(choice % 7)),
        10 if !run.machine.run().state.is_over() => {
            let (host, pid) = ("ops".to_owned(), 1);
            let epoch = run.machine.next_epoch();
            run.record(&Event::TakenUp { epoch, host, pid, version: "0".into(), cut: 0 });
        }
        11 if choice & (1 << 20) != 0
            && !run.machine.run().state.is_over()
            && run.machine.halted().is_none() =>
        {
            run.record(&Event::WentReadOnly { why: "fsync failed".into() });
        }
        _ => {
            let by = ["ada", "bo", "cy", "ob", "ap", "nobody"][pick % 6];
            let verb = verb(run, choice >> 7);
            let _ = run.verb_by(by, verb);
        }
    }
}

fn verb(run: &Live, choice: u32) -> Verb {
    let all = &run.machine.run().steps;
    let step = all[(choice >> 6) as usize % all.len()].plan.id.clone();
    let reason = "because".to_owned();
    if choice & 1 == 0
        && let Some(ask) = run.machine.asks().get((choice >> 8) as usize % 3)
    {
        return answer_of(ask, choice);
    }
    match (choice >> 1) % 20 {
        0 => Verb::Pause,
        1 | 2 => Verb::Resume,
        3 | 4 => Verb::Retry { step },
        5 => Verb::Skip { step, reason },
        6 if choice.is_multiple_of(7) => Verb::Cancel { reason },
        7 => Verb::Settle { step, done: choice & 64 != 0, reason },
        8 => Verb::Submit { step, fields: BTreeMap::new() },
        9 => Verb::Confirm { step, typed: "wrong".into() },
        10 => Verb::DoneOutside { step, evidence: "a screenshot".into() },
        11 => Verb::Undo { step, reason },
        12 if choice.is_multiple_of(5) => Verb::RollBack { reason },
        13 => Verb::Ungraceful { reason },
        14 => Verb::Approve { step, of: "0000000000000000".into() },
        15 => Verb::Override {
            gate: Gate::Guard { step, guard: GuardKey::Interlock { id: "home".into() } },
            reason,
            typed: None,
        },
        16 => Verb::TakeOver { reason },
        17 => Verb::HandOver { to: "bo".into(), text: "all yours".into() },
        18 => Verb::Edit { edits: vec![edit(run, &step, choice)], reason },
        19 if choice.is_multiple_of(3) => Verb::Adopt { reason },
        _ => Verb::Override {
            gate: if choice & 64 == 0 { Gate::Role } else { Gate::Waves },
            reason,
            typed: None,
        },
    }
}

fn edit(run: &Live, step: &StepId, choice: u32) -> PlanEdit {
    let book = &run.machine.run().runbook;
    let added = || {
        let value = command(&format!("n{}", choice % 97), json!({ "needs": [] }));
        PlanEdit::Add { after: None, step: Box::new(serde_json::from_value(value).unwrap()) }
    };
    match book.steps.iter().find(|s| s.id == *step) {
        Some(plan) if choice & 32 != 0 => {
            let mut plan = plan.clone();
            plan.options.insert("run".into(), json!(["x", format!("edit-{}", choice % 1_000)]));
            PlanEdit::Replace { step: Box::new(plan) }
        }
        Some(_) if choice & 16 != 0 => PlanEdit::Remove { id: step.clone() },
        _ => added(),
    }
}

/// What a sensible person answers.
fn answer_of(ask: &Ask, choice: u32) -> Verb {
    let (step, reason) = (ask.step.clone(), "because".to_owned());
    match &ask.kind {
        AskKind::Confirm { target, .. } => Verb::Confirm { step, typed: target.clone() },
        AskKind::Manual { .. } => Verb::Submit { step, fields: BTreeMap::new() },
        AskKind::Settle => Verb::Settle { step, done: choice & 64 != 0, reason },
        AskKind::Failed if choice & 64 != 0 => Verb::Retry { step },
        AskKind::Failed => Verb::Skip { step, reason },
        AskKind::Decide { choices, .. } => {
            let choice = choices[choice as usize % choices.len()].id.clone();
            Verb::Choose { step, choice, evidence: "looked".into() }
        }
        AskKind::Approve { of, .. } => Verb::Approve { step, of: of.clone() },
        AskKind::Override { gate, typed, .. } => {
            Verb::Override { gate: gate.clone(), reason, typed: typed.clone() }
        }
        AskKind::Commit => Verb::Commit { reason },
        AskKind::UndoFailed => Verb::Undo { step, reason },
    }
}

fn act(run: &mut Live, todo: &Todo, choice: u32) {
    match todo {
        Todo::Record(event) | Todo::Begin { event, .. } => run.record(event),
        Todo::Wake(at) => run.now = run.now.max(*at),
        Todo::Attend { step, number, .. } => {
            let results = [Succeeded, Failed, TimedOut, Cancelled, NotStarted, Unknown];
            let outcome = outcome(results[choice as usize % 6], run.now);
            let (step, number, still_held) = (step.clone(), *number, choice & 64 != 0);
            run.record(&Event::AttemptEnded { step, number, outcome, still_held });
        }
        Todo::Ask { step, question, .. } => {
            let answer = match choice % 3 {
                0 => Ok(reading(true)),
                1 => Ok(reading(false)),
                _ => Err(Problem::new(Code::PROBE_TIMEOUT, step)),
            };
            if let Some(event) = run.machine.answered(step, *question, &answer, run.now) {
                run.record(&event);
            }
        }
        Todo::Precheck => {
            let states = [CheckState::Ok, CheckState::Warning, CheckState::Unknown, CheckState::Red];
            let state = states[choice as usize % 4];
            run.record(&Event::Prechecked { items: vec![checked("credentials", state, choice & 64 == 0)] });
        }
        Todo::Guard { step, items, .. } => {
            let one = |item: &GuardItem| GuardAnswer {
                key: item.key.clone(),
                holds: [Some(true), Some(true), Some(false), None][choice as usize % 4],
                detail: "as chosen".into(),
                done_by: None,
            };
            let answers: Vec<_> = items.iter().map(one).collect();
            if let Some(event) = run.machine.guarded(step, &answers, run.now) {
                run.record(&event);
            }
        }
        Todo::BeginChild { step, number, runbook, params } => run.record(&Event::ChildIntended {
            step: step.clone(),
            number: *number,
            run: RunId::new(format!("child-{step}-{number}")),
            runbook: runbook.clone(),
            params: params.clone(),
        }),
        Todo::AttendChild { step, number, .. } => {
            let states = [
                RunState::Completed,
                RunState::CompletedWithExceptions,
                RunState::Failed,
                RunState::Cancelled,
            ];
            let state = states.get(choice as usize % 5).copied();
            let (step, number, detail) = (step.clone(), *number, "over".to_owned());
            run.record(&Event::ChildEnded { step, number, state, detail, outputs: BTreeMap::new() });
        }
    }
}

pub(super) fn checked(id: &str, state: CheckState, overridable: bool) -> PrecheckItem {
    let (what, detail) = (format!("the {id}"), "looked".to_owned());
    PrecheckItem { id: id.into(), what, state, detail, overridable, overridden: None }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, max_shrink_iters: 3_000, ..ProptestConfig::default() })]

    #[test]
    fn nothing_acts_twice_unnamed_unapproved_or_unguarded_and_replay_is_the_live_run(
        bits in proptest::collection::vec(0u64..1 << 39, 1..6),
        people: bool,
        choices in proptest::collection::vec(any::<u32>(), 1..200),
    ) {
        let Some(mut run) = begun(&bits, people) else { return Ok(()) };
        for choice in choices {
            turn(&mut run, choice);
        }
        prop_assert_eq!(&Machine::replay(&run.records).unwrap(), &run.machine);
        checks::all(&run, people)?;
        let known = run.records.iter().all(|r| matches!(r.event, Entry::Known(_)));
        prop_assert!(known);
    }

    /// Whatever happened, a run that a person sees through comes to an end.
    #[test]
    fn no_run_hangs(
        bits in proptest::collection::vec(0u64..1 << 39, 1..6),
        choices in proptest::collection::vec(any::<u32>(), 0..100),
    ) {
        let Some(mut run) = begun(&bits, false) else { return Ok(()) };
        for choice in choices {
            turn(&mut run, choice);
        }
        if run.machine.halted().is_some() {
            run.record(&Event::TakenUp { epoch: run.machine.next_epoch(), host: "b".into(), pid: 2, version: "0".into(), cut: 0 });
        }
        let _ = run.verb(Verb::Resume);
        for _ in 0..600 {
            if run.machine.run().state.is_over() {
                break;
            }
            run.settle();
            if let Some(ask) = run.machine.asks().first().cloned() {
                let (step, reason) = (ask.step.clone(), "enough".to_owned());
                let verb = match &ask.kind {
                    AskKind::Commit => Verb::Commit { reason },
                    AskKind::Approve { .. } => Verb::Override { gate: Gate::Approvals { step }, reason, typed: None },
                    AskKind::Override { gate: Gate::Precheck { .. }, .. } if run.verb(answer_of(&ask, 0)).is_err() => Verb::Cancel { reason },
                    AskKind::Override { gate: Gate::Precheck { .. }, .. } => continue,
                    AskKind::Override { .. } | AskKind::Settle => answer_of(&ask, 0),
                    _ => Verb::Skip { step, reason },
                };
                if let Err(problem) = run.verb(verb.clone()) {
                    prop_assert!(false, "{verb:?}: {problem}");
                }
            } else if let Some(todo) = run.machine.next(run.now).first().cloned() {
                act(&mut run, &todo, 0);
            }
        }
        let stuck: Vec<_> = run.machine.run().steps.iter().map(|s| (s.plan.id.to_string(), s.plan.kind.clone(), s.status)).collect();
        prop_assert!(run.machine.run().state.is_over(), "{:?}: {stuck:?}: {:?}", run.machine.run().state, run.machine.next(run.now));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, max_shrink_iters: 200, ..ProptestConfig::default() })]

    /// At every line: what is read back from the journal is what was live.
    #[test]
    fn every_prefix_replays_to_the_state_it_was(
        bits in proptest::collection::vec(0u64..1 << 39, 1..5),
        choices in proptest::collection::vec(any::<u32>(), 1..120),
    ) {
        let Some(mut run) = begun(&bits, true) else { return Ok(()) };
        let mut states = vec![(1, run.machine.clone())];
        for choice in choices {
            turn(&mut run, choice);
            states.push((run.records.len(), run.machine.clone()));
        }
        for (lines, live) in states {
            let read = Machine::replay(&run.records[..lines]).unwrap();
            prop_assert_eq!(&read, &live);
            prop_assert_eq!(read.next(run.now), live.next(run.now));
            prop_assert_eq!(read.asks(), live.asks());
        }
    }
}
