//! One file a screen. Each draws from `&App` and knows no key.

mod dependencies;
mod findings;
mod incident;
mod log;
mod losses;
mod overview;
mod points;
mod precheck;
mod run;
mod runbooks;
mod runs;
mod setting;
mod stores;
mod trends;
mod workload;

use lifeboat_core::model::*;
use ratatui::{buffer::Buffer, layout::Rect};

use super::{Cx, Role, flow::Flow};
use crate::app::Screen;

pub fn draw(cx: &Cx<'_>, buf: &mut Buffer, area: Rect) {
    match cx.app.screen() {
        Screen::Overview => overview::draw(cx, buf, area),
        Screen::Workload(id) => workload::draw(cx, buf, area, id),
        Screen::Points(key) => points::draw(cx, buf, area, key),
        Screen::Stores => stores::draw(cx, buf, area),
        Screen::Findings => findings::draw(cx, buf, area),
        Screen::Losses => losses::draw(cx, buf, area),
        Screen::Dependencies => dependencies::draw(cx, buf, area),
        Screen::Trends(id) => trends::draw(cx, buf, area, id),
        Screen::Incident => incident::draw(cx, buf, area),
        Screen::Runbooks => runbooks::draw(cx, buf, area),
        Screen::Runs => runs::draw(cx, buf, area),
        Screen::Run(id) => run::draw(cx, buf, area, id),
        Screen::Log => log::draw(cx, buf, area),
    }
}

/// One calm sentence where there is nothing to list.
fn empty(cx: &Cx<'_>, buf: &mut Buffer, area: Rect, text: &str) {
    let text = match cx.app.filter() {
        "" => text.to_owned(),
        filter => format!("No line holds \"{filter}\". Esc shows all again."),
    };
    let mut flow = Flow::new(buf, area);
    flow.sentence(cx.span("  ", Role::Dim), &text, cx.role(Role::Dim));
}

/// Splits off the top `lines` of an area.
fn top(area: Rect, lines: u16) -> (Rect, Rect) {
    let lines = lines.min(area.height);
    let rest = Rect { y: area.y + lines, height: area.height - lines, ..area };
    (Rect { height: lines, ..area }, rest)
}

/// Splits an area into left and right with air between.
fn sides(area: Rect, left: u16) -> (Rect, Rect) {
    let left = left.min(area.width);
    let gap = 3.min(area.width - left);
    let right = Rect { x: area.x + left + gap, width: area.width - left - gap, ..area };
    (Rect { width: left, ..area }, right)
}

/// `22 Nov 14:03:12`, UTC.
fn moment(at: Time) -> String {
    at.format("%d %b %H:%M:%S").to_string()
}
