//! The frame around every screen:
//!
//! ```text
//!  lifeboat  Northwind › checkout          WATCHING   oldest seen 40s ago
//!  WHAT IF: eu-west-1 gone. Nothing real has happened.        (when so)
//!  … the screen …
//!  enter open  w what if  D declare  ? help                 2 problems
//! ```

use lifeboat_core::{assess::State, model::*};
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
};

use super::{
    Cx, Role,
    flow::{put, put_right},
};
use crate::app::{ACTIONS, Action, App, Layer, Scope, Screen, Trust, alarm, unavailable};

/// Draws it and gives what is left for the screen.
pub fn draw(cx: &Cx<'_>, buf: &mut Buffer, area: Rect) -> Rect {
    let row = |y: u16| Rect { y: area.y + y, height: 1, ..area };
    header(cx, buf, row(0));
    let mut top = 1;
    for (text, role) in banners(cx) {
        if top + 2 > area.height {
            break;
        }
        let text = format!(" {text}");
        buf.set_style(row(top), cx.role(role));
        put(buf, row(top), &cx.line(&[(&text, role)]));
        top += 1;
    }
    footer(cx, buf, row(area.height - 1));
    // Air, where there is room for it.
    let air = u16::from(area.height >= 20);
    let side = u16::from(area.width >= 90);
    Rect {
        x: area.x + side,
        y: area.y + top + air,
        width: area.width - 2 * side,
        height: area.height.saturating_sub(top + 1 + 2 * air),
    }
}

fn header(cx: &Cx<'_>, buf: &mut Buffer, area: Rect) {
    let app = cx.app;
    let mut right: Vec<Span<'static>> = Vec::new();
    for (text, role) in badges(cx) {
        right.push(cx.span(format!(" {text} "), role));
        right.push(Span::raw(" "));
    }
    let (text, role) = seen(cx);
    right.push(cx.span(format!(" {text} "), role));
    let used = put_right(buf, area, &Line::from(right));
    let left = Rect { width: area.width.saturating_sub(used + 1), ..area };
    // Short of room, where one is says more than what the program is called.
    if left.width < 36 {
        put(buf, left, &cx.line(&[(" ", Role::Text), (&app.screen().title(), Role::Title)]));
        return;
    }
    let mut crumbs = vec![cx.span(" lifeboat", Role::Title)];
    if !app.glance.estate.is_empty() {
        crumbs.push(cx.span(format!("  {}", app.glance.estate), Role::Strong));
    }
    let crumb = format!(" {} ", cx.sym().crumb);
    for screen in app.way.iter().skip(usize::from(app.way.len() > 1)) {
        crumbs.push(cx.span(&crumb, Role::Dim));
        crumbs.push(cx.span(screen.title(), Role::Text));
    }
    put(buf, left, &Line::from(crumbs));
}

/// The mode in words, on every screen.
fn badges(cx: &Cx<'_>) -> Vec<(String, Role)> {
    let app = cx.app;
    let mut badges = Vec::new();
    if !app.what_if.is_empty() {
        badges.push(("WHAT IF".to_owned(), Role::WhatIf));
    }
    if app.incident.is_some() {
        badges.push(("INCIDENT".to_owned(), Role::Incident));
    }
    let shown = app.run().filter(|_| matches!(app.screen(), Screen::Run(_)));
    if let Some(view) = shown.or(app.open_run()) {
        let (word, role) = cx.mode(view.run.mode);
        badges.push((word.to_owned(), role));
    }
    if app.options.read_only {
        badges.push(("READ-ONLY".to_owned(), Role::ReadOnly));
    }
    if app.frozen {
        badges.push(("HELD STILL".to_owned(), Role::ReadOnly));
    }
    if !app.live {
        let word = if app.glance.rows.is_empty() { "STARTING" } else { "LAST KNOWN" };
        badges.push((word.to_owned(), Role::ReadOnly));
    }
    if badges.is_empty() {
        badges.push(("WATCHING".to_owned(), Role::Calm));
    }
    badges
}

/// The age of the oldest observation; what is too old to be believed stands out.
fn seen(cx: &Cx<'_>) -> (String, Role) {
    let app = cx.app;
    if !app.live {
        let text = match app.glance.rows.is_empty() {
            true => "nothing seen yet".into(),
            false => format!("seen {}", cx.ago(app.glance.at)),
        };
        return (text, Role::Dim);
    }
    let Some(at) = app.glance.oldest else {
        let text = if app.glance.asks { "some not seen yet" } else { "nothing to ask" };
        return (text.into(), Role::Dim);
    };
    // All are looked through only where the oldest is old.
    let old = Dur::between(at, app.now) > Dur::secs(60);
    let stale = old && app.seen.as_ref().is_some_and(|seen| seen.any_stale(app.now));
    match (cx.ago(at), stale) {
        (label, true) => (format!("stale: oldest seen {label}"), Role::Unknown),
        (label, false) if label == "just now" => ("all seen just now".into(), Role::Dim),
        (label, false) => (format!("oldest seen {label}"), Role::Dim),
    }
}

