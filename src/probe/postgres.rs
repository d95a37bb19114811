//! `postgres = { dsn, query }`: one row, of a query that only reads or of what
//! the server says of its replication.
//!
//! An idle primary is no lag: nothing is written, so that the last replayed
//! transaction grows old while the standby has everything. What counts is what
//! the primary had when it sent its last message (`latest_end_lsn`), which a
//! standby that is well hears every few seconds; the figure is of that instant,
//! so that a receiver that has stopped makes a figure that stands still.
//!
//! With its primary gone a standby has no receiver and is not well, and it is
//! then that its lag is asked for in earnest: once it has replayed all that it
//! received, the last transaction that it has tells how far that was, now.

use std::str::FromStr;

use lifeboat_core::model::{Code, Dur, Probe, ProbeReading, Problem, SecretRef, Time, clean_line, cut};
use serde::Deserialize;
use serde_json::Value;
use tokio::{
    net::{TcpStream, UnixStream},
    time::Instant,
};
use tokio_postgres::{
    Client, Config, NoTls,
    config::{Host, SslMode},
    tls::MakeTlsConnect,
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{
    Prober,
    dial::{dial, within},
    figure::{Body, judge},
    millis,
};
use crate::net::{NetError, Side};

/// One row, as JSON. `latest_end_lsn` is the primary's own end when it sent its
/// last message; the view is empty to whoever may not see it.
const STATE: &str = "
select row_to_json(s) from (select *,
  case when not standby then null
    when receiver is distinct from 'streaming' then extract(epoch from as_of - replayed_at)
    when received_lsn < sender_lsn then extract(epoch from as_of - replayed_at)
    else 0 end as receive_lag_s,
  case when not standby then null
    when receiver is distinct from 'streaming' then extract(epoch from as_of - replayed_at)
    when received_lsn < sender_lsn or replayed_lsn < received_lsn
      then extract(epoch from as_of - replayed_at)
    else 0 end as lag_s
from (select r.standby,
  case when r.standby then null else pg_current_wal_lsn() end as lsn,
  case when r.standby then pg_last_wal_receive_lsn() end as received_lsn,
  case when r.standby then pg_last_wal_replay_lsn() end as replayed_lsn,
  case when r.standby then pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) end
    as replay_backlog_bytes,
  case when r.standby then pg_is_wal_replay_paused() end as paused,
  case when r.standby then pg_last_xact_replay_timestamp() end as replayed_at,
  w.pid is not null as has_receiver, w.status as receiver, w.latest_end_lsn as sender_lsn,
  case when not r.standby then clock_timestamp() when w.status = 'streaming' then w.last_msg_send_time
    when pg_last_wal_replay_lsn() >= pg_last_wal_receive_lsn() then clock_timestamp() end as as_of,
  extract(epoch from clock_timestamp() - w.last_msg_receipt_time) as last_message_age_s,
  extract(epoch from current_setting('wal_receiver_timeout')::interval) as receiver_timeout_s,
  (select count(*) from pg_stat_replication where state = 'streaming') as standbys,
  (select max(pg_wal_lsn_diff(case when r.standby then null else pg_current_wal_lsn() end, replay_lsn))
    from pg_stat_replication) as behind_bytes
from (select pg_is_in_recovery() as standby) r left join pg_stat_wal_receiver w on r.standby) f) s";

/// After so long without a word a receiver gives up by itself, where that is
/// not told or turned off.
const SILENT: f64 = 60.0;

#[derive(Deserialize)]
struct Target {
    dsn: SecretRef,
    query: Option<String>,
}

