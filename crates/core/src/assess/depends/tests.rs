//! What is needed, and what a loss takes of it, case by case.

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::*;

/// `shop` in `ie` stands on `pay` there and softly on `mail` in `us`.
fn estate() -> Value {
    let probe = || json!({"kind": "http", "target": "x"});
    let region = |id: &str| json!({"id": id, "provider": "aws", "health": [probe()]});
    let workload = |id: &str, home: &str, on: Value| {
        json!({
            "id": id, "rpo": "1h", "rto": "1h", "home": home, "account": "prod", "standby": [{"region": "fr"}],
            "depends_on": on, "runbooks": {"failover": format!("{id}-go")},
            "asset": [{"id": "db", "layer": "database", "copy": [
                {"store": "vault", "format": "dump", "password": {"secret": "pass"}, "parts": ["ie"]},
            ]}],
        })
    };
    let book = |id: &str, takes: &str| {
        json!({
            "id": format!("{id}-go"), "title": "Go", "kind": "failover", "workloads": [id], "relies_on": ["domain:iam"],
            "step": [{"id": "point", "kind": "dns", "takes": takes, "relies_on": ["domain:names"]}],
        })
    };
    let mut shop = workload("shop", "ie", json!([{"id": "pay"}, {"id": "mail", "kind": "soft"}]));
    shop["route"] = json!([{"dns": "shop.example"}]);
    json!({
        "name": "T", "id": "t", "defaults": {"poll": 10, "refresh": 60, "timeout": 1, "detect": 20, "decide": 60},
        "regions": [region("ie"), region("fr"), region("us")],
        "accounts": [{"id": "prod"}, {"id": "backup"}],
        "domains": [{"id": "iam", "kind": "identity", "in": ["us"]}, {"id": "names", "kind": "service", "in": ["ie"]}],
        "secrets": [{"id": "pass", "kept_in": ["ie"]}],
        "stores": [{"id": "vault", "url": "s3://v", "region": "us", "account": "backup",
                    "credentials": {"env_prefix": "V_"}, "deletable_by": ["prod/admin"]}],
        "vault": {"stores": ["vault"]},
        "workloads": [shop, workload("pay", "ie", json!([])), workload("mail", "us", json!([]))],
        "runbooks": [book("shop", "2m"), book("pay", "3m"), book("mail", "1m")],
    })
}

fn of(lost: &str) -> Dependencies {
    let estate: Estate = serde_json::from_value(estate()).expect("an estate");
    let now = Time::UNIX_EPOCH + Dur::secs(1_000_000);
    let mut seen = Observations::default();
    for key in ["shop", "pay", "mail"] {
        let key = CopyKey { workload: key.into(), asset: "db".into(), index: 0 };
        let good = PointRef { id: "p".into(), at: now - Dur::secs(60), size_bytes: None };
        let summary = CopySummary { last_good: Some(good), points: 1, ..CopySummary::default() };
        seen.copies.insert(key, Arc::new(Observed::of(summary.into(), now, Dur::secs(60))));
    }
    let assessor = Assessor::new(Arc::new(estate));
    let scenario: Scenario = lost.parse().expect("a scenario");
    let assessment = assessor.assess(&seen, now, &scenario);
    dependencies(&assessor, &assessment)
}

fn row<'d>(all: &'d Dependencies, workload: &str) -> &'d DependsOn {
    all.rows.iter().find(|r| r.workload == *workload).expect("its row")
}

/// `KIND NAME` to `WITHIN, what becomes of it`.
fn told(row: &DependsOn) -> Vec<String> {
    let within = |n: &Needed| {
        let all = n.within.iter().flatten().map(ToString::to_string).collect::<Vec<_>>();
        if all.is_empty() { "nowhere".to_owned() } else { all.join("+") }
    };
    row.needs
        .iter()
        .map(|n| format!("{} {} in {}: {}", n.what.kind(), n.what.name(), within(n), n.taken))
        .collect()
}

