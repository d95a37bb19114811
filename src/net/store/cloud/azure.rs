//! Azure Blob Storage: List Blobs, Get Blob, Get Blob Properties.
//! Format: the Blob service REST API, version 2023-11-03.

use std::ops::Range;

use http::Method;
use lifeboat_core::model::Store;
use url::Url;

use super::super::{
    s3xml::parse_error,
    show,
    wire::{Call, MAX_PAGE, Wire, class, meta, object},
};
use super::{
    About, Cursor, Meta, Object, Page, Question,
    azure_xml::parse_list,
    place::{address, base, bucket, no_dots},
};
use crate::net::{Answer, NetError, Work};

pub(super) const NO_ACCOUNT: &str = "it does not say whose account: name it with `endpoint = \
     \"https://ACCOUNT.blob.core.windows.net\"` or in the credentials";

#[derive(Debug, Clone)]
pub(super) struct Place {
    /// Up to the account: `https://acct.blob.core.windows.net`, or with the
    /// account in the path, as Azurite has it.
    service: Option<Url>,
    container: String,
    root: Vec<u8>,
    pub account: Option<String>,
}

impl Place {
    pub(super) fn of(store: &Store, rest: &str) -> Result<Self, String> {
        let (container, root) = bucket(rest)?;
        let service = store.endpoint.as_deref().map(base).transpose()?;
        let account = service.as_ref().and_then(account_of);
        Ok(Self { service, container, root, account })
    }

    /// What the credentials say counts only where the endpoint says nothing.
    pub(super) fn of_account(&mut self, account: Option<String>) {
        let plain = |a: &String| a.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        let account = account.filter(|a| !a.is_empty() && plain(a));
        self.account = self.account.take().or(account);
    }

    fn service(&self) -> Result<Url, String> {
        match (&self.service, &self.account) {
            (Some(url), _) => Ok(url.clone()),
            (None, Some(account)) => base(&format!("https://{account}.blob.core.windows.net")),
            (None, None) => Err(NO_ACCOUNT.to_owned()),
        }
    }
}

/// The first part of the path, else of a name that is no address.
fn account_of(url: &Url) -> Option<String> {
    let path = url.path().trim_matches('/');
    if !path.is_empty() {
        return path.split('/').next().map(str::to_owned);
    }
    let (account, _) = url.domain()?.split_once('.')?;
    Some(account.to_owned())
}

#[derive(Debug)]
pub(super) struct Azure {
    service: Url,
    container: String,
    root: Vec<u8>,
    wire: Wire,
}

impl Azure {
    pub(super) fn new(place: Place, wire: Wire) -> Result<Self, String> {
        Ok(Self { service: place.service()?, container: place.container, root: place.root, wire })
    }

    fn url(&self, key: &[u8], query: &[(&str, &[u8])]) -> Result<Url, NetError> {
        no_dots(key)?;
        let path = match key {
            b"" => self.container.clone().into_bytes(),
            key => [self.container.as_bytes(), b"/", &*self.root, key].concat(),
        };
        address(&self.service, &path, true, query)
    }

    /// There is no way to begin in the middle that all of Azure knows: what
    /// lies before is read and left out.
    pub(super) async fn list_page(
        &self,
        prefix: &[u8],
        delimited: bool,
        start_after: Option<&[u8]>,
        cursor: &Cursor,
        work: &Work,
    ) -> Result<(Page, Option<String>), NetError> {
        let full = [&*self.root, prefix].concat();
        let mut query: Vec<(&str, &[u8])> = vec![("restype", b"container"), ("comp", b"list")];
        if delimited {
            query.push(("delimiter", b"/"));
        }
        if !full.is_empty() {
            query.push(("prefix", &full));
        }
        if let Some(marker) = &cursor.token {
            query.push(("marker", marker.as_bytes()));
        }
        let call = Call::get(self.url(b"", &query)?, MAX_PAGE);
        let answer = self.wire.ask(&call, told, work).await?;
        let (mut page, marker) = parse_list(&answer.whole_body(MAX_PAGE as u64)?, &self.root)?;
        if !page.is_ordered_after(&cursor.last) {
            return Err(NetError::Garbled(
                "it does not list in the order of bytes, as accounts with a hierarchical namespace do not"
                    .to_owned(),
            ));
        }
        if let Some(after) = start_after {
            page.keep_after(after);
        }
        Ok((page, marker))
    }

    pub(super) async fn get(
        &self,
        key: &[u8],
        range: Option<Range<u64>>,
        max: u64,
        work: &Work,
    ) -> Result<Object, NetError> {
        let call = Call::get(self.url(key, &[])?, 0).ranged(range.as_ref(), max);
        object(self.wire.ask(&call, told, work).await?, range.as_ref(), max)
    }

    pub(super) async fn head(&self, key: &[u8], work: &Work) -> Result<Meta, NetError> {
        let call = Call::new(Method::HEAD, self.url(key, &[])?, 0);
        Ok(meta(&self.wire.ask(&call, told, work).await?))
    }

    pub(super) async fn question(&self, question: &Question<'_>, work: &Work) -> Result<Answer, NetError> {
        let url = match question.about {
            About::Service => address(&self.service, b"", true, question.query)?,
            About::Bucket | About::Below(_) => {
                address(&self.service, self.container.as_bytes(), true, question.query)?
            }
            About::Key(key) => self.url(key, question.query)?,
        };
        self.wire.answer(&Call::new(question.method.clone(), url, question.max_body), work).await
    }
}

/// What an answer that is no success says, as a class.
fn told(answer: &Answer) -> NetError {
    let line = answer.status_line();
    let said = parse_error(&answer.body).map(|e| (e.code.clone(), e.to_string()));
    // a HEAD has no body, and tells its code in a header
    let said =
        said.or_else(|| answer.header("x-ms-error-code").map(|c| (show(c.as_bytes()), show(c.as_bytes()))));
    let Some((code, text)) = said else { return class(answer, line) };
    // what follows is the request's number and the service's clock
    let text =
        text.split("RequestId:").next().unwrap_or_default().trim_end_matches(['^', 'J', ' ']).trim_end();
    let text = format!("{line}, {text}");
    match (answer.status.as_u16(), &*code) {
        (400, "AuthenticationFailed" | "InvalidAuthenticationInfo") => NetError::Denied(text),
        // a private container answers so to those it does not know
        (404, _) => NetError::Missing(text),
        (409, "BlobArchived") => NetError::Archived(text),
        (409, "PublicAccessNotPermitted" | "AccountIsDisabled") => NetError::Denied(text),
        _ => class(answer, text),
    }
}
