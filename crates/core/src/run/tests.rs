//! The machine, driven by hand: every event goes through the bytes of a
//! journal line, as in a live run.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::{
    model::*,
    record::{Event, GENESIS, Question, Record, encode},
};

mod clock;
mod guards;
mod interlocks;
mod journal;
mod laws;
mod people;
mod resume;
mod shapes;
mod way_back;

pub(super) struct Live {
    pub machine: Machine,
    pub records: Vec<Record>,
    pub now: Time,
}

pub(super) fn runbook(steps: Value) -> Runbook {
    let value = json!({
        "id": "failover", "title": "Move to {{ to }}", "kind": "failover",
        "params": { "to": { "type": "string", "default": "eu-central-1" }, "deep": { "type": "bool", "default": false } },
        "step": steps,
    });
    serde_json::from_value(value).unwrap()
}

pub(super) fn command(id: &str, more: Value) -> Value {
    let mut step = json!({ "id": id, "kind": "command", "options": { "run": ["./bin/act", "{{ to }}"] } });
    step.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    step
}

pub(super) fn http_probe() -> Value {
    json!({ "kind": "http", "target": "http://x.example/{{ to }}", "expect": {} })
}

pub(super) fn try_begin(steps: Value, mode: Mode) -> Result<Event, Problem> {
    let (estate, runbook) = (Estate::default(), runbook(steps));
    begin(Begin { mode, ..of(&estate, &runbook) })
}

static NONE: BTreeMap<String, Value> = BTreeMap::new();

pub(super) fn of<'a>(estate: &'a Estate, runbook: &'a Runbook) -> Begin<'a> {
    Begin {
        run: "20261122T140501Z-failover-1a2b".into(),
        epoch: 1,
        trust: "00".into(),
        estate,
        runbook,
        params: &NONE,
        mode: Mode::Live,
        incident: None,
        rto_target: None,
        rto_estimate: None,
        probes: None,
        kinds: None,
        precheck: false,
        graceful: None,
        parent: None,
    }
}

pub(super) fn outcome(result: AttemptResult, at: Time) -> Outcome {
    Outcome {
        result,
        code: None,
        detail: format!("{result:?}"),
        started_at: at,
        ended_at: at,
        outputs: BTreeMap::new(),
        output_kept: 0,
        output_bytes: 0,
        output_hash: String::new(),
    }
}

pub(super) fn reading(holds: bool) -> ProbeReading {
    ProbeReading {
        holds,
        value: None,
        text: None,
        as_of: None,
        latency_ms: 1,
        detail: format!("holds {holds}"),
    }
}

