//! Settings of S3 and of what speaks like it. Formats: the S3 API reference.
//!
//! Traps this knows: servers that return a version id and keep no versions,
//! servers that answer what they do not know with a listing or `{}`, and
//! servers that fail at an object's retention and tell it on HEAD.

use futures::join;
use http::HeaderMap;
use lifeboat_core::model::{Answer::*, *};

use super::{
    newest::{Newest, is_answer},
    unknown,
};
use crate::net::{
    Answer, Work,
    store::{About, Question, Repo, show},
    xml::{Walk, root, walk},
};

/// One sub-resource of a bucket.
struct Setting {
    query: &'static str,
    /// As the API calls the question.
    call: &'static str,
    root: &'static [u8],
    /// The code of a 404 that says it is not set.
    absent: &'static str,
}

const fn setting(
    query: &'static str,
    call: &'static str,
    root: &'static str,
    absent: &'static str,
) -> Setting {
    Setting { query, call, root: root.as_bytes(), absent }
}

const VERSIONING: Setting = setting("versioning", "GetBucketVersioning", "VersioningConfiguration", "");
const LOCK: Setting = setting(
    "object-lock",
    "GetObjectLockConfiguration",
    "ObjectLockConfiguration",
    "ObjectLockConfigurationNotFoundError",
);
const ENCRYPTION: Setting = setting(
    "encryption",
    "GetBucketEncryption",
    "ServerSideEncryptionConfiguration",
    "ServerSideEncryptionConfigurationNotFoundError",
);
const REPLICATION: Setting = setting(
    "replication",
    "GetBucketReplication",
    "ReplicationConfiguration",
    "ReplicationConfigurationNotFoundError",
);
const LIFECYCLE: Setting = setting(
    "lifecycle",
    "GetBucketLifecycleConfiguration",
    "LifecycleConfiguration",
    "NoSuchLifecycleConfiguration",
);
const POLICY: Setting =
    setting("policyStatus", "GetBucketPolicyStatus", "PolicyStatus", "NoSuchBucketPolicy");
const ACL: Setting = setting("acl", "GetBucketAcl", "AccessControlPolicy", "");
const BLOCK: Setting = setting(
    "publicAccessBlock",
    "GetPublicAccessBlock",
    "PublicAccessBlockConfiguration",
    "NoSuchPublicAccessBlockConfiguration",
);
const LOGGING: Setting = setting("logging", "GetBucketLogging", "BucketLoggingStatus", "");
const LOCATION: Setting = setting("location", "GetBucketLocation", "LocationConstraint", "");

/// A version that no store ever gave.
const NO_VERSION: &[u8] = b"lifeboat-asks-for-what-never-was";

/// A document as pairs of path and text, in its order; the root's text has no path.
#[derive(Debug, Default)]
pub(super) struct Flat(Vec<(String, String)>);

impl Walk for Flat {
    fn close(&mut self, path: &[u8], text: &[u8]) {
        // an ACL has hundreds of lines at most
        if self.0.len() < 10_000 {
            let text = show(text).trim().chars().take(300).collect();
            self.0.push((show(path), text));
        }
    }
}

impl Flat {
    pub(super) fn get(&self, path: &str) -> Option<&str> {
        self.0.iter().find(|(p, _)| p == path).map(|(_, text)| &**text).filter(|t| !t.is_empty())
    }
    /// What one repeated element holds, each by itself.
    fn each<'a>(&'a self, element: &'a str) -> impl Iterator<Item = Vec<(&'a str, &'a str)>> {
        let mut rest = &*self.0;
        std::iter::from_fn(move || {
            let end = rest.iter().position(|(path, _)| path == element)?;
            let (here, behind) = rest.split_at(end + 1);
            rest = behind;
            let inside = here
                .iter()
                .filter_map(|(path, text)| Some((path.strip_prefix(element)?.strip_prefix('/')?, &**text)));
            Some(inside.collect())
        })
    }
}

/// What a question came to.
#[derive(Debug)]
enum Said {
    Told(Flat),
    NotSet(String),
    NotSupported(String),
    Unknown(String),
}

