//! The library that makes calls fail, and what it did.

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, SystemTime},
};

use crate::preload;

/// Which calls are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Calls {
    Writes,
    Syncs,
    Renames,
    /// Files and folders that are made or opened for writing.
    Opens,
    /// What a full disk refuses: writes and creations.
    Room,
}

impl Calls {
    pub const ALL: [Self; 5] = [Self::Syncs, Self::Renames, Self::Writes, Self::Opens, Self::Room];
    fn bits(self) -> &'static str {
        match self {
            Self::Writes => "1",
            Self::Syncs => "2",
            Self::Renames => "4",
            Self::Opens => "8",
            Self::Room => "25",
        }
    }
}

/// What fails. A disk that is full stays so until the fault is lifted.
#[derive(Debug, Clone, Copy)]
pub struct Fault {
    pub calls: Calls,
    /// From 1.
    pub at: u64,
}

/// Where one program's faults are counted.
pub struct Shim {
    control: PathBuf,
}

/// What the first failing call was, and when.
#[derive(Debug, Clone)]
pub struct Hit {
    pub call: String,
    pub path: String,
    pub at: SystemTime,
}

const EIO: &str = "5";
const ENOSPC: &str = "28";

fn library() -> Option<PathBuf> {
    preload::library("faults/shim.c")
}

pub fn there() -> bool {
    library().is_some()
}

impl Shim {
    /// Has `command` fail on what lies below `below`.
    pub fn over(command: &mut Command, fault: Fault, below: &Path, control: PathBuf) -> Self {
        let (shim, env) = Self::env(fault, below, control);
        command.envs(env);
        shim
    }
    /// What a program needs in its environment to fail so.
    pub fn env(fault: Fault, below: &Path, control: PathBuf) -> (Self, Vec<(&'static str, PathBuf)>) {
        fs::write(&control, [0; 4032]).unwrap();
        let full = fault.calls == Calls::Room;
        let env = vec![
            ("LD_PRELOAD", library().unwrap()),
            ("FAULT_CONTROL", control.clone()),
            ("FAULT_BELOW", below.to_owned()),
            ("FAULT_CALLS", fault.calls.bits().into()),
            ("FAULT_AT", fault.at.to_string().into()),
            ("FAULT_ON", if full { "1" } else { "0" }.into()),
            ("FAULT_ERRNO", if full { ENOSPC } else { EIO }.into()),
        ];
        (Self { control }, env)
    }
    fn word(&self, n: usize) -> u64 {
        let bytes = fs::read(&self.control).unwrap();
        u64::from_le_bytes(bytes[n * 8..n * 8 + 8].try_into().unwrap())
    }
    pub fn hit(&self) -> Option<Hit> {
        let at = SystemTime::UNIX_EPOCH + Duration::from_nanos(Some(self.word(2)).filter(|n| *n > 0)?);
        let bytes = fs::read(&self.control).unwrap();
        let text = bytes[32..].split(|b| *b == 0).next().unwrap();
        let text = String::from_utf8_lossy(text).into_owned();
        let (call, path) = text.split_once(' ').unwrap();
        Some(Hit { call: call.to_owned(), path: path.to_owned(), at })
    }
    /// From here on nothing fails any more.
    pub fn lift(&self) {
        use std::os::unix::fs::FileExt as _;
        let file = fs::File::options().write(true).open(&self.control).unwrap();
        file.write_all_at(&1u64.to_le_bytes(), 8).unwrap();
    }
}

/// Every n until nothing is left to fail, two at a time; every `stride`-th
/// only, where that is not 1, from a place that differs by kind. `case` says
/// whether its fault was met; all that fail are told together.
pub fn every_n(stride: u64, case: impl Fn(Fault) -> bool + Sync) -> u64 {
    let (met, wrong) = (AtomicU64::new(0), Mutex::new(Vec::new()));
    for (n, calls) in Calls::ALL.into_iter().enumerate() {
        let next = AtomicU64::new(1 + n as u64 % stride);
        let over = Mutex::new(false);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !*over.lock().unwrap() {
                        let at = next.fetch_add(stride, Relaxed);
                        let one = AssertUnwindSafe(|| case(Fault { calls, at }));
                        match catch_unwind(one) {
                            Ok(true) => drop(met.fetch_add(1, Relaxed)),
                            Ok(false) => *over.lock().unwrap() = true,
                            Err(_) => wrong.lock().unwrap().push((calls, at)),
                        }
                        // Something is wrong in general: more of it tells nothing.
                        *over.lock().unwrap() |= wrong.lock().unwrap().len() > 20;
                    }
                });
            }
        });
    }
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "it does not hold with these failing: {wrong:?}");
    met.into_inner()
}

/// Every n in `.ci/long`; so few of them in the gate.
pub fn stride(gate: u64) -> u64 {
    match std::env::var("LIFEBOAT_FAULTS").as_deref() {
        Ok("all") => 1,
        _ => gate,
    }
}
