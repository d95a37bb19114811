//! Takes the terminal, and gives it back whole: on drop, in a panic, before a
//! suspension. What was switched on is switched off in the reverse order.

use std::{
    io::{self, IsTerminal, Write, stdin, stdout},
    panic,
    sync::{
        Arc, Mutex, Once,
        atomic::{AtomicU8, AtomicUsize, Ordering},
    },
    thread::{self, ThreadId},
};

use super::Exit;
use crossterm::{
    cursor::{Hide, Show},
    event::{DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture},
    execute,
    terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode},
};
use lifeboat_core::model::{Code, Problem};
use signal_hook::{
    SigId,
    consts::{SIGHUP, SIGINT, SIGTERM},
    flag, low_level,
};

const TERMINATED: usize = 1;
const HUNG_UP: usize = 2;

const RAW: u8 = 1;
const SCREEN: u8 = 2;
const PASTE: u8 = 4;
const CURSOR: u8 = 8;
const MOUSE: u8 = 16;

/// What is switched on now. There is one terminal a process, and a panic hook
/// has nothing in hand but statics.
static ON: AtomicU8 = AtomicU8::new(0);
/// The thread that draws; a panic on another one must not touch the screen.
static OWNER: Mutex<Option<ThreadId>> = Mutex::new(None);
static HOOK: Once = Once::new();

/// Holds the terminal; one at a time.
pub struct Guard {
    mouse: bool,
    /// A signal to end came; until the loop listens, nobody else would hear it
    /// and the terminal would be left as it is.
    ended: Arc<AtomicUsize>,
    listening: Vec<SigId>,
}

impl Guard {
    pub fn enter(mouse: bool) -> Result<Self, Problem> {
        if !stdout().is_terminal() || !stdin().is_terminal() {
            return Err(Problem::new(Code::TERMINAL, "standard input or output"));
        }
        HOOK.call_once(chain_hook);
        if let Ok(mut owner) = OWNER.lock() {
            *owner = Some(thread::current().id());
        }
        let ended = Arc::new(AtomicUsize::new(0));
        let listen = |(signal, exit)| flag::register_usize(signal, ended.clone(), exit);
        let signals = [(SIGTERM, TERMINATED), (SIGINT, TERMINATED), (SIGHUP, HUNG_UP)];
        let listening = signals.into_iter().map(listen).collect::<Result<_, _>>();
        let listening = listening.map_err(|why| Problem::new(Code::TERMINAL, "signals").because(why))?;
        let guard = Self { mouse, ended, listening };
        guard.take().map_err(|why| Problem::new(Code::TERMINAL, "the terminal").because(why))?;
        Ok(guard)
    }

    fn take(&self) -> io::Result<()> {
        enable_raw_mode()?;
        on(RAW);
        execute!(stdout(), EnterAlternateScreen)?;
        on(SCREEN);
        execute!(stdout(), EnableBracketedPaste)?;
        on(PASTE);
        execute!(stdout(), Hide)?;
        on(CURSOR);
        self.mouse_on(self.mouse)
    }

    fn mouse_on(&self, wanted: bool) -> io::Result<()> {
        if wanted {
            execute!(stdout(), EnableMouseCapture)?;
            on(MOUSE);
        } else if ON.fetch_and(!MOUSE, Ordering::SeqCst) & MOUSE != 0 {
            execute!(stdout(), DisableMouseCapture)?;
        }
        Ok(())
    }

    /// How a signal that came since the terminal was taken ends it.
    pub fn ended(&self) -> Option<Exit> {
        match self.ended.load(Ordering::SeqCst) {
            TERMINATED => Some(Exit::Terminated),
            HUNG_UP => Some(Exit::HungUp),
            _ => None,
        }
    }

    pub fn set_mouse(&mut self, wanted: bool) -> io::Result<()> {
        self.mouse = wanted;
        self.mouse_on(wanted)
    }

    /// Gives the terminal to the shell until the process is continued.
    pub fn suspend(&mut self) -> io::Result<()> {
        give_back();
        // Stopped here; the call returns when the shell continues us.
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::TSTP)?;
        self.take()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        give_back();
        if let Ok(mut owner) = OWNER.lock() {
            *owner = None;
        }
        for id in self.listening.drain(..) {
            low_level::unregister(id);
        }
    }
}

fn on(what: u8) {
    ON.fetch_or(what, Ordering::SeqCst);
}

/// Undoes what is on. A terminal that has gone away cannot be mended: errors
/// end nothing here.
fn give_back() {
    let was = ON.swap(0, Ordering::SeqCst);
    let mut out = stdout();
    if was & MOUSE != 0 {
        let _ = execute!(out, DisableMouseCapture);
    }
    if was & CURSOR != 0 {
        let _ = execute!(out, Show);
    }
    if was & PASTE != 0 {
        let _ = execute!(out, DisableBracketedPaste);
    }
    if was & SCREEN != 0 {
        let _ = execute!(out, LeaveAlternateScreen);
    }
    if was & RAW != 0 {
        let _ = disable_raw_mode();
    }
    let _ = out.flush();
}

/// Before the message of a panic is printed the terminal is whole again. Of a
/// panic on a thread that does not draw only the log hears: its message would
/// be written across the screen.
fn chain_hook() {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        // try_lock: the panicking thread may be the one that holds it.
        let owner = OWNER.try_lock().ok().and_then(|owner| *owner);
        match owner {
            Some(owner) if owner != thread::current().id() => tracing::error!("panic: {info}"),
            _ => {
                give_back();
                before(info);
            }
        }
    }));
}
