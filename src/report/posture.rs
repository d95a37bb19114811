//! The JSON of `status`, `points` and `what-if`; `"schema": 1` only grows.
//! Times are RFC 3339 in UTC, durations seconds, sizes bytes, unknown `null`.

use lifeboat_core::assess::past::{Costs, copy_costs, together};
use lifeboat_core::assess::{
    Assessment, AssetView, CopyView, Judged, Reason, ReplicaView, State, WorkloadView,
};
use lifeboat_core::model::{
    timeline::{Span, Unrestorable, unrestorable},
    *,
};
use serde_json::{Value, json};

use super::trends::{copy_trend, costs, lag_trend, stores};

/// An instant to the millisecond, `…Z`.
pub(super) fn time(at: Time) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

pub(super) fn point(point: Option<&PointRef>, now: Time) -> Value {
    let Some(point) = point else { return Value::Null };
    json!({
        "id": point.id, "at": time(point.at), "age_s": Dur::between(point.at, now), "size_bytes": point.size_bytes,
    })
}

fn windows(windows: &[Window]) -> Vec<Value> {
    windows.iter().map(|w| json!({"from": time(w.from), "to": time(w.to)})).collect()
}

fn copy(view: &CopyView<'_>, trend: Option<&CopyTrend>, paid: Option<Costs>, now: Time) -> Value {
    let gap = |g: &Gap| json!({"from": g.from.map(time), "to": g.to.map(time), "detail": g.detail});
    json!({
        "store": view.on.store, "region": view.on.region, "format": view.on.format,
        "state": view.state, "reason": view.reason, "observed_at": view.observed_at().map(time),
        "last_good": point(view.last_good(), now), "points": view.points(),
        "windows": windows(view.windows()), "gaps": view.gaps().iter().map(gap).collect::<Vec<_>>(),
        "cost": view.summary().map(|s| s.cost), "trend": trend.map(copy_trend),
        "costs": paid.as_ref().map(costs),
    })
}

fn replica(view: &ReplicaView, trend: Option<&LagTrend>) -> Value {
    json!({
        "region": view.region, "state": view.state, "reason": view.reason, "lag_s": view.lag,
        "received_through": view.received.map(time), "observed_at": view.observed_at.map(time), "lag": trend.map(lag_trend),
    })
}

fn asset(estate: &Estate, of: &WorkloadView, view: &AssetView, learned: &Learned, now: Time) -> Value {
    let (workload, asset) = (&of.id, &view.id);
    let copied = |c: CopyView<'_>| {
        let key = CopyKey { workload: workload.clone(), asset: asset.clone(), index: c.index };
        copy(&c, learned.copies.get(&key), copy_costs(estate, &key, learned), now)
    };
    let replicated = |r: &ReplicaView| {
        let key = LinkKey { workload: workload.clone(), asset: asset.clone(), index: r.index };
        replica(r, learned.lags.get(&key))
    };
    json!({
        "id": view.id, "layer": view.layer,
        "last_good": point(view.last_good(), now),
        "last_proven": point(view.last_proven.as_ref(), now),
        "copies": view.copies().map(copied).collect::<Vec<_>>(),
        "replicas": view.replicas.iter().map(replicated).collect::<Vec<_>>(),
    })
}

/// What all copies of a workload cost, each currency by itself.
fn paid(estate: &Estate, view: &WorkloadView, learned: &Learned) -> Vec<Value> {
    let keys = view.assets.iter().flat_map(|a| {
        let key =
            |c: CopyView<'_>| CopyKey { workload: view.id.clone(), asset: a.id.clone(), index: c.index };
        a.copies().map(key)
    });
    together(keys.filter_map(|key| copy_costs(estate, &key, learned))).iter().map(costs).collect()
}

