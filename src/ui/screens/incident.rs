//! Declare or wait: what speaks for it, the clocks, what it costs, what is next.

use lifeboat_core::{
    assess::{Loss, State, WorkloadView},
    model::*,
    run::Incident,
};
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
};

use super::{moment, sides, top};
use crate::{
    app::{App, evidence},
    ui::{
        Cx, Role, bar,
        flow::{Flow, heading},
        table::{Column, Table, col, num, one},
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
    let lost = |r: &RegionId| scenario.lost.contains_key(&Selector::region(r));
    let all = app.real.iter().flat_map(|a| &a.workloads).map(|w| &**w);
    all.filter(move |w| w.home.as_ref().is_some_and(lost))
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
        let bad = hit(app, &scenario).any(|w| w.state == State::Critical);
        bad || real.regions.iter().any(|v| v.id == *r && v.state == State::Critical)
    };
    let suspects: Vec<_> = real.regions.iter().map(|r| r.id.clone()).filter(trouble).collect();
    if suspects.is_empty() {
        flow.sentence(
            Span::raw(""),
            "No region looks lost. w shows what losing one would cost; D declares.",
            cx.role(Role::Dim),
        );
        return;
    }
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
    flow.gap();
    flow.line(&cx.line(&[
        ("D", Role::Key),
        (" declares it: clocks start, predictions are kept, and what to do next is shown.", Role::Text),
    ]));
}

fn declared(cx: &Cx<'_>, buf: &mut Buffer, area: Rect, incident: &Incident) {
    let rows = u16::try_from(cx.app.rows.len()).unwrap_or(u16::MAX);
    let next = rows.saturating_add(3).min(area.height / 3);
    let (above, below) = top(area, area.height.saturating_sub(next));
    let wide = area.width >= 100;
    let (left, right) = if wide { sides(above, area.width / 2) } else { top(above, above.height / 2) };
    clocks(cx, buf, left, incident);
    losses(cx, buf, right, incident);
    what_next(cx, buf, below);
}

/// Whether a workload that served from what is lost serves from elsewhere now.
fn moved(app: &App, incident: &Incident) -> bool {
    let lost = |r: &RegionId| incident.scenario.lost.contains_key(&Selector::region(r));
    let predicted = |w: &WorkloadView| incident.predictions.iter().any(|p| p.workload == w.id);
    let all = app.real.iter().flat_map(|a| &a.workloads).map(|w| &**w);
    all.filter(|w| predicted(w)).any(|w| w.home.as_ref().is_some_and(|home| !lost(home)))
}

fn clocks(cx: &Cx<'_>, buf: &mut Buffer, area: Rect, incident: &Incident) {
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
    let there = |v: &WorkloadView| {
        v.home.as_ref().is_some_and(|r| incident.scenario.lost.contains_key(&Selector::region(r)))
    };
    let prediction = |v: &WorkloadView| incident.predictions.iter().find(|p| p.workload == v.id);
    let all = cx.app.real.iter().flat_map(|a| &a.workloads);
    let all: Vec<_> = all.filter(|v| there(v) || prediction(v).is_some()).collect();
    if all.is_empty() {
        flow.sentence(Span::raw(""), "No workload serves from what is lost.", cx.role(Role::Dim));
    }
    // A bar each where there is room for all, else a line each.
    let bars = usize::from(area.height) > all.len() * 5;
    for view in all {
        let (there, predicted) = (there(view), prediction(view));
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
        if there && !bars {
            let target = cx.target(view.rpo.target);
            parts.push(cx.span(format!("  {} lost, RPO {target}", cx.loss(judged.loss)), Role::Dim));
        }
        flow.line(&Line::from(parts));
        if !bars {
            continue;
        }
        if there {
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
            let loss = cx.loss(Loss { lower: p.loss_lower, upper: p.loss_upper });
            let text = format!("predicted: {loss} lost, back in {}", cx.dur(p.rto));
            flow.sentence(Span::raw(""), &text, cx.role(Role::Dim));
        }
        flow.gap();
    }
}

const COLUMNS: [Column; 3] = [col("WORKLOAD", 10, 24, 0), col("RUNBOOK", 12, 34, 0), num("STEPS", 5, 5, 1)];

fn what_next(cx: &Cx<'_>, buf: &mut Buffer, area: Rect) {
    heading(cx, buf, Rect { height: area.height.min(1), ..area }, "What to do next: Enter starts it");
    let (_, rest) = top(area, 1);
    let rows = &cx.app.rows;
    if rows.is_empty() {
        super::empty(cx, buf, rest, "Nothing serves from what is lost any more. S stands down.");
        return;
    }
    Table { columns: &COLUMNS, count: rows.len(), cursor: Some(cx.app.cursor) }.draw(cx, buf, rest, |n| {
        let Some(row) = rows.get(n) else { return vec![] };
        let steps = cx.app.estate.as_ref().and_then(|e| e.runbook(&row.id)).map_or(0, |b| b.steps.len());
        vec![
            one(cx.span(&row.text, Role::Strong)),
            one(cx.span(&row.id, Role::Text)),
            one(cx.span(steps.to_string(), Role::Dim)),
        ]
    });
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
