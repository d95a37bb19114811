//! The outcome's file. Its room on disk is taken before anything acts, so
//! that a disk that fills up meanwhile does not cost the record.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Seek as _, Write as _},
    path::Path,
    time::Duration,
};

use lifeboat_core::run::Outcome;

use crate::keep::durable;

/// More than an outcome with all its outputs can take.
const ROOM: usize = 128 << 10;
const NAME: &str = "outcome";
const BESIDE: &str = "outcome.tmp";

/// Takes the room.
pub fn reserve(dir: &Path) -> io::Result<File> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(dir.join(BESIDE))?;
    file.write_all(&vec![b' '; ROOM])?;
    file.sync_all()?;
    Ok(file)
}

/// Leaves the outcome; durable when it returns.
pub fn leave(dir: &Path, mut room: File, outcome: &Outcome) -> io::Result<()> {
    let bytes = serde_json::to_vec(outcome)?;
    room.rewind()?;
    room.write_all(&bytes)?;
    room.set_len(bytes.len() as u64)?;
    room.sync_all()?;
    fs::rename(dir.join(BESIDE), dir.join(NAME))?;
    durable::sync_dir(dir)
}

/// As `leave`; where that fails, it is tried again at once and then for a minute, on new files,
/// since without an outcome a person would have to find out what happened.
pub fn insist(dir: &Path, room: File, outcome: &Outcome) -> io::Result<()> {
    let mut last = leave(dir, room, outcome);
    for waited in 0..60 {
        if last.is_ok() {
            break;
        }
        if waited > 0 {
            std::thread::sleep(Duration::from_secs(1));
        }
        last = serde_json::to_vec(outcome)
            .map_err(io::Error::from)
            .and_then(|bytes| durable::replace(&dir.join(NAME), &bytes));
    }
    last
}
