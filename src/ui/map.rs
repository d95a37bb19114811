//! The world, drawn in braille around the estate's regions: coasts, links with
//! their lag, and each region with its state in words.

use lifeboat_core::model::width;
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::Color,
    symbols::Marker,
    text::Line,
    widgets::{
        Widget,
        canvas::{Canvas, Line as Stroke},
    },
};

use super::{Cx, Role, coast::Coast, flow::put};

/// Degrees at the edges.
#[derive(Debug, Clone, Copy, PartialEq)]
struct View {
    west: f64,
    east: f64,
    south: f64,
    north: f64,
}

impl View {
    /// Around the points, with a margin, in the proportions of the area, never
    /// so near that coasts could not be recognised.
    fn around(points: &[(f64, f64)], area: Rect) -> Option<Self> {
        let edge =
            |pick: fn(&(f64, f64)) -> f64, fold: fn(f64, f64) -> f64| points.iter().map(pick).reduce(fold);
        let (south, north) = (edge(|p| p.0, f64::min)?, edge(|p| p.0, f64::max)?);
        let (west, east) = (edge(|p| p.1, f64::min)?, edge(|p| p.1, f64::max)?);
        let (mid_lat, mid_lon) = ((south + north) / 2.0, (west + east) / 2.0);
        // A degree of longitude is narrower away from the equator.
        let squeeze = mid_lat.to_radians().cos().max(0.3);
        // A cell has two dots across and four down; dots are about square.
        let (across, down) = (f64::from(area.width) * 2.0, f64::from(area.height) * 4.0);
        let wide = ((east - west) * 1.45).max(64.0);
        let high = ((north - south) * 1.9).max(22.0);
        let scale = (wide / across).max(high / (down * squeeze)).min(360.0 / across);
        let (half_lon, half_lat) = (scale * across / 2.0, scale * down * squeeze / 2.0);
        Some(Self {
            west: mid_lon - half_lon,
            east: mid_lon + half_lon,
            south: mid_lat - half_lat,
            north: mid_lat + half_lat,
        })
    }
    fn cell(&self, area: Rect, (lat, lon): (f64, f64)) -> (u16, u16) {
        let place = |share: f64, size: u16| {
            let at = share * f64::from(size);
            (at.clamp(0.0, f64::from(size.saturating_sub(1)))) as u16
        };
        let x = place((lon - self.west) / (self.east - self.west), area.width);
        let y = place((self.north - lat) / (self.north - self.south), area.height);
        (area.x + x, area.y + y)
    }
}

/// Whether there is anything to draw, and signs to draw coasts with.
pub fn has_places(cx: &Cx<'_>) -> bool {
    cx.sym().unicode && cx.app.glance.regions.iter().any(|r| r.at.is_some())
}

pub fn draw(cx: &Cx<'_>, buf: &mut Buffer, area: Rect) {
    let area = area.intersection(buf.area);
    let glance = &cx.app.glance;
    let points: Vec<_> = glance.regions.iter().filter_map(|r| r.at).collect();
    let Some(view) = View::around(&points, area) else { return };
    if area.width < 20 || area.height < 6 {
        return;
    }
    coasts(cx, buf, area, view);
    let mut taken: Vec<Rect> = Vec::new();
    regions(cx, buf, area, view, &mut taken);
    lags(cx, buf, area, view, &mut taken);
}

fn colour(cx: &Cx<'_>, role: Role) -> Color {
    cx.role(role).fg.unwrap_or(Color::Reset)
}

fn coasts(cx: &Cx<'_>, buf: &mut Buffer, area: Rect, view: View) {
    let glance = &cx.app.glance;
    Canvas::default()
        .marker(Marker::Braille)
        .x_bounds([view.west, view.east])
        .y_bounds([view.south, view.north])
        .paint(|context| {
            let View { west, east, south, north } = view;
            context.draw(&Coast { color: colour(cx, Role::Map), west, east, south, north });
            context.layer();
            for link in &glance.links {
                let ends = (glance.regions.get(link.from), glance.regions.get(link.to));
                let (Some(Some(a)), Some(Some(b))) = (ends.0.map(|r| r.at), ends.1.map(|r| r.at)) else {
                    continue;
                };
                let role = match link.state {
                    lifeboat_core::assess::State::Ok => Role::Link,
                    state => cx.state_role(state),
                };
                context.draw(&Stroke { x1: a.1, y1: a.0, x2: b.1, y2: b.0, color: colour(cx, role) });
            }
        })
        .render(area, buf);
}