impl Live {
    pub fn new(first: &Event) -> Self {
        let now = Time::UNIX_EPOCH + Dur::secs(1_800_000_000);
        let (_, record) = encode(1, now, &"ada".into(), GENESIS, first).unwrap();
        Self { machine: Machine::new(&record).unwrap(), records: vec![record], now }
    }
    pub fn start(steps: Value) -> Self {
        Self::new(&try_begin(steps, Mode::Live).unwrap())
    }
    pub fn record(&mut self, event: &Event) {
        self.record_by("ada", event);
    }
    pub fn record_by(&mut self, by: &str, event: &Event) {
        let last = self.records.last().unwrap();
        let (_, record) = encode(last.seq + 1, self.now, &by.into(), &last.sum, event).unwrap();
        self.machine.apply(&record).unwrap_or_else(|p| panic!("{}: {p}", event.name()));
        self.records.push(record);
    }
    pub fn verb(&mut self, verb: Verb) -> Result<(), Problem> {
        self.verb_by("ada", verb)
    }
    pub fn verb_by(&mut self, by: &str, verb: Verb) -> Result<(), Problem> {
        let event = self.machine.command(&verb, &by.into())?;
        self.record_by(by, &event);
        Ok(())
    }
    /// Journals all that follows by itself; attempts begin, none ends.
    pub fn settle(&mut self) {
        while let Some(event) = self.machine.next(self.now).into_iter().find_map(|t| match t {
            Todo::Record(event) | Todo::Begin { event, .. } => Some(event),
            _ => None,
        }) {
            self.record(&event);
        }
    }
    pub fn ended(&mut self, step: &str, result: AttemptResult) {
        let number = self.machine.run().step(step).unwrap().attempts.len() as u32;
        let outcome = outcome(result, self.now);
        self.record(&Event::AttemptEnded { step: step.into(), number, outcome, still_held: false });
        self.settle();
    }
    /// `None`: nothing could be seen.
    pub fn answer(&mut self, step: &str, question: Question, holds: Option<bool>) {
        let asked =
            |t: &Todo| matches!(t, Todo::Ask { step: s, question: q, .. } if s == step && *q == question);
        assert!(self.machine.next(self.now).iter().any(asked), "{question:?} of {step} is not asked");
        let answer = holds.map(reading).ok_or_else(|| Problem::new(Code::PROBE_TIMEOUT, step));
        if let Some(event) = self.machine.answered(&step.into(), question, &answer, self.now) {
            self.record(&event);
        }
        self.settle();
    }
    pub fn status(&self, step: &str) -> StepStatus {
        self.machine.run().step(step).unwrap().status
    }
    pub fn reason(&self, step: &str) -> String {
        self.machine.run().step(step).unwrap().reason.clone().unwrap_or_default()
    }
    pub fn attempts(&self, step: &str) -> usize {
        self.machine.run().step(step).unwrap().attempts.len()
    }
    pub fn pass(&mut self, time: Dur) {
        self.now = self.now + time;
        self.settle();
    }
}

use AttemptResult::*;
use StepStatus as S;

#[test]
fn steps_follow_each_other_and_the_run_completes() {
    let mut run = Live::start(json!([command("a", json!({})), command("b", json!({}))]));
    assert_eq!(run.machine.run().title, "Move to eu-central-1");
    run.settle();
    assert_eq!((run.status("a"), run.status("b")), (S::Running, S::Pending));
    run.ended("a", Succeeded);
    assert_eq!((run.status("a"), run.status("b")), (S::Succeeded, S::Running));
    run.ended("b", Succeeded);
    assert_eq!(run.machine.run().state, RunState::Completed);
    assert!(run.machine.next(run.now).is_empty());
}

#[test]
fn steps_that_need_nothing_of_each_other_run_at_once() {
    let c = command("c", json!({ "needs": ["a", "b"] }));
    let mut run = Live::start(json!([command("a", json!({})), command("b", json!({ "needs": [] })), c]));
    run.settle();
    assert_eq!((run.status("a"), run.status("b"), run.status("c")), (S::Running, S::Running, S::Pending));
    run.ended("b", Succeeded);
    assert_eq!(run.status("c"), S::Pending);
    run.ended("a", Succeeded);
    assert_eq!(run.status("c"), S::Running);
}

#[test]
fn a_destructive_step_begins_only_after_its_name() {
    let step = command("promote", json!({ "destructive": true, "target": "{{ to }}" }));
    let mut run = Live::start(json!([step]));
    run.settle();
    assert_eq!((run.status("promote"), run.machine.run().state), (S::AwaitingInput, RunState::Waiting));
    let asks = run.machine.asks();
    let expected =
        AskKind::Confirm { target: "eu-central-1".into(), action: "./bin/act eu-central-1".into() };
    assert_eq!(asks[0].kind, expected);
    let confirm = |typed: &str| Verb::Confirm { step: "promote".into(), typed: typed.into() };
    for wrong in ["", "eu-central-2", "EU-CENTRAL-1", " eu-central-1", "y"] {
        assert_eq!(run.verb(confirm(wrong)).unwrap_err().code, Code::RUN_CONFIRM);
    }
    assert_eq!(run.attempts("promote"), 0);
    run.verb(confirm("eu-central-1")).unwrap();
    run.settle();
    assert_eq!((run.status("promote"), run.attempts("promote")), (S::Running, 1));
    run.ended("promote", Failed);
    run.verb(Verb::Retry { step: "promote".into() }).unwrap();
    run.settle();
    assert_eq!(run.status("promote"), S::AwaitingInput, "a retry is typed for again");
}

