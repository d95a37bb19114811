//! Questions to the world, and what the tasks of a run come back with.

use super::*;

impl Drive {
    pub(super) fn ask(
        &mut self,
        step: StepId,
        question: Question,
        probe: Probe,
        timeout: Dur,
        every: Dur,
        wake: &mut Option<Instant>,
    ) {
        let age = self.ages.get(&step).copied().unwrap_or(0);
        let key = (step.clone(), question, age);
        self.doing = Some(format!("asking {} about {step}", where_to(&probe)));
        match self.rest.get(&key) {
            Some(until) if *until > Instant::now() => return sooner(wake, *until),
            _ if !self.asking.insert(key.clone()) => return,
            _ => {}
        }
        self.rest.remove(&key);
        let probing = self.driver.probing.clone();
        self.tasks.spawn(async move {
            // The prober keeps to its timeout; this is for one that does not.
            let late = timeout.to_std() + Duration::from_secs(1);
            let answer = tokio::time::timeout(late, probing.ask(&probe, timeout)).await;
            let answer = answer.unwrap_or_else(|_| Err(Problem::new(Code::PROBE_TIMEOUT, where_to(&probe))));
            Happened::Answered { step, question, age, every, answer }
        });
    }

    pub(super) async fn happened(&mut self, happened: Happened) -> Result<(), Problem> {
        match happened {
            Happened::Ended { step, number, outcome, still_held } => {
                self.attending.remove(&(step.clone(), number));
                self.show_tail(&step, number).await;
                self.record(&Event::AttemptEnded { step, number, outcome: *outcome, still_held }, None).await
            }
            Happened::NeverBegan { step, number } => {
                self.attending.remove(&(step, number));
                Ok(())
            }
            Happened::Prechecked(looked) => self.prechecked(looked).await,
            Happened::Child { step, number, run, moved } => self.child_moved(step, number, run, moved).await,
            Happened::Guarded { step, age, every, mut answers, looks } => {
                self.guarding.remove(&(step.clone(), age));
                self.interlocked(&mut answers, looks);
                if self.ages.get(&step).copied().unwrap_or(0) != age {
                    return Ok(());
                }
                match self.machine.guarded(&step, &answers, self.driver.clock.now()) {
                    Some(event) => self.record(&event, None).await,
                    None => {
                        self.guard_rest.insert((step, age), Instant::now() + every.to_std());
                        Ok(())
                    }
                }
            }
            Happened::Answered { step, question, age, every, answer } => {
                let key = (step, question, age);
                self.asking.remove(&key);
                if self.ages.get(&key.0).copied().unwrap_or(0) != age {
                    return Ok(());
                }
                match self.machine.answered(&key.0, question, &answer, self.driver.clock.now()) {
                    Some(event) => self.record(&event, None).await,
                    None => {
                        self.rest.insert(key, Instant::now() + every.to_std());
                        Ok(())
                    }
                }
            }
        }
    }
}

fn where_to(probe: &Probe) -> String {
    match probe.target.as_str() {
        Some(target) => clean_line(target),
        None => probe.kind.clone(),
    }
}
