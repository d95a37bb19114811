//! Step kinds that an estate may already hold and that this build refuses to
//! run: a run with one of them does not start (`LB-RUN-006`).

use lifeboat_core::model::{KeyDef, KeyType, StepDef};

pub const DNS: StepDef = StepDef {
    id: "dns",
    keys: &[
        KeyDef::required("server", KeyType::Text, "Name server that takes the update."),
        KeyDef::required("zone", KeyType::Text, "Zone that is updated."),
        KeyDef::required("record", KeyType::Any, "Record as it shall be."),
        KeyDef::new("require", KeyType::Any, "What must hold before, else nothing is changed."),
        KeyDef::new("tsig", KeyType::Secret, "Key that signs the update."),
        KeyDef::new("resolvers", KeyType::List(&KeyType::Text), "Resolvers that must see it."),
    ],
    doc: "Changes a DNS record.",
    effect: true,
};

pub const RESTORE: StepDef = StepDef {
    id: "restore",
    keys: &[
        KeyDef::new("asset", KeyType::Text, "WORKLOAD/ASSET to restore."),
        KeyDef::new("group", KeyType::Ref("group"), "Group of assets to restore to one instant."),
        KeyDef::new("point", KeyType::Text, "Recovery point to restore."),
        KeyDef::new("at", KeyType::Text, "Instant to restore to."),
        KeyDef::new("into", KeyType::Any, "Where to restore to."),
    ],
    doc: "Restores an asset from a recovery point with its own tool.",
    effect: true,
};

pub const COPY: StepDef = StepDef {
    id: "copy",
    keys: &[
        KeyDef::required("from", KeyType::Any, "Where to copy from."),
        KeyDef::required("to", KeyType::Any, "Where to copy to."),
        KeyDef::new("rate", KeyType::Size, "At most so many bytes a second."),
    ],
    doc: "Copies objects from one store to another.",
    effect: true,
};

pub const NOTIFY: StepDef = StepDef {
    id: "notify",
    keys: &[
        KeyDef::required("to", KeyType::Any, "Channels or people to tell."),
        KeyDef::required("message", KeyType::Text, "What to tell them."),
        KeyDef::new("due", KeyType::Dur, "How soon after the incident began it is due."),
    ],
    doc: "Tells people.",
    effect: true,
};

pub const RUNBOOK: StepDef = StepDef {
    id: "runbook",
    keys: &[
        KeyDef::required("runbook", KeyType::Ref("runbook"), "Runbook to run as this step."),
        KeyDef::new("with", KeyType::Map(&KeyType::Any), "Its parameters."),
    ],
    doc: "Runs another runbook.",
    effect: false,
};
