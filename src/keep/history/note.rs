//! What is written: one transaction for all that was seen since the last.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use lifeboat_core::model::*;
use rusqlite::{OptionalExtension, Transaction, TransactionBehavior, params};

use super::bound::LEVELS;
use super::{History, asset_name, copy_name, link_name};
use crate::keep::runs;

/// One thing that was seen, or was not.
#[derive(Debug, Clone)]
pub enum Note {
    Probe { key: ProbeKey, at: Time, result: Result<Option<f64>, Code> },
    Copy { key: CopyKey, at: Time, result: Result<Box<CopyReport>, Code> },
}

impl History {
    /// Writes all of it or, where it fails, none.
    pub fn write(&mut self, estate: &Estate, notes: &[Note]) -> Result<(), Problem> {
        if let Some(why) = &self.read_only {
            return Err(why.clone());
        }
        let write = |history: &mut Self| -> rusqlite::Result<()> {
            let tx = history.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            for note in notes {
                one(&tx, estate, note)?;
            }
            tx.commit()
        };
        write(self).map_err(|e| self.failed(&e))?;
        let newest = notes.iter().map(Note::at).max();
        match newest {
            Some(now) => self.thin(now).map_err(|e| self.failed(&e)),
            None => Ok(()),
        }
    }

    /// Takes up the runs that ended and are not known yet.
    pub fn note_runs(&mut self, dir: &Path) -> Result<(), Problem> {
        let known = self.known_runs().map_err(|e| self.failed(&e))?;
        let names = std::fs::read_dir(dir).into_iter().flatten().flatten();
        let names = names.filter_map(|e| e.file_name().into_string().ok());
        let new = names.filter(|name| !name.starts_with('.') && !known.contains(name));
        for name in new {
            // A damaged run is told where runs are listed; it teaches nothing.
            let Ok((machine, _)) = runs::read(dir, &RunId::new(&name)) else { continue };
            let run = machine.run();
            let Some(ended) = run.ended_at.filter(|_| run.state.is_over()) else { continue };
            let lesson = run.lesson().and_then(|l| serde_json::to_string(&l).ok());
            if self.read_only.is_some() {
                continue;
            }
            let written = self.db.execute(
                "INSERT OR IGNORE INTO run VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                params![
                    name,
                    run.runbook.id.as_str(),
                    run.mode.as_str(),
                    run.state.as_str(),
                    run.started_at.timestamp_millis(),
                    ended.timestamp_millis(),
                    lesson
                ],
            );
            written.map_err(|e| self.failed(&e))?;
        }
        Ok(())
    }

    /// What is found now: what was found before stands since then, and what is
    /// no longer found begins anew should it come back.
    pub fn found(&mut self, names: &BTreeSet<String>, now: Time) -> Result<(), Problem> {
        if let Some(why) = &self.read_only {
            return Err(why.clone());
        }
        let write = |history: &mut Self| -> rusqlite::Result<()> {
            let tx = history.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let known: Vec<String> = {
                let mut ask = tx.prepare("SELECT found FROM finding")?;
                let rows = ask.query_map([], |row| row.get(0))?;
                rows.collect::<rusqlite::Result<_>>()?
            };
            for gone in known.iter().filter(|name| !names.contains(*name)) {
                tx.execute("DELETE FROM finding WHERE found = ?1", [gone])?;
            }
            let mut add = tx.prepare("INSERT OR IGNORE INTO finding VALUES (?1, ?2)")?;
            for name in names {
                add.execute(params![name, now.timestamp_millis()])?;
            }
            drop(add);
            tx.commit()
        };
        write(self).map_err(|e| self.failed(&e))
    }

    pub fn acknowledge(&mut self, said: &Acknowledged) -> Result<(), Problem> {
        if let Some(why) = &self.read_only {
            return Err(why.clone());
        }
        let (object, at) = (said.object.as_deref(), said.at.timestamp_millis());
        let written = self.db.execute(
            "INSERT INTO acknowledged VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![said.rule, said.subject, object, said.value, said.by, said.why, at],
        );
        written.map(drop).map_err(|e| self.failed(&e))
    }
}

impl Note {
    pub fn at(&self) -> Time {
        match self {
            Self::Probe { at, .. } | Self::Copy { at, .. } => *at,
        }
    }
}

