//! The steps of one runbook.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    Check,
    cycle::{Graph, circles, drawn},
    items, text,
};

pub(super) fn check(check: &Check<'_>, file: usize, book: &Value) {
    order(check, file, book);
    for (n, step) in items(book, "step") {
        let place = |key: &str| check.place_of(file, &format!("step/{n}/{key}"));
        if step["destructive"] == true && step["target"].is_null() {
            let hint = Some("give it `target`, the name that the operator types".to_owned());
            check.error(file, place("destructive"), "a destructive step without a target", hint);
        }
        let effect = matches!(text(step, "kind"), Some("command" | "http" | "dns" | "restore" | "copy"));
        let tries = step["retry"]["attempts"].as_i64().unwrap_or(1);
        let safe = step["idempotent"] == true || !step["verify"].is_null() || !step["absent"].is_null();
        if effect && tries > 1 && !safe {
            let hint = Some("say `idempotent`, or give it `verify`".to_owned());
            check.warn(file, place("retry"), "never tried again without a person", hint);
        }
        let point = step["point_of_no_return"] == true;
        if point && !step["undo"].is_null() {
            let hint = Some("an undo behind the point of no return is never used".to_owned());
            check.warn(file, place("undo"), "a point of no return with an undo", hint);
        }
    }
}

/// Steps that need each other. Absent `needs` is the step above.
fn order(check: &Check<'_>, file: usize, book: &Value) {
    let mut graph = Graph::new();
    let mut index = BTreeMap::new();
    let mut above = None;
    for (n, step) in items(book, "step") {
        let Some(id) = text(step, "id") else { continue };
        let needs = match step["needs"].is_null() {
            true => above.into_iter().collect(),
            false => items(step, "needs").filter_map(|(_, s)| s.as_str()).collect(),
        };
        graph.insert(id, needs);
        index.insert(id, n);
        above = Some(id);
    }
    for circle in circles(&graph) {
        // The place is a step that says what it needs: that is where to mend.
        let said =
            circle.iter().find(|id| index.get(*id).is_some_and(|n| book["step"][n]["needs"].is_array()));
        let n = index[said.unwrap_or(&circle[0])];
        let span = check.place_of(file, &format!("step/{n}/needs"));
        check.error(file, span, format!("steps that need each other: {}", drawn(&circle)), None);
    }
}
