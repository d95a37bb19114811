//! What is checked at the very moment a dangerous step is to act: interlocks,
//! the proof that the old primary is fenced, and that no other run of the
//! incident did the same already. The rim looks; what follows is decided here.

use serde::{Deserialize, Serialize};

use super::{inner::Stage, *};
use crate::model::*;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "guard")]
pub enum GuardKey {
    Interlock {
        id: String,
    },
    /// The old primary of an asset is proven unable to write.
    Fenced {
        asset: String,
    },
    /// An incident fences and promotes a shared asset once.
    Claim {
        asset: String,
        act: Act,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    Fence,
    Promote,
}

/// One thing for the rim to look at.
#[derive(Debug, Clone, PartialEq)]
pub struct GuardItem {
    pub key: GuardKey,
    /// For a person: `interlock one-region`, `checkout/orders-db is fenced`.
    pub what: String,
    /// What proves it: the fencing step's own `verify`.
    pub probe: Option<Probe>,
}

/// What the rim found. `holds: None`: it cannot tell, which is never a yes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuardAnswer {
    pub key: GuardKey,
    pub holds: Option<bool>,
    pub detail: String,
    /// For a claim: another run of the incident has done it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done_by: Option<DoneBy>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoneBy {
    pub run: RunId,
    pub step: StepId,
    pub at: Time,
    /// Whether something positive proved it there.
    #[serde(default)]
    pub proven: bool,
}

/// Answers, and when they were given: what was so a minute ago may not be.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Guarded {
    pub at: Time,
    pub answers: Vec<GuardAnswer>,
}

/// How long an answer may be acted on.
pub(super) const GUARD_FRESH: Dur = Dur::secs(30);

impl Machine {
    /// What must be asked before the step acts.
    pub(super) fn guards(&self, i: usize) -> Vec<GuardItem> {
        let plan = self.plan(i);
        if self.run.mode == Mode::DryRun || self.inner[i].undoing {
            return Vec::new();
        }
        let mut items = Vec::new();
        if plan.destructive || plan.point_of_no_return || plan.promotes.is_some() {
            items.extend(self.interlocks.iter().map(|interlock| GuardItem {
                key: GuardKey::Interlock { id: interlock.id.clone() },
                what: format!("interlock {}", interlock.id),
                probe: None,
            }));
        }
        if let Some(asset) = self.asset(i, plan.promotes.as_deref())
            && !self.fence_needs_no_look(&asset)
        {
            items.push(GuardItem {
                what: format!("{asset} is fenced"),
                probe: self.fence_probe(&asset),
                key: GuardKey::Fenced { asset },
            });
        }
        items.extend(self.claims(i));
        items
    }

    fn claims(&self, i: usize) -> Vec<GuardItem> {
        let plan = self.plan(i);
        if self.run.incident.is_none() {
            return Vec::new();
        }
        let acts = [(&plan.fences, Act::Fence), (&plan.promotes, Act::Promote)];
        let one = |(asset, act): (&Option<String>, Act)| {
            let asset = self.asset(i, asset.as_deref())?;
            let done = if act == Act::Fence { "fenced" } else { "promoted" };
            let what = format!("no other run of the incident has {done} {asset}");
            Some(GuardItem { key: GuardKey::Claim { asset, act }, what, probe: None })
        };
        acts.into_iter().filter_map(one).collect()
    }

    /// The asset's name with everything filled in.
    fn asset(&self, i: usize, template: Option<&str>) -> Option<String> {
        let template = template?;
        Some(self.scope_of(i).text(template).unwrap_or_else(|_| template.to_owned()))
    }

    fn fences(&self, asset: &str) -> impl Iterator<Item = usize> {
        (0..self.inner.len())
            .filter(move |i| self.asset(*i, self.plan(*i).fences.as_deref()).as_deref() == Some(asset))
    }

    /// The `verify` of the step that fences it: asked again at that moment. Of
    /// several, one that has proven it: a power controller that never answers
    /// takes nothing from the word of the switch.
    fn fence_probe(&self, asset: &str) -> Option<Probe> {
        let asked = |i: &usize| self.plan(*i).verify.is_some();
        let best = self.fences(asset).filter(asked).min_by_key(|i| !self.inner[*i].proven)?;
        self.scope_of(best).probe(self.plan(best).verify.as_ref()?).ok()
    }

    /// A fence without a `verify` that can be asked again: its own success
    /// stands, where it was the step's and not a person's word.
    fn fence_needs_no_look(&self, asset: &str) -> bool {
        self.fence_probe(asset).is_none() && self.fences(asset).any(|i| self.inner[i].proven)
    }

