//! Replicas that the real Litestream wrote, harmed at random with fixed seeds:
//! a snapshot that is called usable gives the database back by itself, and an
//! instant inside a window gives back the rows that were there then.
//! LIFEBOAT_LITESTREAM names the program.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use lifeboat::{
    catalog::{Cx, read},
    net::store::Repo,
};
use lifeboat_core::model::*;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::lab::{self, Harm};

const SQLITE: &str = "/usr/bin/sqlite3";
const ROWS: u64 = 14;
/// After these rows a snapshot is made, and the log that far is compacted.
const SNAPSHOTS: [u64; 2] = [5, 10];
const COMPACTED: u64 = 8;

struct Lab {
    dir: tempfile::TempDir,
    program: PathBuf,
    /// When each row's transaction was replicated, as the log says; row 1 first.
    at: Vec<Time>,
}

impl Lab {
    fn new() -> Option<Self> {
        let program = std::env::var_os("LIFEBOAT_LITESTREAM").unwrap_or_else(|| "/usr/bin/litestream".into());
        let program = PathBuf::from(program);
        if !lab::has(&[&program, Path::new(SQLITE)]) {
            return None;
        }
        let mut lab = Self { dir: tempfile::tempdir().unwrap(), program, at: Vec::new() };
        let dir = lab.dir.path().display();
        let config = format!(
            "l0-retention: 24h\nlevels:\n  - interval: 1s\nsnapshot:\n  interval: 24h\n  retention: 24h\n\
             dbs:\n  - path: {dir}/db\n    replica:\n      type: file\n      path: {dir}/whole/app\n"
        );
        fs::write(lab.path("litestream.yml"), config).unwrap();
        lab.sql("db", "pragma journal_mode=wal; create table orders (n integer primary key, pad blob)");
        for n in 1..=ROWS {
            lab.sql("db", &format!("insert into orders values ({n}, randomblob(3000))"));
            let force: &[&str] = if SNAPSHOTS.contains(&n) { &["-force-snapshot"] } else { &[] };
            let output = lab.ask(&[&["replicate", "-config", "litestream.yml", "-once"], force].concat());
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            if n == COMPACTED {
                lab.compact();
            }
        }
        lab.at = (1..=ROWS).map(|n| lab.replicated(n)).collect();
        Some(lab)
    }
    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(args).current_dir(self.dir.path()).env_clear().env("HOME", self.dir.path());
        command
    }
    fn ask(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }
    fn sql(&self, db: &str, text: &str) -> Option<String> {
        let output = Command::new(SQLITE).arg(self.path(db)).arg(text).output().unwrap();
        output.status.success().then(|| String::from_utf8(output.stdout).unwrap().trim().to_owned())
    }
    /// The daemon runs until it has put the log so far into one file of level 1.
    fn compact(&self) {
        struct Daemon(Child);
        impl Drop for Daemon {
            fn drop(&mut self) {
                let _ = self.0.kill();
                let _ = self.0.wait();
            }
        }
        let mut command = self.command(&["replicate", "-config", "litestream.yml"]);
        let daemon = Daemon(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        let (first, last) = (1, COMPACTED);
        let file = self.path(&format!("whole/app/ltx/1/{first:016x}-{last:016x}.ltx"));
        let patience = Instant::now() + Duration::from_secs(30);
        while !file.exists() {
            assert!(Instant::now() < patience, "nothing was compacted");
            std::thread::yield_now();
        }
        drop(daemon);
    }
    /// Milliseconds since 1970 at offset 32 of the transaction's own file.
    fn replicated(&self, n: u64) -> Time {
        let bytes = fs::read(self.path(&format!("whole/app/ltx/0/{n:016x}-{n:016x}.ltx"))).unwrap();
        Time::from_timestamp_millis(i64::from_be_bytes(bytes[32..40].try_into().unwrap())).unwrap()
    }
    /// Between this row's transaction and the next one; the last has none.
    fn between(&self, n: u64) -> Time {
        let own = self.at[n as usize - 1];
        self.at.get(n as usize).map_or(own, |next| own + (*next - own) / 2)
    }
    /// The newest row of what the tool restores, if it does and the database is
    /// sound and has every row before it.
    fn restore(&self, replica: &Path, args: &[&str]) -> Option<u64> {
        let name = format!("restored-{}", replica.file_name().unwrap().display());
        fs::read_dir(self.dir.path()).unwrap().for_each(|entry| {
            let entry = entry.unwrap();
            if entry.file_name().to_str().unwrap().starts_with(&format!("{name}.db")) {
                fs::remove_file(entry.path()).unwrap();
            }
        });
        let url = format!("file://{}/app", replica.display());
        let name = format!("{name}.db");
        let output = self.ask(&[&["restore", "-o", &name], args, &[&url]].concat());
        if !output.status.success() {
            return None;
        }
        let sound = self.sql(&name, "pragma integrity_check")? == "ok";
        let counted = self.sql(&name, "select coalesce(max(n), 0), count(*) from orders")?;
        let (max, count) = counted.split_once('|')?;
        (sound && max == count).then(|| max.parse().unwrap())
    }
    /// Whether one snapshot, with nothing beside it, gives back its rows.
    fn restores_alone(&self, replica: &Path, key: &str, rows: u64) -> bool {
        let alone = replica.with_extension("alone");
        let _ = fs::remove_dir_all(&alone);
        fs::create_dir_all(alone.join(key).parent().unwrap()).unwrap();
        fs::hard_link(replica.join(key), alone.join(key)).unwrap();
        self.restore(&alone, &[]) == Some(rows)
    }
}

