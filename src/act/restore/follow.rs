//! One tool at work: checked, started, watched by what it prints and by what
//! it leaves in the target.

use std::{fs, io, os::unix::fs::OpenOptionsExt as _, path::Path, process::Stdio, time::Duration};

use lifeboat_core::{model::*, run::AttemptResult};
use tokio::time::Instant;

use super::{Part, password, place::Place, target, tools};
use crate::act::{
    attempt::{Ended, Job, ended},
    tool::{self, Tool},
};

/// What was found out beforehand.
pub struct Ready {
    tool: Tool,
    run: tools::Run,
}

/// Everything that can be checked before anything is restored.
pub async fn prepare(job: &Job<'_>, part: &Part<'_>) -> Result<Ready, String> {
    let of = |why: String| format!("{}: {why}", part.asset.name);
    let id = part.chosen.as_ref().map_or("all", |c| &*c.id);
    let again = target::begun(&part.into, job.spec, id).map_err(of)?;
    let place =
        Place::of(job.spec.around.store(&part.copy.store)?, part.copy, &job.secrets).await.map_err(of)?;
    let password = password(part.copy, &job.secrets).await.map_err(of)?;
    let run = tools::run(&tools::Part {
        copy: part.copy,
        place: &place,
        chosen: part.chosen.as_ref(),
        into: &part.into,
        password: password.as_ref(),
        scratch: job.dir,
        again,
    });
    let run = run.map_err(of)?;
    let tool = tool::find(run.program, run.ask).await.map_err(of)?;
    job.say(&format!("with {} ({})", tool.path.display(), tool.version));
    if again {
        job.say(&format!("{} holds what an earlier try of this step left: it goes on", part.into.display()));
    }
    Ok(Ready { tool, run })
}

pub async fn restore(job: &Job<'_>, part: &Part<'_>, ready: Ready) -> Ended {
    let id = part.chosen.as_ref().map_or("all", |c| &*c.id);
    let begun = Instant::now();
    let failed = |e: io::Error| ended(AttemptResult::Failed, format!("{}: {e}", part.asset.name));
    let made = target::take(&part.into, job.spec, id)
        .and_then(|()| target::strip(&part.into, ready.run.goes_on_with))
        .and_then(|()| write(&ready.run));
    if let Err(e) = made {
        return failed(e);
    }
    let mut command = tokio::process::Command::new(&ready.tool.path);
    command.args(&ready.run.args).current_dir(job.dir).env_clear();
    command.env("PATH", "/usr/local/bin:/usr/bin:/bin").env("HOME", job.dir).env("LANG", "C.UTF-8");
    for (name, value) in &ready.run.env {
        use std::os::unix::ffi::OsStrExt as _;
        command.env(name, std::ffi::OsStr::from_bytes(value.expose()));
    }
    let (out, err) = match (job.writer(), job.writer()) {
        (Ok(out), Ok(err)) => (out, err),
        (Err(e), _) | (_, Err(e)) => return failed(e),
    };
    command.stdin(Stdio::null()).stdout(out).stderr(err).process_group(0);
    let child = match command.spawn() {
        Ok(child) => child,
        Err(e) => return failed(e),
    };
    let told = tokio::select! {
        told = job.follow(child) => told,
        never = progress(job, part, begun) => match never {},
    };
    let (bytes, files) = target::size(&part.into);
    let took = Dur::from(begun.elapsed());
    let done = format!("{} in {files} files, in {took}, {} a second", Size(bytes), Size(rate(bytes, took)));
    job.progress(&done);
    match told.result {
        AttemptResult::Succeeded if files > 0 => {
            target::done(&part.into);
            ready.run.note.iter().for_each(|note| job.say(note));
            Ended { detail: format!("{}: {done}", part.asset.name), ..told }
        }
        AttemptResult::Succeeded => ended(
            AttemptResult::Failed,
            format!("{}: the tool says that it is done, and restored nothing", part.asset.name),
        ),
        _ => Ended {
            detail: format!(
                "{}: {} with {}; {done} are there",
                part.asset.name, ready.run.program, told.detail
            ),
            ..told
        },
    }
}

/// What the tool reads; no secret is in it.
fn write(run: &tools::Run) -> io::Result<()> {
    for (path, text) in &run.files {
        let mut file =
            fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o644).open(path)?;
        io::Write::write_all(&mut file, text.as_bytes())?;
    }
    Ok(())
}

fn rate(bytes: u64, took: Dur) -> u64 {
    let seconds = took.to_std().as_secs_f64().max(0.001);
    (bytes as f64 / seconds) as u64
}

/// How far it is: by what the tool says, where it says anything, and by what
/// lies in the target.
async fn progress(job: &Job<'_>, part: &Part<'_>, begun: Instant) -> std::convert::Infallible {
    let whole = part.chosen.as_ref().and_then(|c| c.size_bytes);
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let (path, dir) = (part.into.clone(), job.dir.to_owned());
        let seen = tokio::task::spawn_blocking(move || (target::size(&path).0, percent(&dir))).await;
        let Ok((bytes, percent)) = seen else { continue };
        let took = Dur::from(begun.elapsed());
        let part_done = percent.map(|p| p / 100.0).or_else(|| whole.map(|w| bytes as f64 / w.max(1) as f64));
        let left = part_done.filter(|p| (0.01..1.0).contains(p)).map(|p| {
            let seconds = took.to_std().as_secs_f64() * (1.0 - p) / p;
            format!(", about {} left", Dur::secs(seconds.round() as i64))
        });
        let of = match (percent, whole) {
            (Some(p), _) => format!(" ({p:.0} %)"),
            (None, Some(whole)) => format!(" of about {}", Size(whole)),
            (None, None) => String::new(),
        };
        let pace = Size(rate(bytes, took));
        job.progress(&format!("{}{of} restored, {pace} a second{}", Size(bytes), left.unwrap_or_default()));
    }
}

/// The newest percentage that the tool printed.
fn percent(dir: &Path) -> Option<f64> {
    let end = crate::act::attempt::end_of(&dir.join("output"), 4 << 10).ok()?;
    let text = String::from_utf8_lossy(&end);
    let at = text.rfind('%')?;
    let before = &text[..at];
    let digits = before
        .rfind(|c: char| !(c.is_ascii_digit() || c == '.'))
        .map_or(0, |n| n + before[n..].chars().next().map_or(1, char::len_utf8));
    before[digits..].parse().ok().filter(|p| (0.0..=100.0).contains(p))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_percentage_is_the_tools_last() {
        let dir = tempfile::tempdir().unwrap();
        for (text, expected) in [
            (
                "P01 DETAIL: restore file a (8KB, 0.36%)\nP01 DETAIL: restore file b (1GB, 42.5%) checksum\n",
                Some(42.5),
            ),
            ("Transferred: 1 MiB / 4 MiB, 27%, 5 MiB/s, ETA 6s", Some(27.0)),
            ("restoring <Snapshot of [/x]>\n", None),
            ("é7%", Some(7.0)),
            ("999%", None),
        ] {
            fs::write(dir.path().join("output"), text).unwrap();
            assert_eq!(percent(dir.path()), expected, "{text}");
        }
    }
}
