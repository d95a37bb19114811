//! Policy checks that do not hold.

use lifeboat_core::{
    assess::{Accepted, Finding, State},
    model::*,
};
use ratatui::{buffer::Buffer, layout::Rect, text::Span};

use super::{below, moment, unseen};
use crate::{
    app::{Action, App, finding, unavailable},
    ui::{
        Cx, Role,
        flow::Flow,
        table::{Cell, Column, Table, col, one},
    },
};

/// The rule stands below in full: short of room, what is wrong says more.
const COLUMNS: [Column; 4] = [
    col("STATE", 10, 10, 0),
    col("RULE", 34, 34, 2),
    col("SUBJECT", 12, 34, 0),
    col("WHAT", 36, u16::MAX, 1),
];

/// No finding is no all-clear: what stands badly is said beside it.
fn nothing(app: &App) -> String {
    let Some(shown) = &app.shown else { return "Nothing has been judged yet.".into() };
    let of = |state: State| shown.workloads.iter().filter(|w| w.state == state).count();
    let count = |n: usize, state: &str| match n {
        0 => None,
        1 => Some(format!("1 workload is {state}")),
        n => Some(format!("{n} workloads are {state}")),
    };
    let lost = shown.regions.iter().filter(|r| r.state == State::Critical).count();
    let lost = match lost {
        0 => None,
        1 => Some("1 region is down".to_owned()),
        n => Some(format!("{n} regions are down")),
    };
    let bad = [lost, count(of(State::Critical), "critical"), count(of(State::Unknown), "unknown")];
    let bad: Vec<_> = bad.into_iter().flatten().collect();
    match bad.is_empty() {
        true => "Every policy check holds.".into(),
        false => format!(
            "Every policy check holds, but {}: checks are about what is declared, the overview about what is seen.",
            bad.join(" and ")
        ),
    }
}

pub fn draw(cx: &Cx<'_>, buf: &mut Buffer, area: Rect) {
    let rows = &cx.app.rows;
    let mut flow = Flow::new(buf, area);
    flow.heading(cx, &title(cx.app));
    let open = cx.app.shown.as_ref().map_or(0, |a| a.findings.len());
    if rows.is_empty() {
        let rest = flow.rest();
        unseen(cx, buf, rest, &nothing(cx.app));
        return;
    }
    if open == 0 {
        flow.sentence(Span::raw("  "), &nothing(cx.app), cx.role(Role::Dim));
    }
    let rest = flow.rest();
    // As much as a finding with all its parts takes: a list that moves with the
    // selection would not be read.
    let (table, detail) = below(rest, rows.len(), 9);
    Table { columns: &COLUMNS, count: rows.len(), cursor: Some(cx.app.cursor) }.draw(cx, buf, table, |n| {
        let found = rows.get(n).and_then(|r| finding(cx.app, r.at));
        found.map_or_else(Vec::new, |(finding, accepted)| cells(cx, finding, accepted.is_some()))
    });
    let selected = cx.app.selected().and_then(|r| finding(cx.app, r.at)).filter(|_| detail.height > 0);
    if let Some((finding, accepted)) = selected {
        told(cx, Flow::new(buf, detail), finding, accepted);
    }
}

/// `Findings, 12: 2 critical, 10 warnings; 3 more accepted`
fn title(app: &App) -> String {
    let Some(shown) = &app.shown else { return "Findings".to_owned() };
    let of = |state: State| shown.findings.iter().filter(|f| f.severity == state).count();
    let count = |state: State, word: &str| (of(state) > 0).then(|| format!("{} {word}", of(state)));
    let counts = [
        count(State::Critical, "critical"),
        count(State::Unknown, "unknown"),
        count(State::Warning, if of(State::Warning) == 1 { "warning" } else { "warnings" }),
    ];
    let counts: Vec<_> = counts.into_iter().flatten().collect();
    let counts = if counts.is_empty() { String::new() } else { format!(": {}", counts.join(", ")) };
    let accepted = match shown.accepted.len() {
        0 => String::new(),
        n => format!("; {n} more accepted"),
    };
    let filtered = match app.filter() {
        "" => String::new(),
        _ => format!("; {} shown", app.rows.len()),
    };
    format!("Findings, {}{counts}{accepted}{filtered}", shown.findings.len())
}

