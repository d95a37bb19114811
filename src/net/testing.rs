//! Servers for tests: those that behave badly, and a real S3 over a folder.

use std::{
    collections::HashMap,
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex},
};

use hyper_util::rt::{TokioExecutor, TokioIo};
use lifeboat_core::model::{Credentials, SecretRef, Store};
use s3s::{auth::SimpleAuth, service::S3ServiceBuilder};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use super::{Http, Secrets, Work, store::Repo};

/// A server for as long as it is held.
pub(crate) struct Server {
    pub addr: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Hands each connection, after its request was read, to `serve`.
    pub async fn raw<F>(serve: impl Fn(TcpStream, String) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let serve = Arc::new(serve);
        let task = tokio::spawn(async move {
            let mut open = tokio::task::JoinSet::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let serve = Arc::clone(&serve);
                open.spawn(async move {
                    let mut request = Vec::new();
                    let mut chunk = [0; 4096];
                    while !request.windows(4).any(|w| w == b"\r\n\r\n") {
                        match stream.read(&mut chunk).await {
                            Ok(0) | Err(_) => return,
                            Ok(n) => request.extend_from_slice(&chunk[..n]),
                        }
                    }
                    serve(stream, String::from_utf8_lossy(&request).into_owned()).await;
                });
            }
        });
        Self { addr, task }
    }

    /// Answers every request alike.
    pub async fn answering(status: &str, kind: &str, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        let whole = [head.as_bytes(), &body].concat();
        Self::sending(whole).await
    }

    /// Sends these bytes, then closes.
    pub async fn sending(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes: Arc<[u8]> = bytes.into().into();
        Self::raw(move |mut stream, _| {
            let bytes = Arc::clone(&bytes);
            async move {
                let _ = stream.write_all(&bytes).await;
                let _ = stream.shutdown().await;
            }
        })
        .await
    }

    /// Speaks first, as a mail server does, then closes.
    pub async fn greeting(text: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.write_all(text.as_bytes()).await;
                let _ = stream.shutdown().await;
            }
        });
        Self { addr, task }
    }

    /// Accepts, reads, never answers.
    pub async fn hanging() -> Self {
        Self::raw(|stream, _| async move {
            std::future::pending::<()>().await;
            drop(stream);
        })
        .await
    }

    /// S3 over `root`, whose folders are the buckets; keys `AK` and `SK`.
    pub async fn s3(root: &Path) -> Self {
        let mut builder = S3ServiceBuilder::new(s3s_fs::FileSystem::new(root).unwrap());
        builder.set_auth(SimpleAuth::from_single("AK", "SK"));
        let service = builder.build();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
            let mut open = tokio::task::JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                let connection = server.serve_connection(TokioIo::new(socket), service.clone()).into_owned();
                open.spawn(async move {
                    let _ = connection.await;
                });
            }
        });
        Self { addr, task }
    }
}

/// S3 over keys in memory: listings in pages of a thousand, objects with tags.
/// It counts what it is asked and checks no signature.
pub(crate) struct Space {
    server: Server,
    state: Arc<Mutex<SpaceState>>,
}

#[derive(Default)]
struct SpaceState {
    /// Sorted by key.
    keys: Vec<(String, Vec<u8>)>,
    /// The query or key of each request.
    asked: Vec<String>,
}

impl Space {
    pub async fn of(keys: impl IntoIterator<Item = (String, Vec<u8>)>) -> Self {
        let mut state = SpaceState { keys: keys.into_iter().collect(), ..SpaceState::default() };
        state.keys.sort();
        let state = Arc::new(Mutex::new(state));
        let own = Arc::clone(&state);
        let server = Server::raw(move |mut stream, request| {
            let answer = own.lock().unwrap().answer(request.split(' ').nth(1).unwrap_or_default());
            async move {
                let _ = stream.write_all(&answer).await;
                let _ = stream.shutdown().await;
            }
        })
        .await;
        Self { server, state }
    }
    pub fn url(&self) -> String {
        self.server.url()
    }
    /// What was asked since this was last called.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().unwrap().asked)
    }
    pub fn put(&self, key: &str, bytes: impl Into<Vec<u8>>) {
        self.remove(key);
        let keys = &mut self.state.lock().unwrap().keys;
        let at = keys.partition_point(|(k, _)| k.as_str() < key);
        keys.insert(at, (key.to_owned(), bytes.into()));
    }
    pub fn remove(&self, key: &str) {
        self.state.lock().unwrap().keys.retain(|(k, _)| k != key);
    }
}

