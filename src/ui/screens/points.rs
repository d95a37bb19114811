//! The recovery points of one copy on a timeline: what can be restored, and what not.

use lifeboat_core::model::{
    timeline::{Span, Unrestorable, unrestorable},
    *,
};
use ratatui::{buffer::Buffer, layout::Rect};

use super::{empty, moment, top};
use crate::{
    app::{Action, Zoom, copies},
    ui::{
        Cx, Role,
        flow::{Flow, heading},
        table::{Column, Table, col, num, one},
        timeline,
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
        None => {
            let rest = flow.rest();
            empty(cx, flow.buf, rest, "The repository is being read.");
        }
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
            let rest = spans(cx, &mut flow, key, report);
            points(cx, buf, rest, report);
        }
    }
}

/// The timeline, then in words what of it cannot be restored.
fn spans(cx: &Cx<'_>, flow: &mut Flow<'_>, key: &CopyKey, report: &CopyReport) -> Rect {
    let zoom = cx.app.zooms.get(key).copied().unwrap_or_default();
    if let Some(span) = zoom.span(report, cx.app.now) {
        let selected = cx.app.rows.get(cx.app.cursor).and_then(|row| report.points.get(row.at));
        shown(cx, flow, zoom, span);
        timeline::draw(cx, flow, report, span, selected);
        timeline::legend(cx, flow);
        missing(cx, flow, report, span);
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

/// How much of the time is shown, and the keys that change it.
fn shown(cx: &Cx<'_>, flow: &mut Flow<'_>, zoom: Zoom, span: Span) {
    let to = if zoom.follows_now() { "now".to_owned() } else { timeline::edge(span.to) };
    let keys = [Action::Closer, Action::Wider, Action::Earlier, Action::Later, Action::Everything];
    let key = |action: Action| cx.app.keymap.keys(action).first().map_or(String::new(), |k| k.to_string());
    let [closer, wider, earlier, later, all] = keys.map(key);
    let mut spans = vec![
        cx.span(zoom.label(), Role::Strong),
        cx.span(format!(", {} to {to} UTC", timeline::edge(span.from)), Role::Text),
    ];
    // The footer names the first of them where there is no room here.
    if flow.area.width >= 100 {
        let keys = format!("   {closer} closer  {wider} wider  {earlier} {later} along  {all} all");
        spans.push(cx.span(keys, Role::Dim));
    }
    flow.pair(cx, "shown", spans);
}

/// The newest stretches that cannot be restored, and how many more there are.
fn missing(cx: &Cx<'_>, flow: &mut Flow<'_>, report: &CopyReport, span: Span) {
    // What has not happened yet, or was not written down yet, is no hole.
    let recent = cx.app.now - Dur::secs(120);
    let mut all = unrestorable(report, span);
    all.retain(|u| u.from < recent || u.why.is_some());
    let named = |u: &Unrestorable| u.why.is_some();
    // What the reader can name matters more than where there is merely no log.
    all.sort_by_key(|u| (!named(u), std::cmp::Reverse(u.to)));
    let room = usize::from(flow.left() / 4).clamp(1, 4);
    for gone in all.iter().take(room) {
        let long = Dur::between(gone.from, gone.to);
        let when =
            |at: Time| if span.len() > Dur::secs(300 * 86_400) { timeline::edge(at) } else { moment(at) };
        let to = if gone.to >= cx.app.now { "now".to_owned() } else { when(gone.to) };
        let why = match (&gone.why, gone.points) {
            (Some(why), _) => why.clone(),
            (None, 0) => "nothing was kept of it".to_owned(),
            (None, 1) => "only the one point in it".to_owned(),
            (None, points) => format!("only the {points} points in it"),
        };
        let role = if named(gone) { Role::Critical } else { Role::Dim };
        let text = format!("{} to {to}, {long}: {why}.", when(gone.from));
        flow.sentence(cx.span("not any of   ", role), &text, cx.role(Role::Text));
    }
    match all.len().saturating_sub(room) {
        0 if all.is_empty() => {
            flow.pair(cx, "restorable", vec![cx.span("any instant of what is shown", Role::Ok)]);
        }
        0 => {}
        more => {
            flow.pair(cx, "", vec![cx.span(format!("and {more} more stretches: move closer"), Role::Dim)])
        }
    }
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
