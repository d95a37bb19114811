//! From crossterm's events to the program's own.

use crossterm::event::{
    Event, KeyCode as Code, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEventKind,
};
use lifeboat_core::model::Time;

use crate::app::{Key, KeyCode, Mouse, Msg};

/// `None` for keys that nothing is bound to, and for releases.
pub fn key(event: KeyEvent) -> Option<Key> {
    if event.kind == KeyEventKind::Release {
        return None;
    }
    let mut ctrl = event.modifiers.contains(KeyModifiers::CONTROL);
    let code = match event.code {
        Code::Char(c) if ctrl => KeyCode::Char(c.to_ascii_lowercase()),
        Code::Char(c) => KeyCode::Char(c),
        Code::F(n) => KeyCode::F(n),
        Code::Enter => KeyCode::Enter,
        Code::Esc => KeyCode::Esc,
        Code::BackTab => KeyCode::BackTab,
        Code::Tab if event.modifiers.contains(KeyModifiers::SHIFT) => KeyCode::BackTab,
        Code::Tab => KeyCode::Tab,
        Code::Backspace => KeyCode::Backspace,
        Code::Delete => KeyCode::Delete,
        Code::Left => KeyCode::Left,
        Code::Right => KeyCode::Right,
        Code::Up => KeyCode::Up,
        Code::Down => KeyCode::Down,
        Code::Home => KeyCode::Home,
        Code::End => KeyCode::End,
        Code::PageUp => KeyCode::PageUp,
        Code::PageDown => KeyCode::PageDown,
        _ => return None,
    };
    // Terminals disagree on whether ctrl is reported with these.
    if matches!(code, KeyCode::Backspace | KeyCode::Enter | KeyCode::Esc) {
        ctrl = false;
    }
    Some(Key { code, ctrl, alt: event.modifiers.contains(KeyModifiers::ALT) })
}

/// `at`: when it was read.
pub fn message(event: Event, at: Time) -> Option<Msg> {
    match event {
        Event::Key(event) => Some(Msg::Key { key: key(event)?, at }),
        Event::Paste(text) => Some(Msg::Paste(text)),
        Event::Resize(width, height) => Some(Msg::Resize(width, height)),
        Event::Mouse(mouse) => {
            let mouse = match mouse.kind {
                MouseEventKind::ScrollDown => Mouse::Wheel(3),
                MouseEventKind::ScrollUp => Mouse::Wheel(-3),
                MouseEventKind::Down(MouseButton::Left) => Mouse::Click { x: mouse.column, y: mouse.row },
                _ => return None,
            };
            Some(Msg::Mouse(mouse))
        }
        Event::FocusGained | Event::FocusLost => None,
    }
}
