//! Snapshots that the real etcd wrote, whole and damaged: what the reader calls
//! usable the tool restores, and what it does not the tool refuses.

use std::{
    fs,
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use lifeboat::{
    catalog::{Cx, read},
    net::store::Repo,
};
use lifeboat_core::model::*;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::lab;

/// One member on loopback; ended when dropped.
struct Etcd {
    child: Child,
    endpoint: String,
}

impl Drop for Etcd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Etcd {
    /// `None` where the tools are not installed; LIFEBOAT_LAB=1 insists.
    fn start(dir: &Path) -> Option<Self> {
        if !lab::has(&["/usr/bin/etcd", "/usr/bin/etcdctl"].map(Path::new)) {
            return None;
        }
        let [client, peer] = free_ports().map(|port| format!("http://127.0.0.1:{port}"));
        let child = Command::new("/usr/bin/etcd")
            .args(["--listen-client-urls", &client, "--advertise-client-urls", &client])
            .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer])
            .args(["--initial-cluster", &format!("default={peer}"), "--data-dir"])
            .arg(dir.join("member"))
            .env_clear()
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let etcd = Self { child, endpoint: client };
        let until = Instant::now() + Duration::from_secs(20);
        while !etcd.ctl(&["endpoint", "health"]) {
            assert!(Instant::now() < until, "etcd does not come up");
            std::thread::sleep(Duration::from_millis(100));
        }
        Some(etcd)
    }

    fn ctl(&self, args: &[&str]) -> bool {
        ctl(&[&["--endpoints", &self.endpoint], args].concat())
    }

    fn save(&self, to: &Path, keys: usize) {
        for n in 0..keys {
            assert!(self.ctl(&["put", &format!("order/{keys}/{n}"), &"paid ".repeat(200)]));
        }
        assert!(self.ctl(&["snapshot", "save", to.to_str().unwrap()]));
    }
}

/// Held together, so that they differ.
fn free_ports() -> [u16; 2] {
    let held = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    held.map(|listener| listener.local_addr().unwrap().port())
}

fn ctl(args: &[&str]) -> bool {
    let mut command = Command::new("/usr/bin/etcdctl");
    command.args(args).env_clear().env("ETCDCTL_API", "3");
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success()
}

/// Whether the tool makes a member's folder of it.
fn restores(snapshot: &Path) -> bool {
    let to = tempfile::tempdir().unwrap();
    let to = to.path().join("restored");
    ctl(&["snapshot", "restore", snapshot.to_str().unwrap(), "--data-dir", to.to_str().unwrap()])
}

async fn look(dir: &Path) -> CopyReport {
    let copy: CopyDef = serde_json::from_value(json!({"store": "fra", "format": "etcd"})).unwrap();
    let now = Time::from(std::time::SystemTime::now());
    read(&copy, &Repo::folder("fra", dir), &Cx::new(now, CancellationToken::new())).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reader_and_etcd_agree_on_thirty_damaged_copies() {
    let dir = tempfile::tempdir().unwrap();
    let saved = dir.path().join("saved");
    fs::create_dir(&saved).unwrap();
    let Some(etcd) = Etcd::start(dir.path()) else { return };
    etcd.save(&saved.join("a.db"), 5);
    etcd.save(&saved.join("b.db"), 20);
    drop(etcd);
    let whole = look(&saved).await;
    assert_eq!(whole.points.len(), 2);
    assert!(whole.points.iter().all(|p| p.state == PointState::Usable), "{:?}", whole.points);
    for seed in 0..lab::seeds() {
        let mut dice = fastrand::Rng::with_seed(seed);
        let copy = tempfile::tempdir().unwrap();
        for name in ["a.db", "b.db"] {
            fs::copy(saved.join(name), copy.path().join(name)).unwrap();
        }
        let hurt = copy.path().join(if dice.bool() { "a.db" } else { "b.db" });
        let mut bytes = fs::read(&hurt).unwrap();
        let at = dice.usize(..bytes.len());
        match dice.u8(..4) {
            3 => bytes.clear(),
            0 => bytes.truncate(at),
            // to where only the hash tells
            1 => bytes.truncate(at / 512 * 512 + 32),
            _ => bytes[at] ^= 1 << dice.u8(..8),
        }
        fs::write(&hurt, &bytes).unwrap();
        if bytes.is_empty() && dice.bool() {
            fs::remove_file(&hurt).unwrap();
        }
        let report = look(copy.path()).await;
        for point in &report.points {
            let usable = point.state == PointState::Usable;
            assert_eq!(usable, restores(&copy.path().join(&point.id)), "seed {seed}: {point:?}");
        }
        assert_eq!(report.points.iter().filter(|p| p.state == PointState::Usable).count(), 1, "seed {seed}");
    }
}