#[test]
fn without_idempotence_a_failure_is_not_tried_again() {
    let retry = json!({ "attempts": 3, "backoff": 5 });
    let mut run = Live::start(json!([command("a", json!({ "retry": retry }))]));
    run.settle();
    run.ended("a", Failed);
    run.pass(Dur::secs(3_600));
    assert_eq!((run.status("a"), run.attempts("a")), (S::Failed, 1));
    assert_eq!(run.machine.asks()[0].kind, AskKind::Failed);
    run.verb(Verb::Retry { step: "a".into() }).unwrap();
    run.settle();
    assert_eq!(run.attempts("a"), 2);
}

#[test]
fn an_idempotent_step_is_tried_again_with_growing_pauses() {
    let retry = json!({ "attempts": 3, "backoff": 5 });
    let mut run = Live::start(json!([command("a", json!({ "retry": retry, "idempotent": true }))]));
    run.settle();
    run.ended("a", Failed);
    run.pass(Dur::secs(4));
    assert_eq!(run.attempts("a"), 1);
    run.pass(Dur::secs(1));
    assert_eq!(run.attempts("a"), 2);
    run.ended("a", TimedOut);
    run.pass(Dur::secs(9));
    assert_eq!(run.attempts("a"), 2);
    run.pass(Dur::secs(1));
    run.ended("a", Failed);
    run.pass(Dur::secs(3_600));
    assert_eq!((run.attempts("a"), run.status("a")), (3, S::Failed));
}

#[test]
fn what_never_started_is_tried_again_without_idempotence() {
    let retry = json!({ "attempts": 2, "backoff": 1 });
    let mut run = Live::start(json!([command("a", json!({ "retry": retry }))]));
    run.settle();
    run.ended("a", NotStarted);
    run.pass(Dur::secs(1));
    assert_eq!(run.attempts("a"), 2);
    run.ended("a", NotStarted);
    assert_eq!(run.status("a"), S::Failed);
}

#[test]
fn an_absent_probe_allows_a_second_try_only_while_it_holds() {
    for (holds, attempts, status) in
        [(Some(true), 2, S::Running), (Some(false), 1, S::Failed), (None, 1, S::Failed)]
    {
        let more = json!({ "retry": { "attempts": 2, "backoff": 1 }, "absent": http_probe() });
        let mut run = Live::start(json!([command("a", more)]));
        run.settle();
        run.ended("a", Failed);
        run.answer("a", Question::Absent, holds);
        run.pass(Dur::secs(1));
        assert_eq!((run.attempts("a"), run.status("a")), (attempts, status), "{holds:?}");
    }
}

#[test]
fn an_unknown_end_without_verify_asks_a_person_even_if_failures_are_ignored() {
    let more = json!({ "idempotent": true, "retry": { "attempts": 5 }, "on_failure": "continue" });
    let mut run = Live::start(json!([command("a", more)]));
    run.settle();
    run.ended("a", Unknown);
    run.pass(Dur::secs(3_600));
    assert_eq!((run.status("a"), run.attempts("a")), (S::Indeterminate, 1));
    assert_eq!(run.machine.asks()[0].kind, AskKind::Settle);
    assert!(run.verb(Verb::Retry { step: "a".into() }).is_err(), "first a person's word");
    run.verb(Verb::Settle { step: "a".into(), done: false, reason: "looked".into() }).unwrap();
    assert_eq!(run.status("a"), S::Failed);
    run.verb(Verb::Retry { step: "a".into() }).unwrap();
    run.settle();
    assert_eq!(run.attempts("a"), 2);
}

