//! Filling `{{ name }}` and `{{ step.output }}` into single values.
//!
//! What is inserted is never looked at again: a value that holds `{{ }}`
//! itself stays as it is, and no value ever becomes a second argument.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Mode, StepRun, expr};
use crate::model::*;

/// What may be inserted.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    pub params: &'a BTreeMap<String, Value>,
    /// What `for_each` inserts into one instance.
    pub each: Option<&'a BTreeMap<String, Value>>,
    pub steps: &'a [StepRun],
    /// Where an output is not there yet: `{{ step.output }}` stands for itself,
    /// for titles and for dry runs.
    pub lenient: bool,
    pub mode: Mode,
    pub graceful: bool,
}

impl<'a> Scope<'a> {
    /// For titles, and for what is looked at before a run.
    pub fn lenient(params: &'a BTreeMap<String, Value>) -> Self {
        Self { params, each: None, steps: &[], lenient: true, mode: Mode::DryRun, graceful: true }
    }

    /// What `for_each` inserts, a parameter, or `step.output`.
    pub fn get(&self, name: &str) -> Result<Option<&Value>, String> {
        if let Some(value) = self.each.and_then(|each| each.get(name)).or_else(|| self.params.get(name)) {
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

    /// As `value`, but a text that is nothing but one `{{ name }}` becomes what
    /// it names, with its type: a number stays a number.
    pub fn typed(&self, value: &Value) -> Result<Value, String> {
        Ok(match value {
            Value::String(text) => match parts(text)?.as_slice() {
                [Part::Name(name)] => self.get(name)?.cloned().unwrap_or_else(|| value.clone()),
                _ => Value::String(self.text(text)?),
            },
            Value::Array(items) => {
                Value::Array(items.iter().map(|v| self.typed(v)).collect::<Result<_, _>>()?)
            }
            Value::Object(map) => Value::Object(
                map.iter().map(|(k, v)| Ok((k.clone(), self.typed(v)?))).collect::<Result<_, String>>()?,
            ),
            other => other.clone(),
        })
    }

    /// The texts of a list that an output holds, or the one text itself.
    pub fn list(&self, text: &str) -> Result<Vec<String>, String> {
        match self.typed(&Value::String(text.to_owned()))? {
            Value::Array(items) => items.iter().map(|v| plain(text, v)).collect(),
            one => Ok(vec![plain(text, &one)?]),
        }
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

/// Whether a condition holds; `Err`: it cannot be told yet, and why.
pub fn when(condition: &str, scope: &Scope<'_>) -> Result<bool, String> {
    let expr = expr::parse(condition).map_err(|e| format!("{condition:?}: {e}"))?;
    expr::hold(&expr, scope).map_err(|why| format!("{condition:?} cannot be decided: {why}"))
}

impl expr::Values for Scope<'_> {
    fn value(&self, name: &str) -> Result<Option<Value>, String> {
        match name {
            "mode" => return Ok(Some(self.mode.as_str().into())),
            "graceful" => return Ok(Some(self.graceful.into())),
            _ => {}
        }
        if let Some(value) = self.each.and_then(|each| each.get(name)).or_else(|| self.params.get(name)) {
            return Ok(Some(value.clone()));
        }
        let Some((id, output)) = name.rsplit_once('.') else { return Ok(None) };
        let Some(step) = self.steps.iter().find(|s| s.plan.id == *id) else { return Ok(None) };
        let over = step.ended_at.is_some();
        match (output, step.outputs.get(output)) {
            (_, Some(value)) => Ok(Some(value.clone())),
            ("state", None) if over => Ok(Some(step.status.as_str().into())),
            ("state", None) => Err(format!("step {id} is not over")),
            _ => Err(format!("step {id} left no output {output:?}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn scope(params: &BTreeMap<String, Value>) -> Scope<'_> {
        Scope { lenient: false, mode: Mode::Rehearsal, ..Scope::lenient(params) }
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
    fn an_output_keeps_its_type_and_a_list_its_items() {
        let params = BTreeMap::from([("n".to_owned(), json!(3)), ("all".to_owned(), json!(["a", 2]))]);
        let s = scope(&params);
        assert_eq!(
            s.typed(&json!({ "a": "{{ n }}", "b": "x{{ n }}" })).unwrap(),
            json!({ "a": 3, "b": "x3" })
        );
        assert_eq!(s.list("{{ all }}").unwrap(), ["a", "2"]);
        assert_eq!(s.list("one").unwrap(), ["one"]);
    }
}
