//! What the library noted of its kills, held against the finished journals.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs,
    path::Path,
};

use serde_json::Value;

use super::{Effects, How, Lines};

/// By runbook: the text of its run's journal.
pub type Journals<'a> = [(&'a str, String)];

#[derive(Debug)]
struct Met {
    /// Everything that belonged to the attempt died too.
    all: bool,
    driver: u32,
    /// Begun, and without an outcome when the driver was gone.
    under_way: bool,
}

#[derive(Debug, Default)]
pub struct Notes {
    /// By runbook and line, the phases in which a driver died there.
    lines: BTreeMap<(String, String), BTreeSet<String>>,
    /// By `RUNBOOK/STEP-NUMBER`.
    effects: BTreeMap<String, Met>,
    /// Where everything died: how many with it, and whether it was the attempt itself
    /// that acted.
    with: BTreeMap<String, (usize, bool)>,
    /// How many points of an effect were passed, met or not.
    points: BTreeMap<String, usize>,
    drivers: BTreeSet<u32>,
}

impl Notes {
    pub fn read(path: &Path) -> Self {
        let mut notes = Self::default();
        for line in fs::read_to_string(path).unwrap().lines() {
            match line.split('\t').collect::<Vec<_>>()[..] {
                ["line", book, of, phase, pid] => {
                    let met = notes.lines.entry((book.to_owned(), of.to_owned())).or_default();
                    assert!(met.insert(phase.to_owned()), "twice: {line}");
                    notes.drivers.insert(pid.parse().unwrap());
                }
                ["effect", attempt, who, pid, stands, _] => {
                    let driver = pid.parse().unwrap();
                    let met = Met { all: who == "all", driver, under_way: stands == "under way" };
                    let before = notes.effects.insert(attempt.to_owned(), met);
                    assert!(before.is_none(), "twice: {line}");
                    notes.drivers.insert(driver);
                }
                ["with it", attempt, others, whose] => {
                    let itself = whose == "the attempt itself";
                    notes.with.insert(attempt.to_owned(), (others.parse().unwrap(), itself));
                }
                ["point", attempt, _] => *notes.points.entry(attempt.to_owned()).or_default() += 1,
                _ => {}
            }
        }
        notes
    }

    pub fn drivers(&self) -> BTreeSet<u32> {
        self.drivers.clone()
    }

    /// Every line of every journal is one at which a driver died.
    pub fn all_lines(&self, journals: &Journals<'_>, how: Lines) -> Result<(), String> {
        let mut unmet = Vec::new();
        let mut phases = BTreeSet::new();
        for (book, journal) in journals {
            for of in lines_of(journal) {
                let met = self.lines.get(&((*book).to_owned(), of.clone()));
                let met = met.map(|met| met.iter().map(String::as_str).collect()).unwrap_or_default();
                if !enough(&met, how) {
                    unmet.push(format!("{book} {of}: {met:?}"));
                }
                phases.extend(met);
            }
        }
        if !unmet.is_empty() {
            return Err(format!("nobody died at these lines: {unmet:#?}"));
        }
        let cut = |e: Value| e["type"] == "taken_up" && e["cut"].as_u64() > Some(0);
        if !journals.iter().any(|(_, journal)| events(journal).any(cut)) {
            return Err("half a line was left behind, and none is said to be cut".to_owned());
        }
        (phases.len() == 4).then_some(()).ok_or_else(|| format!("only in these phases: {phases:?}"))
    }

    /// Every attempt of the journals was met in its middle, but for a later one that
    /// came to its end before: what it found was done already.
    pub fn all_effects(&self, journals: &Journals<'_>, how: &How) -> Result<(), String> {
        let attempts: BTreeSet<String> =
            journals.iter().flat_map(|(book, journal)| attempts_of(book, journal)).collect();
        if let Some(other) = self.effects.keys().find(|met| !attempts.contains(*met)) {
            return Err(format!("{other} was met, and is in no journal"));
        }
        for attempt in &attempts {
            let first = attempt.ends_with("-1");
            if !first && how.effects == Effects::Alone {
                return Err(format!("{attempt}: what outlived its driver was done again"));
            }
            let Some(met) = self.effects.get(attempt) else {
                let points = self.points.get(attempt).copied().unwrap_or_default();
                match how.deep() > 2 || !first {
                    true if points < how.deep() => continue,
                    _ => return Err(format!("{attempt} was not met in its middle, of {points} points")),
                }
            };
            let all = first && how.effects == Effects::All;
            // Of what was started the attempt dies too, and whoever stands between.
            let with = self.with.get(attempt).is_some_and(|(others, itself)| *itself || *others > 0);
            if met.all != all || with != all || !met.under_way || met.driver == 0 {
                return Err(format!("{attempt}: {met:?}"));
            }
        }
        Ok(())
    }
}

fn enough(met: &BTreeSet<&str>, how: Lines) -> bool {
    match how {
        Lines::Spared => true,
        Lines::Turning(_) => !met.is_empty(),
        Lines::Thrice => {
            let there = met.contains("written") || met.contains("synced");
            met.contains("before") && met.contains("torn") && there
        }
    }
}

impl fmt::Display for Notes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phases: usize = self.lines.values().map(BTreeSet::len).sum();
        let all = self.effects.values().filter(|met| met.all).count();
        write!(f, "{phases} times at {} lines, ", self.lines.len())?;
        write!(f, "in the middle of {} effects, {all} of which died too", self.effects.len())
    }
}

fn events(journal: &str) -> impl Iterator<Item = Value> {
    journal.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["event"].take())
}

/// As `lines.h` tells lines apart. What a resumed run says anew each time is one
/// line, and so is each answer of a probe that is watched: who is killed at every
/// answer never comes to the end of what must hold for two seconds.
fn lines_of(journal: &str) -> Vec<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut lines = Vec::new();
    for event in events(journal) {
        let kind = event["type"].as_str().unwrap();
        let fields: &[&str] = match kind {
            "answered" => &["step", "number", "question", "answer"],
            "probe_turned" => &["step", "holds"],
            "attempt_intended" | "attempt_ended" | "child_intended" | "child_ended" => &["step", "number"],
            "operator" => &["verb", "step"],
            "run_started" | "taken_up" | "prechecked" | "run_ended" | "clock_jumped" => &[],
            _ => &["step"],
        };
        let text = |name: &&str| match event.get(*name)? {
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        };
        let parts: Vec<String> =
            std::iter::once(kind.to_owned()).chain(fields.iter().filter_map(text)).collect();
        let key = parts.join("/");
        let repeats = ["taken_up", "probe_turned", "guarded", "clock_jumped"].contains(&kind)
            || event["answer"] == "cannot_tell";
        let count = seen.entry(key.clone()).or_default();
        *count = if repeats { 1 } else { *count + 1 };
        lines.push(format!("{key}#{count}"));
    }
    lines
}

/// Attempts that acted, told as their folders are.
fn attempts_of(book: &str, journal: &str) -> Vec<String> {
    let ended = events(journal).filter(|event| event["type"] == "attempt_ended");
    let acted = ended.filter(|event| event["outcome"]["result"] != "not_started");
    acted.map(|e| format!("{book}/{}-{}", e["step"].as_str().unwrap(), e["number"])).collect()
}