impl Said {
    /// The same without what only a document could say.
    fn fact<T>(self, call: &str, told: impl FnOnce(&Flat) -> lifeboat_core::model::Answer<T>) -> Fact<T> {
        match self {
            Self::Told(flat) => Fact::new(told(&flat), call),
            Self::NotSet(how) => Fact::new(NotSet, how),
            Self::NotSupported(how) => Fact::new(NotSupported, how),
            Self::Unknown(how) => unknown(how),
        }
    }
}

fn judge(setting: &Setting, answer: Result<Answer, Problem>) -> Said {
    let call = setting.call;
    let answer = match answer {
        Ok(answer) => answer,
        Err(problem) => return Said::Unknown(format!("{call}: {}", problem.why)),
    };
    if answer.status.is_success() {
        let mut flat = Flat::default();
        let name = root(&answer.body);
        // some servers name it by the call
        let by_call = format!("{call}Response");
        return match name.as_deref() {
            Some(name) if name == setting.root || name == by_call.as_bytes() => {
                match walk(&answer.body, name, "setting", &mut flat) {
                    Ok(()) => Said::Told(flat),
                    Err(error) => Said::Unknown(format!("{call}: {error}")),
                }
            }
            Some(b"ListBucketResult") => {
                Said::NotSupported(format!("{call}: it answered with a listing, so it ignores the question"))
            }
            _ if answer.body.trim_ascii() == b"{}" || answer.body.is_empty() => Said::NotSupported(format!(
                "{call}: it answered with nothing, so it does not know the question"
            )),
            _ => Said::Unknown(format!("{call}: the answer is not what S3 says")),
        };
    }
    let mut flat = Flat::default();
    let _ = walk(&answer.body, b"Error", "error", &mut flat);
    let code = flat.get("Code").unwrap_or_default();
    let said = answer.status_line();
    // `501 Not Implemented NotImplemented` says it twice.
    let twice = code.is_empty() || said.replace(' ', "").ends_with(code);
    let line = if twice { format!("{call}: {said}") } else { format!("{call}: {said} {code}") };
    match answer.status.as_u16() {
        404 if !setting.absent.is_empty() && code == setting.absent => Said::NotSet(line),
        501 | 405 => Said::NotSupported(line),
        400 if matches!(code, "NotImplemented" | "UnsupportedOperation") => Said::NotSupported(line),
        401 | 403 => Said::Unknown(format!("{line}: the credentials may not ask")),
        _ => Said::Unknown(line),
    }
}

async fn ask(repo: &Repo, setting: &Setting, work: &Work) -> Result<Answer, Problem> {
    repo.question(&Question::get(About::Bucket, &[(setting.query, b"")]), work).await
}

pub(super) async fn read(repo: &Repo, newest: &Newest, work: &Work) -> Result<Posture, Problem> {
    let first = ask(repo, &LOCATION, work).await;
    match first {
        Err(problem) if !is_answer(&problem) => return Err(problem),
        _ => {}
    }
    let ask = |setting: &'static Setting| async { judge(setting, ask(repo, setting, work).await) };
    let no = &[][..];
    let (versioning, lock, encryption, replication, lifecycle, policy, acl, block, logging, head) = join!(
        ask(&VERSIONING),
        ask(&LOCK),
        ask(&ENCRYPTION),
        ask(&REPLICATION),
        ask(&LIFECYCLE),
        ask(&POLICY),
        ask(&ACL),
        ask(&BLOCK),
        ask(&LOGGING),
        head(repo, newest, no, work),
    );
    let versioning = versioning.fact(VERSIONING.call, |flat| match flat.get("Status") {
        Some("Enabled") => Set(()),
        _ => NotSet,
    });
    let versioning = tested(versioning, repo, newest, head.as_ref().ok(), work).await;
    let policy = match policy {
        Said::NotSupported(_) | Said::Unknown(_) => policy_text(repo, policy, work).await,
        said => said,
    };
    Ok(Posture {
        versioning,
        object_lock: lock.fact(LOCK.call, object_lock),
        encryption: encrypted(encryption.fact(ENCRYPTION.call, encryption_of), head.as_ref().ok(), newest),
        replication: replication.fact(REPLICATION.call, replication_of),
        lifecycle: lifecycle.fact(LIFECYCLE.call, lifecycle_of),
        public: public(policy, acl, block),
        location: location(judge(&LOCATION, first)),
        access_log: logging.fact(LOGGING.call, |flat| match flat.get("LoggingEnabled/TargetBucket") {
            Some(bucket) => {
                Set(format!("{bucket}/{}", flat.get("LoggingEnabled/TargetPrefix").unwrap_or_default()))
            }
            None => NotSet,
        }),
        newest: match head {
            Ok(headers) => seal(&headers, newest),
            Err(why) => unknown(why),
        },
    })
}

