//! One figure over time, with where it leads.
//!
//! ```text
//! 1.4 GiB ┤           ⢀⠤⠒⠉   what was seen, then where the line leads,
//!         │      ⣀⠤⠒⠉⠁       and between what, in nine of ten cases
//! 1.0 GiB ┤⣀⠤⠒⠉
//!          26 Oct        25 Nov
//! ```

use lifeboat_core::assess::past::{Measure, Plot};
use lifeboat_core::model::{Time, width};
use ratatui::{buffer::Buffer, layout::Rect};

use super::{
    Cx, Role,
    flow::{put, put_right},
};

/// Room for the labels on the left.
const LABEL: u16 = 10;

/// Dots of one colour a cell; what is drawn later wins.
struct Dots {
    wide: usize,
    high: usize,
    /// Dots of a cell: two by four, or one where there are only letters.
    per: (usize, usize),
    cells: Vec<(u8, Role)>,
}

impl Dots {
    fn new(area: Rect, unicode: bool) -> Self {
        let (wide, high) = (usize::from(area.width), usize::from(area.height));
        let per = if unicode { (2, 4) } else { (1, 1) };
        Self { wide, high, per, cells: vec![(0, Role::Dim); wide * high] }
    }
    fn size(&self) -> (usize, usize) {
        (self.wide * self.per.0, self.high * self.per.1)
    }
    fn set(&mut self, x: usize, y: usize, role: Role) {
        // Unicode numbers the dots of a cell so.
        const BITS: [[u8; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];
        let (cell_x, cell_y) = (x / self.per.0, y / self.per.1);
        if cell_x < self.wide && cell_y < self.high {
            let cell = &mut self.cells[cell_y * self.wide + cell_x];
            cell.0 |= BITS[y % self.per.1][x % self.per.0];
            cell.1 = role;
        }
    }
    fn line(&mut self, from: (usize, usize), to: (usize, usize), role: Role) {
        let steps = from.0.abs_diff(to.0).max(from.1.abs_diff(to.1)).max(1);
        let along = |a: usize, b: usize, n: usize| {
            let part = n as f64 / steps as f64;
            (a as f64 + (b as f64 - a as f64) * part).round() as usize
        };
        for n in 0..=steps {
            self.set(along(from.0, to.0, n), along(from.1, to.1, n), role);
        }
    }
    fn draw(&self, cx: &Cx<'_>, buf: &mut Buffer, area: Rect) {
        for (n, (dots, role)) in self.cells.iter().enumerate().filter(|(_, (dots, _))| *dots > 0) {
            let (x, y) = (n % self.wide, n / self.wide);
            let sign = match self.per {
                (2, _) => char::from_u32(0x2800 + u32::from(*dots)).unwrap_or(' '),
                _ if matches!(role, Role::Dim | Role::Border) => '.',
                _ => '*',
            };
            let (Ok(x), Ok(y)) = (u16::try_from(x), u16::try_from(y)) else { continue };
            if let Some(cell) = buf.cell_mut((area.x + x, area.y + y)) {
                cell.set_char(sign).set_style(cx.role(*role));
            }
        }
    }
}

/// From what to what a plot reaches, seconds and values.
#[derive(Debug, Clone, Copy, PartialEq)]
struct View {
    from: f64,
    to: f64,
    low: f64,
    high: f64,
}

impl View {
    fn of(plot: &Plot) -> Option<Self> {
        let (from, to) = plot.span()?;
        let ends = plot.ahead(to).map(|(middle, low, high)| [middle, low, high]);
        let values = plot.values.iter().map(|(_, v)| *v);
        let all = values.chain(ends.into_iter().flatten());
        let (low, high) = all.fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(v), h.max(v)));
        // What it should stay below is shown where it is near.
        let limit = plot.limit.filter(|l| *l > high && *l < 2.0 * high);
        let high = limit.unwrap_or(high);
        let (low, high) = match plot.measure {
            Measure::Share => (0.0, 1.0),
            Measure::Seconds | Measure::Count => (0.0, high),
            Measure::Bytes => ((low - 0.05 * (high - low)).max(0.0), high),
        };
        let high = if high > low { high } else { low + 1.0 };
        Some(Self { from, to: if to > from { to } else { from + 1.0 }, low, high })
    }
    fn x(&self, at: f64, wide: usize) -> usize {
        let part = ((at - self.from) / (self.to - self.from)).clamp(0.0, 1.0);
        (part * wide.saturating_sub(1) as f64).round() as usize
    }
    fn y(&self, value: f64, high: usize) -> usize {
        let part = ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0);
        ((1.0 - part) * high.saturating_sub(1) as f64).round() as usize
    }
}

fn seconds(at: Time) -> f64 {
    at.timestamp_millis() as f64 / 1_000.0
}

/// Whole, with labels; nothing where there is no room or no value.
pub fn draw(cx: &Cx<'_>, buf: &mut Buffer, area: Rect, plot: &Plot) {
    let area = area.intersection(buf.area);
    let Some(view) = View::of(plot).filter(|_| area.width > LABEL + 8 && area.height >= 4) else { return };
    let canvas =
        Rect { x: area.x + LABEL + 1, width: area.width - LABEL - 1, height: area.height - 1, ..area };
    let mut dots = Dots::new(canvas, cx.sym().unicode);
    limit(&mut dots, view, plot);
    ahead(&mut dots, view, plot);
    seen(&mut dots, view, plot);
    dots.draw(cx, buf, canvas);
    labels(cx, buf, area, canvas, view, plot);
}

