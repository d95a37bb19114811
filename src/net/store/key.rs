//! Keys are bytes: shown cleaned, sent percent-encoded.

use lifeboat_core::model::clean_line;

/// A key for a person: what is no UTF-8 as `\xNN`, controls made visible.
pub fn show(key: &[u8]) -> String {
    let mut text = String::with_capacity(key.len());
    for chunk in key.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02X}"));
        }
    }
    clean_line(&text)
}

/// All but unreserved characters (RFC 3986) become `%XX`; `/` stays in paths.
pub(super) fn percent_encode(bytes: &[u8], keep_slash: bool, out: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for &b in bytes {
        if b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~') || (keep_slash && b == b'/') {
            out.push(char::from(b));
        } else {
            out.push('%');
            out.push(char::from(HEX[usize::from(b >> 4)]));
            out.push(char::from(HEX[usize::from(b & 15)]));
        }
    }
}

/// `%XX` becomes its byte; anything else stays as it is.
pub(super) fn percent_decode(text: &[u8]) -> Vec<u8> {
    decode(text, false)
}

/// As S3 writes keys under `encoding-type=url`: `%XX`, and `+` for a space.
pub fn form_decode(text: &[u8]) -> Vec<u8> {
    decode(text, true)
}

fn decode(text: &[u8], plus: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let hex = |b: Option<&u8>| b.and_then(|b| char::from(*b).to_digit(16)).map(|d| d as u8);
    let mut at = 0;
    while at < text.len() {
        match (text[at], hex(text.get(at + 1)), hex(text.get(at + 2))) {
            (b'%', Some(high), Some(low)) => {
                out.push(high << 4 | low);
                at += 2;
            }
            (b'+', ..) if plus => out.push(b' '),
            (b, ..) => out.push(b),
        }
        at += 1;
    }
    out
}

/// Whether `text` can have come out of URL encoding at all. Some servers echo
/// `encoding-type=url` and send keys as they are.
pub(super) fn is_form_encoded(text: &[u8]) -> bool {
    let mut rest = text;
    while let Some((&b, tail)) = rest.split_first() {
        rest = match b {
            b'%' if tail.len() >= 2 && tail[..2].iter().all(u8::is_ascii_hexdigit) => &tail[2..],
            b if b.is_ascii_alphanumeric() => tail,
            b'-' | b'.' | b'_' | b'~' | b'*' | b'/' | b'+' | b'!' | b'\'' | b'(' | b')' => tail,
            _ => return false,
        };
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn hostile_keys_are_shown_harmlessly() {
        assert_eq!(show(b"a//b"), "a//b");
        assert_eq!(show(b"dump\x1b[2J.gz"), "dump^[[2J.gz");
        assert_eq!(show(b"caf\xc3\xa9-\xff\xfe"), "café-\\xFF\\xFE");
    }

    proptest! {
        #[test]
        fn encoding_is_undone_by_decoding(bytes: Vec<u8>) {
            let mut text = String::new();
            percent_encode(&bytes, true, &mut text);
            prop_assert!(is_form_encoded(text.as_bytes()));
            prop_assert_eq!(percent_decode(text.as_bytes()), bytes.clone());
            prop_assert_eq!(form_decode(text.as_bytes()), bytes);
        }
    }
}
