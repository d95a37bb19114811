//! The keys of a step as types: what stood as a bare JSON value is read here
//! once, so that nothing later asks what shape it has.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Dur, Options, ParamType, StepId};

/// Who must agree, and for how long that holds. `approvals = 2` is short for
/// `{ need = 2 }`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "ApprovalsForm")]
pub struct Approvals {
    pub need: u32,
    /// Whose word counts; empty: anybody's who may act.
    pub roles: Vec<String>,
    /// How long an approval holds; for a step of the kind `approve`, how long
    /// it is waited for.
    pub within: Option<Dur>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum ApprovalsForm {
    Need(u32),
    Table {
        need: Option<u32>,
        #[serde(default)]
        roles: Vec<String>,
        within: Option<Dur>,
    },
}

impl From<ApprovalsForm> for Approvals {
    fn from(form: ApprovalsForm) -> Self {
        match form {
            ApprovalsForm::Need(need) => Self { need: need.max(1), roles: Vec::new(), within: None },
            ApprovalsForm::Table { need, roles, within } => {
                Self { need: need.unwrap_or(1).max(1), roles, within }
            }
        }
    }
}

/// `for_each`: a list, or names each with a list, a range or an output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Each {
    /// Inserted as `{{ item }}`.
    Items(Vec<String>),
    /// Inserted under each name; several names give every combination.
    Names(BTreeMap<String, EachOf>),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum EachOf {
    /// `"00..15"`, or `"{{ step.output }}"` for a list that a step finds.
    Text(String),
    Items(Vec<String>),
}

/// The name under which the items of a plain list are inserted.
pub const ITEM: &str = "item";

impl Each {
    /// The names that may be inserted.
    pub fn names(&self) -> Vec<&str> {
        match self {
            Self::Items(_) => vec![ITEM],
            Self::Names(names) => names.keys().map(String::as_str).collect(),
        }
    }
}

/// `"00..15"` as its sixteen texts; `None` for what is no range. Both ends are
/// included, and the width of the first is kept.
pub fn range(text: &str) -> Option<Vec<String>> {
    const MOST: u32 = 10_000;
    let (from, to) = text.split_once("..")?;
    let digits = |t: &str| (1..=9).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_digit());
    if !digits(from) || !digits(to) {
        return None;
    }
    let (first, last): (u32, u32) = (from.parse().ok()?, to.parse().ok()?);
    (first <= last && last - first < MOST)
        .then(|| (first..=last).map(|n| format!("{n:0width$}", width = from.len())).collect())
}

