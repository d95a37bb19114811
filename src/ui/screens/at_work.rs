//! The step at work, large, with what is asked in a box and its output below;
//! or the step that a person looks at.

use lifeboat_core::{model::*, run::*};
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
};
use unicode_segmentation::UnicodeSegmentation;

use super::{ended, precheck};
use crate::{
    app::{Action, Form, Layer, Purpose, filled, of_run},
    ui::{
        Cx, Role,
        flow::{Flow, wrap},
        layers,
    },
};

pub fn draw(cx: &Cx<'_>, buf: &mut Buffer, area: Rect, view: &RunView) {
    let run = &view.run;
    let asked = view.asks.first().and_then(|a| run.step(a.step.as_str()));
    let at_work = asked.or(run.current().filter(|_| !run.state.is_over()));
    let looked = looked_at(cx, view);
    // What is asked has its lines first: short of room the rest gives way.
    let question = question_height(cx, usize::from(area.width.saturating_sub(6)), view).min(area.height);
    let above = Rect { height: area.height - question, ..area };
    let mut flow = Flow::new(buf, above);
    if let Some(step) = looked.or(at_work) {
        about(cx, &mut flow, view, step);
    }
    if at_work.is_none() {
        flow.gap();
        ended::draw(cx, &mut flow, run);
    }
    let used = area.height - question - flow.left();
    let gap = u16::from(used > 0 && flow.left() > 0 && at_work.is_some());
    let rest = Rect { y: area.y + used + gap, height: area.height - used - gap, ..area };
    let mut flow = Flow::new(buf, rest);
    if question > 0 {
        let elsewhere = asked.filter(|a| looked.is_some_and(|l| l.plan.id != a.plan.id));
        let place = elsewhere.and_then(|a| run.steps.iter().position(|s| s.plan.id == a.plan.id));
        let title =
            place.map_or_else(|| "This needs you".to_owned(), |n| format!("Step {} needs you", n + 1));
        ask(cx, &mut flow, view, &title, question);
    }
    if let Some(to) = &run.offered {
        let offers = format!("{} offers the command to {to}.", run.commander);
        flow.sentence(Span::raw(""), &offers, cx.role(Role::Warning));
    }
    flow.gap();
    precheck::draw(cx, &mut flow, run);
    tail(cx, &mut flow, view);
}

/// The step whose line a person chose; none while the run is followed or answered.
fn looked_at<'v>(cx: &Cx<'_>, view: &'v RunView) -> Option<&'v StepRun> {
    let place = cx.app.places.get(cx.app.screen())?.id.as_ref();
    let chosen = place.filter(|_| open(cx).is_none())?;
    view.run.step(chosen)
}

fn about(cx: &Cx<'_>, flow: &mut Flow<'_>, view: &RunView, step: &StepRun) {
    let run = &view.run;
    let place = run.steps.iter().position(|s| s.plan.id == step.plan.id).map_or(0, |n| n + 1);
    flow.heading(cx, &format!("Step {place} of {}", run.steps.len()));
    let known = |name: &str| of_run(run, name);
    flow.sentence(Span::raw(""), &filled(step.plan.label(), known), cx.role(Role::Strong));
    flow.cells(cx, &standing(cx, step));
    if let Some(text) = &step.plan.text {
        for line in clean(&filled(text, known)).lines().take(6) {
            flow.sentence(Span::raw(""), line, cx.role(Role::Text));
        }
    }
    if let Some(reason) = step.reason.as_ref().filter(|reason| !is_asked(view, step, reason)) {
        // What is tried again has not failed: that was the try before.
        let again = !step.attempts.is_empty()
            && matches!(step.status, StepStatus::AwaitingInput | StepStatus::AwaitingApproval);
        let before = if again { "the last try: " } else { "" };
        let text = format!("{before}{reason}");
        flow.sentence(Span::raw(""), &cx.capital(&text), cx.role(Role::Text));
    }
    for (name, value) in &step.outputs {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        flow.pair(cx, name, vec![cx.span(value, Role::Text)]);
    }
    let works = run.current().is_some_and(|c| c.plan.id == step.plan.id);
    if let Some(doing) = view.doing.as_ref().filter(|_| works) {
        let lead = cx.span(format!("{} ", cx.sym().running), Role::Accent);
        flow.sentence(lead, &cx.capital(doing), cx.role(Role::Text));
    }
}

