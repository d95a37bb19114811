//! What is asked of it.

use std::collections::{BTreeMap, HashSet};

use lifeboat_core::assess::past::Learner;
use lifeboat_core::model::*;
use rusqlite::{OptionalExtension, Row, params};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{History, asset_name, copy_name, link_name};

/// Of each copy, as many of its newest points are looked at.
const POINTS: i64 = 400;
/// Of runs, as many of the newest.
const LESSONS: i64 = 2_000;

/// How much of each figure is read.
#[derive(Clone, Copy)]
enum Much {
    All,
    /// What learning needs: of most figures no minutes.
    Brief,
}

impl History {
    /// All that is kept of one workload.
    pub fn past(&self, estate: &Estate, workload: &Workload) -> Result<Past, Problem> {
        let lessons = || -> rusqlite::Result<Vec<Lesson>> {
            let mut all = self.lessons()?;
            all.retain(|l| l.workloads.contains(&workload.id));
            Ok(all)
        };
        let past = self.of(estate, workload, Much::All);
        past.and_then(|past| Ok(Past { lessons: lessons()?, ..past })).map_err(|e| self.failed(&e))
    }

    /// What follows from all of it.
    pub fn learn(&self, estate: &Estate, now: Time) -> Result<Learned, Problem> {
        let learn = || -> rusqlite::Result<Learned> {
            let said = self.acknowledged()?;
            let mut learner = Learner::new(estate, &said, now);
            for workload in &estate.workloads {
                learner.workload(&self.of(estate, workload, Much::Brief)?);
            }
            learner.lessons(&self.lessons()?);
            Ok(Learned { since: self.since()?, ..learner.finish() })
        };
        learn().map_err(|e| self.failed(&e))
    }

    fn of(&self, estate: &Estate, workload: &Workload, much: Much) -> rusqlite::Result<Past> {
        let mut past = Past::default();
        for asset in &workload.assets {
            for index in 0..asset.copies.len() {
                let key = CopyKey { workload: workload.id.clone(), asset: asset.id.clone(), index };
                let Some(name) = copy_name(estate, &key) else { continue };
                past.copies.push((key, self.copy(&name, much)?));
            }
            for index in 0..asset.replicas.len() {
                let key = LinkKey { workload: workload.id.clone(), asset: asset.id.clone(), index };
                let Some(name) = link_name(estate, &key) else { continue };
                let mut lag = self.series(&name, Much::All)?;
                past.links.push((key, lag.pop().map(|(_, series)| series).unwrap_or_default()));
            }
            if asset.write_probe.is_some() {
                let written = self.series(&asset_name(&workload.id, &asset.id), Much::All)?;
                past.writes.extend(written.into_iter().map(|(_, series)| (asset.id.clone(), series)));
            }
        }
        Ok(past)
    }

    fn copy(&self, name: &str, much: Much) -> rusqlite::Result<CopyPast> {
        let mut looked = self.db.prepare_cached("SELECT first FROM looked WHERE subject = ?1")?;
        let began: Option<i64> = looked.query_row([name], |row| row.get(0)).optional()?;
        let mut points = self.db.prepare_cached(
            "SELECT id, kind, started, completed, size, state, first, gone, source, packed FROM point WHERE copy = ?1
             ORDER BY coalesce(completed, started, first) DESC, id DESC LIMIT ?2",
        )?;
        let points = points.query_map(params![name, POINTS], point)?;
        let mut past = CopyPast { began: began.and_then(instant), ..CopyPast::default() };
        for one in points {
            past.points.extend(one?);
        }
        for (figure, series) in self.series(name, much)? {
            if let Some(own) = past.series(figure) {
                *own = series;
            }
        }
        Ok(past)
    }

