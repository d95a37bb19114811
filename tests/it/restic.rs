//! Repositories that the real restic wrote, harmed at random with fixed seeds:
//! what the reader calls usable must restore, what it calls otherwise must not.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    thread,
};

use lifeboat::{
    catalog::{Cx, read},
    net::{Secret, store::Repo},
};
use lifeboat_core::model::*;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::lab;

const RESTIC: &str = "/usr/bin/restic";

/// A repository of three snapshots, and what each of them held.
struct Lab {
    dir: tempfile::TempDir,
}

/// What was done to a copy of it.
struct Harm {
    told: String,
    /// Bytes changed inside a pack whose name and size stayed: only reading
    /// data shows that.
    inside_pack: bool,
    /// The file is a key: this version of restic may not compare its hash.
    key: bool,
}

impl Lab {
    /// `None` where restic is not installed; LIFEBOAT_LAB=1 insists.
    fn new() -> Option<Self> {
        if !lab::has(&[Path::new(RESTIC)]) {
            return None;
        }
        let lab = Self { dir: tempfile::tempdir().unwrap() };
        fs::create_dir_all(lab.path("src/deep/er")).unwrap();
        lab.must("repo", &["init"]);
        let mut random = fastrand::Rng::with_seed(1);
        for n in 0..3 {
            let noise: Vec<u8> = (0..60_000).map(|_| random.u8(..)).collect();
            fs::write(lab.path(&format!("src/deep/er/{n}.bin")), noise).unwrap();
            fs::write(lab.path("src/changing.txt"), format!("as of {n}\n").repeat(100)).unwrap();
            if n == 2 {
                fs::remove_file(lab.path("src/deep/er/0.bin")).unwrap();
            }
            lab.must("repo", &["backup", "--host", "db01", "src"]);
            copy_all(&lab.path("src"), &lab.path(&format!("truth-{n}")));
        }
        Some(lab)
    }
    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
    fn command(&self, repo: &str) -> Command {
        let mut command = Command::new(RESTIC);
        command.args(["--repo", repo, "--no-cache", "--quiet"]).current_dir(self.dir.path());
        command.env_clear().env("HOME", self.dir.path()).env("RESTIC_PASSWORD", "fixture");
        command
    }
    fn must(&self, repo: &str, args: &[&str]) -> Output {
        let output = self.command(repo).args(args).output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        output
    }
    /// Ids in the order in which they were made, the short ones.
    fn ids(&self) -> Vec<String> {
        let output = self.must("repo", &["snapshots", "--json"]);
        let rows: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
        rows.iter().map(|row| row["short_id"].as_str().unwrap().to_owned()).collect()
    }
    /// Whether restic restores it, with every byte that was backed up. It asks a
    /// store ten times over a minute; here a file that failed once stays as it
    /// is, so the first retry is the answer.
    fn restores(&self, repo: &str, id: &str, truth: &str) -> bool {
        let target = self.path(&format!("restored-{repo}-{id}"));
        let mut command = self.command(repo);
        command.args(["--no-lock", "restore", id, "--target"]).arg(&target);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let failed = lines.map_while(Result::ok).any(|line| line.contains("retrying"));
        if failed {
            child.kill().unwrap();
        }
        let ended = child.wait().unwrap().success();
        let same = all_files(&target.join("src")) == all_files(&self.path(truth));
        let _ = fs::remove_dir_all(&target);
        !failed && ended && same
    }
    fn harm(&self, repo: &str, random: &mut fastrand::Rng) -> Harm {
        let folder =
            ["data", "data", "data", "index", "snapshots", "keys", "config", "locks"][random.usize(..8)];
        let mut files = match folder {
            "config" => vec![PathBuf::from("config")],
            "locks" => Vec::new(),
            _ => all_files(&self.path(repo).join(folder))
                .into_iter()
                .map(|(p, _)| Path::new(folder).join(p))
                .collect(),
        };
        if files.is_empty() {
            let name = format!("{repo}/locks/{}", "ab".repeat(32));
            fs::write(self.path(&name), b"left by one that died").unwrap();
            return Harm { told: "a lock is left".to_owned(), inside_pack: false, key: false };
        }
        let file = files.swap_remove(random.usize(..files.len()));
        let path = self.path(repo).join(&file);
        let mut bytes = fs::read(&path).unwrap();
        let what = random.usize(..3);
        // restic keeps its files from being written
        fs::remove_file(&path).unwrap();
        match what {
            0 => {}
            1 => fs::write(&path, &bytes[..random.usize(..bytes.len())]).unwrap(),
            _ => {
                let at = random.usize(..bytes.len());
                bytes[at] ^= 1 << random.u8(..8);
                fs::write(&path, bytes).unwrap();
            }
        }
        let told = format!("{} {}", ["delete", "cut", "flip"][what], file.display());
        Harm { told, inside_pack: folder == "data" && what == 2, key: folder == "keys" && what != 0 }
    }
}

fn copy_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy_all(&entry.path(), &to),
            false => fs::write(to, fs::read(entry.path()).unwrap()).unwrap(),
        }
    }
}

/// Paths below `root` and what they hold, in order.
fn all_files(root: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(folder) else { continue };
        for entry in entries {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => found.push((path.strip_prefix(root).unwrap().to_owned(), fs::read(&path).unwrap())),
            }
        }
    }
    found.sort();
    found
}

