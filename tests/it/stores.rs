//! Stores on Azure's emulator and on rclone's WebDAV: the same tree tells the
//! same everywhere.

use std::{fs, path::Path, process::Command};

use aws_lc_rs::hmac;
use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderMap, HeaderValue, Method};
use lifeboat::{net::store::ListOptions, probe::posture};
use lifeboat_core::model::*;
use object_store::{
    azure::{AzureAccessKey, AzureAuthorizer, AzureCredential},
    client::HttpRequestBody,
};
use serde_json::json;

use crate::servers::{self, Running, keys, repo, start, tool, work};

/// The emulator's own, known to all the world.
const ACCOUNT: &str = "devstoreaccount1";
const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
const NAMES: [&str; 6] = ["pg/a-b/1", "pg/a.b/3", "pg/a/2", "pg/ab c+d%41é", "pg/z/deep/er", "other/x"];
const FLAT: [&str; 5] = ["a-b/1", "a.b/3", "a/2", "ab c+d%41é", "z/deep/er"];

/// A PUT by another hand than the reader's.
async fn put(url: &str, headers: &[(&'static str, &'static str)], body: &'static str) {
    let credential = AzureCredential::AccessKey(AzureAccessKey::try_new(KEY).unwrap());
    let mut request = http::Request::builder().method(Method::PUT).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut request = request.body(HttpRequestBody::empty()).unwrap();
    let length = HeaderValue::from(body.len());
    request.headers_mut().insert("content-length", length);
    AzureAuthorizer::new(&credential, ACCOUNT).try_authorize(&mut request).unwrap();
    let headers: HeaderMap = std::mem::take(request.headers_mut());
    let sent = reqwest::Client::new().put(url).headers(headers).body(body).send().await.unwrap();
    assert!(sent.status().is_success(), "{url}: {}", sent.text().await.unwrap());
}

async fn azurite(dir: &Path) -> Option<Running> {
    let tool = tool("azurite/node_modules/.bin/azurite-blob")?;
    let running = start(&tool, |command, port| {
        command.args(["--silent", "--blobHost", "127.0.0.1", "--blobPort", &port.to_string()]);
        command.args(["--disableTelemetry", "--skipApiVersionCheck", "--location"]).arg(dir);
    });
    let container = format!("{}/{ACCOUNT}/backups", running.url());
    put(&format!("{container}?restype=container"), &[], "").await;
    for name in NAMES {
        let mut url = url::Url::parse(&container).unwrap();
        url.path_segments_mut().unwrap().extend(name.split('/'));
        // `+` is a blank to some and itself to others
        let url = url.as_str().replace('+', "%2B");
        put(&url, &[("x-ms-blob-type", "BlockBlob")], "0123456789").await;
    }
    Some(running)
}

/// A service SAS that may read and list, made as its documentation says.
fn sas() -> String {
    let expiry = "2099-01-01T00:00:00Z";
    let version = "2020-12-06";
    let resource = format!("/blob/{ACCOUNT}/backups");
    let text = format!("rl\n\n{expiry}\n{resource}\n\n\n\n{version}\nc\n\n\n\n\n\n\n");
    let key = hmac::Key::new(hmac::HMAC_SHA256, &BASE64_STANDARD.decode(KEY).unwrap());
    let signature = BASE64_STANDARD.encode(hmac::sign(&key, text.as_bytes()));
    let signature = signature.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    format!("?sv={version}&se={}&sr=c&sp=rl&sig={signature}", expiry.replace(':', "%3A"))
}

