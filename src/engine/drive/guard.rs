//! What is looked at in the moment before a dangerous step acts. Fencing is
//! asked of the fence's own `verify`. Who else of the incident did it is read
//! from the journals beside this one. What interlocks rest on is in `facts`.

use std::{path::PathBuf, sync::Arc, time::Duration};

use lifeboat_core::run::{Claimed, GuardItem, GuardKey, claim};

use super::*;
use crate::keep::runs;

impl Drive {
    pub(super) fn guard(
        &mut self,
        step: StepId,
        items: Vec<GuardItem>,
        every: Dur,
        wake: &mut Option<Instant>,
    ) {
        let age = self.ages.get(&step).copied().unwrap_or(0);
        let key = (step.clone(), age);
        let what: Vec<&str> = items.iter().map(|i| i.what.as_str()).collect();
        self.doing = Some(format!("checking before {step}: {}", clean_line(&what.join(", "))));
        match self.guard_rest.get(&key) {
            Some(until) if *until > Instant::now() => return sooner(wake, *until),
            _ if !self.guarding.insert(key.clone()) => return,
            _ => {}
        }
        self.guard_rest.remove(&key);
        let probing = self.driver.probing.clone();
        let incident = self.machine.run().incident.as_ref().map(|i| i.id.clone());
        let beside = self.folder.dir.parent().map(std::path::Path::to_owned).unwrap_or_default();
        let own = self.machine.run().id.clone();
        let locks = items.iter().any(|i| matches!(i.key, GuardKey::Interlock { .. }));
        let world = self.facts_world();
        let wanted = if locks { self.facts_wanted() } else { Vec::new() };
        self.tasks.spawn(async move {
            let looks = facts::gather(wanted, &world).await;
            let others = match incident {
                Some(incident) => {
                    let read = spawn_blocking(move || claims(beside, &own, &incident)).await;
                    read.unwrap_or_else(|e| Err(e.to_string()))
                }
                None => Ok(Vec::new()),
            };
            let mut answers = Vec::new();
            for item in items {
                answers.push(answer(&item, &probing, &others).await);
            }
            Happened::Guarded { step, age, every, answers, looks }
        });
    }
}

type Claims = Vec<(RunId, Vec<Claimed>)>;

async fn answer(
    item: &GuardItem,
    probing: &Arc<dyn Probing>,
    others: &Result<Claims, String>,
) -> GuardAnswer {
    let told = |holds, detail: String| GuardAnswer { key: item.key.clone(), holds, detail, done_by: None };
    match (&item.key, &item.probe) {
        (GuardKey::Claim { asset, act }, _) => match others {
            Ok(others) => claim(asset, *act, others),
            Err(why) => told(None, why.clone()),
        },
        (_, Some(probe)) => {
            let timeout = probe.timeout.unwrap_or(Dur::secs(5));
            let late = timeout.to_std() + Duration::from_secs(1);
            match tokio::time::timeout(late, probing.ask(probe, timeout)).await {
                Ok(Ok(reading)) => told(Some(reading.holds), reading.detail),
                Ok(Err(problem)) => told(None, format!("{} ({})", problem.what, problem.why)),
                Err(_) => told(None, "it did not answer in time".to_owned()),
            }
        }
        (GuardKey::Fenced { .. }, None) => told(None, "nothing proves it".to_owned()),
        // Answered from the facts, where those have come in.
        (GuardKey::Interlock { .. }, None) => told(None, "nothing of it is known".to_owned()),
    }
}

/// What every other run of the incident did, or is at. A journal that cannot
/// be read may hold a claim: then nobody knows.
fn claims(dir: PathBuf, own: &RunId, incident: &IncidentId) -> Result<Claims, String> {
    let mut out = Vec::new();
    for listed in runs::list(&dir).into_iter().filter(|l| l.id != *own) {
        match runs::read(&dir, &listed.id) {
            Ok((machine, _)) if machine.run().incident.as_ref().is_some_and(|i| i.id == *incident) => {
                out.push((listed.id, machine.claimed()));
            }
            Ok(_) => {}
            Err(problem) => return Err(format!("{} cannot be read: {}", listed.id, problem.what)),
        }
    }
    Ok(out)
}
