//! Two real registries (docker-registry), one a copy of the other: whole,
//! behind, and with parts of its storage lost.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
};

use lifeboat::{
    catalog::{Cx, read},
    net::{Http, Secrets, store},
};
use lifeboat_core::model::*;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

const PROGRAM: &str = "/usr/bin/docker-registry";
/// `ann` with the password `secret`.
const HTPASSWD: &str = "ann:$2b$04$oU/L1cu7z197YLobEAd1ve9682TAOIGEWt/MRdg0nwVIp9EJydM9K\n";
const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// A registry on loopback, at a port of the system's choice; ended when dropped.
struct Registry {
    child: Child,
    dir: tempfile::TempDir,
    addr: String,
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

impl Registry {
    /// `None` where it is not installed; LIFEBOAT_LAB=1 insists.
    fn start() -> Option<Self> {
        if !Path::new(PROGRAM).exists() {
            assert_ne!(std::env::var("LIFEBOAT_LAB").as_deref(), Ok("1"), "docker-registry is missing");
            println!("skipped: docker-registry is not installed");
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name).display().to_string();
        fs::write(at("htpasswd"), HTPASSWD).unwrap();
        let config = json!({
            "version": 0.1,
            "http": {"addr": "127.0.0.1:0", "secret": "of a test"},
            "storage": {"filesystem": {"rootdirectory": at("data")}},
            "auth": {"htpasswd": {"realm": "test", "path": at("htpasswd")}},
        });
        fs::write(at("config.yml"), config.to_string()).unwrap();
        let mut child = Command::new(PROGRAM)
            .args(["serve", &at("config.yml")])
            .env_clear()
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let addr = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let (_, rest) = line.split_once("listening on ")?;
            Some(rest.split(['"', ',', ' ']).next()?.to_owned())
        });
        // or it would wait for a reader of its log
        std::thread::spawn(move || lines.for_each(drop));
        Some(Self { child, dir, addr: addr.expect("the registry says where it listens") })
    }

    async fn send(&self, method: &str, path: &str, kind: &str, body: Vec<u8>) -> reqwest::Response {
        let url =
            if path.starts_with("http") { path.to_owned() } else { format!("http://{}{path}", self.addr) };
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let request = client.request(method.parse().unwrap(), url).basic_auth("ann", Some("secret"));
        request.header("Content-Type", kind).body(body).send().await.unwrap()
    }

    async fn blob(&self, bytes: &[u8]) -> Value {
        let begun = self.send("POST", "/v2/shop/api/blobs/uploads/", "text/plain", Vec::new()).await;
        let location = begun.headers()["location"].to_str().unwrap().to_owned();
        let sign = if location.contains('?') { '&' } else { '?' };
        let to = format!("{location}{sign}digest={}", digest(bytes));
        let done = self.send("PUT", &to, "application/octet-stream", bytes.to_vec()).await;
        assert_eq!(done.status(), 201, "{done:?}");
        json!({"mediaType": "application/octet-stream", "digest": digest(bytes), "size": bytes.len()})
    }

    async fn manifest(&self, reference: &str, kind: &str, manifest: &Value) -> Value {
        let bytes = manifest.to_string().into_bytes();
        let digest = digest(&bytes);
        let reference = if reference.is_empty() { &digest } else { reference };
        let size = bytes.len();
        let done = self.send("PUT", &format!("/v2/shop/api/manifests/{reference}"), kind, bytes).await;
        assert_eq!(done.status(), 201, "{:?}", done.text().await);
        json!({"mediaType": kind, "digest": digest, "size": size})
    }

    async fn image(&self, tag: &str, name: &str) -> Value {
        let config = self.blob(format!("{{\"of\":\"{name}\"}}").as_bytes()).await;
        let layers =
            [self.blob(b"shared base").await, self.blob(format!("layer of {name}").as_bytes()).await];
        let image = json!({"schemaVersion": 2, "mediaType": IMAGE, "config": config, "layers": layers});
        self.manifest(tag, IMAGE, &image).await
    }

    async fn index(&self, tag: &str, name: &str) {
        let mut parts = Vec::new();
        for architecture in ["amd64", "arm64"] {
            let mut part = self.image("", &format!("{name} {architecture}")).await;
            part["platform"] = json!({"os": "linux", "architecture": architecture});
            parts.push(part);
        }
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": parts});
        self.manifest(tag, INDEX, &index).await;
    }

    async fn releases(&self) {
        self.image("1.3.9", "1.3.9").await;
        for tag in ["1.4.0", "latest"] {
            self.index(tag, "1.4.0").await;
        }
    }

    /// Takes the bytes of a blob or a manifest out of the storage.
    fn lose(&self, digest: &str) {
        let hex = &digest["sha256:".len()..];
        let data = format!("data/docker/registry/v2/blobs/sha256/{}/{hex}/data", &hex[..2]);
        fs::remove_file(self.dir.path().join(data)).unwrap();
    }

    async fn open(&self, id: &str, login: &str) -> store::Repo {
        let store = json!({
            "id": id, "url": format!("oci://{}/shop/api", self.addr), "credentials": {"env": "LOGIN"},
        });
        let login = login.to_owned();
        let secrets = Secrets::new("/", []).with_env(move |_| Some(login.clone()));
        store::open(&serde_json::from_value(store).unwrap(), &Http::new(), &secrets).await.unwrap()
    }
}

