//! What the selected store is set to: each setting with its answer, what the
//! estate expects of it, and how it was tested.

use lifeboat_core::{assess::differences, model::*};
use ratatui::{buffer::Buffer, layout::Rect, text::Span};

use super::top;
use crate::ui::{
    Cx, Role,
    flow::{Flow, heading},
    table::{Column, Table, col, one},
};

const COLUMNS: [Column; 4] = [
    col("SETTING", 10, 14, 0),
    col("ANSWER", 12, 40, 0),
    col("EXPECTED", 8, 14, 1),
    col("HOW IT WAS TESTED", 12, u16::MAX, 2),
];

pub fn draw(cx: &Cx<'_>, buf: &mut Buffer, area: Rect, store: &Store) {
    let observed = cx.app.seen.as_ref().and_then(|seen| seen.postures.get(&store.id));
    let age = match observed.and_then(|o| o.last()) {
        Some(seen) => format!(", asked {}", cx.ago(seen.at)),
        None => String::new(),
    };
    heading(cx, buf, Rect { height: area.height.min(1), ..area }, &format!("Settings of {}{age}", store.id));
    let (_, mut rest) = top(area, 1);
    if let Some(problem) = observed.and_then(|o| o.problem()) {
        let mut flow = Flow::new(buf, rest);
        let text = format!("{}: {}. [{}]", problem.what, problem.why, problem.code.id);
        flow.sentence(cx.span(format!("{} ", cx.sym().warning), Role::Warning), &text, cx.role(Role::Text));
        rest = flow.rest();
    }
    let Some(seen) = observed.and_then(|o| o.last()) else {
        if observed.is_none_or(|o| o.problem().is_none()) {
            let mut flow = Flow::new(buf, rest);
            flow.sentence(Span::raw(""), "Its settings were not asked yet.", cx.role(Role::Dim));
        }
        return;
    };
    let current = observed.is_some_and(|o| o.current(cx.app.now).is_some());
    rows(cx, buf, rest, store, &seen.value, current);
}

fn rows(cx: &Cx<'_>, buf: &mut Buffer, area: Rect, store: &Store, posture: &Posture, current: bool) {
    let found = differences(store, Some(posture), current);
    let rows = posture.rows();
    let table = Table { columns: &COLUMNS, count: rows.len(), cursor: None };
    table.draw(cx, buf, area, |n| {
        let Some((name, answer, how)) = rows.get(n) else { return vec![] };
        let rule = format!("store-{}", name.replace('_', "-"));
        let finding = found.iter().find(|f| f.rule == rule);
        let role = match (finding, answer) {
            (Some(finding), _) => cx.state_role(finding.severity),
            (None, Answer::Set(_)) if current => Role::Text,
            _ => Role::Dim,
        };
        let words = match answer {
            Answer::Set(words) => words.as_str(),
            other => other.as_str(),
        };
        let expected = store.expect.get(*name).map_or(cx.sym().none.to_owned(), |wanted| match wanted {
            serde_json::Value::Bool(true) => "set".to_owned(),
            serde_json::Value::Bool(false) => "not set".to_owned(),
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        });
        vec![
            one(cx.span(name.replace('_', " "), Role::Strong)),
            one(cx.span(words, role)),
            one(cx.span(expected, if finding.is_some() { role } else { Role::Dim })),
            one(cx.span(how, Role::Dim)),
        ]
    });
}
