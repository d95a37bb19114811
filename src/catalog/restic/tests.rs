//! The fixture, which restic 0.14 wrote, as it is and damaged on purpose.

use std::{
    fs,
    path::{Path, PathBuf},
};

use lifeboat_core::model::*;
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{crypt::*, parse::*};
use crate::{
    catalog::{Cx, read},
    net::{Secret, store::Repo},
};

const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/restic");

fn cx(password: &str) -> Cx {
    let now = Time::from_timestamp(1_795_600_000, 0).unwrap();
    let mut cx = Cx::new(now, CancellationToken::new());
    cx.password = (!password.is_empty()).then(|| Secret::new(password));
    cx
}

/// A copy of the fixture to be damaged; its own store, so that no cache is shared.
struct Lab(tempfile::TempDir);

impl Lab {
    fn new() -> Self {
        let lab = Self(tempfile::tempdir().unwrap());
        copy_all(&Path::new(FIXTURE).join("repo"), lab.0.path());
        lab
    }
    fn files(&self, folder: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![self.0.path().join(folder)];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { folders.push(path) } else { found.push(path) }
            }
        }
        found.sort();
        found
    }
    async fn try_read(&self, cx: &Cx, more: Value) -> Result<CopyReport, Problem> {
        let mut copy = json!({"store": "fra", "format": "restic"});
        copy.as_object_mut().unwrap().insert("options".to_owned(), more);
        let copy: CopyDef = serde_json::from_value(copy).unwrap();
        let repo = Repo::folder(self.0.path().display().to_string(), self.0.path());
        read(&copy, &repo, cx).await
    }
    async fn read(&self) -> CopyReport {
        self.try_read(&cx("fixture"), json!({})).await.unwrap()
    }
}

fn copy_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, to) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        if path.is_dir() { copy_all(&path, &to) } else { fs::write(&to, fs::read(&path).unwrap()).unwrap() }
    }
}

fn usable(report: &CopyReport) -> usize {
    report.points.iter().filter(|p| p.state == PointState::Usable).count()
}

