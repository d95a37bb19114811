//! XML of servers, walked once: elements by the path of their local names, so
//! that prefixes of namespaces do not matter. Pure; never panics.

use quick_xml::{
    Reader,
    events::{BytesStart, Event},
};

use super::{NetError, store::show};

/// Paths longer than this are no answer of a store.
const MAX_PATH: usize = 4096;

/// What is told of a document. Paths are without the root: `Blobs/Blob/Name`;
/// the root's own is empty.
pub trait Walk {
    fn open(&mut self, _path: &[u8], _tag: &BytesStart<'_>) {}
    /// `text` is what stood last between two tags.
    fn close(&mut self, path: &[u8], text: &[u8]);
}

/// Walks a document whose root must be `root`; `what` names it in errors.
pub fn walk(body: &[u8], root: &[u8], what: &str, into: &mut impl Walk) -> Result<(), NetError> {
    let mut reader = Reader::from_reader(body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body));
    let (mut path, mut ends) = (Vec::new(), Vec::new());
    let mut text = Vec::new();
    let mut depth = 0_usize;
    let cut = || Err(NetError::Cut(format!("the {what} ends in the middle")));
    let open = |tag: &BytesStart<'_>,
                path: &mut Vec<u8>,
                ends: &mut Vec<usize>,
                depth: usize,
                into: &mut dyn Walk| {
        let name = tag.local_name();
        if depth == 0 {
            return if name.as_ref() == root { Ok(()) } else { Err(is_not(what, body)) };
        }
        ends.push(path.len());
        if depth > 1 {
            path.push(b'/');
        }
        path.extend_from_slice(name.as_ref());
        if path.len() > MAX_PATH {
            return Err(NetError::Garbled(format!("the {what} is nested too deeply")));
        }
        into.open(path, tag);
        Ok(())
    };
    loop {
        match reader.read_event() {
            Ok(Event::Start(tag)) => {
                text.clear();
                open(&tag, &mut path, &mut ends, depth, into)?;
                depth += 1;
            }
            Ok(Event::Empty(tag)) => {
                text.clear();
                open(&tag, &mut path, &mut ends, depth, into)?;
                into.close(&path, b"");
                if depth == 0 {
                    return Ok(());
                }
                path.truncate(ends.pop().unwrap_or(0));
            }
            Ok(Event::Text(part)) => text.extend_from_slice(&part),
            Ok(Event::CData(part)) => text.extend_from_slice(&part),
            Ok(Event::GeneralRef(name)) => push_reference(&name, &mut text),
            Ok(Event::End(_)) if depth <= 1 => {
                into.close(b"", &text);
                return Ok(());
            }
            Ok(Event::End(_)) => {
                into.close(&path, &text);
                path.truncate(ends.pop().unwrap_or(0));
                text.clear();
                depth -= 1;
            }
            Ok(Event::Eof) if depth > 0 => return cut(),
            Ok(Event::Eof) => return Err(is_not(what, body)),
            Ok(_) => {}
            Err(_) if depth == 0 => return Err(is_not(what, body)),
            // what is cut inside a tag reads as a syntax error at its end
            Err(quick_xml::Error::Syntax(_)) => return cut(),
            Err(e) => return Err(NetError::Garbled(format!("the {what} is no XML: {e}"))),
        }
    }
}

/// The local name of a document's root; `None` for what is no XML.
pub fn root(body: &[u8]) -> Option<Vec<u8>> {
    let mut reader = Reader::from_reader(body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body));
    loop {
        match reader.read_event() {
            Ok(Event::Start(tag) | Event::Empty(tag)) => return Some(tag.local_name().as_ref().to_vec()),
            Ok(Event::Text(text)) if !text.iter().all(u8::is_ascii_whitespace) => return None,
            Ok(Event::Eof) | Err(_) => return None,
            Ok(_) => {}
        }
    }
}

/// What came instead.
fn is_not(what: &str, body: &[u8]) -> NetError {
    let head = &body[..body.len().min(1024)];
    let html = head.windows(5).any(|w| w.eq_ignore_ascii_case(b"<html") || w.eq_ignore_ascii_case(b"<!doc"));
    NetError::Garbled(match () {
        () if html => "it answered with a web page".to_owned(),
        () if body.is_empty() => "it answered with nothing".to_owned(),
        () => format!("it answered no {what}, but {:?}", show(&head[..head.len().min(40)])),
    })
}

/// `&amp;` and `&#27;`: control characters too, which XML forbids and stores send.
pub fn push_reference(name: &[u8], text: &mut Vec<u8>) {
    let number = |digits: &[u8], radix| {
        let digits = std::str::from_utf8(digits).ok()?;
        char::from_u32(u32::from_str_radix(digits, radix).ok()?)
    };
    let found = match name {
        b"amp" => Some('&'),
        b"lt" => Some('<'),
        b"gt" => Some('>'),
        b"quot" => Some('"'),
        b"apos" => Some('\''),
        [b'#', b'x' | b'X', hex @ ..] => number(hex, 16),
        [b'#', decimal @ ..] => number(decimal, 10),
        _ => None,
    };
    match found {
        Some(c) => text.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        None => {
            text.push(b'&');
            text.extend_from_slice(name);
            text.push(b';');
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Default)]
    struct All(Vec<String>);
    impl Walk for All {
        fn close(&mut self, path: &[u8], text: &[u8]) {
            self.0.push(format!("{}={}", show(path), show(text)));
        }
    }

    #[test]
    fn elements_are_told_by_path_whatever_their_prefix() {
        let mut all = All::default();
        let body = "\u{feff}<?xml version=\"1.0\"?><D:a xmlns:D=\"DAV:\"><D:b><lp1:c>1&amp;2</lp1:c><e/></D:b></D:a>";
        walk(body.as_bytes(), b"a", "thing", &mut all).unwrap();
        assert_eq!(all.0, ["b/c=1&2", "b/e=", "b=", "="]);
        assert_eq!(root(body.as_bytes()).as_deref(), Some(&b"a"[..]));
        assert_eq!(root(b"{}"), None);
        let deep = "<a>".repeat(5000);
        assert!(matches!(walk(deep.as_bytes(), b"a", "thing", &mut all), Err(NetError::Garbled(_))));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(body: Vec<u8>, tail in "[<>&;/a-z#\"=!\\[\\]-]{0,60}") {
            let _ = walk(&body, b"a", "thing", &mut All::default());
            let _ = walk(format!("<a><b>{tail}").as_bytes(), b"a", "thing", &mut All::default());
            let _ = root(&body);
        }
    }
}