fn banners(cx: &Cx<'_>) -> Vec<(String, Role)> {
    let app = cx.app;
    let mut banners = Vec::new();
    if let Trust::Refused(problem) = &app.trust {
        let text = format!("NOT TRUSTED: {}. Nothing is asked or started.", problem.next);
        banners.push((text, Role::ReadOnly));
    }
    if !app.what_if.is_empty() {
        let names: Vec<_> = app.what_if.iter().map(RegionId::as_str).collect();
        let also = if app.incident.is_some() { " as well" } else { "" };
        let text = format!(
            "WHAT IF: {} gone{also} {} nothing real has happened.",
            names.join(" and "),
            if cx.sym().unicode { "—" } else { "-" }
        );
        banners.push((text, Role::WhatIf));
    }
    if let Some(seen) = alarm(app) {
        let declares = match (unavailable(app, Action::Declare), app.keymap.keys(Action::Declare).first()) {
            (None, Some(key)) => format!(": {key} declares an incident"),
            (Some(_), _) if app.incident.is_some() => match app.keymap.keys(Action::WhatIf).first() {
                Some(key) => format!(": {key} shows what its loss would take"),
                None => String::new(),
            },
            _ => String::new(),
        };
        banners.push((format!("{} {seen}{declares}.", cx.sym().critical), Role::Incident));
    }
    if let Some(incident) = &app.incident {
        let clock = cx.clock(incident.impact_began);
        banners
            .push((format!("INCIDENT: {}. {clock} since impact began.", incident.scenario), Role::Incident));
    }
    if let Some(view) = app.open_run().filter(|v| !v.asks.is_empty())
        && !matches!(app.screen(), Screen::Run(_))
    {
        let text = format!("The run {} waits for you: 0 shows it.", view.run.title);
        banners.push((text, cx.mode(view.run.mode).1));
    }
    banners
}

fn footer(cx: &Cx<'_>, buf: &mut Buffer, area: Rect) {
    let app = cx.app;
    let failing = app.real.as_ref().map_or(0, |a| a.workloads.iter().filter(|w| w.state > State::Ok).count());
    let workloads = match failing {
        0 => None,
        1 => Some("1 workload needs a look".to_owned()),
        n => Some(format!("{n} workloads need a look")),
    };
    let wide = area.width >= 100;
    let parts = [workloads.filter(|_| wide), findings(app).filter(|_| wide)];
    let right: Vec<_> = parts.into_iter().flatten().collect();
    let right = if right.is_empty() { String::new() } else { format!("{} ", right.join("   ")) };
    let used = put_right(buf, area, &cx.line(&[(&right, Role::Dim)]));
    let left = Rect { width: area.width.saturating_sub(used + 1), ..area };
    if let Some(notice) = &app.notice {
        let role = if notice.refused { Role::Warning } else { Role::Accent };
        put(buf, left, &cx.line(&[(" ", role), (&notice.text, role)]));
        return;
    }
    put(buf, left, &hints(cx, left.width));
}

/// `5 findings, 2 critical: 5 opens`.
fn findings(app: &App) -> Option<String> {
    let all = &app.shown.as_ref()?.findings;
    let critical = all.iter().filter(|f| f.severity == State::Critical).count();
    let count = match all.len() {
        0 => return None,
        1 => "1 finding".to_owned(),
        n => format!("{n} findings"),
    };
    let critical = if critical > 0 { format!(", {critical} critical") } else { String::new() };
    let key = app.keymap.keys(Action::GoFindings).first();
    let opens = key.filter(|_| *app.screen() != Screen::Findings).map(|key| format!(": {key} opens"));
    Some(format!("{count}{critical}{}", opens.unwrap_or_default()))
}

/// The keys that matter here, as many as fit, the most important kept.
fn hints(cx: &Cx<'_>, room: u16) -> Line<'static> {
    let app = cx.app;
    let scopes: Vec<Scope> = match app.layer() {
        Some(Layer::WhatIf { .. }) => vec![Scope::Picker],
        Some(_) => vec![Scope::Text],
        None => app.screen().scope().into_iter().chain([Scope::List, Scope::Everywhere]).collect(),
    };
    let shown = |d: &&crate::app::ActionDef| {
        d.rank > 0 && scopes.contains(&d.scope) && unavailable(app, d.action).is_none()
    };
    let mut defs: Vec<_> = ACTIONS.iter().filter(shown).collect();
    defs.sort_by_key(|d| (d.rank, scopes.iter().position(|s| *s == d.scope)));
    let mut used = 1;
    let mut spans = vec![Span::raw(" ")];
    for def in defs {
        let Some(key) = app.keymap.keys(def.action).first() else { continue };
        let key = key.to_string();
        // A bare digit before a noun would read as a count.
        let key = if key.bytes().all(|b| b.is_ascii_digit()) { format!("[{key}]") } else { key };
        let leaves = def.action == Action::Back && app.way.len() == 1;
        let hint = if leaves { "quit" } else { def.hint };
        let wide = width(&key) + 1 + width(hint) + 3;
        if used + wide > usize::from(room) {
            break;
        }
        used += wide;
        spans.push(cx.span(&key, Role::Key));
        spans.push(cx.span(format!(" {hint}   "), Role::Dim));
    }
    Line::from(spans)
}
