//! The manifest of an inventory and its files in CSV. Pure. Format: AWS, "Locating
//! your inventory list" and "Amazon S3 Inventory list", version 2016-11-30.

use std::{cell::Cell, io, io::Read, rc::Rc};

use lifeboat_core::model::{Size, Time};
use serde::Deserialize;

use super::super::walk::Object;
use crate::net::store::{Replication, form_decode};

/// No row is longer: a key has 1,024 bytes at most, which are nine times as many encoded.
const MAX_ROW: usize = 1 << 20;
/// A file of a million rows has some hundred megabytes.
const MAX_INFLATED: u64 = 4 << 30;
const MAX_FILES: usize = 100_000;

/// What an inventory says of itself.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Manifest {
    pub bucket: String,
    /// When it was begun: what was written later may or may not be in it.
    pub made: Time,
    pub columns: Columns,
    pub files: Vec<File>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct File {
    /// In the bucket that the inventory was written to.
    pub key: String,
    pub size: u64,
    pub md5: [u8; 16],
}

/// Where in a row what stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Columns {
    count: usize,
    key: usize,
    size: usize,
    modified: usize,
    etag: Option<usize>,
    latest: Option<usize>,
    deleted: Option<usize>,
    status: Option<usize>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    source_bucket: String,
    creation_timestamp: String,
    file_format: String,
    #[serde(default)]
    file_schema: String,
    files: Vec<RawFile>,
}

#[derive(Deserialize)]
struct RawFile {
    key: String,
    size: u64,
    #[serde(rename = "MD5checksum")]
    md5: String,
}

impl Manifest {
    /// Errors: why it cannot be used, for a person.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let raw: Raw =
            serde_json::from_slice(bytes).map_err(|e| format!("it is no manifest of an inventory: {e}"))?;
        if raw.file_format != "CSV" {
            return Err(format!(
                "the inventory is made as {}, and only CSV is read: set its output format to CSV",
                crate::net::store::show(raw.file_format.as_bytes()).chars().take(40).collect::<String>()
            ));
        }
        let ms = raw.creation_timestamp.parse().ok().and_then(Time::from_timestamp_millis);
        let made = ms.ok_or("its creationTimestamp is no number of milliseconds")?;
        if raw.files.len() > MAX_FILES {
            return Err(format!("it names more than {MAX_FILES} files"));
        }
        let file = |raw: RawFile| {
            let md5 = hex::decode(&raw.md5).ok().and_then(|hash| hash.try_into().ok());
            let md5 = md5.ok_or("one of its files has no MD5checksum")?;
            Ok::<_, String>(File { key: raw.key, size: raw.size, md5 })
        };
        let files = raw.files.into_iter().map(file).collect::<Result<_, _>>()?;
        Ok(Self { bucket: raw.source_bucket, made, columns: Columns::of(&raw.file_schema)?, files })
    }
}

impl Columns {
    /// `Bucket, Key, VersionId, IsLatest, …`
    fn of(schema: &str) -> Result<Self, String> {
        let names: Vec<&str> = schema.split(',').map(str::trim).collect();
        let at = |name: &str| names.iter().position(|own| *own == name);
        let needed = |name: &str| {
            at(name)
                .ok_or_else(|| format!("the inventory has no {name}: choose it among its optional fields"))
        };
        Ok(Self {
            count: names.len(),
            key: needed("Key")?,
            size: needed("Size")?,
            modified: needed("LastModifiedDate")?,
            etag: at("ETag"),
            latest: at("IsLatest"),
            deleted: at("IsDeleteMarker"),
            status: at("ReplicationStatus"),
        })
    }

    /// `Ok(None)`: an older version, or a mark of deletion.
    fn object(&self, row: &csv::ByteRecord) -> Result<Option<Object>, String> {
        if row.len() != self.count {
            return Err(format!("a row has {} columns, not {}", row.len(), self.count));
        }
        let at = |column: usize| row.get(column).unwrap_or_default();
        let is = |column: Option<usize>, text: &[u8]| column.is_some_and(|c| at(c) == text);
        if is(self.latest, b"false") || is(self.deleted, b"true") {
            return Ok(None);
        }
        let text = |column: usize| std::str::from_utf8(at(column)).ok();
        let size = text(self.size).and_then(|n| n.parse().ok()).ok_or("a row has no size")?;
        let stored = text(self.modified).and_then(|t| chrono::DateTime::parse_from_rfc3339(t).ok());
        Ok(Some(Object {
            key: form_decode(at(self.key)),
            etag: self.etag.map(at).unwrap_or_default().to_vec(),
            size,
            stored: Some(stored.ok_or("a row does not say when its object was stored")?.timestamp_millis()),
            replication: self.status.and_then(text).and_then(Replication::parse),
        }))
    }
}

/// Objects that are there, of one file's rows, handed to `take` until it
/// refuses. Errors: why it ends there, for a person.
pub(super) fn objects(
    columns: &Columns,
    rows: impl Read,
    mut take: impl FnMut(Object) -> Result<(), String>,
) -> Result<(), String> {
    let since = Rc::new(Cell::new(0));
    let bounded = Bounded { inner: rows.take(MAX_INFLATED), since: Rc::clone(&since) };
    let mut rows = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bounded);
    let mut row = csv::ByteRecord::new();
    loop {
        match rows.read_byte_record(&mut row) {
            Ok(false) => return Ok(()),
            Ok(true) => since.set(0),
            Err(e) => return Err(format!("it cannot be unpacked: {e}")),
        }
        if let Some(object) = columns.object(&row)? {
            take(object)?;
        }
    }
}

/// Ends a row that has no end: what unpacks to gigabytes of one field.
struct Bounded<R> {
    inner: io::Take<R>,
    since: Rc<Cell<usize>>,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.since.set(self.since.get() + read);
        let bad = |why: String| Err(io::Error::new(io::ErrorKind::InvalidData, why));
        match () {
            () if self.since.get() > MAX_ROW => bad(format!("a row is longer than {}", Size(MAX_ROW as u64))),
            () if read == 0 && !buffer.is_empty() && self.inner.limit() == 0 => {
                bad(format!("it unpacks to more than {}", Size(MAX_INFLATED)))
            }
            () => Ok(read),
        }
    }
}