/// Where an output stands in the answer: `"/lsn"`, or with the type that it
/// must have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "OutputForm", into = "OutputForm")]
pub struct OutputDef {
    /// A JSON pointer.
    pub pointer: String,
    pub ty: Option<OutputType>,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum OutputForm {
    Pointer(String),
    Table {
        pointer: String,
        #[serde(rename = "type")]
        ty: Option<OutputType>,
    },
}

impl From<OutputForm> for OutputDef {
    fn from(form: OutputForm) -> Self {
        match form {
            OutputForm::Pointer(pointer) => Self { pointer, ty: None },
            OutputForm::Table { pointer, ty } => Self { pointer, ty },
        }
    }
}
impl From<OutputDef> for OutputForm {
    fn from(def: OutputDef) -> Self {
        match def.ty {
            None => Self::Pointer(def.pointer),
            ty => Self::Table { pointer: def.pointer, ty },
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputType {
    String,
    Integer,
    Number,
    Bool,
    Instant,
    /// Of texts, numbers, or yes and no: for `for_each`.
    List,
}

impl OutputType {
    /// Whether a value is of this type; nothing is converted, since a program
    /// that answers `"41"` where a number was declared does not do what the
    /// plan believes.
    pub fn fits(self, value: &Value) -> bool {
        let plain = |v: &Value| v.is_string() || v.is_number() || v.is_boolean();
        match self {
            Self::String => value.is_string(),
            Self::Integer => value.is_i64() || value.is_u64(),
            Self::Number => value.is_number(),
            Self::Bool => value.is_boolean(),
            Self::Instant => value.as_str().is_some_and(|t| chrono::DateTime::parse_from_rfc3339(t).is_ok()),
            Self::List => value.as_array().is_some_and(|items| items.iter().all(plain)),
        }
    }
}

/// One line that a person fills in. `"ticket"` is short for `{ id = "ticket" }`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "FieldForm", into = "FieldForm")]
pub struct FieldDef {
    pub id: String,
    pub title: Option<String>,
    pub ty: ParamType,
    pub choices: Vec<String>,
    pub required: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum FieldForm {
    Id(String),
    Table {
        id: String,
        title: Option<String>,
        #[serde(rename = "type", default = "text")]
        ty: ParamType,
        #[serde(default)]
        choices: Vec<String>,
        #[serde(default = "yes")]
        required: bool,
    },
}

fn text() -> ParamType {
    ParamType::String
}
fn yes() -> bool {
    true
}

impl From<&str> for FieldDef {
    fn from(id: &str) -> Self {
        Self { id: id.to_owned(), title: None, ty: text(), choices: Vec::new(), required: true }
    }
}
impl From<FieldForm> for FieldDef {
    fn from(form: FieldForm) -> Self {
        match form {
            FieldForm::Id(id) => Self::from(id.as_str()),
            FieldForm::Table { id, title, ty, choices, required } => {
                Self { id, title, ty, choices, required }
            }
        }
    }
}
impl From<FieldDef> for FieldForm {
    fn from(f: FieldDef) -> Self {
        match f == FieldDef::from(f.id.as_str()) {
            true => Self::Id(f.id),
            false => {
                Self::Table { id: f.id, title: f.title, ty: f.ty, choices: f.choices, required: f.required }
            }
        }
    }
}

/// One way to go on, of a `decide`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    pub id: StepId,
    pub title: Option<String>,
    /// Steps that only this choice (and others that name them) begins.
    #[serde(default)]
    pub steps: Vec<StepId>,
}

/// `when`, `assess = { workload, verdict }` of a `check` or `wait`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssessDef {
    pub workload: String,
    /// The worst verdict that is good enough.
    pub verdict: String,
}

/// One key of a kind's own, as its type; `Ok(None)` where it is absent.
pub fn option<T: serde::de::DeserializeOwned>(options: &Options, key: &str) -> Result<Option<T>, String> {
    match options.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => serde_json::from_value(value.clone()).map(Some).map_err(|e| format!("`{key}`: {e}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn short_forms_are_what_the_long_ones_say() {
        let approvals = |v: Value| serde_json::from_value::<Approvals>(v).unwrap();
        assert_eq!(approvals(json!(2)), approvals(json!({ "need": 2 })));
        assert_eq!(approvals(json!({ "roles": ["dba"] })).need, 1);
        let output = |v: Value| serde_json::from_value::<OutputDef>(v).unwrap();
        assert_eq!(output(json!("/lsn")), output(json!({ "pointer": "/lsn" })));
        let field = |v: Value| serde_json::from_value::<FieldDef>(v).unwrap();
        assert_eq!(field(json!("ticket")), field(json!({ "id": "ticket" })));
        for value in [
            json!("ticket"),
            json!({ "id": "n", "type": "integer", "choices": [], "required": true, "title": null }),
        ] {
            assert_eq!(serde_json::to_value(field(value.clone())).unwrap(), value);
        }
    }

    #[test]
    fn ranges_keep_their_width_and_both_ends() {
        assert_eq!(range("08..11"), Some(["08", "09", "10", "11"].map(str::to_owned).to_vec()));
        assert_eq!(range("3..3"), Some(vec!["3".to_owned()]));
        for bad in ["3..1", "a..b", "1..", "..", "1..99999", "1...3", "{{ x }}"] {
            assert_eq!(range(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_output_is_of_its_type_or_it_is_not() {
        use OutputType::*;
        let table = [
            (Integer, json!(41), true),
            (Integer, json!("41"), false),
            (Integer, json!(4.1), false),
            (Number, json!(4.1), true),
            (Bool, json!("true"), false),
            (Instant, json!("2026-11-22T14:05:01Z"), true),
            (Instant, json!("yesterday"), false),
            (List, json!(["a", 1, true]), true),
            (List, json!([["a"]]), false),
            (String, json!(null), false),
        ];
        for (ty, value, fits) in table {
            assert_eq!(ty.fits(&value), fits, "{ty:?} {value}");
        }
    }
}
