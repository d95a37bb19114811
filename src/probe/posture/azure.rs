//! Settings of an Azure container and its account, as far as the Blob service
//! tells them: much is known only to the management API, which wants other
//! credentials than reading does; that is said, not guessed.

use futures::join;
use http::HeaderMap;
use lifeboat_core::model::{Answer::*, *};

use super::{newest::Newest, s3::Flat, unknown};
use crate::net::{
    Answer, Work,
    store::{About, Question, Repo, show},
    xml::walk,
};

const ONLY_MANAGEMENT: &str = "only Azure's management API tells it, and it is not asked here";

pub(super) async fn read(repo: &Repo, newest: &Newest, work: &Work) -> Result<Posture, Problem> {
    let container = repo.question(&Question::head(About::Bucket, &[("restype", b"container")]), work).await?;
    let account = Question::head(About::Service, &[("restype", b"account"), ("comp", b"properties")]);
    let service = Question::get(About::Service, &[("restype", b"service"), ("comp", b"properties")]);
    let blob = async {
        let key = newest.key.as_deref().ok_or_else(|| newest.how.clone())?;
        let answer = repo.question(&Question::head(About::Key(key), &[]), work).await.map_err(|p| p.why)?;
        headers("HEAD", answer)
    };
    let (account, service, blob) = join!(repo.question(&account, work), repo.question(&service, work), blob);
    let account = account.map_err(|p| p.why).and_then(|a| headers("Get Account Information", a));
    let service = service.map_err(|p| p.why).and_then(|a| properties(&a));
    let container = headers("Get Container Properties", container);
    Ok(posture(&container, &account, &service, &blob, newest))
}

fn headers(call: &str, answer: Answer) -> Result<HeaderMap, String> {
    match answer.status.as_u16() {
        200 => Ok(answer.headers),
        401 | 403 => Err(format!("{call}: {}: the credentials may not ask", answer.status_line())),
        _ => Err(format!("{call}: {}", answer.status_line())),
    }
}

fn properties(answer: &Answer) -> Result<Flat, String> {
    const CALL: &str = "Get Blob Service Properties";
    if !answer.status.is_success() {
        return Err(format!("{CALL}: {}", answer.status_line()));
    }
    let mut flat = Flat::default();
    walk(&answer.body, b"StorageServiceProperties", "setting", &mut flat)
        .map_err(|e| format!("{CALL}: {e}"))?;
    Ok(flat)
}

fn word(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).map(|v| show(v.as_bytes())).filter(|t| !t.is_empty())
}

pub(super) fn posture(
    container: &Result<HeaderMap, String>,
    account: &Result<HeaderMap, String>,
    service: &Result<Flat, String>,
    blob: &Result<HeaderMap, String>,
    newest: &Newest,
) -> Posture {
    Posture {
        versioning: match blob {
            Ok(blob) if blob.contains_key("x-ms-version-id") => {
                Fact::new(Set(()), format!("HEAD of {} has a version", newest.how))
            }
            Ok(_) => Fact::new(
                NotSet,
                format!("HEAD of {} has no version: it was off when that was written", newest.how),
            ),
            Err(why) => unknown(why),
        },
        object_lock: match container {
            Ok(container) => object_lock(container),
            Err(why) => unknown(why),
        },
        encryption: match blob {
            Ok(blob) => encryption(blob, newest),
            Err(why) => unknown(why),
        },
        replication: replication(account),
        public: match container {
            Ok(container) => match word(container, "x-ms-blob-public-access") {
                Some(what) => Fact::new(Set(format!("anyone may read: {what}")), "Get Container Properties"),
                None => Fact::new(NotSet, "Get Container Properties"),
            },
            Err(why) => unknown(why),
        },
        location: unknown(ONLY_MANAGEMENT),
        access_log: match service {
            Ok(flat) => access_log(flat),
            Err(why) => unknown(why),
        },
        lifecycle: unknown(ONLY_MANAGEMENT),
        newest: match blob {
            Ok(blob) => seal(blob, newest),
            Err(why) => unknown(why),
        },
    }
}

