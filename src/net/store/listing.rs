//! A walk over keys, page by page.

use chrono::DateTime;
use lifeboat_core::model::{Problem, Time};

use super::{Backend, Repo, Work, cloud, file, s3};
use crate::net::NetError;

#[derive(Debug, Clone, Default)]
pub struct ListOptions {
    /// Stop at the next `/`: folders come as prefixes.
    pub delimited: bool,
    /// Only keys after this one, in byte order.
    pub start_after: Option<Vec<u8>>,
    /// Only keys up to this one, itself included.
    pub until: Option<Vec<u8>>,
}

impl ListOptions {
    pub fn flat() -> Self {
        Self::default()
    }
    pub fn delimited() -> Self {
        Self { delimited: true, ..Self::default() }
    }
    /// Only keys after this one.
    pub fn after(key: impl Into<Vec<u8>>) -> Self {
        Self { start_after: Some(key.into()), ..Self::default() }
    }
}

/// Up to about a thousand keys. All bytes lie in one buffer.
#[derive(Debug, Default)]
pub struct Page {
    bytes: Vec<u8>,
    rows: Vec<Row>,
    prefixes: Vec<(u32, u32)>,
    /// Whether any row is.
    archived: bool,
}

#[derive(Debug, Clone, Copy)]
struct Row {
    key: (u32, u32),
    etag: (u32, u32),
    size: u64,
    /// Milliseconds since 1970; `i64::MIN` where the store does not say.
    modified: i64,
    class: Class,
}

/// Whether an object can be read at once. Google's classes all can be. What
/// S3's intelligent tiering has archived is not told by a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Class {
    #[default]
    Online,
    Glacier,
    DeepArchive,
    AzureArchive,
}

impl Class {
    /// `StorageClass` of S3: the others, GLACIER_IR among them, are read at once.
    pub(super) fn s3(text: &[u8]) -> Self {
        match text {
            b"GLACIER" => Self::Glacier,
            b"DEEP_ARCHIVE" => Self::DeepArchive,
            _ => Self::Online,
        }
    }
    /// `AccessTier` of Azure.
    pub(super) fn azure(text: &[u8]) -> Self {
        if text == b"Archive" { Self::AzureArchive } else { Self::Online }
    }
    /// As its provider calls it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Glacier => "GLACIER",
            Self::DeepArchive => "DEEP_ARCHIVE",
            Self::AzureArchive => "Archive",
        }
    }
}

/// One object as listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    pub key: &'a [u8],
    /// Without its quotes; empty where there is none.
    pub etag: &'a [u8],
    pub size: u64,
    pub class: Class,
    modified: i64,
}

/// Tells one state of an object from the next: what was replaced since it was
/// listed is another object.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Version {
    pub etag: Vec<u8>,
    pub size: u64,
    /// Milliseconds since 1970.
    pub modified_ms: Option<i64>,
}

impl Entry<'_> {
    pub fn is_online(&self) -> bool {
        self.class == Class::Online
    }
    pub fn version(&self) -> Version {
        Version { etag: self.etag.to_vec(), size: self.size, modified_ms: self.modified_ms() }
    }
    pub fn modified(&self) -> Option<Time> {
        DateTime::from_timestamp_millis(self.modified)
    }
    /// Milliseconds since 1970, for those that keep millions.
    pub fn modified_ms(&self) -> Option<i64> {
        (self.modified != i64::MIN).then_some(self.modified)
    }
}

