//! WebDAV: PROPFIND of one folder at a time, GET, HEAD. Format: RFC 4918.
//! Folders are sorted as they are read, so that keys come in byte order; to
//! begin in the middle, the folders before are passed over.

use std::ops::Range;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, header};
use lifeboat_core::model::Store;
use url::Url;

use super::super::{
    key::percent_decode,
    wire::{Call, MAX_PAGE, Wire, class, meta, object},
};
use super::{
    Meta, Object, Page,
    dav_walk::{Child, Step, Walk},
    dav_xml::{Member, parse_members},
    place::{address, base, no_dots},
};
use crate::net::{Answer, NetError, Work};

const DEPTH: HeaderName = HeaderName::from_static("depth");
/// Only what is used: some servers compute more than they have.
const WANTED: &[u8] = b"<?xml version=\"1.0\" encoding=\"utf-8\"?><propfind xmlns=\"DAV:\"><prop>\
    <resourcetype/><getcontentlength/><getlastmodified/><getetag/></prop></propfind>";

#[derive(Debug)]
pub(super) struct Dav {
    /// Of the root, without a closing `/`.
    root: Url,
    wire: Wire,
}

pub(super) fn place(store: &Store) -> Result<Url, String> {
    if store.endpoint.is_some() {
        return Err("`url` says where WebDAV answers: leave `endpoint` out".to_owned());
    }
    base(&store.url)
}

impl Dav {
    pub(super) fn new(root: Url, wire: Wire) -> Self {
        Self { root, wire }
    }

    fn url(&self, key: &[u8]) -> Result<Url, NetError> {
        // nothing above the root, however it is spelt
        no_dots(key)?;
        if key.starts_with(b"/") || key.windows(2).any(|w| w == b"//") {
            return Err(NetError::Missing("no file can have this name".to_owned()));
        }
        address(&self.root, key, true, &[])
    }

    /// Fills a page; `false` when there is no more.
    pub(super) async fn fill(&self, walk: &mut Walk, page: &mut Page, work: &Work) -> Result<bool, NetError> {
        loop {
            match walk.step(page)? {
                Step::Read(folder) => match self.folder(&folder, work).await {
                    Ok(children) => walk.enter(folder, children),
                    // as in an object store, a prefix without keys is no error;
                    // a folder may also be gone since its parent was read
                    Err(NetError::Missing(_)) if !folder.is_empty() => {}
                    Err(error) => return Err(error),
                },
                Step::Full => return Ok(true),
                Step::Over => return Ok(false),
            }
        }
    }

    async fn folder(&self, folder: &[u8], work: &Work) -> Result<Vec<Child>, NetError> {
        let mut url = self.url(folder.strip_suffix(b"/").unwrap_or(folder))?;
        // without it, some servers send elsewhere
        url.set_path(&format!("{}/", url.path().trim_end_matches('/')));
        let own = percent_decode(url.path().as_bytes());
        let method = Method::from_bytes(b"PROPFIND").map_err(|e| NetError::Garbled(e.to_string()))?;
        let mut call = Call::new(method, url, MAX_PAGE)
            .with(DEPTH, HeaderValue::from_static("1"))
            .with(header::CONTENT_TYPE, HeaderValue::from_static("application/xml"));
        call.body = Bytes::from_static(WANTED);
        let answer = self.wire.ask(&call, told, work).await?;
        if answer.status.as_u16() != 207 {
            return Err(NetError::Garbled(format!("{}: it is no WebDAV", answer.status_line())));
        }
        children(&own, parse_members(&answer.whole_body(MAX_PAGE as u64)?)?)
    }

    pub(super) async fn get(
        &self,
        key: &[u8],
        range: Option<Range<u64>>,
        max: u64,
        work: &Work,
    ) -> Result<Object, NetError> {
        let call = Call::get(self.url(key)?, 0).ranged(range.as_ref(), max);
        object(self.wire.ask(&call, told, work).await?, range.as_ref(), max)
    }

    pub(super) async fn head(&self, key: &[u8], work: &Work) -> Result<Meta, NetError> {
        let call = Call::new(Method::HEAD, self.url(key)?, 0);
        Ok(meta(&self.wire.ask(&call, told, work).await?))
    }
}

/// What lies right in the folder `own` (a decoded path ending in `/`). What a
/// server tells of other places is left out; that it tells nothing of the
/// folder itself is no answer to the question.
fn children(own: &[u8], members: Vec<Member>) -> Result<Vec<Child>, NetError> {
    let mut all = Vec::with_capacity(members.len());
    let mut about_us = false;
    for member in members {
        let path = percent_decode(path_of(&member.href));
        if path.strip_suffix(b"/").unwrap_or(&path) == own.strip_suffix(b"/").unwrap_or(own) {
            about_us = true;
            continue;
        }
        let Some(name) = path.strip_prefix(own) else { continue };
        let name = name.strip_suffix(b"/").unwrap_or(name);
        let plain = !name.is_empty() && !name.contains(&b'/') && name != b"." && name != b"..";
        if plain {
            about_us = true;
            let name = if member.folder { [name, b"/"].concat() } else { name.to_vec() };
            all.push(Child { name, size: member.size, modified: member.modified, etag: member.etag });
        }
    }
    match about_us {
        true => Ok(all),
        false => Err(NetError::Garbled("it answered about other paths than it was asked for".to_owned())),
    }
}

/// An `href` is a path, or a whole address.
fn path_of(href: &[u8]) -> &[u8] {
    let Some(at) = href.windows(3).position(|w| w == b"://") else { return href };
    let rest = &href[at + 3..];
    rest.iter().position(|b| *b == b'/').map_or(b"/", |at| &rest[at..])
}

fn told(answer: &Answer) -> NetError {
    let line = answer.status_line();
    match answer.status.as_u16() {
        // the name without its closing `/`
        301 | 308 => NetError::Missing(format!("{line}: it is a folder, or lies elsewhere")),
        401 => {
            let scheme = answer.header("www-authenticate").and_then(|t| t.split(' ').next());
            let scheme = scheme.filter(|s| !s.eq_ignore_ascii_case("basic") && !s.is_empty());
            NetError::Denied(match scheme {
                Some(scheme) => {
                    format!("{line}: it asks for {scheme}, and only Basic and Bearer are spoken here")
                }
                None => line,
            })
        }
        405 | 501 => NetError::Garbled(format!("{line}: it is no WebDAV")),
        _ => class(answer, line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(href: &str, folder: bool) -> Member {
        Member { href: href.into(), folder, ..Member::default() }
    }

    #[test]
    fn only_what_lies_right_in_the_folder_counts() {
        let told = [
            member("/dav/pg/", true),
            member("/dav/pg/a%20b", false),
            member("http://dav.example/dav/pg/sub/", true),
            member("/dav/pg/sub/deeper", false),
            member("/etc/passwd", false),
            member("/dav/pg/..", true),
            member("/dav/pg/%2e%2e/", true),
            member("/dav/pgother", false),
        ];
        let found = children(b"/dav/pg/", told.to_vec()).unwrap();
        let names: Vec<_> = found.iter().map(|c| &*c.name).collect();
        assert_eq!(names, [&b"a b"[..], b"sub/"]);
        let other = children(b"/dav/pg/", vec![member("/elsewhere/x", false)]);
        assert!(matches!(other, Err(NetError::Garbled(_))));
    }
}
