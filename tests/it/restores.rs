//! `restore` steps with the real restic, pgBackRest and rclone.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use lifeboat_core::{
    model::*,
    run::{RunState, StepStatus, Verb},
};
use serde_json::{Value, json};

use super::{
    driven::{World, go, kill_all, until},
    lab,
    pgbackrest::{Lab, PG, PORT},
};

const RESTIC: &str = "/usr/bin/restic";

/// One workload with one asset, in a folder that Frankfurt holds.
fn estate(store: &Path, copy: Value) -> Estate {
    let region = |id: &str, jurisdiction: &str| json!({ "id": id, "provider": "aws", "jurisdiction": [jurisdiction], "at": null });
    let parsed = |v: Value| serde_json::from_value(v).unwrap();
    let mut all = copy;
    all["store"] = json!("fra");
    let workload = json!({ "id": "shop", "residency": ["EU"], "asset": [{ "id": "db", "layer": "database", "copy": [all] }] });
    Estate {
        regions: [region("eu", "EU"), region("us", "US")]
            .into_iter()
            .map(|r| serde_json::from_value(r).unwrap())
            .collect(),
        stores: vec![
            serde_json::from_value(
                json!({ "id": "fra", "url": format!("file://{}", store.display()), "region": "eu" }),
            )
            .unwrap(),
        ],
        workloads: vec![parsed(workload)],
        ..Estate::default()
    }
}

fn step(options: Value) -> Value {
    let mut all = json!({ "asset": "shop/db" });
    all.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
    json!([{ "id": "back", "kind": "restore", "timeout": 120, "options": all,
             "outputs": { "point": "/point", "files": "/files" } }])
}

async fn run(estate: Estate, options: Value) -> (World, StepStatus, String) {
    let (world, folder) = World::of(estate, step(options));
    fs::write(folder.estate().join("pw"), "fixture").unwrap();
    go(&world, folder).end().await.unwrap();
    let step = world.machine().run().steps[0].clone();
    let told = format!("{}\n{}", step.reason.unwrap_or_default(), world.output("back"));
    (world, step.status, told)
}

/// A repository with two snapshots of so many files.
fn restic(dir: &Path, files: usize) -> Vec<String> {
    let restic = |args: &[&str]| {
        let mut command = Command::new(RESTIC);
        command.args(["--repo", "repo", "--no-cache", "--quiet"]).args(args).current_dir(dir);
        let told = command.env("RESTIC_PASSWORD", "fixture").output().unwrap();
        assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
        told.stdout
    };
    restic(&["init"]);
    let mut random = fastrand::Rng::with_seed(7);
    for n in 0..files {
        let noise: Vec<u8> = (0..8_000).map(|_| random.u8(..)).collect();
        let path = dir.join(format!("src/{}/{n}", n % 10));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, noise).unwrap();
    }
    for generation in ["first", "second"] {
        fs::write(dir.join("src/generation"), generation).unwrap();
        restic(&["backup", "--host", "db01", "src"]);
    }
    let rows: Value = serde_json::from_slice(&restic(&["snapshots", "--json"])).unwrap();
    rows.as_array().unwrap().iter().map(|r| r["id"].as_str().unwrap().to_owned()).collect()
}

fn copy() -> Value {
    json!({ "format": "restic", "path": "repo", "password": { "file": "pw" } })
}

fn same(left: &Path, right: &Path) {
    let told = Command::new("/usr/bin/diff").arg("-r").args([left, right]).output().unwrap();
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stdout));
}

