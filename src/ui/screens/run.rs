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

use super::{empty, runs::state_role, sides, top};
use crate::{
    app::{Layer, Purpose},
    ui::{
        Cx, Role, clock_text,
        flow::{Flow, put, put_right, wrap},
        frame::capital,
        layers,
        table::first_shown,
    },
};

pub fn draw(cx: &Cx<'_>, buf: &mut Buffer, area: Rect, id: &RunId) {
    let Some(view) = cx.app.views.get(id) else {
        empty(cx, buf, area, "The run is being read.");
        return;
    };
    let (head, rest) = top(area, 2);
    header(cx, buf, head, &view.run);
    if area.width >= 84 {
        let (left, right) = sides(rest, (area.width * 44 / 100).min(72));
        plan(cx, buf, left, view);
        step(cx, buf, right, view);
    } else {
        // Short of room, what is asked comes before what is planned.
        let lines = u16::try_from(view.run.steps.len()).unwrap_or(u16::MAX).min(rest.height / 3);
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
    let title = Line::from(vec![
        cx.span(format!(" {word} "), role),
        Span::raw("  "),
        cx.span(&run.title, Role::Strong),
    ]);
    put(buf, Rect { width: row.width.saturating_sub(used + 2), ..row }, &title);
}

fn plan(cx: &Cx<'_>, buf: &mut Buffer, area: Rect, view: &RunView) {
    let steps = &view.run.steps;
    let first = first_shown(cx.app.cursor, steps.len(), usize::from(area.height));
    let mut flow = Flow::new(buf, area);
    for (n, step) in steps.iter().enumerate().skip(first).take(usize::from(area.height)) {
        let at = flow.row();
        let role = cx.step_role(step.status);
        let word = step.status.as_str().replace('_', " ");
        let room = usize::from(area.width).saturating_sub(7 + width(&word) + 2);
        let label = cx.cut(step.plan.label(), room);
        let strong = view.run.current().is_some_and(|c| c.plan.id == step.plan.id);
        flow.line(&Line::from(vec![
            cx.span(if n == cx.app.cursor { cx.sym().pointer } else { " " }, Role::Accent),
            cx.span(format!("{:>2} ", n + 1), Role::Dim),
            cx.span(format!("{} ", cx.sym().step(step.status)), role),
            cx.span(label, if strong { Role::Strong } else { Role::Text }),
        ]));
        put_right(flow.buf, at, &cx.line(&[(&word, role)]));
        cx.hit(at, n);
    }
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
    flow.sentence(Span::raw(""), step.plan.label(), cx.role(Role::Strong));
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
        for line in clean(text).lines().take(6) {
            flow.sentence(Span::raw(""), line, cx.role(Role::Text));
        }
    }
    if let Some(reason) = &step.reason {
        flow.sentence(Span::raw(""), &capital(reason), cx.role(Role::Text));
    }
    if let Some(doing) = &view.doing {
        flow.sentence(
            cx.span(format!("{} ", cx.sym().running), Role::Accent),
            &capital(doing),
            cx.role(Role::Text),
        );
    }
    if let Some(trouble) = &view.trouble {
        flow.sentence(
            cx.span(format!("{} ", cx.sym().warning), Role::Warning),
            &trouble.to_string(),
            cx.role(Role::Warning),
        );
    }
    if !view.asks.is_empty() {
        flow.gap();
        question(cx, &mut flow, view);
    }
    flow.gap();
    tail(cx, &mut flow, view);
}

/// How it ended.
fn over(cx: &Cx<'_>, flow: &mut Flow<'_>, run: &Run) {
    flow.heading(cx, "The run is over");
    flow.line(&cx.line(&[(&capital(&run.state.as_str().replace('_', " ")), state_role(run.state))]));
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
        for (name, value) in step.outputs.iter().filter(|(name, _)| name.starts_with("counted_loss")) {
            let unit = if name.ends_with("_s") { " s" } else { "" };
            let text = format!("{}: {value}{unit}", name.trim_end_matches("_s").replace('_', " "));
            flow.sentence(cx.span("counted      ", Role::Dim), &text, cx.role(Role::Strong));
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
                AskKind::Confirm { action, .. } => {
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
    if let AskKind::Confirm { action, .. } = &ask.kind {
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
