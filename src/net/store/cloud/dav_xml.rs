//! Answers of PROPFIND. Pure. Format: `multistatus` of RFC 4918, section 14.

use super::super::wire::{bare, http_date};
use crate::net::{
    NetError,
    xml::{Walk, walk},
};

/// One resource of the answer.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Member {
    /// As sent: percent-encoded, a path or a whole address.
    pub href: Vec<u8>,
    pub folder: bool,
    pub size: u64,
    pub modified: Option<i64>,
    pub etag: Vec<u8>,
}

pub(super) fn parse_members(body: &[u8]) -> Result<Vec<Member>, NetError> {
    let mut state = Parse::default();
    walk(body, b"multistatus", "folder's listing", &mut state)?;
    Ok(state.all)
}

#[derive(Default)]
struct Parse {
    all: Vec<Member>,
    now: Member,
    /// What the `propstat` being read says, until its status is known.
    told: Member,
    has: bool,
    gone: bool,
}

impl Walk for Parse {
    fn open(&mut self, path: &[u8], _: &quick_xml::events::BytesStart<'_>) {
        match path {
            b"response" => {
                self.now = Member::default();
                self.gone = false;
            }
            b"response/propstat" => {
                self.told = Member::default();
                self.has = true;
            }
            _ => {}
        }
    }

    fn close(&mut self, path: &[u8], text: &[u8]) {
        let word = || std::str::from_utf8(text).ok().map(str::trim);
        match path {
            b"response/href" => self.now.href = text.trim_ascii().to_vec(),
            // of the whole resource, instead of properties
            b"response/status" => self.gone = !is_success(text),
            b"response/propstat/prop/resourcetype/collection" => self.told.folder = true,
            b"response/propstat/prop/getcontentlength" => {
                self.told.size = word().and_then(|t| t.parse().ok()).unwrap_or(0);
            }
            b"response/propstat/prop/getlastmodified" => {
                self.told.modified = word().and_then(http_date).map(|t| t.timestamp_millis());
            }
            b"response/propstat/prop/getetag" => {
                self.told.etag = word().map(|t| bare(t).as_bytes().to_vec()).unwrap_or_default();
            }
            b"response/propstat/status" => self.has = is_success(text),
            b"response/propstat" if self.has => {
                let href = std::mem::take(&mut self.now.href);
                self.now = Member { href, ..std::mem::take(&mut self.told) };
            }
            b"response" if !self.gone => self.all.push(std::mem::take(&mut self.now)),
            _ => {}
        }
    }
}

/// `HTTP/1.1 200 OK`.
fn is_success(line: &[u8]) -> bool {
    let mut words = line.split(|b| *b == b' ').filter(|w| !w.is_empty());
    words.nth(1).is_some_and(|code| code.starts_with(b"2"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Apache's mod_dav, shortened: prefixes of its own, and a second
    /// `propstat` for what a folder has not.
    const APACHE: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<D:multistatus xmlns:D="DAV:" xmlns:ns0="DAV:">
<D:response xmlns:lp1="DAV:" xmlns:lp2="http://apache.org/dav/props/">
<D:href>/dav/pg/</D:href>
<D:propstat><D:prop><lp1:resourcetype><D:collection/></lp1:resourcetype><lp1:getlastmodified>Sun, 22 Nov 2026 01:30:00 GMT</lp1:getlastmodified><lp1:getetag>"1000-61a"</lp1:getetag></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat>
<D:propstat><D:prop><D:getcontentlength/></D:prop><D:status>HTTP/1.1 404 Not Found</D:status></D:propstat>
</D:response>
<D:response><D:href>/dav/pg/a%26b&amp;c</D:href>
<D:propstat><D:prop><lp1:resourcetype/><lp1:getcontentlength>42</lp1:getcontentlength><lp1:getlastmodified>Sun, 22 Nov 2026 01:30:00 GMT</lp1:getlastmodified><lp1:getetag>W/"2a-61a"</lp1:getetag></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat>
</D:response></D:multistatus>"#;

    /// nginx's dav-ext module: no prefixes but one, whole seconds, no etags.
    const NGINX: &str = r#"<?xml version="1.0" encoding="utf-8" ?>
<D:multistatus xmlns:D="DAV:"><D:response><D:href>/dav/</D:href><D:propstat><D:prop><D:resourcetype><D:collection/></D:resourcetype></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>
<D:response><D:href>/dav/x</D:href><D:propstat><D:prop><D:getcontentlength>7</D:getcontentlength><D:getlastmodified>Sun, 22 Nov 2026 01:30:00 GMT</D:getlastmodified><D:resourcetype/></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>
<D:response><D:href>/dav/gone</D:href><D:status>HTTP/1.1 404 Not Found</D:status></D:response></D:multistatus>"#;

    #[test]
    fn apache_and_nginx_are_understood() {
        let all = parse_members(APACHE.as_bytes()).unwrap();
        assert_eq!(all.len(), 2);
        assert!(all[0].folder && !all[1].folder);
        assert_eq!(all[0].modified, Some(1_795_311_000_000), "the 404 takes nothing away");
        assert_eq!((&*all[1].href, all[1].size), (&b"/dav/pg/a%26b&c"[..], 42));
        assert_eq!(all[1].etag, b"2a-61a");
        let all = parse_members(NGINX.as_bytes()).unwrap();
        assert_eq!(all.iter().map(|m| (m.folder, m.size)).collect::<Vec<_>>(), [(true, 0), (false, 7)]);
    }

    #[test]
    fn what_is_no_answer_of_webdav_is_told_apart() {
        assert!(matches!(parse_members(&APACHE.as_bytes()[..400]), Err(NetError::Cut(_))));
        for other in ["", "{}", "<html><body>Index of /</body></html>"] {
            assert!(matches!(parse_members(other.as_bytes()), Err(NetError::Garbled(_))), "{other}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(body: Vec<u8>, at in 0usize..900, tail in "[<>&;/a-zA-Z#%\":]{0,60}") {
            let _ = parse_members(&body);
            let mut page = APACHE.as_bytes()[..at.min(APACHE.len())].to_vec();
            page.extend_from_slice(tail.as_bytes());
            let _ = parse_members(&page);
        }
    }
}
