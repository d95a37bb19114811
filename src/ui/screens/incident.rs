//! Declare or wait: what speaks for it, the clocks, what it costs, what is next.

use lifeboat_core::{
    assess::{State, Verdict, WorkloadView},
    model::*,
    run::Incident,
};
use ratatui::{buffer::Buffer, layout::Rect, text::Span};

use super::{moment, sides, top};
use crate::{
    app::{Action, App, Row, concerned, evidence, fails_at_home, is_hit, without_runbook},
    ui::{
        Cx, Role, bar,
        flow::Flow,
        table::{Cell, Column, Table, col, num, one},
    },
};

pub fn draw(cx: &Cx<'_>, buf: &mut Buffer, area: Rect) {
    match cx.app.incident.clone() {
        Some(incident) => declared(cx, buf, area, &incident),
        None => waiting(cx, buf, area),
    }
}

/// Workloads that serve from what is lost.
fn hit<'a>(app: &'a App, scenario: &'a Scenario) -> impl Iterator<Item = &'a WorkloadView> {
    let all = app.real.iter().flat_map(|real| real.workloads.iter().map(move |w| (real, &**w)));
    all.filter(move |(real, w)| is_hit(real, scenario, w)).map(|(_, w)| w)
}

fn per_hour<'a>(app: &App, workloads: impl Iterator<Item = &'a WorkloadView>) -> f64 {
    let impact = |w: &WorkloadView| app.estate.as_ref()?.workload(w.id.as_str())?.impact.as_ref()?.per_hour;
    workloads.filter_map(impact).sum()
}

/// `42 000`, in groups of three.
fn money(sum: f64) -> String {
    let digits = format!("{:.0}", sum.max(0.0));
    let mut out = String::new();
    for (n, c) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n) % 3 == 0 {
            out.push(' ');
        }
        out.push(c);
    }
    out
}

/// No incident is declared: for each region in trouble, what speaks for it.
fn waiting(cx: &Cx<'_>, buf: &mut Buffer, area: Rect) {
    let app = cx.app;
    let mut flow = Flow::new(buf, area);
    flow.heading(cx, "No incident is declared");
    let Some(real) = &app.real else {
        let rest = flow.rest();
        super::unseen(cx, buf, rest, "Nothing has been judged yet.");
        return;
    };
    if real.regions.is_empty() {
        let none = "No region is declared, so none can be lost. Write them into regions.toml.";
        flow.sentence(Span::raw(""), none, cx.role(Role::Dim));
        return;
    }
    let trouble = |r: &RegionId| {
        let scenario = Scenario::gone([r.as_str()]);
        let bad = hit(app, &scenario).any(fails_at_home);
        bad || real.regions.iter().any(|v| v.id == *r && v.state == State::Critical)
    };
    let suspects: Vec<_> = real.regions.iter().map(|r| r.id.clone()).filter(trouble).collect();
    let key =
        |action: Action| cx.app.keymap.keys(action).first().map_or_else(String::new, ToString::to_string);
    let (declare, what_if) = (key(Action::Declare), key(Action::WhatIf));
    if suspects.is_empty() {
        let calm =
            format!("No region looks lost. {what_if} shows what losing one would cost; {declare} declares.");
        flow.sentence(Span::raw(""), &calm, cx.role(Role::Dim));
        return;
    }
    // Before what speaks for it: short of room, what to do must not be below the edge.
    let how = "declares it: clocks start, predictions are kept, and what to do next is shown.";
    let lead = cx.span(format!("{declare} "), Role::Key);
    flow.sentence(lead, how, cx.role(Role::Text));
    let lead = format!("{} ", cx.sym().dot);
    for region in suspects {
        let scenario = Scenario::gone([region.as_str()]);
        flow.gap();
        flow.heading(cx, &format!("{region}: what speaks for declaring it lost"));
        for line in evidence(app, &scenario) {
            flow.sentence(cx.span(&lead, Role::Critical), &line, cx.role(Role::Text));
        }
        let cost = per_hour(app, hit(app, &scenario));
        if cost > 0.0 {
            let text = format!("Waiting costs {} an hour, {} a minute.", money(cost), money(cost / 60.0));
            flow.sentence(cx.span(&lead, Role::Warning), &text, cx.role(Role::Text));
        }
        for w in hit(app, &scenario) {
            let text = format!("{}: {}", w.id, super::workload::words(w, &w.if_home_lost));
            flow.sentence(cx.span(&lead, Role::Dim), &text, cx.role(Role::Text));
        }
    }
}

