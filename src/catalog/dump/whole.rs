//! Whether a dump's bytes end where they should.

use std::io::{self, Read};

use flate2::bufread::MultiGzDecoder;
use lifeboat_core::model::{Code, Dur, PointState, Problem, Time};
use sha1::Sha1;
use sha2::{Digest, Sha256};

use crate::{
    catalog::Cx,
    net::store::{Repo, show},
};

/// Up to here a dump is read whole; beyond, only its ends.
const READ_WHOLE: u64 = 8 << 20;
/// Stops a gzip bomb: 8 MiB can hold 8 GiB.
const MAX_INFLATED: u64 = 1 << 30;
const MAX_SIDECAR: u64 = 64 << 10;
/// A sidecar is written after its dump.
const SIDECAR_DUE: Dur = Dur::secs(3_600);

#[derive(Debug, PartialEq)]
pub(super) enum Wholeness {
    Good,
    /// It could not be looked at.
    Unknown(Problem),
    Bad(PointState, String),
}

/// One object and the suffix of its sidecar, if it should have one.
pub(super) struct Suspect<'a> {
    pub key: &'a [u8],
    pub size: u64,
    pub stored: Option<Time>,
    pub sidecar: Option<&'a str>,
}

pub(super) async fn look(dump: Suspect<'_>, repo: &Repo, cx: &Cx) -> Wholeness {
    match try_look(dump, repo, cx).await {
        Ok(None) => Wholeness::Good,
        Ok(Some((state, reason))) => Wholeness::Bad(state, reason),
        Err(problem) => Wholeness::Unknown(problem),
    }
}

type Found = Option<(PointState, String)>;

async fn try_look(dump: Suspect<'_>, repo: &Repo, cx: &Cx) -> Result<Found, Problem> {
    let Suspect { key, size, stored, sidecar } = dump;
    let hash = match sidecar {
        None => None,
        Some(suffix) => match read_sidecar(&[key, suffix.as_bytes()].concat(), stored, repo, cx).await? {
            Ok(hash) => Some(hash),
            Err(found) => return Ok(Some(found)),
        },
    };
    if size <= READ_WHOLE {
        let bytes = repo.get(key, None, READ_WHOLE, &cx.work).await?.bytes;
        let (name, path) = (key.to_vec(), repo.id().to_owned());
        let checked = tokio::task::spawn_blocking(move || judge(&name, &bytes, hash.as_deref())).await;
        return checked.map_err(|e| Problem::new(Code::STORE_SERVER, path).because(e));
    }
    let head = repo.get(key, Some(0..16), 16, &cx.work).await?.bytes;
    let tail = repo.get(key, Some(size - 16..size), 16, &cx.work).await?.bytes;
    Ok(judge_ends(key, &head, &tail))
}

/// The hash that a sidecar holds: its first word, as `sha256sum` writes it.
async fn read_sidecar(
    key: &[u8],
    stored: Option<Time>,
    repo: &Repo,
    cx: &Cx,
) -> Result<Result<Vec<u8>, (PointState, String)>, Problem> {
    let missing = || {
        let fresh = stored.is_some_and(|at| cx.age(at) < SIDECAR_DUE);
        let state = if fresh { PointState::Running } else { PointState::Incomplete };
        Ok(Err((state, format!("its sidecar {} is missing", show(key)))))
    };
    let Some(object) = repo.get_if_there(key, MAX_SIDECAR, &cx.work).await? else { return missing() };
    let text = String::from_utf8_lossy(&object.bytes);
    let word = text.split_whitespace().next().unwrap_or_default();
    match hex::decode(word.trim_start_matches('\\')) {
        Ok(hash) if matches!(hash.len(), 20 | 32) => Ok(Ok(hash)),
        _ => Ok(Err((PointState::Suspect, format!("its sidecar {} holds no SHA-256", show(key))))),
    }
}

/// All bytes are here.
pub(super) fn judge(key: &[u8], bytes: &[u8], hash: Option<&[u8]>) -> Found {
    if let Some(found) = judge_format(key, bytes) {
        return Some(found);
    }
    let own = match hash?.len() {
        20 => Sha1::digest(bytes).to_vec(),
        _ => Sha256::digest(bytes).to_vec(),
    };
    (own != hash?).then(|| (PointState::Suspect, "its hash is not the one in its sidecar".to_owned()))
}

fn judge_format(key: &[u8], bytes: &[u8]) -> Found {
    let middle =
        |what: &str| Some((PointState::Incomplete, format!("it ends in the middle of its {what} stream")));
    let format = Format::of(key, bytes);
    if !format.fits(bytes) {
        return not_what_it_says(format);
    }
    match format {
        Format::Gzip => match inflate(bytes) {
            Ok(size) if size >= MAX_INFLATED => Some((
                PointState::Unverified,
                format!("it unpacks to more than {MAX_INFLATED} bytes: not checked further"),
            )),
            Ok(_) => None,
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => middle("gzip"),
            Err(_) => Some((PointState::Suspect, "its gzip stream is damaged".to_owned())),
        },
        Format::Zstd if !zstd_is_whole(bytes) => middle("zstd"),
        Format::Xz if !bytes.ends_with(b"YZ") => middle("xz"),
        _ => None,
    }
}

/// Only both ends are here.
fn judge_ends(key: &[u8], head: &[u8], tail: &[u8]) -> Found {
    let format = Format::of(key, head);
    match format {
        _ if !format.fits(head) => not_what_it_says(format),
        Format::Xz if !tail.ends_with(b"YZ") => {
            Some((PointState::Incomplete, "it ends in the middle of its xz stream".to_owned()))
        }
        // the length that ends gzip is of its last member only, so it proves nothing here
        _ => None,
    }
}

