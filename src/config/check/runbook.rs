//! runbooks/*.toml: parameters, templates, nesting.

use std::collections::{BTreeMap, BTreeSet};

use lifeboat_core::model::{Time, clean_line, cut};
use serde_json::Value;

use super::{
    Check,
    cycle::{Graph, circles, drawn},
    items, step, text,
};
use crate::config::{
    keys::FileKind,
    nearest::nearest,
    template::{Hole, holes, is_template},
};

pub(super) fn check(check: &Check<'_>) {
    nesting(check);
    for (file, value) in check.of_kind(FileKind::Runbook) {
        if value["workload"].is_string() && !value["workloads"].is_null() {
            let span = check.place_of(file, "workload");
            check.error(file, span, "both `workload` and `workloads`", Some("keep one".to_owned()));
        }
        let empty = items(value, "step").next().is_none();
        if empty && !check.files[file].partial {
            check.warn(file, check.place_of(file, "id"), "a runbook without steps", None);
        }
        params(check, file, value);
        templates(check, file, value);
        step::check(check, file, value);
    }
}

fn params(check: &Check<'_>, file: usize, value: &Value) {
    for (name, param) in value["params"].as_object().into_iter().flatten() {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        let place = |key: &str| check.place_of(file, &format!("params/{name}/{key}"));
        if name.is_empty() || !name.chars().all(plain) {
            let what = format!("{:?} cannot be a parameter", cut(&clean_line(name), 60));
            check.error(file, place(""), what, Some("write letters, digits, _ and -".to_owned()));
            continue;
        }
        let choices: Vec<&str> = items(param, "choices").filter_map(|(_, c)| c.as_str()).collect();
        match text(param, "type") {
            Some("choice") if choices.is_empty() => {
                let hint = Some("give it `choices = [\"…\"]`".to_owned());
                check.error(file, place("type"), "a choice between nothing", hint);
            }
            Some(ty) if !param["default"].is_null() => {
                if let Err((what, hint)) = default_fits(check, ty, &param["default"], &choices) {
                    check.error(file, place("default"), what, hint);
                }
            }
            _ => {}
        }
    }
}

/// Whether a parameter's default is what its type says.
fn default_fits(
    check: &Check<'_>,
    ty: &str,
    value: &Value,
    choices: &[&str],
) -> Result<(), (String, Option<String>)> {
    let must = |what: &str| Err((format!("the default must be {what}"), None));
    let Some(text) = value.as_str() else {
        return match ty {
            "integer" if value.is_i64() => Ok(()),
            "bool" if value.is_boolean() => Ok(()),
            "integer" => must("a whole number"),
            "bool" => must("true or false"),
            "secret" => must("absent: a secret is never written here"),
            _ => must("text"),
        };
    };
    let shown = cut(&clean_line(text), 60);
    match ty {
        "integer" => must("a whole number"),
        "bool" => must("true or false"),
        "secret" => must("absent: a secret is never written here"),
        "instant" if chrono::DateTime::parse_from_rfc3339(text).map(Time::from).is_err() => {
            must("an instant such as 2026-11-22T14:05:00Z")
        }
        "choice" if !choices.contains(&text) => {
            let near = nearest(text, choices.iter().copied()).map(|near| format!("did you mean {near:?}?"));
            Err((format!("{shown:?} is none of the choices"), near))
        }
        "region" | "workload" if !check.names.is_partial(ty) && !check.names.has(ty, text) => {
            let near = nearest(text, check.names.of_kind(ty)).map(|near| format!("did you mean {near:?}?"));
            Err((format!("unknown {ty} {shown:?}"), near))
        }
        _ => Ok(()),
    }
}