fn declared(cx: &Cx<'_>, buf: &mut Buffer, area: Rect, incident: &Incident) {
    let rows = u16::try_from(cx.app.rows.len()).unwrap_or(u16::MAX);
    let next = rows.saturating_add(3).clamp(4, (area.height / 3).max(4));
    let (above, below) = top(area, area.height.saturating_sub(next));
    let wide = area.width >= 100;
    if wide {
        let (left, right) = sides(above, area.width / 2);
        let rest = clocks(cx, buf, left, incident);
        told(cx, buf, rest, incident);
        losses(cx, buf, right, incident);
    } else {
        // What it rests on is known by now; what is lost this second is not.
        let rest = clocks(cx, buf, above, incident);
        losses(cx, buf, rest, incident);
    }
    what_next(cx, buf, below);
}

/// Whether a workload that served from what is lost serves from elsewhere now.
fn moved(app: &App, incident: &Incident) -> bool {
    let predicted = |w: &WorkloadView| incident.predictions.iter().any(|p| p.workload == w.id);
    let Some(real) = &app.real else { return false };
    real.workloads.iter().any(|w| predicted(w) && w.home.is_some() && !is_hit(real, &incident.scenario, w))
}

/// Whether a way home stands among what may be done next.
fn goes_home(app: &App) -> bool {
    let kind = |row: &Row| app.estate.as_ref().and_then(|e| e.runbook(&row.id)).map(|b| b.kind);
    app.rows.iter().any(|row| kind(row) == Some(RunbookKind::Failback))
}

/// Gives what is left below.
fn clocks(cx: &Cx<'_>, buf: &mut Buffer, area: Rect, incident: &Incident) -> Rect {
    let mut flow = Flow::new(buf, area);
    flow.heading(cx, &format!("{}", incident.scenario));
    let clock = |label: &str, from: Option<Time>| {
        let text = from.map_or_else(|| "not known".into(), |at| cx.clock(at));
        let at = from.map_or_else(String::new, |at| format!("   since {} UTC", moment(at)));
        (label.to_owned(), text, at)
    };
    for (region, since) in &cx.app.back {
        let since = since.format("%H:%M:%S");
        // Without a probe that failed, it was declared for another reason.
        let text = match (incident.detected_at, moved(cx.app, incident)) {
            (Some(_), true) if goes_home(cx.app) => {
                format!("{region} answers again since {since} UTC: consider failback, below.")
            }
            (Some(_), true) => format!("{region} answers again since {since} UTC: consider failback."),
            (Some(_), false) => {
                format!("{region} answers again since {since} UTC, and nothing has moved: S stands down.")
            }
            (None, _) => format!("{region} answers, seen since {since} UTC."),
        };
        flow.sentence(cx.span(format!("{} ", cx.sym().ok), Role::Ok), &text, cx.role(Role::Strong));
    }
    let all = [
        clock("impact", Some(incident.impact_began)),
        clock("detection", incident.detected_at),
        clock("declaration", Some(incident.declared_at)),
    ];
    for (n, (label, text, at)) in all.iter().enumerate() {
        let role = if n == 0 { Role::Critical } else { Role::Strong };
        flow.pair(cx, label, vec![cx.span(text, role), cx.span(at, Role::Dim)]);
    }
    flow.pair(cx, "declared by", vec![cx.span(incident.by.as_str(), Role::Text)]);
    let cost = per_hour(cx.app, hit(cx.app, &incident.scenario));
    if cost > 0.0 {
        let so_far = cost * Dur::between(incident.impact_began, cx.app.now).as_secs_f64() / 3_600.0;
        flow.pair(
            cx,
            "cost",
            vec![
                cx.span(money(so_far), Role::Strong),
                cx.span(format!(" so far, {} an hour while it waits", money(cost)), Role::Dim),
            ],
        );
    }
    flow.gap();
    flow.rest()
}

/// What the declaration rested on.
fn told(cx: &Cx<'_>, buf: &mut Buffer, area: Rect, incident: &Incident) {
    if area.height < 2 {
        return;
    }
    let mut flow = Flow::new(buf, area);
    flow.heading(cx, "Evidence");
    let lead = format!("{} ", cx.sym().dot);
    for line in &incident.evidence {
        flow.sentence(cx.span(&lead, Role::Dim), line, cx.role(Role::Text));
    }
}

