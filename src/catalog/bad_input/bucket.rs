//! A bucket in memory whose answers a test may spoil: S3's listing and reading,
//! as much of them as readers use.

use std::{collections::BTreeMap, fmt::Write, sync::Arc};

use tokio::io::AsyncWriteExt;

use crate::net::testing::Server;

/// `Some`: a status line with which reading this key is answered.
pub type Refuse = Arc<dyn Fn(&[u8]) -> Option<&'static str> + Send + Sync>;

pub type Objects = BTreeMap<Vec<u8>, Vec<u8>>;

const PAGE: usize = 1_000;
const STORED: &str = "2026-11-21T12:00:00.000Z";

/// Serves it as the bucket `backups`.
pub async fn serve(objects: Objects, refuse: Refuse) -> Server {
    let objects = Arc::new(objects);
    Server::raw(move |mut stream, request| {
        let (objects, refuse) = (Arc::clone(&objects), Arc::clone(&refuse));
        async move {
            let _ = stream.write_all(&answer(&objects, &refuse, &request)).await;
            let _ = stream.shutdown().await;
        }
    })
    .await
}

fn answer(objects: &Objects, refuse: &Refuse, request: &str) -> Vec<u8> {
    let target = request.split(' ').nth(1).unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    if query.contains("list-type=2") {
        return reply("200 OK", "", list(objects, query).as_bytes());
    }
    let key = decode(path.strip_prefix("/backups/").unwrap_or_default());
    match (refuse(&key), objects.get(&key)) {
        (Some(status), _) => reply(status, "", error(status).as_bytes()),
        (None, None) => reply("404 Not Found", "", error("404 NoSuchKey").as_bytes()),
        (None, Some(bytes)) => read(bytes, request),
    }
}

fn error(status: &str) -> String {
    let code = if status.starts_with("403") { "AccessDenied" } else { "NoSuchKey" };
    format!("<Error><Code>{code}</Code><Message>no</Message></Error>")
}

fn read(bytes: &[u8], request: &str) -> Vec<u8> {
    let range = request
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("range: bytes=").map(str::to_owned));
    let ends =
        range.as_deref().and_then(|r| r.trim().split_once('-').map(|(a, b)| (a.to_owned(), b.to_owned())));
    let Some((from, to)) = ends.and_then(|(a, b)| Some((a.parse::<usize>().ok()?, b.parse::<usize>().ok()?)))
    else {
        return reply("200 OK", "", bytes);
    };
    let to = (to + 1).min(bytes.len());
    match bytes.get(from..to) {
        Some(part) => {
            let head = format!("Content-Range: bytes {from}-{}/{}\r\n", to - 1, bytes.len());
            reply("206 Partial Content", &head, part)
        }
        None => reply("416 Range Not Satisfiable", "", b""),
    }
}

fn reply(status: &str, more: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nETag: \"{}\"\r\nLast-Modified: Sat, 21 Nov 2026 12:00:00 GMT\r\n\
         {more}Connection: close\r\n\r\n",
        body.len(),
        body.len()
    );
    [head.as_bytes(), body].concat()
}

fn list(objects: &Objects, query: &str) -> String {
    let given = |name: &str| {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(own, _)| *own == name).map(|(_, value)| decode(value)).unwrap_or_default()
    };
    let (prefix, delimited) = (given("prefix"), !given("delimiter").is_empty());
    let token = hex::decode(given("continuation-token")).unwrap_or_default();
    let after = given("start-after").max(token);
    let (mut rows, mut count, mut last) = (String::new(), 0, Vec::new());
    let mut truncated = false;
    for (key, bytes) in objects.range(prefix.clone()..).take_while(|(key, _)| key.starts_with(&prefix)) {
        let folder = key[prefix.len()..].iter().position(|b| *b == b'/').filter(|_| delimited);
        let shown = folder.map_or(&key[..], |at| &key[..=prefix.len() + at]);
        if *shown <= *after || shown == last {
            continue;
        }
        if count == PAGE {
            truncated = true;
            break;
        }
        count += 1;
        last = shown.to_vec();
        let name = encode(shown);
        let _ = match folder {
            Some(_) => write!(rows, "<CommonPrefixes><Prefix>{name}</Prefix></CommonPrefixes>"),
            None => write!(
                rows,
                "<Contents><Key>{name}</Key><LastModified>{STORED}</LastModified><ETag>\"{0}\"</ETag>\
                 <Size>{0}</Size></Contents>",
                bytes.len()
            ),
        };
    }
    let next = format!("<NextContinuationToken>{}</NextContinuationToken>", hex::encode(&last));
    let next = if truncated { &*next } else { "" };
    format!(
        "<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>{truncated}</IsTruncated>{next}{rows}\
         </ListBucketResult>"
    )
}

fn encode(key: &[u8]) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'/');
    key.iter().map(|b| if plain(*b) { char::from(*b).to_string() } else { format!("%{b:02X}") }).collect()
}

fn decode(text: &str) -> Vec<u8> {
    let mut bytes = text.bytes();
    let mut out = Vec::new();
    while let Some(byte) = bytes.next() {
        let hex = |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16)).unwrap_or_default() as u8;
        out.push(if byte == b'%' { hex(bytes.next()) << 4 | hex(bytes.next()) } else { byte });
    }
    out
}
