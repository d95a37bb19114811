//! The common form of a listing, read in one pass over its bytes: elements
//! without attributes, text without references but the quotes of an ETag.
//! Whatever looks otherwise is left to the XML reader, which has the last word
//! on what is right; the two agree on all that is read here (a property).

use chrono::DateTime;

use super::{
    listing::{Class, Page},
    s3xml::PageEnd,
};

/// A page as listed, before keys are decoded.
#[derive(Debug, Default)]
pub(super) struct Raw {
    pub page: Page,
    pub end: PageEnd,
    pub url_encoded: bool,
}

/// `None`: not of the common form, or not whole.
pub(super) fn read(body: &[u8]) -> Option<Raw> {
    let mut at = Cursor(body);
    at.skip_space();
    if at.0.starts_with(b"<?xml ") {
        at.0 = &at.0[find(at.0, b"?>")? + 2..];
        at.skip_space();
    }
    at.take(b"<ListBucketResult")?;
    let attributes = at.until(b'>')?;
    if attributes.ends_with(b"/") || attributes.first().is_some_and(|b| !b.is_ascii_whitespace()) {
        return None;
    }
    let mut raw = Raw { page: Page::with_room(body.len()), ..Raw::default() };
    loop {
        at.skip_space();
        if at.take(b"<Contents>").is_some() {
            object(&mut at, &mut raw.page)?;
        } else if at.take(b"<CommonPrefixes>").is_some() {
            at.skip_space();
            at.take(b"<Prefix>")?;
            raw.page.push_prefix(at.text(b"Prefix")?);
            at.skip_space();
            at.take(b"</CommonPrefixes>")?;
        } else if at.take(b"</ListBucketResult>").is_some() {
            return Some(raw);
        } else {
            let name = at.open()?;
            let text = at.text(name)?;
            match name {
                b"IsTruncated" => raw.end.truncated = text == b"true",
                b"EncodingType" => raw.url_encoded = text == b"url",
                b"NextContinuationToken" => {
                    raw.end.token =
                        std::str::from_utf8(text).ok().filter(|t| !t.is_empty()).map(str::to_owned);
                }
                _ => {}
            }
        }
    }
}

fn object(at: &mut Cursor<'_>, page: &mut Page) -> Option<()> {
    let (mut key, mut etag, mut size, mut modified) = (None, &b""[..], 0, None);
    let mut class = Class::Online;
    loop {
        at.skip_space();
        if at.take(b"</Contents>").is_some() {
            page.push(key?, etag, size, modified);
            page.classify(class);
            return Some(());
        }
        match at.open()? {
            // who owns it; nothing in it has a name that counts here
            b"Owner" => at.0 = &at.0[find(at.0, b"</Owner>")? + 8..],
            b"ETag" => etag = at.etag()?,
            // two would be joined or the last would count: not the common form
            b"Key" if key.is_some() => return None,
            b"Key" => key = Some(at.text(b"Key")?),
            b"Size" => size = number(at.text(b"Size")?)?,
            b"StorageClass" => class = Class::s3(at.text(b"StorageClass")?),
            b"LastModified" => modified = instant(at.text(b"LastModified")?),
            name => {
                at.text(name)?;
            }
        }
    }
}

struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn skip_space(&mut self) {
        self.0 = self.0.trim_ascii_start();
    }
    fn take(&mut self, what: &[u8]) -> Option<()> {
        self.0 = self.0.strip_prefix(what)?;
        Some(())
    }
    fn until(&mut self, end: u8) -> Option<&'a [u8]> {
        let at = self.0.iter().position(|b| *b == end)?;
        let (before, rest) = (&self.0[..at], &self.0[at + 1..]);
        self.0 = rest;
        Some(before)
    }
    /// `<Name>`.
    fn open(&mut self) -> Option<&'a [u8]> {
        self.take(b"<")?;
        let name = self.until(b'>')?;
        name.iter().all(u8::is_ascii_alphanumeric).then_some(name)
    }
    /// `text</Name>`.
    fn text(&mut self, name: &[u8]) -> Option<&'a [u8]> {
        let at = self.0.iter().position(|b| matches!(b, b'<' | b'&'))?;
        let text = &self.0[..at];
        self.0 = &self.0[at..];
        self.close(name)?;
        Some(text)
    }
    fn close(&mut self, name: &[u8]) -> Option<()> {
        self.take(b"</")?;
        self.take(name)?;
        self.take(b">")
    }
    /// In quotes, as they are or as references, or in none.
    fn etag(&mut self) -> Option<&'a [u8]> {
        const QUOTE: &[u8] = b"&quot;";
        if self.0.starts_with(QUOTE) {
            self.0 = &self.0[QUOTE.len()..];
            let at = self.0.iter().position(|b| matches!(b, b'<' | b'&'))?;
            let text = &self.0[..at];
            self.0 = &self.0[at..];
            self.take(QUOTE)?;
            self.close(b"ETag")?;
            return Some(text);
        }
        let text = self.text(b"ETag")?;
        Some(text.strip_prefix(b"\"").and_then(|t| t.strip_suffix(b"\"")).unwrap_or(text))
    }
}

fn find(within: &[u8], what: &[u8]) -> Option<usize> {
    within.windows(what.len()).position(|w| w == what)
}

fn number(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// RFC 3339 to milliseconds since 1970.
pub(super) fn instant(text: &[u8]) -> Option<i64> {
    utc(text).or_else(|| {
        let text = std::str::from_utf8(text).ok()?;
        Some(DateTime::parse_from_rfc3339(text).ok()?.timestamp_millis())
    })
}

/// `2026-11-22T01:30:00.250Z` and the like without its fraction.
fn utc(text: &[u8]) -> Option<i64> {
    let (whole, millis) = match text {
        [whole @ .., b'.', a, b, c, b'Z'] => (whole, digits(&[*a, *b, *c])?),
        [whole @ .., b'Z'] => (whole, 0),
        _ => return None,
    };
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T', h1, h2, b':', n1, n2, b':', s1, s2] = *whole
    else {
        return None;
    };
    let (year, month, day) = (digits(&[y1, y2, y3, y4])?, digits(&[m1, m2])?, digits(&[d1, d2])?);
    let (hour, minute, second) = (digits(&[h1, h2])?, digits(&[n1, n2])?, digits(&[s1, s2])?);
    // days that not all months have, and leap seconds, are the calendar's matter
    if !(1..=12).contains(&month) || !(1..=28).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    // days since 1970-01-01 with years that begin in March (Hinnant's days_from_civil)
    let shifted = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (shifted.div_euclid(400), shifted.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + day_of_year - 719_468;
    Some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000 + millis)
}

fn digits(text: &[u8]) -> Option<i64> {
    text.iter().try_fold(0, |all, b| b.is_ascii_digit().then(|| all * 10 + i64::from(b - b'0')))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn instants_are_those_of_the_calendar() {
        for text in [
            "1970-01-01T00:00:00Z",
            "2000-02-29T12:00:00Z",
            "2026-11-22T01:30:00.250Z",
            "2026-11-31T00:00:00Z",
        ] {
            let told = DateTime::parse_from_rfc3339(text).ok().map(|at| at.timestamp_millis());
            assert_eq!(instant(text.as_bytes()), told, "{text}");
        }
        assert_eq!(instant(b"yesterday"), None);
    }

    proptest! {
        #[test]
        fn every_instant_is_that_of_the_calendar(ms in 0i64..4_102_444_800_000) {
            let text = DateTime::from_timestamp_millis(ms).unwrap().to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
            prop_assert_eq!(instant(text.as_bytes()), Some(ms));
        }
    }
}
