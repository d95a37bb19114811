//! OpenSSL's salted format as pgBackRest writes it: `Salted__`, a salt of 8
//! bytes, AES-256-CBC; key and IV from EVP_BytesToKey with SHA-1 in one round
//! (pgBackRest's `common/crypto/cipherBlock.c`). Nothing authenticates it: a
//! wrong key gives garbage, so whoever opens it must know what should be inside.

use aes::{
    Aes256,
    cipher::{Block, BlockModeDecrypt, KeyIvInit},
};
use sha1::{Digest, Sha1};

use crate::net::Secret;

pub const MAGIC: &[u8] = b"Salted__";
const BLOCK: usize = 16;

pub fn is_salted(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// What was sealed. `whole` is false where its length or its padding shows
/// that it was cut or damaged, or that the key is another.
#[derive(PartialEq, Eq)]
pub struct Opened {
    pub plain: Vec<u8>,
    pub whole: bool,
}

/// `None` where it is not in this format at all.
pub fn open(bytes: &[u8], key: &Secret) -> Option<Opened> {
    let (salt, body) = bytes.strip_prefix(MAGIC)?.split_first_chunk::<8>()?;
    let (key, iv) = derive(key.expose(), salt);
    let mut cipher = cbc::Decryptor::<Aes256>::new(&key.into(), &iv.into());
    let full = body.len() - body.len() % BLOCK;
    let mut plain = body[..full].to_vec();
    for block in plain.chunks_exact_mut(BLOCK) {
        if let Ok(block) = <&mut Block<Aes256>>::try_from(block) {
            cipher.decrypt_block(block);
        }
    }
    let padding = plain.last().copied().map_or(0, usize::from);
    let end = plain.len().checked_sub(padding).filter(|_| (1..=BLOCK).contains(&padding));
    let padded = end.filter(|end| plain[*end..].iter().all(|b| usize::from(*b) == padding));
    let whole = padded.is_some() && full == body.len();
    plain.truncate(padded.unwrap_or(full));
    Some(Opened { plain, whole })
}

fn derive(passphrase: &[u8], salt: &[u8; 8]) -> ([u8; 32], [u8; 16]) {
    let mut made = Vec::with_capacity(60);
    let mut last: Vec<u8> = Vec::new();
    while made.len() < 48 {
        last =
            Sha1::new().chain_update(&last).chain_update(passphrase).chain_update(salt).finalize().to_vec();
        made.extend_from_slice(&last);
    }
    let (mut key, mut iv) = ([0; 32], [0; 16]);
    key.copy_from_slice(&made[..32]);
    iv.copy_from_slice(&made[32..48]);
    made.fill(0);
    (key, iv)
}

#[cfg(test)]
pub fn seal(plain: &[u8], key: &Secret, salt: [u8; 8]) -> Vec<u8> {
    use aes::cipher::BlockModeEncrypt;
    let (key, iv) = derive(key.expose(), &salt);
    let mut cipher = cbc::Encryptor::<Aes256>::new(&key.into(), &iv.into());
    let padding = BLOCK - plain.len() % BLOCK;
    let mut body = [plain, &vec![padding as u8; padding]].concat();
    for block in body.chunks_exact_mut(BLOCK) {
        cipher.encrypt_block(block.try_into().unwrap());
    }
    [MAGIC, &salt, &body].concat()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `printf 'a line of text\n' | openssl enc -aes-256-cbc -md sha1 -S 0102030405060708 -pass pass:fixture`
    /// without `-pbkdf2`, which wrote no header with a given salt.
    #[test]
    fn what_openssl_sealed_is_opened() {
        let body = hex::decode("a620bc8f215dfd1e4846a9b5c5dddbfe").unwrap();
        let sealed = [MAGIC, &[1, 2, 3, 4, 5, 6, 7, 8], &body].concat();
        let opened = open(&sealed, &Secret::new("fixture")).unwrap();
        assert_eq!((&*opened.plain, opened.whole), (&b"a line of text\n"[..], true));
        assert!(open(b"[backrest]\n", &Secret::new("fixture")).is_none());
    }

    proptest! {
        #[test]
        fn what_was_sealed_is_opened_and_what_was_cut_is_not_whole(
            plain: Vec<u8>, key: Vec<u8>, salt: [u8; 8], cut in 1_usize..40
        ) {
            let key = Secret::new(key);
            let sealed = seal(&plain, &key, salt);
            let opened = open(&sealed, &key).unwrap();
            prop_assert!(opened.whole && opened.plain == plain);
            let shorter = &sealed[..sealed.len().saturating_sub(cut)];
            if let Some(opened) = open(shorter, &key) {
                // what ends like padding by chance looks whole, and is a prefix
                prop_assert!(plain.starts_with(&opened.plain));
                prop_assert!(cut % 16 == 0 || !opened.whole);
            }
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>, key: Vec<u8>) {
            let _ = open(&[MAGIC, &bytes].concat(), &Secret::new(key));
        }
    }
}
