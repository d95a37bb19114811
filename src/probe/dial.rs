//! A connection to `host:port`, for probes that speak something else than HTTP.

use std::io;

use lifeboat_core::model::{Code, Dur, Problem, clean_line};
use tokio::net::TcpStream;

use crate::net::{Meter, NetError, Side, resolve};

/// Opens it to an address that may be called. Errors: why not.
pub(super) async fn dial(host: &str, port: u16, meter: &Meter) -> Result<TcpStream, NetError> {
    meter.request();
    let addresses = resolve(host, port).await.map_err(|e| unresolved(&e))?;
    let stream = TcpStream::connect(&*addresses).await.map_err(|e| NetError::from_connect(&e))?;
    // each question is one small write
    let _ = stream.set_nodelay(true);
    Ok(stream)
}

/// All of one question within its time.
pub(super) async fn within<T>(
    timeout: Dur,
    subject: &str,
    ask: impl Future<Output = Result<T, Problem>>,
) -> Result<T, Problem> {
    let late = || Err(NetError::TimedOut(timeout).problem(Side::Probe, subject));
    tokio::time::timeout(timeout.to_std(), ask).await.unwrap_or_else(|_| late())
}

/// `host:port` of what stands in an estate.
pub(super) fn address(text: &str) -> Result<(&str, u16), Problem> {
    split(text).ok_or_else(|| {
        let problem = Problem::new(Code::PROBE_NAME, clean_line(text));
        problem.because("this is no `host:port`").next("write host:port")
    })
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
