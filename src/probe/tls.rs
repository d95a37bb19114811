//! `tls = "host:port"`: shakes hands, and reads how long the certificate is good
//! for. One that is not trusted, expired ones among them, is no answer but a
//! failure to look: whoever it is, it is not the service.

use std::sync::Arc;

use lifeboat_core::model::{Code, Dur, Probe, ProbeReading, Problem, Time, clean_line};
use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::json;
use tokio::time::Instant;
use tokio_rustls::{TlsConnector, client::TlsStream};
use x509_cert::{Certificate, der::Decode};

use super::{
    Prober,
    dial::{address, dial, within},
    figure::{Body, judge},
    millis, target,
};
use crate::net::{NetError, Side};

pub(super) async fn ask(prober: &Prober, probe: &Probe, timeout: Dur) -> Result<ProbeReading, Problem> {
    let text = target(probe)?;
    let subject = clean_line(text);
    let (host, port) = address(text)?;
    let begun = Instant::now();
    let shake = async {
        let ca = prober.ca(probe, &subject).await?;
        let told = |e: NetError| e.problem(Side::Probe, &subject);
        let stream = dial(host, port, &prober.meter).await.map_err(told)?;
        handshake(prober, stream, host, ca.as_deref()).await.map_err(told)
    };
    let stream = within(timeout, &subject, shake).await?;
    let (_, session) = stream.get_ref();
    let chain = session.peer_certificates().unwrap_or_default();
    let (row, told) = certificates(chain, chrono::Utc::now())
        .map_err(|why| Problem::new(Code::PROBE_VALUE, &subject).because(why))?;
    judge(probe, &Body::row(row, "days_left"), Ok(told), None, millis(begun), &subject)
}

/// Errors: those of TLS, with the reason why a certificate is not trusted.
pub(super) async fn handshake<S>(
    prober: &Prober,
    stream: S,
    host: &str,
    ca: Option<&[u8]>,
) -> Result<TlsStream<S>, NetError>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let config = prober.tls.config(ca).await?;
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| NetError::Name(format!("{host} is no name that a certificate can have")))?;
    let shaken = TlsConnector::from(Arc::clone(&config)).connect(name, stream).await;
    shaken.map_err(|e| NetError::Tls(clean_line(&e.to_string())))
}

/// The first of the chain to expire ends it. Pure.
fn certificates(chain: &[CertificateDer<'_>], now: Time) -> Result<(serde_json::Value, String), String> {
    let mut ends = Vec::new();
    for der in chain {
        let certificate =
            Certificate::from_der(der).map_err(|e| format!("a certificate cannot be read: {e}"))?;
        let own = &certificate.tbs_certificate;
        let until = own.validity.not_after.to_unix_duration().as_secs();
        let until = i64::try_from(until).ok().and_then(|s| Time::from_timestamp(s, 0));
        ends.push((until.ok_or("a certificate has no end")?, own.subject.to_string()));
    }
    let (until, who) = ends.iter().min().ok_or("the server showed no certificate")?;
    let days = (*until - now).num_seconds() as f64 / 86_400.0;
    let row = json!({
        "days_left": days,
        "not_after": until.to_rfc3339(),
        "expires_first": clean_line(who),
        "subject": ends.first().map(|(_, who)| clean_line(who)),
    });
    Ok((row, format!("good for {days:.0} days, until {}", until.format("%F"))))
}
