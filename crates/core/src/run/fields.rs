//! What a person fills in, read by the types that the step declares.

use std::collections::BTreeMap;

use serde_json::Value;

use super::plan;
use crate::model::*;

/// Every field with its value, or which one is missing or wrong.
pub fn read(plan: &StepPlan, given: &BTreeMap<String, Value>) -> Result<BTreeMap<String, Value>, String> {
    let fields = plan::fields(plan);
    if let Some(strange) = given.keys().find(|name| !fields.iter().any(|f| f.id == **name)) {
        return Err(format!("there is no field {strange:?}"));
    }
    let mut out = BTreeMap::new();
    for field in &fields {
        let value = given.get(&field.id).filter(|v| !is_empty(v));
        match value {
            Some(value) => {
                let value = one(field, value).map_err(|why| format!("{:?}: {why}", field.id))?;
                out.insert(field.id.clone(), value);
            }
            None if field.required => return Err(format!("{:?} is not filled in", field.id)),
            None => {}
        }
    }
    Ok(out)
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        _ => false,
    }
}

fn one(field: &FieldDef, value: &Value) -> Result<Value, String> {
    let text = || value.as_str().map(str::trim).ok_or_else(|| format!("{value} is no text"));
    match field.ty {
        ParamType::Integer => match value {
            Value::Number(n) if n.is_i64() || n.is_u64() => Ok(value.clone()),
            _ => text()?.parse::<i64>().map(Value::from).map_err(|_| format!("{value} is no whole number")),
        },
        ParamType::Bool => match (value, value.as_str()) {
            (Value::Bool(_), _) => Ok(value.clone()),
            (_, Some("yes" | "true")) => Ok(Value::Bool(true)),
            (_, Some("no" | "false")) => Ok(Value::Bool(false)),
            _ => Err(format!("{value} is neither yes nor no")),
        },
        ParamType::Instant => {
            let at = chrono::DateTime::parse_from_rfc3339(text()?);
            at.map(|_| value.clone())
                .map_err(|_| format!("{value} is no instant such as 2026-11-22T14:05:00Z"))
        }
        ParamType::Choice => match field.choices.iter().any(|c| Some(c.as_str()) == value.as_str()) {
            true => Ok(value.clone()),
            false => Err(format!("{value} is none of: {}", field.choices.join(", "))),
        },
        // A secret would stand in the journal for ever.
        ParamType::Secret => Err("a secret is never filled in: name it in the step's `env`".to_owned()),
        ParamType::Region | ParamType::Workload | ParamType::RecoveryPoint | ParamType::String => {
            text().map(|_| value.clone())
        }
    }
}
