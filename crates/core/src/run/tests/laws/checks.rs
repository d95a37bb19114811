//! The laws themselves, told from the journal alone: none of this asks the
//! machine why it allowed something.

use std::collections::BTreeSet;

use super::*;

/// What has happened to one step since somebody last said retry.
#[derive(Default)]
struct Seen {
    begun: bool,
    retried: bool,
    open: bool,
    unknown: bool,
    denied: bool,
    nothing: bool,
    confirmed: bool,
    approved: BTreeSet<OperatorId>,
    unapproved: bool,
    waived: BTreeSet<GuardKey>,
    guards: Vec<GuardAnswer>,
}

pub(super) fn all(run: &Live, people: bool) -> Result<(), TestCaseError> {
    let steps: Vec<StepId> = run.machine.run().steps.iter().map(|s| s.plan.id.clone()).collect();
    for step in &steps {
        of_step(run, step)?;
    }
    if people {
        roles(run)?;
    }
    halted(run)
}

fn events(run: &Live) -> impl Iterator<Item = (&Record, &Event)> {
    run.records.iter().filter_map(|r| Some((r, r.event()?)))
}

fn of_step(run: &Live, id: &StepId) -> Result<(), TestCaseError> {
    let mut seen = Seen::default();
    for (n, (record, event)) in events(run).enumerate() {
        if let Event::Operator { verb: Verb::Edit { .. }, .. } = event {
            let _ = n;
            continue;
        }
        if event.step() != Some(id) {
            continue;
        }
        match event {
            Event::AttemptIntended { action, .. } => {
                let before = Machine::replay(&run.records[..record.seq as usize - 1]).unwrap();
                intent(&before, id, &seen, action.summary())?;
                let keep = std::mem::take(&mut seen);
                seen = Seen {
                    begun: true,
                    open: true,
                    confirmed: keep.confirmed,
                    approved: keep.approved,
                    unapproved: keep.unapproved,
                    waived: keep.waived,
                    ..Seen::default()
                };
            }
            Event::ChildIntended { .. } => {
                prop_assert!(!seen.open, "{id} begins a run while one is open");
                (seen.begun, seen.open) = (true, true);
            }
            Event::UndoIntended { .. } => {
                let before = Machine::replay(&run.records[..record.seq as usize - 1]).unwrap();
                prop_assert!(!blocked(&before), "{id} is undone before the run may begin");
                prop_assert!(!seen.open, "{id} is undone while it acts");
                seen.open = true;
            }
            Event::AttemptEnded { outcome, .. } => {
                seen.open = false;
                seen.unknown = outcome.result == Unknown;
                seen.nothing = outcome.result == NotStarted;
            }
            Event::ChildEnded { .. } => seen.open = false,
            Event::Answered { question: Question::Verify | Question::Absent, answer, .. } => {
                seen.denied |= *answer == Verdict3::NotDone;
            }
            Event::Guarded { answers, .. } => seen.guards.clone_from(answers),
            Event::Operator { verb, .. } => verb_of(&mut seen, verb, &record.by),
            _ => {}
        }
    }
    Ok(())
}

fn verb_of(seen: &mut Seen, verb: &Verb, by: &OperatorId) {
    match verb {
        Verb::Retry { .. } => {
            (seen.retried, seen.confirmed, seen.unapproved) = (true, false, false);
            seen.approved.clear();
            seen.waived.clear();
        }
        Verb::Confirm { .. } => seen.confirmed = true,
        // Somebody knows now: of an undo, that it was taken back or was not.
        Verb::Settle { done, .. } => (seen.unknown, seen.denied) = (false, seen.denied | !done),
        Verb::Approve { .. } => {
            seen.approved.insert(by.clone());
        }
        Verb::Override { gate: Gate::Approvals { .. }, .. } => seen.unapproved = true,
        Verb::Override { gate: Gate::Guard { guard, .. }, .. } => {
            seen.waived.insert(guard.clone());
        }
        _ => {}
    }
}

/// Whether what was looked at before the run still keeps it from beginning.
fn blocked(before: &Machine) -> bool {
    before.run().precheck.iter().any(PrecheckItem::blocks)
}