/// A policy of the container holds for every blob; whether it is locked is the
/// management API's to say, so that it counts as the lesser mode.
fn object_lock(container: &HeaderMap) -> Fact<ObjectLock> {
    let yes = |name: &str| word(container, name).is_some_and(|t| t.eq_ignore_ascii_case("true"));
    let on = ObjectLock { mode: LockMode::Governance, retention: None };
    match (yes("x-ms-has-immutability-policy"), yes("x-ms-immutable-storage-with-versioning-enabled")) {
        (true, _) => Fact::new(
            Set(on),
            "Get Container Properties: it has a policy; its days and its lock only Azure's management API tells",
        ),
        (false, true) => Fact::new(Set(on), "Get Container Properties: versions may be locked one by one"),
        (false, false) => Fact::new(NotSet, "Get Container Properties"),
    }
}

fn encryption(blob: &HeaderMap, newest: &Newest) -> Fact<String> {
    let how = format!("HEAD of {}", newest.how);
    let encrypted = word(blob, "x-ms-server-encrypted").map(|t| t.eq_ignore_ascii_case("true"));
    match (encrypted, word(blob, "x-ms-encryption-scope")) {
        (Some(true), Some(scope)) => Fact::new(Set(format!("scope {scope}")), how),
        (Some(true), None) => Fact::new(Set("the account's key".to_owned()), how),
        (Some(false), _) => Fact::new(NotSet, how),
        (None, _) => unknown(format!("{how} does not say")),
    }
}

fn replication(account: &Result<HeaderMap, String>) -> Fact<String> {
    const CALL: &str = "Get Account Information: the kind of the account";
    match account.as_ref().map(|headers| word(headers, "x-ms-sku-name")) {
        // GRS, RAGRS, GZRS, RAGZRS
        Ok(Some(sku)) if sku.contains("GRS") || sku.contains("GZRS") => {
            Fact::new(Set(format!("to the paired region ({sku})")), CALL)
        }
        Ok(Some(sku)) => Fact::new(NotSet, format!("{CALL} is {sku}")),
        Ok(None) => unknown("Get Account Information names no kind"),
        Err(why) => unknown(why),
    }
}

fn access_log(flat: &Flat) -> Fact<String> {
    const CALL: &str = "Get Blob Service Properties; diagnostic settings only the management API tells";
    match flat.get("Logging/Read").map(|t| t.eq_ignore_ascii_case("true")) {
        Some(true) => Fact::new(Set("$logs".to_owned()), CALL),
        Some(false) => Fact::new(NotSet, CALL),
        None => unknown(CALL),
    }
}

fn seal(blob: &HeaderMap, newest: &Newest) -> Fact<Seal> {
    let until = word(blob, "x-ms-immutability-policy-until-date");
    let found = Seal {
        key: newest.key.as_deref().map(show).unwrap_or_default(),
        mode: match word(blob, "x-ms-immutability-policy-mode").map(|t| t.to_ascii_lowercase()).as_deref() {
            Some("locked") => Some(LockMode::Compliance),
            Some("unlocked") => Some(LockMode::Governance),
            _ => None,
        },
        until: until.and_then(|t| chrono::DateTime::parse_from_rfc2822(&t).ok()).map(|t| t.to_utc()),
        legal_hold: word(blob, "x-ms-legal-hold").is_some_and(|t| t.eq_ignore_ascii_case("true")),
        replicated: word(blob, "x-ms-or-policy-id").map(|_| "by an object replication policy".to_owned()),
    };
    let how = format!("HEAD of {}", newest.how);
    match found.mode.is_some() || found.legal_hold || found.replicated.is_some() {
        true => Fact::new(Set(found), how),
        false => Fact::new(NotSet, how),
    }
}
