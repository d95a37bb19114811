//! S3 and what speaks like it: ListObjectsV2, GET and HEAD over our own client,
//! signed by object_store. Its own listing is not used, since one odd key
//! (`a//b`, a control character) fails a whole page there.

use std::ops::Range;

use bytes::Bytes;
use http::{HeaderMap, Method};
use lifeboat_core::model::Store;
use object_store::aws::AwsCredential;
use url::Url;

use super::{
    About, ListOptions, Meta, Object, Page, Question,
    auth::Auth,
    key::percent_encode,
    s3xml::{PageEnd, parse_error, parse_list},
    show,
    wire::{Call, MAX_PAGE, Wire, class, meta, object},
};
use crate::net::{Answer, NetError, Work};

/// Where a bucket is.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Place {
    /// Everything before the key, `/` included.
    base: Url,
    /// Below which the store's root lies; empty or ending in `/`.
    root: Vec<u8>,
    region: String,
    shown: String,
}

impl Place {
    /// `rest` is what follows `s3://`: a bucket and perhaps a path.
    pub(super) fn of(store: &Store, rest: &str) -> Result<Self, String> {
        let (bucket, path) = rest.split_once('/').unwrap_or((rest, ""));
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if bucket.is_empty() || !bucket.chars().all(plain) {
            return Err("it names no bucket".to_owned());
        }
        let region = store.signing_region.clone();
        let region = region.or_else(|| store.region.as_ref().map(ToString::to_string));
        let region = region.unwrap_or_else(|| "us-east-1".to_owned());
        if !region.chars().all(plain) {
            return Err("its region holds characters that no region has".to_owned());
        }
        let base = match &store.endpoint {
            Some(endpoint) => format!("{}/{bucket}/", endpoint.trim_end_matches('/')),
            // a dot in a bucket's name does not match the certificate's wildcard
            None if bucket.contains('.') => format!("https://s3.{region}.amazonaws.com/{bucket}/"),
            None => format!("https://{bucket}.s3.{region}.amazonaws.com/"),
        };
        let base = Url::parse(&base).map_err(|e| format!("its endpoint is no address: {e}"))?;
        if !matches!(base.scheme(), "http" | "https") || base.query().is_some() {
            return Err("its endpoint is neither http:// nor https://".to_owned());
        }
        if !base.username().is_empty() || base.password().is_some() {
            return Err("its endpoint holds a password: use `credentials`".to_owned());
        }
        let path = path.trim_matches('/');
        let root = if path.is_empty() { Vec::new() } else { format!("{path}/").into_bytes() };
        let shown = match &store.endpoint {
            Some(endpoint) => format!("s3://{rest} at {endpoint}"),
            None => format!("s3://{rest}"),
        };
        Ok(Self { base, root, region, shown })
    }

    /// Errors: a key that no address can be made of (`a/../b` would be folded).
    fn url(&self, key: &[u8], query: &[(&str, &[u8])]) -> Result<Url, NetError> {
        let mut text = self.base.to_string();
        if key.split(|b| *b == b'/').any(|part| part == b"." || part == b"..") {
            return Err(NetError::Missing(format!("{:?} cannot be asked for over HTTP", show(key))));
        }
        percent_encode(key, true, &mut text);
        for (n, (name, value)) in query.iter().enumerate() {
            text.push(if n == 0 { '?' } else { '&' });
            text.push_str(name);
            text.push('=');
            percent_encode(value, false, &mut text);
        }
        Url::parse(&text).map_err(|e| NetError::Garbled(e.to_string()))
    }
}

/// Where a listing goes on.
#[derive(Debug, Clone, Default)]
pub(super) struct Cursor {
    token: Option<String>,
    start_after: Option<Vec<u8>>,
    /// Pages in a row that brought nothing and promised more.
    empty: u32,
}

impl Cursor {
    pub(super) fn begin(options: &ListOptions) -> Self {
        Self { start_after: options.start_after.clone(), ..Self::default() }
    }
}

#[derive(Debug)]
pub(super) struct S3 {
    place: Place,
    wire: Wire,
}

/// How requests to a place are signed; without a credential, not at all.
pub(super) fn auth(place: &Place, credential: Option<AwsCredential>) -> Auth {
    match credential {
        Some(credential) => Auth::Aws { credential: Box::new(credential), region: place.region.clone() },
        None => Auth::Nobody,
    }
}

impl S3 {
    pub(super) fn new(place: Place, wire: Wire) -> Self {
        Self { place, wire }
    }
    /// Empty or ending in `/`.
    pub(super) fn root(&self) -> &[u8] {
        &self.place.root
    }
    pub(super) fn place(&self) -> &str {
        &self.place.shown
    }

