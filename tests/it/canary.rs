//! Two hundred secrets, planted where an estate may refer to one, used by a
//! run of every kind of step. Commands print all that they were given, in every
//! encoding and in pieces; servers repeat what they were asked with, in answers
//! and in errors. Nothing that is written, shown or started holds any of them,
//! in any of these encodings, and no process leaves a core.

mod cores;

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose as base64s};
use lifeboat::keep::runs::{self, attempt_dir, runs_dir};
use serde_json::{Value, json};

use super::{lab, pty::Pty};

/// What every planted secret begins with: to find it is to find any of them.
const MARK: &str = "zqKanari";
const PLANTED: usize = 200;

fn secret(n: usize) -> String {
    format!("{MARK}-{n:03}-of-{PLANTED}")
}

/// The mark as it would stand in a file: as it is and in twelve encodings.
fn forms() -> Vec<(&'static str, Vec<u8>)> {
    let raw = MARK.as_bytes();
    let each = |f: &dyn Fn(u8) -> String| raw.iter().map(|b| f(*b)).collect::<String>().into_bytes();
    // Of base64, what does not depend on what stands beside it, at each offset.
    let shifted = |n: usize| {
        let text = base64s::STANDARD_NO_PAD.encode([&b"??"[..n], raw].concat());
        let skip = [0, 2, 3][n];
        let end = text.len() - 2;
        text.as_bytes()[skip..end].to_vec()
    };
    vec![
        ("as it is", raw.to_vec()),
        ("reversed", raw.iter().rev().copied().collect()),
        ("hex", hex::encode(raw).into_bytes()),
        ("HEX", hex::encode_upper(raw).into_bytes()),
        ("base64", shifted(0)),
        ("base64, moved by one", shifted(1)),
        ("base64, moved by two", shifted(2)),
        ("percent", each(&|b| format!("%{b:02X}"))),
        ("JSON", each(&|b| format!("\\u{b:04x}"))),
        ("C", each(&|b| format!("\\x{b:02x}"))),
        ("HTML", each(&|b| format!("&#{b};"))),
        ("UTF-16", raw.iter().flat_map(|b| [*b, 0]).collect()),
        ("quoted-printable", each(&|b| format!("={b:02X}"))),
        ("octal", each(&|b| format!("\\{b:03o}"))),
        ("numbers", raw.iter().map(u8::to_string).collect::<Vec<_>>().join(",").into_bytes()),
    ]
}

fn found(bytes: &[u8]) -> Option<&'static str> {
    let holds = |form: &[u8]| bytes.windows(form.len()).any(|w| w == form);
    forms().into_iter().find(|(_, form)| holds(form)).map(|(name, _)| name)
}

#[test]
fn each_form_of_a_secret_is_found() {
    for n in [0, 7, 199] {
        let secret = secret(n);
        let padded = [&b"Bearer "[..], secret.as_bytes()].concat();
        let json: String = secret.bytes().map(|b| format!("\\u{b:04x}")).collect();
        let told: Vec<Vec<u8>> = vec![
            secret.clone().into_bytes(),
            secret.bytes().rev().collect(),
            hex::encode(&secret).into_bytes(),
            base64s::STANDARD.encode(&secret).into_bytes(),
            base64s::URL_SAFE.encode(&padded).into_bytes(),
            base64s::STANDARD.encode(format!("??{secret}")).into_bytes(),
            json.into_bytes(),
        ];
        for bytes in told {
            assert!(found(&bytes).is_some(), "{}", String::from_utf8_lossy(&bytes));
        }
    }
    assert_eq!(found(b"nothing of the kind"), None);
}

/// Prints every secret that it was given: as it is, in two pieces, and encoded
/// in every way that it is looked for in; the last line is an output.
const LEAK: &str = include_str!("canary/leak.py");

