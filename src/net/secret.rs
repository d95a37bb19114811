//! Secrets: resolved at use, never printed, wiped when done with.

use std::{
    fmt,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use lifeboat_core::model::{Code, Dur, KeptSecret, Problem, SecretRef};
use tokio::{io::AsyncReadExt, task::spawn_blocking};
use tokio_util::sync::CancellationToken;

use super::{
    NetError, Side,
    program::{self, Program, ProgramError},
    redact::{Known, Redactor},
};
use crate::config::{TrustedEstate, trust::Unread};

/// A secret is at most this long; a key file is a few kilobytes.
const MAX: u64 = 64 * 1024;
/// A bundle of every public authority is a quarter of this.
const MAX_CA: u64 = 1 << 20;
const COMMAND_TIMEOUT: Duration = Duration::from_secs(15);

/// Bytes that do not appear in logs, on screens or in errors.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }
    /// For the call that needs it, and nothing else.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
    pub fn expose_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }
}
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
impl Drop for Secret {
    fn drop(&mut self) {
        self.0.fill(0);
        // keeps the compiler from leaving the wipe out
        std::hint::black_box(&self.0);
    }
}

/// Secrets pass through this process: should it fail, no copy of its memory is
/// left on disk, and nobody else of the same user reads it. Where that cannot
/// be set, it is as the system has it.
pub fn leave_no_core() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let maximum = getrlimit(Resource::Core).maximum;
    // What it starts inherits this one.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum });
    // A limit of 0 does not hold where cores go to a program; this does.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}

type Env = dyn Fn(&str) -> Option<String> + Send + Sync;

/// Where the references of one estate lead.
#[derive(Clone)]
pub struct Secrets {
    estate_dir: PathBuf,
    /// What files and programs of the estate are held against at use; `None`
    /// where the folder is a copy of ours, such as a run's.
    trusted: Option<TrustedEstate>,
    kept: Arc<[KeptSecret]>,
    env: Arc<Env>,
    /// What was resolved here so far, by this value and all its clones.
    known: Known,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets").field("estate_dir", &self.estate_dir).finish_non_exhaustive()
    }
}

impl Secrets {
    /// Those of a trusted estate. What changed after trust is neither read nor run.
    pub fn of(trusted: &TrustedEstate) -> Self {
        let estate = trusted.estate();
        let kept = estate.secrets.iter().chain(&estate.keys).cloned().collect::<Vec<_>>();
        Self { trusted: Some(trusted.clone()), ..Self::new(trusted.dir(), kept) }
    }
    /// Those of a folder that nobody else writes. `kept` are the estate's
    /// `[[secret]]` and `[[key]]` tables.
    pub fn new(estate_dir: impl Into<PathBuf>, kept: impl IntoIterator<Item = KeptSecret>) -> Self {
        let kept = kept.into_iter().collect();
        Self {
            estate_dir: estate_dir.into(),
            trusted: None,
            kept,
            env: Arc::new(|name| std::env::var(name).ok()),
            known: Known::default(),
        }
    }
    /// The same with another environment than this process's.
    #[must_use]
    pub fn with_env(mut self, env: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        self.env = Arc::new(env);
        self
    }
    /// Relative files and programs lie here.
    pub fn estate_dir(&self) -> &Path {
        &self.estate_dir
    }
    /// A variable; empty counts as absent.
    pub fn env(&self, name: &str) -> Option<String> {
        (self.env)(name).filter(|v| !v.is_empty())
    }

    /// A variable that holds a secret.
    pub fn secret_env(&self, name: &str) -> Option<String> {
        self.env(name).inspect(|value| self.learn(value))
    }
    /// Remembers a secret that was had otherwise, so that `redactor` knows it.
    pub fn learn(&self, value: &str) {
        self.known.learn(&Secret::new(value));
    }
    /// Takes every secret that was resolved so far out of what is kept or shown.
    pub fn redactor(&self) -> Arc<Redactor> {
        self.known.redactor()
    }

    /// Only for an estate that is trusted: reads files and runs programs.
    pub async fn resolve(&self, from: &SecretRef) -> Result<Secret, Problem> {
        let secret = self.follow(from).await?;
        self.known.learn(&secret);
        Ok(secret)
    }

