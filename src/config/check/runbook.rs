//! runbooks/*.toml: parameters, templates, nesting.

use std::collections::{BTreeMap, BTreeSet};

use lifeboat_core::{
    model::{ITEM, Runbook, Time, clean_line, cut},
    run::expr,
};
use serde_json::{Value, json};

use super::{
    Check,
    cycle::{Graph, circles, drawn},
    items, step, text,
};
use crate::config::{
    cursor::Span,
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
        match &step["for_each"] {
            Value::Object(each) => known.extend(each.keys().cloned()),
            Value::Array(_) => drop(known.insert(ITEM.to_owned())),
            _ => {}
        }
    }
    conditions(check, file, value);
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

/// `when`: read, every name known, every value possible, and what it asks
/// about over before it is asked.
fn conditions(check: &Check<'_>, file: usize, value: &Value) {
    let unsure =
        check.files[file].partial || ["region", "workload"].iter().any(|k| check.names.is_partial(k));
    let bare = json!({ "id": "x", "title": "", "kind": "failover", "params": value["params"], "step": value["step"] });
    let whole = bare.as_object().into_iter().flatten().filter(|(_, v)| !v.is_null());
    // What cannot be read as a runbook is told where it is wrong.
    let book = serde_json::from_value::<Runbook>(Value::Object(
        whole.map(|(k, v)| (k.clone(), v.clone())).collect(),
    ));
    let Some(book) = book.ok().filter(|_| !unsure) else { return };
    let (mut regions, workloads): (Vec<&str>, Vec<&str>) =
        (check.names.of_kind("region").collect(), check.names.of_kind("workload").collect());
    regions.sort_unstable();
    let names = expr::names(&book, &regions, &workloads);
    for (n, step) in book.steps.iter().enumerate() {
        let Err(error) = expr::check_when(&book, step, &names) else { continue };
        let span = check.place_of(file, &format!("step/{n}/when"));
        let text = step.when.as_deref().unwrap_or_default();
        // Within {{ }} an unknown name is told as any other template.
        if text.get(error.at.start..).is_some_and(is_template) && error.why.contains("no parameter") {
            continue;
        }
        check.error(file, within(check, file, span, text, &error.at), error.why, error.hint);
    }
}

/// The place of a part of a text, where the text stands as it was written.
fn within(check: &Check<'_>, file: usize, span: Span, text: &str, at: &Span) -> Span {
    let source = check.files[file].source.text.as_deref().unwrap_or_default();
    let plain = source.get(span.start + 1..span.end.saturating_sub(1)) == Some(text);
    match plain && !at.is_empty() {
        true => span.start + 1 + at.start..span.start + 1 + at.end,
        false => span,
    }
}

/// What later steps may insert: declared outputs, and what a person fills in.
fn outputs_of(step: &Value) -> impl Iterator<Item = &str> {
    let declared = step["outputs"].as_object().into_iter().flatten().map(|(name, _)| name.as_str());
    let fields = step["options"]["fields"].as_array().into_iter().flatten();
    let listed = fields.filter_map(|f| f.as_str().or_else(|| f["id"].as_str()));
    let evidence = (!step["options"]["evidence"].is_null()).then_some("evidence");
    let choice = (!step["options"]["choices"].is_null()).then_some("choice");
    // What a probe saw, beside what the step declares.
    let seen = if step["options"]["probe"].is_null() { &[][..] } else { &["value", "text"][..] };
    declared.chain(listed).chain(evidence).chain(choice).chain(seen.iter().copied())
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
