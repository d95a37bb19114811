//! What protects an asset against which kind of loss, case by case.

use serde_json::json;

use super::super::*;
use super::small::*;

fn coverage_of(small: &Small) -> Coverage {
    let assessment = small.assess(&Scenario::default());
    coverage(&small.estate(), &small.seen, &assessment)
}

/// `region back, provider lost, …` of one asset.
fn fates(all: &Coverage, asset: &str) -> String {
    let row = all.rows.iter().find(|r| r.asset == *asset).expect("the asset");
    let each = row.against.iter().map(|h| format!("{} {}", h.threat.as_str(), h.fate.as_str()));
    each.collect::<Vec<_>>().join(", ")
}

const DAY: i64 = 86_400;

#[test]
fn each_kind_of_loss_is_asked_of_each_asset() {
    let here = || shop().store("near", "ie", "prod").copy("near", &[30, 2 * DAY]);
    let away = || here().store("far", "us", "backup").copy("far", &[30, 2 * DAY]);
    let table = [
        ("nothing at all", shop(), "region lost, provider lost, account lost, data lost"),
        (
            "a copy beside it, which its own account may delete",
            here(),
            "region lost, provider lost, account lost, data back",
        ),
        (
            "a replica at the same provider: it takes over the damage",
            shop().replica("fr", 1.0),
            "region back, provider lost, account lost, data lost",
        ),
        ("a copy elsewhere", away(), "region back, provider back, account back, data back"),
        (
            "nothing old enough to be clean",
            shop().store("far", "us", "backup").copy("far", &[30]),
            "region back, provider back, account lost, data lost",
        ),
        (
            "a copy that was never looked at",
            shop().store("far", "us", "backup").unseen_copy("far"),
            "region unknown, provider unknown, account unknown, data unknown",
        ),
        (
            "no account is declared",
            away().shop("account", json!(null)),
            "region back, provider back, account undeclared, data back",
        ),
        (
            "it is made anew",
            shop().db("rebuild", json!({"takes": 60})),
            "region rebuilt, provider rebuilt, account rebuilt, data rebuilt",
        ),
    ];
    for (name, small, expected) in table {
        assert_eq!(fates(&coverage_of(&small), "db"), expected, "{name}");
    }
}

#[test]
fn what_is_lost_says_why_and_what_comes_back_says_from_where_and_at_what_loss() {
    let small = shop()
        .store("near", "ie", "prod")
        .copy("near", &[30])
        .store("far", "us", "backup")
        .with("deletable_by", json!(["prod/admin"]))
        .copy("far", &[60]);
    let all = coverage_of(&small);
    let db = &all.rows[0];
    let Fate::Back { loss, from } = &db.against[0].fate else { panic!("{db:?}") };
    assert_eq!((loss.upper, &from[..]), (Some(Dur::secs(60)), &["the copy in far".to_owned()][..]));
    assert_eq!(db.against[0].lost, "ie");
    let Fate::Nothing { why } = &db.against[2].fate else { panic!("{db:?}") };
    let why: Vec<_> = why.iter().map(ToString::to_string).collect();
    assert!(why.iter().any(|w| w.contains("can be deleted by whoever holds")), "{why:?}");
}

/// A dependency that is lost takes its workload with it, and no data.
#[test]
fn an_asset_is_not_judged_by_what_its_workload_depends_on_nor_by_whether_it_is_required() {
    let small = shop()
        .store("far", "us", "backup")
        .copy("far", &[30, 2 * DAY])
        .workload("base", json!({"standby": []}))
        .shop("depends_on", json!([{"id": "base"}]))
        .db("required", json!(false));
    assert_eq!(
        small.view("shop", &scenario("ie", None)).verdict.expect("judged").verdict,
        Verdict::Unknown,
        "the workload is not recovered without what it depends on"
    );
    let all = coverage_of(&small);
    assert_eq!(fates(&all, "db"), "region back, provider back, account back, data back");
    assert_eq!(all.bare, [WorkloadId::new("base")]);
}

#[test]
fn what_nothing_protects_comes_first_and_unused_stores_are_named() {
    let small = shop()
        .store("far", "us", "backup")
        .copy("far", &[30, 2 * DAY])
        .store("spare", "us", "backup")
        .asset("scans");
    let all = coverage_of(&small);
    let order: Vec<_> = all.rows.iter().map(|r| r.asset.as_str()).collect();
    assert_eq!((order, all.is_open()), (vec!["scans", "db"], true));
    assert_eq!(all.unused, [StoreId::new("spare")]);
}
