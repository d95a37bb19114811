//! The program in a pseudo-terminal, as a whole process: time from exec to the
//! first full frame from the last known state of 1,000 workloads (budgets: 10 ms
//! median, 30 ms p99), and what it costs while it idles at 20 probes a second
//! (0 bytes between visible changes, 0.5 % of a core, 30 MiB). Machines differ,
//! so that both stand beside something in the same run: a process that prints
//! one byte (1.7 ms where the budget was set); btop, if it is installed (0.52 %
//! there), and the same requests by a bare loop of writes and reads.
//!
//! `cargo bench --bench terminal`

use std::io::{Read, Write};
use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use lifeboat::keep::{Places, last_known};
use lifeboat_core::assess::{Glance, GlanceRow, State, Verdict};
use lifeboat_core::model::{Dur, Time};
use portable_pty::{CommandBuilder, PtySize, native_pty_system};

const STARTS: usize = 200;
const IDLE: Duration = Duration::from_secs(20);

fn main() {
    let root = tempfile::tempdir().expect("a folder");
    let places = Places { config: root.path().join("config"), state: root.path().join("state") };
    first_frame(&root.path().join("large"), &places);
    idle(&root.path().join("small"), &places);
}

fn row(n: usize) -> GlanceRow {
    GlanceRow {
        id: format!("workload-{n:04}").as_str().into(),
        label: format!("Workload {n:04}"),
        tier: Some(1),
        state: State::Ok,
        home: Some("eu-west-1".into()),
        rpo_target: Some(Dur::secs(300)),
        rpo_actual: Some(Dur::secs(12)),
        rto_target: Some(Dur::secs(1_800)),
        rto_estimate: Some(Dur::secs(600)),
        last_good: Some(Time::UNIX_EPOCH),
        verdict: Verdict::Recoverable,
        to: Some("eu-central-1".into()),
        reason: String::new(),
    }
}

struct Started {
    child: Box<dyn portable_pty::Child + Send + Sync>,
    bytes: mpsc::Receiver<(Instant, Vec<u8>)>,
    writer: Box<dyn Write + Send>,
    _master: Box<dyn portable_pty::MasterPty + Send>,
}

fn start(program: &str, args: &[&str], places: &Places) -> (Instant, Started) {
    let size = PtySize { rows: 50, cols: 200, pixel_width: 0, pixel_height: 0 };
    let pair = native_pty_system().openpty(size).expect("a pseudo-terminal");
    let mut command = CommandBuilder::new(program);
    command.args(args);
    command.env("LIFEBOAT_STATE_DIR", &places.state);
    command.env("LIFEBOAT_CONFIG_DIR", &places.config);
    command.env("TERM", "xterm-256color");
    command.env("LC_ALL", "C.UTF-8");
    let mut reader = pair.master.try_clone_reader().expect("a reader");
    let (send, bytes) = mpsc::channel();
    std::thread::spawn(move || {
        let mut buffer = vec![0; 65_536];
        while let Ok(read @ 1..) = reader.read(&mut buffer) {
            if send.send((Instant::now(), buffer[..read].to_vec())).is_err() {
                return;
            }
        }
    });
    let writer = pair.master.take_writer().expect("a writer");
    let began = Instant::now();
    let child = pair.slave.spawn_command(command).expect("the program starts");
    (began, Started { child, bytes, writer, _master: pair.master })
}

/// When `words` had been written, in milliseconds since `began`.
fn until(words: &[u8], began: Instant, started: &Started) -> f64 {
    let mut seen = Vec::new();
    loop {
        let (at, bytes) = started.bytes.recv_timeout(Duration::from_secs(10)).expect("a frame");
        seen.extend_from_slice(&bytes);
        if seen.windows(words.len()).any(|w| w == words) {
            return at.duration_since(began).as_secs_f64() * 1_000.0;
        }
    }
}

fn told(name: &str, mut all: Vec<f64>) {
    all.sort_by(f64::total_cmp);
    let at = |part: f64| all[((all.len() - 1) as f64 * part) as usize];
    println!(
        "{name}: min {:.2} ms, median {:.2} ms, p99 {:.2} ms ({} runs)",
        at(0.0),
        at(0.5),
        at(0.99),
        all.len()
    );
}

fn first_frame(dir: &Path, places: &Places) {
    std::fs::create_dir_all(dir).expect("a folder");
    std::fs::write(dir.join("lifeboat.toml"), "schema = 1\nname = \"Large\"\n").expect("a file");
    let at = Time::UNIX_EPOCH + Dur::secs(1_800_000_000);
    let glance =
        Glance { estate: "Large".into(), at, rows: (0..1_000).map(row).collect(), ..Glance::default() };
    last_known::save(places, dir, "large", &glance).expect("saved");
    let estate = dir.to_str().expect("a plain path");
    let (mut frames, mut floor) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let (began, mut bare) = start("/usr/bin/printf", &["x"], places);
        floor.push(until(b"x", began, &bare));
        let _ = bare.child.wait();
        // The end of a frame is the end of its synchronized update.
        let (began, mut ours) = start(env!("CARGO_BIN_EXE_lifeboat"), &["--estate", estate], places);
        frames.push(until(b"\x1b[?2026l", began, &ours));
        let _ = ours.writer.write_all(b"\x03");
        let _ = ours.child.wait();
    }
    told("first full frame, 1,000 workloads, 200x50", frames);
    told("a process that prints one byte", floor);
}

