use std::path::Path;

use lifeboat_core::model::*;
use serde_json::json;

use super::*;
use crate::net::testing::{Server, nobody};

fn prober() -> Prober {
    Prober::new(Http::new(), Secrets::new(Path::new("/nonexistent"), []))
}

/// As `config` makes it of a table headed by its kind.
fn probe(kind: &str, target: serde_json::Value, rest: serde_json::Value) -> Probe {
    let mut table = rest.as_object().cloned().unwrap_or_default();
    table.insert("kind".into(), kind.into());
    table.insert("target".into(), target);
    serde_json::from_value(table.into()).unwrap()
}

async fn ask(probe: &Probe) -> Result<ProbeReading, Problem> {
    prober().ask(probe, Dur::secs(20)).await
}

async fn answer(status: &str, body: &str, rest: serde_json::Value) -> Result<ProbeReading, Problem> {
    let server = Server::answering(status, "application/json", body).await;
    ask(&probe("http", json!(server.url()), rest)).await
}

/// The detail without its latency.
fn words(reading: &ProbeReading) -> String {
    reading.detail.replace(&format!(" in {} ms", reading.latency_ms), "")
}

#[tokio::test]
async fn an_answer_is_judged_by_status_and_content() {
    let body = r#"{"ready": false, "role": "primary", "queue": 12, "age": "3.5"}"#;
    let table = [
        ("200 OK", json!({}), true, "200 OK"),
        ("204 No Content", json!({}), true, "204 No Content"),
        ("503 Service Unavailable", json!({}), false, "503 Service Unavailable"),
        ("302 Found", json!({}), false, "302 Found"),
        ("503 Service Unavailable", json!({"expect": {"status": 503}}), true, "503 Service Unavailable"),
        ("200 OK", json!({"expect": {"status": 204}}), false, "200 OK, expected 204"),
        (
            "200 OK",
            json!({"expect": {"pointer": "/ready", "equals": true}}),
            false,
            "expected /ready = true, found false",
        ),
        ("200 OK", json!({"expect": {"pointer": "/role", "equals": "primary"}}), true, "200 OK"),
        ("200 OK", json!({"expect": {"pointer": "/queue", "equals": 12.0}}), true, "200 OK"),
        ("200 OK", json!({"expect": {"pointer": "/absent"}}), false, "there is no /absent in the answer"),
        (
            "200 OK",
            json!({"expect": {"pointer": "/queue", "max": 10}}),
            false,
            "expected /queue at most 10, found 12",
        ),
        (
            "200 OK",
            json!({"value": "/age", "expect": {"min": 4}}),
            false,
            "expected /age at least 4, found \"3.5\"",
        ),
        ("200 OK", json!({"value": "/age", "expect": {"min": 3, "max": 4}}), true, "200 OK"),
    ];
    for (status, rest, holds, detail) in table {
        let body = if status.starts_with("204") { "" } else { body };
        let reading = answer(status, body, rest.clone()).await.unwrap();
        assert_eq!((reading.holds, words(&reading)), (holds, detail.to_owned()), "{status} {rest}");
    }
}

#[tokio::test]
async fn figures_come_in_base_units_with_their_instant() {
    let body = r#"{"lag": 2500, "at": "2026-11-22T01:30:00.5Z", "unix": 1795311000, "unix_ms": 1795311000250, "n": "42"}"#;
    let table = [
        (json!({"value": "/lag", "unit": "ms", "as_of": "/at"}), 2.5, Some(1_795_311_000_500)),
        (json!({"value": "/lag", "unit": "s", "as_of": "/unix"}), 2500.0, Some(1_795_311_000_000)),
        (json!({"value": "/n", "unit": "count", "as_of": "/unix_ms"}), 42.0, Some(1_795_311_000_250)),
        (json!({"value": "/at", "unit": "rfc3339"}), 1_795_311_000.5, None),
        (json!({"value": "/unix_ms", "unit": "unix_ms"}), 1_795_311_000.25, None),
    ];
    for (rest, value, as_of) in table {
        let reading = answer("200 OK", body, rest.clone()).await.unwrap();
        assert_eq!(
            (reading.value, reading.as_of.map(|t| t.timestamp_millis())),
            (Some(value), as_of),
            "{rest}"
        );
    }
    for rest in [
        json!({"value": "/absent", "unit": "s"}),
        json!({"value": "/at", "unit": "s"}),
        json!({"value": "/lag", "unit": "rfc3339"}),
        json!({"value": "/lag", "unit": "ms", "as_of": "/absent"}),
        json!({"value": "/lag", "unit": "ms", "as_of": "/n~"}),
    ] {
        assert_eq!(answer("200 OK", body, rest.clone()).await.unwrap_err().code, Code::PROBE_VALUE, "{rest}");
    }
}

