//! What stores are set to: JSON and text of `stores`.

use lifeboat_core::assess::{Finding, differences};
use lifeboat_core::model::*;
use serde_json::{Map, Value, json};

use super::posture::time;
use super::text::{row, table};

/// One store, asked now.
pub struct Asked<'a> {
    pub store: &'a Store,
    pub at: Time,
    pub posture: Result<&'a Posture, &'a Problem>,
}

impl Asked<'_> {
    pub fn findings(&self) -> Vec<Finding> {
        differences(self.store, self.posture.ok(), self.posture.is_ok())
    }
}

/// `stores[{id, url, region, observed_at, problem, settings{NAME: {answer, value, expected, how}}, findings[]}]`;
/// `answer` is `set`, `not set`, `not supported` or `unknown`.
pub fn stores(asked: &[Asked<'_>]) -> Value {
    let one = |asked: &Asked<'_>| {
        let rows = asked.posture.map(Posture::rows).into_iter().flatten();
        let settings: Map<String, Value> = rows
            .map(|(name, answer, how)| {
                let value = if let Answer::Set(words) = &answer { Some(words) } else { None };
                let expected = asked.store.expect.get(name);
                let says =
                    json!({"answer": answer.as_str(), "value": value, "expected": expected, "how": how});
                (name.replace(' ', "_"), says)
            })
            .collect();
        json!({
            "id": asked.store.id, "url": asked.store.url, "region": asked.store.region,
            "observed_at": asked.posture.is_ok().then(|| time(asked.at)),
            "problem": asked.posture.err(), "settings": settings, "findings": asked.findings(),
        })
    };
    json!({"schema": 1, "stores": asked.iter().map(one).collect::<Vec<_>>()})
}

pub fn stores_text(asked: &[Asked<'_>]) -> String {
    let mut text = String::new();
    for one in asked {
        text += &format!("{} {}\n", one.store.id, clean_line(&one.store.url));
        match one.posture {
            Err(problem) => text += &format!("  {}\n", clean_line(&problem.to_string())),
            Ok(posture) => {
                let mut rows = vec![row(["  SETTING", "ANSWER", "HOW IT WAS TESTED"])];
                for (name, answer, how) in posture.rows() {
                    let words = match &answer {
                        Answer::Set(words) => words.as_str(),
                        other => other.as_str(),
                    };
                    rows.push(row([&format!("  {}", name.replace('_', " ")), words, how]));
                }
                text += &table(&rows);
            }
        }
        for finding in one.findings() {
            text += &format!("  {}: {}\n", finding.severity.as_str(), clean_line(&finding.message));
        }
        text.push('\n');
    }
    if asked.is_empty() { "this estate has no stores yet\n".to_owned() } else { text }
}
