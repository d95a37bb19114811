//! `notify`: tells channels of the estate, each once: a webhook gets JSON with
//! the message as `text`, as Slack and its likes read it; a program gets it on
//! standard input. A channel that was told is not told again by a later try.

use std::{
    collections::BTreeSet,
    fs::{self, OpenOptions},
    io::{self, Write as _},
    path::Path,
    process::Stdio,
};

use http::{HeaderMap, HeaderValue, Method};
use lifeboat_core::{
    model::*,
    run::{AttemptResult, Mode},
};
use serde::Deserialize;
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use url::Url;

use super::attempt::{Done, Job, ended, program};
use crate::net::{Ask, Http, Meter, Secret};

pub const DEF: StepDef = StepDef {
    id: "notify",
    keys: &[
        KeyDef::required(
            "to",
            KeyType::Either(&[KeyType::Text, KeyType::List(&KeyType::Text)]),
            "Channels of `[[notify]]` to tell.",
        ),
        KeyDef::required("message", KeyType::Text, "What to tell them."),
        KeyDef::new("due", KeyType::Dur, "How soon after the incident began it is due."),
    ],
    doc: "Tells people: by webhook, or by a program of the estate.",
    effect: true,
};

/// What was told, in the folder of the attempt.
const TOLD: &str = "told";
const ONE: Dur = Dur::secs(20);

/// `[[notify]]`.
#[derive(Debug, Deserialize)]
struct Channel {
    url: Option<String>,
    command: Option<Vec<String>>,
    token: Option<SecretRef>,
}

/// With everything that it takes.
enum Way {
    Hook { url: Url, token: Option<Secret> },
    Program(Vec<String>),
}

pub async fn act(job: &Job<'_>, to: &[String], message: &str) -> Done {
    let mut ways = Vec::new();
    for id in to {
        ways.push((id, way(job, id).await.map_err(|why| format!("channel {id}: {why}"))?));
    }
    if ways.is_empty() {
        return Err("it names no channel".to_owned());
    }
    let message = match job.spec.mode {
        Mode::Live => message.to_owned(),
        mode => format!("[{}] {message}", mode.as_str().to_uppercase()),
    };
    let before = told_before(job.dir, job.spec.step.as_str(), job.spec.number).map_err(|e| e.to_string())?;
    job.begin()?;
    let (mut told, mut open, mut unknown) = (Vec::new(), Vec::new(), false);
    for (id, way) in &ways {
        if before.contains(*id) {
            job.say(&format!("{id} was told by an earlier try"));
            told.push((*id).clone());
            continue;
        }
        match tell(job, way, &message).await {
            Ok(how) => {
                note(job.dir, id);
                job.say(&format!("{id} was told: {how}"));
                told.push((*id).clone());
            }
            Err((may_have, why)) => {
                unknown |= may_have;
                job.say(&format!("{id} was not told: {why}"));
                open.push(format!("{id}: {why}"));
            }
        }
    }
    let answer = json!({ "told": told });
    let end = match open.is_empty() {
        true => ended(AttemptResult::Succeeded, format!("told {}", told.join(", "))),
        false if unknown => {
            ended(AttemptResult::Unknown, format!("not known to be told: {}", open.join("; ")))
        }
        false => ended(AttemptResult::Failed, format!("not told: {}", open.join("; "))),
    };
    Ok((end, answer))
}

async fn way(job: &Job<'_>, id: &str) -> Result<Way, String> {
    let mut channels = job.spec.around.channels.iter();
    let table = channels.find(|c| c.get("id").and_then(|v| v.as_str()) == Some(id));
    let table = table.ok_or("the estate has no [[notify]] of this name")?;
    let value = serde_json::to_value(table).map_err(|e| e.to_string())?;
    let channel: Channel = serde_json::from_value(value).map_err(|e| e.to_string())?;
    match (channel.url, channel.command) {
        (Some(url), None) => {
            let url = Url::parse(&url).map_err(|e| format!("its address cannot be read: {e}"))?;
            let token = match &channel.token {
                Some(from) => {
                    Some(job.secrets.resolve(from).await.map_err(|p| format!("{}: {}", p.subject, p.why))?)
                }
                None => None,
            };
            Ok(Way::Hook { url, token })
        }
        (None, Some(run)) if !run.is_empty() => Ok(Way::Program(run)),
        _ => Err("it needs either `url` or `command`".to_owned()),
    }
}