fn workload(estate: &Estate, view: &WorkloadView, learned: &Learned, now: Time) -> Value {
    let sentences: Vec<_> = view.reasons.iter().map(ToString::to_string).collect();
    json!({
        "id": view.id, "tier": view.tier, "state": view.state, "home": view.home, "reasons": sentences,
        "rpo": {
            "target_s": view.rpo.target, "actual_s": view.rpo.actual.upper, "lower_s": view.rpo.actual.lower,
            "ratio": view.rpo.ratio, "design_s": view.rpo.design,
        },
        "rto": {
            "target_s": view.rto.target, "estimate_s": view.rto.estimate, "p90_s": view.rto.p90,
            "basis": view.rto.basis,
        },
        "if_home_lost": {"verdict": view.if_home_lost.verdict, "to": view.if_home_lost.to},
        "costs": paid(estate, view, learned), "drilled_at": learned.drilled.get(&view.id).copied().map(time),
        "assets": view.assets.iter().map(|a| asset(estate, view, a, learned, now)).collect::<Vec<_>>(),
    })
}

/// `status`, of one workload or of all.
pub fn status(estate: &Estate, assessment: &Assessment, learned: &Learned, only: Option<&str>) -> Value {
    let regions = assessment.regions.iter();
    let wanted = assessment.workloads.iter().filter(|w| only.is_none_or(|id| w.id == *id));
    json!({
        "schema": 1, "estate": estate.name, "at": time(assessment.at), "worst": assessment.worst,
        "regions": regions.map(|r| json!({
            "id": r.id, "state": r.state, "observed_at": r.observed_at.map(time),
        })).collect::<Vec<_>>(),
        "workloads": wanted.map(|w| workload(estate, w, learned, assessment.at)).collect::<Vec<_>>(),
        "stores": stores(learned),
        "findings": assessment.findings, "accepted": assessment.accepted,
    })
}

/// One copy as `points` shows it: read now, or the problem that kept it.
pub struct Read<'a> {
    pub key: &'a CopyKey,
    pub def: &'a CopyDef,
    pub at: Time,
    pub report: Result<&'a CopyReport, &'a Problem>,
    /// Restores of it that were checked.
    pub proofs: &'a [Proof],
}

impl Read<'_> {
    /// The newest point that is there and has a proof that holds, up to the
    /// instant it was restored to.
    fn last_proven(&self) -> Option<PointRef> {
        let report = self.report.ok()?;
        let there = |proof: &&Proof| report.points.iter().find(|p| p.id == proof.point);
        let holding = self.proofs.iter().filter(|p| p.holds(self.at));
        let (proof, point) =
            holding.filter_map(|p| Some((p, there(&p)?))).max_by_key(|(p, _)| (p.instant, p.at))?;
        Some(PointRef { id: point.id.clone(), at: proof.instant, size_bytes: point.size_bytes })
    }
    pub fn state(&self) -> State {
        match self.report.map(CopyReport::summary) {
            Err(_) => State::Unknown,
            Ok(summary) if summary.last_good.is_none() => State::Critical,
            Ok(s) if s.newest_trouble.is_some() || !s.gaps.is_empty() || !s.notes.is_empty() => {
                State::Warning
            }
            Ok(_) => State::Ok,
        }
    }
}

pub fn points(read: &[Read]) -> Value {
    json!({"schema": 1, "copies": read.iter().map(points_of).collect::<Vec<_>>()})
}

fn points_of(read: &Read) -> Value {
    let mut value = json!({
        "workload": read.key.workload, "asset": read.key.asset, "store": read.def.store,
        "format": read.def.format, "state": read.state(), "observed_at": time(read.at),
        "reason": Value::Null, "last_good": Value::Null, "last_proven": Value::Null,
        "points": [], "windows": [], "gaps": [], "unrestorable": [], "notes": [], "cost": Value::Null,
    });
    match read.report {
        Err(problem) => {
            value["reason"] = json!(problem.to_string());
            value["problem"] = json!(problem);
            value["observed_at"] = Value::Null;
        }
        Ok(report) => {
            let summary = report.summary();
            let trouble =
                summary.newest_trouble.map(|(state, why)| format!("newest is {}: {why}", state.as_str()));
            value["reason"] = json!(trouble);
            value["last_good"] = point(summary.last_good.as_ref(), read.at);
            value["last_proven"] = point(read.last_proven().as_ref(), read.at);
            value["points"] = report.points.iter().map(one_point).collect();
            value["windows"] = json!(windows(&report.windows));
            value["gaps"] = report.gaps.iter().map(one_gap).collect();
            let whole = Span::whole(report, read.at);
            let gone = whole.map(|whole| unrestorable(report, whole)).unwrap_or_default();
            value["unrestorable"] = gone.iter().map(one_stretch).collect();
            value["notes"] = json!(report.notes);
            value["cost"] = json!(report.cost);
            value["listed_at"] = json!(report.listed_at.map(time));
        }
    }
    value
}

