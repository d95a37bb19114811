//! Short forms become the full ones that the model reads, and files become
//! one estate.

use lifeboat_core::model::{Estate, Runbook, Workload};
use serde_json::{Map, Value, json};

use super::{keys::FileKind, parse::Parsed};

/// Builds the estate of files without errors. An error here names the file:
/// the key tables and the model would disagree, which tests rule out.
pub(super) fn estate(files: &[Parsed<'_>]) -> Result<Estate, (usize, serde_json::Error)> {
    let mut top = Map::new();
    let (mut workloads, mut runbooks) = (Vec::new(), Vec::new());
    let mut main = 0;
    for (n, file) in files.iter().enumerate() {
        let value = file.reading.value.clone();
        match file.source.kind {
            FileKind::Workload => workloads.push(workload(value).map_err(|e| (n, e))?),
            FileKind::Runbook => runbooks.push(runbook(value).map_err(|e| (n, e))?),
            kind => {
                if kind == FileKind::Main {
                    main = n;
                }
                for (key, value) in value.as_object().into_iter().flatten() {
                    top.insert(plural(key).to_owned(), value.clone());
                }
            }
        }
    }
    let mut estate: Estate = serde_json::from_value(Value::Object(top)).map_err(|e| (main, e))?;
    if estate.id.is_empty() {
        estate.id = super::slug(&estate.name);
    }
    Ok(Estate { workloads, runbooks, ..estate })
}

/// `[[region]]` in a file is `regions` of the estate.
fn plural(key: &str) -> &str {
    match key {
        "tier" => "tiers",
        "group" => "groups",
        "override" => "overrides",
        "operator" => "operators",
        "approval" => "approvals",
        "interlock" => "interlocks",
        "region" => "regions",
        "account" => "accounts",
        "domain" => "domains",
        "link" => "links",
        "key" => "keys",
        "secret" => "secrets",
        "store" => "stores",
        other => other,
    }
}

fn workload(mut value: Value) -> Result<Workload, serde_json::Error> {
    for (list, key) in [("standby", "region"), ("depends_on", "id")] {
        for item in value[list].as_array_mut().into_iter().flatten() {
            if item.is_string() {
                *item = json!({ key: item.take() });
            }
        }
    }
    drop_null(&mut value);
    serde_json::from_value(value)
}

fn runbook(mut value: Value) -> Result<Runbook, serde_json::Error> {
    if let Some(only) = value.as_object_mut().and_then(|book| book.remove("workload")) {
        value["workloads"] = json!([only]);
    }
    drop_null(&mut value);
    serde_json::from_value(value)
}

/// Looking for a list in an object leaves a null where there was none.
fn drop_null(value: &mut Value) {
    if let Some(object) = value.as_object_mut() {
        object.retain(|_, value| !value.is_null());
    }
}
