//! What is looked at before anything acts. It changes nothing, and what it
//! finds is shown with its figures: a person sees what will be touched before
//! it is. Red and unseen stop the run until they are put right or overridden.
//!
//! `effects` looks at what each step works on, `around` at what the whole rests
//! on. A further check is a function in one of them.

mod around;
mod effects;

use std::path::PathBuf;

use futures::{StreamExt as _, future::BoxFuture, stream};
use lifeboat_core::run::{CheckState, PrecheckItem, Run, interlock::Facts};

use super::{
    facts::{self, Look},
    *,
};

/// What was found, and what interlocks rest on.
pub(super) struct Looked {
    items: Vec<PrecheckItem>,
    looks: Vec<Look>,
}

const AT_ONCE: usize = 16;
/// Everything together: a dead region must not keep a run from beginning.
const WITHIN: Duration = Duration::from_secs(20);

/// What checks look at.
struct Before {
    live: Live,
    probing: Arc<dyn Probing>,
    run: Run,
    /// What each step would do.
    actions: Vec<(StepId, Action)>,
    /// The run's own copy of the estate.
    estate_dir: PathBuf,
    now: Time,
}

type Check<'a> = BoxFuture<'a, Vec<PrecheckItem>>;

impl Drive {
    pub(super) fn precheck(&mut self) {
        self.doing = Some("looking at what this run will touch".to_owned());
        if std::mem::replace(&mut self.prechecking, true) {
            return;
        }
        let before = Before {
            live: self.driver.live.clone(),
            probing: self.driver.probing.clone(),
            run: self.machine.run().clone(),
            actions: self.machine.foreseen(),
            estate_dir: self.folder.estate(),
            now: self.driver.clock.now(),
        };
        let (world, wanted) = (self.facts_world(), self.facts_wanted());
        self.tasks.spawn(async move {
            let (items, looks) = tokio::join!(before.all(), facts::gather(wanted, &world));
            Happened::Prechecked(Looked { items, looks })
        });
    }

    pub(super) async fn prechecked(&mut self, looked: Looked) -> Result<(), Problem> {
        self.prechecking = false;
        let now = self.driver.clock.now();
        let facts = self.facts.facts(looked.looks, now);
        let mut items = looked.items;
        items.extend(self.locks(&facts, now));
        // Ids are what an override names: each once.
        let mut seen = BTreeSet::new();
        items.retain(|item| seen.insert(item.id.clone()));
        self.record(&Event::Prechecked { items }, None).await
    }

    fn locks(&self, facts: &Facts, now: Time) -> Vec<PrecheckItem> {
        let one = |lock: &Interlock| {
            let answer = self.machine.interlocked(&lock.id, facts, now);
            let state = match answer.holds {
                Some(true) => CheckState::Ok,
                // It was looked at for the first time: how long it has held is
                // seen when a step is to act.
                Some(false) if self.only_early(&lock.id, facts, now) => CheckState::Warning,
                Some(false) => CheckState::Red,
                None => CheckState::Unknown,
            };
            item(&format!("interlock:{}", lock.id), &format!("interlock {}", lock.id), state, &answer.detail)
        };
        self.machine.interlocks().iter().map(one).collect()
    }
}

impl Before {
    async fn all(&self) -> Vec<PrecheckItem> {
        let mut checks: Vec<Check<'_>> = Vec::new();
        checks.extend(self.actions.iter().map(|(step, action)| self.effect(step, action)));
        checks.extend(self.stores());
        checks.extend(self.standbys());
        let (mut found, mut open) = (self.hidden(), checks.len());
        let mut running = stream::iter(checks).buffer_unordered(AT_ONCE);
        let until = tokio::time::sleep(WITHIN);
        tokio::pin!(until);
        loop {
            tokio::select! {
                done = running.next() => match done {
                    Some(items) => (found, open) = (found.into_iter().chain(items).collect(), open - 1),
                    None => break,
                },
                () = &mut until => {
                    let why = format!("{open} things did not answer within {}", Dur::from(WITHIN));
                    found.push(item("late", "everything that is looked at", CheckState::Unknown, &why));
                    break;
                }
            }
        }
        found.sort_by(|a, b| a.id.cmp(&b.id));
        found
    }
}

fn item(id: &str, what: &str, state: CheckState, detail: &str) -> PrecheckItem {
    PrecheckItem {
        id: clean_line(id),
        what: clean_line(what),
        state,
        detail: clean_line(detail),
        overridable: true,
        overridden: None,
    }
}
