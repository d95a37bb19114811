//! The loop: signals, then input, then messages, then one frame if something
//! visible changed. It sleeps until the next of these; there is no ticker.

use std::{
    io::{self, Write},
    time::{Duration, Instant},
};

use crossterm::event::Event;
use lifeboat_core::model::{Clock, Dur};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};

use super::{Guard, Terminal, input::Typed, message};
use crate::app::{App, Effect, Msg, Paint, update};

/// Why the dashboard was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Asked,
    /// SIGTERM or SIGINT.
    Terminated,
    /// SIGHUP, or the terminal cannot be written any more.
    HungUp,
}

/// Figures are drawn at most this often.
const FIGURES: Duration = Duration::from_millis(500);
/// And anything at all that is not an answer to a key.
const FRAMES: Duration = Duration::from_millis(33);
/// Messages taken before a frame is due again.
const BATCH: usize = 256;
const BATCH_TIME: Duration = Duration::from_millis(2);

/// One frame, at once. The first needs no runtime: call it before there is one.
pub fn paint<W: Write>(app: &mut App, terminal: &mut Terminal<W>, clock: &dyn Clock) -> io::Result<()> {
    app.settle();
    if app.is_drawn() {
        app.paint = Paint::Nothing;
        return Ok(());
    }
    let picture = terminal.draw(app)?;
    update(app, Msg::Painted { at: clock.now(), until: picture.until, hits: picture.hits });
    Ok(())
}

struct Loop<'a, W: Write, F> {
    app: &'a mut App,
    terminal: &'a mut Terminal<W>,
    guard: Option<&'a mut Guard>,
    effects: F,
    typed: Typed,
    quit: bool,
    last: Option<Instant>,
    /// A key was pressed since the last frame.
    keyed: bool,
}

/// Drives the dashboard until it is left. `effects` is handed everything that
/// concerns the world, and must not block; what concerns the terminal is done
/// here. With `msgs` closed the dashboard stays, and shows what it knows.
pub async fn run<W: Write>(
    app: &mut App,
    terminal: &mut Terminal<W>,
    guard: Option<&mut Guard>,
    mut msgs: mpsc::Receiver<Msg>,
    clock: &dyn Clock,
    effects: impl FnMut(Effect),
) -> io::Result<Exit> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    if let Some(exit) = guard.as_ref().and_then(|guard| guard.ended()) {
        return Ok(exit);
    }
    let typed = Typed::begin()?;
    let mut this = Loop { app, terminal, guard, effects, typed, quit: false, last: None, keyed: false };
    let mut open = true;
    while !this.quit {
        update(this.app, Msg::Now(clock.now()));
        if this.wait() == Some(Duration::ZERO) && this.frame(clock).is_err() {
            return Ok(Exit::HungUp);
        }
        if this.quit {
            break;
        }
        let wake = this.wake(clock);
        tokio::select! {
            biased;
            _ = terminate.recv() => return Ok(Exit::Terminated),
            _ = interrupt.recv() => return Ok(Exit::Terminated),
            _ = hangup.recv() => return Ok(Exit::HungUp),
            event = this.typed.next() => match event {
                Some(event) => this.input(event, clock),
                // Standard input has ended: the terminal is gone.
                None => return Ok(Exit::HungUp),
            },
            msg = msgs.recv(), if open => match msg {
                Some(msg) => this.take(msg, &mut msgs, clock),
                None => open = false,
            },
            () = async { match wake { Some(wake) => tokio::time::sleep(wake).await, None => std::future::pending().await } } => {}
        }
    }
    Ok(Exit::Asked)
}

impl<W: Write, F: FnMut(Effect)> Loop<'_, W, F> {
    /// How long until a frame is due; `None` while none is wanted.
    fn wait(&self) -> Option<Duration> {
        let least = match self.app.paint {
            Paint::Nothing => return None,
            Paint::Now if self.keyed => Duration::ZERO,
            Paint::Now => FRAMES,
            Paint::Soon => FIGURES,
        };
        Some(self.last.map_or(Duration::ZERO, |last| least.saturating_sub(last.elapsed())))
    }

    /// How long the loop may sleep.
    fn wake(&self, clock: &dyn Clock) -> Option<Duration> {
        let due = self.app.deadline().map(|at| Dur::between(clock.now(), at).at_least_zero().to_std());
        // A millisecond more: labels change at the instant, not before it.
        let due = due.map(|d| d + Duration::from_millis(1));
        [due, self.wait()].into_iter().flatten().min()
    }

    fn frame(&mut self, clock: &dyn Clock) -> io::Result<()> {
        if self.app.question_unseen() {
            // What was typed before the question can be seen is no answer to it.
            while let Some(event) = self.typed.next_ready() {
                self.input(event, clock);
            }
        }
        paint(self.app, self.terminal, clock)?;
        self.last = Some(Instant::now());
        self.keyed = false;
        Ok(())
    }

    fn resize(&mut self) {
        if let Some((width, height)) = super::size().filter(|size| *size != self.app.size) {
            self.keyed = true;
            self.apply(Msg::Resize(width, height));
        }
    }

    fn input(&mut self, event: Event, clock: &dyn Clock) {
        if let Some(msg) = message(event, clock.now()) {
            self.keyed = true;
            self.apply(msg);
        }
    }

    fn take(&mut self, first: Msg, msgs: &mut mpsc::Receiver<Msg>, clock: &dyn Clock) {
        let begin = Instant::now();
        update(self.app, Msg::Now(clock.now()));
        self.apply(first);
        for _ in 1..BATCH {
            let Ok(msg) = msgs.try_recv() else { break };
            self.apply(msg);
            if begin.elapsed() >= BATCH_TIME {
                break;
            }
        }
    }

    fn apply(&mut self, msg: Msg) {
        for effect in update(self.app, msg) {
            self.perform(effect);
        }
    }

    fn perform(&mut self, effect: Effect) {
        let done = match effect {
            Effect::Quit => {
                self.quit = true;
                Ok(())
            }
            Effect::Redraw => {
                self.terminal.forget();
                Ok(())
            }
            Effect::Suspend => self.suspend(),
            Effect::Mouse(on) => self.guard.as_mut().map_or(Ok(()), |guard| guard.set_mouse(on)),
            Effect::Yank(text) => self.terminal.yank(&text),
            other => {
                (self.effects)(other);
                Ok(())
            }
        };
        // A terminal that cannot be written ends the dashboard, not the run.
        self.quit |= done.is_err();
    }

    fn suspend(&mut self) -> io::Result<()> {
        if let Some(guard) = self.guard.as_mut() {
            guard.suspend()?;
        }
        self.terminal.forget();
        self.resize();
        Ok(())
    }
}
