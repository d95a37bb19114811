//! Where it is now (section 2).

use serde_json::json;

use super::super::super::*;
use super::super::small::*;
use super::*;
use Verdict::*;

#[test]
fn section_2_home() {
    let both_ways = || shop().replica("fr", 1.0).replica("ie", 2.0);
    let committed = |small: Small| {
        small.learn(|l| {
            l.committed.insert("shop".into(), Committed { to: "fr".into(), at: at(-50), run: None });
        })
    };
    check(vec![
        case("what is seen to serve is the home", both_ways().serves_from("fr"), "fr", Recoverable)
            .into("ie")
            .loses(0, 2)
            .says("home-differs: it is seen to serve from fr, while ie is declared"),
        case("and losing the declared one only exposes it", both_ways().serves_from("fr"), "ie", Exposed),
        case("where nothing shows it, the last committed run", committed(both_ways()), "fr", Recoverable)
            .into("ie")
            .says("home-differs: it was brought to fr, while ie is declared"),
        case("else the declared one", both_ways(), "ie", Recoverable).into("fr").not("home-differs"),
        case("what is seen after a run counts", committed(both_ways()).serves_from("ie"), "ie", Recoverable)
            .into("fr"),
        case(
            "a failover that someone else has done",
            shop().replica("fr", 1.0).serves_from("fr"),
            "fr",
            Lost,
        )
        .says("home-differs"),
        case("two writers: each side is shown", both_ways().serves_from("ie, fr"), "ie", Recoverable)
            .into("fr")
            .says("two-writers: it takes writes in fr and in ie at once"),
        case("a name that is no region", both_ways().serves_from("mars"), "ie", Recoverable)
            .says("\"mars\" is no region")
            .says("it still serves from ie"),
        case(
            "active-active: a part of the capacity goes",
            both_ways()
                .shop("standby", json!([]))
                .shop("active", json!([{"region": "ie", "share": 0.5}, {"region": "fr", "share": 0.5}])),
            "ie",
            Breach,
        )
        .says("50 % of its capacity would be left")
        .loses(0, 1)
        .into("fr"),
        case(
            "active-active: what is left carries the whole",
            both_ways()
                .shop("standby", json!([]))
                .shop("active", json!([{"region": "ie", "share": 1.0}, {"region": "fr", "share": 1.0}])),
            "ie",
            Recoverable,
        )
        .loses(0, 1),
        case(
            "active-active: without a runbook only traffic moves",
            both_ways()
                .shop("standby", json!([]))
                .shop("runbooks", json!({}))
                .shop("active", json!([{"region": "ie"}, {"region": "fr"}])),
            "ie",
            Recoverable,
        )
        .takes(80)
        .says("what is left carries the whole: no shares are declared"),
        case(
            "active-active: an impaired region serves on",
            both_ways()
                .shop("standby", json!([]))
                .shop("runbooks", json!({}))
                .shop("active", json!([{"region": "ie"}, {"region": "fr"}])),
            "ie fr=impaired",
            Recoverable,
        )
        .into("fr"),
        case(
            "active-active: all of it",
            both_ways()
                .shop("standby", json!([]))
                .shop("active", json!([{"region": "ie"}, {"region": "fr"}])),
            "ie fr",
            Lost,
        ),
    ]);
    let sides = both_ways().serves_from("ie fr").view("shop", &Scenario::default()).sides;
    let sides: Vec<_> = sides.iter().map(|s| (s.region.as_str(), s.loss.upper)).collect();
    assert_eq!(sides, [("fr", Some(Dur::secs(2))), ("ie", Some(Dur::secs(1)))]);
}
