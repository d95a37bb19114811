//! One workload: why it stands as it does, what would be lost, how long it
//! would take, what a recovery would use, and every copy and replica.

use lifeboat_core::{
    assess::past::{Costs, copy_costs, together},
    assess::{CopyView, HealthView, Judged, Reason, ReplicaView, Verdict, WorkloadView},
    model::*,
};
use ratatui::{buffer::Buffer, layout::Rect, text::Span};

use super::{empty, sides, stores::cost, top, unseen};
use crate::app::copies as copies_of;
use crate::ui::{
    Cx, Role, bar,
    flow::{Flow, heading},
    table::{Cell, Column, Table, col, num, one},
};

pub fn draw(cx: &Cx<'_>, buf: &mut Buffer, area: Rect, id: &WorkloadId) {
    let Some(view) = cx.app.shown.iter().flat_map(|a| &a.workloads).find(|w| w.id == *id) else {
        unseen(cx, buf, area, "This estate has no such workload any more.");
        return;
    };
    let rows = u16::try_from(cx.app.rows.len()).unwrap_or(u16::MAX);
    let sources = rows.saturating_add(2).min(area.height / 2);
    let (above, below) = top(area, area.height.saturating_sub(sources + 1));
    let spare = if area.width >= 100 {
        let (left, right) = sides(above, area.width * 48 / 100);
        let ends = [standing(cx, buf, left, view).y, recovery(cx, buf, right, view).y];
        above.bottom() - ends[0].max(ends[1]).min(above.bottom())
    } else {
        let rest = standing(cx, buf, above, view);
        recovery(cx, buf, rest, view).height
    };
    // The table follows what is said above it, a line of air between.
    let up = spare.saturating_sub(1);
    let (_, below) = top(Rect { y: below.y - up, height: below.height + up, ..below }, 1);
    copies(cx, buf, below, view);
}

/// State, reasons, health. Gives what is left below.
fn standing(cx: &Cx<'_>, buf: &mut Buffer, area: Rect, view: &WorkloadView) -> Rect {
    let mut flow = Flow::new(buf, area);
    let declared = cx.app.estate.as_ref().and_then(|e| e.workload(view.id.as_str()));
    let label = declared.map_or_else(|| view.id.to_string(), |w| w.label().to_owned());
    let tier = view.tier.map_or_else(String::new, |t| format!(", tier {t}"));
    flow.heading(cx, &clean_line(&label));
    flow.pair(cx, "state", vec![cx.state(view.state), cx.span(tier, Role::Dim)]);
    let home = view.home.as_ref().map_or("nobody knows where", RegionId::as_str);
    let moved = declared.and_then(|w| w.home.as_ref()).filter(|h| view.home.as_ref() != Some(h));
    let moved = moved.map_or_else(String::new, |h| format!("  (declared {h})"));
    flow.pair(cx, "serves from", vec![cx.span(home, Role::Strong), cx.span(moved, Role::Warning)]);
    for health in &view.health {
        flow.pair(cx, "health", health_words(cx, health));
    }
    for costs in paid(cx, view) {
        flow.pair(cx, "costs", vec![cx.span(costs.words(), Role::Text)]);
    }
    flow.gap();
    flow.heading(cx, "Why");
    if view.reasons.is_empty() {
        flow.sentence(Span::raw(""), "Nothing speaks against it.", cx.role(Role::Dim));
    }
    let lead = format!("{} ", cx.sym().dot);
    for reason in &view.reasons {
        flow.sentence(cx.span(&lead, Role::Dim), &cx.sentence(&reason.to_string()), cx.role(Role::Text));
    }
    flow.gap();
    flow.rest()
}

/// Where prices are given; each currency by itself.
fn paid(cx: &Cx<'_>, view: &WorkloadView) -> Vec<Costs> {
    let (Some(estate), Some(seen)) = (&cx.app.estate, &cx.app.seen) else { return Vec::new() };
    let keys = copies_of(estate, &view.id).into_iter();
    together(keys.filter_map(|key| copy_costs(estate, &key, &seen.learned)))
}

