//! Manifests and image indexes (OCI image-spec, and Docker's of the same
//! shape), as far as what they need to be there. Pure.

use std::fmt;

use serde::Deserialize;
use sha2::{Digest as _, Sha256, Sha512};

/// `sha256:<64 hex>` or `sha512:<128 hex>`; nothing else becomes part of an address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Digest(String);

impl Digest {
    pub fn parse(text: &str) -> Option<Self> {
        let (algorithm, hex) = text.split_once(':')?;
        let length = match algorithm {
            "sha256" => 64,
            "sha512" => 128,
            _ => return None,
        };
        let hex = hex.len() == length && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        hex.then(|| Self(text.to_owned()))
    }
    pub fn of(bytes: &[u8]) -> Self {
        Self(format!("sha256:{}", hex::encode(Sha256::digest(bytes))))
    }
    pub fn fits(&self, bytes: &[u8]) -> bool {
        match self.0.starts_with("sha512:") {
            true => self.0[7..] == hex::encode(Sha512::digest(bytes)),
            false => *self == Self::of(bytes),
        }
    }
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// The first twelve digits, as tools show it.
    pub fn short(&self) -> &str {
        &self.0[7..19]
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Something that a manifest needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Child {
    pub digest: Digest,
    /// Another manifest, as in an index, and not a blob.
    pub is_manifest: bool,
    /// For a person: `linux/arm64`, `layer`, `config`.
    pub what: String,
}

/// An index of a hundred platforms, an image of a thousand layers.
const MAX_CHILDREN: usize = 5_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    schema_version: u64,
    manifests: Option<Vec<Descriptor>>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    #[serde(default)]
    media_type: String,
    digest: String,
    platform: Option<Platform>,
}

#[derive(Deserialize)]
struct Platform {
    os: String,
    architecture: String,
    variant: Option<String>,
}

/// What it needs. Errors: why that cannot be told.
pub(super) fn children(bytes: &[u8]) -> Result<Vec<Child>, String> {
    let raw: Raw = serde_json::from_slice(bytes).map_err(|_| "it is no manifest".to_owned())?;
    if raw.schema_version != 2 {
        return Err(format!("its form is version {}; only 2 is read", raw.schema_version));
    }
    let mut all = Vec::new();
    for child in raw.manifests.iter().flatten() {
        all.push(child.child(true, &child.platform())?);
    }
    if let Some(config) = &raw.config {
        all.push(config.child(false, "config")?);
    }
    for layer in raw.layers.iter().flatten().filter(|layer| !layer.lies_elsewhere()) {
        all.push(layer.child(false, "layer")?);
    }
    match () {
        () if all.len() > MAX_CHILDREN => Err(format!("it names more than {MAX_CHILDREN} parts")),
        () if raw.manifests.is_none() && raw.config.is_none() => Err("it is no manifest".to_owned()),
        () => Ok(all),
    }
}

impl Descriptor {
    fn child(&self, is_manifest: bool, what: &str) -> Result<Child, String> {
        let digest = Digest::parse(&self.digest).ok_or("it names a part by no digest that is known")?;
        Ok(Child { digest, is_manifest, what: what.to_owned() })
    }
    /// Layers that only their maker may hand out (`urls`): no registry holds them.
    fn lies_elsewhere(&self) -> bool {
        self.media_type.contains(".foreign.") || self.media_type.contains(".nondistributable.")
    }
    fn platform(&self) -> String {
        match &self.platform {
            Some(Platform { os, .. }) if os == "unknown" => "an attestation".to_owned(),
            Some(Platform { os, architecture, variant }) => {
                let variant = variant.as_ref().map_or(String::new(), |v| format!("/{v}"));
                format!("{os}/{architecture}{variant}")
            }
            None => "a manifest".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn digest(n: u8) -> String {
        format!("sha256:{}", hex::encode([n; 32]))
    }

    #[test]
    fn what_an_image_and_an_index_need_is_found() {
        let image = json!({"schemaVersion": 2, "config": {"digest": digest(1)}, "layers": [
            {"digest": digest(2)},
            {"digest": digest(3), "mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"},
        ]});
        let found = children(image.to_string().as_bytes()).unwrap();
        assert_eq!(
            found.iter().map(|c| (&*c.what, c.is_manifest)).collect::<Vec<_>>(),
            [("config", false), ("layer", false)]
        );
        let index = json!({"schemaVersion": 2, "manifests": [
            {"digest": digest(1), "platform": {"os": "linux", "architecture": "arm64", "variant": "v8"}},
            {"digest": digest(2), "platform": {"os": "unknown", "architecture": "unknown"}},
        ]});
        let found = children(index.to_string().as_bytes()).unwrap();
        assert_eq!(found.iter().map(|c| &*c.what).collect::<Vec<_>>(), ["linux/arm64/v8", "an attestation"]);
        for none in ["", "[]", "{}", r#"{"schemaVersion": 1}"#, r#"{"schemaVersion": 2}"#] {
            assert!(children(none.as_bytes()).is_err(), "{none}");
        }
        let climbing = json!({"schemaVersion": 2, "config": {"digest": "sha256:../../x"}});
        assert!(children(climbing.to_string().as_bytes()).is_err());
    }

    #[test]
    fn a_digest_is_that_of_the_bytes() {
        let empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Digest::of(b"").as_str(), empty);
        let long = Digest::parse(&format!("sha512:{}", hex::encode(Sha512::digest(b"x")))).unwrap();
        assert!(long.fits(b"x") && !long.fits(b"y"));
        for bad in ["", "sha256:", "md5:aa", &empty[..70], &empty.to_uppercase()] {
            assert_eq!(Digest::parse(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>, text: String) {
            let _ = children(&bytes);
            let _ = children(text.as_bytes());
            let _ = Digest::parse(&text);
        }
    }
}
