use std::{
    cell::RefCell,
    io::{self, Write},
    rc::Rc,
};

use crossterm::event::{KeyCode as Code, KeyEvent, KeyEventKind, KeyEventState, KeyModifiers};
use lifeboat_core::model::Dur;

use super::*;
use crate::{
    app::{App, AppOptions, Key, KeyCode, sample},
    ui::Depth,
};

/// Keeps what would have gone to the terminal.
#[derive(Clone, Default)]
struct Tape(Rc<RefCell<Vec<u8>>>);

impl Write for Tape {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Tape {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.borrow_mut())
    }
}

fn terminal(depth: Depth) -> (Terminal<Tape>, Tape) {
    let tape = Tape::default();
    (Terminal::to(tape.clone(), Caps { depth, unicode: true }), tape)
}
fn app(name: &str) -> App {
    sample::picture(name, AppOptions::default(), (120, 40)).unwrap()
}
/// What a terminal shows after these bytes.
fn shown(bytes: &[u8], size: (u16, u16)) -> vt100::Parser {
    let side = |n: u16| std::num::NonZero::new(n).unwrap();
    let mut parser = vt100::Parser::new(side(size.1), side(size.0), 0);
    parser.process(bytes);
    parser
}

#[test]
fn nothing_is_written_where_nothing_changed() {
    let (mut terminal, tape) = terminal(Depth::True);
    for name in ["overview", "run", "answer", "declare", "palette"] {
        let app = app(name);
        terminal.draw(&app).unwrap();
        assert!(!tape.take().is_empty(), "{name}");
        for _ in 0..3 {
            terminal.draw(&app).unwrap();
            assert_eq!(tape.take(), b"", "{name}: an idle frame wrote");
        }
    }
}

#[test]
fn a_moved_cursor_writes_little_and_within_one_synchronized_update() {
    let (mut terminal, tape) = terminal(Depth::True);
    let mut app = app("overview");
    terminal.draw(&app).unwrap();
    tape.take();
    sample::press(&mut app, &[Key::char('j')]);
    terminal.draw(&app).unwrap();
    let bytes = tape.take();
    let text = String::from_utf8(bytes.clone()).unwrap();
    assert!(text.starts_with("\x1b[?2026h") && text.ends_with("\x1b[?2026l"), "{text:?}");
    assert!(bytes.len() < 6_000, "{} bytes", bytes.len());
}

#[test]
fn what_the_terminal_shows_is_what_was_drawn() {
    let (mut terminal, tape) = terminal(Depth::True);
    let mut bytes = Vec::new();
    for name in ["overview", "workload", "help", "run", "answer"] {
        terminal.draw(&app(name)).unwrap();
        bytes.extend(tape.take());
    }
    let parser = shown(&bytes, (120, 40));
    let contents = parser.screen().contents();
    assert!(contents.contains("Promote the standby database"), "{contents}");
    assert!(!contents.contains("All keys"), "nothing of an earlier frame is left:\n{contents}");
    assert!(!parser.screen().hide_cursor(), "where text is typed the cursor is shown");
    let (row, column) = parser.screen().cursor_position();
    let line = contents.lines().nth(usize::from(row)).unwrap();
    let before: String = line.chars().take(usize::from(column)).collect();
    assert!(before.ends_with("eu-ce"), "{line:?} at {column}");
}

#[test]
fn without_colour_no_colour_is_written_and_the_selected_line_stays_reversed() {
    let (mut terminal, tape) = terminal(Depth::None);
    terminal.draw(&app("overview")).unwrap();
    let bytes = tape.take();
    let parser = shown(&bytes, (120, 40));
    let screen = parser.screen();
    let reversed = (0..40).any(|y| (10..60).all(|x| screen.cell(y, x).is_some_and(vt100::Cell::inverse)));
    assert!(reversed);
    for y in 0..40 {
        for x in 0..120 {
            let cell = screen.cell(y, x).unwrap();
            assert_eq!((cell.fgcolor(), cell.bgcolor()), (vt100::Color::Default, vt100::Color::Default));
        }
    }
}

#[test]
fn a_new_size_is_drawn_whole() {
    let (mut terminal, tape) = terminal(Depth::True);
    let mut app = app("overview");
    terminal.draw(&app).unwrap();
    tape.take();
    app.size = (80, 24);
    terminal.draw(&app).unwrap();
    let parser = shown(&tape.take(), (80, 24));
    assert!(parser.screen().contents().contains("Checkout"));
    assert!(parser.screen().hide_cursor());
}

#[test]
fn an_age_that_grows_writes_only_when_its_words_change() {
    let (mut terminal, tape) = terminal(Depth::True);
    let mut app = app("overview");
    let picture = terminal.draw(&app).unwrap();
    tape.take();
    let until = picture.until.unwrap();
    app.now = until - Dur::millis(1);
    terminal.draw(&app).unwrap();
    assert_eq!(tape.take(), b"");
    app.now = until;
    terminal.draw(&app).unwrap();
    assert!(!tape.take().is_empty());
}

#[test]
fn the_clipboard_gets_plain_bytes_and_nothing_too_long() {
    let (mut terminal, tape) = terminal(Depth::True);
    terminal.yank("eu-west-1").unwrap();
    assert_eq!(tape.take(), b"\x1b]52;c;ZXUtd2VzdC0x\x1b\\");
    terminal.yank(&"x".repeat(20_000)).unwrap();
    assert_eq!(tape.take(), b"");
}

#[test]
fn keys_become_our_own() {
    let event =
        |code, modifiers| KeyEvent { code, modifiers, kind: KeyEventKind::Press, state: KeyEventState::NONE };
    let table = [
        (event(Code::Char('G'), KeyModifiers::SHIFT), Some(Key::char('G'))),
        (event(Code::Char('c'), KeyModifiers::CONTROL), Some(Key::ctrl('c'))),
        (event(Code::Char('L'), KeyModifiers::CONTROL), Some(Key::ctrl('l'))),
        (event(Code::BackTab, KeyModifiers::SHIFT), Some(Key::plain(KeyCode::BackTab))),
        (event(Code::Tab, KeyModifiers::SHIFT), Some(Key::plain(KeyCode::BackTab))),
        (event(Code::F(3), KeyModifiers::NONE), Some(Key::plain(KeyCode::F(3)))),
        (event(Code::CapsLock, KeyModifiers::NONE), None),
    ];
    for (event, expected) in table {
        assert_eq!(key(event), expected, "{event:?}");
    }
    let release = KeyEvent { kind: KeyEventKind::Release, ..event(Code::Char('q'), KeyModifiers::NONE) };
    assert_eq!(key(release), None);
}