/// Before, result, after → status.
#[test]
fn verify_decides_where_it_proves_something() {
    let (yes, no, unseen) = (Some(true), Some(false), None);
    let table = [
        (no, Succeeded, yes, S::Succeeded),
        (no, Succeeded, no, S::Failed),
        (no, Succeeded, unseen, S::Indeterminate),
        (no, Failed, yes, S::Succeeded),
        (no, Failed, no, S::Failed),
        (no, Failed, unseen, S::Indeterminate),
        (no, Unknown, yes, S::Succeeded),
        (no, Unknown, no, S::Failed),
        (no, Unknown, unseen, S::Indeterminate),
        (no, TimedOut, yes, S::Succeeded),
        (no, TimedOut, no, S::TimedOut),
        (unseen, Unknown, yes, S::Succeeded),
        (yes, Succeeded, yes, S::Succeeded),
        (yes, Succeeded, no, S::Failed),
        (yes, Failed, yes, S::Failed),
        (yes, Unknown, yes, S::Indeterminate),
        (yes, Unknown, no, S::Failed),
        (yes, TimedOut, yes, S::Indeterminate),
    ];
    for (before, result, after, status) in table {
        let mut run = Live::start(json!([command("a", json!({ "verify": http_probe(), "settle": 3 }))]));
        run.settle();
        assert_eq!(run.attempts("a"), 0);
        run.answer("a", Question::Before, before);
        assert_eq!(run.reason("a").contains("held already"), before == yes);
        run.ended("a", result);
        run.pass(Dur::secs(3));
        run.answer("a", Question::Verify, after);
        assert_eq!(run.status("a"), status, "{before:?} {result:?} {after:?}: {}", run.reason("a"));
    }
}

#[test]
fn verify_waits_until_the_attempt_has_settled() {
    let mut run = Live::start(json!([command("a", json!({ "verify": http_probe(), "settle": 10 }))]));
    run.settle();
    run.answer("a", Question::Before, Some(false));
    run.ended("a", Succeeded);
    assert_eq!(run.machine.next(run.now), [Todo::Wake(run.now + Dur::secs(10))]);
    run.pass(Dur::secs(10));
    run.answer("a", Question::Verify, Some(true));
    assert_eq!(run.machine.run().state, RunState::Completed);
}

#[test]
fn evidence_that_comes_late_settles_an_indeterminate_step() {
    let mut run = Live::start(json!([command("a", json!({ "verify": http_probe() }))]));
    run.settle();
    run.answer("a", Question::Before, None);
    run.ended("a", Unknown);
    run.answer("a", Question::Verify, None);
    let lines = run.records.len();
    run.pass(Dur::secs(5));
    run.answer("a", Question::Verify, None);
    assert_eq!(run.records.len(), lines, "what is known already is not written again");
    assert_eq!((run.status("a"), run.machine.run().state), (S::Indeterminate, RunState::Waiting));
    run.answer("a", Question::Verify, Some(true));
    assert_eq!((run.status("a"), run.machine.run().state), (S::Succeeded, RunState::Completed));
}

#[test]
fn a_wait_holds_for_as_long_as_it_says_and_times_out() {
    let wait = json!({ "id": "w", "kind": "wait", "timeout": 60,
        "options": { "probe": http_probe(), "stable": "10s" } });
    let mut run = Live::start(json!([wait]));
    run.settle();
    run.answer("w", Question::Poll, Some(true));
    run.pass(Dur::secs(5));
    run.answer("w", Question::Poll, Some(false));
    run.pass(Dur::secs(5));
    run.answer("w", Question::Poll, Some(true));
    run.pass(Dur::secs(9));
    run.answer("w", Question::Poll, Some(true));
    assert_eq!(run.status("w"), S::Running, "a break starts the span anew");
    run.pass(Dur::secs(1));
    let mut slow = Live { machine: run.machine.clone(), records: run.records.clone(), now: run.now };
    run.answer("w", Question::Poll, Some(true));
    assert_eq!(run.status("w"), S::Succeeded);
    slow.pass(Dur::secs(60));
    assert_eq!(slow.status("w"), S::TimedOut);
}