async fn look(own: &Registry, login: &str, original: Option<&Registry>) -> Result<CopyReport, Problem> {
    let copy = json!({"store": "fra", "format": "oci", "options": {"replica_of": {"store": "lon"}}});
    let copy: CopyDef = serde_json::from_value(copy).unwrap();
    let mut cx = Cx::new(chrono::Utc::now(), CancellationToken::new());
    if let Some(original) = original {
        cx.others.insert("lon".into(), Arc::new(original.open("lon", "ann:secret").await));
    }
    read(&copy, &own.open("fra", login).await, &cx).await
}

fn standing<'r>(report: &'r CopyReport, id: &str) -> (PointState, &'r str) {
    let point = report.points.iter().find(|p| p.id.starts_with(id)).unwrap();
    (point.state, &point.reason)
}

#[tokio::test]
async fn a_copy_in_a_second_registry_is_whole_behind_or_broken() {
    let (Some(london), Some(frankfurt)) = (Registry::start(), Registry::start()) else { return };
    london.releases().await;
    frankfurt.releases().await;
    let whole = look(&frankfurt, "ann:secret", Some(&london)).await.unwrap();
    let good = whole.summary().last_good.expect("all that the original has is there");
    assert_eq!((good.id.as_str(), whole.gaps.len(), whole.notes.len()), ("all tags (3)", 0, 0), "{whole:#?}");
    assert!(whole.points.iter().all(|p| p.state == PointState::Usable), "{whole:#?}");

    // a release that did not arrive, and a tag that stayed behind
    london.image("1.5.0", "1.5.0").await;
    london.image("latest", "1.5.0").await;
    let behind = look(&frankfurt, "ann:secret", Some(&london)).await.unwrap();
    assert_eq!((&*behind.gaps[0].first_missing, &*behind.gaps[0].last_missing), ("1.5.0", "latest"));
    assert!(standing(&behind, "all tags").1.starts_with("1 not copied: 1.5.0; 1 of another digest"));
    assert!(behind.summary().last_good.is_none(), "nothing says since when");
    assert_eq!(standing(&behind, "latest").0, PointState::Usable, "it can be pulled, and is not the newest");
    frankfurt.image("1.5.0", "1.5.0").await;
    frankfurt.image("latest", "1.5.0").await;
    assert!(look(&frankfurt, "ann:secret", Some(&london)).await.unwrap().summary().last_good.is_some());

    // its storage loses a layer, then one platform of an index; the list of tags stays as it was
    frankfurt.lose(&digest(b"layer of 1.3.9"));
    let broken = look(&frankfurt, "ann:secret", Some(&london)).await.unwrap();
    let (state, reason) = standing(&broken, "1.3.9");
    assert!(state == PointState::BrokenChain && reason.starts_with("layer "), "{reason}");
    assert_eq!(standing(&broken, "1.4.0").0, PointState::Usable);
    frankfurt.lose(&arm64_of(&frankfurt).await);
    let broken = look(&frankfurt, "ann:secret", Some(&london)).await.unwrap();
    let (state, reason) = standing(&broken, "1.4.0");
    assert!(state == PointState::BrokenChain && reason.starts_with("linux/arm64: manifest "), "{reason}");
    assert_eq!(standing(&broken, "all tags"), (PointState::BrokenChain, "2 cannot be pulled: 1.3.9, 1.4.0"));

    let denied = look(&frankfurt, "ann:wrong", None).await.unwrap_err();
    assert_eq!(denied.code, Code::STORE_DENIED, "{denied}");
}

async fn arm64_of(registry: &Registry) -> String {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("http://{}/v2/shop/api/manifests/1.4.0", registry.addr);
    let request = client.get(url).basic_auth("ann", Some("secret")).header("Accept", INDEX);
    let index: Value = request.send().await.unwrap().json().await.unwrap();
    index["manifests"][1]["digest"].as_str().unwrap().to_owned()
}