async fn look(root: &Path) -> CopyReport {
    look_with(root, Some("fixture")).await
}

async fn look_with(root: &Path, password: Option<&str>) -> CopyReport {
    let copy: CopyDef = serde_json::from_value(json!({"store": "lab", "format": "restic"})).unwrap();
    let mut cx = Cx::new(chrono::Utc::now(), CancellationToken::new());
    cx.password = password.map(Secret::new);
    // a store of its own each, so that nothing is remembered from another copy
    read(&copy, &Repo::folder(root.display().to_string(), root), &cx).await.unwrap()
}

#[tokio::test]
async fn what_is_called_usable_restores_and_what_is_not_does_not() {
    let Some(lab) = Lab::new() else { return };
    let ids = lab.ids();
    assert_eq!(ids.len(), 3);
    let (mut checked, mut flips, mut keys, mut cautious) = (0, 0, 0, 0);
    for seed in 0..lab::seeds() {
        let mut random = fastrand::Rng::with_seed(seed);
        let repo = format!("copy-{seed}");
        copy_all(&lab.path("repo"), &lab.path(&repo));
        let harm = lab.harm(&repo, &mut random);
        let report = look(&lab.path(&repo)).await;
        let restored: Vec<bool> = thread::scope(|scope| {
            let (lab, repo) = (&lab, &repo);
            let each = ids.iter().enumerate();
            let runs: Vec<_> = each
                .map(|(n, id)| scope.spawn(move || lab.restores(repo, id, &format!("truth-{n}"))))
                .collect();
            runs.into_iter().map(|run| run.join().unwrap()).collect()
        });
        for (id, restores) in ids.iter().zip(restored) {
            let point = report.points.iter().find(|p| p.id == *id);
            let usable = point.is_some_and(|p| p.state == PointState::Usable);
            let told = || format!("seed {seed}, {}, {id}: {point:?}, restores: {restores}", harm.told);
            match (usable, restores) {
                (true, true) | (false, false) => checked += 1,
                // nothing that a listing or an index says has changed: stated in
                // the reader's documentation, and counted here
                (true, false) if harm.inside_pack => flips += 1,
                // restic before 0.17 opens a key file whose bytes have changed
                // outside of what its seal covers; later ones refuse it
                (false, true) if harm.key => keys += 1,
                // a pack that is cut behind the blobs which this one needs
                (false, true) if point.is_some_and(|p| p.state == PointState::Suspect) => cautious += 1,
                _ => panic!("{}", told()),
            }
        }
        fs::remove_dir_all(lab.path(&repo)).unwrap();
    }
    println!(
        "{checked} agree; {flips} flips inside packs, {keys} altered keys, {cautious} cut behind their data"
    );
    // of three snapshots a seed; shares of a few say nothing
    let all = checked + flips + keys + cautious;
    let few = crate::lab::seeds() < 30;
    let shares = checked * 3 >= all * 2 && flips * 6 <= all && keys * 10 <= all && cautious * 15 <= all;
    assert!(few || shares);
}

#[tokio::test]
async fn a_missing_pack_a_stale_lock_and_the_password_are_told_as_restic_finds_them() {
    let Some(lab) = Lab::new() else { return };
    let ids = lab.ids();
    let states = |report: &CopyReport| -> Vec<PointState> {
        ids.iter().map(|id| report.points.iter().find(|p| p.id == *id).unwrap().state).collect()
    };

    // the largest pack holds the files of the first backup, which is the last
    // one's source no more
    copy_all(&lab.path("repo"), &lab.path("packless"));
    let packs = all_files(&lab.path("packless/data"));
    let (first, _) = packs.iter().max_by_key(|(_, bytes)| bytes.len()).unwrap();
    fs::remove_file(lab.path("packless/data").join(first)).unwrap();
    let report = look(&lab.path("packless")).await;
    for (n, (id, state)) in ids.iter().zip(states(&report)).enumerate() {
        let restores = lab.restores("packless", id, &format!("truth-{n}"));
        let expected = if restores { PointState::Usable } else { PointState::BrokenChain };
        assert_eq!(state, expected, "{id}: {report:#?}");
    }
    assert!(states(&report).contains(&PointState::BrokenChain));

    // killed while it held one
    copy_all(&lab.path("repo"), &lab.path("locked"));
    let mut command = lab.command("locked");
    command.args(["backup", "--stdin", "--host", "db01"]).stdin(Stdio::piped());
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let locks = lab.path("locked/locks");
    while all_files(&locks).is_empty() {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it could be killed");
        thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    for (path, _) in all_files(&locks) {
        let hours_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(7_200);
        fs::File::options().append(true).open(locks.join(path)).unwrap().set_modified(hours_ago).unwrap();
    }
    let report = look(&lab.path("locked")).await;
    assert_eq!(states(&report), [PointState::Usable; 3]);
    assert!(lab.restores("locked", &ids[2], "truth-2"), "restic leaves a lock that is not exclusive alone");

    for password in [None, Some("wrong")] {
        let report = look_with(&lab.path("repo"), password).await;
        assert_eq!(states(&report), [PointState::Unverified; 3]);
        assert!(report.notes.iter().any(|n| n.code.id.starts_with("LB-COPY-")), "{:?}", report.notes);
    }
}
