//! Google Cloud Storage by its JSON API: keys in the order of their bytes, and
//! a listing that begins anywhere. Format: `storage#objects`.

use std::ops::Range;

use chrono::{DateTime, Utc};
use http::{HeaderValue, header};
use lifeboat_core::model::Store;
use serde::Deserialize;
use url::Url;

use super::super::{
    show,
    wire::{Call, MAX_PAGE, Wire, class, object},
};
use super::{
    About, Cursor, Meta, Object, Page, Question,
    place::{address, base, bucket, no_dots},
};
use crate::net::{Answer, NetError, Work};

#[derive(Debug)]
pub(super) struct Gcs {
    /// `https://storage.googleapis.com/storage/v1/b/BUCKET`.
    bucket: Url,
    root: Vec<u8>,
    wire: Wire,
}

/// Where it lies, told before credentials are looked for.
pub(super) fn place(store: &Store, rest: &str) -> Result<(Url, Vec<u8>), String> {
    let (name, root) = bucket(rest)?;
    let endpoint = store.endpoint.as_deref().unwrap_or("https://storage.googleapis.com");
    let url = base(&format!("{}/storage/v1/b/{name}", endpoint.trim_end_matches('/')))?;
    Ok((url, root))
}

#[derive(Deserialize)]
struct Listed {
    /// Says that this is a listing: an empty bucket's has nothing else.
    kind: String,
    #[serde(default)]
    items: Vec<Item>,
    #[serde(default)]
    prefixes: Vec<String>,
    #[serde(rename = "nextPageToken")]
    next: Option<String>,
}

#[derive(Deserialize)]
struct Item {
    name: Option<String>,
    /// As text, since JSON's numbers end at 2^53.
    size: Option<String>,
    updated: Option<DateTime<Utc>>,
    etag: Option<String>,
}

/// A page, keys without the leading `root`, and the token of the next.
pub(super) fn parse_list(body: &[u8], root: &[u8]) -> Result<(Page, Option<String>), NetError> {
    let other =
        || NetError::Garbled(format!("it answered no listing, but {:?}", show(&body[..body.len().min(40)])));
    let listed: Listed =
        serde_json::from_slice(body).map_err(|e| match e.is_eof() && body.starts_with(b"{") {
            true => NetError::Cut("the listing ends in the middle".to_owned()),
            false => other(),
        })?;
    if listed.kind != "storage#objects" {
        return Err(other());
    }
    let mut page = Page::default();
    for item in &listed.items {
        let Some(name) = &item.name else {
            return Err(NetError::Garbled("its listing has an object without a name".to_owned()));
        };
        let size = item.size.as_deref().and_then(|n| n.parse().ok()).unwrap_or(0);
        let etag = item.etag.as_deref().unwrap_or_default();
        page.push(name.as_bytes(), etag.as_bytes(), size, item.updated.map(|t| t.timestamp_millis()));
    }
    for prefix in &listed.prefixes {
        page.push_prefix(prefix.as_bytes());
    }
    page.strip_root(root);
    Ok((page, listed.next.filter(|t| !t.is_empty())))
}

impl Gcs {
    pub(super) fn new((bucket, root): (Url, Vec<u8>), wire: Wire) -> Self {
        Self { bucket, root, wire }
    }

    fn object_url(&self, key: &[u8], query: &[(&str, &[u8])]) -> Result<Url, NetError> {
        let full = [&*self.root, key].concat();
        if matches!(&*full, b"." | b"..") {
            no_dots(&full)?;
        }
        // slashes are encoded as well: the whole key is one part of the path
        let objects = address(&self.bucket, b"o", true, &[])?;
        address(&objects, &full, false, query)
    }

    pub(super) async fn list_page(
        &self,
        prefix: &[u8],
        delimited: bool,
        start_after: Option<&[u8]>,
        cursor: &Cursor,
        work: &Work,
    ) -> Result<(Page, Option<String>), NetError> {
        let full = [&*self.root, prefix].concat();
        let start = start_after.map(|after| [&*self.root, after].concat());
        let fields = b"kind,items(name,size,updated,etag),prefixes,nextPageToken";
        let mut query: Vec<(&str, &[u8])> = vec![("maxResults", b"1000"), ("fields", fields)];
        if delimited {
            query.push(("delimiter", b"/"));
        }
        if !full.is_empty() {
            query.push(("prefix", &full));
        }
        if let Some(start) = &start {
            query.push(("startOffset", start));
        }
        if let Some(token) = &cursor.token {
            query.push(("pageToken", token.as_bytes()));
        }
        let call = Call::get(address(&self.bucket, b"o", true, &query)?, MAX_PAGE);
        let answer = self.wire.ask(&call, told, work).await?;
        let (mut page, next) = parse_list(&answer.whole_body(MAX_PAGE as u64)?, &self.root)?;
        // an offset is where it begins, itself included
        if let Some(after) = start_after {
            page.keep_after(after);
        }
        Ok((page, next))
    }

