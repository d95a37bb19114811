//! Settings of a bucket of Google Cloud Storage, from its own record.
//! Format: `storage#bucket` and `storage#policy` of the JSON API.

use futures::join;
use lifeboat_core::model::{Answer::*, *};
use serde_json::Value;

use super::{newest::Newest, unknown};
use crate::net::{
    Work,
    store::{About, Question, Repo, show},
};

pub(super) async fn read(repo: &Repo, newest: &Newest, work: &Work) -> Result<Posture, Problem> {
    let bucket = repo.question(&Question::get(About::Bucket, &[("projection", b"full")]), work).await?;
    let object = async {
        let key = newest.key.as_deref().ok_or_else(|| newest.how.clone())?;
        record(repo, About::Key(key), "storage#object", work).await
    };
    let (policy, object) = join!(record(repo, About::Below("iam"), "storage#policy", work), object);
    let bucket = parse(bucket.status.as_u16(), &bucket.body, "storage#bucket");
    Ok(posture(bucket, policy, object, newest))
}

async fn record(repo: &Repo, about: About<'_>, kind: &str, work: &Work) -> Result<Value, String> {
    let answer = repo.question(&Question::get(about, &[]), work).await.map_err(|p| p.why)?;
    parse(answer.status.as_u16(), &answer.body, kind)
}

/// Anything but such a record says nothing.
fn parse(status: u16, body: &[u8], kind: &str) -> Result<Value, String> {
    match status {
        200 => {
            let value: Option<Value> = serde_json::from_slice(body).ok();
            value.filter(|v| v["kind"] == *kind).ok_or_else(|| format!("it answered no {kind}"))
        }
        401 | 403 => Err(format!("{status}: the credentials may not ask for it")),
        status => Err(format!("it answered {status}")),
    }
}

/// Seconds as text, as they come in JSON.
fn seconds(value: &Value) -> Option<Dur> {
    let n = value.as_str().and_then(|t| t.parse().ok()).or_else(|| value.as_i64())?;
    // a hundred years; more is no promise anybody can hold
    (1..=3_200_000_000).contains(&n).then(|| Dur::secs(n))
}

fn word(value: &Value) -> Option<String> {
    value.as_str().filter(|t| !t.is_empty()).map(|t| show(t.as_bytes()))
}

pub(super) fn posture(
    bucket: Result<Value, String>,
    policy: Result<Value, String>,
    object: Result<Value, String>,
    newest: &Newest,
) -> Posture {
    let newest = match &object {
        Ok(object) => seal(object, newest),
        Err(why) => unknown(format!("the newest object's record: {why}")),
    };
    let bucket = match bucket {
        Ok(bucket) => bucket,
        Err(why) => return Posture { newest, ..all_unknown(&format!("the bucket's record: {why}")) },
    };
    const HOW: &str = "the bucket's record";
    fn told<T>(answer: lifeboat_core::model::Answer<T>) -> Fact<T> {
        Fact::new(answer, HOW)
    }
    let or_not = |found: Option<String>| told(found.map_or(NotSet, Set));
    let kms = word(&bucket["encryption"]["defaultKmsKeyName"]);
    let turbo = word(&bucket["rpo"]).filter(|rpo| rpo == "ASYNC_TURBO").map_or("", |_| ", within 15 min");
    let location = word(&bucket["location"]);
    let several = matches!(bucket["locationType"].as_str(), Some("dual-region" | "multi-region"));
    Posture {
        versioning: told(if bucket["versioning"]["enabled"] == true { Set(()) } else { NotSet }),
        object_lock: told(lock(&bucket)),
        encryption: told(Set(kms.unwrap_or_else(|| "with Google's own keys".to_owned()))),
        replication: or_not(
            location.clone().filter(|_| several).map(|place| format!("within {place}{turbo}")),
        ),
        public: public(&bucket, policy),
        access_log: or_not(word(&bucket["logging"]["logBucket"])),
        lifecycle: told(lifecycle(&bucket)),
        location: location.map_or_else(|| unknown("its record names no location"), |place| told(Set(place))),
        newest,
    }
}

fn all_unknown(how: &str) -> Posture {
    Posture {
        versioning: unknown(how),
        object_lock: unknown(how),
        encryption: unknown(how),
        replication: unknown(how),
        public: unknown(how),
        location: unknown(how),
        access_log: unknown(how),
        lifecycle: unknown(how),
        newest: unknown(how),
    }
}

