//! The loop and the guard in a real pseudo-terminal: this test binary starts
//! itself there as `child` and is left in every way there is.

use std::{
    io::{Read, Write},
    sync::{Arc, Condvar, Mutex},
    time::{Duration, Instant},
};

use lifeboat_core::model::{Clock, Time};
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

use super::*;
use crate::app::{AppOptions, Effect, Extra, Msg, sample};

/// Runs on from the instant of the sample.
struct Running(Instant);
impl Clock for Running {
    fn now(&self) -> Time {
        // As fine as a real clock: a key may come within a millisecond of its question.
        sample::now() + self.0.elapsed()
    }
}

/// Not a test of its own: what runs in the pseudo-terminal.
#[test]
#[ignore = "started by the other tests in a pseudo-terminal"]
fn child() {
    if std::env::var_os("LIFEBOAT_TEST_CHILD").is_none() {
        return;
    }
    let clock = Running(Instant::now());
    let extras = vec![Extra { key: "f1".parse().unwrap(), title: "Panic".into() }];
    let mut app = sample::app(AppOptions { extras, ..Default::default() }, (100, 30), None);
    let mut guard = Guard::enter(true).unwrap();
    let mut terminal = Terminal::new(Caps::here());
    paint(&mut app, &mut terminal, &clock).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (_keep, msgs) = tokio::sync::mpsc::channel::<Msg>(8);
    let exit = runtime.block_on(run(&mut app, &mut terminal, Some(&mut guard), msgs, &clock, |effect| {
        assert!(!matches!(effect, Effect::Extra(0)), "a bug in the dashboard");
    }));
    drop(guard);
    println!("left: {:?}", exit.unwrap());
}

struct Session {
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    writer: Box<dyn Write + Send>,
    /// Every byte so far, and a bell for each new one.
    seen: Arc<(Mutex<Vec<u8>>, Condvar)>,
}

impl Session {
    fn start() -> Self {
        let pty = native_pty_system()
            .openpty(PtySize { rows: 30, cols: 100, pixel_width: 0, pixel_height: 0 })
            .unwrap();
        let mut command = CommandBuilder::new(std::env::current_exe().unwrap());
        command.args(["--exact", "term::pty_tests::child", "--ignored", "--nocapture"]);
        command.env("LIFEBOAT_TEST_CHILD", "1");
        command.env("TERM", "xterm-256color");
        command.env("LC_ALL", "C.UTF-8");
        let child = pty.slave.spawn_command(command).unwrap();
        let mut reader = pty.master.try_clone_reader().unwrap();
        let seen = Arc::new((Mutex::new(Vec::new()), Condvar::new()));
        let sink = seen.clone();
        std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut chunk) {
                sink.0.lock().unwrap().extend_from_slice(&chunk[..count]);
                sink.1.notify_all();
            }
        });
        let writer = pty.master.take_writer().unwrap();
        // The slave stays open in the child alone.
        drop(pty.slave);
        let session = Self { child, master: pty.master, writer, seen };
        session.wait_for("Checkout");
        session
    }
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.seen.0.lock().unwrap()).into_owned()
    }
    /// What a person would see.
    fn screen(bytes: &[u8]) -> String {
        let side = |n| std::num::NonZero::new(n).unwrap();
        let mut parser = vt100::Parser::new(side(60), side(160), 0);
        parser.process(bytes);
        parser.screen().contents()
    }
    fn wait_for(&self, words: &str) {
        let deadline = Instant::now() + Duration::from_secs(30);
        let (bytes, bell) = &*self.seen;
        let mut bytes = bytes.lock().unwrap();
        while !Self::screen(&bytes).contains(words) {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(left > Duration::ZERO, "no {words:?} in\n{}", Self::screen(&bytes));
            bytes = bell.wait_timeout(bytes, left).unwrap().0;
        }
    }
    fn keys(&mut self, keys: &str) {
        self.writer.write_all(keys.as_bytes()).unwrap();
        self.writer.flush().unwrap();
    }
    /// All of these keys in the terminal's buffer before the program reads the
    /// first: a pseudo-terminal may hand over one write in pieces.
    fn keys_at_once(&mut self, keys: &str) {
        use rustix::process::Signal;
        let tty = std::fs::File::open(self.master.tty_name().unwrap()).unwrap();
        let deadline = Instant::now() + Duration::from_secs(30);
        let until = |what: &dyn Fn() -> bool| {
            while !what() {
                assert!(Instant::now() < deadline, "the terminal swallowed {keys:?}");
                std::thread::yield_now();
            }
        };
        self.signal(Signal::STOP);
        let status = format!("/proc/{}/status", self.child.process_id().unwrap());
        until(&|| std::fs::read_to_string(&status).unwrap().contains("State:\tT"));
        self.keys(keys);
        until(&|| rustix::io::ioctl_fionread(&tty).unwrap() >= keys.len() as u64);
        self.signal(Signal::CONT);
    }
    fn signal(&self, signal: rustix::process::Signal) {
        let pid = i32::try_from(self.child.process_id().unwrap()).unwrap();
        rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), signal).unwrap();
    }
    /// Everything that was switched on is off again, the last first, and line
    /// editing works.
    fn is_whole(&self) {
        let text = self.text();
        let on = ["\x1b[?1049h", "\x1b[?2004h", "\x1b[?1000h"];
        let off = ["\x1b[?1000l", "\x1b[?25h", "\x1b[?2004l", "\x1b[?1049l"];
        for code in on {
            assert!(text.contains(code), "{code:?} was never on");
        }
        let places: Vec<_> =
            off.iter().map(|code| text.rfind(code).unwrap_or_else(|| panic!("no {code:?}"))).collect();
        assert!(places.is_sorted(), "{places:?}");
        let modes = self.master.get_termios().unwrap().local_flags;
        for flag in [nix_flag::ICANON, nix_flag::ECHO, nix_flag::ISIG] {
            assert!(modes.bits() & flag != 0, "flag {flag:o} is off");
        }
    }
}

