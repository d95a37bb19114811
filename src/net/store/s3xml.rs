//! Answers of S3 in XML: pages of ListObjectsV2 and errors. Pure.
//! Format: the S3 API reference, `ListBucketResult` and `Error`.

use quick_xml::{Reader, events::Event};

use super::{
    key::{form_decode, is_form_encoded, show},
    listing::{Class, Page},
    s3fast::{self, Raw, instant},
};
use crate::net::{NetError, xml::push_reference};

/// What a page says about the next one.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct PageEnd {
    pub truncated: bool,
    pub token: Option<String>,
    /// As listed, root prefix included.
    pub last_key: Vec<u8>,
}

/// Reads a page, keys without the leading `root`; keys outside of it are
/// dropped. Never panics, whatever the bytes.
pub(super) fn parse_list(body: &[u8], root: &[u8]) -> Result<(Page, PageEnd), NetError> {
    match s3fast::read(body) {
        Some(raw) => Ok(finish(raw, root)),
        None => parse_any(body, root),
    }
}

fn parse_any(body: &[u8], root: &[u8]) -> Result<(Page, PageEnd), NetError> {
    let mut reader = Reader::from_reader(body);
    let mut state = Parse::default();
    let mut text: Vec<u8> = Vec::new();
    loop {
        match reader.read_event() {
            Ok(Event::Start(tag)) => {
                text.clear();
                state.open(tag.local_name().as_ref(), body)?;
            }
            Ok(Event::Empty(tag)) => {
                state.open(tag.local_name().as_ref(), body)?;
                state.close(tag.local_name().as_ref(), b"");
                text.clear();
            }
            Ok(Event::Text(part)) => text.extend_from_slice(&part),
            Ok(Event::CData(part)) => text.extend_from_slice(&part),
            Ok(Event::GeneralRef(name)) => push_reference(&name, &mut text),
            Ok(Event::End(tag)) => {
                state.close(tag.local_name().as_ref(), &text);
                text.clear();
                if state.depth == 0 {
                    return Ok(finish(state.raw, root));
                }
            }
            Ok(Event::Eof) if state.depth > 0 => {
                return Err(NetError::Cut("the listing ends in the middle".to_owned()));
            }
            Ok(Event::Eof) => return Err(not_a_listing(body)),
            Ok(_) => {}
            Err(_) if state.depth == 0 => return Err(not_a_listing(body)),
            // a page cut inside a tag reads as a syntax error at its end
            Err(quick_xml::Error::Syntax(_)) => {
                return Err(NetError::Cut("the listing ends in the middle".to_owned()));
            }
            Err(e) => return Err(NetError::Garbled(format!("the listing is no XML: {e}"))),
        }
    }
}

#[derive(Default)]
struct Parse {
    raw: Raw,
    depth: usize,
    in_prefixes: bool,
    key: Vec<u8>,
    etag: Vec<u8>,
    size: u64,
    modified: Option<i64>,
    class: Class,
}

impl Parse {
    fn open(&mut self, tag: &[u8], body: &[u8]) -> Result<(), NetError> {
        match (self.depth, tag) {
            (0, b"ListBucketResult") => {}
            // some servers begin with 200 and fail in the body
            (0, b"Error") => {
                let told = parse_error(body).map_or_else(|| "an error".to_owned(), |e| e.to_string());
                return Err(NetError::Server(format!("it answered 200 with {told}")));
            }
            (0, _) => return Err(not_a_listing(body)),
            (1, b"CommonPrefixes") => self.in_prefixes = true,
            (1, b"Contents") => {
                self.key.clear();
                self.etag.clear();
                (self.size, self.modified, self.class) = (0, None, Class::Online);
            }
            _ => {}
        }
        self.depth += 1;
        Ok(())
    }

    fn close(&mut self, tag: &[u8], text: &[u8]) {
        self.depth = self.depth.saturating_sub(1);
        match (self.depth, tag) {
            (1, b"IsTruncated") => self.raw.end.truncated = text == b"true",
            (1, b"EncodingType") => self.raw.url_encoded = text == b"url",
            (1, b"NextContinuationToken") => {
                self.raw.end.token =
                    std::str::from_utf8(text).ok().filter(|t| !t.is_empty()).map(str::to_owned);
            }
            (1, b"Contents") => {
                self.raw.page.push(&self.key, &self.etag, self.size, self.modified);
                self.raw.page.classify(self.class);
            }
            (1, b"CommonPrefixes") => self.in_prefixes = false,
            (2, b"Key") => self.key.extend_from_slice(text),
            (2, b"Size") => self.size = parse_u64(text).unwrap_or(0),
            (2, b"StorageClass") => self.class = Class::s3(text),
            (2, b"LastModified") => self.modified = instant(text),
            (2, b"ETag") => {
                let bare = text.strip_prefix(b"\"").and_then(|t| t.strip_suffix(b"\"")).unwrap_or(text);
                self.etag.extend_from_slice(bare);
            }
            (2, b"Prefix") if self.in_prefixes => self.raw.page.push_prefix(text),
            _ => {}
        }
    }
}

