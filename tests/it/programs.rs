//! The ready programs of `runbooks/templates/bin` for `format = "command"`:
//! Borg's on a repository that the real Borg wrote, the others on what their
//! tools printed.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use lifeboat::{
    catalog::{Cx, read},
    net::{Secrets, store::Repo},
};
use lifeboat_core::model::*;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn fixture(name: &str) -> String {
    format!("{ROOT}/tests/fixtures/{name}")
}

/// Runs one of the programs, as of an estate that holds them.
async fn look(run: &[&str], env: Value, now: Time) -> Result<CopyReport, Problem> {
    let copy = json!({"store": "elsewhere", "format": "command", "options": {"run": run, "env": env}});
    let mut cx = Cx::new(now, CancellationToken::new());
    cx.secrets = Some(Secrets::new(format!("{ROOT}/runbooks/templates"), []));
    read(&serde_json::from_value(copy).unwrap(), &Repo::folder("elsewhere", "/"), &cx).await
}

fn has_python() -> bool {
    let there =
        Command::new("/usr/bin/env").args(["python3", "-c", "pass"]).status().is_ok_and(|s| s.success());
    assert!(there || std::env::var("LIFEBOAT_LAB").as_deref() != Ok("1"), "python3 is missing");
    there
}

fn at(text: &str) -> Time {
    text.parse().unwrap()
}

#[tokio::test]
async fn the_programs_for_aws_read_what_its_cli_printed() {
    if !has_python() {
        return;
    }
    let now = at("2026-11-22T12:00:00Z");
    let listed = fixture("aws/backup-list-recovery-points.json");
    let report = look(&["./bin/aws-points", "--recorded", &listed, "vault", "eu", "prod"], json!({}), now)
        .await
        .unwrap();
    let truth: Value = serde_json::from_slice(&fs::read(&listed).unwrap()).unwrap();
    let ids = |n: usize| truth["RecoveryPoints"][n]["RecoveryPointArn"].as_str().unwrap().to_owned();
    let good = report.summary().last_good.unwrap();
    assert_eq!((good.id, good.at), (ids(0), at("2026-11-22T05:00:00Z")));
    let partial = report.points.iter().find(|p| p.id == ids(1)).unwrap();
    assert_eq!(
        (partial.state, &*partial.reason, partial.size_bytes),
        (PointState::Incomplete, "x", Some(1024))
    );
    assert_eq!(
        partial.started_at,
        Some(at("2026-11-22T05:00:00Z")),
        "seconds since 1970, as the first CLI printed"
    );
    let volume = truth["RecoveryPoints"][1]["ResourceArn"].as_str().unwrap();
    let one =
        look(&["./bin/aws-points", "--recorded", &listed, "vault", "eu", "prod", volume], json!({}), now)
            .await;
    assert_eq!(one.unwrap().points.len(), 1);

    let (snapshots, spans) = (
        fixture("aws/rds-describe-db-snapshots.json"),
        fixture("aws/rds-describe-db-instance-automated-backups.json"),
    );
    let report =
        look(&["./bin/aws-points", "--recorded", &snapshots, &spans, "rds", "eu", "shop"], json!({}), now)
            .await
            .unwrap();
    assert_eq!(report.windows, [Window { from: at("2026-11-15T03:05:31Z"), to: at("2026-11-22T11:55:00Z") }]);
    let good = report.summary().last_good.unwrap();
    assert_eq!((good.id.as_str(), good.at), ("rds:shop-2026-11-22-03-05", at("2026-11-22T11:55:00Z")));
    let wrong = look(&["./bin/aws-points", "vault"], json!({}), now).await.unwrap_err();
    assert!(wrong.code == Code::COPY_PROGRAM && wrong.why.contains("usage: aws-points"), "{wrong}");
}