async fn look(root: &Path) -> CopyReport {
    let copy: CopyDef =
        serde_json::from_value(json!({"store": "fra", "path": "app", "format": "litestream"})).unwrap();
    // later than all of it: nothing is still on its way
    let cx = Cx::new(chrono::Utc::now() + Dur::secs(7_200), CancellationToken::new());
    read(&copy, &Repo::folder("fra", root), &cx).await.unwrap()
}

/// What was harmed, by the part of the name behind `ltx/`.
type Harmed = BTreeMap<String, Harm>;

fn damage(replica: &Path, dice: &mut fastrand::Rng) -> Harmed {
    let all = lab::files(&replica.join("app/ltx"));
    let mut done = Harmed::new();
    for n in 0..dice.usize(1..=3) {
        // snapshots sort last, and are few
        let from = if n == 0 && dice.bool() { all.len() - SNAPSHOTS.len() } else { 0 };
        let path = &all[dice.usize(from..all.len())];
        if path.exists() {
            let name = path.strip_prefix(replica.join("app/ltx")).unwrap().display().to_string();
            done.insert(name, lab::harm(path, dice));
        }
    }
    done
}

/// Bytes that changed where the reader does not look at each refresh: inside
/// pages, and in log older than the newest four files. An empty file shows.
fn only_reading_shows(harmed: &Harmed, row: u64) -> bool {
    harmed.iter().any(|(name, harm)| {
        let first = u64::from_str_radix(&name[2..18], 16).unwrap();
        first <= row && matches!(harm, Harm::Flipped | Harm::Cut)
    })
}

fn lost_every_snapshot(replica: &Path) -> bool {
    let left = lab::files(&replica.join("app/ltx/9"));
    left.iter().all(|path| path.metadata().is_ok_and(|m| m.len() == 0))
}

fn row_of(point: &Point) -> u64 {
    let name = point.id.strip_suffix(".ltx").unwrap();
    u64::from_str_radix(&name[name.len() - 16..], 16).unwrap()
}