impl Page {
    /// For a body of so many bytes, of which a third are keys and tags.
    pub(super) fn with_room(body: usize) -> Self {
        Self { bytes: Vec::with_capacity(body / 3), rows: Vec::with_capacity(body / 256), ..Self::default() }
    }
    pub(super) fn push(&mut self, key: &[u8], etag: &[u8], size: u64, modified: Option<i64>) {
        let (key, etag) = (self.keep(key), self.keep(etag));
        let modified = modified.unwrap_or(i64::MIN);
        self.rows.push(Row { key, etag, size, modified, class: Class::Online });
    }
    /// Of the object that was pushed last.
    pub(super) fn classify(&mut self, class: Class) {
        if class != Class::Online
            && let Some(row) = self.rows.last_mut()
        {
            row.class = class;
            self.archived = true;
        }
    }
    pub(super) fn push_prefix(&mut self, prefix: &[u8]) {
        let at = self.keep(prefix);
        self.prefixes.push(at);
    }
    fn keep(&mut self, bytes: &[u8]) -> (u32, u32) {
        let from = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        // a page is bounded far below 4 GiB by what a response may hold
        (from as u32, self.bytes.len() as u32)
    }
    /// Replaces keys and prefixes for which `change` has another; never a longer one.
    pub(super) fn rewrite_keys(&mut self, change: impl Fn(&[u8]) -> Option<Vec<u8>>) {
        let keys = self.rows.iter_mut().map(|row| &mut row.key).chain(&mut self.prefixes);
        for at in keys {
            let (from, to) = (at.0 as usize, at.1 as usize);
            if let Some(new) = change(&self.bytes[from..to]).filter(|new| new.len() <= to - from) {
                self.bytes[from..from + new.len()].copy_from_slice(&new);
                at.1 = at.0 + new.len() as u32;
            }
        }
    }
    /// Takes `root` off every key and drops what does not lie below it.
    pub(super) fn strip_root(&mut self, root: &[u8]) {
        let bytes = &self.bytes;
        let strip = |at: &mut (u32, u32)| {
            let below = bytes[at.0 as usize..at.1 as usize].strip_prefix(root).is_some_and(|k| !k.is_empty());
            at.0 += if below { root.len() as u32 } else { 0 };
            below
        };
        self.rows.retain_mut(|row| strip(&mut row.key));
        self.prefixes.retain_mut(strip);
    }
    /// Keeps what lies after one key and up to another; whether the end was passed.
    fn clip(&mut self, after: Option<&[u8]>, until: Option<&[u8]>) -> bool {
        let passed = until.is_some_and(|until| self.last_key() >= until);
        let bytes = &self.bytes;
        let fits = |at: &(u32, u32)| {
            let key = &bytes[at.0 as usize..at.1 as usize];
            after.is_none_or(|after| key > after) && until.is_none_or(|until| key <= until)
        };
        // most pages lie wholly inside
        if after.is_some_and(|after| self.first_key().is_some_and(|first| first <= after)) || passed {
            self.rows.retain(|row| fits(&row.key));
            self.prefixes.retain(fits);
        }
        passed
    }
    fn first_key(&self) -> Option<&[u8]> {
        let first = self.rows.first().map(|row| row.key);
        first.into_iter().chain(self.prefixes.first().copied()).map(|at| self.slice(at)).min()
    }
    /// Whether keys and prefixes each rise, and lie behind `last`.
    pub(super) fn is_ordered_after(&self, last: &[u8]) -> bool {
        fn rises<'a>(mut before: &'a [u8], mut all: impl Iterator<Item = &'a [u8]>) -> bool {
            all.all(|key| std::mem::replace(&mut before, key) < key)
        }
        rises(last, self.entries().map(|e| e.key)) && rises(last, self.prefixes())
    }
    /// Leaves out what does not lie behind `after`.
    pub(super) fn keep_after(&mut self, after: &[u8]) {
        let bytes = &self.bytes;
        let behind = |at: (u32, u32)| &bytes[at.0 as usize..at.1 as usize] > after;
        self.rows.retain(|row| behind(row.key));
        self.prefixes.retain(|at| behind(*at));
    }
    /// The greatest of keys and prefixes.
    pub fn last_key(&self) -> &[u8] {
        let all = self.rows.iter().map(|row| row.key).chain(self.prefixes.iter().copied());
        all.map(|at| self.slice(at)).max().unwrap_or_default()
    }
    fn slice(&self, (from, to): (u32, u32)) -> &[u8] {
        &self.bytes[from as usize..to as usize]
    }

    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        self.rows.iter().map(|row| Entry {
            key: self.slice(row.key),
            etag: self.slice(row.etag),
            size: row.size,
            class: row.class,
            modified: row.modified,
        })
    }
    /// Folders, each with its closing `/`.
    pub fn prefixes(&self) -> impl Iterator<Item = &[u8]> {
        self.prefixes.iter().map(|at| self.slice(*at))
    }
    pub fn len(&self) -> usize {
        self.rows.len() + self.prefixes.len()
    }
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Keys are relative to the root of the store.
#[derive(Debug)]
pub struct Listing<'r> {
    repo: &'r Repo,
    prefix: Vec<u8>,
    options: ListOptions,
    state: State,
}