/// What lies between one intent of a step and the next must allow the next.
fn intent(before: &Machine, id: &StepId, seen: &Seen, does: String) -> Result<(), TestCaseError> {
    let run = before.run();
    let of = run.step(id.as_str()).unwrap().of.clone();
    let book = run.runbook.steps.iter().find(|s| s.id == *of.as_ref().unwrap_or(id)).unwrap();
    prop_assert!(!seen.open, "{id} begins while it acts");
    prop_assert!(before.halted().is_none(), "{id} begins on a journal that is read-only");
    prop_assert!(!blocked(before), "{id} begins before the run may");
    prop_assert!(seen.confirmed || !book.destructive, "{id} began without its name: {does}");
    let absent_held = book.absent.is_some() && seen.denied;
    let allowed = !seen.begun || seen.retried || seen.nothing || book.idempotent || absent_held;
    prop_assert!(allowed, "{id} began twice");
    prop_assert!(!seen.unknown || seen.denied, "{id} began again while nobody knew");
    if let Some(wanted) = &book.approvals {
        let starter = seen.approved.contains(&run.by);
        let enough = seen.approved.len() >= wanted.need as usize;
        prop_assert!(!starter, "{id} was approved by who started the run");
        prop_assert!(enough || seen.unapproved, "{id} began with {:?}", seen.approved);
    }
    let holds = |key: &GuardKey| {
        seen.waived.contains(key) || seen.guards.iter().any(|g| g.key == *key && g.holds == Some(true))
    };
    if book.destructive || book.promotes.is_some() || book.point_of_no_return {
        prop_assert!(holds(&GuardKey::Interlock { id: "home".into() }), "{id} began past an interlock");
    }
    if let Some(asset) = &book.promotes {
        let fenced = |s: &StepRun| {
            s.plan.fences.as_ref() == Some(asset)
                && s.plan.verify.is_none()
                && s.status == S::Succeeded
                && s.attempts
                    .last()
                    .is_some_and(|a| a.outcome.as_ref().is_some_and(|o| o.result == Succeeded))
        };
        let proven = run.steps.iter().any(fenced);
        prop_assert!(
            proven || holds(&GuardKey::Fenced { asset: asset.clone() }),
            "{id} promotes while two could write"
        );
    }
    Ok(())
}

/// Who only looks changes nothing, and what is for the person in command is
/// done by nobody else.
fn roles(run: &Live) -> Result<(), TestCaseError> {
    let mut emergency = BTreeSet::new();
    for (record, event) in events(run) {
        let Event::Operator { verb, .. } = event else { continue };
        let before = Machine::replay(&run.records[..record.seq as usize - 1]).unwrap();
        let outsider =
            matches!(record.by.as_str(), "ob" | "nobody" | "ap") && !emergency.contains(&record.by);
        let harmless = matches!(verb, Verb::Note { .. } | Verb::Override { gate: Gate::Role, .. });
        let approves = record.by == "ap" && matches!(verb, Verb::Approve { .. } | Verb::Decline { .. });
        prop_assert!(!outsider || harmless || approves, "{} did {verb:?}", record.by);
        if matches!(
            verb,
            Verb::RollBack { .. } | Verb::Cancel { .. } | Verb::Edit { .. } | Verb::Commit { .. }
        ) {
            prop_assert_eq!(&before.run().commander, &record.by);
        }
        if let Verb::Approve { step, .. } = verb {
            let edited = events(run).any(|(r, e)| {
                r.seq < record.seq
                    && r.by == record.by
                    && matches!(e, Event::Operator { verb: Verb::Edit { .. }, .. })
            });
            prop_assert!(!edited && record.by != before.run().by, "{} approved {step}", record.by);
        }
        if matches!(verb, Verb::Override { gate: Gate::Role, .. }) {
            emergency.insert(record.by.clone());
        }
    }
    Ok(())
}

/// After a line that says read-only nothing follows before a process takes the
/// run up again.
fn halted(run: &Live) -> Result<(), TestCaseError> {
    let mut halted = false;
    for (_, event) in events(run) {
        let up = matches!(event, Event::TakenUp { .. });
        prop_assert!(!halted || up, "{} on a journal that is read-only", event.name());
        halted = matches!(event, Event::WentReadOnly { .. });
    }
    Ok(())
}
