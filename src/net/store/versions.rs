//! Older versions of objects, where a bucket of S3 keeps them. Format: the S3 API
//! reference, `ListVersionsResult`. Servers exist that hand out the newest bytes
//! whatever version they are asked for: a version is believed by its tag.

use lifeboat_core::model::{Code, Problem, Time};

use super::{About, Backend, Class, Object, Question, Repo, Work, form_decode, s3fast::instant, show, wire};
use crate::net::{
    NetError,
    xml::{Walk, root, walk},
};

const MAX_PAGE: usize = 16 << 20;

/// One version, or the mark of a deletion.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Kept {
    pub key: Vec<u8>,
    pub id: String,
    /// Whether it is what the key stands for now.
    pub current: bool,
    pub deletion: bool,
    pub stored: Option<Time>,
    pub size: u64,
    pub etag: Vec<u8>,
    pub class: Class,
}

/// A page, with where the next begins.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Versions {
    pub kept: Vec<Kept>,
    truncated: bool,
    next_key: Vec<u8>,
    next_id: String,
}

/// Never panics, whatever the bytes.
pub(super) fn parse(body: &[u8]) -> Result<Versions, NetError> {
    let mut state = Parse::default();
    walk(body, b"ListVersionsResult", "list of versions", &mut state)?;
    let mut page = state.page;
    if state.encoded {
        page.next_key = form_decode(&page.next_key);
        page.kept.iter_mut().for_each(|kept| kept.key = form_decode(&kept.key));
    }
    Ok(page)
}

#[derive(Default)]
struct Parse {
    page: Versions,
    encoded: bool,
    row: Kept,
}

impl Walk for Parse {
    fn close(&mut self, path: &[u8], text: &[u8]) {
        let word = || String::from_utf8_lossy(text).into_owned();
        let inside = path.strip_prefix(b"Version/").or_else(|| path.strip_prefix(b"DeleteMarker/"));
        match (path, inside) {
            (_, Some(b"Key")) => self.row.key = text.to_vec(),
            (_, Some(b"VersionId")) => self.row.id = word(),
            (_, Some(b"IsLatest")) => self.row.current = text == b"true",
            (_, Some(b"LastModified")) => {
                self.row.stored = instant(text).and_then(Time::from_timestamp_millis);
            }
            (_, Some(b"Size")) => self.row.size = word().parse().unwrap_or(0),
            (_, Some(b"ETag")) => self.row.etag = wire::bare(&word()).as_bytes().to_vec(),
            (_, Some(b"StorageClass")) => self.row.class = Class::s3(text),
            (b"Version" | b"DeleteMarker", _) => {
                self.row.deletion = path == b"DeleteMarker";
                self.page.kept.push(std::mem::take(&mut self.row));
            }
            (b"IsTruncated", _) => self.page.truncated = text == b"true",
            (b"EncodingType", _) => self.encoded = text == b"url",
            (b"NextKeyMarker", _) => self.page.next_key = text.to_vec(),
            (b"NextVersionIdMarker", _) => self.page.next_id = word(),
            _ => {}
        }
    }
}

