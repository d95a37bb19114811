//! What lies over a screen: forms, help, the palette, the choice of regions.

use lifeboat_core::model::{clean_line, width};
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
    widgets::{Clear, Widget},
};

use super::{
    Cx, Role,
    flow::{Flow, put, wrap},
    table::{Table, col, one},
};
use crate::app::{FieldKind, Form, Input, Layer, PaletteItem, Purpose, help_lines, palette_items};

pub fn draw(cx: &Cx<'_>, buf: &mut Buffer, area: Rect) {
    match cx.app.layer() {
        None => {}
        Some(Layer::Filter { input, .. }) => filter(cx, buf, area, input),
        Some(Layer::Help { filter, cursor }) => help(cx, buf, area, filter, *cursor),
        Some(Layer::Palette { input, cursor }) => palette(cx, buf, area, input, *cursor),
        Some(Layer::WhatIf { cursor, .. }) => what_if(cx, buf, area, *cursor),
        // What a run asks is answered in the run's own box.
        Some(Layer::Form(question)) if in_screen(cx, question) => {}
        Some(Layer::Form(question)) => {
            let room = usize::from(area.width.min(WIDE).saturating_sub(6));
            let inside =
                boxed(cx, buf, area, form_height(question, room), &question.title, role_of(question));
            form(cx, buf, inside, question);
        }
    }
}

fn in_screen(cx: &Cx<'_>, form: &Form) -> bool {
    matches!(form.purpose, Purpose::Answer { .. }) && cx.app.run().is_some_and(|v| !v.asks.is_empty())
}

const WIDE: u16 = 84;

/// An emptied box in the middle; gives its inside.
fn boxed(cx: &Cx<'_>, buf: &mut Buffer, area: Rect, lines: u16, title: &str, role: Role) -> Rect {
    let width = area.width.min(WIDE);
    let height = area.height.min(lines.saturating_add(2));
    let x = area.x + (area.width - width) / 2;
    let y = area.y + (area.height - height) / 3;
    box_at(cx, buf, Rect { x, y, width, height }, title, role)
}

fn box_at(cx: &Cx<'_>, buf: &mut Buffer, at: Rect, title: &str, role: Role) -> Rect {
    let Rect { x, y, width, height } = at;
    Clear.render(at, buf);
    outline(cx, buf, at, title, role);
    let side = if width > 30 { 3 } else { 1 };
    Rect { x: x + side, y: y + 1, width: width.saturating_sub(2 * side), height: height.saturating_sub(2) }
}

/// A light frame with its title in the upper edge.
pub fn outline(cx: &Cx<'_>, buf: &mut Buffer, at: Rect, title: &str, role: Role) {
    if at.width < 4 || at.height < 2 {
        return;
    }
    let [ul, ur, ll, lr, across, down] = cx.sym().frame;
    let inner = usize::from(at.width - 2);
    let row = |y: u16| Rect { y, height: 1, ..at };
    put(buf, row(at.y), &cx.line(&[(&format!("{ul}{}{ur}", across.repeat(inner)), role)]));
    for y in at.y + 1..at.bottom() - 1 {
        put(buf, row(y), &cx.line(&[(down, role)]));
        put(buf, Rect { x: at.right() - 1, width: 1, ..row(y) }, &cx.line(&[(down, role)]));
    }
    put(buf, row(at.bottom() - 1), &cx.line(&[(&format!("{ll}{}{lr}", across.repeat(inner)), role)]));
    let title = format!(" {} ", clean_line(title));
    let room = at.width.saturating_sub(4);
    put(buf, Rect { x: at.x + 2, width: room, ..row(at.y) }, &cx.line(&[(&title, Role::Title)]));
}

fn role_of(form: &Form) -> Role {
    if form.danger { Role::Critical } else { Role::Accent }
}

/// Lines that a form takes inside its box.
pub fn form_height(form: &Form, room: usize) -> u16 {
    let wrapped = |text: &str, room: usize| wrap(text, room.max(1)).len();
    let details: usize = form.details.iter().map(|d| wrapped(d, room.saturating_sub(2))).sum();
    let gap = usize::from(details > 0);
    let all = wrapped(&form.sentence, room) + gap + details + 1 + form.fields.len() + 1;
    u16::try_from(all).unwrap_or(u16::MAX)
}

