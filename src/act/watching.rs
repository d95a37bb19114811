//! `wait` and `check`: steps that only look.

use lifeboat_core::model::{KeyDef, KeyType, StepDef};

const ASSESS: KeyType = KeyType::Table(&[
    KeyDef::required("workload", KeyType::Ref("workload"), "Workload to judge."),
    KeyDef::required("verdict", KeyType::Text, "The worst verdict that is good enough."),
]);

const KEYS: &[KeyDef] = &[
    KeyDef::new("probe", KeyType::Probe, "What is asked."),
    KeyDef::new("assess", ASSESS, "Instead of a probe: a verdict of Lifeboat's own."),
    KeyDef::new("stable", KeyType::Dur, "How long it must hold without a break."),
];

pub const WAIT: StepDef = StepDef {
    id: "wait",
    keys: KEYS,
    doc: "Asks again and again until the answer is as expected, or until its timeout.",
    effect: false,
};

pub const CHECK: StepDef = StepDef {
    id: "check",
    keys: KEYS,
    doc: "Asks, and fails where the answer is not as expected.",
    effect: false,
};