#[tokio::test]
async fn the_program_for_kopia_reads_what_it_printed() {
    if !has_python() {
        return;
    }
    let listed = fixture("kopia/snapshot-list.json");
    let now = at("2026-11-22T12:00:00Z");
    let report = look(&["./bin/kopia-points", "--recorded", &listed], json!({}), now).await.unwrap();
    let truth: Value = serde_json::from_slice(&fs::read(fixture("kopia/truth.json")).unwrap()).unwrap();
    let truth = truth.as_object().unwrap();
    assert_eq!(report.points.len(), truth.len());
    for point in &report.points {
        assert_eq!(json!(point.state), truth[&point.id], "{point:?}");
    }
    let one = look(&["./bin/kopia-points", "--recorded", &listed, "db01:/srv/orders"], json!({}), now)
        .await
        .unwrap();
    assert!(one.points.iter().all(|p| p.id.starts_with("db01:/srv/orders ")) && one.points.len() == 3);
    assert_eq!(one.summary().last_good.unwrap().at, at("2026-11-21T02:00:00.5Z"));
}

struct Borg {
    dir: tempfile::TempDir,
}

impl Borg {
    /// `None` where it is not installed; LIFEBOAT_LAB=1 insists.
    fn new() -> Option<Self> {
        if !Path::new("/usr/bin/borg").exists() {
            assert_ne!(std::env::var("LIFEBOAT_LAB").as_deref(), Ok("1"), "borg is missing");
            println!("skipped: borgbackup is not installed");
            return None;
        }
        let borg = Self { dir: tempfile::tempdir().unwrap() };
        fs::create_dir(borg.path("source")).unwrap();
        fs::write(borg.path("source/orders"), "paid ".repeat(1_000)).unwrap();
        fs::write(borg.path("passphrase"), "fixture\n").unwrap();
        assert!(borg.run(&["init", "--encryption=repokey", "repo"]));
        Some(borg)
    }
    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
    fn run(&self, args: &[&str]) -> bool {
        let mut command = Command::new("/usr/bin/borg");
        command.args(args).current_dir(self.dir.path()).env_clear().env("PATH", "/usr/bin:/bin");
        // far from UTC: its own lists are in this zone
        command.env("TZ", "America/New_York").env("LC_ALL", "C.UTF-8");
        command.env("BORG_BASE_DIR", self.dir.path()).env("BORG_PASSPHRASE", "fixture");
        command.status().unwrap().success()
    }
    async fn look(&self, more: &[&str]) -> Result<CopyReport, Problem> {
        let repo = self.path("repo");
        let run = [&["./bin/borg-points", repo.to_str().unwrap()], more].concat();
        let base = self.dir.path().to_str().unwrap();
        let env = json!({"BORG_PASSPHRASE": {"file": self.path("passphrase")}, "BORG_BASE_DIR": base});
        look(&run, env, chrono::Utc::now()).await
    }
}

#[tokio::test]
async fn the_program_for_borg_reads_what_borg_wrote() {
    let Some(borg) = Borg::new() else { return };
    let before = chrono::Utc::now() - Dur::secs(2);
    assert!(borg.run(&["create", "repo::orders-1", "source"]));
    assert!(borg.run(&["create", "--timestamp", "2026-11-01T12:00:00", "repo::orders-0", "source"]));
    assert!(borg.run(&["create", "repo::other-1", "source"]));
    // what an interrupted one leaves behind has this name
    assert!(borg.run(&["rename", "repo::other-1", "other-1.checkpoint"]));
    let report = borg.look(&[]).await.unwrap();
    let state = |id: &str| report.points.iter().find(|p| p.id == id).unwrap().state;
    assert_eq!(report.points.len(), 3, "{report:#?}");
    assert_eq!((state("orders-0"), state("orders-1")), (PointState::Usable, PointState::Usable));
    assert_eq!(state("other-1.checkpoint"), PointState::Incomplete);
    let good = report.summary().last_good.unwrap();
    assert_eq!(good.id, "orders-1");
    assert!(good.at >= before && good.at <= chrono::Utc::now(), "an instant, whatever the zone: {good:?}");
    let old = report.points.iter().find(|p| p.id == "orders-0").unwrap();
    assert_eq!(old.completed_at, Some(at("2026-11-01T12:00:00Z")));
    assert_eq!(borg.look(&["orders-"]).await.unwrap().points.len(), 2);

    fs::write(borg.path("passphrase"), "wrong").unwrap();
    let problem = borg.look(&[]).await.unwrap_err();
    assert_eq!(problem.code, Code::COPY_PROGRAM, "{problem}");
    fs::remove_dir_all(borg.path("repo")).unwrap();
    assert_eq!(borg.look(&[]).await.unwrap_err().code, Code::COPY_PROGRAM);
}
