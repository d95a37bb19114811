//! From a key to what it does: the topmost layer first, then the screen.

use lifeboat_core::{assess::AssetView, model::*, run::RunState, run::Verb};

use super::{
    Action, App, Effect, Input, Key, KeyCode, Layer, Mouse, Order, Paint, Scope, Screen, Trust, Zoom, ask,
    layer::{Pick, help_lines, palette_items},
    rows,
};

pub fn press(app: &mut App, key: Key, at: Time) -> Vec<Effect> {
    let everywhere = app.keymap.find(key, &[Scope::Everywhere]);
    if let Some(action) = everywhere.filter(|a| a.above_text()) {
        return perform(app, action);
    }
    match app.layers.last() {
        None => {
            let here: Vec<Scope> =
                app.screen().scope().into_iter().chain([Scope::List, Scope::Everywhere]).collect();
            match app.keymap.find(key, &here) {
                Some(action) => perform(app, action),
                None => vec![],
            }
        }
        // Keys that were already under way when the question appeared are no answer.
        Some(Layer::Form(form)) if form.too_early(at) => vec![],
        Some(Layer::WhatIf { .. }) => pick(app, key),
        Some(_) => typing(app, key),
    }
}

/// Why an action cannot be done now, in a sentence.
pub fn unavailable(app: &App, action: Action) -> Option<String> {
    let acts = action.def().is_none_or(|d| d.acts);
    if acts && app.options.read_only {
        return Some("Read-only: Lifeboat was started to look, not to act.".into());
    }
    if acts && matches!(app.trust, Trust::Refused(_)) && !matches!(action, Action::Extra(_)) {
        return Some("This estate is not trusted; see `lifeboat trust`.".into());
    }
    let run = app.run();
    let needs: &str = match action {
        Action::Declare if app.incident.is_some() => "An incident is declared already.",
        Action::Declare | Action::WhatIf if !app.live => "Nothing has been seen yet.",
        Action::Acknowledge if ask::odd(app).is_none() => {
            "Only what the history finds odd can be acknowledged; for rules the estate has overrides."
        }
        Action::StandDown if app.incident.is_none() => "No incident is declared.",
        Action::Answer | Action::NoteRun if run.is_none() => "No run is shown.",
        action if of_open_run(action) && run.is_none() => "No run is shown.",
        action if of_open_run(action) && run.is_some_and(|v| v.run.state.is_over()) => "The run is over.",
        Action::RecheckRun if run.is_some_and(|v| v.run.state != RunState::Prechecking) => {
            "The run has begun: nothing is looked at before it any more."
        }
        Action::DoneOutside | Action::UndoStep | Action::EditPlan if ask::selected(app).is_none() => {
            "No step is selected."
        }
        Action::GoRun if app.open_run().is_none() && app.runs.is_empty() => "There is no run yet.",
        Action::GoWorkload | Action::GoPoints if app.glance.rows.is_empty() => "There is no workload yet.",
        _ => return None,
    };
    Some(needs.into())
}

/// What moves a run that is not over.
fn of_open_run(action: Action) -> bool {
    use Action::*;
    matches!(
        action,
        PauseRun
            | CancelRun
            | RecheckRun
            | RollBackRun
            | HandOver
            | TakeOver
            | AdoptRun
            | Ungraceful
            | DoneOutside
            | UndoStep
            | EditPlan
    )
}

