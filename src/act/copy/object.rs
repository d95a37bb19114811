//! One object from one store to the other.

use std::sync::atomic::Ordering::Relaxed;

use bytes::Bytes;
use lifeboat_core::model::Problem;
use sha2::{Digest as _, Sha256};

use super::{
    Copy,
    state::{Done, Half},
};
use crate::net::store::PartSent;

/// Larger ones go in parts of this size, one after the other, each noted when
/// it has arrived. S3 takes 10,000 parts of at least 5 MiB.
pub const PART: u64 = 8 << 20;
const MOST_PARTS: u64 = 10_000;

/// As it was listed.
#[derive(Debug, Clone)]
pub struct Object {
    /// Below the place that is copied from.
    pub key: Vec<u8>,
    /// Tells one state of it from the next.
    pub tag: String,
    pub size: u64,
}

impl Copy<'_> {
    /// Whether it is at the other place already, by what an earlier attempt
    /// noted and by what the store says now, or by the store's own tags.
    pub async fn is_there(&self, object: &Object) -> Result<bool, Problem> {
        let Some(there) = self.to.head(&self.target(object), &self.work).await? else { return Ok(false) };
        if there.size != Some(object.size) {
            return Ok(false);
        }
        let noted = self.state.done.get(&object.key);
        let ours = noted.is_some_and(|d| d.tag == object.tag && d.size == object.size);
        let tag = there.etag.unwrap_or_default();
        // A tag is the MD5 of what is whole; of parts it says how many there were.
        let same = tag.len() == 32
            && tag.bytes().all(|b| b.is_ascii_hexdigit())
            && tag == object.tag.split(' ').next().unwrap_or_default();
        Ok(ours || same)
    }

    pub async fn copy(&self, object: &Object) -> Result<(), Problem> {
        let sha256 = match object.size <= PART {
            true => self.whole(object).await?,
            false => self.in_parts(object).await?,
        };
        self.state.done(&object.key, &Done { tag: object.tag.clone(), size: object.size, sha256 });
        Ok(())
    }

    async fn whole(&self, object: &Object) -> Result<String, Problem> {
        self.rate.wait(object.size).await;
        let bytes = self.read(object, 0, object.size).await?;
        let sum = hex::encode(Sha256::digest(&bytes));
        let key = self.target(object);
        self.to.put(&key, bytes, &self.work).await?;
        self.count.copied_bytes.fetch_add(object.size, Relaxed);
        if self.reads_back {
            let there = self.to.get(&key, None, PART, &self.work).await?;
            if hex::encode(Sha256::digest(&there.bytes)) != sum {
                return Err(self.odd(object, "what was written reads otherwise"));
            }
        }
        Ok(sum)
    }

    async fn in_parts(&self, object: &Object) -> Result<String, Problem> {
        let key = self.target(object);
        let size = PART.max(object.size.div_ceil(MOST_PARTS));
        let half = self.state.half.get(&object.key);
        let half = half.filter(|h| h.tag == object.tag && h.size == object.size);
        let (upload, known) = match half {
            Some(Half { upload, parts, .. }) => (upload.clone(), parts.clone()),
            None => (self.to.begin_parts(&key, &self.work).await?, Default::default()),
        };
        if half.is_none() {
            self.state.begun(&object.key, &object.tag, object.size, &upload);
        }
        let mut parts = Vec::new();
        let mut sum = Sha256::new();
        for (n, at) in (0..object.size).step_by(usize::try_from(size).unwrap_or(usize::MAX)).enumerate() {
            let (number, end) = (n as u32 + 1, (at + size).min(object.size));
            if let Some(tag) = known.get(&number) {
                parts.push(PartSent { number, tag: tag.clone() });
                self.count.kept_bytes.fetch_add(end - at, Relaxed);
                continue;
            }
            self.rate.wait(end - at).await;
            let bytes = self.read(object, at, end).await?;
            sum.update(&bytes);
            let part = self.to.put_part(&key, &upload, (number, at), bytes, &self.work).await?;
            self.state.part(&object.key, &upload, number, &part.tag);
            self.count.copied_bytes.fetch_add(end - at, Relaxed);
            parts.push(part);
        }
        self.to.end_parts(&key, &upload, &parts, &self.work).await?;
        // Of one that was gone on with, each part was summed when it was sent.
        Ok(if known.is_empty() { hex::encode(sum.finalize()) } else { String::new() })
    }

    /// Exactly so many bytes, of the object as it was listed.
    async fn read(&self, object: &Object, from: u64, to: u64) -> Result<Bytes, Problem> {
        let range = (from, to) != (0, object.size);
        let source = self.source(object);
        let range = range.then_some(from..to);
        let got = self.from.get(&source, range, to - from, &self.work).await?;
        let other = got.meta.size.is_some_and(|s| s != object.size) || got.bytes.len() as u64 != to - from;
        let tag = object.tag.split(' ').next().unwrap_or_default();
        let changed = got.meta.etag.as_deref().is_some_and(|e| !tag.is_empty() && e != tag);
        match other || changed {
            true => Err(self.odd(object, "it changed while it was copied")),
            false => Ok(got.bytes),
        }
    }
}
