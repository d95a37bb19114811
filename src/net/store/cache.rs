//! What was fetched of objects that do not change, kept on disk as it was
//! fetched: what is encrypted in the store is encrypted here. One file an
//! object, named after store, key and version and sealed with a checksum, so
//! that a damaged, torn or misplaced one is a miss, is removed and is fetched
//! again. Files appear whole by renaming and are never changed, so any process
//! may read, write or delete them, the whole folder included, at any moment.
//!
//! An object damaged in its store while its tag stays the same is served from
//! here as it was: only reading data anew, as a restore does, shows that.

use std::{
    fs, io,
    io::{Read, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, SystemTime},
};

use bytes::Bytes;

const MAGIC: &[u8; 5] = b"LBOC\x01";
const HEAD: usize = MAGIC.len() + 32;
const MAX_BYTES: u64 = 256 << 20;
/// What a file takes on disk at least.
const BLOCK: u64 = 4 << 10;
/// How exactly it is known when a file was last used.
const USED: Duration = Duration::from_secs(3_600);
/// A temporary file this old belongs to nobody.
const LEFT: Duration = Duration::from_secs(3_600);
const UNFINISHED: &str = ".new-";

/// Tells an object, in one version of it, from all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Name([u8; 32]);

impl Name {
    pub(super) fn of(parts: &[&[u8]]) -> Self {
        let mut hash = blake3::Hasher::new();
        for part in parts {
            hash.update(&(part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        Self(*hash.finalize().as_bytes())
    }
}

/// A folder of such files. All its calls block.
#[derive(Debug)]
pub struct Cache {
    dir: PathBuf,
    max: u64,
    /// Bytes on disk, as far as this process knows; `u64::MAX` before it looked.
    used: AtomicU64,
}

impl Cache {
    /// Nothing is made before something is kept.
    pub fn at(dir: impl Into<PathBuf>) -> Arc<Self> {
        Arc::new(Self::bounded(dir, MAX_BYTES))
    }
    fn bounded(dir: impl Into<PathBuf>, max: u64) -> Self {
        Self { dir: dir.into(), max, used: AtomicU64::new(u64::MAX) }
    }

    fn path(&self, name: &Name) -> PathBuf {
        let hex = hex::encode(name.0);
        self.dir.join(&hex[..2]).join(&hex[2..])
    }

    pub(super) fn get(&self, name: &Name) -> Option<Bytes> {
        let path = self.path(name);
        let file = fs::File::open(&path).ok()?;
        let meta = file.metadata().ok()?;
        let mut bytes = Vec::with_capacity(usize::try_from(meta.len().min(self.max)).ok()?);
        let read = (&file).take(self.max).read_to_end(&mut bytes);
        match read.ok().and_then(|_| unseal(bytes, name)) {
            Some(bytes) => {
                let long_ago = |at: SystemTime| at.elapsed().is_ok_and(|age| age > USED);
                if meta.modified().is_ok_and(long_ago) {
                    let _ = file.set_modified(SystemTime::now());
                }
                Some(bytes)
            }
            None => {
                let _ = fs::remove_file(path);
                None
            }
        }
    }

    /// Replaces what is there. What cannot be kept is fetched again next time.
    pub(super) fn put(&self, name: &Name, bytes: &[u8]) {
        let size = on_disk((HEAD + bytes.len()) as u64);
        // one alone does not push out all others
        if size > self.max / 4 {
            return;
        }
        if let Err(error) = self.write(name, bytes) {
            tracing::debug!(%error, "nothing can be cached");
            return;
        }
        let used = match self.used.load(Relaxed) {
            u64::MAX => self.files().iter().map(|f| f.size).sum(),
            used => used + size,
        };
        self.used.store(used, Relaxed);
        if used > self.max {
            self.sweep();
        }
    }

    fn write(&self, name: &Name, bytes: &[u8]) -> io::Result<()> {
        let path = self.path(name);
        let folder = path.parent().unwrap_or(&self.dir);
        let make = || tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(folder);
        let mut file = match make() {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
                make()?
            }
            made => made?,
        };
        let mut head = [0; HEAD];
        head[..MAGIC.len()].copy_from_slice(MAGIC);
        head[MAGIC.len()..].copy_from_slice(&sum(name, bytes));
        // no fsync: what a crash tears is a miss
        file.write_all(&[&head, bytes].concat())?;
        file.persist(path).map_err(|e| e.error)?;
        Ok(())
    }

    /// Takes the least recently used away until a fifth is free. Another
    /// process may do so too: what is gone already is gone.
    fn sweep(&self) {
        let mut files = self.files();
        files.sort_by_key(|f| f.used);
        let mut all: u64 = files.iter().map(|f| f.size).sum();
        for file in &files {
            let left = file.unfinished && file.used.elapsed().is_ok_and(|age| age > LEFT);
            if all <= self.max / 5 * 4 && !left {
                continue;
            }
            if fs::remove_file(&file.path).is_ok() {
                all -= file.size;
            }
        }
        self.used.store(all, Relaxed);
    }

    fn files(&self) -> Vec<Kept> {
        let entries = |dir: &Path| fs::read_dir(dir).into_iter().flatten().flatten();
        let files = entries(&self.dir).flat_map(|folder| entries(&folder.path()));
        let kept = files.filter_map(|entry| {
            let meta = entry.metadata().ok().filter(fs::Metadata::is_file)?;
            Some(Kept {
                size: on_disk(meta.len()),
                used: meta.modified().ok()?,
                unfinished: entry.file_name().to_string_lossy().starts_with(UNFINISHED),
                path: entry.path(),
            })
        });
        kept.collect()
    }
}

struct Kept {
    path: PathBuf,
    size: u64,
    used: SystemTime,
    unfinished: bool,
}

fn on_disk(size: u64) -> u64 {
    size.div_ceil(BLOCK) * BLOCK
}

/// Over the name too: a file moved to another's place is no longer whole.
fn sum(name: &Name, bytes: &[u8]) -> [u8; 32] {
    *blake3::Hasher::new().update(&name.0).update(bytes).finalize().as_bytes()
}

fn unseal(file: Vec<u8>, name: &Name) -> Option<Bytes> {
    let (told, bytes) = file.strip_prefix(MAGIC)?.split_first_chunk::<32>()?;
    (sum(name, bytes) == *told).then_some(())?;
    Some(Bytes::from(file).slice(HEAD..))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn name(n: u32) -> Name {
        Name::of(&[b"fra", &n.to_le_bytes()])
    }
    fn aged(cache: &Cache, n: u32, age: Duration) {
        let file = fs::File::options().write(true).open(cache.path(&name(n))).unwrap();
        file.set_modified(SystemTime::now() - age).unwrap();
    }

    #[test]
    fn what_is_kept_comes_back_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::bounded(dir.path().join("estates/x/cache"), 1 << 20);
        assert_eq!(cache.get(&name(1)), None);
        cache.put(&name(1), b"sealed");
        assert_eq!(cache.get(&name(1)).as_deref(), Some(&b"sealed"[..]));
        let path = cache.path(&name(1));
        for (path, mode) in [(&*path, 0o600), (path.parent().unwrap(), 0o700), (&cache.dir, 0o700)] {
            assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, mode, "{path:?}");
        }
        assert_eq!(Cache::at(&cache.dir).get(&name(1)).as_deref(), Some(&b"sealed"[..]), "another process");
        assert_ne!(Name::of(&[b"a", b"bc"]), Name::of(&[b"ab", b"c"]));
    }

