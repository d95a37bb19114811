//! The copy of an estate that a run is executed from.

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt, PermissionsExt, symlink},
    path::Path,
};

use lifeboat_core::model::{Code, Problem};

use super::{Entry, closure};
use crate::config::source::open_regular;

/// Copies everything that trust covers from `dir` into `into`, which must not
/// exist or be empty, and gives the hash of the copy.
///
/// # Errors
/// Those of `closure`; LB-ESTATE-006 when there is something in `into`,
/// LB-ESTATE-008 when it cannot be written, LB-TRUST-002 when a file changed
/// while it was copied: then the copy is not to be used.
pub fn freeze(dir: &Path, into: &Path) -> Result<String, Problem> {
    let before = closure(dir)?;
    let failed = |path: &Path, e: io::Error| Problem::new(Code::ESTATE_WRITE, path.display()).because(e);
    fs::DirBuilder::new().recursive(true).mode(0o700).create(into).map_err(|e| failed(into, e))?;
    if fs::read_dir(into).map_err(|e| failed(into, e))?.next().is_some() {
        return Err(
            Problem::new(Code::ESTATE_EXISTS, into.display()).next("give the run a folder of its own")
        );
    }
    for (name, entry) in &before.entries {
        let to = into.join(name);
        copy(&dir.join(name), &to, entry).map_err(|e| failed(&to, e))?;
    }
    let after = closure(into)?;
    match after.hash == before.hash {
        true => Ok(after.hash),
        false => {
            Err(Problem::new(Code::TRUST_CHANGED, dir.display())
                .because("a file changed while it was copied"))
        }
    }
}

fn copy(from: &Path, to: &Path, entry: &Entry) -> io::Result<()> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    match entry {
        Entry::Link { to: target } => symlink(target, to),
        Entry::File { mode, .. } => {
            let mut new = fs::OpenOptions::new().write(true).create_new(true).open(to)?;
            io::copy(&mut open_regular(from)?, &mut new)?;
            new.set_permissions(fs::Permissions::from_mode(*mode))?;
            new.sync_all()
        }
    }
}
