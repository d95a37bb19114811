//! Filling `{{ name }}` and `{{ step.output }}` into single values.
//!
//! What is inserted is never looked at again: a value that holds `{{ }}`
//! itself stays as it is, and no value ever becomes a second argument.

use std::collections::BTreeMap;

use serde_json::Value;

use super::StepRun;
use crate::model::*;

/// What may be inserted.
pub struct Scope<'a> {
    pub params: &'a BTreeMap<String, Value>,
    pub steps: &'a [StepRun],
    /// Where an output is not there yet: `{{ step.output }}` stands for itself,
    /// for titles and for dry runs.
    pub lenient: bool,
}

impl Scope<'_> {
    /// A parameter, or `step.output`.
    pub fn get(&self, name: &str) -> Result<Option<&Value>, String> {
        if let Some(value) = self.params.get(name) {
            return Ok(Some(value));
        }
        let Some((step, output)) = name.rsplit_once('.') else {
            return Err(format!("{{{{ {name} }}}} is no parameter"));
        };
        let step = self.steps.iter().find(|s| s.plan.id == *step);
        let step = step.ok_or_else(|| format!("{{{{ {name} }}}} names no step and no parameter"))?;
        match step.outputs.get(output) {
            None if self.lenient => Ok(None),
            None => Err(format!("step {} left no output {output:?}", step.plan.id)),
            found => Ok(found),
        }
    }

    /// The text with everything filled in.
    pub fn text(&self, template: &str) -> Result<String, String> {
        let mut out = String::with_capacity(template.len());
        for part in parts(template)? {
            match part {
                Part::Plain(text) => out.push_str(text),
                Part::Name(name) => match self.get(name)? {
                    Some(value) => out.push_str(&plain(name, value)?),
                    None => out.push_str(&format!("{{{{ {name} }}}}")),
                },
            }
        }
        Ok(out)
    }

    /// One argument of an argument list. A value that begins with `-` would be
    /// read as an option, one with a zero byte cut short: both are refused.
    pub fn argument(&self, template: &str) -> Result<String, String> {
        for part in parts(template)? {
            let Part::Name(name) = part else { continue };
            let Some(value) = self.get(name)? else { continue };
            if plain(name, value)?.starts_with('-') {
                return Err(format!(
                    "the value of {{{{ {name} }}}} begins with -, which a program would take for an option"
                ));
            }
        }
        let text = self.text(template)?;
        if text.starts_with('-') && !template.starts_with('-') {
            return Err(format!("the argument {template:?} would begin with -"));
        }
        if text.contains('\0') {
            return Err(format!("the argument {template:?} would hold a zero byte"));
        }
        Ok(text)
    }

    /// Every text inside a value; keys stay as they are.
    pub fn value(&self, value: &Value) -> Result<Value, String> {
        Ok(match value {
            Value::String(text) => Value::String(self.text(text)?),
            Value::Array(items) => {
                Value::Array(items.iter().map(|v| self.value(v)).collect::<Result<_, _>>()?)
            }
            Value::Object(map) => Value::Object(
                map.iter().map(|(k, v)| Ok((k.clone(), self.value(v)?))).collect::<Result<_, String>>()?,
            ),
            other => other.clone(),
        })
    }

    /// The probe with everything filled in; the argument list of a `command`
    /// under the same rule as any other.
    pub fn probe(&self, probe: &Probe) -> Result<Probe, String> {
        let mut filled = probe.clone();
        filled.target = match (&probe.target, probe.kind.as_str()) {
            (Value::Array(args), "command") => {
                let one = |arg: &Value| match arg {
                    Value::String(text) => self.argument(text).map(Value::String),
                    other => Ok(other.clone()),
                };
                Value::Array(args.iter().map(one).collect::<Result<_, _>>()?)
            }
            (target, _) => self.value(target)?,
        };
        filled.expect.equals = probe.expect.equals.as_ref().map(|v| self.value(v)).transpose()?;
        Ok(filled)
    }
}

/// A value as it is inserted: only text, numbers and yes or no have a form.
fn plain(name: &str, value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(_) | Value::Bool(_) => Ok(value.to_string()),
        _ => Err(format!("{{{{ {name} }}}} is no text, number, or yes or no")),
    }
}

