//! Folders as stores. Walked in byte order of keys, as an object store would,
//! one folder in memory a level. Nothing outside the root is ever read: links
//! are followed only to files below it.

use std::{
    collections::VecDeque,
    ffi::OsStr,
    fs, io,
    io::{Read, Seek, SeekFrom},
    ops::Range,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::UNIX_EPOCH,
};

use lifeboat_core::model::{Size, Time};

use super::{ListOptions, Meta, Object, Page};
use crate::net::{NetError, Work};

const PAGE: usize = 1_000;
/// Deeper than any repository; ends a loop that a strange file system makes.
const MAX_DEPTH: usize = 64;

/// Bytes of a key as a path, whether or not they are text.
pub fn to_path(bytes: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(bytes))
}

#[derive(Debug)]
pub(super) struct Files {
    root: PathBuf,
}

/// What was met in a folder and does not stop the rest: key and reason.
pub(super) type Met = Vec<(Vec<u8>, NetError)>;

impl Files {
    pub(super) fn new(root: PathBuf) -> Self {
        Self { root }
    }
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) async fn list_page(
        self: &Arc<Self>,
        mut walk: Box<Walk>,
        work: &Work,
    ) -> Result<(Page, Option<Box<Walk>>, Met), NetError> {
        let files = Arc::clone(self);
        let meter = Arc::clone(&work.meter);
        aside(work, move || {
            let mut met = Met::new();
            let mut page = Page::default();
            let more = walk.fill(&files.root, &mut page, &mut met, &meter)?;
            Ok((page, more.then_some(walk), met))
        })
        .await
    }

    pub(super) async fn get(
        self: &Arc<Self>,
        key: &[u8],
        range: Option<Range<u64>>,
        max: u64,
        work: &Work,
    ) -> Result<Object, NetError> {
        let (files, key) = (Arc::clone(self), key.to_vec());
        let object = aside(work, move || files.read(&key, range, max)).await?;
        work.meter.request();
        work.meter.read(object.bytes.len());
        Ok(object)
    }

    pub(super) async fn head(self: &Arc<Self>, key: &[u8], work: &Work) -> Result<Meta, NetError> {
        let (files, key) = (Arc::clone(self), key.to_vec());
        work.meter.request();
        aside(work, move || {
            let path = files.locate(&key)?;
            Ok(meta_of(&regular(fs::metadata(path))?))
        })
        .await
    }

    fn read(&self, key: &[u8], range: Option<Range<u64>>, max: u64) -> Result<Object, NetError> {
        let path = self.locate(key)?;
        // asked before opening: opening a pipe would wait for its other end
        regular(fs::metadata(&path))?;
        let mut file = fs::File::open(path).map_err(|e| NetError::from_file(&e))?;
        let meta = regular(file.metadata())?;
        let range = range.unwrap_or(0..meta.len());
        let length = range.end.min(meta.len()).saturating_sub(range.start);
        if length > max {
            return Err(NetError::TooLarge(Size(max)));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
        let read =
            file.seek(SeekFrom::Start(range.start)).and_then(|_| file.take(length).read_to_end(&mut bytes));
        read.map_err(|e| NetError::from_file(&e))?;
        Ok(Object { bytes: bytes.into(), meta: meta_of(&meta) })
    }

    /// The file behind a key, which must lie below the root whatever links say.
    fn locate(&self, key: &[u8]) -> Result<PathBuf, NetError> {
        let plain = |part: &[u8]| !part.is_empty() && part != b"." && part != b".." && !part.contains(&0);
        if !key.split(|b| *b == b'/').all(plain) {
            return Err(NetError::Missing("no file can have this name".to_owned()));
        }
        let told = |e: io::Error| NetError::from_file(&e);
        let root = self.root.canonicalize().map_err(told)?;
        let path = root.join(to_path(key)).canonicalize().map_err(told)?;
        match path.starts_with(&root) {
            true => Ok(path),
            false => Err(NetError::Guard("a link leaves the store".to_owned())),
        }
    }
}

/// Off the executor, and given up on at the deadline: a dead network mount
/// blocks its thread, not the program.
pub(super) async fn aside<T: Send + 'static>(
    work: &Work,
    call: impl FnOnce() -> Result<T, NetError> + Send + 'static,
) -> Result<T, NetError> {
    work.bound(async {
        let done = tokio::task::spawn_blocking(call).await;
        done.unwrap_or_else(|e| Err(NetError::Server(e.to_string())))
    })
    .await
}

fn regular(meta: io::Result<fs::Metadata>) -> Result<fs::Metadata, NetError> {
    match meta {
        Ok(meta) if meta.is_file() => Ok(meta),
        Ok(_) => Err(NetError::Missing("it is no regular file".to_owned())),
        Err(e) => Err(NetError::from_file(&e)),
    }
}

fn modified_ms(meta: &fs::Metadata) -> Option<i64> {
    let since = meta.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_millis()).ok()
}

fn meta_of(meta: &fs::Metadata) -> Meta {
    let modified = modified_ms(meta).and_then(Time::from_timestamp_millis);
    Meta { size: Some(meta.len()), modified, ..Meta::default() }
}