#[tokio::test]
async fn plain_text_is_a_value_and_is_cleaned() {
    let map = json!({"map": {"10.0.0.1": "eu-west-1"}});
    assert_eq!(answer("200 OK", "10.0.0.1\n", map).await.unwrap().text.as_deref(), Some("eu-west-1"));
    let hostile = answer("200 OK", "eu\u{1b}[2J", json!({})).await.unwrap();
    assert_eq!(hostile.text.as_deref(), Some("eu^[[2J"));
    let number = answer("200 OK", "17", json!({"unit": "s"})).await.unwrap();
    assert_eq!(number.value, Some(17.0));
    let status = answer("503 \u{1b}]0;owned", "", json!({})).await.unwrap_err();
    assert_eq!(status.code, Code::PROBE_ANSWER, "a control character in the status line is no HTTP");
}

#[tokio::test]
async fn an_endless_answer_is_cut_off() {
    let long = "x".repeat(400 << 10);
    assert!(answer("200 OK", &long, json!({})).await.unwrap().holds);
    let json = format!("{{\"pad\": \"{long}\", \"lag\": 1}}");
    let problem = answer("200 OK", &json, json!({"value": "/lag", "unit": "s"})).await.unwrap_err();
    assert_eq!(problem.code, Code::PROBE_VALUE);
    assert!(problem.why.contains("256 KiB"), "{problem}");
}

#[tokio::test]
async fn what_cannot_be_seen_has_its_own_code() {
    let nobody = nobody().await;
    let hanging = Server::hanging().await;
    let closing = Server::sending("").await;
    let greeting = Server::greeting("220 hello\r\n").await;
    let table = [
        ("http", format!("http://{nobody}/"), Code::PROBE_REFUSED),
        ("http", closing.url(), Code::PROBE_ANSWER),
        ("http", format!("https://{}/", greeting.addr), Code::PROBE_TLS),
        ("http", "http://no-such-host.invalid/".into(), Code::PROBE_NAME),
        ("http", "http://169.254.169.254/latest/meta-data".into(), Code::STORE_GUARD),
        ("http", "http://0xa9fea9fe/".into(), Code::STORE_GUARD),
        ("http", "gopher://x".into(), Code::PROBE_NAME),
        ("tcp", nobody.to_string(), Code::PROBE_REFUSED),
        ("tcp", "no-such-host.invalid:80".into(), Code::PROBE_NAME),
        ("tcp", "169.254.169.254:80".into(), Code::STORE_GUARD),
        ("tcp", "no port".into(), Code::PROBE_NAME),
        ("tls", nobody.to_string(), Code::PROBE_REFUSED),
        ("tls", greeting.addr.to_string(), Code::PROBE_TLS),
        ("tls", "169.254.169.254:443".into(), Code::STORE_GUARD),
        ("redis", nobody.to_string(), Code::PROBE_REFUSED),
        ("redis", greeting.addr.to_string(), Code::PROBE_ANSWER),
        ("redis", "169.254.169.254:6379".into(), Code::STORE_GUARD),
        ("prometheus", format!("http://{nobody}/metrics"), Code::PROBE_VALUE),
        ("postgres", "no table".into(), Code::PROBE_VALUE),
        ("carrier pigeon", "db.example".into(), Code::PROBE_UNSUPPORTED),
    ];
    for (kind, target, code) in table {
        let problem = ask(&probe(kind, json!(target), json!({}))).await.unwrap_err();
        assert_eq!(problem.code, code, "{kind} {target}: {problem}");
    }
    let hung = probe("http", json!(hanging.url()), json!({}));
    let problem = prober().ask(&hung, Dur::millis(150)).await.unwrap_err();
    assert_eq!(problem.code, Code::PROBE_TIMEOUT, "{problem}");
    let secret = probe("http", json!(format!("http://me:hunter2@{nobody}/?token=abc")), json!({}));
    let problem = ask(&secret).await.unwrap_err().to_string();
    assert!(!problem.contains("hunter2") && !problem.contains("abc"), "{problem}");
}

#[tokio::test]
async fn a_port_that_opens_holds() {
    let server = Server::hanging().await;
    let reading = ask(&probe("tcp", json!(server.addr.to_string()), json!({}))).await.unwrap();
    assert!(reading.holds);
    assert_eq!(words(&reading), "connected");
}

