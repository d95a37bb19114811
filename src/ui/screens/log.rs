//! What fails now and what went wrong: what, why, what to do, and the code.

use ratatui::{buffer::Buffer, layout::Rect, text::Span};

use super::{empty, top};
use crate::{
    app::log_lines,
    ui::{
        Cx, Role,
        flow::{Flow, heading},
        table::{Column, Table, col, one},
    },
};

const COLUMNS: [Column; 4] =
    [col("SINCE, UTC", 10, 10, 1), col("", 4, 10, 2), col("WHAT", 20, u16::MAX, 0), col("CODE", 12, 14, 3)];

pub fn draw(cx: &Cx<'_>, buf: &mut Buffer, area: Rect) {
    heading(cx, buf, Rect { height: area.height.min(1), ..area }, "Log");
    let (_, rest) = top(area, 1);
    let rows = &cx.app.rows;
    if rows.is_empty() {
        empty(cx, buf, rest, "Nothing has gone wrong.");
        return;
    }
    let lines = log_lines(cx.app);
    let detail = if rest.height >= 12 { 6 } else { 0 };
    let table = Rect { height: rest.height - detail, ..rest };
    Table { columns: &COLUMNS, count: rows.len(), cursor: Some(cx.app.cursor) }.draw(cx, buf, table, |n| {
        let Some(line) = rows.get(n).and_then(|r| lines.get(r.at)) else { return vec![] };
        let (word, role) = match (line.present, &line.problem) {
            (true, _) => ("now".to_owned(), Role::Critical),
            (false, Some(_)) => ("was".to_owned(), Role::Warning),
            (false, None) => ("done".to_owned(), Role::Ok),
        };
        let times = if line.times > 1 { format!(" x{}", line.times) } else { String::new() };
        vec![
            one(cx.span(line.at.format("%H:%M:%S").to_string(), Role::Dim)),
            one(cx.span(format!("{word}{times}"), role)),
            one(cx.span(&line.text, Role::Text)),
            one(cx.span(line.problem.as_ref().map_or("", |p| p.code.id), Role::Dim)),
        ]
    });
    let chosen = cx.app.selected().and_then(|r| lines.get(r.at));
    let Some(problem) = chosen.and_then(|l| l.problem.as_ref()).filter(|_| detail > 0) else { return };
    let mut flow = Flow::new(buf, Rect { y: rest.bottom() - detail, height: detail, ..rest });
    flow.heading(cx, &problem.subject);
    flow.sentence(Span::raw(""), &cx.sentence(&problem.what), cx.role(Role::Strong));
    if !problem.why.is_empty() {
        flow.sentence(cx.span("why          ", Role::Dim), &problem.why, cx.role(Role::Text));
    }
    flow.sentence(cx.span("next         ", Role::Dim), &problem.next, cx.role(Role::Text));
}
