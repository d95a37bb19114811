//! The tables, and how an older file becomes a newer one.

use rusqlite::{Connection, Transaction};

/// `PRAGMA user_version` of what this program writes.
pub const VERSION: i64 = 2;

/// One step for each version; the first makes the tables. A step is never
/// changed once it was released: a new one is added.
const STEPS: [&str; VERSION as usize] = [FIRST, SINCE];

const FIRST: &str = "
-- a figure of something: `lag` of `checkout/orders-db@eu-central-1`
CREATE TABLE series (
  id INTEGER PRIMARY KEY,
  figure TEXT NOT NULL,
  subject TEXT NOT NULL,
  UNIQUE (subject, figure)
);
-- its values within one bucket: level 0 a minute, 1 an hour, 2 a day; `at` is
-- where the bucket begins, in seconds; `newest` is when `last` was seen, in ms
CREATE TABLE bucket (
  level INTEGER NOT NULL,
  series INTEGER NOT NULL,
  at INTEGER NOT NULL,
  n INTEGER NOT NULL,
  sum REAL NOT NULL,
  min REAL NOT NULL,
  max REAL NOT NULL,
  last REAL NOT NULL,
  newest INTEGER NOT NULL,
  PRIMARY KEY (level, series, at)
) WITHOUT ROWID;
-- when something was first and last looked at, in ms
CREATE TABLE looked (
  subject TEXT PRIMARY KEY,
  first INTEGER NOT NULL,
  last INTEGER NOT NULL
) WITHOUT ROWID;
-- each recovery point once; instants in ms; `gone` when a look no longer found it
CREATE TABLE point (
  copy TEXT NOT NULL,
  id TEXT NOT NULL,
  kind TEXT NOT NULL,
  started INTEGER,
  completed INTEGER,
  size INTEGER,
  state TEXT NOT NULL,
  first INTEGER NOT NULL,
  gone INTEGER,
  PRIMARY KEY (copy, id)
) WITHOUT ROWID;
CREATE INDEX point_by_time ON point (copy, completed);
-- what something turned to: `ok`, or the code of the problem
CREATE TABLE turn (
  subject TEXT NOT NULL,
  at INTEGER NOT NULL,
  state TEXT NOT NULL,
  why TEXT NOT NULL,
  PRIMARY KEY (subject, at)
) WITHOUT ROWID;
-- runs that ended, with what they taught; NULL where that is nothing
CREATE TABLE run (
  id TEXT PRIMARY KEY,
  runbook TEXT NOT NULL,
  mode TEXT NOT NULL,
  state TEXT NOT NULL,
  started INTEGER NOT NULL,
  ended INTEGER NOT NULL,
  lesson TEXT
) WITHOUT ROWID;
-- what a person said is as it should be
CREATE TABLE acknowledged (
  rule TEXT NOT NULL,
  subject TEXT NOT NULL,
  object TEXT,
  value REAL,
  by TEXT NOT NULL,
  why TEXT NOT NULL,
  at INTEGER NOT NULL
);
";

const SINCE: &str = "
-- what a point took from its source and what that became in the store, in bytes
ALTER TABLE point ADD COLUMN source INTEGER;
ALTER TABLE point ADD COLUMN packed INTEGER;
-- since when each finding stands without a break, in ms
CREATE TABLE finding (
  found TEXT PRIMARY KEY,
  since INTEGER NOT NULL
) WITHOUT ROWID;
";

pub fn version(db: &Connection) -> rusqlite::Result<i64> {
    db.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// Each step and its number in one transaction: a kill leaves the one version
/// or the other. Another process may have done it while this one waited.
pub fn migrate(db: &mut Connection) -> rusqlite::Result<()> {
    while version(db)? < VERSION {
        let tx = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        step(&tx)?;
        tx.commit()?;
    }
    Ok(())
}

fn step(tx: &Transaction) -> rusqlite::Result<()> {
    let from = version(tx)?;
    let Some(sql) = usize::try_from(from).ok().and_then(|n| STEPS.get(n)) else { return Ok(()) };
    tx.execute_batch(sql)?;
    tx.execute_batch(&format!("PRAGMA user_version = {}", from + 1))
}
