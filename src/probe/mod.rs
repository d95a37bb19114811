//! Probe kinds, one file each: a kind is one row of `PROBES`, one file, and
//! one arm of `Prober::ask`.

mod command;
mod dial;
mod dns;
mod figure;
mod http;
mod object;
mod postgres;
pub mod posture;
mod prometheus;
mod redis;
mod tcp;
#[cfg(test)]
mod tests;
mod tls;

use std::sync::Arc;

use futures::future::BoxFuture;
use lifeboat_core::model::{Code, Dur, KeyDef, KeyType, Probe, ProbeDef, ProbeReading, Problem, Store};

use crate::net::{Http, Meter, Secrets, Side, Tls};

/// Whoever can put a question to a service: the real prober, or a test's.
pub trait Probing: Send + Sync {
    /// One try within `timeout`. `Err` means that nothing could be seen;
    /// an answer that does not hold is `Ok` with `holds: false`.
    fn ask<'a>(&'a self, probe: &'a Probe, timeout: Dur) -> BoxFuture<'a, Result<ProbeReading, Problem>>;
}

const fn row(id: &'static str, target: KeyType, doc: &'static str) -> ProbeDef {
    ProbeDef { id, target, doc }
}

/// Every kind that an estate may name, those not built in yet included, so
/// that an estate written today stays valid.
pub const PROBES: &[ProbeDef] = &[
    row("http", KeyType::Url, "Asks a URL; by default any 2xx status holds."),
    row("tcp", KeyType::HostPort, "Opens a connection to `host:port`."),
    row("tls", KeyType::HostPort, "Shakes hands with `host:port` and looks at the certificate."),
    row("dns", KeyType::Either(&[KeyType::Text, KeyType::Table(DNS)]), "Asks what a name resolves to."),
    row("postgres", KeyType::Table(POSTGRES), "Asks a PostgreSQL server for one row."),
    row(
        "redis",
        KeyType::Either(&[KeyType::Text, KeyType::Table(REDIS)]),
        "Asks a Redis server for its state.",
    ),
    row("prometheus", KeyType::Either(&[KeyType::Url, KeyType::Table(PROMETHEUS)]), "Reads one metric."),
    row("object", KeyType::Table(OBJECT), "Looks for an object in a store: its presence, age or size."),
    row("command", KeyType::Command, "Runs a program; its exit code answers."),
];

const DNS: &[KeyDef] = &[
    KeyDef::required("name", KeyType::Text, "The name to ask for."),
    KeyDef::new(
        "type",
        KeyType::OneOf(&["A", "AAAA", "CNAME", "MX", "NS", "SOA", "SRV", "TXT"]),
        "The record's type; `A` by default.",
    ),
    KeyDef::new("server", KeyType::Text, "The resolver to ask, as `host:port`; the system's by default."),
];
const POSTGRES: &[KeyDef] = &[
    KeyDef::required("dsn", KeyType::Secret, "Where and as whom to connect."),
    KeyDef::new("query", KeyType::Text, "A query that only reads; its first row answers."),
];
const REDIS: &[KeyDef] = &[
    KeyDef::required("address", KeyType::Text, "`host:port`."),
    KeyDef::new("password", KeyType::Secret, "The password."),
    KeyDef::new("key", KeyType::Text, "A key to read; the replication section by default."),
    KeyDef::new("tls", KeyType::Bool, "Whether it speaks TLS."),
];
const PROMETHEUS: &[KeyDef] = &[
    KeyDef::required("url", KeyType::Url, "A server to query, or a page of metrics."),
    KeyDef::new("query", KeyType::Text, "A query whose answer is one number."),
];
const OBJECT: &[KeyDef] = &[
    KeyDef::required("store", KeyType::Ref("store"), "The store to look into."),
    KeyDef::new("path", KeyType::Text, "The key, or the folder where `match` is given."),
    KeyDef::new("match", KeyType::Text, "A glob; the newest object that fits counts."),
];

/// The real prober.
#[derive(Debug)]
pub struct Prober {
    http: Arc<Http>,
    secrets: Secrets,
    meter: Arc<Meter>,
    tls: Tls,
    stores: Vec<Store>,
}

impl Prober {
    /// `secrets` also says where the estate lies, for a relative `ca`.
    pub fn new(http: Arc<Http>, secrets: Secrets) -> Self {
        Self { http, secrets, meter: Arc::default(), tls: Tls::default(), stores: Vec::new() }
    }
    /// The estate's stores, which `object` looks into.
    #[must_use]
    pub fn with_stores(mut self, stores: &[Store]) -> Self {
        self.stores = stores.to_vec();
        self
    }
    /// The authorities that a probe names.
    async fn ca(&self, probe: &Probe, subject: &str) -> Result<Option<Vec<u8>>, Problem> {
        match &probe.ca {
            Some(ca) => Ok(Some(self.secrets.ca(ca, Side::Probe, subject).await?)),
            None => Ok(None),
        }
    }
    /// What all its questions have cost so far.
    pub fn meter(&self) -> &Arc<Meter> {
        &self.meter
    }
}

impl Probing for Prober {
    fn ask<'a>(&'a self, probe: &'a Probe, timeout: Dur) -> BoxFuture<'a, Result<ProbeReading, Problem>> {
        // Each by itself, since the largest of them are many times the smallest.
        let asked: BoxFuture<'a, _> = match probe.kind.as_str() {
            "http" => Box::pin(http::ask(self, probe, timeout)),
            "tcp" => Box::pin(tcp::ask(self, probe, timeout)),
            "tls" => Box::pin(tls::ask(self, probe, timeout)),
            "dns" => Box::pin(dns::ask(self, probe, timeout)),
            "postgres" => Box::pin(postgres::ask(self, probe, timeout)),
            "redis" => Box::pin(redis::ask(self, probe, timeout)),
            "prometheus" => Box::pin(prometheus::ask(self, probe, timeout)),
            "object" => Box::pin(object::ask(self, probe, timeout)),
            "command" => Box::pin(command::ask(self, probe, timeout)),
            kind => {
                let unknown = Problem::new(Code::PROBE_UNSUPPORTED, format!("{kind} probe"));
                Box::pin(std::future::ready(Err(unknown)))
            }
        };
        Box::pin(async move {
            let answer = asked.await;
            // A service may repeat what it was asked with.
            let redactor = self.secrets.redactor();
            match answer {
                Ok(reading) => Ok(ProbeReading {
                    text: reading.text.map(|text| redactor.text(&text)),
                    detail: redactor.text(&reading.detail),
                    ..reading
                }),
                Err(problem) => Err(redactor.problem(problem)),
            }
        })
    }
}

/// The address beside the kind.
fn target(probe: &Probe) -> Result<&str, Problem> {
    probe.target.as_str().ok_or_else(|| {
        Problem::new(Code::PROBE_VALUE, format!("{} probe", probe.kind))
            .because("what stands beside its kind is no text")
            .next("write an address in quotes")
    })
}

/// The table, or the list, beside the kind.
fn table<T: serde::de::DeserializeOwned>(probe: &Probe) -> Result<T, Problem> {
    serde_json::from_value(probe.target.clone()).map_err(|_| {
        let problem = Problem::new(Code::PROBE_VALUE, format!("{} probe", probe.kind));
        problem.because("what stands beside its kind is not what it needs").next("see `lifeboat validate`")
    })
}

/// For `ProbeReading`: whole milliseconds, never more than fit.
fn millis(since: tokio::time::Instant) -> u32 {
    u32::try_from(since.elapsed().as_millis()).unwrap_or(u32::MAX)
}
