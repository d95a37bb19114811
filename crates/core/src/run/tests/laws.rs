//! Laws that hold over random plans, outcomes, answers and verbs.

use proptest::prelude::*;

use super::*;
use crate::record::Entry;

/// One `[[step]]` from bits, so that every combination of flags is met.
fn step(n: usize, bits: u32) -> Value {
    let bit = |b: u32| bits & (1 << b) != 0;
    let kind = match bits % 5 {
        0 => "manual",
        1 => "wait",
        2 => "check",
        _ => "command",
    };
    let mut step = json!({ "id": format!("s{n}"), "kind": kind, "options": {
        "run": ["x", "{{ to }}"], "probe": http_probe(), "stable": if bit(3) { 2 } else { 0 } } });
    let map = step.as_object_mut().unwrap();
    let mut set = |on: bool, key: &str, value: Value| on.then(|| map.insert(key.into(), value));
    set(bit(4), "needs", json!([]));
    set(bit(5), "idempotent", json!(true));
    set(bit(6), "verify", http_probe());
    set(bit(7), "absent", http_probe());
    set(bit(8), "destructive", json!(true));
    set(bit(9), "on_failure", json!("continue"));
    set(bit(10), "retry", json!({ "attempts": 3, "backoff": 1 }));
    set(bit(11), "target", json!("{{ to }}"));
    set(bit(12) && bit(13), "phase", json!("cleanup"));
    set(bit(14), "settle", json!(1));
    step
}

/// One turn of the world, chosen by a number.
fn turn(run: &mut Live, choice: u16) {
    let pick = usize::from(choice >> 4);
    let todo = run.machine.next(run.now);
    match choice % 16 {
        0..=9 if !todo.is_empty() => act(run, &todo[pick % todo.len()], choice),
        10 => run.now = run.now + Dur::secs(i64::from(choice % 7)),
        11 => {
            let (host, pid) = ("ops".to_owned(), 1);
            let epoch = run.machine.next_epoch();
            let up = Event::TakenUp { epoch, host, pid, version: "0".into(), cut: 0 };
            if !run.machine.run().state.is_over() {
                run.record(&up);
            }
        }
        _ => {
            let steps = run.machine.run().steps.len();
            let step: StepId = StepId::new(format!("s{}", pick % steps));
            let reason = "because".to_owned();
            let verb = match (choice >> 7) % 12 {
                0 => Verb::Pause,
                1 | 2 => Verb::Resume,
                3 | 4 => Verb::Retry { step },
                5 => Verb::Skip { step, reason },
                6 if choice > 60_000 => Verb::Cancel { reason },
                6 | 7 => Verb::Settle { step, done: choice & 16 != 0, reason },
                8 => Verb::Submit { step, fields: BTreeMap::new() },
                9 => Verb::Confirm { step, typed: "wrong".into() },
                _ => Verb::Confirm { step: step.clone(), typed: name_of(run, &step) },
            };
            let _ = run.verb(verb);
        }
    }
}

fn name_of(run: &Live, step: &StepId) -> String {
    let plan = &run.machine.run().step(step.as_str()).unwrap().plan;
    plan.target.clone().unwrap_or_else(|| step.to_string())
}

fn act(run: &mut Live, todo: &Todo, choice: u16) {
    match todo {
        Todo::Record(event) | Todo::Begin { event, .. } => run.record(event),
        Todo::Wake(at) => run.now = run.now.max(*at),
        Todo::Attend { step, number, .. } => {
            let results = [Succeeded, Failed, TimedOut, Cancelled, NotStarted, Unknown];
            let outcome = outcome(results[usize::from(choice >> 8) % 6], run.now);
            run.record(&Event::AttemptEnded {
                step: step.clone(),
                number: *number,
                outcome,
                still_held: choice & 64 != 0,
            });
        }
        Todo::Ask { step, question, .. } => {
            let answer = match (choice >> 8) % 3 {
                0 => Ok(reading(true)),
                1 => Ok(reading(false)),
                _ => Err(Problem::new(Code::PROBE_TIMEOUT, step)),
            };
            if let Some(event) = run.machine.answered(step, *question, &answer, run.now) {
                run.record(&event);
            }
        }
    }
}

