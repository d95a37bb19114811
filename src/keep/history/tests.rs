use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use serde_json::json;

use super::note::Note;
use super::*;

fn t(s: i64) -> Time {
    Time::UNIX_EPOCH + Dur::secs(1_795_356_000 + s)
}
fn estate() -> Estate {
    let lag = json!({"kind": "http", "target": "http://replica.example", "value": "/lag_s", "unit": "s"});
    serde_json::from_value(json!({
        "id": "northwind", "name": "Northwind",
        "regions": [{"id": "here"}, {"id": "there"}],
        "stores": [{"id": "backups", "url": "file:///b", "region": "there"}],
        "workloads": [{
            "id": "checkout", "home": "here", "standby": [{"region": "there"}],
            "asset": [{
                "id": "db", "layer": "database", "replica": [{"region": "there", "lag": lag}],
                "copy": [{"store": "backups", "path": "db", "format": "dump", "schedule": 3_600,
                          "retention": {"min": 86_400, "max": null}}],
            }],
        }],
    }))
    .unwrap()
}
fn link() -> LinkKey {
    LinkKey { workload: "checkout".into(), asset: "db".into(), index: 0 }
}
fn key() -> CopyKey {
    CopyKey { workload: "checkout".into(), asset: "db".into(), index: 0 }
}
fn lag(at: Time, seconds: f64) -> Note {
    Note::Probe { key: ProbeKey::Lag(link()), at, result: Ok(Some(seconds)) }
}
fn point(n: i64, size: u64) -> Point {
    Point {
        id: format!("dump-{n}"),
        kind: PointKind::Dump,
        started_at: Some(t(n * 3_600 - 60)),
        completed_at: Some(t(n * 3_600)),
        size_bytes: Some(size),
        packed: None,
        state: PointState::Usable,
        reason: String::new(),
        depends_on: Vec::new(),
    }
}
fn look(at: Time, points: Vec<Point>) -> Note {
    let cost = Cost { requests: 3, bytes: 700 };
    Note::Copy { key: key(), at, result: Ok(Box::new(CopyReport { points, cost, ..CopyReport::default() })) }
}
fn open(path: &Path) -> History {
    let (opened, told) = History::open(path, Bounds::default(), t(0));
    assert_eq!(told, []);
    opened.unwrap()
}
fn past(history: &History) -> Past {
    let estate = estate();
    history.past(&estate, &estate.workloads[0]).unwrap()
}
fn sound(history: &History) -> bool {
    let said: String = history.db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    said == "ok"
}
fn values(series: &[Bucket]) -> u32 {
    series.iter().map(|b| b.n).sum()
}

#[test]
fn each_point_is_kept_once_and_what_is_gone_is_told_from_what_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let mut history = open(&dir.path().join("history.sqlite"));
    let all: Vec<_> = (0..5).map(|n| point(n, 1_000 + n as u64)).collect();
    history.write(&estate(), &[look(t(20_000), all.clone())]).unwrap();
    history.write(&estate(), &[look(t(20_900), all.clone())]).unwrap();
    history.write(&estate(), &[look(t(21_800), all[1..].to_vec())]).unwrap();
    // An older look, written late, brings nothing back.
    history.write(&estate(), &[look(t(20_950), all)]).unwrap();
    // What could not be read whole proves no deletion.
    let noted = CopyReport { notes: vec![Problem::new(Code::STORE_CUT, "x")], ..CopyReport::default() };
    let partly = Note::Copy { key: key(), at: t(22_000), result: Ok(Box::new(noted)) };
    let failed = Note::Copy { key: key(), at: t(22_100), result: Err(Code::STORE_TIMEOUT) };
    history.write(&estate(), &[partly, failed]).unwrap();
    let past = past(&history);
    let copy = &past.copies[0].1;
    let ids: Vec<_> = copy.points.iter().map(|p| (p.id.as_str(), p.gone_at)).collect();
    let gone = Some(t(21_800));
    assert_eq!(
        ids,
        [("dump-4", None), ("dump-3", None), ("dump-2", None), ("dump-1", None), ("dump-0", gone)]
    );
    assert_eq!((copy.began, copy.points[0].first_seen), (Some(t(20_000)), t(20_000)));
    assert_eq!((copy.points[0].size_bytes, copy.points[0].kind), (Some(1_004), PointKind::Dump));
    assert_eq!(values(&copy.answered.minutes), 6);
    assert_eq!(copy.answered.days.iter().map(|b| b.mean * f64::from(b.n)).sum::<f64>(), 5.0);
    assert_eq!((copy.stored.minutes[0].last, copy.requests.last()), (5_010.0, Some(0.0)));
}

