//! `manual`: a person does it and says so.

use lifeboat_core::model::{KeyDef, KeyType, StepDef};

const FIELD: KeyType = KeyType::Either(&[KeyType::Text, KeyType::Table(TYPED)]);

const TYPED: &[KeyDef] = &[
    KeyDef::required("id", KeyType::Text, "Under which later steps insert it."),
    KeyDef::new("title", KeyType::Text, "What to ask."),
    KeyDef::new(
        "type",
        KeyType::OneOf(&[
            "string",
            "integer",
            "bool",
            "instant",
            "choice",
            "region",
            "workload",
            "recovery-point",
        ]),
        "What it must be; string.",
    ),
    KeyDef::new("choices", KeyType::List(&KeyType::Text), "The values of a choice."),
    KeyDef::new("required", KeyType::Bool, "Whether it may not be left empty; true."),
];

pub const DEF: StepDef = StepDef {
    id: "manual",
    keys: &[
        KeyDef::new(
            "fields",
            KeyType::List(&FIELD),
            "What has to be filled in before it is done: names, or tables with a type.",
        ),
        KeyDef::new("evidence", KeyType::Text, "What to keep as evidence; asked for as one more field."),
    ],
    doc: "A person does it and says that it is done.",
    effect: false,
};