fn health_words(cx: &Cx<'_>, health: &HealthView) -> Vec<Span<'static>> {
    let place = health.region.as_ref().map_or_else(String::new, |r| format!("  {r}"));
    let seen = health.observed_at.map_or_else(|| "never seen".into(), |at| cx.ago(at));
    let (fresh, role) = match health.freshness {
        Freshness::Fresh => (String::new(), Role::Dim),
        Freshness::Ageing => (", ageing".to_owned(), Role::Dim),
        other => (format!(", {}", other.as_str()), Role::Unknown),
    };
    vec![
        cx.state(health.state),
        cx.span(place, Role::Text),
        cx.span(format!("  {seen}{fresh}  {}", health.detail), role),
    ]
}

/// The verdict as a sentence of its own.
pub fn in_words(cx: &Cx<'_>, view: &WorkloadView, judged: &Judged) -> String {
    cx.capital(&words(view, judged))
}

/// The verdict as the rest of a sentence a person can act on.
pub fn words(view: &WorkloadView, judged: &Judged) -> String {
    let home = view.home.as_ref().map_or("its home".to_owned(), ToString::to_string);
    let given = if view.verdict.is_some() { String::new() } else { format!("were {home} gone now, ") };
    let to = judged.to.as_ref().map_or_else(String::new, |to| format!(" in {to}"));
    let loss = match judged.loss.upper {
        Some(upper) if upper == Dur::ZERO => "losing nothing".to_owned(),
        Some(upper) => format!("losing up to {upper}"),
        None => "with a loss that nobody can bound".to_owned(),
    };
    let time = judged.rto.map_or("in a time that is not known".to_owned(), |t| format!("in about {t}"));
    let why = judged.decided().map_or_else(String::new, |why| format!(": {}", because(why)));
    let text = match judged.verdict {
        Verdict::Unaffected => "it would not be affected".to_owned(),
        Verdict::Exposed => format!("it runs on, but one more loss would end it{why}"),
        Verdict::Recoverable => format!("it can be recovered{to}, {loss}, {time}"),
        Verdict::Breach => {
            format!("it can be recovered{to} only outside its objectives, {loss}, {time}{why}")
        }
        Verdict::Unknown => format!("nobody can say whether it could be recovered{why}"),
        Verdict::Lost => format!("it would be lost{why}"),
    };
    format!("{given}{text}.")
}

/// What keeps it from a region says nothing of it by itself.
pub fn because(why: &Reason) -> String {
    if why.bars() { format!("nowhere to go, {why}") } else { why.to_string() }
}

/// What else is told of a verdict, beside the sentence and what is said already.
pub fn besides<'j>(view: &'j WorkloadView, judged: &'j Judged) -> impl Iterator<Item = &'j Reason> {
    let decided = judged.decided();
    judged.told().into_iter().filter(move |r| Some(*r) != decided && !view.reasons.contains(r))
}

/// What a loss would cost and what a recovery would use.
fn recovery(cx: &Cx<'_>, buf: &mut Buffer, area: Rect, view: &WorkloadView) -> Rect {
    let judged = view.verdict.as_ref().unwrap_or(&view.if_home_lost);
    let mut flow = Flow::new(buf, area);
    flow.heading(cx, if view.verdict.is_some() { "In this scenario" } else { "If its home is lost" });
    flow.sentence(cx.verdict(judged.verdict), "", cx.role(Role::Text));
    flow.sentence(Span::raw(""), &in_words(cx, view, judged), cx.role(Role::Text));
    flow.gap();
    let rest = flow.rest();
    bar::loss(cx, flow.buf, Rect { height: rest.height.min(2), ..rest }, judged.loss, view.rpo.target);
    flow.skip(2);
    flow.gap();
    flow.pair(
        cx,
        "design RPO",
        vec![
            cx.span(cx.dur(view.rpo.design), Role::Text),
            cx.span("  what the schedules allow at best", Role::Dim),
        ],
    );
    let p90 = view.rto.p90.map_or_else(String::new, |p| format!(", nine in ten within {p}"));
    let basis = match view.rto.estimate {
        Some(_) => format!("  {}{p90}", view.rto.basis.as_str()),
        None => String::new(),
    };
    flow.pair(
        cx,
        "RTO",
        vec![
            cx.span(cx.dur(view.rto.estimate), Role::Strong),
            cx.span(format!(" of {}", cx.target(view.rto.target)), Role::Dim),
            cx.span(basis, Role::Dim),
        ],
    );
    for using in &judged.using {
        let source = match (&using.copy, &using.replica) {
            (_, Some(region)) => format!("the replica in {region}"),
            (Some(store), None) => {
                format!("{} in {store}", using.point.as_deref().unwrap_or("the newest point"))
            }
            (None, None) => "nothing: it is rebuilt".into(),
        };
        flow.pair(
            cx,
            "would use",
            vec![cx.span(source, Role::Text), cx.span(format!("  for {}", using.asset), Role::Dim)],
        );
    }
    let lead = format!("{} ", cx.sym().dot);
    for (region, reason) in &judged.rejected {
        flow.sentence(
            cx.span("rejected     ", Role::Dim),
            &format!("{region}: {reason}"),
            cx.role(Role::Text),
        );
    }
    for reason in besides(view, judged) {
        flow.sentence(cx.span(&lead, Role::Dim), &cx.sentence(&reason.to_string()), cx.role(Role::Text));
    }
    for assumption in &judged.assumptions {
        let assumption = assumption.to_string();
        flow.sentence(cx.span("assumes      ", Role::Dim), &assumption, cx.role(Role::Dim));
    }
    flow.rest()
}

const COLUMNS: [Column; 9] = [
    col("STATE", 10, 10, 0),
    col("ASSET", 8, 20, 0),
    col("SOURCE", 20, 30, 0),
    col("REGION", 12, 16, 4),
    num("LAG/LAST GOOD", 13, 16, 1),
    num("POINTS", 6, 6, 5),
    col("SEEN", 8, 22, 3),
    num("A LOOK COSTS", 12, 24, 6),
    col("WHY", 20, u16::MAX, 2),
];

fn copies(cx: &Cx<'_>, buf: &mut Buffer, area: Rect, view: &WorkloadView) {
    heading(cx, buf, Rect { height: area.height.min(1), ..area }, "Copies and replicas");
    let (_, rest) = top(area, 1);
    let mut all: Vec<Vec<Cell>> = Vec::new();
    for asset in &view.assets {
        let name = match asset.required {
            true => asset.id.to_string(),
            false => format!("{} (optional)", asset.id),
        };
        all.extend(asset.replicas.iter().map(|r| replica(cx, &name, r)));
        all.extend(asset.copies().map(|c| copy(cx, &name, &c)));
    }
    let rows = &cx.app.rows;
    if all.is_empty() {
        empty(cx, buf, rest, "It has neither copies nor replicas.");
        return;
    }
    Table { columns: &COLUMNS, count: rows.len(), cursor: Some(cx.app.cursor) }
        .draw(cx, buf, rest, |n| rows.get(n).and_then(|r| all.get(r.at)).cloned().unwrap_or_default());
}

fn seen(cx: &Cx<'_>, at: Option<Time>, freshness: Freshness) -> Cell {
    let role = if freshness.is_current() { Role::Dim } else { Role::Unknown };
    let text = match at {
        Some(at) if freshness == Freshness::Fresh => cx.ago(at),
        Some(at) => format!("{}, {}", freshness.as_str(), cx.ago(at)),
        None => freshness.as_str().to_owned(),
    };
    one(cx.span(text, role))
}

/// A figure that is no longer current is dimmed; one that does not survive says so.
fn figure(freshness: Freshness) -> Role {
    if freshness.is_current() { Role::Strong } else { Role::Stale }
}

fn why(cx: &Cx<'_>, reason: Option<&str>, survives: bool) -> Cell {
    let gone = if survives { "" } else { "gone in this scenario " };
    vec![cx.span(gone, Role::WhatIf), cx.span(reason.unwrap_or_default(), Role::Dim)]
}

fn replica(cx: &Cx<'_>, asset: &str, r: &ReplicaView) -> Vec<Cell> {
    let lag = r.lag.map_or_else(|| "unknown".into(), |lag| format!("lag {lag}"));
    vec![
        one(cx.state(r.state)),
        one(cx.span(asset, Role::Text)),
        one(cx.span("replica", Role::Text)),
        one(cx.span(r.region.as_str(), Role::Text)),
        one(cx.span(lag, figure(r.freshness))),
        one(cx.span("", Role::Dim)),
        seen(cx, r.observed_at, r.freshness),
        one(cx.span("", Role::Dim)),
        why(cx, r.reason.as_deref(), r.survives),
    ]
}

fn copy(cx: &Cx<'_>, asset: &str, c: &CopyView<'_>) -> Vec<Cell> {
    let good = c.last_good().map_or_else(|| "none".into(), |p| cx.age(p.at));
    vec![
        one(cx.state(c.state)),
        one(cx.span(asset, Role::Text)),
        one(cx.span(format!("{} in {}", c.on.format, c.on.store), Role::Text)),
        one(cx.span(c.on.region.as_ref().map_or(cx.sym().none, |r| r.as_str()), Role::Text)),
        one(cx.span(good, figure(c.freshness))),
        one(cx.span(c.points().to_string(), Role::Dim)),
        seen(cx, c.observed_at(), c.freshness),
        one(cx.span(c.summary().map(|s| cost(s.cost)).unwrap_or_default(), Role::Dim)),
        why(cx, c.reason, c.survives),
    ]
}
