//! Writing to a store. Nothing that only looks calls this: it is for the
//! `copy` step. Objects appear whole or not at all; what is large goes in
//! parts, so that an interrupted copy goes on with the next part.

use std::{
    fs, io,
    io::Write as _,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use http::{HeaderMap, Method};
use lifeboat_core::model::{Code, Problem};

use super::{Backend, Repo, file, show, to_path};
use crate::net::{NetError, Work};

/// One part of a large object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartSent {
    /// From 1.
    pub number: u32,
    /// What the store calls it.
    pub tag: String,
}

/// A name that no listing of ours takes for an object.
const HALF: &str = ".lifeboat-half-";

impl Repo {
    /// Writes one object. Errors: those of asking for one, and LB-STORE-011
    /// for a kind of store that is only read.
    pub async fn put(&self, key: &[u8], bytes: Bytes, work: &Work) -> Result<(), Problem> {
        let done = match &self.backend {
            Backend::S3(s3) => s3.put(key, &[], bytes, work).await.map(|_| ()),
            Backend::Files(files) => files.write(key, bytes, work).await,
            _ => return Err(self.unwritable()),
        };
        done.map_err(|e| self.problem(e, Some(key)))
    }

    /// Begins a large object; its parts name what this gives back.
    pub async fn begin_parts(&self, key: &[u8], work: &Work) -> Result<String, Problem> {
        let begun = match &self.backend {
            Backend::S3(s3) => s3.begin_parts(key, work).await,
            Backend::Files(_) => Ok(format!("{HALF}{:016x}", fastrand::u64(..))),
            _ => return Err(self.unwritable()),
        };
        begun.map_err(|e| self.problem(e, Some(key)))
    }

    /// `at`: where the part begins in the object.
    pub async fn put_part(
        &self,
        key: &[u8],
        upload: &str,
        (number, at): (u32, u64),
        bytes: Bytes,
        work: &Work,
    ) -> Result<PartSent, Problem> {
        let n = number.to_string();
        let query = [("partNumber", n.as_bytes()), ("uploadId", upload.as_bytes())];
        let tag = match &self.backend {
            Backend::S3(s3) => s3.put(key, &query, bytes, work).await,
            Backend::Files(files) => {
                files.write_part(key, upload, at, bytes, work).await.map(|()| String::new())
            }
            _ => return Err(self.unwritable()),
        };
        tag.map(|tag| PartSent { number, tag }).map_err(|e| self.problem(e, Some(key)))
    }

    /// Makes one object of all its parts, in the order of their numbers.
    pub async fn end_parts(
        &self,
        key: &[u8],
        upload: &str,
        parts: &[PartSent],
        work: &Work,
    ) -> Result<(), Problem> {
        let done = match &self.backend {
            Backend::S3(s3) => s3.end_parts(key, upload, parts, work).await,
            Backend::Files(files) => files.end_parts(key, upload, work).await,
            _ => return Err(self.unwritable()),
        };
        done.map_err(|e| self.problem(e, Some(key)))
    }

    fn unwritable(&self) -> Problem {
        let why = "objects are copied into S3 and folders only; copy into this one with a `command` step";
        Problem::new(Code::STORE_URL, &self.id).because(why)
    }
}

impl super::s3::S3 {
    async fn begin_parts(&self, key: &[u8], work: &Work) -> Result<String, NetError> {
        let answer =
            self.write(Method::POST, key, &[("uploads", b"")], Bytes::new(), HeaderMap::new(), work).await?;
        field(&answer.body, "UploadId").ok_or_else(|| NetError::Garbled("it names no upload".to_owned()))
    }

    /// What the store calls what it took.
    async fn put(
        &self,
        key: &[u8],
        query: &[(&str, &[u8])],
        bytes: Bytes,
        work: &Work,
    ) -> Result<String, NetError> {
        let answer = self.write(Method::PUT, key, query, bytes, HeaderMap::new(), work).await?;
        Ok(answer.header("etag").unwrap_or_default().to_owned())
    }

    async fn end_parts(
        &self,
        key: &[u8],
        upload: &str,
        parts: &[PartSent],
        work: &Work,
    ) -> Result<(), NetError> {
        let plain = |tag: &str| tag.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
        let each = |p: &PartSent| {
            format!("<Part><PartNumber>{}</PartNumber><ETag>{}</ETag></Part>", p.number, plain(&p.tag))
        };
        let body: String = parts.iter().map(each).collect();
        let body = format!("<CompleteMultipartUpload>{body}</CompleteMultipartUpload>");
        let query = [("uploadId", upload.as_bytes())];
        let answer = self.write(Method::POST, key, &query, body.into(), HeaderMap::new(), work).await?;
        // It may answer 200 and then say in the body that it failed.
        match field(&answer.body, "ETag") {
            Some(_) => Ok(()),
            None => Err(NetError::Server("it did not put the parts together".to_owned())),
        }
    }
}

/// The text of the only element of this name.
fn field(body: &[u8], name: &str) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    let (_, after) = text.split_once(&format!("<{name}>"))?;
    let (value, _) = after.split_once(&format!("</{name}>"))?;
    let value = value.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    (!value.is_empty()).then_some(value)
}