fn not_what_it_says(format: Format) -> Found {
    Some((PointState::Suspect, format!("it is named as {} and is none", format.name())))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Gzip,
    Zstd,
    Xz,
    Other,
}

impl Format {
    /// By name, else by its first bytes.
    fn of(key: &[u8], head: &[u8]) -> Self {
        let ends =
            |suffixes: &[&str]| suffixes.iter().any(|s| key.to_ascii_lowercase().ends_with(s.as_bytes()));
        match () {
            () if ends(&[".gz", ".tgz"]) => Self::Gzip,
            () if ends(&[".zst", ".zstd"]) => Self::Zstd,
            () if ends(&[".xz", ".txz"]) => Self::Xz,
            () => {
                [Self::Gzip, Self::Zstd, Self::Xz].into_iter().find(|f| f.fits(head)).unwrap_or(Self::Other)
            }
        }
    }
    fn fits(self, head: &[u8]) -> bool {
        head.starts_with(match self {
            Self::Gzip => b"\x1f\x8b",
            Self::Zstd => return is_zstd(head),
            Self::Xz => b"\xfd7zXZ\0",
            Self::Other => b"",
        })
    }
    fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Xz => "xz",
            Self::Other => "a file",
        }
    }
}

/// How many bytes it holds, or the cap.
fn inflate(bytes: &[u8]) -> io::Result<u64> {
    let mut inflated = MultiGzDecoder::new(bytes).take(MAX_INFLATED);
    io::copy(&mut inflated, &mut io::sink())
}

fn is_zstd(head: &[u8]) -> bool {
    head.starts_with(b"\x28\xb5\x2f\xfd") || matches!(head, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..])
}

/// Walks frames and blocks by their headers, without decoding (RFC 8878).
fn zstd_is_whole(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while !rest.is_empty() {
        match zstd_frame(rest) {
            Some(length) if length <= rest.len() => rest = &rest[length..],
            _ => return false,
        }
    }
    true
}

/// The length of the frame that begins here.
fn zstd_frame(bytes: &[u8]) -> Option<usize> {
    let number = |at: usize, length: usize| {
        let field = bytes.get(at..at + length)?;
        Some(field.iter().rev().fold(0usize, |n, b| n << 8 | usize::from(*b)))
    };
    if let [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] = bytes {
        return number(4, 4)?.checked_add(8);
    }
    let descriptor = *bytes.strip_prefix(b"\x28\xb5\x2f\xfd")?.first()?;
    let single = descriptor & 0x20 != 0;
    let dictionary = [0, 1, 2, 4][usize::from(descriptor & 3)];
    let content = match descriptor >> 6 {
        0 => usize::from(single),
        1 => 2,
        2 => 4,
        _ => 8,
    };
    let mut at = 5 + usize::from(!single) + dictionary + content;
    loop {
        let header = number(at, 3)?;
        let (last, kind, size) = (header & 1 == 1, header >> 1 & 3, header >> 3);
        // a block of one repeated byte holds only that
        at += 3 + if kind == 1 { 1 } else { size };
        if last {
            let checksum = if descriptor & 4 == 0 { 0 } else { 4 };
            return Some(at + checksum);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};
    use proptest::prelude::*;

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_gzip_stream_cut_anywhere_is_incomplete() {
        let whole = gzip(b"insert into orders values (1), (2), (3);");
        assert_eq!(judge(b"a.sql.gz", &whole, None), None);
        assert_eq!(
            judge(b"a.sql.gz", &[&whole[..], &whole].concat(), None),
            None,
            "members may follow each other"
        );
        for cut in 2..whole.len() {
            let (state, reason) =
                judge(b"a.sql.gz", &whole[..cut], None).unwrap_or_else(|| panic!("cut at {cut}"));
            assert_eq!(
                (state, &*reason),
                (PointState::Incomplete, "it ends in the middle of its gzip stream")
            );
        }
        let mut damaged = whole.clone();
        let middle = damaged.len() / 2;
        damaged[middle] ^= 0x55;
        assert!(judge(b"a.sql.gz", &damaged, None).is_some());
        let (state, _) = judge(b"a.sql.gz", b"ERROR: out of memory", None).unwrap();
        assert_eq!(state, PointState::Suspect);
    }

    #[test]
    fn a_zstd_stream_cut_anywhere_is_incomplete() {
        // one raw block of three bytes, single segment, no checksum
        let whole = [&b"\x28\xb5\x2f\xfd\x20\x03\x19\0\0"[..], b"abc"].concat();
        assert_eq!(judge(b"a.zst", &whole, None), None);
        for cut in 4..whole.len() {
            assert!(judge(b"a.zst", &whole[..cut], None).is_some(), "cut at {cut}");
        }
    }

    #[test]
    fn a_sidecar_has_the_last_word() {
        let whole = gzip(b"x");
        let hash = Sha256::digest(&whole).to_vec();
        assert_eq!(judge(b"a.gz", &whole, Some(&hash)), None);
        assert!(judge(b"a.gz", &gzip(b"y"), Some(&hash)).is_some());
        let cut = &whole[..whole.len() - 4];
        let matching = Sha256::digest(cut).to_vec();
        assert!(judge(b"a.gz", cut, Some(&matching)).is_some(), "a hash made of a cut file proves nothing");
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>, hash: Option<[u8; 32]>) {
            let framed = [b"\x28\xb5\x2f\xfd", &*bytes].concat();
            for bytes in [&bytes, &framed] {
                for key in ["a.gz", "a.zst", "a.xz", "a"] {
                    let _ = judge(key.as_bytes(), bytes, hash.as_ref().map(|h| &h[..]));
                    let _ = judge_ends(key.as_bytes(), bytes, bytes);
                }
            }
        }
    }
}
