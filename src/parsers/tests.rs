use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use proptest::prelude::*;

use super::*;

const HOME: &str = env!("CARGO_MANIFEST_DIR");
/// Larger samples teach nothing new and cost time.
const MAX_SAMPLE: u64 = 64 << 10;

/// Real bytes to begin with.
fn samples() -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(HOME).join("tests/fixtures")];
    while let Some(folder) = folders.pop() {
        let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
        paths.sort();
        for path in paths {
            if path.is_dir() {
                folders.push(path);
            } else if fs::metadata(&path).unwrap().len() <= MAX_SAMPLE {
                // names are parsed as well
                found.push(path.file_name().unwrap().as_encoded_bytes().to_vec());
                found.push(fs::read(path).unwrap());
            }
        }
    }
    found
}

const NUMBERS: [&str; 8] = [
    "0",
    "-1",
    "9007199254740993",
    "9223372036854775808",
    "18446744073709551616",
    "1e999",
    "9999",
    "\u{202e}",
];

/// A few changes of the kinds that find bugs.
fn mutate(bytes: &mut Vec<u8>, other: &[u8], dice: &mut fastrand::Rng) {
    for _ in 0..dice.usize(1..=6) {
        let at = dice.usize(..=bytes.len());
        let end = dice.usize(at..=bytes.len().min(at + 64));
        match dice.u8(..8) {
            0 if at < bytes.len() => bytes[at] ^= 1 << dice.u8(..8),
            1 if at < bytes.len() => bytes[at] = dice.u8(..),
            2 => drop(bytes.drain(at..end)),
            3 => {
                let again = bytes[at..end].to_vec();
                bytes.splice(at..at, again);
            }
            4 => drop(bytes.splice(at..end, NUMBERS[dice.usize(..NUMBERS.len())].bytes())),
            5 if !other.is_empty() => {
                let from = dice.usize(..other.len());
                bytes.splice(at..end, other[from..other.len().min(from + 64)].iter().copied());
            }
            6 => bytes.truncate(at),
            _ => bytes.splice(at..at, [[0, 0xff, b'"', b'\n', b'[', b'='][dice.usize(..6)]]).for_each(drop),
        }
    }
}

/// Tells what was parsed when a parser panicked.
struct Told<'a>(&'a str, &'a [u8]);

impl Drop for Told<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{} panicked at {}", self.0, hex::encode(self.1));
        }
    }
}

fn feed_all(all: &[Parser], bytes: &[u8]) {
    for (name, parse) in all {
        let told = Told(name, bytes);
        parse(bytes);
        drop(told);
    }
}

/// So many inputs for each parser, or until it is time.
fn mutate_samples(seed: u64, rounds: u64, until: Instant) -> u64 {
    let (all, samples) = (parsers(), samples());
    let mut dice = fastrand::Rng::with_seed(seed);
    for round in 0..rounds {
        if round % 64 == 0 && Instant::now() > until {
            return round;
        }
        let [own, other] = [(); 2].map(|()| &samples[dice.usize(..samples.len())]);
        let mut bytes = own.clone();
        mutate(&mut bytes, other, &mut dice);
        feed_all(&all, &bytes);
    }
    rounds
}

#[test]
fn no_mutated_sample_panics() {
    let far = Instant::now() + Duration::from_secs(3_600);
    mutate_samples(1, 1_500, far);
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes: Vec<u8>, text: String) {
        let all = parsers();
        feed_all(&all, &bytes);
        feed_all(&all, text.as_bytes());
    }
}

/// LIFEBOAT_FUZZ_MINUTES on LIFEBOAT_FUZZ_SEED; run by `.ci/long`.
#[test]
#[ignore = "as long as it is told to"]
fn no_mutated_sample_panics_for_long() {
    let number = |name: &str, usual| std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(usual);
    let (minutes, seed) = (number("LIFEBOAT_FUZZ_MINUTES", 1), number("LIFEBOAT_FUZZ_SEED", 2));
    let until = Instant::now() + Duration::from_secs(60 * minutes);
    let rounds = mutate_samples(seed, u64::MAX, until);
    println!("{rounds} inputs for each of {} parsers, seed {seed}, {minutes} minutes", parsers().len());
}

#[test]
fn each_parser_has_a_fuzz_target_and_each_target_a_parser() {
    let names: BTreeSet<String> = parsers().iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names.len(), parsers().len(), "each name comes once");
    let targets = fs::read_dir(Path::new(HOME).join("fuzz/fuzz_targets")).unwrap();
    let targets = targets.map(|e| e.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned());
    assert_eq!(names, targets.collect());
    let manifest = fs::read_to_string(Path::new(HOME).join("fuzz/Cargo.toml")).unwrap();
    for name in &names {
        assert!(manifest.contains(&format!("name = \"{name}\"")), "fuzz/Cargo.toml lacks {name}");
    }
}
