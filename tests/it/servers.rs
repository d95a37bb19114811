//! Servers of other makers, from `target/lab` or where LIFEBOAT_LAB_DIR says;
//! `.ci/run` puts them there. A test skips without them, unless LIFEBOAT_LAB=1.

use std::{
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use lifeboat::net::{
    Http, Secrets, Work,
    store::{ListOptions, Repo, open, show},
};
use lifeboat_core::model::{Problem, Store};
use serde_json::Value;

pub struct Running {
    child: Child,
    pub port: u16,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

/// `None` where it is not installed.
pub fn tool(path: &str) -> Option<PathBuf> {
    let lab = std::env::var_os("LIFEBOAT_LAB_DIR").map(PathBuf::from);
    let lab = lab.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target/lab"));
    let tool = lab.join(path);
    if tool.exists() {
        return Some(tool);
    }
    assert_ne!(std::env::var("LIFEBOAT_LAB").as_deref(), Ok("1"), "{} is missing", tool.display());
    println!("skipped: {} is not there", tool.display());
    None
}

/// Starts `command` on a free port of loopback and waits until it listens.
pub fn start(tool: &Path, command: impl FnOnce(&mut Command, u16)) -> Running {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut start = Command::new(tool);
    command(&mut start, port);
    let child = start.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut running = Running { child, port };
    let until = Instant::now() + Duration::from_secs(90);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < until && running.child.try_wait().unwrap().is_none(), "it does not come up");
        std::thread::sleep(Duration::from_millis(50));
    }
    running
}

/// A store as the estate would hold it, opened with `KEYS` in the environment.
pub async fn repo(dir: &Path, store: Value, keys: &str) -> Result<Repo, Problem> {
    let store: Store = serde_json::from_value(store).unwrap();
    let keys = keys.to_owned();
    let secrets = Secrets::new(dir, []).with_env(move |name| (name == "KEYS").then(|| keys.clone()));
    open(&store, &Http::new(), &secrets).await
}

pub fn work() -> Work {
    let mut work = Work::new(tokio_util::sync::CancellationToken::new());
    // the machine of the gate is busy, and these servers are not fast
    work.deadline = lifeboat_core::model::Dur::secs(30);
    work
}

pub async fn keys(repo: &Repo, prefix: &str, options: ListOptions) -> Result<Vec<String>, Problem> {
    let work = work();
    let mut listing = repo.list(prefix, options);
    let mut all = Vec::new();
    while let Some(page) = listing.page(&work).await? {
        all.extend(page.entries().map(|e| show(e.key)));
        all.extend(page.prefixes().map(show));
    }
    Ok(all)
}
