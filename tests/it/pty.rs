//! A program in a pseudo-terminal: keys go in, a screen comes out, and every
//! wait is for content, with a deadline.

use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

pub const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Default)]
struct Shown {
    parser: Mutex<Parsed>,
    changed: Condvar,
}

struct Parsed {
    screen: vt100::Parser,
    raw: Vec<u8>,
    ended: bool,
}

impl Default for Parsed {
    fn default() -> Self {
        Self { screen: vt100::Parser::new(side(40), side(120), 0), raw: Vec::new(), ended: false }
    }
}

fn side(cells: u16) -> NonZeroU16 {
    NonZeroU16::new(cells).unwrap_or(NonZeroU16::MIN)
}

pub struct Pty {
    shown: Arc<Shown>,
    /// Open for as long as the program may write.
    _master: Box<dyn MasterPty + Send>,
    writer: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
}

impl Pty {
    /// Runs `program args` at 120×40 with only the environment given, beside
    /// `PATH`, `HOME` and a UTF-8 locale.
    pub fn start(program: &Path, args: &[&str], env: &[(&str, &Path)]) -> Self {
        let size = PtySize { rows: 40, cols: 120, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).expect("a pseudo-terminal");
        let mut command = CommandBuilder::new(program);
        command.args(args);
        command.env_clear();
        for name in ["PATH", "HOME"] {
            command.env(name, std::env::var_os(name).unwrap_or_default());
        }
        command.env("TERM", "xterm-256color");
        command.env("COLORTERM", "truecolor");
        command.env("LC_ALL", "C.UTF-8");
        for (name, value) in env {
            command.env(name, value);
        }
        let child = pair.slave.spawn_command(command).expect("the program starts");
        drop(pair.slave);
        let shown = Arc::new(Shown::default());
        let mut reader = pair.master.try_clone_reader().expect("a reader");
        let into = shown.clone();
        std::thread::spawn(move || {
            let mut buffer = [0; 65_536];
            loop {
                let read = reader.read(&mut buffer).unwrap_or(0);
                let mut parsed = into.parser.lock().expect("the screen");
                parsed.screen.process(&buffer[..read]);
                parsed.raw.extend_from_slice(&buffer[..read]);
                parsed.ended = read == 0;
                into.changed.notify_all();
                if read == 0 {
                    return;
                }
            }
        });
        let writer = pair.master.take_writer().expect("a writer");
        Self { shown, _master: pair.master, writer, child }
    }

    pub fn keys(&mut self, keys: &str) {
        self.writer.write_all(keys.as_bytes()).expect("keys go in");
        self.writer.flush().expect("keys go in");
    }

    pub fn screen(&self) -> String {
        self.shown.parser.lock().expect("the screen").screen.screen().contents()
    }

    /// Everything written to the terminal so far.
    pub fn raw(&self) -> Vec<u8> {
        self.shown.parser.lock().expect("the screen").raw.clone()
    }

    /// Waits until `wanted` holds of the screen's text; fails with the screen.
    #[track_caller]
    pub fn wait(&self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + PATIENCE;
        let mut parsed = self.shown.parser.lock().expect("the screen");
        loop {
            let text = parsed.screen.screen().contents();
            if wanted(&text) {
                return text;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero() && !parsed.ended, "waited for {what}; the screen shows:\n{text}");
            parsed = self.shown.changed.wait_timeout(parsed, left).expect("the screen").0;
        }
    }

    #[track_caller]
    pub fn wait_for(&self, text: &str) -> String {
        self.wait(text, |screen| screen.contains(text))
    }

    /// Waits for the end; the exit code.
    #[track_caller]
    pub fn exit(&mut self) -> u32 {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("a status") {
                return status.exit_code();
            }
            assert!(Instant::now() < deadline, "it does not end; the screen shows:\n{}", self.screen());
            std::thread::yield_now();
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
