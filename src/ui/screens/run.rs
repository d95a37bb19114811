//! One run: the clock at the top, the plan at the left, the current step large
//! at the right with what is asked, and its output below.
//!
//! ```text
//!   LIVE   Fail checkout over to eu-central-1        02:10 of 30m  waiting
//!  1 ✓ Tell the people on call      │  Promote the standby database
//!  2 ✓ Stop the old primary         │  ╭ This needs you ─────────────╮
//!  3 ◆ Promote the standby          │  │ … type eu-central-1         │
//!                                   │  output
//! ```

use lifeboat_core::{model::*, run::*};
use ratatui::{buffer::Buffer, layout::Rect, text::Line};

use super::{at_work, empty, failed, runs::state_role, sides, top};
use crate::{
    app::{Piece, of_run, pieces},
    ui::{
        Cx, Role, clock_text,
        flow::{Flow, put, put_right, wrap},
        table::{first_shown, shorten},
    },
};

pub fn draw(cx: &Cx<'_>, buf: &mut Buffer, area: Rect, id: &RunId) {
    let Some(view) = cx.app.views.get(id) else {
        let about = |p: &&Problem| p.subject.contains(id.as_str());
        let problem = cx.app.log.iter().filter_map(|line| line.problem.as_ref()).find(about);
        match problem {
            Some(problem) => failed(cx, buf, area, problem),
            None => empty(cx, buf, area, "The run is being read."),
        }
        return;
    };
    let (head, rest) = top(area, 2);
    header(cx, buf, head, &view.run);
    let rest = trouble(cx, buf, rest, view);
    if area.width >= 84 {
        let (left, right) = sides(rest, (area.width * 44 / 100).min(72));
        plan(cx, buf, left, view);
        at_work::draw(cx, buf, right, view);
    } else {
        // Short of room, what is asked comes before what is planned.
        let share = if view.trouble.is_some() { 4 } else { 3 };
        let lines = u16::try_from(view.run.steps.len()).unwrap_or(u16::MAX).min(rest.height / share);
        let (above, below) = top(rest, lines + 1);
        plan(cx, buf, Rect { height: lines, ..above }, view);
        at_work::draw(cx, buf, below, view);
    }
}

/// Mode, title, state, and the time that counts: since the impact began.
fn header(cx: &Cx<'_>, buf: &mut Buffer, area: Rect, run: &Run) {
    let (word, role) = cx.mode(run.mode);
    let from = run.incident.as_ref().map_or(run.started_at, |i| i.impact_began);
    let clock = match run.ended_at {
        Some(end) => clock_text(Dur::between(from, end)),
        None => cx.clock(from),
    };
    let late = run.rto_target.is_some_and(|t| run.rta(cx.app.now) > t);
    let target = run.rto_target.map_or_else(|| " no RTO declared".into(), |t| format!(" of RTO {t}"));
    let right = Line::from(vec![
        // Only what is lost in reality is recovered.
        cx.span(if run.mode == Mode::Live { "RTA " } else { "time " }, Role::Dim),
        cx.span(clock, if late { Role::Critical } else { Role::Strong }),
        cx.span(target, Role::Dim),
        cx.span(run.rto_estimate.map_or_else(String::new, |e| format!(", estimated {e}")), Role::Dim),
        cx.span("   ", Role::Dim),
        cx.span(run.state.as_str().replace('_', " "), state_role(run.state)),
    ]);
    let row = Rect { height: area.height.min(1), ..area };
    let used = put_right(buf, row, &right);
    let room = row.width.saturating_sub(used + 2);
    let (mode, title) = (cx.span(format!(" {word} "), role), cx.span(&run.title, Role::Strong));
    // Where to is at the title's end: it goes below rather than being cut.
    let fits = width(&mode.content) + 2 + width(&title.content) <= usize::from(room);
    put(buf, Rect { width: room, ..row }, &Line::from(mode.clone()));
    let (x, y) = match fits {
        true => (u16::try_from(width(&mode.content)).unwrap_or(0) + 2, 0),
        false => (1, 1),
    };
    if y < area.height {
        let at = Rect { x: area.x + x, y: area.y + y, width: area.width.saturating_sub(x), height: 1 };
        let at = if fits { Rect { width: room.saturating_sub(x), ..at } } else { at };
        put(buf, at, &shorten(&[title], usize::from(at.width), cx));
    }
}

