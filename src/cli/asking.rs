//! Questions: `status`, `check`, `points`, `what-if`. Each polls once.

use std::sync::Arc;
use std::time::Duration;

use lifeboat_core::assess::{Assessment, Assessor, DependsOn, State, Verdict, assess, compare};
use lifeboat_core::model::*;
use tokio_util::sync::CancellationToken;

use super::opened::setting;
use super::{Asked, CheckFormat, block_on, exit, named, print, print_json};
use crate::engine::{Live, Looking, Setting, has_posture, once};
use crate::keep::history::{Recorder, Told};
use crate::report;

/// How long after a failure a probe is asked once more.
const AGAIN: Duration = Duration::from_millis(300);

/// How long an answer waits for what the history has to say.
pub const RECALL_WITHIN: Duration = Duration::from_secs(20);

/// How long an answer waits until it is kept since when its findings stand.
const FOUND_WITHIN: Duration = Duration::from_secs(1);

/// The history of an estate, for a command that answers and ends.
pub fn recorder(setting: &Setting) -> Recorder {
    setting.recorder(|told| {
        if let Told::Problem(problem) = told {
            eprintln!("lifeboat: {problem}");
        }
    })
}

/// Looks at everything once, keeps what was seen, and recalls what earlier
/// looks and runs have shown.
pub fn look(setting: &Setting) -> Result<Observations, Problem> {
    looked(setting, &recorder(setting))
}

fn looked(setting: &Setting, recorder: &Recorder) -> Result<Observations, Problem> {
    let live = setting.live(CancellationToken::new());
    let looking = Looking::new(Arc::new(live.prober()), Arc::new(live), setting.clock.clone());
    let mut seen = block_on(once(setting.estate(), looking.recording(recorder.clone()), AGAIN))?;
    seen.learned = recorder.settle(RECALL_WITHIN);
    Ok(seen)
}

/// The scenario that stands, if an incident was declared.
pub fn standing(setting: &Setting) -> Result<Scenario, Problem> {
    let incident = setting.incident()?;
    Ok(incident
        .map_or_else(Scenario::default, |i| Scenario { impact_began: Some(i.impact_began), ..i.scenario }))
}

fn code(state: State) -> i32 {
    match state {
        State::Ok => 0,
        State::Warning => 1,
        State::Critical => 2,
        State::Unknown => 3,
    }
}

/// In the order 2, 3, 1, 0.
fn worst(codes: impl IntoIterator<Item = i32>) -> i32 {
    let rank = |code: &i32| [0, 1, 3, 2].iter().position(|c| c == code);
    codes.into_iter().max_by_key(rank).unwrap_or(0)
}

/// Judged now, with what the history has taught.
fn assessed(setting: &Setting) -> Result<(Assessment, Observations), Problem> {
    let recorder = recorder(setting);
    let seen = looked(setting, &recorder)?;
    let now = setting.clock.now();
    let assessment = assess(setting.estate(), &seen, now, &standing(setting)?);
    recorder.found(assessment.found(), now);
    recorder.flush(FOUND_WITHIN);
    Ok((assessment, seen))
}

pub fn status(asked: &Asked, only: Option<&str>) -> Result<i32, Problem> {
    let setting = setting(asked)?;
    let only = only.map(|word| named::workload(setting.estate(), word)).transpose()?;
    let only = only.map(|w| w.id.as_str());
    let (assessment, seen) = assessed(&setting)?;
    match asked.json {
        true => print_json(&report::status(setting.estate(), &assessment, &seen.learned, only)),
        false => print(&report::status_text(setting.estate(), &assessment, only)),
    }
    let wanted = assessment.workloads.iter().filter(|w| only.is_none_or(|id| w.id == *id));
    let regions = assessment.regions.iter().filter(|_| only.is_none()).map(|r| r.state);
    Ok(worst(wanted.map(|w| w.state).chain(regions).map(code)))
}