#[tokio::test]
async fn an_object_is_as_old_as_it_was_stored() {
    let dir = tempfile::tempdir().unwrap();
    let put = |key: &str, age: u64| {
        let path = dir.path().join(key);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, "12345").unwrap();
        let stored = std::time::SystemTime::now() - std::time::Duration::from_secs(age);
        std::fs::File::options().write(true).open(path).unwrap().set_modified(stored).unwrap();
    };
    put("pg/a.sql.gz", 7_200);
    put("pg/b.sql.gz", 3_600);
    put("pg/note.txt", 10);
    let store = json!({"id": "fra", "url": format!("file://{}", dir.path().display())});
    let store: Store = serde_json::from_value(store).unwrap();
    let prober = prober().with_stores(&[store]);
    let ask = async |target: serde_json::Value, rest| {
        prober.ask(&probe("object", target, rest), Dur::secs(20)).await
    };
    let newest = json!({"store": "fra", "path": "pg", "match": "*.gz"});
    let reading = ask(newest.clone(), json!({"expect": {"max": 4_000}})).await.unwrap();
    assert!(reading.holds && reading.value.is_some_and(|s| (3_600.0..3_700.0).contains(&s)), "{reading:?}");
    assert!(reading.detail.starts_with("pg/b.sql.gz, 1h"), "{reading:?}");
    let reading = ask(newest, json!({"expect": {"max": 60}})).await.unwrap();
    assert!(!reading.holds && reading.detail.contains("at most 60"), "{reading:?}");
    let one = json!({"store": "fra", "path": "pg/a.sql.gz"});
    let reading = ask(one, json!({"value": "size_bytes", "as_of": "stored_at"})).await.unwrap();
    assert!(reading.value == Some(5.0) && reading.as_of.is_some(), "{reading:?}");
    for absent in
        [json!({"store": "fra", "path": "pg/c"}), json!({"store": "fra", "path": "pg", "match": "*.zst"})]
    {
        let reading = ask(absent, json!({})).await.unwrap();
        assert!(!reading.holds && reading.detail == "there is no such object", "{reading:?}");
    }
    let elsewhere = ask(json!({"store": "ams", "path": "x"}), json!({})).await.unwrap_err();
    assert_eq!(elsewhere.code, Code::STORE_MISSING, "{elsewhere}");
}

#[tokio::test]
async fn a_program_answers_by_how_it_ends() {
    let dir = tempfile::tempdir().unwrap();
    let prober = Prober::new(Http::new(), Secrets::new(dir.path(), []));
    let ask = async |script: &str, rest: serde_json::Value| {
        let probe = probe("command", json!(["/bin/sh", "-c", script]), rest);
        prober.ask(&probe, Dur::secs(20)).await
    };
    assert!(ask("true", json!({})).await.unwrap().holds);
    let reading = ask("echo 'not yet\\033[2J' >&2; exit 1", json!({})).await.unwrap();
    assert!(!reading.holds && reading.detail.starts_with("it ended with 1: not yet"), "{reading:?}");
    assert!(!reading.detail.contains('\u{1b}'));
    let reading = ask("echo '{\"lag\": 2500}'", json!({"value": "/lag", "unit": "ms"})).await.unwrap();
    assert_eq!(reading.value, Some(2.5));
    assert_eq!(ask("exit 3", json!({})).await.unwrap_err().code, Code::PROBE_ANSWER);
    let slow = probe("command", json!(["/bin/sh", "-c", "exec tail -f /dev/null"]), json!({}));
    assert_eq!(prober.ask(&slow, Dur::millis(200)).await.unwrap_err().code, Code::PROBE_TIMEOUT);
    let absent = probe("command", json!(["./not-there"]), json!({}));
    assert_eq!(prober.ask(&absent, Dur::secs(1)).await.unwrap_err().code, Code::PROBE_ANSWER);
}

#[tokio::test]
async fn a_metric_is_read_from_a_page_and_by_a_query() {
    let page = "# TYPE lag_seconds gauge\nlag_seconds{region=\"eu\"} 2.5 1795311000250\n";
    let server = Server::answering("200 OK", "text/plain", page).await;
    let found =
        ask(&probe("prometheus", json!(server.url()), json!({"value": "lag_seconds", "unit": "s"}))).await;
    let reading = found.unwrap();
    assert_eq!(
        (reading.value, reading.as_of.map(|t| t.timestamp_millis())),
        (Some(2.5), Some(1_795_311_000_250))
    );
    let body = r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1795311000,"7"]}]}}"#;
    let server = Server::answering("200 OK", "application/json", body).await;
    let target = json!({"url": server.url(), "query": "max(lag)"});
    let reading = ask(&probe("prometheus", target.clone(), json!({}))).await.unwrap();
    assert_eq!(reading.value, Some(7.0));
    let reading = ask(&probe("prometheus", target, json!({"expect": {"max": 5}}))).await.unwrap();
    assert!(!reading.holds && reading.detail.contains("at most 5"), "{reading:?}");
}

#[test]
fn all_kinds_of_the_reference_are_known() {
    let ids: Vec<_> = PROBES.iter().map(|p| p.id).collect();
    let all = ["http", "tcp", "tls", "dns", "postgres", "redis", "prometheus", "object", "command"];
    assert_eq!(ids, all);
}