/// Bits of `c_lflag` on Linux, termios(3).
mod nix_flag {
    pub const ISIG: u32 = 0o1;
    pub const ICANON: u32 = 0o2;
    pub const ECHO: u32 = 0o10;
}

#[test]
fn the_terminal_is_whole_after_q() {
    let mut session = Session::start();
    session.keys("q");
    session.wait_for("left: Asked");
    session.is_whole();
    assert!(session.child.wait().unwrap().success());
}

#[test]
fn the_terminal_is_whole_after_sigterm_and_sighup() {
    use rustix::process::Signal;
    for (signal, left) in [(Signal::TERM, "left: Terminated"), (Signal::HUP, "left: HungUp")] {
        let session = Session::start();
        session.signal(signal);
        session.wait_for(left);
        session.is_whole();
    }
}

#[test]
fn the_terminal_is_whole_before_a_panic_is_told() {
    let mut session = Session::start();
    session.keys("\x1bOP");
    session.wait_for("a bug in the dashboard");
    session.wait_for("test result");
    let text = session.text();
    let (back, told) = (text.find("\x1b[?1049l").unwrap(), text.find("a bug in the dashboard").unwrap());
    assert!(back < told, "the message was written onto the screen that is left");
    session.is_whole();
}

#[test]
fn keys_move_resizes_are_followed_and_what_was_typed_ahead_is_no_answer() {
    let mut session = Session::start();
    session.keys("9");
    session.wait_for("LB-STORE-002");
    session.keys("1");
    session.master.resize(PtySize { rows: 40, cols: 120, pixel_width: 0, pixel_height: 0 }).unwrap();
    session.wait_for("Links");
    // In one go: the question is not on screen when the rest is typed.
    session.keys_at_once("Deu-west-1\r");
    session.wait_for("Declare that this is lost");
    session.keys("q");
    // Nothing seen speaks for a loss, so that none is proposed.
    session.wait_for("›what is lost  q");
    session.keys("\x03");
    session.wait_for("left: Asked");
}
