//! Killed at random, again and again: the driver, an attempt, or all at once.
//! Every kind of effect is counted from outside: by a file that commands write
//! to, by a server that requests reach. In the end the run is completed, and
//! nothing happened twice or was left out.
//!
//! 100 kills in the gate; LIFEBOAT_KILLS says how many, LIFEBOAT_KILL_SEED from
//! which seed. What is killed when follows from the seed; how far the program
//! was by then, from the machine.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Child,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

use lifeboat_core::run::RunState;
use serde_json::{Value, json};

use super::{
    driven::{kill_all, pids_of},
    world::{World, ended, kill, until},
};

const EFFECT: &str = "#!/bin/sh\nsleep 0.02\necho \"did $1\" >> \"$2\"\necho '{\"n\": 3}'\n";
const UNDO: &str = "#!/bin/sh\nsleep 0.02\necho \"undid $1\" >> \"$2\"\n";

/// What acts through requests, and what tells whether anything is done.
struct Server {
    url: String,
    acts: Arc<Mutex<BTreeMap<String, usize>>>,
}

impl Server {
    fn start(count: PathBuf, copied: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let acts = Arc::new(Mutex::new(BTreeMap::new()));
        let (into, asked) = (acts.clone(), AtomicUsize::new(0));
        thread::spawn(move || {
            for stream in listener.incoming() {
                // A client that was killed hears no answer.
                let _ = answer(stream.unwrap(), &into, &count, &copied, &asked);
            }
        });
        Self { url, acts }
    }
}

fn answer(
    stream: TcpStream,
    acts: &Mutex<BTreeMap<String, usize>>,
    count: &Path,
    copied: &Path,
    asked: &AtomicUsize,
) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut reader = BufReader::new(&stream);
    let (mut first, mut length) = (String::new(), 0);
    reader.read_line(&mut first)?;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap_or(0);
        }
        if line.trim().is_empty() {
            break;
        }
    }
    reader.take(length).read_to_end(&mut Vec::new())?;
    let path = first.split(' ').nth(1).unwrap_or_default();
    let (verb, name) = path.trim_start_matches('/').split_once('/').unwrap_or((path, ""));
    let done = || match name {
        "copy" => fs::read(copied).is_ok_and(|b| b == COPIED),
        _ => acts.lock().unwrap().contains_key(name) || stands(count, name),
    };
    let yes = match verb {
        "act" => {
            *acts.lock().unwrap().entry(name.to_owned()).or_default() += 1;
            true
        }
        "done" => done(),
        "absent" => !done(),
        // Not at once.
        _ => asked.fetch_add(1, SeqCst) > 2,
    };
    let status = if yes { "200 OK" } else { "404 Not Found" };
    write!(&stream, "HTTP/1.1 {status}\r\ncontent-length: 8\r\nconnection: close\r\n\r\n{{\"n\": 3}}")
}

/// Whether a command did it and none took it back.
fn stands(count: &Path, name: &str) -> bool {
    let text = fs::read_to_string(count).unwrap_or_default();
    let times = |verb: &str| text.lines().filter(|l| *l == format!("{verb} {name}")).count();
    times("did") > times("undid")
}

const COPIED: &[u8] = b"what is copied";

/// A step that may be tried again only where it is shown not to have happened.
fn step(url: &str, name: &str, mut more: Value) -> Value {
    let probe = |what: &str| json!({ "http": format!("{url}/{what}/{name}"), "expect": { "status": 200 } });
    let common = json!({
        "verify": probe("done"), "absent": probe("absent"),
        // A request that was sent may land a moment after its sender was killed.
        "settle": "100ms", "retry": { "attempts": 50, "backoff": "1ms" }, "timeout": "30s",
    });
    more.as_object_mut().unwrap().extend(common.as_object().unwrap().clone());
    more
}

/// A world, and what acts in it.
fn world() -> (World, Server) {
    let world = World::bare();
    let server = Server::start(world.count(), world.home.path("there/data/file"));
    let (url, count) = (server.url.as_str(), world.count().display().to_string());
    world.home.script("estate/bin/effect", EFFECT);
    world.home.script("estate/bin/undo", UNDO);
    world.home.write("here/data/file", COPIED);
    fs::create_dir_all(world.home.path("there")).unwrap();
    let place = |id: &str| json!({ "id": id, "url": format!("file://{}", world.home.path(id).display()) });
    let stores = json!({ "schema": 1, "store": [place("here"), place("there")] });
    world.home.write("estate/stores.toml", toml::to_string(&stores).unwrap());
    let hook = json!({ "schema": 1, "id": "northwind", "name": "Northwind",
        "notify": [{ "id": "chat", "url": format!("{url}/act/tell") }] });
    world.home.write("estate/lifeboat.toml", toml::to_string(&hook).unwrap());
    let command = |id: &str| {
        let run = ["./bin/effect", id, &count];
        step(url, id, json!({ "id": id, "kind": "command", "run": run }))
    };
    let shards = json!({ "id": "shard", "kind": "command", "run": ["./bin/effect", "shard-{{ shard }}", count],
        "for_each": { "shard": "0..3" }, "max_parallel": 2 });
    let steps = json!([
        step(url, "shard-{{ shard }}", shards),
        step(url, "call", json!({ "id": "call", "kind": "http", "method": "POST", "url": format!("{url}/act/call"), "body": "x" })),
        { "id": "ready", "kind": "wait", "probe": { "http": format!("{url}/ready"), "every": "200ms" }, "timeout": "30s" },
        { "id": "look", "kind": "check", "probe": { "http": format!("{url}/done/call") }, "timeout": "30s" },
        { "id": "inside", "kind": "runbook", "runbook": "inner" },
        step(url, "copy", json!({ "id": "copy", "kind": "copy", "idempotent": true,
            "from": { "store": "here", "path": "data" }, "to": { "store": "there", "path": "data" } })),
        step(url, "tell", json!({ "id": "tell", "kind": "notify", "to": "chat", "message": "we moved" })),
        command("last"),
    ]);
    world.book("move", json!({}), steps);
    world.book("inner", json!({}), json!([command("deep"), command("deeper")]));
    let undone = |id: &str| {
        let mut one = command(id);
        one["undo"] = json!(["./bin/undo", id, count]);
        one
    };
    let fails = json!({ "id": "three", "kind": "command", "run": ["false"], "on_failure": "roll_back" });
    world.book("back", json!({}), json!([undone("one"), undone("two"), fails]));
    world.trust();
    (world, server)
}