impl SpaceState {
    fn answer(&mut self, target: &str) -> Vec<u8> {
        let url = url::Url::parse(&format!("http://x{target}")).unwrap();
        let query: HashMap<String, String> = url.query_pairs().into_owned().collect();
        let key = url.path().trim_start_matches("/backups").trim_start_matches('/').to_owned();
        let (status, tag, body) = match query.contains_key("list-type") {
            true => {
                self.asked.push(url.query().unwrap_or_default().to_owned());
                ("200 OK", String::new(), self.page(&query).into_bytes())
            }
            false => {
                self.asked.push(key.clone());
                match self.keys.iter().find(|(k, _)| *k == key) {
                    Some((_, bytes)) => ("200 OK", tag(bytes), bytes.clone()),
                    None => {
                        ("404 Not Found", String::new(), b"<Error><Code>NoSuchKey</Code></Error>".to_vec())
                    }
                }
            }
        };
        let head = format!(
            "HTTP/1.1 {status}\r\nETag: \"{tag}\"\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        [head.into_bytes(), body].concat()
    }

    fn page(&self, query: &HashMap<String, String>) -> String {
        let get = |name: &str| query.get(name).map_or("", String::as_str);
        let (prefix, delimited) = (get("prefix"), query.contains_key("delimiter"));
        let after = get("start-after").max(get("continuation-token"));
        let mut at = self.keys.partition_point(|(k, _)| k.as_str() < prefix || k.as_str() <= after);
        let (mut items, mut count, mut last) = (String::new(), 0, "");
        while let Some((key, bytes)) =
            self.keys.get(at).filter(|(k, _)| k.starts_with(prefix) && count < 1_000)
        {
            let folder = key[prefix.len()..].find('/').filter(|_| delimited);
            let shown = |key: &str| url::form_urlencoded::byte_serialize(key.as_bytes()).collect::<String>();
            match folder {
                Some(end) => {
                    let folder = &key[..prefix.len() + end + 1];
                    at += self.keys[at..].partition_point(|(k, _)| k.starts_with(folder));
                    last = &self.keys[at - 1].0;
                    items += &format!("<CommonPrefixes><Prefix>{}</Prefix></CommonPrefixes>", shown(folder));
                }
                None => {
                    at += 1;
                    last = key;
                    items += &format!(
                        "<Contents><Key>{}</Key><LastModified>2026-11-22T01:30:00Z</LastModified>\
                         <ETag>&quot;{}&quot;</ETag><Size>{}</Size></Contents>",
                        shown(key),
                        tag(bytes),
                        bytes.len()
                    );
                }
            }
            count += 1;
        }
        let more = self.keys.get(at).is_some_and(|(k, _)| k.starts_with(prefix));
        let token = if more {
            format!("<NextContinuationToken>{last}</NextContinuationToken>")
        } else {
            String::new()
        };
        format!(
            "<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>{more}</IsTruncated>{token}{items}</ListBucketResult>"
        )
    }
}

fn tag(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex()[..16].to_owned()
}

/// An address where nothing listens.
pub(crate) async fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

/// A store as the estate would hold it.
pub(crate) fn store(url: &str, endpoint: Option<String>) -> Store {
    let store = serde_json::json!({ "id": "fra", "url": url, "endpoint": endpoint });
    let mut store: Store = serde_json::from_value(store).unwrap();
    store.credentials = Some(Credentials::Reference(SecretRef::Env("KEYS".into())));
    store
}

pub(crate) fn secrets(dir: &Path) -> Secrets {
    let keys = r#"{"access_key_id":"AK","secret_access_key":"SK"}"#;
    Secrets::new(dir, []).with_env(move |name| (name == "KEYS").then(|| keys.to_owned()))
}

pub(crate) async fn s3_repo(endpoint: impl Into<String>) -> Repo {
    let store = store("s3://backups", Some(endpoint.into()));
    super::store::open(&store, &Http::new(), &secrets(Path::new("/nonexistent"))).await.unwrap()
}

pub(crate) fn work() -> Work {
    Work::new(tokio_util::sync::CancellationToken::new())
}
