//! Checks of a workload as a whole.

use super::{Look, OfWorkload, Rule, Wrong};
use crate::assess::plan::{DEPTH, own_time};
use crate::assess::{Reason, Verdict};
use crate::model::*;

pub fn objectives_declared(_: &Look, _: &Rule, w: OfWorkload) -> Option<Wrong> {
    let missing = match (w.view.rpo.target, w.view.rto.target) {
        (Some(_), Some(_)) => return None,
        (None, None) => "neither RPO nor RTO is declared",
        (None, _) => "no RPO is declared",
        (_, None) => "no RTO is declared",
    };
    Some(Wrong::new(w.def.id.as_str(), missing))
}

pub fn rpo_met(_: &Look, _: &Rule, w: OfWorkload) -> Option<Wrong> {
    let target = w.view.rpo.target?;
    match w.view.rpo.actual.upper {
        None => Some(Wrong::new(w.def.id.as_str(), unknown_loss(w)).unseen()),
        Some(actual) if actual > target => {
            let message = format!("up to {actual} of writes would be lost now");
            Some(Wrong::new(w.def.id.as_str(), message).but(actual, format!("at most {target}")))
        }
        Some(_) => None,
    }
}

pub fn design_rpo(_: &Look, _: &Rule, w: OfWorkload) -> Option<Wrong> {
    let (target, design) = w.view.rpo.target.zip(w.view.rpo.design)?;
    let message = format!("its schedules allow {design} of loss at best");
    (design > target).then(|| Wrong::new(w.def.id.as_str(), message).but(design, format!("at most {target}")))
}

/// Of which assets, and what speaks for it.
fn unknown_loss(w: OfWorkload) -> String {
    let assets = w.view.assets.iter().filter(|a| a.required && a.loss.upper.is_none());
    let names: Vec<_> = assets.map(|a| a.id.as_str()).collect();
    let of = if names.is_empty() { String::new() } else { format!(" of {}", names.join(" and ")) };
    let judged = &w.view.if_home_lost;
    let why = judged.reasons.iter().find(|r| matches!(r, Reason::NothingSurvives { .. }));
    let why = why.map(|reason| format!(": {reason} the loss of its home")).unwrap_or_default();
    format!("nobody can say what would be lost{of} now{why}")
}

pub fn rto_met(look: &Look, _: &Rule, w: OfWorkload) -> Option<Wrong> {
    let target = w.view.rto.target?;
    match w.view.rto.estimate {
        None => {
            let message = format!("how long its recovery takes is not known: {}", no_estimate(look, w));
            Some(Wrong::new(w.def.id.as_str(), message).unseen())
        }
        Some(estimate) if estimate > target => {
            let message = format!("its recovery takes about {estimate}");
            Some(Wrong::new(w.def.id.as_str(), message).but(estimate, format!("at most {target}")))
        }
        Some(_) => None,
    }
}

/// What is missing for an estimate.
fn no_estimate(look: &Look, w: OfWorkload) -> String {
    let named = w.def.runbooks.get(&RunbookKind::Failover).or(w.def.runbooks.get(&RunbookKind::Restore));
    let book = w.view.if_home_lost.runbook.as_ref().or(named);
    let Some(book) = book.and_then(|id| look.estate.runbook(id.as_str())) else {
        return "no runbook says how it is brought back".to_owned();
    };
    if look.estate.defaults.decide.is_none() {
        return "nobody declared how long deciding takes (`decide`)".to_owned();
    }
    let silent = |s: &&StepPlan| s.phase == Phase::Main && own_time(look.estate, s, DEPTH).is_none();
    match book.steps.iter().find(silent) {
        Some(step) => format!("the step {} of {} does not say how long it takes", step.id, book.id),
        None => "how long something takes that it waits for is not known".to_owned(),
    }
}

pub fn home_loss_survived(_: &Look, _: &Rule, w: OfWorkload) -> Option<Wrong> {
    let judged = &w.view.if_home_lost;
    let why = judged.decided().map(|reason| format!(": {reason}")).unwrap_or_default();
    let message = match judged.verdict {
        Verdict::Lost => format!("it would be lost with its home{why}"),
        Verdict::Unknown => format!("nobody can say whether it comes back from the loss of its home{why}"),
        _ => format!("after the loss of its home it comes back only in breach of what was asked{why}"),
    };
    let wrong = || Wrong::new(w.def.id.as_str(), message.clone()).but(judged.verdict, Verdict::Recoverable);
    match judged.verdict {
        Verdict::Unknown => Some(wrong().unseen()),
        worse if worse > Verdict::Recoverable => Some(wrong()),
        _ => None,
    }
}

