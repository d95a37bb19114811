//! `redis = "host:port"`: what it says of its replication, or a key.
//!
//! The few lines of its protocol (RESP2) that three commands need are written
//! here: the connection has to go to the address that was checked, in bounds of
//! time and size that are ours, which client libraries take into their own hands.

use lifeboat_core::model::{Code, Dur, Probe, ProbeReading, Problem, SecretRef, clean_line, cut};
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    time::Instant,
};

use super::{
    Prober,
    dial::{address, dial, within},
    figure::{Body, judge},
    millis, tls,
};
use crate::net::{NetError, Secret, Side};

/// INFO is some kilobytes; a key that is watched holds one figure.
const MAX_ANSWER: usize = 256 << 10;

#[derive(Deserialize)]
#[serde(untagged)]
enum Target {
    Plain(String),
    Table { address: String, password: Option<SecretRef>, key: Option<String>, tls: Option<bool> },
}

pub(super) async fn ask(prober: &Prober, probe: &Probe, timeout: Dur) -> Result<ProbeReading, Problem> {
    let target: Target = super::table(probe)?;
    let (text, password, key, secure) = match target {
        Target::Plain(text) => (text, None, None, false),
        Target::Table { address, password, key, tls } => (address, password, key, tls == Some(true)),
    };
    let subject = clean_line(&text);
    let begun = Instant::now();
    let asked = async {
        let password = match &password {
            Some(reference) => Some(prober.secrets.resolve(reference).await?),
            None => None,
        };
        let (host, port) = address(&text)?;
        let told = |e: NetError| e.problem(Side::Probe, &subject);
        let stream = dial(host, port, &prober.meter).await.map_err(told)?;
        if !secure {
            return Wire::new(stream).ask(password.as_ref(), key.as_deref()).await.map_err(told);
        }
        let ca = prober.ca(probe, &subject).await?;
        let stream = tls::handshake(prober, stream, host, ca.as_deref()).await.map_err(told)?;
        Wire::new(stream).ask(password.as_ref(), key.as_deref()).await.map_err(told)
    };
    let answer = within(timeout, &subject, asked).await?;
    let ms = millis(begun);
    match (answer, key) {
        (Reply::Bulk(Some(info)), None) => {
            let (row, standing) = replication(&String::from_utf8_lossy(&info));
            judge(probe, &Body::row(row, "lag_s"), standing, None, ms, &subject)
        }
        (Reply::Bulk(Some(held)), Some(_)) => {
            judge(probe, &Body::of(&held), Ok(format!("the key is there, in {ms} ms")), None, ms, &subject)
        }
        (Reply::Bulk(None), Some(key)) => {
            let why = format!("there is no key {}", cut(&clean_line(&key), 60));
            judge(probe, &Body::of(b""), Err(why), None, ms, &subject)
        }
        (other, _) => Err(Problem::new(Code::PROBE_ANSWER, &subject).because(other.told())),
    }
}

#[derive(Debug, PartialEq)]
enum Reply {
    Simple(String),
    Error(String),
    Integer(i64),
    Bulk(Option<Vec<u8>>),
}

impl Reply {
    fn told(&self) -> String {
        match self {
            Self::Error(text) | Self::Simple(text) => cut(&clean_line(text), 160),
            Self::Integer(n) => n.to_string(),
            Self::Bulk(_) => "it answers something else than what was asked for".to_owned(),
        }
    }
}

