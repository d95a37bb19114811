//! The recovery points of one copy, with the windows between them and the gaps.

use lifeboat_core::model::*;
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
};

use super::{empty, moment, top};
use crate::{
    app::{Action, copies},
    ui::{
        Cx, Role,
        flow::{Flow, heading},
        table::{Column, Table, col, num, one},
    },
};

const COLUMNS: [Column; 6] = [
    col("STATE", 10, 14, 0),
    col("POINT", 16, 44, 0),
    col("KIND", 6, 12, 3),
    col("COMPLETED, UTC", 15, 22, 1),
    num("SIZE", 8, 10, 2),
    col("WHY", 10, u16::MAX, 4),
];

pub fn draw(cx: &Cx<'_>, buf: &mut Buffer, area: Rect, key: &CopyKey) {
    let copy = cx.app.estate.as_ref().and_then(|e| e.copy(key));
    let mut flow = Flow::new(buf, area);
    let all = cx.app.estate.as_ref().map(|e| copies(e, &key.workload)).unwrap_or_default();
    let place = all.iter().position(|k| k == key).filter(|_| all.len() > 1);
    let next = cx.app.keymap.keys(Action::NextCopy).first().filter(|_| place.is_some());
    let place = place.map_or_else(String::new, |n| format!(", copy {} of {}", n + 1, all.len()));
    let next = next.map_or_else(String::new, |key| format!(" ({key} shows the next)"));
    flow.heading(cx, &format!("Recovery points of {}/{}{place}{next}", key.workload, key.asset));
    if let Some(copy) = copy {
        flow.pair(
            cx,
            "kept in",
            vec![
                cx.span(format!("{} /{}", copy.store, copy.path), Role::Text),
                cx.span(format!("  {}", copy.format), Role::Dim),
            ],
        );
    }
    match cx.app.points.get(key) {
        None => flow.sentence(Span::raw(""), "The repository is being read.", cx.role(Role::Dim)),
        Some(Err(problem)) => {
            let text = format!(
                "{}: {}. {} Next: {}. [{}]",
                problem.subject, problem.what, problem.why, problem.next, problem.code.id
            );
            flow.sentence(
                cx.span(format!("{} ", cx.sym().critical), Role::Critical),
                &text,
                cx.role(Role::Text),
            );
        }
        Some(Ok(report)) => {
            let rest = spans(cx, &mut flow, report);
            points(cx, buf, rest, report);
        }
    }
}

/// The windows as one line of time, gaps left open, and both in words.
fn spans(cx: &Cx<'_>, flow: &mut Flow<'_>, report: &CopyReport) -> Rect {
    let edges = report.windows.iter().flat_map(|w| [w.from, w.to]);
    let edges = edges.chain(report.points.iter().filter_map(|p| p.completed_at));
    let (from, to) = (edges.clone().min(), edges.max());
    if let (Some(from), Some(to), false) = (from, to, report.windows.is_empty()) {
        flow.gap();
        flow.line(&timeline(cx, flow.area.width, from, to.max(cx.app.now), report));
        let end = Line::from(vec![cx.span(moment(from), Role::Dim), cx.span("  to now", Role::Dim)]);
        flow.line(&end);
        let sym = cx.sym();
        flow.cells(
            cx,
            &[
                cx.span(sym.mark, Role::Strong),
                cx.span(" a good point   ", Role::Dim),
                cx.span(sym.bar, Role::Ok),
                cx.span(" any instant can be restored   ", Role::Dim),
                cx.span(sym.axis, Role::Border),
                cx.span(" nothing between points", Role::Dim),
            ],
        );
    }
    for window in report.windows.iter().rev().take(3) {
        flow.pair(
            cx,
            "any instant",
            vec![cx.span(format!("from {} to {}", moment(window.from), moment(window.to)), Role::Text)],
        );
    }
    for gap in report.gaps.iter().rev().take(3) {
        let at = |t: Option<Time>| t.map_or_else(|| "?".into(), moment);
        let text = format!(
            "between {} and {}: {}, {} to {}",
            at(gap.from),
            at(gap.to),
            gap.detail,
            gap.first_missing,
            gap.last_missing
        );
        flow.sentence(cx.span("missing      ", Role::Critical), &text, cx.role(Role::Text));
    }
    for note in &report.notes {
        flow.sentence(cx.span("note         ", Role::Warning), &note.to_string(), cx.role(Role::Text));
    }
    let mut cost = format!("{} requests, {}", report.cost.requests, Size(report.cost.bytes));
    if let Some(at) = report.listed_at {
        cost += &format!("; all of it was listed at {}, then its end", moment(at));
    }
    flow.pair(cx, "read with", vec![cx.span(cost, Role::Dim)]);
    flow.gap();
    flow.rest()
}

fn timeline(cx: &Cx<'_>, wide: u16, from: Time, to: Time, report: &CopyReport) -> Line<'static> {
    let all = Dur::between(from, to).as_millis().max(1);
    let step = |n: u16| from + Dur::millis(all / i64::from(wide.max(1)) * i64::from(n));
    let cell = |n: u16| {
        let (start, end) = (step(n), step(n + 1));
        let good = |p: &&Point| {
            p.state == PointState::Usable && p.completed_at.is_some_and(|at| at >= start && at < end)
        };
        let covered = report.windows.iter().any(|w| w.from <= start && w.to >= start);
        match (report.points.iter().find(good).is_some(), covered) {
            (true, _) => cx.span(cx.sym().mark, Role::Strong),
            (_, true) => cx.span(cx.sym().bar, Role::Ok),
            _ => cx.span(cx.sym().axis, Role::Border),
        }
    };
    Line::from((0..wide).map(cell).collect::<Vec<_>>())
}

fn points(cx: &Cx<'_>, buf: &mut Buffer, area: Rect, report: &CopyReport) {
    let rows = &cx.app.rows;
    heading(
        cx,
        buf,
        Rect { height: area.height.min(1), ..area },
        &format!("{} points, newest first", report.points.len()),
    );
    let (_, rest) = top(area, 1);
    if rows.is_empty() {
        empty(cx, buf, rest, "There is no recovery point here.");
        return;
    }
    Table { columns: &COLUMNS, count: rows.len(), cursor: Some(cx.app.cursor) }.draw(cx, buf, rest, |n| {
        let Some(point) = rows.get(n).and_then(|r| report.points.get(r.at)) else { return vec![] };
        let (sign, role) = match point.state {
            PointState::Usable => (cx.sym().ok, Role::Ok),
            PointState::Running | PointState::Archived => (cx.sym().warning, Role::Warning),
            PointState::Unverified => (cx.sym().unknown, Role::Unknown),
            _ => (cx.sym().critical, Role::Critical),
        };
        let at = point.completed_at.map_or_else(|| cx.sym().none.to_owned(), moment);
        let age = point.completed_at.map_or_else(String::new, |at| format!("  {}", cx.age(at)));
        vec![
            one(cx.span(format!("{sign} {}", point.state.as_str().replace('_', " ")), role)),
            one(cx.span(&point.id, Role::Strong)),
            one(cx.span(point.kind.as_str(), Role::Dim)),
            vec![cx.span(at, Role::Text), cx.span(age, Role::Dim)],
            one(cx.span(point.size_bytes.map_or_else(String::new, |s| Size(s).to_string()), Role::Text)),
            one(cx.span(&point.reason, Role::Dim)),
        ]
    });
}
