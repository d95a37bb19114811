//! `for_each` and waves: one step that is done once for each of several
//! things, how many at once, and when no further one begins.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    inner::{Inner, Stage, blank},
    render::Scope,
    *,
};
use crate::{model::*, record::Instance};

/// More instances than anybody can watch is a mistake of the plan.
const MOST: usize = 10_000;

impl Machine {
    /// What `for_each` of the step comes to now, in the order of the plan.
    pub(super) fn instances(&self, i: usize) -> Result<Vec<Instance>, String> {
        let plan = self.plan(i);
        let each = plan.for_each.as_ref().ok_or("it has no `for_each`")?;
        let mut rows: Vec<BTreeMap<String, Value>> = vec![BTreeMap::new()];
        for (name, values) in self.values_of(i, each)? {
            let one = |value: &String, row: &BTreeMap<String, Value>| {
                let mut row = row.clone();
                row.insert(name.clone(), Value::String(value.clone()));
                row
            };
            if rows.len().saturating_mul(values.len()) > MOST {
                return Err(format!("`for_each` comes to more than {MOST}"));
            }
            rows =
                rows.iter().flat_map(|row| values.iter().map(|v| one(v, row)).collect::<Vec<_>>()).collect();
        }
        let named = |row: &BTreeMap<String, Value>| {
            let words: Vec<&str> = row.values().filter_map(Value::as_str).collect();
            format!("{}.{}", plan.id, words.join("."))
        };
        let names: BTreeSet<String> = rows.iter().map(named).collect();
        let free = |id: &String| crate::model::is_id(id) && self.run.step(id).is_none();
        let speaking = names.len() == rows.len() && names.iter().all(free);
        let id = |n: usize, row| if speaking { named(row) } else { format!("{}.{}", plan.id, n + 1) };
        let all: Vec<Instance> = rows
            .iter()
            .enumerate()
            .map(|(n, row)| Instance { id: StepId::new(id(n, row)), each: row.clone() })
            .collect();
        match all.iter().find(|x| !free(&x.id.to_string())) {
            Some(taken) => Err(format!("the name {} of one of its instances cannot be used", taken.id)),
            None => Ok(all),
        }
    }

    fn values_of(&self, i: usize, each: &Each) -> Result<Vec<(String, Vec<String>)>, String> {
        let scope = self.scope_of(i);
        let texts = |all: &[String]| all.iter().map(|t| scope.text(t)).collect::<Result<Vec<_>, _>>();
        match each {
            Each::Items(items) => Ok(vec![(ITEM.to_owned(), texts(items)?)]),
            Each::Names(names) => names
                .iter()
                .map(|(name, of)| {
                    let values = match of {
                        EachOf::Items(items) => texts(items)?,
                        EachOf::Text(text) => match range(text) {
                            Some(all) => all,
                            None => scope.list(text)?,
                        },
                    };
                    Ok((name.clone(), values))
                })
                .collect(),
        }
    }

    pub(super) fn expanded(&mut self, i: usize, instances: &[Instance], at: Time) -> Result<(), String> {
        if self.inner[i].stage != Stage::Waiting || self.plan(i).for_each.is_none() {
            return Err("it is not done for each of anything".to_owned());
        }
        let parent = self.plan(i).clone();
        let mut made = Vec::new();
        for instance in instances {
            if self.run.step(instance.id.as_str()).is_some() {
                return Err(format!("there is a step {} already", instance.id));
            }
            let plan = StepPlan {
                id: instance.id.clone(),
                for_each: None,
                needs: None,
                when: parent.when.clone().filter(|_| each_decides(&parent)),
                ..parent.clone()
            };
            let (mut step, mut inner) = (blank(&plan), Inner::new(&plan, at));
            inner.each.clone_from(&instance.each);
            step.of = Some(parent.id.clone());
            made.push((step, inner));
        }
        self.inner[i].stage = Stage::Group;
        self.inner[i].reached = at;
        self.run.steps[i].started_at = Some(at);
        for (n, (step, inner)) in made.into_iter().enumerate() {
            self.run.steps.insert(i + 1 + n, step);
            self.inner.insert(i + 1 + n, inner);
        }
        for (n, instance) in instances.iter().enumerate() {
            let plan =
                plan::shown(self.plan(i + 1 + n), &Scope { lenient: true, ..self.scope_of(i + 1 + n) });
            let labels: Vec<&str> = instance.each.values().filter_map(Value::as_str).collect();
            let label = format!("{} ({})", plan.label(), labels.join(", "));
            let same = plan.title == self.run.steps[i].plan.title;
            self.run.steps[i + 1 + n].plan =
                StepPlan { title: if same { Some(label) } else { plan.title.clone() }, ..plan };
        }
        Ok(())
    }

    pub(super) fn instances_of(&self, id: &StepId) -> impl Iterator<Item = usize> {
        let id = id.clone();
        (0..self.inner.len()).filter(move |n| self.run.steps[*n].of.as_ref() == Some(&id))
    }

    /// Whether one more instance may begin beside those that are under way.
    pub(super) fn has_room(&self, i: usize) -> bool {
        let Some(parent) = self.run.steps[i].of.as_ref().and_then(|id| self.place(id).ok()) else {
            return false;
        };
        if self.inner[parent].stage != Stage::Group {
            return false;
        }
        let most = self.plan(parent).max_parallel.unwrap_or(1).max(1) as usize;
        let siblings: Vec<usize> = self.instances_of(&self.plan(parent).id).collect();
        let open = siblings.iter().filter(|n| self.is_open(**n)).count();
        // Without waves the first failure that nobody has looked at stops the rest.
        let stopped = self.run.runbook.waves.is_none() && siblings.iter().any(|n| self.has_failed(*n));
        open < most && !stopped && self.wave_has_room(i)
    }