#[test]
fn figures_are_kept_by_the_minute_the_hour_and_the_day() {
    let dir = tempfile::tempdir().unwrap();
    let mut history = open(&dir.path().join("history.sqlite"));
    let day = (0..2 * 86_400).step_by(10).map(|s| lag(t(s), (s % 60) as f64));
    history.write(&estate(), &day.collect::<Vec<_>>()).unwrap();
    history.thin_now(t(2 * 86_400)).unwrap();
    let past = past(&history);
    let lag = &past.links[0].1;
    assert!((359..=361).contains(&lag.minutes.len()), "six hours of minutes, not {}", lag.minutes.len());
    assert!(
        (47..=49).contains(&lag.hours.len()) && lag.days.len() == 3,
        "{} {}",
        lag.hours.len(),
        lag.days.len()
    );
    assert_eq!((lag.minutes[7].n, lag.minutes[7].mean, lag.minutes[7].max), (6, 25.0, 50.0));
    assert_eq!(values(&lag.days), 2 * 8_640, "thinning out loses no value of what is kept");
    assert_eq!(lag.over(Dur::secs(3_600), t(2 * 86_400)).len(), 60);
    assert_eq!(lag.over(Dur::secs(86_400), t(2 * 86_400)).len(), 24, "a day is told in hours");
}

#[test]
fn it_stays_within_its_bound_and_keeps_what_is_newest() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("history.sqlite");
    let bounds = Bounds { bytes: 300_000, points: 50, turns: 20 };
    let mut history = History::open(&path, bounds, t(0)).0.unwrap();
    for day in 0..40 {
        let begin = day * 86_400;
        let mut notes: Vec<_> = (0..86_400).step_by(60).map(|s| lag(t(begin + s), 1.0)).collect();
        let points = (0..80).map(|n| point(day * 24 + n, 9));
        notes.push(look(t(begin + 80 * 3_600), points.collect()));
        let turns = (0..200).map(|n| {
            let result = if n % 2 == 0 { Ok(None) } else { Err(Code::PROBE_REFUSED) };
            let key = ProbeKey::WorkloadHealth { workload: "checkout".into(), index: 0 };
            Note::Probe { key, at: t(begin + n * 400), result }
        });
        notes.extend(turns);
        history.write(&estate(), &notes).unwrap();
        history.thin_now(t(begin + 86_400)).unwrap();
        let bytes = history.bytes().unwrap();
        assert!(bytes <= bounds.bytes, "{bytes} bytes on day {day}");
    }
    let count = |table: &str| -> i64 {
        history.db.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    };
    // The health turned again and again, lag and copy once each.
    assert_eq!((count("point"), count("turn")), (50, 22));
    let newest: i64 = history.db.query_row("SELECT max(newest) FROM bucket", [], |row| row.get(0)).unwrap();
    // The last look at the copy, which is noted at its own instant.
    assert_eq!(newest, t(39 * 86_400 + 80 * 3_600).timestamp_millis());
    drop(history);
    let size = std::fs::metadata(&path).unwrap().len();
    assert!(size <= 2 * bounds.bytes, "the file itself has {size} bytes");
}

/// Not a test of its own: what a writing process does, told by where it lies.
#[test]
fn child() {
    let Some(path) = std::env::var_os("LIFEBOAT_TEST_HISTORY") else { return };
    let count: i64 = std::env::var("LIFEBOAT_TEST_COUNT").unwrap().parse().unwrap();
    let mut history = History::open(Path::new(&path), Bounds::default(), t(0)).0.unwrap();
    for n in 0..count {
        let points = (n / 2..n / 2 + 3).map(|p| point(p, 100)).collect();
        let notes = [lag(t(n), n as f64), look(t(n), points)];
        // Tried again as its thread does: on a busy disk others may be long at it.
        let mut tries = 0;
        while let Err(problem) = history.write(&estate(), &notes) {
            tries += 1;
            assert!(problem.retryable && tries < 10, "{problem}");
        }
        println!("wrote {n}");
        std::io::stdout().flush().unwrap();
    }
}

