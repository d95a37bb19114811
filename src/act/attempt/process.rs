//! `lifeboat __attempt DIR`: from taking over the lock to leaving the outcome.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Write as _},
    os::{fd::OwnedFd, unix::fs::MetadataExt as _},
    path::Path,
};

use lifeboat_core::{
    model::{KeptSecret, clean_line},
    record::{Action, Given},
    run::{AttemptResult, Outcome},
};
use rustix::fs::{FlockOperation, flock};
use serde_json::Value;

use super::{
    Job, Spec,
    command::{self, Ended},
    outcome, outcome_of,
    output::{self, Capture, Kept},
    request::Request,
};
use crate::{
    act::{copy, dns, notify, restore},
    keep::durable,
    net::{Secrets, redact::Redactor},
};

/// The whole life of an attempt. The exit code says only whether an outcome
/// was left: 0; 64 if it was not started as an attempt is; 1 otherwise.
pub fn main(dir: &Path) -> i32 {
    let lock = match take_over(dir) {
        Ok(lock) => lock,
        Err(e) => {
            eprintln!("lifeboat __attempt is started by a run, not by hand: {e}");
            return 64;
        }
    };
    let done = attempt(dir);
    // Held to the very end: the outcome is there before the lock is free.
    drop(lock);
    match done {
        Ok(()) => 0,
        Err(e) => {
            eprintln!("{e}");
            1
        }
    }
}

/// Moves the lock from standard input to a descriptor that the command will
/// inherit, and leaves the terminal's session.
fn take_over(dir: &Path) -> io::Result<OwnedFd> {
    let stdin = rustix::stdio::stdin();
    let here = fs::metadata(dir.join("lock"))?;
    let handed = File::from(rustix::io::fcntl_dupfd_cloexec(stdin, 3)?).metadata()?;
    if (handed.dev(), handed.ino()) != (here.dev(), here.ino()) {
        return Err(io::Error::other("standard input is not its lock"));
    }
    flock(stdin, FlockOperation::NonBlockingLockExclusive)?;
    // Not closed on exec, unlike everything else that is open here.
    let lock = rustix::io::dup(stdin)?;
    rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    rustix::process::setsid()?;
    Ok(lock)
}

fn attempt(dir: &Path) -> io::Result<()> {
    let spec: Spec = serde_json::from_slice(&fs::read(dir.join("spec.json"))?)?;
    let room = outcome::reserve(dir)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let began = chrono::Utc::now();
    let secrets = secrets(&spec);
    let acted = runtime.block_on(act(dir, &spec, &secrets));
    let outcome = acted.unwrap_or_else(|why| outcome_of(AttemptResult::NotStarted, &why, began, began));
    let mut outcome = without_secrets(outcome, &secrets.redactor());
    (outcome.started_at, outcome.ended_at) = (began, chrono::Utc::now());
    outcome::insist(dir, room, &outcome)
}

/// `Err`: it could not be started, and nothing happened.
async fn act(dir: &Path, spec: &Spec, secrets: &Secrets) -> Result<Outcome, String> {
    match &spec.action {
        Action::Command { run, env, cwd } => {
            let secret = env.values().any(|given| matches!(given, Given::Secret(_)));
            let env = values(env, secrets).await?;
            by_command(dir, spec, run, cwd.as_deref(), &env, secret.then_some(secrets)).await
        }
        Action::Http { method, url, headers, body, expect, ca } => {
            let headers = values(headers, secrets).await?;
            let (body, ca) = (body.as_deref(), ca.as_deref());
            let request = Request::new(method, url, &headers, body, expect, ca, spec)?;
            by_request(dir, spec, request, secrets).await
        }
        action => by_itself(dir, spec, action, secrets).await,
    }
}

/// Effects that this program carries out by itself.
async fn by_itself(dir: &Path, spec: &Spec, action: &Action, secrets: &Secrets) -> Result<Outcome, String> {
    let text = |e: io::Error| e.to_string();
    let job = Job::new(dir, spec, secrets.clone()).map_err(text)?;
    let done = match action {
        Action::Dns { server, zone, record, require, tsig, resolvers } => {
            let tsig = tsig.as_ref();
            dns::act(&job, dns::Asked { server, zone, record, require, tsig, resolvers }).await
        }
        Action::Restore { .. } => restore::act(&job, action).await,
        Action::Copy { from, to, rate } => copy::act(&job, from, to, *rate).await,
        Action::Notify { to, message } => notify::act(&job, to, message).await,
        Action::Command { .. } | Action::Http { .. } => Err("it is not done by itself".to_owned()),
    };
    let (ended, answer) = done?;
    let mut outcome = told(ended, &answer, spec);
    keep(job.into_capture().into_iter().collect(), &mut outcome);
    Ok(outcome)
}

/// Where the references of the run lead.
fn secrets(spec: &Spec) -> Secrets {
    let kept = spec.references.iter().map(|(id, from)| KeptSecret {
        id: id.clone(),
        from: Some(from.clone()),
        kept_in: Vec::new(),
        probe: None,
    });
    Secrets::new(&spec.estate, kept)
}

