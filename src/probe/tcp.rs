//! `tcp = "host:port"`: whether a connection opens.

use std::io;

use lifeboat_core::model::{Code, Dur, Probe, ProbeReading, Problem, clean_line};
use tokio::{
    net::TcpStream,
    time::{Instant, timeout as within},
};

use super::{millis, target};
use crate::net::{Meter, NetError, Side, resolve};

pub(super) async fn ask(probe: &Probe, timeout: Dur, meter: &Meter) -> Result<ProbeReading, Problem> {
    let text = target(probe)?;
    let subject = clean_line(text);
    let (host, port) = split(text).ok_or_else(|| {
        Problem::new(Code::PROBE_NAME, &subject).because("this is no `host:port`").next("write host:port")
    })?;
    let begun = Instant::now();
    meter.request();
    let connect = async {
        let addresses = resolve(host, port).await.map_err(|e| unresolved(&e))?;
        TcpStream::connect(&*addresses).await.map_err(|e| NetError::from_connect(&e))
    };
    let opened = within(timeout.to_std(), connect).await.unwrap_or(Err(NetError::TimedOut(timeout)));
    opened.map_err(|e| e.problem(Side::Probe, &subject))?;
    let latency_ms = millis(begun);
    let detail = format!("connected in {latency_ms} ms");
    Ok(ProbeReading { holds: true, value: None, text: None, as_of: None, latency_ms, detail })
}

fn unresolved(error: &io::Error) -> NetError {
    match NetError::from_connect(error) {
        guard @ NetError::Guard(_) => guard,
        other => NetError::Name(other.to_string()),
    }
}

/// `host:port`, or `[v6]:port`.
fn split(text: &str) -> Option<(&str, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let host = match host.strip_prefix('[') {
        Some(v6) => v6.strip_suffix(']')?,
        None if host.contains(':') => return None,
        None => host,
    };
    (!host.is_empty()).then_some(())?;
    Some((host, port.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_split_at_their_port() {
        assert_eq!(split("db.example:5432"), Some(("db.example", 5432)));
        assert_eq!(split("[::1]:80"), Some(("::1", 80)));
        for bad in ["db.example", "::1:80", ":80", "db:99999", "db:", "[::1:80"] {
            assert_eq!(split(bad), None, "{bad}");
        }
    }
}