/// Only now is it known whether keys are URL-encoded: some servers say so
/// before them, some after. Some say so and send them as they are.
fn finish(mut raw: Raw, root: &[u8]) -> (Page, PageEnd) {
    if raw.url_encoded {
        raw.page.rewrite_keys(|key| {
            let odd = key.iter().any(|b| matches!(b, b'%' | b'+'));
            (odd && is_form_encoded(key)).then(|| form_decode(key))
        });
    }
    raw.end.last_key = raw.page.last_key().to_vec();
    raw.page.strip_root(root);
    (raw.page, raw.end)
}

fn parse_u64(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn not_a_listing(body: &[u8]) -> NetError {
    let head = &body[..body.len().min(1024)];
    let html = head.windows(5).any(|w| w.eq_ignore_ascii_case(b"<html") || w.eq_ignore_ascii_case(b"<!doc"));
    NetError::Garbled(match () {
        () if html => "it answered with a web page".to_owned(),
        () if body.is_empty() => "it answered with nothing".to_owned(),
        () => format!("it answered {:?}", show(&head[..head.len().min(40)])),
    })
}

/// `<Error><Code>AccessDenied</Code><Message>…</Message></Error>`
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct S3Error {
    pub code: String,
    pub message: String,
    /// Where the bucket really lies, for those that say so.
    pub region: Option<String>,
}

impl std::fmt::Display for S3Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.message.is_empty() {
            true => f.write_str(&self.code),
            false => write!(f, "{}: {}", self.code, self.message),
        }
    }
}

