//! The plans of the estate, and the selected one's steps.

use lifeboat_core::model::*;
use ratatui::{buffer::Buffer, layout::Rect, text::Span};

use super::{empty, sides, top};
use crate::{
    app::{filled, likely, pieces},
    ui::{
        Cx, Role,
        flow::{Flow, heading},
        table::{Column, Table, col, num, one},
    },
};

const COLUMNS: [Column; 4] =
    [col("RUNBOOK", 12, 34, 0), col("KIND", 8, 12, 1), col("WORKLOADS", 10, 30, 2), num("STEPS", 5, 5, 3)];

pub fn draw(cx: &Cx<'_>, buf: &mut Buffer, area: Rect) {
    let rows = &cx.app.rows;
    let Some(estate) = cx.app.estate.as_ref().filter(|_| !rows.is_empty()) else {
        empty(cx, buf, area, "This estate has no runbooks yet. `lifeboat init` shows how one looks.");
        return;
    };
    let (left, right) = match area.width >= 100 {
        true => sides(area, area.width / 2),
        false => top(area, area.height / 2),
    };
    heading(cx, buf, Rect { height: left.height.min(1), ..left }, "Runbooks");
    Table { columns: &COLUMNS, count: rows.len(), cursor: Some(cx.app.cursor) }.draw(
        cx,
        buf,
        top(left, 1).1,
        |n| {
            let Some(book) = rows.get(n).and_then(|r| estate.runbooks.get(r.at)) else { return vec![] };
            let workloads: Vec<_> = book.workloads.iter().map(WorkloadId::as_str).collect();
            vec![
                one(cx.span(book.id.as_str(), Role::Strong)),
                one(cx.span(book.kind.as_str(), Role::Accent)),
                one(cx.span(workloads.join(", "), Role::Text)),
                one(cx.span(book.steps.len().to_string(), Role::Dim)),
            ]
        },
    );
    if let Some(book) = cx.app.selected().and_then(|r| estate.runbooks.get(r.at)) {
        plan(cx, buf, right, book);
    }
}

/// What kind of step it is, how long it takes, and what is dangerous about it.
fn about(cx: &Cx<'_>, step: &StepPlan) -> Vec<Span<'static>> {
    let takes = step.takes.map_or_else(String::new, |t| format!("  about {t}"));
    let mut parts = vec![cx.span(format!("  {}{takes}", step.kind), Role::Dim)];
    if step.point_of_no_return {
        parts.push(cx.span("  no way back", Role::Critical));
    }
    if step.destructive {
        parts.push(cx.span("  asks for the target's name", Role::Warning));
    }
    parts
}

fn plan(cx: &Cx<'_>, buf: &mut Buffer, area: Rect, book: &Runbook) {
    let mut flow = Flow::new(buf, area);
    let value = |name: &str| likely(cx.app, book, name);
    flow.heading(cx, &clean_line(&filled(&book.title, value)));
    for name in book.params.keys() {
        let shown = match value(name).filter(|value| !value.is_empty()) {
            Some(value) => cx.span(value, Role::Text),
            None => cx.span("asked for at the start", Role::Dim),
        };
        flow.pair(cx, name, vec![shown]);
    }
    flow.gap();
    let room = usize::from(area.width);
    for (n, step) in book.steps.iter().enumerate() {
        let mut name = vec![cx.span(format!("{:>2}  ", n + 1), Role::Dim)];
        name.extend(cx.pieces(&pieces(step.label(), value), Role::Strong));
        let about = about(cx, step);
        let one = name.iter().chain(&about).map(|s| width(&s.content)).sum::<usize>() <= room;
        let more = book.steps.len() - n;
        if flow.left() < 2 + u16::from(!one) && (more > 1 || flow.left() < 1 + u16::from(!one)) {
            flow.line(&cx.line(&[(&format!("    {more} more"), Role::Dim)]));
            break;
        }
        match one {
            true => flow.cells(cx, &[name, about].concat()),
            // What is dangerous about it is not to be cut off.
            false => {
                flow.cells(cx, &name);
                flow.cells(cx, &[vec![Span::raw("  ")], about].concat());
            }
        }
    }
    flow.gap();
    flow.sentence(Span::raw(""), "Enter opens the form to start it.", cx.role(Role::Dim));
}