#[tokio::test(flavor = "multi_thread")]
async fn restic_restores_a_point_into_an_empty_place_and_says_what_is_lost() {
    if !lab::has(&[Path::new(RESTIC)]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let ids = restic(dir.path(), 20);
    let into = |name: &str| dir.path().join(name);
    let estate = || estate(dir.path(), copy());
    let place = |name: &str| json!({ "path": into(name), "region": "eu" });
    let (world, status, told) = run(estate(), json!({ "into": place("newest") })).await;
    assert_eq!(status, StepStatus::Succeeded, "{told}");
    same(&dir.path().join("src"), &into("newest").join("src"));
    for said in ["/usr/bin/restic (restic ", "is lost with it", "21 files", "a second"] {
        assert!(told.contains(said), "{said}: {told}");
    }
    let outputs = world.machine().run().steps[0].outputs.clone();
    assert_eq!((&outputs["point"], &outputs["files"]), (&json!(ids[1][..8]), &json!(21)));
    let (_, status, told) = run(estate(), json!({ "point": ids[0], "into": place("older") })).await;
    assert_eq!(status, StepStatus::Succeeded, "{told}");
    assert_eq!(fs::read_to_string(into("older").join("src/generation")).unwrap(), "first");
    assert!(told.contains("what was written in the"), "{told}");

    fs::create_dir(into("taken")).unwrap();
    fs::write(into("taken/precious"), "do not touch").unwrap();
    let refused = [
        (json!({ "into": place("taken") }), "is not empty"),
        (json!({ "into": { "path": into("x"), "region": "us" } }), "lies outside the residency"),
        (json!({ "into": into("x") }), "does not say in which `region`"),
        (json!({ "into": { "path": "relative", "region": "eu" } }), "no path to restore to"),
        (json!({ "into": place("x"), "point": "0123456789" }), "no copy that could be read holds"),
        (json!({ "into": place("x"), "at": "2001-01-01T00:00:00Z" }), "nothing usable reaches"),
    ];
    for (options, said) in refused {
        let (_, status, told) = run(estate(), options).await;
        assert_eq!(status, StepStatus::Failed, "{told}");
        assert!(told.contains(said), "{said}: {told}");
    }
    assert!(!into("x").exists());
    assert_eq!(fs::read_dir(into("taken")).unwrap().count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_that_was_killed_half_way_is_gone_on_with() {
    if !lab::has(&[Path::new(RESTIC)]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    restic(dir.path(), 3_000);
    let into = dir.path().join("into");
    let (world, folder) =
        World::of(estate(dir.path(), copy()), step(json!({ "into": { "path": into, "region": "eu" } })));
    fs::write(folder.estate().join("pw"), "fixture").unwrap();
    let mut live = go(&world, folder);
    until("the first files", || fs::read_dir(into.join("src")).is_ok_and(|d| d.count() > 0)).await;
    // As the end of its machine would: the attempt, and the tool that it started.
    world.kill_attempt("back", 1);
    kill_all(&into);
    live.until("the question", |v| v.run.steps[0].status == StepStatus::Indeterminate).await;
    let half = lab::files(&into).len();
    let settle = Verb::Settle { step: "back".into(), done: false, reason: "it was cut off".into() };
    live.verb(settle).await.unwrap();
    live.until("the failure", |v| v.run.steps[0].status == StepStatus::Failed).await;
    live.verb(Verb::Retry { step: "back".into() }).await.unwrap();
    // A person had to say what became of the first attempt.
    assert_eq!(live.end().await, Ok(RunState::CompletedWithExceptions), "{}", world.output("back"));
    assert!(world.output("back").contains("it goes on"), "{half} files were there");
    same(&dir.path().join("src"), &into.join("src"));
}

/// What is restored starts, and holds the rows of the instant asked for.
struct Restored<'a> {
    lab: &'a Lab,
    data: PathBuf,
    port: u64,
}

impl Restored<'_> {
    fn rows(&self) -> String {
        let settings = self.data.join("postgresql.conf");
        let all = fs::read_to_string(&settings).unwrap() + &format!("archive_mode=off\nport={}\n", self.port);
        lab::replace(&settings, all.as_bytes());
        let log = self.lab.path("restored.log");
        let data = self.data.to_str().unwrap();
        self.lab.run(&format!("{PG}/pg_ctl -D {data} -w -t 60 -s -l {} start", log.display()));
        let patience = Instant::now() + Duration::from_secs(60);
        while self.lab.ask(self.port, "select pg_is_in_recovery()").as_deref() != Ok("f") {
            assert!(Instant::now() < patience, "{}", fs::read_to_string(&log).unwrap());
            std::thread::sleep(Duration::from_millis(50));
        }
        self.lab.ask(self.port, "select string_agg(n::text, ' ' order by n) from orders").unwrap()
    }
}
impl Drop for Restored<'_> {
    fn drop(&mut self) {
        let data = self.data.to_str().unwrap();
        let _ = self.lab.command(&["pg_ctl", "-D", data, "-w", "-s", "-m", "immediate", "stop"]).output();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pgbackrest_restores_to_the_asked_second_proven_by_query() {
    let Some(lab) = Lab::new() else { return };
    lab.sql("create table orders (n bigint)");
    lab.sql("insert into orders values (1)");
    lab.pgbackrest("--repo=1 --type=full backup");
    lab.sql("insert into orders values (2)");
    let between = chrono::Utc::now();
    lab.sql("insert into orders values (3)");
    // One that was committed after the segment would not tell where it ends.
    lab.sql("select pg_switch_wal()");
    lab.pgbackrest("check");
    let copy = json!({ "format": "pgbackrest", "options": { "stanza": "orders" } });
    let into = lab.path("into");
    let place = json!({ "path": into, "region": "eu" });
    let options = json!({ "at": between.to_rfc3339(), "into": place });
    let (_, status, told) = run(estate(&lab.path("repo"), copy.clone()), options).await;
    assert_eq!(status, StepStatus::Succeeded, "{told}");
    for said in ["pgBackRest 2.", "restore file", "is lost with it"] {
        assert!(told.contains(said), "{said}: {told}");
    }
    let restored = Restored { lab: &lab, data: into, port: PORT + 500 };
    assert_eq!(restored.rows(), "1 2");
    let newest = lab.path("newest");
    let (_, status, told) =
        run(estate(&lab.path("repo"), copy), json!({ "into": { "path": newest, "region": "eu" } })).await;
    assert_eq!(status, StepStatus::Succeeded, "{told}");
    let restored = Restored { lab: &lab, data: newest, port: PORT + 501 };
    assert_eq!(restored.rows(), "1 2 3");
}

#[tokio::test(flavor = "multi_thread")]
async fn rclone_brings_the_objects_of_a_bucket() {
    if !lab::has(&[Path::new("/usr/bin/rclone")]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    for n in 0..5 {
        fs::create_dir_all(dir.path().join("media/deep")).unwrap();
        fs::write(dir.path().join(format!("media/deep/{n}")), format!("object {n}")).unwrap();
    }
    let copy = json!({ "format": "bucket", "path": "media" });
    let into = dir.path().join("into");
    let (_, status, told) =
        run(estate(dir.path(), copy), json!({ "into": { "path": into, "region": "eu" } })).await;
    assert_eq!(status, StepStatus::Succeeded, "{told}");
    same(&dir.path().join("media"), &into);
    assert!(told.contains("rclone v1"), "{told}");
}
