//! Probes beside the real servers, and the traps that their own answers set: an
//! idle primary is no lag, a receiver that has stopped is no health, replay that
//! is paused is lag, a replica whose link is down answers PING.

use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use lifeboat::{
    net::{Http, Secrets},
    probe::{Prober, Probing},
};
use lifeboat_core::model::*;
use serde_json::{Value, json};

use crate::{lab, pgbackrest::PG, servers};

fn probe(kind: &str, target: Value, rest: Value) -> Probe {
    let mut table = rest.as_object().cloned().unwrap_or_default();
    table.insert("kind".to_owned(), kind.into());
    table.insert("target".to_owned(), target);
    serde_json::from_value(table.into()).unwrap()
}

/// Asks again until it is so; what it said last, where it never is.
async fn until(
    prober: &Prober,
    probe: &Probe,
    so: impl Fn(&Result<ProbeReading, Problem>) -> bool,
) -> Result<ProbeReading, Problem> {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let answer = prober.ask(probe, Dur::secs(10)).await;
        if so(&answer) {
            return answer;
        }
        assert!(Instant::now() < end, "it never is so: {answer:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A primary and its standby, as `nobody` where the test is root.
struct Pair {
    dir: tempfile::TempDir,
    port: u16,
}

impl Pair {
    fn new() -> Option<Self> {
        let initdb = format!("{PG}/initdb");
        let tools = [&*initdb, "/usr/bin/setpriv", "/usr/bin/psql", "/usr/bin/openssl"];
        if !lab::has(&tools.map(Path::new)) {
            return None;
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let pair = Self { dir: tempfile::tempdir().unwrap(), port };
        let dir = pair.dir.path().display().to_string();
        if rustix::process::geteuid().is_root() {
            let own = Command::new("chown").args(["nobody", &dir]).status().unwrap();
            assert!(own.success());
        }
        pair.run(
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
             -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE \
             -keyout key.pem -out cert.pem 2>&1 && chmod 600 key.pem",
        );
        pair.run(&format!("{PG}/initdb -D p1 -U postgres -A trust --no-sync"));
        let settings = format!(
            "listen_addresses='127.0.0.1'\nport={port}\nunix_socket_directories='{dir}'\nfsync=off\nssl=on\n\
             ssl_cert_file='{dir}/cert.pem'\nssl_key_file='{dir}/key.pem'\nshared_buffers=16MB\n\
             wal_sender_timeout=2s\nwal_receiver_timeout=3s\nwal_receiver_status_interval=1s\n"
        );
        pair.configure("p1", &settings);
        pair.run(&format!("{PG}/pg_ctl -D p1 -w -l p1.log start"));
        pair.run(&format!(
            "{PG}/pg_basebackup -D p2 -h {dir} -p {port} -U postgres -R -X stream -c fast --no-sync"
        ));
        // only a name for its socket
        pair.configure("p2", "listen_addresses=''\nport=1\n");
        pair.run(&format!("{PG}/pg_ctl -D p2 -w -l p2.log start"));
        Some(pair)
    }
    fn configure(&self, cluster: &str, settings: &str) {
        let path = self.dir.path().join(cluster).join("postgresql.conf");
        let all = fs::read_to_string(&path).unwrap() + settings;
        fs::write(path, all).unwrap();
    }
    fn run(&self, script: &str) -> String {
        let mut command = match rustix::process::geteuid().is_root() {
            true => {
                let mut command = Command::new("setpriv");
                command.args(["--reuid=nobody", "--clear-groups", "sh", "-c", script]);
                command
            }
            false => {
                let mut command = Command::new("sh");
                command.args(["-c", script]);
                command
            }
        };
        // a server that is started keeps what it is given open
        let out = self.dir.path().join("out");
        let file = fs::File::create(&out).unwrap();
        command.stdin(Stdio::null()).stdout(file.try_clone().unwrap()).stderr(file);
        let status = command.current_dir(self.dir.path()).env("HOME", self.dir.path()).status().unwrap();
        let said = fs::read_to_string(out).unwrap();
        assert!(status.success(), "{script}: {said}");
        said.trim().to_owned()
    }
    fn sql(&self, port: u16, text: &str) -> String {
        let dir = self.dir.path().display();
        self.run(&format!("psql -X -q -A -t -h {dir} -p {port} -U postgres -c \"{text}\""))
    }
    fn prober(&self, dsn: String) -> Prober {
        let secrets =
            Secrets::new(self.dir.path(), []).with_env(move |name| (name == "DSN").then(|| dsn.clone()));
        Prober::new(Http::new(), secrets)
    }
    fn standby(&self) -> Prober {
        self.prober(format!("host={} port=1 user=postgres", self.dir.path().display()))
    }
    fn primary(&self) -> Prober {
        self.prober(format!("host={} port={} user=postgres", self.dir.path().display(), self.port))
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        for cluster in ["p2", "p1"] {
            let path = self.dir.path().join(cluster);
            if let Ok(pid) = fs::read_to_string(path.join("postmaster.pid"))
                && let Some(pid) = pid.lines().next().and_then(|pid| pid.parse().ok())
                && let Some(pid) = rustix::process::Pid::from_raw(pid)
            {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::QUIT);
            }
        }
    }
}

fn of(target: Value, rest: Value) -> Probe {
    let mut table = json!({"dsn": {"env": "DSN"}});
    table.as_object_mut().unwrap().extend(target.as_object().unwrap().clone());
    probe("postgres", table, rest)
}

fn holds(answer: &Result<ProbeReading, Problem>) -> bool {
    answer.as_ref().is_ok_and(|reading| reading.holds)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_of_postgres_is_seen_through_what_it_hears_from_its_primary() {
    let Some(pair) = Pair::new() else { return };
    pair.sql(pair.port, "create table t (n int)");
    let (standby, state) = (pair.standby(), of(json!({}), json!({})));
    let caught_up =
        |answer: &Result<ProbeReading, Problem>| holds(answer) && answer.as_ref().unwrap().value == Some(0.0);
    until(&standby, &state, caught_up).await.unwrap();

    // idle: the last transaction grows old, and nothing is lost by that
    let replayed = of(json!({}), json!({"value": "replayed_at", "unit": "rfc3339"}));
    let idle = |answer: &Result<ProbeReading, Problem>| {
        let reading = answer.as_ref().unwrap();
        reading.as_of.unwrap().timestamp() as f64 - reading.value.unwrap() > 3.0
    };
    until(&standby, &replayed, idle).await.unwrap();
    let reading = until(&standby, &state, holds).await.unwrap();
    assert_eq!(reading.value, Some(0.0), "an idle primary is no lag: {reading:?}");
    assert!(reading.detail.contains("a standby, streaming, 0.0 s behind"), "{reading:?}");

    // received and not replayed: nothing would be lost, and nothing of it is to be seen
    pair.sql(1, "select pg_wal_replay_pause()");
    until(&standby, &of(json!({}), json!({"expect": {"pointer": "paused", "equals": true}})), holds)
        .await
        .unwrap();
    pair.sql(pair.port, "insert into t values (1)");
    let late =
        |answer: &Result<ProbeReading, Problem>| answer.as_ref().unwrap().value.is_some_and(|s| s > 1.0);
    let reading = until(&standby, &state, late).await.unwrap();
    assert!(reading.detail.contains("its replay is paused"), "{reading:?}");
    let received = of(json!({}), json!({"value": "receive_lag_s", "unit": "s"}));
    assert_eq!(standby.ask(&received, Dur::secs(10)).await.unwrap().value, Some(0.0));
    pair.sql(1, "select pg_wal_replay_resume()");
    until(&standby, &state, caught_up).await.unwrap();

    // a receiver that stands still says that it streams
    let receiver = pair.sql(1, "select pid from pg_stat_wal_receiver");
    let receiver = rustix::process::Pid::from_raw(receiver.parse().unwrap()).unwrap();
    rustix::process::kill_process(receiver, rustix::process::Signal::STOP).unwrap();
    let first = standby.ask(&state, Dur::secs(10)).await.unwrap().as_of;
    let reading = until(&standby, &state, |answer| !holds(answer)).await.unwrap();
    assert!(reading.detail.contains("heard nothing from its primary for"), "{reading:?}");
    let seen = of(json!({}), json!({"expect": {"pointer": "receiver", "equals": "streaming"}}));
    let reading = standby.ask(&seen, Dur::secs(10)).await.unwrap();
    assert!(
        reading.holds && reading.as_of == first,
        "its own words, and an instant that stands still: {reading:?}"
    );
    rustix::process::kill_process(receiver, rustix::process::Signal::CONT).unwrap();
    until(&standby, &state, caught_up).await.unwrap();

    pair.run(&format!("{PG}/pg_ctl -D p1 -m immediate -w stop"));
    let reading = until(&standby, &state, |answer| !holds(answer)).await.unwrap();
    assert!(reading.detail.contains("without a WAL receiver"), "{reading:?}");
    // it is unwell, and how far it had received is known to the instant
    let known = |answer: &Result<ProbeReading, Problem>| {
        answer.as_ref().is_ok_and(|r| r.holds && r.value.is_some_and(|s| s > 1.0))
    };
    let reading = until(&standby, &received, known).await.unwrap();
    let through = reading.as_of.unwrap() - Dur::from_secs_f64(reading.value.unwrap()).unwrap();
    let last = standby.ask(&replayed, Dur::secs(10)).await;
    assert!(last.is_err() || !last.unwrap().holds, "only the lag is told of one that is unwell");
    let last: f64 =
        pair.sql(1, "select extract(epoch from pg_last_xact_replay_timestamp())").parse().unwrap();
    assert!((through.timestamp_millis() as f64 / 1_000.0 - last).abs() < 0.01, "{reading:?} {last}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_of_postgres_only_reads_and_its_row_answers() {
    let Some(pair) = Pair::new() else { return };
    pair.sql(
        pair.port,
        "create table heartbeat (at timestamptz); insert into heartbeat values ('2026-11-22T01:30:00Z')",
    );
    let primary = pair.primary();
    let reading = primary.ask(&of(json!({}), json!({})), Dur::secs(10)).await.unwrap();
    assert!(
        reading.holds && reading.detail.starts_with("a primary with") && reading.as_of.is_some(),
        "{reading:?}"
    );
    let beat = "select extract(epoch from at) as at_s, at, 'eu-west-1' as region from heartbeat;";
    let table = [
        (
            json!({"query": beat}),
            json!({"value": "at_s", "unit": "unix_s", "as_of": "at"}),
            Ok(1_795_311_000.0),
        ),
        (json!({"query": beat}), json!({"value": "/at", "unit": "rfc3339"}), Ok(1_795_311_000.0)),
        (json!({"query": "select 7 as n"}), json!({}), Ok(7.0)),
        (json!({"query": beat}), json!({"value": "absent", "unit": "s"}), Err((Code::PROBE_VALUE, "absent"))),
        (json!({"query": "select 1/0"}), json!({}), Err((Code::PROBE_ANSWER, "22012"))),
        (json!({"query": "select pg_sleep(60)"}), json!({}), Err((Code::PROBE_TIMEOUT, ""))),
        (json!({"query": "select nextval('no')"}), json!({}), Err((Code::PROBE_ANSWER, "42P01"))),
        (json!({"query": "select 1) q; drop table heartbeat; --"}), json!({}), Err((Code::PROBE_ANSWER, ""))),
    ];
    for (target, rest, expected) in table {
        let told = format!("{target} {rest}");
        let timeout = if told.contains("pg_sleep") { Dur::millis(500) } else { Dur::secs(10) };
        match (primary.ask(&of(target, rest), timeout).await, expected) {
            (Ok(reading), Ok(value)) => assert_eq!(reading.value, Some(value), "{told}"),
            (Err(problem), Err((code, why))) => {
                assert!(problem.code == code && problem.why.contains(why), "{told}: {problem}");
            }
            (answer, _) => panic!("{told}: {answer:?}"),
        }
    }
    let none = of(json!({"query": "select 1 where false"}), json!({}));
    assert!(!primary.ask(&none, Dur::secs(10)).await.unwrap().holds);
    let where_it_is = of(json!({"query": beat}), json!({"value": "region"}));
    assert_eq!(primary.ask(&where_it_is, Dur::secs(10)).await.unwrap().text.as_deref(), Some("eu-west-1"));
    assert_eq!(pair.sql(pair.port, "select count(*) from heartbeat"), "1");

    let secure = pair.prober(format!("postgres://postgres@localhost:{}/postgres?sslmode=require", pair.port));
    let trusted = of(
        json!({"query": "select ssl::int from pg_stat_ssl where pid = pg_backend_pid()"}),
        json!({"ca": "cert.pem"}),
    );
    assert_eq!(secure.ask(&trusted, Dur::secs(10)).await.unwrap().value, Some(1.0));
    let problem = secure.ask(&of(json!({}), json!({})), Dur::secs(10)).await.unwrap_err();
    assert_eq!(problem.code, Code::PROBE_TLS, "{problem}");
    let nobody = pair.prober("host=127.0.0.1 port=1 user=postgres password=hunter2".to_owned());
    let problem = nobody.ask(&of(json!({}), json!({})), Dur::secs(10)).await.unwrap_err();
    assert!(problem.code == Code::PROBE_REFUSED && !problem.to_string().contains("hunter2"), "{problem}");
}

/// One line of Redis, and the first of its answer.
fn tell(port: u16, line: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(format!("{line}\r\n").as_bytes()).unwrap();
    let mut answer = [0; 64];
    let read = stream.read(&mut answer).unwrap();
    String::from_utf8_lossy(&answer[..read]).lines().next().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_of_redis_whose_link_is_down_is_not_well_though_it_answers() {
    let tool = Path::new("/usr/bin/redis-server");
    if !lab::has(&[tool]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let start = |more: &[String]| {
        servers::start(tool, |command, port| {
            command.current_dir(dir.path()).args([
                "--port",
                &port.to_string(),
                "--bind",
                "127.0.0.1",
                "--save",
                "",
            ]);
            command.args(["--repl-diskless-sync-delay", "0"]).args(more);
        })
    };
    let primary = start(&[]);
    let of: [String; 3] = ["--replicaof".into(), "127.0.0.1".into(), primary.port.to_string()];
    let replica = start(&of);
    let prober = Prober::new(Http::new(), Secrets::new(dir.path(), []));
    let state = probe("redis", json!(format!("127.0.0.1:{}", replica.port)), json!({}));
    let reading = until(&prober, &state, holds).await.unwrap();
    assert!(reading.detail.contains("its link is up") && reading.value.is_some(), "{reading:?}");
    let address = format!("127.0.0.1:{}", primary.port);
    let connected =
        probe("redis", json!(address), json!({"expect": {"pointer": "connected_slaves", "equals": 1}}));
    until(&prober, &connected, holds).await.unwrap();

    assert_eq!(tell(primary.port, "SET heartbeat 1795311000"), "+OK");
    let key = probe("redis", json!({"address": address, "key": "heartbeat"}), json!({"unit": "unix_s"}));
    assert_eq!(prober.ask(&key, Dur::secs(10)).await.unwrap().value, Some(1_795_311_000.0));
    let absent = probe("redis", json!({"address": address, "key": "absent"}), json!({}));
    assert!(!prober.ask(&absent, Dur::secs(10)).await.unwrap().holds);

    drop(primary);
    let reading = until(&prober, &state, |answer| !holds(answer)).await.unwrap();
    assert!(reading.detail.contains("link"), "{reading:?}");
    assert_eq!(tell(replica.port, "PING"), "+PONG", "and yet it answers");

    let guarded = start(&["--requirepass".into(), "correct".into()]);
    let secrets = Secrets::new(dir.path(), []).with_env(|name| {
        (name == "RIGHT").then(|| "correct".to_owned()).or((name == "WRONG").then(|| "hunter2".to_owned()))
    });
    let prober = Prober::new(Http::new(), secrets);
    let address = format!("127.0.0.1:{}", guarded.port);
    for (password, good) in
        [(json!({"env": "RIGHT"}), true), (json!({"env": "WRONG"}), false), (Value::Null, false)]
    {
        let guarded = probe("redis", json!({"address": address, "password": password}), json!({}));
        let answer = prober.ask(&guarded, Dur::secs(10)).await;
        assert_eq!(answer.is_ok(), good, "{answer:?}");
        if let Err(problem) = answer {
            assert!(
                problem.code == Code::PROBE_ANSWER && !problem.to_string().contains("hunter2"),
                "{problem}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_what_its_server_tells() {
    let named = Path::new("/usr/sbin/named");
    if !lab::has(&[named]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let zone = "$TTL 60\n@ SOA ns hostmaster 1 60 60 600 60\n@ NS ns\nns A 127.0.0.1\n\
                www CNAME front\nfront 2 A 192.0.2.1\nfront 2 A 192.0.2.2\nround CNAME again\nagain CNAME round\n\
                note TXT \"eu-west-1\"\n";
    fs::write(dir.path().join("shop.test"), zone).unwrap();
    let path = dir.path().display();
    let server = servers::start(named, |command, port| {
        let conf = format!(
            "options {{ directory \"{path}\"; pid-file none; session-keyfile \"{path}/session.key\"; \
             listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; dnssec-validation no; recursion no; }};\n\
             controls {{ }};\nzone \"shop.test\" {{ type primary; file \"shop.test\"; }};\n"
        );
        fs::write(dir.path().join("named.conf"), conf).unwrap();
        command.args(["-f", "-c"]).arg(dir.path().join("named.conf"));
    });
    let prober = Prober::new(Http::new(), Secrets::new(dir.path(), []));
    let at = format!("127.0.0.1:{}", server.port);
    let ask = async |name: &str, ty: &str, rest: Value| {
        let probe = probe("dns", json!({"name": name, "type": ty, "server": at}), rest);
        prober.ask(&probe, Dur::secs(10)).await
    };
    let until_it_answers = probe("dns", json!({"name": "ns.shop.test", "server": at}), json!({}));
    until(&prober, &until_it_answers, holds).await.unwrap();
    let reading = ask("www.shop.test", "A", json!({})).await.unwrap();
    assert_eq!(reading.text.as_deref(), Some("192.0.2.1, 192.0.2.2"), "{reading:?}");
    // where traffic goes, by region
    let map = json!({"map": {"192.0.2.1": "eu-west-1", "192.0.2.2": "eu-west-1"}});
    assert_eq!(ask("www.shop.test", "A", map).await.unwrap().text.as_deref(), Some("eu-west-1"));
    assert_eq!(
        ask("front.shop.test", "A", json!({"value": "ttl_s", "unit": "s"})).await.unwrap().value,
        Some(2.0)
    );
    let note = ask("note.shop.test", "TXT", json!({})).await.unwrap();
    assert!(note.detail.contains("eu-west-1"), "{note:?}");
    let elsewhere = ask("front.shop.test", "A", json!({"expect": {"equals": "192.0.2.9"}})).await.unwrap();
    assert!(!elsewhere.holds, "{elsewhere:?}");
    let absent = ask("absent.shop.test", "A", json!({})).await.unwrap();
    assert_eq!((absent.holds, &*absent.detail), (false, "there is no such record"));
    let table = [
        ("round.shop.test", Code::PROBE_ANSWER),
        ("www.elsewhere.test", Code::PROBE_ANSWER),
        ("no name..", Code::PROBE_NAME),
    ];
    for (name, code) in table {
        let problem = ask(name, "A", json!({})).await.unwrap_err();
        assert_eq!(problem.code, code, "{name}: {problem}");
    }
    drop(server);
    let gone = ask("www.shop.test", "A", json!({})).await.unwrap_err();
    assert!([Code::PROBE_REFUSED, Code::PROBE_TIMEOUT].contains(&gone.code), "{gone}");
}
