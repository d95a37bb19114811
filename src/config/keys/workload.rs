//! workloads/*.toml.

use lifeboat_core::model::{
    KeyDef,
    KeyType::{self, *},
};

use super::TEXTS;

pub(super) const KEYS: &[KeyDef] = &[
    KeyDef::required("id", NewId, "Its name in the estate."),
    KeyDef::new("name", Text, "What people call it."),
    KeyDef::new("tier", Int(1, 255), "1 is highest; `[[tier]]` in lifeboat.toml gives its defaults."),
    KeyDef::new("account", Ref("account"), "In which account it runs."),
    KeyDef::new("owner", Text, "Who answers for it."),
    KeyDef::new("contacts", TEXTS, "Whom to call."),
    KeyDef::new("impact", Table(IMPACT), "What its loss costs."),
    KeyDef::new("reviewed", Date, "When a person last read this file."),
    KeyDef::new("rpo", Dur, "Tolerated loss."),
    KeyDef::new("rto", Dur, "Tolerated time."),
    KeyDef::new("objectives", List(&Table(OBJECTIVE)), "Objectives by what is lost; the most specific wins."),
    KeyDef::new("home", Ref("region"), "Where it runs, as declared."),
    KeyDef::new("standby", List(&STANDBY_ITEM), "Where it could run: regions, or tables."),
    KeyDef::new("active", List(&Table(ACTIVE)), "Regions that serve at once, instead of one home."),
    KeyDef::new(
        "strategy",
        OneOf(&["backup-restore", "pilot-light", "warm-standby", "active-active"]),
        "How it recovers.",
    ),
    KeyDef::new(
        "active_when",
        Probe,
        "A probe whose value is the region that serves, perhaps through `map`.",
    ),
    KeyDef::new("residency", TEXTS, "Jurisdictions for every copy, replica, vault and target."),
    KeyDef::new("depends_on", List(&DEPENDENCY_ITEM), "Workloads that must be there first."),
    KeyDef::new("runbooks", Table(RUNBOOKS), "Its plans, by kind."),
    KeyDef::new("health", List(&ProbeWith(IN_REGION)), "Health as users meet it."),
    KeyDef::new("route", List(&Table(ROUTE)), "Names that lead users to it."),
    KeyDef::new("asset", List(&Table(ASSET)), "What it needs back."),
];

const IMPACT: &[KeyDef] = &[
    KeyDef::new("per_hour", Between(0.0, f64::MAX), "Cost of an hour without it."),
    KeyDef::new("mtd", Dur, "Maximum tolerable downtime."),
    KeyDef::new("obligations", TEXTS, "Laws and contracts that bind it."),
];

const OBJECTIVE: &[KeyDef] = &[
    KeyDef::required("against", Against, "A kind of domain, a mode, or `KIND=MODE`."),
    KeyDef::new("rpo", Dur, "Tolerated loss."),
    KeyDef::new("rto", Dur, "Tolerated time."),
];

const STANDBY_ITEM: KeyType = Either(&[
    Ref("region"),
    Table(&[
        KeyDef::required("region", Ref("region"), "Where."),
        KeyDef::new("account", Ref("account"), "In which account."),
        KeyDef::new("capacity", ProbeWith(NEED), "A probe that shows how much there is room for."),
    ]),
]);

const NEED: &[KeyDef] = &[KeyDef::new("need", Number, "How much is needed.")];

const ACTIVE: &[KeyDef] = &[
    KeyDef::required("region", Ref("region"), "Where."),
    KeyDef::new("share", Between(0.0, 1.0), "Its part of the whole, from 0 to 1."),
];

const DEPENDENCY_ITEM: KeyType = Either(&[
    Ref("workload"),
    Table(&[
        KeyDef::required("id", Ref("workload"), "Which workload."),
        KeyDef::new("kind", OneOf(&["hard", "soft"]), "soft: it runs without, only worse."),
    ]),
]);

const PLAN: KeyType = Ref("runbook");