    fn is_open(&self, i: usize) -> bool {
        !matches!(self.inner[i].stage, Stage::Waiting | Stage::Over | Stage::Group)
    }

    fn has_failed(&self, i: usize) -> bool {
        use StepStatus::*;
        matches!(self.run.steps[i].status, Failed | TimedOut | Indeterminate)
    }

    /// Whether the step counts in waves: instances, and runbooks in a runbook.
    fn in_waves(&self, i: usize) -> bool {
        let group = self.plan(i).for_each.is_some();
        !group && (self.run.steps[i].of.is_some() || plan::moves(&self.plan(i).kind) == plan::Moves::Child)
    }

    /// Whether the waves of the runbook let one more begin.
    pub(super) fn wave_has_room(&self, i: usize) -> bool {
        let Some(waves) = self.run.runbook.waves.as_ref().filter(|_| self.in_waves(i)) else { return true };
        let open = (0..self.inner.len()).filter(|n| self.in_waves(*n) && self.is_open(*n)).count();
        waves.max_parallel.is_none_or(|most| open < most as usize)
            && !(self.stops_with_waves(i) && self.wave_is_over(waves))
    }

    /// Cleanup is done whatever failed before it.
    fn stops_with_waves(&self, i: usize) -> bool {
        self.in_waves(i) && self.plan(i).phase != Phase::Cleanup
    }

    fn wave_failures(&self) -> u32 {
        let ignored = |n: usize| self.run.steps[n].status == StepStatus::FailedIgnored;
        let failed = |n: &usize| self.in_waves(*n) && (self.has_failed(*n) || ignored(*n));
        (0..self.inner.len()).filter(failed).count() as u32
    }

    fn wave_is_over(&self, waves: &Waves) -> bool {
        let most = waves.stop_after_failures.map_or(u32::MAX, |most| most.saturating_add(self.forgiven));
        self.wave_failures() >= most
    }

    /// How many failed, and the first step that does not begin for it.
    pub(super) fn waves_stopped(&self) -> Option<(u32, StepId)> {
        self.run.runbook.waves.as_ref().filter(|w| self.wave_is_over(w) && !self.closing())?;
        let waits = |n: &usize| {
            let parent = self.run.steps[*n].of.as_ref().map(|id| self.place(id));
            let begun = match parent {
                Some(parent) => parent.is_ok_and(|p| self.inner[p].stage == Stage::Group),
                None => self.inner[*n]
                    .needs
                    .iter()
                    .all(|id| self.run.step(id.as_str()).is_some_and(|s| s.status.lets_pass())),
            };
            self.stops_with_waves(*n) && self.inner[*n].stage == Stage::Waiting && begun
        };
        let first = (0..self.inner.len()).find(waits)?;
        Some((self.wave_failures(), self.plan(first).id.clone()))
    }

    /// The person's override counts for the failures that there are.
    pub(super) fn forgive(&mut self) {
        self.forgiven = self.wave_failures();
    }

    /// A step ends when its last instance has.
    pub(super) fn settle_groups(&mut self, at: Time) {
        use StepStatus::*;
        for i in 0..self.inner.len() {
            if self.inner[i].stage != Stage::Group {
                continue;
            }
            let all: Vec<usize> = self.instances_of(&self.plan(i).id.clone()).collect();
            let over = |n: &usize| self.inner[*n].stage == Stage::Over && !self.has_failed(*n);
            let given_up = self.closing() && all.iter().all(|n| self.is_at_rest(*n));
            if !all.iter().all(over) && !given_up {
                continue;
            }
            let count = |these: &[StepStatus]| {
                all.iter().filter(|n| these.contains(&self.run.steps[**n].status)).count()
            };
            let (status, reason) = match all.len() {
                0 => (Succeeded, "there is nothing to do it for".to_owned()),
                n if count(&[Skipped]) == n => (Skipped, "none of them was done".to_owned()),
                _ if count(&[Failed, TimedOut, Indeterminate]) > 0 => {
                    (Failed, "not all of them succeeded".to_owned())
                }
                _ if count(&[Cancelled]) > 0 => (Cancelled, "not all of them were done".to_owned()),
                n if count(&[FailedIgnored]) > 0 => {
                    (FailedIgnored, format!("{} of {n} succeeded", count(&[Succeeded])))
                }
                n if count(&[Undone]) == n => (Undone, "all of them were undone".to_owned()),
                n => (Succeeded, format!("{} of {n} were done", count(&[Succeeded]))),
            };
            let outputs = self.gathered(&all);
            self.run.steps[i].outputs.extend(outputs);
            self.inner[i].left =
                status == Skipped && !all.is_empty() && all.iter().all(|n| self.inner[*n].left);
            self.end(i, status, at, &reason);
        }
    }

    /// Each output as the list of what the instances found, in their order.
    fn gathered(&self, all: &[usize]) -> BTreeMap<String, Value> {
        let mut out: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for n in all {
            for (name, value) in &self.run.steps[*n].outputs {
                out.entry(name.clone()).or_default().push(value.clone());
            }
        }
        out.into_iter().map(|(name, values)| (name, Value::Array(values))).collect()
    }
}

/// Whether `when` asks about each instance, not about the step as a whole.
pub(super) fn each_decides(plan: &StepPlan) -> bool {
    let (Some(each), Some(when)) = (&plan.for_each, &plan.when) else { return false };
    let names = each.names();
    super::expr::parse(when).is_ok_and(|e| e.names().iter().any(|n| names.contains(n)))
}