/// `Err`: whether it may have been told all the same, and why it is not known.
async fn tell(job: &Job<'_>, way: &Way, message: &str) -> Result<String, (bool, String)> {
    match way {
        Way::Hook { url, token } => hook(job, url, token.as_ref(), message).await,
        Way::Program(run) => by_program(job, run, message).await.map_err(|e| (false, e)),
    }
}

async fn hook(
    job: &Job<'_>,
    url: &Url,
    token: Option<&Secret>,
    message: &str,
) -> Result<String, (bool, String)> {
    let spec = job.spec;
    let body = json!({
        "text": message, "run": spec.run, "step": spec.step, "mode": spec.mode.as_str(), "attempt": spec.number,
    });
    let mut headers = HeaderMap::new();
    headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(token) = token {
        let bearer = [b"Bearer ", token.expose()].concat();
        let bearer = HeaderValue::from_bytes(&bearer);
        let mut bearer = bearer.map_err(|_| (false, "its token cannot be sent in a header".to_owned()))?;
        bearer.set_sensitive(true);
        headers.insert(http::header::AUTHORIZATION, bearer);
    }
    let (http, meter) = (Http::new(), Meter::default());
    let ask = Ask {
        method: Method::POST,
        headers,
        body: body.to_string().into(),
        ..Ask::get(url, ONE.min(job.left()), 64 << 10, &meter)
    };
    match http.call(ask).await {
        Ok(answer) if answer.status.is_success() => Ok(answer.status_line()),
        Ok(answer) => Err((false, answer.status_line())),
        Err(e) => Err((!super::attempt::never_left(&e), e.to_string())),
    }
}

/// Anything but exit 0 means that nobody was told: that is for the program to keep.
async fn by_program(job: &Job<'_>, run: &[String], message: &str) -> Result<String, String> {
    let (name, args) = run.split_first().ok_or("it names no program")?;
    let mut command = tokio::process::Command::new(program(name, &job.spec.estate));
    command.args(args).current_dir(&job.spec.estate).env_clear();
    command.env("PATH", "/usr/local/bin:/usr/bin:/bin");
    command.envs(["PATH", "HOME", "LANG"].into_iter().filter_map(|k| Some((k, std::env::var_os(k)?))));
    command.env("LIFEBOAT_RUN", job.spec.run.as_str()).env("LIFEBOAT_STEP", job.spec.step.as_str());
    command.env("LIFEBOAT_MODE", job.spec.mode.as_str());
    let text = |e: io::Error| format!("{name}: {e}");
    let (out, err) = (job.writer().map_err(text)?, job.writer().map_err(text)?);
    command.stdin(Stdio::piped()).stdout(out).stderr(err).process_group(0).kill_on_drop(true);
    let mut child = command.spawn().map_err(text)?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that does not read it may still have been told by its arguments.
        let _ = stdin.write_all(message.as_bytes()).await;
    }
    let told = job.follow(child).await;
    match told.result {
        AttemptResult::Succeeded => Ok(told.detail),
        _ => Err(format!("{name}: {}", told.detail)),
    }
}

fn told_before(dir: &Path, step: &str, number: u32) -> io::Result<BTreeSet<String>> {
    let mut told = BTreeSet::new();
    for earlier in 1..number {
        match fs::read_to_string(dir.with_file_name(format!("{step}-{earlier}")).join(TOLD)) {
            Ok(text) => told.extend(text.lines().map(str::to_owned)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(e),
        }
    }
    Ok(told)
}

/// Where it cannot be noted, a later try tells the channel again.
fn note(dir: &Path, id: &str) {
    let file = OpenOptions::new().append(true).create(true).open(dir.join(TOLD));
    let _ = file.and_then(|mut file| writeln!(file, "{id}").and_then(|()| file.sync_all()));
}
