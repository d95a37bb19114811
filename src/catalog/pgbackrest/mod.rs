//! pgBackRest repositories: backups from `backup.info`, judged by the WAL that
//! is really there. `look` fetches, `info` parses, `manifest` looks
//! for what describes a backup, `judge` decides.
//!
//! What a look does not see: bytes that changed inside a segment of WAL, and
//! files of a backup that are lost or changed behind its manifest. Times of
//! backups are whole seconds: asked for an instant in the second in which one
//! ended, the tool takes the backup before it unless told which.

mod info;
mod judge;
mod look;
mod manifest;
#[cfg(test)]
mod tests;

use lifeboat_core::model::{CopyDef, CopyReport, KeyDef, KeyType, PointState, Problem};

use super::{Cx, Parser};
use crate::net::store::Repo;
#[cfg(test)]
pub(super) use info::{seal, try_seal};

pub(super) const KEYS: &[KeyDef] =
    &[KeyDef::new("stanza", KeyType::Text, "The stanza's name; may be left out where there is only one.")];

/// See `crate::parsers`.
pub(super) const PARSERS: &[Parser] = &[
    ("pgbackrest_backup_info", |b| {
        let _ = info::parse_backup_info(b, None);
    }),
    ("pgbackrest_archive_info", |b| {
        let _ = info::parse_archive_info(b, None);
    }),
    ("pgbackrest_name", |b| {
        let _ = look::classify(b, super::wal::SegmentSize::DEFAULT);
    }),
    ("pgbackrest_label", |b| {
        let _ = std::str::from_utf8(b).map(look::is_label);
    }),
];

/// The end of a window is when its last segment was stored, which is when the
/// log up to there was safe: the last commit in it is a little older, by as
/// long as the upload took.
pub(super) async fn read(copy: &CopyDef, repo: &Repo, cx: &Cx) -> Result<CopyReport, Problem> {
    let place = look::Place::find(copy, repo, cx).await?;
    let seen = place.look(repo, cx).await?;
    let report = judge::judge(&seen, cx);
    let broken = report.points.iter().any(|p| p.state == PointState::BrokenChain);
    // expiry takes entries out first, then folders and WAL: what was read before
    // may be about backups that have meanwhile left on purpose
    if broken && place.has_changed(&seen, repo, cx).await? {
        let seen = place.look(repo, cx).await?;
        return Ok(judge::judge(&seen, cx));
    }
    Ok(report)
}