fn writer(path: &Path, count: i64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "keep::history::tests::child", "--nocapture", "--test-threads=1"])
        .env("LIFEBOAT_TEST_HISTORY", path)
        .env("LIFEBOAT_TEST_COUNT", count.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn a_kill_at_any_instant_loses_nothing_that_was_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    for round in 0..25 {
        let path = dir.path().join(format!("{round}.sqlite"));
        let mut child = writer(&path, 1_000_000);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // The first lines are killed right at the making of the tables' file.
        let wanted = fastrand::u32(0..40);
        let mut acknowledged = 0;
        for line in lines.by_ref().map_while(Result::ok) {
            acknowledged += u32::from(line.contains("wrote "));
            if acknowledged > wanted {
                break;
            }
        }
        std::thread::sleep(Duration::from_micros(fastrand::u64(0..3_000)));
        child.kill().unwrap();
        child.wait().unwrap();
        acknowledged += lines.map_while(Result::ok).filter(|l| l.contains("wrote ")).count() as u32;
        let mut history = open(&path);
        assert!(sound(&history), "round {round}");
        let past = past(&history);
        let there = values(&past.links[0].1.days);
        assert!(there == acknowledged || there == acknowledged + 1, "{there} of {acknowledged}");
        // Both of one transaction or neither.
        assert_eq!(values(&past.copies[0].1.answered.days), there);
        history.write(&estate(), &[lag(t(9_000_000), 1.0)]).unwrap();
    }
}

#[test]
fn several_processes_write_at_once_and_no_row_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("history.sqlite");
    // None is there before: they race for making the tables as well.
    let mut children: Vec<_> = (0..4).map(|_| writer(&path, 100)).collect();
    for child in &mut children {
        assert!(child.wait().unwrap().success());
    }
    let history = open(&path);
    assert!(sound(&history));
    assert_eq!(values(&past(&history).links[0].1.days), 400);
}

#[test]
fn a_damaged_file_is_set_aside_and_said() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("history.sqlite");
    let mut history = open(&path);
    let notes: Vec<_> = (0..3_000).map(|n| lag(t(n * 60), 1.0)).collect();
    history.write(&estate(), &notes).unwrap();
    history.db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    drop(history);
    let whole = std::fs::read(&path).unwrap();
    for (n, damage) in [b"no database at all".to_vec(), whole[..whole.len() / 3].to_vec(), {
        let mut torn = whole.clone();
        torn[5_000..30_000].fill(0xa5);
        torn
    }]
    .into_iter()
    .enumerate()
    {
        std::fs::write(&path, &damage).unwrap();
        let (opened, told) = History::open(&path, Bounds::default(), t(n as i64));
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(told[0].code, Code::HISTORY_DAMAGED);
        let mut names =
            std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
        let aside = names.find(|name| name.contains(".damaged-") && told[0].next.contains(name.as_str()));
        let aside = aside.expect("it is named where it lies");
        assert_eq!(std::fs::read(dir.path().join(aside)).unwrap(), damage);
        let mut new = opened.unwrap();
        new.write(&estate(), &[lag(t(0), 2.0)]).unwrap();
        assert_eq!(past(&new).links[0].1.last(), Some(2.0));
        drop(new);
    }
}

#[test]
fn what_a_newer_program_wrote_is_left_to_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("history.sqlite");
    let history = open(&path);
    assert_eq!(schema::version(&history.db).unwrap(), VERSION);
    history.db.pragma_update(None, "user_version", VERSION + 1).unwrap();
    drop(history);
    let (opened, told) = History::open(&path, Bounds::default(), t(0));
    assert_eq!(opened.err().map(|p| p.code), Some(Code::HISTORY_NEWER));
    assert_eq!(told[0].code, Code::HISTORY_NEWER);
    let db = Connection::open(&path).unwrap();
    assert_eq!(schema::version(&db).unwrap(), VERSION + 1, "it lies there as it was");
}

