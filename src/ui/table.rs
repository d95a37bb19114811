//! Tables: columns as wide as what they hold, the least important dropped
//! first when room is short, the selected line always in sight.

use lifeboat_core::model::width;
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::{Color, Modifier, Style},
    text::{Line, Span},
};

use super::{Cx, Role, flow::put};

#[derive(Debug, Clone, Copy)]
pub struct Column {
    pub title: &'static str,
    pub min: u16,
    pub max: u16,
    /// 0 never goes; of the others the highest goes first.
    pub drop: u8,
    pub right: bool,
}

pub const fn col(title: &'static str, min: u16, max: u16, drop: u8) -> Column {
    Column { title, min, max, drop, right: false }
}
pub const fn num(title: &'static str, min: u16, max: u16, drop: u8) -> Column {
    Column { title, min, max, drop, right: true }
}

pub type Cell = Vec<Span<'static>>;

/// One span as a cell.
pub fn one(span: Span<'static>) -> Cell {
    vec![span]
}

const GAP: u16 = 2;
/// The pointer beside the selected line.
const GUTTER: u16 = 2;

fn cell_width(cell: &Cell) -> u16 {
    u16::try_from(cell.iter().map(|s| width(&s.content)).sum::<usize>()).unwrap_or(u16::MAX)
}

/// Columns that fit, by index, with their widths. A column that is kept is
/// never narrower than its `min`, or than all it holds.
fn fit(columns: &[Column], wanted: &[u16], room: u16) -> Vec<(usize, u16)> {
    let mut kept: Vec<usize> = (0..columns.len()).collect();
    let least = |n: usize| columns[n].min.min(wanted[n]);
    while kept.len() > 1 {
        let used: u32 = kept.iter().map(|n| u32::from(least(*n) + GAP)).sum();
        let droppable =
            kept.iter().copied().filter(|n| columns[*n].drop > 0).max_by_key(|n| columns[*n].drop);
        match droppable {
            Some(n) if used.saturating_sub(u32::from(GAP)) > u32::from(room) => kept.retain(|k| *k != n),
            _ => break,
        }
    }
    let mut widths: Vec<(usize, u16)> = kept.iter().map(|n| (*n, least(*n))).collect();
    let used: u16 = widths.iter().map(|(_, w)| w + GAP).sum::<u16>().saturating_sub(GAP);
    let mut spare = room.saturating_sub(used);
    // Important columns get what they want first.
    let mut order: Vec<usize> = (0..widths.len()).collect();
    order.sort_by_key(|i| columns[widths[*i].0].drop);
    for i in order {
        let (n, have) = widths[i];
        let more = wanted[n].min(columns[n].max).saturating_sub(have).min(spare);
        widths[i].1 += more;
        spare -= more;
    }
    widths
}

/// The first line to show so that the cursor is in sight; moves by halves, so
/// that the list stands still while the cursor walks.
pub fn first_shown(cursor: usize, count: usize, room: usize) -> usize {
    if count <= room || room == 0 {
        return 0;
    }
    let half = (room / 2).max(1);
    let first = (cursor / half).saturating_sub(1) * half;
    let first = if cursor >= first + room { cursor + 1 - room } else { first };
    first.min(count - room)
}

pub struct Table<'t> {
    pub columns: &'t [Column],
    pub count: usize,
    /// The selected line, where lines can be selected.
    pub cursor: Option<usize>,
}

