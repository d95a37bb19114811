//! The estate as a whole: every single loss beside the others, and what of it
//! is protected by nothing.

use std::collections::BTreeSet;

use lifeboat_core::assess::{Assessment, AssetView, Comparison, LossRow, Verdict};
use lifeboat_core::model::*;
use serde_json::{Value, json};

use super::posture::point;
use super::text::{row, table};

pub fn losses(comparison: &Comparison) -> Value {
    json!({"schema": 1, "losses": comparison.rows.iter().map(loss).collect::<Vec<_>>()})
}

fn loss(row: &LossRow) -> Value {
    let counts: serde_json::Map<String, Value> =
        row.counts.iter().map(|(verdict, n)| (verdict.to_string(), json!(n))).collect();
    let workloads = row.workloads.iter().map(|w| {
        json!({
            "id": w.workload, "verdict": w.verdict, "to": w.to,
            "data_loss": {"lower_s": w.loss.lower, "upper_s": w.loss.upper}, "rto_s": w.rto,
            "reasons": w.reasons.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "hidden": w.hidden.iter().map(ToString::to_string).collect::<Vec<_>>(),
        })
    });
    json!({
        "selector": row.lost, "mode": row.mode, "worst": row.worst, "counts": counts,
        "workloads": workloads.collect::<Vec<_>>(), "critical_path_s": row.critical_path,
        "dominates": row.dominates, "vault_lost": row.vault_lost,
    })
}

pub fn losses_text(comparison: &Comparison) -> String {
    let mut rows = vec![row(["IF THIS IS GONE", "WORST", "WORKLOADS TOUCHED", "ALL BACK IN", "WAITING FOR"])];
    for one in &comparison.rows {
        let touched = one.counts.iter().rev().filter(|(v, n)| *n > 0 && *v > Verdict::Unaffected);
        let touched: Vec<_> = touched.map(|(verdict, n)| format!("{n} {verdict}")).collect();
        let touched = if touched.is_empty() { "none".to_owned() } else { touched.join(", ") };
        let back = match (one.worst >= Verdict::Recoverable, one.critical_path) {
            (false, _) => "-".to_owned(),
            (true, path) => path.map_or_else(|| "unknown".to_owned(), |p| p.to_string()),
        };
        let dominates = one.dominates.as_ref().map_or("-", WorkloadId::as_str);
        rows.push(row([&one.lost.to_string(), one.worst.as_str(), &touched, &back, dominates]));
    }
    table(&rows)
}

/// By what an asset could be had back, in words; nothing where it could not.
fn by(def: &Asset) -> Vec<String> {
    let copies = def.copies.iter().map(|c| format!("{} in {}", c.format, c.store));
    let replicas = def.replicas.iter().map(|r| format!("replica in {}", r.region));
    let rebuilt = def.rebuild.as_ref().map(|_| "rebuilt".to_owned());
    let uses = def.uses.as_ref().map(|other| format!("{other} of another workload"));
    copies.chain(replicas).chain(rebuilt).chain(uses).collect()
}

/// One asset with what protects it.
struct Covered<'a> {
    workload: &'a Workload,
    asset: &'a Asset,
    view: Option<&'a AssetView>,
    by: Vec<String>,
}

fn covered<'a>(estate: &'a Estate, assessment: &'a Assessment) -> Vec<Covered<'a>> {
    let view = |w: &Workload, a: &Asset| {
        let of = assessment.workloads.iter().find(|v| v.id == w.id)?;
        of.assets.iter().find(|v| v.id == a.id)
    };
    let assets = estate.workloads.iter().flat_map(|w| w.assets.iter().map(move |a| (w, a)));
    let mut all: Vec<_> = assets
        .map(|(workload, asset)| Covered { workload, asset, view: view(workload, asset), by: by(asset) })
        .collect();
    // What is protected by nothing comes first.
    all.sort_by_key(|c| (!c.by.is_empty(), !c.asset.required));
    all
}

/// Whether anything that a recovery needs is protected by nothing.
pub fn uncovered(estate: &Estate, assessment: &Assessment) -> bool {
    let assets = covered(estate, assessment).iter().any(|c| c.by.is_empty() && c.asset.required);
    assets || estate.workloads.iter().any(|w| w.assets.is_empty())
}

fn unused(estate: &Estate) -> Vec<&Store> {
    let copies = estate.workloads.iter().flat_map(|w| &w.assets).flat_map(|a| &a.copies);
    let mut used: BTreeSet<&StoreId> = copies.map(|c| &c.store).collect();
    used.extend(estate.vault.iter().flat_map(|v| &v.stores));
    estate.stores.iter().filter(|s| !used.contains(&s.id)).collect()
}

pub fn coverage(estate: &Estate, assessment: &Assessment) -> Value {
    let now = assessment.at;
    let asset = |c: &Covered| {
        json!({
            "workload": c.workload.id, "asset": c.asset.id, "layer": c.asset.layer,
            "required": c.asset.required, "protected": !c.by.is_empty(), "by": c.by,
            "last_good": point(c.view.and_then(|v| v.last_good()), now),
            "last_proven": point(c.view.and_then(|v| v.last_proven.as_ref()), now),
        })
    };
    let empty = estate.workloads.iter().filter(|w| w.assets.is_empty()).map(|w| &w.id);
    json!({
        "schema": 1, "assets": covered(estate, assessment).iter().map(asset).collect::<Vec<_>>(),
        "workloads_without_assets": empty.collect::<Vec<_>>(),
        "stores_unused": unused(estate).iter().map(|s| &s.id).collect::<Vec<_>>(),
    })
}

pub fn coverage_text(estate: &Estate, assessment: &Assessment) -> String {
    let mut rows = vec![row(["ASSET", "LAYER", "PROTECTED BY", "LAST GOOD", "LAST PROVEN"])];
    let age = |point: Option<&PointRef>| {
        point.map_or_else(|| "none".to_owned(), |p| Dur::between(p.at, assessment.at).to_string())
    };
    for c in covered(estate, assessment) {
        let by = if c.by.is_empty() { "NOTHING".to_owned() } else { c.by.join(", ") };
        rows.push(row([
            &format!("{}/{}", c.workload.id, c.asset.id),
            c.asset.layer.as_str(),
            &by,
            &age(c.view.and_then(|v| v.last_good())),
            &age(c.view.and_then(|v| v.last_proven.as_ref())),
        ]));
    }
    let mut out = table(&rows);
    for w in estate.workloads.iter().filter(|w| w.assets.is_empty()) {
        out += &format!("{}: no asset is declared\n", w.id);
    }
    for store in unused(estate) {
        out += &format!("{}: no workload keeps a copy in it\n", store.id);
    }
    out
}
