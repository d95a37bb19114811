//! The overview. With room, the map stands above the list and beside the
//! regions; the reasons of the selected workload stand below:
//!
//! ```text
//!  [ map                                   ]  Regions
//!  [                                       ]  Replication
//!  STATE  WORKLOAD  T  HOME  LOSS/RPO  TIME/RTO  IF HOME IS LOST  LAST GOOD  WHY
//!  Why
//! ```

use lifeboat_core::{
    assess::{GlanceRegion, GlanceRow, State},
    model::*,
};
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
};

use super::{sides, top, unseen};
use crate::ui::{
    Cx, Role,
    flow::{Flow, heading, put},
    map,
    table::{Cell, Column, Table, col, num, one},
};

pub fn draw(cx: &Cx<'_>, buf: &mut Buffer, area: Rect) {
    let rows = u16::try_from(cx.app.rows.len()).unwrap_or(u16::MAX);
    let list = if area.width >= 90 && area.height >= 28 {
        // The list gets what it needs, the map the rest within reason.
        let below = rows.saturating_add(9).clamp(12, area.height / 2 + 2);
        let wanted = match map::has_places(cx) {
            true => area.width / 4 + 6,
            false => {
                u16::try_from(cx.app.glance.regions.len() + cx.app.glance.links.len() + 4).unwrap_or(u16::MAX)
            }
        };
        let (above, below) = top(area, area.height.saturating_sub(below).min(wanted));
        world(cx, buf, Rect { height: above.height.saturating_sub(1), ..above });
        below
    } else if area.height >= 6 {
        let (above, below) = top(area, 1 + u16::from(area.height >= 14));
        strip(cx, buf, Rect { height: 1, ..above });
        below
    } else {
        area
    };
    workloads(cx, buf, list, rows);
}

/// What a region stands as, in words.
fn standing(cx: &Cx<'_>, region: &GlanceRegion) -> (String, Role) {
    match region.lost {
        true if cx.app.what_if.contains(&region.id) => ("GONE, what if".into(), Role::WhatIf),
        true => ("GONE".into(), Role::Incident),
        false => {
            let text = format!("{} {}", cx.sym().state(region.state), region.state.as_str());
            (text, cx.state_role(region.state))
        }
    }
}

/// The regions in one line where there is no room for the map, the worst first.
fn strip(cx: &Cx<'_>, buf: &mut Buffer, area: Rect) {
    let mut regions: Vec<_> = cx.app.glance.regions.iter().collect();
    regions.sort_by_key(|r| (!r.lost, std::cmp::Reverse(r.state)));
    let mut spans = Vec::new();
    let mut left = usize::from(area.width);
    for (n, region) in regions.iter().enumerate() {
        let (word, role) = standing(cx, region);
        let name = cx.cut(&region.label, 18);
        let wide = width(&name) + 1 + width(&word);
        let rest = format!("+{}", regions.len() - n);
        let room = if n + 1 == regions.len() { 0 } else { rest.len() + 3 };
        if wide + room > left {
            spans.push(cx.span(cx.cut(&rest, left), Role::Dim));
            break;
        }
        left = left.saturating_sub(wide + 3);
        spans.extend([cx.span(&name, Role::Strong), Span::raw(" "), cx.span(&word, role), Span::raw("   ")]);
    }
    put(buf, area, &Line::from(spans));
}

fn world(cx: &Cx<'_>, buf: &mut Buffer, area: Rect) {
    let panel = 36;
    if !map::has_places(cx) {
        regions(cx, buf, area);
        return;
    }
    let (left, right) = sides(area, area.width.saturating_sub(panel + 3));
    map::draw(cx, buf, left);
    regions(cx, buf, right);
}

fn regions(cx: &Cx<'_>, buf: &mut Buffer, area: Rect) {
    let glance = &cx.app.glance;
    let mut flow = Flow::new(buf, area);
    flow.heading(cx, "Regions");
    for region in &glance.regions {
        let (word, role) = standing(cx, region);
        let state = cx.span(word, role);
        let name = cx.cut(&region.label, 14);
        flow.line(&Line::from(vec![cx.span(format!("{name:<15}"), Role::Strong), state]));
        if flow.left() > u16::try_from(glance.regions.len()).unwrap_or(0) * 2 + 4 {
            flow.line(&cx.line(&[(region.id.as_str(), Role::Dim)]));
        }
    }
    if glance.links.is_empty() || flow.left() < 3 {
        return;
    }
    flow.gap();
    flow.heading(cx, "Links");
    for link in &glance.links {
        let name = |n: usize| glance.regions.get(n).map_or("?", |r| r.label.as_str());
        let text = format!("{} {} {}", name(link.from), cx.sym().arrow, name(link.to));
        let (told, role) = match (link.replicates, link.lag) {
            (true, Some(lag)) => (format!("lag {lag}"), cx.state_role(link.state)),
            (true, None) => ("lag unknown".into(), cx.state_role(State::Unknown.max(link.state))),
            (false, _) => (cx.cut(link.carries.as_deref().unwrap_or_default(), 12), Role::Dim),
        };
        let text = cx.cut(&text, 22);
        let pad = 23_usize.saturating_sub(width(&text));
        flow.line(&Line::from(vec![
            cx.span(text, Role::Text),
            Span::raw(" ".repeat(pad)),
            cx.span(told, role),
        ]));
    }
}

