//! How a run ended: what it took, what was lost, and what is left to do.

use lifeboat_core::{model::*, run::*};
use ratatui::text::Span;

use super::runs::state_role;
use crate::{
    app::{Action, concerned},
    ui::{Cx, Role, flow::Flow},
};

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

pub fn draw(cx: &Cx<'_>, flow: &mut Flow<'_>, run: &Run) {
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
            flow.pair(cx, "predicted", vec![cx.span(cx.predicted(p), Role::Text)]);
        }
    }
    for (at, by, text) in &run.notes {
        let lead = cx.span(format!("{} {by}  ", at.format("%H:%M:%S")), Role::Dim);
        flow.sentence(lead, text, cx.role(Role::Text));
    }
    if let Some(next) = still(cx, run) {
        flow.sentence(Span::raw(""), &next, cx.role(Role::Strong));
    }
    let text = format!("The report: lifeboat report {}", run.id);
    flow.sentence(Span::raw(""), &text, cx.role(Role::Dim));
    flow.gap();
}

/// What the incident still calls for once a run of it is over.
fn still(cx: &Cx<'_>, run: &Run) -> Option<String> {
    run.incident.as_ref().filter(|i| cx.app.incident.as_ref().is_some_and(|now| now.id == i.id))?;
    let left: Vec<_> = concerned(cx.app).0.iter().map(|w| w.id.to_string()).collect();
    let key = cx.app.keymap.keys(Action::GoIncident).first()?;
    Some(match left.is_empty() {
        true => format!("Nothing serves from what is lost any more: {key} shows the incident."),
        false => format!("Still to bring back: {}. {key} shows what is next.", left.join(", ")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

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
