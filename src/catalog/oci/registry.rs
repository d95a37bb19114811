//! What is asked of a registry (OCI distribution-spec 1.1): tags, manifests,
//! and whether blobs are there. Blobs themselves are never read.

use http::{HeaderMap, HeaderValue, Method, header};
use lifeboat_core::model::{Code, Problem};
use serde::Deserialize;

use super::manifest::Digest;
use crate::{
    catalog::Cx,
    net::{
        Answer, NetError,
        store::{Repo, Web, WebKind, show},
    },
};

const ACCEPT: HeaderValue = HeaderValue::from_static(
    "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, \
     application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.artifact.manifest.v1+json",
);
/// Registries refuse larger ones.
const MAX_MANIFEST: usize = 4 << 20;
const MAX_PAGE: usize = 4 << 20;
pub(super) const MAX_TAGS: usize = 5_000;

/// One repository of a registry.
pub(super) struct Registry<'r> {
    pub repo: &'r Repo,
    web: &'r Web,
    name: String,
    cx: &'r Cx,
}

/// The tags that were listed, and whether those are all.
pub(super) struct Tags {
    pub names: Vec<String>,
    pub all: bool,
}

impl<'r> Registry<'r> {
    /// `path` lies below what the store's own address names.
    pub fn of(repo: &'r Repo, path: &str, cx: &'r Cx) -> Result<Self, Problem> {
        let bad = |code, why: String| Err(Problem::new(code, repo.id()).because(why));
        let Some(web) = repo.web().filter(|web| web.kind == WebKind::Registry) else {
            return bad(
                Code::STORE_URL,
                "it is no registry: write its `url` as oci://registry/repository".into(),
            );
        };
        let parts = [&*web.path, path.trim_matches('/')];
        let name = parts.into_iter().filter(|p| !p.is_empty()).collect::<Vec<_>>().join("/");
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-');
        let good = name.split('/').all(|part| {
            part.bytes().all(plain) && part.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric())
        });
        match good {
            true => Ok(Self { repo, web, name, cx }),
            false => {
                bad(Code::COPY_FORMAT, format!("{:?} is no name of a repository", show(name.as_bytes())))
            }
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    fn told(&self, error: NetError, what: &str) -> Problem {
        self.repo.problem(error, Some(format!("{}{what}", self.name).as_bytes()))
    }

    /// Errors: LB-COPY-001 where the registry knows no such repository.
    pub async fn tags(&self) -> Result<Tags, Problem> {
        let told =
            |e| match e {
                NetError::Missing(why) => Problem::new(Code::COPY_NOT_THERE, self.repo.id())
                    .because(format!("{} has no repository {}: {why}", self.web.shown(), self.name)),
                e => self.told(e, "/tags/list"),
            };
        let mut tags = Tags { names: Vec::new(), all: true };
        let mut url = self.web.url(&format!("v2/{}/tags/list", self.name), "n=1000").map_err(told)?;
        loop {
            let answer = self.web.ask(Method::GET, &url, &HeaderMap::new(), MAX_PAGE, &self.cx.work).await;
            let answer = no_redirect(answer).map_err(told)?;
            let next = next_page(&answer).map(|link| self.web.follow(&link)).transpose().map_err(told)?;
            let before = tags.names.len();
            tags.names.extend(parse_tags(&answer.whole_body(MAX_PAGE as u64).map_err(told)?).map_err(told)?);
            if tags.names.len() > MAX_TAGS {
                tags.names.truncate(MAX_TAGS);
                tags.all = false;
                break;
            }
            match next {
                None => break,
                // a page that brings nothing and promises more could do so for ever
                Some(next) if next == url || tags.names.len() == before => {
                    let why = "its list of tags promises more and does not go on";
                    return Err(told(NetError::Garbled(why.to_owned())));
                }
                Some(next) => url = next,
            }
        }
        tags.names.sort();
        tags.names.dedup();
        Ok(tags)
    }

    /// What a tag names; `None` where its manifest is gone. The header may be
    /// missing: then the manifest is read and hashed.
    pub async fn resolve(&self, tag: &str) -> Result<Option<Digest>, Problem> {
        match self.manifest_answer(Method::HEAD, tag, 0).await {
            Ok(answer) => match answer.header("docker-content-digest").and_then(Digest::parse) {
                Some(digest) => Ok(Some(digest)),
                None => Ok(self.manifest(tag).await?.map(|bytes| Digest::of(&bytes))),
            },
            Err(NetError::Missing(_)) => Ok(None),
            // it may know no HEAD
            Err(NetError::Garbled(_)) => Ok(self.manifest(tag).await?.map(|bytes| Digest::of(&bytes))),
            Err(error) => Err(self.told(error, &format!(":{tag}"))),
        }
    }

    /// By tag or digest; `None` where there is none.
    pub async fn manifest(&self, reference: &str) -> Result<Option<Vec<u8>>, Problem> {
        let told = |e| self.told(e, &format!(", {reference}"));
        match self.manifest_answer(Method::GET, reference, MAX_MANIFEST).await {
            Ok(answer) => Ok(Some(answer.whole_body(MAX_MANIFEST as u64).map_err(told)?.to_vec())),
            Err(NetError::Missing(_)) => Ok(None),
            Err(error) => Err(told(error)),
        }
    }

    async fn manifest_answer(&self, method: Method, reference: &str, max: usize) -> Result<Answer, NetError> {
        let url = self.web.url(&format!("v2/{}/manifests/{reference}", self.name), "")?;
        let headers = HeaderMap::from_iter([(header::ACCEPT, ACCEPT)]);
        no_redirect(self.web.ask(method, &url, &headers, max, &self.cx.work).await)
    }

    /// Registries lead to where a blob is stored: that they do is as good as a yes.
    pub async fn has_blob(&self, digest: &Digest) -> Result<bool, Problem> {
        let told = |e| self.told(e, &format!(", {digest}"));
        let url = self.web.url(&format!("v2/{}/blobs/{digest}", self.name), "").map_err(told)?;
        match self.web.ask(Method::HEAD, &url, &HeaderMap::new(), 0, &self.cx.work).await {
            Ok(_) => Ok(true),
            Err(NetError::Missing(_)) => Ok(false),
            Err(error) => Err(told(error)),
        }
    }
}

fn no_redirect(answer: Result<Answer, NetError>) -> Result<Answer, NetError> {
    let answer = answer?;
    match answer.status.is_redirection() {
        true => Err(NetError::Garbled(format!("{}: it leads elsewhere", answer.status_line()))),
        false => Ok(answer),
    }
}

#[derive(Deserialize)]
struct Page {
    tags: Option<Vec<String>>,
}

/// The names that can be tags; a registry has no others.
pub(super) fn parse_tags(bytes: &[u8]) -> Result<Vec<String>, NetError> {
    let page: Page = serde_json::from_slice(bytes)
        .map_err(|_| NetError::Garbled("its list of tags is not what a registry says".to_owned()))?;
    let mut tags = page.tags.unwrap_or_default();
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    let good =
        |t: &String| (1..=128).contains(&t.len()) && t.bytes().all(plain) && !t.starts_with(['.', '-']);
    match tags.iter().all(good) {
        true => {
            tags.sort();
            Ok(tags)
        }
        false => Err(NetError::Garbled("its list of tags holds what can be no tag".to_owned())),
    }
}

/// `Link: </v2/shop/api/tags/list?n=1000&last=x>; rel="next"` (RFC 5988).
fn next_page(answer: &Answer) -> Option<String> {
    let link = answer.header("link")?;
    let (target, rest) = link.trim().strip_prefix('<')?.split_once('>')?;
    rest.replace([' ', '"'], "").to_ascii_lowercase().contains("rel=next").then(|| target.to_owned())
}