struct Wire<S>(BufReader<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    fn new(stream: S) -> Self {
        Self(BufReader::new(stream))
    }

    /// The replication section, or the key.
    async fn ask(&mut self, password: Option<&Secret>, key: Option<&str>) -> Result<Reply, NetError> {
        if let Some(password) = password {
            let reply = self.call(&[b"AUTH", password.expose()]).await?;
            if reply != Reply::Simple("OK".to_owned()) {
                return Err(NetError::Denied(reply.told()));
            }
        }
        match key {
            Some(key) => self.call(&[b"GET", key.as_bytes()]).await,
            None => self.call(&[b"INFO", b"replication"]).await,
        }
    }

    async fn call(&mut self, words: &[&[u8]]) -> Result<Reply, NetError> {
        let mut request = Secret::new(encode(words));
        self.0.write_all(request.expose()).await.map_err(|e| NetError::from_connect(&e))?;
        request = Secret::new(Vec::new());
        drop(request);
        self.reply().await
    }

    async fn reply(&mut self) -> Result<Reply, NetError> {
        let line = self.line().await?;
        let odd = || NetError::Garbled("it answers no Redis".to_owned());
        let (&kind, rest) = line.split_first().ok_or_else(odd)?;
        let text = || String::from_utf8_lossy(rest).into_owned();
        let number = || std::str::from_utf8(rest).ok().and_then(|n| n.parse::<i64>().ok()).ok_or_else(odd);
        match kind {
            b'+' => Ok(Reply::Simple(text())),
            b'-' => Ok(Reply::Error(text())),
            b':' => Ok(Reply::Integer(number()?)),
            b'$' => match number()? {
                -1 => Ok(Reply::Bulk(None)),
                length => {
                    let length = usize::try_from(length).ok().filter(|n| *n <= MAX_ANSWER);
                    let length =
                        length.ok_or(NetError::TooLarge(lifeboat_core::model::Size(MAX_ANSWER as u64)))?;
                    let mut bytes = vec![0; length + 2];
                    self.0.read_exact(&mut bytes).await.map_err(|e| NetError::from_connect(&e))?;
                    bytes.truncate(length);
                    Ok(Reply::Bulk(Some(bytes)))
                }
            },
            _ => Err(odd()),
        }
    }

    /// Without its end.
    async fn line(&mut self) -> Result<Vec<u8>, NetError> {
        let mut line = Vec::new();
        let mut bounded = (&mut self.0).take(4 << 10);
        bounded.read_until(b'\n', &mut line).await.map_err(|e| NetError::from_connect(&e))?;
        match line.strip_suffix(b"\r\n") {
            Some(line) => Ok(line.to_vec()),
            None if line.is_empty() => Err(NetError::Cut("it closed the connection".to_owned())),
            None => Err(NetError::Garbled("it answers no Redis".to_owned())),
        }
    }
}

