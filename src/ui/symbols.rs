//! The few signs that stand beside words, in Unicode and in ASCII. All are one
//! cell wide and in the fonts that terminals have.

use lifeboat_core::{
    assess::{State, Verdict},
    run::StepStatus,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Symbols {
    pub unicode: bool,
    pub ok: &'static str,
    pub warning: &'static str,
    pub unknown: &'static str,
    pub critical: &'static str,
    pub done: &'static str,
    pub running: &'static str,
    pub waiting: &'static str,
    pub ready: &'static str,
    pub pending: &'static str,
    pub skipped: &'static str,
    pub arrow: &'static str,
    pub crumb: &'static str,
    pub rule: &'static str,
    pub pointer: &'static str,
    pub bar: &'static str,
    pub part: &'static str,
    pub axis: &'static str,
    pub mark: &'static str,
    pub dot: &'static str,
    pub checked: &'static str,
    pub unchecked: &'static str,
    pub none: &'static str,
    /// Corners and sides of a box: upper left, upper right, lower left, lower right, across, down.
    pub frame: [&'static str; 6],
}

pub const UNICODE: Symbols = Symbols {
    unicode: true,
    ok: "●",
    warning: "▲",
    unknown: "?",
    critical: "✕",
    done: "✓",
    running: "►",
    waiting: "◆",
    ready: "○",
    pending: "·",
    skipped: "»",
    arrow: "→",
    crumb: "›",
    rule: "─",
    pointer: "▌",
    bar: "█",
    part: "▒",
    axis: "─",
    mark: "┃",
    dot: "·",
    checked: "[✕]",
    unchecked: "[ ]",
    none: "–",
    frame: ["╭", "╮", "╰", "╯", "─", "│"],
};

pub const ASCII: Symbols = Symbols {
    unicode: false,
    ok: "o",
    warning: "!",
    unknown: "?",
    critical: "X",
    done: "+",
    running: ">",
    waiting: "*",
    ready: "o",
    pending: ".",
    skipped: "~",
    arrow: "->",
    crumb: ">",
    rule: "-",
    pointer: ">",
    bar: "#",
    part: "=",
    axis: "-",
    mark: "|",
    dot: "-",
    checked: "[x]",
    unchecked: "[ ]",
    none: "-",
    frame: ["+", "+", "+", "+", "-", "|"],
};

impl Symbols {
    pub fn state(&self, state: State) -> &'static str {
        match state {
            State::Ok => self.ok,
            State::Warning => self.warning,
            State::Unknown => self.unknown,
            State::Critical => self.critical,
        }
    }
    pub fn verdict(&self, verdict: Verdict) -> &'static str {
        match verdict {
            Verdict::Unaffected | Verdict::Recoverable => self.ok,
            Verdict::Exposed | Verdict::Breach => self.warning,
            Verdict::Unknown => self.unknown,
            Verdict::Lost => self.critical,
        }
    }
    pub fn step(&self, status: StepStatus) -> &'static str {
        match status {
            StepStatus::Pending => self.pending,
            StepStatus::Ready => self.ready,
            StepStatus::Running => self.running,
            StepStatus::AwaitingInput | StepStatus::AwaitingApproval => self.waiting,
            StepStatus::Succeeded => self.done,
            StepStatus::Failed | StepStatus::TimedOut => self.critical,
            StepStatus::FailedIgnored => self.warning,
            StepStatus::Skipped | StepStatus::Undone | StepStatus::Cancelled => self.skipped,
            StepStatus::Indeterminate => self.unknown,
        }
    }
}
