//! `dns = "name"`: what a name resolves to, as one server tells it.

use std::collections::BTreeSet;

use domain::base::Rtype;
use lifeboat_core::model::{Code, Dur, Probe, ProbeReading, Problem, clean_line};
use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;

use super::{
    Prober,
    dial::within,
    figure::{Body, judge},
    millis,
};
use crate::net::dns::{DnsError, DnsName, NameServer, RecordSet, lookup, name, record_type};

/// Names that lead to names; longer chains are a circle.
const HOPS: usize = 8;

#[derive(Deserialize)]
#[serde(untagged)]
enum Target {
    Plain(String),
    Table { name: String, server: Option<String>, r#type: Option<String> },
}

pub(super) async fn ask(prober: &Prober, probe: &Probe, timeout: Dur) -> Result<ProbeReading, Problem> {
    let (text, server, ty) = match super::table(probe)? {
        Target::Plain(name) => (name, None, None),
        Target::Table { name, server, r#type } => (name, server, r#type),
    };
    let subject = clean_line(&text);
    let bad = |why: String| Problem::new(Code::PROBE_NAME, &subject).because(why);
    let server = match &server {
        Some(server) => NameServer::parse(server).map_err(bad)?,
        None => system().await.map_err(bad)?,
    };
    let (of, ty) = (name(&text).map_err(bad)?, record_type(ty.as_deref().unwrap_or("A")).map_err(bad)?);
    let begun = Instant::now();
    let asked = async {
        follow(prober, &server, of, ty, timeout).await.map_err(|e| {
            let code = match e {
                DnsError::Unreachable(_) => Code::PROBE_REFUSED,
                DnsError::TimedOut(_) => Code::PROBE_TIMEOUT,
                _ => Code::PROBE_ANSWER,
            };
            Problem::new(code, &subject).because(format!("{server}: {e}"))
        })
    };
    let found = within(timeout, &subject, asked).await?;
    let (row, standing) = told(&found, probe);
    judge(probe, &Body::row(row, "answer"), standing, None, millis(begun), &subject)
}

/// The first server that this machine asks.
async fn system() -> Result<NameServer, String> {
    let text = tokio::fs::read_to_string("/etc/resolv.conf").await;
    let text = text.map_err(|e| format!("/etc/resolv.conf cannot be read ({e}): name a `server`"))?;
    let first =
        text.lines().find_map(|line| line.trim().strip_prefix("nameserver")?.split_whitespace().next());
    NameServer::parse(first.ok_or("/etc/resolv.conf names no server: name a `server`")?)
}

/// What is asked for may stand below another name.
async fn follow(
    prober: &Prober,
    server: &NameServer,
    mut of: DnsName,
    ty: Rtype,
    timeout: Dur,
) -> Result<RecordSet, DnsError> {
    for _ in 0..HOPS {
        prober.meter.request();
        let found = lookup(server, &of, ty, timeout).await?;
        if !found.is_empty() || ty == Rtype::CNAME {
            return Ok(found);
        }
        prober.meter.request();
        let alias = lookup(server, &of, Rtype::CNAME, timeout).await?;
        match alias.texts.first().map(|to| name(to)) {
            Some(Ok(to)) => of = to,
            Some(Err(why)) => return Err(DnsError::Garbled(why)),
            None => return Ok(found),
        }
    }
    Err(DnsError::Garbled("its names lead round in a circle".to_owned()))
}

/// Several answers that mean one region are told as the first of them. Pure.
fn told(found: &RecordSet, probe: &Probe) -> (serde_json::Value, Result<String, String>) {
    let all: Vec<String> = found.texts.iter().map(|text| clean_line(text)).collect();
    let regions: BTreeSet<Option<&String>> = all.iter().map(|text| probe.map.get(text)).collect();
    let answer = match (all.first(), regions.len()) {
        (Some(first), 1) if !regions.contains(&None) => first.clone(),
        _ => all.join(", "),
    };
    let row = json!({
        "answer": (!all.is_empty()).then_some(&answer),
        "answers": all,
        "count": all.len(),
        "ttl_s": found.ttl,
    });
    let standing =
        if all.is_empty() { Err("there is no such record".to_owned()) } else { Ok(answer.clone()) };
    (row, standing)
}
