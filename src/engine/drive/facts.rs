//! What interlocks rest on, looked at now. What no probe tells is not known,
//! which lets nothing pass without a person.

use std::time::Duration;

use futures::{StreamExt as _, stream};
use lifeboat_core::run::{
    GuardKey,
    interlock::{self, Facts, Known as OneKnown},
};

use super::*;

/// Answers at once; each is a question to a service or a store.
const AT_ONCE: usize = 16;
const WITHIN: Dur = Dur::secs(5);

/// One condition, as it was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Look {
    pub condition: Condition,
    pub holds: Option<bool>,
    pub detail: String,
}

/// What was found before: a condition that turns, or could not be seen, begins
/// anew.
#[derive(Debug, Default)]
pub(super) struct Known {
    since: BTreeMap<String, (Option<bool>, Time)>,
    /// An interlock that was asked holds, only not for long enough yet: time
    /// alone answers it, and no person is needed.
    pub(super) ripening: bool,
}

impl Known {
    fn since(&mut self, key: String, holds: Option<bool>, now: Time) -> Time {
        let entry = self.since.entry(key).or_insert((holds, now));
        if entry.0 != holds {
            *entry = (holds, now);
        }
        entry.1
    }
    /// From looks of this moment.
    pub(super) fn facts(&mut self, looks: Vec<Look>, now: Time) -> Facts {
        let mut facts = Facts::default();
        for Look { condition, holds, detail } in looks {
            match condition {
                Condition::Fact(fact) => {
                    let since = Some(self.since(fact.to_string(), holds, now));
                    facts.facts.insert(fact, OneKnown { holds, since, detail });
                }
                Condition::Probe(probe) => {
                    let key = Facts::key(&probe);
                    let since = Some(self.since(key.clone(), holds, now));
                    facts.probes.insert(key, OneKnown { holds, since, detail });
                }
                Condition::Interlock(_) => {}
            }
        }
        facts
    }
}

/// What is asked for facts.
pub(super) struct World {
    live: Live,
    probing: Arc<dyn Probing>,
    /// What proves that an asset is fenced.
    fences: BTreeMap<String, Probe>,
}

impl Drive {
    pub(super) fn facts_world(&self) -> World {
        let steps = self.machine.run().steps.iter();
        let fence = |s: &lifeboat_core::run::StepRun| Some((s.plan.fences.clone()?, s.plan.verify.clone()?));
        World {
            live: self.driver.live.clone(),
            probing: self.driver.probing.clone(),
            fences: steps.filter_map(fence).collect(),
        }
    }

    /// Every fact and probe that any interlock rests on, each once.
    pub(super) fn facts_wanted(&self) -> Vec<Condition> {
        let all = self.machine.interlocks();
        let mut wanted: Vec<Condition> = Vec::new();
        for condition in all.iter().flat_map(|lock| interlock::asked(lock, all)) {
            if !wanted.contains(condition) {
                wanted.push(condition.clone());
            }
        }
        wanted
    }

    /// Answers the guards that are interlocks from what was looked at.
    pub(super) fn interlocked(&mut self, answers: &mut [GuardAnswer], looks: Vec<Look>) {
        let now = self.driver.clock.now();
        let facts = self.facts.facts(looks, now);
        self.facts.ripening = false;
        for answer in answers {
            if let GuardKey::Interlock { id } = &answer.key {
                self.facts.ripening |= self.only_early(id, &facts, now);
                *answer = self.machine.interlocked(id, &facts, now);
            }
        }
    }

    /// Whether nothing but its `wait` stands against an interlock.
    pub(super) fn only_early(&self, id: &str, facts: &Facts, now: Time) -> bool {
        let all = self.machine.interlocks();
        let Some(lock) = all.iter().find(|l| l.id == *id).filter(|l| l.wait.is_some()) else { return false };
        let holds = |lock: &Interlock| interlock::evaluate(lock, all, facts, now).holds;
        let at_once = Interlock { wait: None, ..lock.clone() };
        holds(lock) == Some(false) && holds(&at_once) == Some(true)
    }
}

pub(super) async fn gather(wanted: Vec<Condition>, world: &World) -> Vec<Look> {
    let one = |condition: Condition| async move {
        let (holds, detail) = match &condition {
            Condition::Probe(probe) => world.ask(probe).await,
            Condition::Fact(fact) => world.fact(fact).await,
            Condition::Interlock(name) => (None, name.clone()),
        };
        Look { condition, holds, detail: clean_line(&detail) }
    };
    stream::iter(wanted.into_iter().map(one)).buffer_unordered(AT_ONCE).collect().await
}

type Answer = (Option<bool>, String);

