//! What a run rests on beside its steps: stores that are read or written with
//! the credentials of the estate, standbys, and what is lost.

use std::collections::BTreeMap;

use super::*;
use crate::act::restore;

impl Before {
    /// The stores that steps work on, each asked once with its credentials.
    pub(super) fn stores(&self) -> Vec<Check<'_>> {
        let around = |action: &Action| crate::act::Around::of(self.live.estate(), action).stores;
        let all = self.actions.iter().flat_map(|(_, action)| around(action));
        let all: BTreeMap<StoreId, Store> = all.map(|s| (s.id.clone(), s)).collect();
        let one = |store: Store| -> Check<'_> {
            Box::pin(async move {
                let region = store
                    .region
                    .as_ref()
                    .map_or("a region that nobody named".to_owned(), ToString::to_string);
                let what = format!("credentials of {} in {region}", store.id);
                let (state, detail) = match self.live.lists(&store.id).await {
                    Ok(()) => (CheckState::Ok, "it lists".to_owned()),
                    Err(problem) => (CheckState::Red, problem.to_string()),
                };
                vec![item(&format!("credentials:{}", store.id), &what, state, &detail)]
            })
        };
        all.into_values().map(one).collect()
    }

    /// Standbys of the workloads that are moved, where the run names where to.
    pub(super) fn standbys(&self) -> Vec<Check<'_>> {
        let estate = self.live.estate();
        let to = self.run.params.get("to").and_then(|v| v.as_str());
        let Some(to) = to else { return Vec::new() };
        let moved = self.run.runbook.workloads.iter().filter_map(|id| estate.workload(id.as_str()));
        let mut checks: Vec<Check<'_>> = Vec::new();
        for workload in moved {
            for standby in workload.standbys.iter().filter(|s| s.region == *to) {
                if let Some(capacity) = &standby.capacity {
                    checks.push(Box::pin(async move { vec![self.capacity(workload, to, capacity).await] }));
                }
            }
            for asset in &workload.assets {
                for replica in asset.replicas.iter().filter(|r| r.region == *to) {
                    if let Some(lag) = &replica.lag {
                        checks
                            .push(Box::pin(async move { vec![self.fresh(workload, asset, to, lag).await] }));
                    }
                }
            }
        }
        checks
    }

    async fn ask(&self, probe: &Probe) -> Result<ProbeReading, String> {
        let timeout = probe.timeout.unwrap_or(Dur::secs(5));
        let late = timeout.to_std() + Duration::from_secs(1);
        match tokio::time::timeout(late, self.probing.ask(probe, timeout)).await {
            Ok(answer) => answer.map_err(|p| p.to_string()),
            Err(_) => Err("it did not answer in time".to_owned()),
        }
    }

    /// What is not seen is a warning here: the promotion itself proves more,
    /// and the probe may have gone with what is lost.
    async fn capacity(&self, workload: &Workload, to: &str, capacity: &Capacity) -> PrecheckItem {
        let (id, what) =
            (format!("capacity:{}:{to}", workload.id), format!("capacity for {} in {to}", workload.id));
        match (self.ask(&capacity.probe).await, capacity.need) {
            (Err(why), _) => item(&id, &what, CheckState::Warning, &format!("not seen: {why}")),
            (Ok(reading), None) => {
                let state = if reading.holds { CheckState::Ok } else { CheckState::Red };
                item(&id, &what, state, &reading.detail)
            }
            (Ok(reading), Some(need)) => match reading.value {
                Some(there) if there >= need => {
                    item(&id, &what, CheckState::Ok, &format!("{there} of {need} needed"))
                }
                Some(there) => item(&id, &what, CheckState::Red, &format!("{there}, and {need} are needed")),
                None => item(&id, &what, CheckState::Warning, "its answer holds no figure"),
            },
        }
    }

    async fn fresh(&self, workload: &Workload, asset: &Asset, to: &str, lag: &Probe) -> PrecheckItem {
        let name = format!("{}/{}", workload.id, asset.id);
        let (id, what) = (format!("standby:{name}:{to}"), format!("standby of {name} in {to}"));
        let rpo = asset.rpo.or(workload.rpo);
        match self.ask(lag).await {
            Err(why) => {
                item(&id, &what, CheckState::Warning, &format!("how far it is behind is not seen: {why}"))
            }
            Ok(reading) => {
                let behind = reading.value.and_then(Dur::from_secs_f64);
                let late = behind.zip(rpo).is_some_and(|(behind, rpo)| behind > rpo);
                let detail = match (behind, rpo) {
                    (Some(behind), Some(rpo)) => format!("{behind} behind, of an RPO of {rpo}"),
                    (Some(behind), None) => format!("{behind} behind"),
                    (None, _) => reading.detail,
                };
                item(&id, &what, if late { CheckState::Warning } else { CheckState::Ok }, &detail)
            }
        }
    }

    /// Steps that rely on what is lost, and stores that lie in it.
    pub(super) fn hidden(&self) -> Vec<PrecheckItem> {
        let Some(incident) = &self.run.incident else { return Vec::new() };
        let lost = |selector: &Selector| incident.scenario.lost.contains_key(selector);
        let mut found = Vec::new();
        for step in &self.run.steps {
            for selector in step.plan.relies_on.iter().chain(&self.run.runbook.relies_on).filter(|s| lost(s))
            {
                let (id, what) = (
                    format!("relies:{}:{selector}", step.plan.id),
                    format!("what {} relies on", step.plan.id),
                );
                found.push(item(&id, &what, CheckState::Red, &format!("{selector} is lost")));
            }
        }
        for (step, action) in &self.actions {
            for store in crate::act::Around::of(self.live.estate(), action).stores {
                let place = store.region.as_ref().map(Selector::region).filter(|s| lost(s));
                // A restore chooses among its copies: one that is lost is not all.
                let only = !matches!(action, Action::Restore { .. });
                if let Some(place) = place {
                    let state = if only { CheckState::Red } else { CheckState::Warning };
                    let (id, what) = (format!("lost:{step}:{}", store.id), format!("{} of {step}", store.id));
                    found.push(item(&id, &what, state, &format!("it lies in {place}, which is lost")));
                }
            }
        }
        found
    }

    /// What a restore would restore, where to and with what.
    pub(super) async fn restore(&self, step: &StepId, action: &Action) -> Vec<PrecheckItem> {
        let around = crate::act::Around::of(self.live.estate(), action);
        let looked = restore::look(action, &around, self.live.secrets(), self.now).await;
        let one = |(n, (holds, what)): (usize, (bool, String))| {
            let state = if holds { CheckState::Ok } else { CheckState::Red };
            item(&format!("restore:{step}:{n}"), &format!("restore by {step}"), state, &what)
        };
        looked.into_iter().enumerate().map(one).collect()
    }
}