fn limit(dots: &mut Dots, view: View, plot: &Plot) {
    let Some(limit) = plot.limit.filter(|l| (view.low..=view.high).contains(l)) else { return };
    let (wide, high) = dots.size();
    for x in (0..wide).filter(|x| x % 6 < 3) {
        dots.set(x, view.y(limit, high), Role::Warning);
    }
}

fn ahead(dots: &mut Dots, view: View, plot: &Plot) {
    let (wide, high) = dots.size();
    let Some((last, _)) = plot.last() else { return };
    for x in view.x(seconds(last), wide)..wide {
        let at = view.from + (view.to - view.from) * x as f64 / wide.saturating_sub(1).max(1) as f64;
        let Some((middle, low, most)) = plot.ahead(at) else { continue };
        if x % 2 == 0 {
            dots.set(x, view.y(low, high), Role::Dim);
            dots.set(x, view.y(most, high), Role::Dim);
        }
        dots.set(x, view.y(middle, high), Role::Link);
    }
}

/// Where nothing was seen for long there is no line.
fn seen(dots: &mut Dots, view: View, plot: &Plot) {
    let (wide, high) = dots.size();
    let mut apart: Vec<f64> = plot.values.windows(2).map(|w| seconds(w[1].0) - seconds(w[0].0)).collect();
    apart.sort_by(f64::total_cmp);
    let usual = apart.get(apart.len() / 2).copied().unwrap_or(0.0);
    let place = |(at, value): (Time, f64)| (view.x(seconds(at), wide), view.y(value, high));
    for pair in plot.values.windows(2) {
        if seconds(pair[1].0) - seconds(pair[0].0) <= 3.0 * usual {
            dots.line(place(pair[0]), place(pair[1]), Role::Accent);
        }
    }
    for value in &plot.values {
        let (x, y) = place(*value);
        dots.set(x, y, Role::Accent);
    }
}

fn labels(cx: &Cx<'_>, buf: &mut Buffer, area: Rect, canvas: Rect, view: View, plot: &Plot) {
    let left = Rect { width: LABEL - 1, height: 1, ..area };
    let middle = f64::midpoint(view.low, view.high);
    let rows =
        [(canvas.y, view.high), (canvas.y + canvas.height / 2, middle), (canvas.bottom() - 1, view.low)];
    for (n, (y, value)) in rows.into_iter().enumerate() {
        // In the middle only where it says something of its own.
        if n != 1 || canvas.height >= 7 {
            put_right(buf, Rect { y, ..left }, &cx.line(&[(&plot.measure.text(value), Role::Dim)]));
        }
    }
    for y in canvas.top()..canvas.bottom() {
        put(
            buf,
            Rect { x: canvas.x - 1, y, width: 1, height: 1 },
            &cx.line(&[(cx.sym().frame[5], Role::Border)]),
        );
    }
    let below = Rect { y: area.bottom() - 1, height: 1, ..canvas };
    let label = |at: f64| {
        let at = Time::from_timestamp(at as i64, 0).unwrap_or(Time::UNIX_EPOCH);
        let day = view.to - view.from > 3.0 * 86_400.0;
        at.format(if day { "%d %b" } else { "%d %b %H:%M" }).to_string()
    };
    let (from, to) = (label(view.from), label(view.to));
    put(buf, below, &cx.line(&[(&from, Role::Dim)]));
    let used = put_right(buf, below, &cx.line(&[(&to, Role::Dim)]));
    // Where what was seen ends and what is foreseen begins.
    if let Some((last, _)) = plot.last().filter(|_| plot.forecasts()) {
        let x = u16::try_from(view.x(seconds(last), usize::from(canvas.width))).unwrap_or(0);
        let (rule, words) = (cx.sym().frame[5], "foreseen from here");
        let wide = u16::try_from(width(words) + 2).unwrap_or(u16::MAX);
        let (first, after) = (u16::try_from(width(&from) + 1).unwrap_or(0), x + wide + used + 1);
        let (text, at) = match (after <= canvas.width && x > first, x >= first + wide) {
            (true, _) => (format!("{rule} {words}"), x),
            (false, true) => (format!("{words} {rule}"), x + 1 - wide),
            (false, false) => return,
        };
        put(buf, Rect { x: canvas.x + at, width: wide, ..below }, &cx.line(&[(&text, Role::Dim)]));
    }
}

/// Small enough for a cell of a table.
pub fn bars(cx: &Cx<'_>, plot: &Plot) -> String {
    let bars = crate::report::bars(plot);
    let letter = |c: char| char::from(b"_.-=+*%#"[(c as usize).saturating_sub('▁' as usize).min(7)]);
    match cx.sym().unicode {
        true => bars,
        // From low to high, in letters that every terminal has.
        false => bars.chars().map(letter).collect(),
    }
}
