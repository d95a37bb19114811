//! A person's word that what the history finds odd is as it should be.

use lifeboat_core::model::*;
use lifeboat_core::run::may_act;

use super::Setting;

/// Which anomaly is meant, and why it is as it should be.
#[derive(Debug, Clone, PartialEq)]
pub struct Acknowledging {
    pub rule: String,
    pub subject: String,
    /// One point or object; all that stand out where it is not told.
    pub object: Option<String>,
    pub why: String,
}

impl Setting {
    /// What is to be kept of it: each that is meant stands out now, and whoever
    /// says it may act.
    pub fn acknowledged(
        &self,
        learned: &Learned,
        wanted: &Acknowledging,
    ) -> Result<Vec<(Acknowledged, String)>, Problem> {
        let name = format!("{} {}", wanted.rule, wanted.subject);
        if !may_act(&self.estate().operators, &self.operator) {
            let why = format!("{} has no role that may acknowledge", self.operator);
            return Err(Problem::new(Code::RUN_ROLE, name)
                .because(why)
                .next("ask who may act in this estate"));
        }
        let is = |a: &&Anomaly| {
            let object = wanted.object.as_deref().is_none_or(|o| a.object.as_deref() == Some(o));
            a.rule == wanted.rule && a.subject == wanted.subject && object
        };
        let found: Vec<_> = learned.anomalies.iter().filter(is).collect();
        if found.is_empty() {
            return Err(no_such(learned, &name));
        }
        let said = |one: &Anomaly| Acknowledged {
            rule: one.rule.clone(),
            subject: one.subject.clone(),
            object: one.object.clone(),
            value: one.value,
            by: self.operator.to_string(),
            why: clean_line(&wanted.why),
            at: self.clock.now(),
        };
        let told = |one: &Anomaly| clean_line(&format!("{}: {}, acknowledged.", one.subject, one.message));
        Ok(found.into_iter().map(|one| (said(one), told(one))).collect())
    }
}

fn no_such(learned: &Learned, name: &str) -> Problem {
    let there: Vec<_> = learned.anomalies.iter().map(|a| format!("{} {}", a.rule, a.subject)).collect();
    let problem = Problem::new(Code::HISTORY_NO_ANOMALY, name);
    match there.is_empty() {
        true => problem.because("nothing stands out"),
        false => problem.next(clean_line(&format!("name one of: {}", there.join(", ")))),
    }
}