pub(super) async fn ask(prober: &Prober, probe: &Probe, timeout: Dur) -> Result<ProbeReading, Problem> {
    let target: Target = super::table(probe)?;
    let dsn = prober.secrets.resolve(&target.dsn).await?;
    // what the parser says of a bad one may quote it
    let config = dsn.expose_str().and_then(|text| Config::from_str(text).ok()).ok_or_else(|| {
        let problem = Problem::new(Code::PROBE_NAME, "postgres probe");
        problem.because("its `dsn` is no connection string").next("write postgres://user@host/database")
    })?;
    let subject = shown(&config);
    let begun = Instant::now();
    let asked = async {
        let client = connect(prober, probe, config, &subject).await?;
        row(&client, target.query.as_deref(), timeout, &subject).await
    };
    let row = within(timeout, &subject, asked).await?;
    let ms = millis(begun);
    let Some(row) = row else {
        let none = Err("the query has no row".to_owned());
        return judge(probe, &Body::row(Value::Null, "value"), none, None, ms, &subject);
    };
    if target.query.is_some() {
        return judge(probe, &first_column(row), Ok(format!("a row in {ms} ms")), None, ms, &subject);
    }
    let standing = standing(&row).map_err(|why| Problem::new(Code::PROBE_ANSWER, &subject).because(why))?;
    let standing = standing.or_else(|why| if tells_lag(probe, &row) { Ok(why) } else { Err(why) });
    let as_of = row["as_of"].as_str().and_then(|at| at.parse::<Time>().ok());
    judge(probe, &Body::row(row, "lag_s"), standing, as_of, ms, &subject)
}

/// Whether the lag is what was asked for, and it is known: a figure holds however
/// unwell the standby is.
fn tells_lag(probe: &Probe, row: &Value) -> bool {
    let name = probe.value.as_deref().map(|v| v.trim_start_matches('/'));
    name.is_some_and(|name| ["lag_s", "receive_lag_s"].contains(&name) && row[name].is_number())
}

/// Where, without who and how.
fn shown(config: &Config) -> String {
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(host)) => host.clone(),
        Some(Host::Unix(path)) => path.display().to_string(),
        None => "localhost".to_owned(),
    };
    let port = config.get_ports().first().copied().unwrap_or(5432);
    clean_line(&format!("{host}:{port}/{}", config.get_dbname().unwrap_or_default()))
}

/// The first host alone is asked: a probe is of one server, not of whichever is up.
async fn connect(prober: &Prober, probe: &Probe, config: Config, subject: &str) -> Result<Client, Problem> {
    let told = |e: NetError| e.problem(Side::Probe, subject);
    let port = config.get_ports().first().copied().unwrap_or(5432);
    let host = match config.get_hosts().first() {
        Some(Host::Unix(dir)) => {
            prober.meter.request();
            let stream = UnixStream::connect(dir.join(format!(".s.PGSQL.{port}"))).await;
            let stream = stream.map_err(|e| told(NetError::from_connect(&e)))?;
            return start(config.connect_raw(stream, NoTls).await, subject);
        }
        Some(Host::Tcp(host)) => host.clone(),
        None => "localhost".to_owned(),
    };
    let stream = dial(&host, port, &prober.meter).await.map_err(told)?;
    if config.get_ssl_mode() == SslMode::Disable {
        return start(config.connect_raw(stream, NoTls).await, subject);
    }
    let ca = prober.ca(probe, subject).await?;
    let tls = prober.tls.config(ca.as_deref()).await.map_err(told)?;
    let mut make = MakeRustlsConnect::new((*tls).clone());
    let connect = <MakeRustlsConnect as MakeTlsConnect<TcpStream>>::make_tls_connect(&mut make, &host);
    let connect = connect.map_err(|e| told(NetError::Tls(e.to_string())))?;
    start(config.connect_raw(stream, connect).await, subject)
}

type Connected<S, T> = Result<(Client, tokio_postgres::Connection<S, T>), tokio_postgres::Error>;

/// The connection's own task ends with the client.
fn start<S, T>(connected: Connected<S, T>, subject: &str) -> Result<Client, Problem>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    T: tokio_postgres::tls::TlsStream + Unpin + Send + 'static,
{
    let (client, connection) = connected.map_err(|e| failed(&e, subject))?;
    tokio::spawn(connection);
    Ok(client)
}

async fn row(
    client: &Client,
    query: Option<&str>,
    timeout: Dur,
    subject: &str,
) -> Result<Option<Value>, Problem> {
    let told = |e: tokio_postgres::Error| failed(&e, subject);
    // ended by the server too, lest given-up questions pile up there
    let bounds = format!("begin read only; set local statement_timeout = {}", timeout.as_millis().max(1));
    client.batch_execute(&bounds).await.map_err(told)?;
    let sql = match query {
        Some(query) => {
            format!("select row_to_json(q) from ({}) q limit 1", query.trim().trim_end_matches(';'))
        }
        None => STATE.to_owned(),
    };
    // one statement alone may be prepared, so that a query cannot end the transaction
    let text = format!("select ({sql})::text");
    let row = client.query_opt(&text, &[]).await.map_err(told)?;
    let text: Option<String> = match row {
        Some(row) => row.try_get(0).map_err(told)?,
        None => None,
    };
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}

