//! Tools of others: found where only the machine's owner can put a program,
//! and started without anything of our environment that they do not need.

use std::{
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use lifeboat_core::model::{clean_line, cut};

/// Where a tool may lie. PATH is not asked: it is the caller's, who may be anybody.
const TRUSTED: &[&str] = &["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tool {
    pub path: PathBuf,
    /// As it says itself.
    pub version: String,
}

/// The tool, or why it cannot be used.
pub async fn find(name: &str, ask: &str) -> Result<Tool, String> {
    let path = locate(name, TRUSTED)?;
    let version = version(&path, ask).await?;
    Ok(Tool { path, version })
}

fn locate(name: &str, folders: &[&str]) -> Result<PathBuf, String> {
    if name.is_empty() || name.contains('/') {
        return Err(format!("{name:?} is no tool's name"));
    }
    let mut refused = None;
    for path in folders.iter().map(|f| Path::new(f).join(name)).filter(|p| p.is_file()) {
        match writable(&path) {
            None => return Ok(path),
            Some(why) => refused = refused.or(Some(why)),
        }
    }
    let where_ = folders.join(", ");
    Err(refused.unwrap_or_else(|| format!("{name} is not installed: it was looked for in {where_}")))
}

/// Whether anybody else could have put another program in its place.
fn writable(path: &Path) -> Option<String> {
    let real = path.canonicalize().ok()?;
    let us = rustix::process::geteuid().as_raw();
    for part in [Some(real.as_path()), real.parent()].into_iter().flatten() {
        let Ok(data) = part.metadata() else {
            return Some(format!("{} cannot be looked at", part.display()));
        };
        let others = data.permissions().mode() & 0o002 != 0 && data.permissions().mode() & 0o1000 == 0;
        if others || (data.uid() != 0 && data.uid() != us) {
            return Some(format!("{} may be written by others: it is not run", part.display()));
        }
    }
    None
}

async fn version(path: &Path, ask: &str) -> Result<String, String> {
    let shown = path.display();
    let mut command = tokio::process::Command::new(path);
    command.arg(ask).env_clear().env("PATH", TRUSTED.join(":")).env("HOME", "/");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let ran = tokio::time::timeout(Duration::from_secs(10), command.output()).await;
    let output = ran.map_err(|_| format!("{shown} {ask} did not end"))?;
    let output = output.map_err(|e| format!("{shown} cannot be started: {e}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().find(|l| !l.trim().is_empty());
    Ok(line.map_or_else(|| "a version that it does not tell".to_owned(), |l| cut(&clean_line(l.trim()), 80)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[tokio::test]
    async fn a_tool_is_taken_only_from_where_nobody_else_can_put_it() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().to_str().unwrap();
        assert!(locate("lifeboat-none", &[folder]).unwrap_err().contains("not installed"));
        let path = dir.path().join("lifeboat-none");
        fs::write(&path, "").unwrap();
        assert_eq!(locate("lifeboat-none", &[folder]).unwrap(), path);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
        assert!(locate("lifeboat-none", &[folder]).unwrap_err().contains("written by others"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
        assert!(locate("lifeboat-none", &[folder]).is_err());
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        assert!(find("../bin/sh", "--version").await.is_err());
        assert!(find("sh", "--version").await.is_ok());
    }
}
