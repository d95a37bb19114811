//! lifeboat.toml.

use lifeboat_core::model::{
    KeyDef,
    KeyType::{self, *},
};

use super::{REGIONS, TEXTS};
use crate::config::packs;

pub(super) const KEYS: &[KeyDef] = &[
    KeyDef::new("id", NewId, "Under which state is kept; absent: made from `name`."),
    KeyDef::required("name", Text, "What people call the estate."),
    KeyDef::new("defaults", Table(DEFAULTS), "What holds where nothing nearer is said."),
    KeyDef::new("tier", List(&Table(TIER)), "Default objectives by tier."),
    KeyDef::new("group", List(&Table(GROUP)), "Assets that must be restored to one instant."),
    KeyDef::new("policy", Table(POLICY), "Which rules are checked."),
    KeyDef::new("override", List(&Table(OVERRIDE)), "Findings that are accepted, with a reason and an end."),
    KeyDef::new("operator", List(&Table(OPERATOR)), "People who may act."),
    KeyDef::new("approval", List(&Table(APPROVAL)), "Approvals that runbooks ask for."),
    KeyDef::new("interlock", List(&Table(INTERLOCK)), "Conditions that must hold before an action."),
    KeyDef::new("notify", List(&Table(NOTIFY)), "Where messages go."),
    KeyDef::new("rehearsal", Table(REHEARSAL), "What drills may touch."),
    KeyDef::new("vault", Table(VAULT), "Where run journals and shared observations are kept."),
];

const DEFAULTS: &[KeyDef] = &[
    KeyDef::new("poll", Period, "How often health and lag are asked; 30s."),
    KeyDef::new("refresh", Period, "How often repositories are read; 15m."),
    KeyDef::new("timeout", Period, "How long one probe may take; 5s."),
    KeyDef::new("detect", Dur, "How long until a loss is noticed; part of the RTO estimate."),
    KeyDef::new("decide", Dur, "How long until somebody decides; part of the RTO estimate."),
    KeyDef::new("timezone", Zone, "The zone of schedules that name none."),
];

const TIER: &[KeyDef] = &[
    KeyDef::required("level", Int(1, 255), "1 is highest."),
    KeyDef::new("rpo", Dur, "Tolerated loss."),
    KeyDef::new("rto", Dur, "Tolerated time."),
    KeyDef::new("drill_every", Period, "How often its workloads are rehearsed."),
];

const GROUP: &[KeyDef] = &[
    KeyDef::required("id", NewId, "Its name."),
    KeyDef::required("assets", List(&Ref("asset")), "`WORKLOAD/ASSET` of each."),
    KeyDef::new("tolerance", Dur, "How far apart their instants may lie."),
];

const PACK: KeyType = OneOf(packs::NAMES);
const POLICY: &[KeyDef] =
    &[KeyDef::new("packs", List(&PACK), "Sets of rules that the estate is held against.")];

const OVERRIDE: &[KeyDef] = &[
    KeyDef::required("rule", Text, "The rule that does not apply."),
    KeyDef::required("subject", Text, "To what: a workload, `WORKLOAD/ASSET`, a store."),
    KeyDef::required("reason", Text, "Why; shown wherever the finding would be."),
    KeyDef::new("until", Instant, "When it applies again."),
];

const OPERATOR: &[KeyDef] = &[
    KeyDef::required("id", NewId, "Who."),
    KeyDef::new("roles", TEXTS, "What they may approve."),
    KeyDef::new("key", Text, "The public key that signs their approvals."),
];

pub(super) const APPROVAL: &[KeyDef] = &[
    KeyDef::required("id", NewId, "Its name."),
    KeyDef::new("need", Int(1, 99), "How many people."),
    KeyDef::new("roles", TEXTS, "Who counts."),
    KeyDef::new("within", Period, "How long an approval holds."),
];

/// A fact such as `in-service:eu-west-1`, another interlock by its id, or a probe.
const CONDITION: KeyType = Either(&[Text, Probe]);

const INTERLOCK: &[KeyDef] = &[
    KeyDef::required("id", NewId, "Its name."),
    KeyDef::new("all", List(&CONDITION), "Facts, interlocks or probes that must all hold."),
    KeyDef::new("any", List(&CONDITION), "Facts, interlocks or probes of which some must hold."),
    KeyDef::new("at_least", Int(1, 999), "How many of `any`; 1."),
    KeyDef::new("invert", Bool, "It holds when the conditions do not."),
    KeyDef::new("wait", Dur, "How long it must have held."),
];

const NOTIFY: &[KeyDef] = &[
    KeyDef::required("id", NewId, "Its name."),
    KeyDef::new("url", Url, "A webhook."),
    KeyDef::new("command", Command, "A program that gets the message on standard input."),
    KeyDef::new("token", Secret, "What the webhook asks for."),
    KeyDef::new("on", TEXTS, "Which events; absent: those that runbooks send."),
];

const REHEARSAL: &[KeyDef] = &[
    KeyDef::new("regions", REGIONS, "Regions that drills may touch."),
    KeyDef::new("accounts", List(&Ref("account")), "Accounts that drills may touch."),
    KeyDef::new("stores", List(&Ref("store")), "Stores that drills may touch."),
    KeyDef::new("hosts", TEXTS, "Hosts that drills may call."),
];

const VAULT: &[KeyDef] = &[
    KeyDef::required(
        "stores",
        List(&Ref("store")),
        "Three or more; no region and no account with a majority.",
    ),
    KeyDef::new("lease", Table(LEASE), "What admits one writer at a time: `etcd` or `store`."),
];

const LEASE: &[KeyDef] = &[
    KeyDef::new("etcd", List(&Url), "Endpoints of an etcd cluster."),
    KeyDef::new("store", Ref("store"), "A store that honours conditional writes."),
];