#[derive(Debug)]
struct Child {
    /// With a closing `/` where it is a folder: that makes the order of names
    /// the order of keys.
    name: Vec<u8>,
    size: u64,
    modified: Option<i64>,
}

/// A walk in progress: for each level the key of its folder and what is left.
#[derive(Debug)]
pub(super) struct Walk {
    begun: bool,
    prefix: Vec<u8>,
    delimited: bool,
    start_after: Option<Vec<u8>>,
    levels: Vec<(Vec<u8>, VecDeque<Child>)>,
}

impl Walk {
    pub(super) fn begin(prefix: &[u8], options: &ListOptions) -> Self {
        Self {
            begun: false,
            prefix: prefix.to_vec(),
            delimited: options.delimited,
            start_after: options.start_after.clone(),
            levels: Vec::new(),
        }
    }

    /// Fills a page; `false` when there is no more.
    fn fill(
        &mut self,
        root: &Path,
        page: &mut Page,
        met: &mut Met,
        meter: &crate::net::Meter,
    ) -> Result<bool, NetError> {
        let root = &root.canonicalize().map_err(|e| NetError::from_file(&e))?;
        if !std::mem::replace(&mut self.begun, true) {
            meter.request();
            let end = self.prefix.iter().rposition(|b| *b == b'/').map_or(0, |at| at + 1);
            let folder = self.prefix[..end].to_vec();
            match read_folder(root, &folder, met) {
                Ok(children) => self.levels.push((folder, children)),
                // as in an object store, a prefix without keys is no error
                Err(NetError::Missing(_)) if end > 0 => {}
                Err(error) => return Err(error),
            }
        }
        while page.len() < PAGE {
            let depth = self.levels.len();
            let Some((folder, children)) = self.levels.last_mut() else { return Ok(false) };
            let Some(child) = children.pop_front() else {
                self.levels.pop();
                continue;
            };
            let key = [folder.as_slice(), &child.name].concat();
            let is_folder = key.ends_with(b"/");
            let fits = key.starts_with(&self.prefix) || (is_folder && self.prefix.starts_with(&key));
            let after = self.start_after.as_deref().unwrap_or_default();
            if !fits || (&*key <= after && !(is_folder && !self.delimited && after.starts_with(&key))) {
                continue;
            }
            match (is_folder, self.delimited) {
                (false, _) => page.push(&key, b"", child.size, child.modified),
                (true, true) => page.push_prefix(&key),
                (true, false) if depth >= MAX_DEPTH => {
                    met.push((key, NetError::TooLarge(Size(MAX_DEPTH as u64))));
                }
                (true, false) => {
                    meter.request();
                    match read_folder(root, &key, met) {
                        Ok(children) => self.levels.push((key, children)),
                        // gone since its parent was read
                        Err(NetError::Missing(_)) => {}
                        Err(error) => met.push((key, error)),
                    }
                }
            }
        }
        Ok(true)
    }
}

/// Sorted as keys are. `folder` is empty or ends in `/`.
fn read_folder(root: &Path, folder: &[u8], met: &mut Met) -> Result<VecDeque<Child>, NetError> {
    let path = root.join(to_path(folder));
    let within = path.canonicalize().map_err(|e| NetError::from_file(&e))?;
    if !within.starts_with(root) {
        return Err(NetError::Guard("a link leaves the store".to_owned()));
    }
    let mut children = Vec::new();
    for entry in fs::read_dir(&path).map_err(|e| NetError::from_file(&e))? {
        let entry = match entry {
            Ok(entry) => entry,
            Err(e) => {
                met.push((folder.to_vec(), NetError::from_file(&e)));
                break;
            }
        };
        let mut name = entry.file_name().as_bytes().to_vec();
        match look(root, &entry) {
            Ok(Some(meta)) if meta.is_dir() => {
                name.push(b'/');
                children.push(Child { name, size: 0, modified: None });
            }
            Ok(Some(meta)) => {
                children.push(Child { name, size: meta.len(), modified: modified_ms(&meta) });
            }
            Ok(None) => {}
            Err(error) => met.push(([folder, &name].concat(), error)),
        }
    }
    children.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(children.into())
}

/// A file or a folder; `None` for what a store does not hold (pipes, sockets,
/// links to folders) and for what vanished meanwhile.
fn look(root: &Path, entry: &fs::DirEntry) -> Result<Option<fs::Metadata>, NetError> {
    let gone = |e: io::Error| match e.kind() {
        io::ErrorKind::NotFound => Ok(None),
        _ => Err(NetError::from_file(&e)),
    };
    let meta = match entry.metadata() {
        Ok(meta) => meta,
        Err(e) => return gone(e),
    };
    if meta.is_file() || meta.is_dir() {
        return Ok(Some(meta));
    }
    if !meta.is_symlink() {
        return Ok(None);
    }
    match entry.path().canonicalize() {
        Ok(target) if !target.starts_with(root) => Err(NetError::Guard("a link leaves the store".to_owned())),
        Ok(target) => match fs::metadata(target) {
            Ok(meta) => Ok(meta.is_file().then_some(meta)),
            Err(e) => gone(e),
        },
        Err(e) => gone(e),
    }
}
