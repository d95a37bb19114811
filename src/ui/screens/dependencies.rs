//! What each workload needs, what a loss takes of it, and in which order they
//! come back. The bars run from the impact to when the last is back:
//!
//! ```text
//!  WAVE  WORKLOAD  VERDICT        WAITS FOR  BACK IN  ▒▒▒▒▒▒████████──────────
//!  checkout needs 6 things; 2 of them are taken
//!  gone      wiki-key  the password of …      kept in eu-west-1
//! ```

use lifeboat_core::{
    assess::{Dependencies, DependsOn, Needed, Taken, Verdict},
    model::*,
};
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
};

use super::{top, unseen};
use crate::ui::{
    Cx, Role,
    flow::{Flow, heading},
    table::{Cell, Column, Table, col, num, one},
};

const NEEDS: [Column; 4] = [
    col("THIS LOSS", 10, 18, 0),
    col("NEEDS", 12, 40, 0),
    col("WHAT FOR", 16, 64, 1),
    col("LIES IN", 10, u16::MAX, 0),
];

pub fn draw(cx: &Cx<'_>, buf: &mut Buffer, area: Rect) {
    let rows = u16::try_from(cx.app.rows.len()).unwrap_or(u16::MAX);
    let Some(all) = cx.app.dependencies.as_deref().filter(|_| rows > 0) else {
        heading(cx, buf, Rect { height: area.height.min(1), ..area }, "Dependencies");
        unseen(cx, buf, top(area, 1).1, "This estate has no workloads yet. Write one into workloads/.");
        return;
    };
    let mut flow = Flow::new(buf, area);
    flow.heading(cx, &title(all));
    flow.sentence(Span::raw(""), &summary(cx, all), cx.role(Role::Text));
    path(cx, &mut flow, all);
    flow.gap();
    let rest = flow.rest();
    // The selected one's needs take half, or what the list leaves.
    let wanted = rows.saturating_add(1);
    let list = if rest.height < 8 { rest.height } else { wanted.min(rest.height / 2).max(3) };
    let (above, below) = top(rest, list);
    order(cx, buf, above, all);
    if let Some(row) = cx.app.selected().and_then(|r| all.rows.get(r.at)) {
        let (_, below) = top(below, 1);
        needs(cx, buf, below, all, row);
    }
}

fn title(all: &Dependencies) -> String {
    match all.scenario.is_empty() {
        true => "Dependencies, each held against the loss of its own home".to_owned(),
        false => format!("Dependencies, with this lost: {}", all.scenario),
    }
}

/// How long the whole takes, and whom it waits for.
fn summary(cx: &Cx<'_>, all: &Dependencies) -> String {
    let recovers = all.rows.iter().filter(|r| r.verdict >= Verdict::Recoverable).count();
    let vault = match &all.vault {
        Some((stores, true)) => {
            format!(" The journal's vault loses its majority: it lies in {}.", names(stores, " and "))
        }
        _ => String::new(),
    };
    if all.scenario.is_empty() {
        let key = cx.app.keymap.keys(crate::app::Action::WhatIf).first();
        let key = key.map_or_else(String::new, |key| format!(" {key} supposes a loss of regions."));
        return format!(
            "Nothing is lost: waves are by what waits for what, times as if each came alone.{key}{vault}"
        );
    }
    if recovers == 0 {
        return format!("Nothing has to be recovered.{vault}");
    }
    format!("{}{vault}", whole(all))
}

