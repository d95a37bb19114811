//! Declaring an incident, with what speaks for it, and closing it.

use std::collections::BTreeSet;

use lifeboat_core::{
    assess::{self, State},
    model::*,
};

use super::{Answer, Field, FieldKind, Form, Purpose, open};
use crate::app::{App, Declaration, Effect, fails_at_home, instant, rows};

pub fn declare(app: &mut App) {
    let lost = suspects(app);
    let lost: Vec<_> = lost.iter().map(RegionId::as_str).collect();
    let lost = lost.join(" ");
    let began = lost.parse().ok().and_then(|lost| impact(app, &lost)).map_or("now".to_owned(), proposed);
    let fields = vec![
        Field::text("lost", "what is lost", &lost, "regions, or SELECTOR=MODE"),
        Field::text("began", "impact began", &began, "now, 5m ago or 14:03, UTC"),
        Field::word("declare", &lost),
    ];
    let sentence = "Declare that this is lost in reality? Clocks start and predictions are kept.";
    let mut form = Form::new(Purpose::Declare, "Declare an incident", sentence, fields);
    if let Ok(scenario) = lost.parse::<Scenario>() {
        form.details = evidence(app, &scenario);
    }
    if form.details.is_empty() {
        form.details.push("Nothing that is seen speaks for it.".into());
    }
    follow(&mut form);
    // What is lost is usually known: the cursor waits where the name is typed.
    form.focus = if lost.is_empty() { 0 } else { 2 };
    open(app, form);
}

/// The name to type is what is declared lost.
pub fn follow(form: &mut Form) {
    let lost = form.field("lost").to_owned();
    if let Some(word) = form.fields.last_mut() {
        word.label = format!("type {}", if lost.is_empty() { "the region" } else { &lost });
        word.kind = FieldKind::Word(lost);
    }
}

/// The regions that a declaration is most likely about: those of what-if,
/// else those that are critical, else the home of the worst workload in trouble.
fn suspects(app: &App) -> BTreeSet<RegionId> {
    if !app.what_if.is_empty() {
        return app.what_if.clone();
    }
    let Some(real) = &app.real else { return BTreeSet::new() };
    let down = real.regions.iter().filter(|r| r.state == State::Critical);
    let down: BTreeSet<_> = down.map(|r| r.id.clone()).collect();
    if !down.is_empty() {
        return down;
    }
    // A workload that is critical for want of a backup speaks for no loss.
    let worst = real.workloads.iter().find(|w| fails_at_home(w));
    worst.and_then(|w| w.home.clone()).into_iter().collect()
}

/// When the first of the probes concerned began to fail.
fn impact(app: &App, lost: &Scenario) -> Option<Time> {
    assess::impact(app.seen.as_deref()?, &app.assess(lost)?)
}

/// What is seen that speaks for declaring these domains lost, in sentences.
pub fn evidence(app: &App, lost: &Scenario) -> Vec<String> {
    let supposed = app.seen.as_deref().zip(app.assess(lost));
    supposed.map_or_else(Vec::new, |(seen, supposed)| assess::evidence(seen, &supposed))
}

/// As the field shows an instant that was proposed.
fn proposed(at: Time) -> String {
    at.format("%H:%M:%S").to_string()
}

pub fn submit(app: &mut App, form: &Form) -> Answer {
    let scenario: Scenario = form.field("lost").parse().map_err(|e: UnitError| (0, e.to_string()))?;
    if scenario.is_empty() {
        return Err((0, "Name what is lost, for example eu-west-1.".into()));
    }
    let Some(estate) = app.estate.as_ref().filter(|_| app.seen.is_some()) else {
        return Err((0, "Nothing has been seen yet.".into()));
    };
    let strange =
        scenario.lost.keys().find(|s| s.kind == DomainKind::Region && estate.region(&s.id).is_none());
    if let Some(strange) = strange {
        let there: Vec<_> = estate.regions.iter().map(|r| format!("{} ({})", r.id, r.label())).collect();
        let there = clean_line(&there.join(", "));
        return Err((0, format!("There is no region {strange} in this estate; there are {there}.")));
    }
    let detected_at = impact(app, &scenario);
    let began = form.field("began");
    // Left as it was proposed, it is the exact instant, not the second shown.
    let impact_began = match detected_at.filter(|at| proposed(*at) == began) {
        Some(exact) => exact,
        None => instant(began, app.now).map_err(|why| (1, why))?,
    };
    if impact_began > app.now {
        return Err((1, "The impact cannot begin in the future.".into()));
    }
    let judged = Scenario { impact_began: Some(impact_began), ..scenario.clone() };
    let declaration = Declaration {
        impact_began,
        detected_at,
        evidence: evidence(app, &scenario),
        predictions: app.assess(&judged).map_or_else(Vec::new, |judged| assess::predictions(&judged)),
        scenario,
    };
    // From supposing to declaring: what is real is no longer supposed.
    app.what_if.clear();
    app.outdated = true;
    app.jump(crate::app::Screen::Incident);
    Ok(vec![Effect::Declare(declaration)])
}

pub fn stand_down(app: &mut App) {
    let Some(incident) = &app.incident else { return };
    let sentence = "Close the incident? Clocks stop and nothing is assumed lost any more.";
    let still: Vec<_> = rows::concerned(app).0.iter().map(|w| w.id.clone()).collect();
    let fields = vec![Field::word("type stand down", "stand down")];
    let mut form = Form::new(Purpose::StandDown, "Stand down", sentence, fields);
    form.details.push(format!(
        "{} since {} UTC",
        incident.scenario,
        incident.impact_began.format("%H:%M:%S")
    ));
    form.details.extend(still.iter().map(|w| format!("{w} still serves from what is lost.")));
    open(app, form);
}
