//! Repositories that the real pgBackRest wrote, harmed at random with fixed
//! seeds: what the reader calls usable PostgreSQL starts from, with the rows up
//! to the window's end; an instant in a window gives the rows of that instant.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use lifeboat::{
    catalog::{Cx, read},
    net::{Secret, store::Repo},
};
use lifeboat_core::model::*;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::{
    lab::{self, Harm},
    pgbackrest::{Lab, PG, PORT, name},
};

/// One row: what clocks showed before it was inserted and after it was
/// committed. The row before it was archived by then.
struct Row {
    n: i64,
    before: Time,
    committed: Time,
}

/// Two full backups and one between them, a promotion, and rows all along, each
/// in a segment of its own.
fn write(lab: &Lab) -> Vec<Row> {
    lab.sql("create table orders (n bigint)");
    let mut rows = Vec::new();
    let mut more = |lab: &Lab, count| {
        for _ in 0..count {
            let n = rows.len() as i64 + 1;
            let before = chrono::Utc::now();
            lab.sql(&format!("insert into orders values ({n})"));
            rows.push(Row { n, before, committed: chrono::Utc::now() });
            switch(lab);
        }
    };
    for (kind, count) in [("full", 3), ("incr", 3), ("full", 2)] {
        lab.pgbackrest(&format!("--repo=1 --type={kind} backup"));
        more(lab, count);
    }
    lab.pgbackrest("--repo=2 --type=full backup");
    more(lab, 1);
    lab.run(&format!("{PG}/pg_ctl -D data -w -s -m fast stop"));
    lab.run("touch data/standby.signal");
    lab.start();
    lab.run(&format!("{PG}/pg_ctl -D data -w -s promote"));
    more(lab, 3);
    rows
}

/// Until the segment that is being written lies in both repositories.
fn switch(lab: &Lab) {
    let segment = lab.sql("select pg_walfile_name(pg_switch_wal())");
    let patience = Instant::now() + Duration::from_secs(30);
    // the second is pushed to after the first
    while !lab.wal("sealed").iter().any(|path| name(path).starts_with(&segment)) {
        assert!(Instant::now() < patience, "{segment} was not archived");
        std::thread::yield_now();
    }
}

async fn look(root: &Path, password: Option<&str>, later: Dur) -> CopyReport {
    let copy: CopyDef = serde_json::from_value(
        json!({"store": "fra", "format": "pgbackrest", "options": {"stanza": "orders"}}),
    )
    .unwrap();
    let mut cx = Cx::new(chrono::Utc::now() + later, CancellationToken::new());
    cx.password = password.map(Secret::new);
    read(&copy, &Repo::folder(root.display().to_string(), root), &cx).await.unwrap()
}

/// Nothing is still on its way.
const LATER: Dur = Dur::secs(86_400);

/// What is restored out of a repository, and how far.
struct Restore<'a> {
    repo: &'a Path,
    /// Of the repository, where it is encrypted.
    sealed: bool,
    args: &'a [&'a str],
    seed: u64,
}

impl Restore<'_> {
    fn folder(&self, lab: &Lab) -> PathBuf {
        lab.path(&format!("restored-{}", self.seed))
    }
    fn port(&self) -> u64 {
        PORT + 1 + self.seed
    }
    /// Restores, starts PostgreSQL and replays all that can be or is asked for;
    /// the last row that is there then, or what went wrong.
    fn last_row(&self, lab: &Lab) -> Result<i64, String> {
        let last =
            self.start(lab).and_then(|()| lab.ask(self.port(), "select coalesce(max(n), 0) from orders"));
        self.end(lab);
        last.map(|n| n.parse().unwrap())
    }
    fn start(&self, lab: &Lab) -> Result<(), String> {
        let (data, port) = (self.folder(lab), self.port());
        let try_run = |args: &[&str]| {
            let output = lab.command(args).output().unwrap();
            let told = [output.stdout, output.stderr].concat();
            if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&told).into_owned()) }
        };
        lab.run(&format!("mkdir -m 700 {}", data.display()));
        let config = data.with_extension("conf");
        fs::write(&config, self.config(lab)).unwrap();
        let config = format!("--config={}", config.display());
        try_run(&[&["pgbackrest", &config, "--stanza=orders"], self.args, &["restore"]].concat())?;
        let settings = data.join("postgresql.conf");
        let all = fs::read_to_string(&settings).unwrap() + &format!("archive_mode=off\nport={port}\n");
        lab::replace(&settings, all.as_bytes());
        let log = data.with_extension("log");
        let (data_arg, log_arg) = (data.to_str().unwrap(), log.to_str().unwrap());
        let told = || fs::read_to_string(&log).unwrap_or_default();
        // its output goes to a file, or the server would hold the pipe open
        try_run(&["pg_ctl", "-D", data_arg, "-w", "-t", "60", "-s", "-l", log_arg, "start"])
            .map_err(|_| told())?;
        let patience = Instant::now() + Duration::from_secs(60);
        while lab.ask(port, "select pg_is_in_recovery()").as_deref() != Ok("f") {
            // a target that is not reached ends the server
            if !data.join("postmaster.pid").exists() || Instant::now() > patience {
                return Err(told());
            }
        }
        Ok(())
    }
    fn config(&self, lab: &Lab) -> String {
        let (data, repo) = (self.folder(lab), self.repo.display());
        let sealed =
            if self.sealed { "repo1-cipher-type=aes-256-cbc\nrepo1-cipher-pass=fixture\n" } else { "" };
        format!(
            "[global]\nrepo1-path={repo}\n{sealed}lock-path={data}-lock\nspool-path={data}-spool\nlog-level-console=error\n\
             log-level-file=off\n[orders]\npg1-path={data}\n",
            data = data.display()
        )
    }
    fn end(&self, lab: &Lab) {
        let data = self.folder(lab);
        let stop = ["pg_ctl", "-D", data.to_str().unwrap(), "-w", "-s", "-m", "immediate", "stop"];
        let _ = lab.command(&stop).output();
        fs::remove_dir_all(data).unwrap();
    }
}