/// The first region of AWS has no name there.
fn location(said: Said) -> Fact<String> {
    let named = matches!(&said, Said::Told(flat) if flat.get("").is_some());
    let how =
        if named { "GetBucketLocation" } else { "GetBucketLocation names none, which on AWS is this one" };
    said.fact(how, |flat| Set(flat.get("").unwrap_or("us-east-1").to_owned()))
}

/// HEAD of the newest object; `Err` says why there is none.
async fn head(
    repo: &Repo,
    newest: &Newest,
    query: &[(&str, &[u8])],
    work: &Work,
) -> Result<HeaderMap, String> {
    let key = newest.key.as_deref().ok_or_else(|| newest.how.clone())?;
    match repo.question(&Question::head(About::Key(key), query), work).await {
        Ok(answer) if answer.status.is_success() => Ok(answer.headers),
        Ok(answer) => Err(format!("HEAD of {}: {}", newest.how, answer.status_line())),
        Err(problem) => Err(format!("HEAD of {}: {}", newest.how, problem.why)),
    }
}

/// A server that says it keeps versions is asked for one that never was: one
/// that hands it out keeps none.
async fn tested(
    fact: Fact<()>,
    repo: &Repo,
    newest: &Newest,
    head: Option<&HeaderMap>,
    work: &Work,
) -> Fact<()> {
    let id = head.and_then(|h| h.get("x-amz-version-id")).is_some_and(|id| id.as_bytes() != b"null");
    let Some(key) = newest.key.as_deref().filter(|_| fact.set().is_some() || id) else { return fact };
    let question = Question::head(About::Key(key), &[("versionId", NO_VERSION)]);
    let (answer, how) = match repo.question(&question, work).await {
        Ok(answer) if answer.status.is_success() => {
            let lie = "asked for a version that never was, it hands out the object: it keeps no versions";
            (if fact.set().is_some() { NotSet } else { fact.answer }, lie.to_owned())
        }
        Ok(answer) if answer.status.as_u16() == 403 => {
            (fact.answer, "old versions may not be asked for with these credentials".to_owned())
        }
        Ok(answer) if answer.status.is_client_error() => {
            (fact.answer, "asked for a version that never was, it has none".to_owned())
        }
        Ok(answer) => (fact.answer, format!("asked for a version that never was: {}", answer.status_line())),
        Err(problem) => (fact.answer, format!("asked for a version that never was: {}", problem.why)),
    };
    Fact::new(answer, format!("{}; {how}", fact.how))
}

fn object_lock(flat: &Flat) -> lifeboat_core::model::Answer<ObjectLock> {
    if flat.get("ObjectLockEnabled") != Some("Enabled") {
        return NotSet;
    }
    let default = |what: &str| flat.get(&format!("Rule/DefaultRetention/{what}")).map(str::to_owned);
    let number = |what: &str| default(what).and_then(|n| n.parse::<i64>().ok());
    let days = number("Days").or_else(|| number("Years").map(|years| years.saturating_mul(365)));
    let retention = days.filter(|d| (1..=40_000).contains(d)).map(|d| Dur::secs(d * 86_400));
    let mode = match default("Mode").as_deref() {
        Some("COMPLIANCE") => LockMode::Compliance,
        _ => LockMode::Governance,
    };
    Set(ObjectLock { mode, retention })
}

