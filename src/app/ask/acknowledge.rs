//! A person says that what the history finds odd is as it should be.

use lifeboat_core::assess::past;
use lifeboat_core::model::*;

use super::{Answer, Field, Form, Purpose, open};
use crate::app::{App, Effect, Screen, rows};

/// The anomaly of the selected finding; what somebody accepted already, and
/// what a rule found, is none.
pub fn odd(app: &App) -> Option<&Anomaly> {
    let row = app.selected().filter(|_| *app.screen() == Screen::Findings)?;
    let (finding, accepted) = rows::finding(app, row.at)?;
    if accepted.is_some() {
        return None;
    }
    app.seen.as_ref()?.learned.anomalies.iter().find(|a| past::finding(a) == *finding)
}

pub fn acknowledge(app: &mut App) {
    let Some(anomaly) = odd(app).cloned() else { return };
    let object = anomaly.object.clone();
    let purpose = Purpose::Acknowledge { rule: anomaly.rule, subject: anomaly.subject.clone(), object };
    let fields = vec![
        Field::text("why", "why it is so", "", "kept in the history, with your name"),
        Field::word("type acknowledge", "acknowledge"),
    ];
    let sentence = "Is this as it should be? What is like it will not be told again.";
    let mut form = Form::new(purpose, "Acknowledge", sentence, fields);
    form.details = vec![
        clean_line(&format!("{}: {}", anomaly.subject, anomaly.message)),
        clean_line(&format!("observed {}", anomaly.observed)),
        clean_line(&format!("expected {}", anomaly.expected)),
    ];
    if anomaly.object.is_none() {
        form.details.push("it is about no one point, so this holds for a week".to_owned());
    }
    open(app, form);
}

pub fn submit(rule: &str, subject: &str, object: Option<&str>, form: &Form) -> Answer {
    match form.field("why") {
        "" => Err((0, "Write a few words; they are kept in the history.".to_owned())),
        why => Ok(vec![Effect::Acknowledge {
            rule: rule.to_owned(),
            subject: subject.to_owned(),
            object: object.map(str::to_owned),
            why: why.to_owned(),
        }]),
    }
}
