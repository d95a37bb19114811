//! What a copy has done so far, one JSON line each, in the folder of its
//! attempt; the next attempt of the same step reads those of all before it.
//! A line that was lost costs doing that much again, never a wrong object.

use std::{
    collections::HashMap,
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::Path,
    sync::Mutex,
};

use serde::{Deserialize, Serialize};

pub const FILE: &str = "copied";

/// Keys are bytes, in hex.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
enum Line {
    /// The whole object arrived.
    Done {
        key: String,
        tag: String,
        size: u64,
        sha256: String,
    },
    /// A large one was begun.
    Begun {
        key: String,
        tag: String,
        size: u64,
        upload: String,
    },
    Part {
        key: String,
        upload: String,
        number: u32,
        part: String,
    },
}

/// One state of a source object, and its sum where it was copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    pub tag: String,
    pub size: u64,
    pub sha256: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Half {
    pub tag: String,
    pub size: u64,
    pub upload: String,
    /// Number and the store's name of each part that arrived.
    pub parts: HashMap<u32, String>,
}

/// What earlier attempts did, and the file of this one.
pub struct State {
    pub done: HashMap<Vec<u8>, Done>,
    pub half: HashMap<Vec<u8>, Half>,
    file: Mutex<File>,
}

impl State {
    /// `dir`: `ATTEMPTS/STEP-NUMBER`.
    pub fn open(dir: &Path, step: &str, number: u32) -> io::Result<Self> {
        let (mut done, mut half) = (HashMap::new(), HashMap::new());
        for earlier in 1..=number {
            let path = dir.with_file_name(format!("{step}-{earlier}")).join(FILE);
            let text = match fs::read_to_string(&path) {
                Ok(text) => text,
                Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
                Err(e) => return Err(e),
            };
            // The last line may be cut: its writer was killed.
            for line in text.lines().filter_map(|l| serde_json::from_str(l).ok()) {
                take(line, &mut done, &mut half);
            }
        }
        let file = OpenOptions::new().append(true).create(true).open(dir.join(FILE))?;
        Ok(Self { done, half, file: Mutex::new(file) })
    }

    pub fn done(&self, key: &[u8], done: &Done) {
        let Done { tag, size, sha256 } = done.clone();
        self.write(&Line::Done { key: hex::encode(key), tag, size, sha256 });
    }
    pub fn begun(&self, key: &[u8], tag: &str, size: u64, upload: &str) {
        let (tag, upload) = (tag.to_owned(), upload.to_owned());
        self.write(&Line::Begun { key: hex::encode(key), tag, size, upload });
    }
    pub fn part(&self, key: &[u8], upload: &str, number: u32, part: &str) {
        let (upload, part) = (upload.to_owned(), part.to_owned());
        self.write(&Line::Part { key: hex::encode(key), upload, number, part });
    }

    /// One write a line, so that lines of several objects do not mix.
    fn write(&self, line: &Line) {
        let Ok(mut text) = serde_json::to_string(line) else { return };
        text.push('\n');
        if let Ok(mut file) = self.file.lock() {
            // What cannot be noted is done again by the next attempt.
            let _ = file.write_all(text.as_bytes());
        }
    }
}

fn take(line: Line, done: &mut HashMap<Vec<u8>, Done>, half: &mut HashMap<Vec<u8>, Half>) {
    let key = |text: &str| hex::decode(text).unwrap_or_default();
    match line {
        Line::Done { key: k, tag, size, sha256 } => {
            half.remove(&key(&k));
            done.insert(key(&k), Done { tag, size, sha256 });
        }
        Line::Begun { key: k, tag, size, upload } => {
            half.insert(key(&k), Half { tag, size, upload, parts: HashMap::new() });
        }
        Line::Part { key: k, upload, number, part } => {
            if let Some(half) = half.get_mut(&key(&k)).filter(|h| h.upload == upload) {
                half.parts.insert(number, part);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_earlier_attempts_did_is_known_to_the_next() {
        let dir = tempfile::tempdir().unwrap();
        let attempt = |n: u32| {
            let dir = dir.path().join(format!("copy-{n}"));
            fs::create_dir_all(&dir).unwrap();
            State::open(&dir, "copy", n).unwrap()
        };
        let done = Done { tag: "e1".into(), size: 3, sha256: "aa".into() };
        let first = attempt(1);
        first.done(b"a\xff", &done);
        first.begun(b"big", "e2", 9, "up1");
        first.part(b"big", "up1", 1, "p1");
        first.part(b"big", "other", 2, "p2");
        let path = dir.path().join("copy-1").join(FILE);
        let cut = fs::read_to_string(&path).unwrap() + "{\"t\":\"done\",\"key\":\"62";
        fs::write(&path, cut).unwrap();
        let third = attempt(3);
        assert_eq!(third.done, HashMap::from([(b"a\xff".to_vec(), done.clone())]));
        assert_eq!(third.half[&b"big"[..]].parts, HashMap::from([(1, "p1".to_owned())]));
        third.done(b"big", &done);
        assert!(attempt(4).half.is_empty());
    }
}
