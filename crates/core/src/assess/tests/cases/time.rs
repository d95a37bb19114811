//! Time to recover (section 4).

use serde_json::json;

use super::super::super::*;
use super::super::small::*;
use super::*;
use Verdict::*;

#[test]
fn section_4_time() {
    let step = |step: serde_json::Value| backed_up().set("/runbooks/0/step/-", step);
    let dep = |more: serde_json::Value| {
        backed_up().workload("base", more).shop("depends_on", json!([{"id": "base"}]))
    };
    let restore = || {
        backed_up()
            .set("/runbooks/0/step/-", json!({"id": "r", "kind": "restore", "options": {"asset": "shop/db"}}))
            .learn(|l| {
                l.timings.rates.insert("vault".into(), 10.0);
            })
    };
    let archived = |retrieval: serde_json::Value| {
        shop().store("vault", "us", "backup").copy_of(
            0,
            json!({"store": "vault", "format": "dump", "retrieval": retrieval}),
            summary(&[(30, PointState::Archived)]),
        )
    };
    check(vec![
        case("detection, decision and steps", backed_up(), "ie", Recoverable).takes(140),
        case("steps that need nothing of each other run at once", step(json!({"id": "b", "kind": "command", "takes": 90, "needs": []})), "ie", Recoverable).takes(170),
        case("steps one after the other", step(json!({"id": "b", "kind": "command", "takes": 90})), "ie", Recoverable).takes(230),
        case("a step of unknown length", step(json!({"id": "b", "kind": "command"})), "ie", Unknown).takes_unknown()
            .says("how long recovery takes is not known"),
        case("approvals are waited for", step(json!({"id": "b", "kind": "command", "takes": 10, "approvals": {"need": 2, "within": "2m"}})), "ie", Recoverable).takes(270),
        case("approvals without an end are unknown", step(json!({"id": "b", "kind": "command", "takes": 10, "approvals": 2})), "ie", Unknown),
        case("the stability window", step(json!({"id": "b", "kind": "wait", "options": {"stable": "40s"}})), "ie", Recoverable).takes(180),
        case("a step for each of four, two at once", step(json!({"id": "b", "kind": "command", "takes": 10, "for_each": {"shard": "0..3"}, "max_parallel": 2})), "ie", Recoverable).takes(160),
        case("traffic moves after its time to live", backed_up().shop("route", json!([{"dns": "a", "ttl": "30s"}, {"dns": "b", "ttl": "90s"}])), "ie", Recoverable).takes(230),
        case("a decision of unknown length", backed_up().set("/defaults/decide", json!(null)), "ie", Unknown),
        case("no runbook is no estimate", backed_up().shop("runbooks", json!({})), "ie", Unknown),
        case("over its RTO", backed_up().shop("rto", json!("2m")), "ie", Breach).says("over its RTO of 2m")
            .says("strategy-rto: recovery by its runbook takes about 2m 20s"),
        case("what it depends on comes first", dep(json!({})), "ie", Recoverable).takes(200),
        case("and what runs on costs nothing", dep(json!({"home": "us"})), "ie", Recoverable).takes(140),
        case("a dependency that is lost takes it along", dep(json!({"asset": [{"id": "x", "layer": "database"}]})), "ie", Lost)
            .says("it depends on base, which is lost"),
        case("a soft one does not", dep(json!({"asset": [{"id": "x", "layer": "database"}]}))
            .shop("depends_on", json!([{"id": "base", "kind": "soft"}])), "ie", Recoverable).takes(140),
        case("a dependency over its RTO", dep(json!({"rto": "2m"})), "ie", Breach),
        case("in waves of one, by tier and name", backed_up().set("/runbooks/0/waves", json!({"max_parallel": 1}))
            .workload("aside", json!({})).shop("tier", json!(1)), "ie", Recoverable).of("aside").takes(200),
        case("in waves of two, at once", backed_up().set("/runbooks/0/waves", json!({"max_parallel": 2}))
            .workload("aside", json!({})).shop("tier", json!(1)), "ie", Recoverable).of("aside").takes(140),
        case("a runbook for this kind of loss", backed_up()
            .set("/runbooks/-", json!({"id": "far", "title": "Far", "kind": "failover", "workloads": ["shop"], "for": ["account"],
                "step": [{"id": "a", "kind": "command", "takes": 10}]})), "account:prod", Recoverable).takes(90),
        case("is not for another", backed_up()
            .set("/runbooks/-", json!({"id": "far", "title": "Far", "kind": "failover", "workloads": ["shop"], "for": ["account"],
                "step": [{"id": "a", "kind": "command", "takes": 10}]})), "ie", Recoverable).takes(140),
        case("a measured restore: size by rate", restore(), "ie", Recoverable).takes(240),
        case("restores that run at once share the rate", restore().asset("files").set("/runbooks/0/step/-",
            json!({"id": "f", "kind": "restore", "needs": ["act"], "options": {"asset": "shop/files"}}))
            .copy_of(1, json!({"store": "vault", "format": "dump"}), summary(&[(30, PointState::Usable)])), "ie", Recoverable).takes(340),
        case("an archived point is retrieved first", archived(json!("2m")), "ie", Recoverable).loses(0, 30).takes(260),
        case("and nobody said how long that takes", archived(json!(null)), "ie", Unknown).says("is archived, and how long"),
        case("a usable point within the RPO needs no retrieval", archived(json!("2m")).copy("vault", &[50]), "ie", Recoverable).takes(140).loses(0, 50),
        case("one outside it gives way to an archived one in time", archived(json!("2m")).copy("vault", &[500]), "ie", Recoverable).loses(0, 30),
        case("but not to one that comes too late", archived(json!("2h")).copy("vault", &[500]), "ie", Breach).loses(0, 500),
    ]);
}