/// Sets a harmed replica beside what the tool makes of it.
fn compare(lab: &Lab, seed: u64, met: &lab::Met) {
    let replica = lab.path(&format!("seed-{seed}"));
    lab::link_tree(&lab.path("whole"), &replica);
    let harmed = damage(&replica, &mut fastrand::Rng::with_seed(seed));
    let report = lab::wait(look(&replica));
    for point in &report.points {
        let usable = point.state == PointState::Usable;
        let restores = lab.restores_alone(&replica, &point.id, row_of(point));
        let what = match (usable, restores) {
            (true, true) => "usable, restored",
            (false, false) => "unusable, refused",
            (true, false) if harmed.get(&point.id["app/ltx/".len()..]) == Some(&Harm::Flipped) => {
                "flipped inside a page"
            }
            _ => {
                met.wrong(format!("seed {seed}, {harmed:?}: {point:?}, restores: {restores}"));
                continue;
            }
        };
        met.count(what);
    }
    for n in SNAPSHOTS[0]..=ROWS {
        let at = lab.between(n);
        let inside = report.windows.iter().any(|w| w.from <= at && at <= w.to);
        // the tool gives what was before an instant, and knows none after the last
        let told = at.to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
        let args: &[&str] = if n == ROWS { &[] } else { &["-timestamp", &told] };
        let restored = lab.restore(&replica, args);
        let what = match (inside, restored == Some(n)) {
            (true, true) => "in a window, restored",
            (false, false) => "outside, not restored",
            (true, false) if only_reading_shows(&harmed, n) => "harmed where nobody looked",
            // the log was compacted and its own file is gone: an instant inside
            // it gives an older state, as it does once Litestream removes level 0
            (true, false) if n <= COMPACTED && restored.is_some_and(|older| older < n) => {
                "coarser than an instant"
            }
            // with every snapshot gone the tool seeks its way by the times at which
            // each level's log was stored, and may find none though the log is whole
            (true, false) if lost_every_snapshot(&replica) => "without any snapshot",
            // a file from the first transaction on holds the whole database, but
            // is no snapshot and leaves with the log
            (false, true) if !report.windows.iter().any(|w| w.from <= at) => "from the first transaction",
            // when the next transaction was is not known: its file is lost
            (false, true) if report.windows.iter().any(|w| w.to == lab.at[n as usize - 1]) => {
                "after the last before a hole"
            }
            _ => {
                let (harmed, windows) = (format!("{harmed:?}"), &report.windows);
                met.wrong(format!(
                    "seed {seed}, {harmed}, row {n} at {at}: inside {inside}, {restored:?}; {windows:?}"
                ));
                continue;
            }
        };
        met.count(what);
    }
    fs::remove_dir_all(&replica).unwrap();
}

#[test]
fn snapshots_and_instants_restore_where_and_only_where_it_is_said() {
    let Some(lab) = Lab::new() else { return };
    let whole = lab::wait(look(&lab.path("whole")));
    assert_eq!((whole.points.len(), whole.windows.len(), whole.gaps.len()), (2, 1, 0), "{whole:#?}");
    assert_eq!(lab.restore(&lab.path("whole"), &[]), Some(ROWS));
    a_hole_is_named_that_the_tool_steps_over(&lab);
    let met = lab::Met::default();
    lab::each_seed(|seed| compare(&lab, seed, &met));
    let often = ["usable, restored", "unusable, refused", "in a window, restored", "outside, not restored"];
    met.settle(&often);
}

/// Asked for an instant behind a hole, Litestream gives the state before the
/// hole and says nothing.
fn a_hole_is_named_that_the_tool_steps_over(lab: &Lab) {
    let replica = lab.path("holed");
    lab::link_tree(&lab.path("whole"), &replica);
    fs::remove_file(replica.join(format!("app/ltx/0/{0:016x}-{0:016x}.ltx", 12))).unwrap();
    let report = lab::wait(look(&replica));
    let [gap] = &report.gaps[..] else { panic!("{:?}", report.gaps) };
    assert_eq!((&*gap.first_missing, &*gap.last_missing), ("000000000000000c", "000000000000000c"));
    let restored = |n: u64| {
        let at = lab.between(n).to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
        lab.restore(&replica, &["-timestamp", &at])
    };
    assert_eq!((restored(11), restored(13)), (Some(11), Some(11)));
    let inside = |n| report.windows.iter().any(|w| w.from <= lab.between(n) && lab.between(n) <= w.to);
    assert!(!inside(12) && !inside(13), "{:?}", report.windows);
    assert!(report.windows.iter().any(|w| w.to == lab.at[10]), "{:?}", report.windows);
    fs::remove_dir_all(&replica).unwrap();
}
