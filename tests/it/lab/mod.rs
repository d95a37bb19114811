//! What the tests with real tools share: files, where tools are, how many seeds.
//! `world` is two regions with their servers; the tests in them lie beside it.

mod failback;
mod failover;
mod killed;
mod led;
mod library;
mod variants;
pub mod world;
pub mod writer;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

/// Whether this is the gate: then nothing is left out. Whoever changes a line and
/// runs `cargo test` waits for less.
pub fn whole() -> bool {
    std::env::var("LIFEBOAT_LAB").as_deref() == Ok("1")
}

/// Rounds of random harm: 30 in the gate, 3 without it, more with LIFEBOAT_SEEDS.
pub fn seeds() -> u64 {
    let usual = if whole() { 30 } else { 3 };
    std::env::var("LIFEBOAT_SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(usual)
}

/// Whether all these are there; LIFEBOAT_LAB=1 insists on it.
pub fn has(tools: &[&Path]) -> bool {
    let Some(missing) = tools.iter().find(|tool| !tool.exists()) else { return true };
    assert_ne!(std::env::var("LIFEBOAT_LAB").as_deref(), Ok("1"), "{} is missing", missing.display());
    println!("skipped: {} is not there", missing.display());
    false
}

/// Runs every seed, two at a time; the first failure ends all.
pub fn each_seed(run: impl Fn(u64) + Sync) {
    let next = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(seed) = Some(next.fetch_add(1, Relaxed)).filter(|seed| *seed < seeds()) {
                    run(seed);
                }
            });
        }
    });
}

/// A runtime for one look, where the test itself is not one.
pub fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// A second name for every file, so that it costs no space and keeps its time:
/// whoever harms one has to put a new file in its place (`replace`). Links stay
/// behind, as in any bucket.
pub fn link_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (kind, target) = (entry.file_type().unwrap(), to.join(entry.file_name()));
        if kind.is_dir() {
            link_tree(&entry.path(), &target);
        } else if kind.is_file() {
            fs::hard_link(entry.path(), &target).unwrap();
        }
    }
}

/// Other bytes under the same name, owner, mode and time.
pub fn replace(path: &Path, bytes: &[u8]) {
    use std::os::unix::fs::{MetadataExt, chown};
    let was = fs::metadata(path).unwrap();
    fs::remove_file(path).unwrap();
    fs::write(path, bytes).unwrap();
    fs::set_permissions(path, was.permissions()).unwrap();
    if rustix::process::geteuid().is_root() {
        chown(path, Some(was.uid()), Some(was.gid())).unwrap();
    }
    fs::File::options().write(true).open(path).unwrap().set_modified(was.modified().unwrap()).unwrap();
}

/// Every file below, sorted.
pub fn files(below: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![below.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(folder) else { continue };
        for entry in entries {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path())
            } else {
                found.push(entry.path())
            }
        }
    }
    found.sort();
    found
}

/// What was done to one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Harm {
    Deleted,
    Emptied,
    Cut,
    Flipped,
}

/// Deletes it, empties it, cuts it or flips one bit of it.
pub fn harm(path: &Path, dice: &mut fastrand::Rng) -> Harm {
    let mut bytes = fs::read(path).unwrap();
    let harm = match dice.u8(..7) {
        0..4 => Harm::Deleted,
        4 => Harm::Emptied,
        5 if bytes.len() > 1 => Harm::Cut,
        _ if bytes.is_empty() => Harm::Deleted,
        _ => Harm::Flipped,
    };
    match harm {
        Harm::Deleted => return fs::remove_file(path).map(|()| harm).unwrap(),
        Harm::Emptied => bytes.clear(),
        Harm::Cut => bytes.truncate(dice.usize(1..bytes.len())),
        Harm::Flipped => {
            let at = dice.usize(..bytes.len());
            bytes[at] ^= 1 << dice.u8(..8);
        }
    }
    replace(path, &bytes);
    harm
}

/// What was met over all seeds, and what nothing explains.
#[derive(Default)]
pub struct Met {
    counts: Mutex<BTreeMap<&'static str, u64>>,
    wrong: Mutex<Vec<String>>,
}

impl Met {
    pub fn count(&self, what: &'static str) {
        *self.counts.lock().unwrap().entry(what).or_default() += 1;
    }
    pub fn wrong(&self, told: String) {
        self.wrong.lock().unwrap().push(told);
    }
    /// Nothing was left unexplained, and each of `often` was met three times,
    /// where there were rounds enough for it.
    pub fn settle(self, often: &[&str]) {
        let (counts, wrong) = (self.counts.into_inner().unwrap(), self.wrong.into_inner().unwrap());
        println!("{counts:?}");
        assert!(wrong.is_empty(), "{} disagree:\n{}", wrong.len(), wrong.join("\n"));
        for what in often.iter().filter(|_| seeds() >= 30) {
            assert!(counts.get(what).is_some_and(|n| *n >= 3), "{what}: {counts:?}");
        }
    }
}
