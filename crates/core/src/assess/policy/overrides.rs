//! Findings that somebody accepted, with a reason and an end; an end that has
//! passed is a finding itself.

use serde::{Deserialize, Serialize};

use crate::assess::{Finding, State};
use crate::model::*;

/// A finding with what was said about it: by an override of the estate, or by
/// a person who acknowledged an anomaly.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Accepted {
    pub finding: Finding,
    pub reason: String,
    pub until: Option<Time>,
    /// Who acknowledged it, and when; the estate's file does not tell who.
    #[serde(default)]
    pub by: Option<String>,
    #[serde(default)]
    pub at: Option<Time>,
}

impl Accepted {
    pub fn acknowledged(quiet: &Quiet) -> Self {
        let said = &quiet.said;
        Self {
            finding: crate::assess::past::finding(&quiet.anomaly),
            reason: said.why.clone(),
            until: said.until(),
            by: Some(said.by.clone()),
            at: Some(said.at),
        }
    }
}

/// `baseline/second-region`, or `second-region` in any pack.
fn is_about(o: &PolicyOverride, finding: &Finding) -> bool {
    let rule = finding.rule == o.rule || finding.rule.split_once('/').is_some_and(|(_, rule)| rule == o.rule);
    rule && (o.subject == "*" || o.subject == finding.subject)
}

/// Parts findings into those that stand and those that are accepted, and adds
/// what is wrong with the overrides themselves.
pub fn settle(
    overrides: &[PolicyOverride],
    findings: Vec<Finding>,
    now: Time,
) -> (Vec<Finding>, Vec<Accepted>) {
    let holds = |o: &&PolicyOverride| o.until.is_none_or(|until| now < until);
    let mut used = vec![false; overrides.len()];
    let (mut open, mut accepted) = (Vec::with_capacity(findings.len()), Vec::new());
    for finding in findings {
        let about = overrides.iter().position(|o| is_about(o, &finding));
        about.into_iter().for_each(|n| used[n] = true);
        match about.map(|n| &overrides[n]).filter(holds) {
            Some(o) => {
                let (reason, until) = (o.reason.clone(), o.until);
                accepted.push(Accepted { finding, reason, until, by: None, at: None });
            }
            None => open.push(finding),
        }
    }
    for (o, used) in overrides.iter().zip(used) {
        if let Some(wrong) = wrong_with(o, used, now) {
            open.push(wrong);
        }
    }
    (open, accepted)
}

fn wrong_with(o: &PolicyOverride, used: bool, now: Time) -> Option<Finding> {
    let (rule, message, observed) = match o.until {
        Some(until) if until <= now && used => (
            "override-expired",
            format!("what was accepted for {} ({}) counts again", o.rule, o.reason),
            Some(format!("until {}", until.format("%F"))),
        ),
        _ if !used => ("override-unused", format!("it accepts {}, which is not found", o.rule), None),
        _ => return None,
    };
    Some(Finding {
        rule: rule.to_owned(),
        severity: State::Warning,
        subject: o.subject.clone(),
        message,
        observed,
        expected: None,
        clause: None,
    })
}
