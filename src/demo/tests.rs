//! The world as its neighbours see it: over the network and on disk.

use std::{
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    time::{Duration, Instant},
};

use lifeboat_core::model::{Code, Time};
use serde_json::Value;
use tempfile::TempDir;

use super::{
    Control, FAULTS, Options, Ports, Region, World, fault,
    place::{Ports as Kept, read_json},
};

/// Fast, small, and beside any other.
pub(super) fn options() -> Options {
    Options {
        order_rate: 50.0,
        lag: Duration::from_millis(1_200),
        wal_every: Duration::from_millis(400),
        backup_every: Duration::from_millis(700),
        dump_every: Duration::from_millis(1_100),
        history: false,
        ports: Ports::Any,
        ..Options::default()
    }
}

pub(super) fn start() -> (TempDir, World) {
    let dir = TempDir::new().unwrap();
    let world = World::start(dir.path(), options()).unwrap();
    (dir, world)
}

pub(super) fn port(dir: &Path, region: Region) -> u16 {
    let kept: Kept = read_json(&dir.join(".lifeboat/ports.json")).unwrap();
    kept.regions[region as usize].services
}

/// Status and JSON of one request; `Err` where the connection fails.
pub(super) fn ask(method: &str, port: u16, path: &str) -> std::io::Result<(u16, Value)> {
    let address = format!("127.0.0.1:{port}");
    let mut stream = TcpStream::connect(&address)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or(std::io::ErrorKind::UnexpectedEof)?;
    let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
    Ok((status, serde_json::from_str(body).unwrap_or(Value::Null)))
}

fn get(dir: &Path, region: Region, path: &str) -> Value {
    let (status, body) = ask("GET", port(dir, region), path).unwrap();
    assert_eq!(status, 200, "{path}: {body}");
    body
}

fn post(dir: &Path, path: &str) -> (u16, Value) {
    ask("POST", port(dir, Region::Virginia), path).unwrap()
}

/// Waits for what must come about, and says what did not.
#[track_caller]
pub(super) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < deadline, "never came: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn instant(value: &Value) -> Time {
    value.as_str().unwrap().parse().unwrap()
}

fn objects(dir: &Path, region: Region, prefix: &str) -> Vec<(String, u64)> {
    let root = dir.join(".lifeboat/stores").join(region.id()).join(region.bucket()).join(prefix);
    let entries = std::fs::read_dir(root).into_iter().flatten().flatten();
    let mut found: Vec<_> =
        entries.filter_map(|e| Some((e.file_name().into_string().ok()?, e.metadata().ok()?.len()))).collect();
    found.sort();
    found
}

#[test]
fn orders_flow_and_reach_the_standby_some_time_later() {
    let (dir, world) = start();
    let control = world.control().unwrap();
    let before = control.counts().unwrap().acknowledged;
    until("orders are taken", || control.counts().unwrap().acknowledged > before + 100);
    let told = get(dir.path(), Region::Frankfurt, "/orders/replication");
    let lag = told["lag_seconds"].as_f64().unwrap();
    assert!((0.8..=3.0).contains(&lag), "{told}");
    let newest = get(dir.path(), Region::Virginia, "/public/orders/last_write");
    assert!(instant(&newest["at"]) > instant(&told["received_through"]));
    assert_eq!(get(dir.path(), Region::Ireland, "/orders/health")["serving"], true);
    assert_eq!(get(dir.path(), Region::Virginia, "/switch")["target"], "eu-west-1");
    assert_eq!(get(dir.path(), Region::Ireland, "/checkout/health")["status"], "ok");
}

#[test]
fn the_seconds_of_lag_are_as_set() {
    let (dir, world) = start();
    world.control().unwrap().set_lag(Duration::from_secs(4)).unwrap();
    until("lag of four seconds", || {
        let told = get(dir.path(), Region::Frankfurt, "/orders/replication");
        told["lag_seconds"].as_f64().unwrap() > 3.3
    });
    assert!(world.control().unwrap().set_order_rate(f64::NAN).is_err());
}

