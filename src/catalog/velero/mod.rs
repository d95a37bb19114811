//! Velero's backup locations: backups of Kubernetes, and where their volumes'
//! data lie. `look` fetches, `resource` parses, `judge` decides.
//!
//! `backups/<name>/velero-backup.json` is the Backup resource in clear,
//! `<name>.tar.gz` the objects, `<name>-volumeinfo.json.gz` tells of volumes;
//! `kopia/<namespace>/` and `restic/<namespace>/` hold volumes' data.

mod judge;
mod look;
mod resource;
#[cfg(test)]
mod tests;

use lifeboat_core::model::{Code, CopyDef, CopyReport, KeyDef, KeyType, Problem};

use super::{Cx, Parser, option, root};
use crate::net::store::{Repo, show};

pub(super) const KEYS: &[KeyDef] =
    &[KeyDef::new("backup_schedule", KeyType::Text, "Only backups of this schedule.")];

/// See `crate::parsers`.
pub(super) const PARSERS: &[Parser] = &[
    ("velero_backup", |b| {
        let _ = resource::parse(b);
    }),
    ("velero_volumes", |b| {
        let _ = resource::parse_volumes(b);
    }),
];

pub(super) async fn read(copy: &CopyDef, repo: &Repo, cx: &Cx) -> Result<CopyReport, Problem> {
    let root = root(copy);
    let schedule = option(copy, "backup_schedule");
    let seen = look::look(&root, schedule, repo, cx).await?;
    if seen.backups.is_empty() {
        let place = show(format!("{root}backups/").as_bytes());
        let problem = Problem::new(Code::COPY_NOT_THERE, repo.id());
        return Err(match schedule {
            None => problem.because(format!("nothing lies below {place:?}")),
            Some(name) => problem.because(format!("no backup below {place:?} is of schedule {name:?}")),
        });
    }
    Ok(judge::judge(&seen, repo, cx))
}
