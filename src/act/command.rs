//! `command`: a program of the estate or of the machine, as an argument list.

use lifeboat_core::model::{KeyDef, KeyType, StepDef};

pub const DEF: StepDef = StepDef {
    id: "command",
    keys: &[
        KeyDef::required(
            "run",
            KeyType::Command,
            "Program and arguments, never a shell line; `{{ }}` stays inside its argument.",
        ),
        KeyDef::new(
            "env",
            KeyType::Map(&KeyType::Either(&[KeyType::Text, KeyType::Secret])),
            "Environment beside PATH, HOME and LANG; a secret is a reference.",
        ),
        KeyDef::new("cwd", KeyType::Text, "Folder to run in, below the estate."),
    ],
    doc: "Runs a program; exit code 0 is success. Outputs are read from its last line, if that is JSON.",
    effect: true,
};