/// PostgreSQL as far as asking for a password, which it repeats in its error.
fn postgres() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, mut buffer) = (stream.unwrap(), vec![0; 4 << 10]);
            let _ = stream.read(&mut buffer);
            let _ = stream.write_all(b"R\0\0\0\x08\0\0\0\x03");
            let n = stream.read(&mut buffer).unwrap_or(0);
            let password = String::from_utf8_lossy(buffer.get(5..n).unwrap_or_default()).replace('\0', "");
            let fields = format!("SFATAL\0C28P01\0Mpassword {password} is wrong\0\0");
            let length = u32::try_from(fields.len() + 4).unwrap().to_be_bytes();
            let _ = stream.write_all(&[b"E", &length[..], fields.as_bytes()].concat());
        }
    });
    address
}

/// Answers everything with 200 and what it was asked with; counts secrets that arrived.
fn hook() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let arrived = Arc::new(AtomicUsize::new(0));
    let count = arrived.clone();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, mut buffer) = (stream.unwrap(), vec![0; 64 << 10]);
            let n = stream.read(&mut buffer).unwrap_or(0);
            count.fetch_add(String::from_utf8_lossy(&buffer[..n]).matches(MARK).count(), Ordering::SeqCst);
            let asked = String::from_utf8_lossy(&buffer[..n]).into_owned();
            let token = asked.lines().find(|l| l.contains(MARK)).and_then(|l| l.split(' ').next_back());
            let body = json!({ "token": token, "asked": asked, "hex": hex::encode(&asked) }).to_string();
            let head =
                format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            let _ = stream.write_all((head + &body).as_bytes());
        }
    });
    (url, arrived)
}

struct World {
    dir: tempfile::TempDir,
    hook: (String, Arc<AtomicUsize>),
    postgres: String,
}

/// 180 in the environment of commands, by variable, program, file and `[[secret]]`;
/// 18 headers, one token, one password of a repository.
fn steps(url: &str, dir: &Path) -> Value {
    let reference = |n: usize| match n % 4 {
        0 => json!({ "env": format!("PLANTED_{n}") }),
        1 => json!({ "command": ["cat", dir.join(format!("planted/{n}"))] }),
        2 => json!({ "file": dir.join(format!("planted/{n}")) }),
        _ => json!({ "secret": format!("s{n}") }),
    };
    let mut steps = Vec::new();
    for group in 0..9 {
        let env: serde_json::Map<_, _> =
            (0..20).map(|k| (format!("SECRET_{k}"), reference(group * 20 + k))).collect();
        // All of them are there, and as long as they should be.
        let script = format!(
            "for n in $(seq 0 19); do eval v=\\$SECRET_$n; [ ${{#v}} -eq {} ] || exit 9; done; exec ./bin/leak",
            secret(0).len()
        );
        let mut step = json!({ "id": format!("command-{group}"), "kind": "command", "run": ["sh", "-c", script], "env": env });
        if group % 2 == 0 {
            step["outputs"] = json!({ "token": "/token", "hex": "/hex" });
        }
        steps.push(step);
    }
    let headers: serde_json::Map<_, _> = (180..198).map(|n| (format!("x-token-{n}"), reference(n))).collect();
    steps.push(json!({ "id": "request", "kind": "http", "url": url, "headers": headers, "outputs": { "said": "/token", "all": "/asked" } }));
    // What it was not: its error names what it was.
    steps.push(
        json!({ "id": "refused", "kind": "http", "url": url, "headers": { "authorization": reference(180) },
        "expect": { "pointer": "/token", "equals": "x" }, "on_failure": "continue" }),
    );
    steps.push(json!({ "id": "ask", "kind": "check", "on_failure": "continue", "timeout": "2s",
        "probe": { "postgres": { "dsn": { "env": "PLANTED_DSN" } }, "timeout": "1s" } }));
    steps.push(json!({ "id": "tell", "kind": "notify", "to": "chat", "message": "we move" }));
    steps.push(json!({ "id": "back", "kind": "restore", "asset": "shop/db", "into": dir.join("restored") }));
    Value::Array(steps)
}

