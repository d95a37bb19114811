//! The days before the demo began, so that it begins with something to see.

use std::io;

use lifeboat_core::model::{Dur, Time};

use super::{dump::Dump, label::Kind, repo::Repo};
use crate::demo::state::Inner;

/// Full backups of yesterday and of this morning, incremental ones between,
/// and log without a gap until now.
pub fn backups(repo: &mut Repo, now: Time) -> io::Result<()> {
    let hours = |n: i64| now - Dur::secs(3_600 * n);
    let plan = [(26, Kind::Full), (20, Kind::Incr), (14, Kind::Incr), (8, Kind::Incr), (2, Kind::Full)];
    let mut from = hours(27);
    for (ago, kind) in plan {
        let at = hours(ago);
        repo.push_wal_each(Dur::secs(2 * 3_600), from, at)?;
        let rows = format!("{{\"orders_until\":\"{}\"}}\n", at.to_rfc3339()).repeat(1_500);
        repo.backup(kind, rows.as_bytes(), at, at + Dur::secs(20))?;
        from = at;
    }
    repo.push_wal_each(Dur::secs(1_800), from, now)
}

/// Two dozen dumps: one each hour, or as far apart as they are made.
pub fn dumps(inner: &Inner, jobs: &[Dump], seed: u64, now: Time) -> io::Result<()> {
    for job in jobs {
        let apart = i64::try_from(job.every.as_secs()).unwrap_or(0).max(3_600);
        for ago in (1i64..=24).rev() {
            let at = now - Dur::secs(apart * ago);
            let bytes = job.past(seed.wrapping_add(ago.unsigned_abs()))?;
            for region in job.to {
                job.write(inner, *region, &bytes, at)?;
            }
        }
    }
    Ok(())
}
