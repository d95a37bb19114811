//! A runbook as judgement sees it: how long its steps take, one after the
//! other, and what must stand for them to work.

use std::sync::OnceLock;

use rustc_hash::FxHashMap as HashMap;

use crate::model::*;

pub(crate) struct Plan {
    /// The place of the runbook in the estate.
    pub place: usize,
    pub steps: Vec<PlanStep>,
    /// The longest way through the main steps by what they declare; `None`
    /// where one says nothing.
    pub path: Option<Dur>,
    /// What it relies on, with the step that does, by its place in the runbook.
    pub relies: Vec<(Option<usize>, Selector)>,
    pub waves: Option<u32>,
    version: OnceLock<String>,
}

/// A main step; they stand in an order in which each comes after its needs.
pub(crate) struct PlanStep {
    pub id: StepId,
    pub takes: Option<Dur>,
    /// Waiting for people, which a measured restore does not hold.
    pub waits: Option<Dur>,
    /// Places in the plan's steps.
    pub needs: Vec<usize>,
    /// `WORKLOAD/ASSET` that it restores.
    pub restores: Option<String>,
}

/// How deep runbooks may call each other; cycles are refused at loading.
pub(super) const DEPTH: usize = 8;

pub(crate) fn all(estate: &Estate) -> Vec<Plan> {
    (0..estate.runbooks.len()).map(|n| Plan::of(estate, n, DEPTH)).collect()
}

impl Plan {
    fn of(estate: &Estate, place: usize, depth: usize) -> Self {
        let runbook = &estate.runbooks[place];
        let steps = ordered(&runbook.steps, |step| {
            let waits = approvals(estate, step);
            (own_time(estate, step, depth), waits)
        });
        let of_step = |(n, step): (usize, &StepPlan)| -> Vec<_> {
            step.relies_on.iter().map(|on| (Some(n), on.clone())).collect()
        };
        let own = runbook.relies_on.iter().map(|on| (None, on.clone()));
        let main = runbook.steps.iter().enumerate().filter(|(_, s)| s.phase == Phase::Main);
        let mut relies: Vec<_> = own.chain(main.flat_map(of_step)).collect();
        relies.extend(called(estate, runbook, depth));
        let path =
            steps.as_deref().and_then(|s| path(s, |step| step.takes.zip(step.waits).map(|(a, b)| a + b)));
        Self {
            place,
            path,
            relies,
            waves: runbook.waves.as_ref().and_then(|w| w.max_parallel).filter(|n| *n > 0),
            steps: steps.unwrap_or_default(),
            version: OnceLock::new(),
        }
    }

    /// `Runbook::version`, worked out when a drill is first set against it.
    pub fn version(&self, runbook: &Runbook) -> &str {
        self.version.get_or_init(|| runbook.version())
    }
}

/// What the runbooks that its steps call rely on.
fn called(estate: &Estate, runbook: &Runbook, depth: usize) -> Vec<(Option<usize>, Selector)> {
    let mut all = Vec::new();
    for (n, step) in runbook.steps.iter().enumerate().filter(|(_, s)| s.phase == Phase::Main) {
        let Some(inner) = inner(estate, step).filter(|_| depth > 0) else { continue };
        all.extend(Plan::of(estate, inner, depth - 1).relies.into_iter().map(|(_, on)| (Some(n), on)));
    }
    all
}

fn inner(estate: &Estate, step: &StepPlan) -> Option<usize> {
    let id = step.options.get("runbook").filter(|_| step.kind == "runbook")?.as_str()?;
    estate.runbooks.iter().position(|r| r.id == *id)
}

fn duration(step: &StepPlan, key: &str) -> Option<Dur> {
    step.options.get(key).and_then(|value| serde_json::from_value(value.clone()).ok())
}

