//! Estates on disk, good and bad, against a vocabulary of the tests' own.

mod bad;
mod good;
mod hostile;
mod made;
mod real;
mod wrong;

use std::{fs, path::Path};

use lifeboat_core::model::{
    FormatDef, KeyDef,
    KeyType::{self, *},
    ProbeDef, StepDef, Vocabulary,
};

use super::{Diagnostic, Diagnostics, Loaded, Severity, load};

const FIELD: &[KeyDef] =
    &[KeyDef::required("id", Text, ""), KeyDef::new("type", Text, ""), KeyDef::new("required", Bool, "")];
const ASSESS: KeyType =
    Table(&[KeyDef::required("workload", Ref("workload"), ""), KeyDef::required("verdict", Text, "")]);
const WATCH: &[KeyDef] =
    &[KeyDef::new("probe", Probe, ""), KeyDef::new("assess", ASSESS, ""), KeyDef::new("stable", Dur, "")];
const CHOICE: KeyType = Table(&[
    KeyDef::required("id", NewId, ""),
    KeyDef::new("title", Text, ""),
    KeyDef::new("steps", List(&Ref("step")), ""),
]);
const EXPECT: KeyType = Table(&[
    KeyDef::new("status", Int(100, 599), ""),
    KeyDef::new("pointer", Text, ""),
    KeyDef::new("equals", Any, ""),
    KeyDef::new("max", Number, ""),
]);

pub(in super::super) const VOCABULARY: Vocabulary = Vocabulary {
    formats: &[
        FormatDef { id: "pgbackrest", keys: &[KeyDef::required("stanza", Text, "The stanza.")], doc: "" },
        FormatDef {
            id: "dump",
            keys: &[
                KeyDef::new("match", Text, "A glob."),
                KeyDef::new("time", Text, "Where the instant stands."),
                KeyDef::new("timezone", Zone, ""),
            ],
            doc: "Dumps.",
        },
        FormatDef {
            id: "command",
            keys: &[KeyDef::required("run", Command, ""), KeyDef::new("timeout", Period, "")],
            doc: "",
        },
    ],
    probes: &[
        ProbeDef { id: "http", target: Url, doc: "A GET request." },
        ProbeDef { id: "tcp", target: HostPort, doc: "" },
        ProbeDef { id: "postgres", target: Table(&[KeyDef::required("dsn", Secret, "")]), doc: "" },
        ProbeDef { id: "command", target: Command, doc: "" },
    ],
    steps: &[
        StepDef {
            id: "manual",
            keys: &[
                KeyDef::new("fields", List(&Either(&[Text, Table(FIELD)])), ""),
                KeyDef::new("evidence", Text, ""),
            ],
            doc: "",
            effect: false,
        },
        StepDef { id: "check", keys: WATCH, doc: "", effect: false },
        StepDef { id: "wait", keys: WATCH, doc: "", effect: false },
        StepDef {
            id: "command",
            keys: &[KeyDef::required("run", Command, ""), KeyDef::new("env", Map(&Text), "")],
            doc: "A program.",
            effect: true,
        },
        StepDef {
            id: "http",
            keys: &[
                KeyDef::new("method", Text, ""),
                KeyDef::required("url", Url, ""),
                KeyDef::new("expect", EXPECT, ""),
            ],
            doc: "",
            effect: true,
        },
        StepDef {
            id: "decide",
            keys: &[KeyDef::required("choices", List(&CHOICE), "")],
            doc: "",
            effect: false,
        },
        StepDef {
            id: "restore",
            keys: &[KeyDef::new("asset", Ref("asset"), ""), KeyDef::new("at", Instant, "")],
            doc: "",
            effect: true,
        },
        StepDef {
            id: "runbook",
            keys: &[KeyDef::required("runbook", Ref("runbook"), ""), KeyDef::new("with", Map(&Any), "")],
            doc: "",
            effect: false,
        },
    ],
};

