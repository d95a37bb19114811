//! One open attempt: started where it never began, followed to its end.

use std::{io, path::Path, time::Duration};

use lifeboat_core::model::Time;
use tokio::task::spawn_blocking;

use super::*;
use crate::act::{
    self, Around,
    attempt::{Standing, tail},
};

/// How often a running attempt is looked at.
const LOOK: Duration = Duration::from_millis(50);
/// How long an attempt that left its outcome has to let go of its lock; what
/// still holds it then is something else that it started.
const LET_GO: Duration = Duration::from_millis(1_000);
const LINES: usize = 200;

pub fn newest(dir: &Path) -> io::Result<Vec<String>> {
    tail(dir, LINES)
}

impl Drive {
    pub(super) async fn attend(
        &mut self,
        step: StepId,
        number: u32,
        action: Action,
        timeout: Dur,
        may_start: bool,
        cancel: bool,
    ) -> Result<(), Problem> {
        let key = (step.clone(), number);
        let dir = AttemptDir(self.folder.attempt(&step, number));
        if let Some(told) = self.attending.get_mut(&key) {
            if cancel && !*told {
                *told = true;
                // Where even this cannot be written, its timeout ends it.
                let _ = dir.cancel();
            }
            return Ok(());
        }
        let look = dir.clone();
        let standing = blocking(move || look.standing()).await;
        match standing {
            Ok(Standing::NeverBegan) if cancel => return self.never(step, number, "it never began").await,
            Ok(Standing::NeverBegan) if !may_start || self.leave.is_cancelled() => return Ok(()),
            Ok(Standing::NeverBegan) => {
                if let Some(why) = self.launch(&key, &dir, action, timeout).await? {
                    return self.never(step, number, &why).await;
                }
            }
            Ok(_) => {}
            Err(e) => {
                self.doing = Some(format!("attempt {number} of {step} cannot be looked at: {e}"));
            }
        }
        self.attending.insert(key, false);
        let (clock, progress) = (self.driver.clock.clone(), self.progress.0.clone());
        self.tasks.spawn(follow(dir, step, number, clock, progress));
        Ok(())
    }

    /// `Some`: why it cannot be started; nothing happened. `Err`: nothing could
    /// be written, so that no other step could be begun either.
    async fn launch(
        &mut self,
        key: &(StepId, u32),
        dir: &AttemptDir,
        action: Action,
        timeout: Dur,
    ) -> Result<Option<String>, Problem> {
        let count = self.launched.entry(key.clone()).or_default();
        *count += 1;
        if *count > LAUNCHES {
            let said = tail_of(&dir.file("attempt.err"));
            return Ok(Some(format!("its process did not come up: {said}")));
        }
        let Some(step) = self.machine.run().step(key.0.as_str()) else { return Ok(None) };
        let around = Around::of(self.driver.live.estate(), &action);
        let mut references = act::references(self.driver.live.estate());
        references.extend(self.machine.references().clone());
        let spec = Spec {
            run: self.machine.run().id.clone(),
            step: key.0.clone(),
            number: key.1,
            epoch: self.machine.epoch(),
            mode: self.machine.run().mode,
            action,
            timeout,
            estate: self.folder.estate(),
            outputs: step
                .plan
                .outputs
                .iter()
                .map(|(name, def)| (name.clone(), def.pointer.clone()))
                .collect(),
            references,
            around,
        };
        let (at, program) = (dir.clone(), self.driver.program.clone());
        match blocking(move || at.launch(&spec, &program)).await {
            Ok(Some(mut child)) => {
                // Only so that it does not stay behind as a zombie: its end is
                // read from what it leaves, as after a restart.
                std::thread::spawn(move || child.wait());
                Ok(None)
            }
            // Somebody began it before us; it is followed.
            Ok(None) => Ok(None),
            Err(e) if of_the_disk(&e) => Err(Problem::new(Code::ATTEMPT_DISK, dir.0.display()).because(e)),
            Err(e) => Ok(Some(e.to_string())),
        }
    }

    async fn never(&mut self, step: StepId, number: u32, why: &str) -> Result<(), Problem> {
        let now = self.driver.clock.now();
        let outcome = outcome_of(AttemptResult::NotStarted, why, now, now);
        self.record(&Event::AttemptEnded { step, number, outcome, still_held: false }, None).await
    }
}

/// The disk is full, failing, or has become read-only.
fn of_the_disk(e: &io::Error) -> bool {
    use rustix::io::Errno;
    let known = [Errno::NOSPC, Errno::DQUOT, Errno::IO, Errno::ROFS];
    known.iter().any(|errno| e.raw_os_error() == Some(errno.raw_os_error()))
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    spawn_blocking(work).await.map_err(io::Error::other)?
}

fn tail_of(path: &Path) -> String {
    let said = std::fs::read_to_string(path).unwrap_or_default();
    clean_line(said.lines().last().unwrap_or("it said nothing"))
}

async fn follow(
    dir: AttemptDir,
    step: StepId,
    number: u32,
    clock: Arc<dyn Clock>,
    progress: mpsc::Sender<Printed>,
) -> Happened {
    let mut shown = Vec::new();
    loop {
        let look = dir.clone();
        let seen = blocking(move || Ok((look.standing()?, newest(&look.0)?))).await;
        let ended = |outcome, still_held| Happened::Ended {
            step: step.clone(),
            number,
            outcome: Box::new(outcome),
            still_held,
        };
        match seen {
            Ok((Standing::Running, lines)) if lines != shown => {
                // A screen that is slow to read misses lines in between, never the last.
                if progress.try_send((step.clone(), lines.clone())).is_ok() {
                    shown = lines;
                }
            }
            Ok((Standing::Running, _)) => {}
            Ok((Standing::Ended { outcome, held }, _)) => {
                return ended(*outcome, held && !lets_go(&dir).await);
            }
            Ok((Standing::Lost { started_at }, _)) => {
                let now = clock.now();
                return ended(lost(started_at.unwrap_or(now), now), false);
            }
            Ok((Standing::NeverBegan, _)) => return Happened::NeverBegan { step, number },
            Err(e) => {
                tracing::warn!("attempt {number} of {step} cannot be looked at: {e}");
                tokio::time::sleep(LET_GO).await;
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn lost(started_at: Time, now: Time) -> Outcome {
    outcome_of(AttemptResult::Unknown, "it began and left no outcome behind", started_at, now)
}

/// Whether the lock becomes free within the time that an ending process needs.
async fn lets_go(dir: &AttemptDir) -> bool {
    let until = Instant::now() + LET_GO;
    while Instant::now() < until {
        if !dir.is_held().unwrap_or(true) {
            return true;
        }
        tokio::time::sleep(LOOK / 5).await;
    }
    false
}
