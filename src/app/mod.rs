//! What the screens show and what keys do: `update(state, Msg) -> Vec<Effect>`. Core only.
//! A new key is one line in `action.rs`; a new screen one variant of `Screen`,
//! one arm in `rows.rs` and one file in `ui/screens`.

mod action;
mod alarm;
mod ask;
mod data;
mod drawn;
mod fuzzy;
mod input;
mod key;
mod keymap;
mod keys;
mod label;
mod layer;
mod msg;
mod rows;
pub mod sample;
mod state;
mod template;
mod trend;
mod zoom;

#[cfg(test)]
mod tests;

pub use action::{ACTIONS, Action, ActionDef, Scope};
pub use alarm::{alarm, fails_at_home};
pub use ask::{Field, FieldKind, Form, Order, Purpose, evidence};
pub use fuzzy::score;
pub use input::Input;
pub use key::{Key, KeyCode};
pub use keymap::Keymap;
pub use keys::unavailable;
pub use label::{age_label, instant, next_age_change};
pub use layer::{Layer, PaletteItem, Pick, help_lines, palette_items};
pub use msg::{Declaration, Effect, Hit, Mouse, Msg, Trust};
pub use rows::{LogLine, Row, concerned, copies, finding, is_hit, log_lines, without_runbook};
pub use state::{App, AppOptions, Extra, Notice, Paint, Screen};
pub use template::{Piece, filled, likely, of_run, pieces};
pub use trend::{Remembered, STALE_AFTER};
pub use zoom::Zoom;

/// Moves the state by one message and says what is to be done in the world.
/// Never draws, waits, or asks a clock: instants come with the messages.
pub fn update(app: &mut App, msg: Msg) -> Vec<Effect> {
    match msg {
        Msg::Key { key, at } => {
            app.now = app.now.max(at);
            app.paint = Paint::Now;
            keys::press(app, key, at)
        }
        Msg::Paste(text) => {
            app.paint = Paint::Now;
            keys::paste(app, &text);
            vec![]
        }
        Msg::Mouse(mouse) => keys::mouse(app, mouse),
        Msg::Resize(width, height) => {
            app.size = (width, height);
            app.paint = Paint::Now;
            vec![]
        }
        Msg::Now(now) => {
            app.pass(now);
            vec![]
        }
        Msg::Painted { at, until, hits } => {
            app.painted(at, until, hits);
            vec![]
        }
        other => data::take(app, other),
    }
}