/// What lies between one intent of a step and the next must allow the next.
fn check_intents(run: &Live, plan: &StepPlan) -> Result<(), TestCaseError> {
    let of = |e: &Event| -> Option<StepId> {
        match e {
            Event::AttemptIntended { step, .. }
            | Event::AttemptEnded { step, .. }
            | Event::Answered { step, .. } => Some(step.clone()),
            Event::Operator { verb: Verb::Retry { step }, .. }
            | Event::Operator { verb: Verb::Confirm { step, .. }, .. }
            | Event::Operator { verb: Verb::Settle { step, .. }, .. } => Some(step.clone()),
            _ => None,
        }
    };
    let events: Vec<&Event> =
        run.records.iter().filter_map(Record::event).filter(|e| of(e).as_ref() == Some(&plan.id)).collect();
    let (mut confirmed, mut first) = (false, true);
    let (mut unknown, mut denied, mut retried, mut nothing) = (false, false, false, false);
    for event in events {
        match event {
            Event::Operator { verb: Verb::Confirm { typed, .. }, .. } => {
                prop_assert_eq!(typed, &name_of(run, &plan.id));
                confirmed = true;
            }
            Event::Operator { verb: Verb::Retry { .. }, .. } => (retried, confirmed) = (true, false),
            Event::Operator { verb: Verb::Settle { done: false, .. }, .. } => denied = true,
            Event::Answered { question: Question::Verify | Question::Absent, answer, .. } => {
                denied |= *answer == Verdict3::NotDone;
            }
            Event::AttemptEnded { outcome, .. } => {
                unknown = outcome.result == Unknown;
                nothing = outcome.result == NotStarted;
            }
            Event::AttemptIntended { .. } => {
                prop_assert!(confirmed || !plan.destructive, "{} began without its name", plan.id);
                let absent_held = plan.absent.is_some() && denied;
                let allowed = first || retried || nothing || plan.idempotent || absent_held;
                prop_assert!(allowed, "{} began twice", plan.id);
                prop_assert!(!unknown || denied, "{} began again while nobody knew", plan.id);
                (first, unknown, denied, retried, nothing) = (false, false, false, false, false);
            }
            _ => {}
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_step_acts_twice_or_unnamed_and_replay_is_the_live_run(
        bits in proptest::collection::vec(0u32..1 << 16, 1..5),
        choices in proptest::collection::vec(0u16..=u16::MAX, 1..160),
    ) {
        let steps: Vec<Value> = bits.iter().enumerate().map(|(n, b)| step(n, *b)).collect();
        let mut run = Live::new(&try_begin(json!(steps), Mode::Live).unwrap());
        for choice in choices {
            turn(&mut run, choice);
        }
        prop_assert_eq!(&Machine::replay(&run.records).unwrap(), &run.machine);
        let plans = run.machine.run().runbook.steps.clone();
        for plan in &plans {
            check_intents(&run, plan)?;
        }
        let known = run.records.iter().all(|r| matches!(r.event, Entry::Known(_)));
        prop_assert!(known);
    }

    /// Whatever happened, a run that a person sees through comes to an end.
    #[test]
    fn no_run_hangs(
        bits in proptest::collection::vec(0u32..1 << 16, 1..5),
        choices in proptest::collection::vec(0u16..=u16::MAX, 0..80),
    ) {
        let steps: Vec<Value> = bits.iter().enumerate().map(|(n, b)| step(n, *b)).collect();
        let mut run = Live::new(&try_begin(json!(steps), Mode::Live).unwrap());
        for choice in choices {
            turn(&mut run, choice);
        }
        let _ = run.verb(Verb::Resume);
        for _ in 0..400 {
            if run.machine.run().state.is_over() {
                break;
            }
            run.settle();
            if let Some(ask) = run.machine.asks().first().cloned() {
                let (step, reason) = (ask.step, "enough".to_owned());
                run.verb(Verb::Skip { step, reason }).unwrap();
            } else if let Some(todo) = run.machine.next(run.now).first().cloned() {
                act(&mut run, &todo, 0);
            }
        }
        let stuck: Vec<_> = run.machine.run().steps.iter().map(|s| s.status).collect();
        prop_assert!(run.machine.run().state.is_over(), "{:?}: {:?}", stuck, run.machine.next(run.now));
    }
}