#[test]
fn a_check_fails_at_once_and_can_be_overridden_with_a_reason() {
    let check = json!({ "id": "c", "kind": "check", "options": { "probe": http_probe() } });
    let mut run = Live::start(json!([check]));
    run.settle();
    run.answer("c", Question::Poll, None);
    assert_eq!(run.status("c"), S::Failed);
    assert!(run.verb(Verb::Skip { step: "c".into(), reason: " ".into() }).is_err());
    run.verb(Verb::Skip { step: "c".into(), reason: "the probe's host is in the lost region".into() })
        .unwrap();
    run.settle();
    assert_eq!(run.machine.run().state, RunState::CompletedWithExceptions);
}

#[test]
fn a_manual_step_wants_its_fields() {
    let manual = json!({ "id": "m", "kind": "manual", "options": { "fields": ["ticket"] } });
    let mut run =
        Live::start(json!([manual, command("a", json!({ "options": { "run": ["x", "{{ m.ticket }}"] } }))]));
    run.settle();
    assert_eq!(run.machine.asks()[0].kind, AskKind::Manual { fields: vec!["ticket".into()] });
    let submit = |v: Value| Verb::Submit { step: "m".into(), fields: BTreeMap::from([("ticket".into(), v)]) };
    assert!(run.verb(submit(json!(""))).is_err());
    run.verb(submit(json!("OPS-7"))).unwrap();
    run.settle();
    let Todo::Attend { action, .. } = &run.machine.next(run.now)[0] else { panic!() };
    assert_eq!(action.summary(), "x OPS-7");
}

#[test]
fn an_output_that_would_be_an_option_fails_the_step_before_it_acts() {
    let manual = json!({ "id": "m", "kind": "manual", "options": { "fields": ["host"] } });
    let step = command("a", json!({ "options": { "run": ["x", "{{ m.host }}"] } }));
    let mut run = Live::start(json!([manual, step]));
    run.settle();
    let fields = BTreeMap::from([("host".to_owned(), json!("-oProxyCommand=evil"))]);
    run.verb(Verb::Submit { step: "m".into(), fields }).unwrap();
    run.settle();
    assert_eq!((run.status("a"), run.attempts("a")), (S::Failed, 0));
}

#[test]
fn a_dry_run_acts_on_nothing_and_a_rehearsal_does_what_its_steps_say() {
    let steps = json!([
        command("a", json!({ "destructive": true, "rehearsal": "simulate" })),
        command("b", json!({ "rehearsal": "skip" })),
        command("c", json!({ "when": "deep" })),
        command("d", json!({})),
    ]);
    let mut dry = Live::new(&try_begin(steps.clone(), Mode::DryRun).unwrap());
    dry.settle();
    assert_eq!(dry.machine.run().state, RunState::Completed);
    assert!(dry.machine.run().steps.iter().all(|s| s.attempts.is_empty()));
    let mut rehearsal = Live::new(&try_begin(steps, Mode::Rehearsal).unwrap());
    rehearsal.settle();
    let status = ["a", "b", "c", "d"].map(|s| rehearsal.status(s));
    assert_eq!(status, [S::Succeeded, S::Skipped, S::Skipped, S::Running]);
}

#[test]
fn a_pause_begins_nothing_and_a_cancel_ends_what_acts() {
    let mut run = Live::start(json!([command("a", json!({})), command("b", json!({}))]));
    run.settle();
    run.verb(Verb::Pause).unwrap();
    run.ended("a", Succeeded);
    assert_eq!((run.status("b"), run.machine.run().state), (S::Ready, RunState::Paused));
    run.verb(Verb::Resume).unwrap();
    run.settle();
    run.verb(Verb::Cancel { reason: "wrong region".into() }).unwrap();
    assert!(matches!(run.machine.next(run.now)[..], [Todo::Attend { cancel: true, may_start: false, .. }]));
    run.ended("b", Cancelled);
    assert_eq!((run.status("b"), run.machine.run().state), (S::Cancelled, RunState::Cancelled));
}