async fn tells_the_tree(repo: &lifeboat::net::store::Repo) {
    assert_eq!(keys(repo, "", ListOptions::flat()).await.unwrap(), FLAT, "{repo:?}");
    let folders = keys(repo, "a", ListOptions::delimited()).await.unwrap();
    assert_eq!(folders, ["ab c+d%41é", "a-b/", "a.b/", "a/"], "{repo:?}");
    let after = ListOptions { start_after: Some(b"a-b/1".to_vec()), ..ListOptions::flat() };
    assert_eq!(keys(repo, "", after).await.unwrap(), FLAT[1..]);
    let work = work();
    let whole = repo.get("ab c+d%41é".as_bytes(), None, 100, &work).await.unwrap();
    assert_eq!(&whole.bytes[..], b"0123456789");
    assert!(whole.meta.modified.is_some());
    let part = repo.get(b"a/2", Some(6..100), 100, &work).await.unwrap();
    assert_eq!((&part.bytes[..], part.meta.size), (&b"6789"[..], Some(10)));
    assert_eq!(repo.get(b"a/2", None, 5, &work).await.unwrap_err().code, Code::STORE_CEILING);
    assert_eq!(repo.head(b"a/2", &work).await.unwrap().unwrap().size, Some(10));
    assert_eq!(repo.head(b"none", &work).await, Ok(None));
    assert!(repo.get_if_there(b"../other/x", 10, &work).await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn azure_is_read_with_a_key_and_with_a_signature() {
    let dir = tempfile::tempdir().unwrap();
    let Some(server) = azurite(dir.path()).await else { return };
    let endpoint = format!("{}/{ACCOUNT}", server.url());
    let store = json!({"id": "blobs", "url": "az://backups/pg", "endpoint": endpoint, "credentials": {"env": "KEYS"}});
    let connection = format!("DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};");
    for with in [KEY, &connection, &sas()] {
        tells_the_tree(&repo(dir.path(), store.clone(), with).await.unwrap()).await;
    }
    let wrong = BASE64_STANDARD.encode("not the key");
    let denied = repo(dir.path(), store.clone(), &wrong).await.unwrap();
    let problem = keys(&denied, "", ListOptions::flat()).await.unwrap_err();
    assert_eq!(problem.code, Code::STORE_DENIED, "{problem}");
    let mut other = store.clone();
    other["url"] = json!("az://elsewhere");
    let problem =
        keys(&repo(dir.path(), other, KEY).await.unwrap(), "", ListOptions::flat()).await.unwrap_err();
    assert_eq!(problem.code, Code::STORE_MISSING, "{problem}");

    let open = repo(dir.path(), store.clone(), KEY).await.unwrap();
    let posture = posture::read(&open, &[String::new()], &work()).await.unwrap();
    assert_eq!(posture.versioning.answer, Answer::NotSet, "{posture:?}");
    assert_eq!(posture.object_lock.answer, Answer::NotSet, "{posture:?}");
    assert_eq!(posture.public.answer, Answer::NotSet, "{posture:?}");
    assert!(posture.replication.set().is_some_and(|t| t.contains("RAGRS")), "{posture:?}");
    assert_eq!(posture.location.answer, Answer::Unknown, "{posture:?}");
    assert!(posture.newest.how.contains("the newest that was met"), "{posture:?}");
    // a SAS for one container may not ask about the account
    let narrow = repo(dir.path(), store, &sas()).await.unwrap();
    let posture = posture::read(&narrow, &[String::new()], &work()).await.unwrap();
    assert_eq!(posture.access_log.answer, Answer::Unknown, "{posture:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn webdav_is_read_with_its_password() {
    let Some(tool) = tool("venv/bin/rclone") else { return };
    let dir = tempfile::tempdir().unwrap();
    for name in NAMES {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "0123456789").unwrap();
    }
    let server = start(&tool, |command, port| {
        command.args(["serve", "webdav", "--addr", &format!("127.0.0.1:{port}")]).arg(dir.path());
        command.env("RCLONE_USER", "me").env("RCLONE_PASS", "s3cret").env("RCLONE_CONFIG", "/dev/null");
    });
    let store = json!({"id": "dav", "url": format!("{}/pg/", server.url()), "credentials": {"env": "KEYS"}});
    let open = repo(dir.path(), store.clone(), "me:s3cret").await.unwrap();
    assert!(!open.is_seekable());
    tells_the_tree(&open).await;
    let denied = repo(dir.path(), store, "me:other").await.unwrap();
    let problem = keys(&denied, "", ListOptions::flat()).await.unwrap_err();
    assert_eq!(problem.code, Code::STORE_DENIED, "{problem}");
    assert!(!problem.to_string().contains("other"), "{problem}");
}

/// `ca` is heeded by every kind, and without it nothing is believed.
#[tokio::test(flavor = "multi_thread")]
async fn a_private_authority_is_trusted_by_every_kind_of_store() {
    let Some(tool) = tool("venv/bin/rclone") else { return };
    let dir = tempfile::tempdir().unwrap();
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
        ])
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout", "a.key", "-out", "a.pem"])
        .current_dir(dir.path())
        .stderr(std::process::Stdio::null())
        .status();
    if !made.is_ok_and(|status| status.success()) {
        assert_ne!(std::env::var("LIFEBOAT_LAB").as_deref(), Ok("1"), "openssl is missing");
        return;
    }
    fs::create_dir(dir.path().join("served")).unwrap();
    let server = start(&tool, |command, port| {
        command.args(["serve", "webdav", "--addr", &format!("127.0.0.1:{port}")]);
        command.args(["--cert", "a.pem", "--key", "a.key", "served"]).current_dir(dir.path());
        command.env("RCLONE_CONFIG", "/dev/null");
    });
    let address = format!("https://localhost:{}", server.port);
    let s3 = r#"{"access_key_id":"AK","secret_access_key":"SK"}"#;
    let table = [
        ("s3://backups", Some(address.clone()), s3),
        ("gs://backups", Some(address.clone()), "tok"),
        ("az://backups", Some(format!("{address}/acct")), KEY),
        (&*address, None, "me:pass"),
    ];
    for (url, endpoint, with) in table {
        for (ca, trusted) in [(Some("a.pem"), true), (None, false)] {
            let store = json!({"id": "x", "url": url, "endpoint": endpoint, "ca": ca, "credentials": {"env": "KEYS"}});
            let open = repo(dir.path(), store, with).await.unwrap();
            let listed = servers::keys(&open, "", ListOptions::flat()).await;
            // only WebDAV is really spoken there; the others get as far as an answer
            let code = listed.err().map(|p| p.code);
            assert_eq!(code != Some(Code::STORE_TLS), trusted, "{url}, {ca:?}: {code:?}");
        }
    }
}
