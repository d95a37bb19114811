//! A command as an attempt: its environment, its group, its end.

use std::{
    collections::BTreeMap,
    io,
    os::unix::process::{CommandExt as _, ExitStatusExt as _},
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    time::Duration,
};

use lifeboat_core::{model::Dur, run::AttemptResult};
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value;
use tokio::{
    process::Child,
    signal::unix::{SignalKind, signal},
    time::{Instant, sleep_until},
};

use super::{Spec, output::Capture};

/// How long a group has to end by itself before it is killed.
const GRACE: Duration = Duration::from_secs(5);
const TICK: Duration = Duration::from_millis(100);

/// A program with a slash lies in the run's copy of the estate.
pub fn program(name: &str, estate: &Path) -> PathBuf {
    match name.contains('/') {
        true => estate.join(name),
        false => PathBuf::from(name),
    }
}

/// How a command ended.
pub struct Ended {
    pub result: AttemptResult,
    pub code: Option<i32>,
    pub detail: String,
}

/// The command, ready to be spawned. It inherits the attempt's lock, which is
/// the one descriptor of this process that is not closed on exec.
pub fn prepare(
    run: &[String],
    cwd: Option<&str>,
    env: &BTreeMap<String, String>,
    spec: &Spec,
    out: &Capture,
    err: &Capture,
) -> io::Result<Command> {
    let (name, args) = run.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let mut command = Command::new(program(name, &spec.estate));
    command.args(args).current_dir(spec.estate.join(cwd.unwrap_or(".")));
    command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin");
    command.envs(["PATH", "HOME", "LANG"].into_iter().filter_map(|k| Some((k, std::env::var_os(k)?))));
    command.envs(env);
    let number = spec.number.to_string();
    command.env("LIFEBOAT_RUN", spec.run.as_str()).env("LIFEBOAT_STEP", spec.step.as_str());
    command.env("LIFEBOAT_ATTEMPT", number).env("LIFEBOAT_EPOCH", spec.epoch.to_string());
    command.env("LIFEBOAT_MODE", spec.mode.as_str());
    command.stdin(Stdio::null()).stdout(out.writer()?).stderr(err.writer()?);
    // A group of its own, so that it can be ended without ending the attempt.
    command.process_group(0);
    Ok(command)
}

/// Follows the command to its end: its own, its timeout's, or a cancel's.
/// `trim` keeps small what it prints.
pub async fn follow(
    mut child: Child,
    deadline: Instant,
    timeout: Dur,
    dir: &Path,
    mut trim: impl FnMut(),
) -> io::Result<Ended> {
    let group = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    let mut terminate = signal(SignalKind::terminate())?;
    let mut tick = tokio::time::interval(TICK);
    let cancel = dir.join("cancel");
    loop {
        tokio::select! {
            status = child.wait() => return status.map(by_itself),
            _ = sleep_until(deadline) => {
                end_group(&mut child, group).await?;
                let detail = format!("ended after its timeout of {timeout}");
                return Ok(Ended { result: AttemptResult::TimedOut, code: None, detail });
            }
            _ = terminate.recv() => {
                end_group(&mut child, group).await?;
                return Ok(cancelled("ended: the attempt was told to by a signal"));
            }
            _ = tick.tick() => {
                trim();
                if cancel.exists() {
                    end_group(&mut child, group).await?;
                    return Ok(cancelled("ended: the run was cancelled"));
                }
            }
        }
    }
}

fn cancelled(detail: &str) -> Ended {
    Ended { result: AttemptResult::Cancelled, code: None, detail: detail.to_owned() }
}

fn by_itself(status: ExitStatus) -> Ended {
    let result = if status.success() { AttemptResult::Succeeded } else { AttemptResult::Failed };
    let detail = match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit {code}"),
        (None, Some(signal)) => format!("ended by signal {signal}"),
        (None, None) => status.to_string(),
    };
    Ended { result, code: status.code(), detail }
}

/// Asks the group to end, then ends it. What left the group keeps the lock.
async fn end_group(child: &mut Child, group: Option<Pid>) -> io::Result<()> {
    let Some(group) = group else { return child.wait().await.map(|_| ()) };
    // An error means that the group is gone already.
    let _ = kill_process_group(group, Signal::TERM);
    let _ = tokio::time::timeout(GRACE, child.wait()).await;
    let _ = kill_process_group(group, Signal::KILL);
    child.wait().await.map(|_| ())
}

/// The last line of a command's standard output, where that is JSON.
pub fn last_line(end: &[u8]) -> Value {
    let text = String::from_utf8_lossy(end);
    let last = text.lines().rev().find(|l| !l.trim().is_empty()).unwrap_or_default();
    serde_json::from_str(last).unwrap_or(Value::Null)
}

/// The figures asked for, and the names of those that are not in the answer.
pub fn pick(answer: &Value, wanted: &BTreeMap<String, String>) -> (BTreeMap<String, Value>, Vec<String>) {
    /// A journal line is no place for more.
    const LARGEST: usize = 8 << 10;
    let (mut found, mut missing) = (BTreeMap::new(), Vec::new());
    for (name, pointer) in wanted {
        match answer.pointer(pointer).filter(|v| v.to_string().len() <= LARGEST) {
            Some(value) if found.len() < 12 => drop(found.insert(name.clone(), value.clone())),
            _ => missing.push(name.clone()),
        }
    }
    (found, missing)
}
