//! The last known state: rows ready to draw, read before anything else.
//!
//! `LBLK`, a version byte, sixteen bytes of BLAKE3 over the rest, then the
//! `Glance` in postcard. Any mismatch is as good as no file: the first frame
//! is then empty, never wrong.

use std::io::Write;
use std::path::Path;

use lifeboat_core::assess::Glance;
use lifeboat_core::model::{Code, Problem};

use super::Places;

const MAGIC: &[u8; 5] = b"LBLK\x03";
const SUM: usize = 16;
const NAME: &str = "last-known";

fn encode(glance: &Glance) -> Option<Vec<u8>> {
    let body = postcard::to_allocvec(glance).ok()?;
    let mut bytes = Vec::with_capacity(MAGIC.len() + SUM + body.len());
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&blake3::hash(&body).as_bytes()[..SUM]);
    bytes.extend_from_slice(&body);
    Some(bytes)
}

fn decode(bytes: &[u8]) -> Option<Glance> {
    let (sum, body) = bytes.strip_prefix(MAGIC)?.split_at_checked(SUM)?;
    (blake3::hash(body).as_bytes()[..SUM] == *sum).then(|| postcard::from_bytes(body).ok())?
}

/// What was last known of the estate in `dir`; `None` where nothing is, or
/// nothing whole.
pub fn load(places: &Places, dir: &Path) -> Option<Glance> {
    let id = std::fs::read_to_string(places.by_path(dir)).ok()?;
    decode(&std::fs::read(places.estate(id.trim()).join(NAME)).ok()?)
}

/// Replaces what was known; the old stays whole until the new is.
pub fn save(places: &Places, dir: &Path, id: &str, glance: &Glance) -> Result<(), Problem> {
    let folder = places.estate(id);
    let told = |why: &dyn std::fmt::Display| {
        Problem::new(Code::STATE_WRITE, folder.join(NAME).display()).because(why)
    };
    let bytes = encode(glance).ok_or_else(|| told(&"it cannot be encoded"))?;
    name(places, dir, id)?;
    replace(&folder.join(NAME), &bytes).map_err(|e| told(&e))
}

/// Remembers which estate lies in `dir`.
pub fn name(places: &Places, dir: &Path, id: &str) -> Result<(), Problem> {
    let path = places.by_path(dir);
    if std::fs::read_to_string(&path).is_ok_and(|named| named == id) {
        return Ok(());
    }
    replace(&path, id.as_bytes()).map_err(|e| Problem::new(Code::STATE_WRITE, path.display()).because(e))
}

fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.persist(path).map_err(|e| e.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use lifeboat_core::assess::{GlanceRow, State, Verdict};
    use lifeboat_core::model::{Dur, Time};

    use super::*;

    fn glance(rows: usize) -> Glance {
        let row = |n| GlanceRow {
            id: format!("workload-with-a-long-name-{n:04}").as_str().into(),
            label: format!("Workload with a long name {n:04}"),
            tier: Some(1),
            state: State::Critical,
            home: Some("eu-west-1".into()),
            rpo_target: Some(Dur::secs(300)),
            rpo_actual: Some(Dur::millis(301_250)),
            rto_target: Some(Dur::secs(1_800)),
            rto_estimate: None,
            last_good: Some(Time::UNIX_EPOCH),
            verdict: Verdict::Recoverable,
            to: Some("eu-central-1".into()),
            reason: "up to 5m 01s of writes would be lost now, over its RPO of 5m".to_owned(),
        };
        Glance { estate: "Northwind".to_owned(), rows: (0..rows).map(row).collect(), ..Glance::default() }
    }

    #[test]
    fn it_comes_back_whole_and_small() {
        let tmp = tempfile::tempdir().expect("a folder");
        let places = Places { config: tmp.path().join("c"), state: tmp.path().join("s") };
        let dir = tmp.path().join("estate");
        std::fs::create_dir(&dir).expect("a folder");
        assert_eq!(load(&places, &dir), None);
        let glance = glance(1_000);
        save(&places, &dir, "northwind", &glance).expect("saved");
        assert_eq!(load(&places, &dir), Some(glance.clone()));
        let size = encode(&glance).map_or(0, |b| b.len());
        assert!(size <= 300 * 1_000, "{size} bytes");
    }

    #[test]
    fn any_damage_is_as_good_as_no_file() {
        let bytes = encode(&glance(2)).expect("encodes");
        for n in 0..bytes.len() {
            assert_eq!(decode(&bytes[..n]), None, "cut at {n}");
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[n] ^= 1 << bit;
                assert_eq!(decode(&flipped), None, "bit {bit} of byte {n}");
            }
        }
    }
}
