//! What is listed and fetched. Whatever a refresh lists in the order that a
//! backup writes it backwards: what a snapshot needs is there before it is.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use lifeboat_core::model::{Code, CopyDef, Problem, Time};
use sha2::{Digest, Sha256};

use super::{
    crypt::{Key, KeyError, open_key, unpack},
    parse::{Config, Id, Index, Lock, Snapshot, id, short},
};
use crate::{
    catalog::{Cx, cache, root},
    net::store::{Repo, Spread, Version},
};

const MAX_SMALL: u64 = 64 << 10;
const MAX_SNAPSHOT: u64 = 16 << 20;
/// restic writes index files of about 8 MB.
const MAX_INDEX: u64 = 64 << 20;
/// Of all index files together.
const MAX_INDEXES: u64 = 256 << 20;
const MAX_UNPACKED: usize = 256 << 20;
const MAX_SNAPSHOTS: usize = 20_000;
/// Keys that are tried with the password, and locks that are read.
const MAX_KEYS: usize = 16;
const MAX_LOCKS: usize = 50;
/// Small files on their way: one costs little but its round trip.
const AT_ONCE: usize = 96;
const INDEXES_AT_ONCE: usize = 4;
/// What one file and one pack take in memory, about.
const HELD_FILE: usize = 400;
const HELD_PACK: usize = 64;

/// One file as listed, named after the SHA-256 of its bytes.
#[derive(Debug, Clone)]
pub(super) struct File {
    pub id: Id,
    key: Vec<u8>,
    pub size: u64,
    pub modified: Option<Time>,
    version: Version,
}

pub(super) type Files = BTreeMap<Id, File>;

#[derive(Debug)]
pub(super) struct Seen {
    /// Its bytes, as they are stored.
    pub config: Result<Option<Bytes>, Problem>,
    pub keys: Files,
    pub snapshots: Files,
    pub indexes: Files,
    pub locks: Files,
    pub packs: HashMap<Id, u64>,
    pub stored_bytes: u64,
    /// Part of `data/` could not be listed: what is not there may be.
    pub partly: bool,
}

impl Default for Seen {
    fn default() -> Self {
        Self {
            config: Ok(None),
            keys: Files::new(),
            snapshots: Files::new(),
            indexes: Files::new(),
            locks: Files::new(),
            packs: HashMap::new(),
            stored_bytes: 0,
            partly: false,
        }
    }
}

/// What opened the repository, or why nothing did.
#[derive(Debug)]
pub(super) enum Opened {
    With {
        key: Key,
        altered: Option<Id>,
    },
    NoPassword,
    WrongPassword,
    /// No key is whole: no password can open it.
    Never(String),
}

#[derive(Debug)]
pub(super) enum Trouble {
    /// It left between the listing and now.
    Gone,
    Damaged(&'static str),
    Unread(Problem),
}

pub(super) struct Place<'a> {
    pub root: String,
    repo: &'a Repo,
    /// Rustic's hot part, where there is one.
    hot: Option<&'a Repo>,
    cx: &'a Cx,
}

impl<'a> Place<'a> {
    pub fn new(copy: &CopyDef, repo: &'a Repo, cx: &'a Cx) -> Self {
        Self { root: root(copy), repo, hot: super::hot(copy, cx), cx }
    }
    pub fn problem(&self, why: impl std::fmt::Display) -> Problem {
        Problem::new(Code::COPY_FORMAT, self.repo.id()).because(why)
    }
    /// Where files are read: rustic's hot part, if there is one, since its cold
    /// one may lie in an archive.
    fn source(&self) -> &Repo {
        self.hot.unwrap_or(self.repo)
    }

    pub async fn look(&self) -> Result<Seen, Problem> {
        let work = &self.cx.work;
        let config = format!("{}config", self.root);
        let config = self.source().get_if_there(config.as_bytes(), MAX_SMALL, work);
        // keys, locks and config are of no order: they cost no round trip of their own
        let (snapshots, keys, locks, config) =
            tokio::join!(self.list("snapshots/"), self.list("keys/"), self.list("locks/"), config);
        let mut seen = Seen { snapshots: snapshots?, keys: keys?, locks: locks?, ..Seen::default() };
        seen.config = config.map(|found| found.map(|object| object.bytes));
        seen.indexes = self.list("index/").await?;
        let small = [&seen.snapshots, &seen.keys, &seen.indexes].into_iter().flat_map(|f| f.values());
        seen.stored_bytes = small.map(|f| f.size).fold(0, u64::saturating_add);
        self.list_packs(&mut seen).await?;
        Ok(seen)
    }

