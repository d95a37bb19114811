//! Opening what restic sealed: a key file with a password, then everything
//! else with the master key in it. Shapes and algorithms: restic's design
//! document, "Keys, Encryption and MAC" and "Repository Format, version 2".

use std::{
    collections::HashMap,
    fmt,
    io::{Cursor, Read},
    sync::{LazyLock, Mutex, PoisonError},
};

use aes::{
    Aes128, Aes256,
    cipher::{Array, BlockCipherEncrypt, KeyInit, KeyIvInit, StreamCipher},
};
use poly1305::Poly1305;
use serde::Deserialize;

/// scrypt's memory is 128·N·r bytes; the tools use 16 to 128 MiB.
const MAX_SCRYPT_MEMORY: u64 = 256 << 20;
/// N·r·p; the tools use about a million, which takes about a second.
const MAX_SCRYPT_WORK: u64 = 1 << 23;
/// Master keys kept, so that a refresh costs no scrypt.
const MAX_KEPT: usize = 256;
/// Of a zstd frame: 128 MiB is the most that the tools write.
const MAX_WINDOW_LOG: u32 = 27;

#[derive(Clone, PartialEq, Eq)]
pub(super) struct Key {
    encrypt: [u8; 32],
    /// Poly1305's `r`, and the AES-128 key that makes its `s` from the IV.
    mac_r: [u8; 16],
    mac_k: [u8; 16],
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

impl Key {
    fn tag(&self, iv: &[u8; 16], body: &[u8]) -> [u8; 16] {
        let mut s = Array::from(*iv);
        Aes128::new(&self.mac_k.into()).encrypt_block(&mut s);
        let mut key = [0; 32];
        key[..16].copy_from_slice(&self.mac_r);
        key[16..].copy_from_slice(&s);
        Poly1305::new(&key.into()).compute_unpadded(body).into()
    }

    /// `IV ‖ AES-256-CTR ‖ MAC`; `None` where the MAC does not hold.
    pub fn open(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        let (iv, rest) = sealed.split_first_chunk::<16>()?;
        let (body, mac) = rest.split_last_chunk::<16>()?;
        if self.tag(iv, body) != *mac {
            return None;
        }
        let mut plain = body.to_vec();
        ctr::Ctr128BE::<Aes256>::new(&self.encrypt.into(), &(*iv).into()).apply_keystream(&mut plain);
        Some(plain)
    }

    #[cfg(test)]
    pub fn seal(&self, plain: &[u8]) -> Vec<u8> {
        let iv = [7; 16];
        let mut body = plain.to_vec();
        ctr::Ctr128BE::<Aes256>::new(&self.encrypt.into(), &iv.into()).apply_keystream(&mut body);
        let tag = self.tag(&iv, &body);
        [&iv[..], &body, &tag].concat()
    }

    /// Tells keys apart without telling what they are.
    pub fn fingerprint(&self) -> [u8; 32] {
        *blake3::hash(&[&self.encrypt[..], &self.mac_r, &self.mac_k].concat()).as_bytes()
    }
}

/// `keys/<id>`: JSON in clear.
#[derive(Debug, Deserialize)]
pub(super) struct KeyFile {
    kdf: String,
    #[serde(rename = "N")]
    n: u64,
    r: u32,
    p: u32,
    salt: String,
    data: String,
}

#[derive(Deserialize)]
struct Master {
    encrypt: String,
    mac: MasterMac,
}

#[derive(Deserialize)]
struct MasterMac {
    k: String,
    r: String,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum KeyError {
    /// It opens with another password.
    WrongPassword,
    /// It is no key file, or asks for more than may be spent on it.
    Unusable(String),
}

impl KeyFile {
    pub fn parse(bytes: &[u8]) -> Result<Self, KeyError> {
        serde_json::from_slice(bytes).map_err(|_| KeyError::Unusable("it is no key file".to_owned()))
    }

