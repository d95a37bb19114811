//! Where Lifeboat keeps things: the state and configuration folders.

use std::path::{Path, PathBuf};

use directories::ProjectDirs;
use lifeboat_core::model::{Code, Problem};

/// `LIFEBOAT_CONFIG_DIR` and `LIFEBOAT_STATE_DIR`, else the platform's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    pub config: PathBuf,
    pub state: PathBuf,
}

impl Places {
    pub fn from_env() -> Result<Self, Problem> {
        let dirs = ProjectDirs::from("", "", "lifeboat");
        let named = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
        let state = |d: &ProjectDirs| d.state_dir().unwrap_or(d.data_local_dir()).to_owned();
        let none =
            || Problem::new(Code::STATE_WRITE, "state directory").because("no home directory is known");
        Ok(Self {
            config: named("LIFEBOAT_CONFIG_DIR")
                .or_else(|| dirs.as_ref().map(|d| d.config_dir().to_owned()))
                .ok_or_else(none)?,
            state: named("LIFEBOAT_STATE_DIR").or_else(|| dirs.as_ref().map(state)).ok_or_else(none)?,
        })
    }

    /// The folder of one estate's state.
    pub fn estate(&self, id: &str) -> PathBuf {
        self.state.join("estates").join(id)
    }

    /// Names the estate id of a folder, so that the first frame needs no TOML.
    pub fn by_path(&self, dir: &Path) -> PathBuf {
        let canonical = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
        let hash = blake3::hash(canonical.as_os_str().as_encoded_bytes()).to_hex();
        self.state.join("by-path").join(&hash.as_str()[..32])
    }
}
