//! One region's object store: an S3 server over a folder, in which a bucket
//! is a folder and a key a file.

use std::{
    fs::{self, File, FileTimes},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use lifeboat_core::model::Time;
use s3s::{
    auth::SimpleAuth,
    service::{S3Service, S3ServiceBuilder},
};
use s3s_fs::FileSystem;
use serde::{Deserialize, Serialize};
use tokio::sync::RwLock;

use super::region::Region;

/// What a client signs its requests with; the shape of the file that the
/// estate's `credentials` name.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Keys {
    pub access_key_id: String,
    pub secret_access_key: String,
}

/// The folder of one bucket, written to by the region's jobs.
#[derive(Debug)]
pub struct Bucket {
    root: PathBuf,
    /// Where a file is written before it is renamed into the bucket.
    spool: PathBuf,
    /// Requests read, jobs write: a listing never meets half a job.
    quiet: RwLock<()>,
}

impl Bucket {
    /// `stores` and `spool` lie on one file system.
    pub fn new(stores: &Path, spool: &Path, region: Region) -> io::Result<Self> {
        let root = stores.join(region.id()).join(region.bucket());
        fs::create_dir_all(&root)?;
        fs::create_dir_all(spool)?;
        Ok(Self { root, spool: spool.join(region.id()), quiet: RwLock::new(()) })
    }

    /// Runs a job's writes while no request is being answered. Blocks, so
    /// not for asynchronous tasks.
    pub fn change<T>(&self, job: impl FnOnce(&Writer<'_>) -> io::Result<T>) -> io::Result<T> {
        let _quiet = self.quiet.blocking_write();
        job(&Writer(self))
    }

    pub fn path(&self, key: &str) -> PathBuf {
        self.root.join(key)
    }
}

/// The right to change a bucket.
pub struct Writer<'a>(&'a Bucket);

impl Writer<'_> {
    /// Writes an object whole or not at all, last modified at `at`.
    pub fn put(&self, key: &str, bytes: &[u8], at: Time) -> io::Result<()> {
        let path = self.0.path(key);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut file = File::create(&self.0.spool)?;
        file.write_all(bytes)?;
        file.set_times(FileTimes::new().set_modified(at.into()))?;
        fs::rename(&self.0.spool, path)
    }
    pub fn read(&self, key: &str) -> io::Result<Vec<u8>> {
        fs::read(self.0.path(key))
    }
    /// Removes an object; one that is not there is removed already.
    pub fn remove(&self, key: &str) -> io::Result<()> {
        gone_is_fine(fs::remove_file(self.0.path(key)))
    }
    /// Removes all objects below a prefix that ends where a folder does.
    pub fn remove_below(&self, prefix: &str) -> io::Result<()> {
        gone_is_fine(fs::remove_dir_all(self.0.path(prefix)))
    }
    /// The names right below a prefix, sorted.
    pub fn names(&self, prefix: &str) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(self.0.path(prefix)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut names = entries
            .map(|entry| entry.map(|e| e.file_name().to_string_lossy().into_owned()))
            .collect::<io::Result<Vec<_>>>()?;
        names.sort();
        Ok(names)
    }
}

fn gone_is_fine(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

/// The S3 server of a region.
#[derive(Clone)]
pub struct S3 {
    service: S3Service,
    bucket: Arc<Bucket>,
}

impl S3 {
    pub fn new(stores: &Path, region: Region, keys: &Keys, bucket: Arc<Bucket>) -> io::Result<Self> {
        let files =
            FileSystem::new(stores.join(region.id())).map_err(|e| io::Error::other(format!("{e:?}")))?;
        let mut builder = S3ServiceBuilder::new(files);
        builder.set_auth(SimpleAuth::from_single(&*keys.access_key_id, &*keys.secret_access_key));
        Ok(Self { service: builder.build(), bucket })
    }

    pub async fn answer(self, request: Request<Incoming>) -> Response<s3s::Body> {
        let _reading = self.bucket.quiet.read().await;
        self.service.call(request.map(s3s::Body::from)).await.unwrap_or_else(|_| {
            let mut failed = Response::new(s3s::Body::empty());
            *failed.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            failed
        })
    }
}