impl file::Files {
    async fn write(self: &Arc<Self>, key: &[u8], bytes: Bytes, work: &Work) -> Result<(), NetError> {
        let path = self.for_writing(key)?;
        let half = half(&path, &format!("{HALF}{:016x}", fastrand::u64(..)))?;
        file::aside(work, move || {
            let whole = || {
                let mut out = fs::File::create(&half)?;
                out.write_all(&bytes)?;
                out.sync_all()?;
                fs::rename(&half, &path)
            };
            whole().map_err(|e| NetError::from_file(&e))
        })
        .await
    }

    async fn write_part(
        self: &Arc<Self>,
        key: &[u8],
        upload: &str,
        at: u64,
        bytes: Bytes,
        work: &Work,
    ) -> Result<(), NetError> {
        let half = half(&self.for_writing(key)?, upload)?;
        file::aside(work, move || {
            let out = fs::OpenOptions::new().write(true).create(true).truncate(false).open(half);
            let part = out.and_then(|out| out.write_all_at(&bytes, at).and_then(|()| out.sync_all()));
            part.map_err(|e| NetError::from_file(&e))
        })
        .await
    }

    async fn end_parts(self: &Arc<Self>, key: &[u8], upload: &str, work: &Work) -> Result<(), NetError> {
        let path = self.for_writing(key)?;
        let half = half(&path, upload)?;
        file::aside(work, move || fs::rename(half, path).map_err(|e| NetError::from_file(&e))).await
    }

    /// The file of a key, its folder made where it is not there. No link may
    /// lead it out of the root.
    fn for_writing(&self, key: &[u8]) -> Result<PathBuf, NetError> {
        let plain = |part: &[u8]| !part.is_empty() && part != b"." && part != b".." && !part.contains(&0);
        if !key.split(|b| *b == b'/').all(plain) {
            return Err(NetError::Missing(format!("no file can be named {:?}", show(key))));
        }
        let told = |e: io::Error| NetError::from_file(&e);
        fs::create_dir_all(self.root()).map_err(told)?;
        let root = self.root().canonicalize().map_err(told)?;
        let path = root.join(to_path(key));
        let folder = path.parent().unwrap_or(&root);
        // The deepest folder that is there already decides where the rest is made.
        let there = folder.ancestors().find(|f| f.exists()).unwrap_or(&root);
        let inside = |at: &Path| at.canonicalize().is_ok_and(|real| real.starts_with(&root));
        if !inside(there) {
            return Err(NetError::Guard("a link leaves the store".to_owned()));
        }
        fs::create_dir_all(folder).map_err(told)?;
        match inside(folder) && fs::symlink_metadata(&path).map_or(true, |m| m.is_file()) {
            true => Ok(path),
            false => Err(NetError::Guard("a link leaves the store".to_owned())),
        }
    }
}

fn half(path: &Path, upload: &str) -> Result<PathBuf, NetError> {
    match upload.strip_prefix(HALF) {
        Some(hex) if hex.bytes().all(|b| b.is_ascii_hexdigit()) => Ok(path.with_file_name(upload)),
        _ => Err(NetError::Missing("there is no such upload".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio_util::sync::CancellationToken;

    #[tokio::test]
    async fn a_folder_takes_objects_whole_and_stays_inside_its_root() {
        let dir = tempfile::tempdir().unwrap();
        let repo = Repo::folder("fra", dir.path().join("store"));
        let work = Work::new(CancellationToken::new());
        repo.put(b"a/b", "one".into(), &work).await.unwrap();
        let upload = repo.begin_parts(b"a/big", &work).await.unwrap();
        for (n, at, part) in [(2, 3, "two"), (1, 0, "one")] {
            repo.put_part(b"a/big", &upload, (n, at), part.into(), &work).await.unwrap();
        }
        assert!(repo.get_if_there(b"a/big", 10, &work).await.unwrap().is_none(), "not before it is whole");
        repo.end_parts(b"a/big", &upload, &[], &work).await.unwrap();
        assert_eq!(&repo.get(b"a/big", None, 10, &work).await.unwrap().bytes[..], b"onetwo");
        assert_eq!(fs::read_dir(dir.path().join("store/a")).unwrap().count(), 2, "nothing half is left");
        std::os::unix::fs::symlink(dir.path(), dir.path().join("store/out")).unwrap();
        for key in [&b"../x"[..], b"out/x", b"a//b", b"a/./b", b"out", b""] {
            assert!(repo.put(key, "x".into(), &work).await.is_err(), "{}", show(key));
        }
        assert!(repo.end_parts(b"a/b", "../../x", &[], &work).await.is_err());
        assert!(!dir.path().join("x").exists());
    }

    #[test]
    fn a_field_is_read_out_of_an_answer() {
        assert_eq!(field(b"<a><UploadId>x&amp;y</UploadId></a>", "UploadId").as_deref(), Some("x&y"));
        assert_eq!(field(b"<Error><Code>no</Code></Error>", "ETag"), None);
        assert_eq!(field(b"\xff", "ETag"), None);
    }
}