#[test]
fn a_region_lost_is_failed_over_and_its_loss_is_counted() {
    let (dir, world) = start();
    let dir = dir.path();
    let control = world.control().unwrap();
    let before = control.counts().unwrap().acknowledged;
    until("orders are taken", || control.counts().unwrap().acknowledged > before + 150);
    let said = fault(dir, "region-gone", false).unwrap();
    assert!(said.contains("Ireland"), "{said}");
    // A connection that is under way while the door closes is reset; from then on they are refused.
    until("connections are refused", || {
        let answer = ask("GET", port(dir, Region::Ireland), "/health");
        answer.unwrap_err().kind() == std::io::ErrorKind::ConnectionRefused
    });
    assert_eq!(ask("GET", port(dir, Region::Virginia), "/public/orders/health").unwrap().0, 502);
    until("customers are turned away", || control.counts().unwrap().turned_away > 5);
    let stopped = control.counts().unwrap().acknowledged;
    let received = get(dir, Region::Frankfurt, "/orders/replication");

    assert_eq!(post(dir, "/switch/writers/eu-central-1").0, 409, "not while Ireland holds the token");
    assert_eq!(post(dir, "/switch/fences/eu-west-1").0, 200);
    assert_eq!(get(dir, Region::Virginia, "/switch/fences/eu-west-1")["fenced"], true);
    assert_eq!(post(dir, "/switch/writers/eu-central-1").0, 200);
    assert_eq!(post(dir, "/switch/target/eu-central-1").0, 200);
    until("Frankfurt serves", || get(dir, Region::Frankfurt, "/orders/health")["serving"] == true);
    until("orders are taken again", || control.counts().unwrap().acknowledged > stopped + 20);
    assert_eq!(control.counts().unwrap().writers, ["eu-central-1"]);

    let loss = get(dir, Region::Virginia, "/ledger/loss?region=eu-central-1");
    let (lost, seconds) = (loss["lost"].as_u64().unwrap(), loss["seconds"].as_f64().unwrap());
    assert!(lost >= 20, "{loss}");
    let first = instant(&loss["last_surviving"]["at"]);
    let last = instant(&loss["last_lost"]["at"]);
    assert_eq!(first, instant(&received["received_through"]));
    assert_eq!(seconds, (last - first).num_milliseconds() as f64 / 1_000.0);

    fault(dir, "region-gone", true).unwrap();
    assert_eq!(get(dir, Region::Ireland, "/health")["status"], "ok");
    assert_eq!(ask("GET", port(dir, Region::Ireland), "/orders/health").unwrap().0, 503, "back, but fenced");
    assert_eq!(post(dir, "/switch/standbys/eu-west-1").0, 200);
    until("Ireland follows", || {
        get(dir, Region::Ireland, "/orders/replication")["lag_seconds"].as_f64().unwrap() < 3.0
    });
}

#[test]
fn a_frozen_lag_figure_stays_and_its_instant_with_it() {
    let (dir, world) = start();
    fault(dir.path(), "lag-frozen", false).unwrap();
    let told = get(dir.path(), Region::Frankfurt, "/orders/replication");
    let control = world.control().unwrap();
    let before = control.counts().unwrap().acknowledged;
    until("time passes", || control.counts().unwrap().acknowledged > before + 30);
    assert_eq!(get(dir.path(), Region::Frankfurt, "/orders/replication"), told);
    fault(dir.path(), "lag-frozen", true).unwrap();
    assert_ne!(get(dir.path(), Region::Frankfurt, "/orders/replication"), told);
}

#[test]
fn a_hung_store_takes_the_connection_and_says_nothing() {
    let (dir, _world) = start();
    let kept: Kept = read_json(&dir.path().join(".lifeboat/ports.json")).unwrap();
    let store = kept.regions[Region::Virginia as usize].store;
    assert_eq!(ask("GET", store, "/northwind-virginia").unwrap().0, 403, "unsigned requests are denied");
    fault(dir.path(), "store-hang", false).unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", store)).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    stream.write_all(b"GET /northwind-virginia HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let error = stream.read(&mut [0; 1]).unwrap_err();
    assert!(matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut));
    assert_eq!(get(dir.path(), Region::Virginia, "/health")["status"], "ok", "only the store hangs");
    fault(dir.path(), "store-hang", true).unwrap();
    assert_eq!(ask("GET", store, "/northwind-virginia").unwrap().0, 403);
}

