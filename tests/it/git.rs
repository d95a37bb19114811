//! Mirrors that the real Git keeps, read from `git http-backend` and from their
//! files, and set beside what `git ls-remote` says.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
};

use lifeboat::{
    catalog::{Cx, read},
    net::{Http, Secrets, store},
};
use lifeboat_core::model::*;
use serde_json::json;
use tokio_util::sync::CancellationToken;

struct Lab {
    dir: tempfile::TempDir,
    addr: SocketAddr,
}

fn git_command(home: &Path) -> Command {
    let mut command = Command::new("git");
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", home);
    command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_AUTHOR_NAME", "a").env("GIT_AUTHOR_EMAIL", "a@example");
    command.env("GIT_COMMITTER_NAME", "a").env("GIT_COMMITTER_EMAIL", "a@example");
    command
}

impl Lab {
    /// `None` where Git is not installed; LIFEBOAT_LAB=1 insists.
    fn new() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let there = git_command(dir.path()).arg("--exec-path").output();
        let backend = there
            .ok()
            .filter(|o| o.status.success())
            .map(|o| Path::new(String::from_utf8_lossy(&o.stdout).trim()).join("git-http-backend"));
        if !backend.is_some_and(|backend| backend.exists()) {
            assert_ne!(std::env::var("LIFEBOAT_LAB").as_deref(), Ok("1"), "git is missing");
            println!("skipped: git is not installed");
            return None;
        }
        let root = dir.path().to_owned();
        // for as long as the process lives: it waits for connections
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let root = root.clone();
                std::thread::spawn(move || bridge(stream, &root));
            }
        });
        let lab = Self { dir, addr };
        lab.git("init -q --bare -b main primary.git");
        lab.git("init -q -b main work");
        for text in ["one", "two"] {
            lab.git(&format!("-C work commit -q --allow-empty -m {text}"));
        }
        lab.git("-C work tag -a -m release v1");
        lab.git("-C work branch next HEAD~1");
        lab.git("-C work remote add origin ../primary.git");
        lab.push();
        lab.git("-C primary.git update-ref refs/pull/7/head refs/heads/next");
        lab.git("clone -q --mirror primary.git mirror.git");
        Some(lab)
    }

    fn git(&self, line: &str) -> String {
        let output = git_command(self.dir.path()).args(line.split(' ')).current_dir(self.dir.path()).output();
        let output = output.unwrap();
        assert!(output.status.success(), "git {line}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
    fn push(&self) {
        self.git("-C work push -q --force origin --all");
        self.git("-C work push -q --force origin --tags");
    }
    fn commit(&self, text: &str) {
        self.git(&format!("-C work commit -q --allow-empty -m {text}"));
        self.push();
    }
    fn fetch(&self) {
        self.git("-C mirror.git fetch -q --prune --force origin +refs/*:refs/*");
    }

    async fn open(&self, id: &str, url: &str) -> Arc<store::Repo> {
        let store = serde_json::from_value(json!({"id": id, "url": url})).unwrap();
        Arc::new(store::open(&store, &Http::new(), &Secrets::new("/", [])).await.unwrap())
    }

    /// Over HTTP and from files, which must agree.
    async fn look(&self) -> CopyReport {
        let mut reports = Vec::new();
        let (http, file) =
            (format!("git+http://{}", self.addr), format!("file://{}", self.dir.path().display()));
        let now = chrono::Utc::now();
        for url in [http, file] {
            let options = json!({"replica_of": {"store": "lon", "path": "primary.git"}});
            let copy = json!({"store": "fra", "path": "mirror.git", "format": "git", "options": options});
            let mut cx = Cx::new(now, CancellationToken::new());
            cx.others.insert("lon".into(), self.open("lon", &url).await);
            let copy: CopyDef = serde_json::from_value(copy).unwrap();
            reports.push(read(&copy, &*self.open("fra", &url).await, &cx).await.unwrap());
        }
        let [over_http, from_files] = &mut reports[..] else { unreachable!() };
        assert_eq!(over_http.cost.requests, 2);
        over_http.cost = from_files.cost;
        assert_eq!(over_http, from_files);
        reports.remove(0)
    }
}

/// One request to `git http-backend`, as a web server would hand it on.
fn bridge(mut stream: TcpStream, root: &Path) {
    let mut request = Vec::new();
    let mut chunk = [0; 1024];
    while !request.windows(4).any(|w| w == b"\r\n\r\n") {
        match stream.read(&mut chunk) {
            Ok(0) | Err(_) => return,
            Ok(n) => request.extend_from_slice(&chunk[..n]),
        }
    }
    let request = String::from_utf8_lossy(&request).into_owned();
    let target = request.split(' ').nth(1).unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let protocol =
        request.lines().find_map(|l| l.to_lowercase().strip_prefix("git-protocol: ").map(str::to_owned));
    let mut command = git_command(root);
    command.arg("http-backend").env("GIT_PROJECT_ROOT", root).env("GIT_HTTP_EXPORT_ALL", "1");
    command.env("REQUEST_METHOD", "GET").env("PATH_INFO", path).env("QUERY_STRING", query);
    command.envs(protocol.map(|p| ("GIT_PROTOCOL", p)));
    let output = command.stdin(Stdio::null()).output().unwrap();
    let at = output.stdout.windows(4).position(|w| w == b"\r\n\r\n").unwrap_or_default();
    let (head, body) = (String::from_utf8_lossy(&output.stdout[..at]), &output.stdout[at + 4..]);
    let status = head.lines().find_map(|l| l.strip_prefix("Status: ")).unwrap_or("200 OK");
    let head =
        format!("HTTP/1.1 {status}\r\n{head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    let _ = stream.write_all(&[head.as_bytes(), body].concat());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_is_read_as_git_itself_sees_it() {
    let Some(lab) = Lab::new() else { return };
    let same = lab.look().await;
    let refs = lab.git("ls-remote mirror.git");
    let counted =
        refs.lines().filter(|l| l.contains("\trefs/") && !l.ends_with("^{}") && !l.contains("refs/pull/"));
    let good = same.summary().last_good.expect("it has all that its original has");
    assert_eq!(good.id, format!("all refs ({})", counted.count()));
    assert_eq!((same.gaps.len(), same.notes.len()), (0, 0), "{same:#?}");

    // behind, and lacking a branch
    lab.commit("three");
    lab.git("-C work branch fix");
    lab.push();
    let behind = lab.look().await;
    let reason = &behind.points[0].reason;
    assert!(
        reason
            .starts_with("1 not copied: refs/heads/fix; 1 elsewhere than in the original: refs/heads/main ("),
        "{reason}"
    );
    assert_eq!(
        (&*behind.gaps[0].first_missing, &*behind.gaps[0].last_missing),
        ("refs/heads/fix", "refs/heads/main")
    );
    assert!(behind.summary().last_good.is_none());

    // packed or loose makes no difference, nor do refs of the host's own
    lab.fetch();
    lab.git("-C mirror.git pack-refs --all");
    lab.git("-C primary.git update-ref refs/pull/8/head refs/heads/main");
    assert!(lab.look().await.summary().last_good.is_some());

    // a history that was rewritten there, and one that only the mirror has
    lab.git("-C work reset -q --hard HEAD~2");
    lab.commit("other");
    lab.git("-C mirror.git update-ref refs/heads/own refs/heads/main");
    let rewritten = lab.look().await;
    let [point] = &rewritten.points[..] else { panic!("{rewritten:#?}") };
    assert_eq!((point.state, point.completed_at), (PointState::Unverified, None));
    let whys: Vec<_> = rewritten.notes.iter().map(|n| &*n.why).collect();
    assert!(whys[0].contains("refs/heads/main (") && whys[0].contains("was rewritten"), "{whys:?}");
    assert_eq!(whys[1], "1 refs are here and not in the original: refs/heads/own");

    // a tag that was moved is worse than one that is late
    lab.git("-C work tag -f -a -m again v1");
    lab.push();
    let moved = lab.look().await;
    assert_eq!(moved.points[0].state, PointState::Suspect, "{moved:#?}");
    assert!(moved.points[0].reason.contains("refs/tags/v1 ("), "{moved:#?}");
    lab.fetch();
    assert!(lab.look().await.summary().last_good.is_some());
}
