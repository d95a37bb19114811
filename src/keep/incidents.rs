//! Incidents: `STATE/estates/<estate>/incidents/<incident>/journal.jsonl`,
//! lines as in a run's journal. An estate has at most one that stands.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use lifeboat_core::{
    model::*,
    record::{Event, Record},
    run::Incident,
};

use super::{
    durable,
    journal::{self, Journal},
    lock,
};

pub fn incidents_dir(state: &Path, estate: &str) -> PathBuf {
    state.join("estates").join(estate).join("incidents")
}

/// `20261122T140501Z-eu-west-1`
pub fn new_id(now: Time, scenario: &Scenario) -> IncidentId {
    let first = scenario.lost.keys().next().map_or("nothing".to_owned(), |s| s.id.replace('/', "-"));
    IncidentId::new(format!("{}-{first}", now.format("%Y%m%dT%H%M%SZ")))
}

/// Declares it, durably. Refused while another one stands.
pub fn declare(dir: &Path, incident: &Incident) -> Result<Incident, Problem> {
    let failed = |e: io::Error| Problem::new(Code::JOURNAL_WRITE, dir.display()).because(e);
    fs::create_dir_all(dir).map_err(failed)?;
    let _lock = take(dir)?;
    if let Some(standing) = current(dir)? {
        return Err(Problem::new(Code::RUN_REFUSED, &standing.id)
            .because("an incident stands already")
            .next("stand it down first with `lifeboat stand-down`"));
    }
    let own = dir.join(incident.id.as_str());
    if !own.join("journal.jsonl").is_file() || journal::read(&own.join("journal.jsonl"))?.records.is_empty() {
        // What a writer that failed before its first line left of the same second.
        let _ = fs::remove_dir_all(&own);
    }
    fs::create_dir(&own).map_err(failed)?;
    durable::sync_dir(dir).map_err(failed)?;
    let event = Event::IncidentDeclared { incident: Box::new(incident.clone()) };
    let path = own.join("journal.jsonl");
    let (_, record) = Journal::create(&path, incident.declared_at, &incident.by, &event)?;
    replay(&[record], &path)
}

/// Ends the incident that stands.
pub fn stand_down(dir: &Path, by: &OperatorId, reason: &str, at: Time) -> Result<Incident, Problem> {
    let nothing = || Problem::new(Code::RUN_REFUSED, "stand-down").because("no incident stands");
    if !dir.is_dir() {
        return Err(nothing());
    }
    let _lock = take(dir)?;
    let standing = current(dir)?.ok_or_else(nothing)?;
    let path = dir.join(standing.id.as_str()).join("journal.jsonl");
    let (mut journal, mut records, _) = Journal::open(&path)?;
    let event = Event::IncidentStoodDown { reason: reason.to_owned() };
    records.push(journal.append(at, by, &event)?);
    replay(&records, &path)
}

fn take(dir: &Path) -> Result<fs::File, Problem> {
    let taken = lock::try_take(&dir.join(".lock"));
    let taken = taken.map_err(|e| Problem::new(Code::JOURNAL_WRITE, dir.display()).because(e))?;
    taken.ok_or_else(|| {
        Problem::new(Code::RUN_BUSY, dir.display()).because("an incident is just being changed")
    })
}

/// The incident that stands now.
pub fn current(dir: &Path) -> Result<Option<Incident>, Problem> {
    for (_, incident) in list(dir) {
        let incident = incident?;
        if incident.stood_down_at.is_none() {
            return Ok(Some(incident));
        }
    }
    Ok(None)
}

/// All incidents, newest first; damaged ones with their problem.
pub fn list(dir: &Path) -> Vec<(IncidentId, Result<Incident, Problem>)> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut found: Vec<_> = entries
        .map(|e| (e.file_name(), e.path().join("journal.jsonl")))
        // A folder without a journal was never declared: its writer was killed before.
        .filter(|(_, path)| path.is_file())
        .filter_map(|(name, path)| Some((IncidentId::new(name.to_str()?), path)))
        .collect();
    found.sort_by(|a, b| b.cmp(a));
    found
        .into_iter()
        .filter_map(|(id, path)| match journal::read(&path) {
            // The first line was cut off in writing: nobody was told that it was declared.
            Ok(read) if read.records.is_empty() => None,
            Ok(read) => Some((id, replay(&read.records, &path))),
            Err(problem) => Some((id, Err(problem))),
        })
        .collect()
}

fn replay(records: &[Record], path: &Path) -> Result<Incident, Problem> {
    let damaged = |why: &str| Problem::new(Code::JOURNAL_DAMAGED, path.display()).because(why);
    let mut incident = match records.first().and_then(Record::event) {
        Some(Event::IncidentDeclared { incident }) => (**incident).clone(),
        _ => return Err(damaged("its first line declares no incident")),
    };
    for record in &records[1..] {
        if let Some(Event::IncidentStoodDown { .. }) = record.event() {
            incident.stood_down_at = Some(record.at);
        }
    }
    Ok(incident)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn incident(n: i64) -> Incident {
        let at = Time::UNIX_EPOCH + Dur::secs(n);
        let scenario = Scenario::gone(["eu-west-1"]);
        Incident {
            id: new_id(at, &scenario),
            scenario,
            impact_began: at,
            detected_at: None,
            declared_at: at,
            by: "ada".into(),
            evidence: vec!["health failed twice".into()],
            predictions: Vec::new(),
            stood_down_at: None,
        }
    }

    #[test]
    fn one_incident_stands_until_it_is_stood_down() {
        let state = tempfile::tempdir().unwrap();
        let dir = incidents_dir(state.path(), "northwind");
        assert_eq!(current(&dir).unwrap(), None);
        let refused = |p: Result<Incident, Problem>| p.unwrap_err().code;
        assert_eq!(refused(stand_down(&dir, &"ada".into(), "over", Time::UNIX_EPOCH)), Code::RUN_REFUSED);
        let first = declare(&dir, &incident(1)).unwrap();
        assert_eq!(first, incident(1));
        assert_eq!(refused(declare(&dir, &incident(2))), Code::RUN_REFUSED);
        let at = Time::UNIX_EPOCH + Dur::secs(9);
        assert_eq!(stand_down(&dir, &"ada".into(), "over", at).unwrap().stood_down_at, Some(at));
        assert_eq!(current(&dir).unwrap(), None);
        declare(&dir, &incident(2)).unwrap();
        assert_eq!(current(&dir).unwrap(), Some(incident(2)));
        assert_eq!(list(&dir).len(), 2);
    }
}
