//! Objectives (section 3).

use serde_json::json;

use super::super::super::*;
use super::super::small::*;
use super::*;
use Verdict::*;

#[test]
fn section_3_objectives() {
    let both =
        || {
            backed_up().shop("rpo", json!("1h")).shop("rto", json!("1h")).shop("objectives", json!([
        {"against": "region", "rpo": "10s"}, {"against": "account=gone", "rpo": "20s", "rto": "1m"},
        {"against": "corrupted", "rpo": "2h"},
    ]))
        };
    check(vec![
        case("an objective against a kind of domain", both(), "ie", Breach).says("over its RPO of 10s"),
        case("against a kind in a mode", both(), "account:prod", Breach)
            .says("over its RPO of 20s")
            .says("over its RTO of 1m"),
        case("against a mode", both().copy("vault", &[4_000]), "asset:shop/db=corrupted", Recoverable)
            .clean(3_000),
        case("of several that apply the strictest", both(), "ie account:prod", Breach)
            .says("over its RPO of 10s"),
        case("another kind has the workload's own", both(), "provider:gcp ie=impaired", Exposed),
        case("an asset's own RPO", backed_up().db("rpo", json!("20s")), "ie", Breach)
            .says("over its RPO of 20s"),
        case(
            "no RPO tolerates any loss, and says so",
            shop().shop("rpo", json!(null)).store("vault", "us", "backup").copy("vault", &[9_999]),
            "ie",
            Recoverable,
        )
        .says("any loss is tolerated"),
    ]);
}
