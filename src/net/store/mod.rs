//! Opening, listing and reading stores. A new kind of store is one file here,
//! one variant of `Backend` and one arm of `open`.

mod auth;
mod bearer;
mod cache;
mod cloud;
mod credentials;
mod file;
mod jwt;
mod kept;
mod key;
mod listing;
mod newest;
mod put;
mod s3;
mod s3fast;
mod s3xml;
mod spread;
#[cfg(test)]
mod tests;
mod versions;
mod web;
mod wire;

use std::{ops::Range, path::PathBuf, sync::Arc};

use bytes::Bytes;
use lifeboat_core::model::{Code, Problem, Store, Time};
use object_store::aws::AwsCredential;

use super::{Answer, Http, NetError, Secrets, Side, Work};
pub use cache::Cache;
pub use cloud::{About, Question};
pub use file::to_path as as_path;
use file::to_path;
pub use key::{form_decode, show};
pub use listing::{Class, Entry, ListOptions, Listing, Page, Version};
pub use put::PartSent;
pub use spread::Spread;
pub use versions::Kept;
pub use web::{Web, WebKind};

/// Something that takes bytes from outside; its name is that of its fuzz target.
pub type Parser = (&'static str, fn(&[u8]));

/// See `crate::parsers`.
pub(crate) const PARSERS: &[Parser] = &[
    ("s3_listing", |b| {
        let _ = s3xml::parse_list(b, b"");
    }),
    ("s3_versions", |b| {
        let _ = versions::parse(b);
    }),
    ("s3_error", |b| {
        let _ = s3xml::parse_error(b);
    }),
];

/// One store, opened: credentials are resolved, nothing was asked yet.
#[derive(Debug)]
pub struct Repo {
    id: String,
    backend: Backend,
    cache: Option<Arc<Cache>>,
}

#[derive(Debug)]
enum Backend {
    S3(Box<s3::S3>),
    Files(Arc<file::Files>),
    /// Holds no objects: `Repo::web` gives it to the formats that speak to it.
    Web(Box<Web>),
    Cloud(Box<cloud::Cloud>),
}

/// What was read of one object.
#[derive(Debug, Clone)]
pub struct Object {
    pub bytes: Bytes,
    pub meta: Meta,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Meta {
    /// Of the whole object.
    pub size: Option<u64>,
    pub modified: Option<Time>,
    pub etag: Option<String>,
    /// Where the store copies it elsewhere by itself: how far that is.
    pub replication: Option<Replication>,
}

/// What S3 says of the copying of one object (`x-amz-replication-status`, and
/// a column of its inventories). An object that no rule covers has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Replication {
    /// To all places that the rules name.
    Completed,
    Pending,
    /// It is not tried again.
    Failed,
    /// It is itself what came from elsewhere.
    Replica,
}

impl Replication {
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            // the older inventories and some compatibles say it shorter
            "COMPLETED" | "COMPLETE" => Self::Completed,
            "PENDING" => Self::Pending,
            "FAILED" => Self::Failed,
            "REPLICA" => Self::Replica,
            _ => return None,
        })
    }
}

/// Opens a store of a trusted estate. Errors: LB-STORE-011 for a `url` that is
/// no store, LB-SECRET-001 for credentials that are not there, LB-STORE-003 for
/// a `ca` that is not there, LB-TRUST-002 for files that are not as trusted.
pub async fn open(store: &Store, http: &Arc<Http>, secrets: &Secrets) -> Result<Repo, Problem> {
    let id = store.id.to_string();
    let bad = |why: &str| Problem::new(Code::STORE_URL, &id).because(format!("{}: {why}", store.url));
    let (scheme, rest) = store.url.split_once("://").ok_or_else(|| bad("no scheme"))?;
    let backend = match scheme {
        "s3" => {
            let place = s3::Place::of(store, rest).map_err(|why| bad(&why))?;
            let credential = credentials::resolve(store, secrets).await?;
            let (auth, ca) = (s3::auth(&place, credential), ca(store, secrets).await?);
            Backend::S3(Box::new(s3::S3::new(place, wire::Wire { http: Arc::clone(http), ca, auth })))
        }
        "file" => {
            let path = rest.strip_prefix("localhost/").map_or_else(|| rest.to_owned(), |p| format!("/{p}"));
            let path = key::percent_decode(path.as_bytes());
            Backend::Files(Arc::new(file::Files::new(secrets.estate_dir().join(file::to_path(&path)))))
        }
        scheme if let Some(kind) = web::kind_of(scheme) => {
            Backend::Web(Box::new(web::open(store, kind, http, secrets).await?))
        }
        "gs" | "az" | "http" | "https" => {
            Backend::Cloud(Box::new(cloud::open(store, scheme, rest, http, secrets).await?))
        }
        _ => return Err(bad("no such kind of store")),
    };
    Ok(Repo { id, backend, cache: None })
}

/// The keys of an S3 store, for a tool that is not ours; `None`: none are
/// needed. Errors: LB-SECRET-001.
pub async fn keys(store: &Store, secrets: &Secrets) -> Result<Option<AwsCredential>, Problem> {
    credentials::resolve(store, secrets).await
}

/// The authorities that a store's certificate may come from, besides the system's.
async fn ca(store: &Store, secrets: &Secrets) -> Result<Option<Vec<u8>>, Problem> {
    match &store.ca {
        Some(ca) => Ok(Some(secrets.ca(ca, Side::Store, store.id.as_str()).await?)),
        None => Ok(None),
    }
}

/// What speaks there, which decides what it can be asked besides its objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    S3,
    Gcs,
    Azure,
    WebDav,
    Folder,
    /// A registry or a Git server: no objects, and no settings that are asked.
    Web,
}