/// Every server of a test that panicked is ended as well.
struct Restores<'a>(&'a Lab);

impl Drop for Restores<'_> {
    fn drop(&mut self) {
        for entry in fs::read_dir(self.0.path("")).unwrap().map(Result::unwrap) {
            let (data, name) = (entry.path(), entry.file_name());
            if name.to_string_lossy().starts_with("restored-") && data.join("postmaster.pid").exists() {
                let stop = ["pg_ctl", "-D", data.to_str().unwrap(), "-s", "-m", "immediate", "stop"];
                let _ = self.0.command(&stop).output();
            }
        }
    }
}

type Harmed = Vec<(String, Harm)>;

/// Mostly log, since most of a repository is; now and then what describes it.
fn damage(repo: &Path, dice: &mut fastrand::Rng) -> Harmed {
    let all = lab::files(repo);
    let among = |test: &dyn Fn(&str) -> bool| -> Vec<&PathBuf> {
        all.iter().filter(|path| test(path.to_str().unwrap())).collect()
    };
    let wal = among(&|path| path.contains("/archive/") && path.ends_with(".gz"));
    let described = among(&|path| {
        path.contains(".info") || path.contains("/backup.manifest") || path.ends_with(".history")
    });
    let data = among(&|path| path.contains("/pg_data/"));
    let mut done = Harmed::new();
    for _ in 0..dice.usize(1..=3) {
        let folder = [&wal, &wal, &wal, &wal, &described, &described, &data][dice.usize(..7)];
        let path = folder[dice.usize(..folder.len())];
        if path.exists() {
            let shown = path.strip_prefix(repo).unwrap().display().to_string();
            done.push((shown, lab::harm(path, dice)));
        }
    }
    done
}

/// What a look at each refresh cannot see: bytes that changed inside log, and
/// what happened to the files of a backup behind its manifest. Stated in the
/// reader's documentation.
fn only_reading_shows(harmed: &Harmed) -> bool {
    harmed.iter().any(|(name, harm)| {
        let changed = matches!(harm, Harm::Cut | Harm::Flipped);
        name.contains("/pg_data/") || (changed && name.starts_with("archive/"))
    })
}

fn ended_in_that_second(report: &CopyReport, at: Time) -> bool {
    report.points.iter().any(|p| p.completed_at.is_some_and(|end| end.timestamp() == at.timestamp()))
}

fn ends_in_the_second_of(window: &Window, at: Time) -> bool {
    window.to.timestamp_subsec_millis() == 0 && window.to.timestamp() == at.timestamp()
}