fn one_point(p: &Point) -> Value {
    json!({
        "id": p.id, "kind": p.kind, "started_at": p.started_at.map(time), "completed_at": p.completed_at.map(time),
        "size_bytes": p.size_bytes, "state": p.state,
        "reason": Some(&p.reason).filter(|r| !r.is_empty()), "depends_on": p.depends_on,
    })
}

/// A stretch no instant of which can be restored, but for the points in it.
fn one_stretch(u: &Unrestorable) -> Value {
    json!({"from": time(u.from), "to": time(u.to), "detail": u.why, "points": u.points})
}

fn one_gap(g: &Gap) -> Value {
    json!({
        "from": g.from.map(time), "to": g.to.map(time), "first_missing": g.first_missing,
        "last_missing": g.last_missing, "detail": g.detail,
    })
}

/// `what-if`: the verdict of each workload under the assessment's scenario.
pub fn what_if(assessment: &Assessment) -> Value {
    let scenario: Vec<_> =
        assessment.scenario.lost.iter().map(|(s, m)| json!({"selector": s, "mode": m})).collect();
    let judged = assessment.workloads.iter().filter_map(|w| w.verdict.as_ref().map(|j| (w, j)));
    let recovery = assessment.recovery.as_ref();
    let order = recovery.map_or(&[][..], |r| &r.order);
    json!({
        "schema": 1, "scenario": scenario, "clean_before": assessment.scenario.clean_before.map(time),
        "workloads": judged.map(|(w, j)| what_if_one(w, j)).collect::<Vec<_>>(),
        "order": order.iter().map(|o| &o.workload).collect::<Vec<_>>(),
        "recovery": order.iter().map(|o| json!({
            "workload": o.workload, "wave": o.wave, "begins_s": o.begins, "ends_s": o.ends,
        })).collect::<Vec<_>>(),
        "critical_path_s": recovery.and_then(|r| r.critical_path),
        "critical_path": recovery.map(|r| &r.chain),
        "dominates": recovery.and_then(|r| r.dominates()),
        "vault_lost": assessment.vault_lost,
    })
}

fn what_if_one(view: &WorkloadView, judged: &Judged) -> Value {
    let rejected = judged.rejected.iter().map(|(r, why)| json!({"region": r, "reason": why.to_string()}));
    let using = judged.using.iter();
    let told: Vec<_> = judged.told().into_iter().map(ToString::to_string).collect();
    let sentences = |of: &[Reason]| of.iter().map(ToString::to_string).collect::<Vec<_>>();
    json!({
        "id": view.id, "verdict": judged.verdict, "to": judged.to,
        "data_loss": {
            "lower_s": judged.loss.lower, "upper_s": judged.loss.upper, "objects": judged.objects,
        },
        "rto_s": judged.rto, "rto_p90_s": judged.p90, "rto_basis": judged.rto_basis, "waits_s": judged.waits,
        "runbook": judged.runbook,
        "using": using.map(|u| json!({
            "asset": u.asset, "part": u.part, "copy": u.copy, "replica": u.replica, "point": u.point,
        })).collect::<Vec<_>>(),
        "rejected": rejected.collect::<Vec<_>>(),
        "reasons": told, "hidden": sentences(&judged.hidden),
        "assumptions": judged.assumptions.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}