pub fn owned(_: &Look, _: &Rule, w: OfWorkload) -> Option<Wrong> {
    let missing = match (&w.def.owner, w.def.contacts.is_empty()) {
        (Some(_), false) => return None,
        (None, _) => "nobody is named as its owner",
        (_, true) => "nobody is named who can be reached",
    };
    Some(Wrong::new(w.def.id.as_str(), missing))
}

pub fn reviewed(look: &Look, rule: &Rule, w: OfWorkload) -> Option<Wrong> {
    let within = rule.within.unwrap_or(Dur::secs(365 * 86_400));
    let Some(at) = w.def.reviewed else {
        let wrong = Wrong::new(w.def.id.as_str(), "its plan was never reviewed");
        return Some(wrong.but("never", format!("within {within}")));
    };
    let age = Dur::between(at.and_time(chrono::NaiveTime::MIN).and_utc(), look.now);
    let message = format!("its plan was last reviewed on {at}");
    (age > within).then(|| Wrong::new(w.def.id.as_str(), message).but(age, format!("within {within}")))
}

/// What nobody declared is assumed to survive.
pub fn dependencies_declared(_: &Look, _: &Rule, w: OfWorkload) -> Option<Wrong> {
    let assumed = &w.view.if_home_lost.assumptions;
    let first = assumed.first()?;
    let more = match assumed.len() - 1 {
        0 => String::new(),
        1 => "; one more assumption stands on its own page".to_owned(),
        more => format!("; {more} more assumptions stand on its own page"),
    };
    Some(Wrong::new(w.def.id.as_str(), format!("it is assumed that {first}{more}")))
}

pub fn failover_runbook(look: &Look, _: &Rule, w: OfWorkload) -> Option<Wrong> {
    let named = w.def.runbooks.contains_key(&RunbookKind::Failover);
    let there = named || look.failed_over.contains(w.def.id.as_str());
    (!there).then(|| Wrong::new(w.def.id.as_str(), "no runbook says how it is failed over"))
}

pub fn drilled(look: &Look, rule: &Rule, w: OfWorkload) -> Option<Wrong> {
    let tier = look.estate.tiers.iter().find(|t| Some(t.level) == w.def.tier);
    let within = tier.and_then(|t| t.drill_every).or(rule.within).unwrap_or(Dur::secs(365 * 86_400));
    let Some(at) = look.seen.learned.drilled.get(&w.def.id) else {
        let wrong = Wrong::new(w.def.id.as_str(), "no drill of it is on record");
        return Some(wrong.but("never", format!("every {within}")));
    };
    let age = Dur::between(*at, look.now);
    let message = format!("it was last drilled {age} ago");
    (age > within).then(|| Wrong::new(w.def.id.as_str(), message).but(age, format!("every {within}")))
}

/// Every region that holds a copy or replica, or would be recovered into.
pub fn residency<'a>(look: &Look<'a>, w: OfWorkload<'a>) -> Vec<Wrong> {
    let allowed = &w.def.residency;
    if allowed.is_empty() {
        return Vec::new();
    }
    let mut places: Vec<(String, String, Option<&RegionId>)> = Vec::new();
    for asset in &w.def.assets {
        let subject = format!("{}/{}", w.def.id, asset.id);
        for copy in &asset.copies {
            let region = look.store(&copy.store).and_then(|s| s.region.as_ref());
            places.push((format!("{subject}@{}", copy.store), format!("its copy in {}", copy.store), region));
        }
        let replicas = asset.replicas.iter();
        places.extend(
            replicas.map(|r| (subject.clone(), format!("its replica in {}", r.region), Some(&r.region))),
        );
    }
    let id = w.def.id.to_string();
    let targets = w.def.standbys.iter().map(|s| &s.region).chain(w.def.active.iter().map(|a| &a.region));
    places.extend(targets.map(|r| (id.clone(), format!("its target {r}"), Some(r))));
    places
        .into_iter()
        .filter_map(|(subject, what, region)| outside(look, subject, &what, region, allowed))
        .collect()
}

fn outside(
    look: &Look,
    subject: String,
    what: &str,
    region: Option<&RegionId>,
    allowed: &[String],
) -> Option<Wrong> {
    let expected = allowed.join(", ");
    let Some(region) = region else {
        let wrong = Wrong::new(subject, format!("nobody declared in which region {what} lies"));
        return Some(wrong.but("not declared", expected).unseen());
    };
    let of = &look.estate.region(region.as_str())?.jurisdiction;
    if of.iter().any(|j| allowed.contains(j)) {
        return None;
    }
    let observed = if of.is_empty() { "not declared".to_owned() } else { of.join(", ") };
    let wrong = Wrong::new(subject, format!("{what} lies outside its residency"));
    let wrong = wrong.but(observed, expected);
    Some(if of.is_empty() { wrong.unseen() } else { wrong })
}
