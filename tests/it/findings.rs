//! The demo's estate shows each verdict and each kind of finding, so that
//! whoever looks at it has seen one before they meet it in earnest.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use lifeboat::demo::{Options, Ports, World};
use serde_json::Value;

use crate::world::Home;

/// What the packs of the demo find in it as it stands.
const STANDING: &[&str] = &[
    "3-2-1-1-0/one-offline-or-immutable",
    "3-2-1-1-0/one-offsite",
    "3-2-1-1-0/restore-verified",
    "3-2-1-1-0/three-copies",
    "3-2-1-1-0/two-media",
    "baseline/access-log",
    "baseline/deletable-by",
    "baseline/dependencies",
    "baseline/design-rpo",
    "baseline/encrypted-at-rest",
    "baseline/home-loss",
    "baseline/keys-outside",
    "baseline/legal-hold",
    "baseline/location",
    "baseline/managed-by",
    "baseline/newest-locked",
    "baseline/objectives",
    "baseline/orphans",
    "baseline/owned",
    "baseline/protected",
    "baseline/restore-verified",
    "baseline/retention-max",
    "baseline/reviewed",
    "baseline/rto",
    "baseline/runbook",
    "baseline/scheduled",
    "baseline/second-account",
    "baseline/second-region",
    "baseline/secrets-readable",
    "baseline/versioned-or-immutable",
    "design-rpo",
    "hidden-dependency",
    "strategy-rto",
];

/// What is found once the fault is there, or the fault before it.
const BY_FAULT: &[(&str, &[&str])] = &[
    ("lag-frozen", &["lag-frozen"]),
    ("dump-truncated", &["baseline/no-errors", "3-2-1-1-0/no-errors", "baseline/success-rate"]),
    ("backup-stopped", &["baseline/schedule-met"]),
    ("region-gone", &["baseline/rpo"]),
];

/// On this machine nothing crosses a network, and no store of the demo is
/// open to anyone: these two it cannot show without telling a lie.
const NEVER: &[&str] = &["baseline/encrypted-in-transit", "baseline/public-access"];

fn rules(told: &Value, of: &str) -> BTreeSet<String> {
    let all = told[of].as_array().expect("findings").iter();
    all.map(|f| f["rule"].as_str().expect("a rule").to_owned()).collect()
}

#[test]
fn the_demo_shows_each_verdict_and_each_kind_of_finding() {
    let home = Home::new();
    let dir = home.path("demo");
    let world = World::start(&dir, Options { ports: Ports::Any, ..Options::default() }).expect("a world");
    let control = world.control().expect("its control");
    assert_eq!(home.ask(&dir, &["trust", "--yes"]).0, 0);

    let told = home.json(&dir, &["status", "--json"]);
    let mut found = rules(&told, "findings");
    let missing: Vec<_> = STANDING.iter().filter(|rule| !found.contains(**rule)).collect();
    assert!(missing.is_empty(), "not found: {missing:?} in {found:?}");
    let explained = |f: &Value| f["message"].as_str().is_some_and(|m| m.len() > 10);
    assert!(told["findings"].as_array().expect("findings").iter().all(explained), "each says why");

    // Each verdict, over the losses of one region.
    let losses = home.json(&dir, &["losses", "--json"]);
    let rows = losses["losses"].as_array().expect("rows");
    let counted = |verdict: &str| rows.iter().any(|r| r["counts"][verdict].as_u64().unwrap_or(0) > 0);
    for verdict in ["unaffected", "exposed", "recoverable", "breach", "unknown", "lost"] {
        assert!(counted(verdict), "no {verdict} in {losses:#}");
    }
    // The worst comes first, and what each touches says why.
    let rank = |r: &Value| {
        ["unaffected", "exposed", "recoverable", "breach", "unknown", "lost"]
            .iter()
            .position(|v| r["worst"] == *v)
    };
    assert!(rows.windows(2).all(|pair| rank(&pair[0]) >= rank(&pair[1])), "{losses:#}");
    let ireland = rows.iter().find(|r| r["selector"] == "eu-west-1").expect("its row");
    assert_eq!(
        (&ireland["worst"], &ireland["counts"]["recoverable"]),
        (&"lost".into(), &2.into()),
        "{ireland:#}"
    );
    let touched = ireland["workloads"].as_array().expect("workloads");
    let media = touched.iter().find(|w| w["id"] == "media").expect("media");
    assert_eq!(media["verdict"], "lost");
    assert!(media["reasons"].to_string().contains("no copy and no replica of pictures survives"), "{media}");

    let coverage = home.json(&dir, &["coverage", "--json"]);
    let text = coverage.to_string();
    assert!(text.contains("attachments") && text.contains("old-exports"), "{coverage:#}");

    for (fault, expected) in BY_FAULT {
        control.fault(fault, false).expect("the fault is injected");
        let deadline = Instant::now() + Duration::from_secs(150);
        loop {
            found.extend(rules(&home.json(&dir, &["status", "--json"]), "findings"));
            if expected.iter().all(|rule| found.contains(*rule)) {
                break;
            }
            assert!(Instant::now() < deadline, "{fault}: {expected:?} is not among {found:?}");
        }
    }
    // Every rule of its packs is among these.
    let loaded = lifeboat::config::load(&dir, &lifeboat::cli::VOCABULARY).expect("the estate");
    let shown = |rule: &str| {
        let by_fault = BY_FAULT.iter().flat_map(|(_, rules)| *rules);
        STANDING.iter().chain(NEVER).chain(by_fault).any(|known| *known == rule)
    };
    let all = loaded.estate.packs.iter().flat_map(|p| p.rules.iter().map(|r| format!("{}/{}", p.id, r.id)));
    let silent: Vec<_> = all.filter(|rule| !shown(rule)).collect();
    assert!(silent.is_empty(), "the demo shows no example of {silent:?}");
}
