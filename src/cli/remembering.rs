//! What is remembered: `trends`, `acknowledge`. Neither looks at anything.

use std::sync::mpsc;
use std::time::Duration;

use lifeboat_core::model::*;

use super::asking::{RECALL_WITHIN, recorder};
use super::opened::setting;
use super::{Asked, named, print, print_json};
use crate::engine::{Acknowledging, Setting};
use crate::keep::history::Recorder;
use crate::report::{self, Remembered};

/// What the history's thread answers, in a bounded time.
fn answered<T>(setting: &Setting, answer: &mpsc::Receiver<Result<T, Problem>>) -> Result<T, Problem> {
    let silent = |_| {
        let path = setting.places.estate(&setting.estate().id);
        Err(Problem::new(Code::HISTORY_WRITE, path.display()).because("it does not answer"))
    };
    answer.recv_timeout(RECALL_WITHIN).unwrap_or_else(silent)
}

fn past(setting: &Setting, recorder: &Recorder, workload: &WorkloadId) -> Result<Past, Problem> {
    let (reply, answer) = mpsc::channel();
    recorder.past(workload, move |past| {
        let _ = reply.send(past);
    });
    answered(setting, &answer)
}

pub fn trends(asked: &Asked, only: Option<&str>) -> Result<i32, Problem> {
    let setting = setting(asked)?;
    let estate = setting.estate();
    let only = only.map(|word| named::workload(estate, word)).transpose()?;
    let recorder = recorder(&setting);
    let learned = recorder.settle(RECALL_WITHIN);
    let wanted: Vec<_> = estate.workloads.iter().filter(|w| only.is_none_or(|one| one.id == w.id)).collect();
    let pasts: Vec<Past> =
        wanted.iter().map(|w| past(&setting, &recorder, &w.id)).collect::<Result<_, _>>()?;
    let all: Vec<_> =
        wanted.into_iter().zip(&pasts).map(|(workload, past)| Remembered { workload, past }).collect();
    let now = setting.clock.now();
    match asked.json {
        true => print_json(&report::trends(estate, &learned, &all, now)),
        false => print(&report::trends_text(estate, &learned, &all, now)),
    }
    Ok(0)
}

/// Says that what stands out is as it should be; it has to stand out now.
pub fn acknowledge(
    asked: &Asked,
    rule: &str,
    subject: &str,
    object: Option<&str>,
    why: &str,
) -> Result<i32, Problem> {
    let setting = setting(asked)?;
    let recorder = recorder(&setting);
    let learned = recorder.settle(RECALL_WITHIN);
    let wanted = Acknowledging {
        rule: rule.to_owned(),
        subject: subject.to_owned(),
        object: object.map(str::to_owned),
        why: why.to_owned(),
    };
    for (said, told) in setting.acknowledged(&learned, &wanted)? {
        let (reply, answer) = mpsc::channel();
        recorder.acknowledge(said, move |done| {
            let _ = reply.send(done);
        });
        answered(&setting, &answer)?;
        print(&(told + "\n"));
    }
    // What follows from it is found out before the next command asks.
    recorder.settle(Duration::from_secs(1));
    Ok(0)
}