/// What the estate no longer has is not written.
fn one(tx: &Transaction, estate: &Estate, note: &Note) -> rusqlite::Result<()> {
    match note {
        Note::Probe { key, at, result } => probe(tx, estate, key, *at, result),
        Note::Copy { key, at, result } => match copy_name(estate, key) {
            Some(name) => copy(tx, &name, *at, result.as_deref().map_err(|code| *code)),
            None => Ok(()),
        },
    }
}

fn probe_name(estate: &Estate, key: &ProbeKey) -> Option<String> {
    Some(match key {
        ProbeKey::RegionHealth { region, index } => format!("region:{region}#{index}"),
        ProbeKey::WorkloadHealth { workload, index } => format!("health:{workload}#{index}"),
        ProbeKey::Lag(link) => format!("lag:{}", link_name(estate, link)?),
        ProbeKey::WriteProbe { workload, asset } => format!("write:{}", asset_name(workload, asset)),
        ProbeKey::ActiveWhen { workload } => format!("active:{workload}"),
        ProbeKey::Capacity { workload, index } => format!("capacity:{workload}#{index}"),
    })
}

fn probe(
    tx: &Transaction,
    estate: &Estate,
    key: &ProbeKey,
    at: Time,
    result: &Result<Option<f64>, Code>,
) -> rusqlite::Result<()> {
    let Some(name) = probe_name(estate, key) else { return Ok(()) };
    turn(tx, &name, at, result.as_ref().err().copied())?;
    let Ok(Some(value)) = result else { return Ok(()) };
    match key {
        ProbeKey::Lag(link) => match link_name(estate, link) {
            Some(name) => figure(tx, Figure::Lag, &name, at, *value),
            None => Ok(()),
        },
        ProbeKey::WriteProbe { workload, asset } => {
            figure(tx, Figure::Written, &asset_name(workload, asset), at, *value)
        }
        _ => Ok(()),
    }
}

/// Adds a value to its minute, its hour and its day.
fn figure(tx: &Transaction, figure: Figure, subject: &str, at: Time, value: f64) -> rusqlite::Result<()> {
    if !value.is_finite() {
        return Ok(());
    }
    let mut known = tx.prepare_cached("SELECT id FROM series WHERE subject = ?1 AND figure = ?2")?;
    let named = params![subject, figure.as_str()];
    let id: i64 = match known.query_row(named, |row| row.get(0)).optional()? {
        Some(id) => id,
        None => {
            tx.prepare_cached("INSERT INTO series (subject, figure) VALUES (?1, ?2)")?.execute(named)?;
            tx.last_insert_rowid()
        }
    };
    let mut add = tx.prepare_cached(
        "INSERT INTO bucket VALUES (?1, ?2, ?3, 1, ?4, ?4, ?4, ?4, ?5)
         ON CONFLICT DO UPDATE SET n = n + 1, sum = sum + excluded.sum,
           min = min(min, excluded.min), max = max(max, excluded.max),
           last = CASE WHEN excluded.newest >= newest THEN excluded.last ELSE last END,
           newest = max(newest, excluded.newest)",
    )?;
    for (level, (seconds, _)) in LEVELS.iter().enumerate() {
        let bucket = at.timestamp().div_euclid(*seconds) * seconds;
        add.execute(params![level as i64, id, bucket, value, at.timestamp_millis()])?;
    }
    Ok(())
}

/// Only what it turned to: that it stayed so is no news.
fn turn(tx: &Transaction, subject: &str, at: Time, failed: Option<Code>) -> rusqlite::Result<()> {
    let (state, why) = failed.map_or(("ok", ""), |code| (code.id, code.what));
    let mut last = tx.prepare_cached("SELECT state FROM turn WHERE subject = ?1 ORDER BY at DESC LIMIT 1")?;
    let last: Option<String> = last.query_row([subject], |row| row.get(0)).optional()?;
    if last.as_deref() != Some(state) {
        tx.prepare_cached("INSERT OR REPLACE INTO turn VALUES (?1, ?2, ?3, ?4)")?.execute(params![
            subject,
            at.timestamp_millis(),
            state,
            why
        ])?;
    }
    Ok(())
}

