//! Time as a line: what of it can be restored, the points on it, round instants below.
//!
//! ```text
//! ●    ●     2     ✕   ●         points
//! ██████████████▒✕✕✕✕████        any instant, partly, a named gap
//! │Nov 19     │Nov 21            UTC
//! ```

use lifeboat_core::model::{
    CopyReport, Point, Time,
    timeline::{Cover, Slot, Span, slots, ticks},
    width,
};
use ratatui::{style::Modifier, text::Line};

use super::{Cx, Role, flow::Flow};

/// Cells between the beginnings of two labels.
const APART: usize = 12;

/// Three lines: points, instants, labels. `selected` is marked among the points.
pub fn draw(cx: &Cx<'_>, flow: &mut Flow<'_>, report: &CopyReport, span: Span, selected: Option<&Point>) {
    let wide = usize::from(flow.area.width);
    let all = slots(report, span, wide);
    let at = selected.and_then(|p| p.completed_at.or(p.started_at)).and_then(|at| span.slot(at, wide));
    let points = all.iter().enumerate().map(|(n, slot)| {
        let (sign, role) = points_in(cx, slot);
        let span = cx.span(sign, role);
        let mark = |s: ratatui::text::Span<'static>| {
            s.patch_style(cx.role(Role::Selection).add_modifier(Modifier::REVERSED))
        };
        if at == Some(n) { mark(span) } else { span }
    });
    flow.line(&Line::from(points.collect::<Vec<_>>()));
    flow.line(&Line::from(all.iter().map(|slot| instants_in(cx, slot)).collect::<Vec<_>>()));
    flow.line(&labels(cx, span, wide));
}

/// `●`, or how many; what is not usable is louder than what is.
fn points_in(cx: &Cx<'_>, slot: &Slot) -> (String, Role) {
    let count = |n: u32, sign: &str| match n {
        1 => sign.to_owned(),
        2..=9 => n.to_string(),
        _ => "+".to_owned(),
    };
    match (slot.usable, slot.other) {
        (0, 0) => (" ".to_owned(), Role::Dim),
        (0, other) => (count(other, cx.sym().critical), Role::Critical),
        (usable, 0) => (count(usable, cx.sym().ok), Role::Ok),
        (usable, other) => (count(usable.saturating_add(other), cx.sym().ok), Role::Warning),
    }
}

fn instants_in(cx: &Cx<'_>, slot: &Slot) -> ratatui::text::Span<'static> {
    match (slot.cover, slot.gap) {
        (Cover::Whole, _) => cx.span(cx.sym().bar, Role::Ok),
        (_, true) => cx.span(cx.sym().critical, Role::Critical),
        (Cover::Part, false) => cx.span(cx.sym().part, Role::Warning),
        (Cover::Nothing, false) => cx.span(cx.sym().axis, Role::Border),
    }
}

fn labels(cx: &Cx<'_>, span: Span, wide: usize) -> Line<'static> {
    let mut text = String::new();
    let mut used = 0;
    for tick in ticks(span, wide, APART) {
        text.push_str(&" ".repeat(tick.slot.saturating_sub(used)));
        let label = format!("{}{}", cx.sym().frame[5], tick.text);
        used = tick.slot.max(used) + label.chars().count();
        text.push_str(&label);
    }
    Line::from(cx.span(text, Role::Dim))
}

/// What each sign means, in one line.
pub fn legend(cx: &Cx<'_>, flow: &mut Flow<'_>) {
    let sym = cx.sym();
    let parts = [
        (sym.ok, Role::Ok, " a good point   "),
        (sym.critical, Role::Critical, " not usable, or missing   "),
        (sym.bar, Role::Ok, " any instant   "),
        (sym.part, Role::Warning, " partly   "),
        (sym.axis, Role::Border, " nothing between points"),
    ];
    let whole: usize = parts.iter().map(|(sign, _, text)| width(sign) + width(text)).sum();
    // What stands for nothing needs no word where there is no room for it.
    let parts = if whole > usize::from(flow.area.width) { &parts[..4] } else { &parts[..] };
    let spans = parts.iter().flat_map(|(sign, role, text)| [cx.span(sign, *role), cx.span(text, Role::Dim)]);
    flow.cells(cx, &spans.collect::<Vec<_>>());
}

/// As exact as the length of what is shown asks for.
pub fn edge(at: Time) -> String {
    at.format("%Y-%m-%d %H:%M").to_string()
}