    /// Slow by design: for a blocking thread.
    pub fn open(&self, password: &[u8]) -> Result<Key, KeyError> {
        let params = self.params()?;
        let garbled = || KeyError::Unusable("it is garbled".to_owned());
        let salt = base64(&self.salt).ok_or_else(garbled)?;
        let data = base64(&self.data).ok_or_else(garbled)?;
        let mut derived = [0; 64];
        scrypt::scrypt(password, &salt, &params, &mut derived).map_err(|_| garbled())?;
        let part = |at: usize| {
            let mut part = [0; 16];
            part.copy_from_slice(&derived[at..at + 16]);
            part
        };
        let mut encrypt = [0; 32];
        encrypt.copy_from_slice(&derived[..32]);
        let user = Key { encrypt, mac_k: part(32), mac_r: part(48) };
        let plain = user.open(&data).ok_or(KeyError::WrongPassword)?;
        master(&plain).ok_or_else(garbled)
    }

    fn params(&self) -> Result<scrypt::Params, KeyError> {
        let refuse = |why: String| Err(KeyError::Unusable(why));
        if self.kdf != "scrypt" || !self.n.is_power_of_two() || self.n < 2 {
            return refuse("its key derivation is not one that is known".to_owned());
        }
        let (r, p) = (u64::from(self.r), u64::from(self.p));
        let memory = self.n.checked_mul(r).and_then(|nr| nr.checked_mul(128));
        let work = self.n.checked_mul(r).and_then(|nr| nr.checked_mul(p));
        if memory.is_none_or(|m| m > MAX_SCRYPT_MEMORY) || work.is_none_or(|w| w > MAX_SCRYPT_WORK) {
            return refuse(format!(
                "its scrypt parameters (N={}, r={r}, p={p}) ask for more than may be spent on one key",
                self.n
            ));
        }
        let log = u8::try_from(self.n.trailing_zeros()).unwrap_or(u8::MAX);
        scrypt::Params::new(log, self.r, self.p)
            .or_else(|_| refuse("its scrypt parameters are not valid".to_owned()))
    }
}

fn master(plain: &[u8]) -> Option<Key> {
    let master: Master = serde_json::from_slice(plain).ok()?;
    Some(Key {
        encrypt: base64(&master.encrypt)?.try_into().ok()?,
        mac_k: base64(&master.mac.k)?.try_into().ok()?,
        mac_r: base64(&master.mac.r)?.try_into().ok()?,
    })
}

type Kept = HashMap<[u8; 32], Result<Key, ()>>;
static KEPT: LazyLock<Mutex<Kept>> = LazyLock::new(Mutex::default);

/// `KeyFile::open`, once for each key file and password: a wrong one is
/// remembered as well. For a blocking thread.
pub(super) fn open_key(file: &[u8], password: &[u8]) -> Result<Key, KeyError> {
    let key_file = KeyFile::parse(file)?;
    let mut hasher = blake3::Hasher::new();
    hasher.update(blake3::hash(file).as_bytes()).update(password);
    let name = *hasher.finalize().as_bytes();
    let kept = || KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = kept().get(&name) {
        return known.clone().map_err(|()| KeyError::WrongPassword);
    }
    let opened = key_file.open(password);
    let keep = match &opened {
        Ok(key) => Ok(key.clone()),
        Err(KeyError::WrongPassword) => Err(()),
        Err(KeyError::Unusable(_)) => return opened,
    };
    let mut kept = kept();
    if kept.len() >= MAX_KEPT {
        kept.clear();
    }
    kept.insert(name, keep);
    opened
}

/// What a decrypted file holds: JSON as it is, or the byte 2 and zstd.
/// `None` where it is neither, is damaged, or unpacks to more than `max` bytes.
pub(super) fn unpack(plain: Vec<u8>, max: usize) -> Option<Vec<u8>> {
    match plain.split_first() {
        Some((b'{' | b'[', _)) => Some(plain),
        Some((2, rest)) => unzstd(rest, max),
        _ => None,
    }
}

pub(super) fn unzstd(packed: &[u8], max: usize) -> Option<Vec<u8>> {
    let mut decoder = zstd::stream::read::Decoder::new(Cursor::new(packed)).ok()?;
    decoder.window_log_max(MAX_WINDOW_LOG).ok()?;
    let mut out = Vec::new();
    decoder.take(max as u64 + 1).read_to_end(&mut out).ok()?;
    (out.len() <= max).then_some(out)
}

/// The standard alphabet, padded (RFC 4648).
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=');
    let mut out = Vec::with_capacity(text.len() / 4 * 3 + 3);
    let (mut bits, mut held) = (0_u32, 0);
    for byte in text.bytes() {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6 | u32::from(six)) & 0xFFFF;
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held & 0xFF) as u8);
        }
    }
    Some(out)
}
