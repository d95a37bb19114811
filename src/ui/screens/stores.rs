//! Where copies lie, what is seen of each store, and what the selected one is set to.

use lifeboat_core::{assess::State, model::*};
use ratatui::{buffer::Buffer, layout::Rect};

use super::{empty, setting, top};
use crate::ui::{
    Cx, Role,
    flow::heading,
    table::{Column, Table, col, num, one},
};

const COLUMNS: [Column; 7] = [
    col("STATE", 10, 10, 0),
    col("STORE", 10, 28, 0),
    col("REGION", 8, 16, 1),
    num("COPIES", 6, 6, 4),
    col("OLDEST SEEN", 11, 14, 3),
    num("A LOOK COSTS", 12, 24, 5),
    col("WHERE, AND WHAT IS WRONG", 26, u16::MAX, 2),
];

/// What the copies in one store say of it.
struct Standing {
    state: State,
    copies: usize,
    oldest: Option<Time>,
    /// Of the last look at each of its copies, together.
    cost: Cost,
    trouble: Option<String>,
}

fn standing(cx: &Cx<'_>, store: &StoreId) -> Standing {
    let assets = cx.app.shown.iter().flat_map(|a| &a.workloads).flat_map(|w| &w.assets);
    let copies: Vec<_> = assets.flat_map(|a| a.copies()).filter(|c| c.on.store == *store).collect();
    let worst = copies.iter().max_by_key(|c| c.state);
    let costs = copies.iter().filter_map(|c| c.summary()).map(|s| s.cost);
    Standing {
        state: worst.map_or(State::Unknown, |c| c.state),
        copies: copies.len(),
        cost: costs.fold(Cost::default(), |all, one| Cost {
            requests: all.requests + one.requests,
            bytes: all.bytes + one.bytes,
        }),
        oldest: copies.iter().map(|c| c.observed_at()).min().flatten(),
        trouble: worst.filter(|c| c.state > State::Ok).and_then(|c| c.reason.map(str::to_owned)),
    }
}

pub fn draw(cx: &Cx<'_>, buf: &mut Buffer, area: Rect) {
    heading(cx, buf, Rect { height: area.height.min(1), ..area }, "Stores");
    let (_, rest) = top(area, 1);
    let rows = &cx.app.rows;
    let Some(estate) = cx.app.estate.as_ref().filter(|_| !rows.is_empty()) else {
        empty(cx, buf, rest, "This estate has no stores yet. Write one into stores.toml.");
        return;
    };
    let wanted = u16::try_from(rows.len() + 1).unwrap_or(u16::MAX);
    let (list, below) = top(rest, wanted.max(2).min(rest.height / 2));
    let selected = rows.get(cx.app.cursor).and_then(|r| estate.stores.get(r.at));
    if let Some(store) = selected {
        let (_, below) = top(below, 1);
        setting::draw(cx, buf, below, store);
    }
    Table { columns: &COLUMNS, count: rows.len(), cursor: Some(cx.app.cursor) }.draw(cx, buf, list, |n| {
        let Some(store) = rows.get(n).and_then(|r| estate.stores.get(r.at)) else { return vec![] };
        let standing = standing(cx, &store.id);
        let state = match standing.copies {
            0 => cx.span("unused", Role::Dim),
            _ => cx.state(standing.state),
        };
        let oldest = match (standing.oldest, standing.copies) {
            (Some(at), _) => cx.ago(at),
            (None, 0) => cx.sym().none.to_owned(),
            (None, _) => "never".into(),
        };
        let place = store.region.as_ref().map_or(cx.sym().none, |r| r.as_str());
        let trouble = standing.trouble.map_or_else(String::new, |t| format!("  {t}"));
        vec![
            one(state),
            one(cx.span(store.id.as_str(), Role::Strong)),
            one(cx.span(place, Role::Text)),
            one(cx.span(standing.copies.to_string(), Role::Text)),
            one(cx.span(oldest, Role::Dim)),
            one(cx.span(cost(standing.cost), Role::Dim)),
            vec![cx.span(&store.url, Role::Dim), cx.span(trouble, Role::Warning)],
        ]
    });
}

/// Requests and bytes; empty where nothing was asked.
pub(super) fn cost(cost: Cost) -> String {
    match cost.requests {
        0 => String::new(),
        requests => format!("{requests} req, {}", Size(cost.bytes)),
    }
}
