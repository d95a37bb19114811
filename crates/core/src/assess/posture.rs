//! What a store is expected to be set to, against what was seen of it. Pure.

use serde_json::Value;

use super::{Cx, Finding, State};
use crate::model::*;

/// Where the estate's `expect` and what was seen differ, or where nobody can
/// tell: unknown is never green.
pub(super) fn findings(cx: &Cx) -> Vec<Finding> {
    let mut all = Vec::new();
    for store in cx.estate.stores.iter().filter(|s| !s.expect.is_empty()) {
        let seen = cx.observations.postures.get(&store.id).map(|observed| cx.look(observed));
        let current = seen.as_ref().is_some_and(|look| look.freshness.is_current());
        let posture = seen.and_then(|look| look.seen).map(|s| &s.value);
        all.extend(differences(store, posture, current));
    }
    all
}

/// Of one store. `current` says whether what was seen may count as what is so
/// now; what is old counts as the worse of itself and unknown.
pub fn differences(store: &Store, posture: Option<&Posture>, current: bool) -> Vec<Finding> {
    let mut all = Vec::new();
    for (name, wanted) in &store.expect {
        let Some(severity) = worst_of(name) else { continue };
        let nothing = Posture::default();
        let posture = posture.unwrap_or(&nothing);
        let Some((_, answer, how)) = posture.rows().into_iter().find(|(row, ..)| row == name) else {
            continue;
        };
        let observed = match &answer {
            Answer::Set(words) => words.clone(),
            other => other.as_str().to_owned(),
        };
        let (severity, message) = match meets(name, wanted, posture, &answer) {
            Some(true) if current => continue,
            Some(true) => {
                (State::Unknown, format!("{name} was as expected when last seen, and is not seen now"))
            }
            Some(false) if !current => {
                let message =
                    format!("{name} was {observed} when last seen, and should be {}", words(wanted));
                (severity.max(State::Unknown), message)
            }
            Some(false) => (severity, format!("{name} is {observed}, and should be {}", words(wanted))),
            None => (State::Unknown, format!("nobody can say whether {name} is {}", words(wanted))),
        };
        all.push(Finding {
            rule: format!("store-{}", name.replace('_', "-")),
            severity,
            subject: format!("store:{}", store.id),
            message: if how.is_empty() { message } else { format!("{message} ({how})") },
            observed: Some(observed),
            expected: Some(words(wanted)),
            clause: None,
        });
    }
    all
}

/// How bad it is that an expectation does not hold; `None` for no setting of a store.
fn worst_of(name: &str) -> Option<State> {
    match name {
        // what keeps a copy from being deleted, and from being read by anyone
        "object_lock" | "public" => Some(State::Critical),
        "versioning" | "encryption" | "replication" | "location" | "access_log" => Some(State::Warning),
        _ => None,
    }
}

fn words(wanted: &Value) -> String {
    match wanted {
        Value::Bool(true) => "set".to_owned(),
        Value::Bool(false) => "not set".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// `None` where nobody can say.
fn meets(name: &str, wanted: &Value, posture: &Posture, answer: &Answer<String>) -> Option<bool> {
    let told = match answer {
        Answer::Set(words) => Some(words),
        Answer::NotSet | Answer::NotSupported => None,
        Answer::Unknown => return None,
    };
    match wanted {
        Value::Bool(wanted) => Some(told.is_some() == *wanted),
        Value::String(mode) if name == "object_lock" => Some(posture.object_lock.set().is_some_and(|lock| {
            // the stricter mode is no breach of the lesser
            lock.retention.is_some() && (lock.mode.as_str() == mode || lock.mode == LockMode::Compliance)
        })),
        // a place is itself; the others tell more than was asked for
        Value::String(wanted) if name == "location" => {
            Some(told.is_some_and(|t| t.eq_ignore_ascii_case(wanted)))
        }
        Value::String(wanted) => {
            Some(told.is_some_and(|t| t.to_lowercase().contains(&wanted.to_lowercase())))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn store(expect: Value) -> Store {
        serde_json::from_value(json!({"id": "fra", "url": "s3://b", "expect": expect})).unwrap()
    }
    fn set<T>(value: T) -> Fact<T> {
        Fact::new(Answer::Set(value), "asked")
    }
    fn not<T>() -> Fact<T> {
        Fact::new(Answer::NotSet, "asked")
    }
    fn lock(mode: LockMode, retention: Option<Dur>) -> Posture {
        Posture { object_lock: set(ObjectLock { mode, retention }), ..Posture::default() }
    }

    #[test]
    fn what_differs_is_found_and_what_is_not_known_is_never_green() {
        let month = Some(Dur::secs(30 * 86_400));
        let public = Posture { public: set("by its policy".to_owned()), ..Posture::default() };
        let kms = Posture { encryption: set("aws:kms with k".to_owned()), ..Posture::default() };
        let here = Posture { location: set("eu-central-1".to_owned()), ..Posture::default() };
        let none = Posture::nowhere("a folder has no such setting");
        let table = [
            (json!({"versioning": true}), Posture { versioning: set(()), ..Posture::default() }, None),
            (
                json!({"versioning": true}),
                Posture { versioning: not(), ..Posture::default() },
                Some(State::Warning),
            ),
            (json!({"versioning": true}), Posture::default(), Some(State::Unknown)),
            (json!({"versioning": true}), none.clone(), Some(State::Warning)),
            (json!({"versioning": false}), none.clone(), None),
            (json!({"public": false}), public, Some(State::Critical)),
            (json!({"public": false}), Posture { public: not(), ..Posture::default() }, None),
            (json!({"public": false}), none, None),
            (json!({"object_lock": "compliance"}), lock(LockMode::Compliance, month), None),
            (json!({"object_lock": "compliance"}), lock(LockMode::Governance, month), Some(State::Critical)),
            (json!({"object_lock": "governance"}), lock(LockMode::Compliance, month), None),
            (json!({"object_lock": "governance"}), lock(LockMode::Governance, None), Some(State::Critical)),
            (json!({"object_lock": true}), lock(LockMode::Governance, None), None),
            (json!({"encryption": "KMS"}), kms.clone(), None),
            (json!({"encryption": "AES256"}), kms, Some(State::Warning)),
            (json!({"location": "eu-central-1"}), here.clone(), None),
            (json!({"location": "eu-central"}), here, Some(State::Warning)),
        ];
        for (expect, posture, worst) in table {
            let store = store(expect.clone());
            let found = differences(&store, Some(&posture), true);
            assert_eq!(found.first().map(|f| f.severity), worst, "{expect}: {found:?}");
            let old = differences(&store, Some(&posture), false);
            assert_eq!(old[0].severity, worst.unwrap_or_default().max(State::Unknown), "{expect}: {old:?}");
            assert_eq!(differences(&store, None, false)[0].severity, State::Unknown);
        }
    }
}
