//! Registries of the tests' own, after the distribution specification, and the
//! sample of one.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use lifeboat_core::model::*;
use serde_json::{Value, json};

use super::manifest::Digest;
use crate::{
    catalog::testing::{Told, look_beside, point, standing, store, web},
    net::{store::Repo, testing::Server},
};

const NOW: &str = "2026-11-22T14:00:00Z";

/// What a registry holds of `shop/api`, and how it behaves.
#[derive(Debug, Clone, Default)]
struct Images {
    tags: BTreeMap<String, String>,
    manifests: BTreeMap<String, Vec<u8>>,
    blobs: BTreeSet<String>,
    /// Tags a page; 0: all at once.
    page: usize,
    /// No `Docker-Content-Digest`.
    mute: bool,
    /// `Basic …` in lower case, or `bearer …`.
    wants: Option<&'static str>,
}

impl Images {
    fn blob(&mut self, bytes: &str) -> Value {
        let digest = Digest::of(bytes.as_bytes()).to_string();
        self.blobs.insert(digest.clone());
        json!({"mediaType": "x", "digest": digest, "size": bytes.len()})
    }
    fn add(&mut self, manifest: &Value) -> String {
        let bytes = manifest.to_string().into_bytes();
        let digest = Digest::of(&bytes).to_string();
        self.manifests.insert(digest.clone(), bytes);
        digest
    }
    /// An image of two layers, one of them shared by all.
    fn image(&mut self, name: &str) -> String {
        let config = self.blob(&format!("config of {name}"));
        let layers = [self.blob("base"), self.blob(&format!("layer of {name}"))];
        self.add(&json!({"schemaVersion": 2, "config": config, "layers": layers}))
    }
    fn index(&mut self, name: &str) -> String {
        let parts = ["amd64", "arm64"].map(|architecture| {
            let digest = self.image(&format!("{name} {architecture}"));
            json!({"digest": digest, "platform": {"os": "linux", "architecture": architecture}})
        });
        self.add(&json!({"schemaVersion": 2, "manifests": parts}))
    }
    fn tag(&mut self, tag: &str, digest: String) {
        self.tags.insert(tag.to_owned(), digest);
    }
    fn sample() -> Self {
        let mut images = Self::default();
        let old = images.image("1.3.9");
        images.tag("1.3.9", old);
        let new = images.index("1.4.0");
        images.tag("1.4.0", new.clone());
        images.tag("latest", new);
        images
    }

