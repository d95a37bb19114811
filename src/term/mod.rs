//! The terminal: guard, events, capabilities, pacing.
//! `Guard` takes and gives back the terminal, `Terminal` writes frames, `run`
//! is the loop; a capability is one field of `Caps`.

mod caps;
mod guard;
mod input;
mod run;
mod screen;

#[cfg(test)]
mod pty_tests;
#[cfg(test)]
mod tests;

pub use caps::Caps;
pub use guard::Guard;
pub use input::{key, message};
pub use run::{Exit, paint, run};
pub use screen::Terminal;

/// Columns and rows of the terminal, where it says.
pub fn size() -> Option<(u16, u16)> {
    crossterm::terminal::size().ok()
}