    #[test]
    fn any_damage_is_a_miss_and_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::bounded(dir.path(), 1 << 20);
        cache.put(&name(1), b"sealed");
        let whole = fs::read(cache.path(&name(1))).unwrap();
        let mut damaged: Vec<Vec<u8>> = (0..whole.len()).map(|n| whole[..n].to_vec()).collect();
        damaged.extend((0..whole.len()).map(|n| {
            let mut flipped = whole.clone();
            flipped[n] ^= 0x40;
            flipped
        }));
        damaged.push([&whole[..], b"more"].concat());
        for bytes in damaged {
            fs::write(cache.path(&name(1)), bytes).unwrap();
            assert_eq!(cache.get(&name(1)), None);
            assert!(!cache.path(&name(1)).exists());
        }
        cache.put(&name(1), b"sealed");
        cache.put(&name(2), b"other");
        fs::copy(cache.path(&name(1)), cache.path(&name(2))).unwrap();
        assert_eq!(cache.get(&name(2)), None, "in another's place");
    }

    #[test]
    fn the_least_recently_used_leave_and_the_bound_holds() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::bounded(dir.path(), 10 * BLOCK);
        for n in 0..10 {
            cache.put(&name(n), &[7; 100]);
            aged(&cache, n, USED * (30 - n));
        }
        let left = cache.dir.join("00").join(format!("{UNFINISHED}x"));
        fs::create_dir_all(left.parent().unwrap()).unwrap();
        fs::write(&left, "torn").unwrap();
        fs::File::options()
            .write(true)
            .open(&left)
            .unwrap()
            .set_modified(SystemTime::now() - LEFT * 2)
            .unwrap();
        assert!(cache.get(&name(0)).is_some(), "and is used by that");
        cache.put(&name(10), &[7; 100]);
        let there: Vec<u32> = (0..=10).filter(|n| cache.path(&name(*n)).exists()).collect();
        assert_eq!(there, [0, 5, 6, 7, 8, 9, 10]);
        assert!(!left.exists());
        cache.put(&name(11), &[7; 4 * BLOCK as usize]);
        assert_eq!(cache.get(&name(11)), None, "one alone does not push out all others");
    }

    #[test]
    fn the_folder_may_vanish_at_any_moment() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::bounded(dir.path().join("cache"), 1 << 20);
        cache.put(&name(1), b"one");
        fs::remove_dir_all(&cache.dir).unwrap();
        assert_eq!(cache.get(&name(1)), None);
        cache.put(&name(2), b"two");
        assert_eq!(cache.get(&name(2)).as_deref(), Some(&b"two"[..]));
    }

    #[test]
    fn several_at_once_are_in_nobodys_way() {
        let dir = tempfile::tempdir().unwrap();
        std::thread::scope(|threads| {
            for seed in 0..4u32 {
                let cache = Cache::bounded(dir.path(), 40 * BLOCK);
                threads.spawn(move || {
                    for n in 0..200 {
                        let n = (n * 7 + seed * 13) % 60;
                        match cache.get(&name(n)) {
                            Some(bytes) => assert_eq!(&bytes[..], n.to_string().repeat(50).as_bytes()),
                            None => cache.put(&name(n), n.to_string().repeat(50).as_bytes()),
                        }
                    }
                });
            }
        });
    }
}
