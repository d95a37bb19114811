//! One file a screen. Each draws from `&App` and knows no key.

mod at_work;
mod coverage;
mod dependencies;
mod ended;
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
use crate::app::{Action, Screen, Trust};

pub fn draw(cx: &Cx<'_>, buf: &mut Buffer, area: Rect) {
    match cx.app.screen() {
        Screen::Overview => overview::draw(cx, buf, area),
        Screen::Workload(id) => workload::draw(cx, buf, area, id),
        Screen::Points(key) => points::draw(cx, buf, area, key),
        Screen::Stores => stores::draw(cx, buf, area),
        Screen::Findings => findings::draw(cx, buf, area),
        Screen::Losses => losses::draw(cx, buf, area),
        Screen::Coverage => coverage::draw(cx, buf, area),
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
    say(cx, buf, area, unread(cx), text);
}

/// The same on a page that is about what was seen.
fn unseen(cx: &Cx<'_>, buf: &mut Buffer, area: Rect, text: &str) {
    say(cx, buf, area, not_seen(cx), text);
}

fn say(cx: &Cx<'_>, buf: &mut Buffer, area: Rect, waits: Option<String>, text: &str) {
    let text = match (waits, cx.app.filter()) {
        (Some(why), _) => why,
        (None, "") => text.to_owned(),
        (None, filter) => format!("No line holds \"{filter}\". Esc shows all again."),
    };
    let mut flow = Flow::new(buf, area);
    flow.sentence(cx.span("  ", Role::Dim), &text, cx.role(Role::Dim));
}

/// Why there is no estate yet that a page could be about.
fn unread(cx: &Cx<'_>) -> Option<String> {
    match (&cx.app.trust, &cx.app.estate) {
        (_, Some(_)) => None,
        (Trust::Refused(problem), None) => {
            let key = cx.app.keymap.keys(Action::GoLog).first();
            let where_ = key.map_or_else(String::new, |key| format!(" {key} tells where."));
            Some(format!("The estate cannot be read: {}.{where_}", problem.what))
        }
        (_, None) => Some("Reading the estate.".to_owned()),
    }
}

/// Why nothing was seen yet.
fn not_seen(cx: &Cx<'_>) -> Option<String> {
    let waits = || match &cx.app.trust {
        _ if cx.app.live => None,
        Trust::Refused(problem) => Some(format!("Nothing is asked of this estate: {}.", problem.next)),
        _ => Some("Nothing has been seen yet; the first answers are on their way.".to_owned()),
    };
    unread(cx).or_else(waits)
}

/// What went wrong, why, and what to do next.
fn failed(cx: &Cx<'_>, buf: &mut Buffer, area: Rect, problem: &Problem) {
    let mut flow = Flow::new(buf, area);
    let sign = cx.span(format!("{} ", cx.sym().critical), Role::Critical);
    flow.sentence(sign, &problem.to_string(), cx.role(Role::Text));
}

/// Splits off the top `lines` of an area.
fn top(area: Rect, lines: u16) -> (Rect, Rect) {
    let lines = lines.min(area.height);
    let rest = Rect { y: area.y + lines, height: area.height - lines, ..area };
    (Rect { height: lines, ..area }, rest)
}

/// Splits an area into a list of `rows` and what is told below it of the selected
/// line, in about `detail` lines, with a line of air between. Where both fit the
/// detail has what the list leaves; else it has no more than it needs. Without
/// room for both there is none.
fn below(area: Rect, rows: usize, detail: u16) -> (Rect, Rect) {
    if area.height < 12 {
        return (area, Rect { y: area.bottom(), height: 0, ..area });
    }
    let list = u16::try_from(rows).unwrap_or(u16::MAX).saturating_add(2);
    let told = area.height.saturating_sub(list).max(detail.min(area.height / 2));
    let (list, rest) = top(area, area.height - told);
    (Rect { height: list.height.saturating_sub(1), ..list }, rest)
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
