//! Every single loss beside the others, worst first: what to fear most.

use lifeboat_core::{
    assess::{LossOf, LossRow, Reason, Verdict},
    model::{DomainKind, Dur},
};
use ratatui::{buffer::Buffer, layout::Rect, text::Span};

use super::{below, top, unseen, workload::because};
use crate::app::Action;
use crate::ui::{
    Cx, Role,
    flow::{Flow, heading},
    table::{Cell, Column, Table, col, num, one},
};

/// The worst stands first among the counts, and what is hidden below the list:
/// short of room, counts that are whole say more.
const COLUMNS: [Column; 6] = [
    col("IF GONE", 12, 34, 0),
    col("WORST", 13, 14, 2),
    col("WORKLOADS TOUCHED", 46, 54, 0),
    num("BACK IN", 7, 12, 1),
    col("WAITING FOR", 11, 24, 3),
    col("HIDDEN TIE", 24, u16::MAX, 4),
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
    let (table, detail) = below(rest, rows.len(), 10);
    Table { columns: &COLUMNS, count: rows.len(), cursor: Some(cx.app.cursor) }.draw(cx, buf, table, |n| {
        rows.get(n).and_then(|r| all.get(r.at)).map_or_else(Vec::new, |row| cells(cx, row))
    });
    if let Some(row) = cx.app.selected().and_then(|r| all.get(r.at)).filter(|_| detail.height > 0) {
        touched(cx, Flow::new(buf, detail), row);
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
        (Verdict::Lost, _) => "never".to_owned(),
        (_, path) => cx.dur(path),
    };
    // Nobody waits for what never comes back.
    let waiting = row.dominates.as_ref().filter(|_| row.worst != Verdict::Lost);
    vec![
        one(cx.span(row.lost.to_string(), Role::Strong)),
        one(cx.verdict(row.worst)),
        counts(cx, row),
        one(cx.span(back, Role::Text)),
        one(cx.span(waiting.map_or(cx.sym().none, |w| w.as_str()), Role::Dim)),
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
    flow.heading(cx, &format!("If {} were gone", row.lost));
    let back = back(row);
    if !back.is_empty() {
        flow.sentence(Span::raw(""), &cx.sentence(&back), cx.role(Role::Strong));
    }
    if row.vault_lost {
        let lead = cx.span(format!("{:<13}", "hidden tie"), Role::Warning);
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
    ties(cx, &mut flow, row);
    if row.lost.kind == DomainKind::Region && flow.left() > 1 {
        flow.gap();
        let key = cx.app.keymap.keys(Action::Open).first();
        let keys = key.map_or_else(String::new, |key| format!("{key} shows everything as if it were so."));
        flow.sentence(Span::raw(""), &cx.capital(&keys), cx.role(Role::Dim));
    }
}

/// What is needed there that nobody would look for there, each once.
fn ties(cx: &Cx<'_>, flow: &mut Flow<'_>, row: &LossRow) {
    let mut told: Vec<&Reason> = Vec::new();
    for one in &row.workloads {
        for tie in one.hidden.iter().filter(|tie| one.reasons.first() != Some(*tie)) {
            if !told.contains(&tie) {
                told.push(tie);
                let lead = cx.span(format!("{:<13}", "hidden tie"), Role::Warning);
                let text = format!("{}: {tie}.", one.workload);
                flow.sentence(lead, &text, cx.role(Role::Text));
            }
        }
    }
}

/// `media and wiki never come back, the others in 41m 10s; catalogue decides that`
fn back(row: &LossRow) -> String {
    let lost: Vec<_> =
        row.workloads.iter().filter(|w| w.verdict == Verdict::Lost).map(|w| w.workload.as_str()).collect();
    let never = match lost[..] {
        [] => String::new(),
        [one] => format!("{one} never comes back"),
        [one, two] => format!("{one} and {two} never come back"),
        [_, _, ..] => format!("{} workloads never come back", lost.len()),
    };
    let who = if lost.is_empty() { "all back" } else { "the others" };
    // What never comes back decides nothing, and what nobody knows promises nothing.
    let returns = |w: &&LossOf| matches!(w.verdict, Verdict::Recoverable | Verdict::Breach);
    let sure = row.workloads.iter().all(|w| w.verdict != Verdict::Unknown);
    let back: Vec<_> = row.workloads.iter().filter(returns).filter(|_| sure).collect();
    let last = back.iter().filter_map(|w| w.rto).max();
    let path = last.filter(|_| back.iter().all(|w| w.rto.is_some()));
    let dominates = row.dominates.as_ref().filter(|id| back.iter().any(|w| w.workload == **id));
    let dominates = dominates.or_else(|| back.iter().find(|w| w.rto == last).map(|w| &w.workload));
    let decides = dominates.map_or_else(String::new, |last| format!("; {last} decides that"));
    match (path, never.is_empty()) {
        (Some(path), true) => format!("{who} in {path}{decides}"),
        (Some(path), false) => format!("{never}, {who} in {path}{decides}"),
        (None, true) => String::new(),
        (None, false) => never,
    }
}

fn words(one: &LossOf) -> String {
    let into = one.to.as_ref().map_or_else(String::new, |to| format!(" into {to}"));
    let loss = match (one.verdict, one.loss.upper) {
        (Verdict::Recoverable | Verdict::Breach, Some(Dur::ZERO)) => ", losing nothing".to_owned(),
        (Verdict::Recoverable | Verdict::Breach, Some(upper)) => format!(", losing up to {upper}"),
        _ => String::new(),
    };
    // Nothing speaks against what can be recovered within its objectives.
    let exposed = one.verdict == Verdict::Exposed;
    let speaks =
        |why: &&Reason| why.gives() > Verdict::Recoverable || (exposed && why.gives() == one.verdict);
    let why = match (one.reasons.first().filter(speaks), one.verdict) {
        (Some(why @ Reason::DependencyLost { .. }), Verdict::Exposed) => format!(": {}", because(why)),
        (Some(why), Verdict::Exposed) => {
            format!(" runs on; should what serves it now be lost as well: {}", because(why))
        }
        (Some(why), _) => format!(": {}", because(why)),
        (None, Verdict::Lost) => ": no region is left to bring it back in".to_owned(),
        (None, _) => String::new(),
    };
    // What runs on goes nowhere, and neither does what is lost with what it needs.
    let goes = matches!(one.verdict, Verdict::Recoverable | Verdict::Breach | Verdict::Unknown);
    let into = if goes { into } else { String::new() };
    format!("{}{into}{loss}{why}.", one.workload)
}
