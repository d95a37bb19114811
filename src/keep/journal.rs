//! A journal's file. The format of its lines is `lifeboat_core::record`.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use lifeboat_core::{
    model::*,
    record::{self, Event, GENESIS, Record, Torn},
};

use super::durable;

/// Where lines go; a test's may fail.
pub trait Sink: Send {
    /// Returns when the bytes are durable.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
}

impl Sink for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)?;
        self.sync_data()
    }
}

/// A journal that is open for writing. Whoever holds it must hold the lock of
/// its folder.
pub struct Journal {
    path: PathBuf,
    sink: Box<dyn Sink>,
    seq: u64,
    head: String,
    /// Why it takes no more lines.
    broken: Option<String>,
}

impl Journal {
    /// Makes the file with its first line; both are durable when it returns.
    pub fn create(path: &Path, at: Time, by: &OperatorId, first: &Event) -> Result<(Self, Record), Problem> {
        let failed = |e: io::Error| Problem::new(Code::JOURNAL_WRITE, path.display()).because(e);
        let file = OpenOptions::new().append(true).create_new(true).open(path).map_err(failed)?;
        let mut journal = Self::over(path, Box::new(file), 0, GENESIS.to_owned());
        let record = journal.append(at, by, first)?;
        durable::sync_parent(path).map_err(failed)?;
        Ok((journal, record))
    }

    pub fn over(path: &Path, sink: Box<dyn Sink>, seq: u64, head: String) -> Self {
        Self { path: path.to_owned(), sink, seq, head, broken: None }
    }

    /// Opens it for writing. The lines are first copied to a new file: what a
    /// killed writer left in the page cache was perhaps never synced, and a
    /// sync that failed once is not to be believed on the same file. An
    /// unfinished last line is left behind by that.
    pub fn open(path: &Path) -> Result<(Self, Vec<Record>, Option<Torn>), Problem> {
        let failed = |e: io::Error| Problem::new(Code::JOURNAL_WRITE, path.display()).because(e);
        let (bytes, read) = read_bytes(path)?;
        let whole = usize::try_from(read.length).unwrap_or(bytes.len());
        durable::replace(path, &bytes[..whole]).map_err(failed)?;
        let file = OpenOptions::new().append(true).open(path).map_err(failed)?;
        let journal = Self::over(path, Box::new(file), read.records.len() as u64, read.head().to_owned());
        Ok((journal, read.records, read.torn))
    }

    /// Adds a line; it is durable when this returns. After any failure the
    /// journal takes no more: what the disk holds is then not known here.
    pub fn append(&mut self, at: Time, by: &OperatorId, event: &Event) -> Result<Record, Problem> {
        let problem = |why: String| Problem::new(Code::JOURNAL_WRITE, self.path.display()).because(why);
        if let Some(why) = &self.broken {
            return Err(problem(format!("it failed before: {why}")));
        }
        let encoded = record::encode(self.seq + 1, at, by, &self.head, event);
        let (line, record) = encoded.map_err(|damage| problem(damage.to_string()))?;
        if let Err(e) = self.sink.append(&line) {
            let problem = problem(e.to_string());
            self.broken = Some(e.to_string());
            return Err(problem);
        }
        self.seq += 1;
        self.head.clone_from(&record.sum);
        Ok(record)
    }
}

/// Reads a journal that another process may be writing: its unfinished last
/// line is then simply not there yet.
pub fn read(path: &Path) -> Result<record::Journal, Problem> {
    read_bytes(path).map(|(_, journal)| journal)
}

fn read_bytes(path: &Path) -> Result<(Vec<u8>, record::Journal), Problem> {
    let damaged = |why: String| Problem::new(Code::JOURNAL_DAMAGED, path.display()).because(why);
    let bytes = fs::read(path).map_err(|e| damaged(e.to_string()))?;
    let journal = record::parse(&bytes).map_err(|damage| damaged(damage.to_string()))?;
    Ok((bytes, journal))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    fn note(text: &str) -> Event {
        Event::IncidentStoodDown { reason: text.to_owned() }
    }

    fn at() -> Time {
        Time::UNIX_EPOCH
    }

    /// A disk that takes so many bytes and then fails, keeping what fitted.
    struct Disk {
        bytes: Arc<Mutex<Vec<u8>>>,
        room: usize,
        calls: Arc<Mutex<usize>>,
    }
    impl Sink for Disk {
        fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
            *self.calls.lock().unwrap() += 1;
            let mut disk = self.bytes.lock().unwrap();
            let fits = bytes.len().min(self.room - disk.len());
            disk.extend(&bytes[..fits]);
            if fits < bytes.len() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
        }
    }

    #[test]
    fn a_full_disk_loses_nothing_that_was_acknowledged_and_is_not_tried_again() {
        for room in (0..3_000).step_by(7) {
            let (bytes, calls) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(0)));
            let disk = Disk { bytes: bytes.clone(), room, calls: calls.clone() };
            let mut journal = Journal::over(Path::new("j"), Box::new(disk), 0, GENESIS.to_owned());
            let mut kept = Vec::new();
            let problem = loop {
                match journal.append(at(), &"ada".into(), &note("all well")) {
                    Ok(record) => kept.push(record),
                    Err(problem) => break problem,
                }
            };
            assert_eq!(problem.code, Code::JOURNAL_WRITE);
            let tried = *calls.lock().unwrap();
            assert!(journal.append(at(), &"ada".into(), &note("again")).is_err());
            assert_eq!(*calls.lock().unwrap(), tried, "a failed journal touches its file no more");
            let read = record::parse(&bytes.lock().unwrap()).unwrap();
            assert_eq!(read.records, kept, "{room}");
        }
    }

    #[test]
    fn opening_cuts_a_torn_line_and_says_so_and_keeps_damage_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.jsonl");
        let (mut journal, first) = Journal::create(&path, at(), &"ada".into(), &note("one")).unwrap();
        let second = journal.append(at(), &"ada".into(), &note("two")).unwrap();
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() - 5]).unwrap();
        let (mut journal, records, torn) = Journal::open(&path).unwrap();
        assert_eq!((records, torn.map(|t| t.line)), (vec![first], Some(2)));
        assert_eq!(journal.append(at(), &"ada".into(), &note("two")).unwrap(), second);
        assert_eq!(fs::read(&path).unwrap(), whole);
        let mut changed = whole.clone();
        changed[60] ^= 1;
        fs::write(&path, &changed).unwrap();
        let problem = Journal::open(&path).err().unwrap();
        assert_eq!(problem.code, Code::JOURNAL_DAMAGED);
        assert!(problem.why.contains("line 1"), "{problem}");
        assert_eq!(fs::read(&path).unwrap(), changed, "evidence is left alone");
    }

    #[test]
    fn an_existing_journal_is_not_written_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.jsonl");
        Journal::create(&path, at(), &"ada".into(), &note("one")).unwrap();
        assert!(Journal::create(&path, at(), &"ada".into(), &note("two")).is_err());
    }
}