pub fn perform(app: &mut App, action: Action) -> Vec<Effect> {
    if let Some(why) = unavailable(app, action) {
        app.say(why, true);
        return vec![];
    }
    match action {
        Action::Quit => return vec![Effect::Quit],
        Action::Back => return back(app),
        Action::Escape => escape(app),
        Action::Help => app.layers.push(Layer::Help { filter: Input::default(), cursor: 0 }),
        Action::Palette => app.layers.push(Layer::Palette { input: Input::default(), cursor: 0 }),
        Action::WhatIf => app.layers.push(Layer::WhatIf { cursor: 0, before: app.what_if.clone() }),
        Action::Declare => ask::declare(app),
        Action::StandDown => ask::stand_down(app),
        Action::Acknowledge => ask::acknowledge(app),
        Action::Filter => {
            let before = app.filter().to_owned();
            app.layers.push(Layer::Filter { input: Input::of(before.clone()), before });
        }
        Action::Refresh => {
            app.say("Asking all sources now.", false);
            return vec![Effect::Refresh(None)];
        }
        Action::Freeze => freeze(app),
        Action::Yank => return yank(app),
        Action::Theme => next_theme(app),
        Action::MouseToggle => {
            app.mouse = !app.mouse;
            app.say(if app.mouse { "Mouse on." } else { "Mouse off: the terminal selects text." }, false);
            return vec![Effect::Mouse(app.mouse)];
        }
        Action::Redraw => return vec![Effect::Redraw],
        Action::Suspend => return vec![Effect::Suspend],
        Action::Extra(n) => return vec![Effect::Extra(n)],
        Action::Down | Action::Up | Action::PageDown | Action::PageUp | Action::Top | Action::Bottom => {
            travel(app, action);
        }
        Action::Open => return open(app),
        Action::Failover => failover(app),
        Action::NextCopy => return another_copy(app, 1),
        Action::PreviousCopy => return another_copy(app, -1),
        Action::Closer | Action::Wider | Action::Earlier | Action::Later | Action::Everything => {
            timeline(app, action);
        }
        Action::Answer => ask::ask_for(app),
        Action::PauseRun => return pause(app),
        Action::CancelRun => ask::cancel(app),
        Action::NoteRun => ask::note(app),
        Action::RecheckRun => return recheck(app),
        Action::RollBackRun => ask::order(app, Order::RollBack),
        Action::HandOver => ask::order(app, Order::HandOver),
        Action::TakeOver => ask::order(app, Order::TakeOver),
        Action::AdoptRun => ask::order(app, Order::Adopt),
        Action::Ungraceful => ask::order(app, Order::Ungraceful),
        Action::DoneOutside => of_step(app, Order::Outside),
        Action::UndoStep => of_step(app, Order::Undo),
        Action::EditPlan => of_step(app, Order::Edit),
        go => return navigate(app, go),
    }
    vec![]
}

/// Looking changes nothing: no form is asked for.
fn recheck(app: &App) -> Vec<Effect> {
    let run = app.run().map(|v| v.run.id.clone());
    run.map(|run| Effect::Verb { run, verb: Verb::Recheck }).into_iter().collect()
}

fn of_step(app: &mut App, order: impl FnOnce(StepId) -> Order) {
    if let Some(step) = ask::selected(app) {
        ask::order(app, order(step));
    }
}

fn back(app: &mut App) -> Vec<Effect> {
    if app.back() {
        return vec![];
    }
    if app.open_run().is_some_and(|v| !v.run.state.is_over()) && !app.options.read_only {
        ask::leave(app);
        return vec![];
    }
    vec![Effect::Quit]
}

/// Filter, then what-if, then the screen above; never out.
fn escape(app: &mut App) {
    if !app.filter().is_empty() {
        set_filter(app, "");
    } else if app.way.len() > 1 {
        app.back();
    } else if !app.what_if.is_empty() {
        app.what_if.clear();
        app.outdated = true;
    }
}

fn set_filter(app: &mut App, text: &str) {
    app.places.entry(app.screen().clone()).or_default().filter = text.to_owned();
    app.relist();
}

fn freeze(app: &mut App) {
    app.frozen = !app.frozen;
    if app.frozen {
        app.say("Figures are held still. p lets them move again.", false);
    } else {
        if let Some(held) = app.held.take() {
            app.seen = Some(held);
            app.outdated = true;
        }
        app.say("Figures move again.", false);
    }
}

fn yank(app: &mut App) -> Vec<Effect> {
    let row = app.selected().map(|r| r.id.clone());
    let text = row.or_else(|| match app.screen() {
        Screen::Run(id) => Some(id.to_string()),
        Screen::Workload(id) => Some(id.to_string()),
        _ => None,
    });
    match text {
        Some(text) => {
            app.say(format!("Sent to the clipboard: {}", clean_line(&text)), false);
            vec![Effect::Yank(text)]
        }
        None => vec![],
    }
}

fn next_theme(app: &mut App) {
    let themes = &app.options.themes;
    let at = themes.iter().position(|t| *t == app.theme).map_or(0, |at| (at + 1) % themes.len());
    if let Some(theme) = themes.get(at).cloned() {
        app.say(format!("Theme {theme}."), false);
        app.theme = theme;
    }
}

fn travel(app: &mut App, action: Action) {
    let half = usize::from(app.size.1 / 2).max(1);
    let to = match action {
        Action::Down => app.cursor.saturating_add(1),
        Action::Up => app.cursor.saturating_sub(1),
        Action::PageDown => app.cursor.saturating_add(half),
        Action::PageUp => app.cursor.saturating_sub(half),
        Action::Bottom => usize::MAX,
        _ => 0,
    };
    app.select(to);
}

