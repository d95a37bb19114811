//! The estate as a whole: every single loss beside the others, and what of it
//! is protected against what.

use lifeboat_core::assess::{
    Comparison, Coverage, Covered, Fate, Held, LossRow, NOTICED_AFTER, Reason, Threat, Verdict,
};
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

/// What becomes of an asset: `{fate, loss, from, why}`; what does not apply is null.
fn fate(held: &Held) -> Value {
    let sentences = |of: &[Reason]| of.iter().map(ToString::to_string).collect::<Vec<_>>();
    let (loss, from, why) = match &held.fate {
        Fate::Back { loss, from } => {
            (json!({"lower_s": loss.lower, "upper_s": loss.upper}), json!(from), Value::Null)
        }
        Fate::Unknown { why } | Fate::Nothing { why } => (Value::Null, Value::Null, json!(sentences(why))),
        _ => (Value::Null, Value::Null, Value::Null),
    };
    json!({
        "kind": held.threat.as_str(), "lost": Some(&held.lost).filter(|l| !l.is_empty()),
        "fate": held.fate.as_str(), "data_loss": loss, "from": from, "why": why,
    })
}

pub fn coverage(all: &Coverage) -> Value {
    let asset = |c: &Covered| {
        json!({
            "workload": c.workload, "asset": c.asset, "layer": c.layer,
            "required": c.required, "protected": !c.by.is_empty(), "by": c.by,
            "last_good": point(c.last_good.as_ref(), all.at),
            "last_proven": point(c.last_proven.as_ref(), all.at),
            "against": c.against.iter().map(fate).collect::<Vec<_>>(),
        })
    };
    json!({
        "schema": 1, "noticed_after_s": NOTICED_AFTER,
        "assets": all.rows.iter().map(asset).collect::<Vec<_>>(),
        "workloads_without_assets": all.bare, "stores_unused": all.unused,
    })
}

pub fn coverage_text(all: &Coverage) -> String {
    let mut rows = vec![row([
        "ASSET",
        "LAYER",
        "REGION GONE",
        "PROVIDER GONE",
        "ACCOUNT TAKEN",
        "DATA BAD",
        "LAST GOOD",
        "LAST PROVEN",
        "PROTECTED BY",
    ])];
    let age = |point: Option<&PointRef>| {
        point.map_or_else(|| "none".to_owned(), |p| Dur::between(p.at, all.at).to_string())
    };
    let loses = |threat: Threat, c: &Covered| match c.against.iter().find(|h| h.threat == threat) {
        Some(Held { fate: Fate::Back { loss, .. }, .. }) => {
            loss.upper.map_or_else(|| "back".to_owned(), |upper| format!("loses {upper}"))
        }
        Some(Held { fate: Fate::Nothing { .. }, .. }) => "LOST".to_owned(),
        Some(Held { fate: Fate::Undeclared, .. }) | None => "-".to_owned(),
        Some(held) => held.fate.as_str().to_owned(),
    };
    for c in &all.rows {
        let by = if c.by.is_empty() { "NOTHING".to_owned() } else { c.by.join(", ") };
        let [region, provider, account, data] = Threat::ALL.map(|threat| loses(threat, c));
        rows.push(row([
            &format!("{}/{}", c.workload, c.asset),
            c.layer.as_str(),
            &region,
            &provider,
            &account,
            &data,
            &age(c.last_good.as_ref()),
            &age(c.last_proven.as_ref()),
            &by,
        ]));
    }
    let mut out = table(&rows);
    out += &format!("\ntaken and bad: noticed after {NOTICED_AFTER}, so only what is older is clean\n");
    out.extend(all.bare.iter().map(|w| format!("{w}: no asset is declared\n")));
    out.extend(all.unused.iter().map(|store| format!("{store}: no workload keeps a copy in it\n")));
    out
}
