//! What a command prints goes straight to files, never through a pipe: no
//! process of ours has to live for the command to go on. The file is kept
//! small from outside by freeing its middle, so that its size still says how
//! much was printed in all.
//!
//! What was given secrets may print them. Then it writes to a file without a
//! name, in memory where the system can, from which it gets to the disk only
//! without them (`washed`). Should the attempt be killed, what is not there yet
//! is lost from the record; what prints it goes on as before.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
};

use lifeboat_core::model::clean_line;

use super::washed::Washed;
use crate::net::Secrets;

/// Kept of the beginning and of the end, in bytes.
const HEAD: u64 = 256 << 10;
const TAIL: u64 = 768 << 10;

/// One file of output while it is written.
pub struct Capture {
    path: PathBuf,
    file: File,
    /// Up to here the middle is freed.
    freed: u64,
    washed: Option<Washed>,
}

/// What is left of an output at its end.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    pub kept: u64,
    pub all: u64,
}

impl Capture {
    pub fn create(path: PathBuf) -> io::Result<Self> {
        // Append: the command and its children share it, and none may write over another.
        let file = OpenOptions::new().read(true).append(true).create(true).open(&path)?;
        file.set_len(0)?;
        Ok(Self { path, file, freed: HEAD, washed: None })
    }

    /// As `create`, for what may print secrets that `secrets` resolved or will.
    pub fn washing(path: PathBuf, secrets: &Secrets) -> io::Result<Self> {
        let mut capture = Self::create(path)?;
        capture.washed = Some(Washed::new(&capture.path, secrets.clone())?);
        Ok(capture)
    }

    /// For a command's standard output or error.
    pub fn writer(&self) -> io::Result<File> {
        match &self.washed {
            Some(washed) => washed.writer(),
            None => self.file.try_clone(),
        }
    }

    /// Brings everything that was printed so far into the file.
    pub fn catch_up(&mut self) -> io::Result<()> {
        self.washed.as_mut().map_or(Ok(()), |washed| washed.pass(&mut self.file, true))
    }

    /// Frees what lies between the head and the tail. Where the file system
    /// cannot, the file is cut at its end.
    pub fn trim(&mut self) {
        if let Some(washed) = &mut self.washed {
            // What cannot be kept is missing from the record, not from the outcome.
            let _ = washed.pass(&mut self.file, false);
        }
        let Ok(size) = self.file.metadata().map(|m| m.len()) else { return };
        let until = size.saturating_sub(TAIL) & !4095;
        if until < self.freed + TAIL {
            return;
        }
        #[cfg(target_os = "linux")]
        {
            use rustix::fs::{FallocateFlags, fallocate};
            let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
            let _ = fallocate(&self.file, flags, self.freed, until - self.freed);
            self.freed = until;
        }
    }

    /// Rewrites a file that grew over the cap as its head and its tail, and
    /// feeds what is kept to `hash`.
    pub fn close(mut self, hash: &mut blake3::Hasher) -> io::Result<Kept> {
        self.catch_up()?;
        let all = self.file.metadata()?.len();
        if all > HEAD + TAIL {
            let small = self.path.with_extension("tmp");
            let mut out = File::create(&small)?;
            self.file.seek(SeekFrom::Start(0))?;
            io::copy(&mut (&self.file).take(HEAD), &mut out)?;
            write!(out, "\n[lifeboat: {} bytes were not kept]\n", all - HEAD - TAIL)?;
            self.file.seek(SeekFrom::Start(all - TAIL))?;
            io::copy(&mut (&self.file).take(TAIL), &mut out)?;
            std::fs::rename(&small, &self.path)?;
        }
        let mut kept = 0;
        let mut file = File::open(&self.path)?;
        let mut buffer = vec![0; 64 << 10];
        loop {
            match file.read(&mut buffer)? {
                0 => break,
                n => {
                    hash.update(&buffer[..n]);
                    kept += n as u64;
                }
            }
        }
        Ok(Kept { kept, all })
    }
}

/// The last `bytes` of a file, less a first line that was cut; nothing where
/// there is no file.
pub fn end_of(path: &Path, bytes: u64) -> io::Result<Vec<u8>> {
    let mut file = match File::open(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        file => file?,
    };
    let size = file.metadata()?.len();
    file.seek(SeekFrom::Start(size.saturating_sub(bytes)))?;
    let mut end = Vec::new();
    file.take(bytes).read_to_end(&mut end)?;
    if size > bytes {
        let line = end.iter().position(|b| *b == b'\n').map_or(0, |n| n + 1);
        end.drain(..line);
    }
    Ok(end)
}

/// The newest lines of an attempt's output, cleaned; at most `lines`.
pub fn tail(dir: &Path, lines: usize) -> io::Result<Vec<String>> {
    let mut all = Vec::new();
    for name in ["output", "stdout", "progress"] {
        let end = end_of(&dir.join(name), 32 << 10)?;
        let text = String::from_utf8_lossy(&end);
        // A carriage return redraws the line; what it drew last counts.
        let shown = text.lines().map(|l| l.trim_end_matches('\r').rsplit('\r').next().unwrap_or_default());
        all.extend(shown.map(clean_line));
    }
    let cut = all.len().saturating_sub(lines);
    Ok(all.split_off(cut))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_kept_at_both_ends_and_counted_in_all() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("output");
        let mut capture = Capture::create(path.clone()).unwrap();
        let mut writer = capture.writer().unwrap();
        let lines = 600_000u64;
        for block in 0..lines / 1_000 {
            let text: String = (0..1_000).map(|n| format!("{:09}\n", block * 1_000 + n)).collect();
            writer.write_all(text.as_bytes()).unwrap();
            capture.trim();
        }
        use std::os::unix::fs::MetadataExt as _;
        let on_disk = std::fs::metadata(&path).unwrap().blocks() * 512;
        assert!(on_disk < 3 * (HEAD + TAIL), "{on_disk} bytes on disk");
        let kept = capture.close(&mut blake3::Hasher::new()).unwrap();
        assert_eq!(kept.all, lines * 10);
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.len() as u64, kept.kept);
        assert!(text.starts_with("000000000\n000000001\n"));
        assert!(text.ends_with("000599999\n") && text.contains("bytes were not kept"));
        assert!(!text.contains('\0'));
    }

    #[test]
    fn the_tail_is_clean_and_whole_lines() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("output"), b"one\n10%\r20%\rdone\r\n\x1b[2Jevil\xff\nlast").unwrap();
        assert_eq!(tail(dir.path(), 9).unwrap(), ["one", "done", "^[[2Jevil\u{fffd}", "last"]);
        assert_eq!(tail(dir.path(), 1).unwrap(), ["last"]);
        assert_eq!(end_of(&dir.path().join("output"), 6).unwrap(), b"last");
        assert!(tail(&dir.path().join("nowhere"), 9).unwrap().is_empty());
    }
}
