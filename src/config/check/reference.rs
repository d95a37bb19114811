//! Ids: declared once, and referred to only where declared.

use lifeboat_core::model::{clean_line, cut};

use super::{Check, line_of, text};
use crate::config::{
    cursor::Note,
    keys::FileKind,
    names::{Mention, Names, Place},
    nearest::nearest,
    parse::Parsed,
};

/// Gathers what all files declare; an id declared twice is an error.
pub(super) fn collect(files: &[Parsed<'_>], found: &mut Vec<(usize, Note)>) -> Names {
    let mut names = Names::default();
    for (file, parsed) in files.iter().enumerate() {
        if parsed.partial || parsed.reading.nameless {
            names.mark_partial(parsed.source.kind.declares());
        }
        let mut inner = Names::default();
        for mention in &parsed.reading.declared {
            let place = Place { file, span: mention.span.clone() };
            let earlier = match mention.kind {
                // Unique within their file only.
                "step" => inner.declare("step", &mention.id, place),
                "choices" => None,
                "asset" => names.declare("asset", &qualified(parsed, &mention.id), place),
                kind => names.declare(kind, &mention.id, place),
            };
            if let Some(earlier) = earlier {
                let what = format!("a second {} {:?}", mention.kind, mention.id);
                let hint = format!("the first is at {}", line_of(files, earlier));
                found.push((file, Note::error(mention.span.clone(), what, Some(hint))));
            }
        }
        if parsed.source.kind == FileKind::Regions {
            shared_names(&mut names, file, parsed);
        }
    }
    names
}

fn qualified(parsed: &Parsed<'_>, asset: &str) -> String {
    // A workload without a readable id still has its assets told apart.
    let fallback = parsed.source.path.to_string_lossy();
    format!("{}/{asset}", text(&parsed.reading.value, "id").unwrap_or(&fallback))
}

/// Providers and organisations exist by being named.
fn shared_names(names: &mut Names, file: usize, parsed: &Parsed<'_>) {
    let value = &parsed.reading.value;
    for (list, key) in [("region", "provider"), ("account", "provider"), ("account", "organisation")] {
        let place = Place { file, span: 0..0 };
        for (_, item) in super::items(value, list) {
            if let Some(name) = text(item, key) {
                let kind = if key == "provider" { "provider" } else { "organisation" };
                names.declare(kind, name, place.clone());
            }
        }
    }
}

pub(super) fn resolve(check: &Check<'_>) {
    for (file, parsed) in check.files.iter().enumerate() {
        let steps: Vec<&str> = of_kind(&parsed.reading.declared, "step").collect();
        for mention in &parsed.reading.referred {
            let known = match mention.kind {
                "step" => parsed.partial || parsed.reading.nameless || steps.contains(&mention.id.as_str()),
                kind => check.names.is_partial(kind) || check.names.has(kind, &mention.id),
            };
            if !known {
                let hint = match mention.kind {
                    "step" => nearest(&mention.id, steps.iter().copied()),
                    kind => nearest(&mention.id, check.names.of_kind(kind)),
                };
                let hint = hint.map(|near| format!("did you mean {near:?}?"));
                let hint = hint.or_else(|| where_to_declare(mention));
                let shown = cut(&clean_line(&mention.id), 80);
                check.error(file, mention.span.clone(), format!("unknown {} {shown:?}", mention.kind), hint);
            }
        }
    }
}

fn of_kind<'m>(mentions: &'m [Mention], kind: &str) -> impl Iterator<Item = &'m str> {
    mentions.iter().filter(move |m| m.kind == kind).map(|m| m.id.as_str())
}

fn where_to_declare(mention: &Mention) -> Option<String> {
    let kind = mention.kind;
    match kind {
        "asset" if !mention.id.contains('/') => Some("write WORKLOAD/ASSET".to_owned()),
        "asset" => Some("declare it with [[asset]] in its workload's file".to_owned()),
        "step" => Some("no step of this runbook has that id".to_owned()),
        "workload" | "runbook" => Some(format!("no file in {kind}s/ has that id")),
        _ => {
            let home = FileKind::ALL.into_iter().find(|file| file.declares().contains(&kind))?;
            Some(format!("declare it in {}", home.place()))
        }
    }
}
