//! S3 as far as listing and reading go, over a key space made beforehand.
//! Every key's part of a page lies ready, so that a page costs a copy.

use std::{
    collections::HashMap,
    fmt::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use chrono::DateTime;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

const PAGE: usize = 1_000;
const STORED: &str = "2026-11-22T01:30:00.000Z";

/// Sorted keys and what pages say of each.
#[derive(Default)]
pub struct Content {
    names: String,
    name_ends: Vec<usize>,
    items: String,
    item_ends: Vec<usize>,
    folder: Option<PathBuf>,
}

impl Content {
    fn push(&mut self, key: &str, size: u64, tag: u64) {
        self.names.push_str(key);
        self.name_ends.push(self.names.len());
        let _ = write!(
            self.items,
            "<Contents><Key>{key}</Key><LastModified>{STORED}</LastModified>\
             <ETag>&quot;{tag:032x}&quot;</ETag><Size>{size}</Size><StorageClass>STANDARD</StorageClass></Contents>"
        );
        self.item_ends.push(self.items.len());
    }

    /// As restic and others spread packs.
    pub fn hashes(count: u64) -> Self {
        let mut content = Self::default();
        let step = u64::MAX / count;
        for n in 0..count {
            let id = n * step;
            let rest = id.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            content.push(
                &format!("data/{:02x}/{id:016x}{rest:016x}{id:016x}{rest:016x}", id >> 56),
                16_777_216,
                rest,
            );
        }
        content
    }

    pub fn minutes(count: i64) -> Self {
        let mut content = Self::default();
        for n in 0..count {
            let at = DateTime::from_timestamp(1_700_000_000 + n * 60, 0).unwrap_or_default();
            content.push(&format!("wal/{}.lz4", at.format("%Y-%m-%dT%H%M%SZ")), 16_777_216, n as u64);
        }
        content
    }

    pub fn folder(root: &Path) -> Self {
        let mut found = Vec::new();
        let mut open = vec![root.to_owned()];
        while let Some(dir) = open.pop() {
            for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    open.push(path);
                } else if let (Ok(key), Ok(meta)) = (path.strip_prefix(root), entry.metadata()) {
                    found.push((key.display().to_string(), meta.len()));
                }
            }
        }
        found.sort();
        let mut content = Self { folder: Some(root.to_owned()), ..Self::default() };
        for (key, size) in found {
            let tag = key.bytes().fold(7u64, |tag, b| tag.wrapping_mul(31).wrapping_add(u64::from(b)));
            content.push(&key, size, tag);
        }
        content
    }

    fn len(&self) -> usize {
        self.name_ends.len()
    }
    fn name(&self, n: usize) -> &str {
        let from = n.checked_sub(1).map_or(0, |before| self.name_ends[before]);
        &self.names[from..self.name_ends[n]]
    }
    fn item(&self, n: usize) -> &str {
        let from = n.checked_sub(1).map_or(0, |before| self.item_ends[before]);
        &self.items[from..self.item_ends[n]]
    }
    /// The first key for which `holds` does not.
    fn partition(&self, holds: impl Fn(&str) -> bool) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = (low + high) / 2;
            if holds(self.name(middle)) { low = middle + 1 } else { high = middle }
        }
        low
    }

    fn page(&self, query: &HashMap<String, String>) -> String {
        let get = |name: &str| query.get(name).map_or("", String::as_str);
        let (prefix, delimited) = (get("prefix"), !get("delimiter").is_empty());
        let after = get("start-after").max(get("continuation-token"));
        let max = get("max-keys").parse().unwrap_or(PAGE).min(PAGE);
        let mut at = self.partition(|key| key < prefix || (!after.is_empty() && key <= after));
        let begin = at;
        let end = self.partition(|key| key < prefix || key.starts_with(prefix));
        let (mut folders, mut count) = (String::new(), 0);
        let mut flat = String::new();
        while at < end && count < max {
            let name = self.name(at);
            match name[prefix.len()..].find('/').filter(|_| delimited) {
                Some(cut) => {
                    let folder = &name[..prefix.len() + cut + 1];
                    let _ = write!(folders, "<CommonPrefixes><Prefix>{folder}</Prefix></CommonPrefixes>");
                    at = self.partition(|key| key < folder || key.starts_with(folder));
                }
                None if delimited => {
                    flat.push_str(self.item(at));
                    at += 1;
                }
                None => {
                    at = end.min(begin + max);
                    let from = begin.checked_sub(1).map_or(0, |before| self.item_ends[before]);
                    let to = at.checked_sub(1).map_or(0, |last| self.item_ends[last]);
                    flat.push_str(&self.items[from..to]);
                    count = max;
                }
            }
            count += 1;
        }
        let token = match at < end && at > 0 {
            true => format!("<NextContinuationToken>{}</NextContinuationToken>", self.name(at - 1)),
            false => String::new(),
        };
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>backups</Name>\
             <Prefix>{prefix}</Prefix><KeyCount>{count}</KeyCount><MaxKeys>{max}</MaxKeys>\
             <EncodingType>url</EncodingType><IsTruncated>{}</IsTruncated>{token}{flat}{folders}</ListBucketResult>",
            at < end
        )
    }

    fn object(&self, key: &str) -> Option<(Vec<u8>, String)> {
        let at = self.partition(|k| k < key);
        (at < self.len() && self.name(at) == key).then_some(())?;
        let bytes = std::fs::read(self.folder.as_ref()?.join(key)).ok()?;
        let tag = self.item(at).split("&quot;").nth(1)?.to_owned();
        Some((bytes, tag))
    }
}

