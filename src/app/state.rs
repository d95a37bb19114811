//! The state of the dashboard: what is known, where one is, what is being typed.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use lifeboat_core::{
    assess::{
        Assessment, Assessor, Comparison, Coverage, Dependencies, Glance, compare, coverage, dependencies,
    },
    model::*,
    run::{Incident, RunRow, RunView},
};

use super::drawn::Drawn;
use super::{Hit, Key, Keymap, Layer, Remembered, Row, Scope, Trust, Zoom, alarm, rows};

/// An action that the embedding command adds, such as a fault of the demo.
#[derive(Debug, Clone, PartialEq)]
pub struct Extra {
    pub key: Key,
    pub title: String,
}

#[derive(Debug, Clone, PartialEq)]
pub struct AppOptions {
    /// No action that changes the world.
    pub read_only: bool,
    pub extras: Vec<Extra>,
    /// A name of `ui::theme::NAMES`.
    pub theme: String,
    /// All themes, in the order in which a key goes through them.
    pub themes: Vec<String>,
    /// Regions assumed gone from the start.
    pub what_if: BTreeSet<RegionId>,
    pub mouse: bool,
    /// The user's own keys: an action's id to keys.
    pub keys: BTreeMap<String, Vec<String>>,
}

impl Default for AppOptions {
    fn default() -> Self {
        Self {
            read_only: false,
            extras: Vec::new(),
            theme: "dark".into(),
            themes: vec!["dark".into()],
            what_if: BTreeSet::new(),
            mouse: false,
            keys: BTreeMap::new(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Screen {
    Overview,
    Workload(WorkloadId),
    Points(CopyKey),
    Stores,
    Findings,
    Losses,
    Coverage,
    Dependencies,
    Trends(WorkloadId),
    Incident,
    Runbooks,
    Runs,
    Run(RunId),
    Log,
}

impl Screen {
    pub fn scope(&self) -> Option<Scope> {
        match self {
            Self::Workload(_) => Some(Scope::Workload),
            Self::Points(_) => Some(Scope::Points),
            Self::Findings => Some(Scope::Findings),
            Self::Incident => Some(Scope::Incident),
            Self::Run(_) => Some(Scope::Run),
            _ => None,
        }
    }
    pub fn title(&self) -> String {
        match self {
            Self::Overview => "Overview".into(),
            Self::Workload(id) => id.to_string(),
            Self::Points(key) => format!("{}/{} points", key.workload, key.asset),
            Self::Stores => "Stores".into(),
            Self::Findings => "Findings".into(),
            Self::Losses => "All single losses".into(),
            Self::Coverage => "Coverage".into(),
            Self::Dependencies => "Dependencies".into(),
            Self::Trends(id) => format!("{id} trends"),
            Self::Incident => "Incident".into(),
            Self::Runbooks => "Runbooks".into(),
            Self::Runs => "Runs".into(),
            Self::Run(_) => "Run".into(),
            Self::Log => "Log".into(),
        }
    }
}

/// How urgent the next frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Paint {
    Nothing,
    /// Figures changed: at most twice a second.
    Soon,
    /// A key, a run, a problem: at once.
    Now,
}

/// One sentence about the last action, shown in the footer for a while.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    pub text: String,
    pub until: Time,
    pub refused: bool,
}

/// A list's place on one screen, kept by name, so that it stays on its line
/// when lines move.
#[derive(Debug, Clone, Default)]
pub struct Place {
    pub id: Option<String>,
    pub filter: String,
}

pub struct App {
    pub now: Time,
    pub size: (u16, u16),
    pub options: AppOptions,
    pub keymap: Keymap,
    pub theme: String,
    pub mouse: bool,

    pub estate: Option<Arc<Estate>>,
    /// Judges `estate`.
    pub assessor: Option<Assessor>,
    pub trust: Trust,
    pub seen: Option<Arc<Observations>>,
    /// Newer observations, held back while figures are frozen.
    pub held: Option<Arc<Observations>>,
    pub frozen: bool,
    /// What is really so: under the incident, if one is declared.
    pub real: Option<Arc<Assessment>>,
    /// What is shown: under what-if, if there is one; else the same as `real`.
    pub shown: Option<Arc<Assessment>>,
    /// Every single loss beside the others, while that page is shown.
    pub comparison: Option<Arc<Comparison>>,
    /// What protects each asset, while that page is shown.
    pub coverage: Option<Arc<Coverage>>,
    /// What each workload needs, while that page is shown.
    pub dependencies: Option<Arc<Dependencies>>,
    pub glance: Arc<Glance>,
    /// Whether `glance` is about now; else it is the last known.
    pub live: bool,
    pub incident: Option<Arc<Incident>>,
    /// Regions declared lost that answer again.
    pub back: alarm::Back,
    pub runs: Vec<RunRow>,
    pub views: BTreeMap<RunId, Arc<RunView>>,
    /// The runbook that was started here and whose run has not shown itself yet.
    pub awaited_run: Option<RunbookId>,
    pub points: BTreeMap<CopyKey, Result<Arc<CopyReport>, Problem>>,
    /// What is kept of each workload over time, as it was when last asked for.
    pub pasts: BTreeMap<WorkloadId, Result<Remembered, Problem>>,
    /// What the timeline of each copy shows.
    pub zooms: BTreeMap<CopyKey, Zoom>,
    pub log: VecDeque<super::LogLine>,

    /// The way here; the first is always the overview.
    pub way: Vec<Screen>,
    pub layers: Vec<Layer>,
    pub what_if: BTreeSet<RegionId>,
    pub places: BTreeMap<Screen, Place>,
    /// The lines of the present screen's list and the selected one.
    pub rows: Vec<Row>,
    pub cursor: usize,
    pub notice: Option<Notice>,

    pub paint: Paint,
    /// What the last frame was drawn from.
    pub drawn: Option<Drawn>,
    /// The assessment is older than what it is made from.
    pub outdated: bool,
    /// When the picture next changes by time alone.
    pub until: Option<Time>,
    pub hits: Vec<Hit>,
}

impl App {
    pub fn new(options: AppOptions, now: Time) -> (Self, Vec<String>) {
        let extras: Vec<Key> = options.extras.iter().map(|e| e.key).collect();
        let (keymap, wrong) = Keymap::new(&options.keys, &extras);
        let app = Self {
            now,
            size: (80, 24),
            keymap,
            theme: options.theme.clone(),
            mouse: options.mouse,
            what_if: options.what_if.clone(),
            options,
            estate: None,
            assessor: None,
            trust: Trust::Unknown,
            seen: None,
            held: None,
            frozen: false,
            real: None,
            shown: None,
            comparison: None,
            coverage: None,
            dependencies: None,
            glance: Arc::default(),
            live: false,
            incident: None,
            back: alarm::Back::new(),
            runs: Vec::new(),
            views: BTreeMap::new(),
            awaited_run: None,
            points: BTreeMap::new(),
            pasts: BTreeMap::new(),
            zooms: BTreeMap::new(),
            log: VecDeque::new(),
            way: vec![Screen::Overview],
            layers: Vec::new(),
            places: BTreeMap::new(),
            rows: Vec::new(),
            cursor: 0,
            notice: None,
            paint: Paint::Now,
            drawn: None,
            outdated: false,
            until: None,
            hits: Vec::new(),
        };
        (app, wrong)
    }

    pub fn screen(&self) -> &Screen {
        self.way.last().unwrap_or(&Screen::Overview)
    }
    pub fn layer(&self) -> Option<&Layer> {
        self.layers.last()
    }
    pub fn filter(&self) -> &str {
        self.places.get(self.screen()).map_or("", |p| &p.filter)
    }
    pub fn selected(&self) -> Option<&Row> {
        self.rows.get(self.cursor)
    }
    /// The run that is shown on its own screen.
    pub fn run(&self) -> Option<&Arc<RunView>> {
        match self.screen() {
            Screen::Run(id) => self.views.get(id),
            _ => None,
        }
    }
    /// The run that is driven now, newest first.
    pub fn open_run(&self) -> Option<&Arc<RunView>> {
        self.views.values().rev().find(|v| !v.run.state.is_over())
    }
    pub fn problem(&self) -> Option<&Problem> {
        match &self.trust {
            Trust::Refused(problem) => Some(problem),
            _ => None,
        }
    }

    /// What is declared lost, if anything.
    pub fn real_scenario(&self) -> Scenario {
        self.incident.as_ref().map_or_else(Scenario::default, |i| Scenario {
            impact_began: Some(i.impact_began),
            ..i.scenario.clone()
        })
    }
    /// What is assumed lost on screen: the declared and the supposed.
    pub fn shown_scenario(&self) -> Scenario {
        let mut scenario = self.real_scenario();
        for region in &self.what_if {
            // What is declared may be worse than gone.
            scenario.lost.entry(Selector::region(region)).or_insert(LossMode::Gone);
        }
        scenario
    }

    /// What was seen so far judged under any scenario; `None` before the first look.
    pub fn assess(&self, scenario: &Scenario) -> Option<Assessment> {
        Some(self.assessor.as_ref()?.assess(self.seen.as_deref()?, self.now, scenario))
    }

    /// Brings assessment and lines up to date. The loop calls it before a
    /// frame, so that lines move only when a person can see them move.
    pub fn settle(&mut self) {
        if std::mem::take(&mut self.outdated)
            && let (Some(assessor), Some(seen)) = (&self.assessor, &self.seen)
        {
            let assess = |scenario: &Scenario| Arc::new(assessor.assess(seen, self.now, scenario));
            let real = assess(&self.real_scenario());
            let shown = match self.what_if.is_empty() {
                true => real.clone(),
                false => assess(&self.shown_scenario()),
            };
            alarm::note(&mut self.back, self.incident.as_deref(), &real);
            self.glance = Arc::new(Glance::of(assessor.estate(), seen, &shown));
            (self.real, self.shown, self.live) = (Some(real), Some(shown), true);
            (self.comparison, self.coverage, self.dependencies) = (None, None, None);
        }
        match self.screen() {
            Screen::Losses => self.compare(),
            Screen::Coverage => self.cover(),
            Screen::Dependencies => self.depend(),
            _ => {}
        }
        self.relist();
    }

    /// Judges every single loss, unless that was done since anything changed.
    fn compare(&mut self) {
        if let (Some(assessor), Some(seen), None) = (&self.assessor, &self.seen, &self.comparison) {
            self.comparison = Some(Arc::new(compare(assessor, seen, self.now, LossMode::Gone, None)));
        }
    }

    /// Finds what protects each asset, unless that was done since anything changed.
    fn cover(&mut self) {
        if let (Some(estate), Some(seen), Some(real), None) =
            (&self.estate, &self.seen, &self.real, &self.coverage)
        {
            self.coverage = Some(Arc::new(coverage(estate, seen, real)));
        }
    }

    /// Finds what each workload needs, unless that was done since anything changed.
    fn depend(&mut self) {
        if let (Some(assessor), Some(shown), None) = (&self.assessor, &self.shown, &self.dependencies) {
            self.dependencies = Some(Arc::new(dependencies(assessor, shown)));
        }
    }

    /// Makes the lines of the present screen afresh; the selected one stays
    /// selected by name, else its place.
    pub fn relist(&mut self) {
        let mut lines = rows::of(self, self.screen());
        let filter = self.filter().to_lowercase();
        if !filter.is_empty() {
            lines.retain(|r| r.text.to_lowercase().contains(&filter));
        }
        let wanted = self.places.get(self.screen()).and_then(|p| p.id.as_ref());
        let found = wanted.and_then(|id| lines.iter().position(|r| r.id == *id));
        // On a run the step that matters is followed until a person moves away.
        let current = match self.screen() {
            Screen::Run(id) if wanted.is_none() => {
                let step = self.views.get(id).and_then(|v| v.run.current()).map(|s| s.plan.id.clone());
                step.and_then(|id| lines.iter().position(|r| id == *r.id.as_str()))
            }
            _ => None,
        };
        self.cursor = found.or(current).unwrap_or(self.cursor).min(lines.len().saturating_sub(1));
        self.rows = lines;
    }

    pub fn select(&mut self, index: usize) {
        self.cursor = index.min(self.rows.len().saturating_sub(1));
        let id = self.selected().map(|r| r.id.clone());
        self.places.entry(self.screen().clone()).or_default().id = id;
    }

    pub fn go(&mut self, screen: Screen) {
        if *self.screen() != screen {
            self.way.push(screen);
            // A way that goes in circles is cut where it closes.
            if let Some(at) = self.way[..self.way.len() - 1].iter().position(|s| s == self.screen()) {
                self.way.truncate(at + 1);
            }
            self.cursor = 0;
        }
        self.relist();
    }
    /// To a screen by its digit: one step above it lies the overview.
    pub fn jump(&mut self, screen: Screen) {
        self.way.truncate(1);
        self.go(screen);
    }
    pub fn back(&mut self) -> bool {
        let can = self.way.len() > 1;
        if can {
            self.way.pop();
            self.cursor = 0;
            self.relist();
        }
        can
    }

    pub fn say(&mut self, text: impl Into<String>, refused: bool) {
        self.notice = Some(Notice { text: text.into(), until: self.now + Dur::secs(6), refused });
        self.wants(Paint::Now);
    }
    pub fn wants(&mut self, paint: Paint) {
        self.paint = self.paint.max(paint);
    }

    /// Time went on: what changes by time alone is due.
    pub fn pass(&mut self, now: Time) {
        self.now = self.now.max(now);
        if self.notice.as_ref().is_some_and(|n| n.until <= self.now) {
            self.notice = None;
            self.wants(Paint::Now);
        }
        let turned = |a: &Option<Arc<Assessment>>| {
            a.as_ref().and_then(|a| a.next_change).is_some_and(|at| at <= self.now)
        };
        if turned(&self.real) || turned(&self.shown) {
            self.outdated = true;
            self.wants(Paint::Soon);
        }
        if self.until.is_some_and(|at| at <= self.now) {
            // Figures that move with the clock are assessed with it.
            self.outdated |= self.moving();
            self.wants(Paint::Soon);
        }
    }
    /// Whether the screen shows what an assessment says of this very second.
    fn moving(&self) -> bool {
        matches!(self.screen(), Screen::Incident)
    }
    /// When the loop must wake up though nothing happens.
    pub fn deadline(&self) -> Option<Time> {
        let change = |a: &Option<Arc<Assessment>>| a.as_ref().and_then(|a| a.next_change);
        let notice = self.notice.as_ref().map(|n| n.until);
        let all = [self.until, notice, change(&self.real), change(&self.shown)];
        // What is past has been taken note of and waits for its frame.
        all.into_iter().flatten().filter(|at| *at > self.now).min()
    }
    /// Whether a question is about to appear that nobody has seen yet.
    pub fn question_unseen(&self) -> bool {
        matches!(self.layers.last(), Some(Layer::Form(form)) if form.shown.is_none())
    }
    pub fn painted(&mut self, at: Time, until: Option<Time>, hits: Vec<Hit>) {
        self.paint = Paint::Nothing;
        self.drawn = Some(Drawn::of(self));
        self.until = until;
        self.hits = hits;
        if let Some(Layer::Form(form)) = self.layers.last_mut() {
            form.shown.get_or_insert(at);
        }
    }
}