fn copy(tx: &Transaction, name: &str, at: Time, result: Result<&CopyReport, Code>) -> rusqlite::Result<()> {
    turn(tx, &format!("copy:{name}"), at, result.err())?;
    let answered = if result.is_ok() { 1.0 } else { 0.0 };
    figure(tx, Figure::Answered, name, at, answered)?;
    let Ok(report) = result else { return Ok(()) };
    let newer: Option<i64> = tx
        .prepare_cached("SELECT last FROM looked WHERE subject = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()?;
    tx.prepare_cached(
        "INSERT INTO looked VALUES (?1, ?2, ?2)
         ON CONFLICT DO UPDATE SET first = min(first, excluded.first), last = max(last, excluded.last)",
    )?
    .execute(params![name, at.timestamp_millis()])?;
    for (kind, value) in figures(report, at) {
        figure(tx, kind, name, at, value)?;
    }
    // Of two processes the later look is right about what is there.
    if newer.is_some_and(|last| last > at.timestamp_millis()) {
        return Ok(());
    }
    points(tx, name, at, report)
}

fn figures(report: &CopyReport, at: Time) -> Vec<(Figure, f64)> {
    let summary = report.summary();
    let usable = || report.points.iter().filter(|p| p.state == PointState::Usable);
    let age = |then: Time| Dur::between(then, at).as_secs_f64().max(0.0);
    let oldest = usable().filter_map(|p| p.completed_at).min();
    let stored: u64 = report.points.iter().filter_map(|p| p.size_bytes).fold(0, u64::saturating_add);
    let mut all = vec![
        (Figure::Count, usable().count() as f64),
        (Figure::Requests, report.cost.requests as f64),
        (Figure::Bytes, report.cost.bytes as f64),
    ];
    if report.points.iter().any(|p| p.size_bytes.is_some()) {
        all.push((Figure::Stored, stored as f64));
    }
    all.extend(oldest.map(|at| (Figure::Oldest, age(at))));
    all.extend(summary.last_good.map(|p| (Figure::Good, age(p.at))));
    all.extend(report.behind.as_ref().map(|b| (Figure::Behind, b.objects as f64)));
    all
}

/// A point's state, size, completion, whether it is gone, what it packs to.
type Known = HashMap<String, (String, Option<i64>, Option<i64>, bool, Option<i64>)>;

/// Writes what differs from what is known: a repository of ten thousand points
/// changes by one.
fn points(tx: &Transaction, name: &str, at: Time, report: &CopyReport) -> rusqlite::Result<()> {
    let mut ask = tx.prepare_cached(
        "SELECT id, state, size, completed, gone IS NOT NULL, packed FROM point WHERE copy = ?1",
    )?;
    let rows =
        ask.query_map([name], |r| Ok((r.get(0)?, (r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?, r.get(5)?))))?;
    let known: Known = rows.collect::<rusqlite::Result<_>>()?;
    let ms = |at: Option<Time>| at.map(|at| at.timestamp_millis());
    let mut put = tx.prepare_cached(
        "INSERT INTO point VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, NULL, ?9, ?10)
         ON CONFLICT DO UPDATE SET kind = excluded.kind, started = excluded.started,
           completed = excluded.completed, size = excluded.size, state = excluded.state, gone = NULL,
           source = excluded.source, packed = excluded.packed",
    )?;
    let there: BTreeMap<&str, &Point> = report.points.iter().map(|p| (p.id.as_str(), p)).collect();
    for (id, p) in &there {
        let bytes = |size: Option<u64>| size.and_then(|s| i64::try_from(s).ok());
        let size = bytes(p.size_bytes);
        let (source, packed) = (bytes(p.packed.map(|p| p.source)), bytes(p.packed.map(|p| p.stored)));
        let same = known.get(*id).is_some_and(|(state, known_size, completed, gone, known_packed)| {
            let figures = *known_size == size && *known_packed == packed;
            state == p.state.as_str() && figures && *completed == ms(p.completed_at) && !gone
        });
        if !same {
            put.execute(params![
                name,
                id,
                p.kind.as_str(),
                ms(p.started_at),
                ms(p.completed_at),
                size,
                p.state.as_str(),
                at.timestamp_millis(),
                source,
                packed
            ])?;
        }
    }
    // What one look could not see whole proves no deletion.
    if !report.notes.is_empty() {
        return Ok(());
    }
    let mut lose = tx.prepare_cached("UPDATE point SET gone = ?3 WHERE copy = ?1 AND id = ?2")?;
    for (id, _) in known.iter().filter(|(id, (.., gone, _))| !gone && !there.contains_key(id.as_str())) {
        lose.execute(params![name, id, at.timestamp_millis()])?;
    }
    Ok(())
}