fn flip(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn all_snapshots_are_those_that_restic_lists() {
    let report = Lab::new().read().await;
    let truth: Vec<Value> =
        serde_json::from_slice(&fs::read(format!("{FIXTURE}/truth.json")).unwrap()).unwrap();
    assert_eq!(report.points.len(), truth.len());
    for row in &truth {
        let point = report.points.iter().find(|p| row["short_id"] == p.id).unwrap();
        let time = chrono::DateTime::parse_from_rfc3339(row["time"].as_str().unwrap()).unwrap();
        assert_eq!(point.completed_at, Some(time.to_utc()), "{}", point.id);
        assert_eq!((point.state, point.reason.as_str()), (PointState::Usable, ""));
    }
    assert!(report.notes.is_empty(), "{:?}", report.notes);
}

#[tokio::test]
async fn a_refresh_costs_little_more_than_listings() {
    let lab = Lab::new();
    let first = lab.read().await.cost;
    let second = lab.read().await.cost;
    assert!(second.requests < first.requests && second.bytes < first.bytes / 4, "{first:?} {second:?}");
}

#[tokio::test]
async fn keys_choose_snapshots() {
    let lab = Lab::new();
    for (options, count) in [
        (json!({"host": "db01"}), 4),
        (json!({"tags": ["nightly", "config"]}), 1),
        (json!({"paths": ["/srv/etc"]}), 3),
        (json!({"host": "nobody"}), 0),
    ] {
        let report = lab.try_read(&cx("fixture"), options.clone()).await.unwrap();
        assert_eq!(report.points.len(), count, "{options}");
    }
}

#[tokio::test]
async fn without_the_right_password_snapshots_are_counted_and_none_is_usable() {
    let lab = Lab::new();
    for (password, code) in [("", Code::COPY_PASSWORD), ("wrong", Code::COPY_WRONG_PASSWORD)] {
        let report = lab.try_read(&cx(password), json!({})).await.unwrap();
        assert_eq!(report.points.len(), 7);
        assert!(report.points.iter().all(|p| p.state == PointState::Unverified && p.completed_at.is_some()));
        assert!(report.notes.iter().any(|n| n.code == code), "{:?}", report.notes);
    }
}

#[tokio::test]
async fn what_is_no_repository_says_so() {
    let lab = Lab(tempfile::tempdir().unwrap());
    let problem = lab.try_read(&cx("fixture"), json!({})).await.unwrap_err();
    assert_eq!(problem.code, Code::COPY_NOT_THERE);
}

#[tokio::test]
async fn damage_to_what_opens_everything_leaves_nothing() {
    type Harm = fn(&Path);
    let harms: [(&str, Harm); 3] = [
        ("flip", flip),
        ("empty", |p| fs::write(p, b"").unwrap()),
        ("delete", |p| fs::remove_file(p).unwrap()),
    ];
    for (name, harm) in harms {
        for folder in ["keys", "config", "index"] {
            let lab = Lab::new();
            match folder {
                "config" => harm(&lab.0.path().join("config")),
                _ => lab.files(folder).iter().for_each(|p| harm(p)),
            }
            let report = lab.read().await;
            assert_eq!((usable(&report), report.points.len()), (0, 7), "{name} {folder}");
            let all =
                report.points.iter().all(|p| p.state == PointState::BrokenChain && !p.reason.is_empty());
            assert!(all, "{name} {folder}: {:?}", report.points);
        }
    }
}

#[tokio::test]
async fn a_damaged_snapshot_leaves_the_others() {
    let lab = Lab::new();
    flip(&lab.files("snapshots")[0]);
    let report = lab.read().await;
    assert_eq!(usable(&report), 6);
}

#[tokio::test]
async fn a_pack_gone_or_cut_breaks_those_that_need_it_and_is_named() {
    let count = Lab::new().files("data").len();
    let mut worst = 7;
    for n in 0..count {
        for cut in [false, true] {
            let lab = Lab::new();
            let path = lab.files("data")[n].clone();
            let name = path.file_name().unwrap().to_str().unwrap()[..8].to_owned();
            match cut {
                true => fs::write(&path, &fs::read(&path).unwrap()[..10]).unwrap(),
                false => fs::remove_file(&path).unwrap(),
            }
            let report = lab.read().await;
            worst = worst.min(usable(&report));
            assert!(usable(&report) < 7, "{name} {cut}");
            let bad = report.points.iter().filter(|p| p.state != PointState::Usable);
            bad.for_each(|p| assert!(p.reason.contains(&name), "{}", p.reason));
            assert!(report.notes.iter().any(|note| note.to_string().contains(&name)));
        }
    }
    assert!(worst > 0, "what does not need a pack stays usable");
}

#[tokio::test]
async fn a_lost_index_breaks_what_it_named_and_a_stray_pack_breaks_nothing() {
    for n in 0..4 {
        let lab = Lab::new();
        fs::remove_file(&lab.files("index")[n]).unwrap();
        let report = lab.read().await;
        assert!(usable(&report) < 7 && usable(&report) > 0, "{n}: {:?}", report.points);
    }
    let lab = Lab::new();
    let stray = format!("data/75/75{}", "0".repeat(62));
    fs::write(lab.0.path().join(stray), b"interrupted").unwrap();
    let report = lab.read().await;
    assert_eq!((usable(&report), report.notes.len()), (7, 1));
}

#[tokio::test]
async fn snapshots_from_the_future_are_suspect() {
    let mut early = cx("fixture");
    early.now = chrono::DateTime::parse_from_rfc3339("2026-11-19T12:00:00Z").unwrap().to_utc();
    let report = Lab::new().try_read(&early, json!({})).await.unwrap();
    assert_eq!(usable(&report), 6);
    assert_eq!(report.points[0].state, PointState::Suspect);
}

fn key_file(lab: &Lab) -> (Value, Key) {
    let bytes = fs::read(&lab.files("keys")[0]).unwrap();
    (serde_json::from_slice(&bytes).unwrap(), open_key(&bytes, b"fixture").unwrap())
}

#[tokio::test]
async fn stale_and_exclusive_locks_are_told() {
    for (time, exclusive, said) in [
        ("2026-11-20T00:00:00Z", false, "stale lock of db01"),
        ("2026-11-20T00:00:00Z", true, "stale exclusive lock"),
        ("2100-01-01T00:00:00Z", true, "is held"),
        ("2100-01-01T00:00:00Z", false, ""),
    ] {
        let lab = Lab::new();
        let (_, key) = key_file(&lab);
        let lock = json!({"time": time, "exclusive": exclusive, "hostname": "db01"}).to_string();
        let sealed = key.seal(lock.as_bytes());
        let name = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(&sealed));
        let path = lab.0.path().join("locks").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, sealed).unwrap();
        let old = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000);
        fs::File::options().write(true).open(&path).unwrap().set_modified(old).unwrap();
        let report = lab.read().await;
        assert_eq!(usable(&report), 7);
        let told: String = report.notes.iter().map(ToString::to_string).collect();
        assert!(told.contains(said), "{told}");
        assert_eq!(told.is_empty(), said.is_empty(), "{told}");
    }
}

