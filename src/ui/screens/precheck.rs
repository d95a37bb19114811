//! What was looked at before a run, with what will be touched: shown until
//! the run begins.

use lifeboat_core::run::{CheckState, PrecheckItem, Run, RunState};
use ratatui::text::Line;

use crate::ui::{Cx, Role, flow::Flow};

/// The worst first, so that what stops the run is never below the edge.
pub fn draw(cx: &Cx<'_>, flow: &mut Flow<'_>, run: &Run) {
    if run.state != RunState::Prechecking || run.precheck.is_empty() || flow.left() < 3 {
        return;
    }
    flow.heading(cx, "Before the run");
    let mut items: Vec<&PrecheckItem> = run.precheck.iter().collect();
    items.sort_by_key(|item| std::cmp::Reverse(item.blocks()));
    let room = usize::from(flow.left());
    for item in items.iter().take(room) {
        let (word, role) = state(item);
        let lead = cx.span(format!("{word:<9}"), role);
        let by = item.overridden.as_ref().map_or(String::new(), |by| format!(" (overridden by {by})"));
        flow.sentence(lead, &format!("{}: {}{by}", item.what, item.detail), cx.role(Role::Text));
    }
    if items.len() > room {
        flow.line(&Line::from(cx.span(format!("{} more", items.len() - room), Role::Dim)));
    }
}

fn state(item: &PrecheckItem) -> (&'static str, Role) {
    match item.state {
        CheckState::Ok => ("ok", Role::Ok),
        CheckState::Warning => ("warning", Role::Warning),
        CheckState::Unknown => ("unknown", Role::Unknown),
        CheckState::Red => ("red", Role::Critical),
    }
}
