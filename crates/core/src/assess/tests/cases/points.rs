//! Points and proofs (section 5).

use serde_json::json;

use super::super::super::*;
use super::super::small::*;
use super::*;
use Verdict::*;

#[test]
fn section_5_points() {
    let only = |state| {
        shop().store("vault", "us", "backup").copy_of(
            0,
            json!({"store": "vault", "format": "dump"}),
            summary(&[(30, state)]),
        )
    };
    let mixed = |state| {
        shop().store("vault", "us", "backup").copy_of(
            0,
            json!({"store": "vault", "format": "dump"}),
            summary(&[(10, state), (40, PointState::Usable)]),
        )
    };
    let mut cases = vec![
        case("usable", only(PointState::Usable), "ie", Recoverable),
        case("suspect: nobody vouches for it", only(PointState::Suspect), "ie", Unknown)
            .says("all that vault holds of db is suspect"),
        case("unverified: counted, never last good", only(PointState::Unverified), "ie", Unknown)
            .says("all that vault holds of db is unverified"),
    ];
    use PointState::{BrokenChain, Expired, Failed, Incomplete, Running};
    for state in [Running, Incomplete, Failed, BrokenChain, Expired] {
        cases.push(case("what cannot be restored is nothing", only(state), "ie", Lost));
        cases.push(case("the newest usable one counts", mixed(state), "ie", Recoverable).loses(0, 40));
    }
    cases.push(
        case("a newer suspect one is passed over", mixed(PointState::Suspect), "ie", Recoverable)
            .loses(0, 40)
            .says("the newest point of db in vault, p0, is suspect"),
    );
    check(cases);
    let proof = |point: &str, instant: i64, expires: Option<i64>| Proof {
        point: point.into(),
        instant: at(-instant),
        checks: vec!["rows".into()],
        region: None,
        identity: None,
        at: at(-5),
        expires: expires.map(at),
    };
    let proven = |proofs: Vec<Proof>| {
        let small = backed_up().learn(|l| {
            let key = CopyKey { workload: "shop".into(), asset: "db".into(), index: 0 };
            l.proofs.insert(key, proofs);
        });
        small.view("shop", &Scenario::default()).assets[0].last_proven.clone().map(|p| (p.id, p.at))
    };
    assert_eq!(proven(vec![proof("p2", 480, None), proof("p3", 4_000, None)]), Some(("p2".into(), at(-480))));
    assert_eq!(
        proven(vec![proof("p2", 480, Some(-1)), proof("p3", 4_000, Some(9))]),
        Some(("p3".into(), at(-4_000)))
    );
    assert_eq!(proven(vec![proof("gone", 1, None)]), None, "a point that is no longer there proves nothing");
    assert_eq!(proven(vec![]), None, "an untested restore is no proof");
}
