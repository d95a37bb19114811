//! WAL-G's backups and logs. `backups` lists what both databases share,
//! `postgres` and `mysql` judge what each one's sentinels and logs say.
//!
//! `basebackups_005/<name>_backup_stop_sentinel.json` is written last; without
//! it `basebackups_005/<name>/…` is an attempt, going on or given up. Logs are
//! `wal_005/<24 hex>.<ext>` or `binlog_005/<name>.<number>.<ext>`.

mod backups;
mod mysql;
mod postgres;
#[cfg(test)]
mod tests;

use lifeboat_core::model::{Code, CopyDef, CopyReport, KeyDef, KeyType, PointState, Problem};

use super::{Cx, Parser, option, root};
use crate::net::store::Repo;
use backups::Backups;

pub(super) const KEYS: &[KeyDef] = &[KeyDef::new(
    "database",
    KeyType::OneOf(&["postgres", "mysql"]),
    "What is backed up; postgres by default.",
)];

/// See `crate::parsers`.
pub(super) const PARSERS: &[Parser] = &[
    ("walg_postgres", |b| {
        let _ = postgres::parse(b);
    }),
    ("walg_postgres_name", |b| {
        let _ = postgres::classify(b, super::wal::SegmentSize::DEFAULT);
    }),
    ("walg_mysql", |b| {
        let _ = mysql::parse(b);
    }),
    ("walg_mysql_name", |b| {
        let _ = std::str::from_utf8(b).map(mysql::parse_name);
    }),
];

/// A window ends when its last log file was stored; the last commit in it is a
/// little older.
pub(super) async fn read(copy: &CopyDef, repo: &Repo, cx: &Cx) -> Result<CopyReport, Problem> {
    let root = root(copy);
    let report = look(copy, &root, repo, cx).await?;
    let broken = report.points.iter().any(|p| p.state == PointState::BrokenChain);
    // a backup may have been deleted between one listing and the next
    let seen = |report: &CopyReport| report.points.len();
    match broken && Backups::count(&root, repo, cx).await? != seen(&report) {
        true => look(copy, &root, repo, cx).await,
        false => Ok(report),
    }
}

async fn look(copy: &CopyDef, root: &str, repo: &Repo, cx: &Cx) -> Result<CopyReport, Problem> {
    let backups = Backups::look(root, repo, cx).await?;
    match option(copy, "database") {
        Some("mysql") => mysql::read(&backups, root, repo, cx).await,
        None | Some("postgres") => postgres::read(&backups, root, repo, cx).await,
        Some(other) => Err(Problem::new(Code::COPY_FORMAT, repo.id())
            .because(format!("{other:?} is no database that WAL-G backs up here"))
            .next("set `database` to postgres or mysql")),
    }
}

/// The end of a log file's name: how it is compressed, if at all.
fn is_extension(rest: &[u8]) -> bool {
    matches!(rest, b"" | b".lz4" | b".br" | b".zst" | b".lzma" | b".lzo" | b".gz")
}
