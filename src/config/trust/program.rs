//! Programs outside of the estate: which file a name means here.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// For each program that lies outside, the absolute path that would be run,
/// or nothing where there is none. A name is looked up in `search` (PATH), as
/// the system would: a different PATH that leads a name to another file is a
/// change that a person must see.
pub(super) fn outside(
    programs: &BTreeSet<String>,
    search: Option<&OsStr>,
) -> BTreeMap<String, Option<PathBuf>> {
    let folders: Vec<PathBuf> = search.map(|s| std::env::split_paths(s).collect()).unwrap_or_default();
    let find = |name: &str| {
        let mut found = folders.iter().filter(|folder| folder.is_absolute()).map(|folder| folder.join(name));
        found.find(|path| executable(path))
    };
    programs
        .iter()
        .filter_map(|program| match Path::new(program) {
            path if path.is_absolute() => Some((program.clone(), Some(path.to_owned()))),
            _ if program.contains('/') => None,
            _ => Some((program.clone(), find(program))),
        })
        .collect()
}

fn executable(path: &Path) -> bool {
    path.metadata().is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}
