use std::{path::Path, time::Duration};

use lifeboat_core::model::{Code, Dur, Problem};

use super::*;
use crate::net::testing::{Server, nobody, s3_repo, secrets, store, work};

async fn keys(repo: &Repo, prefix: &str, options: ListOptions) -> Result<Vec<String>, Problem> {
    let work = work();
    let mut listing = repo.list(prefix, options);
    let mut all = Vec::new();
    while let Some(page) = listing.page(&work).await? {
        all.extend(page.entries().map(|e| show(e.key)));
        all.extend(page.prefixes().map(show));
    }
    Ok(all)
}

async fn list_problem(endpoint: String) -> Problem {
    keys(&s3_repo(endpoint).await, "", ListOptions::flat()).await.unwrap_err()
}

#[tokio::test]
async fn every_way_of_failing_has_its_own_code() {
    let page = "<?xml version=\"1.0\"?><ListBucketResult><Contents><Key>a</Key><Size>1</Size></Contents>";
    let error = |code: &str| format!("<Error><Code>{code}</Code><Message>no</Message></Error>");
    let xml = "application/xml";
    let half_body = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{page}", page.len() + 500);
    let table = [
        (Server::answering("403 Forbidden", xml, error("AccessDenied")).await, Code::STORE_DENIED),
        (Server::answering("401 Unauthorized", "text/plain", "who are you").await, Code::STORE_DENIED),
        (Server::answering("404 Not Found", xml, error("NoSuchBucket")).await, Code::STORE_MISSING),
        (
            Server::answering("500 Internal Server Error", xml, error("InternalError")).await,
            Code::STORE_SERVER,
        ),
        (Server::answering("503 Slow Down", xml, error("SlowDown")).await, Code::STORE_SERVER),
        (Server::answering("200 OK", "text/html", "<html>Sign in</html>").await, Code::STORE_GARBLED),
        (Server::answering("200 OK", "application/json", "{}").await, Code::STORE_GARBLED),
        (Server::answering("302 Found", "text/html", "").await, Code::STORE_GARBLED),
        (Server::answering("200 OK", xml, page).await, Code::STORE_CUT),
        (Server::sending(half_body).await, Code::STORE_CUT),
        (Server::sending("").await, Code::STORE_CUT),
        (Server::sending("SSH-2.0-OpenSSH_9.2\r\n").await, Code::STORE_GARBLED),
    ];
    for (server, code) in table {
        let problem = list_problem(server.url()).await;
        assert_eq!(problem.code, code, "{problem}");
        assert_eq!(problem.subject, "fra");
        assert!(!problem.to_string().contains("SK"), "no secret in {problem}");
    }
    let refused = list_problem(format!("http://{}", nobody().await)).await;
    assert_eq!(refused.code, Code::STORE_REFUSED, "{refused}");
    let name = list_problem("http://no-such-host.invalid".to_owned()).await;
    assert_eq!(name.code, Code::STORE_NAME, "{name}");
    let plain = Server::greeting("220 mail.example ESMTP\r\n").await;
    let tls = list_problem(format!("https://{}", plain.addr)).await;
    assert_eq!(tls.code, Code::STORE_TLS, "{tls}");
    let guard = list_problem("http://169.254.169.254".to_owned()).await;
    assert_eq!(guard.code, Code::STORE_GUARD, "{guard}");
    let mapped = list_problem("http://[::ffff:a9fe:a9fe]".to_owned()).await;
    assert_eq!(mapped.code, Code::STORE_GUARD, "{mapped}");
}

#[tokio::test]
async fn a_store_that_never_answers_is_given_up_within_the_deadline() {
    let server = Server::hanging().await;
    let repo = s3_repo(server.url()).await;
    let mut work = work();
    work.deadline = Dur::millis(200);
    // the outer limit only keeps a failing test from hanging
    let page = tokio::time::timeout(Duration::from_secs(60), async {
        repo.list("", ListOptions::flat()).page(&work).await
    });
    let problem = page.await.expect("it hangs").unwrap_err();
    assert_eq!(problem.code, Code::STORE_TIMEOUT, "{problem}");
    assert!(problem.retryable);

    let stopped = work_cancelled();
    let problem = repo.list("", ListOptions::flat()).page(&stopped).await.unwrap_err();
    assert_eq!(problem.code, Code::STORE_TIMEOUT, "{problem}");
}

