//! Runs, past and open, newest first.

use ratatui::{buffer::Buffer, layout::Rect};

use super::{empty, moment, top, unseen};
use crate::app::Trust;
use crate::ui::{
    Cx, Role,
    flow::heading,
    table::{Column, Table, col, one},
};
use lifeboat_core::{model::*, run::RunState};

const COLUMNS: [Column; 6] = [
    col("STATE", 12, 27, 0),
    col("RUNBOOK", 12, 34, 0),
    col("MODE", 9, 9, 1),
    col("STARTED, UTC", 15, 15, 2),
    col("TOOK", 6, 10, 3),
    col("RUN", 12, u16::MAX, 4),
];

pub fn state_role(state: RunState) -> Role {
    match state {
        RunState::Completed => Role::Ok,
        RunState::CompletedWithExceptions | RunState::Waiting | RunState::Paused => Role::Warning,
        RunState::Failed => Role::Critical,
        RunState::Cancelled => Role::Dim,
        _ => Role::Accent,
    }
}

pub fn draw(cx: &Cx<'_>, buf: &mut Buffer, area: Rect) {
    heading(cx, buf, Rect { height: area.height.min(1), ..area }, "Runs");
    let (_, rest) = top(area, 1);
    let rows = &cx.app.rows;
    if rows.is_empty() {
        let refused = matches!(cx.app.trust, Trust::Refused(_));
        let waits = if refused { unseen } else { empty };
        waits(cx, buf, rest, "There has been no run yet. A dry run of a runbook changes nothing.");
        return;
    }
    Table { columns: &COLUMNS, count: rows.len(), cursor: Some(cx.app.cursor) }.draw(cx, buf, rest, |n| {
        let Some(run) = rows.get(n).and_then(|r| cx.app.runs.get(r.at)) else { return vec![] };
        let (mode, role) = cx.mode(run.mode);
        let took = match run.ended_at {
            Some(end) => Dur::between(run.started_at, end).to_string(),
            None => "open".into(),
        };
        vec![
            one(cx.span(run.state.as_str().replace('_', " "), state_role(run.state))),
            one(cx.span(run.runbook.as_str(), Role::Strong)),
            one(cx.span(mode, role)),
            one(cx.span(moment(run.started_at), Role::Text)),
            one(cx.span(took, Role::Text)),
            one(cx.span(run.id.as_str(), Role::Dim)),
        ]
    });
}