struct Round<'a> {
    world: &'a World,
    dice: fastrand::Rng,
    /// How many were killed.
    kills: u64,
}

impl Round<'_> {
    /// From nothing to the end of a run of `book`, killed on the way.
    fn drive(&mut self, book: &str, attempts_too: bool) -> i32 {
        loop {
            let mut driver = self.start(book);
            // So many signs of life further, and then some.
            let goal = self.signs() + self.dice.usize(..6);
            until("a sign of life", || {
                (self.signs() >= goal || driver.try_wait().unwrap().is_some()).then_some(())
            });
            thread::sleep(Duration::from_micros(self.dice.u64(..10_000)));
            if let Some(status) = driver.try_wait().unwrap() {
                return status.code().unwrap_or(-1);
            }
            match self.dice.u8(..10) {
                0 if attempts_too => {
                    self.kill_attempts();
                    kill(&mut driver);
                    self.kills += 1;
                }
                1 | 2 if attempts_too => {
                    self.kill_attempts();
                    // It goes on with what became of that.
                    if self.dice.bool() {
                        return ended(driver);
                    }
                    kill(&mut driver);
                    self.kills += 1;
                }
                _ => {
                    kill(&mut driver);
                    self.kills += 1;
                }
            }
        }
    }
    fn start(&self, book: &str) -> Child {
        match self.world.run_of(book) {
            Some(run) => self.world.spawn(&["resume", run.as_str()]),
            None => self.world.spawn(&["run", book]),
        }
    }
    fn signs(&self) -> usize {
        self.world.lines() + self.world.counted().lines().count()
    }
    /// The attempts' own processes; what they started goes on.
    fn kill_attempts(&mut self) {
        let runs = fs::read_dir(self.world.runs()).into_iter().flatten().flatten();
        for folder in runs.flat_map(|r| fs::read_dir(r.path().join("attempts")).into_iter().flatten()) {
            let folder = folder.unwrap().path();
            self.kills += pids_of(&folder).len() as u64;
            kill_all(&folder);
        }
    }
}

fn once(world: &World, server: &Server) {
    let mut acts = server.acts.lock().unwrap().clone();
    for line in world.counted().lines() {
        *acts.entry(line.to_owned()).or_default() += 1;
    }
    let names = [
        "call",
        "tell",
        "did deep",
        "did deeper",
        "did last",
        "did shard-0",
        "did shard-1",
        "did shard-2",
        "did shard-3",
        "did one",
        "did two",
        "undid one",
        "undid two",
    ];
    let expected: BTreeMap<String, usize> = names.into_iter().map(|name| (name.to_owned(), 1)).collect();
    assert_eq!(acts, expected);
    assert_eq!(fs::read(world.home.path("there/data/file")).unwrap(), COPIED);
}

fn from_env(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(otherwise)
}

#[test]
fn killed_at_random_every_effect_happens_once() {
    let wanted = from_env("LIFEBOAT_KILLS", if crate::lab::whole() { 100 } else { 15 });
    let seed = from_env("LIFEBOAT_KILL_SEED", fastrand::u64(..));
    println!("seed {seed}: LIFEBOAT_KILL_SEED={seed} does the same again");
    let (kills, lives) = (AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while kills.load(SeqCst) < wanted {
                    let life = lives.fetch_add(1, SeqCst);
                    let (world, server) = world();
                    let dice = fastrand::Rng::with_seed(seed.wrapping_add(life));
                    let mut round = Round { world: &world, dice, kills: 0 };
                    let moved = round.drive("move", true);
                    let told = |book: &str| {
                        let run = world.run_of(book).unwrap();
                        world.told(&["report", run.as_str()]).1
                    };
                    assert_eq!(moved, 0, "life {life} of seed {seed}: {}", told("move"));
                    // It fails, and takes back what it did.
                    let back = round.drive("back", false);
                    assert_eq!(back, 1, "life {life} of seed {seed}: {}", told("back"));
                    kills.fetch_add(round.kills, SeqCst);
                    once(&world, &server);
                    for (book, state) in [
                        ("move", RunState::Completed),
                        ("inner", RunState::Completed),
                        ("back", RunState::Failed),
                    ] {
                        assert_eq!(
                            world.of(book).unwrap().state,
                            state,
                            "{book} of life {life} of seed {seed}"
                        );
                    }
                }
            });
        }
    });
    println!("{} kills in {} lives", kills.into_inner(), lives.into_inner());
}