fn encryption_of(flat: &Flat) -> lifeboat_core::model::Answer<String> {
    let default =
        |what: &str| flat.get(&format!("Rule/ApplyServerSideEncryptionByDefault/{what}")).map(str::to_owned);
    match (default("SSEAlgorithm"), default("KMSMasterKeyID")) {
        (Some(algorithm), Some(key)) => Set(format!("{algorithm} with {key}")),
        (Some(algorithm), None) => Set(algorithm),
        (None, _) => NotSet,
    }
}

/// Where the setting cannot be asked for, the newest object may tell.
fn encrypted(fact: Fact<String>, head: Option<&HeaderMap>, newest: &Newest) -> Fact<String> {
    let told = head.and_then(|h| h.get("x-amz-server-side-encryption")).map(|v| show(v.as_bytes()));
    match (&fact.answer, told) {
        (Set(_) | NotSet, _) | (_, None) => fact,
        (_, Some(algorithm)) => Fact::new(Set(algorithm), format!("{}; HEAD of {}", fact.how, newest.how)),
    }
}

fn replication_of(flat: &Flat) -> lifeboat_core::model::Answer<String> {
    let mut to = Vec::new();
    for rule in flat.each("Rule") {
        let one = |name: &str| rule.iter().find(|(path, _)| *path == name).map(|(_, text)| *text);
        if one("Status") == Some("Enabled") {
            let bucket = one("Destination/Bucket").unwrap_or("a place it does not name");
            to.push(bucket.rsplit(":::").next().unwrap_or(bucket).to_owned());
        }
    }
    to.sort();
    to.dedup();
    // a rule that is switched off copies nothing
    if to.is_empty() { NotSet } else { Set(to.join(", ")) }
}

fn lifecycle_of(flat: &Flat) -> lifeboat_core::model::Answer<String> {
    let mut words = Vec::new();
    for rule in flat.each("Rule") {
        let one = |name: &str| rule.iter().find(|(path, _)| *path == name).map(|(_, text)| *text);
        if one("Status") != Some("Enabled") {
            continue;
        }
        let prefix = one("Filter/Prefix").or_else(|| one("Prefix")).filter(|p| !p.is_empty());
        let place = prefix.map_or_else(String::new, |p| format!(" below {p}"));
        let before = words.len();
        if let Some(days) = one("Expiration/Days") {
            words.push(format!("deletes after {days} d{place}"));
        }
        if let Some(date) = one("Expiration/Date") {
            words.push(format!("deletes on {date}{place}"));
        }
        if let Some(days) = one("NoncurrentVersionExpiration/NoncurrentDays") {
            words.push(format!("deletes old versions after {days} d{place}"));
        }
        if let Some(class) = one("Transition/StorageClass") {
            words.push(format!("moves to {class}{place}"));
        }
        if words.len() == before {
            words.push(format!("a rule{place}"));
        }
    }
    if words.is_empty() { NotSet } else { Set(words.join(", ")) }
}

/// For servers that do not say whether a policy is public: the policy itself.
async fn policy_text(repo: &Repo, before: Said, work: &Work) -> Said {
    let Ok(answer) = repo.question(&Question::get(About::Bucket, &[("policy", b"")]), work).await else {
        return before;
    };
    let mut flat = Flat::default();
    let _ = walk(&answer.body, b"Error", "error", &mut flat);
    if answer.status.as_u16() == 404 && flat.get("Code") == Some("NoSuchBucketPolicy") {
        return Said::NotSet("GetBucketPolicy: there is none".to_owned());
    }
    let policy: Option<serde_json::Value> = serde_json::from_slice(&answer.body).ok();
    let Some(statements) =
        policy.as_ref().filter(|_| answer.status.is_success()).and_then(|p| p.get("Statement"))
    else {
        return before;
    };
    let all = statements.as_array().cloned().unwrap_or_else(|| vec![statements.clone()]);
    let anyone = |s: &serde_json::Value| {
        let who = &s["Principal"];
        let star = who == "*"
            || who["AWS"] == "*"
            || who["AWS"].as_array().is_some_and(|a| a.iter().any(|w| w == "*"));
        s["Effect"] == "Allow" && star
    };
    // conditions could narrow it to nobody: that is not for us to compute
    match all.iter().filter(|s| anyone(s)).map(|s| s.get("Condition").is_some()).min() {
        None => Said::NotSet("GetBucketPolicy: it allows nothing to everybody".to_owned()),
        Some(false) => Said::Told(Flat(vec![("IsPublic".to_owned(), "TRUE".to_owned())])),
        Some(true) => {
            Said::Unknown("GetBucketPolicy: it allows something to everybody under conditions".to_owned())
        }
    }
}