pub(in super::super) fn write(dir: &Path, files: &[(&str, impl AsRef<[u8]>)]) {
    for (name, bytes) in files {
        let path = dir.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

/// The smallest useful estate, as the project's documents show it.
pub(in super::super) const SMALL: &[(&str, &str)] = &[
    ("lifeboat.toml", "schema = 1\nname = \"Northwind\"\n"),
    (
        "regions.toml",
        r#"schema = 1

[[region]]
id = "eu-west-1"
name = "Ireland"
provider = "aws"
jurisdiction = ["EU"]
at = [53.35, -6.26]                      # latitude, longitude in degrees

[[region]]
id = "eu-central-1"
name = "Frankfurt"
provider = "aws"
jurisdiction = ["EU"]
at = [50.11, 8.68]
"#,
    ),
    (
        "stores.toml",
        r#"schema = 1

[[store]]
id = "backups-fra"
url = "s3://northwind-backups"
region = "eu-central-1"
"#,
    ),
    (
        "workloads/checkout.toml",
        r#"schema = 1
id = "checkout"
name = "Checkout"
rpo = "5m"
rto = "30m"
home = "eu-west-1"
standby = ["eu-central-1"]

[[health]]
region = "eu-west-1"
http = "https://checkout.eu-west-1.example/health"

[[asset]]
id = "orders-db"
layer = "database"

[[asset.copy]]
store = "backups-fra"
format = "pgbackrest"
path = "pgbackrest"
stanza = "orders"
schedule = "1d"
log_every = "1m"
"#,
    ),
    (
        "runbooks/checkout-failover.toml",
        r#"schema = 1
id = "checkout-failover"
title = "Fail Checkout over to {{ to }}"
kind = "failover"
workload = "checkout"

[params]
from = { type = "region", default = "eu-west-1" }
to = { type = "region", default = "eu-central-1" }

[[step]]
id = "fence"
title = "Stop the old primary from taking writes"
kind = "command"
run = ["./bin/fence", "{{ from }}"]       # an argument list, never a shell line; a value that begins with - is refused
timeout = "60s"
retry = { attempts = 3, backoff = "5s" }
idempotent = true
verify = { http = "http://fence.example/{{ from }}", expect = { status = 200 } }   # answers done, not_done or cannot_tell
undo = ["./bin/unfence", "{{ from }}"]
fences = "checkout/orders-db"
on_failure = "pause"                      # pause, continue, roll_back
rehearsal = "run"                         # run, simulate, skip

[[step]]
id = "promote"
title = "Promote the standby database"
kind = "command"
run = ["./bin/promote", "{{ to }}"]
needs = ["fence"]
destructive = true                        # the target's name is typed
target = "{{ to }}"
point_of_no_return = true
promotes = "checkout/orders-db"
"#,
    ),
];

/// The small estate with some files put in place of its own or beside them.
fn with(files: &[(&str, &str)]) -> (tempfile::TempDir, Result<Loaded, Diagnostics>) {
    let tmp = tempfile::tempdir().unwrap();
    write(tmp.path(), SMALL);
    write(tmp.path(), files);
    let loaded = load(tmp.path(), &VOCABULARY);
    (tmp, loaded)
}

/// What is wrong, errors only.
fn errors(files: &[(&str, &str)]) -> Vec<Diagnostic> {
    match with(files).1 {
        Ok(_) => Vec::new(),
        Err(all) => all.diagnostics.into_iter().filter(|d| d.severity == Severity::Error).collect(),
    }
}

/// `place: what | hint`, and the characters under the carets.
#[track_caller]
fn told(d: &Diagnostic) -> (String, String) {
    let marked = d
        .excerpt
        .as_ref()
        .map_or(String::new(), |e| e.text.chars().skip(e.caret.start).take(e.caret.len()).collect());
    (format!("{}: {} | {}", d.place(), d.what, d.hint.as_deref().unwrap_or("")), marked)
}

const CHECKOUT: &str = "workloads/checkout.toml";
const BOOK: &str = "runbooks/checkout-failover.toml";

/// A file of the small estate with some of its text replaced.
fn edited(name: &str, from: &str, to: &str) -> String {
    let (_, text) = SMALL.iter().find(|(n, _)| *n == name).unwrap();
    assert!(text.contains(from), "{name} has no {from}");
    text.replacen(from, to, 1)
}
