//! Percona Backup for MongoDB. `look` fetches, `meta` parses, `oplog` says how
//! far replay reaches, `judge` decides.
//!
//! `<name>.pbm.json` describes a backup whose data lie below `<name>/`;
//! `pbmPitr/<replica set>/<day>/<from>-<n>.<to>-<n>.oplog…` is the oplog.

mod judge;
mod look;
mod meta;
mod oplog;
#[cfg(test)]
mod tests;

use lifeboat_core::model::{Code, CopyDef, CopyReport, KeyDef, Problem};

use super::{Cx, Parser, root};
use crate::net::store::{Repo, show};

pub(super) const KEYS: &[KeyDef] = &[];

/// See `crate::parsers`.
pub(super) const PARSERS: &[Parser] = &[
    ("pbm_backup", |b| {
        let _ = meta::parse(b);
    }),
    ("pbm_oplog_name", |b| {
        let _ = std::str::from_utf8(b).map(oplog::parse_name);
    }),
];

pub(super) async fn read(copy: &CopyDef, repo: &Repo, cx: &Cx) -> Result<CopyReport, Problem> {
    let root = root(copy);
    let seen = look::look(&root, repo, cx).await?;
    if seen.backups.is_empty() {
        let place = show(root.as_bytes());
        let found = if seen.is_set_up { "PBM has set it up, and " } else { "" };
        let why = format!("{found}there is no .pbm.json below {place:?}");
        return Err(Problem::new(Code::COPY_NOT_THERE, repo.id()).because(why));
    }
    Ok(judge::judge(&seen, cx))
}