    async fn list(&self, folder: &str) -> Result<Files, Problem> {
        let mut listing = self.listing(folder);
        let mut files = Files::new();
        while let Some(page) = listing.page().await? {
            for entry in page.entries() {
                let name = entry.key.rsplit(|b| *b == b'/').next().unwrap_or_default();
                let Some(id) = id(name) else { continue };
                let file = File {
                    id,
                    key: entry.key.to_vec(),
                    size: entry.size,
                    modified: entry.modified(),
                    version: entry.version(),
                };
                self.cx.work.hold(HELD_FILE, self.repo.id())?;
                files.insert(id, file);
            }
        }
        Ok(files)
    }

    /// Names are hashes. Keys and locks are few, so that cutting gains nothing.
    fn listing(&self, folder: &str) -> Spread<'_> {
        let prefix = format!("{}{folder}", self.root);
        match folder {
            "snapshots/" | "data/" => self.repo.list_hex(prefix, &self.cx.work),
            _ => self.repo.list_whole(prefix, &self.cx.work),
        }
    }

    async fn list_packs(&self, seen: &mut Seen) -> Result<(), Problem> {
        // what the listing notes on its way tells whether it is whole
        let before = self.cx.work.take_notes();
        let mut listing = self.listing("data/");
        while let Some(page) = listing.page().await? {
            for entry in page.entries() {
                let name = entry.key.rsplit(|b| *b == b'/').next().unwrap_or_default();
                seen.stored_bytes = seen.stored_bytes.saturating_add(entry.size);
                if let Some(id) = id(name) {
                    self.cx.work.hold(HELD_PACK, self.repo.id())?;
                    seen.packs.insert(id, entry.size);
                }
            }
        }
        let met = self.cx.work.take_notes();
        seen.partly = !met.is_empty();
        before.into_iter().chain(met).for_each(|note| self.cx.work.note(note));
        Ok(())
    }

    /// Tries every key with the password.
    pub async fn open(&self, seen: &Seen) -> Result<Opened, Problem> {
        let Some(password) = &self.cx.password else { return Ok(Opened::NoPassword) };
        let mut damage = None;
        let mut wrong = false;
        for file in seen.keys.values().take(MAX_KEYS) {
            let found = self.source().get_listed(&file.key, &file.version, MAX_SMALL, &self.cx.work).await?;
            let Some(bytes) = found else { continue };
            let whole = Sha256::digest(&bytes)[..] == file.id;
            let password = password.clone();
            let opened = tokio::task::spawn_blocking(move || open_key(&bytes, password.expose())).await;
            match opened.map_err(|e| self.problem(e))? {
                Ok(key) => return Ok(Opened::With { key, altered: (!whole).then_some(file.id) }),
                Err(KeyError::WrongPassword) if whole => wrong = true,
                Err(KeyError::WrongPassword) => {
                    damage = Some(format!("key {} is damaged", short(&file.id)));
                }
                Err(KeyError::Unusable(why)) => {
                    damage = Some(format!("key {} is of no use: {why}", short(&file.id)));
                }
            }
        }
        Ok(match (wrong, damage) {
            (true, _) => Opened::WrongPassword,
            (false, Some(why)) => Opened::Never(why),
            (false, None) => Opened::Never("its keys are gone".to_owned()),
        })
    }

    /// Why the repository cannot be used, if `config` is not as it should be.
    pub fn config_trouble(&self, seen: &Seen, key: &Key) -> Result<Option<String>, Problem> {
        let Some(bytes) = seen.config.clone()? else { return Ok(Some("its config is gone".to_owned())) };
        let plain = key.open(&bytes).and_then(|p| unpack(p, MAX_UNPACKED));
        Ok(match plain.and_then(|p| serde_json::from_slice::<Config>(&p).ok()) {
            Some(config) if (1..=2).contains(&config.version) => None,
            Some(config) => Some(format!("it is of version {}, which is not known", config.version)),
            None => Some("its config is damaged".to_owned()),
        })
    }

    pub async fn snapshots(&self, seen: &Seen, key: &Key) -> Vec<(File, Result<Snapshot, Trouble>)> {
        if seen.snapshots.len() > MAX_SNAPSHOTS {
            let why = format!("only {MAX_SNAPSHOTS} of {} snapshots are read", seen.snapshots.len());
            self.cx.work.note(Problem::new(Code::STORE_CEILING, self.repo.id()).because(why));
        }
        // by time of storing, so that a ceiling keeps the newest
        let mut files: Vec<_> = seen.snapshots.values().cloned().collect();
        files.sort_by_key(|f| std::cmp::Reverse(f.modified));
        files.truncate(MAX_SNAPSHOTS);
        self.each(files, key, MAX_SNAPSHOT, AT_ONCE).collect().await
    }

    /// One after the other, a few ahead: all at once could fill the memory.
    /// Errors: LB-STORE-010 where the index is larger than may be read.
    pub fn indexes<'s>(
        &'s self,
        seen: &'s Seen,
        key: &'s Key,
    ) -> Result<impl Stream<Item = (File, Result<Index, Trouble>)> + 's, Problem> {
        let all = seen.indexes.values().map(|f| f.size).fold(0, u64::saturating_add);
        if all > MAX_INDEXES {
            let why = format!("its index is {} MiB, more than is read", all >> 20);
            return Err(Problem::new(Code::STORE_CEILING, self.repo.id()).because(why));
        }
        Ok(self.each(seen.indexes.values().cloned().collect(), key, MAX_INDEX, INDEXES_AT_ONCE))
    }

    pub async fn locks(&self, seen: &Seen, key: &Key) -> Vec<(File, Result<Lock, Trouble>)> {
        let files = seen.locks.values().take(MAX_LOCKS).cloned().collect();
        self.each(files, key, MAX_SMALL, AT_ONCE).collect().await
    }

    fn each<'s, T: serde::de::DeserializeOwned + 's>(
        &'s self,
        files: Vec<File>,
        key: &'s Key,
        max: u64,
        at_once: usize,
    ) -> impl Stream<Item = (File, Result<T, Trouble>)> + 's {
        let each = files.into_iter().map(move |file| async move {
            let read = self.read(&file, Some(key), max).await;
            let read = read.and_then(|plain| {
                serde_json::from_slice(&plain).map_err(|_| Trouble::Damaged("it cannot be understood"))
            });
            (file, read)
        });
        stream::iter(each).buffered(at_once)
    }

    /// One file, opened; as it is stored where no key is given.
    async fn read(&self, file: &File, key: Option<&Key>, max: u64) -> Result<Bytes, Trouble> {
        let name = cache::Key {
            store: self.repo.id().to_owned(),
            key: file.key.clone(),
            version: file.version.clone(),
            opened_with: key.map_or([0; 32], Key::fingerprint),
        };
        if let Some(bytes) = cache::get(&name) {
            return Ok(bytes);
        }
        let found = self.source().get_listed(&file.key, &file.version, max, &self.cx.work).await;
        let stored = found.map_err(Trouble::Unread)?.ok_or(Trouble::Gone)?;
        if Sha256::digest(&stored)[..] != file.id {
            return Err(Trouble::Damaged("its bytes are not those that it was named after"));
        }
        let bytes = match key {
            None => stored,
            Some(key) => {
                let plain = key.open(&stored).ok_or(Trouble::Damaged("its seal is broken"))?;
                let plain = unpack(plain, MAX_UNPACKED);
                Bytes::from(plain.ok_or(Trouble::Damaged("it cannot be unpacked"))?)
            }
        };
        cache::put(name, bytes.clone());
        Ok(bytes)
    }

    /// A pack that holds trees, as it is stored; `None` where it cannot be had.
    /// What is in it is checked blob by blob.
    pub async fn pack(&self, pack: &Id, size: u64) -> Option<Bytes> {
        let hex = hex::encode(pack);
        let key = format!("{}data/{}/{hex}", self.root, &hex[..2]);
        let object = self.source().get_if_there(key.as_bytes(), size, &self.cx.work).await;
        Some(object.ok()??.bytes)
    }
}
