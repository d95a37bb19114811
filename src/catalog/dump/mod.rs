//! Dumps: files that each hold everything. `when` finds a dump's instant,
//! `whole` whether its bytes end where they should.

#[cfg(test)]
mod tests;
mod when;
mod whole;

use globset::{GlobBuilder, GlobMatcher};
use lifeboat_core::model::{
    Code, CopyDef, CopyReport, KeyDef, KeyType, Point, PointKind, PointState, Problem, Time,
};

use super::{Cx, Parser, option, root};
use crate::net::store::{Repo, show};
use when::When;
use whole::Wholeness;

pub(super) const KEYS: &[KeyDef] = &[
    KeyDef::new("match", KeyType::Text, "A glob below `path`; `**` by default."),
    KeyDef::new(
        "time",
        KeyType::Text,
        "A chrono pattern found in the key, such as `%Y-%m-%dT%H%MZ`; when it was stored, by default.",
    ),
    KeyDef::new("timezone", KeyType::Zone, "The zone of times that name none."),
    KeyDef::new(
        "sidecar",
        KeyType::Text,
        "What is appended to a dump's key for the file with its SHA-256, such as `.sha256`.",
    ),
];

/// See `crate::parsers`.
pub(super) const PARSERS: &[Parser] = &[
    ("dump_gzip", |b| {
        let _ = whole::judge(b"x.gz", b, Some(b));
    }),
    ("dump_zstd", |b| {
        let _ = whole::judge(b"x.zst", b, None);
    }),
    ("dump_any", |b| {
        let _ = whole::judge(b"x", b, None);
    }),
];

/// More are counted, but not shown one by one.
const KEEP: usize = 10_000;
/// So many of the newest are opened.
const OPEN: usize = 4;
/// Predecessors that a size is compared with.
const PEERS: usize = 10;

/// One file that `match` lets through.
#[derive(Debug, Clone)]
struct Dump {
    key: Vec<u8>,
    size: u64,
    at: Option<Time>,
    stored: Option<Time>,
}

pub(super) async fn read(copy: &CopyDef, repo: &Repo, cx: &Cx) -> Result<CopyReport, Problem> {
    let spec = Spec::of(copy, repo, cx)?;
    let dumps = spec.list(repo, cx).await?;
    if dumps.is_empty() {
        let place = format!("nothing below {:?} fits {:?}", spec.root, spec.pattern);
        return Err(Problem::new(Code::COPY_NOT_THERE, repo.id()).because(place));
    }
    let mut points = judge(&dumps, &spec, cx);
    let readable = |dump: &Dump, point: &Point| {
        point.state == PointState::Usable && !cx.work.thaws.has(repo.id(), &spec.full_key(dump))
    };
    let newest = dumps.iter().zip(&mut points).rev().filter(|(dump, point)| readable(dump, point)).take(OPEN);
    for (dump, point) in newest {
        let key = spec.full_key(dump);
        let suspect = whole::Suspect {
            key: &key,
            size: dump.size,
            stored: dump.stored,
            sidecar: spec.sidecar.as_deref(),
        };
        match whole::look(suspect, repo, cx).await {
            Wholeness::Good => {}
            Wholeness::Unknown(problem) => {
                point.state = PointState::Unverified;
                point.reason = format!("it could not be read: {}", problem.what);
                cx.work.note(problem);
            }
            Wholeness::Bad(state, reason) => (point.state, point.reason) = (state, reason),
        }
    }
    Ok(CopyReport { points, ..CopyReport::default() })
}

struct Spec {
    root: String,
    pattern: String,
    glob: GlobMatcher,
    when: When,
    sidecar: Option<String>,
}

impl Spec {
    fn of(copy: &CopyDef, repo: &Repo, cx: &Cx) -> Result<Self, Problem> {
        let bad = |why: String| Problem::new(Code::COPY_FORMAT, repo.id()).because(why);
        let pattern = option(copy, "match").unwrap_or("**").to_owned();
        let glob = GlobBuilder::new(&pattern).literal_separator(true).build();
        let glob = glob.map_err(|e| bad(format!("`match`: {e}")).next("mend `match`"))?.compile_matcher();
        let zone = match option(copy, "timezone") {
            Some(name) => Some(
                name.parse().map_err(|_| bad(format!("{name:?} is no time zone")).next("mend `timezone`"))?,
            ),
            None => None,
        };
        let when = When::new(option(copy, "time"), zone, cx.timezone);
        let when = when.map_err(|why| bad(why).next("mend `time`"))?;
        let sidecar = option(copy, "sidecar").filter(|s| !s.is_empty()).map(str::to_owned);
        Ok(Self { root: root(copy), pattern, glob, when, sidecar })
    }