/// Per workload: loss this second against what was predicted.
fn losses(cx: &Cx<'_>, buf: &mut Buffer, area: Rect, incident: &Incident) {
    let mut flow = Flow::new(buf, area);
    flow.heading(cx, "Loss this second");
    let prediction = |v: &WorkloadView| incident.predictions.iter().find(|p| p.workload == v.id);
    // In the order in which they can come back; those that have are at the end.
    let (hit, moved) = concerned(cx.app);
    let all: Vec<_> =
        hit.into_iter().map(|w| (w, true)).chain(moved.into_iter().map(|w| (w, false))).collect();
    if all.is_empty() {
        flow.sentence(Span::raw(""), "No workload serves from what is lost.", cx.role(Role::Dim));
    }
    // A bar each where there is room for all, else a line each.
    let bars = usize::from(area.height) > all.len() * 5;
    for (view, there) in all {
        let predicted = prediction(view);
        let judged = view.verdict.as_ref().unwrap_or(&view.if_home_lost);
        let mut parts = vec![cx.span(format!("{:<13}", view.id), Role::Strong)];
        if there {
            parts.push(cx.verdict(judged.verdict));
            let to = judged.to.as_ref().map_or_else(String::new, |to| format!(" {} {to}", cx.sym().arrow));
            parts.push(cx.span(to, Role::Text));
        } else {
            let home = view.home.as_ref().map_or("elsewhere", RegionId::as_str);
            parts.push(cx.span(format!("{} serves from {home}", cx.sym().done), Role::Ok));
        }
        // Of what is lost no amount is left to be told, but why.
        let lost = judged.decided().filter(|_| there && judged.verdict == Verdict::Lost);
        let why = lost.map(super::workload::because);
        if let (Some(why), false) = (&why, bars) {
            parts.push(cx.span(format!("  {why}"), Role::Dim));
        } else if there && !bars {
            let target = cx.target(view.rpo.target);
            parts.push(cx.span(format!("  {}, RPO {target}", cx.lost(judged.loss)), Role::Dim));
        }
        flow.cells(cx, &parts);
        if !bars {
            continue;
        }
        if let Some(why) = &why {
            flow.sentence(Span::raw(""), &cx.sentence(why), cx.role(Role::Text));
        } else if there {
            let rest = flow.rest();
            bar::loss(
                cx,
                flow.buf,
                Rect { height: rest.height.min(2), ..rest },
                judged.loss,
                view.rpo.target,
            );
            flow.skip(2);
        }
        if let Some(p) = predicted {
            let text = format!("predicted: {}", cx.predicted(p));
            flow.sentence(Span::raw(""), &text, cx.role(Role::Dim));
        }
        flow.gap();
    }
}

const COLUMNS: [Column; 4] =
    [col("WORKLOAD", 10, 24, 0), col("WHAT", 8, 10, 0), col("RUNBOOK", 12, 34, 0), num("STEPS", 5, 5, 1)];

fn what_next(cx: &Cx<'_>, buf: &mut Buffer, area: Rect) {
    let mut flow = Flow::new(buf, area);
    flow.heading(cx, "What to do next: Enter starts it");
    let rows = &cx.app.rows;
    let none: Vec<_> = without_runbook(cx.app).iter().map(ToString::to_string).collect();
    let table = Rect { height: flow.left().saturating_sub(u16::from(!none.is_empty())), ..flow.rest() };
    if rows.is_empty() {
        let text = match none.is_empty() {
            true => "Nothing serves from what is lost any more. S stands down.",
            false => "No runbook brings back what still serves from what is lost.",
        };
        super::empty(cx, flow.buf, table, text);
        flow.skip(1);
    } else {
        let list = Table { columns: &COLUMNS, count: rows.len(), cursor: Some(cx.app.cursor) };
        let used = list.draw(cx, flow.buf, table, |n| rows.get(n).map_or_else(Vec::new, |row| next(cx, row)));
        flow.skip(used);
    }
    if !none.is_empty() {
        let text = format!("No runbook says how to bring back {}.", none.join(", "));
        flow.cells(cx, &[cx.span(text, Role::Warning)]);
    }
}

fn next(cx: &Cx<'_>, row: &Row) -> Vec<Cell> {
    let book = cx.app.estate.as_ref().and_then(|e| e.runbook(&row.id));
    vec![
        one(cx.span(&row.text, Role::Strong)),
        one(cx.span(book.map_or("", |b| b.kind.as_str()), Role::Text)),
        one(cx.span(&row.id, Role::Text)),
        one(cx.span(book.map_or(0, |b| b.steps.len()).to_string(), Role::Dim)),
    ]
}

#[cfg(test)]
mod tests {
    #[test]
    fn sums_are_grouped() {
        for (sum, text) in [(0.0, "0"), (999.4, "999"), (42_000.0, "42 000"), (1_234_567.0, "1 234 567")] {
            assert_eq!(super::money(sum), text);
        }
    }
}
