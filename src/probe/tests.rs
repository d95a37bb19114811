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
        ("tls", "db.example:443".into(), Code::PROBE_UNSUPPORTED),
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

#[test]
fn all_kinds_of_the_reference_are_known() {
    let ids: Vec<_> = PROBES.iter().map(|p| p.id).collect();
    let all = ["http", "tcp", "tls", "dns", "postgres", "redis", "prometheus", "object", "command"];
    assert_eq!(ids, all);
}
