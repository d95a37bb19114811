//! `manual`: a person does it and says so.

use lifeboat_core::model::{KeyDef, KeyType, StepDef};

pub const DEF: StepDef = StepDef {
    id: "manual",
    keys: &[
        KeyDef::new("fields", KeyType::List(&KeyType::Text), "What has to be filled in before it is done."),
        KeyDef::new("evidence", KeyType::Text, "What to keep as evidence; asked for as one more field."),
    ],
    doc: "A person does it and says that it is done.",
    effect: false,
};