/// References become values only here, in the attempt's own process.
async fn values(
    given: &BTreeMap<String, Given>,
    secrets: &Secrets,
) -> Result<BTreeMap<String, String>, String> {
    let mut values = BTreeMap::new();
    for (name, given) in given {
        let text = match given {
            Given::Text(text) => text.clone(),
            Given::Secret(from) => {
                let secret = secrets.resolve(from).await.map_err(|p| format!("{}: {}", p.subject, p.why))?;
                secret.expose_str().ok_or_else(|| format!("the secret for {name} is no text"))?.to_owned()
            }
        };
        values.insert(name.clone(), text);
    }
    Ok(values)
}

async fn by_command(
    dir: &Path,
    spec: &Spec,
    run: &[String],
    cwd: Option<&str>,
    env: &BTreeMap<String, String>,
    given: Option<&Secrets>,
) -> Result<Outcome, String> {
    let text = |e: io::Error| e.to_string();
    let apart = !spec.outputs.is_empty();
    let capture = |name: &str| match given {
        Some(secrets) => Capture::washing(dir.join(name), secrets),
        None => Capture::create(dir.join(name)),
    };
    let mut captures = vec![capture("output").map_err(text)?];
    if apart {
        captures.push(capture("stdout").map_err(text)?);
    }
    let (err, out) = (&captures[0], &captures[captures.len() - 1]);
    let command = command::prepare(run, cwd, env, spec, out, err).map_err(text)?;
    begin(dir).map_err(text)?;
    let child = tokio::process::Command::from(command).spawn();
    let child = child.map_err(|e| format!("{}: {e}", run.first().map_or("", String::as_str)))?;
    let deadline = tokio::time::Instant::now() + spec.timeout.to_std();
    let trim = || captures.iter_mut().for_each(Capture::trim);
    let ended = command::follow(child, deadline, spec.timeout, dir, trim).await.unwrap_or_else(|e| Ended {
        result: AttemptResult::Unknown,
        code: None,
        detail: format!("not followed to its end: {e}"),
    });
    // What cannot be kept is missing from the record, not from the outcome.
    captures.iter_mut().for_each(|capture| drop(capture.catch_up()));
    let name = if apart { "stdout" } else { "output" };
    let last = output::end_of(&dir.join(name), 64 << 10).unwrap_or_default();
    let mut outcome = told(ended, &command::last_line(&last), spec);
    keep(captures, &mut outcome);
    Ok(outcome)
}

async fn by_request(dir: &Path, spec: &Spec, request: Request, secrets: &Secrets) -> Result<Outcome, String> {
    let text = |e: io::Error| e.to_string();
    let capture = Capture::create(dir.join("output")).map_err(text)?;
    let mut shown = capture.writer().map_err(text)?;
    begin(dir).map_err(text)?;
    let (ended, body) = request.send(spec.timeout, dir).await;
    // A server may repeat what it was asked with.
    let (body, _) = secrets.redactor().wash(&body, true);
    // What cannot be kept is missing from the record, not from the outcome.
    let _ = shown.write_all(&body);
    let mut outcome = told(ended, &serde_json::from_slice(&body).unwrap_or(Value::Null), spec);
    keep(vec![capture], &mut outcome);
    Ok(outcome)
}

fn without_secrets(outcome: Outcome, redactor: &Redactor) -> Outcome {
    let outputs = outcome.outputs.into_iter().map(|(name, value)| (name, redactor.value(value)));
    Outcome { detail: redactor.text(&outcome.detail), outputs: outputs.collect(), ..outcome }
}

/// From here on something may have happened.
fn begin(dir: &Path) -> io::Result<()> {
    durable::replace(&dir.join("started"), chrono::Utc::now().to_rfc3339().as_bytes())
}

fn told(ended: Ended, answer: &Value, spec: &Spec) -> Outcome {
    let (outputs, missing) = command::pick(answer, &spec.outputs);
    let mut detail = ended.detail;
    if !missing.is_empty() && ended.result == AttemptResult::Succeeded {
        detail.push_str(&format!("; its answer does not hold {}", missing.join(", ")));
    }
    let now = chrono::Utc::now();
    let outcome = outcome_of(ended.result, &detail, now, now);
    Outcome { code: ended.code, outputs, ..outcome }
}

fn keep(captures: Vec<Capture>, outcome: &mut Outcome) {
    let mut hash = blake3::Hasher::new();
    for capture in captures {
        match capture.close(&mut hash) {
            Ok(Kept { kept, all }) => {
                outcome.output_kept += kept;
                outcome.output_bytes += all;
            }
            Err(e) => outcome.detail.push_str(&clean_line(&format!("; its output was not kept: {e}"))),
        }
    }
    outcome.output_hash = hash.finalize().to_hex().to_string();
}