#[test]
fn each_need_is_told_with_where_it_lies_and_what_the_loss_takes() {
    let table: &[(&str, &[&str])] = &[
        (
            "ie",
            &[
                "home ie in ie+account:prod: gone",
                "secret pass in ie: gone",
                "part ie in ie: gone",
                "runbook domain:names in ie: gone",
                "dns shop.example in domain:names: gone",
                "workload pay in ie: lost",
                "at_hand vault in nowhere: assumed safe",
                "workload mail in us: exposed",
                "target fr in fr+account:prod: survives",
                "copy vault in us+account:backup: survives",
                "runbook domain:iam in us: survives",
            ],
        ),
        ("us=impaired", &["copy vault in us+account:backup: impaired", "runbook domain:iam in us: impaired"]),
        ("account:prod=compromised", &["copy vault in us+account:backup: can be deleted"]),
        ("domain:names", &["dns shop.example in domain:names: gone", "home ie in ie+account:prod: survives"]),
    ];
    for (lost, expected) in table {
        let all = of(lost);
        let told = told(row(&all, "shop"));
        for words in *expected {
            assert!(told.iter().any(|t| t == words), "{lost}: {words} is not in {told:#?}");
        }
        let first_whole = told.iter().position(|t| t.ends_with("survives")).expect("something survives");
        let last_hit = told.iter().rposition(|t| t.ends_with("gone"));
        assert!(last_hit.is_none_or(|at| at < first_whole), "what is taken comes first: {told:#?}");
    }
}

#[test]
fn with_nothing_lost_each_is_held_against_the_loss_of_its_own_home() {
    let all = of("");
    assert_eq!(row(&all, "shop").taken(), 6, "{:#?}", told(row(&all, "shop")));
    let mail = told(row(&all, "mail"));
    assert!(mail.contains(&"home us in us+account:prod: gone".to_owned()), "{mail:#?}");
    assert!(mail.contains(&"secret pass in ie: survives".to_owned()), "{mail:#?}");
    assert_eq!(row(&all, "shop").wave, Some(2), "after what it stands on");
    assert_eq!(row(&all, "pay").wave, Some(1));
    assert_eq!(row(&all, "pay").needed_by, ["shop"]);
    assert_eq!(row(&all, "mail").needed_by, [] as [&str; 0], "softly is not needed");
    assert_eq!(all.vault.as_ref().map(|(_, lost)| *lost), Some(false));
}

#[test]
fn waves_and_the_critical_path_follow_what_waits_for_what() {
    // Without what the loss takes besides, both can be recovered.
    let mut value = estate();
    value["secrets"][0]["kept_in"] = json!(["us"]);
    value["domains"][1]["in"] = json!(["us"]);
    for n in 0..3 {
        value["workloads"][n]["asset"][0]["copy"][0]["parts"] = json!([]);
    }
    let estate: Estate = serde_json::from_value(value).expect("an estate");
    let now = Time::UNIX_EPOCH + Dur::secs(1_000_000);
    let mut seen = Observations::default();
    let well = |detail: &str| ProbeReading {
        holds: true,
        value: None,
        text: None,
        as_of: None,
        latency_ms: 1,
        detail: detail.into(),
    };
    for region in ["ie", "fr", "us"] {
        let key = ProbeKey::RegionHealth { region: region.into(), index: 0 };
        seen.probes.insert(key, Arc::new(Observed::of(well("200"), now, Dur::secs(10))));
    }
    for id in ["shop", "pay", "mail"] {
        let key = CopyKey { workload: id.into(), asset: "db".into(), index: 0 };
        let good = PointRef { id: "p".into(), at: now - Dur::secs(60), size_bytes: None };
        let summary = CopySummary { last_good: Some(good), points: 1, ..CopySummary::default() };
        seen.copies.insert(key, Arc::new(Observed::of(summary.into(), now, Dur::secs(60))));
    }
    let assessor = Assessor::new(Arc::new(estate));
    let assessment = assessor.assess(&seen, now, &Scenario::gone(["ie"]));
    let all = dependencies(&assessor, &assessment);
    let order: Vec<_> = all.rows.iter().map(|r| (r.workload.as_str(), r.wave)).collect();
    assert_eq!(order, [("pay", Some(1)), ("shop", Some(2)), ("mail", None)]);
    assert_eq!(all.chain, ["pay", "shop"]);
    assert_eq!(all.dominates(), Some(&"shop".into()));
    assert!(all.is_critical(&"pay".into()) && !all.is_critical(&"mail".into()));
    let (pay, shop) = (row(&all, "pay"), row(&all, "shop"));
    // 80 s to detect and decide, three minutes, then two.
    assert_eq!((pay.begins, pay.ends), (Some(Dur::secs(80)), Some(Dur::secs(260))));
    assert_eq!((shop.begins, shop.ends), (Some(Dur::secs(260)), Some(Dur::secs(380))));
    assert_eq!(all.critical_path, Some(Dur::secs(380)));
    let mail = row(&all, "mail");
    assert_eq!((mail.begins, mail.ends), (None, None), "it runs on");
}
