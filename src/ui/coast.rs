//! Coasts as lines: Natural Earth's land at 1:110 million, which is in the
//! public domain (naturalearthdata.com). `coast.bin` holds pairs of little-endian
//! `i16`, longitude and latitude in hundredths of a degree; a pair of `i16::MIN`
//! ends a line. Land south of 60° S is left out.

use ratatui::{
    style::Color,
    widgets::canvas::{Line, Painter, Shape},
};

const COAST: &[u8] = include_bytes!("coast.bin");

pub struct Coast {
    pub color: Color,
    /// Degrees at the edges of what is shown; the rest is passed over.
    pub west: f64,
    pub east: f64,
    pub south: f64,
    pub north: f64,
}

/// Points as longitude and latitude; `None` ends a line.
fn points() -> impl Iterator<Item = Option<(f64, f64)>> {
    COAST.chunks_exact(4).map(|c| {
        let degrees = |low: u8, high: u8| i16::from_le_bytes([low, high]);
        let (lon, lat) = (degrees(c[0], c[1]), degrees(c[2], c[3]));
        (lon != i16::MIN).then(|| (f64::from(lon) / 100.0, f64::from(lat) / 100.0))
    })
}

impl Shape for Coast {
    fn draw(&self, painter: &mut Painter<'_, '_>) {
        let inside = |(x, y): (f64, f64)| {
            (self.west..=self.east).contains(&x) && (self.south..=self.north).contains(&y)
        };
        // Where the land's outline runs along the date line there is no coast.
        let edge = |(x, _): (f64, f64)| x.abs() > 179.95;
        let mut last: Option<(f64, f64)> = None;
        for point in points() {
            if let (Some(a), Some(b)) = (last, point)
                && (inside(a) || inside(b))
                && !(edge(a) && edge(b))
            {
                Line { x1: a.0, y1: a.1, x2: b.0, y2: b.1, color: self.color }.draw(painter);
            }
            last = point;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_coasts_are_whole_and_on_the_globe() {
        assert_eq!(COAST.len() % 4, 0);
        let all: Vec<_> = points().collect();
        assert_eq!(all.last(), Some(&None));
        assert!(all.iter().flatten().count() > 4_000);
        for (lon, lat) in all.into_iter().flatten() {
            assert!(lon.abs() <= 180.01 && (-60.0..=90.0).contains(&lat), "{lon} {lat}");
        }
    }
}