/// As an array of texts.
fn encode(words: &[&[u8]]) -> Vec<u8> {
    let mut out = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        out.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// Figures by name, as INFO has them, with `lag_s` and `behind_bytes` beside:
/// of a replica, since it last heard from its primary; of a primary, the worst
/// of its replicas. A replica whose link is down answers all else gladly, so
/// that its role and its link decide. Pure.
fn replication(info: &str) -> (Value, Result<String, String>) {
    let mut row = Map::new();
    for (name, value) in info.lines().filter_map(|line| line.trim_end().split_once(':')) {
        let number = value.parse::<i64>().ok().map(Value::from);
        row.insert(clean_line(name), number.unwrap_or_else(|| clean_line(value).into()));
    }
    let number = |name: &str| row.get(name).and_then(Value::as_i64);
    let text = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (figures, standing) = match &*text("role") {
        "master" => {
            // `slave0:ip=…,port=…,state=online,offset=14,lag=0`
            let replicas: Vec<&str> = row
                .iter()
                .filter(|(name, _)| name.strip_prefix("slave").is_some_and(|n| n.parse::<u32>().is_ok()))
                .filter_map(|(_, value)| value.as_str())
                .collect();
            let of = |replica: &str, name: &str| {
                replica
                    .split(',')
                    .find_map(|part| part.strip_prefix(name)?.strip_prefix('=')?.parse::<i64>().ok())
            };
            let lag = replicas.iter().filter_map(|r| of(r, "lag")).max();
            let furthest = replicas.iter().filter_map(|r| of(r, "offset")).min();
            let behind = number("master_repl_offset").zip(furthest).map(|(own, theirs)| own - theirs);
            ((lag, behind), Ok(format!("a primary with {} replicas", replicas.len())))
        }
        "slave" => {
            let standing = match (&*text("master_link_status"), number("master_sync_in_progress")) {
                ("up", Some(0) | None) => Ok("a replica, its link is up".to_owned()),
                ("up", _) => Err("a replica that is being filled from its primary".to_owned()),
                (_, Some(1)) => {
                    Err("a replica that is being filled from its primary, its link is down".to_owned())
                }
                _ => Err(match number("master_link_down_since_seconds") {
                    Some(s @ 0..) => format!("a replica whose link to its primary has been down for {s} s"),
                    _ => "a replica whose link to its primary is down".to_owned(),
                }),
            };
            // -1 while the link is down
            ((number("master_last_io_seconds_ago").filter(|s| *s >= 0), None), standing)
        }
        _ => ((None, None), Err("it does not say whether it is a primary or a replica".to_owned())),
    };
    row.insert("lag_s".to_owned(), figures.0.into());
    row.insert("behind_bytes".to_owned(), figures.1.into());
    (Value::Object(row), standing)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_replica_is_as_good_as_its_link() {
        let replica = |more: &str| format!("# Replication\r\nrole:slave\r\n{more}slave_repl_offset:14\r\n");
        let table = [
            (replica("master_link_status:up\r\nmaster_last_io_seconds_ago:3\r\nmaster_sync_in_progress:0\r\n"), Ok("a replica, its link is up"), Some(3)),
            (replica("master_link_status:down\r\nmaster_last_io_seconds_ago:-1\r\nmaster_sync_in_progress:0\r\nmaster_link_down_since_seconds:7\r\n"), Err("a replica whose link to its primary has been down for 7 s"), None),
            (replica("master_link_status:down\r\nmaster_sync_in_progress:1\r\n"), Err("a replica that is being filled from its primary, its link is down"), None),
            ("role:master\r\nconnected_slaves:2\r\nslave0:ip=a,port=1,state=online,offset=90,lag=1\r\nslave1:ip=b,port=1,state=online,offset=60,lag=4\r\nmaster_repl_offset:100\r\n".to_owned(), Ok("a primary with 2 replicas"), Some(4)),
            ("hello".to_owned(), Err("it does not say whether it is a primary or a replica"), None),
        ];
        for (info, standing, lag) in table {
            let (row, found) = replication(&info);
            assert_eq!(found.as_deref().map_err(|e| &**e), standing, "{info}");
            assert_eq!(row["lag_s"].as_i64(), lag, "{info}");
        }
    }

    #[tokio::test]
    async fn what_is_no_redis_is_bounded_and_named() {
        let table: [(&[u8], Result<Reply, &str>); 9] = [
            (b"+PONG\r\n", Ok(Reply::Simple("PONG".into()))),
            (b"-LOADING x\r\n", Ok(Reply::Error("LOADING x".into()))),
            (b":7\r\n", Ok(Reply::Integer(7))),
            (b"$-1\r\n", Ok(Reply::Bulk(None))),
            (b"$3\r\na\r\n\r\n", Ok(Reply::Bulk(Some(b"a\r\n".to_vec())))),
            (b"$999999999999\r\n", Err("it is larger than")),
            (b"$5\r\nab", Err("")),
            (b"HTTP/1.1 400 Bad Request\r\n", Err("it answers no Redis")),
            (b"", Err("it closed the connection")),
        ];
        for (bytes, expected) in table {
            let (mut far, near) = tokio::io::duplex(1 << 10);
            far.write_all(bytes).await.unwrap();
            drop(far);
            let found = Wire::new(near).reply().await;
            match expected {
                Ok(reply) => assert_eq!(found.unwrap(), reply),
                Err(why) => assert!(found.unwrap_err().to_string().contains(why)),
            }
        }
        let endless = vec![b'x'; 100 << 10];
        let found = Wire::new(tokio::io::join(&endless[..], tokio::io::sink())).reply().await;
        assert!(matches!(found, Err(NetError::Garbled(_))));
    }

    proptest! {
        #[test]
        fn no_text_panics(info: String, tail in "[a-z0-9:=,\\r\n-]{0,80}") {
            let _ = replication(&info);
            let _ = replication(&format!("role:master\r\nslave0:{tail}"));
        }
    }
}
