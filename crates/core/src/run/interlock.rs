//! What interlocks come to over facts. Three answers: it holds, it does not,
//! nobody knows; and what nobody knows lets nothing pass.

use std::collections::{BTreeMap, BTreeSet};

use super::{Act, GuardAnswer, GuardKey, Machine};
use crate::model::*;

/// What was found out about the world, each with how long it has been so.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Facts {
    pub facts: BTreeMap<LockFact, Known>,
    /// Answers of probes, by their JSON.
    pub probes: BTreeMap<String, Known>,
}

/// `holds: None`: it was not seen, or not lately enough to be believed.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    pub holds: Option<bool>,
    /// Since when without a break.
    pub since: Option<Time>,
    pub detail: String,
}

impl Facts {
    /// The name under which a probe's answer stands.
    pub fn key(probe: &Probe) -> String {
        serde_json::to_string(probe).unwrap_or_default()
    }
    fn get(&self, condition: &Condition) -> Option<&Known> {
        match condition {
            Condition::Fact(fact) => self.facts.get(fact),
            Condition::Probe(probe) => self.probes.get(&Self::key(probe)),
            Condition::Interlock(_) => None,
        }
    }
}

/// What an interlock, or one of its conditions, comes to.
#[derive(Debug, Clone, PartialEq)]
pub struct Held {
    pub holds: Option<bool>,
    since: Option<Time>,
    /// What stands against it, or is not known.
    pub detail: String,
}

/// The interlocks of an estate, each with conditions that lead somewhere.
pub fn all(estate: &Estate) -> Result<Vec<Interlock>, String> {
    let all: Vec<Interlock> = estate.interlocks.iter().map(Interlock::of).collect::<Result<_, _>>()?;
    all.iter().try_for_each(|interlock| sound(interlock, &all))?;
    Ok(all)
}

/// Whether an interlock can hold at all; for `validate`, which has no facts.
pub fn sound(interlock: &Interlock, all: &[Interlock]) -> Result<(), String> {
    let id = &interlock.id;
    if interlock.all.is_empty() && interlock.any.is_empty() {
        return Err(format!("interlock {id} has no condition"));
    }
    let wanted = interlock.at_least.unwrap_or(1) as usize;
    if !interlock.any.is_empty() && wanted > interlock.any.len() {
        return Err(format!("interlock {id} wants {wanted} of {}: it can never hold", interlock.any.len()));
    }
    if interlock.any.is_empty() && interlock.at_least.is_some() {
        return Err(format!("interlock {id} says `at_least` without `any`"));
    }
    let mut seen = BTreeSet::from([id.as_str()]);
    let mut left: Vec<&Condition> = interlock.conditions().collect();
    while let Some(condition) = left.pop() {
        let Condition::Interlock(name) = condition else { continue };
        let other = all.iter().find(|x| x.id == *name);
        let other =
            other.ok_or_else(|| format!("interlock {id} names {name}, which is no interlock and no fact"))?;
        if name == id {
            return Err(format!("interlock {id} leads back to itself"));
        }
        if seen.insert(name) {
            left.extend(other.conditions());
        }
    }
    Ok(())
}

/// Every fact and probe that has to be looked at to answer an interlock.
pub fn asked<'a>(interlock: &'a Interlock, all: &'a [Interlock]) -> Vec<&'a Condition> {
    let (mut out, mut seen, mut left) = (Vec::new(), BTreeSet::new(), vec![interlock]);
    while let Some(one) = left.pop() {
        for condition in one.conditions() {
            match condition {
                Condition::Interlock(name) if seen.insert(name) => {
                    left.extend(all.iter().find(|x| x.id == *name))
                }
                Condition::Interlock(_) => {}
                condition => out.push(condition),
            }
        }
    }
    out
}

/// What an interlock comes to now.
pub fn evaluate(interlock: &Interlock, all: &[Interlock], facts: &Facts, now: Time) -> Held {
    deep(interlock, all, facts, now, all.len())
}

/// `left`: how much deeper it may go, so that a circle comes to its end.
fn deep(interlock: &Interlock, all: &[Interlock], facts: &Facts, now: Time, left: usize) -> Held {
    let one = |condition: &Condition| match condition {
        Condition::Interlock(name) => match all.iter().find(|x| x.id == *name).filter(|_| left > 0) {
            Some(other) => {
                let held = deep(other, all, facts, now, left - 1);
                Held { detail: format!("{name}: {}", held.detail), ..held }
            }
            None => Held { holds: None, since: None, detail: format!("{name} is not known") },
        },
        condition => seen(condition, facts.get(condition)),
    };
    let must: Vec<Held> = interlock.all.iter().map(one).collect();
    let may: Vec<Held> = interlock.any.iter().map(one).collect();
    let mut held = both(every(&must), enough(&may, interlock.at_least.unwrap_or(1) as usize));
    if interlock.invert {
        held.holds = held.holds.map(|h| !h);
        held.detail = format!("not ({})", held.detail);
    }
    if let (Some(wait), Some(true)) = (interlock.wait, held.holds) {
        let since = held.since.filter(|since| *since <= now);
        let so_far = since.map_or(Dur::ZERO, |since| Dur::between(since, now));
        if so_far < wait {
            held.holds = Some(false);
            held.detail = format!("it has held for {so_far} of {wait}");
        }
    }
    held
}