    /// Guards that stand against acting now, with why. Nothing asked yet is
    /// not in it.
    pub(super) fn barred(&self, i: usize) -> Vec<(GuardKey, String)> {
        let answers = self.inner[i].guard.as_ref().map(|g| g.answers.as_slice()).unwrap_or_default();
        let open = |item: &GuardItem| !self.inner[i].waived.contains(&item.key);
        let mut out = Vec::new();
        for item in self.guards(i).into_iter().filter(open) {
            match answers.iter().find(|a| a.key == item.key) {
                Some(answer) if answer.holds == Some(true) => {}
                Some(answer) => out.push((item.key, format!("{}: {}", item.what, answer.detail))),
                None => out.push((item.key, format!("{}: nobody has answered", item.what))),
            }
        }
        out
    }

    /// Whether the guards have to be asked (again) before the step may act.
    pub(super) fn guard_is_due(&self, i: usize, now: Time) -> bool {
        let all_waived = self.guards(i).iter().all(|item| self.inner[i].waived.contains(&item.key));
        !all_waived
            && self.inner[i]
                .guard
                .as_ref()
                .is_none_or(|g| Dur::between(g.at, now) > GUARD_FRESH || g.at > now)
    }

    /// The event of the rim's answers; `None`: nothing that was not known, or
    /// the step no longer waits for them.
    pub fn guarded(&self, step: &StepId, answers: &[GuardAnswer], now: Time) -> Option<crate::record::Event> {
        let i = self.place(step).ok()?;
        let waits = matches!(self.inner[i].stage, Stage::Reached | Stage::Backoff { .. });
        let held = |all: &[GuardAnswer]| all.iter().map(|a| (a.key.clone(), a.holds)).collect::<Vec<_>>();
        let known = self.inner[i].guard.as_ref().is_some_and(|g| {
            held(&g.answers) == held(answers) && (!self.barred(i).is_empty() || !self.guard_is_due(i, now))
        });
        let event = crate::record::Event::Guarded { step: step.clone(), answers: answers.to_vec() };
        (waits && !known).then_some(event)
    }

    pub(super) fn was_guarded(&mut self, i: usize, answers: &[GuardAnswer], at: Time) -> Result<(), String> {
        if !matches!(self.inner[i].stage, Stage::Reached | Stage::Backoff { .. }) {
            return Err("it was not to act".to_owned());
        }
        self.inner[i].guard = Some(Guarded { at, answers: answers.to_vec() });
        if let Some(done) = answers.iter().find_map(|a| a.done_by.as_ref()) {
            let told = format!("done once already in this incident, by {} of {}", done.step, done.run);
            self.inner[i].proven = done.proven;
            self.end(i, StepStatus::Succeeded, at, &told);
        }
        Ok(())
    }

    /// What the run did to assets, for other runs of its incident: finished,
    /// and what is under way (`at` absent).
    pub fn claimed(&self) -> Vec<Claimed> {
        let acts = |i: usize| {
            let plan = self.plan(i);
            [(plan.fences.clone(), Act::Fence), (plan.promotes.clone(), Act::Promote)]
        };
        let mut out = Vec::new();
        for i in 0..self.inner.len() {
            let step = &self.run.steps[i];
            let under_way = matches!(
                self.inner[i].stage,
                Stage::Acting { .. } | Stage::Asking { .. } | Stage::Child { .. } | Stage::Backoff { .. }
            ) || step.status == StepStatus::Indeterminate;
            let done = step.status == StepStatus::Succeeded && self.inner[i].acted;
            if !under_way && !done {
                continue;
            }
            for (asset, act) in acts(i) {
                let Some(asset) = self.asset(i, asset.as_deref()) else { continue };
                let at = step.ended_at.filter(|_| done);
                out.push(Claimed {
                    asset,
                    act,
                    step: step.plan.id.clone(),
                    at,
                    proven: self.inner[i].proven,
                });
            }
        }
        out
    }
}

/// One act of a run on a shared asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    pub asset: String,
    pub act: Act,
    pub step: StepId,
    /// When it was done; absent: it is under way, or nobody knows.
    pub at: Option<Time>,
    pub proven: bool,
}

/// The answer to a claim, from what every other run of the incident claims.
pub fn claim(asset: &str, act: Act, others: &[(RunId, Vec<Claimed>)]) -> GuardAnswer {
    let key = GuardKey::Claim { asset: asset.to_owned(), act };
    let all = || {
        let of = |(run, claims): &'_ (RunId, Vec<Claimed>)| {
            claims.iter().map(|c| (run.clone(), c.clone())).collect::<Vec<_>>()
        };
        others.iter().flat_map(of).filter(|(_, c)| c.asset == asset && c.act == act)
    };
    if let Some((run, c)) = all().find(|(_, c)| c.at.is_some()) {
        let at = c.at.unwrap_or_default();
        let detail = format!("{} of {run} did it", c.step);
        let done_by = Some(DoneBy { run, step: c.step, at, proven: c.proven });
        return GuardAnswer { key, holds: Some(false), detail, done_by };
    }
    match all().next() {
        Some((run, c)) => {
            let detail = format!("{} of {run} is at it", c.step);
            GuardAnswer { key, holds: Some(false), detail, done_by: None }
        }
        None => GuardAnswer { key, holds: Some(true), detail: "no other run".to_owned(), done_by: None },
    }
}