/// Sets one backup, and one instant, of a harmed copy beside restores out of it.
fn compare(lab: &Lab, rows: &[Row], seed: u64, met: &lab::Met) {
    let repo = lab.path(&format!("broken-{seed}"));
    lab::link_tree(&lab.path("whole"), &repo);
    let mut dice = fastrand::Rng::with_seed(seed);
    let harmed = damage(&repo, &mut dice);
    let report = lab::wait(look(&repo, None, LATER));
    let wrong = |told: String| {
        let brief: Vec<_> = report.points.iter().map(|p| (&p.id, p.state, &p.reason)).collect();
        met.wrong(format!("seed {seed}, {harmed:?}: {told}\n  {brief:?}\n  {:?}", report.windows));
    };

    // every other time one that is said not to restore, if there is one
    let doubted = report.points.iter().find(|p| seed % 2 == 1 && p.state != PointState::Usable);
    let point = doubted.unwrap_or(&report.points[dice.usize(..report.points.len())]);
    let args = format!("--set={}", point.id);
    let restored = Restore { repo: &repo, sealed: false, args: &[&args], seed }.last_row(lab);
    let exact = |last: &i64| {
        let at = point.completed_at.unwrap();
        let window = report.windows.iter().find(|w| w.from <= at && at <= w.to);
        // rows that the backup itself holds were committed before it
        let fits = |w: &Window, row: &Row| {
            (row.committed <= w.to) == (row.n <= *last) || ends_in_the_second_of(w, row.committed)
        };
        window.is_some_and(|w| rows.iter().all(|row| fits(w, row)))
    };
    match (point.state, &restored) {
        (PointState::Usable, Ok(last)) if exact(last) => met.count("usable, restored"),
        (PointState::Usable, _) if only_reading_shows(&harmed) => met.count("harmed where nobody looked"),
        (PointState::BrokenChain, Err(_)) => met.count("unusable, refused"),
        _ => wrong(format!("{} {restored:?}", point.id)),
    }

    // after one row was archived and before the next was inserted
    let row = &rows[dice.usize(..rows.len() - 1)];
    let at = rows[row.n as usize].before;
    let inside = report.windows.iter().any(|w| w.from <= at && at <= w.to);
    let target = format!("--target={}", at.format("%Y-%m-%d %H:%M:%S%.6f+00"));
    let args = ["--type=time", &target, "--target-action=promote"];
    let restored = Restore { repo: &repo, sealed: false, args: &args, seed }.last_row(lab);
    match (inside, restored == Ok(row.n)) {
        (true, true) => met.count("in a window, restored"),
        (false, false) => met.count("outside, not restored"),
        (true, false) if only_reading_shows(&harmed) => met.count("harmed where nobody looked"),
        // times of backups are whole seconds: asked for an instant in the second in
        // which one ended, the tool takes the backup before it, or none
        (true, false) if ended_in_that_second(&report, at) => met.count("in a backup's last second"),
        // and a window ends at the latest where the next backup began, in whole seconds too
        (false, true) if report.windows.iter().any(|w| ends_in_the_second_of(w, at)) => {
            met.count("in a window's last second");
        }
        _ => wrong(format!("row {} at {at}: inside {inside}, {restored:?}", row.n)),
    }
    fs::remove_dir_all(&repo).unwrap();
}

#[test]
fn what_is_called_usable_starts_and_nothing_else_does() {
    let Some(lab) = Lab::new() else { return };
    let ended = Restores(&lab);
    let rows = write(&lab);
    lab::link_tree(&lab.path("repo"), &lab.path("whole"));
    let whole = lab::wait(look(&lab.path("whole"), None, LATER));
    assert_eq!((whole.points.len(), whole.windows.len(), whole.gaps.len()), (3, 1, 0), "{whole:#?}");
    named::a_promotion_is_followed(&lab, &rows, &whole);
    named::an_encrypted_repository(&lab, &rows);
    named::what_describes_it(&lab, &whole);
    named::an_interrupted_backup(&lab);
    named::a_page_error(&lab);
    let met = lab::Met::default();
    lab::each_seed(|seed| compare(&lab, &rows, seed, &met));
    met.settle(&["usable, restored", "unusable, refused", "in a window, restored", "outside, not restored"]);
    drop(ended);
}

mod named {
    use super::*;

    /// Windows reach over it, and so do restores.
    pub fn a_promotion_is_followed(lab: &Lab, rows: &[Row], whole: &CopyReport) {
        let repo = lab.path("whole");
        let last = rows.last().unwrap();
        assert!(whole.windows[0].to >= last.committed, "{:?}", whole.windows);
        let oldest = format!("--set={}", whole.points.last().unwrap().id);
        let restored = Restore { repo: &repo, sealed: false, args: &[&oldest], seed: 9_000 }.last_row(lab);
        assert_eq!(restored, Ok(last.n), "from the first backup, over two timelines");
    }

    /// Counted without its password, told apart with a wrong one, judged with it.
    pub fn an_encrypted_repository(lab: &Lab, rows: &[Row]) {
        let repo = lab.path("sealed");
        for (password, code) in [(None, Code::COPY_PASSWORD), (Some("wrong"), Code::COPY_WRONG_PASSWORD)] {
            let locked = lab::wait(look(&repo, password, LATER));
            assert!(locked.points.iter().all(|p| p.state == PointState::Unverified), "{locked:#?}");
            assert!(locked.notes.iter().any(|n| n.code == code), "{:?}", locked.notes);
        }
        let opened = lab::wait(look(&repo, Some("fixture"), LATER));
        let [point] = &opened.points[..] else { panic!("{opened:#?}") };
        assert_eq!(point.state, PointState::Usable, "{point:?}");
        assert!(opened.windows[0].to >= rows.last().unwrap().committed, "{:?}", opened.windows);
        let args = format!("--set={}", point.id);
        let restored = Restore { repo: &repo, sealed: true, args: &[&args], seed: 9_001 }.last_row(lab);
        assert_eq!(restored, Ok(rows.len() as i64));
    }