impl World {
    fn new() -> Self {
        let world = Self { dir: tempfile::tempdir().unwrap(), hook: hook(), postgres: postgres() };
        let estate = world.path("estate");
        for folder in ["estate/runbooks", "estate/workloads", "estate/bin", "planted", "src"] {
            fs::create_dir_all(world.path(folder)).unwrap();
        }
        fs::write(estate.join("bin/leak"), LEAK).unwrap();
        fs::set_permissions(estate.join("bin/leak"), fs::Permissions::from_mode(0o755)).unwrap();
        for n in 0..PLANTED {
            fs::write(world.path(&format!("planted/{n}")), secret(n)).unwrap();
        }
        let write = |name: &str, table: Value| {
            fs::write(estate.join(name), toml::to_string(&table).unwrap()).unwrap()
        };
        write(
            "lifeboat.toml",
            json!({ "schema": 1, "id": "northwind", "name": "Northwind",
                    "notify": [{ "id": "chat", "url": world.hook.0, "token": { "env": "PLANTED_198" } }] }),
        );
        let secrets: Vec<Value> = (0..PLANTED)
            .map(|n| json!({ "id": format!("s{n}"), "from": { "env": format!("PLANTED_{n}") } }))
            .collect();
        write("regions.toml", json!({ "schema": 1, "region": [{ "id": "eu" }], "secret": secrets }));
        let repo = format!("file://{}", world.path("").display());
        write("stores.toml", json!({ "schema": 1, "store": [{ "id": "fra", "url": repo, "region": "eu" }] }));
        let copy = json!({ "store": "fra", "format": "restic", "path": "repo", "password": { "env": "PLANTED_199" } });
        let asset = json!({ "id": "db", "layer": "database", "copy": [copy] });
        let health = json!({ "region": "eu", "postgres": { "dsn": { "env": "PLANTED_DSN" } } });
        write(
            "workloads/shop.toml",
            json!({ "schema": 1, "id": "shop", "home": "eu", "asset": [asset], "health": [health] }),
        );
        let steps = steps(&world.hook.0, world.dir.path());
        write(
            "runbooks/move.toml",
            json!({ "schema": 1, "id": "move", "title": "Move", "kind": "failover", "step": steps }),
        );
        fs::write(world.path("src/file"), "data").unwrap();
        for args in [&["init"][..], &["backup", "src"]] {
            let mut restic = Command::new("/usr/bin/restic");
            restic.args(["--repo", "repo", "--quiet", "--no-cache"]).args(args).current_dir(world.dir.path());
            assert!(restic.env("RESTIC_PASSWORD", secret(199)).status().unwrap().success());
        }
        assert!(world.lifeboat(&["trust", "--yes"]).output().unwrap().status.success());
        world
    }
    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
    fn lifeboat(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lifeboat"));
        command.arg("--estate").arg(self.path("estate")).args(args).stdin(Stdio::null());
        command.env("LIFEBOAT_STATE_DIR", self.path("state")).env("LIFEBOAT_CONFIG_DIR", self.path("config"));
        command.env("LIFEBOAT_LOG", "trace").env("RUST_BACKTRACE", "full");
        command.envs((0..PLANTED).map(|n| (format!("PLANTED_{n}"), secret(n))));
        let dsn = format!("postgres://ops:{}@{}/orders?sslmode=disable", secret(177), self.postgres);
        command.env("PLANTED_DSN", dsn);
        command
    }
}

/// Argument lists that were seen with a secret in them, and processes of ours
/// that might leave a core.
type Seen = Arc<Mutex<Vec<String>>>;

