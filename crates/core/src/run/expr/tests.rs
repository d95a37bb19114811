//! The language as a user meets it: what it means, and what it refuses.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::model::Runbook;

struct Known(BTreeMap<String, Option<Value>>);

impl Values for Known {
    fn value(&self, name: &str) -> Result<Option<Value>, String> {
        match self.0.get(name) {
            None => Ok(None),
            Some(None) => Err(format!("{name} is not known yet")),
            Some(found) => Ok(found.clone()),
        }
    }
}

fn values() -> Known {
    let all = json!({ "to": "eu", "many": 3, "deep": true, "when": "2026-11-22T14:05:00Z", "back.lsn": null,
        "fence.state": "succeeded", "mode": "live", "look.lag": 42.5 });
    Known(
        all.as_object()
            .unwrap()
            .iter()
            .map(|(k, v)| (k.clone(), Some(v.clone()).filter(|v| !v.is_null())))
            .collect(),
    )
}

#[test]
fn conditions_mean_what_they_say() {
    let table = [
        ("to == \"eu\"", Ok(true)),
        ("to == eu", Ok(true)),
        ("{{ to }} != \"eu\"", Ok(false)),
        ("deep", Ok(true)),
        ("not deep or many >= 3", Ok(true)),
        ("deep and not (many < 3)", Ok(true)),
        ("to in [\"us\", eu]", Ok(true)),
        ("to not in [us]", Ok(true)),
        ("many == 3 and to == us or deep", Ok(true)),
        ("many == 3 and (to == us or not deep)", Ok(false)),
        ("look.lag <= 1m", Ok(true)),
        ("look.lag > 42.5", Ok(false)),
        ("when < \"2026-11-22T15:05:30+01:00\"", Ok(true)),
        ("fence.state == succeeded", Ok(true)),
        ("mode == rehearsal", Ok(false)),
        ("back.lsn > 3", Err(())),
        ("deep or back.lsn > 3", Ok(true)),
        ("back.lsn > 3 or deep", Ok(true)),
        ("back.lsn > 3 and not deep", Ok(false)),
        ("many == to", Err(())),
        ("to < \"us\"", Err(())),
        ("\"a \\\"b\\\" \\\\\" == \"a \\\"b\\\" \\\\\"", Ok(true)),
    ];
    for (text, expected) in table {
        let expr = parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!(hold(&expr, &values()).map_err(|_| ()), expected, "{text}");
    }
}

#[test]
fn what_cannot_be_read_is_told_with_its_place() {
    let table = [
        ("", 0..0, "empty"),
        ("to = eu", 3..4, "single ="),
        ("to == ", 6..6, "missing"),
        ("to == eu && deep", 9..10, "no word"),
        ("(deep", 5..5, "closing )"),
        ("deep deep", 5..9, "nothing more"),
        ("a == b == c", 7..9, "follow another"),
        ("to in eu", 6..8, "list"),
        ("to == \"eu", 6..9, "without its end"),
        ("{{ to", 0..5, "without }}"),
        ("tö == x", 1..3, "cannot stand"),
        ("a.", 0..2, "no name"),
        ("not", 3..3, "missing"),
    ];
    for (text, at, why) in table {
        let error = parse(text).unwrap_err();
        assert_eq!(error.at, at, "{text}: {error}");
        assert!(error.why.contains(why), "{text}: {error}");
    }
    let deep = format!("{}deep{}", "(".repeat(500), ")".repeat(500));
    assert!(parse(&deep).unwrap_err().why.contains("deeply"));
}

fn book() -> Runbook {
    serde_json::from_value(json!({
        "id": "r", "title": "R", "kind": "failover",
        "params": { "to": { "type": "region" }, "how": { "type": "choice", "choices": ["fast", "slow"] },
            "many": { "type": "integer" }, "word": { "type": "string" }, "at": { "type": "instant" } },
        "step": [
            { "id": "look", "kind": "check" },
            { "id": "count", "kind": "command", "outputs": { "rows": { "pointer": "/rows", "type": "integer" }, "what": "/what" } },
            { "id": "ask", "kind": "decide", "options": { "choices": [{ "id": "go" }, { "id": "stay" }] } },
            { "id": "form", "kind": "manual", "options": { "fields": ["ticket", { "id": "n", "type": "integer" }] } },
            { "id": "aside", "kind": "manual", "needs": [] },
            { "id": "act", "kind": "manual", "needs": ["form"] },
        ],
    }))
    .unwrap()
}

fn checked(condition: &str) -> Result<(), ExprError> {
    let mut runbook = book();
    runbook.steps[5].when = Some(condition.to_owned());
    let names = names(&runbook, &["eu", "us"], &["shop"]);
    check_when(&runbook, &runbook.steps[5], &names)
}

#[test]
fn every_name_is_known_and_every_value_possible_before_a_run_begins() {
    let good = [
        "to == eu",
        "to == \"us\"",
        "how == fast",
        "many > 3",
        "word == \"x\"",
        "graceful",
        "not graceful",
        "mode != dry-run",
        "count.rows >= 10",
        "count.what == 3",
        "look.value < 30s",
        "ask.choice == go",
        "form.n == 2",
        "form.ticket != \"\"",
        "look.state == succeeded",
        "at > \"2026-11-22T14:05:00Z\"",
        "to in [eu, us]",
    ];
    for text in good {
        assert_eq!(checked(text), Ok(()), "{text}");
    }
    let bad = [
        ("two == eu", "no parameter"),
        ("to == ue", "\"ue\" is no region"),
        ("to == \"mars\"", "\"mars\" is no region"),
        ("how == quick", "no choice"),
        ("many == \"3\"", "a number is never text"),
        ("word == x", "no parameter"),
        ("word > \"x\"", "no order"),
        ("to", "neither true nor false"),
        ("count.row > 3", "no parameter"),
        ("ask.choice == leave", "no choice"),
        ("look.state == done", "no state"),
        ("at > \"soon\"", "no instant"),
        ("aside.state == succeeded", "does not come after"),
    ];
    for (text, why) in bad {
        let error = checked(text).unwrap_err();
        assert!(error.why.contains(why), "{text}: {error}");
    }
    assert_eq!(checked("tto == eu").unwrap_err().hint.unwrap(), "did you mean `to`?");
    assert!(checked("word == x").unwrap_err().hint.unwrap().contains("\"x\""));
    assert!(checked("aside.state == ready").unwrap_err().hint.unwrap().contains("needs"));
}

proptest! {
    #[test]
    fn no_text_makes_it_panic_and_every_place_lies_in_it(text in "[a-z.\"(){}<>=!\\[\\], 0-9sé-]{0,60}") {
        match parse(&text) {
            Ok(expr) => { let _ = hold(&expr, &values()); }
            Err(e) => prop_assert!(text.get(e.at.clone()).is_some(), "{:?} of {text:?}", e.at),
        }
    }
}