    async fn follow(&self, from: &SecretRef) -> Result<Secret, Problem> {
        let mut from = from;
        // a [[secret]] may point at another; longer chains are a cycle
        for _ in 0..8 {
            match from {
                SecretRef::Env(name) => return self.read_env(name),
                SecretRef::File(path) => return self.read_file(path).await,
                SecretRef::Command(argv) => return self.read_command(argv).await,
                SecretRef::Secret(id) => {
                    let kept = self.kept.iter().find(|k| k.id == id.as_str());
                    from = kept
                        .and_then(|k| k.from.as_ref())
                        .ok_or_else(|| missing(format!("secret {id}"), "it does not say where it is"))?;
                }
            }
        }
        Err(missing("secret", "its references go round in a circle"))
    }

    fn read_env(&self, name: &str) -> Result<Secret, Problem> {
        let value = self.env(name).ok_or_else(|| missing(format!("${name}"), "the variable is not set"))?;
        Ok(Secret::new(value))
    }

    /// The authorities (PEM) that a `ca` names. Errors: LB-TRUST-002 for a file
    /// that is not what was trusted, else that of TLS.
    pub async fn ca(&self, path: &str, side: Side, subject: &str) -> Result<Vec<u8>, Problem> {
        self.read(path, MAX_CA).await.map_err(|unread| match unread {
            Unread::Changed(problem) => *problem,
            Unread::Io(e) => NetError::Tls(format!("{path} cannot be read: {e}")).problem(side, subject),
        })
    }

    async fn read(&self, path: &str, max: u64) -> Result<Vec<u8>, Unread> {
        if let Some(trusted) = self.trusted.clone() {
            let path = path.to_owned();
            let read = spawn_blocking(move || trusted.read(&path, max)).await;
            return read.unwrap_or_else(|e| Err(Unread::Io(std::io::Error::other(e))));
        }
        let read = async {
            let mut bytes = Vec::new();
            let file = tokio::fs::File::open(self.estate_dir.join(path)).await?;
            file.take(max + 1).read_to_end(&mut bytes).await?;
            match bytes.len() as u64 > max {
                true => Err(std::io::Error::other("it is larger than it may be")),
                false => Ok(bytes),
            }
        };
        read.await.map_err(Unread::Io)
    }

    async fn read_file(&self, path: &str) -> Result<Secret, Problem> {
        let read = self.read(path, MAX).await.map_err(|unread| match unread {
            Unread::Changed(problem) => *problem,
            Unread::Io(e) => missing(path, e),
        });
        one_value(read?, path)
    }

    /// A program may lie in the estate, and read any file of it: all must be as trusted.
    async fn unchanged(&self, program: &str) -> Result<(), Problem> {
        let Some(trusted) = self.trusted.clone() else { return Ok(()) };
        let same = spawn_blocking(move || trusted.unchanged()).await;
        same.unwrap_or_else(|e| Err(missing(program, e)))
    }

    fn program(&self, program: &str) -> PathBuf {
        match program.contains('/') {
            true => self.estate_dir.join(program),
            false => {
                let allowed = self.trusted.as_ref().and_then(|trusted| trusted.program(program));
                allowed.map_or_else(|| PathBuf::from(program), Path::to_owned)
            }
        }
    }

    /// Runs a program of the estate, or of the machine, in the estate's folder
    /// and gives back what it prints. Errors: LB-TRUST-002 where the estate is
    /// not what was trusted; the inner one is the program's.
    pub async fn run(
        &self,
        argv: &[String],
        env: &[(String, Secret)],
        timeout: Dur,
        max_output: usize,
        cancel: &CancellationToken,
    ) -> Result<Result<Vec<u8>, ProgramError>, Problem> {
        let (program, args) = argv.split_first().ok_or_else(|| missing("command", "it names no program"))?;
        self.unchanged(program).await?;
        let (path, dir) = (self.program(program), self.estate_dir.clone());
        Ok(program::run(Program { path, args, dir, env, timeout, max_output }, cancel).await)
    }

    async fn read_command(&self, argv: &[String]) -> Result<Secret, Problem> {
        let (program, rest) = argv.split_first().ok_or_else(|| missing("command", "it names no program"))?;
        self.unchanged(program).await?;
        let path = self.program(program);
        let run = async {
            let mut child = tokio::process::Command::new(path)
                .args(rest)
                .current_dir(&self.estate_dir)
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                // what such tools print there may hold the secret
                .stderr(Stdio::null())
                .kill_on_drop(true)
                .spawn()?;
            let mut bytes = Vec::new();
            if let Some(out) = child.stdout.take() {
                out.take(MAX + 1).read_to_end(&mut bytes).await?;
            }
            Ok::<_, std::io::Error>((child.wait().await?, bytes))
        };
        let ran = tokio::time::timeout(COMMAND_TIMEOUT, run).await;
        let (status, bytes) = match ran {
            Err(_) => return Err(missing(program, "the command did not end in time")),
            Ok(Err(e)) => return Err(missing(program, e)),
            Ok(Ok(ran)) => ran,
        };
        match status.success() {
            true => one_value(bytes, program),
            false => Err(missing(program, format!("the command ended with {status}"))),
        }
    }
}

