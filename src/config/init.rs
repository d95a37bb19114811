//! A first estate to begin from, written from `runbooks/templates/`.

use std::{
    fs, io,
    io::Write,
    path::{Path, PathBuf},
};

use lifeboat_core::model::{Code, Problem};

/// What is written, by path below the new folder.
const TEMPLATES: [(&str, &str); 5] = [
    ("lifeboat.toml", include_str!("../../runbooks/templates/lifeboat.toml")),
    ("regions.toml", include_str!("../../runbooks/templates/regions.toml")),
    ("stores.toml", include_str!("../../runbooks/templates/stores.toml")),
    ("workloads/checkout.toml", include_str!("../../runbooks/templates/workloads/checkout.toml")),
    (
        "runbooks/checkout-failover.toml",
        include_str!("../../runbooks/templates/runbooks/checkout-failover.toml"),
    ),
];

/// The name in the templates, which the user's own replaces.
const NAME: &str = "\"Northwind\"";

/// Writes a first small estate called `name` into `dir`, and gives the paths
/// of its files. It loads as it is; what it says is to be replaced.
///
/// # Errors
/// LB-ESTATE-006 when one of the files is there already: then none is
/// written. LB-ESTATE-008 when one cannot be written.
pub fn init(dir: &Path, name: &str) -> Result<Vec<PathBuf>, Problem> {
    let paths: Vec<PathBuf> = TEMPLATES.iter().map(|(path, _)| dir.join(path)).collect();
    if let Some(there) = paths.iter().find(|path| path.symlink_metadata().is_ok()) {
        return Err(Problem::new(Code::ESTATE_EXISTS, there.display()));
    }
    let quoted = toml::Value::String(name.to_owned()).to_string();
    for (path, (_, text)) in paths.iter().zip(TEMPLATES) {
        write(path, &text.replace(NAME, &quoted))
            .map_err(|e| Problem::new(Code::ESTATE_WRITE, path.display()).because(e))?;
    }
    Ok(paths)
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::OpenOptions::new().write(true).create_new(true).open(path)?.write_all(text.as_bytes())
}
