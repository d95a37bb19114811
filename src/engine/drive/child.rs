//! A run inside a run: made with an id that is in the journal already, driven
//! in a task of its own, found again by that id after a restart.

use std::collections::BTreeMap;

use lifeboat_core::run::{Parent, Run};
use serde_json::Value;

use super::*;
use crate::keep::runs;

/// How soon one that another process drives is looked at again.
const AGAIN: Duration = Duration::from_secs(1);

type Wanted = (RunbookId, BTreeMap<String, Value>);

#[derive(Default)]
pub(super) struct Children {
    /// What each was intended to be, from the journal.
    intended: BTreeMap<RunId, Wanted>,
    /// Driven now: how it is told, and whether it was told to end.
    driven: BTreeMap<RunId, (mpsc::Sender<Asked>, bool)>,
    /// Came to rest without an end: why.
    rest: BTreeMap<RunId, String>,
}

impl Children {
    pub(super) fn of(records: &[Record]) -> Self {
        let mut children = Self::default();
        records.iter().filter_map(Record::event).for_each(|event| children.hear(event));
        children
    }
    fn hear(&mut self, event: &Event) {
        if let Event::ChildIntended { run, runbook, params, .. } = event {
            self.intended.insert(run.clone(), (runbook.clone(), params.clone()));
        }
    }
    /// Whether any waits for a person whom nobody can reach from here.
    pub(super) fn rest(&self) -> bool {
        !self.rest.is_empty()
    }
    pub(super) fn moves(&self) -> bool {
        !self.driven.is_empty()
    }
}

impl Drive {
    pub(super) async fn begin_child(
        &mut self,
        step: StepId,
        number: u32,
        runbook: RunbookId,
        params: BTreeMap<String, Value>,
    ) -> Result<bool, Problem> {
        if self.leave.is_cancelled() {
            return Ok(false);
        }
        let run = runs::new_id(self.driver.clock.now(), &runbook, fastrand::u16(..));
        let event = Event::ChildIntended { step, number, run, runbook, params };
        self.children.hear(&event);
        self.record(&event, None).await?;
        Ok(true)
    }

    /// Gives whether something was journaled.
    pub(super) async fn attend_child(
        &mut self,
        step: StepId,
        number: u32,
        run: RunId,
        may_start: bool,
        cancel: bool,
        wake: &mut Option<Instant>,
    ) -> Result<bool, Problem> {
        self.doing = Some(format!("run {run} of {step}"));
        if let Some((verbs, told)) = self.children.driven.get_mut(&run) {
            if cancel && !*told {
                let verb = Verb::Cancel { reason: "the run that it is a step of was cancelled".to_owned() };
                let (answer, _) = oneshot::channel();
                // One that just came to its end needs no telling.
                *told = verbs.try_send((self.driver.by.clone(), verb, answer)).is_ok();
            }
            return Ok(false);
        }
        if let Some(why) = self.children.rest.get(&run) {
            self.doing = Some(format!("run {run} of {step} {why}"));
            if !cancel {
                return Ok(false);
            }
            self.children.rest.remove(&run);
        }
        let beside = self.folder.dir.parent().map(std::path::Path::to_owned).unwrap_or_default();
        let opened = match runs::find(&beside, &run) {
            Ok(dir) => RunFolder::open_dir(&dir),
            Err(_) if cancel => return self.no_child(step, number, "it never began").await,
            Err(_) if !may_start || self.leave.is_cancelled() => return Ok(false),
            Err(_) => match self.make_child(&beside, &step, number, &run) {
                // The disk, not the plan: nothing was begun, and it is made when there is room.
                Err(problem) if of_own_files(&problem) => return Err(problem),
                Err(problem) if problem.code != Code::RUN_BUSY => {
                    return self.no_child(step, number, &problem.to_string()).await;
                }
                made => made,
            },
        };
        let folder = match opened {
            Ok(folder) => folder,
            Err(problem) if problem.code == Code::RUN_BUSY => {
                self.doing = Some(format!("run {run} of {step} is driven by another process"));
                sooner(wake, Instant::now() + AGAIN);
                return Ok(false);
            }
            Err(problem) if of_own_files(&problem) => return Err(problem),
            Err(problem) => {
                self.children.rest.insert(run, format!("cannot be taken up: {problem}"));
                return Ok(false);
            }
        };
        let machine = folder.machine()?;
        if machine.run().state.is_over() {
            return self.child_over(step, number, machine.run()).await;
        }
        self.spawn_child(step, number, run, folder, view_of(&machine), cancel);
        Ok(false)
    }

