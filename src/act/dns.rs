//! `dns`: makes the records of one name and type what they shall be (RFC 2136),
//! then waits until the resolvers say so too.
//!
//! An older plan never overwrites a newer record: what must be so before is
//! part of the update itself, so that the server decides. Where `require` says
//! nothing of this very set of records, it must be as it was found a moment
//! before. Nothing is ever left without a record, and an answer without one
//! is a fault.

use std::{collections::BTreeSet, time::Duration};

use lifeboat_core::{
    model::*,
    record::{DnsRecord, DnsRequire, Given},
    run::AttemptResult,
};
use serde_json::json;
use tokio::time::Instant;

use super::attempt::{Done, Job, ended};
use crate::net::dns::{self, DnsError, DnsName, NameServer, RecordSet, Require, Update};

const RECORD: &[KeyDef] = &[
    KeyDef::required("name", KeyType::Text, "Its whole name."),
    KeyDef::required("type", KeyType::Text, "Its type: A, AAAA, CNAME, TXT …"),
    KeyDef::new("ttl", KeyType::Dur, "How long it may be kept; what it was, else 5m."),
    KeyDef::required("data", KeyType::List(&KeyType::Text), "All that it shall be, one text a record."),
];

const REQUIRE: KeyType = KeyType::Table(&[
    KeyDef::required("name", KeyType::Text, "The whole name."),
    KeyDef::required("type", KeyType::Text, "The type."),
    KeyDef::new("data", KeyType::List(&KeyType::Text), "Exactly these; `[]`: none; absent: any."),
]);

pub const DEF: StepDef = StepDef {
    id: "dns",
    keys: &[
        KeyDef::required("server", KeyType::Text, "Primary of the zone, as host or host:port."),
        KeyDef::required("zone", KeyType::Text, "Zone that is updated."),
        KeyDef::required("record", KeyType::Table(RECORD), "Record as it shall be."),
        KeyDef::new(
            "require",
            KeyType::List(&REQUIRE),
            "What must be so before, else nothing is changed; absent: the record as it is found.",
        ),
        KeyDef::new(
            "tsig",
            KeyType::Secret,
            "Key that signs the update: a key file of tsig-keygen, or hmac-sha256:NAME:BASE64.",
        ),
        KeyDef::new("resolvers", KeyType::List(&KeyType::Text), "Resolvers that must see it."),
    ],
    doc: "Changes a DNS record, and waits until the resolvers see it. A `verify` is not needed: the zone's own server is asked.",
    effect: true,
};

/// One question to one server.
const ASK: Dur = Dur::secs(3);
/// How long the update itself may take.
const SEND: Dur = Dur::secs(10);
const AGAIN: Duration = Duration::from_millis(500);
const TTL: u32 = 300;

/// What the journal says is done.
pub struct Asked<'a> {
    pub server: &'a str,
    pub zone: &'a str,
    pub record: &'a DnsRecord,
    pub require: &'a [DnsRequire],
    pub tsig: Option<&'a Given>,
    pub resolvers: &'a [String],
}

struct Plan {
    server: NameServer,
    update: Update,
    /// Whether somebody wrote what this set of records must be before.
    told: bool,
    ttl: Option<u32>,
    resolvers: Vec<NameServer>,
}

impl Plan {
    fn of(asked: &Asked<'_>) -> Result<Self, String> {
        let zone = dns::name(asked.zone)?;
        let inside = |text: &str| {
            let name = dns::name(text)?;
            match name.ends_with(&zone) {
                true => Ok(name),
                false => Err(format!("{text} does not lie in the zone {}", asked.zone)),
            }
        };
        let (name, ty) = (inside(&asked.record.name)?, dns::record_type(&asked.record.ty)?);
        let to = RecordSet::parse(ty, &asked.record.data)?;
        if to.is_empty() {
            return Err("the record would become empty".to_owned());
        }
        let one = |r: &DnsRequire| {
            let (name, ty) = (inside(&r.name)?, dns::record_type(&r.ty)?);
            Ok(match &r.data {
                None => Require::Any(name, ty),
                Some(data) => Require::Is(name, ty, RecordSet::parse(ty, data)?),
            })
        };
        let require = asked.require.iter().map(one).collect::<Result<Vec<_>, String>>()?;
        let about =
            |r: &Require| matches!(r, Require::Is(n, t, _) | Require::Any(n, t) if *n == name && *t == ty);
        let seconds = |ttl: Dur| u32::try_from(ttl.to_std().as_secs()).unwrap_or(TTL);
        Ok(Self {
            server: NameServer::parse(asked.server)?,
            told: require.iter().any(about),
            ttl: asked.record.ttl.map(seconds),
            resolvers: asked.resolvers.iter().map(|r| NameServer::parse(r)).collect::<Result<_, _>>()?,
            update: Update { zone, name, ty, ttl: TTL, to, require },
        })
    }
    async fn now(&self, server: &NameServer) -> Result<RecordSet, DnsError> {
        dns::lookup(server, &self.update.name, self.update.ty, ASK).await
    }
    fn name(&self) -> &DnsName {
        &self.update.name
    }
}