const RUNBOOKS: &[KeyDef] = &[
    KeyDef::new("failover", PLAN, "The home is lost."),
    KeyDef::new("switchover", PLAN, "Both regions live."),
    KeyDef::new("failback", PLAN, "Back home."),
    KeyDef::new("restore", PLAN, "From a copy."),
    KeyDef::new("drill", PLAN, "The rehearsal."),
    KeyDef::new("cleanup", PLAN, "After a rehearsal."),
    KeyDef::new("evacuation", PLAN, "All out of a region."),
];

const IN_REGION: &[KeyDef] = &[KeyDef::new("region", Ref("region"), "Where it is asked about.")];

const ROUTE: &[KeyDef] = &[
    KeyDef::required("dns", Text, "The name."),
    KeyDef::new("ttl", Dur, "How long answers are kept."),
    KeyDef::new("resolvers", TEXTS, "Whom to ask."),
];

const ASSET: &[KeyDef] = &[
    KeyDef::required("id", NewId, "Its name in the workload."),
    KeyDef::required(
        "layer",
        OneOf(&[
            "application",
            "image",
            "infrastructure",
            "database",
            "analytics",
            "media",
            "secrets",
            "config",
        ]),
        "What it is.",
    ),
    KeyDef::new("required", Bool, "Whether the workload needs it; true."),
    KeyDef::new("rpo", Dur, "Tolerated loss, when not the workload's."),
    KeyDef::new("rto", Dur, "Tolerated time, when not the workload's."),
    KeyDef::new("uses", Ref("asset"), "`WORKLOAD/ASSET` that another workload owns."),
    KeyDef::new("for_each", Map(&Text), "Parts by a name and a range: `{ shard = \"00..15\" }`."),
    KeyDef::new("rebuild", Table(REBUILD), "It is made anew and needs no copy."),
    KeyDef::new("write_probe", Probe, "Answers with the instant of the last acknowledged write."),
    KeyDef::new("replica", List(&Table(REPLICA)), "Live second instances."),
    KeyDef::new("copy", List(&Copy(COPY)), "Backups in one store, in one format."),
];

const REBUILD: &[KeyDef] = &[KeyDef::new("takes", Dur, "How long that takes.")];

const REPLICA: &[KeyDef] = &[
    KeyDef::required("region", Ref("region"), "Where it lives."),
    KeyDef::new("account", Ref("account"), "In which account."),
    KeyDef::new("lag", Probe, "A probe whose value is how far it is behind."),
    KeyDef::new("synchronous", Bool, "A write counts only when it has it too."),
];

const COPY: &[KeyDef] = &[
    KeyDef::required("store", Ref("store"), "Where."),
    KeyDef::new("path", Text, "Below the root of the store; absent: the root."),
    KeyDef::new("schedule", SCHEDULE, "When backups are made."),
    KeyDef::new("refresh", Period, "How often it is read, instead of `[defaults] refresh`."),
    KeyDef::new("grace", Dur, "How late a backup may be."),
    KeyDef::new("log_every", Period, "How often log (WAL, binlog, oplog) is shipped."),
    KeyDef::new("retrieval", Dur, "How long it takes to have an archived point back."),
    KeyDef::new("retention", Table(RETENTION), "How long points are kept."),
    KeyDef::new("password", Secret, "What opens the repository."),
    KeyDef::new("key", Ref("key"), "The `[[key]]` that decrypts it."),
    KeyDef::new("parts", List(&Any), "Where parts of it lie, when not all in this store."),
];

const SCHEDULE: KeyType = Either(&[
    Period,
    Table(&[
        KeyDef::required("cron", Text, "Five fields: minute, hour, day, month, weekday."),
        KeyDef::new("timezone", Zone, "Its zone."),
    ]),
]);

const RETENTION: &[KeyDef] = &[
    KeyDef::new("min", Dur, "Nothing younger may be gone."),
    KeyDef::new("max", Dur, "Nothing older may be there."),
    KeyDef::new("legal_hold", Bool, "Nothing may be deleted."),
];
