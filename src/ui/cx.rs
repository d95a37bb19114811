//! What every drawing function is given: the state, the look, and a place to
//! note when the picture changes by itself.

use std::cell::{Cell, RefCell};

use lifeboat_core::{
    assess::{Loss, State, Verdict},
    model::*,
    run::{Mode, Prediction, StepStatus},
};
use ratatui::{
    layout::Rect,
    style::Style,
    text::{Line, Span},
};

use super::{Look, Role, Symbols};
use crate::app::{App, Hit, Piece, age_label, next_age_change};

pub struct Cx<'a> {
    pub app: &'a App,
    pub look: &'a Look,
    until: Cell<Option<Time>>,
    cursor: Cell<Option<(u16, u16)>>,
    hits: RefCell<Vec<Hit>>,
}

impl<'a> Cx<'a> {
    pub fn new(app: &'a App, look: &'a Look) -> Self {
        Self { app, look, until: Cell::new(None), cursor: Cell::new(None), hits: RefCell::default() }
    }
    pub fn picture(self) -> super::Picture {
        super::Picture { until: self.until.get(), cursor: self.cursor.get(), hits: self.hits.into_inner() }
    }
    pub fn sym(&self) -> &Symbols {
        &self.look.symbols
    }
    pub fn role(&self, role: Role) -> Style {
        self.look.theme.role(role)
    }
    /// Text from anywhere, made harmless.
    pub fn span(&self, text: impl AsRef<str>, role: Role) -> Span<'static> {
        Span::styled(clean_line(text.as_ref()), self.role(role))
    }
    /// A text with open places, which are dimmed.
    pub fn pieces(&self, pieces: &[Piece], role: Role) -> Vec<Span<'static>> {
        let one = |piece: &Piece| match piece {
            Piece::Text(text) => self.span(text, role),
            Piece::Open(text) => self.span(text, Role::Dim),
        };
        pieces.iter().map(one).collect()
    }
    pub fn line(&self, parts: &[(&str, Role)]) -> Line<'static> {
        Line::from(parts.iter().map(|(text, role)| self.span(text, *role)).collect::<Vec<_>>())
    }
    /// Cleaned, and cut with a sign where it does not fit.
    pub fn cut(&self, text: &str, cells: usize) -> String {
        let cut = lifeboat_core::model::cut(&clean_line(text), cells);
        if self.sym().unicode { cut } else { cut.replace('…', "~") }
    }
    pub fn cursor_at(&self, x: u16, y: u16) {
        self.cursor.set(Some((x, y)));
    }
    pub fn hit(&self, area: Rect, row: usize) {
        self.hits.borrow_mut().push(Hit { x: area.x, y: area.y, width: area.width, row });
    }

    fn changes_at(&self, at: Time) {
        self.until.set(Some(self.until.get().map_or(at, |u| u.min(at))));
    }
    /// How long ago, in coarse steps.
    pub fn age(&self, at: Time) -> String {
        self.changes_at(next_age_change(at, self.app.now));
        age_label(at, self.app.now)
    }
    /// `40s ago`, `just now`.
    pub fn ago(&self, at: Time) -> String {
        match self.age(at) {
            label if label == "now" => "just now".into(),
            label => format!("{label} ago"),
        }
    }
    /// A clock that runs by the second: only where seconds matter.
    pub fn clock(&self, from: Time) -> String {
        let ms = Dur::between(from, self.app.now).as_millis().max(0);
        self.changes_at(from + Dur::millis(ms / 1_000 * 1_000 + 1_000));
        clock_text(Dur::millis(ms))
    }

    pub fn state_role(&self, state: State) -> Role {
        match state {
            State::Ok => Role::Ok,
            State::Warning => Role::Warning,
            State::Unknown => Role::Unknown,
            State::Critical => Role::Critical,
        }
    }
    pub fn verdict_role(&self, verdict: Verdict) -> Role {
        match verdict {
            Verdict::Unaffected | Verdict::Recoverable => Role::Ok,
            Verdict::Exposed | Verdict::Breach => Role::Warning,
            Verdict::Unknown => Role::Unknown,
            Verdict::Lost => Role::Critical,
        }
    }
    pub fn step_role(&self, status: StepStatus) -> Role {
        match status {
            StepStatus::Succeeded => Role::Ok,
            StepStatus::Running | StepStatus::Ready => Role::Accent,
            StepStatus::AwaitingInput | StepStatus::AwaitingApproval | StepStatus::FailedIgnored => {
                Role::Warning
            }
            StepStatus::Failed | StepStatus::TimedOut => Role::Critical,
            StepStatus::Indeterminate => Role::Unknown,
            _ => Role::Dim,
        }
    }
    /// Symbol and word, in the state's colour.
    pub fn state(&self, state: State) -> Span<'static> {
        let role = self.state_role(state);
        self.span(format!("{} {}", self.sym().state(state), state.as_str()), role)
    }
    pub fn verdict(&self, verdict: Verdict) -> Span<'static> {
        let role = self.verdict_role(verdict);
        self.span(format!("{} {verdict}", self.sym().verdict(verdict)), role)
    }
    pub fn mode(&self, mode: Mode) -> (&'static str, Role) {
        match mode {
            Mode::Live => ("LIVE", Role::Live),
            Mode::Rehearsal => ("REHEARSAL", Role::Rehearsal),
            Mode::DryRun => ("DRY RUN", Role::DryRun),
        }
    }
    /// What is not known is said, never left blank.
    pub fn dur(&self, dur: Option<Dur>) -> String {
        dur.map_or_else(|| "unknown".into(), |d| d.to_string())
    }
    /// A target that nobody declared.
    pub fn target(&self, dur: Option<Dur>) -> String {
        dur.map_or_else(|| self.sym().none.into(), |d| d.to_string())
    }
    /// `1.3s to 2.4s lost`; what nobody can bound is said to be so.
    pub fn lost(&self, loss: Loss) -> String {
        match loss.upper {
            Some(upper) if upper == loss.lower => format!("{upper} lost"),
            Some(upper) => format!("{} to {upper} lost", loss.lower),
            None if loss.lower == Dur::ZERO => "loss unknown".to_owned(),
            None => format!("at least {} lost", loss.lower),
        }
    }
    /// `1.3s to 2.4s lost, back in 1m 30s`
    pub fn predicted(&self, p: &Prediction) -> String {
        let lost = self.lost(Loss { lower: p.loss_lower, upper: p.loss_upper });
        let back = p.rto.map_or("time unknown".to_owned(), |rto| format!("back in {rto}"));
        format!("{lost}, {back}")
    }
}

/// `00:41`, `1:02:03`.
pub fn clock_text(span: Dur) -> String {
    let s = span.as_millis().max(0) / 1_000;
    match s {
        0..=3_599 => format!("{:02}:{:02}", s / 60, s % 60),
        _ => format!("{}:{:02}:{:02}", s / 3_600, s / 60 % 60, s % 60),
    }
}