    fn answer(&self, line: &str, head: &str) -> Told {
        if let Some(wants) = self.wants {
            if line == "GET /token?service=reg&scope=repository%3Ashop%2Fapi%3Apull" {
                return (200, Vec::new(), br#"{"token":"T"}"#.to_vec());
            }
            if !head.contains(&format!("authorization: {wants}")) {
                let host = head.lines().find_map(|l| l.strip_prefix("host: ")).unwrap();
                let challenge = match wants.starts_with("bearer") {
                    true => format!(
                        "Bearer realm=\"http://{host}/token\",service=\"reg\",scope=\"repository:shop/api:pull\""
                    ),
                    false => "Basic realm=\"reg\"".to_owned(),
                };
                return (401, vec![("WWW-Authenticate", challenge)], Vec::new());
            }
        }
        let none = || (404, Vec::new(), br#"{"errors":[]}"#.to_vec());
        let (_, path) = line.split_once(" /v2/shop/api/").unwrap_or_default();
        if let Some(query) = path.strip_prefix("tags/list?") {
            return self.list(query);
        }
        if let Some(digest) = path.strip_prefix("blobs/") {
            return if self.blobs.contains(digest) { (200, Vec::new(), Vec::new()) } else { none() };
        }
        let Some(reference) = path.strip_prefix("manifests/") else { return none() };
        assert!(head.contains("application/vnd.oci.image.index.v1+json"), "{head}");
        let digest = self.tags.get(reference).map_or(reference, String::as_str);
        let Some(bytes) = self.manifests.get(digest) else { return none() };
        let header = (!self.mute).then(|| ("Docker-Content-Digest", digest.to_owned()));
        (200, header.into_iter().collect(), bytes.clone())
    }

    fn list(&self, query: &str) -> Told {
        let last = query.split('&').find_map(|p| p.strip_prefix("last="));
        let after = self.tags.keys().filter(|tag| last.is_none_or(|last| tag.as_str() > last));
        let page: Vec<_> = after.take(if self.page == 0 { usize::MAX } else { self.page }).collect();
        let more = self.page > 0 && page.last().is_some_and(|l| self.tags.keys().next_back() != Some(l));
        let link = more.then(|| {
            (
                "Link",
                format!(
                    "</v2/shop/api/tags/list?n={}&last={}>; rel=\"next\"",
                    self.page,
                    page[page.len() - 1]
                ),
            )
        });
        (200, link.into_iter().collect(), json!({"name": "shop/api", "tags": page}).to_string().into_bytes())
    }

    async fn serve(self) -> Server {
        let images = Arc::new(self);
        web(move |line, head| images.answer(line, head)).await
    }
}

async fn at_server(id: &str, server: &Server, credentials: Option<&'static str>) -> Repo {
    store(id, &format!("oci://{}/shop", server.addr), credentials).await.unwrap()
}

async fn look(own: &Images, original: Option<&Images>) -> Result<CopyReport, Problem> {
    let own = own.clone().serve().await;
    let original = match original {
        Some(images) => Some(images.clone().serve().await),
        None => None,
    };
    let there = match &original {
        Some(server) => Some(at_server("lon", server, Some("ann:secret")).await),
        None => None,
    };
    look_beside("oci", "api", &at_server("fra", &own, Some("ann:secret")).await, there, NOW).await
}

fn all(report: &CopyReport) -> &Point {
    report.points.iter().find(|p| p.kind == PointKind::Object).unwrap()
}

#[tokio::test]
async fn a_copy_with_all_tags_is_as_new_as_its_original() {
    let images = Images::sample();
    let variants = [
        images.clone(),
        Images { page: 1, ..images.clone() },
        Images { mute: true, ..images.clone() },
        Images { wants: Some("basic yw5uonnly3jlda=="), ..images.clone() },
        Images { wants: Some("bearer t"), page: 2, ..images.clone() },
    ];
    for own in variants {
        let report = look(&own, Some(&images)).await.unwrap();
        let good = report.summary().last_good.unwrap();
        assert_eq!((good.id.as_str(), good.at), ("all tags (3)", NOW.parse().unwrap()), "{report:#?}");
        assert!(report.points.iter().all(|p| p.state == PointState::Usable), "{report:#?}");
        assert_eq!((report.points.len(), report.gaps.len(), report.notes.len()), (4, 0, 0));
    }
}

#[tokio::test]
async fn a_tag_whose_parts_are_missing_cannot_be_pulled() {
    let whole = Images::sample();
    let index = &whole.tags["1.4.0"];
    let part = |n: usize| {
        let index: Value = serde_json::from_slice(&whole.manifests[index]).unwrap();
        index["manifests"][n]["digest"].as_str().unwrap().to_owned()
    };
    let layer = Digest::of(b"layer of 1.4.0 arm64");
    let mut own = whole.clone();
    own.manifests.remove(&part(1));
    let report = look(&own, Some(&whole)).await.unwrap();
    let short = &part(1)[7..19];
    let gone = format!("linux/arm64: manifest {short} is missing");
    assert_eq!(standing(&report, "1.4.0"), (PointState::BrokenChain, &*gone));
    assert_eq!(standing(&report, "1.3.9"), (PointState::Usable, ""));
    assert_eq!(
        (all(&report).state, &*all(&report).reason),
        (PointState::BrokenChain, "2 cannot be pulled: 1.4.0, latest")
    );
    assert!(report.summary().last_good.is_none());

    own.manifests.remove(&part(0));
    let report = look(&own, Some(&whole)).await.unwrap();
    assert!(standing(&report, "latest").1.starts_with("2 of its 2 parts are missing"), "{report:#?}");

    let mut own = whole.clone();
    own.blobs.remove(layer.as_str());
    let report = look(&own, Some(&whole)).await.unwrap();
    let gone = format!("linux/arm64: layer {} is missing", layer.short());
    assert_eq!(standing(&report, "latest"), (PointState::BrokenChain, &*gone));

    let mut own = whole.clone();
    own.manifests.insert(part(1), whole.manifests[&part(0)].clone());
    let report = look(&own, Some(&whole)).await.unwrap();
    assert!(standing(&report, "latest").1.contains("is damaged"), "{report:#?}");

    let mut own = whole.clone();
    own.manifests.remove(&own.tags["1.3.9"].clone());
    assert_eq!(standing(&look(&own, Some(&whole)).await.unwrap(), "1.3.9").0, PointState::BrokenChain);
}

#[tokio::test]
async fn a_copy_that_is_behind_is_counted_and_never_last_good() {
    let whole = Images::sample();
    let mut own = whole.clone();
    let old = own.tags["1.3.9"].clone();
    own.tag("latest", old);
    own.tags.remove("1.4.0");
    let other = own.image("other");
    own.tag("mine", other);
    let report = look(&own, Some(&whole)).await.unwrap();
    assert_eq!((all(&report).state, all(&report).completed_at), (PointState::Unverified, None));
    let reason = &all(&report).reason;
    assert!(
        reason.starts_with("1 not copied: 1.4.0; 1 of another digest than in the original: latest ("),
        "{reason}"
    );
    assert_eq!((&*report.gaps[0].first_missing, &*report.gaps[0].last_missing), ("1.4.0", "latest"));
    assert_eq!(report.notes[0].why, "1 tags are here and not in the original: mine");
    assert_eq!(report.behind, Some(Behind { objects: 2, oldest: None }));
    let alone = look(&whole, None).await.unwrap();
    assert_eq!((all(&alone).state, all(&alone).completed_at), (PointState::Unverified, None));
    let emptied = look(&whole, Some(&Images::default())).await.unwrap();
    assert_eq!(all(&emptied).state, PointState::Suspect, "{emptied:#?}");
    assert_eq!(look(&Images::default(), Some(&whole)).await.unwrap_err().code, Code::COPY_NOT_THERE);
}

/// The sample: two registries, one of which lacks what its truth says.
#[tokio::test]
async fn the_sample_reads_as_its_truth_says() {
    let serve = async |side: &'static str| {
        web(move |line, _| {
            let target = line.split(' ').nth(1).unwrap().split('?').next().unwrap();
            let root = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/oci");
            match std::fs::read(format!("{root}/{side}{target}")) {
                Ok(bytes) => (200, Vec::new(), bytes),
                Err(_) => (404, Vec::new(), Vec::new()),
            }
        })
        .await
    };
    let truth: Value = serde_json::from_str(include_str!("../../../tests/fixtures/oci/truth.json")).unwrap();
    let (tag, told) = truth.as_object().unwrap().iter().next().unwrap();
    let (primary, dr) = (serve("primary").await, serve("dr").await);
    let original = at_server("lon", &primary, None).await;
    let report = look_beside(
        "oci",
        "api",
        &at_server(told["missing_in"].as_str().unwrap(), &dr, None).await,
        Some(original),
        NOW,
    )
    .await
    .unwrap();
    assert_eq!(report.gaps.len(), 1);
    assert_eq!((&report.gaps[0].first_missing, &report.gaps[0].last_missing), (tag, tag));
    // its digest, hashed for want of a header
    let own = at_server("fra", &primary, None).await;
    let report = look_beside("oci", "api", &own, None, NOW).await.unwrap();
    assert_eq!(point(&report, tag).state, PointState::BrokenChain, "the sample holds no blobs");
    let digest =
        Digest::of(include_bytes!("../../../tests/fixtures/oci/primary/v2/shop/api/manifests/1.4.0"));
    assert_eq!(digest.as_str(), told["digest"].as_str().unwrap());
}

#[tokio::test]
async fn registries_that_misbehave_are_bounded_and_named() {
    let list = |tags: &str, link: &str| -> Told {
        let link = (!link.is_empty()).then(|| ("Link", format!("<{link}>; rel=next")));
        (200, link.into_iter().collect(), format!("{{\"tags\":{tags}}}").into_bytes())
    };
    let table = [
        (list("[\"a\"]", "/v2/shop/api/tags/list?n=1000"), Code::STORE_GARBLED),
        (list("[]", "/v2/shop/api/tags/list?n=1000&last=a"), Code::STORE_GARBLED),
        (list("[\"a\"]", "https://elsewhere.example/v2/shop/api/tags/list"), Code::STORE_GARBLED),
        (list("[\"../x\"]", ""), Code::STORE_GARBLED),
        (list("7", ""), Code::STORE_GARBLED),
        (list("null", ""), Code::COPY_NOT_THERE),
        ((404, Vec::new(), Vec::new()), Code::COPY_NOT_THERE),
        ((403, Vec::new(), Vec::new()), Code::STORE_DENIED),
        ((302, vec![("Location", "https://login.example/".to_owned())], Vec::new()), Code::STORE_GARBLED),
        ((429, Vec::new(), Vec::new()), Code::STORE_SERVER),
        (
            (
                401,
                vec![("WWW-Authenticate", "Bearer realm=\"http://169.254.169.254/\"".to_owned())],
                Vec::new(),
            ),
            Code::STORE_GUARD,
        ),
        (
            (401, vec![("WWW-Authenticate", "Bearer realm=\"nowhere\"".to_owned())], Vec::new()),
            Code::STORE_DENIED,
        ),
    ];
    for (told, code) in table {
        let shown = format!("{told:?}");
        let server = web(move |_, _| told.clone()).await;
        let own = at_server("fra", &server, None).await;
        let problem = look_beside("oci", "api", &own, None, NOW).await.unwrap_err();
        assert_eq!(problem.code, code, "{shown}: {problem}");
    }
    let server = Images::sample().serve().await;
    let own = at_server("fra", &server, None).await;
    for path in ["../x", "API", "a//b", ""] {
        let problem = look_beside("oci", path, &own, None, NOW).await.unwrap_err();
        assert!(matches!(problem.code, Code::COPY_FORMAT | Code::COPY_NOT_THERE), "{path}: {problem}");
    }
    let folder = Repo::folder("fra", "/nonexistent");
    let problem = look_beside("oci", "api", &folder, None, NOW).await.unwrap_err();
    assert_eq!(problem.code, Code::STORE_URL, "{problem}");
}