fn work_cancelled() -> Work {
    let work = work();
    work.cancel.cancel();
    work
}

#[tokio::test]
async fn an_empty_bucket_is_empty_and_not_an_error() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("backups")).unwrap();
    let server = Server::s3(dir.path()).await;
    let repo = s3_repo(server.url()).await;
    assert_eq!(keys(&repo, "", ListOptions::flat()).await, Ok(vec![]));
    assert_eq!(repo.head(b"a", &work()).await, Ok(None));
    assert!(repo.get_if_there(b"a", 10, &work()).await.unwrap().is_none());

    let missing =
        open(&store("s3://elsewhere", Some(server.url())), &Http::new(), &secrets(dir.path())).await;
    let problem = keys(&missing.unwrap(), "", ListOptions::flat()).await.unwrap_err();
    assert_eq!(problem.code, Code::STORE_MISSING, "{problem}");
}

#[tokio::test]
async fn wrong_credentials_are_denied() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("backups")).unwrap();
    let server = Server::s3(dir.path()).await;
    let bad = secrets(dir.path())
        .with_env(|_| Some(r#"{"access_key_id":"AK","secret_access_key":"other"}"#.to_owned()));
    let repo = open(&store("s3://backups", Some(server.url())), &Http::new(), &bad).await.unwrap();
    let problem = keys(&repo, "", ListOptions::flat()).await.unwrap_err();
    assert_eq!(problem.code, Code::STORE_DENIED, "{problem}");
}

/// The same tree, through both kinds of store.
#[tokio::test]
async fn folders_and_buckets_tell_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("backups");
    for path in ["pg/a-b/1", "pg/a/2", "pg/a.b/3", "pg/ab c+d%41é", "pg/\u{1b}[2J", "other/x"] {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "0123456789").unwrap();
    }
    let server = Server::s3(dir.path()).await;
    let s3 = open(&store("s3://backups/pg", Some(server.url())), &Http::new(), &secrets(dir.path())).await;
    let url = format!("file://{}/pg", root.display());
    let file = open(&store(&url, None), &Http::new(), &secrets(dir.path())).await;
    for repo in [s3.unwrap(), file.unwrap()] {
        let flat = keys(&repo, "", ListOptions::flat()).await.unwrap();
        assert_eq!(flat, ["^[[2J", "a-b/1", "a.b/3", "a/2", "ab c+d%41é"], "{repo:?}");
        let folders = keys(&repo, "a", ListOptions::delimited()).await.unwrap();
        assert_eq!(folders, ["ab c+d%41é", "a-b/", "a.b/", "a/"], "{repo:?}");
        let after = ListOptions { start_after: Some(b"a-b/1".to_vec()), ..ListOptions::flat() };
        assert_eq!(keys(&repo, "", after).await.unwrap(), ["a.b/3", "a/2", "ab c+d%41é"]);

        let work = work();
        let whole = repo.get("ab c+d%41é".as_bytes(), None, 100, &work).await.unwrap();
        assert_eq!(&whole.bytes[..], b"0123456789");
        assert!(whole.meta.modified.is_some());
        let part = repo.get(b"a/2", Some(6..100), 100, &work).await.unwrap();
        assert_eq!(&part.bytes[..], b"6789");
        let large = repo.get(b"a/2", None, 5, &work).await.unwrap_err();
        assert_eq!(large.code, Code::STORE_CEILING, "{large}");
        assert_eq!(repo.head(b"a/2", &work).await.unwrap().unwrap().size, Some(10));
        for outside in [&b"../other/x"[..], b"a/../../other/x"] {
            assert_eq!(repo.head(outside, &work).await, Ok(None), "{}", show(outside));
        }
        assert!(work.cost().requests >= 4 && work.cost().bytes >= 14, "{:?}", work.cost());
    }
}

#[tokio::test]
async fn keys_with_double_slashes_survive_listing() {
    let object = |key: &str| format!("<Contents><Key>{key}</Key><Size>1</Size></Contents>");
    let body = format!(
        "<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>{}{}{}</ListBucketResult>",
        object("a%2F%2Fb"),
        object("a//c"),
        object("a/%1B%5D0%3B")
    );
    let server = Server::answering("200 OK", "application/xml", body).await;
    let repo = s3_repo(server.url()).await;
    assert_eq!(keys(&repo, "", ListOptions::flat()).await.unwrap(), ["a//b", "a//c", "a/^[]0;"]);
}

