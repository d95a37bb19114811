//! What is thinned out, so that the file stays small.
//!
//! Of each figure: minutes for six hours, hours for two weeks, days for four
//! hundred days, which is at most 360 + 336 + 400 buckets. Of each copy: 2,000
//! points, and those that are gone for 400 days. Turns: 400 days, 500 of each
//! subject. Should all that be more than the file may hold, buckets go from
//! the finest and oldest, then turns, then points that are gone.

use lifeboat_core::model::*;
use rusqlite::params;

use super::History;

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Of the file; what is written between two looks at it comes on top.
    pub bytes: u64,
    pub points: usize,
    pub turns: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { bytes: 128 << 20, points: 2_000, turns: 500 }
    }
}

/// Seconds of a bucket, and how long it is kept, by level.
pub(super) const LEVELS: [(i64, i64); 3] = [(60, 6 * 3_600), (3_600, 14 * 86_400), (86_400, 400 * 86_400)];
const YEAR: Dur = Dur::secs(400 * 86_400);
/// Thinned out so seldom.
const EVERY: Dur = Dur::secs(300);

impl History {
    /// Thins out where it is time to.
    pub(super) fn thin(&mut self, now: Time) -> rusqlite::Result<()> {
        if self.thinned.is_some_and(|until| now < until) {
            return Ok(());
        }
        self.thinned = Some(now + EVERY);
        self.thin_now(now)
    }

    pub(super) fn thin_now(&mut self, now: Time) -> rusqlite::Result<()> {
        let tx = self.db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        for (level, (_, kept)) in LEVELS.iter().enumerate() {
            tx.execute(
                "DELETE FROM bucket WHERE level = ?1 AND at < ?2",
                params![level as i64, now.timestamp() - kept],
            )?;
        }
        let year = (now - YEAR).timestamp_millis();
        tx.execute("DELETE FROM turn WHERE at < ?1", [year])?;
        tx.execute("DELETE FROM point WHERE gone < ?1", [year])?;
        let most = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        tx.execute(
            "DELETE FROM turn WHERE (subject, at) IN (SELECT subject, at FROM (SELECT subject, at,
               row_number() OVER (PARTITION BY subject ORDER BY at DESC) AS place FROM turn) WHERE place > ?1)",
            [most(self.bounds.turns)],
        )?;
        tx.execute(
            "DELETE FROM point WHERE (copy, id) IN (SELECT copy, id FROM (SELECT copy, id,
               row_number() OVER (PARTITION BY copy ORDER BY coalesce(completed, started, first) DESC) AS place
               FROM point) WHERE place > ?1)",
            [most(self.bounds.points)],
        )?;
        // Of what the estate no longer has, nothing is written and all grows old.
        tx.execute("DELETE FROM series WHERE id NOT IN (SELECT series FROM bucket)", [])?;
        tx.commit()?;
        self.squeeze()
    }

    pub fn bytes(&self) -> rusqlite::Result<u64> {
        let ask = |pragma: &str| self.db.query_row(pragma, [], |row| row.get::<_, i64>(0));
        let pages = ask("PRAGMA page_count")? - ask("PRAGMA freelist_count")?;
        Ok(u64::try_from(pages * ask("PRAGMA page_size")?).unwrap_or(0))
    }

    /// Halves what is finest and oldest until the whole fits.
    fn squeeze(&mut self) -> rusqlite::Result<()> {
        // Each round takes half of a table; more rounds find nothing left.
        for round in 0..48 {
            if self.bytes()? <= self.bounds.bytes {
                break;
            }
            let sql = match round % 16 {
                0..=5 => half("bucket", "at", "level = 0"),
                6..=10 => half("bucket", "at", "level = 1"),
                11 | 12 => half("turn", "at", "1"),
                13 => half("point", "gone", "gone IS NOT NULL"),
                _ => half("bucket", "at", "level = 2"),
            };
            self.db.execute_batch(&sql)?;
        }
        self.db.execute_batch("PRAGMA incremental_vacuum; PRAGMA wal_checkpoint(PASSIVE)")
    }
}

/// Deletes the older half, by `column`.
fn half(table: &str, column: &str, of: &str) -> String {
    format!(
        "DELETE FROM {table} WHERE {of} AND {column} <= (SELECT {column} FROM {table} WHERE {of} \
         ORDER BY {column} LIMIT 1 OFFSET (SELECT count(*) / 2 FROM {table} WHERE {of}))"
    )
}
