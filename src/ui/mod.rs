//! Drawing: from `&App` to cells. Nothing here changes the state.
//! A new screen is one file in `screens` and one arm in its `draw`.

mod bar;
mod coast;
mod cx;
mod flow;
mod frame;
mod layers;
mod map;
mod plot;
mod screens;
mod symbols;
mod table;
pub mod theme;
mod timeline;
mod words;

#[cfg(test)]
mod night;
#[cfg(test)]
mod tests;

pub use cx::{Cx, clock_text};
use lifeboat_core::model::Time;
use ratatui::{buffer::Buffer, layout::Rect};
pub use symbols::{ASCII, Symbols, UNICODE};
pub use theme::{Depth, Role, Theme};

use crate::app::{App, Hit};

/// How it looks on this terminal.
#[derive(Debug, Clone, PartialEq)]
pub struct Look {
    pub theme: Theme,
    pub symbols: Symbols,
}

impl Look {
    /// An unknown theme is said, not passed over.
    pub fn new(theme: &str, depth: Depth, unicode: bool) -> Result<Self, String> {
        Ok(Self { theme: Theme::named(theme, depth)?, symbols: if unicode { UNICODE } else { ASCII } })
    }
}

/// What a frame says besides its cells.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Picture {
    /// When it next looks different by time alone.
    pub until: Option<Time>,
    /// Where text is being typed.
    pub cursor: Option<(u16, u16)>,
    pub hits: Vec<Hit>,
}

const LEAST: (u16, u16) = (36, 9);

/// Draws the whole screen into an empty buffer.
pub fn draw(app: &App, look: &Look, buf: &mut Buffer) -> Picture {
    let cx = Cx::new(app, look);
    let area = buf.area;
    buf.set_style(area, cx.role(Role::Text));
    if area.width < LEAST.0 || area.height < LEAST.1 {
        too_small(&cx, buf, area);
        return cx.picture();
    }
    let body = frame::draw(&cx, buf, area);
    screens::draw(&cx, buf, body);
    if !app.live {
        // The last known state is told apart at a glance from what is so now.
        buf.set_style(body, cx.role(Role::Stale));
    }
    layers::draw(&cx, buf, body);
    cx.picture()
}

fn too_small(cx: &Cx<'_>, buf: &mut Buffer, area: Rect) {
    let text = format!("Too small: {}x{}, needs {}x{}. q quits.", area.width, area.height, LEAST.0, LEAST.1);
    let mut flow = flow::Flow::new(buf, area);
    flow.sentence(ratatui::text::Span::raw(""), &text, cx.role(Role::Text));
}