/// What is lost for good, what nobody can say, and when the others are back.
fn whole(all: &Dependencies) -> String {
    let of = |wanted: fn(&DependsOn) -> bool| -> Vec<&WorkloadId> {
        let rows = all.rows.iter().filter(|r| r.verdict >= Verdict::Recoverable && wanted(r));
        rows.map(|r| &r.workload).collect()
    };
    let lost = of(|r| r.ends.is_none() && r.verdict == Verdict::Lost);
    let unknown = of(|r| r.ends.is_none() && r.verdict != Verdict::Lost);
    let be = |n: usize| if n == 1 { "is" } else { "are" };
    let mut said = Vec::new();
    if !lost.is_empty() {
        said.push(format!("{} {} lost.", names(&lost, " and "), be(lost.len())));
    }
    if !unknown.is_empty() {
        said.push(format!("When {} {} back, nobody can say.", names(&unknown, " and "), be(unknown.len())));
    }
    let last = all.rows.iter().filter_map(|r| r.ends).max();
    if let (Some(last), Some(who)) = (last, all.dominates()) {
        let rest = if said.is_empty() { "All are" } else { "All others are" };
        said.push(format!("{rest} back in {last}; {who} decides that."));
    }
    said.join(" ")
}

/// `critical path  impact → orders 2m 30s → checkout 6m`
fn path(cx: &Cx<'_>, flow: &mut Flow<'_>, all: &Dependencies) {
    if all.chain.is_empty() {
        return;
    }
    let mut spans = vec![cx.span("critical path  ", Role::Dim), cx.span("impact", Role::Text)];
    for id in &all.chain {
        let ends = all.rows.iter().find(|r| r.workload == *id).and_then(|r| r.ends);
        spans.push(cx.span(format!(" {} ", cx.sym().arrow), Role::Dim));
        spans.push(cx.span(id.as_str(), Role::Strong));
        spans.push(cx.span(format!(" {}", cx.dur(ends)), Role::Accent));
    }
    flow.cells(cx, &spans);
}

fn names<T: ToString>(all: &[T], and: &str) -> String {
    let all: Vec<_> = all.iter().map(ToString::to_string).collect();
    match all.split_last() {
        Some((last, before)) if !before.is_empty() => format!("{}{and}{last}", before.join(", ")),
        _ => all.concat(),
    }
}

fn order(cx: &Cx<'_>, buf: &mut Buffer, area: Rect, all: &Dependencies) {
    let bar = (area.width / 3).clamp(18, 70);
    let columns = [
        num("WAVE", 4, 4, 3),
        col("WORKLOAD", 12, 28, 0),
        col(if all.scenario.is_empty() { "IF HOME LOST" } else { "VERDICT" }, 13, 16, 0),
        col("WAITS FOR", 9, 30, 2),
        num("TAKEN", 5, 8, 4),
        num("BACK IN", 7, 9, 0),
        col(if cx.sym().unicode { "▒ WAITS █ RECOVERS" } else { "= WAITS # RECOVERS" }, bar, bar, 1),
    ];
    let longest = all.rows.iter().filter_map(|r| r.ends).max().unwrap_or(Dur::ZERO);
    let rows = &cx.app.rows;
    Table { columns: &columns, count: rows.len(), cursor: Some(cx.app.cursor) }.draw(cx, buf, area, |n| {
        let row = rows.get(n).and_then(|r| all.rows.get(r.at));
        row.map_or_else(Vec::new, |row| cells(cx, all, row, longest, bar))
    });
}

fn cells(cx: &Cx<'_>, all: &Dependencies, row: &DependsOn, longest: Dur, wide: u16) -> Vec<Cell> {
    let none = cx.sym().none;
    let waits: Vec<_> = row.waits_for().collect();
    let waits = if waits.is_empty() { none.to_owned() } else { names(&waits, ", ") };
    let back = match (row.verdict, row.ends) {
        (Verdict::Unaffected | Verdict::Exposed, _) => none.to_owned(),
        (Verdict::Lost, None) => "never".to_owned(),
        (_, ends) => cx.dur(ends),
    };
    let taken = if row.taken() > 0 { Role::Warning } else { Role::Dim };
    vec![
        one(cx.span(row.wave.map_or_else(|| none.to_owned(), |w| w.to_string()), Role::Dim)),
        one(cx.span(row.workload.as_str(), Role::Strong)),
        one(cx.verdict(row.verdict)),
        one(cx.span(waits, Role::Text)),
        one(cx.span(format!("{} of {}", row.taken(), row.needs.len()), taken)),
        one(cx.span(back, Role::Text)),
        bar(cx, row, longest, usize::from(wide), all.is_critical(&row.workload)),
    ]
}