/// `None` where the body is no such error.
pub(super) fn parse_error(body: &[u8]) -> Option<S3Error> {
    let mut reader = Reader::from_reader(body);
    let mut error = S3Error::default();
    let mut text = Vec::new();
    loop {
        match reader.read_event() {
            Ok(Event::Start(_)) => text.clear(),
            Ok(Event::Text(part)) => text.extend_from_slice(&part),
            Ok(Event::GeneralRef(name)) => push_reference(&name, &mut text),
            Ok(Event::End(tag)) => {
                let told = || show(&text).chars().take(300).collect::<String>();
                match tag.local_name().as_ref() {
                    b"Code" => error.code = told(),
                    b"Message" => error.message = told(),
                    b"Region" => error.region = Some(told()),
                    _ => {}
                }
                text.clear();
            }
            Ok(Event::Eof) | Err(_) => return Some(error).filter(|e| !e.code.is_empty()),
            Ok(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn list(items: &str, encoding: &str) -> String {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
             <Name>b</Name><Prefix>r/</Prefix>{encoding}<IsTruncated>true</IsTruncated>\
             <NextContinuationToken>t&amp;1</NextContinuationToken>{items}</ListBucketResult>"
        )
    }
    fn object(key: &str) -> String {
        format!(
            "<Contents><Key>{key}</Key><LastModified>2026-11-22T01:30:00.250Z</LastModified>\
             <ETag>&quot;abc&quot;</ETag><Size>42</Size><Owner><ID>x</ID></Owner></Contents>"
        )
    }
    fn keys(page: &Page) -> Vec<String> {
        page.entries().map(|e| show(e.key)).collect()
    }

    #[test]
    fn a_page_keeps_every_byte_of_its_keys() {
        let url = "<EncodingType>url</EncodingType>";
        let items = [object("r/a%2F%2Fb+c"), object("r/%1B%5B2J"), object("r/%FF")].concat()
            + "<CommonPrefixes><Prefix>r/d%26/</Prefix></CommonPrefixes>";
        let (page, end) = parse_list(list(&items, url).as_bytes(), b"r/").unwrap();
        assert_eq!(keys(&page), ["a//b c", "^[[2J", "\\xFF"]);
        assert_eq!(page.prefixes().collect::<Vec<_>>(), [b"d&/"]);
        let first = page.entries().next().unwrap();
        assert_eq!((first.size, first.etag, first.modified_ms()), (42, &b"abc"[..], Some(1_795_311_000_250)));
        assert_eq!((end.truncated, end.token.as_deref()), (true, Some("t&1")));
        assert_eq!(end.last_key, b"r/\xff");
    }

    #[test]
    fn what_the_large_stores_send_is_of_the_common_form() {
        let url = "<EncodingType>url</EncodingType>";
        let items = [object("r/a%2F%2Fb+c"), object("r/b").replace("&quot;", "\"")].concat()
            + "<CommonPrefixes><Prefix>r/d/</Prefix></CommonPrefixes>";
        let body = list(&items, url).replace("t&amp;1", "t1");
        assert!(s3fast::read(body.as_bytes()).is_some());
        assert!(s3fast::read(&body.as_bytes()[..body.len() - 1]).is_none());
    }

    #[test]
    fn keys_sent_as_they_are_stay_as_they_are() {
        let items =
            [object("r/50%25"), object("r/a&amp;b"), object("r/x&#x1b;y"), object("elsewhere")].concat();
        let (page, _) = parse_list(list(&items, "").as_bytes(), b"r/").unwrap();
        assert_eq!(keys(&page), ["50%25", "a&b", "x^[y"], "no encoding was declared");
        let echoed = "<EncodingType>url</EncodingType>";
        let (page, _) =
            parse_list(list(&object("r/2026-11-22 01:30+%zz"), echoed).as_bytes(), b"r/").unwrap();
        assert_eq!(keys(&page), ["2026-11-22 01:30+%zz"], "declared, but plainly not so");
    }

    #[test]
    fn what_is_no_listing_is_told_apart() {
        let whole = list(&object("r/a"), "");
        for cut in [whole.len() - 1, whole.len() - 30, whole.len() / 2, 150] {
            let error = parse_list(&whole.as_bytes()[..cut], b"r/").unwrap_err();
            assert!(matches!(error, NetError::Cut(_)), "{cut}: {error:?}");
        }
        let page = parse_list(b"<!DOCTYPE html><html><body>Sign in</body></html>", b"").unwrap_err();
        assert_eq!(page, NetError::Garbled("it answered with a web page".to_owned()));
        assert!(matches!(parse_list(b"", b""), Err(NetError::Garbled(_))));
        assert!(matches!(parse_list(b"{\"ok\":true}", b""), Err(NetError::Garbled(_))));
        let failed = b"<Error><Code>InternalError</Code><Message>try &lt;again&gt;</Message></Error>";
        let error = parse_list(failed, b"").unwrap_err();
        assert_eq!(error, NetError::Server("it answered 200 with InternalError: try <again>".to_owned()));
    }

    proptest! {
        #[test]
        fn both_ways_of_reading_agree(
            keys in prop::collection::vec("[a-z/%+&<>; \u{e9}]{1,12}", 0..6),
            escaped: bool, url: bool, cut in 0usize..2_000, odd in "[<>&;/a-zA-Z \n\"]{0,8}",
        ) {
            let escape = |key: &String| key.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            let items: String = keys.iter().map(|k| object(&if escaped { escape(k) } else { k.clone() })).collect();
            let mut body = list(&items, if url { "<EncodingType>url</EncodingType>" } else { "" });
            if let Some((at, _)) = body.char_indices().nth(cut) {
                body.insert_str(at, &odd);
            }
            if let Some(raw) = s3fast::read(body.as_bytes()) {
                let (page, end) = parse_any(body.as_bytes(), b"").unwrap();
                let (fast, fast_end) = finish(raw, b"");
                prop_assert_eq!(fast.entries().collect::<Vec<_>>(), page.entries().collect::<Vec<_>>());
                prop_assert_eq!(fast.prefixes().collect::<Vec<_>>(), page.prefixes().collect::<Vec<_>>());
                prop_assert_eq!(fast_end, end);
            }
        }
        #[test]
        fn no_bytes_panic(body: Vec<u8>, tail in "[<>&;/a-zA-Z#%]{0,60}") {
            let _ = parse_list(&body, b"");
            let _ = parse_error(&body);
            let mut page = list(&object("r/a"), "").into_bytes();
            page.truncate(page.len() / 2);
            page.extend_from_slice(tail.as_bytes());
            let _ = parse_list(&page, b"r/");
        }
    }
}
