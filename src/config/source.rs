//! The bytes of an estate: which files there are, read once and within bounds.

use std::{
    fs,
    io::{self, Read},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use lifeboat_core::model::Code;

use super::{keys::FileKind, nearest::nearest};

/// The largest TOML file, in bytes.
pub const MAX_FILE: u64 = 1 << 20;
/// All files of an estate together, in bytes.
pub const MAX_ESTATE: u64 = 64 << 20;

/// A file that is there, as text or with the reason why not.
pub(super) struct Source {
    pub kind: FileKind,
    /// Relative to the estate's folder.
    pub path: PathBuf,
    pub text: Result<String, Unreadable>,
    /// blake3 of what was read, to be set beside what is trusted.
    pub hash: String,
}

pub(super) struct Unreadable {
    pub code: Code,
    pub what: String,
    /// Where the bytes stop being UTF-8: line and column, from 1.
    pub at: Option<(usize, usize)>,
}

impl Unreadable {
    fn new(code: Code, what: impl Into<String>) -> Self {
        Self { code, what: what.into(), at: None }
    }
}

/// What lies in an estate's folder.
pub(super) struct Sources {
    /// In a stable order.
    pub files: Vec<Source>,
    /// TOML files and folders at places where none is read.
    pub stray: Vec<PathBuf>,
}

/// Reads all files of the estate in `dir`, which is canonical.
pub(super) fn read_all(dir: &Path) -> io::Result<Sources> {
    let mut found = Vec::new();
    let mut stray = Vec::new();
    for name in toml_files(dir, Path::new(""))? {
        let kind = [FileKind::Main, FileKind::Regions, FileKind::Stores]
            .into_iter()
            .find(|kind| name == Path::new(kind.place()));
        match kind {
            Some(kind) => found.push((kind, name)),
            None => stray.push(name),
        }
    }
    found.sort_by_key(|(kind, _)| *kind as u8);
    for (folder, kind) in FOLDERS {
        if dir.join(folder).is_dir() {
            found.extend(toml_files(dir, Path::new(folder))?.into_iter().map(|name| (kind, name)));
        }
    }
    stray.extend(misnamed_folders(dir)?);
    let mut left = MAX_ESTATE;
    let files = found.into_iter().map(|(kind, path)| read_one(dir, kind, path, &mut left)).collect();
    Ok(Sources { files, stray })
}

const FOLDERS: [(&str, FileKind); 2] = [("workloads", FileKind::Workload), ("runbooks", FileKind::Runbook)];

/// Names below `root`, sorted; hidden files are editors' business.
fn toml_files(root: &Path, folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(root.join(folder))? {
        let name = PathBuf::from(entry?.file_name());
        let hidden = name.to_string_lossy().starts_with('.');
        if !hidden && name.extension().is_some_and(|e| e == "toml") {
            names.push(folder.join(name));
        }
    }
    names.sort();
    Ok(names)
}

/// `workload/` where `workloads/` is meant would be an estate without any.
fn misnamed_folders(root: &Path) -> io::Result<Vec<PathBuf>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let known = FOLDERS.map(|(folder, _)| folder);
        let near = !known.contains(&name.as_str()) && nearest(&name, known).is_some();
        if near && entry.file_type()?.is_dir() && !toml_files(root, Path::new(&name))?.is_empty() {
            names.push(name.into());
        }
    }
    names.sort();
    Ok(names)
}

fn read_one(root: &Path, kind: FileKind, path: PathBuf, left: &mut u64) -> Source {
    let bytes = read_bytes(root, &path, left);
    let hash = bytes.as_ref().map(|b| blake3::hash(b).to_hex().to_string()).unwrap_or_default();
    let text = bytes.and_then(|bytes| {
        String::from_utf8(bytes).map_err(|bad| {
            let good = &bad.as_bytes()[..bad.utf8_error().valid_up_to()];
            let line = good.iter().filter(|b| **b == b'\n').count() + 1;
            let start = good.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
            let column = String::from_utf8_lossy(&good[start..]).chars().count() + 1;
            let what = format!("not UTF-8: byte 0x{:02x}", bad.as_bytes()[good.len()]);
            Unreadable { at: Some((line, column)), ..Unreadable::new(Code::ESTATE_UNREADABLE, what) }
        })
    });
    Source { kind, path, text, hash }
}

fn read_bytes(root: &Path, path: &Path, left: &mut u64) -> Result<Vec<u8>, Unreadable> {
    let unreadable = |e: io::Error| Unreadable::new(Code::ESTATE_UNREADABLE, format!("cannot be read: {e}"));
    let file = open_inside(root, path).map_err(unreadable)?;
    let file = file.ok_or_else(|| Unreadable::new(Code::TRUST_LINK, "a link that leaves the estate"))?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    let size = bytes.len() as u64;
    if size > MAX_FILE {
        return Err(Unreadable::new(Code::ESTATE_TOO_LARGE, "larger than 1 MiB"));
    }
    *left = left.checked_sub(size).ok_or_else(|| {
        Unreadable::new(Code::ESTATE_TOO_LARGE, "with this file the estate is larger than 64 MiB")
    })?;
    Ok(bytes)
}

/// The file, or nothing where a link leads out of the estate: what lies there
/// is not the estate's to show, not even the line of an error.
fn open_inside(root: &Path, path: &Path) -> io::Result<Option<fs::File>> {
    let real = root.join(path).canonicalize()?;
    if !real.starts_with(root) {
        return Ok(None);
    }
    open_regular(&real).map(Some)
}

/// Opens a regular file and nothing else, without following a last link and
/// without waiting: a pipe with no writer would hang the program.
pub(super) fn open_regular(path: &Path) -> io::Result<fs::File> {
    use rustix::fs::OFlags;
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC).bits();
    let file = fs::OpenOptions::new().read(true).custom_flags(flags.cast_signed()).open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::other("not a regular file")),
    }
}