/// As declared, without waiting for approvals.
pub(super) fn own_time(estate: &Estate, step: &StepPlan, depth: usize) -> Option<Dur> {
    let once = match step.kind.as_str() {
        // How long an approval is waited for is the most that it takes.
        "approve" => step.takes.or(duration(step, "within")),
        // What must hold for so long takes no less.
        "wait" | "check" => step.takes.max(duration(step, "stable")),
        "runbook" if step.takes.is_none() => {
            inner(estate, step).filter(|_| depth > 0).and_then(|n| Plan::of(estate, n, depth - 1).path)
        }
        _ => step.takes,
    }?;
    let times = match &step.for_each {
        None => 1,
        Some(each) => {
            let parallel = step.max_parallel.unwrap_or(1).max(1);
            count(each)?.div_ceil(parallel)
        }
    };
    Some(once.times(i64::from(times)))
}

/// Of how many a `for_each` is: a list, or names each with a list or a range
/// such as `00..15`. What a step has yet to find is not known.
fn count(each: &Each) -> Option<u32> {
    let of = |values: &EachOf| match values {
        EachOf::Items(items) => u32::try_from(items.len()).ok(),
        EachOf::Text(text) => range(text).and_then(|all| u32::try_from(all.len()).ok()),
    };
    match each {
        Each::Items(items) => u32::try_from(items.len()).ok(),
        Each::Names(names) => names.values().map(of).try_fold(1u32, |all, n| all.checked_mul(n?)),
    }
}

/// How long a step waits for those who must agree: `within`, its own or that of
/// the estate's one `[[approval]]`; unknown where neither says.
fn approvals(estate: &Estate, step: &StepPlan) -> Option<Dur> {
    let Some(asked) = &step.approvals else { return Some(Dur::ZERO) };
    let within = |v: Option<&serde_json::Value>| v.and_then(|v| serde_json::from_value(v.clone()).ok());
    let common = || match &estate.approvals[..] {
        [only] => within(only.get("within")),
        _ => None,
    };
    asked.within.or_else(common)
}

/// The main steps, each after those it needs; `None` where they go in a circle.
fn ordered(
    steps: &[StepPlan],
    time: impl Fn(&StepPlan) -> (Option<Dur>, Option<Dur>),
) -> Option<Vec<PlanStep>> {
    let main: Vec<_> = steps.iter().filter(|s| s.phase == Phase::Main).collect();
    let by_id: HashMap<&str, usize> = main.iter().enumerate().map(|(n, s)| (s.id.as_str(), n)).collect();
    let needs: Vec<Vec<usize>> = main
        .iter()
        .enumerate()
        .map(|(n, step)| match &step.needs {
            Some(needs) => needs.iter().filter_map(|id| by_id.get(id.as_str()).copied()).collect(),
            None => n.checked_sub(1).into_iter().collect(),
        })
        .collect();
    let mut place: Vec<Option<usize>> = vec![None; main.len()];
    let mut out = Vec::with_capacity(main.len());
    while out.len() < main.len() {
        let ready = |n: &usize| place[*n].is_none() && needs[*n].iter().all(|need| place[*need].is_some());
        let next = (0..main.len()).find(ready)?;
        place[next] = Some(out.len());
        let (takes, waits) = time(main[next]);
        let restores = main[next].options.get("asset").filter(|_| main[next].kind == "restore");
        out.push(PlanStep {
            id: main[next].id.clone(),
            takes,
            waits,
            needs: needs[next].iter().filter_map(|need| place[*need]).collect(),
            restores: restores.and_then(|v| v.as_str()).map(str::to_owned),
        });
    }
    Some(out)
}

/// The longest way through `steps`, each taking what `takes` says.
pub(crate) fn path(steps: &[PlanStep], mut takes: impl FnMut(&PlanStep) -> Option<Dur>) -> Option<Dur> {
    let mut ends: Vec<Dur> = Vec::with_capacity(steps.len());
    for step in steps {
        let begins = step.needs.iter().map(|n| ends[*n]).max().unwrap_or(Dur::ZERO);
        ends.push(begins + takes(step)?);
    }
    Some(ends.into_iter().max().unwrap_or(Dur::ZERO))
}
