//! What is made from the tables: the schema, the reference, a first estate.

use std::collections::BTreeSet;

use lifeboat_core::model::Code;
use serde_json::Value;

use super::*;
use crate::config::{init, reference, schema};

/// Every `$ref` of a schema.
fn refs(value: &Value, out: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            out.extend(map.get("$ref").and_then(Value::as_str).map(str::to_owned));
            map.values().for_each(|v| refs(v, out));
        }
        Value::Array(items) => items.iter().for_each(|v| refs(v, out)),
        _ => {}
    }
}

/// As much of JSON Schema as ours uses.
fn accepts(root: &Value, schema: &Value, value: &Value) -> bool {
    let Some(schema) = schema.as_object() else { return false };
    schema.iter().all(|(word, rule)| match word.as_str() {
        "$ref" => accepts(root, root.pointer(&rule.as_str().unwrap()[1..]).unwrap(), value),
        "oneOf" => rule.as_array().unwrap().iter().filter(|s| accepts(root, s, value)).count() == 1,
        "anyOf" => rule.as_array().unwrap().iter().any(|s| accepts(root, s, value)),
        "enum" => rule.as_array().unwrap().contains(value),
        "const" => rule == value,
        "type" => match rule {
            Value::Array(types) => types.iter().any(|ty| is(ty.as_str().unwrap(), value)),
            ty => is(ty.as_str().unwrap(), value),
        },
        "items" => value.as_array().is_none_or(|items| items.iter().all(|v| accepts(root, rule, v))),
        "minItems" => value.as_array().is_none_or(|items| items.len() as u64 >= rule.as_u64().unwrap()),
        "maxItems" => value.as_array().is_none_or(|items| items.len() as u64 <= rule.as_u64().unwrap()),
        "minimum" => value.as_f64().is_none_or(|n| n >= rule.as_f64().unwrap()),
        "maximum" => value.as_f64().is_none_or(|n| n <= rule.as_f64().unwrap()),
        "required" => rule.as_array().unwrap().iter().all(|k| value.get(k.as_str().unwrap()).is_some()),
        "properties" => value
            .as_object()
            .is_none_or(|object| object.iter().all(|(k, v)| rule.get(k).is_none_or(|s| accepts(root, s, v)))),
        "additionalProperties" => value.as_object().is_none_or(|object| {
            let known = |k: &String| schema.get("properties").is_some_and(|p| p.get(k).is_some());
            object.iter().filter(|(k, _)| !known(k)).all(|(_, v)| accepts(root, rule, v))
        }),
        "pattern" | "format" | "title" | "description" | "examples" => true,
        other => panic!("the test does not know {other}"),
    })
}

fn is(ty: &str, value: &Value) -> bool {
    match ty {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        other => panic!("no type {other}"),
    }
}

#[test]
fn the_schema_accepts_the_documented_estate_and_refuses_mistakes() {
    let schema = schema(&VOCABULARY);
    let mut found = BTreeSet::new();
    refs(&schema, &mut found);
    assert!(found.iter().all(|r| schema.pointer(&r[1..]).is_some()), "{found:?}");
    let kinds = ["estate", "regions", "stores", "workload", "runbook"];
    for ((name, text), kind) in SMALL.iter().zip(kinds) {
        let value: Value = toml::from_str(text).unwrap();
        let definition = &schema["$defs"][kind];
        assert!(accepts(&schema, definition, &value), "{name}");
        let mut unknown = value.clone();
        unknown["surprise"] = true.into();
        assert!(!accepts(&schema, definition, &unknown), "{name}");
        let mut headless = value.clone();
        headless.as_object_mut().unwrap().remove("schema");
        assert!(!accepts(&schema, definition, &headless), "{name}");
    }
    let mut step: Value = toml::from_str(SMALL[4].1).unwrap();
    step["step"][0]["stable"] = "5s".into();
    assert!(!accepts(&schema, &schema["$defs"]["runbook"], &step), "a wait's key in a command");
}

#[test]
fn the_reference_names_every_key() {
    let page = reference(&VOCABULARY);
    for key in ["standby", "log_every", "point_of_no_return", "object_lock", "as_of", "env_prefix", "stanza"]
    {
        assert!(page.contains(&format!("`{key}`")), "{key}");
    }
    assert!(page.contains("### `asset.copy`") && page.contains("**`stanza`**"));
    assert!(page.lines().all(|line| line == line.trim_end()) && !page.contains("\n\n\n"));
    let tables = page.split("\n| key |").skip(1).count();
    assert_eq!(
        page.matches("\n\n| key | is | meaning |\n|---|").count(),
        tables,
        "a table begins a paragraph"
    );
    // Rows of one table have as many cells as its head.
    let rows = page.lines().filter(|line| line.starts_with("| "));
    assert!(rows.into_iter().all(|row| row.replace("\\|", "").matches('|').count() == 4));
}

#[test]
fn a_first_estate_loads_without_a_word_and_is_never_written_over() {
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path().join("mine");
    let name = "Ada's \"shop\" \\ ünï";
    let files = init(&dir, name).unwrap();
    let loaded = load(&dir, &VOCABULARY).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(loaded.warnings, []);
    assert_eq!((loaded.estate.name.as_str(), files.len()), (name, loaded.files.len()));
    assert_eq!(init(&dir, "Other").unwrap_err().code, Code::ESTATE_EXISTS);
    // Nothing is written where one file is in the way.
    for file in &files[1..] {
        fs::remove_file(file).unwrap();
    }
    assert_eq!(init(&dir, "Other").unwrap_err().code, Code::ESTATE_EXISTS);
    assert!(!files[1].exists());
    fs::write(tmp.path().join("file"), "").unwrap();
    assert_eq!(init(&tmp.path().join("file"), "Other").unwrap_err().code, Code::ESTATE_WRITE);
}