/// Places text near a cell where it covers nothing that is placed already.
fn write(buf: &mut Buffer, area: Rect, taken: &mut Vec<Rect>, tries: &[(i32, i32)], line: &Line<'_>) -> bool {
    let wide = u16::try_from(line.width()).unwrap_or(u16::MAX);
    for (x, y) in tries {
        let (Ok(x), Ok(y)) = (u16::try_from(*x), u16::try_from(*y)) else { continue };
        let at = Rect { x, y, width: wide, height: 1 };
        // Around words there is air, so that dots do not read as letters.
        let air = Rect { x: x.saturating_sub(1), y, width: wide.saturating_add(2), height: 1 };
        if at.intersection(area) == at && !taken.iter().any(|t| t.intersects(air)) {
            let hidden = air.intersection(area);
            for x in hidden.left()..hidden.right() {
                if let Some(cell) = buf.cell_mut((x, at.y)) {
                    cell.reset();
                }
            }
            put(buf, at, line);
            taken.push(at);
            return true;
        }
    }
    false
}

fn regions(cx: &Cx<'_>, buf: &mut Buffer, area: Rect, view: View, taken: &mut Vec<Rect>) {
    let all = || cx.app.glance.regions.iter().filter_map(|r| Some((r, view.cell(area, r.at?))));
    // All signs first: a name may not cover another region.
    for (region, (x, y)) in all() {
        let role = if region.lost { Role::WhatIf } else { cx.state_role(region.state) };
        let sign = if region.lost { cx.sym().critical } else { cx.sym().state(region.state) };
        let at = Rect { x, y, width: 1, height: 1 };
        put(buf, at, &cx.line(&[(sign, role)]));
        taken.push(at);
    }
    for (region, (x, y)) in all() {
        let (word, role) = match region.lost {
            true => ("GONE", if cx.app.what_if.contains(&region.id) { Role::WhatIf } else { Role::Incident }),
            false => (region.state.as_str(), cx.state_role(region.state)),
        };
        let line = cx.line(&[(&region.label, Role::Strong), (" ", Role::Text), (word, role)]);
        let wide = i32::try_from(width(&region.label) + 1 + word.len()).unwrap_or(0);
        let (x, y) = (i32::from(x), i32::from(y));
        let right = x + 2;
        let left = x - 1 - wide;
        let tries = [
            (right, y),
            (left, y),
            (x - wide / 2, y + 1),
            (x - wide / 2, y - 1),
            (right, y + 1),
            (right, y - 1),
            (left, y + 1),
            (left, y - 1),
            (right, y + 2),
            (left, y - 2),
        ];
        write(buf, area, taken, &tries, &line);
    }
}

fn lags(cx: &Cx<'_>, buf: &mut Buffer, area: Rect, view: View, taken: &mut Vec<Rect>) {
    let glance = &cx.app.glance;
    for link in &glance.links {
        let at = |n: usize| glance.regions.get(n).and_then(|r| r.at).map(|at| view.cell(area, at));
        let (Some(from), Some(to)) = (at(link.from), at(link.to)) else { continue };
        let Some(lag) = link.lag else { continue };
        let text = format!("lag {lag}");
        let role = match link.state {
            lifeboat_core::assess::State::Ok => Role::Dim,
            state => cx.state_role(state),
        };
        let (x, y) = ((i32::from(from.0) + i32::from(to.0)) / 2, (i32::from(from.1) + i32::from(to.1)) / 2);
        let x = x - i32::try_from(text.len() / 2).unwrap_or(0);
        write(
            buf,
            area,
            taken,
            &[(x, y), (x, y + 1), (x, y - 1), (x, y + 2), (x, y - 2)],
            &cx.line(&[(&text, role)]),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_region_lies_inside_the_view() {
        let worlds: [&[(f64, f64)]; 4] = [
            &[(53.35, -6.26), (50.11, 8.68), (38.95, -77.45)],
            &[(53.35, -6.26)],
            &[(-33.9, 151.2), (35.7, 139.7), (1.3, 103.8)],
            &[(64.1, -21.9), (-54.8, -68.3), (-41.3, 174.8)],
        ];
        for points in worlds {
            for area in [Rect::new(0, 0, 110, 16), Rect::new(3, 4, 60, 30), Rect::new(0, 0, 20, 6)] {
                let view = View::around(points, area).unwrap();
                for point in points {
                    let (x, y) = view.cell(area, *point);
                    assert!(area.contains((x, y).into()));
                    assert!((view.west..=view.east).contains(&point.1), "{point:?} {view:?}");
                }
            }
        }
        assert_eq!(View::around(&[], Rect::new(0, 0, 10, 10)), None);
    }
}
