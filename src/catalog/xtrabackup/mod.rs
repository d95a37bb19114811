//! XtraBackup and mariabackup, streamed to a store by xbcloud. `look` fetches,
//! `stream` parses, `judge` decides.
//!
//! `<backup>/<path>.<20 digits>`: each file of a backup in pieces of about 10 MB,
//! numbered from zero, each with xbstream's framing. What describes the backup
//! is written at its end.

mod judge;
mod look;
mod stream;
#[cfg(test)]
mod tests;

use lifeboat_core::model::{Code, CopyDef, CopyReport, KeyDef, Problem};

use super::{Cx, Parser, root};
use crate::net::store::{Repo, show};

pub(super) const KEYS: &[KeyDef] = &[];

/// See `crate::parsers`.
pub(super) const PARSERS: &[Parser] = &[
    ("xtrabackup_stream", |b| {
        let _ = stream::file(b);
    }),
    ("xtrabackup_checkpoints", |b| {
        let _ = stream::parse_checkpoints(b);
    }),
    ("xtrabackup_info", |b| {
        let _ = stream::parse_info(b);
    }),
    ("xtrabackup_piece", |b| {
        let _ = look::piece(b);
    }),
];

pub(super) async fn read(copy: &CopyDef, repo: &Repo, cx: &Cx) -> Result<CopyReport, Problem> {
    let root = root(copy);
    let backups = look::look(&root, repo, cx).await?;
    if backups.is_empty() {
        let why = format!("no folder below {:?} holds what xbcloud writes", show(root.as_bytes()));
        return Err(Problem::new(Code::COPY_NOT_THERE, repo.id()).because(why));
    }
    Ok(judge::judge(&backups, repo, cx))
}
