//! The journal of the run: it hears of everything first.

use serde_json::Value;

use super::*;
use crate::net::redact::Redactor;

/// An event without what somebody said, or wrote, that holds a secret. What is
/// intended is left as it is: it holds references, and it is what is done.
fn without_secrets(mut event: Event, redactor: &Redactor) -> Event {
    let clean = |text: &mut String| *text = redactor.text(text);
    let values = |all: &mut BTreeMap<String, Value>| {
        all.values_mut().for_each(|value| *value = redactor.value(value.take()));
    };
    if redactor.is_empty() {
        return event;
    }
    match &mut event {
        Event::AttemptEnded { outcome, .. } => {
            clean(&mut outcome.detail);
            values(&mut outcome.outputs);
        }
        Event::ChildEnded { detail, outputs, .. } | Event::StepEnded { reason: detail, outputs, .. } => {
            clean(detail);
            values(outputs);
        }
        Event::Answered { detail, .. } | Event::ProbeTurned { detail, .. } => clean(detail),
        Event::Guarded { answers, .. } => answers.iter_mut().for_each(|a| clean(&mut a.detail)),
        Event::Prechecked { items } => items.iter_mut().for_each(|item| {
            clean(&mut item.what);
            clean(&mut item.detail);
        }),
        Event::Operator { verb, .. } => match words(verb) {
            Words::Of(text) => clean(text),
            Words::Fields(fields) => values(fields),
            Words::None => {}
        },
        _ => {}
    }
    event
}

/// What a person wrote in words of their own.
enum Words<'v> {
    Of(&'v mut String),
    Fields(&'v mut BTreeMap<String, Value>),
    None,
}

/// A name that was typed is no such thing: it is compared, and holds no secret.
fn words(verb: &mut Verb) -> Words<'_> {
    match verb {
        Verb::Skip { reason, .. }
        | Verb::Cancel { reason }
        | Verb::Settle { reason, .. }
        | Verb::Decline { reason, .. }
        | Verb::Override { reason, .. }
        | Verb::Adopt { reason }
        | Verb::Undo { reason, .. }
        | Verb::RollBack { reason }
        | Verb::Commit { reason }
        | Verb::Ungraceful { reason }
        | Verb::TakeOver { reason }
        | Verb::Edit { reason, .. } => Words::Of(reason),
        Verb::Note { text } | Verb::HandOver { text, .. } => Words::Of(text),
        Verb::Choose { evidence, .. } | Verb::DoneOutside { evidence, .. } => Words::Of(evidence),
        Verb::Submit { fields, .. } => Words::Fields(fields),
        Verb::Pause
        | Verb::Resume
        | Verb::Retry { .. }
        | Verb::Confirm { .. }
        | Verb::Approve { .. }
        | Verb::Recheck => Words::None,
    }
}

impl Drive {
    /// Says in the journal that this process drives the run from here on.
    pub(super) async fn take_up(&mut self) -> Result<(), Problem> {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let event = Event::TakenUp {
            epoch: self.machine.next_epoch(),
            host: clean_line(host.trim()),
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            cut: self.folder.torn.as_ref().map_or(0, |t| t.bytes),
        };
        self.record(&event, None).await
    }

    /// Journals an event and moves the machine by what was written.
    pub(super) async fn record(&mut self, event: &Event, by: Option<&OperatorId>) -> Result<(), Problem> {
        let by = by.unwrap_or(&self.driver.by).clone();
        let record = self.append(event.clone(), by).await?;
        if let Some(step) = event.step() {
            *self.ages.entry(step.clone()).or_default() += 1;
        }
        self.machine.apply(&record)
    }

    pub(super) async fn append(&mut self, event: Event, by: OperatorId) -> Result<Record, Problem> {
        let lost =
            || Problem::new(Code::JOURNAL_WRITE, self.folder.dir.display()).because("its writer is gone");
        let mut journal = self.journal.take().ok_or_else(lost)?;
        let event = without_secrets(event, &self.driver.live.secrets().redactor());
        let at = self.driver.clock.now();
        let written = spawn_blocking(move || {
            let record = journal.append(at, &by, &event);
            (journal, record)
        });
        let (journal, record) = written.await.map_err(|_| lost())?;
        self.journal = Some(journal);
        record
    }

    pub(super) async fn verb(
        &mut self,
        by: OperatorId,
        verb: Verb,
        answer: oneshot::Sender<Result<(), Problem>>,
    ) -> Result<(), Problem> {
        let told = match self.machine.command(&verb, &by) {
            Ok(event) => self.record(&event, Some(&by)).await,
            Err(problem) => {
                // Whoever asked may be gone; the refusal changes nothing.
                let _ = answer.send(Err(problem));
                return Ok(());
            }
        };
        let _ = answer.send(told.clone());
        told
    }

    /// Deadlines are meant in time that passes: a clock that was set, or a
    /// machine that slept, moves them along, and the journal says so.
    pub(super) async fn compare_clocks(&mut self) -> Result<(), Problem> {
        let (wall, mono) = (self.driver.clock.now(), Instant::now());
        let by = Dur::between(self.clocks.0, wall) - Dur::from(mono - self.clocks.1);
        self.clocks = (wall, mono);
        match by > JUMP || by < Dur::ZERO - JUMP {
            true => self.record(&Event::ClockJumped { by }, None).await,
            false => Ok(()),
        }
    }
}
