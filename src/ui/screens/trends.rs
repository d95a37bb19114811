//! What is remembered of one workload: each figure with how it moves, and the
//! selected one as a picture with where it leads.

use lifeboat_core::{assess::past::Plot, model::*};
use ratatui::{buffer::Buffer, layout::Rect, text::Span};

use super::{empty, failed, top};
use crate::app::{Remembered, STALE_AFTER};
use crate::ui::{
    Cx, Role,
    flow::{Flow, heading},
    plot,
    table::{Cell, Column, Table, col, num, one},
};

const COLUMNS: [Column; 5] = [
    col("OF", 12, 34, 0),
    col("FIGURE", 8, 18, 0),
    num("LAST", 6, 12, 0),
    col("SO FAR", 8, 16, 2),
    col("HOW IT MOVES", 20, u16::MAX, 1),
];

pub fn draw(cx: &Cx<'_>, buf: &mut Buffer, area: Rect, workload: &WorkloadId) {
    let label = cx.app.estate.as_ref().and_then(|e| e.workload(workload.as_str())).map(Workload::label);
    let title = format!("Trends of {}", label.unwrap_or(workload.as_str()));
    heading(cx, buf, Rect { height: area.height.min(1), ..area }, &title);
    let (_, rest) = top(area, 1);
    match cx.app.pasts.get(workload) {
        None => empty(cx, buf, rest, "What is remembered of it is being read."),
        Some(Err(problem)) => failed(cx, buf, rest, problem),
        Some(Ok(past)) => remembered(cx, buf, rest, past),
    }
}

fn remembered(cx: &Cx<'_>, buf: &mut Buffer, area: Rect, past: &Remembered) {
    let rows = &cx.app.rows;
    if rows.is_empty() {
        let none = "Nothing is remembered of it yet. Every look adds to it.";
        empty(
            cx,
            buf,
            area,
            if past.plots.is_empty() { "It has no copy and no replica to remember." } else { none },
        );
        return;
    }
    let picture = if area.height >= 12 { area.height / 2 } else { 0 };
    let wanted = u16::try_from(rows.len() + 1).unwrap_or(u16::MAX);
    let list = wanted.min(area.height - picture);
    let table = Rect { height: list, ..area };
    Table { columns: &COLUMNS, count: rows.len(), cursor: Some(cx.app.cursor) }.draw(cx, buf, table, |n| {
        rows.get(n).and_then(|r| past.plots.get(r.at)).map_or_else(Vec::new, |plot| cells(cx, past, plot))
    });
    let Some(plot) = cx.app.selected().and_then(|r| past.plots.get(r.at)).filter(|_| picture > 0) else {
        return;
    };
    // As tall as is left, but no taller than a picture is easily read.
    let height = (area.height - list).saturating_sub(1).min(26);
    let below = Rect { y: area.y + list + 1, height, ..area };
    selected(cx, buf, below, past, plot);
}

fn cells(cx: &Cx<'_>, past: &Remembered, plot: &Plot) -> Vec<Cell> {
    let stale = cx.app.now > past.at + STALE_AFTER;
    let text = if stale { Role::Dim } else { Role::Text };
    let last = plot.last().map_or_else(|| cx.sym().none.to_owned(), |(_, v)| plot.measure.text(v));
    vec![
        one(cx.span(&plot.of, if stale { Role::Dim } else { Role::Strong })),
        one(cx.span(plot.what, text)),
        one(cx.span(last, text)),
        one(cx.span(plot::bars(cx, plot), if stale { Role::Dim } else { Role::Accent })),
        one(cx.span(plot.words(), Role::Dim)),
    ]
}

fn selected(cx: &Cx<'_>, buf: &mut Buffer, area: Rect, past: &Remembered, plot: &Plot) {
    let mut flow = Flow::new(buf, area);
    flow.heading(cx, &format!("{}, {}", plot.of, plot.what));
    let seen = plot.last().map(|(at, v)| format!("{}, seen {}", plot.measure.text(v), cx.ago(at)));
    let stale = if cx.app.now > past.at + STALE_AFTER {
        format!(" Read {}: newer looks are not in it.", cx.ago(past.at))
    } else {
        String::new()
    };
    let limit = plot.limit.map(|l| format!(" It should stay below {}.", plot.measure.text(l)));
    let text = match seen {
        Some(seen) => format!("{seen}. It {}.{}{stale}", plot.words(), limit.unwrap_or_default()),
        None => format!("{}{stale}", cx.sentence(&plot.words())),
    };
    let text = text.replace("It too few values to say", "Too few values to say how it moves");
    flow.sentence(Span::raw(""), &text, cx.role(Role::Text));
    // One dot is no picture.
    if plot.values.len() < 2 {
        let once = match plot.values.is_empty() {
            true => "There is nothing to draw yet: every look adds a value.",
            false => "It was seen once so far: a picture needs two values, and every look adds one.",
        };
        flow.sentence(Span::raw(""), once, cx.role(Role::Dim));
        return;
    }
    let rest = flow.rest();
    plot::draw(cx, buf, rest, plot);
}