/// The workload that a screen is about, or whose line is selected on it.
fn workload(app: &App) -> Option<WorkloadId> {
    let of_way = app.way.iter().rev().find_map(|s| match s {
        Screen::Workload(id) | Screen::Trends(id) => Some(id.clone()),
        Screen::Points(key) => Some(key.workload.clone()),
        _ => None,
    });
    let selected = || match app.screen() {
        Screen::Overview | Screen::Dependencies => app.selected().map(|r| WorkloadId::new(&r.id)),
        _ => app.places.get(&Screen::Overview).and_then(|p| p.id.as_ref()).map(WorkloadId::new),
    };
    of_way.or_else(selected).or_else(|| app.glance.rows.first().map(|r| r.id.clone()))
}

fn navigate(app: &mut App, action: Action) -> Vec<Effect> {
    let target = match action {
        Action::GoOverview => {
            app.way.truncate(1);
            app.relist();
            return vec![];
        }
        Action::GoWorkload => workload(app).map(Screen::Workload),
        Action::GoPoints => return first_points(app),
        Action::GoStores => Some(Screen::Stores),
        Action::GoFindings => Some(Screen::Findings),
        Action::GoLosses => Some(Screen::Losses),
        Action::GoCoverage => Some(Screen::Coverage),
        Action::GoDependencies => Some(Screen::Dependencies),
        Action::GoTrends => return show_trends(app),
        Action::GoIncident => Some(Screen::Incident),
        Action::GoRunbooks => Some(Screen::Runbooks),
        Action::GoRuns => Some(Screen::Runs),
        Action::GoLog => Some(Screen::Log),
        Action::GoRun => {
            let newest = app.open_run().map(|v| v.run.id.clone());
            return match newest.or_else(|| app.runs.first().map(|r| r.id.clone())) {
                Some(id) => show_run(app, id),
                None => vec![],
            };
        }
        _ => None,
    };
    if let Some(screen) = target {
        app.jump(screen);
    }
    vec![]
}

fn first_points(app: &mut App) -> Vec<Effect> {
    let of_screen = match (app.screen(), app.selected()) {
        (Screen::Workload(id), Some(row)) => rows::copy_of(id, &row.id),
        _ => None,
    };
    let view = workload(app).and_then(|id| rows::view(app, &id).cloned());
    let first = view.and_then(|w| {
        let first = |a: &AssetView| Some((a.id.clone(), a.copies().next()?.index));
        let (asset, index) = w.assets.iter().find_map(first)?;
        Some(CopyKey { workload: w.id.clone(), asset, index })
    });
    match of_screen.or(first) {
        Some(key) => show_points(app, key),
        None => {
            app.say("This workload has no copies.", true);
            vec![]
        }
    }
}

/// In place of the copy that is shown, so that the way back stays short.
fn another_copy(app: &mut App, by: isize) -> Vec<Effect> {
    let Screen::Points(key) = app.screen().clone() else { return vec![] };
    let all = app.estate.as_ref().map(|e| rows::copies(e, &key.workload)).unwrap_or_default();
    let at = all.iter().position(|k| *k == key).unwrap_or(0);
    let to = at.checked_add_signed(by).unwrap_or(all.len().saturating_sub(1));
    match all.get(to).or(all.first()).filter(|other| **other != key).cloned() {
        Some(other) => {
            app.way.pop();
            show_points(app, other)
        }
        None => {
            app.say("This workload has no other copy.", false);
            vec![]
        }
    }
}

fn timeline(app: &mut App, action: Action) {
    let Screen::Points(key) = app.screen().clone() else { return };
    let Some(Ok(report)) = app.points.get(&key).cloned() else { return };
    let point = app.selected().and_then(|row| report.points.get(row.at));
    let focus = point.and_then(|p| p.completed_at.or(p.started_at));
    let (now, zoom) = (app.now, app.zooms.entry(key).or_default());
    let (moved, end) = match action {
        Action::Closer => (zoom.closer(&report, now, focus), "This is as close as it gets."),
        Action::Wider => (zoom.wider(&report, now), "This is everything."),
        Action::Earlier => (zoom.shift(&report, now, -1), "There is nothing earlier to see."),
        Action::Later => (zoom.shift(&report, now, 1), "This is up to now."),
        _ => (std::mem::take(zoom) != Zoom::default(), "This is everything."),
    };
    if !moved {
        app.say(end, false);
    }
}