/// Every `{{ name }}` names a parameter, every `{{ step.output }}` an output.
fn templates(check: &Check<'_>, file: usize, value: &Value) {
    let params = value["params"].as_object().into_iter().flatten().map(|(name, _)| name.clone());
    let mut known: BTreeSet<String> = params.collect();
    for (_, step) in items(value, "step") {
        let Some(id) = text(step, "id") else { continue };
        known.extend(outputs_of(step).map(|output| format!("{id}.{output}")));
        if let Some(each) = step["for_each"].as_object() {
            known.extend(each.keys().cloned());
        }
    }
    conditions(check, file, value, &known);
    let parsed = &check.files[file];
    let mut found = Vec::new();
    for (text, span) in &parsed.reading.templates {
        for (_, hole) in holes(text) {
            match hole {
                Hole::Broken => {
                    let hint = "write {{ name }} or {{ step.output }}".to_owned();
                    found.push((span.clone(), "a broken {{ }}".to_owned(), Some(hint)));
                }
                Hole::Name(name) if known.contains(name) || parsed.partial => {}
                Hole::Name(name) => {
                    let near = nearest(name, known.iter().map(String::as_str));
                    let hint = near.map(|near| format!("did you mean {{{{ {near} }}}}?"));
                    let hint = hint.or_else(|| Some("declare it in [params]".to_owned()));
                    let shown = cut(name, 60);
                    found.push((
                        span.clone(),
                        format!("{{{{ {shown} }}}} is no parameter and no output"),
                        hint,
                    ));
                }
            }
        }
    }
    for (span, what, hint) in found {
        check.error(file, span, what, hint);
    }
}

/// `when = "NAME == VALUE"`: NAME is known.
fn conditions(check: &Check<'_>, file: usize, value: &Value, known: &BTreeSet<String>) {
    for (n, step) in items(value, "step") {
        let Some(condition) = text(step, "when") else { continue };
        let left = condition.split(['=', '!']).next().unwrap_or(condition).trim();
        // Within {{ }} it is told as any other template.
        if is_template(left) || left == "mode" || known.contains(left) || check.files[file].partial {
            continue;
        }
        let near = nearest(left, known.iter().map(String::as_str).chain(["mode"]));
        let hint = near.map(|near| format!("did you mean `{near}`?"));
        let hint = hint.or_else(|| Some("write NAME == VALUE or NAME != VALUE".to_owned()));
        let what = format!("{:?} is no parameter and no output", cut(&clean_line(left), 60));
        check.error(file, check.place_of(file, &format!("step/{n}/when")), what, hint);
    }
}

/// What later steps may insert: declared outputs, and what a person fills in.
fn outputs_of(step: &Value) -> impl Iterator<Item = &str> {
    let declared = step["outputs"].as_object().into_iter().flatten().map(|(name, _)| name.as_str());
    let fields = step["options"]["fields"].as_array().into_iter().flatten();
    let listed = fields.filter_map(Value::as_str);
    let evidence = (!step["options"]["evidence"].is_null()).then_some("evidence");
    // What a probe saw, beside what the step declares.
    let seen = if step["options"]["probe"].is_null() { &[][..] } else { &["value", "text"][..] };
    declared.chain(listed).chain(evidence).chain(seen.iter().copied())
}

/// Runbooks that start each other, and what they are started with.
fn nesting(check: &Check<'_>) {
    let books: BTreeMap<&str, (usize, &Value)> =
        check.of_kind(FileKind::Runbook).filter_map(|(n, b)| Some((text(b, "id")?, (n, b)))).collect();
    let inner =
        |step: &Value| text(&step["options"], "runbook").filter(|id| !is_template(id)).map(str::to_owned);
    let mut graph = Graph::new();
    let mut found = Vec::new();
    for (id, (file, book)) in &books {
        for (n, step) in items(book, "step") {
            let Some(other) = inner(step) else { continue };
            let Some((key, (_, other))) = books.get_key_value(other.as_str()) else { continue };
            graph.entry(*id).or_default().push(*key);
            for name in step["options"]["with"].as_object().into_iter().flatten().map(|(name, _)| name) {
                let params = other["params"].as_object().into_iter().flatten().map(|(name, _)| name.as_str());
                let params: Vec<&str> = params.collect();
                if !params.contains(&name.as_str()) {
                    let span = check.place_of(*file, &format!("step/{n}/with/{name}"));
                    let near = nearest(name, params).map(|near| format!("did you mean {near:?}?"));
                    found.push((*file, span, format!("{key} has no parameter {:?}", clean_line(name)), near));
                }
            }
        }
    }
    for circle in circles(&graph) {
        let (file, _) = books[circle[0]];
        let what = format!("runbooks that start each other: {}", drawn(&circle));
        found.push((file, check.place_of(file, "id"), what, None));
    }
    for (file, span, what, hint) in found {
        check.error(file, span, what, hint);
    }
}
