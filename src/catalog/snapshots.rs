//! What etcd and Vault share: files that each hold everything and carry the
//! hash of it. Their names prove nothing, their bytes do; but bytes cost, so
//! the newest are read whole and the rest is judged from outside.

use std::io::{self, Read};

use bytes::Bytes;
use lifeboat_core::model::{Code, CopyDef, CopyReport, Dur, Point, PointKind, PointState, Problem, Time};
use tokio::sync::mpsc;

use super::{Cx, root};
use crate::net::store::{Repo, show};

/// More are counted, but not shown one by one.
const KEEP: usize = 10_000;
/// When so many of the newest are proven whole, older ones are not read.
const ENOUGH: usize = 2;
/// Bytes read for proofs at one look, which is repeated every few minutes.
const BUDGET: u64 = 256 << 20;
/// One range request.
const CHUNK: u64 = 4 << 20;
/// A file that ends too early may still be in writing for so long.
const WRITING: Dur = Dur::secs(10 * 60);
/// Predecessors that a size is compared with.
const PEERS: usize = 10;
/// Files that tools and people put beside snapshots.
const BESIDE: [&str; 8] = [".sha256", ".sha256sum", ".sha512", ".md5", ".asc", ".sig", ".json", ".txt"];

/// `Err`: why it is not usable.
pub(super) type Found = Result<(), (PointState, String)>;