fn show_points(app: &mut App, key: CopyKey) -> Vec<Effect> {
    app.go(Screen::Points(key.clone()));
    vec![Effect::ReadPoints(key)]
}

fn show_trends(app: &mut App) -> Vec<Effect> {
    let Some(id) = workload(app) else { return vec![] };
    app.go(Screen::Trends(id.clone()));
    vec![Effect::ReadPast(id)]
}

fn show_run(app: &mut App, id: RunId) -> Vec<Effect> {
    app.go(Screen::Run(id.clone()));
    vec![Effect::OpenRun(id)]
}

fn open(app: &mut App) -> Vec<Effect> {
    let Some(row) = app.selected().cloned() else { return vec![] };
    match app.screen().clone() {
        Screen::Overview | Screen::Dependencies => app.go(Screen::Workload(WorkloadId::new(&row.id))),
        Screen::Workload(id) => match rows::copy_of(&id, &row.id) {
            Some(key) => return show_points(app, key),
            None => app.say("A replica has no recovery points.", false),
        },
        Screen::Findings => {
            let subject = rows::finding(app, row.at).map(|(f, _)| f.subject.clone());
            let id = subject.as_deref().and_then(|s| s.split('/').next()).map(WorkloadId::new);
            if let Some(id) = id.filter(|id| rows::view(app, id).is_some()) {
                app.go(Screen::Workload(id));
            }
        }
        Screen::Losses => suppose(app, row.at),
        Screen::Coverage => {
            let of = app.coverage.as_ref().and_then(|c| c.rows.get(row.at)).map(|c| c.workload.clone());
            of.into_iter().for_each(|id| app.go(Screen::Workload(id)));
        }
        Screen::Runs => return show_run(app, RunId::new(&row.id)),
        Screen::Runbooks | Screen::Incident => start(app, &RunbookId::new(&row.id)),
        Screen::Run(_) => return perform(app, Action::Answer),
        Screen::Points(_) | Screen::Trends(_) | Screen::Stores | Screen::Log => {}
    }
    vec![]
}

/// The what-if of the regions that a loss takes, over the whole dashboard.
fn suppose(app: &mut App, at: usize) {
    let lost = app.comparison.as_ref().and_then(|c| c.rows.get(at)).map(|row| row.lost.clone());
    let Some(lost) = lost else { return };
    match lost.kind {
        DomainKind::Region => {
            app.what_if = [RegionId::new(&lost.id)].into();
            app.outdated = true;
            app.jump(Screen::Overview);
        }
        _ => app.say(format!("`lifeboat what-if {lost}` tells it in full."), false),
    }
}

fn start(app: &mut App, runbook: &RunbookId) {
    match unavailable(app, Action::Failover) {
        Some(why) => app.say(why, true),
        None => ask::start(app, runbook),
    }
}

fn failover(app: &mut App) {
    let Screen::Workload(id) = app.screen().clone() else { return };
    let book = app.estate.as_ref().and_then(|e| rows::runbook_of(e, &id, RunbookKind::Failover));
    match book {
        Some(book) => ask::start(app, &book),
        None => app.say("No failover runbook names this workload.", true),
    }
}

fn pause(app: &mut App) -> Vec<Effect> {
    let Some(view) = app.run() else { return vec![] };
    let verb = if view.run.state == RunState::Paused { Verb::Resume } else { Verb::Pause };
    vec![Effect::Verb { run: view.run.id.clone(), verb }]
}

// ---- layers ----

fn pick(app: &mut App, key: Key) -> Vec<Effect> {
    let regions: Vec<RegionId> = app.glance.regions.iter().map(|r| r.id.clone()).collect();
    let action = app.keymap.find(key, &[Scope::Picker, Scope::List]);
    let Some(Layer::WhatIf { cursor, before }) = app.layers.last_mut() else { return vec![] };
    match action {
        Some(Action::Down) => *cursor = (*cursor + 1).min(regions.len().saturating_sub(1)),
        Some(Action::Up) => *cursor = cursor.saturating_sub(1),
        Some(Action::PickToggle) => {
            if let Some(region) = regions.get(*cursor)
                && !app.what_if.remove(region)
            {
                app.what_if.insert(region.clone());
            }
            app.outdated = true;
        }
        Some(Action::PickKeep) => {
            // Enter on a region, and nothing chosen ever: that region is meant.
            if app.what_if.is_empty() && before.is_empty() {
                app.what_if.extend(regions.get(*cursor).cloned());
                app.outdated = true;
            }
            app.layers.pop();
        }
        _ if key.code == KeyCode::Esc || app.keymap.find(key, &[Scope::Everywhere]) == Some(Action::Back) => {
            app.what_if = std::mem::take(before);
            app.outdated = true;
            app.layers.pop();
        }
        _ => {}
    }
    vec![]
}