/// The figure of a query is in its first column, where none is named.
fn first_column(row: Value) -> Body {
    let mut row = row;
    if let Value::Object(columns) = &mut row
        && columns.len() == 1
        && let Some(only) = columns.values().next().cloned()
    {
        columns.insert("value".to_owned(), only);
    }
    Body::row(row, "value")
}

/// Whether it is well, and in which words. Errors: what keeps that from being
/// seen. Pure.
fn standing(row: &Value) -> Result<Result<String, String>, String> {
    let is = |name: &str| row[name].as_bool().unwrap_or(false);
    let number = |name: &str| row[name].as_f64();
    if !is("standby") {
        return Ok(Ok(format!("a primary with {} standbys", number("standbys").unwrap_or(0.0))));
    }
    if is("has_receiver") && row["receiver"].is_null() {
        return Err("its role may not see pg_stat_wal_receiver: grant it pg_monitor".to_owned());
    }
    let silent = number("receiver_timeout_s").filter(|s| *s > 0.0).unwrap_or(SILENT);
    let age = number("last_message_age_s").unwrap_or(f64::INFINITY);
    let lag = number("lag_s").map_or("an unknown time".to_owned(), |s| format!("{s:.1} s"));
    let paused = if is("paused") { ", its replay is paused" } else { "" };
    Ok(match row["receiver"].as_str() {
        Some("streaming") if age <= silent => Ok(format!("a standby, streaming, {lag} behind{paused}")),
        Some("streaming") => Err(format!("a standby that has heard nothing from its primary for {age:.0} s")),
        Some(other) => Err(format!("a standby whose WAL receiver is {}", cut(&clean_line(other), 40))),
        None => Err(format!("a standby without a WAL receiver: nothing reaches it{paused}")),
    })
}

/// By what the server said, else by how the connection ended.
fn failed(error: &tokio_postgres::Error, subject: &str) -> Problem {
    if let Some(said) = error.as_db_error() {
        let why = cut(&clean_line(&format!("{}: {}", said.code().code(), said.message())), 200);
        return Problem::new(Code::PROBE_ANSWER, subject).because(why);
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    let why = cut(&clean_line(&cause.to_string()), 200);
    let code = if error.to_string().contains("TLS") { Code::PROBE_TLS } else { Code::PROBE_ANSWER };
    Problem::new(code, subject).because(why)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_standby_is_as_good_as_what_it_hears() {
        let standby = |more: Value| {
            let mut row = json!({"standby": true, "has_receiver": true, "receiver": "streaming",
                "last_message_age_s": 1.5, "receiver_timeout_s": 60.0, "lag_s": 0.0, "paused": false});
            row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            row
        };
        let table = [
            (json!({"standby": false, "standbys": 2}), Ok("a primary with 2 standbys")),
            (standby(json!({})), Ok("a standby, streaming, 0.0 s behind")),
            (
                standby(json!({"paused": true, "lag_s": 12.0})),
                Ok("a standby, streaming, 12.0 s behind, its replay is paused"),
            ),
            (
                standby(json!({"last_message_age_s": 61.0})),
                Err("a standby that has heard nothing from its primary for 61 s"),
            ),
            (
                standby(json!({"last_message_age_s": 61.0, "receiver_timeout_s": 0.0})),
                Err("a standby that has heard nothing from its primary for 61 s"),
            ),
            (standby(json!({"receiver": "waiting"})), Err("a standby whose WAL receiver is waiting")),
            (
                standby(json!({"receiver": null, "has_receiver": false})),
                Err("a standby without a WAL receiver: nothing reaches it"),
            ),
        ];
        for (row, expected) in table {
            let found = standing(&row).unwrap();
            assert_eq!(found.as_deref().map_err(|e| &**e), expected, "{row}");
        }
        let unseen = standby(json!({"receiver": null}));
        assert!(standing(&unseen).unwrap_err().contains("pg_monitor"));
    }
}