impl Repo {
    /// A folder, without an estate around it.
    pub fn folder(id: impl Into<String>, root: impl Into<PathBuf>) -> Self {
        let backend = Backend::Files(Arc::new(file::Files::new(root.into())));
        Self { id: id.into(), backend, cache: None }
    }
    /// Keeps on disk what `get_listed` reads and what is to be remembered.
    pub fn caching(mut self, cache: Option<Arc<Cache>>) -> Self {
        self.cache = cache;
        self
    }
    /// The id of the store, which heads every problem.
    pub fn id(&self) -> &str {
        &self.id
    }
    /// Whether a listing can begin in the middle for the price of one request.
    pub fn is_seekable(&self) -> bool {
        matches!(self.kind(), Kind::S3 | Kind::Gcs)
    }
    /// Whether an object is there only once it is whole; a file grows.
    pub fn appears_whole(&self) -> bool {
        matches!(self.kind(), Kind::S3 | Kind::Gcs | Kind::Azure)
    }
    pub fn kind(&self) -> Kind {
        match &self.backend {
            Backend::S3(_) => Kind::S3,
            Backend::Files(_) => Kind::Folder,
            Backend::Cloud(cloud) => cloud.kind(),
            Backend::Web(_) => Kind::Web,
        }
    }

    /// Asks what only this kind of store understands; any status is an answer.
    /// Errors: those of getting one, and LB-STORE-011 where nothing can be asked.
    pub async fn question(&self, question: &Question<'_>, work: &Work) -> Result<Answer, Problem> {
        let answer = match &self.backend {
            Backend::S3(s3) => s3.question(question, work).await,
            Backend::Cloud(cloud) => cloud.question(question, work).await,
            Backend::Files(_) => {
                return Err(Problem::new(Code::STORE_URL, &self.id).because("a folder has no settings"));
            }
            Backend::Web(_) => {
                let why = "what a registry or a Git server is set to is not asked";
                return Err(Problem::new(Code::STORE_URL, &self.id).because(why));
            }
        };
        answer.map_err(|e| self.problem(e, None))
    }

    /// Walks the keys that begin with `prefix`, in byte order.
    pub fn list(&self, prefix: impl Into<Vec<u8>>, options: ListOptions) -> Listing<'_> {
        Listing::new(self, prefix.into(), options)
    }

    /// Reads one object, or a range of it (cut at its end). Errors:
    /// LB-STORE-006 where there is none, LB-STORE-010 where it is larger than
    /// `max_bytes`.
    pub async fn get(
        &self,
        key: &[u8],
        range: Option<Range<u64>>,
        max_bytes: u64,
        work: &Work,
    ) -> Result<Object, Problem> {
        let told = |e| self.problem(e, Some(key));
        match &self.backend {
            Backend::S3(s3) => s3.get(key, range, max_bytes, work).await.map_err(told),
            Backend::Files(files) => files.get(key, range, max_bytes, work).await.map_err(told),
            Backend::Web(_) => Err(told(no_objects())),
            Backend::Cloud(cloud) => cloud.get(key, range, max_bytes, work).await.map_err(told),
        }
    }

    /// As `get`, with `None` where there is no such object.
    pub async fn get_if_there(
        &self,
        key: &[u8],
        max_bytes: u64,
        work: &Work,
    ) -> Result<Option<Object>, Problem> {
        match self.get(key, None, max_bytes, work).await {
            Ok(object) => Ok(Some(object)),
            Err(problem) if problem.code == Code::STORE_MISSING => Ok(None),
            Err(problem) => Err(problem),
        }
    }

    /// Size and time of one object; `None` where there is none.
    pub async fn head(&self, key: &[u8], work: &Work) -> Result<Option<Meta>, Problem> {
        let met = match &self.backend {
            Backend::S3(s3) => s3.head(key, work).await,
            Backend::Files(files) => files.head(key, work).await,
            Backend::Web(_) => Err(no_objects()),
            Backend::Cloud(cloud) => cloud.head(key, work).await,
        };
        match met {
            Ok(meta) => Ok(Some(meta)),
            Err(NetError::Missing(_)) => Ok(None),
            Err(error) => Err(self.problem(error, Some(key))),
        }
    }

    /// Where it is, for a person, and for telling it from another.
    fn place(&self) -> String {
        match &self.backend {
            Backend::S3(s3) => s3.place().to_owned(),
            Backend::Files(files) => files.root().display().to_string(),
            Backend::Web(web) => web.shown().to_owned(),
            Backend::Cloud(cloud) => cloud.place().to_owned(),
        }
    }

    /// The registry or Git server that this is, if it is one.
    pub fn web(&self) -> Option<&Web> {
        match &self.backend {
            Backend::Web(web) => Some(web),
            _ => None,
        }
    }

    /// What was met when it was asked for `key`, as a problem of this store.
    pub fn problem(&self, error: NetError, key: Option<&[u8]>) -> Problem {
        let place = self.place();
        let problem = match key {
            None => Problem::new(error.code(Side::Store), &self.id).because(format!("{place}: {error}")),
            Some(key) => Problem::new(error.code(Side::Store), &self.id)
                .because(format!("{place}, {}: {error}", show(key))),
        };
        match error {
            // one object too many bytes long is another matter than too many objects
            NetError::TooLarge(_) => problem.next("check that `path` and `format` are right"),
            _ => problem,
        }
    }
}

fn no_objects() -> NetError {
    NetError::Missing("it is no store of objects: use `format` oci or git".to_owned())
}
