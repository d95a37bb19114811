//! Where a restore goes to: empty, or begun by an earlier try of the same
//! step; inside the residency of what is restored.

use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use lifeboat_core::model::RegionId;
use serde_json::Value;

use crate::{
    act::around::{Around, AroundAsset},
    act::attempt::Spec,
    keep::durable,
};

/// `"/path"`, or `{ path = "/path", region = "eu-central-1" }`.
pub struct Target {
    pub path: PathBuf,
    pub region: Option<RegionId>,
}

impl Target {
    pub fn of(into: Option<&Value>) -> Result<Self, String> {
        let text = |key: &str| into.and_then(|v| v.get(key)).and_then(Value::as_str);
        let path = into.and_then(Value::as_str).or_else(|| text("path")).ok_or("`into` names no `path`")?;
        let odd =
            !path.starts_with('/') || path.split('/').any(|p| matches!(p, "." | "..")) || path.contains('\0');
        if odd || path.trim_matches('/').is_empty() {
            return Err(format!(
                "`into`: {path:?} is no path to restore to: write a whole one, as \"/var/restore/orders\""
            ));
        }
        Ok(Self { path: PathBuf::from(path), region: text("region").map(RegionId::from) })
    }

    /// Whether what is restored may lie there.
    pub fn inside(&self, asset: &AroundAsset, around: &Around) -> Result<(), String> {
        if asset.residency.is_empty() {
            return Ok(());
        }
        let wanted = asset.residency.join(", ");
        let region = self.region.as_ref().ok_or_else(|| {
            format!("{} must stay in {wanted}, and `into` does not say in which `region` it lies", asset.name)
        })?;
        let there =
            around.jurisdictions.get(region).ok_or_else(|| format!("the estate has no region {region}"))?;
        match there.iter().any(|j| asset.residency.contains(j)) {
            true => Ok(()),
            false => Err(format!("{region} lies outside the residency of {}: {wanted}", asset.name)),
        }
    }
}

/// Beside the target, so that the target itself holds nothing of ours.
fn mark_of(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.lifeboat-restore"))
}

fn mark(spec: &Spec, point: &str) -> String {
    format!("{} {} {point}\n", spec.run, spec.step)
}

/// Whether nothing is there, or only an empty folder.
pub fn is_empty(path: &Path) -> Result<bool, String> {
    match fs::read_dir(path) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(e) => Err(format!("{} cannot be looked at: {e}", path.display())),
    }
}

/// Whether an earlier try of this step, of the same point, left something
/// there. `Err`: it holds what is not ours, and nothing is restored over it.
pub fn begun(path: &Path, spec: &Spec, point: &str) -> Result<bool, String> {
    let shown = path.display();
    if is_empty(path)? {
        return Ok(false);
    }
    match fs::read_to_string(mark_of(path)) {
        Ok(found) if found == mark(spec, point) => Ok(true),
        _ => Err(format!(
            "{shown} is not empty: a restore never writes over anything; empty it, or name another place"
        )),
    }
}

/// Makes it where it is not there, for its owner alone, and says whose it is.
pub fn take(path: &Path, spec: &Spec, point: &str) -> io::Result<()> {
    if !path.is_dir() {
        DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    }
    durable::replace(&mark_of(path), mark(spec, point).as_bytes())
}

/// An earlier try that was ended before it wrote any of `known` left folders, and
/// perhaps the first file half: its tool would refuse them for ever. Anything else
/// is left, for a person to see.
pub fn strip(path: &Path, known: &[&str]) -> io::Result<()> {
    if known.is_empty() || known.iter().any(|name| path.join(name).exists()) {
        return Ok(());
    }
    for entry in fs::read_dir(path)? {
        let (entry, half) = (entry?, |name: &&str| format!("{name}.pgbackrest.tmp"));
        let kind = entry.file_type()?;
        if kind.is_dir() {
            without_files(&entry.path())?;
        } else if known.iter().map(half).any(|name| entry.file_name() == *name) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Removes it, where nothing but folders lies in it.
fn without_files(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            without_files(&entry.path())?;
        }
    }
    match fs::remove_dir(folder) {
        Err(e) if e.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
        told => told,
    }
}

/// It is whole: nothing may take it for half a restore.
pub fn done(path: &Path) {
    // Left behind it only says what was restored here.
    let _ = fs::remove_file(mark_of(path));
}

/// Bytes and files below, as far as they can be looked at now.
pub fn size(path: &Path) -> (u64, u64) {
    let (mut bytes, mut files, mut folders) = (0, 0, vec![path.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(data) if data.is_dir() => folders.push(entry.path()),
                Ok(data) => (bytes, files) = (bytes + data.len(), files + 1),
                Err(_) => {}
            }
        }
    }
    (bytes, files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_its_tool_would_not_go_on_with_is_cleared_away_and_nothing_else() {
        let known = ["PG_VERSION", "backup.manifest"];
        let begun = |files: &[&str]| {
            let dir = tempfile::tempdir().unwrap();
            fs::create_dir_all(dir.path().join("base/1")).unwrap();
            files.iter().for_each(|name| fs::write(dir.path().join(name), "x").unwrap());
            strip(dir.path(), &known).unwrap();
            dir
        };
        assert_eq!(is_empty(begun(&[]).path()), Ok(true));
        assert_eq!(is_empty(begun(&["backup.manifest.pgbackrest.tmp"]).path()), Ok(true));
        let going_on = begun(&["backup.manifest"]);
        assert!(going_on.path().join("base/1").exists(), "the tool goes on with it");
        let strange = begun(&["base/1/mine", "notes"]);
        assert_eq!(size(strange.path()), (2, 2), "nobody's files are removed");
    }
}
