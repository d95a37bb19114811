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
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
};

use super::{empty, failed, precheck, runs::state_role, sides, top};
use crate::{
    app::{Layer, Piece, Purpose, filled, of_run, pieces},
    ui::{
        Cx, Role, clock_text,
        flow::{Flow, put, put_right, wrap},
        layers,
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
        step(cx, buf, right, view);
    } else {
        // Short of room, what is asked comes before what is planned.
        let share = if view.trouble.is_some() { 4 } else { 3 };
        let lines = u16::try_from(view.run.steps.len()).unwrap_or(u16::MAX).min(rest.height / share);
        let (above, below) = top(rest, lines + 1);
        plan(cx, buf, Rect { height: lines, ..above }, view);
        step(cx, buf, below, view);
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
        cx.span("RTA ", Role::Dim),
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
    for (n, step) in steps.iter().enumerate().skip(first).take(shown) {
        let at = flow.row();
        let role = cx.step_role(step.status);
        let word = step.status.as_str().replace('_', " ");
        let room = usize::from(area.width).saturating_sub(7 + width(&word) + 2);
        let strong = view.run.current().is_some_and(|c| c.plan.id == step.plan.id);
        let mut spans = vec![
            cx.span(if n == cx.app.cursor { cx.sym().pointer } else { " " }, Role::Accent),
            cx.span(format!("{:>2} ", n + 1), Role::Dim),
            cx.span(format!("{} ", cx.sym().step(step.status)), role),
        ];
        let label = cx.pieces(&label(&view.run, step), if strong { Role::Strong } else { Role::Text });
        spans.extend(shorten(&label, room, cx).spans);
        flow.line(&Line::from(spans));
        put_right(flow.buf, at, &cx.line(&[(&word, role)]));
        cx.hit(at, n);
    }
    more(&mut flow, below, "below");
}

/// What a step is called, with what the run knows filled in.
fn label(run: &Run, step: &StepRun) -> Vec<Piece> {
    pieces(step.plan.label(), |name| of_run(run, name))
}

fn step(cx: &Cx<'_>, buf: &mut Buffer, area: Rect, view: &RunView) {
    let run = &view.run;
    let mut flow = Flow::new(buf, area);
    let asked = view.asks.first().and_then(|a| run.step(a.step.as_str()));
    let Some(step) = asked.or(run.current().filter(|_| !run.state.is_over())) else {
        over(cx, &mut flow, run);
        tail(cx, &mut flow, view);
        return;
    };
    let place = run.steps.iter().position(|s| s.plan.id == step.plan.id).map_or(0, |n| n + 1);
    flow.heading(cx, &format!("Step {place} of {}", run.steps.len()));
    let known = |name: &str| of_run(run, name);
    flow.sentence(Span::raw(""), &filled(step.plan.label(), known), cx.role(Role::Strong));
    let mut about = vec![cx.span(step.status.as_str().replace('_', " "), cx.step_role(step.status))];
    about.push(cx.span(format!("  {}", step.plan.kind), Role::Dim));
    if let Some(attempt) = step.attempts.last() {
        about.push(cx.span(format!("  attempt {}", attempt.number), Role::Dim));
        if attempt.ended_at.is_none() {
            about.push(cx.span(format!("  {}", cx.clock(attempt.intended_at)), Role::Dim));
        }
    }
    if step.plan.point_of_no_return {
        about.push(cx.span("  no way back after this", Role::Critical));
    }
    flow.line(&Line::from(about));
    if let Some(text) = &step.plan.text {
        for line in clean(&filled(text, known)).lines().take(6) {
            flow.sentence(Span::raw(""), line, cx.role(Role::Text));
        }
    }
    if let Some(reason) = &step.reason {
        flow.sentence(Span::raw(""), &cx.capital(reason), cx.role(Role::Text));
    }
    if let Some(doing) = &view.doing {
        flow.sentence(
            cx.span(format!("{} ", cx.sym().running), Role::Accent),
            &cx.capital(doing),
            cx.role(Role::Text),
        );
    }
    if !view.asks.is_empty() {
        flow.gap();
        question(cx, &mut flow, view);
    }
    if let Some(to) = &run.offered {
        flow.sentence(
            Span::raw(""),
            &format!("{} offers the command to {to}.", run.commander),
            cx.role(Role::Warning),
        );
    }
    flow.gap();
    precheck::draw(cx, &mut flow, run);
    tail(cx, &mut flow, view);
}

/// Outputs of this name hold what was really lost, counted from outside.
const COUNTED: &str = "counted_loss";

/// `3.9s of writes lost`, `78 objects lost`.
fn counted(what: &str, value: &serde_json::Value) -> String {
    match (what, value.as_f64().and_then(Dur::from_secs_f64)) {
        ("_s", Some(span)) => format!("{span} of writes lost"),
        ("" | "_s", _) => format!("{value} lost"),
        (what, _) => format!("{value} {} lost", what.trim_start_matches('_').replace('_', " ")),
    }
}

/// How it ended.
fn over(cx: &Cx<'_>, flow: &mut Flow<'_>, run: &Run) {
    flow.heading(cx, "The run is over");
    flow.line(&cx.line(&[(&cx.capital(&run.state.as_str().replace('_', " ")), state_role(run.state))]));
    let rta = run.rta(cx.app.now);
    let text = match run.rto_target {
        _ if run.mode == Mode::DryRun => {
            "A dry run: nothing was done. Each step says what it would do.".to_owned()
        }
        _ if run.mode == Mode::Rehearsal => format!("A rehearsal of {rta}: it recovered nothing."),
        _ if run.state.is_over()
            && !matches!(run.state, RunState::Completed | RunState::CompletedWithExceptions) =>
        {
            format!("Nothing was recovered. It took {rta}.")
        }
        Some(target) if run.ended_at.is_some() && rta <= target => {
            format!("Recovered in {rta}, within the RTO of {target}.")
        }
        Some(target) if run.ended_at.is_some() => format!("It took {rta}, over the RTO of {target}."),
        _ => format!("It took {rta}."),
    };
    flow.sentence(Span::raw(""), &text, cx.role(Role::Text));
    for step in &run.steps {
        for (what, value) in
            step.outputs.iter().filter_map(|(name, v)| Some((name.strip_prefix(COUNTED)?, v)))
        {
            flow.pair(cx, "counted", vec![cx.span(counted(what, value), Role::Strong)]);
        }
    }
    for p in run.incident.iter().flat_map(|i| &i.predictions) {
        if run.runbook.workloads.contains(&p.workload) {
            let loss = cx.loss(lifeboat_core::assess::Loss { lower: p.loss_lower, upper: p.loss_upper });
            let text = format!("{loss} lost, back in {}", cx.dur(p.rto));
            flow.pair(cx, "predicted", vec![cx.span(text, Role::Text)]);
        }
    }
    for (at, by, text) in &run.notes {
        let lead = cx.span(format!("{} {by}  ", at.format("%H:%M:%S")), Role::Dim);
        flow.sentence(lead, text, cx.role(Role::Text));
    }
    let text = format!("The report: lifeboat report {}", run.id);
    flow.sentence(Span::raw(""), &text, cx.role(Role::Dim));
    flow.gap();
}

/// What is asked, in a box that cannot be overlooked. The form that answers it
/// opens over the screen, so that no key meant for the screen can be an answer.
fn question(cx: &Cx<'_>, flow: &mut Flow<'_>, view: &RunView) {
    let Some(ask) = view.asks.first() else { return };
    let rest = flow.rest();
    let room = usize::from(rest.width.saturating_sub(6));
    let open = match cx.app.layer() {
        Some(Layer::Form(form)) if matches!(&form.purpose, Purpose::Answer { .. }) => Some(form),
        _ => None,
    };
    let lines = match open {
        Some(form) => layers::form_height(form, room),
        None => {
            let action = match &ask.kind {
                AskKind::Confirm { action, .. } | AskKind::Approve { action, .. } => {
                    clean(action).lines().map(|l| wrap(l, room.max(1)).len()).sum()
                }
                _ => 0,
            };
            u16::try_from(wrap(&clean_line(&ask.sentence), room.max(1)).len() + action + 2)
                .unwrap_or(u16::MAX)
        }
    };
    let height = rest.height.min(lines.saturating_add(2));
    let at = Rect { height, ..rest };
    layers::outline(cx, flow.buf, at, "This needs you", Role::Warning);
    let inside = Rect {
        x: at.x + 3,
        y: at.y + 1,
        width: at.width.saturating_sub(6),
        height: height.saturating_sub(2),
    };
    match open {
        Some(form) => layers::form(cx, flow.buf, inside, form),
        None => closed(cx, flow.buf, inside, ask),
    }
    flow.skip(height);
}

fn closed(cx: &Cx<'_>, buf: &mut Buffer, area: Rect, ask: &Ask) {
    let mut flow = Flow::new(buf, area);
    flow.sentence(Span::raw(""), &ask.sentence, cx.role(Role::Strong));
    if let AskKind::Confirm { action, .. } | AskKind::Approve { action, .. } = &ask.kind {
        for line in clean(action).lines() {
            flow.sentence(Span::raw(""), line, cx.role(Role::Accent));
        }
    }
    flow.gap();
    let how = match &ask.kind {
        AskKind::Confirm { target, .. } => format!(" opens the line to type {target} into."),
        AskKind::Manual { .. } => " opens the form to fill in.".into(),
        AskKind::Settle => " opens the form: done, or not done.".into(),
        AskKind::Failed => " opens the form: retry, skip or cancel.".into(),
        AskKind::Decide { .. } => " opens the form: which way?".into(),
        AskKind::Approve { .. } => " opens the form: approve or decline.".into(),
        AskKind::Override { .. } => " opens the form: override, with a reason.".into(),
        AskKind::Commit => " opens the form: commit or roll back.".into(),
        AskKind::UndoFailed => " opens the form: undo again, or leave it.".into(),
    };
    flow.line(&cx.line(&[("Enter", Role::Key), (&how, Role::Dim)]));
}

/// The newest output.
fn tail(cx: &Cx<'_>, flow: &mut Flow<'_>, view: &RunView) {
    if view.tail.is_empty() || flow.left() < 3 {
        return;
    }
    let of = view.tail_step.as_ref().map_or_else(String::new, |s| format!(" of {s}"));
    flow.heading(cx, &format!("Output{of}"));
    let room = usize::from(flow.left());
    for line in view.tail.iter().skip(view.tail.len().saturating_sub(room)) {
        flow.line(&cx.line(&[(line, Role::Dim)]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

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

    #[test]
    fn what_was_counted_reads_as_a_sentence() {
        let table = [
            ("counted_loss_s", json!(3.9), "3.9s of writes lost"),
            ("counted_loss_objects", json!(78), "78 objects lost"),
            ("counted_loss_order_lines", json!(2), "2 order lines lost"),
            ("counted_loss", json!("nothing"), "\"nothing\" lost"),
        ];
        for (name, value, text) in table {
            assert_eq!(counted(name.strip_prefix(COUNTED).unwrap(), &value), text);
        }
    }
}