/// `failed  http  attempt 2  00:12  no way back after this`
fn standing(cx: &Cx<'_>, step: &StepRun) -> Vec<Span<'static>> {
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
    about
}

/// Whether the question says it already.
fn is_asked(view: &RunView, step: &StepRun, reason: &str) -> bool {
    view.asks.iter().any(|a| a.step == step.plan.id && a.sentence.contains(reason))
}

/// The form that answers the run, where it is open.
fn open<'a>(cx: &'a Cx<'_>) -> Option<&'a Form> {
    match cx.app.layer() {
        Some(Layer::Form(form)) if matches!(&form.purpose, Purpose::Answer { .. }) => Some(form),
        _ => None,
    }
}

/// Lines of the box that holds what is asked; 0 where nothing is.
fn question_height(cx: &Cx<'_>, room: usize, view: &RunView) -> u16 {
    let Some(ask) = view.asks.first() else { return 0 };
    let lines = match open(cx) {
        Some(form) => layers::form_height(form, room),
        None => {
            let action = match &ask.kind {
                AskKind::Confirm { action, .. } | AskKind::Approve { action, .. } => {
                    clean(action).lines().map(|l| wrap(l, room.max(1)).len()).sum()
                }
                _ => 0,
            };
            let how: String = how(cx, ask).iter().map(|s| s.content.to_string()).collect();
            let all = wrap(&clean_line(&ask.sentence), room.max(1)).len()
                + action
                + 1
                + wrap(&how, room.max(1)).len();
            u16::try_from(all).unwrap_or(u16::MAX)
        }
    };
    lines.saturating_add(2)
}

/// What is asked, in a box that cannot be overlooked. The form that answers it
/// opens over the screen, so that no key meant for the screen can be an answer.
fn ask(cx: &Cx<'_>, flow: &mut Flow<'_>, view: &RunView, title: &str, height: u16) {
    let Some(ask) = view.asks.first() else { return };
    let rest = flow.rest();
    let height = rest.height.min(height);
    let at = Rect { height, ..rest };
    layers::outline(cx, flow.buf, at, title, Role::Warning);
    let inside = Rect {
        x: at.x + 3,
        y: at.y + 1,
        width: at.width.saturating_sub(6),
        height: height.saturating_sub(2),
    };
    match open(cx) {
        Some(form) => layers::form(cx, flow.buf, inside, form),
        None => closed(cx, flow.buf, inside, ask),
    }
    flow.skip(height);
}

fn closed(cx: &Cx<'_>, buf: &mut Buffer, area: Rect, ask: &Ask) {
    // How to answer stands in the last line, whatever else is cut.
    let room = usize::from(area.width).max(1);
    let how = how(cx, ask);
    let text: String = how.iter().map(|s| s.content.to_string()).collect();
    let lines = u16::try_from(wrap(&text, room).len()).unwrap_or(1);
    let above = Rect { height: area.height.saturating_sub(lines), ..area };
    let mut flow = Flow::new(buf, above);
    flow.sentence(Span::raw(""), &ask.sentence, cx.role(Role::Strong));
    if let AskKind::Confirm { action, .. } | AskKind::Approve { action, .. } = &ask.kind {
        for line in clean(action).lines() {
            flow.sentence(Span::raw(""), line, cx.role(Role::Accent));
        }
    }
    let mut flow =
        Flow::new(buf, Rect { y: area.y + above.height, height: area.height - above.height, ..area });
    if lines == 1 {
        flow.line(&Line::from(how));
    } else {
        flow.sentence(Span::raw(""), &text, cx.role(Role::Dim));
    }
}

/// Which key answers, and what it opens.
fn how(cx: &Cx<'_>, ask: &Ask) -> Vec<Span<'static>> {
    let opens = match &ask.kind {
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
    let mut spans = vec![cx.span("Enter", Role::Key), cx.span(opens, Role::Dim)];
    let key = cx.app.keymap.keys(Action::RollBackRun).first();
    if let (AskKind::Failed, Some(key)) = (&ask.kind, key) {
        spans.push(cx.span(format!(" {key}"), Role::Key));
        spans.push(cx.span(" rolls back.", Role::Dim));
    }
    spans
}

/// The newest output, each line whole: what went wrong is often at its end.
fn tail(cx: &Cx<'_>, flow: &mut Flow<'_>, view: &RunView) {
    if view.tail.is_empty() || flow.left() < 3 {
        return;
    }
    let of = view.tail_step.as_ref().map_or_else(String::new, |s| format!(" of {s}"));
    flow.heading(cx, &format!("Output{of}"));
    let (room, wide) = (usize::from(flow.left()), usize::from(flow.area.width));
    let mut lines: Vec<String> = Vec::new();
    for line in view.tail.iter().rev() {
        lines.extend(folded(&clean_line(line), wide).into_iter().rev());
        if lines.len() >= room {
            break;
        }
    }
    lines.truncate(room);
    for line in lines.iter().rev() {
        flow.line(&cx.line(&[(line, Role::Dim)]));
    }
}

/// Broken at the edge and nowhere else: columns of an output stay columns.
fn folded(text: &str, wide: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for part in text.graphemes(true) {
        if used + width(part) > wide && used > 0 {
            lines.push(String::new());
            used = 0;
        }
        used += width(part);
        lines.last_mut().into_iter().for_each(|line| line.push_str(part));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_is_broken_at_the_edge_and_loses_nothing() {
        assert_eq!(folded("ab  cd", 3), ["ab ", " cd"]);
        assert_eq!(folded("東京都", 4), ["東京", "都"]);
        assert_eq!(folded("", 4), [""]);
    }
}
