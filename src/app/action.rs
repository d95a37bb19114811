//! The table of actions. Help, hints and the palette are made from it, keys
//! are looked up in it: an action is one line here and one arm in `keys.rs`.

/// Where a key counts. Scopes that can be in force at the same time must not
/// share a key; `keymap` checks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// On every screen.
    Everywhere,
    /// Wherever there are lines to move over.
    List,
    Workload,
    Points,
    Findings,
    Incident,
    Run,
    /// The choice of regions for what-if.
    Picker,
    /// Wherever text is typed: printable keys are text there.
    Text,
}

impl Scope {
    pub fn title(self) -> &'static str {
        match self {
            Self::Everywhere => "everywhere",
            Self::List => "in lists",
            Self::Workload => "workload",
            Self::Points => "points",
            Self::Findings => "findings",
            Self::Incident => "incident",
            Self::Run => "run",
            Self::Picker => "what-if",
            Self::Text => "while typing",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    Quit,
    Back,
    Escape,
    Help,
    Palette,
    WhatIf,
    Declare,
    GoOverview,
    GoWorkload,
    GoPoints,
    GoStores,
    GoFindings,
    GoLosses,
    GoCoverage,
    GoDependencies,
    GoTrends,
    GoIncident,
    GoRunbooks,
    GoRuns,
    GoLog,
    GoRun,
    Filter,
    Refresh,
    Freeze,
    Yank,
    Theme,
    MouseToggle,
    Redraw,
    Suspend,
    Down,
    Up,
    PageDown,
    PageUp,
    Top,
    Bottom,
    Open,
    Failover,
    NextCopy,
    PreviousCopy,
    Closer,
    Wider,
    Earlier,
    Later,
    Everything,
    Acknowledge,
    StandDown,
    Answer,
    PauseRun,
    CancelRun,
    NoteRun,
    RecheckRun,
    RollBackRun,
    HandOver,
    TakeOver,
    AdoptRun,
    Ungraceful,
    DoneOutside,
    UndoStep,
    EditPlan,
    PickToggle,
    PickKeep,
    TextAccept,
    TextNext,
    TextPrevious,
    TextCancel,
    /// Of the embedding command, by place in `AppOptions::extras`.
    Extra(usize),
}

#[derive(Debug, Clone, Copy)]
pub struct ActionDef {
    pub action: Action,
    /// By which user settings name it.
    pub id: &'static str,
    pub title: &'static str,
    /// The word in the footer.
    pub hint: &'static str,
    /// Place in the footer: 1 stays longest, 0 is never shown there.
    pub rank: u8,
    pub scope: Scope,
    pub keys: &'static [&'static str],
    /// Whether it changes the world: read-only refuses it.
    pub acts: bool,
}

macro_rules! actions {
    ($($action:ident $id:literal $scope:ident $keys:tt $rank:literal $hint:literal $title:literal $($acts:ident)?;)+) => {
        pub static ACTIONS: &[ActionDef] = &[$(ActionDef {
            action: Action::$action,
            id: $id,
            title: $title,
            hint: $hint,
            rank: $rank,
            scope: Scope::$scope,
            keys: &$keys,
            acts: actions!(@acts $($acts)?),
        }),+];
    };
    (@acts acts) => { true };
    (@acts) => { false };
}

