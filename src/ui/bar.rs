//! An interval of loss drawn against its objective.

use lifeboat_core::{assess::Loss, model::Dur};
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
};

use super::{Cx, Role, flow::put};

/// ```text
/// 0 ──███████────────────────────┃─────
///   0.4s to 6.5s          RPO 5m
/// ```
/// An unknown upper bound runs to the edge and is said to.
pub fn loss(cx: &Cx<'_>, buf: &mut Buffer, area: Rect, loss: Loss, target: Option<Dur>) {
    if area.height == 0 || area.width < 12 {
        return;
    }
    let wide = usize::from(area.width);
    let over = |d: Option<Dur>| d.map_or(0, Dur::as_millis);
    let end =
        (over(target) * 5 / 4).max(over(loss.upper) * 11 / 10).max(loss.lower.as_millis() * 2).max(1_000);
    let at = |d: Dur| {
        let share = d.as_millis().clamp(0, end) as f64 / end as f64;
        ((share * (wide - 1) as f64).round() as usize).min(wide - 1)
    };
    let (from, to) = (at(loss.lower), loss.upper.map_or(wide - 1, at));
    let role = match (loss.upper, target) {
        (None, _) => Role::Unknown,
        (Some(upper), Some(target)) if upper > target => Role::Critical,
        (Some(upper), Some(target)) if upper.as_millis() * 5 > target.as_millis() * 4 => Role::Warning,
        (Some(_), Some(_)) => Role::Ok,
        (Some(_), None) => Role::Accent,
    };
    let mark = target.map(at);
    let cell = |n: usize| match n {
        n if Some(n) == mark => cx.span(cx.sym().mark, Role::Strong),
        n if (from..=to).contains(&n) => cx.span(cx.sym().bar, role),
        _ => cx.span(cx.sym().axis, Role::Border),
    };
    put(buf, area, &Line::from((0..wide).map(cell).collect::<Vec<_>>()));
    if area.height > 1 {
        labels(cx, buf, Rect { y: area.y + 1, height: 1, ..area }, cx.lost(loss), role, mark.zip(target));
    }
}

fn labels(cx: &Cx<'_>, buf: &mut Buffer, area: Rect, text: String, role: Role, mark: Option<(usize, Dur)>) {
    put(buf, area, &cx.line(&[(&text, role)]));
    let Some((at, target)) = mark else { return };
    let name = format!("RPO {target}");
    let latest = usize::from(area.width).saturating_sub(name.len());
    let x = at.saturating_sub(name.len() / 2).max(text.len() + 2).min(latest);
    if x > text.len() {
        let x = area.x + u16::try_from(x).unwrap_or(0);
        let width = area.right().saturating_sub(x);
        put(buf, Rect { x, width, ..area }, &Line::from(Span::styled(name, cx.role(Role::Dim))));
    }
}
