//! `command`: a program of the estate lists the recovery points, for tools
//! that no reader knows. It is trusted to know its tool; what it prints is
//! held to a schema, to sense and to a size, and cleaned. `said` understands
//! and judges, here it is run.

mod said;
#[cfg(test)]
mod tests;

use lifeboat_core::model::{Code, CopyDef, CopyReport, Dur, KeyDef, KeyType, Problem, SecretRef};
use serde::Deserialize;
use serde_json::Value;

use super::{Cx, Parser};
use crate::net::Secret;

pub(super) const KEYS: &[KeyDef] = &[
    KeyDef::required(
        "run",
        KeyType::Command,
        "The program and its arguments; it prints the recovery points as JSON (`lifeboat schema --points`).",
    ),
    KeyDef::new("timeout", KeyType::Period, "How long it may take; `1m` by default."),
    KeyDef::new(
        "env",
        KeyType::Map(&KeyType::Either(&[KeyType::Text, KeyType::Secret])),
        "Environment beside PATH, HOME and LANG; a secret is a reference.",
    ),
];

/// See `crate::parsers`.
pub(super) const PARSERS: &[Parser] = &[("command_points", |b| {
    let _ = said::understand(b, &Cx::new(Default::default(), Default::default()));
})];

/// What it must print, as JSON Schema 2020-12.
pub const SCHEMA: &str = include_str!("points.schema.json");

const TIMEOUT: Dur = Dur::secs(60);
/// A hundred thousand points are about this.
const MAX_OUTPUT: usize = 32 << 20;

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Given {
    Plain(String),
    Secret(SecretRef),
}

/// Errors: LB-COPY-006 where it fails, takes too long or prints too much,
/// LB-COPY-002 where what it prints is not what it should be.
pub(super) async fn read(copy: &CopyDef, cx: &Cx) -> Result<CopyReport, Problem> {
    let bad = |why: &str| Problem::new(Code::COPY_FORMAT, &copy.store).because(why);
    let secrets = cx.secrets.as_ref();
    let secrets = secrets.ok_or_else(|| Problem::new(Code::TRUST_MISSING, &copy.store))?;
    let run = copy.options.get("run").cloned().unwrap_or_default();
    let run: Vec<String> = serde_json::from_value(run).map_err(|_| bad("`run` is no list of arguments"))?;
    let timeout = match copy.options.get("timeout") {
        Some(told) => serde_json::from_value(told.clone()).map_err(|_| bad("`timeout` is no duration"))?,
        None => TIMEOUT,
    };
    let mut env = Vec::new();
    for (name, value) in copy.options.get("env").and_then(Value::as_object).into_iter().flatten() {
        let given = serde_json::from_value(value.clone()).map_err(|_| bad("`env` holds what is no value"))?;
        let value = match given {
            Given::Plain(text) => Secret::new(text),
            Given::Secret(reference) => secrets.resolve(&reference).await?,
        };
        if name.is_empty() || name.contains(['=', '\0']) || value.expose().contains(&0) {
            return Err(bad("`env` holds what cannot be a variable"));
        }
        env.push((name.clone(), value));
    }
    let program = run.first().map_or("", String::as_str);
    let printed = secrets.run(&run, &env, timeout, MAX_OUTPUT, &cx.work.cancel).await?;
    let printed = printed
        .map_err(|e| Problem::new(Code::COPY_PROGRAM, &copy.store).because(format!("{program}: {e}")))?;
    said::understand(&printed, cx)
        .map_err(|why| {
            let problem = Problem::new(Code::COPY_FORMAT, &copy.store);
            let next = "compare what it prints with `lifeboat schema --points`";
            problem.because(format!("what {program} printed: {why}")).next(next)
        })
        .map(|(report, notes)| {
            for why in notes {
                let note =
                    Problem::new(Code::COPY_PROGRAM, &copy.store).because(format!("{program} says: {why}"));
                cx.work.note(Problem {
                    what: "a remark of the program that lists the recovery points".into(),
                    ..note.next("see what it means there")
                });
            }
            report
        })
}
