//! Small estates with what must be said of them: a row a sentence of
//! docs/judgement.md, and the lessons of outages that taught it.

mod candidates;
mod home;
mod lessons;
mod loss;
mod modes;
mod needs;
mod objectives;
mod points;
mod takeover;
mod time;

use super::super::*;
use super::small::*;

pub(super) struct Case {
    name: &'static str,
    small: Small,
    lost: &'static str,
    clean: Option<i64>,
    of: &'static str,
    verdict: Verdict,
    loses: Option<(i64, Option<i64>)>,
    takes: Option<Option<i64>>,
    into: Option<&'static str>,
    says: Vec<&'static str>,
    not: Vec<&'static str>,
}

pub(super) fn case(name: &'static str, small: Small, lost: &'static str, verdict: Verdict) -> Case {
    Case {
        name,
        small,
        lost,
        clean: None,
        of: "shop",
        verdict,
        loses: None,
        takes: None,
        into: None,
        says: vec![],
        not: vec![],
    }
}

impl Case {
    /// The data is bad since so many seconds.
    pub fn clean(mut self, ago: i64) -> Self {
        self.clean = Some(ago);
        self
    }
    pub fn of(mut self, workload: &'static str) -> Self {
        self.of = workload;
        self
    }
    pub fn loses(mut self, lower: i64, upper: i64) -> Self {
        self.loses = Some((lower, Some(upper)));
        self
    }
    pub fn loses_unknown(mut self) -> Self {
        self.loses = Some((0, None));
        self
    }
    pub fn takes(mut self, seconds: i64) -> Self {
        self.takes = Some(Some(seconds));
        self
    }
    pub fn takes_unknown(mut self) -> Self {
        self.takes = Some(None);
        self
    }
    pub fn into(mut self, region: &'static str) -> Self {
        self.into = Some(region);
        self
    }
    /// Somewhere among the reasons, rejected targets, assumptions and findings.
    pub fn says(mut self, words: &'static str) -> Self {
        self.says.push(words);
        self
    }
    pub fn not(mut self, words: &'static str) -> Self {
        self.not.push(words);
        self
    }

    fn check(&self) -> Result<(), String> {
        let scenario = scenario(self.lost, self.clean);
        let assessment = self.small.assess(&scenario);
        let view = assessment.workloads.iter().find(|w| w.id == *self.of).expect("the workload");
        let judged = view.verdict.as_ref().unwrap_or(&view.if_home_lost);
        let mut said: Vec<String> =
            judged.reasons.iter().chain(&judged.hidden).map(ToString::to_string).collect();
        said.extend(judged.rejected.iter().map(|(region, why)| format!("{region}: {why}")));
        said.extend(judged.assumptions.iter().map(ToString::to_string));
        said.extend(view.reasons.iter().map(ToString::to_string));
        said.extend(assessment.findings.iter().map(|f| format!("{}: {}", f.rule, f.message)));
        let mut wrong = Vec::new();
        if judged.verdict != self.verdict {
            wrong.push(format!("is {}, expected {}", judged.verdict, self.verdict));
        }
        let loss = (judged.loss.lower, judged.loss.upper);
        let expected = self.loses.map(|(lower, upper)| (Dur::secs(lower), upper.map(Dur::secs)));
        if expected.is_some_and(|expected| expected != loss) {
            wrong.push(format!("loses {loss:?}, expected {expected:?}"));
        }
        if self.takes.is_some_and(|takes| takes.map(Dur::secs) != judged.rto) {
            wrong.push(format!("takes {:?}, expected {:?}", judged.rto, self.takes));
        }
        if self.into.is_some_and(|into| judged.to.as_ref().is_none_or(|to| *to != *into)) {
            wrong.push(format!("goes to {:?}, expected {:?}", judged.to, self.into));
        }
        let missing = self.says.iter().filter(|words| !said.iter().any(|line| line.contains(**words)));
        wrong.extend(missing.map(|words| format!("does not say {words:?}")));
        let too_much = self.not.iter().filter(|words| said.iter().any(|line| line.contains(**words)));
        wrong.extend(too_much.map(|words| format!("says {words:?}")));
        match wrong.is_empty() {
            true => Ok(()),
            false => Err(format!("{}: {}\n  it says {said:#?}", self.name, wrong.join("; "))),
        }
    }
}

fn check(cases: Vec<Case>) {
    let wrong: Vec<_> = cases.iter().filter_map(|case| case.check().err()).collect();
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

fn backed_up() -> Small {
    shop().store("vault", "us", "backup").copy("vault", &[30, 100, 500, 4_000])
}

#[test]
fn there_are_enough_cases() {
    // Counted in the text, so that none is lost by accident.
    let text = [
        include_str!("candidates.rs"),
        include_str!("home.rs"),
        include_str!("lessons.rs"),
        include_str!("loss.rs"),
        include_str!("modes.rs"),
        include_str!("needs.rs"),
        include_str!("objectives.rs"),
        include_str!("points.rs"),
        include_str!("takeover.rs"),
        include_str!("time.rs"),
    ];
    let written: usize = text.iter().map(|t| t.matches("case(").count()).sum();
    assert!(written >= 120, "{written}");
}
