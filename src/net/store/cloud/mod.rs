//! Stores that are asked over HTTP in other ways than S3's: Google Cloud
//! Storage, Azure Blob Storage, WebDAV. One more is a file here, a variant of
//! `Service` and a line in each function of `Cloud`.

mod azure;
mod azure_xml;
mod credentials;
mod dav;
mod dav_walk;
mod dav_xml;
mod gcs;
mod place;
#[cfg(test)]
mod tests;

use std::{ops::Range, sync::Arc};

use http::Method;
use lifeboat_core::model::{Code, Problem, Store};

use super::{Kind, ListOptions, Meta, Object, Page, auth::Auth, wire::Wire};
use crate::net::{Answer, Http, NetError, Secrets, Work};

/// What is asked of a store besides its objects, such as its settings.
#[derive(Debug, Clone)]
pub struct Question<'a> {
    pub method: Method,
    pub about: About<'a>,
    pub query: &'a [(&'a str, &'a [u8])],
    pub max_body: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About<'a> {
    /// The account, where the store lies in one that can be asked.
    Service,
    Bucket,
    /// What hangs below the bucket itself, such as `iam`.
    Below(&'a str),
    /// An object, relative to the root of the store.
    Key(&'a [u8]),
}

impl<'a> Question<'a> {
    pub fn get(about: About<'a>, query: &'a [(&'a str, &'a [u8])]) -> Self {
        Self { method: Method::GET, about, query, max_body: 1 << 20 }
    }
    pub fn head(about: About<'a>, query: &'a [(&'a str, &'a [u8])]) -> Self {
        Self { method: Method::HEAD, about, query, max_body: 0 }
    }
}

#[derive(Debug)]
pub(super) struct Cloud {
    service: Service,
    shown: String,
}

#[derive(Debug)]
enum Service {
    Gcs(gcs::Gcs),
    Azure(azure::Azure),
    Dav(dav::Dav),
}

/// `rest` is what follows `scheme://`. Errors are those of `store::open`.
pub(super) async fn open(
    store: &Store,
    scheme: &str,
    rest: &str,
    http: &Arc<Http>,
    secrets: &Secrets,
) -> Result<Cloud, Problem> {
    let bad = |why: String| {
        // an address with a password in it is not repeated
        let shown = if store.url.contains('@') { format!("{scheme}://…") } else { store.url.clone() };
        Problem::new(Code::STORE_URL, &store.id).because(format!("{shown}: {why}"))
    };
    let wire = |auth, ca| Wire { http: Arc::clone(http), ca, auth };
    let service = match scheme {
        "gs" => {
            let place = gcs::place(store, rest).map_err(bad)?;
            let auth = credentials::google(store, secrets).await?;
            Service::Gcs(gcs::Gcs::new(place, wire(auth, super::ca(store, secrets).await?)))
        }
        "az" => {
            let mut place = azure::Place::of(store, rest).map_err(bad)?;
            let auth = credentials::azure(store, &mut place, secrets).await?;
            let wire = wire(auth, super::ca(store, secrets).await?);
            Service::Azure(azure::Azure::new(place, wire).map_err(bad)?)
        }
        _ => {
            let place = dav::place(store).map_err(bad)?;
            let auth = credentials::dav(store, secrets).await?;
            Service::Dav(dav::Dav::new(place, wire(auth, super::ca(store, secrets).await?)))
        }
    };
    Ok(Cloud { service, shown: place::shown(store) })
}

/// Where a listing goes on.
#[derive(Debug, Default)]
pub(super) struct Cursor {
    token: Option<String>,
    /// The greatest key so far.
    last: Vec<u8>,
    /// Pages in a row that brought nothing and promised more.
    empty: u32,
    walk: dav_walk::Walk,
}

impl Cursor {
    pub(super) fn begin(prefix: &[u8], options: &ListOptions) -> Self {
        Self { walk: dav_walk::Walk::begin(prefix, options), ..Self::default() }
    }
}

impl Cloud {
    pub(super) fn place(&self) -> &str {
        &self.shown
    }
    pub(super) fn kind(&self) -> Kind {
        match self.service {
            Service::Gcs(_) => Kind::Gcs,
            Service::Azure(_) => Kind::Azure,
            Service::Dav(_) => Kind::WebDav,
        }
    }

    pub(super) async fn list_page(
        &self,
        prefix: &[u8],
        options: &ListOptions,
        mut cursor: Box<Cursor>,
        work: &Work,
    ) -> Result<(Page, Option<Box<Cursor>>), NetError> {
        let (delimited, after) = (options.delimited, options.start_after.as_deref());
        let (page, token) = match &self.service {
            Service::Gcs(gcs) => gcs.list_page(prefix, delimited, after, &cursor, work).await?,
            Service::Azure(azure) => azure.list_page(prefix, delimited, after, &cursor, work).await?,
            Service::Dav(dav) => {
                let mut page = Page::default();
                let more = dav.fill(&mut cursor.walk, &mut page, work).await?;
                return Ok((page, more.then_some(cursor)));
            }
        };
        let Some(token) = token else { return Ok((page, None)) };
        // Guards against a service that promises more for ever.
        cursor.empty = if page.is_empty() { cursor.empty + 1 } else { 0 };
        if cursor.empty > 100 || cursor.token.as_deref() == Some(&*token) {
            return Err(NetError::Garbled("its listing promises more and does not go on".to_owned()));
        }
        if !page.is_empty() {
            cursor.last = page.last_key().to_vec();
        }
        cursor.token = Some(token);
        Ok((page, Some(cursor)))
    }

    pub(super) async fn get(
        &self,
        key: &[u8],
        range: Option<Range<u64>>,
        max: u64,
        work: &Work,
    ) -> Result<Object, NetError> {
        match &self.service {
            Service::Gcs(gcs) => gcs.get(key, range, max, work).await,
            Service::Azure(azure) => azure.get(key, range, max, work).await,
            Service::Dav(dav) => dav.get(key, range, max, work).await,
        }
    }

    pub(super) async fn head(&self, key: &[u8], work: &Work) -> Result<Meta, NetError> {
        match &self.service {
            Service::Gcs(gcs) => gcs.head(key, work).await,
            Service::Azure(azure) => azure.head(key, work).await,
            Service::Dav(dav) => dav.head(key, work).await,
        }
    }

    pub(super) async fn question(&self, question: &Question<'_>, work: &Work) -> Result<Answer, NetError> {
        match &self.service {
            Service::Gcs(gcs) => gcs.question(question, work).await,
            Service::Azure(azure) => azure.question(question, work).await,
            Service::Dav(_) => Err(NetError::Garbled("WebDAV has no settings to ask for".to_owned())),
        }
    }
}