    /// The newest, oldest first.
    async fn list(&self, repo: &Repo, cx: &Cx) -> Result<Vec<Dump>, Problem> {
        let mut dumps = Vec::new();
        let (mut undated, mut all) = (0, 0);
        let mut listing = repo.list_wide(self.root.as_bytes(), None, &cx.work).await?;
        while let Some(page) = listing.page().await? {
            for entry in page.entries() {
                let Some(key) = entry.key.strip_prefix(self.root.as_bytes()) else { continue };
                if !self.lets_through(key) {
                    continue;
                }
                let stored = entry.modified();
                let at = self.when.find(key);
                undated += usize::from(at.is_none() && self.when.is_in_key());
                all += 1;
                dumps.push(Dump { key: key.to_vec(), size: entry.size, at: at.or(stored), stored });
            }
            // ten million would not fit into memory, and are not shown either
            if dumps.len() > 2 * KEEP {
                keep_newest(&mut dumps);
            }
        }
        if undated > 0 {
            let why = format!("`time` is not found in {undated} keys: when they were stored counts instead");
            cx.work.note(
                Problem::new(Code::COPY_FORMAT, repo.id()).because(why).next("check `time` and `match`"),
            );
        }
        keep_newest(&mut dumps);
        if all > dumps.len() {
            let note = format!("only the newest {KEEP} of {all} dumps are shown");
            cx.work.note(Problem::new(Code::STORE_CEILING, repo.id()).because(note));
        }
        Ok(dumps)
    }

    /// What ends in `/` is how some tools make folders in a bucket.
    fn lets_through(&self, key: &[u8]) -> bool {
        let is_sidecar = self.sidecar.as_ref().is_some_and(|s| key.ends_with(s.as_bytes()));
        !is_sidecar && !key.ends_with(b"/") && self.glob.is_match(crate::net::store::as_path(key))
    }

    fn full_key(&self, dump: &Dump) -> Vec<u8> {
        [self.root.as_bytes(), &dump.key].concat()
    }
}

/// Oldest first.
fn keep_newest(dumps: &mut Vec<Dump>) {
    dumps.sort_by(|a, b| (a.at, &a.key).cmp(&(b.at, &b.key)));
    dumps.drain(..dumps.len().saturating_sub(KEEP));
}

/// By name, size and time alone.
fn judge(dumps: &[Dump], spec: &Spec, cx: &Cx) -> Vec<Point> {
    let mut points = Vec::with_capacity(dumps.len());
    // sizes of those before that hold anything
    let mut peers: Vec<u64> = Vec::new();
    for dump in dumps {
        let (state, reason) = standing(dump, &peers, spec, cx);
        if dump.size > 0 {
            peers.push(dump.size);
            if peers.len() > PEERS {
                peers.remove(0);
            }
        }
        points.push(Point {
            id: show(&dump.key),
            kind: PointKind::Dump,
            started_at: None,
            completed_at: dump.at,
            size_bytes: Some(dump.size),
            packed: None,
            state,
            reason,
            depends_on: Vec::new(),
        });
    }
    points
}

fn standing(dump: &Dump, peers: &[u64], spec: &Spec, cx: &Cx) -> (PointState, String) {
    let Some(at) = dump.at else {
        return (PointState::Unverified, "nothing says when it was made".to_owned());
    };
    if dump.size == 0 {
        return (PointState::Failed, "it has zero bytes".to_owned());
    }
    if cx.is_future(at) {
        let hint = if spec.when.is_in_key() { ": is `timezone` right?" } else { "" };
        return (PointState::Suspect, format!("it is dated in the future{hint}"));
    }
    match median(peers) {
        Some(usual) if dump.size < usual / 2 => (
            PointState::Suspect,
            format!("it has {} bytes, where the {} before it had about {usual}", dump.size, peers.len()),
        ),
        _ => (PointState::Usable, String::new()),
    }
}

/// Of at least three, lest one odd file make the next look odd.
fn median(sizes: &[u64]) -> Option<u64> {
    let mut sizes = sizes.to_vec();
    sizes.sort_unstable();
    (sizes.len() >= 3).then(|| sizes[sizes.len() / 2])
}
