//! Doing what the machine says is next.

use super::*;

impl Drive {
    /// Does everything that can be done now; returns when there is more.
    pub(super) async fn catch_up(&mut self) -> Result<Option<Instant>, Problem> {
        loop {
            self.compare_clocks().await?;
            let (now, mut wake, mut moved) = (self.driver.clock.now(), None, false);
            self.doing = None;
            for todo in self.machine.next(now) {
                match todo {
                    Todo::Record(event) => {
                        self.record(&event, None).await?;
                        moved = true;
                    }
                    Todo::Begin { step, number, event } => match self.may_begin(&step, number) {
                        true => {
                            self.record(&event, None).await?;
                            moved = true;
                        }
                        false => sooner(&mut wake, Instant::now() + Duration::from_secs(1)),
                    },
                    Todo::Attend { step, number, action, timeout, may_start, cancel } => {
                        self.doing = Some(action.summary());
                        self.attend(step, number, *action, timeout, may_start, cancel).await?;
                    }
                    Todo::Ask { step, question, probe, timeout, every } => {
                        self.ask(step, question, probe, timeout, every, &mut wake);
                    }
                    Todo::Precheck => self.precheck(),
                    Todo::Guard { step, items, every } => self.guard(step, items, every, &mut wake),
                    Todo::BeginChild { step, number, runbook, params } => {
                        moved = self.begin_child(step, number, runbook, params).await?;
                    }
                    Todo::AttendChild { step, number, run, may_start, cancel } => {
                        moved = self.attend_child(step, number, run, may_start, cancel, &mut wake).await?;
                    }
                    Todo::Wake(at) => sooner(&mut wake, Instant::now() + Dur::between(now, at).to_std()),
                }
                if moved {
                    break;
                }
            }
            if !moved {
                return Ok(wake);
            }
        }
    }

    /// Not while leaving, and not while an older attempt of the step, or
    /// something it started, still runs.
    pub(super) fn may_begin(&mut self, step: &StepId, number: u32) -> bool {
        let held = (1..number).find(|n| {
            let dir = AttemptDir(self.folder.attempt(step, *n));
            dir.is_held().unwrap_or(true)
        });
        if let Some(older) = held {
            self.doing =
                Some(format!("attempt {older} of {step} still runs: no other begins before it has ended"));
        }
        held.is_none() && !self.leave.is_cancelled()
    }
}