fn cells(cx: &Cx<'_>, finding: &Finding, accepted: bool) -> Vec<Cell> {
    let (state, name, text) = match accepted {
        true => (cx.span(format!("{} accepted", cx.sym().done), Role::Dim), Role::Dim, Role::Dim),
        false => (cx.state(finding.severity), Role::Strong, Role::Text),
    };
    vec![
        one(state),
        one(cx.span(&finding.rule, Role::Dim)),
        one(cx.span(&finding.subject, name)),
        one(cx.span(&finding.message, text)),
    ]
}

/// The selected one in full: what, against what, by whose rule, since when, and
/// who accepted it.
fn told(cx: &Cx<'_>, mut flow: Flow<'_>, finding: &Finding, accepted: Option<&Accepted>) {
    flow.heading(cx, &finding.subject);
    flow.sentence(Span::raw(""), &cx.sentence(&finding.message), cx.role(Role::Text));
    let mut say = |label: &str, text: String| {
        flow.sentence(cx.span(format!("{label:<10}"), Role::Dim), &text, cx.role(Role::Text));
    };
    if let Some(accepted) = accepted {
        say("accepted", by_whom(cx, accepted));
    }
    for (label, value) in [("observed", &finding.observed), ("expected", &finding.expected)] {
        if let Some(value) = value {
            say(label, value.clone());
        }
    }
    say("since", since(cx, finding));
    say("rule", rule(cx.app, finding));
    if let Some(clause) = &finding.clause {
        say("clause", clause.clone());
    }
    let key = cx.app.keymap.keys(Action::Acknowledge).first();
    if let (Some(key), None) = (key, unavailable(cx.app, Action::Acknowledge)) {
        say("next", format!("look at it; if it is as it should be, {key} acknowledges it"));
    }
}

fn by_whom(cx: &Cx<'_>, accepted: &Accepted) -> String {
    let who = match (&accepted.by, accepted.at) {
        (Some(by), Some(at)) => format!("acknowledged by {by} on {} UTC", moment(at)),
        _ => "by an override of the estate".to_owned(),
    };
    let until = match accepted.until {
        Some(until) => {
            // It ends by the calendar: the picture changes with it.
            let left = Dur::between(cx.app.now, until);
            format!(", until {} UTC (for another {left})", until.format("%d %b %Y %H:%M"))
        }
        None if accepted.by.is_some() => ", for as long as it is like this".to_owned(),
        None => ", without an end".to_owned(),
    };
    format!("{who}{until}: {}", accepted.reason)
}

fn since(cx: &Cx<'_>, finding: &Finding) -> String {
    let learned = cx.app.seen.as_ref().map(|seen| &seen.learned);
    match learned.and_then(|l| l.since.get(&found(&finding.rule, &finding.subject))) {
        Some(at) => format!("{} UTC, {}, as far as is remembered", moment(*at), cx.ago(*at)),
        None => "not remembered yet".to_owned(),
    }
}

/// Whose rule it is: of a pack, of judging itself, or of the history.
fn rule(app: &App, finding: &Finding) -> String {
    let pack = finding.rule.split_once('/').map(|(pack, _)| pack);
    let pack = pack.and_then(|id| app.estate.as_ref()?.packs.iter().find(|p| p.id == id));
    let odd = |l: &Learned| {
        let quiet = l.acknowledged.iter().map(|q| &q.anomaly);
        l.anomalies.iter().chain(quiet).any(|a| a.rule == finding.rule && a.subject == finding.subject)
    };
    match pack {
        Some(pack) => format!("{}, of the pack {}: {}", finding.rule, pack.id, pack.title),
        None if app.seen.as_ref().is_some_and(|seen| odd(&seen.learned)) => {
            format!("{}, from what the history remembers", finding.rule)
        }
        None => format!("{}, which Lifeboat asks of every estate", finding.rule),
    }
}