/// Looks at every process until it is told to stop; gives how many it saw.
fn watch(stop: Arc<AtomicBool>, seen: Seen) -> thread::JoinHandle<usize> {
    thread::spawn(move || {
        let mut looks = 0;
        while !stop.load(Ordering::SeqCst) {
            for entry in fs::read_dir("/proc").unwrap().flatten() {
                let Some(pid) = entry.file_name().to_str().and_then(|n| n.parse::<u32>().ok()) else {
                    continue;
                };
                let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
                if let Some(form) = found(&line) {
                    seen.lock().unwrap().push(format!("{pid}: {form}: {}", String::from_utf8_lossy(&line)));
                }
                let attempt = line.split(|b| *b == 0).any(|arg| arg == b"__attempt");
                if attempt && entry.path().join("fd").read_dir().is_ok_and(|mut d| d.next().is_some()) {
                    looks += 1;
                    let limits = fs::read_to_string(entry.path().join("limits")).unwrap_or_default();
                    let core =
                        limits.lines().find(|l| l.starts_with("Max core file size")).unwrap_or_default();
                    let begun = fs::read_to_string(entry.path().join("cwd/started")).is_ok();
                    if begun && core.split_whitespace().nth(4) != Some("0") && !core.is_empty() {
                        seen.lock().unwrap().push(format!("{pid} may leave a core: {core}"));
                    }
                }
            }
            thread::sleep(Duration::from_millis(1));
        }
        looks
    })
}

/// What was printed is kept, all but the secrets: each step said all of it.
fn said(run: &Path) {
    for group in 0..9 {
        let attempt = attempt_dir(run, &format!("command-{group}").as_str().into(), 1);
        let apart = group % 2 == 0;
        let output = fs::read(attempt.join(if apart { "stdout" } else { "output" })).unwrap();
        let text = String::from_utf8_lossy(&output);
        assert!(text.contains("all was said") && text.contains("before *** after"), "{text}");
        assert!(text.matches("pieces ***\n").count() == 20, "{text}");
        let errors = fs::read_to_string(attempt.join("output")).unwrap_or_default();
        assert_eq!(errors.matches("error: bad token ***").count(), 20);
    }
    let journal = fs::read_to_string(run.join("journal.jsonl")).unwrap();
    for told in ["/token is", "password *** is wrong", r#""outputs":{"hex":"***","token":"***"}"#] {
        assert!(journal.contains(told), "{told} is not in {journal}");
    }
}

#[test]
fn no_secret_reaches_anything_that_is_kept_shown_or_started() {
    if !lab::has(&[Path::new("/usr/bin/restic"), Path::new("/usr/bin/python3")]) {
        return;
    }
    let world = World::new();
    let (stop, seen) = (Arc::new(AtomicBool::new(false)), Seen::default());
    let watching = watch(stop.clone(), seen.clone());
    let ran = world.lifeboat(&["run", "move"]).output().unwrap();
    let mut shown = vec![("run", [ran.stdout, ran.stderr].concat())];
    let runs = runs_dir(&world.path("state"), "northwind");
    let id = runs::list(&runs)[0].id.clone();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&shown[0].1));
    // 18 headers, one of them twice, and one token: they were really used.
    assert_eq!(world.hook.1.load(Ordering::SeqCst), 20);
    assert_eq!(fs::read_dir(world.path("restored")).unwrap().count(), 1);

    for format in ["md", "html", "json"] {
        shown.push((
            format,
            world.lifeboat(&["report", id.as_str(), "--format", format]).output().unwrap().stdout,
        ));
    }
    for command in ["status", "runs", "coverage", "points"] {
        let args: &[&str] = if command == "points" { &["points", "shop"] } else { &[command] };
        let told = world.lifeboat(args).output().unwrap();
        shown.push((command, [told.stdout, told.stderr].concat()));
    }
    // A dashboard whose environment holds none of them must do as well.
    let env = [("LIFEBOAT_STATE_DIR", world.path("state")), ("LIFEBOAT_CONFIG_DIR", world.path("config"))];
    let env: Vec<(&str, &Path)> = env.iter().map(|(k, v)| (*k, v.as_path())).collect();
    let estate = world.path("estate");
    let args = ["--estate", estate.to_str().unwrap()];
    let mut pty = Pty::start(Path::new(env!("CARGO_BIN_EXE_lifeboat")), &args, &env);
    pty.wait_for("shop");
    pty.keys("0");
    pty.wait_for("The run is over");
    shown.push(("screen", pty.raw()));
    pty.keys("\u{3}");
    pty.exit();
    stop.store(true, Ordering::SeqCst);
    let looks = watching.join().unwrap();
    assert!(looks > 5, "attempts were seen {looks} times");
    assert_eq!(*seen.lock().unwrap(), Vec::<String>::new());

    said(&runs.join(id.as_str()));
    for (what, bytes) in &shown {
        assert!(!bytes.is_empty(), "{what} says nothing");
        assert_eq!(found(bytes), None, "{what}: {}", String::from_utf8_lossy(bytes));
    }
    let mut kept = 0;
    for root in ["state", "config", "restored"] {
        for file in lab::files(&world.path(root)) {
            kept += 1;
            assert_eq!(found(&fs::read(&file).unwrap()), None, "{}", file.display());
            assert!(!file.file_name().unwrap().to_string_lossy().starts_with("core"), "{}", file.display());
        }
    }
    assert!(kept > 50, "{kept} files");
    let log = lab::files(&world.path("state")).into_iter().any(|f| f.display().to_string().contains("log"));
    assert!(log, "a log was written, and read here");
    let mode = fs::metadata(runs.join(id.as_str())).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "what commands print is nobody else's business");
}