    fn spawn_child(
        &mut self,
        step: StepId,
        number: u32,
        run: RunId,
        folder: RunFolder,
        first: RunView,
        cancel: bool,
    ) {
        let (verbs, inbox) = mpsc::channel(16);
        let (publish, view) = watch::channel(Arc::new(first));
        if cancel {
            let verb = Verb::Cancel { reason: "the run that it is a step of was cancelled".to_owned() };
            // Its channel is empty: it takes this one.
            let _ = verbs.try_send((self.driver.by.clone(), verb, oneshot::channel().0));
        }
        // Without anybody to answer, it stops where a person is needed; a
        // cancel is told by taking it up again.
        let inside = self.driver.inside.clone();
        let held = match &inside {
            Some(inside) => inside.send((run.clone(), verbs.clone(), view)).map(|()| verbs).ok(),
            None => None,
        };
        self.children.driven.insert(run.clone(), (held.unwrap_or_else(|| mpsc::channel(1).0), cancel));
        let (driver, leave) = (self.driver.clone(), self.leave.clone());
        let driven = boxed(folder, driver, inbox, publish, leave);
        self.tasks.spawn(async move { Happened::Child { step, number, moved: driven.await, run } });
    }

    pub(super) async fn child_moved(
        &mut self,
        step: StepId,
        number: u32,
        run: RunId,
        moved: Result<RunState, Problem>,
    ) -> Result<(), Problem> {
        self.children.driven.remove(&run);
        match moved {
            Ok(state) if state.is_over() => {
                let beside = self.folder.dir.parent().map(std::path::Path::to_owned).unwrap_or_default();
                let (machine, _) = runs::read(&beside, &run)?;
                self.child_over(step, number, machine.run()).await.map(|_| ())
            }
            Ok(state) => {
                let why = format!("is {}: go on with it by itself first", state.as_str().replace('_', " "));
                self.children.rest.insert(run, why);
                Ok(())
            }
            // What keeps its journal keeps this one: neither goes on.
            Err(problem) if of_own_files(&problem) => Err(problem),
            Err(problem) => {
                self.trouble = Some(problem.clone());
                self.children.rest.insert(run, format!("cannot go on: {problem}"));
                Ok(())
            }
        }
    }

    async fn child_over(&mut self, step: StepId, number: u32, run: &Run) -> Result<bool, Problem> {
        let wanted =
            self.machine.run().step(step.as_str()).map(|s| s.plan.outputs.clone()).unwrap_or_default();
        // As an answer that outputs point into: `/STEP/OUTPUT`, `/state`, `/run`.
        let mut answer = serde_json::json!({ "run": run.id, "state": run.state });
        for one in &run.steps {
            if !one.outputs.is_empty() {
                answer[one.plan.id.as_str()] = serde_json::json!(one.outputs);
            }
        }
        let found = |(name, def): (String, OutputDef)| Some((name, answer.pointer(&def.pointer)?.clone()));
        let outputs = wanted.into_iter().filter_map(found).collect();
        let detail = format!("run {} {}", run.id, run.state.as_str().replace('_', " "));
        let event = Event::ChildEnded { step, number, state: Some(run.state), detail, outputs };
        self.record(&event, None).await?;
        Ok(true)
    }

    async fn no_child(&mut self, step: StepId, number: u32, why: &str) -> Result<bool, Problem> {
        let detail = clean_line(why);
        let event = Event::ChildEnded { step, number, state: None, detail, outputs: BTreeMap::new() };
        self.record(&event, None).await?;
        Ok(true)
    }

    /// From this run's own copy of the estate, in its mode, in its incident.
    fn make_child(
        &self,
        beside: &std::path::Path,
        step: &StepId,
        number: u32,
        run: &RunId,
    ) -> Result<RunFolder, Problem> {
        let refused = |why: &str| Problem::new(Code::RUN_REFUSED, run).because(why);
        let (runbook, params) =
            self.children.intended.get(run).ok_or_else(|| refused("its intent is not in the journal"))?;
        let own = self.machine.run();
        let trusted = own_copy(&self.folder)?;
        let parent = Parent { run: own.id.clone(), step: step.clone(), number };
        start::inside(start::Inside {
            runs: beside,
            id: run,
            trusted: &trusted,
            runbook,
            params,
            of: own,
            parent,
            by: &self.driver.by,
            now: self.driver.clock.now(),
        })
    }
}

/// Whether what is kept of runs could not be written: then the run stops where
/// it stands, and is taken up again when there is room.
fn of_own_files(problem: &Problem) -> bool {
    matches!(problem.code, Code::JOURNAL_WRITE | Code::ESTATE_WRITE)
}

/// A type of its own, so that a run may hold one like it.
fn boxed(
    folder: RunFolder,
    driver: Driver,
    verbs: mpsc::Receiver<Asked>,
    view: watch::Sender<Arc<RunView>>,
    leave: CancellationToken,
) -> futures::future::BoxFuture<'static, Result<RunState, Problem>> {
    Box::pin(drive(folder, driver, verbs, view, leave))
}
