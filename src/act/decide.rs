//! `decide`: a person chooses which steps are done.

use lifeboat_core::model::{KeyDef, KeyType, StepDef};

const CHOICE: KeyType = KeyType::Table(&[
    KeyDef::required("id", KeyType::NewId, "Name of the choice."),
    KeyDef::new("title", KeyType::Text, "What is chosen, in a few words."),
    KeyDef::new("steps", KeyType::List(&KeyType::Ref("step")), "Steps that only this choice runs."),
]);

pub const DEF: StepDef = StepDef {
    id: "decide",
    keys: &[KeyDef::required("choices", KeyType::List(&CHOICE), "What a person may choose from.")],
    doc: "A person chooses one way to go on.",
    effect: false,
};