fn seen(condition: &Condition, known: Option<&Known>) -> Held {
    let name = match condition {
        Condition::Fact(fact) => fact.to_string(),
        Condition::Probe(probe) => probe.target.as_str().map_or_else(|| probe.kind.clone(), str::to_owned),
        Condition::Interlock(name) => name.clone(),
    };
    match known {
        Some(k) => {
            let since = k.since.filter(|_| k.holds.is_some());
            Held { holds: k.holds, since, detail: format!("{name}: {}", k.detail) }
        }
        None => Held { holds: None, since: None, detail: format!("{name}: not seen") },
    }
}

/// What turned last decides since when the whole is as it is.
fn joined(parts: Vec<&Held>, holds: Option<bool>) -> Held {
    let since =
        parts.iter().all(|p| p.since.is_some()).then(|| parts.iter().filter_map(|p| p.since).max()).flatten();
    let detail = parts.iter().map(|p| p.detail.as_str()).collect::<Vec<_>>().join("; ");
    Held { holds, since, detail }
}

fn every(parts: &[Held]) -> Option<Held> {
    let of = |holds: Option<bool>| parts.iter().filter(move |p| p.holds == holds).collect::<Vec<_>>();
    if parts.is_empty() {
        return None;
    }
    let holds = match () {
        () if !of(Some(false)).is_empty() => Some(false),
        () if !of(None).is_empty() => None,
        () => Some(true),
    };
    Some(joined(of(holds), holds))
}

fn enough(parts: &[Held], wanted: usize) -> Option<Held> {
    let of = |holds: Option<bool>| parts.iter().filter(move |p| p.holds == holds).collect::<Vec<_>>();
    if parts.is_empty() {
        return None;
    }
    let (yes, open) = (of(Some(true)).len(), of(None).len());
    let holds = match () {
        () if yes >= wanted => Some(true),
        () if yes + open >= wanted => None,
        () => Some(false),
    };
    // Enough have held since the `wanted`-th oldest of them did.
    let mut held = joined(of(holds), holds);
    if holds == Some(true) {
        let mut since: Vec<Time> =
            parts.iter().filter(|p| p.holds == holds).filter_map(|p| p.since).collect();
        since.sort();
        held.since = since.get(wanted.max(1) - 1).copied();
    }
    Some(held)
}

fn both(must: Option<Held>, may: Option<Held>) -> Held {
    let parts: Vec<Held> = must.into_iter().chain(may).collect();
    every(&parts).unwrap_or(Held { holds: None, since: None, detail: "it has no condition".to_owned() })
}

impl Machine {
    /// The answer to one guard that is an interlock, from what was found out.
    pub fn interlocked(&self, id: &str, facts: &Facts, now: Time) -> GuardAnswer {
        let all = self.interlocks();
        let key = GuardKey::Interlock { id: id.to_owned() };
        match all.iter().find(|x| x.id == *id) {
            Some(interlock) => {
                let held = evaluate(interlock, all, facts, now);
                GuardAnswer { key, holds: held.holds, detail: clean_line(&held.detail), done_by: None }
            }
            None => GuardAnswer { key, holds: None, detail: "it is not known".to_owned(), done_by: None },
        }
    }
}

/// Whether an asset has one writer, from the instances that were seen to take
/// writes: `None` where any could not be seen.
pub fn one_writer(seen: &[Option<bool>]) -> Option<bool> {
    let writers = seen.iter().filter(|w| **w == Some(true)).count();
    match seen.iter().any(Option::is_none) {
        _ if writers > 1 => Some(false),
        true => None,
        false => Some(writers == 1),
    }
}

/// For a reader of the journal: what a guard was about.
pub fn said(key: &GuardKey) -> String {
    match key {
        GuardKey::Interlock { id } => format!("interlock {id}"),
        GuardKey::Fenced { asset } => format!("{asset} is fenced"),
        GuardKey::Claim { asset, act: Act::Fence } => format!("{asset} is fenced by nobody else"),
        GuardKey::Claim { asset, act: Act::Promote } => format!("{asset} is promoted by nobody else"),
    }
}
