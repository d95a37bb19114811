//! Every single loss beside the others, worst first: what to fear most.

use lifeboat_core::{
    assess::{LossOf, LossRow, Reason, Verdict},
    model::Dur,
};
use ratatui::{buffer::Buffer, layout::Rect, text::Span};

use super::{top, unseen};
use crate::ui::{
    Cx, Role,
    flow::{Flow, heading},
    table::{Cell, Column, Table, col, num, one},
};

const COLUMNS: [Column; 6] = [
    col("IF GONE", 12, 34, 0),
    col("WORST", 13, 14, 0),
    col("WORKLOADS TOUCHED", 30, 54, 1),
    num("BACK IN", 7, 12, 2),
    col("WAITING FOR", 11, 24, 3),
    col("HIDDEN", 24, u16::MAX, 4),
];

pub fn draw(cx: &Cx<'_>, buf: &mut Buffer, area: Rect) {
    let rows = &cx.app.rows;
    heading(cx, buf, Rect { height: area.height.min(1), ..area }, "All single losses, worst first");
    let (_, rest) = top(area, 1);
    let all = cx.app.comparison.as_ref().map_or(&[][..], |c| &c.rows);
    if rows.is_empty() {
        unseen(cx, buf, rest, "There is nothing to lose: no region is declared.");
        return;
    }
    // What is selected is told right below the lines, with a line of air between.
    let lines = u16::try_from(rows.len()).unwrap_or(u16::MAX).saturating_add(2);
    let detail = if rest.height >= 14 { rest.height - lines.min(rest.height / 2) } else { 0 };
    let table = Rect { height: rest.height - detail, ..rest };
    Table { columns: &COLUMNS, count: rows.len(), cursor: Some(cx.app.cursor) }.draw(cx, buf, table, |n| {
        rows.get(n).and_then(|r| all.get(r.at)).map_or_else(Vec::new, |row| cells(cx, row))
    });
    if let Some(row) = cx.app.selected().and_then(|r| all.get(r.at)).filter(|_| detail > 0) {
        touched(cx, Flow::new(buf, Rect { y: rest.bottom() - detail, height: detail, ..rest }), row);
    }
}

fn cells(cx: &Cx<'_>, row: &LossRow) -> Vec<Cell> {
    let hidden = row.workloads.iter().flat_map(|w| &w.hidden).next();
    let hidden = match (row.vault_lost, hidden) {
        (true, _) => "the journal's vault has its majority there".to_owned(),
        (false, Some(reason)) => reason.to_string(),
        (false, None) => String::new(),
    };
    let back = match (row.worst, row.critical_path) {
        (Verdict::Unaffected | Verdict::Exposed, _) => cx.sym().none.to_owned(),
        (Verdict::Lost, None) => "never".to_owned(),
        (_, path) => cx.dur(path),
    };
    vec![
        one(cx.span(row.lost.to_string(), Role::Strong)),
        one(cx.verdict(row.worst)),
        counts(cx, row),
        one(cx.span(back, Role::Text)),
        one(cx.span(row.dominates.as_ref().map_or(cx.sym().none, |w| w.as_str()), Role::Dim)),
        one(cx.span(hidden, Role::Warning)),
    ]
}

/// How many get each verdict, the worst first; those that are not touched are left out.
fn counts(cx: &Cx<'_>, row: &LossRow) -> Cell {
    let touched = row.counts.iter().rev().filter(|(v, n)| *n > 0 && *v > Verdict::Unaffected);
    let mut spans: Vec<Span<'static>> = Vec::new();
    for (verdict, n) in touched {
        let air = if spans.is_empty() { "" } else { " " };
        spans.push(cx.span(format!("{air}{n} {verdict}"), cx.verdict_role(*verdict)));
    }
    if spans.is_empty() { one(cx.span("none", Role::Dim)) } else { spans }
}

/// What becomes of each workload that the selected loss touches.
fn touched(cx: &Cx<'_>, mut flow: Flow<'_>, row: &LossRow) {
    let back = match (row.critical_path, &row.dominates) {
        (Some(path), Some(last)) => format!(": all back in {path}, and {last} decides that"),
        (Some(path), None) => format!(": all back in {path}"),
        (None, _) => String::new(),
    };
    flow.heading(cx, &format!("If {} were gone{back}", row.lost));
    if row.vault_lost {
        let lead = cx.span(format!("{:<13}", "hidden"), Role::Warning);
        flow.sentence(lead, "The journal's vault has its majority there.", cx.role(Role::Text));
    }
    if row.workloads.is_empty() {
        flow.sentence(Span::raw(""), "No workload would notice.", cx.role(Role::Dim));
    }
    for (n, one) in row.workloads.iter().enumerate() {
        if flow.left() <= 1 && n + 1 < row.workloads.len() {
            let more = format!("and {} more", row.workloads.len() - n);
            flow.cells(cx, &[cx.span(more, Role::Dim)]);
            return;
        }
        let lead = cx.span(format!("{:<13}", one.verdict.to_string()), cx.verdict_role(one.verdict));
        flow.sentence(lead, &words(one), cx.role(Role::Text));
    }
}

fn words(one: &LossOf) -> String {
    let into = one.to.as_ref().map_or_else(String::new, |to| format!(" into {to}"));
    let loss = match (one.verdict, one.loss.upper) {
        (Verdict::Recoverable | Verdict::Breach, Some(Dur::ZERO)) => ", losing nothing".to_owned(),
        (Verdict::Recoverable | Verdict::Breach, Some(upper)) => format!(", losing up to {upper}"),
        _ => String::new(),
    };
    // What decides comes before what is wrong besides.
    let decides = |r: &&Reason| one.verdict == Verdict::Lost && matches!(r, Reason::NothingSurvives { .. });
    let all = || one.reasons.iter().chain(&one.hidden);
    let why = match (all().find(decides).or(all().next()), one.verdict) {
        (Some(why), Verdict::Exposed) => {
            format!(" runs on; should what serves it now be lost as well: {why}")
        }
        (Some(why), _) => format!(": {why}"),
        (None, Verdict::Lost) => ": no region is left to bring it back in".to_owned(),
        (None, _) => String::new(),
    };
    let into = if one.verdict == Verdict::Exposed { String::new() } else { into };
    format!("{}{into}{loss}{why}.", one.workload)
}