impl Table<'_> {
    /// Draws titles and as many lines as fit; gives the lines used.
    pub fn draw(&self, cx: &Cx<'_>, buf: &mut Buffer, area: Rect, row: impl Fn(usize) -> Vec<Cell>) -> u16 {
        let area = area.intersection(buf.area);
        if area.height == 0 || area.width <= GUTTER {
            return 0;
        }
        let room = usize::from(area.height - 1);
        let first = first_shown(self.cursor.unwrap_or(0), self.count, room);
        let rows: Vec<(usize, Vec<Cell>)> =
            (first..self.count.min(first + room)).map(|n| (n, row(n))).collect();
        let wanted: Vec<u16> = self
            .columns
            .iter()
            .enumerate()
            .map(|(n, c)| {
                let cells = rows.iter().filter_map(|(_, r)| r.get(n)).map(cell_width);
                cells.max().unwrap_or(0).max(u16::try_from(width(c.title)).unwrap_or(0))
            })
            .collect();
        let places = fit(self.columns, &wanted, area.width - GUTTER);
        self.titles(cx, buf, area, &places);
        for (line, (n, cells)) in rows.iter().enumerate() {
            let y = area.y + 1 + u16::try_from(line).unwrap_or(0);
            let at = Rect { y, height: 1, ..area };
            // Under the cells, so that a badge keeps its own background.
            if self.cursor == Some(*n) {
                buf.set_style(at, cx.role(Role::Selection));
                put(buf, at, &cx.line(&[(cx.sym().pointer, Role::Accent)]));
            }
            self.cells(cx, buf, at, &places, cells);
            if self.cursor == Some(*n) {
                plain_if_reversed(cx, buf, at);
            }
            if self.cursor.is_some() {
                cx.hit(at, *n);
            }
        }
        1 + u16::try_from(rows.len()).unwrap_or(0)
    }

    fn titles(&self, cx: &Cx<'_>, buf: &mut Buffer, area: Rect, places: &[(usize, u16)]) {
        let mut x = area.x + GUTTER;
        for (n, wide) in places {
            let column = &self.columns[*n];
            let text = place(&cx.cut(column.title, usize::from(*wide)), *wide, column.right);
            put(buf, Rect { x, width: *wide, height: 1, ..area }, &cx.line(&[(&text, Role::Dim)]));
            x = x.saturating_add(wide + GAP);
        }
    }

    fn cells(&self, cx: &Cx<'_>, buf: &mut Buffer, at: Rect, places: &[(usize, u16)], cells: &[Cell]) {
        let mut x = at.x + GUTTER;
        for (n, wide) in places {
            if let Some(cell) = cells.get(*n) {
                let line = shorten(cell, usize::from(*wide), cx);
                let used = u16::try_from(line.width()).unwrap_or(0);
                let shift = if self.columns[*n].right { wide.saturating_sub(used) } else { 0 };
                put(buf, Rect { x: x + shift, width: wide - shift.min(*wide), ..at }, &line);
            }
            x = x.saturating_add(wide + GAP);
        }
    }
}

/// Colours turned inside out would be a patchwork: a reversed line has none.
fn plain_if_reversed(cx: &Cx<'_>, buf: &mut Buffer, at: Rect) {
    if cx.role(Role::Selection).add_modifier.contains(Modifier::REVERSED) {
        buf.set_style(at, Style::new().fg(Color::Reset).bg(Color::Reset).remove_modifier(Modifier::DIM));
    }
}

fn place(text: &str, wide: u16, right: bool) -> String {
    match right {
        true => format!("{text:>0$}", usize::from(wide)),
        false => text.to_owned(),
    }
}

/// The spans as a line no wider than `room`, with a sign where it is cut.
pub fn shorten(cell: &[Span<'static>], room: usize, cx: &Cx<'_>) -> Line<'static> {
    let mut left = room;
    let mut spans = Vec::new();
    for span in cell {
        let wide = width(&span.content);
        if wide > left {
            spans.push(Span::styled(cx.cut(&span.content, left), span.style));
            break;
        }
        left -= wide;
        spans.push(span.clone());
    }
    Line::from(spans)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursor_is_always_in_sight() {
        for count in 0..40 {
            for room in 0..12 {
                for cursor in 0..count {
                    let first = first_shown(cursor, count, room);
                    assert!(room == 0 || (first..first + room).contains(&cursor), "{cursor} {count} {room}");
                    assert!(first + room <= count.max(room));
                }
            }
        }
    }

    #[test]
    fn the_least_important_column_goes_first() {
        let columns = [col("A", 5, 10, 0), col("B", 5, 10, 2), col("C", 5, 10, 1)];
        let kept = |room| fit(&columns, &[8, 8, 8], room).iter().map(|(n, _)| *n).collect::<Vec<_>>();
        assert_eq!(kept(30), [0, 1, 2]);
        assert_eq!(kept(18), [0, 2]);
        assert_eq!(kept(6), [0]);
    }
}
