//! The lines of each screen's list, by name and by place in their source.

use std::collections::HashMap;

use lifeboat_core::{
    assess::{Accepted, Assessment, Covered, DependsOn, Finding, Verdict, WorkloadView},
    model::*,
};

use std::collections::BTreeMap;

use super::{App, Screen};

/// A line that can be selected.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Its name, which stays the same while it moves.
    pub id: String,
    /// Its place in what the screen draws from.
    pub at: usize,
    /// What the filter looks at, in small letters or not.
    pub text: String,
}

/// A line of the log: a problem, or something that was done.
#[derive(Debug, Clone, PartialEq)]
pub struct LogLine {
    pub at: Time,
    pub problem: Option<Problem>,
    pub text: String,
    pub times: u32,
    /// Whether it is so now, rather than was.
    pub present: bool,
}

impl LogLine {
    pub fn problem(at: Time, problem: Problem) -> Self {
        let text = format!("{}: {}", problem.subject, problem.what);
        Self { at, problem: Some(problem), text, times: 1, present: false }
    }
    pub fn done(at: Time, text: String) -> Self {
        Self { at, problem: None, text, times: 1, present: false }
    }
    pub fn same(&self, other: &Self) -> bool {
        self.text == other.text && self.problem == other.problem
    }
}

/// What fails now, by when it began, then what was logged.
pub fn log_lines(app: &App) -> Vec<LogLine> {
    let mut lines = Vec::new();
    if let Some(seen) = &app.seen {
        let probes = seen.probes.values().map(|o| (o.problem(), o.failing_since(), o.failures()));
        let copies = seen.copies.values().map(|o| (o.problem(), o.failing_since(), o.failures()));
        for (problem, since, failures) in probes.chain(copies) {
            if let (Some(problem), Some(since)) = (problem, since) {
                let line = LogLine::problem(since, problem.clone());
                lines.push(LogLine { times: failures, present: true, ..line });
            }
        }
    }
    lines.sort_by(|a, b| b.at.cmp(&a.at).then_with(|| a.text.cmp(&b.text)));
    lines.extend(app.log.iter().cloned());
    lines
}

/// The view of a workload in what is shown.
pub fn view<'a>(app: &'a App, id: &WorkloadId) -> Option<&'a WorkloadView> {
    app.shown.as_ref()?.workload(id)
}

pub fn of(app: &App, screen: &Screen) -> Vec<Row> {
    let list = |texts: Vec<(String, String)>| {
        let rows = texts.into_iter().enumerate();
        rows.map(|(at, (id, text))| Row { id, at, text }).collect::<Vec<_>>()
    };
    match screen {
        Screen::Overview => list(
            app.glance
                .rows
                .iter()
                .map(|r| {
                    let home = r.home.as_ref().map_or("", RegionId::as_str);
                    (
                        r.id.to_string(),
                        format!("{} {} {home} {} {}", r.id, r.label, r.state.as_str(), r.verdict.as_str()),
                    )
                })
                .collect(),
        ),
        Screen::Workload(id) => list(view(app, id).map(sources).unwrap_or_default()),
        Screen::Points(key) => match app.points.get(key) {
            Some(Ok(report)) => {
                list(report.points.iter().map(|p| (p.id.clone(), format!("{} {}", p.id, p.reason))).collect())
            }
            _ => Vec::new(),
        },
        Screen::Stores => {
            let stores = app.estate.iter().flat_map(|e| &e.stores);
            list(stores.map(|s| (s.id.to_string(), format!("{} {}", s.id, s.url))).collect())
        }
        Screen::Findings => {
            let open = app.shown.iter().flat_map(|a| &a.findings).map(|f| (f, "open"));
            let accepted = app.shown.iter().flat_map(|a| &a.accepted).map(|a| (&a.finding, "accepted"));
            let text = |f: &Finding, how: &str| {
                let clause = f.clause.as_deref().unwrap_or_default();
                let severity = f.severity.as_str();
                format!("{how} {severity} {} {} {} {clause}", f.rule, f.subject, f.message)
            };
            let all = open.chain(accepted);
            let mut known = BTreeMap::new();
            list(all.map(|(f, how)| (named(&mut known, found(&f.rule, &f.subject)), text(f, how))).collect())
        }
        Screen::Losses => {
            let rows = app.comparison.iter().flat_map(|c| &c.rows);
            list(rows.map(|r| (r.lost.to_string(), format!("{} {}", r.lost, r.worst))).collect())
        }
        Screen::Coverage => {
            let rows = app.coverage.iter().flat_map(|c| &c.rows);
            let fates = |c: &Covered| {
                let each = c.against.iter().map(|h| format!("{} {}", h.threat.as_str(), h.fate.as_str()));
                each.collect::<Vec<_>>().join(" ")
            };
            let text = |c: &Covered| format!("{}/{} {} {}", c.workload, c.asset, c.by.join(" "), fates(c));
            list(rows.map(|c| (format!("{}/{}", c.workload, c.asset), text(c))).collect())
        }
        Screen::Dependencies => {
            let rows = app.dependencies.iter().flat_map(|d| &d.rows);
            let names = |r: &DependsOn| r.needs.iter().map(|n| n.what.name()).collect::<Vec<_>>().join(" ");
            let text = |r: &DependsOn| format!("{} {} {}", r.workload, r.verdict, names(r));
            list(rows.map(|r| (r.workload.to_string(), text(r))).collect())
        }
        Screen::Trends(id) => {
            let plots =
                app.pasts.get(id).and_then(|p| p.as_ref().ok()).into_iter().flat_map(|p| p.plots.iter());
            list(plots.map(|p| (p.id.clone(), format!("{} {}", p.of, p.what))).collect())
        }
        Screen::Incident => {
            list(next_runbooks(app).into_iter().map(|(w, r)| (r.to_string(), w.to_string())).collect())
        }
        Screen::Runbooks => {
            let books = app.estate.iter().flat_map(|e| &e.runbooks);
            list(books.map(|r| (r.id.to_string(), format!("{} {}", r.id, r.title))).collect())
        }
        Screen::Runs => list(
            app.runs.iter().map(|r| (r.id.to_string(), format!("{} {}", r.id, r.state.as_str()))).collect(),
        ),
        Screen::Run(id) => {
            let steps = app.views.get(id).into_iter().flat_map(|v| &v.run.steps);
            list(steps.map(|s| (s.plan.id.to_string(), s.plan.label().to_owned())).collect())
        }
        Screen::Log => {
            list(log_lines(app).into_iter().map(|l| (format!("{} {}", l.at, l.text), l.text)).collect())
        }
    }
}

