//! What may print secrets writes here: a file without a name, whose bytes get
//! to the disk only through a `Redactor`.

use std::{
    fs::File,
    io::{self, Write as _},
    os::unix::fs::FileExt as _,
    path::Path,
};

use crate::net::Secrets;

/// Read at once; more than any form of any secret can be long.
const CHUNK: u64 = 1 << 20;

pub struct Washed {
    raw: File,
    /// Up to here it was passed on.
    passed: u64,
    secrets: Secrets,
}

impl Washed {
    /// `beside` says where it lies where it cannot be in memory.
    pub fn new(beside: &Path, secrets: Secrets) -> io::Result<Self> {
        Ok(Self { raw: nameless(beside)?, passed: 0, secrets })
    }

    pub fn writer(&self) -> io::Result<File> {
        self.raw.try_clone()
    }

    /// Passes on what was printed since. Until the `last` of it, what may be
    /// the beginning of a secret is held back.
    pub fn pass(&mut self, into: &mut File, last: bool) -> io::Result<()> {
        let redactor = self.secrets.redactor();
        loop {
            let left = self.raw.metadata()?.len().saturating_sub(self.passed);
            let ends = left <= CHUNK;
            let mut chunk = vec![0; usize::try_from(left.min(CHUNK)).unwrap_or(0)];
            self.raw.read_exact_at(&mut chunk, self.passed)?;
            let (clean, used) = redactor.wash(&chunk, last && ends);
            into.write_all(&clean)?;
            self.passed += used as u64;
            self.forget();
            if ends || used == 0 {
                return Ok(());
            }
        }
    }

    /// Gives the memory of what was passed on back.
    fn forget(&self) {
        #[cfg(target_os = "linux")]
        {
            use rustix::fs::{FallocateFlags, fallocate};
            let until = self.passed & !4095;
            if until > 0 {
                // Where it cannot be, it lies there until the end.
                let _ =
                    fallocate(&self.raw, FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, 0, until);
            }
        }
    }
}

/// Written to at its end, by whoever shares it.
#[cfg(target_os = "linux")]
fn nameless(_: &Path) -> io::Result<File> {
    use rustix::fs::{MemfdFlags, OFlags, fcntl_getfl, fcntl_setfl, memfd_create};
    let file = memfd_create("lifeboat output", MemfdFlags::CLOEXEC)?;
    fcntl_setfl(&file, fcntl_getfl(&file)? | OFlags::APPEND)?;
    Ok(file.into())
}

#[cfg(not(target_os = "linux"))]
fn nameless(beside: &Path) -> io::Result<File> {
    use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
    let file = tempfile::tempfile_in(beside.parent().unwrap_or(Path::new(".")))?;
    fcntl_setfl(&file, fcntl_getfl(&file)? | OFlags::APPEND)?;
    Ok(file)
}
