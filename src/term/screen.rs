//! Frames: only what differs is written, and nothing where nothing differs.

use std::io::{self, BufWriter, Stdout, Write, stdout};

use crossterm::{
    cursor::{Hide, MoveTo, Show},
    queue,
    style::Print,
    terminal::{BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate},
};
use ratatui::{
    backend::{Backend, CrosstermBackend},
    buffer::Buffer,
    layout::Rect,
};

use super::Caps;
use crate::{
    app::App,
    ui::{self, Look, Picture},
};

/// More than any screen; a terminal that claims more is not believed.
const MOST: u16 = 1_000;
/// Longer texts are refused by terminals, some without a word.
const CLIPBOARD: usize = 16 * 1024;

pub struct Terminal<W: Write = BufWriter<Stdout>> {
    backend: CrosstermBackend<W>,
    shown: Buffer,
    next: Buffer,
    cursor: Option<(u16, u16)>,
    caps: Caps,
    look: Option<(String, Look)>,
    /// Nothing that is on the terminal is known.
    fresh: bool,
}

impl Terminal {
    pub fn new(caps: Caps) -> Self {
        Self::to(BufWriter::with_capacity(64 * 1024, stdout()), caps)
    }
}

impl<W: Write> Terminal<W> {
    pub fn to(writer: W, caps: Caps) -> Self {
        Self {
            backend: CrosstermBackend::new(writer),
            shown: Buffer::empty(Rect::ZERO),
            next: Buffer::empty(Rect::ZERO),
            cursor: None,
            caps,
            look: None,
            fresh: true,
        }
    }

    /// The next frame is written whole.
    pub fn forget(&mut self) {
        self.fresh = true;
    }

    fn look(&mut self, theme: &str) -> io::Result<&Look> {
        if self.look.as_ref().is_none_or(|(name, _)| name != theme) {
            let look = Look::new(theme, self.caps.depth, self.caps.unicode)
                .or_else(|_| Look::new("dark", self.caps.depth, self.caps.unicode))
                .map_err(io::Error::other)?;
            self.look = Some((theme.to_owned(), look));
        }
        self.look.as_ref().map(|(_, look)| look).ok_or_else(|| io::Error::other("no theme"))
    }

    /// Draws the state and writes what differs from the frame before: not one
    /// byte where nothing does.
    pub fn draw(&mut self, app: &App) -> io::Result<Picture> {
        let area = Rect::new(0, 0, app.size.0.min(MOST), app.size.1.min(MOST));
        if self.next.area != area {
            self.next = Buffer::empty(area);
            self.fresh = true;
        }
        self.next.reset();
        let mut next = std::mem::take(&mut self.next);
        let look = self.look(&app.theme)?;
        let picture = ui::draw(app, look, &mut next);
        self.next = next;
        self.write(picture.cursor)?;
        Ok(picture)
    }

    fn write(&mut self, cursor: Option<(u16, u16)>) -> io::Result<()> {
        let fresh = std::mem::take(&mut self.fresh);
        if fresh {
            self.shown = Buffer::empty(self.next.area);
        }
        let changes: Vec<_> = self.shown.diff(&self.next);
        if !fresh && changes.is_empty() && cursor == self.cursor {
            return Ok(());
        }
        let any = !changes.is_empty();
        queue!(self.backend, BeginSynchronizedUpdate)?;
        if fresh {
            queue!(self.backend, Hide, Clear(ClearType::All))?;
        }
        if any {
            self.backend.draw(changes.into_iter())?;
        }
        match cursor {
            Some((x, y)) => queue!(self.backend, MoveTo(x, y), Show)?,
            None if self.cursor.is_some() || fresh => queue!(self.backend, Hide)?,
            None => {}
        }
        queue!(self.backend, EndSynchronizedUpdate)?;
        Write::flush(&mut self.backend)?;
        self.cursor = cursor;
        std::mem::swap(&mut self.shown, &mut self.next);
        Ok(())
    }

    /// Sends text to the terminal's clipboard (OSC 52). No terminal says
    /// whether it took it.
    pub fn yank(&mut self, text: &str) -> io::Result<()> {
        if text.len() <= CLIPBOARD {
            queue!(self.backend, Print(format!("\x1b]52;c;{}\x1b\\", base64(text.as_bytes()))))?;
            Write::flush(&mut self.backend)?;
        }
        Ok(())
    }
}

/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let all = chunk.iter().fold(0_u32, |all, b| all << 8 | u32::from(*b)) << (8 * (3 - chunk.len()));
        for n in 0..4 {
            let sign = SIGNS[(all >> (18 - 6 * n) & 63) as usize];
            out.push(if n <= chunk.len() { char::from(sign) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn base64_is_that_of_the_standard() {
        let table = [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")];
        for (text, expected) in table {
            assert_eq!(super::base64(text.as_bytes()), expected);
        }
    }
}
