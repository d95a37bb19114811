//! Lines one below the other in an area, until it is full.

use lifeboat_core::model::{clean_line, width};
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::Style,
    text::{Line, Span},
};
use unicode_segmentation::UnicodeSegmentation;

use super::{Cx, Role, table::shorten};

pub struct Flow<'b> {
    pub buf: &'b mut Buffer,
    pub area: Rect,
    y: u16,
}

impl<'b> Flow<'b> {
    pub fn new(buf: &'b mut Buffer, area: Rect) -> Self {
        let area = area.intersection(buf.area);
        Self { buf, area, y: 0 }
    }
    pub fn left(&self) -> u16 {
        self.area.height.saturating_sub(self.y)
    }
    /// What is left of the area.
    pub fn rest(&self) -> Rect {
        Rect { y: self.area.y + self.y.min(self.area.height), height: self.left(), ..self.area }
    }
    /// The next line; without height where the area is full.
    pub fn row(&self) -> Rect {
        Rect { height: self.left().min(1), ..self.rest() }
    }
    pub fn skip(&mut self, lines: u16) {
        self.y = self.y.saturating_add(lines).min(self.area.height);
    }
    pub fn gap(&mut self) {
        if self.y > 0 {
            self.skip(1);
        }
    }
    pub fn line(&mut self, line: &Line<'_>) {
        put(self.buf, self.row(), line);
        self.skip(1);
    }
    /// A line with a sign where it is cut at the edge.
    pub fn cells(&mut self, cx: &Cx<'_>, spans: &[Span<'static>]) {
        self.line(&shorten(spans, usize::from(self.area.width), cx));
    }
    /// A title with a light rule to the right edge.
    pub fn heading(&mut self, cx: &Cx<'_>, title: &str) {
        let area = self.row();
        heading(cx, self.buf, area, title);
        self.skip(1);
    }
    /// A label in a column of its own, and what it says.
    pub fn pair(&mut self, cx: &Cx<'_>, label: &str, spans: Vec<Span<'static>>) {
        // A name from outside may be longer than the column.
        let air = if width(label) >= 13 { "  " } else { "" };
        let mut all = vec![cx.span(format!("{label:<13}{air}"), Role::Dim)];
        all.extend(spans);
        self.cells(cx, &all);
    }
    /// A sentence, broken between words; further lines hang below its first letter.
    pub fn sentence(&mut self, lead: Span<'static>, text: &str, style: Style) {
        let indent = width(&lead.content);
        let room = usize::from(self.area.width).saturating_sub(indent);
        for (n, part) in wrap(&clean_line(text), room).into_iter().enumerate() {
            let first = if n == 0 { lead.clone() } else { Span::raw(" ".repeat(indent)) };
            self.line(&Line::from(vec![first, Span::styled(part, style)]));
        }
    }
}

/// A line at the top of an area, cut at its edge.
pub fn put(buf: &mut Buffer, area: Rect, line: &Line<'_>) {
    let area = area.intersection(buf.area);
    if area.height > 0 && area.width > 0 {
        buf.set_line(area.x, area.y, line, area.width);
    }
}

/// A line whose end stands at the right edge of an area. Gives the cells used.
pub fn put_right(buf: &mut Buffer, area: Rect, line: &Line<'_>) -> u16 {
    let wide = u16::try_from(line.width()).unwrap_or(u16::MAX).min(area.width);
    put(buf, Rect { x: area.right().saturating_sub(wide), width: wide, ..area }, line);
    wide
}

pub fn heading(cx: &Cx<'_>, buf: &mut Buffer, area: Rect, title: &str) {
    let title = &cx.cut(title, usize::from(area.width));
    let used = width(title) + 1;
    let rule = cx.sym().rule.repeat(usize::from(area.width).saturating_sub(used));
    put(buf, area, &cx.line(&[(title, Role::Title), (" ", Role::Text), (&rule, Role::Border)]));
}

/// Breaks a cleaned line between words; a word longer than the line is broken.
pub fn wrap(text: &str, room: usize) -> Vec<String> {
    if room == 0 {
        return Vec::new();
    }
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split(' ').filter(|w| !w.is_empty()) {
        let wide = width(word);
        let gap = usize::from(used > 0);
        if used + gap + wide > room && used > 0 {
            lines.push(String::new());
            used = 0;
        }
        let mut line = lines.pop().unwrap_or_default();
        if used > 0 {
            line.push(' ');
            used += 1;
        }
        for part in word.graphemes(true) {
            if used + width(part) > room {
                lines.push(std::mem::take(&mut line));
                used = 0;
            }
            line.push_str(part);
            used += width(part);
        }
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_break_between_words() {
        assert_eq!(wrap("stop the old primary", 9), ["stop the", "old", "primary"]);
        assert_eq!(wrap("abcdefghij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(wrap("東京都 ok", 4), ["東京", "都", "ok"]);
        assert_eq!(wrap("", 4), [""]);
        assert!(wrap("text", 0).is_empty());
    }
}
