//! What the last frame showed: figures come in all the time, and most say what
//! is on the screen already.

use std::sync::Arc;

use lifeboat_core::assess::{Assessment, Glance, WorkloadView};
use lifeboat_core::model::WorkloadId;

use super::{App, Paint, Screen};

/// What the overview was drawn from.
#[derive(Debug, Clone)]
pub struct Drawn {
    glance: Arc<Glance>,
    shown: Option<Arc<Assessment>>,
    real: Option<Arc<Assessment>>,
}

impl Drawn {
    pub fn of(app: &App) -> Self {
        Self { glance: app.glance.clone(), shown: app.shown.clone(), real: app.real.clone() }
    }
}

impl App {
    /// Whether a frame would be the last one again: only figures came in, they
    /// say the same, and no label is due. Ages that are shown may then be a
    /// little too old, never too young. Elsewhere than on the overview, where a
    /// dashboard is left open, a frame is always drawn.
    pub fn is_drawn(&self) -> bool {
        let Some(drawn) = &self.drawn else { return false };
        self.paint == Paint::Soon
            && *self.screen() == Screen::Overview
            && self.layers.is_empty()
            && self.until.is_none_or(|at| at > self.now)
            && same_rows(&drawn.glance, &self.glance)
            && same(drawn.shown.as_deref(), self.shown.as_deref(), self.selected_workload().as_ref())
            && same(drawn.real.as_deref(), self.real.as_deref(), None)
    }

    fn selected_workload(&self) -> Option<WorkloadId> {
        self.selected().and_then(|row| self.glance.rows.get(row.at)).map(|row| row.id.clone())
    }
}

fn same_rows(a: &Glance, b: &Glance) -> bool {
    a.estate == b.estate && a.regions == b.regions && a.links == b.links && a.rows == b.rows
}

/// What is said besides the rows: findings, and the selected workload in words.
fn same(a: Option<&Assessment>, b: Option<&Assessment>, selected: Option<&WorkloadId>) -> bool {
    let (Some(a), Some(b)) = (a, b) else { return a.is_none() && b.is_none() };
    fn of<'a>(all: &'a Assessment, id: Option<&WorkloadId>) -> Option<&'a WorkloadView> {
        all.workload(id?)
    }
    let words =
        |w: &'_ WorkloadView| (w.reasons.clone(), w.verdict.as_ref().unwrap_or(&w.if_home_lost).clone());
    a.worst == b.worst && a.findings == b.findings && of(a, selected).map(words) == of(b, selected).map(words)
}