fn typing(app: &mut App, key: Key) -> Vec<Effect> {
    match app.keymap.find(key, &[Scope::Text]) {
        Some(Action::TextCancel) => {
            if let Some(Layer::Filter { before, .. }) = app.layers.pop() {
                set_filter(app, &before);
            }
            return vec![];
        }
        Some(Action::TextAccept) => return accept(app),
        Some(Action::TextNext) => move_in(app, 1),
        Some(Action::TextPrevious) => move_in(app, -1),
        _ => {
            edit(app, key);
        }
    }
    vec![]
}

fn edit(app: &mut App, key: Key) {
    match app.layers.last_mut() {
        Some(Layer::Help { filter: input, cursor } | Layer::Palette { input, cursor }) => {
            input.edit(key);
            *cursor = 0;
        }
        Some(Layer::Filter { input, .. }) => {
            input.edit(key);
            let text = input.text().to_owned();
            set_filter(app, &text);
        }
        Some(Layer::Form(form)) => form.edit(key),
        _ => {}
    }
}

fn move_in(app: &mut App, by: isize) {
    let count = match app.layers.last() {
        Some(Layer::Help { filter, .. }) => help_lines(app, filter.text()).len(),
        Some(Layer::Palette { input, .. }) => palette_items(app, input.text()).len(),
        _ => 0,
    };
    match app.layers.last_mut() {
        Some(Layer::Help { cursor, .. } | Layer::Palette { cursor, .. }) => {
            *cursor = cursor.saturating_add_signed(by).min(count.saturating_sub(1));
        }
        Some(Layer::Form(form)) => form.step(by),
        _ => {}
    }
}

fn accept(app: &mut App) -> Vec<Effect> {
    let chosen = match app.layers.last() {
        Some(Layer::Form(_)) => return ask::accept(app),
        Some(Layer::Help { filter, cursor }) => {
            help_lines(app, filter.text()).get(*cursor).map(|(_, i)| i.what.clone())
        }
        Some(Layer::Palette { input, cursor }) => {
            palette_items(app, input.text()).get(*cursor).map(|i| i.what.clone())
        }
        _ => None,
    };
    app.layers.pop();
    match chosen {
        Some(Pick::Action(action)) => perform(app, action),
        Some(Pick::Workload(id)) => {
            app.jump(Screen::Workload(id));
            vec![]
        }
        Some(Pick::Runbook(id)) => {
            start(app, &id);
            vec![]
        }
        None => vec![],
    }
}

/// Pasted text is text: it never acts, and where danger costs typing a word it
/// is not taken. Line ends in it are left out.
pub fn paste(app: &mut App, text: &str) {
    if let Some(Layer::Form(form)) = app.layers.last_mut() {
        let focused = form.fields.get(form.focus);
        let word = focused.is_some_and(|f| matches!(f.kind, ask::FieldKind::Word(_)));
        if word {
            form.error = Some("This has to be typed.".into());
        }
        if word || form.shown.is_none() {
            return;
        }
    }
    for c in text.chars().filter(|c| !c.is_control()) {
        edit(app, Key::char(c));
    }
}

pub fn mouse(app: &mut App, mouse: Mouse) -> Vec<Effect> {
    if !app.layers.is_empty() {
        return vec![];
    }
    app.wants(Paint::Now);
    match mouse {
        Mouse::Wheel(lines) => {
            let to = app.cursor.saturating_add_signed(isize::try_from(lines).unwrap_or(0));
            app.select(to);
        }
        Mouse::Click { x, y } => {
            let hit = app
                .hits
                .iter()
                .find(|h| h.y == y && (h.x..h.x.saturating_add(h.width)).contains(&x))
                .copied();
            match hit {
                // A second click opens what the first selected.
                Some(hit) if hit.row == app.cursor => return open(app),
                Some(hit) => app.select(hit.row),
                None => {}
            }
        }
    }
    vec![]
}