/// What tells one kind of snapshot from another.
pub(super) struct Kind {
    /// From name and size alone.
    pub outside: fn(&File) -> Found,
    /// From all bytes; runs where it may block.
    pub inside: fn(Feed, u64) -> Found,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct File {
    /// Below `path`.
    pub key: Vec<u8>,
    pub size: u64,
    pub stored: Option<Time>,
}

pub(super) async fn read(copy: &CopyDef, kind: &Kind, repo: &Repo, cx: &Cx) -> Result<CopyReport, Problem> {
    let root = root(copy);
    let files = list(&root, repo, cx).await?;
    if files.is_empty() {
        let place =
            if root.is_empty() { "the store is empty".to_owned() } else { format!("nothing below {root:?}") };
        return Err(Problem::new(Code::COPY_NOT_THERE, repo.id()).because(place));
    }
    if let Some(why) = copied_at_once(&files) {
        cx.work.note(
            Problem::new(Code::COPY_FORMAT, repo.id())
                .because(why)
                .next("keep the times when copying, or copy each snapshot as it is made"),
        );
    }
    let mut found = judge(&files, kind, !repo.appears_whole(), cx);
    prove(&files, &mut found, &root, kind, repo, cx).await;
    let points = files.iter().zip(found).map(|(file, found)| point(file, found)).collect();
    Ok(CopyReport { points, ..CopyReport::default() })
}

/// Oldest first.
async fn list(root: &str, repo: &Repo, cx: &Cx) -> Result<Vec<File>, Problem> {
    let mut files: Vec<File> = Vec::new();
    let mut all = 0usize;
    let mut listing = repo.list_wide(root.as_bytes(), None, &cx.work).await?;
    while let Some(page) = listing.page().await? {
        for entry in page.entries() {
            let Some(key) = entry.key.strip_prefix(root.as_bytes()) else { continue };
            let beside = BESIDE.iter().any(|suffix| key.ends_with(suffix.as_bytes()));
            // what ends in `/` is how some tools make folders in a bucket
            if beside || key.ends_with(b"/") {
                continue;
            }
            all += 1;
            files.push(File { key: key.to_vec(), size: entry.size, stored: entry.modified() });
        }
        if files.len() > 2 * KEEP {
            keep_newest(&mut files);
        }
    }
    keep_newest(&mut files);
    if all > files.len() {
        let note = format!("only the newest {KEEP} of {all} snapshots are shown");
        cx.work.note(Problem::new(Code::STORE_CEILING, repo.id()).because(note));
    }
    Ok(files)
}

fn keep_newest(files: &mut Vec<File>) {
    files.sort_by(|a, b| (a.stored, &a.key).cmp(&(b.stored, &b.key)));
    files.drain(..files.len().saturating_sub(KEEP));
}

/// No time is inside these files, and a copy made later stores them all at one time.
fn copied_at_once(files: &[File]) -> Option<String> {
    let first = files.first()?.stored?;
    let last = files.last()?.stored?;
    (files.len() >= 3 && Dur::between(first, last) < Dur::secs(60)).then(|| {
        format!(
            "all {} snapshots were stored within a minute: their times are those of a copy, not of the snapshots",
            files.len()
        )
    })
}

/// From outside: everything but what a proof says.
pub(super) fn judge(files: &[File], kind: &Kind, may_grow: bool, cx: &Cx) -> Vec<Found> {
    let mut peers: Vec<u64> = Vec::new();
    let judged = files.iter().map(|file| {
        let found = standing(file, &peers, kind, cx);
        if found.is_ok() {
            peers.push(file.size);
            if peers.len() > PEERS {
                peers.remove(0);
            }
        }
        let fresh = file.stored.is_some_and(|at| cx.age(at) < WRITING);
        match found {
            // an object in a bucket appears when it is whole; a file grows
            Err((PointState::Incomplete, why)) if may_grow && fresh => {
                Err((PointState::Running, format!("{why}; it may still be in writing")))
            }
            found => found,
        }
    });
    judged.collect()
}

fn standing(file: &File, peers: &[u64], kind: &Kind, cx: &Cx) -> Found {
    if file.size == 0 {
        return Err((PointState::Failed, "it has zero bytes".to_owned()));
    }
    (kind.outside)(file)?;
    match file.stored {
        None => return Err((PointState::Unverified, "nothing says when it was made".to_owned())),
        Some(at) if cx.is_future(at) => {
            return Err((
                PointState::Suspect,
                "it was stored in the future, by the store's clock".to_owned(),
            ));
        }
        Some(_) => {}
    }
    let mut sizes = peers.to_vec();
    sizes.sort_unstable();
    // of at least three, lest one odd file make the next look odd
    match sizes.get(sizes.len() / 2).filter(|_| sizes.len() >= 3) {
        Some(usual) if file.size < usual / 2 => Err((
            PointState::Suspect,
            format!("it has {} bytes, where the {} before it had about {usual}", file.size, sizes.len()),
        )),
        _ => Ok(()),
    }
}

/// Reads the newest whole, until enough are proven or the budget is spent.
async fn prove(files: &[File], found: &mut [Found], root: &str, kind: &Kind, repo: &Repo, cx: &Cx) {
    let (mut proven, mut budget) = (0, BUDGET);
    for (file, found) in files.iter().zip(found).rev() {
        let key = [root.as_bytes(), &file.key].concat();
        // what has to be retrieved first is told so afterwards, and proves nothing
        if found.is_err() || cx.work.thaws.has(repo.id(), &key) {
            continue;
        }
        let unread = |why: &str| Err((PointState::Unverified, why.to_owned()));
        if proven >= ENOUGH {
            *found = unread("its size looks right; its hash was not checked, since newer ones were");
            continue;
        }
        if file.size > budget {
            *found = unread("its size looks right; it is too large for its hash to be checked at each look");
            continue;
        }
        budget -= file.size;
        let (inside, size) = (kind.inside, file.size);
        *found = match stream(&key, size, repo, cx, move |feed| inside(feed, size)).await {
            Ok(found) => found,
            Err(problem) => {
                let reason = format!("it could not be read: {}", problem.what);
                cx.work.note(problem);
                unread(&reason)
            }
        };
        proven += usize::from(found.is_ok());
    }
}

fn point(file: &File, found: Found) -> Point {
    let (state, reason) = found.err().unwrap_or((PointState::Usable, String::new()));
    Point {
        id: show(&file.key),
        kind: PointKind::Snapshot,
        started_at: None,
        completed_at: file.stored,
        size_bytes: Some(file.size),
        packed: None,
        state,
        reason,
        depends_on: Vec::new(),
    }
}

/// Hands an object to `check`, chunk by chunk and no faster than it takes
/// them. Errors: what kept it from being read, and LB-STORE-009 where it
/// changed meanwhile.
async fn stream<T: Send + 'static>(
    key: &[u8],
    size: u64,
    repo: &Repo,
    cx: &Cx,
    check: impl FnOnce(Feed) -> T + Send + 'static,
) -> Result<T, Problem> {
    let (send, chunks) = mpsc::channel(2);
    let checking = tokio::task::spawn_blocking(move || check(Feed { chunks, rest: Bytes::new() }));
    let mut at = 0;
    let mut version = None;
    while at < size {
        let end = size.min(at + CHUNK);
        let object = repo.get(key, Some(at..end), CHUNK, &cx.work).await?;
        let whole = object.bytes.len() as u64 == end - at && object.meta.size.is_none_or(|s| s == size);
        let own = Some((object.meta.etag, object.meta.modified));
        let same = at == 0 || own == version;
        if !whole || !same {
            let why = format!("{} changed while it was read", show(key));
            return Err(Problem::new(Code::STORE_CUT, repo.id()).because(why));
        }
        version = own;
        at = end;
        // it has seen enough
        if send.send(object.bytes).await.is_err() {
            break;
        }
    }
    drop(send);
    checking.await.map_err(|e| Problem::new(Code::STORE_SERVER, repo.id()).because(e))
}

/// The bytes of one object, in order.
pub(super) struct Feed {
    chunks: mpsc::Receiver<Bytes>,
    rest: Bytes,
}

impl Feed {
    /// Of bytes that are all here.
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self { chunks: mpsc::channel(1).1, rest: Bytes::copy_from_slice(bytes) }
    }
}

impl Read for Feed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() {
            match self.chunks.blocking_recv() {
                Some(chunk) => self.rest = chunk,
                None => return Ok(0),
            }
        }
        let taken = self.rest.split_to(buffer.len().min(self.rest.len()));
        if let Some(room) = buffer.get_mut(..taken.len()) {
            room.copy_from_slice(&taken);
        }
        Ok(taken.len())
    }
}