/// The question, what it is about, its fields, and what is wrong with them.
pub fn form(cx: &Cx<'_>, buf: &mut Buffer, area: Rect, form: &Form) {
    let mut flow = Flow::new(buf, area);
    flow.sentence(Span::raw(""), &form.sentence, cx.role(Role::Strong));
    // Air goes first when room is short, then details; never the fields.
    let room = usize::from(area.width).saturating_sub(2).max(1);
    let details: usize = form.details.iter().map(|d| wrap(d, room).len()).sum();
    let fields = form.fields.len();
    let air = usize::from(flow.left()) >= details + fields + 2 + usize::from(form.error.is_some());
    if !form.details.is_empty() {
        flow.skip(u16::from(air));
        let lead = format!("{} ", cx.sym().dot);
        for (n, detail) in form.details.iter().enumerate() {
            // A line below the fields is for what is wrong with them.
            let spare = usize::from(flow.left()).saturating_sub(fields + 1);
            let last = n + 1 == form.details.len();
            if spare < wrap(detail, room).len() + usize::from(!last) {
                let more = if n == 0 { String::new() } else { " more".to_owned() };
                if spare > 0 {
                    let text = format!("  and {}{more}", form.details.len() - n);
                    flow.line(&cx.line(&[(&text, Role::Dim)]));
                }
                break;
            }
            flow.sentence(cx.span(&lead, Role::Dim), detail, cx.role(Role::Text));
        }
    }
    flow.skip(u16::from(air));
    let labels = form.fields.iter().map(|f| width(&f.label)).max().unwrap_or(0);
    let room = usize::from(flow.left().saturating_sub(1)).max(1);
    let first = form.focus.saturating_sub(room - 1);
    for (n, field) in form.fields.iter().enumerate().skip(first).take(room) {
        let focused = n == form.focus;
        let at = flow.row();
        let label = format!("{}{:labels$}  ", if focused { cx.sym().crumb } else { " " }, field.label);
        let used = u16::try_from(width(&label)).unwrap_or(0);
        let mut spans = vec![cx.span(&label, if focused { Role::Accent } else { Role::Dim })];
        match &field.kind {
            FieldKind::Choice(_) => {
                spans.push(cx.span(format!("< {} >", field.input.text()), Role::Strong));
            }
            FieldKind::Word(word) => {
                let right = field.value() == word && !word.is_empty();
                spans.push(cx.span(field.input.text(), if right { Role::Ok } else { Role::Strong }));
            }
            FieldKind::Text => spans.push(cx.span(field.input.text(), Role::Strong)),
        }
        if focused && !field.help.is_empty() {
            spans.push(cx.span(format!("   {}", field.help), Role::Dim));
        }
        if focused && !matches!(field.kind, FieldKind::Choice(_)) {
            let x = at.x + used + u16::try_from(width(&clean_line(field.input.before()))).unwrap_or(0);
            if x < at.right() && at.y < at.bottom() {
                cx.cursor_at(x, at.y);
            }
        }
        flow.line(&Line::from(spans));
    }
    if let Some(error) = &form.error {
        flow.sentence(
            cx.span(format!("{} ", cx.sym().warning), Role::Warning),
            error,
            cx.role(Role::Warning),
        );
    }
}

fn input_line(cx: &Cx<'_>, buf: &mut Buffer, at: Rect, sign: &str, input: &Input) {
    put(buf, at, &cx.line(&[(sign, Role::Key), (input.text(), Role::Strong)]));
    let x = at.x + u16::try_from(width(sign) + width(&clean_line(input.before()))).unwrap_or(0);
    if x < at.right() {
        cx.cursor_at(x, at.y);
    }
}