pub fn check(asked: &Asked, format: CheckFormat) -> Result<i32, Problem> {
    let setting = setting(asked)?;
    let (assessment, seen) = assessed(&setting)?;
    if asked.json || format == CheckFormat::Json {
        print_json(&report::status(setting.estate(), &assessment, &seen.learned, None));
    } else {
        let bad = assessment.workloads.iter().filter(|w| w.state != State::Ok);
        for w in bad {
            for why in &w.reasons {
                print(&format!("{} {}: {}\n", w.state.as_str(), w.id, clean_line(&why.to_string())));
            }
        }
        for finding in &assessment.findings {
            let (severity, subject) = (finding.severity.as_str(), &finding.subject);
            print(&format!("{severity} {subject}: {}\n", clean_line(&finding.message)));
        }
        print(&format!("{}\n", assessment.worst.as_str()));
    }
    let findings = assessment.findings.iter().map(|f| code(f.severity));
    let states =
        assessment.workloads.iter().map(|w| w.state).chain(assessment.regions.iter().map(|r| r.state));
    Ok(worst(states.map(code).chain(findings)))
}

pub fn points(asked: &Asked, subject: &str, span: Option<&str>, until: Option<&str>) -> Result<i32, Problem> {
    let span = span.map(duration).transpose()?;
    let until = until.map(instant).transpose()?;
    let setting = setting(asked)?;
    let (workload, asset) = match subject.split_once('/') {
        Some((workload, asset)) => (workload, Some(asset)),
        None => (subject, None),
    };
    let workload = named::workload(setting.estate(), workload)?;
    let asset = asset.map(|word| named::asset(workload, word)).transpose()?;
    let wanted = workload.assets.iter().filter(|a| asset.is_none_or(|one| a.id == one.id));
    let keys: Vec<_> = wanted
        .flat_map(|a| {
            (0..a.copies.len()).map(|index| CopyKey {
                workload: workload.id.clone(),
                asset: a.id.clone(),
                index,
            })
        })
        .collect();
    let live = setting.live(CancellationToken::new());
    let now = setting.clock.now();
    let all = futures::future::join_all(keys.iter().map(|key| live.copy(key, now)));
    let reports = block_on(all)?;
    let recorder = recorder(&setting);
    for (key, report) in keys.iter().zip(&reports) {
        recorder.copy(key, report.as_ref(), now);
    }
    let learned = recorder.settle(RECALL_WITHIN);
    let read: Vec<_> = keys
        .iter()
        .zip(&reports)
        .filter_map(|(key, report)| {
            let def = setting.estate().copy(key)?;
            let proofs = learned.proofs.get(key).map_or(&[][..], Vec::as_slice);
            Some(report::Read { key, def, at: now, report: report.as_ref(), proofs })
        })
        .collect();
    match asked.json {
        true => print_json(&report::points(&read)),
        false => print(&report::points_text(&read, span, until)),
    }
    Ok(worst(read.iter().map(|r| code(r.state()))))
}

fn duration(text: &str) -> Result<Dur, Problem> {
    let parsed: Result<Dur, _> = text.parse();
    let parsed = parsed.map_err(|e| named::wrong(clean_line(text), e))?;
    match parsed > Dur::ZERO {
        true => Ok(parsed),
        false => {
            Err(named::wrong(clean_line(text), "it is no length of time").next("write 6h, 30d or 1d12h"))
        }
    }
}

pub fn stores(asked: &Asked, only: Option<&str>) -> Result<i32, Problem> {
    let setting = setting(asked)?;
    let only = only.map(|word| named::store(setting.estate(), word)).transpose()?;
    let wanted: Vec<_> = match only {
        Some(store) => vec![store],
        None => setting.estate().stores.iter().filter(|store| has_posture(store)).collect(),
    };
    let live = Live::new(&setting.trusted, CancellationToken::new());
    let all = block_on(futures::future::join_all(wanted.iter().map(|s| live.posture_of(&s.id))))?;
    let at = setting.clock.now();
    let told: Vec<_> = wanted
        .into_iter()
        .zip(&all)
        .map(|(store, posture)| report::Asked { store, at, posture: posture.as_ref() })
        .collect();
    match asked.json {
        true => print_json(&report::stores(&told)),
        false => print(&report::stores_text(&told)),
    }
    let findings = told.iter().flat_map(|one| one.findings()).map(|f| code(f.severity));
    let silent = told.iter().filter(|one| one.posture.is_err()).map(|_| code(State::Unknown));
    Ok(worst(findings.chain(silent)))
}

pub fn instant(text: &str) -> Result<Time, Problem> {
    let parsed = chrono::DateTime::parse_from_rfc3339(text);
    parsed
        .map(|t| t.to_utc())
        .map_err(|e| named::wrong(clean_line(text), e).next("write it as 2026-11-22T14:05:00Z"))
}