    pub(super) async fn get(
        &self,
        key: &[u8],
        range: Option<Range<u64>>,
        max: u64,
        work: &Work,
    ) -> Result<Object, NetError> {
        // without it, what is stored compressed is sent decompressed: other
        // bytes than were listed, and ranges of none
        let call = Call::get(self.object_url(key, &[("alt", b"media")])?, 0)
            .with(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"))
            .ranged(range.as_ref(), max);
        object(self.wire.ask(&call, told, work).await?, range.as_ref(), max)
    }

    pub(super) async fn head(&self, key: &[u8], work: &Work) -> Result<Meta, NetError> {
        let url = self.object_url(key, &[("fields", b"name,size,updated,etag")])?;
        let answer = self.wire.ask(&Call::get(url, MAX_PAGE), told, work).await?;
        let item: Item = serde_json::from_slice(&answer.body).map_err(|_| {
            NetError::Garbled("it answered something else than the object's record".to_owned())
        })?;
        let size = item.size.and_then(|n| n.parse().ok());
        Ok(Meta { size, modified: item.updated, etag: item.etag, replication: None })
    }

    pub(super) async fn question(&self, question: &Question<'_>, work: &Work) -> Result<Answer, NetError> {
        let url = match question.about {
            About::Service | About::Bucket => address(&self.bucket, b"", true, question.query)?,
            About::Below(what) => address(&self.bucket, what.as_bytes(), true, question.query)?,
            About::Key(key) => self.object_url(key, question.query)?,
        };
        self.wire.answer(&Call::new(question.method.clone(), url, question.max_body), work).await
    }
}

/// `{"error": {"code": 403, "message": "…"}}`, or words.
pub(in crate::net::store) fn said(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Outer {
        error: Inner,
    }
    #[derive(Deserialize)]
    struct Inner {
        message: String,
    }
    let outer: Outer = serde_json::from_slice(body).ok()?;
    Some(show(outer.error.message.as_bytes()).chars().take(300).collect())
}

fn told(answer: &Answer) -> NetError {
    let line = answer.status_line();
    class(answer, said(&answer.body).map_or_else(|| line.clone(), |said| format!("{line}, {said}")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_page_gives_keys_sizes_times_and_the_next_token() {
        let body = r#"{"kind":"storage#objects","nextPageToken":"tok","prefixes":["pg/dir/"],
            "items":[{"name":"pg/a//b\u001b","size":"9007199254740993","updated":"2026-11-22T01:30:00.250Z","etag":"CJ="},
                     {"name":"elsewhere"}]}"#;
        let (page, next) = parse_list(body.as_bytes(), b"pg/").unwrap();
        let only: Vec<_> = page.entries().map(|e| (show(e.key), e.size, e.modified_ms())).collect();
        assert_eq!(only, [("a//b^[".to_owned(), 9_007_199_254_740_993, Some(1_795_311_000_250))]);
        assert_eq!((page.prefixes().count(), next.as_deref()), (1, Some("tok")));
        assert!(parse_list(br#"{"kind":"storage#objects"}"#, b"").unwrap().0.is_empty());
        assert!(matches!(parse_list(&body.as_bytes()[..80], b""), Err(NetError::Cut(_))));
        for other in
            ["<html>Sign in</html>", "", "[]", "{}", r#"{"kind":"storage#objects","items":[{"size":"1"}]}"#]
        {
            assert!(matches!(parse_list(other.as_bytes(), b""), Err(NetError::Garbled(_))), "{other}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(body: Vec<u8>, text in "[{}\\[\\]\":,a-z0-9]{0,80}") {
            let _ = parse_list(&body, b"");
            let _ = parse_list(text.as_bytes(), b"r/");
            let _ = said(text.as_bytes());
        }
    }
}
