//! Where a copy lies, as the tools of others are told.

use std::path::{Path, PathBuf};

use lifeboat_core::model::{CopyDef, Store};
use url::Url;

use crate::net::{
    Secret, Secrets,
    store::{self, as_path},
};

#[derive(Debug)]
pub enum Place {
    Folder(PathBuf),
    S3(Box<S3>),
}

#[derive(Debug)]
pub struct S3 {
    pub bucket: String,
    /// Without a slash at either end; the root of the copy.
    pub path: String,
    /// `https://host[:port]`; absent: the provider's own.
    pub endpoint: Option<Url>,
    pub region: String,
    pub keys: Option<Keys>,
    /// A file with the authority of its certificate.
    pub ca: Option<PathBuf>,
}

#[derive(Debug)]
pub struct Keys {
    pub id: Secret,
    pub secret: Secret,
    pub token: Option<Secret>,
}

impl Place {
    pub async fn of(store: &Store, copy: &CopyDef, secrets: &Secrets) -> Result<Self, String> {
        let path = copy.path.trim_matches('/');
        let (scheme, rest) = store.url.split_once("://").ok_or("its store has no scheme")?;
        match scheme {
            "file" => {
                let rest =
                    rest.strip_prefix("localhost/").map_or_else(|| rest.to_owned(), |p| format!("/{p}"));
                let root = secrets.estate_dir().join(as_path(rest.as_bytes()));
                Ok(Self::Folder(if path.is_empty() { root } else { root.join(path) }))
            }
            "s3" => {
                let (bucket, below) = rest.split_once('/').unwrap_or((rest, ""));
                let below = below.trim_matches('/');
                let path = [below, path].into_iter().filter(|p| !p.is_empty()).collect::<Vec<_>>().join("/");
                let endpoint = store.endpoint.as_deref().map(Url::parse).transpose();
                let region = store.signing_region.clone();
                let region = region.or_else(|| store.region.as_ref().map(ToString::to_string));
                let keys = store::keys(store, secrets).await.map_err(|p| p.to_string())?;
                Ok(Self::S3(Box::new(S3 {
                    bucket: bucket.to_owned(),
                    path,
                    endpoint: endpoint.map_err(|e| format!("its endpoint is no address: {e}"))?,
                    region: region.unwrap_or_else(|| "us-east-1".to_owned()),
                    keys: keys.map(|k| Keys {
                        id: Secret::new(k.key_id),
                        secret: Secret::new(k.secret_key),
                        token: k.token.map(Secret::new),
                    }),
                    ca: store.ca.as_ref().map(|ca| secrets.estate_dir().join(ca)),
                })))
            }
            other => Err(format!(
                "how a tool reaches a store of the kind {other:?} is not built in: restore it with a `command` step"
            )),
        }
    }
}

impl S3 {
    /// For tools that take the endpoint as an address.
    pub fn endpoint_url(&self) -> String {
        match &self.endpoint {
            Some(url) => url.as_str().trim_end_matches('/').to_owned(),
            None => format!("https://s3.{}.amazonaws.com", self.region),
        }
    }
    /// `host:port` of the endpoint.
    pub fn host(&self) -> String {
        let url = self.endpoint_url();
        url.split_once("://").map_or(url.clone(), |(_, host)| host.to_owned())
    }
    /// As the SDKs read them.
    pub fn env(&self) -> Vec<(String, Secret)> {
        let mut env = vec![("AWS_REGION", self.region.as_bytes().to_vec())];
        env.push(("AWS_DEFAULT_REGION", self.region.as_bytes().to_vec()));
        if let Some(keys) = &self.keys {
            env.push(("AWS_ACCESS_KEY_ID", keys.id.expose().to_vec()));
            env.push(("AWS_SECRET_ACCESS_KEY", keys.secret.expose().to_vec()));
            env.extend(keys.token.as_ref().map(|t| ("AWS_SESSION_TOKEN", t.expose().to_vec())));
        }
        env.into_iter().map(|(name, value)| (name.to_owned(), Secret::new(value))).collect()
    }
    pub fn url(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.path).trim_end_matches('/').to_owned()
    }
}

/// A path as an argument: one that begins with `-` would be an option.
pub fn argument(path: &Path) -> String {
    path.display().to_string()
}