/// What keeps the run from going on, whatever else is shown. Gives what is left below.
fn trouble(cx: &Cx<'_>, buf: &mut Buffer, area: Rect, view: &RunView) -> Rect {
    let Some(trouble) = &view.trouble else { return area };
    let lead = cx.span(format!("{} ", cx.sym().warning), Role::Warning);
    let text = clean_line(&trouble.to_string());
    let lines = wrap(&text, usize::from(area.width).saturating_sub(2)).len();
    // What is asked below it must stay in sight.
    let lines = u16::try_from(lines).unwrap_or(u16::MAX).min((area.height / 3).max(1));
    let air = u16::from(area.height >= 24);
    let (above, below) = top(area, lines + air);
    Flow::new(buf, Rect { height: lines.min(above.height), ..above }).sentence(
        lead,
        &text,
        cx.role(Role::Warning),
    );
    below
}

/// Which steps are shown in `height` lines: the first, how many, and how many
/// more there are above and below. The signs of more take lines of their own.
fn window(cursor: usize, count: usize, height: usize) -> (usize, usize, usize, usize) {
    if count <= height || height < 3 {
        let first = first_shown(cursor, count, height);
        return (first, height.min(count), 0, 0);
    }
    let room = height - 1;
    if cursor < room {
        return (0, room, 0, count - room);
    }
    if cursor >= count - room {
        return (count - room, room, count - room, 0);
    }
    let room = height - 2;
    let first = first_shown(cursor, count, room).clamp(1, count - room - 1);
    (first, room, first, count - first - room)
}

fn plan(cx: &Cx<'_>, buf: &mut Buffer, area: Rect, view: &RunView) {
    let steps = &view.run.steps;
    let (first, shown, above, below) = window(cx.app.cursor, steps.len(), usize::from(area.height));
    let mut flow = Flow::new(buf, area);
    let more = |flow: &mut Flow<'_>, count: usize, place: &str| {
        if count > 0 {
            flow.line(&cx.line(&[(&format!("      {count} more {place}"), Role::Dim)]));
        }
    };
    more(&mut flow, above, "above");
    let titles = words_fit(cx, view, usize::from(area.width));
    for (n, step) in steps.iter().enumerate().skip(first).take(shown) {
        let at = flow.row();
        let role = cx.step_role(step.status);
        let word = step.status.as_str().replace('_', " ");
        let strong = view.run.current().is_some_and(|c| c.plan.id == step.plan.id);
        let mut spans = vec![
            cx.span(if n == cx.app.cursor { cx.sym().pointer } else { " " }, Role::Accent),
            cx.span(format!("{:>2} ", n + 1), Role::Dim),
            cx.span(format!("{} ", cx.sym().step(step.status)), role),
        ];
        let label = cx.pieces(&label(&view.run, step), if strong { Role::Strong } else { Role::Text });
        let word = if titles || !plain(step, strong) { word } else { String::new() };
        let room = usize::from(area.width).saturating_sub(7);
        let room = if word.is_empty() { room } else { room.saturating_sub(width(&word) + 2) };
        spans.extend(shorten(&label, room, cx).spans);
        flow.line(&Line::from(spans));
        put_right(flow.buf, at, &cx.line(&[(&word, role)]));
        cx.hit(at, n);
    }
    more(&mut flow, below, "below");
}

/// Whether its sign says its state by itself, or it stands beside in full.
fn plain(step: &StepRun, at_work: bool) -> bool {
    at_work || matches!(step.status, StepStatus::Succeeded | StepStatus::Pending)
}

/// Whether there is room for these words beside every title; where there is not
/// the titles come first, and none has its word.
fn words_fit(cx: &Cx<'_>, view: &RunView, wide: usize) -> bool {
    view.run.steps.iter().all(|step| {
        let long: usize =
            cx.pieces(&label(&view.run, step), Role::Text).iter().map(|s| width(&s.content)).sum();
        7 + long + 2 + width(step.status.as_str()) <= wide
    })
}

/// What a step is called, with what the run knows filled in.
fn label(run: &Run, step: &StepRun) -> Vec<Piece> {
    pieces(step.plan.label(), |name| of_run(run, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_is_shown_or_counted_and_the_selected_one_is_shown() {
        for count in 0..20 {
            for height in 1..25 {
                for cursor in 0..count {
                    let (first, shown, above, below) = window(cursor, count, height);
                    let (case, marks) =
                        ((cursor, count, height), usize::from(above > 0) + usize::from(below > 0));
                    assert!((first..first + shown).contains(&cursor), "{case:?}");
                    assert!(shown + marks <= height, "{case:?}");
                    if height >= 3 {
                        assert_eq!((first, above + shown + below), (above, count), "{case:?}");
                    }
                }
            }
        }
    }
}