pub enum Part<'a> {
    Plain(&'a str),
    Name(&'a str),
}

/// A template in its parts; names without the spaces around them.
pub fn parts(template: &str) -> Result<Vec<Part<'_>>, String> {
    let mut out = Vec::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, tail) =
            after.split_once("}}").ok_or_else(|| format!("{template:?} has a {{{{ without }}}}"))?;
        let name = name.trim();
        let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if name.is_empty() || !name.chars().all(good) {
            return Err(format!("{name:?} in {template:?} is no name"));
        }
        if !before.is_empty() {
            out.push(Part::Plain(before));
        }
        out.push(Part::Name(name));
        rest = tail;
    }
    if !rest.is_empty() {
        out.push(Part::Plain(rest));
    }
    Ok(out)
}

/// Whether a text holds anything to fill in.
pub fn is_template(text: &str) -> bool {
    text.contains("{{")
}

/// `when`: `NAME == VALUE`, `NAME != VALUE`, or `NAME` alone for a yes-or-no
/// parameter. NAME is a parameter, `step.output` or `mode`, bare or in `{{ }}`;
/// VALUE is one word, or anything in double quotes.
pub fn when(condition: &str, scope: &Scope<'_>, mode: super::Mode) -> Result<bool, String> {
    let (left, right, equal) = match (condition.split_once("=="), condition.split_once("!=")) {
        (Some((l, r)), None) => (l, r, true),
        (None, Some((l, r))) => (l, r, false),
        (None, None) => (condition, "true", true),
        _ => return Err(format!("{condition:?} is no comparison: write NAME == VALUE")),
    };
    let name = left.trim().trim_start_matches("{{").trim_end_matches("}}").trim();
    let right = right.trim();
    let right = right.strip_prefix('"').and_then(|r| r.strip_suffix('"')).unwrap_or(right);
    let left = match name {
        "mode" => mode.as_str().to_owned(),
        name => match scope.get(name)? {
            Some(value) => plain(name, value)?,
            None => String::new(),
        },
    };
    Ok((left == scope.text(right)?) == equal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn scope(params: &BTreeMap<String, Value>) -> Scope<'_> {
        Scope { params, steps: &[], lenient: false }
    }

    #[test]
    fn a_value_fills_one_argument_and_is_not_read_again() {
        let params = BTreeMap::from([
            ("to".to_owned(), json!("eu-central-1; rm -rf / {{ n }}")),
            ("n".to_owned(), json!(3)),
        ]);
        let s = scope(&params);
        assert_eq!(s.argument("--to={{ to }}").unwrap(), "--to=eu-central-1; rm -rf / {{ n }}");
        assert_eq!(s.text("{{n}} of {{ n }}").unwrap(), "3 of 3");
        for bad in ["{{ from }}", "{{ to", "{{ }}", "{{ a b }}", "{{ fence.id }}"] {
            assert!(s.text(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_value_never_becomes_an_option() {
        let params = BTreeMap::from([
            ("bad".to_owned(), json!("-rf")),
            ("number".to_owned(), json!(-1)),
            ("empty".to_owned(), json!("")),
            ("zero".to_owned(), json!("a\0b")),
        ]);
        let s = scope(&params);
        for template in ["{{ bad }}", "x{{ bad }}", "{{ number }}", "{{ empty }}-x", "{{ zero }}"] {
            assert!(s.argument(template).is_err(), "{template}");
        }
        assert_eq!(s.argument("-v").unwrap(), "-v", "what the plan itself says is meant");
    }

    #[test]
    fn when_compares_one_value() {
        let params = BTreeMap::from([("to".to_owned(), json!("eu")), ("deep".to_owned(), json!(true))]);
        let s = scope(&params);
        let table = [
            ("to == eu", true),
            ("{{ to }} != \"eu\"", false),
            ("deep", true),
            ("deep == false", false),
            ("mode == rehearsal", true),
        ];
        for (text, expected) in table {
            assert_eq!(when(text, &s, crate::run::Mode::Rehearsal), Ok(expected), "{text}");
        }
        assert!(when("nobody == x", &s, crate::run::Mode::Live).is_err());
        assert!(when("a == b != c", &s, crate::run::Mode::Live).is_err());
    }
}
