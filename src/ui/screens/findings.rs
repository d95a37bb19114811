//! Policy checks that do not hold.

use lifeboat_core::assess::State;
use ratatui::{buffer::Buffer, layout::Rect, text::Span};

use super::{empty, top};
use crate::{
    app::App,
    ui::{
        Cx, Role,
        flow::{Flow, heading},
        frame::capital,
        table::{Column, Table, col, one},
    },
};

const COLUMNS: [Column; 4] =
    [col("STATE", 10, 10, 0), col("RULE", 8, 34, 1), col("SUBJECT", 12, 34, 0), col("WHAT", 20, u16::MAX, 2)];

/// No finding is no all-clear: what stands badly is said beside it.
fn nothing(app: &App) -> String {
    let Some(shown) = &app.shown else { return "Nothing has been judged yet.".into() };
    let of = |state: State| shown.workloads.iter().filter(|w| w.state == state).count();
    let count = |n: usize, state: &str| match n {
        0 => None,
        1 => Some(format!("1 workload is {state}")),
        n => Some(format!("{n} workloads are {state}")),
    };
    let lost = shown.regions.iter().filter(|r| r.state == State::Critical).count();
    let lost = match lost {
        0 => None,
        1 => Some("1 region is down".to_owned()),
        n => Some(format!("{n} regions are down")),
    };
    let bad = [lost, count(of(State::Critical), "critical"), count(of(State::Unknown), "unknown")];
    let bad: Vec<_> = bad.into_iter().flatten().collect();
    match bad.is_empty() {
        true => "Every policy check holds.".into(),
        false => format!(
            "Every policy check holds, but {}: checks are about what is declared, the overview about what is seen.",
            bad.join(" and ")
        ),
    }
}

pub fn draw(cx: &Cx<'_>, buf: &mut Buffer, area: Rect) {
    let rows = &cx.app.rows;
    let accepted = cx.app.shown.as_ref().map_or(0, |a| a.accepted.len());
    let accepted = if accepted > 0 { format!(", {accepted} more accepted") } else { String::new() };
    let title = format!("Findings, {}{accepted}", rows.len());
    heading(cx, buf, Rect { height: area.height.min(1), ..area }, &title);
    let (_, rest) = top(area, 1);
    let findings = cx.app.shown.as_ref().map_or(&[][..], |a| &a.findings);
    if rows.is_empty() {
        empty(cx, buf, rest, &nothing(cx.app));
        return;
    }
    let detail = if rest.height >= 12 { 6 } else { 0 };
    let table = Rect { height: rest.height - detail, ..rest };
    Table { columns: &COLUMNS, count: rows.len(), cursor: Some(cx.app.cursor) }.draw(cx, buf, table, |n| {
        let Some(finding) = rows.get(n).and_then(|r| findings.get(r.at)) else { return vec![] };
        vec![
            one(cx.state(finding.severity)),
            one(cx.span(&finding.rule, Role::Dim)),
            one(cx.span(&finding.subject, Role::Strong)),
            one(cx.span(&finding.message, Role::Text)),
        ]
    });
    let Some(finding) = cx.app.selected().and_then(|r| findings.get(r.at)).filter(|_| detail > 0) else {
        return;
    };
    let mut flow = Flow::new(buf, Rect { y: rest.bottom() - detail, height: detail, ..rest });
    flow.heading(cx, &finding.subject);
    flow.sentence(Span::raw(""), &capital(&format!("{}.", finding.message)), cx.role(Role::Text));
    for (label, value) in
        [("observed", &finding.observed), ("expected", &finding.expected), ("clause", &finding.clause)]
    {
        if let Some(value) = value {
            flow.pair(cx, label, vec![cx.span(value, Role::Text)]);
        }
    }
}
