//! Texts with `{{ name }}` in them, as a person reads them: with its value
//! where that is known, else as a place that is still open: `<name>`.

use lifeboat_core::{model::*, run::Run};
use serde_json::Value;

use super::{App, rows};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    Text(String),
    /// `<name>`: its value is not known yet.
    Open(String),
}

impl Piece {
    pub fn text(&self) -> &str {
        match self {
            Self::Text(text) | Self::Open(text) => text,
        }
    }
}

/// A template in the order of its parts.
pub fn pieces(template: &str, value: impl Fn(&str) -> Option<String>) -> Vec<Piece> {
    let mut out = Vec::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((name, tail)) = after.split_once("}}") else { break };
        let name = name.trim();
        out.push(Piece::Text(before.to_owned()));
        out.push(match value(name).filter(|value| !value.is_empty()) {
            Some(value) => Piece::Text(value),
            None => Piece::Open(format!("<{name}>")),
        });
        rest = tail;
    }
    out.push(Piece::Text(rest.to_owned()));
    out
}

/// The same as one text.
pub fn filled(template: &str, value: impl Fn(&str) -> Option<String>) -> String {
    pieces(template, value).iter().map(Piece::text).collect()
}

/// What a run knows of a name: a parameter, or what a step left.
pub fn of_run(run: &Run, name: &str) -> Option<String> {
    let output = || {
        let (step, output) = name.rsplit_once('.')?;
        run.step(step)?.outputs.get(output)
    };
    run.params.get(name).or_else(output).map(plain)
}

/// What a runbook's parameter would most likely be, were it started now:
/// where its workload is and would go counts more than what the file says.
pub fn likely(app: &App, book: &Runbook, name: &str) -> Option<String> {
    let def = book.params.get(name)?;
    let view = book.workloads.first().and_then(|w| rows::view(app, w));
    let judged = view.map(|v| v.verdict.as_ref().unwrap_or(&v.if_home_lost));
    let seen = match (def.ty, name) {
        (ParamType::Region, "from") => view.and_then(|v| v.home.clone()),
        (ParamType::Region, "to") => judged.and_then(|j| j.to.clone()),
        _ => None,
    };
    seen.map(|r| r.to_string()).or_else(|| def.default.as_ref().map(plain))
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_reads_as_a_place_that_is_open() {
        let value = |name: &str| (name == "to").then(|| "eu".to_owned());
        let table = [
            ("Fail over to {{ to }}", "Fail over to eu"),
            ("From {{from}} to {{ to }}.", "From <from> to eu."),
            ("Write {{ count.rows }} rows", "Write <count.rows> rows"),
            ("No {{ end", "No {{ end"),
            ("", ""),
        ];
        for (template, text) in table {
            assert_eq!(filled(template, value), text);
        }
        assert!(pieces("{{ from }}", value).contains(&Piece::Open("<from>".into())));
        assert_eq!(
            filled("{{ to }}", |_| Some("{{ from }}".into())),
            "{{ from }}",
            "a value is not looked at"
        );
    }
}