/// A name of its own for each of those that share one.
fn named(known: &mut BTreeMap<String, usize>, name: String) -> String {
    let n = known.entry(name.clone()).and_modify(|n| *n += 1).or_insert(1);
    if *n > 1 { format!("{name} #{n}") } else { name }
}

/// A line of the findings: those that stand, then those that somebody accepted.
pub fn finding(app: &App, at: usize) -> Option<(&Finding, Option<&Accepted>)> {
    let shown = app.shown.as_ref()?;
    match shown.findings.get(at) {
        Some(finding) => Some((finding, None)),
        None => shown.accepted.get(at - shown.findings.len()).map(|a| (&a.finding, Some(a))),
    }
}

/// Copies and replicas of a workload, in the order of its assets.
fn sources(w: &WorkloadView) -> Vec<(String, String)> {
    let mut rows = Vec::new();
    for asset in &w.assets {
        for replica in &asset.replicas {
            rows.push((
                format!("{}/replica/{}", asset.id, replica.index),
                format!("{} {}", asset.id, replica.region),
            ));
        }
        for copy in asset.copies() {
            rows.push((
                format!("{}/copy/{}", asset.id, copy.index),
                format!("{} {}", asset.id, copy.on.store),
            ));
        }
    }
    rows
}

/// The copy that a line of the workload's table stands for.
pub fn copy_of(workload: &WorkloadId, row: &str) -> Option<CopyKey> {
    let mut parts = row.split('/');
    let (asset, kind, index) = (parts.next()?, parts.next()?, parts.next()?);
    (kind == "copy").then_some(())?;
    Some(CopyKey { workload: workload.clone(), asset: asset.into(), index: index.parse().ok()? })
}

/// All copies of a workload, in the order of its assets.
pub fn copies(estate: &Estate, workload: &WorkloadId) -> Vec<CopyKey> {
    let assets = estate.workload(workload.as_str()).into_iter().flat_map(|w| &w.assets);
    let keys = assets.flat_map(|a| {
        let key = |index| CopyKey { workload: workload.clone(), asset: a.id.clone(), index };
        (0..a.copies.len()).map(key)
    });
    keys.collect()
}

/// The runbook of a kind that a workload names, else one that names it.
pub fn runbook_of(estate: &Estate, w: &WorkloadId, kind: RunbookKind) -> Option<RunbookId> {
    let named = estate.workload(w.as_str())?.runbooks.get(&kind).cloned();
    let naming = || estate.runbooks.iter().find(|r| r.kind == kind && r.workloads.contains(w));
    named.or_else(|| naming().map(|r| r.id.clone()))
}

