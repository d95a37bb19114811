//! Barman's backups and WAL, as its server keeps them and as barman-cloud does.
//! `look` fetches, `info` parses, `judge` decides.
//!
//! Server: `<server>/base/<id>/data/…`, `<server>/wals/<16 hex>/<24 hex>`, and
//! `<server>/meta/<id>-backup.info` since 3.13.2, `base/<id>/backup.info` before.
//! Cloud: `<server>/base/<id>/backup.info` and `data.tar…`, `<server>/wals/…`.
//!
//! What a look does not see: bytes that changed inside a segment or an archive.

mod info;
mod judge;
mod look;
#[cfg(test)]
mod tests;

use lifeboat_core::model::{CopyDef, CopyReport, KeyDef, KeyType, PointState, Problem};

use super::{Cx, Parser};
use crate::net::store::Repo;

pub(super) const KEYS: &[KeyDef] = &[KeyDef::new(
    "server",
    KeyType::Text,
    "The server's name in Barman; may be left out where there is only one.",
)];

/// See `crate::parsers`.
pub(super) const PARSERS: &[Parser] = &[
    ("barman_backup_info", |b| {
        let _ = info::parse(b);
    }),
    ("barman_name", |b| {
        let _ = look::classify(b, super::wal::SegmentSize::DEFAULT);
    }),
];

/// A window ends when its last segment was stored; the last commit in it is a
/// little older.
pub(super) async fn read(copy: &CopyDef, repo: &Repo, cx: &Cx) -> Result<CopyReport, Problem> {
    let place = look::Place::find(copy, repo, cx).await?;
    let seen = place.look(repo, cx).await?;
    let report = judge::judge(&seen, repo, cx);
    let broken = report.points.iter().any(|p| p.state == PointState::BrokenChain);
    // retention takes a backup out first, then its WAL: what was read before may
    // be about a backup that has meanwhile left on purpose
    if broken && place.ids(repo, cx).await? != seen.ids {
        let seen = place.look(repo, cx).await?;
        return Ok(judge::judge(&seen, repo, cx));
    }
    Ok(report)
}