#[test]
fn backups_appear_until_they_silently_stop() {
    let (dir, world) = start();
    let backups = || {
        let all = objects(dir.path(), Region::Virginia, "pgbackrest/backup/orders");
        all.into_iter().filter(|(name, _)| name.starts_with("20")).count()
    };
    let segments =
        || objects(dir.path(), Region::Virginia, "pgbackrest/archive/orders/15-1/0000000100000000").len();
    let dumps = || objects(dir.path(), Region::Frankfurt, "dumps/orders").len();
    until("a full and two incremental backups", || backups() >= 3);
    until("log", || segments() > 8);
    until("dumps", || dumps() >= 2);
    fault(dir.path(), "backup-stopped", false).unwrap();
    // A job that was under way may still end.
    let control = world.control().unwrap();
    let settled = || (backups(), segments(), dumps());
    let mut last = settled();
    let mut since = control.counts().unwrap().acknowledged;
    until("no more backups while a hundred orders are taken", || {
        let (now, count) = (settled(), control.counts().unwrap().acknowledged);
        if now != last {
            (last, since) = (now, count);
        }
        count > since + 100
    });
}

#[test]
fn a_cut_dump_is_seen_at_once_and_the_next_is_cut_too() {
    let (dir, _world) = start();
    let dumps = || objects(dir.path(), Region::Frankfurt, "dumps/orders");
    until("a dump", || !dumps().is_empty());
    let whole = dumps()[0].1;
    fault(dir.path(), "dump-truncated", false).unwrap();
    let newest = dumps().pop().unwrap();
    assert!(newest.1 < whole / 2, "{newest:?} beside {whole}");
    let cut = |at_least: usize| {
        let all = dumps();
        all.len() >= at_least && all.last().is_some_and(|d| d.1 < whole / 2)
    };
    let have = dumps().len();
    until("another cut dump", || cut(have + 1));
    fault(dir.path(), "dump-truncated", true).unwrap();
    until("a whole one", || dumps().last().is_some_and(|d| d.1 > whole / 2));
}

#[test]
fn a_restart_keeps_ports_keys_and_who_writes() {
    let (dir, world) = start();
    let read = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap();
    let files = [".lifeboat/ports.json", "secrets/fra.json", "stores.toml", "lifeboat.toml"];
    let before = files.map(read);
    assert_eq!(post(dir.path(), "/switch/fences/eu-west-1").0, 200);
    assert_eq!(post(dir.path(), "/switch/writers/eu-central-1").0, 200);
    std::fs::write(dir.path().join("regions.toml"), "# mine now\n").unwrap();
    let again = World::start(dir.path(), options()).err().unwrap();
    assert_eq!(again.code, Code::DEMO_BUSY);
    world.stop();
    assert_eq!(Control::of(dir.path()).unwrap_err().code, Code::DEMO_ABSENT);

    let world = World::start(dir.path(), options()).unwrap();
    assert_eq!(files.map(read), before);
    assert_eq!(read("regions.toml"), "# mine now\n", "what the user wrote is left alone");
    assert_eq!(world.control().unwrap().counts().unwrap().writers, ["eu-central-1"]);
}

#[test]
fn folders_and_faults_that_are_none_are_refused() {
    let dir = TempDir::new().unwrap();
    assert_eq!(fault(dir.path(), "region-gone", false).unwrap_err().code, Code::DEMO_ABSENT);
    std::fs::write(dir.path().join("thesis.txt"), "years of work").unwrap();
    assert_eq!(World::start(dir.path(), options()).err().unwrap().code, Code::DEMO_FOLDER);

    let (dir, _world) = start();
    assert_eq!(fault(dir.path(), "meteor", false).unwrap_err().code, Code::DEMO_FAULT);
    for def in FAULTS {
        fault(dir.path(), def.name, false).unwrap();
        fault(dir.path(), def.name, true).unwrap();
    }
    assert_eq!(Control::of(dir.path()).unwrap().counts().unwrap().faults, Vec::<String>::new());
    let ticket = std::fs::metadata(dir.path().join(".lifeboat/control.json")).unwrap();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&ticket.permissions()) & 0o777, 0o600);
}

#[test]
fn a_port_that_another_program_took_is_named() {
    let (dir, world) = start();
    let port = port(dir.path(), Region::Frankfurt);
    world.stop();
    let _other = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    let problem = World::start(dir.path(), options()).err().unwrap();
    assert_eq!(problem.code, Code::DEMO_PORT);
    assert!(problem.subject.contains(&port.to_string()), "{problem}");
}

#[test]
fn nobody_without_the_token_breaks_anything() {
    let (dir, _world) = start();
    let kept: Kept = read_json(&dir.path().join(".lifeboat/ports.json")).unwrap();
    assert_eq!(ask("POST", kept.control, "/fault").unwrap().0, 401);
}