impl World {
    async fn ask(&self, probe: &Probe) -> Answer {
        let timeout = probe.timeout.unwrap_or(WITHIN);
        let late = timeout.to_std() + Duration::from_secs(1);
        match tokio::time::timeout(late, self.probing.ask(probe, timeout)).await {
            Ok(Ok(reading)) => (Some(reading.holds), reading.detail),
            Ok(Err(problem)) => (None, format!("{}: {}", problem.what, problem.why)),
            Err(_) => (None, "it did not answer in time".to_owned()),
        }
    }

    async fn fact(&self, fact: &LockFact) -> Answer {
        let estate = self.live.estate();
        match fact.kind {
            FactKind::InService => match estate.region(&fact.of) {
                Some(region) => self.all(region.health.iter()).await,
                None => (None, "the estate has no such region".to_owned()),
            },
            FactKind::Healthy => match estate.workload(&fact.of) {
                Some(workload) => self.any(workload.health.iter().map(|h| &h.probe)).await,
                None => (None, "the estate has no such workload".to_owned()),
            },
            FactKind::Reachable => match self.live.lists(&StoreId::from(fact.of.as_str())).await {
                Ok(()) => (Some(true), "it lists".to_owned()),
                Err(problem) => (Some(false), format!("{}: {}", problem.what, problem.why)),
            },
            FactKind::Fenced => match self.fences.get(&fact.of) {
                Some(probe) => self.ask(probe).await,
                None => (None, "no step that fences it has a `verify`".to_owned()),
            },
            FactKind::OneWriter => self.one_writer(&fact.of).await,
        }
    }

    /// By where the workload of the asset is seen to serve.
    async fn one_writer(&self, asset: &str) -> Answer {
        let workload = asset.split('/').next().and_then(|id| self.live.estate().workload(id));
        let Some(probe) = workload.and_then(|w| w.active_when.as_ref()) else {
            return (
                None,
                "no probe tells which instance takes writes: give its workload `active_when`".to_owned(),
            );
        };
        match self.probing.ask(probe, probe.timeout.unwrap_or(WITHIN)).await {
            Ok(reading) if reading.holds => writers(reading.text.as_deref().unwrap_or_default()),
            Ok(reading) => (None, reading.detail),
            Err(problem) => (None, format!("{}: {}", problem.what, problem.why)),
        }
    }

    /// All must hold: one that does not is enough, one that is not seen too.
    async fn all(&self, probes: impl Iterator<Item = &Probe>) -> Answer {
        let answers = futures::future::join_all(probes.map(|p| self.ask(p))).await;
        if answers.is_empty() {
            return (None, "it has no probe".to_owned());
        }
        let of = |wanted| answers.iter().find(|(holds, _)| *holds == wanted);
        let worst = of(Some(false)).or_else(|| of(None)).unwrap_or(&answers[0]);
        worst.clone()
    }

    /// One that holds is enough.
    async fn any(&self, probes: impl Iterator<Item = &Probe>) -> Answer {
        let answers = futures::future::join_all(probes.map(|p| self.ask(p))).await;
        if answers.is_empty() {
            return (None, "it has no probe".to_owned());
        }
        let of = |wanted| answers.iter().find(|(holds, _)| *holds == wanted);
        of(Some(true)).or_else(|| of(None)).unwrap_or(&answers[0]).clone()
    }
}

/// What `active_when` names: one, or several between commas or blanks.
fn writers(text: &str) -> Answer {
    let all: BTreeSet<&str> = text.split([',', ' ', ';', '\n']).filter(|word| !word.is_empty()).collect();
    let named = || all.iter().copied().collect::<Vec<_>>().join(" and ");
    match all.len() {
        0 => (None, "nobody is seen to take writes".to_owned()),
        1 => (Some(true), format!("only {} takes writes", named())),
        _ => (Some(false), format!("{} take writes", named())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_that_take_writes_are_not_one_writer_and_none_is_not_known() {
        for (text, holds) in [("eu", Some(true)), ("eu, us", Some(false)), ("eu eu", Some(true)), (" ", None)]
        {
            assert_eq!(writers(text).0, holds, "{text:?}");
        }
    }

    #[test]
    fn how_long_a_fact_has_held_is_known_and_begins_anew_when_it_turns() {
        let t = |s| Time::UNIX_EPOCH + Dur::secs(s);
        let fact: LockFact = "in-service:eu".parse().unwrap();
        let look =
            |holds| vec![Look { condition: Condition::Fact(fact.clone()), holds, detail: String::new() }];
        let mut known = Known::default();
        let table =
            [(1, Some(true), 1), (5, Some(true), 1), (7, None, 7), (8, Some(true), 8), (9, Some(true), 8)];
        for (at, holds, since) in table {
            let facts = known.facts(look(holds), t(at));
            assert_eq!(facts.facts[&fact].since, Some(t(since)), "at {at}");
        }
    }
}
