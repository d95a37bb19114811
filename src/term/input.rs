//! What is typed: read on a thread of its own, and turned from crossterm's
//! events into the program's own.

use std::{collections::VecDeque, io, thread, time::Duration};

use crossterm::event::{
    self, Event, KeyCode as Code, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEventKind,
};
use lifeboat_core::model::Time;
use tokio::sync::mpsc;

use crate::app::{Key, KeyCode, Mouse, Msg};

/// Long enough for crossterm to look once at what it has read already; it
/// waits in whole milliseconds, so that this is no wait.
const LOOK: Duration = Duration::from_micros(100);

/// A paste without brackets need not be one message.
const BATCH: usize = 1_024;

/// What is typed, in order. crossterm's own stream is not used: with one source
/// of input it loses a key that comes together with a resize, with the other it
/// never answers at once, and what was typed ahead could not be told.
pub struct Typed {
    batches: mpsc::UnboundedReceiver<Vec<Event>>,
    ready: VecDeque<Event>,
}

impl Typed {
    /// Begins to read standard input, until the process ends: a thread that
    /// blocks in a read cannot be called back. While the process is stopped, so
    /// is the thread.
    pub fn begin() -> io::Result<Self> {
        let (send, batches) = mpsc::unbounded_channel();
        let read = move || {
            while let Ok(batch) = batch() {
                if send.send(batch).is_err() {
                    return;
                }
            }
        };
        thread::Builder::new().name("typed".into()).spawn(read)?;
        Ok(Self { batches, ready: VecDeque::new() })
    }

    /// The next event; `None` once the terminal is gone.
    pub async fn next(&mut self) -> Option<Event> {
        if self.ready.is_empty() {
            self.ready.extend(self.batches.recv().await?);
        }
        self.ready.pop_front()
    }

    /// The next event, if it has been read already.
    pub fn next_ready(&mut self) -> Option<Event> {
        if self.ready.is_empty() {
            self.ready.extend(self.batches.try_recv().ok()?);
        }
        self.ready.pop_front()
    }
}

/// Waits for an event, and takes all that were read with it: what was typed in
/// one go arrives in one go.
fn batch() -> io::Result<Vec<Event>> {
    let mut batch = vec![event::read()?];
    while batch.len() < BATCH && event::poll(LOOK)? {
        batch.push(event::read()?);
    }
    Ok(batch)
}

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
