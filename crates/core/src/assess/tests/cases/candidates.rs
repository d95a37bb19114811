//! Candidates and verdicts (section 6).

use serde_json::json;

use super::super::super::*;
use super::super::small::*;
use super::*;
use Verdict::*;

#[test]
fn section_6_candidates() {
    let well = || shop().replica("fr", 1.0);
    check(vec![
        case("a standby that does not serve", well().down("fr"), "ie", Lost).says("fr: fr does not serve"),
        case("one that is not seen", well().unseen("fr"), "ie", Unknown).says("fr is not seen"),
        case("room for it", well().room(Some(50.0), json!(40)), "ie", Recoverable),
        case("too little room", well().room(Some(30.0), json!(40)), "ie", Breach)
            .says("fr has a capacity of 30, and 40 are needed"),
        case("no room", well().room(Some(0.0), json!(40)), "ie", Lost).says("fr: fr has no capacity for it"),
        case("room that nobody has seen", well().room(None, json!(40)), "ie", Unknown)
            .says("the capacity of fr is not seen"),
        case("the target outside its residency", well().shop("residency", json!(["US"])), "ie", Breach)
            .says("fr lies outside its residency"),
        case("the source outside its residency", backed_up().shop("residency", json!(["EU"])), "ie", Breach)
            .says("what db would be recovered from lies in us, outside its residency"),
        case(
            "an older source inside is better",
            backed_up().shop("residency", json!(["EU"])).store("near", "fr", "backup").copy("near", &[50]),
            "ie",
            Recoverable,
        )
        .loses(0, 50),
        case(
            "of two targets the better",
            well().set("/workloads/0/standby/-", json!({"region": "us", "account": "spare"})),
            "ie",
            Recoverable,
        )
        .into("fr"),
        case(
            "or the one that is left",
            backed_up().set("/workloads/0/standby/-", json!({"region": "us", "account": "spare"})),
            "ie fr",
            Recoverable,
        )
        .into("us")
        .says("fr: fr is lost as well"),
        case("no standby declared: unknown, not lost", backed_up().shop("standby", json!([])), "ie", Unknown)
            .says("no region is declared to recover into"),
        case("and lost, where no data survives", shop().shop("standby", json!([])), "ie", Lost),
        case("no home declared", backed_up().shop("home", json!(null)), "us", Lost),
        case("untouched", well(), "us", Unaffected).loses(0, 0),
        case("its standby lost, it is exposed", well(), "fr", Exposed).says("fr is lost as well"),
        case(
            "exposed by an unknown",
            shop().store("vault", "us", "backup").unseen_copy("vault"),
            "fr",
            Exposed,
        ),
    ]);
}