/// What is declared lost and what is supposed besides.
fn supposed(setting: &Setting, lost: &[String], clean_before: Option<&str>) -> Result<Scenario, Problem> {
    let mut scenario = standing(setting)?;
    if !lost.is_empty() {
        for (selector, mode) in named::scenario(setting.estate(), lost)?.lost {
            let declared = scenario.lost.entry(selector).or_insert(mode);
            *declared = mode.max(*declared);
        }
    }
    scenario.clean_before = clean_before.map(instant).transpose()?;
    Ok(scenario)
}

pub fn dependencies(
    asked: &Asked,
    only: Option<&str>,
    lost: &[String],
    clean_before: Option<&str>,
) -> Result<i32, Problem> {
    let setting = setting(asked)?;
    let only = only.map(|word| named::workload(setting.estate(), word)).transpose()?;
    let scenario = supposed(&setting, lost, clean_before)?;
    let seen = look(&setting)?;
    let assessor = Assessor::new(setting.estate().clone());
    let assessment = assessor.assess(&seen, setting.clock.now(), &scenario);
    let mut all = lifeboat_core::assess::dependencies(&assessor, &assessment);
    all.rows.retain(|row| only.is_none_or(|one| one.id == row.workload));
    match asked.json {
        true => print_json(&report::dependencies(&all)),
        false => print(&report::dependencies_text(&all)),
    }
    let forgotten = |row: &DependsOn| row.needs.iter().any(|n| n.what.hidden() && n.taken.counts());
    Ok(match scenario.is_empty() {
        true => i32::from(all.rows.iter().any(forgotten)),
        false => worst(all.rows.iter().map(|row| of_verdict(row.verdict))),
    })
}

pub fn what_if(asked: &Asked, lost: &[String], clean_before: Option<&str>) -> Result<i32, Problem> {
    let setting = setting(asked)?;
    let scenario = supposed(&setting, lost, clean_before)?;
    let seen = look(&setting)?;
    let assessment = assess(setting.estate(), &seen, setting.clock.now(), &scenario);
    match asked.json {
        true => print_json(&report::what_if(&assessment)),
        false => print(&report::what_if_text(setting.estate(), &assessment)),
    }
    let verdicts = assessment.workloads.iter().filter_map(|w| w.verdict.as_ref());
    Ok(worst(verdicts.map(|j| of_verdict(j.verdict))))
}

fn of_verdict(verdict: Verdict) -> i32 {
    match verdict {
        Verdict::Unaffected | Verdict::Recoverable => 0,
        Verdict::Exposed | Verdict::Breach => 1,
        Verdict::Lost => exit::REFUSED,
        Verdict::Unknown => 3,
    }
}

pub fn losses(asked: &Asked, mode: &str, clean_before: Option<&str>) -> Result<i32, Problem> {
    let setting = setting(asked)?;
    let known = [LossMode::Gone, LossMode::Impaired, LossMode::Compromised, LossMode::Corrupted];
    let mode = known.into_iter().find(|m| m.as_str() == mode).ok_or_else(|| {
        named::wrong(clean_line(mode), "it is no mode of loss")
            .next("write gone, impaired, compromised or corrupted")
    })?;
    let clean_before = clean_before.map(instant).transpose()?;
    let seen = look(&setting)?;
    let assessor = Assessor::new(setting.estate().clone());
    let comparison = compare(&assessor, &seen, setting.clock.now(), mode, clean_before);
    match asked.json {
        true => print_json(&report::losses(&comparison)),
        false => print(&report::losses_text(&comparison)),
    }
    Ok(worst(comparison.rows.iter().map(|row| of_verdict(row.worst))))
}

pub fn coverage(asked: &Asked) -> Result<i32, Problem> {
    let setting = setting(asked)?;
    let (assessment, seen) = assessed(&setting)?;
    let all = lifeboat_core::assess::coverage(setting.estate(), &seen, &assessment);
    match asked.json {
        true => print_json(&report::coverage(&all)),
        false => print(&report::coverage_text(&all)),
    }
    Ok(if all.is_open() { exit::REFUSED } else { 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_code_is_critical_then_unknown_then_warning() {
        assert_eq!(worst([0, 1, 3, 2]), 2);
        assert_eq!(worst([0, 3, 1]), 3);
        assert_eq!(worst([1, 0]), 1);
        assert_eq!(worst([]), 0);
    }
}
