//! Parameters of a runbook: types, defaults and what was given.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::model::*;

/// Every parameter with its value. What comes from a command line is text and
/// is read by the parameter's type.
pub fn resolve(
    runbook: &Runbook,
    estate: &Estate,
    given: &BTreeMap<String, Value>,
) -> Result<BTreeMap<String, Value>, Problem> {
    let wrong = |name: &str, why: String| {
        Problem::new(Code::RUN_PARAMETER, format!("{} of {}", name, runbook.id)).because(why)
    };
    if let Some(name) = given.keys().find(|name| !runbook.params.contains_key(*name)) {
        let known: Vec<_> = runbook.params.keys().map(String::as_str).collect();
        return Err(wrong(name, format!("it has no such parameter; there are: {}", known.join(", "))));
    }
    let mut resolved = BTreeMap::new();
    for (name, def) in &runbook.params {
        let value = given.get(name).or(def.default.as_ref());
        let value = value.ok_or_else(|| wrong(name, "no value was given and it has no default".into()))?;
        resolved.insert(name.clone(), typed(def, value, estate).map_err(|why| wrong(name, why))?);
    }
    moves(runbook, &resolved).map_err(|why| wrong("to", why))?;
    Ok(resolved)
}

/// That a plan which goes from one region to another does so: `from` and `to`
/// are the names that runbooks use for it.
pub fn moves(runbook: &Runbook, params: &BTreeMap<String, Value>) -> Result<(), String> {
    let region = |name: &str| {
        let is_region = runbook.params.get(name).is_some_and(|def| def.ty == ParamType::Region);
        params.get(name).and_then(Value::as_str).filter(|_| is_region)
    };
    match (region("from"), region("to")) {
        (Some(from), Some(to)) if from == to => {
            Err(format!("`from` and `to` are both {from}: choose another region to go to"))
        }
        _ => Ok(()),
    }
}

fn typed(def: &ParamDef, value: &Value, estate: &Estate) -> Result<Value, String> {
    let text = || match value {
        Value::String(text) => Ok(text.as_str()),
        other => Err(format!("{other} is no text")),
    };
    let known = |what: &str, found: bool, all: Vec<&str>| match found {
        true => Ok(value.clone()),
        false => Err(format!("{value} is no {what}; there are: {}", all.join(", "))),
    };
    match def.ty {
        ParamType::Region => {
            let all = estate.regions.iter().map(|r| r.id.as_str()).collect();
            known("region", estate.region(text()?).is_some(), all)
        }
        ParamType::Workload => {
            let all = estate.workloads.iter().map(|w| w.id.as_str()).collect();
            known("workload", estate.workload(text()?).is_some(), all)
        }
        ParamType::Choice => {
            let chosen = text()?;
            let all = def.choices.iter().map(String::as_str).collect();
            known("choice", def.choices.iter().any(|c| c == chosen), all)
        }
        ParamType::Instant => {
            let at = chrono::DateTime::parse_from_rfc3339(text()?);
            at.map(|_| value.clone()).map_err(|e| format!("{value} is no instant: {e}"))
        }
        ParamType::String | ParamType::RecoveryPoint => text().map(|_| value.clone()),
        ParamType::Integer => match value {
            Value::Number(n) if n.is_i64() || n.is_u64() => Ok(value.clone()),
            Value::String(text) => text
                .trim()
                .parse::<i64>()
                .map(Value::from)
                .map_err(|e| format!("{text:?} is no integer: {e}")),
            other => Err(format!("{other} is no integer")),
        },
        ParamType::Bool => match value {
            Value::Bool(_) => Ok(value.clone()),
            Value::String(text) if text == "true" || text == "false" => Ok(Value::Bool(text == "true")),
            other => Err(format!("{other} is neither true nor false")),
        },
        ParamType::Secret => {
            Err("secret parameters cannot be used yet; name the secret in the step's `env`".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn estate() -> Estate {
        let region = json!([{ "id": "eu" }]);
        Estate { regions: serde_json::from_value(region).unwrap(), ..Estate::default() }
    }

    fn one(ty: &str, given: Option<Value>, default: Option<Value>) -> Result<Value, Problem> {
        let runbook: Runbook = serde_json::from_value(json!({
            "id": "r", "title": "R", "kind": "failover",
            "params": { "p": { "type": ty, "default": default, "choices": ["a", "b"] } },
        }))
        .unwrap();
        let given = given.map(|v| ("p".to_owned(), v)).into_iter().collect();
        resolve(&runbook, &estate(), &given).map(|mut all| all.remove("p").unwrap())
    }

    #[test]
    fn values_are_read_by_type() {
        let good = [
            ("region", json!("eu"), json!("eu")),
            ("integer", json!("42"), json!(42)),
            ("bool", json!("true"), json!(true)),
            ("choice", json!("b"), json!("b")),
            ("instant", json!("2026-11-22T14:05:01Z"), json!("2026-11-22T14:05:01Z")),
            ("recovery-point", json!("20261122-020000F"), json!("20261122-020000F")),
        ];
        for (ty, given, expected) in good {
            assert_eq!(one(ty, Some(given), None).unwrap(), expected, "{ty}");
        }
        let bad = [
            ("region", json!("us")),
            ("integer", json!("4.2")),
            ("bool", json!("yes")),
            ("choice", json!("c")),
            ("instant", json!("yesterday")),
            ("string", json!(1)),
            ("secret", json!("hunter2")),
        ];
        for (ty, given) in bad {
            assert_eq!(one(ty, Some(given), None).unwrap_err().code, Code::RUN_PARAMETER, "{ty}");
        }
    }

    #[test]
    fn defaults_fill_in_and_nothing_else_does() {
        assert_eq!(one("string", None, Some(json!("x"))).unwrap(), json!("x"));
        assert_eq!(one("string", None, None).unwrap_err().code, Code::RUN_PARAMETER);
        let runbook: Runbook =
            serde_json::from_value(json!({ "id": "r", "title": "R", "kind": "failover" })).unwrap();
        let given = BTreeMap::from([("typo".to_owned(), json!(1))]);
        assert!(resolve(&runbook, &estate(), &given).unwrap_err().why.contains("no such parameter"));
    }

    #[test]
    fn a_plan_that_goes_nowhere_is_refused() {
        let region = json!({ "type": "region" });
        let runbook: Runbook = serde_json::from_value(json!({
            "id": "r", "title": "R", "kind": "failover",
            "params": { "from": region, "to": region, "witness": region },
        }))
        .unwrap();
        let regions = json!([{ "id": "eu" }, { "id": "us" }]);
        let estate = Estate { regions: serde_json::from_value(regions).unwrap(), ..Estate::default() };
        let given = |from: &str, to: &str| {
            let all = [("from", from), ("to", to), ("witness", "eu")];
            all.map(|(name, region)| (name.to_owned(), json!(region))).into()
        };
        assert!(resolve(&runbook, &estate, &given("eu", "us")).is_ok());
        let problem = resolve(&runbook, &estate, &given("eu", "eu")).unwrap_err();
        assert_eq!(problem.code, Code::RUN_PARAMETER);
        assert!(problem.to_string().contains("both eu"), "{problem}");
    }
}