#[test]
fn on_a_full_disk_it_is_read_and_written_again_once_there_is_room() {
    let dir = tempfile::tempdir().unwrap();
    let mut history = open(&dir.path().join("history.sqlite"));
    history.write(&estate(), &[lag(t(0), 7.0)]).unwrap();
    let pages: i64 = history.db.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
    history.db.pragma_update(None, "max_page_count", pages).unwrap();
    let many: Vec<_> = (0..5_000).map(|n| lag(t(n * 60), 1.0)).collect();
    let refused = history.write(&estate(), &many).unwrap_err();
    assert_eq!(refused.code, Code::HISTORY_WRITE);
    assert!(refused.why.contains("full"), "{refused}");
    assert_eq!(past(&history).links[0].1.last(), Some(7.0), "what was there is read, none of the rest");
    history.db.pragma_update(None, "max_page_count", i64::from(u32::MAX >> 2)).unwrap();
    history.write(&estate(), &many).unwrap();
    assert_eq!(values(&past(&history).links[0].1.days), 5_001);
}

#[test]
fn where_nothing_can_be_written_it_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("history.sqlite");
    let mut history = open(&path);
    history.write(&estate(), &[lag(t(0), 7.0)]).unwrap();
    history.db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    drop(history);
    // The files beside it cannot be made: as in a folder that is read-only,
    // which for the superuser there is none.
    std::fs::create_dir_all(dir.path().join("history.sqlite-wal/x")).unwrap();
    let (opened, told) = History::open(&path, Bounds::default(), t(0));
    assert_eq!(told.iter().map(|p| p.code).collect::<Vec<_>>(), [Code::HISTORY_WRITE]);
    let mut history = opened.unwrap();
    assert_eq!(past(&history).links[0].1.last(), Some(7.0));
    assert_eq!(history.write(&estate(), &[lag(t(1), 8.0)]).unwrap_err().code, Code::HISTORY_WRITE);
    assert_eq!(history.trouble().map(|p| p.code), Some(Code::HISTORY_WRITE));
}

struct Still(Time);
impl Clock for Still {
    fn now(&self) -> Time {
        self.0
    }
}

fn recorder(dir: &Path, now: Time) -> (Recorder, std::sync::Arc<Mutex<Vec<Told>>>) {
    let told = std::sync::Arc::new(Mutex::new(Vec::new()));
    let to = told.clone();
    let recorder = Recorder::start(Means {
        path: dir.join("history.sqlite"),
        bounds: Bounds::default(),
        estate: std::sync::Arc::new(estate()),
        runs: dir.join("runs"),
        clock: std::sync::Arc::new(Still(now)),
        tell: Box::new(move |one| to.lock().unwrap().push(one)),
    });
    (recorder, told)
}

const LONG: Duration = Duration::from_secs(60);

#[test]
fn what_is_recorded_is_learned_from_and_an_acknowledgement_learns_too() {
    let dir = tempfile::tempdir().unwrap();
    let now = t(40 * 3_600 + 900);
    let (recorder, told) = recorder(dir.path(), now);
    let sized = |n: i64| point(n, if n == 39 { 12 } else { 1_000_000 + (n as u64 % 7) * 1_000 });
    let report = CopyReport { points: (0..40).map(sized).collect(), ..CopyReport::default() };
    recorder.copy(&key(), Ok(&report), now);
    let learned = recorder.settle(LONG);
    let found: Vec<_> = learned.anomalies.iter().map(|a| (a.rule.as_str(), a.object.as_deref())).collect();
    assert_eq!(found, [("anomaly-size", Some("dump-39"))]);
    assert_eq!(learned.copies[&key()].success, Rate { good: 40, all: 40 });
    assert!(told.lock().unwrap().iter().any(|t| matches!(t, Told::Learned(l) if l.anomalies.len() == 1)));
    let odd = learned.anomalies[0].clone();
    let (done, answer) = std::sync::mpsc::channel();
    let said = Acknowledged {
        rule: odd.rule,
        subject: odd.subject,
        object: odd.object,
        value: odd.value,
        by: "ada".into(),
        why: "the table was emptied on purpose".into(),
        at: now,
    };
    recorder.acknowledge(said, move |done_| drop(done.send(done_)));
    answer.recv_timeout(LONG).unwrap().unwrap();
    let after = recorder.settle(LONG);
    assert_eq!(after.anomalies, [], "it is as it should be");
    let quiet: Vec<_> = after.acknowledged.iter().map(|q| (q.said.by.as_str(), q.said.at)).collect();
    assert_eq!(quiet, [("ada", now)], "and is told with who said so");
    // The next one like it is known.
    let next = |n: i64| if n == 40 { point(40, 12) } else { sized(n) };
    let report = CopyReport { points: (0..41).map(next).collect(), ..CopyReport::default() };
    recorder.copy(&key(), Ok(&report), now);
    assert_eq!(recorder.settle(LONG).anomalies, []);
}

