//! `http`: one request, never repeated by itself.

use lifeboat_core::model::{KeyDef, KeyType, StepDef};

const EXPECT: KeyType = KeyType::Table(&[
    KeyDef::new("status", KeyType::Int(100, 599), "Status that is success; absent: any of 200 to 299."),
    KeyDef::new("pointer", KeyType::Text, "JSON pointer into the answer."),
    KeyDef::new("equals", KeyType::Any, "What stands there."),
    KeyDef::new("min", KeyType::Number, "The least that may stand there."),
    KeyDef::new("max", KeyType::Number, "The most that may stand there."),
]);

pub const DEF: StepDef = StepDef {
    id: "http",
    keys: &[
        KeyDef::new(
            "method",
            KeyType::OneOf(&["GET", "POST", "PUT", "PATCH", "DELETE"]),
            "Method; POST where absent.",
        ),
        KeyDef::required("url", KeyType::Url, "Where to send the request."),
        KeyDef::new(
            "headers",
            KeyType::Map(&KeyType::Either(&[KeyType::Text, KeyType::Secret])),
            "Headers; a secret is a reference.",
        ),
        KeyDef::new("body", KeyType::Any, "Text as it is, or a table that is sent as JSON."),
        KeyDef::new("expect", EXPECT, "What answer is success."),
        KeyDef::new("ca", KeyType::Text, "File with the authority that signed the server's certificate."),
    ],
    doc: "Sends one HTTP request. Outputs are read from its JSON answer.",
    effect: true,
};