/// Set: public; not set: nobody but those who may. Each of policy, ACL and
/// block is needed for a no, one of policy and ACL is enough for a yes.
fn public(policy: Said, acl: Said, block: Said) -> Fact<String> {
    let blocks = |what: &str| matches!(&block, Said::Told(flat) if flat.get(what).is_some_and(|t| t.eq_ignore_ascii_case("true")));
    let (no_acl, no_policy) = (blocks("IgnorePublicAcls"), blocks("RestrictPublicBuckets"));
    let how = |said: &Said, call: &str| match said {
        Said::Told(_) => call.to_owned(),
        Said::NotSet(how) | Said::NotSupported(how) | Said::Unknown(how) => how.clone(),
    };
    let all = [how(&policy, POLICY.call), how(&acl, ACL.call), how(&block, BLOCK.call)].join("; ");
    let by_policy = match &policy {
        Said::Told(flat) => Some(flat.get("IsPublic").is_some_and(|t| t.eq_ignore_ascii_case("true"))),
        Said::NotSet(_) => Some(false),
        Said::NotSupported(_) | Said::Unknown(_) => None,
    };
    let by_acl = match &acl {
        Said::Told(flat) => Some(grant_to_all(flat)),
        Said::NotSet(_) | Said::NotSupported(_) | Said::Unknown(_) => None,
    };
    let policy = if no_policy { Some(false) } else { by_policy };
    let acl = if no_acl { Some(None) } else { by_acl };
    match (policy, acl) {
        (Some(true), _) => Fact::new(Set("by its policy".to_owned()), all),
        (_, Some(Some(grant))) => Fact::new(Set(grant), all),
        (Some(false), Some(None)) => Fact::new(NotSet, all),
        // such a server knows neither way of opening a bucket to everybody
        _ if all.matches("501").count() == 3 => Fact::new(NotSupported, all),
        _ => unknown(all),
    }
}

fn grant_to_all(flat: &Flat) -> Option<String> {
    flat.each("AccessControlList/Grant").find_map(|grant| {
        let one = |name: &str| grant.iter().find(|(path, _)| *path == name).map(|(_, text)| *text);
        let who = one("Grantee/URI")?.rsplit('/').next()?;
        matches!(who, "AllUsers" | "AuthenticatedUsers")
            .then(|| format!("its ACL gives {} to {who}", one("Permission").unwrap_or("something")))
    })
}

/// The lock of one object, as HEAD tells it.
fn seal(headers: &HeaderMap, newest: &Newest) -> Fact<Seal> {
    let word = |name: &str| headers.get(name).map(|v| show(v.as_bytes())).filter(|t| !t.is_empty());
    let until = word("x-amz-object-lock-retain-until-date");
    let found = Seal {
        key: newest.key.as_deref().map(show).unwrap_or_default(),
        mode: match word("x-amz-object-lock-mode").as_deref() {
            Some("COMPLIANCE") => Some(LockMode::Compliance),
            Some("GOVERNANCE") => Some(LockMode::Governance),
            _ => None,
        },
        until: until.and_then(|t| chrono::DateTime::parse_from_rfc3339(&t).ok()).map(|t| t.to_utc()),
        legal_hold: word("x-amz-object-lock-legal-hold").as_deref() == Some("ON"),
        replicated: word("x-amz-replication-status"),
    };
    let how = format!("HEAD of {}", newest.how);
    match found.mode.is_some() || found.legal_hold || found.replicated.is_some() {
        true => Fact::new(Set(found), how),
        false => Fact::new(NotSet, how),
    }
}