#[test]
fn a_finding_stands_since_it_was_first_found_and_begins_anew_when_it_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let names = |all: &[&str]| all.iter().map(|n| (*n).to_owned()).collect();
    let since = |recorder: &Recorder| recorder.settle(LONG).since.clone();
    {
        let (recorder, _) = recorder(dir.path(), t(0));
        recorder.found(names(&["a", "b"]), t(10));
        recorder.found(names(&["a", "b"]), t(20));
        recorder.found(names(&["b", "c"]), t(30));
        assert_eq!(since(&recorder), [("b".to_owned(), t(10)), ("c".to_owned(), t(30))].into());
    }
    // Another process, later.
    let (recorder, _) = recorder(dir.path(), t(0));
    recorder.found(names(&["a", "b"]), t(40));
    assert_eq!(since(&recorder), [("a".to_owned(), t(40)), ("b".to_owned(), t(10))].into());
}

#[test]
fn what_was_gathered_is_written_though_something_else_is_answered_between() {
    let dir = tempfile::tempdir().unwrap();
    let (recorder, _) = recorder(dir.path(), t(0));
    recorder.settle(LONG);
    recorder.probe(&ProbeKey::Lag(link()), Err(&Problem::new(Code::PROBE_TIMEOUT, "x")), t(0));
    recorder.found(["a".to_owned()].into(), t(1));
    recorder.runs_changed();
    let db = Connection::open(dir.path().join("history.sqlite")).unwrap();
    let deadline = std::time::Instant::now() + LONG;
    let written = || db.query_row("SELECT count(*) FROM turn", [], |row| row.get::<_, i64>(0)).unwrap_or(0);
    while written() == 0 {
        assert!(std::time::Instant::now() < deadline, "nothing was written");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

#[test]
fn a_history_of_the_first_version_is_carried_on() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("history.sqlite");
    let mut history = open(&path);
    history.write(&estate(), &[lag(t(0), 7.0)]).unwrap();
    history
        .db
        .execute_batch(
            "DROP TABLE finding; ALTER TABLE point DROP COLUMN source;
                 ALTER TABLE point DROP COLUMN packed; PRAGMA user_version = 1",
        )
        .unwrap();
    drop(history);
    let mut history = open(&path);
    history.found(&["a".to_owned()].into(), t(5)).unwrap();
    assert_eq!(history.learn(&estate(), t(6)).unwrap().since["a"], t(5));
    assert_eq!(past(&history).links[0].1.last(), Some(7.0));
}

#[test]
fn the_thread_begins_anew_where_the_file_is_damaged_and_says_so_once() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("history.sqlite"), vec![7; 9_000]).unwrap();
    let (recorder, told) = recorder(dir.path(), t(0));
    recorder.probe(&ProbeKey::Lag(link()), Err(&Problem::new(Code::PROBE_TIMEOUT, "x")), t(0));
    recorder.settle(LONG);
    recorder.settle(LONG);
    let problems = |told: &[Told]| -> Vec<Code> {
        told.iter().filter_map(|t| if let Told::Problem(p) = t { Some(p.code) } else { None }).collect()
    };
    assert_eq!(problems(&told.lock().unwrap()), [Code::HISTORY_DAMAGED]);
    drop(recorder);
    let db = Connection::open(dir.path().join("history.sqlite")).unwrap();
    let turned: String = db.query_row("SELECT state FROM turn", [], |row| row.get(0)).unwrap();
    assert_eq!(turned, Code::PROBE_TIMEOUT.id);
}