fn filter(cx: &Cx<'_>, buf: &mut Buffer, area: Rect, input: &Input) {
    // Over the footer, where the eye looks for what is typed.
    let at = Rect { x: 0, y: buf.area.bottom().saturating_sub(1), width: buf.area.width, height: 1 };
    Clear.render(at, buf);
    input_line(cx, buf, at, " /", input);
    let count = format!("{} shown ", cx.app.rows.len());
    super::flow::put_right(buf, at, &cx.line(&[(&count, Role::Dim)]));
    let _ = area;
}

fn item_line(cx: &Cx<'_>, item: &PaletteItem) -> Vec<Span<'static>> {
    match &item.unavailable {
        None => one(cx.span(&item.title, Role::Text)),
        Some(why) => vec![cx.span(&item.title, Role::Dim), cx.span(format!("  {why}"), Role::Dim)],
    }
}

fn help(cx: &Cx<'_>, buf: &mut Buffer, area: Rect, input: &Input, cursor: usize) {
    let lines = help_lines(cx.app, input.text());
    let inside = boxed(cx, buf, area, area.height, "All keys", Role::Accent);
    input_line(cx, buf, Rect { height: 1, ..inside }, "find ", input);
    let rest = Rect { y: inside.y + 1, height: inside.height.saturating_sub(1), ..inside };
    let columns = [col("KEYS", 10, 16, 0), col("WHERE", 10, 12, 0), col("WHAT", 20, u16::MAX, 0)];
    Table { columns: &columns, count: lines.len(), cursor: Some(cursor) }.draw(cx, buf, rest, |n| {
        let (scope, item) = &lines[n];
        vec![one(cx.span(&item.keys, Role::Key)), one(cx.span(scope.title(), Role::Dim)), item_line(cx, item)]
    });
}

fn palette(cx: &Cx<'_>, buf: &mut Buffer, area: Rect, input: &Input, cursor: usize) {
    let items = palette_items(cx.app, input.text());
    let lines = u16::try_from(items.len()).unwrap_or(u16::MAX).saturating_add(2).min(18);
    let inside = boxed(cx, buf, area, lines, "Commands", Role::Accent);
    input_line(cx, buf, Rect { height: 1, ..inside }, ": ", input);
    let rest = Rect { y: inside.y + 1, height: inside.height.saturating_sub(1), ..inside };
    let columns = [col("WHAT", 20, u16::MAX, 0), col("KEYS", 6, 16, 1)];
    Table { columns: &columns, count: items.len(), cursor: Some(cursor) }
        .draw(cx, buf, rest, |n| vec![item_line(cx, &items[n]), one(cx.span(&items[n].keys, Role::Key))]);
}

fn what_if(cx: &Cx<'_>, buf: &mut Buffer, area: Rect, cursor: usize) {
    let regions = &cx.app.glance.regions;
    let lines = u16::try_from(regions.len()).unwrap_or(u16::MAX).saturating_add(6);
    // At the right edge, so that map and list are seen to change.
    let (width, height) = (area.width.min(54), area.height.min(lines.saturating_add(2)));
    let at = Rect { x: area.right() - width, y: area.y, width, height };
    let inside = box_at(cx, buf, at, "What if these were gone?", Role::Accent);
    let mut flow = Flow::new(buf, inside);
    let sentence = "Enter takes the selected region, Space chooses several, Esc leaves it as it was. Nothing real happens.";
    flow.sentence(Span::raw(""), sentence, cx.role(Role::Dim));
    flow.gap();
    let rest = flow.rest();
    let columns = [col("", 3, 3, 0), col("REGION", 8, 24, 0), col("ID", 6, 24, 2), col("NOW", 8, 12, 1)];
    Table { columns: &columns, count: regions.len(), cursor: Some(cursor) }.draw(cx, buf, rest, |n| {
        let region = &regions[n];
        let chosen = cx.app.what_if.contains(&region.id);
        let (mark, role) = match chosen {
            true => (cx.sym().checked, Role::WhatIf),
            false => (cx.sym().unchecked, Role::Dim),
        };
        vec![
            one(cx.span(mark, role)),
            one(cx.span(&region.label, Role::Strong)),
            one(cx.span(region.id.as_str(), Role::Dim)),
            one(cx.state(region.state)),
        ]
    });
}