/// Prints its address, then answers until it is ended.
pub async fn serve(content: Content, delay: Duration) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    println!("http://{}", listener.local_addr().expect("an address"));
    let content = Arc::new(content);
    while let Ok((stream, _)) = listener.accept().await {
        let content = Arc::clone(&content);
        tokio::spawn(async move {
            let _ = stream.set_nodelay(true);
            let _ = connection(stream, &content, delay).await;
        });
    }
}

async fn connection(mut stream: TcpStream, content: &Content, delay: Duration) -> std::io::Result<()> {
    let mut had = Vec::new();
    let mut chunk = vec![0; 16 << 10];
    loop {
        let end = loop {
            match had.windows(4).position(|w| w == b"\r\n\r\n") {
                Some(at) => break at + 4,
                None => match stream.read(&mut chunk).await? {
                    0 => return Ok(()),
                    n => had.extend_from_slice(&chunk[..n]),
                },
            }
        };
        let head = String::from_utf8_lossy(&had[..end]).into_owned();
        had.drain(..end);
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        let (head, body) = answer(&head, content);
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(&body).await?;
    }
}

/// The answer's head, and its body.
fn answer(request: &str, content: &Content) -> (String, Vec<u8>) {
    let mut words = request.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let url = url::Url::parse(&format!("http://x{target}")).expect("a target");
    let query: HashMap<String, String> = url.query_pairs().into_owned().collect();
    let key = url.path().trim_start_matches("/backups").trim_matches('/').to_owned();
    let (status, more, body) = match () {
        () if query.contains_key("list-type") => ("200 OK", String::new(), content.page(&query).into_bytes()),
        () if query.contains_key("location") => {
            ("200 OK", String::new(), b"<LocationConstraint>us-east-1</LocationConstraint>".to_vec())
        }
        () if key.is_empty() => ("200 OK", String::new(), Vec::new()),
        () => match content.object(&key) {
            Some((bytes, tag)) => part(request, bytes, &tag),
            None => ("404 Not Found", String::new(), b"<Error><Code>NoSuchKey</Code></Error>".to_vec()),
        },
    };
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n{more}\r\n", body.len());
    (head, if method == "HEAD" { Vec::new() } else { body })
}

fn part(request: &str, bytes: Vec<u8>, tag: &str) -> (&'static str, String, Vec<u8>) {
    let common = format!("ETag: \"{tag}\"\r\nLast-Modified: Sun, 22 Nov 2026 01:30:00 GMT\r\n");
    let range =
        request.lines().find_map(|l| l.to_ascii_lowercase().strip_prefix("range: bytes=").map(str::to_owned));
    let Some((from, to)) = range.as_ref().and_then(|r| r.trim().split_once('-')) else {
        return ("200 OK", common, bytes);
    };
    let from = from.parse().unwrap_or(0).min(bytes.len());
    let to = to.parse().map_or(bytes.len(), |to: usize| (to + 1).min(bytes.len())).max(from);
    let told = format!("{common}Content-Range: bytes {from}-{}/{}\r\n", to.max(1) - 1, bytes.len());
    ("206 Partial Content", told, bytes[from..to].to_vec())
}