#[tokio::test]
async fn a_listing_that_never_ends_is_ended() {
    let body = "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>x</NextContinuationToken>\
                <Contents><Key>a</Key><Size>1</Size></Contents></ListBucketResult>";
    let server = Server::answering("200 OK", "application/xml", body).await;
    let problem = list_problem(server.url()).await;
    assert_eq!(problem.code, Code::STORE_GARBLED, "{problem}");

    let dir = tempfile::tempdir().unwrap();
    for n in 0..20 {
        std::fs::write(dir.path().join(n.to_string()), "").unwrap();
    }
    let repo = Repo::folder("fra", dir.path());
    let mut work = work();
    work.max_keys = 19;
    let problem = repo.list("", ListOptions::flat()).page(&work).await.unwrap_err();
    assert_eq!(problem.code, Code::STORE_CEILING, "{problem}");
}

#[tokio::test]
async fn pages_follow_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("backups");
    std::fs::create_dir(&root).unwrap();
    for n in 0..2_345 {
        std::fs::write(root.join(format!("{n:05}")), "").unwrap();
    }
    let server = Server::s3(dir.path()).await;
    let expected: Vec<String> = (0..2_345).map(|n| format!("{n:05}")).collect();
    for repo in [s3_repo(server.url()).await, Repo::folder("fra", &root)] {
        assert_eq!(keys(&repo, "", ListOptions::flat()).await.unwrap(), expected);
    }
}

#[tokio::test]
async fn a_folder_gives_nothing_from_outside_and_goes_on_past_what_is_denied() {
    let dir = tempfile::tempdir().unwrap();
    let (root, outside) = (dir.path().join("root"), dir.path().join("outside"));
    for path in [&root, &outside] {
        std::fs::create_dir(path).unwrap();
        std::fs::write(path.join("file"), "x").unwrap();
    }
    let link = |to: &Path, name: &str| std::os::unix::fs::symlink(to, root.join(name)).unwrap();
    link(&outside.join("file"), "leaves");
    link(&outside, "leaves-too");
    link(&root.join("file"), "stays");
    link(&root.join("gone"), "dangles");
    let repo = Repo::folder("fra", &root);
    let work = work();
    let page = repo.list("", ListOptions::flat()).page(&work).await.unwrap().unwrap();
    assert_eq!(page.entries().map(|e| show(e.key)).collect::<Vec<_>>(), ["file", "stays"]);
    let notes = work.take_notes();
    assert!(notes.iter().all(|n| n.code == Code::STORE_GUARD), "{notes:?}");
    assert_eq!(notes.len(), 2, "{notes:?}");
    for key in [&b"leaves"[..], b"leaves-too/file"] {
        assert_eq!(repo.get(key, None, 10, &work).await.unwrap_err().code, Code::STORE_GUARD);
    }
    let missing = Repo::folder("fra", dir.path().join("nowhere"));
    let problem = keys(&missing, "", ListOptions::flat()).await.unwrap_err();
    assert_eq!(problem.code, Code::STORE_MISSING, "{problem}");
    assert_eq!(keys(&repo, "no/such/", ListOptions::flat()).await, Ok(vec![]));
}

#[tokio::test]
async fn what_is_no_store_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let http = Http::new();
    for url in ["nonsense", "ftp://b", "s3://", "s3://bu cket", "gs://bu cket"] {
        let problem = open(&store(url, None), &http, &secrets(dir.path())).await.unwrap_err();
        assert_eq!(problem.code, Code::STORE_URL, "{problem}");
    }
    let with_password = store("s3://b", Some("http://me:secret@127.0.0.1".into()));
    let problem = open(&with_password, &http, &secrets(dir.path())).await.unwrap_err();
    assert_eq!(problem.code, Code::STORE_URL);
    assert!(!problem.to_string().contains("secret"), "{problem}");
    let mut no_keys = store("s3://b", None);
    no_keys.credentials = Some(lifeboat_core::model::Credentials::EnvPrefix("FRA_".into()));
    let problem = open(&no_keys, &http, &secrets(dir.path())).await.unwrap_err();
    assert_eq!(problem.code, Code::SECRET_MISSING);
}
