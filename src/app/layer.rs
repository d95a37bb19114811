//! What lies over a screen: one thing at a time takes the keys.

use std::collections::BTreeSet;

use lifeboat_core::model::*;

use super::{ACTIONS, Action, App, Form, Input, Scope, score, unavailable};

#[derive(Debug, Clone, PartialEq)]
pub enum Layer {
    Help {
        filter: Input,
        cursor: usize,
    },
    Palette {
        input: Input,
        cursor: usize,
    },
    /// The regions assumed gone; `before` comes back with Esc.
    WhatIf {
        cursor: usize,
        before: BTreeSet<RegionId>,
    },
    /// Text that the lines of the screen below must hold; `before` comes back with Esc.
    Filter {
        input: Input,
        before: String,
    },
    Form(Box<Form>),
}

/// A line of the palette or of help.
#[derive(Debug, Clone, PartialEq)]
pub struct PaletteItem {
    pub title: String,
    pub keys: String,
    pub what: Pick,
    /// Why it cannot be done now.
    pub unavailable: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Pick {
    Action(Action),
    Workload(WorkloadId),
    Runbook(RunbookId),
}

fn item(app: &App, action: Action) -> PaletteItem {
    let extra = |n: usize| app.options.extras.get(n).map(|e| e.title.clone());
    let title = match action {
        Action::Extra(n) => extra(n).unwrap_or_default(),
        _ => action.def().map(|d| d.title.to_owned()).unwrap_or_default(),
    };
    PaletteItem {
        title,
        keys: app.keymap.text(action),
        what: Pick::Action(action),
        unavailable: unavailable(app, action),
    }
}

/// All actions in the order of help: those of this screen, then those of the
/// embedding command, which nothing else shows.
pub fn help_items(app: &App) -> Vec<(Scope, PaletteItem)> {
    let here = app.screen().scope();
    let mut defs: Vec<_> = ACTIONS.iter().map(|d| (d.scope, item(app, d.action))).collect();
    defs.sort_by_key(|(scope, _)| (Some(*scope) != here, *scope));
    let own = defs.iter().take_while(|(scope, _)| Some(*scope) == here).count();
    let extras = (0..app.options.extras.len()).map(|n| (Scope::Everywhere, item(app, Action::Extra(n))));
    let rest = defs.split_off(own);
    defs.into_iter().chain(extras).chain(rest).collect()
}

/// What the palette offers for `pattern`, best first.
pub fn palette_items(app: &App, pattern: &str) -> Vec<PaletteItem> {
    let here = app.screen().scope();
    let offered = |d: &&super::ActionDef| {
        d.scope == Scope::Everywhere && d.action != Action::Palette && d.action != Action::Escape
            || Some(d.scope) == here
    };
    let mut items: Vec<_> = ACTIONS.iter().filter(offered).map(|d| item(app, d.action)).collect();
    items.extend((0..app.options.extras.len()).map(|n| item(app, Action::Extra(n))));
    if let Some(estate) = &app.estate {
        items.extend(estate.workloads.iter().map(|w| PaletteItem {
            title: format!("Workload {}", clean_line(w.label())),
            keys: String::new(),
            what: Pick::Workload(w.id.clone()),
            unavailable: None,
        }));
        items.extend(estate.runbooks.iter().map(|r| PaletteItem {
            title: format!("Start {}", r.id),
            keys: String::new(),
            what: Pick::Runbook(r.id.clone()),
            unavailable: unavailable(app, Action::Failover),
        }));
    }
    let points = |i: &PaletteItem| match &i.what {
        // An action is found by its name as well as by its title.
        Pick::Action(action) => score(pattern, &i.title).max(action.def().and_then(|d| score(pattern, d.id))),
        _ => score(pattern, &i.title),
    };
    let mut found: Vec<_> = items.into_iter().filter_map(|i| Some((points(&i)?, i))).collect();
    // Stable: equal scores keep the table's order.
    found.sort_by_key(|(score, _)| -score);
    found.into_iter().map(|(_, item)| item).collect()
}

/// Help's lines that hold the filter's text.
pub fn help_lines(app: &App, filter: &str) -> Vec<(Scope, PaletteItem)> {
    let filter = filter.to_lowercase();
    let holds = |text: &str| text.to_lowercase().contains(&filter);
    help_items(app).into_iter().filter(|(_, i)| holds(&i.title) || holds(&i.keys)).collect()
}