    /// Of either pair of files that describe a repository one is enough; with
    /// neither the tool restores nothing, whatever else is there.
    pub fn what_describes_it(lab: &Lab, whole: &CopyReport) {
        let label = &whole.points[0].id;
        for (seed, pair) in [
            (9_004, format!("backup/orders/{label}/backup.manifest")),
            (9_005, "archive/orders/archive.info".into()),
        ] {
            let repo = lab.path("undescribed");
            lab::link_tree(&lab.path("whole"), &repo);
            for (path, usable) in [(pair.clone(), true), (format!("{pair}.copy"), false)] {
                fs::remove_file(repo.join(&path)).unwrap();
                let report = lab::wait(look(&repo, None, LATER));
                let point = report.points.iter().find(|p| p.id == *label).unwrap();
                assert_eq!(point.state == PointState::Usable, usable, "without {path}: {point:?}");
                let args = format!("--set={label}");
                let restored = Restore { repo: &repo, sealed: false, args: &[&args], seed }.last_row(lab);
                assert_eq!(restored.is_ok(), usable, "without {path}: {restored:?}");
            }
            fs::remove_dir_all(&repo).unwrap();
        }
    }

    /// Killed when it had begun to copy: it lists nothing and gives nothing back.
    pub fn an_interrupted_backup(lab: &Lab) {
        let config = format!("--config={}", lab.path("pgb.conf").display());
        let args = ["pgbackrest", &config, "--stanza=orders", "--repo=1", "--type=full", "backup"];
        let mut command = lab.command(&args);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let known = |path: &PathBuf| lab.path("whole/backup/orders").join(path.file_name().unwrap()).exists();
        let begun = || {
            let all = fs::read_dir(lab.path("repo/backup/orders")).unwrap().map(|e| e.unwrap().path());
            let mut own = all.filter(|p| p.is_dir() && !p.is_symlink() && !known(p));
            own.find(|p| p.join("backup.manifest.copy").exists())
        };
        let label = loop {
            if let Some(path) = begun() {
                break name(&path).to_owned();
            }
            assert!(child.try_wait().unwrap().is_none(), "it ended before it could be interrupted");
            std::thread::yield_now();
        };
        child.kill().unwrap();
        child.wait().unwrap();
        let state = |later| {
            let report = lab::wait(look(&lab.path("repo"), None, later));
            report.points.iter().find(|p| p.id == label).map(|p| p.state)
        };
        assert_eq!(
            (state(Dur::secs(0)), state(LATER)),
            (Some(PointState::Running), Some(PointState::Incomplete))
        );
        let (repo, args) = (lab.path("repo"), format!("--set={label}"));
        let restored = Restore { repo: &repo, sealed: false, args: &[&*args], seed: 9_002 }.last_row(lab);
        assert!(restored.is_err(), "{restored:?}");
    }

    /// A page of a table does not fit its checksum: the tool warns once and lists
    /// the backup like any other; restored, the table cannot be read.
    pub fn a_page_error(lab: &Lab) {
        // nothing writes it again: a page image in the log would mend it
        lab.sql("create table refunds (n int, pad text) with (autovacuum_enabled = off)");
        lab.sql("insert into refunds select n, repeat('x', 500) from generate_series(1, 200) n");
        lab.sql("vacuum (freeze) refunds");
        lab.sql("checkpoint");
        let file = lab.path("data").join(lab.sql("select pg_relation_filepath('refunds')"));
        let mut bytes = fs::read(&file).unwrap();
        bytes[8_192 + 4_000] ^= 0x40;
        lab::replace(&file, &bytes);
        lab.pgbackrest("--repo=1 --type=full backup");
        let repo = lab.path("repo");
        let report = lab::wait(look(&repo, None, LATER));
        let newest = &report.points[0];
        assert_eq!(newest.state, PointState::Suspect, "{newest:?}");
        assert_eq!(newest.reason, "page checksums failed while it was made");
        assert_ne!(report.summary().last_good.unwrap().id, newest.id);
        let args = format!("--set={}", newest.id);
        let restore = Restore { repo: &repo, sealed: false, args: &[&*args], seed: 9_003 };
        restore.start(lab).unwrap();
        let counted = lab.ask(restore.port(), "select count(*) from refunds");
        restore.end(lab);
        assert!(counted.as_ref().is_err_and(|why| why.contains("invalid page")), "{counted:?}");
    }
}
