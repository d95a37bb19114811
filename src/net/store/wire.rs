//! How stores are called that are asked over HTTP: signed anew for each try,
//! bounded, counted, failures in classes.

use std::{fmt, ops::Range, sync::Arc, time::Duration};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use lifeboat_core::model::Size;
use url::Url;

use super::{Meta, Object, Replication, auth::Auth};
use crate::net::{Answer, Ask, Http, NetError, Work};

/// A listing's page, or a folder of WebDAV, is at most this long.
pub(super) const MAX_PAGE: usize = 16 << 20;
/// Errors are told in the body, whatever was asked for.
const MIN_BODY: usize = 16 << 10;

/// The way to one service.
pub(super) struct Wire {
    pub http: Arc<Http>,
    /// PEM.
    pub ca: Option<Vec<u8>>,
    pub auth: Auth,
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wire(…)")
    }
}

/// One question, not signed yet.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub method: Method,
    pub url: Url,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub max_body: usize,
}

impl Call {
    pub(super) fn new(method: Method, url: Url, max_body: usize) -> Self {
        Self { method, url, headers: HeaderMap::new(), body: Bytes::new(), max_body }
    }
    pub(super) fn get(url: Url, max_body: usize) -> Self {
        Self::new(Method::GET, url, max_body)
    }
    #[must_use]
    pub(super) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }
    /// Asks for a range only, where one is wanted.
    #[must_use]
    pub(super) fn ranged(mut self, range: Option<&Range<u64>>, max: u64) -> Self {
        // a server may answer a range with everything: then its beginning is read away
        let room = range.map_or(max, |r| r.end.min(max.max(r.end - r.start)));
        self.max_body = usize::try_from(room).unwrap_or(usize::MAX);
        let text = range.filter(|r| !r.is_empty()).map(|r| format!("bytes={}-{}", r.start, r.end - 1));
        if let Some(value) = text.and_then(|t| HeaderValue::try_from(t).ok()) {
            self.headers.insert(header::RANGE, value);
        }
        self
    }
}

impl Wire {
    /// Whatever was answered. Tried twice where that can help, all within the
    /// work's deadline.
    pub(super) async fn answer(&self, call: &Call, work: &Work) -> Result<Answer, NetError> {
        let twice = async {
            let first = self.once(call, work).await;
            let again = match &first {
                Ok(answer) => {
                    answer.status.is_server_error() || answer.status == StatusCode::TOO_MANY_REQUESTS
                }
                Err(error) => error.is_retryable(),
            };
            // what is not built there is not built a moment later
            if !again || first.as_ref().is_ok_and(|a| a.status == StatusCode::NOT_IMPLEMENTED) {
                return first;
            }
            // together with others that failed at the same moment: spread
            tokio::time::sleep(Duration::from_millis(fastrand::u64(50..200))).await;
            self.once(call, work).await
        };
        work.bound(twice).await
    }

    /// An answer of success; anything else is told by `told`.
    pub(super) async fn ask(
        &self,
        call: &Call,
        told: fn(&Answer) -> NetError,
        work: &Work,
    ) -> Result<Answer, NetError> {
        let answer = self.answer(call, work).await?;
        if answer.status.is_success() { Ok(answer) } else { Err(told(&answer)) }
    }

    /// Whatever was answered to one try.
    pub(super) async fn once(&self, call: &Call, work: &Work) -> Result<Answer, NetError> {
        let (url, headers) = self.auth.sign(call, Utc::now())?;
        let ask = Ask {
            method: call.method.clone(),
            headers,
            body: call.body.clone(),
            ca: self.ca.as_deref(),
            ..Ask::get(&url, work.deadline, call.max_body.max(MIN_BODY), &work.meter)
        };
        self.http.call(ask).await
    }
}

/// The class of an answer that is no success; `text` is what it said.
pub(super) fn class(answer: &Answer, text: String) -> NetError {
    match answer.status.as_u16() {
        // by name only: an address may hold more than may be shown
        300..=399 => NetError::Garbled(format!("{text}: it leads elsewhere, and redirects are not followed")),
        401 | 403 | 407 => NetError::Denied(text),
        404 | 410 => NetError::Missing(text),
        408 | 429 | 500..=599 => NetError::Server(text),
        416 => NetError::Cut("it is shorter than it was when it was listed".to_owned()),
        _ => NetError::Garbled(text),
    }
}

/// What was read, cut to what was asked for.
pub(super) fn object(answer: Answer, range: Option<&Range<u64>>, max: u64) -> Result<Object, NetError> {
    let mut meta = meta(&answer);
    if range.is_none() && meta.size.is_some_and(|size| size > max) {
        return Err(NetError::TooLarge(Size(max)));
    }
    let bytes = match (range, answer.status) {
        (None, _) => answer.whole_body(max)?,
        (Some(_), StatusCode::PARTIAL_CONTENT) => {
            let total = answer.header("content-range").and_then(|t| t.rsplit_once('/'));
            meta.size = total.and_then(|(_, n)| n.parse().ok());
            answer.body
        }
        (Some(range), _) => {
            let end = (answer.body.len() as u64).min(range.end);
            answer.body.slice(range.start.min(end) as usize..end as usize)
        }
    };
    Ok(Object { bytes, meta })
}

pub(super) fn meta(answer: &Answer) -> Meta {
    Meta {
        size: answer.header("content-length").and_then(|t| t.parse().ok()),
        modified: answer.header("last-modified").and_then(http_date),
        etag: answer.header("etag").map(|t| bare(t).to_owned()),
        replication: answer.header("x-amz-replication-status").and_then(Replication::parse),
    }
}

/// `Sun, 22 Nov 2026 01:30:00 GMT`.
pub(super) fn http_date(text: &str) -> Option<DateTime<Utc>> {
    Some(DateTime::parse_from_rfc2822(text.trim()).ok()?.with_timezone(&Utc))
}

/// Without quotes, and without the mark of a weak one.
pub(super) fn bare(etag: &str) -> &str {
    etag.trim_start_matches("W/").trim_matches('"')
}