/// What passes before its own recovery begins, then that; the critical path
/// stands out.
fn bar(cx: &Cx<'_>, row: &DependsOn, longest: Dur, wide: usize, critical: bool) -> Cell {
    let (Some(ends), true) = (row.ends, longest > Dur::ZERO) else { return Cell::new() };
    let at = |d: Dur| {
        let share = d.as_millis().max(0) as f64 / longest.as_millis() as f64;
        ((share * wide as f64).round() as usize).min(wide)
    };
    let end = at(ends).max(1);
    let begin = at(row.begins.unwrap_or(Dur::ZERO)).min(end - 1);
    let role = if critical { Role::Accent } else { Role::Dim };
    vec![
        cx.span(cx.sym().part.repeat(begin), Role::Dim),
        cx.span(cx.sym().bar.repeat(end - begin), role),
        cx.span(cx.sym().axis.repeat(wide - end), Role::Border),
    ]
}

fn needs(cx: &Cx<'_>, buf: &mut Buffer, area: Rect, all: &Dependencies, row: &DependsOn) {
    let mut flow = Flow::new(buf, area);
    let count = match row.needs.len() {
        1 => "one thing".to_owned(),
        n => format!("{n} things"),
    };
    let taken = match row.taken() {
        0 => "the loss takes none of them".to_owned(),
        1 => "the loss takes one".to_owned(),
        n => format!("the loss takes {n}"),
    };
    let home = if all.scenario.is_empty() { " of its home" } else { "" };
    let taken = taken.replacen("loss", &format!("loss{home}"), 1);
    flow.heading(cx, &format!("{} needs {count}: {taken}", row.workload));
    if !row.needed_by.is_empty() {
        let do_ = if row.needed_by.len() == 1 { "does" } else { "do" };
        let text = format!("{} {do_} not work without it.", names(&row.needed_by, " and "));
        flow.sentence(Span::raw(""), &text, cx.role(Role::Dim));
    }
    let rest = flow.rest();
    let room = usize::from(rest.height.saturating_sub(1));
    let more = row.needs.len().saturating_sub(room);
    // The last line says how many do not fit.
    let shown = if more > 0 { room.saturating_sub(1) } else { row.needs.len() };
    let table = Rect { height: rest.height.min(u16::try_from(shown + 1).unwrap_or(u16::MAX)), ..rest };
    Table { columns: &NEEDS, count: shown, cursor: None }
        .draw(cx, buf, table, |n| row.needs.get(n).map_or_else(Vec::new, |need| need_cells(cx, need)));
    if more > 0 && rest.height > 1 {
        let text = format!("  and {} more", row.needs.len() - shown);
        let line = Line::from(cx.span(text, Role::Dim));
        crate::ui::flow::put(buf, Rect { y: rest.bottom() - 1, height: 1, ..rest }, &line);
    }
}

fn need_cells(cx: &Cx<'_>, need: &Needed) -> Vec<Cell> {
    let (sign, role) = match need.taken {
        Taken::No => (cx.sym().ok, Role::Ok),
        Taken::Falls(verdict) => (cx.sym().verdict(verdict), cx.verdict_role(verdict)),
        Taken::Assumed => (cx.sym().unknown, Role::Unknown),
        Taken::Deletable | Taken::Hit(LossMode::Impaired) => (cx.sym().warning, Role::Warning),
        Taken::Hit(_) => (cx.sym().critical, Role::Critical),
    };
    let within = match &need.within {
        Some(within) => cx.span(names(within, " and "), Role::Text),
        None => cx.span("not declared", Role::Unknown),
    };
    let name = if need.what.hidden() { Role::Accent } else { Role::Strong };
    vec![
        one(cx.span(format!("{sign} {}", need.taken), role)),
        one(cx.span(need.what.name(), name)),
        one(cx.span(need.what.to_string(), Role::Dim)),
        one(within),
    ]
}
