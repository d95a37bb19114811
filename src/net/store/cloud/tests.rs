use std::{collections::BTreeMap, path::Path, sync::Arc};

use lifeboat_core::model::{Code, Credentials, SecretRef};
use tokio::io::AsyncWriteExt;

use super::super::{ListOptions, Repo, open, show};
use crate::net::{
    Http, Secrets,
    testing::{Server, store, work},
};

/// Opened with what `KEYS` holds.
async fn repo(url: &str, endpoint: Option<String>, keys: &'static str) -> Repo {
    let secrets = Secrets::new(Path::new("/nonexistent"), [])
        .with_env(move |name| (name == "KEYS").then(|| keys.to_owned()));
    open(&store(url, endpoint), &Http::new(), &secrets).await.unwrap()
}

async fn keys(repo: &Repo, prefix: &str, options: ListOptions) -> Vec<String> {
    let work = work();
    let mut listing = repo.list(prefix, options);
    let mut all = Vec::new();
    while let Some(page) = listing.page(&work).await.unwrap() {
        all.extend(page.entries().map(|e| show(e.key)));
        all.extend(page.prefixes().map(show));
    }
    all
}

fn http(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head =
        format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

// ---- a small Google ---------------------------------------------------------

/// Two objects a page, so that tokens are followed; the token is the next key.
fn google(objects: &BTreeMap<String, Vec<u8>>, request: &str) -> Vec<u8> {
    let target = request.split(' ').nth(1).unwrap();
    let asked = url::Url::parse(&format!("http://x{target}")).unwrap();
    let one = |name: &str| asked.query_pairs().find(|(n, _)| n == name).map(|(_, v)| v.into_owned());
    let lower = request.to_ascii_lowercase();
    if !lower.contains("authorization: bearer tok-1\r\n") {
        return http("401 Unauthorized", "", br#"{"error":{"code":401,"message":"Invalid Credentials"}}"#);
    }
    let item = |name: &str, bytes: &[u8]| serde_json::json!({"name": name, "size": bytes.len().to_string(), "updated": "2026-11-22T01:30:00Z", "etag": "CJ="});
    let missing = || http("404 Not Found", "", br#"{"error":{"code":404,"message":"No such object"}}"#);
    if let Some(path) = asked.path().strip_prefix("/storage/v1/b/backups/o/") {
        let name = String::from_utf8(super::super::key::percent_decode(path.as_bytes())).unwrap();
        let Some(bytes) = objects.get(&name) else { return missing() };
        if one("alt").is_none() {
            return http("200 OK", "", item(&name, bytes).to_string().as_bytes());
        }
        assert!(lower.contains("accept-encoding: gzip\r\n"), "else it is sent decompressed");
        let Some(range) = lower.split("range: bytes=").nth(1) else { return http("200 OK", "", bytes) };
        let (from, to) = range.split_once("\r\n").unwrap().0.split_once('-').unwrap();
        let (from, to) = (from.parse::<usize>().unwrap(), to.parse::<usize>().unwrap().min(bytes.len() - 1));
        let headers = format!("Content-Range: bytes {from}-{to}/{}\r\n", bytes.len());
        return http("206 Partial Content", &headers, &bytes[from..=to]);
    }
    if asked.path() != "/storage/v1/b/backups/o" {
        return missing();
    }
    let (prefix, from) = (one("prefix").unwrap_or_default(), one("startOffset").unwrap_or_default());
    let token = one("pageToken").unwrap_or_default();
    let (mut items, mut prefixes, mut next) = (Vec::new(), Vec::<String>::new(), None);
    for (name, bytes) in objects {
        let folder = one("delimiter").and_then(|d| name.strip_prefix(&prefix)?.split_once(&d));
        let shown = folder.map_or_else(|| name.clone(), |(f, _)| format!("{prefix}{f}/"));
        if !name.starts_with(&prefix) || *name < from || shown < token || prefixes.contains(&shown) {
            continue;
        }
        if items.len() + prefixes.len() == 2 {
            next = Some(shown);
            break;
        }
        if folder.is_some() { prefixes.push(shown) } else { items.push(item(name, bytes)) }
    }
    let body = serde_json::json!({"kind": "storage#objects", "items": items, "prefixes": prefixes, "nextPageToken": next});
    http("200 OK", "Content-Type: application/json\r\n", body.to_string().as_bytes())
}

#[tokio::test]
async fn google_is_listed_and_read_page_by_page() {
    let names = ["pg/a//b", "pg/a-b/1", "pg/a.b/3", "pg/a/2", "pg/é \u{1b}[2J+%41", "other"];
    let objects: BTreeMap<_, _> = names.map(|n| (n.to_owned(), b"0123456789".to_vec())).into();
    let objects = Arc::new(objects);
    let server = Server::raw(move |mut stream, request| {
        let objects = Arc::clone(&objects);
        async move {
            let _ = stream.write_all(&google(&objects, &request)).await;
        }
    })
    .await;
    let gcs = repo("gs://backups/pg", Some(server.url()), "tok-1").await;
    assert!(gcs.is_seekable());
    let all = ["a-b/1", "a.b/3", "a//b", "a/2", "é ^[[2J+%41"];
    assert_eq!(keys(&gcs, "", ListOptions::flat()).await, all);
    let folders = keys(&gcs, "", ListOptions::delimited()).await;
    assert_eq!(folders, ["a-b/", "a.b/", "é ^[[2J+%41", "a/"], "of each page entries, then folders");
    let after = ListOptions { start_after: Some(b"a.b/3".to_vec()), ..ListOptions::flat() };
    assert_eq!(keys(&gcs, "", after).await, all[2..]);

    let work = work();
    let key = "é \u{1b}[2J+%41".as_bytes();
    assert_eq!(&gcs.get(key, None, 100, &work).await.unwrap().bytes[..], b"0123456789");
    let part = gcs.get(b"a//b", Some(6..100), 100, &work).await.unwrap();
    assert_eq!((&part.bytes[..], part.meta.size), (&b"6789"[..], Some(10)));
    assert_eq!(gcs.get(key, None, 5, &work).await.unwrap_err().code, Code::STORE_CEILING);
    assert_eq!(gcs.head(key, &work).await.unwrap().unwrap().size, Some(10));
    assert_eq!(gcs.head(b"none", &work).await, Ok(None));

    let other = repo("gs://backups", Some(server.url()), "tok-2").await;
    let problem = other.list("", ListOptions::flat()).page(&work).await.unwrap_err();
    assert_eq!(problem.code, Code::STORE_DENIED, "{problem}");
    assert!(!problem.to_string().contains("tok-2"), "{problem}");
}

// ---- what never ends, and what lies -----------------------------------------

#[tokio::test]
async fn listings_that_never_end_or_go_back_are_ended() {
    let azure = |name: &str| {
        format!(
            "<EnumerationResults><Blobs><Blob><Name>{name}</Name></Blob></Blobs><NextMarker>m</NextMarker></EnumerationResults>"
        )
    };
    let two = "<EnumerationResults><Blobs><Blob><Name>b</Name></Blob><Blob><Name>a</Name></Blob></Blobs></EnumerationResults>";
    let xml = "application/xml";
    let json = r#"{"kind":"storage#objects","items":[{"name":"a","size":"1"}],"nextPageToken":"t"}"#;
    let table = [
        ("az://backups", Server::answering("200 OK", xml, azure("a")).await),
        ("az://backups", Server::answering("200 OK", xml, two).await),
        ("gs://backups", Server::answering("200 OK", "application/json", json).await),
        ("gs://backups", Server::answering("200 OK", "application/json", "{}").await),
        ("az://backups", Server::answering("200 OK", "text/html", "<html>Sign in</html>").await),
        ("gs://backups", Server::answering("302 Found", "text/html", "").await),
    ];
    for (url, server) in table {
        let endpoint = if url.starts_with("az") { format!("{}/acct", server.url()) } else { server.url() };
        let repo = repo(url, Some(endpoint), "sig=a").await;
        let work = work();
        let mut listing = repo.list("", ListOptions::flat());
        let problem = loop {
            match listing.page(&work).await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("it ended as if all were well"),
                Err(problem) => break problem,
            }
        };
        assert_eq!(problem.code, Code::STORE_GARBLED, "{problem}");
        assert!(work.cost().requests <= 3, "{:?}", work.cost());
    }
}

#[tokio::test]
async fn every_way_of_failing_has_its_own_code_for_every_kind() {
    let azure = "<?xml version=\"1.0\"?><Error><Code>AuthenticationFailed</Code><Message>Server failed.\nRequestId:1</Message></Error>";
    for (status, code) in [
        ("401 Unauthorized", Code::STORE_DENIED),
        ("403 Forbidden", Code::STORE_DENIED),
        ("404 Not Found", Code::STORE_MISSING),
        ("500 Internal Server Error", Code::STORE_SERVER),
        ("302 Found", Code::STORE_GARBLED),
    ] {
        let server = Server::answering(status, "application/xml", azure).await;
        let dav = format!("{}/dav", server.url());
        let account = format!("{}/acct", server.url());
        let table = [
            ("gs://backups", Some(server.url()), "tok"),
            ("az://backups", Some(account), "sig=s3cret"),
            (&*dav, None, "me:s3cret"),
        ];
        for (url, endpoint, with) in table {
            let repo = repo(url, endpoint, with).await;
            let problem = repo.list("", ListOptions::flat()).page(&work()).await.unwrap_err();
            assert_eq!(problem.code, code, "{url}: {problem}");
            assert!(!problem.to_string().contains("s3cret"), "{problem}");
            assert!(!format!("{repo:?}").contains("s3cret"));
        }
    }
}

// ---- WebDAV -------------------------------------------------------------------

#[tokio::test]
async fn a_folder_of_webdav_is_asked_with_its_credentials_and_never_left() {
    let server = Server::raw(|mut stream, request| async move {
        let own = |names: &[&str]| {
            let one = |n: &&str| {
                let kind = if n.ends_with('/') { "<collection/>" } else { "" };
                format!("<response><href>{n}</href><propstat><prop><resourcetype>{kind}</resourcetype><getcontentlength>3</getcontentlength></prop><status>HTTP/1.1 200 OK</status></propstat></response>")
            };
            let all: String = names.iter().map(one).collect();
            http("207 Multi-Status", "", format!("<multistatus xmlns=\"DAV:\">{all}</multistatus>").as_bytes())
        };
        let lower = request.to_ascii_lowercase();
        let answer = match request.split(' ').nth(1).unwrap() {
            // bWU6cGFzcw== is me:pass
            _ if !request.contains("Basic bWU6cGFzcw==") => http("401 Unauthorized", "WWW-Authenticate: Digest realm=\"x\"\r\n", b""),
            "/dav/" if lower.contains("depth: 1\r\n") => own(&["/dav/", "/dav/z", "/dav/a%20b/", "/etc/passwd", "/dav/../up"]),
            "/dav/a%20b/" => own(&["/dav/a%20b", "/dav/a%20b/1", "/dav/a%20b/deep/x"]),
            // ranges are passed over, as rclone's S3 does
            "/dav/z" => http("200 OK", "ETag: W/\"e\"\r\nLast-Modified: Sun, 22 Nov 2026 01:30:00 GMT\r\n", b"0123456789"),
            "/dav/folder" => http("301 Moved Permanently", "Location: http://169.254.169.254/\r\n", b""),
            _ => http("404 Not Found", "", b""),
        };
        let _ = stream.write_all(&answer).await;
    })
    .await;
    let url = format!("{}/dav/", server.url());
    let dav = repo(&url, None, "me:pass").await;
    assert!(!dav.is_seekable() && !dav.appears_whole());
    assert_eq!(keys(&dav, "", ListOptions::flat()).await, ["a b/1", "z"]);
    assert_eq!(keys(&dav, "", ListOptions::delimited()).await, ["z", "a b/"], "entries, then folders");
    let work = work();
    let part = dav.get(b"z", Some(6..8), 100, &work).await.unwrap();
    assert_eq!(&part.bytes[..], b"67");
    assert_eq!(dav.get(b"z", None, 100, &work).await.unwrap().meta.etag.as_deref(), Some("e"));
    for key in [&b"folder"[..], b"none", b"../etc/passwd", b"a/../../x", b"/abs"] {
        assert_eq!(dav.head(key, &work).await, Ok(None), "{}", show(key));
    }
    let other = repo(&url, None, "me:other").await;
    let problem = other.list("", ListOptions::flat()).page(&work).await.unwrap_err();
    assert_eq!(problem.code, Code::STORE_DENIED);
    assert!(problem.why.contains("Digest"), "{problem}");
}

// ---- opening --------------------------------------------------------------------

#[tokio::test]
async fn what_cannot_be_opened_says_what_is_missing() {
    let none = Secrets::new(Path::new("/nonexistent"), []).with_env(|_| None);
    let bare = |url: &str, endpoint: Option<&str>, credentials| {
        let mut store = store(url, endpoint.map(str::to_owned));
        store.credentials = credentials;
        store
    };
    let prefix = || Some(Credentials::EnvPrefix("FRA_".into()));
    let profile = || Some(Credentials::Profile("dr".into()));
    let table = [
        (bare("gs://", None, None), Code::STORE_URL, "no bucket"),
        (bare("az://backups", None, None), Code::STORE_URL, "whose account"),
        (bare("https://me:s3cret@dav.example/x", None, None), Code::STORE_URL, "password"),
        (bare("https://dav.example/x", Some("https://other.example"), None), Code::STORE_URL, "endpoint"),
        (bare("gs://b", None, prefix()), Code::SECRET_MISSING, "FRA_ACCESS_TOKEN"),
        (bare("az://b", Some("https://a.example"), prefix()), Code::SECRET_MISSING, "FRA_STORAGE_KEY"),
        (bare("https://dav.example", None, prefix()), Code::SECRET_MISSING, "FRA_USER"),
        (bare("gs://b", None, profile()), Code::SECRET_MISSING, "profile"),
    ];
    for (store, code, says) in table {
        let problem = open(&store, &Http::new(), &none).await.unwrap_err();
        assert_eq!(problem.code, code, "{problem}");
        assert!(problem.why.contains(says), "{problem}");
        assert!(!problem.to_string().contains("s3cret"), "{problem}");
    }
    for public in [bare("gs://b", None, None), bare("az://b", Some("https://a.example"), None)] {
        assert!(open(&public, &Http::new(), &none).await.is_ok(), "public ones need none");
    }
}

#[tokio::test]
async fn every_way_of_giving_credentials_is_understood() {
    let given = [
        ("az://b", "bm90IGEga2V5"),
        ("az://b", "AccountName=a;AccountKey=bm90IGEga2V5;EndpointSuffix=core.windows.net"),
        ("az://b", "?sv=2023&sig=x%3D"),
        ("az://b", r#"{"account":"a","key":"bm90IGEga2V5"}"#),
        ("az://b", r#"{"accessToken":"tok","expiresOn":"2026"}"#),
        ("gs://b", "ya29.tok"),
        ("gs://b", r#"{"access_token":"ya29.tok"}"#),
        ("https://dav.example", "me:with:colons"),
        ("https://dav.example", r#"{"user":"me","password":"p"}"#),
        ("https://dav.example", r#"{"token":"t"}"#),
    ];
    for (url, keys) in given {
        let endpoint = url.starts_with("az").then(|| "https://acct.blob.core.windows.net".to_owned());
        repo(url, endpoint, keys).await;
    }
    let bad = [
        ("az://b", "not base64!"),
        ("az://b", "{}"),
        ("gs://b", "{}"),
        ("gs://b", "a\r\nb"),
        ("https://d.example", "x"),
    ];
    for (url, keys) in bad {
        let secrets = Secrets::new(Path::new("/nonexistent"), []).with_env(move |_| Some(keys.to_owned()));
        let mut store =
            store(url, url.starts_with("az").then(|| "https://acct.blob.core.windows.net".to_owned()));
        store.credentials = Some(Credentials::Reference(SecretRef::Env("KEYS".into())));
        let problem = open(&store, &Http::new(), &secrets).await.unwrap_err();
        assert_eq!(problem.code, Code::SECRET_MISSING, "{keys}: {problem}");
        assert!(
            !problem.to_string().contains("base64!") && !problem.to_string().contains("a^M"),
            "{problem}"
        );
    }
}