fn one_value(mut bytes: Vec<u8>, subject: &str) -> Result<Secret, Problem> {
    if bytes.len() as u64 > MAX {
        return Err(missing(subject, "it is larger than a secret may be"));
    }
    for end in [b'\n', b'\r'] {
        if bytes.last() == Some(&end) {
            bytes.pop();
        }
    }
    match bytes.is_empty() {
        true => Err(missing(subject, "it is empty")),
        false => Ok(Secret::new(bytes)),
    }
}

fn missing(subject: impl fmt::Display, why: impl fmt::Display) -> Problem {
    Problem::new(Code::SECRET_MISSING, subject).because(why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn references_lead_to_values_that_cannot_be_printed() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("key"), "from the file\n").unwrap();
        let kept = KeptSecret {
            id: "fra".into(),
            from: Some(SecretRef::File("key".into())),
            kept_in: Vec::new(),
            probe: None,
        };
        let secrets = Secrets::new(dir.path(), [kept])
            .with_env(|name| (name == "TOKEN").then(|| "from the environment".to_owned()));
        let table = [
            (SecretRef::Env("TOKEN".into()), "from the environment"),
            (SecretRef::File("key".into()), "from the file"),
            (SecretRef::Secret("fra".into()), "from the file"),
            (SecretRef::Command(vec!["printf".into(), "a b; c".into()]), "a b; c"),
        ];
        for (reference, value) in table {
            let secret = secrets.resolve(&reference).await.unwrap();
            assert_eq!(secret.expose_str(), Some(value));
            assert_eq!(format!("{secret:?}"), "Secret(…)");
        }
        let absent = [
            SecretRef::Env("NOT_SET".into()),
            SecretRef::File("no such".into()),
            SecretRef::Secret("nobody".into()),
            SecretRef::Command(vec!["false".into()]),
            SecretRef::Command(vec!["./not-there".into()]),
            SecretRef::Command(Vec::new()),
        ];
        for reference in absent {
            let problem = secrets.resolve(&reference).await.unwrap_err();
            assert_eq!(problem.code, Code::SECRET_MISSING, "{reference:?}");
        }
    }

    /// An edit after trust changes neither what is read nor what is run.
    #[tokio::test]
    async fn nothing_of_an_estate_is_read_or_run_once_it_differs_from_what_was_trusted() {
        use crate::config::{load, trust};
        let tmp = tempfile::tempdir().unwrap();
        let (dir, state) = (tmp.path().join("estate"), tmp.path().join("state"));
        crate::config::init(&dir, "Northwind").unwrap();
        std::fs::write(dir.join("key"), "good").unwrap();
        std::fs::write(dir.join("helper.sh"), "echo good").unwrap();
        let loaded = load(&dir, &crate::engine::VOCABULARY).unwrap();
        trust::allow(&state, &loaded, None, chrono::Utc::now()).unwrap();
        let trusted = trust::check(&state, &loaded).unwrap().granted(&dir).unwrap();
        let secrets = Secrets::of(&trusted);
        let file = SecretRef::File("key".into());
        // The program lies outside; what it runs lies in the estate.
        let command = SecretRef::Command(["/bin/sh", "helper.sh"].map(str::to_owned).into());
        for reference in [&file, &command] {
            assert_eq!(secrets.resolve(reference).await.unwrap().expose_str(), Some("good"));
        }
        assert_eq!(secrets.ca("key", Side::Store, "fra").await.unwrap(), b"good");

        std::fs::write(dir.join("key"), "evil").unwrap();
        std::fs::write(dir.join("helper.sh"), "touch ran; echo evil").unwrap();
        for reference in [&file, &command] {
            let problem = secrets.resolve(reference).await.unwrap_err();
            assert_eq!(problem.code, Code::TRUST_CHANGED, "{reference:?}: {problem}");
            assert!(problem.next.contains("lifeboat trust"), "{problem}");
        }
        assert!(!dir.join("ran").exists(), "nothing was run");
        let problem = secrets.ca("key", Side::Store, "fra").await.unwrap_err();
        assert_eq!((problem.code, problem.why.as_str()), (Code::TRUST_CHANGED, "changed: key"));
        let absent = secrets.ca("/no/such.pem", Side::Probe, "fra").await.unwrap_err();
        assert_eq!(absent.code, Code::PROBE_TLS);
    }
}