    /// All figures of one subject.
    fn series(&self, subject: &str, much: Much) -> rusqlite::Result<Vec<(Figure, Series)>> {
        let mut ask = self.db.prepare_cached(
            "SELECT s.figure, b.level, b.at, b.n, b.sum, b.min, b.max, b.last FROM series s
             JOIN bucket b ON b.series = s.id AND b.level IN (0, 1, 2)
             WHERE s.subject = ?1 AND (?2 OR b.level > 0 OR s.figure IN ('behind'))
             ORDER BY s.figure, b.level, b.at",
        )?;
        let mut rows = ask.query(params![subject, matches!(much, Much::All)])?;
        let mut all: Vec<(Figure, Series)> = Vec::new();
        while let Some(row) = rows.next()? {
            let name: String = row.get(0)?;
            let Some(figure) = Figure::ALL.into_iter().find(|f| f.as_str() == name) else { continue };
            if all.last().is_none_or(|(last, _)| *last != figure) {
                all.push((figure, Series::default()));
            }
            if let (Some((_, series)), Some(bucket)) = (all.last_mut(), bucket(row)?) {
                match row.get(1)? {
                    0 => series.minutes.push(bucket),
                    1 => series.hours.push(bucket),
                    _ => series.days.push(bucket),
                }
            }
        }
        Ok(all)
    }

    /// Since when each finding stands.
    fn since(&self) -> rusqlite::Result<BTreeMap<String, Time>> {
        let mut ask = self.db.prepare_cached("SELECT found, since FROM finding")?;
        let rows = ask.query_map([], |r| Ok((r.get(0)?, instant(r.get(1)?))))?;
        let known = rows.filter_map(|row| row.map(|(name, at)| at.map(|at| (name, at))).transpose());
        known.collect()
    }

    pub fn acknowledged(&self) -> rusqlite::Result<Vec<Acknowledged>> {
        let mut ask =
            self.db.prepare_cached("SELECT rule, subject, object, value, by, why, at FROM acknowledged")?;
        let rows = ask.query_map([], |r| {
            let at: i64 = r.get(6)?;
            Ok(Acknowledged {
                rule: r.get(0)?,
                subject: r.get(1)?,
                object: r.get(2)?,
                value: r.get(3)?,
                by: r.get(4)?,
                why: r.get(5)?,
                at: instant(at).unwrap_or(Time::UNIX_EPOCH),
            })
        })?;
        rows.collect()
    }

    /// Newest first; what a newer program wrote and this one cannot read is
    /// left out.
    fn lessons(&self) -> rusqlite::Result<Vec<Lesson>> {
        let mut ask = self
            .db
            .prepare_cached("SELECT lesson FROM run WHERE lesson IS NOT NULL ORDER BY ended DESC LIMIT ?1")?;
        let rows = ask.query_map([LESSONS], |row| row.get::<_, String>(0))?;
        let mut all = Vec::new();
        for text in rows {
            all.extend(serde_json::from_str::<Lesson>(&text?).ok());
        }
        Ok(all)
    }

    pub(super) fn known_runs(&self) -> rusqlite::Result<HashSet<String>> {
        let mut ask = self.db.prepare_cached("SELECT id FROM run")?;
        let rows = ask.query_map([], |row| row.get(0))?;
        rows.collect()
    }
}

fn instant(ms: i64) -> Option<Time> {
    Time::from_timestamp_millis(ms)
}

/// A word of an enumeration as it stands in JSON.
fn word<T: DeserializeOwned>(text: String) -> Option<T> {
    serde_json::from_value(Value::String(text)).ok()
}

/// `None` for what only a newer program knows.
fn point(row: &Row) -> rusqlite::Result<Option<PastPoint>> {
    let when = |n: usize| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(n)?.and_then(instant));
    let size = |n: usize| {
        Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(n)?.and_then(|s| u64::try_from(s).ok()))
    };
    let (kind, state) = (word(row.get(1)?), word(row.get(5)?));
    let (Some(kind), Some(state)) = (kind, state) else { return Ok(None) };
    Ok(Some(PastPoint {
        id: row.get(0)?,
        kind,
        started_at: when(2)?,
        completed_at: when(3)?,
        size_bytes: size(4)?,
        packed: Packed::of(size(8)?, size(9)?),
        state,
        first_seen: when(6)?.unwrap_or(Time::UNIX_EPOCH),
        gone_at: when(7)?,
    }))
}

fn bucket(row: &Row) -> rusqlite::Result<Option<Bucket>> {
    let (at, n, sum): (i64, i64, f64) = (row.get(2)?, row.get(3)?, row.get(4)?);
    let Some(at) = Time::from_timestamp(at, 0).filter(|_| n > 0) else { return Ok(None) };
    Ok(Some(Bucket {
        at,
        n: u32::try_from(n).unwrap_or(u32::MAX),
        mean: sum / n as f64,
        min: row.get(5)?,
        max: row.get(6)?,
        last: row.get(7)?,
    }))
}
