//! Libraries in C that stand between a program and its own C library
//! (LD_PRELOAD): what the program does is counted, failed or ended by them, and
//! the program knows nothing of it.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Mutex,
};

use crate::lab;

/// Made of `source`, below `tests/it`, once in each run of the tests. `None` where
/// there is no C compiler to make it with.
pub fn library(source: &'static str) -> Option<PathBuf> {
    static MADE: Mutex<BTreeMap<&str, PathBuf>> = Mutex::new(BTreeMap::new());
    if !lab::has(&[Path::new("/usr/bin/cc")]) {
        return None;
    }
    let mut made = MADE.lock().unwrap_or_else(|e| e.into_inner());
    Some(made.entry(source).or_insert_with(|| make(source)).clone())
}

fn make(source: &str) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it").join(source);
    let library =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(source.file_name().unwrap()).with_extension("so");
    let beside = library.with_extension(std::process::id().to_string());
    let made = Command::new("/usr/bin/cc")
        .args(["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o"])
        .args([&beside, &source])
        .arg("-ldl")
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    // Another run of the tests may be using the one before.
    fs::rename(&beside, &library).unwrap();
    library
}
