//! A restic repository of many snapshots, cheaply: restic makes it and backs up
//! once; the rest are snapshot files sealed here as restic's design document
//! says, with the repository's own key.

use std::{fs, path::Path, process::Command};

use aes::{
    Aes128, Aes256,
    cipher::{Array, BlockCipherEncrypt, KeyInit, KeyIvInit, StreamCipher},
};
use poly1305::Poly1305;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

struct Key {
    encrypt: [u8; 32],
    k: [u8; 16],
    r: [u8; 16],
}

/// Whether restic is there to make it.
pub fn make(dir: &Path, password: &str, snapshots: usize) -> bool {
    let restic = |args: &[&str]| {
        let mut command = Command::new("restic");
        command.arg("-r").arg(dir).args(["--no-cache", "-q"]).args(args).env("RESTIC_PASSWORD", password);
        command.status().is_ok_and(|s| s.success())
    };
    let source = tempfile::tempdir().expect("a folder");
    fs::write(source.path().join("file"), "something to keep").expect("a file");
    if !restic(&["init"]) || !restic(&["backup", &source.path().display().to_string()]) {
        return false;
    }
    let key = master(&only(&dir.join("keys")), password);
    let first = clear(key.cipher(&only(&dir.join("snapshots"))));
    let mut first: Value = serde_json::from_slice(&first).expect("a snapshot in JSON");
    for n in 1..snapshots {
        let at = chrono::Utc::now() - chrono::TimeDelta::minutes(n as i64);
        first["time"] = json!(at.to_rfc3339_opts(chrono::SecondsFormat::Nanos, true));
        let mut iv = [7; 16];
        iv[..8].copy_from_slice(&(n as u64).to_le_bytes());
        let sealed = key.seal(iv, first.to_string().as_bytes());
        fs::write(dir.join("snapshots").join(hex::encode(Sha256::digest(&sealed))), sealed).expect("a file");
    }
    true
}

/// Since version 2 of the format what is packed begins with a 2; JSON never does.
fn clear(plain: Vec<u8>) -> Vec<u8> {
    match plain.split_first() {
        Some((2, packed)) => zstd::decode_all(packed).expect("a file packed by zstd"),
        _ => plain,
    }
}

fn only(dir: &Path) -> Vec<u8> {
    let entry = fs::read_dir(dir).expect("a folder").flatten().next().expect("a file in it");
    fs::read(entry.path()).expect("its bytes")
}

fn master(file: &[u8], password: &str) -> Key {
    let file: Value = serde_json::from_slice(file).expect("a key file");
    let number = |name: &str| file[name].as_u64().expect("a number");
    let log = u8::try_from(number("N").ilog2()).expect("a power of two");
    let params = scrypt::Params::new(log, number("r") as u32, number("p") as u32).expect("parameters");
    let mut derived = [0; 64];
    let salt = base64(file["salt"].as_str().expect("a salt"));
    scrypt::scrypt(password.as_bytes(), &salt, &params, &mut derived).expect("a key");
    let part = |from: usize| derived[from..from + 16].try_into().expect("16 bytes");
    let user = Key { encrypt: derived[..32].try_into().expect("32 bytes"), k: part(32), r: part(48) };
    let plain = user.cipher(&base64(file["data"].as_str().expect("data")));
    let plain: Value = serde_json::from_slice(&plain).expect("a master key");
    let bytes = |value: &Value| base64(value.as_str().expect("a key"));
    Key {
        encrypt: bytes(&plain["encrypt"]).try_into().expect("32 bytes"),
        k: bytes(&plain["mac"]["k"]).try_into().expect("16 bytes"),
        r: bytes(&plain["mac"]["r"]).try_into().expect("16 bytes"),
    }
}

impl Key {
    /// What lies between the first 16 bytes and the last 16, opened.
    fn cipher(&self, sealed: &[u8]) -> Vec<u8> {
        let iv: [u8; 16] = sealed[..16].try_into().expect("16 bytes");
        let mut body = sealed[16..sealed.len() - 16].to_vec();
        ctr::Ctr128BE::<Aes256>::new(&self.encrypt.into(), &iv.into()).apply_keystream(&mut body);
        body
    }
    fn seal(&self, iv: [u8; 16], plain: &[u8]) -> Vec<u8> {
        let mut body = plain.to_vec();
        ctr::Ctr128BE::<Aes256>::new(&self.encrypt.into(), &iv.into()).apply_keystream(&mut body);
        let mut s = Array::from(iv);
        Aes128::new(&self.k.into()).encrypt_block(&mut s);
        let mut key = [0; 32];
        key[..16].copy_from_slice(&self.r);
        key[16..].copy_from_slice(&s);
        let tag = Poly1305::new(&key.into()).compute_unpadded(&body);
        [&iv[..], &body, &tag[..]].concat()
    }
}

fn base64(text: &str) -> Vec<u8> {
    let digit = |b: u8| match b {
        b'A'..=b'Z' => b - b'A',
        b'a'..=b'z' => b - b'a' + 26,
        b'0'..=b'9' => b - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let digits: Vec<u8> = text.bytes().filter(|b| *b != b'=').map(digit).collect();
    let bytes = digits.chunks(4).flat_map(|four| {
        let all = four.iter().fold(0u32, |all, d| all << 6 | u32::from(*d)) << (6 * (4 - four.len()));
        all.to_be_bytes()[1..four.len()].to_vec()
    });
    bytes.collect()
}