const COLUMNS: [Column; 9] = [
    col("STATE", 10, 10, 0),
    col("WORKLOAD", 12, 24, 0),
    num("T", 1, 2, 6),
    col("HOME", 14, 16, 4),
    num("LOSS/RPO", 13, 18, 2),
    num("TIME/RTO", 13, 18, 3),
    col("IF HOME IS LOST", 24, 34, 1),
    num("LAST GOOD", 9, 9, 5),
    col("WHY", 36, u16::MAX, 7),
];

fn workloads(cx: &Cx<'_>, buf: &mut Buffer, area: Rect, rows: u16) {
    let app = cx.app;
    if rows == 0 {
        unseen(cx, buf, area, "This estate has no workloads yet. Write one into workloads/.");
        return;
    }
    // The reasons of the selected one are spelled out where there is room.
    let spare = area.height.saturating_sub(rows.saturating_add(2));
    let detail = if area.height >= 12 { spare.clamp(5, 12) } else { 0 };
    let mut columns = COLUMNS;
    if area.width < 60 {
        columns[6].min = 13;
    }
    if app.shown.as_ref().is_some_and(|a| !a.scenario.is_empty()) {
        columns[6].title = if app.what_if.is_empty() { "VERDICT" } else { "WHAT IF" };
    }
    let table = Table { columns: &columns, count: app.rows.len(), cursor: Some(app.cursor) };
    let used = table.draw(cx, buf, Rect { height: area.height.saturating_sub(detail), ..area }, |n| {
        app.rows.get(n).and_then(|r| app.glance.rows.get(r.at)).map(|r| cells(cx, r)).unwrap_or_default()
    });
    if detail > 0 {
        let (_, below) = top(area, used + 1);
        why(cx, buf, below);
    }
}

fn cells(cx: &Cx<'_>, row: &GlanceRow) -> Vec<Cell> {
    let dash = || cx.sym().none.to_owned();
    let against = |actual: Option<Dur>, target: Option<Dur>, role: Role| {
        let (text, role) = match actual {
            Some(actual) => (actual.to_string(), role),
            None => ("unknown".into(), Role::Unknown),
        };
        let slash = if cx.app.size.0 < 90 { "/" } else { " / " };
        vec![cx.span(text, role), cx.span(format!("{slash}{}", cx.target(target)), Role::Dim)]
    };
    let over = |actual: Option<Dur>, target: Option<Dur>| match (actual, target) {
        (Some(actual), Some(target)) if actual > target => Role::Critical,
        (Some(actual), Some(target)) if actual.as_millis() * 5 > target.as_millis() * 4 => Role::Warning,
        _ => Role::Text,
    };
    let mut verdict = vec![cx.verdict(row.verdict)];
    if let Some(to) = &row.to {
        verdict.push(cx.span(format!(" {} {to}", cx.sym().arrow), Role::Text));
    }
    vec![
        one(cx.state(row.state)),
        one(cx.span(&row.label, Role::Strong)),
        one(cx.span(row.tier.map_or_else(dash, |t| t.to_string()), Role::Dim)),
        one(cx.span(row.home.as_ref().map_or_else(dash, ToString::to_string), Role::Text)),
        against(row.rpo_actual, row.rpo_target, over(row.rpo_actual, row.rpo_target)),
        against(row.rto_estimate, row.rto_target, over(row.rto_estimate, row.rto_target)),
        verdict,
        last_good(cx, row),
        one(cx.span(&row.reason, Role::Dim)),
    ]
}

/// `none` only where there are copies and no good point among them is known.
fn last_good(cx: &Cx<'_>, row: &GlanceRow) -> Cell {
    let declared = cx.app.estate.as_ref().and_then(|e| e.workload(row.id.as_str()));
    let copies = declared.map(|w| w.assets.iter().any(|a| !a.copies.is_empty()));
    one(match (row.last_good, copies) {
        (Some(at), _) => cx.span(cx.age(at), Role::Text),
        (None, Some(true)) => cx.span("none", Role::Warning),
        (None, Some(false)) => cx.span("no copies", Role::Dim),
        // Before the estate is read, nobody knows which of the two it is.
        (None, None) => cx.span(cx.sym().none, Role::Dim),
    })
}

/// The selected workload in sentences.
fn why(cx: &Cx<'_>, buf: &mut Buffer, area: Rect) {
    let Some(row) = cx.app.selected().and_then(|r| cx.app.glance.rows.get(r.at)) else { return };
    heading(cx, buf, Rect { height: area.height.min(1), ..area }, &clean_line(&row.label));
    let (_, rest) = top(area, 1);
    let mut flow = Flow::new(buf, rest);
    let lead = format!("{} ", cx.sym().dot);
    let view = cx.app.shown.iter().flat_map(|a| &a.workloads).find(|w| w.id == row.id);
    let Some(view) = view else {
        if !row.reason.is_empty() {
            flow.sentence(cx.span(&lead, Role::Dim), &row.reason, cx.role(Role::Text));
        }
        return;
    };
    let judged = view.verdict.as_ref().unwrap_or(&view.if_home_lost);
    flow.sentence(
        cx.span(&lead, Role::Dim),
        &super::workload::in_words(cx, view, judged),
        cx.role(Role::Text),
    );
    // What decides the verdict stands in the sentence already.
    let decided = judged.decided();
    let state = view.reasons.iter().filter(|r| Some(*r) != decided);
    for reason in state.chain(super::workload::besides(view, judged)) {
        flow.sentence(cx.span(&lead, Role::Dim), &cx.sentence(&reason.to_string()), cx.role(Role::Text));
    }
}
