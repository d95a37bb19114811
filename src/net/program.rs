//! Running a program of a trusted estate and keeping what it prints: an
//! argument list, never a shell; little of our environment; a deadline and a
//! cap; ended with all that it started.

use std::{path::PathBuf, process::Stdio};

use lifeboat_core::model::{Dur, Size, clean_line};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio_util::sync::CancellationToken;

use super::{Secret, redact::Redactor};

/// Of what it says on standard error.
const MAX_SAID: usize = 64 << 10;

/// What is run, and its bounds.
#[derive(Debug)]
pub(super) struct Program<'a> {
    pub path: PathBuf,
    pub args: &'a [String],
    pub dir: PathBuf,
    /// Beside PATH, HOME and LANG.
    pub env: &'a [(String, Secret)],
    pub timeout: Dur,
    pub max_output: usize,
}

#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    #[error("it cannot be started: {0}")]
    Spawn(std::io::Error),
    #[error("it did not end within {0}")]
    TimedOut(Dur),
    #[error("it printed more than {0}")]
    TooMuch(Size),
    #[error("what it printed could not be read: {0}")]
    Read(std::io::Error),
    #[error("it ended with {status}{said}")]
    Failed { status: std::process::ExitStatus, said: String },
    #[error("no longer wanted")]
    Cancelled,
}

/// Ends the whole group when it is dropped, so that whatever happens nothing
/// of it is left.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // it may be gone, as it should be
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// What it printed, where it ended with 0.
pub(super) async fn run(program: Program<'_>, cancel: &CancellationToken) -> Result<Vec<u8>, ProgramError> {
    let mut command = tokio::process::Command::new(&program.path);
    command.args(program.args).current_dir(&program.dir);
    command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin");
    command.envs(["PATH", "HOME", "LANG"].into_iter().filter_map(|k| Some((k, std::env::var_os(k)?))));
    for (name, value) in program.env {
        use std::os::unix::ffi::OsStrExt;
        command.env(name, std::ffi::OsStr::from_bytes(value.expose()));
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.process_group(0).kill_on_drop(true).spawn().map_err(ProgramError::Spawn)?;
    let _group = Group(child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)));
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let end = async {
        let (out, err) = tokio::join!(capped(out, program.max_output), said(err));
        let out = out.map_err(ProgramError::Read)?;
        if out.len() > program.max_output {
            return Err(ProgramError::TooMuch(Size(program.max_output as u64)));
        }
        let status = child.wait().await.map_err(ProgramError::Read)?;
        match status.success() {
            true => Ok(out),
            false => Err(ProgramError::Failed { status, said: last_line(&err, program.env) }),
        }
    };
    tokio::select! {
        biased;
        () = cancel.cancelled() => Err(ProgramError::Cancelled),
        ended = tokio::time::timeout(program.timeout.to_std(), end) => {
            ended.unwrap_or(Err(ProgramError::TimedOut(program.timeout)))
        }
    }
}

/// One byte more than `max` says that there was more.
async fn capped(from: Option<impl AsyncRead + Unpin>, max: usize) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(from) = from {
        from.take(max as u64 + 1).read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}

/// Reads on beyond what is kept, or the program would wait for ever.
async fn said(from: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let (mut kept, mut chunk) = (Vec::new(), vec![0; 4 << 10]);
    let Some(mut from) = from else { return kept };
    while let Ok(n @ 1..) = from.read(&mut chunk).await {
        kept.extend_from_slice(&chunk[..n]);
        let over = kept.len().saturating_sub(MAX_SAID);
        kept.drain(..over);
    }
    kept
}

/// The last line that is not empty, without any secret that it was given.
fn last_line(err: &[u8], env: &[(String, Secret)]) -> String {
    let redactor = Redactor::new(env.iter().map(|(_, secret)| secret));
    let text = redactor.text(&String::from_utf8_lossy(err));
    let line = text.lines().rev().map(str::trim).find(|line| !line.is_empty());
    line.map_or(String::new(), |line| {
        format!(": {}", clean_line(&line.chars().take(300).collect::<String>()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn sh(script: &str, env: &[(String, Secret)], timeout: Dur) -> Result<Vec<u8>, ProgramError> {
        let args = ["-c".to_owned(), script.to_owned()];
        let (path, dir) = (PathBuf::from("/bin/sh"), std::env::temp_dir());
        let program = Program { path, args: &args, dir, env, timeout, max_output: 1_000 };
        run(program, &CancellationToken::new()).await
    }

    #[tokio::test]
    async fn a_program_is_bounded_and_its_secrets_are_not_repeated() {
        let minute = Dur::secs(60);
        let env = [("KEY".to_owned(), Secret::new("tell-nobody"))];
        let table = [
            ("echo $KEY; echo noise >&2", "Ok(\"tell-nobody\\n\")"),
            ("echo one >&2; echo \"bad key $KEY\" >&2; exit 3", "it ended with exit status: 3: bad key ***"),
            ("printf '\\033[2Jx' >&2; false", "it ended with exit status: 1: ^[[2Jx"),
            ("yes", "it printed more than 1000 B"),
            (
                "yes >&2 & kill $!; env | grep -c -v '^\\(PATH\\|HOME\\|LANG\\|KEY\\|PWD\\|OLDPWD\\|SHLVL\\|_\\)=' | grep 0",
                "Ok(\"0\\n\")",
            ),
        ];
        for (script, expected) in table {
            let told = match sh(script, &env, minute).await {
                Ok(out) => format!("Ok({:?})", String::from_utf8_lossy(&out)),
                Err(error) => error.to_string(),
            };
            assert_eq!(told, expected, "{script}");
        }
    }

    /// The pipe is held open by a child of the child: only ending all of the
    /// group ends the wait.
    #[tokio::test]
    async fn what_takes_too_long_is_ended_with_all_that_it_started() {
        let dir = tempfile::tempdir().unwrap();
        let fifo = dir.path().join("fifo");
        rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR)
            .unwrap();
        let script = format!("(exec 3<>{0}; read -r never <&3) & read -r never < {0}", fifo.display());
        let error = sh(&script, &[], Dur::millis(200)).await.unwrap_err();
        assert!(matches!(error, ProgramError::TimedOut(_)), "{error}");
        let cancel = CancellationToken::new();
        cancel.cancel();
        let args = ["60".to_owned()];
        let program = Program {
            path: "/bin/sleep".into(),
            args: &args,
            dir: dir.path().into(),
            env: &[],
            timeout: Dur::secs(60),
            max_output: 1,
        };
        assert!(matches!(run(program, &cancel).await, Err(ProgramError::Cancelled)));
    }
}