/// What an incident calls for: the failover of every workload that serves from
/// what is lost, in the order in which they can come back; then, where what was
/// lost answers again, the way home of those that moved.
pub fn next_runbooks(app: &App) -> Vec<(WorkloadId, RunbookId)> {
    let Some(estate) = &app.estate else { return Vec::new() };
    let of =
        |w: &&WorkloadView, kind: RunbookKind| runbook_of(estate, &w.id, kind).map(|r| (w.id.clone(), r));
    let (hit, moved) = concerned(app);
    let over = hit.iter().filter_map(|w| of(w, RunbookKind::Failover));
    let declared = |w: &WorkloadView| estate.workload(w.id.as_str()).and_then(|w| w.home.as_ref());
    let is_back = |w: &&&WorkloadView| declared(w).is_some_and(|home| app.back.contains_key(home));
    let home = moved.iter().filter(is_back).filter_map(|w| of(w, RunbookKind::Failback));
    over.chain(home).collect()
}

/// Those that serve from what is lost and that no runbook brings back.
pub fn without_runbook(app: &App) -> Vec<WorkloadId> {
    let Some(estate) = &app.estate else { return Vec::new() };
    let none = |w: &&&WorkloadView| runbook_of(estate, &w.id, RunbookKind::Failover).is_none();
    concerned(app).0.iter().filter(none).map(|w| w.id.clone()).collect()
}

/// Of the incident: the workloads that serve from what is lost, and those that
/// did and serve from elsewhere now, in the order in which they can come back.
pub fn concerned(app: &App) -> (Vec<&WorkloadView>, Vec<&WorkloadView>) {
    let (Some(real), Some(incident)) = (&app.real, &app.incident) else { return Default::default() };
    let lost = |w: &WorkloadView| is_hit(real, &incident.scenario, w);
    let predicted = |w: &WorkloadView| incident.predictions.iter().any(|p| p.workload == w.id);
    let all = real.workloads.iter().map(|w| &**w).filter(|w| lost(w) || predicted(w));
    let all: Vec<&WorkloadView> = all.collect();
    let urgent = urgencies(app, &all);
    let turns = real.recovery.iter().flat_map(|r| &r.order);
    let waves: HashMap<&WorkloadId, _> = turns.map(|o| (&o.workload, o.wave)).collect();
    let wave = |id: &WorkloadId| waves.get(id).copied().unwrap_or_default();
    let mut all: Vec<_> = all.into_iter().zip(urgent).collect();
    all.sort_by_key(|(w, urgent)| (*urgent, wave(&w.id), w.id.clone()));
    all.into_iter().map(|(w, _)| w).partition(|w| lost(w))
}

/// Whether a workload serves from what a scenario takes: from a region that goes
/// with it, by whatever name it was declared; or it needs what lies in none.
pub fn is_hit(real: &Assessment, scenario: &Scenario, w: &WorkloadView) -> bool {
    let region = |r: &RegionId| {
        let taken = real.regions.iter().any(|view| view.id == *r && view.lost);
        taken || scenario.lost.contains_key(&Selector::region(r))
    };
    let elsewhere = |kind: DomainKind| {
        matches!(kind, DomainKind::Account | DomainKind::Organisation | DomainKind::Store | DomainKind::Asset)
    };
    let judged = || w.verdict.as_ref().is_some_and(|j| j.verdict >= Verdict::Recoverable);
    w.home.as_ref().is_some_and(region) || (scenario.lost.keys().any(|s| elsewhere(s.kind)) && judged())
}

/// The tier of each, or of the most urgent that stands on it.
fn urgencies(app: &App, all: &[&WorkloadView]) -> Vec<u8> {
    let mut urgent: Vec<u8> = all.iter().map(|w| w.tier.unwrap_or(u8::MAX)).collect();
    let places: HashMap<&WorkloadId, usize> = all.iter().enumerate().map(|(n, w)| (&w.id, n)).collect();
    let hard = |w: &WorkloadView| -> Vec<usize> {
        let declared = app.estate.as_ref().and_then(|e| e.workload(w.id.as_str()));
        let on = declared.into_iter().flat_map(|w| &w.depends_on).filter(|d| d.kind == DependencyKind::Hard);
        on.filter_map(|d| places.get(&d.id).copied()).collect()
    };
    let on: Vec<Vec<usize>> = all.iter().map(|w| hard(w)).collect();
    // Each round carries it one further down; a cycle cannot keep this going.
    for _ in 0..all.len() {
        let before = urgent.clone();
        for (n, on) in on.iter().enumerate() {
            for d in on {
                urgent[*d] = urgent[*d].min(urgent[n]);
            }
        }
        if urgent == before {
            break;
        }
    }
    urgent
}