#[test]
fn an_end_from_outside_is_indeterminate_not_cancelled() {
    let mut run = Live::start(json!([command("a", json!({}))]));
    run.settle();
    run.ended("a", Cancelled);
    assert_eq!(run.status("a"), S::Indeterminate);
}

#[test]
fn a_jump_of_the_clock_moves_deadlines_with_it() {
    let wait = json!({ "id": "w", "kind": "wait", "timeout": 60, "options": { "probe": http_probe() } });
    let mut run = Live::start(json!([wait]));
    run.settle();
    run.now = run.now + Dur::secs(3_600);
    run.record(&Event::ClockJumped { by: Dur::secs(3_600) });
    run.settle();
    assert_eq!(run.status("w"), S::Running);
    run.pass(Dur::secs(60));
    assert_eq!(run.status("w"), S::TimedOut);
}

#[test]
fn what_cannot_be_run_is_refused_before_anything_acts() {
    let unsupported = [json!([{ "id": "d", "kind": "teleport" }])];
    for steps in unsupported {
        let problem = try_begin(steps.clone(), Mode::Live).unwrap_err();
        assert_eq!(problem.code, Code::RUN_UNSUPPORTED, "{steps}");
    }
    let wrong = [
        json!([command("a", json!({ "options": { "run": ["{{ to }}"] } }))]),
        json!([command("a", json!({ "options": { "run": ["../bin/x"] } }))]),
        json!([command("a", json!({ "options": { "run": [".lifeboat/x"] } }))]),
        json!([command("a", json!({ "options": { "run": ["x", "{{ nobody }}"] } }))]),
        json!([command("a", json!({ "options": { "run": ["x", "{{ a.b }}"] } }))]),
        json!([command("a", json!({ "needs": ["b"] })), command("b", json!({ "needs": ["a"] }))]),
        json!([command("a", json!({ "needs": ["nobody"] }))]),
        json!([command("a", json!({})), command("a", json!({}))]),
    ];
    for steps in wrong {
        let problem = try_begin(steps.clone(), Mode::Live).unwrap_err();
        assert_eq!(problem.code, Code::RUN_PARAMETER, "{steps}");
    }
}

#[test]
fn records_that_cannot_follow_are_refused() {
    let mut run = Live::start(json!([command("a", json!({}))]));
    run.settle();
    let last = run.records.last().unwrap();
    let wrong = [
        Event::StepReached { step: "nobody".into() },
        Event::AttemptEnded {
            step: "a".into(),
            number: 2,
            outcome: outcome(Succeeded, run.now),
            still_held: false,
        },
        run.records.iter().rev().find_map(Record::event).unwrap().clone(),
    ];
    for event in wrong {
        let (_, record) = encode(last.seq + 1, run.now, &"ada".into(), &last.sum, &event).unwrap();
        let mut machine = run.machine.clone();
        assert_eq!(machine.apply(&record).unwrap_err().code, Code::JOURNAL_DAMAGED, "{}", event.name());
    }
}

#[test]
fn a_run_with_an_event_of_a_newer_program_can_be_read_but_is_named() {
    let mut run = Live::start(json!([command("a", json!({}))]));
    run.settle();
    let seen = run.records.len() as u64;
    let strange = crate::record::Entry::Unknown { name: "lease_moved".into(), value: json!({}) };
    let mut record = run.records.last().unwrap().clone();
    (record.seq, record.event) = (seen + 1, strange);
    assert_eq!(run.machine.clone().apply(&record).unwrap_err().code, Code::JOURNAL_NEWER);
    run.records.push(record);
    let read = Machine::replay(&run.records).unwrap();
    assert_eq!((read.newer(), read.run()), (Some("lease_moved"), run.machine.run()));
}