impl Repo {
    /// Every version of what lies below `prefix`, keys ascending, of each the
    /// newest first; `None` where the store keeps or lists none. Errors: as a
    /// listing's, and LB-STORE-010 for more than `max`.
    pub async fn versions(
        &self,
        prefix: &[u8],
        max: usize,
        work: &Work,
    ) -> Result<Option<Vec<Kept>>, Problem> {
        let Backend::S3(s3) = &self.backend else { return Ok(None) };
        let full = [s3.root(), prefix].concat();
        let (mut all, mut from) = (Vec::new(), (Vec::new(), String::new()));
        loop {
            let mut query: Vec<(&str, &[u8])> = vec![("encoding-type", b"url"), ("prefix", &full)];
            if !from.0.is_empty() {
                query.extend([("key-marker", &*from.0), ("version-id-marker", from.1.as_bytes())]);
            }
            query.push(("versions", b""));
            let question = Question { max_body: MAX_PAGE, ..Question::get(About::Bucket, &query) };
            let answer = self.question(&question, work).await?;
            let told = |e| self.problem(e, Some(prefix));
            if !answer.status.is_success() {
                return match answer.status.as_u16() {
                    400 | 404 | 405 | 501 => Ok(None),
                    _ => Err(told(super::s3::told(&answer))),
                };
            }
            let body = answer.whole_body(MAX_PAGE as u64).map_err(told)?;
            // what does not know the question answers another one
            if root(&body).is_some_and(|name| name != b"ListVersionsResult") {
                return Ok(None);
            }
            let page = parse(&body).map_err(told)?;
            work.count_keys(page.kept.len(), self.id())?;
            let next = (page.next_key, page.next_id);
            all.extend(page.kept.into_iter().filter_map(|mut kept| {
                kept.key = kept.key.strip_prefix(s3.root())?.to_vec();
                Some(kept)
            }));
            if all.len() > max {
                let why = format!("more than {max} versions below {}", show(prefix));
                return Err(Problem::new(Code::STORE_CEILING, self.id()).because(why));
            }
            match page.truncated {
                false => return Ok(Some(all)),
                true if next.0.is_empty() || next == from => {
                    let why = "its list of versions promises more and does not go on";
                    return Err(told(NetError::Garbled(why.to_owned())));
                }
                true => from = next,
            }
        }
    }

    /// One version of an object. Errors: as `get`, and LB-STORE-008 where what
    /// came is another version.
    pub async fn get_version(&self, kept: &Kept, max: u64, work: &Work) -> Result<Object, Problem> {
        let told = |e| self.problem(e, Some(&kept.key));
        let query: [(&str, &[u8]); 1] = [("versionId", kept.id.as_bytes())];
        let room = usize::try_from(max).unwrap_or(usize::MAX);
        let question = Question { max_body: room, ..Question::get(About::Key(&kept.key), &query) };
        let answer = self.question(&question, work).await?;
        if !answer.status.is_success() {
            return Err(told(super::s3::told(&answer)));
        }
        let object = wire::object(answer, None, max).map_err(told)?;
        match object.meta.etag.as_deref().map(str::as_bytes) == Some(&*kept.etag) {
            true => Ok(object),
            false => Err(told(NetError::Garbled(format!("it handed out another version than {}", kept.id)))),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn versions_and_deletions_are_told_apart() {
        let body = "<ListVersionsResult><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>\
            <NextKeyMarker>a%2Fb</NextKeyMarker><NextVersionIdMarker>v0</NextVersionIdMarker>\
            <Version><Key>a%2Fb</Key><VersionId>v1</VersionId><IsLatest>false</IsLatest>\
            <LastModified>2026-11-20T09:00:00.000Z</LastModified><ETag>&quot;a0&quot;</ETag><Size>7</Size>\
            <StorageClass>GLACIER</StorageClass><Owner><ID>x</ID></Owner></Version>\
            <DeleteMarker><Key>a%2Fc</Key><VersionId>v2</VersionId><IsLatest>true</IsLatest></DeleteMarker>\
            </ListVersionsResult>";
        let page = parse(body.as_bytes()).unwrap();
        let first = Kept {
            key: b"a/b".to_vec(),
            id: "v1".to_owned(),
            stored: Some("2026-11-20T09:00:00Z".parse().unwrap()),
            size: 7,
            etag: b"a0".to_vec(),
            class: Class::Glacier,
            ..Kept::default()
        };
        let second = Kept {
            key: b"a/c".to_vec(),
            id: "v2".to_owned(),
            current: true,
            deletion: true,
            ..Kept::default()
        };
        assert_eq!(page.kept, [first, second]);
        assert_eq!((page.truncated, &*page.next_key, &*page.next_id), (true, &b"a/b"[..], "v0"));
        assert!(parse(b"<ListBucketResult/>").is_err() && parse(&body.as_bytes()[..90]).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_panic(body: Vec<u8>, tail in "[<>&;/a-zA-Z#%]{0,60}") {
            let _ = parse(&body);
            let _ = parse(format!("<ListVersionsResult><Version><Key>{tail}").as_bytes());
        }
    }
}
