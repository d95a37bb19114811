//! What each workload needs, what a loss takes of it, and the order of recovery.

use lifeboat_core::assess::{Dependencies, DependsOn, Needed};
use lifeboat_core::model::*;
use serde_json::{Value, json};

use super::text::{row, table};

pub fn dependencies(all: &Dependencies) -> Value {
    let scenario: Vec<_> = all.scenario.lost.iter().map(|(s, m)| json!({"selector": s, "mode": m})).collect();
    json!({
        "schema": 1, "scenario": scenario,
        "workloads": all.rows.iter().map(|row| one(all, row)).collect::<Vec<_>>(),
        "critical_path": all.chain, "critical_path_s": all.critical_path, "dominates": all.dominates(),
        "vault": all.vault.as_ref().map(|(stores, lost)| json!({"stores": stores, "lost": lost})),
    })
}

fn one(all: &Dependencies, row: &DependsOn) -> Value {
    json!({
        "id": row.workload, "verdict": row.verdict, "wave": row.wave, "begins_s": row.begins,
        "ends_s": row.ends, "critical": all.is_critical(&row.workload),
        "waits_for": row.waits_for().collect::<Vec<_>>(), "needed_by": row.needed_by,
        "taken": row.taken(), "needs": row.needs.iter().map(need).collect::<Vec<_>>(),
    })
}

fn need(need: &Needed) -> Value {
    json!({
        "kind": need.what.kind(), "what": need.what.name(), "for": need.what.to_string(),
        "hidden": need.what.hidden(), "lies_in": need.within, "fate": need.taken.to_string(),
        "taken": need.taken.counts(),
    })
}

fn listed<T: ToString>(all: impl IntoIterator<Item = T>) -> String {
    let all: Vec<_> = all.into_iter().map(|one| one.to_string()).collect();
    if all.is_empty() { "-".to_owned() } else { all.join(", ") }
}

pub fn dependencies_text(all: &Dependencies) -> String {
    let of = |d: Option<Dur>| d.map_or_else(|| "-".to_owned(), |d| d.to_string());
    let mut rows = vec![row(["WAVE", "WORKLOAD", "VERDICT", "WAITS FOR", "TAKEN", "BEGINS", "BACK IN"])];
    rows.extend(all.rows.iter().map(|r| {
        row([
            &r.wave.map_or_else(|| "-".to_owned(), |w| w.to_string()),
            r.workload.as_str(),
            r.verdict.as_str(),
            &listed(r.waits_for()),
            &format!("{} of {}", r.taken(), r.needs.len()),
            &of(r.begins),
            &of(r.ends),
        ])
    }));
    let mut out = match all.scenario.is_empty() {
        true => "Nothing is lost; each is held against the loss of its own home.\n\n".to_owned(),
        false => format!("If this were lost: {}.\n\n", all.scenario),
    };
    out += &table(&rows);
    if let (Some(last), false) = (all.dominates(), all.chain.is_empty()) {
        let chain: Vec<_> = all.chain.iter().map(WorkloadId::as_str).collect();
        out += &format!("\ncritical path: {}; {last} decides how long it takes\n", chain.join(" -> "));
    }
    for r in &all.rows {
        let mut rows = vec![row(["THIS LOSS", "NEEDS", "WHAT FOR", "LIES IN"])];
        let lies = |n: &Needed| n.within.as_ref().map_or_else(|| "not declared".to_owned(), listed);
        rows.extend(
            r.needs
                .iter()
                .map(|n| row([&n.taken.to_string(), &n.what.name(), &n.what.to_string(), &lies(n)])),
        );
        out += &format!("\n{}\n{}", clean_line(r.workload.as_str()), table(&rows));
    }
    if let Some((stores, lost)) = &all.vault {
        let lost = if *lost { ", and its majority is lost" } else { "" };
        out += &format!("\nthe journal's vault lies in {}{lost}\n", listed(stores));
    }
    out
}
