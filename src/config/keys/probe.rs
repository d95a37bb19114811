//! What may stand beside a probe's kind, and references to secrets.

use lifeboat_core::model::{KeyDef, KeyType};

const EXPECT: &[KeyDef] = &[
    KeyDef::new("status", KeyType::Int(100, 599), "The HTTP status that is good."),
    KeyDef::new(
        "pointer",
        KeyType::Text,
        "JSON pointer of the value that is compared; absent: the whole answer.",
    ),
    KeyDef::new("equals", KeyType::Any, "The value must be this."),
    KeyDef::new("min", KeyType::Number, "The value must not be below this."),
    KeyDef::new("max", KeyType::Number, "The value must not be above this."),
];

/// Keys of every probe, whatever its kind.
pub(in super::super) const COMPANIONS: &[KeyDef] = &[
    KeyDef::new("expect", KeyType::Table(EXPECT), "What the answer must be."),
    KeyDef::new("timeout", KeyType::Period, "How long one try may take."),
    KeyDef::new("every", KeyType::Period, "How often it is asked, instead of `poll`."),
    KeyDef::new("ca", KeyType::Text, "A file with the authority that signs the service's certificate."),
    KeyDef::new("value", KeyType::Text, "Where the figure stands: a JSON pointer, column or metric."),
    KeyDef::new(
        "unit",
        KeyType::OneOf(&["ms", "s", "bytes", "count", "rfc3339", "unix_s", "unix_ms"]),
        "The figure's unit.",
    ),
    KeyDef::new("as_of", KeyType::Text, "Where the instant stands that the figure is about."),
    KeyDef::new(
        "map",
        KeyType::Map(&KeyType::Ref("region")),
        "For `active_when`: from the value that is seen to a region.",
    ),
];

/// Exactly one of these names where a secret is to be had.
pub(in super::super) const SECRET: &[KeyDef] = &[
    KeyDef::new("env", KeyType::Text, "An environment variable that holds it."),
    KeyDef::new("file", KeyType::Text, "A file that holds it."),
    KeyDef::new("command", KeyType::Command, "A command that prints it; trusted estates only."),
    KeyDef::new("secret", KeyType::Ref("secret"), "A `[[secret]]` or `[[key]]` of regions.toml."),
];
