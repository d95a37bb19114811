//! `approve`: people who did not start the run agree that it goes on.

use lifeboat_core::model::{KeyDef, KeyType, StepDef};

pub const DEF: StepDef = StepDef {
    id: "approve",
    keys: &[
        KeyDef::new("need", KeyType::Int(1, 100), "How many people must approve."),
        KeyDef::new("roles", KeyType::List(&KeyType::Text), "Roles whose holders may approve."),
        KeyDef::new("within", KeyType::Dur, "How long an approval is waited for."),
    ],
    doc: "Waits until people of given roles have approved.",
    effect: false,
};
