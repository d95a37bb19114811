//! runbooks/*.toml.

use lifeboat_core::model::{
    KeyDef,
    KeyType::{self, *},
};

use super::{SELECTORS, TEXTS};

pub(super) const KEYS: &[KeyDef] = &[
    KeyDef::required("id", NewId, "Its name in the estate."),
    KeyDef::required("title", Text, "What it does, in one sentence."),
    KeyDef::required(
        "kind",
        OneOf(&["failover", "switchover", "failback", "restore", "drill", "cleanup", "evacuation"]),
        "What it is for.",
    ),
    KeyDef::new("workload", Ref("workload"), "Which workload it moves."),
    KeyDef::new("workloads", List(&Ref("workload")), "Which workloads it moves, when several."),
    KeyDef::new("for", List(&Against), "What must be lost for it to apply."),
    KeyDef::new("params", Map(&Table(PARAM)), "What it is told at the start, by name."),
    KeyDef::new("relies_on", SELECTORS, "What must stand for it to work."),
    KeyDef::new(
        "waves",
        Table(WAVES),
        "How runbooks within it, and steps with `for_each`, follow each other.",
    ),
    KeyDef::new(
        "commit",
        OneOf(&["auto", "person"]),
        "Who ends it once its goals hold; until then it can be rolled back. auto: as soon as they do.",
    ),
    KeyDef::new("step", List(&Step(STEP)), "The steps, in order."),
];

const PARAM: &[KeyDef] = &[
    KeyDef::required(
        "type",
        OneOf(&[
            "region",
            "workload",
            "recovery-point",
            "instant",
            "choice",
            "string",
            "integer",
            "bool",
            "secret",
        ]),
        "What it may be.",
    ),
    KeyDef::new("default", Any, "Its value where none is given."),
    KeyDef::new("choices", TEXTS, "The values of a choice."),
    KeyDef::new("text", Text, "What to ask the operator."),
];

const WAVES: &[KeyDef] = &[
    KeyDef::new("max_parallel", Int(1, 10_000), "How many at once."),
    KeyDef::new("stop_after_failures", Int(1, 10_000), "After how many failures no further wave begins."),
];

const STEP: &[KeyDef] = &[
    KeyDef::required("id", NewId, "Its name in the runbook."),
    KeyDef::new("title", Text, "What it does, in one sentence."),
    KeyDef::new("text", Text, "More, in Markdown."),
    KeyDef::new("needs", List(&Ref("step")), "Steps before it; absent: the step above; `[]`: at once."),
    KeyDef::new("when", Text, "The condition under which it is done."),
    KeyDef::new(
        "phase",
        OneOf(&["main", "goal", "cleanup"]),
        "goal: a check or wait that must hold for the run to be completed; cleanup: after all else, and after a cancel or roll-back too.",
    ),
    KeyDef::new("takes", Dur, "How long it takes, as declared."),
    KeyDef::new("timeout", Period, "After how long it is stopped."),
    KeyDef::new("retry", Table(RETRY), "How often it is tried."),
    KeyDef::new("idempotent", Bool, "Doing it twice is the same as once."),
    KeyDef::new("verify", Probe, "Answers done, not done or cannot tell."),
    KeyDef::new("absent", Probe, "Proves that it did not happen."),
    KeyDef::new("settle", Dur, "How long to wait before `verify` is asked."),
    KeyDef::new("undo", Command, "What takes it back."),
    KeyDef::new("target", Text, "The name that is typed, and matched by --yes-to."),
    KeyDef::new("on_failure", OneOf(&["pause", "continue", "roll_back"]), "What a failure does to the run."),
    KeyDef::new("rehearsal", OneOf(&["run", "simulate", "skip"]), "What a rehearsal does with it."),
    KeyDef::new("destructive", Bool, "The target's name is typed first."),
    KeyDef::new("point_of_no_return", Bool, "After it there is no rolling back."),
    KeyDef::new("relies_on", SELECTORS, "What must stand for it to work."),
    KeyDef::new("outputs", Map(&OUTPUT), "From a name to a JSON pointer into the step's answer."),
    KeyDef::new("for_each", Either(&[Map(&EACH), TEXTS]), "Once for each."),
    KeyDef::new("max_parallel", Int(1, 10_000), "How many at once."),
    KeyDef::new("approvals", Either(&[Int(1, 99), Table(APPROVALS)]), "Who must agree first."),
    KeyDef::new("fences", Ref("asset"), "`WORKLOAD/ASSET` whose old primary can write no more after it."),
    KeyDef::new("promotes", Ref("asset"), "`WORKLOAD/ASSET` whose new primary it makes."),
];

const EACH: KeyType = Either(&[Text, TEXTS]);

const OUTPUT: KeyType = Either(&[Text, Table(TYPED)]);

const TYPED: &[KeyDef] = &[
    KeyDef::required("pointer", Text, "A JSON pointer into the step's answer."),
    KeyDef::new(
        "type",
        OneOf(&["string", "integer", "number", "bool", "instant", "list"]),
        "What it must be; an answer that holds something else leaves no output.",
    ),
];

const RETRY: &[KeyDef] = &[
    KeyDef::required("attempts", Int(1, 100), "All tries together, the first included."),
    KeyDef::new("backoff", Dur, "How long to wait between two."),
];

const APPROVALS: &[KeyDef] = &[
    KeyDef::new("need", Int(1, 99), "How many people."),
    KeyDef::new("roles", TEXTS, "Who counts."),
    KeyDef::new("within", Period, "How long an approval holds."),
];