/// A retention policy holds for every object; locked, nobody may take it back.
/// Else objects may be locked one by one, where that is switched on.
fn lock(bucket: &Value) -> lifeboat_core::model::Answer<ObjectLock> {
    let policy = &bucket["retentionPolicy"];
    if let Some(retention) = seconds(&policy["retentionPeriod"]) {
        let locked = policy["isLocked"] == true;
        let mode = if locked { LockMode::Compliance } else { LockMode::Governance };
        return Set(ObjectLock { mode, retention: Some(retention) });
    }
    match bucket["objectRetention"]["mode"].as_str() {
        Some("Enabled") => Set(ObjectLock { mode: LockMode::Governance, retention: None }),
        _ => NotSet,
    }
}

fn lifecycle(bucket: &Value) -> lifeboat_core::model::Answer<String> {
    let rules = bucket["lifecycle"]["rule"].as_array().map(Vec::as_slice).unwrap_or_default();
    let words = rules.iter().take(20).map(|rule| {
        let what = match rule["action"]["type"].as_str() {
            Some("Delete") => "deletes".to_owned(),
            Some("SetStorageClass") => {
                format!("moves to {}", word(&rule["action"]["storageClass"]).unwrap_or_default())
            }
            _ => "a rule".to_owned(),
        };
        match rule["condition"]["age"].as_i64() {
            Some(days) => format!("{what} after {days} d"),
            None => what,
        }
    });
    let words: Vec<_> = words.collect();
    if words.is_empty() { NotSet } else { Set(words.join(", ")) }
}

fn public(bucket: &Value, policy: Result<Value, String>) -> Fact<String> {
    let iam = &bucket["iamConfiguration"];
    if iam["publicAccessPrevention"] == "enforced" {
        return Fact::new(NotSet, "the bucket's record: public access is prevented");
    }
    let policy = match policy {
        Ok(policy) => policy,
        Err(why) => return unknown(format!("its IAM policy: {why}")),
    };
    let anyone = |who: &Value| matches!(who.as_str(), Some("allUsers" | "allAuthenticatedUsers"));
    let bindings = policy["bindings"].as_array().map(Vec::as_slice).unwrap_or_default();
    let open = bindings.iter().find(|b| b["members"].as_array().is_some_and(|m| m.iter().any(anyone)));
    if let Some(binding) = open {
        let role = word(&binding["role"]).unwrap_or_default();
        return Fact::new(Set(format!("its IAM policy gives {role} to everybody")), "its IAM policy");
    }
    // without it, each object has an ACL of its own
    let acls =
        |which: &str| bucket[which].as_array().is_some_and(|all| all.iter().any(|a| anyone(&a["entity"])));
    match (iam["uniformBucketLevelAccess"]["enabled"] == true, acls("defaultObjectAcl") || acls("acl")) {
        (true, _) => Fact::new(NotSet, "its IAM policy; access is uniform"),
        (false, true) => {
            Fact::new(Set("its ACL gives to everybody".to_owned()), "the bucket's record, with ACLs")
        }
        (false, false) => Fact::new(
            NotSet,
            "its IAM policy and its ACLs; an object may still have an ACL of its own, since access is not uniform",
        ),
    }
}

fn seal(object: &Value, newest: &Newest) -> Fact<Seal> {
    let instant =
        |v: &Value| v.as_str().and_then(|t| chrono::DateTime::parse_from_rfc3339(t).ok()).map(|t| t.to_utc());
    let own = &object["retention"];
    let by_bucket = instant(&object["retentionExpirationTime"]);
    let found = Seal {
        key: newest.key.as_deref().map(show).unwrap_or_default(),
        mode: match own["mode"].as_str() {
            Some("Locked") => Some(LockMode::Compliance),
            Some("Unlocked") => Some(LockMode::Governance),
            // the bucket's policy says whether that may be taken back
            _ => by_bucket.map(|_| LockMode::Governance),
        },
        until: instant(&own["retainUntilTime"]).max(by_bucket),
        legal_hold: object["temporaryHold"] == true || object["eventBasedHold"] == true,
        replicated: None,
    };
    let how = format!("the record of {}", newest.how);
    match found.mode.is_some() || found.legal_hold {
        true => Fact::new(Set(found), how),
        false => Fact::new(NotSet, how),
    }
}