pub async fn act(job: &Job<'_>, asked: Asked<'_>) -> Done {
    let mut plan = Plan::of(&asked)?;
    let key = match asked.tsig {
        None => None,
        Some(Given::Text(text)) => Some(dns::tsig_key(text)?),
        Some(Given::Secret(from)) => {
            let secret = job.secrets.resolve(from).await.map_err(|p| format!("{}: {}", p.subject, p.why))?;
            Some(dns::tsig_key(secret.expose_str().ok_or("the TSIG key is no text")?)?)
        }
    };
    let server = plan.server.clone();
    let before =
        plan.now(&server).await.map_err(|e| format!("{server} cannot be asked what is there: {e}"))?;
    job.say(&format!("{} {} is {before} at {server}", plan.name(), plan.update.ty));
    plan.update.ttl = plan.ttl.or(before.ttl).unwrap_or(TTL);
    if !plan.told {
        let found = Require::Is(plan.update.name.clone(), plan.update.ty, before.clone());
        plan.update.require.push(found);
    }
    job.begin()?;
    if before == plan.update.to {
        // Whoever did it: there is nothing to overwrite.
        job.say("it is so already: no update is sent");
    } else {
        let sent = plan.update.send(&server, key.as_ref(), SEND.min(job.left())).await;
        if let Some(result) = settled(&plan, job, sent).await {
            return Ok((result, json!({ "before": before.texts })));
        }
    }
    let told = everywhere(&plan, job, before.ttl).await;
    let answer = json!({ "before": before.texts, "now": plan.update.to.texts, "ttl": plan.update.ttl });
    Ok((told, answer))
}

/// `None`: the zone's own server says the record is as it shall be.
async fn settled(plan: &Plan, job: &Job<'_>, sent: Result<(), DnsError>) -> Option<super::attempt::Ended> {
    let server = &plan.server;
    let told = |result, why: String| Some(ended(result, why));
    match &sent {
        Ok(()) => job.say(&format!("{server} took the update")),
        Err(DnsError::Unreachable(why)) => {
            return told(AttemptResult::NotStarted, format!("{server} cannot be reached: {why}"));
        }
        Err(DnsError::Unlike(why)) => {
            let now = plan.now(server).await.map_or_else(|e| e.to_string(), |set| set.to_string());
            let why = format!(
                "{server} says {why}: what must be so before is not so, and nothing was changed; {} is {now}",
                plan.name()
            );
            return told(AttemptResult::Failed, why);
        }
        Err(DnsError::Said(why)) => {
            return told(
                AttemptResult::Failed,
                format!("{server} refused the update: {why}; nothing was changed"),
            );
        }
        Err(e) => job.say(&format!("whether {server} took the update is not known: {e}")),
    }
    match plan.now(server).await {
        Ok(set) if set == plan.update.to => None,
        Ok(set) if sent.is_ok() => {
            let why = format!("{server} took the update, and says that {} is {set}", plan.name());
            told(AttemptResult::Failed, why)
        }
        // It may still come to it: only silence is certain.
        Ok(set) => {
            told(AttemptResult::Unknown, format!("no answer to the update; {} is still {set}", plan.name()))
        }
        Err(e) => {
            told(AttemptResult::Unknown, format!("{server} does not say what {} is now: {e}", plan.name()))
        }
    }
}

/// Asks every resolver until it answers with the new records.
async fn everywhere(plan: &Plan, job: &Job<'_>, old_ttl: Option<u32>) -> super::attempt::Ended {
    let (set, ttl) = (&plan.update.to, plan.update.ttl);
    let kept = old_ttl
        .map_or(String::new(), |ttl| format!("; what was there may be kept for {}", Dur::secs(ttl.into())));
    job.say(&format!("{} is {set} for {}{kept}", plan.name(), Dur::secs(ttl.into())));
    let mut left: Vec<&NameServer> = plan.resolvers.iter().collect();
    let mut said = BTreeSet::new();
    let watch = async {
        while !left.is_empty() {
            let answers = futures::future::join_all(left.iter().map(|r| plan.now(r))).await;
            let mut open = Vec::new();
            for (resolver, answer) in left.iter().zip(answers) {
                let line = match &answer {
                    Ok(seen) if seen == set => format!("{resolver} sees it"),
                    Ok(seen) if seen.is_empty() => format!("{resolver} answers without any record"),
                    Ok(seen) => format!("{resolver} still answers {seen}"),
                    Err(e) => format!("{resolver}: {e}"),
                };
                if said.insert(line.clone()) {
                    job.say(&line);
                }
                if !answer.is_ok_and(|seen| seen == *set) {
                    open.push(*resolver);
                }
            }
            left = open;
            if !left.is_empty() {
                tokio::time::sleep(AGAIN).await;
            }
        }
    };
    let until = job.deadline - Duration::from_millis(200).min(job.deadline - Instant::now());
    let all = plan.resolvers.len();
    let done = format!("{} is {set}; {all} resolvers see it", plan.name());
    let open = tokio::select! {
        () = watch => return ended(AttemptResult::Succeeded, done),
        () = tokio::time::sleep_until(until) => AttemptResult::TimedOut,
        () = job.told_to_end() => AttemptResult::Cancelled,
    };
    let why = "the record was changed, and not every resolver sees it yet";
    ended(open, format!("{why}: the zone's own server says {set}"))
}
