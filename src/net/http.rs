//! The client that every request goes through.

use std::{collections::HashMap, net::IpAddr, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, StatusCode};
use lifeboat_core::model::{Dur, Size};
use reqwest::{Certificate, Client, redirect};
use url::{Host, Url};

use super::{Meter, NetError, check_address, guard::GuardedResolver};

/// How long a connection may take to open; the whole call has its own deadline.
const CONNECT: Dur = Dur::millis(1_000);

/// One reqwest client per TLS setting, made at first use. Takes no proxy from
/// the environment, follows no redirect, calls no address that `guard` refuses.
#[derive(Debug, Default)]
pub struct Http {
    /// By the certificates (PEM) trusted besides the system's.
    clients: tokio::sync::Mutex<HashMap<Vec<u8>, Client>>,
}

/// One request and its bounds.
#[derive(Debug)]
pub struct Ask<'a> {
    pub method: Method,
    pub url: &'a Url,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// For the whole call: name, connection, request, answer.
    pub deadline: Dur,
    /// Reading stops here; `Answer::whole` says whether that was the end.
    pub max_body: usize,
    /// Authorities (PEM) trusted besides the system's.
    pub ca: Option<&'a [u8]>,
    pub meter: &'a Meter,
}

impl<'a> Ask<'a> {
    pub fn get(url: &'a Url, deadline: Dur, max_body: usize, meter: &'a Meter) -> Self {
        Self {
            method: Method::GET,
            url,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            deadline,
            max_body,
            ca: None,
            meter,
        }
    }
}

/// Whatever was answered, a failure of the other side included.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// Whether `body` is all of it.
    pub whole: bool,
}

impl Http {
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// One try. Errors are those of getting an answer; any status is an answer.
    pub async fn call(&self, ask: Ask<'_>) -> Result<Answer, NetError> {
        let deadline = ask.deadline;
        let call = self.call_unbounded(ask);
        tokio::time::timeout(deadline.to_std(), call).await.unwrap_or(Err(NetError::TimedOut(deadline)))
    }

    async fn call_unbounded(&self, ask: Ask<'_>) -> Result<Answer, NetError> {
        check_literal(ask.url)?;
        ask.meter.allows()?;
        let secure = ask.url.scheme() == "https";
        let told = |e: reqwest::Error| NetError::from_reqwest(&e, secure, CONNECT);
        let client = self.client(ask.ca).await?;
        ask.meter.request();
        let request = client.request(ask.method, ask.url.clone()).headers(ask.headers).body(ask.body);
        let mut answer = request.send().await.map_err(told)?;
        let (status, headers) = (answer.status(), std::mem::take(answer.headers_mut()));
        let length = answer.content_length().and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
        let mut body = BytesMut::with_capacity(length.min(ask.max_body).min(1 << 20));
        let mut whole = true;
        while let Some(chunk) = answer.chunk().await.map_err(told)? {
            ask.meter.read(chunk.len());
            let room = ask.max_body - body.len();
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if chunk.len() > room {
                whole = false;
                break;
            }
        }
        Ok(Answer { status, headers, body: body.freeze(), whole })
    }

    /// Keyed by content: a certificate renewed on disk makes a new client.
    async fn client(&self, ca: Option<&[u8]>) -> Result<Client, NetError> {
        if ca.is_some_and(<[u8]>::is_empty) {
            return Err(NetError::Tls("the file named by `ca` is empty".to_owned()));
        }
        let pem = ca.unwrap_or_default().to_vec();
        let mut clients = self.clients.lock().await;
        if let Some(client) = clients.get(&pem) {
            return Ok(client.clone());
        }
        let own = pem.clone();
        // reading the system's certificates takes tens of milliseconds
        let built = tokio::task::spawn_blocking(move || build(&own)).await;
        let client = built.unwrap_or_else(|e| Err(NetError::Tls(e.to_string())))?;
        clients.insert(pem, client.clone());
        Ok(client)
    }
}

fn build(pem: &[u8]) -> Result<Client, NetError> {
    let builder = || {
        Client::builder()
            .user_agent(concat!("lifeboat/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT.to_std())
            .pool_idle_timeout(Duration::from_secs(60))
            .tcp_nodelay(true)
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .dns_resolver(Arc::new(GuardedResolver))
    };
    let bad = |e: reqwest::Error| NetError::Tls(format!("no client with these certificates: {e}"));
    if pem.is_empty() {
        // a machine without any certificates can still speak plain HTTP
        return builder().build().or_else(|_| builder().tls_certs_only([]).build()).map_err(bad);
    }
    let extra = Certificate::from_pem_bundle(pem).map_err(bad)?;
    if extra.is_empty() {
        return Err(NetError::Tls("the file named by `ca` holds no certificate in PEM".to_owned()));
    }
    builder().tls_certs_merge(extra).build().map_err(bad)
}

/// The client resolves names through the guard, but literal addresses not at all.
fn check_literal(url: &Url) -> Result<(), NetError> {
    let ip: IpAddr = match url.host() {
        Some(Host::Ipv4(ip)) => ip.into(),
        Some(Host::Ipv6(ip)) => ip.into(),
        Some(Host::Domain(_)) => return Ok(()),
        None => return Err(NetError::Name("the address names no host".to_owned())),
    };
    check_address(ip).map_err(|refusal| NetError::Guard(refusal.to_string()))
}

impl Answer {
    /// `503 Service Unavailable`.
    pub fn status_line(&self) -> String {
        match self.status.canonical_reason() {
            Some(reason) => format!("{} {reason}", self.status.as_u16()),
            None => self.status.as_u16().to_string(),
        }
    }
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
    /// The body, where all of it was allowed.
    pub fn whole_body(self, max: u64) -> Result<Bytes, NetError> {
        if self.whole { Ok(self.body) } else { Err(NetError::TooLarge(Size(max))) }
    }
}