#[test]
fn hostile_keys_are_refused_before_they_cost_anything() {
    let (good, _) = key_file(&Lab::new());
    for (name, value) in [
        ("N", json!(1_u64 << 40)),
        ("N", json!(u64::MAX)),
        ("N", json!(0)),
        ("N", json!(12345)),
        ("r", json!(u32::MAX)),
        ("p", json!(u32::MAX)),
        ("p", json!(0)),
        ("kdf", json!("md5")),
        ("salt", json!("\u{1b}[2J")),
    ] {
        let mut bad = good.clone();
        bad[name] = value;
        let opened = open_key(bad.to_string().as_bytes(), b"fixture");
        assert!(matches!(opened, Err(KeyError::Unusable(_))), "{name}: {opened:?}");
    }
}

#[test]
fn a_bomb_is_not_unpacked() {
    let packed = zstd::encode_all(&vec![b' '; 50 << 20][..], 3).unwrap();
    assert!(packed.len() < 100_000);
    assert_eq!(unpack([&[2], &packed[..]].concat(), 1 << 20), None);
    assert_eq!(unpack(vec![2, 1, 2, 3], 1 << 20), None);
    assert_eq!(unpack(Vec::new(), 1 << 20), None);
}

#[test]
fn base64_is_that_of_the_standard() {
    assert_eq!(base64("Zm9vYg=="), Some(b"foob".to_vec()));
    assert_eq!(base64("+/8="), Some(vec![0xFB, 0xFF]));
    assert_eq!(base64("a\n"), None);
}

proptest! {
    #[test]
    fn no_bytes_make_a_parser_panic(bytes: Vec<u8>) {
        let (_, key) = (0, KEY.clone());
        prop_assert!(key.open(&bytes).is_none());
        let _ = unpack([&[2], &bytes[..]].concat(), 1_000);
        let _ = KeyFile::parse(&bytes);
        let _ = id(&bytes);
        let _ = serde_json::from_slice::<Snapshot>(&bytes);
        let _ = serde_json::from_slice::<Index>(&bytes);
        let _ = serde_json::from_slice::<Tree>(&bytes);
        let _ = base64(&String::from_utf8_lossy(&bytes));
        let sealed = key.seal(&bytes);
        prop_assert_eq!(key.open(&sealed), Some(bytes));
        prop_assert!(key.open(&sealed[..sealed.len() - 1]).is_none());
    }
}

static KEY: std::sync::LazyLock<Key> = std::sync::LazyLock::new(|| key_file(&Lab::new()).1);

#[test]
fn a_snapshot_tells_what_was_new_in_it_and_what_that_became() {
    let text = json!({
        "time": "2026-11-22T02:00:00Z", "tree": "00".repeat(32), "paths": ["/srv"],
        "summary": {"total_bytes_processed": 9_000_000, "data_added": 1_000_000, "data_added_packed": 400_000},
    });
    let snapshot: super::parse::Snapshot = serde_json::from_value(text).expect("a snapshot");
    let summary = snapshot.summary.expect("its summary");
    assert_eq!(Packed::of(summary.data_added, summary.data_added_packed).map(Packed::ratio), Some(0.4));
}