actions! {
    Open          "open"         List       ["enter"]            2 "open"      "Open the selected line, or answer what is asked";
    Down          "down"         List       ["j", "down"]        0 ""          "One line down";
    Up            "up"           List       ["k", "up"]          0 ""          "One line up";
    PageDown      "page-down"    List       ["ctrl-d", "pgdn"]   0 ""          "Half a page down";
    PageUp        "page-up"      List       ["ctrl-u", "pgup"]   0 ""          "Half a page up";
    Top           "top"          List       ["g", "home"]        0 ""          "To the first line";
    Bottom        "bottom"       List       ["G", "end"]         0 ""          "To the last line";
    Failover      "failover"     Workload   ["f"]                3 "fail over" "Start this workload's failover" acts;
    NextCopy      "next-copy"    Points     ["tab"]              3 "next copy" "The workload's next copy";
    PreviousCopy  "previous-copy" Points    ["shift-tab"]        0 ""          "The workload's copy before";
    Closer        "closer"       Points     ["+", "="]           4 "closer"    "The timeline closer, around the selected point";
    Wider         "wider"        Points     ["-"]                4 "wider"     "More of the time on the timeline";
    Earlier       "earlier"      Points     ["left", "h"]        5 "earlier"   "The timeline earlier";
    Later         "later"        Points     ["right", "l"]       5 "later"     "The timeline later, up to now";
    Everything    "everything"   Points     ["a"]                0 ""          "All of the time on the timeline";
    Acknowledge   "acknowledge"  Findings   ["a"]                3 "acknowledge" "Say that what the history finds odd is as it should be" acts;
    StandDown     "stand-down"   Incident   ["S"]                5 "stand down" "Close the incident" acts;
    Answer        "answer"       Run        ["a"]                0 ""          "Answer what the run asks" acts;
    PauseRun      "pause"        Run        ["P"]                4 "pause"     "Pause the run, or let it go on" acts;
    CancelRun     "cancel"       Run        ["X"]                5 "cancel"    "Cancel the run" acts;
    NoteRun       "note"         Run        ["n"]                6 "note"      "Write a note into the run's journal" acts;
    RecheckRun    "check-again"  Run        ["c"]                0 ""          "Look again at what was looked at before the run" acts;
    RollBackRun   "roll-back"    Run        ["B"]                7 "roll back" "Take back everything that can be" acts;
    HandOver      "hand-over"    Run        ["H"]                0 ""          "Offer the command to somebody else" acts;
    TakeOver      "take-over"    Run        ["C"]                0 ""          "Take the command of the run" acts;
    AdoptRun      "adopt"        Run        ["A"]                0 ""          "Take over what was done elsewhere" acts;
    Ungraceful    "ungraceful"   Run        ["U"]                0 ""          "Leave out what only a graceful move needs" acts;
    DoneOutside   "done-outside" Run        ["O"]                0 ""          "The selected step was done without Lifeboat" acts;
    UndoStep      "undo"         Run        ["Z"]                0 ""          "Take the selected step back" acts;
    EditPlan      "edit"         Run        ["E"]                0 ""          "Change the selected step for this run" acts;
    WhatIf        "what-if"      Everywhere ["w"]                3 "what if"   "See everything as if regions were gone";
    Declare       "declare"      Everywhere ["D"]                4 "declare"   "Declare an incident" acts;
    GoRunbooks    "runbooks"     Everywhere ["r", "7"]           5 "runbooks"  "Runbooks";
    Help          "help"         Everywhere ["?"]                1 "help"      "All keys";
    Palette       "palette"      Everywhere [":"]                6 "commands"  "Find any action, workload or runbook by name";
    Filter        "filter"       Everywhere ["/"]                7 "filter"    "Show only lines that hold some text";
    Escape        "escape"       Everywhere ["esc"]              0 ""          "Up one level; never quits";
    Back          "back"         Everywhere ["q"]                2 "back"      "Back; on the overview, leave Lifeboat";
    GoOverview    "overview"     Everywhere ["1"]                0 ""          "Overview";
    GoWorkload    "workload"     Everywhere ["2"]                0 ""          "The selected workload";
    GoPoints      "points"       Everywhere ["3"]                0 ""          "Recovery points of the selected workload";
    GoStores      "stores"       Everywhere ["4"]                0 ""          "Stores";
    GoFindings    "findings"     Everywhere ["5"]                0 ""          "Findings: policy checks that fail";
    GoLosses      "losses"       Everywhere ["L"]                8 "losses"    "Every single loss beside the others, worst first";
    GoCoverage    "coverage"     Everywhere ["v"]                0 ""          "Coverage: what protects each asset, against which kind of loss";
    GoDependencies "dependencies" Everywhere ["d"]               0 ""          "What each workload needs, and in which order they come back";
    GoTrends      "trends"       Everywhere ["t"]                0 ""          "What is remembered of the workload, and where it leads";
    GoIncident    "incident"     Everywhere ["6"]                0 ""          "Incident: declare or wait";
    GoRuns        "runs"         Everywhere ["8"]                9 "runs"      "Runs, past and open";
    GoLog         "log"          Everywhere ["9"]                10 "log"      "Problems and what to do about them";
    GoRun         "run"          Everywhere ["0"]                0 ""          "The newest run";
    Refresh       "refresh"      Everywhere ["u", "ctrl-r"]      11 "ask now"  "Ask all sources now";
    Freeze        "freeze"       Everywhere ["p"]                0 ""          "Hold the figures still, or let them move again";
    Yank          "yank"         Everywhere ["y"]                0 ""          "Send the selected name to the clipboard";
    Theme         "theme"        Everywhere ["T"]                0 ""          "Next theme";
    MouseToggle   "mouse"        Everywhere ["M"]                0 ""          "Mouse on or off";
    Redraw        "redraw"       Everywhere ["ctrl-l"]           0 ""          "Draw the screen afresh";
    Suspend       "suspend"      Everywhere ["ctrl-z"]           0 ""          "To the shell; `fg` comes back";
    Quit          "quit"         Everywhere ["ctrl-c"]           0 ""          "Leave at once";
    PickToggle    "pick"         Picker     ["space"]            1 "choose"    "Choose the region, or leave it out";
    PickKeep      "keep"         Picker     ["enter"]            2 "take"      "Take what is chosen, else the selected region";
    TextAccept    "accept"       Text       ["enter"]            1 "go on"     "Next field, or done on the last";
    TextNext      "next"         Text       ["tab", "down"]      2 "next"      "Next field or line";
    TextPrevious  "previous"     Text       ["shift-tab", "up"]  0 ""          "Field or line before";
    TextCancel    "leave"        Text       ["esc"]              3 "leave"     "Close without doing anything";
}

impl Action {
    /// `None` for an extra, which the embedding command describes.
    pub fn def(self) -> Option<&'static ActionDef> {
        ACTIONS.iter().find(|d| d.action == self)
    }
    /// Whether it goes through even while text is typed.
    pub fn above_text(self) -> bool {
        matches!(self, Self::Quit | Self::Redraw | Self::Suspend)
    }
}
