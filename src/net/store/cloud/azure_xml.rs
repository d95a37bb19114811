//! Pages of Azure's List Blobs. Pure. Format: `EnumerationResults`.

use quick_xml::events::BytesStart;

use super::super::{
    Class,
    key::percent_decode,
    wire::{bare, http_date},
};
use super::Page;
use crate::net::{
    NetError,
    xml::{Walk, walk},
};

/// Reads a page, keys without the leading `root`, and the marker of the next.
/// Never panics, whatever the bytes.
pub(super) fn parse_list(body: &[u8], root: &[u8]) -> Result<(Page, Option<String>), NetError> {
    let mut state = Parse::default();
    walk(body, b"EnumerationResults", "listing", &mut state)?;
    state.page.strip_root(root);
    Ok((state.page, state.marker))
}

#[derive(Default)]
struct Parse {
    page: Page,
    marker: Option<String>,
    name: Vec<u8>,
    encoded: bool,
    etag: Vec<u8>,
    size: u64,
    modified: Option<i64>,
    class: Class,
}

impl Walk for Parse {
    fn open(&mut self, path: &[u8], tag: &BytesStart<'_>) {
        match path {
            b"Blobs/Blob" | b"Blobs/BlobPrefix" => {
                self.name.clear();
                self.etag.clear();
                (self.size, self.modified, self.encoded) = (0, None, false);
                self.class = Class::Online;
            }
            // names that XML cannot hold are sent percent-encoded
            b"Blobs/Blob/Name" | b"Blobs/BlobPrefix/Name" => {
                let said = tag.try_get_attribute("Encoded").ok().flatten();
                self.encoded = said.is_some_and(|a| a.value.eq_ignore_ascii_case(b"true"));
            }
            _ => {}
        }
    }

    fn close(&mut self, path: &[u8], text: &[u8]) {
        let word = || std::str::from_utf8(text).ok();
        match path {
            b"NextMarker" => self.marker = word().filter(|t| !t.is_empty()).map(str::to_owned),
            b"Blobs/Blob/Name" | b"Blobs/BlobPrefix/Name" => {
                self.name = if self.encoded { percent_decode(text) } else { text.to_vec() };
            }
            b"Blobs/Blob/Properties/Content-Length" => {
                self.size = word().and_then(|t| t.parse().ok()).unwrap_or(0);
            }
            b"Blobs/Blob/Properties/Last-Modified" => {
                self.modified = word().and_then(http_date).map(|t| t.timestamp_millis());
            }
            b"Blobs/Blob/Properties/Etag" => {
                self.etag = word().map(|t| bare(t).as_bytes().to_vec()).unwrap_or_default();
            }
            b"Blobs/Blob/Properties/AccessTier" => self.class = Class::azure(text),
            b"Blobs/Blob" => {
                self.page.push(&self.name, &self.etag, self.size, self.modified);
                self.page.classify(self.class);
            }
            b"Blobs/BlobPrefix" => self.page.push_prefix(&self.name),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::show;
    use super::*;
    use proptest::prelude::*;

    /// As Azure sends it (2023-11-03), shortened.
    const PAGE: &str = "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults ServiceEndpoint=\"https://a.blob.core.windows.net/\" ContainerName=\"backups\"><Prefix>pg/</Prefix><Delimiter>/</Delimiter><Blobs><Blob><Name>pg/a&amp;b</Name><Properties><Creation-Time>Sun, 22 Nov 2026 01:30:00 GMT</Creation-Time><Last-Modified>Sun, 22 Nov 2026 01:30:00 GMT</Last-Modified><Etag>0x8DC1</Etag><Content-Length>42</Content-Length><BlobType>BlockBlob</BlobType><AccessTier>Archive</AccessTier></Properties><OrMetadata /></Blob><Blob><Name Encoded=\"true\">pg/c%EF%BF%BEd</Name><Properties><Content-Length>1</Content-Length></Properties></Blob><BlobPrefix><Name>pg/dir/</Name></BlobPrefix></Blobs><NextMarker>2!80!MDAw--</NextMarker></EnumerationResults>";

    #[test]
    fn a_page_gives_keys_sizes_times_and_the_next_marker() {
        let (page, marker) = parse_list(PAGE.as_bytes(), b"pg/").unwrap();
        let rows: Vec<_> = page.entries().map(|e| (show(e.key), e.size, e.modified_ms())).collect();
        assert_eq!(rows[0], ("a&b".into(), 42, Some(1_795_311_000_000)));
        assert_eq!(rows[1].1, 1);
        assert_eq!(page.entries().nth(1).unwrap().key, b"c\xef\xbf\xbed");
        assert_eq!(page.prefixes().collect::<Vec<_>>(), [b"dir/"]);
        assert_eq!(page.entries().next().unwrap().etag, b"0x8DC1");
        assert_eq!(marker.as_deref(), Some("2!80!MDAw--"));
        assert_eq!(page.entries().map(|e| e.class).collect::<Vec<_>>(), [Class::AzureArchive, Class::Online]);
    }

    #[test]
    fn what_is_no_listing_is_told_apart() {
        for cut in [PAGE.len() - 1, PAGE.len() / 2] {
            assert!(matches!(parse_list(&PAGE.as_bytes()[..cut], b""), Err(NetError::Cut(_))), "{cut}");
        }
        for other in ["", "{}", "<html>Sign in</html>", "<ListBucketResult/>"] {
            assert!(matches!(parse_list(other.as_bytes(), b""), Err(NetError::Garbled(_))), "{other}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(body: Vec<u8>, at in 0usize..700, tail in "[<>&;/a-zA-Z#%\"=]{0,60}") {
            let _ = parse_list(&body, b"");
            let mut page = PAGE.as_bytes()[..at.min(PAGE.len())].to_vec();
            page.extend_from_slice(tail.as_bytes());
            let _ = parse_list(&page, b"pg/");
        }
    }
}