    pub(super) async fn list_page(
        &self,
        prefix: &[u8],
        delimited: bool,
        cursor: Cursor,
        work: &Work,
    ) -> Result<(Page, Option<Cursor>), NetError> {
        let rooted = |key: &[u8]| [&self.place.root, key].concat();
        let full = rooted(prefix);
        let mut query: Vec<(&str, &[u8])> = vec![("encoding-type", b"url"), ("list-type", b"2")];
        if delimited {
            query.push(("delimiter", b"/"));
        }
        if !full.is_empty() {
            query.push(("prefix", &full));
        }
        let start = cursor.start_after.as_deref().map(rooted);
        match (&cursor.token, &start) {
            (Some(token), _) => query.push(("continuation-token", token.as_bytes())),
            (None, Some(start)) => query.push(("start-after", start)),
            (None, None) => {}
        }
        let url = self.place.url(b"", &query)?;
        let answer = self.wire.ask(&Call::get(url, MAX_PAGE), told, work).await?;
        let body = answer.whole_body(MAX_PAGE as u64)?;
        let (page, end) = parse_list(&body, &self.place.root)?;
        let next = self.next(&page, end, &cursor)?;
        Ok((page, next))
    }

    /// Guards against a server that promises more for ever.
    fn next(&self, page: &Page, end: PageEnd, before: &Cursor) -> Result<Option<Cursor>, NetError> {
        if !end.truncated {
            return Ok(None);
        }
        let empty = if page.is_empty() { before.empty + 1 } else { 0 };
        let stuck = || NetError::Garbled("its listing promises more and does not go on".to_owned());
        if empty > 100 || (end.token.is_some() && end.token == before.token) {
            return Err(stuck());
        }
        let next = match end.token {
            Some(token) => Cursor { token: Some(token), start_after: None, empty },
            None => {
                let after = end.last_key.strip_prefix(&*self.place.root).map(<[u8]>::to_vec);
                let after =
                    after.filter(|k| !k.is_empty() && before.start_after.as_ref().is_none_or(|b| k > b));
                Cursor { token: None, start_after: Some(after.ok_or_else(stuck)?), empty }
            }
        };
        Ok(Some(next))
    }

    pub(super) async fn get(
        &self,
        key: &[u8],
        range: Option<Range<u64>>,
        max: u64,
        work: &Work,
    ) -> Result<Object, NetError> {
        let url = self.place.url(&[&self.place.root, key].concat(), &[])?;
        let call = Call::get(url, 0).ranged(range.as_ref(), max);
        object(self.wire.ask(&call, told, work).await?, range.as_ref(), max)
    }

    pub(super) async fn head(&self, key: &[u8], work: &Work) -> Result<Meta, NetError> {
        let url = self.place.url(&[&self.place.root, key].concat(), &[])?;
        Ok(meta(&self.wire.ask(&Call::new(Method::HEAD, url, 0), told, work).await?))
    }

    /// Settings of the bucket, or an object's headers; any status is an answer.
    pub(super) async fn question(&self, question: &Question<'_>, work: &Work) -> Result<Answer, NetError> {
        let key = match question.about {
            About::Key(key) => [&self.place.root, key].concat(),
            _ => Vec::new(),
        };
        let url = self.place.url(&key, question.query)?;
        // servers that fail at settings fail at them again
        work.bound(self.wire.once(&Call::new(question.method.clone(), url, question.max_body), work)).await
    }

    /// A call that changes something: sent once. Its body is part of what is
    /// signed, so that the store takes no other bytes than these.
    pub(super) async fn write(
        &self,
        method: Method,
        key: &[u8],
        query: &[(&str, &[u8])],
        body: Bytes,
        headers: HeaderMap,
        work: &Work,
    ) -> Result<Answer, NetError> {
        let url = self.place.url(&[&self.place.root, key].concat(), query)?;
        let call = Call { headers, body, ..Call::new(method, url, 64 << 10) };
        let answer = work.bound(self.wire.once(&call, work)).await?;
        if answer.status.is_success() { Ok(answer) } else { Err(told(&answer)) }
    }
}

/// What an answer that is no success says, as a class.
pub(super) fn told(answer: &Answer) -> NetError {
    let error = parse_error(&answer.body);
    let line = answer.status_line();
    let text = error.as_ref().map_or_else(|| line.clone(), |e| format!("{line}, {e}"));
    let code = error.as_ref().map_or("", |e| &*e.code);
    let region = error.as_ref().and_then(|e| e.region.clone());
    let region = answer.header("x-amz-bucket-region").map(str::to_owned).or(region);
    match (answer.status.as_u16(), region) {
        (301 | 307 | 400, Some(region)) => {
            NetError::Denied(format!("{text}; the bucket lies in {region}: set `signing_region`"))
        }
        (403, _) if code == "InvalidObjectState" => NetError::Archived(text),
        (400, _) if code.contains("Token") || code.starts_with("Authorization") => NetError::Denied(text),
        _ => class(answer, text),
    }
}