/// What a person writes may hold a secret as well: a password that was told on
/// the telephone, noted so that it is not forgotten.
#[test]
fn what_a_person_writes_is_kept_without_the_secrets_that_are_known() {
    let world = super::world::World::bare();
    let steps = json!([
        { "id": "ask", "kind": "manual", "fields": [{ "id": "who" }] },
        { "id": "use", "kind": "command", "run": ["true"], "env": { "TOKEN": { "env": "PLANTED" } } },
    ]);
    world.book("move", json!({}), steps);
    world.trust();
    let (state, config) = (world.home.path("state"), world.home.path("config"));
    let told = secret(3);
    let env: [(&str, &Path); 3] = [
        ("LIFEBOAT_STATE_DIR", state.as_path()),
        ("LIFEBOAT_CONFIG_DIR", config.as_path()),
        ("PLANTED", Path::new(&told)),
    ];
    let estate = world.home.path("estate");
    let args = ["--estate", estate.to_str().unwrap()];
    let mut app = Pty::start(Path::new(env!("CARGO_BIN_EXE_lifeboat")), &args, &env);
    app.keys("7");
    app.wait_for("Enter opens the form to start it");
    app.keys("\r");
    app.wait_for("Enter starts it");
    app.keys("\u{1b}[A\u{1b}[D");
    app.wait_for("type live");
    app.keys("\rlive\r");
    app.wait_for("This needs you");
    app.keys("n");
    app.wait_for("A line for the run's journal");
    app.keys(&format!("grace says it is {told} today\r"));
    let journal = || {
        fs::read_to_string(world.runs().join(world.run().unwrap().as_str()).join("journal.jsonl")).unwrap()
    };
    app.wait("the note is kept", |screen| {
        !screen.contains("A line for the run") && journal().contains("grace says")
    });
    app.keys("\r");
    app.wait_for("type done");
    app.keys(&format!("{told}\rdone\r"));
    app.wait_for("The run is over");
    app.keys("\u{3}");
    app.exit();

    let run = world.run().unwrap();
    assert!(
        journal().contains("grace says it is *** today") && journal().contains(r#""who":"***""#),
        "{}",
        journal()
    );
    for file in lab::files(&state) {
        assert_eq!(found(&fs::read(&file).unwrap()), None, "{}", file.display());
    }
    for format in ["md", "html", "json"] {
        let (_, out, _) = world.told(&["report", run.as_str(), "--format", format]);
        assert!(out.contains("grace says it is"), "{out}");
        assert_eq!(found(out.as_bytes()), None, "{out}");
    }
}