fn idle(dir: &Path, places: &Places) {
    let port = answering();
    std::fs::create_dir_all(dir.join("workloads")).expect("a folder");
    let write = |name: &str, text: String| std::fs::write(dir.join(name), text).expect("a file");
    write("lifeboat.toml", "schema = 1\nname = \"Small\"\n[defaults]\npoll = \"1s\"\n".into());
    write("regions.toml", "schema = 1\n[[region]]\nid = \"a\"\n".into());
    write("stores.toml", "schema = 1\n".into());
    for n in 0..20 {
        let health = format!("[[health]]\nregion = \"a\"\nhttp = \"http://127.0.0.1:{port}/{n}\"\n");
        write(
            &format!("workloads/w{n:02}.toml"),
            format!("schema = 1\nid = \"w{n:02}\"\nhome = \"a\"\n{health}"),
        );
    }
    let estate = dir.to_str().expect("a plain path");
    let program = env!("CARGO_BIN_EXE_lifeboat");
    let trusted = std::process::Command::new(program)
        .args(["trust", estate, "--yes"])
        .env("LIFEBOAT_STATE_DIR", &places.state)
        .env("LIFEBOAT_CONFIG_DIR", &places.config)
        .output();
    assert!(trusted.is_ok_and(|o| o.status.success()), "the estate of the benchmark is trusted");
    let (began, mut ours) = start(program, &["--estate", estate], places);
    until(b"\x1b[?2026l", began, &ours);
    std::thread::sleep(Duration::from_secs(15));
    while ours.bytes.try_recv().is_ok() {}
    let pid = ours.child.process_id().expect("a process");
    let used = cpu_while_idle(pid);
    let written: usize = ours.bytes.try_iter().map(|(_, b)| b.len()).sum();
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let peak = status.lines().find(|l| l.starts_with("VmHWM")).unwrap_or("VmHWM ?");
    println!(
        "idle at 20 probes/s for {} s: {written} bytes written, {used:.2} % of a core, {}",
        IDLE.as_secs(),
        peak.split_whitespace().collect::<Vec<_>>().join(" ")
    );
    let _ = ours.writer.write_all(b"\x03");
    let _ = ours.child.wait();
    println!("the same requests by a bare loop: {:.2} % of a core", bare_loop(port));
    peer("/usr/bin/btop", places);
}

/// What another dashboard takes, if it is installed.
fn peer(program: &str, places: &Places) {
    if !Path::new(program).exists() {
        return println!("{program} is not installed");
    }
    let (_, mut peer) = start(program, &[], places);
    std::thread::sleep(Duration::from_secs(5));
    let used = cpu_while_idle(peer.child.process_id().expect("a process"));
    let written: usize = peer.bytes.try_iter().map(|(_, b)| b.len()).sum();
    println!("{program}: {used:.2} % of a core, {written} bytes written");
    let _ = peer.writer.write_all(b"q");
    let _ = peer.child.kill();
    let _ = peer.child.wait();
}

/// Twenty requests a second over twenty connections, by one thread that does
/// nothing else: what the network itself takes.
fn bare_loop(port: u16) -> f64 {
    let mut all: Vec<_> =
        (0..20).map(|_| std::net::TcpStream::connect(("127.0.0.1", port)).expect("a connection")).collect();
    let spent = || on_core("/proc/thread-self/schedstat".as_ref());
    let (before, began) = (spent(), Instant::now());
    for n in 0.. {
        let due = Duration::from_millis(50 * n);
        if due >= IDLE {
            break;
        }
        std::thread::sleep(due.saturating_sub(began.elapsed()));
        let stream = &mut all[n as usize % 20];
        stream.write_all(b"GET /0 HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: */*\r\n\r\n").expect("a request");
        let _ = stream.read(&mut [0; 4_096]).expect("an answer");
    }
    (spent() - before) / IDLE.as_secs_f64() * 100.0
}

/// Percents of a core that a process takes in the time of idling.
fn cpu_while_idle(pid: u32) -> f64 {
    let before = cpu(pid);
    std::thread::sleep(IDLE);
    (cpu(pid) - before) / IDLE.as_secs_f64() * 100.0
}

/// Seconds of processor time that the threads of a process have used so far.
fn cpu(pid: u32) -> f64 {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    threads.map(|thread| on_core(&thread.path().join("schedstat"))).sum()
}

/// Seconds on a core, from a `schedstat` of the kernel.
fn on_core(schedstat: &Path) -> f64 {
    let text = std::fs::read_to_string(schedstat).unwrap_or_default();
    text.split_whitespace().next().and_then(|ns| ns.parse::<f64>().ok()).unwrap_or(0.0) / 1e9
}

/// A server that says 200 to everything; its port.
fn answering() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its address").port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut buffer = [0; 4_096];
                while matches!(stream.read(&mut buffer), Ok(1..)) {
                    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
                }
            });
        }
    });
    port
}
