//! One line of typed text.

use super::{Key, KeyCode};

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Input {
    text: String,
    /// In characters from the beginning.
    cursor: usize,
}

impl Input {
    pub fn of(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { cursor: text.chars().count(), text }
    }
    pub fn text(&self) -> &str {
        &self.text
    }
    /// The text before the cursor.
    pub fn before(&self) -> &str {
        &self.text[..self.byte(self.cursor)]
    }
    fn byte(&self, chars: usize) -> usize {
        self.text.char_indices().nth(chars).map_or(self.text.len(), |(at, _)| at)
    }
    fn len(&self) -> usize {
        self.text.chars().count()
    }
    pub fn insert(&mut self, c: char) {
        // A line longer than anything that is asked for is a paste gone wrong.
        if !c.is_control() && self.text.len() < 4096 {
            self.text.insert(self.byte(self.cursor), c);
            self.cursor += 1;
        }
    }
    fn cut(&mut self, from: usize, to: usize) {
        let range = self.byte(from)..self.byte(to);
        self.text.replace_range(range, "");
        self.cursor = from;
    }
    /// Whether the key was one for editing.
    pub fn edit(&mut self, key: Key) -> bool {
        if let Some(c) = key.typed() {
            self.insert(c);
            return true;
        }
        let control = |c| key == Key::ctrl(c);
        match key.code {
            KeyCode::Backspace if self.cursor > 0 => self.cut(self.cursor - 1, self.cursor),
            KeyCode::Delete if self.cursor < self.len() => {
                let at = self.cursor;
                self.cut(at, at + 1);
            }
            KeyCode::Backspace | KeyCode::Delete => {}
            KeyCode::Left => self.cursor = self.cursor.saturating_sub(1),
            KeyCode::Right => self.cursor = (self.cursor + 1).min(self.len()),
            KeyCode::Home => self.cursor = 0,
            KeyCode::End => self.cursor = self.len(),
            _ if control('a') => self.cursor = 0,
            _ if control('e') => self.cursor = self.len(),
            _ if control('u') => self.cut(0, self.cursor),
            _ if control('w') => {
                let kept = self.before().trim_end();
                let from = kept.rfind(' ').map_or(0, |at| kept[..=at].chars().count());
                self.cut(from, self.cursor);
            }
            _ => return false,
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn editing_moves_by_characters() {
        let mut line = Input::of("é東x");
        line.edit(Key::plain(KeyCode::Left));
        line.edit(Key::plain(KeyCode::Backspace));
        assert_eq!((line.text(), line.before()), ("éx", "é"));
        line.edit(Key::plain(KeyCode::End));
        for c in " two words".chars() {
            line.edit(Key::char(c));
        }
        line.edit(Key::ctrl('w'));
        assert_eq!(line.text(), "éx two ");
        line.edit(Key::ctrl('u'));
        assert_eq!(line.text(), "");
        assert!(!line.edit(Key::plain(KeyCode::Enter)));
    }
}