#[derive(Debug)]
enum State {
    Begin,
    S3(s3::Cursor),
    Files(Box<file::Walk>),
    Cloud(Box<cloud::Cursor>),
    Over,
}

impl<'r> Listing<'r> {
    pub(super) fn new(repo: &'r Repo, prefix: Vec<u8>, options: ListOptions) -> Self {
        Self { repo, prefix, options, state: State::Begin }
    }

    /// Whether the last page was given.
    pub fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    /// The next page; `None` at the end. After an error there is no more.
    pub async fn page(&mut self, work: &Work) -> Result<Option<Page>, Problem> {
        let state = std::mem::replace(&mut self.state, State::Over);
        let (mut page, mut next) = match self.step(state, work).await {
            Ok(Some(step)) => step,
            Ok(None) => return Ok(None),
            Err(error) => {
                let prefix = (!self.prefix.is_empty()).then_some(&*self.prefix);
                return Err(self.repo.problem(error, prefix));
            }
        };
        // a server that begins earlier than it was asked to costs more, and adds nothing
        if page.clip(self.options.start_after.as_deref(), self.options.until.as_deref()) {
            next = State::Over;
        }
        work.count_keys(page.len(), self.repo.id())?;
        if page.archived {
            let archived = page.entries().filter(|entry| !entry.is_online());
            archived.for_each(|entry| work.thaws.add(self.repo.id(), entry.key, entry.class));
        }
        self.state = next;
        Ok(Some(page))
    }

    async fn step(&self, state: State, work: &Work) -> Result<Option<(Page, State)>, NetError> {
        match (&self.repo.backend, state) {
            (_, State::Over) => Ok(None),
            (Backend::Web(_), _) => Err(super::no_objects()),
            (Backend::S3(s3), state) => {
                let cursor = match state {
                    State::S3(cursor) => cursor,
                    _ => s3::Cursor::begin(&self.options),
                };
                let (page, next) = s3.list_page(&self.prefix, self.options.delimited, cursor, work).await?;
                Ok(Some((page, next.map_or(State::Over, State::S3))))
            }
            (Backend::Cloud(cloud), state) => {
                let cursor = match state {
                    State::Cloud(cursor) => cursor,
                    _ => Box::new(cloud::Cursor::begin(&self.prefix, &self.options)),
                };
                let (page, next) = cloud.list_page(&self.prefix, &self.options, cursor, work).await?;
                Ok(Some((page, next.map_or(State::Over, State::Cloud))))
            }
            (Backend::Files(files), state) => {
                let walk = match state {
                    State::Files(walk) => walk,
                    _ => Box::new(file::Walk::begin(&self.prefix, &self.options)),
                };
                let (page, walk, met) = files.list_page(walk, work).await?;
                for (key, error) in met {
                    work.note(self.repo.problem(error, Some(&key)));
                }
                Ok(Some((page, walk.map_or(State::Over, State::Files))))
            }
        }
    }
}
